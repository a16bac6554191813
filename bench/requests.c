/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests as bytes, for benchmarks */
#include <endian.h>
#include <string.h>

#include "requests.h"

static void put32(uint8_t *bytes, size_t at, uint32_t value)
{
	value = htole32(value);
	memcpy(bytes + at, &value, sizeof(value));
}

static void put64(uint8_t *bytes, size_t at, uint64_t value)
{
	value = htole64(value);
	memcpy(bytes + at, &value, sizeof(value));
}

static void put_head(uint8_t *bytes, uint8_t type, size_t length)
{
	memset(bytes, 0, length);
	bytes[0] = type;
	put32(bytes, 4, BENCH_DOMAIN);
}

size_t write_attach(uint8_t *bytes, uint32_t endpoint)
{
	put_head(bytes, VIOMMU_T_ATTACH, VIOMMU_ATTACH_LENGTH);
	put32(bytes, 8, endpoint);
	return VIOMMU_ATTACH_LENGTH;
}

size_t write_map(uint8_t *bytes, const struct extent *extent)
{
	put_head(bytes, VIOMMU_T_MAP, VIOMMU_MAP_LENGTH);
	put64(bytes, 8, extent->first);
	put64(bytes, 16, extent->last);
	put64(bytes, 24, extent->phys);
	put32(bytes, 32, VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE);
	return VIOMMU_MAP_LENGTH;
}

size_t write_unmap(uint8_t *bytes, uint64_t first, uint64_t last)
{
	put_head(bytes, VIOMMU_T_UNMAP, VIOMMU_UNMAP_LENGTH);
	put64(bytes, 8, first);
	put64(bytes, 16, last);
	return VIOMMU_UNMAP_LENGTH;
}
