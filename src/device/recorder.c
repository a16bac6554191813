/* SPDX-License-Identifier: BSD-3-Clause */
#include <time.h>

#include "device/record.h"

/*
 * The records of a trace
 *
 * They are added with the device locked, in the order in which things happen. Accesses come without
 * that lock, so the writer has a lock of its own.
 */

#define NS_PER_SECOND 1000000000u

uint64_t record_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

void record_add(struct viommu *device, struct trace_record *record)
{
	uint64_t now = record_now_ns();

	record->ns = now - device->trace_ns;
	device->trace_ns = now;
	trace_add(&device->trace, record);
}

static void add_locked(struct viommu *device, struct trace_record *record)
{
	pthread_mutex_lock(&device->record_lock);
	record_add(device, record);
	pthread_mutex_unlock(&device->record_lock);
}

void record_request(struct viommu *device, const struct layout *layout,
		    const union request *request, uint8_t status)
{
	uint8_t wire[REQUEST_LONGEST];
	struct trace_record record = {
		.kind = TRACE_REQUEST,
		.values = { [REQUEST_STATUS] = status },
		.bytes = wire,
		.length = layout->length,
	};

	if (!device_records(device))
		return;
	layout_encode(layout, request, wire);
	add_locked(device, &record);
}

void record_unanswered(struct viommu *device, const uint8_t *wire, size_t length)
{
	struct trace_record record = {
		.kind = TRACE_REQUEST,
		.values = { [REQUEST_STATUS] = TRACE_UNANSWERED },
		.bytes = wire,
		.length = length,
	};

	if (device_records(device))
		add_locked(device, &record);
}

void record_values(struct viommu *device, enum trace_kind kind, uint64_t first, uint64_t second)
{
	struct trace_record record = { .kind = kind, .values = { first, second } };

	if (device_records(device))
		add_locked(device, &record);
}

static void put_regions(const struct regions *regions, uint8_t *bytes)
{
	for (size_t i = 0; regions && i < regions->n; i++, bytes += TRACE_REGION_LENGTH) {
		wire_store(bytes, 8, regions->region[i].first);
		wire_store(bytes + 8, 8, regions->region[i].last);
		wire_store(bytes + 16, 8, regions->region[i].subtype);
	}
}

void record_add_endpoint(struct viommu *device, const struct endpoint *endpoint)
{
	const struct viommu_endpoint *config = &endpoint->config;
	const struct regions *regions = atomic_load(&endpoint->regions);
	uint8_t bytes[TRACE_BYTES_MAX];
	struct trace_record record = {
		.kind = TRACE_ENDPOINT,
		.values = { [ENDPOINT_ID] = endpoint->node.id,
			    [ENDPOINT_PAGE_SIZES] = config->page_size_mask,
			    [ENDPOINT_INPUT_FIRST] = config->input_first,
			    [ENDPOINT_INPUT_LAST] = config->input_last,
			    [ENDPOINT_PASID_BITS] = config->pasid_bits },
		.bytes = bytes,
		.length = regions ? regions->n * TRACE_REGION_LENGTH : 0,
	};

	if (record.length <= sizeof(bytes))
		put_regions(regions, bytes);
	record_add(device, &record);
}

void record_endpoint(struct viommu *device, const struct endpoint *endpoint)
{
	if (!device_records(device))
		return;
	pthread_mutex_lock(&device->record_lock);
	record_add_endpoint(device, endpoint);
	pthread_mutex_unlock(&device->record_lock);
}
