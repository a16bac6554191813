/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's "edu", bound to vfio-pci
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	BAR_BYTES = 0x1000,
	/* 64-bit registers of edu, and where its page begins. */
	EDU_SOURCE = 0x80 / 8,
	EDU_DESTINATION = 0x88 / 8,
	EDU_COUNT = 0x90 / 8,
	EDU_COMMAND = 0x98 / 8,
	EDU_BUFFER = 0x40000,
	COMMAND_OFFSET = 4,
	COMMAND_MEMORY_AND_MASTER = 6,
};

/* Enable DMA, and map the registers. Returns 0 or a negative errno. */
static int edu_open(int file, volatile uint64_t **ret_registers)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t command = COMMAND_MEMORY_AND_MASTER;
	void *registers;

	if (ioctl(file, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    ioctl(file, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pwrite(file, &command, 2, (off_t)config.offset + COMMAND_OFFSET) != 2)
		return -EIO;
	registers =
		mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)bar.offset);
	if (registers == MAP_FAILED)
		return -errno;
	*ret_registers = registers;
	return 0;
}

static void edu_close(volatile uint64_t *registers)
{
	munmap((void *)registers, BAR_BYTES);
}

/* Let the device write a part of its buffer to an address. */
static void edu_write(volatile uint64_t *registers, uint64_t address)
{
	registers[EDU_SOURCE] = EDU_BUFFER;
	registers[EDU_DESTINATION] = address;
	registers[EDU_COUNT] = 256;
	registers[EDU_COMMAND] = 3;
	while (registers[EDU_COMMAND] & 1)
		usleep(1000);
}
