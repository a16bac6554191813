/* SPDX-License-Identifier: BSD-3-Clause */
#include "devicetree.h"

enum { BEGIN_NODE = 1, END_NODE, PROPERTY, NOP };

#define MAGIC     0xd00dfeedu
#define STRUCTURE 8
#define STRINGS   12
#define RANGE     28 /* bytes of a row of PCI's `ranges`: 3, 2 and 2 cells */
#define SPACE     0x03000000u
#define MEMORY_32 0x02000000u

static uint32_t cell(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t two_cells(const uint8_t *at)
{
	return (uint64_t)cell(at) << 32 | cell(at + 4);
}

static bool is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static size_t length_of(const char *string)
{
	size_t n = 0;

	while (string[n])
		n++;
	return n;
}

static const uint8_t *align(const uint8_t *tree, const uint8_t *at)
{
	return tree + ((uint64_t)(at - tree) + 3) / 4 * 4;
}

/* The token after the one at `at`. */
static const uint8_t *skip(const uint8_t *tree, const uint8_t *at)
{
	uint32_t token = cell(at);

	if (token == BEGIN_NODE)
		return align(tree, at + 4 + length_of((const char *)at + 4) + 1);
	return token == PROPERTY ? align(tree, at + 12 + cell(at + 4)) : at + 4;
}

static bool has_string(const uint8_t *value, uint32_t length, const char *string)
{
	uint32_t at = 0;

	while (at < length) {
		if (is_same((const char *)value + at, string))
			return true;
		at += (uint32_t)length_of((const char *)value + at) + 1;
	}
	return false;
}

const uint8_t *devicetree_property(const void *tree, const struct node *node, const char *name,
				   uint32_t *ret_length)
{
	const char *strings = (const char *)tree + cell((const uint8_t *)tree + STRINGS);

	for (const uint8_t *at = node->properties; cell(at) == PROPERTY || cell(at) == NOP;
	     at = skip(tree, at)) {
		if (cell(at) == NOP || !is_same(strings + cell(at + 8), name))
			continue;
		*ret_length = cell(at + 4);
		return at + 12;
	}
	return NULL;
}

bool devicetree_find(const void *tree, const char *property, const char *string, unsigned n,
		     struct node *ret_node)
{
	const uint8_t *bytes = tree, *at, *value;
	uint32_t length;

	if (!tree || cell(bytes) != MAGIC)
		return false;
	for (at = bytes + cell(bytes + STRUCTURE); cell(at) >= BEGIN_NODE && cell(at) <= NOP;
	     at = skip(bytes, at)) {
		if (cell(at) != BEGIN_NODE)
			continue;
		ret_node->properties = skip(bytes, at);
		value = devicetree_property(tree, ret_node, property, &length);
		if (value && has_string(value, length, string) && !n--)
			return true;
	}
	return false;
}

bool devicetree_cell(const void *tree, const struct node *node, const char *name, unsigned n,
		     uint32_t *ret_value)
{
	uint32_t length;
	const uint8_t *value = devicetree_property(tree, node, name, &length);

	if (!value || length < 4 * n + 4)
		return false;
	*ret_value = cell(value + 4 * n);
	return true;
}

bool devicetree_window(const void *tree, const struct node *node, uint64_t *ret_first,
		       uint64_t *ret_length)
{
	uint32_t length;
	const uint8_t *reg = devicetree_property(tree, node, "reg", &length);

	if (!reg || length < 16)
		return false;
	*ret_first = two_cells(reg);
	*ret_length = two_cells(reg + 8);
	return true;
}

uint64_t devicetree_device(const void *tree, const char *compatible)
{
	uint64_t first, length;
	struct node node;

	return devicetree_find(tree, "compatible", compatible, 0, &node) &&
			       devicetree_window(tree, &node, &first, &length)
		       ? first
		       : 0;
}

bool devicetree_pci(const void *tree, struct pci_host *ret_host)
{
	const uint8_t *ranges;
	uint64_t size;
	uint32_t length;
	struct node node;

	if (!devicetree_find(tree, "compatible", "pci-host-ecam-generic", 0, &node) ||
	    !devicetree_window(tree, &node, &ret_host->ecam, &size))
		return false;
	ranges = devicetree_property(tree, &node, "ranges", &length);
	for (uint32_t at = 0; ranges && at + RANGE <= length; at += RANGE) {
		if ((cell(ranges + at) & SPACE) != MEMORY_32)
			continue;
		ret_host->first = two_cells(ranges + at + 4);
		ret_host->last = ret_host->first + two_cells(ranges + at + 20) - 1;
		ret_host->offset = two_cells(ranges + at + 12) - ret_host->first;
		return true;
	}
	return false;
}
