/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device entries being collected for one IOMMU, in the order they will be written
 */
#include <inttypes.h>

#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/routes/route.h"
#include "write.h"

/* The shortest entry has 4 bytes, so this many of them are a block whose length is out of range. */
#define MOST_ITEMS (UINT16_MAX / 4)

/* Names come from the text, so this is asked once for each range. */
struct ivrs_unit *ivrs_unit_of(const struct ivrs_writing *writing, const char *iommu)
{
	return iommu ? hash_lookup(writing->by_name, iommu) : NULL;
}

/* A unique ID is all that an item owns. */
void ivrs_clear_item(void *opaque)
{
	struct ivrs_item *item = opaque;

	if (item->uid)
		bytes_free(item->uid);
}

/*
 * A few words of a topology can stand for an entry of every function there is, behind one IOMMU
 * after the other. What no block could hold is not gathered: the first of it ends the table.
 */
static bool has_room(const struct ivrs_unit *unit)
{
	struct ivrs_writing *writing = unit->writing;
	bool full = unit->items->len >= MOST_ITEMS;

	if (writing->failed || (!full && writing->n_items < IVRS_MAX_STRUCTURES))
		return !writing->failed;
	writing->failed = true;
	report(writing->findings, "ivrs-too-large", unit->iommu->place,
	       "give whole buses or host bridges to an IOMMU instead of single functions",
	       full ? "device entries of IOMMU %s are more than the 65535 bytes that a block has"
		    : "up to IOMMU %s a table has more device entries than the 1048576 that are "
		      "read",
	       unit->iommu->name);
	return false;
}

/*
 * What an item does not say is 0. Its type is kept twice, as every entry on the wire begins with
 * it.
 */
struct ivrs_item *ivrs_add_item(struct ivrs_unit *unit, unsigned type, struct viommu_place place)
{
	struct ivrs_item new = { .type = type, .place = place };
	struct ivrs_item *spare = &unit->writing->spare;

	new.host.plain.entry.type = (uint8_t)type;
	if (!has_room(unit)) {
		ivrs_clear_item(spare);
		*spare = new;
		return spare;
	}
	unit->writing->n_items++;
	array_append(unit->items, new);
	return &array_index(unit->items, struct ivrs_item, unit->items->len - 1);
}
