/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio-mmio register window (virtio 1.4, 4.2.2)
 *
 * A row for each register, at the bottom. Invalid stores are ignored, and invalid loads are 0.
 */
#include "transport/registers.h"
#include "wire/layout.h"

/* Registers that need more than a row. */
#define QUEUE_NOTIFY 0x050
#define STATUS       0x070
#define WORD         4

#define MAGIC_VALUE      0x74726976
#define INTERFACE        2
#define NO_SHARED_MEMORY UINT32_MAX

/* -- access to registers, by kind -------------------------------------------------------- */

/* `argument` is the row's: a constant, the offset of a member, or which of several words. */
typedef uint32_t read_register(struct virtio *virtio, uint32_t argument);
typedef void write_register(struct virtio *virtio, uint32_t argument, uint32_t value);

static uint32_t read_constant(struct virtio *virtio, uint32_t argument)
{
	(void)virtio;
	return argument;
}

static uint32_t *member(struct virtio *virtio, uint32_t offset)
{
	return (uint32_t *)(void *)((char *)virtio + offset);
}

static uint32_t read_member(struct virtio *virtio, uint32_t argument)
{
	return *member(virtio, argument);
}

static void write_member(struct virtio *virtio, uint32_t argument, uint32_t value)
{
	*member(virtio, argument) = value;
}

static uint32_t read_device_features(struct virtio *virtio, uint32_t argument)
{
	(void)argument;
	return virtio_device_features(virtio);
}

static void write_driver_features(struct virtio *virtio, uint32_t argument, uint32_t value)
{
	(void)argument;
	virtio_accept_features(virtio, value);
}

static uint32_t read_queue_size_max(struct virtio *virtio, uint32_t argument)
{
	struct virtio_queue *queue = virtio_selected(virtio);

	(void)argument;
	return queue ? queue->queue.size_max : 0;
}

static void write_queue_size(struct virtio *virtio, uint32_t argument, uint32_t value)
{
	struct virtio_queue *queue = virtio_selected_idle(virtio);

	(void)argument;
	if (queue)
		queue->setup.size = value;
}

static uint32_t read_queue_ready(struct virtio *virtio, uint32_t argument)
{
	struct virtio_queue *queue = virtio_selected(virtio);

	(void)argument;
	return queue ? queue->ready : 0;
}

static void write_queue_ready(struct virtio *virtio, uint32_t argument, uint32_t value)
{
	(void)argument;
	if (value <= 1)
		virtio_enable_queue(virtio, value);
}

/* The reset is done at once, so QueueReset always reads as 0. */
static void write_queue_reset(struct virtio *virtio, uint32_t argument, uint32_t value)
{
	(void)argument;
	if (value == 1)
		virtio_reset_queue(virtio);
}

static uint32_t read_interrupt_status(struct virtio *virtio, uint32_t argument)
{
	(void)argument;
	return virtio_interrupt_status(virtio);
}

static void write_interrupt_ack(struct virtio *virtio, uint32_t argument, uint32_t value)
{
	(void)argument;
	virtio_acknowledge(virtio, value);
}

static uint32_t read_status(struct virtio *virtio, uint32_t argument)
{
	(void)argument;
	return virtio_status(virtio);
}

static uint32_t read_config_generation(struct virtio *virtio, uint32_t argument)
{
	(void)argument;
	return virtio_config_generation(virtio);
}

/* -- the window ----------------------------------------------------------------------- */

#define MEMBER(m)       offsetof(struct virtio, m)
#define AREA_HALF(a, h) (2 * (a) + (h))

/* By offset in words. Without a row, or a function, a register reads as 0 and ignores stores. */
static const struct {
	read_register *read;
	write_register *write;
	uint32_t argument;
} rows[REGISTERS_CONFIG / WORD] = {
	[0x000 / WORD] = { read_constant, NULL, MAGIC_VALUE },
	[0x004 / WORD] = { read_constant, NULL, INTERFACE },
	[0x008 / WORD] = { read_member, NULL, MEMBER(config.device) },
	[0x00c / WORD] = { read_member, NULL, MEMBER(config.vendor) },
	[0x010 / WORD] = { read_device_features, NULL, 0 },
	[0x014 / WORD] = { NULL, write_member, MEMBER(device_features_select) },
	[0x020 / WORD] = { NULL, write_driver_features, 0 },
	[0x024 / WORD] = { NULL, write_member, MEMBER(driver_features_select) },
	[0x030 / WORD] = { NULL, write_member, MEMBER(queue_select) },
	[0x034 / WORD] = { read_queue_size_max, NULL, 0 },
	[0x038 / WORD] = { NULL, write_queue_size, 0 },
	[0x044 / WORD] = { read_queue_ready, write_queue_ready, 0 },
	[0x060 / WORD] = { read_interrupt_status, NULL, 0 },
	[0x064 / WORD] = { NULL, write_interrupt_ack, 0 },
	[STATUS / WORD] = { read_status, NULL, 0 },
	[0x080 / WORD] = { NULL, virtio_set_area, AREA_HALF(DESCRIPTOR_AREA, 0) },
	[0x084 / WORD] = { NULL, virtio_set_area, AREA_HALF(DESCRIPTOR_AREA, 1) },
	[0x090 / WORD] = { NULL, virtio_set_area, AREA_HALF(DRIVER_AREA, 0) },
	[0x094 / WORD] = { NULL, virtio_set_area, AREA_HALF(DRIVER_AREA, 1) },
	[0x0a0 / WORD] = { NULL, virtio_set_area, AREA_HALF(DEVICE_AREA, 0) },
	[0x0a4 / WORD] = { NULL, virtio_set_area, AREA_HALF(DEVICE_AREA, 1) },
	/* No shared memory: SHMSel selects nothing. */
	[0x0b0 / WORD] = { read_constant, NULL, NO_SHARED_MEMORY },
	[0x0b4 / WORD] = { read_constant, NULL, NO_SHARED_MEMORY },
	[0x0b8 / WORD] = { read_constant, NULL, NO_SHARED_MEMORY },
	[0x0bc / WORD] = { read_constant, NULL, NO_SHARED_MEMORY },
	[0x0c0 / WORD] = { read_constant, write_queue_reset, 0 },
	[0x0fc / WORD] = { read_config_generation, NULL, 0 },
};

static bool is_register(uint64_t offset, unsigned length)
{
	return offset < REGISTERS_CONFIG && length == WORD && !(offset % WORD);
}

static bool is_config(const struct virtio *virtio, uint64_t offset, unsigned length)
{
	return offset >= REGISTERS_CONFIG &&
	       virtio_is_config(virtio, offset - REGISTERS_CONFIG, length);
}

uint64_t registers_read(struct virtio *virtio, uint64_t offset, unsigned length)
{
	uint64_t value = 0;

	pthread_mutex_lock(&virtio->lock);
	if (is_config(virtio, offset, length))
		value = virtio_config_read(virtio, offset - REGISTERS_CONFIG, length);
	else if (is_register(offset, length) && rows[offset / WORD].read)
		value = rows[offset / WORD].read(virtio, rows[offset / WORD].argument);
	pthread_mutex_unlock(&virtio->lock);
	return value;
}

/* Status and QueueNotify may serve queues, which they lock. */
static void write_unlocked(struct virtio *virtio, uint64_t offset, uint32_t value)
{
	bool runs_again;

	if (offset == QUEUE_NOTIFY) {
		virtio_notify(virtio, value);
		return;
	}
	if (!value) {
		virtio_reset(virtio);
		return;
	}
	pthread_mutex_lock(&virtio->lock);
	runs_again = virtio_set_status(virtio, value);
	pthread_mutex_unlock(&virtio->lock);
	if (runs_again)
		virtio_notify_all(virtio);
}

void registers_write(struct virtio *virtio, uint64_t offset, unsigned length, uint64_t value)
{
	uint32_t word = (uint32_t)value;

	if (is_register(offset, length) && (offset == QUEUE_NOTIFY || offset == STATUS)) {
		write_unlocked(virtio, offset, word);
		return;
	}
	pthread_mutex_lock(&virtio->lock);
	if (is_config(virtio, offset, length))
		virtio_config_write(virtio, offset - REGISTERS_CONFIG, length, value);
	else if (is_register(offset, length) && rows[offset / WORD].write)
		rows[offset / WORD].write(virtio, rows[offset / WORD].argument, word);
	pthread_mutex_unlock(&virtio->lock);
}
