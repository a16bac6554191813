/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Functions that translate by themselves, as by ATS and with PASIDs: what they have cached, and answers
 * to their page requests
 */

void requester_invalidate(struct endpoint *endpoint, const struct viommu_invalidation *what)
{
	if (endpoint->requester)
		endpoint->requester->invalidate(endpoint->requester_opaque, what);
}

/* The function may have been unplugged, or have another number now: the response is dropped then. */
void requester_answer(void *opaque, const struct viommu_page_response *response)
{
	struct iommu *iommu = opaque;
	struct endpoint *endpoint;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		if (endpoint->requester && endpoint->id == response->endpoint)
			endpoint->requester->answer(endpoint->requester_opaque, response);
}

/* libviommu keeps the group open until the guest detaches the endpoint. */
void requester_refuse(struct iommu *iommu, const uint8_t *record)
{
	const struct viommu_page_response response = {
		.endpoint = ldl_le_p(record + 8),
		.has_pasid = ldl_le_p(record + 4) & VIOMMU_FAULT_F_PASID,
		.pasid = ldl_le_p(record + 12),
		.group = (uint16_t)lduw_le_p(record + 24),
		.code = VIOMMU_PAGE_INVALID,
	};

	requester_answer(iommu, &response);
}
