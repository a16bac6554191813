/* SPDX-License-Identifier: BSD-3-Clause */
#include <viommu/protocol.h>

#include "../../../guest/viommu_builtin.h"
#include "devicetree.h"
#include "dma.h"

/*
 * A virtio-iommu and a disk on virtio-mmio. Where a device tree describes them, the disk's node
 * names the IOMMU's and the endpoint. QEMU's microvm for x86 has no tree: its windows are at fixed
 * addresses, and the device's built-in topology has the endpoint. The disk reads through mappings,
 * and without them into nothing.
 */

#define OFFSET    0x4000000000ull
#define SECTOR    512
#define READ_SEED 0x1000 /* of disk.py */
#define PLATFORM  (1ull << 33)
#define FEATURES \
	(1ull << 32 | VIOMMU_F_INPUT_RANGE | VIOMMU_F_DOMAIN_RANGE | VIOMMU_F_MAP_UNMAP | \
	 VIOMMU_F_PROBE | VIOMMU_F_BYPASS_CONFIG)

enum { DEVICE_ID = 8, STATUS = 0x70, DISK = 2 };
enum { R = VIOMMU_MAP_F_READ, W = VIOMMU_MAP_F_WRITE };

static struct iommu iommu;
static struct virtio disk;
static struct queue requests;
static uint8_t *buffer; /* a page for header and status, a page of data */
static uint32_t endpoint;
static bool failed;

#define CHECK(condition) check(condition, #condition, __LINE__)

static void check(bool holds, const char *condition, int line)
{
	if (holds)
		return;
	print("line %d: %s\n", line, condition);
	failed = true;
}

/* The transport with a device of this kind. */
static bool find_node(uint32_t kind, struct node *ret_node, uint64_t *ret_registers)
{
	uint64_t length;

	for (unsigned n = 0;
	     devicetree_find(machine_tree(), "compatible", "virtio,mmio", n, ret_node); n++)
		if (devicetree_window(machine_tree(), ret_node, ret_registers, &length) &&
		    read32((volatile uint8_t *)*ret_registers, DEVICE_ID) == kind)
			return true;
	return false;
}

static uint32_t cell_of(const struct node *node, const char *name, unsigned n)
{
	uint32_t length;
	const uint8_t *value = devicetree_property(machine_tree(), node, name, &length);

	if (!value || length < 4 * n + 4)
		return ~0u;
	value += 4 * n;
	return (uint32_t)value[0] << 24 | (uint32_t)value[1] << 16 | (uint32_t)value[2] << 8 |
	       value[3];
}

/* False: the device tree does not describe the two. */
static bool find_by_tree(uint64_t *ret_iommu, uint64_t *ret_disk)
{
	struct node node, iommu_node;

	if (!find_node(VIOMMU_DEVICE_ID, &iommu_node, ret_iommu) ||
	    !find_node(DISK, &node, ret_disk))
		return false;
	CHECK(cell_of(&iommu_node, "#iommu-cells", 0) == 1);
	CHECK(cell_of(&iommu_node, "phandle", 0) == cell_of(&node, "iommus", 0));
	endpoint = cell_of(&node, "iommus", 1);
	return true;
}

/* -- without a device tree ----------------------------------------------------------- */

#define WINDOWS   0xfeb00000ull
#define WINDOW    0x200u
#define N_WINDOWS 8
#define CONFIG    0x100u /* of a window */

static bool find_window(uint32_t kind, uint64_t *ret_registers)
{
	for (unsigned i = 0; i < N_WINDOWS; i++) {
		*ret_registers = WINDOWS + i * WINDOW;
		if (read32((volatile uint8_t *)*ret_registers, DEVICE_ID) == kind)
			return true;
	}
	return false;
}

static uint32_t load(void *opaque, uint32_t offset, unsigned length)
{
	volatile uint8_t *at = ((struct virtio *)opaque)->device + offset;

	return length == 1   ? *at
	       : length == 2 ? *(volatile uint16_t *)at
			     : *(volatile uint32_t *)at;
}

static uint32_t features(void *opaque)
{
	return (uint32_t)((struct virtio *)opaque)->offered;
}

static void set_status(void *opaque, uint8_t status)
{
	write32(((struct virtio *)opaque)->mmio, STATUS, status);
}

static bool find_by_topology(uint64_t *ret_iommu, uint64_t *ret_disk)
{
	struct viommu_builtin_item items[4];
	const struct viommu_builtin device = {
		&iommu.virtio, load, WINDOW - CONFIG, features, set_status,
	};
	int n;

	if (!find_window(VIOMMU_DEVICE_ID, ret_iommu) || !find_window(DISK, ret_disk))
		return false;
	virtio_begin_mmio(&iommu.virtio, *ret_iommu);
	n = viommu_builtin_read(&device, VIOMMU_BUILTIN_V3, items, COUNT(items));
	return n > 0 && viommu_builtin_device(items, (unsigned)n, *ret_disk, &endpoint);
}

/* -- the disk --------------------------------------------------------------------------- */

static int map(const volatile void *at, uint64_t length, uint32_t flags)
{
	uint64_t first = (uint64_t)at;

	return iommu_map(&iommu, 1, first + OFFSET, first + OFFSET + length - 1, first, flags);
}

static bool start_disk(uint64_t registers)
{
	virtio_begin_mmio(&disk, registers);
	disk.offset = OFFSET;
	if (!virtio_accept(&disk, 1ull << 32 | PLATFORM) || !virtio_queue(&disk, 0, &requests) ||
	    map(requests.descriptors, PAGE, R | W) != VIOMMU_S_OK)
		return false;
	virtio_go(&disk);
	return true;
}

static uint8_t read_disk(uint64_t sector)
{
	uint8_t *status = buffer + 2 * PAGE;
	const uint64_t words[2] = { 0, sector };
	uint16_t descriptor;
	uint32_t length;

	memcpy(buffer, words, sizeof(words));
	*status = 0xff;
	queue_put(&requests, buffer, sizeof(words), buffer + PAGE, PAGE + 1);
	queue_kick(&requests);
	while (!queue_get(&requests, &descriptor, &length))
		;
	return *(volatile uint8_t *)status;
}

static bool has_words(uint64_t place)
{
	const volatile uint64_t *words = (uint64_t *)(buffer + PAGE);

	for (uint64_t at = 0; at < PAGE; at += 8)
		if (words[at / 8] != dma_hash(READ_SEED ^ (place + at)))
			return false;
	return true;
}

static void test_transfers(void)
{
	uint64_t data = (uint64_t)buffer + PAGE + OFFSET;
	struct record record;

	/* QEMU 10.0 accesses rings when they are enabled, and they are mapped after that. */
	while (iommu_event(&iommu, &record))
		;
	CHECK(read_disk(8) == 0 && has_words(8 * SECTOR));
	CHECK(iommu_unmap(&iommu, 1, data, data + PAGE - 1) == VIOMMU_S_OK);
	read_disk(16);
	CHECK(has_words(8 * SECTOR));
	while (!iommu_event(&iommu, &record))
		;
	CHECK(record.endpoint == endpoint && record.reason == VIOMMU_FAULT_R_MAPPING &&
	      record.address == data);
}

int run(void)
{
	bool has_tree = machine_tree();
	uint64_t at, disk_at;

	if (!(has_tree ? find_by_tree : find_by_topology)(&at, &disk_at))
		return 1;
	virtio_begin_mmio(&iommu.virtio, at);
	buffer = take_pages(3);
	CHECK(iommu_go(&iommu, FEATURES, VIOMMU_FAULT_LENGTH));
	CHECK(iommu_attach(&iommu, 1, endpoint) == VIOMMU_S_OK);
	CHECK(start_disk(disk_at));
	for (unsigned i = 0; i < 3; i++)
		CHECK(map(buffer + i * PAGE, PAGE, i ? W : R) == VIOMMU_S_OK);
	if (!failed)
		test_transfers();
	print("%s a disk on virtio-mmio behind endpoint 0x%x of the %s\n",
	      failed ? "FAILED" : "passed", endpoint,
	      has_tree ? "device tree" : "built-in topology");
	return failed;
}
