/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What a folder of an architecture provides
 *
 *     start.c     from the loader to begin(), which calls run(); traps
 *     machine.c   the functions below
 *     bare.ld     the place of the image
 */

/* A character on the first serial port. */
void machine_put(char c);

/* End the machine. QEMU exits with 2 * status + 33; one that does not start exits with 1. */
void leave(int status) __attribute__((noreturn));

/* The last page fault's address, or ~0 if reading the byte did not fault. */
uint64_t probe_byte(const volatile void *at);

/* Accesses to memory and registers before it come before those after it. */
static inline void machine_fence(void)
{
#if defined(__x86_64__)
	__asm__ volatile("mfence" : : : "memory");
#elif defined(__aarch64__)
	__asm__ volatile("dsb sy" : : : "memory");
#elif defined(__riscv)
	__asm__ volatile("fence iorw, iorw" : : : "memory");
#endif
}

/* The host bridge: configuration space by ECAM, and memory for BARs. */
struct pci_host {
	uint64_t ecam;
	uint64_t first, last; /* on the bus; 0: firmware has assigned BARs */
	uint64_t offset;      /* of the processor's address from that on the bus */
};

const struct pci_host *machine_pci(void);

/* The device tree, or NULL. Memory behind the program does not reach it. */
const void *machine_tree(void);

/* The root of ACPI's tables (RSDP), or NULL. */
const void *machine_rsdp(void);

/* The command line from the loader, or "". */
const char *machine_command_line(void);

/*
 * Another processor runs the function, which must not return, trap or print. False: there is none,
 * or none can be started here. Once.
 */
bool machine_start_another(void (*function)(void));

/* Where the host puts files for a program into memory. */
uint64_t machine_handed(void);

/*
 * The page table of the processor as the body of ATTACH_TABLE, and its format. A PASID without
 * privilege reaches what machine_share() has mapped: one page for the processor and for users.
 */
uint16_t machine_table(uint64_t body[8]);
void machine_share(uint64_t address, const void *page);

#endif
