/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "function.h"

/*
 * virtio 1.3, "Virtio Over PCI Bus": device IDs, "Virtio Structure PCI Capabilities", "Common
 * configuration structure layout", "PCI configuration access capability"
 *
 * Accesses to the BAR become accesses to the machine's register window. Queues and interrupts are
 * not available this way, because firmware does not use them.
 */

#define HEADER_LENGTH 256
#define VENDOR        0x1af4
#define DEVICE        (0x1040 + VIOMMU_DEVICE_ID)
#define CLASS_OTHER   0xff

enum { VENDOR_AT = 0x00, DEVICE_AT = 0x02, STATUS_AT = 0x06, CLASS_AT = 0x0b, POINTER_AT = 0x34 };
#define STATUS_CAPABILITIES (1u << 4)

/* Capabilities, and the offsets of their fields. */
enum { COMMON_AT = 0x40, CONFIG_AT = 0x50, ACCESS_AT = 0x60 };
enum { CAPABILITY_NEXT = 1, CAPABILITY_LENGTH = 2, CAPABILITY_TYPE = 3, CAPABILITY_BAR = 4 };
enum { CAPABILITY_OFFSET = 8, CAPABILITY_SIZE = 12, ACCESS_DATA = 16 };
enum { TYPE_COMMON = 1, TYPE_DEVICE = 4, TYPE_ACCESS = 5 };
#define CAPABILITY_VENDOR 0x09
#define PLAIN_LENGTH      16
#define ACCESS_LENGTH     20

/* Structures in the BAR, each in its own page. */
#define COMMON_OFFSET 0x0000
#define COMMON_LENGTH 0x38
#define CONFIG_OFFSET 0x1000

#define WINDOW_CONFIG 0x100
#define WORD          4

struct function {
	struct machine *machine;
	uint8_t header[HEADER_LENGTH];
};

/* -- bytes ------------------------------------------------------------------------- */

static void put(uint8_t *bytes, unsigned length, uint32_t value)
{
	for (unsigned i = 0; i < length; i++, value >>= 8)
		bytes[i] = (uint8_t)value;
}

static uint32_t get(const uint8_t *bytes, unsigned length)
{
	uint32_t value = 0;

	while (length--)
		value = value << 8 | bytes[length];
	return value;
}

/* PCI accesses have at most 4 bytes and are naturally aligned. */
static bool is_access(uint64_t offset, unsigned length)
{
	return (length == 1 || length == 2 || length == WORD) && !(offset % length);
}

/* -- behind the BAR -------------------------------------------------------------------- */

/* Fields of common configuration and their registers in the window. */
static const struct {
	uint8_t offset, length;
	uint16_t window;
} common_fields[] = {
	{ 0, 4, 0x014 },  /* device_feature_select */
	{ 4, 4, 0x010 },  /* device_feature */
	{ 20, 1, 0x070 }, /* device_status */
};

#define N_COMMON_FIELDS (sizeof(common_fields) / sizeof(common_fields[0]))

/* Translate a BAR offset to an offset and width in the window; false if there is none. */
static bool find_in_window(const struct function *function, uint64_t offset, unsigned *length,
			   uint64_t *ret_at)
{
	uint64_t config = viommu_config_length(machine_iommu(function->machine));

	if (offset >= CONFIG_OFFSET && offset - CONFIG_OFFSET < config) {
		*ret_at = WINDOW_CONFIG + offset - CONFIG_OFFSET;
		return true;
	}
	for (unsigned i = 0; i < N_COMMON_FIELDS; i++)
		if (common_fields[i].offset == offset && common_fields[i].length == *length) {
			*ret_at = common_fields[i].window;
			*length = WORD;
			return true;
		}
	return false;
}

/* Registers of the window have 4 bytes; a shorter field is the low part. */
uint32_t function_bar_read(struct function *function, unsigned bar, uint64_t offset,
			   unsigned length)
{
	uint64_t at;

	if (bar != FUNCTION_BAR || !is_access(offset, length) ||
	    !find_in_window(function, offset, &length, &at))
		return 0;
	return (uint32_t)viommu_mmio_read(machine_window(function->machine), at, length);
}

void function_bar_write(struct function *function, unsigned bar, uint64_t offset, unsigned length,
			uint32_t value)
{
	uint64_t at;

	if (bar == FUNCTION_BAR && is_access(offset, length) &&
	    find_in_window(function, offset, &length, &at))
		viommu_mmio_write(machine_window(function->machine), at, length, value);
}

/* -- configuration space of PCI ---------------------------------------------------------- */

/* The target of the data window, as the driver wrote it. */
struct access {
	unsigned bar, length;
	uint64_t offset;
};

/* Decoded from the header each time: there is no other state. */
static struct access access_of(const struct function *function)
{
	const uint8_t *capability = function->header + ACCESS_AT;

	return (struct access){
		.bar = capability[CAPABILITY_BAR],
		.offset = get(capability + CAPABILITY_OFFSET, WORD),
		.length = get(capability + CAPABILITY_SIZE, WORD),
	};
}

static bool is_data(unsigned offset)
{
	return offset == ACCESS_AT + ACCESS_DATA;
}

/* The standard performs the access when the data is read, so a read can have side effects. */
uint32_t function_config_read(struct function *function, unsigned offset, unsigned length)
{
	struct access access = access_of(function);

	if (offset >= HEADER_LENGTH || !is_access(offset, length))
		return UINT32_MAX;
	if (is_data(offset))
		put(function->header + offset, WORD,
		    function_bar_read(function, access.bar, access.offset, access.length));
	return get(function->header + offset, length);
}

/* Only the fields of the access capability are writable. */
static bool is_writable(unsigned offset, unsigned length)
{
	unsigned capability = offset - ACCESS_AT;

	return (capability == CAPABILITY_BAR && length == 1) ||
	       ((capability == CAPABILITY_OFFSET || capability == CAPABILITY_SIZE) &&
		length == WORD);
}

/* Also performed on write. Writes to an invalid target are ignored. */
void function_config_write(struct function *function, unsigned offset, unsigned length,
			   uint32_t value)
{
	struct access access = access_of(function);

	if (is_data(offset))
		function_bar_write(function, access.bar, access.offset, access.length, value);
	else if (is_writable(offset, length))
		put(function->header + offset, length, value);
}

/* -- birth and death ------------------------------------------------------------------------ */

static void put_capability(struct function *function, unsigned at, uint8_t type, uint8_t next)
{
	uint8_t *capability = function->header + at;

	capability[0] = CAPABILITY_VENDOR;
	capability[CAPABILITY_NEXT] = next;
	capability[CAPABILITY_LENGTH] = type == TYPE_ACCESS ? ACCESS_LENGTH : PLAIN_LENGTH;
	capability[CAPABILITY_TYPE] = type;
	capability[CAPABILITY_BAR] = FUNCTION_BAR;
}

static void put_place(struct function *function, unsigned at, uint32_t offset, size_t length)
{
	put(function->header + at + CAPABILITY_OFFSET, WORD, offset);
	put(function->header + at + CAPABILITY_SIZE, WORD, (uint32_t)length);
}

/* The last capability is the one for access, which has no structure in the BAR. */
struct function *function_new(struct machine *machine)
{
	struct function *function = calloc(1, sizeof(*function));

	if (!function)
		return NULL;
	function->machine = machine;
	put(function->header + VENDOR_AT, 2, VENDOR);
	put(function->header + DEVICE_AT, 2, DEVICE);
	put(function->header + STATUS_AT, 2, STATUS_CAPABILITIES);
	function->header[CLASS_AT] = CLASS_OTHER;
	function->header[POINTER_AT] = COMMON_AT;
	put_capability(function, COMMON_AT, TYPE_COMMON, CONFIG_AT);
	put_place(function, COMMON_AT, COMMON_OFFSET, COMMON_LENGTH);
	put_capability(function, CONFIG_AT, TYPE_DEVICE, ACCESS_AT);
	put_place(function, CONFIG_AT, CONFIG_OFFSET, viommu_config_length(machine_iommu(machine)));
	put_capability(function, ACCESS_AT, TYPE_ACCESS, 0);
	return function;
}

struct function *function_free(struct function *function)
{
	free(function);
	return NULL;
}
