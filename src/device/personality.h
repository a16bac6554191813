/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_PERSONALITY_H
#define VIOMMU_DEVICE_PERSONALITY_H

#include "device/core.h"
#include "wire/layout.h"

/*
 * A personality: what a device looks like on the wire
 *
 * The native one speaks virtio 1.3 and the proposal; the others speak a published draft
 * (docs/drafts.md). A personality is tables: the requests that exist, their layouts, and a
 * translation of a request as sent into the native one, which is executed. So the core knows only
 * native requests, formats and features.
 */

/* The number of a format in a draft. Others cannot be expressed there. */
struct format_number {
	uint16_t native, draft; /* VIOMMU_TABLE_*, VIOMMU_DRAFT_C_FORMAT_*, ... */
};

/* Statuses that a draft has others for: `from` becomes `to`. */
struct status_change {
	uint8_t from, to;
};

struct request_row {
	const struct layout *layout;
	uint64_t feature; /* native; if not accepted, the type is unknown */
	uint8_t (*run)(struct viommu *device, const union request *request);

	/* Make the native request for `run`. Returns a status: OK, or to answer without running.
	 * NULL: the request as sent is the native one. */
	uint8_t (*translate)(const struct viommu *device, const union request *sent,
			     union request *ret_native);
	struct status_change change;
};

/* The list of properties. `used` continues to count if there is no room. */
struct answer {
	uint8_t *properties;
	size_t room, used;
};

void answer_append(struct answer *answer, const struct layout *layout, const void *property);

struct personality {
	const char *name;
	const struct request_row *rows; /* by type */
	size_t n_rows;

	uint64_t table_bit;                    /* the feature bit for VIOMMU_F_TABLE */
	uint64_t defaults, required, excluded; /* native features */
	uint64_t pasids_need;                  /* the native feature for PASIDs of an endpoint */
	bool reports_pasids;                   /* fault records have a PASID */

	const struct format_number *formats; /* NULL: all, by their native numbers */
	size_t n_formats;
	void (*append_properties)(struct answer *answer, const struct endpoint *endpoint);
};

extern const struct personality personality_native, personality_draft_c, personality_draft_e;

/* By VIOMMU_PERSONALITY_* (personalities.c); NULL: unknown. */
const struct personality *personality_find(uint32_t number);

/* May a device have these native features? */
bool personality_permits(const struct personality *personality, uint64_t features);

/* Can its requests and properties express the format? */
bool personality_has_format(const struct personality *personality, uint16_t native);

/* The native format with that number, or 0. */
uint16_t personality_native_format(const struct personality *personality, uint16_t draft);

/* Feature bits as a driver sees them, and back. */
uint64_t personality_offer(const struct personality *personality, uint64_t native);
uint64_t personality_accept(const struct personality *personality, uint64_t features);

/* Properties of the proposal (probe.c). */
void probe_append_proposal(struct answer *answer, const struct endpoint *endpoint);

/* Layouts of the standard, which drafts have as well (requests.c). */
extern const struct layout attach_layout, detach_layout, map_layout, unmap_layout, probe_layout;

/* INVALIDATE of draft E, with the fields of the native one (requests.c). */
extern const struct layout draft_e_invalidate_layout;

#endif
