/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_COMMON_H
#define VIOMMU_TRANSPORT_COMMON_H

#include "transport/function.h"

/* Common configuration of a virtio function (virtio 1.4, 4.1.4.3): a row for each field. */

#define COMMON_LENGTH 60

/* A field must be accessed whole. Anything else reads as 0 and writes nothing. */
uint32_t common_read(struct function *function, uint64_t offset, unsigned length);
void common_write(struct function *function, uint64_t offset, unsigned length, uint32_t value);

#endif
