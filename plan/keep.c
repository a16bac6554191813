/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads an earlier plan, the output of `viommu plan -f json`, so that existing devices keep their
 * places
 *
 * JSON is a subset of YAML, so libyaml reads it. The file is untrusted: each number is checked.
 */
#include <string.h>

#include <yaml.h>

#include "keep.h"

#define KEEP_MAX     ((size_t)4 << 20) /* bytes */
#define BRIDGES_MAX  32
#define FUNCTION_MAX 7

struct reader {
	yaml_document_t document;
	struct plan *plan;
	GHashTable *kept;
	bool chassis[PLAN_CHASSIS_MAX + 1]; /* that are taken */
	const char *wrong;                  /* NULL: nothing is */
};

static yaml_node_t *member(struct reader *reader, const yaml_node_t *node, const char *name)
{
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);

		if (key && key->type == YAML_SCALAR_NODE &&
		    !strcmp((char *)key->data.scalar.value, name))
			return yaml_document_get_node(&reader->document, pair->value);
	}
	return NULL;
}

static const char *text_of(struct reader *reader, const yaml_node_t *node, const char *name)
{
	yaml_node_t *value = member(reader, node, name);

	return value && value->type == YAML_SCALAR_NODE ? (char *)value->data.scalar.value : NULL;
}

static unsigned number_of(struct reader *reader, const yaml_node_t *node, const char *name,
			  unsigned max)
{
	const char *text = text_of(reader, node, name);
	guint64 number = 0;

	if (!text || !g_ascii_string_to_unsigned(text, 10, 0, max, &number, NULL))
		reader->wrong = "a number is missing or too large";
	return (unsigned)number;
}

static size_t count(const yaml_node_t *list)
{
	return list && list->type == YAML_SEQUENCE_NODE
		       ? (size_t)(list->data.sequence.items.top - list->data.sequence.items.start)
		       : 0;
}

static yaml_node_t *element(struct reader *reader, const yaml_node_t *list, size_t i)
{
	return yaml_document_get_node(&reader->document, list->data.sequence.items.start[i]);
}

/* `functions`: those of the port that are taken, bit n. */
static void read_device(struct reader *reader, struct plan_bridge *bridge, struct plan_port *port,
			const yaml_node_t *node, unsigned *functions)
{
	const char *name = text_of(reader, node, "host");
	struct plan_kept *kept = g_new0(struct plan_kept, 1);

	kept->bridge = bridge;
	kept->port = port;
	kept->function = number_of(reader, node, "function", FUNCTION_MAX);
	if (!name)
		reader->wrong = "a device has no name";
	else if (*functions & 1u << kept->function)
		reader->wrong = "two devices are one function of a port";
	*functions |= 1u << kept->function;
	if (!g_hash_table_insert(reader->kept, g_strdup(name ? name : ""), kept))
		reader->wrong = "it places a device twice";
}

static void read_port(struct reader *reader, struct plan_bridge *bridge, const yaml_node_t *node)
{
	struct plan_port *port = plan_port_new(bridge);
	yaml_node_t *devices = member(reader, node, "devices");
	unsigned functions = 0;

	port->chassis = number_of(reader, node, "chassis", PLAN_CHASSIS_MAX);
	if (!port->chassis)
		reader->wrong = "a port has no chassis";
	else if (reader->chassis[port->chassis])
		reader->wrong = "two ports have one chassis";
	reader->chassis[port->chassis] = true;
	for (size_t i = 0; i < count(devices) && !reader->wrong; i++)
		read_device(reader, bridge, port, element(reader, devices, i), &functions);
}

/* Slot 0 means none: such an IOMMU is not a PCI function. */
static bool share_slots(const struct plan_bridge *one, const struct plan_bridge *other)
{
	if (one->slot && (one->slot == other->slot || one->slot == other->iommu_slot))
		return true;
	if (!one->iommu_slot)
		return false;
	return one->iommu_slot == other->slot || (one->iommu_slot == other->iommu_slot &&
						  one->iommu_function == other->iommu_function);
}

static bool overlaps(const struct plan *plan, const struct plan_bridge *bridge)
{
	if (bridge->slot &&
	    (bridge->slot == bridge->iommu_slot || bridge->slot == plan->iommu_slot))
		return true;
	for (guint i = 0; i < plan->bridges->len; i++) {
		const struct plan_bridge *other = plan->bridges->pdata[i];

		if (other != bridge && bridge->bus <= other->last && other->bus <= bridge->last)
			return true;
		if (other != bridge &&
		    (other->iommu == bridge->iommu || other->number == bridge->number ||
		     share_slots(bridge, other)))
			return true;
	}
	return false;
}

static void read_bridge(struct reader *reader, const yaml_node_t *node)
{
	const char *name = text_of(reader, node, "host-iommu"), *id = text_of(reader, node, "name");
	const struct viommu_host_iommu *iommu =
		name ? viommu_host_find_iommu(reader->plan->host, name) : NULL;
	yaml_node_t *ports = member(reader, node, "ports");
	struct plan_bridge *bridge;
	guint64 number;

	if (!iommu || !id || !g_str_has_prefix(id, "pxb") ||
	    !g_ascii_string_to_unsigned(id + strlen("pxb"), 10, 0, BRIDGES_MAX, &number, NULL)) {
		reader->wrong = iommu ? "a bridge has no name" : "the host lacks one of its IOMMUs";
		return;
	}
	bridge = plan_bridge_new(reader->plan, iommu);
	bridge->kept = true;
	bridge->number = (unsigned)number;
	bridge->bus = (uint8_t)number_of(reader, node, "bus", PLAN_TOP_BUS);
	bridge->last = (uint8_t)number_of(reader, node, "last", PLAN_TOP_BUS);
	bridge->slot = number_of(reader, node, "slot", PLAN_ROOT_SLOTS - 1);
	bridge->iommu_slot = number_of(reader, node, "iommu-slot", PLAN_ROOT_SLOTS - 1);
	bridge->iommu_function = number_of(reader, node, "iommu-function", FUNCTION_MAX);
	if (!bridge->bus || (size_t)bridge->bus + count(ports) != bridge->last ||
	    overlaps(reader->plan, bridge))
		reader->wrong = "the bus numbers or slots of bridges and ports conflict";
	for (size_t i = 0; i < count(ports) && !reader->wrong; i++)
		read_port(reader, bridge, element(reader, ports, i));
}

static bool has_slot(const struct plan *plan, unsigned slot)
{
	bool has = slot == plan->iommu_slot;

	for (guint i = 0; i < plan->bridges->len; i++) {
		const struct plan_bridge *bridge = plan->bridges->pdata[i];

		has |= slot == bridge->slot || slot == bridge->iommu_slot;
	}
	for (guint i = 0; plan->root && i < plan->root->ports->len; i++)
		has |= slot == ((struct plan_port *)plan->root->ports->pdata[i])->slot;
	return has;
}

/* The ports of pcie.0 with devices that bypass. */
static void read_root_port(struct reader *reader, const yaml_node_t *node)
{
	unsigned slot = number_of(reader, node, "slot", PLAN_ROOT_SLOTS - 1);
	struct plan_bridge *root = plan_root(reader->plan);

	if (has_slot(reader->plan, slot))
		reader->wrong = "a port of pcie.0 has no slot of its own";
	read_port(reader, root, node);
	((struct plan_port *)root->ports->pdata[root->ports->len - 1])->slot = (uint8_t)slot;
}

/* A running guest keeps its kind of IOMMU and its machine. */
static void read_kind(struct reader *reader, const yaml_node_t *root)
{
	const char *name = text_of(reader, root, "iommu"),
		   *machine = text_of(reader, root, "machine");
	const struct plan_kind_row *row = name ? plan_kind_by_name(name) : NULL;
	struct plan_options *options = &reader->plan->options;

	if (!row || row->kind == PLAN_AUTO || !machine)
		reader->wrong = "the kind of IOMMU or the machine is missing or unknown";
	else if (options->kind != PLAN_AUTO && options->kind != row->kind)
		reader->wrong = "it has another kind of IOMMU";
	else if (options->machine && strcmp(options->machine, machine) != 0)
		reader->wrong = "it has another machine";
	else if (strcmp(machine, "q35") != 0 && strcmp(machine, "virt") != 0)
		reader->wrong = "its machine is unknown";
	if (reader->wrong)
		return;
	options->kind = row->kind;
	options->machine = strcmp(machine, "virt") ? "q35" : "virt";
	reader->plan->iommu_slot = number_of(reader, root, "iommu-slot", PLAN_ROOT_SLOTS - 1);
}

/* A guest gets and loses GPU memory only when it starts, so the names are enough to compare. */
static void read_egm(struct reader *reader, const yaml_node_t *list)
{
	GString *names = g_string_new(NULL);

	for (size_t i = 0; i < count(list); i++) {
		const char *name = text_of(reader, element(reader, list, i), "name");

		g_string_append_printf(names, "%s ", name ? name : "?");
	}
	reader->plan->kept_egm = g_string_free(names, false);
}

/* In the words of plan_cells_text(). */
static void read_cells(struct reader *reader, const yaml_node_t *list)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < count(list); i++) {
		const yaml_node_t *cell = element(reader, list, i);
		const char *node = text_of(reader, cell, "guest-node"),
			   *host = text_of(reader, cell, "host-node"),
			   *memory = text_of(reader, cell, "memory"),
			   *first = text_of(reader, cell, "first-cpu"),
			   *last = text_of(reader, cell, "last-cpu");

		g_string_append_printf(text, "%s%s on %s: %s bytes, CPUs %s-%s", i ? "; " : "",
				       node ? node : "?", host ? host : "?", memory ? memory : "?",
				       first ? first : "?", last ? last : "?");
	}
	reader->plan->kept_cells = g_string_free(text, false);
}

static void read_plan(struct reader *reader)
{
	yaml_node_t *root = yaml_document_get_root_node(&reader->document),
		    *bridges = member(reader, root, "bridges"),
		    *bypassing = member(reader, root, "bypassing");

	if (g_strcmp0(text_of(reader, root, "format"), "1") || !count(bridges) ||
	    count(bridges) > BRIDGES_MAX) {
		reader->wrong = "it is not a plan of format 1";
		return;
	}
	read_kind(reader, root);
	for (size_t i = 0; i < count(bridges) && !reader->wrong; i++)
		read_bridge(reader, element(reader, bridges, i));
	read_egm(reader, member(reader, root, "egm"));
	read_cells(reader, member(reader, root, "nodes"));
	for (size_t i = 0; i < count(bypassing) && !reader->wrong; i++)
		read_root_port(reader, element(reader, bypassing, i));
}

static bool load(struct reader *reader, const char *text)
{
	yaml_parser_t parser;
	bool done;

	if (strlen(text) > KEEP_MAX || !yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
	done = yaml_parser_load(&parser, &reader->document);
	yaml_parser_delete(&parser);
	return done;
}

GHashTable *plan_keep(struct plan *plan, const char *text, struct viommu_findings *findings)
{
	struct reader reader = { .plan = plan };

	memcpy(reader.chassis, plan->options.chassis, sizeof(reader.chassis));
	reader.kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (load(&reader, text)) {
		read_plan(&reader);
		yaml_document_delete(&reader.document);
	} else {
		reader.wrong = "it is not valid JSON";
	}
	if (!reader.wrong)
		return reader.kept;
	plan_report(findings, "plan-keep", "give the output of viommu plan -f json for this guest",
		    "the earlier plan cannot be kept: %s", reader.wrong);
	g_hash_table_destroy(reader.kept);
	return NULL;
}
