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

#include <viommu/tables.h>

/*
 * Device trees of QEMU and of real boards, which nobody here wrote: those in the folder that the
 * environment calls VIOMMU_GOLDEN. Where it is missing, tests are skipped and say so.
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

/* Fail with the first finding that is as bad, but for one of an id that is expected. */
static void expect_clean(const struct viommu_findings *findings, enum viommu_severity from,
			 const char *but)
{
	for (size_t i = 0; i < viommu_findings_count(findings); i++) {
		const struct viommu_finding *finding = viommu_findings_get(findings, i);

		if (finding->severity >= from && g_strcmp0(finding->id, but) != 0)
			fail_msg("%s", viommu_finding_line(finding));
	}
}

/* -- tests ---------------------------------------------------------------------------- */

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

/* Nothing is wrong with what QEMU writes, but that one has an IOMMU that nobody is behind. */
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
		expect_clean(findings, VIOMMU_NOTE, "topology-iommu-idle");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tree_encodes_to_itself),
		cmocka_unit_test(trees_of_qemu_are_clean),
		cmocka_unit_test(a_tree_with_slack_is_read),
	};

	return cmocka_run_group_tests_name("golden device trees", tests, NULL, NULL);
}
