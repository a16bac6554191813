/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * A built-in topology: the configuration space of the device describes its endpoints to guests that
 * have neither ACPI nor a device tree
 *
 * virtio fixes the length of configuration space when the device is realized, but the topology is
 * known only when the machine is complete. So the space begins with as many zeroes as a guest can
 * reach, and libviommu's device is created again with the topology, before a guest runs.
 *
 * The topology has the feature bit of BYPASS_CONFIG, so endpoints cannot bypass the device.
 */

/* Behind the registers of virtio-mmio, in QEMU's window; in the BAR of virtio-pci. */
#define ROOM_MMIO 0x100
#define ROOM_PCI  0x1000

static bool is_on_mmio(struct iommu *iommu)
{
	BusState *bus = qdev_get_parent_bus(DEVICE(iommu));

	return object_dynamic_cast(OBJECT(bus->parent), TYPE_VIRTIO_MMIO);
}

void builtin_reserve(struct iommu *iommu)
{
	static const uint8_t zeroes[ROOM_PCI];

	if (iommu->firmware < FIRMWARE_BUILTIN)
		return;
	iommu->config.topology = zeroes;
	iommu->config.topology_length = is_on_mmio(iommu) ? ROOM_MMIO : ROOM_PCI;
	iommu->config.bypass = false;
}

size_t builtin_length(const struct iommu *iommu)
{
	return iommu->config.topology_length ?: VIOMMU_CONFIG_LENGTH;
}

/* The end stays zeroes. */
static void machine_complete(Notifier *notifier, void *data)
{
	struct iommu *iommu = container_of(notifier, struct iommu, complete_notifier);
	size_t length = 0, room = iommu->config.topology_length;
	g_autofree uint8_t *image = g_malloc0(room);
	Error *error = NULL;
	void *bytes = builtin_generate(iommu, &length, &error);

	if (bytes && length > room)
		error_setg(&error,
			   "firmware: %s: the topology has %zu bytes, but configuration space %zu",
			   iommu->settings.firmware, length, room);
	if (bytes && !error) {
		memcpy(image, bytes, length);
		iommu->config.topology = image;
		core_recreate(iommu, &error);
		config_refresh(iommu);
	}
	free(bytes);
	if (!error)
		return;
	error_report_err(error);
	exit(EXIT_FAILURE);
}

void builtin_prepare(struct iommu *iommu)
{
	firmware_prepare();
	if (iommu->firmware < FIRMWARE_BUILTIN)
		return;
	iommu->complete_notifier.notify = machine_complete;
	qemu_add_machine_init_done_notifier(&iommu->complete_notifier);
}
