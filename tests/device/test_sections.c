/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <unistd.h>

#include "rig.h"

/*
 * One DMA section against one call that takes something away
 *
 * A section has translated its access, and stays open while another thread makes the
 * call. The call must not return before the section is over. These tests are built a second
 * time over a library that does not wait (no_wait.c), and must fail there: so they can.
 */

#define IOVA  0x5000ull
#define PHYS  0x8000ull
#define NAPS  20
#define A_NAP 100000 /* nanoseconds */

static void take_a_nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = A_NAP }, NULL);
}

struct duel {
	struct rig *rig;
	void (*take_away)(struct rig *rig);
	atomic_bool asked, done;
};

static void *ask(void *opaque)
{
	struct duel *duel = opaque;

	atomic_store(&duel->asked, true);
	duel->take_away(duel->rig);
	atomic_store(&duel->done, true);
	return NULL;
}

/* Has it completed long after it was started? */
static bool is_done_meanwhile(struct duel *duel)
{
	while (!atomic_load(&duel->asked))
		take_a_nap();
	for (unsigned i = 0; i < NAPS && !atomic_load(&duel->done); i++)
		take_a_nap();
	return atomic_load(&duel->done);
}

static int reach(struct viommu_dma *dma)
{
	struct viommu_translation t;

	return viommu_dma_translate(dma, EP, IOVA, 1, W | VIOMMU_ACCESS_QUIET, &t);
}

/* The call does not return before the section is over. Where does its access go then? 0, or an
 * errno. */
static int fight_in(struct rig *rig, struct viommu_dma *dma, void (*take_away)(struct rig *rig))
{
	struct duel duel = { .rig = rig, .take_away = take_away };
	pthread_t thread;
	int after;

	assert_int_equal(pthread_create(&thread, NULL, ask, &duel), 0);
	assert_false(is_done_meanwhile(&duel));
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	viommu_dma_begin(dma);
	after = reach(dma);
	viommu_dma_end(dma);
	viommu_dma_free(dma);
	return after;
}

static struct viommu_dma *begin(struct rig *rig)
{
	struct viommu_dma *dma;

	assert_int_equal(viommu_dma_new(rig->device, &dma), 0);
	viommu_dma_begin(dma);
	return dma;
}

/* The section's access goes somewhere; and nowhere once the call has returned. */
static void fight(struct rig *rig, void (*take_away)(struct rig *rig))
{
	struct viommu_dma *dma = begin(rig);

	assert_int_equal(reach(dma), 0);
	assert_int_not_equal(fight_in(rig, dma, take_away), 0);
}

static void fight_over_mapping(void **state, void (*take_away)(struct rig *rig))
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, IOVA, IOVA + 0xfff, PHYS, W), VIOMMU_S_OK);
	fight(rig, take_away);
}

/* -- the calls ------------------------------------------------------------------------- */

static void by_unmap(struct rig *rig)
{
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
}

/* Shows: dma-section */
static void an_unmap_waits(void **state)
{
	fight_over_mapping(state, by_unmap);
}

static void by_detach(struct rig *rig)
{
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
}

static void note_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	(void)mapping;
	atomic_store((atomic_bool *)opaque, true);
}

/* A listener that drops its cache must not be called while a section can still fill it. */
static void a_listener_is_notified_after_the_section(void **state)
{
	const struct viommu_listener_ops ops = { .size = sizeof(ops), .unmap = note_unmap };
	struct rig *rig = *state;
	struct duel duel = { .rig = rig, .take_away = by_unmap };
	struct viommu_listener *listener;
	struct viommu_dma *dma;
	atomic_bool is_notified = false;
	pthread_t thread;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, IOVA, IOVA + 0xfff, PHYS, W), VIOMMU_S_OK);
	assert_int_equal(viommu_listen(rig->device, EP, &ops, &is_notified, &listener), 0);
	dma = begin(rig);
	assert_int_equal(reach(dma), 0);
	assert_int_equal(pthread_create(&thread, NULL, ask, &duel), 0);
	assert_false(is_done_meanwhile(&duel));
	assert_false(atomic_load(&is_notified));
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	assert_true(atomic_load(&is_notified));
	viommu_dma_free(dma);
}

/* The counters name the section that was too long, for it was open for NAPS naps. */
static void a_wait_is_counted(void **state)
{
	struct viommu_counters before, after;
	struct rig *rig = *state;

	before = counters(rig);
	fight_over_mapping(state, by_unmap);
	after = counters(rig);
	assert_true(after.waits > before.waits);
	assert_true(after.longest_wait_ns >= A_NAP && after.waited_ns >= after.longest_wait_ns);
}

/* Shows: dma-section */
static void a_detach_waits(void **state)
{
	fight_over_mapping(state, by_detach);
}

/* Nothing is freed then, nor had back after the UNMAP: only the route has changed. */
static void a_detach_from_a_domain_that_lives_on_waits(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, IOVA, IOVA + 0xfff, PHYS, W), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, PHYS, W), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
	fight(rig, by_detach);
}

static void by_moving(struct rig *rig)
{
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
}

/* Shows: dma-section */
static void an_attach_to_another_domain_waits(void **state)
{
	fight_over_mapping(state, by_moving);
}

static void by_attaching_again(struct rig *rig)
{
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
}

static void an_attach_that_empties_the_domain_waits(void **state)
{
	fight_over_mapping(state, by_attaching_again);
}

static void by_reset(struct rig *rig)
{
	viommu_reset(rig->device);
}

/* Shows: dma-section */
static void a_reset_waits(void **state)
{
	fight_over_mapping(state, by_reset);
}

static void by_system_reset(struct rig *rig)
{
	viommu_system_reset(rig->device);
}

static void a_system_reset_waits(void **state)
{
	fight_over_mapping(state, by_system_reset);
}

static void by_removal(struct rig *rig)
{
	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
}

/* Shows: dma-section */
static void a_removal_of_the_endpoint_waits(void **state)
{
	fight_over_mapping(state, by_removal);
}

/* The section has looked at the endpoint, and it is no less gone for having been blocked. */
static void a_removal_of_an_endpoint_that_reaches_nothing_waits(void **state)
{
	struct viommu_dma *dma = begin(*state);

	assert_int_equal(reach(dma), -EFAULT);
	assert_int_equal(fight_in(*state, dma, by_removal), -ENOENT);
}

/* So many that what endpoints are looked up in is made anew, and the old one freed. */
static void by_adding(struct rig *rig)
{
	enum { N = 100, FIRST = 0x1000 };

	for (uint32_t i = 0; i < N; i++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							  .id = FIRST + i };

		assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	}
}

static void adding_endpoints_waits_where_what_they_are_found_in_is_replaced(void **state)
{
	struct viommu_dma *dma = begin(*state);

	assert_int_equal(reach(dma), -EFAULT);
	assert_int_equal(fight_in(*state, dma, by_adding), -EFAULT);
}

/* A saved state of a device where nothing is attached. */
static void by_load(struct rig *rig)
{
	struct viommu *other;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes;

	assert_int_equal(viommu_new(NULL, NULL, NULL, &other), 0);
	assert_int_equal(viommu_save(other, &bytes, &length), 0);
	viommu_free(other);
	assert_int_equal(viommu_load(rig->device, bytes, length, reason, sizeof(reason)), 0);
	free(bytes);
}

static void a_load_waits(void **state)
{
	fight_over_mapping(state, by_load);
}

static void by_bypass(struct rig *rig)
{
	write_bypass(rig, 0);
}

/* Shows: dma-section */
static void a_write_to_bypass_waits(void **state)
{
	write_bypass(*state, 1);
	fight(*state, by_bypass);
}

/* The doorbell of an MSI region is reached without a mapping, until there is no region. */
static void by_update(struct rig *rig)
{
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = EP };

	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
}

static void an_update_of_the_endpoint_waits(void **state)
{
	const struct viommu_reserved msi = { IOVA, IOVA + 0xfff, VIOMMU_RESV_MEM_MSI };
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = EP,
		.reserved = &msi,
		.n_reserved = 1,
	};
	struct rig *rig = *state;

	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	fight(rig, by_update);
}

/* Passes begin in one order and end in the other. */
static void every_section_is_waited_for(void **state)
{
	enum { N_PASSES = 3 };
	struct duel duel = { .rig = *state, .take_away = by_unmap };
	struct viommu_dma *passes[N_PASSES];
	pthread_t thread;

	assert_int_equal(attach(duel.rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(duel.rig, 1, IOVA, IOVA + 0xfff, PHYS, W), VIOMMU_S_OK);
	for (unsigned i = 0; i < N_PASSES; i++)
		passes[i] = begin(duel.rig);
	assert_int_equal(pthread_create(&thread, NULL, ask, &duel), 0);
	for (unsigned i = N_PASSES; i-- > 0;) {
		assert_false(is_done_meanwhile(&duel));
		viommu_dma_end(passes[i]);
	}
	pthread_join(thread, NULL);
	for (unsigned i = 0; i < N_PASSES; i++)
		viommu_dma_free(passes[i]);
}

/* -- translations without a pass: each is a section, in which its fault is reported ------- */

struct ambush {
	struct rig rig;
	struct duel duel;
	pthread_t thread;
	bool is_early, ends; /* the call was done before its time; the reporting thread ends */
};

static int ask_meanwhile(void *opaque, const void *record, size_t length)
{
	struct ambush *ambush = opaque;

	(void)record, (void)length;
	if (ambush->ends)
		pthread_exit(NULL);
	assert_int_equal(pthread_create(&ambush->thread, NULL, ask, &ambush->duel), 0);
	ambush->is_early = is_done_meanwhile(&ambush->duel);
	return 0;
}

static void lay_ambush(struct ambush *ambush)
{
	static const struct viommu_ops ops = { .size = sizeof(ops), .event = ask_meanwhile };
	static const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = EP };
	struct rig *rig = &ambush->rig;

	*ambush = (struct ambush){ .duel = { .rig = rig, .take_away = by_unmap } };
	assert_int_equal(viommu_new(NULL, &ops, ambush, &rig->device), 0);
	assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, IOVA, IOVA + 0xfff, PHYS, W), VIOMMU_S_OK);
}

static void *run_into(void *opaque)
{
	struct ambush *ambush = opaque;
	struct viommu_translation t;

	assert_int_equal(viommu_translate(ambush->rig.device, EP, 0, 1, W, &t), -EFAULT);
	return NULL;
}

static void assert_waits(struct ambush *ambush)
{
	run_into(ambush);
	pthread_join(ambush->thread, NULL);
	assert_false(ambush->is_early);
}

/* Of devices that come and go, some at the place of one that the thread knew. */
static void a_translation_is_waited_for(void **state)
{
	struct ambush ambush;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		lay_ambush(&ambush);
		assert_waits(&ambush);
		viommu_free(ambush.rig.device);
	}
}

/* What the thread was known by is the next one's, and that is in no section then. */
static void a_thread_that_ends_in_a_callback_has_left_its_section(void **state)
{
	struct ambush ambush;
	pthread_t thread;

	(void)state;
	lay_ambush(&ambush);
	ambush.ends = true;
	assert_int_equal(pthread_create(&thread, NULL, run_into, &ambush), 0);
	pthread_join(thread, NULL);
	ambush.ends = false;
	by_unmap(&ambush.rig);
	assert_int_equal(map(&ambush.rig, 1, IOVA, IOVA + 0xfff, PHYS, W), VIOMMU_S_OK);
	assert_waits(&ambush);
	viommu_free(ambush.rig.device);
}

/* -- batches ------------------------------------------------------------------------------ */

static uint8_t in_batch(struct rig *rig, const void *bytes, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH] = { POISON };
	const struct iovec readable = { (void *)(uintptr_t)bytes, length };
	const struct iovec writable = { tail, sizeof(tail) };

	assert_int_equal(viommu_batch_request(rig->device, &readable, 1, &writable, 1),
			 sizeof(tail));
	return tail[0];
}

static void by_batch(struct rig *rig)
{
	const uint8_t unmap[] = { UNMAP(1, IOVA, IOVA + 0xfff, 0) };
	const uint8_t map[] = { MAP(1, IOVA + PAGE, IOVA + PAGE + 0xfff, PHYS, R) };

	viommu_batch_begin(rig->device);
	assert_int_equal(in_batch(rig, unmap, sizeof(unmap)), VIOMMU_S_OK);
	assert_int_equal(in_batch(rig, map, sizeof(map)), VIOMMU_S_OK);
	viommu_batch_end(rig->device);
}

/* Shows: dma-section */
static void the_end_of_a_batch_waits(void **state)
{
	fight_over_mapping(state, by_batch);
}

/* -- and what does not wait ---------------------------------------------------------------- */

/* The call returns while a section is open. */
static void pass(struct rig *rig, void (*call)(struct rig *rig))
{
	struct duel duel = { .rig = rig, .take_away = call };
	struct viommu_dma *dma = begin(rig);
	pthread_t thread;

	reach(dma);
	assert_int_equal(pthread_create(&thread, NULL, ask, &duel), 0);
	pthread_join(thread, NULL);
	viommu_dma_end(dma);
	viommu_dma_free(dma);
}

static void ignore_text(void *opaque, const char *text, size_t length)
{
	(void)text;
	*(size_t *)opaque += length;
}

/* In the section that an UNMAP waits for, which owns the lock. */
static void questions_are_answered_in_a_section_that_a_request_waits_for(void **state)
{
	struct duel duel = { .rig = *state, .take_away = by_unmap };
	struct viommu *device = duel.rig->device;
	struct viommu_endpoint_state endpoint;
	struct viommu_domain_state domain;
	struct viommu_mapping mapping;
	struct viommu_dma *dma;
	size_t length = 0;
	pthread_t thread;

	assert_int_equal(attach(duel.rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(duel.rig, 1, IOVA, IOVA + 0xfff, PHYS, W), VIOMMU_S_OK);
	dma = begin(duel.rig);
	assert_int_equal(reach(dma), 0);
	assert_int_equal(pthread_create(&thread, NULL, ask, &duel), 0);
	assert_false(is_done_meanwhile(&duel));
	assert_int_equal(viommu_next_domain(device, 0, &domain), 0);
	assert_int_equal(domain.n_mappings, 0);
	assert_int_equal(viommu_next_endpoint(device, EP, &endpoint), 0);
	assert_int_equal(endpoint.domain, 1);
	assert_int_equal(viommu_next_mapping(device, 1, 0, &mapping), -ENOENT);
	assert_int_equal(viommu_groups(device, EP, NULL, 0), 0);
	viommu_dump(device, ignore_text, &length);
	assert_true(length);
	assert_false(atomic_load(&duel.done));
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	assert_int_equal(viommu_next_domain(device, 0, &domain), 0);
	viommu_dma_free(dma);
}

/* Where endpoints are found is replaced, and the thread that adds one waits for the section. */
static void questions_are_answered_in_a_section_that_a_new_endpoint_waits_for(void **state)
{
	enum { SECONDS = 60 };
	struct duel duel = { .rig = *state, .take_away = by_adding };
	struct viommu_endpoint_state endpoint;
	struct viommu_dma *dma = begin(duel.rig);
	pthread_t thread;

	alarm(SECONDS);
	assert_int_equal(reach(dma), -EFAULT);
	assert_int_equal(pthread_create(&thread, NULL, ask, &duel), 0);
	assert_false(is_done_meanwhile(&duel));
	assert_int_equal(viommu_next_endpoint(duel.rig->device, EP, &endpoint), 0);
	assert_int_equal(endpoint.id, EP);
	assert_false(atomic_load(&duel.done));
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	viommu_dma_free(dma);
	alarm(0);
}

/* Not the requests of a batch wait, but its end. */
static void *unmap_in_batch(void *opaque)
{
	const uint8_t unmap[] = { UNMAP(1, IOVA, IOVA + 0xfff, 0) };
	struct duel *duel = opaque;

	viommu_batch_begin(duel->rig->device);
	in_batch(duel->rig, unmap, sizeof(unmap));
	atomic_store(&duel->asked, true);
	viommu_batch_end(duel->rig->device);
	atomic_store(&duel->done, true);
	return NULL;
}

static void requests_of_a_batch_do_not_wait(void **state)
{
	struct duel duel = { .rig = *state };
	struct viommu_dma *dma;
	pthread_t thread;

	assert_int_equal(attach(duel.rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(duel.rig, 1, IOVA, IOVA + 0xfff, PHYS, W), VIOMMU_S_OK);
	dma = begin(duel.rig);
	assert_int_equal(reach(dma), 0);
	assert_int_equal(pthread_create(&thread, NULL, unmap_in_batch, &duel), 0);
	assert_false(is_done_meanwhile(&duel));
	assert_int_equal(reach(dma), -EFAULT);
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	viommu_dma_free(dma);
}

static void *detach_in_batch(void *opaque)
{
	const uint8_t detach[] = { DETACH(1, EP, 0) };
	struct duel *duel = opaque;

	viommu_batch_begin(duel->rig->device);
	atomic_store(&duel->asked, true);
	in_batch(duel->rig, detach, sizeof(detach));
	atomic_store(&duel->done, true);
	viommu_batch_end(duel->rig->device);
	return NULL;
}

static void a_detach_in_a_batch_does_not_wait(void **state)
{
	struct duel duel = { .rig = *state };
	struct viommu_dma *dma;
	pthread_t thread;

	assert_int_equal(attach(duel.rig, 1, EP), VIOMMU_S_OK);
	dma = begin(duel.rig);
	assert_int_equal(pthread_create(&thread, NULL, detach_in_batch, &duel), 0);
	assert_true(is_done_meanwhile(&duel));
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	viommu_dma_free(dma);
}

/* A domain that keeps an endpoint when EP leaves, with mappings, so that one more needs no memory.
 */
static void stay_behind(struct rig *rig)
{
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	for (uint64_t i = 1; i < 6; i++)
		assert_int_equal(map(rig, 1, IOVA + i * PAGE, IOVA + i * PAGE + 0xfff, PHYS, W),
				 VIOMMU_S_OK);
	/* What an UNMAP has retired is free for the MAP, which would wait for memory otherwise. */
	for (uint64_t i = 4; i < 6; i++)
		assert_int_equal(unmap(rig, 1, IOVA + i * PAGE, IOVA + i * PAGE + 0xfff),
				 VIOMMU_S_OK);
}

/* A section that read the route before the DETACH must not find what is mapped after it. */
static void *detach_and_map_in_batch(void *opaque)
{
	const uint8_t detach[] = { DETACH(1, EP, 0) };
	const uint8_t map[] = { MAP(1, IOVA, IOVA + 0xfff, PHYS, W) };
	struct duel *duel = opaque;

	viommu_batch_begin(duel->rig->device);
	atomic_store(&duel->asked, true);
	in_batch(duel->rig, detach, sizeof(detach));
	in_batch(duel->rig, map, sizeof(map));
	atomic_store(&duel->done, true);
	viommu_batch_end(duel->rig->device);
	return NULL;
}

static void a_map_waits_where_an_endpoint_left_in_the_same_batch(void **state)
{
	struct duel duel = { .rig = *state };
	struct viommu_dma *dma;
	pthread_t thread;
	bool early;

	stay_behind(duel.rig);
	dma = begin(duel.rig);
	assert_int_equal(pthread_create(&thread, NULL, detach_and_map_in_batch, &duel), 0);
	early = is_done_meanwhile(&duel);
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	viommu_dma_free(dma);
	assert_false(early);
}

static void *detach_and_unmap_in_batch(void *opaque)
{
	const uint8_t detach[] = { DETACH(1, EP, 0) };
	const uint8_t unmap[] = { UNMAP(1, IOVA + PAGE, IOVA + PAGE + 0xfff, 0) };
	struct duel *duel = opaque;

	viommu_batch_begin(duel->rig->device);
	atomic_store(&duel->asked, true);
	in_batch(duel->rig, detach, sizeof(detach));
	in_batch(duel->rig, unmap, sizeof(unmap));
	atomic_store(&duel->done, true);
	viommu_batch_end(duel->rig->device);
	return NULL;
}

/* It would else find neither what was there before the DETACH nor what is there after it. */
static void an_unmap_waits_where_an_endpoint_left_in_the_same_batch(void **state)
{
	struct duel duel = { .rig = *state };
	struct viommu_dma *dma;
	pthread_t thread;
	bool early;

	stay_behind(duel.rig);
	dma = begin(duel.rig);
	assert_int_equal(pthread_create(&thread, NULL, detach_and_unmap_in_batch, &duel), 0);
	early = is_done_meanwhile(&duel);
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	viommu_dma_free(dma);
	assert_false(early);
}

/* -- a parent changes where an endpoint has left its child --------------------------------- */

enum { CHILD = 1, PARENT = 2 };

/* Without PASIDs, `flags` and `pasid` are 0. */
#define ATTACH_CHILD(endpoint, flags, pasid) \
	HEAD(VIOMMU_T_ATTACH_TABLE), LE32(CHILD), LE32(endpoint), \
		LE32(VIOMMU_SLOT_F_PARENT | (flags)), LE16(VIOMMU_TABLE_GENERIC), LE16(0), \
		LE32(pasid), LE32(PARENT), LE32(0), LE64(0)

#define DETACH_PASID(domain, endpoint, pasid) \
	HEAD(VIOMMU_T_DETACH), LE32(domain), LE32(endpoint), LE32(VIOMMU_SLOT_F_PASID), LE32(pasid)

static void attach_child(struct rig *rig, uint32_t endpoint, uint32_t flags, uint32_t pasid)
{
	const uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { ATTACH_CHILD(endpoint, flags, pasid) };

	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
}

static void make_nesting(struct rig *rig)
{
	static const struct viommu_table_format format = {
		VIOMMU_TABLE_GENERIC, 48, 52, 0x40201000, 0, VIOMMU_TABLE_F_NEST,
	};
	const uint32_t endpoints[] = { EP, EP2 };

	replace(rig, (struct viommu_config){ .size = sizeof(struct viommu_config),
					     .features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID |
							 VIOMMU_F_TABLE | VIOMMU_F_NEST });
	for (size_t i = 0; i < COUNT_OF(endpoints); i++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							  .id = endpoints[i],
							  .pasid_bits = 8,
							  .formats = &format,
							  .n_formats = 1 };

		assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	}
}

struct leaver {
	struct duel duel;
	const uint8_t *detach, *change;
	size_t detach_length, change_length;
	uint8_t detach_status, change_status;
};

static void *leave_and_change_in_batch(void *opaque)
{
	struct leaver *leaver = opaque;
	struct rig *rig = leaver->duel.rig;

	viommu_batch_begin(rig->device);
	atomic_store(&leaver->duel.asked, true);
	leaver->detach_status = in_batch(rig, leaver->detach, leaver->detach_length);
	leaver->change_status = in_batch(rig, leaver->change, leaver->change_length);
	atomic_store(&leaver->duel.done, true);
	viommu_batch_end(rig->device);
	return NULL;
}

/* EP2 stays in the child. The parent has mappings, so that one more needs no memory. */
static void assert_change_waits(struct leaver leaver)
{
	struct rig *rig = leaver.duel.rig;
	struct viommu_dma *dma;
	pthread_t thread;
	bool is_done;

	attach_child(rig, EP2, 0, 0);
	for (uint64_t i = 1; i < 4; i++)
		assert_int_equal(
			map(rig, PARENT, IOVA + i * PAGE, IOVA + i * PAGE + 0xfff, PHYS, W),
			VIOMMU_S_OK);
	dma = begin(rig);
	assert_int_equal(pthread_create(&thread, NULL, leave_and_change_in_batch, &leaver), 0);
	is_done = is_done_meanwhile(&leaver.duel);
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	assert_false(is_done);
	assert_int_equal(leaver.detach_status, VIOMMU_S_OK);
	assert_int_equal(leaver.change_status, VIOMMU_S_OK);
	viommu_dma_free(dma);
}

static const uint8_t detach_child[] = { DETACH(CHILD, EP, 0) };
static const uint8_t detach_child_of_pasid[] = { DETACH_PASID(CHILD, EP, 1) };
static const uint8_t map_in_parent[] = { MAP(PARENT, IOVA, IOVA + 0xfff, PHYS, W) };
static const uint8_t unmap_in_parent[] = { UNMAP(PARENT, IOVA + PAGE, IOVA + PAGE + 0xfff, 0) };

#define LEAVER(rig_, detach, change) \
	((struct leaver){ { .rig = (rig_) }, detach, change, sizeof(detach), sizeof(change), 0, 0 })

static void a_map_waits_where_an_endpoint_left_a_child_in_the_same_batch(void **state)
{
	make_nesting(*state);
	attach_child(*state, EP, 0, 0);
	assert_change_waits(LEAVER(*state, detach_child, map_in_parent));
}

static void an_unmap_waits_where_an_endpoint_left_a_child_in_the_same_batch(void **state)
{
	make_nesting(*state);
	attach_child(*state, EP, 0, 0);
	assert_change_waits(LEAVER(*state, detach_child, unmap_in_parent));
}

static void a_map_waits_where_a_pasid_left_a_child_in_the_same_batch(void **state)
{
	make_nesting(*state);
	attach_child(*state, EP, VIOMMU_SLOT_F_PASID, 1);
	assert_change_waits(LEAVER(*state, detach_child_of_pasid, map_in_parent));
}

/*
 * Query functions take no lock: the request that holds it may wait for the section of their caller.
 */
static void questions_are_answered_inside_a_section(void **state)
{
	enum { SECONDS = 60 };
	struct viommu_counters counters = { .size = sizeof(counters) };
	struct duel duel = { .rig = *state };
	uint64_t page_size_mask = 0;
	struct viommu_dma *dma;
	pthread_t thread;

	alarm(SECONDS);
	assert_int_equal(attach(duel.rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(duel.rig, 1, IOVA, IOVA + 0xfff, PHYS, W), VIOMMU_S_OK);
	dma = begin(duel.rig);
	assert_int_equal(reach(dma), 0);
	assert_int_equal(pthread_create(&thread, NULL, unmap_in_batch, &duel), 0);
	assert_false(is_done_meanwhile(&duel));
	viommu_count(duel.rig->device, &counters);
	assert_int_equal(counters.domains, 1);
	assert_int_equal(counters.mappings, 0);
	viommu_config_read(duel.rig->device, 0, &page_size_mask, sizeof(page_size_mask));
	assert_true(page_size_mask);
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	viommu_dma_free(dma);
	alarm(0);
}

/*
 * Retired nodes of UNMAPs are reclaimed meanwhile; otherwise the domain would have no nodes left.
 */
static void a_batch_can_unmap_any_number_of_pages_one_by_one(void **state)
{
	enum { N = 5000 };
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint64_t at = 0; at < N * PAGE; at += PAGE)
		assert_int_equal(map(rig, 1, at, at + 0xfff, 0, R), VIOMMU_S_OK);
	viommu_batch_begin(rig->device);
	for (uint64_t at = 0; at < N * PAGE; at += PAGE) {
		const uint8_t bytes[] = { UNMAP(1, at, at + 0xfff, 0) };

		assert_int_equal(in_batch(rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
	}
	viommu_batch_end(rig->device);
	assert_int_equal(counters(rig).mappings, 0);
}

/* A MAP, an UNMAP of nothing, an ATTACH of an endpoint that could reach nothing. */
static void by_harmless_requests(struct rig *rig)
{
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, IOVA, IOVA + 0xfff, PHYS, W), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0, IOVA - 1), VIOMMU_S_OK);
}

static void what_takes_nothing_away_does_not_wait(void **state)
{
	assert_int_equal(attach(*state, 1, EP), VIOMMU_S_OK);
	pass(*state, by_harmless_requests);
}

/* Threads that are gone have left their sections. */
static void *translate_once(void *opaque)
{
	struct rig *rig = opaque;
	struct viommu_translation t;

	viommu_translate(rig->device, EP, IOVA, 1, W | VIOMMU_ACCESS_QUIET, &t);
	return NULL;
}

static void threads_come_and_go(void **state)
{
	enum { N_THREADS = 100 };
	struct rig *rig = *state;
	pthread_t thread;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (unsigned i = 0; i < N_THREADS; i++) {
		assert_int_equal(map(rig, 1, IOVA, IOVA + 0xfff, PHYS, W), VIOMMU_S_OK);
		assert_int_equal(pthread_create(&thread, NULL, translate_once, rig), 0);
		assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
		pthread_join(thread, NULL);
	}
}

/* A thread may have translated for devices that are gone, at the same place even. */
static void devices_come_and_go(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < 10; i++) {
		translate_once(rig);
		replace(rig, (struct viommu_config){ 0 });
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_unmap_waits, plug, unplug),
		cmocka_unit_test_setup_teardown(a_wait_is_counted, plug, unplug),
		cmocka_unit_test_setup_teardown(a_listener_is_notified_after_the_section, plug,
						unplug),
		cmocka_unit_test_setup_teardown(a_detach_waits, plug, unplug),
		cmocka_unit_test_setup_teardown(a_detach_from_a_domain_that_lives_on_waits, plug,
						unplug),
		cmocka_unit_test_setup_teardown(an_attach_to_another_domain_waits, plug, unplug),
		cmocka_unit_test_setup_teardown(an_attach_that_empties_the_domain_waits, plug,
						unplug),
		cmocka_unit_test_setup_teardown(a_reset_waits, plug, unplug),
		cmocka_unit_test_setup_teardown(a_system_reset_waits, plug, unplug),
		cmocka_unit_test_setup_teardown(a_removal_of_the_endpoint_waits, plug, unplug),
		cmocka_unit_test_setup_teardown(a_removal_of_an_endpoint_that_reaches_nothing_waits,
						plug, unplug),
		cmocka_unit_test_setup_teardown(
			adding_endpoints_waits_where_what_they_are_found_in_is_replaced, plug,
			unplug),
		cmocka_unit_test_setup_teardown(a_load_waits, plug, unplug),
		cmocka_unit_test_setup_teardown(a_write_to_bypass_waits, plug, unplug),
		cmocka_unit_test_setup_teardown(an_update_of_the_endpoint_waits, plug, unplug),
		cmocka_unit_test_setup_teardown(every_section_is_waited_for, plug, unplug),
		cmocka_unit_test(a_translation_is_waited_for),
		cmocka_unit_test(a_thread_that_ends_in_a_callback_has_left_its_section),
		cmocka_unit_test_setup_teardown(the_end_of_a_batch_waits, plug, unplug),
		cmocka_unit_test_setup_teardown(
			questions_are_answered_in_a_section_that_a_request_waits_for, plug, unplug),
		cmocka_unit_test_setup_teardown(
			questions_are_answered_in_a_section_that_a_new_endpoint_waits_for, plug,
			unplug),
		cmocka_unit_test_setup_teardown(requests_of_a_batch_do_not_wait, plug, unplug),
		cmocka_unit_test_setup_teardown(a_detach_in_a_batch_does_not_wait, plug, unplug),
		cmocka_unit_test_setup_teardown(
			a_map_waits_where_an_endpoint_left_in_the_same_batch, plug, unplug),
		cmocka_unit_test_setup_teardown(
			an_unmap_waits_where_an_endpoint_left_in_the_same_batch, plug, unplug),
		cmocka_unit_test_setup_teardown(
			a_map_waits_where_an_endpoint_left_a_child_in_the_same_batch, plug, unplug),
		cmocka_unit_test_setup_teardown(
			an_unmap_waits_where_an_endpoint_left_a_child_in_the_same_batch, plug,
			unplug),
		cmocka_unit_test_setup_teardown(
			a_map_waits_where_a_pasid_left_a_child_in_the_same_batch, plug, unplug),
		cmocka_unit_test_setup_teardown(questions_are_answered_inside_a_section, plug,
						unplug),
		cmocka_unit_test_setup_teardown(a_batch_can_unmap_any_number_of_pages_one_by_one,
						plug, unplug),
		cmocka_unit_test_setup_teardown(what_takes_nothing_away_does_not_wait, plug,
						unplug),
		cmocka_unit_test_setup_teardown(threads_come_and_go, plug, unplug),
		cmocka_unit_test_setup_teardown(devices_come_and_go, plug, unplug),
	};

	return cmocka_run_group_tests_name("sections", tests, NULL, NULL);
}
