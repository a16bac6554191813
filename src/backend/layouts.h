/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BACKEND_LAYOUTS_H
#define BACKEND_LAYOUTS_H
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* The kernel's interface as of Linux 7.3: defined here, because older headers lack it. */
#define KERNEL_DESTROY               _IO(';', 0x80)
#define KERNEL_IOAS_ALLOC            _IO(';', 0x81)
#define KERNEL_IOAS_RANGES           _IO(';', 0x84)
#define KERNEL_HW_INFO               _IO(';', 0x8a)
#define KERNEL_IOMMU_INFO            _IO(';', 0x70)
#define KERNEL_IOAS_MAP              _IO(';', 0x85)
#define KERNEL_IOAS_UNMAP            _IO(';', 0x86)
#define KERNEL_IOAS_COPY             _IO(';', 0x83)
#define KERNEL_HWPT_ALLOC            _IO(';', 0x89)
#define KERNEL_HWPT_TRACK            _IO(';', 0x8b)
#define KERNEL_HWPT_DIRTY_BITMAP     _IO(';', 0x8c)
#define KERNEL_HWPT_INVALIDATE       _IO(';', 0x8d)
#define KERNEL_FAULT_QUEUE_ALLOC     _IO(';', 0x8e)
#define KERNEL_IOAS_MAP_FILE         _IO(';', 0x8f)
#define KERNEL_VIOMMU_ALLOC          _IO(';', 0x90)
#define KERNEL_VDEVICE_ALLOC         _IO(';', 0x91)
#define KERNEL_VEVENTQ_ALLOC         _IO(';', 0x93)
#define KERNEL_HW_QUEUE_ALLOC        _IO(';', 0x94)
#define KERNEL_VFIO_API_VERSION      _IO(';', 0x64)
#define KERNEL_VFIO_CHECK_EXTENSION  _IO(';', 0x65)
#define KERNEL_VFIO_SET_IOMMU        _IO(';', 0x66)
#define KERNEL_GROUP_STATUS          _IO(';', 0x67)
#define KERNEL_GROUP_SET_CONTAINER   _IO(';', 0x68)
#define KERNEL_GROUP_UNSET_CONTAINER _IO(';', 0x69)
#define KERNEL_GROUP_DEVICE          _IO(';', 0x6a)
#define KERNEL_DMA_MAP               _IO(';', 0x71)
#define KERNEL_DMA_UNMAP             _IO(';', 0x72)
#define KERNEL_DMA_DIRTY             _IO(';', 0x75)
#define KERNEL_VFIO_BIND             _IO(';', 0x76)
#define KERNEL_VFIO_ATTACH           _IO(';', 0x77)
#define KERNEL_VFIO_DETACH           _IO(';', 0x78)
#define KERNEL_VFIO_PASID            1u /* a flag of both; later than Linux 6.12 */

#define KERNEL_DEVICE_FEATURE _IO(';', 0x75)
#define KERNEL_FEATURE_GET    0x10000u
#define KERNEL_FEATURE_SET    0x20000u
#define KERNEL_FEATURE_PROBE  0x40000u
#define KERNEL_LOG_START      6u
#define KERNEL_LOG_STOP       7u
#define KERNEL_LOG_REPORT     8u

/* Of a VFIO device: the number is that of KERNEL_IOMMU_INFO, which is of a container. */
#define KERNEL_RESET_INFO _IO(';', 0x70)
#define KERNEL_RESET_IDS  1u

#define KERNEL_MAP_FIXED_IOVA 1u
#define KERNEL_MAP_WRITEABLE  2u
#define KERNEL_MAP_READABLE   4u

#define KERNEL_HW_DIRTY  1u
#define KERNEL_HW_NO_ATS 8u

#define KERNEL_HW_INTEL_VTD  1u
#define KERNEL_HW_ARM_SMMUV3 2u
#define KERNEL_HW_CMDQV      3u /* beside ARM_SMMUV3, by KERNEL_HW_TYPE */
#define KERNEL_HW_TYPE       1u /* a flag: answer for this type of hardware */

#define KERNEL_HWPT_NEST  1u
#define KERNEL_HWPT_DIRTY 2u
#define KERNEL_HWPT_FAULT 4u /* of KERNEL_FAULT_QUEUE_ALLOC */
#define KERNEL_HWPT_PASID 8u

#define KERNEL_DATA_VTD        1u
#define KERNEL_DATA_ARM_SMMUV3 2u

#define KERNEL_TRACK_ENABLE 1u

#define KERNEL_FAULT_HAS_PASID 1u
#define KERNEL_FAULT_LAST      2u
#define KERNEL_FAULT_READ      1u
#define KERNEL_FAULT_WRITE     2u
#define KERNEL_FAULT_EXEC      4u
#define KERNEL_FAULT_PRIV      8u
#define KERNEL_RESPONSE_OK     0u
#define KERNEL_RESPONSE_NO     1u

#define KERNEL_INVALIDATE_VTD        0u
#define KERNEL_INVALIDATE_ARM_SMMUV3 1u

#define KERNEL_VIOMMU_ARM_SMMUV3    1u
#define KERNEL_VIOMMU_CMDQV         2u
#define KERNEL_QUEUE_CMDQV          1u
#define KERNEL_VEVENTQ_ARM_SMMUV3   1u
#define KERNEL_EVENTS_LOST          1u
#define KERNEL_ARM_INVALIDATE_TWICE 1u

#define KERNEL_VTD_SRE 1u
#define KERNEL_VTD_WPE 4u

#define KERNEL_INFO_PAGE_SIZES 1u
#define KERNEL_INFO_CAPS       2u
#define KERNEL_CAP_RANGES      1u
#define KERNEL_CAP_DIRTY       2u

#define KERNEL_TYPE1V2      3u
#define KERNEL_GROUP_VIABLE 1u

#define KERNEL_DMA_READ  1u
#define KERNEL_DMA_WRITE 2u

#define KERNEL_DIRTY_START 1u
#define KERNEL_DIRTY_STOP  2u
#define KERNEL_DIRTY_GET   4u
#define KERNEL_UNMAP_DIRTY 1u

struct kernel_destroy {
	uint32_t size, id;
};

struct kernel_ioas_alloc {
	uint32_t size, flags, out_ioas_id;
};

struct kernel_range { /* as struct viommu_range */
	uint64_t first, last;
};

struct kernel_ioas_ranges {
	uint32_t size, ioas_id, n, reserved;
	uint64_t ranges; /* the address of struct kernel_range[n] */
	uint64_t alignment;
};

struct kernel_hw_info {
	uint32_t size, flags, dev_id, data_length;
	uint64_t data;
	uint32_t type;
	uint8_t pasid_bits, reserved[3];
	uint64_t capabilities;
};

struct kernel_iommu_info {
	uint32_t argsz, flags;
	uint64_t page_sizes;
	uint32_t cap_offset, padding; /* 0: no capability, or no room for them */
};

struct kernel_cap {
	uint16_t id, version;
	uint32_t next; /* from the beginning of struct kernel_iommu_info; 0: the last one */
};

struct kernel_cap_ranges {
	struct kernel_cap cap;
	uint32_t n, reserved;
	struct kernel_range ranges[];
};

struct kernel_ioas_map {
	uint32_t size, flags, ioas_id, reserved;
	uint64_t user_va, length, iova;
};

struct kernel_ioas_unmap {
	uint32_t size, ioas_id;
	uint64_t iova, length;
};

struct kernel_ioas_copy {
	uint32_t size, flags, to, from;
	uint64_t length, to_iova, from_iova;
};

struct kernel_ioas_map_file {
	uint32_t size, flags, ioas_id;
	int32_t fd;
	uint64_t start, length, iova;
};

struct kernel_hwpt_alloc {
	uint32_t size, flags, dev_id, pt_id, out_hwpt_id, reserved;
	uint32_t data_type, data_length;
	uint64_t data;
	uint32_t fault_id, reserved2;
};

struct kernel_fault_queue_alloc {
	uint32_t size, flags, out_fault_id, out_fault_fd;
};

struct kernel_page_fault {
	uint32_t flags, dev_id, pasid, group, access, reserved;
	uint64_t address;
	uint32_t length, cookie;
};

struct kernel_page_response {
	uint32_t cookie, code;
};

struct kernel_hwpt_track {
	uint32_t size, flags, hwpt_id, reserved;
};

struct kernel_hwpt_dirty {
	uint32_t size, hwpt_id, flags, reserved;
	uint64_t iova, length, page_size, data;
};

struct kernel_hwpt_invalidate {
	uint32_t size, hwpt_id;
	uint64_t data;
	uint32_t type, entry_length, n, reserved; /* n: out: how many are done */
};

struct kernel_viommu_alloc {
	uint32_t size, flags, type, dev_id, hwpt_id, out_viommu_id, data_length, reserved;
	uint64_t data;
};

struct kernel_vdevice_alloc {
	uint32_t size, viommu_id, dev_id, out_vdevice_id;
	uint64_t virt_id;
};

struct kernel_veventq_alloc {
	uint32_t size, flags, viommu_id, type, depth, out_veventq_id, out_veventq_fd, reserved;
};

struct kernel_hw_queue_alloc {
	uint32_t size, flags, viommu_id, type, index, out_queue_id;
	uint64_t base, length; /* base: an IOVA of the parent */
};

/* Data of KERNEL_VIOMMU_CMDQV, which the kernel writes. */
struct kernel_window {
	uint64_t offset, length; /* of mmap() of /dev/iommu */
};

struct kernel_vevent {
	uint32_t flags, sequence;
};

struct kernel_vtd_table {
	uint64_t flags, address;
	uint32_t address_bits, reserved;
};

struct kernel_vtd_invalidate {
	uint64_t address, pages;
	uint32_t flags, reserved;
};

struct kernel_arm_info {
	uint32_t flags, reserved, idr[6], iidr, aidr;
};

struct kernel_cmdqv_info {
	uint32_t flags;
	uint8_t version, log2_queues, log2_streams, reserved;
};

struct kernel_vfio_bind {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t out_devid;
};

struct kernel_vfio_attach {
	uint32_t argsz, flags, pt_id, pasid;
};

struct kernel_vfio_detach {
	uint32_t argsz, flags, pasid;
};

struct kernel_feature { /* before what the feature has */
	uint32_t argsz, flags;
};

struct kernel_log_range {
	uint64_t iova, length;
};

struct kernel_log_start {
	struct kernel_feature feature;
	uint64_t page_size;
	uint32_t n, reserved;
	uint64_t ranges; /* the address of struct kernel_log_range[n] */
};

struct kernel_log_report {
	struct kernel_feature feature;
	uint64_t iova, length, page_size, bits;
};

struct kernel_reset_info {
	uint32_t argsz, flags, count;
	struct {
		uint32_t id;
		uint16_t segment;
		uint8_t bus, function;
	} devices[];
};

struct kernel_group_status {
	uint32_t argsz, flags;
};

struct kernel_dma_map {
	uint32_t argsz, flags;
	uint64_t va, iova, length;
};

struct kernel_bitmap {
	uint64_t page_size;
	uint64_t bytes; /* of `bits`: a multiple of 8 */
	uint64_t bits;  /* the address of a bitmap of 64-bit words */
};

struct kernel_dma_unmap {
	uint32_t argsz, flags;
	uint64_t iova, length;
	struct kernel_bitmap bitmap; /* only with KERNEL_UNMAP_DIRTY */
};

struct kernel_dma_dirty {
	uint32_t argsz, flags;
	uint64_t iova, length;
	struct kernel_bitmap bitmap; /* only with KERNEL_DIRTY_GET */
};

_Static_assert(sizeof(struct kernel_destroy) == 8, "DESTROY");
_Static_assert(sizeof(struct kernel_ioas_alloc) == 12, "IOAS_ALLOC");
_Static_assert(sizeof(struct kernel_ioas_ranges) == 32, "IOAS_IOVA_RANGES");
_Static_assert(sizeof(struct kernel_hw_info) == 40, "GET_HW_INFO");
_Static_assert(sizeof(struct kernel_iommu_info) == 24, "IOMMU_GET_INFO");
_Static_assert(sizeof(struct kernel_cap_ranges) == 16, "INFO_CAP_IOVA_RANGE");
_Static_assert(sizeof(struct kernel_ioas_map) == 40, "IOAS_MAP");
_Static_assert(sizeof(struct kernel_ioas_unmap) == 24, "IOAS_UNMAP");
_Static_assert(sizeof(struct kernel_ioas_copy) == 40, "IOAS_COPY");
_Static_assert(sizeof(struct kernel_ioas_map_file) == 40, "IOAS_MAP_FILE");
_Static_assert(sizeof(struct kernel_hwpt_alloc) == 48, "HWPT_ALLOC");
_Static_assert(sizeof(struct kernel_fault_queue_alloc) == 16, "FAULT_QUEUE_ALLOC");
_Static_assert(sizeof(struct kernel_page_fault) == 40, "page fault");
_Static_assert(sizeof(struct kernel_page_response) == 8, "page response");
_Static_assert(sizeof(struct kernel_hwpt_track) == 16, "HWPT_SET_DIRTY_TRACKING");
_Static_assert(sizeof(struct kernel_hwpt_dirty) == 48, "HWPT_GET_DIRTY_BITMAP");
_Static_assert(sizeof(struct kernel_hwpt_invalidate) == 32, "HWPT_INVALIDATE");
_Static_assert(sizeof(struct kernel_viommu_alloc) == 40, "VIOMMU_ALLOC");
_Static_assert(sizeof(struct kernel_vdevice_alloc) == 24, "VDEVICE_ALLOC");
_Static_assert(sizeof(struct kernel_veventq_alloc) == 32, "VEVENTQ_ALLOC");
_Static_assert(sizeof(struct kernel_hw_queue_alloc) == 40, "HW_QUEUE_ALLOC");
_Static_assert(sizeof(struct kernel_window) == 16, "CMDQV window");
_Static_assert(sizeof(struct kernel_cmdqv_info) == 8, "CMDQV information");
_Static_assert(sizeof(struct kernel_vtd_table) == 24, "VT-d table");
_Static_assert(sizeof(struct kernel_vtd_invalidate) == 24, "VT-d invalidation");
_Static_assert(sizeof(struct kernel_arm_info) == 40, "SMMUv3 information");
_Static_assert(sizeof(struct kernel_vfio_bind) == 16, "VFIO BIND");
_Static_assert(sizeof(struct kernel_vfio_attach) == 16, "VFIO ATTACH");
_Static_assert(sizeof(struct kernel_vfio_detach) == 12, "VFIO DETACH");
_Static_assert(sizeof(struct kernel_log_start) == 32, "DMA_LOGGING_START");
_Static_assert(sizeof(struct kernel_log_report) == 40, "DMA_LOGGING_REPORT");
_Static_assert(sizeof(struct kernel_reset_info) == 12, "GET_PCI_HOT_RESET_INFO");
_Static_assert(sizeof(struct kernel_group_status) == 8, "GROUP_GET_STATUS");
_Static_assert(sizeof(struct kernel_dma_map) == 32, "MAP_DMA");
_Static_assert(offsetof(struct kernel_dma_unmap, bitmap) == 24, "UNMAP_DMA");
_Static_assert(offsetof(struct kernel_dma_dirty, bitmap) == 24, "DIRTY_PAGES");
_Static_assert(sizeof(struct kernel_bitmap) == 24, "VFIO bitmap");
#endif
