/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VMM with assigned devices: guest memory, a virtio-iommu, and a backend that gives the host's
 * IOMMU what the guest maps
 *
 *     vfio 0000:00:04.0 0000:00:05.0
 *
 * The devices are QEMU's "edu", bound to vfio-pci. Their DMA engine copies between memory and a
 * page of the device. guest() stands for the guest: requests to the virtio-iommu, and a driver for
 * the devices.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <viommu/backend.h>

enum {
	MEMORY_BYTES = 1 << 20,
	PAGE_BYTES = 4096,
	DMA_BYTES = 256,
	N_DEVICES = 2,
	FIRST_ENDPOINT = 8,
	/* Registers of edu, and where its page begins. */
	BAR_BYTES = 0x1000,
	EDU_SOURCE = 0x80,
	EDU_DESTINATION = 0x88,
	EDU_COUNT = 0x90,
	EDU_COMMAND = 0x98,
	EDU_BUFFER = 0x40000,
	EDU_START = 1,
	EDU_TO_MEMORY = 2,
	/* In PCI configuration space. */
	COMMAND_OFFSET = 4,
	COMMAND_MEMORY_AND_MASTER = 6,
};

struct vmm {
	unsigned char *memory;
	struct viommu *iommu;
	struct viommu_kernel *kernel;
	struct viommu_backend *backend;
	volatile uint64_t *bar[N_DEVICES];
	unsigned n_opened;
};

/* -- what the VMM is called for ------------------------------------------------------ */

static void on_log(void *opaque, const char *text)
{
	(void)opaque;
	printf("vfio: %s\n", text);
}

/* A device has a file: enable it and map its registers. */
static int on_opened(void *opaque, int device, const char *name, int file)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	struct vmm *vmm = opaque;
	uint16_t command;
	void *registers;

	(void)name;
	if (device >= N_DEVICES)
		return -ENOSPC;
	if (ioctl(file, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    ioctl(file, VFIO_DEVICE_GET_REGION_INFO, &config))
		return -errno;
	if (pread(file, &command, 2, (off_t)config.offset + COMMAND_OFFSET) != 2)
		return -EIO;
	command |= COMMAND_MEMORY_AND_MASTER;
	if (pwrite(file, &command, 2, (off_t)config.offset + COMMAND_OFFSET) != 2)
		return -EIO;
	registers =
		mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)bar.offset);
	if (registers == MAP_FAILED)
		return -errno;
	vmm->bar[device] = registers;
	vmm->n_opened++;
	return 0;
}

static void on_closing(void *opaque, int device)
{
	struct vmm *vmm = opaque;

	munmap((void *)vmm->bar[device], BAR_BYTES);
	vmm->bar[device] = NULL;
}

/* -- the guest --------------------------------------------------------------------------- */

static void put(unsigned char *bytes, uint64_t value, int length)
{
	for (int i = 0; i < length; i++)
		bytes[i] = (unsigned char)(value >> 8 * i);
}

/* Send a request, which a VMM takes from the virtqueue; returns the status. */
static int request(const struct vmm *vmm, unsigned char *bytes, size_t length)
{
	unsigned char tail[VIOMMU_TAIL_LENGTH] = { 0xff };
	const struct iovec readable = { bytes, length }, writable = { tail, sizeof(tail) };

	viommu_request(vmm->iommu, &readable, 1, &writable, 1);
	return tail[0];
}

static int attach(const struct vmm *vmm, uint8_t type, uint32_t domain, int device, uint32_t flags)
{
	unsigned char bytes[VIOMMU_ATTACH_LENGTH] = { type };

	put(bytes + 4, domain, 4);
	put(bytes + 8, (uint32_t)(FIRST_ENDPOINT + device), 4);
	put(bytes + 12, flags, 4);
	return request(vmm, bytes, sizeof(bytes));
}

static int map(const struct vmm *vmm, uint32_t domain, uint64_t iova, uint64_t phys, uint32_t flags)
{
	unsigned char bytes[VIOMMU_MAP_LENGTH] = { VIOMMU_T_MAP };

	put(bytes + 4, domain, 4);
	put(bytes + 8, iova, 8);
	put(bytes + 16, iova + PAGE_BYTES - 1, 8);
	put(bytes + 24, phys, 8);
	put(bytes + 32, flags, 4);
	return request(vmm, bytes, sizeof(bytes));
}

static int unmap(const struct vmm *vmm, uint32_t domain, uint64_t iova)
{
	unsigned char bytes[VIOMMU_UNMAP_LENGTH] = { VIOMMU_T_UNMAP };

	put(bytes + 4, domain, 4);
	put(bytes + 8, iova, 8);
	put(bytes + 16, iova + PAGE_BYTES - 1, 8);
	return request(vmm, bytes, sizeof(bytes));
}

static void transfer(const struct vmm *vmm, int device, uint64_t from, uint64_t to, unsigned way)
{
	volatile uint64_t *registers = vmm->bar[device];

	registers[EDU_SOURCE / 8] = from;
	registers[EDU_DESTINATION / 8] = to;
	registers[EDU_COUNT / 8] = DMA_BYTES;
	registers[EDU_COMMAND / 8] = EDU_START | way;
	while (registers[EDU_COMMAND / 8] & EDU_START)
		usleep(1000);
}

/* Let the device read at one address and write that to another. */
static void copy(const struct vmm *vmm, int device, uint64_t from, uint64_t to)
{
	transfer(vmm, device, from, EDU_BUFFER, 0);
	transfer(vmm, device, EDU_BUFFER, to, EDU_TO_MEMORY);
}

static void expect_status(const char *what, int status, int expected)
{
	printf("vfio: %s: status %d%s\n", what, status, status == expected ? "" : ", wrong");
	if (status != expected)
		exit(1);
}

static void expect_bytes(const struct vmm *vmm, const char *what, uint64_t phys, int value)
{
	int n = 0;

	while (n < DMA_BYTES && vmm->memory[phys + (uint64_t)n] == value)
		n++;
	printf("vfio: %s: %d bytes of 0x%02x%s\n", what, n, (unsigned)value,
	       n == DMA_BYTES ? "" : ", wrong");
	if (n != DMA_BYTES)
		exit(1);
}

static void fill(const struct vmm *vmm, uint64_t phys, int value)
{
	memset(vmm->memory + phys, value, PAGE_BYTES);
}

/* One page of IOVA is another page of memory in each domain. */
static void two_domains(const struct vmm *vmm)
{
	const uint32_t both = VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE;

	for (int i = 0; i < N_DEVICES; i++) {
		uint32_t domain = (uint32_t)i + 1;
		uint64_t phys = (uint64_t)i * 0x10000;

		expect_status("ATTACH", attach(vmm, VIOMMU_T_ATTACH, domain, i, 0), 0);
		expect_status("MAP", map(vmm, domain, 0x100000, phys, both), 0);
		expect_status("MAP", map(vmm, domain, 0x200000, phys + 0x1000, both), 0);
		fill(vmm, phys, 0x50 + i);
		fill(vmm, phys + 0x1000, 0);
	}
	for (int i = 0; i < N_DEVICES; i++)
		copy(vmm, i, 0x100000, 0x200000);
	expect_bytes(vmm, "the first device copied", 0x1000, 0x50);
	expect_bytes(vmm, "the second device copied", 0x11000, 0x51);

	expect_status("UNMAP", unmap(vmm, 1, 0x200000), 0);
	fill(vmm, 0x1000, 0x11);
	copy(vmm, 0, 0x100000, 0x200000);
	expect_bytes(vmm, "after UNMAP the page of the first holds", 0x1000, 0x11);
	fill(vmm, 0x11000, 0);
	copy(vmm, 1, 0x100000, 0x200000);
	expect_bytes(vmm, "the second device still copies", 0x11000, 0x51);

	expect_status("MAP", map(vmm, 1, 0x200000, 0x1000, VIOMMU_MAP_F_READ), 0);
	copy(vmm, 0, 0x100000, 0x200000);
	expect_bytes(vmm, "a page that is read-only to the device holds", 0x1000, 0x11);
}

/* One domain for both devices, then bypass, then nothing. */
static void one_domain(const struct vmm *vmm)
{
	expect_status("ATTACH", attach(vmm, VIOMMU_T_ATTACH, 1, 1, 0), 0);
	expect_status("UNMAP", unmap(vmm, 1, 0x200000), 0);
	expect_status("MAP", map(vmm, 1, 0x200000, 0x1000, VIOMMU_MAP_F_WRITE), 0);
	copy(vmm, 1, 0x100000, 0x200000);
	expect_bytes(vmm, "the second device in the domain of the first copied", 0x1000, 0x50);
	expect_status("ATTACH with bypass",
		      attach(vmm, VIOMMU_T_ATTACH, 3, 1, VIOMMU_ATTACH_F_BYPASS), 0);
	copy(vmm, 1, 0x10000, 0x20000);
	expect_bytes(vmm, "the second device in bypass copied", 0x20000, 0x51);
	expect_status("DETACH", attach(vmm, VIOMMU_T_DETACH, 3, 1, 0), 0);
	fill(vmm, 0x20000, 0x22);
	copy(vmm, 1, 0x10000, 0x20000);
	expect_bytes(vmm, "after DETACH the page holds", 0x20000, 0x22);
}

/* -- the VMM --------------------------------------------------------------------------------- */

static int assign(const struct vmm *vmm, char **names)
{
	for (int i = 0; i < N_DEVICES; i++) {
		struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						    .id = (uint32_t)(FIRST_ENDPOINT + i) };
		int number = -1;
		int error = viommu_kernel_open_device(vmm->kernel, names[i], &number);

		if (!error)
			error = viommu_endpoint_add(vmm->iommu, &endpoint);
		if (!error)
			error = viommu_backend_add_device(vmm->backend, vmm->iommu, endpoint.id,
							  number);
		if (error)
			return error;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static _Alignas(PAGE_BYTES) unsigned char pages[MEMORY_BYTES];
	static struct vmm vmm;
	const struct viommu_kernel_ops ops = {
		.size = sizeof(ops), .log = on_log, .opened = on_opened, .closing = on_closing
	};
	struct viommu_memory memory = { .first = 0, .last = MEMORY_BYTES - 1 };
	int error;

	if (argc != 1 + N_DEVICES) {
		fprintf(stderr, "usage: vfio DEVICE DEVICE\n");
		return 77; /* as a test it is skipped */
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	memory.host = vmm.memory = pages;
	error = viommu_new(NULL, NULL, &vmm, &vmm.iommu) ?:
		viommu_kernel_new(VIOMMU_INTERFACE_ANY, &ops, &vmm, &vmm.kernel) ?:
		viommu_backend_new(viommu_kernel_calls(vmm.kernel), vmm.kernel, &vmm.backend) ?:
		viommu_backend_add_memory(vmm.backend, &memory) ?:
		viommu_accept(vmm.iommu, viommu_features(vmm.iommu)) ?:
		assign(&vmm, argv + 1);
	if (!error) {
		two_domains(&vmm);
		one_domain(&vmm);
		printf("vfio: devices were opened %u times\n", vmm.n_opened);
	}
	viommu_backend_free(vmm.backend);
	viommu_kernel_free(vmm.kernel);
	viommu_free(vmm.iommu);
	if (error)
		fprintf(stderr, "vfio: %s\n", strerror(-error));
	return error != 0;
}
