/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A user-space driver for the DMA engine of QEMU's "edu" device
 *
 * The engine copies between guest memory, at any address, and a page inside
 * the device: a simple endpoint for valid and invalid DMA. Its registers are
 * accessed in one of three ways:
 *
 *     edu vfio 0000:00:04.0 WORD...    through VFIO, in an IOMMU domain of its own
 *     edu sysfs 0000:00:04.0 WORD...   through its BAR as sysfs shows it
 *     edu memory 0xfe000000 WORD...    through its BAR in /dev/mem, no PCI device needed
 *
 * The words are executed in order. Pages have one-letter names; an address is
 * @NUMBER or a page's name, for its address as the device sees it.
 *
 *     map PAGE NUMBER rw|r|w   map a page for the device (VFIO only)
 *     unmap PAGE               unmap it (VFIO only)
 *     pin PAGE                 use a page at its physical address (not with VFIO)
 *     fill PAGE BYTE           write it with the CPU
 *     fetch ADDRESS            the device reads guest memory into its own page
 *     store ADDRESS            the device writes its own page to guest memory
 *     holds PAGE               print what the CPU finds in it
 *     times COUNT              do the next word that many times
 *     bytes COUNT              the size of each following transfer; initially 256
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	PAGE_BYTES = 4096,
	BAR_BYTES = 0x1000,
	PAGES = 26,
	/* Registers of the engine, and where its own page begins. */
	EDU_IDENTITY = 0x00,
	EDU_SOURCE = 0x80,
	EDU_DESTINATION = 0x88,
	EDU_COUNT = 0x90,
	EDU_COMMAND = 0x98,
	EDU_BUFFER = 0x40000,
	EDU_START = 1,
	EDU_TO_MEMORY = 2,
	EDU_MAGIC = 0xed,
	/* In PCI configuration space. */
	PCI_COMMAND_OFFSET = 4,
	PCI_COMMAND_MEMORY_AND_MASTER = 6,
	DMA_BYTES = 256,
	POLL_MICROSECONDS = 1000,
	POLLS = 20000,
};

struct page {
	unsigned char *bytes;
	uint64_t address;
};

static struct page pages[PAGES];
static volatile unsigned char *registers;
static int container = -1;
static unsigned long repeat = 1;
static uint64_t transfer_bytes = DMA_BYTES;

static void fail(const char *what)
{
	printf("edu: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t number(const char *word)
{
	return strtoull(word, NULL, 0);
}

static struct page *page(const char *name)
{
	struct page *found = &pages[(unsigned int)(name[0] - 'a') % PAGES];

	if (found->bytes)
		return found;
	found->bytes = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	if (found->bytes == MAP_FAILED)
		fail("no memory");
	return found;
}

static uint64_t address(const char *word)
{
	return word[0] == '@' ? number(word + 1) : page(word)->address;
}

static void write_register(unsigned int offset, uint64_t value)
{
	*(volatile uint64_t *)(registers + offset) = value;
}

static void transfer(uint64_t source, uint64_t destination, unsigned int direction)
{
	write_register(EDU_SOURCE, source);
	write_register(EDU_DESTINATION, destination);
	write_register(EDU_COUNT, transfer_bytes);
	write_register(EDU_COMMAND, EDU_START | direction);
	for (int i = 0; i < POLLS; i++) {
		if (!(*(volatile uint64_t *)(registers + EDU_COMMAND) & EDU_START))
			return;
		usleep(POLL_MICROSECONDS);
	}
	errno = ETIMEDOUT;
	fail("the engine does not finish");
}

static void do_map(char **word)
{
	struct page *mapped = page(word[0]);
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = (strchr(word[2], 'r') ? VFIO_DMA_MAP_FLAG_READ : 0) |
			 (strchr(word[2], 'w') ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (uintptr_t)mapped->bytes,
		.iova = number(word[1]),
		.size = PAGE_BYTES,
	};

	mapped->address = map.iova;
	if (ioctl(container, VFIO_IOMMU_MAP_DMA, &map))
		fail("cannot map");
}

static void do_unmap(char **word)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = page(word[0])->address,
		.size = PAGE_BYTES,
	};

	if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap) || unmap.size != PAGE_BYTES)
		fail("cannot unmap");
}

/* /proc/self/pagemap has eight bytes a page, the frame's number in the low 55 bits. */
static void do_pin(char **word)
{
	const uint64_t frame_mask = (1ULL << 55) - 1;
	struct page *pinned = page(word[0]);
	int map = open("/proc/self/pagemap", O_RDONLY);
	uint64_t frame;
	off_t offset = (off_t)((uintptr_t)pinned->bytes / PAGE_BYTES * sizeof(frame));

	if (map < 0 || pread(map, &frame, sizeof(frame), offset) != sizeof(frame))
		fail("no physical address");
	close(map);
	pinned->address = (frame & frame_mask) * PAGE_BYTES;
}

static void do_fill(char **word)
{
	memset(page(word[0])->bytes, (int)number(word[1]), PAGE_BYTES);
}

static void do_fetch(char **word)
{
	transfer(address(word[0]), EDU_BUFFER, 0);
}

static void do_store(char **word)
{
	transfer(EDU_BUFFER, address(word[0]), EDU_TO_MEMORY);
}

static void do_holds(char **word)
{
	const unsigned char *bytes = page(word[0])->bytes;
	size_t same = 1;

	while (same < DMA_BYTES && bytes[same] == bytes[0])
		same++;
	printf("edu: page %s holds %zu bytes of 0x%02x\n", word[0], same, bytes[0]);
}

static void do_times(char **word)
{
	repeat = number(word[0]);
}

static void do_bytes(char **word)
{
	transfer_bytes = number(word[0]) < PAGE_BYTES ? number(word[0]) : PAGE_BYTES;
}

static const struct word {
	const char *name;
	int arguments;
	void (*perform)(char **word);
} words[] = {
	{ "map", 3, do_map },     { "unmap", 1, do_unmap }, { "pin", 1, do_pin },
	{ "fill", 2, do_fill },   { "fetch", 1, do_fetch }, { "store", 1, do_store },
	{ "holds", 1, do_holds }, { "times", 1, do_times }, { "bytes", 1, do_bytes },
};

static const struct word *find_word(const char *name)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].name, name))
			return &words[i];
	return NULL;
}

static void perform_all(int count, char **word)
{
	while (count > 0) {
		const struct word *known = find_word(word[0]);
		unsigned long times = repeat;

		if (!known || known->arguments >= count) {
			printf("edu: no such word, or too little after it: %s\n", word[0]);
			exit(2);
		}
		repeat = 1;
		while (times--)
			known->perform(word + 1);
		count -= 1 + known->arguments;
		word += 1 + known->arguments;
	}
}

static void map_registers(const char *path, off_t offset)
{
	int file = open(path, O_RDWR | O_SYNC);

	if (file < 0)
		fail(path);
	registers = mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, offset);
	if (registers == MAP_FAILED)
		fail("cannot reach the registers");
}

/* Let the device answer and do DMA: through the file and offset of its configuration space. */
static void enable(int file, off_t configuration)
{
	uint16_t command;

	if (pread(file, &command, sizeof(command), configuration + PCI_COMMAND_OFFSET) < 0)
		fail("cannot read the configuration space");
	command |= PCI_COMMAND_MEMORY_AND_MASTER;
	if (pwrite(file, &command, sizeof(command), configuration + PCI_COMMAND_OFFSET) < 0)
		fail("cannot write the configuration space");
}

static void open_sysfs(const char *device)
{
	char path[128];
	int file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", device);
	file = open(path, O_RDWR);
	if (file < 0)
		fail(path);
	enable(file, 0);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", device);
	map_registers(path, 0);
}

static void open_memory(const char *where)
{
	map_registers("/dev/mem", (off_t)number(where));
}

static int open_group(const char *device)
{
	char path[128], target[128];
	ssize_t length;
	int group;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", device);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		fail("no IOMMU group");
	target[length] = 0;
	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(target, '/'));
	group = open(path, O_RDWR);
	if (group < 0)
		fail(path);
	return group;
}

static void open_vfio(const char *device)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_region_info configuration = { .argsz = sizeof(configuration),
						  .index = VFIO_PCI_CONFIG_REGION_INDEX };
	int group = open_group(device), file;

	container = open("/dev/vfio/vfio", O_RDWR);
	if (container < 0 || ioctl(group, VFIO_GROUP_SET_CONTAINER, &container))
		fail("no container");
	if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		fail("no IOMMU");
	file = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, device);
	if (file < 0 || ioctl(file, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    ioctl(file, VFIO_DEVICE_GET_REGION_INFO, &configuration))
		fail("no device");
	enable(file, (off_t)configuration.offset);
	registers =
		mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)bar.offset);
	if (registers == MAP_FAILED)
		fail("cannot reach the registers");
}

static const struct way {
	const char *name;
	void (*open)(const char *device);
} ways[] = {
	{ "vfio", open_vfio },
	{ "sysfs", open_sysfs },
	{ "memory", open_memory },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, argv[1]))
			continue;
		ways[i].open(argv[2]);
		if ((*(volatile uint32_t *)(registers + EDU_IDENTITY) & 0xff) != EDU_MAGIC) {
			printf("edu: this is no edu device\n");
			return 1;
		}
		perform_all(argc - 3, argv + 3);
		return 0;
	}
	fprintf(stderr, "usage: edu vfio|sysfs|memory DEVICE WORD...\n");
	return 2;
}
