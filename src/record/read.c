/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "record/kinds.h"
#include "wire/crc32.h"
#include "wire/layout.h"

/*
 * Reading a trace, which is not trusted
 *
 * A block is checked when its first record is read. What then fails is a record that no writer
 * writes: the checksum protects against damage, and not against forgery.
 */

#define RECORD_AGAIN "record again, and copy the file whole"
#define NOT_OURS     "use the file as it was recorded"

int trace_refuse(struct trace_reader *reader, const char *rule, const char *cure,
		 const char *format, ...)
{
	va_list args;

	reader->error->rule = rule;
	reader->error->cure = cure;
	reader->error->at = reader->record;
	va_start(args, format);
	vsnprintf(reader->error->text, sizeof(reader->error->text), format, args);
	va_end(args);
	reader->is_over = true;
	return -1;
}

bool trace_is(const void *bytes, size_t length)
{
	return length >= strlen(TRACE_MAGIC) && !memcmp(bytes, TRACE_MAGIC, strlen(TRACE_MAGIC));
}

bool trace_open(struct trace_reader *reader, const void *bytes, size_t length,
		struct trace_error *error)
{
	const uint8_t *head = bytes;
	uint64_t version;

	memset(reader, 0, offsetof(struct trace_reader, unpacked));
	reader->bytes = bytes;
	reader->length = length;
	reader->error = error;
	if (!trace_is(bytes, length))
		return trace_refuse(reader, "trace-head", NOT_OURS, "it is no trace of viommu") > 0;
	if (length < TRACE_HEAD_LENGTH)
		return trace_refuse(reader, "trace-head", RECORD_AGAIN,
				    "the file ends in its head") > 0;
	reader->checksum = crc32_of(head, 12);
	reader->record = 12;
	if (wire_load(head + 12, 4) != reader->checksum)
		return trace_refuse(reader, "trace-checksum", RECORD_AGAIN,
				    "the checksum of the head is wrong") > 0;
	reader->record = 8;
	version = wire_load(head + 8, 4);
	if (version != TRACE_VERSION)
		return trace_refuse(reader, "trace-version", "use a newer viommu",
				    "the version is %u, and %u is the only known one",
				    (unsigned)version, TRACE_VERSION) > 0;
	reader->at = reader->end = TRACE_HEAD_LENGTH;
	return true;
}

static int next_block(struct trace_reader *reader)
{
	size_t left = reader->length - reader->at;
	const uint8_t *head = reader->bytes + reader->at;
	uint64_t length;

	reader->record = reader->at;
	if (left < TRACE_BLOCK_HEAD)
		return trace_refuse(reader, "trace-end", RECORD_AGAIN,
				    "the file ends without the record of the end");
	length = wire_load(head, 4);
	if (!length || length > TRACE_BLOCK_MAX)
		return trace_refuse(reader, "trace-block", RECORD_AGAIN,
				    "a block has %u bytes, and not 1 to %u", (unsigned)length,
				    TRACE_BLOCK_MAX);
	if (length > left - TRACE_BLOCK_HEAD)
		return trace_refuse(reader, "trace-end", RECORD_AGAIN,
				    "a block has %u bytes, and the file ends after %zu",
				    (unsigned)length, left - TRACE_BLOCK_HEAD);
	reader->checksum = crc32_continue(reader->checksum, head, 4);
	reader->checksum =
		crc32_continue(reader->checksum, head + TRACE_BLOCK_HEAD, (size_t)length);
	if (wire_load(head + 4, 4) != reader->checksum)
		return trace_refuse(reader, "trace-checksum", RECORD_AGAIN,
				    "the checksum of a block is wrong");
	reader->at += TRACE_BLOCK_HEAD;
	reader->end = reader->at + (size_t)length;
	return 1;
}

static int refuse_record(struct trace_reader *reader, const char *why)
{
	return trace_refuse(reader, "trace-record", NOT_OURS, "%s", why);
}

/* At most 64 bits. */
static bool get_number(struct trace_reader *reader, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
		uint64_t byte = reader->bytes[reader->at++];

		if (shift == 63 && byte > 1)
			return false;
		value |= (byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = value;
			return true;
		}
	}
	return false;
}

static bool get_packed(struct trace_reader *reader, size_t length)
{
	memset(reader->unpacked, 0, length);
	for (size_t i = 0; i < length; i += 8) {
		unsigned mask;

		if (reader->at == reader->end)
			return false;
		mask = reader->bytes[reader->at++];
		for (size_t bit = 0; mask; bit++, mask >>= 1) {
			if (!(mask & 1))
				continue;
			if (i + bit >= length || reader->at == reader->end)
				return false;
			reader->unpacked[i + bit] = reader->bytes[reader->at++];
		}
	}
	return true;
}

static int get_bytes(struct trace_reader *reader, struct trace_record *record)
{
	uint64_t length;

	if (!get_number(reader, &length))
		return refuse_record(reader, "the length of a record's bytes is no number");
	if (length > TRACE_BYTES_MAX)
		return refuse_record(reader, "a record has too many bytes");
	if (!get_packed(reader, (size_t)length))
		return refuse_record(reader, "the bytes of a record are not those of its length");
	record->bytes = reader->unpacked;
	record->length = (size_t)length;
	return 1;
}

static int get_values(struct trace_reader *reader, const struct trace_row *row,
		      struct trace_record *record)
{
	if (!get_number(reader, &record->ns))
		return refuse_record(reader, "the time of a record is no number");
	for (unsigned i = 0; i < row->n_values; i++)
		if (!get_number(reader, &record->values[i]) || record->values[i] > row->most[i])
			return trace_refuse(reader, "trace-record", NOT_OURS,
					    "value %u of the record \"%s\" is out of its range",
					    i + 1, row->name);
	return row->has_bytes ? get_bytes(reader, record) : 1;
}

/* The first record, and only that, is the device. The last one counts the others. */
static int check_place(struct trace_reader *reader, const struct trace_record *record)
{
	if ((record->kind == TRACE_DEVICE) != !reader->n_records)
		return refuse_record(reader, "the first record, and no other, is the device");
	if (record->kind != TRACE_END) {
		reader->n_records++;
		return 1;
	}
	if (record->values[END_RECORDS] != reader->n_records)
		return refuse_record(reader, "the end does not count the records");
	if (reader->at != reader->length)
		return refuse_record(reader, "there is more after the end");
	reader->is_over = true;
	return 1;
}

int trace_next(struct trace_reader *reader, struct trace_record *ret_record)
{
	struct trace_record record = { 0 };
	const struct trace_row *row;
	int more = 1;

	if (reader->is_over)
		return 0;
	if (reader->at == reader->end)
		more = next_block(reader);
	if (more < 0)
		return more;
	reader->record = reader->at;
	record.kind = reader->bytes[reader->at++];
	row = trace_row(record.kind);
	if (!row)
		return refuse_record(reader, "a record has an unknown kind");
	more = get_values(reader, row, &record);
	if (more > 0)
		more = check_place(reader, &record);
	if (more > 0)
		*ret_record = record;
	return more;
}
