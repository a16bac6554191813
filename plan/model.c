/* SPDX-License-Identifier: BSD-3-Clause */
/* Creates, names and frees plans, bridges and ports */
#include <stdarg.h>

#include "keep.h"
#include "plan.h"

void plan_report(struct viommu_findings *findings, const char *id, const char *cure,
		 const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	viommu_findings_add(findings, id, NULL, text, cure);
}

static void port_free(void *opaque)
{
	struct plan_port *port = opaque;

	g_array_unref(port->devices);
	g_free(port);
}

static void bridge_free(void *opaque)
{
	struct plan_bridge *bridge = opaque;

	g_ptr_array_unref(bridge->ports);
	g_free(bridge->iommu_name);
	g_free(bridge);
}

struct plan *plan_new(const struct viommu_host *host, const struct plan_options *options)
{
	struct plan *plan = g_new0(struct plan, 1);

	plan->host = host;
	plan->options = *options;
	plan->bridges = g_ptr_array_new_with_free_func(bridge_free);
	plan->bypassing = g_hash_table_new(NULL, NULL);
	plan->initiators = g_array_new(false, false, sizeof(unsigned));
	plan->egm = g_array_new(false, false, sizeof(struct plan_egm));
	plan->egm_gpus = g_array_new(false, false, sizeof(struct plan_egm_gpu));
	plan->cells = g_array_new(false, false, sizeof(struct plan_cell));
	return plan;
}

struct plan *plan_free(struct plan *plan)
{
	if (plan) {
		g_ptr_array_unref(plan->bridges);
		if (plan->root)
			bridge_free(plan->root);
		g_hash_table_unref(plan->bypassing);
		g_array_unref(plan->initiators);
		g_array_unref(plan->egm);
		g_array_unref(plan->egm_gpus);
		g_array_unref(plan->cells);
		g_free(plan->kept_cells);
		g_free(plan->distances);
		g_free(plan->kept_egm);
		g_free(plan->why);
		g_free(plan);
	}
	return NULL;
}

struct plan_port *plan_port_new(struct plan_bridge *bridge)
{
	struct plan_port *port = g_new0(struct plan_port, 1);

	port->devices = g_array_new(false, true, sizeof(struct plan_device));
	g_ptr_array_add(bridge->ports, port);
	return port;
}

static struct plan_bridge *bridge_new(const struct viommu_host_iommu *iommu)
{
	struct plan_bridge *bridge = g_new0(struct plan_bridge, 1);

	bridge->iommu = iommu;
	bridge->iommu_name = iommu ? g_strdup(iommu->name) : NULL;
	bridge->host_node = iommu ? iommu->numa_node : -1;
	bridge->guest_node = -1;
	bridge->ports = g_ptr_array_new_with_free_func(port_free);
	return bridge;
}

struct plan_bridge *plan_bridge_new(struct plan *plan, const struct viommu_host_iommu *iommu)
{
	struct plan_bridge *bridge = bridge_new(iommu);

	g_ptr_array_add(plan->bridges, bridge);
	return bridge;
}

struct plan_bridge *plan_root(struct plan *plan)
{
	if (!plan->root)
		plan->root = bridge_new(NULL);
	return plan->root;
}

struct plan_bridge *plan_branch(const struct plan *plan, guint i)
{
	if (i < plan->bridges->len)
		return plan->bridges->pdata[i];
	return i == plan->bridges->len ? plan->root : NULL;
}

char *plan_bridge_name(const struct plan_bridge *bridge)
{
	return bridge->iommu ? g_strdup_printf("pxb%u", bridge->number) : g_strdup("pcie.0");
}

char *plan_port_name(const struct plan_bridge *bridge, size_t port)
{
	if (!bridge->iommu)
		return g_strdup_printf("bypass%zu", port);
	return g_strdup_printf("rp%u.%zu", bridge->number, port);
}
