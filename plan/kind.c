/* SPDX-License-Identifier: BSD-3-Clause */
/* Kinds of virtual IOMMUs: QEMU's device, its first version, and the choice */
#include <string.h>

#include "plan.h"

static const struct plan_kind_row rows[] = {
	{ PLAN_AUTO, "auto", NULL, true, 0, NULL },
	{ PLAN_VIRTIO, "virtio", "viommu-pci", true, PLAN_VERSION(7, 2), NULL },
	{ PLAN_SMMUV3, "smmuv3", "arm-smmuv3", true, PLAN_VERSION(10, 1), "virt" },
	{ PLAN_INTEL, "intel", "intel-iommu", false, PLAN_VERSION(6, 0), "q35" },
	{ PLAN_AMD, "amd", "amd-iommu", false, PLAN_VERSION(6, 0), "q35" },
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

static bool is_arm(enum viommu_host_iommu_kind kind)
{
	return kind == VIOMMU_HOST_SMMU_V3 || kind == VIOMMU_HOST_SMMU_V2;
}

static bool all_are_smmuv3(const struct plan *plan)
{
	for (guint i = 0; i < plan->bridges->len; i++) {
		const struct plan_bridge *bridge = plan->bridges->pdata[i];

		if (bridge->iommu->kind != VIOMMU_HOST_SMMU_V3)
			return false;
	}
	return true;
}

/* The machine for the host's architecture, which follows from its IOMMUs. */
static const char *machine_of(const struct plan *plan)
{
	const struct plan_kind_row *row = plan_kind_row(plan->wish.kind);
	const struct viommu_host_iommu *iommu;

	if (plan->wish.machine)
		return plan->wish.machine;
	if (row->machine)
		return row->machine;
	iommu = viommu_host_iommu(plan->host, 0);
	return iommu && (is_arm(iommu->kind) || iommu->kind == VIOMMU_HOST_RISCV) ? "virt" : "q35";
}

static void choose(struct plan *plan)
{
	bool several = plan->bridges->len > 1;

	if (!strcmp(plan->machine, "virt") && all_are_smmuv3(plan) &&
	    plan->wish.qemu >= PLAN_VERSION(10, 1)) {
		plan->kind = PLAN_SMMUV3;
		plan->why = g_strdup("the host has SMMUv3s, and QEMU supports one for each bridge");
	} else if (several) {
		plan->kind = PLAN_VIRTIO;
		plan->why = g_strdup_printf("%u physical IOMMUs, and it is the only kind that a %s "
					    "of QEMU %u.%u can have more than once",
					    plan->bridges->len, plan->machine,
					    plan->wish.qemu / 100, plan->wish.qemu % 100);
	} else {
		plan->kind = PLAN_VIRTIO_STOCK;
		plan->why = g_strdup("one physical IOMMU, for which QEMU's own device is enough");
	}
}

/* SMMUs have no registers in sysfs; the tables have the ATS attribute of their root complexes. */
enum viommu_known plan_host_ats(const struct viommu_host *host,
				const struct viommu_host_iommu *iommu)
{
	const struct viommu_topology *topology = viommu_host_topology(host);
	const struct viommu_host_bridge *bridge;
	enum viommu_known known = VIOMMU_NOT_KNOWN;

	if (iommu->ats != VIOMMU_NOT_KNOWN || !topology || !iommu->in_table)
		return iommu->ats;
	for (size_t i = 0; (bridge = viommu_topology_host_bridge(topology, i)); i++) {
		if (!bridge->iommu || strcmp(bridge->iommu, iommu->in_table->name))
			continue;
		if (bridge->ats)
			return VIOMMU_YES;
		known = VIOMMU_NO;
	}
	return known;
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

static void check(const struct plan *plan, struct viommu_findings *findings)
{
	const struct plan_kind_row *row = plan_kind_row(plan->kind);

	if (row->machine && strcmp(row->machine, plan->machine))
		plan_report(findings, "plan-machine", "choose --iommu virtio, or another machine",
			    "machine %s does not support %s", plan->machine, row->driver);
	if (plan->wish.qemu < row->since)
		plan_report(findings, "plan-qemu-version",
			    "use a newer QEMU, or --iommu virtio with the QEMU module",
			    "%s requires QEMU %u.%u, but the version is %u.%u", row->driver,
			    row->since / 100, row->since % 100, plan->wish.qemu / 100,
			    plan->wish.qemu % 100);
	if (!row->several && plan->bridges->len > 1)
		plan_report(findings, "plan-one-iommu",
			    "choose --iommu virtio, or assign devices behind one IOMMU",
			    "the devices are behind %u physical IOMMUs, but a guest can have only "
			    "one %s",
			    plan->bridges->len, row->driver);
}

/* Only features that the host's IOMMU is known to have; QEMU's defaults apply to others. */
static void take_features(struct plan *plan)
{
	plan->accel = plan->kind == PLAN_SMMUV3 && plan->wish.accel != PLAN_OFF;
	for (guint i = 0; i < plan->bridges->len; i++) {
		struct plan_bridge *bridge = plan->bridges->pdata[i];

		bridge->ats = plan_host_ats(plan->host, bridge->iommu) == VIOMMU_YES &&
			      plan->wish.ats != PLAN_OFF;
		bridge->ats |= plan->wish.ats == PLAN_ON;
		bridge->pasid_bits = bridge->iommu->pasid_bits;
		bridge->address_bits = bridge->iommu->output_bits;
		plan->ats |= bridge->ats;
	}
}

void plan_choose(struct plan *plan, struct viommu_findings *findings)
{
	plan->machine = machine_of(plan);
	plan->kind = plan->wish.kind;
	if (plan->kind == PLAN_AUTO)
		choose(plan);
	check(plan, findings);
	take_features(plan);
}
