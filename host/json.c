/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host as JSON: one line, so that many hosts are a stream of lines
 *
 * Addresses and registers are strings, "0xfed90000", because a JSON number is exact up to 53 bits.
 * An unknown boolean is null; other unknown values are omitted.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "json/json.h"
#include "model.h"
#include "numbers.h"

#define FORMAT_VERSION 1

/* -- members ------------------------------------------------------------------- */

static void add_string(struct json *json, const char *key, const char *value)
{
	if (!value)
		return;
	json_key(json, key);
	json_add_string(json, value);
}

static void add_number(struct json *json, const char *key, int64_t value)
{
	json_key(json, key);
	json_add_number(json, value);
}

static void add_hex(struct json *json, const char *key, uint64_t value)
{
	g_autofree char *text = g_strdup_printf("0x%" PRIx64, value);

	add_string(json, key, text);
}

static void add_hex4(struct json *json, const char *key, unsigned value, int digits)
{
	g_autofree char *text = g_strdup_printf("0x%0*x", digits, value);

	add_string(json, key, text);
}

static void add_true(struct json *json, const char *key, bool value)
{
	if (!value)
		return;
	json_key(json, key);
	json_add_boolean(json, true);
}

static void add_known(struct json *json, const char *key, enum viommu_known known)
{
	json_key(json, key);
	if (known == VIOMMU_NOT_KNOWN)
		json_add_null(json);
	else
		json_add_boolean(json, known == VIOMMU_YES);
}

static void add_node(struct json *json, int node)
{
	if (node >= 0)
		add_number(json, "node", node);
}

/* -- IOMMUs -------------------------------------------------------------------- */

static void add_function(struct json *json, const char *key, uint32_t segment, uint16_t bdf)
{
	g_autofree char *text = function_text(segment, bdf);

	add_string(json, key, text);
}

static void add_registers(struct json *json, const struct viommu_host_iommu *iommu)
{
	if (!iommu->has_registers)
		return;
	add_hex(json, "cap", iommu->cap);
	if (iommu->kind == VIOMMU_HOST_AMD_VI)
		add_hex(json, "features", iommu->features);
	else
		add_hex(json, "ecap", iommu->ecap);
	if (iommu->input_bits)
		add_number(json, "input_bits", iommu->input_bits);
	add_hex(json, "page_sizes", iommu->page_sizes);
	add_known(json, "nested", iommu->nested);
	add_known(json, "coherent", iommu->coherent);
	add_known(json, "ats", iommu->ats);
	add_known(json, "pri", iommu->pri);
	add_known(json, "pasid", iommu->pasid);
	if (iommu->pasid_bits)
		add_number(json, "pasid_bits", iommu->pasid_bits);
	add_known(json, "dirty", iommu->dirty);
}

static void add_iommu(struct json *json, const struct viommu_host_iommu *iommu)
{
	json_open(json, '{');
	add_string(json, "name", iommu->name);
	add_string(json, "kind", viommu_host_iommu_kind_name(iommu->kind));
	if (iommu->has_bdf)
		add_function(json, "function", iommu->bdf_segment, iommu->bdf);
	if (iommu->has_base)
		add_hex(json, "base", iommu->base);
	add_string(json, "parent", iommu->parent);
	add_node(json, iommu->numa_node);
	add_true(json, "node_from_table", iommu->numa_from_table);
	if (iommu->has_segment)
		add_number(json, "segment", iommu->segment);
	add_registers(json, iommu);
	add_string(json, "in_table", iommu->in_table ? iommu->in_table->name : NULL);
	if (iommu->in_table && iommu->in_table->cmdqv.base)
		add_hex(json, "cmdqv", iommu->in_table->cmdqv.base);
	add_number(json, "devices", (int64_t)iommu->n_devices);
	json_close(json, '}');
}

/* -- devices ------------------------------------------------------------------- */

static void add_bars(struct json *json, const char *key, const struct viommu_host_bar *bars)
{
	bool any = false;

	for (unsigned i = 0; i < VIOMMU_HOST_BARS; i++)
		any |= bars[i].length != 0;
	if (!any)
		return;
	json_key(json, key);
	json_open(json, '[');
	for (unsigned i = 0; i < VIOMMU_HOST_BARS; i++) {
		if (!bars[i].length)
			continue;
		json_open(json, '{');
		add_number(json, "bar", i);
		add_hex(json, "base", bars[i].base);
		add_hex(json, "length", bars[i].length);
		add_true(json, "io", bars[i].io);
		add_true(json, "prefetchable", bars[i].prefetchable);
		add_true(json, "64_bits", bars[i].is_64_bits);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void add_bridge(struct json *json, const struct viommu_host_device *device)
{
	if (!device->bridge)
		return;
	add_number(json, "secondary", device->secondary);
	add_number(json, "subordinate", device->subordinate);
}

static void add_pci(struct json *json, const struct viommu_host_device *device)
{
	if (!device->pci)
		return;
	add_hex4(json, "vendor", device->vendor, 4);
	add_hex4(json, "device", device->device, 4);
	add_hex4(json, "class", device->pci_class, 6);
	if (device->port != VIOMMU_HOST_PORT_UNKNOWN)
		add_string(json, "port", viommu_host_port_name(device->port));
	add_true(json, "multifunction", device->multifunction);
	add_bridge(json, device);
	add_string(json, "upstream", device->upstream ? device->upstream->name : NULL);
	add_string(json, "dma_function", device->dma_function ? device->dma_function->name : NULL);
	add_string(json, "pf", device->pf ? device->pf->name : NULL);
	if (device->total_vfs)
		add_number(json, "total_vfs", device->total_vfs);
	add_known(json, "ats", device->ats);
	add_known(json, "pri", device->pri);
	add_known(json, "pasid", device->pasid);
	if (device->pasid_bits)
		add_number(json, "pasid_bits", device->pasid_bits);
	add_known(json, "acs", device->acs);
	if (device->acs == VIOMMU_YES) {
		add_hex(json, "acs_capable", device->acs_capable);
		add_hex(json, "acs_enabled", device->acs_enabled);
	}
	add_bars(json, "bars", device->bars);
	add_bars(json, "vf_bars", device->vf_bars);
}

static void add_device(struct json *json, const struct viommu_host_device *device)
{
	json_open(json, '{');
	add_string(json, "name", device->name);
	add_string(json, "bus", device->bus);
	add_string(json, "iommu", device->iommu ? device->iommu->name : NULL);
	if (!device->iommu)
		add_string(json, "no_iommu", viommu_host_link_name(device->link));
	add_string(json, "iommu_in_table",
		   device->iommu_in_table ? device->iommu_in_table->name : NULL);
	if (device->has_id)
		add_number(json, "id", device->id);
	if (device->group)
		add_number(json, "group", device->group->number);
	add_string(json, "driver", device->driver);
	add_string(json, "driver_override", device->driver_override);
	add_string(json, "vfio", device->vfio);
	if (device->vfio) {
		json_key(json, "vfio-cdev");
		json_add_boolean(json, device->vfio_cdev);
	}
	add_node(json, device->numa_node);
	add_pci(json, device);
	json_close(json, '}');
}

/* -- groups and the rest ------------------------------------------------------- */

static void add_group(struct json *json, const struct viommu_host_group *group)
{
	const struct viommu_host_region *region;
	const struct viommu_host_device *device;

	json_open(json, '{');
	add_number(json, "number", group->number);
	add_string(json, "type", group->type);
	json_key(json, "devices");
	json_open(json, '[');
	for (size_t i = 0; (device = viommu_host_group_device(group, i)); i++)
		json_add_string(json, device->name);
	json_close(json, ']');
	json_key(json, "reserved");
	json_open(json, '[');
	for (size_t i = 0; (region = viommu_host_group_region(group, i)); i++) {
		json_open(json, '{');
		add_hex(json, "first", region->first);
		add_hex(json, "last", region->last);
		add_string(json, "type", viommu_host_region_type_name(region->type));
		json_close(json, '}');
	}
	json_close(json, ']');
	json_close(json, '}');
}

static void add_segment(struct json *json, const struct viommu_host_segment *segment)
{
	json_open(json, '{');
	add_number(json, "number", segment->number);
	add_number(json, "devices", (int64_t)segment->n_devices);
	add_number(json, "root_buses", (int64_t)segment->n_root_buses);
	json_close(json, '}');
}

static void add_numa_node(struct json *json, const struct viommu_host_node *node)
{
	json_open(json, '{');
	add_number(json, "number", node->number);
	add_string(json, "cpus", node->cpus);
	add_hex(json, "memory", node->memory);
	add_string(json, "distance", node->distance);
	json_close(json, '}');
}

static void add_findings(struct json *json, const struct viommu_findings *findings)
{
	const struct viommu_finding *finding;

	if (!findings)
		return;
	json_key(json, "findings");
	json_open(json, '[');
	for (size_t i = 0; (finding = viommu_findings_get(findings, i)); i++) {
		char *place = viommu_place_text(&finding->place);

		json_open(json, '{');
		add_string(json, "id", finding->id);
		add_string(json, "severity", viommu_severity_name(finding->severity));
		add_string(json, "place", place);
		add_string(json, "text", finding->text);
		json_close(json, '}');
		free(place);
	}
	json_close(json, ']');
}

static void add_egm(struct json *json, const struct viommu_host_egm *egm)
{
	const struct viommu_host_device *gpu;

	json_open(json, '{');
	add_string(json, "name", egm->name);
	add_hex(json, "size", egm->size);
	json_key(json, "gpus");
	json_open(json, '[');
	for (size_t i = 0; (gpu = viommu_host_egm_gpu(egm, i)); i++)
		json_add_string(json, gpu->name);
	json_close(json, ']');
	json_close(json, '}');
}

#define ADD_ALL(json, key, host, get, add) \
	do { \
		json_key(json, key); \
		json_open(json, '['); \
		for (size_t i = 0; get(host, i); i++) \
			add(json, get(host, i)); \
		json_close(json, ']'); \
	} while (0)

static void add_parts(struct json *json, const struct viommu_host *host)
{
	add_string(json, "cmdline", host->cmdline);
	ADD_ALL(json, "iommus", host, viommu_host_iommu, add_iommu);
	ADD_ALL(json, "devices", host, viommu_host_device, add_device);
	ADD_ALL(json, "groups", host, viommu_host_group, add_group);
	ADD_ALL(json, "segments", host, viommu_host_segment, add_segment);
	ADD_ALL(json, "nodes", host, viommu_host_node, add_numa_node);
	ADD_ALL(json, "egm", host, viommu_host_egm, add_egm);
}

char *viommu_host_json(const struct viommu_host *host, const char *name,
		       const struct viommu_findings *findings)
{
	struct json *json = json_new();

	json->one_line = true;
	json_open(json, '{');
	add_number(json, "format", FORMAT_VERSION);
	add_string(json, "host", name || !host ? name : host->name);
	if (host)
		add_parts(json, host);
	add_findings(json, findings);
	json_close(json, '}');
	return json_finish(json);
}
