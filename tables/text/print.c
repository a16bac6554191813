/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing a topology in its text form
 *
 * Objects stand in the order in which they were added, keys in the order of their rows, and
 * what is as it would be anyway is left out. So the same topology is the same text, to the
 * byte, and the text read again is the same topology.
 */
#include "base/strbuf.h"
#include "text.h"

/*
 * One line for each key that says something; the first stands behind the dash of its object. Where
 * none does, as with a device whose firmware tells nothing of it, the object is there all the same.
 */
static void write_keys(struct strbuf *out, const struct text_section *section, const void *object)
{
	static const char first[] = "  - ", other[] = "    ";
	const char *indent = first;
	struct strbuf *value = strbuf_new(NULL);

	for_each_key(key, section) {
		if (key->when && !key->when(object))
			continue;
		strbuf_truncate(value, 0);
		if (!key->kind->write(key, object, value) && !key->required)
			continue;
		strbuf_append_printf(out, "%s%s: %s\n", indent, key->name, value->str);
		indent = other;
	}
	if (indent == first)
		strbuf_append_printf(out, "%s{}\n", indent);
	strbuf_free(value);
}

/* An empty section is not written, but one empty line parts those that are. */
static void write_section(struct strbuf *out, const struct viommu_topology *topology,
			  const struct text_section *section)
{
	const void *object;

	if (!topology_count(topology, section->type))
		return;
	strbuf_append_printf(out, "\n%s:\n", section->name);
	for_each_object(i, object, topology, section->type)
		write_keys(out, section, object);
}

/* Nothing where the value is what the absence of the key means. */
static void write_value(const struct text_key *key, const void *object, struct strbuf *value)
{
	strbuf_truncate(value, 0);
	if (!key->kind->write(key, object, value))
		strbuf_truncate(value, 0);
}

/* What differs from the header that a table has when nothing is chosen. */
static void write_header(struct strbuf *out, const char *signature,
			 const struct viommu_table_header *header,
			 const struct viommu_table_header *usual)
{
	struct strbuf *value = strbuf_new(NULL), *usual_value = strbuf_new(NULL);
	char *name = ascii_lower(signature);
	bool begun = false;

	for_each_key(key, &text_header) {
		write_value(key, header, value);
		write_value(key, usual, usual_value);
		if (strbuf_equal(value, usual_value))
			continue;
		if (!begun)
			strbuf_append_printf(out, "  %s:\n", name);
		begun = true;
		strbuf_append_printf(out, "    %s: %s\n", key->name, value->str);
	}
	strbuf_free(value);
	strbuf_free(usual_value);
	memory_free(name);
}

static void write_headers(struct strbuf *out, const struct viommu_topology *topology)
{
	struct viommu_topology *usual = viommu_topology_new();
	struct strbuf *headers = strbuf_new(NULL);

	for (size_t i = 0; topology_signature(i); i++) {
		const char *signature = topology_signature(i);

		write_header(headers, signature, viommu_topology_header(topology, signature),
			     viommu_topology_header(usual, signature));
	}
	if (headers->len)
		strbuf_append_printf(out, "\n%s:\n%s", text_header.name, headers->str);
	strbuf_free(headers);
	viommu_topology_free(usual);
}

/*
 * Nothing of the topology is left out that its objects could mean; see docs/topology.md,
 * "Written again".
 */
char *viommu_topology_text(const struct viommu_topology *topology)
{
	struct strbuf *out = strbuf_new("viommu: " TEXT_VERSION "\n");

	write_headers(out, topology);
	for (size_t i = 0; i < N_TEXT_SECTIONS; i++)
		write_section(out, topology, &text_sections[i]);
	return strbuf_steal(out);
}
