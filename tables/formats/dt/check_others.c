/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of a device tree about performance monitors (PMCG), interrupt wire bridges (IWB) and
 * command queues (CMDQV)
 */
#include "read.h"

static bool is_enabled(const struct dt_node *node, const char *compatible)
{
	return dt_has_string(node, "compatible", compatible) && dt_is_available(node);
}

/* An overlay extends a bus that is not there, and refers to nodes that are not. */
static bool has_registers(const struct table_check *check, const struct dt_node *node)
{
	uint64_t base, span;

	if (dt_registers(node, &base, &span))
		return true;
	dt_report(check, node, NULL, "write `reg`, and `ranges` of the buses above it",
		  "%s has no registers at an address of the CPU", node->name);
	return false;
}

static bool has_interrupt(const struct dt_node *node)
{
	return dt_cells(dt_property(node, "interrupts")) ||
	       dt_cells(dt_property(node, "interrupts-extended")) ||
	       dt_cells(dt_property(node, "msi-parent"));
}

void dt_check_monitors(const struct table_check *check)
{
	for_each_dt_node(node, check->table->tree)
		if (is_enabled(node, DT_MONITOR) && has_registers(check, node) &&
		    !has_interrupt(node))
			dt_report(check, node, NULL, "write `interrupts` or `msi-parent`",
				  "the performance monitor %s has no interrupt", node->name);
}

/* -- interrupt wire bridges -------------------------------------------------------------- */

#define WIRE_CELLS 2

/* What only the base of an overlay has is taken for good. */
static bool leads_to_its(const struct devicetree *tree, const struct dt_node *node,
			 const struct dt_property *parent)
{
	const struct dt_node *target = dt_target(tree, dt_cell(parent, 0));

	return target ? dt_is_its(target) : dt_is_below_overlay(node);
}

static void check_wire_bridge(const struct table_check *check, const struct dt_node *node)
{
	const struct dt_property *parent = dt_property(node, "msi-parent");

	if (!has_registers(check, node))
		return;
	if (dt_number(node, "#interrupt-cells", 0) != WIRE_CELLS ||
	    !dt_property(node, "interrupt-controller"))
		dt_report(check, node, NULL,
			  "write #interrupt-cells = <2>, and interrupt-controller",
			  "devices cannot refer to the wires of %s", node->name);
	if (dt_cells(parent) != 2 || !leads_to_its(check->table->tree, node, parent))
		dt_report(check, node, parent ? "msi-parent" : NULL,
			  "write msi-parent = <&ITS ID>, with the translate frame of an ITS",
			  "%s has no ITS for its wires", node->name);
}

void dt_check_wire_bridges(const struct table_check *check)
{
	for_each_dt_node(node, check->table->tree)
		if (is_enabled(node, DT_WIRE_BRIDGE))
			check_wire_bridge(check, node);
}

/* -- command queues ------------------------------------------------------------------------ */

/* What an overlay adds to an SMMU of its base, whose kind is there. */
static bool is_addition(const struct dt_node *smmu)
{
	return !dt_property(smmu, "compatible") && dt_is_below_overlay(smmu);
}

static void check_queues(const struct table_check *check, const struct dt_node *smmu,
			 uint32_t phandle)
{
	const struct dt_node *node = dt_target(check->table->tree, phandle);

	if (is_addition(smmu) || dt_is_unresolved(check->table->tree, phandle))
		return;
	if (!dt_has_string(smmu, "compatible", DT_QUEUES_SMMU))
		dt_report(check, smmu, DT_QUEUES,
			  "write compatible = \"" DT_QUEUES_SMMU "\", \"arm,smmu-v3\"",
			  "%s is no SMMU of a Tegra264: its command queues are not used",
			  smmu->name);
	else if (!node || !dt_is_available(node))
		dt_report(check, smmu, DT_QUEUES, "write the phandle of an enabled node",
			  "the command queues of %s, with phandle 0x%x, are %s", smmu->name,
			  phandle, node ? "disabled" : "missing");
	else if (!dt_has_string(node, "compatible", DT_QUEUES_NODE))
		dt_report(check, smmu, DT_QUEUES, "refer to the node of the queues",
			  "%s refers to %s, which is no " DT_QUEUES_NODE, smmu->name, node->name);
	else
		has_registers(check, node);
}

void dt_check_queues(const struct table_check *check)
{
	for_each_dt_node(node, check->table->tree)
		if (dt_property(node, DT_QUEUES) && dt_is_available(node))
			check_queues(check, node, dt_cell(dt_property(node, DT_QUEUES), 0));
}
