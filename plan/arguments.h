/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PLAN_ARGUMENTS_H
#define VIOMMU_PLAN_ARGUMENTS_H

#include "plan.h"

/* Devices and machine from QEMU's arguments */

/*
 * The host's functions that QEMU's arguments assign, NULL-terminated, to be freed with
 * g_strfreev(). NULL with a finding if there are none, or if QEMU would reject the arguments. Sets
 * the machine of `options`.
 */
char **plan_arguments(char *const *arguments, struct plan_options *options,
		      struct viommu_findings *findings);

#endif
