/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <viommu/mmio.h>

/*
 * Each allocation in turn fails
 *
 * A history is a list of steps, made by arithmetic so that it has everything in it: new domains,
 * nodes of the map that fill up, listeners, saved state. Every step is run again and again with
 * its first, second, third ... allocation failing, until it needs no more of them. A step that
 * failed has said so, has changed nothing that can be seen, and works when there is memory
 * again.
 *
 * The linker hands the library's allocations to the functions below (--wrap).
 */

/* -- memory that runs out --------------------------------------------------------------- */

static long until_failure = -1; /* allocations that still succeed; negative: all do */
static unsigned long n_failed;

static bool fails(void)
{
	if (until_failure < 0 || until_failure--)
		return false;
	n_failed++;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

/* -- a history ----------------------------------------------------------------------------- */

#define N_STEPS     250u
#define N_ENDPOINTS 40u
#define N_DOMAINS   17u
#define PAGE        0x1000ull

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

static int add_endpoint(struct scene *scene, unsigned i)
{
	struct viommu_reserved reserved = { 0xfee00000, 0xfeefffff, VIOMMU_RESV_MEM_MSI };
	struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint), .id = i, .reserved = &reserved, .n_reserved = i & 1
	};

	return viommu_endpoint_add(scene->device, &endpoint);
}

static int listen(struct scene *scene, unsigned i)
{
	struct viommu_listener *listener;

	return viommu_listen(scene->device, i, &ops, scene, &listener);
}

static int attach(const struct scene *scene, unsigned i)
{
	uint8_t bytes[VIOMMU_ATTACH_LENGTH] = { VIOMMU_T_ATTACH };

	put(bytes + 4, 4, i % N_DOMAINS);
	put(bytes + 8, 4, i % N_ENDPOINTS);
	return request(scene, bytes, sizeof(bytes));
}

/* Pages of a domain in an order that fills nodes from the middle, and splits them. */
static int map(const struct scene *scene, unsigned i)
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

/* Another device becomes what this one is, while memory is short. */
static int migrate(struct scene *scene)
{
	char reason[128];
	size_t length;
	void *bytes;
	int r = viommu_save(scene->device, &bytes, &length);

	if (r)
		return r;
	r = viommu_load(scene->device, bytes, length, reason, sizeof(reason));
	if (r == -ENOMEM) { /* "On failure the device is as after a reset": make it whole again */
		until_failure = -1;
		assert_int_equal(viommu_load(scene->device, bytes, length, reason, sizeof(reason)),
				 0);
	}
	free(bytes);
	return r;
}

static bool is_migration(unsigned i)
{
	return i >= 3 * N_ENDPOINTS && i % 40 == 39;
}

static int run_step(struct scene *scene, unsigned i)
{
	if (i < N_ENDPOINTS)
		return add_endpoint(scene, i);
	if (i < N_ENDPOINTS + 2)
		return listen(scene, i - N_ENDPOINTS);
	if (i < 3 * N_ENDPOINTS)
		return attach(scene, i);
	return is_migration(i) ? migrate(scene) : map(scene, i);
}

/* -- what can be seen of it ------------------------------------------------------------------ */

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
static bool step_fails_cleanly(struct scene *scene, unsigned i, long after)
{
	struct view before = look(scene);
	unsigned long failed = n_failed;
	int r;

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
		for (long after = 0; step_fails_cleanly(&scene, i, after);)
			after++;
	viommu_free(scene.device);
	assert_true(n_failed > N_STEPS / 4);
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

/* A leak of what came before the failure would be seen by the address sanitizer. */
static void what_cannot_be_made_leaves_nothing_behind(void **state)
{
	static int (*const makers[])(void) = { make_device, make_window, make_pass };

	(void)state;
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		unsigned long failed = n_failed;
		long after = 0;
		int r;

		do {
			until_failure = after++;
			r = makers[i]();
			until_failure = -1;
			assert_true(r == 0 || r == -ENOMEM);
		} while (r);
		assert_true(n_failed > failed);
	}
}

/* -- translations ------------------------------------------------------------------------- */

static void *unmap_all(void *opaque)
{
	uint8_t bytes[VIOMMU_UNMAP_LENGTH] = { VIOMMU_T_UNMAP };
	const struct scene *scene = opaque;

	put(bytes + 16, 8, UINT64_MAX);
	request(scene, bytes, sizeof(bytes));
	return NULL;
}

/* Returns once the UNMAP of another thread waits for the section that this one is in. */
static void wait_until_unmapped(struct viommu_dma *dma)
{
	struct viommu_translation t;

	while (!viommu_dma_translate(dma, 0, 0, 1, VIOMMU_MAP_F_READ | VIOMMU_ACCESS_QUIET, &t))
		sched_yield();
}

/* A lock of requests would never come free: who has it waits for the section. */
static void a_thread_without_memory_translates_in_a_section(void **state)
{
	struct scene scene = { 0 };
	struct viommu_translation t;
	struct viommu_dma *dma;
	pthread_t thread;
	int r;

	(void)state;
	begin(&scene);
	assert_int_equal(add_endpoint(&scene, 0) || attach(&scene, 0) || map(&scene, 0), 0);
	assert_int_equal(viommu_dma_new(scene.device, &dma), 0);
	viommu_dma_begin(dma);
	assert_int_equal(pthread_create(&thread, NULL, unmap_all, &scene), 0);
	wait_until_unmapped(dma);
	until_failure = 0;
	r = viommu_translate(scene.device, 0, 0, 1, VIOMMU_MAP_F_READ, &t);
	assert_int_equal(until_failure, -1);
	assert_int_equal(r, -EFAULT);
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	viommu_dma_free(dma);
	viommu_free(scene.device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_without_memory_changes_nothing),
		cmocka_unit_test(what_cannot_be_made_leaves_nothing_behind),
		cmocka_unit_test(a_thread_without_memory_translates_in_a_section),
	};

	return cmocka_run_group_tests_name("exhaustion", tests, NULL, NULL);
}
