/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * The entry of the module, for `-plugin viommu-qemu.so`
 *
 * QEMU loads plugins before it creates devices, so -device can name the types that are registered
 * here. Nothing else of the plugin interface is used.
 *
 * The module contains structures of QEMU. So it runs in the version whose headers it was built with,
 * and in other patch releases whose structures have the same sizes. QEMU's symbols are weak in it:
 * any other version can load it and then gets an error message.
 */

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* The types of QEMU whose structures the module embeds or reads. */
#define STRUCTURE(name, type) { name, sizeof(type) }
static const struct {
	const char *name;
	size_t size;
} structures[] = {
	STRUCTURE(TYPE_DEVICE, DeviceState),
	STRUCTURE(TYPE_BUS, BusState),
	STRUCTURE(TYPE_MEMORY_REGION, MemoryRegion),
	STRUCTURE(TYPE_IOMMU_MEMORY_REGION, IOMMUMemoryRegion),
	STRUCTURE(TYPE_PCI_DEVICE, PCIDevice),
	STRUCTURE(TYPE_PCI_BUS, PCIBus),
	STRUCTURE(TYPE_PCI_BRIDGE, PCIBridge),
	STRUCTURE(TYPE_PCI_HOST_BRIDGE, PCIHostState),
	STRUCTURE(TYPE_VIRTIO_DEVICE, VirtIODevice),
	STRUCTURE(TYPE_VIRTIO_PCI, VirtIOPCIProxy),
	STRUCTURE(TYPE_VIRTIO_MMIO, VirtIOMMIOProxy),
	STRUCTURE(TYPE_MACHINE, MachineState),
};

/* The first structure whose size differs in the running QEMU, or NULL. */
static const char *find_changed_structure(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(structures); i++)
		if (STRUCTURE_SIZE(structures[i].name) != structures[i].size)
			return structures[i].name;
	return NULL;
}

static bool runs_in(const VersionTriple *is)
{
	const char *changed;

	if (is->major != QEMU_VERSION_MAJOR || is->minor != QEMU_VERSION_MINOR) {
		error_report("viommu-qemu.so was built for QEMU " QEMU_VERSION
			     ", but this is %d.%d.%d: build it again with ./run module --qemu %d.%d",
			     (int)is->major, (int)is->minor, (int)is->micro, (int)is->major,
			     (int)is->minor);
		return false;
	}
	if (is->micro == QEMU_VERSION_MICRO)
		return true;
	changed = find_changed_structure();
	if (changed)
		error_report("viommu-qemu.so was built for QEMU " QEMU_VERSION
			     ", but this is %d.%d.%d, where \"%s\" may have another size: build the "
			     "module again with ./run module --qemu %d.%d",
			     (int)is->major, (int)is->minor, (int)is->micro, changed,
			     (int)is->major, (int)is->minor);
	else
		warn_report("viommu-qemu.so was built for QEMU " QEMU_VERSION
			    " and runs in %d.%d.%d, whose structures have the same sizes",
			    (int)is->major, (int)is->minor, (int)is->micro);
	return !changed;
}

/*
 * Runs when the module is loaded, before QEMU checks the plugin version with a less specific
 * message.
 */
__attribute__((constructor)) static void check_version(void)
{
	VersionInfo *running = qmp_query_version(NULL);

	if (!runs_in(running->qemu))
		exit(EXIT_FAILURE);
	qapi_free_VersionInfo(running);
}

static bool parse_argument(const char *argument)
{
	bool on;

	if (g_str_equal(argument, "help=on") || g_str_equal(argument, "help=true")) {
		properties_print();
		exit(EXIT_SUCCESS);
	}
	on = !g_str_equal(argument, "help=off");
	if (on)
		error_report("viommu-qemu.so: unknown argument '%s'; the only one is help=on",
			     argument);
	return !on;
}

/* QEMU aborts if a type is registered twice. It loads a path only once, but not a copy of the file. */
static bool is_registered(void)
{
	bool registered = object_class_by_name(TYPE_VIOMMU_DEVICE) != NULL;

	if (registered)
		error_report("viommu-qemu.so: another copy of this module is loaded already: give "
			     "-plugin once");
	return registered;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!parse_argument(argv[i]))
			return -EINVAL;
	if (is_registered())
		return -EEXIST;
	region_types_register();
	dma_types_register();
	device_types_register();
	pci_types_register();
	return 0;
}
