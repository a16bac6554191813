/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shapes of a picture, in dot's language
 *
 * Labels are in a language close to HTML, in which a box may be a table. Names come from input, so
 * their special characters are escaped.
 */
#include <inttypes.h>

#include "base/array.h"
#include "base/strbuf.h"
#include "graph.h"
#include "tables/text/text.h"

/* Longer names would make a box wider than a screen. */
#define NAME_LENGTH 40
#define ELLIPSIS    "\xe2\x80\xa6"

#define BOX_FILL    "#f4f4f1"
#define MEMORY_FILL "#efe6d5"
#define ITS_FILL    "#e6ecd8"

/* -- text ------------------------------------------------------------------------- */

/* Escaped as in HTML. Control characters become a replacement. */
static void put(struct strbuf *out, const char *text)
{
	gunichar c;

	for (int n = 0; *text; text = g_utf8_next_char(text), n++) {
		if (n == NAME_LENGTH && *g_utf8_next_char(text)) {
			strbuf_append(out, ELLIPSIS);
			return;
		}
		c = g_utf8_get_char(text);
		if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\\')
			strbuf_append_printf(out, "&#%" PRIu32 ";", c);
		else
			strbuf_append_unicode(out, g_unichar_isprint(c) ? c : '?');
	}
}

static void put_title(struct strbuf *out, const char *title)
{
	strbuf_append(out, "<b>");
	put(out, title);
	strbuf_append(out, "</b>");
}

/* -- boxes ------------------------------------------------------------------------- */

/* Left alignment is set twice, because a cell may become wider than its text. */
static void put_cell(struct strbuf *out, const char *port, const char *text)
{
	strbuf_append_printf(out, "<td align=\"text\"%s>", port);
	put(out, text);
	strbuf_append(out, "<br align=\"left\"/></td>");
}

/* The port is in the last cell, so that the arrow starts at the edge of the box. */
static void put_line(struct strbuf *out, const struct line *line, unsigned i)
{
	auto_free char *port = memory_printf(" port=\"l%u\"", i);
	auto_free char *ids =
		memory_printf("%s%s%s", line->ids ? line->ids : "", line->device_ids ? " MSI " : "",
			      line->device_ids ? line->device_ids : "");

	strbuf_append(out, "<tr>");
	put_cell(out, "", line->what);
	put_cell(out, port, ids);
	strbuf_append(out, "</tr>");
}

/* The count replaces the entries that are not drawn. */
void graph_put_more(struct strbuf *out, size_t n, const char *what)
{
	if (n)
		strbuf_append_printf(out,
				     "<tr><td align=\"left\" colspan=\"2\"><i>%s and %zu more %s"
				     "</i></td></tr>",
				     ELLIPSIS, n, what);
}

/* An HTML-like table, because shapes of dot have no cells as start of an arrow. */
void graph_put_box(struct strbuf *out, const struct box *box, unsigned i)
{
	strbuf_append_printf(out,
			     "  b%u [label=<<table border=\"1\" cellborder=\"0\" cellspacing=\"0\" "
			     "cellpadding=\"3\" bgcolor=\"" BOX_FILL "\">"
			     "<tr><td align=\"left\" colspan=\"2\">",
			     i);
	put_title(out, box->title);
	if (box->subtitle)
		strbuf_append_printf(out, "  %s", box->subtitle);
	strbuf_append(out, "</td></tr><hr/>");
	for (unsigned n = 0; n < box->lines->len; n++)
		put_line(out, &array_index(box->lines, struct line, n), n);
	graph_put_more(out, box->n_more, "ranges");
	strbuf_append(out, "</table>>];\n");
}

/* Rounded corners mark objects that forward accesses. */
void graph_put_iommu(struct strbuf *out, const struct viommu_iommu *iommu, unsigned i)
{
	auto_free char *at = iommu_at_text(iommu);

	strbuf_append_printf(out,
			     "  i%u [shape=box, style=\"filled,rounded\", fillcolor=\"" IOMMU_FILL
			     "\", margin=\"0.15,0.08\", label=<",
			     i);
	put_title(out, iommu->name);
	strbuf_append_printf(out, "<br/>%s<br/>at %s>];\n", viommu_iommu_kind_name(iommu->kind),
			     at);
}

/* The numbers of the MADT. */
void graph_put_group(struct strbuf *out, const struct viommu_its_group *group, unsigned i)
{
	strbuf_append_printf(
		out, "  t%u [shape=box, style=filled, fillcolor=\"" ITS_FILL "\", label=<", i);
	put_title(out, group->name);
	strbuf_append(out, "<br/>ITS");
	for (size_t n = 0; n < group->n_ids && n < MAX_LINES; n++)
		strbuf_append_printf(out, " %" PRIu32, group->ids[n]);
	strbuf_append_printf(out, "%s>];\n", group->n_ids > MAX_LINES ? " " ELLIPSIS : "");
}

void graph_put_memory(struct strbuf *out)
{
	strbuf_append(out, "  memory [shape=cylinder, style=filled, fillcolor=\"" MEMORY_FILL
			   "\", margin=\"0.3,0.2\", label=<<b>memory</b>>];\n");
}
