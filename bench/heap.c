/* SPDX-License-Identifier: BSD-3-Clause */
#include <malloc.h>
#include <stdio.h>

#include <viommu/mmio.h>

/* The heap memory of a device before a guest uses it: one line for each object, in bytes */

static size_t heap(void)
{
	return mallinfo2().uordblks;
}

static void *no_memory(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	(void)opaque;
	(void)address;
	(void)length;
	(void)write;
	return NULL;
}

int main(void)
{
	const struct viommu_mmio_ops ops = { .size = sizeof(ops), .memory = no_memory };
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint) };
	struct viommu_mmio *window;
	struct viommu *device;
	size_t before = heap();

	if (viommu_new(NULL, NULL, NULL, &device))
		return 1;
	printf("%-44s %8zu\n", "an idle device", heap() - before);
	before = heap();
	for (endpoint.id = 0; endpoint.id < 1024; endpoint.id++)
		if (viommu_endpoint_add(device, &endpoint))
			return 1;
	printf("%-44s %8zu\n", "an endpoint (of 1024)", (heap() - before) / 1024);
	viommu_free(device);

	before = heap();
	if (viommu_mmio_new(NULL, NULL, &ops, NULL, &window))
		return 1;
	printf("%-44s %8zu\n", "an idle device behind virtio-mmio registers", heap() - before);
	viommu_mmio_free(window);
	return 0;
}
