/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu replay: a recorded guest, played against this library
 *
 * One thread makes every call in the order of the trace, without the pauses. A batch ends where the
 * trace has something else than a request, so that a call outside of a batch can be made.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <viommu/device.h>

#include "command.h"
#include "findings.h"
#include "json.h"
#include "record/trace.h"
#include "replay_tally.h"
#include "trace_file.h"
#include "wire/layout.h"

#define PROPERTIES_MAX 65536u
#define ENDPOINTS_MAX  (1u << 17)
#define VISITS_MAX     (1u << 22)
#define NS_PER_MS      1000000u

static gboolean as_json;

static const GOptionEntry options[] = {
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json, "print JSON", NULL },
	G_OPTION_ENTRY_NULL,
};

/* Requests by their type, and then the others. */
enum { TALLY_UNKNOWN, TALLY_BATCH = VIOMMU_T_PAGE_RESPONSE + 1, TALLY_ACCESS, N_TALLIES };

static const char *const tally_names[N_TALLIES] = {
	[TALLY_UNKNOWN] = "unknown",
	[VIOMMU_T_ATTACH] = "ATTACH",
	[VIOMMU_T_DETACH] = "DETACH",
	[VIOMMU_T_MAP] = "MAP",
	[VIOMMU_T_UNMAP] = "UNMAP",
	[VIOMMU_T_PROBE] = "PROBE",
	[VIOMMU_T_ATTACH_TABLE] = "ATTACH_TABLE",
	[VIOMMU_T_INVALIDATE] = "INVALIDATE",
	[VIOMMU_T_PAGE_RESPONSE] = "PAGE_RESPONSE",
	[TALLY_BATCH] = "end of a batch",
	[TALLY_ACCESS] = "access",
};

struct replay {
	const char *name;
	struct viommu *device;
	bool in_batch, is_full;
	unsigned n_endpoints;
	uint64_t n_notifications, n_visits, ns, clock;
	GByteArray *state;
	struct viommu_findings *findings;
	struct trace_reader reader;
	struct trace_error error;
	struct tally tallies[N_TALLIES];
	uint8_t answer[PROPERTIES_MAX + VIOMMU_TAIL_LENGTH];
};

/* -- what is wrong, or different --------------------------------------------------- */

static void add_finding(struct viommu_findings *findings, const struct replay *replay,
			const struct trace_error *error)
{
	const struct viommu_place place = { .file = replay->name, .at = error->at };

	viommu_findings_add(findings, error->rule, &place, error->text, error->cure);
}

#define SAME_LIBRARY "replay it with the version that recorded it, to see which one has changed"

__attribute__((format(printf, 3, 4))) static void
report_difference(struct replay *replay, const char *rule, const char *format, ...)
{
	struct trace_error difference = {
		.rule = rule,
		.at = replay->reader.record,
		.cure = SAME_LIBRARY,
	};
	va_list args;

	va_start(args, format);
	g_vsnprintf(difference.text, sizeof(difference.text), format, args);
	va_end(args);
	add_finding(replay->findings, replay, &difference);
}

#define FROM_A_DEVICE "use the file as it was recorded"

/* An errno of a call that the recorded device made with success. */
static bool must(struct replay *replay, int error, const char *what)
{
	if (!error)
		return true;
	trace_refuse(&replay->reader, "trace-device", FROM_A_DEVICE, "%s: %s", what,
		     g_strerror(-error));
	return false;
}

/* -- records ------------------------------------------------------------------------- */

static bool play_device(struct replay *replay, const struct trace_record *record)
{
	const uint64_t *values = record->values;
	const struct viommu_config config = {
		.size = sizeof(config),
		.features = values[DEVICE_FEATURES],
		.page_size_mask = values[DEVICE_PAGE_SIZES],
		.input_first = values[DEVICE_INPUT_FIRST],
		.input_last = values[DEVICE_INPUT_LAST],
		.domain_first = (uint32_t)values[DEVICE_DOMAIN_FIRST],
		.domain_last = (uint32_t)values[DEVICE_DOMAIN_LAST],
		.probe_size = (uint32_t)values[DEVICE_PROBE_SIZE],
		.bypass = values[DEVICE_BYPASS],
		.max_domains = values[DEVICE_MAX_DOMAINS],
		.max_mappings = values[DEVICE_MAX_MAPPINGS],
		.max_bytes = MIN(values[DEVICE_MAX_BYTES], VIOMMU_MAX_BYTES_DEFAULT),
	};

	if (config.features & VIOMMU_F_TABLE) {
		trace_refuse(&replay->reader, "trace-device", FROM_A_DEVICE,
			     "the device has page tables of its guest, which are in guest memory "
			     "and not in a trace");
		return false;
	}
	return must(replay, viommu_new(&config, NULL, NULL, &replay->device),
		    "the library refuses the configuration");
}

static int describe(struct replay *replay, const struct viommu_endpoint *endpoint)
{
	int error = viommu_endpoint_add(replay->device, endpoint);

	if (error == -EEXIST)
		return viommu_endpoint_update(replay->device, endpoint);
	return !error && ++replay->n_endpoints > ENDPOINTS_MAX ? -E2BIG : error;
}

static bool play_endpoint(struct replay *replay, const struct trace_record *record)
{
	const uint64_t *values = record->values;
	size_t n = record->length / TRACE_REGION_LENGTH;
	struct viommu_reserved *regions = g_new0(struct viommu_reserved, n + 1);
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = (uint32_t)values[ENDPOINT_ID],
		.page_size_mask = values[ENDPOINT_PAGE_SIZES],
		.input_first = values[ENDPOINT_INPUT_FIRST],
		.input_last = values[ENDPOINT_INPUT_LAST],
		.pasid_bits = (uint32_t)values[ENDPOINT_PASID_BITS],
		.reserved = regions,
		.n_reserved = n,
	};
	bool done;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *row = record->bytes + i * TRACE_REGION_LENGTH;

		regions[i] = (struct viommu_reserved){
			.first = wire_load(row, 8),
			.last = wire_load(row + 8, 8),
			.subtype = (uint32_t)wire_load(row + 16, 8),
		};
	}
	done = must(replay, describe(replay, &endpoint), "the library refuses the endpoint");
	g_free(regions);
	return done;
}

static bool play_remove(struct replay *replay, const struct trace_record *record)
{
	if (!must(replay, viommu_endpoint_remove(replay->device, (uint32_t)record->values[0]),
		  "no such endpoint"))
		return false;
	replay->n_endpoints--;
	return true;
}

static bool play_block(struct replay *replay, const struct trace_record *record)
{
	return must(replay,
		    viommu_endpoint_block(replay->device, (uint32_t)record->values[BLOCK_ENDPOINT],
					  record->values[BLOCK_ON]),
		    "no such endpoint");
}

static bool play_state(struct replay *replay, const struct trace_record *record)
{
	char reason[VIOMMU_REASON_LENGTH];
	int error;

	g_byte_array_append(replay->state, record->bytes, (guint)record->length);
	if (!record->values[STATE_IS_LAST])
		return true;
	error = viommu_load(replay->device, replay->state->data, replay->state->len, reason,
			    sizeof(reason));
	g_byte_array_set_size(replay->state, 0);
	if (!error)
		return true;
	trace_refuse(&replay->reader, "trace-state", FROM_A_DEVICE, "%s", reason);
	return false;
}

static bool play_accept(struct replay *replay, const struct trace_record *record)
{
	return must(replay, viommu_accept(replay->device, record->values[0]),
		    "the library does not offer these features");
}

/* Before a call that visits each endpoint, so that a short trace does not take hours. */
static bool may_visit(struct replay *replay)
{
	replay->n_visits += replay->n_endpoints;
	if (replay->n_visits <= VISITS_MAX)
		return true;
	trace_refuse(&replay->reader, "trace-visits", "record a shorter time, or fewer endpoints",
		     "resets and changes of `bypass` visit more than %u endpoints", VISITS_MAX);
	return false;
}

static bool play_bypass(struct replay *replay, const struct trace_record *record)
{
	const uint8_t bypass = (uint8_t)record->values[0];

	if (!may_visit(replay))
		return false;
	viommu_config_write(replay->device, VIOMMU_CONFIG_BYPASS, &bypass, sizeof(bypass));
	return true;
}

static bool play_reset(struct replay *replay, const struct trace_record *record)
{
	if (!may_visit(replay))
		return false;
	if (record->values[RESET_IS_SYSTEM])
		viommu_system_reset(replay->device);
	else
		viommu_reset(replay->device);
	return true;
}

static bool play_notify(struct replay *replay, const struct trace_record *record)
{
	(void)record;
	replay->n_notifications++;
	viommu_batch_begin(replay->device);
	replay->in_batch = true;
	return true;
}

static struct tally *tally_of(struct replay *replay, const struct trace_record *record)
{
	unsigned type = record->length ? record->bytes[0] : 0;

	return &replay->tallies[type <= VIOMMU_T_PAGE_RESPONSE ? type : TALLY_UNKNOWN];
}

static bool play_request(struct replay *replay, const struct trace_record *record)
{
	struct iovec readable = { (void *)(uintptr_t)record->bytes, record->length };
	struct iovec writable = { replay->answer, sizeof(replay->answer) };
	struct tally *tally = tally_of(replay, record);
	uint64_t begin = tally_now();
	size_t used = (replay->in_batch ? viommu_batch_request : viommu_request)(
		replay->device, &readable, 1, &writable, 1);
	unsigned status = TRACE_UNANSWERED;

	tally_add(tally, begin, replay->clock);
	if (used)
		status = replay->answer[used - VIOMMU_TAIL_LENGTH];
	tally->refused += status != VIOMMU_S_OK;
	if (status == record->values[REQUEST_STATUS])
		return true;
	tally->differ++;
	report_difference(replay, "trace-status",
			  "%s had the status %u when it was recorded, and has %u here", tally->name,
			  (unsigned)record->values[REQUEST_STATUS], status);
	return true;
}

static void compare_access(struct replay *replay, const struct trace_record *record, int error,
			   uint64_t address)
{
	const uint64_t *values = record->values;

	if (trace_result(error) == values[ACCESS_RESULT] &&
	    (error || address == values[ACCESS_ADDRESS]))
		return;
	replay->tallies[TALLY_ACCESS].differ++;
	report_difference(replay, "trace-access",
			  "endpoint 0x%" PRIx64 " reached 0x%" PRIx64 " by 0x%" PRIx64
			  " when it was recorded, with result %u; here 0x%" PRIx64 ", with %u",
			  values[ACCESS_ENDPOINT], values[ACCESS_ADDRESS], values[ACCESS_IOVA],
			  (unsigned)values[ACCESS_RESULT], error ? 0 : address,
			  trace_result(error));
}

static bool play_access(struct replay *replay, const struct trace_record *record)
{
	struct tally *tally = &replay->tallies[TALLY_ACCESS];
	const uint64_t *values = record->values;
	struct viommu_translation found = { 0 };
	uint32_t endpoint = (uint32_t)values[ACCESS_ENDPOINT];
	uint32_t flags = (uint32_t)values[ACCESS_FLAGS];
	uint64_t begin = tally_now();
	int error;

	if (values[ACCESS_PASID])
		error = viommu_translate_pasid(
			replay->device, endpoint, (uint32_t)(values[ACCESS_PASID] - 1),
			values[ACCESS_IOVA], values[ACCESS_LENGTH], flags, &found);
	else
		error = viommu_translate(replay->device, endpoint, values[ACCESS_IOVA],
					 values[ACCESS_LENGTH], flags, &found);
	tally_add(tally, begin, replay->clock);
	tally->refused += error != 0;
	compare_access(replay, record, error, found.address);
	return true;
}

static bool play_end(struct replay *replay, const struct trace_record *record)
{
	replay->is_full = record->values[END_IS_FULL];
	return true;
}

static bool (*const players[TRACE_N_KINDS])(struct replay *, const struct trace_record *) = {
	[TRACE_END] = play_end,           [TRACE_DEVICE] = play_device,
	[TRACE_ENDPOINT] = play_endpoint, [TRACE_REMOVE] = play_remove,
	[TRACE_BLOCK] = play_block,       [TRACE_STATE] = play_state,
	[TRACE_ACCEPT] = play_accept,     [TRACE_BYPASS] = play_bypass,
	[TRACE_RESET] = play_reset,       [TRACE_NOTIFY] = play_notify,
	[TRACE_REQUEST] = play_request,   [TRACE_ACCESS] = play_access,
};

static void end_batch(struct replay *replay)
{
	uint64_t begin = tally_now();

	if (!replay->in_batch)
		return;
	viommu_batch_end(replay->device);
	tally_add(&replay->tallies[TALLY_BATCH], begin, replay->clock);
	replay->in_batch = false;
}

/* Returns whether all of it was played. */
static bool play(struct replay *replay, const GByteArray *bytes)
{
	struct trace_record record;
	int more;

	if (!trace_open(&replay->reader, bytes->data, bytes->len, &replay->error))
		return false;
	while ((more = trace_next(&replay->reader, &record)) > 0) {
		replay->ns += record.ns;
		if (record.kind != TRACE_REQUEST)
			end_batch(replay);
		if (!players[record.kind](replay, &record))
			break;
	}
	end_batch(replay);
	return !more;
}

/* -- printing --------------------------------------------------------------------- */

static void print_json(const struct replay *replay, const struct viommu_counters *counters)
{
	struct json *json = json_begin();

	json_string(json, "file", replay->name);
	json_key(json, "complete");
	json_add_boolean(json, !replay->is_full);
	json_number(json, "recorded_ms", (size_t)(replay->ns / NS_PER_MS));
	json_number(json, "notifications", (size_t)replay->n_notifications);
	json_number(json, "peak_mappings", (size_t)counters->most_mappings);
	json_number(json, "peak_bytes", (size_t)counters->most_bytes);
	json_key(json, "calls");
	json_open(json, '[');
	for (size_t i = 0; i < N_TALLIES; i++) {
		const struct tally *tally = &replay->tallies[i];

		if (!tally->n)
			continue;
		json_open(json, '{');
		json_string(json, "call", tally->name);
		json_number(json, "number", (size_t)tally->n);
		json_number(json, "refused", (size_t)tally->refused);
		json_number(json, "different", (size_t)tally->differ);
		json_number(json, "median_ns", (size_t)tally_median(tally));
		json_number(json, "mean_ns", (size_t)tally_mean(tally));
		json_close(json, '}');
	}
	json_close(json, ']');
	json_findings(json, replay->findings);
	json_end(json);
}

#define CELLS "%-16s %10s %10s %10s %10s %10s"

static void print_tally(const struct tally *tally)
{
	const uint64_t numbers[] = { tally->n, tally->refused, tally->differ, tally_median(tally),
				     tally_mean(tally) };
	char cells[G_N_ELEMENTS(numbers)][21];

	if (!tally->n)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		g_snprintf(cells[i], sizeof(cells[i]), "%" PRIu64, numbers[i]);
	print_line(CELLS, tally->name, cells[0], cells[1], cells[2], cells[3], cells[4]);
}

static void print_text(const struct replay *replay, const struct viommu_counters *counters)
{
	print_line("%s: %" PRIu64 " notifications in %" PRIu64 " ms%s", replay->name,
		   replay->n_notifications, replay->ns / NS_PER_MS,
		   replay->is_full ? "; the recording ended at its limit" : "");
	print_line(CELLS, "call", "number", "refused", "different", "median ns", "mean ns");
	for (size_t i = 0; i < N_TALLIES; i++)
		print_tally(&replay->tallies[i]);
	print_line("at most %" PRIu64 " mappings, %" PRIu64 " bytes of heap",
		   counters->most_mappings, counters->most_bytes);
}

/* -- the command ------------------------------------------------------------------------ */

static struct replay *replay_new(const char *name)
{
	struct replay *replay = g_new0(struct replay, 1);

	replay->name = name;
	replay->state = g_byte_array_new();
	replay->findings = viommu_findings_new();
	replay->clock = tally_clock();
	for (size_t i = 0; i < N_TALLIES; i++)
		replay->tallies[i].name = tally_names[i];
	return replay;
}

static void replay_free(struct replay *replay)
{
	viommu_free(replay->device);
	viommu_findings_free(replay->findings);
	g_byte_array_free(replay->state, TRUE);
	g_free(replay);
}

/* The error has a list of its own, because that of the differences may be full. */
static int report_end(const struct replay *replay)
{
	struct viommu_findings *errors = viommu_findings_new();

	add_finding(errors, replay, &replay->error);
	report_two_findings(replay->findings, errors, as_json);
	viommu_findings_free(errors);
	return EXIT_COULD_NOT;
}

static int replay_bytes(struct replay *replay, const GByteArray *bytes)
{
	struct viommu_counters counters = { .size = sizeof(counters) };
	int status = EXIT_CLEAN;

	if (!play(replay, bytes))
		return report_end(replay);
	viommu_count(replay->device, &counters);
	if (as_json)
		print_json(replay, &counters);
	else
		print_text(replay, &counters);
	if (!as_json)
		return print_findings(replay->findings);
	if (viommu_findings_count_from(replay->findings, VIOMMU_WARNING))
		status = EXIT_FINDINGS;
	return status;
}

static int run(const struct command *command, char **arguments)
{
	struct replay *replay;
	GByteArray *bytes;
	int status;

	if (g_strv_length(arguments) != 1)
		return command_usage(command, "name one trace, or - for standard input");
	bytes = read_trace(*arguments);
	if (!bytes)
		return EXIT_COULD_NOT;
	replay = replay_new(*arguments);
	status = replay_bytes(replay, bytes);
	replay_free(replay);
	g_byte_array_unref(bytes);
	return status;
}

const struct command replay_command = {
	.name = "replay",
	.arguments = "TRACE",
	.summary = "play what a guest did to its IOMMU against this library",
	.details = "TRACE is a recording of the QEMU module or of another VMM, compressed or not,\n"
		   "or - for standard input. Printed are the calls, how many were refused, how\n"
		   "many had another result than when they were recorded, and their time here.\n"
		   "The exit status is 1 if a result is different.",
	.examples = "viommu replay disk.trace\n"
		    "viommu replay --json disk.trace",
	.options = options,
	.run = run,
};
