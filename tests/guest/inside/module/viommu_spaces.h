/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef VIOMMU_SPACES_H
#define VIOMMU_SPACES_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* /dev/viommu-spaces: DMA of viommu-dma in the address space of the process that has bound it */

struct viommu_spaces_dma {
	__u64 address, length, seed; /* multiples of 8 */
	__u32 command;               /* 1 write the pattern, 2 read */
	__u32 flags;                 /* 1 ATS, 2 page requests */
};

struct viommu_spaces_result {
	__u64 sum, done;
	__u32 status;                /* as in qemu/dma/dma.c; 1: busy */
	__u32 requests, drops, hits; /* since the machine was started */
	__u32 invalidations;         /* sent by this file */
};

/* Status of writes with two PASIDs of paging domains, each of which maps a page at an address of
 * its own. */
struct viommu_spaces_pair {
	__u32 own[2], others[2]; /* at its address, and at that of the other */
	__u32 intact;            /* the last wrote to neither page */
	__u32 unmapped, detached;
};

/* Memory that is mapped for DMA without PASID, written by the device, and unmapped. */
struct viommu_spaces_churn {
	__u32 rounds;    /* to do */
	__u32 written;   /* rounds in which the device wrote it */
	__u32 under_way; /* whose DMA had not ended when it was unmapped */
	__u32 damaged;   /* in which it was written after that */
};

#define VIOMMU_SPACES_BIND   _IO('v', 0)
#define VIOMMU_SPACES_UNBIND _IO('v', 1)
#define VIOMMU_SPACES_START  _IOW('v', 2, struct viommu_spaces_dma)
#define VIOMMU_SPACES_RESULT _IOR('v', 3, struct viommu_spaces_result)
#define VIOMMU_SPACES_PAIR   _IOR('v', 4, struct viommu_spaces_pair) /* viommu_sva only */
#define VIOMMU_SPACES_CHURN  _IOWR('v', 5, struct viommu_spaces_churn)

#endif
