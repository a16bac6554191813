/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio device on any bus (virtio 1.4, 2.1 to 2.6, 3)
 *
 * Most fields of the driver's setup can be written before a queue is enabled or FEATURES_OK is set,
 * and cannot change afterwards. The status controls the rest.
 *
 * Only a queue that is enabled and cannot be found makes the device need a reset, because the
 * driver would wait for it forever.
 *
 * No thread uses a ring any more when virtio_reset() returns, since each queue's lock was taken
 * once after the status became 0, and chains that are answered later were dropped. The device may
 * have more to do; until that is done, the driver reads another status. A device suspends in the
 * same way, but chains that are answered later are answered.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/virtio.h"
#include "wire/layout.h"

/* Feature bits and addresses are read and written in two words. */
#define N_HALVES  2
#define HALF_BITS 32

/* -- status and pending events ------------------------------------------------------ */

void virtio_signal(struct virtio *virtio, uint32_t status, uint32_t interrupt_status)
{
	bool level = interrupt_status && !virtio->by_message && !virtio->line_masked;
	bool before = virtio->level;

	virtio->status = status;
	virtio->interrupt_status = interrupt_status;
	virtio->level = level;
	if (before != level)
		virtio->config.ops->interrupt(virtio->config.opaque, level);
}

uint32_t virtio_status(struct virtio *virtio)
{
	uint32_t status;

	pthread_mutex_lock(&virtio->signal);
	status = virtio->status;
	pthread_mutex_unlock(&virtio->signal);
	return status;
}

/*
 * A driver that does not wait for 0 adds its bits to what it reads: with ACKNOWLEDGE, these are the
 * ones that it would have written. The reset goes on, and its requests wait.
 */
uint32_t virtio_shown_status(struct virtio *virtio)
{
	uint32_t status;

	pthread_mutex_lock(&virtio->signal);
	status = virtio->status ? virtio->status : virtio->resetting ? STATUS_ACKNOWLEDGE : 0;
	pthread_mutex_unlock(&virtio->signal);
	return status;
}

uint32_t virtio_interrupt_status(struct virtio *virtio)
{
	uint32_t status;

	pthread_mutex_lock(&virtio->signal);
	status = virtio->interrupt_status;
	pthread_mutex_unlock(&virtio->signal);
	return status;
}

uint32_t virtio_take_interrupt_status(struct virtio *virtio)
{
	uint32_t status;

	pthread_mutex_lock(&virtio->signal);
	status = virtio->interrupt_status;
	virtio_signal(virtio, virtio->status, 0);
	pthread_mutex_unlock(&virtio->signal);
	return status;
}

void virtio_acknowledge(struct virtio *virtio, uint32_t events)
{
	pthread_mutex_lock(&virtio->signal);
	virtio_signal(virtio, virtio->status, virtio->interrupt_status & ~events);
	pthread_mutex_unlock(&virtio->signal);
}

/*
 * An event for the driver, which has set DRIVER_OK. The configuration bit is pending even if a
 * message is sent ("ISR status capability"). virtio->signal is locked.
 */
static void send_event(struct virtio *virtio, uint32_t bit, unsigned event)
{
	if (!virtio->by_message || bit == INTERRUPT_CONFIG)
		virtio_signal(virtio, virtio->status, virtio->interrupt_status | bit);
	if (virtio->by_message)
		virtio->config.bus_ops->message(virtio->config.bus, event);
}

bool virtio_running(struct virtio *virtio)
{
	bool running;

	pthread_mutex_lock(&virtio->signal);
	running = virtio->status & STATUS_DRIVER_OK && !(virtio->status & STATUS_NEEDS_RESET) &&
		  !virtio->suspending && !virtio->detached;
	pthread_mutex_unlock(&virtio->signal);
	return running;
}

void virtio_notify_used(struct virtio *virtio, unsigned queue)
{
	pthread_mutex_lock(&virtio->signal);
	if (virtio->status & STATUS_DRIVER_OK)
		send_event(virtio, INTERRUPT_USED, EVENT_QUEUE(queue));
	pthread_mutex_unlock(&virtio->signal);
}

/*
 * "If DRIVER_OK is set, after it sets DEVICE_NEEDS_RESET, the device MUST send a device
 * configuration change notification to the driver." A suspended device, which has DRIVER_OK clear,
 * sends it when it resumes.
 */
void virtio_break(struct virtio *virtio, int error)
{
	pthread_mutex_lock(&virtio->signal);
	if (virtio->status & STATUS_FEATURES_OK)
		virtio_signal(virtio, virtio->status | STATUS_NEEDS_RESET,
			      virtio->interrupt_status);
	if (virtio->status & STATUS_DRIVER_OK)
		send_event(virtio, INTERRUPT_CONFIG, EVENT_CONFIG);
	pthread_mutex_unlock(&virtio->signal);
	if (virtio->config.ops->broken)
		virtio->config.ops->broken(virtio->config.opaque, error);
}

/* -- queues -------------------------------------------------------------------------- */

struct queue *virtio_queue(struct virtio *virtio, unsigned index)
{
	return &virtio->queues[index].queue;
}

void virtio_notify(struct virtio *virtio, uint32_t queue)
{
	if (queue < virtio->config.n_queues)
		virtio->config.ops->notify(virtio->config.opaque, queue);
}

void virtio_notify_all(struct virtio *virtio)
{
	for (unsigned i = 0; i < virtio->config.n_queues; i++)
		virtio_notify(virtio, i);
}

/* Another thread may be about to answer what this one does not find any more. */
void virtio_drain(struct virtio *virtio, struct queue *queue)
{
	while (queue->held) {
		virtio->config.ops->flush(virtio->config.opaque);
		if (queue->held)
			queue_wait(queue);
	}
}

static void stop_queue(struct virtio *virtio, struct virtio_queue *queue)
{
	queue_lock(&queue->queue);
	virtio_drain(virtio, &queue->queue);
	queue_stop(&queue->queue);
	queue_unlock(&queue->queue);
	queue->ready = 0;
}

/* "A consistent default": the largest size, and no address. */
static void forget_queue(struct virtio *virtio, struct virtio_queue *queue)
{
	stop_queue(virtio, queue);
	queue->setup = (struct queue_setup){ .size = queue->queue.size_max };
}

static void start_queue(struct virtio *virtio, struct virtio_queue *queue)
{
	int error;

	queue_lock(&queue->queue);
	error = queue_start(&queue->queue, &queue->setup, virtio->driver_features);
	queue_unlock(&queue->queue);
	queue->ready = !error;
	if (error)
		virtio_break(virtio, error);
}

void virtio_memory_changed(struct virtio *virtio)
{
	pthread_mutex_lock(&virtio->lock);
	for (unsigned i = 0; i < virtio->config.n_queues; i++) {
		struct queue *queue = virtio_queue(virtio, i);
		int error;

		queue_lock(queue);
		virtio_drain(virtio, queue);
		error = queue_find_again(queue);
		queue_unlock(queue);
		if (error)
			virtio_break(virtio, error);
	}
	pthread_mutex_unlock(&virtio->lock);
}

struct virtio_queue *virtio_selected(struct virtio *virtio)
{
	if (virtio->queue_select >= virtio->config.n_queues)
		return NULL;
	return &virtio->queues[virtio->queue_select];
}

struct virtio_queue *virtio_selected_idle(struct virtio *virtio)
{
	struct virtio_queue *queue = virtio_selected(virtio);

	return queue && !queue->ready ? queue : NULL;
}

static void set_half(uint64_t *whole, uint32_t half, uint32_t value)
{
	*whole &= ~((uint64_t)UINT32_MAX << half * HALF_BITS);
	*whole |= (uint64_t)value << half * HALF_BITS;
}

static uint32_t get_half(uint64_t whole, uint32_t half)
{
	return half < N_HALVES ? (uint32_t)(whole >> half * HALF_BITS) : 0;
}

void virtio_set_area(struct virtio *virtio, uint32_t half, uint32_t value)
{
	struct virtio_queue *queue = virtio_selected_idle(virtio);

	if (queue)
		set_half(&queue->setup.area[half / N_HALVES], half % N_HALVES, value);
}

uint32_t virtio_area(struct virtio *virtio, uint32_t half)
{
	struct virtio_queue *queue = virtio_selected(virtio);

	return queue ? get_half(queue->setup.area[half / N_HALVES], half % N_HALVES) : 0;
}

void virtio_enable_queue(struct virtio *virtio, bool on)
{
	struct virtio_queue *queue = virtio_selected(virtio);

	if (!queue || !(virtio_status(virtio) & STATUS_FEATURES_OK))
		return;
	if (!on)
		stop_queue(virtio, queue);
	else if (!queue->ready)
		start_queue(virtio, queue);
}

/* Has the driver accepted a feature, finally? */
static bool has_accepted(struct virtio *virtio, uint64_t feature)
{
	return virtio->driver_features & feature && virtio_status(virtio) & STATUS_FEATURES_OK;
}

void virtio_reset_queue(struct virtio *virtio)
{
	struct virtio_queue *queue = virtio_selected(virtio);

	if (queue && has_accepted(virtio, VIRTIO_F_RING_RESET))
		forget_queue(virtio, queue);
}

/* Chains that are being served were used when this returns, and no more are served. */
static void stop_running(struct virtio *virtio)
{
	pthread_mutex_lock(&virtio->signal);
	virtio->suspending = false;
	virtio_signal(virtio, 0, 0);
	if (virtio->config.bus_ops)
		virtio->config.bus_ops->reset(virtio->config.bus);
	pthread_mutex_unlock(&virtio->signal);
	for (unsigned i = 0; i < virtio->config.n_queues; i++) {
		queue_lock(virtio_queue(virtio, i));
		queue_unlock(virtio_queue(virtio, i));
	}
}

static void forget_setup(struct virtio *virtio)
{
	for (unsigned i = 0; i < virtio->config.n_queues; i++)
		forget_queue(virtio, &virtio->queues[i]);
	virtio->driver_features = 0;
	virtio->unknown_features = false;
	virtio->device_features_select = 0;
	virtio->driver_features_select = 0;
	virtio->queue_select = 0;
}

static void set_resetting(struct virtio *virtio, bool resetting)
{
	pthread_mutex_lock(&virtio->signal);
	virtio->resetting = resetting;
	pthread_mutex_unlock(&virtio->signal);
}

/* The device first drops the chains that it holds: else the queues would wait for them. */
bool virtio_reset(struct virtio *virtio)
{
	bool done;

	pthread_mutex_lock(&virtio->lock);
	stop_running(virtio);
	done = virtio->config.ops->reset(virtio->config.opaque);
	forget_setup(virtio);
	set_resetting(virtio, !done);
	pthread_mutex_unlock(&virtio->lock);
	return done;
}

void virtio_reset_by_driver(struct virtio *virtio)
{
	if (!virtio_reset(virtio))
		virtio->config.ops->left(virtio->config.opaque);
}

bool virtio_continue_reset(struct virtio *virtio)
{
	bool done = true;

	pthread_mutex_lock(&virtio->lock);
	if (virtio->resetting) {
		done = virtio->config.ops->continue_reset(virtio->config.opaque);
		set_resetting(virtio, !done);
	}
	pthread_mutex_unlock(&virtio->lock);
	return done;
}

void virtio_end_reset(struct virtio *virtio)
{
	pthread_mutex_lock(&virtio->lock);
	set_resetting(virtio, false);
	pthread_mutex_unlock(&virtio->lock);
}

void virtio_reset_transport(struct virtio *virtio)
{
	pthread_mutex_lock(&virtio->lock);
	stop_running(virtio);
	forget_setup(virtio);
	pthread_mutex_unlock(&virtio->lock);
}

/* -- features ---------------------------------------------------------------------------- */

uint32_t virtio_device_features(const struct virtio *virtio)
{
	return get_half(virtio->config.features, virtio->device_features_select);
}

uint32_t virtio_driver_features(const struct virtio *virtio)
{
	return get_half(virtio->driver_features, virtio->driver_features_select);
}

void virtio_accept_features(struct virtio *virtio, uint32_t value)
{
	uint32_t half = virtio->driver_features_select;

	if (virtio_status(virtio) & STATUS_FEATURES_OK)
		return;
	if (half < N_HALVES)
		set_half(&virtio->driver_features, half, value);
	else if (value)
		virtio->unknown_features = true;
}

bool virtio_can_have(const struct virtio *virtio)
{
	uint64_t features = virtio->driver_features;

	return !virtio->unknown_features && !(features & ~virtio->config.features) &&
	       features & VIRTIO_F_VERSION_1;
}

static bool features_ok(struct virtio *virtio)
{
	return virtio_can_have(virtio) &&
	       virtio->config.ops->accept(virtio->config.opaque, virtio->driver_features) >= 0;
}

/* -- suspend and resume ------------------------------------------------------------------ */

/* Stop taking chains, and wait until those in progress were used and the driver was notified. */
static void stop_service(struct virtio *virtio, bool *flag)
{
	pthread_mutex_lock(&virtio->signal);
	*flag = true;
	pthread_mutex_unlock(&virtio->signal);
	for (unsigned i = 0; i < virtio->config.n_queues; i++) {
		queue_lock(virtio_queue(virtio, i));
		virtio_drain(virtio, virtio_queue(virtio, i));
		queue_unlock(virtio_queue(virtio, i));
	}
}

bool virtio_set_attached(struct virtio *virtio, bool attached)
{
	bool before = !virtio->detached;

	if (before && !attached)
		stop_service(virtio, &virtio->detached);
	pthread_mutex_lock(&virtio->signal);
	virtio->detached = !attached;
	pthread_mutex_unlock(&virtio->signal);
	return attached && !before;
}

/*
 * "Stop consuming more buffers", "wait until all buffers that are being processed have been used",
 * "send used buffer notifications": service_requests() does the latter two with the queue locked.
 */
static void suspend(struct virtio *virtio)
{
	stop_service(virtio, &virtio->suspending);
	pthread_mutex_lock(&virtio->signal);
	virtio->suspending = false;
	virtio_signal(virtio, (virtio->status & ~STATUS_DRIVER_OK) | STATUS_SUSPEND,
		      virtio->interrupt_status);
	pthread_mutex_unlock(&virtio->signal);
}

/* "The device MUST send the notification when it resumes running" of what happened meanwhile. */
static void resume(struct virtio *virtio)
{
	pthread_mutex_lock(&virtio->signal);
	virtio_signal(virtio, (virtio->status & ~STATUS_SUSPEND) | STATUS_DRIVER_OK,
		      virtio->interrupt_status);
	if (virtio->status & STATUS_NEEDS_RESET)
		send_event(virtio, INTERRUPT_CONFIG, EVENT_CONFIG);
	pthread_mutex_unlock(&virtio->signal);
}

/* Only a reset and the two changes above clear a bit. */
static void add_status(struct virtio *virtio, uint32_t bits)
{
	pthread_mutex_lock(&virtio->signal);
	virtio_signal(virtio, virtio->status | bits, virtio->interrupt_status);
	pthread_mutex_unlock(&virtio->signal);
}

/*
 * "If ... FEATURES_OK bit is not set, the device does not support our subset of features": the
 * driver reads the bit again to learn it. DRIVER_OK without it has no meaning. While the device
 * runs, a write with SUSPEND suspends it; while it is suspended, a write with DRIVER_OK resumes it.
 */
bool virtio_set_status(struct virtio *virtio, uint32_t value)
{
	uint32_t bits = value & (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FAILED);
	uint32_t status = virtio_status(virtio);
	bool ok = status & STATUS_FEATURES_OK;
	bool suspended = status & STATUS_SUSPEND;

	if (!ok && value & STATUS_FEATURES_OK)
		ok = features_ok(virtio);
	if (ok)
		bits |= STATUS_FEATURES_OK;
	if (ok && !suspended)
		bits |= value & STATUS_DRIVER_OK;
	add_status(virtio, bits);
	if (suspended && value & STATUS_DRIVER_OK)
		resume(virtio);
	else if (status & STATUS_DRIVER_OK && value & STATUS_SUSPEND &&
		 has_accepted(virtio, VIRTIO_F_SUSPEND))
		suspend(virtio);
	return suspended && value & STATUS_DRIVER_OK;
}

/* -- configuration space ----------------------------------------------------------------- */

bool virtio_is_config(const struct virtio *virtio, uint64_t offset, unsigned length)
{
	return wire_fits(offset, length, virtio->config.config_length) && length &&
	       length <= sizeof(uint64_t) && !(length & (length - 1));
}

uint64_t virtio_config_read(struct virtio *virtio, uint64_t offset, unsigned length)
{
	uint8_t bytes[sizeof(uint64_t)] = { 0 };

	virtio->config_generation = virtio_config_generation(virtio);
	virtio->config_changed = false;
	virtio->config.ops->config_read(virtio->config.opaque, offset, bytes, length);
	return wire_load(bytes, length);
}

/* Any store may change other fields, so the driver must read them again. */
void virtio_config_write(struct virtio *virtio, uint64_t offset, unsigned length, uint64_t value)
{
	uint8_t bytes[sizeof(uint64_t)];

	if (virtio_status(virtio) & STATUS_SUSPEND)
		return;
	wire_store(bytes, length, value);
	virtio->config.ops->config_write(virtio->config.opaque, offset, bytes, length);
	virtio->config_changed = true;
}

/*
 * Counts changes that a driver can see, so that a generation of 8 bits does not come round between
 * two reads.
 */
uint32_t virtio_config_generation(const struct virtio *virtio)
{
	return virtio->config_generation + virtio->config_changed;
}

/* -- setup ------------------------------------------------------------------------------- */

int virtio_init(struct virtio *virtio, const struct virtio_config *config)
{
	int error = 0;

	*virtio = (struct virtio){
		.config = *config,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.signal = PTHREAD_MUTEX_INITIALIZER,
		.queues = calloc(config->n_queues, sizeof(*virtio->queues)),
	};
	if (!virtio->queues)
		error = -ENOMEM;
	virtio->config.features |= VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET;
	for (unsigned i = 0; i < config->n_queues && !error; i++) {
		error = queue_init(virtio_queue(virtio, i), config->queue_size,
				   &virtio->config.memory);
		virtio->queues[i].setup.size = config->queue_size;
	}
	if (error)
		virtio_fini(virtio);
	return error;
}

void virtio_fini(struct virtio *virtio)
{
	for (unsigned i = 0; virtio->queues && i < virtio->config.n_queues; i++)
		queue_fini(virtio_queue(virtio, i));
	free(virtio->queues);
	pthread_mutex_destroy(&virtio->lock);
	pthread_mutex_destroy(&virtio->signal);
}
