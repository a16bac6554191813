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

	assert(length <= VIOMMU_FAULT_LONG_LENGTH);
	qemu_mutex_lock(&iommu->faults_lock);
	room = iommu->n_faults < VIOMMU_QUEUE_SIZE;
	if (room) {
		unsigned int i = (iommu->first_fault + iommu->n_faults++) % VIOMMU_QUEUE_SIZE;

		memcpy(iommu->faults[i].bytes, record, length);
		iommu->faults[i].length = length;
	}
	qemu_mutex_unlock(&iommu->faults_lock);
	if (room)
		qemu_bh_schedule(iommu->events_bh);
	return room ? 0 : -ENOSPC;
}

static size_t fault_pop(struct iommu *iommu, uint8_t *record)
{
	size_t length;

	qemu_mutex_lock(&iommu->faults_lock);
	length = iommu->faults[iommu->first_fault].length;
	memcpy(record, iommu->faults[iommu->first_fault].bytes, length);
	iommu->first_fault = (iommu->first_fault + 1) % VIOMMU_QUEUE_SIZE;
	iommu->n_faults--;
	qemu_mutex_unlock(&iommu->faults_lock);
	return length;
}

void faults_clear(struct iommu *iommu)
{
	qemu_mutex_lock(&iommu->faults_lock);
	iommu->n_faults = 0;
	qemu_mutex_unlock(&iommu->faults_lock);
}

static bool is_page_request(const uint8_t *record, size_t length)
{
	return length > VIOMMU_FAULT_LENGTH && ldl_le_p(record + 4) & VIOMMU_FAULT_F_PAGE_REQ;
}

/*
 * A buffer that is too short for a long record gets the standard's part of it. One that is too short
 * for that, or for a page request, is returned empty.
 */
static bool fault_deliver(struct iommu *iommu)
{
	VirtQueueElement *element = virtqueue_pop(iommu->events, sizeof(*element));
	uint8_t record[VIOMMU_FAULT_LONG_LENGTH];
	size_t used = 0, room, length;

	if (!element)
		return false;
	length = fault_pop(iommu, record);
	room = iov_size(element->in_sg, element->in_num);
	if (is_page_request(record, length) && room < length)
		requester_refuse(iommu, record);
	else if (room < length)
		length = VIOMMU_FAULT_LENGTH;
	if (room >= length)
		used = iov_from_buf(element->in_sg, element->in_num, 0, record, length);
	virtqueue_push(iommu->events, element, (unsigned int)used);
	g_free(element);
	return true;
}

void faults_deliver(void *opaque)
{
	struct iommu *iommu = opaque;
	int n = 0;

	if (!iommu_runs(iommu))
		return;
	while (n < VIOMMU_QUEUE_SIZE && qatomic_read(&iommu->n_faults) && fault_deliver(iommu))
		n++;
	if (n)
		virtio_notify(&iommu->virtio, iommu->events);
	requester_deliver(iommu);
}
