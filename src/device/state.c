/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device/core.h"
#include "device/state.h"

/*
 * Saved state: the device as a stream of bytes (docs/state.md, wire/stream.h)
 *
 * One state has one stream: domains, mappings, PASIDs and groups of page requests ascend, domains
 * with tables come after those without, and the endpoints of a domain are in the order of
 * attachment.
 */

/* -- layouts ------------------------------------------------------------------ */

static const struct field device_fields[] = {
	ROW(struct chunk_device, 0, HEX, accepted, "accepted"),
	ROW(struct chunk_device, 8, NUMBER, bypass, "bypass"),
	ROW(struct chunk_device, 12, NUMBER, personality, "personality"),
};
const struct layout device_layout =
	LAYOUT("device", CHUNK_DEVICE, 16, struct chunk_device, device_fields);

static const struct field domain_fields[] = {
	ROW(struct chunk_domain, 0, NUMBER, id, "id"),
	ROW(struct chunk_domain, 4, NUMBER, bypass, "bypass"),
};
const struct layout domain_layout =
	LAYOUT("domain", CHUNK_DOMAIN, 8, struct chunk_domain, domain_fields);

static const struct field endpoint_fields[] = {
	ROW(struct chunk_endpoint, 0, HEX, id, "id"),
	ROW(struct chunk_endpoint, 4, RESERVED, reserved, "reserved"),
};
const struct layout endpoint_layout =
	LAYOUT("endpoint", CHUNK_ENDPOINT, 8, struct chunk_endpoint, endpoint_fields);

static const struct field mapping_fields[] = {
	ROW(struct chunk_mapping, 0, HEX, first, "first"),
	ROW(struct chunk_mapping, 8, HEX, last, "last"),
	ROW(struct chunk_mapping, 16, HEX, phys, "phys"),
	ROW(struct chunk_mapping, 24, HEX, flags, "flags"),
	ROW(struct chunk_mapping, 28, RESERVED, reserved, "reserved"),
};
const struct layout mapping_layout =
	LAYOUT("mapping", CHUNK_MAPPINGS, 32, struct chunk_mapping, mapping_fields);

static const struct field table_fields[] = {
	ROW(struct chunk_table, 0, NUMBER, id, "id"),
	ROW(struct chunk_table, 4, HEX, format, "format"),
	ROW(struct chunk_table, 6, HEX, flags, "flags"),
	ROW(struct chunk_table, 8, NUMBER, parent, "parent"),
	ROW(struct chunk_table, 12, RESERVED, reserved, "reserved"),
	ROW(struct chunk_table, 16, BYTES, body, "body"),
};
const struct layout table_layout =
	LAYOUT("table", CHUNK_TABLE, 80, struct chunk_table, table_fields);

static const struct field slot_fields[] = {
	ROW(struct chunk_slot, 0, HEX, endpoint, "endpoint"),
	ROW(struct chunk_slot, 4, NUMBER, pasid, "pasid"),
};
const struct layout slot_layout = LAYOUT("slot", CHUNK_SLOTS, 8, struct chunk_slot, slot_fields);

static const struct field granule_fields[] = {
	ROW(struct chunk_granule, 0, HEX, granule, "granule"),
};
const struct layout granule_layout =
	LAYOUT("granule", CHUNK_GRANULE, 8, struct chunk_granule, granule_fields);

static const struct field group_fields[] = {
	ROW(struct chunk_group, 0, HEX, endpoint, "endpoint"),
	ROW(struct chunk_group, 4, NUMBER, pasid, "pasid"),
	ROW(struct chunk_group, 8, NUMBER, group, "group"),
	ROW(struct chunk_group, 10, HEX, flags, "flags"),
	ROW(struct chunk_group, 12, RESERVED, reserved, "reserved"),
};
const struct layout group_layout =
	LAYOUT("group", CHUNK_GROUPS, 16, struct chunk_group, group_fields);

/* -- order -------------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int chunk_slot_compare(const void *a, const void *b)
{
	const struct chunk_slot *left = a, *right = b;
	int order = compare(left->endpoint, right->endpoint);

	return order ? order : compare(left->pasid, right->pasid);
}

/* A group without a PASID comes before those with one. */
static uint64_t key_of(const struct chunk_group *group)
{
	return (uint64_t)(group->flags & CHUNK_GROUP_PASID) << 48 | (uint64_t)group->pasid << 16 |
	       group->group;
}

int chunk_group_compare(const void *a, const void *b)
{
	const struct chunk_group *left = a, *right = b;
	int order = compare(left->endpoint, right->endpoint);

	return order ? order : compare(key_of(left), key_of(right));
}

/* -- what there is ------------------------------------------------------------- */

/* Memory for sorting rows. */
struct rows {
	struct chunk_slot *slots; /* of one domain at a time */
	struct chunk_group *groups;
	size_t n_groups;
};

static size_t count_groups(const struct viommu *device)
{
	size_t n = 0;

	for_all_endpoints(endpoint, device)
		n += endpoint->n_groups;
	return n;
}

static size_t most_slots(const struct viommu *device)
{
	size_t most = 0;

	for_all_domains(domain, device)
		if (domain->n_slots > most)
			most = (size_t)domain->n_slots;
	return most;
}

static void rows_free(struct rows *rows)
{
	free(rows->slots);
	free(rows->groups);
}

/* One more of each, so that there is always something. */
static int rows_alloc(const struct viommu *device, struct rows *rows)
{
	*rows = (struct rows){ .n_groups = count_groups(device) };
	rows->slots = calloc(most_slots(device) + 1, sizeof(rows->slots[0]));
	rows->groups = calloc(rows->n_groups + 1, sizeof(rows->groups[0]));
	if (rows->slots && rows->groups)
		return 0;
	rows_free(rows);
	return -ENOMEM;
}

static size_t count_quarantined(const struct viommu *device)
{
	size_t n = 0;

	for_all_endpoints(endpoint, device)
		n += endpoint->quarantined;
	return n;
}

/* Only tables hold it, so no endpoint determines its granule. */
static bool is_parent_only(const struct domain *domain)
{
	return !domain->n_endpoints && !domain->n_slots;
}

static bool has_spaces(const struct viommu *device)
{
	for_all_domains(domain, device)
		if (domain->table || domain->n_slots)
			return true;
	return false;
}

static uint32_t version_of(const struct viommu *device)
{
	if (device->config.personality)
		return STATE_VERSION_DRAFT;
	if (has_spaces(device))
		return STATE_VERSION_SPACES;
	return count_quarantined(device) ? STATE_VERSION_BLOCKED : STATE_VERSION_FIRST;
}

/* -- lengths ------------------------------------------------------------------ */

static size_t domain_length(const struct domain *domain)
{
	const struct layout *first = domain->table ? &table_layout : &domain_layout;
	size_t length = STREAM_CHUNK_LENGTH + first->length;

	length += (size_t)domain->n_endpoints * (STREAM_CHUNK_LENGTH + endpoint_layout.length);
	if (domain->n_slots)
		length += STREAM_CHUNK_LENGTH + (size_t)domain->n_slots * slot_layout.length;
	if (is_parent_only(domain))
		length += STREAM_CHUNK_LENGTH + granule_layout.length;
	if (!domain->table)
		length += STREAM_CHUNK_LENGTH + map_count(domain->map) * mapping_layout.length;
	return length;
}

static size_t stream_length(const struct viommu *device, const struct rows *rows)
{
	size_t length = STREAM_HEAD_LENGTH + 2 * STREAM_CHUNK_LENGTH + device_layout.length;

	length += count_quarantined(device) * (STREAM_CHUNK_LENGTH + endpoint_layout.length);
	for_all_domains(domain, device)
		length += domain_length(domain);
	if (rows->n_groups)
		length += STREAM_CHUNK_LENGTH + rows->n_groups * group_layout.length;
	return length;
}

/* -- writing ------------------------------------------------------------------ */

static void write_mappings(struct stream_writer *writer, const struct map *map)
{
	struct map_walk walk;
	struct range range;
	bool more = map_walk(&walk, map, 0, &range);

	stream_write_chunk(writer, CHUNK_MAPPINGS,
			   (uint64_t)map_count(map) * mapping_layout.length);
	for (; more; more = map_walk_next(&walk, &range)) {
		const struct chunk_mapping mapping = {
			.first = range.first,
			.last = range.last,
			.phys = range.phys,
			.flags = range.flags,
		};

		stream_write_row(writer, &mapping_layout, &mapping);
	}
}

static void write_endpoint(struct stream_writer *writer, enum chunk_type type,
			   const struct endpoint *endpoint)
{
	const struct chunk_endpoint chunk = { .id = endpoint->node.id };

	stream_write_chunk(writer, type, endpoint_layout.length);
	stream_write_row(writer, &endpoint_layout, &chunk);
}

static void write_slots(struct stream_writer *writer, const struct domain *domain,
			struct rows *rows)
{
	size_t n = 0;

	if (!domain->n_slots)
		return;
	for_each_slot(slot, domain) rows->slots[n++] =
		(struct chunk_slot){ slot->endpoint->node.id, slot->pasid };
	qsort(rows->slots, n, sizeof(rows->slots[0]), chunk_slot_compare);
	stream_write_chunk(writer, CHUNK_SLOTS, (uint64_t)n * slot_layout.length);
	for (size_t i = 0; i < n; i++)
		stream_write_row(writer, &slot_layout, &rows->slots[i]);
}

/* The guest's table of the domain, or that it has none. */
static void write_kind(struct stream_writer *writer, const struct domain *domain)
{
	const struct chunk_domain chunk = { .id = domain->node.id, .bypass = domain->bypass };
	const struct table *table = domain->table;
	struct chunk_table with_table = { .id = domain->node.id };

	if (!table) {
		stream_write_one(writer, &domain_layout, &chunk);
		return;
	}
	with_table.format = table->format;
	if (table->parent) {
		with_table.flags = CHUNK_TABLE_PARENT;
		with_table.parent = table->parent->node.id;
	}
	memcpy(with_table.body, table->body, sizeof(with_table.body));
	stream_write_one(writer, &table_layout, &with_table);
}

static void write_domain(struct stream_writer *writer, const struct domain *domain,
			 struct rows *rows)
{
	write_kind(writer, domain);
	for_each_endpoint(endpoint, domain)
		write_endpoint(writer, CHUNK_ENDPOINT, endpoint);
	write_slots(writer, domain, rows);
	if (is_parent_only(domain))
		stream_write_one(writer, &granule_layout,
				 &(struct chunk_granule){ domain->granule });
	if (!domain->table)
		write_mappings(writer, domain->map);
}

static size_t collect_groups(const struct endpoint *endpoint, struct chunk_group *rows)
{
	size_t n = 0;

	for (const struct page_group *group = endpoint->groups; group; group = group->next)
		rows[n++] = (struct chunk_group){
			.endpoint = endpoint->node.id,
			.pasid = group->pasid,
			.group = group->id,
			.flags = (group->has_pasid ? CHUNK_GROUP_PASID : 0) |
				 (group->is_complete ? CHUNK_GROUP_COMPLETE : 0),
		};
	return n;
}

static void write_groups(struct stream_writer *writer, const struct viommu *device,
			 struct rows *rows)
{
	size_t n = 0;

	if (!rows->n_groups)
		return;
	for_all_endpoints(endpoint, device)
		n += collect_groups(endpoint, rows->groups + n);
	qsort(rows->groups, n, sizeof(rows->groups[0]), chunk_group_compare);
	stream_write_chunk(writer, CHUNK_GROUPS, (uint64_t)n * group_layout.length);
	for (size_t i = 0; i < n; i++)
		stream_write_row(writer, &group_layout, &rows->groups[i]);
}

/* A parent comes before its tables. */
static void write_stream(const struct viommu *device, struct rows *rows,
			 struct stream_writer *writer)
{
	const struct chunk_device chunk = {
		.accepted = device->accepted,
		.bypass = device->bypass,
		.personality = device->config.personality,
	};

	stream_write_one(writer, &device_layout, &chunk);
	for_all_endpoints(endpoint, device)
		if (endpoint->quarantined)
			write_endpoint(writer, CHUNK_BLOCKED, endpoint);
	for_all_domains(domain, device)
		if (!domain->table)
			write_domain(writer, domain, rows);
	for_all_domains(domain, device)
		if (domain->table)
			write_domain(writer, domain, rows);
	write_groups(writer, device, rows);
	stream_finish(writer, STATE_MAGIC, version_of(device));
}

int state_write(const struct viommu *device, struct stream_writer *writer)
{
	struct rows rows;
	int error = rows_alloc(device, &rows);

	if (error)
		return error;
	error = stream_create(writer, stream_length(device, &rows));
	if (!error)
		write_stream(device, &rows, writer);
	rows_free(&rows);
	return error;
}

int viommu_save(struct viommu *device, void **ret_bytes, size_t *ret_length)
{
	struct stream_writer writer;
	int error;

	device_lock_drained(device);
	error = state_write(device, &writer);
	device_unlock(device);
	if (error)
		return error;
	*ret_bytes = writer.bytes;
	*ret_length = writer.length;
	return 0;
}
