/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <stdlib.h>

#include "rig.h"

/*
 * Devices that speak a published draft: docs/drafts.md, row by row
 *
 * Bytes are written as the drafts have them, and a driver of each draft does what its public Linux
 * driver does. Guest memory is 16 pages at 0x100000.
 */

#define BASE  0x100000u
#define PAGES 16

static uint64_t memory[PAGES * PAGE / 8] __attribute__((aligned(4096)));

static uint64_t *word(uint64_t address)
{
	assert_in_range(address, BASE, BASE + sizeof(memory) - 8);
	return &memory[(address - BASE) / 8];
}

#define LINEAR 0x40201000ull

static const struct viommu_table_format formats[] = {
	{ VIOMMU_TABLE_GENERIC, 48, 52, LINEAR, 0, VIOMMU_TABLE_F_NEST },
	{ VIOMMU_TABLE_RISCV_PC, 57, 52, LINEAR, 20, 0 },
	{ VIOMMU_TABLE_ARM_CD, 48, 48, LINEAR, 16, 0 },
	{ VIOMMU_TABLE_ARM_CD_TABLE, 48, 44, LINEAR | 1 << 14 | 1 << 16, 16,
	  VIOMMU_TABLE_F_UPDATES },
	{ VIOMMU_TABLE_X86_PASID_ENTRY, 48, 48, LINEAR, 16, VIOMMU_TABLE_F_UPDATES },
};

/* A VMM with endpoints that cache translations. */
struct vmm {
	struct rig rig;
	unsigned n_drops;
	struct viommu_invalidation drop;
	unsigned n_events;
	uint8_t event[VIOMMU_FAULT_LONG_LENGTH];
	unsigned n_answered;
};

static int on_event(void *opaque, const void *record, size_t length)
{
	struct vmm *vmm = opaque;

	assert_int_equal(length, VIOMMU_FAULT_LENGTH);
	memcpy(vmm->event, record, length);
	vmm->n_events++;
	return 0;
}

static void on_invalidate(void *opaque, const struct viommu_invalidation *what)
{
	struct vmm *vmm = opaque;

	vmm->drop = *what;
	vmm->n_drops++;
}

static void on_answered(void *opaque, void *cookie, size_t used)
{
	struct vmm *vmm = opaque;

	(void)cookie;
	assert_int_equal(used, VIOMMU_TAIL_LENGTH);
	vmm->n_answered++;
}

#define PASID_BITS 8

static void add_endpoint(struct vmm *vmm, uint32_t id)
{
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = id,
		.pasid_bits = PASID_BITS,
		.formats = formats,
		.n_formats = COUNT_OF(formats),
	};

	assert_int_equal(viommu_endpoint_add(vmm->rig.device, &endpoint), 0);
}

static void plug_device(struct vmm *vmm, struct viommu_config config)
{
	const struct viommu_ops ops = { .size = sizeof(ops),
					.event = on_event,
					.invalidate = on_invalidate,
					.answered = on_answered };
	const struct viommu_memory range = { BASE, BASE + sizeof(memory) - 1, memory, false };
	static const uint32_t ids[] = { EP, EP2, EP3 };

	config.size = sizeof(config);
	vmm->rig.device = viommu_free(vmm->rig.device);
	assert_int_equal(viommu_new(&config, &ops, vmm, &vmm->rig.device), 0);
	for (size_t i = 0; i < COUNT_OF(ids); i++)
		add_endpoint(vmm, ids[i]);
	assert_int_equal(viommu_set_memory(vmm->rig.device, &range, 1), 0);
	assert_int_equal(viommu_accept(vmm->rig.device, viommu_features(vmm->rig.device)), 0);
}

static int set_up(void **state)
{
	static struct vmm vmm;

	vmm = (struct vmm){ .n_drops = 0 };
	memset(memory, 0, sizeof(memory));
	*state = &vmm;
	return 0;
}

static int tear_down(void **state)
{
	struct vmm *vmm = *state;

	vmm->rig.device = viommu_free(vmm->rig.device);
	return 0;
}

static struct rig *with(void **state, uint32_t personality)
{
	struct vmm *vmm = *state;

	plug_device(vmm, (struct viommu_config){
				 .personality = personality,
				 .domain_first = 1,
				 .domain_last = 100,
			 });
	return &vmm->rig;
}

static struct rig *with_c(void **state)
{
	return with(state, VIOMMU_PERSONALITY_DRAFT_C);
}

static struct rig *with_e(void **state)
{
	return with(state, VIOMMU_PERSONALITY_DRAFT_E);
}

/* -- requests ------------------------------------------------------------------ */

/* A field of a row that differs from what is accepted. */
struct change {
	unsigned at, length;
	uint64_t value;
};

#define SAME \
	{ \
		0, 0, 0 \
	}

static void change(uint8_t *bytes, const struct change *change)
{
	if (change->length)
		put(bytes + change->at, change->length, change->value);
}

/* 88 bytes with the status, as the driver's struct has them. */
struct c_table {
	uint32_t domain, endpoint;
	uint16_t format;
	uint8_t s1fmt, s1dss;
	uint32_t s1cdmax;
	uint64_t pointer;
	uint32_t addr_width;
	struct change change;
};

static int c_attach(struct rig *rig, struct c_table wanted)
{
	uint8_t bytes[84] = { 6 };

	put(bytes + 4, 4, wanted.domain ? wanted.domain : 1);
	put(bytes + 8, 4, wanted.endpoint ? wanted.endpoint : EP);
	put(bytes + 16, 2, wanted.format);
	put(bytes + 18, 1, wanted.s1fmt);
	put(bytes + 19, 1, wanted.s1dss);
	put(bytes + 20, 4, wanted.s1cdmax);
	put(bytes + 24, 8, wanted.pointer);
	put(bytes + 40, 4, wanted.addr_width);
	change(bytes, &wanted.change);
	return status_of(rig, bytes, sizeof(bytes));
}

struct c_drop {
	uint16_t gran, type, flags;
	uint32_t domain, pasid;
	uint64_t start, nr_pages;
	uint8_t granule;
	struct change change;
};

static int c_invalidate(struct rig *rig, struct c_drop drop)
{
	uint8_t bytes[60] = { 7 };

	put(bytes + 4, 2, drop.gran);
	put(bytes + 6, 2, drop.type);
	put(bytes + 8, 2, drop.flags);
	put(bytes + 12, 4, drop.domain ? drop.domain : 1);
	put(bytes + 16, 4, drop.pasid);
	put(bytes + 32, 8, drop.start);
	put(bytes + 40, 8, drop.nr_pages);
	put(bytes + 48, 1, drop.granule);
	change(bytes, &drop.change);
	return status_of(rig, bytes, sizeof(bytes));
}

/* 128 bytes with the status. */
struct e_table {
	uint32_t domain, endpoint;
	uint64_t ste0, ste1;
	struct change change;
};

static int e_attach(struct rig *rig, struct e_table wanted)
{
	uint8_t bytes[124] = { 6 };

	put(bytes + 4, 4, wanted.domain ? wanted.domain : 1);
	put(bytes + 8, 4, wanted.endpoint ? wanted.endpoint : EP);
	put(bytes + 12, 1, 1);
	put(bytes + 16, 8, wanted.ste0);
	put(bytes + 24, 8, wanted.ste1);
	change(bytes, &wanted.change);
	return status_of(rig, bytes, sizeof(bytes));
}

struct e_drop {
	uint8_t scope, caches;
	uint16_t flags;
	uint32_t domain, pasid;
	uint64_t address, nr_pages;
	uint8_t page_size;
	struct change change;
};

static int e_invalidate(struct rig *rig, struct e_drop drop)
{
	uint8_t bytes[60] = { 7 };

	put(bytes + 4, 1, drop.scope);
	put(bytes + 5, 1, drop.caches);
	put(bytes + 6, 2, drop.flags);
	put(bytes + 8, 4, drop.domain ? drop.domain : 1);
	put(bytes + 12, 4, drop.pasid);
	put(bytes + 24, 8, drop.address);
	put(bytes + 32, 8, drop.nr_pages);
	put(bytes + 40, 1, drop.page_size);
	change(bytes, &drop.change);
	return status_of(rig, bytes, sizeof(bytes));
}

/* -- tables in memory ---------------------------------------------------------- */

/* `root` and three pages behind it. The last of them has the entry. */
static uint64_t *write_path(uint64_t root, uint64_t iova, uint64_t table_flags)
{
	for (unsigned level = 0; level < 3; level++)
		*word(root + level * PAGE + (iova >> (39 - 9 * level) & 511) * 8) =
			htole64((root + (level + 1) * PAGE) | table_flags);
	return word(root + 3 * PAGE + (iova >> 12 & 511) * 8);
}

#define GENERIC_TABLE 3u
#define GENERIC_RW    0xdu
#define X86_TABLE     7u
#define X86_RW        0x63u /* without the bit for users */
#define ARM_TABLE     3u
#define ARM_RW        0x443ull /* a page, accessed, for all */

/* Word 0 of a CD: 48 bits, 4 KiB, no second half, 44 bits out. Word 1 is the root. */
#define CD_0 (16ull | 1ull << 30 | 1ull << 31 | 4ull << 32 | 1ull << 41 | 1ull << 46)

static void write_cd(uint64_t at, uint64_t root)
{
	*word(at) = htole64(CD_0);
	*word(at + 8) = htole64(root);
}

#define CDS  (BASE + 8 * PAGE)
#define IOVA 0x4000203000ull
#define TO   0x8000u

static const char *to(struct rig *rig)
{
	return where(rig, EP, IOVA + 8, 4, R | W);
}

static const char *for_pasid(struct rig *rig, uint32_t pasid)
{
	struct viommu_translation got;

	if (viommu_translate_pasid(rig->device, EP, pasid, IOVA, 8, R, &got))
		return "fault";
	snprintf(rig->words, sizeof(rig->words), "%llx", (unsigned long long)got.address);
	return rig->words;
}

/* -- what is offered -------------------------------------------------------------- */

static int new_device(uint32_t personality, uint64_t features)
{
	const struct viommu_config config = {
		.size = sizeof(config),
		.features = features,
		.personality = personality,
	};
	struct viommu *device;
	int error = viommu_new(&config, NULL, NULL, &device);

	if (!error)
		viommu_free(device);
	return error;
}

#define C VIOMMU_PERSONALITY_DRAFT_C
#define E VIOMMU_PERSONALITY_DRAFT_E

/* Shows: draft-features */
static void a_draft_has_its_own_feature_bit_and_no_other(void **state)
{
	const uint64_t own =
		VIOMMU_F_TABLE | VIOMMU_F_PASID | VIOMMU_F_NEST | VIOMMU_F_PAGE_REQUEST;
	struct rig *rig = with_c(state);
	uint64_t features = viommu_features(rig->device);

	assert_int_equal(features, VIOMMU_FEATURES_DEFAULT | 1 << 8);
	assert_int_equal(viommu_accept(rig->device, features | VIOMMU_F_TABLE), -EINVAL);
	assert_int_equal(viommu_accept(rig->device, features | 1 << 7), 0); /* of no feature here */
	rig = with_e(state);
	features = viommu_features(rig->device);
	assert_int_equal(features & (own | VIOMMU_F_MAP_UNMAP | 1 << 8 | 1 << 7), 1 << 7);
	assert_int_equal(viommu_accept(rig->device, features | VIOMMU_F_MAP_UNMAP), -EINVAL);
}

/* Shows: draft-config */
static void a_draft_excludes_the_proposal_and_what_it_lacks(void **state)
{
	const uint64_t tables = VIOMMU_F_TABLE | VIOMMU_F_PROBE;

	(void)state;
	assert_int_equal(new_device(E + 1, 0), -EINVAL);
	for (uint32_t personality = C; personality <= E; personality++) {
		assert_int_equal(new_device(personality, tables), 0);
		assert_int_equal(new_device(personality, VIOMMU_F_PROBE), -EINVAL);
		assert_int_equal(new_device(personality, tables | VIOMMU_F_PASID), -EINVAL);
		assert_int_equal(new_device(personality, tables | VIOMMU_F_PAGE_REQUEST), -EINVAL);
		assert_int_equal(new_device(personality, tables | VIOMMU_F_MAP_UNMAP),
				 personality == E ? -EINVAL : 0);
	}
	assert_int_equal(new_device(C, tables | VIOMMU_F_MAP_UNMAP | VIOMMU_F_NEST), -EINVAL);
	assert_string_equal(viommu_personality_name(C), "draft-c");
	assert_string_equal(viommu_personality_name(E), "draft-e");
	assert_null(viommu_personality_name(E + 1));
}

/*
 * Bytes 37 to 39 are the number of queues of draft C, which offers one pair.
 *
 * Shows: draft-config
 */
static void the_configuration_space_is_that_of_the_standard(void **state)
{
	uint8_t space[48];

	viommu_config_read(with_c(state)->device, 0, space, sizeof(space));
	for (size_t i = 37; i < sizeof(space); i++)
		assert_int_equal(space[i], 0);
	viommu_config_read(with_e(state)->device, 0, space, sizeof(space));
	assert_int_equal(space[28], 100);
	assert_int_equal(space[33], VIOMMU_PROBE_SIZE_DEFAULT >> 8);
}

/* Shows: draft-types */
static void requests_of_another_personality_go_back_unwritten(void **state)
{
	static const uint8_t types[] = { VIOMMU_T_ATTACH_TABLE, VIOMMU_T_INVALIDATE,
					 VIOMMU_T_PAGE_RESPONSE, 8, 0 };
	uint8_t bytes[128] = { 0 }, tail[4];

	for (uint32_t personality = C; personality <= E; personality++)
		for (size_t i = 0; i < COUNT_OF(types); i++) {
			bytes[0] = types[i];
			assert_int_equal(request(with(state, personality), bytes, sizeof(bytes),
						 tail, sizeof(tail)),
					 0);
		}
}

/*
 * So for a driver of the standard, nothing is different.
 *
 * Shows: draft-types
 */
static void requests_of_a_draft_need_its_bit(void **state)
{
	uint8_t bytes[124] = { 6 }, tail[4];

	for (uint32_t personality = C; personality <= E; personality++) {
		struct rig *rig = with(state, personality);

		assert_int_equal(viommu_accept(rig->device, VIOMMU_F_PROBE), 0);
		assert_int_equal(request(rig, bytes, sizeof(bytes), tail, sizeof(tail)), 0);
	}
}

/* Shows: draft-types */
static void a_request_has_the_length_of_its_draft(void **state)
{
	static const struct {
		uint32_t personality;
		uint8_t type;
		size_t length;
	} rows[] = { { C, 6, 84 }, { C, 7, 60 }, { E, 6, 124 }, { E, 7, 60 } };
	uint8_t bytes[124] = { 0 }, tail[4];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct rig *rig = with(state, rows[i].personality);

		bytes[0] = rows[i].type;
		assert_int_equal(request(rig, bytes, rows[i].length - 1, tail, 4), 0);
		assert_int_equal(request(rig, bytes, rows[i].length, tail, 4), 4);
	}
}

/* -- properties ---------------------------------------------------------------------- */

static void assert_properties(struct rig *rig, const uint8_t *bytes, size_t length)
{
	assert_int_equal(probe(rig, EP), VIOMMU_S_OK);
	assert_memory_equal(rig->properties, bytes, length);
	for (size_t i = length; i < VIOMMU_PROBE_SIZE_DEFAULT; i++)
		assert_int_equal(rig->properties[i], 0);
}

/*
 * In the order of the endpoint's formats, without those that have no number.
 *
 * Shows: draft-c-properties
 */
static void draft_c_reports_sizes_and_formats(void **state)
{
	static const uint8_t bytes[] = {
		LE16(2),
		LE16(12),
		LE32(0),
		LE64(LINEAR),
		LE16(3),
		LE16(20),
		LE32(0),
		LE64(0),
		LE64(0xffffffffffff),
		LE16(4),
		LE16(4),
		52,
		0,
		0,
		0,
		LE16(5),
		LE16(4),
		PASID_BITS,
		0,
		0,
		0,
		LE16(6),
		LE16(4),
		LE16(3),
		LE16(0),
		LE16(7),
		LE16(4),
		LE16(2),
		LE16(0),
		/* SAGAW, MGAW, FL1GP; NEST, SMTS, FLTS, SMPWC */
		LE16(6),
		LE16(20),
		LE16(4),
		LE16(0),
		LE64(1ull << 10 | 47ull << 16 | 1ull << 56),
		LE64(1ull << 26 | 1ull << 43 | 1ull << 47 | 1ull << 48),
	};

	assert_properties(with_c(state), bytes, sizeof(bytes));
}

/* Shows: draft-e-properties */
static void draft_e_reports_registers_of_an_smmu(void **state)
{
	/* S1P, AArch64, COHACC, HTTU, ASID16, CD2L, little-endian, no stalls, two-level */
	const uint64_t idr0 =
		1 << 1 | 2 << 2 | 1 << 4 | 2 << 6 | 1 << 12 | 1 << 19 | 2 << 21 | 1 << 24 | 1 << 27;
	const uint64_t idr1 = 32 | PASID_BITS << 6 | 7 << 16 | 8 << 21;
	const uint64_t idr5 = 4 | 1 << 4 | 1 << 5 | 1 << 6; /* 44 bits; all granules */
	const uint8_t bytes[] = { LE16(2), LE16(52), LE32(0), LE64(idr0), LE64(idr1),
				  LE64(0), LE64(0),  LE64(0), LE64(idr5) };

	assert_properties(with_e(state), bytes, sizeof(bytes));
}

/* -- draft C: ATTACH_TABLE and INVALIDATE, row by row ------------------------------------ */

#define GENERIC(...) \
	{ \
		.format = 3, .pointer = BASE, __VA_ARGS__ \
	}
#define ARM(...) \
	{ \
		.format = 2, .pointer = CDS, __VA_ARGS__ \
	}
#define X86(...) \
	{ \
		.format = 4, .pointer = BASE, .addr_width = 48, __VA_ARGS__ \
	}

/* Shows: draft-c-table */
static void draft_c_attach_table(void **state)
{
	static const struct {
		struct c_table wanted;
		int status;
	} rows[] = {
		{ GENERIC(.change = SAME), VIOMMU_S_OK },
		{ ARM(.s1fmt = 2, .s1dss = 2, .s1cdmax = PASID_BITS), VIOMMU_S_OK },
		{ X86(.change = SAME), VIOMMU_S_OK },
		{ X86(.change = { 32, 8, 5 }), VIOMMU_S_OK },              /* SRE, WPE */
		{ GENERIC(.change = { 80, 4, 0xffffffff }), VIOMMU_S_OK }, /* the driver's status */
		{ GENERIC(.change = { 1, 3, 0xffffff }), VIOMMU_S_OK },

		{ GENERIC(.change = { 12, 4, 1 }), VIOMMU_S_INVAL }, /* no flag is known */
		{ GENERIC(.change = { 79, 1, 1 }), VIOMMU_S_INVAL },
		{ GENERIC(.change = { 44, 1, 1 }), VIOMMU_S_INVAL },
		{ GENERIC(.change = { 18, 1, 1 }), VIOMMU_S_INVAL },
		{ GENERIC(.change = { 19, 1, 1 }), VIOMMU_S_INVAL },
		{ GENERIC(.change = { 20, 4, 1 }), VIOMMU_S_INVAL },
		{ GENERIC(.change = { 32, 8, 1 }), VIOMMU_S_INVAL },
		{ GENERIC(.change = { 40, 4, 48 }), VIOMMU_S_INVAL },
		{ GENERIC(.endpoint = NO_ENDPOINT), VIOMMU_S_NOENT },
		{ GENERIC(.domain = 101), VIOMMU_S_RANGE },
		{ GENERIC(.change = { 16, 2, 1 }), VIOMMU_S_UNSUPP }, /* Arm LPAE: no layout */
		{ GENERIC(.change = { 16, 2, 0x141 }), VIOMMU_S_UNSUPP },
		{ GENERIC(.change = { 24, 8, BASE + 8 }), VIOMMU_S_INVAL },

		{ ARM(.s1fmt = 3), VIOMMU_S_INVAL },
		{ ARM(.s1fmt = 4), VIOMMU_S_INVAL },
		{ ARM(.s1dss = 4), VIOMMU_S_INVAL },
		{ ARM(.s1cdmax = PASID_BITS + 1), VIOMMU_S_INVAL },
		{ ARM(.s1cdmax = 1u << 31), VIOMMU_S_INVAL },
		{ ARM(.s1cdmax = PASID_BITS + 1, .endpoint = NO_ENDPOINT), VIOMMU_S_NOENT },
		{ ARM(.change = { 24, 8, CDS + 8 }), VIOMMU_S_INVAL },
		{ ARM(.change = { 24, 8, 1ull << 52 }), VIOMMU_S_INVAL },
		{ ARM(.change = { 24, 8, 1ull << 44 }), VIOMMU_S_INVAL },
		{ ARM(.change = { 40, 4, 48 }), VIOMMU_S_INVAL },

		{ X86(.change = { 40, 4, 57 }), VIOMMU_S_INVAL }, /* the endpoint has four levels */
		{ X86(.change = { 40, 4, 39 }), VIOMMU_S_INVAL },
		{ X86(.s1cdmax = 1), VIOMMU_S_UNSUPP },          /* a PASID */
		{ X86(.change = { 32, 8, 2 }), VIOMMU_S_INVAL }, /* EAFE */
		{ X86(.change = { 32, 8, 8 }), VIOMMU_S_INVAL },
		{ X86(.change = { 24, 8, BASE + 8 }), VIOMMU_S_INVAL },
		{ X86(.change = { 18, 1, 1 }), VIOMMU_S_INVAL },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct rig *rig = with_c(state);
		int status = c_attach(rig, rows[i].wanted);

		if (status != rows[i].status)
			fail_msg("row %zu: %d and not %d", i, status, rows[i].status);
		assert_int_equal(detach(rig, 1, EP), status ? VIOMMU_S_INVAL : VIOMMU_S_OK);
	}
}

/* Shows: draft-c-invalidate */
static void draft_c_invalidate(void **state)
{
	static const struct {
		struct c_drop drop;
		int status;
	} rows[] = {
		{ { 1, 1, 0, .change = SAME }, VIOMMU_S_OK },
		{ { 2, 5, 1, .pasid = 3 }, VIOMMU_S_OK },
		{ { 4, 3, 7, .nr_pages = 1, .granule = 12 }, VIOMMU_S_OK },
		{ { 7, 7, 0, .change = SAME }, VIOMMU_S_OK },               /* the widest */
		{ { 4, 1, 0, .nr_pages = 3, .granule = 13 }, VIOMMU_S_OK }, /* any power of two */
		{ { 4, 1, 0, .nr_pages = 1, .granule = 0 }, VIOMMU_S_OK },
		{ { 4, 1, 0, .nr_pages = 4, .granule = 63 }, VIOMMU_S_OK }, /* up to the top */
		{ { 4, 1, 0, .nr_pages = UINT64_MAX, .granule = 12 }, VIOMMU_S_OK },
		{ { 4, 1, 0, .nr_pages = 1ull << 52, .granule = 12 }, VIOMMU_S_OK },

		{ { 0, 1, 0, .change = SAME }, VIOMMU_S_INVAL },
		{ { 8, 1, 0, .change = SAME }, VIOMMU_S_INVAL },
		{ { 1, 0, 0, .change = SAME }, VIOMMU_S_INVAL },
		{ { 1, 8, 0, .change = SAME }, VIOMMU_S_INVAL },
		{ { 1, 1, 8, .change = SAME }, VIOMMU_S_INVAL },
		{ { 4, 1, 0, .nr_pages = 1, .granule = 64 }, VIOMMU_S_INVAL },
		{ { 4, 1, 0, .nr_pages = 0, .granule = 12 }, VIOMMU_S_INVAL },
		{ { 1, 1, 0, .change = { 10, 2, 1 } }, VIOMMU_S_INVAL },
		{ { 1, 1, 0, .change = { 20, 4, 1 } }, VIOMMU_S_INVAL },
		{ { 1, 1, 0, .change = { 49, 1, 1 } }, VIOMMU_S_INVAL },
		{ { 1, 1, 0, .change = { 59, 1, 1 } }, VIOMMU_S_INVAL },
		{ { 1, 1, 0, .domain = 7 }, VIOMMU_S_NOENT },
		{ { 1, 1, 0, .domain = 2 }, VIOMMU_S_INVAL }, /* has mappings */
	};
	struct rig *rig = with_c(state);

	assert_int_equal(c_attach(rig, (struct c_table)GENERIC(.change = SAME)), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int status = c_invalidate(rig, rows[i].drop);

		if (status != rows[i].status)
			fail_msg("row %zu: %d and not %d", i, status, rows[i].status);
	}
}

/* -- draft E, row by row ------------------------------------------------------------------ */

/* As the driver sets it: valid, stage 1, formats; S1DSS and what else it has in word 1. */
#define STE_0(format, bits) \
	(1ull | 5ull << 1 | (uint64_t)(format) << 4 | CDS | (uint64_t)(bits) << 59)
#define STE_1 (2ull | 0x55ull << 2 | 1ull << 28 | 1ull << 44)

#define STE(entry, ...) \
	{ \
		.ste0 = (entry), .ste1 = STE_1, __VA_ARGS__ \
	}

/* Shows: draft-e-table */
static void draft_e_attach_table(void **state)
{
	static const struct {
		struct e_table wanted;
		int status;
	} rows[] = {
		{ STE(STE_0(0, 0), .change = SAME), VIOMMU_S_OK },
		{ STE(STE_0(2, PASID_BITS), .change = SAME), VIOMMU_S_OK },
		{ STE(CDS, .change = SAME), VIOMMU_S_OK }, /* Valid and Config are ignored */
		{ STE(STE_0(0, 0) | 0x7full << 52, .change = SAME), VIOMMU_S_OK },
		{ STE(STE_0(0, 0), .endpoint = NO_ENDPOINT), VIOMMU_S_NOENT },
		{ STE(STE_0(0, 0), .domain = 101), VIOMMU_S_RANGE },
		{ STE(STE_0(0, PASID_BITS + 1), .change = SAME), VIOMMU_S_UNSUPP },
		{ STE(STE_0(3, 0), .change = SAME), VIOMMU_S_UNSUPP },
		{ STE(STE_0(0, 0) | 1ull << 44, .change = SAME),
		  VIOMMU_S_UNSUPP }, /* above the output */
		{ STE(STE_0(0, 0), .change = { 12, 1, 2 }),
		  VIOMMU_S_UNSUPP }, /* formats with a number only */
		{ STE(STE_0(0, 0), .change = { 12, 1, 0 }), VIOMMU_S_UNSUPP },
		{ STE(STE_0(0, 0), .change = { 13, 1, 1 }), VIOMMU_S_INVAL },
		{ STE(STE_0(0, 0), .change = { 32, 1, 1 }), VIOMMU_S_INVAL },
		{ STE(STE_0(0, 0), .change = { 123, 1, 1 }), VIOMMU_S_INVAL },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct rig *rig = with_e(state);
		int status = e_attach(rig, rows[i].wanted);

		if (status != rows[i].status)
			fail_msg("row %zu: %d and not %d", i, status, rows[i].status);
		assert_int_equal(detach(rig, 1, EP), status ? VIOMMU_S_INVAL : VIOMMU_S_OK);
	}
}

/*
 * Two endpoints have one domain, and one table.
 *
 * Shows: draft-e-table
 */
static void draft_e_does_not_support_two_tables_of_one_domain(void **state)
{
	struct rig *rig = with_e(state);

	assert_int_equal(e_attach(rig, (struct e_table)STE(STE_0(0, 0), .change = SAME)),
			 VIOMMU_S_OK);
	assert_int_equal(e_attach(rig, (struct e_table)STE(STE_0(0, 0), .endpoint = EP2)),
			 VIOMMU_S_OK);
	assert_int_equal(e_attach(rig, (struct e_table)STE(STE_0(0, 0) + PAGE, .endpoint = EP3)),
			 VIOMMU_S_UNSUPP);
	assert_int_equal(detach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 2, EP), VIOMMU_S_INVAL);
	assert_int_equal(detach(rig, 1, NO_ENDPOINT), VIOMMU_S_NOENT);
}

/* Shows: draft-e-invalidate */
static void draft_e_invalidate(void **state)
{
	static const struct {
		struct e_drop drop;
		int status;
	} rows[] = {
		{ { 1, 2, 0, .change = SAME }, VIOMMU_S_OK },
		{ { 1, 3, 4, .change = SAME }, VIOMMU_S_OK },
		{ { 2, 1, 2, .pasid = 3 }, VIOMMU_S_OK },
		{ { 3, 2, 5, .nr_pages = 1, .page_size = 12 }, VIOMMU_S_OK },
		{ { 3, 3, 0, .nr_pages = 1, .page_size = 12 }, VIOMMU_S_OK },
		{ { 0, 2, 0, .change = SAME }, VIOMMU_S_INVAL },
		{ { 4, 2, 0, .change = SAME }, VIOMMU_S_INVAL },
		{ { 1, 0, 0, .change = SAME }, VIOMMU_S_INVAL },
		{ { 1, 4, 0, .change = SAME }, VIOMMU_S_INVAL }, /* no bit of this draft */
		{ { 1, 2, 16, .change = SAME }, VIOMMU_S_INVAL },
		{ { 1, 2, 0, .change = { 59, 1, 1 } }, VIOMMU_S_INVAL },
		{ { 3, 1, 0, .nr_pages = 1, .page_size = 12 }, VIOMMU_S_INVAL }, /* without TLB */
		{ { 3, 2, 0, .nr_pages = 0, .page_size = 12 }, VIOMMU_S_INVAL },
		{ { 3, 2, 0, .nr_pages = 1, .page_size = 13 }, VIOMMU_S_INVAL },
		{ { 1, 2, 0, .domain = 7 }, VIOMMU_S_INVAL }, /* unknown */
		{ { 1, 2, 0, .domain = 2 }, VIOMMU_S_INVAL }, /* bypasses */
	};
	struct rig *rig = with_e(state);

	assert_int_equal(e_attach(rig, (struct e_table)STE(STE_0(0, 0), .change = SAME)),
			 VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 2, EP2), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int status = e_invalidate(rig, rows[i].drop);

		if (status != rows[i].status)
			fail_msg("row %zu: %d and not %d", i, status, rows[i].status);
	}
}

/* Shows: draft-e-no-map */
static void draft_e_has_no_mappings(void **state)
{
	struct rig *rig = with_e(state);

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_UNSUPP);
	assert_int_equal(map(rig, 1, 0, PAGE - 1, 0, R), VIOMMU_S_UNSUPP);
	assert_int_equal(unmap(rig, 1, 0, PAGE - 1), VIOMMU_S_UNSUPP);
	assert_int_equal(attach_bypass(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(mode_of(rig, EP), VIOMMU_BYPASS);
}

/* -- as the drivers do it ------------------------------------------------------------------ */

/*
 * A paging domain of the driver of C: map by a store, unmap by a store and one request.
 *
 * Shows: draft-translate
 */
static void a_driver_of_draft_c_uses_the_generic_table(void **state)
{
	struct rig *rig = with_c(state);
	uint64_t *entry = write_path(BASE, IOVA, GENERIC_TABLE);

	assert_int_equal(probe(rig, EP), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 2, EP), VIOMMU_S_OK); /* as for an identity domain */
	assert_int_equal(c_attach(rig, (struct c_table)GENERIC(.change = SAME)), VIOMMU_S_OK);
	assert_string_equal(to(rig), "fault");
	*entry = htole64(TO | GENERIC_RW);
	assert_string_equal(to(rig), "8008+4 rw");
	*entry = 0;
	assert_int_equal(c_invalidate(rig, (struct c_drop){ 4, 1, 4, .start = IOVA, .nr_pages = 1,
							    .granule = 12 }),
			 VIOMMU_S_OK);
	assert_string_equal(to(rig), "fault");
	*entry = htole64(TO | GENERIC_RW);
	assert_string_equal(to(rig), "8008+4 rw");
	/* A table that is freed: not only leaves. */
	*word(BASE) = 0;
	assert_int_equal(c_invalidate(rig, (struct c_drop){ 4, 1, 2, .start = IOVA & ~0x1fffffull,
							    .nr_pages = 512, .granule = 12 }),
			 VIOMMU_S_OK);
	assert_string_equal(to(rig), "fault");
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
}

/* Shows: draft-c-invalidate */
static void a_table_without_page_sizes_is_not_invalidated_by_range(void **state)
{
	static const struct viommu_table_format none = { VIOMMU_TABLE_GENERIC, 48, 52, 0, 0, 0 };
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint), .id = EP, .formats = &none, .n_formats = 1
	};
	struct rig *rig = with_c(state);
	const struct c_drop page = { 4, 1, 0, .nr_pages = 1, .granule = 12 };

	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	assert_int_equal(c_attach(rig, (struct c_table)GENERIC(.change = SAME)), VIOMMU_S_OK);
	assert_int_equal(c_invalidate(rig, page), VIOMMU_S_INVAL);
	assert_int_equal(c_invalidate(rig, (struct c_drop){ 1, 1, 0, .change = SAME }),
			 VIOMMU_S_OK);
}

/*
 * A size that the table does not have is rounded to what it has, and no less is dropped.
 *
 * Shows: draft-c-invalidate
 */
static void draft_c_drops_all_of_a_range_of_any_size(void **state)
{
	static const struct {
		uint64_t start, nr_pages;
		uint8_t granule;
	} rows[] = {
		{ IOVA + 0xfff, 1, 0 },        { IOVA & ~0x1fffull, 1, 13 }, { 0, 1, 63 },
		{ IOVA - PAGE, 2, 12 },        { 0, UINT64_MAX, 12 },        { IOVA - 8, 9, 0 },
		{ IOVA + 0x900, 1, 12 },       { 0, 1ull << 52, 12 },        { 0, 1ull << 51, 13 },
		{ IOVA - (PAGE << 4), 2, 16 },
	};
	struct rig *rig = with_c(state);
	uint64_t *entry = write_path(BASE, IOVA, GENERIC_TABLE);

	assert_int_equal(c_attach(rig, (struct c_table)GENERIC(.change = SAME)), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		*entry = htole64(TO | GENERIC_RW);
		assert_string_equal(to(rig), "8008+4 rw");
		*entry = 0;
		assert_int_equal(c_invalidate(rig, (struct c_drop){ 4, 1, 4, .start = rows[i].start,
								    .nr_pages = rows[i].nr_pages,
								    .granule = rows[i].granule }),
				 VIOMMU_S_OK);
		if (strcmp(to(rig), "fault") != 0)
			fail_msg("row %zu: %s", i, to(rig));
	}
}

/* Shows: draft-translate */
static void a_driver_of_draft_c_uses_the_first_stage_of_vtd(void **state)
{
	struct rig *rig = with_c(state);

	*write_path(BASE, IOVA, X86_TABLE) = htole64(TO | X86_RW | 4);
	assert_int_equal(c_attach(rig, (struct c_table)X86(.change = SAME)), VIOMMU_S_OK);
	assert_string_equal(to(rig), "8008+4 rw");
}

/* Tables of contexts of both drafts, with and without a PASID. */
static void use_contexts(struct vmm *vmm, int (*drop)(struct rig *rig))
{
	struct rig *rig = &vmm->rig;

	assert_string_equal(to(rig), "8008+4 rw");
	assert_string_equal(for_pasid(rig, 5), "9000");
	assert_string_equal(for_pasid(rig, 6), "fault");
	*word(CDS + 5 * 64) = 0;
	assert_int_equal(drop(rig), VIOMMU_S_OK);
	assert_string_equal(for_pasid(rig, 5), "fault");
	assert_int_equal(vmm->drop.endpoint, EP);
	assert_true(vmm->drop.has_pasid && vmm->drop.pasid == 5);
}

static void write_contexts(void)
{
	write_cd(CDS, BASE);
	write_cd(CDS + 5 * 64, BASE + 4 * PAGE);
	*write_path(BASE, IOVA, ARM_TABLE) = htole64(TO | ARM_RW);
	*write_path(BASE + 4 * PAGE, IOVA, ARM_TABLE) = htole64((TO + PAGE) | ARM_RW);
}

static int c_drop_pasid(struct rig *rig)
{
	return c_invalidate(rig, (struct c_drop){ 2, 7, 1, .pasid = 5 });
}

static int e_drop_pasid(struct rig *rig)
{
	return e_invalidate(rig, (struct e_drop){ 2, 3, 2, .pasid = 5 });
}

/* Shows: draft-translate */
static void a_driver_of_draft_c_uses_context_descriptors(void **state)
{
	struct rig *rig = with_c(state);
	struct vmm *vmm = *state;

	write_contexts();
	assert_int_equal(c_attach(rig, (struct c_table)ARM(.s1dss = 2, .s1cdmax = 3)), VIOMMU_S_OK);
	use_contexts(vmm, c_drop_pasid);
	assert_int_equal(vmm->event[5], 1); /* ADDRESS: no PASID in this draft */
	assert_int_equal(vmm->event[12], 0);
}

/*
 * DETACH first if it is attached, as the driver does.
 *
 * Shows: draft-translate, draft-e-invalidate
 */
static void a_driver_of_draft_e_uses_stream_table_entries(void **state)
{
	struct rig *rig = with_e(state);
	struct vmm *vmm = *state;
	unsigned before;

	write_contexts();
	assert_int_equal(probe(rig, EP), VIOMMU_S_OK);
	assert_int_equal(e_attach(rig, (struct e_table)STE(STE_0(0, 3), .change = SAME)),
			 VIOMMU_S_OK);
	use_contexts(vmm, e_drop_pasid);
	assert_int_equal(vmm->event[5], 3); /* ADDRESS and PASID */
	assert_int_equal(vmm->event[12], 5);

	before = vmm->n_drops;
	*word(BASE + 3 * PAGE + 3 * 8) = 0;
	assert_int_equal(e_invalidate(rig, (struct e_drop){ 3, 2, 5, .address = IOVA, .nr_pages = 1,
							    .page_size = 12 }),
			 VIOMMU_S_OK);
	assert_string_equal(to(rig), "fault");
	assert_true(vmm->n_drops > before); /* the endpoint's own cache, without a bit for it */
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(e_attach(rig, (struct e_table)STE(STE_0(0, 0), .domain = 2)), VIOMMU_S_OK);
}

/*
 * The first public device of this draft answers before. A driver that polls would free memory.
 *
 * Shows: draft-wait
 */
static void an_answer_of_draft_e_comes_after_the_wait(void **state)
{
	struct rig *rig = with_e(state);
	uint64_t waits;

	assert_int_equal(e_attach(rig, (struct e_table)STE(STE_0(0, 0), .change = SAME)),
			 VIOMMU_S_OK);
	waits = counters(rig).waits;
	assert_int_equal(e_invalidate(rig, (struct e_drop){ 1, 2, 0, .change = SAME }),
			 VIOMMU_S_OK);
	assert_true(counters(rig).waits > waits);
	waits = counters(rig).waits;
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_true(counters(rig).waits > waits);
}

/* -- requests that are answered later ----------------------------------------------------- */

static int accept_map(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque;
	(void)mapping;
	return 0;
}

static void forget_map(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque;
	(void)mapping;
}

static int commit_later(void *opaque, uint64_t token)
{
	(void)opaque;
	return token ? VIOMMU_PENDING : 0;
}

/* Also if there are listeners that need time, and after the requests before it. */
static void a_request_of_a_draft_is_answered_at_once(void **state)
{
	static const struct viommu_listener_ops ops = {
		.size = sizeof(ops),
		.map = accept_map,
		.unmap = forget_map,
		.commit = commit_later,
	};
	const uint8_t mapping[] = { MAP(2, 0, PAGE - 1, 0, R) };
	uint8_t drop[60] = { 7 }, tails[2][4];
	const struct iovec sent[] = { { (void *)mapping, sizeof(mapping) },
				      { drop, sizeof(drop) } };
	const struct iovec answers[] = { { tails[0], 4 }, { tails[1], 4 } };
	struct rig *rig = with_c(state);
	struct vmm *vmm = *state;
	struct viommu_listener *listener;

	assert_int_equal(viommu_listen(rig->device, EP2, &ops, vmm, &listener), 0);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(c_attach(rig, (struct c_table)GENERIC(.change = SAME)), VIOMMU_S_OK);
	assert_int_equal(viommu_submit(rig->device, &sent[0], 1, &answers[0], 1, NULL),
			 VIOMMU_LATER);
	assert_int_equal(vmm->n_answered, 0);
	put(drop + 4, 2, 1);
	put(drop + 6, 2, 1);
	put(drop + 12, 4, 1);
	assert_int_equal(viommu_submit(rig->device, &sent[1], 1, &answers[1], 1, NULL), 4);
	assert_int_equal(tails[1][0], VIOMMU_S_OK);
	assert_int_equal(vmm->n_answered, 1);
	assert_int_equal(tails[0][0], VIOMMU_S_OK);
}

/* -- saved state ------------------------------------------------------------------------ */

static void attach_something(struct rig *rig, uint32_t personality)
{
	int status = personality == C
			     ? c_attach(rig, (struct c_table)ARM(.s1dss = 2, .s1cdmax = 3))
			     : e_attach(rig, (struct e_table)STE(STE_0(0, 3), .change = SAME));

	assert_int_equal(status, VIOMMU_S_OK);
}

static void assert_loads(struct rig *rig, const void *bytes, size_t length)
{
	char reason[VIOMMU_REASON_LENGTH] = "";
	void *again;
	size_t again_length;

	if (viommu_load(rig->device, bytes, length, reason, sizeof(reason)))
		fail_msg("%s", reason);
	assert_string_equal(to(rig), "8008+4 rw");
	assert_int_equal(viommu_save(rig->device, &again, &again_length), 0);
	assert_int_equal(again_length, length);
	assert_memory_equal(again, bytes, length);
	free(again);
}

/* Shows: draft-state */
static void saved_state_keeps_the_personality(void **state)
{
	for (uint32_t personality = C; personality <= E; personality++) {
		struct rig *rig = with(state, personality);
		char reason[VIOMMU_REASON_LENGTH];
		void *bytes;
		size_t length;

		write_contexts();
		attach_something(rig, personality);
		assert_int_equal(viommu_save(rig->device, &bytes, &length), 0);
		assert_loads(with(state, personality), bytes, length);
		rig = with(state, C + E - personality);
		assert_int_equal(viommu_load(rig->device, bytes, length, reason, sizeof(reason)),
				 -EBUSY);
		assert_non_null(strstr(reason, viommu_personality_name(personality)));
		assert_non_null(strstr(reason, viommu_personality_name(C + E - personality)));
		free(bytes);
	}
}

/*
 * Also of a device that no driver has used yet: the guest has read the features.
 *
 * Shows: draft-state
 */
static void a_native_device_and_a_draft_do_not_load_each_other(void **state)
{
	struct vmm *vmm = *state;
	struct viommu *native;
	char reason[VIOMMU_REASON_LENGTH];
	void *bytes;
	size_t length;

	assert_int_equal(viommu_new(NULL, NULL, NULL, &native), 0);
	with_c(state);
	viommu_reset(vmm->rig.device);
	assert_int_equal(viommu_save(vmm->rig.device, &bytes, &length), 0);
	assert_int_equal(viommu_load(native, bytes, length, reason, sizeof(reason)), -EBUSY);
	assert_non_null(strstr(reason, "draft-c"));
	free(bytes);
	assert_int_equal(viommu_save(native, &bytes, &length), 0);
	assert_int_equal(viommu_load(vmm->rig.device, bytes, length, reason, sizeof(reason)),
			 -EBUSY);
	assert_non_null(strstr(reason, "native"));
	free(bytes);
	viommu_free(native);
}

/* Shows: draft-state */
static void requests_of_a_draft_are_loaded_in_rounds(void **state)
{
	struct rig *rig = with_c(state);
	char reason[VIOMMU_REASON_LENGTH];
	void *bytes, *changes;
	size_t length, changes_length;

	write_contexts();
	assert_int_equal(viommu_save_begin(rig->device, 4096, &bytes, &length), 0);
	attach_something(rig, C);
	assert_int_equal(c_drop_pasid(rig), VIOMMU_S_OK);
	assert_int_equal(viommu_save_changes(rig->device, &changes, &changes_length), 0);
	rig = with_c(state);
	assert_int_equal(viommu_load(rig->device, bytes, length, NULL, 0), 0);
	if (viommu_load_changes(rig->device, changes, changes_length, reason, sizeof(reason)))
		fail_msg("%s", reason);
	assert_string_equal(to(rig), "8008+4 rw");
	free(bytes);
	free(changes);
}

/* -- what a VMM sees ---------------------------------------------------------------------- */

static void keep_text(void *opaque, const char *text, size_t length)
{
	strncat(opaque, text, length);
}

static void a_dump_names_the_personality(void **state)
{
	static char text[MAX_WORDS];

	text[0] = '\0';
	viommu_dump(with_e(state)->device, keep_text, text);
	assert_non_null(strstr(text, "draft-e"));
}

#define ON_A_DRAFT(test) \
	{ \
#test, test, set_up, tear_down, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_DRAFT(a_draft_has_its_own_feature_bit_and_no_other),
		ON_A_DRAFT(a_draft_excludes_the_proposal_and_what_it_lacks),
		ON_A_DRAFT(the_configuration_space_is_that_of_the_standard),
		ON_A_DRAFT(requests_of_another_personality_go_back_unwritten),
		ON_A_DRAFT(requests_of_a_draft_need_its_bit),
		ON_A_DRAFT(a_request_has_the_length_of_its_draft),
		ON_A_DRAFT(draft_c_reports_sizes_and_formats),
		ON_A_DRAFT(draft_e_reports_registers_of_an_smmu),
		ON_A_DRAFT(draft_c_attach_table),
		ON_A_DRAFT(draft_c_invalidate),
		ON_A_DRAFT(draft_e_attach_table),
		ON_A_DRAFT(draft_e_does_not_support_two_tables_of_one_domain),
		ON_A_DRAFT(draft_e_invalidate),
		ON_A_DRAFT(draft_e_has_no_mappings),
		ON_A_DRAFT(a_driver_of_draft_c_uses_the_generic_table),
		ON_A_DRAFT(a_table_without_page_sizes_is_not_invalidated_by_range),
		ON_A_DRAFT(draft_c_drops_all_of_a_range_of_any_size),
		ON_A_DRAFT(a_driver_of_draft_c_uses_the_first_stage_of_vtd),
		ON_A_DRAFT(a_driver_of_draft_c_uses_context_descriptors),
		ON_A_DRAFT(a_driver_of_draft_e_uses_stream_table_entries),
		ON_A_DRAFT(an_answer_of_draft_e_comes_after_the_wait),
		ON_A_DRAFT(a_request_of_a_draft_is_answered_at_once),
		ON_A_DRAFT(saved_state_keeps_the_personality),
		ON_A_DRAFT(a_native_device_and_a_draft_do_not_load_each_other),
		ON_A_DRAFT(requests_of_a_draft_are_loaded_in_rounds),
		ON_A_DRAFT(a_dump_names_the_personality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
