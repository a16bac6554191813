/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PROTOCOL_H
#define VIOMMU_PROTOCOL_H

/*
 * The numbers of the virtio-iommu protocol (virtio 1.3, "IOMMU Device")
 *
 * What guest and device say to each other. A VMM needs a few of them (features,
 * access permissions); a driver or a test needs all. The byte layouts of requests
 * stand, a row a field, in src/device/requests.c and in docs/protocol.md.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* Virtio's number for this kind of device. */
#define VIOMMU_DEVICE_ID 23

/* The queues, by their index. */
enum { VIOMMU_REQUEST_QUEUE, VIOMMU_EVENT_QUEUE, VIOMMU_N_QUEUES };

/* Feature bits, as masks. "IOMMU Device / Feature bits" */
#define VIOMMU_F_INPUT_RANGE   (1ull << 0) /* config: `input_range` is valid */
#define VIOMMU_F_DOMAIN_RANGE  (1ull << 1) /* config: `domain_range` is valid */
#define VIOMMU_F_MAP_UNMAP     (1ull << 2) /* requests MAP and UNMAP exist */
#define VIOMMU_F_BYPASS        (1ull << 3) /* superseded: unattached endpoints bypass */
#define VIOMMU_F_PROBE         (1ull << 4) /* request PROBE exists */
#define VIOMMU_F_MMIO          (1ull << 5) /* MAP has a flag MMIO */
#define VIOMMU_F_BYPASS_CONFIG (1ull << 6) /* config: `bypass`; ATTACH has a flag BYPASS */

/* Configuration space: where each field begins, and its length. "Device configuration layout" */
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

/* Requests. "Device operations" */
enum {
	VIOMMU_T_ATTACH = 1,
	VIOMMU_T_DETACH = 2,
	VIOMMU_T_MAP = 3,
	VIOMMU_T_UNMAP = 4,
	VIOMMU_T_PROBE = 5,
};

/* How long the device-readable part of each request is, and the tail with the status. */
#define VIOMMU_ATTACH_LENGTH 20
#define VIOMMU_DETACH_LENGTH 20
#define VIOMMU_MAP_LENGTH    36
#define VIOMMU_UNMAP_LENGTH  28
#define VIOMMU_PROBE_LENGTH  72
#define VIOMMU_TAIL_LENGTH   4

/* Status byte of a tail. */
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

/* ATTACH flags. */
#define VIOMMU_ATTACH_F_BYPASS (1u << 0)

/* MAP flags, which are also what an access asks for and a translation permits. */
#define VIOMMU_MAP_F_READ  (1u << 0)
#define VIOMMU_MAP_F_WRITE (1u << 1)
#define VIOMMU_MAP_F_MMIO  (1u << 2)

/* Properties that PROBE answers. */
#define VIOMMU_PROBE_T_NONE     0
#define VIOMMU_PROBE_T_RESV_MEM 1
/* Two more that we propose, off unless configured: docs/proposal-properties.md. */
#define VIOMMU_PROBE_T_PROXIMITY 0xf10
#define VIOMMU_PROBE_T_ATS       0xf11

/* How long each property is, its header of four bytes included. */
#define VIOMMU_PROBE_RESV_MEM_LENGTH  24
#define VIOMMU_PROBE_PROXIMITY_LENGTH 8
#define VIOMMU_PROBE_ATS_LENGTH       8

/* Kinds of a reserved region. */
#define VIOMMU_RESV_MEM_RESERVED 0 /* not to be mapped */
#define VIOMMU_RESV_MEM_MSI      1 /* not to be mapped: writes there are interrupts */

/* Flags of the ATS property. */
#define VIOMMU_ATS_F_ENDPOINT (1u << 0) /* the endpoint has the ATS capability */
#define VIOMMU_ATS_F_PATH     (1u << 1) /* so has everything from it to the IOMMU */

/* Fault record of the event queue. "Event queue" */
#define VIOMMU_FAULT_LENGTH 24

enum {
	VIOMMU_FAULT_R_UNKNOWN = 0,
	VIOMMU_FAULT_R_DOMAIN = 1,  /* the endpoint is attached to nothing */
	VIOMMU_FAULT_R_MAPPING = 2, /* not mapped, or not with that permission */
};

#define VIOMMU_FAULT_F_READ    (1u << 0)
#define VIOMMU_FAULT_F_WRITE   (1u << 1)
#define VIOMMU_FAULT_F_ADDRESS (1u << 8) /* the address field is valid */

#ifdef __cplusplus
}
#endif

#endif
