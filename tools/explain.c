/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu explain: may this device be given to a guest?
 *
 * The answer of `resolve`, and then what VFIO asks for: an IOMMU, no memory that firmware still
 * uses, and that all of its group go together. What the input does not say is "not known".
 */
#include <inttypes.h>
#include <string.h>

#include "answer.h"
#include "command.h"
#include "json.h"
#include "route_text.h"

enum verdict { MAY, NOT_KNOWN, MAY_NOT };

static const char *const verdict_names[] = {
	[MAY] = "yes", [NOT_KNOWN] = "not known", [MAY_NOT] = "no"
};

struct reason {
	enum verdict verdict; /* of this reason alone */
	char *text;
};

struct verdict_of {
	const struct question *question;
	const struct answer *answer;
	enum verdict verdict;
	GPtrArray *reasons; /* struct reason */
};

static void reason_free(gpointer opaque)
{
	struct reason *reason = opaque;

	g_free(reason->text);
	g_free(reason);
}

__attribute__((format(printf, 3, 4))) static void add(struct verdict_of *of, enum verdict verdict,
						      const char *format, ...)
{
	struct reason *reason = g_new0(struct reason, 1);
	va_list args;

	va_start(args, format);
	reason->text = g_strdup_vprintf(format, args);
	va_end(args);
	reason->verdict = verdict;
	g_ptr_array_add(of->reasons, reason);
	of->verdict = MAX(of->verdict, verdict);
}

/* -- the IOMMU ----------------------------------------------------------------------- */

static void check_iommu(struct verdict_of *of)
{
	const struct answer *answer = of->answer;

	if (answer_is_undecided(answer))
		add(of, NOT_KNOWN, "which IOMMU translates it is not decided");
	else if (!answer->route.iommu)
		add(of, MAY_NOT, "no IOMMU translates it, and VFIO needs one");
	else if (!answer->linux_route.iommu)
		add(of, MAY_NOT, "Linux uses no IOMMU for it");
	if (answer->route.iommu && answer->route.iommu->kind == VIOMMU_VTD)
		add(of, MAY,
		    "Linux uses VT-d with the kernel parameter intel_iommu=on, or if it is built "
		    "so");
	if (answer->function && pci_function_is_bridge(answer->function))
		add(of, MAY_NOT, "it is a bridge");
}

/* Without tables and sysfs: only bridges are known. */
static void check_listed_function(struct verdict_of *of)
{
	const struct pci_function *function = of->answer->function;

	if (pci_function_is_bridge(function))
		add(of, MAY_NOT, "it is a bridge");
	if (!function->has_group)
		add(of, NOT_KNOWN,
		    "it is in no group of the list: if the list is whole, no IOMMU translates it");
	add(of, NOT_KNOWN,
	    "memory that it must keep is not known: give the tables of its machine, too");
}

/* Without tables: what sysfs says. */
static void check_sysfs_iommu(struct verdict_of *of)
{
	const struct viommu_host_device *device = of->answer->on_host;
	const char *link = viommu_host_link_name(device->link);

	if (!device->iommu &&
	    (device->link == VIOMMU_HOST_LINK_UNKNOWN || device->link == VIOMMU_HOST_NO_DRIVER))
		add(of, NOT_KNOWN, "no IOMMU is linked to it: %s", link);
	else if (!device->iommu)
		add(of, MAY_NOT, "no IOMMU translates it: %s, and VFIO needs one", link);
	if (device->bridge)
		add(of, MAY_NOT, "it is a bridge");
}

static void check_sysfs_memory(struct verdict_of *of)
{
	const struct viommu_host_group *group = of->answer->on_host->group;
	const struct viommu_host_region *region;

	for (size_t i = 0; group && (region = viommu_host_group_region(group, i)); i++)
		if (region->type == VIOMMU_HOST_DIRECT)
			add(of, MAY_NOT,
			    "0x%" PRIx64 "-0x%" PRIx64
			    " must stay mapped: VFIO refuses a device whose memory firmware still "
			    "uses",
			    region->first, region->last);
}

/* -- memory ---------------------------------------------------------------------------- */

#define CLASS_DISPLAY 0x03
#define CLASS_USB     0x0c03
#define RMR_REMAPPING 1u /* DEN 0049, RMR node, flags: remapping permitted */

/* Linux, device_rmrr_is_relaxable(): firmware used the memory of USB and graphics only before. */
static enum viommu_known is_relaxable(const struct answer *answer,
				      const struct viommu_reserved_memory *memory)
{
	enum viommu_iommu_kind kind =
		answer->route.iommu ? answer->route.iommu->kind : VIOMMU_OTHER;
	uint32_t code = answer->function ? answer->function->pci_class : 0;

	if (kind == VIOMMU_SMMU_V2 || kind == VIOMMU_SMMU_V3)
		return memory->flags & RMR_REMAPPING ? VIOMMU_YES : VIOMMU_NO;
	if (kind != VIOMMU_VTD)
		return VIOMMU_NO;
	if (!code)
		return VIOMMU_NOT_KNOWN;
	return code == CLASS_USB || code >> 8 == CLASS_DISPLAY ? VIOMMU_YES : VIOMMU_NO;
}

/* Memory for what is below a bridge whose buses are not known. */
static void check_possible_memory(struct verdict_of *of,
				  const struct viommu_reserved_memory *memory)
{
	g_autofree char *condition = answer_memory_condition(of->answer, memory);

	if (condition)
		add(of, NOT_KNOWN,
		    "0x%" PRIx64 "-0x%" PRIx64
		    " must stay mapped, if %s; --pci with a copy of /sys or with lspci -xxxx "
		    "decides",
		    memory->first, memory->last, condition);
}

static void check_memory(struct verdict_of *of)
{
	const struct viommu_reserved_memory *memory;

	for (size_t i = 0; (memory = viommu_topology_reserved_memory(of->answer->topology, i));
	     i++) {
		enum viommu_known relaxable = is_relaxable(of->answer, memory);
		static const char *const words[] = {
			[VIOMMU_NO] = "VFIO refuses a device whose memory firmware still uses",
			[VIOMMU_YES] = "Linux gives it up: firmware used it only before",
			[VIOMMU_NOT_KNOWN] =
				"VFIO refuses the device, unless it is USB or graphics",
		};
		static const enum verdict verdicts[] = {
			[VIOMMU_NO] = MAY_NOT, [VIOMMU_YES] = MAY, [VIOMMU_NOT_KNOWN] = NOT_KNOWN
		};

		if (memory->kind != VIOMMU_MEMORY_IDENTITY)
			continue;
		if (answer_has_memory(of->answer, memory))
			add(of, verdicts[relaxable],
			    "0x%" PRIx64 "-0x%" PRIx64 " must stay mapped: %s", memory->first,
			    memory->last, words[relaxable]);
		else if (relaxable != VIOMMU_YES)
			check_possible_memory(of, memory);
	}
}

#define CLASS_HOST_BRIDGE 0x0600

/* -- the group ---------------------------------------------------------------------------- */

static void check_sysfs_group(struct verdict_of *of)
{
	const struct viommu_host_device *device = of->answer->on_host, *member;
	const struct viommu_host_group *group = device->group;

	for (size_t i = 0; (member = viommu_host_group_device(group, i)); i++)
		if (member != device && member->bridge)
			add(of, MAY, "bridge %s is in its group %" PRIu32 ", and stays",
			    member->name, group->number);
		else if (member != device && !member->driver &&
			 member->pci_class >> 8 == CLASS_HOST_BRIDGE)
			add(of, MAY,
			    "host bridge %s is in its group %" PRIu32
			    ", and stays, for it has no driver",
			    member->name, group->number);
		else if (member != device)
			add(of, MAY, "%s is in its group %" PRIu32 ", and must go with it%s%s",
			    member->name, group->number, member->driver ? ", away from " : "",
			    member->driver ? member->driver : "");
}

static bool share_requester(const struct answer *answer, const struct pci_function *other)
{
	const struct pci_function *bridge = NULL;
	uint16_t as = other->bdf;

	return answer->to_pci && pci_function_alias(other, &as, &bridge) &&
	       bridge == answer->to_pci && as == answer->sends_as;
}

/* pci_acs_path_enabled(): of a switch, only downstream ports need it. */
static bool ports_divide(const struct pci_function *port)
{
	for (; port; port = port->above)
		if (port->port != VIOMMU_HOST_UPSTREAM &&
		    !(port->has_acs && (port->port == VIOMMU_HOST_ROOT_PORT ||
					port->port == VIOMMU_HOST_DOWNSTREAM)))
			return false;
	return true;
}

/*
 * A bridge to conventional PCI makes functions below it share a requester ID. A port without ACS
 * lets them reach each other, so Linux gives them one group.
 */
static void check_bridge_above(struct verdict_of *of)
{
	const struct pci_function *unknown = answer_unknown_bridge(of->answer);
	const struct pci_function *above = unknown ? unknown : of->answer->function->above;
	g_autofree char *name = above ? pci_function_text(above->segment, above->bdf) : NULL;

	if (!unknown && above && ports_divide(above))
		add(of, MAY, "the ports above it have ACS: nothing of other slots is in its group");
	else if (unknown)
		add(of, NOT_KNOWN,
		    "its group is not known: bridge %s may make it share a requester ID, and "
		    "lspci -xxxx of root decides",
		    name);
	else if (above)
		add(of, NOT_KNOWN,
		    "its group is not known: what else is below bridge %s may be in it, and "
		    "lspci -v or /sys/kernel/iommu_groups of a kernel that uses the IOMMU decides",
		    name);
}

/* VFIO lets bridges stay. Lists of groups do not always have the class. */
static const char *what_becomes_of(const struct pci_function *function)
{
	if (pci_function_is_bridge(function))
		return "stays, for it is a bridge";
	if (function->pci_class == CLASS_HOST_BRIDGE)
		return "stays if it has no driver: it is a host bridge";
	return pci_function_may_lead(function) ? "must go with it unless it is a bridge"
					       : "must go with it";
}

/* `lspci -v`, and lists of groups, have those of a kernel that uses the IOMMU. */
static void check_listed_group(struct verdict_of *of)
{
	const struct pci_function *own = of->answer->function, *other;

	for (unsigned i = 0; (other = pci_tree_get(of->question->tree, i)); i++) {
		g_autofree char *name = pci_function_text(other->segment, other->bdf);

		if (other != own && other->has_group && other->group == own->group)
			add(of, MAY, "%s is in its group %" PRIu32 ", and %s", name, own->group,
			    what_becomes_of(other));
	}
}

/* A text without groups: what shares a requester ID is in one, and functions without ACS may be. */
static void check_tree_group(struct verdict_of *of)
{
	const struct pci_function *own = of->answer->function, *other;

	for (unsigned i = 0; (other = pci_tree_get(of->question->tree, i)); i++) {
		g_autofree char *name = pci_function_text(other->segment, other->bdf);

		if (other == own || other->segment != own->segment)
			continue;
		if (share_requester(of->answer, other))
			add(of, MAY, "%s shares its requester ID, and must go with it", name);
		else if (other->bdf >> 3 == own->bdf >> 3 && !(own->has_acs && other->has_acs))
			add(of, MAY,
			    "%s is a function of the same device, and must go with it unless "
			    "both have ACS",
			    name);
	}
	check_bridge_above(of);
}

static void check_group(struct verdict_of *of)
{
	const struct answer *answer = of->answer;

	if (!answer->topology && !answer->on_host && answer->function->has_group)
		check_listed_group(of);
	else if (!answer->topology && !answer->on_host)
		check_tree_group(of);
	else if (!answer->topology && !answer->on_host->group)
		add(of, NOT_KNOWN, "its group is not known: sysfs has none for it");
	else if (!answer->topology)
		check_sysfs_group(of);
	else if (!answer->name.pci)
		add(of, NOT_KNOWN,
		    "its group is not known: no table has the groups of platform "
		    "devices, but /sys/kernel/iommu_groups does");
	else if (answer->on_host && answer->on_host->group)
		check_sysfs_group(of);
	else if (answer->function && answer->function->has_group)
		check_listed_group(of);
	else if (answer->function)
		check_tree_group(of);
	else if (of->question->tree)
		add(of, NOT_KNOWN, "its group is not known: the PCI tree has no such function");
	else
		add(of, NOT_KNOWN, "its group is not known: give the PCI tree with --pci");
}

/* -- the verdict ------------------------------------------------------------------------------ */

static void print_verdict(const struct verdict_of *of)
{
	print_line("    passed through to a guest: %s", verdict_names[of->verdict]);
	for (guint i = 0; i < of->reasons->len; i++) {
		const struct reason *reason = of->reasons->pdata[i];

		print_line("        %s", reason->text);
	}
}

static void add_verdict(struct json *json, const struct verdict_of *of)
{
	json_string(json, "verdict", verdict_names[of->verdict]);
	json_key(json, "reasons");
	json_open(json, '[');
	for (guint i = 0; i < of->reasons->len; i++) {
		const struct reason *reason = of->reasons->pdata[i];

		json_open(json, '{');
		json_string(json, "verdict", verdict_names[reason->verdict]);
		json_string(json, "text", reason->text);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static bool explain(const struct question *question, const struct answer *answer)
{
	struct verdict_of of = { question, answer, MAY,
				 g_ptr_array_new_with_free_func(reason_free) };

	if (answer->topology) {
		check_iommu(&of);
		check_memory(&of);
	} else if (answer->on_host) {
		check_sysfs_iommu(&of);
		check_sysfs_memory(&of);
	} else {
		check_listed_function(&of);
	}
	check_group(&of);
	if (question->json)
		add_verdict(question->json, &of);
	else
		print_verdict(&of);
	g_ptr_array_unref(of.reasons);
	return of.verdict == MAY;
}

static char *from, *pci_name;
static gboolean as_json;

static const GOptionEntry options[] = {
	{ "from", 'f', 0, G_OPTION_ARG_FILENAME, &from,
	  "use this table or topology, as a FILE behind the device", "FILE" },
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json, "print JSON on standard output", NULL },
	{ "pci", 'P', 0, G_OPTION_ARG_FILENAME, &pci_name,
	  "take bus numbers and bridges from this: a copy of /sys, a kernel log, or text of lspci "
	  "or info pci",
	  "FILE" },
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

static int run(const struct command *command, char **arguments)
{
	char *device[] = { arguments[0], NULL };
	struct question question = { .devices = device, .explain = explain, .as_json = as_json };

	if (!*arguments)
		return command_usage(command, "name a device");
	if (from && arguments[1])
		return command_usage(command,
				     "name files behind the device, or one with --from, not both");
	if (from)
		question.from = from;
	else
		question.files = arguments + 1;
	question.pci_name = pci_name;
	return answer_question(&question);
}

const struct command explain_command = {
	.name = "explain",
	.arguments = "DEVICE [FILE...]",
	.summary = "show whether a device may be passed through to a guest, and why",
	.details =
		"A DEVICE is as for resolve, a FILE as for dump: the tables of a machine, or a "
		"host\n"
		"tree (viommu host --save), which has groups and drivers, too. Without a FILE, it\n"
		"is this machine, or that of the list of IOMMU groups that --pci names.\n"
		"Exit status 1: no, or not known.",
	.examples = "viommu explain 0000:00:1b.0 host.tar.gz\n"
		    "viommu explain --json 0000:00:1b.0 host.tar.gz",
	.is_paged = true,
	.options = options,
	.run = run,
};
