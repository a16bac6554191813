/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/common.h"
#include "wire/layout.h"

#define DEVICE_STATUS 20

/* `argument` is the row's: the offset of a member, or which of several words. */
typedef uint32_t read_field(struct function *function, uint32_t argument);
typedef void write_field(struct function *function, uint32_t argument, uint32_t value);

/* -- the whole device ---------------------------------------------------------------------- */

static uint32_t *member(struct function *function, uint32_t offset)
{
	return (uint32_t *)(void *)((char *)function->virtio + offset);
}

static uint32_t read_member(struct function *function, uint32_t argument)
{
	return *member(function, argument);
}

static void write_member(struct function *function, uint32_t argument, uint32_t value)
{
	*member(function, argument) = value;
}

static uint32_t read_device_features(struct function *function, uint32_t argument)
{
	(void)argument;
	return virtio_device_features(function->virtio);
}

static uint32_t read_driver_features(struct function *function, uint32_t argument)
{
	(void)argument;
	return virtio_driver_features(function->virtio);
}

static void write_driver_features(struct function *function, uint32_t argument, uint32_t value)
{
	(void)argument;
	virtio_accept_features(function->virtio, value);
}

static uint32_t read_status(struct function *function, uint32_t argument)
{
	(void)argument;
	return virtio_status(function->virtio);
}

static uint32_t read_config_generation(struct function *function, uint32_t argument)
{
	(void)argument;
	return virtio_config_generation(function->virtio) & UINT8_MAX;
}

/* -- vectors ------------------------------------------------------------------------------- */

/* The vector of an event, or NULL for a queue that does not exist. */
static uint16_t *vector_of(struct function *function, bool of_queue)
{
	struct virtio *virtio = function->virtio;

	if (of_queue && !virtio_selected(virtio))
		return NULL;
	return &function->vectors[of_queue ? EVENT_QUEUE(virtio->queue_select) : EVENT_CONFIG];
}

static uint32_t read_vector(struct function *function, uint32_t of_queue)
{
	const uint16_t *vector = vector_of(function, of_queue);
	uint32_t value;

	pthread_mutex_lock(&function->virtio->signal);
	value = vector ? *vector : NO_VECTOR;
	pthread_mutex_unlock(&function->virtio->signal);
	return value;
}

/* "Devices MUST report mapping failures by returning the NO_VECTOR value" */
static void write_vector(struct function *function, uint32_t of_queue, uint32_t value)
{
	uint16_t *vector = vector_of(function, of_queue);

	if (!vector)
		return;
	pthread_mutex_lock(&function->virtio->signal);
	*vector = (uint16_t)(value < function->msix.n ? value : NO_VECTOR);
	pthread_mutex_unlock(&function->virtio->signal);
}

/* -- the selected queue -------------------------------------------------------------------- */

static uint32_t read_queue_size(struct function *function, uint32_t argument)
{
	struct virtio_queue *queue = virtio_selected(function->virtio);

	(void)argument;
	return queue ? queue->setup.size : 0;
}

/* "the device MUST present either a value of 0 or a power of 2", unless rings are packed. */
static void write_queue_size(struct function *function, uint32_t argument, uint32_t value)
{
	struct virtio_queue *queue = virtio_selected_idle(function->virtio);
	bool packed = function->virtio->driver_features & VIRTIO_F_RING_PACKED;

	(void)argument;
	if (queue && value && value <= queue->queue.size_max && (packed || !(value & (value - 1))))
		queue->setup.size = value;
}

static uint32_t read_queue_enable(struct function *function, uint32_t argument)
{
	struct virtio_queue *queue = virtio_selected(function->virtio);

	(void)argument;
	return queue ? queue->ready : 0;
}

/* "The driver MUST NOT write a 0 to queue_enable": that is ignored. */
static void write_queue_enable(struct function *function, uint32_t argument, uint32_t value)
{
	(void)argument;
	if (value == 1)
		virtio_enable_queue(function->virtio, true);
}

static uint32_t read_queue_notify_off(struct function *function, uint32_t argument)
{
	(void)argument;
	return virtio_selected(function->virtio) ? function->virtio->queue_select : 0;
}

static uint32_t read_queue_area(struct function *function, uint32_t half)
{
	return virtio_area(function->virtio, half);
}

static void write_queue_area(struct function *function, uint32_t half, uint32_t value)
{
	virtio_set_area(function->virtio, half, value);
}

/* The reset is done at once, so queue_reset always reads as 0. */
static void write_queue_reset(struct function *function, uint32_t argument, uint32_t value)
{
	(void)argument;
	if (value == 1)
		virtio_reset_queue(function->virtio);
}

/* -- the structure ------------------------------------------------------------------------- */

#define MEMBER(m)       offsetof(struct virtio, m)
#define AREA_HALF(a, h) (2 * (a) + (h))

/* By offset. 64-bit fields are two of 32 bits. */
static const struct {
	uint32_t length;
	read_field *read;
	write_field *write;
	uint32_t argument;
} rows[COMMON_LENGTH] = {
	[0] = { 4, read_member, write_member, MEMBER(device_features_select) },
	[4] = { 4, read_device_features, NULL, 0 },
	[8] = { 4, read_member, write_member, MEMBER(driver_features_select) },
	[12] = { 4, read_driver_features, write_driver_features, 0 },
	[16] = { 2, read_vector, write_vector, false },
	[18] = { 2, read_member, NULL, MEMBER(config.n_queues) },
	[DEVICE_STATUS] = { 1, read_status, NULL, 0 },
	[21] = { 1, read_config_generation, NULL, 0 },
	[22] = { 2, read_member, write_member, MEMBER(queue_select) },
	[24] = { 2, read_queue_size, write_queue_size, 0 },
	[26] = { 2, read_vector, write_vector, true },
	[28] = { 2, read_queue_enable, write_queue_enable, 0 },
	[30] = { 2, read_queue_notify_off, NULL, 0 },
	[32] = { 4, read_queue_area, write_queue_area, AREA_HALF(DESCRIPTOR_AREA, 0) },
	[36] = { 4, read_queue_area, write_queue_area, AREA_HALF(DESCRIPTOR_AREA, 1) },
	[40] = { 4, read_queue_area, write_queue_area, AREA_HALF(DRIVER_AREA, 0) },
	[44] = { 4, read_queue_area, write_queue_area, AREA_HALF(DRIVER_AREA, 1) },
	[48] = { 4, read_queue_area, write_queue_area, AREA_HALF(DEVICE_AREA, 0) },
	[52] = { 4, read_queue_area, write_queue_area, AREA_HALF(DEVICE_AREA, 1) },
	[58] = { 2, NULL, write_queue_reset, 0 },
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
	value = rows[offset].read(function, rows[offset].argument);
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
		virtio_reset(virtio);
		return;
	}
	pthread_mutex_lock(&virtio->lock);
	if (offset == DEVICE_STATUS)
		runs_again = virtio_set_status(virtio, value);
	else if (rows[offset].write)
		rows[offset].write(function, rows[offset].argument, value);
	pthread_mutex_unlock(&virtio->lock);
	if (runs_again)
		virtio_notify_all(virtio);
}
