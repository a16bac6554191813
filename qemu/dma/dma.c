/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * viommu-dma: a PCI function that does DMA by registers, for tests
 *
 * It writes a pattern to memory, or reads memory and computes a checksum: with or without a PASID,
 * translated by the IOMMU for each access or by translations that it caches (ATS), and with requests for
 * pages that are not there (PRI). Its extended capabilities ATS, PRI and PASID must be enabled for that.
 * ATS and PRI use QEMU's functions for them; for an access with a PASID it has none, so that goes to
 * libviommu. What ATS does not translate is accessed untranslated, so that the guest sees the fault.
 * Without a viommu device it does DMA without PASID to its address space, like any function.
 *
 * Registers in BAR 0, of 4 or 8 bytes, little-endian:
 *
 *     00  ident     'VDMA'                         read-only
 *     08  address   of the first byte
 *     10  length    bytes
 *     18  pasid     bits 19:0; 31 with a PASID, 30 privileged
 *     1c  flags     bit 0 ATS, bit 1 request pages
 *     20  seed      the 64-bit word at address A is written as hash(seed ^ A)
 *     28  result    checksum of what was read: the sum of hash(word ^ A), modulo 2^64   read-only
 *     30  command   1 write, 2 read, 3 drop the cache. Without effect while status is 1
 *     34  status    0 done, 1 busy, 2 fault, 3 page refused (INVALID), 4 page requests
 *                   off (FAILURE), 5 a capability is off                                read-only
 *     38  done      bytes of it that have been transferred                              read-only
 *     40  requests  pages requested so far                                              read-only
 *     44  drops     cached translations dropped so far                                  read-only
 *     48  hits      accesses by cached translations so far                              read-only
 *
 * Words are aligned to 8 bytes: so must address and length be. A command is executed in slices by the
 * main loop, while the guest runs.
 */

#define VENDOR_ID 0x1234
#define DEVICE_ID 0x7664

enum {
	REG_IDENT = 0x00,
	REG_ADDRESS = 0x08,
	REG_LENGTH = 0x10,
	REG_PASID = 0x18,
	REG_FLAGS = 0x1c,
	REG_SEED = 0x20,
	REG_RESULT = 0x28,
	REG_COMMAND = 0x30,
	REG_STATUS = 0x34,
	REG_DONE = 0x38,
	REG_REQUESTS = 0x40,
	REG_DROPS = 0x44,
	REG_HITS = 0x48,
	REGISTERS = 0x1000,
};

enum { COMMAND_WRITE = 1, COMMAND_READ, COMMAND_DROP };
enum { DONE, BUSY, FAULT, REFUSED, FAILED, DISABLED };

#define IDENT       0x414d4456u
#define PASID_VALID (1u << 31)
#define PASID_PRIV  (1u << 30)
#define FLAG_ATS    1u
#define FLAG_PRI    2u

/* Extended capabilities. */
enum { AT_ATS = 0x100, AT_PRI = 0x110, AT_PASID = 0x120 };
enum { CAP_PRI = 0x13, CAP_PASID = 0x1b, PASID_WIDTH = 20, PRI_CAPACITY = 32 };
enum { ATS_CONTROL = AT_ATS + 6, PRI_CONTROL = AT_PRI + 4, PRI_STATUS = AT_PRI + 6 };
enum { PASID_CONTROL = AT_PASID + 6 };
#define ATS_ENABLE   0x8000
#define PRI_ENABLE   1
#define PRI_RESET    2
#define PASID_ENABLE 1
#define PASID_PRIVS  4

#define SLICE   0x40000 /* bytes for which the main loop is kept */
#define PIECE   0x1000
#define CACHED  64
#define SPACES  16
#define NO_PAGE UINT64_MAX

/* A cached translation of 4 KiB. */
struct cached {
	uint64_t page; /* NO_PAGE: none */
	uint64_t to;
	uint32_t pasid; /* the register */
	uint32_t flags; /* VIOMMU_MAP_F_* */
};

/* An address space that it uses with ATS or PRI. */
struct space {
	struct dma *dma; /* NULL: none */
	uint32_t pasid;  /* or PCI_NO_PASID */
	IOMMUNotifier removals;
	IOMMUPRINotifier answers;
};

struct dma {
	PCIDevice pci;
	MemoryRegion registers;
	QEMUBH *bh;
	VMChangeStateEntry *state_change;
	struct endpoint *endpoint; /* that it is the requester of, or NULL */

	uint64_t address, length, seed, result, done;
	uint32_t pasid, flags, command, status, requests, drops, hits;
	bool waits;      /* for the answer to a page request, */
	uint16_t group;  /* of this group */
	struct cached cache[CACHED];
	struct space spaces[SPACES];
};

DECLARE_INSTANCE_CHECKER(struct dma, VIOMMU_DMA, TYPE_VIOMMU_DMA)

/* -- translations ------------------------------------------------------------------- */

static uint32_t pasid_of(uint32_t pasid)
{
	return pasid & PASID_VALID ? pasid & 0xfffff : PCI_NO_PASID;
}

static struct cached *cached_at(struct dma *dma, uint64_t page)
{
	return &dma->cache[page / PIECE % CACHED];
}

static void drop(struct dma *dma, struct cached *cached)
{
	if (cached->page == NO_PAGE)
		return;
	cached->page = NO_PAGE;
	dma->drops++;
}

static void drop_range(IOMMUNotifier *notifier, IOMMUTLBEntry *range)
{
	struct space *space = container_of(notifier, struct space, removals);

	for (unsigned int i = 0; i < CACHED; i++) {
		struct cached *cached = &space->dma->cache[i];

		if (pasid_of(cached->pasid) == space->pasid &&
		    cached->page <= range->iova + range->addr_mask &&
		    cached->page + (PIECE - 1) >= range->iova)
			drop(space->dma, cached);
	}
}

static void drop_all(struct dma *dma)
{
	for (unsigned int i = 0; i < CACHED; i++)
		drop(dma, &dma->cache[i]);
}

static uint32_t access_of(const struct dma *dma)
{
	return (dma->command == COMMAND_WRITE ? VIOMMU_MAP_F_WRITE : VIOMMU_MAP_F_READ) |
	       (dma->pasid & PASID_PRIV ? VIOMMU_ACCESS_PRIVILEGED : 0) |
	       (dma->flags & FLAG_PRI ? VIOMMU_ACCESS_RECOVERABLE : 0);
}

/* A cached translation holds for its page, and permits what it was asked for. */
static bool find_cached(struct dma *dma, uint64_t address, uint64_t *ret_to)
{
	const struct cached *cached = cached_at(dma, address & -(uint64_t)PIECE);

	if (cached->page != (address & -(uint64_t)PIECE) || cached->pasid != dma->pasid ||
	    !(cached->flags & access_of(dma)))
		return false;
	*ret_to = cached->to + address % PIECE;
	return true;
}

/* By a translation request. A command that reads does not ask for the right to write. */
static bool ask(struct dma *dma, uint64_t address, uint64_t *ret_to)
{
	uint64_t page = address & -(uint64_t)PIECE;
	IOMMUTLBEntry found;
	uint32_t n_refused;
	ssize_t n = pci_ats_request_translation(
		&dma->pci, pasid_of(dma->pasid), dma->pasid & PASID_PRIV, false, page, PIECE,
		dma->command == COMMAND_READ, &found, 1, &n_refused);

	if (n != 1 || !(found.perm & IOMMU_RW) || found.addr_mask < PIECE - 1)
		return false;
	*cached_at(dma, page) = (struct cached){
		.page = page,
		.to = found.translated_addr + (page - found.iova),
		.pasid = dma->pasid,
		.flags = (found.perm & IOMMU_RO ? VIOMMU_MAP_F_READ : 0) |
			 (found.perm & IOMMU_WO ? VIOMMU_MAP_F_WRITE : 0),
	};
	return find_cached(dma, address, ret_to);
}

static bool find_translation(struct dma *dma, uint64_t address, uint64_t *ret_to)
{
	if (!find_cached(dma, address, ret_to))
		return ask(dma, address, ret_to);
	dma->hits++;
	return true;
}

/* -- page requests ------------------------------------------------------------------ */

static void end(struct dma *dma, uint32_t status)
{
	dma->status = status;
	dma->waits = false;
}

static void answered(IOMMUPRINotifier *notifier, IOMMUPRIResponse *response)
{
	const struct space *space = container_of(notifier, struct space, answers);
	struct dma *dma = space->dma;

	if (!dma->waits || response->prgi != dma->group || space->pasid != pasid_of(dma->pasid))
		return;
	dma->waits = false;
	dma->group = (uint16_t)((dma->group + 1) % 512);
	if (response->response_code == IOMMU_PRI_RESP_SUCCESS)
		qemu_bh_schedule(dma->bh);
	else
		end(dma, response->response_code == IOMMU_PRI_RESP_INVALID_REQUEST ? REFUSED
										     : FAILED);
}

/* PCIe has 9 bits for the number of a group. */
static void request_page(struct dma *dma, uint64_t address)
{
	bool write = dma->command == COMMAND_WRITE;
	int status;

	dma->requests++;
	dma->waits = true;
	status = pci_pri_request_page(&dma->pci, pasid_of(dma->pasid), dma->pasid & PASID_PRIV, false,
				      address & -(uint64_t)PIECE, true, dma->group, !write, write);
	if (status)
		end(dma, status == -ENOSPC ? FAILED : REFUSED);
}

/* -- address spaces with notifiers ----------------------------------------------------- */

/* QEMU refuses it while the guest has PASIDs disabled. */
static void space_leave(struct space *space)
{
	PCIDevice *pci = &space->dma->pci;
	uint16_t control = pci_get_word(pci->config + PASID_CONTROL);

	pci_set_word(pci->config + PASID_CONTROL, control | PASID_ENABLE);
	pci_iommu_unregister_iotlb_notifier(pci, space->pasid, &space->removals);
	pci_pri_unregister_notifier(pci, space->pasid);
	pci_set_word(pci->config + PASID_CONTROL, control);
	space->dma = NULL;
}

static void leave_spaces(struct dma *dma)
{
	drop_all(dma);
	for (unsigned int i = 0; i < SPACES; i++)
		if (dma->spaces[i].dma)
			space_leave(&dma->spaces[i]);
}

static bool space_join(struct space *space, struct dma *dma, uint32_t pasid)
{
	*space = (struct space){ .dma = dma, .pasid = pasid, .answers = { answered } };
	if (!pci_iommu_init_iotlb_notifier(&dma->pci, &space->removals, drop_range, NULL) &&
	    !pci_iommu_register_iotlb_notifier(&dma->pci, pasid, &space->removals) &&
	    !pci_pri_register_notifier(&dma->pci, pasid, &space->answers))
		return true;
	space_leave(space);
	return false;
}

/* The notifiers of the command's address space. False: QEMU refuses them. */
static bool join_space(struct dma *dma)
{
	uint32_t pasid = pasid_of(dma->pasid);
	struct space *unused = NULL;

	for (unsigned int i = 0; i < SPACES; i++) {
		if (dma->spaces[i].dma && dma->spaces[i].pasid == pasid)
			return true;
		if (!dma->spaces[i].dma)
			unused = &dma->spaces[i];
	}
	if (!unused) {
		leave_spaces(dma);
		unused = &dma->spaces[0];
	}
	return space_join(unused, dma, pasid);
}

/* -- transfers ---------------------------------------------------------------------- */

static uint64_t hash(uint64_t value)
{
	value ^= value >> 31;
	value *= 0x9e3779b97f4a7c15ull;
	return value ^ value >> 29;
}

/* False: the memory is not there. */
static bool transfer(struct dma *dma, AddressSpace *as, uint64_t to, uint64_t address,
		     uint64_t length)
{
	uint64_t words[PIECE / 8];
	bool write = dma->command == COMMAND_WRITE;

	for (uint64_t i = 0; write && i < length / 8; i++)
		words[i] = cpu_to_le64(hash(dma->seed ^ (address + 8 * i)));
	if (address_space_rw(as, to, MEMTXATTRS_UNSPECIFIED, words, length, write))
		return false;
	for (uint64_t i = 0; !write && i < length / 8; i++)
		dma->result += hash(le64_to_cpu(words[i]) ^ (address + 8 * i));
	dma->done += length;
	return true;
}

/* Without a viommu device, QEMU translates. */
static void do_plain(struct dma *dma, uint64_t address, uint64_t length)
{
	if (dma->pasid & PASID_VALID ||
	    !transfer(dma, pci_get_address_space(&dma->pci), address, address, length))
		end(dma, FAULT);
}

/* The guest's requests run in the main loop, too: so nothing changes in between. */
static void do_untranslated(struct dma *dma, uint64_t address, uint64_t length)
{
	struct viommu_translation found;
	int status = viommu_handle_translate(dma->endpoint->handle, pasid_of(dma->pasid), address,
					     length, access_of(dma), &found);

	if (unlikely(dma->endpoint->iommu->record.bytes))
		record_translation(dma->endpoint, pasid_of(dma->pasid), address, length,
				   access_of(dma), status, &found);
	if (status == -EAGAIN)
		request_page(dma, address);
	else if (status || !(found.length & -8ull) ||
		 !transfer(dma, &address_space_memory, found.address, address,
			   found.length & -8ull))
		end(dma, FAULT);
}

static void do_piece(struct dma *dma)
{
	uint64_t address = dma->address + dma->done;
	uint64_t length = MIN(dma->length - dma->done, PIECE - address % PIECE);
	uint64_t to;

	if (!dma->endpoint)
		do_plain(dma, address, length);
	else if (!(dma->flags & FLAG_ATS) || !find_translation(dma, address, &to))
		do_untranslated(dma, address, length);
	else if (!transfer(dma, &address_space_memory, to, address, length))
		end(dma, FAULT);
}

static void run(void *opaque)
{
	struct dma *dma = opaque;
	uint64_t stop = dma->done + SLICE;

	if (!runstate_is_running())
		return;
	while (dma->status == BUSY && !dma->waits && dma->done < dma->length && dma->done < stop)
		do_piece(dma);
	if (dma->status != BUSY || dma->waits)
		return;
	if (dma->done >= dma->length)
		end(dma, DONE);
	else
		qemu_bh_schedule(dma->bh);
}

static void state_changed(void *opaque, bool running, RunState state)
{
	struct dma *dma = opaque;

	if (running && dma->status == BUSY && !dma->waits)
		qemu_bh_schedule(dma->bh);
}

/* -- commands ----------------------------------------------------------------------- */

static bool is_set(struct dma *dma, unsigned int at, unsigned int bits)
{
	return (pci_get_word(dma->pci.config + at) & bits) == bits;
}

static bool is_enabled(struct dma *dma)
{
	bool express = pci_is_express(&dma->pci);

	return (!(dma->flags & FLAG_ATS) || (express && is_set(dma, ATS_CONTROL, ATS_ENABLE))) &&
	       (!(dma->flags & FLAG_PRI) || (express && is_set(dma, PRI_CONTROL, PRI_ENABLE))) &&
	       (!(dma->pasid & PASID_VALID) ||
		(express && is_set(dma, PASID_CONTROL, PASID_ENABLE))) &&
	       (!(dma->pasid & PASID_PRIV) || is_set(dma, PASID_CONTROL, PASID_PRIVS));
}

static void start(struct dma *dma)
{
	bool valid = dma->address % 8 == 0 && dma->length % 8 == 0 && dma->length &&
		     dma->length - 1 <= UINT64_MAX - dma->address;

	/* Below another IOMMU the function has none, as without any. */
	dma->endpoint = endpoint_anywhere(&dma->pci);
	dma->done = dma->result = 0;
	dma->waits = false;
	if (!is_enabled(dma) || !is_set(dma, PCI_COMMAND, PCI_COMMAND_MASTER) ||
	    (dma->endpoint && dma->flags & (FLAG_ATS | FLAG_PRI) && !join_space(dma))) {
		end(dma, DISABLED);
	} else if (!valid) {
		end(dma, FAULT);
	} else {
		dma->status = BUSY;
		qemu_bh_schedule(dma->bh);
	}
}

static void command(struct dma *dma, uint32_t value)
{
	if (dma->status == BUSY)
		return;
	dma->command = value;
	if (value == COMMAND_DROP)
		drop_all(dma);
	else if (value == COMMAND_WRITE || value == COMMAND_READ)
		start(dma);
}

/* -- registers ---------------------------------------------------------------------- */

static const struct reg {
	hwaddr at;
	size_t offset, width;
	bool writable;
} regs[] = {
#define REG(at, member, writable) \
	{ at, offsetof(struct dma, member), sizeof(((struct dma *)0)->member), writable }
	REG(REG_ADDRESS, address, true),    REG(REG_LENGTH, length, true),
	REG(REG_PASID, pasid, true),	    REG(REG_FLAGS, flags, true),
	REG(REG_SEED, seed, true),	    REG(REG_RESULT, result, false),
	REG(REG_COMMAND, command, false),   REG(REG_STATUS, status, false),
	REG(REG_DONE, done, false),	    REG(REG_REQUESTS, requests, false),
	REG(REG_DROPS, drops, false),	    REG(REG_HITS, hits, false),
#undef REG
};

static const struct reg *find_reg(hwaddr at, unsigned int width)
{
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		if (regs[i].at == at && regs[i].width == width)
			return &regs[i];
	return NULL;
}

static uint64_t registers_read(void *opaque, hwaddr at, unsigned int width)
{
	const struct reg *reg = find_reg(at, width);

	if (at == REG_IDENT)
		return IDENT;
	if (!reg)
		return 0;
	return reg->width == 8 ? *(uint64_t *)(void *)((char *)opaque + reg->offset)
			       : *(uint32_t *)(void *)((char *)opaque + reg->offset);
}

static void registers_write(void *opaque, hwaddr at, uint64_t value, unsigned int width)
{
	const struct reg *reg = find_reg(at, width);
	struct dma *dma = opaque;

	if (at == REG_COMMAND && width == 4)
		command(dma, (uint32_t)value);
	if (!reg || !reg->writable || dma->status == BUSY)
		return;
	if (reg->width == 8)
		*(uint64_t *)(void *)((char *)opaque + reg->offset) = value;
	else
		*(uint32_t *)(void *)((char *)opaque + reg->offset) = (uint32_t)value;
}

static const MemoryRegionOps registers_ops = {
	.read = registers_read,
	.write = registers_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 4, .max_access_size = 8 },
	.impl = { .min_access_size = 4, .max_access_size = 8 },
};

/* -- the function ------------------------------------------------------------------- */

static void add_capabilities(PCIDevice *pci)
{
	pcie_endpoint_cap_init(pci, 0x40);
	pcie_ats_init(pci, AT_ATS, true);
	pcie_add_capability(pci, CAP_PRI, 1, AT_PRI, 16);
	pci_set_word(pci->config + PRI_STATUS, 0x8000 | 0x100); /* needs PASIDs; stopped */
	pci_set_long(pci->config + AT_PRI + 8, PRI_CAPACITY);
	pci_set_word(pci->wmask + PRI_CONTROL, PRI_ENABLE | PRI_RESET);
	pci_set_long(pci->wmask + AT_PRI + 12, UINT32_MAX);
	pcie_add_capability(pci, CAP_PASID, 1, AT_PASID, 8);
	pci_set_word(pci->config + AT_PASID + 4, PASID_WIDTH << 8 | PASID_PRIVS);
	pci_set_word(pci->wmask + PASID_CONTROL, PASID_ENABLE | PASID_PRIVS);
	SET_EXPRESS(pci, pri_cap, AT_PRI);
	SET_EXPRESS(pci, pasid_cap, AT_PASID);
}

static void dma_realize(PCIDevice *pci, Error **errp)
{
	struct dma *dma = VIOMMU_DMA(pci);

	if (pci_bus_is_express(pci_get_bus(pci)))
		add_capabilities(pci);
	for (unsigned int i = 0; i < CACHED; i++)
		dma->cache[i].page = NO_PAGE;
	dma->bh = qemu_bh_new(run, dma);
	dma->state_change = ADD_RUN_STATE_HANDLER(DEVICE(pci), state_changed, dma);
	memory_region_init_io(&dma->registers, OBJECT(dma), &registers_ops, dma, TYPE_VIOMMU_DMA,
			      REGISTERS);
	pci_register_bar(pci, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &dma->registers);
}

static void dma_exit(PCIDevice *pci)
{
	struct dma *dma = VIOMMU_DMA(pci);

	leave_spaces(dma);
	qemu_del_vm_change_state_handler(dma->state_change);
	qemu_bh_delete(dma->bh);
}

static void dma_reset(DeviceState *device)
{
	struct dma *dma = VIOMMU_DMA(device);

	drop_all(dma);
	dma->address = dma->length = dma->seed = dma->result = dma->done = 0;
	dma->pasid = dma->flags = dma->command = dma->requests = dma->drops = dma->hits = 0;
	end(dma, DONE);
}

/* The cache is empty at the destination. The endpoint is found again there. */
static int dma_loaded(void *opaque, int version)
{
	struct dma *dma = opaque;

	dma->endpoint = endpoint_anywhere(&dma->pci);
	if (dma->waits && dma->endpoint && !join_space(dma))
		end(dma, DISABLED);
	return 0;
}

static const VMStateDescription saved = {
	.name = TYPE_VIOMMU_DMA,
	.version_id = 1,
	.minimum_version_id = 1,
	.post_load = dma_loaded,
	.fields =
		VMSTATE_FIELDS{
			VMSTATE_PCI_DEVICE(pci, struct dma),
			VMSTATE_UINT64(address, struct dma),
			VMSTATE_UINT64(length, struct dma),
			VMSTATE_UINT64(seed, struct dma),
			VMSTATE_UINT64(result, struct dma),
			VMSTATE_UINT64(done, struct dma),
			VMSTATE_UINT32(pasid, struct dma),
			VMSTATE_UINT32(flags, struct dma),
			VMSTATE_UINT32(command, struct dma),
			VMSTATE_UINT32(status, struct dma),
			VMSTATE_UINT32(requests, struct dma),
			VMSTATE_UINT32(drops, struct dma),
			VMSTATE_UINT32(hits, struct dma),
			VMSTATE_BOOL(waits, struct dma),
			VMSTATE_UINT16(group, struct dma),
			VMSTATE_END_OF_LIST(),
		},
};

static void dma_class_init(ObjectClass *class, CLASS_DATA data)
{
	DeviceClass *device = DEVICE_CLASS(class);
	PCIDeviceClass *pci = PCI_DEVICE_CLASS(class);

	set_bit(DEVICE_CATEGORY_MISC, device->categories);
	device->desc = "DMA by registers, with PASIDs, ATS and page requests, for tests (viommu)";
	device->vmsd = &saved;
	SET_RESET(device, dma_reset);
	pci->realize = dma_realize;
	pci->exit = dma_exit;
	pci->vendor_id = VENDOR_ID;
	pci->device_id = DEVICE_ID;
	pci->class_id = PCI_CLASS_OTHERS;
}

void dma_types_register(void)
{
	static const InterfaceInfo interfaces[] = { { INTERFACE_PCIE_DEVICE }, {} };
	static const TypeInfo type = {
		.name = TYPE_VIOMMU_DMA,
		.parent = TYPE_PCI_DEVICE,
		.instance_size = sizeof(struct dma),
		.class_init = dma_class_init,
		.interfaces = INTERFACES(interfaces),
	};

	type_register_static(&type);
}
