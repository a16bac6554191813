/* SPDX-License-Identifier: BSD-3-Clause */
#include <viommu/device.h>

const char *viommu_version(void)
{
	return VIOMMU_VERSION;
}
