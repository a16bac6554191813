/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "fake.h"
#include "rig.h"

#include <viommu/backend.h>

/*
 * Mappings that reach hardware, over a fake kernel, by each of its interfaces
 *
 * EP is device 0, EP2 is device 1. Guest memory is 1 MiB from 0 and 1 MiB from 16 MiB.
 */
#define D1    0
#define D2    1
#define HOST  0x7f0000000000u
#define HOST2 0x7e0000000000u

static enum viommu_interface interface;
static const char *sysfs;
static struct viommu_kernel *kernel;
static struct viommu_backend *backend;
static char logged[4096];
static unsigned n_opened, n_closed;
static int refuse_file; /* what `opened` returns */

static bool is_type1(void)
{
	return interface == VIOMMU_INTERFACE_TYPE1;
}

/* How many system calls there were since the last time, which depends on the interface. */
static void assert_calls(unsigned iommufd, unsigned type1)
{
	assert_int_equal(fake.calls, is_type1() ? type1 : iommufd);
	fake.calls = 0;
}

static void on_log(void *opaque, const char *text)
{
	size_t length = strlen(logged);

	(void)opaque;
	snprintf(logged + length, sizeof(logged) - length, "%s\n", text);
}

static int on_opened(void *opaque, int device, const char *name, int file)
{
	(void)opaque;
	assert_string_equal(name, fake_name(file - FAKE_DEVICE));
	assert_true(fake.file[file - FAKE_DEVICE]);
	assert_int_equal(viommu_kernel_device_file(kernel, device), file);
	n_opened += !refuse_file;
	return refuse_file;
}

static void on_closing(void *opaque, int device)
{
	(void)opaque;
	assert_true(fake.file[viommu_kernel_device_file(kernel, device) - FAKE_DEVICE]);
	n_closed++;
}

static int new_kernel(enum viommu_interface which)
{
	const struct viommu_kernel_ops ops = { .size = sizeof(ops),
					       .open = fake_open,
					       .close = fake_close,
					       .ioctl = fake_ioctl,
					       .sysfs = sysfs,
					       .log = on_log,
					       .opened = on_opened,
					       .closing = on_closing };

	logged[0] = 0;
	n_opened = n_closed = 0;
	refuse_file = 0;
	return viommu_kernel_new(which, &ops, NULL, &kernel);
}

static void add_device(struct rig *rig, uint32_t endpoint, int number)
{
	int opened = -1;

	assert_int_equal(viommu_kernel_open_device(kernel, fake_name(number), &opened), 0);
	assert_int_equal(opened, number);
	assert_int_equal(viommu_backend_add_device(backend, rig->device, endpoint, number), 0);
}

static void begin_without_devices(void)
{
	const struct viommu_memory low = { 0, 0xfffff, (void *)(uintptr_t)HOST, false };
	const struct viommu_memory high = { 0x100000, 0x1fffff, (void *)(uintptr_t)HOST2, false };

	memset(&fake, 0, sizeof(fake));
	assert_int_equal(new_kernel(interface), 0);
	assert_int_equal(viommu_backend_new(viommu_kernel_calls(kernel), kernel, &backend), 0);
	assert_int_equal(viommu_backend_add_memory(backend, &low), 0);
	assert_int_equal(viommu_backend_add_memory(backend, &low), -EEXIST);
	assert_int_equal(viommu_backend_add_memory(backend, &high), 0);
}

static void begin(struct rig *rig)
{
	begin_without_devices();
	add_device(rig, EP, D1);
	assert_int_equal(viommu_backend_add_device(backend, rig->device, EP, D1), -EEXIST);
	add_device(rig, EP2, D2);
	fake.calls = 0;
}

static void free_all(void)
{
	backend = viommu_backend_free(backend);
	kernel = viommu_kernel_free(kernel);
	assert_int_equal(n_opened, n_closed);
	for (int i = 0; i < FAKE_DEVICES; i++)
		assert_false(fake.file[i] || fake.group[i] || fake.at[i]);
}

static void end(void)
{
	free_all();
	assert_int_equal(fake_spaces(), 0);
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
	/* ATTACH; or UNSET_CONTAINER, SET_CONTAINER, GET_DEVICE_FD */
	assert_calls(1, 3);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_OK);
	assert_calls(1, 1);
	assert_int_equal(fake_dma(D2, 0x1000, false), HOST);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_calls(1, 1);
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
	assert_calls(1, 3);
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
	assert_calls(1, 1);
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
	/* UNMAP, which fails, and the device that was there leaves: DETACH; or
	 * UNSET_CONTAINER, SET_CONTAINER, GET_DEVICE_FD. */
	assert_calls(2, 4);
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
	add_device(rig, EP, D1);
	add_device(other, EP, D2);
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
			add_device(rig, endpoint.id, (int)n);
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
			free_all();
			/* What failed may be a DESTROY, whose space then stays till close. */
			assert_true(fake_spaces() <= (is_type1() ? 0 : n));
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
	/* IOAS_ALLOC, ATTACH, IOAS_MAP; or open(), UNSET_CONTAINER, SET_CONTAINER, SET_IOMMU,
	 * GET_DEVICE_FD, MAP_DMA */
	unsigned calls = is_type1() ? 6 : 3, idle;

	begin(rig);
	idle = fake_spaces();
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (fake.fail = 1; fake.fail <= calls; fake.fail++) {
			fake.calls = 0;
			fake.fail_n = 1;
			fake.error = rows[i].error;
			assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), rows[i].status);
			assert_int_equal(fake_spaces(), idle);
			assert_string_equal(mappings(rig, 1), "");
		}
	}
	fake.fail = 0;
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0, false), HOST);
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
	assert_false(fake.file[D1]);
	assert_int_equal(viommu_kernel_device_file(kernel, D1), -ENODEV);
	assert_int_equal(fake_dma(D1, 0, false), 0);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_IOERR);
	fake.fail = 0;
	free_all();
}

/* -- what the two interfaces do not have in common ------------------------------------- */

static void a_domain_with_all_mappings_that_the_kernel_has_answers_nomem(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	fake.max_maps = 3;
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint64_t at = 0; at < 0x3000; at += 0x1000)
		assert_int_equal(map(rig, 1, at, at + 0xfff, 0, R), VIOMMU_S_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(map(rig, 1, 0x3000, 0x3fff, 0, R), VIOMMU_S_NOMEM);
	/* A MAP of two ranges of memory needs two. */
	assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x5000, 0x6fff, 0xff000, R), VIOMMU_S_NOMEM);
	assert_int_equal(fake_dma(D1, 0x5000, false), 0);
	assert_int_equal(map(rig, 1, 0x5000, 0x5fff, 0xff000, R), VIOMMU_S_OK);
	if (is_type1())
		assert_non_null(strstr(logged, "has all mappings that the kernel permits"));
	end();
}

static void a_limit_of_pinned_memory_is_said(void **state)
{
	struct rlimit old, low = { .rlim_cur = 0x10000 };
	struct rig *rig = *state;
	const char *said;

	getrlimit(RLIMIT_MEMLOCK, &old);
	low.rlim_max = old.rlim_max;
	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &low), 0);
	fake.error = ENOMEM;
	fake.fail_n = 1;
	for (int i = 0; i < 7; i++) {
		fake.calls = 0;
		fake.fail = 1;
		assert_int_equal(map(rig, 1, 0x20000, 0x3ffff, 0, R), VIOMMU_S_NOMEM);
	}
	setrlimit(RLIMIT_MEMLOCK, &old);
	fake.fail = 0;
	said = logged;
	/* A guest can do that at any rate: the 1st, the 2nd and the 4th are said. */
	for (int i = 0; i < 4; i++) {
		said = strstr(said, "a MAP of 131072 bytes was refused: RLIMIT_MEMLOCK permits to "
				    "pin 65536 bytes");
		assert_int_equal(said != NULL, i < 3);
		said += said != NULL;
	}
	end();
}

static void a_device_gets_a_new_file_only_where_the_kernel_cannot_do_without(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(n_opened, 2);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0, 0x1fff), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(n_opened, is_type1() ? 3 : 2);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(n_opened, is_type1() ? 4 : 2);
	assert_int_equal(viommu_kernel_device_file(kernel, D1), FAKE_DEVICE + D1);
	end();
}

static void a_vmm_that_refuses_a_file_refuses_the_attach(void **state)
{
	struct rig *rig = *state;

	if (!is_type1())
		return;
	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	refuse_file = -ENOMEM;
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_NOMEM);
	assert_int_equal(viommu_kernel_device_file(kernel, D1), -ENODEV);
	refuse_file = 0;
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0, false), HOST);
	end();
}

static void a_device_that_cannot_leave_is_stopped_and_the_reason_said(void **state)
{
	struct rig *rig = *state;

	if (!is_type1())
		return;
	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	fake.held[D1] = true;
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0, false), 0);
	assert_false(fake.file[D1]);
	assert_non_null(strstr(logged, "0000:00:00.0 cannot leave its domain: something else has "
				       "its file open"));
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0, 0xfff, 0, R), VIOMMU_S_IOERR);
	fake.held[D1] = false;
	free_all();
}

/* -- which interface ---------------------------------------------------------------------- */

static void the_interface_is_chosen_by_what_the_kernel_has_and_said(void **state)
{
	static const struct {
		bool no_iommufd, no_type1;
		enum viommu_interface wanted;
		int error;
		enum viommu_interface got;
		const char *said;
	} rows[] = {
		{ false, false, VIOMMU_INTERFACE_ANY, 0, VIOMMU_INTERFACE_IOMMUFD,
		  "mappings reach hardware by iommufd (/dev/iommu)\n" },
		{ true, false, VIOMMU_INTERFACE_ANY, 0, VIOMMU_INTERFACE_TYPE1,
		  "the kernel has no iommufd: /dev/iommu, errno 2\n"
		  "mappings reach hardware by VFIO type1 (/dev/vfio/vfio)\n" },
		{ false, false, VIOMMU_INTERFACE_TYPE1, 0, VIOMMU_INTERFACE_TYPE1,
		  "mappings reach hardware by VFIO type1 (/dev/vfio/vfio)\n" },
		{ true, false, VIOMMU_INTERFACE_IOMMUFD, -ENOENT, VIOMMU_INTERFACE_ANY,
		  "the kernel has no iommufd: /dev/iommu, errno 2\n" },
		{ true, true, VIOMMU_INTERFACE_ANY, -EOPNOTSUPP, VIOMMU_INTERFACE_ANY,
		  "the kernel has no iommufd: /dev/iommu, errno 2\n"
		  "VFIO has no type1: load vfio_iommu_type1\n"
		  "the kernel has no VFIO type1: /dev/vfio/vfio, errno 95\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&fake, 0, sizeof(fake));
		fake.no_iommufd = rows[i].no_iommufd;
		fake.no_type1 = rows[i].no_type1;
		assert_int_equal(new_kernel(rows[i].wanted), rows[i].error);
		assert_string_equal(logged, rows[i].said);
		assert_int_equal(fake_spaces(),
				 !rows[i].error && rows[i].got == VIOMMU_INTERFACE_TYPE1);
		if (rows[i].error)
			continue;
		assert_int_equal(viommu_kernel_interface(kernel), rows[i].got);
		kernel = viommu_kernel_free(kernel);
		assert_int_equal(fake_spaces(), 0);
	}
}

/* Every call fails in turn: nothing stays open, and with none that fails it is opened. */
static void a_device_that_cannot_be_opened_leaves_nothing(void **state)
{
	static const struct {
		enum viommu_interface interface;
		unsigned calls;
	} rows[] = { { VIOMMU_INTERFACE_IOMMUFD, 2 }, { VIOMMU_INTERFACE_TYPE1, 5 } };
	int number;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&fake, 0, sizeof(fake));
		assert_int_equal(new_kernel(rows[i].interface), 0);
		fake.fail_n = 1;
		fake.error = ENODEV;
		for (fake.fail = 1; fake.fail <= rows[i].calls; fake.fail++) {
			fake.calls = 0;
			number = -1;
			assert_int_equal(viommu_kernel_open_device(kernel, fake_name(3), &number),
					 -ENODEV);
			assert_int_equal(number, -1);
			assert_false(fake.file[3] || fake.group[3] || fake.at[3]);
		}
		fake.calls = 0;
		assert_int_equal(viommu_kernel_open_device(kernel, fake_name(3), &number), 0);
		assert_int_equal(fake.calls, rows[i].calls);
		/* viommu_kernel_free() closes it. */
		kernel = viommu_kernel_free(kernel);
		assert_false(fake.file[3] || fake.group[3] || fake.at[3]);
		assert_int_equal(n_opened, n_closed);
	}
}

static void a_device_that_vfio_cannot_have_is_refused_with_the_cure(void **state)
{
	int number;

	(void)state;
	memset(&fake, 0, sizeof(fake));
	assert_int_equal(new_kernel(VIOMMU_INTERFACE_TYPE1), 0);
	assert_int_equal(viommu_kernel_open_device(kernel, "0000:ff:1f.7", &number), -ENOENT);
	assert_non_null(strstr(logged, "0000:ff:1f.7 has no IOMMU group"));
	fake.not_viable = true;
	assert_int_equal(viommu_kernel_open_device(kernel, fake_name(1), &number), -EPERM);
	assert_non_null(strstr(logged, "every device of its group (/dev/vfio/1) has to be bound"));
	fake.not_viable = false;
	assert_int_equal(viommu_kernel_open_device(kernel, fake_name(1), &number), 0);
	assert_int_equal(viommu_kernel_open_device(kernel, fake_name(1), &number), -EBUSY);
	assert_non_null(strstr(logged, "a group is opened once"));
	/* open(), GET_STATUS, SET_CONTAINER, SET_IOMMU, ... */
	viommu_kernel_close_device(kernel, number);
	fake.calls = 0;
	fake.fail = 4;
	fake.fail_n = 1;
	fake.error = EPERM;
	assert_int_equal(viommu_kernel_open_device(kernel, fake_name(1), &number), -EPERM);
	assert_non_null(strstr(logged, "vfio_iommu_type1.allow_unsafe_interrupts=1"));
	kernel = viommu_kernel_free(kernel);

	assert_int_equal(new_kernel(VIOMMU_INTERFACE_IOMMUFD), 0);
	assert_int_equal(viommu_kernel_open_device(kernel, "0000:ff:1f.7", &number), -ENOENT);
	assert_non_null(strstr(logged, "0000:ff:1f.7 has no VFIO driver: bind it to vfio-pci"));
	fake.calls = 0;
	fake.fail = 2;
	assert_int_equal(viommu_kernel_open_device(kernel, fake_name(1), &number), -EPERM);
	assert_non_null(strstr(logged, "iommufd.allow_unsafe_interrupts=1"));
	assert_int_equal(viommu_kernel_open_device(
				 kernel, "a name that is longer than any name of PCI", &number),
			 -EINVAL);
	kernel = viommu_kernel_free(kernel);
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
		ON_A_FRESH_DEVICE(a_domain_with_all_mappings_that_the_kernel_has_answers_nomem),
		ON_A_FRESH_DEVICE(a_limit_of_pinned_memory_is_said),
		ON_A_FRESH_DEVICE(a_device_gets_a_new_file_only_where_the_kernel_cannot_do_without),
		ON_A_FRESH_DEVICE(a_vmm_that_refuses_a_file_refuses_the_attach),
		ON_A_FRESH_DEVICE(a_device_that_cannot_leave_is_stopped_and_the_reason_said),
	};
	const struct CMUnitTest both[] = {
		cmocka_unit_test(the_interface_is_chosen_by_what_the_kernel_has_and_said),
		cmocka_unit_test(a_device_that_cannot_be_opened_leaves_nothing),
		cmocka_unit_test(a_device_that_vfio_cannot_have_is_refused_with_the_cure),
	};
	int failed;

	sysfs = fake_make_sysfs();
	interface = VIOMMU_INTERFACE_IOMMUFD;
	failed = cmocka_run_group_tests_name("iommufd", tests, NULL, NULL);
	interface = VIOMMU_INTERFACE_TYPE1;
	failed += cmocka_run_group_tests_name("type1", tests, NULL, NULL);
	failed += cmocka_run_group_tests_name("kernel", both, NULL, NULL);
	fake_remove_sysfs();
	return failed;
}
