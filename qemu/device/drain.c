/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * An UNMAP, DETACH or ATTACH waits for the disk I/O of its endpoints that is in flight
 *
 * A disk of QEMU translates the addresses of a request when the request begins (dma_memory_map), and
 * keeps pointers to guest memory until its I/O ends. QEMU has no callback for the end of their use, but
 * its block layer counts the requests in flight. So the nodes of the disks behind an endpoint are
 * drained (bdrv_drained_begin): they begin no request until those in flight have ended. libviommu
 * has removed the mappings before, so that a request that begins later finds none of them.
 *
 * The main loop runs meanwhile. A timer asks whether the I/O has ended, because QEMU has no callback
 * for it. Other devices keep pointers, too: docs/qemu.md lists them.
 */

#define POLL_NANOSECONDS 100000

/* The PCI function or the virtio-mmio transport that does the DMA of a device. */
static DeviceState *master_of(DeviceState *device)
{
	while (device && !object_dynamic_cast(OBJECT(device), TYPE_PCI_DEVICE) &&
	       !object_dynamic_cast(OBJECT(device), TYPE_VIRTIO_MMIO))
		device = device->parent_bus ? device->parent_bus->parent : NULL;
	return device;
}

/*
 * A function's accesses go to the address space that it had when it was plugged in. QEMU would now
 * name another one beside an IOMMU of the machine (native.c).
 */
static bool is_of(const struct endpoint *endpoint, DeviceState *master)
{
	if (!master || !object_dynamic_cast(OBJECT(master), TYPE_PCI_DEVICE))
		return master && endpoint->platform == master;
	return PCI_DEVICE(master)->bus_master_enable_region.alias == &endpoint->root;
}

static bool must_wait_for(struct iommu *iommu, BlockBackend *disk)
{
	DeviceState *master = master_of(blk_get_attached_dev(disk));
	struct endpoint *endpoint;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		if (endpoint->revoked && is_of(endpoint, master))
			return true;
	return false;
}

/* In the main loop, no request is between its translation and its I/O. In an I/O thread one may be,
 * and it begins its I/O before the thread runs anything else. */
static bool may_be_busy(BlockDriverState *node)
{
	return bdrv_get_aio_context(node) != qemu_get_aio_context() || qatomic_read(&node->in_flight);
}

static void do_nothing(void *opaque)
{
}

static void node_begin(struct iommu *iommu, BlockDriverState *node)
{
	AioContext *context = bdrv_get_aio_context(node);

	LOCK_CONTEXT(context);
	if (context != qemu_get_aio_context())
		aio_wait_bh_oneshot(context, do_nothing, NULL);
	bdrv_ref(node);
	BEGIN_DRAIN(node);
	UNLOCK_CONTEXT(context);
	g_ptr_array_add(iommu->drained, node);
}

static bool has_revoked(struct iommu *iommu)
{
	struct endpoint *endpoint;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		if (endpoint->revoked)
			return true;
	return false;
}

static void forget_revoked(struct iommu *iommu)
{
	struct endpoint *endpoint;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		endpoint->revoked = false;
}

static bool is_done(struct iommu *iommu)
{
	for (guint i = 0; i < iommu->drained->len; i++)
		if (POLL_DRAIN(iommu->drained->pdata[i]))
			return false;
	return true;
}

void drain_end(struct iommu *iommu)
{
	for (guint i = 0; i < iommu->drained->len; i++) {
		BlockDriverState *node = iommu->drained->pdata[i];
		AioContext *context = bdrv_get_aio_context(node);

		LOCK_CONTEXT(context);
		bdrv_drained_end(node);
		bdrv_unref(node);
		UNLOCK_CONTEXT(context);
	}
	g_ptr_array_set_size(iommu->drained, 0);
	timer_del(iommu->drain_timer);
}

bool drain_poll(struct iommu *iommu)
{
	if (!iommu->drained->len)
		return false;
	if (is_done(iommu)) {
		drain_end(iommu);
		return false;
	}
	timer_mod(iommu->drain_timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + POLL_NANOSECONDS);
	return true;
}

bool drain_begin(struct iommu *iommu)
{
	BlockBackend *disk = NULL;

	if (iommu->settings.wait_for_io && has_revoked(iommu))
		while ((disk = blk_all_next(disk)))
			if (blk_bs(disk) && may_be_busy(blk_bs(disk)) && must_wait_for(iommu, disk))
				node_begin(iommu, blk_bs(disk));
	forget_revoked(iommu);
	return drain_poll(iommu);
}

/* Wait by a drained section inside of ours. */
void drain_wait(struct iommu *iommu)
{
	for (guint i = 0; i < iommu->drained->len; i++) {
		BlockDriverState *node = iommu->drained->pdata[i];
		AioContext *context = bdrv_get_aio_context(node);

		LOCK_CONTEXT(context);
		bdrv_drained_begin(node);
		bdrv_drained_end(node);
		UNLOCK_CONTEXT(context);
	}
	drain_end(iommu);
}
