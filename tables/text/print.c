/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing a topology in its text form
 *
 * Objects keep the order in which they were added, keys that of their rows, and defaults are
 * omitted. So equal topologies give equal text, and reading the text gives the same topology.
 */
#include "base/strbuf.h"
#include "text.h"

/*
 * One line for each value that is not a default; the first follows the dash. An object of nothing
 * but defaults is `- {}`.
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

static void write_value(const struct text_key *key, const void *object, struct strbuf *value)
{
	strbuf_truncate(value, 0);
	if (!key->kind->write(key, object, value))
		strbuf_truncate(value, 0);
}

/* Values that differ from the default header. */
static void write_header(struct strbuf *out, const char *signature,
			 const struct viommu_table_header *header,
			 const struct viommu_table_header *defaults)
{
	struct strbuf *value = strbuf_new(NULL), *default_value = strbuf_new(NULL);
	char *name = ascii_lower(signature);
	bool begun = false;

	for_each_key(key, &text_header) {
		write_value(key, header, value);
		write_value(key, defaults, default_value);
		if (strbuf_equal(value, default_value))
			continue;
		if (!begun)
			strbuf_append_printf(out, "  %s:\n", name);
		begun = true;
		strbuf_append_printf(out, "    %s: %s\n", key->name, value->str);
	}
	strbuf_free(value);
	strbuf_free(default_value);
	memory_free(name);
}

static void write_headers(struct strbuf *out, const struct viommu_topology *topology)
{
	struct viommu_topology *defaults = topology_new();
	struct strbuf *headers = strbuf_new(NULL);

	for (size_t i = 0; topology_signature(i); i++) {
		const char *signature = topology_signature(i);

		write_header(headers, signature, viommu_topology_header(topology, signature),
			     viommu_topology_header(defaults, signature));
	}
	if (headers->len)
		strbuf_append_printf(out, "\n%s:\n%s", text_header.name, headers->str);
	strbuf_free(headers);
	viommu_topology_free(defaults);
}

char *topology_text(const struct viommu_topology *topology)
{
	struct strbuf *out = strbuf_new("viommu: " TEXT_VERSION "\n");

	write_headers(out, topology);
	for (size_t i = 0; i < N_TEXT_SECTIONS; i++)
		write_section(out, topology, &text_sections[i]);
	return strbuf_steal(out);
}
