/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing a topology in its text form
 *
 * Objects stand in the order in which they were added, keys in the order of their rows, and
 * what is as it would be anyway is left out. So the same topology is the same text, to the
 * byte, and the text read again is the same topology.
 */
#include "text.h"

/*
 * One line for each key that says something; the first stands behind the dash of its object. Where
 * none does, as with a device whose firmware tells nothing of it, the object is there all the same.
 */
static void write_keys(GString *out, const struct text_section *section, const void *object)
{
	static const char first[] = "  - ", other[] = "    ";
	const char *indent = first;
	GString *value = g_string_new(NULL);

	for_each_key(key, section) {
		if (key->when && !key->when(object))
			continue;
		g_string_truncate(value, 0);
		if (!key->kind->write(key, object, value) && !key->required)
			continue;
		g_string_append_printf(out, "%s%s: %s\n", indent, key->name, value->str);
		indent = other;
	}
	if (indent == first)
		g_string_append_printf(out, "%s{}\n", indent);
	g_string_free(value, TRUE);
}

/* An empty section is not written, but one empty line parts those that are. */
static void write_section(GString *out, const struct viommu_topology *topology,
			  const struct text_section *section)
{
	const void *object;

	if (!topology_count(topology, section->type))
		return;
	g_string_append_printf(out, "\n%s:\n", section->name);
	for_each_object(i, object, topology, section->type)
		write_keys(out, section, object);
}

/* Nothing where the value is what the absence of the key means. */
static void write_value(const struct text_key *key, const void *object, GString *value)
{
	g_string_truncate(value, 0);
	if (!key->kind->write(key, object, value))
		g_string_truncate(value, 0);
}

/* What differs from the header that a table has when nothing is chosen. */
static void write_header(GString *out, const char *signature,
			 const struct viommu_table_header *header,
			 const struct viommu_table_header *usual)
{
	GString *value = g_string_new(NULL), *usual_value = g_string_new(NULL);
	char *name = g_ascii_strdown(signature, -1);
	bool begun = false;

	for_each_key(key, &text_header) {
		write_value(key, header, value);
		write_value(key, usual, usual_value);
		if (g_string_equal(value, usual_value))
			continue;
		if (!begun)
			g_string_append_printf(out, "  %s:\n", name);
		begun = true;
		g_string_append_printf(out, "    %s: %s\n", key->name, value->str);
	}
	g_string_free(value, TRUE);
	g_string_free(usual_value, TRUE);
	g_free(name);
}

static void write_headers(GString *out, const struct viommu_topology *topology)
{
	struct viommu_topology *usual = viommu_topology_new();
	GString *headers = g_string_new(NULL);

	for (size_t i = 0; topology_signature(i); i++) {
		const char *signature = topology_signature(i);

		write_header(headers, signature, viommu_topology_header(topology, signature),
			     viommu_topology_header(usual, signature));
	}
	if (headers->len)
		g_string_append_printf(out, "\n%s:\n%s", text_header.name, headers->str);
	g_string_free(headers, TRUE);
	viommu_topology_free(usual);
}

/*
 * Nothing of the topology is left out that its objects could mean; see docs/topology.md,
 * "Written again".
 */
char *viommu_topology_text(const struct viommu_topology *topology)
{
	GString *out = g_string_new("viommu: " TEXT_VERSION "\n");

	write_headers(out, topology);
	for (size_t i = 0; i < N_TEXT_SECTIONS; i++)
		write_section(out, topology, &text_sections[i]);
	return g_string_free(out, FALSE);
}
