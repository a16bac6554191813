/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the bytes of a VIOT, which hold whatever it means
 *
 * What is wrong with a table so that it cannot be taken apart, decoding has said already.
 */
#include <inttypes.h>

#include "findings.h"
#include "viot.h"

/* -- the head ------------------------------------------------------------------------ */

/* Every producer writes 0: whoever writes something else means another table.
 */
static void check_revision(const struct table_check *check)
{
	const struct viot_head *head = check->table->root->host;

	if (head->acpi.revision)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, check->table->root, "Revision"), "write 0",
		       "revision is %u, and only 0 is known", head->acpi.revision);
}

/* Nodes, whether understood or not; not what lies before them, which is one child at most. */
static unsigned count_nodes(const struct viommu_table *table)
{
	const GPtrArray *children = table->root->children;
	const struct record *before = children->len ? children->pdata[0] : NULL;
	size_t end = acpi_end(table, record_length(table->root));

	return children->len - (before && before->at < viot_first_node(table->root->host, end));
}

/*
 * Linux goes by the count: nodes beyond it are never read, and where it is too large, the walk
 * ends with a complaint at the end of the table.
 */
static void check_count(const struct table_check *check)
{
	const struct viot_head *head = check->table->root->host;
	unsigned n = count_nodes(check->table);

	if (head->node_count != n)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, check->table->root, "Node count"),
		       "write the number of nodes", "node count is %u, and there are %u",
		       head->node_count, n);
}

/* -- fields that hold what they must not ------------------------------------------------ */

/* One kind of field, looked for in every structure. */
struct search {
	const struct table_check *check;
	enum field_kind kind;
	void (*blame)(const struct search *search, const struct field *field, uint64_t value);
	const struct record *record;
};

/* layout_check() tells of all kinds at once, and a rule is about one. */
static void look_at_field(void *data, const struct field *field, uint64_t value)
{
	const struct search *search = data;

	if (field->kind == search->kind)
		search->blame(search, field, value);
}

/* Of a node whose type is not known, nobody knows how long it should be. */
static void look_at_record(struct search *search, const struct record *record)
{
	search->record = record;
	if (record->layout)
		layout_check(record->layout, record->host, viot_type_of(record) != VIOT_UNKNOWN,
			     look_at_field, search);
}

/* The head has reserved bytes, too; so it is looked at like a node. */
static void look_at_all(struct search *search)
{
	const struct record *root = search->check->table->root;

	look_at_record(search, root);
	for (guint i = 0; i < root->children->len; i++)
		look_at_record(search, root->children->pdata[i]);
}

static struct viommu_place place_of(const struct search *search, const struct field *field)
{
	return table_place(search->check->table, search->record->at + field->at);
}

/* A warning only: nodes carry a length so that readers can skip what they do not know. */
static void blame_type(const struct search *search, const struct field *field, uint64_t value)
{
	report(search->check->findings, search->check->rule_id, place_of(search, field), NULL,
	       "nodes of type %" PRIu64 " are not known: skipped", value);
}

/* Shorter ones were found when the table was decoded, for then their fields are not there. */
static void blame_length(const struct search *search, const struct field *field, uint64_t value)
{
	report(search->check->findings, search->check->rule_id, place_of(search, field),
	       "write the length that the node has",
	       "%s has %" PRIu64 " bytes, and only %u of them have a meaning",
	       search->record->layout->name, value, search->record->layout->length);
}

/* Readers ignore them today. A bit set there by accident means something in a later version. */
static void blame_reserved(const struct search *search, const struct field *field, uint64_t value)
{
	(void)value;
	report(search->check->findings, search->check->rule_id, place_of(search, field), "write 0",
	       "reserved bytes of %s are not 0", search->record->layout->name);
}

static void check_types(const struct table_check *check)
{
	look_at_all(&(struct search){ check, FIELD_TYPE, blame_type, NULL });
}

static void check_lengths(const struct table_check *check)
{
	look_at_all(&(struct search){ check, FIELD_LENGTH, blame_length, NULL });
}

static void check_reserved(const struct table_check *check)
{
	look_at_all(&(struct search){ check, FIELD_RESERVED, blame_reserved, NULL });
}

/* -- where nodes stand -------------------------------------------------------------------- */

/* Output nodes are offsets of 16 bits, which is why a generator writes IOMMUs first. */
static void check_beyond(const struct table_check *check)
{
	const GPtrArray *nodes = check->table->root->children;

	for (guint i = 0; i < nodes->len; i++) {
		const struct record *node = nodes->pdata[i];
		unsigned type = viot_type_of(node);

		if (node->at > G_MAXUINT16 && (type == VIOT_VIRTIO_PCI || type == VIOT_VIRTIO_MMIO))
			report(check->findings, check->rule_id, table_place(check->table, node->at),
			       "put the nodes of IOMMUs first",
			       "%s is behind the first 64 KiB: no output node can name it",
			       node->layout->name);
	}
}

const struct table_rule viot_rules[] = {
	{ "viot-revision", check_revision },
	{ "viot-node-count", check_count },
	{ "viot-node-type", check_types },
	{ "viot-node-length", check_lengths },
	{ "viot-reserved", check_reserved },
	{ "viot-node-beyond", check_beyond },
	{ NULL, NULL },
};
