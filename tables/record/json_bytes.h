/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_JSON_BYTES_H
#define VIOMMU_TABLES_JSON_BYTES_H

#include "json/json.h"

/* Bytes in JSON */

/* Append the bytes as a string of hexadecimal digits without spaces. */
void json_add_bytes(struct json *json, const uint8_t *bytes, size_t length);

#endif
