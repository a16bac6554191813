/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any accesses of a guest to the registers and the rings
 *
 * Guest memory is a few pages, filled from the input. It also changes while the device reads:
 * whenever the device looks up an address, the next bytes of the input may overwrite any memory. So
 * a value that is read twice has changed, as with a second processor of a hostile guest.
 */
#include <string.h>

#include <viommu/mmio.h>

#include "fuzz.h"

#define MEMORY    0x8000u
#define PAGE      0x1000u
#define MAX_STEPS 256

struct scene {
	struct viommu_mmio *mmio;
	struct rest *input;
	uint8_t memory[MEMORY];
	bool calm;      /* memory does not change by itself */
	unsigned spent; /* of patience */
	bool level;     /* of the interrupt line, as reported last */

	/* Indices of the available rings, as a driver has them. */
	uint16_t available[VIOMMU_N_QUEUES];
	struct viommu_config device_config;
	struct viommu_mmio_config config;
	bool has_pauses; /* the VMM serves what a pause has left */
};

static void scribble(struct scene *scene)
{
	size_t at = (size_t)take_number(scene->input, 2) % MEMORY;
	size_t length = take(scene->input) % 64;

	for (size_t i = at; i < at + length && i < MEMORY; i++)
		scene->memory[i] = take(scene->input);
}

/* All of it can be read; the last page is read-only, and what is beyond is no memory. */
static void *memory(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	struct scene *scene = opaque;
	uint64_t end = write ? MEMORY - PAGE : MEMORY;

	if (!scene->calm && take(scene->input) & 1)
		scribble(scene);
	if (address >= end)
		return NULL;
	if (*length > end - address)
		*length = end - address;
	return scene->memory + address;
}

/* Called for changes only. */
static void on_interrupt(void *opaque, bool level)
{
	struct scene *scene = opaque;

	must(level != scene->level);
	scene->level = level;
}

/* -- operations ---------------------------------------------------------------- */

static void store_register(struct scene *scene)
{
	viommu_mmio_write(scene->mmio, take(scene->input) * 4u % VIOMMU_MMIO_LENGTH, 4,
			  take_number(scene->input, 4));
}

static void store_anything(struct scene *scene)
{
	viommu_mmio_write(scene->mmio, take_number(scene->input, 2), take(scene->input) % 10,
			  take_number(scene->input, 8));
}

static void load_anything(struct scene *scene)
{
	viommu_mmio_read(scene->mmio, take_number(scene->input, 2), take(scene->input) % 10);
}

static void write(struct scene *scene, uint64_t offset, uint64_t value)
{
	viommu_mmio_write(scene->mmio, offset, 4, value);
}

/* Sets up a queue as a driver does, so that inputs need not find that by chance. */
static void set_up(struct scene *scene)
{
	enum {
		DRIVER_FEATURES = 0x20,
		DRIVER_FEATURES_SEL = 0x24,
		QUEUE_SEL = 0x30,
		QUEUE_NUM = 0x38,
		QUEUE_READY = 0x44,
		STATUS = 0x70,
		QUEUE_DESC = 0x80,
		QUEUE_DRIVER = 0x90,
		QUEUE_DEVICE = 0xa0,
		VERSION_1 = 1,
		ACKNOWLEDGED = 3,
		FEATURES_OK = 11,
		DRIVER_OK = 15,
		LOW_FEATURES = 0x30000077,
	};
	uint8_t choice = take(scene->input);

	write(scene, STATUS, 0);
	write(scene, STATUS, ACKNOWLEDGED);
	write(scene, DRIVER_FEATURES_SEL, 0);
	write(scene, DRIVER_FEATURES, choice & 1 ? LOW_FEATURES : 0);
	write(scene, DRIVER_FEATURES_SEL, 1);
	write(scene, DRIVER_FEATURES, VERSION_1 | (choice & 2 ? 4 : 0)); /* packed rings */
	write(scene, STATUS, FEATURES_OK);
	for (unsigned queue = 0; queue < VIOMMU_N_QUEUES; queue++) {
		write(scene, QUEUE_SEL, queue);
		write(scene, QUEUE_NUM, 1u << (choice >> 2) % 8);
		write(scene, QUEUE_DESC, queue * 3 * PAGE);
		write(scene, QUEUE_DRIVER, queue * 3 * PAGE + PAGE);
		write(scene, QUEUE_DEVICE, queue * 3 * PAGE + 2 * PAGE);
		write(scene, QUEUE_READY, 1);
	}
	write(scene, STATUS, DRIVER_OK);
	memset(scene->available, 0, sizeof(scene->available));
	memset(scene->memory, 0, sizeof(scene->memory));
}

/* Bytes at a place in guest memory, little-endian. */
static void put(struct scene *scene, size_t at, size_t length, uint64_t value)
{
	for (size_t i = 0; i < length; i++)
		scene->memory[at + i] = (uint8_t)(value >> 8 * i);
}

enum { DESCRIPTOR = 16, NEXT = 1, WRITE = 2 };

/* The next entry of a queue's available ring, as set_up() has placed it. */
static void publish(struct scene *scene, unsigned queue, unsigned head)
{
	size_t ring = queue * (size_t)(3 * PAGE) + PAGE;

	put(scene, ring + 4 + 2 * (scene->available[queue] % 8), 2, head);
	put(scene, ring + 2, 2, ++scene->available[queue]);
}

/*
 * A chain of two buffers in the split ring of the request queue, as set up by set_up(); the input
 * selects the invalid parts.
 */
static void make_available(struct scene *scene)
{
	enum { REQUEST_AT = 6 * PAGE, ANSWER_AT = 6 * PAGE + 256 };
	unsigned head = take(scene->input) % 8, length = take(scene->input) % 80;
	size_t at = head * (size_t)DESCRIPTOR;

	put(scene, at, 8, REQUEST_AT);
	put(scene, at + 8, 4, length);
	put(scene, at + 12, 2, NEXT | (take(scene->input) & 6));
	put(scene, at + 14, 2, (head + 1) % 8);
	at = (head + 1) % 8 * (size_t)DESCRIPTOR;
	put(scene, at, 8, ANSWER_AT);
	put(scene, at + 8, 4, take_number(scene->input, 2));
	put(scene, at + 12, 2, WRITE | (take(scene->input) & 5));
	put(scene, REQUEST_AT, 4, take(scene->input) % 7);
	for (size_t i = 4; i < length; i += 4)
		put(scene, REQUEST_AT + i, 4, take_address(scene->input));
	publish(scene, 0, head);
}

/* A buffer for a fault record, which may be too short or not there. */
static void make_event_buffer(struct scene *scene)
{
	unsigned head = take(scene->input) % 8;
	size_t at = 3 * PAGE + head * (size_t)DESCRIPTOR;

	put(scene, at, 8, 6 * PAGE + 512);
	put(scene, at + 8, 4, take(scene->input) % 64);
	put(scene, at + 12, 2, WRITE);
	publish(scene, 1, head);
}

static void notify(struct scene *scene)
{
	enum { QUEUE_NOTIFY = 0x50 };

	write(scene, QUEUE_NOTIFY, take(scene->input) % (VIOMMU_N_QUEUES + 1));
}

/* A fault wants a buffer of the event queue. */
static void translate(struct scene *scene)
{
	struct viommu_translation to;

	viommu_translate(viommu_mmio_device(scene->mmio), 0, take_address(scene->input), PAGE,
			 VIOMMU_MAP_F_READ, &to);
}

static void turn(struct scene *scene)
{
	scene->calm = take(scene->input) & 1;
}

static void reset(struct scene *scene)
{
	viommu_mmio_system_reset(scene->mmio);
}

/* -- windows ------------------------------------------------------------------------------- */

static void on_log(void *opaque, const struct viommu_log *entry)
{
	(void)opaque;
	must(entry->text[0] && entry->count);
}

/* Whatever the guest's rings are, the device writes guest memory only. */
static void on_written(void *opaque, uint64_t address, uint64_t length)
{
	uint64_t found = length;

	must(length && memory(opaque, address, &found, true));
}

static void on_paused(void *opaque, uint64_t ns)
{
	(void)opaque;
	must(ns);
}

/* A configuration that cannot be, is that of a window by default. */
static struct viommu_mmio *new_window(struct scene *scene)
{
	const struct viommu_mmio_ops ops = { .size = sizeof(ops),
					     .memory = memory,
					     .interrupt = on_interrupt,
					     .log = on_log,
					     .written = on_written,
					     .paused = scene->has_pauses ? on_paused : NULL };
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint) };
	struct viommu_mmio *mmio;

	if (viommu_mmio_new(&scene->device_config, &scene->config, &ops, scene, &mmio))
		must(!viommu_mmio_new(NULL, NULL, &ops, scene, &mmio));
	must(!viommu_endpoint_add(viommu_mmio_device(mmio), &endpoint));
	return mmio;
}

static void must_save_as(struct viommu_mmio *mmio, const void *bytes, size_t length)
{
	size_t again;
	void *copy;

	must(!viommu_mmio_save(mmio, &copy, &again));
	must(length == again && !memcmp(bytes, copy, length));
	free(copy);
}

/*
 * Any state of a driver can be saved, and the guest continues in another window, whose interrupt
 * line starts low. Without `paused`, loading executes the requests in the queue, which changes the
 * state.
 */
static void migrate(struct scene *scene)
{
	bool level = scene->level;
	struct viommu_mmio *other;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes;

	if (!has_patience(&scene->spent))
		return;
	must(!viommu_mmio_save(scene->mmio, &bytes, &length));
	scene->level = false;
	other = new_window(scene);
	must(!viommu_mmio_load(other, bytes, length, reason, sizeof(reason)));
	if (scene->has_pauses) {
		must(scene->level == level);
		must_save_as(other, bytes, length);
	}
	viommu_mmio_free(scene->mmio);
	scene->mmio = other;
	free(bytes);
}

static void choose_config(struct scene *scene)
{
	static const uint8_t topology[0x200] = { 1 };
	uint8_t choice = take(scene->input);

	scene->has_pauses = choice & 64;
	scene->config = (struct viommu_mmio_config){
		.size = sizeof(scene->config),
		.queue_size = 1u << (choice & 15),
		.plain_rings = choice & 16,
	};
	scene->device_config = (struct viommu_config){
		.size = sizeof(scene->device_config),
		.topology = choice & 32 ? topology : NULL,
		.topology_length = choice & 32 ? sizeof(topology) : 0,
		.max_mappings = 64,
	};
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static void (*const steps[])(struct scene *) = {
		scribble,       make_available,
		make_available, notify,
		notify,         notify,
		store_register, set_up,
		store_anything, load_anything,
		translate,      turn,
		reset,          make_event_buffer,
		migrate,
	};
	struct rest input = { bytes, length };
	struct scene scene = { .input = &input };

	choose_config(&scene);
	scene.mmio = new_window(&scene);
	set_up(&scene);
	for (int i = 0; i < MAX_STEPS && input.length; i++)
		steps[take(&input) % (sizeof(steps) / sizeof(steps[0]))](&scene);
	viommu_mmio_free(scene.mmio);
	return 0;
}
