/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of findings of which a command reports a part, and printing them */
#include <string.h>

#include <glib.h>

#include "command.h"
#include "findings.h"
#include "json.h"

bool has_finding(const struct viommu_findings *findings, const char *id)
{
	const struct viommu_finding *finding;

	for (size_t i = 0; (finding = viommu_findings_get(findings, i)); i++)
		if (!strcmp(finding->id, id))
			return true;
	return false;
}

static bool is_same_place(const struct viommu_place *one, const struct viommu_place *other)
{
	return !g_strcmp0(one->file, other->file) && one->line == other->line &&
	       one->column == other->column && one->at == other->at &&
	       !g_strcmp0(one->path, other->path);
}

bool has_same_finding(const struct viommu_findings *findings, const struct viommu_finding *finding)
{
	const struct viommu_finding *other;

	for (size_t i = 0; (other = viommu_findings_get(findings, i)); i++)
		if (!strcmp(other->id, finding->id) &&
		    is_same_place(&other->place, &finding->place))
			return true;
	return false;
}

void copy_findings(struct viommu_findings *to, const struct viommu_findings *from,
		   wanted_finding *is_wanted)
{
	const struct viommu_finding *finding;

	for (size_t i = 0; (finding = viommu_findings_get(from, i)); i++)
		if (!is_wanted || is_wanted(finding))
			viommu_findings_add(to, finding->id, &finding->place, finding->text,
					    finding->cure);
}

/* -- printing ---------------------------------------------------------------------- */

static void add_finding(struct json *json, const struct viommu_finding *finding)
{
	json_open(json, '{');
	json_string(json, "id", finding->id);
	json_string(json, "severity", viommu_severity_name(finding->severity));
	json_place(json, &finding->place);
	json_string(json, "text", finding->text);
	json_string(json, "cure", finding->cure);
	json_close(json, '}');
}

static void add_findings(struct json *json, const struct viommu_findings *findings)
{
	for (size_t i = 0; i < viommu_findings_count(findings); i++)
		add_finding(json, viommu_findings_get(findings, i));
}

void json_findings(struct json *json, const struct viommu_findings *findings)
{
	json_key(json, "findings");
	json_open(json, '[');
	add_findings(json, findings);
	json_close(json, ']');
}

static void print_json(const struct viommu_findings *findings)
{
	struct json *json = json_begin();

	json_findings(json, findings);
	json_end(json);
}

int report_findings(const struct viommu_findings *findings, bool as_json)
{
	if (!as_json)
		return print_findings(findings);
	print_json(findings);
	return viommu_findings_count_from(findings, VIOMMU_WARNING) ? EXIT_FINDINGS : EXIT_CLEAN;
}

void report_two_findings(const struct viommu_findings *first, const struct viommu_findings *second,
			 bool as_json)
{
	struct json *json;

	if (!as_json) {
		print_findings(first);
		print_findings(second);
		return;
	}
	json = json_begin();
	json_key(json, "findings");
	json_open(json, '[');
	add_findings(json, first);
	add_findings(json, second);
	json_close(json, ']');
	json_end(json);
}
