/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FAKE_H
#define TESTS_FAKE_H
#include <stdbool.h>
#include <stdint.h>

/*
 * A kernel in this process with iommufd and VFIO type1: what its system calls return for what state
 *
 * Device i is "0000:<i>:00.0" in a sysfs of its own, alone in group i; but device FAKE_MATE is in
 * group FAKE_MATE - 1. A space is an IOAS or a container; number 0 is none.
 */
enum { FAKE_DEVICES = 66, FAKE_MATE = FAKE_DEVICES - 1, FAKE_SPACES = 80, FAKE_MAPS = 64 };

/* File descriptors: of /dev/iommu, and of the first device, group and container. */
enum { FAKE_FD = 99, FAKE_DEVICE = 100, FAKE_GROUP = 300, FAKE_CONTAINER = 500 };

struct fake_map {
	uint64_t iova, length, va;
	uint32_t flags; /* KERNEL_MAP_* */
	uint64_t dirty; /* its first 64 pages */
};

/* What the IOMMU of a device can do. All 0: 48 bits, pages of 4 KiB, no dirty pages. */
struct fake_limits {
	uint64_t alignment, last;
	uint64_t hole_first, hole_last;
	unsigned n_ranges; /* not 0: so many instead; range i has i + 1 pages, from 4 GiB * i on */
	bool touch;        /* wrong: ranges begin in those before them */
	bool dirty;
};

struct fake {
	struct fake_limits limits[FAKE_DEVICES];
	bool no_iommufd, no_type1;
	bool space[FAKE_SPACES], has_iommu[FAKE_SPACES];
	struct fake_map maps[FAKE_SPACES][FAKE_MAPS];
	unsigned n_maps[FAKE_SPACES];
	unsigned max_maps;         /* 0: as many as there is room for */
	uint32_t at[FAKE_DEVICES]; /* the space of a device or its group, or 0 */
	bool file[FAKE_DEVICES], group[FAKE_DEVICES], bound[FAKE_DEVICES];
	bool not_viable;
	bool dead[FAKE_DEVICES];           /* unplugged: nothing works but close() */
	unsigned n_detached[FAKE_DEVICES]; /* how often it lost its space without getting another */
	bool tracks[FAKE_SPACES];
	bool no_tracking;
	bool held[FAKE_DEVICES]; /* something else has the device's file open */
	unsigned calls;          /* open() and ioctl() since this was set to 0 */
	unsigned fail;           /* the number of the one to fail, from 1 */
	unsigned fail_n;         /* how many fail from there on */
	int error;
};

extern struct fake fake;

/* Make the sysfs: its root. Removed by fake_remove_sysfs(). */
const char *fake_make_sysfs(void);
void fake_remove_sysfs(void);
const char *fake_name(int device);

int fake_open(const char *path);
int fake_close(int fd);
int fake_ioctl(int fd, unsigned long request, void *argument);
unsigned fake_spaces(void);

/* Where an access of a device to one byte ends, or 0: a fault. A write makes the page dirty. */
uint64_t fake_dma(int device, uint64_t iova, bool write);
#endif
