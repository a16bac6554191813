/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The backend on the real iommufd, whose IOMMU is the mock of CONFIG_IOMMUFD_TEST
 *
 *     mock
 *
 * The mock has devices of its own, without VFIO. So ioctls for VFIO files become its test commands,
 * and its types appear as those of an SMMUv3; all other ioctls reach the kernel as they are. Prints
 * what was seen, for the row to judge.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <viommu/backend.h>

#include "backend/layouts.h"

#define NAME "mock"
#include "program.h"

enum {
	PAGE_BYTES = 4096,
	MEMORY_BYTES = 1 << 20,
	FIRST = 1 << 24, /* of the mock's addresses; guest memory begins there, too */
	N_DEVICES = 3,
	N_MEASURED = 64, /* devices after these, for figures */
	N_ALL = N_DEVICES + N_MEASURED,
	FIRST_ENDPOINT = 8,
	/* Commands of the mock, and its types. */
	CHECK_MAP = 3,
	CHECK_REFS = 4,
	REPLACE = 10,
	NEW_DEVICE = 12,
	DIRTY = 13,
	CHECK_CACHE = 16,
	TRIGGER = 17,
	TRIGGER_REQUEST = 15,
	ATTACH_PASID = 18,
	DETACH_PASID = 20,
	CHECK_PASID = 21,
	HAS_PASIDS = 4, /* a flag of a device */
	PASID = 3,
	CACHE_FRESH = 0xbaddad,
	IOTLB_FRESH = 0xbadbeef,
	QUEUES_LOG2 = 1,
	QUEUE_LOG2 = 8,
	WINDOW_FRESH = 0x5eed,
};

#define TEST_COMMAND  _IO(';', 0xa0)
#define TYPE_HARDWARE 0xfeedbeefu
#define TYPE_TABLE    0xdeadu
#define TYPE_OBJECT   0xdeadbeefu
#define TYPE_EVENTS   0xbeefbeefu
#define TYPE_QUEUE    0xdeadbeefu

struct test_command {
	uint32_t size, op, id, reserved;
	union {
		struct {
			uint32_t stdev, hwpt, idev, flags;
		} device;
		uint32_t word[2];
		struct {
			uint32_t device, pasid, group, access;
			uint64_t address;
		} request;
		struct {
			uint64_t iova, length, address;
		} map;
		struct {
			uint64_t length, address;
			uint32_t refs;
		} refs;
		struct {
			uint32_t flags;
			uint64_t iova, length, page_size, bits, n;
		} dirty;
	};
	uint32_t last;
};

/* A device of the mock, and the file that stands for it. */
static struct mock {
	int file;
	uint32_t stdev, idev, nowhere;
} mocks[N_ALL];

/* The file of the kernel's event queue, and the two ends of what stands for it. */
static int queue_in = -1, queue_out = -1, queue_file = -1;
static int iommufd = -1;
static bool breaks_batch; /* the second entry of the next invalidation is wrong */
static unsigned n_invalidate_calls;
static unsigned char *memory;
static struct viommu *iommu;
static struct viommu_kernel *kernel;
static struct viommu_backend *backend;
static const struct viommu_backend_calls *calls;

static int test(struct test_command *command)
{
	command->size = sizeof(*command);
	return ioctl(iommufd, TEST_COMMAND, command) ? -errno : 0;
}

/* -- VFIO by commands of the mock ---------------------------------------------------- */

static struct mock *mock_of(int file)
{
	for (int i = 0; i < N_ALL; i++)
		if (mocks[i].file == file)
			return &mocks[i];
	return NULL;
}

/* The device begins attached, to an IOAS that nothing else uses. */
static int bind_device(struct mock *mock, struct kernel_vfio_bind *argument)
{
	struct kernel_ioas_alloc ioas = { .size = sizeof(ioas) };
	struct test_command command = { .op = NEW_DEVICE };

	if (ioctl(iommufd, KERNEL_IOAS_ALLOC, &ioas))
		return -1;
	command.id = ioas.out_ioas_id;
	command.device.flags = HAS_PASIDS;
	if (test(&command))
		return -1;
	mock->nowhere = ioas.out_ioas_id;
	mock->stdev = command.device.stdev;
	mock->idev = argument->out_devid = command.device.idev;
	return 0;
}

static int replace(const struct mock *mock, uint32_t page_table)
{
	struct test_command command = { .op = REPLACE, .id = mock->stdev, .word = { page_table } };

	return test(&command) ? -1 : 0;
}

static int move_pasid(const struct mock *mock, uint32_t op, uint32_t pasid, uint32_t page_table)
{
	struct test_command command = { .op = op,
					.id = mock->stdev,
					.word = { pasid, page_table } };

	return test(&command) ? -1 : 0;
}

static int vfio_ioctl(struct mock *mock, unsigned long request, void *argument)
{
	const struct kernel_vfio_attach *attach = argument;
	const struct kernel_vfio_detach *detach = argument;

	if (request == KERNEL_VFIO_ATTACH && attach->flags & KERNEL_VFIO_PASID)
		return move_pasid(mock, ATTACH_PASID, attach->pasid, attach->pt_id);
	if (request == KERNEL_VFIO_DETACH && detach->flags & KERNEL_VFIO_PASID)
		return move_pasid(mock, DETACH_PASID, detach->pasid, 0);
	if (request == KERNEL_VFIO_BIND)
		return bind_device(mock, argument);
	if (request == KERNEL_VFIO_ATTACH)
		return replace(mock, attach->pt_id);
	if (request == KERNEL_VFIO_DETACH)
		return replace(mock, mock->nowhere);
	errno = ENOTTY;
	return -1;
}

static int mock_open(const char *path)
{
	unsigned number;
	int file;

	if (sscanf(path, "/dev/vfio/devices/vfio%u", &number) != 1)
		return iommufd = open(path, O_RDWR | O_CLOEXEC);
	file = open("/dev/null", O_RDWR | O_CLOEXEC);
	mocks[number].file = file;
	return file;
}

static int mock_close(int file)
{
	struct mock *mock = mock_of(file);
	struct kernel_destroy destroy = { .size = sizeof(destroy) };

	if (mock) {
		destroy.id = mock->stdev;
		if (mock->stdev && ioctl(iommufd, KERNEL_DESTROY, &destroy))
			printf("mock: the device stays: %s\n", strerror(errno));
		destroy.id = mock->nowhere;
		if (mock->nowhere && ioctl(iommufd, KERNEL_DESTROY, &destroy))
			printf("mock: its IOAS stays: %s\n", strerror(errno));
		mock->file = -1;
		mock->stdev = mock->nowhere = 0;
	}
	if (file == iommufd)
		iommufd = -1;
	if (file == queue_file) {
		close(queue_in);
		close(queue_out);
		queue_file = -1;
	}
	return close(file);
}

/* -- types of the mock ----------------------------------------------------------------- */

static int as_smmu(struct kernel_hw_info *argument)
{
	struct kernel_cmdqv_info *queues = (void *)(uintptr_t)argument->data;
	struct kernel_arm_info *arm = (void *)(uintptr_t)argument->data;
	int result;

	if (argument->flags == KERNEL_HW_TYPE) {
		queues->log2_queues = QUEUES_LOG2;
		return 0;
	}
	result = ioctl(iommufd, KERNEL_HW_INFO, argument);
	if (!result && argument->type == TYPE_HARDWARE) {
		argument->type = KERNEL_HW_ARM_SMMUV3;
		arm->idr[1] = QUEUE_LOG2 << 21;
	}
	return result;
}

/* The mock's vIOMMU has queues and, if it is given data, a window that begins with it. */
static int new_object(struct kernel_viommu_alloc *given)
{
	struct {
		uint32_t in, out;
		uint64_t offset, length;
	} data = { .in = WINDOW_FRESH };
	struct kernel_viommu_alloc argument = *given;
	struct kernel_window *window = (void *)(uintptr_t)given->data;
	int result;

	argument.type = TYPE_OBJECT;
	if (given->data_length) {
		argument.data = (uintptr_t)&data;
		argument.data_length = sizeof(data);
	}
	result = ioctl(iommufd, KERNEL_VIOMMU_ALLOC, &argument);
	given->out_viommu_id = argument.out_viommu_id;
	if (!result && given->data_length)
		*window = (struct kernel_window){ data.offset, data.length };
	return result;
}

static int new_hwpt(const struct kernel_hwpt_alloc *given, uint32_t *ret_id)
{
	const uint32_t data[2] = { IOTLB_FRESH };
	struct kernel_hwpt_alloc argument = *given;
	int result;

	if (argument.data_type) {
		argument.data_type = TYPE_TABLE;
		argument.data_length = sizeof(data);
		argument.data = (uintptr_t)data;
	}
	result = ioctl(iommufd, KERNEL_HWPT_ALLOC, &argument);
	*ret_id = argument.out_hwpt_id;
	return result;
}

/* The kernel's events are shorter: pump() turns them into those of an SMMUv3. */
static int new_queue(struct kernel_veventq_alloc *argument)
{
	int ends[2], result;

	argument->type = TYPE_EVENTS;
	result = ioctl(iommufd, KERNEL_VEVENTQ_ALLOC, argument);
	if (result || pipe2(ends, O_NONBLOCK | O_CLOEXEC))
		return -1;
	queue_in = (int)argument->out_veventq_fd;
	queue_out = ends[1];
	queue_file = ends[0];
	argument->out_veventq_fd = (uint32_t)ends[0];
	return 0;
}

static void pump(void)
{
	uint32_t from[3];
	uint64_t to[5] = { 0 };

	while (read(queue_in, from, sizeof(from)) == sizeof(from)) {
		memcpy(to, from, 8);
		to[1] = (uint64_t)from[2] << 32 | 0x10; /* F_TRANSLATION */
		if (write(queue_out, to, sizeof(to)) < 0)
			return;
	}
}

/* An entry of the mock names a vDEVICE; one of an SMMUv3 that does not is about the stream before.
 */
static int invalidate(struct kernel_hwpt_invalidate *given)
{
	const uint64_t *command = (const uint64_t *)(uintptr_t)given->data;
	struct kernel_hwpt_invalidate argument = *given;
	uint32_t entries[80][3] = { { 0 } };
	int result;

	for (uint32_t i = 0, stream = 0; i < given->n && i < 80; i++, command += 2) {
		if ((command[0] & 0xff) == 0x06)
			stream = (uint32_t)(command[0] >> 32);
		entries[i][0] = (command[0] & 0xff) == 0x30; /* all */
		entries[i][1] = stream ? stream : FIRST_ENDPOINT;
		entries[i][2] = breaks_batch && i == 1 ? 99 : i % 4;
	}
	breaks_batch = false;
	argument.data = (uintptr_t)entries;
	argument.type = TYPE_OBJECT;
	argument.entry_length = sizeof(entries[0]);
	result = ioctl(iommufd, KERNEL_HWPT_INVALIDATE, &argument);
	given->n = argument.n;
	n_invalidate_calls++;
	return result;
}

static int call_kernel(int file, unsigned long request, void *argument)
{
	struct mock *mock = mock_of(file);

	if (mock)
		return vfio_ioctl(mock, request, argument);
	if (request == KERNEL_HW_INFO)
		return as_smmu(argument);
	if (request == KERNEL_HWPT_ALLOC)
		return new_hwpt(argument, &((struct kernel_hwpt_alloc *)argument)->out_hwpt_id);
	if (request == KERNEL_VIOMMU_ALLOC)
		return new_object(argument);
	if (request == KERNEL_HW_QUEUE_ALLOC)
		((struct kernel_hw_queue_alloc *)argument)->type = TYPE_QUEUE;
	if (request == KERNEL_VEVENTQ_ALLOC)
		return new_queue(argument);
	if (request == KERNEL_HWPT_INVALIDATE)
		return invalidate(argument);
	return ioctl(file, request, argument);
}

static double in_kernel; /* microseconds */
static unsigned n_ioctls;

static double microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int mock_ioctl(int file, unsigned long request, void *argument)
{
	double begin = microseconds();
	int result = call_kernel(file, request, argument), error = errno;

	in_kernel += microseconds() - begin;
	n_ioctls++;
	errno = error;
	return result;
}

/* -- the guest ------------------------------------------------------------------------- */

static int request(unsigned char *bytes, size_t length)
{
	unsigned char tail[VIOMMU_TAIL_LENGTH] = { 0xff };
	const struct iovec readable = { bytes, length }, writable = { tail, sizeof(tail) };

	viommu_request(iommu, &readable, 1, &writable, 1);
	return tail[0];
}

static int attach(uint32_t domain, uint32_t endpoint, uint32_t flags)
{
	unsigned char bytes[VIOMMU_ATTACH_LENGTH] = { VIOMMU_T_ATTACH };

	put(bytes + 4, domain, 4);
	put(bytes + 8, endpoint, 4);
	put(bytes + 12, flags, 4);
	return request(bytes, sizeof(bytes));
}

static int map(uint32_t domain, uint64_t iova, uint64_t length, uint64_t phys)
{
	unsigned char bytes[VIOMMU_MAP_LENGTH] = { VIOMMU_T_MAP };

	put(bytes + 4, domain, 4);
	put(bytes + 8, iova, 8);
	put(bytes + 16, iova + length - 1, 8);
	put(bytes + 24, phys, 8);
	put(bytes + 32, VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE, 4);
	return request(bytes, sizeof(bytes));
}

static int unmap(uint32_t domain, uint64_t iova, uint64_t length)
{
	unsigned char bytes[VIOMMU_UNMAP_LENGTH] = { VIOMMU_T_UNMAP };

	put(bytes + 4, domain, 4);
	put(bytes + 8, iova, 8);
	put(bytes + 16, iova + length - 1, 8);
	return request(bytes, sizeof(bytes));
}

/* Does the mock's page table for a device map this page to that of guest memory? */
static bool maps(int device, uint64_t iova, uint64_t phys)
{
	struct test_command command = {
		.op = CHECK_MAP,
		.id = viommu_kernel_page_table(kernel, device),
		.map = { iova, PAGE_BYTES, (uintptr_t)memory + (phys - FIRST) },
	};

	return !test(&command);
}

static const char *says(bool yes)
{
	return yes ? "yes" : "no";
}

static void domains(void)
{
	int status = attach(1, FIRST_ENDPOINT, 0) | attach(1, FIRST_ENDPOINT + 1, 0) |
		     attach(2, FIRST_ENDPOINT + 2, 0);

	status |= map(1, FIRST + 0x5000, PAGE_BYTES, FIRST + 0x2000);
	status |= map(2, FIRST + 0x5000, PAGE_BYTES, FIRST + 0x3000);
	printf("mock: attached and mapped with status %d, each to its page: %s\n", status,
	       says(maps(0, FIRST + 0x5000, FIRST + 0x2000) &&
		    maps(2, FIRST + 0x5000, FIRST + 0x3000)));
	printf("mock: two devices of a domain share a page table: %s\n",
	       says(viommu_kernel_page_table(kernel, 0) == viommu_kernel_page_table(kernel, 1)));
	status = unmap(1, FIRST + 0x5000, PAGE_BYTES);
	printf("mock: after UNMAP with status %d: %s, the other domain: %s\n", status,
	       says(maps(0, FIRST + 0x5000, FIRST + 0x2000)),
	       says(maps(2, FIRST + 0x5000, FIRST + 0x3000)));
}

/* -- PASIDs ------------------------------------------------------------------------------ */

static int attach_pasid(uint8_t type, uint32_t domain, uint32_t endpoint)
{
	unsigned char bytes[VIOMMU_ATTACH_LENGTH] = { type };

	put(bytes + 4, domain, 4);
	put(bytes + 8, endpoint, 4);
	put(bytes + 12, VIOMMU_SLOT_F_PASID, 4);
	put(bytes + 16, PASID, 4);
	return request(bytes, sizeof(bytes));
}

/* Is the device's PASID in this page table? 0: in none. */
static bool pasid_is_in(int device, uint32_t page_table)
{
	struct test_command command = { .op = CHECK_PASID,
					.id = mocks[device].stdev,
					.word = { PASID, page_table } };

	return !test(&command);
}

/* In domain 2, as the third device is. */
static void pasids(void)
{
	int status = attach_pasid(VIOMMU_T_ATTACH, 2, FIRST_ENDPOINT);
	uint32_t page_table = viommu_kernel_page_table(kernel, 2);

	printf("mock: a PASID, status %d, shares the page table of the third device: %s, not that "
	       "of its own: %s\n",
	       status, says(pasid_is_in(0, page_table)),
	       says(viommu_kernel_page_table(kernel, 0) != page_table));
	status = attach_pasid(VIOMMU_T_ATTACH, 1, FIRST_ENDPOINT);
	printf("mock: attached again with status %d, in that of its own: %s\n", status,
	       says(pasid_is_in(0, viommu_kernel_page_table(kernel, 0))));
	status = attach_pasid(VIOMMU_T_DETACH, 1, FIRST_ENDPOINT);
	printf("mock: detached with status %d, in none: %s\n", status, says(pasid_is_in(0, 0)));
}

/* -- page requests --------------------------------------------------------------------------- */

#define WITHOUT_PASID 0 /* the kernel's number for it */

static unsigned n_page_requests;

static int on_event(void *opaque, const void *record, size_t length)
{
	const unsigned char *bytes = record;

	(void)opaque;
	if (length == VIOMMU_FAULT_LONG_LENGTH && bytes[4] & VIOMMU_FAULT_F_PAGE_REQ)
		n_page_requests++;
	return 0;
}

static void on_response(void *opaque, const struct viommu_page_response *response)
{
	(void)opaque;
	printf("mock: group %u is answered %u, which the kernel takes with error %d\n",
	       response->group, response->code,
	       viommu_backend_page_response(backend, iommu, response));
}

static void request_page(int device, uint16_t group)
{
	struct test_command command = {
		.op = TRIGGER_REQUEST,
		.request = { mocks[device].idev, WITHOUT_PASID, group, VIOMMU_MAP_F_WRITE,
			     0x700000 },
	};

	must("trigger a request", test(&command));
	viommu_backend_read_events(backend);
}

static void page_requests(void)
{
	unsigned char table[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };
	unsigned char answer[VIOMMU_PAGE_RESPONSE_LENGTH] = { VIOMMU_T_PAGE_RESPONSE };
	int status;

	put(table + 4, 9, 4);
	put(table + 8, FIRST_ENDPOINT, 4);
	put(table + 16, VIOMMU_TABLE_ARM_CD_TABLE, 2);
	put(table + 32, FIRST + 0x50000, 8);
	status = request(table, sizeof(table));
	for (uint16_t group = 5; group < 8; group++)
		request_page(0, group);
	printf("mock: in a table, status %d, the device requests pages: %u of 3\n", status,
	       n_page_requests);
	put(answer + 4, FIRST_ENDPOINT, 4);
	put(answer + 16, 6, 2);
	status = request(answer, sizeof(answer));
	printf("mock: the guest answers one with status %d\n", status);
	status = attach(1, FIRST_ENDPOINT, 0);
	printf("mock: it leaves the table with status %d\n", status);
}

/* -- dirty pages ------------------------------------------------------------------------- */

static void on_dirty(void *opaque, uint64_t first, uint64_t last)
{
	printf("mock: dirty %s: 0x%llx to 0x%llx\n", (const char *)opaque,
	       (unsigned long long)first, (unsigned long long)last);
}

/* The mock's device writes a page. */
static void write_page(int device, uint64_t iova)
{
	uint64_t bits = 1;
	struct test_command command = {
		.op = DIRTY,
		.id = viommu_kernel_page_table(kernel, device),
		.dirty = { 0, iova, PAGE_BYTES, PAGE_BYTES, (uintptr_t)&bits, 0 },
	};

	must("DIRTY", test(&command));
}

static void dirty(void)
{
	static char mapped[] = "while mapped", after[] = "after UNMAP";

	/* Pages of their own: a larger one of the IOMMU would be dirty as a whole. */
	must("map", map(1, FIRST + 0x42000, PAGE_BYTES, FIRST + 0x42000) |
			    map(1, FIRST + 0x45000, PAGE_BYTES, FIRST + 0x45000));
	must("track", viommu_backend_track_dirty(backend, true));
	write_page(0, FIRST + 0x42000);
	must("read", viommu_backend_read_dirty(backend, on_dirty, mapped));
	write_page(0, FIRST + 0x45000);
	must("unmap", unmap(1, FIRST + 0x40000, 0x8000));
	must("read", viommu_backend_read_dirty(backend, on_dirty, after));
	must("track", viommu_backend_track_dirty(backend, false));
}

/* -- pinning ------------------------------------------------------------------------------- */

/* How often is a page of guest memory pinned? -1: more than twice. */
static int pins(uint64_t phys)
{
	for (int n = 0; n < 3; n++) {
		struct test_command command = { .op = CHECK_REFS };

		command.refs.length = PAGE_BYTES;
		command.refs.address = (uintptr_t)memory + (phys - FIRST);
		command.refs.refs = (uint32_t)n;
		if (!test(&command))
			return n;
	}
	return -1;
}

static void pinning(void)
{
	int before = pins(FIRST + 0x9000), status, with, after;

	status = attach(3, FIRST_ENDPOINT + 2, VIOMMU_ATTACH_F_BYPASS);
	status |= map(1, FIRST + 0x9000, PAGE_BYTES, FIRST + 0x9000);
	with = pins(FIRST + 0x9000);
	printf("mock: bypass and a domain, status %d, map a page: %s; it is pinned %d times\n",
	       status,
	       says(maps(0, FIRST + 0x9000, FIRST + 0x9000) &&
		    maps(2, FIRST + 0x9000, FIRST + 0x9000)),
	       with);
	status = attach(2, FIRST_ENDPOINT + 2, 0);
	with = pins(FIRST + 0x9000);
	status |= unmap(1, FIRST + 0x9000, PAGE_BYTES);
	after = pins(FIRST + 0x9000);
	printf("mock: pinned before %d, without bypass %d, after UNMAP %d, status %d\n", before,
	       with, after, status);
}

/* -- tables of the guest ------------------------------------------------------------------- */

static void on_fault(void *opaque, struct viommu *owner, const struct viommu_fault *fault)
{
	(void)opaque;
	printf("mock: fault of endpoint %u, reason %u, for %s virtual IOMMU\n", fault->endpoint,
	       fault->reason, owner == iommu ? "the" : "another");
}

static uint32_t cache_of(int device)
{
	static const uint32_t guesses[] = { CACHE_FRESH, 0 };
	uint32_t found = 1;

	for (size_t i = 0; i < 2; i++) {
		struct test_command command = { .op = CHECK_CACHE, .id = mocks[device].idev };

		/* The second entry of its cache. */
		command.word[0] = 1;
		command.word[1] = guesses[i];
		if (!test(&command))
			found = guesses[i];
	}
	return found;
}

static void set(const char *path, const char *value)
{
	int file = open(path, O_WRONLY);

	if (file < 0 || write(file, value, strlen(value)) < 0)
		printf("mock: %s: %s\n", path, strerror(errno));
	close(file);
}

/* What this thread's n-th allocation from now on fails; false: there were fewer. */
static bool fail_nth(int n, int (*perform)(void), int *ret_result)
{
	int file = open("/proc/self/fail-nth", O_RDWR);
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	must("fail-nth", pwrite(file, text, strlen(text), 0) < 0 ? errno : 0);
	*ret_result = perform();
	memset(text, 0, sizeof(text));
	must("fail-nth", pread(file, text, sizeof(text) - 1, 0) < 0 ? errno : 0);
	must("fail-nth", pwrite(file, "0", 1, 0) < 0 ? errno : 0);
	close(file);
	return atoi(text) == 0;
}

static unsigned char *window;
static uint64_t window_at;
static unsigned n_windows;

static void on_window_closing(void *opaque, uint64_t offset)
{
	(void)opaque;
	n_windows++;
	if (window && offset == window_at && munmap(window, 2 * PAGE_BYTES))
		printf("mock: the window stays: %s\n", strerror(errno));
	window = NULL;
}

static int open_queue(uint32_t index, uint64_t base)
{
	return viommu_kernel_open_queue(kernel, 0, index, base, PAGE_BYTES, NULL, 0);
}

static int open_first(void)
{
	return open_queue(0, FIRST);
}

/* Each allocation of the kernel for a queue fails in turn, and nothing of that queue stays. */
static void failing_queues(void)
{
	int n = 1, error, refused = 0;

	while (n < 200 && fail_nth(n, open_first, &error)) {
		refused += error != 0;
		if (!error)
			must("close queue", viommu_kernel_close_queue(kernel, 0, 0));
		n++;
	}
	printf("mock: %d allocations for a queue failed in turn, %d were refused, then error %d\n",
	       n - 1, refused, error);
	must("close queue", viommu_kernel_close_queue(kernel, 0, 0));
}

static void queues(uint32_t space)
{
	struct viommu_queues state = { .size = sizeof(state) };
	int errors[4];

	must("queues", viommu_kernel_queues(kernel, 0, &state));
	window = mmap(NULL, state.window_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, state.file,
		      (off_t)state.window);
	window_at = state.window;
	if (window == MAP_FAILED)
		window = NULL;
	printf("mock: hardware has %u queues, a window of %ju bytes, which has %x\n",
	       state.max_queues, (uintmax_t)state.window_bytes,
	       window ? *(uint32_t *)(void *)window : 0);
	for (uint64_t at = FIRST; at < FIRST + 2 * PAGE_BYTES; at += PAGE_BYTES)
		must("map", calls->map(kernel, space, at, PAGE_BYTES, memory + (at - FIRST),
				       VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE));
	failing_queues();
	errors[0] = open_queue(0, FIRST + 8 * PAGE_BYTES);
	errors[1] = open_queue(1, FIRST);
	errors[2] = open_queue(0, FIRST);
	errors[3] = open_queue(1, FIRST + PAGE_BYTES);
	printf("mock: a queue that is not mapped has error %d, one that is not the next %d, others"
	       " %d and %d\n",
	       errors[0], errors[1], errors[2], errors[3]);
	errors[0] = calls->unmap(kernel, space, FIRST + PAGE_BYTES, PAGE_BYTES);
	must("queues", viommu_kernel_queues(kernel, 0, &state));
	printf("mock: UNMAP of a queue's memory has error %d, and %u is open\n", errors[0],
	       state.n_queues);
}

static void tables(void)
{
	struct viommu_backend_table wanted = { .format = VIOMMU_TABLE_ARM_CD_TABLE,
					       .iommu = iommu };
	const struct viommu_invalidation some = { .first = 0x1000, .last = 0x3fff };
	struct test_command trigger = { .op = TRIGGER };
	uint32_t table;

	must("space", calls->space_new(kernel, &wanted.space));
	must("table", calls->table_new(kernel, &wanted, &table));
	must("table of the first", calls->table_attach(kernel, 0, table, FIRST_ENDPOINT));
	must("table of the second", calls->table_attach(kernel, 1, table, FIRST_ENDPOINT + 1));
	printf("mock: two devices are in a nested page table over one parent: %s\n",
	       says(viommu_kernel_page_table(kernel, 0) &&
		    viommu_kernel_page_table(kernel, 0) == viommu_kernel_page_table(kernel, 1)));
	trigger.word[0] = mocks[1].idev;
	must("trigger", test(&trigger));
	pump();
	calls->read_events(kernel, on_fault, NULL);
	printf("mock: before the invalidation the cache has %x\n", cache_of(0));
	breaks_batch = true;
	n_invalidate_calls = 0;
	must("invalidate",
	     calls->table_invalidate(kernel, 0, &some) | calls->table_invalidate(kernel, 1, &some));
	printf("mock: after it %x, by %u calls for two devices, one of which was done in part\n",
	       cache_of(0), n_invalidate_calls);
	queues(wanted.space);
	must("detach", calls->detach(kernel, 0) | calls->detach(kernel, 1));
	must("free table", calls->table_free(kernel, table));
	must("free space", calls->space_free(kernel, wanted.space));
	printf("mock: the space ends with a queue and %u window, without an error\n", n_windows);
}

/* -- failing allocations of the kernel ---------------------------------------------------- */

/* The kernel's answer to a guest and its page tables agree, whatever failed. */
static bool agree(uint32_t endpoint, int device)
{
	for (uint64_t page = 0; page < 4; page++) {
		uint64_t iova = FIRST + 0x5000 + page * PAGE_BYTES;
		struct viommu_translation to;
		bool mapped = !viommu_translate(iommu, endpoint, iova, 1,
						VIOMMU_MAP_F_READ | VIOMMU_ACCESS_QUIET, &to);

		for (uint64_t phys = 0; phys < 4; phys++) {
			uint64_t at = FIRST + 0x20000 + phys * PAGE_BYTES;
			bool real =
				viommu_kernel_page_table(kernel, device) && maps(device, iova, at);

			if (real && !(mapped && to.address == at))
				return false;
		}
	}
	return true;
}

static int sequence(void)
{
	int status = attach(5, FIRST_ENDPOINT, 0);

	status |= map(5, FIRST + 0x5000, PAGE_BYTES, FIRST + 0x20000);
	status |= map(5, FIRST + 0x6000, 2 * PAGE_BYTES, FIRST + 0x21000);
	status |= attach(6, FIRST_ENDPOINT, 0);
	status |= map(6, FIRST + 0x5000, PAGE_BYTES, FIRST + 0x22000);
	status |= attach(6, FIRST_ENDPOINT + 2, 0);
	status |= unmap(6, FIRST + 0x5000, PAGE_BYTES);
	status |= attach(5, FIRST_ENDPOINT, 0);
	return status;
}

/* Each allocation of the kernel in these requests fails in turn, by fail-nth of this thread. */
static void failing(void)
{
	bool reached = true, agreed = true;
	int refused = 0, n = 1, status;

	for (; reached && n < 2000; n++) {
		reached = fail_nth(n, sequence, &status);
		refused += status != 0;
		agreed = agreed && agree(FIRST_ENDPOINT, 0) && agree(FIRST_ENDPOINT + 2, 2);
		viommu_reset(iommu);
		must("features", viommu_accept(iommu, viommu_features(iommu)));
	}
	printf("mock: %d allocations failed in turn, %d requests were refused, guest and host "
	       "agree:"
	       " %s\n",
	       n - 2, refused, says(agreed));
	printf("mock: without a failure the requests have status %d\n", sequence());
}

/* -- life ------------------------------------------------------------------------------------ */

static void make_sysfs(void)
{
	char path[96];

	mkdir("/tmp/mock", 0755);
	mkdir("/tmp/mock/sys", 0755);
	mkdir("/tmp/mock/sys/bus", 0755);
	mkdir("/tmp/mock/sys/bus/pci", 0755);
	mkdir("/tmp/mock/sys/bus/pci/devices", 0755);
	for (int i = 0; i < N_ALL; i++) {
		snprintf(path, sizeof(path), "/tmp/mock/sys/bus/pci/devices/0000:%02x:00.0", i);
		mkdir(path, 0755);
		strcat(path, "/vfio-dev");
		mkdir(path, 0755);
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "/vfio%d", i);
		mkdir(path, 0755);
	}
}

static void open_devices(int first, int n)
{
	for (int i = first; i < first + n; i++) {
		struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						    .id = FIRST_ENDPOINT + (uint32_t)i,
						    .pasid_bits = 4,
						    .max_page_requests = 2 };
		struct viommu_table_format format;
		char name[16];
		int number;

		snprintf(name, sizeof(name), "0000:%02x:00.0", i);
		must(name, viommu_kernel_open_device(kernel, name, &number));
		endpoint.formats = &format;
		endpoint.n_formats = viommu_kernel_formats(kernel, number, &format, 1);
		if (!viommu_kernel_limits(kernel, number)->page_requests)
			printf("mock: the device cannot request pages\n");
		must("endpoint", viommu_endpoint_add(iommu, &endpoint));
	}
}

static void add_devices(int first, int n)
{
	for (int i = first; i < first + n; i++)
		must("add device",
		     viommu_backend_add_device(backend, iommu, FIRST_ENDPOINT + (uint32_t)i, i));
}

/* -- what requests cost ------------------------------------------------------------------------ */

/* Ioctls are counted, and judged. Times are only printed: those of a busy machine prove nothing. */

enum { PAIRS = 50, MANY = 20000, TIMES = 7, MEASURED_DOMAIN = 100 };

/* The quickest of several attempts, and the fewest and most ioctls of one of them. */
struct spent {
	double all, in_kernel;
	unsigned fewest, most;
};

static const struct spent unspent = { .all = 1e12, .in_kernel = 1e12, .fewest = UINT_MAX };

static void count_ioctls(struct spent *spent)
{
	if (n_ioctls < spent->fewest)
		spent->fewest = n_ioctls;
	if (n_ioctls > spent->most)
		spent->most = n_ioctls;
}

static bool takes(const struct spent *spent, unsigned ioctls)
{
	return spent->fewest == ioctls && spent->most == ioctls;
}

/* PAIRS times a MAP and an UNMAP of a page in each of n domains; times are those of one pair. */
static struct spent time_of_pairs(uint32_t n_domains)
{
	struct spent best = unspent;
	int status = 0;

	for (int times = 0; times < TIMES; times++) {
		double begin = microseconds(), spent;

		in_kernel = 0;
		n_ioctls = 0;
		for (int i = 0; i < PAIRS; i++) {
			for (uint32_t n = 0; n < n_domains; n++)
				status |= map(MEASURED_DOMAIN + n, FIRST, PAGE_BYTES, FIRST);
			for (uint32_t n = 0; n < n_domains; n++)
				status |= unmap(MEASURED_DOMAIN + n, FIRST, PAGE_BYTES);
		}
		spent = (microseconds() - begin) / PAIRS;
		best.all = spent < best.all ? spent : best.all;
		if (in_kernel / PAIRS < best.in_kernel)
			best.in_kernel = in_kernel / PAIRS;
		count_ioctls(&best);
	}
	must("MAP and UNMAP", status);
	return best;
}

static int attach_measured(uint32_t n, uint32_t n_domains)
{
	int status = 0;

	for (uint32_t i = 0; i < n; i++)
		status |=
			attach(MEASURED_DOMAIN + i % n_domains, FIRST_ENDPOINT + N_DEVICES + i, 0);
	return status;
}

/* One domain, which is one IOAS; and an IOAS for each endpoint, as QEMU has it. */
static void measure_maps(void)
{
	static const uint32_t counts[] = { 1, 8, N_MEASURED };
	struct spent together[3], apart[3];
	bool same = true;

	for (int i = 0; i < 3; i++) {
		must("ATTACH", attach_measured(counts[i], 1));
		together[i] = time_of_pairs(1);
		must("ATTACH", attach_measured(counts[i], counts[i]));
		apart[i] = time_of_pairs(counts[i]);
		printf("mock: MAP and UNMAP with %u endpoints: %.2f ioctls and %.0f us in one "
		       "domain, %.0f in the kernel; %.2f ioctls and %.0f us in one of each, %.0f "
		       "in the kernel\n",
		       counts[i], (double)together[i].most / PAIRS, together[i].all,
		       together[i].in_kernel, (double)apart[i].most / PAIRS, apart[i].all,
		       apart[i].in_kernel);
		same &= takes(&together[i], 2 * PAIRS) && takes(&apart[i], 2 * PAIRS * counts[i]);
	}
	printf("mock: two ioctls for each domain, however many endpoints it has: %s\n", says(same));
}

/* Memory is pinned by MAP; while an endpoint bypasses, all of it is, and MAPs share that. */
static void measure_pinning(void)
{
	struct spent pins, shares;

	must("ATTACH", attach_measured(1, 1));
	pins = time_of_pairs(1);
	must("ATTACH", attach(99, FIRST_ENDPOINT + 2, VIOMMU_ATTACH_F_BYPASS));
	shares = time_of_pairs(1);
	must("ATTACH", attach(98, FIRST_ENDPOINT + 2, 0));
	printf("mock: MAP and UNMAP of a page: %.0f us if they pin it, %.0f us if bypass has "
	       "pinned it\n",
	       pins.all, shares.all);
}

static struct spent time_of_attach(void)
{
	struct spent best = unspent;
	int status = 0;

	for (int times = 0; times < TIMES; times++) {
		double begin = microseconds(), spent;

		n_ioctls = 0;
		status |= attach(MEASURED_DOMAIN, FIRST_ENDPOINT + N_DEVICES + 1, 0);
		spent = microseconds() - begin;
		best.all = spent < best.all ? spent : best.all;
		count_ioctls(&best);
		status |= attach(MEASURED_DOMAIN + 1, FIRST_ENDPOINT + N_DEVICES + 1, 0);
	}
	must("ATTACH", status);
	return best;
}

/* To a domain that has another device already. */
static void measure_attach(void)
{
	struct spent few, many;
	int status = attach_measured(2, 2);

	status |= map(MEASURED_DOMAIN, FIRST, PAGE_BYTES, FIRST);
	few = time_of_attach();
	for (uint64_t i = 1; i < MANY; i++)
		status |= map(MEASURED_DOMAIN, FIRST + i * 2 * PAGE_BYTES, PAGE_BYTES, FIRST);
	must("MAP", status);
	many = time_of_attach();
	printf("mock: ATTACH to a domain with 1 mapping: %u ioctls and %.0f us, with %d: %u and "
	       "%.0f us, as many ioctls: %s\n",
	       few.most, few.all, MANY, many.most, many.all,
	       says(takes(&few, few.most) && takes(&many, few.most)));
}

/* -- a device that dies while it is mapped --------------------------------------------------- */

static void dying(void)
{
	struct kernel_destroy destroy = { .size = sizeof(destroy), .id = mocks[1].stdev };
	int status = attach(9, FIRST_ENDPOINT, 0) | attach(9, FIRST_ENDPOINT + 1, 0) |
		     map(9, FIRST + 0x5000, PAGE_BYTES, FIRST + 0x2000);

	must("device dies", status | (ioctl(iommufd, KERNEL_DESTROY, &destroy) ? errno : 0));
	mocks[1].stdev = 0;
	status = map(9, FIRST + 0x6000, PAGE_BYTES, FIRST + 0x3000);
	printf("mock: after a device died a MAP of its domain has status %d, the other has both: "
	       "%s\n",
	       status,
	       says(maps(0, FIRST + 0x5000, FIRST + 0x2000) &&
		    maps(0, FIRST + 0x6000, FIRST + 0x3000)));
	status = unmap(9, FIRST + 0x5000, PAGE_BYTES);
	printf("mock: an UNMAP has status %d: %s, the other page: %s\n", status,
	       says(maps(0, FIRST + 0x5000, FIRST + 0x2000)),
	       says(maps(0, FIRST + 0x6000, FIRST + 0x3000)));
	printf("mock: its ATTACH has status %d\n", attach(10, FIRST_ENDPOINT + 1, 0));
	printf("mock: it is removed with error %d\n", viommu_backend_remove_device(backend, 1));
}

int main(void)
{
	const struct viommu_kernel_ops ops = {
		.size = sizeof(ops),
		.open = mock_open,
		.close = mock_close,
		.ioctl = mock_ioctl,
		.sysfs = "/tmp/mock",
		.log = on_log,
		.nest = true,
		.pasids = true,
		.page_requests = true,
		.queues = true,
		.window_closing = on_window_closing,
	};
	const struct viommu_config config = { .size = sizeof(config),
					      .features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID |
							  VIOMMU_F_TABLE | VIOMMU_F_PAGE_REQUEST };
	const struct viommu_ops callbacks = { .size = sizeof(callbacks),
					      .event = on_event,
					      .page_response = on_response };
	struct viommu_memory range = { .first = FIRST, .last = FIRST + MEMORY_BYTES - 1 };
	int file;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < N_ALL; i++)
		mocks[i].file = -1;
	make_sysfs();
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	set("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	set("/sys/kernel/debug/failslab/verbose", "0");
	set("/sys/kernel/debug/fail_iommufd/verbose", "0");
	file = memfd_create("guest", MFD_CLOEXEC);
	must("memory", file < 0 || ftruncate(file, MEMORY_BYTES) ? errno : 0);
	memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	range.host = memory;
	must("kernel", viommu_kernel_new(VIOMMU_INTERFACE_IOMMUFD, &ops, NULL, &kernel));
	calls = viommu_kernel_calls(kernel);
	must("iommu", viommu_new(&config, &callbacks, NULL, &iommu));
	must("features", viommu_accept(iommu, viommu_features(iommu)));
	open_devices(0, N_DEVICES);
	tables();
	must("backend", viommu_backend_new(calls, kernel, &backend));
	must("memory", viommu_backend_add_memory_file(backend, &range, file, 0));
	add_devices(0, N_DEVICES);
	domains();
	pasids();
	page_requests();
	pinning();
	dirty();
	failing();
	open_devices(N_DEVICES, N_MEASURED);
	add_devices(N_DEVICES, N_MEASURED);
	measure_maps();
	measure_pinning();
	measure_attach();
	dying();
	viommu_backend_free(backend);
	viommu_kernel_free(kernel);
	viommu_free(iommu);
	printf("mock: the end\n");
	return 0;
}
