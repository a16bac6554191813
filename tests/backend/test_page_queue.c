/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "fake.h"
#include "rig.h"

#include <viommu/backend.h>

#include "backend/layouts.h"

/*
 * PASIDs and page requests of devices over the fake kernel's iommufd, by requests of a guest
 *
 * Devices A and B stand for EP and EP2 and are behind hardware IOMMU 0; C is EP3, behind 1.
 */
enum { A, B, C, N };

#define HOST     0x7f0000000000u
#define PASID    VIOMMU_SLOT_F_PASID
#define PASIDS   (KERNEL_HWPT_PASID)
#define REQUESTS (KERNEL_HWPT_NEST | KERNEL_HWPT_FAULT)
#define FEATURES (VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID | VIOMMU_F_TABLE | VIOMMU_F_PAGE_REQUEST)

static const char *sysfs;
static struct viommu_kernel *kernel;
static struct viommu_backend *backend;
static struct rig rig; /* for requests only */
static bool has_buffers;
static unsigned n_events;
static uint8_t last_event[VIOMMU_FAULT_LONG_LENGTH];
static char logged[1024];

static void on_log(void *opaque, const char *text)
{
	(void)opaque;
	strncat(logged, text, sizeof(logged) - strlen(logged) - 1);
}

static int on_event(void *opaque, const void *record, size_t length)
{
	(void)opaque;
	if (!has_buffers)
		return -ENOSPC;
	assert_true(length <= sizeof(last_event));
	memcpy(last_event, record, length);
	n_events++;
	return 0;
}

static void on_response(void *opaque, const struct viommu_page_response *response)
{
	(void)opaque;
	viommu_backend_page_response(backend, rig.device, response);
}

static void open_kernel(uint32_t hwpt_flags, bool wants)
{
	const struct viommu_kernel_ops ops = {
		.size = sizeof(ops),
		.open = fake_open,
		.close = fake_close,
		.ioctl = fake_ioctl,
		.sysfs = sysfs,
		.log = on_log,
		.nest = hwpt_flags & KERNEL_HWPT_NEST,
		.pasids = wants,
		.page_requests = wants,
	};

	memset(&fake, 0, sizeof(fake));
	fake.iommu[C] = 1;
	for (int i = 0; i < N; i++)
		fake.limits[i] =
			(struct fake_limits){ .hardware = KERNEL_HW_ARM_SMMUV3,
					      .hwpt_flags = hwpt_flags & ~KERNEL_HWPT_FAULT,
					      .pasid_bits = 4,
					      .requests_pages = hwpt_flags & KERNEL_HWPT_FAULT };
	assert_int_equal(viommu_kernel_new(VIOMMU_INTERFACE_IOMMUFD, &ops, NULL, &kernel), 0);
	for (int i = 0; i < N; i++)
		assert_int_equal(viommu_kernel_open_device(kernel, fake_name(i), &(int){ 0 }), 0);
}

static void add_devices(void)
{
	static const uint32_t ids[N] = { EP, EP2, EP3 };
	struct viommu_table_format format;

	for (int i = 0; i < N; i++) {
		const struct viommu_endpoint endpoint = {
			.size = sizeof(endpoint),
			.id = ids[i],
			.pasid_bits = 4,
			.formats = &format,
			.n_formats = viommu_kernel_formats(kernel, i, &format, 1),
			.max_page_requests = 2,
			.page_request_flags = VIOMMU_PAGE_REQUEST_F_PASID,
		};

		assert_int_equal(viommu_endpoint_add(rig.device, &endpoint), 0);
		assert_int_equal(viommu_backend_add_device(backend, rig.device, ids[i], i), 0);
	}
}

static void begin(uint32_t hwpt_flags, bool wants)
{
	const struct viommu_config config = { .size = sizeof(config), .features = FEATURES };
	const struct viommu_ops ops = { .size = sizeof(ops),
					.event = on_event,
					.page_response = on_response };
	const struct viommu_memory memory = { 0, 0xfffff, (void *)(uintptr_t)HOST, false };

	logged[0] = 0;
	n_events = 0;
	has_buffers = true;
	open_kernel(hwpt_flags, wants);
	assert_int_equal(viommu_backend_new(viommu_kernel_calls(kernel), kernel, &backend), 0);
	assert_int_equal(viommu_backend_add_memory(backend, &memory), 0);
	assert_int_equal(viommu_new(&config, &ops, NULL, &rig.device), 0);
	assert_int_equal(viommu_accept(rig.device, FEATURES), 0);
	add_devices();
}

/* What a failing DESTROY leaves stays until /dev/iommu is closed. */
static void free_all(bool destroyed)
{
	backend = viommu_backend_free(backend);
	assert_true(!destroyed || !fake_spaces());
	kernel = viommu_kernel_free(kernel);
	assert_true(!destroyed || !fake_n_objects());
	viommu_free(rig.device);
}

static void end(void)
{
	free_all(true);
}

/* -- PASIDs ---------------------------------------------------------------------- */

static int attach_pasid(uint32_t domain, uint32_t endpoint, uint32_t pasid)
{
	const uint8_t bytes[] = { ATTACH(domain, endpoint, PASID, pasid) };

	return status_of(&rig, bytes, sizeof(bytes));
}

static int detach_pasid(uint32_t domain, uint32_t endpoint, uint32_t pasid)
{
	const uint8_t bytes[] = { HEAD(VIOMMU_T_DETACH), LE32(domain), LE32(endpoint), LE32(PASID),
				  LE32(pasid) };

	return status_of(&rig, bytes, sizeof(bytes));
}

static const struct fake_object *in(int device, uint32_t pasid)
{
	return fake_object(fake.pasid_in[device][pasid]);
}

static void a_pasid_is_in_a_page_table_beside_its_device(void **state)
{
	(void)state;
	begin(PASIDS, true);
	assert_int_equal(viommu_kernel_limits(kernel, A)->pasid_bits, 4);
	assert_int_equal(attach(&rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(2, EP, 3), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(2, EP2, 5), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(2, EP3, 3), VIOMMU_S_OK);
	assert_true(in(A, 3)->flags & fake_object(fake.in[A])->flags & KERNEL_HWPT_PASID);
	assert_int_not_equal(in(A, 3)->space, fake.at[A]);
	/* Of one space, and a page table for each IOMMU. */
	assert_ptr_equal(in(A, 3), in(B, 5));
	assert_ptr_not_equal(in(A, 3), in(C, 3));
	assert_int_equal(in(A, 3)->space, in(C, 3)->space);
	assert_int_equal(map(&rig, 2, 0x5000, 0x5fff, 0x1000, R), VIOMMU_S_OK);
	assert_int_equal(fake.n_maps[in(A, 3)->space], 1);
	assert_int_equal(fake.n_maps[fake.at[A]], 0);
	/* To another domain, and out of it; the device stays where it is. */
	assert_int_equal(attach_pasid(1, EP, 3), VIOMMU_S_OK);
	assert_int_equal(fake.pasid_in[A][3], fake.in[A]);
	assert_int_equal(detach_pasid(1, EP, 3), VIOMMU_S_OK);
	assert_int_equal(fake.pasid_in[A][3], 0);
	assert_int_not_equal(fake.in[A], 0);
	assert_int_not_equal(fake.pasid_in[B][5], 0);
	viommu_reset(rig.device);
	assert_int_equal(fake.pasid_in[B][5], 0);
	end();
}

static void pasids_are_refused_where_page_tables_do_not_permit_them(void **state)
{
	static const struct {
		uint32_t hwpt_flags;
		bool wants;
	} rows[] = { { PASIDS, false }, { KERNEL_HWPT_DIRTY, true }, { 0, true } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		begin(rows[i].hwpt_flags, rows[i].wants);
		assert_int_equal(attach(&rig, 1, EP), VIOMMU_S_OK);
		assert_int_equal(attach_pasid(2, EP, 3), VIOMMU_S_UNSUPP);
		assert_int_not_equal(fake.at[A], 0);
		end();
	}
}

static void no_failure_leaves_a_pasid_where_the_guest_has_not_put_it(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned fail = 0; fail <= n; fail++) {
		begin(PASIDS, true);
		fake.calls = 0;
		fake.fail = fail;
		fake.fail_n = 1;
		fake.error = ENOMEM;
		if (attach_pasid(1, EP, 3) != VIOMMU_S_OK)
			assert_int_equal(fake.pasid_in[A][3], 0);
		if (attach_pasid(1, EP3, 3) != VIOMMU_S_OK)
			assert_int_equal(fake.pasid_in[C][3], 0);
		/* One that is refused leaves it in the first. */
		attach_pasid(2, EP, 3);
		detach_pasid(1, EP, 3);
		detach_pasid(2, EP, 3);
		assert_int_equal(fake.pasid_in[A][3], 0);
		n = fake.calls > n ? fake.calls : n;
		fake.fail = 0;
		free_all(false);
	}
	assert_true(n > 8);
}

/* -- page requests ------------------------------------------------------------------- */

static int attach_table(uint32_t domain, uint32_t endpoint)
{
	const uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { HEAD(VIOMMU_T_ATTACH_TABLE),
							    LE32(domain),
							    LE32(endpoint),
							    LE32(0),
							    LE16(VIOMMU_TABLE_ARM_CD_TABLE),
							    LE16(0),
							    LE32(0),
							    LE64(0),
							    LE64(0x50000) };

	return status_of(&rig, bytes, sizeof(bytes));
}

static int respond(uint32_t endpoint, uint16_t group, uint16_t code)
{
	const uint8_t bytes[VIOMMU_PAGE_RESPONSE_LENGTH] = {
		HEAD(VIOMMU_T_PAGE_RESPONSE),
		LE32(endpoint),
		LE32(VIOMMU_PAGE_RESPONSE_F_PASID),
		LE32(6),
		LE16(group),
		LE16(code),
	};

	return status_of(&rig, bytes, sizeof(bytes));
}

static struct kernel_page_fault fault(int device, uint16_t group, uint32_t cookie, bool last)
{
	return (struct kernel_page_fault){
		.flags = KERNEL_FAULT_HAS_PASID | (last ? KERNEL_FAULT_LAST : 0),
		.dev_id = 1000 + (uint32_t)device,
		.pasid = 6,
		.group = group,
		.access = KERNEL_FAULT_WRITE | KERNEL_FAULT_PRIV,
		.address = 0x700000,
		.cookie = cookie,
	};
}

static void assert_answer(uint32_t cookie, uint32_t code)
{
	uint32_t seen[2] = { 0 };

	assert_true(fake_answer(&seen[0], &seen[1]));
	assert_int_equal(seen[0], cookie);
	assert_int_equal(seen[1], code);
}

static void assert_no_answer(void)
{
	assert_false(fake_answer(&(uint32_t){ 0 }, &(uint32_t){ 0 }));
}

static void a_page_request_of_a_device_is_answered_by_the_guest(void **state)
{
	const struct kernel_page_fault faults[] = { fault(A, 7, 100, false), fault(A, 7, 100, true),
						    fault(A, 8, 101, true) };

	(void)state;
	begin(REQUESTS, true);
	assert_true(viommu_kernel_limits(kernel, A)->page_requests);
	assert_int_equal(attach_table(1, EP), VIOMMU_S_OK);
	fake_request_pages(A, faults, sizeof(faults));
	viommu_backend_read_events(backend);
	assert_int_equal(n_events, 3);
	assert_int_equal(last_event[4], VIOMMU_FAULT_F_WRITE | VIOMMU_FAULT_F_PRIVILEGED |
						VIOMMU_FAULT_F_LAST | VIOMMU_FAULT_F_PAGE_REQ);
	assert_int_equal(last_event[8], EP);
	assert_int_equal(last_event[12], 6);
	assert_int_equal(last_event[18], 0x70);
	assert_int_equal(last_event[24], 8);
	assert_no_answer();
	assert_int_equal(respond(EP, 8, VIOMMU_PAGE_FAILURE), VIOMMU_S_OK);
	assert_answer(101, KERNEL_RESPONSE_NO);
	assert_int_equal(respond(EP, 7, VIOMMU_PAGE_SUCCESS), VIOMMU_S_OK);
	assert_answer(100, KERNEL_RESPONSE_OK);
	assert_int_equal(respond(EP, 7, VIOMMU_PAGE_SUCCESS), VIOMMU_S_INVAL);
	assert_no_answer();
	end();
}

/* What the guest cannot be told is answered at once, the whole group with one answer. */
static void a_page_request_that_the_guest_does_not_get_is_invalid(void **state)
{
	const struct kernel_page_fault many[] = { fault(A, 1, 100, true), fault(A, 2, 101, true),
						  fault(A, 3, 102, true) };
	const struct kernel_page_fault group[] = { fault(A, 4, 103, false),
						   fault(A, 4, 103, true) };
	struct kernel_page_fault unknown = fault(A, 5, 104, true);

	(void)state;
	begin(REQUESTS, true);
	assert_int_equal(attach_table(1, EP), VIOMMU_S_OK);
	fake_request_pages(A, many, sizeof(many));
	viommu_backend_read_events(backend);
	assert_answer(102, KERNEL_RESPONSE_NO); /* of max_page_requests, 2 */
	assert_no_answer();
	assert_int_equal(respond(EP, 1, VIOMMU_PAGE_SUCCESS), VIOMMU_S_OK);
	assert_answer(100, KERNEL_RESPONSE_OK);
	has_buffers = false;
	fake_request_pages(A, group, sizeof(group));
	viommu_backend_read_events(backend);
	assert_answer(103, KERNEL_RESPONSE_NO);
	unknown.dev_id = 7;
	fake_request_pages(A, &unknown, sizeof(unknown));
	viommu_backend_read_events(backend);
	assert_answer(104, KERNEL_RESPONSE_NO);
	assert_no_answer();
	end();
}

static void a_device_that_leaves_its_table_is_answered(void **state)
{
	const struct kernel_page_fault first = fault(A, 7, 100, true),
				       second = fault(A, 8, 101, true);

	(void)state;
	begin(REQUESTS, true);
	assert_int_equal(attach_table(1, EP), VIOMMU_S_OK);
	fake_request_pages(A, &first, sizeof(first));
	viommu_backend_read_events(backend);
	assert_int_equal(detach(&rig, 1, EP), VIOMMU_S_OK);
	assert_answer(100, KERNEL_RESPONSE_NO);
	assert_int_equal(attach_table(1, EP), VIOMMU_S_OK);
	fake_request_pages(A, &second, sizeof(second));
	viommu_backend_read_events(backend);
	/* Unplugged, and open no longer: the kernel answers. */
	assert_int_equal(viommu_backend_remove_device(backend, A), 0);
	viommu_kernel_close_device(kernel, A);
	assert_no_answer();
	assert_int_equal(respond(EP, 8, VIOMMU_PAGE_SUCCESS), VIOMMU_S_OK);
	assert_no_answer();
	end();
}

/* The device does not wait for an answer before it uses the number again. */
static void one_answer_is_for_all_groups_with_its_number(void **state)
{
	const struct kernel_page_fault faults[] = { fault(A, 7, 100, true), fault(A, 7, 101, true),
						    fault(A, 8, 102, true) };

	(void)state;
	begin(REQUESTS, true);
	assert_int_equal(attach_table(1, EP), VIOMMU_S_OK);
	fake_request_pages(A, faults, sizeof(faults));
	viommu_backend_read_events(backend);
	assert_int_equal(n_events, 3);
	assert_int_equal(respond(EP, 7, VIOMMU_PAGE_SUCCESS), VIOMMU_S_OK);
	assert_answer(101, KERNEL_RESPONSE_OK);
	assert_answer(100, KERNEL_RESPONSE_OK);
	assert_no_answer();
	end();
}

/* The guest got the first one, and its number is forgotten with the second. */
static void a_refused_group_answers_those_with_its_number(void **state)
{
	const struct kernel_page_fault first = fault(A, 7, 100, true),
				       second = fault(A, 7, 101, true);

	(void)state;
	begin(REQUESTS, true);
	assert_int_equal(attach_table(1, EP), VIOMMU_S_OK);
	fake_request_pages(A, &first, sizeof(first));
	viommu_backend_read_events(backend);
	has_buffers = false;
	fake_request_pages(A, &second, sizeof(second));
	viommu_backend_read_events(backend);
	assert_answer(101, KERNEL_RESPONSE_NO);
	assert_answer(100, KERNEL_RESPONSE_NO);
	assert_int_equal(respond(EP, 7, VIOMMU_PAGE_SUCCESS), VIOMMU_S_INVAL);
	assert_no_answer();
	end();
}

static int invalidate(uint32_t domain)
{
	const uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = { HEAD(VIOMMU_T_INVALIDATE),
							  VIOMMU_INVALIDATE_S_DOMAIN,
							  VIOMMU_INVALIDATE_C_TLB, LE16(0),
							  LE32(domain) };

	return status_of(&rig, bytes, sizeof(bytes));
}

/* It is detached, and the kernel has answered: the cookie may be that of another group. */
static void a_device_that_cannot_be_invalidated_has_no_groups(void **state)
{
	const struct kernel_page_fault first = fault(A, 7, 100, true);

	(void)state;
	begin(REQUESTS, true);
	assert_int_equal(attach_table(1, EP), VIOMMU_S_OK);
	fake_request_pages(A, &first, sizeof(first));
	viommu_backend_read_events(backend);
	fake.calls = 0;
	fake.fail = fake.fail_n = 1;
	fake.error = EIO;
	assert_int_equal(invalidate(1), VIOMMU_S_OK);
	fake.fail = 0;
	assert_int_equal(fake.at[A], 0);
	assert_int_equal(respond(EP, 7, VIOMMU_PAGE_SUCCESS), VIOMMU_S_OK);
	assert_no_answer();
	end();
}

/* Another endpoint is not the kernel's. */
static void an_answer_to_an_endpoint_of_the_vmm_is_none_of_the_kernel(void **state)
{
	const struct viommu_page_response response = { EP, true, 6, 7, VIOMMU_PAGE_SUCCESS };

	(void)state;
	begin(REQUESTS, true);
	assert_int_equal(viommu_backend_page_response(backend, rig.device, &response), -ENOENT);
	assert_int_equal(viommu_backend_page_response(backend, NULL, &response), -ENOENT);
	end();
	begin(KERNEL_HWPT_NEST, false);
	assert_int_equal(viommu_backend_page_response(backend, rig.device, &response), -ENOENT);
	viommu_backend_read_events(backend);
	end();
}

/* Tables work without page requests, where an IOMMU or the kernel has none. */
static void a_device_without_page_requests_has_tables(void **state)
{
	(void)state;
	begin(KERNEL_HWPT_NEST, true);
	assert_false(viommu_kernel_limits(kernel, A)->page_requests);
	assert_int_equal(attach_table(1, EP), VIOMMU_S_OK);
	assert_int_equal(fake_object(fake.in[A])->faults, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pasid_is_in_a_page_table_beside_its_device),
		cmocka_unit_test(pasids_are_refused_where_page_tables_do_not_permit_them),
		cmocka_unit_test(no_failure_leaves_a_pasid_where_the_guest_has_not_put_it),
		cmocka_unit_test(a_page_request_of_a_device_is_answered_by_the_guest),
		cmocka_unit_test(a_page_request_that_the_guest_does_not_get_is_invalid),
		cmocka_unit_test(a_device_that_leaves_its_table_is_answered),
		cmocka_unit_test(one_answer_is_for_all_groups_with_its_number),
		cmocka_unit_test(a_refused_group_answers_those_with_its_number),
		cmocka_unit_test(a_device_that_cannot_be_invalidated_has_no_groups),
		cmocka_unit_test(an_answer_to_an_endpoint_of_the_vmm_is_none_of_the_kernel),
		cmocka_unit_test(a_device_without_page_requests_has_tables),
	};
	int failed;

	sysfs = fake_make_sysfs();
	failed = cmocka_run_group_tests_name("page-queue", tests, NULL, NULL);
	fake_remove_sysfs();
	return failed;
}
