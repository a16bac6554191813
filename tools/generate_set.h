/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_GENERATE_SET_H
#define VIOMMU_TOOLS_GENERATE_SET_H

#include "command.h"

/* Several tables of a machine: `viommu generate all` and `viommu generate acpi` */

extern char *generate_address, **generate_with;
extern gint generate_processors;

/* clang-format off */
#define GENERATE_SET_OPTIONS \
	{ "address", 'a', 0, G_OPTION_ARG_STRING, &generate_address, \
	  "where acpi will be in guest memory", "ADDRESS" }, \
	{ "processors", 'p', 0, G_OPTION_ARG_INT, &generate_processors, \
	  "acpi has a MADT of x86 with N processors and an I/O APIC", "N" }, \
	{ "with", 'w', 0, G_OPTION_ARG_FILENAME_ARRAY, &generate_with, \
	  "acpi also has the tables in FILE, which may be a folder, such as MADT and SRAT", \
	  "FILE" }
/* clang-format on */

#define GENERATE_SET_DETAILS \
	"\n" \
	"all generates every table of IOMMUs that the topology needs, and -o names a folder.\n" \
	"acpi generates what a guest needs that has no ACPI yet, in one piece for --address:\n" \
	"RSDP, XSDT, a hardware-reduced FADT, a DSDT with the devices that have `at` and\n" \
	"`interrupts`, and the tables of IOMMUs. With --into FILE, a set of tables as it is at\n" \
	"--address, the tables of IOMMUs and those of --with are added to that."

int generate_set(const struct command *command, const char *what, char *name);

#endif
