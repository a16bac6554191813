/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ACPI_H
#define ACPI_H

#include "bare.h"

/* ACPI's tables (ACPI 6.5, 5.2): the machine's memory has them at their addresses */

/* The table with this signature, whose length and checksum are right; NULL. */
const uint8_t *acpi_table(const void *rsdp, const char *signature, uint32_t *ret_length);

/*
 * The host bridge of the first segment. Configuration space is by the MCFG, or by _CBA of the DSDT;
 * false: by neither. Memory for BARs is what the DSDT says behind _CBA, if it does.
 */
bool acpi_pci(const void *rsdp, struct pci_host *ret_host);

/* The registers of the n-th virtio-mmio device (LNRO0005) of the DSDT. */
bool acpi_mmio(const void *rsdp, unsigned n, uint64_t *ret_registers);

#endif
