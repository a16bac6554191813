/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BACKEND_KERNEL_H
#define BACKEND_KERNEL_H
#include <stdint.h>
#include <sys/ioctl.h>

/* The kernel's interface, as of Linux 6.12: own layouts, since older headers lack it. */
#define KERNEL_DESTROY     _IO(';', 0x80)
#define KERNEL_IOAS_ALLOC  _IO(';', 0x81)
#define KERNEL_IOAS_MAP    _IO(';', 0x85)
#define KERNEL_IOAS_UNMAP  _IO(';', 0x86)
#define KERNEL_VFIO_BIND   _IO(';', 0x76)
#define KERNEL_VFIO_ATTACH _IO(';', 0x77)
#define KERNEL_VFIO_DETACH _IO(';', 0x78)

#define KERNEL_MAP_FIXED_IOVA 1u
#define KERNEL_MAP_WRITEABLE  2u
#define KERNEL_MAP_READABLE   4u

struct kernel_destroy {
	uint32_t size, id;
};

struct kernel_ioas_alloc {
	uint32_t size, flags, out_ioas_id;
};

struct kernel_ioas_map {
	uint32_t size, flags, ioas_id, reserved;
	uint64_t user_va, length, iova;
};

struct kernel_ioas_unmap {
	uint32_t size, ioas_id;
	uint64_t iova, length;
};

struct kernel_vfio_bind {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t out_devid;
};

struct kernel_vfio_attach {
	uint32_t argsz, flags, pt_id;
};

struct kernel_vfio_detach {
	uint32_t argsz, flags;
};

_Static_assert(sizeof(struct kernel_destroy) == 8, "DESTROY");
_Static_assert(sizeof(struct kernel_ioas_alloc) == 12, "IOAS_ALLOC");
_Static_assert(sizeof(struct kernel_ioas_map) == 40, "IOAS_MAP");
_Static_assert(sizeof(struct kernel_ioas_unmap) == 24, "IOAS_UNMAP");
_Static_assert(sizeof(struct kernel_vfio_bind) == 16, "VFIO BIND");
_Static_assert(sizeof(struct kernel_vfio_attach) == 12, "VFIO ATTACH");
_Static_assert(sizeof(struct kernel_vfio_detach) == 8, "VFIO DETACH");
#endif
