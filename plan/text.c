/* SPDX-License-Identifier: BSD-3-Clause */
/* A plan as text: bridges with their buses and ports, and IOMMUs that can share tables */
#include <inttypes.h>
#include <string.h>

#include <viommu/device.h>

#include "plan.h"

static void append_port(GString *text, const struct plan_bridge *bridge, guint n)
{
	const struct plan_port *port = bridge->ports->pdata[n];
	g_autofree char *name = plan_port_name(bridge, n);

	g_string_append_printf(text, "  %-7s %s %02x", name, bridge->iommu ? "bus" : "slot",
			       (unsigned)(bridge->iommu ? port->bus : port->slot));
	if (!port->devices->len)
		g_string_append(text, "  free");
	for (guint d = 0; d < port->devices->len; d++) {
		const struct plan_device *device =
			&g_array_index(port->devices, struct plan_device, d);

		g_string_append_printf(text, "%s%s at ", d ? ", " : "  ", device->host->name);
		if (bridge->iommu)
			g_string_append_printf(text, "%02x:", port->bus);
		g_string_append_printf(text, "00.%x", device->function);
	}
	g_string_append_c(text, '\n');
}

static void append_reserved(GString *text, const struct plan_needs *needs)
{
	for (guint i = 0; i < needs->reserved->len; i++) {
		const struct viommu_reserved *region =
			&g_array_index(needs->reserved, struct viommu_reserved, i);

		g_string_append_printf(text, "%s 0x%" PRIx64 "-0x%" PRIx64 "%s",
				       i ? "," : ", reserved", region->first, region->last,
				       region->subtype == VIOMMU_RESV_MEM_MSI ? " (msi)" : "");
	}
}

/* Limits that are known. */
static void append_needs(GString *text, const struct plan_bridge *bridge)
{
	g_autoptr(GString) limits = g_string_new(NULL);
	struct plan_needs needs;

	plan_find_needs(bridge, &needs);
	if (needs.page_sizes)
		g_string_append_printf(limits, ", granule 0x%" PRIx64, needs.granule);
	if (needs.input_last != UINT64_MAX)
		g_string_append_printf(limits, ", addresses up to 0x%" PRIx64, needs.input_last);
	append_reserved(limits, &needs);
	if (needs.probe_size > VIOMMU_PROBE_SIZE_DEFAULT)
		g_string_append_printf(limits, ", probe-size %u", needs.probe_size);
	if (limits->len)
		g_string_append_printf(text, "  needs   %s\n", limits->str + strlen(", "));
	plan_needs_clear(&needs);
}

static void append_bridge(GString *text, const struct plan *plan, const struct plan_bridge *bridge)
{
	bool several = plan_kind_row(plan->kind)->several;

	g_string_append_printf(text, "\npxb%u  buses %02x-%02x, viommu%u for %s", bridge->number,
			       bridge->bus, bridge->last, several ? bridge->number : 0,
			       bridge->iommu_name);
	if (bridge->host_node >= 0)
		g_string_append_printf(text, ", node %d of the host", bridge->host_node);
	if (bridge->guest_node >= 0)
		g_string_append_printf(text, " and %d of the guest", bridge->guest_node);
	g_string_append_c(text, '\n');
	append_needs(text, bridge);
	for (guint n = 0; n < bridge->ports->len; n++)
		append_port(text, bridge, n);
}

static void append_shared(GString *text, const struct plan *plan)
{
	const struct plan_bridge *first = plan->bridges->pdata[0];

	for (guint i = 1; i < plan->bridges->len; i++) {
		const struct plan_bridge *bridge = plan->bridges->pdata[i];
		const char *why;
		enum viommu_known shared = plan_can_share(first->iommu, bridge->iommu, &why);

		g_string_append_printf(text, "%s  %s with %s: %s, %s\n",
				       i == 1 ? "\ntables of stage 2 that can be shared\n" : "",
				       bridge->iommu_name, first->iommu_name,
				       viommu_known_name(shared), why);
	}
}

static void append_distances(GString *text, const struct plan *plan, guint from)
{
	guint n = plan->cells->len;

	for (guint to = 0; plan->distances && to < n; to++)
		g_string_append_printf(text, "%s%u", to ? " " : ", distances ",
				       plan->distances[from * n + to]);
}

static void append_cells(GString *text, const struct plan *plan)
{
	for (guint i = 0; i < plan->cells->len; i++) {
		const struct plan_cell *cell = &g_array_index(plan->cells, struct plan_cell, i);

		g_string_append_printf(text,
				       "%snode %d of the guest: %" G_GUINT64_FORMAT
				       " MiB of node %d of the host, CPUs %u-%u",
				       i ? "" : "\n", cell->node, cell->memory >> 20,
				       cell->host_node, cell->first_cpu, cell->last_cpu);
		append_distances(text, plan, i);
		g_string_append_c(text, '\n');
	}
}

static void append_memory(GString *text, const struct plan *plan)
{
	if (plan_locked_memory(plan))
		g_string_append_printf(text,
				       "\nlocked memory: %" G_GUINT64_FORMAT
				       " MiB (%s), the limit of QEMU's process\n",
				       plan_locked_memory(plan) >> 20,
				       plan->iommufd ? "iommufd charges the guest's memory once"
						     : "VFIO type1 may charge it for each device");
	for (guint i = 0; i < plan->egm->len; i++) {
		const struct plan_egm *egm = &g_array_index(plan->egm, struct plan_egm, i);

		g_string_append_printf(
			text, "%snode %d of the guest: %" G_GUINT64_FORMAT " MiB of /dev/%s\n",
			i ? "" : "\n", egm->node, egm->host->size >> 20, egm->host->name);
	}
	append_cells(text, plan);
	if (plan->mmio64)
		g_string_append_printf(text, "\n64-bit memory window: %" G_GUINT64_FORMAT " GiB\n",
				       plan->mmio64 >> 30);
}

char *plan_text(const struct plan *plan)
{
	const struct plan_bridge *lowest = plan->bridges->pdata[0];
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "machine %s, %u virtual IOMMU%s: %s", plan->machine,
			       plan_kind_row(plan->kind)->several ? plan->bridges->len : 1,
			       plan_kind_row(plan->kind)->several && plan->bridges->len > 1 ? "s"
											    : "",
			       plan_kind_row(plan->kind)->driver);
	if (plan->why)
		g_string_append_printf(text, " (%s)", plan->why);
	g_string_append_printf(text, "\npcie.0  buses 00-%02x, bypassed: emulated devices\n",
			       lowest->bus - 1u);
	for (guint n = 0; plan->root && n < plan->root->ports->len; n++)
		append_port(text, plan->root, n);
	for (guint i = 0; i < plan->bridges->len; i++)
		append_bridge(text, plan, plan->bridges->pdata[i]);
	append_shared(text, plan);
	append_memory(text, plan);
	return g_string_free(text, false);
}
