/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "device/core.h"
#include "wire/layout.h"

/*
 * Formats of tables: the bodies of ATTACH_TABLE
 *
 * A body is the architecture's own structure, so one decoder reads it and the contexts in guest
 * memory. A format is a row.
 */

#define BODY_WORDS (VIOMMU_TABLE_BODY_LENGTH / 8)

typedef bool decode(const uint64_t *words, const struct pt_limits *limits, struct table *table);

static bool decode_arm_cd(const uint64_t *words, const struct pt_limits *limits,
			  struct table *table)
{
	return pt_decode_arm_cd(words, limits, true, &table->space);
}

static bool decode_arm_cd_table(const uint64_t *words, const struct pt_limits *limits,
				struct table *table)
{
	return pt_decode_arm_cd_table(words, limits, &table->context);
}

static bool decode_x86_entry(const uint64_t *words, const struct pt_limits *limits,
			     struct table *table)
{
	return pt_decode_x86_entry(words, limits, true, &table->space);
}

static bool decode_x86_dir(const uint64_t *words, const struct pt_limits *limits,
			   struct table *table)
{
	return pt_decode_x86_directory(words, limits, &table->context);
}

static bool decode_amd_root(const uint64_t *words, const struct pt_limits *limits,
			    struct table *table)
{
	return !(words[0] & 0xffe) && !(words[1] >> 9) &&
	       pt_decode_amd_root(words[0], words[1] & 0xff, words[1] >> 8 & 1, limits,
				  &table->space);
}

static bool decode_amd_gcr3(const uint64_t *words, const struct pt_limits *limits,
			    struct table *table)
{
	return !(words[0] & 0xfff) && !(words[1] >> 17) &&
	       pt_decode_amd_gcr3(words[0], words[1] & 0xff, words[1] >> 8 & 0xff,
				  words[1] >> 16 & 1, limits, &table->context);
}

static bool decode_riscv_pc(const uint64_t *words, const struct pt_limits *limits,
			    struct table *table)
{
	return pt_decode_riscv_pc(words[0], words[1], limits->updates_flags, limits, &table->space);
}

static bool decode_riscv_dc(const uint64_t *words, const struct pt_limits *limits,
			    struct table *table)
{
	return pt_decode_riscv_dc(words[0], words[1], words[3], limits, &table->context);
}

static bool decode_generic(const uint64_t *words, const struct pt_limits *limits,
			   struct table *table)
{
	(void)limits;
	return pt_decode_generic(words[0], true, &table->space);
}

static const struct format_row {
	uint16_t format;
	const char *name;
	bool is_context;
	uint8_t n_words; /* number of words of the body in use */
	decode *decode;
} rows[] = {
	{ VIOMMU_TABLE_ARM_CD, "ARM_CD", false, 8, decode_arm_cd },
	{ VIOMMU_TABLE_ARM_CD_TABLE, "ARM_CD_TABLE", true, 2, decode_arm_cd_table },
	{ VIOMMU_TABLE_X86_PASID_ENTRY, "X86_PASID_ENTRY", false, 8, decode_x86_entry },
	{ VIOMMU_TABLE_X86_PASID_DIR, "X86_PASID_DIR", true, 2, decode_x86_dir },
	{ VIOMMU_TABLE_AMD_GCR3_ENTRY, "AMD_GCR3_ENTRY", false, 2, decode_amd_root },
	{ VIOMMU_TABLE_AMD_GCR3, "AMD_GCR3", true, 2, decode_amd_gcr3 },
	{ VIOMMU_TABLE_RISCV_PC, "RISCV_PC", false, 2, decode_riscv_pc },
	{ VIOMMU_TABLE_RISCV_DC, "RISCV_DC", true, 4, decode_riscv_dc },
	{ VIOMMU_TABLE_GENERIC, "GENERIC", false, 1, decode_generic },
};

static const struct format_row *find_row(uint16_t format)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].format == format)
			return &rows[i];
	return NULL;
}

const char *table_format_name(uint16_t format)
{
	const struct format_row *row = find_row(format);

	return row ? row->name : "unknown";
}

bool table_format_is_known(uint16_t format)
{
	return find_row(format);
}

bool table_format_is_context(uint16_t format)
{
	const struct format_row *row = find_row(format);

	return row && row->is_context;
}

#define PAGE_4K  (1ull << 12)
#define PAGE_16K (1ull << 14)
#define PAGE_1G  (1ull << 30)

static struct pt_limits limits_of(const struct viommu_table_format *format)
{
	return (struct pt_limits){
		.input_bits = format->input_bits,
		.output_bits = format->output_bits,
		.granules = format->granules,
		.updates_flags = format->flags & VIOMMU_TABLE_F_UPDATES,
		.five_levels = format->flags & VIOMMU_TABLE_F_FIVE_LEVELS,
		.page_1g = format->granules & PAGE_1G,
		.lpa2 = format->input_bits >= 52 && format->output_bits >= 52 &&
			format->granules & (PAGE_4K | PAGE_16K),
		.svnapot = format->flags & VIOMMU_TABLE_F_CONTIGUOUS,
		.svpbmt = format->flags & VIOMMU_TABLE_F_MEMORY_TYPE,
	};
}

bool table_prepare(uint16_t format, const uint8_t *body, struct table *ret_table)
{
	const struct format_row *row = find_row(format);

	if (!row)
		return false;
	*ret_table = (struct table){ .format = format, .is_context = row->is_context };
	memcpy(ret_table->body, body, sizeof(ret_table->body));
	return true;
}

/* The space or context of a table that is prepared. */
static bool decode_body(const struct viommu_table_format *format, struct table *table)
{
	const struct format_row *row = find_row(table->format);
	struct pt_limits limits = limits_of(format);
	uint64_t words[BODY_WORDS];

	if (!row)
		return false;
	for (size_t i = 0; i < BODY_WORDS; i++) {
		words[i] = wire_load(table->body + 8 * i, 8);
		if (i >= row->n_words && words[i])
			return false;
	}
	table->granules = format->granules;
	return row->decode(words, &limits, table);
}

bool table_decode(const struct viommu_table_format *format, const uint8_t *body,
		  struct table *ret_table)
{
	struct table table;

	if (!table_prepare(format->format, body, &table) || !decode_body(format, &table))
		return false;
	*ret_table = table;
	return true;
}

const struct viommu_table_format *table_format_of(const struct endpoint *endpoint, uint16_t format)
{
	for (size_t i = 0; i < endpoint->config.n_formats; i++)
		if (endpoint->formats[i].format == format)
			return &endpoint->formats[i];
	return NULL;
}

bool table_has_format(const struct endpoint *endpoint, const struct table *table)
{
	return table_format_of(endpoint, table->format);
}

bool table_decode_for(const struct endpoint *endpoint, struct table *table)
{
	const struct viommu_table_format *format = table_format_of(endpoint, table->format);

	return format && decode_body(format, table);
}

bool table_fits(const struct endpoint *endpoint, const struct table *table)
{
	struct table copy = *table;

	return table_decode_for(endpoint, &copy);
}
