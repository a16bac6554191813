/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of the backend examples/vfio.c does not do, on the kernel that runs this
 *
 *     backend 0000:00:05.0
 *
 * The device is QEMU's "edu", bound to vfio-pci. Prints what was seen, for the row to judge.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <viommu/backend.h>

#define NAME "backend"
#include "edu_vfio.h"
#include "program.h"

enum {
	PAGE_BYTES = 4096,
	MEMORY_BYTES = 1 << 20,
	ENDPOINT = 8,
	MAPS_MAX = 200,
	LOCKED_BYTES = 8 * PAGE_BYTES,
};

static unsigned char *memory;
static struct viommu *iommu;
static struct viommu_kernel *kernel;
static struct viommu_backend *backend;
static volatile uint64_t *registers;
static int number;

static int on_opened(void *opaque, int device, const char *name, int file)
{
	(void)opaque;
	(void)device;
	(void)name;
	return edu_open(file, &registers);
}

static void on_closing(void *opaque, int device)
{
	(void)opaque;
	(void)device;
	edu_close(registers);
}

/* -- requests ---------------------------------------------------------------------- */

static size_t (*execute)(struct viommu *iommu, const struct iovec *readable, size_t n_readable,
			 const struct iovec *writable, size_t n_writable) = viommu_request;

static int request(unsigned char *bytes, size_t length)
{
	unsigned char tail[VIOMMU_TAIL_LENGTH] = { 0xff };
	const struct iovec readable = { bytes, length }, writable = { tail, sizeof(tail) };

	execute(iommu, &readable, 1, &writable, 1);
	return tail[0];
}

static int attach(uint32_t domain)
{
	unsigned char bytes[VIOMMU_ATTACH_LENGTH] = { VIOMMU_T_ATTACH };

	put(bytes + 4, domain, 4);
	put(bytes + 8, ENDPOINT, 4);
	return request(bytes, sizeof(bytes));
}

static int map(uint64_t iova, uint64_t phys)
{
	unsigned char bytes[VIOMMU_MAP_LENGTH] = { VIOMMU_T_MAP };

	put(bytes + 4, 1, 4);
	put(bytes + 8, iova, 8);
	put(bytes + 16, iova + PAGE_BYTES - 1, 8);
	put(bytes + 24, phys, 8);
	put(bytes + 32, VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE, 4);
	return request(bytes, sizeof(bytes));
}

static int unmap(uint64_t first, uint64_t last)
{
	unsigned char bytes[VIOMMU_UNMAP_LENGTH] = { VIOMMU_T_UNMAP };

	put(bytes + 4, 1, 4);
	put(bytes + 8, first, 8);
	put(bytes + 16, last, 8);
	return request(bytes, sizeof(bytes));
}

/* Let the device write its page; whether memory changed. */
static const char *reaches(uint64_t iova, uint64_t phys)
{
	memset(memory + phys, 0xee, PAGE_BYTES);
	edu_write(registers, iova);
	return memory[phys] == 0xee ? "nothing" : "memory";
}

/* -- what is tried --------------------------------------------------------------------- */

static int map_many(int *ret_status)
{
	int n = 0;

	do
		*ret_status = map((uint64_t)(n + 1) * 2 * PAGE_BYTES, 0);
	while (!*ret_status && ++n < MAPS_MAX);
	unmap(0, UINT64_MAX);
	return n;
}

/* The row has lowered the kernel's limit. */
static void limit_of_mappings(void)
{
	int status, n = map_many(&status);

	printf("backend: %d mappings fit, then status %d\n", n, status);
}

/* Without the capability, which root has, RLIMIT_MEMLOCK counts. */
static void limit_of_memory(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct before[2], data[2];
	struct rlimit old, low = { LOCKED_BYTES, LOCKED_BYTES };
	int status, n;

	getrlimit(RLIMIT_MEMLOCK, &old);
	must("capget", syscall(SYS_capget, &head, before) ? -errno : 0);
	memcpy(data, before, sizeof(data));
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	low.rlim_max = old.rlim_max;
	must("setrlimit", setrlimit(RLIMIT_MEMLOCK, &low) ? -errno : 0);
	must("capset", syscall(SYS_capset, &head, data) ? -errno : 0);
	n = map_many(&status);
	must("capset", syscall(SYS_capset, &head, before) ? -errno : 0);
	must("setrlimit", setrlimit(RLIMIT_MEMLOCK, &old) ? -errno : 0);
	printf("backend: %d pages can be pinned, then status %d\n", n, status);
}

/* UNMAPs of a batch are one call of the kernel for several mappings. */
static void batch(void)
{
	const int n = 16;
	int status = 0;

	for (int i = 0; i < n; i++)
		status |= map(0x100000 + (uint64_t)i * PAGE_BYTES, (uint64_t)i * PAGE_BYTES);
	printf("backend: before the batch the device reaches %s\n", reaches(0x103000, 0x3000));
	viommu_backend_batch_begin(backend);
	viommu_batch_begin(iommu);
	execute = viommu_batch_request;
	for (int i = 0; i < n; i++)
		status |= unmap(0x100000 + (uint64_t)i * PAGE_BYTES,
				0x100fff + (uint64_t)i * PAGE_BYTES);
	execute = viommu_request;
	viommu_batch_end(iommu);
	viommu_backend_batch_end(backend);
	printf("backend: after it, with status %d, %s\n", status, reaches(0x103000, 0x3000));
}

static void hot_plug(const struct viommu_memory *range)
{
	map(0x100000, 0x5000);
	printf("backend: mapped memory: the device reaches %s\n", reaches(0x100000, 0x5000));
	must("remove memory", viommu_backend_remove_memory(backend, 0));
	printf("backend: memory removed: %s\n", reaches(0x100000, 0x5000));
	must("add memory", viommu_backend_add_memory(backend, range));
	printf("backend: memory added again: %s\n", reaches(0x100000, 0x5000));
	unmap(0, UINT64_MAX);
}

static void on_dirty(void *opaque, uint64_t first, uint64_t last)
{
	printf("backend: dirty %s: 0x%llx to 0x%llx\n", (const char *)opaque,
	       (unsigned long long)first, (unsigned long long)last);
}

static void dirty(void)
{
	char when[] = "while mapped", after[] = "after UNMAP", later[] = "later";

	must("track", viommu_backend_track_dirty(backend, true));
	map(0x100000, 0x7000);
	reaches(0x100000, 0x7000);
	must("read", viommu_backend_read_dirty(backend, on_dirty, when));
	reaches(0x100000, 0x7000);
	unmap(0, UINT64_MAX);
	must("read", viommu_backend_read_dirty(backend, on_dirty, after));
	must("read", viommu_backend_read_dirty(backend, on_dirty, later));
	must("track", viommu_backend_track_dirty(backend, false));
}

/* The calls themselves: the backend would go on without them. */
static void dirty_calls(void)
{
	const struct viommu_backend_calls *calls = viommu_kernel_calls(kernel);
	uint64_t bits = 0, unmapped = 0;
	uint32_t space;

	/* By iommufd it depends on the IOMMU. */
	if (!viommu_kernel_limits(kernel, number)->dirty)
		return;
	must("new space", calls->space_new(kernel, &space));
	must("enter", calls->attach(kernel, number, space));
	must("map", calls->map(kernel, space, 0x100000, PAGE_BYTES, memory, 3));
	must("track", calls->track(kernel, space, true));
	must("read", calls->read_dirty(kernel, space, 0x100000, PAGE_BYTES, &bits));
	must("unmap", calls->unmap_dirty(kernel, space, 0x100000, PAGE_BYTES, &unmapped));
	must("leave", calls->detach(kernel, number));
	must("free", calls->space_free(kernel, space));
	printf("backend: the kernel's bitmaps are %llx and %llx\n", (unsigned long long)bits,
	       (unsigned long long)unmapped);
}

int main(int argc, char **argv)
{
	const struct viommu_kernel_ops ops = {
		.size = sizeof(ops), .log = on_log, .opened = on_opened, .closing = on_closing
	};
	struct viommu_memory range = { .first = 0, .last = MEMORY_BYTES - 1 };
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = ENDPOINT };

	if (argc < 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	memory =
		mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	range.host = memory;
	must("kernel", viommu_kernel_new(VIOMMU_INTERFACE_ANY, &ops, NULL, &kernel));
	must("device", viommu_kernel_open_device(kernel, argv[1], &number));
	dirty_calls();
	must("iommu", viommu_new(NULL, NULL, NULL, &iommu));
	must("features", viommu_accept(iommu, viommu_features(iommu)));
	must("endpoint", viommu_endpoint_add(iommu, &endpoint));
	must("backend", viommu_backend_new(viommu_kernel_calls(kernel), kernel, &backend));
	must("memory", viommu_backend_add_memory(backend, &range));
	must("add device", viommu_backend_add_device(backend, iommu, ENDPOINT, number));
	must("ATTACH", attach(1));
	limit_of_mappings();
	limit_of_memory();
	batch();
	hot_plug(&range);
	dirty();
	viommu_backend_free(backend);
	viommu_kernel_free(kernel);
	viommu_free(iommu);
	printf("backend: the end\n");
	return 0;
}
