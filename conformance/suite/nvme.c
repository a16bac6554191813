/* SPDX-License-Identifier: BSD-3-Clause */
#include "room.h"

/*
 * An NVMe controller (NVM Express Base Specification 2.0), by its admin queue alone: the feature
 * Timestamp (identifier 0Eh) is 8 bytes, which go to memory and from it
 */

enum { CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28, ACQ = 0x30, DOORBELL = 0x1000 };
enum { ENABLE = 1, ENTRY_SIZES = 6 << 16 | 4 << 20, READY = 1, FATAL = 2 };
enum { ENTRIES = 4, COMMAND = 64, COMPLETION = 16 };
enum { OPCODE = 0, DATA = 24, DWORD_10 = 40, RESULT = 12 };
enum { PHASE = 1 << 16, RESULT_SHIFT = 17, RESULT_BITS = 0x7ff, INVALID_FIELD = 2 };
enum { SET_FEATURES = 0x09, GET_FEATURES = 0x0a, TIMESTAMP = 0x0e, CAPABILITIES = 3 << 8 };
enum { NO_STATUS = -1 };

#define CLASS      0x010802u
#define FUNCTIONS  256
#define MASK       0xffffffffffffull
#define CLOCK_STEP 0x10000 /* milliseconds, less than which pass between two commands */

struct command {
	uint8_t opcode;
	uint32_t of; /* dword 10 */
	uint64_t address;
};

static bool enable(const struct engine *engine, bool on)
{
	write32(engine->registers, CC, on ? ENABLE | ENTRY_SIZES : 0);
	for (unsigned i = 0; i < LONG; i++)
		if ((read32(engine->registers, CSTS) & READY) == (on ? READY : 0))
			return true;
	return false;
}

static bool begin(const struct engine *engine)
{
	if (!enable(engine, false))
		return false;
	memset((void *)room.first, 0, 2 * PAGE);
	write32(engine->registers, AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	write_halves(engine->registers, ASQ, room.first);
	write_halves(engine->registers, ACQ, room.first + PAGE);
	return enable(engine, true);
}

/* The n-th one since the controller was enabled; its status. */
static int submit(const struct engine *engine, unsigned n, const struct command *command)
{
	uint8_t *entry = (uint8_t *)room.first + n * COMMAND;
	volatile uint8_t *completion = (uint8_t *)room.first + PAGE + n * COMPLETION;

	put_number(entry + OPCODE, 4, n << 16 | command->opcode);
	put_number(entry + DATA, 8, command->address);
	put_number(entry + DWORD_10, 4, command->of);
	write32(engine->registers, DOORBELL, n + 1);
	for (unsigned i = 0; i < LONG; i++) {
		if (read32(completion, RESULT) & PHASE)
			return read32(completion, RESULT) >> RESULT_SHIFT & RESULT_BITS;
		if (read32(engine->registers, CSTS) & FATAL)
			break;
	}
	return NO_STATUS;
}

/* The status of the last one. The controller is reset before and after that. */
static int execute(const struct engine *engine, const struct command *commands, unsigned n)
{
	int status = NO_STATUS;

	room_share();
	if (begin(engine))
		for (unsigned i = 0; i < n; i++)
			status = submit(engine, i, &commands[i]);
	enable(engine, false);
	return status;
}

void nvme_write(const struct engine *engine, uint64_t address)
{
	const struct command command = { GET_FEATURES, TIMESTAMP, address };

	execute(engine, &command, 1);
}

void nvme_copy(const struct engine *engine, uint64_t from, uint64_t to)
{
	const struct command commands[] = { { SET_FEATURES, TIMESTAMP, from },
					    { GET_FEATURES, TIMESTAMP, to } };

	execute(engine, commands, COUNT(commands));
}

bool nvme_has_copied(uint64_t value, uint64_t copy)
{
	return ((copy - value) & MASK) < CLOCK_STEP;
}

/* One that does not answer here is asked by the cases. */
static bool has_timestamp(const struct engine *engine)
{
	const struct command command = { GET_FEATURES, TIMESTAMP | CAPABILITIES, 0 };
	int status;

	if (device_start(STANDARD))
		attach(room_domain(), engine->endpoint, 0);
	status = execute(engine, &command, 1);
	if (device_status() & DRIVER_OK)
		detach(room_domain(), engine->endpoint);
	device_reset();
	return status != INVALID_FIELD;
}

bool nvme_find(unsigned n, struct engine *engine)
{
	for (unsigned devfn = 0; devfn < FUNCTIONS; devfn++) {
		if (!pci_at(devfn, &engine->function) ||
		    pci_read32(&engine->function, 8) >> 8 != CLASS ||
		    !is_behind_iommu(&engine->function, &engine->endpoint))
			continue;
		engine->registers = pci_bar(&engine->function, 0);
		if (has_timestamp(engine) && !n--)
			return true;
	}
	return false;
}
