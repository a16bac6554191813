/* SPDX-License-Identifier: BSD-3-Clause */
/* A plan as JSON, which --keep accepts */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <viommu/device.h>

#include "json/json.h"
#include "plan.h"

static void add_string(struct json *json, const char *key, const char *value)
{
	json_key(json, key);
	json_add_string(json, value);
}

static void add_number(struct json *json, const char *key, int64_t value)
{
	json_key(json, key);
	json_add_number(json, value);
}

static void add_port(struct json *json, const struct plan_bridge *bridge, guint n)
{
	const struct plan_port *port = bridge->ports->pdata[n];
	g_autofree char *name = plan_port_name(bridge, n);

	json_open(json, '{');
	add_string(json, "name", name);
	if (bridge->iommu)
		add_number(json, "bus", port->bus);
	else
		add_number(json, "slot", port->slot);
	add_number(json, "chassis", port->chassis);
	json_key(json, "devices");
	json_open(json, '[');
	for (guint d = 0; d < port->devices->len; d++) {
		const struct plan_device *device =
			&g_array_index(port->devices, struct plan_device, d);

		json_open(json, '{');
		add_string(json, "host", device->host->name);
		add_number(json, "function", device->function);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_close(json, '}');
}

static void add_ports(struct json *json, const char *key, const struct plan_bridge *bridge)
{
	json_key(json, key);
	json_open(json, '[');
	for (guint n = 0; n < bridge->ports->len; n++)
		add_port(json, bridge, n);
	json_close(json, ']');
}

static void add_hex(struct json *json, const char *key, uint64_t value)
{
	g_autofree char *text = g_strdup_printf("0x%" PRIx64, value);

	add_string(json, key, text);
}

static void add_needs(struct json *json, const struct plan_bridge *bridge)
{
	struct plan_needs needs;

	plan_find_needs(bridge, &needs);
	json_key(json, "needs");
	json_open(json, '{');
	if (needs.page_sizes)
		add_hex(json, "granule", needs.granule);
	add_hex(json, "last", needs.input_last);
	json_key(json, "reserved");
	json_open(json, '[');
	for (guint i = 0; i < needs.reserved->len; i++) {
		const struct viommu_reserved *region =
			&g_array_index(needs.reserved, struct viommu_reserved, i);

		json_open(json, '{');
		add_hex(json, "first", region->first);
		add_hex(json, "last", region->last);
		add_string(json, "kind",
			   region->subtype == VIOMMU_RESV_MEM_MSI ? "msi" : "reserved");
		json_close(json, '}');
	}
	json_close(json, ']');
	add_number(json, "probe-size", needs.probe_size);
	json_close(json, '}');
	plan_needs_clear(&needs);
}

static void add_bridge(struct json *json, const struct plan *plan, const struct plan_bridge *bridge)
{
	const struct plan_bridge *first = plan->bridges->pdata[0];
	g_autofree char *name = g_strdup_printf("pxb%u", bridge->number);
	const char *why;

	json_open(json, '{');
	add_string(json, "name", name);
	add_string(json, "host-iommu", bridge->iommu_name);
	add_number(json, "bus", bridge->bus);
	add_number(json, "last", bridge->last);
	add_number(json, "slot", bridge->slot);
	add_number(json, "iommu-slot", bridge->iommu_slot);
	add_number(json, "iommu-function", bridge->iommu_function);
	add_number(json, "host-node", bridge->host_node);
	add_number(json, "guest-node", bridge->guest_node);
	if (bridge != first)
		add_string(json, "shares-stage-2-with-first",
			   viommu_known_name(plan_can_share(first->iommu, bridge->iommu, &why)));
	add_needs(json, bridge);
	add_ports(json, "ports", bridge);
	json_close(json, '}');
}

static void add_egm(struct json *json, const struct plan *plan)
{
	json_key(json, "egm");
	json_open(json, '[');
	for (guint i = 0; i < plan->egm->len; i++) {
		const struct plan_egm *egm = &g_array_index(plan->egm, struct plan_egm, i);

		json_open(json, '{');
		add_string(json, "name", egm->host->name);
		add_number(json, "size", (int64_t)egm->host->size);
		add_number(json, "guest-node", egm->node);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void add_distances(struct json *json, const struct plan *plan, guint from)
{
	guint n = plan->cells->len;

	if (!plan->distances)
		return;
	json_key(json, "distances");
	json_open(json, '[');
	for (guint to = 0; to < n; to++)
		json_add_number(json, plan->distances[from * n + to]);
	json_close(json, ']');
}

static void add_cells(struct json *json, const struct plan *plan)
{
	json_key(json, "nodes");
	json_open(json, '[');
	for (guint i = 0; i < plan->cells->len; i++) {
		const struct plan_cell *cell = &g_array_index(plan->cells, struct plan_cell, i);

		json_open(json, '{');
		add_number(json, "guest-node", cell->node);
		add_number(json, "host-node", cell->host_node);
		add_number(json, "memory", (int64_t)cell->memory);
		add_number(json, "first-cpu", cell->first_cpu);
		add_number(json, "last-cpu", cell->last_cpu);
		add_distances(json, plan, i);
		json_close(json, '}');
	}
	json_close(json, ']');
}

char *plan_json(const struct plan *plan)
{
	struct json *json = json_new();
	g_autofree char *text = NULL;
	char *line;

	json_open(json, '{');
	add_number(json, "format", 1);
	add_string(json, "machine", plan->machine);
	add_string(json, "iommu", plan_kind_row(plan->kind)->name);
	add_string(json, "why", plan->why ? plan->why : "asked for");
	add_number(json, "iommu-slot", plan->iommu_slot);
	if (plan_locked_memory(plan))
		add_number(json, "locked-memory", (int64_t)plan_locked_memory(plan));
	add_number(json, "mmio64", (int64_t)plan->mmio64);
	if (plan->egm->len)
		add_egm(json, plan);
	if (plan->cells->len)
		add_cells(json, plan);
	if (plan->root)
		add_ports(json, "bypassing", plan->root);
	json_key(json, "bridges");
	json_open(json, '[');
	for (guint i = 0; i < plan->bridges->len; i++)
		add_bridge(json, plan, plan->bridges->pdata[i]);
	json_close(json, ']');
	json_close(json, '}');
	text = json_finish(json);
	line = g_strconcat(text, "\n", NULL);
	return line;
}
