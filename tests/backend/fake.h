/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FAKE_H
#define TESTS_FAKE_H
#include <stdbool.h>
#include <stdint.h>

/* iommufd in this process: what its ioctls return for what state. Devices are fd 100 and above. */
enum { FAKE_FD = 99, FAKE_DEVICE = 100, FAKE_DEVICES = 64, FAKE_SPACES = 80, FAKE_MAPS = 64 };

struct fake_map {
	uint64_t iova, length, va;
	uint32_t flags;
};

struct fake {
	bool space[FAKE_SPACES];
	struct fake_map maps[FAKE_SPACES][FAKE_MAPS];
	unsigned n_maps[FAKE_SPACES];
	uint32_t at[FAKE_DEVICES]; /* the space of a device, or 0 */
	bool stopped[FAKE_DEVICES];
	unsigned calls;  /* ioctls since this was set to 0 */
	unsigned fail;   /* the number of the one to fail, from 1 */
	unsigned fail_n; /* how many fail from there on */
	int error;
};

extern struct fake fake;
int fake_ioctl(int fd, unsigned long request, void *argument);
unsigned fake_spaces(void);

/* Where an access of a device to one byte ends, or 0: a fault. */
uint64_t fake_dma(int device, uint64_t iova, bool write);
#endif
