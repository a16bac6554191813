/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_CHECKS_H
#define VIOMMU_DEVICE_CHECKS_H

/*
 * Detection of misuse of the API by a VMM, in a build with -Dchecks=true
 *
 * <viommu/device.h> defines where each function may be called. A call in another place deadlocks or
 * breaks a section, often without a visible effect. In this build, it prints a message to stderr
 * and aborts. In any other build these names are empty.
 */

#include "sync/callbacks.h"

#ifdef VIOMMU_CHECKS

struct reader;
struct viommu;

/* `function` is about to take the lock, or to read only; has taken it; is about to release it;
 * requires it. */
void checks_before_lock(const struct viommu *device, const char *function);
void checks_before_query(const struct viommu *device, const char *function);
void checks_locked(struct viommu *device);
void checks_unlock(struct viommu *device);
void checks_is_locked(const struct viommu *device, const char *function);

void checks_translate(const struct viommu *device, const char *function);

/* A section starts, is used, or ends. */
void checks_begin(const struct viommu *device, const struct reader *reader);
void checks_in_section(const struct reader *reader, const char *function);
void checks_outside(const struct reader *reader, const char *function);

void checks_count_handle(struct viommu *device, int more);
void checks_no_handles(const struct viommu *device);

#else

#define checks_before_lock(device, function)  (void)0
#define checks_before_query(device, function) (void)0
#define checks_locked(device)                 (void)0
#define checks_unlock(device)                 (void)0
#define checks_is_locked(device, function)    (void)0
#define checks_translate(device, function)    (void)0
#define checks_begin(device, reader)          (void)0
#define checks_in_section(reader, function)   (void)0
#define checks_outside(reader, function)      (void)0
#define checks_count_handle(device, more)     (void)0
#define checks_no_handles(device)             (void)0

#endif

#endif
