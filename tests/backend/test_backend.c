/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/resource.h>

#include "fake.h"
#include "rig.h"

#include <viommu/backend.h>

#include "backend/layouts.h"

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

/* Returns the kernel's number of the device. */
static int add(struct rig *rig, uint32_t endpoint, int device)
{
	int number = -1;

	assert_int_equal(viommu_kernel_open_device(kernel, fake_name(device), &number), 0);
	assert_int_equal(viommu_backend_add_device(backend, rig->device, endpoint, number), 0);
	return number;
}

static void add_device(struct rig *rig, uint32_t endpoint, int number)
{
	assert_int_equal(add(rig, endpoint, number), number);
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
	memset(fake.n_detached, 0, sizeof(fake.n_detached));
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
	assert_int_equal(fake_n_objects(), 0);
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

/* What lies behind the hole is no less absent. */
static void a_map_over_a_hole_in_memory_is_absent(void **state)
{
	const struct viommu_memory more = { 0x300000, 0x3fffff, (void *)(uintptr_t)HOST, false };
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(viommu_backend_add_memory(backend, &more), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1ff000, 0x300fff, 0x1ff000, R), VIOMMU_S_FAULT);
	assert_int_equal(fake_dma(D1, 0x1ff000, false), 0);
	assert_int_equal(fake_dma(D1, 0x300000, false), 0);
	assert_int_equal(map(rig, 1, 0x1ff000, 0x1fffff, 0x2000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x300000, 0x300fff, 0x3000, R), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0x300000, false), HOST + 0x3000);
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

/* UNMAPs are merged until listeners commit: in a batch of the device. */
static void batch_begin(struct rig *rig)
{
	viommu_backend_batch_begin(backend);
	viommu_batch_begin(rig->device);
	rig->is_in_batch = true;
}

static void batch_end(struct rig *rig)
{
	rig->is_in_batch = false;
	viommu_batch_end(rig->device);
	viommu_backend_batch_end(backend);
}

static void unmaps_of_a_batch_that_touch_are_one_call(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint64_t at = 0; at < 0x10000; at += 0x1000)
		assert_int_equal(map(rig, 1, at, at + 0xfff, 0, R), VIOMMU_S_OK);
	fake.calls = 0;
	batch_begin(rig);
	for (uint64_t at = 0; at < 0x10000; at += 0x1000)
		assert_int_equal(unmap(rig, 1, at, at + 0xfff), VIOMMU_S_OK);
	batch_end(rig);
	assert_calls(1, 1);
	for (uint64_t at = 0; at < 0x10000; at += 0x1000)
		assert_int_equal(fake_dma(D1, at, false), 0);
	batch_begin(rig);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0x1000, R), VIOMMU_S_OK);
	batch_end(rig);
	assert_int_equal(fake_dma(D1, 0, false), HOST + 0x1000);
	end();
}

static void unmaps_of_a_batch_leave_what_is_between_them(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint64_t at = 0; at < 0x5000; at += 0x1000)
		assert_int_equal(map(rig, 1, at, at + 0xfff, at, R), VIOMMU_S_OK);
	batch_begin(rig);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0x3000, 0x3fff), VIOMMU_S_OK);
	batch_end(rig);
	for (uint64_t at = 0; at < 0x5000; at += 0x1000)
		assert_int_equal(fake_dma(D1, at, false), at & 0x1000 ? 0 : HOST + at);
	end();
}

static void an_endpoint_that_enters_in_a_batch_does_not_see_what_was_unmapped(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x1000, R), VIOMMU_S_OK);
	batch_begin(rig);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D2, 0, false), HOST);
	assert_int_equal(fake_dma(D2, 0x1000, false), 0);
	batch_end(rig);
	end();
}

static void a_space_that_a_pending_unmap_breaks_is_not_entered(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x1000, R), VIOMMU_S_OK);
	batch_begin(rig);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	fake.calls = 0;
	fake.fail = 1;
	fake.fail_n = 1;
	fake.error = EIO;
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_IOERR);
	fake.fail = 0;
	/* UNMAP, which fails, and the device that was there leaves: DETACH, DESTROY; or
	 * UNSET_CONTAINER, SET_CONTAINER, GET_DEVICE_FD. */
	assert_calls(3, 4);
	batch_end(rig);
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

static unsigned ioctls_of_unmap(struct rig *rig, uint64_t first, uint64_t last)
{
	fake.calls = 0;
	assert_int_equal(unmap(rig, 1, first, last), VIOMMU_S_OK);
	return fake.calls;
}

/* Mappings of one page each, in memory that they permute; one of them may be missing. */
static void map_pages(struct rig *rig, uint64_t n, uint64_t missing)
{
	for (uint64_t i = 0; i < n; i++)
		if (i != missing)
			assert_int_equal(
				map(rig, 1, i * PAGE, i * PAGE + 0xfff, (i ^ 1) * PAGE, R | W),
				VIOMMU_S_OK);
}

static void the_ioctls_of_an_unmap_do_not_depend_on_the_mappings(void **state)
{
	static const uint64_t counts[] = { 1, 8, 48 };
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		unsigned n;

		map_pages(rig, counts[i], TOP);
		n = ioctls_of_unmap(rig, 0, counts[i] * PAGE - 1);
		print_message("%u mappings: %u ioctls for UNMAP\n", (unsigned)counts[i], n);
		assert_int_equal(n, 1);
		assert_int_equal(fake_dma(D1, 0, false), 0);
	}
	/* The kernel refuses a range with a gap. */
	map_pages(rig, 8, 3);
	assert_int_equal(map(rig, 1, 8 * PAGE, 8 * PAGE + 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(ioctls_of_unmap(rig, PAGE, 8 * PAGE - 1), 2);
	assert_int_equal(fake_dma(D1, 0, false), HOST + PAGE);
	assert_int_equal(fake_dma(D1, 2 * PAGE, false), 0);
	assert_int_equal(fake_dma(D2, 7 * PAGE, false), 0);
	assert_int_equal(fake_dma(D2, 8 * PAGE, false), HOST);
	assert_int_equal(ioctls_of_unmap(rig, 0, TOP), 2);
	assert_int_equal(ioctls_of_unmap(rig, 0, TOP), 0);
	end();
}

/* What a node of its map has replaced, a space frees at the next change, be it a MAP. */
static void scattered_maps_leave_no_memory_behind(void **state)
{
	const uint64_t n = 4000, pages = 1 << 20, odd = 0x9e3779b1, bytes_each = 160;
	struct rig *rig = *state;
	size_t before;

	begin(rig);
	fake.max_maps = FAKE_MAPS;
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	before = mallinfo2().uordblks;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = i * odd % pages * PAGE;

		assert_int_equal(map(rig, 1, at, at + 0xfff, 0, R), VIOMMU_S_OK);
	}
	print_message("%zu bytes for each MAP\n", (mallinfo2().uordblks - before) / (size_t)n);
	assert_true(mallinfo2().uordblks < before + n * bytes_each);
	end();
}

static void the_ioctls_of_a_map_do_not_depend_on_the_endpoints(void **state)
{
	static const unsigned counts[] = { 1, 8, 64 };
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

/* The host address that IOVA 0 of an endpoint has by the virtio-iommu device; 0: none. */
static uint64_t where_is(struct rig *rig, uint32_t endpoint)
{
	struct viommu_translation to;

	return viommu_translate(rig->device, endpoint, 0, 1,
				VIOMMU_MAP_F_READ | VIOMMU_ACCESS_QUIET, &to)
		       ? 0
		       : HOST + to.address;
}

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

static void a_failed_attach_or_map_is_answered_and_undone(void **state)
{
	static const struct {
		int error, status;
	} rows[] = {
		{ ENOMEM, VIOMMU_S_NOMEM }, { ENOSPC, VIOMMU_S_NOMEM }, { EINVAL, VIOMMU_S_INVAL },
		{ EFAULT, VIOMMU_S_FAULT }, { EIO, VIOMMU_S_IOERR },    { EPERM, VIOMMU_S_DEVERR },
	};
	struct rig *rig = *state;
	/* IOAS_ALLOC, ATTACH; or open(), UNSET_CONTAINER, SET_CONTAINER, SET_IOMMU, GET_DEVICE_FD
	 */
	unsigned calls = is_type1() ? 5 : 2, idle;

	begin(rig);
	idle = fake_spaces();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fake.error = rows[i].error;
		fake.fail_n = 1;
		for (fake.fail = 1; fake.fail <= calls; fake.fail++) {
			fake.calls = 0;
			assert_int_equal(attach(rig, 1, EP), rows[i].status);
			assert_int_equal(fake_spaces(), idle);
			assert_int_equal(mode_of(rig, EP), VIOMMU_BLOCKED);
		}
		fake.fail = 0;
		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		fake.calls = 0;
		fake.fail = 1;
		assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), rows[i].status);
		assert_string_equal(mappings(rig, 1), "");
		assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	}
	fake.fail = 0;
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
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

/* -- moves ------------------------------------------------------------------------------- */

static void a_move_is_one_call_without_a_gap(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	for (uint64_t at = 0; at < 0x8000; at += 0x1000) {
		assert_int_equal(map(rig, 1, at, at + 0xfff, at, R), VIOMMU_S_OK);
		assert_int_equal(map(rig, 2, at, at + 0xfff, 0x10000 + at, R), VIOMMU_S_OK);
	}
	fake.calls = 0;
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	/* ATTACH, and DESTROY of what it left; or UNSET_CONTAINER, SET_CONTAINER, GET_DEVICE_FD */
	assert_calls(2, 3);
	assert_int_equal(fake_dma(D1, 0x3000, false), HOST + 0x13000);
	assert_int_equal(attach_bypass(rig, 3, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0x3000, false), HOST + 0x13000);
	assert_int_equal(fake.n_detached[D1], 0);
	end();
}

static void endpoints_of_a_domain_without_mappings_stay_in_its_space(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	for (int i = 0; i < 3; i++) {
		fake.calls = 0;
		assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
		assert_int_equal(fake_dma(D2, 0, false), HOST);
		assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
		assert_int_equal(fake_dma(D2, 0, false), 0);
		assert_calls(2, 2);
	}
	end();
}

/* Domain 1 lives on by EP3, which no device stands for, and loses a mapping meanwhile. */
static void a_device_that_comes_back_does_not_find_what_was_unmapped(void **state)
{
	struct rig *rig = *state;

	for (int batch = 0; batch < 2; batch++) {
		begin(rig);
		assert_int_equal(attach(rig, 1, EP3), VIOMMU_S_OK);
		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x1000, R), VIOMMU_S_OK);
		if (batch)
			viommu_backend_batch_begin(backend);
		assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
		assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		assert_int_equal(fake_dma(D1, 0, false), 0);
		assert_int_equal(fake_dma(D1, 0x1000, false), HOST + 0x1000);
		if (batch)
			viommu_backend_batch_end(backend);
		viommu_reset(rig->device);
		assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
		end();
	}
}

static void a_domain_that_is_made_again_is_empty(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	viommu_backend_batch_begin(backend);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0, false), 0);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0x2000, R), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0, false), HOST + 0x2000);
	viommu_backend_batch_end(backend);
	end();
}

/* -- hot plug -------------------------------------------------------------------------------- */

static void memory_that_is_removed_is_reached_by_nothing_and_comes_back(void **state)
{
	const struct viommu_memory low = { 0, 0xfffff, (void *)(uintptr_t)HOST, false };
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x5000, 0x6fff, 0xff000, R | W), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x8000, 0x8fff, 0x1000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x9000, 0x9fff, 0x101000, R), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 3, EP2), VIOMMU_S_OK);
	assert_int_equal(viommu_backend_remove_memory(backend, 0), 0);
	assert_int_equal(viommu_backend_remove_memory(backend, 0), -ENOENT);
	for (uint64_t at = 0; at < 0x200000; at += 0x1000) {
		uint64_t one = fake_dma(D1, at, false), other = fake_dma(D2, at, false);

		assert_false(one >= HOST && one < HOST + 0x100000);
		assert_false(other >= HOST && other < HOST + 0x100000);
	}
	assert_int_equal(fake_dma(D1, 0x6000, true), HOST2);
	assert_int_equal(fake_dma(D1, 0x9000, false), HOST2 + 0x1000);
	assert_int_equal(fake_dma(D2, 0x100000, false), HOST2);
	assert_int_equal(map(rig, 1, 0xa000, 0xafff, 0x2000, R), VIOMMU_S_FAULT);
	/* The guest takes away a mapping that is not whole any more. */
	assert_int_equal(unmap(rig, 1, 0x5000, 0x6fff), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0x6000, true), 0);

	assert_int_equal(viommu_backend_add_memory(backend, &low), 0);
	assert_int_equal(fake_dma(D1, 0x8000, false), HOST + 0x1000);
	assert_int_equal(fake_dma(D1, 0x5000, false), 0);
	assert_int_equal(fake_dma(D2, 0x3000, true), HOST + 0x3000);
	assert_int_equal(unmap(rig, 1, 0, 0xffff), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0x8000, false), 0);
	end();
}

/* With every call that fails: what cannot be unmapped is left by all devices. */
static void memory_that_the_kernel_keeps_is_reached_by_nothing(void **state)
{
	struct rig *rig = *state;
	unsigned calls = 1;

	for (unsigned fail = 1; fail <= calls; fail++) {
		begin(rig);
		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0x8000, 0x8fff, 0x1000, R), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0xa000, 0xafff, 0x3000, R), VIOMMU_S_OK);
		assert_int_equal(attach_bypass(rig, 3, EP2), VIOMMU_S_OK);
		fake.calls = 0;
		fake.fail = fail;
		fake.fail_n = 1;
		fake.error = EIO;
		assert_int_equal(viommu_backend_remove_memory(backend, 0), 0);
		calls = fake.calls;
		fake.fail = 0;
		for (uint64_t at = 0; at < 0x100000; at += 0x1000) {
			assert_int_equal(fake_dma(D1, at, false), 0);
			assert_int_equal(fake_dma(D2, at, false), 0);
		}
		viommu_reset(rig->device);
		assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
		free_all();
	}
	assert_true(calls > 2);
}

static void a_device_that_is_removed_reaches_nothing_and_others_stay(void **state)
{
	struct rig *rig = *state;

	for (int dead = 0; dead < 2; dead++) {
		begin(rig);
		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
		fake.dead[D1] = dead;
		assert_int_equal(viommu_backend_remove_device(backend, D1), 0);
		assert_int_equal(viommu_backend_remove_device(backend, D1), -ENOENT);
		assert_int_equal(fake_dma(D1, 0, false), 0);
		assert_int_equal(fake_dma(D2, 0, false), HOST);
		viommu_kernel_close_device(kernel, D1);
		assert_false(fake.file[D1] || fake.group[D1]);
		assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0, R), VIOMMU_S_OK);
		assert_int_equal(unmap(rig, 1, 0, 0x1fff), VIOMMU_S_OK);
		/* Another is plugged in its place. */
		fake.dead[D1] = false;
		add_device(rig, EP, D1);
		assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
		assert_int_equal(fake_dma(D1, 0, false), HOST);
		assert_int_equal(viommu_backend_remove_device(backend, D2), 0);
		assert_int_equal(fake_dma(D1, 0, false), HOST);
		assert_int_equal(viommu_backend_remove_device(backend, D1), 0);
		assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
		assert_int_equal(viommu_endpoint_add(rig->device,
						     &(struct viommu_endpoint){
							     .size = sizeof(struct viommu_endpoint),
							     .id = EP }),
				 0);
		viommu_reset(rig->device);
		assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
		end();
	}
}

/* A device dies while it is mapped: requests of the guest go on, and what can be answered is. */
static void a_device_that_dies_does_not_stop_the_others(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	fake.dead[D1] = true;
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x1000, R), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D2, 0x1000, false), HOST + 0x1000);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_not_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0x1000, false), 0);
	assert_int_equal(fake_dma(D2, 0x1000, false), HOST + 0x1000);
	fake.dead[D1] = false;
	free_all();
}

/* -- pinning once ------------------------------------------------------------------------ */

/* What bypass has pinned is shared: with iommufd, whose fake counts. */
static void what_bypass_has_pinned_is_not_pinned_again(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(attach_bypass(rig, 3, EP2), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	fake.calls = fake.n_copies = 0;
	/* Over the end of one range of memory: one call for each. */
	assert_int_equal(map(rig, 1, 0x5000, 0x6fff, 0xff000, R), VIOMMU_S_OK);
	assert_int_equal(fake.n_copies, is_type1() ? 0 : 2);
	assert_int_equal(fake.calls, 2);
	assert_int_equal(fake_dma(D1, 0x5000, false), HOST + 0xff000);
	assert_int_equal(fake_dma(D1, 0x5000, true), 0);
	assert_int_equal(fake_dma(D1, 0x6000, false), HOST2);
	/* Without bypass as before. */
	assert_int_equal(detach(rig, 3, EP2), VIOMMU_S_OK);
	fake.n_copies = 0;
	assert_int_equal(map(rig, 1, 0x8000, 0x8fff, 0x1000, R), VIOMMU_S_OK);
	assert_int_equal(fake.n_copies, 0);
	assert_int_equal(unmap(rig, 1, 0, 0xffff), VIOMMU_S_OK);
	/* A copy that fails is a MAP. */
	assert_int_equal(attach_bypass(rig, 3, EP2), VIOMMU_S_OK);
	fake.calls = 0;
	fake.fail = 1;
	fake.fail_n = is_type1() ? 0 : 1;
	fake.error = EPERM;
	assert_int_equal(map(rig, 1, 0x8000, 0x8fff, 0x1000, R), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0x8000, false), HOST + 0x1000);
	end();
}

static void memory_of_a_file_is_mapped_by_the_file(void **state)
{
	const struct viommu_memory memory = { 0x400000, 0x4fffff, (void *)(uintptr_t)0x7d0000000000,
					      false };
	const uint64_t expected = is_type1() ? 0x7d0000000000 + 0x3000
					     : FAKE_FILE_BASE + 7 * FAKE_FILE_STEP + 0x13000;
	struct rig *rig = *state;

	begin(rig);
	assert_int_equal(viommu_backend_add_memory_file(backend, &memory, 7, UINT64_MAX - 4096),
			 -EINVAL);
	assert_int_equal(viommu_backend_add_memory_file(backend, &memory, 7, 0x10000), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x5000, 0x5fff, 0x403000, R | W), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0x5000, true), expected);
	assert_int_equal(viommu_backend_remove_memory(backend, 0x400000), 0);
	assert_int_equal(fake_dma(D1, 0x5000, true), 0);
	end();
}

/* -- dirty pages ------------------------------------------------------------------------------- */

static char dirty[512];

static void on_dirty(void *opaque, uint64_t first, uint64_t last)
{
	size_t length = strlen(dirty);

	(void)opaque;
	snprintf(dirty + length, sizeof(dirty) - length, "%s%jx-%jx", length ? " " : "",
		 (uintmax_t)first, (uintmax_t)last);
}

static const char *read_dirty(void)
{
	dirty[0] = 0;
	assert_int_equal(viommu_backend_read_dirty(backend, on_dirty, NULL), 0);
	return dirty;
}

static void dirty_pages_are_reported_by_guest_physical_address(void **state)
{
	struct rig *rig = *state;

	if (!is_type1())
		return;
	begin(rig);
	assert_int_equal(viommu_backend_read_dirty(backend, on_dirty, NULL), -EINVAL);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x50000, 0x57fff, 0xfc000, R | W), VIOMMU_S_OK);
	fake_dma(D1, 0x50000, true);
	assert_int_equal(viommu_backend_track_dirty(backend, true), 0);
	assert_string_equal(read_dirty(), "");
	fake_dma(D1, 0x51000, true);
	fake_dma(D1, 0x52000, true);
	fake_dma(D1, 0x54000, false);
	fake_dma(D1, 0x55000, true);
	assert_string_equal(read_dirty(), "fd000-fefff 101000-101fff");
	assert_string_equal(read_dirty(), "");
	end();
}

static void pages_unmapped_meanwhile_are_dirty_too(void **state)
{
	struct rig *rig = *state;

	if (!is_type1())
		return;
	begin(rig);
	assert_int_equal(viommu_backend_track_dirty(backend, true), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (int batch = 0; batch < 2; batch++) {
		assert_int_equal(map(rig, 1, 0x1000, 0x3fff, 0x21000, R | W), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0x4000, 0x4fff, 0x24000, R | W), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0x5000, 0x5fff, 0x25000, R), VIOMMU_S_OK);
		assert_int_not_equal(fake_dma(D1, 0x2000, true), 0);
		if (batch)
			viommu_backend_batch_begin(backend);
		assert_int_equal(unmap(rig, 1, 0, 0xffff), VIOMMU_S_OK);
		/* Another page has the address now. */
		assert_int_equal(map(rig, 1, 0x1000, 0x3fff, 0x31000, R | W), VIOMMU_S_OK);
		assert_int_not_equal(fake_dma(D1, 0x3000, true), 0);
		if (batch)
			viommu_backend_batch_end(backend);
		assert_string_equal(read_dirty(), "22000-22fff 33000-33fff");
		assert_int_equal(unmap(rig, 1, 0, 0xffff), VIOMMU_S_OK);
		assert_string_equal(read_dirty(), "");
	}
	/* A space that ends cannot be asked. */
	assert_int_equal(map(rig, 1, 0x1000, 0x3fff, 0x21000, R | W), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(read_dirty(), "21000-23fff");
	end();
}

/* VFIO takes no other page than the smallest one. */
static void a_host_with_pages_of_64_kib_reports_dirty_pages(void **state)
{
	struct rig *rig = *state;

	if (!is_type1())
		return;
	begin(rig);
	fake.limits[D1].alignment = 0x10000;
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x40000, 0x7ffff, 0x80000, R | W), VIOMMU_S_OK);
	assert_int_equal(viommu_backend_track_dirty(backend, true), 0);
	assert_string_equal(read_dirty(), "");
	fake_dma(D1, 0x43000, true);
	fake_dma(D1, 0x61000, true);
	assert_string_equal(read_dirty(), "80000-8ffff a0000-affff");
	assert_string_equal(read_dirty(), "");
	fake_dma(D1, 0x7f000, true);
	assert_int_equal(unmap(rig, 1, 0x40000, 0x7ffff), VIOMMU_S_OK);
	assert_string_equal(read_dirty(), "b0000-bffff");
	end();
}

static void without_tracking_by_the_kernel_all_that_is_writable_is_dirty(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	fake.no_tracking = true;
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x3fff, 0x21000, R | W), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x5000, 0x5fff, 0x25000, R), VIOMMU_S_OK);
	assert_int_equal(viommu_backend_track_dirty(backend, true), 0);
	assert_string_equal(read_dirty(), "21000-23fff");
	assert_string_equal(read_dirty(), "21000-23fff");
	assert_int_equal(unmap(rig, 1, 0, 0xffff), VIOMMU_S_OK);
	assert_string_equal(read_dirty(), "21000-23fff");
	assert_string_equal(read_dirty(), "");
	assert_int_equal(viommu_backend_track_dirty(backend, false), 0);
	end();
}

/* A device that the kernel does not track may have written, and left since. */
static void what_was_written_before_a_space_was_tracked_stays_dirty(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	fake.no_tracking = true;
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x3fff, 0x21000, R | W), VIOMMU_S_OK);
	assert_int_equal(viommu_backend_track_dirty(backend, true), 0);
	assert_int_not_equal(fake_dma(D1, 0x2000, true), 0);
	fake.no_tracking = false;
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_string_equal(read_dirty(), "21000-23fff");
	assert_string_equal(read_dirty(), is_type1() ? "" : "21000-23fff");
	end();
}

/* -- pages that devices log themselves ------------------------------------------------ */

/* D1 logs; the IOMMU of D2 tracks, or D2 logs, too, or neither. */
enum second { TRACKED, LOGS, UNTRACKED };

static void begin_logging(struct rig *rig, enum second second)
{
	begin_without_devices();
	fake.limits[D1].logs = true;
	fake.limits[D2].logs = second == LOGS;
	if (second == TRACKED)
		fake.limits[D2] =
			(struct fake_limits){ .dirty = true, .hwpt_flags = KERNEL_HWPT_DIRTY };
	add_device(rig, EP, D1);
	add_device(rig, EP2, D2);
	assert_true(viommu_kernel_limits(kernel, D1)->dirty);
	assert_int_equal(viommu_kernel_limits(kernel, D2)->dirty, second != UNTRACKED);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x3fff, 0x21000, R | W), VIOMMU_S_OK);
	fake.calls = 0;
}

static void pages_that_a_device_logs_are_reported_by_guest_physical_address(void **state)
{
	struct rig *rig = *state;

	if (is_type1())
		return;
	begin_logging(rig, UNTRACKED);
	fake_dma(D1, 0x1000, true);
	assert_int_equal(viommu_backend_track_dirty(backend, true), 0);
	assert_int_equal(fake.calls, 1);
	assert_string_equal(read_dirty(), "");
	fake_dma(D1, 0x2000, true);
	fake_dma(D1, 0x3000, false);
	assert_string_equal(read_dirty(), "22000-22fff");
	assert_string_equal(read_dirty(), "");
	/* Unmapped meanwhile, with another page at that address after it. */
	fake_dma(D1, 0x3000, true);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x3fff), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x3000, 0x3fff, 0x31000, R | W), VIOMMU_S_OK);
	assert_string_equal(read_dirty(), "23000-23fff");
	fake_dma(D1, 0x3000, true);
	assert_string_equal(read_dirty(), "31000-31fff");
	assert_int_equal(viommu_backend_track_dirty(backend, false), 0);
	assert_false(fake.logging[D1]);
	end();
}

static void what_devices_log_is_joined_with_what_the_iommu_tracks(void **state)
{
	struct rig *rig = *state;

	if (is_type1())
		return;
	for (enum second second = TRACKED; second <= LOGS; second++) {
		begin_logging(rig, second);
		assert_int_equal(viommu_backend_track_dirty(backend, true), 0);
		assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
		assert_int_equal(fake.logging[D2], second == LOGS);
		assert_string_equal(read_dirty(), "");
		fake_dma(D1, 0x1000, true);
		fake_dma(D2, 0x3000, true);
		assert_string_equal(read_dirty(), "21000-21fff 23000-23fff");
		fake_dma(D2, 0x2000, true);
		assert_int_equal(unmap(rig, 1, 0, 0xffff), VIOMMU_S_OK);
		assert_string_equal(read_dirty(), "22000-22fff");
		end();
	}
}

static void a_device_without_a_log_makes_all_that_is_writable_dirty(void **state)
{
	struct rig *rig = *state;

	if (is_type1())
		return;
	begin_logging(rig, UNTRACKED);
	assert_int_equal(viommu_backend_track_dirty(backend, true), 0);
	assert_string_equal(read_dirty(), "");
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_string_equal(read_dirty(), "21000-23fff");
	assert_string_equal(read_dirty(), "21000-23fff");
	end();
}

/* Its log does not say which space it was in. */
static void what_a_device_leaves_that_logs_is_dirty(void **state)
{
	struct rig *rig = *state;

	if (is_type1())
		return;
	begin_logging(rig, LOGS);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(viommu_backend_track_dirty(backend, true), 0);
	fake_dma(D1, 0x2000, true);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_string_equal(read_dirty(), "21000-23fff");
	fake_dma(D2, 0x1000, true);
	assert_string_equal(read_dirty(), "21000-21fff");
	assert_int_equal(viommu_backend_remove_device(backend, D2), 0);
	assert_false(fake.logging[D2]);
	assert_string_equal(read_dirty(), "21000-23fff");
	/* One that is added while pages are tracked logs at once. */
	assert_int_equal(viommu_backend_add_device(backend, rig->device, EP2, D2), 0);
	assert_true(fake.logging[D2]);
	end();
}

static bool reports(uintmax_t page)
{
	uintmax_t first, last;
	int n;

	for (const char *at = dirty; sscanf(at, "%jx-%jx%n", &first, &last, &n) == 2; at += n)
		if (first <= page && page <= last)
			return true;
	return false;
}

/* What was written is among what is reported, whichever call fails. */
static void no_failure_of_a_log_loses_a_page(void **state)
{
	struct rig *rig = *state;
	unsigned n = 0;

	if (is_type1())
		return;
	for (unsigned fail = 0; fail <= n; fail++) {
		begin_logging(rig, LOGS);
		assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
		fake.calls = 0;
		fake.fail = fail;
		fake.fail_n = 1;
		fake.error = EIO;
		assert_int_equal(viommu_backend_track_dirty(backend, true), 0);
		for (int i = 0; i < 3; i++) {
			fake_dma(D1, 0x1000, true);
			fake_dma(D2, 0x3000, true);
			read_dirty();
			assert_true(reports(0x21000) && reports(0x23000));
		}
		assert_int_equal(fake_dma(D2, 0x2000, true), HOST + 0x22000);
		assert_int_equal(unmap(rig, 1, 0, 0xffff), VIOMMU_S_OK);
		read_dirty();
		assert_true(reports(0x22000));
		assert_int_equal(viommu_backend_track_dirty(backend, false), 0);
		n = fake.calls > n ? fake.calls : n;
		fake.fail = 0;
		viommu_reset(rig->device);
		assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
		free_all();
	}
	assert_int_equal(n, 15); /* one, STOP and START after a report that fails */
}

/* -- memory that is refused or read-only ---------------------------------------------- */

/* Each MAP fails in turn: what was mapped before it is unmapped, and all devices stay. */
static void memory_that_cannot_be_added_leaves_everything_as_it_was(void **state)
{
	const struct viommu_memory low = { 0, 0xfffff, (void *)(uintptr_t)HOST, false };
	struct rig *rig = *state;
	const int d3 = 2;

	for (int tracked = 0; tracked < 2; tracked++) {
		int error = -ENOMEM;
		unsigned fail;

		begin(rig);
		add_device(rig, EP3, d3);
		assert_int_equal(viommu_backend_track_dirty(backend, tracked), 0);
		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0x5000, 0x6fff, 0xff000, R | W), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0x8000, 0x8fff, 0x1000, R | W), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0x9000, 0x9fff, 0x2000, R), VIOMMU_S_OK);
		assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
		assert_int_equal(map(rig, 2, 0x8000, 0x8fff, 0x1000, R | W), VIOMMU_S_OK);
		assert_int_equal(map(rig, 2, 0xc000, 0xcfff, 0x101000, R), VIOMMU_S_OK);
		assert_int_equal(attach_bypass(rig, 3, EP3), VIOMMU_S_OK);
		assert_int_equal(viommu_backend_remove_memory(backend, 0), 0);
		fake.error = ENOMEM;
		fake.fail_n = is_type1() ? 1 : 2; /* IOAS_COPY, and the IOAS_MAP in its place */
		for (fail = 1; error; fail++) {
			fake.calls = 0;
			fake.fail = fail;
			error = viommu_backend_add_memory(backend, &low);
			fake.fail = 0;
			if (error)
				assert_int_equal(error, -ENOMEM);
			assert_int_equal(fake_dma(D1, 0x6000, true), HOST2);
			assert_int_equal(fake_dma(D2, 0xc000, false), HOST2 + 0x1000);
			assert_int_equal(fake_dma(d3, 0x100000, true), HOST2);
			assert_int_equal(fake_dma(D1, 0x5000, true), error ? 0 : HOST + 0xff000);
			assert_int_equal(fake_dma(D1, 0x8000, true), error ? 0 : HOST + 0x1000);
			assert_int_equal(fake_dma(D1, 0x9000, false), error ? 0 : HOST + 0x2000);
			assert_int_equal(fake_dma(D2, 0x8000, true), error ? 0 : HOST + 0x1000);
			assert_int_equal(fake_dma(d3, 0x3000, true), error ? 0 : HOST + 0x3000);
		}
		/* Five MAPs failed, then none. */
		assert_int_equal(fail, 7);
		viommu_reset(rig->device);
		assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
		end();
	}
}

static void a_writable_mapping_of_read_only_memory_reaches_nothing(void **state)
{
	const struct viommu_memory plain = { 0, 0xfffff, (void *)(uintptr_t)HOST, false };
	const struct viommu_memory rom = { 0, 0xfffff, (void *)(uintptr_t)HOST, true };
	struct rig *rig = *state;

	for (int tracked = 0; tracked < 2; tracked++) {
		begin(rig);
		assert_int_equal(viommu_backend_track_dirty(backend, tracked), 0);
		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		assert_int_equal(attach_bypass(rig, 3, EP2), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0x5000, 0x6fff, 0xff000, R | W), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0x8000, 0x8fff, 0x1000, R | W), VIOMMU_S_OK);
		assert_int_equal(map(rig, 1, 0x9000, 0x9fff, 0x2000, R), VIOMMU_S_OK);
		assert_int_equal(viommu_backend_remove_memory(backend, 0), 0);
		assert_int_equal(viommu_backend_add_memory(backend, &rom), 0);
		assert_int_equal(fake_dma(D1, 0x5000, false), 0);
		assert_int_equal(fake_dma(D1, 0x6000, true), HOST2);
		assert_int_equal(fake_dma(D1, 0x8000, false), 0);
		assert_int_equal(fake_dma(D1, 0x9000, false), HOST + 0x2000);
		assert_int_equal(fake_dma(D2, 0x2000, false), HOST + 0x2000);
		assert_int_equal(fake_dma(D2, 0x2000, true), 0);
		assert_int_equal(map(rig, 1, 0xa000, 0xafff, 0x2000, W), VIOMMU_S_FAULT);
		if (tracked)
			assert_string_equal(read_dirty(),
					    is_type1() ? "100000-100fff" : "100000-1fffff");
		/* What was not mapped is not unmapped. */
		assert_int_equal(unmap(rig, 1, 0x5000, 0x6fff), VIOMMU_S_OK);
		assert_int_equal(fake_dma(D1, 0x6000, true), 0);
		assert_int_equal(fake_dma(D1, 0x9000, false), HOST + 0x2000);
		assert_int_equal(viommu_backend_remove_memory(backend, 0), 0);
		assert_int_equal(viommu_backend_add_memory(backend, &plain), 0);
		assert_int_equal(fake_dma(D1, 0x8000, true), HOST + 0x1000);
		assert_int_equal(fake_dma(D1, 0x9000, false), HOST + 0x2000);
		assert_int_equal(unmap(rig, 1, 0, 0xffff), VIOMMU_S_OK);
		assert_int_equal(fake_dma(D1, 0x8000, false), 0);
		end();
	}
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

static void a_limit_of_pinned_memory_is_logged(void **state)
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
		said = strstr(said, "a MAP of 131072 bytes was refused for want of memory: "
				    "RLIMIT_MEMLOCK permits to pin 65536 bytes");
		assert_int_equal(said != NULL, i < 3);
		if (said)
			said++;
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
	refuse_file = -ENOMEM;
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_NOMEM);
	assert_int_equal(viommu_kernel_device_file(kernel, D1), -ENODEV);
	refuse_file = 0;
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(fake_dma(D1, 0, false), HOST);
	end();
}

static void a_device_that_cannot_leave_is_stopped_and_the_reason_logged(void **state)
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
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_IOERR);
	fake.held[D1] = false;
	free_all();
}

/* -- which interface ---------------------------------------------------------------------- */

/* The UNMAPs of a batch make room for a MAP, so nothing is refused, and nothing said. */
static void a_map_that_succeeds_after_unmaps_are_sent_is_not_reported_as_refused(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	fake.max_maps = 1;
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	logged[0] = 0;
	viommu_backend_batch_begin(backend);
	assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x5000, 0x5fff, 0, R), VIOMMU_S_OK);
	viommu_backend_batch_end(backend);
	assert_string_equal(logged, "");
	end();
}

/* -- groups ------------------------------------------------------------------------------ */

#define G1 (FAKE_MATE - 1)
#define G2 FAKE_MATE

/*
 * The kernel moves a whole group: a device whose group has another in another domain would take
 * that one along.
 */
static void a_device_does_not_take_its_group_into_another_domain(void **state)
{
	struct rig *rig = *state;

	if (is_type1())
		return;
	begin_without_devices();
	add(rig, EP, G1);
	add(rig, EP2, G2);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP3), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0, 0xfff, 0x3000, R), VIOMMU_S_OK);
	logged[0] = 0;
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_UNSUPP);
	assert_non_null(strstr(logged, "0000:40:00.0 cannot leave the domain of 0000:41:00.0, which"
				       " is in its IOMMU group: give both one endpoint"));
	assert_int_equal(fake_dma(G2, 0, false), HOST);
	assert_int_equal(where_is(rig, EP), fake_dma(G1, 0, false));
	/* One after the other they can leave. */
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(fake_dma(G2, 0, false), HOST + 0x3000);
	end();
}

static void devices_of_one_endpoint_move_together(void **state)
{
	struct rig *rig = *state;

	if (is_type1())
		return;
	begin_without_devices();
	add(rig, EP, G1);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	/* A late one: its limits are read beside the first. */
	add(rig, EP, G2);
	assert_int_equal(viommu_kernel_limits(kernel, 1)->n_ranges, 1);
	assert_int_equal(fake_dma(G2, 0, false), HOST);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0, 0xfff, 0x3000, R), VIOMMU_S_OK);
	assert_int_equal(fake_dma(G1, 0, false), HOST + 0x3000);
	assert_int_equal(fake_dma(G2, 0, false), HOST + 0x3000);
	assert_int_equal(attach_bypass(rig, 3, EP), VIOMMU_S_OK);
	assert_int_equal(fake_dma(G1, 0x5000, false), HOST + 0x5000);
	assert_int_equal(fake_dma(G2, 0x5000, false), HOST + 0x5000);
	assert_int_equal(detach(rig, 3, EP), VIOMMU_S_OK);
	assert_int_equal(fake_dma(G2, 0x5000, false), 0);
	end();
}

/* A group has one page table, and the kernel selects none beside one that was allocated. */
static void a_device_joins_its_group_in_an_allocated_page_table(void **state)
{
	struct rig *rig = *state;

	if (is_type1())
		return;
	begin_without_devices();
	fake.limits[G1] = fake.limits[G2] =
		(struct fake_limits){ .dirty = true, .hwpt_flags = KERNEL_HWPT_DIRTY };
	add(rig, EP, G1);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_not_equal(fake.in[G1], 0);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	add(rig, EP, G2);
	assert_int_equal(fake.in[G2], fake.in[G1]);
	assert_int_equal(fake_dma(G2, 0, false), HOST);
	assert_int_equal(viommu_kernel_limits(kernel, 1)->n_ranges, 1);
	end();
}

static void the_interface_of_the_kernel_is_chosen_and_logged(void **state)
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

/* A leak is seen by the sanitizer. */
static void an_interface_that_cannot_be_opened_leaves_nothing(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.fail = 1;
	fake.fail_n = 1;
	fake.error = ENOENT;
	assert_int_equal(new_kernel(VIOMMU_INTERFACE_TYPE1), -ENOENT);
	assert_int_equal(fake_spaces(), 0);
}

/* Every call fails in turn: nothing stays open, and with none that fails it is opened. */
static void a_device_that_cannot_be_opened_leaves_nothing(void **state)
{
	/* iommufd: then come GET_HW_INFO, DEVICE_FEATURE and DESTROY, without which a device
	 * works. */
	static const struct {
		enum viommu_interface interface;
		unsigned needed, calls;
	} rows[] = { { VIOMMU_INTERFACE_IOMMUFD, 6, 9 }, { VIOMMU_INTERFACE_TYPE1, 10, 10 } };
	int number;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&fake, 0, sizeof(fake));
		assert_int_equal(new_kernel(rows[i].interface), 0);
		fake.fail_n = 1;
		fake.error = ENODEV;
		for (fake.fail = 1; fake.fail <= rows[i].needed; fake.fail++) {
			unsigned spaces = fake_spaces();

			fake.calls = 0;
			number = -1;
			assert_int_equal(viommu_kernel_open_device(kernel, fake_name(3), &number),
					 -ENODEV);
			assert_int_equal(number, -1);
			assert_false(fake.file[3] || fake.group[3] || fake.at[3]);
			assert_int_equal(fake_spaces(), spaces);
		}
		fake.fail = 0;
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
	/* open(), GET_STATUS, open(), SET_CONTAINER, SET_IOMMU, ... */
	viommu_kernel_close_device(kernel, number);
	fake.calls = 0;
	fake.fail = 5;
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

/* -- limits ------------------------------------------------------------------------------- */

static const struct viommu_limits *limits_of(int device)
{
	int number;

	assert_int_equal(viommu_kernel_open_device(kernel, fake_name(device), &number), 0);
	return viommu_kernel_limits(kernel, number);
}

static void limits_are_read_from_each_interface(void **state)
{
	static const enum viommu_interface interfaces[] = { VIOMMU_INTERFACE_IOMMUFD,
							    VIOMMU_INTERFACE_TYPE1 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct viommu_limits *limits;

		memset(&fake, 0, sizeof(fake));
		fake.limits[1] = (struct fake_limits){ .hwpt_flags = KERNEL_HWPT_DIRTY,
						       .alignment = 0x10000,
						       .last = 0x7fffffffff,
						       .hole_first = 0xfee00000,
						       .hole_last = 0xfeefffff,
						       .dirty = true };
		assert_int_equal(new_kernel(interfaces[i]), 0);
		limits = limits_of(0);
		assert_int_equal(limits->page_size_mask, ~0xfffull);
		assert_int_equal(limits->n_ranges, 1);
		assert_int_equal(limits->ranges[0].last, 0xffffffffffff);
		assert_false(limits->dirty);
		assert_true(limits->ats); /* unknown, for type1 */
		limits = limits_of(1);
		assert_int_equal(limits->page_size_mask, ~0xffffull);
		assert_int_equal(limits->n_ranges, 2);
		assert_int_equal(limits->ranges[0].last, 0xfedfffff);
		assert_int_equal(limits->ranges[1].first, 0xfef00000);
		assert_int_equal(limits->ranges[1].last, 0x7fffffffff);
		assert_true(limits->dirty);
		assert_non_null(strstr(logged,
				       "0000:01:00.0: addresses 0x0 to 0x7fffffffff in 2 "
				       "ranges, pages of 65536 bytes, dirty pages tracked"));
		kernel = viommu_kernel_free(kernel);
		assert_int_equal(fake_spaces(), 0);
	}
}

/* The widest are kept. */
static void all_ranges_of_the_kernel_are_read(void **state)
{
	static const enum viommu_interface interfaces[] = { VIOMMU_INTERFACE_IOMMUFD,
							    VIOMMU_INTERFACE_TYPE1 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct viommu_limits *limits;

		memset(&fake, 0, sizeof(fake));
		fake.limits[0].n_ranges = 32;
		fake.limits[1].n_ranges = 100;
		assert_int_equal(new_kernel(interfaces[i]), 0);
		limits = limits_of(0);
		assert_int_equal(limits->n_ranges, 32);
		assert_null(strstr(logged, "widest"));
		limits = limits_of(1);
		assert_int_equal(limits->n_ranges, VIOMMU_LIMITS_RANGES);
		for (size_t j = 0; j < VIOMMU_LIMITS_RANGES; j++)
			assert_int_equal(limits->ranges[j].first,
					 (100ull - VIOMMU_LIMITS_RANGES + j) << 32);
		assert_non_null(strstr(logged, "0000:01:00.0: the 32 widest of 100 ranges of"
					       " addresses are used"));
		kernel = viommu_kernel_free(kernel);
		assert_int_equal(fake_spaces(), 0);
	}
}

static void a_kernel_whose_answer_makes_no_sense_is_refused(void **state)
{
	static const enum viommu_interface interfaces[] = { VIOMMU_INTERFACE_IOMMUFD,
							    VIOMMU_INTERFACE_TYPE1 };
	int number;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		memset(&fake, 0, sizeof(fake));
		fake.limits[0] = (struct fake_limits){ .n_ranges = 2, .touch = true };
		fake.limits[1].alignment = 0x3000;
		assert_int_equal(new_kernel(interfaces[i]), 0);
		assert_int_equal(viommu_kernel_open_device(kernel, fake_name(0), &number), -EPROTO);
		if (!i)
			assert_int_equal(viommu_kernel_open_device(kernel, fake_name(1), &number),
					 -EPROTO);
		kernel = viommu_kernel_free(kernel);
		assert_int_equal(fake_spaces(), 0);
	}
}

static const struct viommu_limits narrow = {
	.size = sizeof(narrow),
	.page_size_mask = ~0xffffull,
	.n_ranges = 3,
	.ranges = { { 0x10000, 0xfffff }, { 0x200000, 0x3fffff }, { 0x500000, 0x7fffffff } },
	.dirty = true,
};

static void limits_of_several_devices_are_what_all_can_do(void **state)
{
	struct viommu_limits wide = { .size = sizeof(wide),
				      .page_size_mask = 0x40201000,
				      .n_ranges = 2,
				      .ranges = { { 0, 0x2fffff }, { 0x380000, 0xffffff } } };
	struct viommu_limits apart = { .size = sizeof(apart),
				       .page_size_mask = 0x1000,
				       .n_ranges = 1,
				       .ranges = { { 0x100000, 0x1fffff } } };
	struct viommu_limits before;

	(void)state;
	assert_int_equal(viommu_limits_intersect(&wide, &narrow), 0);
	/* 2 MiB and 1 GiB have page tables in both; the granule is that of `narrow`. */
	assert_int_equal(wide.page_size_mask, 0x40210000);
	assert_int_equal(wide.n_ranges, 4);
	assert_int_equal(wide.ranges[0].first, 0x10000);
	assert_int_equal(wide.ranges[0].last, 0xfffff);
	assert_int_equal(wide.ranges[1].first, 0x200000);
	assert_int_equal(wide.ranges[1].last, 0x2fffff);
	assert_int_equal(wide.ranges[2].first, 0x380000);
	assert_int_equal(wide.ranges[2].last, 0x3fffff);
	assert_int_equal(wide.ranges[3].last, 0xffffff);
	assert_false(wide.dirty);
	before = apart;
	assert_int_equal(viommu_limits_intersect(&apart, &narrow), -ERANGE);
	assert_memory_equal(&apart, &before, sizeof(apart));
}

static void what_a_configuration_leaves_open_is_what_devices_can_do(void **state)
{
	struct viommu_config config = { .size = sizeof(config) };
	struct viommu_limits usual = narrow;
	char reason[VIOMMU_REASON_LENGTH];

	(void)state;
	assert_int_equal(viommu_limits_config(&narrow, &config, reason, sizeof(reason)), 0);
	assert_int_equal(config.page_size_mask, ~0xffffull);
	assert_int_equal(config.input_first, 0x10000);
	assert_int_equal(config.input_last, 0x7fffffff);
	usual.page_size_mask = ~0xfffull;
	config = (struct viommu_config){ .size = sizeof(config) };
	assert_int_equal(viommu_limits_config(&usual, &config, NULL, 0), 0);
	assert_int_equal(config.page_size_mask, 0);
}

static void a_configuration_that_does_not_fit_is_refused_with_both_values(void **state)
{
	struct viommu_config pages = { .size = sizeof(pages), .page_size_mask = ~0xfffull };
	struct viommu_config range = { .size = sizeof(range), .input_last = 0xffffffffff };
	char reason[VIOMMU_REASON_LENGTH * 2];

	(void)state;
	assert_int_equal(viommu_limits_config(&narrow, &pages, reason, sizeof(reason)), -ERANGE);
	assert_string_equal(reason, "the guest may map pages of 4096 bytes, and the host's IOMMU "
				    "has none smaller than 65536; page_size_mask "
				    "0xffffffffffff0000 fits");
	assert_int_equal(viommu_limits_config(&narrow, &range, reason, sizeof(reason)), -ERANGE);
	assert_string_equal(reason, "the guest may map 0x0 to 0xffffffffff, and the host's IOMMU "
				    "has 0x10000 to 0x7fffffff; set the input range to that");
	assert_int_equal(viommu_limits_config(&narrow, &range, NULL, 0), -ERANGE);
}

/* PROBE reports the holes, and a MAP there never reaches the kernel. */
static void holes_of_a_device_are_reserved_regions_of_its_endpoint(void **state)
{
	const struct viommu_reserved msi = { 0x480000, 0x48ffff, VIOMMU_RESV_MEM_MSI };
	struct viommu_reserved regions[VIOMMU_LIMITS_REGIONS];
	struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint), .id = 0x77, .reserved = &msi, .n_reserved = 1
	};
	struct viommu_config config = { .size = sizeof(config) };
	struct rig *rig = *state;

	assert_int_equal(viommu_limits_config(&narrow, &config, NULL, 0), 0);
	replace(rig, config);
	assert_int_equal(viommu_limits_endpoint(&narrow, viommu_configuration(rig->device),
						&endpoint, regions, NULL, 0),
			 0);
	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	assert_int_equal(probe(rig, 0x77), VIOMMU_S_OK);
	assert_string_equal(properties(rig), "reserved 100000-1fffff, reserved 400000-47ffff, "
					     "msi 480000-48ffff, reserved 490000-4fffff");
	assert_int_equal(attach(rig, 1, 0x77), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1f0000, 0x1fffff, 0, R), VIOMMU_S_INVAL);
	assert_int_equal(map(rig, 1, 0x8000000000, 0x800000ffff, 0, R), VIOMMU_S_RANGE);
	assert_int_equal(map(rig, 1, 0x201000, 0x201fff, 0, R), VIOMMU_S_RANGE);
	assert_int_equal(map(rig, 1, 0x200000, 0x20ffff, 0, R), VIOMMU_S_OK);
}

static void a_region_to_the_last_address_contains_what_the_host_lacks(void **state)
{
	struct viommu_limits limits = { .size = sizeof(limits),
					.page_size_mask = ~0xfffull,
					.n_ranges = 2,
					.ranges = { { 0, 0xfffff }, { 0x200000, UINT64_MAX } } };
	const struct viommu_reserved to_last[] = {
		{ 0x100000, UINT64_MAX, VIOMMU_RESV_MEM_RESERVED },
		{ 0x180000, UINT64_MAX, VIOMMU_RESV_MEM_RESERVED },
	};
	static const char *const answers[] = { "reserved 100000-ffffffffffffffff",
					       "reserved 100000-17ffff, "
					       "reserved 180000-ffffffffffffffff" };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(to_last) / sizeof(to_last[0]); i++) {
		struct viommu_reserved regions[VIOMMU_LIMITS_REGIONS];
		struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						    .id = 0x77 + (uint32_t)i,
						    .reserved = &to_last[i],
						    .n_reserved = 1 };

		assert_int_equal(viommu_limits_endpoint(&limits, viommu_configuration(rig->device),
							&endpoint, regions, NULL, 0),
				 0);
		assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
		assert_int_equal(probe(rig, endpoint.id), VIOMMU_S_OK);
		assert_string_equal(properties(rig), answers[i]);
	}
}

static void ranges_of_the_host_that_touch_have_no_region_between_them(void **state)
{
	struct viommu_limits limits = {
		.size = sizeof(limits),
		.page_size_mask = ~0xfffull,
		.n_ranges = 3,
		.ranges = { { 0, 0xfffff }, { 0x100000, 0x1fffff }, { 0x300000, UINT64_MAX } }
	};
	struct viommu_reserved regions[VIOMMU_LIMITS_REGIONS];
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = 0x77 };
	struct rig *rig = *state;

	assert_int_equal(viommu_limits_endpoint(&limits, viommu_configuration(rig->device),
						&endpoint, regions, NULL, 0),
			 0);
	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	assert_int_equal(probe(rig, 0x77), VIOMMU_S_OK);
	assert_string_equal(properties(rig), "reserved 200000-2fffff");
}

/* The guest knows its granule and input range when the device is plugged in. */
static void a_late_device_that_can_do_less_is_shown_by_probe_or_refused(void **state)
{
	struct viommu_limits late = { .size = sizeof(late),
				      .page_size_mask = ~0xfffull,
				      .n_ranges = 1,
				      .ranges = { { 0, 0xffffffff } } };
	struct viommu_reserved regions[VIOMMU_LIMITS_REGIONS];
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = 0x77 };
	struct viommu_config config = { .size = sizeof(config), .input_last = (1ull << 39) - 1 };
	char reason[VIOMMU_REASON_LENGTH * 2];
	struct rig *rig = *state;

	replace(rig, config);
	assert_int_equal(viommu_limits_endpoint(&late, viommu_configuration(rig->device), &endpoint,
						regions, reason, sizeof(reason)),
			 0);
	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	assert_int_equal(probe(rig, 0x77), VIOMMU_S_OK);
	assert_string_equal(properties(rig), "reserved 100000000-7fffffffff");
	endpoint = (struct viommu_endpoint){ .size = sizeof(endpoint), .id = 0x78 };
	late.page_size_mask = ~0x3fffull;
	assert_int_equal(viommu_limits_endpoint(&late, viommu_configuration(rig->device), &endpoint,
						regions, reason, sizeof(reason)),
			 -ERANGE);
	assert_non_null(strstr(reason, "pages of 4096 bytes, and the host's IOMMU has none smaller "
				       "than 16384; page_size_mask 0xffffffffffffc000 fits"));
	late.page_size_mask = ~0xfffull;
	late.ranges[0] = (struct viommu_range){ 1ull << 40, 1ull << 41 };
	assert_int_equal(viommu_limits_endpoint(&late, viommu_configuration(rig->device), &endpoint,
						regions, reason, sizeof(reason)),
			 -ERANGE);
	assert_non_null(strstr(reason, "the guest may map 0x0 to 0x7fffffffff, of which the host's "
				       "IOMMU has nothing: 0x10000000000 to 0x20000000000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(a_map_reaches_the_page_table_and_an_unmap_leaves_it),
		ON_A_FRESH_DEVICE(a_map_over_two_ranges_of_memory_is_whole_or_absent),
		ON_A_FRESH_DEVICE(a_map_over_a_hole_in_memory_is_absent),
		ON_A_FRESH_DEVICE(unmaps_of_a_batch_leave_what_is_between_them),
		ON_A_FRESH_DEVICE(a_domain_has_one_space_whatever_its_endpoints),
		ON_A_FRESH_DEVICE(an_endpoint_that_left_an_empty_domain_does_not_get_its_mappings),
		ON_A_FRESH_DEVICE(an_endpoint_that_moves_keeps_nothing_of_the_old_domain),
		ON_A_FRESH_DEVICE(bypass_is_one_attach),
		ON_A_FRESH_DEVICE(unmaps_of_a_batch_that_touch_are_one_call),
		ON_A_FRESH_DEVICE(
			an_endpoint_that_enters_in_a_batch_does_not_see_what_was_unmapped),
		ON_A_FRESH_DEVICE(a_space_that_a_pending_unmap_breaks_is_not_entered),
		ON_A_FRESH_DEVICE(domains_of_two_iommus_with_one_number_are_two_spaces),
		ON_A_FRESH_DEVICE(the_ioctls_of_an_unmap_do_not_depend_on_the_mappings),
		ON_A_FRESH_DEVICE(scattered_maps_leave_no_memory_behind),
		ON_A_FRESH_DEVICE(the_ioctls_of_a_map_do_not_depend_on_the_endpoints),
		ON_A_FRESH_DEVICE(every_failure_leaves_the_hardware_with_no_more_than_the_guest),
		ON_A_FRESH_DEVICE(a_failed_attach_or_map_is_answered_and_undone),
		ON_A_FRESH_DEVICE(a_failed_unmap_and_detach_stop_the_device),
		ON_A_FRESH_DEVICE(a_move_is_one_call_without_a_gap),
		ON_A_FRESH_DEVICE(endpoints_of_a_domain_without_mappings_stay_in_its_space),
		ON_A_FRESH_DEVICE(a_device_that_comes_back_does_not_find_what_was_unmapped),
		ON_A_FRESH_DEVICE(a_domain_that_is_made_again_is_empty),
		ON_A_FRESH_DEVICE(memory_that_is_removed_is_reached_by_nothing_and_comes_back),
		ON_A_FRESH_DEVICE(memory_that_the_kernel_keeps_is_reached_by_nothing),
		ON_A_FRESH_DEVICE(a_device_that_is_removed_reaches_nothing_and_others_stay),
		ON_A_FRESH_DEVICE(a_device_that_dies_does_not_stop_the_others),
		ON_A_FRESH_DEVICE(what_bypass_has_pinned_is_not_pinned_again),
		ON_A_FRESH_DEVICE(memory_of_a_file_is_mapped_by_the_file),
		ON_A_FRESH_DEVICE(dirty_pages_are_reported_by_guest_physical_address),
		ON_A_FRESH_DEVICE(pages_unmapped_meanwhile_are_dirty_too),
		ON_A_FRESH_DEVICE(a_host_with_pages_of_64_kib_reports_dirty_pages),
		ON_A_FRESH_DEVICE(without_tracking_by_the_kernel_all_that_is_writable_is_dirty),
		ON_A_FRESH_DEVICE(what_was_written_before_a_space_was_tracked_stays_dirty),
		ON_A_FRESH_DEVICE(pages_that_a_device_logs_are_reported_by_guest_physical_address),
		ON_A_FRESH_DEVICE(what_devices_log_is_joined_with_what_the_iommu_tracks),
		ON_A_FRESH_DEVICE(a_device_without_a_log_makes_all_that_is_writable_dirty),
		ON_A_FRESH_DEVICE(what_a_device_leaves_that_logs_is_dirty),
		ON_A_FRESH_DEVICE(no_failure_of_a_log_loses_a_page),
		ON_A_FRESH_DEVICE(memory_that_cannot_be_added_leaves_everything_as_it_was),
		ON_A_FRESH_DEVICE(a_writable_mapping_of_read_only_memory_reaches_nothing),
		ON_A_FRESH_DEVICE(a_domain_with_all_mappings_that_the_kernel_has_answers_nomem),
		ON_A_FRESH_DEVICE(a_limit_of_pinned_memory_is_logged),
		ON_A_FRESH_DEVICE(a_device_gets_a_new_file_only_where_the_kernel_cannot_do_without),
		ON_A_FRESH_DEVICE(a_vmm_that_refuses_a_file_refuses_the_attach),
		ON_A_FRESH_DEVICE(a_device_that_cannot_leave_is_stopped_and_the_reason_logged),
		ON_A_FRESH_DEVICE(
			a_map_that_succeeds_after_unmaps_are_sent_is_not_reported_as_refused),
		ON_A_FRESH_DEVICE(a_device_does_not_take_its_group_into_another_domain),
		ON_A_FRESH_DEVICE(devices_of_one_endpoint_move_together),
		ON_A_FRESH_DEVICE(a_device_joins_its_group_in_an_allocated_page_table),
	};
	const struct CMUnitTest both[] = {
		cmocka_unit_test(the_interface_of_the_kernel_is_chosen_and_logged),
		cmocka_unit_test(a_device_that_cannot_be_opened_leaves_nothing),
		cmocka_unit_test(limits_are_read_from_each_interface),
		cmocka_unit_test(all_ranges_of_the_kernel_are_read),
		cmocka_unit_test(a_kernel_whose_answer_makes_no_sense_is_refused),
		cmocka_unit_test(an_interface_that_cannot_be_opened_leaves_nothing),
		cmocka_unit_test(limits_of_several_devices_are_what_all_can_do),
		cmocka_unit_test(what_a_configuration_leaves_open_is_what_devices_can_do),
		cmocka_unit_test(a_configuration_that_does_not_fit_is_refused_with_both_values),
		ON_A_FRESH_DEVICE(holes_of_a_device_are_reserved_regions_of_its_endpoint),
		ON_A_FRESH_DEVICE(a_region_to_the_last_address_contains_what_the_host_lacks),
		ON_A_FRESH_DEVICE(ranges_of_the_host_that_touch_have_no_region_between_them),
		ON_A_FRESH_DEVICE(a_late_device_that_can_do_less_is_shown_by_probe_or_refused),
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
