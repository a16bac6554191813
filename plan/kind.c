/* SPDX-License-Identifier: BSD-3-Clause */
/* Kinds of virtual IOMMUs: QEMU's device, its first version, and the choice */
#include <stdio.h>
#include <string.h>

#include "plan.h"

#define X86_MSI UINT64_C(0xfee00000)
#define ARM_MSI UINT64_C(0x8000000)

static const struct plan_kind_row rows[] = {
	{ PLAN_AUTO, "auto", NULL, true, 0, NULL },
	{ PLAN_VIRTIO, "virtio", "viommu-pci", true, PLAN_VERSION(7, 2), NULL },
	{ PLAN_SMMUV3, "smmuv3", "arm-smmuv3", true, PLAN_VERSION(10, 2), "virt" },
	{ PLAN_INTEL, "intel", "intel-iommu", false, PLAN_VERSION(6, 0), "q35" },
	{ PLAN_AMD, "amd", "amd-iommu", false, PLAN_VERSION(10, 2), "q35" },
	{ PLAN_VIRTIO_STOCK, "virtio-stock", "virtio-iommu-pci", false, PLAN_VERSION(7, 0), NULL },
};

const struct plan_kind_row *plan_kind_row(enum plan_kind kind)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (rows[i].kind == kind)
			return &rows[i];
	return NULL;
}

const struct plan_kind_row *plan_kind_by_name(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

/* -- architectures ------------------------------------------------------------------------------
 */

static const char *const architectures[] = {
	[PLAN_X86] = "x86",
	[PLAN_ARM] = "Arm",
	[PLAN_RISCV] = "RISC-V",
};

static bool by_iommus(const struct viommu_host *host, enum plan_architecture *ret)
{
	static const struct {
		enum viommu_host_iommu_kind kind;
		enum plan_architecture architecture;
	} pairs[] = {
		{ VIOMMU_HOST_VTD, PLAN_X86 },     { VIOMMU_HOST_AMD_VI, PLAN_X86 },
		{ VIOMMU_HOST_SMMU_V3, PLAN_ARM }, { VIOMMU_HOST_SMMU_V2, PLAN_ARM },
		{ VIOMMU_HOST_RISCV, PLAN_RISCV },
	};
	const struct viommu_host_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_host_iommu(host, i)); i++)
		for (size_t n = 0; n < G_N_ELEMENTS(pairs); n++)
			if (iommu->kind == pairs[n].kind) {
				*ret = pairs[n].architecture;
				return true;
			}
	return false;
}

/*
 * A guest may have virtio-iommus on every architecture. The window for MSIs is at 0xfee00000 on
 * x86, and at 128 MiB in Linux for Arm.
 */
static bool by_msi_windows(const struct viommu_host *host, enum plan_architecture *ret)
{
	const struct viommu_host_group *group;
	const struct viommu_host_region *region;
	bool found = false;

	for (size_t i = 0; (group = viommu_host_group(host, i)); i++)
		for (size_t n = 0; (region = viommu_host_group_region(group, n)); n++) {
			if (region->type != VIOMMU_HOST_MSI)
				continue;
			if (region->first == X86_MSI) {
				*ret = PLAN_X86;
				return true;
			}
			if (region->first == ARM_MSI) {
				*ret = PLAN_ARM;
				found = true;
			}
		}
	return found;
}

/* False if it is not known; `*ret` is not changed. */
static bool find_architecture(const struct viommu_host *host, enum plan_architecture *ret)
{
	return by_iommus(host, ret) || by_msi_windows(host, ret);
}

/* -- machines -----------------------------------------------------------------------------------
 */

static bool all_are_smmuv3(const struct plan *plan)
{
	for (guint i = 0; i < plan->bridges->len; i++) {
		const struct plan_bridge *bridge = plan->bridges->pdata[i];

		if (bridge->iommu->kind != VIOMMU_HOST_SMMU_V3)
			return false;
	}
	return true;
}

/* The machine of the request, or of the kind, or for the host's architecture. */
static void take_machine(struct plan *plan, struct viommu_findings *findings)
{
	const char *machine = plan->options.machine;
	bool known = find_architecture(plan->host, &plan->architecture), virt;

	if (!machine)
		machine = plan_kind_row(plan->options.kind)->machine;
	if (!machine)
		machine = plan->architecture == PLAN_X86 ? "q35" : "virt";
	plan->machine = machine;
	virt = !strcmp(machine, "virt");
	if (!known && virt)
		plan->architecture = PLAN_ARM;
	if (virt == (plan->architecture == PLAN_X86))
		plan_report(findings, "plan-machine",
			    virt ? "choose the machine q35, and a kind that it supports"
				 : "choose the machine virt, and a kind that it supports",
			    "the host is of %s, and the machine %s is not",
			    architectures[plan->architecture], machine);
	if (plan->architecture == PLAN_RISCV && plan->options.for_qemu)
		plan_report(findings, "plan-machine", "use -f topology or -f json with another VMM",
			    "the machine virt of qemu-system-riscv64 has no pxb-pcie");
}

static void choose(struct plan *plan)
{
	bool several = plan->bridges->len > 1;

	if (!strcmp(plan->machine, "virt") && all_are_smmuv3(plan) &&
	    plan->options.qemu >= plan_kind_row(PLAN_SMMUV3)->since) {
		plan->kind = PLAN_SMMUV3;
		plan->why = g_strdup("the host has SMMUv3s, and QEMU supports one for each bridge");
	} else if (several) {
		plan->kind = PLAN_VIRTIO;
		plan->why = g_strdup_printf("%u physical IOMMUs, and it is the only kind that a %s "
					    "of QEMU %u.%u can have more than once",
					    plan->bridges->len, plan->machine,
					    plan->options.qemu / 100, plan->options.qemu % 100);
	} else {
		plan->kind = PLAN_VIRTIO_STOCK;
		plan->why = g_strdup("one physical IOMMU, for which QEMU's own device is enough");
	}
}

/* The host bridge of a function by the tables, or NULL. */
static const struct viommu_host_bridge *bridge_above(const struct viommu_topology *topology,
						     const struct viommu_host_device *device)
{
	const struct viommu_host_bridge *bridge;

	for (size_t i = 0; (bridge = viommu_topology_host_bridge(topology, i)); i++)
		if (bridge->segment == device->root_segment &&
		    bridge->bus_first <= device->root_bus && device->root_bus <= bridge->bus_last)
			return bridge;
	return NULL;
}

/*
 * SMMUs have no registers in sysfs. An IORT and a device tree have the ATS attribute of the root
 * complexes whose functions are behind the SMMU.
 */
enum viommu_known plan_host_ats(const struct viommu_host *host,
				const struct viommu_host_iommu *iommu)
{
	const struct viommu_topology *topology = viommu_host_topology(host);
	const struct viommu_host_device *device;
	enum viommu_known known = VIOMMU_NOT_KNOWN;

	if (iommu->ats != VIOMMU_NOT_KNOWN || !topology || !iommu->in_table ||
	    (iommu->kind != VIOMMU_HOST_SMMU_V3 && iommu->kind != VIOMMU_HOST_SMMU_V2))
		return iommu->ats;
	for (size_t i = 0; (device = viommu_host_iommu_device(iommu, i)); i++) {
		const struct viommu_host_bridge *bridge =
			device->pci ? bridge_above(topology, device) : NULL;

		if (bridge && bridge->ats)
			return VIOMMU_YES;
		if (bridge)
			known = VIOMMU_NO;
	}
	return known;
}

unsigned plan_machine_version(const char *name)
{
	const char *version = strrchr(name, '-');
	unsigned major, minor;

	if (!version || sscanf(version + 1, "%2u.%2u", &major, &minor) != 2)
		return 0;
	return PLAN_VERSION(major, minor);
}

const char *plan_machine(const char *name)
{
	static const char virt[] = "virt";

	/* "q35", "pc-q35-9.0", "ubuntu-q35" */
	if (strstr(name, "q35"))
		return "q35";
	if (!g_str_has_prefix(name, virt))
		return NULL;
	name += strlen(virt);
	return !*name || *name == '-' ? "virt" : NULL;
}

void plan_set_machine(struct plan_options *options, const char *machine, const char *source,
		      struct viommu_findings *findings)
{
	if (machine && options->machine && strcmp(machine, options->machine) != 0)
		plan_report(findings, "plan-machine", "leave out --machine",
			    "--machine %s, and %s %s", options->machine, source, machine);
	if (machine)
		options->machine = machine;
}

/* Command queues of Grace (CMDQV), which must be contiguous in the host's memory. */
static void check_queues(const struct plan *plan, struct viommu_findings *findings)
{
	if (plan->kind != PLAN_SMMUV3 || (!plan->options.memory && !plan->options.egm))
		plan_report(findings, "plan-machine",
			    "choose --iommu smmuv3, and give the guest's --memory",
			    "command queues require SMMUv3s and memory in huge pages");
	else if (plan->options.qemu < PLAN_CMDQV)
		plan_report(findings, "plan-qemu-version", "use a newer QEMU, or leave out --cmdqv",
			    "command queues require QEMU 11.1, but the version is %u.%u",
			    plan->options.qemu / 100, plan->options.qemu % 100);
}

static void check(const struct plan *plan, struct viommu_findings *findings)
{
	const struct plan_kind_row *row = plan_kind_row(plan->kind);

	if (row->machine && strcmp(row->machine, plan->machine) != 0)
		plan_report(findings, "plan-machine", "choose --iommu virtio, or another machine",
			    "machine %s does not support %s", plan->machine, row->driver);
	if (plan->options.qemu < row->since)
		plan_report(findings, "plan-qemu-version",
			    "use a newer QEMU, or --iommu virtio with the QEMU module",
			    "%s requires QEMU %u.%u, but the version is %u.%u", row->driver,
			    row->since / 100, row->since % 100, plan->options.qemu / 100,
			    plan->options.qemu % 100);
	if (!row->several && plan->bridges->len > 1)
		plan_report(findings, "plan-one-iommu",
			    "choose --iommu virtio, or assign devices behind one IOMMU",
			    "the devices are behind %u physical IOMMUs, but a guest can have only "
			    "one %s",
			    plan->bridges->len, row->driver);
	if (plan->options.accel == PLAN_ON && plan->options.qemu < PLAN_ACCEL)
		plan_report(findings, "plan-qemu-version", "use a newer QEMU, or --accel off",
			    "nested translation requires QEMU 11.0, but the version is %u.%u",
			    plan->options.qemu / 100, plan->options.qemu % 100);
	else if (plan->options.accel == PLAN_ON && !plan->iommufd)
		plan_report(findings, "plan-driver",
			    "use a kernel with CONFIG_IOMMUFD and CONFIG_VFIO_DEVICE_CDEV, or "
			    "--accel off",
			    "nested translation requires iommufd, which the host's kernel does not "
			    "have");
	if (plan->options.cmdqv == PLAN_ON)
		check_queues(plan, findings);
	if (plan->options.accel == PLAN_ON && plan->kind != PLAN_SMMUV3)
		plan_report(findings, "plan-machine", "choose --iommu smmuv3, or leave out --accel",
			    "%s has no nested translation in a plan", row->driver);
}

/* Only features that the host's IOMMU is known to have; QEMU's defaults apply to others. */
static void take_features(struct plan *plan)
{
	plan->accel = plan->kind == PLAN_SMMUV3 && plan->options.accel != PLAN_OFF &&
		      plan->options.qemu >= PLAN_ACCEL && plan->iommufd;
	for (guint i = 0; i < plan->bridges->len; i++) {
		struct plan_bridge *bridge = plan->bridges->pdata[i];

		enum viommu_known ats = plan_host_ats(plan->host, bridge->iommu);

		bridge->ats = plan->options.ats == PLAN_SWITCH_AUTO ? ats == VIOMMU_YES
								    : plan->options.ats == PLAN_ON;
		bridge->ats_known =
			ats != VIOMMU_NOT_KNOWN || plan->options.ats != PLAN_SWITCH_AUTO;
		bridge->pasid_bits = bridge->iommu->pasid_bits;
		bridge->address_bits = bridge->iommu->output_bits;
		plan->ats |= bridge->ats;
	}
}

void plan_choose(struct plan *plan, struct viommu_findings *findings)
{
	take_machine(plan, findings);
	plan->kind = plan->options.kind;
	if (plan->kind == PLAN_AUTO)
		choose(plan);
	check(plan, findings);
	take_features(plan);
}
