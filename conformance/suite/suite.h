/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SUITE_H
#define SUITE_H

#include "engine.h"

/*
 * Cases, each of which shows one rule of docs/conformance.rules to a guest
 *
 * A case begins after a reset of the device, makes what it needs, and says what it expects with the
 * functions below. It changes nothing that a reset does not undo, except `bypass`, which the suite
 * restores.
 */

/*
 * What a device that fails the case has done: broken a MUST (or what the standard describes),
 * broken a SHOULD, or made another choice than libviommu where the standard leaves one.
 */
enum level { MUST, SHOULD, CHOICE };

/* What a case needs; without it the case is skipped. */
enum needs {
	DMA = 1 << 0,      /* an endpoint, and one that does DMA if the case lets it do some */
	TWO = 1 << 1,      /* two of them */
	PROBES = 1 << 2,   /* PROBE */
	BYPASSES = 1 << 3, /* BYPASS_CONFIG */
	INDIRECTS = 1 << 4,
	INDEXED = 1 << 5,    /* EVENT_IDX */
	RESETS = 1 << 6,     /* RING_RESET */
	BOTH_RINGS = 1 << 7, /* no need: the case runs with packed rings too */
	PACKED_ONLY = 1 << 8,
	MESSAGES = 1 << 9,  /* MSI-X */
	FUNCTION = 1 << 10, /* a PCI function */
	PASIDS = 1 << 11,   /* of the proposal: slots, tables, parents, page requests */
	TABLES = 1 << 12,
	NESTS = 1 << 13,
	PAGES = 1 << 14,
};

struct test_case {
	const char *name, *rule;
	enum level level;
	unsigned needs;
	void (*run)(void);
};

struct chapter {
	const struct test_case *cases;
	unsigned n;
	unsigned needs; /* of all of them */
};

extern const struct chapter config_cases, framing_cases, attach_cases, map_cases, unmap_cases,
	bypass_cases, probe_cases, fault_cases, virtio_cases, ring_cases, pci_cases, mmio_cases,
	hostile_cases, slot_cases, table_cases;

/* -- what a case says ----------------------------------------------------------- */

void expect(bool holds, const char *what);
void expect_status(int seen, int wanted, const char *what);
void expect_number(uint64_t seen, uint64_t wanted, const char *what);

/* What a device does where it may choose. */
void observe(const char *what, uint64_t value);
void observe_status(const char *what, int status);

/* The case cannot be run here. */
void skip(const char *reason);

/* -- what cases share ------------------------------------------------------------ */

/* Reset, bring up with STANDARD features and `bypass` 0. False: the case has failed. */
bool bring_up(void);
bool bring_up_with(uint64_t features);

/* A multiple of the granule and of 4 KiB; the i-th address of that size in the input range, and
 * page. */
uint64_t unit(void);
uint64_t iova(unsigned i);
uint64_t end_of(uint64_t first);
volatile uint64_t *page(unsigned i);
uint64_t physical(unsigned i);

/* The i-th domain of the domain range, of so many. */
uint32_t domain(unsigned i);
uint64_t domains(void);
enum { DOMAINS_MIN = 16 }; /* what cases take for granted */

/* Endpoints that exist; one that does not. */
uint32_t endpoint(unsigned i);
enum { NO_ENDPOINT = 0x7ffffff0 };

/* Map unit i of the input range to page i. */
int map_unit(uint32_t domain, unsigned i, uint32_t flags);

/* Does DMA of engine 0 to unit i reach page i? */
bool writes(unsigned i);

/* Attach endpoint 0 to domain 0, and expect OK. */
void attach_first(void);

/* And map unit 0 of it to page 0. */
void attach_and_map(void);

/* MAP to domain i is refused, because there is none. */
void expect_no_domain(unsigned i);

/* The first domain number beyond the range. False: there is none, and the case is over. */
bool first_beyond(uint32_t *ret_domain);

/* The request for that ATTACH, without sending it; the rest of the bytes is 0. */
void write_attach(uint8_t *bytes, size_t length);

/* Attach endpoint 1 too, and expect OK. False: the case is over, as a device need not share. */
bool attach_second(void);

#endif
