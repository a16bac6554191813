/* SPDX-License-Identifier: BSD-3-Clause */
/* Findings about nodes and properties */
#include <stdarg.h>
#include <string.h>

#include "read.h"
#include "tables/findings/findings.h"

bool dt_is_below_overlay(const struct dt_node *node)
{
	while (node && strcmp(node->name, "__overlay__") != 0)
		node = node->parent;
	return node;
}

void dt_report(const struct table_check *check, const struct dt_node *node, const char *property,
	       const char *cure, const char *format, ...)
{
	auto_free char *text = NULL;
	va_list args;

	va_start(args, format);
	text = memory_vprintf(format, args);
	va_end(args);
	report(check->findings, check->rule_id, dt_place(check->table->tree, node, property), cure,
	       "%s", text);
}
