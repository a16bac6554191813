/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_DEVICE_CALLBACKS_H
#define TESTS_DEVICE_CALLBACKS_H

/*
 * The scenes of test_callbacks.c: each makes every callback of its interface
 *
 * A scene sets `device` when it has one, and its callbacks begin with enter().
 */
struct viommu;

extern struct viommu *device;

void enter(const char *name);

/* The callbacks of <viommu/pci.h>, which are those of <viommu/mmio.h> and two more. */
void transport_scene(void);

#endif
