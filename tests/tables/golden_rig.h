/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TESTS_GOLDEN_RIG_H
#define VIOMMU_TESTS_GOLDEN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <glib.h>

#include <viommu/tables.h>

/*
 * Real tables, written by firmware and by QEMU
 *
 * tests/golden has those of our own capture. The folder in VIOMMU_GOLDEN has many more; without it
 * its tests are skipped.
 */

/* -- files ------------------------------------------------------------------------------- */

struct file {
	char *path;
	uint8_t *bytes;
	size_t length;
};

static inline void file_free(void *opaque)
{
	struct file *file = opaque;

	g_free(file->path);
	g_free(file->bytes);
	g_free(file);
}

static inline struct file *file_read(const char *path)
{
	struct file *file = g_new0(struct file, 1);

	file->path = g_strdup(path);
	if (g_file_get_contents(path, (char **)&file->bytes, &file->length, NULL))
		return file;
	file_free(file);
	return NULL;
}

/* Every ACPI table below a folder: what begins with its signature and names its length. */
static inline void find_tables(GPtrArray *found, const char *folder, const char *signature)
{
	GDir *directory = g_dir_open(folder, 0, NULL);
	const char *name;

	while (directory && (name = g_dir_read_name(directory))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		struct file *file;

		if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
			find_tables(found, path, signature);
			continue;
		}
		file = file_read(path);
		if (file && file->length >= 36 && g_ascii_isupper((gchar)file->bytes[0]) &&
		    !(file->bytes[7] | file->bytes[6]) && !strstr(name, ".dsl") &&
		    !strstr(name, ".md") && (!signature || !memcmp(file->bytes, signature, 4)))
			g_ptr_array_add(found, file);
		else if (file)
			file_free(file);
	}
	if (directory)
		g_dir_close(directory);
}

static inline GPtrArray *tables_below(const char *folder, const char *signature)
{
	GPtrArray *found = g_ptr_array_new_with_free_func(file_free);

	find_tables(found, folder, signature);
	return found;
}

static inline const char *golden_folder(void)
{
	const char *folder = g_getenv("VIOMMU_GOLDEN");

	if (folder && g_file_test(folder, G_FILE_TEST_IS_DIR))
		return folder;
	print_message("SKIPPED: no folder of golden tables at %s\n",
		      folder ? folder : "VIOMMU_GOLDEN");
	skip();
	return NULL;
}

/* -- one table --------------------------------------------------------------------------- */

static inline struct viommu_table *decode(const struct file *file, struct viommu_findings *findings)
{
	struct viommu_table *table =
		viommu_table_decode(file->bytes, file->length, file->path, findings);

	if (!table)
		fail_msg("%s: could not be decoded", file->path);
	return table;
}

static inline void expect_bytes(const char *what, const struct file *file,
				const struct viommu_table *table)
{
	void *bytes;
	size_t length = viommu_table_encode(table, &bytes);

	if (length != file->length || memcmp(bytes, file->bytes, length))
		fail_msg("%s: %s gives other bytes", file->path, what);
	free(bytes);
}

/* Fail with the finding, if there is one of that severity. */
static inline void expect_clean(const struct viommu_findings *findings, enum viommu_severity from)
{
	for (size_t i = 0; i < viommu_findings_count(findings); i++)
		if (viommu_findings_get(findings, i)->severity >= from)
			fail_msg("%s", viommu_finding_line(viommu_findings_get(findings, i)));
}

/* The source of a table makes its bytes again, with the lengths and the checksum computed or kept.
 */
static inline void expect_source(const struct file *file, const struct viommu_table *table)
{
	char *source = viommu_table_source(table);

	for (int keep = 0; keep <= 1; keep++) {
		void *bytes;
		size_t length = viommu_table_assemble(source, strlen(source), file->path, keep,
						      &bytes, NULL);

		if (length != file->length || memcmp(bytes, file->bytes, length))
			fail_msg("%s: assembling its source gives other bytes", file->path);
		free(bytes);
	}
	free(source);
}

/* "Decoding keeps everything": any table, known or not, encodes to the bytes it came from. */
static inline void encodes_to_itself(const struct file *file)
{
	struct viommu_table *table = decode(file, NULL);
	char *text = viommu_table_text(table), *json = viommu_table_json(table);

	expect_bytes("decoding and encoding", file, table);
	expect_source(file, table);
	assert_non_null(strstr(text, "Signature"));
	assert_non_null(strstr(json, "\"format\""));
	free(text);
	free(json);
	viommu_table_free(table);
}

/* Converting to the model and back gives the same bytes. */
static inline void means_itself(const struct file *file, const char *signature)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *table = decode(file, findings), *again;
	struct viommu_topology *topology = viommu_table_topology(table, findings);

	again = viommu_table_generate(topology, signature, findings);
	expect_clean(findings, VIOMMU_WARNING);
	assert_non_null(again);
	expect_bytes("table to topology to table", file, again);
	viommu_table_free(again);
	viommu_topology_free(topology);
	viommu_table_free(table);
	viommu_findings_free(findings);
}

static inline int compare_lines(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

/* The text of what a table means, without the order of its lines; to be freed with g_free(). */
static inline char *sorted_meaning(const struct viommu_table *table)
{
	struct viommu_topology *topology = viommu_table_topology(table, NULL);
	char *text = viommu_topology_text(topology), *sorted;
	char **lines = g_strsplit(text, "\n", -1);

	qsort(lines, g_strv_length(lines), sizeof(lines[0]), compare_lines);
	sorted = g_strjoinv("\n", lines);
	g_strfreev(lines);
	free(text);
	viommu_topology_free(topology);
	return sorted;
}

/* The bytes may be others, but they mean what was meant before. */
static inline void means_the_same(const struct file *file, const char *signature)
{
	struct viommu_table *table = decode(file, NULL), *again;
	struct viommu_topology *topology = viommu_table_topology(table, NULL);
	g_autofree char *before = sorted_meaning(table), *after = NULL;

	again = viommu_table_generate(topology, signature, NULL);
	after = sorted_meaning(again);
	assert_string_equal(before, after);
	viommu_table_free(again);
	viommu_topology_free(topology);
	viommu_table_free(table);
}

/* A topology with the content of QEMU's command line generates QEMU's table. */
static inline struct viommu_topology *read_topology(const char *path)
{
	g_autofree char *text = NULL;
	struct viommu_findings *findings;
	struct viommu_topology *topology;
	gsize length;

	if (!g_file_get_contents(path, &text, &length, NULL))
		return NULL;
	findings = viommu_findings_new();
	topology = viommu_topology_parse(text, length, path, findings);
	expect_clean(findings, VIOMMU_NOTE);
	viommu_findings_free(findings);
	return topology;
}

/*
 * What QEMU was given for NAME.VIOT is in NAME.yaml below the folder; where the same name says two
 * things, one of them is in a folder that is called as that of the table. NULL if in neither.
 */
static inline struct viommu_topology *topology_of(const struct file *file, const char *folder)
{
	g_autofree char *base = g_path_get_basename(file->path), *near = NULL, *path = NULL;
	g_autofree char *parent = g_path_get_dirname(file->path);
	g_autofree char *from = g_path_get_basename(parent);
	struct viommu_topology *topology;
	char *suffix = strrchr(base, '.');

	if (suffix && !strncmp(suffix + 1, (const char *)file->bytes, 4))
		*suffix = '\0';
	near = g_strdup_printf("%s/%s/%s.yaml", folder, from, base);
	path = g_strdup_printf("%s/%s.yaml", folder, base);
	topology = read_topology(near);
	return topology ? topology : read_topology(path);
}

/* False if there is no topology to make it of. */
static inline bool comes_from_its_topology(const struct file *file, const char *folder)
{
	struct viommu_topology *topology = topology_of(file, folder);
	struct viommu_findings *findings;
	struct viommu_table *table;
	char signature[5] = "";

	if (!topology)
		return false;
	memcpy(signature, file->bytes, sizeof(signature) - 1);
	findings = viommu_findings_new();
	table = viommu_table_generate(topology, signature, findings);
	expect_clean(findings, VIOMMU_WARNING);
	expect_bytes("what QEMU was given", file, table);
	viommu_table_free(table);
	viommu_topology_free(topology);
	viommu_findings_free(findings);
	return true;
}

/* -- routes of Linux --------------------------------------------------------------------- */

#define PCIE_TO_PCI_BRIDGE "PCI bridge: PCI device 1b36:000e"

/*
 * Conventional functions behind a PCIe-to-PCI bridge use the bridge's requester ID, which
 * no table says: Linux gives them no group of their own.
 */
static inline void find_conventional_buses(const char *seen, bool conventional[256])
{
	const char *at = seen;

	while ((at = strstr(at, PCIE_TO_PCI_BRIDGE))) {
		const char *secondary = strstr(at, "secondary bus "), *last;
		unsigned from, to;

		last = secondary ? strstr(secondary, "subordinate bus ") : NULL;
		assert_non_null(last);
		assert_int_equal(sscanf(secondary, "secondary bus %u", &from), 1);
		assert_int_equal(sscanf(last, "subordinate bus %u", &to), 1);
		for (unsigned bus = from; bus <= to && bus < 256; bus++)
			conventional[bus] = true;
		at += strlen(PCIE_TO_PCI_BRIDGE);
	}
}

#endif
