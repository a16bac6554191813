/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table of text with aligned columns
 *
 * All lines are kept until the last one, since any line may widen a column. Widths are counted in
 * characters, not bytes.
 */
#include <stdio.h>
#include <string.h>

#include "columns.h"
#include "command.h"

void columns_begin(struct columns *columns)
{
	*columns = (struct columns){ .cells = g_ptr_array_new_with_free_func(g_free) };
}

/* A title alone does not make a column used. */
void columns_add(struct columns *columns, char *const cells[MAX_COLUMNS])
{
	for (int i = 0; i < MAX_COLUMNS; i++) {
		g_autofree char *given = cells[i];
		char *cell = terminal_text(given ? given : "");
		gsize width = (gsize)g_utf8_strlen(cell, -1);

		columns->widths[i] = MAX(columns->widths[i], width);
		columns->used[i] |= *cell && columns->cells->len >= MAX_COLUMNS;
		g_ptr_array_add(columns->cells, cell);
	}
}

/* Blanks are printed before the next cell, so that no line ends with one. */
static void print_row(const struct columns *columns, char **cells)
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

void columns_end(struct columns *columns)
{
	for (guint i = 0; i < columns->cells->len; i += MAX_COLUMNS)
		print_row(columns, (char **)columns->cells->pdata + i);
	g_ptr_array_free(columns->cells, TRUE);
}
