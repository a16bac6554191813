/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_PLAN_TABLES_H
#define VIOMMU_TOOLS_PLAN_TABLES_H

#include "command.h"

/* viommu plan TOPOLOGY */

/* Print the tables that a topology needs for each kind of guest. Returns an exit status. */
int plan_tables(const struct command *command, char **arguments);

#endif
