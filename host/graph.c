/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host as a picture, in the language of Graphviz's dot
 *
 * Root buses with their devices are on the left, IOMMUs on the right in frames of NUMA nodes.
 * Objects beyond the limits are counted.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

enum { BOXES_MAX = 64, LINES_MAX = 12, IOMMUS_MAX = 64, NAME_MAX_LENGTH = 48 };

/* The devices of a root bus with the same route. */
struct box {
	uint32_t segment;
	uint8_t bus;
	bool pci;
	const struct viommu_host_iommu *iommu;
	GPtrArray *devices;
	size_t n_more;
};

struct boxes {
	GHashTable *by_key;
	GPtrArray *list; /* of struct box */
	size_t n_more;   /* devices without a box, because the limit is reached */
};

/* -- text -------------------------------------------------------------------------------------- */

static void put(GString *out, const char *text)
{
	for (size_t n = 0; *text && n < NAME_MAX_LENGTH; text = g_utf8_next_char(text), n++) {
		gunichar c = g_utf8_get_char(text);

		if (c == '"' || c == '\\')
			g_string_append_c(out, '\\');
		g_string_append_unichar(out, g_unichar_isprint(c) ? c : '?');
	}
}

/* -- boxes --------------------------------------------------------------------- */

static void free_box(gpointer data)
{
	struct box *box = data;

	g_ptr_array_unref(box->devices);
	g_free(box);
}

static struct box *box_of(struct boxes *boxes, const struct viommu_host_device *device)
{
	g_autofree char *key =
		g_strdup_printf("%d %" PRIx32 " %x %p", device->pci, device->root_segment,
				device->root_bus, (const void *)device->iommu);
	struct box *box = g_hash_table_lookup(boxes->by_key, key);

	if (box || boxes->list->len >= BOXES_MAX)
		return box;
	box = g_new0(struct box, 1);
	box->segment = device->root_segment;
	box->bus = device->root_bus;
	box->pci = device->pci;
	box->iommu = device->iommu;
	box->devices = g_ptr_array_new();
	g_ptr_array_add(boxes->list, box);
	g_hash_table_insert(boxes->by_key, g_steal_pointer(&key), box);
	return box;
}

static void collect(struct boxes *boxes, const struct viommu_host *host)
{
	const struct viommu_host_device *device;

	for (size_t i = 0; (device = viommu_host_device(host, i)); i++) {
		struct box *box = device->bridge ? NULL : box_of(boxes, device);

		if (box && box->devices->len < LINES_MAX)
			g_ptr_array_add(box->devices, (void *)device);
		else if (box)
			box->n_more++;
		else
			boxes->n_more += !device->bridge;
	}
}

static void put_device(GString *out, const struct viommu_host_device *device)
{
	put(out, device->name);
	if (device->driver) {
		g_string_append_c(out, ' ');
		put(out, device->driver);
	}
	if (device->group)
		g_string_append_printf(out, " group %" PRIu32, device->group->number);
	g_string_append(out, "\\l");
}

static void put_box(GString *out, const struct box *box, unsigned i)
{
	g_string_append_printf(
		out, "  b%u [shape=box, style=filled, fillcolor=\"#f4f4f1\", label=\"", i);
	if (box->pci)
		g_string_append_printf(out, "root bus %04" PRIx32 ":%02x\\n", box->segment,
				       box->bus);
	else
		g_string_append(out, "other devices\\n");
	for (guint n = 0; n < box->devices->len; n++)
		put_device(out, box->devices->pdata[n]);
	if (box->n_more)
		g_string_append_printf(out, "and %zu more\\l", box->n_more);
	g_string_append(out, "\"];\n");
	if (!box->iommu)
		g_string_append_printf(out, "  b%u -> none;\n", i);
	else if (box->iommu->index < IOMMUS_MAX)
		g_string_append_printf(out, "  b%u -> i%zu;\n", i, box->iommu->index);
	else
		g_string_append_printf(out, "  b%u -> more;\n", i);
}

/* -- IOMMUs -------------------------------------------------------------------- */

static void put_iommu(GString *out, const struct viommu_host_iommu *iommu)
{
	if (iommu->numa_node >= 0)
		g_string_append_printf(
			out, "  subgraph cluster_node%d { label=\"NUMA node %d\"; i%zu; }\n",
			iommu->numa_node, iommu->numa_node, iommu->index);
	g_string_append_printf(
		out,
		"  i%zu [shape=box, style=\"filled,rounded\", fillcolor=\"#dce8f5\", "
		"label=\"",
		iommu->index);
	put(out, iommu->name);
	g_string_append_printf(out, "\\n%s", viommu_host_iommu_kind_name(iommu->kind));
	if (iommu->has_base)
		g_string_append_printf(out, "\\nat 0x%" PRIx64, iommu->base);
	g_string_append(out, "\"];\n");
}

static void put_rest(GString *out, const struct viommu_host *host, const struct boxes *boxes)
{
	bool bypass = false;

	for (guint i = 0; i < boxes->list->len; i++)
		bypass |= !((const struct box *)boxes->list->pdata[i])->iommu;
	if (bypass)
		g_string_append(out, "  none [shape=plaintext, label=\"no IOMMU\"];\n");
	if (host->iommus->len > IOMMUS_MAX)
		g_string_append_printf(out,
				       "  more [shape=plaintext, label=\"and %u more IOMMUs\"];\n",
				       host->iommus->len - IOMMUS_MAX);
	if (boxes->n_more)
		g_string_append_printf(
			out, "  rest [shape=plaintext, label=\"and %zu more devices\"];\n",
			boxes->n_more);
}

char *viommu_host_graph(const struct viommu_host *host)
{
	GString *out =
		g_string_new("digraph host {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
	struct boxes boxes = {
		.by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
		.list = g_ptr_array_new_with_free_func(free_box),
	};
	const struct viommu_host_iommu *iommu;
	char *text;

	collect(&boxes, host);
	for (size_t i = 0; i < IOMMUS_MAX && (iommu = viommu_host_iommu(host, i)); i++)
		put_iommu(out, iommu);
	for (guint i = 0; i < boxes.list->len; i++)
		put_box(out, boxes.list->pdata[i], i);
	put_rest(out, host, &boxes);
	g_string_append(out, "}\n");
	text = strdup(out->str);
	g_string_free(out, TRUE);
	g_ptr_array_unref(boxes.list);
	g_hash_table_unref(boxes.by_key);
	return text;
}
