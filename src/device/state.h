/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_STATE_H
#define VIOMMU_DEVICE_STATE_H

#include <viommu/protocol.h>

#include "wire/stream.h"

/* The chunks of saved state (docs/state.md), shared by state.c and stage.c */

#define STATE_MAGIC 0x534f4956u /* "VIOS" */

/* A stream has the lowest version that can express it, so that an older library can read it. */
#define STATE_VERSION_FIRST   1
#define STATE_VERSION_BLOCKED 2 /* has CHUNK_BLOCKED */
#define STATE_VERSION_SPACES  3 /* has PASIDs, tables, parents or page requests */
#define STATE_VERSION_DRAFT   4 /* of a device that speaks a draft */
#define STATE_VERSION_LAST    STATE_VERSION_DRAFT

enum chunk_type {
	CHUNK_DEVICE = 1,   /* struct chunk_device; once, first */
	CHUNK_DOMAIN = 2,   /* struct chunk_domain; the chunks after it belong to it */
	CHUNK_ENDPOINT = 3, /* struct chunk_endpoint: attached to that domain */
	CHUNK_MAPPINGS = 4, /* struct chunk_mapping, any number, of that domain */
	CHUNK_END = STREAM_END,
	CHUNK_BLOCKED = 6, /* struct chunk_endpoint: quarantined; before all domains */
	CHUNK_TABLE = 7,   /* struct chunk_table: a domain with a table of the guest */
	CHUNK_SLOTS = 8,   /* struct chunk_slot, any number: PASIDs attached to that domain */
	CHUNK_GRANULE = 9, /* struct chunk_granule: that domain is a parent and nothing else */
	CHUNK_GROUPS = 10, /* struct chunk_group, any number; after all domains */
};

struct chunk_device {
	uint64_t accepted; /* native features */
	uint32_t bypass, personality;
};

struct chunk_domain {
	uint32_t id, bypass;
};

struct chunk_endpoint {
	uint32_t id, reserved;
};

struct chunk_mapping {
	uint64_t first, last, phys;
	uint32_t flags, reserved;
};

#define CHUNK_TABLE_PARENT 1u

struct chunk_table {
	uint32_t id;
	uint16_t format, flags; /* CHUNK_TABLE_* */
	uint32_t parent, reserved;
	uint8_t body[VIOMMU_TABLE_BODY_LENGTH];
};

struct chunk_slot {
	uint32_t endpoint, pasid;
};

struct chunk_granule {
	uint64_t granule;
};

#define CHUNK_GROUP_PASID    1u
#define CHUNK_GROUP_COMPLETE 2u

struct chunk_group {
	uint32_t endpoint, pasid;
	uint16_t group, flags; /* CHUNK_GROUP_* */
	uint32_t reserved;
};

struct viommu;

/* Write the whole state. */
int state_write(const struct viommu *device, struct stream_writer *writer);

extern const struct layout device_layout, domain_layout, endpoint_layout, mapping_layout,
	table_layout, slot_layout, granule_layout, group_layout;

/* In the order of the stream: by endpoint, then PASID, then group. For qsort(). */
int chunk_slot_compare(const void *a, const void *b);
int chunk_group_compare(const void *a, const void *b);

#endif
