/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_COLUMNS_H
#define VIOMMU_TOOLS_COLUMNS_H

#include <glib.h>

/*
 * Lines whose cells stand below each other, however wide they turn out to be. The first one is
 * their title; a column with nothing below its title is left out.
 */

#define MAX_COLUMNS 5

struct columns {
	GPtrArray *cells;
	gsize widths[MAX_COLUMNS];
	gboolean used[MAX_COLUMNS];
};

void columns_begin(struct columns *columns);

/* Add a line of MAX_COLUMNS cells, which are taken over and freed; NULL is empty. */
void columns_add(struct columns *columns, char *const cells[MAX_COLUMNS]);

/* Print all lines on standard output, without blanks at their ends, and free them. */
void columns_end(struct columns *columns);

#endif
