/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/personality.h"

/*
 * Draft C: the pgtables branch of 2021 and the patches of November 2023 (docs/drafts.md)
 *
 * ATTACH_TABLE has a layout for each format. All of them have their pointer at the same place, so
 * one layout here has the fields of all, and what a format does not use must be 0.
 */

/* -- requests ------------------------------------------------------------------------ */

#define HEAD(host) \
	ROW(host, 0, TYPE, type, "type"), ROW(host, 1, RESERVED, reserved_head, "reserved")

#define FIELD(at, kind, member, name) ROW(struct request_draft_c_table, at, kind, member, name)
static const struct field table_fields[] = {
	HEAD(struct request_draft_c_table),          FIELD(4, NUMBER, domain, "domain"),
	FIELD(8, HEX, endpoint, "endpoint"),         FIELD(12, HEX, flags, "flags"),
	FIELD(16, NUMBER, format, "format"),         FIELD(18, NUMBER, s1fmt, "s1fmt"),
	FIELD(19, NUMBER, s1dss, "s1dss"),           FIELD(20, NUMBER, s1cdmax, "s1cdmax"),
	FIELD(24, HEX, pointer, "pointer"),          FIELD(32, HEX, fl_flags, "fl_flags"),
	FIELD(40, NUMBER, addr_width, "addr_width"), FIELD(44, RESERVED, reserved, "reserved"),
	FIELD(80, RESERVED, padding, "padding"),
};
#undef FIELD
static const struct layout table_layout =
	LAYOUT("ATTACH_TABLE", VIOMMU_DRAFT_T_ATTACH_TABLE, VIOMMU_DRAFT_C_ATTACH_TABLE_LENGTH,
	       struct request_draft_c_table, table_fields);

static const struct field_name granularities[] = {
	{ VIOMMU_DRAFT_C_INVALIDATE_G_DOMAIN, "DOMAIN" },
	{ VIOMMU_DRAFT_C_INVALIDATE_G_PASID, "PASID" },
	{ VIOMMU_DRAFT_C_INVALIDATE_G_ADDRESS, "VA" },
	{ 0, NULL },
};
static const struct field_name types[] = {
	{ VIOMMU_DRAFT_C_INVALIDATE_T_TLB, "IOTLB" },
	{ VIOMMU_DRAFT_C_INVALIDATE_T_DEV_TLB, "DEV_IOTLB" },
	{ VIOMMU_DRAFT_C_INVALIDATE_T_CONTEXT, "PASID" },
	{ 0, NULL },
};
static const struct field_name flags[] = {
	{ VIOMMU_DRAFT_C_INVALIDATE_F_PASID, "PASID" },
	{ VIOMMU_DRAFT_C_INVALIDATE_F_ID, "ARCHID" },
	{ VIOMMU_DRAFT_C_INVALIDATE_F_LEAF, "LEAF" },
	{ 0, NULL },
};
#define FIELD(at, kind, member, name) ROW(struct request_draft_c_invalidate, at, kind, member, name)
#define FIELD_NAMED(at, kind, member, names) \
	ROW_NAMED(struct request_draft_c_invalidate, at, kind, member, #member, names)
static const struct field invalidate_fields[] = {
	HEAD(struct request_draft_c_invalidate),    FIELD_NAMED(4, FLAGS, inv_gran, granularities),
	FIELD_NAMED(6, FLAGS, inv_type, types),     FIELD_NAMED(8, FLAGS, flags, flags),
	FIELD(10, RESERVED, reserved, "reserved"),  FIELD(12, NUMBER, domain, "domain"),
	FIELD(16, NUMBER, pasid, "pasid"),          FIELD(20, RESERVED, reserved1, "reserved"),
	FIELD(24, HEX, archid, "archid"),           FIELD(32, HEX, virt_start, "virt_start"),
	FIELD(40, NUMBER, nr_pages, "nr_pages"),    FIELD(48, NUMBER, granule, "granule"),
	FIELD(49, RESERVED, reserved2, "reserved"),
};
#undef FIELD
#undef FIELD_NAMED
static const struct layout invalidate_layout =
	LAYOUT("INVALIDATE", VIOMMU_DRAFT_T_INVALIDATE, VIOMMU_INVALIDATE_LENGTH,
	       struct request_draft_c_invalidate, invalidate_fields);

/* -- ATTACH_TABLE ------------------------------------------------------------------------ */

static const struct format_number formats[] = {
	{ VIOMMU_TABLE_ARM_CD_TABLE, VIOMMU_DRAFT_C_FORMAT_ARM_CD_TABLE },
	{ VIOMMU_TABLE_GENERIC, VIOMMU_DRAFT_C_FORMAT_GENERIC },
	{ VIOMMU_TABLE_X86_PASID_ENTRY, VIOMMU_DRAFT_C_FORMAT_X86 },
};

typedef uint8_t fill_body(const struct viommu *device, const struct request_draft_c_table *sent,
			  uint64_t *words);

/* What only X86 has. */
static bool has_no_extras(const struct request_draft_c_table *sent)
{
	return !sent->fl_flags && !sent->addr_width;
}

static bool has_no_stage(const struct request_draft_c_table *sent)
{
	return !sent->s1fmt && !sent->s1dss;
}

#define STE_POINTER     0x000fffffffffffc0ull /* S1ContextPtr, in its place */
#define STE_FORMAT      4
#define STE_MAX         59
#define STE_FIELD_LIMIT 3 /* of S1Fmt and S1DSS */

/* As the words of a stream table entry. */
static uint8_t fill_arm(const struct viommu *device, const struct request_draft_c_table *sent,
			uint64_t *words)
{
	const struct endpoint *endpoint = endpoint_find(device, sent->endpoint);

	if (!has_no_extras(sent) || sent->s1fmt > STE_FIELD_LIMIT ||
	    sent->s1dss > STE_FIELD_LIMIT || sent->pointer & ~STE_POINTER)
		return VIOMMU_S_INVAL;
	if (sent->s1cdmax > (endpoint ? endpoint->config.pasid_bits : VIOMMU_PASID_BITS_MAX))
		return VIOMMU_S_INVAL;
	words[0] = (uint64_t)sent->s1fmt << STE_FORMAT | sent->pointer |
		   (uint64_t)sent->s1cdmax << STE_MAX;
	words[1] = sent->s1dss;
	return VIOMMU_S_OK;
}

static uint8_t fill_generic(const struct viommu *device, const struct request_draft_c_table *sent,
			    uint64_t *words)
{
	(void)device;
	if (!has_no_extras(sent) || !has_no_stage(sent) || sent->s1cdmax)
		return VIOMMU_S_INVAL;
	words[0] = sent->pointer;
	return VIOMMU_S_OK;
}

/* Word 0 of a PASID entry: present, first stage. Word 2: as VIOMMU_DRAFT_C_X86_F_*, and the mode.
 */
#define ENTRY_FIRST  (1ull | 1ull << 6)
#define ENTRY_SRE    (1ull << 0)
#define ENTRY_MODE_5 (1ull << 2)
#define ENTRY_WPE    (1ull << 4)
#define ENTRY_ROOT   0xfffffffffffff000ull

/* The driver sends PASID 0 for requests without one. Another is not supported. */
static uint8_t fill_x86(const struct viommu *device, const struct request_draft_c_table *sent,
			uint64_t *words)
{
	const uint64_t known = VIOMMU_DRAFT_C_X86_F_SRE | VIOMMU_DRAFT_C_X86_F_WPE;

	(void)device;
	if (!has_no_stage(sent) || sent->fl_flags & ~known || sent->pointer & ~ENTRY_ROOT ||
	    (sent->addr_width != 48 && sent->addr_width != 57))
		return VIOMMU_S_INVAL;
	if (sent->s1cdmax)
		return VIOMMU_S_UNSUPP;
	words[0] = ENTRY_FIRST;
	words[2] = sent->pointer | (sent->fl_flags & VIOMMU_DRAFT_C_X86_F_SRE ? ENTRY_SRE : 0) |
		   (sent->fl_flags & VIOMMU_DRAFT_C_X86_F_WPE ? ENTRY_WPE : 0) |
		   (sent->addr_width == 57 ? ENTRY_MODE_5 : 0);
	return VIOMMU_S_OK;
}

static const struct body_row {
	uint16_t format; /* as sent */
	fill_body *fill;
} body_rows[] = {
	{ VIOMMU_DRAFT_C_FORMAT_ARM_CD_TABLE, fill_arm },
	{ VIOMMU_DRAFT_C_FORMAT_GENERIC, fill_generic },
	{ VIOMMU_DRAFT_C_FORMAT_X86, fill_x86 },
};

#define BODY_WORDS (VIOMMU_TABLE_BODY_LENGTH / 8)

/* An unknown format has no body here, and is refused where it is looked up. */
static uint8_t fill(const struct viommu *device, const struct request_draft_c_table *sent,
		    uint8_t *body)
{
	uint64_t words[BODY_WORDS] = { 0 };
	uint8_t status = VIOMMU_S_OK;

	for (size_t i = 0; i < sizeof(body_rows) / sizeof(body_rows[0]); i++)
		if (body_rows[i].format == sent->format)
			status = body_rows[i].fill(device, sent, words);
	for (size_t i = 0; i < BODY_WORDS; i++)
		wire_store(body + 8 * i, 8, words[i]);
	return status;
}

static uint8_t translate_table(const struct viommu *device, const union request *request,
			       union request *ret_native)
{
	const struct request_draft_c_table *sent = &request->draft_c_table;

	if (sent->flags || !bytes_are_zero(sent->reserved, sizeof(sent->reserved)))
		return VIOMMU_S_INVAL;
	ret_native->attach_table = (struct request_attach_table){
		.type = VIOMMU_T_ATTACH_TABLE,
		.domain = sent->domain,
		.endpoint = sent->endpoint,
		.format = personality_native_format(device->personality, sent->format),
	};
	return fill(device, sent, ret_native->attach_table.body);
}

/* -- INVALIDATE ------------------------------------------------------------------------ */

/* A bit, and the one that means it. */
struct bit_row {
	uint32_t draft, native;
};

static const struct bit_row cache_bits[] = {
	{ VIOMMU_DRAFT_C_INVALIDATE_T_TLB, VIOMMU_INVALIDATE_C_TLB },
	{ VIOMMU_DRAFT_C_INVALIDATE_T_DEV_TLB, VIOMMU_INVALIDATE_C_DEV_TLB },
	{ VIOMMU_DRAFT_C_INVALIDATE_T_CONTEXT, VIOMMU_INVALIDATE_C_CONTEXT },
};
static const struct bit_row flag_bits[] = {
	{ VIOMMU_DRAFT_C_INVALIDATE_F_PASID, VIOMMU_INVALIDATE_F_PASID },
	{ VIOMMU_DRAFT_C_INVALIDATE_F_ID, VIOMMU_INVALIDATE_F_ID },
	{ VIOMMU_DRAFT_C_INVALIDATE_F_LEAF, VIOMMU_INVALIDATE_F_LEAF },
};

/* In the order of what they include: the first that is set counts. */
static const struct bit_row scope_bits[] = {
	{ VIOMMU_DRAFT_C_INVALIDATE_G_DOMAIN, VIOMMU_INVALIDATE_S_DOMAIN },
	{ VIOMMU_DRAFT_C_INVALIDATE_G_PASID, VIOMMU_INVALIDATE_S_PASID },
	{ VIOMMU_DRAFT_C_INVALIDATE_G_ADDRESS, VIOMMU_INVALIDATE_S_ADDRESS },
};

#define N_BITS      3
#define KNOWN_BITS  7u
#define GRANULE_MAX 63

static uint32_t translate_bits(const struct bit_row *rows, uint32_t bits)
{
	uint32_t native = 0;

	for (size_t i = 0; i < N_BITS; i++)
		if (bits & rows[i].draft)
			native |= rows[i].native;
	return native;
}

static uint8_t translate_scope(uint32_t bits)
{
	for (size_t i = 0; i < N_BITS; i++)
		if (bits & scope_bits[i].draft)
			return (uint8_t)scope_bits[i].native;
	return 0;
}

/*
 * The driver sends any power of two as the size of a page. The native request has one of the
 * table: the same bytes, or more.
 */
static void translate_range(const struct viommu *device,
			    const struct request_draft_c_invalidate *sent,
			    struct request_invalidate *native)
{
	const struct domain *domain = domain_find(device, sent->domain);
	uint64_t granules = domain && domain->table ? domain->table->granules : 0;
	uint64_t size = granules ? granule_of(granules) : 1;
	uint64_t first = sent->virt_start & ~((UINT64_C(1) << sent->granule) - 1), length, last;

	if (__builtin_mul_overflow(sent->nr_pages, UINT64_C(1) << sent->granule, &length) ||
	    __builtin_add_overflow(sent->virt_start, length - !!length, &last))
		last = UINT64_MAX;
	first &= ~(size - 1);
	native->page_size = (uint8_t)__builtin_ctzll(size);
	native->address = first;
	native->nr_pages = sent->nr_pages ? (last - first) / size + 1 : 0;
}

static bool is_sound(const struct request_draft_c_invalidate *sent)
{
	return !((sent->inv_gran | sent->inv_type | sent->flags) & ~KNOWN_BITS) &&
	       !sent->reserved && !sent->reserved1 && sent->granule <= GRANULE_MAX &&
	       bytes_are_zero(sent->reserved2, sizeof(sent->reserved2));
}

/* Without scope or cache, the native request is refused. */
static uint8_t translate_invalidate(const struct viommu *device, const union request *request,
				    union request *ret_native)
{
	const struct request_draft_c_invalidate *sent = &request->draft_c_invalidate;

	if (!is_sound(sent))
		return VIOMMU_S_INVAL;
	ret_native->invalidate = (struct request_invalidate){
		.type = VIOMMU_T_INVALIDATE,
		.scope = translate_scope(sent->inv_gran),
		.caches = (uint8_t)translate_bits(cache_bits, sent->inv_type),
		.flags = (uint16_t)translate_bits(flag_bits, sent->flags),
		.domain = sent->domain,
		.pasid = sent->pasid,
		.id = sent->archid,
	};
	translate_range(device, sent, &ret_native->invalidate);
	return VIOMMU_S_OK;
}

static const struct request_row rows[] = {
	[VIOMMU_T_ATTACH] = { &attach_layout, 0, .run = do_attach },
	[VIOMMU_T_DETACH] = { &detach_layout, 0, .run = do_detach },
	[VIOMMU_T_MAP] = { &map_layout, VIOMMU_F_MAP_UNMAP, .run = do_map },
	[VIOMMU_T_UNMAP] = { &unmap_layout, VIOMMU_F_MAP_UNMAP, .run = do_unmap },
	[VIOMMU_T_PROBE] = { &probe_layout, VIOMMU_F_PROBE, .run = do_probe },
	[VIOMMU_DRAFT_T_ATTACH_TABLE] = { &table_layout, VIOMMU_F_TABLE, do_attach_table,
					  .translate = translate_table },
	[VIOMMU_DRAFT_T_INVALIDATE] = { &invalidate_layout, VIOMMU_F_TABLE, do_invalidate,
					.translate = translate_invalidate },
};

/* -- properties ------------------------------------------------------------------------ */

struct property_range {
	uint16_t type, length;
	uint32_t reserved;
	uint64_t start, end;
};

struct property_mask {
	uint16_t type, length;
	uint32_t reserved;
	uint64_t mask;
};

struct property_bits {
	uint16_t type, length;
	uint8_t bits, reserved[3];
};

struct property_format {
	uint16_t type, length, format, reserved;
};

struct property_x86 {
	uint16_t type, length, format, reserved;
	uint64_t cap, ecap;
};

#define PROPERTY_HEAD(host)  ROW(host, 0, TYPE, type, "type"), ROW(host, 2, NUMBER, length, "length")
#define PROPERTY_HEAD_LENGTH 4

static const struct field range_fields[] = {
	PROPERTY_HEAD(struct property_range),
	ROW(struct property_range, 4, RESERVED, reserved, "reserved"),
	ROW(struct property_range, 8, HEX, start, "start"),
	ROW(struct property_range, 16, HEX, end, "end"),
};
static const struct field mask_fields[] = {
	PROPERTY_HEAD(struct property_mask),
	ROW(struct property_mask, 4, RESERVED, reserved, "reserved"),
	ROW(struct property_mask, 8, HEX, mask, "mask"),
};
static const struct field bits_fields[] = {
	PROPERTY_HEAD(struct property_bits),
	ROW(struct property_bits, 4, NUMBER, bits, "bits"),
	ROW(struct property_bits, 5, RESERVED, reserved, "reserved"),
};
#define FORMAT_ROWS(host) \
	PROPERTY_HEAD(host), ROW(host, 4, NUMBER, format, "format"), \
		ROW(host, 6, RESERVED, reserved, "reserved")
static const struct field format_fields[] = { FORMAT_ROWS(struct property_format) };
static const struct field x86_fields[] = {
	FORMAT_ROWS(struct property_x86),
	ROW(struct property_x86, 8, HEX, cap, "cap"),
	ROW(struct property_x86, 16, HEX, ecap, "ecap"),
};

static const struct layout range_layout = LAYOUT("INPUT_RANGE", VIOMMU_DRAFT_C_PROBE_T_INPUT_RANGE,
						 24, struct property_range, range_fields);
static const struct layout mask_layout =
	LAYOUT("PAGE_SIZE_MASK", VIOMMU_DRAFT_C_PROBE_T_PAGE_SIZE_MASK, 16, struct property_mask,
	       mask_fields);
static const struct layout output_layout = LAYOUT("OUTPUT_SIZE", VIOMMU_DRAFT_C_PROBE_T_OUTPUT_SIZE,
						  8, struct property_bits, bits_fields);
static const struct layout pasid_layout = LAYOUT("PASID_SIZE", VIOMMU_DRAFT_C_PROBE_T_PASID_SIZE, 8,
						 struct property_bits, bits_fields);
static const struct layout format_layout = LAYOUT("FORMAT", VIOMMU_DRAFT_C_PROBE_T_PAGE_TABLE_FMT,
						  8, struct property_format, format_fields);
static const struct layout x86_layout = LAYOUT("FORMAT_X86", VIOMMU_DRAFT_C_PROBE_T_PAGE_TABLE_FMT,
					       24, struct property_x86, x86_fields);

static void append_bits(struct answer *answer, const struct layout *layout, uint32_t bits)
{
	const struct property_bits property = {
		.type = (uint16_t)layout->type,
		.length = (uint16_t)(layout->length - PROPERTY_HEAD_LENGTH),
		.bits = (uint8_t)bits,
	};

	answer_append(answer, layout, &property);
}

/* The addresses of both the endpoint and the table. */
static void append_range(struct answer *answer, const struct endpoint *endpoint,
			 const struct viommu_table_format *format)
{
	uint64_t last =
		format->input_bits < 64 ? (UINT64_C(1) << format->input_bits) - 1 : UINT64_MAX;
	const struct property_range property = {
		.type = VIOMMU_DRAFT_C_PROBE_T_INPUT_RANGE,
		.length = (uint16_t)(range_layout.length - PROPERTY_HEAD_LENGTH),
		.start = endpoint->input_first,
		.end = endpoint->input_last < last ? endpoint->input_last : last,
	};

	answer_append(answer, &range_layout, &property);
}

/* VT-d's capability registers: what a driver asks before it makes a table. */
#define CAP_SAGAW_4 (1ull << 10)
#define CAP_SAGAW_5 (1ull << 11)
#define CAP_MGAW    16
#define CAP_FL1GP   (1ull << 56)
#define CAP_FL5LP   (1ull << 60)
#define ECAP_NEST   (1ull << 26) /* the driver makes no table without it */
#define ECAP_SMTS   (1ull << 43)
#define ECAP_FLTS   (1ull << 47)
#define ECAP_SMPWC  (1ull << 48) /* tables are read coherently */
#define PAGE_1G     (1ull << 30)
#define LEVELS_5    VIOMMU_TABLE_F_FIVE_LEVELS
#define MGAW_4      47u
#define MGAW_5      56u

static void append_x86(struct answer *answer, const struct viommu_table_format *format)
{
	bool has_5 = format->flags & LEVELS_5;
	const struct property_x86 property = {
		.type = VIOMMU_DRAFT_C_PROBE_T_PAGE_TABLE_FMT,
		.length = (uint16_t)(x86_layout.length - PROPERTY_HEAD_LENGTH),
		.format = VIOMMU_DRAFT_C_FORMAT_X86,
		.cap = CAP_SAGAW_4 | (has_5 ? CAP_SAGAW_5 | CAP_FL5LP : 0) |
		       (uint64_t)(has_5 ? MGAW_5 : MGAW_4) << CAP_MGAW |
		       (format->granules & PAGE_1G ? CAP_FL1GP : 0),
		.ecap = ECAP_NEST | ECAP_SMTS | ECAP_FLTS | ECAP_SMPWC,
	};

	answer_append(answer, &x86_layout, &property);
}

static void append_number(struct answer *answer, uint16_t type, uint16_t number)
{
	const struct property_format property = {
		.type = type,
		.length = (uint16_t)(format_layout.length - PROPERTY_HEAD_LENGTH),
		.format = number,
	};

	answer_append(answer, &format_layout, &property);
}

static void append_format(struct answer *answer, const struct viommu_table_format *format)
{
	if (format->format == VIOMMU_TABLE_X86_PASID_ENTRY)
		append_x86(answer, format);
	else if (format->format == VIOMMU_TABLE_GENERIC)
		append_number(answer, VIOMMU_DRAFT_C_PROBE_T_PAGE_TABLE_FMT,
			      VIOMMU_DRAFT_C_FORMAT_GENERIC);
	else
		append_number(answer, VIOMMU_DRAFT_C_PROBE_T_PASID_TABLE_FMT,
			      VIOMMU_DRAFT_C_FORMAT_ARM_CD_TABLE);
}

/* Sizes are those of the first format: a driver uses that. */
static void append_properties(struct answer *answer, const struct endpoint *endpoint)
{
	const struct viommu_table_format *best = endpoint->formats;
	struct property_mask mask = {
		.type = VIOMMU_DRAFT_C_PROBE_T_PAGE_SIZE_MASK,
		.length = (uint16_t)(mask_layout.length - PROPERTY_HEAD_LENGTH),
	};

	if (!endpoint->config.n_formats)
		return;
	mask.mask = best->granules;
	answer_append(answer, &mask_layout, &mask);
	append_range(answer, endpoint, best);
	append_bits(answer, &output_layout, best->output_bits);
	if (endpoint->config.pasid_bits)
		append_bits(answer, &pasid_layout, endpoint->config.pasid_bits);
	for (size_t i = 0; i < endpoint->config.n_formats; i++)
		append_format(answer, &endpoint->formats[i]);
}

const struct personality personality_draft_c = {
	.name = "draft-c",
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.table_bit = VIOMMU_DRAFT_C_F_ATTACH_TABLE,
	.defaults = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_TABLE,
	.required = VIOMMU_F_TABLE | VIOMMU_F_PROBE,
	.excluded = VIOMMU_F_PASID | VIOMMU_F_NEST | VIOMMU_F_PAGE_REQUEST,
	.pasids_need = VIOMMU_F_TABLE,
	.formats = formats,
	.n_formats = sizeof(formats) / sizeof(formats[0]),
	.append_properties = append_properties,
};
