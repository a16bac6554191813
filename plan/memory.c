/* SPDX-License-Identifier: BSD-3-Clause */
/* The window for 64-bit BARs, and the memory that VFIO locks */
#include <inttypes.h>
#include <string.h>

#include "plan.h"

#define VIRT_MMIO64 ((uint64_t)512 << 30)
#define GIBI        30
#define MMIO64_MAX  ((uint64_t)1 << 46) /* half of what 48 bits of addresses can have */

static uint64_t power_of_two(uint64_t bytes)
{
	uint64_t power = 1;

	while (power < bytes && power << 1)
		power <<= 1;
	return bytes ? power : 0;
}

/* BARs come from files, so a sum may be too large. */
static uint64_t add_memory(uint64_t one, uint64_t other)
{
	return one > UINT64_MAX - other ? UINT64_MAX : one + other;
}

static uint64_t large_memory(const struct viommu_host_device *device)
{
	uint64_t sum = 0;

	for (int i = 0; i < VIOMMU_HOST_BARS; i++)
		if (device->bars[i].is_64_bits && device->bars[i].prefetchable)
			sum = add_memory(sum, power_of_two(device->bars[i].length));
	return sum;
}

/* QEMU's own window keeps half of its size for emulated devices. */
static void size_window(struct plan *plan, uint64_t sum, struct viommu_findings *findings)
{
	bool virt = !strcmp(plan->machine, "virt");
	uint64_t own = virt ? VIRT_MMIO64 : PLAN_Q35_WINDOW;

	plan->mmio64 = sum > own / 2 ? MAX(sum << 1, own) : 0;
	if (sum > MMIO64_MAX)
		plan_report(findings, "plan-memory-window", "assign fewer devices",
			    "the 64-bit BARs of the devices need %" PRIu64
			    " GiB, and a guest has addresses for at most %" PRIu64,
			    sum >> GIBI, MMIO64_MAX >> GIBI);
	else if (virt && plan->mmio64 && plan->options.for_qemu &&
		 plan->options.qemu < PLAN_LARGE_VIRT)
		plan_report(findings, "plan-qemu-version", "use a newer QEMU",
			    "the 64-bit BARs of the devices need a window of %" PRIu64
			    " GiB, and virt has a larger one than %" PRIu64
			    " GiB from QEMU 10.0 (highmem-mmio-size)",
			    plan->mmio64 >> GIBI, own >> GIBI);
}

void plan_size_memory(struct plan *plan, struct viommu_findings *findings)
{
	struct plan_bridge *bridge;
	uint64_t sum = 0;

	for (guint i = 0; (bridge = plan_branch(plan, i)); i++) {
		for (guint n = 0; n < bridge->ports->len; n++) {
			struct plan_port *port = bridge->ports->pdata[n];

			for (guint d = 0; d < port->devices->len; d++)
				port->mmio64 =
					add_memory(port->mmio64,
						   large_memory(g_array_index(port->devices,
									      struct plan_device, d)
									.host));
			port->mmio64 = power_of_two(port->mmio64);
			bridge->mmio64 = add_memory(bridge->mmio64, port->mmio64);
		}
		sum = add_memory(sum, power_of_two(bridge->mmio64));
	}
	size_window(plan, power_of_two(sum), findings);
}

/*
 * iommufd charges a page once for a user. VFIO type1 charges it once for each address space, and
 * below a virtual IOMMU each device may have one.
 */
uint64_t plan_locked_memory(const struct plan *plan)
{
	const struct plan_bridge *bridge;
	uint64_t n = 0;

	for (guint i = 0; (bridge = plan_branch(plan, i)); i++)
		for (guint p = 0; p < bridge->ports->len; p++)
			n += ((struct plan_port *)bridge->ports->pdata[p])->devices->len;
	return plan->options.memory * (plan->iommufd ? 1 : n);
}
