/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ACPI_H
#define ACPI_H

#include "bare.h"

/* ACPI's tables (ACPI 6.5, 5.2): the machine's memory has them at their addresses */

/* The table with this signature, whose length and checksum are right; NULL. */
const uint8_t *acpi_table(const void *rsdp, const char *signature, uint32_t *ret_length);

/* Configuration space of the first segment by the MCFG; 0. */
uint64_t acpi_ecam(const void *rsdp);

/* The registers of the n-th virtio-mmio device (LNRO0005) of the DSDT. */
bool acpi_mmio(const void *rsdp, unsigned n, uint64_t *ret_registers);

#endif
