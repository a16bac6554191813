/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device tree as JSON (docs/tables.md)
 *
 * Values are hexadecimal digits, whatever they may mean: a blob does not say, and a program should
 * not have to guess from the looks of each. Properties and nodes are lists, because their order is
 * part of a tree and nothing keeps a hostile one from having two of a name.
 */
#include <json-glib/json-glib.h>

#include "devicetree.h"
#include "json.h"

/* Names of a tree are bytes, and JSON is UTF-8. */
static void add_name(JsonBuilder *builder, const char *name)
{
	g_autofree char *valid = g_utf8_make_valid(name, -1);

	json_builder_set_member_name(builder, "name");
	json_builder_add_string_value(builder, valid);
}

/* The name as a value and not as a key: two properties of one name are two. */
static void add_property(JsonBuilder *builder, const struct dt_property *property)
{
	json_builder_begin_object(builder);
	add_name(builder, property->name);
	json_builder_set_member_name(builder, "value");
	json_add_bytes(builder, property->value, property->length);
	json_builder_end_object(builder);
}

/* All but its end: the list of its nodes stays open. */
static void begin_node(JsonBuilder *builder, const struct dt_node *node)
{
	json_builder_begin_object(builder);
	add_name(builder, node->name);
	json_builder_set_member_name(builder, "properties");
	json_builder_begin_array(builder);
	for (const struct dt_property *p = node->properties; p; p = p->next)
		add_property(builder, p);
	json_builder_end_array(builder);
	json_builder_set_member_name(builder, "nodes");
	json_builder_begin_array(builder);
}

/* As many lists are open as the walk is deep. */
static void end_nodes(JsonBuilder *builder, unsigned from, unsigned to)
{
	while (from-- > to) {
		json_builder_end_array(builder);
		json_builder_end_object(builder);
	}
}

/* A loop over all nodes: a tree may nest deeper than a stack should. */
void dt_json(JsonBuilder *builder, const struct devicetree *tree)
{
	unsigned open = 0;

	for_each_dt_node(node, tree)
	{
		end_nodes(builder, open, node->depth);
		begin_node(builder, node);
		open = node->depth + 1;
	}
	end_nodes(builder, open, 0);
}
