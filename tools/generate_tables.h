/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_GENERATE_TABLES_H
#define VIOMMU_TOOLS_GENERATE_TABLES_H

#include "command.h"

/*
 * Generate a table, a device tree, an overlay or a kernel command line from a topology: `generate`
 * and `convert` share the options and the work.
 */
extern char *generate_output, *generate_iommu, *generate_base;
extern gboolean generate_overlay, generate_source, generate_force;

/* clang-format off */
#define GENERATE_OPTIONS \
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &generate_output, \
	  "write to FILE instead of standard output", "FILE" }, \
	{ "iommu", 'i', 0, G_OPTION_ARG_STRING, &generate_iommu, \
	  "make the built-in topology of the virtio-iommu NAME, if there are several", "NAME" }, \
	{ "into", 'I', 0, G_OPTION_ARG_FILENAME, &generate_base, \
	  "add to what FILE has, an SRAT or the machine's device tree; FILE itself stays as it is", \
	  "FILE" }, \
	{ "overlay", 'O', 0, G_OPTION_ARG_NONE, &generate_overlay, \
	  "make an overlay for that device tree", NULL }, \
	{ "force", 'F', 0, G_OPTION_ARG_NONE, &generate_force, \
	  "replace what that device tree says otherwise", NULL }, \
	{ "dts", 's', 0, G_OPTION_ARG_NONE, &generate_source, \
	  "write a device tree as source, for dtc", NULL }
/* clang-format on */

/* What TABLE may be, as help has it: four lines. */
#define GENERATE_DETAILS \
	"TABLE is viot, iort, dmar, ivrs or srat, or viot-2019, which wraps one of the others;\n" \
	"dtb, for a device tree; cmdline, for a kernel's command line; or a built-in topology " \
	"for\n" \
	"the configuration space of a virtio-iommu: builtin-v1, builtin-v2, builtin-v3,\n" \
	"builtin-v3-segments."

/*
 * Generate `what` from the one topology or table named, and write it. With `compare`, report what
 * the result says differently from the topology. Returns an exit status.
 */
int generate_tables(const struct command *command, const char *what, char **names, bool compare);

#endif
