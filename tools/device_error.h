/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_DEVICE_ERROR_H
#define VIOMMU_TOOLS_DEVICE_ERROR_H

/*
 * Why no device has that name, and what to write instead: "devices are 00 to 1f". `otherwise` is
 * the cure of a name that could be a device's. g_free() it.
 */
char *device_error_text(const char *device, const char *otherwise);

#endif
