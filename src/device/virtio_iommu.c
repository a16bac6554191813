/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <viommu/protocol.h>

#include "device/checks.h"
#include "device/virtio_iommu.h"
#include "transport/service.h"
#include "transport/state.h"

#define QUEUE_SIZE_DEFAULT 256

/* -- device and queues ---------------------------------------------------------------- */

static int report_fault(void *opaque, const void *record, size_t length)
{
	struct virtio_iommu *iommu = opaque;

	return service_deliver(&iommu->virtio, VIOMMU_EVENT_QUEUE, record, length);
}

static void forward_trace(void *opaque, const struct viommu_trace *trace)
{
	struct virtio_iommu *iommu = opaque;

	iommu->ops.trace(iommu->opaque, trace);
}

static void forward_log(void *opaque, const struct viommu_log *entry)
{
	struct virtio_iommu *iommu = opaque;

	iommu->ops.log(iommu->opaque, entry);
}

/* The requests of one notification are one batch, unless there is a pause. */
static void begin_batch(struct virtio_iommu *iommu)
{
	if (!iommu->in_batch)
		viommu_batch_begin(iommu->device);
	iommu->in_batch = true;
}

static size_t execute(void *opaque, const struct queue_chain *chain, struct held_chain *held)
{
	struct virtio_iommu *iommu = opaque;

	begin_batch(iommu);
	if (!held)
		return viommu_batch_request(iommu->device, chain->readable, chain->n_readable,
					    chain->writable, chain->n_writable);
	return viommu_batch_submit(iommu->device, chain->readable, chain->n_readable,
				   chain->writable, chain->n_writable, held);
}

static uint64_t pause_of(void *opaque)
{
	struct virtio_iommu *iommu = opaque;

	if (!iommu->ops.paused)
		return 0;
	begin_batch(iommu);
	return viommu_batch_pause(iommu->device);
}

/* A request was divided: the next batch continues with it. */
static void resume_batch(void *opaque)
{
	begin_batch(opaque);
}

static uint64_t end_batch(void *opaque)
{
	struct virtio_iommu *iommu = opaque;
	uint64_t left = 0;

	if (iommu->in_batch && iommu->ops.paused)
		left = viommu_batch_yield(iommu->device);
	else if (iommu->in_batch)
		viommu_batch_end(iommu->device);
	iommu->in_batch = false;
	return left;
}

_Static_assert(SERVICE_LATER == VIOMMU_LATER, "one result, two names");
_Static_assert(SERVICE_SLEEP == VIOMMU_SLEEP, "one result, two names");
_Static_assert(HELD_PIECES >= VIOMMU_TAIL_LENGTH, "a tail has room in a held chain");

static const struct service requests = {
	.serve = execute,
	.pause = pause_of,
	.resume = resume_batch,
	.served = end_batch,
};

static void on_answered(void *opaque, void *cookie, size_t used)
{
	struct virtio_iommu *iommu = opaque;

	service_answer(&iommu->virtio, VIOMMU_REQUEST_QUEUE, cookie, used);
}

static void on_flush(void *opaque)
{
	struct virtio_iommu *iommu = opaque;

	viommu_flush(iommu->device);
}

static void tell_paused(struct virtio_iommu *iommu, uint64_t ns)
{
	CALLBACK_BEGIN(iommu, "paused", true);
	iommu->ops.paused(iommu->opaque, ns);
	CALLBACK_END();
}

static void on_rest(void *opaque)
{
	struct virtio_iommu *iommu = opaque;

	service_leave(&iommu->virtio, VIOMMU_REQUEST_QUEUE);
	tell_paused(iommu, 1);
}

static void on_notify(void *opaque, unsigned queue)
{
	struct virtio_iommu *iommu = opaque;
	uint64_t pause = 0;

	if (queue == VIOMMU_REQUEST_QUEUE)
		pause = service_requests(&iommu->virtio, queue, &requests, iommu);
	if (pause)
		tell_paused(iommu, pause);
}

void virtio_iommu_serve(struct virtio_iommu *iommu)
{
	if (!virtio_continue_reset(&iommu->virtio)) {
		tell_paused(iommu, 1);
		return;
	}
	virtio_notify(&iommu->virtio, VIOMMU_REQUEST_QUEUE);
}

uint64_t virtio_iommu_poll(struct virtio_iommu *iommu, uint64_t poll_ns)
{
	if (!virtio_continue_reset(&iommu->virtio))
		return 1;
	return service_poll(&iommu->virtio, VIOMMU_REQUEST_QUEUE, &requests, iommu, poll_ns);
}

/* -- transport and device --------------------------------------------------------------- */

static int on_accept(void *opaque, uint64_t features)
{
	struct virtio_iommu *iommu = opaque;

	return viommu_accept(iommu->device, features);
}

static void on_config_read(void *opaque, uint64_t offset, void *bytes, size_t length)
{
	struct virtio_iommu *iommu = opaque;

	viommu_config_read(iommu->device, offset, bytes, length);
}

static void on_config_write(void *opaque, uint64_t offset, const void *bytes, size_t length)
{
	struct virtio_iommu *iommu = opaque;

	viommu_config_write(iommu->device, offset, bytes, length);
}

/* What is not done is continued when the VMM serves. */
static bool on_reset(void *opaque)
{
	struct virtio_iommu *iommu = opaque;

	if (iommu->ops.paused)
		return !viommu_reset_begin(iommu->device);
	viommu_reset(iommu->device);
	return true;
}

static bool on_continue_reset(void *opaque)
{
	struct virtio_iommu *iommu = opaque;

	viommu_batch_begin(iommu->device);
	return !viommu_batch_yield(iommu->device);
}

static void on_left(void *opaque)
{
	tell_paused(opaque, 1);
}

static void on_interrupt(void *opaque, bool level)
{
	struct virtio_iommu *iommu = opaque;

	CALLBACK_BEGIN(iommu->device, "interrupt", false);
	if (iommu->ops.interrupt)
		iommu->ops.interrupt(iommu->opaque, level);
	CALLBACK_END();
}

/* Rate-limited like device_log(). */
static void on_broken(void *opaque, int error)
{
	struct virtio_iommu *iommu = opaque;
	const struct viommu_log entry = {
		.event = VIOMMU_LOG_QUEUE,
		.count = 1 + atomic_fetch_add_explicit(&iommu->n_broken, 1, memory_order_relaxed),
		.text = error == -ENOMEM
				? "the host has no memory for a chain: the device needs a reset"
				: "a virtqueue is broken or not in memory: the device needs a "
				  "reset",
	};

	if (iommu->ops.log && !(entry.count & (entry.count - 1)))
		iommu->ops.log(iommu->opaque, &entry);
}

static const struct virtio_ops virtio_iommu_ops = {
	.accept = on_accept,
	.config_read = on_config_read,
	.config_write = on_config_write,
	.notify = on_notify,
	.flush = on_flush,
	.reset = on_reset,
	.continue_reset = on_continue_reset,
	.left = on_left,
	.interrupt = on_interrupt,
	.broken = on_broken,
};

/* -- the guest's memory ------------------------------------------------------------------ */

#ifdef VIOMMU_CHECKS

static void *find_memory(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	struct virtio_iommu *iommu = opaque;
	void *found;

	CALLBACK_BEGIN(iommu->device, "memory", false);
	found = iommu->ops.memory(iommu->opaque, address, length, write);
	CALLBACK_END();
	return found;
}

static void report_written(void *opaque, uint64_t address, uint64_t length)
{
	struct virtio_iommu *iommu = opaque;

	CALLBACK_BEGIN(iommu->device, "written", false);
	if (iommu->ops.written)
		iommu->ops.written(iommu->opaque, address, length);
	CALLBACK_END();
}

static struct guest_memory memory_of(struct virtio_iommu *iommu)
{
	return (struct guest_memory){ find_memory, iommu, report_written };
}

#else

/* No functions in between: memory is looked up for each access to a ring. */
static struct guest_memory memory_of(struct virtio_iommu *iommu)
{
	return (struct guest_memory){ iommu->ops.memory, iommu->opaque, iommu->ops.written };
}

#endif

/* -- setup --------------------------------------------------------------------------------- */

static int open_virtio(struct virtio_iommu *iommu, const struct virtio_iommu_config *config)
{
	uint32_t queue_size = config->queue_size ? config->queue_size : QUEUE_SIZE_DEFAULT;
	const struct virtio_config virtio_config = {
		.ops = &virtio_iommu_ops,
		.opaque = iommu,
		.bus_ops = config->bus_ops,
		.bus = config->bus,
		.device = VIOMMU_DEVICE_ID,
		.vendor = config->vendor,
		.features = viommu_features(iommu->device) |
			    (config->plain_rings ? 0 : QUEUE_FEATURES) |
			    (config->suspend ? VIRTIO_F_SUSPEND : 0),
		.n_queues = VIOMMU_N_QUEUES,
		.queue_size = (uint16_t)queue_size,
		.config_length = viommu_config_length(iommu->device),
		.memory = memory_of(iommu),
	};

	return virtio_init(&iommu->virtio, &virtio_config);
}

int virtio_iommu_init(struct virtio_iommu *iommu, const struct viommu_config *device_config,
		      const struct virtio_iommu_config *config)
{
	const struct viommu_ops device_ops = {
		.size = sizeof(device_ops),
		.event = report_fault,
		.trace = iommu->ops.trace ? forward_trace : NULL,
		.log = iommu->ops.log ? forward_log : NULL,
		.answered = on_answered,
		.rest = iommu->ops.paused ? on_rest : NULL,
	};
	int error;

	if (!iommu->ops.memory || config->queue_size > MAX_QUEUE_SIZE ||
	    config->queue_size & (config->queue_size - 1))
		return -EINVAL;
	error = viommu_new(device_config, &device_ops, iommu, &iommu->device);
	if (error)
		return error;
	error = open_virtio(iommu, config);
	if (error)
		viommu_free(iommu->device);
	return error;
}

void virtio_iommu_fini(struct virtio_iommu *iommu)
{
	viommu_free(iommu->device);
	virtio_fini(&iommu->virtio);
}

/* Reset the transport and the device, all at once. */
static void virtio_iommu_reset(struct virtio_iommu *iommu)
{
	virtio_reset(&iommu->virtio);
	viommu_reset(iommu->device);
	virtio_end_reset(&iommu->virtio);
}

void virtio_iommu_system_reset(struct virtio_iommu *iommu)
{
	virtio_reset(&iommu->virtio);
	viommu_system_reset(iommu->device);
	virtio_end_reset(&iommu->virtio);
}

/* -- saved state ------------------------------------------------------------------------- */

enum { CHUNK_DEVICE = 3, CHUNK_BUS = 4, CHUNK_CHANGES = 6 };

/* The content of a stream, before it is validated. */
struct saved {
	struct virtio_state virtio;
	struct queue_state queues[VIOMMU_N_QUEUES];
	struct chunk bus, device;
};

static size_t stream_length(const struct saved *saved)
{
	size_t n_chunks = 1 + VIOMMU_N_QUEUES + !!saved->bus.length + 1 + 1;

	return STREAM_HEAD_LENGTH + n_chunks * STREAM_CHUNK_LENGTH + virtio_state_layout.length +
	       VIOMMU_N_QUEUES * queue_state_layout.length + saved->bus.length +
	       saved->device.length;
}

static bool has_changes(const struct virtio_iommu_stream *stream)
{
	return stream->version == STREAM_VERSION_CHANGES;
}

static uint32_t device_chunk_of(const struct virtio_iommu_stream *stream)
{
	return has_changes(stream) ? CHUNK_CHANGES : CHUNK_DEVICE;
}

static void write_chunk(struct stream_writer *writer, uint32_t type, const struct chunk *chunk)
{
	stream_write_chunk(writer, type, chunk->length);
	stream_write_bytes(writer, chunk->bytes, chunk->length);
}

static int write_stream(const struct saved *saved, const struct virtio_iommu_stream *stream,
			struct stream_writer *writer)
{
	int error = stream_create(writer, stream_length(saved));

	if (error)
		return error;
	stream_write_one(writer, &virtio_state_layout, &saved->virtio);
	for (unsigned i = 0; i < VIOMMU_N_QUEUES; i++)
		stream_write_one(writer, &queue_state_layout, &saved->queues[i]);
	if (saved->bus.length)
		write_chunk(writer, CHUNK_BUS, &saved->bus);
	write_chunk(writer, device_chunk_of(stream), &saved->device);
	stream_finish(writer, stream->magic, stream->version);
	return 0;
}

int virtio_iommu_save(struct virtio_iommu *iommu, const struct virtio_iommu_stream *stream,
		      void **ret_bytes, size_t *ret_length)
{
	struct saved saved = { .bus = stream->bus };
	struct stream_writer writer;
	void *device;
	int error;

	virtio_save(&iommu->virtio, &saved.virtio, saved.queues);
	if (has_changes(stream))
		error = viommu_save_changes(iommu->device, &device, &saved.device.length);
	else
		error = viommu_save(iommu->device, &device, &saved.device.length);
	if (error)
		return error;
	saved.device.bytes = device;
	error = write_stream(&saved, stream, &writer);
	free(device);
	/* The device has forgotten the changes, so they must not be taken for known. */
	if (error && has_changes(stream))
		viommu_save_end(iommu->device);
	if (error)
		return error;
	*ret_bytes = writer.bytes;
	*ret_length = writer.length;
	return 0;
}

static int read_chunk(struct stream *stream, uint32_t type, struct chunk *ret_chunk)
{
	int state = stream_next(stream, ret_chunk);

	if (state < 0 || ret_chunk->type == type)
		return state < 0 ? state : 0;
	return stream_refuse(stream, -EINVAL,
			     "chunk of type %" PRIu32 " at offset %zu, not %" PRIu32,
			     ret_chunk->type, ret_chunk->at, type);
}

static int read_row(struct stream *stream, const struct layout *layout, void *ret_host)
{
	struct chunk chunk;
	int error = read_chunk(stream, layout->type, &chunk);

	return error ? error : stream_read_one(stream, &chunk, layout, ret_host);
}

static int read_bus(struct stream *stream, size_t length, struct chunk *ret_bus)
{
	int error = read_chunk(stream, CHUNK_BUS, ret_bus);

	if (error || ret_bus->length == length)
		return error;
	return stream_refuse(stream, -EINVAL, "%zu bytes at offset %zu, not %zu", ret_bus->length,
			     ret_bus->at, length);
}

static int read_stream(struct stream *stream, const struct virtio_iommu_stream *expected,
		       struct saved *ret_saved)
{
	struct chunk end;
	int error = stream_open(stream, expected->magic, expected->version);

	if (!error)
		error = read_row(stream, &virtio_state_layout, &ret_saved->virtio);
	for (unsigned i = 0; i < VIOMMU_N_QUEUES && !error; i++)
		error = read_row(stream, &queue_state_layout, &ret_saved->queues[i]);
	if (!error && expected->bus.length)
		error = read_bus(stream, expected->bus.length, &ret_saved->bus);
	if (!error)
		error = read_chunk(stream, device_chunk_of(expected), &ret_saved->device);
	return error ? error : read_chunk(stream, STREAM_END, &end);
}

static int load_device(struct virtio_iommu *iommu, const struct virtio_iommu_stream *expected,
		       const struct chunk *chunk, const struct stream *stream)
{
	if (has_changes(expected))
		return viommu_load_changes(iommu->device, chunk->bytes, chunk->length,
					   stream->reason, stream->room);
	return viommu_load(iommu->device, chunk->bytes, chunk->length, stream->reason,
			   stream->room);
}

/*
 * The device is loaded after the transport, since a reset would not undo its `bypass`. The
 * transport runs after both, so that no fault of an endpoint without its domain yet is reported to
 * the guest. It may have been saved in a pause, in which the driver does not notify: then there are
 * requests to serve.
 */
int virtio_iommu_load(struct virtio_iommu *iommu, const struct virtio_iommu_stream *expected,
		      load_bus_function *load_bus, struct stream *stream)
{
	struct saved saved;
	int error = read_stream(stream, expected, &saved);

	if (has_changes(expected))
		virtio_reset_transport(&iommu->virtio);
	else
		virtio_reset(&iommu->virtio);
	if (!error)
		error = virtio_load(&iommu->virtio, stream, &saved.virtio, saved.queues);
	if (!error && load_bus)
		error = load_bus(iommu->virtio.config.bus, stream, &saved.bus);
	if (!error)
		error = load_device(iommu, expected, &saved.device, stream);
	if (error) {
		virtio_iommu_reset(iommu);
		return error;
	}
	virtio_end_reset(&iommu->virtio);
	virtio_resume(&iommu->virtio, &saved.virtio);
	if (iommu->ops.paused)
		tell_paused(iommu, 1);
	else
		virtio_iommu_serve(iommu);
	return 0;
}
