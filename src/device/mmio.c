/* SPDX-License-Identifier: BSD-3-Clause */
/* The device behind virtio-mmio registers: <viommu/mmio.h> */
#include <errno.h>
#include <stdlib.h>

#include <viommu/mmio.h>

#include "device/virtio_iommu.h"
#include "transport/registers.h"
#include "wire/sized.h"

/* The bytes "VIOM" in guest memory. */
#define VENDOR_DEFAULT 0x4d4f4956

_Static_assert(VIOMMU_MMIO_LENGTH == REGISTERS_LENGTH, "one window, two names");

struct viommu_mmio {
	struct virtio_iommu iommu;
};

/* -- setup --------------------------------------------------------------------------------- */

static uint64_t window_length(const struct viommu *device)
{
	uint64_t length = VIOMMU_MMIO_LENGTH;

	while (length < REGISTERS_CONFIG + viommu_config_length(device))
		length *= 2;
	return length;
}

static int open_window(struct viommu_mmio *mmio, const struct viommu_config *device_config,
		       const struct viommu_mmio_config *config)
{
	struct virtio_iommu *iommu = &mmio->iommu;
	int error = virtio_iommu_init(
		iommu, device_config,
		&(struct virtio_iommu_config){
			.queue_size = config->queue_size,
			.vendor = config->vendor ? config->vendor : VENDOR_DEFAULT,
			.plain_rings = config->plain_rings,
			.suspend = config->suspend,
		});

	/* What follows the fields, up to the end of the window, reads as 0. */
	if (!error)
		iommu->virtio.config.config_length =
			window_length(iommu->device) - REGISTERS_CONFIG;
	return error;
}

int viommu_mmio_new(const struct viommu_config *device_config,
		    const struct viommu_mmio_config *config, const struct viommu_mmio_ops *ops,
		    void *opaque, struct viommu_mmio **ret_mmio)
{
	struct viommu_mmio_config own_config = { 0 };
	struct viommu_mmio_ops own_ops = { 0 };
	struct viommu_mmio *mmio = calloc(1, sizeof(*mmio));
	int error = mmio ? 0 : -ENOMEM;

	if (!error && config)
		error = sized_take(&own_config, sizeof(own_config), config);
	if (!error)
		error = ops ? sized_take(&own_ops, sizeof(own_ops), ops) : -EINVAL;
	if (error)
		goto free_mmio;
	mmio->iommu.opaque = opaque;
	mmio->iommu.ops =
		(struct virtio_iommu_ops){ own_ops.memory, own_ops.interrupt, own_ops.trace,
					   own_ops.log,    own_ops.written,   own_ops.paused };
	error = open_window(mmio, device_config, &own_config);
	if (error)
		goto free_mmio;
	*ret_mmio = mmio;
	return 0;

free_mmio:
	free(mmio);
	return error;
}

struct viommu_mmio *viommu_mmio_free(struct viommu_mmio *mmio)
{
	if (!mmio)
		return NULL;
	virtio_iommu_fini(&mmio->iommu);
	free(mmio);
	return NULL;
}

struct viommu *viommu_mmio_device(struct viommu_mmio *mmio)
{
	return mmio->iommu.device;
}

uint64_t viommu_mmio_length(const struct viommu_mmio *mmio)
{
	return REGISTERS_CONFIG + mmio->iommu.virtio.config.config_length;
}

/* -- use ----------------------------------------------------------------------------------- */

uint64_t viommu_mmio_read(struct viommu_mmio *mmio, uint64_t offset, unsigned length)
{
	virtio_iommu_check(&mmio->iommu);
	return registers_read(&mmio->iommu.virtio, offset, length);
}

void viommu_mmio_write(struct viommu_mmio *mmio, uint64_t offset, unsigned length, uint64_t value)
{
	virtio_iommu_check(&mmio->iommu);
	registers_write(&mmio->iommu.virtio, offset, length, value);
}

void viommu_mmio_serve(struct viommu_mmio *mmio)
{
	virtio_iommu_check(&mmio->iommu);
	virtio_iommu_serve(&mmio->iommu);
}

uint64_t viommu_mmio_poll(struct viommu_mmio *mmio, uint64_t poll_ns)
{
	virtio_iommu_check(&mmio->iommu);
	return virtio_iommu_poll(&mmio->iommu, poll_ns);
}

void viommu_mmio_memory_changed(struct viommu_mmio *mmio)
{
	virtio_iommu_check(&mmio->iommu);
	virtio_memory_changed(&mmio->iommu.virtio);
}

void viommu_mmio_system_reset(struct viommu_mmio *mmio)
{
	virtio_iommu_check(&mmio->iommu);
	virtio_iommu_system_reset(&mmio->iommu);
}

/* -- saved state ------------------------------------------------------------------------- */

#define WINDOW_MAGIC 0x574f4956u /* "VIOW" */

static const struct virtio_iommu_stream whole = { WINDOW_MAGIC, STREAM_VERSION_WHOLE, { 0 } };
static const struct virtio_iommu_stream changes = { WINDOW_MAGIC, STREAM_VERSION_CHANGES, { 0 } };

int viommu_mmio_save(struct viommu_mmio *mmio, void **ret_bytes, size_t *ret_length)
{
	virtio_iommu_check(&mmio->iommu);
	return virtio_iommu_save(&mmio->iommu, &whole, ret_bytes, ret_length);
}

int viommu_mmio_save_changes(struct viommu_mmio *mmio, void **ret_bytes, size_t *ret_length)
{
	virtio_iommu_check(&mmio->iommu);
	return virtio_iommu_save(&mmio->iommu, &changes, ret_bytes, ret_length);
}

int viommu_mmio_load(struct viommu_mmio *mmio, const void *bytes, size_t length, char *reason,
		     size_t room)
{
	struct stream stream = { .bytes = bytes, .length = length, .reason = reason, .room = room };

	virtio_iommu_check(&mmio->iommu);
	return virtio_iommu_load(&mmio->iommu, &whole, NULL, &stream);
}

int viommu_mmio_load_changes(struct viommu_mmio *mmio, const void *bytes, size_t length,
			     char *reason, size_t room)
{
	struct stream stream = { .bytes = bytes, .length = length, .reason = reason, .room = room };

	virtio_iommu_check(&mmio->iommu);
	return virtio_iommu_load(&mmio->iommu, &changes, NULL, &stream);
}
