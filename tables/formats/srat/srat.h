/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_SRAT_H
#define VIOMMU_TABLES_SRAT_H

#include "tables/table/format.h"

/* The structures of SRAT. Their rows are in layout.c. */

enum srat_type {
	SRAT_CPU = 0,
	SRAT_MEMORY = 1,
	SRAT_X2APIC = 2,
	SRAT_GICC = 3,
	SRAT_ITS = 4,
	SRAT_INITIATOR = 5,
	SRAT_PORT = 6,
	SRAT_RINTC = 7,
};

/* The identification of the device of an initiator or a port. */
enum srat_handle { SRAT_HANDLE_ACPI = 0, SRAT_HANDLE_PCI = 1 };

#define SRAT_HEAD_LENGTH 48
#define SRAT_REVISION    3
#define SRAT_ENABLED     0x1u

struct srat_head {
	struct acpi_header acpi;
	uint32_t table_revision;
	uint8_t reserved[8];
};

/* Every structure begins with these. */
struct srat_node {
	uint8_t type, length;
};

/* The domain was extended from 8 bits to 32. */
struct srat_cpu {
	struct srat_node node;
	uint8_t domain_low, apic_id;
	uint32_t flags;
	uint8_t sapic_eid, domain_high[3];
	uint32_t clock_domain;
};

/* Complete for dumps; it does not concern IOMMUs. */
struct srat_memory {
	struct srat_node node;
	uint32_t domain;
	uint16_t reserved;
	uint64_t base, length;
	uint32_t type, flags;
	uint64_t reserved3;
};

struct srat_x2apic {
	struct srat_node node;
	uint16_t reserved;
	uint32_t domain, id, flags, clock_domain, reserved2;
};

struct srat_gicc {
	struct srat_node node;
	uint32_t domain, uid, flags, clock_domain;
};

/* The ID is that of the MADT. */
struct srat_its {
	struct srat_node node;
	uint32_t domain;
	uint16_t reserved;
	uint32_t id;
};

struct srat_rintc {
	struct srat_node node;
	uint16_t reserved;
	uint32_t domain, uid, flags, clock_domain;
};

/* Initiators and ports with a PCI handle, which begins with the bus, or an ACPI handle. */
struct srat_function {
	struct srat_node node;
	uint8_t reserved, handle_type;
	uint32_t domain;
	uint16_t segment;
	uint8_t bus, devfn, reserved2[12];
	uint32_t flags, reserved3;
};

/* The same 16 bytes as an ACPI handle. */
struct srat_device {
	struct srat_node node;
	uint8_t reserved, handle_type;
	uint32_t domain;
	char hid[8];
	uint32_t uid, reserved2;
	uint32_t flags, reserved3;
};

/* Initiators and ports with a PCI handle. */
extern const struct layout srat_initiator_layout;
bool srat_is_function(const struct record *record);
bool srat_is_device(const struct record *record);

/* The function of an initiator or a port on PCI: segment << 16 | BDF. */
uint32_t srat_function_id(const struct record *record);

/* The proximity domain of a structure; false if it has none, or is of unknown type. */
bool srat_domain(const struct record *record, uint32_t *ret_domain);

/* Is the structure enabled? */
bool srat_is_enabled(const struct record *record);

/* check.c, write.c */
extern const struct table_rule srat_rules[];
bool srat_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings);
bool srat_extend(struct viommu_table *table, const struct viommu_topology *topology,
		 struct viommu_findings *findings);

/* The ACPI header and what follows it. */
extern const struct layout srat_head_layout;

/* The layout of a structure, by its type and the type of its handle. */
const struct layout *srat_layout_at(const struct cursor *cursor);

/* The work of the public functions of these names (tables/public/). */
int topology_apply_srat_domains(struct viommu_topology *topology, const struct viommu_table *srat);

#endif
