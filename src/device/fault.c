/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "device/personality.h"
#include "device/sdt.h"

/*
 * Faults: refused accesses, reported on the event queue (virtio 1.3, 5.13.6.9)
 *
 * Without a buffer of the guest, the record is dropped and counted. The newest 64 are kept for
 * inspection.
 */

struct fault_record {
	uint8_t reason, reserved[3];
	uint32_t flags, endpoint, pasid;
	uint64_t address;

	/* With VIOMMU_F_PAGE_REQUEST. */
	uint16_t group;
	uint8_t reserved1[6];
	uint64_t private_data[2];
};

static const struct field_name reasons[] = {
	{ VIOMMU_FAULT_R_UNKNOWN, "UNKNOWN" },
	{ VIOMMU_FAULT_R_DOMAIN, "DOMAIN" },
	{ VIOMMU_FAULT_R_MAPPING, "MAPPING" },
	{ VIOMMU_FAULT_R_WALK, "WALK" },
	{ VIOMMU_FAULT_R_CONTEXT, "CONTEXT" },
	{ VIOMMU_FAULT_R_PERMISSION, "PERMISSION" },
	{ VIOMMU_FAULT_R_ACCESS, "ACCESS" },
	{ VIOMMU_FAULT_R_RANGE, "RANGE" },
	{ 0, NULL },
};
static const struct field_name flags[] = {
	{ VIOMMU_FAULT_F_READ, "READ" },
	{ VIOMMU_FAULT_F_WRITE, "WRITE" },
	{ VIOMMU_FAULT_F_EXEC, "EXEC" },
	{ VIOMMU_FAULT_F_PRIVILEGED, "PRIVILEGED" },
	{ VIOMMU_FAULT_F_LAST, "LAST" },
	{ VIOMMU_FAULT_F_PAGE_REQ, "PAGE_REQ" },
	{ VIOMMU_FAULT_F_ADDRESS, "ADDRESS" },
	{ VIOMMU_FAULT_F_PASID, "PASID" },
	{ VIOMMU_FAULT_F_GROUP, "GROUP" },
	{ VIOMMU_FAULT_F_PRIVATE, "PRIVATE" },
	{ 0, NULL },
};
#define FAULT_ROWS \
	ROW_NAMED(struct fault_record, 0, ENUM, reason, "reason", reasons), \
		ROW(struct fault_record, 1, RESERVED, reserved, "reserved"), \
		ROW_NAMED(struct fault_record, 4, FLAGS, flags, "flags", flags), \
		ROW(struct fault_record, 8, HEX, endpoint, "endpoint"), \
		ROW(struct fault_record, 12, NUMBER, pasid, "pasid"), \
		ROW(struct fault_record, 16, HEX, address, "address")
static const struct field fault_fields[] = { FAULT_ROWS };
static const struct layout fault_layout =
	LAYOUT("fault", 0, VIOMMU_FAULT_LENGTH, struct fault_record, fault_fields);

static const struct field long_fields[] = {
	FAULT_ROWS,
	ROW(struct fault_record, 24, NUMBER, group, "group_id"),
	ROW(struct fault_record, 26, RESERVED, reserved1, "reserved"),
	ROW(struct fault_record, 32, HEX, private_data[0], "private_data 0"),
	ROW(struct fault_record, 40, HEX, private_data[1], "private_data 1"),
};
static const struct layout long_layout =
	LAYOUT("long fault", 0, VIOMMU_FAULT_LONG_LENGTH, struct fault_record, long_fields);

/* Returns whether the guest had a buffer. */
static bool put(struct viommu *device, const struct layout *layout,
		const struct fault_record *record)
{
	uint8_t wire[VIOMMU_FAULT_LONG_LENGTH];
	int error;

	if (!device->ops.event)
		return false;
	layout_encode(layout, record, wire);
	CALLBACK_BEGIN(device, "event", false);
	error = device->ops.event(device->opaque, wire, layout->length);
	CALLBACK_END();
	return error >= 0;
}

/* Fields of features that the driver did not accept are omitted. */
static struct fault_record record_of(const struct endpoint *endpoint, const struct event *event)
{
	const struct viommu *device = endpoint->device;
	struct fault_record record = {
		.reason = event->reason,
		.flags = event->flags | VIOMMU_FAULT_F_ADDRESS,
		.endpoint = endpoint->node.id,
		.address = event->address,
		.group = event->group,
		.private_data = { event->private_data[0], event->private_data[1] },
	};

	if (event->access & VIOMMU_MAP_F_READ)
		record.flags |= VIOMMU_FAULT_F_READ;
	if (event->access & VIOMMU_MAP_F_WRITE)
		record.flags |= VIOMMU_FAULT_F_WRITE;
	if (event->pasid != NO_PASID && device->personality->reports_pasids &&
	    (device_accepted(device, VIOMMU_F_PASID) || device_accepted(device, VIOMMU_F_TABLE))) {
		record.flags |= VIOMMU_FAULT_F_PASID;
		record.pasid = event->pasid;
	}
	if (!device_accepted(device, VIOMMU_F_PAGE_REQUEST)) {
		if (record.reason > VIOMMU_FAULT_R_MAPPING)
			record.reason = VIOMMU_FAULT_R_MAPPING;
		return record;
	}
	if (event->access & VIOMMU_ACCESS_EXEC)
		record.flags |= VIOMMU_FAULT_F_EXEC;
	if (event->access & VIOMMU_ACCESS_PRIVILEGED)
		record.flags |= VIOMMU_FAULT_F_PRIVILEGED;
	return record;
}

/* A buffer that is too short for a long record may have room for a short one. */
static bool queue_fault(struct viommu *device, const struct fault_record *record)
{
	if (device_accepted(device, VIOMMU_F_PAGE_REQUEST) && put(device, &long_layout, record))
		return true;
	return put(device, &fault_layout, record);
}

bool fault_request_page(struct endpoint *endpoint, const struct event *event)
{
	const struct fault_record record = record_of(endpoint, event);

	return put(endpoint->device, &long_layout, &record);
}

static bool take_from_rate(struct viommu *device)
{
	bool may;

	pthread_mutex_lock(&device->faults_lock);
	may = rate_take(&device->fault_rate);
	device->faults_limited += !may;
	pthread_mutex_unlock(&device->faults_lock);
	return may;
}

void fault_report(struct endpoint *endpoint, const struct event *event)
{
	struct viommu *device = endpoint->device;
	const struct fault_record record = record_of(endpoint, event);
	struct viommu_fault fault = {
		.endpoint = record.endpoint,
		.reason = event->reason,
		.flags = record.flags,
		.address = record.address,
		.pasid = record.pasid,
	};

	fault.dropped = !take_from_rate(device) || !queue_fault(device, &record);
	SDT_FAULT(device, fault.endpoint, fault.reason, fault.address, fault.dropped);
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

/* -- faults of the host -------------------------------------------------------- */

static const struct {
	uint32_t flag, access;
} accesses[] = {
	{ VIOMMU_FAULT_F_READ, VIOMMU_MAP_F_READ },
	{ VIOMMU_FAULT_F_WRITE, VIOMMU_MAP_F_WRITE },
	{ VIOMMU_FAULT_F_EXEC, VIOMMU_ACCESS_EXEC },
	{ VIOMMU_FAULT_F_PRIVILEGED, VIOMMU_ACCESS_PRIVILEGED },
};

/* False: it is not one that an access can have. */
static bool event_of(const struct viommu_fault *fault, struct event *ret_event)
{
	uint32_t known = VIOMMU_FAULT_F_ADDRESS | VIOMMU_FAULT_F_PASID;
	bool has_pasid = fault->flags & VIOMMU_FAULT_F_PASID;

	*ret_event = (struct event){
		.reason = fault->reason,
		.pasid = has_pasid ? fault->pasid : NO_PASID,
		.address = fault->address,
	};
	for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
		known |= accesses[i].flag;
		if (fault->flags & accesses[i].flag)
			ret_event->access |= accesses[i].access;
	}
	return fault->reason <= VIOMMU_FAULT_R_RANGE && !(fault->flags & ~known) &&
	       !(has_pasid && fault->pasid >> VIOMMU_PASID_BITS_MAX);
}

int viommu_fault_report(struct viommu *device, const struct viommu_fault *fault)
{
	struct reader *reader = readers_of_thread(&device->readers);
	struct endpoint *endpoint;
	struct event event;

	checks_translate(device, "viommu_fault_report");
	if (!event_of(fault, &event))
		return -EINVAL;
	if (!reader)
		return -ENOMEM;
	reader_enter(reader);
	endpoint = directory_find(&device->directory, fault->endpoint);
	if (endpoint)
		fault_report(endpoint, &event);
	reader_leave(reader);
	return endpoint ? 0 : -ENOENT;
}
