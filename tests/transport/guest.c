/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest that all tests of the transport share. Each region is an allocation of its
 * own, so that a sanitizer sees every access that leaves it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

#define N_REGIONS 5

void guest_init(struct guest *guest)
{
	static const struct guest_region regions[N_REGIONS] = {
		{ ZERO_PAGE, PAGE, false, NULL },
		{ LOW_MEMORY, MEMORY_LENGTH, false, NULL },
		{ HIGH_MEMORY, MEMORY_LENGTH, false, NULL },
		{ ROM, PAGE, true, NULL },
		{ TOP_PAGE, PAGE, false, NULL },
	};

	memcpy(guest->regions, regions, sizeof(regions));
	for (size_t i = 0; i < N_REGIONS; i++) {
		guest->regions[i].bytes = aligned_alloc(PAGE, (size_t)guest->regions[i].length);
		assert(guest->regions[i].bytes);
		memset(guest->regions[i].bytes, 0, (size_t)guest->regions[i].length);
	}
}

void guest_fini(struct guest *guest)
{
	for (size_t i = 0; i < N_REGIONS; i++)
		free(guest->regions[i].bytes);
}

void *guest_find(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	struct guest *guest = opaque;

	for (size_t i = 0; i < N_REGIONS; i++) {
		const struct guest_region *region = &guest->regions[i];
		uint64_t offset = address - region->address;

		if (address < region->address || offset >= region->length)
			continue;
		if (write && region->read_only)
			return NULL;
		if (*length > region->length - offset)
			*length = region->length - offset;
		return region->bytes + offset;
	}
	return NULL;
}

void *guest_at(struct guest *guest, uint64_t address)
{
	uint64_t length = 1;
	void *at = guest_find(guest, address, &length, false);

	assert(at);
	return at;
}

/* -- the window -------------------------------------------------------------------------- */

uint32_t load(const struct window *window, uint64_t offset)
{
	return (uint32_t)window->load(window->device, offset, 4);
}

void store(const struct window *window, uint64_t offset, uint64_t value)
{
	window->store(window->device, offset, 4, value);
}

uint64_t offered_features(const struct window *window)
{
	uint64_t features;

	store(window, DEVICE_FEATURES_SEL, 1);
	features = (uint64_t)load(window, DEVICE_FEATURES) << 32;
	store(window, DEVICE_FEATURES_SEL, 0);
	return features | load(window, DEVICE_FEATURES);
}

bool negotiate(const struct window *window, uint64_t features)
{
	store(window, STATUS, 0);
	store(window, STATUS, ACKNOWLEDGE);
	store(window, STATUS, ACKNOWLEDGE | DRIVER);
	store(window, DRIVER_FEATURES_SEL, 0);
	store(window, DRIVER_FEATURES, (uint32_t)features);
	store(window, DRIVER_FEATURES_SEL, 1);
	store(window, DRIVER_FEATURES, features >> 32);
	store(window, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	return load(window, STATUS) & FEATURES_OK;
}

bool ready(const struct window *window, unsigned queue, uint32_t size, const uint64_t area[3])
{
	static const uint64_t registers[] = { QUEUE_DESC, QUEUE_DRIVER, QUEUE_DEVICE };

	store(window, QUEUE_SEL, queue);
	store(window, QUEUE_SIZE, size);
	for (size_t i = 0; i < 3; i++) {
		store(window, registers[i], (uint32_t)area[i]);
		store(window, registers[i] + 4, area[i] >> 32);
	}
	store(window, QUEUE_READY, 1);
	return load(window, QUEUE_READY);
}

bool ready_ring(const struct window *window, unsigned queue, uint32_t size, const struct ring *ring)
{
	const uint64_t area[] = { ring_address(ring, RING_DESCRIPTOR_AREA),
				  ring_address(ring, RING_DRIVER_AREA),
				  ring_address(ring, RING_DEVICE_AREA) };

	return ready(window, queue, size, area);
}

void driver_ok(const struct window *window)
{
	store(window, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

bool needs_reset(const struct window *window)
{
	return load(window, STATUS) & NEEDS_RESET;
}

uint32_t below(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % n;
}

/* -- the kinds of rings --------------------------------------------------------------------- */

const struct variant variants[] = {
	{ "split", 0, 16 },
	{ "split, indirect", F_INDIRECT, 16 },
	{ "split, event index", F_EVENT_INDEX, 16 },
	{ "split, indirect, event index", F_INDIRECT | F_EVENT_INDEX, 256 },
	{ "split, of four entries", F_EVENT_INDEX, 4 },
	{ "packed", F_PACKED, 16 },
	{ "packed, indirect", F_PACKED | F_INDIRECT, 16 },
	{ "packed, event index", F_PACKED | F_EVENT_INDEX, 16 },
	{ "packed, indirect, event index", F_PACKED | F_INDIRECT | F_EVENT_INDEX, 256 },
	{ "packed, of seven entries", F_PACKED | F_EVENT_INDEX, 7 },
	{ "packed, of 1000 entries", F_PACKED, 1000 },
};
const size_t n_variants = sizeof(variants) / sizeof(variants[0]);

struct ring *variant_ring(struct guest *guest, const struct variant *variant, uint64_t address)
{
	const struct ring_config config = {
		.packed = variant->features & F_PACKED,
		.indirect = variant->features & F_INDIRECT,
		.event_index = variant->features & F_EVENT_INDEX,
		.size = variant->size,
		.memory = guest_at(guest, address),
		.address = address,
	};
	struct ring *ring = ring_new(&config);

	assert(ring);
	return ring;
}
