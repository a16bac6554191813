/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "rig.h"

/*
 * Requests with very many calls of listeners, in batches that end by viommu_batch_yield()
 *
 * EP has two listeners. Domains 1 and 2 have N mappings each, and endpoints without listeners, so
 * that they last. A listener checks that it has each mapping once, and in which order both are
 * called.
 */

enum { N = 1000, CALLS = 64, SLACK = 4, CLOCK_CALLS = 64, MAX_REQUESTS = 8, N_DOMAINS = 3 };

struct ear {
	struct bench *bench;
	unsigned turn; /* 0: the first listener */
	bool has[N_DOMAINS][N];
	unsigned n_held;
	unsigned refuses_at; /* that many calls of `map` from now; 0: none */
	int mode;
};

struct bench {
	struct viommu *device;
	struct ear ears[2];
	unsigned n_calls;
	unsigned last_turn; /* in the phase: listeners are called one after the other */
	struct submitted {
		uint8_t bytes[36], tail[VIOMMU_TAIL_LENGTH];
		bool is_answered;
		size_t used;
	} requests[MAX_REQUESTS];
	size_t n_requests;
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

static int on_map(void *opaque, const struct viommu_mapping *mapping)
{
	struct ear *ear = opaque;

	ear->bench->n_calls++;
	assert_int_equal(ear->mode, VIOMMU_TRANSLATED);
	assert_true(ear->turn >= ear->bench->last_turn);
	ear->bench->last_turn = ear->turn;
	if (ear->refuses_at && !--ear->refuses_at)
		return -ENOSPC;
	assert_false(*place(ear, mapping));
	*place(ear, mapping) = true;
	ear->n_held++;
	return 0;
}

static void on_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	struct ear *ear = opaque;

	ear->bench->n_calls++;
	assert_true(*place(ear, mapping));
	*place(ear, mapping) = false;
	ear->n_held--;
	ear->bench->last_turn = 0;
}

static int on_mode(void *opaque, enum viommu_mode mode)
{
	struct ear *ear = opaque;

	ear->bench->n_calls++;
	assert_int_equal(ear->n_held, 0);
	ear->mode = (int)mode;
	return 0;
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

static uint64_t reach(struct bench *bench, uint64_t iova)
{
	struct viommu_translation to;

	return viommu_translate(bench->device, EP, iova, 1, R | VIOMMU_ACCESS_QUIET, &to)
		       ? 0
		       : to.address;
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

static int set_up_with(void **state, const struct viommu_config *config)
{
	static const struct viommu_ops ops = { .size = sizeof(ops), .answered = on_answered };
	static const struct viommu_listener_ops listener = {
		.size = sizeof(listener), .map = on_map, .unmap = on_unmap, .mode = on_mode
	};
	static const uint32_t endpoints[] = { EP, EP2, EP3 };
	struct bench *bench = calloc(1, sizeof(*bench));
	struct viommu_listener *added;

	assert_non_null(bench);
	assert_int_equal(viommu_new(config, &ops, bench, &bench->device), 0);
	assert_int_equal(viommu_accept(bench->device, VIOMMU_FEATURES_DEFAULT), 0);
	for (uint32_t i = 0; i < COUNT_OF(endpoints); i++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							  .id = endpoints[i] };

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

static int set_up(void **state)
{
	return set_up_with(state, &(struct viommu_config){ .size = sizeof(struct viommu_config),
							   .max_batch_calls = CALLS });
}

/* As many calls as a batch has without a limit of the VMM. */
static int set_up_without_limit(void **state)
{
	return set_up_with(state, &(struct viommu_config){ .size = sizeof(struct viommu_config) });
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

/* Domain 0 ends when its only endpoint leaves it, but not before its mappings are told of. */
static void a_domain_that_ends_is_there_until_it_is_left(void **state)
{
	struct bench *bench = *state;
	struct viommu_domain_state domain;

	assert_answer(SUBMIT(bench, ATTACH(0, EP, 0, 0)), VIOMMU_S_OK);
	for (size_t k = 0; k < N; k++) {
		uint64_t at = iova_of(0, k);

		bench->last_turn = 0;
		assert_answer(SUBMIT(bench, MAP(0, at, at + PAGE - 1, at, R)), VIOMMU_S_OK);
	}
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

int main(void)
{
#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
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
		ON_BENCH(a_domain_that_ends_is_there_until_it_is_left),
		ON_BENCH(a_device_is_freed_in_the_middle_of_it),
	};

	return cmocka_run_group_tests_name("divided", tests, NULL, NULL);
}
