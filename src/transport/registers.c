/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio-mmio register window (virtio 1.3, 4.2.2)
 *
 * A row for each register, at the bottom. Most are words that the driver writes before it sets
 * QueueReady or FEATURES_OK, and cannot change afterwards. Status controls the rest.
 *
 * Invalid stores are ignored, and invalid loads are 0. Only a queue that is declared ready and
 * cannot be found makes the device need a reset, because the driver would wait for it forever.
 *
 * A reset is complete when the store to Status returns: no thread uses a ring any more, since
 * each queue's lock was taken once after Status became 0.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/registers.h"
#include "wire/layout.h"

/* Registers that need more than a row. */
#define QUEUE_NOTIFY 0x050
#define WORD         4

#define MAGIC_VALUE      0x74726976
#define INTERFACE        2
#define NO_SHARED_MEMORY UINT32_MAX

/* Feature bits and addresses are read and written in two words. */
#define N_HALVES  2
#define HALF_BITS 32

/* -- Status and InterruptStatus ---------------------------------------------------- */

void registers_signal(struct registers *registers, uint32_t status, uint32_t interrupt_status)
{
	bool before = registers->interrupt_status, after = interrupt_status;

	registers->status = status;
	registers->interrupt_status = interrupt_status;
	if (before != after)
		registers->config.ops->interrupt(registers->config.opaque, after);
}

static uint32_t get_status(struct registers *registers)
{
	uint32_t status;

	pthread_mutex_lock(&registers->signal);
	status = registers->status;
	pthread_mutex_unlock(&registers->signal);
	return status;
}

/* Only a reset clears a bit. */
static void add_status(struct registers *registers, uint32_t bits)
{
	pthread_mutex_lock(&registers->signal);
	registers_signal(registers, registers->status | bits, registers->interrupt_status);
	pthread_mutex_unlock(&registers->signal);
}

bool registers_running(struct registers *registers)
{
	uint32_t status = get_status(registers);

	return status & STATUS_DRIVER_OK && !(status & STATUS_NEEDS_RESET);
}

void registers_notify_used(struct registers *registers)
{
	pthread_mutex_lock(&registers->signal);
	if (registers->status & STATUS_DRIVER_OK)
		registers_signal(registers, registers->status,
				 registers->interrupt_status | INTERRUPT_USED);
	pthread_mutex_unlock(&registers->signal);
}

/* "If DRIVER_OK is set, after it sets DEVICE_NEEDS_RESET, the device MUST send a device
 * configuration change notification to the driver." */
void registers_break(struct registers *registers, int error)
{
	uint32_t events = 0;

	pthread_mutex_lock(&registers->signal);
	if (registers->status & STATUS_DRIVER_OK)
		events = INTERRUPT_CONFIG;
	if (registers->status & STATUS_FEATURES_OK)
		registers_signal(registers, registers->status | STATUS_NEEDS_RESET,
				 registers->interrupt_status | events);
	pthread_mutex_unlock(&registers->signal);
	if (registers->config.ops->broken)
		registers->config.ops->broken(registers->config.opaque, error);
}

/* -- queues -------------------------------------------------------------------------- */

struct queue *registers_queue(struct registers *registers, unsigned index)
{
	return &registers->queues[index].queue;
}

static void stop_queue(struct registers_queue *queue)
{
	queue_lock(&queue->queue);
	queue_stop(&queue->queue);
	queue_unlock(&queue->queue);
	queue->ready = 0;
}

/* "A consistent default": the largest size, and no address. 4.2.2 */
static void forget_queue(struct registers_queue *queue)
{
	stop_queue(queue);
	queue->setup = (struct queue_setup){ .size = queue->queue.size_max };
}

static void start_queue(struct registers *registers, struct registers_queue *queue)
{
	int error;

	queue_lock(&queue->queue);
	error = queue_start(&queue->queue, &queue->setup, registers->driver_features);
	queue_unlock(&queue->queue);
	queue->ready = !error;
	if (error)
		registers_break(registers, error);
}

void registers_memory_changed(struct registers *registers)
{
	pthread_mutex_lock(&registers->lock);
	for (unsigned i = 0; i < registers->config.n_queues; i++) {
		struct queue *queue = registers_queue(registers, i);
		int error;

		queue_lock(queue);
		error = queue_find_again(queue);
		queue_unlock(queue);
		if (error)
			registers_break(registers, error);
	}
	pthread_mutex_unlock(&registers->lock);
}

static struct registers_queue *selected(struct registers *registers)
{
	if (registers->queue_select >= registers->config.n_queues)
		return NULL;
	return &registers->queues[registers->queue_select];
}

/* The selected queue if it may be changed: NULL while it is ready. */
static struct registers_queue *selected_idle(struct registers *registers)
{
	struct registers_queue *queue = selected(registers);

	return queue && !queue->ready ? queue : NULL;
}

void registers_reset(struct registers *registers)
{
	pthread_mutex_lock(&registers->lock);
	pthread_mutex_lock(&registers->signal);
	registers_signal(registers, 0, 0);
	pthread_mutex_unlock(&registers->signal);
	for (unsigned i = 0; i < registers->config.n_queues; i++)
		forget_queue(&registers->queues[i]);
	registers->driver_features = 0;
	registers->unknown_features = false;
	registers->device_features_select = 0;
	registers->driver_features_select = 0;
	registers->queue_select = 0;
	registers->config.ops->reset(registers->config.opaque);
	pthread_mutex_unlock(&registers->lock);
}

/* -- access to registers, by kind -------------------------------------------------------- */

/* `argument` is the row's: a constant, the offset of a member, or which of several words. */
typedef uint32_t read_register(struct registers *registers, uint32_t argument);
typedef void write_register(struct registers *registers, uint32_t argument, uint32_t value);

static uint32_t read_constant(struct registers *registers, uint32_t argument)
{
	(void)registers;
	return argument;
}

static uint32_t *member(struct registers *registers, uint32_t offset)
{
	return (uint32_t *)(void *)((char *)registers + offset);
}

static uint32_t read_member(struct registers *registers, uint32_t argument)
{
	return *member(registers, argument);
}

static void write_member(struct registers *registers, uint32_t argument, uint32_t value)
{
	*member(registers, argument) = value;
}

static uint32_t read_device_features(struct registers *registers, uint32_t argument)
{
	uint32_t half = registers->device_features_select;

	(void)argument;
	return half < N_HALVES ? (uint32_t)(registers->config.features >> half * HALF_BITS) : 0;
}

static void set_half(uint64_t *whole, uint32_t half, uint32_t value)
{
	*whole &= ~((uint64_t)UINT32_MAX << half * HALF_BITS);
	*whole |= (uint64_t)value << half * HALF_BITS;
}

static void write_driver_features(struct registers *registers, uint32_t argument, uint32_t value)
{
	uint32_t half = registers->driver_features_select;

	(void)argument;
	if (get_status(registers) & STATUS_FEATURES_OK)
		return;
	if (half < N_HALVES)
		set_half(&registers->driver_features, half, value);
	else if (value)
		registers->unknown_features = true;
}

static uint32_t read_queue_size_max(struct registers *registers, uint32_t argument)
{
	struct registers_queue *queue = selected(registers);

	(void)argument;
	return queue ? queue->queue.size_max : 0;
}

static void write_queue_size(struct registers *registers, uint32_t argument, uint32_t value)
{
	struct registers_queue *queue = selected_idle(registers);

	(void)argument;
	if (queue)
		queue->setup.size = value;
}

/* `argument` counts the halves of the three addresses. */
static void write_queue_area(struct registers *registers, uint32_t argument, uint32_t value)
{
	struct registers_queue *queue = selected_idle(registers);

	if (queue)
		set_half(&queue->setup.area[argument / N_HALVES], argument % N_HALVES, value);
}

static uint32_t read_queue_ready(struct registers *registers, uint32_t argument)
{
	struct registers_queue *queue = selected(registers);

	(void)argument;
	return queue ? queue->ready : 0;
}

/* Before FEATURES_OK the format of the ring is unknown. */
static void write_queue_ready(struct registers *registers, uint32_t argument, uint32_t value)
{
	struct registers_queue *queue = selected(registers);

	(void)argument;
	if (!queue || !(get_status(registers) & STATUS_FEATURES_OK))
		return;
	if (!value)
		stop_queue(queue);
	else if (value == 1 && !queue->ready)
		start_queue(registers, queue);
}

/* The reset is done at once, so QueueReset always reads as 0. */
static void write_queue_reset(struct registers *registers, uint32_t argument, uint32_t value)
{
	struct registers_queue *queue = selected(registers);
	uint64_t accepted =
		get_status(registers) & STATUS_FEATURES_OK ? registers->driver_features : 0;

	(void)argument;
	if (queue && value == 1 && accepted & VIRTIO_F_RING_RESET)
		forget_queue(queue);
}

static uint32_t read_interrupt_status(struct registers *registers, uint32_t argument)
{
	uint32_t status;

	(void)argument;
	pthread_mutex_lock(&registers->signal);
	status = registers->interrupt_status;
	pthread_mutex_unlock(&registers->signal);
	return status;
}

static void write_interrupt_ack(struct registers *registers, uint32_t argument, uint32_t value)
{
	(void)argument;
	pthread_mutex_lock(&registers->signal);
	registers_signal(registers, registers->status, registers->interrupt_status & ~value);
	pthread_mutex_unlock(&registers->signal);
}

static uint32_t read_status(struct registers *registers, uint32_t argument)
{
	(void)argument;
	return get_status(registers);
}

bool registers_can_have(const struct registers *registers)
{
	uint64_t features = registers->driver_features;

	return !registers->unknown_features && !(features & ~registers->config.features) &&
	       features & VIRTIO_F_VERSION_1;
}

static bool features_ok(struct registers *registers)
{
	return registers_can_have(registers) &&
	       registers->config.ops->accept(registers->config.opaque,
					     registers->driver_features) >= 0;
}

/*
 * "If ... FEATURES_OK bit is not set, the device does not support our subset of features": the
 * driver reads the bit again to learn it. DRIVER_OK without it has no meaning.
 */
static void write_status(struct registers *registers, uint32_t argument, uint32_t value)
{
	uint32_t bits = value & (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FAILED);
	uint32_t status = get_status(registers);
	bool ok = status & STATUS_FEATURES_OK;

	(void)argument;
	if (!ok && value & STATUS_FEATURES_OK)
		ok = features_ok(registers);
	if (ok)
		bits |= STATUS_FEATURES_OK | (value & STATUS_DRIVER_OK);
	add_status(registers, bits);
}

/* -- the window ----------------------------------------------------------------------- */

#define MEMBER(m) offsetof(struct registers, m)

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
	[0x070 / WORD] = { read_status, write_status, 0 },
	[0x080 / WORD] = { NULL, write_queue_area, N_HALVES *DESCRIPTOR_AREA },
	[0x084 / WORD] = { NULL, write_queue_area, N_HALVES *DESCRIPTOR_AREA + 1 },
	[0x090 / WORD] = { NULL, write_queue_area, N_HALVES *DRIVER_AREA },
	[0x094 / WORD] = { NULL, write_queue_area, N_HALVES *DRIVER_AREA + 1 },
	[0x0a0 / WORD] = { NULL, write_queue_area, N_HALVES *DEVICE_AREA },
	[0x0a4 / WORD] = { NULL, write_queue_area, N_HALVES *DEVICE_AREA + 1 },
	/* No shared memory: SHMSel selects nothing. */
	[0x0b0 / WORD] = { read_constant, NULL, NO_SHARED_MEMORY },
	[0x0b4 / WORD] = { read_constant, NULL, NO_SHARED_MEMORY },
	[0x0b8 / WORD] = { read_constant, NULL, NO_SHARED_MEMORY },
	[0x0bc / WORD] = { read_constant, NULL, NO_SHARED_MEMORY },
	[0x0c0 / WORD] = { read_constant, write_queue_reset, 0 },
	[0x0fc / WORD] = { read_member, NULL, MEMBER(config_generation) },
};

#define STATUS_ROW (0x070 / WORD)

static bool is_register(uint64_t offset, unsigned length)
{
	return offset < REGISTERS_CONFIG && length == WORD && !(offset % WORD);
}

static bool is_config(const struct registers *registers, uint64_t offset, unsigned length)
{
	return offset >= REGISTERS_CONFIG && wire_fits(offset, length, registers->config.length) &&
	       length && length <= sizeof(uint64_t) && !(length & (length - 1));
}

uint64_t registers_read(struct registers *registers, uint64_t offset, unsigned length)
{
	const struct registers_config *config = &registers->config;
	uint8_t bytes[sizeof(uint64_t)] = { 0 };
	uint64_t value = 0;

	pthread_mutex_lock(&registers->lock);
	if (is_config(registers, offset, length))
		config->ops->config_read(config->opaque, offset - REGISTERS_CONFIG, bytes, length);
	else if (is_register(offset, length) && rows[offset / WORD].read)
		value = rows[offset / WORD].read(registers, rows[offset / WORD].argument);
	pthread_mutex_unlock(&registers->lock);
	return is_config(registers, offset, length) ? wire_load(bytes, length) : value;
}

/* Any store may change other fields, so the driver must read them again. */
static void write_config(struct registers *registers, uint64_t offset, unsigned length,
			 uint64_t value)
{
	uint8_t bytes[sizeof(uint64_t)];

	wire_store(bytes, length, value);
	registers->config.ops->config_write(registers->config.opaque, offset, bytes, length);
	registers->config_generation++;
}

void registers_write(struct registers *registers, uint64_t offset, unsigned length, uint64_t value)
{
	uint32_t word = (uint32_t)value;

	if (is_register(offset, length) && offset == QUEUE_NOTIFY) {
		if (word < registers->config.n_queues)
			registers->config.ops->notify(registers->config.opaque, word);
		return;
	}
	if (is_register(offset, length) && offset / WORD == STATUS_ROW && !word) {
		registers_reset(registers);
		return;
	}
	pthread_mutex_lock(&registers->lock);
	if (is_config(registers, offset, length))
		write_config(registers, offset - REGISTERS_CONFIG, length, value);
	else if (is_register(offset, length) && rows[offset / WORD].write)
		rows[offset / WORD].write(registers, rows[offset / WORD].argument, word);
	pthread_mutex_unlock(&registers->lock);
}

/* -- setup ------------------------------------------------------------------------------- */

int registers_init(struct registers *registers, const struct registers_config *config)
{
	int error = 0;

	*registers = (struct registers){
		.config = *config,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.signal = PTHREAD_MUTEX_INITIALIZER,
		.queues = calloc(config->n_queues, sizeof(*registers->queues)),
	};
	if (!registers->queues)
		error = -ENOMEM;
	registers->config.features |= VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET;
	for (unsigned i = 0; i < config->n_queues && !error; i++) {
		error = queue_init(registers_queue(registers, i), config->queue_size,
				   &registers->config.memory);
		registers->queues[i].setup.size = config->queue_size;
	}
	if (error)
		registers_fini(registers);
	return error;
}

void registers_fini(struct registers *registers)
{
	for (unsigned i = 0; registers->queues && i < registers->config.n_queues; i++)
		queue_fini(registers_queue(registers, i));
	free(registers->queues);
	pthread_mutex_destroy(&registers->lock);
	pthread_mutex_destroy(&registers->signal);
}
