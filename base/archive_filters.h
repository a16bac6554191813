/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BASE_ARCHIVE_FILTERS_H
#define VIOMMU_BASE_ARCHIVE_FILTERS_H

#include <stddef.h>

#include <archive.h>

/*
 * Lets an archive from anywhere be compressed with what libarchive decompresses itself. It starts
 * programs for other filters, and for these too where it was built without the library: then it
 * returns ARCHIVE_WARN, and the filter is not used.
 */
static inline void add_archive_filters(struct archive *archive)
{
	static int (*const filters[])(struct archive *) = {
		archive_read_support_filter_gzip,     archive_read_support_filter_xz,
		archive_read_support_filter_lzma,     archive_read_support_filter_bzip2,
		archive_read_support_filter_compress, archive_read_support_filter_zstd,
		archive_read_support_filter_lz4,      archive_read_support_filter_lzip,
	};

	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
		struct archive *trial = archive_read_new();

		if (filters[i](trial) == ARCHIVE_OK)
			filters[i](archive);
		archive_read_free(trial);
	}
}

#endif
