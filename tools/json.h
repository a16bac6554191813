/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_JSON_H
#define VIOMMU_TOOLS_JSON_H

#include "json/json.h"

#include <viommu/findings.h>

/* What --json prints: one object, which says first by which format it goes. */

struct json *json_begin(void);

/* End the object on stdout, where all of it goes as it comes, and free it. */
void json_end(struct json *json);

/* Members of the object that is open; a value that is NULL, or nowhere, is left out. */
void json_string(struct json *json, const char *key, const char *value);
void json_number(struct json *json, const char *key, size_t value);
void json_place(struct json *json, const struct viommu_place *place);

#endif
