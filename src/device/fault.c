/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"
#include "wire/layout.h"

/*
 * Faults: refused accesses, reported on the event queue (virtio 1.3, 5.13.6.9)
 *
 * Without a buffer of the guest, the record is dropped and counted. The newest 64 are kept for
 * inspection.
 */

struct fault_record {
	uint8_t reason, reserved[3];
	uint32_t flags, endpoint, reserved1;
	uint64_t address;
};

static const struct field_name reasons[] = {
	{ VIOMMU_FAULT_R_UNKNOWN, "UNKNOWN" },
	{ VIOMMU_FAULT_R_DOMAIN, "DOMAIN" },
	{ VIOMMU_FAULT_R_MAPPING, "MAPPING" },
	{ 0, NULL },
};
static const struct field_name flags[] = {
	{ VIOMMU_FAULT_F_READ, "READ" },
	{ VIOMMU_FAULT_F_WRITE, "WRITE" },
	{ VIOMMU_FAULT_F_ADDRESS, "ADDRESS" },
	{ 0, NULL },
};
static const struct field fault_fields[] = {
	ROW_NAMED(struct fault_record, 0, ENUM, reason, "reason", reasons),
	ROW(struct fault_record, 1, RESERVED, reserved, "reserved"),
	ROW_NAMED(struct fault_record, 4, FLAGS, flags, "flags", flags),
	ROW(struct fault_record, 8, HEX, endpoint, "endpoint"),
	ROW(struct fault_record, 12, RESERVED, reserved1, "reserved1"),
	ROW(struct fault_record, 16, HEX, address, "address"),
};
static const struct layout fault_layout =
	LAYOUT("fault", 0, VIOMMU_FAULT_LENGTH, struct fault_record, fault_fields);

/* Returns whether the guest had a buffer. */
static bool queue_event(struct viommu *device, const struct viommu_fault *fault)
{
	const struct fault_record record = {
		.reason = fault->reason > VIOMMU_FAULT_R_MAPPING ? VIOMMU_FAULT_R_MAPPING
								 : fault->reason,
		.flags = fault->flags,
		.endpoint = fault->endpoint,
		.address = fault->address,
	};
	uint8_t wire[VIOMMU_FAULT_LENGTH];

	if (!device->ops.event)
		return false;
	layout_encode(&fault_layout, &record, wire);
	return device->ops.event(device->opaque, wire, sizeof(wire)) >= 0;
}

void fault_report(struct endpoint *endpoint, uint8_t reason, uint32_t access, uint64_t address)
{
	struct viommu *device = endpoint->device;
	struct viommu_fault fault = {
		.endpoint = endpoint->node.id,
		.reason = reason,
		.flags = VIOMMU_FAULT_F_ADDRESS,
		.address = address,
	};

	if (access & VIOMMU_MAP_F_READ)
		fault.flags |= VIOMMU_FAULT_F_READ;
	if (access & VIOMMU_MAP_F_WRITE)
		fault.flags |= VIOMMU_FAULT_F_WRITE;
	fault.dropped = !queue_event(device, &fault);
	atomic_fetch_add_explicit(&endpoint->faults, 1, memory_order_relaxed);

	pthread_mutex_lock(&device->faults_lock);
	device->last_faults[device->faults % N_LAST_FAULTS] = fault;
	device->faults++;
	device->faults_dropped += fault.dropped;
	pthread_mutex_unlock(&device->faults_lock);
}

size_t viommu_last_faults(struct viommu *device, struct viommu_fault *faults, size_t n)
{
	pthread_mutex_lock(&device->faults_lock);
	if (n > N_LAST_FAULTS)
		n = N_LAST_FAULTS;
	if (n > device->faults)
		n = (size_t)device->faults;
	for (size_t i = 0; i < n; i++)
		faults[i] = device->last_faults[(device->faults - 1 - i) % N_LAST_FAULTS];
	pthread_mutex_unlock(&device->faults_lock);
	return n;
}
