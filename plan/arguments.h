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

/*
 * The value of a key, or NULL: from "driver,key=value", where a doubled comma belongs to a value,
 * or from a flat JSON object, where numbers have no quotes (value.c).
 */
char *plan_value_of(const char *text, const char *key);

/* The nodes of the guest with the memory that the arguments bind to nodes of the host (numa.c). */
struct plan_numa;
struct plan_numa *plan_numa_new(void);
void plan_numa_free(struct plan_numa *numa);
void plan_numa_take_object(struct plan_numa *numa, const char *text);
void plan_numa_take_node(struct plan_numa *numa, const char *text);

/* Map nodes of the host that `options` does not map; report those that it maps otherwise. */
void plan_numa_map(const struct plan_numa *numa, struct plan_options *options,
		   struct viommu_findings *findings);

#endif
