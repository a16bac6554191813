/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration space, the BAR and the interrupts of a virtio function (virtio 1.4, 4.1.4)
 *
 * Configuration space is an array of bytes and, for each, the bits that the driver can change. A
 * write changes these bits, and then the function follows from the bytes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "transport/common.h"

#define VENDOR_VIRTIO 0x1af4
#define DEVICE_FIRST  0x1040
#define REVISION      1

/* Type 0 header of configuration space. PCI Local Bus 3.0, 6.1 */
enum {
	VENDOR = 0x00,
	DEVICE = 0x02,
	COMMAND = 0x04,
	STATUS = 0x06,
	REVISION_ID = 0x08,
	CLASS_CODE = 0x09,
	CACHE_LINE_SIZE = 0x0c,
	HEADER_TYPE = 0x0e,
	BAR = 0x10,
	SUBSYSTEM_VENDOR = 0x2c,
	SUBSYSTEM_DEVICE = 0x2e,
	CAPABILITIES = 0x34,
	INTERRUPT_LINE = 0x3c,
	INTERRUPT_PIN = 0x3d,
	FIRST_CAPABILITY = 0x40,
};

#define COMMAND_MEMORY       (1u << 1)
#define COMMAND_MASTER       (1u << 2)
#define COMMAND_INTX_DISABLE (1u << 10)
#define STATUS_INTERRUPT     (1u << 3)
#define STATUS_CAPABILITIES  (1u << 4)
#define HEADER_MULTIFUNCTION (1u << 7)
#define BAR_MEMORY_64        (2u << 1)
#define INTA                 1

/* Capabilities. */
enum { CAPABILITY_ID = 0, CAPABILITY_NEXT = 1, CAPABILITY_LENGTH = 2 };
enum { ID_VENDOR = 0x09, ID_MSIX = 0x11, ID_ADVANCED_FEATURES = 0x13 };

/* "Virtio Structure PCI Capabilities" */
enum { CFG_TYPE = 3, CFG_BAR = 4, CFG_OFFSET = 8, CFG_LENGTH = 12, CFG_EXTRA = 16 };
enum { CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_ISR = 3, CFG_DEVICE = 4, CFG_PCI = 5 };
#define CFG_PLAIN_LENGTH 16
#define CFG_LONG_LENGTH  20

enum { MSIX_CONTROL = 2, MSIX_TABLE = 4, MSIX_PENDING = 8, MSIX_LENGTH = 12 };
#define MSIX_CONTROL_MASKED (1u << 14)
#define MSIX_CONTROL_ENABLE (1u << 15)

/* Advanced Capabilities for Conventional PCI ECN. */
enum { AF_FEATURES = 3, AF_CONTROL = 4, AF_LENGTH = 6 };
#define AF_F_PENDING (1u << 0)
#define AF_F_FLR     (1u << 1)
#define AF_FLR       (1u << 0)

/* The BAR. */
#define BAR_NUMBER 0
#define COMMON_AT  0x0000
#define ISR_AT     0x2000
#define TABLE_AT   0x3000
#define PENDING_AT 0x3800
#define DEVICE_AT  0x4000
#define BAR_LENGTH 0x8000
#define ISR_LENGTH 1
#define HALF_BITS  32
#define WORD       4

/* -- bytes --------------------------------------------------------------------------------- */

static void set(struct function *function, unsigned at, unsigned length, uint64_t value)
{
	wire_store(function->bytes + at, length, value);
}

static uint32_t get(const struct function *function, unsigned at, unsigned length)
{
	return (uint32_t)wire_load(function->bytes + at, length);
}

static void set_writable(struct function *function, unsigned at, unsigned length, uint64_t mask)
{
	wire_store(function->writable + at, length, mask);
}

/* PCI accesses have at most 4 bytes and are naturally aligned. */
static bool is_access(uint64_t offset, unsigned length)
{
	return (length == 1 || length == 2 || length == WORD) && !(offset % length);
}

/* -- what follows from configuration space ------------------------------------------------- */

static void report_mapping(struct function *function)
{
	uint64_t address = wire_load(function->bytes + BAR, 8) & ~(function->bar_length - 1);
	bool mapped = get(function, COMMAND, 2) & COMMAND_MEMORY;

	if (mapped == function->mapped && (!mapped || address == function->address))
		return;
	function->mapped = mapped;
	function->address = mapped ? address : 0;
	if (function->config.ops->mapped)
		function->config.ops->mapped(function->config.opaque, mapped, function->address);
}

/* Interrupts by the command and by the control of MSI-X. */
static void update_interrupts(struct function *function)
{
	struct virtio *virtio = function->virtio;
	uint32_t command = get(function, COMMAND, 2);
	uint32_t control =
		function->msix_at ? get(function, function->msix_at + MSIX_CONTROL, 2) : 0;

	pthread_mutex_lock(&virtio->signal);
	virtio->by_message = control & MSIX_CONTROL_ENABLE;
	virtio->line_masked = command & COMMAND_INTX_DISABLE || !function->config.has_line;
	virtio_signal(virtio, virtio->status, virtio->interrupt_status);
	msix_control(&function->msix, control & MSIX_CONTROL_ENABLE, control & MSIX_CONTROL_MASKED,
		     command & COMMAND_MASTER);
	pthread_mutex_unlock(&virtio->signal);
}

/* virtio->lock is held. As of virtio_set_attached(). */
static bool update(struct function *function)
{
	report_mapping(function);
	update_interrupts(function);
	return virtio_set_attached(function->virtio, get(function, COMMAND, 2) & COMMAND_MASTER);
}

void function_reset(struct function *function)
{
	virtio_reset_by_driver(function->virtio);
	function_reset_own(function);
}

void function_reset_own(struct function *function)
{
	pthread_mutex_lock(&function->virtio->lock);
	memcpy(function->bytes, function->initial, sizeof(function->bytes));
	update(function);
	pthread_mutex_lock(&function->virtio->signal);
	msix_reset(&function->msix);
	pthread_mutex_unlock(&function->virtio->signal);
	pthread_mutex_unlock(&function->virtio->lock);
}

/* -- calls of the device ------------------------------------------------------------------- */

static void on_message(void *bus, unsigned event)
{
	struct function *function = bus;

	msix_raise(&function->msix, function->vectors[event]);
}

/* "The device MUST have all queue and configuration change events are unmapped upon reset." */
static void forget_vectors(struct function *function)
{
	for (unsigned i = 0; i < EVENT_QUEUE(function->virtio->config.n_queues); i++)
		function->vectors[i] = NO_VECTOR;
}

static void on_reset(void *bus)
{
	struct function *function = bus;

	forget_vectors(function);
	msix_clear(&function->msix);
}

const struct virtio_bus_ops function_bus_ops = { .message = on_message, .reset = on_reset };

/* -- the BAR -------------------------------------------------------------------------------- */

static uint32_t read_nothing(struct function *function, uint64_t offset, unsigned length)
{
	(void)function;
	(void)offset;
	(void)length;
	return 0;
}

/* The address selects the queue; the value is ignored. */
static void write_notify(struct function *function, uint64_t offset, unsigned length,
			 uint32_t value)
{
	(void)length;
	(void)value;
	if (!(offset % FUNCTION_NOTIFY_MULTIPLIER))
		virtio_notify(function->virtio, (uint32_t)(offset / FUNCTION_NOTIFY_MULTIPLIER));
}

static uint32_t read_isr(struct function *function, uint64_t offset, unsigned length)
{
	(void)length;
	return offset ? 0 : virtio_take_interrupt_status(function->virtio);
}

static uint32_t read_table(struct function *function, uint64_t offset, unsigned length)
{
	uint32_t value;

	pthread_mutex_lock(&function->virtio->signal);
	value = length == WORD ? msix_read(&function->msix, offset) : 0;
	pthread_mutex_unlock(&function->virtio->signal);
	return value;
}

static void write_table(struct function *function, uint64_t offset, unsigned length, uint32_t value)
{
	pthread_mutex_lock(&function->virtio->signal);
	if (length == WORD)
		msix_write(&function->msix, offset, value);
	pthread_mutex_unlock(&function->virtio->signal);
}

static uint32_t read_pending(struct function *function, uint64_t offset, unsigned length)
{
	uint32_t value;

	pthread_mutex_lock(&function->virtio->signal);
	value = length == WORD ? msix_read_pending(&function->msix, offset) : 0;
	pthread_mutex_unlock(&function->virtio->signal);
	return value;
}

static uint32_t read_device(struct function *function, uint64_t offset, unsigned length)
{
	uint32_t value = 0;

	pthread_mutex_lock(&function->virtio->lock);
	if (virtio_is_config(function->virtio, offset, length))
		value = (uint32_t)virtio_config_read(function->virtio, offset, length);
	pthread_mutex_unlock(&function->virtio->lock);
	return value;
}

static void write_device(struct function *function, uint64_t offset, unsigned length,
			 uint32_t value)
{
	pthread_mutex_lock(&function->virtio->lock);
	if (virtio_is_config(function->virtio, offset, length))
		virtio_config_write(function->virtio, offset, length, value);
	pthread_mutex_unlock(&function->virtio->lock);
}

/* In the order of the BAR; each structure ends where the next one begins. */
static const struct structure {
	uint64_t at;
	uint32_t (*read)(struct function *function, uint64_t offset, unsigned length);
	void (*write)(struct function *function, uint64_t offset, unsigned length, uint32_t value);
} structures[] = {
	{ COMMON_AT, common_read, common_write },
	{ FUNCTION_NOTIFY, read_nothing, write_notify },
	{ ISR_AT, read_isr, NULL },
	{ TABLE_AT, read_table, write_table },
	{ PENDING_AT, read_pending, NULL },
	{ DEVICE_AT, read_device, write_device },
};

static const struct structure *structure_at(const struct function *function, uint64_t offset,
					    unsigned length)
{
	const struct structure *structure =
		structures + sizeof(structures) / sizeof(structures[0]) - 1;

	if (!is_access(offset, length) || offset >= function->bar_length)
		return NULL;
	while (structure->at > offset)
		structure--;
	return structure;
}

/* 64-bit fields are two of 32 bits, whatever reads them. */
uint64_t function_bar_read(struct function *function, uint64_t offset, unsigned length)
{
	const struct structure *structure;

	if (length == 2 * WORD)
		return function_bar_read(function, offset, WORD) |
		       function_bar_read(function, offset + WORD, WORD) << HALF_BITS;
	structure = structure_at(function, offset, length);
	return structure ? structure->read(function, offset - structure->at, length) : 0;
}

void function_bar_write(struct function *function, uint64_t offset, unsigned length, uint64_t value)
{
	const struct structure *structure;
	uint32_t word = (uint32_t)value;

	if (length == 2 * WORD) {
		function_bar_write(function, offset, WORD, value);
		function_bar_write(function, offset + WORD, WORD, value >> HALF_BITS);
		return;
	}
	structure = structure_at(function, offset, length);
	if (length < WORD)
		word &= (1u << 8 * length) - 1;
	if (structure && structure->write)
		structure->write(function, offset - structure->at, length, word);
}

bool function_bar_address(struct function *function, uint64_t *ret_address)
{
	bool mapped;

	pthread_mutex_lock(&function->virtio->lock);
	mapped = function->mapped;
	if (mapped)
		*ret_address = function->address;
	pthread_mutex_unlock(&function->virtio->lock);
	return mapped;
}

/* -- the data window of the access capability ---------------------------------------------- */

/* The target, as the driver wrote it; the length is 0 if it is none. */
struct window {
	uint64_t offset;
	unsigned length;
};

static struct window window_of(struct function *function)
{
	struct window window = { 0 };
	unsigned at = function->access_at;

	pthread_mutex_lock(&function->virtio->lock);
	if (get(function, at + CFG_BAR, 1) == BAR_NUMBER)
		window = (struct window){ get(function, at + CFG_OFFSET, WORD),
					  get(function, at + CFG_LENGTH, WORD) };
	pthread_mutex_unlock(&function->virtio->lock);
	if (!is_access(window.offset, window.length))
		window.length = 0;
	return window;
}

/* "Upon detecting driver read access ... the device MUST execute a read access" */
static void read_window(struct function *function)
{
	struct window window = window_of(function);
	uint64_t value =
		window.length ? function_bar_read(function, window.offset, window.length) : 0;

	pthread_mutex_lock(&function->virtio->lock);
	set(function, function->access_at + CFG_EXTRA, WORD, value);
	pthread_mutex_unlock(&function->virtio->lock);
}

static void write_window(struct function *function)
{
	struct window window = window_of(function);
	uint32_t value;

	pthread_mutex_lock(&function->virtio->lock);
	value = get(function, function->access_at + CFG_EXTRA, WORD);
	pthread_mutex_unlock(&function->virtio->lock);
	if (window.length)
		function_bar_write(function, window.offset, window.length, value);
}

/* -- configuration space ------------------------------------------------------------------- */

/* "the device MUST set the Interrupt Status bit ... to the logical OR of all bits in ISR status",
 * without MSI-X. */
static void update_status(struct function *function)
{
	uint32_t status = get(function, STATUS, 2) & ~STATUS_INTERRUPT;

	pthread_mutex_lock(&function->virtio->signal);
	if (function->virtio->interrupt_status && !function->virtio->by_message)
		status |= STATUS_INTERRUPT;
	pthread_mutex_unlock(&function->virtio->signal);
	set(function, STATUS, 2, status);
}

static bool is_config_access(uint64_t offset, unsigned length)
{
	return is_access(offset, length) && offset < FUNCTION_CONFIG_LENGTH;
}

uint32_t function_config_read(struct function *function, uint64_t offset, unsigned length)
{
	uint32_t value;

	if (!is_config_access(offset, length))
		return length < WORD ? (1u << 8 * length) - 1 : UINT32_MAX;
	if (offset == function->access_at + CFG_EXTRA)
		read_window(function);
	pthread_mutex_lock(&function->virtio->lock);
	update_status(function);
	value = get(function, (unsigned)offset, length);
	pthread_mutex_unlock(&function->virtio->lock);
	return value;
}

/* Returns whether the device may access memory again. */
static bool change(struct function *function, unsigned offset, unsigned length, uint32_t value)
{
	bool again;

	pthread_mutex_lock(&function->virtio->lock);
	for (unsigned i = offset; i < offset + length; i++, value >>= 8) {
		function->bytes[i] &= (uint8_t)~function->writable[i];
		function->bytes[i] |= (uint8_t)value & function->writable[i];
	}
	again = update(function);
	pthread_mutex_unlock(&function->virtio->lock);
	return again;
}

static bool starts_reset(const struct function *function, uint64_t offset, unsigned length,
			 uint32_t value)
{
	uint64_t control = function->reset_at + AF_CONTROL;

	return offset <= control && control - offset < length &&
	       value >> 8 * (control - offset) & AF_FLR;
}

void function_config_write(struct function *function, uint64_t offset, unsigned length,
			   uint32_t value)
{
	if (!is_config_access(offset, length))
		return;
	if (starts_reset(function, offset, length, value)) {
		function_reset(function);
		return;
	}
	if (change(function, (unsigned)offset, length, value))
		virtio_notify_all(function->virtio);
	if (offset == function->access_at + CFG_EXTRA)
		write_window(function);
}

/* -- setup --------------------------------------------------------------------------------- */

/* The end of the capabilities, where the next one is put. */
struct capabilities {
	struct function *function;
	unsigned link, at;
};

/* Append a capability, aligned to a word. Returns its offset. */
static unsigned add_capability(struct capabilities *list, uint8_t id, unsigned length)
{
	unsigned at = list->at;

	set(list->function, list->link, 1, at);
	set(list->function, at + CAPABILITY_ID, 1, id);
	list->link = at + CAPABILITY_NEXT;
	list->at += (length + WORD - 1) / WORD * WORD;
	return at;
}

static unsigned add_structure(struct capabilities *list, uint8_t type, uint32_t offset,
			      uint32_t length)
{
	unsigned extended = type == CFG_NOTIFY || type == CFG_PCI;
	unsigned own_length = extended ? CFG_LONG_LENGTH : CFG_PLAIN_LENGTH;
	unsigned at = add_capability(list, ID_VENDOR, own_length);

	set(list->function, at + CAPABILITY_LENGTH, 1, own_length);
	set(list->function, at + CFG_TYPE, 1, type);
	set(list->function, at + CFG_BAR, 1, BAR_NUMBER);
	set(list->function, at + CFG_OFFSET, WORD, offset);
	set(list->function, at + CFG_LENGTH, WORD, length);
	return at;
}

/* The driver aims the window, and accesses through its data. */
static void add_access(struct capabilities *list)
{
	struct function *function = list->function;
	unsigned at = add_structure(list, CFG_PCI, 0, 0);

	set_writable(function, at + CFG_BAR, 1, UINT8_MAX);
	set_writable(function, at + CFG_OFFSET, WORD, UINT32_MAX);
	set_writable(function, at + CFG_LENGTH, WORD, UINT32_MAX);
	set_writable(function, at + CFG_EXTRA, WORD, UINT32_MAX);
	function->access_at = at;
}

static void add_msix(struct capabilities *list)
{
	struct function *function = list->function;
	unsigned at = add_capability(list, ID_MSIX, MSIX_LENGTH);

	set(function, at + MSIX_CONTROL, 2, function->msix.n - 1);
	set_writable(function, at + MSIX_CONTROL, 2, MSIX_CONTROL_ENABLE | MSIX_CONTROL_MASKED);
	set(function, at + MSIX_TABLE, WORD, TABLE_AT | BAR_NUMBER);
	set(function, at + MSIX_PENDING, WORD, PENDING_AT | BAR_NUMBER);
	function->msix_at = at;
}

static void add_reset(struct capabilities *list)
{
	unsigned at = add_capability(list, ID_ADVANCED_FEATURES, AF_LENGTH);

	set(list->function, at + CAPABILITY_LENGTH, 1, AF_LENGTH);
	set(list->function, at + AF_FEATURES, 1, AF_F_PENDING | AF_F_FLR);
	list->function->reset_at = at;
}

static void add_capabilities(struct function *function)
{
	const struct virtio_config *virtio = &function->virtio->config;
	struct capabilities list = { function, CAPABILITIES, FIRST_CAPABILITY };
	unsigned notify;

	add_structure(&list, CFG_COMMON, COMMON_AT, COMMON_LENGTH);
	notify = add_structure(&list, CFG_NOTIFY, FUNCTION_NOTIFY,
			       virtio->n_queues * FUNCTION_NOTIFY_MULTIPLIER);
	set(function, notify + CFG_EXTRA, WORD, FUNCTION_NOTIFY_MULTIPLIER);
	add_structure(&list, CFG_ISR, ISR_AT, ISR_LENGTH);
	add_structure(&list, CFG_DEVICE, DEVICE_AT, (uint32_t)virtio->config_length);
	add_access(&list);
	if (function->config.ops->message)
		add_msix(&list);
	add_reset(&list);
}

static void add_header(struct function *function)
{
	const struct function_config *config = &function->config;

	set(function, VENDOR, 2, VENDOR_VIRTIO);
	set(function, DEVICE, 2, DEVICE_FIRST + function->virtio->config.device);
	set_writable(function, COMMAND, 2, COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTX_DISABLE);
	set(function, STATUS, 2, STATUS_CAPABILITIES);
	set(function, REVISION_ID, 1, REVISION);
	set(function, CLASS_CODE, 3, config->class_code);
	set_writable(function, CACHE_LINE_SIZE, 1, UINT8_MAX);
	set(function, HEADER_TYPE, 1, config->multifunction ? HEADER_MULTIFUNCTION : 0);
	set(function, BAR, WORD, BAR_MEMORY_64);
	set_writable(function, BAR, 8, ~(function->bar_length - 1));
	set(function, SUBSYSTEM_VENDOR, 2, config->subsystem_vendor);
	set(function, SUBSYSTEM_DEVICE, 2, config->subsystem_device);
	set_writable(function, INTERRUPT_LINE, 1, UINT8_MAX);
	set(function, INTERRUPT_PIN, 1, config->has_line ? INTA : 0);
}

int function_init(struct function *function, const struct function_config *config)
{
	unsigned n_events = EVENT_QUEUE(config->virtio->config.n_queues);

	*function = (struct function){
		.config = *config,
		.virtio = config->virtio,
		.bar_length = BAR_LENGTH,
		.msix = { .send = config->ops->message, .opaque = config->opaque },
		.vectors = calloc(n_events, sizeof(*function->vectors)),
	};
	if (!function->vectors || msix_init(&function->msix, n_events)) {
		free(function->vectors);
		return -ENOMEM;
	}
	if (!config->ops->message)
		function->msix.n = 0;
	while (function->bar_length < DEVICE_AT + function->virtio->config.config_length)
		function->bar_length *= 2;
	forget_vectors(function);
	add_header(function);
	add_capabilities(function);
	memcpy(function->initial, function->bytes, sizeof(function->initial));
	update(function);
	return 0;
}

void function_fini(struct function *function)
{
	msix_fini(&function->msix);
	free(function->vectors);
}

/* -- saved state ------------------------------------------------------------------------- */

/* Configuration space; a vector for each event; then the table of MSI-X. */
struct vector_state {
	uint64_t address;
	uint32_t data, control, pending;
};

static const struct field vector_fields[] = {
	ROW(struct vector_state, 0, HEX, address, "message address"),
	ROW(struct vector_state, 8, HEX, data, "message data"),
	ROW(struct vector_state, 12, HEX, control, "vector control"),
	ROW(struct vector_state, 16, NUMBER, pending, "pending"),
};
static const struct layout vector_layout =
	LAYOUT("vector", 0, 20, struct vector_state, vector_fields);

#define VECTOR_LENGTH 2

static unsigned n_events(const struct function *function)
{
	return EVENT_QUEUE(function->virtio->config.n_queues);
}

size_t function_state_length(const struct function *function)
{
	return FUNCTION_CONFIG_LENGTH + n_events(function) * VECTOR_LENGTH +
	       (size_t)function->msix.n * vector_layout.length;
}

void function_save(struct function *function, uint8_t *bytes)
{
	pthread_mutex_lock(&function->virtio->lock);
	set(function, STATUS, 2, get(function, STATUS, 2) & ~STATUS_INTERRUPT);
	memcpy(bytes, function->bytes, FUNCTION_CONFIG_LENGTH);
	bytes += FUNCTION_CONFIG_LENGTH;
	pthread_mutex_lock(&function->virtio->signal);
	for (unsigned i = 0; i < n_events(function); i++, bytes += VECTOR_LENGTH)
		wire_store(bytes, VECTOR_LENGTH, function->vectors[i]);
	for (unsigned i = 0; i < function->msix.n; i++, bytes += vector_layout.length) {
		const struct msix_vector *vector = &function->msix.vectors[i];

		layout_encode(&vector_layout,
			      &(struct vector_state){ vector->address, vector->data,
						      vector->control, vector->pending },
			      bytes);
	}
	pthread_mutex_unlock(&function->virtio->signal);
	pthread_mutex_unlock(&function->virtio->lock);
}

/* Only bits that a driver can change may differ from this function. */
static int load_config(struct function *function, const struct stream *stream, const uint8_t *bytes)
{
	for (unsigned i = 0; i < FUNCTION_CONFIG_LENGTH; i++)
		if ((bytes[i] ^ function->initial[i]) & ~function->writable[i])
			return stream_refuse(stream, -EBUSY,
					     "configuration space of another function: byte 0x%02x "
					     "is 0x%02x, not 0x%02x",
					     i, bytes[i], function->initial[i]);
	memcpy(function->bytes, bytes, FUNCTION_CONFIG_LENGTH);
	update(function);
	return 0;
}

static int load_vectors(struct function *function, const struct stream *stream,
			const uint8_t *bytes)
{
	for (unsigned i = 0; i < n_events(function); i++) {
		uint16_t vector = (uint16_t)wire_load(bytes + i * VECTOR_LENGTH, VECTOR_LENGTH);

		if (vector != NO_VECTOR && vector >= function->msix.n)
			return stream_refuse(stream, -EINVAL, "event %u has the vector %u, of %u",
					     i, vector, function->msix.n);
		function->vectors[i] = vector;
	}
	return 0;
}

static int load_table(struct function *function, const struct stream *stream, const uint8_t *bytes)
{
	struct msix *msix = &function->msix;

	for (unsigned i = 0; i < msix->n; i++, bytes += vector_layout.length) {
		struct vector_state state;
		struct msix_vector *vector = &msix->vectors[i];

		layout_decode(&vector_layout, bytes, &state);
		*vector = (struct msix_vector){ state.address, state.data, state.control,
						state.pending };
		if (state.control & ~MSIX_F_MASKED || state.pending > 1 || state.address % WORD ||
		    (state.pending && (!msix->enabled || msix_can_send(msix, vector))))
			return stream_refuse(stream, -EINVAL,
					     "MSI-X vector %u is in an impossible state", i);
	}
	return 0;
}

int function_load(struct function *function, const struct stream *stream, const struct chunk *chunk)
{
	const uint8_t *vectors = chunk->bytes + FUNCTION_CONFIG_LENGTH;
	int error;

	pthread_mutex_lock(&function->virtio->lock);
	error = load_config(function, stream, chunk->bytes);
	pthread_mutex_lock(&function->virtio->signal);
	if (!error)
		error = load_vectors(function, stream, vectors);
	if (!error)
		error = load_table(function, stream,
				   vectors + n_events(function) * (size_t)VECTOR_LENGTH);
	pthread_mutex_unlock(&function->virtio->signal);
	pthread_mutex_unlock(&function->virtio->lock);
	return error;
}
