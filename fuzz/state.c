/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Saved state that nobody saved
 *
 * A head has a checksum that no random bytes have, so the input is tried as it is and with a
 * right one: what a checksum cannot see must be caught as well. What is taken must come out again
 * as it went in.
 */
#include <string.h>

#include <viommu/mmio.h>

#include "fuzz.h"
#include "wire/crc32.h"

#define N_ENDPOINTS 4u

/* The head of a stream (docs/state.md). */
#define HEAD_LENGTH 24u
#define LENGTH_AT   8u
#define SUM_AT      16u
#define SUM_LENGTH  4u

/* Of a window's: where the stream of its device is, and what comes behind it. */
#define INNER_AT     0xd0u
#define CHUNK_LENGTH 16u

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

/* -- a window ------------------------------------------------------------------------- */

#define MEMORY 0x4000u

/* Rings are looked up where the stream says, which may be anywhere. */
static void *guest_memory(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	(void)write;
	if (address >= MEMORY)
		return NULL;
	*length = *length < MEMORY - address ? *length : MEMORY - address;
	return (uint8_t *)opaque + address;
}

static struct viommu_mmio *new_window(uint8_t memory[MEMORY])
{
	static const struct viommu_mmio_ops ops = { sizeof(ops), guest_memory, NULL };
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint) };
	struct viommu_mmio *mmio;

	must(!viommu_mmio_new(NULL, NULL, &ops, memory, &mmio));
	for (; endpoint.id < N_ENDPOINTS; endpoint.id++)
		must(!viommu_endpoint_add(viommu_mmio_device(mmio), &endpoint));
	return mmio;
}

static void come_out_of_window(struct viommu_mmio *mmio, uint8_t memory[MEMORY])
{
	struct viommu_mmio *other = new_window(memory);
	size_t length;
	void *bytes;
	char reason[128];

	must(!viommu_mmio_save(mmio, &bytes, &length));
	must(!viommu_mmio_load(other, bytes, length, reason, sizeof(reason)));
	free(bytes);
	viommu_mmio_free(other);
}

static void load_window(const uint8_t *bytes, size_t length)
{
	static _Alignas(64) uint8_t memory[MEMORY];
	struct viommu_mmio *mmio = new_window(memory);
	char reason[128] = "";
	int r = viommu_mmio_load(mmio, bytes, length, reason, sizeof(reason));

	must(r <= 0);
	must(!r || *reason);
	if (!r)
		come_out_of_window(mmio, memory);
	viommu_mmio_free(mmio);
}

/* -- heads ------------------------------------------------------------------------------- */

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

/* The stream of a window ends with that of its device, and with the head of a last chunk. */
static void mend_inner(uint8_t *bytes, size_t length)
{
	if (length >= INNER_AT + HEAD_LENGTH + CHUNK_LENGTH)
		mend_head(bytes + INNER_AT, length - INNER_AT - CHUNK_LENGTH);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	uint8_t *mended;

	load(bytes, length);
	load_window(bytes, length);
	if (length < HEAD_LENGTH)
		return 0;
	mended = malloc(length);
	must(mended);
	memcpy(mended, bytes, length);
	mend_head(mended, length);
	load(mended, length);
	mend_inner(mended, length);
	mend_head(mended, length);
	load_window(mended, length);
	free(mended);
	return 0;
}
