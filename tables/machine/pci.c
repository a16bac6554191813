/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of a machine's PCI functions: they can exist, and have one IOMMU
 *
 * The MCFG lists all segments and their buses. A table may cover whole segments, including buses
 * that do not exist, but not only those.
 *
 * If two tables have IOMMUs for one function, Linux tries them one after the other, IORT before
 * VIOT, and takes the first answer.
 */
#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "machine.h"

#define BUS_SHIFT 8

/* -- segments and buses -------------------------------------------------------- */

/* Buses that a table covers, in a segment. */
struct window {
	unsigned segment_first, segment_last, bus_first, bus_last;
	struct viommu_place place;
};

static struct window window_of_bridge(const struct viommu_host_bridge *bridge)
{
	return (struct window){ bridge->segment, bridge->segment, bridge->bus_first,
				bridge->bus_last, bridge->place };
}

static struct window window_of_range(const struct viommu_pci_range *range)
{
	return (struct window){ range->segment_first, range->segment_last,
				range->bdf_first >> BUS_SHIFT, range->bdf_last >> BUS_SHIFT,
				range->place };
}

typedef void window_function(const struct machine *machine, const struct window *window);

/*
 * Firmware of AMD lists functions up to ff:1f.7, some of bus ff by themselves, and ff:00.0-ff:1f.7
 * as aliases of the southbridge, whatever buses there are.
 */
static bool is_template(const struct description *description, const struct viommu_pci_range *range)
{
	return description->table->format == &ivrs_format &&
	       (range->shared_id || range->bdf_last >> BUS_SHIFT == UINT8_MAX);
}

/* Host bridges and ranges alike. */
static void for_each_window(const struct machine *machine, window_function *look)
{
	const struct description *description;
	const struct viommu_host_bridge *bridge;
	const struct viommu_pci_range *range;
	struct window window;

	for_each_description(description, machine) {
		for_each_object(i, bridge, description->topology, OBJECT_HOST_BRIDGE) {
			window = window_of_bridge(bridge);
			look(machine, &window);
		}
		for_each_object(i, range, description->topology, OBJECT_PCI_RANGE) {
			window = window_of_range(range);
			if (!is_template(description, range))
				look(machine, &window);
		}
	}
}

/* NULL: the MCFG does not have the segment. */
static const struct buses *find_buses(const struct machine *machine, unsigned segment)
{
	return hash_lookup(machine->buses, GUINT_TO_POINTER(segment));
}

/* A segment has 256 buses and so a bit for each. */
static bool has_bus(const struct buses *buses, unsigned bus)
{
	return buses && buses->bits[bus / 8] & 1u << bus % 8;
}

/* One existing bus is enough: tables leave room for hotplug. */
static bool has_any(const struct buses *buses, const struct window *window)
{
	for (unsigned bus = window->bus_first; bus <= window->bus_last; bus++)
		if (has_bus(buses, bus))
			return true;
	return false;
}

/* Reports only the first missing segment. */
static void check_window_segments(const struct machine *machine, const struct window *window)
{
	unsigned segment = window->segment_first;

	while (segment <= window->segment_last && find_buses(machine, segment))
		segment++;
	if (segment <= window->segment_last)
		report(machine->findings, machine->rule_id, window->place,
		       "omit it, or add the segment to the MCFG",
		       "PCI segment 0x%04x is not in the MCFG", segment);
}

/* One segment is enough: the buses are the same in all of them. */
static void check_window_buses(const struct machine *machine, const struct window *window)
{
	const struct buses *buses = find_buses(machine, window->segment_first);

	if (buses && !has_any(buses, window))
		report(machine->findings, machine->rule_id, window->place,
		       "write the buses that the firmware assigned",
		       "none of the buses %02x-%02x is in the MCFG", window->bus_first,
		       window->bus_last);
}

/* Without an MCFG, the segments are unknown. */
void machine_check_segments(const struct machine *machine)
{
	if (machine->buses)
		for_each_window(machine, check_window_segments);
}

/* Without an MCFG, the buses are unknown. */
void machine_check_buses(const struct machine *machine)
{
	if (machine->buses)
		for_each_window(machine, check_window_buses);
}

/* The driver has to find the IOMMU's function before it can translate. */
void machine_check_functions(const struct machine *machine)
{
	const struct description *description;
	const struct viommu_iommu *iommu;

	if (!machine->buses)
		return;
	for_each_description(description, machine)
		for_each_object(i, iommu, description->topology, OBJECT_IOMMU)
			if (iommu_is_function(iommu) &&
			    !has_bus(find_buses(machine, iommu->segment), iommu->bdf >> BUS_SHIFT))
				report(machine->findings, machine->rule_id, iommu->place,
				       "write the function that the firmware assigned",
				       "the function of an IOMMU is on no bus of the MCFG");
}

/* -- one IOMMU per function ---------------------------------------------------- */

/*
 * Functions behind an IOMMU, as positions `segment << 16 | BDF`.
 */
struct claim {
	uint32_t first, last;
	struct viommu_place place;
};

/* One claim per segment, so that claims can be sorted. */
static void claim_range(void *opaque, const struct viommu_pci_range *range)
{
	struct array *claims = opaque;

	for (unsigned s = range->segment_first; s <= range->segment_last; s++) {
		struct claim claim = { s << 16 | range->bdf_first, s << 16 | range->bdf_last,
				       range->place };

		array_append(claims, claim);
	}
}

/* By start only, since the claims of one table are disjoint. */
static gint compare_claims(gconstpointer a, gconstpointer b)
{
	const struct claim *one = a, *other = b;

	return (one->first > other->first) - (one->first < other->first);
}

/* Pieces are disjoint, but sorted only within a segment. */
static struct array *claims_of(const struct description *description)
{
	struct array *claims = array_new(sizeof(struct claim));

	topology_for_each_pci_range(description->topology, claim_range, claims);
	array_sort(claims, compare_claims);
	return claims;
}

/* The claims of each table are disjoint, so one pass over both lists is enough. */
static const struct claim *find_common(const struct array *ours, const struct array *theirs)
{
	guint i = 0, k = 0;

	while (i < ours->len && k < theirs->len) {
		const struct claim *our = &array_index(ours, struct claim, i);
		const struct claim *their = &array_index(theirs, struct claim, k);

		if (our->first <= their->last && their->first <= our->last)
			return their;
		if (our->last < their->first)
			i++;
		else
			k++;
	}
	return NULL;
}

/* One finding per pair of tables: they usually share everything or nothing. */
static void compare_tables(const struct machine *machine, const struct description *one,
			   const struct description *other)
{
	struct array *ours = claims_of(one), *theirs = claims_of(other);
	const struct claim *common = find_common(ours, theirs);

	if (common)
		report(machine->findings, machine->rule_id, common->place,
		       "describe the functions in one table only",
		       "%s and %s have different IOMMUs for the same functions",
		       other->table->signature, one->table->signature);
	array_free(ours);
	array_free(theirs);
}

/* Each pair once; there are few tables. */
void machine_check_both(const struct machine *machine)
{
	for (guint i = 0; i < machine->descriptions->len; i++)
		for (guint k = i + 1; k < machine->descriptions->len; k++)
			compare_tables(machine, machine->descriptions->pdata[i],
				       machine->descriptions->pdata[k]);
}
