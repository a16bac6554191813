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
	size_t offset, has_offset; /* SIZE_MAX: it has no such member */
	uint64_t max;
} keys[] = {
	{ "page-size-mask", offsetof(struct override, page_size_mask), SIZE_MAX, UINT64_MAX },
	{ "input-first", offsetof(struct override, input_first), SIZE_MAX, UINT64_MAX },
	{ "input-last", offsetof(struct override, input_last), SIZE_MAX, UINT64_MAX },
	{ "proximity-domain", offsetof(struct override, proximity_domain),
	  offsetof(struct override, has_proximity), UINT32_MAX },
	{ "ats", offsetof(struct override, ats), offsetof(struct override, has_ats),
	  VIOMMU_ATS_F_ENDPOINT | VIOMMU_ATS_F_PATH },
};

static bool parse_value(const char *text, struct override *override)
{
	g_auto(GStrv) words = g_strsplit(text, "=", 2);
	uint64_t value;

	for (size_t i = 0; words[0] && words[1] && i < ARRAY_SIZE(keys); i++) {
		if (!g_str_equal(words[0], keys[i].name))
			continue;
		if (qemu_strtou64(words[1], NULL, 0, &value) || value > keys[i].max)
			return false;
		*(uint64_t *)((char *)override + keys[i].offset) = value;
		if (keys[i].has_offset != SIZE_MAX)
			*((bool *)override + keys[i].has_offset) = true;
		return true;
	}
	return false;
}

static bool parse_override(struct iommu *iommu, const char *text, Error **errp)
{
	g_auto(GStrv) words = g_strsplit(text, ":", 0);
	struct override override = { 0 };

	for (size_t i = 1; words[0] && words[i]; i++)
		if (!parse_value(words[i], &override)) {
			error_setg(errp,
				   "endpoints: '%s' of '%s' is not page-size-mask, input-first, "
				   "input-last, proximity-domain or ats, '=' and a number",
				   words[i], words[0]);
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
