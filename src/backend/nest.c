/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "backend/iommufd.h"
#include "backend/layouts.h"

/*
 * Tables of the guest that hardware reads: vIOMMU, vDEVICE and vEVENTQ of iommufd, and nested page
 * tables
 *
 * A device is tried on each page table of its table, a new page table on each nest of its virtual
 * IOMMU in the space, and a new nest on each parent of the space. -EINVAL means the next.
 */

/* -- tables ---------------------------------------------------------------------------- */

const struct guest_table *nest_table(const struct viommu_kernel *kernel, uint32_t number)
{
	const struct guest_table *table = kernel->tables;

	while (table && table->number != number)
		table = table->next;
	return table;
}

int nest_table_new(void *opaque, const struct viommu_backend_table *wanted, uint32_t *ret_table)
{
	struct viommu_kernel *kernel = opaque;
	struct guest_table *table = malloc(sizeof(*table));

	if (!table)
		return -ENOMEM;
	*table = (struct guest_table){ kernel->tables, ++kernel->last_table, *wanted };
	kernel->tables = table;
	*ret_table = table->number;
	return 0;
}

/* No device is in it. */
int nest_table_free(void *opaque, uint32_t number)
{
	struct viommu_kernel *kernel = opaque;
	struct guest_table **at = &kernel->tables, *table;

	while (*at && (*at)->number != number)
		at = &(*at)->next;
	table = *at;
	if (!table)
		return -ENOENT;
	for (struct hwpt **hwpt = &kernel->hwpts; *hwpt;) {
		if ((*hwpt)->table == table)
			hwpt_free(kernel, *hwpt);
		else
			hwpt = &(*hwpt)->next;
	}
	*at = table->next;
	free(table);
	return 0;
}

/* -- vDEVICEs --------------------------------------------------------------------------- */

void nest_leave(struct viommu_kernel *kernel, struct kernel_device *device)
{
	if (device->nest && device->nest->kind->has_object)
		kernel_destroy(kernel, device->vdevice);
	device->nest = NULL;
}

/*
 * The kernel finds the stream of a device by its vDEVICE, of which a device has one. So it is not
 * in a table of another nest when that is exchanged.
 */
static int join(struct viommu_kernel *kernel, struct kernel_device *device, struct nest *nest)
{
	struct kernel_vdevice_alloc argument = {
		.size = sizeof(argument),
		.viommu_id = nest->id,
		.dev_id = device->id,
		.virt_id = device->endpoint,
	};
	int error = 0;

	if (device->nest == nest)
		return 0;
	if (device->nest && device->hwpt && device->hwpt->table)
		error = hwpt_leave(kernel, device, VIOMMU_NO_PASID);
	if (error)
		return error;
	nest_leave(kernel, device);
	if (nest->kind->has_object)
		error = kernel_ioctl(kernel, kernel->fd, KERNEL_VDEVICE_ALLOC, &argument);
	if (error)
		return error;
	device->nest = nest;
	device->vdevice = argument.out_vdevice_id;
	return 0;
}

/* -- nests -------------------------------------------------------------------------------- */

enum { EVENTS_DEPTH = 256 };

/* Tables work without events: the guest then gets no faults, which is logged. */
static void open_queue(struct viommu_kernel *kernel, struct nest *nest)
{
	struct kernel_veventq_alloc argument = {
		.size = sizeof(argument),
		.viommu_id = nest->id,
		.type = nest->kind->events_type,
		.depth = EVENTS_DEPTH,
	};
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = nest };
	int error = kernel_ioctl(kernel, kernel->fd, KERNEL_VEVENTQ_ALLOC, &argument);

	if (!error) {
		nest->queue = argument.out_veventq_id;
		nest->queue_file = (int)argument.out_veventq_fd;
		if (!epoll_ctl(kernel->events, EPOLL_CTL_ADD, nest->queue_file, &event))
			return;
		error = -errno;
		kernel_close(kernel, nest->queue_file);
		kernel_destroy(kernel, nest->queue);
		nest->queue_file = -1;
	}
	kernel_log(kernel,
		   "faults of tables of the guest are not reported: VEVENTQ_ALLOC, errno %d",
		   -error);
}

static void nest_free(struct viommu_kernel *kernel, struct nest *nest)
{
	struct nest **at = &kernel->nests;

	nest_queues_end(kernel, nest);
	for (size_t i = 0; i < kernel->n_devices; i++)
		if (kernel->devices[i].nest == nest)
			nest_leave(kernel, &kernel->devices[i]);
	if (nest->queue_file >= 0) {
		kernel_close(kernel, nest->queue_file);
		kernel_destroy(kernel, nest->queue);
	}
	if (nest->kind->has_object)
		kernel_destroy(kernel, nest->id);
	while (*at != nest)
		at = &(*at)->next;
	*at = nest->next;
	free(nest);
}

void nests_free(struct viommu_kernel *kernel, uint32_t space)
{
	struct nest **at = &kernel->nests;

	while (*at) {
		if ((*at)->parent->space == space)
			nest_free(kernel, *at);
		else
			at = &(*at)->next;
	}
}

/* A parent that two virtual IOMMUs use: their physical IOMMUs are alike. */
static void log_sharing(const struct viommu_kernel *kernel, const struct kernel_device *device,
			const struct nest *nest)
{
	for (const struct nest *other = kernel->nests; other; other = other->next)
		if (other != nest && other->parent == nest->parent)
			kernel_log(kernel,
				   "%s: page table %u of the host maps the memory of two virtual"
				   " IOMMUs",
				   device->name, nest->parent->id);
}

/* Queues of hardware are scarce: a vIOMMU works without them, too. */
static int object_new(struct viommu_kernel *kernel, const struct kernel_device *device,
		      struct nest *nest)
{
	struct kernel_viommu_alloc argument = {
		.size = sizeof(argument),
		.type = nest->kind->object_type,
		.dev_id = device->id,
		.hwpt_id = nest->parent->id,
	};
	int error;

	if (!nest->kind->has_object ||
	    (device->n_queues && !nest_queues_begin(kernel, device, nest)))
		return 0;
	error = kernel_ioctl(kernel, kernel->fd, KERNEL_VIOMMU_ALLOC, &argument);
	if (!error)
		nest->id = argument.out_viommu_id;
	return error;
}

static int nest_new(struct viommu_kernel *kernel, const struct kernel_device *device,
		    const struct nest *wanted, struct nest **ret_nest)
{
	struct nest *nest = malloc(sizeof(*nest));
	int error;

	if (!nest)
		return -ENOMEM;
	*nest = *wanted;
	nest->id = wanted->parent->id;
	nest->queue_file = -1;
	error = object_new(kernel, device, nest);
	if (error) {
		free(nest);
		return error;
	}
	if (wanted->kind->has_object)
		open_queue(kernel, nest);
	nest->next = kernel->nests;
	kernel->nests = nest;
	log_sharing(kernel, device, nest);
	*ret_nest = nest;
	return 0;
}

void nests_end(struct viommu_kernel *kernel)
{
	while (kernel->tables)
		nest_table_free(kernel, kernel->tables->number);
	while (kernel->nests)
		nest_free(kernel, kernel->nests);
	while (kernel->hwpts)
		hwpt_free(kernel, kernel->hwpts);
}

/* -- entering ------------------------------------------------------------------------------- */

/* If PASIDs of a device have page tables, all page tables of the device must be of that kind. */
static uint32_t table_flags(const struct kernel_device *device)
{
	return (device->hwpt_flags & KERNEL_HWPT_PASID) |
	       (device->limits.page_requests ? KERNEL_HWPT_FAULT : 0);
}

/* A page table for the guest's table over a nest, with the device in it. */
static int enter_over(struct viommu_kernel *kernel, struct kernel_device *device,
		      const struct guest_table *table, struct nest *nest)
{
	const struct hwpt wanted = { .space = table->wanted.space,
				     .flags = table_flags(device),
				     .table = table,
				     .nest = nest };
	int error = join(kernel, device, nest);

	return error ? error : hwpt_attach_new(kernel, device, VIOMMU_NO_PASID, nest->id, &wanted);
}

static int enter_page_table(struct viommu_kernel *kernel, struct kernel_device *device,
			    struct hwpt *hwpt)
{
	int error = join(kernel, device, hwpt->nest);

	return error ? error : hwpt_attach(kernel, device, VIOMMU_NO_PASID, hwpt);
}

/* A nest that turns out to be of another IOMMU is not kept. */
static int enter_new_nest(struct viommu_kernel *kernel, struct kernel_device *device,
			  const struct guest_table *table, const struct nest_kind *kind,
			  struct hwpt *parent)
{
	const struct nest wanted = { .kind = kind, .owner = table->wanted.iommu, .parent = parent };
	struct nest *nest;
	int error = nest_new(kernel, device, &wanted, &nest);

	if (error)
		return error;
	error = enter_over(kernel, device, table, nest);
	if (error)
		nest_free(kernel, nest);
	return error;
}

static int enter_new_parent(struct viommu_kernel *kernel, struct kernel_device *device,
			    const struct guest_table *table, const struct nest_kind *kind)
{
	const struct hwpt wanted = { .space = table->wanted.space, .flags = device->hwpt_flags };
	struct hwpt *parent;
	int error = hwpt_new(kernel, device, wanted.space, &wanted, &parent);

	if (error)
		return error;
	error = enter_new_nest(kernel, device, table, kind, parent);
	if (error)
		hwpt_free(kernel, parent);
	return error;
}

static int try_all(struct viommu_kernel *kernel, struct kernel_device *device,
		   const struct guest_table *table, const struct nest_kind *kind)
{
	uint32_t space = table->wanted.space;
	int error = -EINVAL;

	for (struct hwpt *hwpt = kernel->hwpts; hwpt && error == -EINVAL; hwpt = hwpt->next)
		if (hwpt->table == table)
			error = enter_page_table(kernel, device, hwpt);
	for (struct nest *nest = kernel->nests; nest && error == -EINVAL; nest = nest->next)
		if (nest->owner == table->wanted.iommu && nest->kind == kind &&
		    nest->parent->space == space)
			error = enter_over(kernel, device, table, nest);
	for (struct hwpt *hwpt = kernel->hwpts; hwpt && error == -EINVAL; hwpt = hwpt->next)
		if (!hwpt->table && hwpt->space == space && hwpt->flags == device->hwpt_flags)
			error = enter_new_nest(kernel, device, table, kind, hwpt);
	return error == -EINVAL ? enter_new_parent(kernel, device, table, kind) : error;
}

int nest_enter(struct viommu_kernel *kernel, struct kernel_device *device, uint32_t number)
{
	const struct guest_table *table = nest_table(kernel, number);
	const struct nest_kind *kind;

	if (!table)
		return -ENOENT;
	kind = nest_kind_of(device, table->wanted.format);
	if (!kind || !(device->hwpt_flags & KERNEL_HWPT_NEST))
		return -EOPNOTSUPP;
	return try_all(kernel, device, table, kind);
}

/* -- events ------------------------------------------------------------------------------ */

struct event_callback {
	void (*event)(void *opaque, struct viommu *iommu, const struct viommu_fault *fault);
	void *opaque;
};

static void read_one(struct viommu_kernel *kernel, struct nest *nest,
		     const struct kernel_vevent *head, const void *record,
		     const struct event_callback *callback)
{
	struct viommu_fault fault;
	bool lost = head->flags & KERNEL_EVENTS_LOST || head->sequence != nest->sequence;

	/* INT_MAX is followed by 0. */
	nest->sequence = (head->sequence + 1) & INT32_MAX;
	if (lost && kernel_is_due(kernel, SENTENCE_EVENTS))
		kernel_log(kernel, "the kernel has lost faults of the guest's tables");
	if (record && nest->kind->decode(record, &fault))
		callback->event(callback->opaque, nest->owner, &fault);
}

/* A head without a record means that events were lost. */
static void read_records(struct viommu_kernel *kernel, struct nest *nest,
			 const unsigned char *bytes, size_t length,
			 const struct event_callback *callback)
{
	const struct kernel_vevent *head;
	size_t at = 0, record = nest->kind->event_length;

	while (length - at >= sizeof(*head)) {
		head = (const void *)(bytes + at);
		at += sizeof(*head);
		if (head->flags & KERNEL_EVENTS_LOST) {
			read_one(kernel, nest, head, NULL, callback);
			continue;
		}
		if (length - at < record)
			return;
		read_one(kernel, nest, head, bytes + at, callback);
		at += record;
	}
}

int nest_read_events(void *interface,
		     void (*event)(void *opaque, struct viommu *iommu,
				   const struct viommu_fault *fault),
		     void *opaque)
{
	_Alignas(uint64_t) unsigned char bytes[16 * EVENT_MAX];
	const struct event_callback callback = { event, opaque };
	struct viommu_kernel *kernel = interface;

	for (struct nest *nest = kernel->nests; nest; nest = nest->next) {
		ssize_t length = 1;

		for (int i = 0; i < EVENTS_DEPTH && length > 0 && nest->queue_file >= 0; i++) {
			length = read(nest->queue_file, bytes, sizeof(bytes));
			if (length > 0)
				read_records(kernel, nest, bytes, (size_t)length, &callback);
		}
	}
	return 0;
}
