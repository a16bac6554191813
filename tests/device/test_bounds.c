/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

/*
 * What the owner of a host can do about a guest or a thread that takes too much: endpoints blocked
 * by force, rates, pauses, and the name of a section that does not end
 */

/* Replace the rig's device by one with these callbacks. */
static void replace_with(struct rig *rig, struct viommu_config config, struct viommu_ops ops,
			 void *opaque)
{
	static const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = EP };

	config.size = sizeof(config);
	ops.size = sizeof(ops);
	rig->device = viommu_free(rig->device);
	assert_int_equal(viommu_new(&config, &ops, opaque, &rig->device), 0);
	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
}

/* -- a section that does not end ---------------------------------------------------- */

struct sleeper {
	struct viommu *device;
	struct viommu_handle *handle; /* NULL: translate by the ID */
	atomic_int thread, n_logged;
	char text[256];
};

static void on_log(void *opaque, const struct viommu_log *entry)
{
	struct sleeper *sleeper = opaque;

	assert_int_equal(entry->event, VIOMMU_LOG_WAIT);
	snprintf(sleeper->text, sizeof(sleeper->text), "%s", entry->text);
	atomic_fetch_add(&sleeper->n_logged, 1);
}

/* In a section until the device logs it. */
static void *sleep_in_section(void *opaque)
{
	struct sleeper *sleeper = opaque;
	struct viommu_translation to;
	struct viommu_dma *dma;

	assert_int_equal(viommu_dma_new(sleeper->device, &dma), 0);
	viommu_dma_begin(dma);
	if (sleeper->handle)
		viommu_dma_handle_translate(dma, sleeper->handle, VIOMMU_NO_PASID, 0x1000, 1,
					    VIOMMU_ACCESS_QUIET, &to);
	else
		viommu_dma_translate(dma, EP, 0x1000, 1, VIOMMU_ACCESS_QUIET, &to);
	atomic_store(&sleeper->thread, (int)syscall(SYS_gettid));
	while (!atomic_load(&sleeper->n_logged))
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	viommu_dma_end(dma);
	viommu_dma_free(dma);
	return NULL;
}

static void a_section_that_does_not_end_is_named(struct rig *rig, bool by_handle)
{
	const struct viommu_config config = { .wait_log_ns = 1000000 };
	struct sleeper sleeper = { .thread = 0 };
	char expected[128];
	pthread_t thread;

	replace_with(rig, config, (struct viommu_ops){ .log = on_log }, &sleeper);
	sleeper.device = rig->device;
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	if (by_handle) {
		assert_int_equal(viommu_handle_new(rig->device, &sleeper.handle), 0);
		assert_int_equal(viommu_handle_bind(sleeper.handle, EP), 0);
	}
	assert_int_equal(pthread_create(&thread, NULL, sleep_in_section, &sleeper), 0);
	while (!atomic_load(&sleeper.thread))
		sched_yield();
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	pthread_join(thread, NULL);
	snprintf(expected, sizeof(expected),
		 "ms for thread %d in a DMA section, last for endpoint 0x8",
		 atomic_load(&sleeper.thread));
	assert_non_null(strstr(sleeper.text, expected));
	assert_true(counters(rig).overdue_waits >= 1);
	assert_true(counters(rig).longest_wait_ns >= config.wait_log_ns);
	viommu_handle_free(sleeper.handle);
}

static void a_section_is_named_by_the_endpoint_s_number(void **state)
{
	a_section_that_does_not_end_is_named(*state, false);
}

static void a_section_is_named_by_the_endpoint_s_handle(void **state)
{
	a_section_that_does_not_end_is_named(*state, true);
}

/* -- blocked by force ---------------------------------------------------------------- */

static void block(struct rig *rig, bool on)
{
	assert_int_equal(viommu_endpoint_block(rig->device, EP, on), 0);
}

static void a_blocked_endpoint_keeps_its_domain(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R | W), VIOMMU_S_OK);
	block(rig, true);
	block(rig, true);
	assert_int_equal(mode_of(rig, EP), VIOMMU_BLOCKED);
	assert_string_equal(where(rig, EP, 0x1000, 1, R), "fault");
	assert_int_equal(rig->events[0][0], VIOMMU_FAULT_R_UNKNOWN);
	assert_string_equal(peek(rig, EP2, 0x1000, 1), "8000+1 rw");
	assert_string_equal(mappings(rig, 1), "1000-1fff to 8000 rw");
	block(rig, false);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "8000+1 rw");
	assert_int_equal(viommu_endpoint_block(rig->device, NO_ENDPOINT, true), -ENOENT);
}

static void requests_for_a_blocked_endpoint_take_effect_later(void **state)
{
	struct rig *rig = *state;

	block(rig, true);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R | W), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "fault");
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x2000, 0x2fff, 0x9000, R), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x2000, 1), "fault");
	block(rig, false);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "fault");
	assert_string_equal(peek(rig, EP, 0x2000, 1), "9000+1 r");
	block(rig, true);
	assert_int_equal(detach(rig, 2, EP), VIOMMU_S_OK);
	write_bypass(rig, 1);
	assert_string_equal(peek(rig, EP, 0x2000, 1), "fault");
	viommu_reset(rig->device);
	assert_string_equal(peek(rig, EP, 0x2000, 1), "fault");
	block(rig, false);
	assert_string_equal(peek(rig, EP, 0x2000, 1), "identity 2000+1 rw");
}

static void a_blocked_endpoint_does_not_reach_its_msis(void **state)
{
	const struct viommu_reserved msi = { 0xfee00000, 0xfeefffff, VIOMMU_RESV_MEM_MSI };
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = EP,
		.reserved = &msi,
		.n_reserved = 1,
	};
	struct rig *rig = *state;

	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	assert_string_equal(where(rig, EP, 0xfee00000, 4, W), "identity fee00000+4 w");
	block(rig, true);
	assert_string_equal(where(rig, EP, 0xfee00000, 4, W), "fault");
	block(rig, false);
	assert_string_equal(where(rig, EP, 0xfee00000, 4, W), "identity fee00000+4 w");
}

static uint64_t msis;

static int write_msi(void *opaque, enum viommu_mode mode)
{
	struct viommu_translation to;

	(void)mode;
	msis += !viommu_translate(opaque, EP, 0xfee00000, 4, W | VIOMMU_ACCESS_QUIET, &to);
	return 0;
}

/* Not even for a moment. */
static void a_blocked_endpoint_does_not_reach_its_msis_during_a_load(void **state)
{
	const struct viommu_reserved msi = { 0xfee00000, 0xfeefffff, VIOMMU_RESV_MEM_MSI };
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = EP,
		.reserved = &msi,
		.n_reserved = 1,
	};
	const struct viommu_listener_ops ops = { .size = sizeof(ops), .mode = write_msi };
	struct viommu_listener *listener, *other;
	struct rig *rig = *state;
	size_t length;
	void *bytes;

	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	assert_int_equal(viommu_listen(rig->device, EP, &ops, rig->device, &listener), 0);
	assert_int_equal(viommu_listen(rig->device, EP2, &ops, rig->device, &other), 0);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	block(rig, true);
	assert_int_equal(viommu_save(rig->device, &bytes, &length), 0);
	msis = 0;
	assert_int_equal(viommu_load(rig->device, bytes, length, NULL, 0), 0);
	assert_int_equal(msis, 0);
	free(bytes);
}

static void pasids_of_a_blocked_endpoint_are_blocked(void **state)
{
	const uint8_t attach_pasid[] = { ATTACH(1, EP, VIOMMU_SLOT_F_PASID, 5) };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						  .id = EP,
						  .pasid_bits = 8 };
	struct rig *rig = *state;
	struct viommu_translation to;

	replace(rig,
		(struct viommu_config){ .size = sizeof(struct viommu_config),
					.features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID });
	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	assert_int_equal(status_of(rig, attach_pasid, sizeof(attach_pasid)), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(viommu_translate_pasid(rig->device, EP, 5, 0x1000, 1, R, &to), 0);
	block(rig, true);
	assert_int_equal(viommu_translate_pasid(rig->device, EP, 5, 0x1000, 1, R, &to), -EFAULT);
	block(rig, false);
	assert_int_equal(viommu_translate_pasid(rig->device, EP, 5, 0x1000, 1, R, &to), 0);
}

static void listeners_of_a_blocked_endpoint_have_no_mapping(void **state)
{
	struct rig *rig = *state;
	struct recorder a = { 0 }, b = { 0 };

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&a, rig, "a", EP), 0);
	assert_int_equal(recorder_listen(&b, rig, "b", EP2), 0);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_notified(rig, "a mode translated, b mode translated, a map 1 1000-1fff to 8000 r, "
			     "b map 1 1000-1fff to 8000 r");
	block(rig, true);
	assert_notified(rig, "a unmap 1 1000-1fff, a mode blocked");
	assert_int_equal(map(rig, 1, 0x2000, 0x2fff, 0x9000, R), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_notified(rig, "b map 1 2000-2fff to 9000 r, b unmap 1 1000-1fff");
	recorder_refuse(&a, 1, 1, -ENOSPC);
	assert_int_equal(viommu_endpoint_block(rig->device, EP, false), -ENOSPC);
	assert_notified(rig, "a mode translated, a refuse 1 2000-2fff to 9000 r, a mode blocked");
	assert_string_equal(peek(rig, EP, 0x2000, 1), "fault");
	block(rig, false);
	assert_notified(rig, "a mode translated, a map 1 2000-2fff to 9000 r");
	assert_in_sync(&a, 1);
	block(rig, true);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 2, EP), VIOMMU_S_OK);
	assert_notified(rig, "a unmap 1 2000-2fff, a mode blocked");
	viommu_unlisten(a.listener);
	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
}

/* A listener that follows PASIDs: its calls, as "5, map 1000, 5 empty". */
static char followed[256];

static void follow(const char *before, uint64_t value, const char *after)
{
	size_t at = strlen(followed);

	snprintf(followed + at, sizeof(followed) - at, "%s%s%llx%s", at ? ", " : "", before,
		 (unsigned long long)value, after);
}

static int follow_space(void *opaque, uint32_t pasid, const struct viommu_space *space)
{
	bool refuses = *(bool *)opaque && space->mode != VIOMMU_BLOCKED;

	follow("", pasid, refuses ? " refused" : space->mode == VIOMMU_BLOCKED ? " empty" : "");
	return refuses ? -ENOSPC : 0;
}

static int follow_map(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque;
	follow("map ", mapping->first, "");
	return 0;
}

static void assert_followed(const char *expected)
{
	assert_string_equal(followed, expected);
	followed[0] = '\0';
}

static void listeners_of_pasids_of_a_blocked_endpoint_have_none(void **state)
{
	const struct viommu_listener_ops ops = { .size = sizeof(ops),
						 .space = follow_space,
						 .map = follow_map };
	const uint8_t attach_pasid[] = { ATTACH(1, EP, VIOMMU_SLOT_F_PASID, 5) };
	const uint8_t attach_other[] = { ATTACH(1, EP, VIOMMU_SLOT_F_PASID, 6) };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						  .id = EP,
						  .pasid_bits = 8 };
	struct rig *rig = *state;
	struct viommu_listener *listener;
	bool refuses = false;

	replace(rig,
		(struct viommu_config){ .size = sizeof(struct viommu_config),
					.features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID });
	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	assert_int_equal(viommu_listen(rig->device, EP, &ops, &refuses, &listener), 0);
	assert_int_equal(status_of(rig, attach_pasid, sizeof(attach_pasid)), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_followed("5, map 1000");
	block(rig, true);
	assert_followed("5 empty");
	assert_int_equal(status_of(rig, attach_other, sizeof(attach_other)), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x2000, 0x2fff, 0x9000, R), VIOMMU_S_OK);
	assert_followed("");
	refuses = true;
	assert_int_equal(viommu_endpoint_block(rig->device, EP, false), -EIO);
	refuses = false;
	assert_followed("5 refused, 5 empty, 5 empty, 6 empty");
	block(rig, false);
	assert_followed("5, map 1000, map 2000, 6, map 1000, map 2000");
	block(rig, true);
	viommu_unlisten(listener);
	assert_followed("5 empty, 6 empty");
}

/* -- rates and pauses --------------------------------------------------------------- */

static int count_event(void *opaque, const void *record, size_t length)
{
	unsigned *n = opaque;

	(void)record;
	(void)length;
	++*n;
	return 0;
}

static void faults_above_their_rate_are_dropped(void **state)
{
	struct rig *rig = *state;
	struct viommu_fault faults[1];
	unsigned n = 0;

	replace_with(rig, (struct viommu_config){ .max_fault_rate = 5 },
		     (struct viommu_ops){ .event = count_event }, &n);
	for (unsigned i = 0; i < 100; i++)
		where(rig, EP, i, 1, R);
	/* A loaded machine may need longer than a second. */
	assert_in_range(n, 5, 99);
	assert_int_equal(counters(rig).faults, 100);
	assert_int_equal(counters(rig).faults_limited, 100 - n);
	assert_int_equal(counters(rig).faults_dropped, 100 - n);
	assert_int_equal(viommu_last_faults(rig->device, faults, 1), 1);
	assert_int_equal(faults[0].address, 99);
}

/* Requests in a batch, until it should end. */
static uint64_t run_batch(struct rig *rig, const void *bytes, size_t length, unsigned most,
			  unsigned *n)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH];
	const struct iovec in = { (void *)(uintptr_t)bytes, length }, out = { tail, sizeof(tail) };
	uint64_t pause = 0;

	viommu_batch_begin(rig->device);
	for (*n = 0; *n < most && !(pause = viommu_batch_pause(rig->device)); ++*n)
		viommu_batch_request(rig->device, &in, 1, &out, 1);
	viommu_batch_end(rig->device);
	return pause;
}

static void a_batch_pauses_for_a_rate(void **state)
{
	const uint8_t bytes[] = { ATTACH(1, EP, 0, 0) }, other[] = { UNMAP(1, 0, TOP, 0) };
	struct rig *rig = *state;
	uint64_t pause;
	unsigned n;

	replace_with(rig,
		     (struct viommu_config){ .max_attach_rate = 10, .max_batch_ns = UINT64_MAX },
		     (struct viommu_ops){ 0 }, NULL);
	pause = run_batch(rig, other, sizeof(other), 1000, &n);
	assert_int_equal(pause, 0);
	pause = run_batch(rig, bytes, sizeof(bytes), 1000, &n);
	assert_in_range(n, 10, 900);
	assert_in_range(pause, 1, 100000001);
	replace_with(rig,
		     (struct viommu_config){ .max_request_rate = 20, .max_batch_ns = UINT64_MAX },
		     (struct viommu_ops){ 0 }, NULL);
	pause = run_batch(rig, other, sizeof(other), 1000, &n);
	assert_in_range(n, 20, 900);
	assert_in_range(pause, 1, 50000001);
	assert_int_equal(counters(rig).pauses, 1);
}

static void a_batch_pauses_for_its_time(void **state)
{
	const uint8_t bytes[] = { UNMAP(1, 0, TOP, 0) };
	struct rig *rig = *state;
	unsigned n;

	replace_with(rig, (struct viommu_config){ .max_batch_ns = 1 }, (struct viommu_ops){ 0 },
		     NULL);
	assert_int_equal(run_batch(rig, bytes, sizeof(bytes), 1000, &n), 1);
	assert_in_range(n, 16, 64);
	assert_int_equal(run_batch(rig, bytes, sizeof(bytes), 10, &n), 0);
}

static int take_map(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque;
	(void)mapping;
	return 0;
}

/* The guest cannot make a batch long with ATTACHes that call a listener for each mapping. */
static void a_batch_pauses_for_its_calls(void **state)
{
	const struct viommu_listener_ops ops = { .size = sizeof(ops), .map = take_map };
	const uint8_t to[] = { ATTACH(1, EP, 0, 0) }, away[] = { DETACH(1, EP, 0) };
	struct rig *rig = *state;
	struct viommu_listener *listener;
	unsigned n;

	replace(rig, (struct viommu_config){ .size = sizeof(struct viommu_config),
					     .max_batch_calls = 100 });
	assert_int_equal(viommu_listen(rig->device, EP, &ops, NULL, &listener), 0);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	for (uint64_t iova = 0; iova < 60 * PAGE; iova += PAGE)
		assert_int_equal(map(rig, 1, iova, iova + PAGE - 1, iova, R), VIOMMU_S_OK);
	viommu_batch_begin(rig->device);
	for (n = 0; n < 100 && !viommu_batch_pause(rig->device); n++) {
		const uint8_t *bytes = n % 2 ? away : to;
		uint8_t tail[VIOMMU_TAIL_LENGTH];
		const struct iovec in = { (void *)(uintptr_t)bytes, sizeof(to) };
		const struct iovec out = { tail, sizeof(tail) };

		viommu_batch_request(rig->device, &in, 1, &out, 1);
	}
	viommu_batch_end(rig->device);
	assert_in_range(n, 3, 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, plug, unplug)
	const struct CMUnitTest tests[] = {
		TEST(a_section_is_named_by_the_endpoint_s_number),
		TEST(a_section_is_named_by_the_endpoint_s_handle),
		TEST(a_blocked_endpoint_keeps_its_domain),
		TEST(requests_for_a_blocked_endpoint_take_effect_later),
		TEST(a_blocked_endpoint_does_not_reach_its_msis),
		TEST(a_blocked_endpoint_does_not_reach_its_msis_during_a_load),
		TEST(pasids_of_a_blocked_endpoint_are_blocked),
		TEST(listeners_of_a_blocked_endpoint_have_no_mapping),
		TEST(listeners_of_pasids_of_a_blocked_endpoint_have_none),
		TEST(faults_above_their_rate_are_dropped),
		TEST(a_batch_pauses_for_a_rate),
		TEST(a_batch_pauses_for_its_time),
		TEST(a_batch_pauses_for_its_calls),
	};

	return cmocka_run_group_tests_name("bounds", tests, NULL, NULL);
}
