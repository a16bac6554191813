/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOPOLOGY_H
#define VIOMMU_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viommu/findings.h>

/*
 * The topology of a platform: which device reaches memory through which IOMMU
 *
 * One model stands between all descriptions of a machine. It is written by hand (a
 * YAML text), made by a VMM through this header, or read from a firmware table; any
 * firmware table is made from it; and questions and checks are asked of it, so that they
 * are answered alike for every table.
 *
 *     text --+                       +--> VIOT, IORT, DMAR, ... device tree
 *     VMM  --+--> struct topology --+--> check: what is wrong with it?
 *     table -+                       +--> resolve: which IOMMU does this device reach?
 *
 * A topology is filled by adding objects to it, each described by a struct that begins
 * with its own size; members that are zero have their default. The structs and their
 * strings are copied. Objects refer to each other by name; a name may be used before
 * its object is added, and viommu_topology_check() says what is missing.
 *
 * A machine with a virtio-iommu at 00:01.0 that translates everything below one host bridge,
 * and the VIOT that says so, with <viommu/tables.h>:
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
 * A PCI function is routed by the first range added that has the function. Without such a range
 * it is routed by the host bridge that has its bus, and without a host bridge it has no route.
 * So a host bridge is the rule and ranges are the exceptions.
 *
 * Numbers are inclusive ranges, [first, last]. A BDF is a PCI requester ID: bus << 8 |
 * device << 3 | function. Addresses and spans are in bytes. An ID is what the IOMMU knows an
 * endpoint by: the endpoint ID of virtio, the stream ID of an SMMU, the source or device ID of
 * x86.
 *
 * RUNNING OUT OF MEMORY NEVER ENDS THE PROGRAM. A function that has none returns NULL, -ENOMEM, or
 * what its last line says, and with a list of findings adds the error "input-memory" to it. All
 * that the call had allocated is freed; what existed before is as it was and can be used. This is
 * so for all of libviommu-tables, in every thread by itself, with no handler that the program would
 * have to set, and with the malloc() of the program. It works by longjmp() inside the library,
 * which never leaves a frame of the caller: a callback may call the library, and is called by none
 * that fails.
 *
 * Objects of this library are used by one thread at a time; different objects by different threads.
 *
 * `has_X; X`: X is read only if has_X is true, and then may be any value, 0 too. Otherwise it is
 * ignored, and kept as 0. An enum of what the library returns may get more values, at its end, in a
 * later version: treat one you do not know as the nearest that its comment names, or as "other".
 *
 * A function's last line is as in <viommu/device.h>. Locks and Waits are "none" and "no" for all.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque. It owns copies of all that was added to it, and only ever grows: what was added cannot be
 * taken out, and does not change, but for headers and viommu_topology_apply_srat_domains(). */
struct viommu_topology;

/*
 * A new, empty topology. Free with viommu_topology_free().
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_topology *viommu_topology_new(void);

/*
 * Frees all objects and their strings with it, so every pointer that was got from this topology is
 * invalid afterwards, and a diff of it too. NULL is fine.
 *
 * Returns: NULL. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_topology *viommu_topology_free(struct viommu_topology *topology);

/* -- IOMMUs ------------------------------------------------------------------ */

/*
 * What kind of IOMMU it is: where its registers are, which tables can describe it, and which
 * members of struct viommu_iommu are read. A later version may know more kinds, and then puts them
 * behind these; a caller that meets one it does not know treats it as VIOMMU_OTHER.
 */
enum viommu_iommu_kind {
	VIOMMU_VIRTIO_PCI,  /* virtio-iommu, a PCI function. VIOT, IORT of 2019, device tree */
	VIOMMU_VIRTIO_MMIO, /* virtio-iommu, a register window. VIOT, IORT of 2019, device tree */
	VIOMMU_SMMU_V2,     /* Arm SMMU version 1 or 2. IORT, device tree */
	VIOMMU_SMMU_V3,     /* Arm SMMU version 3. IORT, device tree */
	VIOMMU_VTD,         /* Intel VT-d remapping unit. DMAR */
	VIOMMU_AMD_VI,      /* AMD-Vi. IVRS */
	VIOMMU_OTHER,       /* any other. Device tree */
};

/*
 * "virtio-iommu-pci", "virtio-iommu-mmio", "smmu-v2", "smmu-v3", "vt-d", "amd-vi", "other"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_iommu_kind_name(enum viommu_iommu_kind kind);

/* Room in the arrays below: interrupts of an IOMMU, and blocks that IVRS can have for one. */
#define VIOMMU_MAX_INTERRUPTS 4
#define VIOMMU_MAX_BLOCKS     3

/* An Arm SMMU, of any version. */
struct viommu_iommu_smmu {
	/* The implementation. v1 and v2: 0 SMMUv1, 1 SMMUv2, 2 MMU-400, 3 MMU-500, 4 MMU-401, 5
	 * ThunderX; v3: 0 generic, 1 HiSilicon Hi161x, 2 Cavium CN99xx. (DEN 0049, SMMUv1 and v2
	 * node and SMMUv3 node, "Model") */
	uint32_t model;
};

/* An SMMU version 1 or 2. Both lists are copied, and NULL if empty. (DEN 0049, SMMUv1 and v2 node)
 */
struct viommu_iommu_smmu_v2 {
	const uint32_t *context_interrupts; /* GSIVs of its context banks */
	size_t n_context_interrupts;
	const uint32_t *pmu_interrupts; /* GSIVs of its performance monitors */
	size_t n_pmu_interrupts;
	bool edge; /* all of these are edge-triggered; false: level */
};

/* An SMMU version 3. (DEN 0049, SMMUv3 node) */
struct viommu_iommu_smmu_v3 {
	uint64_t vatos;  /* address of the page for address translation operations; 0: none */
	bool has_msi_id; /* its own interrupts are MSIs to `its`, with this device ID */
	uint32_t msi_id;
};

/* An AMD-Vi. (AMD IOMMU specification, IVHD blocks 10h, 11h and 40h) */
struct viommu_iommu_amd {
	uint32_t capability; /* offset of its PCI capability block, in bytes; 16 bits */
	uint32_t info;       /* IOMMU Info: bits 4:0 MSI number, 12:8 unit ID; 16 bits */
	uint32_t features;   /* block 10h: IOMMU Feature Reporting */
	uint32_t attributes; /* blocks 11h, 40h: IOMMU Attributes */
	uint64_t efr;        /* blocks 11h, 40h: image of the Extended Feature Register */
	uint64_t efr2;       /* blocks 11h, 40h: image of the Extended Feature 2 Register */

	/* `flags` of blocks 11h and 40h, at most 255; false: bits 0 to 5 of `flags`. */
	bool has_image_flags;
	uint32_t image_flags;

	/* Which blocks its table has for it, in this order: 0x10, 0x11, 0x40. 0 of them: 10h; 11h
	 * too if `attributes`, `efr` or `efr2` is not 0; 40h if there are ACPI devices. */
	unsigned n_blocks;
	uint32_t blocks[VIOMMU_MAX_BLOCKS];
};

/*
 * An IOMMU. Which members are read, by its kind; others are kept, and ignored:
 *
 *                     virtio-pci  virtio-mmio  smmu-v2  smmu-v3   vt-d  amd-vi
 *     segment               x            -         -        -      x      x
 *     bdf                   x            -         -        -      -      x
 *     base                  -            x         x        x      x      x
 *     span                  -            x         x        x      x      -
 *     interrupts            -            x         x        x      -      -
 *     proximity_domain      x            x         x        x      x      x
 *     its                   x            x         x        x      x      x
 *     coherent              -            x         x        x      -      x
 *     translates_itself          x            -         -        -      -      x
 *     identifier            x            x         x        x      -      -
 *     flags                 -            -         x        x      x      x
 *     .smmu                 -            -         x        x      -      -
 *     .smmu_v2              -            -         x        -      -      -
 *     .smmu_v3              -            -         -        x      -      -
 *     .amd                  -            -         -        -      -      x
 *
 * Of VIOMMU_OTHER, which is found in a device tree and never added to one, `base` leads to its
 * node. What a table has no field for is a finding when the table is generated.
 *
 * `flags` has the bits of the structure that no member here stands for:
 *
 *     smmu-v2   0 DVM supported (DEN 0049, SMMUv1 and v2 node, "Flags"; bit 1 is `coherent`)
 *     smmu-v3   2:1 HTTU override (DEN 0049, SMMUv3 node, "Flags"; bit 0 is `coherent`, bits 3
 *               and 4 follow from the proximity domain and `msi_id`)
 *     vt-d      7:1 reserved (VT-d, 8.3, DRHD, "Flags"; bit 0 follows from the ranges)
 *     amd-vi    0 HtTunEn, 1 PassPW, 2 ResPassPW, 3 Isoc, 4 IotlbSup, 6 PrefSup, 7 PPRSup
 *               (AMD IOMMU specification, IVHD, "Flags"; bit 5 is `coherent`)
 *
 * -EINVAL from viommu_topology_add_iommu(): the name is missing, the kind is unknown, the register
 * window goes beyond the 64-bit space, a count is larger than its array or has no list, or
 * `image_flags` is larger than 255.
 */
struct viommu_iommu {
	size_t size;
	const char *name; /* unique among IOMMUs, UTF-8, and neither "" nor "none" */
	enum viommu_iommu_kind kind;

	uint16_t segment; /* of its PCI function; vt-d: that it serves */
	uint16_t bdf;
	uint64_t base; /* address of its first register */
	uint64_t span; /* bytes of its registers; 0: what its kind usually has */

	/* Global system interrupts, in the order of the device tree binding: of an SMMUv3 event,
	 * PRI, command-sync, global error; of an SMMUv2 global fault, configuration fault. 0: there
	 * is none. A virtio-iommu on virtio-mmio has one. */
	unsigned n_interrupts;
	uint32_t interrupts[VIOMMU_MAX_INTERRUPTS];

	bool has_proximity_domain;
	uint32_t proximity_domain; /* the NUMA node it belongs to, as SRAT numbers it */

	const char *its;        /* the ITS group that its MSIs and its endpoints' go to, or NULL */
	bool coherent;          /* its table walks snoop the caches */
	bool translates_itself; /* its own function is one of its endpoints; text: `include-self` */

	/* Identifier of its IORT node (DEN 0049, IORT node header, from table revision 3); false:
	 * its index in the table. */
	bool has_identifier;
	uint32_t identifier;

	uint32_t flags; /* see above */

	struct viommu_iommu_smmu smmu;
	struct viommu_iommu_smmu_v2 smmu_v2;
	struct viommu_iommu_smmu_v3 smmu_v3;
	struct viommu_iommu_amd amd;

	struct viommu_place place;
};

/* -- PCI --------------------------------------------------------------------- */

/*
 * A host bridge: one root bus and everything that can ever be below it. It is the rule for its
 * functions, devices that are plugged in later among them; a table gets ranges from it, cut where
 * struct viommu_pci_range says otherwise. -EINVAL if its buses are inverted, or one of its widths
 * is too large. (IORT: root complex node; device tree: iommu-map, msi-map, bus-range)
 */
struct viommu_host_bridge {
	size_t size;
	const char *name; /* unique, or NULL */
	uint16_t segment;
	uint8_t bus_first, bus_last; /* room for hotplug included */

	/* The IOMMU of its functions, except those in a range; NULL: none. IDs are
	 * segment << 16 | BDF. */
	const char *iommu;
	const char *its; /* the ITS group for MSIs that bypass the IOMMU, or NULL */

	bool has_proximity_domain;
	uint32_t proximity_domain;

	bool ats, pri, pasid; /* what the root complex forwards */
	uint32_t pasid_bits;  /* how wide a PASID may be, 1 to 20; 0: not said */

	uint32_t address_bits; /* how wide an address its functions can send, 1 to 64; 0: 64 */
	bool incoherent;       /* their accesses do not see the caches */

	struct viommu_place place;
};

/*
 * Tables of x86 point at functions by the way to them, since firmware writes them before buses
 * have their numbers. The way begins at a function of a bus that is known and goes on, if
 * that is a bridge, with `path`: "1c.0/00.0" is function 00.0 behind bridge 1c.0 behind it.
 * (VT-d, "Device Scope Structure") What is behind such a path has no BDF that is known here, so
 * resolving and mapping pass it over.
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
 * PCI functions whose IOMMU or whose IDs differ from those of their host bridge. Segments and
 * functions are two windows that are independent: [bdf_first, bdf_last] in each of
 * [segment_first, segment_last]. The ID of a function is
 *
 *     id_first + (segment - segment_first) * 0x10000 + (bdf - bdf_first)
 *
 * or `id_first` with `shared_id`. 0 is an ID like any other: for the ID that the function has below
 * its host bridge, set segment_first << 16 | bdf_first. -EINVAL if a window is inverted, if
 * the scope of a bridge has more than one function, or if buses below it are not above its own.
 * (VIOT: PCI range node; IORT: ID mappings; device tree: iommu-map; IVRS: device entries)
 */
struct viommu_pci_range {
	size_t size;
	uint16_t segment_first, segment_last;
	uint16_t bdf_first, bdf_last; /* in each of these segments */

	const char *iommu; /* NULL: these bypass */

	/* The ID of (segment_first, bdf_first): endpoint ID or stream ID. The next function has
	 * the next ID, and the next segment's begin 0x10000 further. */
	uint32_t id_first;
	bool shared_id; /* all share `id_first`, as functions behind a PCIe-to-PCI bridge do; text:
			 * `one-id` */

	enum viommu_scope scope;                /* of a bridge: bdf_first is bdf_last */
	uint8_t secondary_bus, subordinate_bus; /* of that bridge; 0: not known; text: `below` */
	const char *path;                       /* the way on from `bdf_first`, or NULL */

	uint32_t settings; /* AMD-Vi: which interrupts may pass, as in its device table */
	bool no_ats;       /* AMD-Vi: address translation requests of these are refused */

	struct viommu_place place;
};

/* -- devices that are not PCI --------------------------------------------------- */

/*
 * A device with registers, or with a name in a namespace, and no place on PCI. -EINVAL if its last
 * ID would be beyond 32 bits, or a width or number is too large. (VIOT: MMIO endpoint node, which
 * knows it by `base`; IORT: named component, by `name`, an ACPI path; device tree: `iommus`; IVRS:
 * ACPI HID entry, by `hid`; DMAR: ANDD, by `name` and `number`)
 */
struct viommu_platform_device {
	size_t size;
	const char *name; /* unique, or NULL; an ACPI or device tree path where a table wants one */
	uint64_t base;    /* where its first register window begins; 0: it has none */

	const char *iommu; /* NULL: bypasses */
	uint32_t id;       /* endpoint ID or stream ID */
	uint32_t n_ids;    /* it has this many, one after the other; 0: one */

	/* Its driver names its IDs by numbers from here on; false: it has one, without a number. */
	bool has_input;
	uint32_t input_first;

	bool has_proximity_domain;
	uint32_t proximity_domain;

	uint32_t pasid_bits;   /* how wide a PASID it can send; 0: none */
	uint32_t address_bits; /* how wide an address it can send, 1 to 64; 0: 64 */
	bool stall;            /* it can wait for a fault to be mended */
	bool incoherent;       /* its accesses do not see the caches */

	/* What an ACPI namespace calls it, where a table asks for that; NULL: not said. */
	const char *hid, *cid, *uid;
	uint32_t settings; /* AMD-Vi: as in struct viommu_pci_range */
	bool has_number;   /* DMAR: the number by which scopes name it */
	uint32_t number;   /* at most 255 */

	struct viommu_place place;
};

/* Further IDs of a platform device, beyond those that it has itself: a second entry of its
 * `iommus` property, or a second ID mapping of its node. They need not be behind the same IOMMU. */
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

/* Interrupt translation services that a device's MSIs may go to (Arm GIC). At least one ID, or
 * -EINVAL; the list is copied. (IORT: ITS group node; MADT: GIC ITS structure) */
struct viommu_its_group {
	size_t size;
	const char *name;
	const uint32_t *ids; /* as the MADT numbers them */
	size_t n_ids;
	struct viommu_place place;
};

/*
 * Where MSIs go that are not sent as `its` of an IOMMU or of a host bridge says, which is with
 * the stream ID or with segment << 16 | BDF for a device ID. A range of functions is asked
 * first, as the msi-map of a device tree has it, then one of the IDs behind an IOMMU. The n-th
 * function or ID of the range, from 0, sends with `device_id_first` + n. -EINVAL if inverted.
 */
struct viommu_msi_range {
	size_t size;
	const char *iommu;          /* of these IDs behind it; NULL: of these functions */
	uint32_t id_first, id_last; /* if it has an IOMMU */
	uint16_t segment, bdf_first, bdf_last; /* if it has none */
	const char *its;                       /* NULL: nowhere */
	uint32_t device_id_first;              /* of the first; the next has the next */
	struct viommu_place place;
};

/* What an interrupt source is: in DMAR a scope of type 3 or 4, in IVRS a special device entry. */
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

/* What sends interrupts as a PCI function would, so that an IOMMU can tell them apart (x86). */
struct viommu_interrupt_source {
	size_t size;
	enum viommu_interrupt_kind kind;
	uint32_t number;       /* the MADT's ID of an IOAPIC, the number of an HPET; at most 255 */
	uint16_t segment, bdf; /* as which function it sends */
	const char *path;      /* as in struct viommu_pci_range */
	const char *iommu;     /* who remaps it */
	uint32_t settings;     /* AMD-Vi: as in struct viommu_pci_range */
	struct viommu_place place;
};

/* Which structure of DMAR names the function: VT-d, "Root Port ATS Capability Reporting", "SoC
 * Integrated Address Translation Cache", "SoC Integrated Device Property". */
enum viommu_ats_kind {
	VIOMMU_ATS_ROOT_PORT,  /* functions below this root port may use ATS (DMAR: ATSR) */
	VIOMMU_ATS_INTEGRATED, /* an integrated function with a device TLB (SATC) */
	VIOMMU_ATS_PROPERTIES, /* an integrated function with properties of the SoC (SIDP) */
};

/*
 * "root-port", "integrated", "properties"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_ats_kind_name(enum viommu_ats_kind kind);

/* A PCI function that DMAR names for address translation services. */
struct viommu_ats {
	size_t size;
	enum viommu_ats_kind kind;
	bool required; /* integrated: it works with ATS only */
	uint16_t segment, bdf;
	const char *path; /* as in struct viommu_pci_range */
	enum viommu_scope scope;
	uint32_t flags; /* of a scope: properties that DMAR numbers; at most 255 */
	struct viommu_place place;
};

/*
 * Why memory is special. A virtio-iommu tells its guest of RESERVED and MSI itself, by PROBE;
 * IDENTITY is IORT's RMR, DMAR's RMRR and IVRS's IVMD; EXCLUSION is an IVMD with that flag.
 */
enum viommu_memory_kind {
	VIOMMU_MEMORY_RESERVED,  /* not to be mapped */
	VIOMMU_MEMORY_MSI,       /* writes there are interrupts */
	VIOMMU_MEMORY_IDENTITY,  /* must stay mapped to itself: firmware uses it */
	VIOMMU_MEMORY_EXCLUSION, /* is reached without translation (AMD-Vi) */
};

/*
 * "reserved", "msi", "identity", "exclusion"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_memory_kind_name(enum viommu_memory_kind kind);

/*
 * Memory that is special to PCI functions in a range, or to everything behind an IOMMU. `first` and
 * `last` are addresses in bytes, both included. -EINVAL if one of its ranges is inverted.
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
	uint32_t flags;          /* bits of its structure (IORT's RMR, IVMD) that say more */
	struct viommu_place place;
};

/*
 * Add one. The object, its strings and its lists are copied, so they may be on the caller's stack.
 * Returns 0, or a negative errno, and then the topology is as it was:
 *
 *   -EINVAL   a range is inverted, a name missing or a member out of its range ("", "none" and
 *             what is not UTF-8 are no names), or `size` was not set
 *   -EEXIST   an object of this type has the name; an IOMMU and a bridge may share one
 *   -E2BIG    as in <viommu/device.h>
 *   -ENOMEM   out of memory; what was copied of its lists may stay until the topology is freed
 *   -ENOSPC   all PCI ranges together would speak of more than VIOMMU_MAX_SEGMENTS segments,
 *             counted once for each range
 *
 * Whether objects fit each other is not asked here, since they may come in any order: that is for
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
 * Buses of host bridges in one segment must not overlap: viommu_topology_check() says so.
 *
 * Returns: 0, -EINVAL, -EEXIST, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_host_bridge(struct viommu_topology *topology,
				    const struct viommu_host_bridge *bridge);

/*
 * Where ranges overlap, the one added first counts.
 *
 * Returns: 0, -EINVAL, -ENOSPC, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_pci_range(struct viommu_topology *topology,
				  const struct viommu_pci_range *range);

/*
 * The name may be left out; then the address is the device's name.
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
 * More IDs than it has of its own. -EINVAL without the name of a device.
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_device_id(struct viommu_topology *topology,
				  const struct viommu_device_id *device_id);

/*
 * Where ranges overlap, the one added first counts.
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
 * Once for each function.
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_ats(struct viommu_topology *topology, const struct viommu_ats *ats);

/*
 * Of the functions it names, or of everything behind `iommu`.
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_add_reserved_memory(struct viommu_topology *topology,
					const struct viommu_reserved_memory *memory);

/*
 * The i-th in the order added, or NULL behind the last. Lives as long as the topology, and never
 * moves. All IOMMUs, then, are:
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
 * The i-th range that was added: not what host bridges come to, which
 * viommu_topology_for_each_pci_range() tells.
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
 * The i-th source of interrupts, likewise.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_interrupt_source *
viommu_topology_interrupt_source(const struct viommu_topology *topology, size_t i);

/*
 * The i-th function named for ATS, likewise.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_ats *viommu_topology_ats(const struct viommu_topology *topology, size_t i);

/*
 * The i-th piece of reserved memory, likewise.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_reserved_memory *
viommu_topology_reserved_memory(const struct viommu_topology *topology, size_t i);

/*
 * The IOMMU of that name, or NULL; NULL for a name of NULL, which bypasses. In constant time.
 *
 * Returns: the object; NULL: none. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_iommu *viommu_topology_find_iommu(const struct viommu_topology *topology,
						      const char *name);

/* -- table headers ------------------------------------------------------------- */

/*
 * Fields that every ACPI table begins with; text shorter than its field is padded with NUL. Length
 * and checksum are not among them: they are computed. Each text has one byte more than the field,
 * for its NUL, which does not go into the table. (ACPI 6.5, "System Description Table Header")
 */
struct viommu_table_header {
	size_t size;
	char oem_id[7];       /* 6 characters */
	char oem_table_id[9]; /* 8 characters */
	uint32_t oem_revision;
	char creator_id[5]; /* 4 characters */
	uint32_t creator_revision;

	bool has_revision; /* false: the oldest revision that can say all there is */
	uint32_t revision;
	uint32_t address_bits; /* DMAR, IVRS: how wide the host's addresses are; 0: as usual */
	bool has_flags;        /* false: as the topology asks */
	uint32_t flags;        /* DMAR: its flags; IVRS: IVinfo but for address bits */
	bool aligned;          /* IVRS: pads before device entries of 8 bytes where they need one */

	/* IORT: an ID mapping has the number of its IDs, and not one less, as in QEMU before 9.0.
	 * Linux warns, and reads the number as meant. Text: `plain-counts`. */
	bool legacy_id_counts;
};

/*
 * Choose, or ask for, the header of the table with that signature ("VIOT", "IORT", "DMAR",
 * "IVRS", "SRAT", and "VIOT-2019" for one that wraps another table). Where nothing was chosen it is
 * "VIOMMU", "VIOMMU  ", 1, "VIOM", 1; what is chosen is taken as it stands, zeroes too. -EINVAL: no
 * such signature, or a text without its NUL; the getter: NULL.
 *
 * Returns: 0, -EINVAL, -E2BIG. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_set_header(struct viommu_topology *topology, const char *signature,
			       const struct viommu_table_header *header);

/*
 * The header in force; it lives as long as the topology. NULL: no such signature.
 *
 * Returns: the header; NULL: no such signature. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_table_header *viommu_topology_header(const struct viommu_topology *topology,
							 const char *signature);

/* -- the text form ------------------------------------------------------------------ */

/*
 * Read a topology from its text form (docs/topology.md). `file` names it in findings.
 * Returns NULL if there was an error; findings say where and why. `text` has `length` bytes and
 * needs no NUL; it is read and not kept. What it says is not checked beyond the form:
 * viommu_topology_check() is the next call.
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
 * The text form of a topology, to be freed with free(). Parsed again it is the same, but for
 * places: they are then those of the text.
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_topology_text(const struct viommu_topology *topology);

/* -- checks and questions ------------------------------------------------------------ */

/*
 * Check the rules that hold for every machine, whatever table it is to become: names that do not
 * exist, functions in two ranges, IDs that two devices have, IOMMUs that translate nothing, and
 * more. Findings have ids that begin with "topology-" (docs/tables.md). The topology
 * is as before; whether a table should be made of it, viommu_findings_count_from() tells.
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
	uint16_t segment, bdf; /* if PCI */
	uint64_t base;         /* if not */
	const char *name;      /* if not; NULL: whichever is at `base` */
};

/*
 * Read "0001:03:00.0", "03:00.0" (segment 0), "mmio@0x10001000" or "0x10001000". Returns 0
 * or -EINVAL, which is also for what is behind the name. Numbers of a function are hexadecimal, as
 * lspci has them. `name` of the result is NULL.
 *
 * Returns: 0, -EINVAL. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_device_name_parse(const char *text, struct viommu_device_name *ret_name);

/*
 * The same, or the name of a platform device of this topology, or the last part of a path that is
 * its name: "COM0" for "\\_SB_.COM0", "uart@9000000" for "/soc/uart@9000000". Returns 0, -ENOENT if
 * there is no such device, -ENOTUNIQ if several end so. The name is the topology's.
 *
 * Returns: 0, -ENOENT, -ENOTUNIQ, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_find_device(const struct viommu_topology *topology, const char *text,
				struct viommu_device_name *ret_name);

/*
 * Where accesses go. A guest cannot tell the last two apart: both reach memory directly. The first
 * of them is stated by an entry; the second may be a mistake in a table.
 */
enum viommu_reach {
	VIOMMU_REACH_IOMMU,   /* through `iommu`, with `id` */
	VIOMMU_REACH_BYPASS,  /* memory directly, as an entry says */
	VIOMMU_REACH_NOTHING, /* no entry names the device */
};

/*
 * One answer: the way of a device's accesses, hop by hop, and who says so.
 *
 *     device --id--> iommu --> memory
 *        |             |
 *        +-------------+--device_id--> its (of its MSIs)
 *
 * Whoever fills one in need only know the first hop: what is left zero is added from the
 * topology, in the same way for the specification's answer and for Linux's.
 */
struct viommu_route {
	enum viommu_reach reach;
	const struct viommu_iommu *iommu; /* NULL, unless it is reached */
	uint32_t id;                      /* endpoint ID or stream ID, as the IOMMU knows it */
	struct viommu_place place;        /* of the entry that decides */

	const struct viommu_its_group *its; /* where MSIs go; NULL: not stated */
	uint32_t device_id;                 /* as the ITS knows the device */
	struct viommu_place its_place;      /* of the entry that decides about the ITS */

	unsigned pasid_bits;             /* how wide PASIDs may be that arrive; 0: none does */
	struct viommu_place pasid_place; /* of the entry that says so */
};

/* What PCI Express has room for, and what a host bridge forwards that names no width. */
#define VIOMMU_PASID_BITS_MAX 20

/*
 * Which IOMMU does the device reach? First as the specification has it, and then as Linux
 * reads the table the topology came from: where both agree, `ret_linux` is the same.
 * `ret_why_linux`, if not NULL, gets a sentence that says what Linux does with it: a string
 * that lives as long as the program.
 *
 *     viommu_device_name_parse("0000:03:00.0", &name);
 *     viommu_topology_resolve(machine, &name, &route, &linux_route, NULL);
 *     if (route.reach == VIOMMU_REACH_IOMMU)
 *             printf("behind %s as 0x%x\n", route.iommu->name, route.id);
 *
 * Neither of the two results may be NULL. A device that no entry names is VIOMMU_REACH_NOTHING,
 * and so is one whose IOMMU does not exist. The routes point into the topology. Looks at every
 * range once: for all devices of a machine use viommu_topology_for_each_route().
 *
 * Returns: 0, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_resolve(const struct viommu_topology *topology,
			    const struct viommu_device_name *device, struct viommu_route *ret_route,
			    struct viommu_route *ret_linux, const char **ret_why_linux);

/*
 * PCI functions that go one way: one behind the other, and the same in each of these segments. Of
 * the n-th function of the s-th segment, both from 0, the ID is route.id + s * 0x10000 + n, unless
 * `shared_id`; device IDs of MSIs count in the same way, unless `shared_device_id`.
 */
struct viommu_route_range {
	uint16_t segment_first, segment_last;
	uint16_t bdf_first, bdf_last;

	/* Of the first. The next function has the next IDs, the next segment's are 0x10000 further.
	 */
	struct viommu_route route;
	bool shared_id;        /* all have `route.id` */
	bool shared_device_id; /* all have `route.device_id` */

	size_t n_entries; /* that say so, one after the other: `route` has the places of the first
			   */
};

/*
 * All routes: every PCI function that an entry names, in as few ranges as possible, sorted by the
 * first segment and BDF. The routes are those that viommu_topology_resolve() returns by the
 * specification. Takes O(n log n) for n entries. Functions at the end of a path are left out, since
 * their bus numbers are not known. Calls `each` for every range, which lives as long as that call.
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
 * prints a whole machine in as many lines as it has rules, not functions.
 *
 * Returns: 0, -ENOMEM and `each` was called for some or for none. Locks: none. Waits: no. Since:
 * 0.1 (testing)
 */
int viommu_topology_for_each_route(const struct viommu_topology *topology,
				   void (*each)(void *opaque,
						const struct viommu_route_range *range),
				   void *opaque);

/*
 * All PCI functions that reach an IOMMU, as ranges: what the host bridges say, cut where a
 * range says otherwise, sorted by the first segment and BDF. No function is in two of them:
 * where ranges overlap the first one added wins, and so with bridges. A bridge's IOMMU does
 * not translate its own function, unless it has `translates_itself`; a range is taken as it stands.
 * Calls `each` for every one; what it is given lives as long as that call.
 *
 * Returns: 0, -ENOMEM and `each` was called for some or for none. Locks: none. Waits: no. Since:
 * 0.1 (testing)
 */
int viommu_topology_for_each_pci_range(const struct viommu_topology *topology,
				       void (*each)(void *opaque,
						    const struct viommu_pci_range *range),
				       void *opaque);

/* -- ways through bridges ------------------------------------------------------------ */

/*
 * A copy of a topology in which the way to a function (`path`) is replaced by the function, and the
 * scope of a bridge has its buses, as far as `below` knows the bridges: so what is there can be
 * resolved. The rest stays as it is. `below` stores the buses below a bridge, both included, and
 * returns false if there is no such bridge. To be freed with viommu_topology_free().
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
 * memory and ITSs, and who goes where with which IDs. It has at most a few dozen boxes with a dozen
 * lines each, however large the machine is, and says what it leaves out. To be freed with free().
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
 * Where an IOMMU is: its function, "0000:00:01.0", or its registers, "0x9050000". free() it.
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_iommu_at_text(const struct viommu_iommu *iommu);

/*
 * A place as findings have it: "viot.bin:0x50", "machine.yaml:3:5", "machine.yaml", "". free() it.
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_place_text(const struct viommu_place *place);

/*
 * What the IDs of such an IOMMU are of: "endpoint", "stream", "source", "device", "ID".
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_iommu_id_name(enum viommu_iommu_kind kind);

#ifdef __cplusplus
}
#endif

#endif
