/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_GRAPH_H
#define VIOMMU_TOOLS_GRAPH_H

#include <glib.h>

/*
 * Draw text for Graphviz as "svg", "png" or "pdf". Returns EXIT_CLEAN, or EXIT_COULD_NOT after
 * reporting that Graphviz is missing or failed.
 */
int draw_graph(const char *text, const char *as, GBytes **ret_picture);

#endif
