/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_WIRE_CRC32_H
#define VIOMMU_WIRE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of IEEE 802.3 (polynomial 0x04c11db7, reflected), as in zlib and gzip. */
uint32_t crc32_of(const void *bytes, size_t length);

/* Continue a CRC over the bytes that follow: by the fastest way of this processor, and by tables.
 */
uint32_t crc32_continue(uint32_t crc, const void *bytes, size_t length);
uint32_t crc32_by_tables(uint32_t crc, const void *bytes, size_t length);

#endif
