/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_ACPI_H
#define VIOMMU_ACPI_H

#include <viommu/tables.h>

/*
 * ACPI for a machine: all tables of a topology, and the set of tables that a guest boots with
 *
 * viommu_tables_generate() gives each table of IOMMUs that a topology needs, for a VMM that has
 * ACPI. viommu_acpi_generate() is for a VMM that has none: it gives the smallest set that an
 * operating system accepts, in one piece, to be copied into guest memory:
 *
 *     RSDP -> XSDT -> FADT -> DSDT     a hardware-reduced machine, whose devices on virtio-mmio
 *                  -> VIOT, ...        are in the DSDT
 *                  -> MADT, SRAT, ...  tables of the VMM
 *
 * viommu_acpi_add() adds tables to a set that exists, such as that of another program.
 *
 * The guest finds the RSDP by what its VMM tells it: `acpi_rsdp_addr` of Linux's boot_params, or
 * `acpi_rsdp=` on its command line; on x86 also by a search from 0xe0000 to 0xfffff. The memory of
 * the image is to be reserved in the memory map (type 3, ACPI data).
 *
 * Specification: ACPI 6.5, 5.2.5 (RSDP), 5.2.8 (XSDT), 5.2.9 (FADT), 5.2.12 (MADT), 6.1.5 (_HID),
 * 6.2.2 (_CRS), 6.2.15 (_PXM). Used by one thread at a time. RUNNING OUT OF MEMORY NEVER ENDS THE
 * PROGRAM (<viommu/topology.h>).
 */

#ifdef __cplusplus
extern "C" {
#endif

/* The kinds of tables that viommu_tables_generate() may give. */
#define VIOMMU_TABLES_MAX 5

/*
 * Generate each table of IOMMUs that the topology needs: VIOT for virtio-iommus, IORT for SMMUs and
 * ITS groups, DMAR, IVRS, RIMT. An IOMMU that one of them describes is no finding of the others.
 * `tables` gets at most VIOMMU_TABLES_MAX tables, each to be freed with viommu_table_free(). A
 * table that cannot be generated, or in which viommu_table_check() finds an error, is missing, with
 * an error among the findings. No table describes proximity domains of virtio-iommus: extend the
 * machine's SRAT (viommu_table_extend()).
 *
 * Returns: the number of tables; 0: none is needed, or an error. Locks: none. Waits: no. Since:
 * 0.2 (testing)
 */
size_t viommu_tables_generate(const struct viommu_topology *topology,
			      struct viommu_table *tables[VIOMMU_TABLES_MAX],
			      struct viommu_findings *findings);

/* Options of viommu_acpi_generate(). Begins with its own size. */
struct viommu_acpi {
	size_t size;

	uint64_t address; /* of the first byte in guest memory: a multiple of 16; no byte is
			     beyond 64 bits */

	/*
	 * Tables of the VMM. They are in the set as they are, in place of a generated one with the
	 * same signature; but a FADT is made to point to the DSDT of the set, and an SRAT also gets
	 * the proximity domains of the IOMMUs. Not changed, and not needed after the call.
	 *
	 * Each is a whole ACPI table with a correct length and checksum, and no second one with its
	 * signature, except for SSDT, PSDT, UEFI and OEM tables. XSDT, RSDT and FACS are those of
	 * the set. Anything else is an error, and there is no set.
	 */
	const struct viommu_table *const *tables;
	size_t n_tables;

	/*
	 * x86: generate a MADT with the local APICs 0 to processors - 1, at most 255, and one I/O
	 * APIC, with ID 0 at 0xfec00000, for interrupts from 0. 0: the VMM's tables have the MADT,
	 * or there is none.
	 */
	uint32_t processors;
};

/*
 * Generate the set of a topology. Its first byte is the RSDP. The DSDT has a device for each object
 * of the topology with an address and interrupts: IOMMUs on virtio-mmio, and `devices`, with the
 * hardware ID LNRO0005 if they have none. Those without are a finding. Interrupts are
 * level-triggered and active-high. *ret_bytes is to be freed with free().
 *
 * Returns: the number of bytes; 0: an error among the findings, or `how` is wrong. Locks: none.
 * Waits: no. Since: 0.2 (testing)
 */
size_t viommu_acpi_generate(const struct viommu_topology *topology, const struct viommu_acpi *how,
			    void **ret_bytes, struct viommu_findings *findings);

/*
 * A copy of a set of tables with further ones. `bytes` are guest memory from `address` on, with
 * RSDP and XSDT; the RSDP is at a multiple of 16, and is the first with correct checksums. `tables`
 * are as in struct viommu_acpi. One with a signature that the XSDT has takes the place of that
 * table, except for those of which a set may have several. A DSDT takes the place of that of the
 * FADT; a FADT without one points to that of the set. The copy begins with the bytes given, in
 * which only the RSDP is changed; a longer XSDT and the tables follow them. So it must be at the
 * same address, with room behind it. *ret_bytes is to be freed with free().
 *
 * Returns: the number of bytes; 0: an error among the findings. Locks: none. Waits: no. Since: 0.2
 * (testing)
 */
size_t viommu_acpi_add(const void *bytes, size_t length, uint64_t address,
		       const struct viommu_table *const *tables, size_t n_tables, void **ret_bytes,
		       struct viommu_findings *findings);

/*
 * viommu_acpi_add() for a topology: a copy of a set at how->address with how->tables, and with each
 * table of IOMMUs that the topology needs and how->tables lacks. An SRAT among how->tables also
 * gets the proximity domains of the IOMMUs. The DSDT of the set has no device for the topology: it
 * is the set's own, or one of how->tables. how->processors is 0.
 *
 * Returns: the number of bytes; 0: an error among the findings, there is nothing to add, or `how`
 * is wrong. Locks: none. Waits: no. Since: 0.2 (testing)
 */
size_t viommu_acpi_extend(const void *bytes, size_t length, const struct viommu_topology *topology,
			  const struct viommu_acpi *how, void **ret_bytes,
			  struct viommu_findings *findings);

/*
 * What Xen and FreeBSD do with the DMAR or IVRS that the topology was read from, where Linux does
 * something else: the i-th sentence, from 0, such as "Xen disables VT-d: it allows no reserved
 * regions that overlap". It has static storage.
 *
 * Returns: NULL behind the last. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const char *viommu_topology_other_system(const struct viommu_topology *topology, size_t i);

#ifdef __cplusplus
}
#endif

#endif
