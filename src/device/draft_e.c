/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/personality.h"

/*
 * Draft E: a virtual SMMUv3, by the driver and the hypervisor of Qualcomm (docs/drafts.md)
 *
 * A driver of an SMMUv3 writes stream table entries, and sends them instead. So the only format is
 * a table of context descriptors, and PROBE has the identification registers of an SMMUv3.
 */

/* -- ATTACH_TABLE ------------------------------------------------------------------------ */

#define FIELD(at, kind, member, name) ROW(struct request_draft_e_table, at, kind, member, name)
static const struct field table_fields[] = {
	FIELD(0, TYPE, type, "type"),
	FIELD(1, RESERVED, reserved_head, "reserved"),
	FIELD(4, NUMBER, domain, "domain"),
	FIELD(8, HEX, endpoint, "endpoint"),
	FIELD(12, NUMBER, format, "format"),
	FIELD(13, RESERVED, reserved, "reserved"),
	FIELD(16, HEX, ste0, "ste0"),
	FIELD(24, HEX, ste1, "ste1"),
	FIELD(32, RESERVED, reserved1, "reserved"),
};
#undef FIELD
static const struct layout table_layout =
	LAYOUT("ATTACH_TABLE", VIOMMU_DRAFT_T_ATTACH_TABLE, VIOMMU_DRAFT_E_ATTACH_TABLE_LENGTH,
	       struct request_draft_e_table, table_fields);

static const struct format_number formats[] = {
	{ VIOMMU_TABLE_ARM_CD_TABLE, VIOMMU_DRAFT_E_FORMAT_ARM_CD_TABLE },
};

/* S1Fmt, S1ContextPtr, S1CDMax; S1DSS. The driver sets others, Valid and Config among them. */
#define STE0_USED (0x30ull | 0x000fffffffffffc0ull | 0x1full << STE0_MAX)
#define STE0_MAX  59
#define STE1_USED 3u

/* Are there more PASIDs than the endpoint has? */
static bool has_too_many(const struct viommu *device, const struct request_draft_e_table *sent)
{
	const struct endpoint *endpoint = endpoint_find(device, sent->endpoint);

	return endpoint && sent->ste0 >> STE0_MAX > endpoint->config.pasid_bits;
}

static uint8_t translate_table(const struct viommu *device, const union request *request,
			       union request *ret_native)
{
	const struct request_draft_e_table *sent = &request->draft_e_table;
	struct request_attach_table *native = &ret_native->attach_table;

	if (!bytes_are_zero(sent->reserved, sizeof(sent->reserved)) ||
	    !bytes_are_zero(sent->reserved1, sizeof(sent->reserved1)))
		return VIOMMU_S_INVAL;
	if (has_too_many(device, sent))
		return VIOMMU_S_UNSUPP;
	*native = (struct request_attach_table){
		.type = VIOMMU_T_ATTACH_TABLE,
		.domain = sent->domain,
		.endpoint = sent->endpoint,
		.format = personality_native_format(device->personality, sent->format),
	};
	wire_store(native->body, 8, sent->ste0 & STE0_USED);
	wire_store(native->body + 8, 8, sent->ste1 & STE1_USED);
	return VIOMMU_S_OK;
}

/* -- INVALIDATE ------------------------------------------------------------------------ */

#define KNOWN_CACHES (VIOMMU_INVALIDATE_C_CONTEXT | VIOMMU_INVALIDATE_C_TLB)

/* There is no bit for the endpoint's own cache, so that is dropped with the others. */
static uint8_t translate_invalidate(const struct viommu *device, const union request *request,
				    union request *ret_native)
{
	const struct request_invalidate *sent = &request->invalidate;

	(void)device;
	if (!sent->caches || sent->caches & ~KNOWN_CACHES)
		return VIOMMU_S_INVAL;
	if (sent->scope == VIOMMU_INVALIDATE_S_ADDRESS && !(sent->caches & VIOMMU_INVALIDATE_C_TLB))
		return VIOMMU_S_INVAL;
	ret_native->invalidate = *sent;
	ret_native->invalidate.type = VIOMMU_T_INVALIDATE;
	ret_native->invalidate.caches |= VIOMMU_INVALIDATE_C_DEV_TLB;
	return VIOMMU_S_OK;
}

/* -- requests that the draft has only in part ------------------------------------------------ */

/* Domains without a table are those that bypass. */
static uint8_t translate_attach(const struct viommu *device, const union request *sent,
				union request *ret_native)
{
	(void)device;
	*ret_native = *sent;
	return sent->attach.flags & VIOMMU_ATTACH_F_BYPASS ? VIOMMU_S_OK : VIOMMU_S_UNSUPP;
}

/* No domain has mappings. */
static uint8_t refuse_mapping(const struct viommu *device, const union request *sent,
			      union request *ret_native)
{
	(void)device;
	*ret_native = *sent;
	return VIOMMU_S_UNSUPP;
}

/* A table that cannot be had, for whatever reason, is not supported. */
static const struct request_row rows[] = {
	[VIOMMU_T_ATTACH] = { &attach_layout, 0, do_attach, .translate = translate_attach },
	[VIOMMU_T_DETACH] = { &detach_layout, 0, .run = do_detach },
	[VIOMMU_T_MAP] = { &map_layout, 0, do_map, .translate = refuse_mapping },
	[VIOMMU_T_UNMAP] = { &unmap_layout, 0, do_unmap, .translate = refuse_mapping },
	[VIOMMU_T_PROBE] = { &probe_layout, VIOMMU_F_PROBE, .run = do_probe },
	[VIOMMU_DRAFT_T_ATTACH_TABLE] = { &table_layout, VIOMMU_F_TABLE, do_attach_table,
					  .translate = translate_table,
					  .change = { VIOMMU_S_INVAL, VIOMMU_S_UNSUPP } },
	[VIOMMU_DRAFT_T_INVALIDATE] = { &draft_e_invalidate_layout, VIOMMU_F_TABLE, do_invalidate,
					.translate = translate_invalidate,
					.change = { VIOMMU_S_NOENT, VIOMMU_S_INVAL } },
};

/* -- properties ------------------------------------------------------------------------ */

struct property_smmu {
	uint16_t type, length;
	uint32_t reserved;
	uint64_t idr0, idr1, reserved1, idr3, reserved2, idr5;
};

#define PROPERTY_LENGTH      56
#define PROPERTY_HEAD_LENGTH 4

#define FIELD(at, kind, member, name) ROW(struct property_smmu, at, kind, member, name)
static const struct field smmu_fields[] = {
	FIELD(0, TYPE, type, "type"),
	FIELD(2, NUMBER, length, "length"),
	FIELD(4, RESERVED, reserved, "reserved"),
	FIELD(8, HEX, idr0, "idr0"),
	FIELD(16, HEX, idr1, "idr1"),
	FIELD(24, RESERVED, reserved1, "reserved"),
	FIELD(32, HEX, idr3, "idr3"),
	FIELD(40, RESERVED, reserved2, "reserved"),
	FIELD(48, HEX, idr5, "idr5"),
};
#undef FIELD
static const struct layout smmu_layout = LAYOUT("HW_ARM_SMMU3", VIOMMU_DRAFT_E_PROBE_T_HW_ARM_SMMU3,
						PROPERTY_LENGTH, struct property_smmu, smmu_fields);

#define IDR0_S1P       (1u << 1)
#define IDR0_AARCH64   (2u << 2)
#define IDR0_COHERENT  (1u << 4)
#define IDR0_HTTU      (2u << 6) /* accessed and dirty flags */
#define IDR0_ATS       (1u << 10)
#define IDR0_ASID16    (1u << 12)
#define IDR0_CD2L      (1u << 19)
#define IDR0_LITTLE    (2u << 21)
#define IDR0_NO_STALL  (1u << 24)
#define IDR0_ST_2LEVEL (1u << 27)

static uint64_t idr0_of(const struct endpoint *endpoint, const struct viommu_table_format *format)
{
	const uint32_t both = VIOMMU_ATS_F_ENDPOINT | VIOMMU_ATS_F_PATH;
	bool has_ats = endpoint->config.has_ats && endpoint->config.ats == both;

	return IDR0_S1P | IDR0_AARCH64 | IDR0_COHERENT | IDR0_CD2L | IDR0_LITTLE | IDR0_NO_STALL |
	       IDR0_ST_2LEVEL | (format->flags & VIOMMU_TABLE_F_UPDATES ? IDR0_HTTU : 0) |
	       (format->asid_bits >= 16 ? IDR0_ASID16 : 0) | (has_ats ? IDR0_ATS : 0);
}

/* The driver takes no queue of commands shorter than 128, and uses none. */
#define IDR1_STREAMS  32u
#define IDR1_EVENTS   (7u << 16)
#define IDR1_COMMANDS (8u << 21)
#define IDR1_PASIDS   6

static uint64_t idr1_of(const struct endpoint *endpoint)
{
	return IDR1_STREAMS | endpoint->config.pasid_bits << IDR1_PASIDS | IDR1_EVENTS |
	       IDR1_COMMANDS;
}

static const uint8_t output_sizes[] = { 32, 36, 40, 42, 44, 48, 52 };

static const struct {
	uint64_t granule;
	uint32_t bit;
} granules[] = {
	{ 1u << 12, 1u << 4 },
	{ 1u << 14, 1u << 5 },
	{ 1u << 16, 1u << 6 },
};
#define IDR5_VAX_52 (1u << 10)

static uint64_t idr5_of(const struct viommu_table_format *format)
{
	uint64_t idr5 = format->input_bits >= 52 ? IDR5_VAX_52 : 0;
	unsigned size = 0;

	for (size_t i = 0; i < sizeof(granules) / sizeof(granules[0]); i++)
		if (format->granules & granules[i].granule)
			idr5 |= granules[i].bit;
	while (size + 1 < sizeof(output_sizes) && output_sizes[size + 1] <= format->output_bits)
		size++;
	return idr5 | size;
}

static void append_properties(struct answer *answer, const struct endpoint *endpoint)
{
	const struct viommu_table_format *format = endpoint->formats;
	struct property_smmu property = {
		.type = VIOMMU_DRAFT_E_PROBE_T_HW_ARM_SMMU3,
		.length = PROPERTY_LENGTH - PROPERTY_HEAD_LENGTH,
	};

	if (!endpoint->config.n_formats)
		return;
	property.idr0 = idr0_of(endpoint, format);
	property.idr1 = idr1_of(endpoint);
	property.idr5 = idr5_of(format);
	answer_append(answer, &smmu_layout, &property);
}

const struct personality personality_draft_e = {
	.name = "draft-e",
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.table_bit = VIOMMU_DRAFT_E_F_ATTACH_TABLE,
	.defaults = VIOMMU_F_INPUT_RANGE | VIOMMU_F_DOMAIN_RANGE | VIOMMU_F_PROBE |
		    VIOMMU_F_BYPASS_CONFIG | VIOMMU_F_TABLE,
	.required = VIOMMU_F_TABLE | VIOMMU_F_PROBE,
	.excluded = VIOMMU_F_MAP_UNMAP | VIOMMU_F_PASID | VIOMMU_F_NEST | VIOMMU_F_PAGE_REQUEST,
	.pasids_need = VIOMMU_F_TABLE,
	.reports_pasids = true,
	.formats = formats,
	.n_formats = sizeof(formats) / sizeof(formats[0]),
	.append_properties = append_properties,
};
