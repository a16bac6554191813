/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

/*
 * A wall clock that is set back while a query waits for the device
 *
 * The library's clock is an hour ahead of the kernel's, as if it had read it just before. These
 * tests are linked with the static library, whose calls go through the wrapper.
 */

enum { AN_HOUR = 3600, SECONDS = 60, A_WHILE = 20000 /* microseconds */ };

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	int error = __real_clock_gettime(clock, now);

	now->tv_sec += clock == CLOCK_REALTIME ? AN_HOUR : 0;
	return error;
}

struct owner {
	struct viommu *device;
	atomic_bool is_owner;
};

/* The query waits for the lock first, and then for the end of the wait for its own section. */
static void *unmap_slowly(void *opaque)
{
	const uint8_t unmap[] = { UNMAP(1, 0, TOP, 0) };
	uint8_t tail[VIOMMU_TAIL_LENGTH];
	const struct iovec in = { (void *)(uintptr_t)unmap, sizeof(unmap) };
	const struct iovec out = { tail, sizeof(tail) };
	struct owner *owner = opaque;

	viommu_batch_begin(owner->device);
	atomic_store(&owner->is_owner, true);
	usleep(A_WHILE);
	viommu_batch_request(owner->device, &in, 1, &out, 1);
	viommu_batch_end(owner->device);
	return NULL;
}

static void a_query_in_a_section_does_not_wait_for_the_wall_clock(void **state)
{
	struct rig *rig = *state;
	struct owner owner = { .device = rig->device };
	struct viommu_endpoint_state endpoint;
	struct viommu_translation to;
	struct viommu_dma *dma;
	pthread_t thread;

#if !defined(__GLIBC__) || defined(__SANITIZE_THREAD__)
	skip(); /* pthread_mutex_clocklock() is not there, or not known */
#endif
	alarm(SECONDS);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(viommu_dma_new(rig->device, &dma), 0);
	viommu_dma_begin(dma);
	assert_int_equal(viommu_dma_translate(dma, EP, 0, 1, R, &to), 0);
	assert_int_equal(pthread_create(&thread, NULL, unmap_slowly, &owner), 0);
	while (!atomic_load(&owner.is_owner))
		usleep(1);
	assert_int_equal(viommu_next_endpoint(rig->device, EP, &endpoint), 0);
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	viommu_dma_free(dma);
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(a_query_in_a_section_does_not_wait_for_the_wall_clock),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
