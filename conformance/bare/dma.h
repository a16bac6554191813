/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMA_H
#define DMA_H

#include "bare.h"

/* Functions of QEMU that do DMA as the guest asks */

enum { DMA_VENDOR = 0x1234, DMA_DEVICE = 0x7664, EDU_DEVICE = 0x11e8 };

/* -- viommu-dma: qemu/dma/dma.c has its registers -------------------------------------- */

enum { DMA_WRITE = 1, DMA_READ = 2, DMA_DROP = 3 };
enum { DMA_DONE, DMA_BUSY, DMA_FAULT, DMA_REFUSED, DMA_FAILED, DMA_DISABLED };
enum { DMA_ATS = 1, DMA_PRI = 2 };
enum {
	DMA_STATUS = 0x34,
	DMA_RESULT = 0x28,
	DMA_REQUESTS = 0x40,
	DMA_DROPS = 0x44,
	DMA_HITS = 0x48
};

/* With a PASID: privileged. */
#define DMA_PRIVILEGED (1u << 30)

struct dma {
	struct function function;
	volatile uint8_t *registers;
};

/* Find the function, and enable PASIDs, ATS and PRI. False: it lacks one of them. */
bool dma_begin(struct dma *dma);
bool dma_enable(const struct dma *dma);

void dma_start(const struct dma *dma, unsigned command, uint32_t pasid, uint64_t address,
	       uint64_t length, uint32_t flags, uint64_t seed);
unsigned dma_end(const struct dma *dma);
unsigned dma_do(const struct dma *dma, unsigned command, uint32_t pasid, uint64_t address,
		uint64_t length, uint32_t flags, uint64_t seed);

/* What it writes at A is dma_hash(seed ^ A); what it sums is dma_hash(word ^ A). */
uint64_t dma_hash(uint64_t value);
bool dma_has_written(const uint64_t *memory, uint64_t address, uint64_t length, uint64_t seed);

/* -- edu ----------------------------------------------------------------------------------- */

enum { EDU_BUFFER = 0x40000 }; /* where its own memory begins */

/* Between memory and its buffer. */
void edu_copy(volatile uint8_t *registers, uint64_t from, uint64_t to, uint64_t length,
	      bool to_memory);

#endif
