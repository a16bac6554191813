/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "rig.h"

/*
 * A guest that maps about as much as before makes the device allocate nothing
 *
 * The linker hands the library's allocations to the functions below (--wrap), which count
 * them.
 */

#define N_RANGES 1000u
#define N_ROUNDS 19200u
#define N_BATCH  64u

static unsigned long n_allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
	n_allocations++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	n_allocations++;
	return __real_calloc(n, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	n_allocations++;
	return __real_aligned_alloc(alignment, size);
}

/* -- requests ---------------------------------------------------------------------------- */

/* Like rand(), and the same everywhere. */
static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Scattered, and no two the same. */
static uint64_t address_of(uint32_t i)
{
	return (i * 0x9e3779b97f4a7c15ull) >> 20 << 12;
}

static void send(struct viommu *device, const void *bytes, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH] = { POISON };
	const struct iovec readable = { (void *)(uintptr_t)bytes, length };
	const struct iovec writable = { tail, sizeof(tail) };

	assert_int_equal(viommu_batch_request(device, &readable, 1, &writable, 1), sizeof(tail));
	assert_int_equal(tail[0], VIOMMU_S_OK);
}

static void send_map(struct viommu *device, uint64_t at)
{
	const uint8_t bytes[] = { MAP(1, at, at + PAGE - 1, at, R) };

	send(device, bytes, sizeof(bytes));
}

static void send_unmap(struct viommu *device, uint64_t at)
{
	const uint8_t bytes[] = { UNMAP(1, at, at + PAGE - 1, 0) };

	send(device, bytes, sizeof(bytes));
}

/* As many ranges go as come, in batches; and in between they are used. */
static void work(struct viommu *device, unsigned n_batch, uint32_t *seed)
{
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		uint64_t at = address_of(draw(seed) % N_RANGES);
		struct viommu_translation t;

		if (i % n_batch == 0)
			viommu_batch_begin(device);
		send_unmap(device, at);
		send_map(device, at);
		if (i % n_batch < n_batch - 1)
			continue;
		viommu_batch_end(device);
		assert_int_equal(viommu_translate(device, EP, at, 1, R, &t), 0);
	}
}

static void no_request_allocates_in_a_map_that_stays_as_large(void **state)
{
	const uint8_t attach[] = { ATTACH(1, EP, 0, 0) };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = EP };
	struct viommu *device;
	uint32_t seed = 1;

	(void)state;
	assert_int_equal(viommu_new(NULL, NULL, NULL, &device), 0);
	assert_int_equal(viommu_accept(device, viommu_features(device)), 0);
	assert_int_equal(viommu_endpoint_add(device, &endpoint), 0);
	viommu_batch_begin(device);
	send(device, attach, sizeof(attach));
	for (uint32_t i = 0; i < N_RANGES; i++)
		send_map(device, address_of(i));
	viommu_batch_end(device);
	for (unsigned n_batch = 1; n_batch <= N_BATCH; n_batch *= N_BATCH) {
		work(device, n_batch, &seed);
		n_allocations = 0;
		work(device, n_batch, &seed);
		assert_int_equal(n_allocations, 0);
	}
	viommu_free(device);
}

/* The count counts. */
static void what_grows_allocates(void **state)
{
	struct viommu *device;

	(void)state;
	n_allocations = 0;
	assert_int_equal(viommu_new(NULL, NULL, NULL, &device), 0);
	assert_int_not_equal(n_allocations, 0);
	viommu_free(device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_request_allocates_in_a_map_that_stays_as_large),
		cmocka_unit_test(what_grows_allocates),
	};

	return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
