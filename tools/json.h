/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_JSON_H
#define VIOMMU_TOOLS_JSON_H

#include <json-glib/json-glib.h>

#include <viommu/findings.h>

/* What --json prints: one object, which says first by which format it goes. */

JsonBuilder *json_begin(void);

/* End the object, print it on stdout, and free it. */
void json_end(JsonBuilder *builder);

/* Members of the object that is open; a value that is NULL, or nowhere, is left out. */
void json_string(JsonBuilder *builder, const char *key, const char *value);
void json_number(JsonBuilder *builder, const char *key, size_t value);
void json_place(JsonBuilder *builder, const struct viommu_place *place);

#endif
