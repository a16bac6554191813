/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_SDT_H
#define VIOMMU_DEVICE_SDT_H

/*
 * Static probe points, for perf, bpftrace and SystemTap: docs/design.md has a table of them
 *
 * They are there if the library is built where <sys/sdt.h> is installed, which needs no library at
 * run time. Each is one no-op instruction and a note in the file.
 */

#ifdef __has_include
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define HAS_SDT
#endif
#endif

#ifdef HAS_SDT
#define SDT_REQUEST(device, type, status)   DTRACE_PROBE3(viommu, request, device, type, status)
#define SDT_WAIT_BEGIN(device)              DTRACE_PROBE1(viommu, wait_begin, device)
#define SDT_WAIT_END(device, waited_ns)     DTRACE_PROBE2(viommu, wait_end, device, waited_ns)
#define SDT_COMMIT(device, endpoint, token) DTRACE_PROBE3(viommu, commit, device, endpoint, token)
#define SDT_COMMITTED(device, endpoint, token, result) \
	DTRACE_PROBE4(viommu, committed, device, endpoint, token, result)
#define SDT_FAULT(device, endpoint, reason, address, dropped) \
	DTRACE_PROBE5(viommu, fault, device, endpoint, reason, address, dropped)
#else
#define SDT_REQUEST(device, type, status)                     (void)0
#define SDT_WAIT_BEGIN(device)                                (void)0
#define SDT_WAIT_END(device, waited_ns)                       (void)0
#define SDT_COMMIT(device, endpoint, token)                   (void)0
#define SDT_COMMITTED(device, endpoint, token, result)        (void)0
#define SDT_FAULT(device, endpoint, reason, address, dropped) (void)0
#endif

#endif
