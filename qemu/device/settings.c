/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Converts the properties of a user into the configuration of libviommu's device
 *
 * libviommu reports an invalid configuration without naming the member. The checks here name the
 * property at fault. A missing check is harmless, because libviommu still rejects the
 * configuration.
 */

/* Limits of libviommu, <viommu/device.h>. */
#define MAX_PROBE_SIZE       65536
#define PROBE_SIZE_ALIGNMENT 8

/* -- reserved regions ------------------------------------------------------------- */

/* "FIRST-LAST" or "FIRST-LAST:msi" */
static bool parse_range(const char *text, struct viommu_reserved *ret_range)
{
	struct viommu_reserved range = { .subtype = VIOMMU_RESV_MEM_RESERVED };

	if (qemu_strtou64(text, &text, 0, &range.first) || *text++ != '-' ||
	    qemu_strtou64(text, &text, 0, &range.last) || range.last < range.first)
		return false;
	if (g_str_equal(text, ":msi"))
		range.subtype = VIOMMU_RESV_MEM_MSI;
	else if (*text && !g_str_equal(text, ":reserved"))
		return false;
	*ret_range = range;
	return true;
}

static bool parse_reserved(struct iommu *iommu, Error **errp)
{
	g_auto(GStrv) pieces = g_strsplit(iommu->settings.reserved ?: "", "+", 0);

	for (char **piece = pieces; *piece; piece++) {
		struct viommu_reserved range;

		if (!parse_range(*piece, &range)) {
			error_setg(errp, "reserved: '%s' is not FIRST-LAST or FIRST-LAST:msi",
				   *piece);
			return false;
		}
		g_array_append_val(iommu->reserved, range);
	}
	return true;
}

static gint compare_ranges(gconstpointer a, gconstpointer b)
{
	const struct viommu_reserved *one = a, *other = b;

	return one->first < other->first ? -1 : one->first > other->first;
}

/* virtio 1.3, "Property RESV_MEM": regions do not overlap, and at most one is for MSIs. */
static bool check_reserved(struct iommu *iommu, Error **errp)
{
	const struct viommu_reserved *range;
	unsigned int n_msi = 0;

	g_array_sort(iommu->reserved, compare_ranges);
	range = (const struct viommu_reserved *)(void *)iommu->reserved->data;
	for (guint i = 0; i < iommu->reserved->len; i++) {
		n_msi += range[i].subtype == VIOMMU_RESV_MEM_MSI;
		if (!i || range[i - 1].last < range[i].first)
			continue;
		error_setg(errp,
			   "reserved: 0x%" PRIx64 "-0x%" PRIx64 " and 0x%" PRIx64 "-0x%" PRIx64
			   " overlap",
			   range[i - 1].first, range[i - 1].last, range[i].first, range[i].last);
		return false;
	}
	if (n_msi > 1)
		error_setg(errp, "reserved: more than one range is for MSIs");
	return n_msi <= 1;
}

/* -- the MSI window ---------------------------------------------------------------- */

/*
 * The addresses to which devices of a machine write for an interrupt: the first matching row
 * applies.
 */
static const struct msi_window {
	const char *type;     /* type of the machine, or of its interrupt controller */
	uint64_t first, last; /* relative to the controller's first register, if it has registers */
} msi_windows[] = {
	{ "x86-machine", 0xfee00000, 0xfeefffff },
	{ "arm-gicv3-its-common", 0x10000, 0x1ffff }, /* the page of GITS_TRANSLATER */
	{ "arm-gicv2m", 0, 0xfff },
};

static bool find_window(const struct msi_window *window, struct viommu_reserved *ret_range)
{
	Object *object = qdev_get_machine();
	uint64_t base = 0;

	if (!object_dynamic_cast(object, window->type)) {
		object = object_resolve_path_type("", window->type, NULL);
		if (!object)
			return false;
		base = SYS_BUS_DEVICE(object)->mmio[0].addr;
	}
	*ret_range = (struct viommu_reserved){ .first = base + window->first,
					       .last = base + window->last,
					       .subtype = VIOMMU_RESV_MEM_MSI };
	return true;
}

static bool find_msi(struct viommu_reserved *ret_window)
{
	for (size_t i = 0; i < ARRAY_SIZE(msi_windows); i++)
		if (find_window(&msi_windows[i], ret_window))
			return true;
	return false;
}

static bool has_msi(const struct iommu *iommu)
{
	for (guint i = 0; i < iommu->reserved->len; i++)
		if (g_array_index(iommu->reserved, struct viommu_reserved, i).subtype ==
		    VIOMMU_RESV_MEM_MSI)
			return true;
	return false;
}

static const struct viommu_reserved *find_overlap(const struct iommu *iommu,
						  const struct viommu_reserved *window)
{
	for (guint i = 0; i < iommu->reserved->len; i++) {
		const struct viommu_reserved *range =
			&g_array_index(iommu->reserved, struct viommu_reserved, i);

		if (range->first <= window->last && range->last >= window->first)
			return range;
	}
	return NULL;
}

static bool check_window(struct iommu *iommu, const struct viommu_reserved *window, Error **errp)
{
	const struct viommu_reserved *range = find_overlap(iommu, window);

	if (has_msi(iommu))
		error_setg(errp, "msi: 'reserved' has a range for MSIs already");
	else if (range)
		error_setg(errp,
			   "msi: 0x%" PRIx64 "-0x%" PRIx64 " overlaps 0x%" PRIx64 "-0x%" PRIx64
			   " of 'reserved'",
			   window->first, window->last, range->first, range->last);
	return !has_msi(iommu) && !range;
}

static bool add_msi(struct iommu *iommu, Error **errp)
{
	OnOffAuto msi = iommu->settings.msi;
	struct viommu_reserved window;

	if (msi == ON_OFF_AUTO_OFF || (msi == ON_OFF_AUTO_AUTO && has_msi(iommu)))
		return true;
	if (!find_msi(&window)) {
		if (msi == ON_OFF_AUTO_ON)
			error_setg(errp, "msi: the MSI window of this machine is not known; set "
					 "'reserved'");
		return msi != ON_OFF_AUTO_ON;
	}
	if (!check_window(iommu, &window, errp))
		return false;
	g_array_append_val(iommu->reserved, window);
	return true;
}

/* -- choices ------------------------------------------------------------------------ */

static bool parse_firmware(struct iommu *iommu, Error **errp)
{
	static const char *const names[] = { "auto",	     "off",	   "viot",	 "dt",
					     "builtin-v1", "builtin-v2", "builtin-v3", "builtin-v3-segments" };
	const char *name = iommu->settings.firmware ?: names[FIRMWARE_AUTO];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (g_str_equal(name, names[i])) {
			iommu->firmware = (enum firmware)i;
			return true;
		}
	error_setg(errp, "firmware: '%s' is not auto, off, viot, dt, builtin-v1, builtin-v2, builtin-v3 or "
			 "builtin-v3-segments", name);
	return false;
}

static bool parse_probe(struct iommu *iommu, Error **errp)
{
	for (unsigned int i = 0; i < N_PROBE_PROPERTIES; i++) {
		const char *text = iommu->settings.probe[i];

		if (probe_parse(i, text, &iommu->probe[i]))
			continue;
		error_setg(errp, "%s: '%s' is not off, auto or a valid number",
			   probe_name(i), text);
		return false;
	}
	return true;
}

/* -- page tables of the guest --------------------------------------------------------- */

#define PAGES_4K  (BIT_ULL(12) | BIT_ULL(21) | BIT_ULL(30))
#define PAGES_ARM (PAGES_4K | BIT_ULL(14) | BIT_ULL(25) | BIT_ULL(16) | BIT_ULL(29))
#define X86_FLAGS \
	(VIOMMU_TABLE_F_UPDATES | VIOMMU_TABLE_F_FIVE_LEVELS | VIOMMU_TABLE_F_EXEC | \
	 VIOMMU_TABLE_F_NEST)
#define ARM_FLAGS (VIOMMU_TABLE_F_UPDATES | VIOMMU_TABLE_F_EXEC | VIOMMU_TABLE_F_NEST)
#define RISCV_FLAGS \
	(VIOMMU_TABLE_F_UPDATES | VIOMMU_TABLE_F_EXEC | VIOMMU_TABLE_F_NEST | \
	 VIOMMU_TABLE_F_CONTIGUOUS | VIOMMU_TABLE_F_MEMORY_TYPE)

static const struct format_row {
	const char *name;
	struct viommu_table_format format;
} format_rows[] = {
	{ "x86", { VIOMMU_TABLE_X86_PASID_ENTRY, 57, 48, PAGES_4K, 16, X86_FLAGS } },
	{ "x86", { VIOMMU_TABLE_X86_PASID_DIR, 57, 48, PAGES_4K, 16, X86_FLAGS } },
	{ "arm", { VIOMMU_TABLE_ARM_CD, 48, 48, PAGES_ARM, 16, ARM_FLAGS } },
	{ "arm", { VIOMMU_TABLE_ARM_CD_TABLE, 48, 48, PAGES_ARM, 16, ARM_FLAGS } },
	{ "riscv", { VIOMMU_TABLE_RISCV_PC, 57, 52, PAGES_4K, 20, RISCV_FLAGS } },
	{ "riscv", { VIOMMU_TABLE_RISCV_DC, 57, 52, PAGES_4K, 20, RISCV_FLAGS } },
	{ "amd", { VIOMMU_TABLE_AMD_GCR3_ENTRY, 57, 52, PAGES_4K, 16, X86_FLAGS } },
	{ "amd", { VIOMMU_TABLE_AMD_GCR3, 57, 52, PAGES_4K, 16, X86_FLAGS } },
	{ "generic", { VIOMMU_TABLE_GENERIC, 48, 52, PAGES_4K, 0, VIOMMU_TABLE_F_NEST } },
};

static bool add_formats(struct iommu *iommu, const char *name)
{
	guint before = iommu->formats->len;

	for (size_t i = 0; i < ARRAY_SIZE(format_rows); i++) {
		struct viommu_table_format format = format_rows[i].format;

		if (!g_str_equal(format_rows[i].name, name))
			continue;
		if (!iommu->settings.nest)
			format.flags &= ~VIOMMU_TABLE_F_NEST;
		g_array_append_val(iommu->formats, format);
	}
	return iommu->formats->len > before;
}

static bool parse_tables(struct iommu *iommu, Error **errp)
{
	g_auto(GStrv) names = g_strsplit(iommu->settings.tables ?: "", "+", 0);

	for (char **name = names; *name; name++) {
		if (add_formats(iommu, *name))
			continue;
		error_setg(errp, "tables: '%s' is not x86, arm, riscv, amd or generic", *name);
		return false;
	}
	return true;
}

static bool parse_personality(struct iommu *iommu, Error **errp)
{
	const char *wanted = iommu->settings.personality ?: "native", *name;

	for (uint32_t i = 0; (name = viommu_personality_name(i)); i++) {
		iommu->config.personality = i;
		if (g_str_equal(name, wanted))
			return true;
	}
	error_setg(errp, "personality: '%s' is not native, draft-c or draft-e", wanted);
	return false;
}

/* The names of `tables` that a draft can express. libviommu leaves out others. */
static const char *const draft_tables[][4] = {
	[VIOMMU_PERSONALITY_DRAFT_C] = { "arm", "x86", "generic" },
	[VIOMMU_PERSONALITY_DRAFT_E] = { "arm" },
};

static bool has_draft_tables(const struct iommu *iommu)
{
	g_auto(GStrv) names = g_strsplit(iommu->settings.tables ?: "", "+", 0);

	for (char **name = names; *name; name++)
		if (g_strv_contains(draft_tables[iommu->config.personality], *name))
			return true;
	return false;
}

/* It has features of its own. */
static bool check_draft(const struct iommu *iommu, Error **errp)
{
	const struct settings *settings = &iommu->settings;
	const char *name = viommu_personality_name(iommu->config.personality);

	if (!iommu->config.personality)
		return true;
	if (!has_draft_tables(iommu)) {
		g_autofree char *tables = g_strjoinv(
			"+", (char **)draft_tables[iommu->config.personality]);

		error_setg(errp, "personality: %s has no page tables; set tables=%s", name,
			   tables);
	} else if (settings->nest || settings->page_requests)
		error_setg(errp, "%s: personality %s does not have it; omit it, or use native",
			   settings->nest ? "nest" : "page-requests", name);
	else
		return true;
	return false;
}

/* The feature bits of virtio's standard end far below these. */
static bool parse_spaces(struct iommu *iommu, Error **errp)
{
	const struct settings *settings = &iommu->settings;
	uint64_t features = settings->pasid_bits ? VIOMMU_F_PASID : 0;

	if (!parse_tables(iommu, errp) || !parse_personality(iommu, errp) ||
	    !check_draft(iommu, errp))
		return false;
	if (settings->pasid_bits > VIOMMU_PASID_BITS_MAX)
		error_setg(errp, "pasid-bits: %" PRIu32 " is more than %d", settings->pasid_bits,
			   VIOMMU_PASID_BITS_MAX);
	else if (settings->nest && !iommu->formats->len)
		error_setg(errp, "nest: there are no page tables; set 'tables'");
	else if (settings->page_requests && !iommu->formats->len)
		error_setg(errp, "page-requests: there are no page tables; set 'tables'");
	else {
		features |= iommu->formats->len ? VIOMMU_F_TABLE : 0;
		features |= settings->nest ? VIOMMU_F_NEST : 0;
		features |= settings->page_requests ? VIOMMU_F_PAGE_REQUEST : 0;
		if (features && !iommu->config.personality)
			iommu->config.features = features | VIOMMU_FEATURES_DEFAULT;
		return true;
	}
	return false;
}

/* -- numbers ------------------------------------------------------------------------ */

static bool check_aw_bits(const struct settings *settings, Error **errp)
{
	if (settings->aw_bits && settings->aw_bits <= MAX_AW_BITS)
		return true;
	error_setg(errp, "aw-bits: %d is not 1 to %d", settings->aw_bits, MAX_AW_BITS);
	return false;
}

static bool check_input(const struct settings *settings, uint64_t last, Error **errp)
{
	if (settings->input_first <= last)
		return true;
	error_setg(errp, "%s: 0x%" PRIx64 " is less than input-first=0x%" PRIx64,
		   settings->input_last ? "input-last" : "aw-bits", last, settings->input_first);
	return false;
}

static bool check_domains(const struct settings *settings, Error **errp)
{
	if (!settings->domain_last || settings->domain_first <= settings->domain_last)
		return true;
	error_setg(errp, "domain-last: %" PRIu32 " is less than domain-first=%" PRIu32,
		   settings->domain_last, settings->domain_first);
	return false;
}

static bool check_probe_size(const struct settings *settings, Error **errp)
{
	if (settings->probe_size % PROBE_SIZE_ALIGNMENT)
		error_setg(errp, "probe-size: %" PRIu32 " is not a multiple of %d",
			   settings->probe_size, PROBE_SIZE_ALIGNMENT);
	else if (settings->probe_size > MAX_PROBE_SIZE)
		error_setg(errp, "probe-size: %" PRIu32 " is more than %d", settings->probe_size,
			   MAX_PROBE_SIZE);
	else
		return true;
	return false;
}

static uint64_t input_last(const struct settings *settings)
{
	return settings->input_last ?: UINT64_MAX >> (MAX_AW_BITS - settings->aw_bits);
}

static bool check_numbers(const struct settings *settings, Error **errp)
{
	return check_aw_bits(settings, errp) && check_input(settings, input_last(settings), errp) &&
	       check_domains(settings, errp) && check_probe_size(settings, errp);
}

static struct viommu_config make_configuration(const struct settings *settings)
{
	return (struct viommu_config){
		.size = sizeof(struct viommu_config),
		.page_size_mask = settings->page_size_mask,
		.max_batch_calls = VIOMMU_BATCH_CALLS,
		.input_first = settings->input_first,
		.input_last = input_last(settings),
		.domain_first = settings->domain_first,
		.domain_last = settings->domain_last ?: UINT32_MAX,
		.probe_size = settings->probe_size,
		.bypass = settings->boot_bypass,
		.max_domains = settings->max_domains,
		.max_mappings = settings->max_mappings,
		.max_bytes = settings->max_bytes,
		.max_request_rate = settings->max_requests,
		.max_attach_rate = settings->max_attaches,
		.max_fault_rate = settings->max_faults,
	};
}

bool settings_apply(struct iommu *iommu, Error **errp)
{
	iommu->reserved = g_array_new(false, false, sizeof(struct viommu_reserved));
	iommu->formats = g_array_new(false, false, sizeof(struct viommu_table_format));
	iommu->overrides = g_array_new(false, false, sizeof(struct override));
	if (!check_numbers(&iommu->settings, errp))
		return false;
	iommu->config = make_configuration(&iommu->settings);
	return parse_reserved(iommu, errp) && check_reserved(iommu, errp) && add_msi(iommu, errp) &&
	       parse_probe(iommu, errp) && parse_firmware(iommu, errp) &&
	       parse_spaces(iommu, errp) && overrides_parse(iommu, errp);
}

void settings_release(struct iommu *iommu)
{
	if (iommu->reserved)
		g_array_free(iommu->reserved, true);
	iommu->reserved = NULL;
	overrides_free(iommu);
	if (iommu->formats)
		g_array_free(iommu->formats, true);
	iommu->formats = NULL;
}
