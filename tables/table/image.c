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
static const uint8_t *table_at(const struct image *image, uint64_t pointer, size_t *ret_length)
{
	uint64_t at = pointer - image->address;

	*ret_length = at < image->length ? length_at(image, (size_t)at) : 0;
	return *ret_length ? image->bytes + at : NULL;
}

/* -- RSDP and XSDT ------------------------------------------------------------------------ */

static bool find_rsdp(struct image *image)
{
	for (image->rsdp = 0; wire_fits(image->rsdp, RSDP_LENGTH, image->length);
	     image->rsdp += RSDP_ALIGNMENT) {
		const uint8_t *rsdp = image->bytes + image->rsdp;

		if (!memcmp(rsdp, rsdp_signature, sizeof(rsdp_signature)) &&
		    rsdp[RSDP_REVISION_AT] >= RSDP_REVISION && !sum_of(rsdp, RSDP_SUM_LENGTH) &&
		    !sum_of(rsdp, RSDP_LENGTH))
			return true;
	}
	return false;
}

static bool is_xsdt(const struct image *image, size_t at)
{
	return length_at(image, at) && !memcmp(image->bytes + at, "XSDT", 4);
}

/* Without an address, the XSDT that is there is the one that the RSDP points to. */
static bool find_xsdt(struct image *image, uint64_t pointer)
{
	for (image->xsdt = 0; image->xsdt < image->length; image->xsdt++)
		if (is_xsdt(image, image->xsdt)) {
			image->address = pointer - image->xsdt;
			return true;
		}
	return false;
}

bool image_open(struct image *image, bool known, const char **ret_why)
{
	uint64_t pointer;

	*ret_why = "no RSDP of ACPI 2.0 or later, with correct checksums, is in the image";
	if (!find_rsdp(image))
		return false;
	*ret_why = "the RSDP points to no XSDT in the image";
	pointer = wire_load(image->bytes + image->rsdp + RSDP_XSDT_AT, sizeof(pointer));
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

const uint8_t *image_table(const struct image *image, size_t i, size_t *ret_length)
{
	const uint8_t *entry = image->bytes + image->xsdt + ACPI_HEADER_LENGTH + i * XSDT_ENTRY;

	return table_at(image, wire_load(entry, XSDT_ENTRY), ret_length);
}

const uint8_t *image_dsdt(const struct image *image, const uint8_t *fadt, size_t length,
			  size_t *ret_length)
{
	*ret_length = 0;
	if (memcmp(fadt, "FACP", 4) != 0 || length < FADT_X_DSDT_AT + XSDT_ENTRY)
		return NULL;
	return table_at(image, wire_load(fadt + FADT_X_DSDT_AT, XSDT_ENTRY), ret_length);
}
