/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_H
#define ENGINE_H

#include "driver.h"

/*
 * Devices that do DMA as the guest asks: `viommu-dma` of this project, QEMU's `edu`, any virtio
 * disk behind the IOMMU, whose first sector is overwritten, and any NVMe controller with the
 * feature Timestamp, which is overwritten
 *
 * A disk or a controller has queues of its own in memory. Each access maps them at their own
 * address in every domain that there is, and they stay mapped until the domain ends or a case
 * unmaps them. So an access that should be blocked after its domain has ended proves something if
 * one was made before: the queues are where the page is.
 *
 * Where there are too few of them, an endpoint that can be attached takes the place of one. It is
 * blind: it does no DMA, and a case that wants some sets `engine_was_blind`.
 *
 * What an access did is read from memory, never from the function: functions of QEMU do not learn
 * that an access was blocked.
 */

enum engine_kind { ENGINE_NONE, ENGINE_VIOMMU, ENGINE_EDU, ENGINE_DISK, ENGINE_NVME, ENGINE_BLIND };

struct engine {
	enum engine_kind kind;
	struct function function;    /* not of a disk on virtio-mmio */
	volatile uint8_t *registers; /* not of a disk */
	struct virtio disk;
	uint32_t endpoint;
};

/* The first ones that there are; kind ENGINE_NONE: none. */
extern struct engine engines[2];
void engines_find(uint64_t unit);
bool engine_has_queues(const struct engine *engine);
extern bool engine_was_blind;

/* Write 8 bytes to `address`. Did they arrive at `at`? */
bool engine_writes(const struct engine *engine, uint64_t address, volatile uint64_t *at);

/*
 * Read 8 bytes from `address`. Did the function see what is at `at`? The function may write what it
 * has read to `window`, an address that is mapped for writing to `window_at`.
 */
bool engine_reads(const struct engine *engine, uint64_t address, volatile uint64_t *at,
		  uint64_t window, volatile uint64_t *window_at);

#endif
