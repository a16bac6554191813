/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <viommu/mmio.h>

/*
 * Each allocation in turn fails
 *
 * A history is a generated list of steps that covers all operations: new domains, full nodes of the
 * map, endpoints that change, are added and removed, listeners, batches, saved state. Every step is
 * repeated with its first, second, third ... allocation failing, alone or with all later ones,
 * until it needs no more. A failed step returns an error, has no visible effect, and succeeds when
 * there is memory again.
 *
 * The linker redirects the library's allocations to the functions below (--wrap).
 * tests/api/imports.py checks that the library has no others.
 */

/* -- failing allocations ------------------------------------------------------- */

/*
 * Per thread: the number of allocations that still succeed, or negative: all succeed; and whether
 * only one allocation fails or all later ones, too.
 */
static _Thread_local long until_failure = -1;
static _Thread_local bool for_good;
static _Thread_local unsigned long n_failed;

static bool fails(void)
{
	if (until_failure < 0)
		return false;
	if (until_failure) {
		until_failure--;
		return false;
	}
	if (!for_good)
		until_failure = -1;
	n_failed++;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

/* -- a history ----------------------------------------------------------------------------- */

#define N_STEPS     240u
#define N_ENDPOINTS 12u
#define N_DOMAINS   7u
#define PAGE        0x1000ull

/* A listener's domains are those that are mapped into, 0 and 1; an endpoint of the first comes and
 * goes. */
#define LISTENING 4u
#define PLUGGED   11u

struct scene {
	struct viommu *device;
	uint64_t mirrored; /* what the listener was given and has still */
};

static int on_map(void *opaque, const struct viommu_mapping *mapping)
{
	(void)mapping;
	((struct scene *)opaque)->mirrored++;
	return 0;
}

static void on_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	(void)mapping;
	assert_true(((struct scene *)opaque)->mirrored--);
}

static const struct viommu_listener_ops ops = { .size = sizeof(ops),
						.map = on_map,
						.unmap = on_unmap };

/* The status of a request, as an errno: 0, or -ENOMEM, or what must not be. */
static int request(const struct scene *scene, const uint8_t *bytes, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH] = { 0xff };
	struct iovec readable = { (void *)bytes, length }, writable = { tail, sizeof(tail) };

	assert_int_equal(viommu_request(scene->device, &readable, 1, &writable, 1), sizeof(tail));
	assert_true(tail[0] == VIOMMU_S_OK || tail[0] == VIOMMU_S_NOMEM);
	return tail[0] == VIOMMU_S_OK ? 0 : -ENOMEM;
}

static void put(uint8_t *bytes, size_t length, uint64_t value)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
}

static struct viommu_endpoint endpoint_of(unsigned i)
{
	static const struct viommu_reserved reserved = { 0xfee00000, 0xfeefffff,
							 VIOMMU_RESV_MEM_MSI };

	return (struct viommu_endpoint){
		.size = sizeof(struct viommu_endpoint),
		.id = i % N_ENDPOINTS,
		.reserved = &reserved,
		.n_reserved = i & 1,
	};
}

static int add_endpoint(struct scene *scene, unsigned i)
{
	struct viommu_endpoint endpoint = endpoint_of(i);

	return viommu_endpoint_add(scene->device, &endpoint);
}

/* With or without a region, which it may have had already or not. */
static int update_endpoint(struct scene *scene, unsigned i)
{
	struct viommu_endpoint endpoint = endpoint_of(i);

	endpoint.n_reserved = i / N_ENDPOINTS & 1;
	return viommu_endpoint_update(scene->device, &endpoint);
}

/* What takes something away must not need memory for it. */
static int unplug(struct scene *scene, unsigned i)
{
	(void)i;
	assert_int_equal(viommu_endpoint_remove(scene->device, PLUGGED), 0);
	return 0;
}

static int plug(struct scene *scene, unsigned i)
{
	(void)i;
	return add_endpoint(scene, PLUGGED);
}

static int listen(struct scene *scene, unsigned i)
{
	struct viommu_listener *listener;

	return viommu_listen(scene->device, i % N_ENDPOINTS, &ops, scene, &listener);
}

static int attach_to(const struct scene *scene, uint32_t domain, uint32_t endpoint)
{
	uint8_t bytes[VIOMMU_ATTACH_LENGTH] = { VIOMMU_T_ATTACH };

	put(bytes + 4, 4, domain);
	put(bytes + 8, 4, endpoint);
	return request(scene, bytes, sizeof(bytes));
}

static int attach(struct scene *scene, unsigned i)
{
	return attach_to(scene, i % N_DOMAINS, i % N_ENDPOINTS);
}

static int attach_plugged(struct scene *scene, unsigned i)
{
	(void)i;
	return attach_to(scene, 0, PLUGGED);
}

/* To a domain of its own, and back in another step. */
static int move_plugged(struct scene *scene, unsigned i)
{
	return attach_to(scene, N_DOMAINS + i, PLUGGED);
}

/* Pages of a domain in an order that fills nodes from the middle, and splits them. */
static int map(struct scene *scene, unsigned i)
{
	uint8_t bytes[VIOMMU_MAP_LENGTH] = { VIOMMU_T_MAP };
	uint64_t page = i * 37 % 211;

	put(bytes + 4, 4, i % 2);
	put(bytes + 8, 8, page * PAGE);
	put(bytes + 16, 8, page * PAGE + PAGE - 1);
	put(bytes + 24, 8, page * PAGE);
	put(bytes + 32, 4, VIOMMU_MAP_F_READ);
	return request(scene, bytes, sizeof(bytes));
}

/* Two requests of one grace period: the first removes what the second adds again. */
static int map_again(struct scene *scene, unsigned i)
{
	uint8_t unmap[VIOMMU_UNMAP_LENGTH] = { VIOMMU_T_UNMAP }, tail[VIOMMU_TAIL_LENGTH];
	struct iovec readable = { unmap, sizeof(unmap) }, writable = { tail, sizeof(tail) };

	put(unmap + 8, 8, PAGE * 1000);
	put(unmap + 16, 8, UINT64_MAX);
	viommu_batch_begin(scene->device);
	viommu_batch_request(scene->device, &readable, 1, &writable, 1);
	viommu_batch_end(scene->device);
	assert_int_equal(tail[0], VIOMMU_S_OK);
	return map(scene, i);
}

static void ignore_text(void *opaque, const char *text, size_t length)
{
	(void)opaque, (void)text, (void)length;
}

/* Looking takes no memory. */
static int inspect_all(struct scene *scene, unsigned i)
{
	struct viommu_counters counters = { .size = sizeof(counters) };
	unsigned long failed = n_failed;
	struct viommu_domain_state domain;
	struct viommu_mapping mapping;

	(void)i;
	viommu_dump(scene->device, ignore_text, NULL);
	viommu_count(scene->device, &counters);
	assert_int_equal(viommu_next_domain(scene->device, 0, &domain), 0);
	assert_int_equal(viommu_next_mapping(scene->device, 0, 0, &mapping), 0);
	assert_int_equal(n_failed, failed);
	return 0;
}

/* The device becomes what it was, while memory is short. "On failure the device is as after
 * viommu_reset()": make it whole again. */
static int migrate(struct scene *scene, unsigned i)
{
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes;
	int r = viommu_save(scene->device, &bytes, &length);

	(void)i;
	if (r)
		return r;
	r = viommu_load(scene->device, bytes, length, reason, sizeof(reason));
	if (r == -ENOMEM) {
		until_failure = -1;
		assert_int_equal(viommu_load(scene->device, bytes, length, reason, sizeof(reason)),
				 0);
	}
	free(bytes);
	return r;
}

/* What comes of each `TURN` steps, once all endpoints are where they belong; MAP is the rest. */
enum { TURN = 20 };
static int (*const late_steps[TURN])(struct scene *scene, unsigned i) = {
	[3] = listen,          [5] = update_endpoint, [7] = unplug,       [8] = plug,
	[9] = attach_plugged,  [11] = map_again,      [13] = inspect_all, [15] = move_plugged,
	[16] = attach_plugged, [19] = migrate,
};

static int run_step(struct scene *scene, unsigned i)
{
	if (i < N_ENDPOINTS)
		return add_endpoint(scene, i);
	if (i < N_ENDPOINTS + 2)
		return listen(scene, i - N_ENDPOINTS + LISTENING);
	if (i < 3 * N_ENDPOINTS)
		return attach(scene, i);
	return late_steps[i % TURN] ? late_steps[i % TURN](scene, i) : map(scene, i);
}

/* -- visible state ------------------------------------------------------------- */

struct view {
	void *stream;
	size_t length;
	uint64_t mirrored, endpoints;
};

static struct view look(const struct scene *scene)
{
	struct viommu_counters counters = { .size = sizeof(counters) };
	struct view view = { .mirrored = scene->mirrored };

	assert_int_equal(viommu_save(scene->device, &view.stream, &view.length), 0);
	viommu_count(scene->device, &counters);
	view.endpoints = counters.endpoints;
	return view;
}

static void assert_same(struct view before, struct view after)
{
	assert_int_equal(before.length, after.length);
	assert_memory_equal(before.stream, after.stream, after.length);
	assert_int_equal(before.mirrored, after.mirrored);
	assert_int_equal(before.endpoints, after.endpoints);
	free(before.stream);
	free(after.stream);
}

static void begin(struct scene *scene)
{
	assert_int_equal(viommu_new(NULL, NULL, NULL, &scene->device), 0);
	assert_int_equal(viommu_accept(scene->device, viommu_features(scene->device)), 0);
}

/* Returns whether an allocation failed; then the step did nothing, and then it works. */
static bool step_fails_cleanly(struct scene *scene, unsigned i, long after, bool all_after)
{
	struct view before = look(scene);
	unsigned long failed = n_failed;
	int r;

	for_good = all_after;
	until_failure = after;
	r = run_step(scene, i);
	until_failure = -1;
	if (n_failed == failed) {
		assert_int_equal(r, 0);
		free(before.stream);
		return false;
	}
	assert_true(r == 0 || r == -ENOMEM);
	if (r)
		assert_same(before, look(scene));
	else
		free(before.stream);
	return r != 0;
}

/* "-ENOMEM", "answered VIOMMU_S_NOMEM": and nothing is lost, or left half done. */
static void a_request_without_memory_changes_nothing(void **state)
{
	struct scene scene = { 0 };

	(void)state;
	begin(&scene);
	for (unsigned i = 0; i < N_STEPS; i++)
		for (long after = 0; step_fails_cleanly(&scene, i, after, true) &&
				     step_fails_cleanly(&scene, i, after, false);)
			after++;
	assert_true(scene.mirrored > N_STEPS / 4);
	viommu_free(scene.device);
	assert_true(n_failed > N_STEPS / 2);
	printf("%lu allocations failed\n", n_failed);
}

static int make_device(void)
{
	struct viommu *device;
	int r = viommu_new(NULL, NULL, NULL, &device);

	if (!r)
		viommu_free(device);
	return r;
}

static void *no_memory(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	(void)opaque, (void)address, (void)length, (void)write;
	return NULL;
}

static int make_window(void)
{
	static const struct viommu_mmio_ops window_ops = { .size = sizeof(window_ops),
							   .memory = no_memory };
	struct viommu_mmio *mmio;
	int r = viommu_mmio_new(NULL, NULL, &window_ops, NULL, &mmio);

	if (!r)
		viommu_mmio_free(mmio);
	return r;
}

/* A window that was loaded in vain can be loaded again. */
static int make_loaded_window(void)
{
	static const struct viommu_mmio_ops window_ops = { .size = sizeof(window_ops),
							   .memory = no_memory };
	struct viommu_mmio *mmio;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes;
	int r = viommu_mmio_new(NULL, NULL, &window_ops, NULL, &mmio);

	if (r)
		return r;
	r = viommu_mmio_save(mmio, &bytes, &length);
	if (!r) {
		r = viommu_mmio_load(mmio, bytes, length, reason, sizeof(reason));
		until_failure = -1;
		assert_int_equal(viommu_mmio_load(mmio, bytes, length, reason, sizeof(reason)), 0);
		free(bytes);
	}
	viommu_mmio_free(mmio);
	return r;
}

static int make_pass(void)
{
	struct viommu *device;
	struct viommu_dma *dma;
	int r = viommu_new(NULL, NULL, NULL, &device);

	if (r)
		return r;
	r = viommu_dma_new(device, &dma);
	if (!r)
		viommu_dma_free(dma);
	viommu_free(device);
	return r;
}

/* PASIDs, one of them with a table over a parent. */
static int attach_spaces(struct scene *scene)
{
	uint8_t table[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };
	uint8_t attach[VIOMMU_ATTACH_LENGTH] = { VIOMMU_T_ATTACH };
	int r = 0;

	put(attach + 12, 4, VIOMMU_SLOT_F_PASID);
	for (uint32_t pasid = 0; pasid < 3 && !r; pasid++) {
		put(attach + 4, 4, pasid / 2);
		put(attach + 16, 4, pasid);
		r = request(scene, attach, sizeof(attach));
	}
	put(table + 4, 4, 5);
	put(table + 12, 4, VIOMMU_SLOT_F_PASID | VIOMMU_SLOT_F_PARENT);
	put(table + 16, 2, VIOMMU_TABLE_GENERIC);
	put(table + 20, 4, 7);
	put(table + 24, 4, 6);
	return r ? r : request(scene, table, sizeof(table));
}

static int load_spaces(struct scene *scene)
{
	struct viommu_counters counters = { .size = sizeof(counters) };
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes;
	int r = viommu_save(scene->device, &bytes, &length);

	if (r)
		return r;
	r = viommu_load(scene->device, bytes, length, reason, sizeof(reason));
	viommu_count(scene->device, &counters);
	assert_int_equal(counters.domains, r ? 0 : 4);
	assert_true(!r || !counters.bytes);
	free(bytes);
	return r;
}

/* A state with PASIDs and tables that is loaded in vain leaves nothing. */
static int make_loaded_spaces(void)
{
	static const struct viommu_table_format format = {
		VIOMMU_TABLE_GENERIC, 48, 52, 0x1000, 0, 0
	};
	const struct viommu_config config = {
		.size = sizeof(config),
		.features =
			VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID | VIOMMU_F_TABLE | VIOMMU_F_NEST,
	};
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.pasid_bits = 8,
		.formats = &format,
		.n_formats = 1,
	};
	struct scene scene;
	int r = viommu_new(&config, NULL, NULL, &scene.device);

	if (r)
		return r;
	viommu_accept(scene.device, config.features);
	r = viommu_endpoint_add(scene.device, &endpoint);
	if (!r)
		r = attach_spaces(&scene);
	if (!r)
		r = load_spaces(&scene);
	viommu_free(scene.device);
	return r;
}

/* A leak of what came before the failure would be seen by the address sanitizer. */
static void what_cannot_be_made_leaves_nothing_behind(void **state)
{
	static int (*const makers[])(void) = { make_device, make_window, make_loaded_window,
					       make_pass, make_loaded_spaces };

	(void)state;
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		unsigned long failed = n_failed;
		long after = 0;
		int r;

		do {
			for_good = after & 1;
			until_failure = after++ / 2;
			r = makers[i]();
			until_failure = -1;
			assert_true(r == 0 || r == -ENOMEM);
		} while (r);
		assert_true(n_failed > failed);
	}
}

/* -- threads without memory --------------------------------------------------------------- */

/* A domain with one page, whose mapping is about to go. */
struct section {
	struct viommu *device;
	atomic_bool locked;
	int found; /* by a listener */
};

static int translate_without_memory(struct viommu *device)
{
	struct viommu_translation to;
	int r;

	for_good = true;
	until_failure = 0;
	r = viommu_translate(device, 0, 0, 1, VIOMMU_MAP_F_READ | VIOMMU_ACCESS_QUIET, &to);
	until_failure = -1;
	return r;
}

/* The thread that unmaps holds the device lock. */
static void print_locked(void *opaque, const struct viommu_mapping *mapping)
{
	struct section *section = opaque;

	(void)mapping;
	section->found = translate_without_memory(section->device);
	atomic_store(&section->locked, true);
}

static void *unmap_all(void *opaque)
{
	struct scene scene = { .device = ((struct section *)opaque)->device };
	uint8_t bytes[VIOMMU_UNMAP_LENGTH] = { VIOMMU_T_UNMAP };

	put(bytes + 16, 8, UINT64_MAX);
	request(&scene, bytes, sizeof(bytes));
	return NULL;
}

static void begin_section(struct section *section)
{
	static const struct viommu_listener_ops locked = { .size = sizeof(locked),
							   .unmap = print_locked };
	struct viommu_listener *listener;
	struct scene scene = { 0 };

	begin(&scene);
	section->device = scene.device;
	atomic_init(&section->locked, false);
	assert_int_equal(add_endpoint(&scene, 0), 0);
	assert_int_equal(attach(&scene, 0), 0);
	assert_int_equal(map(&scene, 0), 0);
	assert_int_equal(viommu_listen(section->device, 0, &locked, section, &listener), 0);
}

/*
 * "Translations take no lock": another thread's UNMAP holds it and waits for the section that this
 * thread is in. A listener may translate: in `unmap` the mapping is no longer found.
 */
static void a_thread_without_memory_translates_in_its_section_and_in_a_listener(void **state)
{
	enum { SECONDS = 60 };
	static const struct timespec a_while = { .tv_nsec = 20000000 };
	struct section section;
	struct viommu_dma *dma;
	pthread_t thread;

	(void)state;
	alarm(SECONDS);
	begin_section(&section);
	assert_int_equal(viommu_dma_new(section.device, &dma), 0);
	viommu_dma_begin(dma);
	assert_int_equal(pthread_create(&thread, NULL, unmap_all, &section), 0);
	nanosleep(&a_while, NULL);
	assert_false(atomic_load(&section.locked));
	assert_true(translate_without_memory(section.device) <= 0);
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	assert_int_equal(section.found, -EFAULT);
	assert_int_equal(translate_without_memory(section.device), -EFAULT);
	viommu_dma_free(dma);
	viommu_free(section.device);
	alarm(0);
}

/* What a fault without memory is stopped in: its translation is not over yet. */
struct gate {
	struct section section;
	atomic_bool entered, open;
	atomic_bool unmapped;
};

static int stop_at_gate(void *opaque, const void *record, size_t length)
{
	struct gate *gate = opaque;

	(void)record, (void)length;
	atomic_store(&gate->entered, true);
	while (!atomic_load(&gate->open))
		sched_yield();
	return 0;
}

static void *translate_into_gate(void *opaque)
{
	struct gate *gate = opaque;
	struct viommu_translation to;

	for_good = true;
	until_failure = 0;
	assert_int_equal(
		viommu_translate(gate->section.device, 0, 10 * PAGE, 1, VIOMMU_MAP_F_READ, &to),
		-EFAULT);
	return NULL;
}

static void *unmap_at_gate(void *opaque)
{
	struct gate *gate = opaque;

	unmap_all(&gate->section);
	atomic_store(&gate->unmapped, true);
	return NULL;
}

static void begin_gate(struct gate *gate)
{
	const struct viommu_ops gate_ops = { .size = sizeof(gate_ops), .event = stop_at_gate };
	struct scene scene;

	assert_int_equal(viommu_new(NULL, &gate_ops, gate, &scene.device), 0);
	assert_int_equal(viommu_accept(scene.device, viommu_features(scene.device)), 0);
	assert_int_equal(add_endpoint(&scene, 0), 0);
	assert_int_equal(attach(&scene, 0), 0);
	assert_int_equal(map(&scene, 0), 0);
	gate->section.device = scene.device;
}

/* An UNMAP waits for translations of threads without memory as for all others. */
static void a_thread_without_memory_is_waited_for(void **state)
{
	static const struct timespec a_while = { .tv_nsec = 20000000 };
	struct gate gate = { 0 };
	pthread_t translating, unmapping;

	(void)state;
	begin_gate(&gate);
	assert_int_equal(pthread_create(&translating, NULL, translate_into_gate, &gate), 0);
	while (!atomic_load(&gate.entered))
		sched_yield();
	assert_int_equal(pthread_create(&unmapping, NULL, unmap_at_gate, &gate), 0);
	nanosleep(&a_while, NULL);
	assert_false(atomic_load(&gate.unmapped));
	assert_int_equal(translate_without_memory(gate.section.device), -EFAULT);
	atomic_store(&gate.open, true);
	pthread_join(translating, NULL);
	pthread_join(unmapping, NULL);
	viommu_free(gate.section.device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_without_memory_changes_nothing),
		cmocka_unit_test(what_cannot_be_made_leaves_nothing_behind),
		cmocka_unit_test(
			a_thread_without_memory_translates_in_its_section_and_in_a_listener),
		cmocka_unit_test(a_thread_without_memory_is_waited_for),
	};

	return cmocka_run_group_tests_name("exhaustion", tests, NULL, NULL);
}
