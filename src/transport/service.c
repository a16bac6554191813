/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Serving requests of the driver, and delivering events to it
 *
 * Both run in the calling thread and hold the queue's lock until the result is published. A reset
 * takes the same lock, so it never runs in between.
 *
 * A thread may poll a queue. Until it sleeps, nothing enables notifications: then it does, and
 * looks once more for a chain that came before.
 *
 * Used buffers are published together, when no more chains are found. Until then a correct driver
 * cannot offer their descriptors again, and the device stops the queue of a driver that does. So
 * one notification makes the device serve at most as many chains as the queue has entries. The
 * device can end that earlier, by a pause.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "transport/service.h"

#define NS_PER_SECOND 1000000000u

/* Publish used chains and notify the driver. `error` is the result of the last queue_pop(). */
static void publish(struct virtio *virtio, unsigned index, int error)
{
	if (queue_publish(virtio_queue(virtio, index)))
		virtio_notify_used(virtio, index);
	if (error < 0)
		virtio_break(virtio, error);
}

static void serve(struct queue *queue, const struct queue_chain *chain,
		  const struct service *service, void *opaque)
{
	size_t length = service->serve(opaque, chain, queue_reserve(queue));

	if (length == SERVICE_LATER)
		queue_hold(queue, chain);
	else
		queue_push(queue, chain, (uint32_t)length);
}

/* No pause is asked for, and no batch begun, without a chain. */
static uint64_t pause_of(struct queue *queue, const struct service *service, void *opaque)
{
	return service->pause && queue_has_chain(queue) ? service->pause(opaque) : 0;
}

/* Returns the last result of queue_pop(); *ret_pause as service_requests(). */
static int serve_all(struct queue *queue, const struct service *service, void *opaque,
		     uint64_t *ret_pause)
{
	struct queue_chain chain;
	int more = 0;

	do {
		while (!(*ret_pause = pause_of(queue, service, opaque)) &&
		       (more = queue_pop(queue, &chain)) > 0)
			serve(queue, &chain, service, opaque);
	} while (!*ret_pause && !more && !queue->is_polled && queue_listen(queue));
	return more;
}

/* The queue is locked, and the device runs. Returns the pause. What was left is continued, even if
 * no chain comes. */
static uint64_t serve_and_publish(struct virtio *virtio, unsigned index,
				  const struct service *service, void *opaque)
{
	struct queue *queue = virtio_queue(virtio, index);
	uint64_t pause, left = 0;
	int more;

	queue->is_served = true;
	if (queue->is_left)
		service->resume(opaque);
	more = serve_all(queue, service, opaque, &pause);
	if (service->served)
		left = service->served(opaque);
	queue->is_left = left;
	queue->is_served = false;
	publish(virtio, index, more);
	return pause > left ? pause : left;
}

uint64_t service_requests(struct virtio *virtio, unsigned index, const struct service *service,
			  void *opaque)
{
	struct queue *queue = virtio_queue(virtio, index);
	uint64_t pause = 0;

	queue_lock(queue);
	if (virtio_running(virtio)) {
		queue_disable_notifications(queue);
		pause = serve_and_publish(virtio, index, service, opaque);
	}
	queue_unlock(queue);
	return pause;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* Begin to poll, or go on. The time begins with a notification, whichever thread has served it. */
static void poll_on(struct queue *queue)
{
	if (queue->is_polled)
		return;
	queue_disable_notifications(queue);
	queue->is_polled = true;
	queue->polled_ns = now_ns();
}

/* Nothing is there: has nothing come for so long? Then it may sleep, if still nothing is there. */
static uint64_t poll_off(struct queue *queue, uint64_t poll_ns)
{
	if (poll_ns && now_ns() - queue->polled_ns < poll_ns)
		return 0;
	if (queue_listen(queue)) {
		queue_disable_notifications(queue);
		return 0;
	}
	queue->is_polled = false;
	return SERVICE_SLEEP;
}

/* The queue is locked, and the device runs. */
static uint64_t poll_queue(struct virtio *virtio, unsigned index, const struct service *service,
			   void *opaque, uint64_t poll_ns)
{
	struct queue *queue = virtio_queue(virtio, index);
	uint64_t pause;

	poll_on(queue);
	if (queue_is_idle(queue) && !queue->is_left)
		return poll_off(queue, poll_ns);
	pause = serve_and_publish(virtio, index, service, opaque);
	queue->polled_ns = now_ns();
	return pause;
}

uint64_t service_poll(struct virtio *virtio, unsigned index, const struct service *service,
		      void *opaque, uint64_t poll_ns)
{
	struct queue *queue = virtio_queue(virtio, index);
	uint64_t again = SERVICE_SLEEP;

	queue_lock(queue);
	if (virtio_running(virtio))
		again = poll_queue(virtio, index, service, opaque, poll_ns);
	else
		queue->is_polled = false;
	queue_unlock(queue);
	return again;
}

void service_answer(struct virtio *virtio, unsigned index, struct held_chain *held, size_t length)
{
	struct queue *queue = virtio_queue(virtio, index);

	queue_lock(queue);
	if (queue->format)
		queue_push(queue, &held->chain, (uint32_t)length);
	queue_release(queue, held);
	if (!queue->is_served)
		publish(virtio, index, 0);
	queue_unlock(queue);
}

void service_leave(struct virtio *virtio, unsigned index)
{
	struct queue *queue = virtio_queue(virtio, index);

	queue_lock(queue);
	queue->is_left = true;
	queue_unlock(queue);
}

/* Fill the writable part if all bytes fit. Returns how many were written. */
static size_t fill(const struct queue_chain *chain, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	size_t room = 0, left = length;

	for (size_t i = 0; i < chain->n_writable; i++)
		room += chain->writable[i].iov_len;
	if (room < length)
		return 0;
	for (size_t i = 0; left; i++) {
		size_t part = chain->writable[i].iov_len;

		part = part < left ? part : left;
		memcpy(chain->writable[i].iov_base, from, part);
		from += part;
		left -= part;
	}
	return length;
}

int service_deliver(struct virtio *virtio, unsigned index, const void *bytes, size_t length)
{
	struct queue *queue = virtio_queue(virtio, index);
	struct queue_chain chain;
	size_t written = 0;
	int found;

	queue_lock(queue);
	if (virtio_running(virtio)) {
		queue_disable_notifications(queue);
		found = queue_pop(queue, &chain);
		if (found > 0) {
			written = fill(&chain, bytes, length);
			queue_push(queue, &chain, (uint32_t)written);
		}
		publish(virtio, index, found);
	}
	queue_unlock(queue);
	return written ? 0 : -ENOBUFS;
}
