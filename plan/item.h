/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PLAN_ITEM_H
#define VIOMMU_PLAN_ITEM_H

#include "plan.h"

/*
 * Arguments of QEMU, whatever form they are written in: -machine, -object and -device with keys
 */
enum plan_value {
	PLAN_TEXT,
	PLAN_NUMBER,
	PLAN_FLAG, /* "on" and "off"; in JSON true and false */
};

struct plan_key {
	const char *key;
	enum plan_value type;
	char *value;
};

struct plan_item {
	const char *group;  /* "machine", "object", "device", "global", "numa", "plugin" */
	const char *driver; /* of an object its type */
	GArray *keys;       /* struct plan_key; the first of an object or device is "id" */
};

/* In the order QEMU needs. */
GPtrArray *plan_items(const struct plan *plan);

#endif
