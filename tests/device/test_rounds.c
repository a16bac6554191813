/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "rig.h"

/*
 * Saving in rounds: what a destination loads, round by round, is the state of the source
 *
 * States are compared by their streams, of which each state has one.
 */

enum { ROOM = 4096 };

#define FEATURES (VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID)

static const struct viommu_config config = { .size = sizeof(config), .features = FEATURES };

struct stream {
	void *bytes;
	size_t length;
};

/* Endpoints have PASIDs, so that ATTACH and DETACH have their other layout. */
static void give_pasids(struct rig *rig)
{
	static const uint32_t endpoints[] = { EP, EP2, EP3 };

	replace(rig, config);
	for (size_t i = 0; i < COUNT_OF(endpoints); i++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							  .id = endpoints[i],
							  .pasid_bits = 4 };

		assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	}
}

struct pair {
	struct rig *from, *to;
};

static int set_up(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	void *rig = NULL;

	assert_non_null(pair);
	plug(&rig);
	pair->from = rig;
	plug(&rig);
	pair->to = rig;
	give_pasids(pair->from);
	give_pasids(pair->to);
	*state = pair;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *pair = *state;
	void *from = pair->from, *to = pair->to;

	unplug(&from);
	unplug(&to);
	free(pair);
	return 0;
}

static void begin(struct pair *pair, size_t room)
{
	struct stream all;

	assert_int_equal(viommu_save_begin(pair->from->device, room, &all.bytes, &all.length), 0);
	assert_int_equal(viommu_load(pair->to->device, all.bytes, all.length, NULL, 0), 0);
	free(all.bytes);
}

/* Returns the length of the round, or an errno of saving it. */
static int send_changes(struct pair *pair)
{
	struct stream changes;
	char reason[VIOMMU_REASON_LENGTH] = "";
	int error = viommu_save_changes(pair->from->device, &changes.bytes, &changes.length);

	if (error)
		return error;
	assert_int_equal(viommu_load_changes(pair->to->device, changes.bytes, changes.length,
					     reason, sizeof(reason)),
			 0);
	assert_string_equal(reason, "");
	free(changes.bytes);
	return (int)changes.length;
}

static void assert_same(struct pair *pair)
{
	struct stream from, to;

	assert_int_equal(viommu_save(pair->from->device, &from.bytes, &from.length), 0);
	assert_int_equal(viommu_save(pair->to->device, &to.bytes, &to.length), 0);
	assert_int_equal(from.length, to.length);
	assert_memory_equal(from.bytes, to.bytes, from.length);
	free(from.bytes);
	free(to.bytes);
}

/* -- rounds --------------------------------------------------------------------- */

static void a_round_has_what_has_changed(void **state)
{
	struct pair *pair = *state;
	struct rig *from = pair->from;
	int empty;

	assert_int_equal(attach(from, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(from, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	begin(pair, ROOM);
	empty = send_changes(pair);
	assert_same(pair);
	assert_int_equal(map(from, 1, 0x2000, 0x2fff, 0x9000, R | W), VIOMMU_S_OK);
	assert_int_equal(map(from, 1, 0x2000, 0x2fff, 0x9000, R | W), VIOMMU_S_INVAL);
	assert_int_equal(probe(from, EP), VIOMMU_S_OK);
	assert_int_equal(send_changes(pair), empty + (int)VIOMMU_MAP_LENGTH);
	assert_same(pair);
	assert_int_equal(unmap(from, 1, 0, TOP), VIOMMU_S_OK);
	assert_int_equal(detach(from, 1, EP), VIOMMU_S_OK);
	send_changes(pair);
	assert_same(pair);
	viommu_save_end(from->device);
	assert_int_equal(send_changes(pair), -ESTALE);
}

static unsigned pick(unsigned n)
{
	static uint32_t seed = 1;

	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static void change(struct rig *rig)
{
	const uint32_t domain = 1 + pick(4), endpoint = (const uint32_t[]){ EP, EP2, EP3 }[pick(3)];
	const uint64_t iova = pick(8) * PAGE;
	const uint8_t attach_pasid[] = { ATTACH(domain, endpoint, VIOMMU_SLOT_F_PASID, pick(4)) };
	const uint8_t detach_pasid[] = { HEAD(VIOMMU_T_DETACH), LE32(domain), LE32(endpoint),
					 LE32(VIOMMU_SLOT_F_PASID), LE32(pick(4)) };

	switch (pick(7)) {
	case 0:
		attach(rig, domain, endpoint);
		break;
	case 1:
		attach_bypass(rig, domain, endpoint);
		break;
	case 2:
		detach(rig, domain, endpoint);
		break;
	case 3:
		status_of(rig, attach_pasid, sizeof(attach_pasid));
		break;
	case 4:
		status_of(rig, detach_pasid, sizeof(detach_pasid));
		break;
	case 5:
		unmap(rig, domain, iova, iova + pick(4) * PAGE - 1);
		break;
	default:
		map(rig, domain, iova, iova + pick(3) * PAGE + PAGE - 1, iova << 4, R | pick(4));
	}
}

static void random_rounds_give_the_state_of_the_source(void **state)
{
	struct pair *pair = *state;

	begin(pair, ROOM);
	for (unsigned round = 0; round < 300; round++) {
		for (unsigned i = pick(40); i; i--)
			change(pair->from);
		assert_true(send_changes(pair) > 0);
		assert_same(pair);
	}
}

/* -- what is not recorded ---------------------------------------------------------- */

static void more_than_there_is_room_for_is_stale(void **state)
{
	struct pair *pair = *state;

	assert_int_equal(attach(pair->from, 1, EP), VIOMMU_S_OK);
	begin(pair, 2 * VIOMMU_MAP_LENGTH);
	for (uint64_t iova = 0; iova < 3 * PAGE; iova += PAGE)
		assert_int_equal(map(pair->from, 1, iova, iova + PAGE - 1, 0, R), VIOMMU_S_OK);
	assert_int_equal(send_changes(pair), -ESTALE);
	assert_int_equal(send_changes(pair), -ESTALE);
	begin(pair, ROOM);
	assert_same(pair);
	assert_true(send_changes(pair) > 0);
}

static void reset(struct rig *rig)
{
	viommu_reset(rig->device);
}

static void accept(struct rig *rig)
{
	assert_int_equal(viommu_accept(rig->device, FEATURES & ~VIOMMU_F_MMIO), 0);
}

static void set_bypass(struct rig *rig)
{
	write_bypass(rig, 1);
}

static void remove_endpoint(struct rig *rig)
{
	assert_int_equal(viommu_endpoint_remove(rig->device, EP3), 0);
}

static void what_no_request_has_changed_is_stale(void **state)
{
	static void (*const changes[])(struct rig *) = { set_bypass, accept, remove_endpoint,
							 reset };
	struct pair *pair = *state;

	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		begin(pair, ROOM);
		changes[i](pair->from);
		assert_int_equal(send_changes(pair), -ESTALE);
	}
}

/* -- damaged streams ------------------------------------------------------------------ */

static void a_round_that_does_not_fit_is_refused_with_a_reason(void **state)
{
	struct pair *pair = *state;
	struct stream changes;
	char reason[VIOMMU_REASON_LENGTH];

	assert_int_equal(attach(pair->from, 1, EP), VIOMMU_S_OK);
	begin(pair, ROOM);
	assert_int_equal(map(pair->from, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(viommu_save_changes(pair->from->device, &changes.bytes, &changes.length),
			 0);
	assert_int_equal(map(pair->to, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(viommu_load_changes(pair->to->device, changes.bytes, changes.length,
					     reason, sizeof(reason)),
			 -EBUSY);
	assert_string_equal(reason, "the request of type 3 at offset 0 of the changes has status 4 "
				    "here");
	assert_int_equal(counters(pair->to).domains, 0);
	free(changes.bytes);
}

/* The checksum of a changed stream is wrong; without it, every request is checked like a guest's.
 */
static void a_damaged_round_is_refused(void **state)
{
	struct pair *pair = *state;
	struct stream changes;

	begin(pair, ROOM);
	for (unsigned i = 0; i < 30; i++)
		change(pair->from);
	assert_int_equal(viommu_save_changes(pair->from->device, &changes.bytes, &changes.length),
			 0);
	for (size_t i = 0; i < changes.length; i++) {
		uint8_t *byte = (uint8_t *)changes.bytes + i;

		*byte ^= 0x40;
		assert_true(viommu_load_changes(pair->to->device, changes.bytes, changes.length,
						NULL, 0) < 0);
		assert_true(viommu_load_changes(pair->to->device, changes.bytes, i, NULL, 0) < 0);
		*byte ^= 0x40;
	}
	assert_int_equal(viommu_load(pair->to->device, changes.bytes, changes.length, NULL, 0),
			 -EINVAL);
	free(changes.bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_round_has_what_has_changed),
		TEST(random_rounds_give_the_state_of_the_source),
		TEST(more_than_there_is_room_for_is_stale),
		TEST(what_no_request_has_changed_is_stale),
		TEST(a_round_that_does_not_fit_is_refused_with_a_reason),
		TEST(a_damaged_round_is_refused),
	};

	return cmocka_run_group_tests_name("rounds", tests, NULL, NULL);
}
