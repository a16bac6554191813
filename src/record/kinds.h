/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_RECORD_KINDS_H
#define VIOMMU_RECORD_KINDS_H

#include "record/trace.h"

/* The rows of records. */
struct trace_row {
	const char *name;
	uint8_t n_values;
	bool has_bytes;
	const uint64_t *most; /* of each value */
};

/* NULL: no such kind. */
const struct trace_row *trace_row(unsigned kind);

#endif
