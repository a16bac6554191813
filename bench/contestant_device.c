/* SPDX-License-Identifier: BSD-3-Clause */
#include <viommu/device.h>

#include "contestant.h"
#include "requests.h"

/*
 * A whole device, through the public interface: requests of bytes in, statuses out, checks,
 * accounting and locks included. What the others are compared with does none of that.
 */

static bool execute(struct viommu *device, uint8_t *bytes, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH];
	const struct iovec readable = { bytes, length };
	const struct iovec writable = { tail, sizeof(tail) };

	return viommu_request(device, &readable, 1, &writable, 1) == sizeof(tail) &&
	       tail[0] == VIOMMU_S_OK;
}

static bool attach(struct viommu *device)
{
	uint8_t bytes[VIOMMU_ATTACH_LENGTH];

	return execute(device, bytes, write_attach(bytes, BENCH_ENDPOINT));
}

static void *make(void)
{
	const struct viommu_config config = {
		.size = sizeof(config),
		.max_mappings = VIOMMU_UNLIMITED,
		.max_bytes = VIOMMU_UNLIMITED,
	};
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = BENCH_ENDPOINT };
	struct viommu *device;

	if (viommu_new(&config, NULL, NULL, &device))
		return NULL;
	viommu_accept(device, viommu_features(device));
	if (viommu_endpoint_add(device, &endpoint) || !attach(device))
		return viommu_free(device);
	return device;
}

static void set_free(void *set)
{
	viommu_free(set);
}

static bool map_extent(void *set, const struct extent *extent)
{
	uint8_t bytes[VIOMMU_MAP_LENGTH];

	return execute(set, bytes, write_map(bytes, extent));
}

static bool unmap(void *set, uint64_t first, uint64_t last)
{
	uint8_t bytes[VIOMMU_UNMAP_LENGTH];

	return execute(set, bytes, write_unmap(bytes, first, last));
}

static uint64_t translate(void *set, uint64_t address)
{
	struct viommu_translation found;

	if (viommu_translate(set, BENCH_ENDPOINT, address, 1,
			     VIOMMU_MAP_F_READ | VIOMMU_ACCESS_QUIET, &found))
		return NOWHERE;
	return found.address;
}

static uint64_t walk(void *set)
{
	struct viommu_mapping mapping = { .last = UINT64_MAX };
	uint64_t sum = 0;

	while (!viommu_next_mapping(set, BENCH_DOMAIN, mapping.last + 1, &mapping))
		sum += mapping.phys;
	return sum;
}

const struct contestant contestant_device = {
	.name = "viommu device",
	.make = make,
	.free = set_free,
	.map = map_extent,
	.unmap = unmap,
	.translate = translate,
	.walk = walk,
};
