/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/*
 * Endpoints: their configuration, and compatibility within a domain. virtio 1.3, "IOMMU Device /
 * ATTACH request".
 */

enum { PLUGGED = 0x80 };

static struct viommu_endpoint endpoint_of(uint32_t id)
{
	return (struct viommu_endpoint){ .size = sizeof(struct viommu_endpoint), .id = id };
}

static int add(struct rig *rig, struct viommu_endpoint endpoint)
{
	endpoint.size = sizeof(endpoint);
	endpoint.id = PLUGGED;
	return viommu_endpoint_add(rig->device, &endpoint);
}

static int update(struct rig *rig, struct viommu_endpoint endpoint)
{
	endpoint.size = sizeof(endpoint);
	endpoint.id = PLUGGED;
	return viommu_endpoint_update(rig->device, &endpoint);
}

static void endpoints_come_and_go(void **state)
{
	const struct viommu_endpoint lowest = endpoint_of(0), highest = endpoint_of(UINT32_MAX);
	const struct viommu_endpoint unknown = endpoint_of(NO_ENDPOINT);
	struct rig *rig = *state;

	assert_int_equal(viommu_endpoint_add(rig->device, &lowest), 0);
	assert_int_equal(viommu_endpoint_add(rig->device, &highest), 0);
	assert_int_equal(viommu_endpoint_add(rig->device, &highest), -EEXIST);
	assert_int_equal(counters(rig).endpoints, 5);
	assert_int_equal(attach(rig, 1, UINT32_MAX), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, 0), VIOMMU_S_OK);
	assert_int_equal(viommu_endpoint_remove(rig->device, 0), 0);
	assert_int_equal(viommu_endpoint_remove(rig->device, 0), -ENOENT);
	assert_string_equal(peek(rig, 0, 0, 1), "no endpoint");
	assert_int_equal(mode_of(rig, UINT32_MAX), VIOMMU_TRANSLATED);
	assert_int_equal(viommu_endpoint_add(rig->device, &lowest), 0);
	assert_int_equal(mode_of(rig, 0), VIOMMU_BLOCKED);
	assert_int_equal(viommu_endpoint_update(rig->device, &unknown), -ENOENT);
}

/* Shows: resv-mem-one-msi, resv-mem-overlap */
static void descriptions_that_break_a_rule_are_refused(void **state)
{
	static const struct viommu_reserved inverted[] = { { 2, 1, 0 } };
	static const struct viommu_reserved overlapping[] = { { 0x2000, 0x3fff, 0 },
							      { 0, 0x2000, 0 } };
	static const struct viommu_reserved same[] = { { 5, 5, 0 }, { 5, 5, 0 } };
	static const struct viommu_reserved around_top[] = { { 1, TOP, 0 }, { TOP, TOP, 0 } };
	static const struct viommu_reserved two_msi[] = { { 0, 1, 1 }, { 2, 3, 1 } };
	static const struct viommu_reserved unknown[] = { { 0, 1, 2 } };
	static const struct {
		const char *what;
		struct viommu_endpoint endpoint;
	} cases[] = {
		{ "a region inverted", { .reserved = inverted, .n_reserved = 1 } },
		{ "regions overlapping", { .reserved = overlapping, .n_reserved = 2 } },
		{ "the same region twice", { .reserved = same, .n_reserved = 2 } },
		{ "overlapping at the top", { .reserved = around_top, .n_reserved = 2 } },
		{ "two MSI regions", { .reserved = two_msi, .n_reserved = 2 } },
		{ "an unknown kind of region", { .reserved = unknown, .n_reserved = 1 } },
		{ "regions that are nowhere", { .n_reserved = 1 } },
		{ "an input range inverted", { .input_first = 0x5000, .input_last = 0x4fff } },
		{ "an input range below", { .input_last = 0xfff } },
		{ "an input range above", { .input_first = 0x100000, .input_last = TOP } },
		{ "an unknown ATS flag", { .has_ats = true, .ats = 1u << 2 } },
	};
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .input_first = 0x1000, .input_last = 0xfffff });
	assert_int_equal(add(rig, (struct viommu_endpoint){ .proximity_domain = 1 }), 0);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		if (update(rig, cases[i].endpoint) != -EINVAL)
			fail_msg("%s is taken as an update", cases[i].what);
		assert_int_equal(viommu_endpoint_remove(rig->device, PLUGGED), 0);
		if (add(rig, cases[i].endpoint) != -EINVAL)
			fail_msg("%s is not refused", cases[i].what);
		assert_int_equal(add(rig, (struct viommu_endpoint){ 0 }), 0);
	}
}

/* Shows: probe-fits */
static void properties_that_do_not_fit_are_refused(void **state)
{
	static const struct viommu_reserved reserved[] = {
		{ 0x5000, 0x5fff, 0 },
		{ 0x1000, 0x1fff, 0 },
		{ 0x3000, 0x3fff, 0 },
	};
	static const struct {
		struct viommu_endpoint endpoint;
		int error;
		const char *answer;
	} cases[] = {
		{ { .reserved = reserved, .n_reserved = 2 },
		  0,
		  "reserved 1000-1fff, reserved 5000-5fff" },
		{ { .reserved = reserved, .n_reserved = 3 }, -ENOSPC, "" },
		{ { .reserved = reserved, .n_reserved = 2, .has_ats = true }, -ENOSPC, "" },
		{ { .reserved = reserved,
		    .n_reserved = 2,
		    .input_first = 0x1000,
		    .input_last = TOP },
		  -ENOSPC,
		  "" },
		{ { .input_first = 0x1000, .input_last = 0xfffff },
		  0,
		  "reserved 0-fff, reserved 100000-ffffffffffffffff" },
		{ { .reserved = reserved, .n_reserved = 1, .has_ats = true, .has_proximity = true },
		  0,
		  "reserved 5000-5fff, proximity 0, ats 0" },
	};
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .probe_size = 2 * VIOMMU_PROBE_RESV_MEM_LENGTH });
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(add(rig, cases[i].endpoint), cases[i].error);
		if (cases[i].error)
			continue;
		assert_int_equal(probe(rig, PLUGGED), VIOMMU_S_OK);
		assert_string_equal(properties(rig), cases[i].answer);
		assert_int_equal(viommu_endpoint_remove(rig->device, PLUGGED), 0);
	}
}

/* A VMM may free its list of regions, and need not sort it. */
static void reserved_regions_are_copied_and_sorted(void **state)
{
	struct viommu_reserved reserved[] = { { 0x9000, 0x9fff, 0 }, { 0x1000, 0x1fff, 0 } };
	struct rig *rig = *state;

	assert_int_equal(
		add(rig, (struct viommu_endpoint){ .reserved = reserved, .n_reserved = 2 }), 0);
	assert_int_equal(reserved[0].first, 0x9000);
	memset(reserved, POISON, sizeof(reserved));
	assert_int_equal(probe(rig, PLUGGED), VIOMMU_S_OK);
	assert_string_equal(properties(rig), "reserved 1000-1fff, reserved 9000-9fff");
}

/* Shows: attach-incompatible, attach-compatible, attach-no-side-effect */
static void an_endpoint_joins_only_a_domain_that_it_could_have(void **state)
{
	static const struct viommu_reserved on_a_mapping = { 0x10000, 0x10fff, 0 };
	static const struct viommu_reserved beside = { 0x30000, 0x30fff, 0 };
	static const struct {
		const char *what;
		struct viommu_endpoint endpoint;
		int status;
	} cases[] = {
		{ "the same granule", { .page_size_mask = 0x11000 }, VIOMMU_S_OK },
		{ "a smaller granule", { .page_size_mask = 0x200 }, VIOMMU_S_OK },
		{ "a larger granule", { .page_size_mask = 0x10000 }, VIOMMU_S_UNSUPP },
		{ "reserved elsewhere", { .reserved = &beside, .n_reserved = 1 }, VIOMMU_S_OK },
		{ "reserved on a mapping",
		  { .reserved = &on_a_mapping, .n_reserved = 1 },
		  VIOMMU_S_UNSUPP },
		{ "a range that holds all",
		  { .input_first = 0x10000, .input_last = 0x2ffff },
		  VIOMMU_S_OK },
		{ "a range that begins late",
		  { .input_first = 0x10001, .input_last = TOP },
		  VIOMMU_S_UNSUPP },
		{ "a range that ends early",
		  { .input_first = 0, .input_last = 0x2fffe },
		  VIOMMU_S_UNSUPP },
	};
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x10000, 0x1ffff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x20000, 0x2ffff, 0, R), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 2, EP2), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int status;

		assert_int_equal(add(rig, cases[i].endpoint), 0);
		assert_int_equal(attach(rig, 3, PLUGGED), VIOMMU_S_OK);
		status = attach(rig, 1, PLUGGED);
		if (status != cases[i].status)
			fail_msg("%s: status %d, not %d", cases[i].what, status, cases[i].status);
		assert_int_equal(detach(rig, status ? 3 : 1, PLUGGED), VIOMMU_S_OK);
		assert_int_equal(attach_bypass(rig, 2, PLUGGED), VIOMMU_S_OK);
		assert_int_equal(viommu_endpoint_remove(rig->device, PLUGGED), 0);
	}
}

/* Shows: map-aligned, map-input-range */
static void what_one_endpoint_cannot_have_its_domain_does_not_get(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(add(rig, (struct viommu_endpoint){ .page_size_mask = 0x10000,
							    .input_first = 0x10000,
							    .input_last = 0xfffff }),
			 0);
	assert_int_equal(attach(rig, 1, PLUGGED), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x20000, 0x20fff, 0, R), VIOMMU_S_RANGE);
	assert_int_equal(map(rig, 1, 0, 0xffff, 0, R), VIOMMU_S_RANGE);
	assert_int_equal(map(rig, 1, 0xf0000, 0x10ffff, 0, R), VIOMMU_S_RANGE);
	assert_int_equal(map(rig, 1, 0x10000, 0xfffff, 0, R), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_UNSUPP);
}

/* Shows: attach-incompatible */
static void a_granule_counts_even_while_nothing_is_mapped(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(add(rig, (struct viommu_endpoint){ .page_size_mask = 0x10000 }), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, PLUGGED), VIOMMU_S_UNSUPP);
	assert_int_equal(attach(rig, 2, PLUGGED), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_UNSUPP);
}

/* Shows: endpoint-update */
static void an_update_is_answered_at_the_next_probe(void **state)
{
	static const struct viommu_reserved reserved = { 0x1000, 0x1fff, 1 };
	struct rig *rig = *state;

	assert_int_equal(add(rig, (struct viommu_endpoint){ .has_proximity = true }), 0);
	assert_int_equal(attach(rig, 1, PLUGGED), VIOMMU_S_OK);
	assert_int_equal(
		update(rig, (struct viommu_endpoint){ .reserved = &reserved, .n_reserved = 1 }), 0);
	assert_int_equal(probe(rig, PLUGGED), VIOMMU_S_OK);
	assert_string_equal(properties(rig), "msi 1000-1fff");
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_INVAL);
	assert_int_equal(update(rig, (struct viommu_endpoint){ 0 }), 0);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_OK);
}

/* Shows: endpoint-update */
static void an_update_that_its_domain_cannot_have_is_refused(void **state)
{
	static const struct viommu_reserved reserved = { 0x1000, 0x1fff, 0 };
	static const struct viommu_endpoint cases[] = {
		{ .reserved = &reserved, .n_reserved = 1 },
		{ .page_size_mask = 0x10000 },
		{ .input_first = 0x2000, .input_last = TOP },
		{ .input_first = 0, .input_last = 0x17ff },
	};
	struct rig *rig = *state;

	assert_int_equal(add(rig, (struct viommu_endpoint){ 0 }), 0);
	assert_int_equal(attach(rig, 1, PLUGGED), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(update(rig, cases[i]), -EBUSY);
		assert_int_equal(probe(rig, PLUGGED), VIOMMU_S_OK);
		assert_string_equal(properties(rig), "");
		assert_string_equal(peek(rig, PLUGGED, 0x1000, 1), "8000+1 r");
	}
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(update(rig, cases[i]), 0);
}

/* Shows: endpoint-update, map-aligned */
static void a_granule_changes_only_for_an_endpoint_that_is_alone(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(add(rig, (struct viommu_endpoint){ 0 }), 0);
	assert_int_equal(attach(rig, 1, PLUGGED), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(update(rig, (struct viommu_endpoint){ .page_size_mask = 0x10000 }),
			 -EBUSY);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(update(rig, (struct viommu_endpoint){ .page_size_mask = 0x10000 }), 0);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_RANGE);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_UNSUPP);
}

/* -- order, and questions beforehand ------------------------------------------------------- */

static const char *misfit(struct rig *rig, struct viommu_endpoint endpoint, uint64_t from)
{
	static const char *const names[] = { "", "granule", "table", "input", "reserved" };
	struct viommu_misfit found;
	int error;

	endpoint.size = sizeof(endpoint);
	error = viommu_next_misfit(rig->device, 1, &endpoint, from, &found);
	if (error == -ENOENT)
		return "fits";
	assert_int_equal(error, 0);
	snprintf(rig->words, sizeof(rig->words), "%s %llx-%llx, endpoint %llx-%llx, %llx and %llx",
		 names[found.reason], (unsigned long long)found.first,
		 (unsigned long long)found.last, (unsigned long long)found.endpoint_first,
		 (unsigned long long)found.endpoint_last, (unsigned long long)found.domain_granule,
		 (unsigned long long)found.endpoint_granule);
	return rig->words;
}

/* Shows: attach-incompatible */
static void what_does_not_fit_is_reported_beforehand_with_both_values(void **state)
{
	static const struct viommu_reserved reserved[] = {
		{ 0x28000, 0x28fff, 0 },
		{ 0x18000, 0x18fff, 0 },
		{ 0x19000, 0x19fff, 0 },
	};
	static const struct viommu_endpoint of_range = { .input_first = 0x18000,
							 .input_last = 0x27fff };
	static const struct viommu_endpoint of_both = {
		.input_first = 0x20000, .input_last = 0x2ffff, .reserved = reserved, .n_reserved = 3
	};
	static const struct {
		const struct viommu_endpoint *endpoint;
		uint64_t from;
		const char *words;
	} cases[] = {
		{ &of_range, 0, "input 10000-1ffff, endpoint 18000-27fff, 1000 and 1000" },
		{ &of_range, 0x1ffff, "input 10000-1ffff, endpoint 18000-27fff, 1000 and 1000" },
		{ &of_range, 0x20000, "input 20000-2ffff, endpoint 18000-27fff, 1000 and 1000" },
		{ &of_range, 0x30000, "fits" },
		{ &of_both, 0, "input 10000-1ffff, endpoint 20000-2ffff, 1000 and 1000" },
		{ &of_both, 0x20000, "reserved 20000-2ffff, endpoint 28000-28fff, 1000 and 1000" },
		{ &of_both, 0x29000, "reserved 20000-2ffff, endpoint 28000-28fff, 1000 and 1000" },
		{ &of_both, 0x30000, "fits" },
	};
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x10000, 0x1ffff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x20000, 0x2ffff, 0, R), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_string_equal(misfit(rig, *cases[i].endpoint, cases[i].from), cases[i].words);
}

/* Shows: attach-incompatible */
static void what_concerns_a_whole_domain_is_reported_beforehand(void **state)
{
	static const struct viommu_endpoint large = { .page_size_mask = 0x10000 };
	static const struct viommu_endpoint inverted = { .size = sizeof(inverted),
							 .input_first = 2,
							 .input_last = 1 };
	struct viommu_misfit found = { 0 };
	struct rig *rig = *state;

	assert_string_equal(misfit(rig, large, 0), "fits");
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(misfit(rig, (struct viommu_endpoint){ .id = EP }, 0), "fits");
	assert_string_equal(misfit(rig, large, 0),
			    "granule 0-ffffffffffffffff, endpoint 0-0, 1000 and 10000");
	assert_int_equal(viommu_next_misfit(rig->device, 1, &inverted, 0, &found), -EINVAL);
	assert_int_equal(found.reason, VIOMMU_FITS);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(misfit(rig, large, 0), "fits");
}

/* Shows: probe-fits */
static void what_an_endpoint_needs_is_reported_beforehand(void **state)
{
	static const struct viommu_reserved reserved[] = { { 0x20000, 0x20fff, 0 },
							   { 0x30000, 0x30fff, 1 } };
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
					    .id = EP,
					    .page_size_mask = 0x10000,
					    .input_first = 0x10000,
					    .input_last = TOP,
					    .reserved = reserved,
					    .n_reserved = 2,
					    .has_ats = true };
	struct viommu_needs needs = { .size = sizeof(needs) };
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .probe_size = VIOMMU_PROBE_RESV_MEM_LENGTH,
					     .input_last = 0xffffff });
	assert_int_equal(viommu_endpoint_needs(rig->device, &endpoint, &needs), 0);
	assert_int_equal(needs.granule, 0x10000);
	assert_int_equal(needs.input_first, 0x10000);
	assert_int_equal(needs.input_last, 0xffffff);
	assert_int_equal(needs.probe_size, 3 * VIOMMU_PROBE_RESV_MEM_LENGTH + 8);
	endpoint.id = PLUGGED;
	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), -ENOSPC);
	replace(rig, (struct viommu_config){ .probe_size = needs.probe_size });
	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	endpoint.input_first = 2;
	endpoint.input_last = 1;
	assert_int_equal(viommu_endpoint_needs(rig->device, &endpoint, &needs), -EINVAL);
	needs.size = 0;
	assert_int_equal(viommu_endpoint_needs(rig->device, &endpoint, &needs), -EINVAL);
}

enum { N_ENDPOINTS = 4, N_MAPPINGS = 8, N_STEPS = N_ENDPOINTS + N_MAPPINGS, N_PAGES = 16 };

struct pages {
	uint64_t first, last;
};

/* Endpoints and mappings of one domain, in pages. */
struct crowd {
	struct pages input[N_ENDPOINTS], reserved[N_ENDPOINTS], mapping[N_MAPPINGS];
	bool is_attached[N_ENDPOINTS], is_mapped[N_MAPPINGS];
};

static uint64_t random_below(uint64_t *seed, uint64_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (*seed >> 33) % n;
}

static struct pages random_pages(uint64_t *seed, uint64_t n)
{
	uint64_t first = random_below(seed, N_PAGES), last = first + random_below(seed, n);

	return (struct pages){ first, last < N_PAGES ? last : N_PAGES - 1 };
}

static bool touch(struct pages a, struct pages b)
{
	return a.first <= b.last && b.first <= a.last;
}

static bool fit(const struct crowd *crowd, int endpoint, int mapping)
{
	struct pages input = crowd->input[endpoint], range = crowd->mapping[mapping];

	return range.first >= input.first && range.last <= input.last &&
	       !touch(range, crowd->reserved[endpoint]);
}

static void attach_one(struct rig *rig, struct crowd *crowd, int i)
{
	struct viommu_reserved reserved = { crowd->reserved[i].first * PAGE,
					    crowd->reserved[i].last * PAGE + PAGE - 1, 0 };
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
					    .id = PLUGGED + (uint32_t)i,
					    .input_first = crowd->input[i].first * PAGE,
					    .input_last = crowd->input[i].last * PAGE + PAGE - 1,
					    .reserved = &reserved,
					    .n_reserved = 1 };
	bool fits = true;

	for (int mapping = 0; mapping < N_MAPPINGS; mapping++)
		fits = fits && (!crowd->is_mapped[mapping] || fit(crowd, i, mapping));
	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	assert_int_equal(!strcmp(misfit(rig, endpoint, 0), "fits"), fits);
	assert_int_equal(attach(rig, 1, endpoint.id), fits ? VIOMMU_S_OK : VIOMMU_S_UNSUPP);
	crowd->is_attached[i] = fits;
}

static void map_one(struct rig *rig, struct crowd *crowd, int i)
{
	uint64_t first = crowd->mapping[i].first, last = crowd->mapping[i].last;
	bool fits = true;
	int status;

	for (int endpoint = 0; endpoint < N_ENDPOINTS; endpoint++)
		fits = fits && (!crowd->is_attached[endpoint] || fit(crowd, endpoint, i));
	for (int other = 0; other < N_MAPPINGS; other++)
		fits = fits && (!crowd->is_mapped[other] ||
				!touch(crowd->mapping[i], crowd->mapping[other]));
	status = map(rig, 1, first * PAGE, last * PAGE + PAGE - 1, 0, R);
	assert_int_equal(status == VIOMMU_S_OK, fits);
	crowd->is_mapped[i] = fits;
}

/* Shows: attach-map-order */
static void the_order_of_endpoints_and_mappings_does_not_matter(void **state)
{
	struct rig *rig = *state;

	for (uint64_t round = 0, seed = 1; round < 300; round++) {
		struct crowd crowd = { .is_attached = { false } };
		int steps[N_STEPS] = { 0 };

		replace(rig, (struct viommu_config){ 0 });
		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		for (int i = 0; i < N_STEPS; i++) {
			uint64_t at = random_below(&seed, (uint64_t)i + 1);

			steps[i] = steps[at];
			steps[at] = i;
			if (i < N_MAPPINGS)
				crowd.mapping[i] = random_pages(&seed, 3);
			if (i >= N_ENDPOINTS)
				continue;
			crowd.input[i] = random_pages(&seed, 2 * N_PAGES);
			crowd.reserved[i] = random_pages(&seed, 2);
		}
		for (int i = 0; i < N_STEPS; i++) {
			if (steps[i] < N_ENDPOINTS)
				attach_one(rig, &crowd, steps[i]);
			else
				map_one(rig, &crowd, steps[i] - N_ENDPOINTS);
		}
	}
}

/* -- many ---------------------------------------------------------------------------------- */

enum { MANY = 300, FIRST = 0x1000 };

static int plug_in(struct rig *rig, uint32_t i)
{
	const struct viommu_endpoint endpoint = endpoint_of(FIRST + i);

	return viommu_endpoint_add(rig->device, &endpoint);
}

/* However full what they are looked up in may be: the search for others ends. */
static void one_that_is_not_there_is_never_found(void **state)
{
	struct rig *rig = *state;

	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(plug_in(rig, i), 0);
		for (uint32_t other = FIRST + MANY; other < FIRST + 2 * MANY; other++)
			assert_string_equal(peek(rig, other, 0, 1), "no endpoint");
	}
}

static void all_others_are_found_when_some_come_and_go(void **state)
{
	enum { N_ROUNDS = 2000, STEP = 7 };
	bool there[MANY] = { false };
	struct rig *rig = *state;

	for (uint32_t round = 0; round < N_ROUNDS; round++) {
		uint32_t i = round * round / STEP % MANY;

		assert_int_equal(there[i] ? viommu_endpoint_remove(rig->device, FIRST + i)
					  : plug_in(rig, i),
				 0);
		there[i] = !there[i];
		for (uint32_t other = round % STEP; other < MANY; other += STEP)
			assert_string_equal(peek(rig, FIRST + other, 0, 1),
					    there[other] ? "fault" : "no endpoint");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(endpoints_come_and_go),
		ON_A_FRESH_DEVICE(descriptions_that_break_a_rule_are_refused),
		ON_A_FRESH_DEVICE(properties_that_do_not_fit_are_refused),
		ON_A_FRESH_DEVICE(reserved_regions_are_copied_and_sorted),
		ON_A_FRESH_DEVICE(an_endpoint_joins_only_a_domain_that_it_could_have),
		ON_A_FRESH_DEVICE(what_one_endpoint_cannot_have_its_domain_does_not_get),
		ON_A_FRESH_DEVICE(a_granule_counts_even_while_nothing_is_mapped),
		ON_A_FRESH_DEVICE(an_update_is_answered_at_the_next_probe),
		ON_A_FRESH_DEVICE(an_update_that_its_domain_cannot_have_is_refused),
		ON_A_FRESH_DEVICE(a_granule_changes_only_for_an_endpoint_that_is_alone),
		ON_A_FRESH_DEVICE(what_does_not_fit_is_reported_beforehand_with_both_values),
		ON_A_FRESH_DEVICE(what_concerns_a_whole_domain_is_reported_beforehand),
		ON_A_FRESH_DEVICE(what_an_endpoint_needs_is_reported_beforehand),
		cmocka_unit_test_setup_teardown(the_order_of_endpoints_and_mappings_does_not_matter,
						plug, unplug),
		cmocka_unit_test_setup_teardown(one_that_is_not_there_is_never_found, plug, unplug),
		cmocka_unit_test_setup_teardown(all_others_are_found_when_some_come_and_go, plug,
						unplug),
	};

	return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
