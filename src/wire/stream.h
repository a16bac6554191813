/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_WIRE_STREAM_H
#define VIOMMU_WIRE_STREAM_H

#include "wire/layout.h"

/*
 * Streams of saved state: a head, then chunks of which each says what it is and how long
 *
 *     head    magic, version, length, checksum
 *     chunk   type, length, and so many bytes, which are a layout's, or several one after another
 *     ...
 *     end     a chunk of type STREAM_END
 *
 * Byte by byte: docs/state.md. What streams of one kind hold, and which chunks they have, is
 * for whoever writes and reads them to know. A stream comes from a file or a network, and is
 * trusted as little as a guest: what stream_next() gives out lies inside of it.
 */

#define STREAM_HEAD_LENGTH  24u
#define STREAM_CHUNK_LENGTH 16u

/* Ends every stream, whatever else is in it. */
#define STREAM_END 5u

/* -- writing ------------------------------------------------------------------------- */

struct stream_writer {
	uint8_t *bytes, *at;
	size_t length;
};

/* Zeroed memory for all of the stream, whose `length` includes head, chunks and end. -ENOMEM */
int stream_create(struct stream_writer *writer, size_t length);

/* The head of a chunk of `length` bytes; those come next, by rows or as they are. */
void stream_write_chunk(struct stream_writer *writer, uint32_t type, uint64_t length);
void stream_write_row(struct stream_writer *writer, const struct layout *layout, const void *host);
void stream_write_bytes(struct stream_writer *writer, const void *bytes, size_t length);

/* A chunk that is one row: of the layout's type. */
void stream_write_one(struct stream_writer *writer, const struct layout *layout, const void *host);

/* The end, and the head, which is about all the rest. The bytes are the caller's from here on. */
void stream_finish(struct stream_writer *writer, uint32_t magic, uint32_t version);

/* -- reading ------------------------------------------------------------------------- */

struct stream {
	const uint8_t *bytes;
	size_t length, at;
	char *reason; /* of a refusal */
	size_t room;
	uint32_t version;
};

struct chunk {
	uint32_t type;
	const uint8_t *bytes;
	size_t length, at; /* `at`: where its head begins */
};

/* Say why, cut off to the room that there is. Returns `error`. */
__attribute__((format(printf, 3, 4))) int stream_refuse(const struct stream *stream, int error,
							const char *format, ...);

/* Is this such a stream, undamaged? The reason, if it is not, is told. -EINVAL, -ENOTSUP: it is
 * of none of the versions from 1 to `newest`. */
int stream_open(struct stream *stream, uint32_t magic, uint32_t newest);

/* The next chunk: 1; 0 if that is the end, and nothing is behind it; -EINVAL. */
int stream_next(struct stream *stream, struct chunk *ret_chunk);

/* One row, if the chunk is as long as one. -EINVAL */
int stream_read_one(const struct stream *stream, const struct chunk *chunk,
		    const struct layout *layout, void *ret_host);

#endif
