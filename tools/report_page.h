/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_REPORT_PAGE_H
#define VIOMMU_TOOLS_REPORT_PAGE_H

#include <glib.h>

/*
 * The HTML of a report
 *
 * Names of inputs are hostile. They are escaped wherever they are written, and the page forbids
 * the browser to load anything and to run any script but its own, which it knows by its hash.
 */

/* The page up to its content, and behind it. `title` is a text. */
void page_begin(GString *page, const char *title);
void page_end(GString *page);

/* A text, escaped. NULL is "". */
void page_text(GString *page, const char *text);

/* An element with a text: page_element(page, "td", NULL, "a < b"). `attributes` is HTML, or NULL.
 */
void page_element(GString *page, const char *element, const char *attributes, const char *text);

#endif
