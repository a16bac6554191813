/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device tree as JSON (docs/tables.md)
 *
 * A blob does not give the type of a value, so all values are hexadecimal digits. Properties and
 * nodes are lists, because their order is part of a tree and names may repeat.
 */
#include "base/strbuf.h"
#include "devicetree.h"
#include "tables/record/json_bytes.h"

/* Names are bytes, JSON is UTF-8. */
static void add_name(struct json *json, const char *name)
{
	auto_free char *valid = utf8_copy(name, -1);

	json_key(json, "name");
	json_add_string(json, valid);
}

/* The name is a value, because names may repeat. */
static void add_property(struct json *json, const struct dt_property *property)
{
	json_open(json, '{');
	add_name(json, property->name);
	json_key(json, "value");
	json_add_bytes(json, property->value, property->length);
	json_close(json, '}');
}

/* The list of its nodes stays open. */
static void begin_node(struct json *json, const struct dt_node *node)
{
	json_open(json, '{');
	add_name(json, node->name);
	json_key(json, "properties");
	json_open(json, '[');
	for (const struct dt_property *p = node->properties; p; p = p->next)
		add_property(json, p);
	json_close(json, ']');
	json_key(json, "nodes");
	json_open(json, '[');
}

static void end_nodes(struct json *json, unsigned from, unsigned to)
{
	while (from-- > to) {
		json_close(json, ']');
		json_close(json, '}');
	}
}

/* A loop, because input decides the depth. */
void dt_json(struct json *json, const struct devicetree *tree)
{
	unsigned open = 0;

	for_each_dt_node(node, tree) {
		end_nodes(json, open, node->depth);
		begin_node(json, node);
		open = node->depth + 1;
	}
	end_nodes(json, open, 0);
}
