/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "device/personality.h"

/*
 * The request PROBE and its properties (virtio 1.3, 5.13.6.7 and 5.13.6.8)
 *
 * Reserved regions come first, because a driver may stop at a type that it does not know; then
 * the rows of VIOMMU_PROPERTIES. Every property is a multiple of 8 bytes. The standard has no
 * property for an endpoint's input range, so what it lacks of the device's range is reported as
 * reserved.
 */

struct property_resv_mem {
	uint16_t type, length;
	uint8_t subtype, reserved[3];
	uint64_t start, end;
};

struct property_value {
	uint16_t type, length;
	uint32_t value;
};

#define HEAD(host)  ROW(host, 0, TYPE, type, "type"), ROW(host, 2, NUMBER, length, "length")
#define HEAD_LENGTH 4

static const struct field_name subtypes[] = {
	{ VIOMMU_RESV_MEM_RESERVED, "RESERVED" },
	{ VIOMMU_RESV_MEM_MSI, "MSI" },
	{ 0, NULL },
};
static const struct field resv_mem_fields[] = {
	HEAD(struct property_resv_mem),
	ROW_NAMED(struct property_resv_mem, 4, ENUM, subtype, "subtype", subtypes),
	ROW(struct property_resv_mem, 5, RESERVED, reserved, "reserved"),
	ROW(struct property_resv_mem, 8, HEX, start, "start"),
	ROW(struct property_resv_mem, 16, HEX, end, "end"),
};
static const struct layout resv_mem_layout =
	LAYOUT("RESV_MEM", VIOMMU_PROBE_T_RESV_MEM, VIOMMU_PROBE_RESV_MEM_LENGTH,
	       struct property_resv_mem, resv_mem_fields);

static const struct field value_fields[] = {
	HEAD(struct property_value),
	ROW(struct property_value, 4, HEX, value, "value"),
};
static const struct layout value_layout =
	LAYOUT("value", 0, 8, struct property_value, value_fields);

struct property_pasid {
	uint16_t type, length;
	uint8_t bits, flags, policy, reserved;
};
static const struct field pasid_fields[] = {
	HEAD(struct property_pasid),
	ROW(struct property_pasid, 4, NUMBER, bits, "bits"),
	ROW(struct property_pasid, 5, HEX, flags, "flags"),
	ROW(struct property_pasid, 6, NUMBER, policy, "policy"),
	ROW(struct property_pasid, 7, RESERVED, reserved, "reserved"),
};
static const struct layout pasid_layout =
	LAYOUT("PASID", VIOMMU_PROBE_T_PASID, VIOMMU_PROBE_PASID_LENGTH, struct property_pasid,
	       pasid_fields);

struct property_format {
	uint16_t type, length, format;
	uint8_t input_bits, output_bits;
	uint64_t granules;
	uint8_t asid_bits, reserved[3];
	uint32_t flags;
};
static const struct field format_fields[] = {
	HEAD(struct property_format),
	ROW(struct property_format, 4, HEX, format, "format"),
	ROW(struct property_format, 6, NUMBER, input_bits, "input_bits"),
	ROW(struct property_format, 7, NUMBER, output_bits, "output_bits"),
	ROW(struct property_format, 8, HEX, granules, "granules"),
	ROW(struct property_format, 16, NUMBER, asid_bits, "asid_bits"),
	ROW(struct property_format, 17, RESERVED, reserved, "reserved"),
	ROW(struct property_format, 20, HEX, flags, "flags"),
};
static const struct layout format_layout =
	LAYOUT("TABLE_FORMAT", VIOMMU_PROBE_T_TABLE_FORMAT, VIOMMU_PROBE_TABLE_FORMAT_LENGTH,
	       struct property_format, format_fields);

struct property_page_request {
	uint16_t type, length;
	uint32_t flags, max_outstanding, reserved;
};
static const struct field page_request_fields[] = {
	HEAD(struct property_page_request),
	ROW(struct property_page_request, 4, HEX, flags, "flags"),
	ROW(struct property_page_request, 8, NUMBER, max_outstanding, "max_outstanding"),
	ROW(struct property_page_request, 12, RESERVED, reserved, "reserved"),
};
static const struct layout page_request_layout =
	LAYOUT("PAGE_REQUEST", VIOMMU_PROBE_T_PAGE_REQUEST, VIOMMU_PROBE_PAGE_REQUEST_LENGTH,
	       struct property_page_request, page_request_fields);

#define ENDPOINT_ROW(name, type, has, member, bits, text) \
	{ type, offsetof(struct viommu_endpoint, has_##has), \
	  offsetof(struct viommu_endpoint, member), bits },
static const struct property_row {
	uint16_t type;
	size_t has, value; /* offsets in struct viommu_endpoint */
	uint32_t bits;
} property_rows[] = { VIOMMU_PROPERTIES(ENDPOINT_ROW) };

#define for_each_property(row) \
	for (const struct property_row *row = property_rows; \
	     row < property_rows + sizeof(property_rows) / sizeof(property_rows[0]); row++)

static bool has_property(const struct property_row *row, const struct viommu_endpoint *config)
{
	return *(const bool *)((const char *)config + row->has);
}

static uint32_t value_of(const struct property_row *row, const struct viommu_endpoint *config)
{
	return *(const uint32_t *)(const void *)((const char *)config + row->value);
}

bool probe_values_are_valid(const struct viommu_endpoint *config)
{
	for_each_property(row) if (has_property(row, config) &&
				   value_of(row, config) & ~row->bits) return false;
	return true;
}

void answer_append(struct answer *answer, const struct layout *layout, const void *property)
{
	if (wire_fits(answer->used, layout->length, answer->room))
		layout_encode(layout, property, answer->properties + answer->used);
	answer->used += layout->length;
}

static void append_region(struct answer *answer, uint64_t first, uint64_t last, uint32_t subtype)
{
	const struct property_resv_mem property = {
		.type = VIOMMU_PROBE_T_RESV_MEM,
		.length = VIOMMU_PROBE_RESV_MEM_LENGTH - HEAD_LENGTH,
		.subtype = (uint8_t)subtype,
		.start = first,
		.end = last,
	};

	answer_append(answer, &resv_mem_layout, &property);
}

static void append_value(struct answer *answer, uint16_t type, uint32_t value)
{
	const struct property_value property = {
		.type = type,
		.length = sizeof(property.value),
		.value = value,
	};

	answer_append(answer, &value_layout, &property);
}

/*
 * Report [first, last], which the endpoint cannot map, except for regions that are reported
 * anyway.
 */
static void append_outside(struct answer *answer, const struct endpoint *endpoint, uint64_t first,
			   uint64_t last)
{
	const struct viommu_reserved *region;

	while ((region = endpoint_reserved(endpoint, first, last))) {
		if (region->first > first)
			append_region(answer, first, region->first - 1, VIOMMU_RESV_MEM_RESERVED);
		if (region->last >= last)
			return;
		first = region->last + 1;
	}
	append_region(answer, first, last, VIOMMU_RESV_MEM_RESERVED);
}

static void append_pasid(struct answer *answer, const struct endpoint *endpoint)
{
	const struct property_pasid property = {
		.type = VIOMMU_PROBE_T_PASID,
		.length = VIOMMU_PROBE_PASID_LENGTH - HEAD_LENGTH,
		.bits = (uint8_t)endpoint->config.pasid_bits,
		.policy = (uint8_t)endpoint->config.pasid_policy,
	};

	if (endpoint->config.pasid_bits)
		answer_append(answer, &pasid_layout, &property);
}

static void append_format(struct answer *answer, const struct viommu_table_format *format)
{
	const struct property_format property = {
		.type = VIOMMU_PROBE_T_TABLE_FORMAT,
		.length = VIOMMU_PROBE_TABLE_FORMAT_LENGTH - HEAD_LENGTH,
		.format = format->format,
		.input_bits = format->input_bits,
		.output_bits = format->output_bits,
		.granules = format->granules,
		.asid_bits = (uint8_t)format->asid_bits,
		.flags = format->flags,
	};

	answer_append(answer, &format_layout, &property);
}

static void append_page_request(struct answer *answer, const struct endpoint *endpoint)
{
	const struct property_page_request property = {
		.type = VIOMMU_PROBE_T_PAGE_REQUEST,
		.length = VIOMMU_PROBE_PAGE_REQUEST_LENGTH - HEAD_LENGTH,
		.flags = endpoint->config.page_request_flags,
		.max_outstanding = endpoint->config.max_page_requests,
	};

	if (endpoint->config.max_page_requests)
		answer_append(answer, &page_request_layout, &property);
}

void probe_append_proposal(struct answer *answer, const struct endpoint *endpoint)
{
	append_pasid(answer, endpoint);
	for (size_t i = 0; i < endpoint->config.n_formats; i++)
		append_format(answer, &endpoint->formats[i]);
	append_page_request(answer, endpoint);
}

size_t probe_properties(const struct endpoint *endpoint, uint8_t *properties, size_t room)
{
	const struct viommu_config *config = &endpoint->device->config;
	const struct regions *regions = atomic_load(&endpoint->regions);
	struct answer answer = { properties, room, 0 };

	for (size_t i = 0; regions && i < regions->n; i++)
		append_region(&answer, regions->region[i].first, regions->region[i].last,
			      regions->region[i].subtype);
	if (endpoint->input_first > config->input_first)
		append_outside(&answer, endpoint, config->input_first, endpoint->input_first - 1);
	if (endpoint->input_last < config->input_last)
		append_outside(&answer, endpoint, endpoint->input_last + 1, config->input_last);

	for_each_property(row) if (has_property(row, &endpoint->config))
		append_value(&answer, row->type, value_of(row, &endpoint->config));
	endpoint->device->personality->append_properties(&answer, endpoint);
	return answer.used;
}

uint8_t do_probe(struct viommu *device, const union request *request)
{
	const struct endpoint *endpoint = endpoint_find(device, request->probe.endpoint);

	if (!endpoint)
		return VIOMMU_S_NOENT;
	probe_properties(endpoint, device->properties, device->config.probe_size);
	return VIOMMU_S_OK;
}
