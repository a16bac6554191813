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
 * viommu demo: the whole path in one process, told step by step
 *
 * Firmware describes a machine; a guest's driver brings up its IOMMU through real
 * registers and rings; devices do DMA, and are stopped where they must not. Every line
 * is something that was done and checked: a step that does not come out as it says ends
 * the demo with an error.
 */

enum { DISK = 0x100, NETWORK = 0x101, DOMAIN = 1, OTHER_DOMAIN = 2 };
enum { READ_WRITE = VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE };

#define PAGE   0x1000ull
#define BUFFER 0x800000ull /* the guest's page for the disk */
#define IOVA   0x40000000ull
#define TEXT   "a sector of the disk"

static const char platform[] = "viommu: 1\n"
			       "iommus:\n"
			       "  - name: viommu0\n"
			       "    kind: virtio-iommu-mmio\n"
			       "    at: 0x0a000000\n"
			       "devices:\n"
			       "  - name: disk\n"
			       "    at: 0x0b000000\n"
			       "    iommu: viommu0\n"
			       "    id: 0x100\n"
			       "  - name: network\n"
			       "    at: 0x0b001000\n"
			       "    iommu: viommu0\n"
			       "    id: 0x101\n";

struct demo {
	struct machine *machine;
	struct dma_device *disk, *network;
	struct driver *driver;
	unsigned step;
	bool failed;
};

/* -- telling ------------------------------------------------------------------- */

/* Numbers, so that people can speak of a step. */
static void step(struct demo *demo, const char *what)
{
	printf("\n%u. %s\n", ++demo->step, what);
}

/* One line: what was done, what came of it, and whether that is what should have. */
static void tell(struct demo *demo, bool right, const char *what, const char *outcome)
{
	printf("   %-62s %s%s\n", what, outcome, right ? "" : "   <-- NOT AS IT SHOULD BE");
	demo->failed |= !right;
}

/* Statuses are those of the tail of a request. No answer at all is negative, and never expected. */
static void tell_status(struct demo *demo, const char *what, int status, int expected)
{
	static const char *const names[] = { "OK",    "IOERR", "UNSUPP", "DEVERR", "INVAL",
					     "RANGE", "NOENT", "FAULT",  "NOMEM" };
	bool known = status >= 0 && status <= VIOMMU_S_NOMEM;

	tell(demo, status == expected, what, known ? names[status] : "no answer");
}

/*
 * A device learns whether its access went through, and nothing about why not: that is for the
 * guest, by the event queue.
 */
static void tell_dma(struct demo *demo, const char *what, int error, int expected)
{
	tell(demo, error == expected, what, error ? "refused" : "done");
}

/*
 * A fault of the right endpoint for the wrong reason is a failure too: the reason is all that tells
 * an endpoint without a domain from an address without a mapping.
 */
static void tell_fault(struct demo *demo, uint32_t endpoint, uint8_t reason)
{
	static const char *const reasons[] = { "unknown", "attached to nothing", "not mapped so" };
	struct viommu_fault fault = { 0 };
	bool found = driver_fault(demo->driver, &fault);
	char what[80];

	snprintf(what, sizeof(what), "event queue: endpoint 0x%" PRIx32 " at 0x%" PRIx64 ", %s",
		 fault.endpoint, fault.address,
		 fault.flags & VIOMMU_FAULT_F_WRITE ? "write" : "read");
	tell(demo, found && fault.endpoint == endpoint && fault.reason == reason,
	     found ? what : "event queue: empty",
	     found && fault.reason <= VIOMMU_FAULT_R_MAPPING ? reasons[fault.reason] : "");
}

/* -- the story -------------------------------------------------------------------- */

/* The table that would have told a real guest, made from the platform and read back. */
static bool show_firmware(struct demo *demo)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_topology *topology =
		viommu_topology_parse(platform, strlen(platform), "demo", findings);
	struct viommu_table *table =
		topology ? viommu_table_generate(topology, "VIOT", findings) : NULL;
	char *text = table ? viommu_table_text(table) : NULL;

	step(demo, "Firmware tells the guest which IOMMU its devices reach: an ACPI VIOT");
	if (text)
		printf("\n%s\n", text);
	if (table)
		viommu_table_check(table, findings);
	tell(demo, table && !viommu_findings_count_from(findings, VIOMMU_WARNING),
	     "generated from the platform, decoded, checked", table ? "clean" : "failed");
	free(text);
	viommu_table_free(table);
	viommu_topology_free(topology);
	viommu_findings_free(findings);
	return table;
}

/*
 * Two endpoints, and only one has a reserved region: so one can show what that is for, and the
 * other that domains keep devices apart.
 */
static bool build_machine(struct demo *demo)
{
	const struct viommu_reserved msi = { MACHINE_MSI_FIRST, MACHINE_MSI_LAST,
					     VIOMMU_RESV_MEM_MSI };
	const struct viommu_endpoint disk = {
		.size = sizeof(disk), .id = DISK, .reserved = &msi, .n_reserved = 1
	};
	const struct viommu_endpoint network = { .size = sizeof(network), .id = NETWORK };

	demo->machine = machine_new(&(struct machine_config){ 0 });
	if (!demo->machine)
		return false;
	demo->disk = dma_plug(demo->machine, &disk);
	demo->network = dma_plug(demo->machine, &network);
	return demo->disk && demo->network;
}

/*
 * The first DMA comes before the driver: a device that runs that early could otherwise write
 * anywhere while nobody watches.
 */
static void show_start(struct demo *demo)
{
	const struct driver_options options = { .packed = true,
						.indirect = true,
						.event_index = true };
	char what[80];
	int error;

	step(demo, "Before any driver runs, devices are kept away from memory");
	tell_dma(demo, "disk reads guest memory at 0", dma_read(demo->disk, 0, what, 1), -EFAULT);

	step(demo, "The guest's driver finds the device and negotiates");
	error = driver_start(demo->machine, &options, &demo->driver);
	tell(demo, !error, "virtio-mmio window at 0x0a000000, device 23", error ? "failed" : "up");
	if (error)
		return;
	snprintf(what, sizeof(what), "features 0x%" PRIx64 ": packed rings, indirect, event index",
		 driver_features(demo->driver));
	tell(demo, true, what, "accepted");
	snprintf(what, sizeof(what), "page sizes 0x%" PRIx64,
		 driver_config(demo->driver, VIOMMU_CONFIG_PAGE_SIZE_MASK, 8));
	tell(demo, true, what, "");
}

/*
 * PROBE before ATTACH, as drivers do: reserved regions have to be known before addresses are given
 * out.
 */
static void show_probe(struct demo *demo)
{
	uint8_t properties[VIOMMU_PROBE_SIZE_DEFAULT];
	char what[80];

	step(demo, "It asks what each endpoint is like, and attaches it to an address space");
	tell_status(demo, "PROBE endpoint 0x100 (disk)",
		    driver_probe(demo->driver, DISK, properties), VIOMMU_S_OK);
	snprintf(what, sizeof(what), "  reserved: 0x%llx-0x%llx", MACHINE_MSI_FIRST,
		 MACHINE_MSI_LAST);
	tell(demo, properties[0] == VIOMMU_PROBE_T_RESV_MEM, what, "interrupts (MSI)");
	tell_status(demo, "ATTACH endpoint 0x100 (disk) to domain 1",
		    driver_attach(demo->driver, DOMAIN, DISK, 0), VIOMMU_S_OK);
	tell_status(demo, "ATTACH endpoint 0x101 (network) to domain 2",
		    driver_attach(demo->driver, OTHER_DOMAIN, NETWORK, 0), VIOMMU_S_OK);
}

/*
 * The address of the MSI window is mapped by nobody and still works, for the region that was probed
 * says so. A write to memory and an interrupt take the same way otherwise.
 */
static void show_dma(struct demo *demo)
{
	const struct viommu_mapping mapping = { .domain = DOMAIN,
						.flags = READ_WRITE,
						.first = IOVA,
						.last = IOVA + PAGE - 1,
						.phys = BUFFER };
	const char *memory = machine_memory(demo->machine, BUFFER, PAGE);
	const uint32_t message = 0x4021;

	step(demo, "It maps a page, and the disk does DMA through it");
	tell_status(demo, "MAP domain 1: 0x40000000-0x40000fff -> 0x800000, read and write",
		    driver_map(demo->driver, &mapping), VIOMMU_S_OK);
	tell_dma(demo, "disk writes \"" TEXT "\" to 0x40000000",
		 dma_write(demo->disk, IOVA, TEXT, sizeof(TEXT)), 0);
	tell(demo, !strcmp(memory, TEXT), "guest reads its memory at 0x800000", memory);
	tell_dma(demo, "disk sends an interrupt to 0xfee00000",
		 dma_write(demo->disk, MACHINE_MSI_FIRST, &message, sizeof(message)), 0);
}

/*
 * One access too far in the right domain, and one to the right address in the wrong domain: the two
 * ways in which a device can be where it must not be.
 */
static void show_faults(struct demo *demo)
{
	char byte;

	step(demo, "What a device must not reach, it does not");
	tell_dma(demo, "disk writes behind its page, to 0x40001000",
		 dma_write(demo->disk, IOVA + PAGE, "x", 1), -EFAULT);
	tell_fault(demo, DISK, VIOMMU_FAULT_R_MAPPING);
	tell_dma(demo, "network reads 0x40000000, which is in the disk's domain only",
		 dma_read(demo->network, IOVA, &byte, 1), -EFAULT);
	tell_fault(demo, NETWORK, VIOMMU_FAULT_R_MAPPING);
}

/*
 * Guest memory stays as it is, as it would be saved with the rest. The reset between shows that
 * what goes on afterwards comes out of the stream.
 */
static void show_saved_state(struct demo *demo)
{
	struct viommu_mmio *window = machine_window(demo->machine);
	char reason[128] = "";
	size_t length = 0;
	void *bytes = NULL;
	int error;

	step(demo, "It is saved, reset, and goes on where it was: the driver does not notice");
	error = viommu_mmio_save(window, &bytes, &length);
	snprintf(reason, sizeof(reason), "window, rings and device in %zu bytes", length);
	tell(demo, !error, reason, error ? "failed" : "saved");
	viommu_mmio_system_reset(window);
	tell_dma(demo, "reset: disk writes to 0x40000000", dma_write(demo->disk, IOVA, "x", 1),
		 -EFAULT);
	error = viommu_mmio_load(window, bytes, length, reason, sizeof(reason));
	tell(demo, !error, error ? reason : "what was saved", error ? "failed" : "loaded");
	tell_dma(demo, "disk writes to 0x40000000", dma_write(demo->disk, IOVA, "x", 1), 0);
	free(bytes);
}

/*
 * Half of a mapping cannot be taken away: the request is refused and nothing is unmapped. Only
 * after the whole is gone the DMA is tried that must not work any more.
 */
static void show_unmap(struct demo *demo)
{
	step(demo, "When UNMAP is done, the page is the guest's again");
	tell_status(demo, "UNMAP domain 1: half of the page (would split the mapping)",
		    driver_unmap(demo->driver, DOMAIN, IOVA, IOVA + PAGE / 2 - 1), VIOMMU_S_RANGE);
	tell_status(demo, "UNMAP domain 1: all of it",
		    driver_unmap(demo->driver, DOMAIN, IOVA, IOVA + PAGE - 1), VIOMMU_S_OK);
	tell_dma(demo, "disk writes to 0x40000000", dma_write(demo->disk, IOVA, "x", 1), -EFAULT);
	tell_fault(demo, DISK, VIOMMU_FAULT_R_MAPPING);
	tell_status(demo, "DETACH endpoint 0x101 (network) from domain 2",
		    driver_detach(demo->driver, OTHER_DOMAIN, NETWORK), VIOMMU_S_OK);
}

/* The device gives its text in pieces, since it does not know where it goes. */
static void print(void *opaque, const char *text, size_t length)
{
	(void)opaque;
	fwrite(text, 1, length, stdout);
}

/*
 * What later steps stand on ends the story if it fails; a step that only came out wrong does not,
 * so that all that is wrong is seen at once.
 */
static int tell_story(struct demo *demo)
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
	step(demo, "And this is what the device says of itself");
	printf("\n");
	viommu_dump(machine_iommu(demo->machine), print, NULL);
	return demo->failed ? EXIT_COULD_NOT : EXIT_CLEAN;
}

/*
 * From the driver down to the machine: whatever uses something is taken away before it. Each of
 * these takes NULL, for the story may have ended anywhere.
 */
static int run(const struct command *command, char **arguments)
{
	struct demo demo = { 0 };
	int status;

	if (*arguments)
		return command_usage(command, "it takes no arguments");
	status = tell_story(&demo);
	driver_stop(demo.driver);
	dma_unplug(demo.network);
	dma_unplug(demo.disk);
	machine_free(demo.machine);
	printf("\n%s\n", status == EXIT_CLEAN ? "Everything was as it should be."
					      : "Something was not as it should be.");
	return status;
}

const struct command demo_command = {
	.name = "demo",
	.arguments = "",
	.summary = "watch a guest driver bring up a virtio-iommu, all in one process",
	.run = run,
};
