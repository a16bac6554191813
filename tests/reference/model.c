/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "model.h"

/* Every function follows one paragraph of the standard. */

void model_init(struct model *model, const struct viommu_config *config)
{
	memset(model, 0, sizeof(*model));
	model->config = *config;
	model->bypass = config->bypass;
}

void model_accept(struct model *model, uint64_t features)
{
	model->accepted = features;
}

void model_write_bypass(struct model *model, uint8_t value)
{
	if (value <= 1 && model->accepted & VIOMMU_F_BYPASS_CONFIG)
		model->bypass = value;
}

/* -- finding things ------------------------------------------------------------ */

static int find_domain(const struct model *model, uint32_t id)
{
	for (int i = 0; i < MODEL_DOMAINS; i++)
		if (model->domains[i].exists && model->domains[i].id == id)
			return i;
	return -1;
}

static int find_endpoint(const struct model *model, uint32_t id)
{
	for (int i = 0; i < MODEL_ENDPOINTS; i++)
		if (model->endpoints[i].exists && model->endpoints[i].config.id == id)
			return i;
	return -1;
}

static int members(const struct model *model, int domain)
{
	int n = 0;

	for (int i = 0; i < MODEL_ENDPOINTS; i++)
		n += model->endpoints[i].exists && model->endpoints[i].domain == domain;
	return n;
}

static uint64_t granule(const struct model *model, const struct model_endpoint *endpoint)
{
	uint64_t own = endpoint->config.page_size_mask, g = 1;

	while (!(model->config.page_size_mask & g))
		g <<= 1;
	if (own)
		while (!(own & ((g << 1) - 1)))
			g <<= 1;
	return g;
}

/* -- domains come and go --------------------------------------------------------- */

static void leave(struct model *model, struct model_endpoint *endpoint)
{
	int domain = endpoint->domain;

	endpoint->domain = -1;
	if (domain < 0 || members(model, domain))
		return;
	model->domains[domain].exists = false;
	for (int i = 0; i < MODEL_MAPPINGS; i++)
		if (model->mappings[i].domain == domain)
			model->mappings[i].exists = false;
}

void model_reset(struct model *model, bool system)
{
	for (int i = 0; i < MODEL_ENDPOINTS; i++) {
		if (model->endpoints[i].exists)
			leave(model, &model->endpoints[i]);
		model->endpoints[i].quarantined = false;
	}
	model->accepted = 0;
	if (system)
		model->bypass = model->config.bypass;
}

void model_add(struct model *model, const struct viommu_endpoint *config)
{
	for (int i = 0; i < MODEL_ENDPOINTS; i++) {
		struct model_endpoint *endpoint = &model->endpoints[i];

		if (endpoint->exists)
			continue;
		*endpoint =
			(struct model_endpoint){ .exists = true, .config = *config, .domain = -1 };
		for (size_t k = 0; k < config->n_reserved; k++)
			endpoint->reserved[k] = config->reserved[k];
		return;
	}
}

void model_remove(struct model *model, uint32_t id)
{
	int i = find_endpoint(model, id);

	if (i < 0)
		return;
	leave(model, &model->endpoints[i]);
	model->endpoints[i].exists = false;
}

void model_refuse(struct model *model, uint32_t id, bool refuses)
{
	int i = find_endpoint(model, id);

	if (i >= 0)
		model->endpoints[i].refuses = refuses;
}

/* -- may a mapping be? -------------------------------------------------------------- */

static bool overlap(uint64_t a_first, uint64_t a_last, uint64_t b_first, uint64_t b_last)
{
	return a_first <= b_last && b_first <= a_last;
}

static bool touches_reserved(const struct model_endpoint *endpoint, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < endpoint->config.n_reserved; i++)
		if (overlap(first, last, endpoint->reserved[i].first, endpoint->reserved[i].last))
			return true;
	return false;
}

static bool inside_input(const struct model *model, const struct model_endpoint *endpoint,
			 uint64_t first, uint64_t last)
{
	if (first < model->config.input_first || last > model->config.input_last)
		return false;
	if (!endpoint->config.input_first && !endpoint->config.input_last)
		return true;
	return first >= endpoint->config.input_first && last <= endpoint->config.input_last;
}

/* "properties incompatible with those of endpoints already attached" */
static bool fits(const struct model *model, const struct model_endpoint *endpoint, int domain)
{
	if (model->domains[domain].bypass)
		return true;
	for (int i = 0; i < MODEL_ENDPOINTS; i++)
		if (model->endpoints[i].exists && model->endpoints[i].domain == domain &&
		    granule(model, &model->endpoints[i]) != granule(model, endpoint))
			return false;
	for (int i = 0; i < MODEL_MAPPINGS; i++) {
		const struct model_mapping *m = &model->mappings[i];

		if (m->exists && m->domain == domain &&
		    (touches_reserved(endpoint, m->is.first, m->is.last) ||
		     !inside_input(model, endpoint, m->is.first, m->is.last)))
			return false;
	}
	return true;
}

/* -- the requests --------------------------------------------------------------------- */

static int new_domain(struct model *model, uint32_t id, bool bypass)
{
	for (int i = 0; i < MODEL_DOMAINS; i++)
		if (!model->domains[i].exists) {
			model->domains[i] = (struct model_domain){ true, bypass, id };
			return i;
		}
	return -1;
}

static int count_in(const struct model *model, int domain)
{
	int n = 0;

	for (int i = 0; i < MODEL_MAPPINGS; i++)
		n += model->mappings[i].exists && model->mappings[i].domain == domain;
	return n;
}

/* Is there anything in that move to another domain (-1: a new one) that a listener gets, and
 * could refuse? */
static bool is_notified(const struct model *model, const struct model_endpoint *endpoint,
			int domain, bool bypass)
{
	enum viommu_mode mode = bypass ? VIOMMU_BYPASS : VIOMMU_TRANSLATED;

	return mode != model_mode(model, endpoint->config.id) ||
	       (domain >= 0 && domain != endpoint->domain && count_in(model, domain));
}

int model_attach(struct model *model, uint32_t id, uint32_t endpoint_id, uint32_t flags)
{
	uint32_t known = model->accepted & VIOMMU_F_BYPASS_CONFIG ? VIOMMU_ATTACH_F_BYPASS : 0;
	int e = find_endpoint(model, endpoint_id), d = find_domain(model, id);
	struct model_endpoint *endpoint = &model->endpoints[e < 0 ? 0 : e];

	if (flags & ~known)
		return VIOMMU_S_INVAL;
	if (e < 0)
		return VIOMMU_S_NOENT;
	if (id < model->config.domain_first || id > model->config.domain_last)
		return VIOMMU_S_RANGE;
	if (d >= 0 && model->domains[d].bypass != (flags == VIOMMU_ATTACH_F_BYPASS))
		return VIOMMU_S_INVAL;
	if (d >= 0 && endpoint->domain == d && members(model, d) > 1)
		return VIOMMU_S_OK;
	if (d >= 0 && endpoint->domain != d && !fits(model, endpoint, d))
		return VIOMMU_S_UNSUPP;

	/* The old state is refused, too. */
	if (endpoint->refuses && is_notified(model, endpoint, d, flags == VIOMMU_ATTACH_F_BYPASS)) {
		leave(model, endpoint);
		endpoint->quarantined = true;
		return VIOMMU_S_IOERR;
	}

	/* "as if DETACH and then ATTACH were sent" */
	endpoint->quarantined = false;
	leave(model, endpoint);
	d = find_domain(model, id);
	endpoint->domain = d >= 0 ? d : new_domain(model, id, flags == VIOMMU_ATTACH_F_BYPASS);
	return VIOMMU_S_OK;
}

int model_detach(struct model *model, uint32_t id, uint32_t endpoint_id)
{
	int e = find_endpoint(model, endpoint_id), d = find_domain(model, id);

	if (e < 0)
		return VIOMMU_S_NOENT;
	if (d < 0 || model->endpoints[e].domain != d)
		return VIOMMU_S_INVAL;
	leave(model, &model->endpoints[e]);
	return VIOMMU_S_OK;
}

static int check_map(const struct model *model, int d, const struct viommu_mapping *m)
{
	uint64_t g = 1;

	for (int i = 0; i < MODEL_ENDPOINTS; i++)
		if (model->endpoints[i].exists && model->endpoints[i].domain == d)
			g = granule(model, &model->endpoints[i]);
	if (m->last < m->first)
		return VIOMMU_S_INVAL;
	if (m->first % g || m->phys % g || (m->last + 1) % g)
		return VIOMMU_S_RANGE;
	if (m->phys + (m->last - m->first) < m->phys)
		return VIOMMU_S_RANGE;
	for (int i = 0; i < MODEL_ENDPOINTS; i++)
		if (model->endpoints[i].exists && model->endpoints[i].domain == d &&
		    !inside_input(model, &model->endpoints[i], m->first, m->last))
			return VIOMMU_S_RANGE;
	for (int i = 0; i < MODEL_MAPPINGS; i++)
		if (model->mappings[i].exists && model->mappings[i].domain == d &&
		    overlap(m->first, m->last, model->mappings[i].is.first,
			    model->mappings[i].is.last))
			return VIOMMU_S_INVAL;
	for (int i = 0; i < MODEL_ENDPOINTS; i++)
		if (model->endpoints[i].exists && model->endpoints[i].domain == d &&
		    touches_reserved(&model->endpoints[i], m->first, m->last))
			return VIOMMU_S_INVAL;
	return VIOMMU_S_OK;
}

int model_map(struct model *model, const struct viommu_mapping *mapping)
{
	uint32_t known = VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE;
	int d = find_domain(model, mapping->domain), status;

	if (!(model->accepted & VIOMMU_F_MAP_UNMAP))
		return -1;
	if (model->accepted & VIOMMU_F_MMIO)
		known |= VIOMMU_MAP_F_MMIO;
	if (mapping->flags & ~known)
		return VIOMMU_S_INVAL;
	if (d < 0)
		return VIOMMU_S_NOENT;
	if (model->domains[d].bypass)
		return VIOMMU_S_INVAL;
	status = check_map(model, d, mapping);
	for (int i = 0; status == VIOMMU_S_OK && i < MODEL_ENDPOINTS; i++)
		if (model->endpoints[i].exists && model->endpoints[i].domain == d &&
		    model->endpoints[i].refuses)
			return VIOMMU_S_IOERR;
	for (int i = 0; status == VIOMMU_S_OK && i < MODEL_MAPPINGS; i++)
		if (!model->mappings[i].exists) {
			model->mappings[i] = (struct model_mapping){ true, d, *mapping };
			return VIOMMU_S_OK;
		}
	return status == VIOMMU_S_OK ? VIOMMU_S_NOMEM : status;
}

int model_unmap(struct model *model, uint32_t id, uint64_t first, uint64_t last)
{
	int d = find_domain(model, id);

	if (!(model->accepted & VIOMMU_F_MAP_UNMAP))
		return -1;
	if (d < 0)
		return VIOMMU_S_NOENT;
	if (model->domains[d].bypass || last < first)
		return VIOMMU_S_INVAL;
	for (int i = 0; i < MODEL_MAPPINGS; i++) {
		const struct viommu_mapping *m = &model->mappings[i].is;

		if (model->mappings[i].exists && model->mappings[i].domain == d &&
		    overlap(first, last, m->first, m->last) && (m->first < first || m->last > last))
			return VIOMMU_S_RANGE;
	}
	for (int i = 0; i < MODEL_MAPPINGS; i++)
		if (model->mappings[i].domain == d &&
		    overlap(first, last, model->mappings[i].is.first, model->mappings[i].is.last))
			model->mappings[i].exists = false;
	return VIOMMU_S_OK;
}

/* -- accesses ----------------------------------------------------------------------------- */

enum viommu_mode model_mode(const struct model *model, uint32_t id)
{
	const struct model_endpoint *endpoint = &model->endpoints[find_endpoint(model, id)];

	if (endpoint->domain >= 0)
		return model->domains[endpoint->domain].bypass ? VIOMMU_BYPASS : VIOMMU_TRANSLATED;
	if (endpoint->quarantined)
		return VIOMMU_BLOCKED;
	if (model->config.features & VIOMMU_F_BYPASS_CONFIG)
		return model->bypass ? VIOMMU_BYPASS : VIOMMU_BLOCKED;
	return model->accepted & VIOMMU_F_BYPASS ? VIOMMU_BYPASS : VIOMMU_BLOCKED;
}

static uint8_t reason_of_blocked(const struct model_endpoint *endpoint)
{
	return endpoint->quarantined ? VIOMMU_FAULT_R_UNKNOWN : VIOMMU_FAULT_R_DOMAIN;
}

int model_translate(const struct model *model, uint32_t id, uint64_t iova, uint32_t access,
		    uint64_t *ret_address, uint8_t *ret_reason)
{
	int e = find_endpoint(model, id);
	const struct model_endpoint *endpoint = &model->endpoints[e < 0 ? 0 : e];
	enum viommu_mode mode;

	if (e < 0)
		return -ENOENT;
	mode = model_mode(model, id);
	*ret_address = iova;
	if (mode == VIOMMU_BYPASS)
		return 0;
	for (size_t i = 0; i < endpoint->config.n_reserved; i++) {
		const struct viommu_reserved *region = &endpoint->reserved[i];

		if (iova < region->first || iova > region->last)
			continue;
		*ret_reason = mode == VIOMMU_BLOCKED ? reason_of_blocked(endpoint)
						     : VIOMMU_FAULT_R_MAPPING;
		return region->subtype == VIOMMU_RESV_MEM_MSI && !(access & VIOMMU_MAP_F_READ)
			       ? 0
			       : -EFAULT;
	}
	*ret_reason = reason_of_blocked(endpoint);
	if (mode == VIOMMU_BLOCKED)
		return -EFAULT;
	*ret_reason = VIOMMU_FAULT_R_MAPPING;
	for (int i = 0; i < MODEL_MAPPINGS; i++) {
		const struct viommu_mapping *m = &model->mappings[i].is;

		if (!model->mappings[i].exists || model->mappings[i].domain != endpoint->domain ||
		    iova < m->first || iova > m->last)
			continue;
		*ret_address = m->phys + (iova - m->first);
		return (m->flags & access) == access ? 0 : -EFAULT;
	}
	return -EFAULT;
}

/* -- counting ------------------------------------------------------------------------------- */

uint64_t model_count_domains(const struct model *model)
{
	uint64_t n = 0;

	for (int i = 0; i < MODEL_DOMAINS; i++)
		n += model->domains[i].exists;
	return n;
}

uint64_t model_count_mappings(const struct model *model)
{
	uint64_t n = 0;

	for (int i = 0; i < MODEL_DOMAINS; i++)
		n += model->domains[i].exists ? (uint64_t)count_in(model, i) : 0;
	return n;
}

uint64_t model_count_endpoints(const struct model *model)
{
	uint64_t n = 0;

	for (int i = 0; i < MODEL_ENDPOINTS; i++)
		n += model->endpoints[i].exists;
	return n;
}
