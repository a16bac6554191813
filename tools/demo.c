/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viommu/tables.h>

#include "command.h"
#include "driver.h"
#include "machine.h"

/*
 * viommu demo: firmware, driver and DMA in one process, step by step
 *
 * Firmware describes a machine; a guest driver brings up its IOMMU through real registers and
 * rings; devices do DMA, and some of it is blocked. Every printed line was executed and checked: an
 * unexpected result makes the exit status 2.
 */

enum { DISK = 0x100, NETWORK = 0x101, DOMAIN = 1, OTHER_DOMAIN = 2 };
enum { READ_WRITE = VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE };

#define PAGE   0x1000ull
#define BUFFER 0x800000ull /* the guest's page for the disk */
#define IOVA   0x40000000ull
#define TEXT   "a sector of the disk"

#define DEVICES \
	"devices:\n" \
	"  - name: disk\n" \
	"    at: 0x0b000000\n" \
	"    iommu: viommu0\n" \
	"    id: 0x100\n" \
	"  - name: network\n" \
	"    at: 0x0b001000\n" \
	"    iommu: viommu0\n" \
	"    id: 0x101\n"

static const char mmio_platform[] = "viommu: 1\n"
				    "iommus:\n"
				    "  - name: viommu0\n"
				    "    kind: virtio-iommu-mmio\n"
				    "    at: 0x0a000000\n" DEVICES;

static const char pci_platform[] = "viommu: 1\n"
				   "iommus:\n"
				   "  - name: viommu0\n"
				   "    kind: virtio-iommu-pci\n"
				   "    at: 00:01.0\n" DEVICES;

static gboolean pci;

static const GOptionEntry options[] = {
	{ "pci", 'p', 0, G_OPTION_ARG_NONE, &pci,
	  "the IOMMU is a PCI function instead of virtio-mmio", NULL },
	G_OPTION_ENTRY_NULL,
};

struct demo {
	struct machine *machine;
	struct dma_device *disk, *network;
	struct driver *driver;
	unsigned step;
	bool failed;
};

/* -- reporting ----------------------------------------------------------------- */

static void begin_step(struct demo *demo, const char *what)
{
	printf("\n%u. %s\n", ++demo->step, what);
}

static void report(struct demo *demo, bool expected, const char *what, const char *outcome)
{
	printf("   %-62s %s%s\n", what, outcome, expected ? "" : "   <-- UNEXPECTED");
	demo->failed |= !expected;
}

/* `status`: of the request's tail; negative if there was no answer. */
static void report_status(struct demo *demo, const char *what, int status, int expected)
{
	static const char *const names[] = { "OK",    "IOERR", "UNSUPP", "DEVERR", "INVAL",
					     "RANGE", "NOENT", "FAULT",  "NOMEM" };
	bool known = status >= 0 && status <= VIOMMU_S_NOMEM;

	report(demo, status == expected, what, known ? names[status] : "no answer");
}

/* A device learns only whether its access succeeded; the guest gets the reason by the event queue.
 */
static void report_dma(struct demo *demo, const char *what, int error, int expected)
{
	report(demo, error == expected, what, error ? "refused" : "done");
}

static void report_fault(struct demo *demo, uint32_t endpoint, uint8_t reason)
{
	static const char *const reasons[] = { "unknown", "no domain", "no mapping" };
	struct viommu_fault fault = { 0 };
	bool found = driver_fault(demo->driver, &fault);
	char what[80];

	snprintf(what, sizeof(what), "event queue: endpoint 0x%" PRIx32 " at 0x%" PRIx64 ", %s",
		 fault.endpoint, fault.address,
		 fault.flags & VIOMMU_FAULT_F_WRITE ? "write" : "read");
	report(demo, found && fault.endpoint == endpoint && fault.reason == reason,
	       found ? what : "event queue: empty",
	       found && fault.reason <= VIOMMU_FAULT_R_MAPPING ? reasons[fault.reason] : "");
}

/* -- steps ------------------------------------------------------------------------ */

/* The table that a real guest would read, generated from the platform and decoded again. */
static bool show_firmware(struct demo *demo)
{
	struct viommu_findings *findings = viommu_findings_new();
	const char *platform = pci ? pci_platform : mmio_platform;
	struct viommu_topology *topology =
		viommu_topology_parse(platform, strlen(platform), "demo", findings);
	struct viommu_table *table =
		topology ? viommu_table_generate(topology, "VIOT", findings) : NULL;
	char *text = table ? viommu_table_text(table) : NULL;

	begin_step(demo, "Firmware tells the guest which IOMMU its devices reach: an ACPI VIOT");
	if (text)
		printf("\n%s\n", text);
	if (table)
		viommu_table_check(table, findings);
	report(demo, table && !viommu_findings_count_from(findings, VIOMMU_WARNING),
	       "generated from the platform, decoded, checked", table ? "clean" : "failed");
	free(text);
	viommu_table_free(table);
	viommu_topology_free(topology);
	viommu_findings_free(findings);
	return table;
}

/* Two endpoints: one shows reserved regions, the other that domains isolate devices. */
static bool build_machine(struct demo *demo)
{
	const struct viommu_reserved msi = { MACHINE_MSI_FIRST, MACHINE_MSI_LAST,
					     VIOMMU_RESV_MEM_MSI };
	const struct viommu_endpoint disk = {
		.size = sizeof(disk), .id = DISK, .reserved = &msi, .n_reserved = 1
	};
	const struct viommu_endpoint network = { .size = sizeof(network), .id = NETWORK };

	demo->machine = machine_new(&(struct machine_config){ .pci = pci });
	if (!demo->machine)
		return false;
	demo->disk = dma_plug(demo->machine, &disk);
	demo->network = dma_plug(demo->machine, &network);
	return demo->disk && demo->network;
}

/* DMA before the driver starts is blocked: boot-bypass is off. */
static void show_start(struct demo *demo)
{
	const struct driver_options features = { .packed = true,
						 .indirect = true,
						 .event_index = true };
	char what[80];
	int error;

	begin_step(demo, "Before a driver runs, DMA is blocked");
	report_dma(demo, "disk reads guest memory at 0", dma_read(demo->disk, 0, what, 1), -EFAULT);

	begin_step(demo, "The guest driver finds the device and negotiates features");
	error = driver_start(demo->machine, &features, &demo->driver);
	report(demo, !error,
	       pci ? "PCI function 1af4:1057, BAR at 0x0a000000"
		   : "virtio-mmio window at 0x0a000000, device 23",
	       error ? "failed" : "up");
	if (error)
		return;
	snprintf(what, sizeof(what), "features 0x%" PRIx64 ": packed rings, indirect, event index",
		 driver_features(demo->driver));
	report(demo, true, what, "accepted");
	snprintf(what, sizeof(what), "page sizes 0x%" PRIx64,
		 driver_config(demo->driver, VIOMMU_CONFIG_PAGE_SIZE_MASK, 8));
	report(demo, true, what, "");
}

/* PROBE precedes ATTACH: the driver needs reserved regions before it allocates addresses. */
static void show_probe(struct demo *demo)
{
	uint8_t properties[VIOMMU_PROBE_SIZE_DEFAULT];
	char what[80];

	begin_step(demo, "It probes each endpoint and attaches it to an address space");
	report_status(demo, "PROBE endpoint 0x100 (disk)",
		      driver_probe(demo->driver, DISK, properties), VIOMMU_S_OK);
	snprintf(what, sizeof(what), "  reserved: 0x%llx-0x%llx", MACHINE_MSI_FIRST,
		 MACHINE_MSI_LAST);
	report(demo, properties[0] == VIOMMU_PROBE_T_RESV_MEM, what, "interrupts (MSI)");
	report_status(demo, "ATTACH endpoint 0x100 (disk) to domain 1",
		      driver_attach(demo->driver, DOMAIN, DISK, 0), VIOMMU_S_OK);
	report_status(demo, "ATTACH endpoint 0x101 (network) to domain 2",
		      driver_attach(demo->driver, OTHER_DOMAIN, NETWORK, 0), VIOMMU_S_OK);
}

/* A write to the MSI region needs no mapping: it is the reserved region that PROBE reported. */
static void show_dma(struct demo *demo)
{
	const struct viommu_mapping mapping = { .domain = DOMAIN,
						.flags = READ_WRITE,
						.first = IOVA,
						.last = IOVA + PAGE - 1,
						.phys = BUFFER };
	const char *memory = machine_memory(demo->machine, BUFFER, PAGE);
	const uint32_t message = 0x4021;

	begin_step(demo, "It maps a page, and the disk does DMA through it");
	report_status(demo, "MAP domain 1: 0x40000000-0x40000fff -> 0x800000, read and write",
		      driver_map(demo->driver, &mapping), VIOMMU_S_OK);
	report_dma(demo, "disk writes \"" TEXT "\" to 0x40000000",
		   dma_write(demo->disk, IOVA, TEXT, sizeof(TEXT)), 0);
	report(demo, !strcmp(memory, TEXT), "guest reads its memory at 0x800000", memory);
	report_dma(demo, "disk sends an interrupt to 0xfee00000",
		   dma_write(demo->disk, MACHINE_MSI_FIRST, &message, sizeof(message)), 0);
}

/* One access outside the mapping, and one to an address that only another domain maps. */
static void show_faults(struct demo *demo)
{
	char byte;

	begin_step(demo, "Accesses without a mapping are blocked and reported");
	report_dma(demo, "disk writes after its page, to 0x40001000",
		   dma_write(demo->disk, IOVA + PAGE, "x", 1), -EFAULT);
	report_fault(demo, DISK, VIOMMU_FAULT_R_MAPPING);
	report_dma(demo, "network reads 0x40000000, which is in the disk's domain only",
		   dma_read(demo->network, IOVA, &byte, 1), -EFAULT);
	report_fault(demo, NETWORK, VIOMMU_FAULT_R_MAPPING);
}

/* The reset in between shows that the state comes from the saved stream. */
static void show_saved_state(struct demo *demo)
{
	char reason[128] = "";
	size_t length = 0;
	void *bytes = NULL;
	int error;

	begin_step(demo, "The device is saved, reset and loaded; the driver does not notice");
	error = machine_save(demo->machine, &bytes, &length);
	snprintf(reason, sizeof(reason), "registers, rings and device in %zu bytes", length);
	report(demo, !error, reason, error ? "failed" : "saved");
	machine_reset(demo->machine);
	report_dma(demo, "reset: disk writes to 0x40000000", dma_write(demo->disk, IOVA, "x", 1),
		   -EFAULT);
	error = machine_load(demo->machine, bytes, length, reason, sizeof(reason));
	report(demo, !error, error ? reason : "the saved state", error ? "failed" : "loaded");
	report_dma(demo, "disk writes to 0x40000000", dma_write(demo->disk, IOVA, "x", 1), 0);
	free(bytes);
}

/* An UNMAP that would split a mapping is refused and removes nothing. */
static void show_unmap(struct demo *demo)
{
	begin_step(demo, "After UNMAP, the device cannot reach the page");
	report_status(demo, "UNMAP domain 1: half of the page (would split the mapping)",
		      driver_unmap(demo->driver, DOMAIN, IOVA, IOVA + PAGE / 2 - 1),
		      VIOMMU_S_RANGE);
	report_status(demo, "UNMAP domain 1: all of it",
		      driver_unmap(demo->driver, DOMAIN, IOVA, IOVA + PAGE - 1), VIOMMU_S_OK);
	report_dma(demo, "disk writes to 0x40000000", dma_write(demo->disk, IOVA, "x", 1), -EFAULT);
	report_fault(demo, DISK, VIOMMU_FAULT_R_MAPPING);
	report_status(demo, "DETACH endpoint 0x101 (network) from domain 2",
		      driver_detach(demo->driver, OTHER_DOMAIN, NETWORK), VIOMMU_S_OK);
}

static void print_piece(void *opaque, const char *text, size_t length)
{
	(void)opaque;
	fwrite(text, 1, length, stdout);
}

/* An unexpected result does not stop the demo, unless later steps depend on it. */
static int run_steps(struct demo *demo)
{
	if (!show_firmware(demo) || !build_machine(demo))
		return EXIT_COULD_NOT;
	show_start(demo);
	if (!demo->driver)
		return EXIT_COULD_NOT;
	show_probe(demo);
	show_dma(demo);
	show_faults(demo);
	show_saved_state(demo);
	show_unmap(demo);
	begin_step(demo, "The state of the device, as viommu_dump() prints it");
	printf("\n");
	viommu_dump(machine_iommu(demo->machine), print_piece, NULL);
	return demo->failed ? EXIT_COULD_NOT : EXIT_CLEAN;
}

static int run(const struct command *command, char **arguments)
{
	struct demo demo = { 0 };
	int status;

	if (*arguments)
		return command_usage(command, "takes no arguments");
	status = run_steps(&demo);
	driver_stop(demo.driver);
	dma_unplug(demo.network);
	dma_unplug(demo.disk);
	machine_free(demo.machine);
	printf("\n%s\n", status == EXIT_CLEAN ? "Every step had the expected result."
					      : "A step had an unexpected result.");
	return status;
}

const struct command demo_command = {
	.name = "demo",
	.arguments = "",
	.summary = "watch a guest driver bring up a virtio-iommu, all in one process",
	.examples = "viommu demo\n"
		    "viommu demo --pci",
	.options = options,
	.run = run,
};
