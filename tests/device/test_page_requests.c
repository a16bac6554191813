/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/*
 * Page requests and PAGE_RESPONSE, row by row of the tables in docs/proposal-address-spaces.md, and
 * the longer fault records
 */

#define PASID VIOMMU_SLOT_F_PASID

#define FEATURES (VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID | VIOMMU_F_TABLE | VIOMMU_F_PAGE_REQUEST)

enum {
	SUCCESS = VIOMMU_PAGE_SUCCESS,
	INVALID = VIOMMU_PAGE_INVALID,
	FAILURE = VIOMMU_PAGE_FAILURE
};

/* A VMM that keeps what it is called with. */
struct vmm {
	struct rig rig; /* for requests only */
	size_t room;    /* of each event buffer; 0: there is none */
	unsigned n_events, n_responses;
	size_t length;
	uint8_t event[VIOMMU_FAULT_LONG_LENGTH];
	struct viommu_page_response response;
};

static int on_event(void *opaque, const void *record, size_t length)
{
	struct vmm *vmm = opaque;

	if (length > vmm->room)
		return -ENOSPC;
	memset(vmm->event, 0, sizeof(vmm->event));
	memcpy(vmm->event, record, length);
	vmm->length = length;
	vmm->n_events++;
	return 0;
}

static void on_response(void *opaque, const struct viommu_page_response *response)
{
	struct vmm *vmm = opaque;

	vmm->response = *response;
	vmm->n_responses++;
}

static uint64_t memory[512] __attribute__((aligned(4096)));

static const struct viommu_table_format formats[] = {
	{ VIOMMU_TABLE_GENERIC, 48, 52, 0x40201000, 0, 0 },
	{ VIOMMU_TABLE_X86_PASID_DIR, 48, 48, 0x40201000, 0, 0 },
};

static void put_in(struct vmm *vmm, uint32_t flags)
{
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = EP,
		.pasid_bits = 8,
		.formats = formats,
		.n_formats = 2,
		.max_page_requests = 2,
		.page_request_flags = flags,
	};

	assert_int_equal(viommu_endpoint_add(vmm->rig.device, &endpoint), 0);
}

static int set_up(void **state)
{
	static struct vmm vmm;
	const struct viommu_config config = { .size = sizeof(config), .features = FEATURES };
	const struct viommu_memory range = { 0x1000, 0x1fff, memory, false };
	const struct viommu_ops ops = {
		.size = sizeof(ops),
		.event = on_event,
		.page_response = on_response,
	};

	vmm = (struct vmm){ .room = VIOMMU_FAULT_LONG_LENGTH };
	memset(memory, 0, sizeof(memory));
	assert_int_equal(viommu_new(&config, &ops, &vmm, &vmm.rig.device), 0);
	put_in(&vmm, VIOMMU_PAGE_REQUEST_F_PASID);
	assert_int_equal(viommu_accept(vmm.rig.device, FEATURES), 0);
	assert_int_equal(viommu_set_memory(vmm.rig.device, &range, 1), 0);
	*state = &vmm;
	return 0;
}

static int tear_down(void **state)
{
	struct vmm *vmm = *state;

	viommu_free(vmm->rig.device);
	return 0;
}

/* A generic table at 0x1000, for a PASID or the default slot. */
static int attach_generic(struct vmm *vmm, uint32_t domain, uint32_t flags, uint32_t pasid)
{
	uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = {
		HEAD(VIOMMU_T_ATTACH_TABLE),
		LE32(domain),
		LE32(EP),
		LE32(flags),
		LE16(VIOMMU_TABLE_GENERIC),
		LE16(0),
		LE32(pasid),
		LE64(0),
		LE64(0x1000),
	};

	return status_of(&vmm->rig, bytes, sizeof(bytes));
}

static int attach_pasid(struct vmm *vmm, uint32_t domain, uint32_t flags, uint32_t pasid)
{
	const uint8_t bytes[] = { ATTACH(domain, EP, flags | PASID, pasid) };

	return status_of(&vmm->rig, bytes, sizeof(bytes));
}

static int detach_pasid(struct vmm *vmm, uint32_t domain, uint32_t pasid)
{
	const uint8_t bytes[] = { HEAD(VIOMMU_T_DETACH), LE32(domain), LE32(EP), LE32(PASID),
				  LE32(pasid) };

	return status_of(&vmm->rig, bytes, sizeof(bytes));
}

static struct viommu_page_request asking(uint32_t pasid, uint16_t group, bool last)
{
	return (struct viommu_page_request){
		.size = sizeof(struct viommu_page_request),
		.endpoint = EP,
		.has_pasid = pasid != UINT32_MAX,
		.pasid = pasid,
		.address = 0x5000,
		.access = W,
		.group = group,
		.last = last,
	};
}

static int ask(struct vmm *vmm, uint32_t pasid, uint16_t group, bool last)
{
	const struct viommu_page_request request = asking(pasid, group, last);

	return viommu_page_request(vmm->rig.device, &request);
}

static int respond(struct vmm *vmm, uint32_t flags, uint32_t pasid, uint16_t group, uint16_t code)
{
	const uint8_t bytes[VIOMMU_PAGE_RESPONSE_LENGTH] = {
		HEAD(VIOMMU_T_PAGE_RESPONSE),
		LE32(EP),
		LE32(flags),
		LE32(pasid),
		LE16(group),
		LE16(code),
	};

	return status_of(&vmm->rig, bytes, sizeof(bytes));
}

static void assert_answered(const struct vmm *vmm, unsigned n, uint32_t pasid, uint16_t group,
			    uint16_t code)
{
	assert_int_equal(vmm->n_responses, n);
	assert_int_equal(vmm->response.endpoint, EP);
	assert_int_equal(vmm->response.has_pasid, pasid != UINT32_MAX);
	if (pasid != UINT32_MAX)
		assert_int_equal(vmm->response.pasid, pasid);
	assert_int_equal(vmm->response.group, group);
	assert_int_equal(vmm->response.code, code);
}

/* -- page requests ------------------------------------------------------------- */

/* Shows: page-ask */
static void test_a_request_is_a_record_and_its_answer_a_call(void **state)
{
	struct vmm *vmm = *state;
	struct viommu_page_request request = asking(3, 7, true);
	const uint8_t expected[VIOMMU_FAULT_LONG_LENGTH] = {
		0,
		0,
		0,
		0,
		LE32(VIOMMU_FAULT_F_WRITE | VIOMMU_FAULT_F_PRIVILEGED | VIOMMU_FAULT_F_LAST |
		     VIOMMU_FAULT_F_PAGE_REQ | VIOMMU_FAULT_F_ADDRESS | VIOMMU_FAULT_F_PASID |
		     VIOMMU_FAULT_F_GROUP | VIOMMU_FAULT_F_PRIVATE),
		LE32(EP),
		LE32(3),
		LE64(0x5000),
		LE16(7),
		0,
		0,
		0,
		0,
		0,
		0,
		LE64(0x11),
		LE64(0x22),
	};

	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	request.access |= VIOMMU_ACCESS_PRIVILEGED;
	request.has_private = true;
	request.private_data[0] = 0x11;
	request.private_data[1] = 0x22;
	assert_int_equal(viommu_page_request(vmm->rig.device, &request), 0);
	assert_int_equal(vmm->length, sizeof(expected));
	assert_memory_equal(vmm->event, expected, sizeof(expected));
	assert_int_equal(vmm->n_responses, 0);
	assert_int_equal(respond(vmm, VIOMMU_PAGE_RESPONSE_F_PASID, 3, 7, SUCCESS), VIOMMU_S_OK);
	assert_answered(vmm, 1, 3, 7, SUCCESS);
	assert_int_equal(respond(vmm, VIOMMU_PAGE_RESPONSE_F_PASID, 3, 7, SUCCESS), VIOMMU_S_INVAL);
	assert_int_equal(vmm->n_responses, 1);
}

/* Shows: page-no-table */
static void test_without_a_table_a_request_is_invalid_at_once(void **state)
{
	struct vmm *vmm = *state;

	assert_int_equal(ask(vmm, 3, 1, true), -EFAULT);
	assert_int_equal(attach_pasid(vmm, 1, 0, 3), VIOMMU_S_OK);
	assert_int_equal(ask(vmm, 3, 1, true), -EFAULT);
	assert_int_equal(attach_pasid(vmm, 2, VIOMMU_ATTACH_F_BYPASS, 3), VIOMMU_S_OK);
	assert_int_equal(ask(vmm, 3, 1, true), -EFAULT);
	assert_int_equal(attach_generic(vmm, 3, PASID, 3), VIOMMU_S_OK);
	assert_int_equal(viommu_accept(vmm->rig.device, FEATURES & ~VIOMMU_F_PAGE_REQUEST), 0);
	assert_int_equal(ask(vmm, 3, 1, true), -EFAULT);
	assert_int_equal(vmm->n_events, 0);
	assert_int_equal(vmm->n_responses, 0);
}

/* Shows: page-limit */
static void test_too_many_groups_are_a_failure(void **state)
{
	struct vmm *vmm = *state;

	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	assert_int_equal(ask(vmm, 3, 1, true), 0);
	assert_int_equal(ask(vmm, 3, 2, false), 0);
	assert_int_equal(ask(vmm, 3, 2, true), 0);
	assert_int_equal(ask(vmm, 3, 3, true), -ENOSPC);
	assert_int_equal(vmm->n_events, 3);
	assert_int_equal(respond(vmm, VIOMMU_PAGE_RESPONSE_F_PASID, 3, 1, INVALID), VIOMMU_S_OK);
	assert_int_equal(ask(vmm, 3, 3, true), 0);
}

/* Shows: page-no-buffer */
static void test_without_a_long_buffer_a_request_is_invalid(void **state)
{
	struct vmm *vmm = *state;

	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	vmm->room = VIOMMU_FAULT_LENGTH;
	assert_int_equal(ask(vmm, 3, 1, true), -EFAULT);
	vmm->room = 0;
	assert_int_equal(ask(vmm, 3, 1, true), -EFAULT);
	vmm->room = VIOMMU_FAULT_LONG_LENGTH;
	assert_int_equal(ask(vmm, 3, 1, true), 0);
	assert_int_equal(ask(vmm, 3, 2, true), 0);
}

/* Shows: page-group */
static void test_only_a_complete_group_is_answered(void **state)
{
	struct vmm *vmm = *state;

	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	assert_int_equal(ask(vmm, 3, 1, false), 0);
	assert_int_equal(respond(vmm, VIOMMU_PAGE_RESPONSE_F_PASID, 3, 1, SUCCESS), VIOMMU_S_INVAL);
	assert_int_equal(vmm->n_responses, 0);
	assert_int_equal(ask(vmm, 3, 1, true), 0);
	assert_int_equal(respond(vmm, VIOMMU_PAGE_RESPONSE_F_PASID, 3, 1, FAILURE), VIOMMU_S_OK);
	assert_answered(vmm, 1, 3, 1, FAILURE);
}

/* Shows: page-stop */
static void test_a_stop_marker_is_swallowed(void **state)
{
	struct vmm *vmm = *state;
	struct viommu_page_request marker = asking(3, 1, true);

	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	marker.access = 0;
	assert_int_equal(viommu_page_request(vmm->rig.device, &marker), 0);
	assert_int_equal(vmm->n_events, 0);
}

/* Shows: page-emptied */
static void test_a_slot_that_is_emptied_answers_its_groups(void **state)
{
	struct vmm *vmm = *state;

	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	assert_int_equal(attach_generic(vmm, 1, 0, 0), VIOMMU_S_OK);
	assert_int_equal(ask(vmm, 3, 1, true), 0);
	assert_int_equal(ask(vmm, UINT32_MAX, 1, false), 0);
	assert_int_equal(detach_pasid(vmm, 1, 3), VIOMMU_S_OK);
	assert_answered(vmm, 1, 3, 1, INVALID);
	assert_int_equal(respond(vmm, VIOMMU_PAGE_RESPONSE_F_PASID, 3, 1, SUCCESS), VIOMMU_S_INVAL);
	assert_int_equal(attach(&vmm->rig, 2, EP), VIOMMU_S_OK);
	assert_answered(vmm, 2, UINT32_MAX, 1, INVALID);
}

/* Shows: page-emptied */
static void test_an_attach_over_a_slot_answers_its_groups(void **state)
{
	struct vmm *vmm = *state;

	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	assert_int_equal(ask(vmm, 3, 9, false), 0);
	assert_int_equal(attach_pasid(vmm, 2, 0, 3), VIOMMU_S_OK);
	assert_answered(vmm, 1, 3, 9, INVALID);
}

/* Shows: page-emptied */
static void test_a_reset_answers_all_groups(void **state)
{
	struct vmm *vmm = *state;

	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	assert_int_equal(ask(vmm, 3, 1, true), 0);
	assert_int_equal(ask(vmm, 3, 2, true), 0);
	viommu_reset(vmm->rig.device);
	assert_int_equal(vmm->n_responses, 2);
}

/* Shows: page-emptied */
static void test_an_unplugged_endpoint_answers_all_groups(void **state)
{
	struct vmm *vmm = *state;

	assert_int_equal(attach_generic(vmm, 1, 0, 0), VIOMMU_S_OK);
	assert_int_equal(ask(vmm, UINT32_MAX, 1, true), 0);
	assert_int_equal(viommu_endpoint_remove(vmm->rig.device, EP), 0);
	assert_answered(vmm, 1, UINT32_MAX, 1, INVALID);
	assert_int_equal(ask(vmm, UINT32_MAX, 1, true), -ENOENT);
}

/* "Free the device and its listeners, without calling them." */
static void test_a_device_that_is_freed_answers_nothing(void **state)
{
	struct vmm *vmm = *state;

	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	assert_int_equal(attach_generic(vmm, 1, 0, 0), VIOMMU_S_OK);
	assert_int_equal(ask(vmm, 3, 1, true), 0);
	assert_int_equal(ask(vmm, UINT32_MAX, 1, true), 0);
	vmm->rig.device = viommu_free(vmm->rig.device);
	assert_int_equal(vmm->n_responses, 0);
}

/* -- responses of the driver --------------------------------------------------- */

/* Shows: response-feature */
static void test_response_without_its_feature_is_unknown(void **state)
{
	struct vmm *vmm = *state;
	const uint8_t bytes[VIOMMU_PAGE_RESPONSE_LENGTH] = { HEAD(VIOMMU_T_PAGE_RESPONSE),
							     LE32(EP) };
	uint8_t answer[VIOMMU_TAIL_LENGTH];

	assert_int_equal(viommu_accept(vmm->rig.device, FEATURES & ~VIOMMU_F_PAGE_REQUEST), 0);
	assert_int_equal(request(&vmm->rig, bytes, sizeof(bytes), answer, sizeof(answer)), 0);
}

/* Shows: response-inval */
static void test_response_with_what_is_unknown_is_inval(void **state)
{
	struct vmm *vmm = *state;
	uint8_t bytes[VIOMMU_PAGE_RESPONSE_LENGTH] = { HEAD(VIOMMU_T_PAGE_RESPONSE),
						       LE32(NO_ENDPOINT) };

	assert_int_equal(status_of(&vmm->rig, bytes, sizeof(bytes)), VIOMMU_S_NOENT);
	for (size_t i = 20; i < sizeof(bytes); i++) {
		bytes[i] = 1;
		assert_int_equal(status_of(&vmm->rig, bytes, sizeof(bytes)), VIOMMU_S_INVAL);
		bytes[i] = 0;
	}
	assert_int_equal(respond(vmm, 2, 0, 0, SUCCESS), VIOMMU_S_INVAL);
	assert_int_equal(respond(vmm, 0, 0, 0, 3), VIOMMU_S_INVAL);
	assert_int_equal(respond(vmm, 0, 0, 0, SUCCESS), VIOMMU_S_INVAL);
}

/* Shows: response-pasid */
static void test_response_flag_that_disagrees_with_the_request_is_ignored(void **state)
{
	struct vmm *vmm = *state;

	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	assert_int_equal(attach_generic(vmm, 1, 0, 0), VIOMMU_S_OK);
	assert_int_equal(ask(vmm, 3, 1, true), 0);
	assert_int_equal(respond(vmm, 0, 0, 1, SUCCESS), VIOMMU_S_OK);
	assert_answered(vmm, 1, 3, 1, SUCCESS);
	assert_int_equal(ask(vmm, UINT32_MAX, 2, true), 0);
	assert_int_equal(respond(vmm, VIOMMU_PAGE_RESPONSE_F_PASID, 9, 2, SUCCESS), VIOMMU_S_OK);
	assert_answered(vmm, 2, UINT32_MAX, 2, SUCCESS);
	assert_int_equal(ask(vmm, 3, 3, true), 0);
	assert_int_equal(respond(vmm, VIOMMU_PAGE_RESPONSE_F_PASID, 4, 3, SUCCESS), VIOMMU_S_INVAL);
}

/* Shows: response-pasid */
static void test_response_needs_no_pasid_if_the_endpoint_says_so(void **state)
{
	struct vmm *vmm = *state;

	assert_int_equal(viommu_endpoint_remove(vmm->rig.device, EP), 0);
	put_in(vmm, 0);
	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	assert_int_equal(ask(vmm, 3, 3, true), 0);
	assert_int_equal(respond(vmm, VIOMMU_PAGE_RESPONSE_F_PASID, 4, 3, SUCCESS), VIOMMU_S_OK);
	assert_answered(vmm, 1, 3, 3, SUCCESS);
}

/* -- faults -------------------------------------------------------------------- */

static int touch(struct vmm *vmm, uint64_t iova, uint32_t access)
{
	struct viommu_translation to;

	return viommu_translate_pasid(vmm->rig.device, EP, 3, iova, 8, access, &to);
}

/* Shows: space-fault */
static void test_a_fault_has_its_pasid_and_its_reason(void **state)
{
	struct vmm *vmm = *state;
	const uint64_t table = 0x1000 | 3;

	assert_int_equal(touch(vmm, 0x5008, R), -EFAULT);
	assert_int_equal(vmm->event[0], VIOMMU_FAULT_R_DOMAIN);
	assert_int_equal(vmm->length, VIOMMU_FAULT_LONG_LENGTH);
	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	assert_int_equal(touch(vmm, 0x5008, R), -EFAULT);
	assert_int_equal(vmm->event[0], VIOMMU_FAULT_R_MAPPING);
	assert_int_equal(vmm->event[4], VIOMMU_FAULT_F_READ);
	assert_int_equal(vmm->event[5], (VIOMMU_FAULT_F_ADDRESS | VIOMMU_FAULT_F_PASID) >> 8);
	assert_int_equal(vmm->event[12], 3);
	assert_int_equal(vmm->event[16], 8);
	assert_int_equal(vmm->event[17], 0x50);
	memory[0] = htole64(0x700000 | 3);
	assert_int_equal(touch(vmm, 0x5008, R), -EFAULT);
	assert_int_equal(vmm->event[0], VIOMMU_FAULT_R_WALK);
	assert_int_equal(touch(vmm, UINT64_C(1) << 48, R), -EFAULT);
	assert_int_equal(vmm->event[0], VIOMMU_FAULT_R_RANGE);
	memory[0] = htole64(table); /* all four levels are this page */
	memory[5] = htole64(0x9000 | 5);
	assert_int_equal(touch(vmm, 0x5008, R), 0);
	assert_int_equal(touch(vmm, 0x5008, W), -EFAULT);
	assert_int_equal(vmm->event[0], VIOMMU_FAULT_R_PERMISSION);
}

/* Shows: space-fault */
static void test_a_fault_fits_into_a_short_buffer(void **state)
{
	struct vmm *vmm = *state;

	vmm->room = VIOMMU_FAULT_LENGTH;
	assert_int_equal(touch(vmm, 0x5008, R), -EFAULT);
	assert_int_equal(vmm->length, VIOMMU_FAULT_LENGTH);
	assert_int_equal(vmm->event[12], 3);
}

/* Shows: space-fault */
static void test_a_driver_without_page_requests_sees_the_standards_reasons(void **state)
{
	struct vmm *vmm = *state;
	struct viommu_fault fault;

	assert_int_equal(viommu_accept(vmm->rig.device, FEATURES & ~VIOMMU_F_PAGE_REQUEST), 0);
	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	assert_int_equal(touch(vmm, UINT64_C(1) << 48, R), -EFAULT);
	assert_int_equal(vmm->length, VIOMMU_FAULT_LENGTH);
	assert_int_equal(vmm->event[0], VIOMMU_FAULT_R_MAPPING);
	assert_int_equal(viommu_last_faults(vmm->rig.device, &fault, 1), 1);
	assert_int_equal(fault.reason, VIOMMU_FAULT_R_RANGE);
	assert_int_equal(fault.pasid, 3);
}

static void test_a_recoverable_access_reports_nothing(void **state)
{
	struct vmm *vmm = *state;
	uint32_t access = R | VIOMMU_ACCESS_RECOVERABLE;

	assert_int_equal(touch(vmm, 0x5000, access), -EFAULT);
	assert_int_equal(vmm->n_events, 1);
	assert_int_equal(attach_generic(vmm, 1, PASID, 3), VIOMMU_S_OK);
	assert_int_equal(touch(vmm, 0x5000, access), -EAGAIN);
	assert_int_equal(vmm->n_events, 1);
	/* The driver cannot mend an address that does not exist. */
	assert_int_equal(touch(vmm, UINT64_C(1) << 48, access), -EFAULT);
	assert_int_equal(vmm->n_events, 2);
	assert_int_equal(ask(vmm, 3, 1, true), 0);
	memory[0] = htole64(0x1000 | 3);
	memory[5] = htole64(0x9000 | 5);
	assert_int_equal(respond(vmm, VIOMMU_PAGE_RESPONSE_F_PASID, 3, 1, SUCCESS), VIOMMU_S_OK);
	assert_int_equal(touch(vmm, 0x5000, access), 0);
}

static void test_the_limit_is_a_property(void **state)
{
	struct vmm *vmm = *state;
	const uint8_t expected[] = {
		LE16(0xf22), LE16(12), LE32(VIOMMU_PAGE_REQUEST_F_PASID), LE32(2), LE32(0),
	};

	assert_int_equal(probe(&vmm->rig, EP), VIOMMU_S_OK);
	assert_memory_equal(vmm->rig.properties + 8 + 2 * 24, expected, sizeof(expected));
}

#define ON_A_VMM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_VMM(test_a_request_is_a_record_and_its_answer_a_call),
		ON_A_VMM(test_without_a_table_a_request_is_invalid_at_once),
		ON_A_VMM(test_too_many_groups_are_a_failure),
		ON_A_VMM(test_without_a_long_buffer_a_request_is_invalid),
		ON_A_VMM(test_only_a_complete_group_is_answered),
		ON_A_VMM(test_a_stop_marker_is_swallowed),
		ON_A_VMM(test_a_slot_that_is_emptied_answers_its_groups),
		ON_A_VMM(test_an_attach_over_a_slot_answers_its_groups),
		ON_A_VMM(test_a_reset_answers_all_groups),
		ON_A_VMM(test_an_unplugged_endpoint_answers_all_groups),
		ON_A_VMM(test_a_device_that_is_freed_answers_nothing),
		ON_A_VMM(test_response_without_its_feature_is_unknown),
		ON_A_VMM(test_response_with_what_is_unknown_is_inval),
		ON_A_VMM(test_response_flag_that_disagrees_with_the_request_is_ignored),
		ON_A_VMM(test_response_needs_no_pasid_if_the_endpoint_says_so),
		ON_A_VMM(test_a_fault_has_its_pasid_and_its_reason),
		ON_A_VMM(test_a_fault_fits_into_a_short_buffer),
		ON_A_VMM(test_a_driver_without_page_requests_sees_the_standards_reasons),
		ON_A_VMM(test_a_recoverable_access_reports_nothing),
		ON_A_VMM(test_the_limit_is_a_property),
	};

	return cmocka_run_group_tests_name("page requests", tests, NULL, NULL);
}
