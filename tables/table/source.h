/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_SOURCE_H
#define VIOMMU_TABLES_SOURCE_H

/* The words of the source of a table (source.c, assemble.c) */

/* The first line, a comment. */
#define SOURCE_TITLE \
	"# Source of a table: offset, width, name = value. `viommu assemble` makes the table."

/* Values that are computed. */
#define SOURCE_LENGTH   "length"   /* of the structure that the field is in */
#define SOURCE_CHECKSUM "checksum" /* makes all bytes of that structure add up to 0 */

#endif
