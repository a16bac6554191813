/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PLAN_ARGUMENTS_H
#define VIOMMU_PLAN_ARGUMENTS_H

#include "plan.h"

/*
 * The host's functions that arguments of QEMU assign, NULL-terminated, to be freed with
 * g_strfreev(); NULL: there are none, or the arguments are such that QEMU refuses them, and a
 * finding says why. The machine is taken into `wish`.
 */
char **plan_arguments(char *const *arguments, struct plan_wish *wish,
		      struct viommu_findings *findings);

#endif
