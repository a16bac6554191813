/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table as an object: signature, file, bytes, release
 */
#include "base/array.h"
#include "format.h"
#include "tables/fdt/devicetree.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

struct viommu_table *viommu_table_free(struct viommu_table *table)
{
	if (!table)
		return NULL;
	viommu_table_free(table->inner);
	record_free_all(table->root);
	dt_free(table->tree);
	memory_free(table->file);
	memory_free(table);
	return NULL;
}

/* The name of the form, if a signature has several: "VIOT-2019" for the draft of 2019. */
const char *viommu_table_signature(const struct viommu_table *table)
{
	return table->signature;
}

const char *viommu_table_file(const struct viommu_table *table)
{
	return table->file;
}

/* Encodes the records only, so a loss in decoding shows up in tests that compare the bytes. */
size_t table_encode(const struct viommu_table *table, void **ret_bytes)
{
	struct bytes *bytes;
	size_t length;

	if (table->tree)
		return dt_encode(table->tree, ret_bytes);
	bytes = bytes_new();
	record_encode(table->root, bytes);
	length = bytes->len;
	*ret_bytes = bytes_steal(bytes);
	return length;
}
