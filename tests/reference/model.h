/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_REFERENCE_MODEL_H
#define TESTS_REFERENCE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <viommu/device.h>

/*
 * A second device, for comparison
 *
 * An independent implementation of the rules of the standard and of docs/decisions.md, as simple as
 * possible: arrays with linear searches. It shares only the configuration structs with the first
 * one.
 */

enum { MODEL_DOMAINS = 8, MODEL_ENDPOINTS = 6, MODEL_MAPPINGS = 256 };

struct model_domain {
	bool exists, bypass;
	uint32_t id;
};

struct model_endpoint {
	bool exists;
	struct viommu_endpoint config;
	struct viommu_reserved reserved[4];
	int domain; /* index, or -1 */
	bool quarantined;
	bool refuses; /* its listener currently refuses everything that it can */
};

struct model_mapping {
	bool exists;
	int domain;
	struct viommu_mapping is;
};

struct model {
	struct viommu_config config; /* all of it filled in */
	uint64_t accepted;
	bool bypass;
	struct model_domain domains[MODEL_DOMAINS];
	struct model_endpoint endpoints[MODEL_ENDPOINTS];
	struct model_mapping mappings[MODEL_MAPPINGS];
};

void model_init(struct model *model, const struct viommu_config *config);
void model_accept(struct model *model, uint64_t features);
void model_reset(struct model *model, bool system);
void model_write_bypass(struct model *model, uint8_t value);
void model_add(struct model *model, const struct viommu_endpoint *config);
void model_remove(struct model *model, uint32_t id);
void model_refuse(struct model *model, uint32_t id, bool refuses);

/* The status of a request; -1: it is returned unwritten. */
int model_attach(struct model *model, uint32_t domain, uint32_t endpoint, uint32_t flags);
int model_detach(struct model *model, uint32_t domain, uint32_t endpoint);
int model_map(struct model *model, const struct viommu_mapping *mapping);
int model_unmap(struct model *model, uint32_t domain, uint64_t first, uint64_t last);

/* Translate one byte: 0, with *ret_address; or -EFAULT, with *ret_reason; or -ENOENT. */
int model_translate(const struct model *model, uint32_t endpoint, uint64_t iova, uint32_t access,
		    uint64_t *ret_address, uint8_t *ret_reason);

enum viommu_mode model_mode(const struct model *model, uint32_t endpoint);

/* What is there, as viommu_count() should have it. */
uint64_t model_count_domains(const struct model *model);
uint64_t model_count_mappings(const struct model *model);
uint64_t model_count_endpoints(const struct model *model);

#endif
