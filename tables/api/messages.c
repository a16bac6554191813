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
#include "base/strbuf.h"
#include "messages.h"
#include "tables/dumps/dumps.h"
#include "tables/findings/findings.h"
#include "tables/findings/rules.h"

#define TEXT_MAX    (1u << 20)
#define MESSAGE_MIN 14u

#define CHECK_IT   "check the table itself: `viommu check /sys/firmware/acpi/tables`"
#define CHECK_TREE "check the device tree itself: `viommu check /sys/firmware/fdt`"
#define EXPLAIN_IT "`viommu explain FUNCTION` on the machine, or with its tables and --pci"
#define SET_UP \
	"enable VT-d, AMD-Vi or the SMMU in the setup of the firmware; then `viommu host` shows " \
	"it"
#define RESOLVE_IT "`viommu resolve DEVICE` says which stream IDs the table gives to a device"
#define UNSAFE \
	"the kernel parameter vfio_iommu_type1.allow_unsafe_interrupts=1 allows it for guests " \
	"that are trusted"

/*
 * The words of a message are also in other texts. Its line has the subject, in any case. The first
 * row counts. Linux 5.6 and older warn of an ANDD without a subject.
 */
static const struct {
	const char *rules, *subject;
} subjects[] = {
	{ "acpi-", "ACPI" },
	{ "dmar-name", NULL },
	{ "dmar-", "DMAR" },
	{ "dt-distance", "OF: NUMA" },
	{ "iort-", "IORT" },
	{ "ivrs-", "AMD-Vi" },
	{ "machine-function", "VIOT" },
	{ "memory-map", "DMAR" },
	{ "rimt-", "RIMT" },
	{ "srat-", "SRAT" },
	{ "topology-iommu-outside", "VIOT" },
	{ "viot-", "VIOT" },
};

/* Messages that are no sign of a rule: what they mean, and what to do. */
static const struct {
	const char *message, *subject, *text, *cure;
} others[] = {
	{ "returns all ones!", "DMAR",
	  "the unit does not answer at the address that the table states", CHECK_IT },
	{ "ineligible for IOMMU domain attach due to platform RMRR", NULL,
	  "a reserved region is for the device, so VFIO refuses it", EXPLAIN_IT },
	{ "Firmware has requested this device have a 1:1 IOMMU mapping", NULL,
	  "a reserved region is for the device, so VFIO refuses it", EXPLAIN_IT },
	{ "BIOS-owned memory", NULL,
	  "a reserved region is for the device, so Windows does not assign it", EXPLAIN_IT },
	{ "ailed to set iommu for container", NULL,
	  "a reserved region is for the device, or interrupts are not remapped: the kernel's log "
	  "says which",
	  EXPLAIN_IT },
	{ "o interrupt remapping", NULL, "VFIO needs an IOMMU that remaps interrupts", UNSAFE },
	{ "This system BIOS has enabled interrupt remapping", NULL,
	  "Linux remaps no interrupts: the chipset, 5500, 5520 or X58, has an erratum", UNSAFE },
	{ "is not viable", "group", "another device of the IOMMU group has a driver of the host",
	  EXPLAIN_IT },
	{ "fault addr", "DMAR",
	  "a device used an address that is not mapped: a reserved region may be missing",
	  EXPLAIN_IT },
	{ "IO_PAGE_FAULT", NULL,
	  "a device used an address that is not mapped: a reserved region may be missing",
	  EXPLAIN_IT },
	{ "No firmware reserved region can cover this RMRR", NULL,
	  "the region of an RMRR is not in reserved memory",
	  "`viommu check --memory LOG DMAR` compares the regions with the map in the log" },
	{ "IVRS invalid checksum", NULL,
	  "the bytes of the IVRS do not add up to 0, and Linux has no IOMMU; in the kernel of a "
	  "crash dump, the one before may have written into the table",
	  CHECK_IT },
	{ "from previous kernel", "DMAR",
	  "the kernel of a crash dump takes over the tables of the one before: no table of the "
	  "firmware causes it",
	  NULL },
	{ "RMRR base: 0x00000000000000 end: 0x00000000000000", "DMAR",
	  "an RMRR is empty: the firmware filled in no region", CHECK_IT },
	{ "EFR mismatch", "AMD-Vi",
	  "the IVRS has other features than the IOMMU itself: Linux uses those of the IVRS",
	  "`viommu dump IVRS` names them; update the firmware if one is missing" },
	{ "Unable to read/write to IOMMU perf counter", NULL,
	  "only `perf` has no counters of the IOMMU: no table causes it", NULL },
	{ "ompletion-Wait loop timed out", "AMD-Vi",
	  "the IOMMU waits for a device that does not answer: no table causes it",
	  "the kernel parameter pci=noats shows whether a device's own TLB is the cause" },
	{ "Unhandled context fault", NULL,
	  "a device used an address that is not mapped: a reserved region may be missing",
	  "`viommu resolve DEVICE` says which stream ID the table gives, and which memory it "
	  "keeps" },
	{ "C_BAD_STREAMID", NULL, "a device has a stream ID that no stream table has",
	  "`viommu resolve FUNCTION` says which one the table gives" },
	{ "event 0x02 received", "arm-smmu-v3", "a device has a stream ID that no stream table has",
	  RESOLVE_IT },
	{ "event 0x10 received", "arm-smmu-v3",
	  "a device used an address that is not mapped: a reserved region may be missing",
	  RESOLVE_IT },
	{ "nexpected global fault, this could be serious", NULL,
	  "a device has a stream ID that no device is described with", RESOLVE_IT },
	{ "Blocked unknown Stream ID", NULL,
	  "a device has a stream ID that no device is described with", RESOLVE_IT },
	{ "Cannot accommodate DMA offset", NULL,
	  "the bus that the IOMMU is on has dma-ranges that move addresses: those of an IOMMU are "
	  "not translated",
	  CHECK_TREE },
	{ "No IOMMU detected, please activate it", NULL, "the kernel uses no IOMMU", SET_UP },
	{ "cannot be assigned - no IOMMU?", NULL, "Xen uses no IOMMU", SET_UP },
	{ "missing features: IOMMU", NULL, "Xen uses no IOMMU", SET_UP },
	{ "Failed to parse ACPI DMAR", NULL, "Xen has no IOMMU: it does not accept the DMAR",
	  CHECK_IT },
	{ "no information for IO-APIC", "IVHD",
	  "Xen has no IOMMU: no block of the IVRS has an IOAPIC of the MADT",
	  CHECK_IT "; Xen's parameter ivrs_ioapic[ID]=00:14.0 names one" },
	{ "is not (entirely) in reserved memory", NULL,
	  "memory that stays mapped is not reserved in the memory map",
	  "`viommu check --memory LOG IVRS` compares them" },
	{ "not in reserved memory; need", NULL,
	  "memory that stays mapped is not reserved in the memory map",
	  "`viommu check --memory LOG DMAR` compares them" },
	{ "can't be converted", "page at", "Xen has no IOMMU: memory that stays mapped is RAM",
	  CHECK_IT },
	{ "No southbridge IO-APIC found in IVRS table", NULL,
	  "Xen has no IOMMU: no IOAPIC is listed as 00:14.0", CHECK_IT },
};

/* -- looking for a message ----------------------------------------------------------------- */

static const char *subject_of(const char *rule_id)
{
	for (size_t i = 0; i < G_N_ELEMENTS(subjects); i++)
		if (g_str_has_prefix(rule_id, subjects[i].rules))
			return subjects[i].subject;
	return NULL;
}

static bool has_subject(const char *line, const char *end, const char *subject)
{
	size_t n = strlen(subject);

	for (; (size_t)(end - line) >= n; line++)
		if (!g_ascii_strncasecmp(line, subject, n))
			return true;
	return false;
}

/* A line is looked at once, however often it has the words. */
static const char *find_words(const struct bytes *text, const char *words, const char *subject)
{
	const char *start = (const char *)text->data, *end = start + text->len, *at = start;

	while ((at = text_find(at, end - at, words))) {
		const char *line = at, *stop = memchr(at, '\n', (size_t)(end - at));

		while (line > start && line[-1] != '\n')
			line--;
		stop = stop ? stop : end;
		if (!subject || has_subject(line, stop, subject))
			return at;
		at = stop;
	}
	return NULL;
}

/* A quotation is looked for up to `...`, which stands for a name or a number. */
static const char *find_message(const struct bytes *text, const char *message, size_t length,
				const char *subject)
{
	const char *dots = text_find(message, (ptrdiff_t)length, "...");
	auto_free char *first = memory_text_n(message, dots ? (size_t)(dots - message) : length);

	return find_words(text, first, subject);
}

/* A quotation of the rule that is in the text. */
static const char *find_quotation(const struct bytes *text, const struct viommu_rule *rule)
{
	const char *open = rule->on_linux ? strchr(rule->on_linux, '"') : NULL, *close, *at = NULL;

	while (open && !at) {
		close = strchr(open + 1, '"');
		if (!close)
			return NULL;
		if ((size_t)(close - open) > MESSAGE_MIN)
			at = find_message(text, open + 1, (size_t)(close - open - 1),
					  subject_of(rule->id));
		open = strchr(close + 1, '"');
	}
	return at;
}

/* -- reporting ----------------------------------------------------------------------------- */

struct log {
	const char *file;
	struct bytes *text;
	struct cleaning cleaning;
};

static struct viommu_place place_in_log(const struct log *log, const char *at)
{
	unsigned line = 1;

	if (log->cleaning.moves_lines)
		return place_of_file(log->file);
	for (const char *c = (const char *)log->text->data; c < at; c++)
		line += *c == '\n';
	return place_in_text(log->file, line, 1);
}

struct hit {
	const struct viommu_rule *rule;
	const char *at;
};

/* Rules that quote the same message: it says that one of them is broken, but not which one. */
static char *rules_text(const struct array *hits, size_t first)
{
	const struct hit *hit = &array_index(hits, struct hit, first), *other;
	struct strbuf *text = strbuf_new(NULL);

	strbuf_append_printf(text, "%s: %s", hit->rule->id, hit->rule->text);
	for (size_t i = first + 1; i < hits->len; i++) {
		other = &array_index(hits, struct hit, i);
		if (other->at == hit->at)
			strbuf_append_printf(text, "; or %s: %s", other->rule->id,
					     other->rule->text);
	}
	return strbuf_steal(text);
}

static bool is_reported(const struct array *hits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (array_index(hits, struct hit, i).at == array_index(hits, struct hit, n).at)
			return true;
	return false;
}

/* The ID of the IOAPIC with GSI 0, of "IOAPIC[0]: apic_id 7, version 33, ..., GSI 0-23". */
static bool find_first_ioapic(const struct bytes *text, unsigned *ret_id)
{
	static const char words[] = ": apic_id ";
	const char *at = find_words(text, words, "GSI 0-"), *end;

	if (!at)
		return false;
	end = (const char *)text->data + text->len;
	at += strlen(words);
	*ret_id = 0;
	for (const char *start = at; at < end && at < start + 3 && g_ascii_isdigit(*at); at++)
		*ret_id = *ret_id * 10 + (unsigned)(*at - '0');
	return g_ascii_isdigit(at[-1]);
}

/* To be freed. */
static char *southbridge_cure(const struct log *log)
{
	unsigned id;

	if (find_first_ioapic(log->text, &id))
		return memory_printf("use the kernel parameter ivrs_ioapic[%u]=00:14.0", id);
	return memory_printf("use the kernel parameter ivrs_ioapic[ID]=00:14.0 with the ID of the "
			     "IOAPIC whose GSIs begin at 0; with the tables, `viommu check "
			     "/sys/firmware/acpi/tables` prints it");
}

static char *cure_of_rule(const struct log *log, const char *rule_id)
{
	if (!strcmp(rule_id, "ivrs-southbridge"))
		return southbridge_cure(log);
	return memory_text(g_str_has_prefix(rule_id, "dt-") ? CHECK_TREE : CHECK_IT);
}

static void report_rules(struct viommu_findings *findings, const struct log *log,
			 const struct array *hits)
{
	for (size_t i = 0; i < hits->len; i++) {
		const struct hit *hit = &array_index(hits, struct hit, i);
		auto_free char *rules = NULL, *cure = NULL;

		if (is_reported(hits, i))
			continue;
		rules = rules_text(hits, i);
		cure = cure_of_rule(log, hit->rule->id);
		report(findings, "input-message", place_in_log(log, hit->at), cure,
		       "Linux says this of a table that breaks %s", rules);
	}
}

static void report_others(struct viommu_findings *findings, const struct log *log)
{
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
		const char *at = find_words(log->text, others[i].message, others[i].subject);

		if (at)
			report(findings, "input-message", place_in_log(log, at), others[i].cure,
			       "%s", others[i].text);
	}
}

void report_messages(struct viommu_findings *findings, const char *file, const void *bytes,
		     size_t length)
{
	struct log log = { .file = file };
	struct array *hits = array_new(sizeof(struct hit));
	struct hit hit;

	log.text = clean_text(bytes, MIN(length, TEXT_MAX), &log.cleaning);
	for (size_t i = 0; (hit.rule = viommu_rule(i)); i++) {
		hit.at = find_quotation(log.text, hit.rule);
		if (hit.at)
			array_append(hits, hit);
	}
	report_rules(findings, &log, hits);
	report_others(findings, &log);
	array_free(hits);
	bytes_free(log.text);
}
