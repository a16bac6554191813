/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of IOMMUs by themselves: where their registers are, and which IOMMU is behind which
 */
#include <string.h>

#include "check.h"
#include "tables/findings/findings.h"

/* -- cycles ---------------------------------------------------------------------------- */

/* From each IOMMU as long as the way is new: the first one met again is in a cycle. */
static void mark_cycle(const size_t *behind, size_t *ways, bool *in_cycle, size_t first)
{
	size_t at = first;

	for (; at != SIZE_MAX && !ways[at]; at = behind[at])
		ways[at] = first + 1;
	if (at == SIZE_MAX || ways[at] != first + 1)
		return;
	for (; !in_cycle[at]; at = behind[at])
		in_cycle[at] = true;
}

/* A cycle is reported once, at its first IOMMU. One that is behind itself is no cycle. */
void check_iommu_cycles(const struct check *check)
{
	size_t n = topology_count(check->topology, OBJECT_IOMMU);
	auto_free size_t *behind = topology_behind(check->topology, false);
	auto_free size_t *ways = memory_new(size_t, n + 1);
	auto_free bool *in_cycle = memory_new(bool, n + 1);
	const struct viommu_iommu *iommu;

	for (size_t i = 0; i < n; i++)
		if (behind[i] == i)
			behind[i] = SIZE_MAX;
	for (size_t i = 0; i < n; i++)
		mark_cycle(behind, ways, in_cycle, i);
	for_each_object(i, iommu, check->topology, OBJECT_IOMMU) {
		if (!in_cycle[i])
			continue;
		check_report(check, &(struct subject){ OBJECT_IOMMU, iommu, i },
			     "leave the functions of IOMMUs out, or let one of them bypass",
			     "IOMMU %s is behind %s, which is behind it in turn", iommu->name,
			     viommu_topology_iommu(check->topology, behind[i])->name);
		for (size_t at = i; in_cycle[at]; at = behind[at])
			in_cycle[at] = false;
	}
}

/* -- hotplug ------------------------------------------------------------------------------- */

/* Bus numbers behind the IOMMU, but for root buses, which have no port above. */
static uint64_t buses_behind(const struct viommu_topology *topology, const char *iommu)
{
	const struct viommu_host_bridge *bridge;
	const struct viommu_pci_range *range;
	uint64_t n = 0;

	for_each_object(i, bridge, topology, OBJECT_HOST_BRIDGE)
		if (bridge->iommu && !strcmp(bridge->iommu, iommu))
			n += (uint64_t)(bridge->bus_last - bridge->bus_first);
	for_each_object(i, range, topology, OBJECT_PCI_RANGE)
		if (range->iommu && !strcmp(range->iommu, iommu))
			n += range_segments(range) *
			     (uint64_t)((range->bdf_last >> 8) - (range->bdf_first >> 8));
	return n;
}

void check_hotplug(const struct check *check)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, check->topology, OBJECT_IOMMU) {
		uint64_t n = iommu->hotplug ? buses_behind(check->topology, iommu->name) : 0;

		if (n < iommu->hotplug)
			check_report(
				check, &(struct subject){ OBJECT_IOMMU, iommu, i },
				"give its host bridges more `buses`, or write a lower `hotplug`",
				"%" PRIu32 " functions can be plugged in behind IOMMU %s, which "
				"has %" PRIu64 " buses below root buses",
				iommu->hotplug, iommu->name, n);
	}
}

/* -- command queues, and monitors ---------------------------------------------------------- */

#define CMDQV_ALIGNMENT 0x10000u

void check_command_queues(const struct check *check)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, check->topology, OBJECT_IOMMU) {
		struct subject subject = { OBJECT_IOMMU, iommu, i };

		if (iommu->kind != VIOMMU_SMMU_V3)
			continue;
		if (iommu->cmdqv.base % CMDQV_ALIGNMENT)
			check_report(check, &subject, "correct `cmdqv`",
				     "the command queues of IOMMU %s cannot be at 0x%" PRIx64,
				     iommu->name, iommu->cmdqv.base);
		else if (iommu->cmdqv.interrupt && !iommu->cmdqv.base)
			check_report(check, &subject, "give `cmdqv`, or omit `cmdqv-interrupt`",
				     "IOMMU %s has an interrupt of command queues, and no address "
				     "of them",
				     iommu->name);
	}
}

static bool counts_for_nothing(const struct viommu_monitor *monitor)
{
	return !monitor->iommu && !monitor->device && !monitor->has_segment;
}

/* An IOMMU that does not exist breaks another rule, and device trees have a rule of their own. */
void check_monitors(const struct check *check)
{
	static const char cure[] = "give the `iommu`, an SMMU, or the `device` or `segment`";
	const struct viommu_monitor *monitor;

	for_each_object(i, monitor, check->topology, OBJECT_MONITOR) {
		const struct viommu_iommu *iommu =
			monitor->iommu ? viommu_topology_find_iommu(check->topology, monitor->iommu)
				       : NULL;
		struct subject subject = { OBJECT_MONITOR, monitor, i };

		if (counts_for_nothing(monitor) && !topology_is_from(check->topology, "DTB"))
			check_report(check, &subject, cure,
				     "the performance monitor at 0x%" PRIx64 " counts for nothing",
				     monitor->base);
		else if (iommu && iommu->kind != VIOMMU_SMMU_V2 && iommu->kind != VIOMMU_SMMU_V3)
			check_report(check, &subject, cure,
				     "the performance monitor at 0x%" PRIx64
				     " counts for IOMMU %s, which is no SMMU",
				     monitor->base, iommu->name);
	}
}

/* -- registers ----------------------------------------------------------------------------- */

/* DMAR and IVRS have rules of their own, which know the field. */
static bool has_own_rule(const struct check *check, const struct viommu_iommu *iommu)
{
	return (iommu->kind == VIOMMU_VTD && topology_is_from(check->topology, "DMAR")) ||
	       (iommu->kind == VIOMMU_AMD_VI && topology_is_from(check->topology, "IVRS"));
}

/* What the base is a multiple of, by its architecture or binding. 0: not checked. */
static uint64_t alignment_of(const struct viommu_iommu *iommu)
{
	static const uint64_t alignments[] = {
		[VIOMMU_VIRTIO_MMIO] = 4, [VIOMMU_SMMU_V2] = 0x1000, [VIOMMU_SMMU_V3] = 0x10000,
		[VIOMMU_VTD] = 0x1000,    [VIOMMU_AMD_VI] = 0x4000,  [VIOMMU_RISCV] = 0x1000,
	};

	return (size_t)iommu->kind < G_N_ELEMENTS(alignments) ? alignments[iommu->kind] : 0;
}

void check_registers(const struct check *check)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, check->topology, OBJECT_IOMMU) {
		uint64_t alignment = alignment_of(iommu);

		if (!alignment || has_own_rule(check, iommu) ||
		    (iommu->base && !(iommu->base % alignment)))
			continue;
		if (topology_is_from(check->topology, "DTB") && !iommu->base)
			check_report(check, &(struct subject){ OBJECT_IOMMU, iommu, i },
				     "write `reg`, and `ranges` of each bus above it",
				     "the registers of IOMMU %s have no address", iommu->name);
		else
			check_report(check, &(struct subject){ OBJECT_IOMMU, iommu, i },
				     "correct the address of its registers",
				     "the registers of IOMMU %s cannot be at 0x%" PRIx64,
				     iommu->name, iommu->base);
	}
}
