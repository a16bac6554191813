/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Saved state that nobody saved
 *
 * A head has a checksum that no random bytes have, so the input is tried as it is and with a
 * right one: what a checksum cannot see must be caught as well. What is taken must come out again
 * as it went in.
 */
#include <string.h>

#include <viommu/device.h>

#include "fuzz.h"
#include "wire/crc32.h"

#define N_ENDPOINTS 4u

/* The head of a stream (docs/state.md). */
#define HEAD_LENGTH 24u
#define LENGTH_AT   8u
#define SUM_AT      16u
#define SUM_LENGTH  4u

static struct viommu *new_device(void)
{
	struct viommu_config config = { .size = sizeof(config), .max_mappings = 4096 };
	struct viommu *device;

	must(!viommu_new(&config, NULL, NULL, &device));
	for (uint32_t id = 0; id < N_ENDPOINTS; id++)
		must(!viommu_endpoint_add(
			device, &(struct viommu_endpoint){ .size = sizeof(struct viommu_endpoint),
							   .id = id }));
	return device;
}

/* One state has one stream. */
static void come_out_again(struct viommu *device)
{
	struct viommu *other = new_device();
	size_t length, again;
	void *bytes, *copy;
	char reason[128];

	must(!viommu_save(device, &bytes, &length));
	must(!viommu_load(other, bytes, length, reason, sizeof(reason)));
	must(!viommu_save(other, &copy, &again));
	must(length == again && !memcmp(bytes, copy, length));
	free(bytes);
	free(copy);
	viommu_free(other);
}

static void load(const uint8_t *bytes, size_t length)
{
	struct viommu *device = new_device();
	char reason[128] = "";
	int r = viommu_load(device, bytes, length, reason, sizeof(reason));

	must(r <= 0);
	must(!r || strlen(reason) > 0);
	must(strlen(reason) < sizeof(reason));
	if (!r)
		come_out_again(device);
	viommu_free(device);
}

/* Length and checksum as they must be; all else is the input's. */
static void mend_head(uint8_t *bytes, size_t length)
{
	uint32_t sum;

	for (size_t i = 0; i < sizeof(uint64_t); i++)
		bytes[LENGTH_AT + i] = (uint8_t)((uint64_t)length >> 8 * i);
	memset(bytes + SUM_AT, 0, SUM_LENGTH);
	sum = crc32_of(bytes, length);
	for (size_t i = 0; i < SUM_LENGTH; i++)
		bytes[SUM_AT + i] = (uint8_t)(sum >> 8 * i);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	uint8_t *mended;

	load(bytes, length);
	if (length < HEAD_LENGTH)
		return 0;
	mended = malloc(length);
	must(mended);
	memcpy(mended, bytes, length);
	mend_head(mended, length);
	load(mended, length);
	free(mended);
	return 0;
}
