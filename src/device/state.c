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
 * read into domains that stand apart, by the rules that ATTACH and MAP go by, and only
 * when all of it is sound are endpoints moved into them.
 */

#define MAGIC       0x534f4956u /* "VIOS" */
#define VERSION     1
#define HEAD_LENGTH 24u

enum chunk_type {
	CHUNK_DEVICE = 1,   /* struct chunk_device; once, first */
	CHUNK_DOMAIN = 2,   /* struct chunk_domain; what follows belongs to it */
	CHUNK_ENDPOINT = 3, /* struct chunk_endpoint: is in that domain */
	CHUNK_MAPPINGS = 4, /* struct chunk_mapping, any number: are in that domain */
	CHUNK_END = 5,      /* nothing; once, last */
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

static void write_domain(struct writer *writer, const struct domain *domain)
{
	const struct chunk_domain chunk = { .id = domain->id, .bypass = domain->bypass };

	write_chunk(writer, CHUNK_DOMAIN, domain_layout.length);
	write_row(writer, &domain_layout, &chunk);
	for_each_endpoint(endpoint, domain) {
		write_chunk(writer, CHUNK_ENDPOINT, endpoint_layout.length);
		write_row(writer, &endpoint_layout,
			  &(struct chunk_endpoint){ .id = endpoint->said.id });
	}
	write_mappings(writer, domain->map);
}

static size_t domain_length(const struct domain *domain)
{
	size_t chunks = 2 + domain->n_endpoints;

	return chunks * chunk_layout.length + domain_layout.length +
	       domain->n_endpoints * endpoint_layout.length +
	       map_count(domain->map) * mapping_layout.length;
}

static size_t stream_length(const struct viommu *device)
{
	size_t length = HEAD_LENGTH + 2 * chunk_layout.length + device_layout.length;

	for (size_t i = 0; i < device->domains.count; i++)
		length += domain_length(device->domains.entries[i].object);
	return length;
}

static void write_stream(const struct viommu *device, uint8_t *bytes, size_t length)
{
	struct stream_head head = { .magic = MAGIC, .version = VERSION, .length = length };
	const struct chunk_device chunk = {
		.accepted = device->accepted,
		.bypass = device->bypass,
	};
	struct writer writer = { bytes + HEAD_LENGTH };

	write_chunk(&writer, CHUNK_DEVICE, device_layout.length);
	write_row(&writer, &device_layout, &chunk);
	for (size_t i = 0; i < device->domains.count; i++)
		write_domain(&writer, device->domains.entries[i].object);
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

	struct chunk_device said;
	struct ids domains, attached; /* struct domain by ID; what is in one, by endpoint */
	struct domain *domain;        /* to which chunks belong */
	struct load load;             /* of all domains so far */
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
	if (!stage->domain || ids_insert(&stage->domains, chunk.id, stage->domain) < 0) {
		domain_free(stage->domain);
		stage->domain = NULL;
		return refuse(stage, -ENOMEM, "out of memory");
	}
	stage->load.domains++;
	stage->load.bytes += domain_bytes_empty();
	if (device_is_full(stage->device, stage->load))
		return refuse(stage, -EBUSY, "more domains than the limits here allow");
	return 0;
}

static int read_endpoint(struct stage *stage, const uint8_t *body, size_t length)
{
	struct domain *domain = stage->domain;
	struct chunk_endpoint chunk;
	struct endpoint *endpoint;

	(void)length;
	layout_decode(&endpoint_layout, body, &chunk);
	endpoint = endpoint_find(stage->device, chunk.id);
	if (!endpoint)
		return refuse(stage, -EBUSY, "there is no endpoint 0x%" PRIx32 " here", chunk.id);
	if (!domain || map_count(domain->map) || ids_find(&stage->attached, chunk.id))
		return refuse(stage, -EINVAL, "endpoint 0x%" PRIx32 " is not where it can be",
			      chunk.id);
	if (domain->granule && domain->granule != endpoint->granule && !domain->bypass)
		return refuse(stage, -EBUSY,
			      "endpoint 0x%" PRIx32
			      " has another granule than others of domain %" PRIu32,
			      chunk.id, domain->id);
	domain->granule = endpoint->granule;
	domain->n_endpoints++;
	if (ids_insert(&stage->attached, chunk.id, domain) < 0)
		return refuse(stage, -ENOMEM, "out of memory");
	return 0;
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
			      range.first, stage->domain->id);
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
} chunk_rows[] = {
	[CHUNK_DEVICE] = { &device_layout, read_device, false },
	[CHUNK_DOMAIN] = { &domain_layout, read_domain, false },
	[CHUNK_ENDPOINT] = { &endpoint_layout, read_endpoint, false },
	[CHUNK_MAPPINGS] = { &mapping_layout, read_mappings, true },
};

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
	if (first != (head.type == CHUNK_DEVICE) || !head.type || head.type > CHUNK_MAPPINGS)
		return refuse(stage, -EINVAL, "chunk of type %" PRIu32 " at offset %zu", head.type,
			      stage->at - chunk_layout.length);
	row = &chunk_rows[head.type];
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
	if (head.version != VERSION)
		return refuse(stage, -ENOTSUP, "version %" PRIu32 ", and this library knows %d",
			      head.version, VERSION);
	if (head.length != stage->length)
		return refuse(stage, -EINVAL, "%zu bytes where %" PRIu64 " were written",
			      stage->length, head.length);
	if (head.checksum != checksum_of(stage, head))
		return refuse(stage, -EINVAL, "damaged: the checksum is wrong");
	stage->at = HEAD_LENGTH;
	return 0;
}

static int read_stream(struct stage *stage)
{
	int state = read_head(stage);

	while (!state)
		state = read_chunk(stage);
	if (state < 0)
		return state;
	for (size_t i = 0; i < stage->domains.count; i++) {
		struct domain *domain = stage->domains.entries[i].object;

		if (!domain->n_endpoints)
			return refuse(stage, -EINVAL, "domain %" PRIu32 " is empty", domain->id);
	}
	return 0;
}

/* -- and into the device ------------------------------------------------------------ */

/* A domain counted its endpoints while apart; now they join it, and count again. */
static int install(struct stage *stage)
{
	struct viommu *device = stage->device;

	device->accepted = stage->said.accepted;
	device->bypass = stage->said.bypass;
	for (size_t i = 0; i < stage->domains.count; i++) {
		struct domain *domain = stage->domains.entries[i].object;

		domain->n_endpoints = 0;
		domain_charge(device, domain);
	}
	device->domains = stage->domains;
	stage->domains = (struct ids){ 0 };
	for (size_t i = 0; i < stage->attached.count; i++) {
		struct id_entry *entry = &stage->attached.entries[i];
		struct endpoint *endpoint = endpoint_find(device, entry->id);
		int error;

		if (!endpoint_fits(endpoint, entry->object))
			return refuse(stage, -EBUSY,
				      "endpoint 0x%" PRIx32
				      " cannot have the mappings of its domain",
				      entry->id);
		error = endpoint_join(endpoint, entry->object);
		if (error)
			return refuse(stage, error,
				      "a listener of endpoint 0x%" PRIx32 " refused: errno %d",
				      entry->id, -error);
	}
	listeners_refresh(device);
	return 0;
}

/* After a refusal on the way in: domains that nobody has joined are not in use yet. */
static void forget_unused(struct viommu *device)
{
	for (size_t i = device->domains.count; i-- > 0;) {
		struct domain *domain = device->domains.entries[i].object;

		if (domain->n_endpoints)
			continue;
		domain_discharge(device, domain);
		ids_remove(&device->domains, domain->id);
		domain_free(domain);
	}
}

static void stage_end(struct stage *stage)
{
	for (size_t i = 0; i < stage->domains.count; i++)
		domain_free(stage->domains.entries[i].object);
	ids_clear(&stage->domains);
	ids_clear(&stage->attached);
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
	if (!error) {
		ids_clear(&device->domains);
		error = install(&stage);
		if (error) {
			forget_unused(device);
			device_reset(device, device->config.bypass);
		}
	}
	stage_end(&stage);
	device_unlock(device);
	return error;
}
