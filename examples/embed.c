/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <viommu/device.h>

int main(void)
{
	struct viommu_endpoint disk = { .size = sizeof(disk), .id = 0x8 };
	struct viommu_translation to;
	struct viommu *iommu;

	if (viommu_new(NULL, NULL, NULL, &iommu) || viommu_endpoint_add(iommu, &disk))
		return 1;
	/* ... requests of the guest go to viommu_request() ... */
	if (viommu_translate(iommu, disk.id, 0x1000, 512, VIOMMU_MAP_F_WRITE, &to) < 0)
		puts("the disk may not write there: nothing is mapped yet");
	viommu_free(iommu);
	return 0;
}
