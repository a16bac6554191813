/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams of saved state: writing and checked reading of heads and chunks */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/crc32.h"
#include "wire/stream.h"

struct stream_head {
	uint32_t magic, version;
	uint64_t length; /* of everything, with this head */
	uint32_t checksum, reserved;
};
static const struct field head_fields[] = {
	ROW(struct stream_head, 0, HEX, magic, "magic"),
	ROW(struct stream_head, 4, NUMBER, version, "version"),
	ROW(struct stream_head, 8, NUMBER, length, "length"),
	ROW(struct stream_head, 16, HEX, checksum, "checksum"),
	ROW(struct stream_head, 20, RESERVED, reserved, "reserved"),
};
static const struct layout head_layout =
	LAYOUT("stream", 0, STREAM_HEAD_LENGTH, struct stream_head, head_fields);

struct chunk_head {
	uint32_t type, reserved;
	uint64_t length; /* of what follows */
};
static const struct field chunk_fields[] = {
	ROW(struct chunk_head, 0, NUMBER, type, "type"),
	ROW(struct chunk_head, 4, RESERVED, reserved, "reserved"),
	ROW(struct chunk_head, 8, NUMBER, length, "length"),
};
static const struct layout chunk_layout =
	LAYOUT("chunk", 0, STREAM_CHUNK_LENGTH, struct chunk_head, chunk_fields);

/* -- writing ------------------------------------------------------------------------- */

int stream_create(struct stream_writer *writer, size_t length)
{
	uint8_t *bytes = calloc(1, length);

	if (!bytes)
		return -ENOMEM;
	*writer = (struct stream_writer){ bytes, bytes + STREAM_HEAD_LENGTH, length };
	return 0;
}

void stream_write_row(struct stream_writer *writer, const struct layout *layout, const void *host)
{
	layout_encode(layout, host, writer->at);
	writer->at += layout->length;
}

void stream_write_bytes(struct stream_writer *writer, const void *bytes, size_t length)
{
	memcpy(writer->at, bytes, length);
	writer->at += length;
}

void stream_write_chunk(struct stream_writer *writer, uint32_t type, uint64_t length)
{
	stream_write_row(writer, &chunk_layout,
			 &(struct chunk_head){ .type = type, .length = length });
}

void stream_write_one(struct stream_writer *writer, const struct layout *layout, const void *host)
{
	stream_write_chunk(writer, layout->type, layout->length);
	stream_write_row(writer, layout, host);
}

void stream_finish(struct stream_writer *writer, uint32_t magic, uint32_t version)
{
	struct stream_head head = { .magic = magic, .version = version, .length = writer->length };

	stream_write_chunk(writer, STREAM_END, 0);
	layout_encode(&head_layout, &head, writer->bytes);
	head.checksum = crc32_of(writer->bytes, writer->length);
	layout_encode(&head_layout, &head, writer->bytes);
}

/* -- reading ------------------------------------------------------------------------- */

/* A later version may use them, and their content would be lost. */
static bool reserved_is_zero(const struct layout *layout, const void *host)
{
	for_each_field(field, layout)
		if (field->kind == FIELD_RESERVED && !field_is_zero(field, host))
			return false;
	return true;
}

int stream_refuse(const struct stream *stream, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (stream->room)
		vsnprintf(stream->reason, stream->room, format, args);
	va_end(args);
	return error;
}

/* Computed with a checksum of 0. */
static uint32_t checksum_of(const struct stream *stream, struct stream_head head)
{
	uint8_t wire[STREAM_HEAD_LENGTH];

	head.checksum = 0;
	layout_encode(&head_layout, &head, wire);
	return crc32_continue(crc32_of(wire, sizeof(wire)), stream->bytes + sizeof(wire),
			      stream->length - sizeof(wire));
}

int stream_open(struct stream *stream, uint32_t magic, uint32_t newest)
{
	struct stream_head head;

	if (stream->length < STREAM_HEAD_LENGTH)
		return stream_refuse(stream, -EINVAL, "too short for a saved state: %zu bytes",
				     stream->length);
	layout_decode(&head_layout, stream->bytes, &head);
	if (head.magic != magic)
		return stream_refuse(stream, -EINVAL,
				     "not a saved state: it begins with 0x%08" PRIx32, head.magic);
	if (!head.version || head.version > newest)
		return stream_refuse(stream, -ENOTSUP,
				     "version %" PRIu32 "; this library reads up to %" PRIu32,
				     head.version, newest);
	if (head.length != stream->length)
		return stream_refuse(stream, -EINVAL, "%zu bytes instead of %" PRIu64,
				     stream->length, head.length);
	if (head.checksum != checksum_of(stream, head) || head.reserved)
		return stream_refuse(stream, -EINVAL, "damaged: the checksum is wrong");
	stream->at = STREAM_HEAD_LENGTH;
	stream->version = head.version;
	return 0;
}

static int read_end(const struct stream *stream, const struct chunk *end)
{
	if (!end->length && stream->at == stream->length)
		return 0;
	return stream_refuse(stream, -EINVAL, "the end chunk, at offset %zu, is not last", end->at);
}

int stream_next(struct stream *stream, struct chunk *ret_chunk)
{
	struct chunk chunk = { .at = stream->at };
	struct chunk_head head;

	if (!wire_fits(stream->at, STREAM_CHUNK_LENGTH, stream->length))
		return stream_refuse(stream, -EINVAL, "the stream is cut off");
	layout_decode(&chunk_layout, stream->bytes + stream->at, &head);
	stream->at += STREAM_CHUNK_LENGTH;
	if (head.reserved || !wire_fits(stream->at, head.length, stream->length))
		return stream_refuse(stream, -EINVAL,
				     "bad length of a chunk, %" PRIu64 " bytes, at offset %zu",
				     head.length, chunk.at);
	chunk.type = head.type;
	chunk.bytes = stream->bytes + stream->at;
	chunk.length = (size_t)head.length;
	stream->at += chunk.length;
	*ret_chunk = chunk;
	return chunk.type == STREAM_END ? read_end(stream, &chunk) : 1;
}

int stream_read_one(const struct stream *stream, const struct chunk *chunk,
		    const struct layout *layout, void *ret_host)
{
	if (chunk->length != layout->length)
		return stream_refuse(stream, -EINVAL,
				     "bad length of a chunk, %zu bytes, at offset %zu",
				     chunk->length, chunk->at);
	layout_decode(layout, chunk->bytes, ret_host);
	if (!reserved_is_zero(layout, ret_host))
		return stream_refuse(stream, -EINVAL, "reserved bytes at offset %zu are not zero",
				     chunk->at);
	return 0;
}
