/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#include "rig.h"

/*
 * Page tables that the guest owns: ATTACH_TABLE and INVALIDATE, row by row of the tables in
 * docs/proposal-address-spaces.md, contexts, parents, and what else the device then does
 *
 * Guest memory is 32 pages at 0x100000. The tables in there are generic ones, which a test can
 * write in its head: VALID 1, TABLE 2, READ 4, WRITE 8; and VT-d's.
 */

#define PASID  VIOMMU_SLOT_F_PASID
#define PARENT VIOMMU_SLOT_F_PARENT

#define TABLES   (VIOMMU_FEATURES_DEFAULT | VIOMMU_F_TABLE)
#define FEATURES (TABLES | VIOMMU_F_PASID | VIOMMU_F_NEST)

#define BASE  0x100000u
#define PAGES 32

static uint64_t memory[PAGES * PAGE / 8] __attribute__((aligned(4096)));

static uint64_t *word(uint64_t address)
{
	assert_in_range(address, BASE, BASE + sizeof(memory) - 8);
	return &memory[(address - BASE) / 8];
}

static void give_memory(struct rig *rig)
{
	const struct viommu_memory range = { BASE, BASE + sizeof(memory) - 1, memory, false };

	memset(memory, 0, sizeof(memory));
	assert_int_equal(viommu_set_memory(rig->device, &range, 1), 0);
}

#define LINEAR 0x40201000ull

static const struct viommu_table_format formats[] = {
	{ VIOMMU_TABLE_GENERIC, 48, 52, LINEAR, 0, VIOMMU_TABLE_F_NEST },
	{ VIOMMU_TABLE_X86_PASID_ENTRY, 48, 48, LINEAR, 16, VIOMMU_TABLE_F_UPDATES },
	{ VIOMMU_TABLE_X86_PASID_DIR, 48, 48, LINEAR, 16, VIOMMU_TABLE_F_UPDATES },
	{ VIOMMU_TABLE_ARM_CD, 48, 48, LINEAR, 16, 0 },
};

static void give_formats(struct rig *rig, uint32_t endpoint, size_t n)
{
	const struct viommu_endpoint config = {
		.size = sizeof(config),
		.id = endpoint,
		.pasid_bits = 8,
		.formats = formats,
		.n_formats = n,
	};

	assert_int_equal(viommu_endpoint_update(rig->device, &config), 0);
}

static struct rig *with_tables(void **state)
{
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){
			     .size = sizeof(struct viommu_config),
			     .features = FEATURES,
			     .domain_first = 1,
			     .domain_last = 100,
		     });
	give_memory(rig);
	give_formats(rig, EP, COUNT_OF(formats));
	give_formats(rig, EP2, COUNT_OF(formats));
	return rig;
}

/* -- tables in memory ---------------------------------------------------------- */

static void write_table(uint64_t root, uint64_t iova, uint64_t to, uint64_t flags)
{
	for (unsigned level = 0; level < 3; level++)
		*word(root + level * PAGE + (iova >> (39 - 9 * level) & 511) * 8) =
			htole64((root + (level + 1) * PAGE) | 3);
	*word(root + 3 * PAGE + (iova >> 12 & 511) * 8) = htole64(to | flags);
}

#define GENERIC_RW 0xdu
#define GENERIC_R  5u

/* -- requests ------------------------------------------------------------------ */

struct wanted {
	uint32_t domain, endpoint, flags, pasid, parent;
	uint16_t format;
	uint64_t body[8];
	uint16_t reserved;
	uint32_t reserved1;
};

static int attach_table(struct rig *rig, struct wanted wanted)
{
	uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };

	put(bytes + 4, 4, wanted.domain);
	put(bytes + 8, 4, wanted.endpoint);
	put(bytes + 12, 4, wanted.flags);
	put(bytes + 16, 2, wanted.format);
	put(bytes + 18, 2, wanted.reserved);
	put(bytes + 20, 4, wanted.pasid);
	put(bytes + 24, 4, wanted.parent);
	put(bytes + 28, 4, wanted.reserved1);
	for (unsigned i = 0; i < 8; i++)
		put(bytes + 32 + 8 * i, 8, wanted.body[i]);
	return status_of(rig, bytes, sizeof(bytes));
}

static struct wanted generic(uint32_t domain, uint64_t root)
{
	return (struct wanted){
		.domain = domain,
		.endpoint = EP,
		.format = VIOMMU_TABLE_GENERIC,
		.body = { root },
	};
}

static struct wanted generic_for(uint32_t pasid, uint32_t domain, uint64_t root)
{
	struct wanted wanted = generic(domain, root);

	wanted.flags = PASID;
	wanted.pasid = pasid;
	return wanted;
}

/* A directory with one PASID entry, at `pasid`, whose table is at `root`. */
static struct wanted context(uint32_t domain)
{
	return (struct wanted){
		.domain = domain,
		.endpoint = EP,
		.format = VIOMMU_TABLE_X86_PASID_DIR,
		.body = { (BASE + 16 * PAGE) | 1 },
	};
}

static void write_context(uint32_t pasid, uint64_t root)
{
	uint64_t entry = BASE + 17 * PAGE + pasid * 64;

	*word(BASE + 16 * PAGE) = htole64((BASE + 17 * PAGE) | 1);
	*word(entry) = htole64(1 | 1 << 6);
	*word(entry + 16) = htole64(root | 0x33);
}

static void write_x86(uint64_t root, uint64_t iova, uint64_t to, uint64_t flags)
{
	for (unsigned level = 0; level < 3; level++)
		*word(root + level * PAGE + (iova >> (39 - 9 * level) & 511) * 8) =
			htole64((root + (level + 1) * PAGE) | 7);
	*word(root + 3 * PAGE + (iova >> 12 & 511) * 8) = htole64(to | flags);
}

struct drop {
	uint8_t scope, caches, page_size, reserved;
	uint16_t flags;
	uint32_t domain, pasid;
	uint64_t id, address, nr_pages;
};

static int invalidate(struct rig *rig, struct drop drop)
{
	uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = { VIOMMU_T_INVALIDATE };

	put(bytes + 4, 1, drop.scope);
	put(bytes + 5, 1, drop.caches);
	put(bytes + 6, 2, drop.flags);
	put(bytes + 8, 4, drop.domain);
	put(bytes + 12, 4, drop.pasid);
	put(bytes + 16, 8, drop.id);
	put(bytes + 24, 8, drop.address);
	put(bytes + 32, 8, drop.nr_pages);
	put(bytes + 40, 1, drop.page_size);
	put(bytes + 59, 1, drop.reserved);
	return status_of(rig, bytes, sizeof(bytes));
}

static int attach_pasid(struct rig *rig, uint32_t domain, uint32_t endpoint, uint32_t pasid)
{
	const uint8_t bytes[] = { ATTACH(domain, endpoint, PASID, pasid) };

	return status_of(rig, bytes, sizeof(bytes));
}

static int detach_slot(struct rig *rig, uint32_t domain, uint32_t flags, uint32_t pasid)
{
	const uint8_t bytes[] = { HEAD(VIOMMU_T_DETACH), LE32(domain), LE32(EP), LE32(flags),
				  LE32(pasid) };

	return status_of(rig, bytes, sizeof(bytes));
}

/* Where a PASID reaches, as "8000+1 rw" or "fault". */
static const char *reach(struct rig *rig, uint32_t pasid, uint64_t iova, uint64_t length,
			 uint32_t access)
{
	struct viommu_translation to;
	int error = viommu_translate_pasid(rig->device, EP, pasid, iova, length,
					   access | VIOMMU_ACCESS_QUIET, &to);

	if (error)
		return error == -EFAULT ? "fault" : "error";
	snprintf(rig->words, sizeof(rig->words), "%s%llx+%llx %s%s", to.identity ? "identity " : "",
		 (unsigned long long)to.address, (unsigned long long)to.length,
		 to.flags & R ? "r" : "", to.flags & W ? "w" : "");
	return rig->words;
}

/* -- ATTACH_TABLE ------------------------------------------------------------------------------ */

/* Shows: table-1 */
static void test_table_1_without_its_feature_the_request_is_unknown(void **state)
{
	struct rig *rig = *state;
	const uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };
	uint8_t answer[VIOMMU_TAIL_LENGTH];

	assert_int_equal(request(rig, bytes, sizeof(bytes), answer, sizeof(answer)), 0);
	with_tables(state);
	assert_int_equal(viommu_accept(rig->device, VIOMMU_FEATURES_DEFAULT), 0);
	assert_int_equal(request(rig, bytes, sizeof(bytes), answer, sizeof(answer)), 0);
}

/* Shows: table-2 */
static void test_table_2_unknown_flags_and_reserved_bytes_are_inval(void **state)
{
	struct rig *rig = with_tables(state);
	struct wanted good = generic(1, BASE), bad;

	for (unsigned bit = 0; bit < 32; bit++) {
		bad = good;
		bad.flags = 1u << bit;
		if (bad.flags != PASID && bad.flags != PARENT)
			assert_int_equal(attach_table(rig, bad), VIOMMU_S_INVAL);
	}
	bad = good;
	bad.reserved = 1;
	assert_int_equal(attach_table(rig, bad), VIOMMU_S_INVAL);
	bad = good;
	bad.reserved1 = 1;
	assert_int_equal(attach_table(rig, bad), VIOMMU_S_INVAL);
	bad = good;
	bad.pasid = 1;
	assert_int_equal(attach_table(rig, bad), VIOMMU_S_INVAL);
	bad = good;
	bad.parent = 1;
	assert_int_equal(attach_table(rig, bad), VIOMMU_S_INVAL);
	assert_int_equal(viommu_accept(rig->device, TABLES), 0);
	assert_int_equal(attach_table(rig, generic_for(1, 1, BASE)), VIOMMU_S_INVAL);
	bad = good;
	bad.flags = PARENT;
	bad.parent = 2;
	assert_int_equal(attach_table(rig, bad), VIOMMU_S_INVAL);
	assert_int_equal(attach_table(rig, good), VIOMMU_S_OK);
}

/* Shows: table-3 */
static void test_table_3_no_endpoint_is_noent(void **state)
{
	struct rig *rig = with_tables(state);
	struct wanted wanted = generic(101, BASE);

	wanted.endpoint = NO_ENDPOINT;
	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_NOENT);
}

/* Shows: table-4 */
static void test_table_4_numbers_out_of_range_are_range(void **state)
{
	struct rig *rig = with_tables(state);
	struct wanted wanted = generic(101, BASE);

	wanted.format = 0;
	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_RANGE);
	assert_int_equal(attach_table(rig, generic_for(256, 1, BASE)), VIOMMU_S_RANGE);
}

/* Shows: table-5 */
static void test_table_5_a_format_that_was_not_probed_is_unsupp(void **state)
{
	struct rig *rig = with_tables(state);
	struct wanted wanted = generic(1, BASE | 1);

	wanted.format = VIOMMU_TABLE_RISCV_PC;
	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_UNSUPP);
	give_formats(rig, EP, 0);
	assert_int_equal(attach_table(rig, generic(1, BASE | 1)), VIOMMU_S_UNSUPP);
}

/* Shows: table-6 */
static void test_table_6_a_malformed_body_is_inval(void **state)
{
	struct rig *rig = with_tables(state);
	struct wanted wanted = generic(1, BASE | 8);

	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_INVAL);
	wanted = generic(1, BASE);
	wanted.body[7] = 1;
	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_INVAL);
	wanted = (struct wanted){
		.domain = 1,
		.endpoint = EP,
		.format = VIOMMU_TABLE_ARM_CD,
		/* HA is set, and the device updates no flags. */
		.body = { 0x56a04c0903510, BASE },
	};
	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_INVAL);
	wanted.body[0] = 0x56204c0903510;
	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_OK);
	/* Not valid; then a reserved type; then 5 levels, which were not probed. */
	wanted.format = VIOMMU_TABLE_X86_PASID_ENTRY;
	wanted.body[1] = 0;
	wanted.body[2] = BASE;
	wanted.body[0] = 1 << 6;
	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_INVAL);
	wanted.body[0] = 1;
	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_INVAL);
	wanted.body[0] = 1 | 1 << 6;
	wanted.body[2] = BASE | 1 << 2;
	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_INVAL);
	wanted.body[2] = BASE;
	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_OK);
}

/* Shows: table-6 */
static void test_table_6_a_context_format_has_no_pasid(void **state)
{
	struct rig *rig = with_tables(state);
	struct wanted wanted = context(1);

	wanted.flags = PASID;
	wanted.pasid = 1;
	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_INVAL);
}

static struct wanted nested(uint32_t domain, uint32_t parent)
{
	struct wanted wanted = generic(domain, 0x10000);

	wanted.flags = PARENT;
	wanted.parent = parent;
	return wanted;
}

/* Shows: table-7 */
static void test_table_7_a_parent_has_mappings(void **state)
{
	struct rig *rig = with_tables(state);

	assert_int_equal(attach_table(rig, nested(1, 101)), VIOMMU_S_RANGE);
	assert_int_equal(attach_table(rig, nested(1, 1)), VIOMMU_S_INVAL);
	assert_int_equal(attach_bypass(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, nested(1, 2)), VIOMMU_S_INVAL);
	assert_int_equal(attach_table(rig, generic_for(1, 3, BASE)), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, nested(1, 3)), VIOMMU_S_INVAL);
	assert_int_equal(attach_table(rig, nested(1, 4)), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, nested(4, 5)), VIOMMU_S_INVAL);
}

/* Shows: table-8 */
static void test_table_8_joining_needs_the_same_table(void **state)
{
	struct rig *rig = with_tables(state);
	struct wanted other = generic_for(1, 1, BASE);

	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, generic(2, BASE)), VIOMMU_S_INVAL);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, other), VIOMMU_S_OK);
	other.body[0] = BASE + PAGE;
	assert_int_equal(attach_table(rig, other), VIOMMU_S_INVAL);
	assert_int_equal(attach_table(rig, generic(1, BASE + PAGE)), VIOMMU_S_INVAL);
	assert_int_equal(attach_table(rig, nested(1, 9)), VIOMMU_S_INVAL);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_INVAL);
	assert_int_equal(attach_pasid(rig, 1, EP2, 1), VIOMMU_S_INVAL);
}

/* Shows: table-8 */
static void test_table_8_the_only_holder_may_change_the_root(void **state)
{
	struct rig *rig = with_tables(state);

	write_table(BASE, 0x1000, 0x8000, GENERIC_RW);
	write_table(BASE + 4 * PAGE, 0x1000, 0x9000, GENERIC_R);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "8000+8 rw");
	assert_int_equal(attach_table(rig, generic(1, BASE + 4 * PAGE)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "9000+8 r");
	assert_int_equal(counters(rig).domains, 1);
	assert_int_equal(attach_table(rig, generic_for(7, 1, BASE)), VIOMMU_S_INVAL);
	assert_int_equal(attach_table(rig, generic_for(7, 1, BASE + 4 * PAGE)), VIOMMU_S_OK);
	assert_string_equal(reach(rig, 7, 0x1000, 8, R), "9000+8 r");
}

/* Shows: slot-attach-5, table-9 */
static void test_table_9_contexts_and_pasids_exclude_each_other(void **state)
{
	struct rig *rig = with_tables(state);

	assert_int_equal(attach_pasid(rig, 2, EP, 1), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, context(1)), VIOMMU_S_INVAL);
	assert_int_equal(detach_slot(rig, 2, PASID, 1), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, context(1)), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, generic_for(1, 2, BASE)), VIOMMU_S_INVAL);
	assert_int_equal(attach_pasid(rig, 2, EP, 1), VIOMMU_S_INVAL);
	assert_int_equal(attach_table(rig, generic(2, BASE)), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 3, EP, 1), VIOMMU_S_OK);
}

/* Shows: table-10 */
static void test_table_10_a_table_outside_memory_faults_later(void **state)
{
	struct rig *rig = with_tables(state);

	assert_int_equal(attach_table(rig, generic(1, 0x700000)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "fault");
}

/* Shows: table-11 */
static void test_table_11_an_endpoint_with_a_listener_is_unsupp(void **state)
{
	struct rig *rig = with_tables(state);
	struct recorder recorder = { 0 }, late = { 0 };

	assert_int_equal(recorder_listen(&recorder, rig, "a", EP), 0);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_UNSUPP);
	assert_int_equal(attach_table(rig, nested(1, 2)), VIOMMU_S_UNSUPP);
	assert_int_equal(counters(rig).domains, 0);
	viommu_unlisten(recorder.listener);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&late, rig, "b", EP), -EBUSY);
}

/* Shows: table-12 */
static void test_table_12_the_slot_is_replaced(void **state)
{
	struct rig *rig = with_tables(state);

	write_table(BASE, 0x1000, 0x8000, GENERIC_RW);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0xa000, R), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "8000+8 rw");
	assert_int_equal(counters(rig).domains, 1);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "fault");
	assert_int_equal(counters(rig).bytes, 0);
}

/* -- translation --------------------------------------------------------------- */

static void test_an_answer_ends_with_its_page(void **state)
{
	struct rig *rig = with_tables(state);

	write_table(BASE, 0x1000, 0x8000, GENERIC_RW);
	write_table(BASE, 0x2000, 0xb000, GENERIC_R);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1ff0, 0x100), "8ff0+10 rw");
	assert_string_equal(where(rig, EP, 0x2000, 8, R), "b000+8 r");
	assert_int_equal(rig->n_events, 0);
	assert_string_equal(where(rig, EP, 0x2000, 8, W), "fault");
	assert_int_equal(rig->n_events, 1);
	assert_int_equal(rig->events[0][0], VIOMMU_FAULT_R_MAPPING);
}

/* Shows: table-translate */
static void test_a_change_of_the_table_is_seen(void **state)
{
	struct rig *rig = with_tables(state);

	write_table(BASE, 0x1000, 0x8000, GENERIC_RW);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "8000+8 rw");
	assert_string_equal(peek(rig, EP, 0x2000, 8), "fault");
	write_table(BASE, 0x2000, 0x9000, GENERIC_RW);
	assert_string_equal(peek(rig, EP, 0x2000, 8), "9000+8 rw");
	write_table(BASE, 0x1000, 0, 0);
	assert_int_equal(invalidate(rig, (struct drop){ .scope = VIOMMU_INVALIDATE_S_DOMAIN,
							.caches = VIOMMU_INVALIDATE_C_TLB,
							.domain = 1 }),
			 VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "fault");
}

/* Shows: table-translate */
static void test_pasids_do_not_reach_each_other(void **state)
{
	struct rig *rig = with_tables(state);

	write_table(BASE, 0x1000, 0x8000, GENERIC_RW);
	write_table(BASE + 4 * PAGE, 0x2000, 0x9000, GENERIC_RW);
	assert_int_equal(attach_table(rig, generic_for(1, 1, BASE)), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, generic_for(2, 2, BASE + 4 * PAGE)), VIOMMU_S_OK);
	assert_string_equal(reach(rig, 1, 0x1000, 8, R), "8000+8 rw");
	assert_string_equal(reach(rig, 1, 0x2000, 8, R), "fault");
	assert_string_equal(reach(rig, 2, 0x1000, 8, R), "fault");
	assert_string_equal(reach(rig, 2, 0x2000, 8, R), "9000+8 rw");
	assert_string_equal(reach(rig, 3, 0x2000, 8, R), "fault");
	assert_string_equal(peek(rig, EP, 0x2000, 8), "fault");
}

/* Shows: table-translate */
static void test_a_context_fills_all_slots(void **state)
{
	struct rig *rig = with_tables(state);

	write_x86(BASE, 0x1000, 0x8000, 7);
	write_x86(BASE + 4 * PAGE, 0x1000, 0x9000, 7);
	write_context(0, BASE);
	write_context(5, BASE + 4 * PAGE);
	assert_int_equal(attach_table(rig, context(1)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1008, 8), "8008+8 r");
	assert_string_equal(reach(rig, 5, 0x1008, 8, R), "9008+8 r");
	assert_string_equal(reach(rig, 6, 0x1008, 8, R), "fault");
	/* The entry is read when it is used, not when it was attached. */
	write_context(6, BASE);
	assert_string_equal(reach(rig, 6, 0x1008, 8, R), "8008+8 r");
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(reach(rig, 5, 0x1008, 8, R), "fault");
}

static void test_accessed_and_dirty_flags_are_set(void **state)
{
	struct rig *rig = with_tables(state);
	const uint64_t *leaf = word(BASE + 3 * PAGE + 8);

	write_x86(BASE, 0x1000, 0x8000, 7);
	write_context(0, BASE);
	assert_int_equal(attach_table(rig, context(1)), VIOMMU_S_OK);
	/* Who keeps the answer to a read must not write by it. */
	assert_string_equal(where(rig, EP, 0x1000, 8, R), "8000+8 r");
	assert_int_equal(le64toh(*leaf), 0x8027);
	assert_string_equal(where(rig, EP, 0x1000, 8, W), "8000+8 rw");
	assert_int_equal(le64toh(*leaf), 0x8067);
	assert_string_equal(where(rig, EP, 0x1000, 8, R), "8000+8 rw");
}

static void test_a_kernel_page_is_refused_to_a_pasid(void **state)
{
	struct rig *rig = with_tables(state);

	write_x86(BASE, 0x1000, 0x8000, 3);
	write_context(1, BASE);
	assert_int_equal(attach_table(rig, context(1)), VIOMMU_S_OK);
	assert_string_equal(reach(rig, 1, 0x1000, 8, R), "fault");
	assert_string_equal(reach(rig, 1, 0x1000, 8, R | VIOMMU_ACCESS_PRIVILEGED), "8000+8 r");
}

/* Shows: table-reserved */
static void test_reserved_regions_are_not_walked(void **state)
{
	struct rig *rig = with_tables(state);
	const struct viommu_reserved region = { 0x1800, 0x1fff, VIOMMU_RESV_MEM_RESERVED };
	const struct viommu_endpoint config = {
		.size = sizeof(config),
		.id = EP,
		.reserved = &region,
		.n_reserved = 1,
		.formats = formats,
		.n_formats = 1,
	};

	write_table(BASE, 0x1000, 0x8000, GENERIC_RW);
	assert_int_equal(viommu_endpoint_update(rig->device, &config), 0);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 0x1000), "8000+800 rw");
	assert_string_equal(peek(rig, EP, 0x1800, 8), "fault");
}

static void test_memory_that_is_taken_away_is_not_read(void **state)
{
	struct rig *rig = with_tables(state);

	write_table(BASE, 0x1000, 0x8000, GENERIC_RW);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "8000+8 rw");
	assert_int_equal(viommu_set_memory(rig->device, NULL, 0), 0);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "fault");
}

static void test_memory_that_overlaps_is_refused(void **state)
{
	struct rig *rig = with_tables(state);
	const struct viommu_memory overlapping[] = { { 0x2000, 0x3fff, memory, false },
						     { 0x0000, 0x2000, memory, false } };
	const struct viommu_memory inverted = { 0x2000, 0x1fff, memory, false };
	const struct viommu_memory nowhere = { 0x2000, 0x2fff, NULL, false };
	const struct viommu_memory odd = { 0x2001, 0x2fff, memory, false };

	assert_int_equal(viommu_set_memory(rig->device, overlapping, 2), -EINVAL);
	assert_int_equal(viommu_set_memory(rig->device, &inverted, 1), -EINVAL);
	assert_int_equal(viommu_set_memory(rig->device, &nowhere, 1), -EINVAL);
	assert_int_equal(viommu_set_memory(rig->device, &odd, 1), -EINVAL);
}

/* Shows: table-no-map */
static void test_map_and_unmap_of_a_table_are_inval(void **state)
{
	struct rig *rig = with_tables(state);

	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_INVAL);
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_INVAL);
}

/* -- nesting ------------------------------------------------------------------- */

/* The child's tables are at 0x10000 of the parent, which is BASE. Their pages are at 0x20000. */
static struct rig *with_parent(void **state)
{
	struct rig *rig = with_tables(state);

	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x10000, 0x13fff, BASE, R), VIOMMU_S_OK);
	for (unsigned level = 0; level < 3; level++)
		*word(BASE + level * PAGE) = htole64((0x10000 + (level + 1) * PAGE) | 3);
	*word(BASE + 3 * PAGE + 8) = htole64(0x20000 | GENERIC_RW);
	*word(BASE + 3 * PAGE + 16) = htole64(0x21000 | GENERIC_RW);
	assert_int_equal(attach_table(rig, nested(1, 2)), VIOMMU_S_OK);
	return rig;
}

/* Shows: table-parent */
static void test_a_child_reaches_what_its_parent_maps(void **state)
{
	struct rig *rig = with_parent(state);

	assert_string_equal(peek(rig, EP, 0x1000, 8), "fault");
	assert_int_equal(map(rig, 2, 0x20000, 0x20fff, 0x5000, R | W), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x21000, 0x21fff, 0x7000, R), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1008, 0x2000), "5008+ff8 rw");
	assert_string_equal(peek(rig, EP, 0x2000, 8), "7000+8 r");
	assert_string_equal(where(rig, EP, 0x2000, 8, W), "fault");
	assert_string_equal(peek(rig, EP2, 0x20000, 8), "5000+8 rw");
}

/* Shows: table-parent */
static void test_unmapping_of_a_parent_ends_what_the_child_reaches(void **state)
{
	struct rig *rig = with_parent(state);

	assert_int_equal(map(rig, 2, 0x20000, 0x20fff, 0x5000, R | W), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "5000+8 rw");
	assert_int_equal(unmap(rig, 2, 0x20000, 0x20fff), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "fault");
	assert_int_equal(map(rig, 2, 0x20000, 0x20fff, 0x6000, R), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "6000+8 r");
	/* The tables themselves. */
	assert_int_equal(unmap(rig, 2, 0x10000, 0x13fff), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "fault");
}

/* Shows: table-parent */
static void test_a_parent_lives_as_long_as_a_child(void **state)
{
	struct rig *rig = with_parent(state);

	assert_int_equal(map(rig, 2, 0x20000, 0x20fff, 0x5000, R | W), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(counters(rig).domains, 2);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "5000+8 rw");
	assert_int_equal(map(rig, 2, 0x21000, 0x21fff, 0x7000, R), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x2000, 8), "7000+8 r");
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP2, 0x20000, 8), "5000+8 rw");
	assert_int_equal(detach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(counters(rig).domains, 0);
	assert_int_equal(counters(rig).bytes, 0);
}

/* Shows: table-12 */
static void test_a_parent_that_does_not_exist_is_made(void **state)
{
	struct rig *rig = with_tables(state);

	assert_int_equal(attach_table(rig, nested(1, 2)), VIOMMU_S_OK);
	assert_int_equal(counters(rig).domains, 2);
	assert_int_equal(map(rig, 2, 0x10000, 0x13fff, BASE, R), VIOMMU_S_OK);
	viommu_reset(rig->device);
	assert_int_equal(counters(rig).domains, 0);
	assert_int_equal(counters(rig).bytes, 0);
}

/* Shows: slot-attach-7 */
static void test_an_endpoint_may_move_to_the_parent_of_its_table(void **state)
{
	struct rig *rig = with_tables(state);

	assert_int_equal(attach_table(rig, nested(1, 2)), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x10000, 0x13fff, BASE, R), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(counters(rig).domains, 1);
	assert_string_equal(peek(rig, EP, 0x10000, 8), "100000+8 r");
	assert_int_equal(attach_table(rig, nested(1, 2)), VIOMMU_S_OK);
	assert_int_equal(counters(rig).domains, 2);
}

/* -- INVALIDATE ---------------------------------------------------------------- */

static const struct drop drop_all = {
	.scope = VIOMMU_INVALIDATE_S_DOMAIN,
	.caches = VIOMMU_INVALIDATE_C_TLB,
	.domain = 1,
};

/* Shows: invalidate-1 */
static void test_invalidate_1_what_is_unknown_is_inval(void **state)
{
	struct rig *rig = with_tables(state);
	struct drop bad;

	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	for (unsigned scope = 0; scope < 256; scope++) {
		bad = drop_all;
		bad.scope = (uint8_t)scope;
		if (scope < 1 || scope > 3)
			assert_int_equal(invalidate(rig, bad), VIOMMU_S_INVAL);
	}
	for (unsigned caches = 0; caches < 256; caches++) {
		bad = drop_all;
		bad.caches = (uint8_t)caches;
		assert_int_equal(invalidate(rig, bad),
				 caches && caches < 8 ? VIOMMU_S_OK : VIOMMU_S_INVAL);
	}
	bad = drop_all;
	bad.flags = 16;
	assert_int_equal(invalidate(rig, bad), VIOMMU_S_INVAL);
	bad = drop_all;
	bad.reserved = 1;
	assert_int_equal(invalidate(rig, bad), VIOMMU_S_INVAL);
}

/* Shows: invalidate-2 */
static void test_invalidate_2_an_unknown_domain_is_noent(void **state)
{
	struct rig *rig = with_tables(state);

	assert_int_equal(invalidate(rig, drop_all), VIOMMU_S_NOENT);
}

/* Shows: invalidate-3 */
static void test_invalidate_3_a_domain_with_mappings_is_inval(void **state)
{
	struct rig *rig = with_tables(state);
	struct drop drop = drop_all;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_INVAL);
	drop.domain = 2;
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_INVAL);
}

/* Shows: invalidate-4 */
static void test_invalidate_4_a_pasid_that_has_not_the_domain_is_ok(void **state)
{
	struct rig *rig = with_tables(state);
	struct drop drop = drop_all;

	assert_int_equal(attach_table(rig, generic_for(1, 1, BASE)), VIOMMU_S_OK);
	drop.scope = VIOMMU_INVALIDATE_S_PASID;
	drop.pasid = 77;
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
}

/* Shows: invalidate-5 */
static void test_invalidate_5_6_7_ranges(void **state)
{
	struct rig *rig = with_tables(state);
	struct drop drop = {
		.scope = VIOMMU_INVALIDATE_S_ADDRESS,
		.caches = VIOMMU_INVALIDATE_C_TLB,
		.domain = 1,
		.nr_pages = 1,
	};

	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	for (unsigned shift = 0; shift < 256; shift++) {
		drop.page_size = (uint8_t)shift;
		assert_int_equal(invalidate(rig, drop), shift == 12 || shift == 21 || shift == 30
								? VIOMMU_S_OK
								: VIOMMU_S_INVAL);
	}
	drop.page_size = 12;
	drop.address = 0x1234;
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
	drop.nr_pages = UINT64_MAX;
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
	drop.nr_pages = 0;
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_INVAL);
}

struct ats {
	unsigned n;
	struct viommu_invalidation last;
};

static void drop_ats(void *opaque, const struct viommu_invalidation *what)
{
	struct ats *ats = opaque;

	ats->n++;
	ats->last = *what;
}

/* A device of its own: the rig has no `invalidate`. Shows: invalidate-device */
static void test_a_device_tlb_is_dropped_by_the_vmm(void **state)
{
	struct rig *rig = with_tables(state), own = { 0 };
	struct ats ats = { 0 };
	const struct viommu_ops ops = { .size = sizeof(ops), .invalidate = drop_ats };
	const struct viommu_config config = { .size = sizeof(config), .features = FEATURES };
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = EP,
		.pasid_bits = 8,
		.formats = formats,
		.n_formats = COUNT_OF(formats),
	};
	struct drop drop = {
		.scope = VIOMMU_INVALIDATE_S_ADDRESS,
		.caches = VIOMMU_INVALIDATE_C_TLB,
		.domain = 1,
		.page_size = 12,
		.address = 0x5123,
		.nr_pages = 2,
	};

	(void)rig;
	assert_int_equal(viommu_new(&config, &ops, &ats, &own.device), 0);
	assert_int_equal(viommu_endpoint_add(own.device, &endpoint), 0);
	assert_int_equal(viommu_accept(own.device, FEATURES), 0);
	assert_int_equal(attach_table(&own, generic_for(3, 1, BASE)), VIOMMU_S_OK);
	assert_int_equal(invalidate(&own, drop), VIOMMU_S_OK);
	assert_int_equal(ats.n, 0);
	drop.caches |= VIOMMU_INVALIDATE_C_DEV_TLB;
	assert_int_equal(invalidate(&own, drop), VIOMMU_S_OK);
	assert_int_equal(ats.n, 1);
	assert_int_equal(ats.last.endpoint, EP);
	assert_true(ats.last.has_pasid);
	assert_int_equal(ats.last.pasid, 3);
	assert_int_equal(ats.last.first, 0x5000);
	assert_in_range(ats.last.last, 0x6fff, 0x7fff);
	drop.nr_pages = UINT64_MAX;
	assert_int_equal(invalidate(&own, drop), VIOMMU_S_OK);
	assert_true(ats.last.last == UINT64_MAX);
	viommu_free(own.device);
}

/* -- what an endpoint keeps by itself ------------------------------------------ */

/* A VMM that records invalidations, as "3:1000-1fff all", and translates meanwhile. */
struct atc {
	struct rig rig; /* for requests only */
	char dropped[256];
	bool was_found; /* an old translation, while it was to be dropped */
};

static void drop_kept(void *opaque, const struct viommu_invalidation *what)
{
	struct atc *atc = opaque;
	size_t at = strlen(atc->dropped);
	struct viommu_translation to;
	int error;

	at += (size_t)snprintf(atc->dropped + at, sizeof(atc->dropped) - at, "%s%x", at ? ", " : "",
			       what->endpoint);
	if (what->has_pasid)
		at += (size_t)snprintf(atc->dropped + at, sizeof(atc->dropped) - at, ":%u",
				       what->pasid);
	if (what->first || what->last != TOP)
		snprintf(atc->dropped + at, sizeof(atc->dropped) - at, " %llx-%llx",
			 (unsigned long long)what->first, (unsigned long long)what->last);
	error = what->has_pasid
			? viommu_translate_pasid(atc->rig.device, what->endpoint, what->pasid,
						 0x1000, 1, R | VIOMMU_ACCESS_QUIET, &to)
			: viommu_translate(atc->rig.device, what->endpoint, 0x1000, 1,
					   R | VIOMMU_ACCESS_QUIET, &to);
	atc->was_found |= !error && to.address == 0x8000;
}

static struct rig *with_atc(struct atc *atc)
{
	const struct viommu_ops ops = { .size = sizeof(ops), .invalidate = drop_kept };
	const struct viommu_config config = { .size = sizeof(config), .features = FEATURES };
	struct rig *rig = &atc->rig;

	*atc = (struct atc){ 0 };
	assert_int_equal(viommu_new(&config, &ops, atc, &rig->device), 0);
	for (uint32_t id = EP; id <= EP2; id += EP2 - EP) {
		const struct viommu_endpoint endpoint = {
			.size = sizeof(endpoint),
			.id = id,
			.pasid_bits = 8,
			.formats = formats,
			.n_formats = COUNT_OF(formats),
		};

		assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	}
	assert_int_equal(viommu_accept(rig->device, FEATURES), 0);
	give_memory(rig);
	write_table(BASE, 0x1000, 0x8000, GENERIC_RW);
	return rig;
}

static void assert_dropped(struct atc *atc, const char *what)
{
	assert_string_equal(atc->dropped, what);
	assert_false(atc->was_found);
	atc->dropped[0] = '\0';
}

/* Shows: invalidate-device */
static void test_detach_drops_what_the_endpoint_keeps(void **state)
{
	struct atc atc;
	struct rig *rig = with_atc(&atc);

	(void)state;
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "8000+8 rw");
	assert_dropped(&atc, "");
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_dropped(&atc, "8");
	assert_int_equal(attach_table(rig, generic_for(3, 1, BASE)), VIOMMU_S_OK);
	assert_dropped(&atc, "");
	assert_int_equal(detach_slot(rig, 1, PASID, 3), VIOMMU_S_OK);
	assert_dropped(&atc, "8:3");
	viommu_free(rig->device);
}

/* Shows: invalidate-device */
static void test_attach_over_a_slot_drops_what_the_endpoint_keeps(void **state)
{
	struct atc atc;
	struct rig *rig = with_atc(&atc);

	(void)state;
	write_table(BASE + 8 * PAGE, 0x1000, 0x9000, GENERIC_RW);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, generic(1, BASE + 8 * PAGE)), VIOMMU_S_OK);
	assert_dropped(&atc, "8");
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_dropped(&atc, "8");
	assert_int_equal(attach_table(rig, generic_for(3, 1, BASE)), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, generic_for(3, 4, BASE + 8 * PAGE)), VIOMMU_S_OK);
	assert_dropped(&atc, "8:3");
	viommu_free(rig->device);
}

/* Shows: invalidate-device */
static void test_reset_and_bypass_drop_what_the_endpoint_keeps(void **state)
{
	struct atc atc;
	struct rig *rig = with_atc(&atc);

	(void)state;
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, generic_for(3, 1, BASE)), VIOMMU_S_OK);
	viommu_reset(rig->device);
	assert_non_null(strstr(atc.dropped, "8:3"));
	assert_int_equal(strlen(atc.dropped), strlen("8:3, 8"));
	atc.dropped[0] = '\0';
	assert_int_equal(viommu_accept(rig->device, FEATURES), 0);
	write_bypass(rig, 1);
	assert_dropped(&atc, "");
	write_bypass(rig, 0);
	assert_int_equal(strlen(atc.dropped), strlen("8, 10"));
	viommu_free(rig->device);
}

/* Shows: invalidate-device */
static void test_unmap_drops_the_range_in_every_slot(void **state)
{
	struct atc atc;
	struct rig *rig = with_atc(&atc);

	(void)state;
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP2, 3), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x5000, 0x5fff, 0xa000, R), VIOMMU_S_OK);
	assert_dropped(&atc, "");
	assert_int_equal(unmap(rig, 1, 0x2000, 0x2fff), VIOMMU_S_OK);
	assert_dropped(&atc, "");
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_dropped(&atc, "8 1000-1fff, 10:3 1000-1fff");
	viommu_free(rig->device);
}

/* Shows: invalidate-device */
static void test_unmap_of_a_parent_drops_all_of_its_children(void **state)
{
	struct atc atc;
	struct rig *rig = with_atc(&atc);
	struct wanted child = generic(1, 0x10000), other = generic_for(3, 3, 0x10000);

	(void)state;
	child.flags |= PARENT;
	child.parent = 2;
	other.flags |= PARENT;
	other.parent = 2;
	other.endpoint = EP2;
	assert_int_equal(attach_table(rig, child), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, other), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_dropped(&atc, "");
	assert_int_equal(unmap(rig, 2, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_int_equal(strlen(atc.dropped), strlen("8, 10:3"));
	assert_non_null(strstr(atc.dropped, "10:3"));
	atc.dropped[0] = '\0';
	/* A child that was released is no longer a child. */
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_dropped(&atc, "8");
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 2, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_dropped(&atc, "10:3");
	viommu_free(rig->device);
}

/* -- the number of calls ------------------------------------------------------- */

/* A VMM that counts invalidations, and has the last of each endpoint. */
struct counting {
	struct rig rig;
	unsigned n, n_all; /* n_all: of all address spaces of an endpoint */
	struct viommu_invalidation last[EP3 + 1];
};

static void count_call(void *opaque, const struct viommu_invalidation *what)
{
	struct counting *counting = opaque;

	assert_in_range(what->endpoint, 0, EP3);
	counting->n++;
	counting->n_all += !what->has_pasid;
	counting->last[what->endpoint] = *what;
}

static struct rig *with_counting(struct counting *counting)
{
	const struct viommu_ops ops = { .size = sizeof(ops), .invalidate = count_call };
	const struct viommu_config config = { .size = sizeof(config), .features = FEATURES };
	static const uint32_t ids[] = { EP, EP2, EP3 };
	struct rig *rig = &counting->rig;

	*counting = (struct counting){ 0 };
	assert_int_equal(viommu_new(&config, &ops, counting, &rig->device), 0);
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		const struct viommu_endpoint endpoint = {
			.size = sizeof(endpoint),
			.id = ids[i],
			.pasid_bits = 10,
			.formats = formats,
			.n_formats = COUNT_OF(formats),
		};

		assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	}
	assert_int_equal(viommu_accept(rig->device, FEATURES), 0);
	give_memory(rig);
	return rig;
}

static void forget_calls(struct counting *counting)
{
	counting->n = counting->n_all = 0;
	memset(counting->last, 0, sizeof(counting->last));
}

static void assert_all_of(const struct counting *counting, uint32_t endpoint, uint64_t first,
			  uint64_t last)
{
	const struct viommu_invalidation *what = &counting->last[endpoint];

	assert_int_equal(what->endpoint, endpoint);
	assert_false(what->has_pasid);
	assert_true(what->first == first && what->last == last);
}

static void attach_pasids(struct rig *rig, uint32_t from, uint32_t to, uint32_t domain)
{
	for (uint32_t pasid = from; pasid < to; pasid++)
		assert_int_equal(attach_table(rig, generic_for(pasid, domain, BASE)), VIOMMU_S_OK);
}

/* Shows: invalidate-device */
static void test_an_invalidate_of_many_pasids_is_one_call_per_endpoint(void **state)
{
	struct counting counting;
	struct rig *rig = with_counting(&counting);
	struct wanted other = generic_for(3, 1, BASE), default_slot = generic(1, BASE);
	const struct drop drop = {
		.scope = VIOMMU_INVALIDATE_S_ADDRESS,
		.caches = VIOMMU_INVALIDATE_C_TLB | VIOMMU_INVALIDATE_C_DEV_TLB,
		.domain = 1,
		.page_size = 12,
		.address = 0x5000,
		.nr_pages = 2,
	};

	(void)state;
	attach_pasids(rig, 0, 16, 1);
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
	assert_true(counting.n == 16 && !counting.n_all);

	attach_pasids(rig, 16, 1000, 1);
	forget_calls(&counting);
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
	assert_int_equal(counting.n, 1);
	assert_all_of(&counting, EP, 0x5000, 0x6fff);

	/* Another endpoint has one PASID in the domain, and a third its default slot. */
	other.endpoint = EP2;
	default_slot.endpoint = EP3;
	assert_int_equal(attach_table(rig, other), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, default_slot), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	forget_calls(&counting);
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
	assert_int_equal(counting.n, 3);
	assert_all_of(&counting, EP, 0x5000, 0x6fff);
	assert_all_of(&counting, EP2, 0x5000, 0x6fff);
	assert_all_of(&counting, EP3, 0x5000, 0x6fff);
	viommu_free(rig->device);
}

/* Shows: invalidate-device */
static void test_an_unmap_of_many_pasids_is_one_call_per_endpoint(void **state)
{
	struct counting counting;
	struct rig *rig = with_counting(&counting);

	(void)state;
	for (uint32_t pasid = 0; pasid < 1000; pasid++)
		assert_int_equal(attach_pasid(rig, 1, EP, pasid), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP2, 3), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_int_equal(counting.n, 2);
	assert_all_of(&counting, EP, 0x1000, 0x1fff);
	assert_all_of(&counting, EP2, 0x1000, 0x1fff);
	viommu_free(rig->device);
}

/* Shows: invalidate-device */
static void test_an_unmap_of_a_parent_of_many_is_one_call_per_endpoint(void **state)
{
	struct counting counting;
	struct rig *rig = with_counting(&counting);
	struct wanted child = generic(1, 0x10000);

	(void)state;
	child.flags |= PARENT;
	child.parent = 2000;
	child.endpoint = EP2;
	assert_int_equal(attach_table(rig, child), VIOMMU_S_OK);
	child.endpoint = EP;
	child.flags |= PASID;
	for (uint32_t pasid = 0; pasid < 1000; pasid++) {
		child.domain = 3 + pasid;
		child.pasid = pasid;
		assert_int_equal(attach_table(rig, child), VIOMMU_S_OK);
	}
	assert_int_equal(attach(rig, 2000, EP3), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2000, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	forget_calls(&counting);
	assert_int_equal(unmap(rig, 2000, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_int_equal(counting.n, 3);
	assert_all_of(&counting, EP, 0, TOP);
	assert_all_of(&counting, EP2, 0, TOP);
	assert_true(!counting.last[EP3].has_pasid && counting.last[EP3].first <= 0x1000 &&
		    counting.last[EP3].last >= 0x1fff);
	viommu_free(rig->device);
}

static void test_an_unplugged_endpoint_drops_what_it_keeps(void **state)
{
	struct atc atc;
	struct rig *rig = with_atc(&atc);

	(void)state;
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
	assert_dropped(&atc, "8");
	viommu_free(rig->device);
	assert_dropped(&atc, "");
}

static void test_nothing_is_called_when_the_device_is_freed(void **state)
{
	struct atc atc;
	struct rig *rig = with_atc(&atc);

	(void)state;
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, generic_for(3, 1, BASE)), VIOMMU_S_OK);
	viommu_free(rig->device);
	assert_dropped(&atc, "");
}

/* A listener drops by itself. */
static void test_an_endpoint_with_a_listener_is_not_called_as_well(void **state)
{
	const struct viommu_listener_ops ops = { .size = sizeof(ops) };
	struct viommu_listener *listener;
	struct atc atc;
	struct rig *rig = with_atc(&atc);

	(void)state;
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(viommu_listen(rig->device, EP, &ops, NULL, &listener), 0);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_dropped(&atc, "");
	viommu_free(rig->device);
}

/* -- cached entries ------------------------------------------------------------ */

/* Only an answer that is kept can be old. Without that, these tests show nothing. */
static void assert_is_kept(struct rig *rig, uint64_t *leaf, uint64_t changed)
{
	assert_string_equal(peek(rig, EP, 0x1000, 8), "8000+8 rw");
	*leaf = htole64(changed);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "8000+8 rw");
}

/* Shows: invalidate-promise */
static void test_every_invalidate_ends_what_was_kept(void **state)
{
	struct rig *rig = with_tables(state);
	uint64_t *leaf = word(BASE + 3 * PAGE + 8);

	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	for (uint8_t scope = 1; scope <= 3; scope++)
		for (uint8_t caches = 1; caches <= 7; caches++) {
			const struct drop drop = {
				.scope = scope,
				.caches = caches,
				.domain = 1,
				.page_size = 12,
				.address = 0x1000,
				.nr_pages = 1,
				.flags = VIOMMU_INVALIDATE_F_LEAF,
			};

			write_table(BASE, 0x1000, 0x8000, GENERIC_RW);
			assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
			assert_is_kept(rig, leaf, 0);
			assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
			assert_string_equal(peek(rig, EP, 0x1000, 8), "fault");
		}
}

/* Shows: invalidate-promise */
static void test_detach_attach_and_reset_end_what_was_kept(void **state)
{
	struct rig *rig = with_tables(state);
	uint64_t *leaf = word(BASE + 3 * PAGE + 8);

	write_table(BASE, 0x1000, 0x8000, GENERIC_RW);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_is_kept(rig, leaf, 0x9000 | GENERIC_R);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "9000+8 r");
	*leaf = htole64(0xa000 | GENERIC_R);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "a000+8 r");
	*leaf = htole64(0xb000 | GENERIC_R);
	viommu_reset(rig->device);
	assert_int_equal(viommu_accept(rig->device, FEATURES), 0);
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "b000+8 r");
}

/* Shows: invalidate-promise */
static void test_unmap_of_a_parent_ends_what_its_child_kept(void **state)
{
	struct rig *rig = with_parent(state);

	assert_int_equal(map(rig, 2, 0x20000, 0x21fff, 0x5000, R | W), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "5000+8 rw");
	*word(BASE + 3 * PAGE + 8) = htole64(0x21000 | GENERIC_RW);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "5000+8 rw");
	/* The tables move: what was read in the old ones is gone. */
	assert_int_equal(unmap(rig, 2, 0x10000, 0x13fff), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x10000, 0x13fff, BASE, R), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "6000+8 rw");
}

/* Shows: invalidate-nothing-negative */
static void test_more_rights_need_no_request(void **state)
{
	struct rig *rig = with_tables(state);

	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	assert_string_equal(where(rig, EP, 0x1000, 8, R), "fault");
	write_table(BASE, 0x1000, 0x8000, GENERIC_R);
	assert_string_equal(where(rig, EP, 0x1000, 8, R), "8000+8 r");
	assert_string_equal(where(rig, EP, 0x1000, 8, W), "fault");
	write_table(BASE, 0x1000, 0x8000, GENERIC_RW);
	assert_string_equal(where(rig, EP, 0x1000, 8, W), "8000+8 rw");
}

/* Shows: table-keys */
static void test_what_is_kept_is_found_by_the_whole_address_and_pasid(void **state)
{
	struct rig *rig = with_tables(state);

	write_x86(BASE, 0x1000, 0x8000, 7);
	write_x86(BASE + 4 * PAGE, 0x1000, 0x9000, 3);
	write_context(1, BASE);
	write_context(2, BASE + 4 * PAGE);
	assert_int_equal(attach_table(rig, context(1)), VIOMMU_S_OK);
	for (unsigned again = 0; again < 2; again++) {
		assert_string_equal(reach(rig, 1, 0x1000, 8, R), "8000+8 r");
		assert_string_equal(reach(rig, 2, 0x1000, 8, R | VIOMMU_ACCESS_PRIVILEGED),
				    "9000+8 r");
		assert_string_equal(reach(rig, 2, 0x1000, 8, R), "fault");
		assert_string_equal(reach(rig, 3, 0x1000, 8, R), "fault");
		for (unsigned bit = 21; bit < 64; bit++)
			assert_string_equal(reach(rig, 1, 0x1000 ^ UINT64_C(1) << bit, 8, R),
					    "fault");
	}
}

/* More PASIDs than there are places for one address, so that some have the same. Shows: table-keys
 */
static void test_what_is_kept_of_one_pasid_serves_no_other(void **state)
{
	enum { LAST = 254, A_PAGE = 64 };
	struct rig *rig = with_tables(state);

	write_x86(BASE, 0x1000, 0x8000, 7);
	write_x86(BASE + 4 * PAGE, 0x1000, 0x9000, 7);
	for (uint32_t pasid = 1; pasid <= LAST; pasid++) {
		uint64_t page = BASE + (17 + pasid / A_PAGE) * PAGE;

		*word(BASE + 16 * PAGE + pasid / A_PAGE * 8) = htole64(page | 1);
		*word(page + pasid % A_PAGE * 64) = htole64(1 | 1 << 6);
		*word(page + pasid % A_PAGE * 64 + 16) =
			htole64((pasid & 1 ? BASE : BASE + 4 * PAGE) | 0x33);
	}
	assert_int_equal(attach_table(rig, context(1)), VIOMMU_S_OK);
	for (unsigned again = 0; again < 2; again++)
		for (uint32_t pasid = 1; pasid <= LAST; pasid++)
			assert_string_equal(reach(rig, pasid, 0x1000, 8, R),
					    pasid & 1 ? "8000+8 r" : "9000+8 r");
}

static uint64_t count_kept(struct rig *rig)
{
	struct viommu_table_state table = { .size = sizeof(table) };

	assert_int_equal(viommu_next_table(rig->device, 1, &table), 0);
	return table.pages;
}

/* A page of 1 GiB, which an INVALIDATE of any range drops. */
static void test_a_large_page_is_kept_again_after_an_invalidate(void **state)
{
	struct rig *rig = with_tables(state);
	const struct drop other = {
		.scope = VIOMMU_INVALIDATE_S_ADDRESS,
		.caches = VIOMMU_INVALIDATE_C_TLB,
		.flags = VIOMMU_INVALIDATE_F_PASID,
		.domain = 1,
		.pasid = 1,
		.page_size = 12,
		.address = 0x1000,
		.nr_pages = 1,
	};

	write_x86(BASE, 0x1000, 0x8000, 7);
	*word(BASE + PAGE + 2 * 8) = htole64(0x40000000 | 0x87);
	write_context(1, BASE);
	assert_int_equal(attach_table(rig, context(1)), VIOMMU_S_OK);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(invalidate(rig, other), VIOMMU_S_OK);
		assert_int_equal(count_kept(rig), 0);
		assert_string_equal(reach(rig, 1, 0x80001000, 8, R), "40001000+8 r");
		assert_int_equal(count_kept(rig), 1);
	}
}

/* -- what a hostile guest could gain ------------------------------------------- */

/* A context descriptor of 48 bits in pages of 4 KiB, of which the top byte of addresses is a tag.
 */
static struct wanted tagged(uint32_t domain, uint64_t root)
{
	const uint64_t word0 = 16 | 1ull << 30 | 1ull << 31 | 5ull << 32 | 1ull << 35 | 1ull << 38 |
			       1ull << 41 | 1ull << 46;

	return (struct wanted){
		.domain = domain,
		.endpoint = EP,
		.format = VIOMMU_TABLE_ARM_CD,
		.body = { word0, root },
	};
}

/* Shows: invalidate-promise */
static void test_an_invalidate_ends_what_was_found_under_any_tag(void **state)
{
	struct rig *rig = with_tables(state);
	uint64_t *leaf = word(BASE + 3 * PAGE + 8);
	const uint64_t user_page = 3 | 1 << 6;
	const struct drop drop = {
		.scope = VIOMMU_INVALIDATE_S_ADDRESS,
		.caches = VIOMMU_INVALIDATE_C_TLB,
		.flags = VIOMMU_INVALIDATE_F_LEAF,
		.domain = 1,
		.page_size = 12,
		.address = 0x1000,
		.nr_pages = 1,
	};

	write_table(BASE, 0x1000, 0x8000, user_page);
	assert_int_equal(attach_table(rig, tagged(1, BASE)), VIOMMU_S_OK);
	for (uint64_t tag = 0; tag < 256; tag++) {
		uint64_t address = tag << 56 | 0x1000;

		*leaf = htole64(0x8000 | user_page);
		assert_string_equal(peek(rig, EP, address, 8), "8000+8 rw");
		*leaf = 0;
		assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
		assert_string_equal(peek(rig, EP, address, 8), "fault");
	}
}

/* Shows: invalidate-device */
static void test_an_invalidate_by_an_id_drops_every_pasid_of_the_endpoint(void **state)
{
	struct atc atc;
	struct rig *rig = with_atc(&atc);
	struct drop drop = {
		.scope = VIOMMU_INVALIDATE_S_PASID,
		.caches = VIOMMU_INVALIDATE_C_DEV_TLB,
		.flags = VIOMMU_INVALIDATE_F_ID,
		.domain = 1,
		.id = 7,
	};

	(void)state;
	assert_int_equal(attach_table(rig, context(1)), VIOMMU_S_OK);
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
	assert_dropped(&atc, "8");
	drop.pasid = UINT32_MAX; /* not valid, so it does not matter */
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
	assert_dropped(&atc, "8");
	drop.flags = VIOMMU_INVALIDATE_F_PASID;
	drop.pasid = 5;
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
	assert_dropped(&atc, "8:5");
	drop.scope = VIOMMU_INVALIDATE_S_DOMAIN;
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
	assert_dropped(&atc, "8");
	viommu_free(rig->device);
}

/* Requests without a PASID use the entry of RID_PASID. Shows: invalidate-device */
static void test_the_entry_of_requests_without_a_pasid_is_dropped_for_them_too(void **state)
{
	struct atc atc;
	struct rig *rig = with_atc(&atc);
	const struct drop drop = {
		.scope = VIOMMU_INVALIDATE_S_PASID,
		.caches = VIOMMU_INVALIDATE_C_DEV_TLB,
		.flags = VIOMMU_INVALIDATE_F_PASID,
		.domain = 1,
		.pasid = 5,
	};
	struct wanted wanted = context(1);

	(void)state;
	wanted.body[1] = 5;
	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_OK);
	assert_int_equal(invalidate(rig, drop), VIOMMU_S_OK);
	assert_dropped(&atc, "8");
	viommu_free(rig->device);
}

/* Another thread removes the parent's mapping while a walk updates flags. */
struct race {
	struct rig rig;
	pthread_t remover;
	unsigned n;
	uint64_t dirty[8];
};

static void *remove_tables(void *opaque)
{
	struct race *race = opaque;

	assert_int_equal(unmap(&race->rig, 2, 0x10000, 0x13fff), VIOMMU_S_OK);
	return NULL;
}

static void *await_removal(void *opaque)
{
	struct race *race = opaque;
	struct viommu_translation to;

	while (!viommu_translate(race->rig.device, EP2, 0x10000, 8, VIOMMU_ACCESS_QUIET, &to))
		;
	return NULL;
}

static void note_dirty(void *opaque, uint64_t address, uint64_t length)
{
	struct race *race = opaque;
	pthread_t observer;

	assert_int_equal(length, 8);
	assert_in_range(race->n, 0, COUNT_OF(race->dirty) - 1);
	race->dirty[race->n++] = address;
	if (race->n > 1)
		return;
	assert_int_equal(pthread_create(&race->remover, NULL, remove_tables, race), 0);
	assert_int_equal(pthread_create(&observer, NULL, await_removal, race), 0);
	assert_int_equal(pthread_join(observer, NULL), 0);
}

/* A walk that a removal waits for reports every page that it has written. */
static void test_a_removal_of_the_parent_hides_no_dirty_page(void **state)
{
	const struct viommu_ops ops = { .size = sizeof(ops), .dirty = note_dirty };
	const struct viommu_config config = { .size = sizeof(config), .features = FEATURES };
	struct race race = { 0 };
	struct rig *rig = &race.rig;
	struct wanted wanted = {
		.domain = 1,
		.endpoint = EP,
		.flags = PARENT,
		.parent = 2,
		.format = VIOMMU_TABLE_X86_PASID_ENTRY,
		.body = { 1 | 1 << 6, 0, 0x10000 | 0x33 },
	};

	(void)state;
	assert_int_equal(viommu_new(&config, &ops, &race, &rig->device), 0);
	for (uint32_t id = EP; id <= EP2; id += EP2 - EP) {
		const struct viommu_endpoint endpoint = {
			.size = sizeof(endpoint),
			.id = id,
			.formats = formats,
			.n_formats = COUNT_OF(formats),
		};

		assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	}
	assert_int_equal(viommu_accept(rig->device, FEATURES), 0);
	give_memory(rig);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x10000, 0x13fff, BASE, R | W), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x20000, 0x20fff, 0x8000, R | W), VIOMMU_S_OK);
	for (unsigned level = 0; level < 3; level++)
		*word(BASE + level * PAGE) = htole64((0x10000 + (level + 1) * PAGE) | 7);
	*word(BASE + 3 * PAGE + 8) = htole64(0x20000 | 7);
	assert_int_equal(attach_table(rig, wanted), VIOMMU_S_OK);
	assert_string_equal(where(rig, EP, 0x1000, 8, W), "8000+8 rw");
	assert_int_equal(pthread_join(race.remover, NULL), 0);
	assert_int_equal(race.n, 4);
	for (unsigned level = 0; level < 4; level++)
		assert_int_equal(race.dirty[level], BASE + level * PAGE + (level == 3 ? 8 : 0));
	viommu_free(rig->device);
}

/* With a granule of one byte. Shows: table-parent */
static void test_an_entry_that_its_parent_maps_in_part_is_not_read(void **state)
{
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){
			     .size = sizeof(struct viommu_config),
			     .features = FEATURES,
			     .page_size_mask = UINT64_MAX,
		     });
	give_memory(rig);
	give_formats(rig, EP, COUNT_OF(formats));
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	for (unsigned level = 0; level < 3; level++)
		*word(BASE + level * PAGE) = htole64((0x10000 + (level + 1) * PAGE) | 3);
	*word(BASE + 3 * PAGE + 8) = htole64(0x20000 | GENERIC_RW);
	assert_int_equal(map(rig, 2, 0x20000, 0x20fff, 0x8000, R | W), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x10000, 0x1300b, BASE, R), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, nested(1, 2)), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "fault");
	assert_int_equal(unmap(rig, 2, 0x10000, 0x1300b), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x10000, 0x1300f, BASE, R), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 8), "8000+8 rw");
}

/* -- the rest of the device ---------------------------------------------------- */

static void test_features_depend_on_each_other(void **state)
{
	static const uint64_t wrong[] = {
		(VIOMMU_FEATURES_DEFAULT | VIOMMU_F_TABLE) & ~VIOMMU_F_PROBE,
		VIOMMU_FEATURES_DEFAULT | VIOMMU_F_NEST,
		(VIOMMU_FEATURES_DEFAULT | VIOMMU_F_TABLE | VIOMMU_F_NEST) & ~VIOMMU_F_MAP_UNMAP,
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		const struct viommu_config config = { .size = sizeof(config),
						      .features = wrong[i] };
		struct viommu *device;

		assert_int_equal(viommu_new(&config, NULL, NULL, &device), -EINVAL);
	}
	assert_int_equal(VIOMMU_FEATURES_DEFAULT >> 56, 0);
}

static void test_formats_are_properties(void **state)
{
	struct rig *rig = with_tables(state);
	const uint8_t expected[] = {
		LE16(0xf20),
		LE16(4),
		8,
		0,
		0,
		0, /* PASID */
		LE16(0xf21),
		LE16(20),
		LE16(VIOMMU_TABLE_GENERIC),
		48,
		52,
		LE64(LINEAR),
		0,
		0,
		0,
		0,
		LE32(VIOMMU_TABLE_F_NEST),
		LE16(0xf21),
		LE16(20),
		LE16(VIOMMU_TABLE_X86_PASID_ENTRY),
		48,
		48,
		LE64(LINEAR),
		16,
		0,
		0,
		0,
		LE32(VIOMMU_TABLE_F_UPDATES),
	};

	assert_int_equal(probe(rig, EP), VIOMMU_S_OK);
	assert_memory_equal(rig->properties, expected, sizeof(expected));
}

static void test_formats_are_checked(void **state)
{
	struct rig *rig = with_tables(state);
	struct viommu_table_format format = { 0x777, 48, 52, LINEAR, 0, 0 };
	struct viommu_endpoint config = {
		.size = sizeof(config),
		.id = EP,
		.formats = &format,
		.n_formats = 1,
	};

	assert_int_equal(viommu_endpoint_update(rig->device, &config), -EINVAL);
	format.format = VIOMMU_TABLE_GENERIC;
	format.output_bits = 53;
	assert_int_equal(viommu_endpoint_update(rig->device, &config), -EINVAL);
	format.output_bits = 52;
	config.n_formats = 60;
	config.formats = NULL;
	assert_int_equal(viommu_endpoint_update(rig->device, &config), -EINVAL);
	replace(rig, (struct viommu_config){ .size = sizeof(struct viommu_config) });
	config.formats = &format;
	config.n_formats = 1;
	assert_int_equal(viommu_endpoint_update(rig->device, &config), -EINVAL);
}

/* Shows: RESERVED is never walked, also where a page covers the MSI region before it. */
static void test_a_reserved_region_behind_the_msi_region_is_not_walked(void **state)
{
	struct rig *rig = with_tables(state);
	const struct viommu_reserved regions[] = {
		{ 0x1400, 0x17ff, VIOMMU_RESV_MEM_MSI },
		{ 0x1800, 0x1fff, VIOMMU_RESV_MEM_RESERVED },
	};
	const struct viommu_endpoint config = {
		.size = sizeof(config),
		.id = EP,
		.reserved = regions,
		.n_reserved = 2,
		.pasid_bits = 8,
		.formats = formats,
		.n_formats = 1,
	};

	write_table(BASE, 0x1000, 0x8000, GENERIC_RW);
	assert_int_equal(viommu_endpoint_update(rig->device, &config), 0);
	assert_int_equal(attach_table(rig, generic_for(1, 1, BASE)), VIOMMU_S_OK);
	assert_string_equal(reach(rig, 1, 0x1000, 0x1000, R), "8000+800 rw");
	assert_string_equal(reach(rig, 1, 0x1800, 8, R), "fault");
}

#define TEXT_LENGTH 4096

static void take_text(void *opaque, const char *text, size_t length)
{
	char *all = opaque;

	if (strlen(all) + length < TEXT_LENGTH)
		strncat(all, text, length);
}

/* Shows: each reason of a table's fault has a text. */
static void test_a_dump_names_faults_of_tables(void **state)
{
	struct rig *rig = with_tables(state);
	struct viommu_translation to;
	char text[TEXT_LENGTH] = "";

	assert_int_equal(attach_table(rig, generic(1, 0x40000000)), VIOMMU_S_OK);
	assert_int_equal(viommu_translate(rig->device, EP, 0x1000, 8, R, &to), -EFAULT);
	viommu_dump(rig->device, take_text, text);
	assert_non_null(strstr(text, "a table is not in memory"));
	assert_int_equal(attach_table(rig, generic(1, BASE)), VIOMMU_S_OK);
	write_table(BASE, 0x1000, 0x8000, GENERIC_R);
	assert_int_equal(viommu_translate(rig->device, EP, 0x1000, 8, W, &to), -EFAULT);
	viommu_dump(rig->device, take_text, text);
	assert_non_null(strstr(text, "no permission"));
}

static void ask_in_batch(struct rig *rig, uint64_t root)
{
	uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE }, tail[4];
	const struct iovec readable = { bytes, sizeof(bytes) }, writable = { tail, sizeof(tail) };

	put(bytes + 4, 4, 1);
	put(bytes + 8, 4, EP);
	put(bytes + 16, 2, VIOMMU_TABLE_GENERIC);
	put(bytes + 32, 8, root);
	assert_int_equal(viommu_batch_request(rig->device, &readable, 1, &writable, 1), 4);
	assert_int_equal(tail[0], VIOMMU_S_OK);
}

/* Shows: what is retired in a batch is bounded. 1,024 domains with a TLB each take 21 MB. */
static void test_a_batch_keeps_few_retired_domains(void **state)
{
	struct rig *rig = with_tables(state);
	size_t before = mallinfo2().uordblks;

	viommu_batch_begin(rig->device);
	for (unsigned i = 0; i < 1024; i++)
		ask_in_batch(rig, BASE + (i & 1) * PAGE);
	assert_true(mallinfo2().uordblks < before + 1024 * 1024);
	viommu_batch_end(rig->device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(test_table_1_without_its_feature_the_request_is_unknown),
		ON_A_FRESH_DEVICE(test_table_2_unknown_flags_and_reserved_bytes_are_inval),
		ON_A_FRESH_DEVICE(test_table_3_no_endpoint_is_noent),
		ON_A_FRESH_DEVICE(test_table_4_numbers_out_of_range_are_range),
		ON_A_FRESH_DEVICE(test_table_5_a_format_that_was_not_probed_is_unsupp),
		ON_A_FRESH_DEVICE(test_table_6_a_malformed_body_is_inval),
		ON_A_FRESH_DEVICE(test_table_6_a_context_format_has_no_pasid),
		ON_A_FRESH_DEVICE(test_table_7_a_parent_has_mappings),
		ON_A_FRESH_DEVICE(test_table_8_joining_needs_the_same_table),
		ON_A_FRESH_DEVICE(test_table_8_the_only_holder_may_change_the_root),
		ON_A_FRESH_DEVICE(test_table_9_contexts_and_pasids_exclude_each_other),
		ON_A_FRESH_DEVICE(test_table_10_a_table_outside_memory_faults_later),
		ON_A_FRESH_DEVICE(test_table_11_an_endpoint_with_a_listener_is_unsupp),
		ON_A_FRESH_DEVICE(test_table_12_the_slot_is_replaced),
		ON_A_FRESH_DEVICE(test_an_answer_ends_with_its_page),
		ON_A_FRESH_DEVICE(test_a_change_of_the_table_is_seen),
		ON_A_FRESH_DEVICE(test_pasids_do_not_reach_each_other),
		ON_A_FRESH_DEVICE(test_a_context_fills_all_slots),
		ON_A_FRESH_DEVICE(test_accessed_and_dirty_flags_are_set),
		ON_A_FRESH_DEVICE(test_a_kernel_page_is_refused_to_a_pasid),
		ON_A_FRESH_DEVICE(test_reserved_regions_are_not_walked),
		ON_A_FRESH_DEVICE(test_memory_that_is_taken_away_is_not_read),
		ON_A_FRESH_DEVICE(test_memory_that_overlaps_is_refused),
		ON_A_FRESH_DEVICE(test_map_and_unmap_of_a_table_are_inval),
		ON_A_FRESH_DEVICE(test_a_child_reaches_what_its_parent_maps),
		ON_A_FRESH_DEVICE(test_unmapping_of_a_parent_ends_what_the_child_reaches),
		ON_A_FRESH_DEVICE(test_a_parent_lives_as_long_as_a_child),
		ON_A_FRESH_DEVICE(test_a_parent_that_does_not_exist_is_made),
		ON_A_FRESH_DEVICE(test_an_endpoint_may_move_to_the_parent_of_its_table),
		ON_A_FRESH_DEVICE(test_invalidate_1_what_is_unknown_is_inval),
		ON_A_FRESH_DEVICE(test_invalidate_2_an_unknown_domain_is_noent),
		ON_A_FRESH_DEVICE(test_invalidate_3_a_domain_with_mappings_is_inval),
		ON_A_FRESH_DEVICE(test_invalidate_4_a_pasid_that_has_not_the_domain_is_ok),
		ON_A_FRESH_DEVICE(test_invalidate_5_6_7_ranges),
		ON_A_FRESH_DEVICE(test_a_device_tlb_is_dropped_by_the_vmm),
		ON_A_FRESH_DEVICE(test_detach_drops_what_the_endpoint_keeps),
		ON_A_FRESH_DEVICE(test_attach_over_a_slot_drops_what_the_endpoint_keeps),
		ON_A_FRESH_DEVICE(test_reset_and_bypass_drop_what_the_endpoint_keeps),
		ON_A_FRESH_DEVICE(test_unmap_drops_the_range_in_every_slot),
		ON_A_FRESH_DEVICE(test_unmap_of_a_parent_drops_all_of_its_children),
		ON_A_FRESH_DEVICE(test_an_invalidate_of_many_pasids_is_one_call_per_endpoint),
		ON_A_FRESH_DEVICE(test_an_unmap_of_many_pasids_is_one_call_per_endpoint),
		ON_A_FRESH_DEVICE(test_an_unmap_of_a_parent_of_many_is_one_call_per_endpoint),
		ON_A_FRESH_DEVICE(test_an_unplugged_endpoint_drops_what_it_keeps),
		ON_A_FRESH_DEVICE(test_nothing_is_called_when_the_device_is_freed),
		ON_A_FRESH_DEVICE(test_an_endpoint_with_a_listener_is_not_called_as_well),
		ON_A_FRESH_DEVICE(test_every_invalidate_ends_what_was_kept),
		ON_A_FRESH_DEVICE(test_detach_attach_and_reset_end_what_was_kept),
		ON_A_FRESH_DEVICE(test_unmap_of_a_parent_ends_what_its_child_kept),
		ON_A_FRESH_DEVICE(test_more_rights_need_no_request),
		ON_A_FRESH_DEVICE(test_what_is_kept_is_found_by_the_whole_address_and_pasid),
		ON_A_FRESH_DEVICE(test_what_is_kept_of_one_pasid_serves_no_other),
		ON_A_FRESH_DEVICE(test_a_large_page_is_kept_again_after_an_invalidate),
		ON_A_FRESH_DEVICE(test_an_invalidate_ends_what_was_found_under_any_tag),
		ON_A_FRESH_DEVICE(test_an_invalidate_by_an_id_drops_every_pasid_of_the_endpoint),
		ON_A_FRESH_DEVICE(
			test_the_entry_of_requests_without_a_pasid_is_dropped_for_them_too),
		ON_A_FRESH_DEVICE(test_a_removal_of_the_parent_hides_no_dirty_page),
		ON_A_FRESH_DEVICE(test_an_entry_that_its_parent_maps_in_part_is_not_read),
		ON_A_FRESH_DEVICE(test_features_depend_on_each_other),
		ON_A_FRESH_DEVICE(test_formats_are_properties),
		ON_A_FRESH_DEVICE(test_formats_are_checked),
		ON_A_FRESH_DEVICE(test_a_reserved_region_behind_the_msi_region_is_not_walked),
		ON_A_FRESH_DEVICE(test_a_dump_names_faults_of_tables),
		ON_A_FRESH_DEVICE(test_a_batch_keeps_few_retired_domains),
	};

	return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
