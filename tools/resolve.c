/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu resolve: the IOMMU that a device reaches, its ID there, and the entry that decides
 *
 * There are two answers: by the table's specification, and by Linux, which for example uses the
 * last of several VIOT nodes for a function and ignores a node that lets an IOMMU translate itself.
 * Both are printed where they differ.
 *
 * The deciding entry is given by its place, an offset or a line: it is the entry to change.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <viommu/acpi.h>

#include "answer.h"
#include "base/pci.h"
#include "command.h"
#include "device_error.h"
#include "json.h"
#include "pci_tree.h"
#include "resolve.h"
#include "route_text.h"

static char *from, *pasid_text, *pci_name;
static gboolean as_json, all_devices;

static const GOptionEntry options[] = {
	{ "all", 'a', 0, G_OPTION_ARG_NONE, &all_devices,
	  "show the whole map: every device that is described", NULL },
	{ "from", 'f', 0, G_OPTION_ARG_FILENAME, &from,
	  "use this table or topology, not the tables of this machine", "FILE" },
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json, "print JSON on standard output", NULL },
	{ "pci", 'P', 0, G_OPTION_ARG_FILENAME, &pci_name,
	  "take bus numbers and bridges from this: a copy of /sys, a kernel log, or text of lspci "
	  "or info pci",
	  "FILE" },
	{ "pasid", 'p', 0, G_OPTION_ARG_STRING, &pasid_text,
	  "also show whether requests with this PASID arrive", "NUMBER" },
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

/* -- descriptions ----------------------------------------------------------------- */

static char *place_or_unknown(const struct viommu_place *place)
{
	char *text = viommu_place_text(place);

	if (*text)
		return text;
	g_free(text);
	return g_strdup("an unknown place");
}

/* To a guest, a device that bypasses and one that is not described are the same. */
static char *describe(const struct viommu_route *route, uint64_t n_ids)
{
	g_autofree char *place = place_or_unknown(&route->place), *at = NULL, *ids = NULL;

	if (route->reach == VIOMMU_REACH_NOTHING)
		return g_strdup("no IOMMU: not described");
	if (route->reach == VIOMMU_REACH_BYPASS)
		return g_strdup_printf("no IOMMU: bypasses, by %s", place);
	at = viommu_iommu_at_text(route->iommu);
	ids = ids_text(route->id, n_ids);
	return g_strdup_printf("%s (%s at %s), %s %s, by %s", route->iommu->name,
			       viommu_iommu_kind_name(route->iommu->kind), at,
			       viommu_iommu_id_name(route->iommu->kind), ids, place);
}

/* The route of MSIs; NULL if no ITS is described. */
static char *describe_msis(const struct viommu_route *route)
{
	g_autofree char *place = place_or_unknown(&route->its_place);

	if (!route->its)
		return NULL;
	return g_strdup_printf("MSIs to %s, device 0x%" PRIx32 ", by %s", route->its->name,
			       route->device_id, place);
}

/* A width of 0 means that no PASID is forwarded, not even PASID 0. */
static bool pasid_fits(const struct viommu_route *route, guint64 pasid)
{
	return route->iommu && pasid < (guint64)1 << route->pasid_bits && route->pasid_bits;
}

/* On x86, registers of the IOMMU and capabilities of functions decide about PASIDs. */
static bool tables_describe_pasids(enum viommu_iommu_kind kind)
{
	return kind != VIOMMU_VTD && kind != VIOMMU_AMD_VI;
}

static char *describe_pasid(const struct viommu_route *route, guint64 pasid)
{
	g_autofree char *place = place_or_unknown(&route->pasid_place);

	if (!route->iommu)
		return g_strdup("has no meaning: no IOMMU is reached");
	if (!route->pasid_bits && !tables_describe_pasids(route->iommu->kind))
		return g_strdup("is not decided by the table: DMAR and IVRS say nothing of PASIDs");
	if (!route->pasid_bits)
		return g_strdup("does not arrive: no entry forwards PASIDs");
	return g_strdup_printf("%s: PASIDs have up to %u bits, by %s",
			       pasid_fits(route, pasid) ? "arrives" : "is too large",
			       route->pasid_bits, place);
}

/* -- text ------------------------------------------------------------------------- */

/* Prints only what differs. */
static void print_linux(const struct answer *answer, const char *by_table, const char *msis)
{
	g_autofree char *by_linux = describe(&answer->linux_route, 1);
	g_autofree char *linux_msis = describe_msis(&answer->linux_route);

	if (!strcmp(by_table, by_linux) && !g_strcmp0(msis, linux_msis))
		return;
	print_line("    Linux: %s", by_linux);
	if (g_strcmp0(msis, linux_msis))
		print_line("    %s", linux_msis ? linux_msis : "MSIs to no ITS");
	print_line("    %s", answer->why_linux);
}

/* Other versions of Linux, where they differ from what the table says. */
static void print_readings(const struct answer *answer, const char *by_table, const char *msis)
{
	const struct viommu_topology *other;
	const char *kernels;

	for (size_t i = 0; (other = viommu_topology_reading(answer->topology, i, &kernels)); i++) {
		struct viommu_route route, linux_route;
		g_autofree char *text = NULL, *its = NULL;

		viommu_topology_resolve(other, &answer->name, &route, &linux_route, NULL);
		text = describe(&route, 1);
		its = describe_msis(&route);
		if (strcmp(text, by_table) != 0 || g_strcmp0(msis, its))
			print_line("    %s: %s", kernels, text);
		if (g_strcmp0(msis, its))
			print_line("    %s", its ? its : "MSIs to no ITS");
	}
}

/* Xen and FreeBSD, where they read the table otherwise than Linux. */
static void print_other_systems(const struct viommu_topology *topology)
{
	const char *text;

	for (size_t i = 0; (text = viommu_topology_other_system(topology, i)); i++)
		print_line("    %s", text);
}

/* What the running kernel did, which may differ from what the table says. */
static void print_sysfs(const struct viommu_host_device *device)
{
	if (!device)
		return;
	if (device->iommu && device->group)
		print_line("    sysfs: %s, group %" PRIu32, device->iommu->name,
			   device->group->number);
	else if (device->iommu)
		print_line("    sysfs: %s", device->iommu->name);
	else
		print_line("    sysfs: no IOMMU: %s", viommu_host_link_name(device->link));
}

/* Linux reserves the memory of a bridge for the functions below it, too. */
static bool is_below(const struct pci_function *function,
		     const struct viommu_reserved_memory *memory)
{
	if (memory->scope != VIOMMU_SCOPE_BRIDGE || memory->path)
		return false;
	for (const struct pci_function *above = function ? function->above : NULL; above;
	     above = above->above)
		if (above->segment == memory->segment && above->bdf == memory->bdf_first)
			return true;
	return false;
}

bool answer_has_memory(const struct answer *answer, const struct viommu_reserved_memory *memory)
{
	const struct viommu_device_name *name = &answer->name;
	const struct viommu_route *route = &answer->route;

	if (!memory->iommu && is_below(answer->function, memory))
		return true;
	if (!memory->iommu)
		return name->pci && !memory->path && memory->segment == name->segment &&
		       memory->bdf_first <= name->bdf && name->bdf <= memory->bdf_last;
	return route->iommu && !strcmp(memory->iommu, route->iommu->name) &&
	       (!memory->has_ids ||
		(memory->id_first <= route->id && route->id <= memory->id_last));
}

/*
 * With the function in the PCI tree, a bridge that the tree does not have has nothing below it, and
 * so has one of which it has the buses: they were looked up already.
 */
static bool may_lead(const struct pci_tree *tree, uint32_t segment, uint16_t bdf)
{
	const struct pci_function *start = pci_tree_find(tree, segment, bdf);

	return start && pci_function_may_lead(start);
}

/* Without the buses of a bridge: may the function be the one below it that the memory is for? */
static bool may_have_memory(const struct answer *answer,
			    const struct viommu_reserved_memory *memory)
{
	const struct viommu_device_name *name = &answer->name;

	if (answer->function && !may_lead(answer->tree, memory->segment, memory->bdf_first))
		return false;
	return !memory->iommu && name->pci &&
	       (memory->path || memory->scope == VIOMMU_SCOPE_BRIDGE) &&
	       memory->segment == name->segment && name->bdf >> 8 > memory->bdf_first >> 8;
}

/* "it is below bridge 00:1c.0", or "it is at 00.0 behind bridge 00:1c.0" of a path. */
static char *condition_text(enum viommu_scope scope, uint16_t segment, uint16_t bdf,
			    const char *path)
{
	g_autofree char *start = pci_function_text(segment, bdf);

	if (!path)
		return g_strdup_printf("it is below bridge %s", start);
	return g_strdup_printf("it is %s %s behind bridge %s",
			       scope == VIOMMU_SCOPE_BRIDGE ? "below" : "at", path, start);
}

char *answer_memory_condition(const struct answer *answer,
			      const struct viommu_reserved_memory *memory)
{
	return may_have_memory(answer, memory) ? condition_text(memory->scope, memory->segment,
								memory->bdf_first, memory->path)
					       : NULL;
}

#define POSSIBLE_MAX 8

static void print_region(const struct viommu_reserved_memory *memory, const char *condition)
{
	g_autofree char *place = place_or_unknown(&memory->place);
	bool keep =
		memory->kind == VIOMMU_MEMORY_IDENTITY || memory->kind == VIOMMU_MEMORY_EXCLUSION;

	print_line("    %s 0x%" PRIx64 "-0x%" PRIx64 " (%s)%s%s, by %s",
		   keep ? "must keep" : "must not use", memory->first, memory->last,
		   viommu_memory_kind_name(memory->kind), condition ? ", if " : "",
		   condition ? condition : "", place);
}

/* An RMRR, IVMD or RMR: it decides whether the device can be assigned to a guest. */
static void print_memory(const struct answer *answer)
{
	const struct viommu_reserved_memory *memory;
	unsigned n = 0;

	for (size_t i = 0; (memory = viommu_topology_reserved_memory(answer->topology, i)); i++) {
		g_autofree char *condition = answer_memory_condition(answer, memory);

		if (answer_has_memory(answer, memory))
			print_region(memory, NULL);
		else if (condition && n++ < POSSIBLE_MAX)
			print_region(memory, condition);
	}
	if (n > POSSIBLE_MAX)
		print_line("    and %u more regions, if it is below other bridges",
			   n - POSSIBLE_MAX);
}

/* A device may have further IDs, also behind another IOMMU. */
static void print_more_ids(const struct answer *answer)
{
	const struct viommu_device_id *more;

	for (size_t i = 0; (more = viommu_topology_device_id(answer->topology, i)); i++) {
		g_autofree char *ids = ids_text(more->id, more->n_ids);
		g_autofree char *place = place_or_unknown(&more->place);

		if (!g_strcmp0(more->device, answer->platform_device->name))
			print_line("    also %s %s, by %s", more->iommu ? more->iommu : "bypassing",
				   ids, place);
	}
}

/* -- what is not decided ---------------------------------------------------------- */

/* Does the entry name functions by numbers that the table has? */
static bool is_known(const struct viommu_pci_range *range)
{
	return !range->path && (range->scope != VIOMMU_SCOPE_BRIDGE || range->secondary_bus);
}

static bool names(const struct viommu_pci_range *range, const struct viommu_device_name *name)
{
	return range->segment_first <= name->segment && name->segment <= range->segment_last &&
	       range->bdf_first <= name->bdf && name->bdf <= range->bdf_last;
}

/*
 * The way of a scope begins at a bus that is known, and what is below has higher numbers. Without
 * the PCI tree, a function there may be the one that is meant.
 */
static bool may_be_meant(const struct viommu_pci_range *range, const struct answer *answer)
{
	const struct viommu_device_name *name = &answer->name;
	unsigned bus = name->bdf >> 8;

	if (answer->function && !may_lead(answer->tree, name->segment, range->bdf_first))
		return false;
	return !is_known(range) && range->segment_first <= name->segment &&
	       name->segment <= range->segment_last && bus > range->bdf_first >> 8 &&
	       (!answer->route.iommu || g_strcmp0(range->iommu, answer->route.iommu->name) != 0);
}

/* An entry of its own decides, whatever is below bridges. */
static bool is_named_itself(const struct answer *answer)
{
	const struct viommu_pci_range *range;

	for (size_t i = 0; (range = viommu_topology_pci_range(answer->topology, i)); i++)
		if (is_known(range) && names(range, &answer->name))
			return true;
	return false;
}

static const struct viommu_pci_range *next_possible(const struct answer *answer, size_t *i)
{
	const struct viommu_pci_range *range;

	if (!answer->name.pci || is_named_itself(answer))
		return NULL;
	while ((range = viommu_topology_pci_range(answer->topology, (*i)++)))
		if (may_be_meant(range, answer))
			return range;
	return NULL;
}

bool answer_is_undecided(const struct answer *answer)
{
	size_t i = 0;

	return next_possible(answer, &i);
}

static void print_possible(const struct answer *answer)
{
	const struct viommu_pci_range *range;
	unsigned n = 0;

	for (size_t i = 0; (range = next_possible(answer, &i)); n++) {
		g_autofree char *place = place_or_unknown(&range->place);
		g_autofree char *condition = condition_text(range->scope, range->segment_first,
							    range->bdf_first, range->path);

		if (n < POSSIBLE_MAX)
			print_line("    or %s, if %s, by %s", range->iommu ? range->iommu : "none",
				   condition, place);
	}
	if (n > POSSIBLE_MAX)
		print_line("    and %u more", n - POSSIBLE_MAX);
	if (n)
		print_line("    not decided: the %s has no bus numbers below bridges; --pci with a "
			   "copy of /sys or with lspci -xxxx has them",
			   answer->function ? "PCI tree" : "table");
}

/* Do other functions send as this one does? */
static bool shares_alias(const struct pci_tree *tree, const struct answer *answer)
{
	const struct pci_function *other;

	for (unsigned i = 0; (other = pci_tree_get(tree, i)); i++) {
		const struct pci_function *bridge = NULL;
		uint16_t as = 0;

		if (other != answer->function && other->segment == answer->function->segment &&
		    pci_function_alias(other, &as, &bridge) && as == answer->sends_as)
			return true;
	}
	return false;
}

/* What Linux does with several functions behind one stream or endpoint ID (seen with 6.12). */
static void print_linux_alias(const struct question *question, const struct answer *answer,
			      const struct viommu_route *route)
{
	static const bool is_virtio[VIOMMU_RISCV_PCI + 1] = {
		[VIOMMU_VIRTIO_PCI] = true, [VIOMMU_VIRTIO_MMIO] = true
	};

	if (!route->iommu || route->iommu->kind > VIOMMU_RISCV_PCI)
		return;
	if (is_virtio[route->iommu->kind])
		print_line("    Linux gives a device with two endpoint IDs no group");
	else if (route->iommu->kind == VIOMMU_SMMU_V3 && shares_alias(question->tree, answer))
		print_line(
			"    Linux lets one function have a stream ID: the others that send as it "
			"get no group");
}

const struct pci_function *answer_unknown_bridge(const struct answer *answer)
{
	return answer->function && !answer->to_pci
		       ? pci_function_unknown_bridge(answer->tree, answer->function)
		       : NULL;
}

/* Behind a bridge to conventional PCI, an IOMMU sees the bridge. */
static void print_alias(const struct question *question, const struct answer *answer)
{
	const struct pci_function *bridge = answer->to_pci;
	struct viommu_device_name name = answer->name;
	struct viommu_route route, linux_route;
	g_autofree char *way = NULL;

	if (!bridge)
		return;
	name.bdf = answer->sends_as;
	viommu_topology_resolve(answer->topology, &name, &route, &linux_route, NULL);
	way = describe(&route, 1);
	print_line("    sends as " PCI_BDF ", for bridge " PCI_BDF
		   " to conventional PCI is above it: %s",
		   PCI_BDF_PARTS(answer->sends_as), PCI_BDF_PARTS(bridge->bdf), way);
	print_linux_alias(question, answer, &route);
}

/* A bridge of which the listing has no capabilities is taken for one of PCI Express. */
static void print_unknown_bridge(const struct answer *answer)
{
	const struct pci_function *bridge = answer_unknown_bridge(answer);

	if (bridge)
		print_line("    bridge " PCI_BDF
			   " %s lead to conventional PCI, and DMA has another ID then: lspci "
			   "-xxxx of root decides",
			   PCI_BDF_PARTS(bridge->bdf),
			   bridge->is_read ? "above it may" : "may be above it and");
}

/* Linux's route counts as different if its description is. */
static void print_answer(const struct question *question, const struct answer *answer)
{
	uint64_t n_ids = answer->platform_device ? answer->platform_device->n_ids : 1;
	g_autofree char *whole = describe(&answer->route, n_ids);
	g_autofree char *first = describe(&answer->route, 1);
	g_autofree char *msis = describe_msis(&answer->route), *pasid = NULL;

	print_line("%s: %s", answer->device, whole);
	if (answer->platform_device && answer->platform_device->name)
		print_more_ids(answer);
	if (msis)
		print_line("    %s", msis);
	if (question->has_pasid) {
		pasid = describe_pasid(&answer->route, question->pasid);
		print_line("    PASID 0x%" PRIx64 " %s", question->pasid, pasid);
	}
	print_possible(answer);
	print_alias(question, answer);
	print_unknown_bridge(answer);
	if (question->tree && answer->name.pci && !answer->function)
		print_line("    the PCI tree has no such function");
	print_memory(answer);
	print_linux(answer, first, msis);
	print_readings(answer, first, msis);
	print_other_systems(answer->topology);
	print_sysfs(answer->on_host);
}

/* -- JSON -------------------------------------------------------------------------- */

static void add_msis(struct json *json, const struct viommu_route *route)
{
	if (!route->its)
		return;
	json_key(json, "msi");
	json_open(json, '{');
	json_string(json, "its", route->its->name);
	json_number(json, "device_id", route->device_id);
	json_place(json, &route->its_place);
	json_close(json, '}');
}

static void add_route(struct json *json, const struct viommu_route *route)
{
	json_route(json, route);
	if (route->iommu)
		json_number(json, "id", route->id);
	add_msis(json, route);
	json_number(json, "pasid_bits", route->pasid_bits);
}

/* Other IOMMUs that the device may be behind, and what decides. */
static void add_possible(struct json *json, const struct answer *answer)
{
	const struct viommu_pci_range *range;

	json_key(json, "possible");
	json_open(json, '[');
	for (size_t i = 0; (range = next_possible(answer, &i));) {
		g_autofree char *condition = condition_text(range->scope, range->segment_first,
							    range->bdf_first, range->path);

		json_open(json, '{');
		json_string(json, "iommu", range->iommu);
		json_string(json, "if", condition);
		json_place(json, &range->place);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void add_readings(struct json *json, const struct answer *answer)
{
	const struct viommu_topology *other;
	const char *kernels;

	json_key(json, "kernels");
	json_open(json, '[');
	for (size_t i = 0; (other = viommu_topology_reading(answer->topology, i, &kernels)); i++) {
		struct viommu_route route, linux_route;

		viommu_topology_resolve(other, &answer->name, &route, &linux_route, NULL);
		json_open(json, '{');
		json_string(json, "kernels", kernels);
		add_route(json, &route);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void add_other_systems(struct json *json, const struct viommu_topology *topology)
{
	const char *text;

	json_key(json, "other_systems");
	json_open(json, '[');
	for (size_t i = 0; (text = viommu_topology_other_system(topology, i)); i++)
		json_add_string(json, text);
	json_close(json, ']');
}

/* Always has both answers, with the same keys, so that a program can compare them. */
static void add_answer(const struct question *question, const struct answer *answer)
{
	const struct pci_function *bridge = answer_unknown_bridge(answer);
	struct json *json = question->json;

	json_open(json, '{');
	json_string(json, "device", answer->device);
	add_route(json, &answer->route);
	if (question->has_pasid) {
		if (!answer->route.iommu || answer->route.pasid_bits ||
		    tables_describe_pasids(answer->route.iommu->kind)) {
			json_key(json, "pasid_arrives");
			json_add_boolean(json, pasid_fits(&answer->route, question->pasid));
		} else {
			json_string(json, "pasid_arrives", NULL);
		}
	}
	json_key(json, "linux");
	json_open(json, '{');
	add_route(json, &answer->linux_route);
	json_string(json, "why", answer->why_linux);
	json_close(json, '}');
	add_readings(json, answer);
	add_other_systems(json, answer->topology);
	add_possible(json, answer);
	if (answer->to_pci) {
		g_autofree char *as = pci_function_text(answer->name.segment, answer->sends_as);

		json_string(json, "sends_as", as);
	}
	if (bridge) {
		g_autofree char *unknown = pci_function_text(bridge->segment, bridge->bdf);

		json_string(json, "unknown_bridge", unknown);
	}
	add_sysfs(json, answer->on_host);
}

/* The object of a JSON answer is open until it was explained. Returns whether the answer is good.
 */
static bool end_answer(const struct question *question, const struct answer *answer, bool good)
{
	if (question->explain)
		good = question->explain(question, answer);
	if (question->json)
		json_close(question->json, '}');
	return good;
}

/* -- questions --------------------------------------------------------------------- */

static int report_device_error(const char *input, const char *device, int error)
{
	g_autofree char *name = printable(device), *file = printable(input);
	g_autofree char *cure = device_error_text(
		device, "use 0000:03:00.0 for a PCI function, 0x10001000 for the device at that "
			"address, or a device's name; `viommu resolve --all` lists them");

	if (error == -ENOTUNIQ)
		report_error("%s: several devices have the name \"%s\": use the full name", file,
			     name);
	else
		report_error("%s: unknown device \"%s\": %s", file, name, cure);
	return EXIT_COULD_NOT;
}

/* What was meant for a file is taken for a device if there is no such file. */
static int report_host_device_error(const struct question *question, const char *input,
				    const char *device)
{
	g_autofree char *name = printable(device), *file = printable(input);
	g_autofree char *cure = device_error_text(
		device, question->files && *question->files
				? "`viommu resolve --all` lists the devices"
				: "`viommu resolve --all` lists the devices, and there is no "
				  "file of that name either");

	report_error("%s: the host has no device \"%s\": %s", file, name, cure);
	return EXIT_COULD_NOT;
}

/* A name takes precedence, as in the library: several devices may have no address. */
static const struct viommu_platform_device *
platform_device_of(const struct viommu_topology *topology, const struct viommu_device_name *name)
{
	const struct viommu_platform_device *device = NULL;

	for (size_t i = 0; !name->pci && (device = viommu_topology_platform_device(topology, i));
	     i++)
		if (name->name ? !g_strcmp0(device->name, name->name) : device->base == name->base)
			break;
	return device;
}

static void find_in_tree(const struct pci_tree *tree, struct answer *answer)
{
	answer->tree = tree;
	answer->function = pci_tree_find(tree, answer->name.segment, answer->name.bdf);
	if (answer->function)
		pci_function_alias(answer->function, &answer->sends_as, &answer->to_pci);
}

/* One of several tables is enough to say something of a device. */
static bool is_decided(const struct answer *answer)
{
	return answer->route.reach != VIOMMU_REACH_NOTHING && !answer_is_undecided(answer);
}

/* As for a table that Linux rejects, its entry stays the one of the answer. */
static void reject_scope(const struct question *question, struct answer *answer)
{
	if (!question->wrong_scope || !answer->linux_route.iommu)
		return;
	answer->linux_route.iommu = NULL;
	answer->linux_route.reach = VIOMMU_REACH_BYPASS;
	answer->why_linux = question->wrong_scope;
}

/* An unknown device affects the status, but not the answers for the others. */
static void answer_device(struct question *question, const struct input *input, const char *device)
{
	struct answer answer = { .device = device, .topology = input->topology };
	struct viommu_device_name name;
	int r = viommu_topology_find_device(answer.topology, device, &name);

	if (r < 0) {
		question->status =
			worse(question->status, report_device_error(input->name, device, r));
		return;
	}
	answer.name = name;
	answer.platform_device = platform_device_of(answer.topology, &name);
	if (input->host && name.pci)
		answer.on_host = viommu_host_find_function(input->host, name.segment, name.bdf);
	if (question->tree && name.pci)
		find_in_tree(question->tree, &answer);
	viommu_topology_resolve(answer.topology, &name, &answer.route, &answer.linux_route,
				&answer.why_linux);
	reject_scope(question, &answer);
	if (question->json)
		add_answer(question, &answer);
	else
		print_answer(question, &answer);
	if (end_answer(question, &answer, is_decided(&answer)))
		g_hash_table_add(question->decided, (gpointer)device);
}

/* With a PCI tree, ways through bridges lead to functions. The input owns the topology. */
static void expand(const struct question *question, struct input *input)
{
	struct viommu_topology *expanded;

	if (!question->tree)
		return;
	expanded = viommu_topology_expand(input->topology, pci_tree_below, question->tree);
	viommu_topology_free(input->topology);
	input->topology = expanded;
}

static void take_tree(struct question *question, const struct input *input)
{
	question->tree = question->given;
	if (!question->given && input->host)
		question->tree = pci_tree_of_host(input->host);
}

/* The functions of a host are not those of the next input. */
static void drop_tree(struct question *question)
{
	if (question->tree != question->given)
		pci_tree_free(question->tree);
	question->tree = NULL;
}

/* Every table of a folder gives an answer. */
static void answer_input(void *opaque, struct input *input)
{
	struct question *question = opaque;
	g_autofree char *name = printable(input->name);

	if (!input_topology(input, question->findings))
		return;
	take_tree(question, input);
	expand(question, input);
	question->wrong_scope = find_wrong_scope(input->topology, question->tree);
	if (question->all && question->json) {
		add_map(question->json, input->name, input->topology);
	} else if (question->all) {
		printf("%s%s\n\n", question->n ? "\n" : "", name);
		print_map(input->topology);
	}
	question->n++;
	for (char **device = question->devices; *device; device++)
		answer_device(question, input, *device);
	g_clear_pointer(&question->wrong_scope, g_free);
	drop_tree(question);
}

static void answer_sysfs(struct question *question, const char *input,
			 const struct viommu_host *host, const char *device)
{
	struct answer answer = { .device = device,
				 .on_host = viommu_host_find_device(host, device) };
	enum viommu_host_link link = answer.on_host ? answer.on_host->link : VIOMMU_HOST_LINKED;
	bool good = link != VIOMMU_HOST_LINK_UNKNOWN && link != VIOMMU_HOST_NO_DRIVER;

	if (!answer.on_host) {
		question->status =
			worse(question->status, report_host_device_error(question, input, device));
		return;
	}
	answer.name.pci = answer.on_host->pci;
	if (question->json) {
		json_open(question->json, '{');
		add_sysfs_answer(question->json, answer.on_host);
	} else {
		print_sysfs_answer(answer.on_host);
	}
	if (end_answer(question, &answer, good))
		g_hash_table_add(question->decided, (gpointer)device);
}

static void answer_host(void *opaque, const char *input, const struct viommu_host *host)
{
	struct question *question = opaque;
	g_autofree char *name = printable(input);

	if (question->all && question->json) {
		add_sysfs_map(question->json, input, host);
	} else if (question->all) {
		printf("%s%s\n\n", question->n ? "\n" : "", name);
		print_sysfs_map(host);
	}
	question->n++;
	for (char **device = question->devices; *device; device++)
		answer_sysfs(question, input, host, *device);
}

/* A list of groups may describe another machine than this one. */
static void answer_listed(struct question *question, const char *device)
{
	g_autofree char *name = printable(device), *file = printable(question->pci_name);
	struct answer answer = { .device = device };

	if (!viommu_device_name_parse(device, &answer.name) && answer.name.pci)
		find_in_tree(question->tree, &answer);
	if (!answer.function) {
		report_error("no function \"%s\" is in %s", name, file);
		question->status = worse(question->status, EXIT_COULD_NOT);
		return;
	}
	if (question->json) {
		json_open(question->json, '{');
		add_listed_answer(question->json, &answer);
	} else {
		print_listed_answer(question->pci_name, &answer);
	}
	if (end_answer(question, &answer, false))
		g_hash_table_add(question->decided, (gpointer)device);
}

static bool answers_from_list(const struct question *question, char **names)
{
	return question->explain && !*names && question->given &&
	       pci_tree_has_groups(question->given);
}

static int answer_from_list(struct question *question)
{
	question->tree = question->given;
	for (char **device = question->devices; *device; device++)
		answer_listed(question, *device);
	question->n++;
	return EXIT_CLEAN;
}

/* The JSON is valid even after an error: a program sees the exit status last. */
int answer_question(struct question *question)
{
	char *from_one[] = { question->from, NULL };
	char **names = question->files ? question->files : from_one;
	int status;

	if (question->pci_name) {
		question->given = pci_tree_read(question->pci_name);
		if (!question->given)
			return EXIT_COULD_NOT;
	}
	question->findings = viommu_findings_new();
	question->decided = g_hash_table_new(g_direct_hash, g_direct_equal);
	if (question->as_json) {
		question->json = json_begin();
		json_key(question->json, question->all ? "maps" : "answers");
		json_open(question->json, '[');
	}
	input_host = answer_host;
	input_joined = true;
	status = answers_from_list(question, names)
			 ? answer_from_list(question)
			 : read_inputs(names, question->findings, answer_input, question);
	input_joined = false;
	input_host = NULL;
	if (question->json) {
		json_close(question->json, ']');
		json_end(question->json);
	}
	for (char **device = question->devices; question->n && *device; device++)
		if (!g_hash_table_contains(question->decided, *device))
			status = worse(status, EXIT_FINDINGS);
	status = worse(worse(status, question->status), print_findings(question->findings));
	g_hash_table_unref(question->decided);
	viommu_findings_free(question->findings);
	pci_tree_free(question->given);
	return question->n ? status : report_no_input(names, status);
}

static bool parse_pasid(struct question *question)
{
	static const guint hexadecimal = 16, decimal = 10;
	static const guint64 last = (1u << VIOMMU_PASID_BITS_MAX) - 1;
	bool has_prefix = pasid_text && g_str_has_prefix(pasid_text, "0x");

	question->has_pasid = pasid_text;
	return !pasid_text ||
	       g_ascii_string_to_unsigned(pasid_text + (has_prefix ? strlen("0x") : 0),
					  has_prefix ? hexadecimal : decimal, 0, last,
					  &question->pasid, NULL);
}

/* A file, unless the name is a function's: "00:03.0" is never meant to be a file's. */
static bool is_file(const char *argument)
{
	struct viommu_device_name name;

	return !strcmp(argument, "-") || (viommu_device_name_parse(argument, &name) != 0 &&
					  g_file_test(argument, G_FILE_TEST_EXISTS));
}

/* With --all, arguments are files. A function would be an answer to another question. */
static const char *find_device(char **arguments)
{
	struct viommu_device_name name;

	for (; *arguments; arguments++)
		if (!is_file(*arguments) && !viommu_device_name_parse(*arguments, &name))
			return *arguments;
	return NULL;
}

/* Where the files begin that follow the devices; `arguments` ends before them. NULL: there are
 * none. */
static char **split_files(char **arguments)
{
	char **first = arguments;

	while (*first && (first == arguments || !is_file(*first)))
		first++;
	return *first ? first : NULL;
}

static char **copy_until(char **first, char *const *end)
{
	char **copy = g_new0(char *, (gsize)(end - first) + 1);

	for (char **to = copy; first < end; first++)
		*to++ = g_strdup(*first);
	return copy;
}

/* Returns what is wrong with the request; NULL: nothing. g_free() it. */
static char *mistake_of(struct question *question, char **arguments)
{
	const char *device = all_devices ? find_device(arguments) : NULL;

	if (!all_devices && !*arguments)
		return g_strdup("name a device, or use --all");
	if (device)
		return g_strdup_printf("--all shows every device: leave out \"%s\", or --all",
				       device);
	if (question->files && *question->files && from)
		return g_strdup(
			"name files after the devices or --all, or one with --from, not both");
	if (all_devices && pasid_text)
		return g_strdup("--pasid needs a device");
	if (!parse_pasid(question))
		return g_strdup_printf("invalid PASID \"%s\": use a number from 0 to 0xfffff",
				       pasid_text);
	return NULL;
}

/* With --all, all arguments are files. Otherwise devices come first. */
static int run(const struct command *command, char **arguments)
{
	static char *nothing[] = { NULL };
	g_auto(GStrv) devices = NULL;
	struct question question = { .devices = all_devices ? nothing : arguments,
				     .files = all_devices ? arguments : split_files(arguments),
				     .from = from,
				     .pci_name = pci_name,
				     .all = all_devices,
				     .as_json = as_json };
	g_autofree char *mistake = mistake_of(&question, arguments);

	if (mistake)
		return command_usage(command, "%s", mistake);
	if (question.files && !*question.files)
		question.files = NULL;
	if (question.files && !all_devices) {
		devices = copy_until(arguments, question.files);
		question.devices = devices;
	}
	return answer_question(&question);
}

const struct command resolve_command = {
	.name = "resolve",
	.arguments = "DEVICE... [FILE...] | --all [FILE...]",
	.summary = "show the IOMMU that a device reaches, by the table and by Linux",
	.details =
		"A DEVICE is a PCI function (0000:03:00.0, or 03:00.0 in segment 0), the address\n"
		"of a platform device (0x10001000), or its name or the last part of that. FILE is\n"
		"as for dump, or a topology. The answer has the ID, the entry that decides, and "
		"the\n"
		"ITS for MSIs. Where Linux reads the table differently, its answer follows.\n"
		"Exit status 1: no table describes a device, or the tables do not determine which\n"
		"of two IOMMUs it reaches.",
	.examples = "viommu resolve 00:02.0 30:00.0 VIOT\n"
		    "viommu resolve --all DMAR\n"
		    "viommu resolve --json 0000:00:1b.0 host.tar.gz",
	.is_paged = true,
	.options = options,
	.run = run,
};
