/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_WIRE_STREAM_H
#define VIOMMU_WIRE_STREAM_H

#include "wire/layout.h"

/*
 * Streams of saved state (docs/state.md): a head, then chunks
 *
 *     head    magic, version, length, checksum
 *     chunk   type, length, and that many bytes: one or more rows of a layout
 *     ...
 *     end     a chunk of type STREAM_END
 *
 * A stream comes from a file or a network and is not trusted: what stream_next() returns lies
 * inside it. The users of this file know which chunks their streams have.
 */

#define STREAM_HEAD_LENGTH  24u
#define STREAM_CHUNK_LENGTH 16u

/* Ends every stream. */
#define STREAM_END 5u

/* -- writing ------------------------------------------------------------------------- */

struct stream_writer {
	uint8_t *bytes, *at;
	size_t length;
};

/* Allocate a stream of `length` bytes, head, chunks and end included, all 0. -ENOMEM */
int stream_create(struct stream_writer *writer, size_t length);

/* The head of a chunk. `length` bytes follow, as rows or as bytes. */
void stream_write_chunk(struct stream_writer *writer, uint32_t type, uint64_t length);
void stream_write_row(struct stream_writer *writer, const struct layout *layout, const void *host);
void stream_write_bytes(struct stream_writer *writer, const void *bytes, size_t length);

/* A chunk of one row, with the layout's type. */
void stream_write_one(struct stream_writer *writer, const struct layout *layout, const void *host);

/* The end and the head. The caller owns the bytes afterwards. */
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
	size_t length, at; /* `at`: offset of its head */
};

/* Set the reason, cut off to the room. Returns `error`. */
__attribute__((format(printf, 3, 4))) int stream_refuse(const struct stream *stream, int error,
							const char *format, ...);

/* Check the head, length and checksum. -EINVAL; -ENOTSUP: the version is not 1 to `newest`. */
int stream_open(struct stream *stream, uint32_t magic, uint32_t newest);

/* The next chunk: 1. 0: the end. -EINVAL */
int stream_next(struct stream *stream, struct chunk *ret_chunk);

/* Decode a chunk of one row. -EINVAL: it has another length, or a reserved byte is set. */
int stream_read_one(const struct stream *stream, const struct chunk *chunk,
		    const struct layout *layout, void *ret_host);

#endif
