/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_TRANSPORT_ECHO_H
#define TESTS_TRANSPORT_ECHO_H

#include <stdatomic.h>

#include "guest.h"
#include "transport/service.h"

/*
 * A device that is independent of IOMMUs: it copies the readable part of a chain to its writable
 * part. So the transport is tested alone. It records its calls, and its second queue is for
 * deliveries.
 */
#define ECHO_QUEUE    0
#define DELIVER_QUEUE 1
#define ECHO_QUEUES   2
#define ECHO_DEVICE   0x1234
#define ECHO_VENDOR   0x56789abc
#define ECHO_FEATURES 0x5ull
#define ECHO_CONFIG   16

/* Where drivers of these tests put their ring, and their data. */
#define RING_AT LOW_MEMORY
#define DATA_AT (LOW_MEMORY + 0x40000)

struct echo {
	struct guest guest;
	struct virtio virtio;
	struct window window;

	uint8_t config[ECHO_CONFIG];
	int accept_error; /* what `accept` is to say */
	uint64_t accepted;
	unsigned resets;
	atomic_uint served, interrupts; /* chains; rising edges */
	atomic_bool level;
	void (*while_serving)(struct echo *echo); /* what the driver does meanwhile */
	size_t last_readable, last_writable;      /* pieces of the last chain */
};

/* A device as it is after power-on; a test's `state`. */
int echo_setup(void **state);
int echo_teardown(void **state);

/* The driver initializes the device: it negotiates, sets up the echo queue, and sets DRIVER_OK. */
struct ring *echo_start(struct echo *echo, const struct variant *variant);

/* One request: `n` bytes echoed. Does it come back right? */
bool echo_works(struct echo *echo, struct ring *ring);

#endif
