/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <unistd.h>

#include "rig.h"

/*
 * Random requests in batches that end by viommu_batch_yield(), with listeners that refuse, and that
 * commit later, in any order
 *
 * Each endpoint has one listener, which follows PASIDs as well. It keeps what each slot has: a call
 * of `map` is for a slot with the domain that lacks the mapping. When nothing is put off, each slot
 * must have the mappings of its domain. A device is freed in the middle of what it does.
 */

enum { N_ENDPOINTS = 3, N_DOMAINS = 4, N_PASIDS = 2, N_SLOTS = N_PASIDS + 1, PAGES = 300 };
enum { ROUNDS = 500, BATCHES = 100, MOST_IN_BATCH = 4, CHANCE = 6, DEFAULT = N_PASIDS };

/* For a device that does not end what it does, with its lock. */
#define SECONDS_MAX 120

static const uint32_t endpoints[N_ENDPOINTS] = { EP, EP2, EP3 };

struct slot {
	bool is_followed; /* a PASID: it has this domain */
	uint32_t domain;
	bool has[N_DOMAINS][PAGES];
	unsigned n;
};

struct ear {
	struct bench *bench;
	struct slot slots[N_SLOTS];
	int mode;
	uint64_t token; /* of the commit that is pending, or 0 */
};

struct submitted {
	struct submitted *next;
	uint8_t bytes[VIOMMU_MAP_LENGTH], tail[VIOMMU_TAIL_LENGTH];
	bool is_answered;
};

struct bench {
	struct viommu *device;
	struct ear ears[N_ENDPOINTS];
	struct submitted *requests;
	bool may_refuse;
};

/* Like rand(), and the same everywhere. */
static unsigned pick(unsigned n)
{
	static uint32_t seed = 1;

	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* -- the listener ------------------------------------------------------------------------- */

static int refuse_or_not(const struct ear *ear, unsigned chance)
{
	static const int errors[] = { -ENOMEM, -EINVAL, -EIO };

	return ear->bench->may_refuse && !pick(chance) ? errors[pick(COUNT_OF(errors))] : 0;
}

static bool *place(struct slot *slot, const struct viommu_mapping *mapping)
{
	assert_in_range(mapping->domain, 0, N_DOMAINS - 1);
	assert_in_range(mapping->first / PAGE, 0, PAGES - 1);
	return &slot->has[mapping->domain][mapping->first / PAGE];
}

/* PASIDs first, because the default slot may have any domain. */
static int on_map(void *opaque, const struct viommu_mapping *mapping)
{
	struct ear *ear = opaque;

	if (refuse_or_not(ear, PAGES * CHANCE))
		return -ENOSPC;
	for (size_t i = 0; i < N_SLOTS; i++) {
		struct slot *slot = &ear->slots[i];
		bool *has = place(slot, mapping);

		if (*has ||
		    (i != DEFAULT && !(slot->is_followed && slot->domain == mapping->domain)))
			continue;
		assert_true(i != DEFAULT || ear->mode == VIOMMU_TRANSLATED);
		*has = true;
		slot->n++;
		return 0;
	}
	fail_msg("every slot has the mapping");
	return 0;
}

/* The default slot first: what a PASID has left ends with `space`. */
static void on_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	struct ear *ear = opaque;

	for (size_t i = N_SLOTS; i-- > 0;) {
		bool *has = place(&ear->slots[i], mapping);

		if (!*has)
			continue;
		*has = false;
		ear->slots[i].n--;
		return;
	}
	fail_msg("no slot has the mapping");
}

static int on_mode(void *opaque, enum viommu_mode mode)
{
	struct ear *ear = opaque;

	assert_int_equal(ear->slots[DEFAULT].n, 0);
	ear->mode = (int)mode;
	return mode == VIOMMU_BLOCKED ? 0 : refuse_or_not(ear, CHANCE);
}

static int on_space(void *opaque, uint32_t pasid, const struct viommu_space *space)
{
	struct ear *ear = opaque;

	assert_in_range(pasid, 0, N_PASIDS - 1);
	ear->slots[pasid] = (struct slot){ .is_followed = space->mode != VIOMMU_BLOCKED,
					   .domain = space->domain };
	return space->mode == VIOMMU_BLOCKED ? 0 : refuse_or_not(ear, CHANCE);
}

static int on_commit(void *opaque, uint64_t token)
{
	struct ear *ear = opaque;
	int error = refuse_or_not(ear, CHANCE);

	assert_true(!token || !ear->token);
	ear->token = !error && pick(2) ? token : 0;
	return ear->token ? VIOMMU_PENDING : error;
}

static void complete_some(struct bench *bench)
{
	size_t first = pick(N_ENDPOINTS);

	for (size_t i = 0; i < N_ENDPOINTS; i++) {
		struct ear *ear = &bench->ears[(first + i) % N_ENDPOINTS];
		uint64_t token = ear->token;

		if (!token || pick(2))
			continue;
		ear->token = 0;
		assert_int_equal(
			viommu_listener_complete(bench->device, token, refuse_or_not(ear, CHANCE)),
			0);
	}
}

/* -- the guest ---------------------------------------------------------------------------- */

static void on_answered(void *opaque, void *cookie, size_t used)
{
	struct submitted *request = cookie;

	(void)opaque;
	(void)used;
	assert_false(request->is_answered);
	request->is_answered = true;
}

static void submit(struct bench *bench, const void *bytes, size_t length)
{
	struct submitted *request = calloc(1, sizeof(*request));
	struct iovec in, out;
	size_t used;

	assert_non_null(request);
	memcpy(request->bytes, bytes, length);
	request->next = bench->requests;
	bench->requests = request;
	in = (struct iovec){ request->bytes, length };
	out = (struct iovec){ request->tail, sizeof(request->tail) };
	used = viommu_batch_submit(bench->device, &in, 1, &out, 1, request);
	if (used != VIOMMU_LATER)
		on_answered(bench, request, used);
}

#define SUBMIT(bench, ...) \
	submit(bench, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* What a request is about. */
struct target {
	uint32_t domain, endpoint, flags, pasid;
};

static void attach_one(struct bench *bench, const struct target *t)
{
	SUBMIT(bench, ATTACH(t->domain, t->endpoint, t->flags, t->pasid));
}

static void detach_one(struct bench *bench, const struct target *t)
{
	SUBMIT(bench, HEAD(VIOMMU_T_DETACH), LE32(t->domain), LE32(t->endpoint), LE32(t->flags),
	       LE32(t->pasid));
}

static void detach_all(struct bench *bench, const struct target *t)
{
	SUBMIT(bench, HEAD(VIOMMU_T_DETACH), LE32(0), LE32(t->endpoint), LE32(VIOMMU_SLOT_F_ALL),
	       LE32(0));
}

static void map_page(struct bench *bench, const struct target *t, uint64_t page)
{
	const uint64_t at = page * PAGE;

	SUBMIT(bench, MAP(t->domain, at, at + PAGE - 1, at, R));
}

static void map_one(struct bench *bench, const struct target *t)
{
	map_page(bench, t, pick(PAGES));
}

static void map_all(struct bench *bench, const struct target *t)
{
	for (uint64_t page = 0; page < PAGES; page++)
		map_page(bench, t, page);
}

static void unmap_some(struct bench *bench, const struct target *t)
{
	const uint64_t first = pick(PAGES), last = first + pick(PAGES);

	SUBMIT(bench, UNMAP(t->domain, first * PAGE, last * PAGE + PAGE - 1, 0));
}

static void unmap_all(struct bench *bench, const struct target *t)
{
	SUBMIT(bench, UNMAP(t->domain, 0, TOP, 0));
}

static void submit_any(struct bench *bench)
{
	static void (*const steps[])(struct bench * bench, const struct target *t) = {
		attach_one, attach_one, attach_one, detach_one, detach_all,
		map_one,    map_all,    unmap_some, unmap_all,
	};
	const bool with_pasid = pick(2);
	struct target target = { .domain = pick(N_DOMAINS) };

	target.endpoint = endpoints[pick(N_ENDPOINTS)];
	if (with_pasid) {
		target.flags = VIOMMU_SLOT_F_PASID;
		target.pasid = pick(N_PASIDS);
	}
	steps[pick(COUNT_OF(steps))](bench, &target);
}

/* -- in step ------------------------------------------------------------------------------ */

/* The slot has the mappings of the domain; or of none. */
static void assert_slot(struct bench *bench, const struct slot *slot, const uint32_t *domain)
{
	struct viommu_mapping mapping;
	unsigned n = 0;

	for (uint64_t from = 0;
	     domain && !viommu_next_mapping(bench->device, *domain, from, &mapping);
	     from = mapping.last + 1, n++)
		assert_true(slot->has[*domain][mapping.first / PAGE]);
	assert_int_equal(slot->n, n);
}

static void assert_in_step(struct bench *bench)
{
	struct viommu_counters counters = { .size = sizeof(counters) };

	viommu_flush(bench->device);
	viommu_count(bench->device, &counters);
	assert_int_equal(counters.pending, 0);
	for (const struct submitted *r = bench->requests; r; r = r->next)
		assert_true(r->is_answered);
	for (size_t i = 0; i < N_ENDPOINTS; i++) {
		const struct ear *ear = &bench->ears[i];
		struct viommu_endpoint_state state;

		assert_int_equal(viommu_next_endpoint(bench->device, endpoints[i], &state), 0);
		assert_slot(bench, &ear->slots[DEFAULT], state.attached ? &state.domain : NULL);
		for (uint32_t pasid = 0; pasid < N_PASIDS; pasid++) {
			struct viommu_slot_state slot;
			bool any = !viommu_next_slot(bench->device, endpoints[i], pasid, &slot) &&
				   slot.pasid == pasid;

			assert_int_equal(ear->slots[pasid].is_followed, any);
			assert_slot(bench, &ear->slots[pasid], any ? &slot.domain : NULL);
		}
	}
}

/* -- setup -------------------------------------------------------------------------------- */

static void start(struct bench *bench)
{
	const struct viommu_config config = {
		.size = sizeof(config),
		.features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID,
		.max_batch_calls = 16 + pick(PAGES),
	};
	const struct viommu_ops ops = { .size = sizeof(ops), .answered = on_answered };
	const struct viommu_listener_ops listener = {
		.size = sizeof(listener),
		.map = on_map,
		.unmap = on_unmap,
		.mode = on_mode,
		.commit = on_commit,
		.space = on_space,
	};
	struct viommu_listener *added;

	bench->may_refuse = false;
	assert_int_equal(viommu_new(&config, &ops, bench, &bench->device), 0);
	for (size_t i = 0; i < N_ENDPOINTS; i++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							  .id = endpoints[i],
							  .pasid_bits = 8 };

		bench->ears[i] = (struct ear){ .bench = bench };
		assert_int_equal(viommu_endpoint_add(bench->device, &endpoint), 0);
		assert_int_equal(viommu_listen(bench->device, endpoints[i], &listener,
					       &bench->ears[i], &added),
				 0);
	}
	assert_int_equal(viommu_accept(bench->device, config.features), 0);
	bench->may_refuse = pick(2);
}

static void stop(struct bench *bench)
{
	viommu_free(bench->device);
	while (bench->requests) {
		struct submitted *request = bench->requests;

		bench->requests = request->next;
		free(request);
	}
}

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct bench));
	assert_non_null(*state);
	alarm(SECONDS_MAX);
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	alarm(0);
	return 0;
}

/* -- tests -------------------------------------------------------------------------------- */

static void run_batch(struct bench *bench)
{
	viommu_batch_begin(bench->device);
	for (unsigned n = pick(MOST_IN_BATCH); n && !viommu_batch_pause(bench->device); n--)
		submit_any(bench);
	if (pick(8))
		viommu_batch_yield(bench->device);
	else
		viommu_batch_end(bench->device);
	complete_some(bench);
}

static void listeners_have_what_their_slots_reach(void **state)
{
	struct bench *bench = *state;

	for (unsigned round = 0; round < ROUNDS; round++) {
		start(bench);
		for (unsigned n = 1 + pick(BATCHES); n; n--) {
			run_batch(bench);
			if (!pick(BATCHES / 2))
				assert_in_step(bench);
		}
		if (pick(2))
			assert_in_step(bench);
		stop(bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(listeners_have_what_their_slots_reach, set_up,
						tear_down),
	};

	return cmocka_run_group_tests_name("batches", tests, NULL, NULL);
}
