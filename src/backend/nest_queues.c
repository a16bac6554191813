/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backend/call.h"
#include "backend/iommufd.h"
#include "backend/layouts.h"
#include "wire/sized.h"

/*
 * Queues of commands in guest memory that hardware executes (HW_QUEUE_ALLOC)
 *
 * A vIOMMU of a type of its own has them. Hardware has one sequence of queues for each vIOMMU: they
 * are opened by ascending index, and closed by descending index.
 */
enum {
	QUEUES_LOG2_MAX = 7, /* what a virtual interface of CMDQV can have */
	COMMAND_LOG2 = 4,
};
#define QUEUE_BYTES_MIN 32u

uint32_t nest_queues_of(const struct viommu_kernel *kernel, const struct kernel_device *device)
{
	const struct nest_kind *kind = nest_kind_of(device, 0);
	struct kernel_cmdqv_info info = { 0 };
	struct kernel_hw_info argument = { .size = sizeof(argument),
					   .flags = KERNEL_HW_TYPE,
					   .dev_id = device->id,
					   .data_length = sizeof(info),
					   .data = (uintptr_t)&info };

	if (!kernel->ops.queues || !kind || !kind->queue_object)
		return 0;
	argument.type = kind->queue_hardware;
	/* Older kernels refuse the flag. */
	if (kernel_ioctl(kernel, kernel->fd, KERNEL_HW_INFO, &argument) ||
	    argument.type != kind->queue_hardware)
		return 0;
	return 1u << (info.log2_queues < QUEUES_LOG2_MAX ? info.log2_queues : QUEUES_LOG2_MAX);
}

/* IDR1.CMDQS (Arm IHI 0070, 6.3.2): the largest queue has 2^n commands of 16 bytes. */
static uint64_t max_bytes(const struct kernel_device *device)
{
	struct kernel_arm_info arm;

	memcpy(&arm, &device->info, sizeof(arm));
	return 1ull << ((arm.idr[1] >> 21 & 31) + COMMAND_LOG2);
}

int nest_queues_begin(const struct viommu_kernel *kernel, const struct kernel_device *device,
		      struct nest *nest)
{
	struct kernel_window window = { 0 };
	struct kernel_viommu_alloc argument = {
		.size = sizeof(argument),
		.type = nest->kind->queue_object,
		.dev_id = device->id,
		.hwpt_id = nest->parent->id,
		.data_length = sizeof(window),
		.data = (uintptr_t)&window,
	};
	int error = kernel_ioctl(kernel, kernel->fd, KERNEL_VIOMMU_ALLOC, &argument);

	if (error) {
		if (error != -EINVAL) /* another IOMMU than that of the parent */
			kernel_log(kernel, "%s: no queues of hardware: VIOMMU_ALLOC, errno %d",
				   device->name, -error);
		return error;
	}
	nest->id = argument.out_viommu_id;
	nest->max_queues = device->n_queues;
	nest->max_queue = max_bytes(device);
	nest->window = window.offset;
	nest->window_length = window.length;
	return 0;
}

static void forget_newest(struct nest *nest)
{
	struct hw_queue *queue = nest->queues;

	nest->queues = queue->next;
	nest->n_queues--;
	free(queue);
}

static int close_newest(const struct viommu_kernel *kernel, struct nest *nest)
{
	int error = kernel_destroy(kernel, nest->queues->id);

	if (!error)
		forget_newest(nest);
	return error;
}

void nest_queues_end(const struct viommu_kernel *kernel, struct nest *nest)
{
	while (nest->queues) {
		kernel_destroy(kernel, nest->queues->id);
		forget_newest(nest);
	}
	if (nest->window_length && kernel->ops.window_closing)
		OP_VOID(kernel, window_closing, kernel->opaque, nest->window);
}

static bool overlaps(const struct hw_queue *queue, uint64_t first, uint64_t last)
{
	return queue->base <= last && first <= queue->base + (queue->length - 1);
}

/* How many queues are to be closed so that none overlaps the range. */
static uint32_t count_above(const struct nest *nest, uint64_t first, uint64_t last)
{
	uint32_t n = 0, at = 0;

	for (const struct hw_queue *queue = nest->queues; queue; queue = queue->next) {
		at++;
		n = overlaps(queue, first, last) ? at : n;
	}
	return n;
}

void nest_queues_unmap(struct viommu_kernel *kernel, uint32_t space, uint64_t iova, uint64_t length)
{
	for (struct nest *nest = kernel->nests; nest; nest = nest->next) {
		uint32_t n = 0, before = nest->n_queues;

		if (nest->queues && nest->parent->space == space)
			n = count_above(nest, iova, iova + (length - 1));
		while (n-- && !close_newest(kernel, nest))
			;
		if (nest->n_queues < before && kernel_is_due(kernel, SENTENCE_QUEUE))
			kernel_log(kernel,
				   "queues from %" PRIu32
				   " on are closed: memory of one at 0x%" PRIx64
				   " is unmapped; the guest has to open them again",
				   nest->n_queues, iova);
	}
}

/* -- for the VMM ----------------------------------------------------------------------- */

/* The part of an IOMMU that a table with the device uses; NULL: none with queues. */
static struct nest *nest_of(const struct viommu_kernel *kernel, int number)
{
	const struct kernel_device *device = &kernel->devices[number];

	return device->table && device->nest && device->nest->max_queues ? device->nest : NULL;
}

int viommu_kernel_queues(const struct viommu_kernel *kernel, int number,
			 struct viommu_queues *ret_queues)
{
	const struct nest *nest = nest_of(kernel, number);
	const struct viommu_queues queues = {
		.size = sizeof(queues),
		.max_queues = nest ? nest->max_queues : 0,
		.n_queues = nest ? nest->n_queues : 0,
		.min_bytes = QUEUE_BYTES_MIN,
		.max_bytes = nest ? nest->max_queue : 0,
		.file = kernel->fd,
		.window = nest ? nest->window : 0,
		.window_bytes = nest ? nest->window_length : 0,
	};

	if (!nest)
		return -EOPNOTSUPP;
	if (ret_queues->size < sizeof(ret_queues->size))
		return -EINVAL;
	sized_give(ret_queues, &queues, sizeof(queues));
	return 0;
}

static int check(const struct nest *nest, uint32_t index, uint64_t base, uint64_t bytes,
		 char *reason, size_t room)
{
	if (nest->n_queues == nest->max_queues)
		return limits_refuse(-EINVAL, reason, room, "all %u queues are open",
				     nest->max_queues);
	if (index != nest->n_queues)
		return limits_refuse(-EINVAL, reason, room,
				     "queue %u cannot be opened: the next one is %u of %u", index,
				     nest->n_queues, nest->max_queues);
	if (bytes & (bytes - 1) || bytes < QUEUE_BYTES_MIN || bytes > nest->max_queue)
		return limits_refuse(-EINVAL, reason, room,
				     "a queue of 0x%llx bytes does not fit: a power of two from"
				     " 0x%x to 0x%llx does",
				     (unsigned long long)bytes, QUEUE_BYTES_MIN,
				     (unsigned long long)nest->max_queue);
	if (base & (bytes - 1))
		return limits_refuse(-EINVAL, reason, room,
				     "a queue at 0x%llx is not aligned to its 0x%llx bytes",
				     (unsigned long long)base, (unsigned long long)bytes);
	return 0;
}

int viommu_kernel_open_queue(struct viommu_kernel *kernel, int number, uint32_t index,
			     uint64_t base, uint64_t bytes, char *reason, size_t room)
{
	struct nest *nest = nest_of(kernel, number);
	struct kernel_hw_queue_alloc argument = {
		.size = sizeof(argument), .index = index, .base = base, .length = bytes
	};
	struct hw_queue *queue;
	int error = nest ? check(nest, index, base, bytes, reason, room) : -EOPNOTSUPP;

	if (error)
		return error;
	queue = malloc(sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	argument.viommu_id = nest->id;
	argument.type = nest->kind->queue_type;
	error = kernel_ioctl(kernel, kernel->fd, KERNEL_HW_QUEUE_ALLOC, &argument);
	if (error) {
		free(queue);
		return error;
	}
	*queue = (struct hw_queue){ nest->queues, argument.out_queue_id, base, bytes };
	nest->queues = queue;
	nest->n_queues++;
	return 0;
}

int viommu_kernel_close_queue(struct viommu_kernel *kernel, int number, uint32_t index)
{
	struct nest *nest = nest_of(kernel, number);

	if (!nest)
		return -EOPNOTSUPP;
	if (index >= nest->n_queues)
		return -ENOENT;
	return index + 1 < nest->n_queues ? -EBUSY : close_newest(kernel, nest);
}
