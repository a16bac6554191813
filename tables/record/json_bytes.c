/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes as JSON: hexadecimal text
 */
#include <glib.h>

#include "base/strbuf.h"
#include "json_bytes.h"

/* A string instead of an array, because a table may have a million bytes. */
void json_add_bytes(struct json *json, const uint8_t *bytes, size_t length)
{
	struct strbuf *text = strbuf_new(NULL);

	for (size_t i = 0; i < length; i++)
		strbuf_append_printf(text, "%02x", bytes[i]);
	json_add_string(json, text->str);
	strbuf_free(text);
}
