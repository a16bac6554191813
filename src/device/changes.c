/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>

#include "device/record.h"
#include "device/state.h"

/*
 * Saving in rounds (docs/state.md): the whole state while the guest runs, then what has changed
 *
 * The stream of a round holds the requests of the journal, and is loaded by executing them.
 */

#define CHANGES_MAGIC   0x434f4956u /* "VIOC" */
#define CHANGES_VERSION 1

/* As the types of state.h, so that no stream is mistaken for the other. */
enum { CHUNK_REQUESTS = 32 };

/* -- saving ------------------------------------------------------------------- */

int viommu_save_begin(struct viommu *device, size_t max_changes, void **ret_bytes,
		      size_t *ret_length)
{
	struct stream_writer writer;
	int error;

	device_lock_drained(device);
	error = journal_begin(device, max_changes);
	if (!error)
		error = state_write(device, &writer);
	if (error)
		journal_end(device);
	device_unlock(device);
	if (error)
		return error;
	*ret_bytes = writer.bytes;
	*ret_length = writer.length;
	return 0;
}

static int write_changes(struct journal *journal, struct stream_writer *writer)
{
	int error = stream_create(writer,
				  STREAM_HEAD_LENGTH + 2 * STREAM_CHUNK_LENGTH + journal->length);

	if (error)
		return error;
	stream_write_chunk(writer, CHUNK_REQUESTS, journal->length);
	stream_write_bytes(writer, journal->bytes, journal->length);
	stream_finish(writer, CHANGES_MAGIC, CHANGES_VERSION);
	journal->length = 0;
	return 0;
}

int viommu_save_changes(struct viommu *device, void **ret_bytes, size_t *ret_length)
{
	struct stream_writer writer;
	int error;

	device_lock_drained(device);
	if (!device->journal || device->journal->is_lost)
		error = -ESTALE;
	else
		error = write_changes(device->journal, &writer);
	device_unlock(device);
	if (error)
		return error;
	*ret_bytes = writer.bytes;
	*ret_length = writer.length;
	return 0;
}

void viommu_save_end(struct viommu *device)
{
	device_lock(device);
	journal_end(device);
	device_unlock(device);
}

/* -- loading ------------------------------------------------------------------ */

static int execute(struct viommu *device, const struct stream *stream, const struct chunk *chunk)
{
	size_t at = 0;

	while (at < chunk->length) {
		size_t length;
		int status = request_repeat(device, chunk->bytes + at, chunk->length - at, &length);

		if (status < 0)
			return stream_refuse(stream, -EINVAL,
					     "there is no request at offset %zu of the changes",
					     at);
		if (status != VIOMMU_S_OK)
			return stream_refuse(stream, -EBUSY,
					     "the request of type %u at offset %zu of the changes "
					     "has status %d here",
					     chunk->bytes[at], at, status);
		at += length;
	}
	return 0;
}

static int read_changes(struct viommu *device, struct stream *stream)
{
	int error = stream_open(stream, CHANGES_MAGIC, CHANGES_VERSION), more;
	struct chunk chunk;

	if (error)
		return error;
	while ((more = stream_next(stream, &chunk)) > 0) {
		if (chunk.type != CHUNK_REQUESTS)
			return stream_refuse(stream, -EINVAL,
					     "unexpected chunk of type %" PRIu32 " at offset %zu",
					     chunk.type, chunk.at);
		error = execute(device, stream, &chunk);
		if (error)
			return error;
	}
	return more;
}

int viommu_load_changes(struct viommu *device, const void *bytes, size_t length, char *reason,
			size_t room)
{
	struct stream stream = { .bytes = bytes, .length = length, .reason = reason, .room = room };
	int error;

	device_lock_drained(device);
	error = read_changes(device, &stream);
	if (error)
		device_reset(device, device->bypass);
	record_state(device);
	device_unlock(device);
	return error;
}
