/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "rig.h"

/*
 * Requests that are answered later: viommu_submit(), `commit`, viommu_listener_complete()
 *
 * A remote is a listener that needs time, as another process does. It queues its notifications, and
 * has done them when the test says so. What it said is written down, and so are answers: "#2 OK".
 */

enum { MAX_QUEUE = 64, N_REMOTES = 2, MAX_REMOTES = 3, MAX_REQUESTS = 32 };

/* An assertion that fails in a callback leaves the device locked, and what follows waits. Also
 * under drd, a test takes a part of this. */
#define SECONDS_MAX 120

struct remote {
	struct bench *bench;
	const char *name;
	struct viommu_listener *listener;
	uint64_t token;      /* of the pending commit, or 0 */
	uint64_t refuses;    /* refuse a commit with a mapping of this IOVA */
	bool refuses_attach; /* or with a mode */
	bool refuses_unmap;  /* or that removes mappings only */
	bool is_quick;       /* commits at once */
	bool asks;           /* in `commit`, another thread asks for the first domain, */
	bool is_answered;    /* and is answered */
	uint64_t counted;    /* mappings of the device, in `commit` */
	int mode;

	/* Since the last commit, and what is in force. */
	struct viommu_mapping queue[MAX_QUEUE], held[MAX_QUEUE];
	bool removes[MAX_QUEUE];
	size_t n_queue, n_held;
	bool has_mode;
};

struct bench {
	struct viommu *device;
	struct remote remotes[MAX_REMOTES];
	char said[4096];
	struct submitted {
		struct bench *bench;
		uint8_t bytes[36], tail[VIOMMU_TAIL_LENGTH];
		bool is_answered;
	} requests[MAX_REQUESTS];
	size_t n_requests;
};

__attribute__((format(printf, 2, 3))) static void say(struct bench *bench, const char *format, ...)
{
	size_t at = strlen(bench->said);
	va_list args;

	if (at && at < sizeof(bench->said) - 128)
		at += (size_t)sprintf(bench->said + at, ", ");
	va_start(args, format);
	vsnprintf(bench->said + at, sizeof(bench->said) - at, format, args);
	va_end(args);
}

static void assert_events(struct bench *bench, const char *said)
{
	assert_string_equal(bench->said, said);
	bench->said[0] = '\0';
}

/* -- the remote --------------------------------------------------------------- */

static void queue(struct remote *remote, const struct viommu_mapping *mapping, bool removes)
{
	assert_int_equal(remote->token, 0); /* nothing changes while it commits */
	assert_in_range(remote->n_queue, 0, MAX_QUEUE - 1);
	remote->removes[remote->n_queue] = removes;
	remote->queue[remote->n_queue++] = *mapping;
}

static int on_map(void *opaque, const struct viommu_mapping *mapping)
{
	queue(opaque, mapping, false);
	return 0;
}

static void on_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	queue(opaque, mapping, true);
}

/* Every mapping is removed before the mode changes. */
static int on_mode(void *opaque, enum viommu_mode mode)
{
	struct remote *remote = opaque;
	int n = (int)remote->n_held;

	for (size_t i = 0; i < remote->n_queue; i++)
		n += remote->removes[i] ? -1 : 1;
	assert_true(n <= 0);
	assert_int_equal(remote->token, 0);
	remote->has_mode = true;
	remote->mode = (int)mode;
	return 0;
}

static bool is_held(const struct remote *remote, const struct viommu_mapping *mapping, size_t *at)
{
	for (*at = 0; *at < remote->n_held; ++*at)
		if (remote->held[*at].first == mapping->first)
			return true;
	return false;
}

/* Do what is queued: as far as the first refusal. */
static int carry_out(struct remote *remote)
{
	int error = remote->has_mode && remote->mode == VIOMMU_TRANSLATED && remote->refuses_attach
			    ? -EIO
			    : 0;
	bool adds = remote->has_mode;
	size_t at;

	for (size_t i = 0; i < remote->n_queue; i++) {
		const struct viommu_mapping *mapping = &remote->queue[i];

		adds |= !remote->removes[i];
		if (remote->removes[i]) {
			if (is_held(remote, mapping, &at))
				remote->held[at] = remote->held[--remote->n_held];
		} else if (mapping->first == remote->refuses) {
			error = -ENOSPC;
		} else if (!error) {
			assert_false(is_held(remote, mapping, &at));
			remote->held[remote->n_held++] = *mapping;
		}
	}
	if (!adds && remote->n_queue && remote->refuses_unmap)
		error = -EIO;
	remote->n_queue = 0;
	remote->has_mode = false;
	return error;
}

static struct viommu_counters counts(struct bench *bench)
{
	struct viommu_counters now = { .size = sizeof(now) };

	viommu_count(bench->device, &now);
	return now;
}

static void *ask(void *opaque)
{
	struct remote *remote = opaque;
	struct viommu_domain_state domain;

	remote->is_answered = !viommu_next_domain(remote->bench->device, 0, &domain);
	return NULL;
}

static void ask_in_another_thread(struct remote *remote)
{
	pthread_t thread;

	remote->is_answered = false;
	assert_int_equal(pthread_create(&thread, NULL, ask, remote), 0);
	pthread_join(thread, NULL);
	assert_true(remote->is_answered);
}

static int on_commit(void *opaque, uint64_t token)
{
	struct remote *remote = opaque;

	if (remote->asks)
		ask_in_another_thread(remote);
	remote->counted = counts(remote->bench).mappings;
	say(remote->bench, "%s commit%s %zu", remote->name, token ? "" : " now", remote->n_queue);
	if (!token || remote->is_quick) {
		remote->token = 0;
		return carry_out(remote);
	}
	assert_int_equal(remote->token, 0);
	remote->token = token;
	return VIOMMU_PENDING;
}

/* The remote has done it. */
static void done(struct remote *remote)
{
	uint64_t token = remote->token;

	assert_int_not_equal(token, 0);
	remote->token = 0;
	assert_int_equal(viommu_listener_complete(remote->bench->device, token, carry_out(remote)),
			 0);
	assert_int_equal(viommu_listener_complete(remote->bench->device, token, 0), -ENOENT);
}

/* -- requests ------------------------------------------------------------------ */

static const char *status_name(uint8_t status)
{
	static const char *const names[] = { "OK",    "IOERR", "UNSUPP", "DEVERR", "INVAL",
					     "RANGE", "NOENT", "FAULT",  "NOMEM" };

	return status < COUNT_OF(names) ? names[status] : "?";
}

static void on_answered(void *opaque, void *cookie, size_t used)
{
	struct submitted *request = cookie;
	struct bench *bench = opaque;

	assert_false(request->is_answered);
	request->is_answered = true;
	if (used)
		say(bench, "#%d %s", (int)(request - bench->requests),
		    status_name(request->tail[0]));
	else
		say(bench, "#%d dropped", (int)(request - bench->requests));
	if (!used)
		assert_int_equal(request->tail[0], POISON);
}

/* In a batch if `in_batch`. An answer at once is written down as well. */
static void submit_bytes(struct bench *bench, const void *bytes, size_t length, bool in_batch)
{
	struct submitted *request = &bench->requests[bench->n_requests++];
	const struct iovec in = { request->bytes, length };
	const struct iovec out[2] = { { request->tail, 1 }, { request->tail + 1, 3 } };
	size_t used;

	assert_in_range(bench->n_requests, 0, MAX_REQUESTS);
	memcpy(request->bytes, bytes, length);
	memset(request->tail, POISON, sizeof(request->tail));
	used = in_batch ? viommu_batch_submit(bench->device, &in, 1, out, 2, request)
			: viommu_submit(bench->device, &in, 1, out, 2, request);
	if (used != VIOMMU_LATER)
		on_answered(bench, request, used);
}

#define SUBMIT(bench, ...) \
	submit_bytes(bench, (const uint8_t[]){ __VA_ARGS__ }, \
		     sizeof((const uint8_t[]){ __VA_ARGS__ }), false)
#define SUBMIT_IN_BATCH(bench, ...) \
	submit_bytes(bench, (const uint8_t[]){ __VA_ARGS__ }, \
		     sizeof((const uint8_t[]){ __VA_ARGS__ }), true)

#define MAP_PAGE(domain, iova)   MAP(domain, iova, (iova) + 0xfff, (iova) + 0x100000, R | W)
#define UNMAP_PAGE(domain, iova) UNMAP(domain, iova, (iova) + 0xfff, 0)

static const uint32_t endpoints[] = { EP, EP2, EP3 };

static void listen(struct bench *bench, size_t i, const void *committer)
{
	static const char *const names[] = { "a", "b", "c" };
	struct remote *remote = &bench->remotes[i];
	const struct viommu_listener_ops ops = {
		.size = sizeof(ops),
		.map = on_map,
		.unmap = on_unmap,
		.mode = on_mode,
		.commit = on_commit,
		.committer = committer,
	};

	*remote = (struct remote){ .bench = bench, .name = names[i], .refuses = TOP };
	assert_int_equal(
		viommu_listen(bench->device, endpoints[i], &ops, remote, &remote->listener), 0);
}

static void start_empty(struct bench *bench, const struct viommu_config *config)
{
	const struct viommu_ops ops = { .size = sizeof(ops), .answered = on_answered };

	assert_int_equal(viommu_new(config, &ops, bench, &bench->device), 0);
	for (size_t i = 0; i < COUNT_OF(endpoints); i++)
		assert_int_equal(viommu_endpoint_add(bench->device,
						     &(struct viommu_endpoint){
							     .size = sizeof(struct viommu_endpoint),
							     .id = endpoints[i] }),
				 0);
	assert_int_equal(viommu_accept(bench->device, config->features ? config->features
								       : VIOMMU_FEATURES_DEFAULT),
			 0);
}

static void start_with(struct bench *bench, const struct viommu_config *config)
{
	start_empty(bench, config);
	for (size_t i = 0; i < N_REMOTES; i++)
		listen(bench, i, NULL);
	bench->said[0] = '\0';
}

static void start(struct bench *bench, uint64_t max_bytes)
{
	start_with(bench, &(struct viommu_config){ .size = sizeof(struct viommu_config),
						   .max_bytes = max_bytes });
}

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	alarm(SECONDS_MAX);
	start(bench, 0);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	viommu_free(bench->device);
	free(bench);
	alarm(0);
	return 0;
}

/* Endpoint a in domain 1, b in domain 2. */
static struct bench *attached(void **state)
{
	struct bench *bench = *state;
	struct remote *a = &bench->remotes[0], *b = &bench->remotes[1];

	SUBMIT(bench, ATTACH(1, EP, 0, 0));
	SUBMIT(bench, ATTACH(2, EP2, 0, 0));
	done(a);
	done(b);
	assert_events(bench, "a commit 0, b commit 0, #0 OK, #1 OK");
	bench->n_requests = 0;
	memset(bench->requests, 0, sizeof(bench->requests));
	return bench;
}

static uint64_t reach(struct bench *bench, uint32_t endpoint, uint64_t iova)
{
	struct viommu_translation to;

	return viommu_translate(bench->device, endpoint, iova, 1, R | VIOMMU_ACCESS_QUIET, &to)
		       ? 0
		       : to.address;
}

static void write_bypass_of(struct bench *bench, uint8_t bypass)
{
	viommu_config_write(bench->device, VIOMMU_CONFIG_BYPASS, &bypass, sizeof(bypass));
}

/* -- runs of ATTACHes and DETACHes ------------------------------------------------ */

enum { N_MOVERS = 64, FIRST_MOVER = 0x1000 };

/* An endpoint with a listener that has no `commit`. */
struct mover {
	unsigned n_maps, n_unmaps;
	unsigned refuses;          /* so many calls of `map` */
	unsigned *turn, last_turn; /* of `map`, among all */
	enum viommu_mode mode;
};

static int mover_map(void *opaque, const struct viommu_mapping *mapping)
{
	struct mover *mover = opaque;

	(void)mapping;
	if (mover->refuses) {
		mover->refuses--;
		return -ENOSPC;
	}
	mover->n_maps++;
	mover->last_turn = mover->turn ? ++*mover->turn : 0;
	return 0;
}

static void mover_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	(void)mapping;
	((struct mover *)opaque)->n_unmaps++;
}

static int mover_mode(void *opaque, enum viommu_mode mode)
{
	((struct mover *)opaque)->mode = mode;
	return 0;
}

static const struct viommu_listener_ops mover_ops = {
	.size = sizeof(mover_ops), .map = mover_map, .unmap = mover_unmap, .mode = mover_mode
};

/* Each is in a domain of its own number, with a mapping; and in domain N_MOVERS is one, too. */
static void add_movers(struct bench *bench, struct mover *movers)
{
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint) };
	struct viommu_listener *listener;

	for (uint32_t i = 0; i < N_MOVERS; i++) {
		endpoint.id = FIRST_MOVER + i;
		assert_int_equal(viommu_endpoint_add(bench->device, &endpoint), 0);
		assert_int_equal(viommu_listen(bench->device, endpoint.id, &mover_ops, &movers[i],
					       &listener),
				 0);
		bench->n_requests = 0;
		memset(bench->requests, 0, sizeof(bench->requests));
		SUBMIT(bench, ATTACH(i, FIRST_MOVER + i, 0, 0));
		SUBMIT(bench, MAP_PAGE(i, 0x1000));
	}
	bench->n_requests = 0;
	memset(bench->requests, 0, sizeof(bench->requests));
	SUBMIT(bench, ATTACH(N_MOVERS, EP3, 0, 0));
	SUBMIT(bench, MAP_PAGE(N_MOVERS, 0x2000));
	bench->said[0] = '\0';
}

static unsigned count_said(const struct bench *bench, const char *what)
{
	unsigned n = 0;

	for (const char *at = bench->said; (at = strstr(at, what)); at += strlen(what))
		n++;
	return n;
}

/* MAX_REQUESTS of a kind in a batch; returns how many grace periods that took. */
static uint64_t move_all(struct bench *bench, bool attaches)
{
	uint64_t before = counts(bench).waits;

	bench->n_requests = 0;
	memset(bench->requests, 0, sizeof(bench->requests));
	bench->said[0] = '\0';
	viommu_batch_begin(bench->device);
	for (uint32_t i = 0; i < MAX_REQUESTS; i++)
		if (attaches)
			SUBMIT_IN_BATCH(bench, ATTACH(N_MOVERS, FIRST_MOVER + i, 0, 0));
		else
			SUBMIT_IN_BATCH(bench, DETACH(N_MOVERS, FIRST_MOVER + i, 0));
	viommu_batch_end(bench->device);
	return counts(bench).waits - before;
}

static void a_run_of_attaches_waits_once(void **state)
{
	struct bench *bench = *state;
	struct mover movers[N_MOVERS] = { 0 };
	struct viommu_domain_state domain;

	add_movers(bench, movers);
	assert_int_equal(move_all(bench, true), 1);
	assert_int_equal(count_said(bench, "OK"), MAX_REQUESTS);
	for (uint32_t i = 0; i < MAX_REQUESTS; i++) {
		assert_int_equal(movers[i].n_maps, 2);
		assert_int_equal(movers[i].n_unmaps, 1);
		assert_int_equal(reach(bench, FIRST_MOVER + i, 0x1000), 0);
		assert_int_equal(reach(bench, FIRST_MOVER + i, 0x2000), 0x102000);
	}
	assert_int_equal(viommu_next_domain(bench->device, 0, &domain), 0);
	assert_int_equal(domain.id, MAX_REQUESTS);
	assert_int_equal(move_all(bench, false), 1);
	assert_int_equal(count_said(bench, "OK"), MAX_REQUESTS);
	for (uint32_t i = 0; i < MAX_REQUESTS; i++) {
		assert_int_equal(movers[i].n_unmaps, 2);
		assert_int_equal(movers[i].mode, VIOMMU_BLOCKED);
	}
}

static void a_refusal_in_a_run_concerns_one_endpoint(void **state)
{
	struct bench *bench = *state;
	struct mover movers[N_MOVERS] = { 0 };

	add_movers(bench, movers);
	movers[3].refuses = 2;
	move_all(bench, true);
	assert_int_equal(count_said(bench, "OK"), MAX_REQUESTS - 1);
	assert_int_equal(count_said(bench, "#3 NOMEM"), 1);
	assert_int_equal(movers[3].mode, VIOMMU_BLOCKED); /* the old state is refused as well */
	bench->n_requests = 0;
	memset(bench->requests, 0, sizeof(bench->requests));
	SUBMIT(bench, ATTACH(N_MOVERS, FIRST_MOVER + 3, 0, 0));
	assert_int_equal(reach(bench, FIRST_MOVER + 3, 0x2000), 0x102000);
}

/* The others of a domain that they leave have left it before it is refused. */
static void a_refusal_in_a_run_keeps_the_order_of_the_old_domain(void **state)
{
	enum { FIRST, REFUSED, SECOND, LEAVING, N };
	static const uint32_t order[N] = { LEAVING, FIRST, REFUSED, SECOND };
	struct bench *bench = *state;
	struct mover movers[N_MOVERS] = { 0 };
	unsigned turn = 0;

	add_movers(bench, movers);
	bench->n_requests = 0;
	memset(bench->requests, 0, sizeof(bench->requests));
	for (size_t i = 0; i < N; i++) {
		SUBMIT(bench, ATTACH(N_MOVERS, FIRST_MOVER + order[i], 0, 0));
		movers[i].turn = &turn;
	}
	movers[REFUSED].refuses = 1;
	viommu_batch_begin(bench->device);
	SUBMIT_IN_BATCH(bench, ATTACH(N_MOVERS - 1, FIRST_MOVER + LEAVING, 0, 0));
	SUBMIT_IN_BATCH(bench, ATTACH(N_MOVERS - 1, FIRST_MOVER + REFUSED, 0, 0));
	viommu_batch_end(bench->device);
	assert_int_equal(count_said(bench, "#5 NOMEM"), 1);
	SUBMIT(bench, MAP_PAGE(N_MOVERS, 0x3000));
	assert_true(movers[FIRST].last_turn < movers[REFUSED].last_turn);
	assert_true(movers[REFUSED].last_turn < movers[SECOND].last_turn);
}

/* Each goes where another has just been, alone: domains that end, and new ones with their numbers.
 */
static void endpoints_in_a_run_exchange_their_domains(void **state)
{
	struct bench *bench = *state;
	struct mover movers[N_MOVERS] = { 0 };
	struct viommu_counters before;

	add_movers(bench, movers);
	before = counts(bench);
	bench->n_requests = 0;
	memset(bench->requests, 0, sizeof(bench->requests));
	bench->said[0] = '\0';
	viommu_batch_begin(bench->device);
	SUBMIT_IN_BATCH(bench, ATTACH(1, FIRST_MOVER, 0, 0));
	SUBMIT_IN_BATCH(bench, ATTACH(0, FIRST_MOVER + 1, 0, 0));
	SUBMIT_IN_BATCH(bench, ATTACH(3, FIRST_MOVER + 2, 0, 0));
	SUBMIT_IN_BATCH(bench, MAP_PAGE(0, 0x5000));
	viommu_batch_end(bench->device);
	assert_int_equal(count_said(bench, "OK"), 4);
	assert_int_equal(reach(bench, FIRST_MOVER, 0x1000), 0x101000);
	assert_int_equal(reach(bench, FIRST_MOVER + 1, 0x1000), 0);
	assert_int_equal(reach(bench, FIRST_MOVER + 1, 0x5000), 0x105000);
	assert_int_equal(reach(bench, FIRST_MOVER + 2, 0x1000), 0x101000);
	assert_int_equal(counts(bench).domains, before.domains - 1);
	assert_int_equal(movers[0].n_maps - movers[0].n_unmaps, 1);
	assert_int_equal(movers[1].n_maps - movers[1].n_unmaps, 1);
}

static void what_a_domain_holds_is_accounted_for_while_it_is_left(void **state)
{
	struct bench *bench = *state;
	struct mover movers[N_MOVERS] = { 0 };
	uint64_t before;

	add_movers(bench, movers);
	before = counts(bench).bytes;
	for (unsigned round = 0; round < 2; round++) {
		bench->n_requests = 0;
		memset(bench->requests, 0, sizeof(bench->requests));
		viommu_batch_begin(bench->device);
		for (uint64_t i = 0; i < MAX_REQUESTS - 3; i++)
			SUBMIT_IN_BATCH(bench, MAP_PAGE(0, 0x100000 + i * 0x2000));
		SUBMIT_IN_BATCH(bench, DETACH(0, FIRST_MOVER, 0));
		viommu_batch_end(bench->device);
		SUBMIT(bench, ATTACH(0, FIRST_MOVER, 0, 0));
		SUBMIT(bench, MAP_PAGE(0, 0x1000));
	}
	assert_int_equal(counts(bench).bytes, before);
}

/* -- answers and order --------------------------------------------------------- */

static void an_answer_waits_for_its_listener_and_for_no_other(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0], *b = &bench->remotes[1];

	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	assert_events(bench, "a commit 1");
	assert_int_equal(counts(bench).pending, 1);
	SUBMIT(bench, MAP_PAGE(2, 0x1000));
	assert_events(bench, "b commit 1");
	done(b);
	assert_events(bench, "#1 OK");
	SUBMIT(bench, UNMAP_PAGE(2, 0x1000));
	done(b);
	assert_events(bench, "b commit 1, #2 OK");
	assert_int_equal(b->n_held, 0);
	SUBMIT(bench, PROBE(EP));
	assert_int_equal(bench->requests[0].is_answered, false);
	done(a);
	assert_int_equal(a->n_held, 1);
	assert_int_equal(counts(bench).pending, 0);
}

/* The mappings that translations find. */
static void counts_are_up_to_date_in_a_commit(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0];

	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	assert_int_equal(a->counted, 1);
	done(a);
	SUBMIT(bench, UNMAP_PAGE(1, 0x1000));
	assert_int_equal(a->counted, 0);
	done(a);
	assert_int_equal(counts(bench).mappings, 0);
}

static void an_unmap_is_answered_when_nothing_is_reached_any_more(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0];

	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	done(a);
	assert_int_equal(reach(bench, EP, 0x1000), 0x101000);
	SUBMIT(bench, UNMAP_PAGE(1, 0x1000));
	assert_int_equal(reach(bench, EP, 0x1000), 0);
	assert_events(bench, "a commit 1, #0 OK, a commit 1");
	assert_int_equal(a->n_held, 1);
	done(a);
	assert_events(bench, "#1 OK");
	assert_int_equal(a->n_held, 0);
}

static void requests_of_a_domain_keep_their_order(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0];

	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	SUBMIT(bench, UNMAP_PAGE(1, 0x1000));
	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	SUBMIT(bench, DETACH(1, EP, 0));
	SUBMIT(bench, MAP_PAGE(1, 0x5000));
	assert_events(bench, "a commit 1");
	assert_int_equal(counts(bench).pending, 6);
	done(a);
	/* The second MAP follows the UNMAP in one flight; the third overlaps. */
	assert_events(bench, "a commit 2, #0 OK, #3 INVAL");
	done(a);
	assert_events(bench, "a commit 1, #1 OK, #2 OK, #5 NOENT");
	done(a);
	assert_events(bench, "#4 OK");
	assert_int_equal(a->n_held, 0);
	assert_int_equal(a->mode, VIOMMU_BLOCKED);
}

static void an_endpoint_does_not_leave_what_may_be_refused(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0], *b = &bench->remotes[1];

	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	SUBMIT(bench, ATTACH(2, EP, 0, 0));
	SUBMIT(bench, MAP_PAGE(2, 0x2000));
	assert_events(bench, "a commit 1");
	assert_int_equal(reach(bench, EP, 0x1000), 0x101000);
	done(a);
	assert_events(bench, "a commit 2, b commit 1, #0 OK");
	assert_int_equal(reach(bench, EP, 0x1000), 0);
	assert_int_equal(reach(bench, EP, 0x2000), 0x102000);
	done(b);
	assert_events(bench, "");
	done(a);
	assert_events(bench, "#1 OK, #2 OK");
}

static void a_batch_is_one_commit(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0];

	viommu_batch_begin(bench->device);
	for (uint64_t iova = 0x1000; iova < 0x9000; iova += 0x1000)
		SUBMIT_IN_BATCH(bench, MAP_PAGE(1, iova));
	viommu_batch_end(bench->device);
	assert_events(bench, "a commit 8");
	done(a);
	assert_events(bench, "#0 OK, #1 OK, #2 OK, #3 OK, #4 OK, #5 OK, #6 OK, #7 OK");
	viommu_batch_begin(bench->device);
	for (uint64_t iova = 0x1000; iova < 0x9000; iova += 0x1000)
		SUBMIT_IN_BATCH(bench, UNMAP_PAGE(1, iova));
	viommu_batch_end(bench->device);
	assert_events(bench, "a commit 8");
	done(a);
	assert_int_equal(a->n_held, 0);
}

static void a_quick_listener_is_answered_before_the_batch_ends(void **state)
{
	struct bench *bench = attached(state);

	bench->remotes[0].is_quick = true;
	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	assert_events(bench, "a commit 1, #0 OK");
	viommu_batch_begin(bench->device);
	SUBMIT_IN_BATCH(bench, MAP_PAGE(1, 0x2000));
	SUBMIT_IN_BATCH(bench, UNMAP_PAGE(1, 0x2000));
	viommu_batch_end(bench->device);
	assert_events(bench, "a commit 1, a commit 1, #1 OK, #2 OK");
}

/* -- refusals ------------------------------------------------------------------ */

static void a_refused_map_is_undone_alone(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0];

	a->refuses = 0x2000;
	viommu_batch_begin(bench->device);
	for (uint64_t iova = 0x1000; iova < 0x4000; iova += 0x1000)
		SUBMIT_IN_BATCH(bench, MAP_PAGE(1, iova));
	viommu_batch_end(bench->device);
	SUBMIT(bench, UNMAP_PAGE(1, 0x3000));
	assert_events(bench, "a commit 3");
	done(a);
	assert_events(bench, "a commit now 3, a commit 1");
	done(a);
	assert_events(bench, "a commit 1, #0 OK");
	done(a);
	assert_events(bench, "a commit now 1, a commit 1, #1 NOMEM");
	assert_int_equal(reach(bench, EP, 0x2000), 0);
	done(a);
	assert_events(bench, "a commit 1, #2 OK");
	done(a);
	assert_events(bench, "#3 OK");
	assert_int_equal(a->n_held, 1);
	assert_int_equal(reach(bench, EP, 0x1000), 0x101000);
}

static void a_refused_attach_leaves_the_endpoint_blocked(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0];
	struct viommu_endpoint_state endpoint;

	write_bypass_of(bench, 1);
	SUBMIT(bench, DETACH(1, EP, 0));
	done(a);
	assert_events(bench, "a commit 0, #0 OK");
	assert_int_equal(a->mode, VIOMMU_BYPASS);
	a->refuses_attach = true;
	SUBMIT(bench, ATTACH(3, EP, 0, 0));
	done(a);
	assert_events(bench, "a commit 0, a commit now 0, #1 IOERR");
	assert_int_equal(viommu_next_endpoint(bench->device, EP, &endpoint), 0);
	assert_false(endpoint.attached);
	assert_int_equal(endpoint.mode, VIOMMU_BLOCKED);
	a->refuses_attach = false;
	SUBMIT(bench, ATTACH(3, EP, 0, 0));
	done(a);
	assert_events(bench, "a commit 0, #2 OK");
}

static void the_other_listeners_of_a_domain_undo_a_refused_map(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0], *b = &bench->remotes[1];

	/* Its mode is as before, and it has no mapping: nothing is to be done. */
	SUBMIT(bench, ATTACH(1, EP2, 0, 0));
	b->refuses = 0x1000;
	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	done(a);
	assert_int_equal(a->n_held, 1);
	done(b);
	assert_events(bench, "#0 OK, a commit 1, b commit 1, a commit now 1, "
			     "b commit now 1, #1 NOMEM");
	assert_int_equal(a->n_held, 0);
}

/* -- requests at once, and everything else ---------------------------------------- */

static int at_once(struct bench *bench, const void *bytes, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH];
	const struct iovec in = { (void *)(uintptr_t)bytes, length }, out = { tail, sizeof(tail) };

	assert_int_equal(viommu_request(bench->device, &in, 1, &out, 1), sizeof(tail));
	return tail[0];
}

#define AT_ONCE(bench, ...) \
	at_once(bench, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void a_request_at_once_lets_all_commit_before_it(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0], *b = &bench->remotes[1];
	uint64_t token;

	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	SUBMIT(bench, UNMAP_PAGE(1, 0x1000));
	token = a->token;
	assert_int_equal(AT_ONCE(bench, MAP_PAGE(2, 0x1000)), VIOMMU_S_OK);
	assert_events(bench, "a commit 1, a commit now 1, a commit now 1, b commit now 1, #0 OK, "
			     "#1 OK");
	assert_int_equal(viommu_listener_complete(bench->device, token, 0), -ENOENT);
	assert_int_equal(AT_ONCE(bench, UNMAP_PAGE(2, 0x1000)), VIOMMU_S_OK);
	assert_events(bench, "b commit now 1");
	b->refuses = 0x2000;
	assert_int_equal(AT_ONCE(bench, MAP_PAGE(2, 0x2000)), VIOMMU_S_NOMEM);
	assert_events(bench, "b commit now 1, b commit now 1");
	assert_int_equal(AT_ONCE(bench, DETACH(2, EP2, 0)), VIOMMU_S_OK);
	b->refuses_attach = true;
	assert_int_equal(AT_ONCE(bench, ATTACH(5, EP2, 0, 0)), VIOMMU_S_IOERR);
	assert_int_equal(b->n_held + b->n_queue, 0);
}

/* Also if the one before has refused, or needs time. */
static void queries_are_answered_while_each_listener_commits(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0], *b = &bench->remotes[1];

	assert_int_equal(AT_ONCE(bench, ATTACH(1, EP2, 0, 0)), VIOMMU_S_OK);
	bench->said[0] = '\0';
	a->asks = b->asks = true;
	assert_int_equal(AT_ONCE(bench, MAP_PAGE(1, 0x1000)), VIOMMU_S_OK);
	assert_events(bench, "a commit now 1, b commit now 1");
	a->refuses = 0x2000;
	assert_int_equal(AT_ONCE(bench, MAP_PAGE(1, 0x2000)), VIOMMU_S_NOMEM);
	assert_events(bench, "a commit now 1, b commit now 1, a commit now 1, b commit now 1");
	SUBMIT(bench, MAP_PAGE(1, 0x3000));
	assert_events(bench, "a commit 1, b commit 1");
	done(a);
	done(b);
	assert_events(bench, "#0 OK");
}

/* Two listeners of a domain and one of another, by the addresses that they share. */
static void assert_commits(const char *const committers[MAX_REMOTES], const char *said,
			   const char *later)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	start_empty(bench, &(struct viommu_config){ .size = sizeof(struct viommu_config) });
	for (size_t i = 0; i < MAX_REMOTES; i++) {
		listen(bench, i, committers[i]);
		bench->remotes[i].is_quick = true;
		assert_int_equal(AT_ONCE(bench, ATTACH(i < 2 ? 1 : 2, endpoints[i], 0, 0)),
				 VIOMMU_S_OK);
	}
	bench->said[0] = '\0';
	assert_int_equal(AT_ONCE(bench, MAP_PAGE(1, 0x1000)), VIOMMU_S_OK);
	assert_events(bench, said);
	viommu_batch_begin(bench->device);
	SUBMIT_IN_BATCH(bench, MAP_PAGE(1, 0x2000));
	SUBMIT_IN_BATCH(bench, MAP_PAGE(2, 0x2000));
	viommu_batch_end(bench->device);
	assert_events(bench, later);
	viommu_free(bench->device);
	free(bench);
}

static void listeners_that_share_a_committer_commit_once(void **state)
{
	const char one = 0, other = 0;

	(void)state;
	assert_commits((const char *const[]){ NULL, NULL, NULL }, "a commit now 1, b commit now 1",
		       "a commit 1, b commit 1, c commit 1, #0 OK, #1 OK");
	assert_commits((const char *const[]){ &one, &one, &one }, "a commit now 1",
		       "a commit 1, #0 OK, #1 OK");
	assert_commits((const char *const[]){ &one, &one, &other }, "a commit now 1",
		       "a commit 1, c commit 1, #0 OK, #1 OK");
	assert_commits((const char *const[]){ &one, &other, &one },
		       "a commit now 1, b commit now 1",
		       "a commit 1, b commit 1, c commit 1, #0 OK, #1 OK");
}

static void a_reset_drops_what_is_not_answered(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0];
	uint64_t token;

	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	SUBMIT(bench, UNMAP_PAGE(1, 0x1000));
	token = a->token;
	viommu_reset(bench->device);
	assert_events(bench,
		      "a commit 1, a commit now 1, a commit now 1, b commit now 0, #0 dropped, "
		      "#1 dropped");
	assert_int_equal(viommu_listener_complete(bench->device, token, 0), -ENOENT);
	assert_int_equal(a->n_held, 0);
	assert_int_equal(counts(bench).pending, 0);
	assert_int_equal(counts(bench).bytes, 0);
}

static void removing_an_endpoint_or_a_listener_answers_first(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0], *b = &bench->remotes[1];

	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	SUBMIT(bench, MAP_PAGE(1, 0x2000));
	assert_int_equal(viommu_endpoint_remove(bench->device, EP), 0);
	assert_events(bench, "a commit 1, a commit now 1, a commit now 1, a commit now 2, #0 OK, "
			     "#1 OK");
	assert_int_equal(a->n_held, 0);
	SUBMIT(bench, MAP_PAGE(2, 0x1000));
	viommu_unlisten(b->listener);
	assert_events(bench, "b commit 1, b commit now 1, b commit now 1, #2 OK");
	SUBMIT(bench, MAP_PAGE(2, 0x2000));
	assert_events(bench, "#3 OK");
}

static void saved_state_has_no_request_that_is_not_answered(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0];
	struct viommu_mapping mapping;
	size_t length;
	void *bytes;

	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	SUBMIT(bench, UNMAP_PAGE(1, 0x1000));
	assert_int_equal(viommu_save(bench->device, &bytes, &length), 0);
	assert_events(bench, "a commit 1, a commit now 1, a commit now 1, #0 OK, #1 OK");
	assert_int_equal(viommu_load(bench->device, bytes, length, NULL, 0), 0);
	free(bytes);
	assert_int_equal(viommu_next_mapping(bench->device, 1, 0, &mapping), -ENOENT);
	assert_int_equal(a->mode, VIOMMU_TRANSLATED);
	assert_int_equal(a->n_queue, 0);
}

static void a_device_is_freed_with_requests_that_are_not_answered(void **state)
{
	struct bench *bench = attached(state);

	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	SUBMIT(bench, UNMAP_PAGE(1, 0x1000));
	assert_events(bench, "a commit 1");
}

static void a_guest_cannot_put_off_more_than_its_limits(void **state)
{
	struct bench *bench = *state;
	struct viommu_counters now;
	uint64_t empty;

	attached(state);
	empty = counts(bench).bytes;
	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	now = counts(bench);
	assert_true(now.bytes > empty);
	for (size_t i = 0; i < 3000; i++) {
		bench->n_requests = 1;
		bench->requests[1].is_answered = false;
		SUBMIT(bench, UNMAP_PAGE(1, 0x1000));
		assert_in_range(counts(bench).pending, 0, 1024);
		bench->said[0] = '\0';
		/* The cookie is that of several requests. */
		bench->requests[1].is_answered = false;
		if (counts(bench).pending == 1024)
			break;
	}
	assert_int_equal(counts(bench).pending, 1024);
	viommu_free(bench->device);
	assert_int_equal(viommu_new(NULL, NULL, NULL, &bench->device), 0);
}

/* The state of `attached()` with a mapping, in so many bytes. */
static void start_mapped(struct bench *bench, uint64_t max_bytes)
{
	viommu_free(bench->device);
	memset(bench, 0, sizeof(*bench));
	start(bench, max_bytes);
	assert_int_equal(AT_ONCE(bench, ATTACH(1, EP, 0, 0)), VIOMMU_S_OK);
	assert_int_equal(AT_ONCE(bench, ATTACH(2, EP2, 0, 0)), VIOMMU_S_OK);
	assert_int_equal(AT_ONCE(bench, MAP_PAGE(1, 0x1000)), VIOMMU_S_OK);
	bench->said[0] = '\0';
}

/* The same, with room for so many requests that are put off. */
static struct bench *filled(void **state, unsigned room)
{
	struct bench *bench = *state;
	uint64_t bytes, with_one;

	start_mapped(bench, 0);
	bytes = counts(bench).bytes;
	SUBMIT(bench, UNMAP_PAGE(1, 0x1000));
	with_one = counts(bench).bytes;
	assert_true(with_one > bytes);
	start_mapped(bench, bytes + room * (with_one - bytes));
	return bench;
}

static void without_room_to_put_it_off_a_request_is_executed_now(void **state)
{
	struct bench *bench = filled(state, 0);
	struct remote *a = &bench->remotes[0];

	SUBMIT(bench, UNMAP_PAGE(1, 0x1000));
	assert_events(bench, "a commit now 1, #0 OK");
	assert_int_equal(a->n_held, 0);
	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	assert_events(bench, "a commit now 1, #1 OK");
	SUBMIT(bench, DETACH(1, EP, 0));
	assert_events(bench, "a commit now 1, #2 OK");
	assert_int_equal(a->mode, VIOMMU_BLOCKED);
	assert_int_equal(counts(bench).limited, 0);
}

/* As many as there is room for are put off, and answered before the next one is executed. */
static void at_the_limit_requests_that_are_put_off_are_answered_first(void **state)
{
	struct bench *bench = filled(state, 1);

	SUBMIT(bench, UNMAP_PAGE(1, 0x1000));
	assert_events(bench, "a commit 1");
	assert_int_equal(counts(bench).pending, 1);
	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	assert_events(bench, "a commit now 1, a commit now 1, #0 OK, #1 OK");
	assert_int_equal(counts(bench).limited, 0);
}

/* -- batches that divide a move ---------------------------------------------------- */

enum { N_PAGES = 20, CALLS = 4 };

#define PAGE_OF(i) (0x100000 + 0x1000 * (uint64_t)(i))

/* A mapping in domain 1, with endpoint a. So many in domain 2, with an endpoint without listener.
 */
static struct bench *with_pages(void **state, uint64_t features, unsigned n)
{
	struct bench *bench = *state;

	viommu_free(bench->device);
	start_with(bench, &(struct viommu_config){ .size = sizeof(struct viommu_config),
						   .features = features,
						   .max_batch_calls = CALLS });
	SUBMIT(bench, ATTACH(1, EP, 0, 0));
	done(&bench->remotes[0]);
	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	done(&bench->remotes[0]);
	SUBMIT(bench, ATTACH(2, EP3, 0, 0));
	for (unsigned i = 0; i < n; i++) {
		bench->n_requests = 0;
		memset(bench->requests, 0, sizeof(bench->requests));
		SUBMIT(bench, MAP_PAGE(2, PAGE_OF(i)));
	}
	bench->n_requests = 0;
	memset(bench->requests, 0, sizeof(bench->requests));
	bench->said[0] = '\0';
	return bench;
}

static void continue_to_the_end(struct bench *bench)
{
	do {
		viommu_batch_begin(bench->device);
		viommu_batch_pause(bench->device);
	} while (viommu_batch_yield(bench->device));
}

static void request_in_batch(struct bench *bench, const void *bytes, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH];
	const struct iovec in = { (void *)(uintptr_t)bytes, length }, out = { tail, sizeof(tail) };

	assert_int_equal(viommu_batch_request(bench->device, &in, 1, &out, 1), sizeof(tail));
	say(bench, "%s", status_name(tail[0]));
}

static void what_is_answered_at_once_is_committed_before_a_move_is_divided(void **state)
{
	struct bench *bench = with_pages(state, 0, N_PAGES);
	const uint8_t unmap[] = { UNMAP_PAGE(1, 0x1000) };

	viommu_batch_begin(bench->device);
	request_in_batch(bench, unmap, sizeof(unmap));
	SUBMIT_IN_BATCH(bench, ATTACH(2, EP2, 0, 0));
	assert_int_not_equal(viommu_batch_yield(bench->device), 0);
	assert_events(bench, "OK, a commit now 1");
	assert_int_equal(bench->remotes[0].n_held, 0);
	continue_to_the_end(bench);
	done(&bench->remotes[1]);
	assert_events(bench, "b commit 20, #0 OK");
}

/* With PASIDs, a DETACH is not put off. */
static void a_detach_with_pasids_is_committed_before_a_move_is_divided(void **state)
{
	struct bench *bench = with_pages(state, VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID, N_PAGES);

	viommu_batch_begin(bench->device);
	SUBMIT_IN_BATCH(bench, DETACH(1, EP, 0));
	SUBMIT_IN_BATCH(bench, ATTACH(2, EP2, 0, 0));
	assert_int_not_equal(viommu_batch_yield(bench->device), 0);
	assert_events(bench, "#0 OK, a commit now 1");
	continue_to_the_end(bench);
	done(&bench->remotes[1]);
	assert_events(bench, "b commit 20, #1 OK");
}

static void what_is_answered_at_once_is_committed_with_the_batch(void **state)
{
	struct bench *bench = with_pages(state, VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID, 1);

	viommu_batch_begin(bench->device);
	SUBMIT_IN_BATCH(bench, DETACH(1, EP, 0));
	SUBMIT_IN_BATCH(bench, ATTACH(2, EP2, 0, 0));
	viommu_batch_end(bench->device);
	assert_events(bench, "#0 OK, a commit now 1, b commit now 1, #1 OK");
}

/* The endpoint moves when its listener refuses what it was notified of before. */
static void an_endpoint_that_moves_is_blocked_when_it_refuses_an_unmap(void **state)
{
	struct bench *bench = with_pages(state, 0, N_PAGES);
	const uint8_t unmap[] = { UNMAP_PAGE(1, 0x1000) };

	SUBMIT(bench, MAP_PAGE(1, 0x2000));
	done(&bench->remotes[0]);
	bench->remotes[0].refuses_unmap = true;
	viommu_batch_begin(bench->device);
	request_in_batch(bench, unmap, sizeof(unmap));
	SUBMIT_IN_BATCH(bench, DETACH(1, EP, 0));
	SUBMIT_IN_BATCH(bench, ATTACH(2, EP2, 0, 0));
	viommu_batch_yield(bench->device);
	continue_to_the_end(bench);
	viommu_flush(bench->device);
	assert_int_equal(count_said(bench, "#1 OK"), 1);
	assert_int_equal(count_said(bench, "#2 OK"), 1);
	assert_int_equal(bench->remotes[0].n_held, 0);
	assert_int_equal(bench->remotes[0].mode, VIOMMU_BLOCKED);
	assert_int_equal(bench->remotes[1].n_held, N_PAGES);
}

/* What one flight undoes does not commit a part of a move of the next one. */
static void a_refusal_is_undone_while_a_move_is_divided(void **state)
{
	struct bench *bench = with_pages(state, 0, N_PAGES);
	struct remote *a = &bench->remotes[0], *b = &bench->remotes[1];

	a->refuses = 0x2000;
	b->refuses = PAGE_OF(0);
	SUBMIT(bench, MAP_PAGE(1, 0x2000));
	viommu_batch_begin(bench->device);
	SUBMIT_IN_BATCH(bench, ATTACH(2, EP2, 0, 0));
	assert_int_not_equal(viommu_batch_yield(bench->device), 0);
	done(a);
	assert_events(bench, "a commit 1, a commit now 1, #0 NOMEM");
	assert_in_range(b->n_queue, 1, N_PAGES - 1);
	continue_to_the_end(bench);
	done(b);
	assert_events(bench, "b commit 20, b commit now 20, #1 NOMEM");
	assert_int_equal(b->n_held, 0);
	assert_int_equal(b->mode, VIOMMU_BLOCKED);
}

static void a_refusal_is_undone_before_others_commit(void **state)
{
	struct bench *bench = attached(state);
	const uint8_t probe[] = { UNMAP_PAGE(9, 0x1000) };

	bench->remotes[0].refuses = 0x1000;
	bench->remotes[1].refuses = 0x2000;
	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	viommu_batch_begin(bench->device);
	SUBMIT_IN_BATCH(bench, MAP_PAGE(2, 0x2000));
	request_in_batch(bench, probe, sizeof(probe));
	viommu_batch_end(bench->device);
	assert_events(bench, "a commit 1, a commit now 1, a commit now 1, b commit now 1, "
			     "b commit now 1, NOENT, #0 NOMEM, #1 NOMEM");
}

/* Whether its host has what is undone is not known. */
static void who_refuses_to_undo_is_blocked(void **state)
{
	struct bench *bench = attached(state);
	struct remote *a = &bench->remotes[0];
	struct viommu_endpoint_state endpoint;

	a->refuses = 0x1000;
	a->refuses_unmap = true;
	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	done(a);
	assert_int_equal(count_said(bench, "#0 NOMEM"), 1);
	assert_int_equal(viommu_next_endpoint(bench->device, EP, &endpoint), 0);
	assert_false(endpoint.attached);
	assert_int_equal(endpoint.mode, VIOMMU_BLOCKED);
	assert_int_equal(a->mode, VIOMMU_BLOCKED);
}

/* The ATTACH waits for a MAP of the domain that it leaves, and another MAP waits for both. */
static void a_request_that_waits_does_not_finish_a_move_that_waits(void **state)
{
	enum { PAGES = 300 };
	struct bench *bench = with_pages(state, 0, PAGES);
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = FIRST_MOVER };
	struct mover mover = { 0 };
	struct viommu_listener *listener;

	assert_int_equal(viommu_endpoint_add(bench->device, &endpoint), 0);
	SUBMIT(bench, ATTACH(1, FIRST_MOVER, 0, 0));
	assert_int_equal(viommu_listen(bench->device, FIRST_MOVER, &mover_ops, &mover, &listener),
			 0);
	bench->said[0] = '\0';
	bench->remotes[0].is_quick = true;
	mover.n_maps = 0;
	viommu_batch_begin(bench->device);
	SUBMIT_IN_BATCH(bench, MAP_PAGE(1, 0x2000));
	SUBMIT_IN_BATCH(bench, ATTACH(2, FIRST_MOVER, 0, 0));
	SUBMIT_IN_BATCH(bench, MAP_PAGE(1, 0x3000));
	assert_int_not_equal(viommu_batch_yield(bench->device), 0);
	assert_in_range(mover.n_maps, 0, CALLS);
	assert_events(bench, "a commit 1, #1 OK");
	continue_to_the_end(bench);
	assert_int_equal(mover.n_maps, PAGES + 1);
	assert_events(bench, "#2 OK, a commit 1, #3 OK");
}

/* -- pauses ----------------------------------------------------------------------- */

/* UNMAPs that wait for a MAP, until the batch should end or there are MAX_REQUESTS. */
static uint64_t park(struct bench *bench)
{
	uint64_t pause;

	viommu_batch_begin(bench->device);
	while (!(pause = viommu_batch_pause(bench->device)) && bench->n_requests < MAX_REQUESTS)
		SUBMIT_IN_BATCH(bench, UNMAP_PAGE(1, 0x1000));
	viommu_batch_end(bench->device);
	return pause;
}

/* Without `rest`, what is parked is executed when its listener has committed, in no batch. */
static void a_batch_ends_when_many_requests_wait_for_others(void **state)
{
	enum { UNMAPS = 16 };
	struct bench *bench = attached(state);

	SUBMIT(bench, MAP_PAGE(1, 0x1000));
	assert_int_not_equal(park(bench), 0);
	assert_int_equal(bench->n_requests, 1 + UNMAPS);
	assert_int_equal(counts(bench).pending, 1 + UNMAPS);
	assert_true(park(bench) > 1000); /* not before the listener can have committed */
	assert_int_equal(bench->n_requests, 1 + UNMAPS);
	done(&bench->remotes[0]);
	done(&bench->remotes[0]);
	assert_int_equal(counts(bench).pending, 0);
	assert_int_equal(park(bench), 0);
}

/* The end of the batch is all that they wait for. */
static void a_pause_for_a_quick_listener_is_short(void **state)
{
	struct bench *bench = attached(state);

	bench->remotes[0].is_quick = true;
	viommu_batch_begin(bench->device);
	SUBMIT_IN_BATCH(bench, MAP_PAGE(1, 0x1000));
	while (!viommu_batch_pause(bench->device) && bench->n_requests < MAX_REQUESTS)
		SUBMIT_IN_BATCH(bench, UNMAP_PAGE(1, 0x1000));
	assert_in_range(bench->n_requests, 2, MAX_REQUESTS - 1);
	assert_int_equal(viommu_batch_pause(bench->device), 1);
	viommu_batch_end(bench->device);
	assert_int_equal(counts(bench).pending, 0);
}

/* -- against a device whose listeners are quick ----------------------------------- */

enum { ROUNDS = 200, STEPS = 60, WAITING = 12 };

struct step {
	uint8_t bytes[36];
	size_t length;
};

static unsigned pick(unsigned n)
{
	static uint32_t seed = 1;

	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static struct step random_step(void)
{
	const uint32_t domain = 1 + pick(3), endpoint = (const uint32_t[]){ EP, EP2, EP3 }[pick(3)];
	const uint64_t iova = pick(4) * PAGE;
	const struct step map = { { MAP_PAGE(domain, iova) }, VIOMMU_MAP_LENGTH };
	const struct step unmap = { { UNMAP_PAGE(domain, iova) }, VIOMMU_UNMAP_LENGTH };
	const struct step attach = { { ATTACH(domain, endpoint, 0, 0) }, VIOMMU_ATTACH_LENGTH };
	const struct step detach = { { DETACH(domain, endpoint, 0) }, VIOMMU_DETACH_LENGTH };
	const struct step *const steps[] = { &map, &map, &map, &unmap, &unmap, &attach, &detach };

	return *steps[pick(COUNT_OF(steps))];
}

static void complete_one(struct bench *bench)
{
	struct remote *remote = &bench->remotes[pick(N_REMOTES)];

	if (remote->token)
		done(remote);
}

static void finish(struct bench *bench)
{
	for (size_t i = 0; i < MAX_REMOTES; i++)
		while (bench->remotes[i].token)
			done(&bench->remotes[i]);
	for (size_t i = 0; i < MAX_REMOTES; i++)
		if (bench->remotes[i].token)
			finish(bench);
}

/* A guest that does not wait for answers gets those of one that does. */
static void run_round(struct bench *bench, struct rig *model)
{
	uint8_t expected[WAITING];
	bool in_batch = pick(2);

	bench->n_requests = 0;
	memset(bench->requests, 0, sizeof(bench->requests));
	if (in_batch)
		viommu_batch_begin(bench->device);
	for (size_t i = 0; i < WAITING; i++) {
		const struct step step = random_step();

		expected[i] = (uint8_t)status_of(model, step.bytes, step.length);
		submit_bytes(bench, step.bytes, step.length, in_batch);
		if (!in_batch)
			complete_one(bench);
		bench->said[0] = '\0';
	}
	if (in_batch)
		viommu_batch_end(bench->device);
	finish(bench);
	for (size_t i = 0; i < WAITING; i++) {
		assert_true(bench->requests[i].is_answered);
		assert_int_equal(bench->requests[i].tail[0], expected[i]);
	}
	bench->said[0] = '\0';
}

static void assert_same(struct bench *bench, struct rig *model)
{
	for (size_t i = 0; i < COUNT_OF(endpoints); i++) {
		size_t n = 0;

		for (uint64_t iova = 0; iova < 4 * PAGE; iova += PAGE) {
			uint64_t to = reach(bench, endpoints[i], iova);

			n += to != 0;
			assert_int_equal(!strcmp(peek(model, endpoints[i], iova, 1), "fault"), !to);
		}
		if (i < MAX_REMOTES && bench->remotes[i].mode == VIOMMU_TRANSLATED)
			assert_int_equal(bench->remotes[i].n_held, n);
	}
}

static void random_requests_are_answered_as_one_after_the_other(void **state)
{
	struct bench *bench = *state;
	void *model = NULL;

	assert_int_equal(plug(&model), 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < STEPS / WAITING; i++)
			run_round(bench, model);
		assert_same(bench, model);
	}
	unplug(&model);
}

/* -- threads --------------------------------------------------------------------- */

/* One thread completes commits while another submits, resets and saves. */
struct helper {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct viommu *device;
	uint64_t tokens[1024];
	size_t n;
	bool ended;
	_Atomic(unsigned) n_answers;
};

static int helper_commit(void *opaque, uint64_t token)
{
	struct helper *helper = opaque;

	if (!token)
		return 0;
	pthread_mutex_lock(&helper->lock);
	assert_in_range(helper->n, 0, COUNT_OF(helper->tokens) - 1);
	helper->tokens[helper->n++] = token;
	pthread_cond_signal(&helper->more);
	pthread_mutex_unlock(&helper->lock);
	return VIOMMU_PENDING;
}

static int helper_map(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque;
	(void)mapping;
	return 0;
}

static void *keep_completing(void *opaque)
{
	struct helper *helper = opaque;

	pthread_mutex_lock(&helper->lock);
	while (!helper->ended || helper->n) {
		uint64_t token;

		if (!helper->n) {
			pthread_cond_wait(&helper->more, &helper->lock);
			continue;
		}
		token = helper->tokens[--helper->n];
		pthread_mutex_unlock(&helper->lock);
		viommu_listener_complete(helper->device, token, token % 7 ? 0 : -ENOSPC);
		pthread_mutex_lock(&helper->lock);
	}
	pthread_mutex_unlock(&helper->lock);
	return NULL;
}

static void count_answer(void *opaque, void *cookie, size_t used)
{
	struct helper *helper = opaque;

	(void)used;
	atomic_fetch_add(&helper->n_answers, 1);
	free(cookie);
}

static void send(struct helper *helper, struct step step)
{
	struct step *copy = malloc(sizeof(step));
	struct iovec in, out;
	size_t used;

	assert_non_null(copy);
	*copy = step;
	in = (struct iovec){ copy->bytes, copy->length };
	out = (struct iovec){ copy->bytes, VIOMMU_TAIL_LENGTH };
	used = viommu_submit(helper->device, &in, 1, &out, 1, copy);
	if (used != VIOMMU_LATER)
		count_answer(helper, copy, used);
}

static void disturb(struct viommu *device, unsigned i)
{
	size_t length;
	void *bytes;

	if (i % 50 == 49) {
		viommu_reset(device);
		assert_int_equal(viommu_accept(device, VIOMMU_FEATURES_DEFAULT), 0);
	}
	if (i % 70 != 69)
		return;
	assert_int_equal(viommu_save(device, &bytes, &length), 0);
	free(bytes);
}

static void every_request_is_answered_once_by_whichever_thread(void **state)
{
	enum { N = 2000 };
	const struct viommu_listener_ops ops = { .size = sizeof(ops),
						 .map = helper_map,
						 .commit = helper_commit };
	const struct viommu_ops device_ops = { .size = sizeof(device_ops),
					       .answered = count_answer };
	struct helper helper = { .lock = PTHREAD_MUTEX_INITIALIZER,
				 .more = PTHREAD_COND_INITIALIZER };
	struct viommu_listener *listener;
	pthread_t thread;

	(void)state;
	assert_int_equal(viommu_new(NULL, &device_ops, &helper, &helper.device), 0);
	for (uint32_t id = EP; id <= EP3; id += EP2 - EP) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = id };

		assert_int_equal(viommu_endpoint_add(helper.device, &endpoint), 0);
		assert_int_equal(viommu_listen(helper.device, id, &ops, &helper, &listener), 0);
	}
	assert_int_equal(viommu_accept(helper.device, VIOMMU_FEATURES_DEFAULT), 0);
	assert_int_equal(pthread_create(&thread, NULL, keep_completing, &helper), 0);
	for (unsigned i = 0; i < N; i++) {
		send(&helper, random_step());
		disturb(helper.device, i);
	}
	viommu_reset(helper.device);
	pthread_mutex_lock(&helper.lock);
	helper.ended = true;
	pthread_cond_signal(&helper.more);
	pthread_mutex_unlock(&helper.lock);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&helper.n_answers), N);
	viommu_free(helper.device);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_run_of_attaches_waits_once),
		TEST(a_refusal_in_a_run_concerns_one_endpoint),
		TEST(a_refusal_in_a_run_keeps_the_order_of_the_old_domain),
		TEST(endpoints_in_a_run_exchange_their_domains),
		TEST(what_a_domain_holds_is_accounted_for_while_it_is_left),
		TEST(an_answer_waits_for_its_listener_and_for_no_other),
		TEST(counts_are_up_to_date_in_a_commit),
		TEST(an_unmap_is_answered_when_nothing_is_reached_any_more),
		TEST(requests_of_a_domain_keep_their_order),
		TEST(an_endpoint_does_not_leave_what_may_be_refused),
		TEST(a_batch_is_one_commit),
		TEST(a_quick_listener_is_answered_before_the_batch_ends),
		TEST(a_refused_map_is_undone_alone),
		TEST(a_refused_attach_leaves_the_endpoint_blocked),
		TEST(the_other_listeners_of_a_domain_undo_a_refused_map),
		TEST(a_request_at_once_lets_all_commit_before_it),
		TEST(queries_are_answered_while_each_listener_commits),
		cmocka_unit_test(listeners_that_share_a_committer_commit_once),
		TEST(a_reset_drops_what_is_not_answered),
		TEST(removing_an_endpoint_or_a_listener_answers_first),
		TEST(saved_state_has_no_request_that_is_not_answered),
		TEST(a_device_is_freed_with_requests_that_are_not_answered),
		TEST(a_guest_cannot_put_off_more_than_its_limits),
		TEST(without_room_to_put_it_off_a_request_is_executed_now),
		TEST(at_the_limit_requests_that_are_put_off_are_answered_first),
		TEST(what_is_answered_at_once_is_committed_before_a_move_is_divided),
		TEST(a_detach_with_pasids_is_committed_before_a_move_is_divided),
		TEST(what_is_answered_at_once_is_committed_with_the_batch),
		TEST(an_endpoint_that_moves_is_blocked_when_it_refuses_an_unmap),
		TEST(a_refusal_is_undone_while_a_move_is_divided),
		TEST(a_refusal_is_undone_before_others_commit),
		TEST(who_refuses_to_undo_is_blocked),
		TEST(a_request_that_waits_does_not_finish_a_move_that_waits),
		TEST(a_batch_ends_when_many_requests_wait_for_others),
		TEST(a_pause_for_a_quick_listener_is_short),
		TEST(random_requests_are_answered_as_one_after_the_other),
		cmocka_unit_test(every_request_is_answered_once_by_whichever_thread),
	};

	return cmocka_run_group_tests_name("later", tests, NULL, NULL);
}
