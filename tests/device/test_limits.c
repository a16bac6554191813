/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/* Limits: what a guest can make the host hold, and its answer at a limit. The
 * standard only has the status for it. */

/* Shows: limit-domains */
static void one_domain_too_many_is_nomem(void **state)
{
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .max_domains = 2 });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 3, EP3), VIOMMU_S_NOMEM);
	assert_int_equal(counters(rig).limited, 1);
	assert_int_equal(counters(rig).refused, 1);
	assert_int_equal(mode_of(rig, EP3), VIOMMU_BLOCKED);
	assert_int_equal(attach(rig, 1, EP3), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 3, EP3), VIOMMU_S_OK);
	assert_int_equal(counters(rig).limited, 1);
}

/* An endpoint takes its domain with it, so moving on needs no room. Shows: limit-domains */
static void at_the_limit_the_only_endpoint_of_a_domain_can_still_move(void **state)
{
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .max_domains = 1 });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 3, EP2), VIOMMU_S_NOMEM);
	assert_int_equal(counters(rig).domains, 1);
}

/* Shows: limit-mappings */
static void one_mapping_too_many_is_nomem(void **state)
{
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .max_mappings = 3 });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0, R), VIOMMU_S_NOMEM);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_INVAL);
	assert_int_equal(counters(rig).mappings, 3);
	assert_int_equal(counters(rig).limited, 1);
	assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0, R), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x2000, 0x2fff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x3000, 0x3fff, 0, R), VIOMMU_S_NOMEM);
}

/* What a domain costs, and then after each of N mappings, from the counters. */
enum { N_MEASURED = 200 };

static void measure(struct rig *rig, uint64_t *ret_domain, uint64_t bytes[N_MEASURED])
{
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	*ret_domain = counters(rig).bytes;
	assert_in_range(*ret_domain, 1, 4096);
	for (uint64_t i = 0; i < N_MEASURED; i++) {
		assert_int_equal(map(rig, 1, i * PAGE, i * PAGE + 0xfff, 0, R), VIOMMU_S_OK);
		bytes[i] = counters(rig).bytes;
	}
	assert_in_range(bytes[N_MEASURED - 1], N_MEASURED * 24, N_MEASURED * 100);
}

/*
 * Memory comes in blocks. With one byte less than the last block needs, just the mappings
 * that fit into those before it can be made. Shows: limit-bytes
 */
static void bytes_are_counted_to_the_last_one(void **state)
{
	uint64_t domain, bytes[N_MEASURED];
	struct rig *rig = *state;

	measure(rig, &domain, bytes);
	for (uint64_t less = 0; less < 2; less++) {
		replace(rig, (struct viommu_config){ .max_bytes = bytes[N_MEASURED - 1] - less });
		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		for (uint64_t i = 0; i < N_MEASURED; i++) {
			bool fits = bytes[i] <= bytes[N_MEASURED - 1] - less;

			assert_int_equal(map(rig, 1, i * PAGE, i * PAGE + 0xfff, 0, R),
					 fits ? VIOMMU_S_OK : VIOMMU_S_NOMEM);
		}
		assert_true(less ? counters(rig).limited > 0 : !counters(rig).limited);
		viommu_reset(rig->device);
		assert_int_equal(counters(rig).bytes, 0);
	}
}

/* Shows: limit-bytes */
static void bytes_of_domains_are_counted_to_the_last_one(void **state)
{
	uint64_t domain, bytes[N_MEASURED];
	struct rig *rig = *state;

	measure(rig, &domain, bytes);
	replace(rig, (struct viommu_config){ .max_bytes = 2 * domain });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 3, EP3), VIOMMU_S_NOMEM);
	replace(rig, (struct viommu_config){ .max_bytes = 2 * domain - 1 });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_NOMEM);
	replace(rig, (struct viommu_config){ .max_bytes = 1 });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_NOMEM);
}

/* While an endpoint moves, its old domain is kept for the case that a listener refuses the new
 * one. So both must fit. Shows: limit-bytes-moving */
static void moving_needs_room_for_both_domains(void **state)
{
	uint64_t domain, bytes[N_MEASURED];
	struct rig *rig = *state;

	measure(rig, &domain, bytes);
	replace(rig, (struct viommu_config){ .max_bytes = 2 * domain - 1 });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_NOMEM);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
}

/* -- removals of a batch ------------------------------------------------------- */

static void in_batch(struct rig *rig, const void *bytes, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH] = { POISON };
	const struct iovec readable = { (void *)(uintptr_t)bytes, length };
	const struct iovec writable = { tail, sizeof(tail) };

	assert_int_equal(viommu_batch_request(rig->device, &readable, 1, &writable, 1),
			 sizeof(tail));
	assert_int_equal(tail[0], VIOMMU_S_OK);
}

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

/* Enough that an empty map gives its memory back: more than 64 KiB. */
enum { N_MANY = 5000 };

/*
 * The second UNMAP makes the map take memory again, so that the MAP needs none. The listener is
 * notified of the removals by the MAP.
 */
static void replace_all_in_a_batch(struct rig *rig, const struct viommu_listener_ops *ops)
{
	const uint8_t unmap_all[] = { UNMAP(1, 0, TOP, 0) };
	const uint8_t map_one[] = { MAP(1, 0, 0xfff, 0, R) };
	struct viommu_listener *listener;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(viommu_listen(rig->device, EP, ops, NULL, &listener), 0);
	for (uint64_t i = 0; i < N_MANY; i++)
		assert_int_equal(map(rig, 1, i * PAGE, i * PAGE + 0xfff, 0, R), VIOMMU_S_OK);
	viommu_batch_begin(rig->device);
	in_batch(rig, unmap_all, sizeof(unmap_all));
	in_batch(rig, unmap_all, sizeof(unmap_all));
	in_batch(rig, map_one, sizeof(map_one));
	viommu_batch_end(rig->device);
}

static void bytes_are_counted_once_if_a_map_notifies_removals(void **state)
{
	static const struct viommu_listener_ops kinds[] = {
		{ .size = sizeof(kinds[0]), .unmap = ignore_unmap },
		{ .size = sizeof(kinds[0]), .unmap_range = ignore_range },
	};
	struct rig *rig = *state;
	uint64_t expected;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	expected = counters(rig).bytes;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		replace(rig, (struct viommu_config){ 0 });
		replace_all_in_a_batch(rig, &kinds[i]);
		assert_int_equal(counters(rig).mappings, 1);
		assert_int_equal(counters(rig).bytes, expected);
		viommu_reset(rig->device);
		assert_int_equal(counters(rig).bytes, 0);
	}
}

static void no_limit_is_no_limit(void **state)
{
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .max_domains = VIOMMU_UNLIMITED,
					     .max_mappings = VIOMMU_UNLIMITED,
					     .max_bytes = VIOMMU_UNLIMITED });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(map(rig, 1, i * PAGE, i * PAGE + 0xfff, 0, R), VIOMMU_S_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(one_domain_too_many_is_nomem),
		ON_A_FRESH_DEVICE(at_the_limit_the_only_endpoint_of_a_domain_can_still_move),
		ON_A_FRESH_DEVICE(one_mapping_too_many_is_nomem),
		ON_A_FRESH_DEVICE(bytes_are_counted_to_the_last_one),
		ON_A_FRESH_DEVICE(bytes_of_domains_are_counted_to_the_last_one),
		ON_A_FRESH_DEVICE(moving_needs_room_for_both_domains),
		ON_A_FRESH_DEVICE(bytes_are_counted_once_if_a_map_notifies_removals),
		ON_A_FRESH_DEVICE(no_limit_is_no_limit),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
