/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reports why devices cannot be assigned, alone or together
 *
 * Each finding has the reason and a cure. An unknown property is no reason.
 */
#include <inttypes.h>
#include <string.h>

#include "plan.h"

#define GUEST_PAGE 12u /* 4 KiB */
#define GIBI       ((uint64_t)1 << 30)
#define LOW_Q35    (2 * GIBI)
#define LOW_ALL    ((uint64_t)0xb0000000) /* less memory is all below 4 GiB */
#define HIGH_Q35   (4 * GIBI)
#define HT_FIRST   ((uint64_t)0xfd00000000) /* HyperTransport, up to 1 TiB */
#define HT_END     (1024 * GIBI)
#define BASE_VIRT  ((uint64_t)1 << 30)

/* vfio-pci, or a driver of a vendor for VFIO: "mlx5_vfio_pci". */
static bool is_of_vfio(const struct viommu_host_device *device)
{
	return device->vfio || (device->driver && strstr(device->driver, "vfio"));
}

/* Ports and bridges are in groups too; VFIO takes no notice of their drivers. */
static bool holds_group(const struct viommu_host_device *member)
{
	static const char *const harmless[] = { "pci-stub", "pcieport", NULL };

	return member->driver && !is_of_vfio(member) && !member->bridge &&
	       !g_strv_contains(harmless, member->driver);
}

static void refuse_unlinked(const struct viommu_host_device *device,
			    struct viommu_findings *findings)
{
	static const struct {
		enum viommu_host_link link;
		const char *cure;
	} ways[] = {
		{ VIOMMU_HOST_IS_IOMMU, "assign a device that is not an IOMMU" },
		{ VIOMMU_HOST_NO_IOMMU_UP, "enable the IOMMU in the firmware and, if the kernel "
					   "requires it, with intel_iommu=on" },
		{ VIOMMU_HOST_NO_DRIVER, "bind vfio-pci to it, and scan again" },
		{ VIOMMU_HOST_IOMMU_DOWN, "find the reason in the kernel's log" },
		{ VIOMMU_HOST_BYPASS,
		  "choose a device that the host's firmware puts behind an IOMMU" },
		{ VIOMMU_HOST_IN_NO_TABLE,
		  "choose a device that the host's firmware puts behind an IOMMU" },
		{ VIOMMU_HOST_LINK_MISSING, "find the reason in the kernel's log" },
		{ VIOMMU_HOST_LINK_UNKNOWN, "scan as root, with a driver bound to the device" },
	};
	const char *cure = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(ways); i++)
		if (ways[i].link == device->link)
			cure = ways[i].cure;
	plan_report(findings, "plan-no-iommu", cure, "%s has no IOMMU: %s", device->name,
		    viommu_host_link_name(device->link));
}

static void refuse_driver(const struct plan_options *options,
			  const struct viommu_host_device *device, struct viommu_findings *findings)
{
	if (!options->managed && device->driver && !is_of_vfio(device))
		plan_report(findings, "plan-driver",
			    "bind vfio-pci to it (driver_override), or use --managed if libvirt "
			    "binds it",
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
				    "update the firmware, or assign another device",
				    "the host's firmware uses %s for 0x%" PRIx64 "-0x%" PRIx64
				    ", so VFIO rejects it",
				    device->name, region->first, region->last);
}

static void refuse_widths(const struct viommu_host_device *device, struct viommu_findings *findings)
{
	const struct viommu_host_iommu *iommu = device->iommu;

	if (iommu->page_sizes && !(iommu->page_sizes & ((uint64_t)1 << GUEST_PAGE)))
		plan_report(
			findings, "plan-page-size", "use a guest kernel with pages of that size",
			"%s, the IOMMU of %s, has no pages of 4 KiB; the smallest has 0x%" PRIx64
			" bytes",
			iommu->name, device->name, iommu->page_sizes & -iommu->page_sizes);
}

void plan_refuse_device(const struct plan_options *options, const struct viommu_host_device *device,
			struct viommu_findings *findings)
{
	if (!device->pci) {
		plan_report(findings, "plan-not-pci", "assign PCI functions only",
			    "%s is not a PCI function", device->name);
		return;
	}
	if (device->bridge) {
		plan_report(findings, "plan-bridge", "assign the devices below it",
			    "%s is a bridge, which cannot be assigned", device->name);
		return;
	}
	if (!device->iommu) {
		refuse_unlinked(device, findings);
		return;
	}
	if (options->for_libvirt && device->segment > UINT16_MAX)
		plan_report(findings, "plan-device", "use the format qemu",
			    "%s is in a segment of five digits, which QEMU rejects in the form "
			    "that libvirt gives it",
			    device->name);
	refuse_driver(options, device, findings);
	refuse_regions(device, findings);
	refuse_widths(device, findings);
}

/* -- groups ---------------------------------------------------------------------------------- */

/* One stays translated, and the other reaches all of the guest's memory: the IOMMU cannot tell. */
static void refuse_half_bypass(const struct plan *plan, const struct viommu_host_device *device,
			       const struct viommu_host_device *member, GHashTable *chosen,
			       struct viommu_findings *findings)
{
	if (g_hash_table_contains(chosen, member) &&
	    g_hash_table_contains(plan->bypassing, device) !=
		    g_hash_table_contains(plan->bypassing, member))
		plan_report(findings, "plan-group-split", "use --bypass for both, or for neither",
			    "%s and %s are in group %u, but one of them is to bypass", device->name,
			    member->name, device->group->number);
}

static void refuse_split_group(const struct plan *plan, const struct viommu_host_device *device,
			       GHashTable *chosen, struct viommu_findings *findings)
{
	const struct plan_options *options = &plan->options;
	const struct viommu_host_device *member;

	for (size_t i = 0; (member = viommu_host_group_device(device->group, i)); i++) {
		refuse_half_bypass(plan, device, member, chosen, findings);
		if (member->iommu && device->iommu && member->iommu != device->iommu)
			plan_report(findings, "plan-group-split",
				    "report it as a bug of the kernel: a group has one IOMMU",
				    "%s and %s are in group %u, but behind %s and %s", device->name,
				    member->name, device->group->number, device->iommu->name,
				    member->iommu->name);
		if (!options->managed && holds_group(member) &&
		    !g_hash_table_contains(chosen, member))
			plan_report(findings, "plan-group-mate",
				    "assign it to the same guest, or unbind its driver",
				    "the IOMMU cannot isolate %s from %s, which the host's driver "
				    "%s uses (group %u)",
				    device->name, member->name, member->driver,
				    device->group->number);
		else if (options->managed && holds_group(member) &&
			 !g_hash_table_contains(chosen, member))
			plan_report(findings, "plan-group-mate", "assign it to the same guest",
				    "the IOMMU cannot isolate %s from %s, which keeps the host's "
				    "driver %s (group %u)",
				    device->name, member->name, member->driver,
				    device->group->number);
	}
}

void plan_refuse_groups(const struct plan *plan, GPtrArray *devices,
			struct viommu_findings *findings)
{
	g_autoptr(GHashTable) chosen = g_hash_table_new(NULL, NULL);
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < devices->len; i++)
		g_hash_table_add(chosen, devices->pdata[i]);
	for (guint i = 0; i < devices->len; i++) {
		const struct viommu_host_device *device = devices->pdata[i];

		if (device->group && g_hash_table_add(seen, (void *)device->group))
			refuse_split_group(plan, device, chosen, findings);
	}
}

/* -- the whole ------------------------------------------------------------------------------- */

struct range {
	uint64_t first, last;
};

static bool is_amd(const struct plan *plan)
{
	const struct plan_bridge *bridge = plan->bridges->pdata[0];

	return bridge->iommu->kind == VIOMMU_HOST_AMD_VI;
}

static bool moves_memory(const struct plan *plan)
{
	unsigned version = plan->options.machine_version;

	return (version ? MIN(version, plan->options.qemu) : plan->options.qemu) >=
	       PLAN_VERSION(7, 1);
}

/*
 * The address of the memory above 4 GiB. If the guest has a CPU of AMD, QEMU moves it above the
 * addresses of HyperTransport when the memory or the window for 64-bit BARs would reach these. The
 * guest's CPU is the host's.
 */
static uint64_t high_q35(const struct plan *plan, uint64_t size)
{
	uint64_t window = plan->mmio64 ? plan->mmio64 : PLAN_Q35_WINDOW;
	uint64_t end = (HIGH_Q35 + size + GIBI - 1) / GIBI * GIBI + window;

	return is_amd(plan) && moves_memory(plan) && end >= HT_FIRST ? HT_END : HIGH_Q35;
}

static size_t memory_ranges(const struct plan *plan, struct range ranges[2])
{
	uint64_t size = plan->options.memory, high;

	if (!strcmp(plan->machine, "virt")) {
		ranges[0] = (struct range){ BASE_VIRT, BASE_VIRT + size - 1 };
		return 1;
	}
	if (size < LOW_ALL) {
		ranges[0] = (struct range){ 0, size - 1 };
		return 1;
	}
	high = high_q35(plan, size - LOW_Q35);
	ranges[0] = (struct range){ 0, LOW_Q35 - 1 };
	ranges[1] = (struct range){ high, high + (size - LOW_Q35) - 1 };
	return 2;
}

/* How to avoid addresses that an IOMMU cannot map. */
static const char *cure_for_memory(const struct plan *plan)
{
	if (strcmp(plan->machine, "virt") != 0 && is_amd(plan) && !moves_memory(plan))
		return "give the guest less memory, or use QEMU 7.1 or later with its machine, "
		       "which moves the memory above 1 TiB";
	return "give the guest less memory";
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
				plan_report(findings, "plan-reserved-memory", cure_for_memory(plan),
					    "the guest's memory 0x%" PRIx64 "-0x%" PRIx64
					    " overlaps 0x%" PRIx64 "-0x%" PRIx64
					    ", which the IOMMU of %s cannot map (%s)",
					    ranges[r].first, ranges[r].last, region->first,
					    region->last, device->name,
					    viommu_host_region_type_name(region->type));
	if (device->iommu->input_bits && device->iommu->input_bits < 64 &&
	    ranges[n - 1].last >> device->iommu->input_bits)
		plan_report(findings, "plan-address-width", "give the guest less memory",
			    "the guest's memory ends at 0x%" PRIx64
			    ", but %s, the IOMMU of %s, translates only %u bits",
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
	if (with && without && plan->kind == PLAN_SMMUV3 && plan->options.ats == PLAN_SWITCH_AUTO)
		plan_report(findings, "plan-mixed-ats",
			    "use --ats off, or assign devices of IOMMUs with the same capability",
			    "%s has ATS, but %s does not; the guest has one setting for all root "
			    "complexes",
			    with->iommu_name, without->iommu_name);
	if (without && plan->options.ats == PLAN_ON)
		plan_report(findings, "plan-ats", "use --ats off", "%s has no ATS",
			    without->iommu_name);
	else if (plan->options.ats == PLAN_ON && plan->kind != PLAN_SMMUV3 &&
		 plan->kind != PLAN_INTEL)
		plan_report(findings, "plan-ats", "leave out --ats, or choose another kind",
			    "%s has no ATS", plan_kind_row(plan->kind)->driver);
}

void plan_refuse_whole(const struct plan *plan, struct viommu_findings *findings)
{
	const struct plan_bridge *bridge;

	refuse_mixed_ats(plan, findings);
	for (guint i = 0; plan->options.memory && (bridge = plan_branch(plan, i)); i++) {
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
