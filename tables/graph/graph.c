/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A topology as a picture, in the language of Graphviz's dot
 *
 * From left to right: sources of accesses, IOMMUs, and targets, which are memory and ITSs. A line
 * of a box has the functions of one route with their IDs, and its arrow starts beside it, so arrows
 * need no labels. The objects of a NUMA node are in a frame. Arrows differ in style and in colour,
 * so that they can be distinguished in black and white.
 *
 * The size of the picture is bounded: objects beyond the limits are counted, not drawn.
 */
#include <inttypes.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "graph.h"

enum way { WAY_TRANSLATED, WAY_BYPASS, WAY_MSI, N_WAYS };

/* Kinds of arrows, as the legend has them. A sample is text that looks like the arrow. */
static const struct {
	const char *colour, *style, *sample, *meaning;
} ways[N_WAYS] = {
	{ "#1b4f8a", "penwidth=1.4", "&#9472;&#9472;&#9472;&#9658;",
	  "translated, with the IDs beside the functions" },
	{ "#b3541e", "style=dashed, penwidth=1.4", "&#8211; &#8211; &#9658;", "bypasses" },
	{ "#5d6d3a", "style=dotted, arrowhead=vee, penwidth=1.4", "&#183; &#183; &#183; &gt;",
	  "MSIs, with the same ID unless another is named" },
};

/* Nodes are identified by numbers, because names come from input and would need quotes. */
struct drawing {
	struct strbuf *out;
	const struct viommu_topology *topology;
	struct boxes boxes;
	struct hash *iommus; /* struct viommu_iommu -> its number, from 1 */
	struct hash *groups; /* struct viommu_its_group -> its number, from 1 */
	struct hash *drawn;  /* arrows drawn so far, as text */
	bool has[N_WAYS];    /* such an arrow was drawn */
};

/* -- arrows -------------------------------------------------------------------------- */

/* 0 if the object is not drawn. */
static unsigned number_of(struct hash *numbers, const void *object)
{
	return GPOINTER_TO_UINT(hash_lookup(numbers, object));
}

/* Identical arrows are drawn once. One that passes by the IOMMUs is two columns long. */
static void put_arrow(struct drawing *drawing, const char *from, const char *to, enum way way,
		      bool passes_by)
{
	char *arrow =
		memory_printf("  %s -> %s [color=\"%s\", %s%s];\n", from, to, ways[way].colour,
			      ways[way].style, passes_by ? ", minlen=2" : "");

	drawing->has[way] = true;
	if (hash_add(drawing->drawn, arrow))
		strbuf_append(drawing->out, arrow);
}

/* MSIs leave from the IOMMU if there is one, as other accesses do. */
static void put_msis(struct drawing *drawing, const struct line *line, const char *port)
{
	unsigned group = number_of(drawing->groups, line->its);
	unsigned iommu = line->iommu ? number_of(drawing->iommus, line->iommu) : 0;
	auto_free char *to = memory_printf("t%u", group);
	auto_free char *through = memory_printf("i%u", iommu);

	if (group && (iommu || !line->iommu))
		put_arrow(drawing, iommu ? through : port, to, WAY_MSI, !iommu);
}

/* The arrow of an IOMMU that is not drawn ends at the box of further IOMMUs. */
static void put_way(struct drawing *drawing, const struct line *line, const char *port)
{
	unsigned iommu = line->iommu ? number_of(drawing->iommus, line->iommu) : 0;
	auto_free char *to = memory_printf("i%u", iommu);

	if (!line->iommu)
		put_arrow(drawing, port, "memory", WAY_BYPASS, true);
	else
		put_arrow(drawing, port, iommu ? to : "more_iommus", WAY_TRANSLATED, false);
	if (line->its)
		put_msis(drawing, line, port);
}

static void put_ways(struct drawing *drawing, const struct box *box, unsigned i)
{
	for (unsigned n = 0; n < box->lines->len; n++) {
		auto_free char *port = memory_printf("b%u:l%u:e", i, n);

		put_way(drawing, &array_index(box->lines, struct line, n), port);
	}
}

/* An IOMMU without devices has an arrow too, so that every IOMMU is connected. */
static void put_iommu_ways(struct drawing *drawing)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, drawing->topology, OBJECT_IOMMU) {
		auto_free char *from = memory_printf("i%u", number_of(drawing->iommus, iommu));

		if (number_of(drawing->iommus, iommu))
			put_arrow(drawing, from, "memory", WAY_TRANSLATED, false);
	}
}

/* Graphviz orders boxes by bus if each has an edge from one invisible node to its left. */
static void put_order(struct drawing *drawing)
{
	strbuf_append(drawing->out, "  start [shape=point, width=0, height=0, style=invis];\n");
	for (unsigned i = 0; i < drawing->boxes.list->len; i++)
		strbuf_append_printf(drawing->out, "  start -> b%u [style=invis, weight=8];\n", i);
}

/* -- frames ------------------------------------------------------------------------------ */

/* Boxes without a NUMA node are drawn outside of all frames. */
static bool is_member(const struct box *box, bool framed, uint32_t domain)
{
	return box->has_domain == framed && (!framed || box->domain == domain);
}

/* The boxes and IOMMUs of one NUMA node in its frame, or those without a node. */
static void put_members(struct drawing *drawing, bool framed, uint32_t domain)
{
	const struct viommu_iommu *iommu;
	const struct box *box;

	for (unsigned i = 0; i < drawing->boxes.list->len; i++) {
		box = &array_index(drawing->boxes.list, struct box, i);
		if (is_member(box, framed, domain))
			graph_put_box(drawing->out, box, i);
	}
	for_each_object(i, iommu, drawing->topology, OBJECT_IOMMU)
		if (number_of(drawing->iommus, iommu) && iommu->has_proximity_domain == framed &&
		    (!framed || iommu->proximity_domain == domain))
			graph_put_iommu(drawing->out, iommu, number_of(drawing->iommus, iommu));
}

static gint compare_domains(gconstpointer a, gconstpointer b)
{
	const uint32_t *one = a, *other = b;

	return (*one > *other) - (*one < *other);
}

/* A linear search: there are few domains. */
static void add_domain(struct array *domains, bool has, uint32_t domain)
{
	for (unsigned i = 0; has && i < domains->len; i++)
		has = array_index(domains, uint32_t, i) != domain;
	if (has)
		array_append(domains, domain);
}

/* Bounded by the number of boxes and IOMMUs. */
static struct array *domains_of(const struct drawing *drawing)
{
	struct array *domains = array_new(sizeof(uint32_t));
	const struct viommu_iommu *iommu;
	const struct box *box;

	for (unsigned i = 0; i < drawing->boxes.list->len; i++) {
		box = &array_index(drawing->boxes.list, struct box, i);
		add_domain(domains, box->has_domain, box->domain);
	}
	for_each_object(i, iommu, drawing->topology, OBJECT_IOMMU)
		if (number_of(drawing->iommus, iommu))
			add_domain(domains, iommu->has_proximity_domain, iommu->proximity_domain);
	array_sort(domains, compare_domains);
	return domains;
}

/* Frames first, because dot assigns a box to the place of its first mention. */
static void put_frames(struct drawing *drawing)
{
	struct array *domains = domains_of(drawing);

	for (unsigned i = 0; i < domains->len; i++) {
		uint32_t domain = array_index(domains, uint32_t, i);

		strbuf_append_printf(drawing->out,
				     "  subgraph cluster_%u {\n"
				     "  label=\"NUMA node %" PRIu32 "\"; labelloc=t; labeljust=l;"
				     " color=\"#9a9a9a\"; fontcolor=\"#555555\";\n",
				     i, domain);
		put_members(drawing, true, domain);
		strbuf_append(drawing->out, "  }\n");
	}
	put_members(drawing, false, 0);
	array_free(domains);
}

/* -- the picture --------------------------------------------------------------------------- */

/*
 * The space between columns keeps arrows apart. Arrows are drawn before boxes, so that crossing
 * arrows pass behind the boxes.
 */
static void put_head(struct strbuf *out)
{
	strbuf_append(out, "digraph topology {\n"
			   "  rankdir=LR; nodesep=0.22; ranksep=1.2; outputorder=edgesfirst;\n"
			   "  fontname=\"Helvetica\"; fontsize=11;\n"
			   "  node [fontname=\"Helvetica\", fontsize=10, shape=plain,"
			   " color=\"#444444\"];\n"
			   "  edge [arrowsize=0.7];\n");
}

/* The label of the whole picture: dot would place a separate box anywhere. */
static void put_legend(const struct drawing *drawing)
{
	struct strbuf *out = drawing->out;

	strbuf_append(out, "  labelloc=b; labeljust=l; label=<<table border=\"0\" cellborder=\"0\""
			   " cellspacing=\"0\" cellpadding=\"2\">");
	for (enum way way = 0; way < N_WAYS; way++)
		if (drawing->has[way])
			strbuf_append_printf(out,
					     "<tr><td><font color=\"%s\"><b>%s</b></font></td>"
					     "<td align=\"left\">%s</td></tr>",
					     ways[way].colour, ways[way].sample, ways[way].meaning);
	graph_put_more(out, drawing->boxes.n_more, "boxes");
	graph_put_more(out,
		       topology_count(drawing->topology, OBJECT_IOMMU) - hash_size(drawing->iommus),
		       "IOMMUs");
	strbuf_append(out, "</table>>;\n");
}

/* Numbers from 1, in the order of the topology, up to the limit. */
static struct hash *number_objects(const struct viommu_topology *topology, enum object_type type)
{
	struct hash *numbers = hash_new(&hash_direct);
	const void *object;

	for_each_object(i, object, topology, type)
		if (i < MAX_IOMMUS)
			hash_insert(numbers, (void *)object, GUINT_TO_POINTER((guint)i + 1));
	return numbers;
}

/* The boxes of the right column; dot places them there without a rank. */
static void put_reached(struct drawing *drawing)
{
	const struct viommu_its_group *group;

	graph_put_memory(drawing->out);
	for_each_object(i, group, drawing->topology, OBJECT_ITS_GROUP)
		if (number_of(drawing->groups, group))
			graph_put_group(drawing->out, group, number_of(drawing->groups, group));
	if (topology_count(drawing->topology, OBJECT_IOMMU) > MAX_IOMMUS)
		strbuf_append(drawing->out,
			      "  more_iommus [shape=box, style=\"filled,rounded\","
			      " fillcolor=\"" IOMMU_FILL "\", label=<<i>more IOMMUs</i>>];\n");
}

/* The order depends only on the topology, so the same topology gives the same bytes. */
char *topology_graph(const struct viommu_topology *topology)
{
	struct drawing drawing = {
		.out = strbuf_new(NULL),
		.topology = topology,
		.boxes = graph_boxes(topology),
		.iommus = number_objects(topology, OBJECT_IOMMU),
		.groups = number_objects(topology, OBJECT_ITS_GROUP),
		.drawn = hash_new_full(&hash_text, memory_free, NULL),
	};

	put_head(drawing.out);
	put_order(&drawing);
	put_frames(&drawing);
	put_reached(&drawing);
	for (unsigned i = 0; i < drawing.boxes.list->len; i++)
		put_ways(&drawing, &array_index(drawing.boxes.list, struct box, i), i);
	put_iommu_ways(&drawing);
	if (hash_size(drawing.drawn))
		put_legend(&drawing);
	strbuf_append(drawing.out, "}\n");
	graph_free_boxes(&drawing.boxes);
	hash_free(drawing.iommus);
	hash_free(drawing.groups);
	hash_free(drawing.drawn);
	return strbuf_steal(drawing.out);
}
