/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_GRAPH_H
#define VIOMMU_TABLES_GRAPH_H

#include <glib.h>

#include "base/array.h"
#include "base/strbuf.h"
#include "tables/model/topology.h"

/*
 * The content of a picture: boxes on the left, IOMMUs in the middle, targets on the right
 *
 * boxes.c collects it from the topology within the limits; graph.c writes it in Graphviz's
 * language, with the shapes of shapes.c.
 */

/* Limits that keep the picture readable; further objects are counted, not drawn. */
enum { MAX_BOXES = 48, MAX_LINES = 12, MAX_IOMMUS = 48 };

/* One route of a box: some functions, or a device. */
struct line {
	char *what;                       /* "40:00.0-7f:1f.7" */
	char *ids;                        /* "0x4000-0x7fff", or NULL */
	const struct viommu_iommu *iommu; /* NULL: memory directly */
	const struct viommu_its_group *its;
	char *device_ids; /* NULL: the default IDs */
};

/* A host bridge, the functions of a segment without one, or the devices behind one IOMMU. */
struct box {
	char *title, *subtitle;
	bool has_domain;
	uint32_t domain;
	struct array *lines; /* struct line */
	size_t n_more;       /* lines that are not drawn */
};

struct boxes {
	struct array *list; /* struct box */
	size_t n_more;      /* boxes that are not drawn */
};

/* All boxes of a topology. graph_free_boxes() frees their content. */
struct boxes graph_boxes(const struct viommu_topology *topology);
void graph_free_boxes(struct boxes *boxes);

/* Write a shape; arrows refer to it by a letter and its number: b, i, t (shapes.c). */
void graph_put_box(struct strbuf *out, const struct box *box, unsigned i);
void graph_put_iommu(struct strbuf *out, const struct viommu_iommu *iommu, unsigned i);
void graph_put_group(struct strbuf *out, const struct viommu_its_group *group, unsigned i);
void graph_put_memory(struct strbuf *out);

/* A row with the number of further entries; none if that is 0. */
void graph_put_more(struct strbuf *out, size_t n, const char *what);

/* The fill colour of IOMMUs. */
#define IOMMU_FILL "#dce8f5"

/* The work of the public functions of these names (tables/public/). */
char *topology_graph(const struct viommu_topology *topology);

#endif
