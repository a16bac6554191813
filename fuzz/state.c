/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arbitrary bytes as saved state, of a device or of a window with a device behind it
 *
 * A head has a checksum that no random bytes have, so the input is tried as it is and with a
 * right one: what a checksum cannot see must be caught as well. What is taken must come out again
 * as it went in; what is refused must leave the device as a reset does.
 */
#include <string.h>

#include <viommu/mmio.h>

#include "fuzz.h"
#include "wire/crc32.h"

#define N_ENDPOINTS 4u
#define MEMORY      0x8000u

/* The head of a stream, and in the window's that of the device's, behind everything else but the
 * end (docs/state.md). */
#define HEAD_LENGTH  24u
#define KIND_AT      3u
#define LENGTH_AT    8u
#define SUM_AT       16u
#define SUM_LENGTH   4u
#define CHUNK_LENGTH 16u
#define DEVICE_AT    208u

static void *memory(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	static uint64_t bytes[MEMORY / sizeof(uint64_t)];

	(void)opaque;
	(void)write;
	if (address >= MEMORY)
		return NULL;
	if (*length > MEMORY - address)
		*length = MEMORY - address;
	return (uint8_t *)bytes + address;
}

/* One table and one table of tables that take almost any body, and one that takes few. */
static const struct viommu_table_format formats[] = {
	{ VIOMMU_TABLE_GENERIC, 48, 52, 0x40201000, 0, VIOMMU_TABLE_F_NEST },
	{ VIOMMU_TABLE_X86_PASID_DIR, 57, 52, 0x40201000, 16, VIOMMU_TABLE_F_FIVE_LEVELS },
	{ VIOMMU_TABLE_ARM_CD, 48, 48, 0x40201000, 16, VIOMMU_TABLE_F_UPDATES },
};

static struct viommu_mmio *new_window(void)
{
	static const struct viommu_mmio_ops ops = { .size = sizeof(ops), .memory = memory };
	struct viommu_config config = {
		.size = sizeof(config),
		.features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID | VIOMMU_F_TABLE |
			    VIOMMU_F_NEST | VIOMMU_F_PAGE_REQUEST,
		.max_mappings = 4096,
	};
	struct viommu_mmio *window;

	must(!viommu_mmio_new(&config, NULL, &ops, NULL, &window));
	for (uint32_t id = 0; id < N_ENDPOINTS; id++)
		must(!viommu_endpoint_add(viommu_mmio_device(window),
					  &(struct viommu_endpoint){
						  .size = sizeof(struct viommu_endpoint),
						  .id = id,
						  .pasid_bits = 5 * id,
						  .formats = formats,
						  .n_formats = sizeof(formats) / sizeof(formats[0]),
						  .max_page_requests = 2 * id,
					  }));
	return window;
}

/* -- the two kinds ---------------------------------------------------------------------- */

static int save_device(struct viommu_mmio *window, void **ret_bytes, size_t *ret_length)
{
	return viommu_save(viommu_mmio_device(window), ret_bytes, ret_length);
}

static int load_device(struct viommu_mmio *window, const void *bytes, size_t length, char *reason,
		       size_t room)
{
	return viommu_load(viommu_mmio_device(window), bytes, length, reason, room);
}

struct kind {
	int (*save)(struct viommu_mmio *window, void **ret_bytes, size_t *ret_length);
	int (*load)(struct viommu_mmio *window, const void *bytes, size_t length, char *reason,
		    size_t room);
};

static const struct kind device_kind = { save_device, load_device },
			 window_kind = { viommu_mmio_save, viommu_mmio_load };

/* One state has one stream. */
static void must_be_alike(const struct kind *kind, struct viommu_mmio *window,
			  struct viommu_mmio *other)
{
	size_t length, other_length;
	void *bytes, *other_bytes;

	must(!kind->save(window, &bytes, &length));
	must(!kind->save(other, &other_bytes, &other_length));
	must(length == other_length && !memcmp(bytes, other_bytes, length));
	free(bytes);
	free(other_bytes);
}

static void come_out_again(const struct kind *kind, struct viommu_mmio *window)
{
	struct viommu_mmio *other = new_window();
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes;

	must(!kind->save(window, &bytes, &length));
	must(!kind->load(other, bytes, length, reason, sizeof(reason)));
	must_be_alike(kind, window, other);
	free(bytes);
	viommu_mmio_free(other);
}

/* Nothing was made of it before. */
static void be_as_new(struct viommu_mmio *window)
{
	struct viommu_mmio *other = new_window();

	must_be_alike(&device_kind, window, other);
	viommu_mmio_free(other);
}

static void load(const struct kind *kind, const uint8_t *bytes, size_t length)
{
	struct viommu_mmio *window = new_window();
	char reason[VIOMMU_REASON_LENGTH] = "";
	int r = kind->load(window, bytes, length, reason, sizeof(reason));

	must(r <= 0);
	must(!r || strlen(reason) > 0);
	must(strlen(reason) < sizeof(reason));
	if (r)
		be_as_new(window);
	else
		come_out_again(kind, window);
	viommu_mmio_free(window);
}

/* -- valid fields -------------------------------------------------------------- */

static void put(uint8_t *at, uint64_t value, size_t length)
{
	for (size_t i = 0; i < length; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

/* Length and checksum as they must be; all else is the input's. */
static void mend_head(uint8_t *bytes, size_t length)
{
	put(bytes + LENGTH_AT, length, sizeof(uint64_t));
	put(bytes + SUM_AT, 0, SUM_LENGTH);
	put(bytes + SUM_AT, crc32_of(bytes, length), SUM_LENGTH);
}

/* The device's stream in a window's is as long as there is room. */
static void mend_device(uint8_t *bytes, size_t length)
{
	size_t device_length;

	if (length < DEVICE_AT + HEAD_LENGTH + CHUNK_LENGTH)
		return;
	device_length = length - DEVICE_AT - CHUNK_LENGTH;
	put(bytes + DEVICE_AT - sizeof(uint64_t), device_length, sizeof(uint64_t));
	mend_head(bytes + DEVICE_AT, device_length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	bool is_window = length > KIND_AT && bytes[KIND_AT] == 'W';
	const struct kind *kind = is_window ? &window_kind : &device_kind;
	uint8_t *mended;

	load(kind, bytes, length);
	if (length < HEAD_LENGTH)
		return 0;
	mended = malloc(length);
	must(mended);
	memcpy(mended, bytes, length);
	if (is_window)
		mend_device(mended, length);
	mend_head(mended, length);
	load(kind, mended, length);
	free(mended);
	return 0;
}
