/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

/* The PCI function (virtio 1.4, 4.1) */

enum { ID_VENDOR = 0, ID_DEVICE = 2, PCI_COMMAND = 4, PCI_STATUS = 6, ID_REVISION = 8 };
enum { BAR_0 = 0x10, SUBSYSTEM = 0x2e };
enum { COMMAND_MEMORY = 2, COMMAND_MASTER = 4, COMMAND_NO_INTX = 0x400, STATUS_INTX = 8 };

static const struct function *function(void)
{
	return &device.virtio.function;
}

static void ids(void)
{
	expect_number(pci_read16(function(), ID_VENDOR), 0x1af4, "the vendor");
	expect_number(pci_read16(function(), ID_DEVICE), 0x1040 + VIOMMU_DEVICE_ID, "the device");
}

static void revision(void)
{
	expect(pci_read8(function(), ID_REVISION) >= 1, "the revision is 1 or higher");
}

static void subsystem(void)
{
	expect(pci_read16(function(), SUBSYSTEM) >= 0x40, "the subsystem device is 0x40 or higher");
}

static void halves_of_64_bits(void)
{
	if (!device_accept(STANDARD & device.virtio.offered))
		return;
	write16(device.virtio.common, QUEUE_SELECT, 0);
	write_halves(device.virtio.common, QUEUE_DESC, 0x123456789000ull);
	expect_number(read32(device.virtio.common, QUEUE_DESC), 0x56789000, "the lower half");
	expect_number(read32(device.virtio.common, QUEUE_DESC + 4), 0x1234, "the upper half");
}

static void capabilities_have_their_length(void)
{
	static const uint8_t lengths[] = { 0, 16, 20, 16, 16, 20 };

	for (uint8_t kind = COMMON; kind <= ACCESS; kind++) {
		unsigned at = device_capability(kind);

		if (at)
			expect(pci_read8(function(), at + 2) >= lengths[kind],
			       "cap_len has the fields of its kind");
	}
}

static uint64_t bar_size(unsigned bar)
{
	unsigned at = BAR_0 + 4 * bar;
	uint32_t low = pci_read32(function(), at), high = pci_read32(function(), at + 4);
	uint16_t command = pci_read16(function(), PCI_COMMAND);
	uint64_t mask;

	pci_write16(function(), PCI_COMMAND, command & (uint16_t)~COMMAND_MEMORY);
	pci_write32(function(), at, UINT32_MAX);
	mask = pci_read32(function(), at) & ~15ull;
	pci_write32(function(), at, low);
	if (low & 4) {
		pci_write32(function(), at + 4, UINT32_MAX);
		mask |= (uint64_t)pci_read32(function(), at + 4) << 32;
		pci_write32(function(), at + 4, high);
	} else {
		mask |= 0xffffffffull << 32;
	}
	pci_write16(function(), PCI_COMMAND, command);
	return -mask;
}

static void structures_fit(void)
{
	for (uint8_t kind = COMMON; kind <= DEVICE; kind++) {
		unsigned at = device_capability(kind);
		uint64_t size;

		if (!at)
			continue;
		size = bar_size(pci_read8(function(), at + 4));
		expect((uint64_t)pci_read32(function(), at + 8) + pci_read32(function(), at + 12) <=
			       size,
		       "a structure lies inside its BAR");
	}
}

static void capability_is_there(uint8_t kind, uint32_t alignment)
{
	unsigned at = device_capability(kind);

	expect(at, "the capability is there");
	if (at)
		expect_number(pci_read32(function(), at + 8) % alignment, 0,
			      "its offset, modulo the alignment");
}

static void common_is_there(void)
{
	capability_is_there(COMMON, 4);
}

static void isr_is_there(void)
{
	capability_is_there(ISR, 1);
}

static void device_config_is_there(void)
{
	capability_is_there(DEVICE, 4);
}

static void access_is_there(void)
{
	expect(device_capability(ACCESS), "the capability is there");
}

static void notify_is_there(void)
{
	unsigned at = device_capability(NOTIFY);
	uint32_t multiplier, length;

	capability_is_there(NOTIFY, 2);
	if (!at)
		return;
	multiplier = pci_read32(function(), at + 16);
	length = pci_read32(function(), at + 12);
	expect(!(multiplier & (multiplier - 1)) && multiplier != 1,
	       "the multiplier is 0 or an even power of two");
	for (uint16_t i = 0; i < 2; i++) {
		write16(device.virtio.common, QUEUE_SELECT, i);
		expect(read16(device.virtio.common, QUEUE_NOTIFY) * multiplier + 2 <= length,
		       "the address of a queue lies inside");
	}
}

static void feature_words(void)
{
	for (uint32_t i = 2; i < 5; i++) {
		write32(device.virtio.common, FEATURE_SELECT, i);
		observe("device_feature beyond 64 bits", read32(device.virtio.common, FEATURE));
	}
	write32(device.virtio.common, FEATURE_SELECT, 0x80000000);
	expect_number(read32(device.virtio.common, FEATURE), 0,
		      "device_feature of a word without bits");
	write32(device.virtio.common, FEATURE_SELECT, 1);
	expect_number(read32(device.virtio.common, FEATURE), device.virtio.offered >> 32,
		      "device_feature 1");
}

static void driver_features_read_back(void)
{
	if (!device_accept(STANDARD & device.virtio.offered))
		return;
	for (uint32_t i = 0; i < 2; i++) {
		write32(device.virtio.common, DRIVER_SELECT, i);
		expect_number(read32(device.virtio.common, DRIVER_FEATURE),
			      (uint32_t)((STANDARD & device.virtio.offered) >> 32 * i),
			      "driver_feature");
	}
}

static void no_queue_has_no_size(void)
{
	uint16_t n = read16(device.virtio.common, NUM_QUEUES);

	expect(n >= 2, "there are two queues");
	write16(device.virtio.common, QUEUE_SELECT, n);
	expect_number(read16(device.virtio.common, QUEUE_SIZE), 0, "queue_size of no queue");
	write16(device.virtio.common, QUEUE_SELECT, 0xffff);
	expect_number(read16(device.virtio.common, QUEUE_SIZE), 0, "queue_size of queue 65535");
}

static void sizes_are_powers_of_two(void)
{
	device_reset();
	for (uint16_t i = 0; i < 2; i++) {
		uint16_t size;

		write16(device.virtio.common, QUEUE_SELECT, i);
		size = read16(device.virtio.common, QUEUE_SIZE);
		expect(size && !(size & (size - 1)), "queue_size is a power of two");
	}
}

/* -- interrupts -------------------------------------------------------------------- */

static void isr_has_the_queue_bit(void)
{
	if (!bring_up())
		return;
	(void)device.isr[0];
	attach_first();
	for (unsigned i = 0; i < SHORT; i++)
		if (device.isr[0] & 1)
			return;
	expect(false, "the queue bit of ISR status is set after a used buffer");
}

static bool intx_pends(void)
{
	for (unsigned i = 0; i < SHORT; i++)
		if (pci_read16(function(), PCI_STATUS) & STATUS_INTX)
			return true;
	return false;
}

static void the_status_register_says_so(void)
{
	if (!bring_up())
		return;
	(void)device.isr[0];
	expect(!(pci_read16(function(), PCI_STATUS) & STATUS_INTX), "no interrupt pends at first");
	attach_first();
	expect(intx_pends(), "the interrupt bit of the PCI status register is set");
	(void)device.isr[0];
	expect(!(pci_read16(function(), PCI_STATUS) & STATUS_INTX),
	       "it is clear when ISR status was read");
}

static void a_read_clears_isr(void)
{
	if (!bring_up())
		return;
	attach_first();
	for (unsigned i = 0; i < SHORT && !(device.isr[0] & 1); i++)
		;
	expect_number(device.isr[0], 0, "ISR status at a second read");
}

/* -- MSI-X -------------------------------------------------------------------------- */

static unsigned n_vectors(void)
{
	unsigned at = pci_capability(function(), 0x11, 0);

	return (pci_read16(function(), at + 2) & 0x7ff) + 1u;
}

static void vectors_are_counted(void)
{
	expect(n_vectors() >= 1, "the capability has a number of vectors");
}

static void there_are_two_vectors(void)
{
	expect(n_vectors() >= 2, "there are two vectors");
}

static void set_and_expect(unsigned at, uint16_t vector, uint16_t wanted, const char *what)
{
	write16(device.virtio.common, at, vector);
	expect_number(read16(device.virtio.common, at), wanted, what);
}

static void any_event_has_any_vector(void)
{
	device_reset();
	for (uint16_t vector = 0; vector < n_vectors(); vector++) {
		set_and_expect(CONFIG_VECTOR, vector, vector, "the vector of configuration");
		for (uint16_t queue = 0; queue < 2; queue++) {
			write16(device.virtio.common, QUEUE_SELECT, queue);
			set_and_expect(QUEUE_VECTOR, vector, vector, "the vector of a queue");
		}
	}
}

static void events_are_unmapped(void)
{
	device_reset();
	write16(device.virtio.common, QUEUE_SELECT, 0);
	set_and_expect(QUEUE_VECTOR, 0, 0, "the vector of a queue");
	set_and_expect(QUEUE_VECTOR, NO_VECTOR, NO_VECTOR, "the vector that was removed");
	set_and_expect(CONFIG_VECTOR, 0, 0, "the vector of configuration");
	set_and_expect(CONFIG_VECTOR, NO_VECTOR, NO_VECTOR, "the vector that was removed");
}

static void no_such_vector(void)
{
	device_reset();
	write16(device.virtio.common, QUEUE_SELECT, 0);
	set_and_expect(QUEUE_VECTOR, (uint16_t)n_vectors(), NO_VECTOR, "a vector that is not");
	set_and_expect(CONFIG_VECTOR, (uint16_t)n_vectors(), NO_VECTOR, "a vector that is not");
}

static void a_reset_unmaps_all(void)
{
	device_reset();
	write16(device.virtio.common, QUEUE_SELECT, 0);
	write16(device.virtio.common, QUEUE_VECTOR, 0);
	write16(device.virtio.common, CONFIG_VECTOR, 0);
	device_reset();
	write16(device.virtio.common, QUEUE_SELECT, 0);
	expect_number(read16(device.virtio.common, QUEUE_VECTOR), NO_VECTOR,
		      "the vector of a queue");
	expect_number(read16(device.virtio.common, CONFIG_VECTOR), NO_VECTOR,
		      "that of configuration");
}

/* Messages of vector 0 go to a page of memory, for machines whose interrupts are stores. */
static volatile uint32_t *message_page(bool masked)
{
	unsigned at = pci_capability(function(), 0x11, 0);
	uint32_t where = pci_read32(function(), at + 4);
	volatile uint8_t *vectors = pci_bar(function(), where & 7) + (where & ~7u);

	*page(9) = 0;
	write32(vectors, 0, (uint32_t)physical(9));
	write32(vectors, 4, (uint32_t)(physical(9) >> 32));
	write32(vectors, 8, 0x1234);
	write32(vectors, 12, masked);
	pci_write16(function(), at + 2, 0x8000);
	return (volatile uint32_t *)page(9);
}

static void msix_off(void)
{
	pci_write16(function(), pci_capability(function(), 0x11, 0) + 2, 0);
}

static bool message_came(volatile uint32_t *at)
{
	for (unsigned i = 0; i < SHORT; i++) {
		if (*at == 0x1234)
			return true;
		device_status();
	}
	return false;
}

/* Does a message reach the page? */
static bool begin_messages(volatile uint32_t **ret_at)
{
	if (!device_start(STANDARD))
		return false;
	*ret_at = message_page(false);
	write16(device.virtio.common, QUEUE_SELECT, 0);
	write16(device.virtio.common, QUEUE_VECTOR, 0);
	set_bypass(1);
	attach_first();
	if (message_came(*ret_at))
		return true;
	skip("messages do not go to memory on this machine");
	msix_off();
	return false;
}

static void without_a_vector_no_message(void)
{
	volatile uint32_t *at;

	if (!begin_messages(&at))
		return;
	*at = 0;
	write16(device.virtio.common, QUEUE_SELECT, 0);
	write16(device.virtio.common, QUEUE_VECTOR, NO_VECTOR);
	attach(domain(0), endpoint(0), 0);
	expect(!message_came(at), "an event without a vector sends no message");
	msix_off();
}

static void a_masked_message_pends(void)
{
	volatile uint32_t *at;
	uint32_t where = pci_read32(function(), pci_capability(function(), 0x11, 0) + 4);
	volatile uint8_t *vectors = pci_bar(function(), where & 7) + (where & ~7u);

	if (!begin_messages(&at))
		return;
	*at = 0;
	write32(vectors, 12, 1);
	attach(domain(0), endpoint(0), 0);
	expect(!message_came(at), "a masked message is not sent");
	write32(vectors, 12, 0);
	expect(message_came(at), "it is sent when it is unmasked");
	msix_off();
}

static void isr_of_configuration_with_messages(void)
{
	volatile uint32_t *at;

	if (!begin_messages(&at))
		return;
	(void)device.isr[0];
	ring_publish(&device.requests, device.requests.size);
	ring_kick(&device.requests);
	for (unsigned i = 0; i < SHORT && !(device_status() & NEEDS_RESET); i++)
		;
	if (device_status() & NEEDS_RESET)
		expect(device.isr[0] & 2, "the configuration bit of ISR status is set");
	else
		skip("the device does not set DEVICE_NEEDS_RESET");
	msix_off();
}

/* -- the capability for access through configuration space ----------------------------- */

static void aim(uint8_t bar, uint32_t offset, uint32_t length)
{
	unsigned at = device_capability(ACCESS);

	pci_write32(function(), at + 4, (pci_read32(function(), at + 4) & 0xffffff00) | bar);
	pci_write32(function(), at + 8, offset);
	pci_write32(function(), at + 12, length);
}

static void aim_at_common(unsigned where, uint32_t length)
{
	unsigned at = device_capability(COMMON);

	aim(pci_read8(function(), at + 4), pci_read32(function(), at + 8) + where, length);
}

static void access_reads(void)
{
	if (!device_capability(ACCESS)) {
		skip("there is no such capability");
		return;
	}
	aim_at_common(NUM_QUEUES, 2);
	expect_number(pci_read16(function(), device_capability(ACCESS) + 16),
		      read16(device.virtio.common, NUM_QUEUES),
		      "num_queues through configuration space");
}

static void access_writes(void)
{
	if (!device_capability(ACCESS)) {
		skip("there is no such capability");
		return;
	}
	write32(device.virtio.common, FEATURE_SELECT, 0);
	aim_at_common(FEATURE_SELECT, 4);
	pci_write32(function(), device_capability(ACCESS) + 16, 1);
	expect_number(read32(device.virtio.common, FEATURE_SELECT), 1,
		      "device_feature_select, written through configuration space");
}

static void access_that_aims_at_nothing(void)
{
	if (!device_capability(ACCESS)) {
		skip("there is no such capability");
		return;
	}
	aim(5, 0x10000000, 4);
	observe("pci_cfg_data that aims at nothing",
		pci_read32(function(), device_capability(ACCESS) + 16));
	expect(device_reset(), "the device runs on");
}

static void set_command(uint16_t bits, bool on)
{
	uint16_t command = pci_read16(function(), PCI_COMMAND);

	pci_write16(function(), PCI_COMMAND,
		    on ? command | bits : (uint16_t)(command & (uint16_t)~bits));
}

/* The line itself is not seen by a guest without an interrupt controller; what it says is. */
static void a_masked_line_still_has_its_status(void)
{
	if (!bring_up())
		return;
	(void)device.isr[0];
	set_command(COMMAND_NO_INTX, true);
	attach_first();
	expect(intx_pends(),
	       "the interrupt bit of the status register is set, though it is masked");
	set_command(COMMAND_NO_INTX, false);
	(void)device.isr[0];
}

static void without_mastering_nothing_is_served(void)
{
	if (!bring_up())
		return;
	set_command(COMMAND_MASTER, false);
	expect_status(attach(domain(0), endpoint(0), 0), SILENT, "ATTACH to what is no bus master");
	set_command(COMMAND_MASTER, true);
	if (bring_up())
		attach_first();
}

static void a_function_level_reset(void)
{
	unsigned at = pci_capability(function(), 0x10, 0);

	if (!at || !(pci_read32(function(), at + 4) & 1u << 28)) {
		skip("no function level reset");
		return;
	}
	if (!bring_up())
		return;
	attach_first();
	pci_write16(function(), at + 8, pci_read16(function(), at + 8) | 0x8000);
	for (unsigned i = 0; i < SHORT && device_status(); i++)
		;
	pci_bar(function(), 0);
	expect_number(device_status(), 0, "the status");
	if (bring_up())
		expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_NOENT, "MAP: it is detached");
}

static void read_only_registers_stay(void)
{
	uint32_t before = pci_read32(function(), 0), revision_before = pci_read32(function(), 8);

	pci_write32(function(), 0, ~before);
	pci_write32(function(), 8, ~revision_before);
	expect_number(pci_read32(function(), 0), before, "vendor and device");
	expect_number(pci_read32(function(), 8), revision_before, "class and revision");
}

static void the_bar_can_be_moved(void)
{
	unsigned cap = device_capability(COMMON), bar = pci_read8(function(), cap + 4);
	uint64_t size = bar_size(bar);

	expect(size >= 0x1000 && !(size & (size - 1)), "the size of the BAR is a power of two");
	expect_number(read16(device_window(cap), NUM_QUEUES),
		      read16(device.virtio.common, NUM_QUEUES), "the BAR is where it was");
}

static void unused_offsets_read_0(void)
{
	unsigned cap = device_capability(COMMON);
	uint32_t length = pci_read32(function(), cap + 12);

	if (length < 0x80) {
		skip("the structure has no bytes to spare");
		return;
	}
	write32(device.virtio.common, length - 4, 0x12345678);
	expect_number(read32(device.virtio.common, length - 4), 0,
		      "the end of the common structure");
}

static const struct test_case cases[] = {
	{ "vendor and device are those of virtio", "pci-ids", MUST, 0, ids },
	{ "the revision is 1 or higher", "pci-revision", SHOULD, 0, revision },
	{ "the subsystem device is 0x40 or higher", "pci-subsystem", SHOULD, 0, subsystem },
	{ "the halves of a 64-bit field are read independently", "pci-64-bit-halves", MUST, 0,
	  halves_of_64_bits },
	{ "capabilities have the length of their kind", "pci-cap-length", MUST, 0,
	  capabilities_have_their_length },
	{ "structures lie inside their BAR", "pci-structures-fit", MUST, 0, structures_fit },
	{ "there is a common configuration structure", "pci-common", MUST, 0, common_is_there },
	{ "device_feature has the word that is selected", "pci-device-features", MUST, 0,
	  feature_words },
	{ "driver_feature reads as it was written", "pci-driver-features", MUST, 0,
	  driver_features_read_back },
	{ "a queue that does not exist has the size 0", "pci-no-queue", MUST, 0,
	  no_queue_has_no_size },
	{ "queue_size is a power of two", "pci-queue-size", MUST, 0, sizes_are_powers_of_two },
	{ "there is a notification structure with room for each queue", "pci-notify", MUST, 0,
	  notify_is_there },
	{ "there is an ISR status structure", "pci-isr", MUST, 0, isr_is_there },
	{ "ISR status has the queue bit without MSI-X", "pci-isr-queue", MUST, DMA | BOTH_RINGS,
	  isr_has_the_queue_bit },
	{ "ISR status has the configuration bit also with MSI-X", "pci-isr-config", MUST,
	  DMA | MESSAGES | BYPASSES, isr_of_configuration_with_messages },
	{ "the PCI status register says that an interrupt pends", "pci-interrupt-status", MUST, DMA,
	  the_status_register_says_so },
	{ "a read of ISR status sets it to 0", "pci-isr-read", MUST, DMA, a_read_clears_isr },
	{ "there is a device configuration structure", "pci-device-config", MUST, 0,
	  device_config_is_there },
	{ "there is a capability for access through configuration space", "pci-access", MUST, 0,
	  access_is_there },
	{ "pci_cfg_data reads where it aims", "pci-access-read", MUST, 0, access_reads },
	{ "pci_cfg_data writes where it aims", "pci-access-write", MUST, 0, access_writes },
	{ "a capability that aims at nothing does no harm", "pci-access-invalid", CHOICE, 0,
	  access_that_aims_at_nothing },
	{ "the number of vectors is in the capability", "pci-table-size", MUST, MESSAGES,
	  vectors_are_counted },
	{ "there are at least two vectors", "pci-vector-count", SHOULD, MESSAGES,
	  there_are_two_vectors },
	{ "any event can have any vector", "pci-vector-map", MUST, MESSAGES,
	  any_event_has_any_vector },
	{ "any event can be unmapped", "pci-vector-unmap", MUST, MESSAGES, events_are_unmapped },
	{ "a vector reads as it was written", "pci-vector-read", MUST, MESSAGES,
	  any_event_has_any_vector },
	{ "a vector that does not exist reads as NO_VECTOR", "pci-vector-fail", MUST, MESSAGES,
	  no_such_vector },
	{ "after a reset no event has a vector", "pci-vector-reset", MUST, MESSAGES,
	  a_reset_unmaps_all },
	{ "with MSI-X an event without a vector sends no message", "pci-no-vector", MUST,
	  DMA | MESSAGES | BYPASSES, without_a_vector_no_message },
	{ "a masked message pends until it is unmasked", "pci-pending", MUST,
	  DMA | MESSAGES | BYPASSES, a_masked_message_pends },
	{ "read-only registers of configuration space stay", "pci-read-only", MUST, 0,
	  read_only_registers_stay },
	{ "a masked interrupt still has its status bit", "pci-intx-disable", MUST, DMA,
	  a_masked_line_still_has_its_status },
	{ "a function that is no bus master serves no queue", "pci-bus-master", CHOICE, DMA,
	  without_mastering_nothing_is_served },
	{ "a function level reset resets the device", "pci-flr", CHOICE, DMA,
	  a_function_level_reset },
	{ "the size of the BAR can be found out", "pci-bar", MUST, 0, the_bar_can_be_moved },
	{ "what has no field reads as 0", "pci-other-accesses", CHOICE, 0, unused_offsets_read_0 },
};
const struct chapter pci_cases = { cases, COUNT(cases), FUNCTION };
