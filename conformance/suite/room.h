/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ROOM_H
#define ROOM_H

#include "engine.h"

/* Memory for the queues of a device that does DMA, which the device reaches through the IOMMU, too
 */

/* Two pages or more, in units of the IOMMU of their own. */
extern struct room {
	uint64_t first, last;
} room;

void room_take(uint64_t unit);

/*
 * Map it at its own address in all domains that there are, as the case decides which one the
 * endpoint is in. The mappings stay, so that a device that translates by a domain which has ended
 * reaches it, too.
 */
void room_share(void);

/* The first domain of the domain range. */
uint32_t room_domain(void);

/* Is the function behind the IOMMU, with that ID? */
bool is_behind_iommu(const struct function *function, uint32_t *ret_id);

/* -- the n-th one that is behind the IOMMU; 8 bytes from it to memory, and by it to elsewhere ----
 */

bool disk_find(unsigned n, struct engine *engine);
void disk_write(const struct engine *engine, uint64_t address);
void disk_copy(const struct engine *engine, uint64_t from, uint64_t to);

bool nvme_find(unsigned n, struct engine *engine);
void nvme_write(const struct engine *engine, uint64_t address);

/* Of 8 bytes it keeps 48 bits, as a time in milliseconds that runs. */
void nvme_copy(const struct engine *engine, uint64_t from, uint64_t to);
bool nvme_has_copied(uint64_t value, uint64_t copy);

#endif
