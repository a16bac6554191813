/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nodes and properties of a device tree, and the bindings that all nodes share
 *
 * Cells are big-endian 32-bit words. A cell beyond the end of a value reads as 0, so that readers
 * need no checks of their own; formats/dt/check.c reports values that are too short.
 */
#include <string.h>

#include <libfdt.h>

#include "base/array.h"
#include "base/pool.h"
#include "base/strbuf.h"
#include "devicetree.h"

#define CELL_LENGTH sizeof(fdt32_t)

/* -- the tree ---------------------------------------------------------------------- */

/* From the last child, up to the next node that has a sibling. */
struct dt_node *dt_next(const struct dt_node *node)
{
	if (node->first)
		return node->first;
	while (node && !node->next)
		node = node->parent;
	return node ? node->next : NULL;
}

/* Adds a NUL, because most strings come with a length. */
void *dt_keep(struct devicetree *tree, const void *bytes, size_t length)
{
	void *copy = pool_get(tree->pool, length + 1);

	return length ? memcpy(copy, bytes, length) : copy;
}

/* The order of the blob is kept. */
struct dt_node *dt_add_node(struct devicetree *tree, struct dt_node *parent, const char *name)
{
	struct dt_node *node = pool_new_object(tree->pool, struct dt_node);

	node->name = name;
	node->parent = parent;
	if (!parent)
		return node;
	node->depth = parent->depth + 1;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	return node;
}

struct dt_property *dt_add_property(struct devicetree *tree, struct dt_node *node, const char *name,
				    const void *value, size_t length)
{
	struct dt_property *property = pool_new_object(tree->pool, struct dt_property);

	property->name = name;
	property->value = value;
	property->length = length;
	if (node->last_property)
		node->last_property->next = property;
	else
		node->properties = property;
	node->last_property = property;
	return property;
}

/* The memory stays with the tree. */
void dt_remove_property(struct dt_node *node, const char *name)
{
	struct dt_property **at = &node->properties;

	node->last_property = NULL;
	while (*at)
		if (!strcmp((*at)->name, name)) {
			*at = (*at)->next;
		} else {
			node->last_property = *at;
			at = &(*at)->next;
		}
}

/* The first of that name. */
struct dt_node *dt_child(const struct dt_node *node, const char *name)
{
	struct dt_node *child = node->first;

	while (child && strcmp(child->name, name) != 0)
		child = child->next;
	return child;
}

static bool has_name(const struct dt_property *property, const char *name)
{
	return property->name[0] == name[0] && !strcmp(property->name, name);
}

/* Linear, because nodes have few properties. */
const struct dt_property *dt_property(const struct dt_node *node, const char *name)
{
	const struct dt_property *property = node->properties;

	while (property && !has_name(property, name))
		property = property->next;
	return property;
}

static size_t path_length(const struct dt_node *node)
{
	size_t length = node->parent ? 0 : 1;

	for (; node->parent; node = node->parent)
		length += 1 + strlen(node->name);
	return length;
}

/* From the node upwards, so from the end of the path. */
static void put_path(const struct dt_node *node, char *end)
{
	if (!node->parent)
		end[-1] = '/';
	for (; node->parent; node = node->parent) {
		size_t length = strlen(node->name);

		end -= length;
		memcpy(end, node->name, length);
		*--end = '/';
	}
}

char *dt_path(const struct dt_node *node)
{
	size_t length = path_length(node);
	char *path = memory_zeroed(1, length + 1);

	put_path(node, path + length);
	return path;
}

/* Empty names between slashes are ignored. */
struct dt_node *dt_find(const struct devicetree *tree, const char *path)
{
	auto_free char *names = memory_text(path);
	struct dt_node *node = path[0] == '/' ? tree->root : NULL;
	char *rest = NULL;

	for (char *name = strtok_r(names, "/", &rest); node && name;
	     name = strtok_r(NULL, "/", &rest))
		node = dt_child(node, name);
	return node;
}

/*
 * The tree keeps the path, as long as findings and objects may refer to it: also a tree that is
 * only read.
 */
struct viommu_place dt_place(const struct devicetree *tree, const struct dt_node *node,
			     const char *property)
{
	size_t length = path_length(node), more = property ? 1 + strlen(property) : 0;
	char *path = pool_get(tree->pool, length + more + 1);

	put_path(node, path + length);
	if (property) {
		path[length] = ':';
		memcpy(path + length + 1, property, more - 1);
	}
	return (struct viommu_place){ .file = tree->file, .at = VIOMMU_NOWHERE, .path = path };
}

/* -- values --------------------------------------------------------------------------- */

/* A missing property has none. Bytes behind the last whole cell are ignored. */
size_t dt_cells(const struct dt_property *property)
{
	return property ? property->length / CELL_LENGTH : 0;
}

/* A value may be unaligned. */
uint32_t dt_cell(const struct dt_property *property, size_t i)
{
	return i < dt_cells(property)
		       ? fdt32_ld((const fdt32_t *)(property->value + i * CELL_LENGTH))
		       : 0;
}

bool dt_has_number(const struct dt_node *node, const char *name)
{
	const struct dt_property *property = dt_property(node, name);

	return property && property->length == CELL_LENGTH;
}

uint32_t dt_number(const struct dt_node *node, const char *name, uint32_t otherwise)
{
	return dt_has_number(node, name) ? dt_cell(dt_property(node, name), 0) : otherwise;
}

size_t dt_cell_count(const struct dt_node *node, const char *name, uint32_t otherwise)
{
	return MIN(dt_number(node, name, otherwise), DT_CELL_COUNT_MAX);
}

/* An unterminated last string does not count. */
bool dt_has_string(const struct dt_node *node, const char *name, const char *string)
{
	const struct dt_property *property = dt_property(node, name);

	return property && fdt_stringlist_contains((const char *)property->value,
						   (int)property->length, string);
}

/* Other values are "disabled", "reserved" and "fail". */
static bool is_okay(const struct dt_node *node)
{
	return !dt_property(node, "status") || dt_has_string(node, "status", "okay") ||
	       dt_has_string(node, "status", "ok");
}

bool dt_is_label_list(const struct dt_node *node)
{
	static const char *const names[] = { "__symbols__", "__fixups__", "__local_fixups__" };

	while (node->depth > 1)
		node = node->parent;
	for (size_t i = 0; node->depth && i < G_N_ELEMENTS(names); i++)
		if (!strcmp(node->name, names[i]))
			return true;
	return false;
}

/* Linux does not probe below a disabled node. */
bool dt_is_available(const struct dt_node *node)
{
	if (dt_is_label_list(node))
		return false;
	for (; node; node = node->parent)
		if (!is_okay(node))
			return false;
	return true;
}

/* -- phandles ------------------------------------------------------------------------- */

/* All ones is invalid too. `linux,phandle` is the older name. */
uint32_t dt_phandle(const struct dt_node *node)
{
	uint32_t phandle = dt_number(node, "phandle", dt_number(node, "linux,phandle", 0));

	return phandle == UINT32_MAX ? DT_NO_PHANDLE : phandle;
}

struct dt_node *dt_target(const struct devicetree *tree, uint32_t phandle)
{
	return hash_lookup(tree->phandles, GUINT_TO_POINTER(phandle));
}

/*
 * The first cell of a property that is a phandle, and the distance to the next; 0: 1 and the cells
 * that the node referred to has.
 */
static const struct reference {
	const char *property;
	size_t first, width;
	const char *cells;
} references[] = {
	{ "iommus", 0, 0, "#iommu-cells" },
	{ "iommu-map", 1, 4, NULL },
	{ "msi-map", 1, 4, NULL },
	{ "msi-parent", 0, 0, "#msi-cells" },
	{ "nvidia,cmdqv", 0, SIZE_MAX, NULL },
};

static const struct reference *reference_of(const struct dt_property *property)
{
	for (size_t i = 0; i < G_N_ELEMENTS(references); i++)
		if (!strcmp(references[i].property, property->name))
			return &references[i];
	return NULL;
}

/* A dangling reference is taken for one cell, so that the rest is at least examined. */
void dt_for_each_reference(const struct devicetree *tree, const struct dt_property *property,
			   void (*each)(void *opaque, size_t cell, uint32_t phandle), void *opaque)
{
	const struct reference *reference = reference_of(property);
	size_t i = reference ? reference->first : SIZE_MAX, width;

	for (; i < dt_cells(property); i += width) {
		uint32_t phandle = dt_cell(property, i);
		const struct dt_node *target = dt_target(tree, phandle);

		width = reference->width;
		if (!width)
			width = 1 + (target ? dt_cell_count(target, reference->cells, 0) : 0);
		each(opaque, i, phandle);
	}
}

/* -- PCI ------------------------------------------------------------------------------- */

/* The position of the requester ID in the first cell of `reg`. */
#define REG_BDF_SHIFT 8
/* `reg` of a PCI function: three cells of address, two of size. */
#define REG_CELLS 5

/* Bindings require it of host bridges and of bridges between buses. */
static bool is_pci(const struct dt_node *node)
{
	return node && dt_has_string(node, "device_type", "pci");
}

bool dt_is_pci_function(const struct dt_node *node)
{
	return is_pci(node->parent);
}

/* Other bridges are functions of the bus above them. */
bool dt_is_host_bridge(const struct dt_node *node)
{
	return is_pci(node) && !is_pci(node->parent);
}

/* The further entries of `reg` are BARs. */
bool dt_function_bdf(const struct dt_node *node, uint16_t *ret_bdf)
{
	const struct dt_property *reg = dt_property(node, "reg");

	*ret_bdf = (uint16_t)(dt_cell(reg, 0) >> REG_BDF_SHIFT);
	return dt_cells(reg) >= REG_CELLS;
}

/* -- addresses --------------------------------------------------------------------------- */

/* Addresses have at most 64 bits. Buses with more, such as PCI, are not translated. */
#define MAX_CELLS 2u

/* Bounds the search; real buses have fewer. */
#define MAX_RANGES 1024u

#define DEFAULT_ADDRESS_CELLS 2u
#define DEFAULT_SIZE_CELLS    1u

/* The cells of the addresses and sizes of a node's children. */
static size_t address_cells(const struct dt_node *bus)
{
	return dt_number(bus, "#address-cells", DEFAULT_ADDRESS_CELLS);
}

static size_t size_cells(const struct dt_node *bus)
{
	return dt_number(bus, "#size-cells", DEFAULT_SIZE_CELLS);
}

/* The most significant cell comes first. */
static uint64_t cells_at(const struct dt_property *property, size_t i, size_t n)
{
	uint64_t value = 0;

	while (n--)
		value = value << 32 | dt_cell(property, i++);
	return value;
}

/*
 * Translate to the parent bus by `ranges`: child address, parent address, length. Empty `ranges` is
 * the identity.
 */
static bool translate(const struct dt_node *bus, uint64_t *address)
{
	const struct dt_property *ranges = dt_property(bus, "ranges");
	size_t child = address_cells(bus), parent = address_cells(bus->parent);
	size_t size = size_cells(bus), row = child + parent + size;

	if (!ranges || child > MAX_CELLS || parent > MAX_CELLS || size > MAX_CELLS)
		return false;
	for (size_t i = 0; i < MIN(dt_cells(ranges) / MAX(row, 1), MAX_RANGES); i++) {
		uint64_t first = cells_at(ranges, i * row, child);
		uint64_t length = cells_at(ranges, i * row + child + parent, size);

		if (*address < first || *address - first >= length)
			continue;
		*address = *address - first + cells_at(ranges, i * row + child, parent);
		return true;
	}
	return !ranges->length;
}

/* The content of a fragment becomes that of a node of the base, whose `ranges` are not known. */
static bool is_extension(const struct dt_node *bus)
{
	return !strcmp(bus->name, "__overlay__");
}

/* Up to the root, whose addresses are the CPU's. */
bool dt_registers_at(const struct dt_node *node, size_t i, uint64_t *ret_base, uint64_t *ret_span)
{
	const struct dt_property *reg = dt_property(node, "reg");
	const struct dt_node *bus = node->parent;
	size_t addresses, sizes, row;

	if (!reg || !bus)
		return false;
	addresses = address_cells(bus);
	sizes = size_cells(bus);
	row = addresses + sizes;
	if (addresses > MAX_CELLS || sizes > MAX_CELLS || dt_cells(reg) < (i + 1) * row)
		return false;
	*ret_base = cells_at(reg, i * row, addresses);
	*ret_span = cells_at(reg, i * row + addresses, sizes);
	for (; bus->parent && !is_extension(bus); bus = bus->parent)
		if (!translate(bus, ret_base))
			return false;
	return true;
}

bool dt_registers(const struct dt_node *node, uint64_t *ret_base, uint64_t *ret_span)
{
	return dt_registers_at(node, 0, ret_base, ret_span);
}

bool dt_is_unresolved(const struct devicetree *tree, uint32_t phandle)
{
	return phandle == DT_UNRESOLVED && dt_child(tree->root, "__fixups__");
}
