/* SPDX-License-Identifier: BSD-3-Clause */
/* Extended GPU Memory as the guest's memory: a NUMA node of the guest for each region */
#include <inttypes.h>
#include <string.h>

#include "plan.h"

#define MIB 20

static unsigned number_of(const struct plan *plan, const struct viommu_host_device *wanted,
			  struct plan_bridge **ret_bridge)
{
	struct plan_bridge *bridge;
	unsigned number = 0;

	for (guint i = 0; (bridge = plan_branch(plan, i)); i++) {
		for (guint n = 0; n < bridge->ports->len; n++) {
			const struct plan_port *port = bridge->ports->pdata[n];

			for (guint d = 0; d < port->devices->len; d++, number++)
				if (g_array_index(port->devices, struct plan_device, d).host ==
				    wanted) {
					*ret_bridge = bridge;
					return number;
				}
		}
	}
	*ret_bridge = NULL;
	return 0;
}

/* A guest gets a region with all GPUs that reach it, or not at all. */
static unsigned count_assigned(const struct plan *plan, const struct viommu_host_egm *egm)
{
	const struct viommu_host_device *gpu;
	struct plan_bridge *bridge;
	unsigned n = 0;

	for (size_t i = 0; (gpu = viommu_host_egm_gpu(egm, i)); i++) {
		number_of(plan, gpu, &bridge);
		n += bridge ? 1u : 0u;
	}
	return n;
}

static void refuse_part(const struct plan *plan, const struct viommu_host_egm *egm,
			struct viommu_findings *findings)
{
	const struct viommu_host_device *gpu;
	struct plan_bridge *bridge;

	for (size_t i = 0; (gpu = viommu_host_egm_gpu(egm, i)); i++) {
		number_of(plan, gpu, &bridge);
		if (!bridge)
			plan_report(findings, "plan-egm", "assign it to the same guest",
				    "%s, a GPU of the region %s, is not assigned", gpu->name,
				    egm->name);
	}
	if (!egm->size || egm->size & ((UINT64_C(1) << MIB) - 1))
		plan_report(findings, "plan-egm", "leave out --egm",
			    "the size of the region %s is 0x%" PRIx64 " bytes, not a number of MiB",
			    egm->name, egm->size);
}

/* The bridges of the same node of the host as the region's GPUs are in its node of the guest. */
static void take_region(struct plan *plan, const struct viommu_host_egm *egm)
{
	const struct viommu_host_device *gpu;
	struct plan_egm region = { .host = egm, .node = (int)plan->egm->len };
	struct plan_bridge *bridge;

	for (size_t i = 0; (gpu = viommu_host_egm_gpu(egm, i)); i++) {
		struct plan_egm_gpu link = { .number = number_of(plan, gpu, &bridge),
					     .node = region.node };

		if (!bridge)
			continue;
		bridge->guest_node = region.node;
		g_array_append_val(plan->egm_gpus, link);
		for (guint n = 0; bridge->host_node >= 0 && n < plan->bridges->len; n++) {
			struct plan_bridge *other = plan->bridges->pdata[n];

			if (other->host_node == bridge->host_node && other->guest_node < 0)
				other->guest_node = region.node;
		}
	}
	g_array_append_val(plan->egm, region);
}

static void check_request(const struct plan *plan, struct viommu_findings *findings)
{
	const struct plan_options *options = &plan->options;

	if (plan->kind != PLAN_SMMUV3)
		plan_report(findings, "plan-egm", "choose --iommu smmuv3",
			    "GPU memory requires SMMUv3s");
	if (options->for_libvirt)
		plan_report(findings, "plan-egm", "use --format qemu",
			    "libvirt 12.9 has no element for GPU memory");
	if (options->n_nodes || options->nodes)
		plan_report(findings, "plan-egm", "leave out --node and -numa",
			    "with --egm, the guest has a NUMA node for each region, in the order "
			    "of the regions");
}

/* The regions are all of the guest's memory, so their sum is its size. */
static void check_memory(struct plan *plan, struct viommu_findings *findings)
{
	uint64_t sum = 0;

	for (guint i = 0; i < plan->egm->len; i++) {
		uint64_t size = g_array_index(plan->egm, struct plan_egm, i).host->size;

		sum = size > UINT64_MAX - sum ? UINT64_MAX : sum + size;
	}
	if (plan->options.memory && plan->options.memory != sum)
		plan_report(findings, "plan-egm", "leave out the size",
			    "the guest's memory is %" PRIu64 " MiB by the request, and %" PRIu64
			    " MiB by the regions",
			    plan->options.memory >> MIB, sum >> MIB);
	plan->options.memory = sum;
}

/* Memory is not plugged into a running guest, and a new region would change its nodes. */
static void check_kept(const struct plan *plan, struct viommu_findings *findings)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (guint i = 0; i < plan->egm->len; i++)
		g_string_append_printf(names, "%s ",
				       g_array_index(plan->egm, struct plan_egm, i).host->name);
	if (plan->kept_egm && strcmp(plan->kept_egm, names->str) != 0)
		plan_report(
			findings, "plan-keep", "make a new plan, and restart the guest",
			"the guest has the GPU memory \"%s\" by the earlier plan, and \"%s\" by "
			"the request",
			g_strchomp(plan->kept_egm), g_strchomp(names->str));
}

static void take_regions(struct plan *plan, struct viommu_findings *findings)
{
	const struct viommu_host_egm *egm;

	check_request(plan, findings);
	for (size_t i = 0; (egm = viommu_host_egm(plan->host, i)); i++) {
		unsigned n = count_assigned(plan, egm);

		if (n)
			refuse_part(plan, egm, findings);
		if (n && n == egm->n_gpus)
			take_region(plan, egm);
	}
	if (!plan->egm->len && !viommu_findings_count_from(findings, VIOMMU_ERROR))
		plan_report(findings, "plan-egm",
			    "enable EGM in the firmware and load nvgrace-egm, or leave out --egm",
			    "no assigned device has GPU memory (/sys/class/egm)");
	check_memory(plan, findings);
	if (plan->options.for_qemu && !plan->options.for_libvirt &&
	    plan->options.cpus < plan->egm->len)
		plan_report(findings, "plan-egm",
			    "give --cpus, or -smp after --: each node gets a part",
			    "the guest has %u CPUs for %u nodes", plan->options.cpus,
			    plan->egm->len);
}

void plan_take_egm(struct plan *plan, struct viommu_findings *findings)
{
	if (plan->options.egm)
		take_regions(plan, findings);
	check_kept(plan, findings);
}
