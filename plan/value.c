/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values of keys in QEMU's arguments, in both forms, key=value and JSON; of JSON, only the keys
 * that a plan needs
 */
#include "arguments.h"

char *plan_value_of(const char *text, const char *key)
{
	g_autofree char *pattern = *text == '{'
					   ? g_strdup_printf("\"%s\"\\s*:\\s*\"?([^\",}]*)", key)
					   : g_strdup_printf("(?:^|(?<!,)(?:,,)*,)%s=([^,]*)", key);
	g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;

	return g_regex_match(regex, text, 0, &match) ? g_match_info_fetch(match, 1) : NULL;
}
