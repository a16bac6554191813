/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "device/trace.h"

/*
 * The VMM's `trace` of requests, and its `log`
 *
 * Rows decode a traced request into fields and print it. A guest can cause log events without
 * limit, so only the 1st, 2nd, 4th, 8th, ... of each kind is reported, with its number.
 */

#define FIELDS_MAX  16
#define TEXT_LENGTH 512

static const char *const status_names[] = {
	[VIOMMU_S_OK] = "OK",         [VIOMMU_S_IOERR] = "IOERR", [VIOMMU_S_UNSUPP] = "UNSUPP",
	[VIOMMU_S_DEVERR] = "DEVERR", [VIOMMU_S_INVAL] = "INVAL", [VIOMMU_S_RANGE] = "RANGE",
	[VIOMMU_S_NOENT] = "NOENT",   [VIOMMU_S_FAULT] = "FAULT", [VIOMMU_S_NOMEM] = "NOMEM",
};

struct text {
	char bytes[TEXT_LENGTH];
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	size_t room = sizeof(text->bytes) - text->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->bytes + text->length, room, format, args);
	va_end(args);
	if (n > 0)
		text->length += (size_t)n < room ? (size_t)n : room - 1;
}

/* A reserved field is shown if it is not 0, because it may be the reason for a refusal. */
static bool is_shown(const struct field *field, const void *request)
{
	if (field->kind == FIELD_TYPE || (!field_is_integer(field) && field->kind != FIELD_BYTES))
		return false;
	return field->kind != FIELD_RESERVED || !field_is_zero(field, request);
}

static void add_field(struct text *text, const struct field *field, const void *request)
{
	char value[3 * VIOMMU_TABLE_BODY_LENGTH + 1];

	field_format(field, request, value, sizeof(value));
	add(text, " %s %s", field->name, value);
}

static void trace_request(struct viommu *device, const struct layout *layout,
			  const union request *request, uint8_t status)
{
	struct viommu_trace_field fields[FIELDS_MAX];
	struct text text = { .length = 0 };
	struct viommu_trace trace = {
		.request = layout->name,
		.type = request->type,
		.answered = true,
		.status = status,
		.status_name = status_names[status],
		.fields = fields,
		.text = text.bytes,
	};

	add(&text, "%s", layout->name);
	for_each_field(field, layout) {
		if (!is_shown(field, request) || trace.n_fields == FIELDS_MAX)
			continue;
		add_field(&text, field, request);
		if (field_is_integer(field))
			fields[trace.n_fields++] = (struct viommu_trace_field){
				.name = field->name,
				.value = field_get(field, request),
			};
	}
	add(&text, ": %s", trace.status_name);
	CALLBACK_BEGIN(device, "trace", true);
	device->ops.trace(device->opaque, &trace);
	CALLBACK_END();
}

void trace_report(struct viommu *device, const struct layout *layout, const union request *request,
		  uint8_t status)
{
	if (device->ops.trace)
		trace_request(device, layout, request, status);
	if (device_records(device))
		record_request(device, layout, request, status);
}

void trace_unanswered(struct viommu *device, const char *name, const uint8_t *wire, size_t length)
{
	struct text text = { .length = 0 };
	struct viommu_trace trace = {
		.request = name,
		.type = length ? wire[0] : 0,
		.text = text.bytes,
	};

	device_log(device, VIOMMU_LOG_REQUEST,
		   "a request of type %u was returned unwritten: %s is unknown, too short, has no "
		   "room for a status, or needs a feature that was not accepted",
		   trace.type, name ? name : "it");
	record_unanswered(device, wire, length);
	if (!device->ops.trace)
		return;
	add(&text, "%s type %u: returned unwritten", name ? name : "unknown request", trace.type);
	CALLBACK_BEGIN(device, "trace", true);
	device->ops.trace(device->opaque, &trace);
	CALLBACK_END();
}

void device_log(struct viommu *device, enum viommu_log_event event, const char *format, ...)
{
	struct viommu_log entry = { .event = event };
	char text[TEXT_LENGTH];
	va_list args;

	if (!device->ops.log)
		return;
	entry.count =
		1 + atomic_fetch_add_explicit(&device->n_logged[event], 1, memory_order_relaxed);
	if (entry.count & (entry.count - 1))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	entry.text = text;
	CALLBACK_BEGIN(device, "log", true);
	device->ops.log(device->opaque, &entry);
	CALLBACK_END();
}

void device_log_limit(struct viommu *device, const char *request)
{
	const struct viommu_config *config = &device->config;

	count_add(&device->limited, 1);
	device_log(device, VIOMMU_LOG_LIMIT,
		   "%s was answered NOMEM by a limit: %zu of %" PRIu64 " domains, %" PRIu64
		   " of %" PRIu64 " mappings, %" PRIu64 " of %" PRIu64 " bytes",
		   request, device->domains.count, config->max_domains, device->n_mappings,
		   config->max_mappings, device->n_bytes, config->max_bytes);
}
