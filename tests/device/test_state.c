/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "rig.h"

/*
 * Saved state: docs/state.md. tests/reference shows over random histories that a loaded device
 * behaves like the saved one.
 */

/* A driver makes something of the device that it has just found: two domains, three endpoints,
 * mappings that reach the top of the address space. */
static void make_something(struct rig *rig)
{
	viommu_reset(rig->device);
	assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 7, EP3), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x2fff, 0x8000, R | W), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, TOP - 0xfff, TOP, 0x9000, W), VIOMMU_S_OK);
	write_bypass(rig, 1);
}

static void *save(struct rig *rig, size_t *ret_length)
{
	void *bytes;

	assert_int_equal(viommu_save(rig->device, &bytes, ret_length), 0);
	return bytes;
}

static void *save_something(struct rig *rig, size_t *ret_length)
{
	make_something(rig);
	return save(rig, ret_length);
}

/* An endpoint is quarantined: a listener refuses both the new domain and the old one. */
static void quarantine(struct rig *rig, uint32_t endpoint)
{
	struct recorder recorder = { 0 };

	assert_int_equal(recorder_listen(&recorder, rig, "quarantine", endpoint), 0);
	recorder_refuse(&recorder, 0, UINT32_MAX, -EIO);
	assert_int_equal(attach(rig, 3, endpoint), VIOMMU_S_IOERR);
	assert_int_equal(mode_of(rig, endpoint), VIOMMU_BLOCKED);
	recorder_refuse(&recorder, 0, 0, 0);
	viommu_unlisten(recorder.listener);
}

static int load(struct rig *rig, const void *bytes, size_t length,
		char reason[VIOMMU_REASON_LENGTH])
{
	reason[0] = '\0';
	return viommu_load(rig->device, bytes, length, reason, VIOMMU_REASON_LENGTH);
}

static void assert_saves(struct rig *rig, const void *bytes, size_t length)
{
	size_t again_length;
	void *again = save(rig, &again_length);

	assert_int_equal(again_length, length);
	assert_memory_equal(again, bytes, length);
	free(again);
}

/* After any refusal, the device is as after a reset, and the reason is a sentence. */
static void assert_refused(struct rig *rig, int error, int expected, const char *reason)
{
	size_t length;
	void *bytes = save(rig, &length);

	assert_int_equal(error, expected);
	assert_true(strlen(reason) > 8);
	assert_int_equal(counters(rig).domains, 0);
	assert_int_equal(counters(rig).mappings, 0);
	assert_int_equal(counters(rig).bytes, 0);
	viommu_reset(rig->device);
	assert_saves(rig, bytes, length);
	free(bytes);
}

static void what_was_saved_is_there_again(void **state)
{
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes = save_something(rig, &length);

	replace(rig, (struct viommu_config){ 0 });
	assert_int_equal(load(rig, bytes, length, reason), 0);
	assert_string_equal(mappings(rig, 1), "1000-2fff to 8000 rw, "
					      "fffffffffffff000-ffffffffffffffff to 9000 w");
	assert_int_equal(mode_of(rig, EP), VIOMMU_TRANSLATED);
	assert_int_equal(mode_of(rig, EP2), VIOMMU_TRANSLATED);
	assert_int_equal(mode_of(rig, EP3), VIOMMU_BYPASS);
	assert_int_equal(read_bypass(rig), 1);
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	free(bytes);
}

/* For any order of attachment, and any number of saves and loads. */
static void saving_what_was_loaded_gives_the_same_bytes(void **state)
{
	static const uint32_t orders[][3] = {
		{ EP, EP2, EP3 }, { EP, EP3, EP2 }, { EP2, EP, EP3 },
		{ EP2, EP3, EP }, { EP3, EP, EP2 }, { EP3, EP2, EP }
	};
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];

	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		size_t length;
		void *bytes;

		replace(rig, (struct viommu_config){ 0 });
		for (size_t k = 0; k < COUNT_OF(orders[i]); k++)
			assert_int_equal(attach(rig, 1, orders[i][k]), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
		bytes = save(rig, &length);
		for (unsigned times = 0; times < 2; times++) {
			replace(rig, (struct viommu_config){ 0 });
			assert_int_equal(load(rig, bytes, length, reason), 0);
			assert_saves(rig, bytes, length);
		}
		free(bytes);
	}
}

/* <viommu/device.h>: it "stays attached to nothing, and blocked", whatever `bypass` is on the other
 * side, until a driver attaches it again. Shows: listener-quarantine */
static void a_quarantine_is_not_lifted_by_a_migration(void **state)
{
	struct rig *rig = *state;
	struct viommu_fault fault;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes;

	quarantine(rig, EP2);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	write_bypass(rig, 1);
	bytes = save(rig, &length);
	replace(rig, (struct viommu_config){ .bypass = true });
	assert_int_equal(load(rig, bytes, length, reason), 0);
	assert_saves(rig, bytes, length);
	assert_int_equal(mode_of(rig, EP2), VIOMMU_BLOCKED);
	assert_int_equal(mode_of(rig, EP3), VIOMMU_BYPASS);
	assert_string_equal(where(rig, EP2, 0x1000, 1, R), "fault");
	assert_int_equal(viommu_last_faults(rig->device, &fault, 1), 1);
	assert_int_equal(fault.reason, VIOMMU_FAULT_R_UNKNOWN);

	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(mode_of(rig, EP2), VIOMMU_BYPASS);
	free(bytes);
}

/* A listener that was in bypass before gets the mode BLOCKED. */
static void listeners_are_notified_of_a_quarantine_that_is_loaded(void **state)
{
	struct recorder recorder = { 0 };
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes;

	quarantine(rig, EP2);
	bytes = save(rig, &length);
	replace(rig, (struct viommu_config){ .bypass = true });
	assert_int_equal(recorder_listen(&recorder, rig, "a", EP2), 0);
	assert_notified(rig, "a mode bypass");
	assert_int_equal(load(rig, bytes, length, reason), 0);
	assert_notified(rig, "a mode blocked");
	free(bytes);
}

static void every_truncation_is_refused(void **state)
{
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	uint8_t *bytes = save_something(rig, &length);

	for (size_t cut = 0; cut < length; cut++) {
		make_something(rig);
		assert_refused(rig, load(rig, bytes, cut, reason), -EINVAL, reason);
	}
	free(bytes);
}

static void every_flipped_bit_is_refused(void **state)
{
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	uint8_t *bytes = save_something(rig, &length);

	for (size_t bit = 0; bit < length * 8; bit++) {
		int error;

		make_something(rig);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		error = load(rig, bytes, length, reason);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(error == -EINVAL || error == -ENOTSUP);
		assert_refused(rig, error, error, reason);
	}
	assert_int_equal(load(rig, bytes, length, reason), 0);
	free(bytes);
}

/* Neither the value that was configured nor that of the stream, but the one that the driver has
 * seen last: as after viommu_reset(). */
static void a_refusal_leaves_bypass_as_it_was(void **state)
{
	struct rig *rig = *state;
	struct recorder recorder;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	uint8_t *bytes = save_something(rig, &length);

	for (unsigned i = 0; i < 4; i++) {
		uint8_t bypass = (uint8_t)(i % 2);

		replace(rig, (struct viommu_config){ .bypass = i / 2 });
		write_bypass(rig, bypass);
		assert_refused(rig, load(rig, bytes, length - 1, reason), -EINVAL, reason);
		assert_int_equal(read_bypass(rig), bypass);

		recorder = (struct recorder){ 0 };
		assert_int_equal(recorder_listen(&recorder, rig, "a", EP), 0);
		recorder_refuse(&recorder, 0, 1, -EIO);
		assert_refused(rig, load(rig, bytes, length, reason), -EIO, reason);
		assert_int_equal(read_bypass(rig), bypass);
	}
	free(bytes);
}

/* The version is the second word. */
static void a_version_of_the_future_is_named(void **state)
{
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	uint8_t *bytes = save_something(rig, &length);

	bytes[4] = 5;
	assert_refused(rig, load(rig, bytes, length, reason), -ENOTSUP, reason);
	assert_non_null(strstr(reason, "version 5"));
	free(bytes);
}

/*
 * docs/state.md: "a newer library reads what an older one wrote". Each stream was written once, by
 * the first library that had its version, and is never written again. None was written with more
 * than its version was needed for, so it comes out again as it went in.
 */
static void a_stream_of_every_version_is_still_read(void **state)
{
	static const struct {
		const char *path;
		enum viommu_mode third; /* what has become of the third endpoint */
	} versions[] = {
		{ STREAMS "/version-1", VIOMMU_BYPASS },
		{ STREAMS "/version-2", VIOMMU_BLOCKED },
	};
	struct rig *rig = *state;
	uint8_t bytes[1024];
	char reason[VIOMMU_REASON_LENGTH];

	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		FILE *file = fopen(versions[i].path, "rb");
		size_t length;

		if (!file)
			fail_msg("%s: not there", versions[i].path);
		length = fread(bytes, 1, sizeof(bytes), file);
		fclose(file);
		if (load(rig, bytes, length, reason))
			fail_msg("%s: %s", versions[i].path, reason);
		assert_saves(rig, bytes, length);
		assert_string_equal(mappings(rig, 1),
				    "1000-2fff to 8000 rw, "
				    "fffffffffffff000-ffffffffffffffff to 9000 w");
		assert_int_equal(mode_of(rig, EP), VIOMMU_TRANSLATED);
		assert_int_equal(mode_of(rig, EP3), versions[i].third);
		assert_int_equal(read_bypass(rig), 1);
	}
}

/* A library that supports only the first version can load a stream that needs no later one. */
static void a_stream_has_the_lowest_version_that_can_express_it(void **state)
{
	struct rig *rig = *state;
	size_t length;
	uint8_t *bytes = save_something(rig, &length);

	assert_int_equal(bytes[4], 1);
	free(bytes);
	quarantine(rig, EP3);
	bytes = save(rig, &length);
	assert_int_equal(bytes[4], 2);
	free(bytes);
}

static void what_does_not_fit_the_device_is_named(void **state)
{
	static const struct {
		struct viommu_config config;
		const char *why;
	} cases[] = {
		{ { .max_domains = 1 }, "more domains than the limits" },
		{ { .max_mappings = 1 }, "more mappings than the limits" },
		{ { .max_bytes = 100 }, "more domains than the limits" },
		{ { .max_bytes = 600 }, "more mappings than the limits" },
		{ { .domain_first = 1, .domain_last = 6 }, "domain 7 is outside the domain range" },
		{ { .domain_first = 3, .domain_last = 9 }, "domain 1 is outside the domain range" },
		{ { .input_first = 0, .input_last = 0xffffffff },
		  "0xfffffffffffff000 of domain 1 is outside of an input range" },
		{ { .input_first = 0x2000, .input_last = TOP },
		  "0x1000 of domain 1 is outside of an input range" },
		{ { .page_size_mask = ~0x1fffull }, "0x1000 of domain 1 is not aligned" },
		{ { .features = VIOMMU_FEATURES_DEFAULT & ~VIOMMU_F_MMIO }, "features 0x77" },
		{ { .features = VIOMMU_F_MAP_UNMAP }, "only 0x4 are offered" },
	};
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes = save_something(rig, &length);

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		replace(rig, cases[i].config);
		assert_refused(rig, load(rig, bytes, length, reason), -EBUSY, reason);
		if (!strstr(reason, cases[i].why))
			fail_msg("case %zu: \"%s\" does not name \"%s\"", i, reason, cases[i].why);
	}
	free(bytes);
}

static void a_missing_endpoint_is_named(void **state)
{
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes = save_something(rig, &length);

	assert_int_equal(viommu_endpoint_remove(rig->device, EP2), 0);
	assert_refused(rig, load(rig, bytes, length, reason), -EBUSY, reason);
	assert_non_null(strstr(reason, "0x10"));
	free(bytes);
}

/* A quarantined endpoint must exist here, too. */
static void a_missing_endpoint_in_quarantine_is_named(void **state)
{
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes;

	quarantine(rig, EP2);
	bytes = save(rig, &length);
	assert_int_equal(viommu_endpoint_remove(rig->device, EP2), 0);
	assert_refused(rig, load(rig, bytes, length, reason), -EBUSY, reason);
	assert_non_null(strstr(reason, "0x10"));
	free(bytes);
}

/* An endpoint is another here than it was where the guest had attached it. */
static void what_does_not_fit_an_endpoint_is_named(void **state)
{
	static const struct viommu_reserved region = { 0x2000, 0x2fff, VIOMMU_RESV_MEM_RESERVED };
	static const struct {
		struct viommu_endpoint endpoint;
		const char *why;
	} cases[] = {
		{ { .reserved = &region, .n_reserved = 1 },
		  "0x1000 of domain 1 overlaps a reserved region" },
		{ { .input_last = 0xffff },
		  "0xfffffffffffff000 of domain 1 is outside of an input range" },
		{ { .page_size_mask = ~0xffffull }, "endpoint 0x10 has another granule" },
	};
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes = save_something(rig, &length);

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct viommu_endpoint endpoint = cases[i].endpoint;

		endpoint.size = sizeof(endpoint);
		endpoint.id = EP2;
		viommu_reset(rig->device);
		assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
		assert_refused(rig, load(rig, bytes, length, reason), -EBUSY, reason);
		if (!strstr(reason, cases[i].why))
			fail_msg("case %zu: \"%s\" does not name \"%s\"", i, reason, cases[i].why);
	}
	free(bytes);
}

/* Listeners get all that is loaded; if one refuses, the load fails and leaves nothing. */
static void listeners_are_notified_of_what_is_loaded_and_can_refuse(void **state)
{
	struct recorder recorder = { 0 };
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes = save_something(rig, &length);

	viommu_reset(rig->device);
	assert_int_equal(recorder_listen(&recorder, rig, "a", EP2), 0);
	assert_int_equal(load(rig, bytes, length, reason), 0);
	assert_in_sync(&recorder, 1);
	viommu_reset(rig->device);
	recorder_refuse(&recorder, 2, 1, -EIO);
	assert_refused(rig, load(rig, bytes, length, reason), -EIO, reason);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(what_was_saved_is_there_again),
		ON_A_FRESH_DEVICE(saving_what_was_loaded_gives_the_same_bytes),
		ON_A_FRESH_DEVICE(a_quarantine_is_not_lifted_by_a_migration),
		ON_A_FRESH_DEVICE(listeners_are_notified_of_a_quarantine_that_is_loaded),
		ON_A_FRESH_DEVICE(every_truncation_is_refused),
		ON_A_FRESH_DEVICE(every_flipped_bit_is_refused),
		ON_A_FRESH_DEVICE(a_refusal_leaves_bypass_as_it_was),
		ON_A_FRESH_DEVICE(a_version_of_the_future_is_named),
		ON_A_FRESH_DEVICE(a_stream_of_every_version_is_still_read),
		ON_A_FRESH_DEVICE(a_stream_has_the_lowest_version_that_can_express_it),
		ON_A_FRESH_DEVICE(what_does_not_fit_the_device_is_named),
		ON_A_FRESH_DEVICE(a_missing_endpoint_is_named),
		ON_A_FRESH_DEVICE(a_missing_endpoint_in_quarantine_is_named),
		ON_A_FRESH_DEVICE(what_does_not_fit_an_endpoint_is_named),
		ON_A_FRESH_DEVICE(listeners_are_notified_of_what_is_loaded_and_can_refuse),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
