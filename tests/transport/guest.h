/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_TRANSPORT_GUEST_H
#define TESTS_TRANSPORT_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring.h"

/*
 * A guest: its memory as a VMM has it, and the steps by which its driver sets up a window.
 * Shared by the tests of the transport alone (echo.h) and of the device behind it.
 *
 * Low memory and high memory follow on each other for the guest, and do not for the VMM.
 * The top page ends with the last byte that has an address.
 */
#define ZERO_PAGE     0x0ull
#define LOW_MEMORY    0x100000ull
#define HIGH_MEMORY   0x180000ull
#define MEMORY_LENGTH 0x080000ull
#define ROM           0x800000ull
#define TOP_PAGE      0xfffffffffffff000ull
#define PAGE          0x1000ull
#define HOLE          0x400000ull

struct guest_region {
	uint64_t address, length;
	bool read_only;
	uint8_t *bytes;
};

struct guest {
	struct guest_region regions[5];
};

void guest_init(struct guest *guest);
void guest_fini(struct guest *guest);

/* The VMM's answer to `memory`; and a pointer to what must be memory, for tests. */
void *guest_find(void *opaque, uint64_t address, uint64_t *length, bool write);
void *guest_at(struct guest *guest, uint64_t address);

/* -- the window, with any device behind it ------------------------------------------------- */

struct window {
	void *device;
	uint64_t (*load)(void *device, uint64_t offset, unsigned length);
	void (*store)(void *device, uint64_t offset, unsigned length, uint64_t value);
};

enum {
	MAGIC = 0x000,
	VERSION = 0x004,
	DEVICE = 0x008,
	VENDOR = 0x00c,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	QUEUE_SEL = 0x030,
	QUEUE_SIZE_MAX = 0x034,
	QUEUE_SIZE = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC = 0x080,
	QUEUE_DRIVER = 0x090,
	QUEUE_DEVICE = 0x0a0,
	SHM_SEL = 0x0ac,
	SHM_LENGTH = 0x0b0,
	SHM_BASE = 0x0b8,
	QUEUE_RESET = 0x0c0,
	CONFIG_GENERATION = 0x0fc,
	CONFIG = 0x100,
};

enum {
	ACKNOWLEDGE = 1,
	DRIVER = 2,
	DRIVER_OK = 4,
	FEATURES_OK = 8,
	SUSPEND = 0x10,
	NEEDS_RESET = 0x40,
	FAILED = 0x80,
};

#define F_INDIRECT    (1ull << 28)
#define F_EVENT_INDEX (1ull << 29)
#define F_VERSION_1   (1ull << 32)
#define F_PACKED      (1ull << 34)
#define F_RING_RESET  (1ull << 40)
#define F_SUSPEND     (1ull << 43)

uint32_t load(const struct window *window, uint64_t offset);
void store(const struct window *window, uint64_t offset, uint64_t value);

uint64_t offered_features(const struct window *window);

/* Reset, then negotiate: is FEATURES_OK still set in the end? */
bool negotiate(const struct window *window, uint64_t features);

/* Say where a queue is, and that it is ready: is it? */
bool ready(const struct window *window, unsigned queue, uint32_t size, const uint64_t area[3]);
bool ready_ring(const struct window *window, unsigned queue, uint32_t size,
		const struct ring *ring);

void driver_ok(const struct window *window);
bool needs_reset(const struct window *window);

/* Pseudo-random numbers below `n`, the same in every run. */
uint32_t below(uint32_t *seed, uint32_t n);

/* The last feature set of a ring that tests go through, in words. */
struct variant {
	const char *name;
	uint64_t features;
	uint16_t size;
};
extern const struct variant variants[];
extern const size_t n_variants;

/* A driver's ring of a variant, at that guest-physical address. */
struct ring *variant_ring(struct guest *guest, const struct variant *variant, uint64_t address);

#endif
