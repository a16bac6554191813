/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PROTOCOL_H
#define VIOMMU_PROTOCOL_H

/*
 * The numbers of the virtio-iommu protocol (virtio 1.3, 5.13)
 *
 * A VMM needs a few of them: features, access permissions. A driver or a test needs all.
 *
 * All fields are little-endian, and given by their offset from the beginning of their structure.
 * Ranges are closed: virt_end and end are the last byte. Reserved bytes are written as 0. This
 * header includes no other.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* DeviceID behind virtio-mmio. As a PCI function: vendor 0x1af4, device 0x1040 + 23. 5.13.1 */
#define VIOMMU_DEVICE_ID 23

/*
 * The queues, by index. A request is one chain of the request queue, and its answer is written to
 * the chain's writable part. The driver fills the event queue with empty buffers for fault
 * records. 5.13.2
 */
enum { VIOMMU_REQUEST_QUEUE, VIOMMU_EVENT_QUEUE, VIOMMU_N_QUEUES };

/*
 * Feature bits, as masks. 5.13.3
 *
 * Without INPUT_RANGE all of the 64-bit space can be mapped; without DOMAIN_RANGE a domain number
 * is any 32 bits; without MAP_UNMAP endpoints can only bypass. With neither BYPASS nor
 * BYPASS_CONFIG an endpoint attached to nothing is blocked.
 */
#define VIOMMU_F_INPUT_RANGE   (1ull << 0) /* config: `input_range` is valid */
#define VIOMMU_F_DOMAIN_RANGE  (1ull << 1) /* config: `domain_range` is valid */
#define VIOMMU_F_MAP_UNMAP     (1ull << 2) /* requests MAP and UNMAP exist */
#define VIOMMU_F_BYPASS        (1ull << 3) /* superseded: unattached endpoints bypass */
#define VIOMMU_F_PROBE         (1ull << 4) /* request PROBE exists */
#define VIOMMU_F_MMIO          (1ull << 5) /* MAP has a flag MMIO */
#define VIOMMU_F_BYPASS_CONFIG (1ull << 6) /* config: `bypass`; ATTACH has a flag BYPASS */

/*
 * Address spaces: a proposal, docs/proposal-address-spaces.md, and not part of virtio 1.3
 *
 * An endpoint has a default slot, for requests without PASID, and a slot for each PASID. A slot
 * holds a domain, and a domain is one address space: mappings, bypass, or a table that the guest
 * owns. Offered only if the VMM enables it.
 */
#define VIOMMU_F_PASID (1ull << 56) /* ATTACH and DETACH take a PASID */
#define VIOMMU_F_TABLE (1ull << 57) /* requests ATTACH_TABLE, INVALIDATE; needs PROBE */
#define VIOMMU_F_NEST  (1ull << 58) /* parents; needs MAP_UNMAP and TABLE */
#define VIOMMU_F_PAGE_REQUEST \
	(1ull << 59) /* longer events, PAGE_RESPONSE; needs PASID or TABLE \
		      */

/*
 * Offsets of the fields in configuration space. 5.13.4
 *
 * page_size_mask is always valid; any other field only if its feature is offered, and 0 here if
 * not. The granule of mappings is the lowest bit of page_size_mask.
 */
#define VIOMMU_CONFIG_PAGE_SIZE_MASK 0  /* le64 */
#define VIOMMU_CONFIG_INPUT_START    8  /* le64 */
#define VIOMMU_CONFIG_INPUT_END      16 /* le64, inclusive */
#define VIOMMU_CONFIG_DOMAIN_START   24 /* le32 */
#define VIOMMU_CONFIG_DOMAIN_END     28 /* le32, inclusive */
#define VIOMMU_CONFIG_PROBE_SIZE     32 /* le32 */
#define VIOMMU_CONFIG_BYPASS         36 /* u8, the only one a driver may write */
#define VIOMMU_CONFIG_LENGTH         40 /* with three reserved bytes */

/*
 * A built-in topology, from drafts of 2019 and 2020, for platforms whose firmware has no table. It
 * is not part of the standard, which uses bit and offset for BYPASS_CONFIG: a device has one of
 * them.
 */
#define VIOMMU_F_TOPOLOGY          (1ull << 6) /* config: which endpoints the IOMMU translates */
#define VIOMMU_CONFIG_TOPOLOGY     36          /* its offset: docs/tables.md */
#define VIOMMU_TOPOLOGY_LENGTH_MAX (1u << 20)  /* bytes of configuration space, at most */

/*
 * Types of requests. 5.13.6
 *
 * A request begins with its type, u8 at 0, and three reserved bytes:
 *
 *     ATTACH   4 domain le32    8 endpoint le32   12 flags le32, VIOMMU_ATTACH_F_*   16 reserved[4]
 *     DETACH   4 domain le32    8 endpoint le32   12 reserved[8]
 *     MAP      4 domain le32    8 virt_start le64   16 virt_end le64   24 phys_start le64
 *              32 flags le32, VIOMMU_MAP_F_*
 *     UNMAP    4 domain le32    8 virt_start le64   16 virt_end le64   24 reserved[4]
 *     PROBE    4 endpoint le32  8 reserved[64]
 *
 * The device writes a tail behind it: a status byte and three reserved bytes. A PROBE has
 * `probe_size` writable bytes of properties before the tail.
 *
 * ATTACH makes the domain if it does not exist, and moves an endpoint that is attached elsewhere.
 * MAP adds one mapping. UNMAP removes all mappings in its range, and never part of one.
 */
enum {
	VIOMMU_T_ATTACH = 1,
	VIOMMU_T_DETACH = 2,
	VIOMMU_T_MAP = 3,
	VIOMMU_T_UNMAP = 4,
	VIOMMU_T_PROBE = 5,

	/* Of the proposal. */
	VIOMMU_T_ATTACH_TABLE = 0x46,
	VIOMMU_T_INVALIDATE = 0x47,
	VIOMMU_T_PAGE_RESPONSE = 0x48,
};

/*
 * Bytes of the device-readable part of each request, and of the tail. A request with a shorter
 * readable part, no room for the tail, or an unknown type is returned with a used length of 0.
 */
#define VIOMMU_ATTACH_LENGTH 20
#define VIOMMU_DETACH_LENGTH 20
#define VIOMMU_MAP_LENGTH    36
#define VIOMMU_UNMAP_LENGTH  28
#define VIOMMU_PROBE_LENGTH  72
#define VIOMMU_TAIL_LENGTH   4

/*
 * Status byte of a tail, and when this device answers it. Checks run in this order:
 *
 *     ATTACH   INVAL   a reserved byte or an unknown flag is set             5.13.6.3.2
 *              NOENT   no such endpoint
 *              RANGE   the domain is outside domain_range
 *              INVAL   the flag BYPASS contradicts the existing domain
 *              UNSUPP  the endpoint cannot have that domain's mappings or granule
 *              NOMEM   a limit of the device is reached, or the host has no memory
 *     DETACH   NOENT   no such endpoint                                      5.13.6.4.2
 *              INVAL   it is not attached to that domain
 *     MAP      INVAL   an unknown flag                                       5.13.6.5.2
 *              NOENT   no such domain
 *              INVAL   a bypass domain, or virt_end below virt_start
 *              RANGE   not aligned to the granule, wraps, or is outside an input range
 *              INVAL   overlaps a mapping, or a reserved region of an endpoint
 *              NOMEM   as ATTACH
 *     UNMAP    NOENT   no such domain                                        5.13.6.6.2
 *              INVAL   a reserved byte is set, a bypass domain, or an inverted range
 *              RANGE   the range would split a mapping; nothing is removed
 *     PROBE    INVAL   no room for probe_size bytes of properties            5.13.6.7.2
 *              NOENT   no such endpoint
 *
 * ATTACH and MAP also answer what a listener refused with (<viommu/device.h>). An UNMAP of a range
 * without mappings is OK. A request that is not OK has changed nothing, except for quarantine
 * (struct viommu_listener_ops).
 */
enum {
	VIOMMU_S_OK = 0,
	VIOMMU_S_IOERR = 1,  /* the transport failed */
	VIOMMU_S_UNSUPP = 2, /* understood, and not supported */
	VIOMMU_S_DEVERR = 3, /* the device failed */
	VIOMMU_S_INVAL = 4,  /* a parameter is not valid */
	VIOMMU_S_RANGE = 5,  /* a parameter is out of range */
	VIOMMU_S_NOENT = 6,  /* no such domain or endpoint */
	VIOMMU_S_FAULT = 7,  /* a bad address */
	VIOMMU_S_NOMEM = 8,  /* out of resources */
};

/* ATTACH flags. BYPASS: the domain bypasses and takes no MAP; unknown unless
 * VIOMMU_F_BYPASS_CONFIG was accepted. 5.13.6.3 */
#define VIOMMU_ATTACH_F_BYPASS (1u << 0)

/*
 * Flags of the proposal: PASID in ATTACH, DETACH and ATTACH_TABLE, once VIOMMU_F_PASID was
 * accepted; the request then has a PASID. ALL in DETACH: every slot of the endpoint. PARENT in
 * ATTACH_TABLE, with VIOMMU_F_NEST.
 *
 *     ATTACH   16 pasid le32
 *     DETACH   12 flags le32    16 pasid le32
 */
#define VIOMMU_SLOT_F_PASID  (1u << 16)
#define VIOMMU_SLOT_F_ALL    (1u << 17)
#define VIOMMU_SLOT_F_PARENT (1u << 18)

#define VIOMMU_PASID_BITS_MAX 20

/*
 * ATTACH_TABLE: a slot gets a table that the guest owns, or an endpoint a table of tables
 *
 *     4 domain le32   8 endpoint le32   12 flags le32, VIOMMU_SLOT_F_*   16 format le16
 *     18 reserved[2]   20 pasid le32   24 parent le32   28 reserved[4]   32 body[64]
 *
 * The body is the architecture's own structure. A table format fills one slot; a context format
 * fills all slots of the endpoint. Addresses are guest-physical, or those of the parent, a domain
 * with mappings. Unused bytes of the body are 0.
 *
 * Checks run in this order:
 *
 *     ATTACH_TABLE   INVAL   an unknown flag, a reserved byte
 *                    NOENT   no such endpoint
 *                    RANGE   domain or PASID out of range
 *                    UNSUPP  the endpoint does not have the format
 *                    INVAL   the body is malformed; PASID with a context format
 *                    RANGE   the parent is out of range
 *                    INVAL   the parent is no domain with mappings, or the domain itself
 *                    INVAL   the domain exists and is another, and not only this slot's
 *                    INVAL   a context while a PASID is attached, or a PASID besides a context
 *                    UNSUPP  the endpoint has a listener
 *                    NOMEM   as ATTACH
 */
enum {
	VIOMMU_TABLE_ARM_CD = 0x101,          /* context descriptor of an SMMUv3, 64 bytes */
	VIOMMU_TABLE_ARM_CD_TABLE = 0x102,    /* context: stream table entry, words 0 and 1 */
	VIOMMU_TABLE_X86_PASID_ENTRY = 0x111, /* VT-d scalable-mode PASID entry, 64 bytes */
	VIOMMU_TABLE_X86_PASID_DIR = 0x112,   /* context: scalable context entry, words 0 and 1 */
	VIOMMU_TABLE_AMD_GCR3_ENTRY =
		0x121,                 /* root le64, bit 0 valid; 8 levels u8; 9 bit 0: signed */
	VIOMMU_TABLE_AMD_GCR3 = 0x122, /* context: root le64, 8 glx u8, 9 levels u8, 10 flags u8 */
	VIOMMU_TABLE_RISCV_PC = 0x131, /* ta, fsc */
	VIOMMU_TABLE_RISCV_DC = 0x132, /* context: tc, 0, ta, fsc */
	VIOMMU_TABLE_GENERIC = 0x141,  /* pgd le64 */
};
#define VIOMMU_TABLE_BODY_LENGTH   64
#define VIOMMU_ATTACH_TABLE_LENGTH 96

/*
 * INVALIDATE: drop cached translations and contexts of a table
 *
 *     4 scope u8   5 caches u8   6 flags le16   8 domain le32   12 pasid le32   16 id le64
 *     24 address le64   32 nr_pages le64   40 page_size u8, log2   41 reserved[19]
 *
 * More may be dropped than requested. An entry that becomes valid, or permits more, needs no
 * request.
 *
 *     INVALIDATE   INVAL   an unknown scope, cache or flag, no cache, a reserved byte
 *                  NOENT   no such domain
 *                  INVAL   a domain with mappings, or that bypasses
 *                  INVAL   scope ADDRESS: a page_size that the format does not have, nr_pages 0
 */
enum {
	VIOMMU_INVALIDATE_S_DOMAIN = 1,
	VIOMMU_INVALIDATE_S_PASID = 2,
	VIOMMU_INVALIDATE_S_ADDRESS = 3,
};
#define VIOMMU_INVALIDATE_C_CONTEXT (1u << 0) /* context entries, and translations through them */
#define VIOMMU_INVALIDATE_C_TLB     (1u << 1)
#define VIOMMU_INVALIDATE_C_DEV_TLB (1u << 2) /* the endpoint's own cache */
#define VIOMMU_INVALIDATE_F_LEAF    (1u << 0) /* only leaves have changed */
#define VIOMMU_INVALIDATE_F_PASID   (1u << 1)
#define VIOMMU_INVALIDATE_F_ID      (1u << 2)
#define VIOMMU_INVALIDATE_F_GLOBAL  (1u << 3)
#define VIOMMU_INVALIDATE_LENGTH    60

/*
 * PAGE_RESPONSE: the driver's answer to a group of page requests
 *
 *     4 endpoint le32   8 flags le32   12 pasid le32   16 group_id le16   18 code le16
 *     20 reserved[12]
 *
 *     PAGE_RESPONSE   INVAL   an unknown flag or code, a reserved byte
 *                     NOENT   no such endpoint
 *                     INVAL   no such group is complete and without an answer
 */
enum {
	VIOMMU_PAGE_SUCCESS = 0,
	VIOMMU_PAGE_INVALID = 1, /* this access fails */
	VIOMMU_PAGE_FAILURE = 2, /* the endpoint must stop making page requests */
};
#define VIOMMU_PAGE_RESPONSE_F_PASID (1u << 0)
#define VIOMMU_PAGE_RESPONSE_LENGTH  32

/*
 * Properties of the proposal
 *
 *     PASID          4 bits u8   5 flags u8   6 policy u8   7 reserved
 *     TABLE_FORMAT   4 format le16   6 input_bits u8   7 output_bits u8   8 granules le64
 *                    16 asid_bits u8   17 reserved[3]   20 flags le32, VIOMMU_TABLE_F_*
 *                    One for each format, the best first.
 *     PAGE_REQUEST   4 flags le32, VIOMMU_PAGE_REQUEST_F_*   8 max_outstanding le32   12 reserved
 */
#define VIOMMU_PROBE_T_PASID             0xf20
#define VIOMMU_PROBE_T_TABLE_FORMAT      0xf21
#define VIOMMU_PROBE_T_PAGE_REQUEST      0xf22
#define VIOMMU_PROBE_PASID_LENGTH        8
#define VIOMMU_PROBE_PAGE_REQUEST_LENGTH 16
#define VIOMMU_PROBE_TABLE_FORMAT_LENGTH 24

/*
 * Policy: how PASIDs of the guest become those on the wire. IDENTITY: they are the same, and one
 * that the host cannot use is refused with UNSUPP. ALLOCATED: the host chooses a free one, or
 * answers NOMEM; what emulates the endpoint converts them. A driver need not know.
 */
#define VIOMMU_PASID_IDENTITY  0u
#define VIOMMU_PASID_ALLOCATED 1u

#define VIOMMU_PAGE_REQUEST_F_PASID (1u << 0) /* an answer needs the PASID of its request */
#define VIOMMU_PAGE_REQUEST_F_STALL (1u << 1) /* accesses stall, and do not come by PRI */

#define VIOMMU_TABLE_F_UPDATES     (1u << 0) /* the device sets accessed and dirty flags */
#define VIOMMU_TABLE_F_FIVE_LEVELS (1u << 1)
#define VIOMMU_TABLE_F_CONTIGUOUS  (1u << 2) /* a hint is honoured: Arm's bit, Svnapot */
#define VIOMMU_TABLE_F_EXEC        (1u << 3) /* execute permission is honoured */
#define VIOMMU_TABLE_F_NEST        (1u << 4) /* a parent is possible */
#define VIOMMU_TABLE_F_MEMORY_TYPE (1u << 5) /* memory types are supported: Svpbmt */

/*
 * MAP flags; also the permissions of an access and of a translation. MMIO: device registers. It
 * needs VIOMMU_F_MMIO, is passed on to listeners, and permits nothing by itself. 5.13.6.5
 */
#define VIOMMU_MAP_F_READ  (1u << 0)
#define VIOMMU_MAP_F_WRITE (1u << 1)
#define VIOMMU_MAP_F_MMIO  (1u << 2)

/*
 * Properties in the answer to PROBE (virtio 1.3, 5.13.6.7)
 *
 *     0 type le16, of which the low 12 bits count   2 length le16, without these four bytes
 *
 * NONE ends the list. A driver skips types that it does not know.
 *
 *     RESV_MEM   4 subtype u8, VIOMMU_RESV_MEM_*   5 reserved[3]   8 start le64   16 end le64
 */
#define VIOMMU_PROBE_T_NONE          0
#define VIOMMU_PROBE_T_RESV_MEM      1
#define VIOMMU_PROBE_RESV_MEM_LENGTH 24 /* with the header */

/* Flags of the ATS property. */
#define VIOMMU_ATS_F_ENDPOINT (1u << 0) /* the endpoint has the ATS capability */
#define VIOMMU_ATS_F_PATH     (1u << 1) /* so has everything from it to the IOMMU */

/*
 * Properties with one le32 value, at offset 4
 *
 * A row defines such a property:
 *
 *     ROW(name, type, has, member, bits, text)
 *
 *     name     VIOMMU_PROBE_T_<name> is its type, VIOMMU_PROBE_<name>_LENGTH its length
 *     has      struct viommu_endpoint answers it if has_<has> is true
 *     member   the member of struct viommu_endpoint with the value
 *     bits     that may be set in the value; others make the endpoint -EINVAL
 *     text     what the value is, in help texts and documents
 *
 * The test of every row, the property `probe-<member>` of the QEMU module, and the tables of the
 * documents come from the rows, too (tests/properties.py). Types are permanent.
 *
 * Those below are proposals and not part of virtio 1.3: docs/proposal-properties.md.
 */
#define VIOMMU_PROPERTIES(ROW) \
	ROW(PROXIMITY, 0xf10, proximity, proximity_domain, 0xffffffff, \
	    "NUMA node of the endpoint, as an ACPI proximity domain") \
	ROW(ATS, 0xf11, ats, ats, VIOMMU_ATS_F_ENDPOINT | VIOMMU_ATS_F_PATH, \
	    "support for ATS as VIOMMU_ATS_F_*: 1, the endpoint has it; 2, its path; 3, both")

#define VIOMMU_PROPERTY_CONSTANTS(name, type, has, member, bits, text) \
	VIOMMU_PROBE_T_##name = (type), VIOMMU_PROBE_##name##_LENGTH = 8,
enum { VIOMMU_PROPERTIES(VIOMMU_PROPERTY_CONSTANTS) };

/* Subtypes of a reserved region. A driver treats an unknown one as RESERVED. 5.13.6.8.1 */
#define VIOMMU_RESV_MEM_RESERVED 0 /* not to be mapped */
#define VIOMMU_RESV_MEM_MSI      1 /* not to be mapped: writes there are interrupts */

/*
 * Fault record, one in each buffer of the event queue. 5.13.6.9
 *
 *     0 reason u8   1 reserved[3]   4 flags le32, VIOMMU_FAULT_F_*   8 endpoint le32
 *     12 reserved le32   16 address le64
 *
 * This device always sets the address: where the access began, and not its page.
 */
#define VIOMMU_FAULT_LENGTH 24

/*
 * The reason for refusing an access. UNKNOWN: the endpoint is quarantined, because a listener
 * failed.
 */
enum {
	VIOMMU_FAULT_R_UNKNOWN = 0,
	VIOMMU_FAULT_R_DOMAIN = 1,  /* the endpoint is attached to nothing */
	VIOMMU_FAULT_R_MAPPING = 2, /* not mapped, or not with that permission */

	/* Faults of page tables, reported only with VIOMMU_F_PAGE_REQUEST; otherwise as MAPPING. */
	VIOMMU_FAULT_R_WALK = 3,       /* a table is outside of guest memory */
	VIOMMU_FAULT_R_CONTEXT = 4,    /* a context entry is not valid */
	VIOMMU_FAULT_R_PERMISSION = 5, /* mapped, and not with that permission */
	VIOMMU_FAULT_R_ACCESS = 6,     /* a flag that software sets is clear */
	VIOMMU_FAULT_R_RANGE = 7,      /* address too large, not canonical, reserved bits */
};

/* The kind of the access. Neither READ nor WRITE: the VMM requested only a mapping. */
#define VIOMMU_FAULT_F_READ    (1u << 0)
#define VIOMMU_FAULT_F_WRITE   (1u << 1)
#define VIOMMU_FAULT_F_ADDRESS (1u << 8) /* the address field is valid */

/*
 * Of the proposal. With VIOMMU_F_PASID a record has 12 pasid le32; with VIOMMU_F_PAGE_REQUEST it is
 * longer, or as before in a buffer that is too short:
 *
 *     24 group_id le16   26 reserved[6]   32 private_data le64[2]
 *
 * A record with PAGE_REQ asks for a page, and the last one of a group for an answer.
 */
#define VIOMMU_FAULT_F_EXEC       (1u << 2)
#define VIOMMU_FAULT_F_PRIVILEGED (1u << 3)
#define VIOMMU_FAULT_F_LAST       (1u << 4)
#define VIOMMU_FAULT_F_PAGE_REQ   (1u << 5)
#define VIOMMU_FAULT_F_PASID      (1u << 9)
#define VIOMMU_FAULT_F_GROUP      (1u << 10)
#define VIOMMU_FAULT_F_PRIVATE    (1u << 11)
#define VIOMMU_FAULT_LONG_LENGTH  48

/*
 * Published drafts of page tables that a device can speak instead: docs/drafts.md
 *
 * C: the pgtables branch of 2021 and the patches of November 2023. E: a driver of Qualcomm for a
 * virtual SMMUv3. Both have ATTACH_TABLE and INVALIDATE with the same numbers, and no PASIDs in
 * other requests. INVALIDATE of E is as above, without DEV_TLB.
 *
 *     ATTACH_TABLE of C   4 domain le32   8 endpoint le32   12 flags le32   16 format le16
 *         ARM_CD_TABLE    18 s1fmt u8   19 s1dss u8   20 s1cdmax le32   24 s1contextptr le64
 *         GENERIC         24 pgd le64
 *         X86             20 pasid le32   24 pgd le64   32 fl_flags le64   40 addr_width le32
 *     INVALIDATE of C     4 inv_gran le16   6 inv_type le16   8 flags le16   12 domain le32
 *                         16 pasid le32   24 archid le64   32 virt_start le64   40 nr_pages le64
 *                         48 granule u8, log2
 *     ATTACH_TABLE of E   4 domain le32   8 endpoint le32   12 format u8   16 ste0 le64
 *                         24 ste1 le64
 */
#define VIOMMU_DRAFT_C_F_ATTACH_TABLE (1ull << 8)
#define VIOMMU_DRAFT_E_F_ATTACH_TABLE (1ull << 7)
#define VIOMMU_DRAFT_E_VENDOR         0x17cb /* of the transport: the driver of E binds to no other */

enum {
	VIOMMU_DRAFT_T_ATTACH_TABLE = 6,
	VIOMMU_DRAFT_T_INVALIDATE = 7,
};
#define VIOMMU_DRAFT_C_ATTACH_TABLE_LENGTH 84
#define VIOMMU_DRAFT_E_ATTACH_TABLE_LENGTH 124

enum {
	VIOMMU_DRAFT_C_FORMAT_ARM_CD_TABLE = 2,
	VIOMMU_DRAFT_C_FORMAT_GENERIC = 3,
	VIOMMU_DRAFT_C_FORMAT_X86 = 4,
	VIOMMU_DRAFT_E_FORMAT_ARM_CD_TABLE = 1,
};
#define VIOMMU_DRAFT_C_X86_F_SRE (1ull << 0)
#define VIOMMU_DRAFT_C_X86_F_WPE (1ull << 2)

#define VIOMMU_DRAFT_C_INVALIDATE_G_DOMAIN  (1u << 0) /* the first that is set counts */
#define VIOMMU_DRAFT_C_INVALIDATE_G_PASID   (1u << 1)
#define VIOMMU_DRAFT_C_INVALIDATE_G_ADDRESS (1u << 2)
#define VIOMMU_DRAFT_C_INVALIDATE_T_TLB     (1u << 0)
#define VIOMMU_DRAFT_C_INVALIDATE_T_DEV_TLB (1u << 1)
#define VIOMMU_DRAFT_C_INVALIDATE_T_CONTEXT (1u << 2)
#define VIOMMU_DRAFT_C_INVALIDATE_F_PASID   (1u << 0)
#define VIOMMU_DRAFT_C_INVALIDATE_F_ID      (1u << 1)
#define VIOMMU_DRAFT_C_INVALIDATE_F_LEAF    (1u << 2)

/*
 * Properties of C; of E, HW_ARM_SMMU3, which has registers of an SMMUv3.
 *
 *     PAGE_SIZE_MASK      4 reserved[4]   8 mask le64
 *     INPUT_RANGE         4 reserved[4]   8 start le64   16 end le64
 *     OUTPUT_SIZE         4 bits u8   5 reserved[3]
 *     PASID_SIZE          4 bits u8   5 reserved[3]
 *     PAGE_TABLE_FMT      4 format le16   6 reserved[2]; for X86 also 8 cap le64   16 ecap le64
 *     PASID_TABLE_FMT     4 format le16   6 reserved[2]
 *     HW_ARM_SMMU3        4 reserved[4]   8 idr0 le64   16 idr1 le64   24 reserved[8]
 *                         32 idr3 le64   40 reserved[8]   48 idr5 le64
 */
enum {
	VIOMMU_DRAFT_C_PROBE_T_PAGE_SIZE_MASK = 2,
	VIOMMU_DRAFT_C_PROBE_T_INPUT_RANGE = 3,
	VIOMMU_DRAFT_C_PROBE_T_OUTPUT_SIZE = 4,
	VIOMMU_DRAFT_C_PROBE_T_PASID_SIZE = 5,
	VIOMMU_DRAFT_C_PROBE_T_PAGE_TABLE_FMT = 6,
	VIOMMU_DRAFT_C_PROBE_T_PASID_TABLE_FMT = 7,
	VIOMMU_DRAFT_E_PROBE_T_HW_ARM_SMMU3 = 2,
};

#ifdef __cplusplus
}
#endif

#endif
