/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening a flattened device tree
 *
 * A blob has three blocks: memory reservations, the structure block of tokens, and the strings
 * block of property names. libfdt checks all of it first, and a tree that it refuses is refused
 * here.
 *
 * Two checks precede libfdt's. It searches for the end of a name each time it meets one, so names
 * must be short to keep that linear; and it reads words at offsets from the header, so blocks must
 * be aligned. Space behind the tree is allowed: QEMU leaves a megabyte.
 */
#include <string.h>

#include <libfdt.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/pool.h"
#include "devicetree.h"
#include "tables/findings/findings.h"

/* Older versions have other headers; dtc has written 17 since 2006. */
#define OLDEST_VERSION 16

/* The specification limits names to 31 bytes. Linux does not, but limits the depth to 64. */
#define NAME_MAX_LENGTH 127u
#define DEPTH_MAX       64u

#define HEADER_LENGTH     40
#define RESERVATION_ALIGN 8

/* libfdt's own check requires alignment. */
bool dt_begins(const uint8_t *bytes, size_t length)
{
	static const uint8_t magic[] = { 0xd0, 0x0d, 0xfe, 0xed };

	return length >= sizeof(magic) && !memcmp(bytes, magic, sizeof(magic));
}

/* -- checks ------------------------------------------------------------------------ */

static bool names_are_short(const uint8_t *blob)
{
	const char *strings = (const char *)blob + fdt_off_dt_strings(blob);
	size_t size = fdt_size_dt_strings(blob), n;

	for (size_t at = 0; at < size; at += n + 1) {
		n = strnlen(strings + at, MIN(size - at, NAME_MAX_LENGTH + 1));
		if (n > NAME_MAX_LENGTH)
			return false;
	}
	return true;
}

static bool blocks_are_aligned(const uint8_t *blob)
{
	return !(fdt_off_dt_struct(blob) % FDT_TAGSIZE) &&
	       !(fdt_off_mem_rsvmap(blob) % RESERVATION_ALIGN);
}

/* libfdt's error, or what it does not check; NULL if the tree is valid. */
static const char *fault_of(const uint8_t *blob, size_t length)
{
	int error = length < HEADER_LENGTH ? -FDT_ERR_TRUNCATED : fdt_check_header(blob);

	if (error)
		return fdt_strerror(error);
	if (fdt_totalsize(blob) > length)
		return fdt_strerror(-FDT_ERR_TRUNCATED);
	if (fdt_version(blob) < OLDEST_VERSION)
		return "its version is before 16";
	if (!blocks_are_aligned(blob))
		return "a block is not aligned";
	if (!names_are_short(blob))
		return "a property name has more than 127 bytes";
	error = fdt_check_full(blob, length);
	return error ? fdt_strerror(error) : NULL;
}

/* Only the first fault, because others may follow from it. */
static bool is_sound(const uint8_t *blob, size_t length, const char *file,
		     struct viommu_findings *findings)
{
	const char *fault = fault_of(blob, length);

	if (fault)
		report(findings, "dt-damaged", place_of_file(file), "obtain the device tree again",
		       "the device tree is damaged: %s", fault);
	return !fault;
}

/* -- nodes and properties---------------------------------------------------------------- */

/* Nodes have parent pointers, so no stack is needed. */
struct opening {
	struct devicetree *tree;
	struct dt_node *node; /* the open node; NULL outside of the root */
	unsigned skipped;     /* open nodes inside of it that were dropped */
	struct viommu_findings *findings;
};

/* As in Linux, a node that is too deep is dropped with everything below it. */
static void open_node(struct opening *opening, int offset)
{
	struct devicetree *tree = opening->tree;
	const char *name = fdt_get_name(tree->blob, offset, NULL);

	if (!opening->node) {
		opening->node = tree->root;
		return;
	}
	if (!opening->skipped && opening->node->depth < DEPTH_MAX &&
	    strnlen(name, NAME_MAX_LENGTH + 1) <= NAME_MAX_LENGTH) {
		opening->node = dt_add_node(tree, opening->node, name);
		return;
	}
	if (!opening->skipped++)
		report(opening->findings, "dt-depth", dt_place(tree, opening->node, NULL),
		       "reduce the depth, or shorten names",
		       "a node below is deeper than %u, or has a name of more than %u "
		       "bytes: it was dropped",
		       DEPTH_MAX, NAME_MAX_LENGTH);
}

static void close_node(struct opening *opening)
{
	if (opening->skipped)
		opening->skipped--;
	else
		opening->node = opening->node->parent;
}

/* Values stay in the blob, which lives as long as the tree. */
static void open_property(struct opening *opening, int offset)
{
	const char *name;
	int length;
	const void *value = fdt_getprop_by_offset(opening->tree->blob, offset, &name, &length);

	if (value && !opening->skipped)
		dt_add_property(opening->tree, opening->node, name, value, (size_t)length);
}

/*
 * fdt_check_full() has checked that all tokens match. Some versions allow tokens outside of the
 * root, which are ignored.
 */
static void open_structure(struct opening *opening)
{
	int offset = 0, next;

	for (;; offset = next) {
		uint32_t tag = fdt_next_tag(opening->tree->blob, offset, &next);

		if (tag == FDT_END)
			break;
		if (tag == FDT_BEGIN_NODE)
			open_node(opening, offset);
		else if (!opening->node)
			continue;
		else if (tag == FDT_END_NODE)
			close_node(opening);
		else if (tag == FDT_PROP)
			open_property(opening, offset);
	}
}

/* The first node with a phandle keeps it. */
static void index_phandles(struct devicetree *tree)
{
	for_each_dt_node(node, tree) {
		gpointer phandle = GUINT_TO_POINTER(dt_phandle(node));

		if (!phandle)
			continue;
		if (hash_contains(tree->phandles, phandle))
			pointers_add(tree->duplicates, node);
		else
			hash_insert(tree->phandles, phandle, node);
	}
}

/* Reservations are kept unchanged. */
static void open_reservations(struct devicetree *tree)
{
	tree->reserved = tree->blob + fdt_off_mem_rsvmap(tree->blob);
	tree->n_reserved = (size_t)fdt_num_mem_rsv(tree->blob);
	tree->boot_cpu = fdt_boot_cpuid_phys(tree->blob);
}

/* A partition or a page has more room than its tree; nothing is wrong with that. */
static void report_trailing_bytes(const struct devicetree *tree, struct viommu_findings *findings)
{
	size_t size = fdt_totalsize(tree->blob);

	if (tree->length > size)
		report(findings, "dt-length", place_in_table(tree->file, size), "remove them",
		       "%zu bytes follow the device tree", tree->length - size);
}

/* libfdt wants blobs aligned, and an input lies anywhere: so the tree has a copy. */
struct devicetree *dt_open(const uint8_t *bytes, size_t length, const char *file,
			   struct viommu_findings *findings)
{
	struct devicetree *tree = dt_new(file);
	struct opening opening = { .tree = tree, .findings = findings };

	tree->blob = memory_copy(bytes, length);
	tree->length = length;
	if (!is_sound(tree->blob, length, file, findings))
		return dt_free(tree);
	open_reservations(tree);
	open_structure(&opening);
	index_phandles(tree);
	report_trailing_bytes(tree, findings);
	return tree;
}

/* -- opening and freeing ------------------------------------------------------- */

/* The root is there from the beginning: every other node has a parent. */
struct devicetree *dt_new(const char *file)
{
	struct devicetree *tree = memory_new(struct devicetree, 1);

	tree->file = memory_text(file);
	tree->pool = pool_new();
	tree->phandles = hash_new(&hash_direct);
	tree->duplicates = pointers_new(NULL);
	tree->root = dt_add_node(tree, NULL, "");
	return tree;
}

struct devicetree *dt_free(struct devicetree *tree)
{
	if (!tree)
		return NULL;
	pool_free(tree->pool);
	hash_free(tree->phandles);
	pointers_free(tree->duplicates);
	memory_free(tree->blob);
	memory_free(tree->file);
	memory_free(tree);
	return NULL;
}
