/* SPDX-License-Identifier: BSD-3-Clause */
/* The device and its rig: see echo.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "echo.h"
#include "transport/registers.h"

#define ECHO_QUEUE_SIZE 1024

static int echo_accept(void *opaque, uint64_t features)
{
	struct echo *echo = opaque;

	echo->accepted = features;
	return echo->accept_error;
}

static void echo_config_read(void *opaque, uint64_t offset, void *bytes, size_t length)
{
	struct echo *echo = opaque;

	for (size_t i = 0; i < length; i++)
		((uint8_t *)bytes)[i] = offset + i < ECHO_CONFIG ? echo->config[offset + i] : 0;
}

static void echo_config_write(void *opaque, uint64_t offset, const void *bytes, size_t length)
{
	struct echo *echo = opaque;

	for (size_t i = 0; i < length && offset + i < ECHO_CONFIG; i++)
		echo->config[offset + i] = ((const uint8_t *)bytes)[i];
}

/* Byte by byte over both lists: slow, and nothing to get wrong. */
static size_t echo_serve(void *opaque, const struct queue_chain *chain, struct held_chain *held)
{
	struct echo *echo = opaque;
	size_t written = 0, to = 0, to_at = 0;

	(void)held;
	echo->served++;
	echo->last_readable = chain->n_readable;
	echo->last_writable = chain->n_writable;
	for (size_t from = 0; from < chain->n_readable; from++) {
		const struct iovec *piece = &chain->readable[from];

		for (size_t at = 0; at < piece->iov_len && to < chain->n_writable; at++) {
			uint8_t *out = chain->writable[to].iov_base;

			out[to_at++] = ((const uint8_t *)piece->iov_base)[at];
			written++;
			if (to_at == chain->writable[to].iov_len) {
				to++;
				to_at = 0;
			}
		}
	}
	if (echo->while_serving)
		echo->while_serving(echo);
	return written;
}

static const struct service echo_service = { .serve = echo_serve };

static void echo_notify(void *opaque, unsigned queue)
{
	struct echo *echo = opaque;

	if (queue == ECHO_QUEUE)
		service_requests(&echo->virtio, queue, &echo_service, echo);
}

static bool echo_reset(void *opaque)
{
	((struct echo *)opaque)->resets++;
	return true;
}

static void echo_interrupt(void *opaque, bool level)
{
	struct echo *echo = opaque;

	echo->interrupts += level;
	echo->level = level;
}

static const struct virtio_ops echo_ops = {
	.accept = echo_accept,
	.config_read = echo_config_read,
	.config_write = echo_config_write,
	.notify = echo_notify,
	.reset = echo_reset,
	.interrupt = echo_interrupt,
};

static uint64_t window_load(void *device, uint64_t offset, unsigned length)
{
	return registers_read(device, offset, length);
}

static void window_store(void *device, uint64_t offset, unsigned length, uint64_t value)
{
	registers_write(device, offset, length, value);
}

int echo_setup(void **state)
{
	struct echo *echo = calloc(1, sizeof(*echo));
	const struct virtio_config config = {
		.ops = &echo_ops,
		.opaque = echo,
		.device = ECHO_DEVICE,
		.vendor = ECHO_VENDOR,
		.features = ECHO_FEATURES | QUEUE_FEATURES,
		.n_queues = ECHO_QUEUES,
		.queue_size = ECHO_QUEUE_SIZE,
		.config_length = REGISTERS_LENGTH - REGISTERS_CONFIG,
		.memory = { .find = guest_find, .opaque = echo ? &echo->guest : NULL },
	};

	if (!echo)
		return -1;
	guest_init(&echo->guest);
	echo->window = (struct window){ &echo->virtio, window_load, window_store };
	*state = echo;
	return virtio_init(&echo->virtio, &config);
}

int echo_teardown(void **state)
{
	struct echo *echo = *state;

	virtio_fini(&echo->virtio);
	guest_fini(&echo->guest);
	free(echo);
	return 0;
}

struct ring *echo_start(struct echo *echo, const struct variant *variant)
{
	struct ring *ring = variant_ring(&echo->guest, variant, RING_AT);

	assert_true(negotiate(&echo->window, variant->features | F_VERSION_1));
	assert_true(ready_ring(&echo->window, ECHO_QUEUE, variant->size, ring));
	driver_ok(&echo->window);
	return ring;
}

bool echo_works(struct echo *echo, struct ring *ring)
{
	static const char text[] = "is anybody there?";
	const struct ring_buffer buffers[] = {
		{ DATA_AT, sizeof(text), false },
		{ DATA_AT + PAGE, sizeof(text), true },
	};
	uint32_t length = 0;
	void *token = NULL;

	memcpy(guest_at(&echo->guest, DATA_AT), text, sizeof(text));
	memset(guest_at(&echo->guest, DATA_AT + PAGE), 0, sizeof(text));
	if (ring_add(ring, buffers, 2, echo))
		return false;
	if (ring_offer(ring))
		store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
	return ring_take(ring, &token, &length) == 1 && token == echo && length == sizeof(text) &&
	       !memcmp(guest_at(&echo->guest, DATA_AT + PAGE), text, sizeof(text));
}
