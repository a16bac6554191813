/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_ACPI_H
#define VIOMMU_TABLES_ACPI_H

#include <viommu/acpi.h>

#include "base/array.h"
#include "tables/table/image.h"

/* The work of the public functions of <viommu/acpi.h>, and what their files share */

size_t tables_generate(const struct viommu_topology *topology,
		       struct viommu_table *tables[VIOMMU_TABLES_MAX],
		       struct viommu_findings *findings);
/* Rules whose findings are left out; NULL: none. */
struct rule_ids {
	const char *first, *second;
};

/* As above, but for tables that are among the parts, and without the findings of some rules. */
size_t tables_generate_besides(const struct viommu_topology *topology, const struct pointers *parts,
			       struct viommu_table *tables[VIOMMU_TABLES_MAX],
			       const struct rule_ids *except, struct viommu_findings *findings);

size_t acpi_generate(const struct viommu_topology *topology, const struct viommu_acpi *how,
		     void **ret_bytes, struct viommu_findings *findings);
size_t acpi_extend(const void *bytes, size_t length, const struct viommu_topology *topology,
		   const struct viommu_acpi *how, void **ret_bytes,
		   struct viommu_findings *findings);
size_t acpi_add(const void *bytes, size_t length, uint64_t address,
		const struct viommu_table *const *tables, size_t n_tables, void **ret_bytes,
		struct viommu_findings *findings);

/*
 * given.c: can a set have all these tables of a caller? If not, findings say why. Tables of some
 * signatures are not limited to one.
 */
bool given_fit(const struct viommu_table *const *tables, size_t n,
	       struct viommu_findings *findings);
bool given_may_repeat(const char *signature);

/* parts.c: tables as bytes. A table is begun with its header, and ended with length and checksum.
 */
struct bytes *part_begin(const char *signature, unsigned revision);
void part_end(struct bytes *part);
struct bytes *part_of(const struct viommu_table *table);
void part_free(void *part);

/*
 * Append a table at the next multiple of 16; returns where. An XSDT's bytes with an entry for each
 * of `pointers`.
 */
size_t part_append(struct bytes *image, const struct bytes *part);
struct bytes *part_xsdt(const struct array *pointers);

bool part_is(const struct bytes *part, const char *signature);
const struct bytes *parts_find(const struct pointers *parts, const char *signature);
bool parts_have(const struct pointers *parts, const char *signature);

/* Let a FADT, which has X_DSDT, point to the DSDT. */
void part_set_dsdt(struct bytes *fadt, uint64_t dsdt);

/*
 * Does an image of that length end within 64 bits, and begin at a multiple of 16? If not, a finding
 * says so.
 */
bool part_image_fits(uint64_t address, size_t length, struct viommu_findings *findings);

/* An RSDP of `bytes` that points to the XSDT. */
void part_point(uint8_t *rsdp, uint64_t xsdt);

/*
 * domains.c: report the proximity domains of virtio-iommus that no table describes. Those of the
 * caller and those of the set are searched, unless the DSDT or the SRAT is known to have them.
 */
struct acpi_domains {
	const struct viommu_topology *topology;
	bool in_devices, in_srat; /* of IOMMUs on virtio-mmio, and on PCI */
	const struct viommu_acpi *how;
	const struct image *set; /* or NULL */
};

void acpi_report_domains(const struct acpi_domains *domains, struct viommu_findings *findings);

/* devices.c: the DSDT with the devices of a topology, in a set with that IORT, or with NULL. */
struct bytes *part_dsdt(const struct viommu_topology *topology, const struct viommu_table *iort,
			struct viommu_findings *findings);

#endif
