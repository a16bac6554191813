/* SPDX-License-Identifier: BSD-3-Clause */
/* Device entries collected for an IOMMU, in the order in which they will be written */
#include <inttypes.h>

#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/routes/route.h"
#include "write.h"

/* The shortest entry has 4 bytes, so more would exceed the length field of a block. */
#define MAX_PENDING (UINT16_MAX / 4)

struct ivrs_unit *ivrs_unit_of(const struct ivrs_writing *writing, const char *iommu)
{
	return iommu ? hash_lookup(writing->by_name, iommu) : NULL;
}

void ivrs_clear_pending(void *opaque)
{
	struct ivrs_pending *pending = opaque;

	if (pending->uid)
		bytes_free(pending->uid);
}

/*
 * A short topology can require an entry for every function, for each IOMMU. Entries that no block
 * could hold are not collected: the first of them fails the table.
 */
static bool has_room(const struct ivrs_unit *unit)
{
	struct ivrs_writing *writing = unit->writing;
	bool full = unit->pending->len >= MAX_PENDING;

	if (writing->failed || (!full && writing->n_pending < IVRS_MAX_STRUCTURES))
		return !writing->failed;
	writing->failed = true;
	report(writing->findings, "ivrs-too-large", unit->iommu->place,
	       "give whole buses or host bridges to an IOMMU instead of single functions",
	       full ? "the device entries of IOMMU %s exceed the 65535 bytes of a block"
		    : "the table has more than 1048576 device entries, at IOMMU %s",
	       unit->iommu->name);
	return false;
}

/* The type is kept twice, because the wire format has it too. */
struct ivrs_pending *ivrs_add_pending(struct ivrs_unit *unit, unsigned type,
				      struct viommu_place place)
{
	struct ivrs_pending new = { .type = type, .place = place };
	struct ivrs_pending *spare = &unit->writing->spare;

	new.host.plain.entry.type = (uint8_t)type;
	if (!has_room(unit)) {
		ivrs_clear_pending(spare);
		*spare = new;
		return spare;
	}
	unit->writing->n_pending++;
	array_append(unit->pending, new);
	return &array_index(unit->pending, struct ivrs_pending, unit->pending->len - 1);
}
