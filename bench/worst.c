/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viommu/device.h>

#include "latency.h"
#include "requests.h"

/*
 * worst [RANGES]: what the dearest single requests cost, and what translations notice of them
 *
 * A domain is filled with ranges, and taken down by one request: an UNMAP of everything, an UNMAP
 * of everything but the first range, a DETACH, a reset; or saved and loaded, as a whole or what
 * 10,000 requests have changed. Meanwhile another
 * thread translates for an endpoint of another domain, and takes the time of each. Prints JSON: for
 * each request how many ms it took, and the translations' median and slowest hundredth and
 * thousandth in ns.
 */

#define RANGES       1000000u
#define PAGE         0x1000ull
#define OTHER        (BENCH_ENDPOINT + 1)
#define OTHER_DOMAIN (BENCH_DOMAIN + 1)
#define NS_PER_MS    1e6
#define CHANGES      10000u /* requests between two rounds of saving */
#define CHANGES_ROOM (1u << 20)
#define DOMAIN_AT    4
#define ENDPOINT_AT  8

static struct {
	struct viommu *device;
	unsigned ranges;
	atomic_bool translating, over;
	struct latency latency;
	void *saved, *changes;
	size_t length, changes_length;
} bench;

static void send(const uint8_t *bytes, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH];
	struct iovec readable = { (void *)bytes, length }, writable = { tail, sizeof(tail) };

	if (viommu_request(bench.device, &readable, 1, &writable, 1) != sizeof(tail) || tail[0])
		abort();
}

static void attach(uint32_t endpoint, uint8_t domain)
{
	uint8_t bytes[VIOMMU_ATTACH_LENGTH];
	size_t length = write_attach(bytes, endpoint);

	bytes[DOMAIN_AT] = domain;
	send(bytes, length);
}

/* Scattered, or the map would have full leaves and fewer of them: every other page. */
static void fill(void)
{
	uint8_t bytes[VIOMMU_MAP_LENGTH];

	if (viommu_accept(bench.device, viommu_features(bench.device)))
		abort();
	attach(BENCH_ENDPOINT, BENCH_DOMAIN);
	for (uint64_t i = 0; i < bench.ranges; i++) {
		struct extent extent = { 2 * i * PAGE, 2 * i * PAGE + PAGE - 1, 2 * i * PAGE };

		send(bytes, write_map(bytes, &extent));
	}
}

/* One page, for the translations beside. */
static void fill_other(void)
{
	struct extent extent = { PAGE, 2 * PAGE - 1, PAGE };
	uint8_t bytes[VIOMMU_MAP_LENGTH];
	size_t length = write_map(bytes, &extent);

	attach(OTHER, OTHER_DOMAIN);
	bytes[DOMAIN_AT] = OTHER_DOMAIN;
	send(bytes, length);
}

/* -- the dearest requests ---------------------------------------------------------------- */

static void unmap_all(void)
{
	uint8_t bytes[VIOMMU_UNMAP_LENGTH];

	send(bytes, write_unmap(bytes, 0, UINT64_MAX));
}

static void unmap_all_but_one(void)
{
	uint8_t bytes[VIOMMU_UNMAP_LENGTH];

	send(bytes, write_unmap(bytes, PAGE, UINT64_MAX));
}

static void detach(void)
{
	uint8_t bytes[VIOMMU_DETACH_LENGTH] = { VIOMMU_T_DETACH };

	bytes[DOMAIN_AT] = BENCH_DOMAIN;
	bytes[ENDPOINT_AT] = BENCH_ENDPOINT;
	send(bytes, sizeof(bytes));
}

static void reset(void)
{
	viommu_reset(bench.device);
}

/* -- saved state --------------------------------------------------------------- */

static void save(void)
{
	if (viommu_save(bench.device, &bench.saved, &bench.length))
		abort();
}

static void load(void)
{
	if (viommu_load(bench.device, bench.saved, bench.length, NULL, 0))
		abort();
}

/* -- saved state, in rounds --------------------------------------------------------- */

static void nothing(void)
{
}

/* Pages are unmapped and mapped elsewhere, as by a driver of a network device. */
static void begin_and_change(void)
{
	uint8_t bytes[VIOMMU_MAP_LENGTH];
	size_t length;
	void *all;

	if (viommu_save_begin(bench.device, CHANGES_ROOM, &all, &length))
		abort();
	free(all);
	for (uint64_t i = 0; i < CHANGES / 2 && i < bench.ranges; i++) {
		struct extent extent = { 2 * i * PAGE, 2 * i * PAGE + PAGE - 1, i * PAGE };

		send(bytes, write_unmap(bytes, extent.first, extent.last));
		send(bytes, write_map(bytes, &extent));
	}
}

static void save_changes(void)
{
	if (viommu_save_changes(bench.device, &bench.changes, &bench.changes_length))
		abort();
	viommu_save_end(bench.device);
}

static void load_changes(void)
{
	if (viommu_load_changes(bench.device, bench.changes, bench.changes_length, NULL, 0))
		abort();
}

/* -- victims ------------------------------------------------------------------- */

static void *translate_on(void *unused)
{
	struct viommu_translation to;

	(void)unused;
	while (!atomic_load_explicit(&bench.over, memory_order_relaxed)) {
		uint64_t begin = ticks();

		viommu_translate(bench.device, OTHER, PAGE, PAGE,
				 VIOMMU_MAP_F_READ | VIOMMU_ACCESS_QUIET, &to);
		latency_count(&bench.latency, ticks() - begin);
		atomic_store_explicit(&bench.translating, true, memory_order_relaxed);
	}
	return NULL;
}

static double beyond_ns(uint64_t in)
{
	return (double)latency_beyond(&bench.latency, in) / ticks_per_ns();
}

static void measure(const char *name, void (*prepare)(void), void (*take_down)(void))
{
	pthread_t thread;
	uint64_t begin, took;

	fill();
	fill_other();
	prepare();
	memset(&bench.latency, 0, sizeof(bench.latency));
	atomic_store(&bench.translating, false);
	atomic_store(&bench.over, false);
	if (pthread_create(&thread, NULL, translate_on, NULL))
		abort();
	while (!atomic_load(&bench.translating))
		;
	begin = now_ns();
	take_down();
	took = now_ns() - begin;
	atomic_store(&bench.over, true);
	pthread_join(thread, NULL);
	printf("\"%s\": [%.3f, %.0f, %.0f, %.0f]", name, (double)took / NS_PER_MS, beyond_ns(2),
	       beyond_ns(100), beyond_ns(1000));
	viommu_reset(bench.device);
}

int main(int argc, char **argv)
{
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = BENCH_ENDPOINT };
	struct viommu_config config = { .size = sizeof(config), .max_mappings = VIOMMU_UNLIMITED };

	bench.ranges = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : RANGES;
	if (viommu_new(&config, NULL, NULL, &bench.device) ||
	    viommu_endpoint_add(bench.device, &endpoint))
		return 1;
	endpoint.id = OTHER;
	if (viommu_endpoint_add(bench.device, &endpoint))
		return 1;
	printf("{");
	measure("UNMAP of all", nothing, unmap_all);
	printf(", ");
	measure("UNMAP of all but the first", nothing, unmap_all_but_one);
	printf(", ");
	measure("DETACH", nothing, detach);
	printf(", ");
	measure("reset", nothing, reset);
	printf(", ");
	measure("save", nothing, save);
	printf(", ");
	measure("load", nothing, load);
	printf(", ");
	measure("save what 10,000 requests changed", begin_and_change, save_changes);
	printf(", ");
	measure("load what 10,000 requests changed", nothing, load_changes);
	printf("}\n");
	free(bench.saved);
	free(bench.changes);
	viommu_free(bench.device);
	return 0;
}
