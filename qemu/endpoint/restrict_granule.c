/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * The granule, and the creation of libviommu's device, which depends on it
 *
 * A host's IOMMU may not be able to map pages of the granule. Until the machine is ready, the
 * granule is then made larger, and libviommu's device is created again. Later the guest may have
 * read it.
 */

/* Of a request that was divided: `cookie` is its place in the batch. */
static void keep_answer(void *opaque, void *cookie, size_t used)
{
	*(unsigned int *)cookie = (unsigned int)used;
}

bool core_create(struct iommu *iommu, Error **errp)
{
	static const struct viommu_ops ops = { .size = sizeof(ops),
					       .event = fault_push,
					       .dirty = memory_mark_dirty,
					       .page_response = requester_answer,
					       .answered = keep_answer };
	int status = viommu_new(&iommu->config, &ops, iommu, &iommu->core);

	if (status)
		error_setg_errno(errp, -status, "the device cannot be created");
	else
		iommu->config = *viommu_configuration(iommu->core);
	return !status;
}

bool core_recreate(struct iommu *iommu, Error **errp)
{
	struct viommu *old = iommu->core;

	if (!core_create(iommu, errp))
		return false;
	endpoints_renew_handles(iommu);
	viommu_free(old);
	endpoints_register(iommu);
	record_renew(iommu);
	memory_report(iommu);
	return true;
}

bool endpoint_restrict_granule(struct endpoint *endpoint, uint64_t mask, Error **errp)
{
	struct iommu *iommu = endpoint->iommu;
	uint64_t both = iommu->config.page_size_mask & mask;

	if (!both || (phase_check(PHASE_MACHINE_READY) && !(both & granule_of(iommu)))) {
		error_setg(errp,
			   "page-size-mask: page sizes 0x%" PRIx64
			   " do not fit the host's IOMMU, which has 0x%" PRIx64,
			   iommu->config.page_size_mask, mask);
		return false;
	}
	endpoint->page_size_mask =
		endpoint->page_size_mask ? endpoint->page_size_mask & both : both;
	if (both & granule_of(iommu))
		return true;
	iommu->config.page_size_mask = both;
	return core_recreate(iommu, errp);
}
