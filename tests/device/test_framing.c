/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "rig.h"

/*
 * Framing: which requests are answered at all, and where the answer ends
 *
 * virtio 1.3, "IOMMU Device / Device operations".
 */

static const struct {
	uint8_t type;
	size_t length;
	size_t properties;
} known[] = {
	{ VIOMMU_T_ATTACH, VIOMMU_ATTACH_LENGTH, 0 },
	{ VIOMMU_T_DETACH, VIOMMU_DETACH_LENGTH, 0 },
	{ VIOMMU_T_MAP, VIOMMU_MAP_LENGTH, 0 },
	{ VIOMMU_T_UNMAP, VIOMMU_UNMAP_LENGTH, 0 },
	{ VIOMMU_T_PROBE, VIOMMU_PROBE_LENGTH, VIOMMU_PROBE_SIZE_DEFAULT },
};

#define LONGEST 128
#define ROOM    (VIOMMU_PROBE_SIZE_DEFAULT + 64)

static size_t used_of(struct rig *rig, const void *bytes, size_t length, size_t room)
{
	uint8_t answer[ROOM];

	return request(rig, bytes, length, answer, room);
}

/* Shows: framing-unknown-type */
static void an_unknown_type_goes_back_unwritten(void **state)
{
	static const uint8_t types[] = { 0, 6, 7, 8, 0x7f, 0x80, 0xff };
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT_OF(types); i++) {
		const uint8_t bytes[LONGEST] = { types[i] };

		assert_int_equal(used_of(rig, bytes, sizeof(bytes), ROOM), 0);
		assert_int_equal(counters(rig).requests_bad, i + 1);
	}
	assert_int_equal(counters(rig).requests, 0);
}

/* Shows: framing-too-short */
static void a_request_cut_short_goes_back_unwritten(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT_OF(known); i++) {
		const uint8_t bytes[LONGEST] = { known[i].type };

		for (size_t length = 0; length < known[i].length; length++)
			assert_int_equal(used_of(rig, bytes, length, ROOM), 0);
		assert_int_not_equal(used_of(rig, bytes, known[i].length, ROOM), 0);
	}
}

/* Shows: framing-too-short */
static void without_room_for_a_tail_nothing_is_written_or_done(void **state)
{
	static const uint8_t bytes[] = { ATTACH(1, EP, 0, 0) };
	struct rig *rig = *state;

	for (size_t room = 0; room < VIOMMU_TAIL_LENGTH; room++)
		assert_int_equal(used_of(rig, bytes, sizeof(bytes), room), 0);
	assert_int_equal(mode_of(rig, EP), VIOMMU_BLOCKED);
	assert_int_equal(counters(rig).requests_bad, VIOMMU_TAIL_LENGTH);
}

/* Shows: framing-known-answered, framing-used-length, framing-tail-reserved, probe-failed-length */
static void every_known_type_is_answered_to_the_exact_length(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT_OF(known); i++) {
		uint8_t bytes[LONGEST], answer[ROOM];
		size_t at = known[i].properties;

		memset(bytes, 0xff, sizeof(bytes));
		bytes[0] = known[i].type;
		assert_int_equal(request(rig, bytes, known[i].length, answer, ROOM),
				 at + VIOMMU_TAIL_LENGTH);
		assert_int_not_equal(answer[at], VIOMMU_S_OK);
		assert_memory_equal(answer + at + 1, "\0\0\0", 3);
		assert_int_equal(counters(rig).requests, i + 1);
		assert_int_equal(counters(rig).refused, i + 1);
	}
}

/* Shows: framing-ok */
static void success_is_ok(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
	assert_int_equal(probe(rig, EP), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(counters(rig).requests, 5);
	assert_int_equal(counters(rig).refused, 0);
}

/* Shows: framing-head-reserved */
static void the_reserved_bytes_of_a_head_are_ignored(void **state)
{
	uint8_t bytes[] = { ATTACH(1, EP, 0, 0) };
	struct rig *rig = *state;

	memset(bytes + 1, 0xff, 3);
	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
	assert_int_equal(mode_of(rig, EP), VIOMMU_TRANSLATED);
}

/* Shows: framing-longer */
static void what_follows_a_request_is_not_read(void **state)
{
	const uint8_t attach[] = { ATTACH(1, EP, 0, 0) };
	uint8_t bytes[LONGEST];
	struct rig *rig = *state;

	memset(bytes, 0xff, sizeof(bytes));
	memcpy(bytes, attach, sizeof(attach));
	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
}

/* Shows: framing-not-accepted */
static void requests_of_a_feature_not_accepted_go_back_unwritten(void **state)
{
	static const struct {
		size_t row; /* in `known` */
		uint64_t feature;
	} cases[] = {
		{ 2, VIOMMU_F_MAP_UNMAP },
		{ 3, VIOMMU_F_MAP_UNMAP },
		{ 4, VIOMMU_F_PROBE },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const uint8_t bytes[LONGEST] = { known[cases[i].row].type };
		uint64_t offered = viommu_features(rig->device);

		assert_int_equal(viommu_accept(rig->device, offered & ~cases[i].feature), 0);
		assert_int_equal(used_of(rig, bytes, sizeof(bytes), ROOM), 0);
		assert_int_equal(viommu_accept(rig->device, cases[i].feature), 0);
		assert_int_not_equal(used_of(rig, bytes, sizeof(bytes), ROOM), 0);
	}
}

/* Shows: framing-probe-not-offered */
static void a_probe_that_is_not_offered_goes_back_unwritten(void **state)
{
	static const uint8_t bytes[VIOMMU_PROBE_LENGTH] = { PROBE(EP) };
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .features = VIOMMU_F_MAP_UNMAP });
	assert_int_equal(viommu_accept(rig->device, VIOMMU_F_PROBE), -EINVAL);
	assert_int_equal(used_of(rig, bytes, sizeof(bytes), ROOM), 0);
}

/* Shows: framing-any-descriptors */
static void pieces_of_any_size_make_up_a_request(void **state)
{
	struct rig *rig = *state;

	for (rig->piece = 1; rig->piece <= VIOMMU_MAP_LENGTH; rig->piece++) {
		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
		assert_string_equal(mappings(rig, 1), "1000-1fff to 8000 r");
		assert_int_equal(probe(rig, EP), VIOMMU_S_OK);
	}
}

/* Shows: framing-any-descriptors */
static void empty_pieces_are_nothing(void **state)
{
	uint8_t head[4] = { VIOMMU_T_ATTACH };
	uint8_t body[16] = { LE32(1), LE32(EP) };
	uint8_t tail[VIOMMU_TAIL_LENGTH] = { POISON, POISON, POISON, POISON };
	const struct iovec readable[] = {
		{ NULL, 0 }, { head, sizeof(head) }, { NULL, 0 }, { body, sizeof(body) },
		{ NULL, 0 },
	};
	const struct iovec writable[] = { { NULL, 0 }, { tail, 2 }, { NULL, 0 }, { tail + 2, 2 } };
	struct rig *rig = *state;

	assert_int_equal(viommu_request(rig->device, readable, COUNT_OF(readable), writable,
					COUNT_OF(writable)),
			 sizeof(tail));
	assert_memory_equal(tail, "\0\0\0\0", sizeof(tail));
	assert_int_equal(viommu_request(rig->device, NULL, 0, NULL, 0), 0);
}

/* A guest may name the same memory any number of times: lengths that add up to more than a
 * size_t holds are a large room, not a small one. Shows: framing-any-descriptors */
static void lengths_beyond_counting_are_room_enough(void **state)
{
	uint8_t bytes[] = { ATTACH(1, EP, 0, 0) };
	uint8_t tail[VIOMMU_TAIL_LENGTH];
	const struct iovec readable = { bytes, sizeof(bytes) };
	const struct iovec writable[] = { { tail, sizeof(tail) }, { tail, SIZE_MAX - 2 } };
	struct rig *rig = *state;

	assert_int_equal(viommu_request(rig->device, &readable, 1, writable, 2), sizeof(tail));
	assert_int_equal(tail[0], VIOMMU_S_OK);
}

/* Shows: framing-in-order */
static void requests_take_effect_in_the_order_they_are_handed_over(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint64_t i = 0; i < 8; i++) {
		assert_int_equal(map(rig, 1, 0, 0xfff, i * PAGE, R), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_INVAL);
		assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(an_unknown_type_goes_back_unwritten),
		ON_A_FRESH_DEVICE(a_request_cut_short_goes_back_unwritten),
		ON_A_FRESH_DEVICE(without_room_for_a_tail_nothing_is_written_or_done),
		ON_A_FRESH_DEVICE(every_known_type_is_answered_to_the_exact_length),
		ON_A_FRESH_DEVICE(success_is_ok),
		ON_A_FRESH_DEVICE(the_reserved_bytes_of_a_head_are_ignored),
		ON_A_FRESH_DEVICE(what_follows_a_request_is_not_read),
		ON_A_FRESH_DEVICE(requests_of_a_feature_not_accepted_go_back_unwritten),
		ON_A_FRESH_DEVICE(a_probe_that_is_not_offered_goes_back_unwritten),
		ON_A_FRESH_DEVICE(pieces_of_any_size_make_up_a_request),
		ON_A_FRESH_DEVICE(empty_pieces_are_nothing),
		ON_A_FRESH_DEVICE(lengths_beyond_counting_are_room_enough),
		ON_A_FRESH_DEVICE(requests_take_effect_in_the_order_they_are_handed_over),
	};

	return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
