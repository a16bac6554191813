/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The doors: public functions that allocate
 *
 * Each runs the function that does its work behind a door (base/memory.h), so that a lack of memory
 * is an answer to the caller. Inside the library only the functions behind the doors are called.
 * Public functions that allocate nothing have no door.
 */
#include <errno.h>

#include <viommu/acpi.h>
#include <viommu/devicetree.h>
#include <viommu/diff.h>

#include "base/memory.h"
#include "tables/acpi/acpi.h"
#include "tables/api/file.h"
#include "tables/api/formats.h"
#include "tables/api/questions.h"
#include "tables/check/check.h"
#include "tables/diff/diff.h"
#include "tables/findings/findings.h"
#include "tables/formats/dt/write.h"
#include "tables/formats/srat/srat.h"
#include "tables/graph/graph.h"
#include "tables/machine/machine.h"
#include "tables/model/topology.h"
#include "tables/routes/map.h"
#include "tables/text/text.h"

/* The result of a call that has findings, of which one says that memory ran out. */
#define or_finding(findings, failure, expression) \
	memory_or((report_no_memory(findings), (failure)), expression)

/* 0, or -ENOMEM. */
#define or_errno(call) memory_or(-ENOMEM, ((call), 0))

/* -- findings -------------------------------------------------------------- */

struct viommu_findings *viommu_findings_new(void)
{
	return memory_or(NULL, findings_new());
}

int viommu_findings_add(struct viommu_findings *findings, const char *rule_id,
			const struct viommu_place *place, const char *text, const char *cure)
{
	return or_finding(findings, -ENOMEM, findings_add(findings, rule_id, place, text, cure));
}

int viommu_findings_take_only(struct viommu_findings *findings, const char *const *rule_ids)
{
	return or_finding(findings, -ENOMEM, findings_take_only(findings, rule_ids));
}

char *viommu_finding_line(const struct viommu_finding *finding)
{
	return memory_or(NULL, finding_line(finding));
}

/* -- topologies ------------------------------------------------------------ */

struct viommu_topology *viommu_topology_new(void)
{
	return memory_or(NULL, topology_new());
}

int viommu_topology_add_iommu(struct viommu_topology *topology, const struct viommu_iommu *iommu)
{
	return memory_or(-ENOMEM, topology_add_iommu(topology, iommu));
}

int viommu_topology_add_host_bridge(struct viommu_topology *topology,
				    const struct viommu_host_bridge *bridge)
{
	return memory_or(-ENOMEM, topology_add_host_bridge(topology, bridge));
}

int viommu_topology_add_pci_range(struct viommu_topology *topology,
				  const struct viommu_pci_range *range)
{
	return memory_or(-ENOMEM, topology_add_pci_range(topology, range));
}

int viommu_topology_add_platform_device(struct viommu_topology *topology,
					const struct viommu_platform_device *device)
{
	return memory_or(-ENOMEM, topology_add_platform_device(topology, device));
}

int viommu_topology_add_its_group(struct viommu_topology *topology,
				  const struct viommu_its_group *group)
{
	return memory_or(-ENOMEM, topology_add_its_group(topology, group));
}

int viommu_topology_add_device_id(struct viommu_topology *topology,
				  const struct viommu_device_id *device_id)
{
	return memory_or(-ENOMEM, topology_add_device_id(topology, device_id));
}

int viommu_topology_add_msi_range(struct viommu_topology *topology,
				  const struct viommu_msi_range *range)
{
	return memory_or(-ENOMEM, topology_add_msi_range(topology, range));
}

int viommu_topology_add_interrupt_source(struct viommu_topology *topology,
					 const struct viommu_interrupt_source *source)
{
	return memory_or(-ENOMEM, topology_add_interrupt_source(topology, source));
}

int viommu_topology_add_ats(struct viommu_topology *topology, const struct viommu_ats *ats)
{
	return memory_or(-ENOMEM, topology_add_ats(topology, ats));
}

int viommu_topology_add_monitor(struct viommu_topology *topology,
				const struct viommu_monitor *monitor)
{
	return memory_or(-ENOMEM, topology_add_monitor(topology, monitor));
}

int viommu_topology_add_wire_bridge(struct viommu_topology *topology,
				    const struct viommu_wire_bridge *bridge)
{
	return memory_or(-ENOMEM, topology_add_wire_bridge(topology, bridge));
}

int viommu_topology_add_reserved_memory(struct viommu_topology *topology,
					const struct viommu_reserved_memory *memory)
{
	return memory_or(-ENOMEM, topology_add_reserved_memory(topology, memory));
}

struct viommu_topology *viommu_topology_parse(const char *text, size_t length, const char *file,
					      struct viommu_findings *findings)
{
	return or_finding(findings, NULL, topology_parse(text, length, file, findings));
}

int viommu_topology_from_file(const char *path, struct viommu_findings *findings,
			      struct viommu_topology **ret_topology)
{
	*ret_topology = NULL;
	return or_finding(findings, -ENOMEM, topology_from_file(path, findings, ret_topology));
}

char *viommu_topology_text(const struct viommu_topology *topology)
{
	return memory_or(NULL, topology_text(topology));
}

char *viommu_topology_json(const struct viommu_topology *topology)
{
	return memory_or(NULL, topology_json(topology));
}

char *viommu_topology_graph(const struct viommu_topology *topology)
{
	return memory_or(NULL, topology_graph(topology));
}

char *viommu_functions_text(const struct viommu_route_range *range)
{
	return memory_or(NULL, functions_text(range));
}

char *viommu_iommu_at_text(const struct viommu_iommu *iommu)
{
	return memory_or(NULL, iommu_at_text(iommu));
}

char *viommu_place_text(const struct viommu_place *place)
{
	return memory_or(NULL, place_text(place));
}

void viommu_topology_check(const struct viommu_topology *topology, struct viommu_findings *findings)
{
	or_finding(findings, 0, (topology_check(topology, findings), 0));
}

int viommu_topology_find_device(const struct viommu_topology *topology, const char *text,
				struct viommu_device_name *ret_name)
{
	return memory_or(-ENOMEM, topology_find_device(topology, text, ret_name));
}

/* -- tables ---------------------------------------------------------------- */

struct viommu_table *viommu_table_decode(const void *bytes, size_t length, const char *file,
					 struct viommu_findings *findings)
{
	return or_finding(findings, NULL, table_decode(bytes, length, file, findings));
}

struct viommu_table *viommu_table_decode_as(const char *signature, const void *bytes, size_t length,
					    const char *file, struct viommu_findings *findings)
{
	return or_finding(findings, NULL,
			  table_decode_as(signature, bytes, length, file, findings));
}

struct viommu_topology *viommu_table_topology(const struct viommu_table *table,
					      struct viommu_findings *findings)
{
	return or_finding(findings, NULL, table_topology(table, findings));
}

struct viommu_table *viommu_table_generate(const struct viommu_topology *topology,
					   const char *signature, struct viommu_findings *findings)
{
	return or_finding(findings, NULL, table_generate(topology, signature, findings));
}

struct viommu_table *viommu_table_generate_for(const struct viommu_topology *topology,
					       const char *signature, const char *iommu,
					       struct viommu_findings *findings)
{
	return or_finding(findings, NULL, table_generate_for(topology, signature, iommu, findings));
}

struct viommu_table *viommu_devicetree_generate(const struct viommu_topology *topology,
						const struct viommu_devicetree *how,
						struct viommu_findings *findings)
{
	return or_finding(findings, NULL, devicetree_generate(topology, how, findings));
}

char *viommu_kernel_command_line(const struct viommu_topology *topology,
				 struct viommu_findings *findings)
{
	return or_finding(findings, NULL, kernel_command_line(topology, findings));
}

bool viommu_table_extend(struct viommu_table *table, const struct viommu_topology *topology,
			 struct viommu_findings *findings)
{
	return or_finding(findings, false, table_extend(table, topology, findings));
}

size_t viommu_table_encode(const struct viommu_table *table, void **ret_bytes)
{
	return memory_or((*ret_bytes = NULL, (size_t)0), table_encode(table, ret_bytes));
}

typedef void write_table(const struct viommu_table *table, struct strbuf *text);

static char *text_of(const struct viommu_table *table, write_table *write)
{
	struct strbuf *text = strbuf_new(NULL);

	write(table, text);
	return strbuf_steal(text);
}

static void pass_on(const struct viommu_table *table, write_table *write, strbuf_taker *take,
		    void *opaque)
{
	struct strbuf *text = strbuf_new_for(take, opaque);

	write(table, text);
	strbuf_end(text);
}

int viommu_table_write(const struct viommu_table *table, enum viommu_table_form form,
		       bool (*write)(void *opaque, const char *text, size_t length), void *opaque)
{
	static write_table *const forms[] = {
		[VIOMMU_TABLE_TEXT] = table_text,
		[VIOMMU_TABLE_JSON] = table_json,
		[VIOMMU_TABLE_SOURCE] = table_source,
	};

	if ((size_t)form >= sizeof(forms) / sizeof(forms[0]))
		return -EINVAL;
	return or_errno(pass_on(table, forms[form], write, opaque));
}

char *viommu_table_text(const struct viommu_table *table)
{
	return memory_or(NULL, text_of(table, table_text));
}

char *viommu_table_json(const struct viommu_table *table)
{
	return memory_or(NULL, text_of(table, table_json));
}

char *viommu_table_source(const struct viommu_table *table)
{
	return memory_or(NULL, text_of(table, table_source));
}

size_t viommu_table_assemble(const char *source, size_t length, const char *file, bool keep,
			     void **ret_bytes, struct viommu_findings *findings)
{
	*ret_bytes = NULL;
	return or_finding(findings, (size_t)0,
			  table_assemble(source, length, file, keep, findings, ret_bytes));
}

void viommu_table_check(const struct viommu_table *table, struct viommu_findings *findings)
{
	or_finding(findings, 0, (table_check(table, findings), 0));
}

void viommu_tables_check_together(const struct viommu_table *const *tables, size_t n,
				  struct viommu_findings *findings)
{
	or_finding(findings, 0, (tables_check_together(tables, n, findings), 0));
}

void viommu_topology_check_domains(const struct viommu_topology *topology,
				   const struct viommu_table *srat,
				   struct viommu_findings *findings)
{
	or_finding(findings, 0, (topology_check_domains(topology, srat, findings), 0));
}

void viommu_table_compare(const struct viommu_table *table, const struct viommu_topology *topology,
			  struct viommu_findings *findings)
{
	or_finding(findings, 0, (table_compare(table, topology, findings), 0));
}

int viommu_topology_apply_srat_domains(struct viommu_topology *topology,
				       const struct viommu_table *srat)
{
	return memory_or(-ENOMEM, topology_apply_srat_domains(topology, srat));
}

int viommu_topology_apply_queues(struct viommu_topology *topology, const struct viommu_table *iort,
				 const struct viommu_table *block)
{
	return memory_or(-ENOMEM, topology_apply_queues(topology, iort, block));
}

/* -- differences ----------------------------------------------------------- */

struct viommu_diff *viommu_topology_diff(const struct viommu_topology *before,
					 const struct viommu_topology *after)
{
	return memory_or(NULL, topology_diff(before, after));
}

char *viommu_difference_line(const struct viommu_difference *difference)
{
	return memory_or(NULL, difference_line(difference));
}

/* -- code of the caller ---------------------------------------------------------------- */

/* It may call this library again, and be left in ways of its own: no door is open meanwhile. */
#define OUTSIDE_EACH(name, argument) \
	struct outside_##name { \
		void (*each)(void *opaque, const struct argument *name); \
		void *opaque; \
	}; \
\
	static void call_with_##name(void *opaque, const struct argument *name) \
	{ \
		const struct outside_##name *outside = opaque; \
		struct memory_door *door = memory_suspend(); \
\
		outside->each(outside->opaque, name); \
		memory_resume(door); \
	}

OUTSIDE_EACH(route, viommu_route_range)
OUTSIDE_EACH(pci_range, viommu_pci_range)

int viommu_topology_for_each_route(const struct viommu_topology *topology,
				   void (*each)(void *opaque,
						const struct viommu_route_range *range),
				   void *opaque)
{
	struct outside_route outside = { each, opaque };

	return or_errno(topology_for_each_route(topology, call_with_route, &outside));
}

int viommu_topology_for_each_pci_range(const struct viommu_topology *topology,
				       void (*each)(void *opaque,
						    const struct viommu_pci_range *range),
				       void *opaque)
{
	struct outside_pci_range outside = { each, opaque };

	return or_errno(topology_for_each_pci_range(topology, call_with_pci_range, &outside));
}

struct outside_bridge {
	bool (*below)(void *opaque, uint16_t segment, uint16_t bdf, uint8_t *ret_first,
		      uint8_t *ret_last);
	void *opaque;
};

static bool call_with_bridge(void *opaque, uint16_t segment, uint16_t bdf, uint8_t *ret_first,
			     uint8_t *ret_last)
{
	const struct outside_bridge *outside = opaque;
	struct memory_door *door = memory_suspend();
	bool is_known = outside->below(outside->opaque, segment, bdf, ret_first, ret_last);

	memory_resume(door);
	return is_known;
}

struct viommu_topology *viommu_topology_join(const struct viommu_topology *first,
					     const struct viommu_topology *second)
{
	return memory_or(NULL, topology_join(first, second));
}

struct viommu_topology *viommu_topology_expand(const struct viommu_topology *topology,
					       bool (*below)(void *opaque, uint16_t segment,
							     uint16_t bdf, uint8_t *ret_first,
							     uint8_t *ret_last),
					       void *opaque)
{
	struct outside_bridge outside = { below, opaque };

	return memory_or(NULL, topology_expand(topology, call_with_bridge, &outside));
}

struct outside_table {
	bool (*each)(void *opaque, const char *name, const void *table, size_t table_length);
	void *opaque;
};

static bool call_with_table(void *opaque, const char *name, const void *table, size_t length)
{
	const struct outside_table *outside = opaque;
	struct memory_door *door = memory_suspend();
	bool goes_on = outside->each(outside->opaque, name, table, length);

	memory_resume(door);
	return goes_on;
}

size_t viommu_input_split(const void *bytes, size_t length, const char *file,
			  bool (*each)(void *opaque, const char *name, const void *table,
				       size_t table_length),
			  void *opaque, struct viommu_findings *findings)
{
	struct outside_table outside = { each, opaque };

	return or_finding(findings, (size_t)0,
			  input_split(bytes, length, file, call_with_table, &outside, findings));
}

struct outside_pack {
	bool (*each)(void *opaque, const void *pack, size_t length);
	void *opaque;
};

static bool call_with_pack(void *opaque, const void *pack, size_t length)
{
	const struct outside_pack *outside = opaque;
	struct memory_door *door = memory_suspend();
	bool goes_on = outside->each(outside->opaque, pack, length);

	memory_resume(door);
	return goes_on;
}

size_t viommu_input_packs(const void *bytes, size_t length,
			  bool (*each)(void *opaque, const void *pack, size_t pack_length),
			  void *opaque)
{
	struct outside_pack outside = { each, opaque };

	return memory_or((size_t)0, input_packs(bytes, length, call_with_pack, &outside));
}

char *viommu_input_text(const void *bytes, size_t length)
{
	return memory_or(NULL, input_text(bytes, length));
}

int viommu_topology_resolve(const struct viommu_topology *topology,
			    const struct viommu_device_name *device, struct viommu_route *ret_route,
			    struct viommu_route *ret_linux, const char **ret_why_linux)
{
	return or_errno(topology_resolve(topology, device, ret_route, ret_linux, ret_why_linux));
}

/* -- sets of ACPI tables --------------------------------------------------- */

size_t viommu_tables_generate(const struct viommu_topology *topology,
			      struct viommu_table *tables[VIOMMU_TABLES_MAX],
			      struct viommu_findings *findings)
{
	return or_finding(findings, (size_t)0, tables_generate(topology, tables, findings));
}

size_t viommu_acpi_generate(const struct viommu_topology *topology, const struct viommu_acpi *how,
			    void **ret_bytes, struct viommu_findings *findings)
{
	return or_finding(findings, (*ret_bytes = NULL, (size_t)0),
			  acpi_generate(topology, how, ret_bytes, findings));
}

size_t viommu_acpi_add(const void *bytes, size_t length, uint64_t address,
		       const struct viommu_table *const *tables, size_t n_tables, void **ret_bytes,
		       struct viommu_findings *findings)
{
	return or_finding(findings, (*ret_bytes = NULL, (size_t)0),
			  acpi_add(bytes, length, address, tables, n_tables, ret_bytes, findings));
}

size_t viommu_acpi_extend(const void *bytes, size_t length, const struct viommu_topology *topology,
			  const struct viommu_acpi *how, void **ret_bytes,
			  struct viommu_findings *findings)
{
	return or_finding(findings, (*ret_bytes = NULL, (size_t)0),
			  acpi_extend(bytes, length, topology, how, ret_bytes, findings));
}
