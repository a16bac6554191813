/* SPDX-License-Identifier: BSD-3-Clause */
/* GPUs of Grace: NUMA nodes for the instances that a GPU can be divided into */
#include "plan.h"

#define GPU_INITIATORS 8u
#define NVIDIA         0x10de
#define CLASS_3D       0x0302
#define GRACE_BAR      ((uint64_t)64 << 30) /* coherent memory, which only a Grace GPU has */

static bool is_grace_gpu(const struct viommu_host_device *device)
{
	bool coherent = false;

	for (int i = 0; i < VIOMMU_HOST_BARS; i++)
		coherent |= device->bars[i].length >= GRACE_BAR;
	return device->vendor == NVIDIA && device->pci_class >> 8 == CLASS_3D && coherent;
}

/*
 * Devices are numbered in the order of the arguments. Their nodes follow those of the guest, which
 * has at least one.
 */
void plan_count_initiators(struct plan *plan)
{
	const struct plan_bridge *bridge;
	unsigned number = 0;

	plan->n_initiators = GPU_INITIATORS;
	plan->first_initiator =
		MAX(MAX(1, plan->options.n_nodes), MAX(plan->egm->len, plan->cells->len));
	for (guint i = 0; (bridge = plan_branch(plan, i)); i++) {
		plan->first_initiator =
			MAX(plan->first_initiator, (unsigned)(bridge->guest_node + 1));
		for (guint n = 0; n < bridge->ports->len; n++) {
			const struct plan_port *port = bridge->ports->pdata[n];

			for (guint d = 0; d < port->devices->len; d++, number++)
				if (is_grace_gpu(g_array_index(port->devices, struct plan_device, d)
							 .host))
					g_array_append_val(plan->initiators, number);
		}
	}
}

int plan_initiator_of(const struct plan *plan, unsigned number)
{
	for (guint i = 0; i < plan->initiators->len; i++)
		if (g_array_index(plan->initiators, unsigned, i) == number)
			return (int)(plan->first_initiator + i * plan->n_initiators);
	return -1;
}
