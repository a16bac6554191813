/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "rig.h"

/*
 * Listeners: their calls, and the effect of their refusals
 *
 * The standard does not define listeners; <viommu/device.h> does. Every recorder checks its own
 * history at every call (rig.h), so the tests check the calls and their order.
 */

#define ALWAYS UINT32_MAX

/* Shows: listener-replay */
static void a_new_listener_gets_the_mode_and_all_mappings(void **state)
{
	struct recorder blocked = { 0 }, bypass = { 0 }, translated = { 0 };
	struct rig *rig = *state;

	assert_int_equal(recorder_listen(&blocked, rig, "a", EP), 0);
	assert_notified(rig, "a mode blocked");
	assert_int_equal(attach_bypass(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&bypass, rig, "b", EP2), 0);
	assert_notified(rig, "b mode bypass");
	assert_int_equal(attach(rig, 1, EP3), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x2000, 0x2fff, 0x9000, W), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x0000, 0x0fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, TOP - 0xfff, TOP, 0xa000, R), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&translated, rig, "c", EP3), 0);
	assert_notified(rig,
			"c mode translated, c map 1 0-fff to 8000 r, c map 1 2000-2fff to 9000 w, "
			"c map 1 fffffffffffff000-ffffffffffffffff to a000 r");
	assert_in_sync(&translated, 1);
}

/* Shows: listener-order */
static void mappings_are_reported_when_they_are_added_and_removed(void **state)
{
	struct recorder first = { 0 }, second = { 0 }, other = { 0 };
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&first, rig, "a", EP), 0);
	assert_int_equal(recorder_listen(&second, rig, "b", EP), 0);
	assert_int_equal(recorder_listen(&other, rig, "c", EP2), 0);
	assert_notified(rig, "a mode translated, b mode translated, c mode blocked");
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R | W | MMIO), VIOMMU_S_OK);
	assert_notified(rig,
			"a map 1 1000-1fff to 8000 rw mmio, b map 1 1000-1fff to 8000 rw mmio");
	assert_int_equal(map(rig, 1, 0, 0xfff, 0x8000, R), VIOMMU_S_OK);
	rig->notified[0] = '\0';
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	assert_notified(rig, "a unmap 1 0-fff, b unmap 1 0-fff, a unmap 1 1000-1fff, "
			     "b unmap 1 1000-1fff");
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	assert_notified(rig, "");
}

/* A listener of whole ranges: what it was called with last, and how often. */
struct ranger {
	uint32_t domain;
	uint64_t first, last;
	unsigned n_maps, n_calls;
};

static int ranger_map(void *opaque, const struct viommu_mapping *mapping)
{
	struct ranger *ranger = opaque;

	ranger->domain = mapping->domain;
	ranger->n_maps++;
	return 0;
}

static void ranger_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque;
	(void)mapping;
	fail_msg("unmap in the place of unmap_range");
}

static void ranger_unmap_range(void *opaque, uint32_t domain, uint64_t first, uint64_t last)
{
	struct ranger *ranger = opaque;

	ranger->domain = domain;
	ranger->first = first;
	ranger->last = last;
	ranger->n_calls++;
}

static void ranger_listen(struct ranger *ranger, struct rig *rig, uint32_t endpoint)
{
	static const struct viommu_listener_ops ops = { .size = sizeof(ops),
							.map = ranger_map,
							.unmap = ranger_unmap,
							.unmap_range = ranger_unmap_range };
	struct viommu_listener *listener;

	assert_int_equal(viommu_listen(rig->device, endpoint, &ops, ranger, &listener), 0);
}

static void assert_range(struct ranger *ranger, uint32_t domain, uint64_t first, uint64_t last)
{
	assert_int_equal(ranger->n_calls, 1);
	assert_int_equal(ranger->domain, domain);
	assert_int_equal(ranger->first, first);
	assert_int_equal(ranger->last, last);
	ranger->n_calls = 0;
}

/* More mappings than the device notifies one by one in a grace period. */
static void an_unmap_is_one_range(void **state)
{
	enum { N = 2000 };
	struct ranger ranger = { 0 };
	struct rig *rig = *state;
	struct viommu_counters before;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	ranger_listen(&ranger, rig, EP);
	for (uint64_t i = 0; i < N; i++)
		assert_int_equal(map(rig, 1, i * 0x2000, i * 0x2000 + 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(ranger.n_maps, N);
	before = counters(rig);
	assert_int_equal(unmap(rig, 1, 0x1000, TOP), VIOMMU_S_OK);
	assert_range(&ranger, 1, 0x1000, TOP);
	assert_int_equal(counters(rig).waits, before.waits + 1);
	assert_int_equal(unmap(rig, 1, 0x1000, TOP), VIOMMU_S_OK);
	assert_int_equal(ranger.n_calls, 0);
	assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
	assert_range(&ranger, 1, 0, 0xfff);
}

static void an_endpoint_that_leaves_a_domain_is_one_range(void **state)
{
	struct ranger ranger = { 0 };
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	ranger_listen(&ranger, rig, EP);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x5000, 0x5fff, 0, R), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_range(&ranger, 1, 0, TOP);
	assert_int_equal(detach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(ranger.n_calls, 0);
}

/* Beside a listener that wants each mapping, also when that leaves. */
static void a_domain_has_listeners_of_ranges_and_of_mappings(void **state)
{
	struct recorder recorder = { 0 };
	struct ranger ranger = { 0 };
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	ranger_listen(&ranger, rig, EP);
	assert_int_equal(recorder_listen(&recorder, rig, "a", EP2), 0);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x5000, 0x5fff, 0, R), VIOMMU_S_OK);
	rig->notified[0] = '\0';
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	assert_notified(rig, "a unmap 1 0-fff, a unmap 1 5000-5fff");
	assert_int_equal(ranger.n_calls, 2);
	ranger.n_calls = 0;
	assert_int_equal(detach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x5000, 0x5fff, 0, R), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	assert_range(&ranger, 1, 0, TOP);
}

/* Shows: listener-move */
static void a_move_unmaps_the_old_domain_and_maps_the_new_one(void **state)
{
	struct recorder recorder = { 0 };
	struct rig *rig = *state;

	assert_int_equal(recorder_listen(&recorder, rig, "a", EP), 0);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x5000, 0x5fff, 0, R), VIOMMU_S_OK);
	assert_notified(rig, "a mode blocked");
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_notified(rig, "a mode translated");
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_notified(rig, "a map 1 1000-1fff to 8000 r");
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_notified(rig, "a unmap 1 1000-1fff, a map 2 5000-5fff to 0 r");
	assert_int_equal(attach_bypass(rig, 3, EP), VIOMMU_S_OK);
	assert_notified(rig, "a unmap 2 5000-5fff, a mode bypass");
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_notified(rig, "a mode translated, a map 2 5000-5fff to 0 r");
	assert_int_equal(detach(rig, 2, EP), VIOMMU_S_OK);
	assert_notified(rig, "a unmap 2 5000-5fff, a mode blocked");
}

/* Shows: listener-move */
static void attaching_the_only_endpoint_again_unmaps_all(void **state)
{
	struct recorder recorder = { 0 };
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&recorder, rig, "a", EP), 0);
	rig->notified[0] = '\0';
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_notified(rig, "a unmap 1 1000-1fff");
	assert_in_sync(&recorder, 1);
}

/* Shows: listener-story */
static void the_last_byte_of_the_address_space_is_unmapped_too(void **state)
{
	struct recorder recorder = { 0 };
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .page_size_mask = 1 });
	assert_int_equal(recorder_listen(&recorder, rig, "a", EP), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, TOP, TOP, 5, R), VIOMMU_S_OK);
	rig->notified[0] = '\0';
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_notified(rig, "a unmap 1 ffffffffffffffff-ffffffffffffffff, a mode blocked");
}

/* Shows: listener-status */
static void a_refusal_becomes_a_status(void **state)
{
	static const struct {
		int error, status;
	} cases[] = {
		{ -ENOMEM, VIOMMU_S_NOMEM },  { -ENOSPC, VIOMMU_S_NOMEM },
		{ -EINVAL, VIOMMU_S_INVAL },  { -ERANGE, VIOMMU_S_RANGE },
		{ -EFAULT, VIOMMU_S_FAULT },  { -EOPNOTSUPP, VIOMMU_S_UNSUPP },
		{ -EIO, VIOMMU_S_IOERR },     { -EPERM, VIOMMU_S_DEVERR },
		{ -EEXIST, VIOMMU_S_DEVERR },
	};
	struct recorder recorder = { 0 };
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&recorder, rig, "a", EP), 0);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		recorder_refuse(&recorder, 0, 1, cases[i].error);
		assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), cases[i].status);
		assert_string_equal(mappings(rig, 1), "");
		assert_int_equal(counters(rig).mappings, 0);
		recorder_refuse(&recorder, 0, 1, cases[i].error);
		assert_int_equal(attach_bypass(rig, 2, EP), cases[i].status);
		assert_int_equal(mode_of(rig, EP), VIOMMU_TRANSLATED);
	}
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
}

/* Shows: listener-undone */
static void a_refused_map_is_undone_with_the_listeners_before(void **state)
{
	enum { N = 4 };
	static const uint32_t endpoints[N] = { EP, EP, EP2, EP3 };
	static const char *const names[N] = { "a", "b", "c", "d" };
	struct rig *rig = *state;
	struct recorder recorders[N] = { 0 };
	uint64_t bytes;

	for (size_t i = 0; i < N; i++) {
		assert_int_equal(attach(rig, 1, endpoints[i]), VIOMMU_S_OK);
		assert_int_equal(recorder_listen(&recorders[i], rig, names[i], endpoints[i]), 0);
	}
	/* The domain keeps the memory for a second mapping once it had one. */
	assert_int_equal(map(rig, 1, 0, 0xfff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x9000, R), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	bytes = counters(rig).bytes;
	for (size_t i = 0; i < N; i++) {
		recorder_refuse(&recorders[i], 0, 1, -EIO);
		assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x9000, R), VIOMMU_S_IOERR);
		assert_string_equal(mappings(rig, 1), "0-fff to 8000 r");
		assert_int_equal(counters(rig).bytes, bytes);
		assert_string_equal(peek(rig, EP, 0x1000, 1), "fault");
		for (size_t k = 0; k < N; k++)
			assert_in_sync(&recorders[k], 1);
	}
}

/* Listeners of a domain are called in the order in which they joined it, and its endpoints saved in
 * it. Shows: listener-undone */
static void a_refused_attach_keeps_the_order_of_the_domain(void **state)
{
	struct recorder a = { 0 }, b = { 0 }, late = { 0 };
	size_t before_length, after_length;
	struct rig *rig = *state;
	void *before, *after;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&a, rig, "a", EP), 0);
	assert_int_equal(recorder_listen(&b, rig, "b", EP2), 0);
	assert_int_equal(recorder_listen(&late, rig, "late", EP), 0);
	assert_int_equal(viommu_save(rig->device, &before, &before_length), 0);
	recorder_refuse(&late, 0, 1, -EIO);
	assert_int_equal(attach_bypass(rig, 2, EP), VIOMMU_S_IOERR);
	assert_int_equal(viommu_save(rig->device, &after, &after_length), 0);
	assert_int_equal(after_length, before_length);
	assert_memory_equal(after, before, after_length);
	free(before);
	free(after);
	rig->notified[0] = '\0';
	assert_int_equal(map(rig, 1, 0, 0xfff, 0x8000, R), VIOMMU_S_OK);
	assert_notified(rig, "a map 1 0-fff to 8000 r, b map 1 0-fff to 8000 r, "
			     "late map 1 0-fff to 8000 r");
}

struct two_listeners {
	struct recorder a, b;
};

/* EP is in `from` (0: nothing) with two listeners; EP2 and EP3 keep 2 and 3 alive. */
static void stage(struct rig *rig, struct two_listeners *two, uint32_t from)
{
	*two = (struct two_listeners){ 0 };
	replace(rig, (struct viommu_config){ 0 });
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x5000, 0x5fff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x7000, 0x7fff, 0, R), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 3, EP3), VIOMMU_S_OK);
	if (from == 3)
		assert_int_equal(attach_bypass(rig, from, EP), VIOMMU_S_OK);
	else if (from)
		assert_int_equal(attach(rig, from, EP), VIOMMU_S_OK);
	if (from == 1) {
		assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, TOP - 0xfff, TOP, 0, W), VIOMMU_S_OK);
	}
	assert_int_equal(recorder_listen(&two->a, rig, "a", EP), 0);
	assert_int_equal(recorder_listen(&two->b, rig, "b", EP), 0);
}

static int attach_either(struct rig *rig, uint32_t domain)
{
	return domain == 3 ? attach_bypass(rig, domain, EP) : attach(rig, domain, EP);
}

static void assert_believes(const struct recorder *recorder, struct rig *rig)
{
	struct viommu_endpoint_state state;

	assert_int_equal(viommu_next_endpoint(rig->device, EP, &state), 0);
	assert_int_equal(recorder->mode, state.mode);
	if (state.mode == VIOMMU_TRANSLATED)
		assert_in_sync(recorder, state.domain);
	else
		assert_int_equal(recorder->n_held, 0);
}

/*
 * If either listener refuses any call of an ATTACH, the device is unchanged, and the listeners are
 * notified accordingly. Shows: listener-undone, attach-no-side-effect
 */
static void a_refused_attach_leaves_everything_as_it_was(void **state)
{
	enum { DOMAINS = 5 };
	struct two_listeners two;
	struct rig *rig = *state;
	unsigned refused = 0;

	for (uint32_t from = 0; from < DOMAINS; from++)
		for (uint32_t to = 1; to < DOMAINS; to++)
			for (unsigned call = 0; call < 8; call++) {
				struct recorder *who = call % 2 ? &two.a : &two.b;
				struct viommu_counters before, after;
				struct viommu_endpoint_state was, is;
				int status;

				stage(rig, &two, from);
				before = counters(rig);
				assert_int_equal(viommu_next_endpoint(rig->device, EP, &was), 0);
				recorder_refuse(who, call / 2, 1, -EIO);
				status = attach_either(rig, to);
				assert_believes(&two.a, rig);
				assert_believes(&two.b, rig);
				if (status == VIOMMU_S_OK)
					continue;
				refused++;
				after = counters(rig);
				assert_int_equal(status, VIOMMU_S_IOERR);
				assert_int_equal(after.domains, before.domains);
				assert_int_equal(after.mappings, before.mappings);
				assert_int_equal(after.bytes, before.bytes);
				assert_int_equal(viommu_next_endpoint(rig->device, EP, &is), 0);
				assert_int_equal(is.mode, was.mode);
				assert_int_equal(is.attached, was.attached);
				assert_int_equal(is.domain, was.domain);
				assert_int_equal(attach_either(rig, to), VIOMMU_S_OK);
				assert_believes(&two.a, rig);
			}
	assert_int_equal(refused, 36);
}

/*
 * If the old state is refused too, the endpoint is attached to no domain, and blocked. Shows:
 * listener-quarantine
 */
static void an_endpoint_that_cannot_go_back_is_blocked(void **state)
{
	struct two_listeners two;
	struct rig *rig = *state;

	for (uint32_t from = 0; from < 4; from++)
		for (uint32_t to = 1; to < 4; to++)
			for (unsigned call = 0; call < 4; call++) {
				stage(rig, &two, from);
				write_bypass(rig, 1);
				recorder_refuse(call % 2 ? &two.a : &two.b, call / 2, ALWAYS, -EIO);
				if (attach_either(rig, to) == VIOMMU_S_OK)
					continue;
				assert_int_equal(two.a.n_held + two.b.n_held, 0);
				assert_int_equal(mode_of(rig, EP), VIOMMU_BLOCKED);
				assert_string_equal(peek(rig, EP, 0x1000, 1), "fault");
				write_bypass(rig, 0);
				write_bypass(rig, 1);
				assert_int_equal(mode_of(rig, EP), VIOMMU_BLOCKED);
				assert_int_equal(mode_of(rig, EP2), VIOMMU_TRANSLATED);
				assert_int_equal(detach(rig, from, EP), VIOMMU_S_INVAL);

				recorder_refuse(&two.a, 0, 0, 0);
				recorder_refuse(&two.b, 0, 0, 0);
				assert_int_equal(attach_either(rig, to), VIOMMU_S_OK);
				assert_believes(&two.a, rig);
				assert_believes(&two.b, rig);
			}
}

/* It is the host's doing, not the guest's: reason UNKNOWN. Shows: fault-reasons */
static void a_blocked_endpoint_faults_for_no_reason_of_the_guest(void **state)
{
	struct viommu_translation to;
	struct viommu_fault fault;
	struct two_listeners two;
	struct rig *rig = *state;

	stage(rig, &two, 1);
	recorder_refuse(&two.b, 0, ALWAYS, -EIO);
	assert_int_equal(attach_bypass(rig, 3, EP), VIOMMU_S_IOERR);
	assert_int_equal(viommu_translate(rig->device, EP, 0x1000, 1, R, &to), -EFAULT);
	assert_int_equal(viommu_last_faults(rig->device, &fault, 1), 1);
	assert_int_equal(fault.reason, VIOMMU_FAULT_R_UNKNOWN);
}

/* Shows: listener-quarantine */
static void a_reset_ends_the_quarantine(void **state)
{
	struct two_listeners two;
	struct rig *rig = *state;

	stage(rig, &two, 1);
	write_bypass(rig, 1);
	recorder_refuse(&two.b, 0, ALWAYS, -EIO);
	assert_int_equal(attach_bypass(rig, 3, EP), VIOMMU_S_IOERR);
	assert_int_equal(mode_of(rig, EP), VIOMMU_BLOCKED);
	assert_int_equal(counters(rig).domains, 2);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_string_equal(mappings(rig, 1), "");

	recorder_refuse(&two.b, 0, 0, 0);
	viommu_reset(rig->device);
	assert_int_equal(mode_of(rig, EP), VIOMMU_BYPASS);
	assert_believes(&two.a, rig);
	assert_believes(&two.b, rig);
}

/* `bypass` does not end a quarantine; it is set all the time. Shows: listener-quarantine */
static void a_refused_attach_does_not_end_the_quarantine(void **state)
{
	struct two_listeners two;
	struct rig *rig = *state;

	stage(rig, &two, 1);
	write_bypass(rig, 1);
	recorder_refuse(&two.b, 0, ALWAYS, -EIO);
	assert_int_equal(attach_bypass(rig, 3, EP), VIOMMU_S_IOERR);
	recorder_refuse(&two.b, 0, 1, -EIO);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_IOERR);
	assert_int_equal(mode_of(rig, EP), VIOMMU_BLOCKED);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "fault");
	assert_believes(&two.b, rig);

	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(mode_of(rig, EP), VIOMMU_BYPASS);
}

/* Shows: listener-quarantine */
static void a_refused_new_domain_of_the_same_number_leaves_no_trace(void **state)
{
	struct two_listeners two;
	struct rig *rig = *state;

	stage(rig, &two, 1);
	recorder_refuse(&two.b, 0, ALWAYS, -EIO);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_IOERR);
	assert_believes(&two.a, rig);
	assert_believes(&two.b, rig);
}

/* Shows: listener-ignored */
static void what_cannot_be_refused_happens_anyway(void **state)
{
	struct two_listeners two;
	struct rig *rig = *state;

	stage(rig, &two, 1);
	recorder_refuse(&two.a, 0, ALWAYS, -EIO);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(mode_of(rig, EP), VIOMMU_BLOCKED);
	write_bypass(rig, 1);
	assert_int_equal(mode_of(rig, EP), VIOMMU_BYPASS);
	viommu_system_reset(rig->device);
	assert_int_equal(mode_of(rig, EP), VIOMMU_BLOCKED);
	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
}

/* Shows: listener-undone */
static void a_listener_that_refuses_what_there_is_is_not_added(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x3000, 0x3fff, 0x8000, R), VIOMMU_S_OK);
	for (unsigned call = 0; call < 3; call++) {
		struct recorder recorder = { 0 };

		recorder_refuse(&recorder, call, 1, -EPERM);
		assert_int_equal(recorder_listen(&recorder, rig, "a", EP), -EPERM);
		assert_null(recorder.listener);
		assert_int_equal(recorder.n_held, 0);
	}
	rig->notified[0] = '\0';
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	assert_notified(rig, "");
}

/* Shows: listener-leave */
static void a_listener_that_is_removed_unmaps_everything(void **state)
{
	struct recorder a = { 0 }, b = { 0 }, c = { 0 };
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&a, rig, "a", EP), 0);
	assert_int_equal(recorder_listen(&b, rig, "b", EP), 0);
	assert_int_equal(recorder_listen(&c, rig, "c", EP), 0);
	rig->notified[0] = '\0';
	assert_null(viommu_unlisten(b.listener));
	assert_notified(rig, "b unmap 1 1000-1fff, b mode blocked");
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	assert_notified(rig, "a unmap 1 1000-1fff, c unmap 1 1000-1fff");
	assert_null(viommu_unlisten(a.listener));
	assert_null(viommu_unlisten(c.listener));
	assert_null(viommu_unlisten(NULL));
	rig->notified[0] = '\0';
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_notified(rig, "");
}

/* Shows: listener-leave */
static void removing_an_endpoint_unmaps_all_from_its_listeners(void **state)
{
	struct recorder recorder = { 0 };
	struct rig *rig = *state;

	write_bypass(rig, 1);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&recorder, rig, "a", EP), 0);
	rig->notified[0] = '\0';
	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
	assert_notified(rig, "a unmap 1 1000-1fff, a mode blocked");

	recorder = (struct recorder){ 0 };
	assert_int_equal(recorder_listen(&recorder, rig, "b", EP2), 0);
	assert_int_equal(viommu_endpoint_remove(rig->device, EP2), 0);
	assert_notified(rig, "b mode bypass, b mode blocked");
}

/* Every member of the ops may be NULL. */
static void a_listener_need_not_listen_to_everything(void **state)
{
	static const struct viommu_listener_ops ops = { .size = sizeof(ops) };
	struct viommu_listener *listener;
	struct rig *rig = *state;

	assert_int_equal(viommu_listen(rig->device, NO_ENDPOINT, &ops, NULL, &listener), -ENOENT);
	assert_int_equal(viommu_listen(rig->device, EP, &ops, NULL, &listener), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 2, EP), VIOMMU_S_OK);
	viommu_unlisten(listener);
}

/* -- listeners of domains --------------------------------------------------------------- */

/* Records calls in the format of a recorder, and domains by their serial numbers. */
struct switcher {
	struct rig *rig;
	const char *name;
	struct viommu_listener *listener;
	int answer; /* of `domain` */
};

static __attribute__((format(printf, 2, 3))) void say(const struct switcher *switcher,
						      const char *format, ...)
{
	char *notified = switcher->rig->notified;
	size_t length = strlen(notified);
	va_list args;

	length += (size_t)snprintf(notified + length, MAX_WORDS - length, "%s%s ",
				   length ? ", " : "", switcher->name);
	va_start(args, format);
	vsnprintf(notified + length, MAX_WORDS - length, format, args);
	va_end(args);
}

static int switch_map(void *opaque, const struct viommu_mapping *mapping)
{
	say(opaque, "map %u %jx", mapping->domain, (uintmax_t)mapping->first);
	return 0;
}

static void switch_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	say(opaque, "unmap %u %jx", mapping->domain, (uintmax_t)mapping->first);
}

static int switch_mode(void *opaque, enum viommu_mode mode)
{
	assert_int_not_equal(mode, VIOMMU_TRANSLATED);
	say(opaque, mode == VIOMMU_BYPASS ? "bypass" : "blocked");
	return 0;
}

static int switch_domain(void *opaque, uint32_t domain, uint64_t serial)
{
	const struct switcher *switcher = opaque;

	say(switcher, "domain %u #%ju", domain, (uintmax_t)serial);
	return switcher->answer;
}

static void switcher_listen(struct switcher *switcher, struct rig *rig, const char *name,
			    uint32_t endpoint)
{
	static const struct viommu_listener_ops ops = { .size = sizeof(ops),
							.map = switch_map,
							.unmap = switch_unmap,
							.mode = switch_mode,
							.domain = switch_domain };

	*switcher = (struct switcher){ .rig = rig, .name = name };
	assert_int_equal(viommu_listen(rig->device, endpoint, &ops, switcher, &switcher->listener),
			 0);
}

static void a_listener_of_domains_gets_no_unmap_when_its_endpoint_leaves(void **state)
{
	struct switcher a, b;
	struct rig *rig = *state;

	switcher_listen(&a, rig, "a", EP);
	switcher_listen(&b, rig, "b", EP2);
	assert_notified(rig, "a blocked, b blocked");
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x2000, 0x2fff, 0, R), VIOMMU_S_OK);
	assert_notified(rig, "a domain 1 #1, a map 1 1000, a map 1 2000");
	b.answer = 1;
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_notified(rig, "b domain 1 #1");
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_notified(rig, "a domain 2 #2");
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_notified(rig, "a domain 1 #1, a map 1 1000, a map 1 2000");
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_notified(rig, "b unmap 1 1000, a unmap 1 1000");
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_notified(rig, "a blocked");
	assert_int_equal(attach_bypass(rig, 3, EP2), VIOMMU_S_OK);
	assert_notified(rig, "b bypass");
	viommu_unlisten(a.listener);
	viommu_unlisten(b.listener);
	assert_notified(rig, "a blocked, b blocked");
}

static void a_domain_that_is_made_again_has_another_serial(void **state)
{
	struct rig *rig = *state;
	struct switcher a;

	switcher_listen(&a, rig, "a", EP);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_OK);
	assert_notified(rig, "a blocked, a domain 1 #1, a map 1 1000");
	/* The last endpoint leaves domain 1, which ends, and makes another one. */
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_notified(rig, "a domain 1 #2");
	viommu_reset(rig->device);
	assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_notified(rig, "a blocked, a domain 1 #3");
}

static void a_domain_that_a_listener_refuses_is_not_entered(void **state)
{
	struct switcher a, b;
	struct rig *rig = *state;

	switcher_listen(&a, rig, "a", EP);
	switcher_listen(&b, rig, "b", EP);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_OK);
	rig->notified[0] = '\0';
	b.answer = -EINVAL;
	/* `b` refuses its old domain as well: the endpoint is quarantined. */
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_INVAL);
	assert_notified(rig, "a domain 2 #2, b domain 2 #2, a domain 1 #1, a map 1 1000, "
			     "b domain 1 #1, a blocked, b blocked");
	b.answer = 0;
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_notified(rig, "a domain 2 #3, b domain 2 #3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(a_new_listener_gets_the_mode_and_all_mappings),
		ON_A_FRESH_DEVICE(a_listener_of_domains_gets_no_unmap_when_its_endpoint_leaves),
		ON_A_FRESH_DEVICE(a_domain_that_is_made_again_has_another_serial),
		ON_A_FRESH_DEVICE(a_domain_that_a_listener_refuses_is_not_entered),
		ON_A_FRESH_DEVICE(mappings_are_reported_when_they_are_added_and_removed),
		ON_A_FRESH_DEVICE(an_unmap_is_one_range),
		ON_A_FRESH_DEVICE(an_endpoint_that_leaves_a_domain_is_one_range),
		ON_A_FRESH_DEVICE(a_domain_has_listeners_of_ranges_and_of_mappings),
		ON_A_FRESH_DEVICE(a_move_unmaps_the_old_domain_and_maps_the_new_one),
		ON_A_FRESH_DEVICE(attaching_the_only_endpoint_again_unmaps_all),
		ON_A_FRESH_DEVICE(the_last_byte_of_the_address_space_is_unmapped_too),
		ON_A_FRESH_DEVICE(a_refusal_becomes_a_status),
		ON_A_FRESH_DEVICE(a_refused_map_is_undone_with_the_listeners_before),
		ON_A_FRESH_DEVICE(a_refused_attach_keeps_the_order_of_the_domain),
		ON_A_FRESH_DEVICE(a_refused_attach_leaves_everything_as_it_was),
		ON_A_FRESH_DEVICE(an_endpoint_that_cannot_go_back_is_blocked),
		ON_A_FRESH_DEVICE(a_blocked_endpoint_faults_for_no_reason_of_the_guest),
		ON_A_FRESH_DEVICE(a_reset_ends_the_quarantine),
		ON_A_FRESH_DEVICE(a_refused_attach_does_not_end_the_quarantine),
		ON_A_FRESH_DEVICE(a_refused_new_domain_of_the_same_number_leaves_no_trace),
		ON_A_FRESH_DEVICE(what_cannot_be_refused_happens_anyway),
		ON_A_FRESH_DEVICE(a_listener_that_refuses_what_there_is_is_not_added),
		ON_A_FRESH_DEVICE(a_listener_that_is_removed_unmaps_everything),
		ON_A_FRESH_DEVICE(removing_an_endpoint_unmaps_all_from_its_listeners),
		ON_A_FRESH_DEVICE(a_listener_need_not_listen_to_everything),
	};

	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
