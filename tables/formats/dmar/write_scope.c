/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device scopes, made
 *
 * A scope is the bus that a way begins on, and the hops of that way. Here functions, one or many,
 * become scopes at the end of a structure, which must not grow beyond what its length can say.
 *
 * Linux compares the start bus and every hop with where a device really is: a path with one hop too
 * many or too few names another device.
 */
#include <string.h>

#include "write.h"
#include "tables/findings/findings.h"

#define MAX_HOPS 124 /* what the length of a scope, one byte, has room for */

/* A hop has no place yet: it gets one with the whole table. */
static void add_hop(struct record *scope, uint8_t device, uint8_t function)
{
	const uint8_t wire[] = { device, function };

	record_add_child(scope, record_new(&dmar_hop_layout, wire, 0));
}

/* "1c.0": two digits at most, a point, and one digit; ended by what stands there. */
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

/* Hops behind the first, one after each slash. */
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

/* The length is a byte and known last, when all hops are there. */
bool dmar_add_scope(struct record *structure, const struct dmar_target *target)
{
	struct dmar_scope host = {
		.type = (uint8_t)target->type,
		.flags = (uint8_t)target->flags,
		.number = (uint8_t)target->number,
		.bus = (uint8_t)(target->bdf >> 8),
	};
	uint8_t wire[sizeof(host)];
	struct record *scope;
	bool valid;

	layout_encode(&dmar_scope_layout, &host, wire);
	scope = record_new(&dmar_scope_layout, wire, 0);
	add_hop(scope, target->bdf >> 3 & DMAR_MAX_DEVICE, target->bdf & DMAR_MAX_FUNCTION);
	valid = add_path(scope, target->path);
	((struct dmar_scope *)scope->host)->length = (uint8_t)record_length(scope);
	record_add_child(structure, scope);
	return valid;
}

/* Scopes and hops of all ranges: half of what is read, so that what is made can be read. */
#define MAX_RECORDS ((size_t)1 << 19)

/* Structures may be many, and a few words of a topology stand for a full one each. */
static bool has_room(struct dmar_writing *writing)
{
	if (writing->n_records < MAX_RECORDS)
		return true;
	if (!writing->is_full)
		dmar_report_error(writing, "dmar-too-large", place_of_file(NULL),
				  "name bridges instead of what is below them",
				  "a table is made of at most 524288 scopes and hops");
	writing->is_full = true;
	return false;
}

/* One more than fit is enough to see that they do not: so this ends soon, whatever is asked. */
bool dmar_add_scopes(struct dmar_writing *writing, struct record *structure,
		     struct dmar_target target, uint16_t last)
{
	const GPtrArray *scopes = structure->children;
	bool valid = true;

	for (unsigned bdf = target.bdf;
	     bdf <= last && scopes->len <= DMAR_MAX_SCOPES && has_room(writing); bdf++) {
		target.bdf = (uint16_t)bdf;
		valid &= dmar_add_scope(structure, &target);
		writing->n_records += 1 + dmar_hops(scopes->pdata[scopes->len - 1]);
	}
	return valid;
}
