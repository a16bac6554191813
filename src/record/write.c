/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "record/kinds.h"
#include "wire/crc32.h"
#include "wire/layout.h"

/*
 * Writing a trace, into memory of a fixed size
 *
 * A record is written behind the last one. If it does not fit, it is forgotten, and the trace ends
 * there. A block is sealed when the next record would make it too long.
 */

#define VARIABLE_MAX 10u /* bytes of a number */
#define MORE         0x80u

/* The record of the end: its kind, a time and two values; and the head of a block for it. */
#define END_ROOM (TRACE_BLOCK_HEAD + 1 + 3 * VARIABLE_MAX)

static uint8_t *put_number(uint8_t *at, uint64_t value)
{
	for (; value >= MORE; value >>= 7)
		*at++ = (uint8_t)(value | MORE);
	*at++ = (uint8_t)value;
	return at;
}

/* Of eight bytes: a mask of those that are not 0, and these. */
static uint8_t *put_packed(uint8_t *at, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i += 8) {
		uint8_t *mask = at++;

		*mask = 0;
		for (size_t bit = 0; bit < 8 && i + bit < length; bit++) {
			if (!bytes[i + bit])
				continue;
			*mask |= (uint8_t)(1u << bit);
			*at++ = bytes[i + bit];
		}
	}
	return at;
}

/* The longest encoding of the record. */
static size_t bound(const struct trace_row *row, const struct trace_record *record)
{
	return 1 + VARIABLE_MAX * (2 + (size_t)row->n_values) + record->length / 8 * 9 + 9;
}

static uint8_t *put(uint8_t *at, const struct trace_row *row, const struct trace_record *record)
{
	*at++ = (uint8_t)record->kind;
	at = put_number(at, record->ns);
	for (unsigned i = 0; i < row->n_values; i++)
		at = put_number(at, record->values[i]);
	if (!row->has_bytes)
		return at;
	at = put_number(at, record->length);
	return put_packed(at, record->bytes, record->length);
}

void trace_begin(struct trace_writer *writer, void *bytes, size_t room)
{
	*writer = (struct trace_writer){
		.bytes = bytes,
		.room = room,
		.block = TRACE_HEAD_LENGTH,
		.at = TRACE_HEAD_LENGTH + TRACE_BLOCK_HEAD,
	};
	memcpy(writer->bytes, TRACE_MAGIC, strlen(TRACE_MAGIC));
	wire_store(writer->bytes + 8, 4, TRACE_VERSION);
	writer->checksum = crc32_of(writer->bytes, 12);
	wire_store(writer->bytes + 12, 4, writer->checksum);
}

/* Close the open block, and open the next one. */
static void seal(struct trace_writer *writer)
{
	uint8_t *head = writer->bytes + writer->block;
	size_t length = writer->at - writer->block - TRACE_BLOCK_HEAD;

	wire_store(head, 4, length);
	writer->checksum = crc32_continue(writer->checksum, head, 4);
	writer->checksum = crc32_continue(writer->checksum, head + TRACE_BLOCK_HEAD, length);
	wire_store(head + 4, 4, writer->checksum);
	writer->block = writer->at;
	writer->at += TRACE_BLOCK_HEAD;
}

void trace_add(struct trace_writer *writer, const struct trace_record *record)
{
	const struct trace_row *row = trace_row(record->kind);
	size_t most = bound(row, record);

	if (writer->is_full)
		return;
	if (record->length > TRACE_BYTES_MAX ||
	    most + END_ROOM + TRACE_BLOCK_HEAD > writer->room - writer->at) {
		writer->is_full = true;
		return;
	}
	if (writer->at - writer->block + most > TRACE_BLOCK_MAX)
		seal(writer);
	writer->at = (size_t)(put(writer->bytes + writer->at, row, record) - writer->bytes);
	writer->n_records++;
}

size_t trace_end(struct trace_writer *writer)
{
	const struct trace_record end = {
		.kind = TRACE_END,
		.values = { [END_IS_FULL] = writer->is_full, [END_RECORDS] = writer->n_records },
	};

	if (writer->at - writer->block + END_ROOM > TRACE_BLOCK_MAX)
		seal(writer);
	writer->at = (size_t)(put(writer->bytes + writer->at, trace_row(TRACE_END), &end) -
			      writer->bytes);
	seal(writer);
	return writer->block;
}
