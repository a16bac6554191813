/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PROTOCOL_H
#define VIOMMU_PROTOCOL_H

/*
 * The numbers of the virtio-iommu protocol (virtio 1.3, "IOMMU Device")
 *
 * What guest and device say to each other. A VMM needs a few of them (features,
 * access permissions); a driver or a test needs all. The byte layouts of requests
 * stand, a row a field, in src/device/requests.c and in docs/protocol.md.
 *
 * All fields are little-endian, whatever the guest is, and are named here by their offset from the
 * beginning of the structure that they are in. Ranges on the wire are closed, as everywhere here:
 * virt_end and end are the last byte, not the one behind it. Reserved bytes are written as 0.
 * Names in quotation marks are headings of the standard's chapter.
 *
 * This header needs no other, and has nothing but numbers, so drivers can include it too.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* Virtio's number for this kind of device: what DeviceID reads as behind virtio-mmio. A PCI
 * function has device ID 0x1040 + 23 = 0x1057 with vendor 0x1af4. "Device ID" */
#define VIOMMU_DEVICE_ID 23

/*
 * The queues, by their index. On the first the driver sends requests: each is one chain of
 * descriptors, readable part first, and the answer comes in its writable part. On the second it
 * only leaves empty buffers, which the device fills with fault records. "Virtqueues"
 */
enum { VIOMMU_REQUEST_QUEUE, VIOMMU_EVENT_QUEUE, VIOMMU_N_QUEUES };

/*
 * Feature bits, as masks. "Feature bits"
 *
 * What is not offered has a fixed meaning: without INPUT_RANGE all of the 64-bit space can be
 * mapped, without DOMAIN_RANGE a domain may have any number of 32 bits, without MAP_UNMAP
 * endpoints can only be attached, for bypass. Without both BYPASS and BYPASS_CONFIG an endpoint
 * that is attached to nothing is blocked.
 */
#define VIOMMU_F_INPUT_RANGE   (1ull << 0) /* config: `input_range` is valid */
#define VIOMMU_F_DOMAIN_RANGE  (1ull << 1) /* config: `domain_range` is valid */
#define VIOMMU_F_MAP_UNMAP     (1ull << 2) /* requests MAP and UNMAP exist */
#define VIOMMU_F_BYPASS        (1ull << 3) /* superseded: unattached endpoints bypass */
#define VIOMMU_F_PROBE         (1ull << 4) /* request PROBE exists */
#define VIOMMU_F_MMIO          (1ull << 5) /* MAP has a flag MMIO */
#define VIOMMU_F_BYPASS_CONFIG (1ull << 6) /* config: `bypass`; ATTACH has a flag BYPASS */

/*
 * Configuration space: where each field begins, and its length. "Device configuration layout"
 *
 * Behind virtio-mmio it begins at 0x100 of the window. page_size_mask is valid always, the others
 * only if their feature was offered; here they read as 0 if not. A driver maps with the smallest
 * page size, the lowest bit of the mask, or with multiples of it.
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
 * A built-in topology, as drafts of 2019 and 2020 had it, for platforms whose firmware has no
 * table. It is no part of the standard, which has since given bit and offset to another use:
 * a device with a built-in topology cannot have VIOMMU_F_BYPASS_CONFIG.
 */
#define VIOMMU_F_TOPOLOGY          (1ull << 6) /* config: says whom the IOMMU translates */
#define VIOMMU_CONFIG_TOPOLOGY     36          /* where that begins: docs/tables.md */
#define VIOMMU_TOPOLOGY_LENGTH_MAX (1u << 20)  /* bytes of configuration space with it, at most */

/*
 * Requests. "Device operations"
 *
 * Every request begins with its type, one byte at 0, and three reserved bytes. What follows is, by
 * offset:
 *
 *     ATTACH   4 domain le32    8 endpoint le32   12 flags le32, VIOMMU_ATTACH_F_*   16 reserved[4]
 *     DETACH   4 domain le32    8 endpoint le32   12 reserved[8]
 *     MAP      4 domain le32    8 virt_start le64   16 virt_end le64   24 phys_start le64
 *              32 flags le32, VIOMMU_MAP_F_*
 *     UNMAP    4 domain le32    8 virt_start le64   16 virt_end le64   24 reserved[4]
 *     PROBE    4 endpoint le32  8 reserved[64]
 *
 * The device writes a tail behind that: a status byte and three reserved bytes. PROBE has
 * `probe_size` bytes of properties between the two, all of them writable.
 *
 * ATTACH makes the domain if there is none, and moves an endpoint that is attached elsewhere.
 * MAP adds one mapping; UNMAP removes all that lie in its range, and never a part of one.
 */
enum {
	VIOMMU_T_ATTACH = 1,
	VIOMMU_T_DETACH = 2,
	VIOMMU_T_MAP = 3,
	VIOMMU_T_UNMAP = 4,
	VIOMMU_T_PROBE = 5,
};

/*
 * How long the device-readable part of each request is, and the tail with the status. A request
 * whose readable part is shorter, whose writable part has no room for the tail, or whose type is
 * not known goes back with a used length of 0, and no status.
 */
#define VIOMMU_ATTACH_LENGTH 20
#define VIOMMU_DETACH_LENGTH 20
#define VIOMMU_MAP_LENGTH    36
#define VIOMMU_UNMAP_LENGTH  28
#define VIOMMU_PROBE_LENGTH  72
#define VIOMMU_TAIL_LENGTH   4

/*
 * Status byte of a tail. What this device answers where, checked in this order:
 *
 *     ATTACH   INVAL   a reserved byte or an unknown flag is set
 *              NOENT   no such endpoint
 *              RANGE   the domain is out of domain_range
 *              INVAL   the domain exists, and bypasses where the flag says not, or the reverse
 *              UNSUPP  the endpoint could not have the mappings or the granule of that domain
 *              NOMEM   a limit of the device was reached, or the host has no memory
 *     DETACH   NOENT   no such endpoint
 *              INVAL   it is not attached to that domain
 *     MAP      INVAL   an unknown flag
 *              NOENT   no such domain
 *              INVAL   the domain bypasses, or virt_end is below virt_start
 *              RANGE   not aligned to the granule, wraps around, or is out of an input range
 *              INVAL   touches another mapping, or a reserved region of an endpoint
 *              NOMEM   as with ATTACH
 *     UNMAP    NOENT   no such domain
 *              INVAL   a reserved byte is set, the domain bypasses, or the range is inverted
 *              RANGE   a mapping would be cut: nothing is removed
 *     PROBE    INVAL   there is no room for all properties
 *              NOENT   no such endpoint
 *
 * ATTACH and MAP answer besides what a listener refused with (<viommu/device.h>). An UNMAP of a
 * range that has no mapping is OK. A request that is not OK has changed nothing,
 * but for the one case that struct viommu_listener_ops tells of.
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

/* ATTACH flags. The domain bypasses: its endpoints reach memory untranslated, and it takes no MAP.
 * An unknown flag unless VIOMMU_F_BYPASS_CONFIG was accepted. "ATTACH request" */
#define VIOMMU_ATTACH_F_BYPASS (1u << 0)

/*
 * MAP flags, which are also what an access asks for and a translation permits. MMIO says that the
 * guest means device registers; it needs VIOMMU_F_MMIO, is handed on to listeners, and permits
 * nothing by itself. "MAP request"
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
 * A row is all that the device needs of such a property:
 *
 *     ROW(name, type, has, member, bits, text)
 *
 *     name     VIOMMU_PROBE_T_<name> is its type, VIOMMU_PROBE_<name>_LENGTH its length
 *     has      struct viommu_endpoint answers it if has_<has> is true
 *     member   the member of struct viommu_endpoint with the value
 *     bits     that may be set in the value; others make the endpoint -EINVAL
 *     text     what the value is
 *
 * Those below are proposals and not part of virtio 1.3: docs/proposal-properties.md.
 */
#define VIOMMU_PROPERTIES(ROW) \
	ROW(PROXIMITY, 0xf10, proximity, proximity_domain, 0xffffffff, \
	    "NUMA node of the endpoint, as an ACPI proximity domain") \
	ROW(ATS, 0xf11, ats, ats, VIOMMU_ATS_F_ENDPOINT | VIOMMU_ATS_F_PATH, \
	    "VIOMMU_ATS_F_*: whether Address Translation Services work")

#define VIOMMU_PROPERTY_CONSTANTS(name, type, has, member, bits, text) \
	VIOMMU_PROBE_T_##name = (type), VIOMMU_PROBE_##name##_LENGTH = 8,
enum { VIOMMU_PROPERTIES(VIOMMU_PROPERTY_CONSTANTS) };

/* Kinds of a reserved region. A driver that meets another one treats it as RESERVED. "RESV_MEM
 * property" */
#define VIOMMU_RESV_MEM_RESERVED 0 /* not to be mapped */
#define VIOMMU_RESV_MEM_MSI      1 /* not to be mapped: writes there are interrupts */

/*
 * Fault record of the event queue. "Event queue"
 *
 *     0 reason u8   1 reserved[3]   4 flags le32, VIOMMU_FAULT_F_*   8 endpoint le32
 *     12 reserved le32   16 address le64
 *
 * One record a buffer, whose used length is then 24. The address is where the access began, not
 * the page that it is in, and is valid always in what this device writes.
 */
#define VIOMMU_FAULT_LENGTH 24

/* Why an access was refused. UNKNOWN is of an endpoint that is blocked although no driver asked
 * for that: whoever mirrors its mappings has failed. */
enum {
	VIOMMU_FAULT_R_UNKNOWN = 0,
	VIOMMU_FAULT_R_DOMAIN = 1,  /* the endpoint is attached to nothing */
	VIOMMU_FAULT_R_MAPPING = 2, /* not mapped, or not with that permission */
};

/* What the access was. Neither READ nor WRITE: somebody only asked for the mapping. */
#define VIOMMU_FAULT_F_READ    (1u << 0)
#define VIOMMU_FAULT_F_WRITE   (1u << 1)
#define VIOMMU_FAULT_F_ADDRESS (1u << 8) /* the address field is valid */

#ifdef __cplusplus
}
#endif

#endif
