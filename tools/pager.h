/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_PAGER_H
#define VIOMMU_TOOLS_PAGER_H

#include <stdbool.h>

/*
 * A program that shows long output page by page: VIOMMU_PAGER, PAGER, or less
 *
 * As with git: only on a terminal, and not if the name is empty or "cat". Errors and findings go
 * the same way, because the pager owns the terminal.
 */

/* Start it, if it is wanted; standard output and standard error of the program lead to it then. */
void pager_start(void);

/* Wait for it to end. The output was written before. */
void pager_end(void);

/* Does what is written to standard error reach the terminal through it? */
bool pager_takes_errors(void);

#endif
