/* SPDX-License-Identifier: BSD-3-Clause */
#include <viommu/protocol.h>

#include "../acpi.h"
#include "../devicetree.h"
#include "../fwcfg.h"

/*
 * A virtual machine with a device tree: QEMU's virt, and others that have PL011 and PCI by ECAM
 *
 * The page table maps 512 GiB one to one with blocks of 1 GiB: what has memory is cacheable, the
 * rest is for registers.
 */

enum { DATA = 0x00, FLAG = 0x18, FULL = 0x20 };
enum {
	BLOCK = 1,
	TABLE = 3,
	PAGE_ENTRY = 3,
	USER = 1 << 6,
	SHAREABLE = 3 << 8,
	ACCESSED = 1 << 10
};
enum { NORMAL = 0 << 2, REGISTERS = 1 << 2 };

#define GIBIBYTE  (1ull << 30)
#define ATTRIBUTE 0x04ffull     /* MAIR: 0 cacheable, 1 nGnRE */
#define CONTROL   0x80903510ull /* TCR: 48 bits by TTBR0 alone, 4 KiB, cacheable tables */
#define ADDRESSES (7ull << 32)  /* TCR.IPS */
#define SHUTDOWN  0x20026ull    /* ADP_Stopped_ApplicationExit */
#define CPU_ON    0xc4000003ull /* PSCI */

static const struct paging paging = { 12, TABLE };
static volatile uint8_t *serial;
static struct pci_host host;
static const void *device_tree, *rsdp;
static uint64_t root[512] __attribute__((aligned(4096)));
static uint64_t blocks[512] __attribute__((aligned(4096)));

void machine_begin(const void *tree);
void another_start(void);
void another_begin(void);
void exit_with(const uint64_t reason_and_status[2]) __attribute__((noreturn));

void machine_put(char c)
{
	if (!serial)
		return;
	while (read32(serial, FLAG) & FULL)
		;
	write32(serial, DATA, (uint8_t)c);
}

void leave(int status)
{
	const uint64_t block[2] = { SHUTDOWN, 2 * (uint64_t)status + 33 };

	exit_with(block);
}

const struct pci_host *machine_pci(void)
{
	return &host;
}

const void *machine_tree(void)
{
	return device_tree;
}

const void *machine_rsdp(void)
{
	return rsdp;
}

const char *machine_command_line(void)
{
	return "";
}

uint64_t machine_handed(void)
{
	return 0x4c000000;
}

/* -- the page table ------------------------------------------------------------ */

static bool is_memory(const void *tree, uint64_t first)
{
	uint64_t start, length;
	struct node node;

	for (unsigned n = 0; devicetree_find(tree, "device_type", "memory", n, &node); n++)
		if (devicetree_window(tree, &node, &start, &length) && start < first + GIBIBYTE &&
		    first < start + length)
			return true;
	return false;
}

static void fill_tables(const void *tree)
{
	root[0] = (uint64_t)blocks | TABLE;
	for (uint64_t i = 0; i < COUNT(blocks); i++)
		blocks[i] = (i * GIBIBYTE) | BLOCK | SHAREABLE | ACCESSED |
			    (is_memory(tree, i * GIBIBYTE) ? NORMAL : REGISTERS);
}

static uint64_t address_bits(void)
{
	uint64_t features;

	__asm__ volatile("mrs %0, id_aa64mmfr0_el1" : "=r"(features));
	features &= 15;
	return (features < 5 ? features : 5) << 32;
}

static void turn_on(void)
{
	uint64_t control, tcr = (CONTROL & ~ADDRESSES) | address_bits();

	__asm__ volatile("msr mair_el1, %1\n"
			 "msr tcr_el1, %2\n"
			 "msr ttbr0_el1, %3\n"
			 "dsb sy\n"
			 "tlbi vmalle1\n"
			 "dsb sy\n"
			 "isb\n"
			 "mrs %0, sctlr_el1\n"
			 : "=&r"(control)
			 : "r"(ATTRIBUTE), "r"(tcr), "r"(root)
			 : "memory");
	control |= 1 | 1 << 2 | 1 << 12; /* MMU, data and instruction caches */
	__asm__ volatile("msr sctlr_el1, %0\nisb" : : "r"(control) : "memory");
}

#ifdef ACPI
/* No firmware has run: the tree is what says where QEMU's files are, and where the serial port. */
static void use_acpi(void)
{
	rsdp = fwcfg_rsdp((uint8_t *)devicetree_device(device_tree, "qemu,fw-cfg-mmio"));
	device_tree = NULL;
	host = (struct pci_host){ 0 };
	acpi_pci(rsdp, &host);
}
#endif

void machine_begin(const void *tree)
{
	device_tree = tree;
	serial = (volatile uint8_t *)devicetree_device(tree, "arm,pl011");
	devicetree_pci(tree, &host);
	fill_tables(tree);
	turn_on();
#ifdef ACPI
	use_acpi();
#endif
}

uint16_t machine_table(uint64_t body[8])
{
	/* T0SZ 16, EPD1, V, 48 bits of output, AA64, R, A. */
	body[0] = 16 | 1ull << 30 | 1ull << 31 | 5ull << 32 | 1ull << 41 | 1ull << 45 | 1ull << 46;
	body[1] = (uint64_t)root;
	body[3] = ATTRIBUTE;
	return VIOMMU_TABLE_ARM_CD;
}

void machine_share(uint64_t address, const void *page)
{
	*paging_entry(&paging, root, address) =
		paging_value(&paging, page, PAGE_ENTRY | USER | SHAREABLE | ACCESSED | NORMAL);
	machine_fence();
	__asm__ volatile("isb" : : : "memory");
}

/* -- another processor --------------------------------------------------------- */

static uint8_t stack_of_another[PAGE] __attribute__((aligned(16)));
static void (*function_of_another)(void);

/* On that stack, with the MMU off. */
void another_begin(void)
{
	turn_on();
	function_of_another();
}

/* Number 1, which QEMU's virt has with `-smp 2`. */
static bool turn_on_another(void)
{
	register uint64_t call __asm__("x0") = CPU_ON;
	register uint64_t processor __asm__("x1") = 1;
	register uint64_t at __asm__("x2") = (uint64_t)another_start;
	register uint64_t stack __asm__("x3") =
		(uint64_t)stack_of_another + sizeof(stack_of_another);

	__asm__ volatile("hvc #0"
			 : "+r"(call), "+r"(processor), "+r"(at), "+r"(stack)
			 :
			 : "memory");
	return !call;
}

bool machine_start_another(void (*function)(void))
{
	struct node psci;

	function_of_another = function;
	machine_fence();
	return device_tree && devicetree_find(device_tree, "method", "hvc", 0, &psci) &&
	       turn_on_another();
}
