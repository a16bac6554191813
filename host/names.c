/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of enum values */
#include <glib.h>

#include <viommu/host.h>

static const char *name_of(const char *const *names, size_t n, unsigned i, const char *other)
{
	return i < n && names[i] ? names[i] : other;
}

const char *viommu_known_name(enum viommu_known known)
{
	static const char *const names[] = { "not known", "no", "yes" };

	return name_of(names, G_N_ELEMENTS(names), known, "not known");
}

const char *viommu_host_iommu_kind_name(enum viommu_host_iommu_kind kind)
{
	static const char *const names[] = {
		[VIOMMU_HOST_VTD] = "vt-d",          [VIOMMU_HOST_AMD_VI] = "amd-vi",
		[VIOMMU_HOST_SMMU_V3] = "smmu-v3",   [VIOMMU_HOST_SMMU_V2] = "smmu-v2",
		[VIOMMU_HOST_RISCV] = "riscv-iommu", [VIOMMU_HOST_VIRTIO] = "virtio-iommu",
	};

	return name_of(names, G_N_ELEMENTS(names), kind, "other");
}

const char *viommu_host_link_name(enum viommu_host_link link)
{
	static const char *const names[] = {
		[VIOMMU_HOST_LINKED] = "linked",
		[VIOMMU_HOST_IS_IOMMU] = "is an IOMMU",
		[VIOMMU_HOST_NO_IOMMU_UP] = "no IOMMU is up",
		[VIOMMU_HOST_NO_DRIVER] = "no driver yet",
		[VIOMMU_HOST_LINK_MISSING] = "link missing",
		[VIOMMU_HOST_IOMMU_DOWN] = "its IOMMU is not up",
		[VIOMMU_HOST_BYPASS] = "bypass",
		[VIOMMU_HOST_IN_NO_TABLE] = "in no table",
		[VIOMMU_HOST_LINK_UNKNOWN] = "tables not readable",
	};

	return name_of(names, G_N_ELEMENTS(names), link, "not known");
}

const char *viommu_host_port_name(enum viommu_host_port port)
{
	static const char *const names[] = {
		[VIOMMU_HOST_PORT_UNKNOWN] = "not known",
		[VIOMMU_HOST_ENDPOINT] = "endpoint",
		[VIOMMU_HOST_INTEGRATED] = "integrated endpoint",
		[VIOMMU_HOST_ROOT_PORT] = "root port",
		[VIOMMU_HOST_UPSTREAM] = "upstream port",
		[VIOMMU_HOST_DOWNSTREAM] = "downstream port",
		[VIOMMU_HOST_TO_PCI] = "bridge to PCI",
		[VIOMMU_HOST_FROM_PCI] = "bridge from PCI",
		[VIOMMU_HOST_CONVENTIONAL] = "conventional PCI",
	};

	return name_of(names, G_N_ELEMENTS(names), port, "not known");
}
