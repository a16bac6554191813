/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes a plan into a libvirt domain: adds expanders, root ports, IOMMUs and addresses, and
 * changes nothing else
 *
 * libvirt does not support viommu-pci, so it becomes an argument of QEMU, on libvirt's bus
 * pci.INDEX.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "domain_rows.h"
#include "item.h"

#define QEMU_SPACE "http://libvirt.org/schemas/domain/qemu/1.0"
#define INDENT     "    "

/* -- elements -------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void set_attribute(xmlNode *node, const char *name,
								const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	xmlSetProp(node, BAD_CAST name, BAD_CAST text);
}

static xmlNode *append(xmlNode *parent, const char *name)
{
	return xmlNewChild(parent, NULL, BAD_CAST name, NULL);
}

/* Append an element on its own line. */
static xmlNode *append_line(xmlNode *parent, const char *name, const char *indent)
{
	xmlNode *node = xmlNewNode(NULL, BAD_CAST name), *last = parent->last;
	g_autofree char *before = g_strconcat("\n", indent, NULL);

	if (last && last->type == XML_TEXT_NODE && xmlIsBlankNode(last)) {
		xmlAddPrevSibling(last, xmlNewText(BAD_CAST before));
		/* libxml2 merges adjacent texts, so the element is inserted between them. */
		last = parent->last;
		xmlNodeSetContent(last, BAD_CAST before);
		xmlAddChild(parent, node);
		xmlAddChild(parent, xmlNewText(BAD_CAST "\n  "));
	} else {
		xmlAddChild(parent, xmlNewText(BAD_CAST before));
		xmlAddChild(parent, node);
		xmlAddChild(parent, xmlNewText(BAD_CAST "\n  "));
	}
	return node;
}

static void set_address(xmlNode *node, long bus, unsigned slot, unsigned function, bool several)
{
	xmlNode *address = domain_child(node, "address");

	if (!address)
		address = append(node, "address");
	set_attribute(address, "type", "pci");
	set_attribute(address, "domain", "0x0000");
	set_attribute(address, "bus", "0x%02lx", (unsigned long)bus);
	set_attribute(address, "slot", "0x%02x", slot);
	set_attribute(address, "function", "0x%x", function);
	if (several)
		set_attribute(address, "multifunction", "on");
	else
		xmlUnsetProp(address, BAD_CAST "multifunction");
}

/* -- controllers ----------------------------------------------------------------------------- */

static xmlNode *append_controller(struct plan_domain *domain, const char *model)
{
	xmlNode *node = append_line(domain->devices, "controller", INDENT);

	set_attribute(node, "type", "pci");
	set_attribute(node, "index", "%ld", domain->index++);
	set_attribute(node, "model", "%s", model);
	return node;
}

static long append_bridge(struct plan_domain *domain, const struct plan_bridge *bridge)
{
	xmlNode *node = append_controller(domain, "pcie-expander-bus"), *target;

	set_attribute(append(node, "model"), "name", "pxb-pcie");
	target = append(node, "target");
	set_attribute(target, "busNr", "%u", bridge->bus);
	if (bridge->guest_node >= 0) {
		g_autofree char *text = g_strdup_printf("%d", bridge->guest_node);

		xmlNewChild(target, NULL, BAD_CAST "node", BAD_CAST text);
	}
	set_address(node, 0, bridge->slot, 0, false);
	return domain->index - 1;
}

static long append_port(struct plan_domain *domain, const struct plan_port *port, long bridge)
{
	xmlNode *node = append_controller(domain, "pcie-root-port"), *target;

	set_attribute(append(node, "model"), "name", "pcie-root-port");
	target = append(node, "target");
	set_attribute(target, "chassis", "%u", port->chassis);
	set_attribute(target, "port", "0x%x", (unsigned)(port->slot << 3 | port->function));
	set_address(node, bridge, port->slot, port->function, port->multifunction);
	return domain->index - 1;
}

/*
 * libvirt places a device without an address in the first free port, in the order of the
 * controllers. Ports on pcie.0 before those of the plan keep emulated devices out of free ports.
 */
static void append_root_ports(struct plan_domain *domain, const struct plan *plan)
{
	bool taken[PLAN_CHASSIS_MAX + 1];
	unsigned chassis = 1;

	plan_find_chassis(plan, taken);
	for (unsigned i = 0; plan->options.spare && i < domain->n_places; i++) {
		xmlNode *node = append_controller(domain, "pcie-root-port");

		while (chassis < PLAN_CHASSIS_MAX && taken[chassis])
			chassis++;
		set_attribute(append(node, "target"), "chassis", "%u", chassis++);
	}
}

/* libvirt 12.2 and later set highmem-mmio-size of virt by it. */
static void set_hole(struct plan_domain *domain, const struct plan *plan)
{
	xmlNode *root = NULL, *hole;
	g_autofree char *text = g_strdup_printf("%" PRIu64, plan->mmio64 >> 10);

	if (!plan->mmio64)
		return;
	for (xmlNode *node = domain->devices->children; node; node = node->next)
		if (domain_is(node, "controller") &&
		    domain_attribute_is(node, "model", "pcie-root"))
			root = node;
	if (!root) {
		root = append_line(domain->devices, "controller", INDENT);
		set_attribute(root, "type", "pci");
		set_attribute(root, "index", "0");
		set_attribute(root, "model", "pcie-root");
	}
	hole = domain_child(root, "pcihole64");
	if (!hole)
		hole = append(root, "pcihole64");
	else if (domain_bytes(hole) >= plan->mmio64)
		return;
	xmlNodeSetContent(hole, BAD_CAST text);
	set_attribute(hole, "unit", "KiB");
}

/* An element of the domain before <devices>, which is there or is added. */
static xmlNode *ensure(struct plan_domain *domain, const char *name)
{
	xmlNode *node = domain_child(domain->root, name);

	if (node)
		return node;
	node = xmlNewNode(NULL, BAD_CAST name);
	xmlAddPrevSibling(domain->devices, node);
	xmlAddPrevSibling(domain->devices, xmlNewText(BAD_CAST "\n  "));
	return node;
}

/* Command queues must be contiguous in the host's memory. */
static void set_huge_pages(struct plan_domain *domain)
{
	xmlNode *backing = ensure(domain, "memoryBacking");

	if (!domain_child(backing, "hugepages"))
		append(backing, "hugepages");
}

/* libvirt requires it for interrupt remapping of VT-d and AMD-Vi. */
static void set_ioapic(struct plan_domain *domain)
{
	xmlNode *features = ensure(domain, "features");
	xmlNode *ioapic = domain_child(features, "ioapic");

	if (!ioapic)
		ioapic = append_line(features, "ioapic", INDENT);
	set_attribute(ioapic, "driver", "qemu");
}

/* -- devices --------------------------------------------------------------------------------- */

static xmlNode *find_hostdev(struct plan_domain *domain, const struct viommu_host_device *device)
{
	for (xmlNode *node = domain->devices->children; node; node = node->next) {
		g_autofree char *name = domain_is_assigned(node) ? domain_source(node) : NULL;

		if (name && !strcmp(name, device->name))
			return node;
	}
	return NULL;
}

static xmlNode *append_hostdev(struct plan_domain *domain, const struct viommu_host_device *device)
{
	xmlNode *node = append_line(domain->devices, "hostdev", INDENT), *address;

	set_attribute(node, "mode", "subsystem");
	set_attribute(node, "type", "pci");
	set_attribute(node, "managed", "%s", domain->managed ? "yes" : "no");
	address = append(append(node, "source"), "address");
	set_attribute(address, "domain", "0x%04x", device->segment);
	set_attribute(address, "bus", "0x%02x", (unsigned)device->bdf >> 8);
	set_attribute(address, "slot", "0x%02x", (unsigned)device->bdf >> 3 & 0x1f);
	set_attribute(address, "function", "0x%x", device->bdf & 7u);
	return node;
}

/* The schema allows any order, but libvirt writes the driver first. */
static void set_iommufd(xmlNode *hostdev)
{
	xmlNode *driver = domain_child(hostdev, "driver");

	if (!driver) {
		driver = xmlNewNode(NULL, BAD_CAST "driver");
		set_attribute(driver, "name", "vfio");
		if (hostdev->children)
			xmlAddPrevSibling(hostdev->children, driver);
		else
			xmlAddChild(hostdev, driver);
	}
	set_attribute(driver, "iommufd", "yes");
}

/* -- NUMA nodes of the plan ------------------------------------------------------------------ */

static void append_distances(xmlNode *cell, const struct plan *plan, guint from)
{
	xmlNode *distances = plan->distances ? append(cell, "distances") : NULL;
	guint n = plan->cells->len;

	for (guint to = 0; distances && to < n; to++) {
		xmlNode *sibling = append(distances, "sibling");

		set_attribute(sibling, "id", "%u", to);
		set_attribute(sibling, "value", "%u", plan->distances[from * n + to]);
	}
}

static void append_own_node(xmlNode *numa, const struct plan *plan, guint i)
{
	const struct plan_cell *own = &g_array_index(plan->cells, struct plan_cell, i);
	xmlNode *cell = append(numa, "cell");

	set_attribute(cell, "id", "%d", own->node);
	set_attribute(cell, "cpus", "%u-%u", own->first_cpu, own->last_cpu);
	set_attribute(cell, "memory", "%" PRIu64, own->memory >> 10);
	set_attribute(cell, "unit", "KiB");
	append_distances(cell, plan, i);
}

static bool has_memnode(const xmlNode *tune, int node)
{
	for (const xmlNode *child = tune->children; child; child = child->next)
		if (domain_is(child, "memnode") && domain_number(child, "cellid") == node)
			return true;
	return false;
}

/* --node is from there if the domain has it. */
static void append_memnode(xmlNode *tune, const struct plan_cell *cell)
{
	xmlNode *node;

	if (has_memnode(tune, cell->node))
		return;
	node = append(tune, "memnode");
	set_attribute(node, "cellid", "%d", cell->node);
	set_attribute(node, "mode", "strict");
	set_attribute(node, "nodeset", "%d", cell->host_node);
}

static void drop(xmlNode *node)
{
	if (!node)
		return;
	xmlUnlinkNode(node);
	xmlFreeNode(node);
}

/* The cells have all memory and all processors, and a balloon does not take what is new. */
static void set_size(struct plan_domain *domain, const struct plan *plan)
{
	xmlNode *memory = ensure(domain, "memory"), *cpus = ensure(domain, "vcpu");
	g_autofree char *kibi = g_strdup_printf("%" PRIu64, plan->options.memory >> 10),
			*number = g_strdup_printf("%u", plan->options.cpus),
			*before = domain_content(cpus);

	if (domain_bytes(memory) != plan->options.memory) {
		xmlNodeSetContent(memory, BAD_CAST kibi);
		set_attribute(memory, "unit", "KiB");
		drop(domain_child(domain->root, "currentMemory"));
	}
	if (strcmp(before, number) != 0) {
		xmlNodeSetContent(cpus, BAD_CAST number);
		xmlUnsetProp(cpus, BAD_CAST "current");
	}
}

static void append_own_nodes(struct plan_domain *domain, const struct plan *plan)
{
	xmlNode *cpu, *numa, *tune;

	if (!plan->cells->len)
		return;
	set_size(domain, plan);
	cpu = ensure(domain, "cpu");
	numa = domain_child(cpu, "numa");
	if (!numa)
		numa = append(cpu, "numa");
	tune = ensure(domain, "numatune");
	for (guint i = 0; i < plan->cells->len; i++) {
		append_own_node(numa, plan, i);
		append_memnode(tune, &g_array_index(plan->cells, struct plan_cell, i));
	}
}

/* All processors and all memory of a domain without NUMA nodes. */
static void append_own_cell(struct plan_domain *domain, xmlNode *numa)
{
	const xmlNode *memory = domain_child(domain->root, "memory");
	g_autofree char *cpus = domain_content(domain_child(domain->root, "vcpu"));
	guint64 n = cpus ? g_ascii_strtoull(cpus, NULL, 10) : 1;
	xmlNode *cell = append(numa, "cell");

	set_attribute(cell, "id", "0");
	if (n > 1)
		set_attribute(cell, "cpus", "0-%" PRIu64, n - 1);
	else
		set_attribute(cell, "cpus", "0");
	set_attribute(cell, "memory", "%" PRIu64, domain_bytes(memory) >> 10);
	set_attribute(cell, "unit", "KiB");
}

/* libvirt 12.2: <acpi nodeset='1-8'/> makes the device a generic initiator of these nodes. */
static void set_initiators(xmlNode *hostdev, const struct plan *plan, unsigned number)
{
	int first = plan_initiator_of(plan, number);
	xmlNode *acpi = domain_child(hostdev, "acpi");

	if (first < 0)
		return;
	if (!acpi)
		acpi = append(hostdev, "acpi");
	set_attribute(acpi, "nodeset", "%d-%d", first, first + (int)plan->n_initiators - 1);
}

/* Nodes of initiators have neither memory nor processors. */
static void append_cells(struct plan_domain *domain, const struct plan *plan)
{
	xmlNode *cpu, *numa, *cell;
	unsigned n = plan->initiators->len * plan->n_initiators;

	if (!n)
		return;
	cpu = ensure(domain, "cpu");
	numa = domain_child(cpu, "numa");
	if (!numa) {
		numa = append(cpu, "numa");
		append_own_cell(domain, numa);
	}
	for (unsigned i = 0; i < n; i++) {
		cell = append(numa, "cell");
		set_attribute(cell, "id", "%u", plan->first_initiator + i);
		set_attribute(cell, "memory", "0");
		set_attribute(cell, "unit", "KiB");
	}
}

/* `number`: N of hostdevN. */
static void put_device(struct plan_domain *domain, const struct plan *plan,
		       const struct plan_port *port, guint d, long bus, unsigned number)
{
	const struct plan_device *device = &g_array_index(port->devices, struct plan_device, d);
	xmlNode *node = find_hostdev(domain, device->host);

	if (!node)
		node = append_hostdev(domain, device->host);
	if (plan->accel)
		set_iommufd(node);
	set_initiators(node, plan, number);
	set_address(node, bus, 0, device->function, !device->function && port->devices->len > 1);
}

/* -- IOMMUs ---------------------------------------------------------------------------------- */

static const char *on(bool flag)
{
	return flag ? "on" : "off";
}

static void append_smmu(struct plan_domain *domain, const struct plan *plan,
			const struct plan_bridge *bridge, long index)
{
	xmlNode *node = append_line(domain->devices, "iommu", INDENT), *driver;
	bool fixed = plan->options.qemu < PLAN_SMMU_AUTO;

	set_attribute(node, "model", "smmuv3");
	driver = append(node, "driver");
	set_attribute(driver, "pciBus", "%ld", index);
	if (!plan->accel)
		return;
	set_attribute(driver, "accel", "on");
	if (fixed || bridge->ats_known)
		set_attribute(driver, "ats", "%s", on(bridge->ats));
	if (fixed)
		set_attribute(driver, "ril", "off");
	if (bridge->pasid_bits)
		set_attribute(driver, "ssidsize", "%u", bridge->pasid_bits);
	if (plan->options.cmdqv != PLAN_SWITCH_AUTO && plan->options.qemu >= PLAN_CMDQV)
		set_attribute(driver, "cmdqv", "%s", on(plan->options.cmdqv == PLAN_ON));
	if (bridge->address_bits)
		set_attribute(driver, "oas", "%u", bridge->address_bits < 48 ? 44u : 48u);
}

static void append_one(struct plan_domain *domain, const struct plan *plan)
{
	xmlNode *node = append_line(domain->devices, "iommu", INDENT), *driver;

	set_attribute(node, "model", "%s",
		      plan->kind == PLAN_VIRTIO_STOCK ? "virtio" : plan_kind_row(plan->kind)->name);
	if (plan->kind != PLAN_INTEL)
		return;
	driver = append(node, "driver");
	set_attribute(driver, "intremap", "on");
	set_attribute(driver, "caching_mode", "on");
	set_attribute(driver, "iotlb", "%s", on(plan->ats));
}

static xmlNode *command_line(struct plan_domain *domain, xmlNs **ret_space)
{
	xmlNode *node = domain_child(domain->root, "commandline");

	*ret_space = xmlSearchNsByHref(domain->document, domain->root, BAD_CAST QEMU_SPACE);
	if (!*ret_space)
		*ret_space = xmlNewNs(domain->root, BAD_CAST QEMU_SPACE, BAD_CAST "qemu");
	if (!node) {
		node = append_line(domain->root, "commandline", "  ");
		xmlSetNs(node, *ret_space);
		xmlNodeSetContent(domain->root->last, BAD_CAST "\n");
	}
	return node;
}

__attribute__((format(printf, 3, 4))) static void append_argument(xmlNode *line, xmlNs *space,
								  const char *format, ...)
{
	xmlNode *node = append_line(line, "arg", INDENT);
	va_list args;
	g_autofree char *text = NULL;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	xmlSetNs(node, space);
	xmlSetProp(node, BAD_CAST "value", BAD_CAST text);
}

/* What libvirt has no element for: pcie.0 bypasses, and AMD-Vi translates assigned devices. */
static void append_bypass(struct plan_domain *domain, const struct plan *plan)
{
	xmlNs *space;
	xmlNode *line = command_line(domain, &space);

	append_argument(line, space, "-machine");
	append_argument(line, space, "default-bus-bypass-iommu=on");
	if (plan->kind == PLAN_AMD) {
		append_argument(line, space, "-global");
		append_argument(line, space, "amd-iommu.dma-remap=on");
	}
}

static void append_virtio(struct plan_domain *domain, const struct plan *plan,
			  const struct plan_bridge *bridge, long index)
{
	struct plan_item *limits = plan_item_new("device", NULL);
	g_autofree char *keys = NULL;
	xmlNs *space;
	xmlNode *line = command_line(domain, &space);

	plan_set_limits(limits, plan, bridge);
	keys = plan_item_keys(limits);
	plan_item_free(limits);
	if (bridge == plan_branch(plan, 0)) {
		append_argument(line, space, "-plugin");
		append_argument(line, space, "%s", plan_plugin(plan));
	}
	append_argument(line, space, "-device");
	append_argument(line, space,
			"viommu-pci,id=viommu%u,bus=pcie.0,addr=0x%x.%x%s,root-bus=pci.%ld%s%s",
			bridge->number, bridge->iommu_slot, bridge->iommu_function,
			bridge->iommu_function ? "" : ",multifunction=on", index, *keys ? "," : "",
			keys);
}

static void put_iommufd(struct plan_domain *domain)
{
	xmlNode *node = domain_child(domain->root, "iommufd"), *before;

	if (node)
		return;
	node = xmlNewNode(NULL, BAD_CAST "iommufd");
	set_attribute(node, "enabled", "yes");
	before = domain_child(domain->root, "os");
	if (!before)
		before = domain->devices;
	xmlAddPrevSibling(before, node);
	xmlAddPrevSibling(before, xmlNewText(BAD_CAST "\n  "));
}

/* -- the domain ---------------------------------------------------------------- */

static char *print(const struct plan_domain *domain)
{
	xmlBuffer *buffer = xmlBufferCreate();
	char *text;

	if (domain->has_declaration) {
		xmlChar *bytes;
		int length;

		xmlDocDumpMemory(domain->document, &bytes, &length);
		text = g_strndup((const char *)bytes, (gsize)length);
		xmlFree(bytes);
	} else {
		for (xmlNode *node = domain->document->children; node; node = node->next) {
			xmlNodeDump(buffer, domain->document, node, 0, 0);
			xmlBufferCat(buffer, BAD_CAST "\n");
		}
		text = g_strdup((const char *)xmlBufferContent(buffer));
	}
	xmlBufferFree(buffer);
	return text;
}

void plan_domain_apply(struct plan_domain *domain, const struct plan *plan)
{
	const struct plan_bridge *bridge;
	unsigned number = 0;

	set_hole(domain, plan);
	append_own_nodes(domain, plan);
	append_cells(domain, plan);
	if (plan->options.cmdqv == PLAN_ON)
		set_huge_pages(domain);
	append_root_ports(domain, plan);
	for (guint i = 0; (bridge = plan_branch(plan, i)); i++) {
		long index = bridge->iommu ? append_bridge(domain, bridge) : 0;

		for (guint n = 0; n < bridge->ports->len; n++) {
			const struct plan_port *port = bridge->ports->pdata[n];
			long bus = append_port(domain, port, index);

			for (guint d = 0; d < port->devices->len; d++)
				put_device(domain, plan, port, d, bus, number++);
		}
		if (bridge->iommu && plan->kind == PLAN_SMMUV3)
			append_smmu(domain, plan, bridge, index);
		if (bridge->iommu && plan->kind == PLAN_VIRTIO)
			append_virtio(domain, plan, bridge, index);
	}
	if (!plan_kind_row(plan->kind)->several) {
		append_one(domain, plan);
		append_bypass(domain, plan);
	}
	if (plan->kind == PLAN_INTEL || plan->kind == PLAN_AMD)
		set_ioapic(domain);
	if (plan->accel)
		put_iommufd(domain);
}

char *plan_domain_write(struct plan_domain *domain, const struct plan *plan)
{
	plan_domain_apply(domain, plan);
	return print(domain);
}

char *plan_libvirt(const struct plan *plan)
{
	struct plan_domain *domain = plan_domain_new(plan);
	char *text = plan_domain_write(domain, plan);

	plan_domain_free(domain);
	return text;
}
