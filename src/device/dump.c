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

#define LINE_LENGTH    160
#define FIRST_MAPPINGS 16
#define FIRST_DOMAINS  256
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
		else
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
