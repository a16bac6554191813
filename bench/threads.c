/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <viommu/device.h>

#include "contestant.h"
#include "latency.h"
#include "requests.h"

/*
 * threads WHO TRANSLATORS none|paced|busy RANGES MILLISECONDS: translations beside each other,
 * and beside a guest that maps and unmaps
 *
 * First translations are only counted, then each is timed. A paced writer does a burst of
 * requests every millisecond, as a busy guest's driver does; a busy one does not stop. Each
 * thread has a processor of its own as long as there are enough: rates are therefore given by
 * the clock on the wall, and by the time that translators were on a processor at all.
 */

#define ADDRESSES   (1u << 16)
#define BURST       64
#define PACE_NS     1000000
#define THREADS_MAX 64
#define CHECK_EVERY 256 /* translations between two looks at whether it is over */

enum writing { NONE, PACED, BUSY };

/* An implementation of translation; `pass` belongs to the thread. */
struct way {
	const char *name;
	const struct contestant *set;
	void *(*enter)(void *set);
	uint64_t (*translate)(void *pass, uint64_t address);
	void (*leave)(void *pass);
	bool locked; /* not thread-safe: a mutex protects it, as in QEMU */
};

static struct {
	const struct way *way;
	struct workload workload;
	uint64_t *addresses;
	void *set;
	enum writing writing;
	pthread_mutex_t mutex;
	atomic_bool timing, over;
} bench = { .mutex = PTHREAD_MUTEX_INITIALIZER };

struct translator {
	pthread_t thread;
	unsigned cpu;
	uint64_t done, spent_ns;
	struct latency latency;
};

/* -- implementations ----------------------------------------------------------- */

static void *enter_nothing(void *set)
{
	return set;
}

static void leave_nothing(void *pass)
{
	(void)pass;
}

static uint64_t translate_device(void *pass, uint64_t address)
{
	return contestant_device.translate(pass, address);
}

static uint64_t translate_locked(void *pass, uint64_t address)
{
	uint64_t found;

	pthread_mutex_lock(&bench.mutex);
	found = contestant_gtree.translate(pass, address);
	pthread_mutex_unlock(&bench.mutex);
	return found;
}

static void *enter_dma(void *set)
{
	struct viommu_dma *dma;

	return viommu_dma_new(set, &dma) ? NULL : dma;
}

static uint64_t translate_dma(void *pass, uint64_t address)
{
	struct viommu_translation found = { .address = NOWHERE };

	viommu_dma_begin(pass);
	viommu_dma_translate(pass, BENCH_ENDPOINT, address, 1,
			     VIOMMU_MAP_F_READ | VIOMMU_ACCESS_QUIET, &found);
	viommu_dma_end(pass);
	return found.address;
}

static void leave_dma(void *pass)
{
	viommu_dma_free(pass);
}

static const struct way ways[] = {
	{ "viommu_translate", &contestant_device, enter_nothing, translate_device, leave_nothing,
	  false },
	{ "viommu DMA section", &contestant_device, enter_dma, translate_dma, leave_dma, false },
	{ "GTree, mutex", &contestant_gtree, enter_nothing, translate_locked, leave_nothing, true },
};

/* -- threads ------------------------------------------------------------------------ */

static void pin(unsigned cpu)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % (unsigned)n, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void count_some(struct translator *translator, void *pass, unsigned at)
{
	uint64_t flip = 0;

	for (unsigned i = 0; i < CHECK_EVERY; i++) {
		uint64_t address = bench.addresses[(at + i) % ADDRESSES] ^ flip;

		flip = bench.way->translate(pass, address) == 1;
	}
	translator->done += CHECK_EVERY;
}

static void time_some(struct translator *translator, void *pass, unsigned at)
{
	for (unsigned i = 0; i < CHECK_EVERY; i++) {
		uint64_t address = bench.addresses[(at + i) % ADDRESSES], begin = ticks();

		bench.way->translate(pass, address);
		latency_count(&translator->latency, ticks() - begin);
	}
}

static void *translate_all(void *opaque)
{
	struct translator *translator = opaque;
	void *pass = bench.way->enter(bench.set);
	unsigned at = translator->cpu * (ADDRESSES / THREADS_MAX);
	uint64_t begin;

	pin(translator->cpu);
	begin = spent_ns();
	for (; !atomic_load(&bench.timing); at += CHECK_EVERY)
		count_some(translator, pass, at);
	translator->spent_ns = spent_ns() - begin;
	for (; !atomic_load(&bench.over); at += CHECK_EVERY)
		time_some(translator, pass, at);
	bench.way->leave(pass);
	return NULL;
}

/* Of the ranges without translations the oldest goes, and a new one comes. */
static void write_one(uint64_t i)
{
	const struct workload *workload = &bench.workload;
	uint64_t spare = workload->n_slots - workload->n;
	const struct extent old = workload_extent(workload, workload->n + (i + 1) % spare);
	const struct extent new = workload_extent(workload, workload->n + i % spare);

	if (bench.way->locked)
		pthread_mutex_lock(&bench.mutex);
	bench.way->set->map(bench.set, &new);
	bench.way->set->unmap(bench.set, old.first, old.last);
	if (bench.way->locked)
		pthread_mutex_unlock(&bench.mutex);
}

static void *write_all(void *opaque)
{
	struct translator *writer = opaque;
	const struct timespec pace = { 0, PACE_NS };

	pin(writer->cpu);
	for (; !atomic_load(&bench.over); writer->done += 2) {
		write_one(writer->done / 2);
		if (bench.writing == PACED && !(writer->done % BURST))
			nanosleep(&pace, NULL);
	}
	return NULL;
}

/* -- the command --------------------------------------------------------------- */

static bool prepare(void)
{
	bench.set = bench.way->set->make();
	bench.addresses =
		workload_make(&bench.workload) ? workload_hits(&bench.workload, ADDRESSES) : NULL;
	if (!bench.set || !bench.addresses)
		return false;
	for (size_t i = 0; i < bench.workload.n; i++) {
		const struct extent extent = workload_extent(&bench.workload, i);

		if (!bench.way->set->map(bench.set, &extent))
			return false;
	}
	return true;
}

static void report(const struct translator *threads, unsigned n, uint64_t wall_ns)
{
	static struct latency latency;
	double ns = ticks_per_ns(), wall = 0, on_processor = 0;

	for (unsigned i = 0; i < n; i++) {
		wall += (double)threads[i].done * 1e9 / (double)wall_ns;
		on_processor += (double)threads[i].done * 1e9 / (double)threads[i].spent_ns;
		latency_add(&latency, &threads[i].latency);
	}
	printf("{\"per_second\": %.0f, \"per_processor_second\": %.0f, ", wall, on_processor);
	printf("\"p50\": %.0f, \"p99\": %.0f, \"p999\": %.0f, ",
	       (double)latency_beyond(&latency, 2) / ns, (double)latency_beyond(&latency, 100) / ns,
	       (double)latency_beyond(&latency, 1000) / ns);
	printf("\"writes\": %llu}\n", (unsigned long long)threads[n].done);
}

static void run(unsigned n, useconds_t microseconds)
{
	static struct translator threads[THREADS_MAX + 1]; /* the last is the writer */
	uint64_t begin = now_ns(), wall_ns;

	for (unsigned i = 0; i < n + (bench.writing != NONE); i++) {
		threads[i].cpu = i;
		pthread_create(&threads[i].thread, NULL, i == n ? write_all : translate_all,
			       &threads[i]);
	}
	usleep(microseconds);
	wall_ns = now_ns() - begin;
	atomic_store(&bench.timing, true);
	usleep(microseconds);
	atomic_store(&bench.over, true);
	for (unsigned i = 0; i < n + (bench.writing != NONE); i++)
		pthread_join(threads[i].thread, NULL);
	report(threads, n, wall_ns);
}

static const struct way *find_way(const char *name)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, name))
			return &ways[i];
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned long n;

	for (size_t i = 0; argc == 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		puts(ways[i].name);
	if (argc != 6)
		return argc == 1 ? 0 : 2;
	bench.way = find_way(argv[1]);
	n = strtoul(argv[2], NULL, 10);
	bench.writing = !strcmp(argv[3], "busy") ? BUSY : !strcmp(argv[3], "paced") ? PACED : NONE;
	bench.workload = (struct workload){ .n = strtoul(argv[4], NULL, 10), .order = SCATTERED };
	if (!bench.way || !n || n > THREADS_MAX || !bench.workload.n || !prepare())
		return 2;
	run((unsigned)n, (useconds_t)strtoul(argv[5], NULL, 10) * 1000);
	bench.way->set->free(bench.set);
	workload_free(&bench.workload);
	free(bench.addresses);
	return 0;
}
