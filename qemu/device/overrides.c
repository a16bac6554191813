/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * The property `endpoints`: settings of single endpoints
 *
 *     d0:page-size-mask=0xffffffffffff0000:input-last=0xffffffff+d1:proximity-domain=1
 *
 * A function has no properties of its own for this, because its type is QEMU's. So the IOMMU's property
 * names the functions by the `id` that the user gave them.
 */

static const struct key {
	const char *name;
	size_t offset;
} keys[] = {
	{ "page-size-mask", offsetof(struct override, page_size_mask) },
	{ "input-first", offsetof(struct override, input_first) },
	{ "input-last", offsetof(struct override, input_last) },
};

/* The name in `endpoints` of a property of PROBE. */
static const char *probe_key(unsigned int property)
{
	return probe_name(property) + strlen("probe-");
}

static bool parse_value(const char *text, struct override *override)
{
	g_auto(GStrv) words = g_strsplit(text, "=", 2);

	if (!words[0] || !words[1] || !*words[1])
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (g_str_equal(words[0], keys[i].name))
			return !qemu_strtou64(words[1], NULL, 0,
					      (uint64_t *)(void *)((char *)override +
								   keys[i].offset));
	for (unsigned int i = 0; i < N_PROBE_PROPERTIES; i++)
		if (g_str_equal(words[0], probe_key(i)))
			return probe_parse(i, words[1], &override->probe[i]);
	return false;
}

static void report_value(const char *text, const char *id, Error **errp)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		g_string_append_printf(names, "%s, ", keys[i].name);
	for (unsigned int i = 0; i < N_PROBE_PROPERTIES; i++)
		g_string_append_printf(names, "%s%s", i ? ", " : "", probe_key(i));
	error_setg(errp, "endpoints: '%s' of '%s' is not NAME=VALUE with a name of %s", text, id,
		   names->str);
}

static bool parse_override(struct iommu *iommu, const char *text, Error **errp)
{
	g_auto(GStrv) words = g_strsplit(text, ":", 0);
	struct override override = { 0 };

	for (size_t i = 1; words[0] && words[i]; i++)
		if (!parse_value(words[i], &override)) {
			report_value(words[i], words[0], errp);
			return false;
		}
	if (!words[0] || !words[1]) {
		error_setg(errp, "endpoints: '%s' is not ID:NAME=VALUE", text);
		return false;
	}
	if (override.input_last && override.input_first > override.input_last) {
		error_setg(errp,
			   "endpoints: input-last of '%s': 0x%" PRIx64 " is less than 0x%" PRIx64,
			   words[0], override.input_last, override.input_first);
		return false;
	}
	if (override.input_first && !override.input_last)
		override.input_last = iommu->config.input_last;
	override.id = g_strdup(words[0]);
	g_array_append_val(iommu->overrides, override);
	return true;
}

bool overrides_parse(struct iommu *iommu, Error **errp)
{
	g_auto(GStrv) pieces = g_strsplit(iommu->settings.endpoints ?: "", "+", 0);

	for (char **piece = pieces; *piece; piece++)
		if (!parse_override(iommu, *piece, errp))
			return false;
	return true;
}

void overrides_free(struct iommu *iommu)
{
	for (guint i = 0; iommu->overrides && i < iommu->overrides->len; i++)
		g_free(g_array_index(iommu->overrides, struct override, i).id);
	if (iommu->overrides)
		g_array_free(iommu->overrides, true);
	iommu->overrides = NULL;
}
