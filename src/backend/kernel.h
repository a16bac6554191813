/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BACKEND_KERNEL_H
#define BACKEND_KERNEL_H
#include <viommu/backend.h>

/*
 * An interface of the kernel in use: its files, and the opened devices
 *
 * A device's number is its index here; the number of a type1 space is the index of its container.
 */
#define NO_SPACE UINT32_MAX

/* Words of the answer to GET_HW_INFO, whose meaning depends on the hardware. */
struct hardware_info {
	uint64_t word[8];
};

/* What logs the pages that a device writes, where its IOMMU does not track them. */
enum writes {
	WRITES_UNLOGGED,
	WRITES_LOGGED, /* by the device itself, if it is asked to */
	NO_WRITES,     /* it is attached to be asked for its limits, and does no DMA */
};

struct kernel_device {
	bool used;
	char name[VIOMMU_DEVICE_NAME_LENGTH];
	int file;            /* of the device itself, or -1 */
	int group;           /* type1: of its group */
	uint32_t space;      /* that it is in, or its group; or NO_SPACE */
	uint32_t id;         /* iommufd: the object of the device */
	char group_name[16]; /* iommufd: the number of its group, or "" */

	/* iommufd, for tables of the guest and dirty pages. */
	uint32_t hardware;   /* the kind of its IOMMU, by GET_HW_INFO */
	uint32_t hwpt_flags; /* of page tables that it is put into; 0: the kernel selects one */
	struct hardware_info info;
	bool invalidates_twice;
	uint32_t n_queues; /* of hardware, that a vIOMMU for it can have; 0: none */
	enum writes writes;
	bool logs;         /* its writes */
	uint32_t table;    /* of the guest; 0: none */
	uint32_t endpoint; /* the guest's number of it, in `nest` */
	uint32_t vdevice;
	struct hwpt *hwpt; /* that it is in, if not selected by the kernel */
	struct nest *nest; /* that has its vDEVICE */
	struct viommu_limits limits;
};

struct container {
	int fd; /* -1: the entry is free */
	unsigned n_groups;
	uint64_t page; /* of dirty bitmaps; 0: the kernel was not asked since the groups changed */
};

/* Messages that a guest can cause at any rate. */
enum kernel_sentence {
	SENTENCE_ENTRIES,
	SENTENCE_MEMLOCK,
	SENTENCE_GROUP,
	SENTENCE_EVENTS,
	SENTENCE_QUEUE,
	N_SENTENCES,
};

/* Opening and closing an interface, in addition to the functions that the backend calls. */
struct kernel_kind {
	const char *path, *name;
	const struct viommu_backend_calls *(*calls)(void);
	int (*begin)(struct viommu_kernel *kernel);
	void (*end)(struct viommu_kernel *kernel);
	int (*open_device)(struct viommu_kernel *kernel, struct kernel_device *device);
	void (*close_device)(struct viommu_kernel *kernel, struct kernel_device *device);

	/* viommu_kernel_reset_group(); may be NULL. */
	int (*reset_group)(const struct viommu_kernel *kernel, const struct kernel_device *device,
			   int *ret_devices, size_t room);
};

extern const struct kernel_kind kernel_iommufd, kernel_type1;

struct viommu_kernel {
	struct viommu_kernel_ops ops;
	void *opaque;
	const struct kernel_kind *kind;
	struct viommu_backend_calls calls;
	int fd; /* iommufd: /dev/iommu */
	struct kernel_device *devices;
	size_t n_devices;
	struct container *containers;
	uint32_t n_containers;
	uint64_t n_logged[N_SENTENCES];

	/* iommufd */
	struct hwpt *hwpts;
	struct nest *nests;
	struct guest_table *tables;
	uint32_t last_table; /* the number of the newest */
	int events;          /* epoll, of all event queues; or -1 */
	struct page_queue *page_queue;
	uint32_t faults; /* the object of page_queue; 0: there is none */
};

/* The system call, repeated if interrupted: its result, or a negative errno. */
int kernel_ioctl(const struct viommu_kernel *kernel, int fd, unsigned long request, void *argument);
int kernel_open(const struct viommu_kernel *kernel, const char *path);
void kernel_close(const struct viommu_kernel *kernel, int fd);

/* Join pieces into a path. */
#define PATH_LENGTH 160
void kernel_path(char path[PATH_LENGTH], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The last component of a link in sysfs, or of the first entry of a folder. -ENOENT if there is
 * none.
 */
int kernel_link(const struct viommu_kernel *kernel, const char *path, char *name, size_t room);
int kernel_entry(const struct viommu_kernel *kernel, const char *path, char *name, size_t room);

void kernel_log(const struct viommu_kernel *kernel, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A message of this kind is due: the 1st, 2nd, 4th, 8th, ... */
bool kernel_is_due(struct viommu_kernel *kernel, enum kernel_sentence sentence);

/* `refused` of both interfaces: log the reason if the cause is a limit. */
void kernel_explain_map(void *kernel, int error, uint64_t length);

/*
 * The ranges of the kernel's answer, of which the widest are used. -EPROTO: they are not sorted and
 * disjoint.
 */
#define RANGES_MAX 65536u
int kernel_take_ranges(const struct viommu_kernel *kernel, const struct kernel_device *device,
		       struct viommu_limits *limits, const struct viommu_range *ranges, size_t n);

/* Add a range after the last one. Without room for it, the narrowest of all is left out. */
void limits_add_range(struct viommu_limits *limits, struct viommu_range range);

/* Write the reason of an error, which is returned. */
int limits_refuse(int error, char *reason, size_t room, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Store the limits of a device, and log them. -EOPNOTSUPP: the device can map nothing. */
int kernel_set_limits(const struct viommu_kernel *kernel, struct kernel_device *device,
		      const struct viommu_limits *limits);

/* Pass a new file to the VMM. If the VMM refuses it, it is closed. */
int kernel_give_file(struct viommu_kernel *kernel, struct kernel_device *device, int file);

/* Take the file back and close it. */
void kernel_close_file(struct viommu_kernel *kernel, struct kernel_device *device);
#endif
