/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_JSON_H
#define VIOMMU_TOOLS_JSON_H

#include "json/json.h"

#include <viommu/findings.h>

/* The JSON of --json: one object, whose first member is the format version. */

struct json *json_begin(void);

/* Close the object, finish writing it to stdout, and free it. */
void json_end(struct json *json);

/* Add members to the open object. NULL and VIOMMU_NOWHERE are omitted. */
void json_string(struct json *json, const char *key, const char *value);
void json_number(struct json *json, const char *key, size_t value);
void json_place(struct json *json, const struct viommu_place *place);

#endif
