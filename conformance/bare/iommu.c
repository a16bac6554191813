/* SPDX-License-Identifier: BSD-3-Clause */
#include <viommu/protocol.h>

#include "bare.h"

/* A driver of virtio-iommu: requests one at a time, events by polling */

#define VENDOR 0x1af4
#define EVENTS (RING / 2)

static void offer_buffers(struct iommu *iommu, uint32_t length)
{
	iommu->record_length = length;
	iommu->records = take_pages(RING * sizeof(iommu->records[0]) / PAGE + 1);
	for (unsigned i = 0; i < EVENTS; i++)
		queue_put(&iommu->events, NULL, 0, iommu->records[iommu->events.next], length);
	queue_kick(&iommu->events);
}

bool iommu_go(struct iommu *iommu, uint64_t features, uint32_t record_length)
{
	if (!virtio_accept(&iommu->virtio, features) ||
	    !virtio_queue(&iommu->virtio, 0, &iommu->requests) ||
	    !virtio_queue(&iommu->virtio, 1, &iommu->events))
		return false;
	virtio_go(&iommu->virtio);
	offer_buffers(iommu, record_length);
	return true;
}

bool iommu_begin(struct iommu *iommu, uint64_t features, uint32_t record_length)
{
	struct function function;

	return pci_find(VENDOR, 0x1040 + VIOMMU_DEVICE_ID, 0, &function) &&
	       virtio_begin(&iommu->virtio, &function) && iommu_go(iommu, features, record_length);
}

int iommu_request(struct iommu *iommu, const void *bytes, uint32_t length)
{
	static uint8_t tail[4];
	uint16_t descriptor;
	uint32_t used;

	memset(tail, 0xa5, sizeof(tail));
	queue_put(&iommu->requests, bytes, length, tail, sizeof(tail));
	queue_kick(&iommu->requests);
	while (!queue_get(&iommu->requests, &descriptor, &used))
		;
	return used == sizeof(tail) ? *(volatile uint8_t *)tail : -1;
}

bool iommu_event(struct iommu *iommu, struct record *ret_record)
{
	uint16_t descriptor;
	uint32_t length;
	const uint8_t *at;

	if (!queue_get(&iommu->events, &descriptor, &length))
		return false;
	at = iommu->records[descriptor];
	*ret_record = (struct record){
		.reason = at[0],
		.flags = (uint32_t)get_number(at + 4, 4),
		.endpoint = (uint32_t)get_number(at + 8, 4),
		.pasid = (uint32_t)get_number(at + 12, 4),
		.address = get_number(at + 16, 8),
		.group = (uint16_t)get_number(at + 24, 2),
		.length = length,
	};
	queue_put(&iommu->events, NULL, 0, iommu->records[iommu->events.next],
		  iommu->record_length);
	queue_kick(&iommu->events);
	return true;
}

/* -- requests ------------------------------------------------------------------ */

static int attach(struct iommu *iommu, uint32_t domain, uint32_t endpoint, uint32_t flags,
		  uint32_t pasid)
{
	uint8_t bytes[20] = { VIOMMU_T_ATTACH };

	put_number(bytes + 4, 4, domain);
	put_number(bytes + 8, 4, endpoint);
	put_number(bytes + 12, 4, flags);
	put_number(bytes + 16, 4, pasid);
	return iommu_request(iommu, bytes, sizeof(bytes));
}

int iommu_attach(struct iommu *iommu, uint32_t domain, uint32_t endpoint)
{
	return attach(iommu, domain, endpoint, 0, 0);
}

int iommu_attach_pasid(struct iommu *iommu, uint32_t domain, uint32_t endpoint, uint32_t pasid)
{
	return attach(iommu, domain, endpoint, VIOMMU_SLOT_F_PASID, pasid);
}

static int detach(struct iommu *iommu, uint32_t domain, uint32_t endpoint, uint32_t flags,
		  uint32_t pasid)
{
	uint8_t bytes[20] = { VIOMMU_T_DETACH };

	put_number(bytes + 4, 4, domain);
	put_number(bytes + 8, 4, endpoint);
	put_number(bytes + 12, 4, flags);
	put_number(bytes + 16, 4, pasid);
	return iommu_request(iommu, bytes, sizeof(bytes));
}

int iommu_detach_all(struct iommu *iommu, uint32_t endpoint)
{
	return detach(iommu, 0, endpoint, VIOMMU_SLOT_F_ALL, 0);
}

int iommu_detach_pasid(struct iommu *iommu, uint32_t domain, uint32_t endpoint, uint32_t pasid)
{
	return detach(iommu, domain, endpoint, VIOMMU_SLOT_F_PASID, pasid);
}

int iommu_map(struct iommu *iommu, uint32_t domain, uint64_t first, uint64_t last, uint64_t to,
	      uint32_t flags)
{
	uint8_t bytes[36] = { VIOMMU_T_MAP };

	put_number(bytes + 4, 4, domain);
	put_number(bytes + 8, 8, first);
	put_number(bytes + 16, 8, last);
	put_number(bytes + 24, 8, to);
	put_number(bytes + 32, 4, flags);
	return iommu_request(iommu, bytes, sizeof(bytes));
}

int iommu_unmap(struct iommu *iommu, uint32_t domain, uint64_t first, uint64_t last)
{
	uint8_t bytes[28] = { VIOMMU_T_UNMAP };

	put_number(bytes + 4, 4, domain);
	put_number(bytes + 8, 8, first);
	put_number(bytes + 16, 8, last);
	return iommu_request(iommu, bytes, sizeof(bytes));
}

int iommu_attach_table(struct iommu *iommu, const struct table *table)
{
	uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };
	bool has_pasid = table->pasid != NO_PASID, has_parent = table->parent != NO_PARENT;

	put_number(bytes + 4, 4, table->domain);
	put_number(bytes + 8, 4, table->endpoint);
	put_number(bytes + 12, 4,
		   (has_pasid ? VIOMMU_SLOT_F_PASID : 0) | (has_parent ? VIOMMU_SLOT_F_PARENT : 0));
	put_number(bytes + 16, 2, table->format);
	put_number(bytes + 20, 4, has_pasid ? table->pasid : 0);
	put_number(bytes + 24, 4, has_parent ? table->parent : 0);
	for (unsigned i = 0; i < 8; i++)
		put_number(bytes + 32 + 8 * i, 8, table->body[i]);
	return iommu_request(iommu, bytes, sizeof(bytes));
}

static int invalidate(struct iommu *iommu, uint32_t domain, uint8_t scope, uint64_t address)
{
	uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = { VIOMMU_T_INVALIDATE };

	bytes[4] = scope;
	bytes[5] =
		VIOMMU_INVALIDATE_C_CONTEXT | VIOMMU_INVALIDATE_C_TLB | VIOMMU_INVALIDATE_C_DEV_TLB;
	if (scope == VIOMMU_INVALIDATE_S_ADDRESS)
		bytes[5] = VIOMMU_INVALIDATE_C_TLB | VIOMMU_INVALIDATE_C_DEV_TLB;
	put_number(bytes + 8, 4, domain);
	put_number(bytes + 24, 8, address);
	put_number(bytes + 32, 8, 1);
	bytes[40] = 12;
	return iommu_request(iommu, bytes, sizeof(bytes));
}

int iommu_invalidate(struct iommu *iommu, uint32_t domain, uint64_t address)
{
	return invalidate(iommu, domain, VIOMMU_INVALIDATE_S_ADDRESS, address);
}

int iommu_invalidate_all(struct iommu *iommu, uint32_t domain)
{
	return invalidate(iommu, domain, VIOMMU_INVALIDATE_S_DOMAIN, 0);
}

int iommu_respond(struct iommu *iommu, const struct record *request, uint16_t code)
{
	uint8_t bytes[VIOMMU_PAGE_RESPONSE_LENGTH] = { VIOMMU_T_PAGE_RESPONSE };
	bool has_pasid = request->flags & VIOMMU_FAULT_F_PASID;

	put_number(bytes + 4, 4, request->endpoint);
	put_number(bytes + 8, 4, has_pasid ? VIOMMU_PAGE_RESPONSE_F_PASID : 0);
	put_number(bytes + 12, 4, has_pasid ? request->pasid : 0);
	put_number(bytes + 16, 2, request->group);
	put_number(bytes + 18, 2, code);
	return iommu_request(iommu, bytes, sizeof(bytes));
}

int iommu_probe(struct iommu *iommu, uint32_t endpoint, uint8_t *properties, uint32_t n)
{
	static uint8_t bytes[VIOMMU_PROBE_LENGTH], answer[PAGE];
	uint16_t descriptor;
	uint32_t used, size = read32(iommu->virtio.device, VIOMMU_CONFIG_PROBE_SIZE);

	if (size + 4 > sizeof(answer))
		return -1;
	memset(bytes, 0, sizeof(bytes));
	bytes[0] = VIOMMU_T_PROBE;
	put_number(bytes + 4, 4, endpoint);
	queue_put(&iommu->requests, bytes, sizeof(bytes), answer, size + 4);
	queue_kick(&iommu->requests);
	while (!queue_get(&iommu->requests, &descriptor, &used))
		;
	memcpy(properties, answer, n < size ? n : size);
	return used == size + 4 ? answer[size] : -1;
}
