/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viommu/protocol.h>

#include "clock.h"
#include "contestant.h"
#include "record/trace.h"
#include "steps.h"
#include "wire/layout.h"

/*
 * traces WHO TRACE PASSES: what a recorded guest did, by one contestant
 *
 * Of a trace are taken the MAPs and UNMAPs that were answered OK, by their domains, and the
 * accesses whose answer follows from these. Each domain is a set. A pass begins without ranges and
 * plays all of it; passes with and without accesses take turns, and the difference is the accesses'
 * time. Prints, as JSON, nanoseconds a change and an access.
 */

#define DOMAINS_MAX 64
#define TRACE_MAX   (64u << 20)

static const struct contestant *const contestants[] = {
	&contestant_map,    &contestant_device, &contestant_gtree,
	&contestant_array,  &contestant_radix,
#ifdef WITH_JUDY
	&contestant_judy,
#endif
#ifdef WITH_CXX
	&contestant_rbtree, &contestant_btree,
#endif
};

/* The endpoints and domains of the trace, by the order in which they are met. */
struct script {
	struct step *steps;
	size_t n, n_changes, n_accesses;
	uint32_t domains[DOMAINS_MAX];
	unsigned n_sets;
	struct {
		uint32_t id;
		unsigned set;
	} endpoints[DOMAINS_MAX];
	unsigned n_endpoints;
};

__attribute__((noreturn)) static void give_up(const char *why)
{
	fprintf(stderr, "traces: %s\n", why);
	exit(2);
}

/* -- from a trace to steps ----------------------------------------------------------- */

static unsigned set_of(struct script *script, uint32_t domain)
{
	for (unsigned i = 0; i < script->n_sets; i++)
		if (script->domains[i] == domain)
			return i;
	if (script->n_sets == DOMAINS_MAX)
		give_up("too many domains");
	script->domains[script->n_sets] = domain;
	return script->n_sets++;
}

static void attach(struct script *script, uint32_t id, uint32_t domain)
{
	unsigned i = 0;

	while (i < script->n_endpoints && script->endpoints[i].id != id)
		i++;
	if (i == DOMAINS_MAX)
		give_up("too many endpoints");
	script->n_endpoints += i == script->n_endpoints;
	script->endpoints[i].id = id;
	script->endpoints[i].set = set_of(script, domain);
}

static void add_step(struct script *script, enum step_kind kind, unsigned set, struct extent extent)
{
	script->steps[script->n++] = (struct step){ kind, set, extent };
}

static void take_request(struct script *script, const struct trace_record *record)
{
	const uint8_t *bytes = record->bytes;
	unsigned type = record->length ? bytes[0] : 0;
	struct extent extent;

	if (record->values[REQUEST_STATUS] != VIOMMU_S_OK)
		return;
	if (type == VIOMMU_T_ATTACH)
		attach(script, (uint32_t)wire_load(bytes + 8, 4),
		       (uint32_t)wire_load(bytes + 4, 4));
	if (type != VIOMMU_T_MAP && type != VIOMMU_T_UNMAP)
		return;
	extent = (struct extent){ wire_load(bytes + 8, 8), wire_load(bytes + 16, 8),
				  type == VIOMMU_T_MAP ? wire_load(bytes + 24, 8) : 0 };
	add_step(script, type == VIOMMU_T_MAP ? STEP_MAP : STEP_UNMAP,
		 set_of(script, (uint32_t)wire_load(bytes + 4, 4)), extent);
	script->n_changes++;
}

static void take_access(struct script *script, const struct trace_record *record)
{
	const uint64_t *values = record->values;
	uint64_t answer = values[ACCESS_RESULT] == TRACE_OK ? values[ACCESS_ADDRESS] : NOWHERE;

	for (unsigned i = 0; i < script->n_endpoints; i++)
		if (script->endpoints[i].id == values[ACCESS_ENDPOINT])
			add_step(script, STEP_ACCESS, script->endpoints[i].set,
				 (struct extent){ values[ACCESS_IOVA], 0, answer });
}

static void read_script(struct script *script, const uint8_t *bytes, size_t length)
{
	static struct trace_reader reader;
	struct trace_record record;
	struct trace_error error;
	int more;

	script->steps = calloc(length, sizeof(*script->steps)); /* a record has a byte at least */
	if (!script->steps || !trace_open(&reader, bytes, length, &error))
		give_up("no trace");
	while ((more = trace_next(&reader, &record)) > 0) {
		if (record.kind == TRACE_REQUEST)
			take_request(script, &record);
		else if (record.kind == TRACE_ACCESS)
			take_access(script, &record);
		else if (record.kind == TRACE_NOTIFY)
			add_step(script, STEP_NOTIFY, 0, (struct extent){ 0 });
	}
	if (more)
		give_up(error.text);
}

/* -- playing -------------------------------------------------------------------------- */

static void make_sets(const struct contestant *who, const struct script *script, void **sets)
{
	for (unsigned i = 0; i < script->n_sets; i++)
		if (!(sets[i] = who->make()))
			give_up("out of memory");
}

static void free_sets(const struct contestant *who, const struct script *script, void **sets)
{
	for (unsigned i = 0; i < script->n_sets; i++)
		who->free(sets[i]);
}

static void change(const struct contestant *who, void **sets, const struct step *step)
{
	if (step->kind == STEP_NOTIFY)
		return;
	if (step->kind == STEP_UNMAP)
		who->unmap(sets[step->set], step->extent.first, step->extent.last);
	else if (!who->map(sets[step->set], &step->extent))
		give_up("a MAP was refused");
}

/* Accesses that bypass, or reach MSIs, do not follow from mappings. */
static void keep_what_follows(struct script *script)
{
	void *sets[DOMAINS_MAX];
	size_t kept = 0;

	make_sets(&contestant_map, script, sets);
	for (size_t i = 0; i < script->n; i++) {
		const struct step *step = &script->steps[i];
		bool follows = step->kind != STEP_ACCESS ||
			       contestant_map.translate(sets[step->set], step->extent.first) ==
				       step->extent.phys;

		if (step->kind != STEP_ACCESS)
			change(&contestant_map, sets, step);
		script->n_accesses += follows && step->kind == STEP_ACCESS;
		if (follows)
			script->steps[kept++] = *step;
	}
	script->n = kept;
	free_sets(&contestant_map, script, sets);
}

static uint64_t play(const struct contestant *who, const struct script *script, bool accesses)
{
	void *sets[DOMAINS_MAX];
	uint64_t begin, spent;

	make_sets(who, script, sets);
	begin = spent_ns();
	for (size_t i = 0; i < script->n; i++) {
		const struct step *step = &script->steps[i];

		if (step->kind != STEP_ACCESS)
			change(who, sets, step);
		else if (accesses &&
			 who->translate(sets[step->set], step->extent.first) != step->extent.phys)
			give_up("an access has another answer");
	}
	spent = spent_ns() - begin;
	free_sets(who, script, sets);
	return spent;
}

static void measure(const struct contestant *who, const struct script *script, unsigned long passes)
{
	uint64_t changes = 0, all = 0;
	double access;

	for (unsigned long i = 0; i < passes; i++) {
		changes += play(who, script, false);
		all += play(who, script, true);
	}
	access = script->n_accesses && all > changes
			 ? (double)(all - changes) / (double)(passes * script->n_accesses)
			 : 0;
	printf("{\"change\": %.3f, \"access\": %.3f, \"changes\": %zu, \"accesses\": %zu}\n",
	       (double)changes / (double)(passes * script->n_changes), access, script->n_changes,
	       script->n_accesses);
}

static int write_steps(const struct script *script, const char *name)
{
	FILE *file = fopen(name, "wb");
	bool done =
		file && fwrite(script->steps, sizeof(*script->steps), script->n, file) == script->n;

	return !done || fclose(file) ? 2 : 0;
}

static const struct contestant *find(const char *name)
{
	for (size_t i = 0; i < sizeof(contestants) / sizeof(contestants[0]); i++)
		if (!strcmp(contestants[i]->name, name))
			return contestants[i];
	give_up("no such contestant");
}

/* *ret_length is at most TRACE_MAX. */
static uint8_t *load(const char *name, size_t *ret_length)
{
	uint8_t *bytes = malloc(TRACE_MAX);
	FILE *file = fopen(name, "rb");

	if (file && bytes) {
		*ret_length = fread(bytes, 1, TRACE_MAX, file);
		fclose(file);
		return bytes;
	}
	if (file)
		fclose(file);
	free(bytes);
	return NULL;
}

static void list(void)
{
	for (size_t i = 0; i < sizeof(contestants) / sizeof(contestants[0]); i++)
		puts(contestants[i]->name);
}

/* Returns the exit status. */
static int run(const char *who, struct script *script, const char *last)
{
	unsigned long passes = strtoul(last, NULL, 10);

	if (!strcmp(who, "--steps"))
		return write_steps(script, last);
	if (!script->n_changes || !passes)
		give_up("the trace has no MAP and no UNMAP, or there are no passes");
	measure(find(who), script, passes);
	return 0;
}

int main(int argc, char **argv)
{
	struct script script = { 0 };
	size_t length = 0;
	uint8_t *bytes;
	int status;

	if (argc == 1)
		list();
	if (argc != 4)
		return argc == 1 ? 0 : 2;
	bytes = load(argv[2], &length);
	if (!bytes)
		give_up("the trace cannot be read");
	read_script(&script, bytes, length);
	free(bytes);
	keep_what_follows(&script);
	status = run(argv[1], &script, argv[3]);
	free(script.steps);
	return status;
}
