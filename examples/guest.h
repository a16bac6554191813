/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>
#include <stdlib.h>
#include <viommu/device.h>

/* The guest's driver of the examples: its requests, in the place of a request queue. */

/* A number in the guest's byte order, which is little-endian. */
static inline void guest_put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static inline uint8_t guest_send(struct viommu *iommu, uint8_t *request, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH] = { UINT8_MAX };
	struct iovec readable = { request, length }, writable = { tail, sizeof(tail) };

	viommu_request(iommu, &readable, 1, &writable, 1);
	return tail[0];
}

static inline uint8_t guest_attach(struct viommu *iommu, uint32_t domain, uint32_t endpoint)
{
	uint8_t request[VIOMMU_ATTACH_LENGTH] = { VIOMMU_T_ATTACH };

	guest_put(request + 4, domain, 4);
	guest_put(request + 8, endpoint, 4);
	return guest_send(iommu, request, sizeof(request));
}

/* Readable and writable. */
static inline uint8_t guest_map(struct viommu *iommu, uint32_t domain, uint64_t first,
				uint64_t last, uint64_t phys)
{
	uint8_t request[VIOMMU_MAP_LENGTH] = { VIOMMU_T_MAP };

	guest_put(request + 4, domain, 4);
	guest_put(request + 8, first, 8);
	guest_put(request + 16, last, 8);
	guest_put(request + 24, phys, 8);
	guest_put(request + 32, VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE, 4);
	return guest_send(iommu, request, sizeof(request));
}

static inline uint8_t guest_unmap(struct viommu *iommu, uint32_t domain, uint64_t first,
				  uint64_t last)
{
	uint8_t request[VIOMMU_UNMAP_LENGTH] = { VIOMMU_T_UNMAP };

	guest_put(request + 4, domain, 4);
	guest_put(request + 8, first, 8);
	guest_put(request + 16, last, 8);
	return guest_send(iommu, request, sizeof(request));
}

/* The examples end at what should not happen. */
static inline void expect(bool condition)
{
	if (!condition)
		abort();
}

#endif
