/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "device/personality.h"
#include "device/record.h"
#include "device/state.h"

/*
 * Loading saved state (docs/state.md, wire/stream.h)
 *
 * A stream comes from a file or a network, and is not trusted. It is read into domains apart from
 * the device, by the rules of ATTACH, ATTACH_TABLE and MAP. Their endpoints and PASIDs are linked
 * at once, but listeners and translations learn of it only when the whole stream is valid. An
 * unknown chunk is an error, because its content would be lost.
 */

struct stage {
	struct viommu *device;
	struct stream stream;
	struct chunk_device saved;
	struct ids domains;    /* linked to their endpoints, not reported to listeners */
	struct domain *domain; /* of the chunks that follow */
	struct usage usage;    /* of all domains so far */
	struct slot *slots;    /* in their domains, invisible to translations */
	size_t n_slots;
	struct page_group *groups;
	bool has_groups;
};

static int out_of_memory(const struct stage *stage)
{
	return stream_refuse(&stage->stream, -ENOMEM, "out of memory");
}

/* -- the device and its domains ---------------------------------------------------- */

/* Versions before have a reserved field in its place. */
static int check_personality(const struct stage *stage)
{
	const char *here = stage->device->personality->name;
	const char *saved = viommu_personality_name(stage->saved.personality);
	bool is_draft = stage->saved.personality != VIOMMU_PERSONALITY_NATIVE;

	if (!saved || is_draft != (stage->stream.version >= STATE_VERSION_DRAFT))
		return stream_refuse(&stage->stream, -EINVAL,
				     "personality %" PRIu32 " does not fit version %" PRIu32,
				     stage->saved.personality, stage->stream.version);
	if (stage->saved.personality != stage->device->config.personality)
		return stream_refuse(&stage->stream, -EBUSY,
				     "the device has personality %s, and %s here", saved, here);
	return 0;
}

static int read_device(struct stage *stage, const struct chunk *chunk)
{
	uint64_t offered = stage->device->config.features;
	int error = stream_read_one(&stage->stream, chunk, &device_layout, &stage->saved);

	if (!error)
		error = check_personality(stage);
	if (error)
		return error;
	if (stage->saved.accepted & ~offered)
		return stream_refuse(&stage->stream, -EBUSY,
				     "the driver accepted features 0x%" PRIx64
				     ", and only 0x%" PRIx64 " are offered here",
				     stage->saved.accepted, offered);
	if (stage->saved.bypass > 1)
		return stream_refuse(&stage->stream, -EINVAL, "bypass is neither 0 nor 1");
	return 0;
}

static int check_number(const struct stage *stage, uint32_t id)
{
	const struct viommu_config *config = &stage->device->config;

	if (ids_find(&stage->domains, id))
		return stream_refuse(&stage->stream, -EINVAL, "domain %" PRIu32 " is duplicate",
				     id);
	if (id < config->domain_first || id > config->domain_last)
		return stream_refuse(&stage->stream, -EBUSY,
				     "domain %" PRIu32 " is outside the domain range, %" PRIu32
				     "-%" PRIu32,
				     id, config->domain_first, config->domain_last);
	return 0;
}

static int stage_domain(struct stage *stage, const struct domain_spec *spec)
{
	int error = check_number(stage, spec->id);

	if (error)
		return error;
	stage->usage.domains++;
	stage->usage.bytes += domain_bytes_empty(spec);
	if (device_is_full(stage->device, stage->usage))
		return stream_refuse(&stage->stream, -EBUSY,
				     "more domains than the limits here allow");
	stage->domain = domain_new(spec, 0);
	if (!stage->domain)
		return out_of_memory(stage);
	ids_put(&stage->domains, &stage->domain->node);
	return 0;
}

static int read_domain(struct stage *stage, const struct chunk *chunk)
{
	struct chunk_domain domain;
	int error = stream_read_one(&stage->stream, chunk, &domain_layout, &domain);

	if (error)
		return error;
	if (domain.bypass > 1)
		return stream_refuse(&stage->stream, -EINVAL,
				     "bypass of domain %" PRIu32 " is neither 0 nor 1", domain.id);
	return stage_domain(stage,
			    &(struct domain_spec){ .id = domain.id, .bypass = domain.bypass });
}

/* The parent precedes its tables in the stream. */
static int find_parent(const struct stage *stage, const struct chunk_table *saved,
		       struct domain **ret_parent)
{
	struct domain *parent = ids_find(&stage->domains, saved->parent);

	if (!(saved->flags & CHUNK_TABLE_PARENT) && !saved->parent)
		return 0;
	if (!(saved->flags & CHUNK_TABLE_PARENT) || !parent || parent->bypass || parent->table)
		return stream_refuse(&stage->stream, -EINVAL,
				     "domain %" PRIu32 ", the parent of %" PRIu32
				     ", is not one that has mappings",
				     saved->parent, saved->id);
	if (!(stage->device->config.features & VIOMMU_F_NEST))
		return stream_refuse(&stage->stream, -EBUSY,
				     "domain %" PRIu32 " has a parent, and tables have none here",
				     saved->id);
	*ret_parent = parent;
	return 0;
}

/* The first holder's format decodes the body. */
static int read_table(struct stage *stage, const struct chunk *chunk)
{
	struct chunk_table saved;
	struct domain *parent = NULL;
	struct table table;
	int error = stream_read_one(&stage->stream, chunk, &table_layout, &saved);

	if (error)
		return error;
	if (saved.flags & ~CHUNK_TABLE_PARENT)
		return stream_refuse(&stage->stream, -EINVAL,
				     "the table of domain %" PRIu32 " has unknown flags", saved.id);
	error = find_parent(stage, &saved, &parent);
	if (error)
		return error;
	if (!table_prepare(saved.format, saved.body, &table))
		return stream_refuse(&stage->stream, -EBUSY,
				     "domain %" PRIu32 " has a table of format 0x%" PRIx16
				     ", which is unknown here",
				     saved.id, saved.format);
	table.parent = parent;
	error = stage_domain(stage, &(struct domain_spec){ .id = saved.id, .table = &table });
	if (!error && parent)
		domain_link_child(stage->domain, parent);
	return error;
}

/* -- what is attached --------------------------------------------------------------- */

static int check_listeners(const struct stage *stage, const struct endpoint *endpoint)
{
	if (listeners_follow_spaces(endpoint))
		return 0;
	return stream_refuse(&stage->stream, -EBUSY,
			     "endpoint 0x%" PRIx32
			     " has a listener here, which cannot follow PASIDs and tables",
			     endpoint->node.id);
}

static int refuse_format(const struct stage *stage, const struct endpoint *endpoint)
{
	const struct table *table = stage->domain->table;
	uint32_t id = stage->domain->node.id;

	if (table_has_format(endpoint, table))
		return stream_refuse(&stage->stream, -EBUSY,
				     "endpoint 0x%" PRIx32 " cannot have the %s of domain %" PRIu32
				     " here: its body is malformed",
				     endpoint->node.id, table_format_name(table->format), id);
	return stream_refuse(&stage->stream, -EBUSY,
			     "endpoint 0x%" PRIx32 " has no format %s here, as domain %" PRIu32
			     " has it",
			     endpoint->node.id, table_format_name(table->format), id);
}

/* Endpoints come first, then PASIDs; or the granule, if there are neither. Then mappings. */
static bool takes_holders(const struct domain *domain)
{
	return !map_count(domain->map) && (domain_is_held(domain) || !domain->granule);
}

/* By the rules of ATTACH and ATTACH_TABLE, for an endpoint or one of its PASIDs. */
static int check_holder(const struct stage *stage, const struct endpoint *endpoint)
{
	struct domain *domain = stage->domain;
	int error = domain->table ? check_listeners(stage, endpoint) : 0;

	if (error)
		return error;
	if (!domain_is_held(domain)) {
		domain->granule = endpoint->granule;
		if (domain->table && !table_decode_for(endpoint, domain->table))
			return refuse_format(stage, endpoint);
		return 0;
	}
	if (domain->table)
		return table_fits(endpoint, domain->table) ? 0 : refuse_format(stage, endpoint);
	if (endpoint->granule != domain->granule && !domain->bypass)
		return stream_refuse(&stage->stream, -EBUSY,
				     "endpoint 0x%" PRIx32
				     " has another granule here than the others of domain %" PRIu32,
				     endpoint->node.id, domain->node.id);
	return 0;
}

/* NULL with an error: the endpoint does not exist, or occurred in an earlier chunk. */
static struct endpoint *find_endpoint(struct stage *stage, const struct chunk *chunk,
				      bool may_be_here, int *ret_error)
{
	struct endpoint *endpoint;
	struct chunk_endpoint saved;

	*ret_error = stream_read_one(&stage->stream, chunk, &endpoint_layout, &saved);
	if (*ret_error)
		return NULL;
	endpoint = endpoint_find(stage->device, saved.id);
	if (endpoint && may_be_here && !endpoint->domain && !endpoint->quarantined)
		return endpoint;
	*ret_error =
		endpoint
			? stream_refuse(&stage->stream, -EINVAL,
					"endpoint 0x%" PRIx32 " is duplicate or in the wrong place",
					saved.id)
			: stream_refuse(&stage->stream, -EBUSY,
					"endpoint 0x%" PRIx32 " does not exist here", saved.id);
	return NULL;
}

/* A chunk that is an array. */
struct elements {
	const struct layout *layout;
	int (*read)(struct stage *stage, const void *element);
	int (*compare)(const void *before, const void *next); /* NULL: any order */
	const char *noun;
};

static int read_elements(struct stage *stage, const struct chunk *chunk,
			 const struct elements *elements)
{
	union {
		struct chunk_slot slot;
		struct chunk_mapping mapping;
		struct chunk_group group;
	} saved[2];
	size_t length = elements->layout->length;
	int error = 0;

	if (chunk->length % length)
		return stream_refuse(&stage->stream, -EINVAL,
				     "%s at offset %zu are of uneven length", elements->noun,
				     chunk->at);
	for (size_t i = 0; i < chunk->length / length && !error; i++) {
		layout_decode(elements->layout, chunk->bytes + i * length, &saved[i % 2]);
		if (i && elements->compare &&
		    elements->compare(&saved[(i - 1) % 2], &saved[i % 2]) >= 0)
			return stream_refuse(&stage->stream, -EINVAL,
					     "%s at offset %zu do not ascend", elements->noun,
					     chunk->at);
		error = elements->read(stage, &saved[i % 2]);
	}
	return error;
}

static int read_endpoint(struct stage *stage, const struct chunk *chunk)
{
	struct domain *domain = stage->domain;
	struct endpoint *endpoint;
	int error;

	if (!domain)
		return stream_refuse(&stage->stream, -EINVAL,
				     "an endpoint at offset %zu belongs to no domain", chunk->at);
	endpoint = find_endpoint(stage, chunk, takes_holders(domain) && !domain->n_slots, &error);
	if (!error)
		error = check_holder(stage, endpoint);
	if (!error)
		endpoint_link(endpoint, domain);
	return error;
}

static int read_blocked(struct stage *stage, const struct chunk *chunk)
{
	int error;
	struct endpoint *endpoint = find_endpoint(stage, chunk, !stage->domain, &error);

	if (!endpoint)
		return error;
	endpoint->quarantined = true;
	return 0;
}

static int check_slot(const struct stage *stage, const struct chunk_slot *saved,
		      struct endpoint **ret_endpoint)
{
	struct endpoint *endpoint = endpoint_find(stage->device, saved->endpoint);
	const struct domain *domain = stage->domain;
	int error;

	if (domain->table && domain->table->is_context)
		return stream_refuse(&stage->stream, -EINVAL,
				     "domain %" PRIu32 ", a table of contexts, has PASIDs",
				     domain->node.id);
	if (!(stage->device->config.features & VIOMMU_F_PASID))
		return stream_refuse(&stage->stream, -EBUSY,
				     "endpoint 0x%" PRIx32 " has PASID %" PRIu32
				     ", and requests for PASIDs do not exist here",
				     saved->endpoint, saved->pasid);
	if (!endpoint || !slot_exists(endpoint, saved->pasid))
		return stream_refuse(&stage->stream, -EBUSY,
				     "endpoint 0x%" PRIx32 " with PASID %" PRIu32
				     " does not exist here",
				     saved->endpoint, saved->pasid);
	error = check_listeners(stage, endpoint);
	if (!error)
		error = check_holder(stage, endpoint);
	*ret_endpoint = endpoint;
	return error;
}

static int read_slot(struct stage *stage, const void *element)
{
	const struct chunk_slot *saved = element;
	struct endpoint *endpoint = NULL;
	struct slot *slot;
	int error = check_slot(stage, saved, &endpoint);
	struct usage more = stage->usage;

	if (error)
		return error;
	more.bytes += slot_bytes(endpoint);
	if (device_is_full(stage->device, more))
		return stream_refuse(&stage->stream, -EBUSY,
				     "more PASIDs than the limits here allow");
	stage->usage.bytes += slot_bytes_alone(endpoint);
	slot = slot_prepare(endpoint, saved->pasid, stage->domain);
	if (!slot)
		return out_of_memory(stage);
	slot->next_retired = stage->slots;
	stage->slots = slot;
	stage->n_slots++;
	return 0;
}

static int compare_saved_slots(const void *before, const void *next)
{
	return chunk_slot_compare(before, next);
}

static const struct elements slot_elements = { &slot_layout, read_slot, compare_saved_slots,
					       "PASIDs" };

static int read_slots(struct stage *stage, const struct chunk *chunk)
{
	const struct domain *domain = stage->domain;

	if (!domain || domain->n_slots || !takes_holders(domain) || !chunk->length)
		return stream_refuse(&stage->stream, -EINVAL, "PASIDs of no domain, or twice");
	return read_elements(stage, chunk, &slot_elements);
}

static int read_granule(struct stage *stage, const struct chunk *chunk)
{
	uint64_t here = granule_of(stage->device->config.page_size_mask);
	struct domain *domain = stage->domain;
	struct chunk_granule saved;
	int error = stream_read_one(&stage->stream, chunk, &granule_layout, &saved);

	if (error)
		return error;
	if (!domain || domain->table || domain->bypass || domain->granule || !saved.granule ||
	    saved.granule & (saved.granule - 1))
		return stream_refuse(&stage->stream, -EINVAL,
				     "a granule that is none, or of a domain that has one");
	if (saved.granule < here)
		return stream_refuse(&stage->stream, -EBUSY,
				     "domain %" PRIu32 " has granule 0x%" PRIx64
				     ", and the smallest here is 0x%" PRIx64,
				     domain->node.id, saved.granule, here);
	domain->granule = saved.granule;
	return 0;
}

/* -- mappings ------------------------------------------------------------------------ */

/* -EBUSY: another device could have the mapping. -EINVAL: no device could. */
static int refuse_mapping(const struct stage *stage, const struct range *range)
{
	const char *conflict = mapping_conflict_reason(stage->device, stage->domain, range);

	return stream_refuse(&stage->stream, conflict ? -EBUSY : -EINVAL,
			     "the mapping at 0x%" PRIx64 " of domain %" PRIu32 " %s", range->first,
			     stage->domain->node.id, conflict ? conflict : "is invalid");
}

static int read_mapping(struct stage *stage, const void *element)
{
	const struct chunk_mapping *mapping = element;
	const struct range range = {
		.first = mapping->first,
		.last = mapping->last,
		.phys = mapping->phys,
		.flags = mapping->flags,
	};
	uint32_t known = VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE | VIOMMU_MAP_F_MMIO;

	if (range.flags & ~known || mapping->reserved)
		return stream_refuse(&stage->stream, -EINVAL, "a mapping has unknown flags");
	if (mapping_check(stage->device, stage->domain, &range) != VIOMMU_S_OK)
		return refuse_mapping(stage, &range);
	stage->usage.mappings++;
	stage->usage.bytes += map_growth(stage->domain->map);
	if (device_is_full(stage->device, stage->usage))
		return stream_refuse(&stage->stream, -EBUSY,
				     "more mappings than the limits here allow");
	if (map_insert(stage->domain->map, &range) < 0)
		return out_of_memory(stage);
	map_reclaim_nodes(stage->domain->map);
	return 0;
}

static int refuse_granule(const struct stage *stage, const struct domain *domain)
{
	return stream_refuse(&stage->stream, -EINVAL, "domain %" PRIu32 " has no granule",
			     domain->node.id);
}

static const struct elements mapping_elements = { &mapping_layout, read_mapping, NULL, "mappings" };

static int read_mappings(struct stage *stage, const struct chunk *chunk)
{
	const struct domain *domain = stage->domain;

	if (!domain || domain->table || (chunk->length && domain->bypass) || map_count(domain->map))
		return stream_refuse(&stage->stream, -EINVAL,
				     "mappings of no domain, or of a bypass or table domain");
	if (chunk->length && !domain->granule)
		return refuse_granule(stage, domain);
	return read_elements(stage, chunk, &mapping_elements);
}

/* -- page requests -------------------------------------------------------------------- */

static int read_group(struct stage *stage, const void *element)
{
	const struct chunk_group *saved = element;
	struct endpoint *endpoint = endpoint_find(stage->device, saved->endpoint);
	struct page_group *group;

	if (saved->flags & ~(CHUNK_GROUP_PASID | CHUNK_GROUP_COMPLETE) || saved->reserved ||
	    (saved->pasid && !(saved->flags & CHUNK_GROUP_PASID)))
		return stream_refuse(&stage->stream, -EINVAL, "a page request has unknown flags");
	if (saved->pasid >> VIOMMU_PASID_BITS_MAX)
		return stream_refuse(&stage->stream, -EINVAL,
				     "a page request of endpoint 0x%" PRIx32 " has PASID 0x%" PRIx32
				     ", which has more than 20 bits",
				     saved->endpoint, saved->pasid);
	if (!endpoint)
		return stream_refuse(&stage->stream, -EBUSY,
				     "endpoint 0x%" PRIx32
				     ", which has page requests, does not exist here",
				     saved->endpoint);
	group = group_prepare(endpoint, saved->flags & CHUNK_GROUP_PASID ? saved->pasid : NO_PASID,
			      saved->group);
	if (!group)
		return out_of_memory(stage);
	group->is_complete = saved->flags & CHUNK_GROUP_COMPLETE;
	group->next = stage->groups;
	stage->groups = group;
	return 0;
}

static int compare_groups(const void *before, const void *next)
{
	return chunk_group_compare(before, next);
}

static const struct elements group_elements = { &group_layout, read_group, compare_groups,
						"page requests" };

static int read_groups(struct stage *stage, const struct chunk *chunk)
{
	if (!chunk->length || stage->has_groups)
		return stream_refuse(&stage->stream, -EINVAL, "page requests come twice");
	stage->has_groups = true;
	stage->domain = NULL;
	return read_elements(stage, chunk, &group_elements);
}

/* -- the whole stream ------------------------------------------------------------------ */

/* `since`: the first version with this chunk. */
static const struct chunk_row {
	int (*read)(struct stage *stage, const struct chunk *chunk);
	uint32_t since;
} chunk_rows[] = {
	[CHUNK_DEVICE] = { read_device, STATE_VERSION_FIRST },
	[CHUNK_DOMAIN] = { read_domain, STATE_VERSION_FIRST },
	[CHUNK_ENDPOINT] = { read_endpoint, STATE_VERSION_FIRST },
	[CHUNK_MAPPINGS] = { read_mappings, STATE_VERSION_FIRST },
	[CHUNK_BLOCKED] = { read_blocked, STATE_VERSION_BLOCKED },
	[CHUNK_TABLE] = { read_table, STATE_VERSION_SPACES },
	[CHUNK_SLOTS] = { read_slots, STATE_VERSION_SPACES },
	[CHUNK_GRANULE] = { read_granule, STATE_VERSION_SPACES },
	[CHUNK_GROUPS] = { read_groups, STATE_VERSION_SPACES },
};

/* The first chunk, and only the first, is that of the device; page requests are last. */
static int read_chunk(struct stage *stage, const struct chunk *chunk)
{
	bool first = chunk->at == STREAM_HEAD_LENGTH;
	const struct chunk_row *row = chunk->type < sizeof(chunk_rows) / sizeof(chunk_rows[0])
					      ? &chunk_rows[chunk->type]
					      : NULL;

	if (!row || !row->read || row->since > stage->stream.version ||
	    first != (chunk->type == CHUNK_DEVICE) || stage->has_groups)
		return stream_refuse(&stage->stream, -EINVAL,
				     "unexpected chunk of type %" PRIu32 " at offset %zu",
				     chunk->type, chunk->at);
	return row->read(stage, chunk);
}

/* Its endpoints and PASIDs give a domain its granule; a parent can have neither. */
static int check_domains(const struct stage *stage)
{
	for_all_domains(domain, stage) {
		if (!domain_is_held(domain))
			return stream_refuse(&stage->stream, -EINVAL,
					     "domain %" PRIu32 " has no endpoint", domain->node.id);
		if (!domain->table && !domain->bypass && !domain->granule)
			return refuse_granule(stage, domain);
	}
	return 0;
}

static int compare_slots(const void *a, const void *b)
{
	const struct slot *const *left = a, *const *right = b;
	const struct chunk_slot x = { (*left)->endpoint->node.id, (*left)->pasid };
	const struct chunk_slot y = { (*right)->endpoint->node.id, (*right)->pasid };

	return chunk_slot_compare(&x, &y);
}

/* A PASID is in at most one domain, and in none if a context table defines the PASIDs. */
static int check_slots(const struct stage *stage, struct slot *const *sorted)
{
	for (size_t i = 0; i < stage->n_slots; i++)
		if ((i && !compare_slots(&sorted[i - 1], &sorted[i])) ||
		    endpoint_has_context(sorted[i]->endpoint))
			return stream_refuse(&stage->stream, -EINVAL,
					     "PASID %" PRIu32 " of endpoint 0x%" PRIx32
					     " is attached twice",
					     sorted[i]->pasid, sorted[i]->endpoint->node.id);
	return 0;
}

/* Only endpoints and PASIDs with a table make page requests. */
static bool has_table(const struct stage *stage, struct slot *const *sorted,
		      const struct page_group *group)
{
	struct slot wanted = { .endpoint = group->endpoint, .pasid = group->pasid };
	struct slot *key = &wanted, *const * found;

	if (!group->has_pasid || endpoint_has_context(group->endpoint))
		return group->endpoint->domain && group->endpoint->domain->table;
	found = bsearch(&key, sorted, stage->n_slots, sizeof(struct slot *), compare_slots);
	return found && (*found)->domain->table;
}

/* The groups of an endpoint are adjacent. */
static int check_groups(const struct stage *stage, struct slot *const *sorted)
{
	const struct endpoint *before = NULL;
	uint32_t n = 0;

	for (const struct page_group *group = stage->groups; group; group = group->next) {
		const struct endpoint *endpoint = group->endpoint;

		n = before && endpoint == before ? n + 1 : 1;
		before = endpoint;
		if (!has_table(stage, sorted, group))
			return stream_refuse(&stage->stream, -EINVAL,
					     "endpoint 0x%" PRIx32
					     " has page requests where no table is attached",
					     endpoint->node.id);
		if (n > endpoint->config.max_page_requests)
			return stream_refuse(&stage->stream, -EBUSY,
					     "endpoint 0x%" PRIx32
					     " has more page requests than it may have here",
					     endpoint->node.id);
	}
	return 0;
}

static int check_spaces(const struct stage *stage)
{
	struct slot **sorted;
	size_t n = 0;
	int error;

	if (!stage->slots && !stage->groups)
		return 0;
	sorted = calloc(stage->n_slots + 1, sizeof(struct slot *));
	if (!sorted)
		return out_of_memory(stage);
	for (struct slot *slot = stage->slots; slot; slot = slot->next_retired)
		sorted[n++] = slot;
	qsort(sorted, n, sizeof(struct slot *), compare_slots);
	error = check_slots(stage, sorted);
	if (!error)
		error = check_groups(stage, sorted);
	free(sorted);
	return error;
}

static int read_end(const struct stage *stage, const struct chunk *end)
{
	int error;

	if (end->at == STREAM_HEAD_LENGTH)
		return stream_refuse(&stage->stream, -EINVAL, "the stream is empty");
	error = check_domains(stage);
	return error ? error : check_spaces(stage);
}

static int read_stream(struct stage *stage)
{
	int error = stream_open(&stage->stream, STATE_MAGIC, STATE_VERSION_LAST);
	struct chunk chunk;

	while (!error) {
		int more = stream_next(&stage->stream, &chunk);

		if (more <= 0)
			return more < 0 ? more : read_end(stage, &chunk);
		error = read_chunk(stage, &chunk);
	}
	return error;
}

/* -- installing the stage ----------------------------------------------------------- */

/* Unlink an endpoint and those after it in its domain. */
static void unlink_rest(struct endpoint *endpoint)
{
	for (struct endpoint *next; endpoint; endpoint = next) {
		next = endpoint->next;
		endpoint_unlink(endpoint);
	}
}

/* Endpoints after the one that refused have not been notified, and are unlinked. */
static int replay_all(struct stage *stage, struct domain *domain)
{
	for_each_endpoint(endpoint, domain) {
		int error = listeners_replay(endpoint);

		if (error) {
			uint32_t id = endpoint->node.id;

			unlink_rest(endpoint);
			return stream_refuse(&stage->stream, error,
					     "a listener of endpoint 0x%" PRIx32
					     " refused: errno %d",
					     id, -error);
		}
		endpoint_publish_route(endpoint);
	}
	return 0;
}

static int publish_slots(struct stage *stage)
{
	while (stage->slots) {
		struct slot *slot = stage->slots;
		int error = shadows_enter(slot);

		if (error)
			return stream_refuse(&stage->stream, error,
					     "a listener of endpoint 0x%" PRIx32
					     " refused PASID %" PRIu32 ": errno %d",
					     slot->endpoint->node.id, slot->pasid, -error);
		stage->slots = slot->next_retired;
		slot_publish(slot);
	}
	return 0;
}

static void discard_slots(struct stage *stage)
{
	while (stage->slots) {
		struct slot *slot = stage->slots;

		stage->slots = slot->next_retired;
		slot_discard(slot);
	}
}

static void put_groups(struct stage *stage)
{
	while (stage->groups) {
		struct page_group *group = stage->groups;

		stage->groups = group->next;
		group_put(group);
	}
}

static void discard_groups(struct stage *stage)
{
	while (stage->groups) {
		struct page_group *group = stage->groups;

		stage->groups = group->next;
		free(group);
	}
}

/* Move all domains into the device, parents together with their children. */
static void move_domains(struct stage *stage)
{
	struct viommu *device = stage->device;
	struct domain *domain;

	while ((domain = ids_next(&stage->domains, 0))) {
		ids_remove(&stage->domains, domain->node.id);
		ids_put(&device->domains, &domain->node);
		domain_account(device, domain);
	}
}

/* After a refusal: domains from `refused` on, whose listeners have not been notified yet, and
 * PASIDs. */
static void take_back(struct stage *stage, struct domain *refused)
{
	struct viommu *device = stage->device;
	struct domain *domain;

	for (domain = refused; domain; domain = ids_after(&device->domains, &domain->node))
		unlink_rest(domain == refused ? NULL : domain->endpoints);
	discard_slots(stage);
	for (domain = ids_next(&device->domains, 0); domain;) {
		uint32_t id = domain->node.id;

		domain_release(device, domain);
		domain = id < UINT32_MAX ? ids_next(&device->domains, id + 1) : NULL;
	}
}

/* Unattached endpoints are notified last, because `bypass` takes effect after everything else. */
static int install(struct stage *stage)
{
	struct viommu *device = stage->device;
	int error;

	move_domains(stage);
	for_all_domains(domain, device) {
		error = replay_all(stage, domain);

		if (error) {
			take_back(stage, domain);
			return error;
		}
	}
	error = publish_slots(stage);
	if (error) {
		take_back(stage, NULL);
		return error;
	}
	put_groups(stage);
	device->accepted = stage->saved.accepted;
	device->bypass = stage->saved.bypass;
	notify_mode_changes(device);
	return 0;
}

/* Free what was not installed. */
static void stage_end(struct stage *stage)
{
	struct domain *domain;

	discard_groups(stage);
	discard_slots(stage);
	/* Parents outlive the endpoints of their children. */
	for_all_domains(each, stage)
		unlink_rest(each->endpoints);
	while ((domain = ids_next(&stage->domains, 0))) {
		ids_remove(&stage->domains, domain->node.id);
		domain_free(domain);
	}
}

/* Notify listeners of their new domains while translations cannot find them. */
static void block_listened(struct viommu *device)
{
	for_all_endpoints(endpoint, device)
		if (endpoint->listeners)
			endpoint_block(endpoint);
	if (device->sync_pending)
		device_synchronize(device);
}

int viommu_load(struct viommu *device, const void *bytes, size_t length, char *reason, size_t room)
{
	struct stage stage = {
		.device = device,
		.stream = { .bytes = bytes, .length = length, .reason = reason, .room = room },
	};
	int error;

	device_lock(device);
	flights_cancel(device);
	device_reset(device, device->bypass);
	device_synchronize(device);
	error = read_stream(&stage);
	if (!error)
		block_listened(device);
	if (!error)
		error = install(&stage);
	stage_end(&stage);
	if (error)
		device_reset(device, device->bypass);
	record_state(device);
	device_unlock(device);
	return error;
}
