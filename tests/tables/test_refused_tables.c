/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file for each rule of bytes: those that make_refused.py generates
 *
 * A line of refused.list has the path of a file, the place where it breaks its rule, the exit
 * status of the command, and the other rules that it breaks. The library has to report exactly
 * these.
 */
#include <unistd.h>

#include <viommu/acpi.h>
#include <viommu/devicetree.h>

#include "refused_rig.h"

#define LINE_LENGTH 256

struct refused {
	char path[LINE_LENGTH], place[LINE_LENGTH], also[LINE_LENGTH];
	const char *file; /* the last part of the path */
	int status;
};

/* All rules but those of topologies, whose texts test_refused.c reads, and those of hosts and plans
 * and of memory, which are no files. */
static bool is_ours(const char *id)
{
	static const char *const others[] = { "text-",        "topology-", "host-", "plan-",
					      "input-memory", "memory-",   "trace-" };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strncmp(id, others[i], strlen(others[i])))
			return false;
	return true;
}

static void read_line(const char *line, struct refused *ret)
{
	char text[LINE_LENGTH];

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, "\n"), line);
	ret->also[0] = '\0';
	assert_true(sscanf(text, "%255s %255s %d %255[^\n]", ret->path, ret->place, &ret->status,
			   ret->also) >= 3);
	assert_non_null(strrchr(ret->path, '/'));
	ret->file = strrchr(ret->path, '/') + 1;
}

/* The line of refused.list for that rule. */
static void find_line(const char *list, const char *id, struct refused *ret)
{
	for (const char *line = list; *line; line += strcspn(line, "\n") + 1) {
		read_line(line, ret);
		if (!strncmp(ret->file, id, strlen(id)) && ret->file[strlen(id)] == '.')
			return;
	}
	fail_msg("no file breaks %s: add one to a module that make_refused.py reads", id);
}

/* All tables of a file, which are those of one machine. */
struct checking {
	struct rig *rig;
	struct viommu_table *tables[4];
	size_t n;
};

static bool check_table(void *opaque, const char *name, const void *bytes, size_t length)
{
	struct checking *checking = opaque;
	struct viommu_findings *findings = checking->rig->findings;
	struct viommu_table *table = viommu_table_decode(bytes, length, name, findings);

	if (!table)
		return true;
	viommu_table_check(table, findings);
	assert_true(checking->n < sizeof(checking->tables) / sizeof(checking->tables[0]));
	checking->tables[checking->n++] = table;
	return true;
}

static void check_tables(struct rig *rig, const void *bytes, size_t length)
{
	struct checking checking = { .rig = rig };

	viommu_input_split(bytes, length, "refused", check_table, &checking, rig->findings);
	viommu_tables_check_together((const struct viommu_table *const *)checking.tables,
				     checking.n, rig->findings);
	while (checking.n)
		viommu_table_free(checking.tables[--checking.n]);
}

/* Only the suffix of the file names the form. */
static void check_builtin(struct rig *rig, const char *form, const void *bytes, size_t length)
{
	struct viommu_table *table =
		viommu_table_decode_as(form, bytes, length, "refused", rig->findings);

	if (table)
		viommu_table_check(table, rig->findings);
	viommu_table_free(table);
}

/* The table beside the topology, into which the topology is put; NULL if there is none. */
static struct viommu_table *read_base(struct rig *rig, const struct refused *refused)
{
	struct viommu_table *base;
	char path[2 * LINE_LENGTH];
	size_t length;
	char *bytes;

	snprintf(path, sizeof(path), "%s/%.*s.base", TABLES_TESTS, (int)strcspn(refused->path, "."),
		 refused->path);
	if (access(path, R_OK))
		return NULL;
	bytes = read_file(path, &length);
	base = viommu_table_decode(bytes, length, "base", rig->findings);
	free(bytes);
	return base;
}

static void generate_dt(struct rig *rig, const struct refused *refused)
{
	struct viommu_devicetree how = { .size = sizeof(how) };
	struct viommu_table *base = read_base(rig, refused);

	how.base = base;
	viommu_table_free(viommu_devicetree_generate(rig->topology, &how, rig->findings));
	viommu_table_free(base);
}

static void extend(struct rig *rig, const struct refused *refused)
{
	struct viommu_table *base = read_base(rig, refused);

	viommu_table_extend(base, rig->topology, rig->findings);
	viommu_table_free(base);
}

static void generate_builtin(struct rig *rig, const struct refused *refused)
{
	(void)refused;
	viommu_table_free(viommu_table_generate(rig->topology, "builtin-v3", rig->findings));
}

static void generate_command_line(struct rig *rig, const struct refused *refused)
{
	(void)refused;
	free(viommu_kernel_command_line(rig->topology, rig->findings));
}

/* A device tree cannot represent all of the topology. */
static void convert(struct rig *rig, const struct refused *refused)
{
	struct viommu_table *made = viommu_table_generate(rig->topology, "DTB", NULL);

	(void)refused;
	viommu_table_compare(made, rig->topology, rig->findings);
	viommu_table_free(made);
}

/* The base is a table of the VMM. One file is for the highest address. */
static void generate_set(struct rig *rig, const struct refused *refused)
{
	bool is_high = !strcmp(refused->file, "image-address.topology");
	struct viommu_acpi how = { .size = sizeof(how), .address = is_high ? ~15ull : 0 };
	const struct viommu_table *base = read_base(rig, refused);
	void *bytes;

	how.tables = &base;
	how.n_tables = base != NULL;
	viommu_acpi_generate(rig->topology, &how, &bytes, rig->findings);
	viommu_table_free((struct viommu_table *)base);
	free(bytes);
}

static void generate_draft(struct rig *rig, const struct refused *refused)
{
	(void)refused;
	viommu_table_free(viommu_table_generate(rig->topology, "VIOT-2019", rig->findings));
}

/* What no table has: one is enough. */
static void generate_any(struct rig *rig, const struct refused *refused)
{
	(void)refused;
	viommu_table_free(viommu_table_generate(rig->topology, "IORT", rig->findings));
}

/* The id of a rule begins with the signature of its table. */
static void generate_acpi(struct rig *rig, const struct refused *refused)
{
	const char *file = refused->file;
	char signature[5];

	snprintf(signature, sizeof(signature), "%c%c%c%c", file[0] & ~0x20, file[1] & ~0x20,
		 file[2] & ~0x20, file[3] & ~0x20);
	viommu_table_free(viommu_table_generate(rig->topology, signature, rig->findings));
}

static void generate(struct rig *rig, const struct refused *refused)
{
	static const struct {
		const char *prefix;
		void (*generate)(struct rig *rig, const struct refused *refused);
	} generators[] = {
		{ "builtin-", generate_builtin },
		{ "dt-", generate_dt },
		{ "cmdline-", generate_command_line },
		{ "convert-", convert },
		{ "draft-", generate_draft },
		{ "table-", generate_any },
		{ "image-", generate_set },
		{ "extend-", extend },
		{ "", generate_acpi },
	};
	size_t i = 0;

	while (strncmp(refused->file, generators[i].prefix, strlen(generators[i].prefix)) != 0)
		i++;
	generators[i].generate(rig, refused);
}

static void read_refused(struct rig *rig, const struct refused *refused)
{
	char path[2 * LINE_LENGTH];
	size_t length;
	char *bytes;

	snprintf(path, sizeof(path), "%s/%s", TABLES_TESTS, refused->path);
	if (access(path, R_OK))
		snprintf(path, sizeof(path), "%s/%s", LARGE, refused->file);
	bytes = read_file(path, &length);
	if (strstr(refused->file, ".topology")) {
		rig->topology = viommu_topology_parse(bytes, length, "refused", rig->findings);
		assert_non_null(rig->topology);
		viommu_topology_check(rig->topology, rig->findings);
		generate(rig, refused);
	} else if (strstr(refused->file, ".source")) {
		void *made;

		assert_int_equal(viommu_table_assemble(bytes, length, "refused", false, &made,
						       rig->findings),
				 0);
		assert_null(made);
	} else if (strstr(refused->file, ".builtin-")) {
		check_builtin(rig, strstr(refused->file, ".builtin-") + 1, bytes, length);
	} else {
		check_tables(rig, bytes, length);
	}
	free(bytes);
}

static void assert_place(const struct viommu_finding *finding, const char *expected)
{
	const struct viommu_place *place = &finding->place;
	char text[LINE_LENGTH] = "-";

	if (place->path)
		snprintf(text, sizeof(text), "%s", place->path);
	else if (place->at != VIOMMU_NOWHERE)
		snprintf(text, sizeof(text), "0x%zx", place->at);
	else if (place->line)
		snprintf(text, sizeof(text), "%u:%u", place->line, place->column);
	if (strcmp(text, expected) != 0)
		fail_msg("%s is reported at %s, not at %s", finding->id, text, expected);
}

static void expect(const struct rig *rig, const struct viommu_rule *rule,
		   const struct refused *refused)
{
	bool bad = viommu_findings_count_from(rig->findings, VIOMMU_WARNING);
	unsigned n = 0;

	for (size_t i = 0; i < viommu_findings_count(rig->findings); i++) {
		const struct viommu_finding *finding = viommu_findings_get(rig->findings, i);

		if (!strcmp(finding->id, rule->id)) {
			n++;
			assert_place(finding, refused->place);
		} else if (!strstr(refused->also, finding->id)) {
			fail_msg("%s breaks %s", refused->file, finding->id);
		}
	}
	if (n != 1)
		fail_msg("%s is reported %u times", rule->id, n);
	assert_int_equal(bad, refused->status != 0);
}

static void each_rule_of_bytes_is_reported_for_its_file(void **state)
{
	const struct viommu_rule *rule;
	size_t length;
	char *list = read_file(TABLES_TESTS "/refused.list", &length);

	(void)state;
	for (size_t i = 0; (rule = viommu_rule(i)); i++) {
		struct refused refused;
		void *fresh;

		if (!is_ours(rule->id))
			continue;
		find_line(list, rule->id, &refused);
		set_up(&fresh);
		read_refused(fresh, &refused);
		expect(fresh, rule, &refused);
		tear_down(&fresh);
	}
	free(list);
}

/* An id never changes its meaning, so a file without a rule has a wrong name. */
static void each_file_is_named_after_a_rule(void **state)
{
	size_t length;
	char *list = read_file(TABLES_TESTS "/refused.list", &length);

	(void)state;
	for (const char *line = list; *line; line += strcspn(line, "\n") + 1) {
		struct refused refused;

		read_line(line, &refused);
		assert_rule(refused.file);
	}
	free(list);
}

/* Findings may be NULL: the same calls, without a list to report to. */
static void findings_may_be_null(void **state)
{
	const struct viommu_rule *rule;
	size_t length;
	char *list = read_file(TABLES_TESTS "/refused.list", &length);
	struct rig rig = { NULL, NULL };

	(void)state;
	for (size_t i = 0; (rule = viommu_rule(i)); i++) {
		struct refused refused;

		if (!is_ours(rule->id))
			continue;
		find_line(list, rule->id, &refused);
		read_refused(&rig, &refused);
		rig.topology = viommu_topology_free(rig.topology);
	}
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_of_bytes_is_reported_for_its_file),
		cmocka_unit_test(each_file_is_named_after_a_rule),
		cmocka_unit_test(findings_may_be_null),
	};

	return cmocka_run_group_tests_name("refused tables", tests, NULL, NULL);
}
