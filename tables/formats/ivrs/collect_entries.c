/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device entries of a topology
 *
 * Ranges of the topology become entries in its order, which is what a table has that somebody made
 * for a machine with just these functions. Behind them come what host bridges leave to an IOMMU,
 * sorted; sources of interrupts; and devices that ACPI names.
 *
 * Readers apply entries in their order, and of ranges the first one counts. So ranges that overlap
 * are written from the last to the first; and where even that would not do, because an entry
 * cannot say that a function bypasses, or because blocks stand in the order of IOMMUs, as the
 * disjoint pieces that the ranges come to.
 */
#include <inttypes.h>

#include "tables/findings/findings.h"
#include "tables/routes/route.h"
#include "write.h"

/* -- one entry ----------------------------------------------------------------------------- */

/* The types of an entry for one function, and of one that begins a range. */
struct entry_types {
	enum ivrs_entry_type one, start;
};

/* The functions of a range that are in the segment of its IOMMU, with what is said of them. */
struct window {
	struct ivrs_unit *unit;
	const struct viommu_pci_range *range;
	uint16_t first, last;
	bool alias;
	uint16_t source; /* if it is an alias */
};

/*
 * An alias has no place for the extended setting, so it goes first; that ATS is lost is told
 * elsewhere.
 */
static struct entry_types types_of(const struct window *window)
{
	if (window->alias)
		return (struct entry_types){ IVRS_ALIAS, IVRS_ALIAS_START };
	if (window->range->no_ats)
		return (struct entry_types){ IVRS_EXTENDED, IVRS_EXTENDED_START };
	return (struct entry_types){ IVRS_SELECT, IVRS_START };
}

/* One entry stands for all functions of the segment, and needs no end. */
static bool is_everything(const struct window *window)
{
	return !window->first && window->last == IVRS_LAST_BDF && !window->alias &&
	       !window->range->no_ats;
}

/* The shortest that says it: all, one, or a range of two entries. */
static unsigned type_of(const struct window *window)
{
	struct entry_types types = types_of(window);

	if (is_everything(window))
		return IVRS_ALL;
	return window->first == window->last ? types.one : types.start;
}

/* One entry, or two for a range that is neither a single function nor all there are. */
static void add_window(const struct window *window)
{
	unsigned type = type_of(window);
	struct ivrs_item *item = ivrs_add_item(window->unit, type, window->range->place);

	item->host.plain.entry.bdf = window->first;
	item->host.plain.entry.setting = (uint8_t)window->range->settings;
	if (window->alias)
		item->host.alias.source = window->source;
	else if (window->range->no_ats)
		item->host.extended.extended = IVRS_NO_ATS;
	if (type != types_of(window).start)
		return;
	item = ivrs_add_item(window->unit, IVRS_END, window->range->place);
	item->host.plain.entry.bdf = window->last;
}

/* -- ranges ---------------------------------------------------------------------------------- */

/*
 * A device ID is that of a function of the segment, or there is no entry for it. False with a
 * finding.
 */
static bool set_source(const struct ivrs_writing *writing, struct window *window)
{
	uint16_t segment = window->unit->iommu->segment;
	uint64_t id = range_id(window->range, segment, window->first);

	window->source = (uint16_t)id;
	window->alias = window->range->one_id || id != function_id(segment, window->first);
	if (id >> 16 != segment) {
		report(writing->findings, "ivrs-silent-id", window->range->place,
		       "choose an ID that is segment << 16 | BDF of a function there",
		       "IVRS has no device ID 0x%" PRIx64 " in segment %04x: left out", id,
		       segment);
		return false;
	}
	if (window->alias && window->range->no_ats)
		report(writing->findings, "ivrs-silent-ats", window->range->place, NULL,
		       "IVRS does not say of an alias that ATS is refused");
	return true;
}

/* IDs of functions that count on, but from another one, are an alias each. */
static void add_functions(const struct ivrs_writing *writing, const struct window *functions)
{
	struct window window = *functions;

	if (!set_source(writing, &window))
		return;
	if (!window.alias || window.range->one_id || window.first == window.last) {
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

/* A range may speak of many segments, and an IOMMU serves one. */
static bool has_segment(const struct viommu_pci_range *range, uint16_t segment)
{
	return range->segment_first <= segment && segment <= range->segment_last;
}

/* At the range, for the IOMMU is fine: its functions elsewhere need one of their own. */
static void blame_segments(const struct ivrs_writing *writing, const struct ivrs_unit *unit,
			   const struct viommu_pci_range *range)
{
	report(writing->findings, "ivrs-silent-segment", range->place,
	       "give these functions to an IOMMU of their own segment",
	       "IOMMU %s serves segment %04x: functions of others are left out", unit->iommu->name,
	       unit->iommu->segment);
}

/*
 * Called for ranges as they stand, and for pieces of them or of host bridges, which look alike.
 * What IOMMUs of other kinds translate has been told with the IOMMU.
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
		blame_segments(writing, unit, range);
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

/* The place of an IOMMU among those that have blocks; -1 for what has none, as what bypasses. */
static int order_of(const struct ivrs_writing *writing, const struct viommu_pci_range *range)
{
	const struct ivrs_unit *unit = ivrs_unit_of(writing, range->iommu);

	return unit ? (int)unit->order : -1;
}

/*
 * May ranges that overlap be written from the last to the first? What counts is the range that
 * stands first, and what is applied last: the last block's.
 */
static bool can_be_turned(const struct ivrs_writing *writing)
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

/*
 * Host bridges are below all ranges, and what is left to them overlaps none: so it may come last
 * whichever way the ranges go.
 */
static void add_as_they_stand(struct ivrs_writing *writing, bool from_last)
{
	size_t n = topology_count(writing->topology, OBJECT_PCI_RANGE);

	for (size_t i = 0; i < n; i++)
		add_range(writing,
			  viommu_topology_pci_range(writing->topology, from_last ? n - 1 - i : i));
	topology_for_each_bridge_range(writing->topology, add_range, writing);
}

/* Pieces always say the same, but are more entries, in an order that nobody wrote. */
static void add_ranges(struct ivrs_writing *writing)
{
	bool overlap = topology_ranges_overlap(writing->topology);

	if (overlap && !can_be_turned(writing))
		viommu_topology_for_each_pci_range(writing->topology, add_range, writing);
	else
		add_as_they_stand(writing, overlap);
}

/* -- the whole --------------------------------------------------------------------------------- */

/*
 * In the order in which firmware writes them: functions, then what sends interrupts, then the
 * rest.
 */
void ivrs_gather(struct ivrs_writing *writing)
{
	add_ranges(writing);
	ivrs_gather_sources(writing);
	ivrs_gather_devices(writing);
}
