/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts of a device tree, and those of a topology, which have the numbers of ACPI (GSIVs)
 *
 *     GIC      <type number trigger>   a shared one (type 0) is number + 32, of the extended
 *                                      range (type 2) number + 4096
 *     GICv5    <type number trigger>   a shared one (type 3) is type << 29 | number
 *     IWB      <wire trigger>          7 << 29 | the number of the bridge << 16 | wire
 *     others   <number ...>            a PLIC, an APLIC, an IOAPIC: the number
 */
#include <inttypes.h>

#include "base/hash.h"
#include "read.h"
#include "tables/findings/findings.h"
#include "write.h"

#define CELLS_MAX  8u /* more than any binding has */
#define SPI_RISING 1u

enum { GIC_SPI = 0, GIC_ESPI = 2, GICV5_SPI = 3, GICV5_WIRE = 7 };

/* The shared interrupts of a GIC before GICv5 (IHI 0069, 2.2). */
static const struct shared {
	uint32_t type, first, last;
} shared[] = { { GIC_SPI, 32, 1019 }, { GIC_ESPI, 4096, 5119 } };

#define GICV5_TYPE_SHIFT 29
#define GICV5_NUMBER_MAX 0xffffffu
#define WIRE_SHIFT       16
#define WIRE_BRIDGES_MAX 0x1fffu

const struct dt_node *dt_interrupt_parent(const struct devicetree *tree, const struct dt_node *node)
{
	const struct dt_property *parent = NULL;

	for (; node && !parent; node = node->parent)
		parent = dt_property(node, "interrupt-parent");
	return dt_target(tree, dt_cell(parent, 0));
}

uint32_t dt_interrupt_cells(const struct devicetree *tree, const struct dt_node *node,
			    uint32_t fallback)
{
	const struct dt_node *controller = dt_interrupt_parent(tree, node);

	return controller ? dt_number(controller, "#interrupt-cells", fallback) : fallback;
}

static bool is_gicv5(const struct dt_node *controller)
{
	return controller && dt_has_string(controller, "compatible", "arm,gic-v5");
}

/*
 * Numbers and types that a device cannot have are none. Type 3 of an older GIC is private to a CPU,
 * so without a controller in the tree it is that of a GICv5.
 */
static uint32_t gic_interrupt(const struct dt_node *controller, uint32_t type, uint32_t number)
{
	if (is_gicv5(controller) || (!controller && type == GICV5_SPI))
		return type == GICV5_SPI && number <= GICV5_NUMBER_MAX
			       ? (uint32_t)GICV5_SPI << GICV5_TYPE_SHIFT | number
			       : 0;
	for (size_t i = 0; i < G_N_ELEMENTS(shared); i++)
		if (shared[i].type == type && number <= shared[i].last - shared[i].first)
			return shared[i].first + number;
	return 0;
}

static uint32_t wire_interrupt(size_t bridge, uint32_t wire)
{
	if (bridge > WIRE_BRIDGES_MAX || wire > UINT16_MAX)
		return 0;
	return (uint32_t)GICV5_WIRE << GICV5_TYPE_SHIFT | (uint32_t)bridge << WIRE_SHIFT | wire;
}

uint32_t dt_interrupt(const struct dt_reading *reading, const struct dt_node *node, size_t i)
{
	const struct dt_node *controller = dt_interrupt_parent(reading->tree, node);
	const struct dt_property *interrupts = dt_property(node, "interrupts");
	size_t cells = dt_interrupt_cells(reading->tree, node, GIC_CELLS);
	size_t bridge =
		controller ? GPOINTER_TO_SIZE(hash_lookup(reading->wire_bridges, controller)) : 0;

	if (!cells || cells > CELLS_MAX || dt_cells(interrupts) / cells <= i)
		return 0;
	if (bridge)
		return wire_interrupt(bridge - 1, dt_cell(interrupts, i * cells));
	if (cells < GIC_CELLS)
		return dt_cell(interrupts, i * cells);
	return gic_interrupt(controller, dt_cell(interrupts, i * cells),
			     dt_cell(interrupts, i * cells + 1));
}

static const struct shared *shared_of(uint32_t number)
{
	for (size_t i = 0; i < G_N_ELEMENTS(shared); i++)
		if (number >= shared[i].first && number <= shared[i].last)
			return &shared[i];
	return NULL;
}

/* Of a new tree, the number tells the GIC. Interrupts of SMMUs are edges. */
bool dt_gic_cells(const struct devicetree *tree, const struct dt_node *node, uint32_t number,
		  uint32_t ret_cells[GIC_CELLS])
{
	const struct dt_node *controller = dt_interrupt_parent(tree, node);
	bool for_gicv5 = number >> GICV5_TYPE_SHIFT == GICV5_SPI;
	const struct shared *range = shared_of(number);

	if (for_gicv5 ? (number & ~(7u << GICV5_TYPE_SHIFT)) > GICV5_NUMBER_MAX : !range)
		return false;
	if (controller && is_gicv5(controller) != for_gicv5)
		return false;
	ret_cells[0] = for_gicv5 ? GICV5_SPI : range->type;
	ret_cells[1] = for_gicv5 ? number & GICV5_NUMBER_MAX : number - range->first;
	ret_cells[2] = SPI_RISING;
	return true;
}

/* 0 is no interrupt, so nothing is lost. */
static void report_interrupt(const struct dt_writing *writing, const char *of, uint32_t interrupt,
			     struct viommu_place place)
{
	if (interrupt)
		report(writing->findings, "dt-silent-interrupt", place,
		       "give shared interrupts, 32 to 1019 or 4096 to 5119, or the device tree of "
		       "the machine with --into",
		       "DTB omits the interrupts of %s: a GIC has no shared interrupt %" PRIu32, of,
		       interrupt);
}

/* Its author knows the triggers, and the interrupts that a topology does not have. */
static bool has_interrupts(const struct dt_writing *writing, const struct dt_node *node,
			   const uint32_t *interrupts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (dt_interrupt(&writing->before, node, i) != interrupts[i])
			return false;
	return dt_property(node, "interrupts");
}

/* A GIC with more cells for an interrupt needs them only for those of a set of CPUs. */
static size_t width_of(const struct dt_writing *writing, const struct dt_node *node)
{
	uint32_t cells = dt_interrupt_cells(writing->tree, node, GIC_CELLS);

	return cells >= GIC_CELLS && cells <= CELLS_MAX ? cells : GIC_CELLS;
}

void dt_set_interrupts(struct dt_writing *writing, struct dt_node *node, const uint32_t *interrupts,
		       size_t n, const char *of, struct viommu_place place)
{
	uint32_t cells[CELLS_MAX * VIOMMU_MAX_INTERRUPTS] = { 0 };
	size_t width = width_of(writing, node);

	n = MIN(n, (size_t)VIOMMU_MAX_INTERRUPTS);
	if (has_interrupts(writing, node, interrupts, n))
		return;
	for (size_t i = 0; i < n; i++)
		if (!dt_gic_cells(writing->tree, node, interrupts[i], &cells[width * i])) {
			report_interrupt(writing, of, interrupts[i], place);
			return;
		}
	if (n)
		dt_set_cells(writing, node, "interrupts", cells, width * n);
}
