/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PLAN_ITEM_H
#define VIOMMU_PLAN_ITEM_H

#include "plan.h"

/* Arguments of QEMU in a form-independent way: -machine, -object and -device with keys */
enum plan_value {
	PLAN_TEXT,
	PLAN_NUMBER,
	PLAN_FLAG,   /* "on" and "off"; true and false in JSON */
	PLAN_LIST,   /* a number; a list of one in JSON */
	PLAN_CHOICE, /* "on" and "off", also in JSON: the property has "auto", too */
};

struct plan_key {
	const char *key;
	enum plan_value type;
	char *value;
};

struct plan_item {
	const char *group;  /* "machine", "object", "device", "global", "numa", "m", "plugin" */
	const char *driver; /* the type of an object; NULL: the group has none */
	GArray *keys;       /* struct plan_key; the first of an object or device is "id" */
};

/* Append a word for a shell, quoted if needed (qemu.c). */
void plan_append_word(GString *text, const char *word);

/* In the order that QEMU requires. */
GPtrArray *plan_items(const struct plan *plan);

/* The path of viommu-qemu.so, for `-plugin`. */
const char *plan_plugin(const struct plan *plan);

/* An item without keys. Free with plan_item_free(). */
struct plan_item *plan_item_new(const char *group, const char *driver);
void plan_item_free(void *item);

/*
 * Append the keys of a viommu-pci for what the devices of the bridge need: limits of the host,
 * which QEMU itself learns from VFIO from 9.1 on, and the room for an endpoint's properties.
 */
void plan_set_limits(struct plan_item *item, const struct plan *plan,
		     const struct plan_bridge *bridge);

/* The keys of an item as in an argument: "key=value,key=value" (qemu.c). Free with g_free(). */
char *plan_item_keys(const struct plan_item *item);

#endif
