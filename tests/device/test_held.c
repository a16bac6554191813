/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "rig.h"

/*
 * The memory that a guest makes the device hold, measured at the heap
 *
 * The linker redirects the library's allocations to the functions below (--wrap). They count
 * requested bytes, and malloc's overhead for each block. After any requests of a guest, that must
 * equal viommu_count() to the byte, and at no moment may it exceed `max_bytes`.
 */

/* What malloc keeps beside each block, by the usual allocators. */
#define HEAP_OVERHEAD 16

static uint64_t held, peak, n_allocations;

void *__real_malloc(size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *block);

/* Stands before each block. */
struct before {
	void *real;
	size_t size;
};

static void *count_block(uint8_t *real, size_t room, size_t size)
{
	uint8_t *block = real + room;

	if (!real)
		return NULL;
	((struct before *)(void *)block)[-1] = (struct before){ real, size };
	n_allocations++;
	held += size + HEAP_OVERHEAD;
	peak = held > peak ? held : peak;
	return block;
}

void *__wrap_malloc(size_t size)
{
	enum { ROOM = sizeof(struct before) };

	return count_block(__real_malloc(ROOM + size), ROOM, size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	void *block = __wrap_malloc(n * size);

	return block ? memset(block, 0, n * size) : NULL;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return count_block(__real_aligned_alloc(alignment, alignment + size), alignment, size);
}

void __wrap_free(void *block)
{
	const struct before *before = block;

	if (!block)
		return;
	held -= before[-1].size + HEAP_OVERHEAD;
	__real_free(before[-1].real);
}

/* -- a device, and its guest ---------------------------------------------------------------- */

struct scene {
	struct viommu *device;
	uint64_t before;  /* held when the guest came */
	bool is_in_batch; /* of several requests */
};

/* Like rand(), and the same everywhere. */
static uint32_t draw(void)
{
	static uint32_t seed = 1;

	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

/* With `n` endpoints, and a thread that has translated. */
static struct scene scene_with(uint32_t n, struct viommu_config *config)
{
	struct viommu_translation to;
	struct scene scene = { 0 };

	config->size = sizeof(*config);
	assert_int_equal(viommu_new(config, NULL, NULL, &scene.device), 0);
	for (uint32_t id = 0; id < n; id++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = id };

		assert_int_equal(viommu_endpoint_add(scene.device, &endpoint), 0);
	}
	assert_int_equal(viommu_accept(scene.device, viommu_features(scene.device)), 0);
	assert_int_equal(viommu_translate(scene.device, 0, 0, 1, R, &to), -EFAULT);
	scene.before = peak = held;
	return scene;
}

static struct scene scene_new(uint32_t n, uint64_t max_bytes)
{
	return scene_with(n, &(struct viommu_config){ .max_bytes = max_bytes });
}

/* The guest boots again. */
static void begin_anew(const struct scene *scene)
{
	viommu_reset(scene->device);
	assert_int_equal(viommu_accept(scene->device, viommu_features(scene->device)), 0);
}

static uint64_t bytes_of(const struct scene *scene)
{
	struct viommu_counters now = { .size = sizeof(now) };

	viommu_count(scene->device, &now);
	return now.bytes;
}

static void assert_counted(const struct scene *scene)
{
	assert_int_equal(held - scene->before, bytes_of(scene));
	assert_true(peak - scene->before <= viommu_configuration(scene->device)->max_bytes);
}

/* What a batch may retire before it waits. */
enum { RETIRED = 512 << 10 };

static void assert_counted_after_batch(const struct scene *scene)
{
	uint64_t most = viommu_configuration(scene->device)->max_bytes;

	assert_int_equal(held - scene->before, bytes_of(scene));
	assert_true(peak - scene->before <= most + RETIRED);
}

/* After any requests, no guest leaves memory allocated. */
static void scene_end(const struct scene *scene)
{
	viommu_reset(scene->device);
	assert_int_equal(held, scene->before);
	viommu_free(scene->device);
}

static int send(const struct scene *scene, const void *bytes, size_t length)
{
	static uint8_t answer[MAX_PROPERTIES];
	const struct iovec readable = { (void *)(uintptr_t)bytes, length };
	const struct iovec writable = { answer, sizeof(answer) };
	size_t used;

	if (!scene->is_in_batch)
		viommu_batch_begin(scene->device);
	used = viommu_batch_request(scene->device, &readable, 1, &writable, 1);
	if (!scene->is_in_batch)
		viommu_batch_end(scene->device);
	assert_true(used >= VIOMMU_TAIL_LENGTH);
	return answer[used - VIOMMU_TAIL_LENGTH];
}

static int send_attach(const struct scene *scene, uint32_t domain, uint32_t endpoint)
{
	const uint8_t bytes[] = { ATTACH(domain, endpoint, 0, 0) };

	return send(scene, bytes, sizeof(bytes));
}

static int send_detach(const struct scene *scene, uint32_t domain, uint32_t endpoint)
{
	const uint8_t bytes[] = { DETACH(domain, endpoint, 0) };

	return send(scene, bytes, sizeof(bytes));
}

static int send_map(const struct scene *scene, uint32_t domain, uint64_t page)
{
	const uint64_t at = page * PAGE;
	const uint8_t bytes[] = { MAP(domain, at, at + PAGE - 1, at, R) };

	return send(scene, bytes, sizeof(bytes));
}

static int send_unmap(const struct scene *scene, uint32_t domain, uint64_t page, uint64_t n)
{
	const uint8_t bytes[] = { UNMAP(domain, page * PAGE, (page + n) * PAGE - 1, 0) };

	return send(scene, bytes, sizeof(bytes));
}

static int send_probe(const struct scene *scene, uint32_t endpoint)
{
	const uint8_t bytes[VIOMMU_PROBE_LENGTH] = { PROBE(endpoint) };

	return send(scene, bytes, sizeof(bytes));
}

/* -- histories ----------------------------------------------------------------- */

enum { N_ENDPOINTS = 6, N_DOMAINS = 8, SPREAD = 2000 };

/* Two of three pages are unmapped, and then again where there is no mapping. */
static void sweep(const struct scene *scene, uint32_t domain, uint64_t page)
{
	for (unsigned times = 0; times < 2; times++)
		for (uint64_t at = page; at < SPREAD; at += 3)
			send_unmap(scene, domain, at, 2);
}

/* One request, or a run of the same kind. */
static void act(const struct scene *scene)
{
	uint32_t kind = draw() % 32, domain = draw() % N_DOMAINS, endpoint = draw() % N_ENDPOINTS;
	uint64_t page = draw() % SPREAD, n = draw() % 4 ? 1 + draw() % 8 : draw() % SPREAD;

	if (kind < 2)
		send_attach(scene, domain, endpoint);
	else if (kind == 2)
		send_detach(scene, domain, endpoint);
	else if (kind == 3)
		send_probe(scene, endpoint);
	else if (kind < 12)
		send_unmap(scene, domain, page, 1 + n % 64);
	else if (kind == 12)
		send_unmap(scene, domain, page, 1 + n);
	else if (kind == 13)
		sweep(scene, domain, page);
	else
		for (uint64_t i = 0; i < n; i++)
			send_map(scene, domain, page + i);
}

static uint64_t limited(const struct scene *scene)
{
	struct viommu_counters now = { .size = sizeof(now) };

	viommu_count(scene->device, &now);
	return now.limited;
}

/* Shows: limit-bytes */
static void every_byte_that_a_guest_takes_is_counted(void **state)
{
	enum { N_SCENES = 40, N_ACTS = 400 };
	uint64_t n_limited = 0;

	(void)state;
	for (unsigned i = 0; i < N_SCENES; i++) {
		struct scene scene = scene_new(N_ENDPOINTS, 1000u << i % 12);

		for (unsigned k = 0; k < N_ACTS; k++) {
			act(&scene);
			assert_counted(&scene);
			if (draw() % 200 == 0)
				begin_anew(&scene);
		}
		n_limited += limited(&scene);
		scene_end(&scene);
	}
	assert_true(n_limited > N_SCENES);
}

/* -- with listeners and PASIDs ----------------------------------------------------- */

enum { PASID_BITS = 8, MANY = 3000 };

static void ignore_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque;
	(void)mapping;
}

static void ignore_range(void *opaque, uint32_t domain, uint64_t first, uint64_t last)
{
	(void)opaque;
	(void)domain;
	(void)first;
	(void)last;
}

static int refuse_some(void *opaque, uint32_t pasid, const struct viommu_space *space)
{
	(void)opaque;
	(void)pasid;
	return space->mode != VIOMMU_BLOCKED && draw() % 4 == 0 ? -EIO : 0;
}

/* Of the endpoints, every third has no listener, and every third one for ranges. */
static void add_listeners(struct scene *scene)
{
	const struct viommu_listener_ops kinds[] = {
		{ .size = sizeof(kinds[0]), .unmap = ignore_unmap, .space = refuse_some },
		{ .size = sizeof(kinds[0]), .unmap_range = ignore_range, .space = refuse_some },
	};
	struct viommu_listener *listener;

	for (uint32_t id = 0; id < N_ENDPOINTS; id++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							  .id = id,
							  .pasid_bits = PASID_BITS };

		assert_int_equal(viommu_endpoint_update(scene->device, &endpoint), 0);
		if (id % 3)
			assert_int_equal(viommu_listen(scene->device, id, &kinds[id % 3 - 1], NULL,
						       &listener),
					 0);
	}
	scene->before = peak = held;
}

/* Replace all of a domain: its map gives memory back, and takes some again, at once. */
static void replace_all(const struct scene *scene, uint32_t domain)
{
	for (uint64_t page = 0; page < MANY; page++)
		send_map(scene, domain, page);
	send_unmap(scene, domain, 0, MANY);
	send_unmap(scene, domain, 0, MANY);
	send_map(scene, domain, draw() % MANY);
}

static void attach_or_detach_pasid(const struct scene *scene)
{
	uint32_t domain = draw() % N_DOMAINS, endpoint = draw() % N_ENDPOINTS, pasid = draw() % 16;
	const uint8_t attach[] = { ATTACH(domain, endpoint, VIOMMU_SLOT_F_PASID, pasid) };
	const uint8_t detach[] = { HEAD(VIOMMU_T_DETACH), LE32(domain), LE32(endpoint),
				   LE32(VIOMMU_SLOT_F_PASID), LE32(pasid) };

	if (draw() % 2)
		send(scene, attach, sizeof(attach));
	else
		send(scene, detach, sizeof(detach));
}

static void act_in_batch(struct scene *scene, unsigned n)
{
	viommu_batch_begin(scene->device);
	scene->is_in_batch = true;
	while (n--) {
		uint32_t kind = draw() % 16;

		if (!kind)
			replace_all(scene, draw() % N_DOMAINS);
		else if (kind < 8)
			attach_or_detach_pasid(scene);
		else
			act(scene);
	}
	scene->is_in_batch = false;
	viommu_batch_end(scene->device);
}

/* Shows: limit-bytes */
static void every_byte_is_counted_with_listeners_and_pasids(void **state)
{
	enum { N_SCENES = 24, N_ACTS = 60 };

	(void)state;
	for (unsigned i = 0; i < N_SCENES; i++) {
		struct scene scene = scene_with(
			N_ENDPOINTS, &(struct viommu_config){
					     .max_bytes = 2000u << i % 12,
					     .features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID,
				     });

		add_listeners(&scene);
		for (unsigned k = 0; k < N_ACTS; k++) {
			act_in_batch(&scene, 1 + draw() % 6);
			assert_counted_after_batch(&scene);
		}
		for (unsigned k = 0; k < 4 * N_ACTS; k++) {
			peak = held;
			attach_or_detach_pasid(&scene);
			assert_counted(&scene);
		}
		scene_end(&scene);
	}
}

/*
 * A device with the same limits loads the stream of another: it holds no more than the limits while
 * it loads, and afterwards no more than the first device.
 */
static void what_is_loaded_needs_no_more_than_it_did(void **state)
{
	enum { N_SCENES = 60, N_ACTS = 300 };
	static uint8_t copy[1 << 20];

	(void)state;
	for (unsigned i = 0; i < N_SCENES; i++) {
		struct scene scene = scene_new(N_ENDPOINTS, 1000u << i % 10);
		uint64_t bytes;
		char reason[VIOMMU_REASON_LENGTH];
		size_t length;
		void *stream;

		for (unsigned k = 0; k < N_ACTS; k++)
			act(&scene);
		bytes = bytes_of(&scene);
		assert_int_equal(viommu_save(scene.device, &stream, &length), 0);
		assert_true(length <= sizeof(copy));
		memcpy(copy, stream, length);
		free(stream);
		scene_end(&scene);
		scene = scene_new(N_ENDPOINTS, 1000u << i % 10);
		if (viommu_load(scene.device, copy, length, reason, sizeof(reason)))
			fail_msg("%s", reason);
		assert_counted(&scene);
		assert_true(bytes_of(&scene) <= bytes);
		scene_end(&scene);
	}
}

/* -- floods -------------------------------------------------------------------- */

enum { FLOOD = 65536 };

/*
 * Each domain has an endpoint, so that none ends. In descending order, which would move all
 * elements of a sorted array. Shows: limit-domains
 */
static void a_flood_of_domains_ends_at_the_limit(void **state)
{
	struct scene scene = scene_new(FLOOD + 1, 0);

	(void)state;
	for (uint32_t i = 0; i < FLOOD; i++)
		assert_int_equal(send_attach(&scene, UINT32_MAX - i, i), VIOMMU_S_OK);
	assert_counted(&scene);
	assert_int_equal(send_attach(&scene, 0, FLOOD), VIOMMU_S_NOMEM);
	assert_counted(&scene);
	assert_true(bytes_of(&scene) / FLOOD < 512);
	scene_end(&scene);
}

/* An endpoint takes its domain with it. */
static void a_flood_of_moves_holds_one_domain(void **state)
{
	struct scene scene = scene_new(1, 0);
	uint64_t one;

	(void)state;
	assert_int_equal(send_attach(&scene, FLOOD, 0), VIOMMU_S_OK);
	one = bytes_of(&scene);
	for (uint32_t i = 0; i < FLOOD; i++)
		assert_int_equal(send_attach(&scene, i, 0), VIOMMU_S_OK);
	assert_int_equal(bytes_of(&scene), one);
	assert_counted(&scene);
	assert_int_equal(peak - scene.before, 2 * one);
	scene_end(&scene);
}

/* A stream of changes is loaded under one lock, and still retires no more than a batch may. */
static void a_flood_of_moves_is_loaded_with_little_memory(void **state)
{
	struct scene scene = scene_new(1, 0);
	void *all, *changes;
	size_t length, changes_length;

	(void)state;
	assert_int_equal(
		viommu_save_begin(scene.device, FLOOD * VIOMMU_ATTACH_LENGTH, &all, &length), 0);
	for (uint32_t i = 0; i < FLOOD; i++)
		assert_int_equal(send_attach(&scene, i, 0), VIOMMU_S_OK);
	assert_int_equal(viommu_save_changes(scene.device, &changes, &changes_length), 0);
	viommu_save_end(scene.device);
	assert_int_equal(viommu_load(scene.device, all, length, NULL, 0), 0);
	peak = held;
	scene.before = held;
	assert_int_equal(viommu_load_changes(scene.device, changes, changes_length, NULL, 0), 0);
	assert_in_range(peak - scene.before, 0, 600 * 1024);
	free(all);
	free(changes);
	viommu_free(scene.device);
}

static void floods_of_probes_and_faults_allocate_nothing(void **state)
{
	struct scene scene = scene_new(1, 0);
	struct viommu_translation to;
	uint64_t before = n_allocations;

	(void)state;
	for (uint32_t i = 0; i < FLOOD; i++) {
		assert_int_equal(send_probe(&scene, 0), VIOMMU_S_OK);
		assert_int_equal(send_probe(&scene, 1), VIOMMU_S_NOENT);
		assert_int_equal(viommu_translate(scene.device, 0, i, 1, W, &to), -EFAULT);
	}
	assert_int_equal(n_allocations, before);
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_that_a_guest_takes_is_counted),
		cmocka_unit_test(every_byte_is_counted_with_listeners_and_pasids),
		cmocka_unit_test(what_is_loaded_needs_no_more_than_it_did),
		cmocka_unit_test(a_flood_of_domains_ends_at_the_limit),
		cmocka_unit_test(a_flood_of_moves_holds_one_domain),
		cmocka_unit_test(a_flood_of_moves_is_loaded_with_little_memory),
		cmocka_unit_test(floods_of_probes_and_faults_allocate_nothing),
	};

	return cmocka_run_group_tests_name("held", tests, NULL, NULL);
}
