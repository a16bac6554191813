/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Proximity domains of virtio-iommus, which VIOT has no field for
 *
 * The SRAT has that of a PCI function, and _PXM in the DSDT or an SSDT that of a device on
 * virtio-mmio. Each table is read once, for all IOMMUs.
 */
#include <string.h>

#include "acpi.h"
#include "base/hash.h"
#include "tables/api/formats.h"
#include "tables/check/check.h"
#include "tables/findings/findings.h"
#include "tables/formats/dsdt.h"
#include "tables/formats/srat/srat.h"
#include "tables/model/topology.h"

/* The IOMMUs whose domain is wanted. */
struct wanted {
	struct dsdt_device *all; /* of each IOMMU of the topology */
	struct hash *devices;    /* on virtio-mmio, by their registers */
	struct hash *functions;  /* on PCI, by segment << 16 | BDF */
};

static void add_wanted(struct wanted *wanted, const struct viommu_iommu *iommu,
		       struct dsdt_device *device)
{
	device->base = iommu->base;
	device->domain = iommu->proximity_domain;
	if (iommu->kind == VIOMMU_VIRTIO_MMIO)
		hash_insert(wanted->devices, &device->base, device);
	else
		hash_insert(wanted->functions,
			    GUINT_TO_POINTER((uint32_t)iommu->segment << 16 | iommu->bdf), device);
}

static bool has_domain(const struct viommu_iommu *iommu)
{
	return iommu->has_proximity_domain && iommu_is_virtio(iommu);
}

static void open_wanted(struct wanted *wanted, const struct viommu_topology *topology)
{
	const struct viommu_iommu *iommu;

	wanted->all = memory_new(struct dsdt_device, topology_count(topology, OBJECT_IOMMU));
	wanted->devices = hash_new(&hash_number);
	wanted->functions = hash_new(&hash_direct);
	for_each_object(i, iommu, topology, OBJECT_IOMMU)
		if (has_domain(iommu))
			add_wanted(wanted, iommu, &wanted->all[i]);
}

static void close_wanted(struct wanted *wanted)
{
	hash_free(wanted->devices);
	hash_free(wanted->functions);
	memory_free(wanted->all);
}

/* -- tables ------------------------------------------------------------------------------- */

static void read_srat(const struct wanted *wanted, const struct viommu_table *srat)
{
	const struct record *structure;

	for_each_structure(structure, srat) {
		struct dsdt_device *device;
		uint32_t domain;

		if (!record_is(structure, &srat_initiator_layout) || !srat_is_enabled(structure) ||
		    !srat_domain(structure, &domain))
			continue;
		device = hash_lookup(wanted->functions,
				     GUINT_TO_POINTER(srat_function_id(structure)));
		if (device && domain == device->domain)
			device->has_domain = true;
	}
}

static bool is_block(const void *signature)
{
	return !memcmp(signature, "DSDT", 4) || !memcmp(signature, "SSDT", 4);
}

/* Tables of the caller take the place of those of the set; an SRAT among them gets the domains. */
static void read_given(const struct wanted *wanted, const struct viommu_acpi *how)
{
	for (size_t i = 0; i < how->n_tables; i++)
		if (is_definition_block(how->tables[i]))
			dsdt_find_domains(how->tables[i], wanted->devices);
}

/* The XSDT has no entry for the DSDT: it is taken in the place of the FADT, which points to it. */
static const uint8_t *table_of_set(const struct image *set, size_t i, size_t *ret_length)
{
	const uint8_t *bytes = image_table(set, i, ret_length);

	if (bytes && !memcmp(bytes, "FACP", 4))
		return image_at(set, fadt_dsdt(bytes, *ret_length), ret_length);
	return bytes;
}

static void read_bytes(const struct wanted *wanted, const uint8_t *bytes, size_t length)
{
	struct viommu_table *table = table_decode(bytes, length, NULL, NULL);

	if (table && table->whole && is_definition_block(table))
		dsdt_find_domains(table, wanted->devices);
	else if (table && table->whole)
		read_srat(wanted, table);
	viommu_table_free(table);
}

/* Nothing is added to its tables. Entries of a hostile set name one table twice, or overlap. */
static void read_set(const struct wanted *wanted, const struct image *set)
{
	struct hash *seen = hash_new(&hash_direct);
	size_t room = set->length;

	for (size_t i = 0; i < image_count(set); i++) {
		size_t length;
		const uint8_t *bytes = table_of_set(set, i, &length);

		if (!bytes || (!is_block(bytes) && memcmp(bytes, "SRAT", 4) != 0) ||
		    length > room || !hash_add(seen, bytes))
			continue;
		room -= length;
		read_bytes(wanted, bytes, length);
	}
	hash_free(seen);
}

/* -- findings ------------------------------------------------------------------------------ */

static bool is_described(const struct acpi_domains *domains, const struct viommu_iommu *iommu,
			 const struct dsdt_device *device)
{
	return device->has_domain ||
	       (iommu->kind == VIOMMU_VIRTIO_MMIO ? domains->in_devices : domains->in_srat);
}

static void report_domain(const struct viommu_iommu *iommu, struct viommu_findings *findings)
{
	auto_free char *text = subject_describe(&(struct subject){ OBJECT_IOMMU, iommu, 0 });

	report(findings, "viot-silent-domain", iommu->place,
	       iommu->kind == VIOMMU_VIRTIO_MMIO ? "describe it by _PXM in the DSDT of the set"
						 : "give the SRAT of the machine",
	       "VIOT omits the proximity domain of %s", text);
}

void acpi_report_domains(const struct acpi_domains *domains, struct viommu_findings *findings)
{
	const struct viommu_iommu *iommu;
	struct wanted wanted;

	open_wanted(&wanted, domains->topology);
	if (!domains->in_devices)
		read_given(&wanted, domains->how);
	if (domains->set)
		read_set(&wanted, domains->set);
	for_each_object(i, iommu, domains->topology, OBJECT_IOMMU)
		if (has_domain(iommu) && !is_described(domains, iommu, &wanted.all[i]))
			report_domain(iommu, findings);
	close_wanted(&wanted);
}
