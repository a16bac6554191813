/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"
void firmware_prepare(void)
{
}
