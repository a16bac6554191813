/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_AML_H
#define VIOMMU_TABLES_AML_H

#include "base/array.h"

/*
 * Encodes the few terms of AML that name devices (ACPI 6.5, chapter 20): each function appends one
 * term. Names have four characters.
 */
void aml_scope(struct bytes *aml, const struct bytes *terms); /* \_SB_ */
void aml_device(struct bytes *aml, const char *name, const struct bytes *terms);

/* Name (NAME, ...) */
void aml_name_text(struct bytes *aml, const char *name, const char *text);
void aml_name_number(struct bytes *aml, const char *name, uint64_t number);
void aml_name_resources(struct bytes *aml, const char *name, const struct bytes *resources);

/* Resource descriptors (6.4), and the tag that ends a list of them. */
void aml_memory(struct bytes *resources, uint64_t base, uint64_t length);
void aml_interrupts(struct bytes *resources, const uint32_t *interrupts, unsigned n);
void aml_end(struct bytes *resources);

#endif
