/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_CHECK_H
#define VIOMMU_TOOLS_CHECK_H

#include <viommu/findings.h>

struct input;
struct viommu_host;

/* What else is done with each input, before it is checked, and with each host. */
struct check_also {
	void (*input)(void *opaque, struct input *input);
	void (*host)(void *opaque, const char *name, const struct viommu_host *host);
	void *opaque;
};

/* Add what `viommu check` finds in the inputs; `also` may be NULL. Returns EXIT_CLEAN, or
 * EXIT_COULD_NOT if something could not be read. */
int check_inputs(char **names, struct viommu_findings *findings, const struct check_also *also);

#endif
