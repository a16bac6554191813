/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU's arguments as shell words, as shell words with JSON, and as a file for -readconfig */
#include <string.h>

#include "item.h"
#include "json/json.h"

/* A comma ends a value, so a comma in a value is doubled. */
static void append_value(GString *text, const char *value)
{
	for (; *value; value++)
		g_string_append_printf(text, *value == ',' ? ",," : "%c", *value);
}

void plan_append_word(GString *text, const char *word)
{
	static const char plain[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_./:@+,-=";
	g_autofree char *quoted = NULL;

	if (!*word || word[strspn(word, plain)])
		quoted = g_shell_quote(word);
	g_string_append(text, quoted ? quoted : word);
}

static GString *append_keys(GString *value, const struct plan_item *item)
{
	for (guint i = 0; i < item->keys->len; i++) {
		const struct plan_key *key = &g_array_index(item->keys, struct plan_key, i);

		if (value->len)
			g_string_append_c(value, !strcmp(item->group, "global") ? '.' : ',');
		g_string_append_printf(value, "%s=", key->key);
		append_value(value, key->value);
	}
	return value;
}

static char *value_of(const struct plan_item *item)
{
	return g_string_free(append_keys(g_string_new(item->driver), item), false);
}

char *plan_item_keys(const struct plan_item *item)
{
	return g_string_free(append_keys(g_string_new(NULL), item), false);
}

/* Of one number. */
static void add_list(struct json *json, const char *value)
{
	json_open(json, '[');
	json_add_number(json, g_ascii_strtoll(value, NULL, 10));
	json_close(json, ']');
}

static char *in_json(const struct plan_item *item)
{
	struct json *json = json_new();

	json_open(json, '{');
	json_key(json, strcmp(item->group, "object") ? "driver" : "qom-type");
	json_add_string(json, item->driver);
	for (guint i = 0; i < item->keys->len; i++) {
		const struct plan_key *key = &g_array_index(item->keys, struct plan_key, i);

		json_key(json, key->key);
		if (key->type == PLAN_NUMBER)
			json_add_number(json, g_ascii_strtoll(key->value, NULL, 10));
		else if (key->type == PLAN_FLAG)
			json_add_boolean(json, !strcmp(key->value, "on"));
		else if (key->type == PLAN_LIST)
			add_list(json, key->value);
		else
			json_add_string(json, key->value);
	}
	json_close(json, '}');
	return json_finish(json);
}

static bool has_json(const struct plan_item *item)
{
	return !strcmp(item->group, "device") || !strcmp(item->group, "object");
}

/*
 * One option per line, with a backslash at the end of all lines but the last, so that a shell reads
 * one command.
 */
static char *in_words(const struct plan *plan, bool json)
{
	g_autoptr(GPtrArray) items = plan_items(plan);
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < items->len; i++) {
		const struct plan_item *item = items->pdata[i];
		g_autofree char *value = json && has_json(item) ? in_json(item) : value_of(item);

		g_string_append_printf(text, "-%s ", item->group);
		plan_append_word(text, value);
		g_string_append(text, i + 1 < items->len ? " \\\n" : "\n");
	}
	return g_string_free(text, false);
}

char *plan_qemu(const struct plan *plan)
{
	return in_words(plan, false);
}

char *plan_qemu_json(const struct plan *plan)
{
	return in_words(plan, true);
}

/* The key that -readconfig has for what stands first on the command line. */
static const char *driver_key(const struct plan_item *item)
{
	if (!strcmp(item->group, "object"))
		return "qom-type";
	return strcmp(item->group, "device") != 0 ? "type" : "driver";
}

static const char *group_in_file(const char *group)
{
	if (!strcmp(group, "m"))
		return "memory";
	return strcmp(group, "smp") != 0 ? group : "smp-opts";
}

static void append_section(GString *text, const struct plan_item *item)
{
	guint first = 0;

	if (!strcmp(item->group, "plugin")) {
		g_string_append_printf(text, "# and on the command line: -plugin %s\n",
				       item->driver);
		return;
	}
	if (has_json(item)) {
		g_string_append_printf(text, "[%s \"%s\"]\n", item->group,
				       g_array_index(item->keys, struct plan_key, 0).value);
		first = 1;
	} else {
		g_string_append_printf(text, "[%s]\n", group_in_file(item->group));
	}
	if (!strcmp(item->group, "global")) {
		const struct plan_key *key = &g_array_index(item->keys, struct plan_key, 0);

		g_string_append_printf(text,
				       "  driver = \"%s\"\n  property = \"%s\"\n  value = \"%s\"\n",
				       item->driver, key->key, key->value);
		return;
	}
	if (item->driver)
		g_string_append_printf(text, "  %s = \"%s\"\n", driver_key(item), item->driver);
	for (guint i = first; i < item->keys->len; i++) {
		const struct plan_key *key = &g_array_index(item->keys, struct plan_key, i);

		g_string_append_printf(text, "  %s%s = \"%s\"\n", key->key,
				       key->type == PLAN_LIST ? ".0" : "", key->value);
	}
}

char *plan_readconfig(const struct plan *plan)
{
	g_autoptr(GPtrArray) items = plan_items(plan);
	GString *text = g_string_new("# QEMU, -readconfig\n");

	for (guint i = 0; i < items->len; i++) {
		g_string_append_c(text, '\n');
		append_section(text, items->pdata[i]);
	}
	return g_string_free(text, false);
}
