/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Registers the types when the device is built in QEMU's own tree, instead of module.c
 */

#include "qemu/module.h"

static void register_types(void)
{
	region_types_register();
	dma_types_register();
	device_types_register();
	pci_types_register();
}

type_init(register_types)
