/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

#include <viommu/tables.h>

/*
 * The description of the IOMMUs for the guest: which functions are behind which
 *
 * When the machine is complete, its root buses and all viommu devices form one topology, from which
 * libviommu-tables generates a VIOT. How that reaches the guest depends on the machine:
 *
 *     pc, q35               as with -acpitable
 *     other ACPI machines   with the machine's own tables: loader.c
 *     device tree           nodes and properties instead: devicetree.c
 *
 * QEMU runs the newest notifier first. This one is added after the machine's own and therefore runs
 * before the machine builds its tables and its tree.
 */

static char *iommu_name(const struct iommu *iommu)
{
	return g_strdup_printf("iommu%p", (const void *)iommu);
}

/* -- the topology ------------------------------------------------------------------------- */

static void topology_add_iommu(struct viommu_topology *topology, const struct iommu *iommu)
{
	PCIDevice *function = iommu_function(iommu);
	g_autofree char *name = iommu_name(iommu);
	struct viommu_iommu description = { .size = sizeof(description), .name = name };
	struct viommu_pci_range itself = { .size = sizeof(itself) };

	if (!function) {
		description.kind = VIOMMU_VIRTIO_MMIO;
		description.base = iommu_window(iommu);
		viommu_topology_add_iommu(topology, &description);
		return;
	}
	description.kind = VIOMMU_VIRTIO_PCI;
	description.bdf = pci_get_bdf(function);
	viommu_topology_add_iommu(topology, &description);
	itself.bdf_first = itself.bdf_last = description.bdf;
	viommu_topology_add_pci_range(topology, &itself);
}

static void topology_add_roots(struct viommu_topology *topology)
{
	g_autoptr(GPtrArray) roots = root_buses();

	for (guint i = 0; i < roots->len; i++) {
		struct iommu *iommu = root_iommu(roots->pdata[i]);
		g_autofree char *name = iommu ? iommu_name(iommu) : NULL;
		struct viommu_host_bridge bridge = {
			.size = sizeof(bridge),
			.bus_first = (uint8_t)pci_bus_num(roots->pdata[i]),
			.bus_last = root_bus_last(roots, i),
			.iommu = name,
		};

		viommu_topology_add_host_bridge(topology, &bridge);
	}
}

static void topology_add_platform(struct viommu_topology *topology, const struct iommu *iommu)
{
	g_autofree char *name = iommu_name(iommu);
	struct endpoint *endpoint;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next) {
		struct viommu_platform_device device = { .size = sizeof(device), .iommu = name };

		if (!endpoint->platform)
			continue;
		device.id = endpoint->id;
		device.base = SYS_BUS_DEVICE(endpoint->platform)->mmio[0].addr;
		viommu_topology_add_platform_device(topology, &device);
	}
}

static void warn_findings(const struct viommu_findings *findings)
{
	for (size_t i = 0; i < viommu_findings_count(findings); i++) {
		char *line = viommu_finding_line(viommu_findings_get(findings, i));

		warn_report("VIOT: %s", line);
		free(line);
	}
}

/* The table of all devices whose `firmware` property allows it, or NULL. */
static void *viot_generate(size_t *ret_length)
{
	struct viommu_topology *topology = viommu_topology_new();
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *table;
	struct iommu *iommu;
	void *bytes = NULL;

	QTAILQ_FOREACH(iommu, &iommus, next)
		if (iommu->firmware == FIRMWARE_AUTO || iommu->firmware == FIRMWARE_VIOT) {
			topology_add_iommu(topology, iommu);
			topology_add_platform(topology, iommu);
		}
	if (viommu_topology_iommu(topology, 0)) {
		topology_add_roots(topology);
		table = viommu_table_generate(topology, "VIOT", findings);
		warn_findings(findings);
		if (table)
			*ret_length = viommu_table_encode(table, &bytes);
		viommu_table_free(table);
	}
	viommu_findings_free(findings);
	viommu_topology_free(topology);
	return bytes;
}

/* -- the configuration space of a device ----------------------------------------------------- */

void *builtin_generate(const struct iommu *iommu, size_t *ret_length, Error **errp)
{
	struct viommu_topology *topology = viommu_topology_new();
	struct viommu_findings *findings = viommu_findings_new();
	g_autofree char *name = iommu_name(iommu);
	struct viommu_table *table;
	void *bytes = NULL;

	topology_add_iommu(topology, iommu);
	topology_add_platform(topology, iommu);
	topology_add_roots(topology);
	table = viommu_table_generate_for(topology, iommu->settings.firmware, name, findings);
	if (table)
		*ret_length = viommu_table_encode(table, &bytes);
	else
		error_setg(errp, "firmware: %s: %s", iommu->settings.firmware,
			   viommu_findings_get(findings, 0)->text);
	viommu_table_free(table);
	viommu_findings_free(findings);
	viommu_topology_free(topology);
	return bytes;
}

/* -- pc and q35 ----------------------------------------------------------------------------- */

/* acpi_table_add() takes the name of a file. */
static void viot_install(const void *bytes, size_t length)
{
	static QemuOptsList list = {
		.name = "viommu-acpitable",
		.head = QTAILQ_HEAD_INITIALIZER(list.head),
		.desc = { { 0 } },
	};
	QemuOpts *options = qemu_opts_create(&list, NULL, false, &error_abort);
	int file = memfd_create("VIOT", MFD_CLOEXEC);
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", file);
	Error *error = NULL;

	if (file < 0 || qemu_write_full(file, bytes, length) != (ssize_t)length) {
		error_report("VIOT: %s", g_strerror(errno));
		exit(EXIT_FAILURE);
	}
	lseek(file, 0, SEEK_SET);
	qemu_opt_set(options, "file", path, &error_abort);
	acpi_table_add(options, &error);
	if (error)
		warn_report_err(error);
	qemu_opts_del(options);
	close(file);
}

/* QEMU lets a later IOMMU replace another on a bus. The tables would describe both. */
static void refuse_shared_bus(const struct iommu *iommu)
{
	PCIBus *bus = iommu->root_bus;

	if (!bus || bus->iommu_opaque == iommu)
		return;
	error_report("bus '%s' is served by two IOMMUs, of which one is a " TYPE_VIOMMU_DEVICE,
		     BUS(bus)->name);
	exit(EXIT_FAILURE);
}

static void machine_complete(Notifier *notifier, void *data)
{
	struct iommu *iommu;
	size_t length = 0;
	void *viot;

	QTAILQ_FOREACH(iommu, &iommus, next)
		refuse_shared_bus(iommu);
	native_check(&error_fatal);
	viot = viot_generate(&length);
	devicetree_install();
	if (viot && object_dynamic_cast(qdev_get_machine(), "generic-pc-machine"))
		viot_install(viot, length);
	else if (viot)
		loader_install(viot, length);
	free(viot);
}

void firmware_prepare(void)
{
	static Notifier notifier = { .notify = machine_complete };
	static bool prepared;

	if (!prepared)
		qemu_add_machine_init_done_notifier(&notifier);
	prepared = true;
}
