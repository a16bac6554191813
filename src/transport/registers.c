/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio-mmio register window (virtio 1.4, 4.2.2)
 *
 * A row for each register, at the bottom. Invalid stores are ignored, and invalid loads are 0.
 */
#include "transport/registers.h"
#include "transport/field.h"
#include "wire/layout.h"

/* Registers that need more than a row. */
#define QUEUE_NOTIFY 0x050
#define STATUS       0x070
#define WORD         4

#define MAGIC_VALUE      0x74726976
#define INTERFACE        2
#define NO_SHARED_MEMORY UINT32_MAX

/* -- access to registers, by kind -------------------------------------------------------- */

static uint32_t read_constant(struct virtio *virtio, uint32_t argument)
{
	(void)virtio;
	return argument;
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

static void write_queue_ready(struct virtio *virtio, uint32_t argument, uint32_t value)
{
	(void)argument;
	if (value <= 1)
		virtio_enable_queue(virtio, value);
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

/* -- the window ----------------------------------------------------------------------- */

/* By offset in words. Without a row, or a function, a register reads as 0 and ignores stores. */
static const struct {
	read_field *read;
	write_field *write;
	uint32_t argument;
} rows[REGISTERS_CONFIG / WORD] = {
	[0x000 / WORD] = { read_constant, NULL, MAGIC_VALUE },
	[0x004 / WORD] = { read_constant, NULL, INTERFACE },
	[0x008 / WORD] = { field_read_member, NULL, MEMBER(config.device) },
	[0x00c / WORD] = { field_read_member, NULL, MEMBER(config.vendor) },
	[0x010 / WORD] = { field_read_device_features, NULL, 0 },
	[0x014 / WORD] = { NULL, field_write_member, MEMBER(device_features_select) },
	[0x020 / WORD] = { NULL, field_write_driver_features, 0 },
	[0x024 / WORD] = { NULL, field_write_member, MEMBER(driver_features_select) },
	[0x030 / WORD] = { NULL, field_write_member, MEMBER(queue_select) },
	[0x034 / WORD] = { read_queue_size_max, NULL, 0 },
	[0x038 / WORD] = { NULL, write_queue_size, 0 },
	[0x044 / WORD] = { field_read_queue_enabled, write_queue_ready, 0 },
	[0x060 / WORD] = { read_interrupt_status, NULL, 0 },
	[0x064 / WORD] = { NULL, write_interrupt_ack, 0 },
	[STATUS / WORD] = { field_read_status, NULL, 0 },
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
	[0x0c0 / WORD] = { read_constant, field_write_queue_reset, 0 },
	[0x0fc / WORD] = { field_read_config_generation, NULL, UINT32_MAX },
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
		virtio_reset_by_driver(virtio);
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
