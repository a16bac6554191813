/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts of a libvirt domain that a plan needs
 *
 * The domain is untrusted: a document type declaration is rejected, because entities can expand
 * without bound.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "domain_rows.h"

#define DOMAIN_MAX ((size_t)16 << 20) /* bytes */

/* -- elements -------------------------------------------------------------------------------- */

bool domain_is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

xmlNode *domain_child(const xmlNode *node, const char *name)
{
	for (xmlNode *child = node ? node->children : NULL; child; child = child->next)
		if (domain_is(child, name))
			return child;
	return NULL;
}

char *domain_attribute(const xmlNode *node, const char *name)
{
	xmlChar *value = node ? xmlGetNoNsProp(node, BAD_CAST name) : NULL;
	char *text = g_strdup((const char *)value);

	xmlFree(value);
	return text;
}

bool domain_attribute_is(const xmlNode *node, const char *name, const char *value)
{
	g_autofree char *text = domain_attribute(node, name);

	return !g_strcmp0(text, value);
}

/* A decimal number, or hexadecimal with 0x; -1 if absent. */
long domain_number(const xmlNode *node, const char *name)
{
	g_autofree char *text = domain_attribute(node, name);
	char *end;
	gint64 number;

	if (!text || !*text)
		return -1;
	number = g_ascii_strtoll(text, &end, 0);
	return *end || number < 0 || number > 0xffffff ? -1 : (long)number;
}

char *domain_content(const xmlNode *node)
{
	xmlChar *value = node ? xmlNodeGetContent(node) : NULL;
	char *text = value ? g_strstrip(g_strdup((const char *)value)) : NULL;

	xmlFree(value);
	return text;
}

/* -- reading --------------------------------------------------------------------------------- */

/* libvirt sets the MAC address of an <interface> of this type; else it is a <hostdev>. */
bool domain_is_assigned(const xmlNode *node)
{
	if (domain_is(node, "interface"))
		return domain_attribute_is(node, "type", "hostdev");
	return domain_is(node, "hostdev") && domain_attribute_is(node, "type", "pci") &&
	       domain_attribute_is(node, "mode", "subsystem");
}

char *domain_source(const xmlNode *hostdev)
{
	const xmlNode *address = domain_child(domain_child(hostdev, "source"), "address");
	long segment = domain_number(address, "domain"), bus = domain_number(address, "bus"),
	     slot = domain_number(address, "slot"), function = domain_number(address, "function");

	if (bus < 0 || slot < 0)
		return NULL;
	return g_strdup_printf("%04lx:%02lx:%02lx.%lx", (unsigned long)MAX(segment, 0),
			       (unsigned long)bus, (unsigned long)slot,
			       (unsigned long)MAX(function, 0));
}

static bool take_devices(struct plan_domain *domain, struct viommu_findings *findings)
{
	domain->managed = true;
	for (xmlNode *node = domain->devices->children; node; node = node->next) {
		char *name;

		if (!domain_is_assigned(node))
			continue;
		name = domain_source(node);
		if (!name) {
			plan_report(findings, "plan-domain", "give it a <source> with an <address>",
				    "line %ld: the %s does not say which function it is",
				    xmlGetLineNo(node), node->name);
			return false;
		}
		domain->managed &= domain_attribute_is(node, "managed", "yes");
		g_ptr_array_add(domain->names, name);
	}
	if (!domain->names->len)
		plan_report(findings, "plan-domain", "add a <hostdev mode='subsystem' type='pci'>",
			    "the domain assigns no PCI function");
	return domain->names->len;
}

static const char *model_of_bus(const struct plan_domain *domain, long index, char **ret_text)
{
	*ret_text = NULL;
	for (xmlNode *node = domain->devices->children; node; node = node->next)
		if (domain_is(node, "controller") && domain_attribute_is(node, "type", "pci") &&
		    domain_number(node, "index") == index)
			*ret_text = domain_attribute(node, "model");
	return *ret_text;
}

/* libvirt accepts these two, but QEMU rejects them. */
static void check_bus(const struct plan_domain *domain, const xmlNode *iommu, GHashTable *seen,
		      struct viommu_findings *findings)
{
	long bus = domain_number(domain_child(iommu, "driver"), "pciBus");
	g_autofree char *text = NULL;
	const char *model;

	if (bus < 0)
		return;
	model = model_of_bus(domain, bus, &text);
	if (!g_hash_table_add(seen, GINT_TO_POINTER((int)bus + 1)))
		plan_report(findings, "plan-shared-bus",
			    "give each <iommu> its own pcie-expander-bus",
			    "line %ld: controller %ld has a second IOMMU, which QEMU rejects",
			    xmlGetLineNo(iommu), bus);
	if (model && strcmp(model, "pcie-expander-bus") != 0 && strcmp(model, "pcie-root") != 0)
		plan_report(findings, "plan-port-iommu",
			    "set pciBus to a pcie-expander-bus or to controller 0",
			    "line %ld: an IOMMU is on controller %ld, a %s, which QEMU rejects",
			    xmlGetLineNo(iommu), bus, model);
}

static void check_iommus(const struct plan_domain *domain, struct viommu_findings *findings)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

	for (xmlNode *node = domain->devices->children; node; node = node->next) {
		if (domain_is(node, "iommu"))
			check_bus(domain, node, seen, findings);
		if (domain_is(node, "controller") &&
		    domain_attribute_is(node, "model", "pcie-expander-bus"))
			plan_report(findings, "plan-domain",
				    "remove it with its root ports and <iommu>, and plan again",
				    "line %ld: the domain already has a pcie-expander-bus",
				    xmlGetLineNo(node));
		else if (domain_is(node, "iommu"))
			plan_report(findings, "plan-domain", "remove it, and plan again",
				    "line %ld: the domain already has an <iommu>",
				    xmlGetLineNo(node));
	}
}

/* The slots of pcie.0, indices and chassis of controllers that are in use. */
static void take_places(struct plan_domain *domain)
{
	domain->slots = 0;
	for (xmlNode *node = domain->devices->children; node; node = node->next) {
		const xmlNode *address = domain_child(node, "address");
		long slot = domain_number(address, "slot"), chassis;

		if (domain_attribute_is(address, "type", "pci") &&
		    domain_number(address, "bus") <= 0 && slot >= 0 && slot < 32 &&
		    !domain_is_assigned(node))
			domain->slots |= UINT32_C(1) << slot;
		if (!domain_is(node, "controller") || !domain_attribute_is(node, "type", "pci"))
			continue;
		domain->index = MAX(domain->index, domain_number(node, "index") + 1);
		chassis = domain_number(domain_child(node, "target"), "chassis");
		if (chassis >= 0 && chassis <= PLAN_CHASSIS_MAX)
			domain->chassis[chassis] = true;
		domain->n_ports += !domain_attribute_is(node, "model", "pcie-root");
	}
	domain->index = MAX(domain->index, 1);
}

/* libvirt adds controllers for USB, SCSI and serial ports, and a memory balloon. */
#define IMPLICIT_DEVICES 4

/* Devices that have no address yet, and may get one of PCI. */
static void count_places(struct plan_domain *domain)
{
	domain->n_places = IMPLICIT_DEVICES;
	for (xmlNode *node = domain->devices->children; node; node = node->next)
		domain->n_places += node->type == XML_ELEMENT_NODE && !domain_is_assigned(node) &&
				    !domain_child(node, "address");
}

static const struct {
	const char *unit;
	uint64_t bytes;
} units[] = {
	{ "b", 1 },
	{ "bytes", 1 },
	{ "KB", 1000 },
	{ "k", 1 << 10 },
	{ "KiB", 1 << 10 },
	{ "MB", 1000000 },
	{ "M", 1 << 20 },
	{ "MiB", 1 << 20 },
	{ "GB", 1000000000 },
	{ "G", 1 << 30 },
	{ "GiB", 1 << 30 },
	{ "T", UINT64_C(1) << 40 },
	{ "TiB", UINT64_C(1) << 40 },
	{ "TB", UINT64_C(1000000000000) },
};

/* As in libvirt, the unit is KiB by default, and its case does not matter. */
uint64_t domain_bytes(const xmlNode *memory)
{
	g_autofree char *text = domain_content(memory), *unit = domain_attribute(memory, "unit");
	uint64_t number = text ? g_ascii_strtoull(text, NULL, 10) : 0;

	for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
		if (!g_ascii_strcasecmp(unit ? unit : "KiB", units[i].unit) &&
		    number < (UINT64_C(1) << 60) / units[i].bytes)
			return number * units[i].bytes;
	return 0;
}

/* Each NUMA cell of the guest that is bound to one node of the host. */
static void take_nodes(struct plan_domain *domain)
{
	const xmlNode *tune = domain_child(domain->root, "numatune");

	for (xmlNode *node = tune ? tune->children : NULL; node; node = node->next) {
		long cell = domain_number(node, "cellid"), host = domain_number(node, "nodeset");

		if (!domain_is(node, "memnode") || cell < 0 || host < 0 || cell >= PLAN_NODES_MAX ||
		    host >= PLAN_NODES_MAX)
			continue;
		if (!domain->nodes)
			domain->nodes = g_hash_table_new(NULL, NULL);
		g_hash_table_insert(domain->nodes, GINT_TO_POINTER((int)host + 1),
				    GINT_TO_POINTER((int)cell + 1));
	}
}

static void count_cells(struct plan_domain *domain)
{
	const xmlNode *numa = domain_child(domain_child(domain->root, "cpu"), "numa");

	for (const xmlNode *cell = numa ? numa->children : NULL; cell; cell = cell->next)
		domain->n_cells += domain_is(cell, "cell");
}

/* Without the element, libvirt gives one. */
static void count_cpus(struct plan_domain *domain)
{
	g_autofree char *cpus = domain_content(domain_child(domain->root, "vcpu"));
	guint64 n = cpus ? g_ascii_strtoull(cpus, NULL, 10) : 1;

	domain->cpus = (unsigned)MIN(n, PLAN_CPUS_MAX);
}

static void take_machine(struct plan_domain *domain, struct viommu_findings *findings)
{
	const xmlNode *type = domain_child(domain_child(domain->root, "os"), "type");
	g_autofree char *machine = domain_attribute(type, "machine");

	domain->machine = machine ? plan_machine(machine) : NULL;
	domain->machine_version = machine ? plan_machine_version(machine) : 0;
	if (machine && !domain->machine)
		plan_report(findings, "plan-machine", "choose a q35 or virt machine",
			    "line %ld: the machine %s does not support a pxb-pcie",
			    xmlGetLineNo(type), machine);
}

static bool find_devices(struct plan_domain *domain)
{
	domain->root = xmlDocGetRootElement(domain->document);
	domain->devices = domain->root ? domain_child(domain->root, "devices") : NULL;
	return domain->devices && domain_is(domain->root, "domain");
}

static bool read_domain(struct plan_domain *domain, struct viommu_findings *findings)
{
	if (domain->document->intSubset) {
		plan_report(findings, "plan-domain", "remove the <!DOCTYPE>",
			    "the domain has a document type declaration");
		return false;
	}
	if (!find_devices(domain)) {
		plan_report(findings, "plan-domain", "give the output of virsh dumpxml",
			    "the input is not a <domain> with <devices>");
		return false;
	}
	check_iommus(domain, findings);
	take_places(domain);
	count_places(domain);
	take_nodes(domain);
	count_cells(domain);
	count_cpus(domain);
	take_machine(domain, findings);
	domain->memory = domain_bytes(domain_child(domain->root, "memory"));
	return take_devices(domain, findings) &&
	       !viommu_findings_count_from(findings, VIOMMU_ERROR);
}

static struct plan_domain *parse(const char *text, size_t length)
{
	struct plan_domain *domain = g_new0(struct plan_domain, 1);

	domain->names = g_ptr_array_new_with_free_func(g_free);
	domain->has_declaration = length > 5 && !strncmp(text, "<?xml", 5);
	if (length <= DOMAIN_MAX)
		domain->document =
			xmlReadMemory(text, (int)length, NULL, NULL,
				      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	return domain;
}

struct plan_domain *plan_domain_read(const char *text, size_t length,
				     struct viommu_findings *findings)
{
	struct plan_domain *domain = parse(text, length);

	if (!domain->document) {
		plan_report(findings, "plan-domain", "give the output of virsh dumpxml",
			    "the input is not valid XML");
		return plan_domain_free(domain);
	}
	if (!read_domain(domain, findings))
		return plan_domain_free(domain);
	g_ptr_array_add(domain->names, NULL);
	return domain;
}

/* With a document type declaration, it is for plan_domain_read() to report. */
static bool is_done(struct plan_domain *domain)
{
	bool assigns = false, placed = false;

	if (!domain->document || domain->document->intSubset || !find_devices(domain))
		return false;
	for (xmlNode *node = domain->devices->children; node; node = node->next) {
		assigns |= domain_is_assigned(node);
		placed |= domain_is(node, "iommu") ||
			  (domain_is(node, "controller") &&
			   domain_attribute_is(node, "model", "pcie-expander-bus"));
	}
	return placed || !assigns;
}

bool plan_domain_is_done(const char *text, size_t length)
{
	struct plan_domain *domain = parse(text, length);
	bool done = is_done(domain);

	plan_domain_free(domain);
	return done;
}

static const char head_q35[] = "<domain type='kvm'>\n"
			       "  <name>guest</name>\n"
			       "  <memory unit='KiB'>%" PRIu64 "</memory>\n"
			       "  <vcpu>2</vcpu>\n"
			       "  <os>\n"
			       "    <type arch='x86_64' machine='q35'>hvm</type>\n"
			       "  </os>\n"
			       "  <features>\n    <acpi/>\n  </features>\n"
			       "  <cpu mode='host-passthrough'/>\n"
			       "  <devices>\n  </devices>\n"
			       "</domain>\n";
static const char head_virt[] = "<domain type='kvm'>\n"
				"  <name>guest</name>\n"
				"  <memory unit='KiB'>%" PRIu64 "</memory>\n"
				"  <vcpu>2</vcpu>\n"
				"  <os firmware='efi'>\n"
				"    <type arch='aarch64' machine='virt'>hvm</type>\n"
				"  </os>\n"
				"  <features>\n    <acpi/>\n    <gic version='3'/>\n  </features>\n"
				"  <cpu mode='host-passthrough'/>\n"
				"  <devices>\n  </devices>\n"
				"</domain>\n";

#define DEFAULT_CPUS   2
#define DEFAULT_MEMORY (UINT64_C(4) << 30)

/*
 * One cell for each node of the bridges, with an equal share of the memory; libvirt requires a CPU
 * in each cell.
 */
static void append_cells(struct plan_domain *domain, const struct plan *plan, uint64_t memory)
{
	xmlNode *numa, *cpus = domain_child(domain->root, "vcpu");
	int n = 0;

	for (guint i = 0; i < plan->bridges->len; i++)
		n = MAX(n, ((struct plan_bridge *)plan->bridges->pdata[i])->guest_node + 1);
	if (plan->cells->len || (!n && !plan->initiators->len))
		return;
	n = MAX(n, 1);
	numa = xmlNewChild(domain_child(domain->root, "cpu"), NULL, BAD_CAST "numa", NULL);
	for (int i = 0; i < n; i++) {
		g_autofree char *number = g_strdup_printf("%d", i),
				*kibi = g_strdup_printf("%" PRIu64, (memory >> 10) / (uint64_t)n);
		xmlNode *cell = xmlNewChild(numa, NULL, BAD_CAST "cell", NULL);

		xmlSetProp(cell, BAD_CAST "id", BAD_CAST number);
		xmlSetProp(cell, BAD_CAST "cpus", BAD_CAST number);
		xmlSetProp(cell, BAD_CAST "memory", BAD_CAST kibi);
		xmlSetProp(cell, BAD_CAST "unit", BAD_CAST "KiB");
	}
	if (n > DEFAULT_CPUS) {
		g_autofree char *number = g_strdup_printf("%d", n);

		xmlNodeSetContent(cpus, BAD_CAST number);
	}
}

struct plan_domain *plan_domain_new(const struct plan *plan)
{
	uint64_t memory = plan->options.memory ? plan->options.memory : DEFAULT_MEMORY;
	g_autofree char *text = strcmp(plan->machine, "virt")
					? g_strdup_printf(head_q35, memory >> 10)
					: g_strdup_printf(head_virt, memory >> 10);
	struct plan_domain *domain = parse(text, strlen(text));

	domain->root = xmlDocGetRootElement(domain->document);
	domain->devices = domain_child(domain->root, "devices");
	domain->managed = plan->options.managed;
	append_cells(domain, plan, memory);
	take_places(domain);
	g_ptr_array_add(domain->names, NULL);
	return domain;
}

struct plan_domain *plan_domain_free(struct plan_domain *domain)
{
	if (!domain)
		return NULL;
	if (domain->document)
		xmlFreeDoc(domain->document);
	if (domain->nodes)
		g_hash_table_destroy(domain->nodes);
	g_ptr_array_unref(domain->names);
	g_free(domain);
	return NULL;
}

const char *const *plan_domain_devices(const struct plan_domain *domain)
{
	return (const char *const *)domain->names->pdata;
}

void plan_domain_options(const struct plan_domain *domain, struct plan_options *options,
			 struct viommu_findings *findings)
{
	options->managed |= domain->managed;
	options->slots |= domain->slots;
	options->root_ports += domain->n_ports + (options->spare ? domain->n_places : 0);
	for (size_t i = 0; i < G_N_ELEMENTS(options->chassis); i++)
		options->chassis[i] |= domain->chassis[i];
	plan_set_machine(options, domain->machine, "the domain has", findings);
	options->machine_version = domain->machine_version;
	options->n_nodes = domain->n_cells;
	if (!options->memory)
		options->memory = domain->memory;
	if (!options->cpus)
		options->cpus = domain->cpus;
	if (!options->nodes && domain->nodes)
		options->nodes = g_hash_table_ref(domain->nodes);
}
