/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <viommu/device.h>

/*
 * The live state as readable text
 *
 * Uses only the public walks of <viommu/device.h>, so no lock is held while `write` is slow.
 */

#define LINE_LENGTH    256
#define FIRST_MAPPINGS 16
#define FIRST_DOMAINS  256
#define FIRST_SLOTS    16
#define FIRST_GROUPS   8
#define LAST_FAULTS    8

struct output {
	struct viommu *device;
	void (*write)(void *opaque, const char *text, size_t length);
	void *opaque;
};

__attribute__((format(printf, 2, 3))) static void line(const struct output *out, const char *format,
						       ...)
{
	char text[LINE_LENGTH];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0)
		out->write(out->opaque, text, strlen(text));
}

static void show_config(const struct output *out)
{
	const struct viommu_config *config = viommu_configuration(out->device);

	if (config->personality)
		line(out, "personality     %s\n", viommu_personality_name(config->personality));
	line(out, "features        0x%" PRIx64 "\n", viommu_features(out->device));
	line(out, "page sizes      0x%016" PRIx64 "\n", config->page_size_mask);
	line(out, "input range     0x%" PRIx64 "-0x%" PRIx64 "\n", config->input_first,
	     config->input_last);
	line(out, "domain range    %" PRIu32 "-%" PRIu32 "\n", config->domain_first,
	     config->domain_last);
	if (config->topology)
		line(out, "topology        built in, %zu bytes of configuration space\n",
		     viommu_config_length(out->device));
}

static void show_limit(const struct output *out, const char *name, uint64_t held, uint64_t limit)
{
	if (limit == VIOMMU_UNLIMITED)
		line(out, "%-15s %" PRIu64 ", no limit\n", name, held);
	else
		line(out, "%-15s %" PRIu64 " of %" PRIu64 "\n", name, held, limit);
}

static void show_counters(const struct output *out)
{
	const struct viommu_config *config = viommu_configuration(out->device);
	struct viommu_counters now = { .size = sizeof(now) };

	viommu_count(out->device, &now);
	show_limit(out, "domains", now.domains, config->max_domains);
	show_limit(out, "mappings", now.mappings, config->max_mappings);
	show_limit(out, "bytes", now.bytes, config->max_bytes);
	line(out,
	     "requests        %" PRIu64 " answered, %" PRIu64 " refused, %" PRIu64
	     " at a limit, %" PRIu64 " returned unwritten\n",
	     now.requests, now.refused, now.limited, now.requests_bad);
	line(out, "faults          %" PRIu64 ", %" PRIu64 " dropped\n", now.faults,
	     now.faults_dropped);
}

static void show_slots(const struct output *out, uint32_t endpoint)
{
	struct viommu_slot_state slot;
	uint32_t from = 0;

	for (unsigned n = 0; !viommu_next_slot(out->device, endpoint, from, &slot); n++) {
		if (n == FIRST_SLOTS) {
			line(out, "  ... more PASIDs, from %" PRIu32 " on\n", slot.pasid);
			return;
		}
		line(out, "  PASID %" PRIu32 ": domain %" PRIu32 "\n", slot.pasid, slot.domain);
		from = slot.pasid + 1;
	}
}

static void show_groups(const struct output *out, uint32_t endpoint)
{
	struct viommu_group_state groups[FIRST_GROUPS];
	size_t n = viommu_groups(out->device, endpoint, groups, FIRST_GROUPS);

	for (size_t i = 0; i < n && i < FIRST_GROUPS; i++) {
		line(out, "  page requests of group %u", groups[i].group);
		if (groups[i].has_pasid)
			line(out, ", PASID %" PRIu32, groups[i].pasid);
		line(out, groups[i].is_complete ? ": without an answer\n" : ": not complete\n");
	}
	if (n > FIRST_GROUPS)
		line(out, "  ... %zu more\n", n - FIRST_GROUPS);
}

static void show_endpoints(const struct output *out)
{
	static const char *const modes[] = { "blocked", "bypass", "translated" };
	struct viommu_endpoint_state endpoint;
	uint32_t from = 0;

	while (!viommu_next_endpoint(out->device, from, &endpoint)) {
		line(out, "endpoint 0x%" PRIx32 ": %s", endpoint.id, modes[endpoint.mode]);
		if (endpoint.attached)
			line(out, ", domain %" PRIu32, endpoint.domain);
		if (endpoint.faults)
			line(out, ", %" PRIu64 " faults", endpoint.faults);
		line(out, "\n");
		show_slots(out, endpoint.id);
		show_groups(out, endpoint.id);
		if (endpoint.id == UINT32_MAX)
			break;
		from = endpoint.id + 1;
	}
}

static void show_mappings(const struct output *out, const struct viommu_domain_state *domain)
{
	struct viommu_mapping mapping;
	uint64_t from = 0, shown = 0;

	while (shown < FIRST_MAPPINGS &&
	       !viommu_next_mapping(out->device, domain->id, from, &mapping)) {
		line(out, "  0x%016" PRIx64 "-0x%016" PRIx64 " -> 0x%016" PRIx64 " %c%c%s\n",
		     mapping.first, mapping.last, mapping.phys,
		     mapping.flags & VIOMMU_MAP_F_READ ? 'r' : '-',
		     mapping.flags & VIOMMU_MAP_F_WRITE ? 'w' : '-',
		     mapping.flags & VIOMMU_MAP_F_MMIO ? " mmio" : "");
		shown++;
		if (mapping.last == UINT64_MAX)
			break;
		from = mapping.last + 1;
	}
	if (shown < domain->n_mappings)
		line(out, "  ... %" PRIu64 " more\n", domain->n_mappings - shown);
}

/* The words of a body up to the last that is not 0, as the architecture counts them. */
static void show_body(const struct output *out, const struct viommu_table_state *table)
{
	unsigned n = VIOMMU_TABLE_BODY_LENGTH;

	while (n > 8 && !table->body[n - 1])
		n--;
	line(out, "  body");
	for (unsigned i = 0; i < n; i += 8) {
		uint64_t word = 0;

		for (unsigned k = 8; k-- > 0;)
			word = word << 8 | table->body[i + k];
		line(out, " 0x%" PRIx64, word);
	}
	line(out, "\n");
}

/* False: the domain has none. */
static bool show_table(const struct output *out, const struct viommu_domain_state *domain)
{
	struct viommu_table_state table = { .size = sizeof(table) };

	if (viommu_next_table(out->device, domain->id, &table) || table.domain != domain->id)
		return false;
	line(out, "%" PRIu64 " PASIDs, table %s", table.n_pasids, table.format_name);
	if (table.has_parent)
		line(out, " over domain %" PRIu32, table.parent);
	line(out, "\n");
	show_body(out, &table);
	line(out,
	     "  %" PRIu64 " translations and %" PRIu64 " tables kept, %" PRIu64 " walks, %" PRIu64
	     " dropped by request\n",
	     table.pages, table.tables, table.walks, table.drops);
	return true;
}

static void show_domains(const struct output *out)
{
	struct viommu_domain_state domain;
	uint32_t from = 0;

	for (unsigned n = 0; !viommu_next_domain(out->device, from, &domain); n++) {
		if (n == FIRST_DOMAINS) {
			line(out, "... more domains, from %" PRIu32 " on\n", domain.id);
			break;
		}
		line(out, "domain %" PRIu32 ": %" PRIu64 " endpoints, ", domain.id,
		     domain.n_endpoints);
		if (domain.bypass)
			line(out, "bypass\n");
		else if (!show_table(out, &domain))
			line(out, "%" PRIu64 " mappings\n", domain.n_mappings);
		show_mappings(out, &domain);
		if (domain.id == UINT32_MAX)
			break;
		from = domain.id + 1;
	}
}

static void show_faults(const struct output *out)
{
	static const char *const reasons[] = {
		[VIOMMU_FAULT_R_UNKNOWN] = "unknown",
		[VIOMMU_FAULT_R_DOMAIN] = "no domain",
		[VIOMMU_FAULT_R_MAPPING] = "no mapping",
		[VIOMMU_FAULT_R_WALK] = "a table is not in memory",
		[VIOMMU_FAULT_R_CONTEXT] = "no valid context entry",
		[VIOMMU_FAULT_R_PERMISSION] = "no permission",
		[VIOMMU_FAULT_R_ACCESS] = "the accessed flag is clear",
		[VIOMMU_FAULT_R_RANGE] = "address or entry out of range",
	};
	const size_t n_reasons = sizeof(reasons) / sizeof(reasons[0]);
	static const char *const accesses[] = {
		[0] = "access",
		[VIOMMU_FAULT_F_READ] = "read",
		[VIOMMU_FAULT_F_WRITE] = "write",
		[VIOMMU_FAULT_F_READ | VIOMMU_FAULT_F_WRITE] = "read and write",
	};
	struct viommu_fault faults[LAST_FAULTS];
	size_t n = viommu_last_faults(out->device, faults, LAST_FAULTS);

	for (size_t i = 0; i < n; i++)
		line(out, "fault: endpoint 0x%" PRIx32 ", %s at 0x%" PRIx64 ", %s%s\n",
		     faults[i].endpoint,
		     accesses[faults[i].flags & (VIOMMU_FAULT_F_READ | VIOMMU_FAULT_F_WRITE)],
		     faults[i].address,
		     reasons[faults[i].reason < n_reasons ? faults[i].reason : 0],
		     faults[i].dropped ? ", dropped" : "");
}

void viommu_dump(struct viommu *device,
		 void (*write)(void *opaque, const char *text, size_t length), void *opaque)
{
	const struct output out = { device, write, opaque };

	show_config(&out);
	show_counters(&out);
	show_endpoints(&out);
	show_domains(&out);
	show_faults(&out);
}
