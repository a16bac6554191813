/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BENCH_REQUESTS_H
#define VIOMMU_BENCH_REQUESTS_H

#include <stddef.h>

#include <viommu/protocol.h>

#include "workload.h"

/* The bytes of requests, for one endpoint in one domain. */

#define BENCH_ENDPOINT 8u
#define BENCH_DOMAIN   1u

/* Write a request; returns its length without the tail. */
size_t write_attach(uint8_t *bytes, uint32_t endpoint);
size_t write_map(uint8_t *bytes, const struct extent *extent);
size_t write_unmap(uint8_t *bytes, uint64_t first, uint64_t last);

#endif
