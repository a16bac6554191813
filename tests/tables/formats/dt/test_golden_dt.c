/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <glib.h>

#include <libfdt.h>

#include <viommu/devicetree.h>

/*
 * Device trees of QEMU and of real boards, in the folder that the environment names VIOMMU_GOLDEN.
 * Without it the tests are skipped.
 */

enum { N_TREES = 32, N_TREES_OF_QEMU = 23 };

struct file {
	char *name, *bytes;
	size_t length;
};

static void file_free(void *opaque)
{
	struct file *file = opaque;

	g_free(file->name);
	g_free(file->bytes);
	g_free(file);
}

static char *golden_folder(void)
{
	const char *golden = g_getenv("VIOMMU_GOLDEN");
	char *folder = g_build_filename(golden ? golden : "", "dtb", NULL);

	if (golden && g_file_test(folder, G_FILE_TEST_IS_DIR))
		return folder;
	print_message("SKIPPED: no folder of golden device trees at %s\n", folder);
	g_free(folder);
	skip();
	return NULL;
}

static GPtrArray *golden_trees(const char *prefix)
{
	g_autofree char *folder = golden_folder();
	GPtrArray *files = g_ptr_array_new_with_free_func(file_free);
	GDir *directory = g_dir_open(folder, 0, NULL);
	const char *name;

	while (directory && (name = g_dir_read_name(directory))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		struct file *file;

		if (!g_str_has_suffix(name, ".dtb") || !g_str_has_prefix(name, prefix))
			continue;
		file = g_new0(struct file, 1);
		file->name = g_strdup(name);
		assert_true(g_file_get_contents(path, &file->bytes, &file->length, NULL));
		g_ptr_array_add(files, file);
	}
	if (directory)
		g_dir_close(directory);
	return files;
}

static void expect_bytes(const struct viommu_table *table, const struct file *file)
{
	void *bytes;
	size_t length = viommu_table_encode(table, &bytes);

	if (length != file->length || memcmp(bytes, file->bytes, length) != 0)
		fail_msg("%s: decoding and encoding gives other bytes", file->name);
	free(bytes);
}

/* Fail with the first finding of at least this severity, unless its id is expected. */
static void expect_clean(const struct viommu_findings *findings, enum viommu_severity from,
			 const char *but)
{
	for (size_t i = 0; i < viommu_findings_count(findings); i++) {
		const struct viommu_finding *finding = viommu_findings_get(findings, i);

		if (finding->severity >= from && g_strcmp0(finding->id, but) != 0)
			fail_msg("%s", viommu_finding_line(finding));
	}
}

/* -- removed and added again ------------------------------------------------------------- */

enum { ROOM = 1 << 16 };

static bool has(const void *blob, int node, const char *name)
{
	return fdt_getprop(blob, node, name, NULL);
}

/* The next node that is an IOMMU or refers to one; negative if there is none. */
static int next_to_strip(const void *blob, bool msis)
{
	int node = -1;

	do
		node = fdt_next_node(blob, node, NULL);
	while (node >= 0 && !has(blob, node, "#iommu-cells") && !has(blob, node, "iommu-map") &&
	       !(msis && has(blob, node, "msi-map")));
	return node;
}

static void strip(void *blob, bool msis)
{
	int node;

	while ((node = next_to_strip(blob, msis)) >= 0) {
		if (!fdt_node_check_compatible(blob, node, "virtio,pci-iommu")) {
			fdt_del_node(blob, node);
			continue;
		}
		if (has(blob, node, "#iommu-cells"))
			fdt_delprop(blob, node, "phandle");
		fdt_delprop(blob, node, "#iommu-cells");
		fdt_delprop(blob, node, "iommu-map");
		if (msis)
			fdt_delprop(blob, node, "msi-map");
	}
}

/* Every property of a node; in maps the path of a node replaces its phandle. */
static void describe_property(GString *text, const void *blob, const char *name,
			      const fdt32_t *cells, int length)
{
	bool is_map = g_str_has_suffix(name, "-map") && !g_str_has_prefix(name, "interrupt");

	g_string_append_printf(text, "  %s", name);
	for (int i = 0; i < length / 4; i++) {
		uint32_t cell = fdt32_ld(&cells[i]);
		char path[256] = "nobody";

		if (is_map && i % 4 == 1) {
			fdt_get_path(blob, fdt_node_offset_by_phandle(blob, cell), path,
				     sizeof(path));
			g_string_append_printf(text, " %s", path);
		} else {
			g_string_append_printf(text, " %x", cell);
		}
	}
	g_string_append_c(text, '\n');
}

static gint compare_lines(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *joined(GPtrArray *lines)
{
	char *text;

	g_ptr_array_add(lines, NULL);
	text = g_strjoinv("", (char **)lines->pdata);
	g_ptr_array_free(lines, TRUE);
	return text;
}

/* A node as a paragraph. Phandles are omitted, since their numbers may differ. */
static char *describe_node(const void *blob, int node)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
	char path[256];
	int at;

	fdt_get_path(blob, node, path, sizeof(path));
	fdt_for_each_property_offset(at, blob, node)
	{
		GString *text = g_string_new(NULL);
		const char *name;
		int length;
		const void *value = fdt_getprop_by_offset(blob, at, &name, &length);

		if (strcmp(name, "phandle") != 0)
			describe_property(text, blob, name, value, length);
		g_ptr_array_add(lines, g_string_free(text, FALSE));
	}
	g_ptr_array_sort(lines, compare_lines);
	g_ptr_array_insert(lines, 0, g_strconcat(path, "\n", NULL));
	return joined(lines);
}

/* A tree as text in which the order of nodes and properties does not matter. */
static char *describe(const void *blob)
{
	GPtrArray *nodes = g_ptr_array_new_with_free_func(g_free);

	for (int node = 0; node >= 0; node = fdt_next_node(blob, node, NULL))
		g_ptr_array_add(nodes, describe_node(blob, node));
	g_ptr_array_sort(nodes, compare_lines);
	return joined(nodes);
}

static void expect_same_tree(const char *name, const void *one, const void *other)
{
	g_autofree char *before = describe(one), *after = describe(other);
	const char *a = before, *b = after;

	for (; *a && *a == *b; a++, b++)
		;
	if (*a || *b)
		fail_msg("%s: was ...%.80s, is ...%.80s", name, a, b);
}

/* The topology, written into the stripped tree or as an overlay for it. */
static void *write_into(const struct viommu_topology *topology, const void *stripped, bool overlay,
			struct viommu_findings *findings)
{
	struct viommu_table *base =
		viommu_table_decode(stripped, fdt_totalsize(stripped), "stripped", findings);
	const struct viommu_devicetree how = { .size = sizeof(how),
					       .base = base,
					       .overlay = overlay };
	struct viommu_table *made = viommu_devicetree_generate(topology, &how, findings);
	void *bytes;

	assert_non_null(made);
	viommu_table_encode(made, &bytes);
	viommu_table_free(base);
	viommu_table_free(made);
	return bytes;
}

static void comes_back(const struct file *file)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *table =
		viommu_table_decode(file->bytes, file->length, file->name, findings);
	struct viommu_topology *topology = viommu_table_topology(table, findings);
	g_autofree void *stripped = g_malloc(ROOM), *overlay = NULL, *made = NULL;

	assert_int_equal(fdt_open_into(file->bytes, stripped, ROOM), 0);
	strip(stripped, viommu_topology_its_group(topology, 0));
	made = write_into(topology, stripped, false, findings);
	assert_int_equal(fdt_check_full(made, fdt_totalsize(made)), 0);
	expect_same_tree(file->name, file->bytes, made);
	overlay = write_into(topology, stripped, true, findings);
	assert_int_equal(fdt_overlay_apply(stripped, overlay), 0);
	expect_same_tree(file->name, made, stripped);
	expect_clean(findings, VIOMMU_WARNING, NULL);
	viommu_topology_free(topology);
	viommu_table_free(table);
	viommu_findings_free(findings);
}

/* -- tests ------------------------------------------------------------------------------- */

static void every_tree_encodes_to_itself(void **state)
{
	GPtrArray *files = golden_trees("");

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		const struct file *file = files->pdata[i];
		struct viommu_findings *findings = viommu_findings_new();
		struct viommu_table *table =
			viommu_table_decode(file->bytes, file->length, file->name, findings);

		expect_clean(findings, VIOMMU_NOTE, NULL);
		expect_bytes(table, file);
		viommu_table_free(table);
		viommu_findings_free(findings);
	}
	print_message("%u device trees\n", files->len);
	assert_int_equal(files->len, N_TREES);
	g_ptr_array_free(files, TRUE);
}

/* The only warning for trees of QEMU is one IOMMU without an endpoint. */
static void trees_of_qemu_are_clean(void **state)
{
	GPtrArray *files = golden_trees("qemu-");

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		const struct file *file = files->pdata[i];
		struct viommu_findings *findings = viommu_findings_new();
		struct viommu_table *table =
			viommu_table_decode(file->bytes, file->length, file->name, findings);

		viommu_table_check(table, findings);
		expect_clean(findings, VIOMMU_NOTE, "dt-iommu-idle");
		viommu_table_free(table);
		viommu_findings_free(findings);
	}
	assert_int_equal(files->len, N_TREES_OF_QEMU);
	g_ptr_array_free(files, TRUE);
}

/* QEMU gives its trees a megabyte, most of it empty, behind the strings. */
static void a_tree_with_slack_is_read(void **state)
{
	g_autofree char *folder = golden_folder();
	g_autofree char *command =
		g_strdup_printf("gzip -dc '%s/qemu-7.2-virt-virtio-iommu.unpacked.dtb.gz'", folder);
	FILE *pipe = popen(command, "r");
	char *bytes = g_malloc(2 << 20);
	size_t length = fread(bytes, 1, 2 << 20, pipe);
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *table = viommu_table_decode(bytes, length, "slack", findings);

	(void)state;
	assert_int_equal(pclose(pipe), 0);
	assert_int_equal(length, 1 << 20);
	expect_bytes(table, &(struct file){ .name = folder, .bytes = bytes, .length = length });
	viommu_table_check(table, findings);
	expect_clean(findings, VIOMMU_NOTE, NULL);
	viommu_table_free(table);
	viommu_findings_free(findings);
	g_free(bytes);
}

/* All of IOMMUs is removed from a tree; its topology restores the same tree. */
static void iommus_of_qemu_come_back_from_the_topology(void **state)
{
	GPtrArray *files = golden_trees("qemu-");

	(void)state;
	for (guint i = 0; i < files->len; i++)
		comes_back(files->pdata[i]);
	g_ptr_array_free(files, TRUE);
}

/* The topology of a tree, written into that tree, changes no byte. */
static void a_tree_is_unchanged_by_its_own_topology(void **state)
{
	GPtrArray *files = golden_trees("");

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		const struct file *file = files->pdata[i];
		struct viommu_findings *findings = viommu_findings_new();
		struct viommu_table *table =
			viommu_table_decode(file->bytes, file->length, file->name, NULL);
		struct viommu_topology *topology = viommu_table_topology(table, NULL);
		const struct viommu_devicetree how = { .size = sizeof(how), .base = table };
		struct viommu_table *made = viommu_devicetree_generate(topology, &how, findings);

		expect_clean(findings, VIOMMU_WARNING, NULL);
		assert_non_null(made);
		expect_bytes(made, file);
		viommu_table_free(made);
		viommu_topology_free(topology);
		viommu_table_free(table);
		viommu_findings_free(findings);
	}
	g_ptr_array_free(files, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tree_encodes_to_itself),
		cmocka_unit_test(trees_of_qemu_are_clean),
		cmocka_unit_test(a_tree_with_slack_is_read),
		cmocka_unit_test(iommus_of_qemu_come_back_from_the_topology),
		cmocka_unit_test(a_tree_is_unchanged_by_its_own_topology),
	};

	return cmocka_run_group_tests_name("golden device trees", tests, NULL, NULL);
}
