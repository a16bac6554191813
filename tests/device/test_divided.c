/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "rig.h"

/*
 * Requests with very many calls of listeners, in batches that end by viommu_batch_yield()
 *
 * EP has two listeners. Domains 1 and 2 have N mappings each, and endpoints without listeners, so
 * that they last. A listener checks that it has each mapping once, and in which order both are
 * called.
 */

enum { N = 1000, CALLS = 64, SLACK = 4, CLOCK_CALLS = 64, MAX_REQUESTS = 512, N_DOMAINS = 3 };

/* For a device that does not end what it does, with its lock. */
#define SECONDS_MAX 120

struct ear {
	struct bench *bench;
	unsigned turn; /* 0: the first listener */
	bool has[N_DOMAINS][N];
	unsigned n_held;
	unsigned refuses_at; /* that many calls of `map` from now; 0: none */
	int mode;
	unsigned n_spaces;
	uint8_t table;          /* of the default slot: which page */
	uint32_t pasid, holder; /* of the last call of `space`, and of `map` */
	bool commits;           /* later */
	uint64_t token;         /* of its commit that is pending, or 0 */
	unsigned n_refusals;    /* of commits, that follow */
};

struct bench {
	struct viommu *device;
	struct ear ears[2];
	unsigned n_calls;
	unsigned last_turn; /* in the phase: listeners are called one after the other */
	struct submitted {
		uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH], tail[VIOMMU_TAIL_LENGTH];
		bool is_answered;
		size_t used;
	} requests[MAX_REQUESTS];
	size_t n_requests;
	uint64_t token;  /* of a commit that is pending */
	bool is_quick;   /* commits at once */
	unsigned n_rest; /* calls of `rest` */
};

static uint64_t iova_of(uint32_t domain, size_t i)
{
	return (domain * 0x10000 + i) * PAGE;
}

static bool *place(struct ear *ear, const struct viommu_mapping *mapping)
{
	uint64_t i = mapping->first / PAGE - mapping->domain * 0x10000;

	assert_in_range(mapping->domain, 0, N_DOMAINS - 1);
	assert_in_range(i, 0, N - 1);
	return &ear->has[mapping->domain][i];
}

static uint64_t reach(struct bench *bench, uint64_t iova)
{
	struct viommu_translation to;

	return viommu_translate(bench->device, EP, iova, 1, R | VIOMMU_ACCESS_QUIET, &to)
		       ? 0
		       : to.address;
}

static int on_map(void *opaque, const struct viommu_mapping *mapping)
{
	struct ear *ear = opaque;

	ear->bench->n_calls++;
	assert_int_equal(ear->mode, VIOMMU_TRANSLATED);
	assert_true(ear->turn >= ear->bench->last_turn);
	ear->bench->last_turn = ear->turn;
	if (ear->refuses_at && !--ear->refuses_at)
		return ear->turn ? -ENOSPC : -EIO;
	assert_false(*place(ear, mapping));
	*place(ear, mapping) = true;
	ear->holder = ear->pasid;
	ear->n_held++;
	return 0;
}

static void on_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	struct ear *ear = opaque;

	ear->bench->n_calls++;
	assert_true(*place(ear, mapping));
	assert_int_equal(reach(ear->bench, mapping->first), 0);
	*place(ear, mapping) = false;
	ear->n_held--;
	ear->bench->last_turn = 0;
}

static int on_mode(void *opaque, enum viommu_mode mode)
{
	struct ear *ear = opaque;

	ear->bench->n_calls++;
	assert_int_equal(ear->n_held, 0);
	ear->pasid = VIOMMU_NO_PASID;
	ear->mode = (int)mode;
	return 0;
}

/* What the default slot had before has been unmapped. That of a PASID ends with the call. */
static int on_space(void *opaque, uint32_t pasid, const struct viommu_space *space)
{
	struct ear *ear = opaque;

	ear->bench->n_calls++;
	ear->n_spaces++;
	if (pasid == VIOMMU_NO_PASID) {
		assert_int_equal(ear->n_held, 0);
		ear->table = space->body[1] >> 4;
	} else if (ear->holder == pasid) {
		memset(ear->has, 0, sizeof(ear->has));
		ear->n_held = 0;
	}
	ear->pasid = pasid;
	ear->bench->last_turn = ear->turn;
	ear->mode = (int)space->mode;
	return 0;
}

static int on_commit(void *opaque, uint64_t token)
{
	struct ear *ear = opaque;

	if (ear->n_refusals) {
		ear->n_refusals--;
		return -ENOSPC;
	}
	if (!ear->commits)
		return 0;
	assert_true(!token || !ear->token);
	ear->token = ear->bench->token = ear->bench->is_quick ? 0 : token;
	return ear->token ? VIOMMU_PENDING : 0;
}

/* By the listener that has the token. */
static void complete_token(struct bench *bench, uint64_t token, int result)
{
	for (size_t i = 0; i < COUNT_OF(bench->ears); i++)
		if (bench->ears[i].token == token)
			bench->ears[i].token = 0;
	assert_int_equal(viommu_listener_complete(bench->device, token, result), 0);
}

static void on_answered(void *opaque, void *cookie, size_t used)
{
	struct submitted *request = cookie;

	(void)opaque;
	assert_false(request->is_answered);
	request->is_answered = true;
	request->used = used;
}

/* -- requests ------------------------------------------------------------------------------ */

static struct submitted *submit(struct bench *bench, const void *bytes, size_t length,
				bool in_batch)
{
	struct submitted *request = &bench->requests[bench->n_requests++ % MAX_REQUESTS];
	const struct iovec in = { request->bytes, length };
	const struct iovec out = { request->tail, sizeof(request->tail) };
	size_t used;

	memcpy(request->bytes, bytes, length);
	memset(request->tail, POISON, sizeof(request->tail));
	request->is_answered = false;
	used = in_batch ? viommu_batch_submit(bench->device, &in, 1, &out, 1, request)
			: viommu_submit(bench->device, &in, 1, &out, 1, request);
	if (used != VIOMMU_LATER)
		on_answered(bench, request, used);
	return request;
}

#define BYTES(...)                     (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
#define SUBMIT(bench, ...)             submit(bench, BYTES(__VA_ARGS__), false)
#define assert_answer(request, status) assert_true(has_answer(request, status))
#define attach_ears(bench, domain)     SUBMIT_IN_BATCHES(bench, ATTACH(domain, EP, 0, 0))
#define begin_attach(bench, domain)    begin_divided(bench, BYTES(ATTACH(domain, EP, 0, 0)))
#define SUBMIT_IN_BATCHES(bench, ...)  submit_in_batches(bench, BYTES(__VA_ARGS__))

static bool has_answer(const struct submitted *request, uint8_t status)
{
	return request->is_answered && request->used == VIOMMU_TAIL_LENGTH &&
	       request->tail[0] == status;
}

/* A batch without a request. Returns what viommu_batch_yield() does. */
static uint64_t continue_batch(struct bench *bench)
{
	viommu_batch_begin(bench->device);
	assert_int_equal(viommu_batch_pause(bench->device), 1);
	return viommu_batch_yield(bench->device);
}

/* A batch with a request that it divides. */
static struct submitted *begin_divided(struct bench *bench, const void *bytes, size_t length)
{
	struct submitted *request;

	bench->n_calls = bench->last_turn = 0;
	viommu_batch_begin(bench->device);
	assert_int_equal(viommu_batch_pause(bench->device), 0);
	request = submit(bench, bytes, length, true);
	assert_int_not_equal(viommu_batch_yield(bench->device), 0);
	assert_in_range(bench->n_calls, 1, CALLS + SLACK);
	assert_false(request->is_answered);
	return request;
}

/* The endpoint is blocked until the request is answered, and no batch makes too many calls. */
static struct submitted *submit_in_batches(struct bench *bench, const void *bytes, size_t length)
{
	struct submitted *request = begin_divided(bench, bytes, length);
	unsigned before;
	uint64_t rest;

	do {
		assert_int_equal(reach(bench, iova_of(1, 0)) | reach(bench, iova_of(2, 0)), 0);
		assert_false(request->is_answered);
		before = bench->n_calls;
		rest = continue_batch(bench);
		assert_in_range(bench->n_calls - before, 1, CALLS + SLACK);
	} while (rest);
	assert_true(request->is_answered);
	return request;
}

/* The listeners have all mappings of a domain, and nothing else; 0: nothing. */
static void assert_heard(const struct bench *bench, uint32_t domain)
{
	for (size_t e = 0; e < COUNT_OF(bench->ears); e++) {
		const struct ear *ear = &bench->ears[e];

		assert_int_equal(ear->n_held, domain ? N : 0);
		for (size_t i = 0; domain && i < N; i++)
			assert_true(ear->has[domain][i]);
	}
}

/* -- setup ------------------------------------------------------------------------------- */

static void on_rest(void *opaque)
{
	struct bench *bench = opaque;

	bench->n_rest++;
}

static int set_up_for(void **state, const struct viommu_config *config,
		      const struct viommu_ops *ops)
{
	static const struct viommu_listener_ops plain = { .size = sizeof(plain),
							  .map = on_map,
							  .unmap = on_unmap,
							  .mode = on_mode,
							  .space = on_space };
	struct viommu_listener_ops listener = plain;
	static const struct viommu_table_format format = {
		VIOMMU_TABLE_GENERIC, 48, 52, 0x40201000, 0, VIOMMU_TABLE_F_NEST,
	};
	static const uint32_t endpoints[] = { EP, EP2, EP3 };
	struct bench *bench = calloc(1, sizeof(*bench));
	bool has_spaces = config->features & VIOMMU_F_NEST;
	struct viommu_listener *added;

	assert_non_null(bench);
	alarm(SECONDS_MAX);
	if (has_spaces)
		listener.commit = on_commit;
	assert_int_equal(viommu_new(config, ops, bench, &bench->device), 0);
	assert_int_equal(viommu_accept(bench->device, viommu_features(bench->device)), 0);
	for (uint32_t i = 0; i < COUNT_OF(endpoints); i++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							  .id = endpoints[i],
							  .pasid_bits = has_spaces ? 16 : 0,
							  .formats = &format,
							  .n_formats = has_spaces };

		assert_int_equal(viommu_endpoint_add(bench->device, &endpoint), 0);
		if (!i)
			continue;
		assert_answer(SUBMIT(bench, ATTACH(i, endpoints[i], 0, 0)), VIOMMU_S_OK);
		for (size_t k = 0; k < N; k++) {
			uint64_t at = iova_of(i, k);

			assert_answer(SUBMIT(bench, MAP(i, at, at + PAGE - 1, at, R)), VIOMMU_S_OK);
		}
	}
	for (unsigned i = 0; i < COUNT_OF(bench->ears); i++) {
		bench->ears[i] = (struct ear){ .bench = bench, .turn = i };
		assert_int_equal(
			viommu_listen(bench->device, EP, &listener, &bench->ears[i], &added), 0);
	}
	*state = bench;
	return 0;
}

static int set_up_with(void **state, const struct viommu_config *config)
{
	return set_up_for(state, config,
			  &(struct viommu_ops){ .size = sizeof(struct viommu_ops),
						.answered = on_answered,
						.rest = on_rest });
}

static int set_up(void **state)
{
	return set_up_with(state, &(struct viommu_config){ .size = sizeof(struct viommu_config),
							   .max_batch_calls = CALLS });
}

static int set_up_spaces(void **state)
{
	uint64_t features =
		VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID | VIOMMU_F_TABLE | VIOMMU_F_NEST;

	return set_up_with(state, &(struct viommu_config){ .size = sizeof(struct viommu_config),
							   .features = features,
							   .max_batch_calls = CALLS });
}

/* As many calls as a batch has without a limit of the VMM. */
static int set_up_without_limit(void **state)
{
	return set_up_with(state, &(struct viommu_config){ .size = sizeof(struct viommu_config) });
}

/* Every request is answered at once. */
static int set_up_without_answers(void **state)
{
	return set_up_for(state,
			  &(struct viommu_config){ .size = sizeof(struct viommu_config),
						   .max_batch_calls = CALLS },
			  &(struct viommu_ops){ .size = sizeof(struct viommu_ops) });
}

/* A batch has no time at all; the clock is read after CLOCK_CALLS. */
static int set_up_without_time(void **state)
{
	return set_up_with(state, &(struct viommu_config){ .size = sizeof(struct viommu_config),
							   .max_batch_ns = 1 });
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	viommu_free(bench->device);
	free(bench);
	alarm(0);
	return 0;
}

/* -- tests -------------------------------------------------------------------------------- */

static void an_attach_makes_a_bounded_number_of_calls_in_a_batch(void **state)
{
	struct bench *bench = *state;

	assert_answer(attach_ears(bench, 1), VIOMMU_S_OK);
	assert_int_equal(bench->n_calls, 2 * (N + 1));
	assert_heard(bench, 1);
	assert_int_equal(reach(bench, iova_of(1, 7)), iova_of(1, 7));
}

static void a_move_makes_a_bounded_number_of_calls_in_a_batch(void **state)
{
	struct bench *bench = *state;

	attach_ears(bench, 1);
	assert_answer(attach_ears(bench, 2), VIOMMU_S_OK);
	assert_int_equal(bench->n_calls, 2 * 2 * N);
	assert_heard(bench, 2);
	assert_int_equal(reach(bench, iova_of(2, 7)), iova_of(2, 7));
	assert_int_equal(reach(bench, iova_of(1, 7)), 0);
}

static void a_detach_makes_a_bounded_number_of_calls_in_a_batch(void **state)
{
	struct bench *bench = *state;

	attach_ears(bench, 1);
	assert_answer(SUBMIT_IN_BATCHES(bench, DETACH(1, EP, 0)), VIOMMU_S_OK);
	assert_heard(bench, 0);
	assert_int_equal(bench->ears[0].mode, VIOMMU_BLOCKED);
	assert_int_equal(reach(bench, iova_of(1, 7)), 0);
}

static void the_end_of_a_batch_finishes_what_is_divided(void **state)
{
	struct bench *bench = *state;
	struct submitted *request = begin_attach(bench, 1);

	viommu_batch_begin(bench->device);
	viommu_batch_end(bench->device);
	assert_answer(request, VIOMMU_S_OK);
	assert_heard(bench, 1);
}

static void a_request_in_no_batch_is_not_divided(void **state)
{
	struct bench *bench = *state;

	assert_answer(attach_ears(bench, 1), VIOMMU_S_OK);
	bench->last_turn = 0;
	assert_answer(SUBMIT(bench, ATTACH(2, EP, 0, 0)), VIOMMU_S_OK);
	assert_heard(bench, 2);
}

/* However few calls are due. */
static void a_batch_is_divided_by_time_as_well(void **state)
{
	struct bench *bench = *state;
	struct submitted *request;
	unsigned before;

	assert_answer(SUBMIT(bench, ATTACH(1, EP, 0, 0)), VIOMMU_S_OK);
	before = bench->n_calls;
	bench->last_turn = 0;
	viommu_batch_begin(bench->device);
	request = submit(bench, BYTES(ATTACH(2, EP, 0, 0)), true);
	assert_int_not_equal(viommu_batch_yield(bench->device), 0);
	assert_in_range(bench->n_calls - before, 1, 2 * CLOCK_CALLS + SLACK);
	while (continue_batch(bench))
		;
	assert_answer(request, VIOMMU_S_OK);
	assert_heard(bench, 2);
}

/* Any other request would finish it first, however long that takes. */
static void a_batch_ends_after_a_move_with_many_calls(void **state)
{
	struct bench *bench = *state;
	struct submitted *request;

	viommu_batch_begin(bench->device);
	assert_int_equal(viommu_batch_pause(bench->device), 0);
	request = submit(bench, BYTES(ATTACH(1, EP, 0, 0)), true);
	assert_int_equal(viommu_batch_pause(bench->device), 1);
	viommu_batch_end(bench->device);
	assert_answer(request, VIOMMU_S_OK);
	assert_heard(bench, 1);
}

static void a_batch_goes_on_after_a_move_with_few_calls(void **state)
{
	struct bench *bench = *state;

	viommu_batch_begin(bench->device);
	submit(bench, BYTES(ATTACH(0, EP, 0, 0)), true);
	assert_int_equal(viommu_batch_pause(bench->device), 0);
	viommu_batch_end(bench->device);
	viommu_batch_begin(bench->device);
	assert_int_equal(viommu_batch_pause(bench->device), 0);
	viommu_batch_end(bench->device);
}

/* A move with few calls is divided by time only. */
static void batches_end_until_a_short_move_is_finished(void **state)
{
	enum { FEW = 100 };
	struct bench *bench = *state;
	struct submitted *request;

	SUBMIT(bench, ATTACH(0, EP2, 0, 0));
	for (size_t k = 0; k < FEW; k++)
		SUBMIT(bench, MAP(0, iova_of(0, k), iova_of(0, k) + PAGE - 1, 0, R));
	viommu_batch_begin(bench->device);
	request = submit(bench, BYTES(ATTACH(0, EP, 0, 0)), true);
	assert_int_equal(viommu_batch_pause(bench->device), 0);
	assert_int_not_equal(viommu_batch_yield(bench->device), 0);
	while (continue_batch(bench))
		;
	assert_answer(request, VIOMMU_S_OK);
	assert_int_equal(bench->ears[1].n_held, FEW);
}

/* Threads with other business do not pay for it. */
static void a_call_between_two_batches_does_not_continue(void **state)
{
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = NO_ENDPOINT };
	struct bench *bench = *state;
	struct submitted *request = begin_attach(bench, 1);
	unsigned before = bench->n_calls;

	assert_int_equal(viommu_endpoint_add(bench->device, &endpoint), 0);
	assert_int_equal(bench->n_calls, before);
	assert_false(request->is_answered);
	while (continue_batch(bench))
		;
	assert_answer(request, VIOMMU_S_OK);
	assert_heard(bench, 1);
}

/* Without `domain`, or of another one. */
static void requests_for_the_domain_are_executed_afterwards(void **state)
{
	const uint64_t at = iova_of(1, N - 1);
	struct bench *bench = *state;
	struct submitted *first = begin_attach(bench, 1), *unmap, *detach;

	unmap = SUBMIT(bench, UNMAP(1, at, at + PAGE - 1, 0));
	detach = SUBMIT(bench, DETACH(1, EP, 0));
	assert_false(first->is_answered || unmap->is_answered || detach->is_answered);
	while (continue_batch(bench))
		;
	assert_answer(first, VIOMMU_S_OK);
	viommu_flush(bench->device);
	assert_answer(unmap, VIOMMU_S_OK);
	assert_answer(detach, VIOMMU_S_OK);
	assert_heard(bench, 0);
	assert_int_equal(bench->ears[1].mode, VIOMMU_BLOCKED);
}

static uint8_t request_at_once(struct bench *bench, const void *bytes, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH] = { POISON };
	const struct iovec in = { (void *)(uintptr_t)bytes, length };
	const struct iovec out = { tail, sizeof(tail) };

	assert_int_equal(viommu_request(bench->device, &in, 1, &out, 1), sizeof(tail));
	return tail[0];
}

static void a_request_at_once_finishes_it_first(void **state)
{
	struct bench *bench = *state;
	struct submitted *request = begin_attach(bench, 1);

	assert_int_equal(request_at_once(bench, BYTES(DETACH(1, EP, 0))), VIOMMU_S_OK);
	assert_answer(request, VIOMMU_S_OK);
	assert_heard(bench, 0);
	assert_int_equal(bench->ears[0].mode, VIOMMU_BLOCKED);
}

static void a_reset_drops_it(void **state)
{
	struct bench *bench = *state;
	struct submitted *request = begin_attach(bench, 1);

	viommu_reset(bench->device);
	assert_true(request->is_answered);
	assert_int_equal(request->used, 0);
	assert_heard(bench, 0);
	assert_int_equal(bench->ears[0].mode, VIOMMU_BLOCKED);
	viommu_batch_begin(bench->device);
	assert_int_equal(viommu_batch_pause(bench->device), 0);
	assert_int_equal(viommu_batch_yield(bench->device), 0);
}

static void an_endpoint_can_be_removed_meanwhile(void **state)
{
	struct bench *bench = *state;
	struct submitted *request = begin_attach(bench, 1);

	assert_int_equal(viommu_endpoint_remove(bench->device, EP), 0);
	assert_answer(request, VIOMMU_S_OK);
	assert_heard(bench, 0);
}

static void a_saved_state_has_it_finished(void **state)
{
	struct bench *bench = *state;
	struct submitted *request = begin_attach(bench, 1);
	struct viommu_endpoint_state found;
	size_t length;
	void *bytes;

	assert_int_equal(viommu_save(bench->device, &bytes, &length), 0);
	assert_answer(request, VIOMMU_S_OK);
	assert_heard(bench, 1);
	viommu_reset(bench->device);
	assert_int_equal(viommu_load(bench->device, bytes, length, NULL, 0), 0);
	free(bytes);
	assert_int_equal(viommu_next_endpoint(bench->device, EP, &found), 0);
	assert_true(found.attached);
	assert_int_equal(found.domain, 1);
	assert_heard(bench, 1);
}

/* By the second listener, in the middle of its mappings: the first one has all of them by then. */
static void a_refusal_leads_back_to_the_old_domain(void **state)
{
	struct bench *bench = *state;
	struct submitted *request;

	attach_ears(bench, 1);
	bench->ears[1].refuses_at = N / 2;
	request = begin_attach(bench, 2);
	while (continue_batch(bench))
		;
	assert_answer(request, VIOMMU_S_NOMEM);
	assert_heard(bench, 1);
	assert_int_equal(reach(bench, iova_of(1, 7)), iova_of(1, 7));
}

/* Continue in batches until nothing is left. None of them makes too many calls. */
static void finish_in_batches(struct bench *bench)
{
	uint64_t rest;

	do {
		bench->n_calls = bench->last_turn = 0;
		rest = continue_batch(bench);
		assert_in_range(bench->n_calls, 0, CALLS + SLACK);
	} while (rest);
}

static void the_undoing_of_a_move_makes_a_bounded_number_of_calls_in_a_batch(void **state)
{
	struct bench *bench = *state;
	struct submitted *request;

	attach_ears(bench, 1);
	bench->ears[1].refuses_at = N / 2;
	request = begin_attach(bench, 2);
	finish_in_batches(bench);
	assert_answer(request, VIOMMU_S_NOMEM);
	assert_heard(bench, 1);
	assert_int_equal(reach(bench, iova_of(1, 7)), iova_of(1, 7));
}

/* By the second listener in the new domain, and by the first in the old one. */
static void an_endpoint_that_cannot_go_back_is_blocked_within_the_limits(void **state)
{
	struct bench *bench = *state;
	struct viommu_endpoint_state found;
	struct submitted *request;

	attach_ears(bench, 1);
	bench->ears[1].refuses_at = N / 2;
	bench->ears[0].refuses_at = N + N / 2;
	request = begin_attach(bench, 2);
	finish_in_batches(bench);
	assert_answer(request, VIOMMU_S_NOMEM);
	assert_heard(bench, 0);
	assert_int_equal(bench->ears[0].mode, VIOMMU_BLOCKED);
	assert_int_equal(viommu_next_endpoint(bench->device, EP, &found), 0);
	assert_false(found.attached);
	assert_int_equal(reach(bench, iova_of(1, 7)), 0);
}

/* In the middle of the way back, and of the new domain's end. */
static void a_reset_ends_the_undoing_of_a_move(void **state)
{
	for (unsigned n = 1; n < 4 * N / CALLS; n += 7) {
		struct bench *bench;

		set_up(state);
		bench = *state;
		attach_ears(bench, 1);
		bench->ears[1].refuses_at = N / 2;
		begin_attach(bench, 2);
		for (unsigned i = 0; i < n && continue_batch(bench); i++)
			;
		viommu_reset(bench->device);
		assert_heard(bench, 0);
		viommu_accept(bench->device, VIOMMU_FEATURES_DEFAULT);
		assert_answer(SUBMIT(bench, ATTACH(0, EP, 0, 0)), VIOMMU_S_OK);
		tear_down(state);
	}
}

/* -- an endpoint alone in its domain ------------------------------------------------------ */

static void fill_domain_0(struct bench *bench)
{
	for (size_t k = 0; k < N; k++) {
		uint64_t at = iova_of(0, k);

		bench->last_turn = 0;
		assert_answer(SUBMIT(bench, MAP(0, at, at + PAGE - 1, at, R)), VIOMMU_S_OK);
	}
}

static void fill_alone(struct bench *bench)
{
	assert_answer(SUBMIT(bench, ATTACH(0, EP, 0, 0)), VIOMMU_S_OK);
	fill_domain_0(bench);
}

/* Its domain is made anew. */
static void an_attach_to_the_same_domain_makes_a_bounded_number_of_calls(void **state)
{
	struct bench *bench = *state;
	struct viommu_domain_state domain;

	fill_alone(bench);
	assert_answer(attach_ears(bench, 0), VIOMMU_S_OK);
	assert_heard(bench, 0);
	assert_int_equal(viommu_next_domain(bench->device, 0, &domain), 0);
	assert_int_equal(domain.id, 0);
	assert_int_equal(domain.n_mappings, 0);
	assert_answer(SUBMIT(bench, MAP(0, iova_of(0, 1), iova_of(0, 2) - 1, PAGE, R)),
		      VIOMMU_S_OK);
	assert_int_equal(reach(bench, iova_of(0, 1)), PAGE);
}

/* Domain 0 ends when its only endpoint leaves it, but not before its mappings are unmapped. */
static void a_domain_that_ends_is_there_until_it_is_left(void **state)
{
	struct bench *bench = *state;
	struct viommu_domain_state domain;

	fill_alone(bench);
	assert_answer(attach_ears(bench, 2), VIOMMU_S_OK);
	assert_heard(bench, 2);
	assert_int_equal(viommu_next_domain(bench->device, 0, &domain), 0);
	assert_int_equal(domain.id, 1);
}

/* Also with a domain that has no other endpoint. */
static void a_device_is_freed_in_the_middle_of_it(void **state)
{
	a_domain_that_ends_is_there_until_it_is_left(state);
	begin_attach(*state, 1);
}

/* -- UNMAP ------------------------------------------------------------------------------- */

/* The listeners have what the domain has. */
static void assert_in_step(struct bench *bench, uint32_t id)
{
	struct viommu_domain_state domain;

	assert_int_equal(viommu_next_domain(bench->device, id, &domain), 0);
	assert_int_equal(domain.id, id);
	for (size_t e = 0; e < COUNT_OF(bench->ears); e++)
		assert_int_equal(bench->ears[e].n_held, domain.n_mappings);
}

#define UNMAP_FIRST(n) UNMAP(1, iova_of(1, 0), iova_of(1, n) - 1, 0)

static struct submitted *begin_unmap(struct bench *bench, size_t n)
{
	attach_ears(bench, 1);
	return begin_divided(bench, BYTES(UNMAP_FIRST(n)));
}

static void an_unmap_makes_a_bounded_number_of_calls_in_a_batch(void **state)
{
	struct bench *bench = *state;

	attach_ears(bench, 1);
	assert_answer(SUBMIT_IN_BATCHES(bench, UNMAP(1, 0, UINT64_MAX, 0)), VIOMMU_S_OK);
	assert_int_equal(bench->n_calls, 2 * N);
	assert_heard(bench, 0);
	assert_int_equal(bench->ears[0].mode, VIOMMU_TRANSLATED);
}

static void an_unmap_of_a_part_leaves_the_other_mappings(void **state)
{
	struct bench *bench = *state;

	attach_ears(bench, 1);
	assert_answer(SUBMIT_IN_BATCHES(bench, UNMAP_FIRST(N - 10)), VIOMMU_S_OK);
	assert_int_equal(bench->ears[1].n_held, 10);
	assert_in_step(bench, 1);
	assert_int_equal(reach(bench, iova_of(1, N - 10)), iova_of(1, N - 10));
}

static void between_two_batches_listeners_have_what_an_unmap_has_left(void **state)
{
	struct bench *bench = *state;
	struct submitted *request = begin_unmap(bench, N);

	do
		assert_in_step(bench, 1);
	while (continue_batch(bench));
	assert_answer(request, VIOMMU_S_OK);
	assert_in_step(bench, 1);
}

static void a_batch_ends_after_an_unmap_with_many_calls(void **state)
{
	struct bench *bench = *state;
	struct submitted *request;

	assert_answer(SUBMIT(bench, ATTACH(1, EP, 0, 0)), VIOMMU_S_OK);
	viommu_batch_begin(bench->device);
	request = submit(bench, BYTES(UNMAP_FIRST(N)), true);
	assert_int_equal(viommu_batch_pause(bench->device), 1);
	viommu_batch_end(bench->device);
	assert_answer(request, VIOMMU_S_OK);
	assert_heard(bench, 0);
}

/* They are one call each for two listeners, and are notified at the end of the batch. */
static void a_batch_ends_after_many_unmaps_with_few_calls(void **state)
{
	struct bench *bench = *state;
	unsigned n = 0;

	attach_ears(bench, 1);
	viommu_batch_begin(bench->device);
	for (; !viommu_batch_pause(bench->device); n++)
		submit(bench, BYTES(UNMAP(1, iova_of(1, n), iova_of(1, n + 1) - 1, 0)), true);
	assert_int_equal(n, CALLS / 2);
	bench->n_calls = 0;
	assert_int_equal(viommu_batch_yield(bench->device), 0);
	assert_int_equal(bench->n_calls, CALLS);
}

static void an_unmap_at_once_is_not_divided(void **state)
{
	struct bench *bench = *state;

	attach_ears(bench, 1);
	assert_int_equal(request_at_once(bench, BYTES(UNMAP(1, 0, UINT64_MAX, 0))), VIOMMU_S_OK);
	assert_heard(bench, 0);
}

static void an_unmap_is_divided_by_time_as_well(void **state)
{
	struct bench *bench = *state;
	struct submitted *request;
	unsigned before;

	assert_answer(SUBMIT(bench, ATTACH(1, EP, 0, 0)), VIOMMU_S_OK);
	before = bench->n_calls;
	viommu_batch_begin(bench->device);
	request = submit(bench, BYTES(UNMAP_FIRST(N)), true);
	assert_int_not_equal(viommu_batch_yield(bench->device), 0);
	assert_in_range(bench->n_calls - before, 1, 2 * CLOCK_CALLS + SLACK);
	while (continue_batch(bench))
		;
	assert_answer(request, VIOMMU_S_OK);
	assert_heard(bench, 0);
}

/* A MAP of the range would be refused before. */
static void a_map_is_executed_after_the_unmap_before_it(void **state)
{
	const uint64_t at = iova_of(1, N - 1);
	struct bench *bench = *state;
	struct submitted *unmap = begin_unmap(bench, N), *map;

	map = SUBMIT(bench, MAP(1, at, at + PAGE - 1, 0, R));
	assert_answer(unmap, VIOMMU_S_OK);
	assert_answer(map, VIOMMU_S_OK);
	assert_int_equal(bench->ears[1].n_held, 1);
}

/* The domain ends with it. */
static void an_endpoint_leaves_after_the_unmap_before_it(void **state)
{
	struct bench *bench = *state;
	struct submitted *unmap, *detach;

	fill_alone(bench);
	unmap = begin_divided(bench, BYTES(UNMAP(0, 0, UINT64_MAX, 0)));
	detach = SUBMIT(bench, DETACH(0, EP, 0));
	assert_answer(unmap, VIOMMU_S_OK);
	assert_answer(detach, VIOMMU_S_OK);
	assert_int_equal(bench->ears[0].mode, VIOMMU_BLOCKED);
}

static void a_saved_state_has_the_unmap_finished(void **state)
{
	struct bench *bench = *state;
	struct submitted *request = begin_unmap(bench, N - 1);
	struct viommu_mapping found;
	size_t length;
	void *bytes;

	assert_int_equal(viommu_save(bench->device, &bytes, &length), 0);
	assert_answer(request, VIOMMU_S_OK);
	viommu_reset(bench->device);
	assert_int_equal(viommu_load(bench->device, bytes, length, NULL, 0), 0);
	free(bytes);
	assert_int_equal(viommu_next_mapping(bench->device, 1, 0, &found), 0);
	assert_int_equal(found.first, iova_of(1, N - 1));
	assert_int_equal(bench->ears[1].n_held, 1);
}

static void a_reset_drops_an_unmap(void **state)
{
	struct bench *bench = *state;
	struct submitted *request = begin_unmap(bench, N);

	viommu_reset(bench->device);
	assert_true(request->is_answered);
	assert_int_equal(request->used, 0);
	assert_heard(bench, 0);
	assert_int_equal(bench->ears[1].mode, VIOMMU_BLOCKED);
	assert_answer(SUBMIT(bench, ATTACH(1, EP, 0, 0)), VIOMMU_S_OK);
}

static void a_device_is_freed_in_the_middle_of_an_unmap(void **state)
{
	begin_unmap(*state, N);
}

/* The guest holds all that it may. */
static void at_the_limit_of_memory_requests_are_divided(void **state)
{
	struct viommu_counters full = { .size = sizeof(full) }, now = full;
	struct bench *bench = *state;

	attach_ears(bench, 1);
	viommu_count(bench->device, &full);
	tear_down(state);
	set_up_with(state, &(struct viommu_config){ .size = sizeof(struct viommu_config),
						    .max_batch_calls = CALLS,
						    .max_bytes = full.bytes });
	bench = *state;
	assert_answer(attach_ears(bench, 1), VIOMMU_S_OK);
	assert_heard(bench, 1);
	viommu_count(bench->device, &now);
	assert_int_equal(now.bytes, full.bytes);
	assert_answer(SUBMIT_IN_BATCHES(bench, UNMAP(1, 0, UINT64_MAX, 0)), VIOMMU_S_OK);
	assert_heard(bench, 0);
}

/* -- reset ------------------------------------------------------------------------------- */

/* Returns what viommu_reset_begin() does. */
static uint64_t begin_reset(struct bench *bench)
{
	uint64_t rest;

	bench->n_calls = 0;
	rest = viommu_reset_begin(bench->device);
	assert_in_range(bench->n_calls, 0, CALLS + SLACK);
	return rest;
}

static void reset_in_batches(struct bench *bench)
{
	uint64_t rest = begin_reset(bench);

	while (rest) {
		assert_int_equal(reach(bench, iova_of(1, 7)) | reach(bench, iova_of(2, 7)), 0);
		bench->n_calls = 0;
		rest = continue_batch(bench);
		assert_in_range(bench->n_calls, 1, CALLS + SLACK);
	}
	assert_heard(bench, 0);
	for (size_t e = 0; e < COUNT_OF(bench->ears); e++)
		assert_int_equal(bench->ears[e].mode, VIOMMU_BLOCKED);
}

static size_t n_domains(struct bench *bench)
{
	struct viommu_counters counters = { .size = sizeof(counters) };

	viommu_count(bench->device, &counters);
	if (!counters.domains)
		assert_int_equal(counters.mappings | counters.bytes, 0);
	return counters.domains;
}

static void a_reset_makes_a_bounded_number_of_calls_in_a_batch(void **state)
{
	struct bench *bench = *state;

	attach_ears(bench, 1);
	reset_in_batches(bench);
	assert_int_equal(n_domains(bench), 0);
	assert_answer(SUBMIT(bench, ATTACH(1, EP, 0, 0)), VIOMMU_S_OK);
	assert_int_equal(reach(bench, iova_of(1, 7)), 0);
	assert_int_equal(begin_reset(bench), 0);
}

/* Again, after a reset. */
static void fill_domains(struct bench *bench)
{
	assert_int_equal(viommu_accept(bench->device, VIOMMU_FEATURES_DEFAULT), 0);
	for (uint32_t i = 1; i < N_DOMAINS; i++) {
		SUBMIT(bench, ATTACH(i, i == 1 ? EP2 : EP3, 0, 0));
		for (size_t k = 0; k < N; k++)
			SUBMIT(bench,
			       MAP(i, iova_of(i, k), iova_of(i, k + 1) - 1, iova_of(i, k), R));
	}
}

/* While it leaves one domain, and while it enters another one. */
static void a_reset_in_the_middle_of_a_move_unmaps_what_is_mapped(void **state)
{
	struct bench *bench = *state;

	for (unsigned n = 1; n < 4 * N / CALLS; n += 3) {
		struct submitted *request;

		fill_domains(bench);
		attach_ears(bench, 1);
		request = begin_attach(bench, 2);
		for (unsigned i = 1; i < n && continue_batch(bench); i++)
			;
		reset_in_batches(bench);
		assert_true(request->is_answered);
		assert_int_equal(n_domains(bench), 0);
	}
}

static void a_reset_in_the_middle_of_an_unmap_unmaps_the_rest(void **state)
{
	struct bench *bench = *state;
	struct submitted *request = begin_unmap(bench, N);

	reset_in_batches(bench);
	assert_true(request->is_answered);
	assert_int_equal(request->used, 0);
	assert_int_equal(n_domains(bench), 0);
}

static void a_reset_can_begin_again_before_it_is_done(void **state)
{
	struct bench *bench = *state;

	attach_ears(bench, 1);
	assert_int_not_equal(begin_reset(bench), 0);
	assert_int_not_equal(begin_reset(bench), 0);
	reset_in_batches(bench);
	assert_int_equal(n_domains(bench), 0);
}

static void a_request_finishes_a_reset_first(void **state)
{
	struct bench *bench = *state;

	attach_ears(bench, 1);
	assert_int_not_equal(begin_reset(bench), 0);
	assert_int_equal(request_at_once(bench, BYTES(ATTACH(1, EP, 0, 0))), VIOMMU_S_OK);
	assert_heard(bench, 0);
	assert_int_equal(bench->ears[1].mode, VIOMMU_TRANSLATED);
	viommu_reset(bench->device);
	assert_int_equal(bench->ears[1].mode, VIOMMU_BLOCKED);
	assert_int_equal(n_domains(bench), 0);
}

static void a_request_that_is_submitted_finishes_a_reset_first(void **state)
{
	struct bench *bench = *state;

	attach_ears(bench, 1);
	assert_int_not_equal(begin_reset(bench), 0);
	assert_answer(SUBMIT(bench, ATTACH(2, EP, 0, 0)), VIOMMU_S_OK);
	assert_heard(bench, 0);
	assert_int_equal(n_domains(bench), 1);
}

static void a_request_that_is_answered_at_once_finishes_a_reset_first(void **state)
{
	struct bench *bench = *state;

	assert_answer(SUBMIT(bench, ATTACH(1, EP, 0, 0)), VIOMMU_S_OK);
	assert_int_not_equal(begin_reset(bench), 0);
	assert_answer(SUBMIT(bench, ATTACH(1, EP, 0, 0)), VIOMMU_S_OK);
	assert_int_equal(reach(bench, iova_of(1, 7)), 0);
	assert_heard(bench, 0);
	assert_int_equal(n_domains(bench), 1);
}

/* A driver that does not wait for the end. */
static void features_and_bypass_do_not_finish_a_reset(void **state)
{
	const uint8_t bypass = 1;
	struct bench *bench = *state;

	attach_ears(bench, 1);
	assert_int_not_equal(begin_reset(bench), 0);
	bench->n_calls = 0;
	assert_int_equal(viommu_accept(bench->device, VIOMMU_FEATURES_DEFAULT), 0);
	viommu_config_write(bench->device, VIOMMU_CONFIG_BYPASS, &bypass, 1);
	assert_int_equal(bench->n_calls, 0);
	assert_int_equal(reach(bench, PAGE), 0);
	while (continue_batch(bench))
		;
	assert_heard(bench, 0);
	assert_int_equal(bench->ears[1].mode, VIOMMU_BYPASS);
	assert_int_equal(reach(bench, PAGE), PAGE);
}

static void a_device_is_freed_in_the_middle_of_a_reset(void **state)
{
	struct bench *bench = *state;

	attach_ears(bench, 1);
	assert_int_not_equal(begin_reset(bench), 0);
}

/* -- PASIDs and tables ---------------------------------------------------------------------- */

enum { TABLE = 7, N_PASIDS = 300 };

/* EP gets a table over domain 1. */
#define ATTACH_TABLE(root) \
	HEAD(VIOMMU_T_ATTACH_TABLE), LE32(TABLE), LE32(EP), LE32(VIOMMU_SLOT_F_PARENT), \
		LE16(VIOMMU_TABLE_GENERIC), LE16(0), LE32(0), LE32(1), LE32(0), LE64(root)
#define ATTACH_PASID(domain, pasid) ATTACH(domain, EP, VIOMMU_SLOT_F_PASID, pasid)
#define DETACH_ALL                  HEAD(VIOMMU_T_DETACH), LE32(0), LE32(EP), LE32(VIOMMU_SLOT_F_ALL), LE32(0)
#define TABLE_BYTES(root) \
	(const uint8_t[VIOMMU_ATTACH_TABLE_LENGTH]){ ATTACH_TABLE(root) }, \
		VIOMMU_ATTACH_TABLE_LENGTH

static struct submitted *attach_table(struct bench *bench, uint64_t root)
{
	return submit_in_batches(bench, TABLE_BYTES(root));
}

static void an_unmap_of_a_domain_with_a_pasid_makes_a_bounded_number_of_calls(void **state)
{
	struct bench *bench = *state;

	assert_answer(SUBMIT(bench, ATTACH_PASID(1, 5)), VIOMMU_S_OK);
	assert_heard(bench, 1);
	assert_answer(SUBMIT_IN_BATCHES(bench, UNMAP(1, 0, UINT64_MAX, 0)), VIOMMU_S_OK);
	assert_heard(bench, 0);
}

static void a_pasid_enters_a_domain_in_batches(void **state)
{
	struct bench *bench = *state;
	struct viommu_translation to;

	assert_answer(SUBMIT_IN_BATCHES(bench, ATTACH_PASID(1, 5)), VIOMMU_S_OK);
	assert_int_equal(bench->n_calls, 2 * (N + 1));
	assert_heard(bench, 1);
	assert_int_equal(viommu_translate_pasid(bench->device, EP, 5, iova_of(1, 7), 1, R, &to), 0);
}

static bool reaches_with_pasid(struct bench *bench, uint64_t iova)
{
	struct viommu_translation to;

	return !viommu_translate_pasid(bench->device, EP, 5, iova, 1, R | VIOMMU_ACCESS_QUIET, &to);
}

/* The first listener has all mappings by then. */
static void a_pasid_that_is_refused_goes_back_in_batches(void **state)
{
	struct bench *bench = *state;
	struct submitted *request;

	SUBMIT_IN_BATCHES(bench, ATTACH_PASID(1, 5));
	bench->ears[1].refuses_at = N / 2;
	request = begin_divided(bench, BYTES(ATTACH_PASID(2, 5)));
	finish_in_batches(bench);
	assert_answer(request, VIOMMU_S_NOMEM);
	assert_heard(bench, 1);
	assert_true(reaches_with_pasid(bench, iova_of(1, 7)));
	assert_answer(SUBMIT_IN_BATCHES(bench, UNMAP(1, 0, UINT64_MAX, 0)), VIOMMU_S_OK);
	assert_heard(bench, 0);
}

static void a_pasid_that_cannot_go_back_is_detached(void **state)
{
	static const uint8_t detach[] = { HEAD(VIOMMU_T_DETACH), LE32(1), LE32(EP),
					  LE32(VIOMMU_SLOT_F_PASID), LE32(5) };
	struct bench *bench = *state;
	struct submitted *request;

	SUBMIT_IN_BATCHES(bench, ATTACH_PASID(1, 5));
	bench->ears[1].refuses_at = N / 2;
	bench->ears[0].refuses_at = N + N / 2;
	request = begin_divided(bench, BYTES(ATTACH_PASID(2, 5)));
	finish_in_batches(bench);
	assert_answer(request, VIOMMU_S_NOMEM);
	assert_heard(bench, 0);
	assert_false(reaches_with_pasid(bench, iova_of(1, 7)));
	assert_answer(submit(bench, detach, sizeof(detach), false), VIOMMU_S_INVAL);
}

/* And its domain ends if it has left that. */
static void a_reset_ends_the_entry_of_a_pasid(void **state)
{
	struct bench *bench = *state;

	SUBMIT(bench, ATTACH_PASID(6, 5));
	begin_divided(bench, BYTES(ATTACH_PASID(1, 5)));
	viommu_reset(bench->device);
	assert_heard(bench, 0);
	assert_int_equal(n_domains(bench), 0);
	viommu_accept(bench->device, viommu_features(bench->device));
	assert_answer(SUBMIT(bench, ATTACH_PASID(6, 5)), VIOMMU_S_OK);
}

static void a_device_is_freed_in_the_middle_of_an_entry(void **state)
{
	struct bench *bench = *state;

	SUBMIT(bench, ATTACH_PASID(6, 5));
	begin_divided(bench, BYTES(ATTACH_PASID(1, 5)));
}

/* Its domain ends with it. */
static void a_device_is_freed_in_the_middle_of_an_unmap_of_a_pasid_s_domain(void **state)
{
	struct bench *bench = *state;

	SUBMIT(bench, ATTACH_PASID(0, 5));
	fill_domain_0(bench);
	begin_divided(bench, BYTES(UNMAP(0, 0, UINT64_MAX, 0)));
}

/* Every listener that has a token; `last`: which of them is the last. */
static void complete_all(struct bench *bench, unsigned last)
{
	for (unsigned i = 1; i <= COUNT_OF(bench->ears); i++) {
		uint64_t token = bench->ears[(last + i) % COUNT_OF(bench->ears)].token;

		if (token)
			complete_token(bench, token, 0);
	}
}

/* The UNMAP of domain 1 and a later request for EP: one names its PASID or table, one does not. */
static void assert_one_commit_at_a_time(struct bench *bench, const uint8_t *later, size_t length)
{
	struct submitted *unmap, *next;

	bench->ears[0].commits = bench->ears[1].commits = true;
	unmap = begin_divided(bench, BYTES(UNMAP(1, 0, UINT64_MAX, 0)));
	finish_in_batches(bench);
	next = submit(bench, later, length, false);
	assert_false(unmap->is_answered || next->is_answered);
	complete_all(bench, 0);
	assert_answer(unmap, VIOMMU_S_OK);
	assert_false(next->is_answered);
	complete_all(bench, 1);
	assert_answer(next, VIOMMU_S_OK);
}

static void a_listener_of_a_pasid_has_one_commit_at_a_time(void **state)
{
	struct bench *bench = *state;

	SUBMIT(bench, ATTACH(0, EP, 0, 0));
	SUBMIT(bench, ATTACH_PASID(1, 5));
	assert_one_commit_at_a_time(bench,
				    BYTES(MAP(0, iova_of(0, 0), iova_of(0, 1) - 1, PAGE, R)));
}

static void a_listener_of_a_table_has_one_commit_at_a_time(void **state)
{
	struct bench *bench = *state;

	attach_table(bench, 0);
	assert_one_commit_at_a_time(bench, BYTES(ATTACH(0, EP, 0, 0)));
}

static void a_pasid_whose_commit_is_refused_is_detached(void **state)
{
	struct bench *bench = *state;
	struct submitted *attach;
	uint64_t token;

	bench->ears[0].commits = bench->ears[1].commits = true;
	attach = begin_divided(bench, BYTES(ATTACH_PASID(1, 5)));
	finish_in_batches(bench);
	token = bench->token;
	bench->is_quick = true;
	assert_false(attach->is_answered);
	complete_token(bench, token - 1, 0);
	complete_token(bench, token, -ENOSPC);
	assert_answer(attach, VIOMMU_S_NOMEM);
	assert_heard(bench, 0);
	assert_false(reaches_with_pasid(bench, iova_of(1, 7)));
}

static void an_unmap_below_a_table_makes_a_bounded_number_of_calls(void **state)
{
	struct bench *bench = *state;

	assert_answer(attach_table(bench, 0), VIOMMU_S_OK);
	assert_answer(SUBMIT_IN_BATCHES(bench, UNMAP(1, 0, UINT64_MAX, 0)), VIOMMU_S_OK);
	assert_heard(bench, 0);
}

static void a_table_takes_the_place_of_a_domain_in_batches(void **state)
{
	struct bench *bench = *state;

	attach_ears(bench, 2);
	assert_answer(attach_table(bench, 0), VIOMMU_S_OK);
	assert_int_equal(bench->n_calls, 2 * (2 * N + 1));
	assert_heard(bench, 1);
}

static void a_table_is_replaced_in_batches(void **state)
{
	struct bench *bench = *state;

	attach_table(bench, 0);
	assert_answer(attach_table(bench, PAGE), VIOMMU_S_OK);
	assert_int_equal(bench->n_calls, 2 * (2 * N + 1));
	assert_heard(bench, 1);
}

/* The domain has its number again, and its table. */
static void a_table_that_is_refused_leads_back_to_the_one_before(void **state)
{
	struct bench *bench = *state;
	struct viommu_domain_state domain;
	struct submitted *request;

	attach_table(bench, PAGE);
	bench->ears[1].refuses_at = N / 2;
	request = begin_divided(bench, TABLE_BYTES(0));
	finish_in_batches(bench);
	assert_answer(request, VIOMMU_S_NOMEM);
	assert_heard(bench, 1);
	assert_int_equal(viommu_next_domain(bench->device, TABLE, &domain), 0);
	assert_int_equal(domain.id, TABLE);
	assert_int_equal(domain.n_endpoints, 1);
	assert_int_equal(bench->ears[0].table, 1);
	assert_answer(SUBMIT_IN_BATCHES(bench, DETACH(TABLE, EP, 0)), VIOMMU_S_OK);
	assert_heard(bench, 0);
	assert_int_equal(viommu_next_domain(bench->device, TABLE, &domain), -ENOENT);
}

static void with_pasids_a_detach_makes_a_bounded_number_of_calls(void **state)
{
	struct bench *bench = *state;

	attach_ears(bench, 1);
	assert_answer(SUBMIT_IN_BATCHES(bench, DETACH(1, EP, 0)), VIOMMU_S_OK);
	assert_heard(bench, 0);
	assert_int_equal(bench->ears[0].mode, VIOMMU_BLOCKED);
}

static unsigned attach_pasids(struct bench *bench)
{
	for (uint32_t pasid = 0; pasid < N_PASIDS; pasid++)
		assert_answer(SUBMIT(bench, ATTACH_PASID(5, pasid)), VIOMMU_S_OK);
	bench->n_calls = 0;
	return bench->ears[0].n_spaces;
}

/* And the default slot. */
static void a_detach_of_all_pasids_makes_a_bounded_number_of_calls(void **state)
{
	struct bench *bench = *state;
	struct viommu_domain_state domain;
	unsigned before;

	attach_ears(bench, 1);
	before = attach_pasids(bench);
	assert_answer(SUBMIT_IN_BATCHES(bench, DETACH_ALL), VIOMMU_S_OK);
	assert_int_equal(bench->ears[0].n_spaces - before, N_PASIDS);
	assert_int_equal(bench->ears[1].n_spaces - before, N_PASIDS);
	assert_heard(bench, 0);
	assert_int_equal(viommu_next_domain(bench->device, 5, &domain), -ENOENT);
}

/* A reset, alone or in the middle of a DETACH. */
static void a_reset_detaches_pasids_in_batches(void **state)
{
	struct bench *bench = *state;

	for (unsigned pass = 0; pass < 2; pass++) {
		unsigned before;
		uint64_t rest;

		viommu_accept(bench->device, viommu_features(bench->device));
		attach_pasids(bench);
		before = bench->ears[1].n_spaces;
		if (pass)
			begin_divided(bench, BYTES(DETACH_ALL));
		bench->n_calls = 0;
		rest = viommu_reset_begin(bench->device);
		assert_in_range(bench->n_calls, 1, CALLS + SLACK);
		assert_int_not_equal(rest, 0);
		finish_in_batches(bench);
		assert_int_equal(bench->ears[1].n_spaces - before, N_PASIDS);
	}
}

/* -- requests that wait for a listener ------------------------------------------------------- */

static struct ear *add_committer(struct bench *bench)
{
	static const struct viommu_listener_ops ops = { .size = sizeof(ops),
							.map = on_map,
							.unmap = on_unmap,
							.mode = on_mode,
							.commit = on_commit };
	struct ear *ear = &bench->ears[1];
	struct viommu_listener *added;

	ear->commits = true;
	assert_int_equal(viommu_listen(bench->device, EP3, &ops, ear, &added), 0);
	bench->n_calls = 0;
	return ear;
}

static void complete(struct bench *bench)
{
	uint64_t token = bench->token;

	bench->token = bench->n_calls = 0;
	complete_token(bench, token, 0);
}

/* Removes the last mapping of the domain, and waits for the listener. */
static void remove_last(struct bench *bench)
{
	SUBMIT(bench, UNMAP(2, iova_of(2, N - 1), iova_of(2, N) - 1, 0));
	assert_int_not_equal(bench->token, 0);
}

static void a_commit_lets_a_bounded_number_of_calls_follow(void **state)
{
	enum { EACH = 40, UNMAPS = 5 };
	struct bench *bench = *state;
	const struct ear *ear = add_committer(bench);
	struct submitted *unmaps[UNMAPS];

	remove_last(bench);
	for (size_t i = 0; i < UNMAPS; i++)
		unmaps[i] = SUBMIT(
			bench, UNMAP(2, iova_of(2, i * EACH), iova_of(2, (i + 1) * EACH) - 1, 0));
	complete(bench);
	assert_in_range(bench->n_calls, 1, CALLS + EACH);
	assert_int_equal(bench->n_rest, 1);
	while (!unmaps[UNMAPS - 1]->is_answered)
		if (bench->token)
			complete(bench);
		else
			continue_batch(bench);
	for (size_t i = 0; i < UNMAPS; i++)
		assert_answer(unmaps[i], VIOMMU_S_OK);
	assert_int_equal(ear->n_held, N - 1 - UNMAPS * EACH);
}

/* Nothing is pending then, so that only a batch continues. */
static void what_a_commit_leaves_is_continued_by_batches(void **state)
{
	enum { EACH = 40, UNMAPS = 5 };
	struct bench *bench = *state;
	struct submitted *unmaps[UNMAPS];
	unsigned n_batches = 0;

	add_committer(bench);
	remove_last(bench);
	for (size_t i = 0; i < UNMAPS; i++)
		unmaps[i] = SUBMIT(
			bench, UNMAP(2, iova_of(2, i * EACH), iova_of(2, (i + 1) * EACH) - 1, 0));
	bench->is_quick = true;
	complete(bench);
	assert_false(unmaps[UNMAPS - 1]->is_answered);
	while (continue_batch(bench))
		assert_in_range(++n_batches, 1, UNMAPS);
	for (size_t i = 0; i < UNMAPS; i++)
		assert_answer(unmaps[i], VIOMMU_S_OK);
}

static void a_request_that_waits_for_a_commit_is_divided(void **state)
{
	struct bench *bench = *state;
	const struct ear *ear = add_committer(bench);
	struct submitted *unmap;
	unsigned n_batches = 0;

	remove_last(bench);
	unmap = SUBMIT(bench, UNMAP(2, 0, UINT64_MAX, 0));
	complete(bench);
	assert_in_range(bench->n_calls, 1, CALLS + SLACK);
	assert_int_equal(bench->n_rest, 1);
	do {
		bench->n_calls = 0;
		n_batches++;
	} while (continue_batch(bench) && bench->n_calls <= CALLS + SLACK);
	assert_in_range(n_batches, N / CALLS - 1, 2 * N / CALLS);
	assert_false(unmap->is_answered);
	complete(bench);
	assert_answer(unmap, VIOMMU_S_OK);
	assert_int_equal(ear->n_held, 0);
	assert_int_equal(bench->n_rest, 1);
}

/* The endpoint leaves the domain of a refused ATTACH, which is answered afterwards. */
static void the_undoing_of_a_refused_commit_is_divided(void **state)
{
	struct bench *bench = *state;
	const struct ear *ear = add_committer(bench);
	struct submitted *attach, *later;
	uint64_t token;

	attach = begin_divided(bench, BYTES(ATTACH(1, EP3, 0, 0)));
	finish_in_batches(bench);
	assert_int_equal(ear->n_held, N);
	token = bench->token;
	bench->n_calls = 0;
	bench->token = 0;
	assert_int_not_equal(token, 0);
	complete_token(bench, token, -ENOSPC);
	assert_in_range(bench->n_calls, 1, CALLS + SLACK);
	assert_int_equal(bench->n_rest, 1);
	assert_false(attach->is_answered);
	bench->is_quick = true;
	finish_in_batches(bench);
	assert_answer(attach, VIOMMU_S_NOMEM);
	assert_int_equal(ear->n_held, 0);
	assert_int_equal(ear->mode, VIOMMU_BLOCKED);
	later = SUBMIT(bench, DETACH(1, EP3, 0));
	assert_answer(later, VIOMMU_S_INVAL);
}

/* Or a request that cannot be put off would execute them all. */
static void at_the_limit_of_memory_a_batch_waits_for_what_is_put_off(void **state)
{
	struct viommu_counters full = { .size = sizeof(full) };

	for (unsigned pass = 0; pass < 2; pass++) {
		struct bench *bench;

		set_up_with(state, &(struct viommu_config){ .size = sizeof(struct viommu_config),
							    .max_batch_calls = CALLS,
							    .max_bytes = pass ? full.bytes : 0 });
		bench = *state;
		add_committer(bench);
		remove_last(bench);
		SUBMIT(bench, UNMAP(2, 0, UINT64_MAX, 0));
		viommu_count(bench->device, &full);
		viommu_batch_begin(bench->device);
		assert_int_equal(!viommu_batch_pause(bench->device), !pass);
		viommu_batch_end(bench->device);
		tear_down(state);
	}
}

/* A request about a table or a PASID executes all that is put off. */
static void with_tables_a_batch_waits_for_what_is_put_off(void **state)
{
	static const uint64_t features[] = { 0, VIOMMU_F_TABLE, VIOMMU_F_PASID };

	for (size_t i = 0; i < COUNT_OF(features); i++) {
		uint64_t all = VIOMMU_FEATURES_DEFAULT | features[i];
		struct bench *bench;

		set_up_with(state, &(struct viommu_config){ .size = sizeof(struct viommu_config),
							    .max_batch_calls = CALLS,
							    .features = all });
		bench = *state;
		assert_int_equal(viommu_accept(bench->device, all), 0);
		add_committer(bench);
		remove_last(bench);
		SUBMIT(bench, UNMAP(2, 0, UINT64_MAX, 0));
		viommu_batch_begin(bench->device);
		assert_int_equal(!viommu_batch_pause(bench->device), !features[i]);
		viommu_batch_end(bench->device);
		tear_down(state);
	}
}

/* -- commits that are refused for a run of requests ----------------------------------------- */

enum { EP4 = EP3 + 1, RUN = 300 };

/* Its first commit is refused. */
static struct ear *add_refuser(struct bench *bench, const struct viommu_listener_ops *ops)
{
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = EP4 };
	struct ear *ear = &bench->ears[1];
	struct viommu_listener *added;

	assert_int_equal(viommu_endpoint_add(bench->device, &endpoint), 0);
	assert_int_equal(viommu_listen(bench->device, EP4, ops, ear, &added), 0);
	ear->n_refusals = 1;
	return ear;
}

static struct ear *add_refuser_of_all(struct bench *bench)
{
	return add_refuser(
		bench, &(struct viommu_listener_ops){ .size = sizeof(struct viommu_listener_ops),
						      .map = on_map,
						      .unmap = on_unmap,
						      .mode = on_mode,
						      .commit = on_commit });
}

static void end_in_batches(struct bench *bench)
{
	if (viommu_batch_yield(bench->device))
		while (continue_batch(bench))
			;
}

static void submit_run(struct bench *bench)
{
	submit(bench, BYTES(ATTACH(0, EP4, 0, 0)), true);
	for (size_t i = 0; i < RUN; i++)
		submit(bench, BYTES(MAP(0, iova_of(0, i), iova_of(0, i + 1) - 1, PAGE, R)), true);
}

static size_t n_pending(struct bench *bench)
{
	struct viommu_counters counters = { .size = sizeof(counters) };

	viommu_count(bench->device, &counters);
	return counters.pending;
}

/* Each of them is tried again alone, and the listener has what it has agreed to. */
static void all_maps_of_a_run_that_is_refused_are_unmapped(void **state)
{
	struct bench *bench = *state;
	struct ear *ear = add_refuser_of_all(bench);

	viommu_batch_begin(bench->device);
	submit_run(bench);
	end_in_batches(bench);
	assert_int_equal(ear->n_refusals, 0);
	assert_int_equal(n_pending(bench), 0);
	assert_int_equal(ear->n_held, RUN);
	viommu_reset(bench->device);
	assert_int_equal(ear->n_held, 0);
}

/* It blocks the endpoint, which the UNMAP does not name, but the next request does. */
static void a_refused_unmap_is_committed_before_another_request(void **state)
{
	struct bench *bench = *state;
	struct ear *ear = add_refuser_of_all(bench);
	struct submitted *unmap, *attach;

	ear->n_refusals = 0;
	SUBMIT(bench, ATTACH(0, EP4, 0, 0));
	SUBMIT(bench, MAP(0, iova_of(0, 0), iova_of(0, 1) - 1, PAGE, R));
	ear->commits = true;
	ear->n_refusals = 1;
	unmap = SUBMIT(bench, UNMAP(0, 0, UINT64_MAX, 0));
	assert_int_equal(ear->mode, VIOMMU_BLOCKED);
	attach = SUBMIT(bench, ATTACH(1, EP4, 0, 0));
	assert_answer(unmap, VIOMMU_S_OK);
	complete(bench);
	assert_answer(attach, VIOMMU_S_OK);
}

/* The domain has mappings of others, so that leaving it takes many calls. */
static void submit_two(struct bench *bench)
{
	const uint64_t at = iova_of(1, N - 1);

	SUBMIT(bench, UNMAP(1, at, at + PAGE - 1, 0));
	viommu_batch_begin(bench->device);
	submit(bench, BYTES(ATTACH(1, EP4, 0, 0)), true);
	submit(bench, BYTES(MAP(1, at, at + PAGE - 1, PAGE, R)), true);
}

static void a_map_behind_a_refused_attach_is_unmapped(void **state)
{
	struct bench *bench = *state;
	struct ear *ear = add_refuser_of_all(bench);

	submit_two(bench);
	end_in_batches(bench);
	assert_int_equal(ear->n_refusals, 0);
	assert_int_equal(n_pending(bench), 0);
	assert_int_equal(ear->n_held, N);
	viommu_reset(bench->device);
	assert_int_equal(ear->n_held, 0);
}

static int accept_map(void *opaque, const struct viommu_mapping *mapping)
{
	struct ear *ear = opaque;

	(void)mapping;
	ear->bench->n_calls++;
	return 0;
}

/* The endpoint leaves the domain without any call. Then nothing commits, and nothing is answered.
 */
static void add_refuser_of_maps(struct bench *bench)
{
	add_refuser(bench,
		    &(struct viommu_listener_ops){ .size = sizeof(struct viommu_listener_ops),
						   .map = accept_map,
						   .commit = on_commit });
}

static void requests_are_tried_again_after_a_move_without_calls(void **state)
{
	struct bench *bench = *state;

	add_refuser_of_maps(bench);
	submit_two(bench);
	end_in_batches(bench);
	assert_int_equal(n_pending(bench), 0);
}

static void requests_are_tried_again_in_no_batch(void **state)
{
	struct bench *bench = *state;

	add_refuser_of_maps(bench);
	submit_two(bench);
	viommu_batch_end(bench->device);
	assert_int_equal(n_pending(bench), 0);
}

/* A request of the next batch finishes the move, and is answered at once. */
static void requests_are_tried_again_after_another_request(void **state)
{
	struct bench *bench = *state;

	add_refuser_of_maps(bench);
	SUBMIT(bench, UNMAP(2, 0, UINT64_MAX, 0));
	submit_two(bench);
	assert_int_not_equal(viommu_batch_yield(bench->device), 0);
	viommu_batch_begin(bench->device);
	submit(bench, BYTES(MAP(2, iova_of(2, 0), iova_of(2, 1) - 1, PAGE, R)), true);
	end_in_batches(bench);
	assert_int_equal(n_pending(bench), 0);
}

/* -- requests that wait although no listener has to commit ------------------------------------- */

/* EP goes to the domain of one mapping, which an UNMAP removes, and EP4 to that of `n`. */
static void submit_three(struct bench *bench, struct ear *ear, size_t n)
{
	static const struct viommu_listener_ops ops = {
		.size = sizeof(ops), .map = on_map, .unmap = on_unmap, .mode = on_mode
	};
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = EP4 };
	struct viommu_listener *added;

	SUBMIT(bench, UNMAP(1, iova_of(1, 1), iova_of(1, N) - 1, 0));
	SUBMIT(bench, UNMAP(2, iova_of(2, n), iova_of(2, N) - 1, 0));
	assert_int_equal(viommu_endpoint_add(bench->device, &endpoint), 0);
	assert_int_equal(viommu_listen(bench->device, EP4, &ops, ear, &added), 0);
	viommu_batch_begin(bench->device);
	submit(bench, BYTES(ATTACH(1, EP, 0, 0)), true);
	bench->last_turn = 0;
	submit(bench, BYTES(UNMAP(1, 0, UINT64_MAX, 0)), true);
	submit(bench, BYTES(ATTACH(2, EP4, 0, 0)), true);
}

/* Some of the numbers leave the UNMAP to the next batch, and nothing else. */
static void a_call_between_two_batches_executes_what_is_left(void **state)
{
	const uint8_t one = 1;

	for (size_t n = CALLS / 2; n <= CALLS; n++) {
		struct ear ear = { .turn = 1 };
		struct bench *bench;

		set_up(state);
		ear.bench = bench = *state;
		submit_three(bench, &ear, n);
		viommu_batch_yield(bench->device);
		viommu_config_write(bench->device, VIOMMU_CONFIG_BYPASS, &one, sizeof(one));
		for (size_t i = 1; i <= 3; i++)
			assert_answer(&bench->requests[(bench->n_requests - i) % MAX_REQUESTS],
				      VIOMMU_S_OK);
		assert_int_equal(reach(bench, iova_of(1, 0)), 0);
		tear_down(state);
	}
}

int main(void)
{
#define ON_BENCH(test)    cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define WITH_SPACES(test) cmocka_unit_test_setup_teardown(test, set_up_spaces, tear_down)
	const struct CMUnitTest tests[] = {
		ON_BENCH(an_attach_makes_a_bounded_number_of_calls_in_a_batch),
		ON_BENCH(a_move_makes_a_bounded_number_of_calls_in_a_batch),
		ON_BENCH(a_detach_makes_a_bounded_number_of_calls_in_a_batch),
		ON_BENCH(the_end_of_a_batch_finishes_what_is_divided),
		ON_BENCH(a_request_in_no_batch_is_not_divided),
		cmocka_unit_test_setup_teardown(a_batch_is_divided_by_time_as_well,
						set_up_without_time, tear_down),
		cmocka_unit_test_setup_teardown(a_batch_ends_after_a_move_with_many_calls,
						set_up_without_limit, tear_down),
		cmocka_unit_test_setup_teardown(batches_end_until_a_short_move_is_finished,
						set_up_without_time, tear_down),
		ON_BENCH(a_batch_goes_on_after_a_move_with_few_calls),
		ON_BENCH(a_call_between_two_batches_does_not_continue),
		ON_BENCH(requests_for_the_domain_are_executed_afterwards),
		ON_BENCH(a_request_at_once_finishes_it_first),
		ON_BENCH(a_reset_drops_it),
		ON_BENCH(an_endpoint_can_be_removed_meanwhile),
		ON_BENCH(a_saved_state_has_it_finished),
		ON_BENCH(a_refusal_leads_back_to_the_old_domain),
		ON_BENCH(the_undoing_of_a_move_makes_a_bounded_number_of_calls_in_a_batch),
		ON_BENCH(an_endpoint_that_cannot_go_back_is_blocked_within_the_limits),
		cmocka_unit_test(a_reset_ends_the_undoing_of_a_move),
		ON_BENCH(an_attach_to_the_same_domain_makes_a_bounded_number_of_calls),
		ON_BENCH(a_domain_that_ends_is_there_until_it_is_left),
		ON_BENCH(a_device_is_freed_in_the_middle_of_it),
		ON_BENCH(an_unmap_makes_a_bounded_number_of_calls_in_a_batch),
		ON_BENCH(an_unmap_of_a_part_leaves_the_other_mappings),
		ON_BENCH(between_two_batches_listeners_have_what_an_unmap_has_left),
		cmocka_unit_test_setup_teardown(a_batch_ends_after_an_unmap_with_many_calls,
						set_up_without_limit, tear_down),
		ON_BENCH(a_batch_ends_after_many_unmaps_with_few_calls),
		ON_BENCH(an_unmap_at_once_is_not_divided),
		cmocka_unit_test_setup_teardown(an_unmap_is_divided_by_time_as_well,
						set_up_without_time, tear_down),
		ON_BENCH(a_map_is_executed_after_the_unmap_before_it),
		ON_BENCH(an_endpoint_leaves_after_the_unmap_before_it),
		ON_BENCH(a_saved_state_has_the_unmap_finished),
		ON_BENCH(a_reset_drops_an_unmap),
		ON_BENCH(a_device_is_freed_in_the_middle_of_an_unmap),
		ON_BENCH(at_the_limit_of_memory_requests_are_divided),
		ON_BENCH(a_reset_makes_a_bounded_number_of_calls_in_a_batch),
		ON_BENCH(a_reset_in_the_middle_of_a_move_unmaps_what_is_mapped),
		ON_BENCH(a_reset_in_the_middle_of_an_unmap_unmaps_the_rest),
		ON_BENCH(a_reset_can_begin_again_before_it_is_done),
		ON_BENCH(a_request_finishes_a_reset_first),
		ON_BENCH(a_request_that_is_submitted_finishes_a_reset_first),
		cmocka_unit_test_setup_teardown(
			a_request_that_is_answered_at_once_finishes_a_reset_first,
			set_up_without_answers, tear_down),
		ON_BENCH(features_and_bypass_do_not_finish_a_reset),
		ON_BENCH(a_device_is_freed_in_the_middle_of_a_reset),
		WITH_SPACES(an_unmap_of_a_domain_with_a_pasid_makes_a_bounded_number_of_calls),
		WITH_SPACES(a_pasid_enters_a_domain_in_batches),
		WITH_SPACES(a_pasid_that_is_refused_goes_back_in_batches),
		WITH_SPACES(a_pasid_that_cannot_go_back_is_detached),
		WITH_SPACES(a_reset_ends_the_entry_of_a_pasid),
		WITH_SPACES(a_device_is_freed_in_the_middle_of_an_entry),
		WITH_SPACES(a_device_is_freed_in_the_middle_of_an_unmap_of_a_pasid_s_domain),
		WITH_SPACES(a_listener_of_a_pasid_has_one_commit_at_a_time),
		WITH_SPACES(a_listener_of_a_table_has_one_commit_at_a_time),
		WITH_SPACES(a_pasid_whose_commit_is_refused_is_detached),
		WITH_SPACES(an_unmap_below_a_table_makes_a_bounded_number_of_calls),
		WITH_SPACES(a_table_takes_the_place_of_a_domain_in_batches),
		WITH_SPACES(a_table_is_replaced_in_batches),
		WITH_SPACES(a_table_that_is_refused_leads_back_to_the_one_before),
		WITH_SPACES(with_pasids_a_detach_makes_a_bounded_number_of_calls),
		WITH_SPACES(a_detach_of_all_pasids_makes_a_bounded_number_of_calls),
		WITH_SPACES(a_reset_detaches_pasids_in_batches),
		ON_BENCH(a_commit_lets_a_bounded_number_of_calls_follow),
		ON_BENCH(what_a_commit_leaves_is_continued_by_batches),
		ON_BENCH(a_request_that_waits_for_a_commit_is_divided),
		ON_BENCH(the_undoing_of_a_refused_commit_is_divided),
		cmocka_unit_test(at_the_limit_of_memory_a_batch_waits_for_what_is_put_off),
		cmocka_unit_test(with_tables_a_batch_waits_for_what_is_put_off),
		ON_BENCH(all_maps_of_a_run_that_is_refused_are_unmapped),
		ON_BENCH(a_refused_unmap_is_committed_before_another_request),
		ON_BENCH(a_map_behind_a_refused_attach_is_unmapped),
		ON_BENCH(requests_are_tried_again_after_a_move_without_calls),
		ON_BENCH(requests_are_tried_again_in_no_batch),
		ON_BENCH(requests_are_tried_again_after_another_request),
		cmocka_unit_test(a_call_between_two_batches_executes_what_is_left),
	};

	return cmocka_run_group_tests_name("divided", tests, NULL, NULL);
}
