/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Refusals: why a device cannot go to a guest, or devices not together
 *
 * Each has the reason and the way out. What is not known refuses nothing.
 */
#include <inttypes.h>
#include <string.h>

#include "plan.h"

#define GUEST_PAGE 12u /* 4 KiB */
#define LOW_Q35    ((uint64_t)2 << 30)
#define HIGH_Q35   ((uint64_t)4 << 30)
#define BASE_VIRT  ((uint64_t)1 << 30)

/* Ports and bridges are in groups too; VFIO takes no notice of their drivers. */
static bool holds_group(const struct viommu_host_device *mate)
{
	static const char *const harmless[] = { "pci-stub", "vfio-pci", "pcieport", NULL };

	return mate->driver && !mate->vfio && !mate->bridge &&
	       !g_strv_contains(harmless, mate->driver);
}

static void refuse_unlinked(const struct viommu_host_device *device,
			    struct viommu_findings *findings)
{
	static const struct {
		enum viommu_host_link link;
		const char *cure;
	} ways[] = {
		{ VIOMMU_HOST_IS_IOMMU, "an IOMMU stays with the host" },
		{ VIOMMU_HOST_NO_IOMMU_UP, "switch the IOMMU on in the firmware, and with "
					   "intel_iommu=on or as the kernel of "
					   "this host wants it" },
		{ VIOMMU_HOST_NO_DRIVER, "bind vfio-pci to it, and scan again" },
		{ VIOMMU_HOST_IOMMU_DOWN, "see in the kernel's log why the IOMMU has no driver" },
		{ VIOMMU_HOST_BYPASS,
		  "choose a device that the host's firmware puts behind an IOMMU" },
		{ VIOMMU_HOST_UNSAID,
		  "choose a device that the host's firmware puts behind an IOMMU" },
		{ VIOMMU_HOST_LINK_MISSING, "see in the kernel's log why it is not linked" },
		{ VIOMMU_HOST_LINK_UNKNOWN, "scan as root, and with a driver bound to the device" },
	};
	const char *cure = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(ways); i++)
		if (ways[i].link == device->link)
			cure = ways[i].cure;
	plan_report(findings, "plan-no-iommu", cure, "%s has no IOMMU: %s", device->name,
		    viommu_host_link_name(device->link));
}

static void refuse_driver(const struct plan_wish *wish, const struct viommu_host_device *device,
			  struct viommu_findings *findings)
{
	if (!wish->managed && device->driver && !device->vfio &&
	    !g_str_has_prefix(device->driver, "vfio"))
		plan_report(findings, "plan-driver",
			    "bind vfio-pci to it (driver_override), or say --managed if who starts "
			    "the guest does",
			    "%s is used by the host's driver %s", device->name, device->driver);
}

static void refuse_regions(const struct viommu_host_device *device,
			   struct viommu_findings *findings)
{
	const struct viommu_host_region *region;

	for (size_t i = 0; device->group && (region = viommu_host_group_region(device->group, i));
	     i++)
		if (region->type == VIOMMU_HOST_DIRECT)
			plan_report(findings, "plan-direct-region",
				    "ask for a firmware that lets go of it, or leave the device to "
				    "the host",
				    "the host's firmware uses %s for 0x%" PRIx64 "-0x%" PRIx64
				    ", so VFIO refuses it",
				    device->name, region->first, region->last);
}

static void refuse_widths(const struct viommu_host_device *device, struct viommu_findings *findings)
{
	const struct viommu_host_iommu *iommu = device->iommu;

	if (iommu->page_sizes && !(iommu->page_sizes & ((uint64_t)1 << GUEST_PAGE)))
		plan_report(findings, "plan-page-size",
			    "start a guest whose pages are as large as those of the IOMMU",
			    "%s of %s has no pages of 4 KiB, but of 0x%" PRIx64 " bytes",
			    iommu->name, device->name, iommu->page_sizes & -iommu->page_sizes);
}

void plan_refuse_device(const struct plan_wish *wish, const struct viommu_host_device *device,
			struct viommu_findings *findings)
{
	if (!device->pci) {
		plan_report(findings, "plan-not-pci", "only PCI functions can be assigned",
			    "%s is no PCI function", device->name);
		return;
	}
	if (device->bridge) {
		plan_report(findings, "plan-bridge", "name the devices below it",
			    "%s is a bridge, which stays with the host", device->name);
		return;
	}
	if (!device->iommu) {
		refuse_unlinked(device, findings);
		return;
	}
	refuse_driver(wish, device, findings);
	refuse_regions(device, findings);
	refuse_widths(device, findings);
}

/* -- groups ---------------------------------------------------------------------------------- */

static void refuse_mates(const struct viommu_host_device *device, GHashTable *chosen,
			 const struct plan_wish *wish, struct viommu_findings *findings)
{
	const struct viommu_host_device *mate;

	for (size_t i = 0; (mate = viommu_host_group_device(device->group, i)); i++) {
		if (mate->iommu && device->iommu && mate->iommu != device->iommu)
			plan_report(findings, "plan-group-split",
				    "report it: one group has one IOMMU",
				    "%s and %s are in group %u, and behind %s and %s", device->name,
				    mate->name, device->group->number, device->iommu->name,
				    mate->iommu->name);
		if (!wish->managed && holds_group(mate) && !g_hash_table_contains(chosen, mate))
			plan_report(findings, "plan-group-mate",
				    "assign it to the same guest, or take its driver away",
				    "the IOMMU cannot keep %s apart from %s, which the host's "
				    "driver %s uses (group %u)",
				    device->name, mate->name, mate->driver, device->group->number);
		else if (wish->managed && holds_group(mate) && !g_hash_table_contains(chosen, mate))
			plan_report(findings, "plan-group-mate", "assign it to the same guest, too",
				    "the IOMMU cannot keep %s apart from %s, which stays with the "
				    "host's driver %s (group %u)",
				    device->name, mate->name, mate->driver, device->group->number);
	}
}

void plan_refuse_groups(GPtrArray *devices, const struct plan_wish *wish,
			struct viommu_findings *findings)
{
	g_autoptr(GHashTable) chosen = g_hash_table_new(NULL, NULL);
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < devices->len; i++)
		g_hash_table_add(chosen, devices->pdata[i]);
	for (guint i = 0; i < devices->len; i++) {
		const struct viommu_host_device *device = devices->pdata[i];

		if (device->group && g_hash_table_add(seen, (void *)device->group))
			refuse_mates(device, chosen, wish, findings);
	}
}

/* -- the whole ------------------------------------------------------------------------------- */

struct range {
	uint64_t first, last;
};

static size_t memory_ranges(const struct plan *plan, struct range ranges[2])
{
	uint64_t size = plan->wish.memory;

	if (!strcmp(plan->machine, "virt")) {
		ranges[0] = (struct range){ BASE_VIRT, BASE_VIRT + size - 1 };
		return 1;
	}
	ranges[0] = (struct range){ 0, MIN(size, LOW_Q35) - 1 };
	if (size <= LOW_Q35)
		return 1;
	ranges[1] = (struct range){ HIGH_Q35, HIGH_Q35 + (size - LOW_Q35) - 1 };
	return 2;
}

static void refuse_memory(const struct plan *plan, const struct viommu_host_device *device,
			  struct viommu_findings *findings)
{
	struct range ranges[2];
	size_t n = memory_ranges(plan, ranges);
	const struct viommu_host_region *region;

	for (size_t i = 0; device->group && (region = viommu_host_group_region(device->group, i));
	     i++)
		for (size_t r = 0; r < n; r++)
			if (region->type != VIOMMU_HOST_DIRECT_RELAXABLE &&
			    region->first <= ranges[r].last && region->last >= ranges[r].first)
				plan_report(findings, "plan-reserved-memory",
					    "give the guest less memory, or a QEMU that puts it "
					    "elsewhere",
					    "the guest's memory 0x%" PRIx64 "-0x%" PRIx64
					    " has 0x%" PRIx64 "-0x%" PRIx64
					    " in it, where the IOMMU of %s maps nothing (%s)",
					    ranges[r].first, ranges[r].last, region->first,
					    region->last, device->name,
					    viommu_host_region_type_name(region->type));
	if (device->iommu->input_bits && device->iommu->input_bits < 64 &&
	    ranges[n - 1].last >> device->iommu->input_bits)
		plan_report(findings, "plan-address-width", "give the guest less memory",
			    "the guest's memory ends at 0x%" PRIx64
			    ", and %s of %s translates %u bits",
			    ranges[n - 1].last, device->iommu->name, device->name,
			    device->iommu->input_bits);
}

static void refuse_mixed_ats(const struct plan *plan, struct viommu_findings *findings)
{
	const struct plan_bridge *with = NULL, *without = NULL;

	for (guint i = 0; i < plan->bridges->len; i++) {
		const struct plan_bridge *bridge = plan->bridges->pdata[i];

		if (plan_host_ats(plan->host, bridge->iommu) == VIOMMU_YES)
			with = bridge;
		if (plan_host_ats(plan->host, bridge->iommu) == VIOMMU_NO)
			without = bridge;
	}
	if (with && without && plan->wish.ats == PLAN_SWITCH_AUTO)
		plan_report(findings, "plan-mixed-ats",
			    "say --ats off, or assign devices of IOMMUs that are alike",
			    "%s has ATS and %s has not, and the guest's one root complex says one "
			    "of the two for all",
			    with->iommu_name, without->iommu_name);
	if (without && plan->wish.ats == PLAN_ON)
		plan_report(findings, "plan-ats", "say --ats off", "%s has no ATS",
			    without->iommu_name);
}

void plan_refuse_whole(const struct plan *plan, struct viommu_findings *findings)
{
	refuse_mixed_ats(plan, findings);
	for (guint i = 0; plan->wish.memory && i < plan->bridges->len; i++) {
		const struct plan_bridge *bridge = plan->bridges->pdata[i];

		for (guint n = 0; n < bridge->ports->len; n++) {
			const struct plan_port *port = bridge->ports->pdata[n];

			for (guint d = 0; d < port->devices->len; d++)
				refuse_memory(
					plan,
					g_array_index(port->devices, struct plan_device, d).host,
					findings);
		}
	}
}
