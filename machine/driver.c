/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "driver.h"
#include "ring.h"

/*
 * The guest's driver (virtio 1.3, "Device Initialization", "IOMMU Device")
 *
 * Requests are written field by field from the standard, not with the device's layout rows, so that
 * a mistake in the rows is noticed.
 */

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64 };

#define F_INDIRECT    (1ull << 28)
#define F_EVENT_INDEX (1ull << 29)
#define F_VERSION_1   (1ull << 32)
#define F_PACKED      (1ull << 34)

#define PAGE          4096ull
#define QUEUE_ENTRIES 64
#define N_EVENTS      16
#define BUFFER_LENGTH (PAGE * 16)

struct driver {
	struct machine *machine;
	struct bus bus;
	uint64_t next_free; /* pages are allocated from here */
	uint64_t features;
	uint32_t probe_size;
	struct ring *rings[VIOMMU_N_QUEUES];
	uint64_t request, answer, events; /* buffers, guest-physical */
};

/* -- registers -------------------------------------------------------------------- */

static uint32_t load(struct driver *driver, enum bus_register reg)
{
	return bus_load(&driver->bus, reg);
}

static void store(struct driver *driver, enum bus_register reg, uint32_t value)
{
	bus_store(&driver->bus, reg, value);
}

/* The high half follows the low one. */
static void store_pair(struct driver *driver, enum bus_register low, uint64_t value)
{
	store(driver, low, (uint32_t)value);
	store(driver, low + 1, (uint32_t)(value >> 32));
}

uint64_t driver_config(struct driver *driver, uint64_t offset, unsigned length)
{
	return bus_config(&driver->bus, offset, length);
}

uint64_t driver_features(const struct driver *driver)
{
	return driver->features;
}

/* -- negotiation --------------------------------------------------------------------- */

static uint64_t offered(struct driver *driver)
{
	uint64_t low, high;

	store(driver, BUS_DEVICE_FEATURES_SELECT, 0);
	low = load(driver, BUS_DEVICE_FEATURES);
	store(driver, BUS_DEVICE_FEATURES_SELECT, 1);
	high = load(driver, BUS_DEVICE_FEATURES);
	return low | high << 32;
}

static uint64_t wanted(const struct driver_options *options)
{
	uint64_t features = F_VERSION_1;

	features |= options->features ? options->features : VIOMMU_FEATURES_DEFAULT;
	features |= options->packed ? F_PACKED : 0;
	features |= options->indirect ? F_INDIRECT : 0;
	features |= options->event_index ? F_EVENT_INDEX : 0;
	return features;
}

static int negotiate(struct driver *driver, const struct driver_options *options)
{
	if (!bus_open(&driver->bus))
		return -ENODEV;
	store(driver, BUS_STATUS, 0);
	store(driver, BUS_STATUS, ACKNOWLEDGE | DRIVER);
	driver->features = offered(driver) & wanted(options);
	store(driver, BUS_DRIVER_FEATURES_SELECT, 0);
	store(driver, BUS_DRIVER_FEATURES, (uint32_t)driver->features);
	store(driver, BUS_DRIVER_FEATURES_SELECT, 1);
	store(driver, BUS_DRIVER_FEATURES, (uint32_t)(driver->features >> 32));
	store(driver, BUS_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	if (!(load(driver, BUS_STATUS) & FEATURES_OK) || !(driver->features & F_VERSION_1))
		return -ENODEV;
	driver->probe_size = (uint32_t)driver_config(driver, VIOMMU_CONFIG_PROBE_SIZE, 4);
	return 0;
}

/* -- queues ------------------------------------------------------------------------------ */

static uint64_t take_memory(struct driver *driver, uint64_t length)
{
	uint64_t at = driver->next_free;

	driver->next_free += (length + PAGE - 1) & ~(PAGE - 1);
	return at;
}

static int set_up_queue(struct driver *driver, uint32_t index)
{
	static const enum bus_register registers[RING_N_AREAS] = {
		[RING_DESCRIPTOR_AREA] = BUS_QUEUE_DESCRIPTORS,
		[RING_DRIVER_AREA] = BUS_QUEUE_DRIVER,
		[RING_DEVICE_AREA] = BUS_QUEUE_DEVICE,
	};
	struct ring_config config = {
		.packed = driver->features & F_PACKED,
		.indirect = driver->features & F_INDIRECT,
		.event_index = driver->features & F_EVENT_INDEX,
		.size = QUEUE_ENTRIES,
		.address = take_memory(driver, ring_memory_length(QUEUE_ENTRIES)),
	};

	store(driver, BUS_QUEUE_SELECT, index);
	if (load(driver, BUS_QUEUE_SIZE_MAX) < QUEUE_ENTRIES)
		return -ENODEV;
	config.memory =
		machine_memory(driver->machine, config.address, ring_memory_length(QUEUE_ENTRIES));
	driver->rings[index] = config.memory ? ring_new(&config) : NULL;
	if (!driver->rings[index])
		return -ENOMEM;
	store(driver, BUS_QUEUE_SIZE, QUEUE_ENTRIES);
	for (unsigned area = 0; area < RING_N_AREAS; area++)
		store_pair(driver, registers[area], ring_address(driver->rings[index], area));
	store(driver, BUS_QUEUE_READY, 1);
	return 0;
}

/* No notification: the device looks for event buffers when it needs one. */
static void offer_event(struct driver *driver, uint64_t address)
{
	const struct ring_buffer buffer = { address, VIOMMU_FAULT_LENGTH, true };

	ring_add(driver->rings[VIOMMU_EVENT_QUEUE], &buffer, 1,
		 machine_memory(driver->machine, address, VIOMMU_FAULT_LENGTH));
	ring_offer(driver->rings[VIOMMU_EVENT_QUEUE]);
}

static int set_up_queues(struct driver *driver)
{
	int error = 0;

	for (uint32_t i = 0; i < VIOMMU_N_QUEUES && !error; i++)
		error = set_up_queue(driver, i);
	if (error)
		return error;
	driver->request = take_memory(driver, PAGE);
	driver->answer = take_memory(driver, BUFFER_LENGTH);
	driver->events = take_memory(driver, PAGE);
	store(driver, BUS_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	for (unsigned i = 0; i < N_EVENTS; i++)
		offer_event(driver, driver->events + i * VIOMMU_FAULT_LENGTH);
	return 0;
}

int driver_start(struct machine *machine, const struct driver_options *options,
		 struct driver **ret_driver)
{
	struct driver *driver = calloc(1, sizeof(*driver));
	int error;

	if (!driver)
		return -ENOMEM;
	driver->machine = machine;
	driver->bus = (struct bus){ machine, bus_of(machine) };
	driver->next_free = PAGE;
	error = negotiate(driver, options);
	if (!error)
		error = set_up_queues(driver);
	if (error) {
		driver_stop(driver);
		return error;
	}
	*ret_driver = driver;
	return 0;
}

struct driver *driver_stop(struct driver *driver)
{
	if (!driver)
		return NULL;
	store(driver, BUS_STATUS, 0);
	for (unsigned i = 0; i < VIOMMU_N_QUEUES; i++)
		ring_free(driver->rings[i]);
	free(driver);
	return NULL;
}

/* -- requests ------------------------------------------------------------------------------ */

/* The device answers before QueueNotify returns, so there is no need to wait. */
static int wait_for_answer(struct driver *driver, uint32_t *ret_used)
{
	void *token;

	if (ring_take(driver->rings[VIOMMU_REQUEST_QUEUE], &token, ret_used) != 1)
		return -EIO;
	bus_acknowledge(&driver->bus);
	return 0;
}

int driver_request(struct driver *driver, const void *request, size_t length, void *answer,
		   size_t room)
{
	const struct ring_buffer buffers[] = {
		{ driver->request, (uint32_t)length, false },
		{ driver->answer, (uint32_t)room, true },
	};
	void *from = machine_memory(driver->machine, driver->request, length);
	void *to = machine_memory(driver->machine, driver->answer, room);
	uint32_t used;

	if (!from || !to || length > PAGE || room > BUFFER_LENGTH)
		return -EIO;
	memcpy(from, request, length);
	if (ring_add(driver->rings[VIOMMU_REQUEST_QUEUE], buffers, 2, driver) < 0)
		return -EIO;
	if (ring_offer(driver->rings[VIOMMU_REQUEST_QUEUE]))
		bus_notify(&driver->bus, VIOMMU_REQUEST_QUEUE);
	if (wait_for_answer(driver, &used) < 0 || used > room)
		return -EIO;
	memcpy(answer, to, used);
	return (int)used;
}

static void put(uint8_t *bytes, size_t at, unsigned length, uint64_t value)
{
	for (unsigned i = 0; i < length; i++, value >>= 8)
		bytes[at + i] = (uint8_t)value;
}

static uint64_t get(const uint8_t *bytes, size_t at, unsigned length)
{
	uint64_t value = 0;

	while (length--)
		value = value << 8 | bytes[at + length];
	return value;
}

/* A request whose answer is only a tail. */
static int simple_request(struct driver *driver, const uint8_t *request, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH];
	int used = driver_request(driver, request, length, tail, sizeof(tail));

	return used == (int)sizeof(tail) ? tail[0] : -EIO;
}

int driver_attach(struct driver *driver, uint32_t domain, uint32_t endpoint, uint32_t flags)
{
	uint8_t request[VIOMMU_ATTACH_LENGTH] = { VIOMMU_T_ATTACH };

	put(request, 4, 4, domain);
	put(request, 8, 4, endpoint);
	put(request, 12, 4, flags);
	return simple_request(driver, request, sizeof(request));
}

int driver_detach(struct driver *driver, uint32_t domain, uint32_t endpoint)
{
	uint8_t request[VIOMMU_DETACH_LENGTH] = { VIOMMU_T_DETACH };

	put(request, 4, 4, domain);
	put(request, 8, 4, endpoint);
	return simple_request(driver, request, sizeof(request));
}

int driver_map(struct driver *driver, const struct viommu_mapping *mapping)
{
	uint8_t request[VIOMMU_MAP_LENGTH] = { VIOMMU_T_MAP };

	put(request, 4, 4, mapping->domain);
	put(request, 8, 8, mapping->first);
	put(request, 16, 8, mapping->last);
	put(request, 24, 8, mapping->phys);
	put(request, 32, 4, mapping->flags);
	return simple_request(driver, request, sizeof(request));
}

int driver_unmap(struct driver *driver, uint32_t domain, uint64_t first, uint64_t last)
{
	uint8_t request[VIOMMU_UNMAP_LENGTH] = { VIOMMU_T_UNMAP };

	put(request, 4, 4, domain);
	put(request, 8, 8, first);
	put(request, 16, 8, last);
	return simple_request(driver, request, sizeof(request));
}

int driver_probe(struct driver *driver, uint32_t endpoint, void *properties)
{
	uint8_t request[VIOMMU_PROBE_LENGTH] = { VIOMMU_T_PROBE };
	size_t room = driver->probe_size + VIOMMU_TAIL_LENGTH;
	uint8_t *answer = calloc(1, room);
	int status = -EIO;

	if (!answer)
		return -ENOMEM;
	put(request, 4, 4, endpoint);
	if (driver_request(driver, request, sizeof(request), answer, room) == (int)room) {
		memcpy(properties, answer, driver->probe_size);
		status = answer[driver->probe_size];
	}
	free(answer);
	return status;
}

/* -- faults ------------------------------------------------------------------------------- */

bool driver_fault(struct driver *driver, struct viommu_fault *ret_fault)
{
	uint8_t *record;
	uint32_t used;
	void *token;

	if (ring_take(driver->rings[VIOMMU_EVENT_QUEUE], &token, &used) != 1)
		return false;
	record = token;
	*ret_fault = (struct viommu_fault){
		.reason = record[0],
		.flags = (uint32_t)get(record, 4, 4),
		.endpoint = (uint32_t)get(record, 8, 4),
		.address = get(record, 16, 8),
	};
	offer_event(driver, driver->events + (uint64_t)(record - (uint8_t *)machine_memory(
									 driver->machine,
									 driver->events, 1)));
	return used == VIOMMU_FAULT_LENGTH;
}
