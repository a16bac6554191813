/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "device/core.h"

/* Page requests that wait for an answer, grouped. An endpoint has few groups at a time. */

static uint32_t pasid_of(const struct page_group *group)
{
	return group->has_pasid ? group->pasid : NO_PASID;
}

struct page_group *group_find(const struct endpoint *endpoint, uint32_t pasid, uint16_t id)
{
	for (struct page_group *group = endpoint->groups; group; group = group->next)
		if (group->id == id && pasid_of(group) == pasid)
			return group;
	return NULL;
}

struct page_group *group_prepare(struct endpoint *endpoint, uint32_t pasid, uint16_t id)
{
	struct page_group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->endpoint = endpoint;
	group->has_pasid = pasid != NO_PASID;
	group->pasid = group->has_pasid ? pasid : 0;
	group->id = id;
	return group;
}

void group_put(struct page_group *group)
{
	struct endpoint *endpoint = group->endpoint;

	group->next = endpoint->groups;
	endpoint->groups = group;
	endpoint->n_groups++;
}

struct page_group *group_open(struct endpoint *endpoint, uint32_t pasid, uint16_t id)
{
	struct page_group *group = group_prepare(endpoint, pasid, id);

	if (group)
		group_put(group);
	return group;
}

void group_drop(struct endpoint *endpoint, struct page_group *group)
{
	struct page_group **at = &endpoint->groups;

	while (*at != group)
		at = &(*at)->next;
	*at = group->next;
	endpoint->n_groups--;
	free(group);
}

void group_close(struct endpoint *endpoint, struct page_group *group, uint16_t code)
{
	const struct viommu *device = endpoint->device;
	const struct viommu_page_response response = {
		.endpoint = endpoint->node.id,
		.has_pasid = group->has_pasid,
		.pasid = group->pasid,
		.group = group->id,
		.code = code,
	};

	group_drop(endpoint, group);
	if (!device->ops.page_response)
		return;
	CALLBACK_BEGIN(device, "page_response", false);
	device->ops.page_response(device->opaque, &response);
	CALLBACK_END();
}

void groups_close_slot(struct endpoint *endpoint, uint32_t pasid)
{
	struct page_group *next;

	for (struct page_group *group = endpoint->groups; group; group = next) {
		next = group->next;
		if (pasid_of(group) == pasid)
			group_close(endpoint, group, VIOMMU_PAGE_INVALID);
	}
}

void groups_close_all(struct endpoint *endpoint)
{
	while (endpoint->groups)
		group_close(endpoint, endpoint->groups, VIOMMU_PAGE_INVALID);
}
