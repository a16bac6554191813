/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viommu/device.h>

#include "clock.h"
#include "requests.h"

/*
 * limits ENDPOINTS: what each request costs in a device that is as full as a guest can make it
 *
 * Each endpoint has an MSI region, as on x86. They are put into a domain each, in descending order
 * of numbers, and then all into one. Prints JSON: nanoseconds of the thread's own time, for each
 * request; of what is done once, for each endpoint.
 */

#define ENDPOINTS    65536u
#define PAGE         0x1000ull
#define DOMAIN_AT    4
#define ENDPOINT_AT  8
#define MSI_FIRST    0xfee00000ull
#define MSI_LAST     0xfeefffffull
#define ANSWER_BYTES (VIOMMU_PROBE_SIZE_DEFAULT + VIOMMU_TAIL_LENGTH)

static struct {
	struct viommu *device;
	uint32_t endpoints;
} bench;

static void send(const uint8_t *bytes, size_t length)
{
	uint8_t answer[ANSWER_BYTES];
	struct iovec readable = { (void *)bytes, length }, writable = { answer, sizeof(answer) };
	size_t used = viommu_request(bench.device, &readable, 1, &writable, 1);

	if (used < VIOMMU_TAIL_LENGTH || answer[used - VIOMMU_TAIL_LENGTH])
		abort();
}

static void put32(uint8_t *bytes, uint32_t value)
{
	for (unsigned i = 0; i < sizeof(value); i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t domain_of(uint32_t i)
{
	return UINT32_MAX - i;
}

/* -- a request for the i-th endpoint -------------------------------------------------------- */

static void attach(uint32_t i)
{
	uint8_t bytes[VIOMMU_ATTACH_LENGTH];
	size_t length = write_attach(bytes, i);

	put32(bytes + DOMAIN_AT, domain_of(i));
	send(bytes, length);
}

static void detach(uint32_t i)
{
	uint8_t bytes[VIOMMU_DETACH_LENGTH] = { VIOMMU_T_DETACH };

	put32(bytes + DOMAIN_AT, domain_of(i));
	put32(bytes + ENDPOINT_AT, i);
	send(bytes, sizeof(bytes));
}

static void map(uint32_t i)
{
	struct extent extent = { PAGE, 2 * PAGE - 1, PAGE };
	uint8_t bytes[VIOMMU_MAP_LENGTH];
	size_t length = write_map(bytes, &extent);

	put32(bytes + DOMAIN_AT, domain_of(i));
	send(bytes, length);
}

static void attach_to_one(uint32_t i)
{
	uint8_t bytes[VIOMMU_ATTACH_LENGTH];

	send(bytes, write_attach(bytes, i));
}

static void map_in_one(uint32_t i)
{
	struct extent extent = { i * PAGE, i * PAGE + PAGE - 1, 0 };
	uint8_t bytes[VIOMMU_MAP_LENGTH];

	send(bytes, write_map(bytes, &extent));
}

static void unmap_in_one(uint32_t i)
{
	uint8_t bytes[VIOMMU_UNMAP_LENGTH];

	send(bytes, write_unmap(bytes, i * PAGE, i * PAGE + PAGE - 1));
}

static void probe(uint32_t i)
{
	uint8_t bytes[VIOMMU_PROBE_LENGTH] = { VIOMMU_T_PROBE };

	put32(bytes + DOMAIN_AT, i);
	send(bytes, sizeof(bytes));
}

static void detach_from_one(uint32_t i)
{
	uint8_t bytes[VIOMMU_DETACH_LENGTH] = { VIOMMU_T_DETACH };

	put32(bytes + DOMAIN_AT, BENCH_DOMAIN);
	put32(bytes + ENDPOINT_AT, i);
	send(bytes, sizeof(bytes));
}

/* -- setup --------------------------------------------------------------------- */

static void reset(uint32_t i)
{
	if (i)
		return;
	viommu_reset(bench.device);
	if (viommu_accept(bench.device, viommu_features(bench.device)))
		abort();
}

static void save_and_load(uint32_t i)
{
	size_t length;
	void *bytes;

	if (i)
		return;
	if (viommu_save(bench.device, &bytes, &length) ||
	    viommu_load(bench.device, bytes, length, NULL, 0))
		abort();
	free(bytes);
}

/* In this order; each for all endpoints. */
static const struct step {
	const char *name;
	void (*run)(uint32_t i);
} steps[] = {
	{ "ATTACH to a new domain", attach },
	{ "MAP in a domain of its own", map },
	{ "save and load", save_and_load },
	{ "DETACH and the end of the domain", detach },
	{ "ATTACH again", attach },
	{ "reset", reset },
	{ "ATTACH to the one domain", attach_to_one },
	{ "MAP in the one domain", map_in_one },
	{ "UNMAP in it", unmap_in_one },
	{ "PROBE", probe },
	{ "DETACH from it", detach_from_one },
};

static void plug(void)
{
	const struct viommu_reserved msi = { MSI_FIRST, MSI_LAST, VIOMMU_RESV_MEM_MSI };

	if (viommu_new(NULL, NULL, NULL, &bench.device))
		abort();
	for (uint32_t id = 0; id < bench.endpoints; id++) {
		const struct viommu_endpoint endpoint = {
			.size = sizeof(endpoint), .id = id, .reserved = &msi, .n_reserved = 1
		};

		if (viommu_endpoint_add(bench.device, &endpoint))
			abort();
	}
	reset(0);
}

int main(int argc, char **argv)
{
	bench.endpoints = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : ENDPOINTS;
	plug();
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint64_t begin = spent_ns();

		for (uint32_t k = 0; k < bench.endpoints; k++)
			steps[i].run(k);
		printf("%s\"%s\": %.1f", i ? ", " : "{", steps[i].name,
		       (double)(spent_ns() - begin) / bench.endpoints);
	}
	printf("}\n");
	viommu_free(bench.device);
	return 0;
}
