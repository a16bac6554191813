/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Fault records, from the thread that does the DMA to the event queue
 *
 * A record waits in a ring until the main loop has a buffer of the event queue for it. The guest
 * may add buffers without a kick, so each record that finds room starts the bottom half. If the ring
 * is full, records are dropped, and libviommu counts them.
 */

int fault_push(void *opaque, const void *record, size_t length)
{
	struct iommu *iommu = opaque;
	bool room;

	assert(length == VIOMMU_FAULT_LENGTH);
	qemu_mutex_lock(&iommu->faults_lock);
	room = iommu->n_faults < VIOMMU_QUEUE_SIZE;
	if (room) {
		unsigned int i = (iommu->first_fault + iommu->n_faults++) % VIOMMU_QUEUE_SIZE;

		memcpy(iommu->faults[i], record, length);
	}
	qemu_mutex_unlock(&iommu->faults_lock);
	if (room)
		qemu_bh_schedule(iommu->events_bh);
	return room ? 0 : -ENOSPC;
}

static void fault_pop(struct iommu *iommu, uint8_t *record)
{
	qemu_mutex_lock(&iommu->faults_lock);
	memcpy(record, iommu->faults[iommu->first_fault], VIOMMU_FAULT_LENGTH);
	iommu->first_fault = (iommu->first_fault + 1) % VIOMMU_QUEUE_SIZE;
	iommu->n_faults--;
	qemu_mutex_unlock(&iommu->faults_lock);
}

void faults_clear(struct iommu *iommu)
{
	qemu_mutex_lock(&iommu->faults_lock);
	iommu->n_faults = 0;
	qemu_mutex_unlock(&iommu->faults_lock);
}

/* A buffer that is too short for a record is returned empty, and the record is lost. */
static bool fault_deliver(struct iommu *iommu)
{
	VirtQueueElement *element = virtqueue_pop(iommu->events, sizeof(*element));
	uint8_t record[VIOMMU_FAULT_LENGTH];
	size_t used = 0;

	if (!element)
		return false;
	fault_pop(iommu, record);
	if (iov_size(element->in_sg, element->in_num) >= sizeof(record))
		used = iov_from_buf(element->in_sg, element->in_num, 0, record, sizeof(record));
	virtqueue_push(iommu->events, element, (unsigned int)used);
	g_free(element);
	return true;
}

void faults_deliver(void *opaque)
{
	struct iommu *iommu = opaque;
	int n = 0;

	if (!iommu->virtio.vm_running)
		return;
	while (n < VIOMMU_QUEUE_SIZE && qatomic_read(&iommu->n_faults) && fault_deliver(iommu))
		n++;
	if (n)
		virtio_notify(&iommu->virtio, iommu->events);
}
