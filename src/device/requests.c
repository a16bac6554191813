/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "device/personality.h"
#include "device/record.h"
#include "device/trace.h"
#include "wire/once.h"

/*
 * The requests: their layouts, dispatch and answers (virtio 1.3, 5.13.6)
 *
 * A request is a row: its layout, its feature, and its handler. All parsing happens here: a
 * handler gets a complete, decoded request that the guest cannot change.
 */

#define HEAD(host) \
	ROW_AS_SENT(host, 0, TYPE, type, "type", NULL), \
		ROW_AS_SENT(host, 1, RESERVED, reserved_head, "reserved", NULL)

#define FIELD(at, kind, member, name) ROW(struct request_attach, at, kind, member, name)
static const struct field_name attach_flags[] = { { VIOMMU_ATTACH_F_BYPASS, "BYPASS" },
						  { 0, NULL } };
static const struct field attach_fields[] = {
	HEAD(struct request_attach),
	FIELD(4, NUMBER, domain, "domain"),
	FIELD(8, HEX, endpoint, "endpoint"),
	ROW_NAMED(struct request_attach, 12, FLAGS, flags, "flags", attach_flags),
	FIELD(16, RESERVED, reserved, "reserved"),
};
#undef FIELD
static const struct field_name attach_slot_flags[] = { { VIOMMU_ATTACH_F_BYPASS, "BYPASS" },
						       { VIOMMU_SLOT_F_PASID, "PASID" },
						       { 0, NULL } };
static const struct field attach_slot_fields[] = {
	HEAD(struct request_attach),
	ROW(struct request_attach, 4, NUMBER, domain, "domain"),
	ROW(struct request_attach, 8, HEX, endpoint, "endpoint"),
	ROW_NAMED(struct request_attach, 12, FLAGS, flags, "flags", attach_slot_flags),
	ROW(struct request_attach, 16, NUMBER, reserved, "pasid"),
};
static const struct layout attach_slot_layout = LAYOUT(
	"ATTACH", VIOMMU_T_ATTACH, VIOMMU_ATTACH_LENGTH, struct request_attach, attach_slot_fields);
const struct layout attach_layout = LAYOUT("ATTACH", VIOMMU_T_ATTACH, VIOMMU_ATTACH_LENGTH,
					   struct request_attach, attach_fields);

#define FIELD(at, kind, member, name) ROW(struct request_detach, at, kind, member, name)
static const struct field detach_fields[] = {
	HEAD(struct request_detach),
	FIELD(4, NUMBER, domain, "domain"),
	FIELD(8, HEX, endpoint, "endpoint"),
	FIELD(12, RESERVED, reserved, "reserved"),
};
#undef FIELD
const struct layout detach_layout = LAYOUT("DETACH", VIOMMU_T_DETACH, VIOMMU_DETACH_LENGTH,
					   struct request_detach, detach_fields);

#define FIELD(at, kind, member, name) ROW(struct request_detach_slot, at, kind, member, name)
static const struct field_name detach_slot_flags[] = { { VIOMMU_SLOT_F_PASID, "PASID" },
						       { VIOMMU_SLOT_F_ALL, "ALL" },
						       { 0, NULL } };
static const struct field detach_slot_fields[] = {
	HEAD(struct request_detach_slot),
	FIELD(4, NUMBER, domain, "domain"),
	FIELD(8, HEX, endpoint, "endpoint"),
	ROW_NAMED(struct request_detach_slot, 12, FLAGS, flags, "flags", detach_slot_flags),
	FIELD(16, NUMBER, pasid, "pasid"),
};
#undef FIELD
static const struct layout detach_slot_layout =
	LAYOUT("DETACH", VIOMMU_T_DETACH, VIOMMU_DETACH_LENGTH, struct request_detach_slot,
	       detach_slot_fields);

#define FIELD(at, kind, member, name) ROW(struct request_attach_table, at, kind, member, name)
static const struct field_name table_flags[] = { { VIOMMU_SLOT_F_PASID, "PASID" },
						 { VIOMMU_SLOT_F_PARENT, "PARENT" },
						 { 0, NULL } };
static const struct field attach_table_fields[] = {
	HEAD(struct request_attach_table),
	FIELD(4, NUMBER, domain, "domain"),
	FIELD(8, HEX, endpoint, "endpoint"),
	ROW_NAMED(struct request_attach_table, 12, FLAGS, flags, "flags", table_flags),
	FIELD(16, HEX, format, "format"),
	FIELD(18, RESERVED, reserved, "reserved"),
	FIELD(20, NUMBER, pasid, "pasid"),
	FIELD(24, NUMBER, parent, "parent"),
	FIELD(28, RESERVED, reserved1, "reserved"),
	FIELD(32, BYTES, body, "body"),
};
#undef FIELD
static const struct layout attach_table_layout =
	LAYOUT("ATTACH_TABLE", VIOMMU_T_ATTACH_TABLE, VIOMMU_ATTACH_TABLE_LENGTH,
	       struct request_attach_table, attach_table_fields);

#define FIELD(at, kind, member, name) ROW(struct request_invalidate, at, kind, member, name)
static const struct field_name invalidate_scopes[] = {
	{ VIOMMU_INVALIDATE_S_DOMAIN, "DOMAIN" },
	{ VIOMMU_INVALIDATE_S_PASID, "PASID" },
	{ VIOMMU_INVALIDATE_S_ADDRESS, "ADDRESS" },
	{ 0, NULL },
};
static const struct field_name invalidate_caches[] = {
	{ VIOMMU_INVALIDATE_C_CONTEXT, "CONTEXT" },
	{ VIOMMU_INVALIDATE_C_TLB, "TLB" },
	{ VIOMMU_INVALIDATE_C_DEV_TLB, "DEV_TLB" },
	{ 0, NULL },
};
static const struct field_name invalidate_flags[] = {
	{ VIOMMU_INVALIDATE_F_LEAF, "LEAF" },
	{ VIOMMU_INVALIDATE_F_PASID, "PASID" },
	{ VIOMMU_INVALIDATE_F_ID, "ID" },
	{ VIOMMU_INVALIDATE_F_GLOBAL, "GLOBAL" },
	{ 0, NULL },
};
static const struct field invalidate_fields[] = {
	HEAD(struct request_invalidate),
	ROW_NAMED(struct request_invalidate, 4, ENUM, scope, "scope", invalidate_scopes),
	ROW_NAMED(struct request_invalidate, 5, FLAGS, caches, "caches", invalidate_caches),
	ROW_NAMED(struct request_invalidate, 6, FLAGS, flags, "flags", invalidate_flags),
	FIELD(8, NUMBER, domain, "domain"),
	FIELD(12, NUMBER, pasid, "pasid"),
	FIELD(16, HEX, id, "id"),
	FIELD(24, HEX, address, "address"),
	FIELD(32, NUMBER, nr_pages, "nr_pages"),
	FIELD(40, NUMBER, page_size, "page_size"),
	FIELD(41, RESERVED, reserved, "reserved"),
};
#undef FIELD
static const struct layout invalidate_layout =
	LAYOUT("INVALIDATE", VIOMMU_T_INVALIDATE, VIOMMU_INVALIDATE_LENGTH,
	       struct request_invalidate, invalidate_fields);
const struct layout draft_e_invalidate_layout =
	LAYOUT("INVALIDATE", VIOMMU_DRAFT_T_INVALIDATE, VIOMMU_INVALIDATE_LENGTH,
	       struct request_invalidate, invalidate_fields);

#define FIELD(at, kind, member, name) ROW(struct request_page_response, at, kind, member, name)
static const struct field_name response_flags[] = { { VIOMMU_PAGE_RESPONSE_F_PASID, "PASID" },
						    { 0, NULL } };
static const struct field_name response_codes[] = {
	{ VIOMMU_PAGE_SUCCESS, "SUCCESS" },
	{ VIOMMU_PAGE_INVALID, "INVALID" },
	{ VIOMMU_PAGE_FAILURE, "FAILURE" },
	{ 0, NULL },
};
static const struct field page_response_fields[] = {
	HEAD(struct request_page_response),
	FIELD(4, HEX, endpoint, "endpoint"),
	ROW_NAMED(struct request_page_response, 8, FLAGS, flags, "flags", response_flags),
	FIELD(12, NUMBER, pasid, "pasid"),
	FIELD(16, NUMBER, group, "group_id"),
	ROW_NAMED(struct request_page_response, 18, ENUM, code, "code", response_codes),
	FIELD(20, RESERVED, reserved, "reserved"),
};
#undef FIELD
static const struct layout page_response_layout =
	LAYOUT("PAGE_RESPONSE", VIOMMU_T_PAGE_RESPONSE, VIOMMU_PAGE_RESPONSE_LENGTH,
	       struct request_page_response, page_response_fields);

#define FIELD(at, kind, member, name) ROW_AS_SENT(struct request_map, at, kind, member, name, NULL)
static const struct field_name map_flags[] = {
	{ VIOMMU_MAP_F_READ, "READ" },
	{ VIOMMU_MAP_F_WRITE, "WRITE" },
	{ VIOMMU_MAP_F_MMIO, "MMIO" },
	{ 0, NULL },
};
static const struct field map_fields[] = {
	HEAD(struct request_map),
	FIELD(4, NUMBER, domain, "domain"),
	FIELD(8, HEX, virt_start, "virt_start"),
	FIELD(16, HEX, virt_end, "virt_end"),
	FIELD(24, HEX, phys_start, "phys_start"),
	ROW_AS_SENT(struct request_map, 32, FLAGS, flags, "flags", map_flags),
};
#undef FIELD
const struct layout map_layout =
	LAYOUT_AS_SENT("MAP", VIOMMU_T_MAP, VIOMMU_MAP_LENGTH, struct request_map, map_fields);

#define FIELD(at, kind, member, name) \
	ROW_AS_SENT(struct request_unmap, at, kind, member, name, NULL)
static const struct field unmap_fields[] = {
	HEAD(struct request_unmap),
	FIELD(4, NUMBER, domain, "domain"),
	FIELD(8, HEX, virt_start, "virt_start"),
	FIELD(16, HEX, virt_end, "virt_end"),
	FIELD(24, RESERVED, reserved, "reserved"),
};
#undef FIELD
const struct layout unmap_layout = LAYOUT_AS_SENT("UNMAP", VIOMMU_T_UNMAP, VIOMMU_UNMAP_LENGTH,
						  struct request_unmap, unmap_fields);

#define FIELD(at, kind, member, name) ROW(struct request_probe, at, kind, member, name)
static const struct field probe_fields[] = {
	HEAD(struct request_probe),
	FIELD(4, HEX, endpoint, "endpoint"),
	FIELD(8, RESERVED, reserved, "reserved"),
};
#undef FIELD
const struct layout probe_layout =
	LAYOUT("PROBE", VIOMMU_T_PROBE, VIOMMU_PROBE_LENGTH, struct request_probe, probe_fields);

static const struct request_row rows[] = {
	[VIOMMU_T_ATTACH] = { &attach_layout, 0, .run = do_attach },
	[VIOMMU_T_DETACH] = { &detach_layout, 0, .run = do_detach },
	[VIOMMU_T_MAP] = { &map_layout, VIOMMU_F_MAP_UNMAP, .run = do_map },
	[VIOMMU_T_UNMAP] = { &unmap_layout, VIOMMU_F_MAP_UNMAP, .run = do_unmap },
	[VIOMMU_T_PROBE] = { &probe_layout, VIOMMU_F_PROBE, .run = do_probe },
	[VIOMMU_T_ATTACH_TABLE] = { &attach_table_layout, VIOMMU_F_TABLE, .run = do_attach_table },
	[VIOMMU_T_INVALIDATE] = { &invalidate_layout, VIOMMU_F_TABLE, .run = do_invalidate },
	[VIOMMU_T_PAGE_RESPONSE] = { &page_response_layout, VIOMMU_F_PAGE_REQUEST,
				     .run = do_page_response },
};

/* Requests with another layout under VIOMMU_F_PASID. */
static const struct request_row slot_rows[] = {
	[VIOMMU_T_ATTACH] = { &attach_slot_layout, 0, .run = do_attach },
	[VIOMMU_T_DETACH] = { &detach_slot_layout, 0, .run = do_detach_slot },
};

const struct personality personality_native = {
	.name = "native",
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.table_bit = VIOMMU_F_TABLE,
	.defaults = VIOMMU_FEATURES_DEFAULT,
	.pasids_need = VIOMMU_F_PASID,
	.reports_pasids = true,
	.append_properties = probe_append_proposal,
};

/* -- scatter lists ----------------------------------------------------------- */

/* Saturates at SIZE_MAX: a guest may list the same memory many times. */
static size_t list_length(const struct iovec *list, size_t n)
{
	size_t length = 0;

	for (size_t i = 0; i < n; i++)
		length += list[i].iov_len < SIZE_MAX - length ? list[i].iov_len : SIZE_MAX - length;
	return length;
}

/* Returns the bytes copied: at most `room`. */
static size_t list_read(const struct iovec *list, size_t n, uint8_t *bytes, size_t room)
{
	size_t done = 0;

	for (size_t i = 0; i < n && done < room; i++) {
		size_t piece = list[i].iov_len < room - done ? list[i].iov_len : room - done;

		copy_once(bytes + done, list[i].iov_base, piece);
		done += piece;
	}
	return done;
}

/* The list must have room. */
static void list_write(const struct iovec *list, size_t offset, const uint8_t *bytes, size_t length)
{
	for (; length; list++) {
		size_t piece = list->iov_len;

		if (offset >= piece) {
			offset -= piece;
			continue;
		}
		piece -= offset;
		if (piece > length)
			piece = length;
		memcpy((uint8_t *)list->iov_base + offset, bytes, piece);
		bytes += piece;
		length -= piece;
		offset = 0;
	}
}

/* -- execution ----------------------------------------------------------------- */

/* Inlined, because every request takes these steps. */
#define ON_THE_PATH __attribute__((always_inline)) static inline

/* NULL if the type is unknown, the request is too short, or its feature was not accepted. */
ON_THE_PATH const struct request_row *find_row(const struct viommu *device, const uint8_t *wire,
					       size_t length)
{
	const struct personality *personality = device->personality;
	const struct request_row *row;

	if (!length || wire[0] >= personality->n_rows)
		return NULL;
	row = &personality->rows[wire[0]];
	if (wire[0] <= VIOMMU_T_DETACH && device_accepted(device, VIOMMU_F_PASID))
		row = &slot_rows[wire[0]];
	if (!row->layout || length < row->layout->length || !device_accepted(device, row->feature))
		return NULL;
	return row;
}

/* The bytes of a request, decoded, and its row; NULL: it is not answered. */
struct taken {
	union {
		uint8_t wire[REQUEST_LONGEST];
		union request as_sent;
	};
	union request decoded;
	const union request *request; /* one of these; if there is a row */
	const struct request_row *row;
	size_t room;
};

/* Run what a request of a draft means. */
static uint8_t run_translated(struct viommu *device, const struct request_row *row,
			      const union request *sent)
{
	union request native;
	uint8_t status = row->translate(device, sent, &native);

	if (status != VIOMMU_S_OK)
		return status;
	status = row->run(device, &native);
	return status == row->change.from ? row->change.to : status;
}

ON_THE_PATH uint8_t run(struct viommu *device, const struct request_row *row,
			const union request *request)
{
	return row->translate ? run_translated(device, row, request) : row->run(device, request);
}

/*
 * A PROBE without room for all properties gets none, and its status in the last bytes. 5.13.6.7.2
 */
static uint8_t probe(struct viommu *device, const struct taken *taken, size_t *ret_properties)
{
	size_t most = taken->room - VIOMMU_TAIL_LENGTH, wanted = device->config.probe_size;

	*ret_properties = wanted < most ? wanted : most;
	memset(device->properties, 0, *ret_properties);
	return wanted <= most ? run(device, taken->row, taken->request) : VIOMMU_S_INVAL;
}

ON_THE_PATH size_t execute(struct viommu *device, const struct taken *taken,
			   const struct iovec *writable)
{
	const struct request_row *row = taken->row;
	uint8_t tail[VIOMMU_TAIL_LENGTH] = { 0 };
	size_t properties = 0;

	if (row->run == do_probe)
		tail[0] = probe(device, taken, &properties);
	else
		tail[0] = run(device, row, taken->request);
	if (device->journal)
		journal_record(device, row->layout, taken->request, tail[0]);
	trace_answered(device, row->layout, taken->request, tail[0]);

	list_write(writable, 0, device->properties, properties);
	list_write(writable, properties, tail, sizeof(tail));
	return properties + sizeof(tail);
}

static void refuse(struct viommu *device, const uint8_t *wire, size_t length)
{
	const struct layout *layout = NULL;

	if (length && wire[0] < device->personality->n_rows)
		layout = device->personality->rows[wire[0]].layout;
	count_add(&device->requests_bad, 1);
	trace_unanswered(device, layout ? layout->name : NULL, wire, length);
}

/*
 * Memory that a batch may retire before it waits for a grace period; bounds what a guest can make
 * the device hold.
 */
#define BATCH_RETIRED_MAX (512u * 1024)

static inline void bound_retired(struct viommu *device)
{
	if (device->retired_bytes > BATCH_RETIRED_MAX)
		device_synchronize(device);
}

static bool is_attach(const struct request_row *row)
{
	return row && (row->run == do_attach || row->run == do_attach_table);
}

ON_THE_PATH bool take(struct viommu *device, const struct iovec *readable, size_t n_readable,
		      const struct iovec *writable, size_t n_writable, struct taken *taken)
{
	size_t length = list_read(readable, n_readable, taken->wire, sizeof(taken->wire));

	bound_retired(device);
	taken->room = list_length(writable, n_writable);
	taken->row = find_row(device, taken->wire, length);
	budget_count(device, is_attach(taken->row));
	if (!taken->row || taken->room < VIOMMU_TAIL_LENGTH) {
		refuse(device, taken->wire, length);
		return false;
	}
	taken->request = &taken->as_sent;
	if (!taken->row->layout->is_as_sent) {
		layout_decode(taken->row->layout, taken->wire, &taken->decoded);
		taken->request = &taken->decoded;
	}
	return true;
}

size_t viommu_batch_request(struct viommu *device, const struct iovec *readable, size_t n_readable,
			    const struct iovec *writable, size_t n_writable)
{
	struct taken taken;

	checks_is_locked(device, "viommu_batch_request");
	flights_drain(device);
	device->commits_now = true;
	if (!take(device, readable, n_readable, writable, n_writable, &taken))
		return 0;
	return execute(device, &taken, writable);
}

int request_repeat(struct viommu *device, const uint8_t *wire, size_t room, size_t *ret_length)
{
	const struct request_row *row = find_row(device, wire, room);
	union request request;

	if (!row || row->run == do_probe)
		return -1;
	bound_retired(device);
	layout_decode(row->layout, wire, &request);
	*ret_length = row->layout->length;
	return run(device, row, &request);
}

/* -- requests that are answered later ------------------------------------------- */

/* Where the first bytes of the list are, so that the list itself is not needed any more. */
static void list_locate(const struct iovec *list, uint8_t **at, size_t n)
{
	for (size_t done = 0; done < n; list++)
		for (size_t i = 0; i < list->iov_len && done < n; i++)
			at[done++] = (uint8_t *)list->iov_base + i;
}

/* Does the request concern no domain? */
static bool concerns_no_domain(const struct request_row *row)
{
	return row->run == do_probe || row->run == do_page_response;
}

static bool moves_endpoint(const struct request_row *row)
{
	return row->run == do_attach || row->run == do_detach || row->run == do_detach_slot ||
	       row->run == do_attach_table;
}

static size_t execute_now(struct viommu *device, const struct taken *taken,
			  const struct iovec *writable)
{
	flights_drain(device);
	device->commits_now = true;
	return execute(device, taken, writable);
}

/* Does the request wait for no listener, and for no other request? */
static bool is_immediate(const struct viommu *device, const struct taken *taken)
{
	const struct request_row *row = taken->row;

	if (!device->ops.answered || concerns_no_domain(row))
		return true;
	if (device->n_committers || device->n_pending || device->is_resetting)
		return false;
	if (row->run == do_unmap)
		return !device->n_by_mapping || !flights_divide(device, taken->request);
	return !device->n_listeners || !moves_endpoint(row);
}

/*
 * An UNMAP or DETACH needs no memory, so a request that cannot be put off is executed now; or as
 * one beyond the limit.
 */
static size_t submit(struct viommu *device, const struct taken *taken, const struct iovec *writable,
		     void *cookie)
{
	struct pending *pending = pending_new(device);
	uint8_t tail[VIOMMU_TAIL_LENGTH] = { 0 };

	if (!pending && flights_divide(device, taken->request))
		pending = pending_new_spare(device);
	if (!pending)
		return execute_now(device, taken, writable);
	pending->request = *taken->request;
	pending->layout = taken->row->layout;
	pending->run = taken->row->run;
	pending->cookie = cookie;
	list_locate(writable, pending->tail, VIOMMU_TAIL_LENGTH);
	if (flights_submit(device, pending))
		return VIOMMU_LATER;
	tail[0] = pending->status;
	trace_answered(device, pending->layout, &pending->request, pending->status);
	pending_free(device, pending);
	list_write(writable, 0, tail, sizeof(tail));
	return sizeof(tail);
}

size_t viommu_batch_submit(struct viommu *device, const struct iovec *readable, size_t n_readable,
			   const struct iovec *writable, size_t n_writable, void *cookie)
{
	struct taken taken;

	checks_is_locked(device, "viommu_batch_submit");
	if (!take(device, readable, n_readable, writable, n_writable, &taken))
		return 0;
	/* A request that is translated is not put off. */
	if (taken.row->translate)
		return execute_now(device, &taken, writable);
	if (!is_immediate(device, &taken))
		return submit(device, &taken, writable, cookie);
	/* Without `answered` it does not wait for the end of a reset. */
	if (device->is_resetting && !concerns_no_domain(taken.row))
		flights_finish_moves(device);
	return execute(device, &taken, writable);
}

size_t viommu_submit(struct viommu *device, const struct iovec *readable, size_t n_readable,
		     const struct iovec *writable, size_t n_writable, void *cookie)
{
	size_t used;

	device_lock(device);
	used = viommu_batch_submit(device, readable, n_readable, writable, n_writable, cookie);
	device_unlock(device);
	return used;
}

void viommu_flush(struct viommu *device)
{
	device_lock_answered(device);
	device_unlock(device);
}

/* -- execution at once ------------------------------------------------------------ */

void viommu_batch_begin(struct viommu *device)
{
	device_lock(device);
	if (device_records(device))
		record_values(device, TRACE_NOTIFY, 0, 0);
	budget_begin(device);
}

void viommu_batch_end(struct viommu *device)
{
	checks_is_locked(device, "viommu_batch_end");
	device_unlock(device);
}

uint64_t viommu_batch_yield(struct viommu *device)
{
	checks_is_locked(device, "viommu_batch_yield");
	return device_unlock_bounded(device);
}

size_t viommu_request(struct viommu *device, const struct iovec *readable, size_t n_readable,
		      const struct iovec *writable, size_t n_writable)
{
	size_t used;

	device_lock(device);
	used = viommu_batch_request(device, readable, n_readable, writable, n_writable);
	device_unlock(device);
	return used;
}
