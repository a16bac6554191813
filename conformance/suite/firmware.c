/* SPDX-License-Identifier: BSD-3-Clause */
#include "firmware.h"

#include "acpi.h"
#include "devicetree.h"

/* -- VIOT ----------------------------------------------------------------------- */

enum { VIOT_NODES = 36, VIOT_FIRST = 38, NODE_LENGTH = 2 };
enum { NODE_PCI_RANGE = 1, NODE_MMIO = 2, NODE_IOMMU_PCI = 3, NODE_IOMMU_MMIO = 4 };

/* At least so many bytes of a node are read. */
static const uint8_t node_bytes[] = { 0, 24, 24, 16, 16 };

/* The n-th node of the table with that length or more; its offset, or 0. */
static uint32_t viot_node(const uint8_t *viot, uint32_t length, unsigned n)
{
	uint64_t count = get_number(viot + VIOT_NODES, 2);
	uint32_t at = (uint32_t)get_number(viot + VIOT_FIRST, 2);

	for (unsigned i = 0; i < count && at + 4 <= length; i++) {
		uint32_t size = (uint32_t)get_number(viot + at + NODE_LENGTH, 2);
		uint8_t type = viot[at];

		if (size < 4 || at + size > length ||
		    (type < COUNT(node_bytes) && size < node_bytes[type]))
			return 0;
		if (i == n)
			return at;
		at += size;
	}
	return 0;
}

static const uint8_t *find_viot(uint32_t *ret_length)
{
	const uint8_t *viot = acpi_table(machine_rsdp(), "VIOT", ret_length);

	return viot && *ret_length >= VIOT_FIRST + 2 ? viot : NULL;
}

/* The offset of the first virtio-iommu, or 0. */
static uint32_t viot_iommu(const uint8_t *viot, uint32_t length, struct place *ret_place)
{
	uint32_t at;

	for (unsigned n = 0; (at = viot_node(viot, length, n)); n++) {
		const uint8_t *node = viot + at;

		if (node[0] == NODE_IOMMU_PCI && !get_number(node + 4, 2))
			*ret_place =
				(struct place){ PLACE_PCI, (uint16_t)get_number(node + 6, 2), 0 };
		else if (node[0] == NODE_IOMMU_MMIO)
			*ret_place = (struct place){ PLACE_MMIO, 0, get_number(node + 8, 8) };
		else
			continue;
		return at;
	}
	return 0;
}

static bool viot_covers(const uint8_t *node, const struct place *place, uint32_t *ret_id)
{
	uint32_t id = (uint32_t)get_number(node + 4, 4);
	uint64_t first = get_number(node + 12, 2), last = get_number(node + 14, 2);

	if (node[0] == NODE_MMIO && place->kind == PLACE_MMIO &&
	    get_number(node + 8, 8) == place->registers) {
		*ret_id = id;
		return true;
	}
	if (node[0] != NODE_PCI_RANGE || place->kind != PLACE_PCI || get_number(node + 8, 2) ||
	    place->bdf < first || place->bdf > last)
		return false;
	*ret_id = id + place->bdf - (uint32_t)first;
	return true;
}

static bool viot_endpoint(const struct place *place, uint32_t *ret_id)
{
	uint32_t length, at, iommu;
	const uint8_t *viot = find_viot(&length);
	struct place of_iommu;

	if (!viot || !(iommu = viot_iommu(viot, length, &of_iommu)))
		return false;
	for (unsigned n = 0; (at = viot_node(viot, length, n)); n++)
		if ((viot[at] == NODE_PCI_RANGE || viot[at] == NODE_MMIO) &&
		    get_number(viot + at + 16, 2) == iommu && viot_covers(viot + at, place, ret_id))
			return true;
	return false;
}

/* -- device tree ------------------------------------------------------------------ */

static bool tree_cell(const struct node *node, const char *name, unsigned n, uint32_t *ret_value)
{
	return devicetree_cell(machine_tree(), node, name, n, ret_value);
}

static bool tree_window(unsigned n, struct node *ret_node, uint64_t *ret_registers)
{
	uint64_t length;

	return devicetree_find(machine_tree(), "compatible", "virtio,mmio", n, ret_node) &&
	       devicetree_window(machine_tree(), ret_node, ret_registers, &length);
}

static bool tree_iommu(struct place *ret_place, uint32_t *ret_phandle)
{
	uint64_t registers;
	uint32_t cells, address;
	struct node node;

	if (devicetree_find(machine_tree(), "compatible", "virtio,pci-iommu", 0, &node) &&
	    tree_cell(&node, "reg", 0, &address)) {
		*ret_place = (struct place){ PLACE_PCI, (uint16_t)(address >> 8), 0 };
		return tree_cell(&node, "phandle", 0, ret_phandle);
	}
	for (unsigned n = 0; tree_window(n, &node, &registers); n++) {
		if (!tree_cell(&node, "#iommu-cells", 0, &cells))
			continue;
		*ret_place = (struct place){ PLACE_MMIO, 0, registers };
		return tree_cell(&node, "phandle", 0, ret_phandle);
	}
	return false;
}

/* iommu-map of the host bridge: first requester ID, phandle, first endpoint, number. */
static bool tree_function(uint16_t bdf, uint32_t phandle, uint32_t *ret_id)
{
	uint32_t row[4];
	struct node node;

	if (!devicetree_find(machine_tree(), "compatible", "pci-host-ecam-generic", 0, &node))
		return false;
	for (unsigned n = 0;; n += COUNT(row)) {
		for (unsigned i = 0; i < COUNT(row); i++)
			if (!tree_cell(&node, "iommu-map", n + i, &row[i]))
				return false;
		if (row[1] != phandle || bdf < row[0] || bdf - row[0] >= row[3])
			continue;
		*ret_id = row[2] + bdf - row[0];
		return true;
	}
}

static bool tree_endpoint(const struct place *place, uint32_t *ret_id)
{
	uint32_t phandle, iommu;
	uint64_t registers;
	struct place of_iommu;
	struct node node;

	if (!tree_iommu(&of_iommu, &phandle))
		return false;
	if (place->kind == PLACE_PCI)
		return tree_function(place->bdf, phandle, ret_id);
	for (unsigned n = 0; tree_window(n, &node, &registers); n++)
		if (registers == place->registers)
			return tree_cell(&node, "iommus", 0, &iommu) && iommu == phandle &&
			       tree_cell(&node, "iommus", 1, ret_id);
	return false;
}

/* -- both ------------------------------------------------------------------------ */

const char *firmware_iommu(struct place *ret_place)
{
	uint32_t length, phandle;
	const uint8_t *viot = find_viot(&length);

	if (viot && viot_iommu(viot, length, ret_place))
		return "VIOT";
	return machine_tree() && tree_iommu(ret_place, &phandle) ? "device tree" : NULL;
}

bool firmware_endpoint(const struct place *place, uint32_t *ret_id)
{
	return machine_tree() ? tree_endpoint(place, ret_id) : viot_endpoint(place, ret_id);
}

static bool begins_with(const char *text, const char *with)
{
	while (*with && *text == *with) {
		text++;
		with++;
	}
	return !*with;
}

/* Hexadecimal, behind "@0x". */
static uint64_t address_at(const char *text)
{
	uint64_t value = 0;

	if (!begins_with(text, "@0x"))
		return 0;
	for (text += 3;; text++) {
		if (*text >= '0' && *text <= '9')
			value = value << 4 | (uint64_t)(*text - '0');
		else if (*text >= 'a' && *text <= 'f')
			value = value << 4 | (uint64_t)(*text - 'a' + 10);
		else
			return value;
	}
}

/* As Linux reads it: virtio_mmio.device=SIZE@BASE:INTERRUPT, of which BASE is used. */
static bool line_window(unsigned n, uint64_t *ret_registers)
{
	for (const char *at = machine_command_line(); *at; at++) {
		if (!begins_with(at, "virtio_mmio.device=") || n--)
			continue;
		while (*at && *at != '@')
			at++;
		*ret_registers = address_at(at);
		return *ret_registers;
	}
	return false;
}

bool firmware_window(unsigned n, uint64_t *ret_registers)
{
	struct node node;

	if (machine_tree())
		return tree_window(n, &node, ret_registers);
	return acpi_mmio(machine_rsdp(), n, ret_registers) || line_window(n, ret_registers);
}
