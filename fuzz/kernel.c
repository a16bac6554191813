/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arbitrary answers of a kernel, to a backend whose guest makes arbitrary requests
 *
 * The input decides what each open() and ioctl() returns, and what it writes over its argument. The
 * library may believe what is false, but reads and writes nothing else, and comes to an end. Every
 * file that was opened is closed once, and none that was not.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <viommu/backend.h>

#include "backend/layouts.h"
#include "fuzz.h"

enum {
	N_DEVICES = 3,
	FIRST_FILE = 1000, /* of files that do not exist */
	N_FILES = 512,
	N_REQUESTS = 24,
	N_DOMAINS = 4,
};

static struct rest *input;
static bool is_open[N_FILES];
static unsigned n_open;

static int open_file(void)
{
	for (int i = 0; i < N_FILES; i++) {
		if (is_open[i])
			continue;
		is_open[i] = true;
		n_open++;
		return FIRST_FILE + i;
	}
	errno = EMFILE;
	return -1;
}

static bool fails(void)
{
	static const int errors[] = { ENOMEM, EINVAL, EBUSY, ENOENT, EIO, EOPNOTSUPP, ENOSPC };
	uint8_t how = take(input);

	errno = errors[how % (sizeof(errors) / sizeof(errors[0]))];
	return how >= 0xe0;
}

static int on_open(const char *path)
{
	(void)path;
	return fails() ? -1 : open_file();
}

static int on_close(int file)
{
	/* An event queue's, which is real. */
	if (file < FIRST_FILE)
		return close(file);
	must(file < FIRST_FILE + N_FILES && is_open[file - FIRST_FILE]);
	is_open[file - FIRST_FILE] = false;
	n_open--;
	return 0;
}

/* What the kernel writes: some words of the argument, behind its size. */
static void scribble(void *argument, size_t length)
{
	unsigned char *bytes = argument;

	for (uint8_t n = take(input) % 4; n; n--) {
		size_t at = 4 + 4 * (take(input) % (length / 4 - 1));

		if (at + 4 <= length)
			memcpy(bytes + at, &(uint32_t){ (uint32_t)take_number(input, 4) }, 4);
	}
}

static int ranges(struct kernel_ioas_ranges *argument)
{
	struct kernel_range *range = (void *)(uintptr_t)argument->ranges;

	for (uint32_t i = 0; i < argument->n && i < 4; i++) {
		range[i].first = take_address(input);
		range[i].last = range[i].first + (take_number(input, 2) << 12) + 0xfff;
	}
	argument->n = take(input) < 0xf0 ? take(input) % 5 : (uint32_t)take_number(input, 4);
	argument->alignment = take(input) < 0xf0 ? 0x1000 : take_number(input, 8);
	return 0;
}

/* The length of an answer is the caller's word. */
static int information(struct kernel_iommu_info *argument)
{
	unsigned char *bytes = (void *)argument;
	uint32_t room = argument->argsz;

	for (uint32_t i = 8; i < room && i < 256; i++)
		bytes[i] = take(input);
	argument->flags = take(input) % 4;
	argument->cap_offset = take(input);
	if (take(input) >= 0xf0)
		argument->argsz = (uint32_t)take_number(input, 4);
	return 0;
}

static int queue(struct kernel_veventq_alloc *argument)
{
	unsigned char events[256];
	size_t length = take(input);
	int ends[2];

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC))
		return -1;
	for (size_t i = 0; i < length; i++)
		events[i] = take(input);
	must(write(ends[1], events, length) == (ssize_t)length);
	close(ends[1]);
	argument->out_veventq_id = (uint32_t)take_number(input, 4);
	argument->out_veventq_fd = (uint32_t)ends[0];
	return 0;
}

static int hardware(struct kernel_hw_info *argument)
{
	unsigned char *bytes = (void *)(uintptr_t)argument->data;

	for (uint32_t i = 0; i < argument->data_length; i++)
		bytes[i] = take(input);
	argument->type = take(input) % 4;
	argument->pasid_bits = take(input);
	argument->capabilities = take(input);
	return 0;
}

static int written(unsigned long request, void *argument)
{
	static const struct {
		unsigned long request;
		size_t length;
	} rows[] = {
		{ KERNEL_IOAS_ALLOC, sizeof(struct kernel_ioas_alloc) },
		{ KERNEL_IOAS_UNMAP, sizeof(struct kernel_ioas_unmap) },
		{ KERNEL_HWPT_ALLOC, sizeof(struct kernel_hwpt_alloc) },
		{ KERNEL_HWPT_INVALIDATE, sizeof(struct kernel_hwpt_invalidate) },
		{ KERNEL_VIOMMU_ALLOC, sizeof(struct kernel_viommu_alloc) },
		{ KERNEL_VDEVICE_ALLOC, sizeof(struct kernel_vdevice_alloc) },
		{ KERNEL_VFIO_BIND, sizeof(struct kernel_vfio_bind) },
		{ KERNEL_VFIO_ATTACH, sizeof(struct kernel_vfio_attach) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].request == request && take(input) >= 0xc0)
			scribble(argument, rows[i].length);
	return 0;
}

/* An UNMAP mostly says what was asked for, as a space is of no use otherwise. */
static int on_ioctl(int file, unsigned long request, void *argument)
{
	must(file < 0 || (file >= FIRST_FILE && is_open[file - FIRST_FILE]));
	if (file < 0 || fails())
		return -1;
	/* KERNEL_IOMMU_INFO has the number of a call for devices, which is not used. */
	if (request == KERNEL_IOAS_RANGES)
		return ranges(argument);
	if (request == KERNEL_IOMMU_INFO)
		return information(argument);
	if (request == KERNEL_HW_INFO)
		return hardware(argument);
	if (request == KERNEL_VEVENTQ_ALLOC)
		return queue(argument);
	if (request == KERNEL_VFIO_CHECK_EXTENSION)
		return 1;
	if (request == KERNEL_GROUP_STATUS)
		((struct kernel_group_status *)argument)->flags = KERNEL_GROUP_VIABLE;
	if (request == KERNEL_GROUP_DEVICE)
		return open_file();
	return written(request, argument);
}

/* -- the guest --------------------------------------------------------------------- */

static void put(unsigned char *bytes, uint64_t value, int length)
{
	for (int i = 0; i < length; i++)
		bytes[i] = (unsigned char)(value >> 8 * i);
}

static void request(struct viommu *iommu)
{
	static const uint8_t types[] = {
		VIOMMU_T_ATTACH, VIOMMU_T_DETACH,       VIOMMU_T_MAP,
		VIOMMU_T_UNMAP,  VIOMMU_T_ATTACH_TABLE, VIOMMU_T_INVALIDATE
	};
	unsigned char bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { 0 }, tail[VIOMMU_TAIL_LENGTH];
	uint8_t how = take(input);
	const struct iovec readable = { bytes, sizeof(bytes) }, writable = { tail, sizeof(tail) };
	uint64_t first = take_address(input);

	bytes[0] = types[how % sizeof(types)];
	put(bytes + 4, 1 + how % N_DOMAINS, 4);
	put(bytes + 8, 1 + how % N_DEVICES, 4);
	if (bytes[0] == VIOMMU_T_ATTACH)
		put(bytes + 12, how & 0x80 ? VIOMMU_ATTACH_F_BYPASS : 0, 4);
	if (bytes[0] == VIOMMU_T_ATTACH_TABLE)
		put(bytes + 16, VIOMMU_TABLE_ARM_CD_TABLE, 2);
	if (bytes[0] == VIOMMU_T_INVALIDATE) {
		put(bytes + 4, 0x301, 2);
		put(bytes + 8, 1 + how % N_DOMAINS, 4);
	}
	if (bytes[0] == VIOMMU_T_MAP || bytes[0] == VIOMMU_T_UNMAP) {
		put(bytes + 8, first, 8);
		put(bytes + 16, first + ((uint64_t)take(input) << 12) + 0xfff, 8);
	}
	if (bytes[0] == VIOMMU_T_MAP) {
		put(bytes + 24, take_address(input), 8);
		put(bytes + 32, 1 + how % 3, 4);
	}
	viommu_request(iommu, &readable, 1, &writable, 1);
}

static void on_dirty(void *opaque, uint64_t first, uint64_t last)
{
	(void)opaque;
	must(first <= last);
}

static void use(struct viommu *iommu, struct viommu_backend *backend,
		const struct viommu_memory *memory)
{
	for (int i = 0; i < N_REQUESTS; i++) {
		switch (take(input) % 16) {
		case 0:
			viommu_backend_remove_memory(backend, 0);
			break;
		case 1:
			viommu_backend_add_memory(backend, memory);
			break;
		case 2:
			viommu_backend_track_dirty(backend, i % 2);
			break;
		case 3:
			viommu_backend_read_dirty(backend, on_dirty, NULL);
			break;
		case 4:
			viommu_backend_read_events(backend);
			break;
		case 5:
			viommu_backend_batch_begin(backend);
			break;
		case 6:
			viommu_backend_batch_end(backend);
			break;
		default:
			request(iommu);
		}
	}
	viommu_backend_batch_end(backend);
}

/* -- sysfs, which says the truth ------------------------------------------------------- */

static char sysfs[] = "/tmp/viommu-fuzz-XXXXXX";

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

static void remove_sysfs(void)
{
	nftw(sysfs, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_folder(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", sysfs, name);
	must(!mkdir(path, 0755));
}

static void make_sysfs(void)
{
	static const char *const parents[] = { "sys", "sys/bus", "sys/bus/pci",
					       "sys/bus/pci/devices" };
	char path[128], link[192];

	must(mkdtemp(sysfs) != NULL);
	atexit(remove_sysfs);
	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++)
		make_folder(parents[i]);
	for (int i = 0; i < N_DEVICES; i++) {
		snprintf(path, sizeof(path), "sys/bus/pci/devices/0000:00:0%d.0", i);
		make_folder(path);
		/* The last two are in one group. */
		snprintf(link, sizeof(link), "%s/%s/iommu_group", sysfs, path);
		must(!symlink(i ? "../groups/1" : "../groups/0", link));
		snprintf(path, sizeof(path), "sys/bus/pci/devices/0000:00:0%d.0/vfio-dev", i);
		make_folder(path);
		snprintf(path, sizeof(path), "sys/bus/pci/devices/0000:00:0%d.0/vfio-dev/vfio0", i);
		make_folder(path);
	}
}

/* -- life ------------------------------------------------------------------------------- */

static void add_devices(struct viommu *iommu, struct viommu_kernel *kernel,
			struct viommu_backend *backend)
{
	static const char *const names[N_DEVICES] = { "0000:00:00.0", "0000:00:01.0",
						      "0000:00:02.0" };

	for (uint32_t i = 0; i < N_DEVICES; i++) {
		struct viommu_reserved regions[VIOMMU_LIMITS_REGIONS];
		struct viommu_table_format format;
		struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						    .id = 1 + i,
						    .formats = &format };
		int number;

		if (viommu_kernel_open_device(kernel, names[i], &number))
			continue;
		endpoint.n_formats = viommu_kernel_formats(kernel, number, &format, 1);
		if (viommu_limits_endpoint(viommu_kernel_limits(kernel, number),
					   viommu_configuration(iommu), &endpoint, regions, NULL,
					   0) ||
		    viommu_endpoint_add(iommu, &endpoint))
			continue;
		viommu_backend_add_device(backend, iommu, endpoint.id, number);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static unsigned char guest[1 << 20];
	static bool has_sysfs;
	const struct viommu_memory memory = { 0, sizeof(guest) - 1, guest, false };
	const struct viommu_kernel_ops ops = { .size = sizeof(ops),
					       .open = on_open,
					       .close = on_close,
					       .ioctl = on_ioctl,
					       .sysfs = sysfs,
					       .nest = true };
	const struct viommu_config config = { .size = sizeof(config),
					      .features =
						      VIOMMU_FEATURES_DEFAULT | VIOMMU_F_TABLE };
	struct rest rest = { bytes, length };
	struct viommu_kernel *kernel;
	struct viommu_backend *backend;
	struct viommu *iommu;

	if (!has_sysfs)
		make_sysfs();
	has_sysfs = true;
	input = &rest;
	if (viommu_kernel_new(take(input) % 3, &ops, NULL, &kernel)) {
		must(!n_open);
		return 0;
	}
	must(!viommu_new(&config, NULL, NULL, &iommu));
	must(!viommu_accept(iommu, viommu_features(iommu)));
	must(!viommu_backend_new(viommu_kernel_calls(kernel), kernel, &backend));
	must(!viommu_backend_add_memory(backend, &memory));
	add_devices(iommu, kernel, backend);
	use(iommu, backend, &memory);
	viommu_backend_free(backend);
	viommu_kernel_free(kernel);
	viommu_free(iommu);
	must(!n_open);
	return 0;
}
