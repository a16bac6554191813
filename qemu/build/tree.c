/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Built into QEMU's own tree: the types are there from the start, and module.c is left out
 */

#include "qemu/module.h"

static void register_types(void)
{
	region_types_register();
	device_types_register();
	pci_types_register();
}

type_init(register_types)
