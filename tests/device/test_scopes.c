/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

/*
 * Which DMA sections a call waits for: those that could use what it takes away
 *
 * EP and EP2 are in domains of their own, 1 and 2, and both have a page. A section has translated
 * for EP2, and stays open while another thread makes a call. Either the call returns meanwhile,
 * or it has not returned long after it was made.
 */

#define IOVA   0x5000ull
#define PHYS   0x8000ull
#define NAPS   20
#define A_NAP  100000 /* nanoseconds */
#define SECOND 60     /* in so many, a call that should return does */

enum { FREE_DOMAIN = 7 };

typedef void rig_function(struct rig *rig);

struct caller {
	struct rig *rig;
	rig_function *call;
	pthread_t thread;
	atomic_bool asked, done;
};

static void *make_call(void *opaque)
{
	struct caller *caller = opaque;

	atomic_store(&caller->asked, true);
	caller->call(caller->rig);
	atomic_store(&caller->done, true);
	return NULL;
}

static void start(struct caller *caller, struct rig *rig, rig_function *call)
{
	*caller = (struct caller){ .rig = rig, .call = call };
	assert_int_equal(pthread_create(&caller->thread, NULL, make_call, caller), 0);
}

static void take_a_nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = A_NAP }, NULL);
}

static bool is_waiting(struct caller *caller)
{
	while (!atomic_load(&caller->asked))
		take_a_nap();
	for (unsigned i = 0; i < NAPS && !atomic_load(&caller->done); i++)
		take_a_nap();
	return !atomic_load(&caller->done);
}

static int reach(struct viommu_dma *dma, uint32_t endpoint)
{
	struct viommu_translation t;

	return viommu_dma_translate(dma, endpoint, IOVA, 1, W | VIOMMU_ACCESS_QUIET, &t);
}

static struct viommu_dma *begin(struct rig *rig)
{
	struct viommu_dma *dma;

	assert_int_equal(viommu_dma_new(rig->device, &dma), 0);
	viommu_dma_begin(dma);
	return dma;
}

static struct viommu_dma *begin_for(struct rig *rig, uint32_t endpoint)
{
	struct viommu_dma *dma = begin(rig);

	assert_int_equal(reach(dma, endpoint), 0);
	return dma;
}

static void end(struct viommu_dma *dma)
{
	viommu_dma_end(dma);
	viommu_dma_free(dma);
}

/* The call does not return before the section ends. */
static void assert_waits_for(struct viommu_dma *dma, struct rig *rig, rig_function *call)
{
	struct caller caller;

	start(&caller, rig, call);
	assert_true(is_waiting(&caller));
	viommu_dma_end(dma);
	pthread_join(caller.thread, NULL);
	viommu_dma_free(dma);
}

/* The call returns in the section, which then still has its page. */
static void assert_passes(struct viommu_dma *dma, struct rig *rig, rig_function *call)
{
	struct caller caller;

	alarm(SECOND);
	start(&caller, rig, call);
	pthread_join(caller.thread, NULL);
	alarm(0);
	assert_int_equal(reach(dma, EP2), 0);
	end(dma);
}

static void page_in(struct rig *rig, uint32_t domain)
{
	assert_int_equal(map(rig, domain, IOVA, IOVA + 0xfff, PHYS, W), VIOMMU_S_OK);
}

static int plug_two(void **state)
{
	int error = plug(state);

	assert_int_equal(attach(*state, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(*state, 2, EP2), VIOMMU_S_OK);
	page_in(*state, 1);
	page_in(*state, 2);
	return error;
}

/* -- the calls ------------------------------------------------------------------------- */

static void by_unmap(struct rig *rig)
{
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
}

static void by_unmap_of_2(struct rig *rig)
{
	assert_int_equal(unmap(rig, 2, 0, TOP), VIOMMU_S_OK);
}

static void by_detach(struct rig *rig)
{
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
}

static void by_moving(struct rig *rig)
{
	assert_int_equal(attach(rig, FREE_DOMAIN, EP), VIOMMU_S_OK);
}

static void by_joining(struct rig *rig)
{
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
}

static void by_attaching_again(struct rig *rig)
{
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
}

static void by_blocking(struct rig *rig)
{
	assert_int_equal(viommu_endpoint_block(rig->device, EP, true), 0);
}

/* Maps that change so often that nodes of theirs are reclaimed. */
static void by_many_changes(struct rig *rig)
{
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(map(rig, 1, (i + 8) * PAGE, (i + 8) * PAGE + 0xfff, 0, R),
				 VIOMMU_S_OK);
	for (uint64_t i = 0; i < 1000; i += 2)
		assert_int_equal(unmap(rig, 1, (i + 8) * PAGE, (i + 8) * PAGE + 0xfff),
				 VIOMMU_S_OK);
}

static void update(struct rig *rig, uint32_t id)
{
	const struct viommu_reserved region = { 0, 0xfff, VIOMMU_RESV_MEM_RESERVED };
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint), .id = id, .reserved = &region, .n_reserved = 1
	};

	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
}

static void by_update(struct rig *rig)
{
	update(rig, EP);
}

static void by_update_of_2(struct rig *rig)
{
	update(rig, EP2);
}

static void by_removal(struct rig *rig)
{
	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
}

/* So many that what endpoints are looked up in is made anew, and the old one freed. */
static void by_adding(struct rig *rig)
{
	for (uint32_t i = 0; i < 100; i++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							  .id = 0x1000 + i };

		assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	}
}

static void by_reset(struct rig *rig)
{
	viommu_reset(rig->device);
}

static void by_memory(struct rig *rig)
{
	assert_int_equal(viommu_set_memory(rig->device, NULL, 0), 0);
}

static void by_detach_of_2(struct rig *rig)
{
	assert_int_equal(detach(rig, 2, EP2), VIOMMU_S_OK);
}

static void by_moving_of_2(struct rig *rig)
{
	assert_int_equal(attach(rig, FREE_DOMAIN, EP2), VIOMMU_S_OK);
}

static void by_blocking_2(struct rig *rig)
{
	assert_int_equal(viommu_endpoint_block(rig->device, EP2, true), 0);
}

/* -- one endpoint ------------------------------------------------------------------------- */

/* Shows: dma-section */
static void what_is_taken_from_another_endpoint_does_not_wait(void **state)
{
	static rig_function *const calls[] = {
		by_unmap,           by_detach,   by_moving,       by_joining,
		by_attaching_again, by_blocking, by_many_changes, by_update,
	};

	for (size_t i = 0; i < COUNT_OF(calls); i++) {
		assert_passes(begin_for(*state, EP2), *state, calls[i]);
		unplug(state);
		plug_two(state);
	}
}

static void what_is_taken_from_another_endpoint_with_a_listener_does_not_wait(void **state)
{
	static rig_function *const calls[] = { by_unmap, by_detach, by_moving, by_joining,
					       by_blocking };

	for (size_t i = 0; i < COUNT_OF(calls); i++) {
		struct recorder recorder = { .rig = NULL };

		assert_int_equal(recorder_listen(&recorder, *state, "a", EP), 0);
		assert_passes(begin_for(*state, EP2), *state, calls[i]);
		unplug(state);
		plug_two(state);
	}
}

/* Whatever is found without the endpoint, or by all, is waited for by all. */
static void what_every_section_uses_is_waited_for(void **state)
{
	static rig_function *const calls[] = {
		by_unmap_of_2, by_detach_of_2, by_moving_of_2, by_blocking_2, by_update_of_2,
		by_removal,    by_adding,      by_reset,       by_memory,
	};

	for (size_t i = 0; i < COUNT_OF(calls); i++) {
		assert_waits_for(begin_for(*state, EP2), *state, calls[i]);
		unplug(state);
		plug_two(state);
	}
}

static void an_endpoint_of_the_same_domain_is_waited_for(void **state)
{
	assert_int_equal(attach(*state, 1, EP2), VIOMMU_S_OK);
	assert_waits_for(begin_for(*state, EP2), *state, by_unmap);
}

/* It left the domain in the same batch, and may still be there. */
static void leave_and_unmap(struct rig *rig)
{
	static uint8_t requests[][28] = { { DETACH(1, EP2, 0) }, { UNMAP(1, 0, TOP, 0) } };
	uint8_t tail[VIOMMU_TAIL_LENGTH] = { POISON };
	const struct iovec writable = { tail, sizeof(tail) };

	viommu_batch_begin(rig->device);
	for (size_t i = 0; i < COUNT_OF(requests); i++) {
		const struct iovec readable = { requests[i], i ? 28 : 20 };

		assert_int_equal(viommu_batch_request(rig->device, &readable, 1, &writable, 1),
				 sizeof(tail));
		assert_int_equal(tail[0], VIOMMU_S_OK);
	}
	viommu_batch_end(rig->device);
}

static void an_endpoint_that_left_the_domain_is_waited_for(void **state)
{
	assert_int_equal(attach(*state, 1, EP2), VIOMMU_S_OK);
	assert_waits_for(begin_for(*state, EP2), *state, leave_and_unmap);
}

/*
 * What a MAP has replaced in domain 2 may be in use, however often a call for domain 1 has waited.
 * So a MAP that needs a node waits for the section.
 */
static atomic_uint n_rounds;

static void by_maps_in_both(struct rig *rig)
{
	for (uint64_t i = 1; i < 2000; i++) {
		uint64_t at = (i * 7919 % 4096 + 16) * PAGE;

		assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, IOVA, IOVA + 0xfff, 0, R), VIOMMU_S_OK);
		assert_int_equal(map(rig, 2, at, at + 0xfff, 0, R), VIOMMU_S_OK);
		atomic_fetch_add(&n_rounds, 1);
	}
}

static void what_a_section_may_use_is_not_reclaimed(void **state)
{
	struct viommu_dma *dma = begin_for(*state, EP2);
	struct caller caller;
	unsigned before, n_same = 0;

	atomic_store(&n_rounds, 0);
	start(&caller, *state, by_maps_in_both);
	/* Long enough for a thread without a processor to go on. */
	for (before = 1; n_same < 25; before = atomic_load(&n_rounds)) {
		is_waiting(&caller);
		n_same = atomic_load(&n_rounds) == before ? n_same + 1 : 0;
	}
	assert_false(atomic_load(&caller.done));
	viommu_dma_end(dma);
	pthread_join(caller.thread, NULL);
	viommu_dma_free(dma);
	assert_int_equal(counters(*state).mappings, 2001);
}

/* -- no endpoint, or several --------------------------------------------------------------- */

static void a_section_that_has_not_translated_is_waited_for(void **state)
{
	assert_waits_for(begin(*state), *state, by_unmap);
}

/* What the section before it has translated does not count. */
static void a_second_section_that_has_not_translated_is_waited_for(void **state)
{
	struct viommu_dma *dma = begin_for(*state, EP2);

	viommu_dma_end(dma);
	viommu_dma_begin(dma);
	assert_waits_for(dma, *state, by_unmap);
}

/* A translation outside of a section, whose fault is reported while another thread makes a call. */
struct ambush {
	struct rig rig;
	struct caller caller;
	bool is_waiting;
};

static int call_meanwhile(void *opaque, const void *record, size_t length)
{
	struct ambush *ambush = opaque;

	(void)record, (void)length;
	start(&ambush->caller, &ambush->rig, by_unmap);
	ambush->is_waiting = is_waiting(&ambush->caller);
	return 0;
}

/* The thread is known by what a section was known by before. */
static void a_translation_is_waited_for_whatever_a_section_used_before(void **state)
{
	static const struct viommu_ops ops = { .size = sizeof(ops), .event = call_meanwhile };
	static const uint32_t endpoints[] = { EP, EP2 };
	struct ambush ambush = { .is_waiting = false };
	struct rig *rig = &ambush.rig;
	struct viommu_translation t;

	(void)state;
	assert_int_equal(viommu_new(NULL, &ops, &ambush, &rig->device), 0);
	assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
	for (size_t i = 0; i < COUNT_OF(endpoints); i++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							  .id = endpoints[i] };

		assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
		assert_int_equal(attach(rig, 1 + (uint32_t)i, endpoints[i]), VIOMMU_S_OK);
		page_in(rig, 1 + (uint32_t)i);
	}
	end(begin_for(rig, EP2));
	assert_int_equal(viommu_translate(rig->device, EP, 0, 1, W, &t), -EFAULT);
	pthread_join(ambush.caller.thread, NULL);
	assert_true(ambush.is_waiting);
	viommu_free(rig->device);
}

static void a_section_of_several_endpoints_is_waited_for(void **state)
{
	static const uint32_t orders[][4] = {
		{ EP, EP2, EP2, EP2 },
		{ EP2, EP, EP2, EP2 },
		{ EP2, EP, EP, EP },
		{ EP2, EP2, EP, EP2 },
	};

	for (size_t i = 0; i < COUNT_OF(orders); i++)
		for (unsigned which = 0; which < 2; which++) {
			struct viommu_dma *dma = begin(*state);

			for (size_t k = 0; k < COUNT_OF(orders[i]); k++)
				assert_int_equal(reach(dma, orders[i][k]), 0);
			assert_waits_for(dma, *state, which ? by_unmap : by_unmap_of_2);
			page_in(*state, which ? 1 : 2);
		}
}

/* A call that waits for it goes on when it turns out to be of no concern. */
static void a_section_that_translates_while_it_is_waited_for_is_no_longer(void **state)
{
	struct viommu_dma *dma = begin(*state);
	struct caller caller;

	start(&caller, *state, by_unmap);
	assert_true(is_waiting(&caller));
	assert_int_equal(reach(dma, EP2), 0);
	alarm(SECOND);
	pthread_join(caller.thread, NULL);
	alarm(0);
	assert_int_equal(reach(dma, EP), -EFAULT);
	end(dma);
}

static void a_handle_is_its_endpoint(void **state)
{
	struct rig *rig = *state;
	struct viommu_translation t;
	struct viommu_handle *handle;
	struct viommu_dma *dma = begin(rig);

	assert_int_equal(viommu_handle_new(rig->device, &handle), 0);
	viommu_dma_end(dma);
	assert_int_equal(viommu_handle_bind(handle, EP2), 0);
	viommu_dma_begin(dma);
	assert_int_equal(viommu_dma_handle_translate(dma, handle, VIOMMU_NO_PASID, IOVA, 1, W, &t),
			 0);
	assert_passes(dma, rig, by_unmap);
	dma = begin(rig);
	assert_int_equal(viommu_dma_handle_translate(dma, handle, VIOMMU_NO_PASID, IOVA, 1, W, &t),
			 0);
	assert_waits_for(dma, rig, by_unmap_of_2);
	viommu_handle_free(handle);
}

/* -- PASIDs and parents ---------------------------------------------------------------------- */

enum { PARENT = 3, CHILD = 4 };

#define ATTACH_CHILD(endpoint, flags, pasid) \
	HEAD(VIOMMU_T_ATTACH_TABLE), LE32(CHILD), LE32(endpoint), \
		LE32(VIOMMU_SLOT_F_PARENT | (flags)), LE16(VIOMMU_TABLE_GENERIC), LE16(0), \
		LE32(pasid), LE32(PARENT), LE32(0), LE64(0)

static void replace_with_spaces(struct rig *rig)
{
	static const struct viommu_table_format format = {
		VIOMMU_TABLE_GENERIC, 48, 52, 0x40201000, 0, VIOMMU_TABLE_F_NEST,
	};
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						  .id = EP2,
						  .pasid_bits = 8,
						  .formats = &format,
						  .n_formats = 1 };

	replace(rig, (struct viommu_config){ .size = sizeof(struct viommu_config),
					     .features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID |
							 VIOMMU_F_TABLE | VIOMMU_F_NEST });
	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	page_in(rig, 1);
}

static void attach_pasid(struct rig *rig, uint32_t domain, uint32_t pasid)
{
	const uint8_t bytes[] = { ATTACH(domain, EP2, VIOMMU_SLOT_F_PASID, pasid) };

	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
}

static void detach_pasid(struct rig *rig)
{
	const uint8_t bytes[] = { HEAD(VIOMMU_T_DETACH), LE32(2), LE32(EP2),
				  LE32(VIOMMU_SLOT_F_PASID), LE32(1) };

	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
}

static void by_unmap_of_parent(struct rig *rig)
{
	assert_int_equal(unmap(rig, PARENT, 0, TOP), VIOMMU_S_OK);
}

static void by_invalidate(struct rig *rig)
{
	const uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = {
		HEAD(VIOMMU_T_INVALIDATE),
		VIOMMU_INVALIDATE_S_DOMAIN,
		VIOMMU_INVALIDATE_C_TLB,
		LE16(0),
		LE32(CHILD),
	};

	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
}

static struct viommu_dma *begin_for_pasid(struct rig *rig, uint32_t pasid)
{
	struct viommu_translation t;
	struct viommu_dma *dma = begin(rig);

	assert_int_equal(viommu_dma_translate_pasid(dma, EP2, pasid, IOVA, 1, W, &t), 0);
	return dma;
}

static void a_pasid_is_waited_for_by_what_it_uses(void **state)
{
	struct rig *rig = *state;
	struct viommu_dma *dma;
	struct caller caller;

	replace_with_spaces(rig);
	attach_pasid(rig, 2, 1);
	attach_pasid(rig, 2, 2);
	page_in(rig, 2);
	assert_waits_for(begin_for_pasid(rig, 1), rig, by_unmap_of_2);
	page_in(rig, 2);
	assert_waits_for(begin_for_pasid(rig, 1), rig, detach_pasid);
	attach_pasid(rig, 2, 1);
	dma = begin_for_pasid(rig, 1);
	alarm(SECOND);
	start(&caller, rig, by_unmap);
	pthread_join(caller.thread, NULL);
	alarm(0);
	end(dma);
}

/* An endpoint with very many PASIDs is not searched for one with the domain. */
static void an_endpoint_with_very_many_pasids_is_always_waited_for(void **state)
{
	struct rig *rig = *state;

	replace_with_spaces(rig);
	for (uint32_t pasid = 0; pasid < 100; pasid++)
		attach_pasid(rig, 2, pasid);
	page_in(rig, 2);
	assert_waits_for(begin_for_pasid(rig, 1), rig, by_unmap);
}

static void use_child(struct rig *rig, uint32_t flags, uint32_t pasid)
{
	const uint8_t child[VIOMMU_ATTACH_TABLE_LENGTH] = { ATTACH_CHILD(EP2, flags, pasid) };

	assert_int_equal(attach(rig, PARENT, EP3), VIOMMU_S_OK);
	page_in(rig, PARENT);
	assert_int_equal(status_of(rig, child, sizeof(child)), VIOMMU_S_OK);
}

static struct viommu_dma *begin_in_child(struct rig *rig)
{
	struct viommu_dma *dma = begin(rig);

	assert_int_equal(reach(dma, EP2), -EFAULT); /* the table is not in memory */
	return dma;
}

static void a_child_is_waited_for_by_what_it_uses(void **state)
{
	static rig_function *const calls[] = { by_unmap_of_parent, by_invalidate };
	struct viommu_dma *dma;
	struct caller caller;

	for (size_t i = 0; i < 2 * COUNT_OF(calls); i++) {
		replace_with_spaces(*state);
		use_child(*state, i % 2 ? VIOMMU_SLOT_F_PASID : 0, i % 2);
		assert_waits_for(begin_in_child(*state), *state, calls[i / 2]);
	}
	dma = begin_in_child(*state);
	alarm(SECOND);
	start(&caller, *state, by_unmap);
	pthread_join(caller.thread, NULL);
	alarm(0);
	end(dma);
}

int main(void)
{
#define ON_TWO(test) cmocka_unit_test_setup_teardown(test, plug_two, unplug)
	const struct CMUnitTest tests[] = {
		ON_TWO(what_is_taken_from_another_endpoint_does_not_wait),
		ON_TWO(what_is_taken_from_another_endpoint_with_a_listener_does_not_wait),
		ON_TWO(what_every_section_uses_is_waited_for),
		ON_TWO(an_endpoint_of_the_same_domain_is_waited_for),
		ON_TWO(an_endpoint_that_left_the_domain_is_waited_for),
		ON_TWO(what_a_section_may_use_is_not_reclaimed),
		ON_TWO(a_section_that_has_not_translated_is_waited_for),
		ON_TWO(a_second_section_that_has_not_translated_is_waited_for),
		cmocka_unit_test(a_translation_is_waited_for_whatever_a_section_used_before),
		ON_TWO(a_section_of_several_endpoints_is_waited_for),
		ON_TWO(a_section_that_translates_while_it_is_waited_for_is_no_longer),
		ON_TWO(a_handle_is_its_endpoint),
		ON_TWO(a_pasid_is_waited_for_by_what_it_uses),
		ON_TWO(an_endpoint_with_very_many_pasids_is_always_waited_for),
		ON_TWO(a_child_is_waited_for_by_what_it_uses),
	};

	return cmocka_run_group_tests_name("scopes", tests, NULL, NULL);
}
