/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/* The VMM's `trace` and `log`: what each request is reported as, and what its owner learns. */

struct watch {
	char traces[MAX_WORDS];
	char logs[VIOMMU_N_LOG_EVENTS][512]; /* the last of each */
	unsigned n_logs[VIOMMU_N_LOG_EVENTS];
	uint64_t count[VIOMMU_N_LOG_EVENTS];
	struct viommu_trace_field fields[16]; /* of the last request */
	size_t n_fields;
	uint64_t translated;
	struct viommu *device; /* to ask in `trace`; NULL: do not ask */
};

static struct watch watch;

static void on_trace(void *opaque, const struct viommu_trace *trace)
{
	struct viommu_translation translation;
	size_t used = strlen(watch.traces);

	(void)opaque;
	snprintf(watch.traces + used, sizeof(watch.traces) - used, "%s%s", used ? "; " : "",
		 trace->text);
	watch.n_fields = trace->n_fields;
	for (size_t i = 0; i < trace->n_fields; i++)
		watch.fields[i] = trace->fields[i];
	if (watch.device &&
	    !viommu_translate(watch.device, EP, 0x1000, 1, VIOMMU_ACCESS_QUIET, &translation))
		watch.translated = translation.address;
}

static void on_log(void *opaque, const struct viommu_log *entry)
{
	(void)opaque;
	watch.n_logs[entry->event]++;
	watch.count[entry->event] = entry->count;
	snprintf(watch.logs[entry->event], sizeof(watch.logs[0]), "%s", entry->text);
}

/* Replace the rig's device by one that is watched. */
static void replace_watched(struct rig *rig, struct viommu_config config)
{
	static const struct viommu_ops ops = { .size = sizeof(ops),
					       .trace = on_trace,
					       .log = on_log };
	static const uint32_t endpoints[] = { EP, EP2 };

	memset(&watch, 0, sizeof(watch));
	config.size = sizeof(config);
	rig->device = viommu_free(rig->device);
	assert_int_equal(viommu_new(&config, &ops, rig, &rig->device), 0);
	for (size_t i = 0; i < COUNT_OF(endpoints); i++)
		assert_int_equal(viommu_endpoint_add(rig->device,
						     &(struct viommu_endpoint){
							     .size = sizeof(struct viommu_endpoint),
							     .id = endpoints[i],
						     }),
				 0);
	assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
}

static void assert_traced(const char *expected)
{
	assert_string_equal(watch.traces, expected);
	watch.traces[0] = '\0';
}

static void each_request_is_traced_with_its_fields_and_status(void **state)
{
	struct rig *rig = *state;

	replace_watched(rig, (struct viommu_config){ 0 });
	attach(rig, 7, EP);
	assert_traced("ATTACH domain 7 endpoint 0x00000008 flags 0x00000000: OK");
	map(rig, 7, 0x1000, 0x1fff, 0x8000, R | W);
	assert_traced("MAP domain 7 virt_start 0x0000000000001000 virt_end 0x0000000000001fff "
		      "phys_start 0x0000000000008000 flags 0x00000003 (READ, WRITE): OK");
	map(rig, 8, 0x1000, 0x1fff, 0x8000, R);
	assert_traced("MAP domain 8 virt_start 0x0000000000001000 virt_end 0x0000000000001fff "
		      "phys_start 0x0000000000008000 flags 0x00000001 (READ): NOENT");
	unmap(rig, 7, 0x1000, 0x1fff);
	assert_traced("UNMAP domain 7 virt_start 0x0000000000001000 virt_end 0x0000000000001fff: "
		      "OK");
	probe(rig, EP);
	assert_traced("PROBE endpoint 0x00000008: OK");
	detach(rig, 7, EP);
	assert_traced("DETACH domain 7 endpoint 0x00000008: OK");
}

/* The body is the table, so a trace without it would say nothing. */
static void a_table_is_traced_with_its_body(void **state)
{
	uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };
	struct rig *rig = *state;

	replace_watched(rig, (struct viommu_config){ .features = VIOMMU_FEATURES_DEFAULT |
								 VIOMMU_F_TABLE });
	bytes[8] = NO_ENDPOINT;
	bytes[17] = 1;
	bytes[33] = 0x12;
	bytes[95] = 0x34;
	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_NOENT);
	assert_non_null(strstr(watch.traces, "format 0x0100 pasid 0 parent 0 body 00 12 00 "));
	assert_non_null(strstr(watch.traces, " 00 34: NOENT"));
	assert_string_equal(watch.fields[watch.n_fields - 1].name, "parent");
	watch.traces[0] = '\0';
}

static void the_fields_of_a_trace_have_the_guest_s_values(void **state)
{
	static const struct {
		const char *name;
		uint64_t value;
	} expected[] = {
		{ "domain", 7 },          { "virt_start", 0x1000 }, { "virt_end", 0x1fff },
		{ "phys_start", 0x8000 }, { "flags", R },
	};
	struct rig *rig = *state;

	replace_watched(rig, (struct viommu_config){ 0 });
	map(rig, 7, 0x1000, 0x1fff, 0x8000, R);
	assert_int_equal(watch.n_fields, COUNT_OF(expected));
	for (size_t i = 0; i < COUNT_OF(expected); i++) {
		assert_string_equal(watch.fields[i].name, expected[i].name);
		assert_int_equal(watch.fields[i].value, expected[i].value);
	}
}

static void a_reserved_field_is_traced_only_if_it_is_set(void **state)
{
	const uint8_t bytes[] = { ATTACH(7, EP, 0, 0x55) };
	struct rig *rig = *state;

	replace_watched(rig, (struct viommu_config){ 0 });
	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_INVAL);
	assert_traced("ATTACH domain 7 endpoint 0x00000008 flags 0x00000000 "
		      "reserved 0x00000055: INVAL");
}

static void a_request_that_is_returned_unwritten_is_traced_and_logged(void **state)
{
	static const uint8_t unknown[VIOMMU_PROBE_LENGTH] = { 99 }, short_map[] = { 3, 0, 0, 0 };
	struct rig *rig = *state;
	uint8_t answer[VIOMMU_TAIL_LENGTH];

	replace_watched(rig, (struct viommu_config){ 0 });
	assert_int_equal(request(rig, unknown, sizeof(unknown), answer, sizeof(answer)), 0);
	assert_traced("unknown request type 99: returned unwritten");
	assert_int_equal(watch.n_logs[VIOMMU_LOG_REQUEST], 1);
	assert_int_equal(request(rig, short_map, sizeof(short_map), answer, sizeof(answer)), 0);
	assert_traced("MAP type 3: returned unwritten");
	assert_int_equal(request(rig, "", 0, answer, sizeof(answer)), 0);
	assert_traced("unknown request type 0: returned unwritten");
}

static void a_trace_may_ask_for_translations(void **state)
{
	struct rig *rig = *state;

	replace_watched(rig, (struct viommu_config){ 0 });
	watch.device = rig->device;
	attach(rig, 7, EP);
	map(rig, 7, 0x1000, 0x1fff, 0x8000, R | W);
	assert_int_equal(watch.translated, 0x8000);
}

static void a_limit_is_logged_with_what_is_held(void **state)
{
	struct rig *rig = *state;

	replace_watched(rig, (struct viommu_config){ .max_mappings = 1, .max_domains = 1 });
	assert_int_equal(attach(rig, 7, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 7, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(watch.n_logs[VIOMMU_LOG_LIMIT], 0);
	assert_int_equal(map(rig, 7, 0x2000, 0x2fff, 0x8000, R), VIOMMU_S_NOMEM);
	assert_int_equal(watch.n_logs[VIOMMU_LOG_LIMIT], 1);
	assert_non_null(strstr(watch.logs[VIOMMU_LOG_LIMIT], "MAP"));
	assert_non_null(strstr(watch.logs[VIOMMU_LOG_LIMIT], "1 of 1 mappings"));
	assert_int_equal(attach(rig, 8, EP2), VIOMMU_S_NOMEM);
	assert_non_null(strstr(watch.logs[VIOMMU_LOG_LIMIT], "ATTACH"));
}

static void a_repeated_event_is_logged_ever_more_rarely(void **state)
{
	struct rig *rig = *state;

	replace_watched(rig, (struct viommu_config){ .max_mappings = 1 });
	attach(rig, 7, EP);
	map(rig, 7, 0x1000, 0x1fff, 0x8000, R);
	for (unsigned i = 0; i < 1000; i++)
		map(rig, 7, 0x2000, 0x2fff, 0x8000, R);
	assert_int_equal(watch.n_logs[VIOMMU_LOG_LIMIT], 10);
	assert_int_equal(watch.count[VIOMMU_LOG_LIMIT], 512);
}

static void a_listener_s_refusal_is_logged(void **state)
{
	struct recorder recorder = { 0 };
	struct rig *rig = *state;

	replace_watched(rig, (struct viommu_config){ 0 });
	assert_int_equal(recorder_listen(&recorder, rig, "a", EP), 0);
	attach(rig, 7, EP);
	assert_int_equal(watch.n_logs[VIOMMU_LOG_LISTENER], 0);
	recorder_refuse(&recorder, 0, 1, -EIO);
	assert_int_equal(map(rig, 7, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_IOERR);
	assert_int_equal(watch.n_logs[VIOMMU_LOG_LISTENER], 1);
	assert_non_null(strstr(watch.logs[VIOMMU_LOG_LISTENER], "0x8"));
	assert_non_null(strstr(watch.logs[VIOMMU_LOG_LISTENER], "0x1000"));
}

static void an_endpoint_that_ends_up_blocked_is_logged(void **state)
{
	struct recorder recorder = { 0 };
	struct rig *rig = *state;

	replace_watched(rig, (struct viommu_config){ 0 });
	assert_int_equal(recorder_listen(&recorder, rig, "a", EP), 0);
	attach(rig, 7, EP);
	recorder_refuse(&recorder, 0, 2, -EIO);
	assert_int_not_equal(attach_bypass(rig, 8, EP), VIOMMU_S_OK);
	assert_int_equal(watch.n_logs[VIOMMU_LOG_QUARANTINE], 1);
	assert_int_equal(mode_of(rig, EP), VIOMMU_BLOCKED);
}

static void an_ignored_write_to_configuration_space_is_logged(void **state)
{
	static const uint32_t four;
	struct rig *rig = *state;

	replace_watched(rig, (struct viommu_config){ 0 });
	write_bypass(rig, 1);
	assert_int_equal(watch.n_logs[VIOMMU_LOG_CONFIG], 0);
	write_bypass(rig, 2);
	assert_int_equal(watch.n_logs[VIOMMU_LOG_CONFIG], 1);
	viommu_config_write(rig->device, VIOMMU_CONFIG_PROBE_SIZE, &four, sizeof(four));
	assert_int_equal(watch.n_logs[VIOMMU_LOG_CONFIG], 2);
	assert_int_equal(read_bypass(rig), 1);
	assert_int_equal(viommu_accept(rig->device, 0), 0);
	write_bypass(rig, 0);
	write_bypass(rig, 0);
	assert_int_equal(watch.count[VIOMMU_LOG_CONFIG], 4);
	assert_int_equal(read_bypass(rig), 1);
}

static void a_feature_that_was_not_offered_is_logged(void **state)
{
	struct rig *rig = *state;

	replace_watched(rig, (struct viommu_config){ 0 });
	assert_int_equal(viommu_accept(rig->device, VIOMMU_F_BYPASS), -EINVAL);
	assert_int_equal(watch.n_logs[VIOMMU_LOG_FEATURES], 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(each_request_is_traced_with_its_fields_and_status),
		ON_A_FRESH_DEVICE(a_table_is_traced_with_its_body),
		ON_A_FRESH_DEVICE(the_fields_of_a_trace_have_the_guest_s_values),
		ON_A_FRESH_DEVICE(a_reserved_field_is_traced_only_if_it_is_set),
		ON_A_FRESH_DEVICE(a_request_that_is_returned_unwritten_is_traced_and_logged),
		ON_A_FRESH_DEVICE(a_trace_may_ask_for_translations),
		ON_A_FRESH_DEVICE(a_limit_is_logged_with_what_is_held),
		ON_A_FRESH_DEVICE(a_repeated_event_is_logged_ever_more_rarely),
		ON_A_FRESH_DEVICE(a_listener_s_refusal_is_logged),
		ON_A_FRESH_DEVICE(an_endpoint_that_ends_up_blocked_is_logged),
		ON_A_FRESH_DEVICE(an_ignored_write_to_configuration_space_is_logged),
		ON_A_FRESH_DEVICE(a_feature_that_was_not_offered_is_logged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
