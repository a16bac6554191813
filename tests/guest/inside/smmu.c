/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables of the guest in hardware: QEMU's nested SMMUv3 reads them, over page tables of iommufd
 *
 *     smmu 0000:00:01.0 0000:00:02.0
 *
 * The devices are QEMU's "edu", bound to vfio-pci. Guest memory is at 0 of the space. Prints what
 * was seen, for the row to judge.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <viommu/backend.h>

enum {
	PAGE_BYTES = 4096,
	MEMORY_BYTES = 1 << 20,
	N_DEVICES = 2,
	FIRST_ENDPOINT = 0x108,
	BAR_BYTES = 0x1000,
	/* 64-bit registers of edu, and where its page begins. */
	EDU_SOURCE = 0x80 / 8,
	EDU_DESTINATION = 0x88 / 8,
	EDU_COUNT = 0x90 / 8,
	EDU_COMMAND = 0x98 / 8,
	EDU_BUFFER = 0x40000,
	COMMAND_OFFSET = 4,
	COMMAND_MEMORY_AND_MASTER = 6,
	/* Where the first device's context and tables are in guest memory; the second's follow. */
	TABLES = 0x10000,
	TABLES_BYTES = 0x8000,
	PAGE = 0x40000, /* that the first device's table maps; the second's is the next */
	VIRTUAL = 0x500000,
};

static unsigned char *memory;
static struct viommu_kernel *kernel;
static const struct viommu_backend_calls *calls;
static volatile uint64_t *registers[N_DEVICES];

static void must(const char *what, int error)
{
	if (!error)
		return;
	printf("smmu: %s: %s\n", what, strerror(-error));
	exit(1);
}

static void on_log(void *opaque, const char *text)
{
	(void)opaque;
	printf("smmu: %s\n", text);
}

static int on_opened(void *opaque, int device, const char *name, int file)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t command = COMMAND_MEMORY_AND_MASTER;

	(void)opaque;
	(void)name;
	if (ioctl(file, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    ioctl(file, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pwrite(file, &command, 2, (off_t)config.offset + COMMAND_OFFSET) != 2)
		return -EIO;
	registers[device] =
		mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)bar.offset);
	return registers[device] == MAP_FAILED ? -errno : 0;
}

static void on_closing(void *opaque, int device)
{
	(void)opaque;
	munmap((void *)registers[device], BAR_BYTES);
}

/* The device writes its page to an address; which page of guest memory changed. */
static const char *reaches(int device, uint64_t address)
{
	static char text[32];

	memset(memory + PAGE, 0xee, 2 * PAGE_BYTES);
	registers[device][EDU_SOURCE] = EDU_BUFFER;
	registers[device][EDU_DESTINATION] = address;
	registers[device][EDU_COUNT] = 256;
	registers[device][EDU_COMMAND] = 3;
	while (registers[device][EDU_COMMAND] & 1)
		usleep(1000);
	for (int i = 0; i < 2; i++) {
		if (memory[PAGE + i * PAGE_BYTES] == 0xee)
			continue;
		snprintf(text, sizeof(text), "page %d", i);
		return text;
	}
	return "nothing";
}

/* -- tables ------------------------------------------------------------------------ */

static uint64_t tables_of(int device)
{
	return TABLES + (uint64_t)device * TABLES_BYTES;
}

static uint64_t *leaf_of(int device)
{
	return (uint64_t *)(void *)(memory + tables_of(device) + 4 * PAGE_BYTES) +
	       (VIRTUAL >> 12 & 0x1ff);
}

/*
 * A context descriptor (Arm IHI 0070, 5.4): 48 bits, 4 KiB pages, cached; below it four levels.
 * Returns the body of ARM_CD_TABLE with one descriptor.
 */
static void make_tables(int device, uint8_t body[VIOMMU_TABLE_BODY_LENGTH])
{
	uint64_t base = tables_of(device), asid = 5 + (uint64_t)device;
	uint64_t *descriptor = (void *)(memory + base);
	uint64_t words[2] = { base, 0 };

	memset(memory + base, 0, TABLES_BYTES);
	descriptor[0] = 16 | 1ull << 8 | 1ull << 10 | 3ull << 12 | 1ull << 30 | 1ull << 31 |
			4ull << 32 | 1ull << 41 | 1ull << 45 | 1ull << 46 | 1ull << 47 | asid << 48;
	descriptor[1] = base + PAGE_BYTES;
	descriptor[3] = 0xff;
	for (int level = 1; level < 4; level++) {
		uint64_t *table = (void *)(memory + base + (uint64_t)level * PAGE_BYTES);

		table[VIRTUAL >> (48 - 9 * level) & 0x1ff] =
			(base + (uint64_t)(level + 1) * PAGE_BYTES) | 3;
	}
	*leaf_of(device) =
		(PAGE + (uint64_t)device * PAGE_BYTES) | 3 | 1 << 6 | 3 << 8 | 1 << 10 | 1 << 11;
	memset(body, 0, VIOMMU_TABLE_BODY_LENGTH);
	memcpy(body, words, sizeof(words));
}

static void on_fault(void *opaque, struct viommu *iommu, const struct viommu_fault *fault)
{
	(void)opaque;
	(void)iommu;
	printf("smmu: fault of endpoint 0x%x, reason %u, flags 0x%x, at 0x%llx\n", fault->endpoint,
	       fault->reason, fault->flags, (unsigned long long)fault->address);
}

static void read_events(const char *when)
{
	struct pollfd file = { .fd = viommu_kernel_events_file(kernel), .events = POLLIN };

	printf("smmu: %s there is %s\n", when, poll(&file, 1, 500) == 1 ? "an event" : "no event");
	calls->read_events(kernel, on_fault, NULL);
}

static void use_tables(struct viommu_backend_table *wanted)
{
	const struct viommu_invalidation one = { .first = VIRTUAL,
						 .last = VIRTUAL + PAGE_BYTES - 1 };
	uint32_t tables[N_DEVICES];

	for (int i = 0; i < N_DEVICES; i++) {
		make_tables(i, wanted->body);
		must("table", calls->table_new(kernel, wanted, &tables[i]));
		must("attach",
		     calls->table_attach(kernel, i, tables[i], FIRST_ENDPOINT + (uint32_t)i));
	}
	printf("smmu: by its table the first device reaches %s\n", reaches(0, VIRTUAL));
	printf("smmu: by its table the second device reaches %s\n", reaches(1, VIRTUAL));
	printf("smmu: they share a page table of the host: %s\n",
	       viommu_kernel_page_table(kernel, 0) == viommu_kernel_page_table(kernel, 1) ? "yes"
											  : "no");
	printf("smmu: where its table has nothing, the second reaches %s\n",
	       reaches(1, VIRTUAL + 0x200000));
	read_events("then");
	*leaf_of(0) = 0;
	printf("smmu: before INVALIDATE the first still reaches %s\n", reaches(0, VIRTUAL));
	must("invalidate", calls->table_invalidate(kernel, 0, &one));
	printf("smmu: after INVALIDATE the first reaches %s\n", reaches(0, VIRTUAL));
	read_events("after INVALIDATE");
	printf("smmu: and the second still reaches %s\n", reaches(1, VIRTUAL));
	must("unmap", calls->unmap(kernel, wanted->space, PAGE, 2 * PAGE_BYTES));
	printf("smmu: after UNMAP in the parent the second reaches %s\n", reaches(1, VIRTUAL));
	must("map", calls->map(kernel, wanted->space, PAGE, 2 * PAGE_BYTES, memory + PAGE,
			       VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE));
	must("attach", calls->attach(kernel, 0, wanted->space));
	printf("smmu: in the space itself the first reaches %s\n", reaches(0, PAGE));
	for (int i = 0; i < N_DEVICES; i++) {
		must("detach", calls->detach(kernel, i));
		must("free", calls->table_free(kernel, tables[i]));
	}
	printf("smmu: detached, the first reaches %s\n", reaches(0, PAGE));
}

int main(int argc, char **argv)
{
	const struct viommu_kernel_ops ops = { .size = sizeof(ops),
					       .log = on_log,
					       .opened = on_opened,
					       .closing = on_closing,
					       .nest = true };
	struct viommu_backend_table wanted = { .format = VIOMMU_TABLE_ARM_CD_TABLE };
	const uint32_t both = VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE;

	if (argc < 1 + N_DEVICES)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	memory =
		mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must("kernel", viommu_kernel_new(VIOMMU_INTERFACE_IOMMUFD, &ops, NULL, &kernel));
	calls = viommu_kernel_calls(kernel);
	for (int i = 0, number; i < N_DEVICES; i++)
		must(argv[1 + i], viommu_kernel_open_device(kernel, argv[1 + i], &number));
	must("space", calls->space_new(kernel, &wanted.space));
	/* A space has a device before it has mappings. */
	must("attach", calls->attach(kernel, 0, wanted.space));
	must("map", calls->map(kernel, wanted.space, 0, PAGE, memory, both));
	must("map", calls->map(kernel, wanted.space, PAGE, 2 * PAGE_BYTES, memory + PAGE, both));
	use_tables(&wanted);
	must("free", calls->space_free(kernel, wanted.space));
	viommu_kernel_free(kernel);
	printf("smmu: the end\n");
	return 0;
}
