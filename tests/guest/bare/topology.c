/* SPDX-License-Identifier: BSD-3-Clause */
#include "../../../guest/viommu_builtin.h"
#include "bare.h"

/*
 * Reads the built-in topology of the device with the reader for guests, and prints what the IOMMU
 * translates. The host has handed over the number of the form.
 *
 * The IOMMU is 00:04.0, in front of everything but itself.
 */

#define STATUS 0x14
#define IOMMU  0x20 /* 00:04.0 */
#define ITEMS  8

static uint32_t load(void *opaque, uint32_t offset, unsigned int length)
{
	const struct virtio *virtio = opaque;
	volatile uint8_t *at = virtio->device + offset;

	return length == 1   ? *at
	       : length == 2 ? *(volatile uint16_t *)at
			     : *(volatile uint32_t *)at;
}

static uint32_t features(void *opaque)
{
	return (uint32_t)((struct virtio *)opaque)->offered;
}

static void set_status(void *opaque, uint8_t status)
{
	((struct virtio *)opaque)->common[STATUS] = status;
}

/* The length that the capability of the device-specific structure states. */
static uint32_t length_of(const struct function *function)
{
	unsigned at = virtio_capability(function, DEVICE);

	return at ? pci_read32(function, at + 12) : 0;
}

static int judge(const struct viommu_builtin_item *items, unsigned n)
{
	uint32_t id = 0, wrong = 0;

	for (unsigned bdf = 0; bdf < 0x10000; bdf++) {
		bool found = viommu_builtin_function(items, n, 0, (uint16_t)bdf, &id);

		wrong += found != (bdf != IOMMU) || (found && id != bdf);
	}
	print("%u of 65536 functions are wrong\n", wrong);
	return wrong != 0 || viommu_builtin_function(items, n, 1, 0, &id) ||
	       viommu_builtin_device(items, n, 0, &id);
}

int run(void)
{
	struct viommu_builtin_item items[ITEMS];
	struct function function;
	struct virtio virtio;
	struct viommu_builtin device = {
		.opaque = &virtio, .load = load, .features = features, .set_status = set_status
	};
	uint32_t form = *(volatile uint32_t *)machine_handed();
	int n;

	if (!pci_find(0x1af4, 0x1057, 0, &function) || !virtio_begin(&virtio, &function))
		return 1;
	device.length = length_of(&function);
	n = viommu_builtin_read(&device, (enum viommu_builtin_form)form, items, ITEMS);
	print("form %u: %d items in %u bytes\n", form, n, device.length);
	for (int i = 0; i < n; i++)
		print("  %x:%x-%x:%x, endpoint 0x%x\n", items[i].segment_first, items[i].bdf_first,
		      items[i].segment_last, items[i].bdf_last, items[i].id);
	return n < 0 || judge(items, (unsigned)n);
}
