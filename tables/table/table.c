/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table as an object: its signature, its file, its bytes, its end
 */
#include "base/array.h"
#include "format.h"
#include "tables/fdt/devicetree.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

/*
 * The root of an inner table hangs below that of the outer one, and is freed with it: so it is
 * taken away from the inner table first, or it would be freed twice.
 */
struct viommu_table *viommu_table_free(struct viommu_table *table)
{
	if (!table)
		return NULL;
	if (table->inner)
		table->inner->root = NULL;
	viommu_table_free(table->inner);
	record_free(table->root);
	dt_free(table->tree);
	memory_free(table->file);
	memory_free(table);
	return NULL;
}

/* That of the form, where a signature has several: the draft of 2019 does not call itself VIOT. */
const char *viommu_table_signature(const struct viommu_table *table)
{
	return table->signature;
}

const char *viommu_table_file(const struct viommu_table *table)
{
	return table->file;
}

/*
 * From the records and nothing else: what decoding did not keep, this would lose, and tests over
 * every table at hand would tell.
 */
size_t viommu_table_encode(const struct viommu_table *table, void **ret_bytes)
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
