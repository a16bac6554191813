/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines whose cells stand below each other
 *
 * How wide a column is, only its last line tells; so all of them are kept until then. Widths are
 * counted in characters, for a name may be in any script.
 */
#include <stdio.h>
#include <string.h>

#include "columns.h"
#include "command.h"

/* Widths and uses are 0 until a line says otherwise. */
void columns_begin(struct columns *columns)
{
	*columns = (struct columns){ .cells = g_ptr_array_new_with_free_func(g_free) };
}

/* The title does not count as use, for otherwise no column would ever be left out. */
void columns_add(struct columns *columns, char *const cells[MAX_COLUMNS])
{
	for (int i = 0; i < MAX_COLUMNS; i++) {
		g_autofree char *given = cells[i];
		char *cell = harmless(given ? given : "");
		gsize width = (gsize)g_utf8_strlen(cell, -1);

		columns->widths[i] = MAX(columns->widths[i], width);
		columns->used[i] |= *cell && columns->cells->len >= MAX_COLUMNS;
		g_ptr_array_add(columns->cells, cell);
	}
}

/* Blanks are printed before the cell that comes after them, so none are at the end of a line. */
static void print_line(const struct columns *columns, char **cells)
{
	static const gsize gap = 2;
	gsize blanks = 0;

	for (int i = 0; i < MAX_COLUMNS; i++) {
		if (!columns->used[i])
			continue;
		if (*cells[i]) {
			printf("%*s%s", (int)blanks, "", cells[i]);
			blanks = 0;
		}
		blanks += columns->widths[i] + gap - (gsize)g_utf8_strlen(cells[i], -1);
	}
	putchar('\n');
}

/* All cells go with their array. */
void columns_end(struct columns *columns)
{
	for (guint i = 0; i < columns->cells->len; i += MAX_COLUMNS)
		print_line(columns, (char **)columns->cells->pdata + i);
	g_ptr_array_free(columns->cells, TRUE);
}
