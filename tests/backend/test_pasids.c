/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "rig.h"

#include <viommu/backend.h>

/*
 * PASIDs of devices: a VMM's own table of calls, which writes them down
 *
 * Device 7 stands for EP. Spaces are numbered from 1, and PASIDs allocated from 100.
 */

#define PASID    VIOMMU_SLOT_F_PASID
#define FEATURES (VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID | VIOMMU_F_TABLE)

static struct {
	char said[1024];
	uint32_t n_spaces, n_pasids;
	int attach_error, detach_error;
} host;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	size_t at = strlen(host.said);
	va_list arguments;

	at += (size_t)snprintf(host.said + at, sizeof(host.said) - at, "%s", at ? ", " : "");
	va_start(arguments, format);
	vsnprintf(host.said + at, sizeof(host.said) - at, format, arguments);
	va_end(arguments);
}

static void assert_said(const char *wanted)
{
	assert_string_equal(host.said, wanted);
	host.said[0] = '\0';
}

static int space_new(void *kernel, uint32_t *ret_space)
{
	(void)kernel;
	*ret_space = ++host.n_spaces;
	say("new %u", *ret_space);
	return 0;
}

static int space_free(void *kernel, uint32_t space)
{
	(void)kernel;
	say("free %u", space);
	return 0;
}

static int map_pages(void *kernel, uint32_t space, uint64_t iova, uint64_t length, void *memory,
		     uint32_t flags)
{
	(void)kernel, (void)length, (void)memory, (void)flags;
	say("map %u %llx", space, (unsigned long long)iova);
	return 0;
}

static int unmap_pages(void *kernel, uint32_t space, uint64_t iova, uint64_t length)
{
	(void)kernel, (void)length;
	say("unmap %u %llx", space, (unsigned long long)iova);
	return 0;
}

static int attach_device(void *kernel, int device, uint32_t space)
{
	(void)kernel;
	say("attach %d to %u", device, space);
	return 0;
}

static int detach_device(void *kernel, int device)
{
	(void)kernel;
	say("detach %d", device);
	return 0;
}

static void stop_device(void *kernel, int device)
{
	(void)kernel;
	say("stop %d", device);
}

static int attach_pasid(void *kernel, int device, uint32_t pasid, uint32_t space)
{
	(void)kernel;
	say("attach %d:%u to %u", device, pasid, space);
	return host.attach_error;
}

static int detach_pasid(void *kernel, int device, uint32_t pasid)
{
	(void)kernel;
	say("detach %d:%u", device, pasid);
	return host.detach_error;
}

static int alloc_pasid(void *kernel, int device, uint32_t *ret_pasid)
{
	(void)kernel, (void)device;
	if (host.n_pasids == 1)
		return -ENOSPC;
	*ret_pasid = 100 + host.n_pasids++;
	say("alloc %u", *ret_pasid);
	return 0;
}

static void free_pasid(void *kernel, int device, uint32_t pasid)
{
	(void)kernel, (void)device;
	say("free pasid %u", pasid);
}

static const struct viommu_backend_calls all_calls = {
	.size = sizeof(all_calls),
	.space_new = space_new,
	.space_free = space_free,
	.map = map_pages,
	.unmap = unmap_pages,
	.attach = attach_device,
	.detach = detach_device,
	.stop = stop_device,
	.attach_pasid = attach_pasid,
	.detach_pasid = detach_pasid,
	.alloc_pasid = alloc_pasid,
	.free_pasid = free_pasid,
};

static char memory[8 * PAGE] __attribute__((aligned(4096)));

static struct viommu_backend *start(void **state, uint32_t policy,
				    const struct viommu_backend_calls *calls)
{
	static const struct viommu_table_format format = {
		VIOMMU_TABLE_GENERIC, 48, 52, PAGE, 0, 0
	};
	const struct viommu_memory range = { 0x8000, 0x8000 + sizeof(memory) - 1, memory, false };
	const struct viommu_endpoint config = { .size = sizeof(config),
						.id = EP,
						.pasid_bits = 8,
						.formats = &format,
						.n_formats = 1,
						.pasid_policy = policy };
	struct viommu_backend *backend;
	struct rig *rig = *state;

	memset(&host, 0, sizeof(host));
	replace(rig, (struct viommu_config){ .size = sizeof(struct viommu_config),
					     .features = FEATURES });
	assert_int_equal(viommu_endpoint_update(rig->device, &config), 0);
	assert_int_equal(viommu_backend_new(calls, NULL, &backend), 0);
	assert_int_equal(viommu_backend_add_memory(backend, &range), 0);
	assert_int_equal(viommu_backend_add_device(backend, rig->device, EP, 7), 0);
	host.said[0] = '\0';
	return backend;
}

static int attach_slot(struct rig *rig, uint32_t domain, uint32_t flags, uint32_t pasid)
{
	const uint8_t bytes[] = { ATTACH(domain, EP, PASID | flags, pasid) };

	return status_of(rig, bytes, sizeof(bytes));
}

static int detach_slot(struct rig *rig, uint32_t domain, uint32_t pasid)
{
	const uint8_t bytes[] = { HEAD(VIOMMU_T_DETACH), LE32(domain), LE32(EP), LE32(PASID),
				  LE32(pasid) };

	return status_of(rig, bytes, sizeof(bytes));
}

static void test_pasids_of_a_domain_share_its_space(void **state)
{
	struct rig *rig = *state;
	struct viommu_backend *backend = start(state, VIOMMU_PASID_IDENTITY, &all_calls);
	uint32_t physical;

	assert_int_equal(attach_slot(rig, 1, 0, 5), VIOMMU_S_OK);
	assert_said("new 1, attach 7:5 to 1");
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_said("map 1 1000");
	assert_int_equal(attach_slot(rig, 1, 0, 6), VIOMMU_S_OK);
	assert_said("attach 7:6 to 1");
	assert_int_equal(map(rig, 1, 0x2000, 0x2fff, 0x9000, R), VIOMMU_S_OK);
	assert_said("map 1 2000");
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_said("new 2, attach 7 to 2");
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_said("map 2 1000");
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_said("unmap 1 1000");
	assert_int_equal(viommu_backend_pasid(backend, 7, 5, &physical), 0);
	assert_int_equal(physical, 5);
	assert_int_equal(detach_slot(rig, 1, 5), VIOMMU_S_OK);
	assert_said("detach 7:5");
	assert_int_equal(viommu_backend_pasid(backend, 7, 5, &physical), -ENOENT);
	assert_int_equal(attach_slot(rig, 3, VIOMMU_ATTACH_F_BYPASS, 6), VIOMMU_S_OK);
	assert_said("new 3, detach 7:6, attach 7:6 to 3, map 3 8000, free 1");
	viommu_backend_free(backend);
	assert_said("detach 7:6, free 3, detach 7, free 2");
}

static void test_pasids_are_allocated_by_the_host(void **state)
{
	struct rig *rig = *state;
	struct viommu_backend *backend = start(state, VIOMMU_PASID_ALLOCATED, &all_calls);
	uint32_t physical;

	assert_int_equal(attach_slot(rig, 1, 0, 5), VIOMMU_S_OK);
	assert_said("alloc 100, new 1, attach 7:100 to 1");
	assert_int_equal(viommu_backend_pasid(backend, 7, 5, &physical), 0);
	assert_int_equal(physical, 100);
	assert_int_equal(attach_slot(rig, 1, 0, 6), VIOMMU_S_NOMEM);
	assert_int_equal(attach_slot(rig, 2, 0, 5), VIOMMU_S_OK);
	assert_said("new 2, detach 7:100, attach 7:100 to 2, free 1");
	viommu_reset(rig->device);
	assert_said("detach 7:100, free pasid 100, free 2");
	viommu_backend_free(backend);
}

static void test_a_host_without_pasids_refuses_them(void **state)
{
	struct rig *rig = *state;
	struct viommu_backend_calls calls = all_calls;
	struct viommu_backend *backend;

	calls.alloc_pasid = NULL;
	backend = start(state, VIOMMU_PASID_ALLOCATED, &calls);
	assert_int_equal(attach_slot(rig, 1, 0, 5), VIOMMU_S_UNSUPP);
	assert_said("");
	viommu_backend_free(backend);
	calls.attach_pasid = NULL;
	assert_int_equal(viommu_backend_new(&calls, NULL, &backend), -EINVAL);
	calls.detach_pasid = NULL;
	backend = start(state, VIOMMU_PASID_IDENTITY, &calls);
	assert_int_equal(attach_slot(rig, 1, 0, 5), VIOMMU_S_UNSUPP);
	assert_said("");
	viommu_backend_free(backend);
}

static void test_a_table_of_the_guest_is_refused(void **state)
{
	struct rig *rig = *state;
	struct viommu_backend *backend = start(state, VIOMMU_PASID_IDENTITY, &all_calls);

	for (uint32_t flags = 0; flags <= PASID; flags += PASID) {
		const uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { HEAD(VIOMMU_T_ATTACH_TABLE),
								    LE32(1), LE32(EP), LE32(flags),
								    LE16(VIOMMU_TABLE_GENERIC) };

		assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_UNSUPP);
	}
	viommu_backend_free(backend);
}

static void test_a_refusal_of_the_host_keeps_the_old_space(void **state)
{
	struct rig *rig = *state;
	struct viommu_backend *backend = start(state, VIOMMU_PASID_IDENTITY, &all_calls);

	host.attach_error = -EOPNOTSUPP;
	assert_int_equal(attach_slot(rig, 1, 0, 5), VIOMMU_S_UNSUPP);
	assert_said("new 1, attach 7:5 to 1, free 1");
	host.attach_error = 0;
	assert_int_equal(attach_slot(rig, 1, 0, 5), VIOMMU_S_OK);
	assert_said("new 2, attach 7:5 to 2");
	viommu_backend_free(backend);
	assert_said("detach 7:5, free 2");
}

/* A PASID that the host does not detach keeps its access, so the whole device is stopped. */
static void test_a_device_that_keeps_a_pasid_is_stopped(void **state)
{
	struct rig *rig = *state;
	struct viommu_backend *backend = start(state, VIOMMU_PASID_IDENTITY, &all_calls);

	assert_int_equal(attach_slot(rig, 1, 0, 5), VIOMMU_S_OK);
	host.said[0] = '\0';
	host.detach_error = -EIO;
	assert_int_equal(detach_slot(rig, 1, 5), VIOMMU_S_OK);
	assert_said("detach 7:5, stop 7, free 1");
	assert_int_equal(attach_slot(rig, 1, 0, 5), VIOMMU_S_IOERR);
	viommu_backend_free(backend);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(test_pasids_of_a_domain_share_its_space),
		ON_A_FRESH_DEVICE(test_pasids_are_allocated_by_the_host),
		ON_A_FRESH_DEVICE(test_a_host_without_pasids_refuses_them),
		ON_A_FRESH_DEVICE(test_a_table_of_the_guest_is_refused),
		ON_A_FRESH_DEVICE(test_a_refusal_of_the_host_keeps_the_old_space),
		ON_A_FRESH_DEVICE(test_a_device_that_keeps_a_pasid_is_stopped),
	};

	return cmocka_run_group_tests_name("backend-pasids", tests, NULL, NULL);
}
