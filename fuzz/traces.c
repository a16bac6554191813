/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arbitrary bytes as a trace
 *
 * Checksums are mended, so that what they cannot see is tried as well. What is read is written
 * again, and must be read as the same records.
 */
#include <string.h>

#include "fuzz.h"
#include "record/trace.h"
#include "wire/crc32.h"
#include "wire/layout.h"

#define VERSION_AT  8u
#define CHECKSUM_AT 12u

static struct trace_reader reader, other;
static struct trace_error error;

/* A refusal has all that a finding needs. */
static void must_say_why(size_t length)
{
	must(error.rule && error.cure && *error.text && error.at <= length);
}

static void must_be_alike(const struct trace_record *one, const struct trace_record *two)
{
	must(one->kind == two->kind && one->ns == two->ns && one->length == two->length);
	must(!memcmp(one->values, two->values, sizeof(one->values)));
	must(!one->length || !memcmp(one->bytes, two->bytes, one->length));
}

static void read_again(const uint8_t *bytes, size_t length, const uint8_t *again, size_t room)
{
	struct trace_record one, two;

	must(trace_open(&reader, bytes, length, &error) && trace_open(&other, again, room, &error));
	while (trace_next(&reader, &one) > 0 && one.kind != TRACE_END) {
		must(trace_next(&other, &two) == 1);
		must_be_alike(&one, &two);
	}
	must(trace_next(&other, &two) == 1 && two.kind == TRACE_END);
	must(!trace_next(&other, &two));
}

/* The longest encoding of a record is longer than it may have been read from. */
static void write_again(const uint8_t *bytes, size_t length)
{
	size_t room = 16 * length + 8 * TRACE_BYTES_MAX + TRACE_ROOM_MIN;
	uint8_t *again = calloc(1, room);
	struct trace_record record;
	struct trace_writer writer;

	must(again);
	trace_begin(&writer, again, room);
	must(trace_open(&reader, bytes, length, &error));
	while (trace_next(&reader, &record) > 0 && record.kind != TRACE_END)
		trace_add(&writer, &record);
	if (!writer.is_full)
		read_again(bytes, length, again, trace_end(&writer));
	free(again);
}

static void read_trace(const uint8_t *bytes, size_t length)
{
	struct trace_record record;
	int more;

	if (!trace_open(&reader, bytes, length, &error)) {
		must_say_why(length);
		return;
	}
	while ((more = trace_next(&reader, &record)) > 0)
		must(record.length <= TRACE_BYTES_MAX && record.kind < TRACE_N_KINDS);
	if (more)
		must_say_why(length);
	else
		write_again(bytes, length);
}

static void mend(uint8_t *bytes, size_t length)
{
	uint32_t checksum;

	memcpy(bytes, TRACE_MAGIC, strlen(TRACE_MAGIC));
	wire_store(bytes + VERSION_AT, 4, TRACE_VERSION);
	checksum = crc32_of(bytes, CHECKSUM_AT);
	wire_store(bytes + CHECKSUM_AT, 4, checksum);
	for (size_t at = TRACE_HEAD_LENGTH; length - at > TRACE_BLOCK_HEAD;) {
		size_t left = length - at - TRACE_BLOCK_HEAD;
		size_t block = (size_t)wire_load(bytes + at, 4);

		block = block < left ? block : left;
		wire_store(bytes + at, 4, block);
		checksum = crc32_continue(checksum, bytes + at, 4);
		checksum = crc32_continue(checksum, bytes + at + TRACE_BLOCK_HEAD, block);
		wire_store(bytes + at + 4, 4, checksum);
		at += TRACE_BLOCK_HEAD + block;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	uint8_t *mended;

	read_trace(bytes, length);
	if (length < TRACE_HEAD_LENGTH)
		return 0;
	mended = calloc(1, length);
	must(mended);
	memcpy(mended, bytes, length);
	mend(mended, length);
	read_trace(mended, length);
	free(mended);
	return 0;
}
