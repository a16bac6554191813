/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BASE_PCI_H
#define VIOMMU_BASE_PCI_H

/*
 * The number of a PCI function within its segment, for printf(): "03:00.0"
 *
 *     printf("%04x:" PCI_BDF, segment, PCI_BDF_PARTS(bdf));
 */
#define PCI_BDF "%02x:%02x.%x"

/* `bdf`: the bus in bits 15:8, the device in 7:3, the function in 2:0. It is evaluated 3 times. */
#define PCI_BDF_PARTS(bdf) \
	((unsigned)(bdf) >> 8 & 0xffu), ((unsigned)(bdf) >> 3 & 0x1fu), ((unsigned)(bdf)&7u)

#endif
