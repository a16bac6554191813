/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Starting libviommu's device, and starting it anew when a host's IOMMU has fewer page sizes
 *
 * The granule is fixed once the guest has seen it. Until the machine is ready, an assigned device
 * whose host cannot map the granule makes it larger, and the device begins again.
 */

bool iommu_start(struct iommu *iommu, Error **errp)
{
	static const struct viommu_ops ops = { .size = sizeof(ops), .event = fault_store };
	int status = viommu_new(&iommu->config, &ops, iommu, &iommu->core);

	if (status)
		error_setg_errno(errp, -status,
				 "page-size-mask, aw-bits, input-*, domain-* or probe-size "
				 "cannot be so");
	else
		iommu->config = *viommu_configuration(iommu->core);
	return !status;
}

static bool iommu_restart(struct iommu *iommu, Error **errp)
{
	struct viommu *old = iommu->core;

	if (!iommu_start(iommu, errp))
		return false;
	viommu_free(old);
	endpoints_enter(iommu);
	return true;
}

/* A host's granule restricts that of the whole device until the guest has seen it. */
bool endpoint_restrict_granule(struct endpoint *endpoint, uint64_t mask, Error **errp)
{
	struct iommu *iommu = endpoint->iommu;
	uint64_t both = iommu->config.page_size_mask & mask;

	if (!both || (phase_check(PHASE_MACHINE_READY) && !(both & granule_of(iommu)))) {
		error_setg(errp, "the host's page sizes 0x%" PRIx64 " do not go with 0x%" PRIx64,
			   mask, iommu->config.page_size_mask);
		return false;
	}
	endpoint->page_size_mask =
		endpoint->page_size_mask ? endpoint->page_size_mask & both : both;
	if (both & granule_of(iommu))
		return true;
	iommu->config.page_size_mask = both;
	return iommu_restart(iommu, errp);
}
