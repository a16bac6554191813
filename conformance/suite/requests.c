/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver.h"

/* Requests of virtio-iommu, one at a time */

bool answered(unsigned polls)
{
	uint32_t length;
	uint16_t id;

	return ring_await(&device.requests, &id, &length, polls);
}

struct answer exchange(const struct piece *pieces, unsigned n)
{
	struct answer answer = { false, 0 };
	uint16_t id;

	ring_put(&device.requests, pieces, n);
	ring_kick(&device.requests);
	answer.came = ring_await(&device.requests, &id, &answer.used, LONG);
	last_used = answer.used;
	return answer;
}

int request(const void *bytes, uint32_t length)
{
	const struct piece pieces[] = {
		{ (void *)bytes, length, false },
		{ last_tail, sizeof(last_tail), true },
	};
	struct answer answer;

	memset(last_tail, 0xa5, sizeof(last_tail));
	answer = exchange(pieces, COUNT(pieces));
	if (!answer.came)
		return SILENT;
	return answer.used ? *(volatile uint8_t *)last_tail : UNWRITTEN;
}

static int slot(uint8_t type, uint32_t domain, uint32_t endpoint, uint32_t flags, uint32_t pasid)
{
	uint8_t bytes[VIOMMU_ATTACH_LENGTH] = { type };

	put_number(bytes + 4, 4, domain);
	put_number(bytes + 8, 4, endpoint);
	put_number(bytes + 12, 4, flags);
	put_number(bytes + 16, 4, pasid);
	return request(bytes, sizeof(bytes));
}

int attach_pasid(uint32_t domain, uint32_t endpoint, uint32_t flags, uint32_t pasid)
{
	return slot(VIOMMU_T_ATTACH, domain, endpoint, flags, pasid);
}

int detach_pasid(uint32_t domain, uint32_t endpoint, uint32_t flags, uint32_t pasid)
{
	return slot(VIOMMU_T_DETACH, domain, endpoint, flags, pasid);
}

int attach(uint32_t domain, uint32_t endpoint, uint32_t flags)
{
	return attach_pasid(domain, endpoint, flags, 0);
}

int detach(uint32_t domain, uint32_t endpoint)
{
	return detach_pasid(domain, endpoint, 0, 0);
}

int map(uint32_t domain, uint64_t first, uint64_t last, uint64_t to, uint32_t flags)
{
	uint8_t bytes[VIOMMU_MAP_LENGTH] = { VIOMMU_T_MAP };

	put_number(bytes + 4, 4, domain);
	put_number(bytes + 8, 8, first);
	put_number(bytes + 16, 8, last);
	put_number(bytes + 24, 8, to);
	put_number(bytes + 32, 4, flags);
	return request(bytes, sizeof(bytes));
}

int unmap(uint32_t domain, uint64_t first, uint64_t last)
{
	uint8_t bytes[VIOMMU_UNMAP_LENGTH] = { VIOMMU_T_UNMAP };

	put_number(bytes + 4, 4, domain);
	put_number(bytes + 8, 8, first);
	put_number(bytes + 16, 8, last);
	return request(bytes, sizeof(bytes));
}

int probe(uint32_t endpoint, const uint8_t **ret_properties)
{
	static uint8_t bytes[VIOMMU_PROBE_LENGTH], room[4 * PAGE];
	uint32_t size = config32(VIOMMU_CONFIG_PROBE_SIZE);
	const struct piece pieces[] = {
		{ bytes, sizeof(bytes), false },
		{ room, size + VIOMMU_TAIL_LENGTH, true },
	};
	struct answer answer;

	*ret_properties = room;
	if (size > sizeof(room) - VIOMMU_TAIL_LENGTH)
		return SILENT;
	memset(room, 0xa5, sizeof(room));
	memset(bytes, 0, sizeof(bytes));
	bytes[0] = VIOMMU_T_PROBE;
	put_number(bytes + 4, 4, endpoint);
	answer = exchange(pieces, COUNT(pieces));
	if (!answer.came)
		return SILENT;
	return answer.used ? *(volatile uint8_t *)(room + size) : UNWRITTEN;
}
