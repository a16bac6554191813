/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "fake.h"
#include "rig.h"

#include <viommu/backend.h>

#include "backend/layouts.h"

/*
 * Objects of iommufd over the fake kernel: page tables of several IOMMUs, dirty pages, and tables
 * of the guest
 *
 * Devices A and B are behind hardware IOMMU 0, C is behind 1.
 */
enum { A, B, C, N };

#define HOST 0x7f0000000000u

static const char *sysfs;
static struct viommu_kernel *kernel;
static const struct viommu_backend_calls *calls;
static char logged[4096];

static void on_log(void *opaque, const char *text)
{
	size_t length = strlen(logged);

	(void)opaque;
	snprintf(logged + length, sizeof(logged) - length, "%s\n", text);
}

/* Hardware with two queues of at most 4 KiB, behind each IOMMU. */
static bool wants_queues, has_queues;
static unsigned n_windows_closed;

static void on_window_closing(void *opaque, uint64_t offset)
{
	(void)opaque;
	n_windows_closed++;
	if (fake.window == offset)
		fake.window = 0;
}

static void begin(uint32_t hardware, uint32_t hwpt_flags, bool dirty)
{
	const struct viommu_kernel_ops ops = {
		.size = sizeof(ops),
		.open = fake_open,
		.close = fake_close,
		.ioctl = fake_ioctl,
		.sysfs = sysfs,
		.log = on_log,
		.nest = hwpt_flags & KERNEL_HWPT_NEST,
		.queues = wants_queues,
		.window_closing = on_window_closing,
	};
	int number;

	logged[0] = 0;
	memset(&fake, 0, sizeof(fake));
	fake.iommu[C] = 1;
	for (int i = 0; i < N; i++)
		fake.limits[i] = (struct fake_limits){ .hardware = hardware,
						       .hwpt_flags = hwpt_flags,
						       .dirty = dirty,
						       .queues_log2 = has_queues,
						       .queue_log2 = 8 };
	assert_int_equal(viommu_kernel_new(VIOMMU_INTERFACE_IOMMUFD, &ops, NULL, &kernel), 0);
	calls = viommu_kernel_calls(kernel);
	for (int i = 0; i < N; i++) {
		assert_int_equal(viommu_kernel_open_device(kernel, fake_name(i), &number), 0);
		assert_int_equal(number, i);
	}
	assert_int_equal(fake_n_objects(), 0);
	fake.calls = 0;
}

static void end(void)
{
	kernel = viommu_kernel_free(kernel);
	assert_int_equal(fake_n_objects(), 0);
}

static uint32_t new_space(void)
{
	uint32_t space = 0;

	assert_int_equal(calls->space_new(kernel, &space), 0);
	return space;
}

/* -- page tables ----------------------------------------------------------------- */

static void a_device_shares_a_page_table_with_those_of_its_iommu(void **state)
{
	uint32_t space;

	(void)state;
	begin(0, KERNEL_HWPT_DIRTY, true);
	assert_null(calls->tables_invalidate); /* without `nest` */
	space = new_space();
	fake.calls = 0;
	assert_int_equal(calls->attach(kernel, A, space), 0);
	assert_int_equal(fake.calls, 2); /* HWPT_ALLOC, ATTACH */
	assert_int_equal(calls->attach(kernel, C, space), 0);
	assert_int_equal(fake.calls, 5); /* ATTACH: -EINVAL, HWPT_ALLOC, ATTACH */
	assert_int_equal(calls->attach(kernel, B, space), 0);
	assert_int_equal(fake.calls, 7); /* ATTACH: -EINVAL of C's, ATTACH */
	assert_int_not_equal(viommu_kernel_page_table(kernel, A), 0);
	assert_int_equal(viommu_kernel_page_table(kernel, A), viommu_kernel_page_table(kernel, B));
	assert_int_not_equal(viommu_kernel_page_table(kernel, A),
			     viommu_kernel_page_table(kernel, C));
	assert_int_equal(fake_n_objects(), 2);
	for (int i = 0; i < N; i++)
		assert_int_equal(calls->detach(kernel, i), 0);
	assert_int_equal(viommu_kernel_page_table(kernel, A), 0);
	assert_int_equal(calls->space_free(kernel, space), 0);
	assert_int_equal(fake_n_objects(), 0);
	end();
}

/* Only -EINVAL says that a page table is of another IOMMU. */
static void another_error_of_attach_is_not_tried_around(void **state)
{
	uint32_t space;

	(void)state;
	begin(0, KERNEL_HWPT_DIRTY, true);
	space = new_space();
	assert_int_equal(calls->attach(kernel, A, space), 0);
	fake.calls = 0;
	fake.fail = 1;
	fake.fail_n = 1;
	fake.error = ENOMEM;
	assert_int_equal(calls->attach(kernel, B, space), -ENOMEM);
	assert_int_equal(fake.calls, 1);
	fake.fail = 0;
	assert_int_equal(fake_n_objects(), 1);
	assert_int_equal(calls->detach(kernel, A), 0);
	assert_int_equal(calls->space_free(kernel, space), 0);
	end();
}

static void without_need_of_them_the_kernel_selects_page_tables(void **state)
{
	uint32_t space;

	(void)state;
	begin(0, 0, true);
	assert_false(viommu_kernel_limits(kernel, A)->dirty);
	space = new_space();
	assert_int_equal(calls->attach(kernel, A, space), 0);
	assert_int_equal(viommu_kernel_page_table(kernel, A), 0);
	assert_int_equal(fake_n_objects(), 0);
	assert_int_equal(calls->track(kernel, space, true), -EOPNOTSUPP);
	assert_int_equal(calls->detach(kernel, A), 0);
	assert_int_equal(calls->space_free(kernel, space), 0);
	end();
}

static void the_devices_of_a_hot_reset_are_those_that_are_open(void **state)
{
	int devices[4] = { -1, -1, -1, -1 };

	(void)state;
	begin(0, 0, false);
	/* More than there is room for at first; the others are not open. */
	fake.n_reset = 40;
	assert_int_equal(viommu_kernel_reset_group(kernel, A, devices, 4), 2);
	assert_int_equal(fake.calls, 2);
	assert_int_equal(devices[0], A);
	assert_int_equal(devices[1], B);
	assert_int_equal(devices[2], -1);
	devices[1] = -1;
	assert_int_equal(viommu_kernel_reset_group(kernel, A, devices, 1), 2);
	assert_int_equal(devices[1], -1);
	fake.resets_others = true;
	assert_int_equal(viommu_kernel_reset_group(kernel, A, devices, 4), -EPERM);
	fake.fail = 1;
	fake.fail_n = 1;
	fake.error = EIO;
	fake.calls = 0;
	assert_int_equal(viommu_kernel_reset_group(kernel, A, devices, 4), -EIO);
	end();
}

static void pasids_and_ats_of_a_device_are_limits(void **state)
{
	const struct viommu_config config = { .size = sizeof(config),
					      .page_size_mask = ~0xfffull,
					      .input_last = UINT64_MAX };
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = 8, .pasid_bits = 12 };
	struct viommu_reserved regions[VIOMMU_LIMITS_REGIONS];
	struct viommu_limits limits;
	char reason[160];

	(void)state;
	begin(0, 0, false);
	for (int i = 0; i < 2; i++)
		viommu_kernel_close_device(kernel, i);
	fake.limits[A].pasid_bits = 16;
	fake.limits[B].pasid_bits = 10;
	fake.limits[B].no_ats = true;
	for (int i = 0; i < 2; i++)
		assert_int_equal(viommu_kernel_open_device(kernel, fake_name(i), &(int){ 0 }), 0);
	limits = *viommu_kernel_limits(kernel, A);
	assert_int_equal(limits.pasid_bits, 16);
	assert_true(limits.ats);
	assert_int_equal(viommu_limits_endpoint(&limits, &config, &endpoint, regions, reason,
						sizeof(reason)),
			 0);
	assert_int_equal(viommu_limits_intersect(&limits, viommu_kernel_limits(kernel, B)), 0);
	assert_int_equal(limits.pasid_bits, 10);
	assert_false(limits.ats);
	assert_int_equal(viommu_limits_endpoint(&limits, &config, &endpoint, regions, reason,
						sizeof(reason)),
			 -ERANGE);
	assert_string_equal(reason,
			    "the guest may use PASIDs of 12 bits, and the device has 10; set"
			    " pasid_bits to that");
	/* The two flags together say that the device may cache translations, which the host's
	 * IOMMU must permit. */
	endpoint = (struct viommu_endpoint){
		.size = sizeof(endpoint), .id = 8, .has_ats = true, .ats = VIOMMU_ATS_F_ENDPOINT
	};
	limits.ats = false;
	assert_int_equal(viommu_limits_endpoint(&limits, &config, &endpoint, regions, reason,
						sizeof(reason)),
			 0);
	endpoint.ats |= VIOMMU_ATS_F_PATH;
	assert_int_equal(viommu_limits_endpoint(&limits, &config, &endpoint, regions, reason,
						sizeof(reason)),
			 -ERANGE);
	assert_string_equal(reason,
			    "PROBE has ats 0x3, and the host's IOMMU has no ATS for the device;"
			    " clear VIOMMU_ATS_F_PATH (0x2)");
	limits.ats = true;
	assert_int_equal(viommu_limits_endpoint(&limits, &config, &endpoint, regions, reason,
						sizeof(reason)),
			 0);
	end();
}

/* Each call of opening fails in turn; without GET_HW_INFO the device has no PASIDs. */
static void a_device_whose_iommu_the_kernel_does_not_describe_may_have_ats(void **state)
{
	unsigned n_unknown = 0;
	bool is_open = false;

	(void)state;
	begin(0, 0, false);
	fake.limits[A].pasid_bits = 16;
	fake.fail_n = 1;
	fake.error = EOPNOTSUPP;
	for (unsigned at = 1; at <= 16; at++) {
		viommu_kernel_close_device(kernel, A);
		fake.fail = at;
		fake.calls = 0;
		is_open = !viommu_kernel_open_device(kernel, fake_name(A), &(int){ 0 });
		if (!is_open || viommu_kernel_limits(kernel, A)->pasid_bits)
			continue;
		assert_true(viommu_kernel_limits(kernel, A)->ats);
		n_unknown++;
	}
	fake.fail = 0;
	assert_true(is_open);
	assert_int_equal(n_unknown, 1);
	end();
}

/* -- dirty pages ----------------------------------------------------------------- */

static void dirty_pages_of_all_page_tables_of_a_space_are_read(void **state)
{
	uint64_t bits[2] = { 0 };
	uint32_t space;

	(void)state;
	begin(0, KERNEL_HWPT_DIRTY, true);
	assert_true(viommu_kernel_limits(kernel, A)->dirty);
	space = new_space();
	assert_int_equal(calls->attach(kernel, A, space), 0);
	assert_int_equal(calls->map(kernel, space, 0, 0x100000, (void *)(uintptr_t)HOST, R | W), 0);
	fake_dma(A, 0x1000, true);
	assert_int_equal(calls->track(kernel, space, true), 0);
	fake_dma(A, 0x3000, true);
	/* A device that enters later brings a page table, and what is dirty stays so. */
	assert_int_equal(calls->attach(kernel, C, space), 0);
	assert_int_equal(calls->track(kernel, space, true), 0);
	fake_dma(C, 0x45000, true);
	assert_int_equal(calls->read_dirty(kernel, space, 0, 0x100000, bits), 0);
	assert_int_equal(bits[0], 1 << 3);
	assert_int_equal(bits[1], 1 << (0x45 - 64));
	memset(bits, 0, sizeof(bits));
	fake_dma(C, 0x2000, true);
	assert_int_equal(calls->unmap_dirty(kernel, space, 0, 0x100000, bits), 0);
	assert_int_equal(bits[0], 1 << 2);
	assert_int_equal(fake_dma(C, 0x2000, false), 0);
	assert_int_equal(calls->track(kernel, space, false), 0);
	assert_int_equal(calls->read_dirty(kernel, space, 0, 0x1000, bits), -EINVAL);
	end();
}

static void with_a_device_that_is_not_tracked_all_is_dirty(void **state)
{
	uint32_t space;

	(void)state;
	begin(0, KERNEL_HWPT_DIRTY, true);
	fake.limits[B].dirty = false;
	viommu_kernel_close_device(kernel, B);
	assert_int_equal(viommu_kernel_open_device(kernel, fake_name(B), &(int){ 0 }), 0);
	space = new_space();
	assert_int_equal(calls->attach(kernel, A, space), 0);
	assert_int_equal(calls->track(kernel, space, true), 0);
	assert_int_equal(calls->attach(kernel, B, space), 0);
	assert_int_equal(calls->track(kernel, space, true), -EOPNOTSUPP);
	end();
}

/* -- tables of the guest ----------------------------------------------------------- */

static struct viommu *const one = (struct viommu *)1, *const other = (struct viommu *)2;

static uint32_t new_arm_table(struct viommu *iommu, uint32_t space, uint8_t root)
{
	const struct viommu_backend_table wanted = {
		.space = space,
		.format = VIOMMU_TABLE_ARM_CD_TABLE,
		/* S1ContextPtr, S1Fmt 2, S1CDMax 3, S1DSS 2 */
		.body = { 0x20, 0, root, 0, 0, 0, 0, 0x18, 2 },
		.iommu = iommu,
	};
	uint32_t table = 0;

	assert_int_equal(calls->table_new(kernel, &wanted, &table), 0);
	assert_int_not_equal(table, 0);
	return table;
}

static const struct fake_object *hwpt_of(int device)
{
	return fake_object(fake.in[device]);
}

static void a_table_becomes_a_nested_page_table_over_a_viommu(void **state)
{
	uint32_t space, table;

	(void)state;
	begin(KERNEL_HW_ARM_SMMUV3, KERNEL_HWPT_NEST, false);
	space = new_space();
	table = new_arm_table(one, space, 5);
	assert_int_equal(calls->table_attach(kernel, A, table, 0x108), 0);
	/* Valid, stage 1; write-back caches, inner shareable: what the guest cannot say. */
	assert_int_equal(hwpt_of(A)->data_type, KERNEL_DATA_ARM_SMMUV3);
	assert_int_equal(hwpt_of(A)->data[0], 0x180000000005002b);
	assert_int_equal(hwpt_of(A)->data[1], 0xd6);
	assert_int_equal(fake_object(hwpt_of(A)->over)->kind, FAKE_VIOMMU);
	/* Parent, vIOMMU, vEVENTQ, vDEVICE, page table. */
	assert_int_equal(fake_n_objects(), 5);
	/* The second device adds its vDEVICE alone; one of another IOMMU all of them. */
	assert_int_equal(calls->table_attach(kernel, B, table, 0x110), 0);
	assert_int_equal(fake_n_objects(), 6);
	assert_int_equal(calls->table_attach(kernel, C, table, 0x118), 0);
	assert_int_equal(fake_n_objects(), 11);
	assert_int_not_equal(viommu_kernel_page_table(kernel, A),
			     viommu_kernel_page_table(kernel, C));
	/* Back to the space: the parent. */
	assert_int_equal(calls->attach(kernel, A, space), 0);
	assert_int_equal(fake.in[A], viommu_kernel_page_table(kernel, B));
	assert_int_equal(fake.n_detached[A] + fake.n_detached[B], 2); /* when they were opened */
	for (int i = 0; i < N; i++)
		assert_int_equal(calls->detach(kernel, i), 0);
	assert_int_equal(calls->table_free(kernel, table), 0);
	assert_int_equal(calls->table_free(kernel, table), -ENOENT);
	assert_int_equal(calls->space_free(kernel, space), 0);
	assert_int_equal(fake_n_objects(), 0);
	end();
}

static void virtual_iommus_share_the_parent_of_an_iommu_and_that_is_said(void **state)
{
	uint32_t space, tables[2];
	char said[128];

	(void)state;
	begin(KERNEL_HW_ARM_SMMUV3, KERNEL_HWPT_NEST, false);
	space = new_space();
	tables[0] = new_arm_table(one, space, 5);
	tables[1] = new_arm_table(other, space, 6);
	assert_int_equal(calls->table_attach(kernel, A, tables[0], 8), 0);
	assert_int_equal(calls->table_attach(kernel, B, tables[1], 8), 0);
	assert_int_not_equal(hwpt_of(A)->over, hwpt_of(B)->over);
	assert_int_equal(viommu_kernel_page_table(kernel, A), viommu_kernel_page_table(kernel, B));
	snprintf(said, sizeof(said),
		 "0000:01:00.0: page table %u of the host maps the memory of two virtual IOMMUs",
		 viommu_kernel_page_table(kernel, A));
	assert_non_null(strstr(logged, said));
	end();
}

/* It is blocked meanwhile: over the parent alone it would reach all of the space. */
static void a_device_that_changes_its_viommu_is_nowhere_between(void **state)
{
	uint32_t space, space2, tables[2];
	unsigned detached;

	(void)state;
	begin(KERNEL_HW_ARM_SMMUV3, KERNEL_HWPT_NEST, false);
	space = new_space();
	space2 = new_space();
	tables[0] = new_arm_table(one, space, 5);
	tables[1] = new_arm_table(one, space2, 6);
	assert_int_equal(calls->table_attach(kernel, A, tables[0], 8), 0);
	detached = fake.n_detached[A];
	assert_int_equal(calls->table_attach(kernel, A, tables[1], 8), 0);
	assert_int_equal(fake.n_detached[A], detached + 1);
	assert_int_equal(fake.at[A], space2);
	end();
}

static void what_hardware_does_not_read_is_unsupported(void **state)
{
	struct viommu_backend_table wanted = { .format = VIOMMU_TABLE_GENERIC };
	uint32_t table;

	(void)state;
	begin(KERNEL_HW_ARM_SMMUV3, KERNEL_HWPT_NEST, false);
	wanted.space = new_space();
	assert_int_equal(calls->table_new(kernel, &wanted, &table), 0);
	assert_int_equal(calls->table_attach(kernel, A, table, 8), -EOPNOTSUPP);
	end();
	begin(KERNEL_HW_ARM_SMMUV3, 0, false);
	table = new_arm_table(one, new_space(), 5);
	assert_int_equal(calls->table_attach(kernel, A, table, 8), -EOPNOTSUPP);
	assert_int_equal(viommu_kernel_events_file(kernel), -EOPNOTSUPP);
	end();
}

static void a_first_stage_of_vtd_is_nested_over_the_parent_itself(void **state)
{
	struct viommu_backend_table wanted = {
		.format = VIOMMU_TABLE_X86_PASID_ENTRY,
		/* Present, PGTT 1; SRE, FSPM 5 levels, WPE, FSPTPTR */
		.body = { 0x41, [16] = 0x15, 0x30, 0x12 },
		.iommu = one,
	};
	const struct viommu_invalidation some = { .first = 0x1234, .last = 0x3000 };
	const struct viommu_invalidation all = { .last = UINT64_MAX };
	uint32_t table;

	(void)state;
	begin(KERNEL_HW_INTEL_VTD, KERNEL_HWPT_NEST | KERNEL_HWPT_DIRTY, true);
	wanted.space = new_space();
	assert_int_equal(calls->table_new(kernel, &wanted, &table), 0);
	assert_int_equal(calls->table_attach(kernel, A, table, 8), 0);
	assert_int_equal(fake_n_objects(), 2); /* no object, no events */
	assert_int_equal(hwpt_of(A)->data_type, KERNEL_DATA_VTD);
	assert_int_equal(hwpt_of(A)->data[0], KERNEL_VTD_SRE | KERNEL_VTD_WPE);
	assert_int_equal(hwpt_of(A)->data[1], 0x123000);
	assert_int_equal(hwpt_of(A)->data[2], 57);
	assert_int_equal(calls->table_invalidate(kernel, A, &some), 0);
	assert_int_equal(calls->table_invalidate(kernel, A, &all), 0);
	assert_int_equal(fake.n_invalidated, 2);
	assert_int_equal(fake.invalidated[0][0], 0x1000);
	assert_int_equal(fake.invalidated[0][1], 3);
	assert_int_equal(fake.invalidated[1][0], 0);
	assert_true(fake.invalidated[1][1] == UINT64_MAX);
	/* Pass-through is no table. */
	wanted.body[0] = 0x01;
	wanted.body[1] = 0x01;
	assert_int_equal(calls->table_new(kernel, &wanted, &table), 0);
	assert_int_equal(calls->table_attach(kernel, A, table, 8), -EOPNOTSUPP);
	end();
}

static void devices_in_a_page_table_are_invalidated_together(void **state)
{
	struct viommu_backend_invalidation items[] = { { 0x6000, 0x6fff, A, 0 },
						       { 0x6000, 0x6fff, B, 0 } };
	struct viommu_backend_table wanted = {
		.format = VIOMMU_TABLE_X86_PASID_ENTRY,
		.body = { 0x41 },
		.iommu = one,
	};
	uint32_t table;

	(void)state;
	begin(KERNEL_HW_INTEL_VTD, KERNEL_HWPT_NEST, false);
	wanted.space = new_space();
	assert_int_equal(calls->table_new(kernel, &wanted, &table), 0);
	assert_int_equal(calls->table_attach(kernel, A, table, 8), 0);
	assert_int_equal(calls->table_attach(kernel, B, table, 9), 0);
	assert_int_equal(fake.in[A], fake.in[B]);
	fake.calls = 0;
	calls->tables_invalidate(kernel, items, 2);
	assert_int_equal(fake.calls, 1);
	assert_int_equal(fake.n_invalidated, 1);
	assert_int_equal(items[0].error, 0);
	assert_int_equal(items[1].error, 0);
	end();
}

static void invalidations_are_batches_whose_rest_is_sent_again(void **state)
{
	const struct viommu_invalidation some = { .first = 0x5000, .last = 0x7fff };
	const struct viommu_invalidation two = { .first = 0x5fff, .last = 0x6000 };
	const struct viommu_invalidation much = { .first = 0, .last = 0xfffff };
	uint32_t table;

	(void)state;
	begin(KERNEL_HW_ARM_SMMUV3, KERNEL_HWPT_NEST, false);
	table = new_arm_table(one, new_space(), 5);
	assert_int_equal(calls->table_attach(kernel, A, table, 0x108), 0);
	fake.calls = 0;
	assert_int_equal(calls->table_invalidate(kernel, A, &some), 0);
	assert_int_equal(fake.calls, 1);
	assert_int_equal(fake.n_invalidated, 4);
	assert_int_equal(fake.invalidated[0][0], 0x10800000006); /* CFGI_CD_ALL of the stream */
	assert_int_equal(fake.invalidated[3][0], 0x13);          /* TLBI_NH_VAA */
	assert_int_equal(fake.invalidated[3][1], 0x7000);
	fake.calls = fake.n_invalidated = 0;
	assert_int_equal(calls->table_invalidate(kernel, A, &two), 0);
	assert_int_equal(fake.n_invalidated, 3);
	assert_int_equal(fake.invalidated[1][1], 0x5000);
	assert_int_equal(fake.invalidated[2][1], 0x6000);
	fake.calls = fake.n_invalidated = 0;
	assert_int_equal(calls->table_invalidate(kernel, A, &much), 0);
	assert_int_equal(fake.n_invalidated, 2);
	assert_int_equal(fake.invalidated[1][0], 0x30); /* TLBI_NSNH_ALL */
	/* The kernel does three of a call, then says -EIO. */
	fake.calls = fake.n_invalidated = 0;
	fake.invalidate_most = 3;
	assert_int_equal(calls->table_invalidate(kernel, A, &some), 0);
	assert_int_equal(fake.calls, 2);
	assert_int_equal(fake.n_invalidated, 4);
	/* A call without progress is an error. */
	fake.fail = 1;
	fake.fail_n = 1;
	fake.error = EIO;
	fake.calls = 0;
	assert_int_not_equal(calls->table_invalidate(kernel, A, &some), 0);
	end();
}

/* Devices of one virtual IOMMU share its caches: pages are dropped once, contexts for each. */
static void devices_of_a_viommu_are_invalidated_together(void **state)
{
	struct viommu_backend_invalidation items[] = {
		{ 0x6000, 0x6fff, A, 0 },
		{ 0x5800, 0x5fff, B, 0 },
		{ 0x6000, 0x7000, B, 0 },
		{ 0x5000, 0x5fff, C, 0 }, /* in no table */
	};
	uint32_t table;

	(void)state;
	begin(KERNEL_HW_ARM_SMMUV3, KERNEL_HWPT_NEST, false);
	table = new_arm_table(one, new_space(), 5);
	assert_int_equal(calls->table_attach(kernel, A, table, 0x108), 0);
	assert_int_equal(calls->table_attach(kernel, B, table, 0x109), 0);
	fake.calls = 0;
	calls->tables_invalidate(kernel, items, 4);
	assert_int_equal(fake.calls, 1);
	assert_int_equal(fake.n_invalidated, 5);
	assert_int_equal(fake.invalidated[0][0], 0x10800000006);
	assert_int_equal(fake.invalidated[1][0], 0x10900000006);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(fake.invalidated[2 + i][1], 0x5000 + i * 0x1000);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(items[i].error, 0);
	assert_int_equal(items[3].error, -EINVAL);
	end();
}

static void an_erratum_makes_invalidations_sent_twice(void **state)
{
	const struct viommu_invalidation all = { .last = UINT64_MAX };
	uint32_t table;

	(void)state;
	begin(KERNEL_HW_ARM_SMMUV3, KERNEL_HWPT_NEST, false);
	viommu_kernel_close_device(kernel, A);
	fake.limits[A].info_flags = KERNEL_ARM_INVALIDATE_TWICE;
	assert_int_equal(viommu_kernel_open_device(kernel, fake_name(A), &(int){ 0 }), 0);
	table = new_arm_table(one, new_space(), 5);
	assert_int_equal(calls->table_attach(kernel, A, table, 8), 0);
	assert_int_equal(calls->table_invalidate(kernel, A, &all), 0);
	assert_int_equal(fake.n_invalidated, 4);
	end();
}

/* -- events ------------------------------------------------------------------------ */

static char faults[512];

static void on_fault(void *opaque, struct viommu *iommu, const struct viommu_fault *fault)
{
	size_t length = strlen(faults);

	(void)opaque;
	snprintf(faults + length, sizeof(faults) - length, "%d: endpoint %x reason %d flags %x",
		 (int)(uintptr_t)iommu, fault->endpoint, fault->reason, fault->flags);
	length = strlen(faults);
	if (fault->flags & VIOMMU_FAULT_F_ADDRESS)
		snprintf(faults + length, sizeof(faults) - length, " at %llx",
			 (unsigned long long)fault->address);
	length = strlen(faults);
	snprintf(faults + length, sizeof(faults) - length, "\n");
}

static void events_of_hardware_are_faults_of_the_virtual_iommu(void **state)
{
	static const uint64_t words[][5] = {
		/* sequence, F_TRANSLATION, a write */
		{ 0ull << 32, 0x0000010800000010, 0x0000020000000000, 0x700000, 0 },
		/* F_PERMISSION with PASID 3, a read */
		{ 1ull << 32, 0x0000010800003813, 0x0000000800000000, 0x701000, 0 },
		{ 2ull << 32, 0x000001080000000a, 0, 0, 0 }, /* C_BAD_CD */
		{ 3ull << 32, 0x0000010800000099, 0, 0, 0 }, /* unknown: none of the guest */
		{ 9ull << 32, 0x0000010800000006, 0, 0, 0 }, /* after a loss */
	};
	const uint64_t lost = 10ull << 32 | KERNEL_EVENTS_LOST;
	struct pollfd file = { .events = POLLIN };
	uint32_t table;

	(void)state;
	begin(KERNEL_HW_ARM_SMMUV3, KERNEL_HWPT_NEST, false);
	file.fd = viommu_kernel_events_file(kernel);
	assert_true(file.fd >= 0);
	table = new_arm_table(one, new_space(), 5);
	assert_int_equal(calls->table_attach(kernel, A, table, 0x108), 0);
	assert_int_equal(poll(&file, 1, 0), 0);
	fake_event(words, 4 * sizeof(words[0]));
	assert_int_equal(poll(&file, 1, 0), 1);
	faults[0] = logged[0] = 0;
	assert_int_equal(calls->read_events(kernel, on_fault, NULL), 0);
	assert_string_equal(faults, "1: endpoint 108 reason 2 flags 102 at 700000\n"
				    "1: endpoint 108 reason 5 flags 301 at 701000\n"
				    "1: endpoint 108 reason 4 flags 0\n");
	assert_string_equal(logged, "");
	assert_int_equal(poll(&file, 1, 0), 0);
	faults[0] = 0;
	fake_event(words[4], sizeof(words[4]));
	fake_event(&lost, sizeof(lost));
	assert_int_equal(calls->read_events(kernel, on_fault, NULL), 0);
	assert_string_equal(faults, "1: endpoint 108 reason 1 flags 0\n");
	assert_string_equal(logged, "the kernel has lost faults of the guest's tables\n"
				    "the kernel has lost faults of the guest's tables\n");
	end();
}

/* -- queues of hardware --------------------------------------------------------------- */

static void begin_queues(void)
{
	wants_queues = has_queues = true;
	n_windows_closed = 0;
	begin(KERNEL_HW_ARM_SMMUV3, KERNEL_HWPT_NEST, false);
	wants_queues = has_queues = false;
}

/* A space with a page-aligned mapping of 64 KiB, and the device in a table over it. */
static uint32_t enter_with_memory(int device)
{
	uint32_t space = new_space();

	assert_int_equal(calls->table_attach(kernel, device, new_arm_table(one, space, 5), 8), 0);
	assert_int_equal(
		calls->map(kernel, space, 0x10000, 0x10000, (void *)(uintptr_t)HOST, R | W), 0);
	return space;
}

static int open_queue(int device, uint32_t index, uint64_t base, uint64_t bytes, const char *said)
{
	char reason[160] = "";
	int error = viommu_kernel_open_queue(kernel, device, index, base, bytes, reason,
					     sizeof(reason));

	assert_string_equal(reason, said);
	assert_int_equal(viommu_kernel_open_queue(kernel, device, 99, base, bytes, NULL, 0),
			 error == -EOPNOTSUPP ? error : -EINVAL);
	return error;
}

static void queues_of_hardware_belong_to_the_viommu_of_a_table(void **state)
{
	struct viommu_queues queues = { .size = sizeof(queues) };

	(void)state;
	begin_queues();
	assert_int_equal(viommu_kernel_queues(kernel, A, &queues), -EOPNOTSUPP);
	assert_int_equal(open_queue(A, 0, 0x10000, 0x1000, ""), -EOPNOTSUPP);
	enter_with_memory(A);
	assert_int_equal(viommu_kernel_queues(kernel, A, &queues), 0);
	assert_int_equal(queues.max_queues, 2);
	assert_int_equal(queues.n_queues, 0);
	assert_int_equal(queues.min_bytes, 32);
	assert_int_equal(queues.max_bytes, 0x1000);
	assert_int_equal(queues.file, FAKE_FD);
	assert_int_equal(queues.window_bytes, FAKE_WINDOW_BYTES);
	assert_int_equal(queues.window % FAKE_WINDOW, 0);
	assert_int_not_equal(queues.window, 0);
	assert_int_equal(open_queue(A, 0, 0x11000, 0x1000, ""), 0);
	assert_int_equal(open_queue(A, 1, 0x12020, 32, ""), 0);
	assert_int_equal(viommu_kernel_queues(kernel, A, &queues), 0);
	assert_int_equal(queues.n_queues, 2);
	assert_int_equal(viommu_kernel_close_queue(kernel, A, 2), -ENOENT);
	assert_int_equal(viommu_kernel_close_queue(kernel, A, 0), -EBUSY);
	assert_int_equal(viommu_kernel_close_queue(kernel, A, 1), 0);
	assert_int_equal(viommu_kernel_close_queue(kernel, A, 0), 0);
	assert_int_equal(viommu_kernel_close_queue(kernel, A, 0), -ENOENT);
	queues.size = 4;
	assert_int_equal(viommu_kernel_queues(kernel, A, &queues), -EINVAL);
	assert_int_equal(calls->detach(kernel, A), 0);
	assert_int_equal(viommu_kernel_close_queue(kernel, A, 0), -EOPNOTSUPP);
	end();
	assert_int_equal(n_windows_closed, 1);
}

static void a_queue_that_does_not_fit_is_refused_with_the_reason(void **state)
{
	(void)state;
	begin_queues();
	enter_with_memory(A);
	fake.calls = 0;
	assert_int_equal(open_queue(A, 1, 0x10000, 0x1000,
				    "queue 1 cannot be opened: the next one is 0 of 2"),
			 -EINVAL);
	assert_int_equal(open_queue(A, 0, 0x10000, 0x30,
				    "a queue of 0x30 bytes does not fit: a power of two from 0x20"
				    " to 0x1000 does"),
			 -EINVAL);
	for (uint64_t bytes = 0; bytes <= 0x2000; bytes += bytes ? 0x1ff0 : 0x10)
		assert_int_equal(viommu_kernel_open_queue(kernel, A, 0, 0, bytes, NULL, 0),
				 -EINVAL);
	assert_int_equal(open_queue(A, 0, 0x10010, 0x20,
				    "a queue at 0x10010 is not aligned to its 0x20 bytes"),
			 -EINVAL);
	assert_int_equal(fake.calls, 0);
	/* The kernel knows what is mapped. */
	assert_int_equal(open_queue(A, 0, 0x20000, 0x1000, ""), -ENOENT);
	assert_int_equal(open_queue(A, 0, 0x10000, 0x1000, ""), 0);
	assert_int_equal(open_queue(A, 1, 0x10000, 0x1000, ""), 0);
	assert_int_equal(open_queue(A, 2, 0x10000, 0x1000, "all 2 queues are open"), -EINVAL);
	end();
}

/* The kernel would not unmap it, and the guest would lose all devices of the space. */
static void a_queue_is_closed_when_its_memory_is_unmapped(void **state)
{
	struct viommu_queues queues = { .size = sizeof(queues) };
	uint32_t space;

	(void)state;
	begin_queues();
	space = enter_with_memory(A);
	assert_int_equal(calls->map(kernel, space, 0x40000, 0x1000, (void *)(uintptr_t)HOST, R), 0);
	assert_int_equal(open_queue(A, 0, 0x40000, 0x1000, ""), 0);
	assert_int_equal(open_queue(A, 1, 0x10000, 0x1000, ""), 0);
	logged[0] = 0;
	assert_int_equal(calls->unmap(kernel, space, 0x10000, 0x10000), 0);
	assert_string_equal(
		logged,
		"queues from 1 on are closed: memory of one at 0x10000 is unmapped; the guest"
		" has to open them again\n");
	assert_int_equal(viommu_kernel_queues(kernel, A, &queues), 0);
	assert_int_equal(queues.n_queues, 1);
	assert_int_equal(calls->map(kernel, space, 0x10000, 0x1000, (void *)(uintptr_t)HOST, R), 0);
	assert_int_equal(open_queue(A, 1, 0x10000, 0x1000, ""), 0);
	/* That of the lower index, which is closed last. */
	assert_int_equal(calls->unmap(kernel, space, 0x40000, 0x1000), 0);
	assert_int_equal(viommu_kernel_queues(kernel, A, &queues), 0);
	assert_int_equal(queues.n_queues, 0);
	end();
}

/* The window ends before the vIOMMU, which the kernel would keep otherwise. */
static void queues_and_their_window_end_before_the_viommu(void **state)
{
	struct viommu_queues queues = { .size = sizeof(queues) };
	uint32_t space;

	(void)state;
	begin_queues();
	space = enter_with_memory(A);
	assert_int_equal(viommu_kernel_queues(kernel, A, &queues), 0);
	fake.window = queues.window;
	assert_int_equal(open_queue(A, 0, 0x10000, 0x1000, ""), 0);
	assert_int_equal(open_queue(A, 1, 0x11000, 0x1000, ""), 0);
	assert_int_equal(calls->detach(kernel, A), 0);
	assert_int_equal(n_windows_closed, 0);
	for (uint32_t table = 1; table < 100; table++)
		calls->table_free(kernel, table);
	assert_int_equal(calls->space_free(kernel, space), 0);
	assert_int_equal(n_windows_closed, 1);
	assert_int_equal(fake_n_objects(), 0);
	end();
}

static void without_queues_of_hardware_tables_work_as_before(void **state)
{
	struct viommu_queues queues = { .size = sizeof(queues) };

	(void)state;
	begin_queues();
	fake.no_queues = true; /* another guest has them */
	enter_with_memory(A);
	assert_int_equal(viommu_kernel_queues(kernel, A, &queues), -EOPNOTSUPP);
	assert_non_null(strstr(logged, "0000:00:00.0: no queues of hardware: VIOMMU_ALLOC, errno"));
	end();
	assert_int_equal(n_windows_closed, 0);
	/* The VMM wants none; the hardware has none. */
	for (int i = 0; i < 2; i++) {
		wants_queues = i;
		has_queues = !i;
		begin(KERNEL_HW_ARM_SMMUV3, KERNEL_HWPT_NEST, false);
		wants_queues = has_queues = false;
		enter_with_memory(A);
		assert_int_equal(viommu_kernel_queues(kernel, A, &queues), -EOPNOTSUPP);
		end();
	}
}

static void use_queues(void)
{
	uint32_t space = 0, table;

	if (calls->space_new(kernel, &space))
		return;
	table = new_arm_table(one, space, 5);
	if (!calls->table_attach(kernel, A, table, 8) &&
	    !calls->map(kernel, space, 0x10000, 0x10000, (void *)(uintptr_t)HOST, R | W)) {
		for (uint32_t i = 0; i < 2; i++)
			viommu_kernel_open_queue(kernel, A, i, 0x10000, 0x1000, NULL, 0);
		viommu_kernel_close_queue(kernel, A, 1);
		viommu_kernel_open_queue(kernel, A, 1, 0x12000, 0x1000, NULL, 0);
		/* As the backend does: what is not unmapped is left. */
		if (calls->unmap(kernel, space, 0x10000, 0x10000) && calls->detach(kernel, A))
			calls->stop(kernel, A);
	}
	if (fake.at[A] && calls->detach(kernel, A))
		calls->stop(kernel, A);
	calls->table_free(kernel, table);
	calls->space_free(kernel, space);
}

static void no_failure_of_queues_leaves_a_device_in_a_table(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned fail = 0; fail <= n; fail++) {
		begin_queues();
		fake.fail = fail;
		fake.fail_n = 1;
		fake.error = EIO;
		use_queues();
		n = fake.calls > n ? fake.calls : n;
		fake.fail = 0;
		assert_int_equal(fake.at[A] | fake.in[A], 0);
		/* A queue that is not destroyed keeps its vIOMMU, and that the parent. */
		assert_true(fake_n_objects() <= 3);
		kernel = viommu_kernel_free(kernel);
		for (uint32_t i = 0; i < FAKE_OBJECTS; i++)
			fake_destroy(FAKE_OBJECT + FAKE_OBJECTS - 1 - i);
		assert_int_equal(fake_n_objects(), 0);
	}
	assert_true(n > 20);
}

/* -- by requests of the guest --------------------------------------------------------- */

static struct viommu_backend *backend;

/* EP is A, EP2 is C; both read what hardware does. */
static void begin_guest(struct rig *rig)
{
	static const int devices[] = { A, C };
	static const uint32_t endpoints[] = { EP, EP2 };
	const struct viommu_memory memory = { 0, 0xfffff, (void *)(uintptr_t)HOST, false };
	struct viommu_table_format format;

	begin(KERNEL_HW_ARM_SMMUV3, KERNEL_HWPT_NEST, false);
	replace(rig, (struct viommu_config){
			     .size = sizeof(struct viommu_config),
			     .features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_TABLE | VIOMMU_F_NEST,
		     });
	assert_int_equal(viommu_backend_new(calls, kernel, &backend), 0);
	assert_int_equal(viommu_backend_add_memory(backend, &memory), 0);
	for (int i = 0; i < 2; i++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							  .id = endpoints[i],
							  .formats = &format,
							  .n_formats = 1 };

		assert_int_equal(viommu_kernel_formats(kernel, devices[i], &format, 1), 1);
		assert_int_equal(format.format, VIOMMU_TABLE_ARM_CD_TABLE);
		format.granules = 0x1000; /* the fake's hardware names none */
		assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
		assert_int_equal(
			viommu_backend_add_device(backend, rig->device, endpoints[i], devices[i]),
			0);
	}
}

static void end_guest(void)
{
	backend = viommu_backend_free(backend);
	assert_int_equal(fake_n_objects(), 0);
	assert_int_equal(fake_spaces(), 0);
	end();
}

static int attach_table(struct rig *rig, uint32_t domain, uint32_t endpoint, uint8_t root,
			uint32_t flags)
{
	uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = {
		VIOMMU_T_ATTACH_TABLE,
		[4] = (uint8_t)domain,
		[8] = (uint8_t)endpoint,
		[14] = (uint8_t)(flags >> 16),
		[16] = VIOMMU_TABLE_ARM_CD_TABLE & 0xff,
		[17] = VIOMMU_TABLE_ARM_CD_TABLE >> 8,
		[24] = flags ? 50 : 0, /* a parent */
		[34] = root,
	};

	return status_of(rig, bytes, sizeof(bytes));
}

static int invalidate(struct rig *rig, uint32_t domain)
{
	uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = {
		VIOMMU_T_INVALIDATE, [4] = VIOMMU_INVALIDATE_S_DOMAIN,
		[5] = VIOMMU_INVALIDATE_C_TLB, [8] = (uint8_t)domain
	};

	return status_of(rig, bytes, sizeof(bytes));
}

static void hardware_reads_the_table_of_the_guest(void **state)
{
	struct rig *rig = *state;

	begin_guest(rig);
	assert_int_equal(attach_table(rig, 1, EP, 5, 0), VIOMMU_S_OK);
	assert_int_equal(hwpt_of(A)->data[0], 0x000000000005000b);
	assert_int_equal(attach_table(rig, 1, EP2, 5, 0), VIOMMU_S_OK);
	/* Behind another IOMMU: a page table of its own, over the same space. */
	assert_int_not_equal(fake.in[A], fake.in[C]);
	assert_int_equal(fake.at[A], fake.at[C]);
	assert_int_equal(fake_dma(A, 0x3000, true), HOST + 0x3000);
	fake.n_invalidated = 0;
	assert_int_equal(invalidate(rig, 1), VIOMMU_S_OK);
	assert_int_equal(fake.n_invalidated, 4);
	/* Out of it, into mappings, and back. */
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x8000, 0x8fff, 0x1000, R), VIOMMU_S_OK);
	assert_int_equal(fake_dma(A, 0x3000, true), 0);
	assert_int_equal(fake_dma(A, 0x8000, false), HOST + 0x1000);
	assert_int_equal(attach_table(rig, 3, EP, 6, 0), VIOMMU_S_OK);
	assert_int_equal(fake_dma(A, 0x8000, false), HOST + 0x8000);
	assert_int_equal(hwpt_of(A)->data[0], 0x000000000006000b);
	assert_int_equal(detach(rig, 3, EP), VIOMMU_S_OK);
	assert_int_equal(fake.at[A], 0);
	end_guest();
}

/* The parent is a space as any domain; the fake's DMA has the table mapped one to one. */
static void hardware_reads_a_table_over_mappings_of_the_guest(void **state)
{
	struct rig *rig = *state;

	begin_guest(rig);
	assert_int_equal(attach_table(rig, 1, EP, 5, VIOMMU_SLOT_F_PARENT), VIOMMU_S_OK);
	assert_int_equal(fake_dma(A, 0x8000, false), 0);
	assert_int_equal(map(rig, 50, 0x8000, 0x8fff, 0x1000, R), VIOMMU_S_OK);
	assert_int_equal(fake_dma(A, 0x8000, false), HOST + 0x1000);
	/* Another table over it, behind another IOMMU: nothing is mapped again. */
	assert_int_equal(attach_table(rig, 2, EP2, 6, VIOMMU_SLOT_F_PARENT), VIOMMU_S_OK);
	assert_int_equal(fake.at[A], fake.at[C]);
	assert_int_equal(fake.n_maps[fake.at[A]], 1);
	assert_int_equal(fake_dma(C, 0x8000, false), HOST + 0x1000);
	/* The parent itself, by the page table below the table. */
	assert_int_equal(attach(rig, 50, EP2), VIOMMU_S_OK);
	assert_int_equal(hwpt_of(C)->over, 0);
	assert_int_equal(fake_dma(C, 0x8000, false), HOST + 0x1000);
	fake.n_invalidated = 0;
	assert_int_equal(unmap(rig, 50, 0x8000, 0x8fff), VIOMMU_S_OK);
	assert_int_not_equal(fake.n_invalidated, 0);
	assert_int_equal(fake_dma(A, 0x8000, false), 0);
	assert_int_equal(fake_dma(C, 0x8000, false), 0);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(fake.at[A], 0);
	end_guest();
}

static void what_hardware_does_not_invalidate_is_left_by_its_device(void **state)
{
	struct rig *rig = *state;

	begin_guest(rig);
	assert_int_equal(attach_table(rig, 1, EP, 5, 0), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, 1, EP2, 5, 0), VIOMMU_S_OK);
	fake.calls = 0;
	fake.fail = 1;
	fake.fail_n = 1;
	fake.error = EIO;
	assert_int_equal(invalidate(rig, 1), VIOMMU_S_OK);
	fake.fail = 0;
	/* One of them, whichever was first. */
	assert_int_equal(!fake.at[A] + !fake.at[C], 1);
	end_guest();
}

/* One page. */
static int invalidate_page(struct rig *rig, uint32_t domain, uint64_t address)
{
	uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = {
		VIOMMU_T_INVALIDATE,
		[4] = VIOMMU_INVALIDATE_S_ADDRESS,
		[5] = VIOMMU_INVALIDATE_C_TLB,
		[8] = (uint8_t)domain,
		[25] = (uint8_t)(address >> 8),
		[26] = (uint8_t)(address >> 16),
		[32] = 1,
		[40] = 12,
	};

	return status_of(rig, bytes, sizeof(bytes));
}

static void invalidate_pages(struct rig *rig, uint32_t domain, unsigned n, uint64_t step)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(invalidate_page(rig, domain, i * step), VIOMMU_S_OK);
}

/* The device has this number of entries: one for its contexts, and one for each page. */
static void invalidations_of_a_batch_are_one_call_for_each_iommu(void **state)
{
	struct rig *rig = *state;

	begin_guest(rig);
	assert_int_equal(attach_table(rig, 1, EP, 5, 0), VIOMMU_S_OK);
	fake.calls = fake.n_invalidated = 0;
	viommu_backend_batch_begin(backend);
	invalidate_pages(rig, 1, 64, 0x2000);
	assert_int_equal(fake.calls, 0);
	viommu_backend_batch_end(backend);
	assert_int_equal(fake.calls, 1);
	assert_int_equal(fake.n_invalidated, 65);
	assert_int_equal(fake.invalidated[0][0], (uint64_t)EP << 32 | 0x06); /* CFGI_CD_ALL */
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(fake.invalidated[1 + i][1], i * 0x2000); /* TLBI_NH_VAA */
	/* Nothing is left for the next. */
	fake.calls = 0;
	viommu_backend_batch_begin(backend);
	viommu_backend_batch_end(backend);
	assert_int_equal(fake.calls, 0);
	/* Behind another IOMMU, which has caches of its own. */
	assert_int_equal(attach_table(rig, 1, EP2, 5, 0), VIOMMU_S_OK);
	fake.calls = fake.n_invalidated = 0;
	viommu_backend_batch_begin(backend);
	invalidate_pages(rig, 1, 30, 0x2000);
	viommu_backend_batch_end(backend);
	assert_int_equal(fake.calls, 2);
	assert_int_equal(fake.n_invalidated, 62);
	end_guest();
}

/* An entry for the contexts of each device, and one for all that the IOMMU has cached. */
static void an_invalidation_is_one_call_for_all_devices_of_an_iommu(void **state)
{
	struct rig *rig = *state;

	begin_guest(rig);
	assert_int_equal(viommu_backend_remove_device(backend, C), 0);
	assert_int_equal(viommu_backend_add_device(backend, rig->device, EP2, B), 0);
	assert_int_equal(attach_table(rig, 1, EP, 5, 0), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, 1, EP2, 5, 0), VIOMMU_S_OK);
	fake.calls = fake.n_invalidated = 0;
	assert_int_equal(invalidate(rig, 1), VIOMMU_S_OK);
	assert_int_equal(fake.calls, 1);
	assert_int_equal(fake.n_invalidated, 3);
	/* Both leave the table if that fails. */
	fake.calls = 0;
	fake.fail = 1;
	fake.fail_n = 1;
	fake.error = EIO;
	assert_int_equal(invalidate(rig, 1), VIOMMU_S_OK);
	fake.fail = 0;
	assert_int_equal(fake.at[A], 0);
	assert_int_equal(fake.at[B], 0);
	end_guest();
}

static void invalidations_of_a_batch_are_merged_where_they_touch(void **state)
{
	struct rig *rig = *state;

	begin_guest(rig);
	assert_int_equal(attach_table(rig, 1, EP, 5, 0), VIOMMU_S_OK);
	fake.calls = fake.n_invalidated = 0;
	viommu_backend_batch_begin(backend);
	invalidate_pages(rig, 1, 200, 0x1000);
	viommu_backend_batch_end(backend);
	assert_int_equal(fake.calls, 1);
	assert_int_equal(fake.n_invalidated, 2); /* more than 64 pages: all */
	assert_int_equal(fake.invalidated[1][0], 0x30);
	/* As many as fit, and then the rest. */
	fake.calls = 0;
	viommu_backend_batch_begin(backend);
	invalidate_pages(rig, 1, VIOMMU_BACKEND_INVALIDATIONS_MAX + 1, 0x2000);
	viommu_backend_batch_end(backend);
	assert_int_equal(fake.calls, 2);
	end_guest();
}

/* What an IOMMU has cached of a table may be found by the next table with the same ASID. */
static void a_device_leaves_its_table_after_the_invalidations_of_the_batch(void **state)
{
	struct rig *rig = *state;

	begin_guest(rig);
	assert_int_equal(attach_table(rig, 1, EP, 5, 0), VIOMMU_S_OK);
	viommu_backend_batch_begin(backend);
	fake.n_invalidated = 0;
	assert_int_equal(invalidate_page(rig, 1, 0x3000), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, 2, EP, 6, 0), VIOMMU_S_OK);
	assert_int_equal(fake.n_invalidated, 2);
	assert_int_equal(invalidate_page(rig, 2, 0x3000), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(fake.n_invalidated, 4);
	viommu_backend_batch_end(backend);
	assert_int_equal(fake.n_invalidated, 4);
	end_guest();
}

static void what_a_batch_does_not_invalidate_is_left_by_its_devices(void **state)
{
	struct rig *rig = *state;

	begin_guest(rig);
	assert_int_equal(attach_table(rig, 1, EP, 5, 0), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, 2, EP2, 6, 0), VIOMMU_S_OK);
	viommu_backend_batch_begin(backend);
	assert_int_equal(invalidate_page(rig, 1, 0x3000), VIOMMU_S_OK);
	assert_int_equal(invalidate_page(rig, 2, 0x3000), VIOMMU_S_OK);
	fake.calls = 0;
	fake.fail = 1;
	fake.fail_n = 1;
	fake.error = EIO;
	viommu_backend_batch_end(backend);
	fake.fail = 0;
	assert_int_equal(fake.at[A], 0);
	assert_int_not_equal(fake.at[C], 0);
	/* The same in the call that would move the device. */
	assert_int_equal(attach_table(rig, 1, EP, 5, 0), VIOMMU_S_OK);
	viommu_backend_batch_begin(backend);
	assert_int_equal(invalidate_page(rig, 1, 0x3000), VIOMMU_S_OK);
	fake.calls = 0;
	fake.fail = 1;
	assert_int_equal(attach_table(rig, 2, EP, 6, 0), VIOMMU_S_OK);
	fake.fail = 0;
	viommu_backend_batch_end(backend);
	assert_int_equal(fake.n_detached[A], 3);
	assert_int_not_equal(fake.at[A], 0);
	end_guest();
}

static void a_fault_of_hardware_is_an_event_of_the_guest(void **state)
{
	static const uint64_t words[5] = { 0, (uint64_t)EP << 32 | 0x10, 0, 0x700000, 0 };
	struct rig *rig = *state;

	begin_guest(rig);
	assert_int_equal(attach_table(rig, 1, EP, 5, 0), VIOMMU_S_OK);
	fake_event(words, sizeof(words));
	rig->event_buffers = 1;
	rig->n_events = 0;
	viommu_backend_read_events(backend);
	assert_int_equal(rig->n_events, 1);
	assert_int_equal(rig->events[0][0], VIOMMU_FAULT_R_MAPPING);
	assert_int_equal(rig->events[0][8], EP);
	assert_int_equal(rig->events[0][18], 0x70);
	end_guest();
}

static void no_failure_leaves_a_device_where_the_guest_has_not_put_it(void **state)
{
	struct rig *rig = *state;
	unsigned n = 0;

	for (unsigned fail = 0; fail <= n; fail++) {
		begin_guest(rig);
		fake.calls = 0;
		fake.fail = fail;
		fake.fail_n = 1;
		fake.error = ENOMEM;
		if (attach_table(rig, 1, EP, 5, 0) != VIOMMU_S_OK)
			assert_int_equal(fake.in[A], 0);
		if (attach_table(rig, 1, EP2, 5, 0) != VIOMMU_S_OK)
			assert_int_equal(fake.in[C], 0);
		invalidate(rig, 1);
		if (attach(rig, 2, EP) != VIOMMU_S_OK)
			assert_true(!fake.in[A] || hwpt_of(A)->data[0] == 0x5000b);
		else if (fake.in[A])
			assert_int_equal(hwpt_of(A)->over, 0);
		detach(rig, 2, EP);
		n = fake.calls > n ? fake.calls : n;
		fake.fail = 0;
		backend = viommu_backend_free(backend);
		assert_int_equal(fake.at[A] | fake.at[C], 0);
		kernel = viommu_kernel_free(kernel);
		for (uint32_t i = 0; i < FAKE_OBJECTS; i++)
			fake_destroy(FAKE_OBJECT + FAKE_OBJECTS - 1 - i);
	}
	assert_true(n > 20);
}

/* -- every call fails in turn ---------------------------------------------------- */

static void use_all(void)
{
	const struct viommu_invalidation all = { .last = UINT64_MAX };
	uint32_t spaces[2] = { 0 }, tables[2];

	for (int i = 0; i < 2; i++)
		if (calls->space_new(kernel, &spaces[i]))
			return;
	tables[0] = new_arm_table(one, spaces[0], 5);
	tables[1] = new_arm_table(other, spaces[1], 6);
	for (int i = 0; i < N; i++) {
		int failed = calls->attach(kernel, i, spaces[0]);

		failed |= calls->table_attach(kernel, i, tables[0], 8);
		failed |= calls->table_invalidate(kernel, i, &all);
		if (calls->table_attach(kernel, i, tables[1], 8) || failed)
			if (calls->detach(kernel, i))
				calls->stop(kernel, i);
	}
	for (int i = 0; i < N; i++)
		if (calls->detach(kernel, i))
			calls->stop(kernel, i);
	for (int i = 0; i < 2; i++) {
		calls->table_free(kernel, tables[i]);
		calls->space_free(kernel, spaces[i]);
	}
}

/* What cannot be destroyed stays until /dev/iommu is closed; a device is in nothing. */
static void no_failure_leaves_a_device_in_a_table(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned fail = 0; fail <= n; fail++) {
		begin(KERNEL_HW_ARM_SMMUV3, KERNEL_HWPT_NEST, false);
		fake.fail = fail;
		fake.fail_n = 1;
		fake.error = ENOMEM;
		use_all();
		n = fake.calls > n ? fake.calls : n;
		fake.fail = 0;
		for (int i = 0; i < N; i++)
			assert_int_equal(fake.at[i] | fake.in[i], 0);
		assert_true(fake_n_objects() <= 4);
		kernel = viommu_kernel_free(kernel);
		for (uint32_t i = 0; i < FAKE_OBJECTS; i++)
			fake_destroy(FAKE_OBJECT + FAKE_OBJECTS - 1 - i);
	}
	assert_true(n > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_shares_a_page_table_with_those_of_its_iommu),
		cmocka_unit_test(another_error_of_attach_is_not_tried_around),
		cmocka_unit_test(without_need_of_them_the_kernel_selects_page_tables),
		cmocka_unit_test(the_devices_of_a_hot_reset_are_those_that_are_open),
		cmocka_unit_test(pasids_and_ats_of_a_device_are_limits),
		cmocka_unit_test(a_device_whose_iommu_the_kernel_does_not_describe_may_have_ats),
		cmocka_unit_test(dirty_pages_of_all_page_tables_of_a_space_are_read),
		cmocka_unit_test(with_a_device_that_is_not_tracked_all_is_dirty),
		cmocka_unit_test(a_table_becomes_a_nested_page_table_over_a_viommu),
		cmocka_unit_test(virtual_iommus_share_the_parent_of_an_iommu_and_that_is_said),
		cmocka_unit_test(a_device_that_changes_its_viommu_is_nowhere_between),
		cmocka_unit_test(what_hardware_does_not_read_is_unsupported),
		cmocka_unit_test(a_first_stage_of_vtd_is_nested_over_the_parent_itself),
		cmocka_unit_test(devices_in_a_page_table_are_invalidated_together),
		cmocka_unit_test(invalidations_are_batches_whose_rest_is_sent_again),
		cmocka_unit_test(devices_of_a_viommu_are_invalidated_together),
		cmocka_unit_test(an_erratum_makes_invalidations_sent_twice),
		cmocka_unit_test(events_of_hardware_are_faults_of_the_virtual_iommu),
		cmocka_unit_test(no_failure_leaves_a_device_in_a_table),
		cmocka_unit_test(queues_of_hardware_belong_to_the_viommu_of_a_table),
		cmocka_unit_test(a_queue_that_does_not_fit_is_refused_with_the_reason),
		cmocka_unit_test(a_queue_is_closed_when_its_memory_is_unmapped),
		cmocka_unit_test(queues_and_their_window_end_before_the_viommu),
		cmocka_unit_test(without_queues_of_hardware_tables_work_as_before),
		cmocka_unit_test(no_failure_of_queues_leaves_a_device_in_a_table),
		ON_A_FRESH_DEVICE(hardware_reads_the_table_of_the_guest),
		ON_A_FRESH_DEVICE(hardware_reads_a_table_over_mappings_of_the_guest),
		ON_A_FRESH_DEVICE(what_hardware_does_not_invalidate_is_left_by_its_device),
		ON_A_FRESH_DEVICE(invalidations_of_a_batch_are_one_call_for_each_iommu),
		ON_A_FRESH_DEVICE(an_invalidation_is_one_call_for_all_devices_of_an_iommu),
		ON_A_FRESH_DEVICE(invalidations_of_a_batch_are_merged_where_they_touch),
		ON_A_FRESH_DEVICE(a_device_leaves_its_table_after_the_invalidations_of_the_batch),
		ON_A_FRESH_DEVICE(what_a_batch_does_not_invalidate_is_left_by_its_devices),
		ON_A_FRESH_DEVICE(a_fault_of_hardware_is_an_event_of_the_guest),
		ON_A_FRESH_DEVICE(no_failure_leaves_a_device_where_the_guest_has_not_put_it),
	};
	int failed;

	sysfs = fake_make_sysfs();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fake_remove_sysfs();
	return failed;
}
