/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scopes of a DMAR whose type is not that of the function, by the PCI tree
 *
 * At the first function of which an endpoint's scope is a bridge, or a bridge's scope is none,
 * Linux gives up VT-d: dmar_insert_dev_scope() fails, and so does dmar_dev_scope_init().
 */
#include "command.h"
#include "resolve.h"
#include "route_text.h"

#define BASE_CLASS_BRIDGE 0x06

struct scope {
	enum viommu_scope type;
	uint16_t segment, bdf;
	const struct viommu_place *place;
};

/* Linux compares the header for an endpoint, and header and class for a bridge. */
static const char *mistake_of(const struct pci_function *function, enum viommu_scope type)
{
	if (!function)
		return NULL;
	if (type == VIOMMU_SCOPE_FUNCTIONS)
		return pci_function_is_bridge(function)
			       ? "an endpoint, and the function is a bridge"
			       : NULL;
	return !function->bridge && function->pci_class &&
			       function->pci_class >> 8 != BASE_CLASS_BRIDGE
		       ? "a bridge, and the function is none"
		       : NULL;
}

static char *check_scope(const struct pci_tree *tree, const struct scope *scope)
{
	const char *mistake =
		mistake_of(pci_tree_find(tree, scope->segment, scope->bdf), scope->type);
	g_autofree char *name = NULL, *place = NULL;

	if (!mistake)
		return NULL;
	name = pci_function_text(scope->segment, scope->bdf);
	place = viommu_place_text(scope->place);
	return g_strdup_printf(
		"Linux prints \"Device scope type does not match for %s\" and uses no VT-d: the "
		"scope is of %s, by %s",
		name, mistake, place);
}

/* Linux does not look at the scopes of the unit that has all other functions. */
static bool has_all_others(const struct viommu_topology *topology, const char *iommu)
{
	const struct viommu_host_bridge *bridge;

	for (size_t i = 0; (bridge = viommu_topology_host_bridge(topology, i)); i++)
		if (!g_strcmp0(bridge->iommu, iommu))
			return true;
	return false;
}

static bool is_of_vtd(const struct viommu_topology *topology)
{
	const struct viommu_iommu *iommu = viommu_topology_iommu(topology, 0);

	return iommu && iommu->kind == VIOMMU_VTD;
}

static char *check_ranges(const struct viommu_topology *topology, const struct pci_tree *tree)
{
	const struct viommu_pci_range *range;
	char *text = NULL;

	for (size_t i = 0; !text && (range = viommu_topology_pci_range(topology, i)); i++) {
		const struct scope scope = { range->scope, range->segment_first, range->bdf_first,
					     &range->place };

		if (!range->path && range->bdf_first == range->bdf_last &&
		    !has_all_others(topology, range->iommu))
			text = check_scope(tree, &scope);
	}
	return text;
}

static char *check_memory(const struct viommu_topology *topology, const struct pci_tree *tree)
{
	const struct viommu_reserved_memory *memory;
	char *text = NULL;

	for (size_t i = 0; !text && (memory = viommu_topology_reserved_memory(topology, i)); i++) {
		const struct scope scope = { memory->scope, memory->segment, memory->bdf_first,
					     &memory->place };

		if (!memory->path && !memory->iommu && memory->bdf_first == memory->bdf_last)
			text = check_scope(tree, &scope);
	}
	return text;
}

char *find_wrong_scope(const struct viommu_topology *topology, const struct pci_tree *tree)
{
	char *text;

	if (!tree || !is_of_vtd(topology))
		return NULL;
	text = check_ranges(topology, tree);
	return text ? text : check_memory(topology, tree);
}
