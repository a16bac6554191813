/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <string.h>

#include "device/record.h"
#include "device/trace.h"
#include "wire/layout.h"

/*
 * Configuration space (virtio 1.3, 5.13.4)
 *
 * It is encoded for each read, from the row table and the device's state: 40 bytes are cheap, and
 * no copy can be stale. A built-in topology covers the end of it, and extends it.
 */

struct config_space {
	uint64_t page_size_mask, input_start, input_end;
	uint32_t domain_start, domain_end, probe_size;
	uint8_t bypass, reserved[3];
};

#define FIELD(at, kind, member, name) ROW(struct config_space, at, kind, member, name)
static const struct field config_fields[] = {
	FIELD(VIOMMU_CONFIG_PAGE_SIZE_MASK, HEX, page_size_mask, "page_size_mask"),
	FIELD(VIOMMU_CONFIG_INPUT_START, HEX, input_start, "input_range.start"),
	FIELD(VIOMMU_CONFIG_INPUT_END, HEX, input_end, "input_range.end"),
	FIELD(VIOMMU_CONFIG_DOMAIN_START, HEX, domain_start, "domain_range.start"),
	FIELD(VIOMMU_CONFIG_DOMAIN_END, HEX, domain_end, "domain_range.end"),
	FIELD(VIOMMU_CONFIG_PROBE_SIZE, NUMBER, probe_size, "probe_size"),
	FIELD(VIOMMU_CONFIG_BYPASS, NUMBER, bypass, "bypass"),
	FIELD(VIOMMU_CONFIG_BYPASS + 1, RESERVED, reserved, "reserved"),
};
#undef FIELD

static const struct layout config_layout =
	LAYOUT("configuration space", 0, VIOMMU_CONFIG_LENGTH, struct config_space, config_fields);

static struct config_space config_of(const struct viommu *device)
{
	const struct viommu_config *config = &device->config;
	struct config_space space = { .page_size_mask = config->page_size_mask };

	if (config->features & VIOMMU_F_INPUT_RANGE) {
		space.input_start = config->input_first;
		space.input_end = config->input_last;
	}
	if (config->features & VIOMMU_F_DOMAIN_RANGE) {
		space.domain_start = config->domain_first;
		space.domain_end = config->domain_last;
	}
	if (config->features & VIOMMU_F_PROBE)
		space.probe_size = config->probe_size;
	if (config->features & VIOMMU_F_BYPASS_CONFIG)
		space.bypass = device->bypass;
	return space;
}

size_t viommu_config_length(const struct viommu *device)
{
	size_t length = device->config.topology_length;

	return length > VIOMMU_CONFIG_LENGTH ? length : VIOMMU_CONFIG_LENGTH;
}

/* The bytes [first, end) of configuration space; a read may cover a part. */
struct part {
	const uint8_t *space; /* the byte at `first` is space[first] */
	uint64_t first, end;
};

static void read_part(struct part part, uint64_t offset, uint8_t *bytes, size_t length)
{
	uint64_t end = length < UINT64_MAX - offset ? offset + length : UINT64_MAX;

	if (part.first < offset)
		part.first = offset;
	if (part.end > end)
		part.end = end;
	if (part.first < part.end)
		memcpy(bytes + (part.first - offset), part.space + part.first,
		       (size_t)(part.end - part.first));
}

void viommu_config_read(struct viommu *device, uint64_t offset, void *bytes, size_t length)
{
	uint8_t wire[VIOMMU_CONFIG_LENGTH];
	struct config_space space;

	space = config_of(device);

	if (length)
		memset(bytes, 0, length);
	layout_encode(&config_layout, &space, wire);
	read_part((struct part){ wire, 0, sizeof(wire) }, offset, bytes, length);
	if (device->topology)
		read_part((struct part){ device->topology, VIOMMU_CONFIG_TOPOLOGY,
					 device->config.topology_length },
			  offset, bytes, length);
}

/* NULL, or the reason to ignore a write, whatever features were accepted. */
static const char *config_write_error(uint64_t offset, const uint8_t *bytes, size_t length)
{
	if (offset > VIOMMU_CONFIG_BYPASS || length <= VIOMMU_CONFIG_BYPASS - offset)
		return "only `bypass` can be written";
	if (bytes[VIOMMU_CONFIG_BYPASS - offset] > 1)
		return "`bypass` is neither 0 nor 1";
	return NULL;
}

static const char *write_bypass(struct viommu *device, uint8_t bypass)
{
	const char *error = "BYPASS_CONFIG was not accepted";

	device_lock_answered(device);
	if (device_accepted(device, VIOMMU_F_BYPASS_CONFIG)) {
		journal_invalidate(device);
		device->bypass = bypass;
		notify_mode_changes(device);
		record_values(device, TRACE_BYPASS, bypass, 0);
		error = NULL;
	}
	device_unlock(device);
	return error;
}

void viommu_config_write(struct viommu *device, uint64_t offset, const void *bytes, size_t length)
{
	const uint8_t *values = bytes;
	const char *error = config_write_error(offset, values, length);

	if (!error)
		error = write_bypass(device, values[VIOMMU_CONFIG_BYPASS - offset]);
	if (error)
		device_log(device, VIOMMU_LOG_CONFIG,
			   "a write of %zu bytes at %" PRIu64
			   " of configuration space was ignored: %s",
			   length, offset, error);
}
