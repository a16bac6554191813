/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>

#include "transport/state.h"

/*
 * A virtio device as rows of saved state
 *
 * A loaded state is untrusted: it must be one that a driver could have reached. Ready queues are
 * set up like any other. Status, and the interrupt line with it, are set only after the device is
 * loaded.
 */

enum { CHUNK_REGISTERS = 1, CHUNK_QUEUE = 2 };

static const struct field registers_fields[] = {
	ROW(struct virtio_state, 0, HEX, driver_features, "driver features"),
	ROW(struct virtio_state, 8, NUMBER, unknown_features, "strange features"),
	ROW(struct virtio_state, 12, NUMBER, device_features_select, "DeviceFeaturesSel"),
	ROW(struct virtio_state, 16, NUMBER, driver_features_select, "DriverFeaturesSel"),
	ROW(struct virtio_state, 20, NUMBER, queue_select, "QueueSel"),
	ROW(struct virtio_state, 24, NUMBER, config_generation, "ConfigGeneration"),
	ROW(struct virtio_state, 28, HEX, status, "Status"),
	ROW(struct virtio_state, 32, HEX, interrupt_status, "InterruptStatus"),
	ROW(struct virtio_state, 36, RESERVED, reserved, "reserved"),
};
const struct layout virtio_state_layout =
	LAYOUT("registers", CHUNK_REGISTERS, 40, struct virtio_state, registers_fields);

static const struct field queue_fields[] = {
	ROW(struct queue_state, 0, HEX, descriptor_area, "descriptor area"),
	ROW(struct queue_state, 8, HEX, driver_area, "driver area"),
	ROW(struct queue_state, 16, HEX, device_area, "device area"),
	ROW(struct queue_state, 24, NUMBER, size, "size"),
	ROW(struct queue_state, 28, NUMBER, ready, "ready"),
	ROW(struct queue_state, 32, NUMBER, position, "position"),
	ROW(struct queue_state, 36, NUMBER, broken, "broken"),
};
const struct layout queue_state_layout =
	LAYOUT("queue", CHUNK_QUEUE, 40, struct queue_state, queue_fields);

/* -- saving ----------------------------------------------------------------------------- */

static struct queue_state save_queue(struct virtio *virtio, struct virtio_queue *queue)
{
	struct queue_progress progress = { 0 };

	queue_lock(&queue->queue);
	virtio_drain(virtio, &queue->queue);
	if (queue->ready)
		progress = queue_progress(&queue->queue);
	queue_unlock(&queue->queue);
	return (struct queue_state){
		.descriptor_area = queue->setup.area[DESCRIPTOR_AREA],
		.driver_area = queue->setup.area[DRIVER_AREA],
		.device_area = queue->setup.area[DEVICE_AREA],
		.size = queue->setup.size,
		.ready = queue->ready,
		.position = progress.position,
		.broken = progress.broken,
	};
}

void virtio_save(struct virtio *virtio, struct virtio_state *ret_state,
		 struct queue_state *ret_queues)
{
	pthread_mutex_lock(&virtio->lock);
	*ret_state = (struct virtio_state){
		.driver_features = virtio->driver_features,
		.unknown_features = virtio->unknown_features,
		.device_features_select = virtio->device_features_select,
		.driver_features_select = virtio->driver_features_select,
		.queue_select = virtio->queue_select,
		.config_generation = virtio_config_generation(virtio),
	};
	for (unsigned i = 0; i < virtio->config.n_queues; i++)
		ret_queues[i] = save_queue(virtio, &virtio->queues[i]);
	pthread_mutex_lock(&virtio->signal);
	ret_state->status = virtio->status;
	ret_state->interrupt_status = virtio->interrupt_status;
	pthread_mutex_unlock(&virtio->signal);
	pthread_mutex_unlock(&virtio->lock);
}

/* -- loading ---------------------------------------------------------------------------- */

/* Can stores of a driver lead to this state? */
static bool can_be(const struct virtio_state *state)
{
	bool features_ok = state->status & STATUS_FEATURES_OK;

	if (state->status & ~STATUS_ALL || state->interrupt_status & ~INTERRUPT_ALL)
		return false;
	if (state->status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET | STATUS_SUSPEND) &&
	    !features_ok)
		return false;
	if (state->status & STATUS_SUSPEND &&
	    (state->status & STATUS_DRIVER_OK || !(state->driver_features & VIRTIO_F_SUSPEND)))
		return false;
	return state->unknown_features <= !features_ok;
}

static bool queue_can_be(const struct virtio_state *state, const struct queue_state *queue)
{
	return queue->ready <= !!(state->status & STATUS_FEATURES_OK) &&
	       queue->broken <= queue->ready;
}

/* Start the queue as the driver did, at its saved position. */
static int load_queue(const struct virtio *virtio, struct virtio_queue *queue,
		      const struct queue_state *state)
{
	const struct queue_progress progress = { state->position, state->broken };
	int error;

	queue->setup = (struct queue_setup){
		.size = state->size,
		.area = { state->descriptor_area, state->driver_area, state->device_area },
	};
	if (!state->ready)
		return 0;
	queue_lock(&queue->queue);
	error = queue_start(&queue->queue, &queue->setup, virtio->driver_features);
	if (!error)
		error = queue_resume(&queue->queue, progress);
	queue_unlock(&queue->queue);
	queue->ready = !error;
	return error;
}

static int load_queues(struct virtio *virtio, const struct stream *stream,
		       const struct virtio_state *state, const struct queue_state *queues)
{
	for (unsigned i = 0; i < virtio->config.n_queues; i++) {
		if (!queue_can_be(state, &queues[i]))
			return stream_refuse(stream, -EINVAL, "queue %u is in an impossible state",
					     i);
		if (load_queue(virtio, &virtio->queues[i], &queues[i]))
			return stream_refuse(stream, -EBUSY,
					     "queue %u cannot continue: %" PRIu32
					     " entries (at most %u "
					     "here) at 0x%" PRIx64 ", from position %" PRIu32,
					     i, queues[i].size, virtio->config.queue_size,
					     queues[i].descriptor_area, queues[i].position);
	}
	return 0;
}

static int load(struct virtio *virtio, const struct stream *stream,
		const struct virtio_state *state, const struct queue_state *queues)
{
	bool features_ok = state->status & STATUS_FEATURES_OK;

	if (!can_be(state))
		return stream_refuse(stream, -EINVAL, "the registers are in an impossible state");
	virtio->driver_features = state->driver_features;
	virtio->unknown_features = state->unknown_features;
	if (features_ok && !virtio_can_have(virtio))
		return stream_refuse(stream, -EBUSY,
				     "the driver accepted features 0x%" PRIx64
				     ", and only 0x%" PRIx64 " are offered here",
				     state->driver_features, virtio->config.features);
	virtio->device_features_select = state->device_features_select;
	virtio->driver_features_select = state->driver_features_select;
	virtio->queue_select = state->queue_select;
	return load_queues(virtio, stream, state, queues);
}

int virtio_load(struct virtio *virtio, const struct stream *stream,
		const struct virtio_state *state, const struct queue_state *queues)
{
	int error;

	pthread_mutex_lock(&virtio->lock);
	error = load(virtio, stream, state, queues);
	pthread_mutex_unlock(&virtio->lock);
	return error;
}

void virtio_resume(struct virtio *virtio, const struct virtio_state *state)
{
	pthread_mutex_lock(&virtio->lock);
	virtio->config_generation = state->config_generation;
	virtio->config_changed = false;
	pthread_mutex_lock(&virtio->signal);
	virtio_signal(virtio, state->status, state->interrupt_status);
	pthread_mutex_unlock(&virtio->signal);
	pthread_mutex_unlock(&virtio->lock);
}
