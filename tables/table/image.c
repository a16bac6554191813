/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Follows the pointers of a set of ACPI tables, of which every byte may be wrong
 */
#include <string.h>

#include "image.h"

const char rsdp_signature[8] = { 'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ' };

/* What acpidump prints of an RSDP begins alike, but text has no zero in the RSDP's length. */
bool image_begins(const uint8_t *bytes, size_t length)
{
	return length > RSDP_LENGTH + ACPI_HEADER_LENGTH &&
	       !memcmp(bytes, rsdp_signature, sizeof(rsdp_signature)) &&
	       !bytes[RSDP_LENGTH_AT + sizeof(uint32_t) - 1];
}

static uint8_t sum_of(const uint8_t *bytes, size_t length)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return sum;
}

void acpi_set_sum(uint8_t *bytes, size_t length, size_t sum_at)
{
	bytes[sum_at] = 0;
	bytes[sum_at] = (uint8_t)-sum_of(bytes, length);
}

/* -- the table at a place ---------------------------------------------------------------- */

/* Its length, or 0 if no whole table begins there. */
static size_t length_at(const struct image *image, size_t at)
{
	uint64_t length;

	if (!wire_fits(at, ACPI_HEADER_LENGTH, image->length) || !acpi_signature(image->bytes + at))
		return 0;
	length = wire_load(image->bytes + at + ACPI_LENGTH_AT, sizeof(uint32_t));
	return length >= ACPI_HEADER_LENGTH && wire_fits(at, length, image->length) ? (size_t)length
										    : 0;
}

/* A pointer before the image, or far behind it, is larger than its length. */
const uint8_t *image_at(const struct image *image, uint64_t pointer, size_t *ret_length)
{
	uint64_t at = pointer - image->address;

	*ret_length = at < image->length ? length_at(image, (size_t)at) : 0;
	return *ret_length ? image->bytes + at : NULL;
}

/* -- RSDP and XSDT ------------------------------------------------------------------------ */

/* The first that is sound, as ACPICA and so Linux takes it. */
static bool is_rsdp(const uint8_t *rsdp)
{
	return !memcmp(rsdp, rsdp_signature, sizeof(rsdp_signature)) &&
	       !sum_of(rsdp, RSDP_SUM_LENGTH) &&
	       (rsdp[RSDP_REVISION_AT] < RSDP_REVISION || !sum_of(rsdp, RSDP_LENGTH));
}

static bool find_rsdp(struct image *image)
{
	for (image->rsdp = 0; wire_fits(image->rsdp, RSDP_LENGTH, image->length);
	     image->rsdp += RSDP_ALIGNMENT)
		if (is_rsdp(image->bytes + image->rsdp))
			return true;
	return false;
}

static bool is_xsdt(const struct image *image, size_t at)
{
	return length_at(image, at) && !memcmp(image->bytes + at, "XSDT", 4);
}

/* -- without an address ------------------------------------------------------------------- */

#define ENTRIES_PROBED 32

/* How many entries lead to tables if the image is at this address. */
static size_t count_good(const struct image *image)
{
	size_t n = MIN(image_count(image), ENTRIES_PROBED), good = 0, length;

	for (size_t i = 0; i < n; i++)
		good += image_table(image, i, &length) != NULL;
	return good;
}

/*
 * A set to which a table was added has two XSDTs. The pointer leads to that one of which the
 * entries lead to tables, and the address is a multiple of 16, since the place of the RSDP is.
 */
static bool find_xsdt(struct image *image, uint64_t pointer)
{
	struct image best = *image;
	size_t most = 0;
	bool found = false;

	for (image->xsdt = 0; image->xsdt < image->length; image->xsdt++) {
		size_t good;

		image->address = pointer - image->xsdt;
		if (image->address % RSDP_ALIGNMENT || !is_xsdt(image, image->xsdt))
			continue;
		good = count_good(image);
		if (!found || good > most) {
			best = *image;
			most = good;
		}
		found = true;
	}
	*image = best;
	return found;
}

bool image_open(struct image *image, bool known, const char **ret_why)
{
	uint64_t pointer;

	*ret_why = "no RSDP with correct checksums is at a multiple of 16 in these bytes";
	if (!find_rsdp(image))
		return false;
	*ret_why = "the RSDP points to no XSDT: it is one of ACPI 1.0";
	pointer = wire_load(image->bytes + image->rsdp + RSDP_XSDT_AT, sizeof(pointer));
	if (image->bytes[image->rsdp + RSDP_REVISION_AT] < RSDP_REVISION || !pointer)
		return false;
	*ret_why = "the RSDP points to no XSDT in these bytes";
	if (!known)
		return find_xsdt(image, pointer);
	image->xsdt = (size_t)(pointer - image->address);
	return pointer - image->address < image->length && is_xsdt(image, image->xsdt);
}

/* -- what they point to ------------------------------------------------------------------- */

size_t image_count(const struct image *image)
{
	return (length_at(image, image->xsdt) - ACPI_HEADER_LENGTH) / XSDT_ENTRY;
}

uint64_t image_entry(const struct image *image, size_t i)
{
	return wire_load(image->bytes + image->xsdt + ACPI_HEADER_LENGTH + i * XSDT_ENTRY,
			 XSDT_ENTRY);
}

const uint8_t *image_table(const struct image *image, size_t i, size_t *ret_length)
{
	return image_at(image, image_entry(image, i), ret_length);
}

uint64_t fadt_dsdt(const uint8_t *fadt, size_t length)
{
	uint64_t dsdt = 0;

	if (length >= FADT_X_DSDT_AT + XSDT_ENTRY)
		dsdt = wire_load(fadt + FADT_X_DSDT_AT, XSDT_ENTRY);
	if (!dsdt && length >= FADT_DSDT_AT + sizeof(uint32_t))
		dsdt = wire_load(fadt + FADT_DSDT_AT, sizeof(uint32_t));
	return dsdt;
}
