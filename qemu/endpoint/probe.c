/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * The properties that PROBE reports of an endpoint
 *
 * Each row of VIOMMU_PROPERTIES (<viommu/protocol.h>) is a QEMU property: `probe-ats` for the member
 * `ats`. Its value is a number for all endpoints; `auto`, with which each endpoint reports what QEMU
 * knows of it; or `off`. A row needs code here only if QEMU knows something: a function in sources[].
 */

/* The node of the root bus. */
static bool find_proximity(const struct endpoint *endpoint, uint32_t *ret_value)
{
	if (!endpoint->bus)
		return false;
	*ret_value = pci_bus_numa_node(root_of(endpoint->bus));
	return *ret_value != NUMA_NODE_UNASSIGNED;
}

static bool find_ats(const struct endpoint *endpoint, uint32_t *ret_value)
{
	*ret_value = endpoint->ats;
	return true;
}

static const struct source {
	bool (*find)(const struct endpoint *endpoint, uint32_t *ret_value); /* NULL: not known */
	bool by_default;
} sources[N_PROBE_PROPERTIES] = {
	[PROBE_PROXIMITY] = { find_proximity, true },
	[PROBE_ATS] = { find_ats, false },
};

#define ROW(name, type, has, member, bits, text) \
	{ "probe-" #member, offsetof(struct viommu_endpoint, has_##has), \
	  offsetof(struct viommu_endpoint, member), bits },

static const struct row {
	const char *name;
	size_t has, value; /* offsets in struct viommu_endpoint */
	uint32_t bits;
} rows[N_PROBE_PROPERTIES] = { VIOMMU_PROPERTIES(ROW) };

const char *probe_name(unsigned int property)
{
	static char *names[N_PROBE_PROPERTIES];

	if (!names[property])
		names[property] = g_strdelimit(g_strdup(rows[property].name), "_", '-');
	return names[property];
}

bool probe_parse(unsigned int property, const char *text, struct choice *ret_choice)
{
	bool by_default = !text || !*text;
	unsigned int value = 0;

	if (by_default)
		ret_choice->kind = sources[property].by_default ? CHOICE_AUTO : CHOICE_OFF;
	else if (g_str_equal(text, "off"))
		ret_choice->kind = CHOICE_OFF;
	else if (g_str_equal(text, "auto") || g_str_equal(text, "on"))
		ret_choice->kind = CHOICE_AUTO;
	else
		ret_choice->kind = CHOICE_VALUE;
	if (ret_choice->kind == CHOICE_VALUE && qemu_strtoui(text, NULL, 0, &value))
		return false;
	ret_choice->value = value;
	return !(value & ~rows[property].bits);
}

static bool find_value(const struct endpoint *endpoint, unsigned int property,
		       const struct choice *choice, uint32_t *ret_value)
{
	*ret_value = choice->value;
	if (choice->kind == CHOICE_AUTO && sources[property].find)
		return sources[property].find(endpoint, ret_value);
	return choice->kind == CHOICE_VALUE;
}

void probe_describe(const struct endpoint *endpoint, const struct choice *choices,
		    struct viommu_endpoint *description)
{
	for (unsigned int i = 0; i < N_PROBE_PROPERTIES; i++) {
		uint32_t value;
		bool has = find_value(endpoint, i, &choices[i], &value);

		*(bool *)((char *)description + rows[i].has) = has;
		*(uint32_t *)(void *)((char *)description + rows[i].value) = has ? value : 0;
	}
}
