/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's topology in the text form, the input for its tables and picture */
#include <inttypes.h>
#include <string.h>

#include "plan.h"

/* Registers and interrupts of SMMUs on the platform bus of QEMU's virt. */
#define SMMU_BASE       UINT64_C(0xc000000)
#define SMMU_SPAN       UINT64_C(0x20000)
#define SMMU_INTERRUPT  106u
#define SMMU_INTERRUPTS 4u
#define VTD_BASE        UINT64_C(0xfed90000)
#define MSI_RANGE       "0x8000000-0x80fffff"

static void append_smmu(GString *text, const struct plan_bridge *bridge)
{
	unsigned first = SMMU_INTERRUPT + SMMU_INTERRUPTS * bridge->number;

	g_string_append_printf(text,
			       "  - name: viommu%u\n    kind: smmu-v3\n    at: 0x%" PRIx64
			       "\n    interrupts: [%u, %u, %u, %u]\n    its: its\n"
			       "    coherent: yes\n",
			       bridge->number, SMMU_BASE + SMMU_SPAN * bridge->number, first,
			       first + 1, first + 2, first + 3);
}

static void append_virtio(GString *text, unsigned number, unsigned slot, unsigned function)
{
	g_string_append_printf(
		text, "  - name: viommu%u\n    kind: virtio-iommu-pci\n    at: 00:%02x.%x\n",
		number, slot, function);
}

/* Free ports of the bridges behind the IOMMU: of all of them, if the machine has only one. */
static unsigned hotplug_of(const struct plan *plan, const struct plan_bridge *bridge)
{
	bool several = plan_kind_row(plan->kind)->several;
	unsigned n = 0;

	for (guint i = 0; i < plan->bridges->len; i++) {
		const struct plan_bridge *other = plan->bridges->pdata[i];

		for (guint p = 0; (!several || other == bridge) && p < other->ports->len; p++)
			n += !((const struct plan_port *)other->ports->pdata[p])->devices->len;
	}
	return n;
}

static void append_iommus(GString *text, const struct plan *plan)
{
	g_string_append(text, "\niommus:\n");
	for (guint i = 0; i < plan->bridges->len; i++) {
		const struct plan_bridge *bridge = plan->bridges->pdata[i];

		if (plan->kind == PLAN_SMMUV3)
			append_smmu(text, bridge);
		else if (plan->kind == PLAN_VIRTIO)
			append_virtio(text, bridge->number, bridge->iommu_slot,
				      bridge->iommu_function);
		else if (i)
			continue;
		else if (plan->kind == PLAN_VIRTIO_STOCK)
			append_virtio(text, 0, plan->iommu_slot, 0);
		else if (plan->kind == PLAN_INTEL)
			g_string_append_printf(
				text, "  - name: viommu0\n    kind: vt-d\n    at: 0x%" PRIx64 "\n",
				VTD_BASE);
		else
			g_string_append_printf(
				text,
				"  - name: viommu0\n    kind: amd-vi\n    at: 0x%" PRIx64
				"\n    function: 00:%02x.0\n",
				VTD_BASE - 0x10000, plan->iommu_slot);
		if (bridge->guest_node >= 0)
			g_string_append_printf(text, "    proximity-domain: %d\n",
					       bridge->guest_node);
		if (hotplug_of(plan, bridge))
			g_string_append_printf(text, "    hotplug: %u\n", hotplug_of(plan, bridge));
	}
}

/* Devices that are not below a bridge of the plan bypass; their MSIs reach the ITS untranslated. */
static void append_bridges(GString *text, const struct plan *plan)
{
	bool several = plan_kind_row(plan->kind)->several, smmus = plan->kind == PLAN_SMMUV3;
	const struct plan_bridge *lowest = plan->bridges->pdata[0];

	g_string_append_printf(text, "\nhost-bridges:\n  - name: pcie.0\n    buses: 00-%02x\n%s%s",
			       lowest->bus - 1u, smmus ? "    its: its\n" : "",
			       smmus && plan->ats ? "    ats: yes\n" : "");
	for (guint i = 0; i < plan->bridges->len; i++) {
		const struct plan_bridge *bridge = plan->bridges->pdata[i];

		g_string_append_printf(
			text, "  - name: pxb%u\n    buses: %02x-%02x\n    iommu: viommu%u\n",
			bridge->number, bridge->bus, bridge->last, several ? bridge->number : 0);
		if (smmus && plan->ats)
			g_string_append(text, "    ats: yes\n");
		if (bridge->guest_node >= 0)
			g_string_append_printf(text, "    proximity-domain: %d\n",
					       bridge->guest_node);
	}
}

/* With --bus, numbers may be left that no bridge has. Bridges are in the order of their buses. */
static void append_gaps(GString *text, const struct plan *plan)
{
	const struct plan_bridge *lowest = plan->bridges->pdata[0];
	const char *head = "\nmsi-ranges:\n";
	unsigned next = lowest->bus;

	for (guint i = 0; i <= plan->bridges->len; i++) {
		const struct plan_bridge *bridge =
			i < plan->bridges->len ? plan->bridges->pdata[i] : NULL;
		unsigned end = bridge ? bridge->bus : PLAN_TOP_BUS + 1;

		if (next < end) {
			g_string_append_printf(
				text, "%s  - { functions: %02x:00.0-%02x:1f.7, its: none }\n", head,
				next, end - 1);
			head = "";
		}
		if (bridge)
			next = bridge->last + 1u;
	}
}

/* MSIs of a nested SMMU go to an address that the host identity-maps. */
static void append_its(GString *text, const struct plan *plan)
{
	if (plan->kind != PLAN_SMMUV3)
		return;
	g_string_append(text, "\nits-groups:\n  - { name: its, ids: [0] }\n");
	append_gaps(text, plan);
	for (guint i = 0; plan->accel && i < plan->bridges->len; i++)
		g_string_append_printf(
			text, "%s  - { range: " MSI_RANGE ", kind: identity, iommu: viommu%u }\n",
			i ? "" : "\nreserved-memory:\n",
			((struct plan_bridge *)plan->bridges->pdata[i])->number);
}

char *plan_topology(const struct plan *plan)
{
	GString *text = g_string_new("viommu: 1\n");

	append_iommus(text, plan);
	append_bridges(text, plan);
	append_its(text, plan);
	return g_string_free(text, false);
}
