/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "backend/iommufd.h"
#include "backend/layouts.h"

/*
 * The fault queue of iommufd: page requests of devices in tables of the guest
 *
 * The kernel delivers whole groups, which it identifies by a cookie; the guest answers the number
 * that the device gave to its group. A group of a device that leaves its table is answered by the
 * kernel itself.
 */
struct page_group {
	struct page_group *next;
	uint32_t cookie;
	int device;
	bool has_pasid;
	uint32_t pasid;
	uint16_t number;
};

/* The kernel delivers no group with more requests than there is room for. */
enum { REQUESTS_MAX = 1024 };

struct page_queue {
	int file;
	struct page_group *groups;
	struct kernel_page_fault requests[REQUESTS_MAX];
};

/* -- life ---------------------------------------------------------------------------- */

static int queue_new(struct viommu_kernel *kernel, struct page_queue *queue)
{
	struct kernel_fault_queue_alloc argument = { .size = sizeof(argument) };
	struct epoll_event event = { .events = EPOLLIN };
	int error = kernel_ioctl(kernel, kernel->fd, KERNEL_FAULT_QUEUE_ALLOC, &argument);

	if (error)
		return error;
	kernel->faults = argument.out_fault_id;
	queue->file = (int)argument.out_fault_fd;
	if (!epoll_ctl(kernel->events, EPOLL_CTL_ADD, queue->file, &event))
		return 0;
	error = -errno;
	kernel->ops.close(queue->file);
	kernel_destroy(kernel, kernel->faults);
	kernel->faults = 0;
	return error;
}

void page_queue_open(struct viommu_kernel *kernel)
{
	struct page_queue *queue = calloc(1, sizeof(*queue));
	int error = queue ? queue_new(kernel, queue) : -ENOMEM;

	if (!error) {
		kernel->page_queue = queue;
		return;
	}
	free(queue);
	kernel_log(kernel, "devices cannot request pages: FAULT_QUEUE_ALLOC, errno %d", -error);
}

/* Page tables that use the queue are gone. */
void page_queue_close(struct viommu_kernel *kernel)
{
	struct page_queue *queue = kernel->page_queue;

	if (!queue)
		return;
	while (queue->groups) {
		struct page_group *group = queue->groups;

		queue->groups = group->next;
		free(group);
	}
	kernel->ops.close(queue->file);
	kernel_destroy(kernel, kernel->faults);
	free(queue);
	kernel->page_queue = NULL;
	kernel->faults = 0;
}

bool page_queue_accepts(struct viommu_kernel *kernel, struct kernel_device *device, uint32_t space)
{
	const struct hwpt wanted = { .space = space, .flags = KERNEL_HWPT_FAULT };
	struct kernel_vfio_detach argument = { .argsz = sizeof(argument) };
	bool accepts;

	if (!kernel->page_queue)
		return false;
	accepts = !hwpt_attach_new(kernel, device, VIOMMU_NO_PASID, space, &wanted);
	if (accepts)
		kernel_ioctl(kernel, device->file, KERNEL_VFIO_DETACH, &argument);
	device->hwpt = NULL;
	return accepts;
}

/* -- groups ---------------------------------------------------------------------------- */

static int answer(const struct page_queue *queue, uint32_t cookie, uint32_t code)
{
	const struct kernel_page_response response = { cookie, code };

	return write(queue->file, &response, sizeof(response)) < 0 ? -errno : 0;
}

static void group_free(struct page_queue *queue, struct page_group *group)
{
	struct page_group **at = &queue->groups;

	while (*at != group)
		at = &(*at)->next;
	*at = group->next;
	free(group);
}

void page_queue_forget(struct viommu_kernel *kernel, int device)
{
	struct page_group *group = kernel->page_queue ? kernel->page_queue->groups : NULL, *next;

	for (; group; group = next) {
		next = group->next;
		if (group->device == device)
			group_free(kernel->page_queue, group);
	}
}

static struct page_group *group_find(const struct page_queue *queue, int device,
				     const struct viommu_page_response *response)
{
	struct page_group *group = queue->groups;

	while (group && (group->device != device || group->number != response->group ||
			 group->has_pasid != response->has_pasid ||
			 (group->has_pasid && group->pasid != response->pasid)))
		group = group->next;
	return group;
}

int page_queue_respond(void *opaque, int device, const struct viommu_page_response *response)
{
	struct viommu_kernel *kernel = opaque;
	struct page_queue *queue = kernel->page_queue;
	struct page_group *group = queue ? group_find(queue, device, response) : NULL;
	uint32_t cookie;

	if (!group)
		return -ENOENT;
	cookie = group->cookie;
	group_free(queue, group);
	return answer(queue, cookie,
		      response->code == VIOMMU_PAGE_SUCCESS ? KERNEL_RESPONSE_OK
							    : KERNEL_RESPONSE_NO);
}

/* -- reading ----------------------------------------------------------------------------- */

struct reader {
	int (*request)(void *opaque, int device, const struct viommu_page_request *request);
	void *opaque;
};

static uint32_t access_of(uint32_t access)
{
	return (access & KERNEL_FAULT_READ ? VIOMMU_MAP_F_READ : 0) |
	       (access & KERNEL_FAULT_WRITE ? VIOMMU_MAP_F_WRITE : 0) |
	       (access & KERNEL_FAULT_EXEC ? VIOMMU_ACCESS_EXEC : 0) |
	       (access & KERNEL_FAULT_PRIV ? VIOMMU_ACCESS_PRIVILEGED : 0);
}

static int pass_on(int device, const struct kernel_page_fault *fault, const struct reader *reader)
{
	const struct viommu_page_request request = {
		.size = sizeof(request),
		.has_pasid = fault->flags & KERNEL_FAULT_HAS_PASID,
		.pasid = fault->flags & KERNEL_FAULT_HAS_PASID ? fault->pasid : 0,
		.address = fault->address,
		.access = access_of(fault->access),
		.group = (uint16_t)fault->group,
		.last = fault->flags & KERNEL_FAULT_LAST,
	};

	return reader->request(reader->opaque, device, &request);
}

static int device_of(const struct viommu_kernel *kernel, uint32_t id)
{
	for (size_t i = 0; i < kernel->n_devices; i++)
		if (kernel->devices[i].used && kernel->devices[i].id == id)
			return (int)i;
	return -1;
}

/* The guest can answer before this returns. */
static void read_group(struct viommu_kernel *kernel, const struct kernel_page_fault *faults,
		       size_t n, const struct reader *reader)
{
	struct page_queue *queue = kernel->page_queue;
	int device = device_of(kernel, faults->dev_id);
	struct page_group *group = device < 0 ? NULL : malloc(sizeof(*group));
	int error = 0;

	if (group) {
		*group = (struct page_group){
			.next = queue->groups,
			.cookie = faults->cookie,
			.device = device,
			.has_pasid = faults->flags & KERNEL_FAULT_HAS_PASID,
			.pasid = faults->pasid,
			.number = (uint16_t)faults->group,
		};
		queue->groups = group;
	}
	for (size_t i = 0; i < n && group && !error; i++)
		error = pass_on(device, &faults[i], reader);
	if (group && !error)
		return;
	if (group)
		group_free(queue, group);
	answer(queue, faults->cookie, KERNEL_RESPONSE_NO);
}

int page_queue_read(void *opaque,
		    int (*request)(void *opaque, int device,
				   const struct viommu_page_request *request),
		    void *reader_opaque)
{
	const struct reader reader = { request, reader_opaque };
	struct viommu_kernel *kernel = opaque;
	struct page_queue *queue = kernel->page_queue;
	size_t first = 0, n;
	ssize_t length;

	if (!queue)
		return 0;
	length = read(queue->file, queue->requests, sizeof(queue->requests));
	n = length > 0 ? (size_t)length / sizeof(queue->requests[0]) : 0;
	for (size_t i = 0; i < n; i++) {
		if (!(queue->requests[i].flags & KERNEL_FAULT_LAST))
			continue;
		read_group(kernel, &queue->requests[first], i + 1 - first, &reader);
		first = i + 1;
	}
	return 0;
}
