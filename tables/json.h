/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_JSON_H
#define VIOMMU_TABLES_JSON_H

#include <json-glib/json-glib.h>

/* Bytes as hexadecimal digits without spaces: any language has a function that reads them. */
void json_add_bytes(JsonBuilder *builder, const uint8_t *bytes, size_t length);

#endif
