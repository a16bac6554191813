/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes as JSON: hexadecimal text
 */
#include <glib.h>

#include "json_bytes.h"

/* A string and no array: a table may have a million of them. */
void json_add_bytes(struct json *json, const uint8_t *bytes, size_t length)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < length; i++)
		g_string_append_printf(text, "%02x", bytes[i]);
	json_add_string(json, text->str);
	g_string_free(text, TRUE);
}
