/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device entries of a topology
 *
 * Ranges of the topology become entries in their order, so that a table that was read is generated
 * as it was. Entries for the rest of host bridges follow, sorted; then interrupt sources and ACPI
 * devices.
 *
 * Readers apply entries in order, while of ranges the first one counts. So overlapping ranges are
 * written in reverse order. Where that does not suffice, because no entry can make a function
 * bypass, or because blocks follow the order of IOMMUs, the ranges are split into disjoint pieces.
 */
#include <inttypes.h>

#include "tables/findings/findings.h"
#include "tables/routes/route.h"
#include "write.h"

/* -- one entry ----------------------------------------------------------------------------- */

/* The entry types for one function and for the start of a range. */
struct entry_types {
	enum ivrs_entry_type one, start;
};

/* The functions of a range in the segment of its IOMMU. */
struct window {
	struct ivrs_unit *unit;
	const struct viommu_pci_range *range;
	uint16_t first, last;
	bool alias;
	uint16_t source; /* if it is an alias */
};

/*
 * An alias entry cannot carry the extended setting, so the alias takes precedence; set_source()
 * reports the loss.
 */
static struct entry_types types_of(const struct window *window)
{
	if (window->alias)
		return (struct entry_types){ IVRS_ALIAS, IVRS_ALIAS_START };
	if (window->range->no_ats)
		return (struct entry_types){ IVRS_EXTENDED, IVRS_EXTENDED_START };
	return (struct entry_types){ IVRS_SELECT, IVRS_START };
}

/* All functions of the segment need one entry and no end. */
static bool is_everything(const struct window *window)
{
	return !window->first && window->last == IVRS_LAST_BDF && !window->alias &&
	       !window->range->no_ats;
}

static unsigned type_of(const struct window *window)
{
	struct entry_types types = types_of(window);

	if (is_everything(window))
		return IVRS_ALL;
	return window->first == window->last ? types.one : types.start;
}

static void add_window(const struct window *window)
{
	unsigned type = type_of(window);
	struct ivrs_pending *pending = ivrs_add_pending(window->unit, type, window->range->place);

	pending->host.plain.entry.bdf = window->first;
	pending->host.plain.entry.setting = (uint8_t)window->range->settings;
	if (window->alias)
		pending->host.alias.source = window->source;
	else if (window->range->no_ats)
		pending->host.extended.extended = IVRS_NO_ATS;
	if (type != types_of(window).start)
		return;
	pending = ivrs_add_pending(window->unit, IVRS_END, window->range->place);
	pending->host.plain.entry.bdf = window->last;
}

/* -- ranges ---------------------------------------------------------------------------------- */

/* A device ID must be that of a function of the segment; otherwise false, with a finding. */
static bool set_source(const struct ivrs_writing *writing, struct window *window)
{
	uint16_t segment = window->unit->iommu->segment;
	uint64_t id = range_id(window->range, segment, window->first);

	window->source = (uint16_t)id;
	window->alias = window->range->shared_id || id != function_id(segment, window->first);
	if (id >> 16 != segment) {
		report(writing->findings, "ivrs-silent-id", window->range->place,
		       "use segment << 16 | BDF of a function of that segment",
		       "device ID 0x%" PRIx64
		       " is not in segment %04x of the IOMMU: the range was omitted",
		       id, segment);
		return false;
	}
	if (window->alias && window->range->no_ats)
		report(writing->findings, "ivrs-silent-ats", window->range->place, NULL,
		       "IVRS cannot refuse ATS requests of an alias");
	return true;
}

/* Consecutive IDs that differ from the BDFs need an alias each. */
static void add_functions(const struct ivrs_writing *writing, const struct window *functions)
{
	struct window window = *functions;

	if (!set_source(writing, &window))
		return;
	if (!window.alias || window.range->shared_id || window.first == window.last) {
		add_window(&window);
		return;
	}
	for (unsigned bdf = functions->first; !writing->failed && bdf <= functions->last; bdf++) {
		window.first = window.last = (uint16_t)bdf;
		if (!set_source(writing, &window))
			return;
		add_window(&window);
	}
}

static bool has_segment(const struct viommu_pci_range *range, uint16_t segment)
{
	return range->segment_first <= segment && segment <= range->segment_last;
}

static void report_segments(const struct ivrs_writing *writing, const struct ivrs_unit *unit,
			    const struct viommu_pci_range *range)
{
	report(writing->findings, "ivrs-silent-segment", range->place,
	       "give these functions an IOMMU of their segment",
	       "IOMMU %s serves segment %04x: functions of other segments were omitted",
	       unit->iommu->name, unit->iommu->segment);
}

/*
 * Called for ranges, and for pieces of ranges and host bridges. Rows in ivrs.c report IOMMUs of
 * other kinds.
 */
static void add_range(void *opaque, const struct viommu_pci_range *range)
{
	const struct ivrs_writing *writing = opaque;
	struct ivrs_unit *unit = ivrs_unit_of(writing, range->iommu);
	uint16_t first, last;

	if (!unit || !range_is_known(range))
		return;
	if (range->segment_first != range->segment_last ||
	    !has_segment(range, unit->iommu->segment))
		report_segments(writing, unit, range);
	if (!has_segment(range, unit->iommu->segment))
		return;
	add_functions(writing, &(struct window){ .unit = unit,
						 .range = range,
						 .first = range->bdf_first,
						 .last = range->bdf_last });
	if (range_below(range, &first, &last))
		add_functions(writing,
			      &(struct window){
				      .unit = unit, .range = range, .first = first, .last = last });
}

/* -- the order of ranges ---------------------------------------------------------------------- */

/* The index of the IOMMU among the units; -1 if it has none, or if the range bypasses. */
static int order_of(const struct ivrs_writing *writing, const struct viommu_pci_range *range)
{
	const struct ivrs_unit *unit = ivrs_unit_of(writing, range->iommu);

	return unit ? (int)unit->order : -1;
}

/*
 * May overlapping ranges be written in reverse order? In a topology the first range counts, in a
 * table the last entry of the last block.
 */
static bool can_be_reversed(const struct ivrs_writing *writing)
{
	const struct viommu_pci_range *range;
	int before = G_MAXINT;

	for_each_object(i, range, writing->topology, OBJECT_PCI_RANGE) {
		int order = order_of(writing, range);

		if (order < 0 || order > before)
			return false;
		before = order;
	}
	return true;
}

/* What is left to host bridges overlaps no range, so it may come last in either order. */
static void add_unsplit(struct ivrs_writing *writing, bool from_last)
{
	size_t n = topology_count(writing->topology, OBJECT_PCI_RANGE);

	for (size_t i = 0; i < n; i++)
		add_range(writing,
			  viommu_topology_pci_range(writing->topology, from_last ? n - 1 - i : i));
	topology_for_each_bridge_range(writing->topology, add_range, writing);
}

/* Pieces are always correct, but need more entries. */
static void add_ranges(struct ivrs_writing *writing)
{
	bool overlap = topology_ranges_overlap(writing->topology);

	if (overlap && !can_be_reversed(writing))
		topology_for_each_pci_range(writing->topology, add_range, writing);
	else
		add_unsplit(writing, overlap);
}

/* -- the whole --------------------------------------------------------------------------------- */

/* In the order of firmware: functions, interrupt sources, ACPI devices. */
void ivrs_collect_entries(struct ivrs_writing *writing)
{
	add_ranges(writing);
	ivrs_collect_sources(writing);
	ivrs_collect_devices(writing);
}
