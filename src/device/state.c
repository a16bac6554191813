/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/core.h"
#include "wire/crc32.h"
#include "wire/layout.h"

/*
 * Saved state: the device as a stream of bytes, and back
 *
 * A head with magic, version, length and checksum; then chunks, each with its type and
 * length: what the driver accepted, and for each domain its endpoints and its mappings
 * (docs/state.md). A chunk that is not known is an error, for what it says would be lost.
 *
 * The stream comes from a file or a network, and is trusted as little as a guest. It is
 * read into domains that stand apart, by the rules that ATTACH and MAP go by. Endpoints are
 * written down in them at once, but listeners and translations learn of it only when all of the
 * stream is sound: until then every endpoint is as the reset before has left it.
 *
 * One state has one stream: domains and mappings are in ascending order, the endpoints of a domain
 * in the order in which they were attached.
 */

#define MAGIC       0x534f4956u /* "VIOS" */
#define HEAD_LENGTH 24u

/* A stream has the lowest version that can say all of it: so an older library reads whatever it
 * could have written itself. */
#define VERSION_FIRST   1
#define VERSION_BLOCKED 2 /* there are chunks of that type */
#define VERSION_LAST    VERSION_BLOCKED

enum chunk_type {
	CHUNK_DEVICE = 1,   /* struct chunk_device; once, first */
	CHUNK_DOMAIN = 2,   /* struct chunk_domain; what follows belongs to it */
	CHUNK_ENDPOINT = 3, /* struct chunk_endpoint: is in that domain */
	CHUNK_MAPPINGS = 4, /* struct chunk_mapping, any number: are in that domain */
	CHUNK_END = 5,      /* nothing; once, last */
	CHUNK_BLOCKED = 6,  /* struct chunk_endpoint: is in none, and kept away; before domains */
};

struct stream_head {
	uint32_t magic, version;
	uint64_t length; /* of all, this included */
	uint32_t checksum, reserved;
};
static const struct field head_fields[] = {
	ROW(struct stream_head, 0, HEX, magic, "magic"),
	ROW(struct stream_head, 4, NUMBER, version, "version"),
	ROW(struct stream_head, 8, NUMBER, length, "length"),
	ROW(struct stream_head, 16, HEX, checksum, "checksum"),
	ROW(struct stream_head, 20, RESERVED, reserved, "reserved"),
};
static const struct layout head_layout =
	LAYOUT("stream", 0, HEAD_LENGTH, struct stream_head, head_fields);

struct chunk_head {
	uint32_t type, reserved;
	uint64_t length; /* of what follows */
};
static const struct field chunk_fields[] = {
	ROW(struct chunk_head, 0, NUMBER, type, "type"),
	ROW(struct chunk_head, 4, RESERVED, reserved, "reserved"),
	ROW(struct chunk_head, 8, NUMBER, length, "length"),
};
static const struct layout chunk_layout = LAYOUT("chunk", 0, 16, struct chunk_head, chunk_fields);

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

struct writer {
	uint8_t *at;
};

static void write_row(struct writer *writer, const struct layout *layout, const void *host)
{
	layout_encode(layout, host, writer->at);
	writer->at += layout->length;
}

static void write_chunk(struct writer *writer, enum chunk_type type, uint64_t length)
{
	write_row(writer, &chunk_layout, &(struct chunk_head){ .type = type, .length = length });
}

static void write_mappings(struct writer *writer, const struct map *map)
{
	struct range range;

	write_chunk(writer, CHUNK_MAPPINGS, (uint64_t)map_count(map) * mapping_layout.length);
	for (uint64_t from = 0; map_next(map, from, &range); from = range.last + 1) {
		const struct chunk_mapping mapping = {
			.first = range.first,
			.last = range.last,
			.phys = range.phys,
			.flags = range.flags,
		};

		write_row(writer, &mapping_layout, &mapping);
		if (range.last == UINT64_MAX)
			break;
	}
}

static void write_endpoint(struct writer *writer, enum chunk_type type,
			   const struct endpoint *endpoint)
{
	const struct chunk_endpoint chunk = { .id = endpoint->node.id };

	write_chunk(writer, type, endpoint_layout.length);
	write_row(writer, &endpoint_layout, &chunk);
}

static void write_domain(struct writer *writer, const struct domain *domain)
{
	const struct chunk_domain chunk = { .id = domain->node.id, .bypass = domain->bypass };

	write_chunk(writer, CHUNK_DOMAIN, domain_layout.length);
	write_row(writer, &domain_layout, &chunk);
	for_each_endpoint(endpoint, domain)
		write_endpoint(writer, CHUNK_ENDPOINT, endpoint);
	write_mappings(writer, domain->map);
}

static size_t domain_length(const struct domain *domain)
{
	size_t chunks = 2 + domain->n_endpoints;

	return chunks * chunk_layout.length + domain_layout.length +
	       domain->n_endpoints * endpoint_layout.length +
	       map_count(domain->map) * mapping_layout.length;
}

static size_t count_quarantined(const struct viommu *device)
{
	size_t n = 0;

	for_all_endpoints(endpoint, device) n += endpoint->quarantined;
	return n;
}

static size_t stream_length(const struct viommu *device)
{
	size_t length = HEAD_LENGTH + 2 * chunk_layout.length + device_layout.length;

	length += count_quarantined(device) * (chunk_layout.length + endpoint_layout.length);
	for_all_domains(domain, device) length += domain_length(domain);
	return length;
}

static void write_stream(const struct viommu *device, uint8_t *bytes, size_t length)
{
	struct stream_head head = {
		.magic = MAGIC,
		.version = count_quarantined(device) ? VERSION_BLOCKED : VERSION_FIRST,
		.length = length,
	};
	const struct chunk_device chunk = {
		.accepted = device->accepted,
		.bypass = device->bypass,
	};
	struct writer writer = { bytes + HEAD_LENGTH };

	write_chunk(&writer, CHUNK_DEVICE, device_layout.length);
	write_row(&writer, &device_layout, &chunk);
	for_all_endpoints(endpoint, device) if (endpoint->quarantined)
		write_endpoint(&writer, CHUNK_BLOCKED, endpoint);
	for_all_domains(domain, device) write_domain(&writer, domain);
	write_chunk(&writer, CHUNK_END, 0);

	layout_encode(&head_layout, &head, bytes);
	head.checksum = crc32_of(bytes, length);
	layout_encode(&head_layout, &head, bytes);
}

int viommu_save(struct viommu *device, void **ret_bytes, size_t *ret_length)
{
	size_t length;
	uint8_t *bytes;

	device_lock(device);
	length = stream_length(device);
	bytes = calloc(1, length);
	if (bytes)
		write_stream(device, bytes, length);
	device_unlock(device);
	if (!bytes)
		return -ENOMEM;
	*ret_bytes = bytes;
	*ret_length = length;
	return 0;
}

/* -- reading, apart from the device ------------------------------------------------ */

struct stage {
	struct viommu *device;
	const uint8_t *bytes;
	size_t length, at;
	char *reason;
	size_t room;

	uint32_t version;
	struct chunk_device said;
	struct ids domains;    /* with their endpoints, of which nobody was told */
	struct domain *domain; /* to which chunks belong */
	struct load load;      /* of all domains so far */
};

__attribute__((format(printf, 3, 4))) static int refuse(struct stage *stage, int error,
							const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (stage->room)
		vsnprintf(stage->reason, stage->room, format, args);
	va_end(args);
	return error;
}

static int read_device(struct stage *stage, const uint8_t *body, size_t length)
{
	uint64_t offered = stage->device->config.features;

	(void)length;
	layout_decode(&device_layout, body, &stage->said);
	if (stage->said.accepted & ~offered)
		return refuse(stage, -EBUSY,
			      "the driver accepted features 0x%" PRIx64 ", and only 0x%" PRIx64
			      " are offered here",
			      stage->said.accepted, offered);
	if (stage->said.bypass > 1)
		return refuse(stage, -EINVAL, "bypass is neither 0 nor 1");
	return 0;
}

static int read_domain(struct stage *stage, const uint8_t *body, size_t length)
{
	const struct viommu_config *config = &stage->device->config;
	struct chunk_domain chunk;

	(void)length;
	layout_decode(&domain_layout, body, &chunk);
	if (chunk.bypass > 1 || ids_find(&stage->domains, chunk.id))
		return refuse(stage, -EINVAL, "domain %" PRIu32 " is there twice, or of no kind",
			      chunk.id);
	if (chunk.id < config->domain_first || chunk.id > config->domain_last)
		return refuse(stage, -EBUSY, "domain %" PRIu32 " is outside the domain range",
			      chunk.id);
	stage->domain = domain_new(chunk.id, chunk.bypass, 0);
	if (!stage->domain)
		return refuse(stage, -ENOMEM, "out of memory");
	ids_insert(&stage->domains, &stage->domain->node);
	stage->load.domains++;
	stage->load.bytes += domain_bytes_empty();
	if (device_is_full(stage->device, stage->load))
		return refuse(stage, -EBUSY, "more domains than the limits here allow");
	return 0;
}

/* Find the endpoint of a chunk, which no chunk before may have had. */
static int find_endpoint(struct stage *stage, const uint8_t *body, bool may_be_here,
			 struct endpoint **ret_endpoint)
{
	struct chunk_endpoint chunk;
	struct endpoint *endpoint;

	layout_decode(&endpoint_layout, body, &chunk);
	endpoint = endpoint_find(stage->device, chunk.id);
	if (!endpoint)
		return refuse(stage, -EBUSY, "there is no endpoint 0x%" PRIx32 " here", chunk.id);
	if (!may_be_here || endpoint->domain || endpoint->quarantined)
		return refuse(stage, -EINVAL, "endpoint 0x%" PRIx32 " is not where it can be",
			      chunk.id);
	*ret_endpoint = endpoint;
	return 0;
}

static int read_endpoint(struct stage *stage, const uint8_t *body, size_t length)
{
	struct domain *domain = stage->domain;
	struct endpoint *endpoint;
	int error;

	(void)length;
	error = find_endpoint(stage, body, domain && !map_count(domain->map), &endpoint);
	if (error)
		return error;
	if (domain->n_endpoints && domain->granule != endpoint->granule && !domain->bypass)
		return refuse(stage, -EBUSY,
			      "endpoint 0x%" PRIx32
			      " has another granule than others of domain %" PRIu32,
			      endpoint->node.id, domain->node.id);
	domain->granule = endpoint->granule;
	endpoint_link(endpoint, domain);
	return 0;
}

static int read_blocked(struct stage *stage, const uint8_t *body, size_t length)
{
	struct endpoint *endpoint;
	int error = find_endpoint(stage, body, !stage->domain, &endpoint);

	(void)length;
	if (!error)
		endpoint->quarantined = true;
	return error;
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
		return refuse(stage, -EINVAL, "a mapping has flags that nobody knows");
	if (mapping_check(stage->device, stage->domain, &range) != VIOMMU_S_OK)
		return refuse(stage, -EBUSY,
			      "the mapping at 0x%" PRIx64 " of domain %" PRIu32 " cannot be here",
			      range.first, stage->domain->node.id);
	stage->load.mappings++;
	stage->load.bytes += map_growth(stage->domain->map);
	if (device_is_full(stage->device, stage->load))
		return refuse(stage, -EBUSY, "more mappings than the limits here allow");
	if (map_insert(stage->domain->map, &range) < 0)
		return refuse(stage, -ENOMEM, "out of memory");
	map_settle(stage->domain->map);
	return 0;
}

static int read_mappings(struct stage *stage, const uint8_t *body, size_t length)
{
	size_t n = length / mapping_layout.length;
	struct chunk_mapping mapping;

	if (!stage->domain || (n && stage->domain->bypass) || map_count(stage->domain->map))
		return refuse(stage, -EINVAL, "mappings where there can be none");
	for (size_t i = 0; i < n; i++) {
		int error;

		layout_decode(&mapping_layout, body + i * mapping_layout.length, &mapping);
		error = read_mapping(stage, &mapping);
		if (error)
			return error;
	}
	return 0;
}

/* What each chunk is, and what reads it; `many`: any number of that layout. */
static const struct chunk_row {
	const struct layout *layout;
	int (*read)(struct stage *stage, const uint8_t *body, size_t length);
	bool many;
	uint32_t since; /* the first version that has it */
} chunk_rows[] = {
	[CHUNK_DEVICE] = { &device_layout, read_device, false, VERSION_FIRST },
	[CHUNK_DOMAIN] = { &domain_layout, read_domain, false, VERSION_FIRST },
	[CHUNK_ENDPOINT] = { &endpoint_layout, read_endpoint, false, VERSION_FIRST },
	[CHUNK_MAPPINGS] = { &mapping_layout, read_mappings, true, VERSION_FIRST },
	[CHUNK_BLOCKED] = { &endpoint_layout, read_blocked, false, VERSION_BLOCKED },
};

/* NULL: there is none of that type in this version. */
static const struct chunk_row *find_row(const struct stage *stage, uint32_t type)
{
	const struct chunk_row *row;

	if (type >= sizeof(chunk_rows) / sizeof(chunk_rows[0]))
		return NULL;
	row = &chunk_rows[type];
	return row->layout && row->since <= stage->version ? row : NULL;
}

static bool length_is_sound(const struct chunk_row *row, uint64_t length)
{
	return row->many ? !(length % row->layout->length) : length == row->layout->length;
}

/* Returns 1 at the end of the stream, 0 when there is more, a negative errno. */
static int read_chunk(struct stage *stage)
{
	bool first = stage->at == HEAD_LENGTH;
	const struct chunk_row *row;
	struct chunk_head head;
	int error;

	if (!wire_fits(stage->at, chunk_layout.length, stage->length))
		return refuse(stage, -EINVAL, "the stream ends in the middle");
	layout_decode(&chunk_layout, stage->bytes + stage->at, &head);
	stage->at += chunk_layout.length;
	if (head.type == CHUNK_END)
		return stage->at == stage->length && !first && !head.length
			       ? 1
			       : refuse(stage, -EINVAL, "the end is not at the end");
	row = find_row(stage, head.type);
	if (!row || first != (head.type == CHUNK_DEVICE))
		return refuse(stage, -EINVAL, "chunk of type %" PRIu32 " at offset %zu", head.type,
			      stage->at - chunk_layout.length);
	if (!wire_fits(stage->at, head.length, stage->length) || !length_is_sound(row, head.length))
		return refuse(stage, -EINVAL, "a chunk of %" PRIu64 " bytes at offset %zu",
			      head.length, stage->at - chunk_layout.length);
	error = row->read(stage, stage->bytes + stage->at, (size_t)head.length);
	stage->at += (size_t)head.length;
	return error;
}

/* The checksum is that of the stream with a checksum of 0. */
static uint32_t checksum_of(const struct stage *stage, struct stream_head head)
{
	uint8_t wire[HEAD_LENGTH];

	head.checksum = 0;
	layout_encode(&head_layout, &head, wire);
	return crc32_continue(crc32_of(wire, sizeof(wire)), stage->bytes + HEAD_LENGTH,
			      stage->length - HEAD_LENGTH);
}

static int read_head(struct stage *stage)
{
	struct stream_head head;

	if (stage->length < HEAD_LENGTH)
		return refuse(stage, -EINVAL, "too short for a saved state: %zu bytes",
			      stage->length);
	layout_decode(&head_layout, stage->bytes, &head);
	if (head.magic != MAGIC)
		return refuse(stage, -EINVAL, "not a saved state: it begins with 0x%08" PRIx32,
			      head.magic);
	if (head.version < VERSION_FIRST || head.version > VERSION_LAST)
		return refuse(stage, -ENOTSUP,
			      "version %" PRIu32 ", and this library knows %d to %d", head.version,
			      VERSION_FIRST, VERSION_LAST);
	if (head.length != stage->length)
		return refuse(stage, -EINVAL, "%zu bytes where %" PRIu64 " were written",
			      stage->length, head.length);
	if (head.checksum != checksum_of(stage, head))
		return refuse(stage, -EINVAL, "damaged: the checksum is wrong");
	stage->at = HEAD_LENGTH;
	stage->version = head.version;
	return 0;
}

static int read_stream(struct stage *stage)
{
	int state = read_head(stage);

	while (!state)
		state = read_chunk(stage);
	if (state < 0)
		return state;
	for_all_domains(domain, stage) if (!domain->n_endpoints) return refuse(
		stage, -EINVAL, "domain %" PRIu32 " is empty", domain->node.id);
	return 0;
}

/* -- and into the device ------------------------------------------------------------ */

/* Strike out an endpoint, and those of its domain that come after it. */
static void unlink_rest(struct endpoint *endpoint)
{
	for (struct endpoint *next; endpoint; endpoint = next) {
		next = endpoint->next;
		endpoint_unlink(endpoint);
	}
}

/* Tell the listeners of all endpoints. Behind one that refuses nobody was told, nor will be. */
static int enter_all(struct stage *stage, struct domain *domain)
{
	for_each_endpoint(endpoint, domain) {
		int error = listeners_enter(endpoint);

		if (error) {
			uint32_t id = endpoint->node.id;

			unlink_rest(endpoint);
			return refuse(stage, error,
				      "a listener of endpoint 0x%" PRIx32 " refused: errno %d", id,
				      -error);
		}
		endpoint_show(endpoint);
	}
	return 0;
}

/* The device's, from now on; or, if the very first listener refused, nobody's. */
static int install_domain(struct stage *stage, struct domain *domain)
{
	struct viommu *device = stage->device;
	int error = enter_all(stage, domain);

	if (!domain->n_endpoints)
		return error;
	ids_remove(&stage->domains, domain->node.id);
	ids_insert(&device->domains, &domain->node);
	domain_charge(device, domain);
	return error;
}

/* Whoever is attached to nothing is the last to hear of it: `bypass` is not in force before
 * everything else is. */
static int install(struct stage *stage)
{
	struct viommu *device = stage->device;
	struct domain *domain;

	while ((domain = ids_next(&stage->domains, 0))) {
		int error = install_domain(stage, domain);

		if (error)
			return error;
	}
	device->accepted = stage->said.accepted;
	device->bypass = stage->said.bypass;
	listeners_refresh(device);
	return 0;
}

/* What was not installed. */
static void stage_end(struct stage *stage)
{
	struct domain *domain;

	while ((domain = ids_next(&stage->domains, 0))) {
		unlink_rest(domain->endpoints);
		ids_remove(&stage->domains, domain->node.id);
		domain_free(domain);
	}
}

int viommu_load(struct viommu *device, const void *bytes, size_t length, char *reason, size_t room)
{
	struct stage stage = {
		.device = device,
		.bytes = bytes,
		.length = length,
		.reason = reason,
		.room = room,
	};
	int error;

	device_lock(device);
	device_reset(device, device->bypass);
	device_settle(device);
	error = read_stream(&stage);
	if (!error)
		error = install(&stage);
	stage_end(&stage);
	if (error)
		device_reset(device, device->bypass);
	device_unlock(device);
	return error;
}
