/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Live inspection: the answers of `qom-get PATH state`
 *
 *     state          endpoints, domains, counters, the last faults
 *     mappings       a page of mappings, and in "next" the start of the following page
 *     mappings-from  the start of the page, "DOMAIN:ADDRESS": qom-set it to "next"
 *
 * The answers are JSON in a string. They show the state between two requests; the guest is not
 * stopped for them.
 */

#define MAX_DOMAINS  1024
#define MAX_MAPPINGS 256
#define MAX_FAULTS   64

static void put_hex(QDict *object, const char *key, uint64_t value)
{
	g_autofree char *text = g_strdup_printf("0x%" PRIx64, value);

	qdict_put_str(object, key, text);
}

static char *to_json(QDict *object)
{
	GString *json = qobject_to_json(QOBJECT(object));

	qobject_unref(object);
	return g_string_free(json, false);
}

static const char *mode_name(enum viommu_mode mode)
{
	static const char *const names[] = {
		[VIOMMU_BLOCKED] = "blocked",
		[VIOMMU_BYPASS] = "bypass",
		[VIOMMU_TRANSLATED] = "translated",
	};

	return names[mode];
}

static QList *list_endpoints(struct iommu *iommu)
{
	QList *list = qlist_new();
	struct viommu_endpoint_state state;

	for (uint32_t from = 0; !viommu_next_endpoint(iommu->core, from, &state);
	     from = state.id + 1) {
		QDict *object = qdict_new();

		put_hex(object, "id", state.id);
		qdict_put_str(object, "mode", mode_name(state.mode));
		if (state.attached)
			qdict_put_int(object, "domain", state.domain);
		qdict_put_int(object, "faults", (int64_t)state.faults);
		qlist_append(list, object);
	}
	return list;
}

static QList *list_domains(struct iommu *iommu)
{
	QList *list = qlist_new();
	struct viommu_domain_state state = { 0 };

	for (uint32_t from = 0, n = 0; n < MAX_DOMAINS; from = state.id + 1, n++) {
		QDict *object;

		if (viommu_next_domain(iommu->core, from, &state))
			break;
		object = qdict_new();
		qdict_put_int(object, "id", state.id);
		qdict_put_bool(object, "bypass", state.bypass);
		qdict_put_int(object, "endpoints", (int64_t)state.n_endpoints);
		qdict_put_int(object, "mappings", (int64_t)state.n_mappings);
		qlist_append(list, object);
		if (state.id == UINT32_MAX)
			break;
	}
	return list;
}

static QList *list_faults(struct iommu *iommu)
{
	struct viommu_fault faults[MAX_FAULTS];
	size_t n = viommu_last_faults(iommu->core, faults, MAX_FAULTS);
	QList *list = qlist_new();

	for (size_t i = 0; i < n; i++) {
		QDict *object = qdict_new();

		put_hex(object, "endpoint", faults[i].endpoint);
		qdict_put_int(object, "reason", faults[i].reason);
		put_hex(object, "flags", faults[i].flags);
		put_hex(object, "address", faults[i].address);
		qdict_put_bool(object, "dropped", faults[i].dropped);
		qlist_append(list, object);
	}
	return list;
}

static QDict *list_counters(struct iommu *iommu)
{
	struct viommu_counters counters = { .size = sizeof(counters) };
	const struct {
		const char *name;
		const uint64_t *value;
	} rows[] = {
		{ "domains", &counters.domains },   { "mappings", &counters.mappings },
		{ "bytes", &counters.bytes },       { "endpoints", &counters.endpoints },
		{ "requests", &counters.requests }, { "requests-bad", &counters.requests_bad },
		{ "refused", &counters.refused },   { "limited", &counters.limited },
		{ "faults", &counters.faults },     { "faults-dropped", &counters.faults_dropped },
		{ "faults-limited", &counters.faults_limited },
		{ "waits", &counters.waits },       { "waited-ns", &counters.waited_ns },
		{ "longest-wait-ns", &counters.longest_wait_ns },
		{ "most-domains", &counters.most_domains },
		{ "most-mappings", &counters.most_mappings },
		{ "most-bytes", &counters.most_bytes },
	};
	QDict *object = qdict_new();

	viommu_count(iommu->core, &counters);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		qdict_put_int(object, rows[i].name, (int64_t)*rows[i].value);
	return object;
}

static char *state_get(Object *owner, Error **errp)
{
	struct iommu *iommu = VIOMMU_DEVICE(owner);
	uint8_t bypass;
	QDict *object;

	if (!iommu->core) {
		error_setg(errp, "the device is not realized");
		return NULL;
	}
	viommu_config_read(iommu->core, VIOMMU_CONFIG_BYPASS, &bypass, sizeof(bypass));
	object = qdict_new();
	qdict_put_int(object, "format", 1);
	put_hex(object, "page-size-mask", iommu->config.page_size_mask);
	qdict_put_bool(object, "bypass", bypass);
	qdict_put(object, "counters", list_counters(iommu));
	qdict_put(object, "endpoints", list_endpoints(iommu));
	qdict_put(object, "domains", list_domains(iommu));
	qdict_put(object, "last-faults", list_faults(iommu));
	return to_json(object);
}

/* -- mappings, one page at a time ------------------------------------------------------- */

struct cursor {
	uint32_t domain;
	uint64_t address;
};

/* The first mapping at or after the cursor, in any domain. Moves the cursor behind it. */
static bool mapping_next(struct iommu *iommu, struct cursor *cursor,
			 struct viommu_mapping *ret_mapping)
{
	struct viommu_domain_state domain;

	for (;; cursor->domain = domain.id + 1, cursor->address = 0) {
		if (viommu_next_domain(iommu->core, cursor->domain, &domain))
			return false;
		if (domain.id != cursor->domain)
			cursor->address = 0;
		if (!viommu_next_mapping(iommu->core, domain.id, cursor->address, ret_mapping))
			break;
		if (domain.id == UINT32_MAX)
			return false;
	}
	cursor->domain = domain.id + (ret_mapping->last == UINT64_MAX);
	cursor->address = ret_mapping->last + 1;
	return cursor->domain || !domain.id;
}

static bool cursor_parse(const char *text, struct cursor *ret_cursor)
{
	struct cursor cursor;
	unsigned int domain;

	if (qemu_strtoui(text, &text, 0, &domain) || *text++ != ':' ||
	    qemu_strtou64(text, NULL, 0, &cursor.address))
		return false;
	cursor.domain = domain;
	*ret_cursor = cursor;
	return true;
}

static char *mappings_get(Object *owner, Error **errp)
{
	struct iommu *iommu = VIOMMU_DEVICE(owner);
	struct viommu_mapping mapping;
	struct cursor cursor = { 0 };
	QList *list = qlist_new();
	QDict *object = qdict_new();

	if (iommu->mappings_from)
		cursor_parse(iommu->mappings_from, &cursor);
	for (int n = 0; iommu->core && mapping_next(iommu, &cursor, &mapping); n++) {
		QDict *row = qdict_new();

		qdict_put_int(row, "domain", mapping.domain);
		put_hex(row, "first", mapping.first);
		put_hex(row, "last", mapping.last);
		put_hex(row, "phys", mapping.phys);
		put_hex(row, "flags", mapping.flags);
		qlist_append(list, row);
		if (n < MAX_MAPPINGS - 1)
			continue;
		g_autofree char *next =
			g_strdup_printf("%" PRIu32 ":0x%" PRIx64, cursor.domain, cursor.address);
		qdict_put_str(object, "next", next);
		break;
	}
	qdict_put_int(object, "format", 1);
	qdict_put(object, "mappings", list);
	return to_json(object);
}

static char *mappings_from_get(Object *owner, Error **errp)
{
	return g_strdup(VIOMMU_DEVICE(owner)->mappings_from ?: "0:0");
}

static void mappings_from_set(Object *owner, const char *text, Error **errp)
{
	struct iommu *iommu = VIOMMU_DEVICE(owner);
	struct cursor cursor;

	if (!cursor_parse(text, &cursor)) {
		error_setg(errp, "'%s' is not DOMAIN:ADDRESS", text);
		return;
	}
	g_free(iommu->mappings_from);
	iommu->mappings_from = g_strdup(text);
}

void state_install(ObjectClass *class)
{
	object_class_property_add_str(class, "state", state_get, NULL);
	object_class_property_add_str(class, "mappings", mappings_get, NULL);
	object_class_property_add_str(class, "mappings-from", mappings_from_get, mappings_from_set);
}
