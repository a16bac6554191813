/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TESTS_DEVICE_RIG_H
#define VIOMMU_TESTS_DEVICE_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <viommu/device.h>

/*
 * A device on a test bench
 *
 * A rig is a device with a VMM that records every callback as text. It is created anew for each
 * test, with three endpoints and every offered feature accepted. The helpers send real bytes
 * through the public API, and check the invariants of all requests (see request()).
 */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The bytes of an integer on the wire, in an initialiser. */
#define LE16(v) (uint8_t)((v)&0xff), (uint8_t)((v) >> 8 & 0xff)
#define LE32(v) LE16(v), LE16((v) >> 16)
#define LE64(v) LE32((uint64_t)(v)), LE32((uint64_t)(v) >> 32)

/* The same, of an integer of `length` bytes. */
static inline void put(uint8_t *bytes, size_t length, uint64_t value)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
}

/* The bytes of requests, in an initialiser. */
#define HEAD(type) type, 0, 0, 0
#define ATTACH(domain, endpoint, flags, reserved) \
	HEAD(VIOMMU_T_ATTACH), LE32(domain), LE32(endpoint), LE32(flags), LE32(reserved)
#define DETACH(domain, endpoint, reserved) \
	HEAD(VIOMMU_T_DETACH), LE32(domain), LE32(endpoint), LE64(reserved)
#define MAP(domain, first, last, phys, flags) \
	HEAD(VIOMMU_T_MAP), LE32(domain), LE64(first), LE64(last), LE64(phys), LE32(flags)
#define UNMAP(domain, first, last, reserved) \
	HEAD(VIOMMU_T_UNMAP), LE32(domain), LE64(first), LE64(last), LE32(reserved)
#define PROBE(endpoint) HEAD(VIOMMU_T_PROBE), LE32(endpoint)

/* Endpoints that every rig has, and one that none has. */
enum { EP = 0x08, EP2 = 0x10, EP3 = 0x18, NO_ENDPOINT = 0x20 };

enum { R = VIOMMU_MAP_F_READ, W = VIOMMU_MAP_F_WRITE, MMIO = VIOMMU_MAP_F_MMIO };

#define TOP  UINT64_MAX
#define PAGE 0x1000ull

#define POISON         0xa5
#define MAX_PROPERTIES 4096
#define MAX_EVENTS     128
#define MAX_WORDS      8192
#define MAX_HELD       64

struct rig {
	struct viommu *device;
	size_t piece;     /* requests are cut into pieces of so many bytes; 0: not at all */
	bool is_in_batch; /* of the device */

	char notified[MAX_WORDS]; /* calls of listeners since assert_notified() */
	char words[MAX_WORDS];

	uint8_t properties[MAX_PROPERTIES]; /* of the last probe() */

	unsigned event_buffers; /* free ones on the event queue */
	unsigned n_events;
	uint8_t events[MAX_EVENTS][VIOMMU_FAULT_LENGTH];
};

/* Setup and teardown of a test. */
int plug(void **state);
int plug_in_bytes(void **state);
int unplug(void **state);

/* Every test runs twice: requests in one piece, and each byte in a piece of its own. */
#define ON_A_FRESH_DEVICE(test) \
	{ #test, test, plug, unplug, NULL }, \
	{ \
#test " (in single bytes)", test, plug_in_bytes, unplug, NULL \
	}

/* Put another device in the rig, with the same endpoints; all that it offers is accepted. */
void replace(struct rig *rig, struct viommu_config config);

/* -- requests ------------------------------------------------------------------ */

/*
 * Send bytes as a request and take `room` bytes of answer, poisoned before. Checked of
 * every request: what was read is not written, and nothing behind the used length is.
 */
size_t request(struct rig *rig, const void *bytes, size_t length, void *answer, size_t room);

/* The same for a request that is answered with a tail alone: returns the status. */
int status_of(struct rig *rig, const void *bytes, size_t length);

int attach(struct rig *rig, uint32_t domain, uint32_t endpoint);
int attach_bypass(struct rig *rig, uint32_t domain, uint32_t endpoint);
int detach(struct rig *rig, uint32_t domain, uint32_t endpoint);
int map(struct rig *rig, uint32_t domain, uint64_t first, uint64_t last, uint64_t phys,
	uint32_t flags);
int unmap(struct rig *rig, uint32_t domain, uint64_t first, uint64_t last);

/* The answer's properties stand in rig->properties. */
int probe(struct rig *rig, uint32_t endpoint);

/* The properties of the last probe, as "reserved 0-fff, msi fee00000-feefffff". The list is
 * checked to be sound: lengths, reserved bits, nothing but zeroes at its end. */
const char *properties(struct rig *rig);

/* -- translation, features, faults ------------------------------------------------ */

/* Where an access goes: "8000+1000 rw", "identity 8000+1000 rw", "fault", "no endpoint". */
const char *where(struct rig *rig, uint32_t endpoint, uint64_t iova, uint64_t length,
		  uint32_t access);

/* The same, and no fault is reported. */
const char *peek(struct rig *rig, uint32_t endpoint, uint64_t iova, uint64_t length);

/* The mappings of a domain, as "1000-1fff to 8000 rw, ...". */
const char *mappings(struct rig *rig, uint32_t domain);

/* Write the byte `bypass` of configuration space. */
void write_bypass(struct rig *rig, uint8_t bypass);
uint8_t read_bypass(struct rig *rig);

enum viommu_mode mode_of(struct rig *rig, uint32_t endpoint);
struct viommu_counters counters(struct rig *rig);

/* -- listeners --------------------------------------------------------------------- */

/*
 * A listener that records its calls, refuses on demand, and checks its notifications at every call:
 * mappings only while the mode is VIOMMU_TRANSLATED, no overlap, each unmapped exactly once.
 */
struct recorder {
	struct rig *rig;
	const char *name;
	struct viommu_listener *listener;
	unsigned calls;        /* of map and mode; set it to 0 to count anew */
	unsigned refuse_first; /* the call that is refused, */
	unsigned refuse_n;     /* and how many from there on; 0: none */
	int error;             /* the errno of refusals */

	int mode; /* last mode notified; -1 if unknown */
	struct viommu_mapping held[MAX_HELD];
	size_t n_held;
};

/* Listen on an endpoint; returns what viommu_listen() does. */
int recorder_listen(struct recorder *recorder, struct rig *rig, const char *name,
		    uint32_t endpoint);

/* Refuse `n` calls from the `first` on, which is counted from now. */
void recorder_refuse(struct recorder *recorder, unsigned first, unsigned n, int error);

/* Does it hold exactly the mappings that the domain has? */
void assert_in_sync(const struct recorder *recorder, uint32_t domain);

/*
 * The notifications of all listeners of the rig since the last call, as "a map 1 1000-1fff to 8000
 * rw, b mode bypass".
 */
void assert_notified(struct rig *rig, const char *words);

#endif
