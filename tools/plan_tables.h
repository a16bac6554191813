/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_PLAN_TABLES_H
#define VIOMMU_TOOLS_PLAN_TABLES_H

#include "command.h"

/* Say which tables a machine needs for which guest, and what is behind each IOMMU; an exit
 * status. */
int plan_tables(const struct command *command, char **arguments);

#endif
