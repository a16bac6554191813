/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_GENERATE_TABLES_H
#define VIOMMU_TOOLS_GENERATE_TABLES_H

#include "command.h"

/*
 * Generate a table, a device tree, an overlay or a kernel command line from a topology: `generate`
 * and `convert` share the options and the work.
 */
extern char *generate_output, *generate_iommu, *generate_base;
extern gboolean generate_overlay, generate_source, generate_force, generate_json;

/* clang-format off */

/* The words of TABLE. */
#define GENERATE_NAMES \
	"viot", "iort", "dmar", "ivrs", "rimt", "srat", "viot-2019", "dtb", "cmdline", \
	"builtin-v1", "builtin-v2", "builtin-v3", "builtin-v3-segments"

#define GENERATE_OPTIONS \
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &generate_output, \
	  "write to FILE instead of standard output", "FILE" }, \
	{ "iommu", 'i', 0, G_OPTION_ARG_STRING, &generate_iommu, \
	  "which virtio-iommu a built-in topology is for, if there are several", "NAME" }, \
	{ "into", 'I', 0, G_OPTION_ARG_FILENAME, &generate_base, \
	  "extend the SRAT or the device tree in FILE; FILE itself is not changed", \
	  "FILE" }, \
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &generate_json, \
	  "print the findings as JSON on standard output", NULL }, \
	{ "overlay", 'O', 0, G_OPTION_ARG_NONE, &generate_overlay, \
	  "generate an overlay for that device tree", NULL }, \
	{ "force", 'F', 0, G_OPTION_ARG_NONE, &generate_force, \
	  "replace properties of that device tree that differ", NULL }, \
	{ "dts", 's', 0, G_OPTION_ARG_NONE, &generate_source, \
	  "write the device tree as source, for dtc", NULL }
/* clang-format on */

/* The values of TABLE, for help: four lines. */
#define GENERATE_DETAILS \
	"TABLE is viot, iort, dmar, ivrs, rimt or srat; viot-2019, which wraps another table;\n" \
	"dtb, a device tree; cmdline, kernel command-line arguments; or a built-in topology\n" \
	"in the configuration space of a virtio-iommu: builtin-v1, builtin-v2, builtin-v3,\n" \
	"builtin-v3-segments."

/*
 * Generate `what` from the topology or table in `names`, and write it. With `compare`, report where
 * the result differs from that topology. `words` may be meant by an unknown `what`, and end with
 * NULL. Returns an exit status.
 */
int generate_tables(const struct command *command, const char *what, char **names,
		    const char *const *words, bool compare);

#endif
