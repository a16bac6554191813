/* SPDX-License-Identifier: BSD-3-Clause */
/* A VMM for tests of the register window: memory, interrupts and saved state */
#include <stdio.h>
#include <stdlib.h>

#include "rig.h"

static void set_level(void *opaque, bool level)
{
	struct rig *rig = opaque;

	rig->level = level;
	rig->rises += level;
}

static void *find_memory(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	struct rig *rig = opaque;
	uint8_t *at;

	if (rig->piece && *length > rig->piece - address % rig->piece)
		*length = rig->piece - address % rig->piece;
	at = guest_find(&rig->guest, address, length, write);
	return at ? at + rig->view : NULL;
}

static void count_log(void *opaque, const struct viommu_log *entry)
{
	struct rig *rig = opaque;

	rig->logged[entry->event] = entry->count;
	snprintf(rig->last_log, sizeof(rig->last_log), "%s", entry->text);
}

static void count_trace(void *opaque, const struct viommu_trace *trace)
{
	struct rig *rig = opaque;

	rig->traced += trace->answered;
}

static void report_written(void *opaque, uint64_t address, uint64_t length)
{
	struct rig *rig = opaque;

	if (rig->written)
		rig->written(rig, address, length);
}

const struct viommu_mmio_ops rig_ops = {
	.size = sizeof(rig_ops),
	.memory = find_memory,
	.interrupt = set_level,
	.trace = count_trace,
	.log = count_log,
	.written = report_written,
};

static uint64_t window_load(void *device, uint64_t offset, unsigned length)
{
	return viommu_mmio_read(device, offset, length);
}

static void window_store(void *device, uint64_t offset, unsigned length, uint64_t value)
{
	viommu_mmio_write(device, offset, length, value);
}

struct window window_of(struct viommu_mmio *mmio)
{
	return (struct window){ mmio, window_load, window_store };
}

int rig_setup_with(void **state, const struct viommu_mmio_config *config)
{
	static const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = ENDPOINT };
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig)
		return -1;
	*state = rig;
	guest_init(&rig->guest);
	if (viommu_mmio_new(NULL, config, &rig_ops, rig, &rig->mmio))
		return -1;
	rig->device = viommu_mmio_device(rig->mmio);
	rig->window = window_of(rig->mmio);
	return viommu_endpoint_add(rig->device, &endpoint);
}

void driver_stop(struct rig *rig)
{
	rig->requests = ring_free(rig->requests);
	rig->events = ring_free(rig->events);
}

int rig_setup(void **state)
{
	return rig_setup_with(state, NULL);
}

int rig_teardown(void **state)
{
	struct rig *rig = *state;

	driver_stop(rig);
	assert_null(viommu_mmio_free(rig->mmio));
	guest_fini(&rig->guest);
	free(rig);
	return 0;
}

/* The driver probes the device, with every feature that it offers but those of rings. */
void driver_start(struct rig *rig, const struct variant *variant)
{
	driver_stop(rig);
	rig->requests = variant_ring(&rig->guest, variant, LOW_MEMORY);
	rig->events = variant_ring(&rig->guest, variant, HIGH_MEMORY);
	rig->next_request = REQUESTS_AT;
	assert_true(
		negotiate(&rig->window, VIOMMU_FEATURES_DEFAULT | F_VERSION_1 | variant->features));
	assert_true(ready_ring(&rig->window, VIOMMU_REQUEST_QUEUE, variant->size, rig->requests));
	assert_true(ready_ring(&rig->window, VIOMMU_EVENT_QUEUE, variant->size, rig->events));
	driver_ok(&rig->window);
}

/* -- requests ---------------------------------------------------------------------------- */

/* Put a request of `length` bytes into the ring, with a tail behind it; return its bytes. */
uint8_t *post(struct rig *rig, uint8_t type, uint32_t length)
{
	uint64_t at = rig->next_request;
	uint8_t *bytes = guest_at(&rig->guest, at);
	const struct ring_buffer buffers[] = {
		{ at, length, false },
		{ at + length, VIOMMU_TAIL_LENGTH, true },
	};

	memset(bytes, 0, length);
	memset(bytes + length, 0xee, VIOMMU_TAIL_LENGTH);
	bytes[0] = type;
	rig->next_request = REQUESTS_AT + (at + REQUEST_MAX - REQUESTS_AT) % 0x8000;
	assert_int_equal(ring_add(rig->requests, buffers, 2, bytes + length), 0);
	return bytes;
}

void post_attach(struct rig *rig)
{
	uint8_t *bytes = post(rig, VIOMMU_T_ATTACH, VIOMMU_ATTACH_LENGTH);

	wire_store(bytes + 4, 4, DOMAIN);
	wire_store(bytes + 8, 4, ENDPOINT);
}

void post_map(struct rig *rig, uint64_t iova, uint64_t phys, uint32_t flags)
{
	uint8_t *bytes = post(rig, VIOMMU_T_MAP, VIOMMU_MAP_LENGTH);

	wire_store(bytes + 4, 4, DOMAIN);
	wire_store(bytes + 8, 8, iova);
	wire_store(bytes + 16, 8, iova + PAGE - 1);
	wire_store(bytes + 24, 8, phys);
	wire_store(bytes + 32, 4, flags);
}

void post_unmap(struct rig *rig, uint64_t iova)
{
	uint8_t *bytes = post(rig, VIOMMU_T_UNMAP, VIOMMU_UNMAP_LENGTH);

	wire_store(bytes + 4, 4, DOMAIN);
	wire_store(bytes + 8, 8, iova);
	wire_store(bytes + 16, 8, iova + PAGE - 1);
}

void kick(struct rig *rig)
{
	if (ring_offer(rig->requests))
		store(&rig->window, QUEUE_NOTIFY, VIOMMU_REQUEST_QUEUE);
}

/* The status of the next request that is done; -1: it came back unwritten. */
int status(struct rig *rig)
{
	uint32_t length = 0;
	void *tail = NULL;

	assert_int_equal(ring_take(rig->requests, &tail, &length), 1);
	if (!length)
		return -1;
	assert_int_equal(length, VIOMMU_TAIL_LENGTH);
	return *(uint8_t *)tail;
}

void attach_and_map(struct rig *rig)
{
	post_attach(rig);
	post_map(rig, IOVA, PHYS, R | W);
	kick(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_int_equal(status(rig), VIOMMU_S_OK);
}

int reach(struct rig *rig, uint64_t iova, uint64_t *ret_address)
{
	struct viommu_translation translation;
	int error = viommu_translate(rig->device, ENDPOINT, iova, 1, R, &translation);

	if (!error)
		*ret_address = translation.address;
	return error;
}

/* -- the event queue ------------------------------------------------------------------------ */

void add_event_buffer(struct rig *rig, uint64_t address, uint32_t length)
{
	const struct ring_buffer buffer = { address, length, true };

	assert_int_equal(ring_add(rig->events, &buffer, 1, guest_at(&rig->guest, address)), 0);
	ring_offer(rig->events);
}
