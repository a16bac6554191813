/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's objects in the order that QEMU requires: a bridge before its IOMMU, and the IOMMU before
 * its devices
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <viommu/device.h>

#include "item.h"

#define MIBI 20
#define GIBI 30

static void key_clear(void *opaque)
{
	g_free(((struct plan_key *)opaque)->value);
}

void plan_item_free(void *opaque)
{
	struct plan_item *item = opaque;

	g_array_unref(item->keys);
	g_free(item);
}

struct plan_item *plan_item_new(const char *group, const char *driver)
{
	struct plan_item *item = g_new0(struct plan_item, 1);

	item->group = group;
	item->driver = driver;
	item->keys = g_array_new(false, false, sizeof(struct plan_key));
	g_array_set_clear_func(item->keys, key_clear);
	return item;
}

static struct plan_item *add(GPtrArray *items, const char *group, const char *driver)
{
	struct plan_item *item = plan_item_new(group, driver);

	g_ptr_array_add(items, item);
	return item;
}

__attribute__((format(printf, 4, 5))) static void set(struct plan_item *item, const char *name,
						      enum plan_value type, const char *format, ...)
{
	struct plan_key key = { .key = name, .type = type };
	va_list args;

	va_start(args, format);
	key.value = g_strdup_vprintf(format, args);
	va_end(args);
	g_array_append_val(item->keys, key);
}

static void set_flag(struct plan_item *item, const char *name, bool on)
{
	set(item, name, PLAN_FLAG, "%s", on ? "on" : "off");
}

/* For a property of type OnOffAuto, which takes no boolean in JSON. */
static void set_choice(struct plan_item *item, const char *name, bool on)
{
	set(item, name, PLAN_CHOICE, "%s", on ? "on" : "off");
}

/* -- the machine ------------------------------------------------------------------------------ */

/* Devices on pcie.0 bypass, where an IOMMU would otherwise translate the whole machine. */
static void add_machine(GPtrArray *items, const struct plan *plan)
{
	bool virt = !strcmp(plan->machine, "virt");
	struct plan_item *item = add(items, "machine", plan->machine);
	bool one = !plan_kind_row(plan->kind)->several;

	if (one)
		set_flag(item, "default-bus-bypass-iommu", true);
	if (plan->kind == PLAN_INTEL || plan->kind == PLAN_AMD)
		set(item, "kernel-irqchip", PLAN_TEXT, "split");
	if (plan->architecture == PLAN_ARM)
		set(item, "gic-version", PLAN_TEXT, "3");
	if (plan_has_own_memory(plan))
		set(item, "memory-backend", PLAN_TEXT, "ram0");
	if (virt && plan->mmio64)
		set(item, "highmem-mmio-size", PLAN_TEXT, "%" G_GUINT64_FORMAT "G",
		    plan->mmio64 >> GIBI);
	if (!virt && plan->mmio64)
		set(add(items, "global", "q35-pcihost"), "pci-hole64-size", PLAN_TEXT,
		    "%" G_GUINT64_FORMAT "G", plan->mmio64 >> GIBI);
}

static struct plan_item *add_backend(GPtrArray *items, const struct plan *plan, int number,
				     uint64_t size)
{
	bool huge = plan->options.cmdqv == PLAN_ON;
	struct plan_item *item =
		add(items, "object", huge ? "memory-backend-file" : "memory-backend-ram");

	set(item, "id", PLAN_TEXT, "ram%d", number);
	set(item, "size", PLAN_NUMBER, "%" G_GUINT64_FORMAT, size);
	if (huge) {
		set(item, "mem-path", PLAN_TEXT, "/dev/hugepages");
		set_flag(item, "prealloc", true);
		set_flag(item, "share", true);
	}
	return item;
}

static void add_memory(GPtrArray *items, const struct plan *plan)
{
	if (plan_has_own_memory(plan))
		add_backend(items, plan, 0, plan->options.memory);
}

static void add_size(GPtrArray *items, const struct plan *plan)
{
	set(add(items, "m", NULL), "size", PLAN_TEXT, "%" G_GUINT64_FORMAT "M",
	    plan->options.memory >> MIBI);
}

static void add_cell(GPtrArray *items, const struct plan *plan, const struct plan_cell *cell)
{
	struct plan_item *item = add_backend(items, plan, cell->node, cell->memory);

	set(item, "host-nodes", PLAN_LIST, "%d", cell->host_node);
	set(item, "policy", PLAN_TEXT, "bind");
	item = add(items, "numa", "node");
	set(item, "nodeid", PLAN_NUMBER, "%d", cell->node);
	set(item, "memdev", PLAN_TEXT, "ram%d", cell->node);
	set(item, "cpus", PLAN_TEXT, "%u-%u", cell->first_cpu, cell->last_cpu);
}

static void add_distance(GPtrArray *items, const struct plan *plan, guint from, guint to)
{
	struct plan_item *item = add(items, "numa", "dist");

	set(item, "src", PLAN_NUMBER, "%u", from);
	set(item, "dst", PLAN_NUMBER, "%u", to);
	set(item, "val", PLAN_NUMBER, "%u", plan->distances[from * plan->cells->len + to]);
}

/* That of a node to itself is 10. */
static void add_distances(GPtrArray *items, const struct plan *plan)
{
	for (guint from = 0; plan->distances && from < plan->cells->len; from++)
		for (guint to = 0; to < plan->cells->len; to++)
			if (from != to)
				add_distance(items, plan, from, to);
}

static void add_cells(GPtrArray *items, const struct plan *plan)
{
	if (plan->cells->len && !plan->options.has_memory)
		add_size(items, plan);
	if (plan->cells->len && !plan->options.has_cpus)
		set(add(items, "smp", NULL), "cpus", PLAN_NUMBER, "%u", plan->options.cpus);
	for (guint i = 0; i < plan->cells->len; i++)
		add_cell(items, plan, &g_array_index(plan->cells, struct plan_cell, i));
	add_distances(items, plan);
}

/* A region is the memory of one node, and contiguous in the host. */
static void add_region(GPtrArray *items, const struct plan *plan, guint i)
{
	const struct plan_egm *egm = &g_array_index(plan->egm, struct plan_egm, i);
	struct plan_item *item = add(items, "object", "memory-backend-file");
	unsigned first, last;

	set(item, "id", PLAN_TEXT, "%s", egm->host->name);
	set(item, "size", PLAN_NUMBER, "%" G_GUINT64_FORMAT, egm->host->size);
	set(item, "mem-path", PLAN_TEXT, "/dev/%s", egm->host->name);
	set_flag(item, "prealloc", true);
	set_flag(item, "share", true);
	plan_divide_cpus(plan, i, plan->egm->len, &first, &last);
	item = add(items, "numa", "node");
	set(item, "nodeid", PLAN_NUMBER, "%d", egm->node);
	set(item, "memdev", PLAN_TEXT, "%s", egm->host->name);
	set(item, "cpus", PLAN_TEXT, "%u-%u", first, last);
}

static void add_regions(GPtrArray *items, const struct plan *plan)
{
	if (plan->egm->len)
		add_size(items, plan);
	for (guint i = 0; i < plan->egm->len; i++)
		add_region(items, plan, i);
}

/* The firmware's tables name the GPUs of a node's memory. QEMU of NVIDIA has the object. */
static void add_region_gpus(GPtrArray *items, const struct plan *plan)
{
	for (guint i = 0; i < plan->egm_gpus->len; i++) {
		const struct plan_egm_gpu *gpu =
			&g_array_index(plan->egm_gpus, struct plan_egm_gpu, i);
		struct plan_item *item = add(items, "object", "acpi-egm-memory");

		set(item, "id", PLAN_TEXT, "gpu-memory%u", i);
		set(item, "pci-dev", PLAN_TEXT, "hostdev%u", gpu->number);
		set(item, "node", PLAN_NUMBER, "%d", gpu->node);
	}
}

/* -- IOMMUs ----------------------------------------------------------------------------------- */

/* From QEMU 11.1, an attribute that is left out is that of the host's SMMU. */
static void add_smmu(GPtrArray *items, const struct plan *plan, const struct plan_bridge *bridge)
{
	struct plan_item *item = add(items, "device", "arm-smmuv3");
	bool fixed = plan->options.qemu < PLAN_SMMU_AUTO;

	set(item, "id", PLAN_TEXT, "viommu%u", bridge->number);
	set(item, "primary-bus", PLAN_TEXT, "pxb%u", bridge->number);
	if (!plan->accel)
		return;
	set_flag(item, "accel", true);
	if (fixed || bridge->ats_known)
		set(item, "ats", fixed ? PLAN_FLAG : PLAN_CHOICE, "%s", bridge->ats ? "on" : "off");
	if (fixed)
		set_flag(item, "ril", false);
	if (bridge->pasid_bits)
		set(item, "ssidsize", fixed ? PLAN_NUMBER : PLAN_CHOICE, "%u", bridge->pasid_bits);
	if (plan->options.cmdqv != PLAN_SWITCH_AUTO && plan->options.qemu >= PLAN_CMDQV)
		set_choice(item, "cmdqv", plan->options.cmdqv == PLAN_ON);
	if (bridge->address_bits)
		set(item, "oas", fixed ? PLAN_NUMBER : PLAN_CHOICE, "%u",
		    bridge->address_bits < 48 ? 44u : 48u);
}

/* The region for MSIs is the machine's. */
static char *reserved_of(const struct plan_needs *needs)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < needs->reserved->len; i++) {
		const struct viommu_reserved *region =
			&g_array_index(needs->reserved, struct viommu_reserved, i);

		if (region->subtype != VIOMMU_RESV_MEM_MSI && region->first <= needs->input_last)
			g_string_append_printf(text, "%s0x%" PRIx64 "-0x%" PRIx64,
					       text->len ? "+" : "", region->first,
					       MIN(region->last, needs->input_last));
	}
	return g_string_free(text, false);
}

void plan_set_limits(struct plan_item *item, const struct plan *plan,
		     const struct plan_bridge *bridge)
{
	g_autofree char *reserved = NULL;
	struct plan_needs needs;

	plan_find_needs(bridge, &needs);
	reserved = reserved_of(&needs);
	if (plan->options.qemu < PLAN_LIMITS && needs.input_last != UINT64_MAX)
		set(item, "aw-bits", PLAN_NUMBER, "%u", g_bit_storage(needs.input_last));
	if (plan->options.qemu < PLAN_LIMITS && *reserved)
		set(item, "reserved", PLAN_TEXT, "%s", reserved);
	if (needs.probe_size > VIOMMU_PROBE_SIZE_DEFAULT)
		set(item, "probe-size", PLAN_NUMBER, "%u", needs.probe_size);
	plan_needs_clear(&needs);
}

static void add_virtio(GPtrArray *items, const struct plan *plan, const struct plan_bridge *bridge)
{
	struct plan_item *item = add(items, "device", "viommu-pci");

	set(item, "id", PLAN_TEXT, "viommu%u", bridge->number);
	set(item, "bus", PLAN_TEXT, "pcie.0");
	set(item, "addr", PLAN_TEXT, "0x%x.%x", bridge->iommu_slot, bridge->iommu_function);
	if (!bridge->iommu_function)
		set_flag(item, "multifunction", true);
	set(item, "root-bus", PLAN_TEXT, "pxb%u", bridge->number);
	plan_set_limits(item, plan, bridge);
}

static void set_root_slot(struct plan_item *item, unsigned slot)
{
	set(item, "bus", PLAN_TEXT, "pcie.0");
	set(item, "addr", PLAN_TEXT, "0x%x", slot);
}

/* IOMMUs of the whole machine come first, because QEMU needs them when it creates a device. */
static void add_one(GPtrArray *items, const struct plan *plan)
{
	struct plan_item *item;

	if (plan->kind == PLAN_AMD) {
		item = add(items, "device", "AMDVI-PCI");
		set(item, "id", PLAN_TEXT, "viommu0-pci");
		set_root_slot(item, plan->iommu_slot);
	}
	item = add(items, "device", plan_kind_row(plan->kind)->driver);
	set(item, "id", PLAN_TEXT, "viommu0");
	if (plan->kind == PLAN_VIRTIO_STOCK) {
		set_root_slot(item, plan->iommu_slot);
		return;
	}
	set_choice(item, "intremap", true);
	if (plan->kind == PLAN_INTEL) {
		set_flag(item, "caching-mode", true);
		set_flag(item, "device-iotlb", plan->ats);
	} else {
		set(item, "pci-id", PLAN_TEXT, "viommu0-pci");
		set_flag(item, "dma-remap", true);
	}
}

/* -- bridges, ports, devices ------------------------------------------------------------------ */

static void add_bridge(GPtrArray *items, const struct plan_bridge *bridge)
{
	struct plan_item *item = add(items, "device", "pxb-pcie");

	set(item, "id", PLAN_TEXT, "pxb%u", bridge->number);
	set(item, "bus", PLAN_TEXT, "pcie.0");
	set(item, "addr", PLAN_TEXT, "0x%x", bridge->slot);
	set(item, "bus_nr", PLAN_NUMBER, "%u", bridge->bus);
	if (bridge->guest_node >= 0)
		set(item, "numa_node", PLAN_NUMBER, "%d", bridge->guest_node);
}

static void add_port(GPtrArray *items, const struct plan_bridge *bridge, guint n)
{
	const struct plan_port *port = bridge->ports->pdata[n];
	struct plan_item *item = add(items, "device", "pcie-root-port");
	g_autofree char *name = plan_port_name(bridge, n), *parent = plan_bridge_name(bridge);

	set(item, "id", PLAN_TEXT, "%s", name);
	set(item, "bus", PLAN_TEXT, "%s", parent);
	set(item, "addr", PLAN_TEXT, port->function ? "0x%x.%x" : "0x%x", port->slot,
	    port->function);
	set(item, "chassis", PLAN_NUMBER, "%u", port->chassis);
	if (port->multifunction)
		set_flag(item, "multifunction", true);
}

static void add_device(GPtrArray *items, const struct plan *plan, const struct plan_bridge *bridge,
		       guint n, guint d, unsigned number)
{
	const struct plan_port *port = bridge->ports->pdata[n];
	const struct plan_device *device = &g_array_index(port->devices, struct plan_device, d);
	struct plan_item *item = add(items, "device", "vfio-pci");
	g_autofree char *name = plan_port_name(bridge, n);

	set(item, "id", PLAN_TEXT, "hostdev%u", number);
	/* QEMU's host= has at most four digits for the segment. */
	if (device->host->segment > UINT16_MAX)
		set(item, "sysfsdev", PLAN_TEXT, "/sys/bus/pci/devices/%s", device->host->name);
	else
		set(item, "host", PLAN_TEXT, "%s", device->host->name);
	set(item, "bus", PLAN_TEXT, "%s", name);
	set(item, "addr", PLAN_TEXT, "0x0.%x", device->function);
	if (!device->function && port->devices->len > 1)
		set_flag(item, "multifunction", true);
	if (plan->iommufd)
		set(item, "iommufd", PLAN_TEXT, "iommufd0");
}

static unsigned add_branch(GPtrArray *items, const struct plan *plan,
			   const struct plan_bridge *bridge, unsigned number)
{
	if (bridge->iommu)
		add_bridge(items, bridge);
	if (bridge->iommu && plan->kind == PLAN_SMMUV3)
		add_smmu(items, plan, bridge);
	if (bridge->iommu && plan->kind == PLAN_VIRTIO)
		add_virtio(items, plan, bridge);
	for (guint n = 0; n < bridge->ports->len; n++) {
		const struct plan_port *port = bridge->ports->pdata[n];

		add_port(items, bridge, n);
		for (guint d = 0; d < port->devices->len; d++)
			add_device(items, plan, bridge, n, d, number++);
	}
	return number;
}

/* Nodes for the instances of a Grace GPU, numbered after the other nodes of the guest. */
static void add_initiators(GPtrArray *items, const struct plan *plan)
{
	unsigned node = plan->first_initiator, n = 0;

	for (guint i = 0; i < plan->initiators->len; i++)
		for (unsigned each = 0; each < plan->n_initiators; each++)
			set(add(items, "numa", "node"), "nodeid", PLAN_NUMBER, "%u", node++);
	node = plan->first_initiator;
	for (guint i = 0; i < plan->initiators->len; i++)
		for (unsigned each = 0; each < plan->n_initiators; each++) {
			struct plan_item *item = add(items, "object", "acpi-generic-initiator");

			set(item, "id", PLAN_TEXT, "initiator%u", n++);
			set(item, "pci-dev", PLAN_TEXT, "hostdev%u",
			    g_array_index(plan->initiators, unsigned, i));
			set(item, "node", PLAN_NUMBER, "%u", node++);
		}
}

/* libvirt starts QEMU in "/", so its path is absolute: that of the package viommu-qemu. */
const char *plan_plugin(const struct plan *plan)
{
	static const char *const installed[] = {
		[PLAN_X86] = "/usr/lib/x86_64-linux-gnu/viommu/viommu-qemu.so",
		[PLAN_ARM] = "/usr/lib/aarch64-linux-gnu/viommu/viommu-qemu.so",
		[PLAN_RISCV] = "/usr/lib/riscv64-linux-gnu/viommu/viommu-qemu.so",
	};

	if (plan->options.plugin)
		return plan->options.plugin;
	return plan->options.for_libvirt ? installed[plan->architecture] : "viommu-qemu.so";
}

GPtrArray *plan_items(const struct plan *plan)
{
	GPtrArray *items = g_ptr_array_new_with_free_func(plan_item_free);
	const struct plan_bridge *bridge;
	unsigned number = 0;

	add_machine(items, plan);
	if (plan->kind == PLAN_VIRTIO)
		add(items, "plugin", plan_plugin(plan));
	add_memory(items, plan);
	add_regions(items, plan);
	add_cells(items, plan);
	if (plan->iommufd)
		set(add(items, "object", "iommufd"), "id", PLAN_TEXT, "iommufd0");
	if (!plan_kind_row(plan->kind)->several)
		add_one(items, plan);
	for (guint i = 0; (bridge = plan_branch(plan, i)); i++)
		number = add_branch(items, plan, bridge, number);
	if (plan->options.qemu >= PLAN_VERSION(9, 0))
		add_initiators(items, plan);
	add_region_gpus(items, plan);
	return items;
}
