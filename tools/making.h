/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_MAKING_H
#define VIOMMU_TOOLS_MAKING_H

#include "command.h"

/*
 * Making something out of a topology, as generate and convert both do: a table, a device tree, an
 * overlay, a command line. Options are the same for both.
 */
extern char *making_output, *making_iommu, *making_base;
extern gboolean making_overlay, making_source, making_force;

/* clang-format off */
#define MAKING_OPTIONS \
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &making_output, \
	  "write to FILE instead of standard output", "FILE" }, \
	{ "iommu", 'i', 0, G_OPTION_ARG_STRING, &making_iommu, \
	  "make the built-in topology of the virtio-iommu NAME, if there are several", "NAME" }, \
	{ "into", 'I', 0, G_OPTION_ARG_FILENAME, &making_base, \
	  "add to what FILE has, an SRAT or the machine's device tree; FILE itself stays as it is", \
	  "FILE" }, \
	{ "overlay", 'O', 0, G_OPTION_ARG_NONE, &making_overlay, \
	  "make an overlay for that device tree", NULL }, \
	{ "force", 'F', 0, G_OPTION_ARG_NONE, &making_force, \
	  "replace what that device tree says otherwise", NULL }, \
	{ "dts", 's', 0, G_OPTION_ARG_NONE, &making_source, \
	  "write a device tree as source, for dtc", NULL }
/* clang-format on */

/* What TABLE may be, as help has it: four lines. */
#define MAKING_DETAILS \
	"TABLE is viot, iort, dmar, ivrs or srat, or viot-2019, which wraps one of the others;\n" \
	"dtb, for a device tree; cmdline, for a kernel's command line; or a built-in topology " \
	"for\n" \
	"the configuration space of a virtio-iommu: builtin-v1, builtin-v2, builtin-v3,\n" \
	"builtin-v3-segments."

/*
 * Make it of the one topology, or table, that is named, and write it. With `compare`, what it says
 * otherwise than the topology is told, too. Returns an exit status.
 */
int make(const struct command *command, const char *what, char **names, bool compare);

#endif
