/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules about numbers that must not be claimed twice, or that somebody must claim
 *
 * Buses, functions, addresses and IDs are all alike here: an object claims a range of numbers
 * within a group, which is a segment or an IOMMU. Claims are sorted once, and then one walk
 * finds each claim that begins before an earlier one has ended; so a rule costs O(n log n)
 * and has at most one finding for each claim.
 */
#include "base/array.h"
#include "base/hash.h"
#include "check.h"

#define BUS_SHIFT  8
#define LAST_DEVFN 0xff
#define ONE_GROUP  0

/* -- buses and functions ------------------------------------------------------ */

/* Buses as functions, so that functions can be looked up among them. */
static struct array *claims_of_bridges(const struct viommu_topology *topology)
{
	const struct viommu_host_bridge *bridge;
	struct array *claims = claims_new();

	for_each_object(i, bridge, topology, OBJECT_HOST_BRIDGE)
		claims_add(claims, bridge->segment, (uint64_t)bridge->bus_first << BUS_SHIFT,
			   (uint64_t)bridge->bus_last << BUS_SHIFT | LAST_DEVFN,
			   (struct subject){ OBJECT_HOST_BRIDGE, bridge, i });
	return claims;
}

void check_bridges_overlap(const struct check *check)
{
	claims_blame_overlaps(check, claims_of_bridges(check->topology), "have buses in common",
			      "give each host bridge buses of its own");
}

/* Those below a bridge too; at the end of a path nobody knows which function is meant. */
static void claim_functions(struct array *claims, const struct viommu_pci_range *range, size_t i)
{
	struct subject subject = { OBJECT_PCI_RANGE, range, i };
	uint16_t first, last;

	if (!range_is_known(range))
		return;
	for (unsigned s = range->segment_first; s <= range->segment_last; s++) {
		claims_add(claims, s, range->bdf_first, range->bdf_last, subject);
		if (range_below(range, &first, &last))
			claims_add(claims, s, first, last, subject);
	}
}

/* Firmware of AMD writes one range over another on purpose: entries of an IVRS have an order. */
static bool is_behind_amd(const struct check *check, const char *name)
{
	const struct viommu_iommu *iommu = viommu_topology_find_iommu(check->topology, name);

	return iommu && iommu->kind == VIOMMU_AMD_VI;
}

/*
 * Segment by segment, since that is how ranges overlap; VIOMMU_MAX_SEGMENTS bounds how many
 * claims there can be.
 */
void check_ranges_overlap(const struct check *check)
{
	const struct viommu_pci_range *range;
	struct array *claims = claims_new();

	for_each_object(i, range, check->topology, OBJECT_PCI_RANGE)
		if (!is_behind_amd(check, range->iommu))
			claim_functions(claims, range, i);
	claims_blame_overlaps(check, claims, "have functions in common",
			      "make ranges disjoint: readers do not agree who wins");
}

/* An AMD-Vi has registers as well; only where its function is counts here. */
void check_functions_twice(const struct check *check)
{
	const struct viommu_iommu *iommu;
	struct array *claims = claims_new();

	for_each_object(i, iommu, check->topology, OBJECT_IOMMU)
		if (iommu_is_function(iommu))
			claims_add(claims, iommu->segment, iommu->bdf, iommu->bdf,
				   (struct subject){ OBJECT_IOMMU, iommu, i });
	claims_blame_overlaps(check, claims, "are at the same PCI function",
			      "put each IOMMU at a function of its own");
}

/* Without any host bridge, as in a VIOT, nothing is known of them. */
static bool knows_bridges(const struct check *check)
{
	return topology_count(check->topology, OBJECT_HOST_BRIDGE);
}

/*
 * A guest finds the function of an IOMMU by scanning a bus. Where no host bridge has that bus,
 * nobody scans it.
 */
void check_iommus_outside(const struct check *check)
{
	struct array *bridges = claims_of_bridges(check->topology);
	const struct viommu_iommu *iommu;

	claims_sort(bridges);
	for_each_object(i, iommu, check->topology, OBJECT_IOMMU)
		if (knows_bridges(check) && iommu_is_function(iommu) &&
		    !claims_find(bridges, iommu->segment, iommu->bdf))
			check_blame(check, &(struct subject){ OBJECT_IOMMU, iommu, i },
				    "put it on a bus of a host bridge, or add the host bridge",
				    "no host bridge has the PCI function of IOMMU %s", iommu->name);
	array_free(bridges);
}

/* Looking at both ends is enough: a bus missing in between may be one that hotplug brings. */
static bool range_is_outside(const struct array *bridges, const struct viommu_pci_range *range)
{
	for (unsigned s = range->segment_first; s <= range->segment_last; s++)
		if (!claims_find(bridges, s, range->bdf_first) ||
		    !claims_find(bridges, s, range->bdf_last))
			return true;
	return false;
}

/* Bridges are sorted once, so that each range finds its own without going through all. */
void check_ranges_outside(const struct check *check)
{
	struct array *bridges = claims_of_bridges(check->topology);
	const struct viommu_pci_range *range;

	claims_sort(bridges);
	for_each_object(i, range, check->topology, OBJECT_PCI_RANGE)
		if (knows_bridges(check) && range_is_outside(bridges, range))
			check_blame(check, &(struct subject){ OBJECT_PCI_RANGE, range, i },
				    "correct the segment or the buses, or add the host bridge",
				    "the range begins or ends on a bus that no host bridge has");
	array_free(bridges);
}

/*
 * VIOT has no field for the node of an IOMMU: what a guest believes comes from the host
 * bridge, and what the topology says of the function would be lost.
 */
void check_domains_differ(const struct check *check)
{
	struct array *bridges = claims_of_bridges(check->topology);
	const struct viommu_iommu *iommu;

	claims_sort(bridges);
	for_each_object(i, iommu, check->topology, OBJECT_IOMMU) {
		const struct viommu_host_bridge *bridge;
		const struct claim *on;

		if (!iommu_is_function(iommu) || !iommu->has_proximity_domain)
			continue;
		on = claims_find(bridges, iommu->segment, iommu->bdf);
		bridge = on ? on->subject.object : NULL;
		if (bridge && bridge->has_proximity_domain &&
		    bridge->proximity_domain != iommu->proximity_domain)
			check_blame(
				check, &(struct subject){ OBJECT_IOMMU, iommu, i },
				"give both the same, or put the IOMMU on a host bridge of its node",
				"IOMMU %s has proximity domain %u, and its host bridge has %u",
				iommu->name, iommu->proximity_domain, bridge->proximity_domain);
	}
	array_free(bridges);
}

/* -- addresses ---------------------------------------------------------------- */

/* A span that is left out is as the kind has it; one byte is certain. */
static uint64_t window_last(const struct viommu_iommu *iommu)
{
	return iommu->span ? iommu->base + (iommu->span - 1) : iommu->base;
}

/*
 * Devices have no span here, just where they begin, if anybody knows: enough to see two of them at
 * one place, or one inside an IOMMU.
 */
void check_windows_overlap(const struct check *check)
{
	const struct viommu_platform_device *device;
	const struct viommu_iommu *iommu;
	struct array *claims = claims_new();

	for_each_object(i, iommu, check->topology, OBJECT_IOMMU)
		if (iommu_has_window(iommu))
			claims_add(claims, ONE_GROUP, iommu->base, window_last(iommu),
				   (struct subject){ OBJECT_IOMMU, iommu, i });
	for_each_object(i, device, check->topology, OBJECT_PLATFORM_DEVICE)
		if (device->base)
			claims_add(claims, ONE_GROUP, device->base, device->base,
				   (struct subject){ OBJECT_PLATFORM_DEVICE, device, i });
	claims_blame_overlaps(check, claims, "have register addresses in common",
			      "correct `at` or `span`: everything has registers of its own");
}

/*
 * Memory of one IOMMU, of the same of its IDs, or of the same functions. Devices with different IDs
 * may each have the same addresses: an RMR node says so of all that it maps.
 */
static char *whose_memory(const struct viommu_reserved_memory *memory)
{
	if (!memory->iommu)
		return memory_printf("functions %x %x %x", memory->segment, memory->bdf_first,
				     memory->bdf_last);
	if (!memory->has_ids)
		return memory_printf("all %s", memory->iommu);
	return memory_printf("ids %x %x %s", memory->id_first, memory->id_last, memory->iommu);
}

/* Groups are numbered as they come, which is the same order on every host. */
static uint64_t group_of_memory(struct hash *groups, const struct viommu_reserved_memory *memory)
{
	char *whose = whose_memory(memory);
	gpointer group = hash_lookup(groups, whose);

	if (!group) {
		group = GUINT_TO_POINTER(hash_size(groups) + 1);
		hash_insert(groups, g_steal_pointer(&whose), group);
	}
	memory_free(whose);
	return GPOINTER_TO_UINT(group);
}

/*
 * Two IOMMUs have address spaces of their own: the same addresses are nothing to do with each
 * other there.
 */
void check_memory_overlap(const struct check *check)
{
	auto_hash struct hash *groups = hash_new_full(&hash_text, memory_free, NULL);
	const struct viommu_reserved_memory *memory;
	struct array *claims = claims_new();

	for_each_object(i, memory, check->topology, OBJECT_RESERVED_MEMORY)
		claims_add(claims, group_of_memory(groups, memory), memory->first, memory->last,
			   (struct subject){ OBJECT_RESERVED_MEMORY, memory, i });
	claims_blame_overlaps(check, claims, "have addresses in common",
			      "say of each address once what is special about it");
}
