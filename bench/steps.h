/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BENCH_STEPS_H
#define VIOMMU_BENCH_STEPS_H

#include "workload.h"

/* A step of a trace. traces.c writes them to a file for bench/qemu/plugin.c, which runs here too.
 */

enum step_kind { STEP_MAP, STEP_UNMAP, STEP_ACCESS, STEP_NOTIFY };

struct step {
	enum step_kind kind;
	unsigned set;         /* the number of its domain, from 0 */
	struct extent extent; /* of an access: where, and the answer */
};

#endif
