/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include <viommu/record.h>

#include "record/trace.h"
#include "rig.h"

/* Traces: what a recorded guest did, and traces that are not whole. */

#define ROOM 65536

static uint8_t bytes[ROOM];
static struct trace_reader reader;
static struct trace_error error;

static void begin(struct rig *rig)
{
	memset(bytes, POISON, sizeof(bytes));
	assert_int_equal(viommu_record_begin(rig->device, bytes, sizeof(bytes)), 0);
}

/* Names of the records from the first one that is not of the beginning, with some values. */
static const char *text_of(size_t length)
{
	static char text[MAX_WORDS];
	struct trace_record record;
	size_t used = 0;
	int more;

	text[0] = '\0';
	assert_true(trace_open(&reader, bytes, length, &error));
	while ((more = trace_next(&reader, &record)) > 0) {
		if (record.kind == TRACE_REQUEST)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "type %u: %u, ",
						 record.bytes[0],
						 (unsigned)record.values[REQUEST_STATUS]);
		else
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %llx, ",
						 trace_kind_name(record.kind),
						 (unsigned long long)record.values[0]);
	}
	assert_int_equal(more, 0);
	return text;
}

static const char *end(struct rig *rig)
{
	const char *text = text_of(viommu_record_end(rig->device));
	const char *rest = strstr(text, "state 1, ");

	assert_non_null(rest);
	return rest + strlen("state 1, ");
}

static void requests_are_recorded_with_their_statuses(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	attach(rig, 1, EP);
	map(rig, 1, 0x1000, 0x1fff, 0x8000, R);
	map(rig, 1, 0x1000, 0x1fff, 0x8000, R);
	unmap(rig, 1, 0x1000, 0x1fff);
	detach(rig, 1, EP);
	assert_string_equal(end(rig), "type 1: 0, type 3: 0, type 3: 4, type 4: 0, type 2: 0, "
				      "end 0, ");
}

static void a_request_without_an_answer_is_recorded(void **state)
{
	struct rig *rig = *state;
	const uint8_t unknown[] = { HEAD(0x77), LE32(1) };
	uint8_t answer[8];

	begin(rig);
	request(rig, unknown, sizeof(unknown), answer, sizeof(answer));
	assert_string_equal(end(rig), "type 119: 255, end 0, ");
}

static void a_batch_is_recorded_as_a_notification(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	viommu_batch_begin(rig->device);
	viommu_batch_end(rig->device);
	assert_string_equal(end(rig), "notify 0, end 0, ");
}

static void changes_by_the_vmm_are_recorded(void **state)
{
	struct rig *rig = *state;
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = 0x40 };

	begin(rig);
	viommu_endpoint_add(rig->device, &endpoint);
	viommu_endpoint_block(rig->device, 0x40, true);
	viommu_endpoint_remove(rig->device, 0x40);
	write_bypass(rig, 1);
	viommu_reset(rig->device);
	viommu_system_reset(rig->device);
	viommu_accept(rig->device, VIOMMU_F_MAP_UNMAP);
	assert_string_equal(end(rig), "endpoint 40, block 40, remove 40, bypass 1, reset 0, "
				      "reset 1, accept 4, end 0, ");
}

static void an_access_is_recorded_with_its_answer(void **state)
{
	struct rig *rig = *state;
	struct viommu_translation found = { .address = 0x8000, .length = 16 };
	struct trace_record record = { 0 };
	size_t length;

	begin(rig);
	viommu_record_access(rig->device, EP, VIOMMU_NO_PASID, 0x1000, 16, R, 0, &found);
	viommu_record_access(rig->device, EP, 5, 0x2000, 8, W, -EFAULT, NULL);
	length = viommu_record_end(rig->device);
	assert_true(trace_open(&reader, bytes, length, &error));
	while (record.kind != TRACE_ACCESS)
		assert_int_equal(trace_next(&reader, &record), 1);
	assert_int_equal(record.values[ACCESS_ENDPOINT], EP);
	assert_int_equal(record.values[ACCESS_PASID], 0);
	assert_int_equal(record.values[ACCESS_IOVA], 0x1000);
	assert_int_equal(record.values[ACCESS_LENGTH], 16);
	assert_int_equal(record.values[ACCESS_FLAGS], R);
	assert_int_equal(record.values[ACCESS_RESULT], TRACE_OK);
	assert_int_equal(record.values[ACCESS_ADDRESS], 0x8000);
	assert_int_equal(trace_next(&reader, &record), 1);
	assert_int_equal(record.values[ACCESS_PASID], 6);
	assert_int_equal(record.values[ACCESS_RESULT], TRACE_FAULT);
}

static void nothing_is_recorded_outside_of_a_trace(void **state)
{
	struct rig *rig = *state;
	struct viommu_translation found = { 0 };

	attach(rig, 1, EP);
	viommu_record_access(rig->device, EP, VIOMMU_NO_PASID, 0x1000, 16, R, 0, &found);
	assert_int_equal(viommu_record_end(rig->device), 0);
	begin(rig);
	assert_string_equal(end(rig), "end 0, ");
	memset(bytes, POISON, sizeof(bytes));
	detach(rig, 1, EP);
	viommu_record_access(rig->device, EP, VIOMMU_NO_PASID, 0x1000, 16, R, 0, &found);
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], POISON);
}

static void a_trace_begins_with_the_state(void **state)
{
	struct rig *rig = *state;
	struct trace_record record = { 0 };
	void *saved;
	size_t length, saved_length;

	attach(rig, 1, EP);
	map(rig, 1, 0x1000, 0x1fff, 0x8000, R);
	assert_int_equal(viommu_save(rig->device, &saved, &saved_length), 0);
	begin(rig);
	length = viommu_record_end(rig->device);
	assert_true(trace_open(&reader, bytes, length, &error));
	while (record.kind != TRACE_STATE)
		assert_int_equal(trace_next(&reader, &record), 1);
	assert_int_equal(record.length, saved_length);
	assert_memory_equal(record.bytes, saved, saved_length);
	free(saved);
}

static void a_trace_that_is_full_ends_and_the_device_goes_on(void **state)
{
	struct rig *rig = *state;
	size_t length;

	memset(bytes, POISON, sizeof(bytes));
	assert_int_equal(viommu_record_begin(rig->device, bytes, VIOMMU_RECORD_LENGTH_MIN), 0);
	attach(rig, 1, EP);
	for (uint64_t i = 1; i <= 1000; i++)
		assert_int_equal(map(rig, 1, i * PAGE, i * PAGE + PAGE - 1, i * PAGE, R),
				 VIOMMU_S_OK);
	length = viommu_record_end(rig->device);
	assert_in_range(length, VIOMMU_RECORD_LENGTH_MIN / 2, VIOMMU_RECORD_LENGTH_MIN);
	for (size_t i = VIOMMU_RECORD_LENGTH_MIN; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], POISON);
	assert_non_null(strstr(text_of(length), "type 3: 0, end 1, "));
}

static void a_recording_is_refused(void **state)
{
	struct rig *rig = *state;
	struct viommu_config tables = { .size = sizeof(tables),
					.features = VIOMMU_F_TABLE | VIOMMU_F_PROBE };

	assert_int_equal(viommu_record_begin(rig->device, bytes, VIOMMU_RECORD_LENGTH_MIN - 1),
			 -EINVAL);
	begin(rig);
	assert_int_equal(viommu_record_begin(rig->device, bytes, sizeof(bytes)), -EBUSY);
	viommu_record_end(rig->device);
	attach(rig, 1, EP);
	for (uint64_t i = 1; i <= 1000; i++)
		map(rig, 1, i * PAGE, i * PAGE + PAGE - 1, i * PAGE, R);
	assert_int_equal(viommu_record_begin(rig->device, bytes, VIOMMU_RECORD_LENGTH_MIN),
			 -ENOSPC);
	assert_int_equal(viommu_record_end(rig->device), 0);
	replace(rig, tables);
	assert_int_equal(viommu_record_begin(rig->device, bytes, sizeof(bytes)), -ENOTSUP);
}

/* -- reading ------------------------------------------------------------------------ */

/* A trace of several kinds of records. Returns its length. */
static size_t record_some(struct rig *rig)
{
	struct viommu_translation found = { .address = 0x8000, .length = 16 };

	begin(rig);
	attach(rig, 1, EP);
	map(rig, 1, 0x1000, 0x1fff, 0x8000, R);
	viommu_record_access(rig->device, EP, VIOMMU_NO_PASID, 0x1000, 16, R, 0, &found);
	unmap(rig, 1, 0x1000, 0x1fff);
	return viommu_record_end(rig->device);
}

/* The rule by which a trace is refused; NULL: by none. */
static const char *refusal(const uint8_t *trace, size_t length)
{
	struct trace_record record;
	int more;

	if (!trace_open(&reader, trace, length, &error))
		return error.rule;
	while ((more = trace_next(&reader, &record)) > 0)
		continue;
	if (more)
		assert_in_range(error.at, 0, length);
	return more ? error.rule : NULL;
}

static void every_cut_trace_is_refused(void **state)
{
	size_t length = record_some(*state);

	assert_null(refusal(bytes, length));
	for (size_t cut = 0; cut < length; cut++) {
		/* A copy, so that a read behind the end is seen. */
		uint8_t *copy = memcpy(malloc(cut + 1), bytes, cut);
		const char *rule = refusal(copy, cut);

		assert_non_null(rule);
		assert_string_equal(rule, cut < TRACE_HEAD_LENGTH ? "trace-head" : "trace-end");
		free(copy);
	}
}

static void every_flipped_bit_is_found(void **state)
{
	size_t length = record_some(*state);

	for (size_t bit = 0; bit < length * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_non_null(refusal(bytes, length));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void bytes_after_the_end_are_refused(void **state)
{
	size_t length = record_some(*state);

	assert_string_equal(refusal(bytes, length + 1), "trace-record");
}

/* A trace of 200,000 bytes has several blocks. */
static void a_long_trace_is_read_to_its_end(void **state)
{
	struct rig *rig = *state;
	size_t room = 1 << 22, length;
	uint8_t *trace = malloc(room);

	assert_int_equal(viommu_record_begin(rig->device, trace, room), 0);
	attach(rig, 1, EP);
	for (uint64_t i = 1; i <= 10000; i++)
		map(rig, 1, i * PAGE, i * PAGE + PAGE - 1, i * PAGE, R);
	length = viommu_record_end(rig->device);
	assert_in_range(length, 2 * TRACE_BLOCK_MAX, room);
	assert_null(refusal(trace, length));
	assert_int_equal(reader.n_records, 5 + 10001);
	/* Without its second block. */
	memmove(trace + TRACE_HEAD_LENGTH,
		trace + TRACE_HEAD_LENGTH + TRACE_BLOCK_HEAD +
			(trace[TRACE_HEAD_LENGTH] | trace[TRACE_HEAD_LENGTH + 1] << 8),
		TRACE_BLOCK_MAX);
	assert_string_equal(refusal(trace, length), "trace-checksum");
	free(trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(requests_are_recorded_with_their_statuses),
		ON_A_FRESH_DEVICE(a_request_without_an_answer_is_recorded),
		ON_A_FRESH_DEVICE(a_batch_is_recorded_as_a_notification),
		ON_A_FRESH_DEVICE(changes_by_the_vmm_are_recorded),
		ON_A_FRESH_DEVICE(an_access_is_recorded_with_its_answer),
		ON_A_FRESH_DEVICE(nothing_is_recorded_outside_of_a_trace),
		ON_A_FRESH_DEVICE(a_trace_begins_with_the_state),
		ON_A_FRESH_DEVICE(a_trace_that_is_full_ends_and_the_device_goes_on),
		ON_A_FRESH_DEVICE(a_recording_is_refused),
		ON_A_FRESH_DEVICE(every_cut_trace_is_refused),
		ON_A_FRESH_DEVICE(every_flipped_bit_is_found),
		ON_A_FRESH_DEVICE(bytes_after_the_end_are_refused),
		ON_A_FRESH_DEVICE(a_long_trace_is_read_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
