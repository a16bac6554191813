/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a kernel says of a table
 *
 * People post the log of a kernel, which has no bytes of a table, but may have a message about one.
 * The rules quote the messages of Linux; other ones have rows here.
 */
#include <string.h>

#include <glib.h>

#include "base/array.h"
#include "base/memory.h"
#include "messages.h"
#include "tables/dumps/dumps.h"
#include "tables/findings/findings.h"
#include "tables/findings/rules.h"

#define TEXT_MAX    (1u << 20)
#define MESSAGE_MIN 14u

#define CHECK_IT   "check the table itself: `viommu check /sys/firmware/acpi/tables`"
#define EXPLAIN_IT "`viommu explain FUNCTION` on the machine, or with its tables and --pci"

/* Messages that are no sign of a rule: what they mean, and what to do. */
static const struct {
	const char *message, *text, *cure;
} others[] = {
	{ "returns all ones!", "the unit does not answer at the address that the table states",
	  CHECK_IT },
	{ "ineligible for IOMMU domain attach due to platform RMRR",
	  "a reserved region is for the device, so VFIO refuses it", EXPLAIN_IT },
	{ "is not viable", "another device of the IOMMU group has a driver of the host",
	  EXPLAIN_IT },
	{ "fault addr",
	  "a device used an address that is not mapped: a reserved region may be missing",
	  EXPLAIN_IT },
	{ "IO_PAGE_FAULT",
	  "a device used an address that is not mapped: a reserved region may be missing",
	  EXPLAIN_IT },
	{ "No firmware reserved region can cover this RMRR",
	  "the region of an RMRR is not in reserved memory",
	  "`viommu check --memory LOG DMAR` compares the regions with the map in the log" },
	{ "Unhandled context fault",
	  "a device used an address that is not mapped: a reserved region may be missing",
	  "`viommu resolve DEVICE` says which stream ID the table gives, and which memory it "
	  "keeps" },
	{ "C_BAD_STREAMID", "a device has a stream ID that no stream table has",
	  "`viommu resolve FUNCTION` says which one the table gives" },
	{ "can't be converted", "Xen has no IOMMU: memory that stays mapped is RAM", CHECK_IT },
	{ "No southbridge IO-APIC found in IVRS table",
	  "Xen has no IOMMU: no IOAPIC is listed as 00:14.0", CHECK_IT },
};

/* A quotation is looked for up to `...`, which stands for a name or a number. */
static const char *find_message(const struct bytes *text, const char *message, size_t length)
{
	const char *dots = text_find(message, (ptrdiff_t)length, "...");
	auto_free char *first = memory_text_n(message, dots ? (size_t)(dots - message) : length);

	return text_find((const char *)text->data, (ptrdiff_t)text->len, first);
}

static unsigned line_of(const struct bytes *text, const char *at)
{
	unsigned line = 1;

	for (const char *c = (const char *)text->data; c < at; c++)
		line += *c == '\n';
	return line;
}

/* A quotation of the rule that is in the text. */
static const char *find_quotation(const struct bytes *text, const char *on_linux)
{
	const char *open = strchr(on_linux, '"'), *close, *at = NULL;

	while (open && !at) {
		close = strchr(open + 1, '"');
		if (!close)
			return NULL;
		if ((size_t)(close - open) > MESSAGE_MIN)
			at = find_message(text, open + 1, (size_t)(close - open - 1));
		open = strchr(close + 1, '"');
	}
	return at;
}

void report_messages(struct viommu_findings *findings, const char *file, const void *bytes,
		     size_t length)
{
	struct bytes *text = clean_text(bytes, MIN(length, TEXT_MAX));
	const struct viommu_rule *rule;
	const char *at;

	for (size_t i = 0; (rule = viommu_rule(i)); i++) {
		at = rule->on_linux ? find_quotation(text, rule->on_linux) : NULL;
		if (at)
			report(findings, "input-message", place_in_text(file, line_of(text, at), 1),
			       CHECK_IT, "Linux says this of a table that breaks %s: %s", rule->id,
			       rule->text);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
		at = text_find((const char *)text->data, (ptrdiff_t)text->len, others[i].message);
		if (at)
			report(findings, "input-message", place_in_text(file, line_of(text, at), 1),
			       others[i].cure, "%s", others[i].text);
	}
	bytes_free(text);
}
