/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "fake.h"
#include "rig.h"

#include <viommu/backend.h>

/*
 * Mappings that reach hardware, over a fake kernel
 *
 * EP is device 100, EP2 is device 101. Guest memory is 1 MiB from 0 and 1 MiB from 16 MiB.
 */
#define D1    FAKE_DEVICE
#define D2    (FAKE_DEVICE + 1)
#define HOST  0x7f0000000000u
#define HOST2 0x7e0000000000u

static struct viommu_iommufd iommufd = { .fd = FAKE_FD, .ioctl = fake_ioctl };
static struct viommu_backend *backend;

/* A device whose file is closed does no DMA, and is in no space. */
static void stop(void *kernel, int device)
{
	(void)kernel;
	fake.stopped[device - FAKE_DEVICE] = true;
	fake.at[device - FAKE_DEVICE] = 0;
}

static void begin_without_devices(void)
{
	struct viommu_backend_calls calls = *viommu_iommufd_calls();
	const struct viommu_memory low = { 0, 0xfffff, (void *)(uintptr_t)HOST, false };
	const struct viommu_memory high = { 0x100000, 0x1fffff, (void *)(uintptr_t)HOST2, false };

	memset(&fake, 0, sizeof(fake));
	calls.stop = stop;
	assert_int_equal(viommu_backend_new(&calls, &iommufd, &backend), 0);
	assert_int_equal(viommu_backend_add_memory(backend, &low), 0);
	assert_int_equal(viommu_backend_add_memory(backend, &low), -EEXIST);
	assert_int_equal(viommu_backend_add_memory(backend, &high), 0);
}

static void begin(struct rig *rig)
{
	begin_without_devices();
	assert_int_equal(viommu_backend_add_device(backend, rig->device, EP, D1), 0);
	assert_int_equal(viommu_backend_add_device(backend, rig->device, EP, D1), -EEXIST);
	assert_int_equal(viommu_backend_add_device(backend, rig->device, EP2, D2), 0);
	fake.calls = 0;
}

static void end(void)
{
	backend = viommu_backend_free(backend);
	assert_int_equal(fake_spaces(), 0);
	for (int i = 0; i < FAKE_DEVICES; i++)
		assert_int_equal(fake.at[i], 0);
}

static void a_map_reaches_the_page_table_and_an_unmap_leaves_it(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x5000, 0x5fff, 0x2000, R), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0x5010, false), HOST + 0x2010);
	assert_int_equal(fake_dma(D1, 0x5010, true), 0);
	assert_int_equal(fake_dma(D2, 0x5010, false), 0);
	assert_int_equal(unmap(rig, 1, 0x5000, 0x5fff), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0x5010, false), 0);
	end();
}

static void a_map_over_two_ranges_of_memory_is_whole_or_absent(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x5000, 0x6fff, 0xff000, R | W), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0x5fff, true), HOST + 0xfffff);
	assert_int_equal(fake_dma(D1, 0x6000, true), HOST2);
	assert_int_equal(unmap(rig, 1, 0x5000, 0x6fff), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0x6000, true), 0);
	assert_int_equal(map(rig, 1, 0x5000, 0x6fff, 0x1ff000, R), VIOMMU_S_FAULT);
	assert_int_equal(fake_dma(D1, 0x5000, false), 0);
	end();
}

static void a_domain_has_one_space_whatever_its_endpoints(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	fake.calls = 0;
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(fake.calls, 1);
	fake.calls = 0;
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_OK);
	assert_int_equal(fake.calls, 1);
	assert_int_equal(fake_dma(D2, 0x1000, false), HOST);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_int_equal(fake.calls, 2);
	assert_int_equal(fake_dma(D2, 0, false), HOST);
	end();
}

static void an_endpoint_that_left_an_empty_domain_does_not_get_its_mappings(void **state)
{
	static const struct {
		uint32_t leaves, stays;
		int out, in;
	} rows[] = { { EP, EP2, D1, D2 }, { EP2, EP, D2, D1 } };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(rig);
		/* The last to attach is the last to be notified of an UNMAP: it is in the
		 * space still when that is empty. */
		assert_int_equal(attach(rig, 1, rows[i].stays), VIOMMU_S_OK);
		assert_int_equal(attach(rig, 1, rows[i].leaves), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
		assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
		assert_int_equal(attach(rig, 2, rows[i].leaves), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
		assert_int_equal(fake_dma(rows[i].in, 0, false), HOST);
		assert_int_equal(fake_dma(rows[i].out, 0, false), 0);
		assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
		end();
	}
}

static void an_endpoint_that_moves_keeps_nothing_of_the_old_domain(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0, false), 0);
	assert_int_equal(fake_dma(D2, 0, false), HOST);
	assert_int_equal(map(rig, 2, 0, 0xfff, 0x3000, R), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0, false), HOST + 0x3000);
	assert_int_equal(fake_dma(D2, 0, false), HOST);
	end();
}

static void bypass_is_one_attach(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach_bypass(rig, 3, EP), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0x100010, true), HOST2 + 0x10);
	fake.calls = 0;
	assert_int_equal(attach_bypass(rig, 3, EP2), VIOMMU_S_OK);
	assert_int_equal(fake.calls, 1);
	assert_int_equal(detach(rig, 3, EP), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0x10, true), 0);
	end();
}

static void unmaps_of_a_batch_that_touch_are_one_call(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint64_t at = 0; at < 0x10000; at += 0x1000)
		assert_int_equal(map(rig, 1, at, at + 0xfff, 0, R), VIOMMU_S_OK);
	fake.calls = 0;
	viommu_backend_batch_begin(backend);
	for (uint64_t at = 0; at < 0x10000; at += 0x1000)
		assert_int_equal(unmap(rig, 1, at, at + 0xfff), VIOMMU_S_OK);
	viommu_backend_batch_end(backend);
	assert_int_equal(fake.calls, 1);
	for (uint64_t at = 0; at < 0x10000; at += 0x1000)
		assert_int_equal(fake_dma(D1, at, false), 0);
	viommu_backend_batch_begin(backend);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0x1000, R), VIOMMU_S_OK);
	viommu_backend_batch_end(backend);
	assert_int_equal(fake_dma(D1, 0, false), HOST + 0x1000);
	end();
}

static void an_endpoint_that_enters_in_a_batch_does_not_see_what_was_unmapped(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x1000, R), VIOMMU_S_OK);
	viommu_backend_batch_begin(backend);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D2, 0, false), HOST);
	assert_int_equal(fake_dma(D2, 0x1000, false), 0);
	viommu_backend_batch_end(backend);
	end();
}

static void a_space_that_a_pending_unmap_breaks_is_not_entered(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x1000, R), VIOMMU_S_OK);
	viommu_backend_batch_begin(backend);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	fake.calls = 0;
	fake.fail = 1;
	fake.fail_n = 1;
	fake.error = EIO;
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_IOERR);
	fake.fail = 0;
	/* IOAS_UNMAP, which fails, and DETACH of the device that was there. */
	assert_int_equal(fake.calls, 2);
	viommu_backend_batch_end(backend);
	assert_int_equal(fake_dma(D1, 0, false), 0);
	assert_int_equal(fake_dma(D2, 0, false), 0);
	end();
}

static void domains_of_two_iommus_with_one_number_are_two_spaces(void **state)
{
	struct rig *rig = *state;
	void *second;
	struct rig *other;

	assert_int_equal(plug(&second), 0);
	other = second;
	begin_without_devices();
	assert_int_equal(viommu_backend_add_device(backend, rig->device, EP, D1), 0);
	assert_int_equal(viommu_backend_add_device(backend, other->device, EP, D2), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(other, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(other, 1, 0, 0xfff, 0x5000, R), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0, false), HOST);
	assert_int_equal(fake_dma(D2, 0, false), HOST + 0x5000);
	end();
	unplug(&second);
}

static void the_ioctls_of_a_map_do_not_depend_on_the_endpoints(void **state)
{
	static const unsigned counts[] = { 1, 8, FAKE_DEVICES };
	struct rig *rig = *state;
	unsigned n = 0;

	begin_without_devices();
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (; n < counts[i]; n++) {
			struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							    .id = 0x1000 + n };

			assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
			assert_int_equal(viommu_backend_add_device(backend, rig->device,
								   endpoint.id,
								   FAKE_DEVICE + (int)n),
					 0);
			assert_int_equal(attach(rig, 1, endpoint.id), VIOMMU_S_OK);
		}
		if (!i)
			assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
		fake.calls = 0;
		assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_OK);
		assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
		assert_int_equal(fake.calls, 2);
		print_message("%u endpoints: %u ioctls for MAP and UNMAP\n", n, fake.calls);
	}
	end();
}

/* -- every ioctl fails in turn ------------------------------------------------------ */

/* The hardware permits no access that the device does not, and maps it to the same place. */
static void assert_contained(struct rig *rig, uint32_t endpoint, int device)
{
	for (uint64_t at = 0; at < 0x200000; at += 0x1000) {
		uint64_t host = fake_dma(device, at, false);
		struct viommu_translation to;

		if (!host)
			continue;
		assert_int_equal(viommu_translate(rig->device, endpoint, at, 1,
						  VIOMMU_MAP_F_READ | VIOMMU_ACCESS_QUIET, &to),
				 0);
		assert_int_equal(host, to.address < 0x100000 ? HOST + to.address
							     : HOST2 + to.address - 0x100000);
	}
}

static int step(struct rig *rig, int i)
{
	switch (i) {
	case 0:
	case 11:
		return attach(rig, 1, EP);
	case 1:
		return attach(rig, 1, EP2);
	case 2:
	case 12:
		return map(rig, 1, 0, 0xfff, 0, R);
	case 3:
		return map(rig, 1, 0x5000, 0x6fff, 0xff000, R | W);
	case 4:
		return attach(rig, 2, EP);
	case 5:
		return map(rig, 2, 0, 0xfff, 0x3000, R);
	case 6:
		return unmap(rig, 1, 0, 0xfff);
	case 7:
		return attach_bypass(rig, 3, EP);
	case 8:
		return attach(rig, 1, EP);
	case 9:
		return unmap(rig, 1, 0, 0xffff);
	case 10:
		return detach(rig, 1, EP);
	default:
		viommu_reset(rig->device);
		assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
		return VIOMMU_S_OK;
	}
}

static void every_failure_leaves_the_hardware_with_no_more_than_the_guest(void **state)
{
	struct rig *rig = *state;
	unsigned calls = 1, failures = 0;

	for (unsigned n = 1; n <= 2; n++) {
		calls = 1;
		for (unsigned fail = 1; fail <= calls; fail++) {
			begin(rig);
			fake.fail = fail;
			fake.fail_n = n;
			fake.error = ENOMEM;
			for (int i = 0; i < 14; i++) {
				int status = step(rig, i);

				failures += status != VIOMMU_S_OK;
				assert_contained(rig, EP, D1);
				assert_contained(rig, EP2, D2);
			}
			calls = fake.calls;
			fake.fail = 0;
			backend = viommu_backend_free(backend);
			for (int i = 0; i < FAKE_DEVICES; i++)
				assert_int_equal(fake.at[i], 0);
			/* What failed may be a DESTROY, whose space then stays till close. */
			assert_true(fake_spaces() <= n);
		}
	}
	assert_true(failures > 10);
}

static void a_failed_map_is_answered_and_undone(void **state)
{
	static const struct {
		int error, status;
	} rows[] = {
		{ ENOMEM, VIOMMU_S_NOMEM }, { ENOSPC, VIOMMU_S_NOMEM }, { EINVAL, VIOMMU_S_INVAL },
		{ EFAULT, VIOMMU_S_FAULT }, { EIO, VIOMMU_S_IOERR },    { EPERM, VIOMMU_S_DEVERR },
	};
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fake.calls = 0;
		/* IOAS_ALLOC, ATTACH, IOAS_MAP */
		for (fake.fail = 1; fake.fail <= 3; fake.fail++) {
			fake.calls = 0;
			fake.fail_n = 1;
			fake.error = rows[i].error;
			assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), rows[i].status);
			assert_int_equal(fake_spaces(), 0);
			assert_string_equal(mappings(rig, 1), "");
		}
	}
	fake.fail = 0;
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	end();
}

static void a_failed_unmap_and_detach_stop_the_device(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	fake.calls = 0;
	fake.fail = 1;
	fake.fail_n = 2;
	fake.error = EIO;
	assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
	assert_true(fake.stopped[0]);
	assert_int_equal(fake_dma(D1, 0, false), 0);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_IOERR);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(a_map_reaches_the_page_table_and_an_unmap_leaves_it),
		ON_A_FRESH_DEVICE(a_map_over_two_ranges_of_memory_is_whole_or_absent),
		ON_A_FRESH_DEVICE(a_domain_has_one_space_whatever_its_endpoints),
		ON_A_FRESH_DEVICE(an_endpoint_that_left_an_empty_domain_does_not_get_its_mappings),
		ON_A_FRESH_DEVICE(an_endpoint_that_moves_keeps_nothing_of_the_old_domain),
		ON_A_FRESH_DEVICE(bypass_is_one_attach),
		ON_A_FRESH_DEVICE(unmaps_of_a_batch_that_touch_are_one_call),
		ON_A_FRESH_DEVICE(
			an_endpoint_that_enters_in_a_batch_does_not_see_what_was_unmapped),
		ON_A_FRESH_DEVICE(a_space_that_a_pending_unmap_breaks_is_not_entered),
		ON_A_FRESH_DEVICE(domains_of_two_iommus_with_one_number_are_two_spaces),
		ON_A_FRESH_DEVICE(the_ioctls_of_a_map_do_not_depend_on_the_endpoints),
		ON_A_FRESH_DEVICE(every_failure_leaves_the_hardware_with_no_more_than_the_guest),
		ON_A_FRESH_DEVICE(a_failed_map_is_answered_and_undone),
		ON_A_FRESH_DEVICE(a_failed_unmap_and_detach_stop_the_device),
	};

	return cmocka_run_group_tests_name("backend", tests, NULL, NULL);
}
