/* SPDX-License-Identifier: BSD-3-Clause */
/* Invariants of topologies, checked for every input that has one */
#include <string.h>

#include <viommu/diff.h>

#include "fuzz.h"
#include "meaning.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

void meaning_reparse(const struct viommu_topology *topology)
{
	struct viommu_findings *findings = viommu_findings_new();
	char *text = viommu_topology_text(topology), *again;
	struct viommu_topology *read = viommu_topology_parse(text, strlen(text), "again", findings);

	must(read);
	again = viommu_topology_text(read);
	must(!strcmp(text, again));
	free(text);
	free(again);
	viommu_topology_free(read);
	viommu_findings_free(findings);
}

static void decode(const struct viommu_table *table)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *again;
	void *bytes;
	size_t length = viommu_table_encode(table, &bytes);

	again = viommu_table_decode_as(viommu_table_signature(table), bytes, length, "made",
				       findings);
	must(again && !viommu_findings_count_from(findings, VIOMMU_ERROR));
	viommu_table_free(again);
	viommu_findings_free(findings);
	free(bytes);
}

static void make(const struct viommu_topology *topology, const char *signature,
		 struct viommu_findings *findings)
{
	struct viommu_table *table = NULL;

	if (viommu_table_abilities(signature) & VIOMMU_TABLE_MEANING)
		table = viommu_table_generate(topology, signature, findings);
	if (table)
		decode(table);
	viommu_table_free(table);
}

void meaning_generate(const struct viommu_topology *topology, size_t which,
		      struct viommu_findings *findings)
{
	static const char *const signatures[] = {
		"VIOT",      "IORT",       "DMAR",       "IVRS",       "SRAT",
		"VIOT-2019", "builtin-v1", "builtin-v2", "builtin-v3", "builtin-v3-segments",
		"DTB",       "RIMT",
	};

	for (size_t i = 0; replaying && i < N(signatures); i++)
		make(topology, signatures[i], findings);
	if (!replaying)
		make(topology, signatures[which % N(signatures)], findings);
}

static void count(void *opaque, const struct viommu_route_range *range)
{
	*(size_t *)opaque += range->n_entries;
}

/* Of the whole machine; and that it is no different from itself. */
static void ask_of_all(const struct viommu_topology *topology)
{
	struct viommu_diff *diff = viommu_topology_diff(topology, topology);
	size_t n = 0;

	must(!viommu_diff_get(diff, 0));
	viommu_diff_free(diff);
	viommu_topology_for_each_route(topology, count, &n);
	free(viommu_topology_graph(topology));
}

void meaning_resolve(const struct viommu_topology *topology)
{
	static const char *const devices[] = { "00:01.0", "0001:ff:1f.7", "0x1000" };
	struct viommu_device_name name;
	struct viommu_route route, other;

	for (size_t i = 0; i < N(devices); i++) {
		must(!viommu_device_name_parse(devices[i], &name));
		viommu_topology_resolve(topology, &name, &route, &other, NULL);
	}
	ask_of_all(topology);
}

/* Any mutation can choose: of a length, or of the checksum of an ACPI table, which may be wrong. */
static size_t choice(const uint8_t *bytes, size_t length)
{
	static const size_t checksum = 9;

	return length + (length > checksum ? bytes[checksum] : 0);
}

static void understand(const struct viommu_table *table, size_t which,
		       struct viommu_findings *findings)
{
	struct viommu_topology *topology = viommu_table_topology(table, findings);

	if (!topology)
		return;
	meaning_reparse(topology);
	meaning_resolve(topology);
	meaning_generate(topology, which, findings);
	viommu_topology_free(topology);
}

static void encode_again(const struct viommu_table *table, const void *bytes, size_t length)
{
	void *encoded;

	must(viommu_table_encode(table, &encoded) == length);
	must(!memcmp(encoded, bytes, length));
	free(encoded);
}

/* Its source has every byte, whatever is wrong with the table. */
static void assemble_again(const struct viommu_table *table, const void *bytes, size_t length)
{
	static const char tree[] = "/dts-v1/";
	char *source = viommu_table_source(table);

	for (int keep = 0; strncmp(source, tree, strlen(tree)) != 0 && keep <= 1; keep++) {
		void *made;

		must(viommu_table_assemble(source, strlen(source), NULL, keep, &made, NULL) ==
		     length);
		must(!memcmp(made, bytes, length));
		free(made);
	}
	free(source);
}

void meaning_of_table(const struct viommu_table *table, const void *bytes, size_t length,
		      struct viommu_findings *findings)
{
	encode_again(table, bytes, length);
	assemble_again(table, bytes, length);
	free(viommu_table_text(table));
	free(viommu_table_json(table));
	viommu_table_check(table, findings);
	understand(table, choice(bytes, length), findings);
}

void meaning_print(const struct viommu_findings *findings)
{
	for (size_t i = 0; i < viommu_findings_count(findings); i++)
		free(viommu_finding_line(viommu_findings_get(findings, i)));
}
