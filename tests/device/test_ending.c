/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include <viommu/iotlb.h>

/*
 * Threads that end in `event` or inside a DMA section: nothing waits for them afterwards
 *
 * A test that fails does not return from viommu_reset(), and ends by an alarm.
 */

enum { EP = 8, PATIENCE = 20 };

#define FEATURES (VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID | VIOMMU_F_TABLE | VIOMMU_F_PAGE_REQUEST)

static struct viommu *device;
static struct viommu_dma *dma;
static bool no_memory, ends_in_event;

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return no_memory ? NULL : __real_aligned_alloc(alignment, size);
}

static int end_here(void *opaque, const void *record, size_t length)
{
	(void)opaque;
	(void)record;
	(void)length;
	if (ends_in_event)
		pthread_exit(NULL);
	return 0;
}

static const uint64_t table[512] __attribute__((aligned(4096)));

static void attach(void)
{
	uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE }, tail[4];
	const struct iovec in = { bytes, sizeof(bytes) }, out = { tail, sizeof(tail) };

	bytes[4] = 1;
	bytes[8] = EP;
	bytes[16] = VIOMMU_TABLE_GENERIC & 0xff;
	bytes[17] = VIOMMU_TABLE_GENERIC >> 8;
	bytes[33] = 0x10;
	assert_int_equal(viommu_request(device, &in, 1, &out, 1), sizeof(tail));
	assert_int_equal(tail[0], VIOMMU_S_OK);
}

static int set_up(void **state)
{
	static const struct viommu_table_format format = { VIOMMU_TABLE_GENERIC, 48, 52,
							   0x40201000,           0,  0 };
	const struct viommu_config config = { .size = sizeof(config), .features = FEATURES };
	const struct viommu_ops ops = { .size = sizeof(ops), .event = end_here };
	const struct viommu_memory memory = { 0x1000, 0x1fff, (void *)(uintptr_t)table, true };
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = EP,
		.formats = &format,
		.n_formats = 1,
		.max_page_requests = 1,
	};

	(void)state;
	ends_in_event = true;
	if (viommu_new(&config, &ops, NULL, &device) || viommu_endpoint_add(device, &endpoint) ||
	    viommu_set_memory(device, &memory, 1) || viommu_dma_new(device, &dma) ||
	    viommu_accept(device, FEATURES))
		return -1;
	attach();
	alarm(PATIENCE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	alarm(0);
	viommu_dma_free(dma);
	viommu_free(device);
	return 0;
}

static void run(void *(*function)(void *))
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, function, NULL), 0);
	pthread_join(thread, NULL);
	no_memory = false;
	viommu_reset(device);
}

static void *translate(void *unused)
{
	struct viommu_translation to;

	viommu_translate(device, EP, 0, 1, VIOMMU_MAP_F_READ, &to);
	abort();
	return unused;
}

static void a_thread_ends_in_event(void **state)
{
	(void)state;
	run(translate);
}

static void a_thread_without_memory_ends_in_event(void **state)
{
	(void)state;
	no_memory = true;
	run(translate);
}

static void *translate_in_a_section(void *unused)
{
	struct viommu_translation to;

	viommu_dma_begin(dma);
	viommu_dma_translate(dma, EP, 0, 1, VIOMMU_MAP_F_READ, &to);
	abort();
	return unused;
}

static void a_thread_ends_in_event_inside_a_section(void **state)
{
	(void)state;
	run(translate_in_a_section);
}

static void *end_in_a_section(void *unused)
{
	viommu_dma_begin(dma);
	return unused;
}

static void a_thread_ends_inside_a_section(void **state)
{
	(void)state;
	run(end_in_a_section);
}

/* The handle is as good as new: its section is waited for. */
static void a_section_that_ended_with_its_thread_can_begin_again(void **state)
{
	struct viommu_translation to;

	(void)state;
	ends_in_event = false;
	run(end_in_a_section);
	viommu_dma_begin(dma);
	assert_int_equal(viommu_dma_translate(dma, EP, 0, 1, 0, &to), -EFAULT);
	viommu_dma_end(dma);
}

#ifndef VIOMMU_CHECKS /* they report the second end */
static pthread_key_t key;

/* In the second round, all destructors of the first have run: also the one of the library. */
static void end_late(void *value)
{
	static int again;

	if (value == &again)
		viommu_dma_end(dma);
	else
		pthread_setspecific(key, &again);
}

static void *end_in_a_section_and_a_destructor(void *unused)
{
	pthread_setspecific(key, &key);
	viommu_dma_begin(dma);
	return unused;
}

static void a_section_that_ended_with_its_thread_is_not_begun_by_ending_it(void **state)
{
	(void)state;
	assert_int_equal(pthread_key_create(&key, end_late), 0);
	run(end_in_a_section_and_a_destructor);
	pthread_key_delete(key);
}
#endif

/* An IOTLB translates with its lock held, which `invalidate` needs. */
static struct viommu_iotlb *iotlb;

static void take_update(void *opaque, uint64_t iova, const struct viommu_translation *translation)
{
	(void)opaque;
	(void)iova;
	(void)translation;
}

static void take_invalidate(void *opaque, uint64_t first, uint64_t last)
{
	(void)opaque;
	(void)first;
	(void)last;
}

static void *miss(void *unused)
{
	viommu_iotlb_miss(iotlb, 0, 1, VIOMMU_MAP_F_READ);
	abort();
	return unused;
}

static void a_thread_ends_in_event_by_a_miss(void **state)
{
	const struct viommu_iotlb_ops ops = {
		.size = sizeof(ops),
		.update = take_update,
		.invalidate = take_invalidate,
	};

	(void)state;
	viommu_reset(device);
	assert_int_equal(viommu_iotlb_new(device, EP, &ops, NULL, &iotlb), 0);
	run(miss);
	assert_int_equal(viommu_accept(device, FEATURES), 0);
	viommu_iotlb_free(iotlb);
}

static void *end_in_two_sections(void *unused)
{
	struct viommu_dma *other;

	assert_int_equal(viommu_dma_new(device, &other), 0);
	viommu_dma_begin(other);
	viommu_dma_begin(dma);
	/* Not the latest first. */
	viommu_dma_end(other);
	viommu_dma_free(other);
	return unused;
}

static void sections_of_a_thread_end_in_any_order(void **state)
{
	(void)state;
	run(end_in_two_sections);
}

static void *ask_for_a_page(void *unused)
{
	const struct viommu_page_request request = {
		.size = sizeof(request),
		.endpoint = EP,
		.access = VIOMMU_MAP_F_READ,
		.last = true,
	};

	viommu_page_request(device, &request);
	abort();
	return unused;
}

/* Nor is its group left over, of which there can be one. */
static void a_thread_ends_in_event_while_it_asks_for_a_page(void **state)
{
	const struct viommu_page_request request = {
		.size = sizeof(request),
		.endpoint = EP,
		.access = VIOMMU_MAP_F_READ,
		.group = 1,
	};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, ask_for_a_page, NULL), 0);
	pthread_join(thread, NULL);
	ends_in_event = false;
	assert_int_equal(viommu_page_request(device, &request), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_thread_ends_in_event),
		TEST(a_thread_without_memory_ends_in_event),
		TEST(a_thread_ends_in_event_inside_a_section),
		TEST(a_thread_ends_in_event_by_a_miss),
		TEST(a_thread_ends_inside_a_section),
		TEST(a_section_that_ended_with_its_thread_can_begin_again),
#ifndef VIOMMU_CHECKS
		TEST(a_section_that_ended_with_its_thread_is_not_begun_by_ending_it),
#endif
		TEST(sections_of_a_thread_end_in_any_order),
		TEST(a_thread_ends_in_event_while_it_asks_for_a_page),
	};

	return cmocka_run_group_tests_name("ending", tests, NULL, NULL);
}
