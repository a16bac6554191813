/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PLAN_PLAN_H
#define VIOMMU_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include <viommu/findings.h>
#include <viommu/host.h>

/*
 * A guest for devices of a host: the place of each device, and its virtual IOMMU
 *
 * The guest has one expander bridge (pxb-pcie) and one virtual IOMMU for each physical IOMMU with
 * an assigned device. Below a bridge are root ports, one for each device and some free ones. Bus
 * numbers are assigned downwards from 0xff. pcie.0 has the emulated devices, which bypass.
 *
 * A finding with an id that begins with "plan-" is an error, and there is no plan then.
 */

enum plan_kind {
	PLAN_AUTO,
	PLAN_VIRTIO, /* viommu-pci of this project: several per machine */
	PLAN_SMMUV3, /* arm-smmuv3 of QEMU 10.2 and later: several per machine, on virt */
	PLAN_INTEL,  /* one per machine, like the next two */
	PLAN_AMD,
	PLAN_VIRTIO_STOCK, /* virtio-iommu-pci of QEMU */
};

/* Of the host and the guest: KVM runs only the host's. */
enum plan_architecture {
	PLAN_X86,
	PLAN_ARM,
	PLAN_RISCV,
};

enum plan_switch {
	PLAN_SWITCH_AUTO,
	PLAN_OFF,
	PLAN_ON,
};

#define PLAN_TOP_BUS       0xffu
#define PLAN_Q35_WINDOW    ((uint64_t)32 << 30) /* for 64-bit BARs, by default */
#define PLAN_NODES_MAX     1024
#define PLAN_CELLS_MAX     128 /* NUMA nodes of a guest, by QEMU */
#define PLAN_ROOT_SLOTS    32
#define PLAN_CHASSIS_MAX   255
#define PLAN_CPUS_MAX      65536u
#define PLAN_DEFAULT_QEMU  1101 /* QEMU 11.1 */
#define PLAN_VERSION(a, b) ((a)*100 + (b))
#define PLAN_LIMITS        PLAN_VERSION(9, 1)  /* VFIO passes the limits of the host's IOMMU */
#define PLAN_ACCEL         PLAN_VERSION(11, 0) /* arm-smmuv3,accel=on */
#define PLAN_SMMU_AUTO     PLAN_VERSION(11, 1) /* its attributes are enums, by default "auto" */
#define PLAN_CMDQV         PLAN_VERSION(11, 1) /* arm-smmuv3,cmdqv= */
#define PLAN_LARGE_VIRT    PLAN_VERSION(10, 0) /* virt,highmem-mmio-size= */

/* What is asked of a plan. Zero is valid for all members except `qemu`. */
struct plan_options {
	enum plan_kind kind;
	const char *machine;      /* "q35" or "virt"; NULL: selected by the host's IOMMUs */
	unsigned qemu;            /* version: 100 * major + minor */
	unsigned machine_version; /* of "pc-q35-7.0", likewise; 0: not known */
	unsigned spare;           /* free root ports of each bridge */
	unsigned root_ports;      /* bridges that the user adds to pcie.0 */
	uint32_t slots;           /* used slots of pcie.0: bit n */
	uint64_t memory;          /* of the guest, in bytes; 0: not checked */
	enum plan_switch ats, accel, cmdqv;
	unsigned n_nodes;                   /* NUMA nodes that the user defines */
	bool egm;                           /* the guest's memory is that of its GPUs */
	unsigned cpus;                      /* of the guest, at most; 0: not known */
	bool numa;                          /* the plan defines the guest's NUMA nodes */
	bool has_memory, has_cpus;          /* the user's arguments have -m, -smp */
	bool has_backend;                   /* ... and -machine memory-backend= */
	bool objects[PLAN_CELLS_MAX];       /* ... and -object ...,id=ramN */
	bool managed;                       /* libvirt or another manager binds vfio-pci */
	bool for_qemu;                      /* the output is for QEMU or libvirt */
	bool for_libvirt;                   /* the output is for libvirt */
	bool without_nodes;                 /* ... and cannot define NUMA nodes */
	bool chassis[PLAN_CHASSIS_MAX + 1]; /* those of the user's root ports */
	const char *plugin;        /* path of viommu-qemu.so; NULL: as plan_plugin() selects */
	const char *const *bypass; /* functions that no virtual IOMMU translates; NULL: none */
	GHashTable *buses; /* name of an IOMMU of the host -> number of its bridge; NULL: none */
	GHashTable *nodes; /* node of the host + 1 -> node of the guest + 1; NULL: no mapping */
	bool nodes_are_partial; /* a bridge of another node of the host has none in the guest */
};

/* An assigned function. */
struct plan_device {
	const struct viommu_host_device *host;
	unsigned function; /* in its root port's slot 0 */
};

struct plan_port {
	uint8_t bus; /* below it */
	uint8_t slot, function;
	bool multifunction;
	unsigned chassis;
	GArray *devices; /* struct plan_device; empty: a free port */
	uint64_t mmio64; /* bytes of 64-bit prefetchable memory, a power of two; 0: none */
};

struct plan_bridge {
	unsigned number;                       /* from 0: "pxb0", "viommu0" */
	const struct viommu_host_iommu *iommu; /* NULL: pcie.0, without a virtual IOMMU */
	char *iommu_name;
	uint8_t bus, last;
	unsigned slot;                       /* on pcie.0 */
	unsigned iommu_slot, iommu_function; /* of its viommu-pci, on pcie.0 */
	int host_node;                       /* -1: not known */
	int guest_node;                      /* -1: none */
	bool ats, ats_known;                 /* not known: off, unless QEMU can ask the host */
	unsigned pasid_bits, address_bits;
	uint64_t mmio64;
	bool kept;        /* kept from an earlier plan */
	GPtrArray *ports; /* struct plan_port */
};

/* A region of GPU memory, and the node of the guest that it is the memory of. */
struct plan_egm {
	const struct viommu_host_egm *host;
	int node;
};

/* A NUMA node of the guest, whose memory is on one node of the host. */
struct plan_cell {
	int node, host_node;
	uint64_t memory;
	unsigned first_cpu, last_cpu;
};

/* hostdevN reaches the region of a node. */
struct plan_egm_gpu {
	unsigned number;
	int node;
};

struct plan {
	const struct viommu_host *host;
	struct plan_options options;
	enum plan_architecture architecture;
	enum plan_kind kind;
	const char *machine;
	char *why;                /* the reason for the kind; NULL: the user requested it */
	GPtrArray *bridges;       /* struct plan_bridge, by bus */
	struct plan_bridge *root; /* pcie.0, whose ports have devices that bypass; NULL: none do */
	GHashTable *bypassing;    /* struct viommu_host_device: a set */
	uint64_t mmio64;          /* 64-bit window of all bridges in bytes; 0: QEMU's default */
	bool iommufd; /* not: VFIO has no character devices on the host, or QEMU no object */
	bool accel, ats;
	GArray *initiators;                     /* of Grace GPUs: N of hostdevN, unsigned */
	unsigned n_initiators, first_initiator; /* nodes of each device, and the first of all */
	GArray *egm;                            /* struct plan_egm, by node */
	GArray *egm_gpus;                       /* struct plan_egm_gpu */
	GArray *cells;                          /* struct plan_cell, by node */
	uint8_t *distances;  /* from each of them to each, in rows; NULL: not known */
	char *kept_cells;    /* those of an earlier plan, as plan_cells_text(); NULL: none */
	char *kept_egm;      /* the regions of an earlier plan: "egm4 egm5 "; NULL: none is kept */
	unsigned iommu_slot; /* of a virtio-iommu-pci or AMD-Vi for the whole machine, on pcie.0 */
};

/* The row of a kind (kind.c). */
struct plan_kind_row {
	enum plan_kind kind;
	const char *name, *driver;
	bool several;        /* several per machine */
	unsigned since;      /* first version of QEMU */
	const char *machine; /* required machine; NULL: any */
};

/* The row of a kind, or NULL. */
const struct plan_kind_row *plan_kind_row(enum plan_kind kind);

/* The row with that name, or NULL. */
const struct plan_kind_row *plan_kind_by_name(const char *name);

/* "q35" or "virt" for a name or version of that machine of QEMU; else NULL (kind.c). */
const char *plan_machine(const char *name);

/* The version in the name of a machine, as PLAN_VERSION(); 0 if it has none (kind.c). */
unsigned plan_machine_version(const char *name);

/* Set the machine of a domain or of arguments; NULL: they have none. `source` is "the domain has".
 * Reports a different machine of the request (kind.c). */
void plan_set_machine(struct plan_options *options, const char *machine, const char *source,
		      struct viommu_findings *findings);

/* Choose the kind, and set `why` (kind.c). */
void plan_choose(struct plan *plan, struct viommu_findings *findings);

/* ATS capability, from registers or the tables. */
enum viommu_known plan_host_ats(const struct viommu_host *host,
				const struct viommu_host_iommu *iommu);

/*
 * Place the devices. NULL with findings if the request is rejected. `before` is the text of an
 * earlier plan, whose devices keep their places; NULL if there is none. `names` is NULL-terminated.
 */
struct plan *plan_make(const struct viommu_host *host, const struct plan_options *options,
		       const char *const *names, const char *before,
		       struct viommu_findings *findings);

/* NULL is allowed. Returns NULL. */
struct plan *plan_free(struct plan *plan);

/* Set the chassis that ports of the user and of the plan have; `taken` has PLAN_CHASSIS_MAX + 1. */
void plan_find_chassis(const struct plan *plan, bool *taken);

/* Report why a device cannot be assigned (refuse.c). */
void plan_refuse_device(const struct plan_options *options, const struct viommu_host_device *device,
			struct viommu_findings *findings);

/* Report groups that also have devices with a driver of the host. */
void plan_refuse_groups(const struct plan *plan, GPtrArray *devices,
			struct viommu_findings *findings);

/* After placement: report ATS on some IOMMUs only, and memory that a device cannot reach. */
void plan_refuse_whole(const struct plan *plan, struct viommu_findings *findings);

/* Report an error. `cure` is how to fix it. */
__attribute__((format(printf, 4, 5))) void plan_report(struct viommu_findings *findings,
						       const char *id, const char *cure,
						       const char *format, ...);

/* Set the windows of ports, bridges and the machine; report what is too large (memory.c). */
void plan_size_memory(struct plan *plan, struct viommu_findings *findings);

/* The bytes that QEMU's process must be allowed to lock; 0: the guest's memory is not known. */
uint64_t plan_locked_memory(const struct plan *plan);

/* Find the GPUs that need generic initiators, and number their nodes (grace.c). */
void plan_count_initiators(struct plan *plan);

/* The first node of hostdevN, which has `n_initiators`; -1: it has none. */
int plan_initiator_of(const struct plan *plan, unsigned number);

/* Make the memory of the assigned GPUs the guest's, if requested; set the nodes of the bridges
 * (egm.c). */
void plan_take_egm(struct plan *plan, struct viommu_findings *findings);

/* The CPUs of the i-th of n nodes: as even as possible, in order. */
void plan_divide_cpus(const struct plan *plan, guint i, guint n, unsigned *ret_first,
		      unsigned *ret_last);

/* Define the guest's NUMA nodes, if requested; set the nodes of the bridges (cells.c). */
void plan_take_cells(struct plan *plan, struct viommu_findings *findings);

/* Does the plan have an object ram0 for the memory of the whole machine (cells.c)? */
bool plan_has_own_memory(const struct plan *plan);

/* Set `distances` from those of the host (distances.c). */
void plan_find_distances(struct plan *plan);

/* After plan_count_initiators(): find the distances, and report an object of the same name
 * (cells.c). */
void plan_finish_cells(struct plan *plan, struct viommu_findings *findings);

/* The nodes as words, to compare plans. g_free() it. */
char *plan_cells_text(const struct plan *plan);

/* Can two physical IOMMUs share a stage-2 table? *ret_why is the reason (share.c). */
enum viommu_known plan_can_share(const struct viommu_host_iommu *one,
				 const struct viommu_host_iommu *other, const char **ret_why);

/* What the devices of a bridge need of its virtual IOMMU (needs.c). */
struct plan_needs {
	uint64_t page_sizes; /* of the host; 0: not known */
	uint64_t granule;
	uint64_t input_last; /* the highest address that can be mapped */
	GArray *reserved;    /* struct viommu_reserved, by address */
	uint32_t probe_size; /* bytes of an endpoint's properties, or the default if that is more */
};

/* `bridge` has an IOMMU. Free the result with plan_needs_clear(). */
void plan_find_needs(const struct plan_bridge *bridge, struct plan_needs *ret_needs);
void plan_needs_clear(struct plan_needs *needs);

/* Output formats, one file each. Free with g_free(). */
char *plan_text(const struct plan *plan);
char *plan_json(const struct plan *plan);
char *plan_qemu(const struct plan *plan);         /* for a shell */
char *plan_qemu_json(const struct plan *plan);    /* each -device as JSON */
char *plan_readconfig(const struct plan *plan);   /* a file for -readconfig */
char *plan_topology(const struct plan *plan);     /* text form, docs/topology.md */
char *plan_libvirt(const struct plan *plan);      /* a complete domain */
char *plan_virt_install(const struct plan *plan); /* for a shell */

/* The i-th bridge, and pcie.0 behind the last if devices bypass; NULL: there are no more. */
struct plan_bridge *plan_branch(const struct plan *plan, guint i);

/* Names of objects. */
char *plan_bridge_name(const struct plan_bridge *bridge);
char *plan_port_name(const struct plan_bridge *bridge, size_t port);

#endif
