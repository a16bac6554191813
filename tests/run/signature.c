/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints the signature of a table. tests/run/ compiles it with installed libraries. */
#include <stdio.h>

#include <viommu/tables.h>

int main(int argc, char **argv)
{
	static unsigned char bytes[1 << 16];
	FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
	size_t length = file ? fread(bytes, 1, sizeof(bytes), file) : 0;
	struct viommu_table *table = viommu_table_decode(bytes, length, argv[1], NULL);

	if (file)
		fclose(file);
	if (!table)
		return 1;
	puts(viommu_table_signature(table));
	viommu_table_free(table);
	return 0;
}
