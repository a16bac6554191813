/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu plan: a guest for devices of a host, or what a topology needs
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "plan/arguments.h"
#include "plan/domain.h"
#include "plan/plan.h"
#include "plan_tables.h"

static char **devices, **nodes, **buses, **bypass;
static char *root, *kind_name, *machine, *format, *qemu_version, *memory, *output_name, *ats,
	*accel, *cmdqv, *domain_name, *keep_name, *plugin;
static int spare, root_ports, cpus;
static gboolean managed, if_needed, egm, numa;

static const GOptionEntry options[] = {
	{ "device", 'd', 0, G_OPTION_ARG_STRING_ARRAY, &devices,
	  "assign this PCI function of the host; may be given several times", "FUNCTION" },
	{ "bypass", 'B', 0, G_OPTION_ARG_STRING_ARRAY, &bypass,
	  "assign this function without a virtual IOMMU; may be given several times", "FUNCTION" },
	{ "root", 'r', 0, G_OPTION_ARG_FILENAME, &root,
	  "read a saved host tree, a folder or a tar, not this machine", "TREE" },
	{ "iommu", 'i', 0, G_OPTION_ARG_STRING, &kind_name,
	  "virtual IOMMUs: auto, virtio, smmuv3, intel, amd, virtio-stock", "KIND" },
	{ "format", 'f', 0, G_OPTION_ARG_STRING, &format,
	  "print text, json, topology, libvirt, virt-install, qemu, qemu-json, readconfig",
	  "FORMAT" },
	{ "spare", 's', 0, G_OPTION_ARG_INT, &spare, "free root ports on each bridge, for hotplug",
	  "N" },
	{ "machine", 'm', 0, G_OPTION_ARG_STRING, &machine, "machine of the guest: q35, virt",
	  "MACHINE" },
	{ "qemu", 'q', 0, G_OPTION_ARG_STRING, &qemu_version, "version of QEMU; default: 11.1",
	  "VERSION" },
	{ "node", 'n', 0, G_OPTION_ARG_STRING_ARRAY, &nodes,
	  "the guest's NUMA node for one of the host; may be given several times", "HOST=GUEST" },
	{ "bus", 'b', 0, G_OPTION_ARG_STRING_ARRAY, &buses,
	  "the bus number of the bridge for an IOMMU of the host; may be given several times",
	  "IOMMU=NUMBER" },
	{ "memory", 'M', 0, G_OPTION_ARG_STRING, &memory,
	  "memory of the guest (16G), to check that all of it can be mapped", "SIZE" },
	{ "domain-xml", 'x', 0, G_OPTION_ARG_FILENAME, &domain_name,
	  "assign the devices of this libvirt domain; -f libvirt prints it with the plan", "FILE" },
	{ "if-needed", 'I', 0, G_OPTION_ARG_NONE, &if_needed,
	  "print a domain unchanged that assigns no function, or has expanders or an <iommu>",
	  NULL },
	{ "keep", 'k', 0, G_OPTION_ARG_FILENAME, &keep_name,
	  "keep the placement of devices in this plan, written by -f json", "PLAN" },
	{ "ats", 'T', 0, G_OPTION_ARG_STRING, &ats, "ATS: auto, on, off", "SWITCH" },
	{ "accel", 'a', 0, G_OPTION_ARG_STRING, &accel,
	  "nested translation of SMMUv3: auto, on, off", "SWITCH" },
	{ "cmdqv", 'c', 0, G_OPTION_ARG_STRING, &cmdqv,
	  "command queues of Grace's SMMUs: auto, on (with the guest's memory in huge pages), off",
	  "SWITCH" },
	{ "egm", 'e', 0, G_OPTION_ARG_NONE, &egm,
	  "the guest's memory is that of its GPUs (Extended GPU Memory of Grace)", NULL },
	{ "numa", 'N', 0, G_OPTION_ARG_NONE, &numa,
	  "define the guest's NUMA nodes: memory on the nodes of its devices, or of --node", NULL },
	{ "cpus", 'C', 0, G_OPTION_ARG_INT, &cpus,
	  "CPUs of the guest, which --egm and --numa divide", "N" },
	{ "root-ports", 'p', 0, G_OPTION_ARG_INT, &root_ports,
	  "reserve bus numbers for bridges that you add to pcie.0", "N" },
	{ "managed", 'g', 0, G_OPTION_ARG_NONE, &managed,
	  "allow devices that a host driver uses: the launcher unbinds them", NULL },
	{ "plugin", 'P', 0, G_OPTION_ARG_FILENAME, &plugin,
	  "path of viommu-qemu.so; default: as installed for libvirt, else in the current folder",
	  "MODULE" },
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &output_name,
	  "write to FILE instead of standard output", "FILE" },
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

/* The forms below, and the words of other options. */
static const char *const form_names[] = { "text",      "json",         "topology",
					  "libvirt",   "virt-install", "qemu",
					  "qemu-json", "readconfig",   NULL };
static const char *const kind_names[] = { "auto", "virtio",       "smmuv3", "intel",
					  "amd",  "virtio-stock", NULL };
static const char *const machine_names[] = { "q35", "virt", NULL };
static const char *const switch_names[] = { "auto", "on", "off", NULL };

static const struct form {
	const char *name;
	char *(*print)(const struct plan *plan);
	bool for_qemu, for_libvirt, without_nodes;
} forms[] = {
	{ .name = "text", .print = plan_text },
	{ .name = "json", .print = plan_json },
	{ .name = "topology", .print = plan_topology },
	{ .name = "libvirt", .print = plan_libvirt, .for_qemu = true, .for_libvirt = true },
	{ .name = "virt-install",
	  .print = plan_virt_install,
	  .for_qemu = true,
	  .for_libvirt = true,
	  .without_nodes = true },
	{ .name = "qemu", .print = plan_qemu, .for_qemu = true },
	{ .name = "qemu-json", .print = plan_qemu_json, .for_qemu = true },
	{ .name = "readconfig", .print = plan_readconfig, .for_qemu = true },
};

/* -- options ----------------------------------------------------------------------------------- */

static const struct form *find_form(void)
{
	const char *name = format ? format : forms[0].name;

	for (size_t i = 0; i < G_N_ELEMENTS(forms); i++)
		if (!strcmp(forms[i].name, name))
			return &forms[i];
	return NULL;
}

static bool read_switch(const char *text, enum plan_switch *ret)
{
	static const char *const names[] = { "auto", "off", "on" };

	for (size_t i = 0; text && i < G_N_ELEMENTS(names); i++)
		if (!strcmp(text, names[i])) {
			*ret = (enum plan_switch)i;
			return true;
		}
	return !text;
}

static bool read_version(const char *text, unsigned *ret)
{
	unsigned major, minor;
	int end = 0;

	*ret = PLAN_DEFAULT_QEMU;
	if (!text)
		return true;
	if (sscanf(text, "%2u.%2u%n", &major, &minor, &end) != 2 || (text[end] && text[end] != '.'))
		return false;
	*ret = PLAN_VERSION(major, minor);
	return true;
}

static bool read_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	if (!text)
		return true;
	errno = 0;
	*ret = g_ascii_strtoull(text, &end, 0);
	if (errno || end == text || *text == '-')
		return false;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		unsigned shift = 10 * (unsigned)(unit - units + 1);

		if (*ret > UINT64_MAX >> shift)
			return false;
		*ret <<= shift;
		end++;
	}
	return !*end && *ret && *ret < (uint64_t)1 << 60;
}

/* "0=1" */
static bool read_nodes(struct plan_options *wanted)
{
	wanted->nodes = nodes ? g_hash_table_new(NULL, NULL) : NULL;
	for (char **node = nodes; node && *node; node++) {
		unsigned host, guest;
		int end = 0;

		if (sscanf(*node, "%4u=%4u%n", &host, &guest, &end) != 2 || (*node)[end] ||
		    host >= PLAN_NODES_MAX || guest >= PLAN_NODES_MAX)
			return false;
		g_hash_table_insert(wanted->nodes, GUINT_TO_POINTER(host + 1),
				    GUINT_TO_POINTER(guest + 1));
	}
	return true;
}

/* "smmu3.0x0000000012000000=0x10" */
static bool read_buses(struct plan_options *wanted)
{
	wanted->buses = buses ? g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) : NULL;
	for (char **bus = buses; bus && *bus; bus++) {
		const char *equals = strrchr(*bus, '=');
		char *end;
		guint64 number = equals ? g_ascii_strtoull(equals + 1, &end, 0) : 0;

		if (!number || number > PLAN_TOP_BUS || *end || equals == *bus)
			return false;
		g_hash_table_insert(wanted->buses, g_strndup(*bus, (gsize)(equals - *bus)),
				    GUINT_TO_POINTER((guint)number));
	}
	return true;
}

static bool read_kind(struct plan_options *wanted)
{
	const struct plan_kind_row *row = plan_kind_by_name(kind_name ? kind_name : "auto");

	if (row)
		wanted->kind = row->kind;
	return row;
}

static bool read_machine(struct plan_options *wanted)
{
	wanted->machine = machine;
	return !machine || g_str_equal(machine, "q35") || g_str_equal(machine, "virt");
}

static bool read_ports(struct plan_options *wanted)
{
	wanted->spare = (unsigned)spare;
	wanted->root_ports = (unsigned)root_ports;
	return spare >= 0 && wanted->spare <= PLAN_TOP_BUS && root_ports >= 0 &&
	       wanted->root_ports <= PLAN_TOP_BUS;
}

static bool read_cpus(struct plan_options *wanted)
{
	wanted->cpus = (unsigned)cpus;
	return cpus >= 0 && wanted->cpus <= PLAN_CPUS_MAX;
}

static bool read_qemu(struct plan_options *wanted)
{
	return read_version(qemu_version, &wanted->qemu);
}

static bool read_memory(struct plan_options *wanted)
{
	return read_size(memory, &wanted->memory);
}

static bool read_switches(struct plan_options *wanted)
{
	return read_switch(ats, &wanted->ats) && read_switch(accel, &wanted->accel) &&
	       read_switch(cmdqv, &wanted->cmdqv);
}

/* QEMU ends the path at a comma, and libvirt runs QEMU in another folder. */
static bool read_plugin(struct plan_options *wanted)
{
	wanted->plugin = plugin;
	return !plugin || (*plugin && !strchr(plugin, ',') &&
			   (!wanted->for_libvirt || g_path_is_absolute(plugin)));
}

static const struct {
	bool (*read)(struct plan_options *wanted);
	const char *error;
} readers[] = {
	{ read_kind, "--iommu must be auto, virtio, smmuv3, intel, amd, or virtio-stock" },
	{ read_machine, "--machine must be q35 or virt" },
	{ read_ports, "--spare and --root-ports must be from 0 to 255" },
	{ read_cpus, "--cpus must be from 0 to 65536" },
	{ read_qemu, "--qemu must be a version like 10.2" },
	{ read_memory, "--memory must be a number of bytes, or like 16G" },
	{ read_switches, "--ats, --accel and --cmdqv must be auto, on, or off" },
	{ read_nodes, "--node must be like 0=1: the host's node, and the guest's" },
	{ read_buses, "--bus must be like dmar0=0x10: an IOMMU of the host, and a number from 1 to "
		      "255" },
	{ read_plugin, "--plugin must be a path without commas, and absolute for libvirt" },
};

/* Returns an error message, or NULL. */
static const char *read_plan_options(const struct form *form, struct plan_options *wanted)
{
	*wanted = (struct plan_options){ .managed = managed,
					 .egm = egm,
					 .numa = numa,
					 .for_qemu = form->for_qemu,
					 .for_libvirt = form->for_libvirt,
					 .without_nodes = form->without_nodes,
					 .bypass = (const char *const *)bypass };
	for (size_t i = 0; i < G_N_ELEMENTS(readers); i++)
		if (!readers[i].read(wanted))
			return readers[i].error;
	return NULL;
}

/* -- planning ---------------------------------------------------------------------------------- */

static int print_plan(const struct plan *plan, struct plan_domain *domain, const struct form *form)
{
	g_autofree char *text = domain && form->print == plan_libvirt
					? plan_domain_write(domain, plan)
					: form->print(plan);

	return write_output(output_name, text, strlen(text));
}

/* As a string. "-": standard input, where libvirt hooks get the domain. */
static char *read_text(const char *name, size_t *ret_length)
{
	GByteArray *bytes = read_bytes(name);

	if (!bytes)
		return NULL;
	*ret_length = bytes->len;
	g_byte_array_append(bytes, (const guint8 *)"", 1);
	return (char *)g_byte_array_free(bytes, FALSE);
}

static int plan_host(const struct plan_options *wanted, const char *const *names,
		     struct plan_domain *domain, const struct form *form,
		     struct viommu_findings *findings)
{
	size_t length;
	g_autofree char *before = keep_name ? read_text(keep_name, &length) : NULL;
	struct viommu_findings *of_host;
	struct viommu_host *host = NULL;
	struct plan *plan = NULL;
	int status = EXIT_COULD_NOT;

	if (keep_name && !before)
		return status;
	of_host = viommu_findings_new();
	host = viommu_host_scan(root, of_host);
	/* What is wrong with a host that can be read is for `viommu host` to say. */
	if (host)
		plan = plan_make(host, wanted, names, before, findings);
	else
		status = worse(status, print_findings(of_host));
	viommu_findings_free(of_host);
	if (plan)
		status = print_plan(plan, domain, form);
	plan_free(plan);
	viommu_host_free(host);
	return status;
}

static int plan_domain(struct plan_options *wanted, const struct form *form,
		       struct viommu_findings *findings)
{
	size_t length;
	g_autofree char *text = read_text(domain_name, &length);
	struct plan_domain *domain;
	int status = EXIT_COULD_NOT;

	if (text && if_needed && plan_domain_is_done(text, length))
		return write_output(output_name, text, length);
	domain = text ? plan_domain_read(text, length, findings) : NULL;
	if (!domain)
		return status;
	plan_domain_options(domain, wanted, findings);
	status = plan_host(wanted, plan_domain_devices(domain), domain, form, findings);
	plan_domain_free(domain);
	return status;
}

static int plan_qemu_arguments(struct plan_options *wanted, char **arguments,
			       const struct form *form, struct viommu_findings *findings)
{
	g_auto(GStrv) names = plan_arguments(arguments, wanted, findings);

	return names ? plan_host(wanted, (const char *const *)names, NULL, form, findings)
		     : EXIT_COULD_NOT;
}

/* Returns an error message, or NULL. */
static const char *find_conflict(const struct form *form, bool qemu, bool other)
{
	if (other)
		return "name a topology, or devices of a host";
	if (!!devices + !!domain_name + qemu > 1)
		return "--device, --domain-xml and arguments of QEMU exclude each other";
	if (if_needed && (!domain_name || form->print != plan_libvirt))
		return "--if-needed requires --domain-xml and the format libvirt";
	return NULL;
}

/* `arguments` are those of QEMU, or none. */
static int plan_inputs(struct plan_options *wanted, char **arguments, const struct form *form)
{
	struct viommu_findings *findings = viommu_findings_new();
	int status;

	if (*arguments)
		status = plan_qemu_arguments(wanted, arguments, form, findings);
	else if (domain_name)
		status = plan_domain(wanted, form, findings);
	else
		status = plan_host(wanted, (const char *const *)devices, NULL, form, findings);
	status = worse(status, print_findings(findings));
	viommu_findings_free(findings);
	return status;
}

static int report_format(const struct command *command)
{
	g_autofree char *hint = did_you_mean(format, form_names);

	return command_usage(command, "unknown format \"%s\"%s", format, hint);
}

static int run(const struct command *command, char **arguments)
{
	const struct form *form = find_form();
	bool qemu = *arguments && **arguments == '-' && (*arguments)[1];
	struct plan_options wanted = { .nodes = NULL };
	const char *error;
	int status;

	if (!devices && !domain_name && !qemu)
		return plan_tables(command, arguments);
	if (!form)
		return report_format(command);
	error = find_conflict(form, qemu, *arguments && !qemu);
	if (!error)
		error = read_plan_options(form, &wanted);
	status =
		error ? command_usage(command, "%s", error) : plan_inputs(&wanted, arguments, form);
	if (wanted.nodes)
		g_hash_table_unref(wanted.nodes);
	if (wanted.buses)
		g_hash_table_unref(wanted.buses);
	return status;
}

const struct command plan_command = {
	.name = "plan",
	.arguments = "TOPOLOGY | --device FUNCTION... | -- QEMU-ARGUMENT...",
	.summary = "place devices of a host in a guest, or list the tables a topology needs",
	.details =
		"With --device: a guest with a bridge and a virtual IOMMU for each physical IOMMU\n"
		"that a device is behind. It is printed as FORMAT, or rejected with reasons.\n\n"
		"TOPOLOGY is as for generate. The plan shows what is behind each IOMMU and, for "
		"each\n"
		"kind of guest, the length of each table and what it cannot describe. No file is\n"
		"written.",
	.examples = "viommu plan machine.yaml\n"
		    "viommu plan --device 0000:82:00.0 --managed --root host.tar.gz -f libvirt",
	.is_paged = true,
	.options = options,
	.choices = (const struct choice[]){ { "FORMAT", form_names },
					    { "KIND", kind_names },
					    { "MACHINE", machine_names },
					    { "SWITCH", switch_names },
					    { NULL, NULL } },
	.run = run,
};
