/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DRIVER_H
#define DRIVER_H

#include <viommu/protocol.h>

#include "bare.h"

/*
 * The device under test, as far as cases need it: nothing here retries or corrects, and every wait
 * ends
 *
 * A case may break any rule, so registers, rings and buffers are in its hands.
 */

#define VERSION_1  (1ull << 32)
#define PACKED     (1ull << 34)
#define RING_RESET (1ull << 40)

/* A device may refuse to work without these (6.2). */
#define ACCESS_PLATFORM (1ull << 33)
#define ORDER_PLATFORM  (1ull << 36)
#define PLATFORM        (ACCESS_PLATFORM | ORDER_PLATFORM)
#define INDIRECT        (1ull << 28)
#define EVENT_IDX       (1ull << 29)

/* What a driver of virtio 1.3 accepts, if it is offered. */
#define STANDARD \
	(VERSION_1 | PLATFORM | VIOMMU_F_INPUT_RANGE | VIOMMU_F_DOMAIN_RANGE | \
	 VIOMMU_F_MAP_UNMAP | VIOMMU_F_PROBE | VIOMMU_F_MMIO | VIOMMU_F_BYPASS_CONFIG)

/* Registers of the common configuration structure. */
enum {
	FEATURE_SELECT = 0x00,
	FEATURE = 0x04,
	DRIVER_SELECT = 0x08,
	DRIVER_FEATURE = 0x0c,
	CONFIG_VECTOR = 0x10,
	NUM_QUEUES = 0x12,
	STATUS = 0x14,
	GENERATION = 0x15,
	QUEUE_SELECT = 0x16,
	QUEUE_SIZE = 0x18,
	QUEUE_VECTOR = 0x1a,
	QUEUE_ENABLE = 0x1c,
	QUEUE_NOTIFY = 0x1e,
	QUEUE_DESC = 0x20,
	QUEUE_DRIVER = 0x28,
	QUEUE_DEVICE = 0x30,
	QUEUE_RESET = 0x3a,
};

#define NO_VECTOR 0xffff

/* Registers of virtio-mmio. */
enum {
	MMIO_MAGIC = 0x000,
	MMIO_DEVICE_ID = 0x008,
	MMIO_INTERRUPT_STATUS = 0x060,
	MMIO_INTERRUPT_ACK = 0x064,
	MMIO_CONFIG = 0x100,
};
#define MMIO_MAGIC_VALUE 0x74726976u

struct ring {
	volatile uint8_t *table, *driver, *device; /* descriptors, driver area, device area */
	volatile void *notify;
	uint16_t number, size;
	uint16_t next, available, seen;
	bool packed, wraps, seen_wraps;
	bool wide; /* `notify` has 4 bytes */
};

struct device {
	struct virtio virtio;
	volatile uint8_t *isr; /* on PCI */
	const char *found_by;  /* "VIOT", "device tree", "scan" */
	uint64_t accepted;
	struct ring requests, events;
	uint8_t initial_bypass;
};

extern struct device device;

/* The form of the rings that cases use now. */
extern bool use_packed;

/* -- the machine's time ------------------------------------------------------- */

/* Polls of a register, each of which ends in the VMM: a wait for something, and for nothing. */
enum { LONG = 400000, SHORT = 10000 };

/* -- setting up ---------------------------------------------------------------- */

bool device_find(void);

/* Are these the registers of a virtio-mmio device with that ID? */
bool is_on_mmio(uint64_t registers, uint32_t id);

/* On PCI: the vendor capability of that kind, or 0; where it points to. */
unsigned device_capability(uint8_t kind);
volatile uint8_t *device_window(unsigned capability);

/* False: the status is not 0 within the time. */
bool device_reset(void);

/* Reset, and as far as FEATURES_OK. False: it was refused. */
bool device_accept(uint64_t features);

void device_queue(struct ring *ring, uint16_t number, uint16_t size);

/* All of it, to DRIVER_OK, with those features that are offered. */
bool device_start(uint64_t features);

uint8_t device_status(void);
void device_set_status(uint8_t status);
bool offers(uint64_t features);

/* Bits of ISR status or InterruptStatus, which are clear then. */
uint8_t device_interrupts(void);

/* -- configuration ------------------------------------------------------------- */

uint64_t config64(unsigned at);
uint32_t config32(unsigned at);
uint8_t config8(unsigned at);
void set_bypass(uint8_t value);

/* -- rings --------------------------------------------------------------------- */

struct piece {
	volatile void *at;
	uint32_t length;
	bool writable;
};

/* Make a chain available; its ID. */
uint16_t ring_put(struct ring *ring, const struct piece *pieces, unsigned n);
void ring_kick(const struct ring *ring);

/* Any value in the place of the queue's number. */
void ring_notify(const struct ring *ring, uint16_t value);
bool ring_get(struct ring *ring, uint16_t *ret_id, uint32_t *ret_length);

/* As above, within a number of polls, or until the device needs a reset. */
bool ring_await(struct ring *ring, uint16_t *ret_id, uint32_t *ret_length, unsigned polls);

/* A descriptor of a table of either form, which is not made available. */
void ring_describe(struct ring *ring, uint16_t index, uint64_t address, uint32_t length,
		   uint16_t flags, uint16_t next);

/* The chain of a split ring that begins with that descriptor. */
void ring_publish(struct ring *ring, uint16_t head);

/* -- requests ------------------------------------------------------------------ */

/* Instead of a status: nothing was written; there was no answer. */
enum { UNWRITTEN = -1, SILENT = -2 };

struct answer {
	bool came;
	uint32_t used;
};

struct answer exchange(const struct piece *pieces, unsigned n);

/* Is a buffer of the request queue used, within so many polls? */
bool answered(unsigned polls);

/* Bytes of a request, and a tail; the status of the last request's whole answer. */
int request(const void *bytes, uint32_t length);
extern uint8_t last_tail[4];
extern uint32_t last_used;

/* In the standard the bytes of PASIDs, and the flags of DETACH, are reserved. */
int attach_pasid(uint32_t domain, uint32_t endpoint, uint32_t flags, uint32_t pasid);
int detach_pasid(uint32_t domain, uint32_t endpoint, uint32_t flags, uint32_t pasid);
int attach(uint32_t domain, uint32_t endpoint, uint32_t flags);
int detach(uint32_t domain, uint32_t endpoint);
int map(uint32_t domain, uint64_t first, uint64_t last, uint64_t to, uint32_t flags);
int unmap(uint32_t domain, uint64_t first, uint64_t last);

/* With probe_size bytes of room for properties; the static buffer that they are in. */
int probe(uint32_t endpoint, const uint8_t **ret_properties);

enum { R = VIOMMU_MAP_F_READ, W = VIOMMU_MAP_F_WRITE, RW = R | W };

/* -- events -------------------------------------------------------------------- */

/* Buffers of that length, at most 64 bytes. */
void events_offer(unsigned n, uint32_t length);

/* The next record, or NULL. */
const uint8_t *event_await(uint32_t *ret_length, unsigned polls);

#endif
