/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>

#include "device/core.h"
#include "wire/stream.h"

/*
 * Saved state: the device as a stream of bytes (docs/state.md, wire/stream.h)
 *
 * A stream comes from a file or a network, and is not trusted. It is read into domains apart from
 * the device, by the rules of ATTACH and MAP. Their endpoints are linked at once, but listeners
 * and translations learn of it only when the whole stream is valid. An unknown chunk is an error,
 * because its content would be lost.
 *
 * One state has one stream: domains and mappings ascend, and the endpoints of a domain are in the
 * order of attachment.
 */

#define MAGIC 0x534f4956u /* "VIOS" */

/* A stream has the lowest version that can express it, so that an older library can read it. */
#define VERSION_FIRST   1
#define VERSION_BLOCKED 2 /* has CHUNK_BLOCKED */
#define VERSION_LAST    VERSION_BLOCKED

enum chunk_type {
	CHUNK_DEVICE = 1,   /* struct chunk_device; once, first */
	CHUNK_DOMAIN = 2,   /* struct chunk_domain; the chunks after it belong to it */
	CHUNK_ENDPOINT = 3, /* struct chunk_endpoint: attached to that domain */
	CHUNK_MAPPINGS = 4, /* struct chunk_mapping, any number, of that domain */
	CHUNK_END = STREAM_END,
	CHUNK_BLOCKED = 6, /* struct chunk_endpoint: quarantined; before all domains */
};

struct chunk_device {
	uint64_t accepted;
	uint32_t bypass, reserved;
};
static const struct field device_fields[] = {
	ROW(struct chunk_device, 0, HEX, accepted, "accepted"),
	ROW(struct chunk_device, 8, NUMBER, bypass, "bypass"),
	ROW(struct chunk_device, 12, RESERVED, reserved, "reserved"),
};
static const struct layout device_layout =
	LAYOUT("device", CHUNK_DEVICE, 16, struct chunk_device, device_fields);

struct chunk_domain {
	uint32_t id, bypass;
};
static const struct field domain_fields[] = {
	ROW(struct chunk_domain, 0, NUMBER, id, "id"),
	ROW(struct chunk_domain, 4, NUMBER, bypass, "bypass"),
};
static const struct layout domain_layout =
	LAYOUT("domain", CHUNK_DOMAIN, 8, struct chunk_domain, domain_fields);

struct chunk_endpoint {
	uint32_t id, reserved;
};
static const struct field endpoint_fields[] = {
	ROW(struct chunk_endpoint, 0, HEX, id, "id"),
	ROW(struct chunk_endpoint, 4, RESERVED, reserved, "reserved"),
};
static const struct layout endpoint_layout =
	LAYOUT("endpoint", CHUNK_ENDPOINT, 8, struct chunk_endpoint, endpoint_fields);

struct chunk_mapping {
	uint64_t first, last, phys;
	uint32_t flags, reserved;
};
static const struct field mapping_fields[] = {
	ROW(struct chunk_mapping, 0, HEX, first, "first"),
	ROW(struct chunk_mapping, 8, HEX, last, "last"),
	ROW(struct chunk_mapping, 16, HEX, phys, "phys"),
	ROW(struct chunk_mapping, 24, HEX, flags, "flags"),
	ROW(struct chunk_mapping, 28, RESERVED, reserved, "reserved"),
};
static const struct layout mapping_layout =
	LAYOUT("mapping", CHUNK_MAPPINGS, 32, struct chunk_mapping, mapping_fields);

/* -- writing ------------------------------------------------------------------ */

static void write_mappings(struct stream_writer *writer, const struct map *map)
{
	struct range range;

	stream_write_chunk(writer, CHUNK_MAPPINGS,
			   (uint64_t)map_count(map) * mapping_layout.length);
	for (uint64_t from = 0; map_next_range(map, from, &range); from = range.last + 1) {
		const struct chunk_mapping mapping = {
			.first = range.first,
			.last = range.last,
			.phys = range.phys,
			.flags = range.flags,
		};

		stream_write_row(writer, &mapping_layout, &mapping);
		if (range.last == UINT64_MAX)
			break;
	}
}

static void write_endpoint(struct stream_writer *writer, enum chunk_type type,
			   const struct endpoint *endpoint)
{
	const struct chunk_endpoint chunk = { .id = endpoint->node.id };

	stream_write_chunk(writer, type, endpoint_layout.length);
	stream_write_row(writer, &endpoint_layout, &chunk);
}

static void write_domain(struct stream_writer *writer, const struct domain *domain)
{
	const struct chunk_domain chunk = { .id = domain->node.id, .bypass = domain->bypass };

	stream_write_one(writer, &domain_layout, &chunk);
	for_each_endpoint(endpoint, domain)
		write_endpoint(writer, CHUNK_ENDPOINT, endpoint);
	write_mappings(writer, domain->map);
}

static size_t domain_length(const struct domain *domain)
{
	size_t chunks = 2 + domain->n_endpoints;

	return chunks * STREAM_CHUNK_LENGTH + domain_layout.length +
	       domain->n_endpoints * endpoint_layout.length +
	       map_count(domain->map) * mapping_layout.length;
}

static size_t count_quarantined(const struct viommu *device)
{
	size_t n = 0;

	for_all_endpoints(endpoint, device)
		n += endpoint->quarantined;
	return n;
}

static size_t stream_length(const struct viommu *device)
{
	size_t length = STREAM_HEAD_LENGTH + 2 * STREAM_CHUNK_LENGTH + device_layout.length;

	length += count_quarantined(device) * (STREAM_CHUNK_LENGTH + endpoint_layout.length);
	for_all_domains(domain, device)
		length += domain_length(domain);
	return length;
}

static void write_stream(const struct viommu *device, struct stream_writer *writer)
{
	const struct chunk_device chunk = {
		.accepted = device->accepted,
		.bypass = device->bypass,
	};

	stream_write_one(writer, &device_layout, &chunk);
	for_all_endpoints(endpoint, device)
		if (endpoint->quarantined)
			write_endpoint(writer, CHUNK_BLOCKED, endpoint);
	for_all_domains(domain, device)
		write_domain(writer, domain);
	stream_finish(writer, MAGIC, count_quarantined(device) ? VERSION_BLOCKED : VERSION_FIRST);
}

/* PASIDs and tables have no chunk yet. */
static bool has_slots(const struct viommu *device)
{
	for_all_endpoints(endpoint, device)
		if (!slots_are_empty(endpoint))
			return true;
	for_all_domains(domain, device)
		if (domain->table || domain->n_children)
			return true;
	return false;
}

int viommu_save(struct viommu *device, void **ret_bytes, size_t *ret_length)
{
	struct stream_writer writer;
	int error;

	device_lock(device);
	error = has_slots(device) ? -EBUSY : stream_create(&writer, stream_length(device));
	if (!error)
		write_stream(device, &writer);
	device_unlock(device);
	if (error)
		return error;
	*ret_bytes = writer.bytes;
	*ret_length = writer.length;
	return 0;
}

/* -- reading into the stage -------------------------------------------------------- */

struct stage {
	struct viommu *device;
	struct stream stream;
	struct chunk_device saved;
	struct ids domains;    /* linked to their endpoints, unknown to listeners */
	struct domain *domain; /* of the chunks that follow */
	struct usage usage;    /* of all domains so far */
};

static int read_device(struct stage *stage, const struct chunk *chunk)
{
	uint64_t offered = stage->device->config.features;
	int error = stream_read_one(&stage->stream, chunk, &device_layout, &stage->saved);

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

static int domain_check(const struct stage *stage, const struct chunk_domain *domain)
{
	const struct viommu_config *config = &stage->device->config;

	if (domain->bypass > 1 || ids_find(&stage->domains, domain->id))
		return stream_refuse(&stage->stream, -EINVAL,
				     "domain %" PRIu32
				     " is duplicate, or its bypass is neither 0 nor 1",
				     domain->id);
	if (domain->id < config->domain_first || domain->id > config->domain_last)
		return stream_refuse(&stage->stream, -EBUSY,
				     "domain %" PRIu32 " is outside the domain range, %" PRIu32
				     "-%" PRIu32,
				     domain->id, config->domain_first, config->domain_last);
	return 0;
}

static int read_domain(struct stage *stage, const struct chunk *chunk)
{
	struct chunk_domain domain;
	int error = stream_read_one(&stage->stream, chunk, &domain_layout, &domain);
	struct domain_spec spec = { 0 };

	if (!error)
		error = domain_check(stage, &domain);
	if (error)
		return error;
	spec.id = domain.id;
	spec.bypass = domain.bypass;
	stage->usage.domains++;
	stage->usage.bytes += domain_bytes_empty(&spec);
	if (device_is_full(stage->device, stage->usage))
		return stream_refuse(&stage->stream, -EBUSY,
				     "more domains than the limits here allow");
	stage->domain = domain_new(&spec, 0);
	if (!stage->domain)
		return stream_refuse(&stage->stream, -ENOMEM, "out of memory");
	ids_put(&stage->domains, &stage->domain->node);
	return 0;
}

/* NULL, with an error: it does not exist, or an earlier chunk had it. */
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

static int read_endpoint(struct stage *stage, const struct chunk *chunk)
{
	struct domain *domain = stage->domain;
	struct endpoint *endpoint;
	int error;

	if (!domain)
		return stream_refuse(&stage->stream, -EINVAL,
				     "an endpoint at offset %zu belongs to no domain", chunk->at);
	endpoint = find_endpoint(stage, chunk, !map_count(domain->map), &error);
	if (!endpoint)
		return error;
	if (domain->n_endpoints && domain->granule != endpoint->granule && !domain->bypass)
		return stream_refuse(&stage->stream, -EBUSY,
				     "endpoint 0x%" PRIx32
				     " has another granule here than the others of domain %" PRIu32,
				     endpoint->node.id, domain->node.id);
	domain->granule = endpoint->granule;
	endpoint_link(endpoint, domain);
	return 0;
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

/* -EBUSY: another device could have the mapping. -EINVAL: none could. */
static int refuse_mapping(const struct stage *stage, const struct range *range)
{
	const char *conflict = mapping_conflict_reason(stage->device, stage->domain, range);

	return stream_refuse(&stage->stream, conflict ? -EBUSY : -EINVAL,
			     "the mapping at 0x%" PRIx64 " of domain %" PRIu32 " %s", range->first,
			     stage->domain->node.id, conflict ? conflict : "is invalid");
}

static int read_mapping(struct stage *stage, const struct chunk_mapping *mapping)
{
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
		return stream_refuse(&stage->stream, -ENOMEM, "out of memory");
	map_reclaim_nodes(stage->domain->map);
	return 0;
}

static int read_mappings(struct stage *stage, const struct chunk *chunk)
{
	size_t n = chunk->length / mapping_layout.length;

	if (!stage->domain || (n && stage->domain->bypass) || map_count(stage->domain->map) ||
	    chunk->length % mapping_layout.length)
		return stream_refuse(
			&stage->stream, -EINVAL,
			"mappings of no domain, of a bypass domain, or of uneven length");
	for (size_t i = 0; i < n; i++) {
		struct chunk_mapping mapping;
		int error;

		layout_decode(&mapping_layout, chunk->bytes + i * mapping_layout.length, &mapping);
		error = read_mapping(stage, &mapping);
		if (error)
			return error;
	}
	return 0;
}

/* `since`: the first version with this chunk. */
static const struct chunk_row {
	int (*read)(struct stage *stage, const struct chunk *chunk);
	uint32_t since;
} chunk_rows[] = {
	[CHUNK_DEVICE] = { read_device, VERSION_FIRST },
	[CHUNK_DOMAIN] = { read_domain, VERSION_FIRST },
	[CHUNK_ENDPOINT] = { read_endpoint, VERSION_FIRST },
	[CHUNK_MAPPINGS] = { read_mappings, VERSION_FIRST },
	[CHUNK_BLOCKED] = { read_blocked, VERSION_BLOCKED },
};

/* Exactly the first chunk is the device's. */
static int read_chunk(struct stage *stage, const struct chunk *chunk)
{
	bool first = chunk->at == STREAM_HEAD_LENGTH;
	const struct chunk_row *row = chunk->type < sizeof(chunk_rows) / sizeof(chunk_rows[0])
					      ? &chunk_rows[chunk->type]
					      : NULL;

	if (!row || !row->read || row->since > stage->stream.version ||
	    first != (chunk->type == CHUNK_DEVICE))
		return stream_refuse(&stage->stream, -EINVAL,
				     "unexpected chunk of type %" PRIu32 " at offset %zu",
				     chunk->type, chunk->at);
	return row->read(stage, chunk);
}

static int read_end(const struct stage *stage, const struct chunk *end)
{
	if (end->at == STREAM_HEAD_LENGTH)
		return stream_refuse(&stage->stream, -EINVAL, "the stream is empty");
	for_all_domains(domain, stage)
		if (!domain->n_endpoints)
			return stream_refuse(&stage->stream, -EINVAL,
					     "domain %" PRIu32 " has no endpoint", domain->node.id);
	return 0;
}

static int read_stream(struct stage *stage)
{
	int error = stream_open(&stage->stream, MAGIC, VERSION_LAST);
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

/* Endpoints after one that refuses have not been notified, and are unlinked. */
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

/*
 * Move a domain into the device. If the first listener refused, no endpoint is left and it stays
 * apart.
 */
static int install_domain(struct stage *stage, struct domain *domain)
{
	struct viommu *device = stage->device;
	int error = replay_all(stage, domain);

	if (!domain->n_endpoints)
		return error;
	ids_remove(&stage->domains, domain->node.id);
	ids_put(&device->domains, &domain->node);
	domain_account(device, domain);
	return error;
}

/* Unattached endpoints are notified last: `bypass` is in force only when all else is. */
static int install(struct stage *stage)
{
	struct viommu *device = stage->device;
	struct domain *domain;

	while ((domain = ids_next(&stage->domains, 0))) {
		int error = install_domain(stage, domain);

		if (error)
			return error;
	}
	device->accepted = stage->saved.accepted;
	device->bypass = stage->saved.bypass;
	notify_mode_changes(device);
	return 0;
}

/* Free what was not installed. */
static void stage_end(struct stage *stage)
{
	struct domain *domain;

	while ((domain = ids_next(&stage->domains, 0))) {
		unlink_rest(domain->endpoints);
		ids_remove(&stage->domains, domain->node.id);
		domain_free(domain);
	}
}

/* Listeners are told of their new domains while no translation finds them. */
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
	device_unlock(device);
	return error;
}
