/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_VIRTIO_IOMMU_H
#define VIOMMU_DEVICE_VIRTIO_IOMMU_H

#include <stdatomic.h>

#include <viommu/device.h>

#include "sync/callbacks.h"
#include "transport/virtio.h"
#include "wire/stream.h"

/*
 * The device behind a virtio transport: what <viommu/mmio.h> and <viommu/pci.h> share
 *
 * Uses the device through its public functions only. The request queue is served when the driver
 * notifies; the event queue is used when there is a fault, because drivers need not notify of
 * buffers that they add there.
 *
 * Lock order: transport/virtio.h. Requests run with the request queue locked, and the device stays
 * locked for all of them. Answers that come later lock the request queue, and come from the device
 * when it is not locked; also at the end of a batch, when this thread has the queue locked. Faults
 * come from the device, which may be locked, and lock the event queue only.
 */

/* The VMM's callbacks, as in the public headers. All but `memory` may be NULL. */
struct virtio_iommu_ops {
	void *(*memory)(void *opaque, uint64_t address, uint64_t *length, bool write);
	void (*interrupt)(void *opaque, bool level);
	void (*trace)(void *opaque, const struct viommu_trace *trace);
	void (*log)(void *opaque, const struct viommu_log *entry);
	void (*written)(void *opaque, uint64_t address, uint64_t length);
	void (*paused)(void *opaque, uint64_t ns);
};

struct virtio_iommu_config {
	uint32_t queue_size; /* 0: the default */
	uint32_t vendor;
	bool plain_rings, suspend;
	const struct virtio_bus_ops *bus_ops;
	void *bus;
};

struct virtio_iommu {
	struct viommu *device;
	struct virtio virtio;
	struct virtio_iommu_ops ops;
	void *opaque;
	bool in_batch; /* with the request queue locked */
	atomic_uint_fast64_t n_broken;
};

/*
 * At the beginning of a public function that locks the transport: in a build with -Dchecks=true, it
 * is refused in callbacks of the device, and in `paused`, in which only the device may be used.
 */
#define virtio_iommu_check(iommu) \
	do { \
		callbacks_refuse((iommu)->device, NULL, __func__); \
		callbacks_refuse(iommu, NULL, __func__); \
	} while (0)

/* Create the device, and the virtio device that reaches all of its configuration space. Errors as
 * of viommu_mmio_new(). */
int virtio_iommu_init(struct virtio_iommu *iommu, const struct viommu_config *device_config,
		      const struct virtio_iommu_config *config);
void virtio_iommu_fini(struct virtio_iommu *iommu);

/* Reset the transport as the driver would, so that no queue is active, then the device. */
void virtio_iommu_system_reset(struct virtio_iommu *iommu);

/* Serve the request queue, as if the driver had notified. */
void virtio_iommu_serve(struct virtio_iommu *iommu);

/* Serve it as a thread that polls. Results as of service_poll(). */
uint64_t virtio_iommu_poll(struct virtio_iommu *iommu, uint64_t poll_ns);

/* -- saved state ------------------------------------------------------------------------- */

/*
 * A stream of registers, queues, the bus's own chunk if its length is not 0, and the device; or
 * what has changed in the device since its state was last saved.
 */
enum { STREAM_VERSION_WHOLE = 1, STREAM_VERSION_CHANGES };

struct virtio_iommu_stream {
	uint32_t magic, version;
	struct chunk bus;
};

int virtio_iommu_save(struct virtio_iommu *iommu, const struct virtio_iommu_stream *stream,
		      void **ret_bytes, size_t *ret_length);

/*
 * Changes are loaded to the state that the device has. `load_bus` validates and applies the bus's
 * chunk, of bus.length bytes, after the reset and before the device is loaded; it is NULL without
 * such a chunk.
 */
typedef int load_bus_function(void *bus, const struct stream *stream, const struct chunk *chunk);
int virtio_iommu_load(struct virtio_iommu *iommu, const struct virtio_iommu_stream *saved,
		      load_bus_function *load_bus, struct stream *stream);

#endif
