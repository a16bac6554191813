/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device scopes of a DMAR that is generated
 *
 * A scope is a start bus and the hops of a path. It goes to the end of a structure, whose length
 * limits the number of scopes.
 *
 * Linux compares the start bus and every hop with the position of a device: a path with a hop too
 * many or too few names another device.
 */
#include <string.h>

#include "base/array.h"
#include "write.h"
#include "tables/findings/findings.h"

#define MAX_HOPS 124 /* the length of a scope is a byte */

/* The offset is set with that of the whole table. */
static void add_hop(struct record *scope, uint8_t device, uint8_t function)
{
	const uint8_t wire[] = { device, function };

	record_add_child(scope, record_new(scope, &dmar_hop_layout, wire, 0));
}

/* One or two hexadecimal digits, a point, and one digit: "1c.0". */
static bool read_hop(const char **path, struct dmar_hop *ret)
{
	char *end;
	guint64 device = g_ascii_strtoull(*path, &end, 16), function;
	const char *point = end;

	if (!g_ascii_isxdigit(**path) || *point != '.' || !g_ascii_isdigit(point[1]))
		return false;
	function = g_ascii_strtoull(point + 1, &end, 8);
	*path = end;
	*ret = (struct dmar_hop){ (uint8_t)device, (uint8_t)function };
	return device <= DMAR_MAX_DEVICE && function <= DMAR_MAX_FUNCTION;
}

/* Adds the hops of the path, separated by slashes, behind the first. */
static bool add_path(struct record *scope, const char *path)
{
	struct dmar_hop hop;

	while (path && *path) {
		if (!read_hop(&path, &hop) || dmar_hops(scope) == MAX_HOPS)
			return false;
		add_hop(scope, hop.device, hop.function);
		if (*path && *path++ != '/')
			return false;
	}
	return true;
}

/* Sets the length last, when all hops are known. */
bool dmar_add_scope(struct record *structure, const struct dmar_target *target)
{
	struct dmar_scope host = {
		.type = (uint8_t)target->type,
		.flags = (uint8_t)target->flags,
		.number = (uint8_t)target->number,
		.bus = (uint8_t)(target->bdf >> 8),
	};
	struct record *scope = record_from_host(structure, &dmar_scope_layout, &host, 0);
	bool valid;

	add_hop(scope, target->bdf >> 3 & DMAR_MAX_DEVICE, target->bdf & DMAR_MAX_FUNCTION);
	valid = add_path(scope, target->path);
	((struct dmar_scope *)scope->host)->length = (uint8_t)record_length(scope);
	record_add_child(structure, scope);
	return valid;
}

/* Limit of scopes and hops of all ranges: half of what decoding accepts. */
#define MAX_RECORDS ((size_t)1 << 19)

/* A short topology can mean many structures with the maximal number of scopes. */
static bool has_room(struct dmar_writing *writing)
{
	if (writing->n_records < MAX_RECORDS)
		return true;
	if (!writing->is_full)
		dmar_report_error(writing, "dmar-too-large", place_of_file(NULL),
				  "name bridges instead of the functions below them",
				  "a table can be generated with at most 524288 scopes and hops");
	writing->is_full = true;
	return false;
}

/* Adds at most one scope more than fit into a structure, which is enough to detect the error. */
bool dmar_add_scopes(struct dmar_writing *writing, struct record *structure,
		     struct dmar_target target, uint16_t last)
{
	bool valid = true;

	for (unsigned bdf = target.bdf;
	     bdf <= last && structure->children.len <= DMAR_MAX_SCOPES && has_room(writing);
	     bdf++) {
		target.bdf = (uint16_t)bdf;
		valid &= dmar_add_scope(structure, &target);
		writing->n_records +=
			1 + dmar_hops(record_child(structure, structure->children.len - 1));
	}
	return valid;
}
