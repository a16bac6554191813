/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables of the guest in hardware: QEMU's nested SMMUv3 reads them, over page tables of iommufd
 *
 *     smmu 0000:00:01.0 0000:00:02.0
 *
 * The devices are QEMU's "edu", bound to vfio-pci. Guest memory is at 0 of the space. Prints what
 * was seen, for the row to judge.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <viommu/backend.h>

#define NAME "smmu"
#include "edu_vfio.h"
#include "program.h"

enum {
	PAGE_BYTES = 4096,
	MEMORY_BYTES = 1 << 20,
	N_DEVICES = 2,
	FIRST_ENDPOINT = 0x108,
	/* Where the first device's context and tables are in guest memory; the second's follow. */
	TABLES = 0x10000,
	TABLES_BYTES = 0x8000,
	PAGE = 0x40000, /* that the first device's table maps; the second's is the next */
	VIRTUAL = 0x500000,
	PARENT = 50,
	OFFSET = 0x2000000, /* of addresses of the parent from those of memory */
};

static unsigned char *memory;
static struct viommu_kernel *kernel;
static struct viommu *iommu;
static struct viommu_backend *backend;
static volatile uint64_t *registers[N_DEVICES];

static int on_opened(void *opaque, int device, const char *name, int file)
{
	(void)opaque;
	(void)name;
	return edu_open(file, &registers[device]);
}

static void on_closing(void *opaque, int device)
{
	(void)opaque;
	edu_close(registers[device]);
}

/* The device writes its page to an address; which page of guest memory changed. */
static const char *reaches(int device, uint64_t address)
{
	static char text[32];

	memset(memory + PAGE, 0xee, 2 * PAGE_BYTES);
	edu_write(registers[device], address);
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
 * Returns the body of ARM_CD_TABLE with one descriptor. `offset`: of all addresses from memory.
 */
static void make_tables(int device, uint64_t offset, uint8_t body[VIOMMU_TABLE_BODY_LENGTH])
{
	uint64_t base = tables_of(device) + offset, asid = 5 + (uint64_t)device;
	uint64_t *descriptor = (void *)(memory + tables_of(device));
	uint64_t words[2] = { base, 0 };

	memset(descriptor, 0, TABLES_BYTES);
	descriptor[0] = 16 | 1ull << 8 | 1ull << 10 | 3ull << 12 | 1ull << 30 | 1ull << 31 |
			4ull << 32 | 1ull << 41 | 1ull << 45 | 1ull << 46 | 1ull << 47 | asid << 48;
	descriptor[1] = base + PAGE_BYTES;
	descriptor[3] = 0xff;
	for (int level = 1; level < 4; level++) {
		uint64_t *table =
			(void *)(memory + tables_of(device) + (uint64_t)level * PAGE_BYTES);

		table[VIRTUAL >> (48 - 9 * level) & 0x1ff] =
			(base + (uint64_t)(level + 1) * PAGE_BYTES) | 3;
	}
	*leaf_of(device) = (PAGE + offset + (uint64_t)device * PAGE_BYTES) | 3 | 1 << 6 | 3 << 8 |
			   1 << 10 | 1 << 11;
	memset(body, 0, VIOMMU_TABLE_BODY_LENGTH);
	memcpy(body, words, sizeof(words));
}

/* -- the guest ----------------------------------------------------------------------- */

/* A record of the event queue, in the layout of the standard. */
static int on_event(void *opaque, const void *record, size_t length)
{
	const uint8_t *bytes = record;
	uint64_t address = 0;
	uint32_t flags, endpoint;

	(void)opaque;
	(void)length;
	memcpy(&flags, bytes + 4, sizeof(flags));
	memcpy(&endpoint, bytes + 8, sizeof(endpoint));
	memcpy(&address, bytes + 16, sizeof(address));
	/* The device writes four bytes at a time: one fault for a page is enough. */
	if (address % PAGE_BYTES)
		return 0;
	printf("smmu: fault of endpoint 0x%x, reason %u, flags 0x%x, at 0x%llx\n", endpoint,
	       bytes[0], flags, (unsigned long long)address);
	return 0;
}

static void request(const char *what, unsigned char *bytes, size_t length)
{
	unsigned char tail[VIOMMU_TAIL_LENGTH] = { 0xff };
	const struct iovec readable = { bytes, length }, writable = { tail, sizeof(tail) };

	viommu_request(iommu, &readable, 1, &writable, 1);
	if (!tail[0])
		return;
	printf("smmu: %s has status %u\n", what, tail[0]);
	exit(1);
}

/*
 * `parent`: a domain, or 0. The table has 2^pasid_bits descriptors, of which the first one is also
 * for requests without PASID (S1CDMax, S1DSS).
 */
static void attach_table(int device, uint32_t parent, unsigned pasid_bits)
{
	unsigned char bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };

	put(bytes + 4, 1 + (uint64_t)device, 4);
	put(bytes + 8, FIRST_ENDPOINT + (uint64_t)device, 4);
	put(bytes + 16, VIOMMU_TABLE_ARM_CD_TABLE, 2);
	put(bytes + 12, parent ? VIOMMU_SLOT_F_PARENT : 0, 4);
	put(bytes + 24, parent, 4);
	make_tables(device, parent ? OFFSET : 0, bytes + 32);
	if (pasid_bits) {
		bytes[32 + 7] |= (uint8_t)(pasid_bits << 3);
		bytes[32 + 8] |= 2;
	}
	request("ATTACH_TABLE", bytes, sizeof(bytes));
}

static void attach_bypass(int device)
{
	unsigned char bytes[VIOMMU_ATTACH_LENGTH] = { VIOMMU_T_ATTACH };

	put(bytes + 4, 9, 4);
	put(bytes + 8, FIRST_ENDPOINT + (uint64_t)device, 4);
	put(bytes + 12, VIOMMU_ATTACH_F_BYPASS, 4);
	request("ATTACH", bytes, sizeof(bytes));
}

static void detach(int device, uint32_t domain)
{
	unsigned char bytes[VIOMMU_DETACH_LENGTH] = { VIOMMU_T_DETACH };

	put(bytes + 4, domain, 4);
	put(bytes + 8, FIRST_ENDPOINT + (uint64_t)device, 4);
	request("DETACH", bytes, sizeof(bytes));
}

static void map(uint64_t first, uint64_t length, uint64_t phys)
{
	unsigned char bytes[VIOMMU_MAP_LENGTH] = { VIOMMU_T_MAP };

	put(bytes + 4, PARENT, 4);
	put(bytes + 8, first, 8);
	put(bytes + 16, first + length - 1, 8);
	put(bytes + 24, phys, 8);
	put(bytes + 32, VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE, 4);
	request("MAP", bytes, sizeof(bytes));
}

static void unmap(uint64_t first, uint64_t length)
{
	unsigned char bytes[VIOMMU_UNMAP_LENGTH] = { VIOMMU_T_UNMAP };

	put(bytes + 4, PARENT, 4);
	put(bytes + 8, first, 8);
	put(bytes + 16, first + length - 1, 8);
	request("UNMAP", bytes, sizeof(bytes));
}

/* One page of a device's table. */
static void invalidate(int device, uint64_t address)
{
	unsigned char bytes[VIOMMU_INVALIDATE_LENGTH] = { VIOMMU_T_INVALIDATE };

	put(bytes + 4, VIOMMU_INVALIDATE_S_ADDRESS, 1);
	put(bytes + 5, VIOMMU_INVALIDATE_C_TLB, 1);
	put(bytes + 8, 1 + (uint64_t)device, 4);
	put(bytes + 24, address, 8);
	put(bytes + 32, 1, 8);
	put(bytes + 40, 12, 1);
	request("INVALIDATE", bytes, sizeof(bytes));
}

static void read_events(const char *when)
{
	struct pollfd file = { .fd = viommu_kernel_events_file(kernel), .events = POLLIN };

	printf("smmu: %s there is %s\n", when, poll(&file, 1, 500) == 1 ? "an event" : "no event");
	viommu_backend_read_events(backend);
}

/* The library walks the same table. */
static void walk(int device)
{
	struct viommu_translation to = { 0 };
	int error = viommu_translate(iommu, FIRST_ENDPOINT + (uint32_t)device, VIRTUAL, 1,
				     VIOMMU_MAP_F_READ | VIOMMU_ACCESS_QUIET, &to);

	printf("smmu: the library finds page %lld for device %d, error %d\n",
	       ((long long)to.address - PAGE) / PAGE_BYTES, device, error);
}

static void use_tables(const struct viommu_memory *range)
{
	for (int i = 0; i < N_DEVICES; i++)
		attach_table(i, 0, 0);
	printf("smmu: by its table the first device reaches %s\n", reaches(0, VIRTUAL));
	printf("smmu: by its table the second device reaches %s\n", reaches(1, VIRTUAL));
	walk(0);
	walk(1);
	printf("smmu: they share a page table of the host: %s\n",
	       viommu_kernel_page_table(kernel, 0) == viommu_kernel_page_table(kernel, 1) ? "yes"
											  : "no");
	printf("smmu: where its table has nothing, the second reaches %s\n",
	       reaches(1, VIRTUAL + 0x200000));
	read_events("then");
	*leaf_of(0) = 0;
	printf("smmu: before INVALIDATE the first still reaches %s\n", reaches(0, VIRTUAL));
	viommu_backend_batch_begin(backend);
	invalidate(0, VIRTUAL);
	invalidate(0, VIRTUAL + 16 * PAGE);
	printf("smmu: in a batch the first still reaches %s\n", reaches(0, VIRTUAL));
	viommu_backend_batch_end(backend);
	printf("smmu: after INVALIDATE the first reaches %s\n", reaches(0, VIRTUAL));
	read_events("after INVALIDATE");
	printf("smmu: and the second still reaches %s\n", reaches(1, VIRTUAL));
	must("remove memory", viommu_backend_remove_memory(backend, 0));
	printf("smmu: without its memory the second reaches %s\n", reaches(1, VIRTUAL));
	must("add memory", viommu_backend_add_memory(backend, range));
	printf("smmu: with its memory again it reaches %s\n", reaches(1, VIRTUAL));
	attach_bypass(0);
	printf("smmu: in bypass the first reaches %s\n", reaches(0, PAGE));
	detach(0, 9);
	printf("smmu: detached, the first reaches %s\n", reaches(0, PAGE));
	detach(1, 2);
}

/* Context, tables and page are at addresses that mappings of the guest give them. */
static void use_parent(void)
{
	attach_table(0, PARENT, 0);
	map(OFFSET + TABLES, TABLES_BYTES, TABLES);
	printf("smmu: over a domain without its page the first reaches %s\n", reaches(0, VIRTUAL));
	map(OFFSET + PAGE, PAGE_BYTES, PAGE + PAGE_BYTES);
	printf("smmu: with a MAP of it to page 1 it reaches %s\n", reaches(0, VIRTUAL));
	walk(0);
	unmap(OFFSET + PAGE, PAGE_BYTES);
	printf("smmu: after UNMAP it reaches %s\n", reaches(0, VIRTUAL));
	map(OFFSET + PAGE, PAGE_BYTES, PAGE);
	printf("smmu: with a MAP to page 0 it reaches %s\n", reaches(0, VIRTUAL));
	read_events("over the domain");
	detach(0, 1);
	printf("smmu: detached from that, it reaches %s\n", reaches(0, VIRTUAL));
}

/* The kernel passes on a table of several descriptors; QEMU's SMMUv3 reads only tables of one. */
static void use_pasids(void)
{
	attach_table(0, 0, 1);
	printf("smmu: by a table of two descriptors it reaches %s\n", reaches(0, VIRTUAL));
	read_events("of that table");
	walk(0);
	detach(0, 1);
}

/* On a root bus there is none. */
static void use_hot_reset(void)
{
	int devices[N_DEVICES] = { -1, -1 };
	int n = viommu_kernel_reset_group(kernel, 0, devices, N_DEVICES);

	printf("smmu: a hot reset of device 0 resets %d devices, device %d first\n", n, devices[0]);
}

int main(int argc, char **argv)
{
	const struct viommu_kernel_ops ops = { .size = sizeof(ops),
					       .log = on_log,
					       .opened = on_opened,
					       .closing = on_closing,
					       .nest = true };
	const struct viommu_ops device_ops = { .size = sizeof(device_ops), .event = on_event };
	const struct viommu_config config = { .size = sizeof(config),
					      .features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_TABLE |
							  VIOMMU_F_NEST };
	struct viommu_memory range = { .first = 0, .last = MEMORY_BYTES - 1 };

	if (argc < 1 + N_DEVICES)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	memory =
		mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	range.host = memory;
	must("kernel", viommu_kernel_new(VIOMMU_INTERFACE_IOMMUFD, &ops, NULL, &kernel));
	must("iommu", viommu_new(&config, &device_ops, NULL, &iommu));
	must("features", viommu_accept(iommu, viommu_features(iommu)));
	must("memory", viommu_set_memory(iommu, &range, 1));
	must("backend", viommu_backend_new(viommu_kernel_calls(kernel), kernel, &backend));
	must("memory", viommu_backend_add_memory(backend, &range));
	for (int i = 0, number; i < N_DEVICES; i++) {
		struct viommu_table_format format;
		struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						    .id = FIRST_ENDPOINT + (uint32_t)i,
						    .formats = &format };

		must(argv[1 + i], viommu_kernel_open_device(kernel, argv[1 + i], &number));
		endpoint.n_formats = viommu_kernel_formats(kernel, number, &format, 1);
		if (endpoint.n_formats)
			printf("smmu: hardware reads format 0x%x, %u bits to %u bits, granules "
			       "0x%llx,"
			       " ASIDs of %u bits\n",
			       format.format, format.input_bits, format.output_bits,
			       (unsigned long long)format.granules, format.asid_bits);
		must("endpoint", viommu_endpoint_add(iommu, &endpoint));
		must("add device", viommu_backend_add_device(backend, iommu, endpoint.id, number));
	}
	use_hot_reset();
	use_tables(&range);
	use_parent();
	use_pasids();
	viommu_backend_free(backend);
	viommu_kernel_free(kernel);
	viommu_free(iommu);
	printf("smmu: the end\n");
	return 0;
}
