/* SPDX-License-Identifier: BSD-3-Clause */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "contestant.h"

/*
 * map WHO RANGES upward|downward|scattered pages|mixed OPERATIONS [PHASE...]: one contestant, once
 * through, in a fresh heap; or filled, and then only these phases, for those who profile
 *
 * Prints nanoseconds an operation, as JSON: `fill` is the average over all maps from empty to
 * full; `map` and `unmap` keep a full set full; `again` is half of an unmap and a map of one of the
 * newest ranges; `hit` and `miss` ask for addresses, each
 * only when the answer to the one before is there, as a device does whose next access
 * depends on the last.
 */

#define BATCH          128       /* so many go, then so many come */
#define NEWEST         64        /* ranges that come again */
#define LARGE          20000     /* ranges that a contestant may take all at once */
#define CHANGES_ENOUGH 400000000 /* nanoseconds: a slow one need not do all operations */

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

#define LINE      64
#define HUGE_PAGE 0x200000

struct line {
	struct line *next;
	char rest[LINE - sizeof(struct line *)];
};

struct run {
	const struct contestant *who;
	struct workload workload;
	size_t operations, bytes; /* of the set */
	void *set;
};

__attribute__((noreturn)) static void give_up(const char *why)
{
	fprintf(stderr, "map: %s\n", why);
	exit(2);
}

static void must(bool done)
{
	if (!done)
		give_up("a contestant got it wrong, or memory ran out");
}

static void report(const char *what, double value)
{
	printf("\"%s\": %.3f, ", what, value);
}

/*
 * What the process holds. Of a small set it is what the heap has handed out; of a large one the
 * pages that are really there, for an allocator may set aside addresses without touching them.
 */
static size_t held(const struct run *run)
{
	const struct mallinfo2 info = mallinfo2();
	unsigned long pages = 0;
	FILE *file;

	if (run->workload.n < LARGE)
		return info.uordblks + info.hblkhd;
	file = fopen("/proc/self/statm", "r");
	must(file && fscanf(file, "%*u %lu", &pages) == 1);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void make_set(struct run *run)
{
	if (run->set)
		run->who->free(run->set);
	run->set = run->who->make();
	must(run->set);
}

static uint64_t fill_once(struct run *run)
{
	uint64_t begin = spent_ns();

	for (size_t i = 0; i < run->workload.n; i++) {
		const struct extent extent = workload_extent(&run->workload, i);

		must(run->who->map(run->set, &extent));
	}
	return spent_ns() - begin;
}

/* A small set is filled again and again, until there was enough to measure. */
static void fill(struct run *run)
{
	size_t times = 1 + run->operations / run->workload.n, before = held(run);
	uint64_t spent = 0;

	for (size_t i = 0; i < times; i++) {
		make_set(run);
		spent += fill_once(run);
		if (!i)
			run->bytes = held(run) - before;
	}
	report("fill", (double)spent / (double)(times * run->workload.n));
}

static void load(struct run *run)
{
	size_t before = held(run);

	make_set(run);
	must(run->who->load(run->set, &run->workload));
	run->bytes = held(run) - before;
}

static void fill_or_load(struct run *run)
{
	if (run->who->load && run->workload.n >= LARGE && run->workload.order == SCATTERED)
		load(run);
	else
		fill(run);
	report("bytes", (double)run->bytes / (double)run->workload.n);
}

/* `flip` is 0, but the compiler knows it only after the previous answer. */
static void ask(struct run *run, const char *what, uint64_t *addresses, bool hits)
{
	uint64_t begin = spent_ns(), found = 0;

	must(addresses);
	for (size_t i = 0; i < run->operations; i++) {
		uint64_t flip = found == 1;

		found = run->who->translate(run->set, addresses[i] ^ flip);
		must((found != NOWHERE) == hits);
	}
	report(what, (double)(spent_ns() - begin) / (double)run->operations);
	free(addresses);
}

static void walk(struct run *run)
{
	size_t times = 1 + run->operations / run->workload.n;
	uint64_t begin = spent_ns(), sum = 0;

	for (size_t i = 0; i < times; i++)
		sum += run->who->walk(run->set);
	must(sum);
	report("walk", (double)(spent_ns() - begin) / (double)(times * run->workload.n));
}

/* The oldest go. */
static uint64_t unmap_batch(struct run *run, uint64_t at)
{
	uint64_t begin = spent_ns();

	for (uint64_t i = at; i < at + BATCH; i++) {
		const struct extent extent = workload_extent(&run->workload, i);

		must(run->who->unmap(run->set, extent.first, extent.last));
	}
	return spent_ns() - begin;
}

static uint64_t map_batch(struct run *run, uint64_t at)
{
	uint64_t begin = spent_ns();

	for (uint64_t i = at; i < at + BATCH; i++) {
		const struct extent extent = workload_extent(&run->workload, i);

		must(run->who->map(run->set, &extent));
	}
	return spent_ns() - begin;
}

static void change(struct run *run)
{
	uint64_t mapping = 0, unmapping = 0, done = 0;

	while (done < run->operations && mapping + unmapping < CHANGES_ENOUGH) {
		unmapping += unmap_batch(run, done);
		mapping += map_batch(run, done + run->workload.n);
		done += BATCH;
	}
	report("map", (double)mapping / (double)done);
	report("unmap", (double)unmapping / (double)done);
}

/* A driver maps a buffer, has it accessed and unmaps it, and is given the same address again. */
static void again(struct run *run)
{
	uint64_t begin = spent_ns(), newest = run->workload.n - 1;

	for (uint64_t i = 0; i < run->operations; i++) {
		const struct extent extent = workload_extent(&run->workload, newest - i % NEWEST);

		must(run->who->unmap(run->set, extent.first, extent.last));
		must(run->who->map(run->set, &extent));
	}
	report("again", (double)(spent_ns() - begin) / (double)(2 * run->operations));
}

/*
 * What memory allows: one read after the other in as many bytes as the set takes, each where the
 * one before says, at places that cannot be foreseen, in huge pages if they can be had.
 */
static void chase(struct run *run)
{
	size_t n = 2 + run->bytes / LINE,
	       length = (n * LINE + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	struct line *lines = aligned_alloc(HUGE_PAGE, length), *at;
	uint64_t begin, state = 1;

	must(lines);
	madvise(lines, length, MADV_HUGEPAGE);
	for (size_t i = 0; i < n; i++)
		lines[i].next = &lines[i];
	for (size_t i = n; i > 1; i--) {
		size_t j = (random_next(&state) >> 16) % (i - 1);

		at = lines[i - 1].next;
		lines[i - 1].next = lines[j].next;
		lines[j].next = at;
	}
	at = lines;
	begin = spent_ns();
	for (size_t i = 0; i < run->operations; i++)
		at = at->next;
	must(at);
	report("chase", (double)(spent_ns() - begin) / (double)run->operations);
	free(lines);
}

static const struct contestant *find(const char *name)
{
	for (size_t i = 0; i < sizeof(contestants) / sizeof(contestants[0]); i++)
		if (!strcmp(contestants[i]->name, name))
			return contestants[i];
	give_up("no such contestant");
}

static void list(void)
{
	for (size_t i = 0; i < sizeof(contestants) / sizeof(contestants[0]); i++)
		puts(contestants[i]->name);
}

static void hit(struct run *run)
{
	ask(run, "hit", workload_hits(&run->workload, run->operations), true);
}

static void miss(struct run *run)
{
	ask(run, "miss", workload_misses(&run->workload, run->operations), false);
}

static const struct phase {
	const char *name;
	void (*run)(struct run *run);
} phases[] = {
	{ "hit", hit },     { "miss", miss },     { "walk", walk },
	{ "again", again }, { "change", change }, { "chase", chase },
};

static enum order order_of(const char *name)
{
	if (!strcmp(name, "scattered"))
		return SCATTERED;
	return strcmp(name, "downward") ? UPWARD : DOWNWARD;
}

/* Without names, all. */
static bool is_wanted(const struct phase *phase, char **names, int n)
{
	bool wanted = n <= 0;

	for (int i = 0; i < n; i++)
		wanted |= !strcmp(phase->name, names[i]);
	return wanted;
}

int main(int argc, char **argv)
{
	struct run run = { 0 };

	if (argc == 1)
		list();
	if (argc < 6)
		return argc == 1 ? 0 : 2;
	run.who = find(argv[1]);
	run.workload.n = strtoul(argv[2], NULL, 10);
	run.workload.order = order_of(argv[3]);
	run.workload.sizes = strcmp(argv[4], "mixed") ? PAGES : MIXED;
	run.operations = strtoul(argv[5], NULL, 10);
	must(run.workload.n >= BATCH && run.operations && workload_make(&run.workload));

	printf("{");
	fill_or_load(&run);
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		if (is_wanted(&phases[i], argv + 6, argc - 6))
			phases[i].run(&run);
	printf("\"operations\": %zu}\n", run.operations);
	run.who->free(run.set);
	workload_free(&run.workload);
	return 0;
}
