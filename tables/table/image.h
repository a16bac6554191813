/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IMAGE_H
#define VIOMMU_TABLES_IMAGE_H

#include "format.h"

/*
 * A set of ACPI tables in memory, by its pointers (ACPI 6.5, 5.2.5 and 5.2.8): the RSDP points to
 * the XSDT, the XSDT to tables, the FADT to the DSDT
 *
 * Every pointer is an address of guest memory. Bytes are read only inside of the image.
 */
struct image {
	const uint8_t *bytes;
	size_t length;
	uint64_t address; /* of the first byte */
	size_t rsdp, xsdt;
};

/* RSDP of ACPI 2.0 and later */
#define RSDP_LENGTH          36
#define RSDP_REVISION        2
#define RSDP_SUM_AT          8
#define RSDP_SUM_LENGTH      20 /* what the first checksum covers: the RSDP of ACPI 1.0 */
#define RSDP_OEM_ID_AT       9
#define RSDP_REVISION_AT     15
#define RSDP_LENGTH_AT       20
#define RSDP_XSDT_AT         24
#define RSDP_EXTENDED_SUM_AT 32
#define RSDP_ALIGNMENT       16
#define XSDT_ENTRY           8
#define ACPI_LENGTH_AT       4
#define ACPI_REVISION_AT     8
#define ACPI_SUM_AT          9
#define FADT_DSDT_AT         40
#define FADT_X_DSDT_AT       140
extern const char rsdp_signature[8];

/* Do the bytes begin with an RSDP, and is there more than an RSDP? */
bool image_begins(const uint8_t *bytes, size_t length);

/*
 * Find RSDP and XSDT. With `known` the image is at its address; without, the address is that at
 * which the RSDP points to an XSDT whose entries lead to tables. False: there is none; *ret_why is
 * a sentence.
 */
bool image_open(struct image *image, bool known, const char **ret_why);

/* The number of the XSDT's entries; the i-th, an address; the table there. */
size_t image_count(const struct image *image);
uint64_t image_entry(const struct image *image, size_t i);
const uint8_t *image_table(const struct image *image, size_t i, size_t *ret_length);

/* The bytes of a table at an address; NULL if it is not whole in the image. */
const uint8_t *image_at(const struct image *image, uint64_t pointer, size_t *ret_length);

/* The address of the DSDT that a FADT has, or 0. */
uint64_t fadt_dsdt(const uint8_t *fadt, size_t length);

/* Set the byte that makes `length` bytes add up to 0. */
void acpi_set_sum(uint8_t *bytes, size_t length, size_t sum_at);

#endif
