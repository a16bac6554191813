/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_H
#define VIOMMU_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viommu/findings.h>
#include <viommu/tables.h>
#include <viommu/topology.h>

/*
 * A real machine: its IOMMUs, and the devices behind each
 *
 * A host is read from sysfs and, if permitted, from the firmware tables in sysfs: of the running
 * machine, of a copy of its tree, or of a tar archive of one. Results of sysfs and of the tables
 * are kept separately, joined by register base or PCI function, and compared.
 *
 *     struct viommu_findings *findings = viommu_findings_new();
 *     struct viommu_host *host = viommu_host_scan(NULL, findings);
 *     const struct viommu_host_device *device;
 *
 *     for (size_t i = 0; host && (device = viommu_host_device(host, i)); i++)
 *             printf("%s: %s\n", device->name, device->iommu ? device->iommu->name : "none");
 *     host = viommu_host_free(host);
 *
 * A value that cannot be read is "not known", never "no": a user who is not root can read 64 bytes
 * of a configuration space, which do not include capabilities.
 *
 * A host does not change after the scan. It owns every pointer below, and they are valid as long as
 * the host; strings are UTF-8 without control characters. Several threads may read one host.
 * Members may be added at the end of a struct, so a program does not allocate these structs itself.
 * Running out of memory ends the program, as in GLib.
 *
 * What the files mean is in Documentation/ABI of Linux: sysfs-class-iommu,
 * sysfs-class-iommu-intel-iommu, sysfs-class-iommu-amd-iommu, sysfs-kernel-iommu_groups,
 * sysfs-bus-pci. Capabilities of configuration space are those of PCI Express 5.0, 7.5.3 (type and
 * buses) and chapter 10 (ATS, PRI).
 *
 * Trees are untrusted, so reading is bounded: files of at most VIOMMU_HOST_FILE_MAX bytes,
 * VIOMMU_HOST_DEVICES_MAX devices, no link out of the tree, and regular files only.
 */

#ifdef __cplusplus
extern "C" {
#endif

#define VIOMMU_HOST_FILE_MAX    ((size_t)16 << 20) /* bytes of one file */
#define VIOMMU_HOST_DEVICES_MAX 1000000u
#define VIOMMU_HOST_IOMMUS_MAX  65536u

/* Opaque. */
struct viommu_host;

/* -- reading ------------------------------------------------------------------ */

/*
 * Read a host. `root` is NULL for the running machine; a folder with a copy of its tree, either one
 * with sys/ in it or a copy of /sys itself; or a tar of such a folder, compressed or not. Never
 * follows a link out of `root`. Unreadable and contradictory data is a finding with an id that
 * begins with "host-", and the scan continues. NULL with a finding if `root` is not a tree.
 * `findings` may be NULL.
 *
 * Returns: the host, to be freed with viommu_host_free(), or NULL. Locks: none. Waits: for files.
 * Since: 0.2 (testing)
 */
struct viommu_host *viommu_host_scan(const char *root, struct viommu_findings *findings);

/*
 * Whether viommu_host_scan() accepts it as a tree: a folder with a copy of sysfs, directly or in
 * its only folder; or a file that starts with an entry of a tar. A tar is not read to its end, so a
 * scan may still fail.
 *
 * Returns: whether it does; false if it cannot be opened. Locks: none. Waits: for files. Since: 0.2
 * (testing)
 */
bool viommu_host_is_tree(const char *name);

/*
 * Free the host and everything obtained from it. NULL is allowed.
 *
 * Returns: NULL. Locks: none. Waits: no. Since: 0.2 (testing)
 */
struct viommu_host *viommu_host_free(struct viommu_host *host);

/*
 * Write a tar with all that a scan of `root` reads, so that a scan of the tar gives the same
 * answers. What identifies the machine is left out. Zero are: serial numbers in
 * configuration space (Device Serial Number capability) and in a device tree, and a device tree's
 * MAC addresses and seeds. Of the kernel's command line, words about IOMMUs and PCI are kept. The
 * suffix of `file` selects the compression: .gz, .bz2, .xz, .zst, .lz4, or none. The file is
 * replaced when all of it is written.
 *
 * Returns: 0, or a negative errno with a finding; -ENOTSUP: the suffix is of another format. Locks:
 * none. Waits: for files. Since: 0.2 (testing)
 */
int viommu_host_save(const char *root, const char *file, struct viommu_findings *findings);

/*
 * What was scanned: the name given as `root`, or "this machine".
 *
 * Returns: a string of the host's. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const char *viommu_host_name(const struct viommu_host *host);

/* -- values that may be unknown ------------------------------------------------ */

enum viommu_known {
	VIOMMU_NOT_KNOWN, /* not readable, or absent */
	VIOMMU_NO,
	VIOMMU_YES,
};

/*
 * "not known", "no", "yes"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const char *viommu_known_name(enum viommu_known known);

/* -- IOMMUs --------------------------------------------------------------------- */

enum viommu_host_iommu_kind {
	VIOMMU_HOST_VTD,     /* dmarN */
	VIOMMU_HOST_AMD_VI,  /* ivhdN */
	VIOMMU_HOST_SMMU_V3, /* smmu3.0x... */
	VIOMMU_HOST_SMMU_V2, /* smmu.0x..., versions 1 and 2 */
	VIOMMU_HOST_RISCV,   /* riscv-iommu@... */
	VIOMMU_HOST_VIRTIO,  /* virtio-iommu: the machine is a guest itself */
	VIOMMU_HOST_OTHER,
};

/*
 * "vt-d", "amd-vi", "smmu-v3", "smmu-v2", "riscv-iommu", "virtio-iommu", "other"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const char *viommu_host_iommu_kind_name(enum viommu_host_iommu_kind kind);

/*
 * One physical IOMMU. The kernel's name identifies it until the next boot; `base` or `bdf` identify
 * it permanently.
 */
struct viommu_host_iommu {
	const char *name; /* in /sys/class/iommu */
	enum viommu_host_iommu_kind kind;
	size_t index; /* viommu_host_iommu(host, index) is this one */

	int numa_node;        /* from sysfs, else from the tables; -1: not known */
	bool numa_from_table; /* it is from the tables */

	bool has_base;
	uint64_t base; /* address of its registers */

	bool has_bdf; /* it is a PCI function */
	uint32_t bdf_segment;
	uint16_t bdf;
	const char *parent; /* its parent device, "arm-smmu-v3.0.auto"; NULL: none */

	bool has_segment; /* all PCI devices behind it are in this one segment */
	uint32_t segment;

	/* Registers in sysfs. VT-d: CAP and ECAP (VT-d 4.1, 11.4.2 and 11.4.3); AMD-Vi:
	 * capability header, and the Extended Feature Register (AMD 48882, MMIO offset 0030h) as
	 * `features`. 0 and `has_registers` false: not known. */
	bool has_registers;
	uint64_t cap, ecap, features;
	const char *version; /* "1:0" of VT-d, or NULL */

	/* Decoded from the registers; sysfs has no registers of SMMUs. */
	unsigned input_bits;        /* widest IOVA, in bits; 0: not known */
	unsigned output_bits;       /* widest physical address, in bits; 0: not known */
	uint64_t page_sizes;        /* bit n: pages of 2^n bytes; 0: not known */
	enum viommu_known nested;   /* two stages of translation */
	enum viommu_known coherent; /* table walks snoop caches */
	enum viommu_known ats;      /* device TLBs */
	enum viommu_known pri;
	enum viommu_known pasid;
	enum viommu_known dirty; /* dirty tracking by hardware */
	unsigned pasid_bits;     /* 0: not known or none */

	/* The same IOMMU in the firmware's tables; NULL: not found. */
	const struct viommu_iommu *in_table;

	size_t n_devices; /* viommu_host_iommu_device() */
};

/* -- devices -------------------------------------------------------------------- */

/* The reason why a device has no `iommu` link, derived from other data, because the kernel does
 * not report it. */
enum viommu_host_link {
	VIOMMU_HOST_LINKED,       /* it has one: `iommu` is not NULL */
	VIOMMU_HOST_IS_IOMMU,     /* it is an IOMMU, which is never translated */
	VIOMMU_HOST_NO_IOMMU_UP,  /* no IOMMU driver is up, or the machine has no IOMMU */
	VIOMMU_HOST_NO_DRIVER,    /* the tables give an IOMMU; the link may appear when a driver is
				     bound */
	VIOMMU_HOST_LINK_MISSING, /* the tables give an IOMMU that is up, and a driver is bound */
	VIOMMU_HOST_IOMMU_DOWN,   /* the tables give an IOMMU that is not in sysfs */
	VIOMMU_HOST_BYPASS,       /* by the tables, no IOMMU translates it */
	VIOMMU_HOST_IN_NO_TABLE,  /* tables were read, but do not describe it */
	VIOMMU_HOST_LINK_UNKNOWN, /* tables could not be read */
};

/*
 * "linked", "is an IOMMU", ...: a few words, for people
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const char *viommu_host_link_name(enum viommu_host_link link);

/* A base address register as the kernel assigned it. */
struct viommu_host_bar {
	uint64_t base;   /* 0: not assigned */
	uint64_t length; /* bytes; 0: there is none */
	bool io, prefetchable, is_64_bits;
};

#define VIOMMU_HOST_BARS 6

/* The PCI Express type of the function. (PCI Express 5.0, 7.5.3.2, Device/Port Type) */
enum viommu_host_port {
	VIOMMU_HOST_PORT_UNKNOWN, /* capabilities could not be read */
	VIOMMU_HOST_ENDPOINT,
	VIOMMU_HOST_INTEGRATED, /* root complex integrated endpoint or event collector */
	VIOMMU_HOST_ROOT_PORT,
	VIOMMU_HOST_UPSTREAM,
	VIOMMU_HOST_DOWNSTREAM,
	VIOMMU_HOST_TO_PCI,   /* bridge to conventional PCI: one requester ID for all devices behind
				 it */
	VIOMMU_HOST_FROM_PCI, /* bridge from conventional PCI */
	VIOMMU_HOST_CONVENTIONAL, /* no PCI Express capability */
};

/*
 * "endpoint", "root port", ...
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const char *viommu_host_port_name(enum viommu_host_port port);

struct viommu_host_group;

/* A device that may do DMA. */
struct viommu_host_device {
	const char *name; /* "0000:3b:00.0", "10000:e1:00.0", "3000000.ethernet" */
	const char *bus;  /* "pci", "platform", "amba", "fsl-mc", "acpi", ... */
	size_t index;     /* viommu_host_device(host, index) is this one */

	/* -- the IOMMU -- */
	const struct viommu_host_iommu
		*iommu; /* by its `iommu` link; NULL: `link` has the reason */
	enum viommu_host_link link;
	const struct viommu_host_group *group; /* NULL: none */

	/* Its IOMMU by the tables, which may be another one; NULL: none or not known. */
	const struct viommu_iommu *iommu_in_table;
	bool has_id;
	uint32_t id; /* by the tables: stream, source, or endpoint ID */

	/* -- drivers -- */
	const char *driver;          /* NULL: none is bound */
	const char *driver_override; /* NULL: none */
	const char *vfio;            /* "vfio3": a VFIO driver is bound; NULL: none */
	bool vfio_cdev;              /* /dev/vfio/devices/vfio3 exists */

	int numa_node; /* -1: not known */

	/* -- PCI only; zero for others -- */
	bool pci;
	uint32_t segment; /* more than 16 bits behind VMD */
	uint16_t bdf;
	uint16_t vendor, device, subsystem_vendor, subsystem_device;
	uint32_t pci_class; /* 24 bits: 0x030200 */
	uint8_t revision;
	bool multifunction;
	bool bridge;                               /* header type 1 */
	uint8_t secondary, subordinate;            /* of a bridge */
	const struct viommu_host_device *upstream; /* the bridge above; NULL: on a root bus */
	uint32_t root_segment;                     /* of the host bridge, and its first bus */
	uint8_t root_bus;

	/* The function whose requester ID its DMA has: the VMD function of its segment; NULL:
	 * its own. */
	const struct viommu_host_device *dma_function;

	/* Configuration space. `config_length` is the number of readable bytes: 64 excludes
	 * capabilities, 256 extended capabilities. 0: none. */
	size_t config_length;
	enum viommu_host_port port;
	enum viommu_known ats, pri, pasid, acs, ari, sriov; /* it has the capability */
	enum viommu_known ats_enabled, pri_enabled, pasid_enabled;
	unsigned pasid_bits;               /* 0: none or not known */
	uint16_t acs_capable, acs_enabled; /* PCI Express, ACS capability and control */

	struct viommu_host_bar bars[VIOMMU_HOST_BARS];
	struct viommu_host_bar vf_bars[VIOMMU_HOST_BARS]; /* of a PF: of all its VFs together */

	const struct viommu_host_device *pf; /* of a VF: its physical function */
	unsigned n_vfs;                      /* of a PF: viommu_host_device_vf() */
	unsigned total_vfs;                  /* of a PF: maximum number of VFs */
};

/* -- groups --------------------------------------------------------------------- */

enum viommu_host_region_type {
	VIOMMU_HOST_DIRECT,           /* firmware uses it: VFIO rejects the device */
	VIOMMU_HOST_DIRECT_RELAXABLE, /* firmware used it: VFIO ignores it */
	VIOMMU_HOST_RESERVED,         /* not translated: no IOVA */
	VIOMMU_HOST_MSI,              /* interrupts */
	VIOMMU_HOST_REGION_OTHER,
};

/*
 * "direct", "direct-relaxable", "reserved", "msi", "other"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const char *viommu_host_region_type_name(enum viommu_host_region_type type);

struct viommu_host_region {
	uint64_t first, last; /* inclusive */
	enum viommu_host_region_type type;
};

/*
 * An IOMMU group: devices that the IOMMU cannot isolate from each other. Numbers are valid until
 * the next boot.
 */
struct viommu_host_group {
	uint32_t number;
	const char *type; /* "DMA", "DMA-FQ", "identity", "blocked", ...; NULL: not known */
	const char *name; /* or NULL */
	size_t n_devices; /* viommu_host_group_device() */
	size_t n_regions; /* viommu_host_group_region() */
};

/* -- the rest of the machine ------------------------------------------------------- */

struct viommu_host_segment {
	uint32_t number;
	size_t n_devices;
	size_t n_root_buses;
};

struct viommu_host_node {
	uint32_t number;
	bool has_cpus;
	uint64_t memory;      /* bytes; 0: none, or not known */
	const char *cpus;     /* "0-15", "" */
	const char *distance; /* "10 21", or NULL */
};

/*
 * A region of Extended GPU Memory: memory of a socket of Grace that the host does not use, and that
 * GPUs of the socket reach directly. A guest that gets it gets all of its GPUs.
 */
struct viommu_host_egm {
	const char *name; /* "egm4": /dev/egm4 */
	uint64_t size;    /* bytes; 0: not known */
	size_t n_gpus;    /* viommu_host_egm_gpu() */
};

/* -- asking ----------------------------------------------------------------------- */

/*
 * The i-th IOMMU. They are sorted by kind and name, dmar2 before dmar10, and SMMUs by address.
 *
 * Returns: the IOMMU, or NULL behind the last. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_iommu *viommu_host_iommu(const struct viommu_host *host, size_t i);

/*
 * The i-th device: PCI functions by segment and BDF, then others by name.
 *
 * Returns: the device, or NULL behind the last. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_device *viommu_host_device(const struct viommu_host *host, size_t i);

/*
 * The i-th group, by number.
 *
 * Returns: the group, or NULL behind the last. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_group *viommu_host_group(const struct viommu_host *host, size_t i);

/*
 * The i-th PCI segment, by number.
 *
 * Returns: the segment, or NULL behind the last. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_segment *viommu_host_segment(const struct viommu_host *host, size_t i);

/*
 * The i-th NUMA node, by number.
 *
 * Returns: the node, or NULL behind the last. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_node *viommu_host_node(const struct viommu_host *host, size_t i);

/*
 * The i-th region of Extended GPU Memory, by name, egm2 before egm10.
 *
 * Returns: the region, or NULL behind the last. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_egm *viommu_host_egm(const struct viommu_host *host, size_t i);

/*
 * Count the IOMMUs.
 *
 * Returns: how many there are. Locks: none. Waits: no. Since: 0.2 (testing)
 */
size_t viommu_host_count_iommus(const struct viommu_host *host);

/*
 * Count the devices.
 *
 * Returns: how many there are. Locks: none. Waits: no. Since: 0.2 (testing)
 */
size_t viommu_host_count_devices(const struct viommu_host *host);

/*
 * Find an IOMMU by the kernel's name.
 *
 * Returns: the IOMMU, or NULL. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_iommu *viommu_host_find_iommu(const struct viommu_host *host,
						       const char *name);

/*
 * Find a device by name. A PCI function may have any number of digits, and no segment if that is
 * 0.
 *
 * Returns: the device, or NULL. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_device *viommu_host_find_device(const struct viommu_host *host,
							 const char *name);

/*
 * Find a PCI function.
 *
 * Returns: the device, or NULL. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_device *viommu_host_find_function(const struct viommu_host *host,
							   uint32_t segment, uint16_t bdf);

/*
 * Find a group by number.
 *
 * Returns: the group, or NULL. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_group *viommu_host_find_group(const struct viommu_host *host,
						       uint32_t number);

/*
 * The i-th device behind an IOMMU.
 *
 * Returns: the device, or NULL behind the last. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_device *viommu_host_iommu_device(const struct viommu_host_iommu *iommu,
							  size_t i);

/*
 * The i-th device of a group.
 *
 * Returns: the device, or NULL behind the last. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_device *viommu_host_group_device(const struct viommu_host_group *group,
							  size_t i);

/*
 * The i-th GPU of a region of Extended GPU Memory.
 *
 * Returns: the device, or NULL behind the last. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_device *viommu_host_egm_gpu(const struct viommu_host_egm *egm, size_t i);

/*
 * The i-th virtual function of a physical function.
 *
 * Returns: the device, or NULL behind the last. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_device *viommu_host_device_vf(const struct viommu_host_device *device,
						       size_t i);

/*
 * The i-th reserved region of a group, in the kernel's order.
 *
 * Returns: the region, or NULL behind the last. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_host_region *viommu_host_group_region(const struct viommu_host_group *group,
							  size_t i);

/*
 * The words of the kernel's command line about IOMMUs or PCI: "intel_iommu=on iommu=pt", or "".
 *
 * Returns: a string of the host's, or NULL if the command line is unknown. Locks: none. Waits:
 * no. Since: 0.2 (testing)
 */
const char *viommu_host_cmdline(const struct viommu_host *host);

/*
 * The i-th firmware table that was read. Without privileges, or without firmware tables, there is
 * none.
 *
 * Returns: the table, or NULL behind the last. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const struct viommu_table *viommu_host_table(const struct viommu_host *host, size_t i);

/*
 * The topology of the table of IOMMUs: DMAR, IVRS, IORT, VIOT, or a device tree. It needs no
 * viommu_host_expand().
 *
 * Returns: the topology, or NULL if no such table was read. Locks: none. Waits: no. Since: 0.2
 * (testing)
 */
const struct viommu_topology *viommu_host_topology(const struct viommu_host *host);

/*
 * Copy a topology, and replace paths through bridges by the buses that this host has there
 * (viommu_topology_expand()), so that it can be resolved.
 *
 * Returns: the copy, to be freed with viommu_topology_free(). Locks: none. Waits: no. Since: 0.2
 * (testing)
 */
struct viommu_topology *viommu_host_expand(const struct viommu_host *host,
					   const struct viommu_topology *topology);

/* -- showing ------------------------------------------------------------------------ */

/* Parts of viommu_host_text(). */
enum viommu_host_parts {
	VIOMMU_HOST_TEXT_IOMMUS = 1 << 0,
	VIOMMU_HOST_TEXT_DEVICES = 1 << 1,
	VIOMMU_HOST_TEXT_GROUPS = 1 << 2,
};

/*
 * The host as text for people; `parts` are of enum viommu_host_parts.
 *
 * Returns: text, to be freed with free(). Locks: none. Waits: no. Since: 0.2 (testing)
 */
char *viommu_host_text(const struct viommu_host *host, unsigned parts);

/*
 * The host as one line of JSON, { "format": 1, ... } (docs/host.md). If `host` is NULL, the JSON
 * says that it could not be read: `name` and the findings. A `name` of NULL is that of the host;
 * `findings` may be NULL.
 *
 * Returns: JSON, to be freed with free(). Locks: none. Waits: no. Since: 0.2 (testing)
 */
char *viommu_host_json(const struct viommu_host *host, const char *name,
		       const struct viommu_findings *findings);

/*
 * The host as a graph, in the language of Graphviz's dot.
 *
 * Returns: text, to be freed with free(). Locks: none. Waits: no. Since: 0.2 (testing)
 */
char *viommu_host_graph(const struct viommu_host *host);

#ifdef __cplusplus
}
#endif

#endif
