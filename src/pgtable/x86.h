/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PGTABLE_X86_H
#define VIOMMU_PGTABLE_X86_H

#include "pgtable/walk.h"

/* Tables of 4 or 5 levels, which VT-d and AMD share. */
extern const struct pt_format pt_x86_format;

#endif
