/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_COLUMNS_H
#define VIOMMU_TOOLS_COLUMNS_H

#include <glib.h>

/*
 * Lines with aligned columns. The first line is the titles; a column that is empty below its title
 * is omitted.
 */

#define MAX_COLUMNS 5

struct columns {
	GString *cells; /* of all lines, with a NUL behind each */
	guint n_lines;
	gsize widths[MAX_COLUMNS];
	gboolean used[MAX_COLUMNS];
};

void columns_begin(struct columns *columns);

/* Add a line. Takes ownership of the cells; NULL is an empty cell. */
void columns_add(struct columns *columns, char *const cells[MAX_COLUMNS]);

/* The cell behind this one; the first is columns->cells->str. */
const char *columns_next(const char *cell);

/* Print all lines on standard output, without trailing blanks, and free them. */
void columns_end(struct columns *columns);

#endif
