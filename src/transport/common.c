/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/common.h"
#include "transport/field.h"
#include "wire/layout.h"

#define DEVICE_STATUS 20

/* -- vectors ------------------------------------------------------------------------------- */

/* The vector of an event, or NULL for a queue that does not exist. */
static uint16_t *vector_of(struct virtio *virtio, bool of_queue)
{
	struct function *function = virtio->config.bus;

	if (of_queue && !virtio_selected(virtio))
		return NULL;
	return &function->vectors[of_queue ? EVENT_QUEUE(virtio->queue_select) : EVENT_CONFIG];
}

static uint32_t read_vector(struct virtio *virtio, uint32_t of_queue)
{
	const uint16_t *vector = vector_of(virtio, of_queue);
	uint32_t value;

	pthread_mutex_lock(&virtio->signal);
	value = vector ? *vector : NO_VECTOR;
	pthread_mutex_unlock(&virtio->signal);
	return value;
}

/* "Devices MUST report mapping failures by returning the NO_VECTOR value" */
static void write_vector(struct virtio *virtio, uint32_t of_queue, uint32_t value)
{
	const struct function *function = virtio->config.bus;
	uint16_t *vector = vector_of(virtio, of_queue);

	if (!vector)
		return;
	pthread_mutex_lock(&virtio->signal);
	*vector = (uint16_t)(value < function->msix.n ? value : NO_VECTOR);
	pthread_mutex_unlock(&virtio->signal);
}

/* -- the selected queue -------------------------------------------------------------------- */

static uint32_t read_queue_size(struct virtio *virtio, uint32_t argument)
{
	struct virtio_queue *queue = virtio_selected(virtio);

	(void)argument;
	return queue ? queue->setup.size : 0;
}

/* "the device MUST present either a value of 0 or a power of 2", unless rings are packed. */
static void write_queue_size(struct virtio *virtio, uint32_t argument, uint32_t value)
{
	struct virtio_queue *queue = virtio_selected_idle(virtio);
	bool packed = virtio->driver_features & VIRTIO_F_RING_PACKED;

	(void)argument;
	if (queue && value && value <= queue->queue.size_max && (packed || !(value & (value - 1))))
		queue->setup.size = value;
}

/* "The driver MUST NOT write a 0 to queue_enable": that is ignored. */
static void write_queue_enable(struct virtio *virtio, uint32_t argument, uint32_t value)
{
	(void)argument;
	if (value == 1)
		virtio_enable_queue(virtio, true);
}

static uint32_t read_queue_notify_off(struct virtio *virtio, uint32_t argument)
{
	(void)argument;
	return virtio_selected(virtio) ? virtio->queue_select : 0;
}

/* -- the structure ------------------------------------------------------------------------- */

/* By offset. 64-bit fields are two of 32 bits. */
static const struct {
	uint32_t length;
	read_field *read;
	write_field *write;
	uint32_t argument;
} rows[COMMON_LENGTH] = {
	[0] = { 4, field_read_member, field_write_member, MEMBER(device_features_select) },
	[4] = { 4, field_read_device_features, NULL, 0 },
	[8] = { 4, field_read_member, field_write_member, MEMBER(driver_features_select) },
	[12] = { 4, field_read_driver_features, field_write_driver_features, 0 },
	[16] = { 2, read_vector, write_vector, false },
	[18] = { 2, field_read_member, NULL, MEMBER(config.n_queues) },
	[DEVICE_STATUS] = { 1, field_read_status, NULL, 0 },
	[21] = { 1, field_read_config_generation, NULL, UINT8_MAX },
	[22] = { 2, field_read_member, field_write_member, MEMBER(queue_select) },
	[24] = { 2, read_queue_size, write_queue_size, 0 },
	[26] = { 2, read_vector, write_vector, true },
	[28] = { 2, field_read_queue_enabled, write_queue_enable, 0 },
	[30] = { 2, read_queue_notify_off, NULL, 0 },
	[32] = { 4, virtio_area, virtio_set_area, AREA_HALF(DESCRIPTOR_AREA, 0) },
	[36] = { 4, virtio_area, virtio_set_area, AREA_HALF(DESCRIPTOR_AREA, 1) },
	[40] = { 4, virtio_area, virtio_set_area, AREA_HALF(DRIVER_AREA, 0) },
	[44] = { 4, virtio_area, virtio_set_area, AREA_HALF(DRIVER_AREA, 1) },
	[48] = { 4, virtio_area, virtio_set_area, AREA_HALF(DEVICE_AREA, 0) },
	[52] = { 4, virtio_area, virtio_set_area, AREA_HALF(DEVICE_AREA, 1) },
	[58] = { 2, NULL, field_write_queue_reset, 0 },
};

static bool is_field(uint64_t offset, unsigned length)
{
	return offset < COMMON_LENGTH && rows[offset].length == length;
}

uint32_t common_read(struct function *function, uint64_t offset, unsigned length)
{
	uint32_t value = 0;

	if (!is_field(offset, length) || !rows[offset].read)
		return 0;
	pthread_mutex_lock(&function->virtio->lock);
	value = rows[offset].read(function->virtio, rows[offset].argument);
	pthread_mutex_unlock(&function->virtio->lock);
	return value;
}

void common_write(struct function *function, uint64_t offset, unsigned length, uint32_t value)
{
	struct virtio *virtio = function->virtio;
	bool runs_again = false;

	if (!is_field(offset, length))
		return;
	if (offset == DEVICE_STATUS && !value) {
		virtio_reset_by_driver(virtio);
		return;
	}
	pthread_mutex_lock(&virtio->lock);
	if (offset == DEVICE_STATUS)
		runs_again = virtio_set_status(virtio, value);
	else if (rows[offset].write)
		rows[offset].write(virtio, rows[offset].argument, value);
	pthread_mutex_unlock(&virtio->lock);
	if (runs_again)
		virtio_notify_all(virtio);
}
