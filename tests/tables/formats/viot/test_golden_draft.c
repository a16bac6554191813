/* SPDX-License-Identifier: BSD-3-Clause */
#include "golden_rig.h"

/*
 * Real tables in the wrapper of the VIOT draft of 2019
 *
 * No real table of this draft is known, so every real IORT, DMAR and IVRS is wrapped. It has to be
 * unwrapped to the same bytes and the same topology.
 */

enum { HEAD = 48, LENGTH_AT = 4, N_WRAPPED = 288 };

/* The checksum stays that of the inner table: this test is not about checksums. */
static struct file *wrap(const struct file *inner)
{
	static const uint8_t head[HEAD] = "VIOT";
	struct file *file = g_new0(struct file, 1);
	size_t length = HEAD + inner->length;

	file->path = g_strdup(inner->path);
	file->bytes = g_malloc(length);
	file->length = length;
	memcpy(file->bytes, head, HEAD);
	memcpy(file->bytes + HEAD, inner->bytes, inner->length);
	for (size_t i = 0; i < sizeof(uint32_t); i++, length >>= 8)
		file->bytes[LENGTH_AT + i] = (uint8_t)length;
	return file;
}

/* The bytes generated from the topology of the table; NULL if there are none. */
static GBytes *meaning(const struct file *file, const char *signature)
{
	struct viommu_table *table = decode(file, NULL), *again;
	struct viommu_topology *topology = viommu_table_topology(table, NULL);
	GBytes *bytes = NULL;
	size_t length;
	void *data;

	again = viommu_table_generate(topology, signature, NULL);
	if (again) {
		length = viommu_table_encode(again, &data);
		bytes = g_bytes_new_with_free_func(data, length, free, data);
	}
	viommu_table_free(again);
	viommu_topology_free(topology);
	viommu_table_free(table);
	return bytes;
}

static void expect_same_meaning(const struct file *inner, const struct file *outer,
				const char *signature)
{
	GBytes *expected = meaning(inner, signature), *bytes = meaning(outer, signature);

	if (!expected != !bytes || (expected && !g_bytes_equal(expected, bytes)))
		fail_msg("%s means something else when it is wrapped", inner->path);
	if (expected)
		g_bytes_unref(expected);
	if (bytes)
		g_bytes_unref(bytes);
}

static unsigned wrap_all(const char *signature)
{
	GPtrArray *files = tables_below(golden_folder(), signature);
	unsigned n = files->len;

	for (guint i = 0; i < n; i++) {
		struct file *outer = wrap(files->pdata[i]);

		encodes_to_itself(outer);
		expect_same_meaning(files->pdata[i], outer, signature);
		file_free(outer);
	}
	g_ptr_array_free(files, TRUE);
	return n;
}

static void real_tables_mean_the_same_in_a_wrapper(void **state)
{
	unsigned n = wrap_all("IORT") + wrap_all("DMAR") + wrap_all("IVRS");

	(void)state;
	print_message("%u tables wrapped\n", n);
	assert_int_equal(n, N_WRAPPED);
}

/* The topologies of QEMU's virtio-iommu survive the draft of 2019. */
static void qemu_machines_can_be_represented_in_the_draft(void **state)
{
	GPtrArray *files = tables_below(OWN_GOLDEN, "VIOT");

	(void)state;
	for (guint i = 0; i < files->len; i++) {
		struct viommu_topology *topology =
			topology_of(files->pdata[i], OWN_GOLDEN "/topologies");
		struct viommu_table *table = viommu_table_generate(topology, "VIOT-2019", NULL);
		struct file file = { .path = (char *)"made" };

		assert_non_null(table);
		file.length = viommu_table_encode(table, (void **)&file.bytes);
		means_itself(&file, "VIOT-2019");
		free(file.bytes);
		viommu_table_free(table);
		viommu_topology_free(topology);
	}
	print_message("%u machines\n", files->len);
	assert_in_range(files->len, 11, 1000);
	g_ptr_array_free(files, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_tables_mean_the_same_in_a_wrapper),
		cmocka_unit_test(qemu_machines_can_be_represented_in_the_draft),
	};

	return cmocka_run_group_tests_name("golden tables, wrapped", tests, NULL, NULL);
}
