/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <stdlib.h>

#include "rig.h"

/*
 * Saved state with PASIDs, tables of the guest, parents and page requests: docs/state.md, version
 * 3; and what inspection shows of them
 *
 * One device has one of each. Streams that no device writes are made by hand, with a right
 * checksum.
 */

#define PASID  VIOMMU_SLOT_F_PASID
#define PARENT VIOMMU_SLOT_F_PARENT

#define FEATURES \
	(VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID | VIOMMU_F_TABLE | VIOMMU_F_NEST | \
	 VIOMMU_F_PAGE_REQUEST)

#define BASE  0x100000u
#define PAGES 8

static uint64_t memory[PAGES * PAGE / 8] __attribute__((aligned(4096)));

#define LINEAR 0x40201000ull

enum { GENERIC_FORMAT, X86_DIR, X86_ENTRY, N_FORMATS };
static const struct viommu_table_format formats[N_FORMATS] = {
	{ VIOMMU_TABLE_GENERIC, 48, 52, LINEAR, 0, VIOMMU_TABLE_F_NEST },
	{ VIOMMU_TABLE_X86_PASID_DIR, 48, 48, LINEAR, 16, 0 },
	{ VIOMMU_TABLE_X86_PASID_ENTRY, 48, 48, LINEAR, 16, 0 },
};

/* A VMM that counts answers to page requests. */
struct vmm {
	struct rig rig;
	unsigned n_responses;
	struct viommu_page_response response;
};

static int on_event(void *opaque, const void *record, size_t length)
{
	(void)opaque;
	assert_true(record && length);
	return 0;
}

static void on_response(void *opaque, const struct viommu_page_response *response)
{
	struct vmm *vmm = opaque;

	vmm->response = *response;
	vmm->n_responses++;
}

static const struct viommu_endpoint usual = {
	.size = sizeof(usual),
	.pasid_bits = 8,
	.formats = formats,
	.n_formats = N_FORMATS,
	.max_page_requests = 4,
};

static void plug_device(struct vmm *vmm, struct viommu_config config)
{
	const struct viommu_ops ops = {
		.size = sizeof(ops),
		.event = on_event,
		.page_response = on_response,
	};
	const struct viommu_memory range = { BASE, BASE + sizeof(memory) - 1, memory, false };
	static const uint32_t ids[] = { EP, EP2, EP3 };

	viommu_free(vmm->rig.device);
	config.size = sizeof(config);
	if (!config.features)
		config.features = FEATURES;
	assert_int_equal(viommu_new(&config, &ops, vmm, &vmm->rig.device), 0);
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		struct viommu_endpoint endpoint = usual;

		endpoint.id = ids[i];
		if (!(config.features & VIOMMU_F_PAGE_REQUEST))
			endpoint.max_page_requests = 0;
		assert_int_equal(viommu_endpoint_add(vmm->rig.device, &endpoint), 0);
	}
	assert_int_equal(viommu_set_memory(vmm->rig.device, &range, 1), 0);
	vmm->n_responses = 0;
}

static int set_up(void **state)
{
	static struct vmm vmm;

	vmm = (struct vmm){ .n_responses = 0 };
	memset(memory, 0, sizeof(memory));
	plug_device(&vmm, (struct viommu_config){ 0 });
	*state = &vmm;
	return 0;
}

static int tear_down(void **state)
{
	struct vmm *vmm = *state;

	viommu_free(vmm->rig.device);
	return 0;
}

/* -- requests ---------------------------------------------------------------------------------- */

static int attach_table(struct rig *rig, uint32_t domain, uint32_t endpoint, uint32_t flags,
			uint32_t pasid, uint32_t parent, uint16_t format, uint64_t root)
{
	uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };

	put(bytes + 4, 4, domain);
	put(bytes + 8, 4, endpoint);
	put(bytes + 12, 4, flags);
	put(bytes + 16, 2, format);
	put(bytes + 20, 4, pasid);
	put(bytes + 24, 4, parent);
	put(bytes + 32, 8, root);
	return status_of(rig, bytes, sizeof(bytes));
}

static int attach_pasid(struct rig *rig, uint32_t domain, uint32_t endpoint, uint32_t pasid)
{
	const uint8_t bytes[] = { ATTACH(domain, endpoint, PASID, pasid) };

	return status_of(rig, bytes, sizeof(bytes));
}

static int respond(struct rig *rig, uint32_t endpoint, uint32_t pasid, uint16_t group)
{
	const uint8_t bytes[] = {
		HEAD(VIOMMU_T_PAGE_RESPONSE), LE32(endpoint), LE32(1), LE32(pasid), LE16(group),
		LE16(VIOMMU_PAGE_SUCCESS),    LE64(0ull),     LE32(0)
	};

	return status_of(rig, bytes, sizeof(bytes));
}

static int ask(struct rig *rig, uint32_t endpoint, uint32_t pasid, uint16_t group, bool last)
{
	const struct viommu_page_request request = {
		.size = sizeof(request),
		.endpoint = endpoint,
		.has_pasid = pasid != UINT32_MAX,
		.pasid = pasid != UINT32_MAX ? pasid : 0,
		.address = 0x1000,
		.access = R,
		.group = group,
		.last = last,
	};

	return viommu_page_request(rig->device, &request);
}

/* Where a PASID reaches; UINT64_MAX: nowhere. */
static uint64_t reach(struct rig *rig, uint32_t endpoint, uint32_t pasid, uint64_t iova)
{
	struct viommu_translation to;
	uint32_t access = R | VIOMMU_ACCESS_QUIET;
	int error = pasid == UINT32_MAX
			    ? viommu_translate(rig->device, endpoint, iova, 1, access, &to)
			    : viommu_translate_pasid(rig->device, endpoint, pasid, iova, 1, access,
						     &to);

	return error ? UINT64_MAX : to.address;
}

#define DEFAULT UINT32_MAX

/* A generic table of four levels at `root`, which maps `iova` to `to`. VALID 1, TABLE 2, READ 4. */
static void write_table(uint64_t root, uint64_t at, uint64_t iova, uint64_t to)
{
	for (unsigned level = 0; level < 3; level++)
		memory[(at + level * PAGE + (iova >> (39 - 9 * level) & 511) * 8 - BASE) / 8] =
			htole64((root + (level + 1) * PAGE) | 3);
	memory[(at + 3 * PAGE + (iova >> 12 & 511) * 8 - BASE) / 8] = htole64(to | 5);
}

/*
 *     EP    domain 1 with a mapping; PASID 3 in domain 2; PASIDs 4 and 5 have the table of domain 5
 *     EP2   the table of domain 4, whose parent is 50; PASID 3 in domain 2; PASID 1 bypasses
 *     EP3   the contexts of domain 6
 */
static void make_something(struct rig *rig)
{
	viommu_reset(rig->device);
	assert_int_equal(viommu_accept(rig->device, FEATURES), 0);
	write_table(BASE, BASE, 0x40001000, 0x8000);
	write_table(0, BASE + 4 * PAGE, 0x2000, 0x1000);

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x9000, R), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 2, EP2, 3), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 2, EP, 3), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0xa000, R), VIOMMU_S_OK);
	for (uint32_t pasid = 5; pasid >= 4; pasid--)
		assert_int_equal(
			attach_table(rig, 5, EP, PASID, pasid, 0, VIOMMU_TABLE_GENERIC, BASE),
			VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, 4, EP2, PARENT, 0, 50, VIOMMU_TABLE_GENERIC, 0),
			 VIOMMU_S_OK);
	assert_int_equal(map(rig, 50, 0, 0x3fff, BASE + 4 * PAGE, R), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, 6, EP3, 0, 0, 0, VIOMMU_TABLE_X86_PASID_DIR, BASE),
			 VIOMMU_S_OK);

	assert_int_equal(ask(rig, EP, 5, 9, true), 0);
	assert_int_equal(ask(rig, EP, 4, 9, false), 0);
	assert_int_equal(ask(rig, EP2, DEFAULT, 1, true), 0);
	assert_int_equal(ask(rig, EP3, 77, 2, true), 0);
}

static void assert_something(struct rig *rig)
{
	assert_int_equal(reach(rig, EP, DEFAULT, 0x1000), 0x9000);
	assert_int_equal(reach(rig, EP, 3, 0x1000), 0xa000);
	assert_int_equal(reach(rig, EP2, 3, 0x1000), 0xa000);
	assert_int_equal(reach(rig, EP, 4, 0x40001000), 0x8000);
	assert_int_equal(reach(rig, EP, 5, 0x40001000), 0x8000);
	assert_int_equal(reach(rig, EP2, DEFAULT, 0x2000), BASE + 5 * PAGE);
	assert_int_equal(reach(rig, EP, 6, 0x1000), UINT64_MAX);
}

/* -- streams ------------------------------------------------------------------------------------
 */

static void *save(struct rig *rig, size_t *ret_length)
{
	void *bytes;

	assert_int_equal(viommu_save(rig->device, &bytes, ret_length), 0);
	return bytes;
}

static void *save_something(struct rig *rig, size_t *ret_length)
{
	make_something(rig);
	return save(rig, ret_length);
}

static int load(struct rig *rig, const void *bytes, size_t length,
		char reason[VIOMMU_REASON_LENGTH])
{
	reason[0] = '\0';
	return viommu_load(rig->device, bytes, length, reason, VIOMMU_REASON_LENGTH);
}

static void assert_saves(struct rig *rig, const void *bytes, size_t length)
{
	size_t again_length;
	void *again = save(rig, &again_length);

	assert_int_equal(again_length, length);
	assert_memory_equal(again, bytes, length);
	free(again);
}

static void assert_nothing(struct rig *rig)
{
	assert_int_equal(counters(rig).domains, 0);
	assert_int_equal(counters(rig).mappings, 0);
	assert_int_equal(counters(rig).bytes, 0);
	assert_int_equal(reach(rig, EP, 5, 0x40001000), UINT64_MAX);
}

/* CRC-32 of IEEE 802.3, over a stream whose own checksum counts as 0; and its length. */
static void mend(uint8_t *bytes, size_t length)
{
	uint32_t sum = UINT32_MAX;

	put(bytes + 8, 8, length);
	put(bytes + 16, 4, 0);
	for (size_t i = 0; i < length; i++) {
		sum ^= bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
	}
	put(bytes + 16, 4, ~sum);
}

/* A stream by hand. */
struct stream {
	uint8_t bytes[4096];
	size_t length;
};

static void add(struct stream *stream, unsigned length, uint64_t value)
{
	put(stream->bytes + stream->length, length, value);
	stream->length += length;
}

static void add_chunk(struct stream *stream, uint32_t type, size_t length)
{
	add(stream, 4, type);
	add(stream, 4, 0);
	add(stream, 8, length);
}

static struct stream begin(void)
{
	struct stream stream = { .length = 0 };

	add(&stream, 4, 0x534f4956);
	add(&stream, 4, 3);
	stream.length = 24;
	add_chunk(&stream, 1, 16);
	add(&stream, 8, FEATURES);
	add(&stream, 8, 0);
	return stream;
}

static void end(struct stream *stream)
{
	add_chunk(stream, 5, 0);
	mend(stream->bytes, stream->length);
}

static void add_domain(struct stream *stream, uint32_t id)
{
	add_chunk(stream, 2, 8);
	add(stream, 4, id);
	add(stream, 4, 0);
}

static void add_endpoint(struct stream *stream, uint32_t id)
{
	add_chunk(stream, 3, 8);
	add(stream, 8, id);
}

static void add_table_flags(struct stream *stream, uint32_t id, uint16_t format, uint16_t flags,
			    uint32_t parent)
{
	add_chunk(stream, 7, 80);
	add(stream, 4, id);
	add(stream, 2, format);
	add(stream, 2, flags);
	add(stream, 4, parent);
	add(stream, 4, 0);
	add(stream, 8, BASE);
	for (unsigned i = 1; i < 8; i++)
		add(stream, 8, 0);
}

static void add_table(struct stream *stream, uint32_t id, uint16_t format)
{
	add_table_flags(stream, id, format, 0, 0);
}

static void add_slot(struct stream *stream, uint32_t endpoint, uint32_t pasid)
{
	add_chunk(stream, 8, 8);
	add(stream, 4, endpoint);
	add(stream, 4, pasid);
}

static void add_slots(struct stream *stream, uint32_t endpoint, uint32_t first, uint32_t second)
{
	add_chunk(stream, 8, 16);
	add(stream, 4, endpoint);
	add(stream, 4, first);
	add(stream, 4, endpoint);
	add(stream, 4, second);
}

static void add_granule(struct stream *stream, uint64_t granule)
{
	add_chunk(stream, 9, 8);
	add(stream, 8, granule);
}

static void add_mapping(struct stream *stream)
{
	add_chunk(stream, 4, 32);
	add(stream, 8, 0x1000);
	add(stream, 8, 0x1fff);
	add(stream, 8, 0x8000);
	add(stream, 8, R);
}

static void add_group(struct stream *stream, uint32_t endpoint, uint32_t pasid, uint16_t group,
		      uint16_t flags)
{
	add_chunk(stream, 10, 16);
	add(stream, 4, endpoint);
	add(stream, 4, pasid);
	add(stream, 2, group);
	add(stream, 2, flags);
	add(stream, 4, 0);
}

/* -- tests --------------------------------------------------------------------------------------
 */

static void what_was_saved_is_there_again(void **state)
{
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	char reason[VIOMMU_REASON_LENGTH];
	struct viommu_counters before;
	size_t length;
	uint8_t *bytes = save_something(rig, &length);

	assert_int_equal(bytes[4], 3);
	assert_something(rig);
	before = counters(rig);
	for (unsigned times = 0; times < 2; times++) {
		plug_device(vmm, (struct viommu_config){ 0 });
		assert_int_equal(load(rig, bytes, length, reason), 0);
		assert_something(rig);
		assert_saves(rig, bytes, length);
		assert_int_equal(counters(rig).bytes, before.bytes);
		assert_int_equal(counters(rig).domains, before.domains);
	}
	assert_int_equal(unmap(rig, 50, 0, TOP), VIOMMU_S_OK);
	assert_int_equal(reach(rig, EP2, DEFAULT, 0x2000), UINT64_MAX);
	viommu_reset(rig->device);
	assert_nothing(rig);
	free(bytes);
}

/* A page request that was open is answered on the other side: by the driver, or by a detach. */
static void open_page_requests_are_answered_on_the_other_side(void **state)
{
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	uint8_t *bytes = save_something(rig, &length);

	plug_device(vmm, (struct viommu_config){ 0 });
	assert_int_equal(load(rig, bytes, length, reason), 0);
	assert_int_equal(vmm->n_responses, 0);
	assert_int_equal(respond(rig, EP, 4, 9), VIOMMU_S_INVAL); /* its last is missing */
	assert_int_equal(ask(rig, EP, 4, 9, true), 0);
	assert_int_equal(respond(rig, EP, 4, 9), VIOMMU_S_OK);
	assert_int_equal(vmm->response.pasid, 4);
	assert_int_equal(respond(rig, EP, 5, 9), VIOMMU_S_OK);
	assert_int_equal(respond(rig, EP, 5, 9), VIOMMU_S_INVAL);
	assert_int_equal(vmm->n_responses, 2);
	assert_int_equal(detach(rig, 6, EP3), VIOMMU_S_OK);
	assert_int_equal(vmm->n_responses, 3);
	assert_int_equal(vmm->response.pasid, 77);
	assert_int_equal(vmm->response.code, VIOMMU_PAGE_INVALID);
	free(bytes);
}

/* What has no PASIDs needs no version 3, so that an older library reads it. */
static void a_stream_has_the_lowest_version_that_can_express_it(void **state)
{
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	size_t length;
	uint8_t *bytes;

	assert_int_equal(viommu_accept(rig->device, FEATURES), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	bytes = save(rig, &length);
	assert_int_equal(bytes[4], 1);
	free(bytes);
	assert_int_equal(attach_pasid(rig, 1, EP, 1), VIOMMU_S_OK);
	bytes = save(rig, &length);
	assert_int_equal(bytes[4], 3);
	free(bytes);
}

static void every_truncation_is_refused(void **state)
{
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	uint8_t *bytes = save_something(rig, &length), copy[4096];

	assert_true(length < sizeof(copy));
	for (size_t cut = 0; cut < length; cut++) {
		memcpy(copy, bytes, length);
		if (cut >= 24)
			mend(copy, cut);
		assert_int_equal(load(rig, copy, cut, reason), -EINVAL);
		assert_true(strlen(reason) > 8);
		assert_nothing(rig);
	}
	free(bytes);
}

/* With a right checksum. What is taken comes out as it went in; what is refused leaves nothing. */
static void every_flipped_bit_is_refused_or_means_something(void **state)
{
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	char reason[VIOMMU_REASON_LENGTH];
	unsigned n_taken = 0;
	size_t length, again_length;
	uint8_t *bytes = save_something(rig, &length), copy[4096], *again;

	vmm->n_responses = 0;
	viommu_reset(rig->device);
	assert_int_equal(vmm->n_responses, 4);
	for (size_t bit = 24 * 8; bit < length * 8; bit++) {
		memcpy(copy, bytes, length);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		mend(copy, length);
		vmm->n_responses = 0;
		if (load(rig, copy, length, reason)) {
			assert_true(strlen(reason) > 8);
			assert_int_equal(vmm->n_responses, 0);
			assert_nothing(rig);
			continue;
		}
		again = save(rig, &again_length);
		assert_int_equal(load(rig, again, again_length, reason), 0);
		assert_saves(rig, again, again_length);
		free(again);
		viommu_reset(rig->device);
		n_taken++;
	}
	assert_true(n_taken > 100); /* numbers of domains, addresses ... */
	free(bytes);
}

static void assert_named(struct rig *rig, struct stream *stream, int error, const char *why)
{
	char reason[VIOMMU_REASON_LENGTH];

	end(stream);
	assert_int_equal(load(rig, stream->bytes, stream->length, reason), error);
	if (!strstr(reason, why))
		fail_msg("\"%s\" does not name \"%s\"", reason, why);
	assert_nothing(rig);
}

/* What no device has. */
static void what_cannot_be_is_refused_by_place(void **state)
{
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	struct stream s;

	s = begin(), add_domain(&s, 1), add_slots(&s, EP, 2, 2);
	assert_named(rig, &s, -EINVAL, "PASIDs at offset 80 do not ascend");
	s = begin(), add_domain(&s, 1), add_slots(&s, EP, 3, 2);
	assert_named(rig, &s, -EINVAL, "PASIDs at offset 80 do not ascend");
	s = begin(), add_domain(&s, 1), add_slot(&s, EP, 1), add_slot(&s, EP, 2);
	assert_named(rig, &s, -EINVAL, "PASIDs of no domain");
	s = begin(), add_slot(&s, EP, 1);
	assert_named(rig, &s, -EINVAL, "PASIDs of no domain");
	s = begin(), add_domain(&s, 1), add_slot(&s, EP, 1), add_domain(&s, 2), add_slot(&s, EP, 1);
	assert_named(rig, &s, -EINVAL, "PASID 1 of endpoint 0x8 is attached twice");
	s = begin(), add_domain(&s, 1), add_slot(&s, EP, 1), add_endpoint(&s, EP);
	assert_named(rig, &s, -EINVAL, "endpoint 0x8 is duplicate or in the wrong place");

	s = begin(), add_table(&s, 1, VIOMMU_TABLE_X86_PASID_DIR), add_slot(&s, EP, 1);
	assert_named(rig, &s, -EINVAL, "domain 1, a table of contexts, has PASIDs");
	s = begin(), add_domain(&s, 2), add_slot(&s, EP, 1);
	add_table(&s, 1, VIOMMU_TABLE_X86_PASID_DIR), add_endpoint(&s, EP);
	assert_named(rig, &s, -EINVAL, "PASID 1 of endpoint 0x8 is attached twice");

	s = begin(), add_table(&s, 1, VIOMMU_TABLE_GENERIC);
	assert_named(rig, &s, -EINVAL, "domain 1 has no endpoint");
	s = begin(), add_table(&s, 1, VIOMMU_TABLE_GENERIC), add_endpoint(&s, EP), add_mapping(&s);
	assert_named(rig, &s, -EINVAL, "mappings of no domain, or of a bypass or table domain");
	s = begin(), add_table_flags(&s, 1, VIOMMU_TABLE_GENERIC, 1, 9), add_endpoint(&s, EP);
	assert_named(rig, &s, -EINVAL, "domain 9, the parent of 1");
	s = begin(), add_table_flags(&s, 1, VIOMMU_TABLE_GENERIC, 1, 1), add_endpoint(&s, EP);
	assert_named(rig, &s, -EINVAL, "domain 1, the parent of 1");
	s = begin(), add_table_flags(&s, 1, VIOMMU_TABLE_GENERIC, 0, 9), add_endpoint(&s, EP);
	assert_named(rig, &s, -EINVAL, "domain 9, the parent of 1");
	s = begin(), add_table_flags(&s, 1, VIOMMU_TABLE_GENERIC, 2, 0), add_endpoint(&s, EP);
	assert_named(rig, &s, -EINVAL, "table of domain 1 has unknown flags");
	s = begin(), add_table(&s, 1, VIOMMU_TABLE_GENERIC), add_endpoint(&s, EP);
	add_table_flags(&s, 2, VIOMMU_TABLE_GENERIC, 1, 1), add_endpoint(&s, EP2);
	assert_named(rig, &s, -EINVAL, "domain 1, the parent of 2");

	s = begin(), add_domain(&s, 1), add_endpoint(&s, EP), add_granule(&s, 0x1000);
	assert_named(rig, &s, -EINVAL, "a granule");
	s = begin(), add_domain(&s, 1), add_granule(&s, 0x1000);
	assert_named(rig, &s, -EINVAL, "domain 1 has no endpoint");
	s = begin(), add_domain(&s, 1), add_granule(&s, 0x3000);
	assert_named(rig, &s, -EINVAL, "a granule");
	s = begin(), add_domain(&s, 1), add_granule(&s, 0x1000), add_endpoint(&s, EP);
	assert_named(rig, &s, -EINVAL, "endpoint 0x8 is duplicate or in the wrong place");
	s = begin(), add_domain(&s, 1), add_granule(&s, 0x1000), add_slot(&s, EP, 1);
	assert_named(rig, &s, -EINVAL, "PASIDs of no domain");

	s = begin(), add_domain(&s, 1), add_endpoint(&s, EP), add_group(&s, EP, 0, 1, 2);
	assert_named(rig, &s, -EINVAL, "endpoint 0x8 has page requests where no table is");
	s = begin(), add_table(&s, 1, VIOMMU_TABLE_GENERIC), add_slot(&s, EP, 1);
	add_group(&s, EP, 2, 1, 3);
	assert_named(rig, &s, -EINVAL, "endpoint 0x8 has page requests where no table is");
	s = begin(), add_table(&s, 1, VIOMMU_TABLE_GENERIC), add_slot(&s, EP, 1);
	add_group(&s, EP, 1, 1, 7);
	assert_named(rig, &s, -EINVAL, "a page request has unknown flags");
	s = begin(), add_table(&s, 1, VIOMMU_TABLE_GENERIC), add_endpoint(&s, EP);
	add_group(&s, EP, 1, 1, 2);
	assert_named(rig, &s, -EINVAL, "a page request has unknown flags");
	s = begin(), add_table(&s, 1, VIOMMU_TABLE_GENERIC), add_slot(&s, EP, 1);
	add_group(&s, EP, 1, 1, 3), add_domain(&s, 2);
	assert_named(rig, &s, -EINVAL, "unexpected chunk of type 2");
}

/* A table of contexts has all PASIDs, of 20 bits; an endpoint without one has those attached. */
static void a_page_request_has_a_pasid_of_20_bits(void **state)
{
	static const uint32_t beyond[] = { 1u << 20, 0xfffffff0, UINT32_MAX };
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	char reason[VIOMMU_REASON_LENGTH];
	struct stream s;

	for (size_t i = 0; i < COUNT_OF(beyond); i++) {
		s = begin(), add_table(&s, 1, VIOMMU_TABLE_X86_PASID_DIR), add_endpoint(&s, EP);
		add_group(&s, EP, beyond[i], 1, 3);
		assert_named(rig, &s, -EINVAL, "which has more than 20 bits");
		s = begin(), add_table(&s, 1, VIOMMU_TABLE_GENERIC), add_endpoint(&s, EP);
		add_group(&s, EP, beyond[i], 1, 3);
		assert_named(rig, &s, -EINVAL, "which has more than 20 bits");
	}
	s = begin(), add_table(&s, 1, VIOMMU_TABLE_GENERIC), add_endpoint(&s, EP);
	add_group(&s, EP, 1, 1, 3);
	assert_named(rig, &s, -EINVAL, "endpoint 0x8 has page requests where no table is");

	s = begin(), add_table(&s, 1, VIOMMU_TABLE_X86_PASID_DIR), add_endpoint(&s, EP);
	add_group(&s, EP, (1u << 20) - 1, 1, 3), end(&s);
	assert_int_equal(load(rig, s.bytes, s.length, reason), 0);
	assert_saves(rig, s.bytes, s.length);
	assert_int_equal(respond(rig, EP, (1u << 20) - 1, 1), VIOMMU_S_OK);
	assert_true(vmm->response.has_pasid);
	assert_int_equal(vmm->response.pasid, (1u << 20) - 1);
}

static void add_child_of(struct stream *stream, uint32_t parent)
{
	add_table_flags(stream, 9, VIOMMU_TABLE_GENERIC, 1, parent);
	add_endpoint(stream, EP);
}

/* A parent without endpoints and PASIDs has a granule of its own. */
static void a_parent_without_a_granule_is_refused(void **state)
{
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	char reason[VIOMMU_REASON_LENGTH];
	struct stream s;

	s = begin(), add_domain(&s, 1), add_child_of(&s, 1);
	assert_named(rig, &s, -EINVAL, "domain 1 has no granule");
	s = begin(), add_domain(&s, 1), add_chunk(&s, 4, 0), add_child_of(&s, 1);
	assert_named(rig, &s, -EINVAL, "domain 1 has no granule");
	s = begin(), add_domain(&s, 1), add_mapping(&s), add_child_of(&s, 1);
	assert_named(rig, &s, -EINVAL, "domain 1 has no granule");
	s = begin(), add_domain(&s, 1), add_chunk(&s, 4, 32);
	add(&s, 8, 0), add(&s, 8, TOP), add(&s, 8, 0), add(&s, 8, R), add_child_of(&s, 1);
	assert_named(rig, &s, -EINVAL, "domain 1 has no granule");

	s = begin(), add_domain(&s, 1), add_granule(&s, 0x1000), add_chunk(&s, 4, 0);
	add_child_of(&s, 1), end(&s);
	assert_int_equal(load(rig, s.bytes, s.length, reason), 0);
	assert_saves(rig, s.bytes, s.length);
}

/* What another device could have. */
static void what_is_not_here_is_named(void **state)
{
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	struct stream s;

	s = begin(), add_domain(&s, 1), add_slot(&s, EP, 256);
	assert_named(rig, &s, -EBUSY, "endpoint 0x8 with PASID 256 does not exist here");
	s = begin(), add_domain(&s, 1), add_slot(&s, NO_ENDPOINT, 1);
	assert_named(rig, &s, -EBUSY, "endpoint 0x20 with PASID 1 does not exist here");
	s = begin(), add_table(&s, 1, VIOMMU_TABLE_RISCV_DC), add_endpoint(&s, EP);
	assert_named(rig, &s, -EBUSY, "endpoint 0x8 has no format RISCV_DC here, as domain 1 has");
	s = begin(), add_table(&s, 1, 0x777), add_endpoint(&s, EP);
	assert_named(rig, &s, -EBUSY, "domain 1 has a table of format 0x777, which is unknown");
	s = begin(), add_table(&s, 1, VIOMMU_TABLE_X86_PASID_ENTRY), add_slot(&s, EP, 1);
	assert_named(rig, &s, -EBUSY, "endpoint 0x8 cannot have the X86_PASID_ENTRY of domain 1");
	s = begin(), add_domain(&s, 1), add_granule(&s, 0x800);
	assert_named(rig, &s, -EBUSY, "domain 1 has granule 0x800");
	s = begin(), add_group(&s, NO_ENDPOINT, 0, 1, 0);
	assert_named(rig, &s, -EBUSY, "endpoint 0x20, which has page requests, does not exist");
}

/* An endpoint of the destination has less than where the guest attached it. */
static void an_endpoint_that_has_less_is_named(void **state)
{
	static const struct {
		struct viommu_endpoint change; /* of EP */
		const char *why;
	} cases[] = {
		{ { .formats = formats + 1, .n_formats = 1 },
		  "endpoint 0x8 has no format GENERIC here, as domain 5 has it" },
		{ { .formats = formats, .n_formats = 3, .pasid_bits = 2 },
		  "endpoint 0x8 with PASID 4 does not exist here" },
		{ { .formats = formats, .n_formats = 3, .max_page_requests = 1 },
		  "endpoint 0x8 has more page requests than it may have here" },
		{ { .page_size_mask = ~0xffffull, .formats = formats, .n_formats = 3 },
		  "the mapping at 0x1000 of domain 1 is not aligned" },
	};
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes = save_something(rig, &length);

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct viommu_endpoint endpoint = cases[i].change;

		endpoint.size = sizeof(endpoint);
		endpoint.id = EP;
		if (!endpoint.pasid_bits)
			endpoint.pasid_bits = 8;
		viommu_reset(rig->device);
		assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
		assert_int_equal(load(rig, bytes, length, reason), -EBUSY);
		if (!strstr(reason, cases[i].why))
			fail_msg("case %zu: \"%s\" does not name \"%s\"", i, reason, cases[i].why);
		assert_nothing(rig);
	}
	free(bytes);
}

static void a_limit_is_named(void **state)
{
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes = save_something(rig, &length);
	uint64_t needed = counters(rig).bytes;
	bool fits = false;

	for (uint64_t max = 512; max <= needed; max += 512) {
		plug_device(vmm, (struct viommu_config){ .max_bytes = max });
		fits = !load(rig, bytes, length, reason);
		if (fits)
			break;
		assert_non_null(strstr(reason, "than the limits here allow"));
		assert_nothing(rig);
	}
	assert_false(fits);
	plug_device(vmm, (struct viommu_config){ .max_bytes = needed });
	assert_int_equal(load(rig, bytes, length, reason), 0);
	free(bytes);
}

static int refuse_map(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque;
	(void)mapping;
	return -EIO;
}

/* A listener of an endpoint in the first domain refuses: PASIDs, tables and parents go too. */
static void a_listener_that_refuses_leaves_nothing(void **state)
{
	static const struct viommu_listener_ops ops = { .size = sizeof(ops), .map = refuse_map };
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	char reason[VIOMMU_REASON_LENGTH];
	struct viommu_listener *listener;
	struct stream s = begin();

	assert_int_equal(viommu_listen(rig->device, EP3, &ops, NULL, &listener), 0);
	for (uint32_t id = 3; id <= 7; id += 4) {
		add_domain(&s, id), add_endpoint(&s, id == 3 ? EP3 : EP2);
		add_slot(&s, EP, id), add_mapping(&s);
	}
	add_table_flags(&s, 1, VIOMMU_TABLE_GENERIC, 1, 7), add_slot(&s, EP, 20);
	add_table_flags(&s, 9, VIOMMU_TABLE_GENERIC, 1, 3), add_slot(&s, EP, 21);
	add_group(&s, EP, 20, 1, 3);
	end(&s);
	assert_int_equal(load(rig, s.bytes, s.length, reason), -EIO);
	assert_nothing(rig);
	assert_int_equal(vmm->n_responses, 0);
	viommu_unlisten(listener);
	assert_int_equal(load(rig, s.bytes, s.length, reason), 0);
	assert_int_equal(counters(rig).domains, 4);
}

/* A listener shadows one address space of mappings. */
static void a_listener_is_not_asked_to_follow_tables(void **state)
{
	static const struct viommu_listener_ops ops = { .size = sizeof(ops) };
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	struct viommu_listener *listener;
	struct stream s;

	assert_int_equal(viommu_listen(rig->device, EP, &ops, NULL, &listener), 0);
	s = begin(), add_domain(&s, 1), add_slot(&s, EP, 1);
	assert_named(rig, &s, -EBUSY, "endpoint 0x8 has a listener here");
	s = begin(), add_table(&s, 1, VIOMMU_TABLE_GENERIC), add_endpoint(&s, EP);
	assert_named(rig, &s, -EBUSY, "endpoint 0x8 has a listener here");
}

/* An endpoint cannot lose the format of a table that it has. */
static void an_update_that_takes_a_format_away_is_busy(void **state)
{
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	struct viommu_endpoint config = usual;

	config.formats = formats + 1;
	config.n_formats = 1;
	make_something(rig);
	config.id = EP2;
	assert_int_equal(viommu_endpoint_update(rig->device, &config), -EBUSY);
	config.id = EP;
	assert_int_equal(viommu_endpoint_update(rig->device, &config), -EBUSY);
	config.id = EP3;
	assert_int_equal(viommu_endpoint_update(rig->device, &config), 0);
}

/* Written once, by the first library that had the version, and never again. */
static void a_stream_of_version_3_is_still_read(void **state)
{
	struct vmm *vmm = *state;
	struct rig *rig = &vmm->rig;
	char reason[VIOMMU_REASON_LENGTH];
	uint8_t bytes[4096];
	FILE *file = fopen(STREAMS "/version-3", "rb");
	size_t length;

	if (!file)
		fail_msg("version-3: not there");
	length = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	make_something(rig);
	if (load(rig, bytes, length, reason))
		fail_msg("%s", reason);
	assert_something(rig);
	assert_saves(rig, bytes, length);
}

/* -- inspection of the same device ---------------------------------------------------------------
 */

static void every_pasid_is_walked_in_order(void **state)
{
	static const struct viommu_slot_state expected[] = { { EP, 3, 2 },
							     { EP, 4, 5 },
							     { EP, 5, 5 } };
	struct vmm *vmm = *state;
	struct viommu *device = vmm->rig.device;
	struct viommu_slot_state slot;
	uint32_t from = 0;

	make_something(&vmm->rig);
	for (size_t i = 0; i < COUNT_OF(expected); i++, from = slot.pasid + 1) {
		assert_int_equal(viommu_next_slot(device, EP, from, &slot), 0);
		assert_memory_equal(&slot, &expected[i], sizeof(slot));
	}
	assert_int_equal(viommu_next_slot(device, EP, from, &slot), -ENOENT);
	assert_int_equal(viommu_next_slot(device, EP3, 0, &slot), -ENOENT);
	assert_int_equal(viommu_next_slot(device, NO_ENDPOINT, 0, &slot), -ENOENT);
}

static void every_table_is_walked_with_what_is_kept_of_it(void **state)
{
	struct vmm *vmm = *state;
	struct viommu *device = vmm->rig.device;
	struct viommu_table_state table = { .size = sizeof(table) };
	uint64_t root;

	make_something(&vmm->rig);
	assert_int_equal(viommu_next_table(device, 0, &table), 0);
	assert_int_equal(table.domain, 4);
	assert_int_equal(table.format, VIOMMU_TABLE_GENERIC);
	assert_string_equal(table.format_name, "GENERIC");
	assert_true(table.has_parent && table.parent == 50 && table.n_endpoints == 1);
	assert_int_equal(viommu_next_table(device, 5, &table), 0);
	assert_true(table.domain == 5 && !table.has_parent && table.n_pasids == 2);
	memcpy(&root, table.body, sizeof(root));
	assert_int_equal(le64toh(root), BASE);
	assert_true(!table.pages && !table.tables && !table.walks && !table.drops);
	reach(&vmm->rig, EP, 4, 0x40001000);
	reach(&vmm->rig, EP, 5, 0x40001000);
	assert_int_equal(viommu_next_table(device, 5, &table), 0);
	assert_true(table.pages == 1 && table.tables == 1 && table.walks == 1 && !table.drops);
	assert_int_equal(viommu_next_table(device, 6, &table), 0);
	assert_string_equal(table.format_name, "X86_PASID_DIR");
	assert_int_equal(viommu_next_table(device, 7, &table), -ENOENT);
	table.size = sizeof(table.size) - 1;
	assert_int_equal(viommu_next_table(device, 0, &table), -EINVAL);
}

static void open_groups_are_copied(void **state)
{
	struct vmm *vmm = *state;
	struct viommu_group_state groups[4];

	make_something(&vmm->rig);
	assert_int_equal(viommu_groups(vmm->rig.device, EP, groups, COUNT_OF(groups)), 2);
	assert_true(groups[0].pasid == 4 && groups[0].group == 9 && !groups[0].is_complete);
	assert_true(groups[1].pasid == 5 && groups[1].has_pasid && groups[1].is_complete);
	assert_int_equal(viommu_groups(vmm->rig.device, EP, groups, 0), 2);
	assert_int_equal(viommu_groups(vmm->rig.device, EP2, groups, COUNT_OF(groups)), 1);
	assert_false(groups[0].has_pasid);
	assert_int_equal(viommu_groups(vmm->rig.device, NO_ENDPOINT, groups, 4), 0);
}

static void collect(void *opaque, const char *text, size_t length)
{
	struct rig *rig = opaque;
	size_t used = strlen(rig->notified);

	assert_true(used + length < sizeof(rig->notified));
	memcpy(rig->notified + used, text, length);
	rig->notified[used + length] = '\0';
}

static void a_dump_shows_pasids_tables_and_page_requests(void **state)
{
	static const char *const lines[] = {
		"endpoint 0x8: translated, domain 1\n"
		"  PASID 3: domain 2\n"
		"  PASID 4: domain 5\n"
		"  PASID 5: domain 5\n"
		"  page requests of group 9, PASID 4: not complete\n"
		"  page requests of group 9, PASID 5: without an answer\n",
		"domain 4: 1 endpoints, 0 PASIDs, table GENERIC over domain 50\n"
		"  body 0x0\n",
		"domain 5: 0 endpoints, 2 PASIDs, table GENERIC\n"
		"  body 0x100000\n"
		"  1 translations and 1 tables kept, 1 walks, 0 dropped by request\n",
		"domain 6: 1 endpoints, 0 PASIDs, table X86_PASID_DIR\n",
		"domain 50: 0 endpoints, 1 mappings\n",
	};
	struct vmm *vmm = *state;

	make_something(&vmm->rig);
	reach(&vmm->rig, EP, 4, 0x40001000);
	vmm->rig.notified[0] = '\0';
	viommu_dump(vmm->rig.device, collect, &vmm->rig);
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		if (!strstr(vmm->rig.notified, lines[i]))
			fail_msg("not in the dump:\n%s\n%s", lines[i], vmm->rig.notified);
}

/* No request of a draft would end them. */
static void a_draft_loads_no_pasids(void **state)
{
	const struct viommu_config config = { .size = sizeof(config),
					      .personality = VIOMMU_PERSONALITY_DRAFT_C };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						  .id = EP,
						  .pasid_bits = 4 };
	struct stream s = begin();
	char reason[VIOMMU_REASON_LENGTH];
	struct viommu *device;

	(void)state;
	put(s.bytes + 4, 4, 4);
	put(s.bytes + 24 + 16, 8, VIOMMU_FEATURES_DEFAULT);
	put(s.bytes + 24 + 16 + 12, 4, config.personality);
	add_domain(&s, 1);
	add_slot(&s, EP, 3);
	end(&s);
	assert_int_equal(viommu_new(&config, NULL, NULL, &device), 0);
	assert_int_equal(viommu_endpoint_add(device, &endpoint), 0);
	assert_int_equal(viommu_load(device, s.bytes, s.length, reason, sizeof(reason)), -EBUSY);
	assert_non_null(strstr(reason, "PASID 3"));
	viommu_free(device);
}

#define ON_A_VMM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_VMM(what_was_saved_is_there_again),
		ON_A_VMM(open_page_requests_are_answered_on_the_other_side),
		ON_A_VMM(a_stream_has_the_lowest_version_that_can_express_it),
		ON_A_VMM(every_truncation_is_refused),
		ON_A_VMM(every_flipped_bit_is_refused_or_means_something),
		ON_A_VMM(what_cannot_be_is_refused_by_place),
		ON_A_VMM(a_page_request_has_a_pasid_of_20_bits),
		ON_A_VMM(a_parent_without_a_granule_is_refused),
		ON_A_VMM(what_is_not_here_is_named),
		ON_A_VMM(an_endpoint_that_has_less_is_named),
		ON_A_VMM(a_limit_is_named),
		ON_A_VMM(a_listener_that_refuses_leaves_nothing),
		ON_A_VMM(a_listener_is_not_asked_to_follow_tables),
		ON_A_VMM(an_update_that_takes_a_format_away_is_busy),
		ON_A_VMM(a_stream_of_version_3_is_still_read),
		cmocka_unit_test(a_draft_loads_no_pasids),
		ON_A_VMM(every_pasid_is_walked_in_order),
		ON_A_VMM(every_table_is_walked_with_what_is_kept_of_it),
		ON_A_VMM(open_groups_are_copied),
		ON_A_VMM(a_dump_shows_pasids_tables_and_page_requests),
	};

	return cmocka_run_group_tests_name("state of spaces", tests, NULL, NULL);
}
