/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changing a device tree
 *
 * A base tree has an author, so nothing in it is replaced without `force`: what is equivalent
 * stays, and a difference is an error. Additions are marked, and an overlay consists of them.
 */
#include <libfdt.h>
#include <string.h>

#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "write.h"

/* An overlay cannot replace, so its cure differs. */
static void report_difference(struct dt_writing *writing, const struct dt_node *node,
			      const char *name, const char *what)
{
	report(writing->findings, "dt-differs", dt_place(writing->tree, node, name),
	       writing->overlay
		       ? "correct the topology, or remove the property from the device tree"
		       : "correct the topology, or replace the property with --force",
	       "the device tree has this property already, but the topology %s", what);
	writing->failed = true;
}

static struct dt_property *find(struct dt_node *node, const char *name)
{
	return (struct dt_property *)dt_property(node, name);
}

/* Callers have compared equivalent values before. */
void dt_set(struct dt_writing *writing, struct dt_node *node, const char *name, const void *value,
	    size_t length)
{
	struct dt_property *property = find(node, name);

	if (property && property->length == length && !memcmp(property->value, value, length))
		return;
	if (property && !writing->force) {
		report_difference(writing, node, name, "requires another value");
		return;
	}
	value = dt_keep(writing->tree, value, length);
	if (!property)
		property = dt_add_property(writing->tree, node, name, value, length);
	property->value = value;
	property->length = length;
	property->added = true;
	writing->tree->changed = true;
}

/* Strings in a device tree include their NUL. */
void dt_set_string(struct dt_writing *writing, struct dt_node *node, const char *name,
		   const char *value)
{
	dt_set(writing, node, name, value, strlen(value) + 1);
}

void dt_set_cells(struct dt_writing *writing, struct dt_node *node, const char *name,
		  const uint32_t *cells, size_t n)
{
	auto_free fdt32_t *value = memory_new(fdt32_t, n);

	for (size_t i = 0; i < n; i++)
		value[i] = cpu_to_fdt32(cells[i]);
	dt_set(writing, node, name, value, n * sizeof(*value));
}

void dt_set_number(struct dt_writing *writing, struct dt_node *node, const char *name,
		   uint32_t value)
{
	dt_set_cells(writing, node, name, &value, 1);
}

/* Up to two registers of one size. */
#define REGISTERS_MAX 2

/* With as many cells as the root has. Roots with one cell per address are for 32-bit machines. */
void dt_set_registers(struct dt_writing *writing, struct dt_node *node, const uint64_t *bases,
		      size_t n_bases, uint64_t span)
{
	uint32_t reg[4 * REGISTERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < MIN(n_bases, (size_t)REGISTERS_MAX); i++) {
		if (dt_number(node->parent, "#address-cells", 2) == 2)
			reg[n++] = (uint32_t)(bases[i] >> 32);
		reg[n++] = (uint32_t)bases[i];
		if (dt_number(node->parent, "#size-cells", 1) == 2)
			reg[n++] = (uint32_t)(span >> 32);
		reg[n++] = (uint32_t)span;
	}
	dt_set_cells(writing, node, "reg", reg, n);
}

/* An overlay cannot remove a property. */
void dt_clear(struct dt_writing *writing, struct dt_node *node, const char *name)
{
	if (!dt_property(node, name))
		return;
	if (writing->force && !writing->overlay) {
		dt_remove_property(node, name);
		writing->tree->changed = true;
	} else {
		report_difference(writing, node, name, "requires that it is absent");
	}
}

struct dt_node *dt_create_node(struct dt_writing *writing, struct dt_node *parent, const char *name)
{
	const char *kept = dt_keep(writing->tree, name, strlen(name));
	struct dt_node *node = dt_add_node(writing->tree, parent, kept);

	node->added = true;
	writing->tree->changed = true;
	return node;
}

/* Above all others, because a removed phandle may still be referred to. */
uint32_t dt_ensure_phandle(struct dt_writing *writing, struct dt_node *node)
{
	uint32_t phandle = dt_phandle(node);

	if (phandle)
		return phandle;
	phandle = ++writing->last_phandle;
	dt_set_number(writing, node, "phandle", phandle);
	hash_insert(writing->tree->phandles, GUINT_TO_POINTER(phandle), node);
	return phandle;
}

/* 16 MiB; Linux on arm64 accepts trees of at most 2 MiB. */
#define MAX_CELLS ((size_t)1 << 22)

bool dt_has_room(struct dt_writing *writing, size_t n_cells)
{
	bool had_room = writing->n_cells <= MAX_CELLS;

	if (!had_room)
		return false;
	writing->n_cells += n_cells;
	if (writing->n_cells <= MAX_CELLS)
		return true;
	report(writing->findings, "dt-too-large", place_of_file(writing->tree->file),
	       "give functions and devices consecutive IDs of their own",
	       "maps and devices have more than %zu cells, or too many host bridges need masks",
	       MAX_CELLS);
	writing->failed = true;
	return false;
}

/* An error, because a guest would trust an incomplete tree. */
void dt_report_missing(struct dt_writing *writing, const char *what, const char *name,
		       struct viommu_place place)
{
	report(writing->findings, "dt-missing", place,
	       "use the path of its node as its name, or correct its address",
	       "the device tree has no node for %s %s", what, name);
	writing->failed = true;
}
