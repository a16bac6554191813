/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes and IDs as text and as JSON, the same in every subcommand. */
#include <glib.h>
#include <inttypes.h>

#include "base/pci.h"
#include "json.h"
#include "route_text.h"

/* Part of the JSON format: programs compare these words. */
const char *reach_name(enum viommu_reach reach)
{
	static const char *const names[] = {
		[VIOMMU_REACH_IOMMU] = "iommu",
		[VIOMMU_REACH_BYPASS] = "bypass",
		[VIOMMU_REACH_NOTHING] = "nothing",
	};

	return names[reach];
}

/* In an invalid table the last ID may exceed 32 bits. It wraps, as it does for consumers. */
char *ids_text(uint32_t first, uint64_t n)
{
	if (n <= 1)
		return g_strdup_printf("0x%" PRIx32, first);
	return g_strdup_printf("0x%" PRIx32 "-0x%" PRIx32, first, (uint32_t)(first + n - 1));
}

char *pci_function_text(uint32_t segment, unsigned bdf)
{
	return g_strdup_printf("%04" PRIx32 ":" PCI_BDF, segment, PCI_BDF_PARTS(bdf));
}

void json_route(struct json *json, const struct viommu_route *route)
{
	g_autofree char *at = NULL;

	json_string(json, "reach", reach_name(route->reach));
	json_place(json, &route->place);
	if (route->reach != VIOMMU_REACH_IOMMU)
		return;
	at = viommu_iommu_at_text(route->iommu);
	json_string(json, "iommu", route->iommu->name);
	json_string(json, "kind", viommu_iommu_kind_name(route->iommu->kind));
	json_string(json, "at", at);
}
