/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_VERSION_H
#define VIOMMU_VERSION_H
/*
 * The version of the headers that a program is compiled with, of all libraries of viommu.
 * viommu_version() of <viommu/device.h> is that of the library it runs with.
 *
 *     #if VIOMMU_VERSION_AT_LEAST(0, 2, 0)
 */
#define VIOMMU_VERSION_MAJOR 0
#define VIOMMU_VERSION_MINOR 2
#define VIOMMU_VERSION_PATCH 0

#define VIOMMU_VERSION_AT_LEAST(major, minor, patch) \
	(VIOMMU_VERSION_MAJOR > (major) || \
	 (VIOMMU_VERSION_MAJOR == (major) && \
	  (VIOMMU_VERSION_MINOR > (minor) || \
	   (VIOMMU_VERSION_MINOR == (minor) && VIOMMU_VERSION_PATCH >= (patch)))))

#endif
