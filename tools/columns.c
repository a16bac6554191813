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
	*columns = (struct columns){ .cells = g_string_new(NULL) };
}

/* Printable ASCII, or nothing: nearly all cells. */
static bool is_plain(const char *cell)
{
	while (cell && g_ascii_isprint(*cell))
		cell++;
	return !cell || !*cell;
}

/* A title alone does not make a column used. */
void columns_add(struct columns *columns, char *const cells[MAX_COLUMNS])
{
	for (int i = 0; i < MAX_COLUMNS; i++) {
		g_autofree char *given = cells[i];
		g_autofree char *shown = is_plain(given) ? NULL : terminal_text(given);
		const char *cell = shown ? shown : given ? given : "";
		gsize width = shown ? (gsize)g_utf8_strlen(shown, -1) : strlen(cell);

		columns->widths[i] = MAX(columns->widths[i], width);
		columns->used[i] |= *cell && columns->n_lines;
		g_string_append_len(columns->cells, cell, (gssize)strlen(cell) + 1);
	}
	columns->n_lines++;
}

const char *columns_next(const char *cell)
{
	return cell + strlen(cell) + 1;
}

/*
 * Returns the first cell of the next line. Blanks are printed before the next cell, so that no line
 * ends with one.
 */
static const char *print_row(const struct columns *columns, const char *cell)
{
	static const gsize gap = 2;
	gsize blanks = 0;

	for (int i = 0; i < MAX_COLUMNS; i++, cell = columns_next(cell)) {
		if (!columns->used[i])
			continue;
		if (*cell) {
			while (blanks--)
				putchar(' ');
			fputs(cell, stdout);
			blanks = 0;
		}
		blanks += columns->widths[i] + gap - (gsize)g_utf8_strlen(cell, -1);
	}
	putchar('\n');
	return cell;
}

void columns_end(struct columns *columns)
{
	const char *cell = columns->cells->str;

	for (guint i = 0; i < columns->n_lines; i++)
		cell = print_row(columns, cell);
	g_string_free(columns->cells, TRUE);
}
