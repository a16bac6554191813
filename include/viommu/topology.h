/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOPOLOGY_H
#define VIOMMU_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viommu/findings.h>

/*
 * The topology of a platform: the IOMMU of each device
 *
 * One model connects all descriptions of a machine. It is written by hand (a YAML text), built by a
 * VMM through this header, or read from a firmware table. Any firmware table is generated from it.
 * Queries and checks use it, so they work in the same way for every table.
 *
 *     text --+                       +--> VIOT, IORT, DMAR, ... device tree
 *     VMM  --+--> struct topology --+--> check: what is wrong with it?
 *     table -+                       +--> resolve: which IOMMU does this device reach?
 *
 * Objects are added to a topology, each as a struct that begins with its own size; zero members
 * have their default. Structs and strings are copied. Objects refer to each other by name; a name
 * may be used before its object is added, and viommu_topology_check() reports missing objects.
 *
 * A machine with a virtio-iommu at 00:01.0 that translates everything below one host bridge, and
 * its VIOT, with <viommu/tables.h>:
 *
 *     struct viommu_iommu iommu = { .size = sizeof(iommu), .name = "viommu0",
 *                                   .kind = VIOMMU_VIRTIO_PCI, .bdf = 0x0008 };
 *     struct viommu_host_bridge bridge = { .size = sizeof(bridge), .bus_last = 0xff,
 *                                          .iommu = "viommu0" };
 *     struct viommu_findings *findings = viommu_findings_new();
 *     struct viommu_topology *machine = viommu_topology_new();
 *     struct viommu_table *viot = NULL;
 *
 *     if (!viommu_topology_add_iommu(machine, &iommu) &&
 *         !viommu_topology_add_host_bridge(machine, &bridge))
 *             viot = viommu_table_generate(machine, "VIOT", findings);
 *     if (viot)
 *             length = viommu_table_encode(viot, &bytes);
 *
 * The first range that contains a PCI function gives its route. Without such a range, the host
 * bridge that contains its bus gives the route, and without a host bridge it has no route. So a
 * host bridge is the rule and ranges are the exceptions.
 *
 * Numbers are inclusive ranges, [first, last]. A BDF is a PCI requester ID: bus << 8 | device << 3
 * | function. Addresses and spans are in bytes. An ID identifies an endpoint at its IOMMU: the
 * endpoint ID of virtio, the stream ID of an SMMU, the source or device ID of x86.
 *
 * RUNNING OUT OF MEMORY NEVER ENDS THE PROGRAM. Without memory, a function returns NULL, -ENOMEM,
 * or the value in its last line, and adds the error "input-memory" to a list of findings.
 * Allocations of the call are freed; existing objects are unchanged and remain usable. This applies
 * to all of libviommu-tables, to each thread separately, without a handler, and with the program's
 * malloc(). It works by longjmp() inside the library, which never skips a frame of the caller: a
 * callback may call the library, and no call that fails has called it.
 *
 * One thread at a time uses an object of this library; different threads may use different objects.
 *
 * `has_X; X`: X is read only if has_X is true; then it may have any value, including 0. Otherwise
 * it is ignored, and stored as 0. An enum that the library returns may get more values at its end
 * in a later version: treat an unknown value as its comment says, or as "other".
 *
 * A function's last line is as in <viommu/device.h>. Locks and Waits are "none" and "no" for all.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque. It owns copies of all added objects. Objects cannot be removed, and do not change
 * except by viommu_topology_apply_srat_domains() and viommu_topology_apply_queues(); headers may be
 * changed. */
struct viommu_topology;

/*
 * A new, empty topology. Free with viommu_topology_free().
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_topology *viommu_topology_new(void);

/*
 * Free the topology with all objects and strings. Pointers to them, and diffs of the topology, are
 * invalid afterwards. NULL is accepted.
 *
 * Returns: NULL. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_topology *viommu_topology_free(struct viommu_topology *topology);

/*
 * What Linux of other versions reads from the same table: the i-th such topology, from 0, and in
 * *ret_kernels which versions these are. A device tree has one if its maps have entries that
 * kernels read with different numbers of cells. It belongs to `topology`, and is valid as long.
 *
 * Returns: NULL if there is none. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_topology *viommu_topology_reading(const struct viommu_topology *topology,
						      size_t i, const char **ret_kernels);

/* -- IOMMUs ------------------------------------------------------------------ */

/*
 * The kind of an IOMMU: it determines the location of registers, the tables that can describe it,
 * and the members of struct viommu_iommu that are read. A later version may add kinds at the end;
 * treat an unknown kind as VIOMMU_OTHER.
 */
enum viommu_iommu_kind {
	VIOMMU_VIRTIO_PCI,  /* virtio-iommu, a PCI function. VIOT, IORT of 2019, device tree */
	VIOMMU_VIRTIO_MMIO, /* virtio-iommu, a register window. VIOT, IORT of 2019, device tree */
	VIOMMU_SMMU_V2,     /* Arm SMMU version 1 or 2. IORT, device tree */
	VIOMMU_SMMU_V3,     /* Arm SMMU version 3. IORT, device tree */
	VIOMMU_VTD,         /* Intel VT-d remapping unit. DMAR */
	VIOMMU_AMD_VI,      /* AMD-Vi. IVRS */
	VIOMMU_OTHER,       /* any other. Device tree */
	VIOMMU_RISCV,       /* RISC-V IOMMU, a register window. RIMT, device tree */
	VIOMMU_RISCV_PCI,   /* RISC-V IOMMU, a PCI function. RIMT, device tree */
};

/*
 * "virtio-iommu-pci", "virtio-iommu-mmio", "smmu-v2", "smmu-v3", "vt-d", "amd-vi", "other",
 * "riscv-iommu", "riscv-iommu-pci"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_iommu_kind_name(enum viommu_iommu_kind kind);

/* Lengths of the arrays below: interrupts of an IOMMU, and its blocks in an IVRS. */
#define VIOMMU_MAX_INTERRUPTS 4
#define VIOMMU_MAX_BLOCKS     3

/* An Arm SMMU, of any version. */
struct viommu_iommu_smmu {
	/* The implementation. v1 and v2: 0 SMMUv1, 1 SMMUv2, 2 MMU-400, 3 MMU-500, 4 MMU-401, 5
	 * ThunderX; v3: 0 generic, 1 HiSilicon Hi161x, 2 Cavium CN99xx. (DEN 0049E.f, SMMUv1 and v2
	 * node and SMMUv3 node, "Model") */
	uint32_t model;
};

/* An SMMU version 1 or 2. Both lists are copied, and NULL if empty. (DEN 0049E.f, SMMUv1 and v2
 * node)
 */
struct viommu_iommu_smmu_v2 {
	const uint32_t *context_interrupts; /* GSIVs of its context banks */
	size_t n_context_interrupts;
	const uint32_t *pmu_interrupts; /* GSIVs of its performance monitors */
	size_t n_pmu_interrupts;
	bool edge; /* all of these are edge-triggered; false: level */
};

/* An SMMU version 3. (DEN 0049E.f, SMMUv3 node) */
struct viommu_iommu_smmu_v3 {
	uint64_t vatos;  /* address of the page for address translation operations; 0: none */
	bool has_msi_id; /* its own interrupts are MSIs to `its`, with this device ID */
	uint32_t msi_id;
};

/* An AMD-Vi. (AMD 48882, 5.2, IVHD blocks 10h, 11h and 40h) */
struct viommu_iommu_amd {
	uint32_t capability; /* offset of its PCI capability block, 16 bits; 0: 0x40 */
	uint32_t info;       /* IOMMU Info: bits 4:0 MSI number, 12:8 unit ID; 16 bits */
	uint32_t features;   /* block 10h: IOMMU Feature Reporting */
	uint32_t attributes; /* blocks 11h, 40h: IOMMU Attributes */
	uint64_t efr;        /* blocks 11h, 40h: image of the Extended Feature Register */
	uint64_t efr2;       /* blocks 11h, 40h: image of the Extended Feature 2 Register */

	/* `flags` of blocks 11h and 40h, at most 255; false: bits 0 to 5 of `flags`. */
	bool has_image_flags;
	uint32_t image_flags;

	/* The types of its blocks in the IVRS, in this order: 0x10, 0x11, 0x40. Without any:
	 * 10h; also 11h if `attributes`, `efr` or `efr2` is not 0; also 40h if there are ACPI
	 * devices. */
	unsigned n_blocks;
	uint32_t blocks[VIOMMU_MAX_BLOCKS];
};

/* A RISC-V IOMMU. (RIMT 1.0, IOMMU node) */
struct viommu_iommu_riscv {
	/* Its ACPI hardware ID or, on PCI, its vendor and device ID as the table has them; at most
	 * 8 characters. NULL: "RSCV0004", "00100014". */
	const char *hardware_id;
	uint32_t wire_flags; /* of its interrupts: bit 0 level-triggered, bit 1 active high */
};

/*
 * Command queues of NVIDIA's SMMUv3 that a guest may own (CMDQV of Tegra241): in the DSDT a device
 * NVDA200C, whose _UID is the identifier of the SMMU's node.
 */
struct viommu_iommu_cmdqv {
	uint64_t base; /* address of its registers; 0: the SMMU has none */
	uint32_t interrupt;
};

/*
 * An IOMMU. The kind selects the members that are read; others are stored and ignored:
 *
 *                     virtio  virtio  smmu  smmu  vt-d  amd  riscv  riscv
 *                        pci    mmio   v2    v3         vi            pci
 *     segment               x       -      -     -     x    x      -      x
 *     bdf                   x       -      -     -     -    x      -      x
 *     base                  -       x      x     x     x    x      x      -
 *     span                  -       x      x     x     x    -      x      -
 *     interrupts            -       x      x     x     -    -      x      x
 *     proximity_domain      x       x      x     x     x    x      x      x
 *     its                   x       x      x     x     x    x      x      x
 *     coherent              x       x      x     x     -    x      x      x
 *     translates_itself     x       -      -     -     -    x      -      x
 *     identifier            x       x      x     x     -    -      x      x
 *     flags                 -       -      x     x     x    x      -      -
 *     .smmu                 -       -      x     x     -    -      -      -
 *     .smmu_v2              -       -      x     -     -    -      -      -
 *     .smmu_v3              -       -      -     x     -    -      -      -
 *     .amd                  -       -      -     -     -    x      -      -
 *     .riscv                -       -      -     -     -    -      x      x
 *     .cmdqv                -       -      -     x     -    -      -      -
 *     hotplug               x       x      x     x     x    x      x      x
 *
 * The node of a VIOMMU_OTHER, which may be in a device tree but is never added to one, is found by
 * `base`. A value that a table cannot describe is a finding when the table is generated.
 *
 * `flags` has the bits of the structure that no member here stands for:
 *
 *     smmu-v2   0 DVM supported (DEN 0049E.f, SMMUv1 and v2 node, "Flags"; bit 1 is `coherent`)
 *     smmu-v3   2:1 HTTU override (DEN 0049E.f, SMMUv3 node, "Flags"; bit 0 is `coherent`, bits 3
 *               and 4 follow from the proximity domain and `msi_id`)
 *     vt-d      7:1 reserved (VT-d, 8.3, DRHD, "Flags"; bit 0 follows from the ranges)
 *     amd-vi    0 HtTunEn, 1 PassPW, 2 ResPassPW, 3 Isoc, 4 IotlbSup, 6 PrefSup, 7 PPRSup
 *               (AMD 48882, 5.2, IVHD, "Flags"; bit 5 is `coherent`)
 *
 * -EINVAL from viommu_topology_add_iommu(): the name is missing, the kind is unknown, the register
 * window goes beyond the 64-bit space, a count is larger than its array or has no list, or
 * `image_flags` is larger than 255.
 */
struct viommu_iommu {
	size_t size;
	const char *name; /* unique among IOMMUs, UTF-8, and neither "" nor "none" */
	enum viommu_iommu_kind kind;

	uint16_t segment; /* the segment of its PCI function; vt-d: the segment that it serves */
	uint16_t bdf;
	uint64_t base; /* address of its first register */
	uint64_t span; /* bytes of its registers; 0: the default of its kind */

	/* Global system interrupts, in the order of the device tree binding: of an SMMUv3 event,
	 * PRI, command-sync, global error; of an SMMUv2 global fault, configuration fault. 0: there
	 * is none. A virtio-iommu on virtio-mmio has one. */
	unsigned n_interrupts;
	uint32_t interrupts[VIOMMU_MAX_INTERRUPTS];

	bool has_proximity_domain;
	uint32_t proximity_domain; /* its NUMA node, as in the SRAT (ACPI 6.5, 5.2.16) */

	const char *its;        /* the ITS group of its MSIs and of its endpoints' MSIs, or NULL */
	bool coherent;          /* its table walks snoop the caches */
	bool translates_itself; /* its own function is one of its endpoints; text: `include-self` */

	/* Identifier of its IORT node (DEN 0049E.f, IORT node header, from table revision 3) or
	 * RIMT node (RIMT 1.0, ID; 16 bits); false: its index in the table. */
	bool has_identifier;
	uint32_t identifier;

	uint32_t flags; /* see above */

	struct viommu_iommu_smmu smmu;
	struct viommu_iommu_smmu_v2 smmu_v2;
	struct viommu_iommu_smmu_v3 smmu_v3;
	struct viommu_iommu_amd amd;

	struct viommu_place place;

	struct viommu_iommu_riscv riscv;
	struct viommu_iommu_cmdqv cmdqv;

	/* Functions that can be plugged in behind it later, each below a port of its own: its host
	 * bridges need a bus number for each. No table has it. */
	uint32_t hotplug;
};

/*
 * How accesses of a device reach memory, beside their coherence. (DEN 0049E.f, memory access
 * properties)
 */
struct viommu_memory_access {
	uint32_t hints; /* allocation hints: 0 transient, 1 write, 2 read, 3 override; 8 bits */

	/* 0 coherent path to memory, 1 its default attributes are cacheable and inner shareable;
	 * 8 bits. False: both of coherent devices, none of others. */
	bool has_flags;
	uint32_t flags;
};

/* -- PCI --------------------------------------------------------------------- */

/*
 * A host bridge: one root bus and everything that can be below it, including hot-plugged devices.
 * It applies to all its functions that no struct viommu_pci_range contains. -EINVAL if its buses
 * are inverted, or one of its widths is too large. (DEN 0049E.f, root complex node; ACPI
 * 6.5, VIOT, PCI range node; device tree: iommu-map, msi-map, bus-range)
 */
struct viommu_host_bridge {
	size_t size;
	const char *name; /* unique, or NULL */
	uint16_t segment;
	uint8_t bus_first, bus_last; /* including buses for hotplug */

	/* The IOMMU of its functions, except those in a range; NULL: none. IDs are
	 * segment << 16 | BDF. */
	const char *iommu;
	const char *its; /* the ITS group for MSIs that bypass the IOMMU, or NULL */

	bool has_proximity_domain;
	uint32_t proximity_domain;

	bool ats, pri, pasid; /* requests that the root complex forwards */
	uint32_t pasid_bits;  /* the width of PASIDs, 1 to 20; 0: unknown */

	uint32_t address_bits; /* the width of addresses that its functions can send, 1 to 64; 0: 64
				*/
	bool incoherent;       /* their accesses do not see the caches */

	struct viommu_place place;

	struct viommu_memory_access access;
};

/*
 * Tables of x86 identify functions by a path, because firmware writes them before buses have
 * numbers. The path starts at a function on a known bus and continues, if that is a bridge, with
 * `path`: "1c.0/00.0" is function 00.0 behind bridge 1c.0 behind it. (VT-d, 8.3.1) The BDF of a
 * function at the end of a path is unknown, so resolving and mapping skip it.
 */
enum viommu_scope {
	VIOMMU_SCOPE_FUNCTIONS, /* the functions themselves */
	VIOMMU_SCOPE_BRIDGE,    /* one function that is a bridge, and everything below it */
};

/*
 * "functions", "bridge"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_scope_name(enum viommu_scope scope);

/*
 * PCI functions whose IOMMU or IDs differ from those of their host bridge: [bdf_first, bdf_last] in
 * each of the segments [segment_first, segment_last]. The ID of a function is
 *
 *     id_first + (segment - segment_first) * 0x10000 + (bdf - bdf_first)
 *
 * or `id_first` with `shared_id`. 0 is a valid ID. For the ID that the function would have without
 * this range, set segment_first << 16 | bdf_first. -EINVAL if a window is inverted, if the scope of
 * a bridge has more than one function, or if buses below it are not above its own. (ACPI 6.5,
 * VIOT, PCI range node; DEN 0049E.f, ID mappings; VT-d, 8.3.1; AMD 48882, 5.2, IVHD device entries;
 * device tree: iommu-map)
 */
struct viommu_pci_range {
	size_t size;
	uint16_t segment_first, segment_last;
	uint16_t bdf_first, bdf_last; /* in each of these segments */

	const char *iommu; /* NULL: these bypass */

	/* The ID of (segment_first, bdf_first): endpoint ID or stream ID. The next function has
	 * the next ID, and IDs of the next segment start 0x10000 higher. */
	uint32_t id_first;
	bool shared_id; /* all have `id_first`, as behind a PCIe-to-PCI bridge; text: `one-id` */

	enum viommu_scope scope;                /* bridge: bdf_first equals bdf_last */
	uint8_t secondary_bus, subordinate_bus; /* of that bridge; 0: unknown; text: `below` */
	const char *path;                       /* the path from `bdf_first`, or NULL */

	uint32_t settings; /* AMD-Vi: the interrupts that pass, encoded as in its device table */
	bool no_ats;       /* AMD-Vi: address translation requests of these are refused */

	struct viommu_place place;
};

/* -- devices that are not PCI --------------------------------------------------- */

/*
 * A device that is not on PCI, with registers or with a name in the ACPI namespace. -EINVAL if its
 * last ID would be beyond 32 bits, or a width or number is too large. (VIOT: MMIO endpoint node, by
 * `base`; IORT: named component, by `name`, an ACPI path; device tree: `iommus`; IVRS: ACPI HID
 * entry, by `hid`; DMAR: ANDD, by `name` and `number`)
 */
struct viommu_platform_device {
	size_t size;
	const char *
		name; /* unique, or NULL; an ACPI or device tree path for tables that require one */
	uint64_t base; /* base address of its first register window; 0: none */

	const char *iommu; /* NULL: bypasses */
	uint32_t id;       /* endpoint ID or stream ID */
	uint32_t n_ids;    /* number of its consecutive IDs; 0: one */

	/* The driver's number of the first ID; false: the device has one ID without a number. */
	bool has_input;
	uint32_t input_first;

	bool has_proximity_domain;
	uint32_t proximity_domain;

	uint32_t pasid_bits;   /* the width of PASIDs that it can send; 0: none */
	uint32_t address_bits; /* the width of addresses that it can send, 1 to 64; 0: 64 */
	bool stall;            /* it can stall on a fault until it is resolved */
	bool incoherent;       /* its accesses do not see the caches */

	/* Its IDs in the ACPI namespace, for tables that require them; NULL: none. */
	const char *hid, *cid, *uid;
	uint32_t settings; /* AMD-Vi: as in struct viommu_pci_range */
	bool has_number;   /* DMAR: its number in scopes */
	uint32_t number;   /* at most 255 */

	struct viommu_place place;

	/*
	 * For the ACPI namespace and the kernel's command line, on a machine without other
	 * firmware: bytes of its registers, 0: 0x200; its global system interrupts.
	 */
	uint64_t span;
	uint32_t interrupts[VIOMMU_MAX_INTERRUPTS];
	uint32_t n_interrupts;

	struct viommu_memory_access access;
};

/* Further IDs of a platform device, in addition to those of struct viommu_platform_device: a
 * second entry of its `iommus` property, or a second ID mapping of its node. They need not be
 * behind the same IOMMU. */
struct viommu_device_id {
	size_t size;
	const char *device; /* the name of a platform device */
	const char *iommu;  /* NULL: these bypass */
	uint32_t id, n_ids; /* 0 of them: one */
	bool has_input;     /* as in struct viommu_platform_device */
	uint32_t input_first;
	struct viommu_place place;
};

/* -- the rest of the platform --------------------------------------------------- */

/* Interrupt translation services (Arm GIC), targets of MSIs. -EINVAL without an ID; the list is
 * copied. (DEN 0049E.f, ITS group node; ACPI 6.5, 5.2.12.18, GIC ITS structure) */
struct viommu_its_group {
	size_t size;
	const char *name;
	const uint32_t *ids; /* their numbers in the MADT */
	size_t n_ids;
	struct viommu_place place;
};

/*
 * Exceptions from `its` of an IOMMU or a host bridge, where the device ID is the stream ID or
 * segment << 16 | BDF. A range of functions, like the msi-map of a device tree, takes precedence
 * over a range of IDs behind an IOMMU. The n-th function or ID of the range, from 0, has the device
 * ID `device_id_first` + n, or all have `device_id_first` with `shared_id`. -EINVAL if inverted.
 */
struct viommu_msi_range {
	size_t size;
	const char *iommu;          /* the IOMMU of the IDs; NULL: the range is of functions */
	uint32_t id_first, id_last; /* with `iommu` */
	uint16_t segment, bdf_first, bdf_last; /* without `iommu` */
	const char *its;                       /* NULL: no ITS */
	uint32_t device_id_first;              /* of the first function or ID */
	struct viommu_place place;
	bool shared_id; /* without an IOMMU: all share `device_id_first`; text: one-id */
};

/*
 * A performance monitor counter group (PMCG) of an SMMUv3 or of a device with a TLB. It counts for
 * an IOMMU, a platform device or a root complex: `iommu`, `device` or `segment`. -EINVAL for more
 * than one of them, or a larger segment. (DEN 0049E.f, PMCG node)
 */
struct viommu_monitor {
	size_t size;
	const char *iommu;  /* NULL: one of the next two, or unknown */
	const char *device; /* the name of a platform device */
	bool has_segment;
	uint32_t segment;      /* at most 65535 */
	uint64_t base, base_1; /* addresses of its pages 0 and 1; 0: there is no page 1 */
	uint32_t interrupt;    /* for overflow, a GSIV; 0: none, or an MSI */
	const char *its;       /* its interrupt is an MSI to this ITS group, or NULL, */
	uint32_t msi_id;       /* with this device ID */
	bool has_identifier;   /* as in struct viommu_iommu */
	uint32_t identifier;
	struct viommu_place place;
};

/* An interrupt wire bridge (IWB) of a GICv5: its wires are MSIs. (DEN 0049E.g, IWB node) */
struct viommu_wire_bridge {
	size_t size;
	const char *name; /* unique: its path in the ACPI namespace */
	uint64_t base;    /* address of its configuration frame */
	uint32_t index;   /* at most 65535 */
	const char *its;  /* the ITS group of its MSIs, or NULL, */
	uint32_t msi_id;  /* with this device ID */
	bool has_identifier;
	uint32_t identifier;
	struct viommu_place place;
};

/*
 * The kind of an interrupt source: in DMAR a scope of type 3 or 4 (VT-d, 8.3.1), in IVRS a special
 * device entry (AMD 48882, 5.2).
 */
enum viommu_interrupt_kind {
	VIOMMU_IOAPIC,
	VIOMMU_HPET,
};

/*
 * "ioapic", "hpet"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_interrupt_kind_name(enum viommu_interrupt_kind kind);

/*
 * An interrupt source with the requester ID of a PCI function, by which the IOMMU identifies it
 * (x86).
 */
struct viommu_interrupt_source {
	size_t size;
	enum viommu_interrupt_kind kind;
	uint32_t number;       /* the MADT's ID of an IOAPIC, the number of an HPET; at most 255 */
	uint16_t segment, bdf; /* the function whose requester ID it uses */
	const char *path;      /* as in struct viommu_pci_range */
	const char *iommu;     /* the IOMMU that remaps it */
	uint32_t settings;     /* AMD-Vi: as in struct viommu_pci_range */
	struct viommu_place place;
};

/* The structure of a DMAR that contains the function. (VT-d, 8.5, 8.8 and 8.9) */
enum viommu_ats_kind {
	VIOMMU_ATS_ROOT_PORT,  /* functions below this root port may use ATS (8.5, ATSR) */
	VIOMMU_ATS_INTEGRATED, /* an integrated function with a device TLB (8.8, SATC) */
	VIOMMU_ATS_PROPERTIES, /* an integrated function with properties of the SoC (8.9, SIDP) */
};

/*
 * "root-port", "integrated", "properties"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_ats_kind_name(enum viommu_ats_kind kind);

/* A PCI function in a structure of a DMAR about address translation services. */
struct viommu_ats {
	size_t size;
	enum viommu_ats_kind kind;
	bool required; /* integrated: it works only with ATS */
	uint16_t segment, bdf;
	const char *path; /* as in struct viommu_pci_range */
	enum viommu_scope scope;
	uint32_t flags; /* flags of the scope, encoded as in DMAR; at most 255 */
	struct viommu_place place;
};

/*
 * The kind of reserved memory. A virtio-iommu reports RESERVED and MSI by PROBE (virtio 1.3,
 * 5.13.6.8.1); IDENTITY is an RMR node of IORT (DEN 0049E.f), an RMRR of DMAR (VT-d, 8.4) or an
 * IVMD of IVRS (AMD 48882, 5.2); EXCLUSION is an IVMD with that flag.
 */
enum viommu_memory_kind {
	VIOMMU_MEMORY_RESERVED,  /* not to be mapped */
	VIOMMU_MEMORY_MSI,       /* writes there are interrupts */
	VIOMMU_MEMORY_IDENTITY,  /* must stay identity-mapped: firmware uses it */
	VIOMMU_MEMORY_EXCLUSION, /* accessed without translation (AMD-Vi) */
};

/*
 * "reserved", "msi", "identity", "exclusion"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_memory_kind_name(enum viommu_memory_kind kind);

/*
 * Reserved memory of the PCI functions in a range, or of everything behind an IOMMU. `first` and
 * `last` are inclusive addresses in bytes. -EINVAL if one of its ranges is inverted.
 */
struct viommu_reserved_memory {
	size_t size;
	uint64_t first, last;
	enum viommu_memory_kind kind;
	const char *iommu; /* all its endpoints; NULL: the functions below */
	bool has_ids;      /* of an IOMMU: only endpoints with these IDs */
	uint32_t id_first, id_last;
	uint16_t segment, bdf_first, bdf_last;
	enum viommu_scope scope; /* as in struct viommu_pci_range */
	const char *path;        /* as in struct viommu_pci_range */
	uint32_t flags;          /* further bits of its structure (RMR of IORT, IVMD) */
	struct viommu_place place;
};

/*
 * Add an object. The object, its strings and its lists are copied, so they may be on the caller's
 * stack. Returns 0, or a negative errno with the topology unchanged:
 *
 *   -EINVAL   a range is inverted, a name missing or a member out of its range ("", "none" and
 *             what is not UTF-8 are no names), or `size` was not set
 *   -EEXIST   an object of this type has the name; an IOMMU and a bridge may share one
 *   -E2BIG    as in <viommu/device.h>
 *   -ENOMEM   out of memory; copies of its lists may be freed only with the topology
 *   -ENOSPC   all PCI ranges together would cover more than VIOMMU_MAX_SEGMENTS segments,
 *             counted once for each range
 *
 * References between objects are not checked, because objects may be added in any order: call
 * viommu_topology_check().
 */
#define VIOMMU_MAX_SEGMENTS ((size_t)1 << 18)

/*
 * A text form of it is in docs/topology.md, "iommus".
 *
 * Returns: 0, -EINVAL, -EEXIST, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_iommu(struct viommu_topology *topology, const struct viommu_iommu *iommu);

/*
 * Buses of host bridges in one segment must not overlap; viommu_topology_check() reports it.
 *
 * Returns: 0, -EINVAL, -EEXIST, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_host_bridge(struct viommu_topology *topology,
				    const struct viommu_host_bridge *bridge);

/*
 * If ranges overlap, the one added first takes precedence.
 *
 * Returns: 0, -EINVAL, -ENOSPC, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_pci_range(struct viommu_topology *topology,
				  const struct viommu_pci_range *range);

/*
 * The name may be NULL; the device is then identified by its address.
 *
 * Returns: 0, -EINVAL, -EEXIST, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_platform_device(struct viommu_topology *topology,
					const struct viommu_platform_device *device);

/*
 * The list of IDs is copied, and not empty.
 *
 * Returns: 0, -EINVAL, -EEXIST, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_its_group(struct viommu_topology *topology,
				  const struct viommu_its_group *group);

/*
 * Further IDs of a device. -EINVAL without the name of a device.
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_device_id(struct viommu_topology *topology,
				  const struct viommu_device_id *device_id);

/*
 * If ranges overlap, the one added first takes precedence.
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_msi_range(struct viommu_topology *topology,
				  const struct viommu_msi_range *range);

/*
 * -EINVAL for a number beyond 255.
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_interrupt_source(struct viommu_topology *topology,
					 const struct viommu_interrupt_source *source);

/*
 * One object for each function.
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_ats(struct viommu_topology *topology, const struct viommu_ats *ats);

/*
 * For its functions, or for everything behind `iommu`.
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_reserved_memory(struct viommu_topology *topology,
					const struct viommu_reserved_memory *memory);

/*
 * Before or after what it counts for.
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_topology_add_monitor(struct viommu_topology *topology,
				const struct viommu_monitor *monitor);

/*
 * -EEXIST: the name is taken.
 *
 * Returns: 0, -EINVAL, -EEXIST, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_topology_add_wire_bridge(struct viommu_topology *topology,
				    const struct viommu_wire_bridge *bridge);

/*
 * The i-th IOMMU in the order of addition; NULL after the last. Valid as long as the topology, and
 * never moves. A loop over all IOMMUs:
 *
 *     for (size_t i = 0; (iommu = viommu_topology_iommu(topology, i)); i++)
 *             puts(iommu->name);
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_iommu *viommu_topology_iommu(const struct viommu_topology *topology, size_t i);

/*
 * The i-th host bridge, likewise.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_host_bridge *viommu_topology_host_bridge(const struct viommu_topology *topology,
							     size_t i);

/*
 * The i-th range that was added. viommu_topology_for_each_pci_range() also includes host bridges.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_pci_range *viommu_topology_pci_range(const struct viommu_topology *topology,
							 size_t i);

/*
 * The i-th platform device, likewise.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_platform_device *
viommu_topology_platform_device(const struct viommu_topology *topology, size_t i);

/*
 * The i-th ITS group, likewise.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_its_group *viommu_topology_its_group(const struct viommu_topology *topology,
							 size_t i);

/*
 * The i-th further ID of a device, likewise.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_device_id *viommu_topology_device_id(const struct viommu_topology *topology,
							 size_t i);

/*
 * The i-th range of MSIs, likewise.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_msi_range *viommu_topology_msi_range(const struct viommu_topology *topology,
							 size_t i);

/*
 * The i-th interrupt source, likewise.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_interrupt_source *
viommu_topology_interrupt_source(const struct viommu_topology *topology, size_t i);

/*
 * The i-th object for ATS, likewise.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_ats *viommu_topology_ats(const struct viommu_topology *topology, size_t i);

/*
 * The i-th reserved memory, likewise.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_reserved_memory *
viommu_topology_reserved_memory(const struct viommu_topology *topology, size_t i);

/*
 * The i-th performance monitor, likewise.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_monitor *viommu_topology_monitor(const struct viommu_topology *topology,
						     size_t i);

/*
 * The i-th wire bridge, likewise.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_wire_bridge *viommu_topology_wire_bridge(const struct viommu_topology *topology,
							     size_t i);

/*
 * The IOMMU with that name, or NULL; also NULL for a name of NULL, which stands for bypass. In
 * constant time.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_iommu *viommu_topology_find_iommu(const struct viommu_topology *topology,
						      const char *name);

/* -- table headers ------------------------------------------------------------- */

/*
 * Header fields of every ACPI table, except length and checksum, which are computed. Text that is
 * shorter than its field is padded with NUL. Each array has one byte more than the field, for a NUL
 * that is not in the table. (ACPI 6.5, 5.2.6)
 */
struct viommu_table_header {
	size_t size;
	char oem_id[7];       /* 6 characters */
	char oem_table_id[9]; /* 8 characters */
	uint32_t oem_revision;
	char creator_id[5]; /* 4 characters */
	uint32_t creator_revision;

	bool has_revision; /* false: the oldest revision that can represent the topology */
	uint32_t revision;
	uint32_t address_bits; /* DMAR, IVRS: the width of host addresses; 0: the default */
	bool has_flags;        /* false: those that the topology requires */
	uint32_t flags;        /* DMAR: its flags; IVRS: IVinfo but for address bits */
	bool aligned;          /* IVRS: pads align device entries of 8 bytes */

	/* IORT: an ID mapping has the number of its IDs, and not one less, as in QEMU before
	 * 9.0. Linux warns, and reads the intended number. Text: `plain-counts`. */
	bool legacy_id_counts;
};

/*
 * Set or get the header of the table with that signature ("VIOT", "IORT", "DMAR", "IVRS", "SRAT",
 * and "VIOT-2019" for one that wraps another table). The default is "VIOMMU", "VIOMMU  ", 1,
 * "VIOM", 1; a header that is set is used unchanged, including zeroes. -EINVAL: no such signature,
 * or a text without a NUL; the getter returns NULL.
 *
 * Returns: 0, -EINVAL, -E2BIG. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_set_header(struct viommu_topology *topology, const char *signature,
			       const struct viommu_table_header *header);

/*
 * The current header; valid as long as the topology. NULL: no such signature.
 *
 * Returns: the header; NULL: no such signature. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_table_header *viommu_topology_header(const struct viommu_topology *topology,
							 const char *signature);

/* -- the text form ------------------------------------------------------------------ */

/*
 * Read a topology from its text form (docs/topology.md). `file` names it in findings. Returns NULL
 * if there was an error, which is a finding. `text` has `length` bytes, needs no NUL, and is not
 * kept. Only the syntax is checked: call viommu_topology_check() next.
 *
 *     viommu: 1
 *     iommus:
 *       - name: viommu0
 *         kind: virtio-iommu-pci
 *         at: 00:01.0
 *     host-bridges:
 *       - buses: 00-ff
 *         iommu: viommu0
 *
 * is the machine of the example above.
 *
 * Returns: the topology; NULL: an error among the findings. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
struct viommu_topology *viommu_topology_parse(const char *text, size_t length, const char *file,
					      struct viommu_findings *findings);

/*
 * The text form of a topology, to be freed with free(). Parsing it gives the same topology, with
 * places in the text.
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_topology_text(const struct viommu_topology *topology);

/*
 * The same as JSON, an object of {"format": 1, ...}, to be freed with free(). It has an array for
 * each section of the text form, whose objects have the keys of the text form, without those that
 * have their default, and `place`. It is valid UTF-8 (docs/json.md).
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.2 (testing)
 */
char *viommu_topology_json(const struct viommu_topology *topology);

/* -- checks and questions ------------------------------------------------------------ */

/*
 * Check the rules for every machine, independent of tables: missing objects, functions in two
 * ranges, duplicate IDs, IOMMUs that translate nothing, and more. Findings have ids that begin with
 * "topology-" (docs/tables.md). The topology is not changed. viommu_findings_count_from() tells
 * whether there is an error, and hence no table should be generated.
 *
 * Returns: nothing; "input-memory" among the findings if out of memory. Locks: none. Waits: no.
 * Since: 0.1 (testing)
 */
void viommu_topology_check(const struct viommu_topology *topology,
			   struct viommu_findings *findings);

/* The name of a device: a PCI function, or a platform device by its name or its address. The
 * topology need not have the device: then its route is VIOMMU_REACH_NOTHING. */
struct viommu_device_name {
	bool pci;
	uint16_t segment, bdf; /* PCI */
	uint64_t base;         /* not PCI */
	const char *name;      /* not PCI; NULL: the device at `base` */
};

/*
 * Read "0001:03:00.0", "03:00.0" (segment 0), "mmio@0x10001000" or "0x10001000". -EINVAL also for
 * trailing characters. Numbers of a function are hexadecimal, as in lspci. `name` of the result is
 * NULL.
 *
 * Returns: 0, -EINVAL. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_device_name_parse(const char *text, struct viommu_device_name *ret_name);

/*
 * The same, also for the name of a platform device of this topology, or the last part of a name
 * that is a path: "COM0" for "\\_SB_.COM0", "uart@9000000" for "/soc/uart@9000000". -ENOENT: there
 * is no such device. -ENOTUNIQ: several names end in that way. The topology owns the name of the
 * result.
 *
 * Returns: 0, -ENOENT, -ENOTUNIQ, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_find_device(const struct viommu_topology *topology, const char *text,
				struct viommu_device_name *ret_name);

/*
 * The route of accesses. A guest cannot distinguish the last two: both access memory directly.
 * BYPASS has an entry; NOTHING may be a mistake in a table.
 */
enum viommu_reach {
	VIOMMU_REACH_IOMMU,   /* through `iommu`, with `id` */
	VIOMMU_REACH_BYPASS,  /* memory directly, by an entry */
	VIOMMU_REACH_NOTHING, /* no entry contains the device */
};

/*
 * One answer: the route of a device's accesses, hop by hop, with the deciding entries.
 *
 *     device --id--> iommu --> memory
 *        |             |
 *        +-------------+--device_id--> its (of its MSIs)
 *
 * Only the first hop depends on how a table is read. The other members follow from the topology, in
 * the same way for the specification and for Linux.
 */
struct viommu_route {
	enum viommu_reach reach;
	const struct viommu_iommu *iommu; /* NULL unless `reach` is VIOMMU_REACH_IOMMU */
	uint32_t id;                      /* endpoint ID or stream ID at the IOMMU */
	struct viommu_place place;        /* of the entry that decides */

	const struct viommu_its_group *its; /* the target of MSIs; NULL: not described */
	uint32_t device_id;                 /* the device ID at the ITS */
	struct viommu_place its_place;      /* of the deciding entry for the ITS */

	unsigned pasid_bits;             /* the width of PASIDs that arrive; 0: none arrives */
	struct viommu_place pasid_place; /* of its deciding entry */
};

/* The maximum of PCI Express (5.0, 6.20), and the default of a host bridge that forwards PASIDs. */
#define VIOMMU_PASID_BITS_MAX 20

/*
 * Find the IOMMU of a device, by the specification and by Linux's reading of the table that the
 * topology was read from. If both agree, `ret_linux` is the same. `ret_why_linux`, if not NULL, is
 * set to a sentence about Linux's reading: a constant string.
 *
 *     viommu_device_name_parse("0000:03:00.0", &name);
 *     viommu_topology_resolve(machine, &name, &route, &linux_route, NULL);
 *     if (route.reach == VIOMMU_REACH_IOMMU)
 *             printf("behind %s as 0x%x\n", route.iommu->name, route.id);
 *
 * Neither `ret_route` nor `ret_linux` may be NULL. The route is VIOMMU_REACH_NOTHING without an
 * entry, or if the IOMMU does not exist. Routes point into the topology. Takes O(n) for n ranges:
 * for all devices of a machine use viommu_topology_for_each_route().
 *
 * Returns: 0, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_resolve(const struct viommu_topology *topology,
			    const struct viommu_device_name *device, struct viommu_route *ret_route,
			    struct viommu_route *ret_linux, const char **ret_why_linux);

/*
 * Consecutive PCI functions with the same route, the same functions in each of these segments. Of
 * the n-th function of the s-th segment, both from 0, the ID is route.id + s * 0x10000 + n, unless
 * `shared_id`; device IDs of MSIs count in the same way, unless `shared_device_id`.
 */
struct viommu_route_range {
	uint16_t segment_first, segment_last;
	uint16_t bdf_first, bdf_last;

	/* The route of the first function. The next function has the next IDs; those of the next
	 * segment are 0x10000 higher.
	 */
	struct viommu_route route;
	bool shared_id;        /* all have `route.id` */
	bool shared_device_id; /* all have `route.device_id` */

	size_t n_entries; /* that describe the functions: `route` has the place of the first */
};

/*
 * All routes: every PCI function that has an entry, in as few ranges as possible, sorted by the
 * first segment and BDF. The routes are those that viommu_topology_resolve() returns by the
 * specification. Takes O(n log n) for n entries. Functions at the end of a path are omitted,
 * because their bus numbers are unknown. Calls `each` for every range, which is valid during the
 * call.
 *
 *     static void show(void *opaque, const struct viommu_route_range *range)
 *     {
 *             char *functions = viommu_functions_text(range);
 *             const struct viommu_iommu *iommu = range->route.iommu;
 *
 *             printf("%s: %s\n", functions, iommu ? iommu->name : "memory");
 *             free(functions);
 *     }
 *
 * prints the map of a machine, one line for each range.
 *
 * Returns: 0, -ENOMEM and `each` was called for some or for none. Locks: none. Waits: no. Since:
 * 0.1 (testing)
 */
int viommu_topology_for_each_route(const struct viommu_topology *topology,
				   void (*each)(void *opaque,
						const struct viommu_route_range *range),
				   void *opaque);

/*
 * All PCI functions behind an IOMMU, as ranges: host bridges without the functions of ranges, and
 * ranges, sorted by the first segment and BDF. The ranges are disjoint: if ranges or host bridges
 * overlap, the first one added takes precedence. The IOMMU of a host bridge does not translate its
 * own function, unless it has `translates_itself`; a range may include it. Calls `each` for every
 * range, which is valid during the call.
 *
 * Returns: 0, -ENOMEM and `each` was called for some or for none. Locks: none. Waits: no. Since:
 * 0.1 (testing)
 */
int viommu_topology_for_each_pci_range(const struct viommu_topology *topology,
				       void (*each)(void *opaque,
						    const struct viommu_pci_range *range),
				       void *opaque);

/* -- several tables of one machine ----------------------------------------------------- */

/*
 * The machine that two tables describe together, as an IORT and a VIOT do: an IORT has the MSIs,
 * and the VIOT the virtio-iommus. All objects of both are in it, those of `first` before those of
 * `second`; of two with one name, the first. A device has the IOMMU of the first table that gives
 * it one, as in Linux, which asks IORT, then RIMT, then VIOT; and the MSIs of the first table that
 * has an ITS for it. Both are copied. Free it with viommu_topology_free().
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.2 (testing)
 */
struct viommu_topology *viommu_topology_join(const struct viommu_topology *first,
					     const struct viommu_topology *second);

/* -- ways through bridges ------------------------------------------------------------ */

/*
 * A copy of a topology in which functions replace paths (`path`), and bridges have their buses, so
 * that devices behind them can be resolved. `below` stores the first and last bus below a bridge,
 * and returns false for an unknown bridge, whose objects are copied unchanged. Free it with
 * viommu_topology_free().
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.2 (testing)
 */
struct viommu_topology *viommu_topology_expand(const struct viommu_topology *topology,
					       bool (*below)(void *opaque, uint16_t segment,
							     uint16_t bdf, uint8_t *ret_first,
							     uint8_t *ret_last),
					       void *opaque);

/* -- a picture ------------------------------------------------------------------------ */

/*
 * The topology as a picture, in the language of Graphviz's dot: host bridges and devices, IOMMUs,
 * memory and ITSs, and routes with their IDs. It has at most a few dozen boxes with a dozen lines
 * each, and counts the omitted objects. Free it with free().
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_topology_graph(const struct viommu_topology *topology);

/* -- in words ------------------------------------------------------------------------- */

/*
 * The functions of a range: "0000:03:00.0", "0000:10:00.0-1f:1f.7", and of several segments
 * "0000-0003:00:00.0-ff:1f.7". To be freed with free().
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_functions_text(const struct viommu_route_range *range);

/*
 * The location of an IOMMU: its function, "0000:00:01.0", or its registers, "0x9050000". free() it.
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_iommu_at_text(const struct viommu_iommu *iommu);

/*
 * A place in the syntax of findings: "viot.bin:0x50", "machine.yaml:3:5", "machine.yaml", "".
 * free() it.
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_place_text(const struct viommu_place *place);

/*
 * The term for IDs of such an IOMMU: "endpoint", "stream", "source", "device", "ID".
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_iommu_id_name(enum viommu_iommu_kind kind);

#ifdef __cplusplus
}
#endif

#endif
