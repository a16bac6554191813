/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>

#include <viommu/backend.h>

#include "clock.h"
#include "requests.h"

/*
 * backend ENDPOINTS MAPPINGS shared|apart: what a guest's requests cost where they reach hardware
 *
 * The kernel is one that only counts calls. "shared" is one backend: a space for each domain.
 * "apart" is a backend for each endpoint, and so a space for each: as QEMU has it. Prints JSON:
 * calls of the kernel, and nanoseconds of the thread's own time without those that a kernel would
 * need.
 */
#define PAGE          0x1000ull
#define PAIRS         2000u
#define KICK          64u
#define TOUCHING      0x8000000000ull /* pages from here on touch */
#define MAX_ENDPOINTS 65u

static uint64_t n_calls;
static struct viommu *device;
static struct viommu_backend *backends[MAX_ENDPOINTS];

static int count_new(void *kernel, uint32_t *ret_space)
{
	(void)kernel;
	*ret_space = (uint32_t)++n_calls;
	return 0;
}

static int count_space(void *kernel, uint32_t space)
{
	(void)kernel;
	(void)space;
	n_calls++;
	return 0;
}

static int count_map(void *kernel, uint32_t space, uint64_t iova, uint64_t length, void *host,
		     uint32_t flags)
{
	(void)iova;
	(void)length;
	(void)host;
	(void)flags;
	return count_space(kernel, space);
}

static int count_unmap(void *kernel, uint32_t space, uint64_t iova, uint64_t length)
{
	(void)iova;
	(void)length;
	return count_space(kernel, space);
}

static int count_attach(void *kernel, int number, uint32_t space)
{
	(void)number;
	return count_space(kernel, space);
}

static int count_detach(void *kernel, int number)
{
	return count_space(kernel, (uint32_t)number);
}

static void count_stop(void *kernel, int number)
{
	count_space(kernel, (uint32_t)number);
}

static const struct viommu_backend_calls calls = {
	.size = sizeof(calls),
	.space_new = count_new,
	.space_free = count_space,
	.map = count_map,
	.unmap = count_unmap,
	.attach = count_attach,
	.detach = count_detach,
	.stop = count_stop,
};

static void must(int error)
{
	if (error)
		abort();
}

static size_t (*execute)(struct viommu *device, const struct iovec *readable, size_t n_readable,
			 const struct iovec *writable, size_t n_writable) = viommu_request;

static void send(const uint8_t *bytes, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH];
	struct iovec readable = { (void *)bytes, length }, writable = { tail, sizeof(tail) };

	execute(device, &readable, 1, &writable, 1);
	must(tail[0]);
}

static void attach(uint32_t endpoint)
{
	uint8_t bytes[VIOMMU_ATTACH_LENGTH];

	send(bytes, write_attach(bytes, endpoint));
}

static void map_page(uint64_t first)
{
	struct extent extent = { first, first + PAGE - 1, 0 };
	uint8_t bytes[VIOMMU_MAP_LENGTH];

	send(bytes, write_map(bytes, &extent));
}

static void unmap_page(uint64_t first)
{
	uint8_t bytes[VIOMMU_UNMAP_LENGTH];

	send(bytes, write_unmap(bytes, first, first + PAGE - 1));
}

/* Every second page, so that no two of them touch. */
static void map(uint64_t n)
{
	map_page(2 * n * PAGE);
}

static void unmap(uint64_t n)
{
	unmap_page(2 * n * PAGE);
}

static void map_touching(uint64_t n)
{
	map_page(TOUCHING + n * PAGE);
}

static void unmap_touching(uint64_t n)
{
	unmap_page(TOUCHING + n * PAGE);
}

static void make(uint32_t n_endpoints, bool shared)
{
	static unsigned char memory[1 << 20];
	const struct viommu_memory range = { 0, sizeof(memory) - 1, memory, false };

	must(viommu_new(NULL, NULL, NULL, &device));
	must(viommu_accept(device, viommu_features(device)));
	for (uint32_t i = 0; i <= n_endpoints; i++) {
		struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = i };
		uint32_t which = shared ? 0 : i % MAX_ENDPOINTS;

		must(viommu_endpoint_add(device, &endpoint));
		if (!backends[which]) {
			must(viommu_backend_new(&calls, NULL, &backends[which]));
			must(viommu_backend_add_memory(backends[which], &range));
		}
		must(viommu_backend_add_device(backends[which], device, i, (int)i));
	}
	for (uint32_t i = 0; i < n_endpoints; i++)
		attach(i);
}

static void report(const char *name, uint64_t began, uint64_t n, const char *end)
{
	uint64_t spent = spent_ns() - began;

	printf("\"%s\": [%.2f, %.1f]%s", name, (double)n_calls / (double)n,
	       (double)spent / (double)n, end);
	n_calls = 0;
}

/* A kick: requests of one batch of the device, and of the backend. */
static void kick(void (*request)(uint64_t n))
{
	for (unsigned i = 0; i < MAX_ENDPOINTS; i++)
		if (backends[i])
			viommu_backend_batch_begin(backends[i]);
	viommu_batch_begin(device);
	execute = viommu_batch_request;
	for (uint64_t n = 0; n < KICK; n++)
		request(n);
	execute = viommu_request;
	viommu_batch_end(device);
	for (unsigned i = 0; i < MAX_ENDPOINTS; i++)
		if (backends[i])
			viommu_backend_batch_end(backends[i]);
}

int main(int argc, char **argv)
{
	uint32_t n_endpoints = argc == 4 ? (uint32_t)strtoul(argv[1], NULL, 0) : 0;
	uint64_t n_mappings = argc == 4 ? strtoull(argv[2], NULL, 0) : 0, began;

	if (!n_endpoints || n_endpoints >= MAX_ENDPOINTS || n_mappings < KICK)
		return 2;
	make(n_endpoints, argv[3][0] == 's');
	n_calls = 0;
	began = spent_ns();
	for (uint64_t i = 0; i < PAIRS; i++) {
		map(i % KICK);
		unmap(i % KICK);
	}
	printf("{");
	report("MAP and UNMAP", began, PAIRS, ", ");
	began = spent_ns();
	kick(map);
	report("a kick of 64 MAPs that do not touch", began, 1, ", ");
	began = spent_ns();
	kick(unmap);
	report("a kick of 64 UNMAPs that do not touch", began, 1, ", ");
	kick(map_touching);
	n_calls = 0;
	began = spent_ns();
	kick(unmap_touching);
	report("a kick of 64 UNMAPs that touch", began, 1, ", ");
	for (uint64_t i = 0; i < n_mappings; i++)
		map(i);
	n_calls = 0;
	began = spent_ns();
	attach(n_endpoints); /* one more */
	report("ATTACH to a domain with mappings", began, 1, "}\n");
	for (unsigned i = 0; i < MAX_ENDPOINTS; i++)
		viommu_backend_free(backends[i]);
	viommu_free(device);
	return 0;
}
