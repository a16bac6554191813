/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <viommu/record.h>

#include "device/record.h"
#include "device/state.h"

/*
 * Recording a trace (docs/traces.md)
 *
 * It begins with what a device needs to be as this one: its configuration, its endpoints, and the
 * stream of viommu_save(). What follows is recorded with the device locked, in the order in which
 * it happens; accesses come without that lock, so the writer has a lock of its own.
 */

/* -- the beginning ------------------------------------------------------------------ */

static int add_state(struct viommu *device)
{
	struct stream_writer writer;
	int error = state_write(device, &writer);
	size_t done = 0, piece;

	if (error)
		return error;
	for (; done < writer.length; done += piece) {
		struct trace_record record = { .kind = TRACE_STATE, .bytes = writer.bytes + done };

		piece = writer.length - done < TRACE_BYTES_MAX ? writer.length - done
							       : TRACE_BYTES_MAX;
		record.length = piece;
		record.values[STATE_IS_LAST] = done + piece == writer.length;
		record_add(device, &record);
	}
	free(writer.bytes);
	return 0;
}

/* Without memory for it, the trace ends here. */
void record_state(struct viommu *device)
{
	if (!device_records(device))
		return;
	pthread_mutex_lock(&device->record_lock);
	if (add_state(device))
		device->trace.is_full = true;
	pthread_mutex_unlock(&device->record_lock);
}

static void add_device(struct viommu *device)
{
	const struct viommu_config *config = &device->config;
	struct trace_record record = {
		.kind = TRACE_DEVICE,
		.values = { [DEVICE_FEATURES] = config->features,
			    [DEVICE_PAGE_SIZES] = config->page_size_mask,
			    [DEVICE_INPUT_FIRST] = config->input_first,
			    [DEVICE_INPUT_LAST] = config->input_last,
			    [DEVICE_DOMAIN_FIRST] = config->domain_first,
			    [DEVICE_DOMAIN_LAST] = config->domain_last,
			    [DEVICE_PROBE_SIZE] = config->probe_size,
			    [DEVICE_BYPASS] = config->bypass,
			    [DEVICE_MAX_DOMAINS] = config->max_domains,
			    [DEVICE_MAX_MAPPINGS] = config->max_mappings,
			    [DEVICE_MAX_BYTES] = config->max_bytes },
	};

	record_add(device, &record);
}

static void add_blocked(struct viommu *device, const struct endpoint *endpoint)
{
	struct trace_record record = {
		.kind = TRACE_BLOCK,
		.values = { [BLOCK_ENDPOINT] = endpoint->node.id, [BLOCK_ON] = true },
	};

	if (endpoint->is_forced)
		record_add(device, &record);
}

/* -- the public functions ------------------------------------------------------------ */

/* Both locks are held. */
static int begin(struct viommu *device, void *bytes, size_t length)
{
	int error;

	if (device->is_recording)
		return -EBUSY;
	trace_begin(&device->trace, bytes, length);
	device->trace_ns = record_now_ns();
	add_device(device);
	for_all_endpoints(endpoint, device)
		record_add_endpoint(device, endpoint);
	error = add_state(device);
	for_all_endpoints(endpoint, device)
		add_blocked(device, endpoint);
	if (!error && device->trace.is_full)
		error = -ENOSPC;
	device->is_recording = !error;
	return error;
}

int viommu_record_begin(struct viommu *device, void *bytes, size_t length)
{
	int error;

	if (length < VIOMMU_RECORD_LENGTH_MIN)
		return -EINVAL;
	if (device->config.features & VIOMMU_F_TABLE)
		return -ENOTSUP;
	device_lock_drained(device);
	pthread_mutex_lock(&device->record_lock);
	error = begin(device, bytes, length);
	pthread_mutex_unlock(&device->record_lock);
	device_unlock(device);
	return error;
}

void viommu_record_access(struct viommu *device, uint32_t endpoint, uint32_t pasid, uint64_t iova,
			  uint64_t length, uint32_t access, int result,
			  const struct viommu_translation *translation)
{
	struct trace_record record = {
		.kind = TRACE_ACCESS,
		.values = { [ACCESS_ENDPOINT] = endpoint,
			    [ACCESS_PASID] = pasid == VIOMMU_NO_PASID ? 0 : (uint64_t)pasid + 1,
			    [ACCESS_IOVA] = iova,
			    [ACCESS_LENGTH] = length,
			    [ACCESS_FLAGS] = access,
			    [ACCESS_RESULT] = trace_result(result),
			    [ACCESS_ADDRESS] = result ? 0 : translation->address },
	};

	pthread_mutex_lock(&device->record_lock);
	if (device->is_recording)
		record_add(device, &record);
	pthread_mutex_unlock(&device->record_lock);
}

size_t viommu_record_end(struct viommu *device)
{
	size_t length = 0;

	device_lock_drained(device);
	pthread_mutex_lock(&device->record_lock);
	if (device->is_recording)
		length = trace_end(&device->trace);
	device->is_recording = false;
	pthread_mutex_unlock(&device->record_lock);
	device_unlock(device);
	return length;
}
