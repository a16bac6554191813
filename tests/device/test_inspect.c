/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/* Walks over the live state, counters, and the readable text. */

static void domains_are_walked_in_order(void **state)
{
	static const uint32_t ids[] = { 0, 7, UINT32_MAX };
	struct viommu_domain_state domain;
	struct rig *rig = *state;

	assert_int_equal(attach(rig, UINT32_MAX, EP), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 7, EP2), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 0, EP3), VIOMMU_S_OK);
	assert_int_equal(map(rig, 0, 0, 0xfff, 0, R), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		uint32_t from = i ? ids[i - 1] + 1 : 0;

		assert_int_equal(viommu_next_domain(rig->device, from, &domain), 0);
		assert_int_equal(domain.id, ids[i]);
		assert_int_equal(domain.bypass, ids[i] == 7);
		assert_int_equal(domain.n_endpoints, 1);
		assert_int_equal(domain.n_mappings, ids[i] == 0);
		assert_int_equal(viommu_next_domain(rig->device, ids[i], &domain), 0);
		assert_int_equal(domain.id, ids[i]);
	}
}

/* Like rand(), and the same everywhere. */
static uint32_t draw(void)
{
	static uint32_t seed = 1;

	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

/* Numbers that differ in the highest bits, in the lowest, in one, in many. */
static uint32_t odd_number(void)
{
	uint32_t power = UINT32_C(1) << draw() % 32;

	return draw() % 2 ? power - draw() % 3 : draw() * 257 % 64;
}

enum { N_MOVERS = 64, N_MOVES = 4000, NOWHERE = -1 };

/* The lowest number at or above `from` of a domain that one of the endpoints is in. */
static int64_t lowest_from(const int64_t domains[N_MOVERS], uint32_t from)
{
	int64_t lowest = INT64_MAX;

	for (size_t i = 0; i < N_MOVERS; i++)
		if (domains[i] >= from && domains[i] < lowest)
			lowest = domains[i];
	return lowest;
}

/* Endpoints move from domain to domain, each of which they make or end. */
static void domains_are_found_by_any_number_while_others_come_and_go(void **state)
{
	struct viommu_domain_state domain;
	int64_t domains[N_MOVERS];
	struct rig *rig = *state;

	for (uint32_t i = 0; i < N_MOVERS; i++) {
		const struct viommu_endpoint mover = { .size = sizeof(mover), .id = 0x100 + i };

		domains[i] = NOWHERE;
		assert_int_equal(viommu_endpoint_add(rig->device, &mover), 0);
	}
	for (unsigned move = 0; move < N_MOVES; move++) {
		uint32_t who = draw() % N_MOVERS, to = odd_number(), from = odd_number();
		int64_t lowest;

		if (domains[who] >= 0 && draw() % 2) {
			assert_int_equal(detach(rig, (uint32_t)domains[who], 0x100 + who),
					 VIOMMU_S_OK);
			domains[who] = NOWHERE;
		} else {
			assert_int_equal(attach(rig, to, 0x100 + who), VIOMMU_S_OK);
			domains[who] = to;
		}
		lowest = lowest_from(domains, from);
		if (viommu_next_domain(rig->device, from, &domain))
			assert_int_equal(lowest, INT64_MAX);
		else
			assert_int_equal(domain.id, lowest);
	}
}

static void endpoints_are_walked_in_order(void **state)
{
	struct viommu_endpoint_state endpoint, before;
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 5, EP2), VIOMMU_S_OK);
	where(rig, EP2, 0x1000, 1, R);
	assert_int_equal(viommu_next_endpoint(rig->device, 0, &endpoint), 0);
	assert_int_equal(endpoint.id, EP);
	assert_false(endpoint.attached);
	assert_int_equal(endpoint.mode, VIOMMU_BLOCKED);
	assert_int_equal(viommu_next_endpoint(rig->device, EP + 1, &endpoint), 0);
	assert_int_equal(endpoint.id, EP2);
	assert_true(endpoint.attached);
	assert_int_equal(endpoint.domain, 5);
	assert_int_equal(endpoint.faults, 1);
	assert_int_equal(viommu_next_endpoint(rig->device, EP3, &endpoint), 0);
	assert_int_equal(endpoint.id, EP3);
	before = endpoint;
	assert_int_equal(viommu_next_endpoint(rig->device, EP3 + 1, &endpoint), -ENOENT);
	assert_memory_equal(&endpoint, &before, sizeof(before));
}

static void mappings_are_walked_by_where_they_end(void **state)
{
	static const struct {
		uint64_t from, first;
	} cases[] = {
		{ 0, 0x1000 },      { 0x1fff, 0x1000 },      { 0x2000, 0x5000 },
		{ 0x7fff, 0x5000 }, { 0x8000, TOP - 0xfff }, { TOP, TOP - 0xfff },
	};
	struct viommu_mapping m;
	struct rig *rig = *state;

	assert_int_equal(viommu_next_mapping(rig->device, 1, 0, &m), -ENOENT);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(viommu_next_mapping(rig->device, 1, 0, &m), -ENOENT);
	assert_int_equal(map(rig, 1, 0x5000, 0x7fff, 0, W), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_OK);
	assert_int_equal(viommu_next_mapping(rig->device, 1, 0x8000, &m), -ENOENT);
	assert_int_equal(map(rig, 1, TOP - 0xfff, TOP, 0, R), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(viommu_next_mapping(rig->device, 1, cases[i].from, &m), 0);
		assert_int_equal(m.first, cases[i].first);
	}
}

static void counters_count_what_is_held_and_what_was_done(void **state)
{
	const uint8_t nonsense[] = { 0xff };
	uint8_t tail[VIOMMU_TAIL_LENGTH];
	struct viommu_counters now;
	struct rig *rig = *state;

	rig->event_buffers = 1;
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_INVAL);
	request(rig, nonsense, sizeof(nonsense), tail, sizeof(tail));
	where(rig, EP, 0x1000, 1, R);
	where(rig, EP, 0x1000, 1, R);

	now = counters(rig);
	assert_int_equal(now.domains, 1);
	assert_int_equal(now.mappings, 1);
	assert_int_equal(now.endpoints, 3);
	assert_int_equal(now.requests, 3);
	assert_int_equal(now.refused, 1);
	assert_int_equal(now.requests_bad, 1);
	assert_int_equal(now.limited, 0);
	assert_int_equal(now.faults, 2);
	assert_int_equal(now.faults_dropped, 1);
}

/* What was held at a time, and how long requests waited for sections. */
static void counters_keep_the_most_and_the_longest(void **state)
{
	struct rig *rig = *state;
	struct viommu_counters before = counters(rig), now;

	assert_int_equal(before.most_mappings, 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(map(rig, 1, i * PAGE, i * PAGE + 0xfff, 0, R), VIOMMU_S_OK);
	before = counters(rig);
	assert_int_equal(before.most_bytes, before.bytes);
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	assert_int_equal(counters(rig).waits, before.waits + 1);
	assert_true(counters(rig).longest_wait_ns <= counters(rig).waited_ns);
	viommu_reset(rig->device);
	now = counters(rig);
	assert_int_equal(now.most_mappings, 5);
	assert_int_equal(now.most_domains, 2);
	assert_int_equal(now.most_bytes, before.bytes);
	assert_int_equal(now.mappings + now.domains + now.bytes, 0);
}

/* -- the text ------------------------------------------------------------------ */

struct text {
	char text[1u << 17];
	size_t length;
};

static void take_text(void *opaque, const char *text, size_t length)
{
	struct text *taken = opaque;

	assert_true(length < sizeof(taken->text) - taken->length);
	memcpy(taken->text + taken->length, text, length);
	taken->length += length;
	taken->text[taken->length] = '\0';
}

static const char *dump(struct rig *rig)
{
	static struct text taken;

	taken.length = 0;
	viommu_dump(rig->device, take_text, &taken);
	return taken.text;
}

static void a_dump_shows_all_there_is(void **state)
{
	char expected[2048];
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .max_bytes = VIOMMU_UNLIMITED,
					     .domain_last = 99,
					     .input_last = 0xffffffff,
					     .page_size_mask = 0x11000 });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 7, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R | W), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x2000, 0x2fff, 0, W | MMIO), VIOMMU_S_OK);
	assert_int_equal(map(rig, 9, 0x2000, 0x2fff, 0, W | MMIO), VIOMMU_S_NOENT);
	where(rig, EP, 0x5000, 1, R);
	rig->event_buffers = 0;
	where(rig, EP3, 0x6000, 1, R | W);
	where(rig, EP3, 0x7000, 1, 0);
	snprintf(expected, sizeof(expected),
		 "features        0x77\n"
		 "page sizes      0x0000000000011000\n"
		 "input range     0x0-0xffffffff\n"
		 "domain range    0-99\n"
		 "domains         2 of 65536\n"
		 "mappings        2 of 4194304\n"
		 "bytes           %llu, no limit\n"
		 "requests        5 answered, 1 refused, 0 at a limit, 0 returned unwritten\n"
		 "faults          3, 2 dropped\n"
		 "endpoint 0x8: translated, domain 1, 1 faults\n"
		 "endpoint 0x10: bypass, domain 7\n"
		 "endpoint 0x18: blocked, 2 faults\n"
		 "domain 1: 1 endpoints, 2 mappings\n"
		 "  0x0000000000001000-0x0000000000001fff -> 0x0000000000008000 rw\n"
		 "  0x0000000000002000-0x0000000000002fff -> 0x0000000000000000 -w mmio\n"
		 "domain 7: 1 endpoints, bypass\n"
		 "fault: endpoint 0x18, access at 0x7000, no domain, dropped\n"
		 "fault: endpoint 0x18, read and write at 0x6000, no domain, dropped\n"
		 "fault: endpoint 0x8, read at 0x5000, no mapping\n",
		 (unsigned long long)counters(rig).bytes);
	assert_string_equal(dump(rig), expected);
}

static void a_dump_of_very_much_is_cut_short(void **state)
{
	struct rig *rig = *state;

	for (uint32_t i = 0; i < 300; i++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							  .id = 1000 + i };

		assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
		assert_int_equal(attach(rig, i, 1000 + i), VIOMMU_S_OK);
	}
	for (uint64_t i = 0; i < 20; i++)
		assert_int_equal(map(rig, 0, i * PAGE, i * PAGE + 0xfff, 0, R), VIOMMU_S_OK);
	assert_non_null(strstr(dump(rig), "\n  ... 4 more\n"));
	assert_non_null(strstr(dump(rig), "\n... more domains, from 256 on\n"));
	assert_non_null(strstr(dump(rig), "\nendpoint 0x513: translated, domain 299\n"));
}

static void a_dump_ends_at_the_highest_numbers(void **state)
{
	const struct viommu_endpoint highest = { .size = sizeof(highest), .id = UINT32_MAX };
	struct rig *rig = *state;

	assert_int_equal(viommu_endpoint_add(rig->device, &highest), 0);
	assert_int_equal(attach(rig, UINT32_MAX, UINT32_MAX), VIOMMU_S_OK);
	assert_int_equal(map(rig, UINT32_MAX, TOP - 0xfff, TOP, 0, R), VIOMMU_S_OK);
	assert_non_null(strstr(dump(rig), "endpoint 0xffffffff: translated, domain 4294967295\n"));
	assert_non_null(strstr(dump(rig), "domain 4294967295: 1 endpoints, 1 mappings\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(domains_are_walked_in_order),
		ON_A_FRESH_DEVICE(domains_are_found_by_any_number_while_others_come_and_go),
		ON_A_FRESH_DEVICE(endpoints_are_walked_in_order),
		ON_A_FRESH_DEVICE(mappings_are_walked_by_where_they_end),
		ON_A_FRESH_DEVICE(counters_count_what_is_held_and_what_was_done),
		ON_A_FRESH_DEVICE(counters_keep_the_most_and_the_longest),
		ON_A_FRESH_DEVICE(a_dump_shows_all_there_is),
		ON_A_FRESH_DEVICE(a_dump_of_very_much_is_cut_short),
		ON_A_FRESH_DEVICE(a_dump_ends_at_the_highest_numbers),
	};

	return cmocka_run_group_tests_name("inspect", tests, NULL, NULL);
}
