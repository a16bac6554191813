/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host as text: a table of IOMMUs, one of devices, one of groups
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "numbers.h"

#define COLUMNS 9

struct grid {
	GPtrArray *cells;
	size_t widths[COLUMNS];
};

/* -- a grid ----------------------------------------------------------------------------------- */

static void grid_begin(struct grid *grid)
{
	*grid = (struct grid){ .cells = g_ptr_array_new_with_free_func(g_free) };
}

/* Takes ownership of the cells; a NULL cell is empty. */
static void grid_add(struct grid *grid, char *const cells[COLUMNS])
{
	for (int i = 0; i < COLUMNS; i++) {
		char *cell = cells[i] ? cells[i] : g_strdup("");

		grid->widths[i] = MAX(grid->widths[i], strlen(cell));
		g_ptr_array_add(grid->cells, cell);
	}
}

static void put_row(GString *out, const struct grid *grid, guint row)
{
	gsize end = out->len;

	for (guint i = 0; i < COLUMNS; i++) {
		const char *cell = grid->cells->pdata[row * COLUMNS + i];

		g_string_append(out, cell);
		if (*cell)
			end = out->len;
		g_string_append_printf(out, "%*s", (int)(grid->widths[i] - strlen(cell) + 2), "");
	}
	g_string_truncate(out, end);
	g_string_append_c(out, '\n');
}

static void grid_end(struct grid *grid, GString *out)
{
	for (guint row = 0; row < grid->cells->len / COLUMNS; row++)
		put_row(out, grid, row);
	g_ptr_array_unref(grid->cells);
}

#define ROW(...) \
	(char *[COLUMNS]) \
	{ \
		__VA_ARGS__ \
	}

/* -- IOMMUs -------------------------------------------------------------------- */

static char *node_text(int node)
{
	return node < 0 ? g_strdup("-") : g_strdup_printf("%d", node);
}

static char *iommu_at(const struct viommu_host_iommu *iommu)
{
	if (iommu->has_bdf)
		return function_text(iommu->bdf_segment, iommu->bdf);
	return iommu->has_base ? g_strdup_printf("0x%" PRIx64, iommu->base) : g_strdup("-");
}

static char *segment_text(const struct viommu_host_iommu *iommu)
{
	return iommu->has_segment ? g_strdup_printf("%04" PRIx32, iommu->segment) : g_strdup("-");
}

/* NULL: it has none. */
static char *queues_text(const struct viommu_host_iommu *iommu)
{
	return iommu->in_table && iommu->in_table->cmdqv.base
		       ? g_strdup_printf("0x%" PRIx64, iommu->in_table->cmdqv.base)
		       : NULL;
}

/* A rare column, so it is there only if an IOMMU has command queues for guests. */
static char *queues_title(const struct viommu_host *host)
{
	const struct viommu_host_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_host_iommu(host, i)); i++)
		if (iommu->in_table && iommu->in_table->cmdqv.base)
			return g_strdup("CMDQV");
	return NULL;
}

static void put_iommus(GString *out, const struct viommu_host *host)
{
	const struct viommu_host_iommu *iommu;
	struct grid grid;

	grid_begin(&grid);
	grid_add(&grid, ROW(g_strdup("IOMMU"), g_strdup("kind"), g_strdup("at"), g_strdup("node"),
			    g_strdup("segment"), g_strdup("devices"), g_strdup("in the table"),
			    queues_title(host)));
	for (size_t i = 0; (iommu = viommu_host_iommu(host, i)); i++)
		grid_add(&grid, ROW(g_strdup(iommu->name),
				    g_strdup(viommu_host_iommu_kind_name(iommu->kind)),
				    iommu_at(iommu), node_text(iommu->numa_node),
				    segment_text(iommu), g_strdup_printf("%zu", iommu->n_devices),
				    g_strdup(iommu->in_table ? iommu->in_table->name : "-"),
				    queues_text(iommu)));
	grid_end(&grid, out);
}

/* -- devices ------------------------------------------------------------------- */

/* "ats pri? acs": supported capabilities, and unknown ones with "?". */
static char *abilities(const struct viommu_host_device *device)
{
	const struct {
		const char *name;
		enum viommu_known known;
	} all[] = {
		{ "ats", device->ats },
		{ "pri", device->pri },
		{ "pasid", device->pasid },
		{ "acs", device->acs },
	};
	GString *text = g_string_new(NULL);

	for (size_t i = 0; device->pci && i < G_N_ELEMENTS(all); i++)
		if (all[i].known != VIOMMU_NO)
			g_string_append_printf(text, "%s%s%s", text->len ? " " : "", all[i].name,
					       all[i].known == VIOMMU_YES ? "" : "?");
	return g_string_free(text, FALSE);
}

static char *what(const struct viommu_host_device *device)
{
	if (!device->pci)
		return g_strdup(device->bus);
	return g_strdup_printf("%04x:%04x %06" PRIx32, device->vendor, device->device,
			       device->pci_class);
}

static char *note(const struct viommu_host_device *device)
{
	if (device->pf)
		return g_strdup_printf("VF of %s", device->pf->name);
	if (device->n_vfs)
		return g_strdup_printf("%u VFs", device->n_vfs);
	if (device->bridge)
		return g_strdup_printf("bridge to %02x-%02x", device->secondary,
				       device->subordinate);
	return NULL;
}

static char *iommu_text(const struct viommu_host_device *device)
{
	if (device->iommu)
		return g_strdup(device->iommu->name);
	return g_strdup_printf("(%s)", viommu_host_link_name(device->link));
}

static void put_devices(GString *out, const struct viommu_host *host)
{
	const struct viommu_host_device *device;
	struct grid grid;

	grid_begin(&grid);
	grid_add(&grid,
		 ROW(g_strdup("device"), g_strdup("what"), g_strdup("IOMMU"), g_strdup("group"),
		     g_strdup("node"), g_strdup("driver"), g_strdup("has"), g_strdup("")));
	for (size_t i = 0; (device = viommu_host_device(host, i)); i++)
		grid_add(&grid,
			 ROW(g_strdup(device->name), what(device), iommu_text(device),
			     device->group ? g_strdup_printf("%" PRIu32, device->group->number)
					   : g_strdup("-"),
			     node_text(device->numa_node),
			     g_strdup(device->driver ? device->driver : "-"), abilities(device),
			     note(device)));
	grid_end(&grid, out);
}

/* -- Extended GPU Memory ------------------------------------------------------- */

static char *gpus(const struct viommu_host_egm *egm)
{
	const struct viommu_host_device *gpu;
	GString *text = g_string_new(NULL);

	for (size_t i = 0; (gpu = viommu_host_egm_gpu(egm, i)); i++)
		g_string_append_printf(text, "%s%s", text->len ? " " : "", gpu->name);
	return g_string_free(text, FALSE);
}

static void put_egm(GString *out, const struct viommu_host *host)
{
	const struct viommu_host_egm *egm;
	struct grid grid;

	grid_begin(&grid);
	grid_add(&grid, ROW(g_strdup("GPU memory"), g_strdup("MiB"), g_strdup("GPUs")));
	for (size_t i = 0; (egm = viommu_host_egm(host, i)); i++)
		grid_add(&grid, ROW(g_strdup(egm->name),
				    egm->size ? g_strdup_printf("%" PRIu64, egm->size >> 20)
					      : g_strdup("?"),
				    gpus(egm)));
	grid_end(&grid, out);
}

/* -- groups -------------------------------------------------------------------- */

static char *regions(const struct viommu_host_group *group)
{
	const struct viommu_host_region *region;
	GString *text = g_string_new(NULL);

	for (size_t i = 0; (region = viommu_host_group_region(group, i)); i++)
		g_string_append_printf(text, "%s0x%" PRIx64 "-0x%" PRIx64 " %s",
				       text->len ? ", " : "", region->first, region->last,
				       viommu_host_region_type_name(region->type));
	return g_string_free(text, FALSE);
}

static char *members(const struct viommu_host_group *group)
{
	enum { FEW = 8 };
	const struct viommu_host_device *device;
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < FEW && (device = viommu_host_group_device(group, i)); i++)
		g_string_append_printf(text, "%s%s", text->len ? " " : "", device->name);
	if (group->n_devices > FEW)
		g_string_append_printf(text, " and %zu more", group->n_devices - FEW);
	return g_string_free(text, FALSE);
}

static void put_groups(GString *out, const struct viommu_host *host)
{
	const struct viommu_host_group *group;
	struct grid grid;

	grid_begin(&grid);
	grid_add(&grid, ROW(g_strdup("group"), g_strdup("type"), g_strdup("reserved"),
			    g_strdup("devices")));
	for (size_t i = 0; (group = viommu_host_group(host, i)); i++)
		grid_add(&grid, ROW(g_strdup_printf("%" PRIu32, group->number),
				    g_strdup(group->type ? group->type : "-"), regions(group),
				    members(group)));
	grid_end(&grid, out);
}

/* -- the text ------------------------------------------------------------------ */

static void put_part(GString *out, const struct viommu_host *host,
		     void (*put)(GString *out, const struct viommu_host *host))
{
	if (out->len)
		g_string_append_c(out, '\n');
	put(out, host);
}

char *viommu_host_text(const struct viommu_host *host, unsigned parts)
{
	GString *out = g_string_new(NULL);
	char *text;

	if (parts & VIOMMU_HOST_TEXT_IOMMUS)
		put_part(out, host, put_iommus);
	if (parts & VIOMMU_HOST_TEXT_DEVICES)
		put_part(out, host, put_devices);
	if (parts & VIOMMU_HOST_TEXT_DEVICES && viommu_host_egm(host, 0))
		put_part(out, host, put_egm);
	if (parts & VIOMMU_HOST_TEXT_GROUPS)
		put_part(out, host, put_groups);
	text = strdup(out->str);
	g_string_free(out, TRUE);
	return text;
}
