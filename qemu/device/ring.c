/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * The request queue in guest memory, without QEMU's virtqueue
 *
 * virtqueue_pop() and virtqueue_push() map and unmap each buffer, which takes longer than a request.
 * Here the rings and the guest's memory around the buffers stay mapped, until memory or the queue
 * changes. QEMU's indices are moved when a batch is returned, so between two batches the queue is as
 * if QEMU had served it. A batch is returned before a stop, and thus before a migration, and before
 * a reset of the queue; a reset of the device drops it (device.c).
 *
 * Whatever is unusual is left to QEMU, from that request on: a packed ring, buffers that are not in
 * memory, a malformed chain, which QEMU reports.
 */

#define DESCRIPTOR 16
#define INDEX_AT   2
#define RING_AT    4
#define USED_ENTRY 8

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

/* -- what is mapped ---------------------------------------------------------------- */

static void unmap(MemoryRegionCache *cache)
{
	address_space_cache_destroy(cache);
	*cache = (MemoryRegionCache){ 0 };
}

void ring_close(struct iommu *iommu)
{
	struct ring *ring = &iommu->ring;

	unmap(&ring->descriptors);
	unmap(&ring->available);
	unmap(&ring->used);
	unmap(&ring->buffers);
	ring->buffers_length = 0;
	ring->is_open = ring->is_stale = false;
}

void ring_let_go(struct iommu *iommu)
{
	if (iommu->ring.is_stale && !iommu->batch.n)
		ring_close(iommu);
}

static bool map(MemoryRegionCache *cache, hwaddr at, uint64_t length, bool write)
{
	int64_t mapped = address_space_cache_init(cache, &address_space_memory, at, length, write);

	return mapped >= (int64_t)length && cache->ptr;
}

/* With room for the event index behind the rings. */
static bool open_at(struct ring *ring, const struct ring_place *place)
{
	ring->place = *place;
	ring->is_open = map(&ring->descriptors, place->descriptors, DESCRIPTOR * place->n, false) &&
			map(&ring->available, place->available, RING_AT + 2 * place->n + 2, false) &&
			map(&ring->used, place->used, RING_AT + USED_ENTRY * place->n + 2, true);
	return ring->is_open;
}

static bool is_at(const struct ring *ring, const struct ring_place *place)
{
	return ring->is_open && ring->place.n == place->n &&
	       ring->place.descriptors == place->descriptors &&
	       ring->place.available == place->available && ring->place.used == place->used;
}

static bool can_serve(VirtIODevice *virtio)
{
	return !virtio->broken && virtio->dma_as == &address_space_memory &&
	       virtio_vdev_has_feature(virtio, VIRTIO_F_VERSION_1) &&
	       !virtio_vdev_has_feature(virtio, VIRTIO_F_RING_PACKED);
}

static struct ring_place place_of(VirtIODevice *virtio)
{
	return (struct ring_place){
		.n = (unsigned int)virtio_queue_get_num(virtio, 0),
		.descriptors = virtio_queue_get_desc_addr(virtio, 0),
		.available = virtio_queue_get_avail_addr(virtio, 0),
		.used = virtio_queue_get_used_addr(virtio, 0),
	};
}

static bool ring_open(struct iommu *iommu)
{
	const struct ring_place place = place_of(&iommu->virtio);

	if (!can_serve(&iommu->virtio) || !place.n || !place.descriptors ||
	    (place.available | place.used) % sizeof(uint16_t))
		return false;
	if (is_at(&iommu->ring, &place) && !iommu->ring.is_stale)
		return true;
	ring_close(iommu);
	if (open_at(&iommu->ring, &place))
		return true;
	ring_close(iommu);
	return false;
}

/* The memory around an address, as much of it as is in one piece. */
static bool map_around(struct ring *ring, hwaddr at)
{
	const uint64_t sizes[] = { BIT_ULL(30), BIT_ULL(21), BIT_ULL(12) };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		unmap(&ring->buffers);
		ring->buffers_at = at & -sizes[i];
		ring->buffers_length = (uint64_t)address_space_cache_init(
			&ring->buffers, &address_space_memory, ring->buffers_at, BIT_ULL(40), true);
		if (ring->buffers.ptr && at - ring->buffers_at < ring->buffers_length)
			return true;
	}
	unmap(&ring->buffers);
	ring->buffers_length = 0;
	return false;
}

/* NULL: not in that piece. The first buffer of a batch chooses it, and then it stays mapped. */
static uint8_t *buffer(struct ring *ring, hwaddr at, uint64_t length)
{
	uint64_t offset = at - ring->buffers_at;

	if (ring->may_move && offset >= ring->buffers_length && map_around(ring, at))
		offset = at - ring->buffers_at;
	ring->may_move = false;
	if (!length || offset >= ring->buffers_length || length > ring->buffers_length - offset)
		return NULL;
	return (uint8_t *)ring->buffers.ptr + offset;
}

/* -- requests ---------------------------------------------------------------------- */

struct descriptor {
	uint64_t at;
	uint32_t length;
	uint16_t flags, next;
};

/* The guest may be changing it: it is read once. */
static struct descriptor descriptor_at(const uint8_t *table, unsigned int i)
{
	uint8_t bytes[DESCRIPTOR];

	memcpy(bytes, table + DESCRIPTOR * i, sizeof(bytes));
	barrier();
	return (struct descriptor){ ldq_le_p(bytes), (uint32_t)ldl_le_p(bytes + 8),
				    (uint16_t)lduw_le_p(bytes + 12),
				    (uint16_t)lduw_le_p(bytes + 14) };
}

static bool add_buffer(struct ring *ring, struct ring_chain *chain, const struct descriptor *entry)
{
	struct iovec piece = { buffer(ring, entry->at, entry->length), entry->length };

	if (!piece.iov_base || chain->n_writable || entry->flags & INDIRECT)
		return false;
	if (entry->flags & WRITE)
		chain->writable[chain->n_writable++] = piece;
	else if (chain->n_readable < ARRAY_SIZE(chain->readable))
		chain->readable[chain->n_readable++] = piece;
	else
		return false;
	return true;
}

/* Any readable buffers, and then at most one that is writable. */
static bool read_chain(struct ring *ring, const uint8_t *table, unsigned int n, unsigned int i,
		       struct ring_chain *chain)
{
	struct descriptor entry;

	do {
		if (i >= n)
			return false;
		entry = descriptor_at(table, i);
		if (!add_buffer(ring, chain, &entry))
			return false;
		i = entry.next;
	} while (entry.flags & NEXT);
	return true;
}

static bool read_request(struct ring *ring, unsigned int head, struct ring_chain *chain)
{
	const uint8_t *table = ring->descriptors.ptr;
	unsigned int n = ring->place.n;
	struct descriptor entry;

	if (head >= n)
		return false;
	entry = descriptor_at(table, head);
	if (!(entry.flags & INDIRECT))
		return read_chain(ring, table, n, head, chain);
	table = buffer(ring, entry.at, entry.length);
	return table && !(entry.flags & (NEXT | WRITE)) && !(entry.length % DESCRIPTOR) &&
	       read_chain(ring, table, entry.length / DESCRIPTOR, 0, chain);
}

/* Indices of 16 bits, which wrap. */
static uint16_t index_load(const MemoryRegionCache *ring)
{
	const uint16_t *index = (const uint16_t *)(const void *)((const char *)ring->ptr + INDEX_AT);

	return le16_to_cpu(qatomic_load_acquire(index));
}

static void index_store(MemoryRegionCache *ring, uint16_t index)
{
	qatomic_store_release((uint16_t *)(void *)((char *)ring->ptr + INDEX_AT), cpu_to_le16(index));
}

/* The index of request `i` of a batch. */
static uint16_t index_of(struct iommu *iommu, unsigned int i)
{
	return (uint16_t)(virtio_queue_get_last_avail_idx(&iommu->virtio, 0) + i);
}

static bool has_more(struct iommu *iommu)
{
	return index_load(&iommu->ring.available) != index_of(iommu, 0);
}

bool ring_waits(struct iommu *iommu)
{
	return ring_open(iommu) && has_more(iommu);
}

bool ring_still_waits(struct iommu *iommu)
{
	return iommu->ring.is_open && !iommu->ring.is_stale && has_more(iommu);
}

bool ring_next(struct iommu *iommu, unsigned int i, struct ring_chain *chain)
{
	struct ring *ring = &iommu->ring;
	unsigned int n = ring->place.n;
	uint16_t next = index_of(iommu, i);
	uint16_t waiting = (uint16_t)(index_load(&ring->available) - next);
	unsigned int head;

	if (!waiting || waiting > n)
		return false;
	head = lduw_le_p((const char *)ring->available.ptr + RING_AT + 2 * (next % n));
	*chain = (struct ring_chain){ 0 };
	ring->may_move = !i;
	ring->first = i ? ring->first : next;
	if (!read_request(ring, head, chain))
		return false;
	ring->heads[i] = head;
	ring->written[i] = chain->n_writable
				   ? (uint64_t)((uint8_t *)chain->writable[0].iov_base -
						(uint8_t *)ring->buffers.ptr)
				   : 0;
	return true;
}

/* -- answers ----------------------------------------------------------------------- */

static void write_answer(struct ring *ring, unsigned int at, unsigned int i, unsigned int length)
{
	char *entry = (char *)ring->used.ptr + RING_AT + USED_ENTRY * (at % ring->place.n);

	stl_le_p(entry, (int)ring->heads[i]);
	stl_le_p(entry + 4, (int)length);
	if (length)
		address_space_cache_invalidate(&ring->buffers, (hwaddr)ring->written[i], length);
}

/* The driver notifies when it offers the next request. */
static void ask_for_notification(struct iommu *iommu, uint16_t next)
{
	struct ring *ring = &iommu->ring;

	if (virtio_vdev_has_feature(&iommu->virtio, VIRTIO_RING_F_EVENT_IDX))
		stw_le_p((char *)ring->used.ptr + RING_AT + USED_ENTRY * ring->place.n, next);
}

/* While a batch waited, the driver may have set the queue up elsewhere, or turned bus mastering off. */
static bool is_of_batch(struct iommu *iommu)
{
	const struct ring_place place = place_of(&iommu->virtio);

	return !virtio_device_disabled(&iommu->virtio) && is_at(&iommu->ring, &place) &&
	       index_of(iommu, 0) == iommu->ring.first;
}

/* The used index is that of the first request: all before it have been returned. The driver may have
 * written another one. */
void ring_return(struct iommu *iommu)
{
	struct ring *ring = &iommu->ring;
	const struct batch *batch = &iommu->batch;
	uint16_t next = index_of(iommu, batch->n);

	if (!is_of_batch(iommu))
		return;
	for (unsigned int i = 0; i < batch->n; i++)
		write_answer(ring, ring->first + i, i, batch->used[i]);
	index_store(&ring->used, next);
	ask_for_notification(iommu, next);
	address_space_cache_invalidate(&ring->used, 0, RING_AT + USED_ENTRY * ring->place.n + 2);
	virtio_queue_set_last_avail_idx(&iommu->virtio, 0, next);
	virtio_queue_update_used_idx(&iommu->virtio, 0);
	smp_mb(); /* before the caller looks whether there is another request */
}

/* -- changes of memory ------------------------------------------------------------- */

/* The main loop lets the old memory go, unless a batch is to be returned. */
static void memory_changed(MemoryListener *listener)
{
	struct iommu *iommu = container_of(listener, struct iommu, ring.listener);

	iommu->ring.is_stale = true;
	if (iommu->ring.is_open)
		qemu_bh_schedule(iommu->requests_bh);
}

void ring_start(struct iommu *iommu)
{
	iommu->ring.listener = (MemoryListener){
		.name = TYPE_VIOMMU_DEVICE "-ring",
		.commit = memory_changed,
	};
	memory_listener_register(&iommu->ring.listener, &address_space_memory);
}

void ring_stop(struct iommu *iommu)
{
	memory_listener_unregister(&iommu->ring.listener);
	ring_close(iommu);
}
