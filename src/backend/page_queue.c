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
 * kernel itself, and its cookie may come again.
 */

/* A group of the kernel's that waits for its answer. */
struct unanswered {
	struct unanswered *next;
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
	struct unanswered *unanswered;
	struct kernel_page_fault requests[REQUESTS_MAX];
};

/* A group that was answered, by the guest or by the kernel. */
static void drop(struct unanswered **at)
{
	struct unanswered *group = *at;

	*at = group->next;
	free(group);
}

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
	kernel_close(kernel, queue->file);
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
	while (queue->unanswered)
		drop(&queue->unanswered);
	kernel_close(kernel, queue->file);
	kernel_destroy(kernel, kernel->faults);
	free(queue);
	kernel->page_queue = NULL;
	kernel->faults = 0;
}

bool page_queue_accepts(struct viommu_kernel *kernel, struct kernel_device *device, uint32_t space)
{
	const struct hwpt wanted = { .space = space, .flags = KERNEL_HWPT_FAULT };
	bool accepts;

	if (!kernel->page_queue)
		return false;
	accepts = !hwpt_attach_new(kernel, device, VIOMMU_NO_PASID, space, &wanted);
	if (accepts)
		hwpt_leave(kernel, device, VIOMMU_NO_PASID);
	device->hwpt = NULL;
	return accepts;
}

/* -- groups ---------------------------------------------------------------------------- */

static int answer(const struct page_queue *queue, uint32_t cookie, uint32_t code)
{
	const struct kernel_page_response response = { cookie, code };

	return write(queue->file, &response, sizeof(response)) < 0 ? -errno : 0;
}

void page_queue_forget(struct viommu_kernel *kernel, const struct kernel_device *device)
{
	struct unanswered **at = kernel->page_queue ? &kernel->page_queue->unanswered : NULL;
	int number = (int)(device - kernel->devices);

	while (at && *at) {
		if ((*at)->device == number)
			drop(at);
		else
			at = &(*at)->next;
	}
}

static bool is_same(const struct unanswered *a, const struct unanswered *b)
{
	return a->device == b->device && a->number == b->number && a->has_pasid == b->has_pasid &&
	       a->pasid == b->pasid;
}

/* A device may use a number again before the answer, which then is for all groups with it. */
static int answer_all(struct page_queue *queue, struct unanswered key, uint32_t code)
{
	struct unanswered **at = &queue->unanswered;
	int error = -ENOENT;

	while (*at) {
		if (!is_same(*at, &key)) {
			at = &(*at)->next;
			continue;
		}
		error = answer(queue, (*at)->cookie, code);
		drop(at);
	}
	return error;
}

int page_queue_respond(void *opaque, int device, const struct viommu_page_response *response)
{
	uint32_t code =
		response->code == VIOMMU_PAGE_SUCCESS ? KERNEL_RESPONSE_OK : KERNEL_RESPONSE_NO;
	const struct viommu_kernel *kernel = opaque;
	const struct unanswered key = {
		.device = device,
		.has_pasid = response->has_pasid,
		.pasid = response->has_pasid ? response->pasid : 0,
		.number = response->group,
	};

	return kernel->page_queue ? answer_all(kernel->page_queue, key, code) : -ENOENT;
}

/* -- reading ----------------------------------------------------------------------------- */

struct request_callback {
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

static int pass_on(int device, const struct kernel_page_fault *fault,
		   const struct request_callback *callback)
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

	return callback->request(callback->opaque, device, &request);
}

static int device_of(const struct viommu_kernel *kernel, uint32_t id)
{
	for (size_t i = 0; i < kernel->n_devices; i++)
		if (kernel->devices[i].used && kernel->devices[i].id == id)
			return (int)i;
	return -1;
}

/* False: there is no memory. */
static bool add_group(struct page_queue *queue, struct unanswered key)
{
	struct unanswered *group = malloc(sizeof(*group));

	if (!group)
		return false;
	key.next = queue->unanswered;
	*group = key;
	queue->unanswered = group;
	return true;
}

/* If a request of the group fails, the kernel is answered now, and the guest does not answer. */
static void read_group(struct page_queue *queue, int device, const struct kernel_page_fault *faults,
		       size_t n, const struct request_callback *callback)
{
	bool has_pasid = faults->flags & KERNEL_FAULT_HAS_PASID;
	const struct unanswered key = {
		.cookie = faults->cookie,
		.device = device,
		.has_pasid = has_pasid,
		.pasid = has_pasid ? faults->pasid : 0,
		.number = (uint16_t)faults->group,
	};
	int error = 0;

	if (device < 0 || !add_group(queue, key)) {
		answer(queue, key.cookie, KERNEL_RESPONSE_NO);
		return;
	}
	for (size_t i = 0; i < n && !error; i++)
		error = pass_on(device, &faults[i], callback);
	if (error)
		answer_all(queue, key, KERNEL_RESPONSE_NO);
}

int page_queue_read(void *opaque,
		    int (*request)(void *opaque, int device,
				   const struct viommu_page_request *request),
		    void *request_opaque)
{
	const struct request_callback callback = { request, request_opaque };
	const struct viommu_kernel *kernel = opaque;
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
		read_group(queue, device_of(kernel, queue->requests[first].dev_id),
			   &queue->requests[first], i + 1 - first, &callback);
		first = i + 1;
	}
	return 0;
}
