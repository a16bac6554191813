/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The topology of a file: its text, or what its tables describe together
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "tables_rig.h"

#define TEXT \
	"# a machine\n" \
	"--- \n" \
	"viommu: 1\n" \
	"iommus: [ { name: a, kind: virtio-iommu-pci, at: 00:01.0 } ]\n" \
	"host-bridges: [ { buses: 00-ff, iommu: a } ]\n"
#define GOLDEN TABLES_TESTS "/../golden/"

struct files {
	struct viommu_findings *findings;
	struct viommu_topology *topology;
	char path[64];
};

static int files_set_up(void **state)
{
	struct files *files = g_new0(struct files, 1);
	int file;

	g_strlcpy(files->path, "/tmp/viommu-test-XXXXXX", sizeof(files->path));
	file = g_mkstemp(files->path);
	assert_true(file >= 0);
	close(file);
	files->findings = viommu_findings_new();
	*state = files;
	return 0;
}

static int files_tear_down(void **state)
{
	struct files *files = *state;

	g_unlink(files->path);
	viommu_topology_free(files->topology);
	viommu_findings_free(files->findings);
	g_free(files);
	return 0;
}

static int from_bytes(struct files *files, const void *bytes, size_t length)
{
	assert_true(g_file_set_contents(files->path, bytes, (gssize)length, NULL));
	files->topology = viommu_topology_free(files->topology);
	return viommu_topology_from_file(files->path, files->findings, &files->topology);
}

static int from_text(struct files *files, const char *text)
{
	return from_bytes(files, text, strlen(text));
}

/* Files of tests/golden, one behind the other. */
static int from_golden(struct files *files, const char *const names[])
{
	GByteArray *all = g_byte_array_new();
	int error;

	for (size_t i = 0; names[i]; i++) {
		g_autofree char *path = g_strconcat(GOLDEN, names[i], NULL);
		g_autofree char *bytes = NULL;
		gsize length;

		assert_true(g_file_get_contents(path, &bytes, &length, NULL));
		g_byte_array_append(all, (const guint8 *)bytes, (guint)length);
	}
	error = from_bytes(files, all->data, all->len);
	g_byte_array_free(all, TRUE);
	return error;
}

static unsigned n_iommus(const struct files *files)
{
	unsigned n = 0;

	while (viommu_topology_iommu(files->topology, n))
		n++;
	return n;
}

static void a_text_is_a_topology(void **state)
{
	struct files *files = *state;

	assert_int_equal(from_text(files, TEXT), 0);
	assert_string_equal(viommu_topology_iommu(files->topology, 0)->name, "a");
	assert_int_equal(viommu_findings_count(files->findings), 0);
}

static void a_text_that_is_wrong_has_findings_with_the_name_of_the_file(void **state)
{
	struct files *files = *state;

	assert_int_equal(from_text(files, "viommu: 1\nfrobs: 3\n"), -EINVAL);
	assert_null(files->topology);
	assert_string_equal(viommu_findings_get(files->findings, 0)->place.file, files->path);
}

static void a_table_and_a_device_tree_are_read_by_their_contents(void **state)
{
	struct files *files = *state;

	assert_int_equal(from_golden(files, (const char *[]){ "q35-minimal.VIOT", NULL }), 0);
	assert_int_equal(n_iommus(files), 1);
	assert_int_equal(from_golden(files, (const char *[]){ "virt-smmu.dtb", NULL }), 0);
	assert_int_equal(n_iommus(files), 1);
}

static void tables_of_one_machine_are_joined(void **state)
{
	const char *const orders[][3] = { { "virt-smmu.IORT", "q35-minimal.VIOT", NULL },
					  { "q35-minimal.VIOT", "virt-smmu.IORT", NULL } };
	struct files *files = *state;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(from_golden(files, orders[i]), 0);
		assert_int_equal(n_iommus(files), 2);
		assert_int_equal(viommu_topology_iommu(files->topology, 0)->kind, VIOMMU_SMMU_V3);
	}
}

static void a_table_without_an_iommu_does_not_hide_one_that_has(void **state)
{
	struct files *files = *state;

	assert_int_equal(from_golden(files, (const char *[]){ "q35-numa-hotplug.SRAT",
							      "q35-numa-hotplug.DMAR", NULL }),
			 0);
	assert_int_equal(viommu_topology_iommu(files->topology, 0)->kind, VIOMMU_VTD);
}

/* As from viommu_table_topology(). */
static void a_damaged_table_has_a_topology_and_errors(void **state)
{
	struct files *files = *state;
	g_autofree char *bytes = NULL;
	gsize length;

	assert_true(g_file_get_contents(GOLDEN "q35-minimal.VIOT", &bytes, &length, NULL));
	assert_int_equal(from_bytes(files, bytes, length - 8), 0);
	assert_non_null(files->topology);
	assert_true(viommu_findings_count_from(files->findings, VIOMMU_ERROR) > 0);
}

static void what_is_no_table_is_an_error_with_a_finding(void **state)
{
	static const char nuls[64] = "\0\0\0";
	struct files *files = *state;

	assert_int_equal(from_text(files, "nothing"), -EINVAL);
	assert_int_equal(viommu_findings_count_from(files->findings, VIOMMU_ERROR), 1);
	assert_int_equal(from_text(files, ""), -EINVAL);
	assert_int_equal(from_bytes(files, nuls, sizeof(nuls)), -EINVAL);
	assert_int_equal(from_text(files, "# no line"), -EINVAL);
	assert_null(files->topology);
}

static void a_file_that_cannot_be_read_is_an_errno(void **state)
{
	struct files *files = *state;
	int file;

	assert_int_equal(
		viommu_topology_from_file("/nonexistent", files->findings, &files->topology),
		-ENOENT);
	assert_int_equal(viommu_topology_from_file("/", files->findings, &files->topology),
			 -EISDIR);
	file = g_open(files->path, O_WRONLY, 0);
	assert_int_equal(ftruncate(file, (64 << 20) + 1), 0);
	close(file);
	assert_int_equal(viommu_topology_from_file(files->path, files->findings, &files->topology),
			 -EFBIG);
	assert_null(files->topology);
	assert_int_equal(viommu_findings_count(files->findings), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, files_set_up, files_tear_down)
		TEST(a_text_is_a_topology),
		TEST(a_text_that_is_wrong_has_findings_with_the_name_of_the_file),
		TEST(a_table_and_a_device_tree_are_read_by_their_contents),
		TEST(tables_of_one_machine_are_joined),
		TEST(a_table_without_an_iommu_does_not_hide_one_that_has),
		TEST(a_damaged_table_has_a_topology_and_errors),
		TEST(what_is_no_table_is_an_error_with_a_finding),
		TEST(a_file_that_cannot_be_read_is_an_errno),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
