/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BARE_H
#define BARE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine.h"

/*
 * A machine without an operating system: one processor, and what programs for it share
 *
 * All memory and all registers are at their own addresses, with privileged rights. Interrupts are
 * off. A program has `int run(void)`, whose result becomes QEMU's exit status.
 *
 *     machine.h   what each architecture has in a folder of its own
 *     memory.c    pages, numbers of bytes, and the functions that a compiler calls by itself
 *     paging.c    page tables of four levels
 *     console.c   text on the first serial port
 *     pci.c       functions, capabilities, BARs
 *     acpi.c      tables that firmware has left
 *     fwcfg.c     the same where no firmware has left them
 *     devicetree.c a flattened device tree
 *     virtio.c    a virtio device: features and split rings
 *     iommu.c     requests of virtio-iommu
 */

#define PAGE         4096ull
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* -- console.c ----------------------------------------------------------------- */

/* As printf(), with %s %d %u %x %llx %lld and %llu. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* -- the program ----------------------------------------------------------------- */

int run(void);

/* -- memory.c -------------------------------------------------------------------- */

/* Memory from the end of the program on, in whole pages of zeroes. Never freed. */
void *take_pages(unsigned n);

void *memset(void *at, int byte, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* The number of `length` bytes, little-endian and not aligned. */
uint64_t get_number(const uint8_t *at, unsigned length);
void put_number(uint8_t *at, unsigned length, uint64_t value);

/* -- paging.c -------------------------------------------------------------------- */

/* Bit 0 of an entry says that it is valid. The page number is at bit `shift`. */
struct paging {
	unsigned shift;
	uint64_t table; /* other bits of entries that lead to tables */
};

/* The entry of a page of 4 KiB, with the tables above it. */
volatile uint64_t *paging_entry(const struct paging *paging, uint64_t *root, uint64_t address);
uint64_t paging_value(const struct paging *paging, const void *page, uint64_t flags);

/* -- pci.c ------------------------------------------------------------------------ */

struct function {
	unsigned devfn; /* on bus 0 */
	volatile uint8_t *config;
};

/* The n-th function with these IDs on bus 0. */
bool pci_find(uint16_t vendor, uint16_t device, unsigned n, struct function *ret_function);

/* The one with that number. */
bool pci_at(unsigned devfn, struct function *ret_function);

uint8_t pci_read8(const struct function *function, unsigned at);
uint16_t pci_read16(const struct function *function, unsigned at);
uint32_t pci_read32(const struct function *function, unsigned at);
void pci_write16(const struct function *function, unsigned at, uint16_t value);
void pci_write32(const struct function *function, unsigned at, uint32_t value);

/* The next capability after `at`, or the first one after 0; 0: none. */
unsigned pci_capability(const struct function *function, uint8_t id, unsigned at);
unsigned pci_extended(const struct function *function, uint16_t id);

/* The registers of a memory BAR. Enables memory and bus mastering. */
volatile uint8_t *pci_bar(const struct function *function, unsigned n);

static inline uint16_t read16(volatile uint8_t *registers, unsigned at)
{
	return *(volatile uint16_t *)(registers + at);
}

static inline void write16(volatile uint8_t *registers, unsigned at, uint16_t value)
{
	*(volatile uint16_t *)(registers + at) = value;
}

static inline uint32_t read32(volatile uint8_t *registers, unsigned at)
{
	return *(volatile uint32_t *)(registers + at);
}

static inline uint64_t read64(volatile uint8_t *registers, unsigned at)
{
	return *(volatile uint64_t *)(registers + at);
}

static inline void write32(volatile uint8_t *registers, unsigned at, uint32_t value)
{
	machine_fence();
	*(volatile uint32_t *)(registers + at) = value;
}

static inline void write64(volatile uint8_t *registers, unsigned at, uint64_t value)
{
	machine_fence();
	*(volatile uint64_t *)(registers + at) = value;
}

/* A driver of virtio accesses a field of 64 bits by halves (4.1.3.1). */
static inline void write_halves(volatile uint8_t *registers, unsigned at, uint64_t value)
{
	write32(registers, at, (uint32_t)value);
	write32(registers, at + 4, (uint32_t)(value >> 32));
}

/* -- virtio.c --------------------------------------------------------------------- */

#define RING 64

struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
};

struct available {
	uint16_t flags, index, ring[RING];
};

struct used {
	uint16_t flags, index;
	struct {
		uint32_t id, length;
	} ring[RING];
};

struct queue {
	volatile struct descriptor *descriptors;
	volatile struct available *available;
	volatile struct used *used;
	volatile void *notify;
	bool wide; /* of 4 bytes */
	uint16_t number, seen, next;
	uint64_t offset; /* of addresses for the device from those of memory */
};

struct virtio {
	struct function function;
	volatile uint8_t *common; /* on PCI */
	volatile uint8_t *mmio;   /* on MMIO */
	volatile uint8_t *device;
	uint64_t offered;
	uint64_t offset; /* of queues that follow: 0, or for a device behind an IOMMU */
};

/* What PCI's common configuration and the registers of MMIO have in common. */
enum virtio_register {
	REG_FEATURE_SELECT,
	REG_FEATURE,
	REG_DRIVER_SELECT,
	REG_DRIVER_FEATURE,
	REG_STATUS,
	REG_QUEUE_SELECT,
	REG_QUEUE_MAX,  /* to read */
	REG_QUEUE_SIZE, /* to write */
	REG_QUEUE_ENABLE,
	REG_QUEUE_DESC,
	REG_QUEUE_DRIVER,
	REG_QUEUE_DEVICE,
	REG_QUEUE_RESET,
};

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64 };

/* Flags of descriptors, the last two of packed rings. */
enum { F_NEXT = 1, F_WRITE = 2, F_INDIRECT = 4, F_AVAILABLE = 0x80, F_USED = 0x8000 };

/* On PCI: the capability of that kind, or 0; the registers that it points to. */
enum { COMMON = 1, NOTIFY, ISR, DEVICE, ACCESS };
unsigned virtio_capability(const struct function *function, uint8_t kind);
volatile uint8_t *virtio_window(const struct function *function, unsigned capability);

/* Not the fields of 64 bits, which are written only. */
uint32_t virtio_read(const struct virtio *virtio, enum virtio_register reg);
void virtio_write(const struct virtio *virtio, enum virtio_register reg, uint64_t value);

/* Where a driver notifies the device of a queue; the queue is selected then. */
volatile void *virtio_doorbell(const struct virtio *virtio, uint16_t number);

/* The features that the device offers. */
uint64_t virtio_offered(const struct virtio *virtio);

/* Reset the function, read what it offers. */
bool virtio_begin(struct virtio *virtio, const struct function *function);
void virtio_begin_mmio(struct virtio *virtio, uint64_t registers);

/* Accept features. False: the device has refused them. */
bool virtio_accept(struct virtio *virtio, uint64_t features);
bool virtio_queue(struct virtio *virtio, uint16_t number, struct queue *ret_queue);

/* The same with a page for the rings, which is cleared. */
bool virtio_queue_in(struct virtio *virtio, uint16_t number, void *memory, struct queue *ret_queue);
void virtio_go(struct virtio *virtio);
void virtio_end(struct virtio *virtio);

/* Make a buffer available: a readable part, a writable part, or both. Returns its descriptor. */
uint16_t queue_put(struct queue *queue, const void *out, uint32_t n_out, void *in, uint32_t n_in);
void queue_kick(struct queue *queue);

/* The next used buffer, if there is one. */
bool queue_get(struct queue *queue, uint16_t *ret_descriptor, uint32_t *ret_length);

/* -- iommu.c ---------------------------------------------------------------------- */

struct iommu {
	struct virtio virtio;
	struct queue requests, events;
	uint8_t (*records)[64]; /* buffers of the event queue */
	uint32_t record_length; /* of each buffer */
};

/* A fault record or a page request. */
struct record {
	uint8_t reason;
	uint32_t flags, endpoint, pasid;
	uint64_t address;
	uint16_t group;
	uint32_t length; /* bytes that were written */
};

/* Drive the virtio-iommu with these features, and with buffers of that length for events. */
bool iommu_begin(struct iommu *iommu, uint64_t features, uint32_t record_length);

/* The same with a device that has begun. */
bool iommu_go(struct iommu *iommu, uint64_t features, uint32_t record_length);

/* Send bytes as a request; returns the status, or -1 if it was returned unwritten. */
int iommu_request(struct iommu *iommu, const void *bytes, uint32_t length);
bool iommu_event(struct iommu *iommu, struct record *ret_record);

int iommu_attach(struct iommu *iommu, uint32_t domain, uint32_t endpoint);
int iommu_attach_pasid(struct iommu *iommu, uint32_t domain, uint32_t endpoint, uint32_t pasid);
int iommu_detach_all(struct iommu *iommu, uint32_t endpoint);
int iommu_detach_pasid(struct iommu *iommu, uint32_t domain, uint32_t endpoint, uint32_t pasid);
int iommu_map(struct iommu *iommu, uint32_t domain, uint64_t first, uint64_t last, uint64_t to,
	      uint32_t flags);
int iommu_unmap(struct iommu *iommu, uint32_t domain, uint64_t first, uint64_t last);

#define NO_PASID  UINT32_MAX
#define NO_PARENT UINT32_MAX

struct table {
	uint32_t domain, endpoint, pasid, parent; /* NO_PASID, NO_PARENT */
	uint16_t format;
	uint64_t body[8];
};
int iommu_attach_table(struct iommu *iommu, const struct table *table);

/* Of a page in every PASID, in all caches. */
int iommu_invalidate(struct iommu *iommu, uint32_t domain, uint64_t address);
int iommu_invalidate_all(struct iommu *iommu, uint32_t domain);
int iommu_respond(struct iommu *iommu, const struct record *request, uint16_t code);

/* Properties of an endpoint: `n` bytes at `properties`. */
int iommu_probe(struct iommu *iommu, uint32_t endpoint, uint8_t *properties, uint32_t n);

#endif
