/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device behind virtio-mmio registers: <viommu/mmio.h>
 *
 * Uses the device through its public functions only, and the transport through registers and
 * service. The request queue is served when the driver notifies; the event queue is used when
 * there is a fault, because drivers need not notify of buffers that they add there.
 *
 * Lock order: registers.h. Requests run with the request queue locked, and the device stays
 * locked for all of them. Faults come from the device, which may be locked, and lock the event
 * queue only.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <viommu/mmio.h>

#include "transport/service.h"
#include "transport/state.h"
#include "wire/sized.h"

#define QUEUE_SIZE_DEFAULT 256

/* The bytes "VIOM" in guest memory. */
#define VENDOR_DEFAULT 0x4d4f4956

_Static_assert(VIOMMU_MMIO_LENGTH == REGISTERS_LENGTH, "one window, two names");

struct viommu_mmio {
	struct viommu *device;
	struct registers registers;
	struct viommu_mmio_ops ops;
	void *opaque;
	bool in_batch; /* with the request queue locked */
	atomic_uint_fast64_t n_broken;
};

/* -- device and queues ---------------------------------------------------------------- */

static int report_fault(void *opaque, const void *record, size_t length)
{
	struct viommu_mmio *mmio = opaque;

	return service_deliver(&mmio->registers, VIOMMU_EVENT_QUEUE, record, length);
}

static void forward_trace(void *opaque, const struct viommu_trace *trace)
{
	struct viommu_mmio *mmio = opaque;

	mmio->ops.trace(mmio->opaque, trace);
}

static void forward_log(void *opaque, const struct viommu_log *entry)
{
	struct viommu_mmio *mmio = opaque;

	mmio->ops.log(mmio->opaque, entry);
}

/* The requests of one notification are one batch. */
static size_t execute(void *opaque, const struct queue_chain *chain)
{
	struct viommu_mmio *mmio = opaque;

	if (!mmio->in_batch)
		viommu_batch_begin(mmio->device);
	mmio->in_batch = true;
	return viommu_batch_request(mmio->device, chain->readable, chain->n_readable,
				    chain->writable, chain->n_writable);
}

static void window_served(void *opaque, unsigned queue)
{
	struct viommu_mmio *mmio = opaque;

	if (queue != VIOMMU_REQUEST_QUEUE || !mmio->in_batch)
		return;
	mmio->in_batch = false;
	viommu_batch_end(mmio->device);
}

static void window_notify(void *opaque, unsigned queue)
{
	struct viommu_mmio *mmio = opaque;

	if (queue == VIOMMU_REQUEST_QUEUE)
		service_requests(&mmio->registers, queue, execute, mmio);
}

/* -- registers and device --------------------------------------------------------------- */

static int window_accept(void *opaque, uint64_t features)
{
	struct viommu_mmio *mmio = opaque;

	return viommu_accept(mmio->device, features);
}

static void window_config_read(void *opaque, uint64_t offset, void *bytes, size_t length)
{
	struct viommu_mmio *mmio = opaque;

	viommu_config_read(mmio->device, offset, bytes, length);
}

static void window_config_write(void *opaque, uint64_t offset, const void *bytes, size_t length)
{
	struct viommu_mmio *mmio = opaque;

	viommu_config_write(mmio->device, offset, bytes, length);
}

static void window_reset(void *opaque)
{
	struct viommu_mmio *mmio = opaque;

	viommu_reset(mmio->device);
}

static void window_interrupt(void *opaque, bool level)
{
	struct viommu_mmio *mmio = opaque;

	if (mmio->ops.interrupt)
		mmio->ops.interrupt(mmio->opaque, level);
}

/* Rate-limited like device_log(). */
static void window_broken(void *opaque, int error)
{
	struct viommu_mmio *mmio = opaque;
	const struct viommu_log entry = {
		.event = VIOMMU_LOG_QUEUE,
		.count = 1 + atomic_fetch_add_explicit(&mmio->n_broken, 1, memory_order_relaxed),
		.text = error == -ENOMEM
				? "the host has no memory for a chain: the device needs a reset"
				: "a virtqueue is broken or not in memory: the device needs a "
				  "reset",
	};

	if (mmio->ops.log && !(entry.count & (entry.count - 1)))
		mmio->ops.log(mmio->opaque, &entry);
}

static const struct registers_ops window_ops = {
	.accept = window_accept,
	.config_read = window_config_read,
	.config_write = window_config_write,
	.notify = window_notify,
	.served = window_served,
	.reset = window_reset,
	.interrupt = window_interrupt,
	.broken = window_broken,
};

/* -- setup --------------------------------------------------------------------------------- */

static int configure(struct viommu_mmio_config *config, const struct viommu_mmio_config *given)
{
	int error = given ? sized_take(config, sizeof(*config), given) : 0;

	if (error)
		return error;
	if (!config->queue_size)
		config->queue_size = QUEUE_SIZE_DEFAULT;
	if (!config->vendor)
		config->vendor = VENDOR_DEFAULT;
	if (config->queue_size > MAX_QUEUE_SIZE || config->queue_size & (config->queue_size - 1))
		return -EINVAL;
	return 0;
}

static uint64_t window_length(const struct viommu *device)
{
	uint64_t length = VIOMMU_MMIO_LENGTH;

	while (length < REGISTERS_CONFIG + viommu_config_length(device))
		length *= 2;
	return length;
}

static int open_window(struct viommu_mmio *mmio, const struct viommu_mmio_config *config)
{
	const struct registers_config registers_config = {
		.ops = &window_ops,
		.opaque = mmio,
		.device = VIOMMU_DEVICE_ID,
		.vendor = config->vendor,
		.features =
			viommu_features(mmio->device) | (config->plain_rings ? 0 : QUEUE_FEATURES),
		.n_queues = VIOMMU_N_QUEUES,
		.queue_size = (uint16_t)config->queue_size,
		.length = window_length(mmio->device),
		.memory = { mmio->ops.memory, mmio->opaque, mmio->ops.written },
	};

	return registers_init(&mmio->registers, &registers_config);
}

int viommu_mmio_new(const struct viommu_config *device_config,
		    const struct viommu_mmio_config *config, const struct viommu_mmio_ops *ops,
		    void *opaque, struct viommu_mmio **ret_mmio)
{
	struct viommu_ops device_ops = { .size = sizeof(device_ops), .event = report_fault };
	struct viommu_mmio_config own_config = { 0 };
	struct viommu_mmio *mmio = calloc(1, sizeof(*mmio));
	int error = mmio ? configure(&own_config, config) : -ENOMEM;

	if (!error)
		error = ops ? sized_take(&mmio->ops, sizeof(mmio->ops), ops) : -EINVAL;
	if (!error && !mmio->ops.memory)
		error = -EINVAL;
	if (error)
		goto free_mmio;
	mmio->opaque = opaque;
	device_ops.trace = mmio->ops.trace ? forward_trace : NULL;
	device_ops.log = mmio->ops.log ? forward_log : NULL;
	error = viommu_new(device_config, &device_ops, mmio, &mmio->device);
	if (error)
		goto free_mmio;
	error = open_window(mmio, &own_config);
	if (error)
		goto free_device;
	*ret_mmio = mmio;
	return 0;

free_device:
	viommu_free(mmio->device);
free_mmio:
	free(mmio);
	return error;
}

struct viommu_mmio *viommu_mmio_free(struct viommu_mmio *mmio)
{
	if (!mmio)
		return NULL;
	viommu_free(mmio->device);
	registers_fini(&mmio->registers);
	free(mmio);
	return NULL;
}

struct viommu *viommu_mmio_device(struct viommu_mmio *mmio)
{
	return mmio->device;
}

uint64_t viommu_mmio_length(const struct viommu_mmio *mmio)
{
	return mmio->registers.config.length;
}

uint64_t viommu_mmio_read(struct viommu_mmio *mmio, uint64_t offset, unsigned length)
{
	return registers_read(&mmio->registers, offset, length);
}

void viommu_mmio_write(struct viommu_mmio *mmio, uint64_t offset, unsigned length, uint64_t value)
{
	registers_write(&mmio->registers, offset, length, value);
}

/* Resets first, as the driver would, so that no queue is active. */
void viommu_mmio_memory_changed(struct viommu_mmio *mmio)
{
	registers_memory_changed(&mmio->registers);
}

void viommu_mmio_system_reset(struct viommu_mmio *mmio)
{
	registers_reset(&mmio->registers);
	viommu_system_reset(mmio->device);
}

/* -- saved state ------------------------------------------------------------------------- */

/* Registers, each queue, then the device's own stream. */
#define MAGIC   0x574f4956u /* "VIOW" */
#define VERSION 1
enum { CHUNK_DEVICE = 3 };

/* The content of a stream, before it is validated. */
struct saved {
	struct registers_state registers;
	struct queue_state queues[VIOMMU_N_QUEUES];
	struct chunk device;
};

static int write_stream(const struct saved *saved, struct stream_writer *writer)
{
	size_t n_chunks = 1 + VIOMMU_N_QUEUES + 1 + 1;
	int error = stream_create(writer, STREAM_HEAD_LENGTH + n_chunks * STREAM_CHUNK_LENGTH +
						  registers_state_layout.length +
						  VIOMMU_N_QUEUES * queue_state_layout.length +
						  saved->device.length);

	if (error)
		return error;
	stream_write_one(writer, &registers_state_layout, &saved->registers);
	for (unsigned i = 0; i < VIOMMU_N_QUEUES; i++)
		stream_write_one(writer, &queue_state_layout, &saved->queues[i]);
	stream_write_chunk(writer, CHUNK_DEVICE, saved->device.length);
	stream_write_bytes(writer, saved->device.bytes, saved->device.length);
	stream_finish(writer, MAGIC, VERSION);
	return 0;
}

int viommu_mmio_save(struct viommu_mmio *mmio, void **ret_bytes, size_t *ret_length)
{
	struct stream_writer writer;
	struct saved saved;
	void *device;
	int error;

	registers_save(&mmio->registers, &saved.registers, saved.queues);
	error = viommu_save(mmio->device, &device, &saved.device.length);
	if (error)
		return error;
	saved.device.bytes = device;
	error = write_stream(&saved, &writer);
	free(device);
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

static int read_stream(struct stream *stream, struct saved *ret_saved)
{
	struct chunk end;
	int error = stream_open(stream, MAGIC, VERSION);

	if (!error)
		error = read_row(stream, &registers_state_layout, &ret_saved->registers);
	for (unsigned i = 0; i < VIOMMU_N_QUEUES && !error; i++)
		error = read_row(stream, &queue_state_layout, &ret_saved->queues[i]);
	if (!error)
		error = read_chunk(stream, CHUNK_DEVICE, &ret_saved->device);
	return error ? error : read_chunk(stream, STREAM_END, &end);
}

/*
 * The device is loaded after the registers, since a reset would not undo its `bypass`. The window
 * runs after both, so that no fault of an endpoint without its domain yet is reported to the
 * guest.
 */
int viommu_mmio_load(struct viommu_mmio *mmio, const void *bytes, size_t length, char *reason,
		     size_t room)
{
	struct stream stream = { .bytes = bytes, .length = length, .reason = reason, .room = room };
	struct saved saved;
	int error = read_stream(&stream, &saved);

	registers_reset(&mmio->registers);
	if (!error)
		error = registers_load(&mmio->registers, &stream, &saved.registers, saved.queues);
	if (!error)
		error = viommu_load(mmio->device, saved.device.bytes, saved.device.length, reason,
				    room);
	if (error)
		registers_reset(&mmio->registers);
	else
		registers_resume(&mmio->registers, &saved.registers);
	return error;
}
