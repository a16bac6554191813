/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FAKE_H
#define TESTS_FAKE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A kernel in this process with iommufd and VFIO type1: what its system calls return for what state
 *
 * Device i is "0000:<i>:00.0" in a sysfs of its own, alone in group i; but device FAKE_MATE is in
 * group FAKE_MATE - 1. A space is an IOAS or a container; number 0 is none.
 */
enum { FAKE_DEVICES = 66, FAKE_MATE = FAKE_DEVICES - 1, FAKE_SPACES = 80 };
enum { FAKE_MAPS_USUAL = 64, FAKE_MAPS = 4096 };

/* Where a mapped file appears to be. */
#define FAKE_FILE_BASE UINT64_C(0x700000000000)
#define FAKE_FILE_STEP UINT64_C(0x10000000)

/* File descriptors: of /dev/iommu, and of the first device, group and container. */
enum { FAKE_FD = 99, FAKE_DEVICE = 100, FAKE_GROUP = 300, FAKE_CONTAINER = 500 };

/* Numbers of objects beside IOAS, and their kinds. */
enum { FAKE_OBJECT = 10000, FAKE_OBJECTS = 64, FAKE_DIRTY = 64, FAKE_ENTRIES = 256 };
enum { FAKE_PASIDS = 16 };
enum fake_kind {
	FAKE_NOTHING,
	FAKE_HWPT,
	FAKE_VIOMMU,
	FAKE_VDEVICE,
	FAKE_QUEUE,
	FAKE_FAULTS,
	FAKE_HW_QUEUE
};

/* Of a window of queues: the offset of the first object's, from one to the next, and length. */
enum { FAKE_WINDOW = 0x100000, FAKE_WINDOW_BYTES = 0x10000 };

struct fake_object {
	enum fake_kind kind;
	uint32_t space; /* the IOAS below all */
	uint32_t over;  /* the object that it is over */
	int iommu;      /* of hardware */
	uint32_t flags; /* KERNEL_HWPT_* */
	uint32_t data_type;
	uint64_t data[8];
	int device; /* of a vDEVICE */
	uint64_t virtual_id;
	bool has_queues;       /* a vIOMMU */
	uint64_t base, length; /* of a queue of hardware */
	int write_end;         /* of a queue */
	uint32_t faults;       /* of a page table: the queue for page requests, or 0 */
	bool tracks;
	unsigned n_dirty;
	uint64_t dirty[FAKE_DIRTY]; /* IOVAs */
};

struct fake_map {
	uint64_t iova, length, va;
	uint32_t flags; /* KERNEL_MAP_* */
	uint64_t dirty; /* its first 64 pages */
};

/* What the IOMMU of a device can do. All 0: 48 bits, pages of 4 KiB, no dirty pages. */
struct fake_limits {
	uint64_t alignment, last;
	uint64_t hole_first, hole_last;
	unsigned n_ranges; /* not 0: so many instead; range i has i + 1 pages, from 4 GiB * i on */
	bool touch;        /* wrong: ranges begin in those before them */
	bool dirty;
	uint32_t hwpt_flags; /* KERNEL_HWPT_* that it can do */
	uint32_t hardware;   /* the type of GET_HW_INFO */
	uint32_t info_flags;
	uint8_t pasid_bits;
	bool no_ats;
	bool requests_pages;
	bool logs;           /* a device that logs what it writes */
	uint8_t queues_log2; /* of hardware; 0: it has none */
	uint8_t queue_log2;  /* commands of the largest */
};

struct fake {
	struct fake_limits limits[FAKE_DEVICES];
	bool no_iommufd, no_type1;
	bool space[FAKE_SPACES], has_iommu[FAKE_SPACES];
	struct fake_map maps[FAKE_SPACES][FAKE_MAPS];
	unsigned n_maps[FAKE_SPACES];
	unsigned max_maps;         /* 0: FAKE_MAPS_USUAL */
	uint32_t at[FAKE_DEVICES]; /* the space of a device or its group, or 0 */
	bool file[FAKE_DEVICES], group[FAKE_DEVICES], bound[FAKE_DEVICES];
	bool not_viable;
	bool dead[FAKE_DEVICES];           /* unplugged: nothing works but close() */
	unsigned n_detached[FAKE_DEVICES]; /* how often it lost its space without getting another */
	bool tracks[FAKE_SPACES];
	bool no_tracking;
	bool held[FAKE_DEVICES]; /* something else has the device's file open */
	unsigned calls;          /* open() and ioctl() since this was set to 0 */
	unsigned fail;           /* the number of the one to fail, from 1 */
	unsigned fail_n;         /* how many fail from there on */
	int error;
	int iommu[FAKE_DEVICES];   /* of hardware, that a device is behind */
	uint32_t in[FAKE_DEVICES]; /* the page table of `at` that it is in; 0: of the kernel's
				      choice */
	uint32_t pasid_in[FAKE_DEVICES][FAKE_PASIDS];
	struct fake_object objects[FAKE_OBJECTS];
	unsigned n_copies;  /* by IOAS_COPY */
	uint32_t n_reset;   /* devices that a hot reset reports, from the first on */
	bool resets_others; /* and one that is not owned */
	bool logging[FAKE_DEVICES];
	unsigned n_logged[FAKE_DEVICES];
	uint64_t logged[FAKE_DEVICES][FAKE_DIRTY]; /* addresses of pages */
	bool no_queues;                            /* none is free */
	uint64_t window;                           /* that is mapped, by its offset; or 0 */
	unsigned invalidate_most;                  /* of one call; 0: all */
	unsigned n_invalidated;
	uint64_t invalidated[FAKE_ENTRIES][2];
};

extern struct fake fake;

/* Make the sysfs: its root. Removed by fake_remove_sysfs(). */
const char *fake_make_sysfs(void);
void fake_remove_sysfs(void);
const char *fake_name(int device);

int fake_open(const char *path);
int fake_close(int fd);
int fake_ioctl(int fd, unsigned long request, void *argument);
unsigned fake_spaces(void);

/* Ioctls for objects (fake_objects.c). */
struct fake_object *fake_object(uint32_t id); /* NULL: there is none */
unsigned fake_n_objects(void);
bool fake_space_has_objects(uint32_t space);
int fake_hwpt_alloc(void *argument);
int fake_viommu_alloc(void *argument);
int fake_vdevice_alloc(void *argument);
int fake_hw_queue_alloc(void *argument);
bool fake_is_pinned(uint32_t space, uint64_t iova, uint64_t length); /* by a queue */
int fake_veventq_alloc(void *argument);
int fake_destroy(uint32_t id);
int fake_enter(int device, uint32_t id);

/* Put a device into a page table of a space; 0: of the kernel's choice. False: its group is in
 * another. */
bool fake_place(int device, uint32_t space, uint32_t hwpt);
int fake_fault_queue_alloc(void *argument);
int fake_enter_pasid(int device, uint32_t pasid, uint32_t id);
int fake_invalidate(void *argument);
int fake_track(void *argument);
int fake_dirty_bitmap(void *argument);
void fake_wrote(int device, uint64_t iova);

/* Write to every event queue. */
void fake_event(const void *bytes, size_t length);

/* A device requests pages, in the queue of the page table that it is in; the answer to one. */
void fake_request_pages(int device, const void *bytes, size_t length);
bool fake_answer(uint32_t *ret_cookie, uint32_t *ret_code);

/* Where an access of a device to one byte ends, or 0: a fault. A write makes the page dirty. */
uint64_t fake_dma(int device, uint64_t iova, bool write);
#endif
