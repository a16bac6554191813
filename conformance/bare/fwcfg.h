/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FWCFG_H
#define FWCFG_H

#include "bare.h"

/*
 * ACPI's tables where no firmware has left them: QEMU's files, and the script with which firmware
 * makes tables of them
 */

/* The RSDP, with tables at their addresses. NULL: the files are not there, or not usable. */
const void *fwcfg_rsdp(volatile uint8_t *registers);

#endif
