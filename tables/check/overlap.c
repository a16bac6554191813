/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules about overlapping buses, functions, addresses and memory, and about functions without a
 * host bridge
 *
 * An object claims an interval of numbers in a group, such as a segment or an IOMMU (claims.c).
 */
#include "base/array.h"
#include "base/hash.h"
#include "check.h"

#define BUS_SHIFT  8
#define LAST_DEVFN 0xff
#define ONE_GROUP  0

/* -- buses and functions ------------------------------------------------------ */

/* Buses as intervals of functions, so that functions can be looked up. */
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
	claims_report_overlaps(check, claims_of_bridges(check->topology), "have buses in common",
			       "give each host bridge buses of its own");
}

/* Includes the functions below a bridge. The function at the end of a path is unknown. */
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

/* Firmware of AMD writes overlapping ranges on purpose: the entries of an IVRS are ordered. */
static bool is_behind_amd(const struct check *check, const char *name)
{
	const struct viommu_iommu *iommu = viommu_topology_find_iommu(check->topology, name);

	return iommu && iommu->kind == VIOMMU_AMD_VI;
}

/* By segment; VIOMMU_MAX_SEGMENTS bounds the number of claims. */
void check_ranges_overlap(const struct check *check)
{
	const struct viommu_pci_range *range;
	struct array *claims = claims_new();

	for_each_object(i, range, check->topology, OBJECT_PCI_RANGE)
		if (!is_behind_amd(check, range->iommu))
			claim_functions(claims, range, i);
	claims_report_overlaps(check, claims, "have functions in common",
			       "make ranges disjoint: readers do not agree who wins");
}

/*
 * The furthest claim of one IOMMU, and the furthest of any other: enough to see that a later claim
 * overlaps one of another IOMMU.
 */
struct reach {
	const struct claim *furthest, *other;
};

static const char *iommu_of(const struct claim *claim)
{
	return ((const struct viommu_pci_range *)claim->subject.object)->iommu;
}

static bool is_of_other(const struct claim *before, const struct claim *claim)
{
	return before && before->group == claim->group && claim->first <= before->last &&
	       strcmp(iommu_of(before), iommu_of(claim)) != 0;
}

static void reach_add(struct reach *reach, const struct claim *claim)
{
	if (!reach->furthest || reach->furthest->group != claim->group) {
		*reach = (struct reach){ claim, NULL };
	} else if (!strcmp(iommu_of(reach->furthest), iommu_of(claim))) {
		if (claim->last > reach->furthest->last)
			reach->furthest = claim;
	} else if (claim->last > reach->furthest->last) {
		*reach = (struct reach){ claim, reach->furthest };
	} else if (!reach->other || claim->last > reach->other->last) {
		reach->other = claim;
	}
}

/*
 * Entries of one IVRS block overlap on purpose, since they have an order. Two IOMMUs cannot have
 * one function: Linux's lookup table keeps the later one. Aliases do not count: firmware lists
 * ff:00.0 to ff:1f.7 as aliases of the southbridge, whatever buses there are.
 */
void check_amd_ranges_overlap(const struct check *check)
{
	const struct viommu_pci_range *range;
	struct array *claims = claims_new();
	struct reach reach = { NULL, NULL };

	for_each_object(i, range, check->topology, OBJECT_PCI_RANGE)
		if (is_behind_amd(check, range->iommu) && !range->shared_id)
			claim_functions(claims, range, i);
	claims_sort(claims);
	for (size_t i = 0; i < claims->len; i++) {
		const struct claim *claim = claim_at(claims, i);

		if (is_of_other(reach.furthest, claim) || is_of_other(reach.other, claim))
			check_report(
				check, &claim->subject,
				"list each function with one IOMMU: readers keep the later one",
				"the range and one of another IOMMU have functions in common");
		reach_add(&reach, claim);
	}
	array_free(claims);
}

/* Only the PCI function of an AMD-Vi counts here, not its registers. */
void check_functions_twice(const struct check *check)
{
	const struct viommu_iommu *iommu;
	struct array *claims = claims_new();

	for_each_object(i, iommu, check->topology, OBJECT_IOMMU)
		if (iommu_is_function(iommu))
			claims_add(claims, iommu->segment, iommu->bdf, iommu->bdf,
				   (struct subject){ OBJECT_IOMMU, iommu, i });
	claims_report_overlaps(check, claims, "are at the same PCI function",
			       "put each IOMMU at a function of its own");
}

/* Without host bridges, as in a VIOT, buses are unknown. */
static bool knows_bridges(const struct check *check)
{
	return topology_count(check->topology, OBJECT_HOST_BRIDGE);
}

/* A guest finds the IOMMU's function by scanning a bus, which a host bridge must have. */
void check_iommus_outside(const struct check *check)
{
	struct array *bridges = claims_of_bridges(check->topology);
	const struct viommu_iommu *iommu;

	claims_sort(bridges);
	for_each_object(i, iommu, check->topology, OBJECT_IOMMU)
		if (knows_bridges(check) && iommu_is_function(iommu) &&
		    !claims_find(bridges, iommu->segment, iommu->bdf))
			check_report(check, &(struct subject){ OBJECT_IOMMU, iommu, i },
				     "put it on a bus of a host bridge, or add the host bridge",
				     "no host bridge has the PCI function of IOMMU %s",
				     iommu->name);
	array_free(bridges);
}

/* Checks both ends only: hotplug may add a bus in between. */
static bool range_is_outside(const struct array *bridges, const struct viommu_pci_range *range)
{
	for (unsigned s = range->segment_first; s <= range->segment_last; s++)
		if (!claims_find(bridges, s, range->bdf_first) ||
		    !claims_find(bridges, s, range->bdf_last))
			return true;
	return false;
}

/* Sorts the bridges once, and searches them for each range. */
void check_ranges_outside(const struct check *check)
{
	struct array *bridges = claims_of_bridges(check->topology);
	const struct viommu_pci_range *range;

	claims_sort(bridges);
	for_each_object(i, range, check->topology, OBJECT_PCI_RANGE)
		if (knows_bridges(check) && range_is_outside(bridges, range))
			check_report(check, &(struct subject){ OBJECT_PCI_RANGE, range, i },
				     "correct the segment or the buses, or add the host bridge",
				     "the range begins or ends on a bus that no host bridge has");
	array_free(bridges);
}

/*
 * VIOT has no proximity domain for an IOMMU. The guest uses that of the host bridge, and the
 * IOMMU's own would be lost.
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
			check_report(
				check, &(struct subject){ OBJECT_IOMMU, iommu, i },
				"give both the same, or put the IOMMU on a host bridge of its node",
				"IOMMU %s has proximity domain %u, and its host bridge has %u",
				iommu->name, iommu->proximity_domain, bridge->proximity_domain);
	}
	array_free(bridges);
}

/* -- addresses ---------------------------------------------------------------- */

/* ThunderX2 has no page 1 of SMMUv3 registers. */
#define MODEL_THUNDER_X2 2

/* Counters of an AMD-Vi, in its features or in its EFR: registers up to 512 KiB. */
#define AMD_COUNTERS     (0xfu << 13)
#define AMD_BANKS        (0x3fu << 17)
#define AMD_EFR_COUNTERS (UINT64_C(1) << 9)

static bool has_counters(const struct viommu_iommu *iommu)
{
	if (iommu->amd.efr)
		return iommu->amd.efr & AMD_EFR_COUNTERS;
	return iommu->amd.features & AMD_COUNTERS && iommu->amd.features & AMD_BANKS;
}

/* Bytes of registers of each kind where no span is given: at least that many. */
static uint64_t least_span(const struct viommu_iommu *iommu)
{
	static const uint64_t spans[] = {
		[VIOMMU_VIRTIO_MMIO] = 0x200, [VIOMMU_SMMU_V3] = 0x20000, [VIOMMU_SMMU_V2] = 0x1000,
		[VIOMMU_VTD] = 0x1000,        [VIOMMU_AMD_VI] = 0x4000,   [VIOMMU_RISCV] = 0x1000,
	};

	if (iommu->kind == VIOMMU_AMD_VI && has_counters(iommu))
		return 0x80000;
	if (iommu->kind == VIOMMU_SMMU_V3 && iommu->smmu.model == MODEL_THUNDER_X2)
		return 0x10000;
	return (size_t)iommu->kind < G_N_ELEMENTS(spans) && spans[iommu->kind] ? spans[iommu->kind]
									       : 1;
}

static uint64_t window_last(const struct viommu_iommu *iommu)
{
	uint64_t span = iommu->span ? iommu->span : least_span(iommu);

	return span - 1 > UINT64_MAX - iommu->base ? UINT64_MAX : iommu->base + (span - 1);
}

/*
 * Devices have only a base, if any: enough to find two devices at one address, or one inside an
 * IOMMU. One without a name that begins where a virtio-iommu does is that IOMMU, behind another.
 */
void check_windows_overlap(const struct check *check)
{
	auto_hash struct hash *iommus = hash_new(&hash_number);
	const struct viommu_platform_device *device;
	struct array *claims = claims_new();
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, check->topology, OBJECT_IOMMU)
		if (iommu->kind == VIOMMU_VIRTIO_MMIO)
			hash_add(iommus, &iommu->base);

	for_each_object(i, iommu, check->topology, OBJECT_IOMMU)
		if (iommu_has_window(iommu) && iommu->base)
			claims_add(claims, ONE_GROUP, iommu->base, window_last(iommu),
				   (struct subject){ OBJECT_IOMMU, iommu, i });
	for_each_object(i, device, check->topology, OBJECT_PLATFORM_DEVICE)
		if (device->base && (device->name || !hash_contains(iommus, &device->base)))
			claims_add(claims, ONE_GROUP, device->base, device->base,
				   (struct subject){ OBJECT_PLATFORM_DEVICE, device, i });
	claims_report_overlaps(check, claims, "have register addresses in common",
			       "correct `at` or `span`: everything has registers of its own");
}

/*
 * Memory of an IOMMU, of some of its IDs, or of functions. Devices with different IDs may have the
 * same addresses, as in an RMR node, and so may functions behind one bridge with different paths.
 */
static char *whose_memory(const struct viommu_reserved_memory *memory)
{
	if (!memory->iommu)
		return memory_printf("functions %x %x %x %s %s", memory->segment, memory->bdf_first,
				     memory->bdf_last, viommu_scope_name(memory->scope),
				     memory->path ? memory->path : "");
	if (!memory->has_ids)
		return memory_printf("all %s", memory->iommu);
	return memory_printf("ids %x %x %s", memory->id_first, memory->id_last, memory->iommu);
}

/* Numbers groups in the order of their first use, which is the same on every host. */
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

/* Address spaces of different IOMMUs are independent. */
void check_memory_overlap(const struct check *check)
{
	auto_hash struct hash *groups = hash_new_full(&hash_text, memory_free, NULL);
	const struct viommu_reserved_memory *memory;
	struct array *claims = claims_new();

	for_each_object(i, memory, check->topology, OBJECT_RESERVED_MEMORY)
		claims_add(claims, group_of_memory(groups, memory), memory->first, memory->last,
			   (struct subject){ OBJECT_RESERVED_MEMORY, memory, i });
	claims_report_overlaps(check, claims, "have addresses in common",
			       "say of each address once what is special about it");
}
