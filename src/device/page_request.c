/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "device/core.h"
#include "wire/sized.h"

/*
 * Page requests and PAGE_RESPONSE (docs/proposal-address-spaces.md)
 *
 * An endpoint that can wait requests a page from the driver with a record on the event queue.
 * Requests of one group get one answer, after the last of them was sent. A request that cannot be
 * sent is answered at once.
 */

static bool has_table(const struct endpoint *endpoint, uint32_t pasid)
{
	const struct domain *domain = endpoint->domain;

	if (pasid != NO_PASID && !endpoint_has_context(endpoint))
		domain = slot_domain(endpoint, pasid);
	return domain && domain->table;
}

/* A request that is not sent yet. */
struct asking {
	struct endpoint *endpoint;
	struct page_group *group;
};

/* The thread ends in `event`: as if the driver had no buffer. */
static void give_up(void *opaque)
{
	const struct asking *asking = opaque;

	group_drop(asking->endpoint, asking->group);
	device_unlock(asking->endpoint->device);
}

static bool send(struct endpoint *endpoint, struct page_group *group, const struct event *event)
{
	struct asking asking = { endpoint, group };
	bool is_sent;

	pthread_cleanup_push(give_up, &asking);
	is_sent = fault_request_page(endpoint, event);
	pthread_cleanup_pop(false);
	return is_sent;
}

static int ask(struct endpoint *endpoint, const struct event *event, bool last)
{
	struct page_group *group = group_find(endpoint, event->pasid, event->group);

	if (!group) {
		if (endpoint->n_groups >= endpoint->config.max_page_requests)
			return -ENOSPC;
		group = group_open(endpoint, event->pasid, event->group);
		if (!group)
			return -ENOMEM;
	}
	journal_invalidate(endpoint->device);
	if (!send(endpoint, group, event)) {
		group_drop(endpoint, group);
		return -EFAULT;
	}
	group->is_complete |= last;
	return 0;
}

/* With the device lock held. */
static int request_page(struct viommu *device, const struct viommu_page_request *request)
{
	struct endpoint *endpoint = endpoint_find(device, request->endpoint);
	const struct event event = {
		.flags = VIOMMU_FAULT_F_PAGE_REQ | VIOMMU_FAULT_F_GROUP |
			 (request->last ? VIOMMU_FAULT_F_LAST : 0) |
			 (request->has_private ? VIOMMU_FAULT_F_PRIVATE : 0),
		.access = request->access,
		.pasid = request->has_pasid ? request->pasid : NO_PASID,
		.address = request->address,
		.group = request->group,
		.private_data = { request->private_data[0], request->private_data[1] },
	};

	if (!endpoint)
		return -ENOENT;
	if (!device_accepted(device, VIOMMU_F_PAGE_REQUEST) ||
	    !endpoint->config.max_page_requests || endpoint->is_forced ||
	    !has_table(endpoint, event.pasid))
		return -EFAULT;
	return ask(endpoint, &event, request->last);
}

/* It ends the requests of a PASID, and requests no page. */
static bool is_stop_marker(const struct viommu_page_request *request)
{
	return request->has_pasid && request->last &&
	       !(request->access & (VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE));
}

int viommu_page_request(struct viommu *device, const struct viommu_page_request *request)
{
	struct viommu_page_request copy;
	int error = sized_take(&copy, sizeof(copy), request);

	if (error)
		return error;
	if (copy.has_pasid && copy.pasid >> VIOMMU_PASID_BITS_MAX)
		return -EINVAL;
	if (is_stop_marker(&copy))
		return 0;
	device_lock(device);
	error = request_page(device, &copy);
	device_unlock(device);
	return error;
}

/* -- PAGE_RESPONSE ------------------------------------------------------------- */

/*
 * The group of an answer. The number alone identifies the group if only one of answer and request
 * has a PASID, or if the endpoint needs no PASID in answers.
 */
static struct page_group *find_group(const struct endpoint *endpoint,
				     const struct request_page_response *response)
{
	bool has_pasid = response->flags & VIOMMU_PAGE_RESPONSE_F_PASID;
	bool needs_pasid = endpoint->config.page_request_flags & VIOMMU_PAGE_REQUEST_F_PASID;
	struct page_group *group =
		group_find(endpoint, has_pasid ? response->pasid : NO_PASID, response->group);

	if (group)
		return group;
	for (group = endpoint->groups; group; group = group->next)
		if (group->id == response->group && (!needs_pasid || group->has_pasid != has_pasid))
			return group;
	return NULL;
}

uint8_t do_page_response(struct viommu *device, const union request *request)
{
	const struct request_page_response *response = &request->page_response;
	struct endpoint *endpoint = endpoint_find(device, response->endpoint);
	struct page_group *group;

	if (response->flags & ~VIOMMU_PAGE_RESPONSE_F_PASID ||
	    !bytes_are_zero(response->reserved, sizeof(response->reserved)) ||
	    response->code > VIOMMU_PAGE_FAILURE)
		return VIOMMU_S_INVAL;
	if (!endpoint)
		return VIOMMU_S_NOENT;
	group = find_group(endpoint, response);
	if (!group || !group->is_complete)
		return VIOMMU_S_INVAL;
	group_close(endpoint, group, response->code);
	return VIOMMU_S_OK;
}
