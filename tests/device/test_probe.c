/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/* The request PROBE: virtio 1.3, "IOMMU Device / PROBE request", "RESV_MEM property". */

enum { PLUGGED = 0x80 };

/* The bytes of a RESV_MEM property. */
#define RESV_MEM(subtype, first, last) LE16(1), LE16(20), LE32(subtype), LE64(first), LE64(last)

static const struct viommu_reserved two_regions[] = {
	{ 0xfee00000, 0xfeefffff, VIOMMU_RESV_MEM_MSI },
	{ 0x1000, 0x2fff, VIOMMU_RESV_MEM_RESERVED },
};

static int add(struct rig *rig, struct viommu_endpoint endpoint)
{
	endpoint.size = sizeof(endpoint);
	endpoint.id = PLUGGED;
	return viommu_endpoint_add(rig->device, &endpoint);
}

/* Shows: probe-zero-fill */
static void an_endpoint_without_properties_answers_zeroes(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(probe(rig, EP), VIOMMU_S_OK);
	assert_string_equal(properties(rig), "");
}

/* Shows: probe-length, probe-next, probe-header-reserved, resv-mem-reserved, resv-mem-layout */
static void a_reserved_region_is_encoded_byte_by_byte(void **state)
{
	static const uint8_t expected[] = {
		RESV_MEM(0, 0x1000, 0x2fff),
		RESV_MEM(1, 0xfee00000, 0xfeefffff),
		LE16(0),
	};
	struct rig *rig = *state;

	assert_int_equal(
		add(rig, (struct viommu_endpoint){ .reserved = two_regions, .n_reserved = 2 }), 0);
	assert_int_equal(probe(rig, PLUGGED), VIOMMU_S_OK);
	assert_memory_equal(rig->properties, expected, sizeof(expected));
	assert_string_equal(properties(rig), "reserved 1000-2fff, msi fee00000-feefffff");
}

/* Shows: probe-after-resv-mem, probe-multiple-of-8, probe-proposed */
static void proposed_properties_come_last_and_only_if_configured(void **state)
{
	static const uint8_t expected[] = {
		LE16(0xf10), LE16(4), LE32(0x01020304), LE16(0xf11), LE16(4), LE32(3),
	};
	struct rig *rig = *state;

	assert_int_equal(add(rig,
			     (struct viommu_endpoint){
				     .reserved = two_regions,
				     .n_reserved = 2,
				     .has_proximity = true,
				     .proximity_domain = 0x01020304,
				     .has_ats = true,
				     .ats = VIOMMU_ATS_F_ENDPOINT | VIOMMU_ATS_F_PATH,
			     }),
			 0);
	assert_int_equal(probe(rig, PLUGGED), VIOMMU_S_OK);
	assert_memory_equal(rig->properties + 2 * VIOMMU_PROBE_RESV_MEM_LENGTH, expected,
			    sizeof(expected));
	assert_string_equal(properties(rig), "reserved 1000-2fff, msi fee00000-feefffff, "
					     "proximity 16909060, ats 3");
}

#define PROPERTY(name, type, has, member, bits, text) \
	{ #name, type, offsetof(struct viommu_endpoint, has_##has), \
	  offsetof(struct viommu_endpoint, member), bits },

static const struct property {
	const char *name;
	unsigned type;
	size_t has, member;
	uint32_t bits;
} all_properties[] = { VIOMMU_PROPERTIES(PROPERTY) };

static struct viommu_endpoint with_property(const struct property *property, uint32_t value)
{
	struct viommu_endpoint endpoint = { 0 };

	*(bool *)((char *)&endpoint + property->has) = true;
	memcpy((char *)&endpoint + property->member, &value, sizeof(value));
	return endpoint;
}

/* Shows: probe-proposed */
static void every_property_row_is_answered_with_its_value_and_alone(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT_OF(all_properties); i++) {
		const struct property *property = &all_properties[i];
		const uint8_t expected[] = { LE16(property->type), LE16(4), LE32(property->bits),
					     LE64(0ull) };

		assert_int_equal(add(rig, with_property(property, property->bits)), 0);
		assert_int_equal(probe(rig, PLUGGED), VIOMMU_S_OK);
		assert_memory_equal(rig->properties, expected, sizeof(expected));
		assert_int_equal(viommu_endpoint_remove(rig->device, PLUGGED), 0);
	}
}

static void every_property_row_refuses_other_bits_than_its_own(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT_OF(all_properties); i++)
		for (unsigned bit = 0; bit < 32; bit++) {
			bool known = all_properties[i].bits >> bit & 1;
			int error = add(rig, with_property(&all_properties[i], 1u << bit));

			assert_int_equal(error, known ? 0 : -EINVAL);
			if (known)
				assert_int_equal(viommu_endpoint_remove(rig->device, PLUGGED), 0);
		}
}

/* Shows: probe-no-endpoint, probe-failed-length */
static void probing_an_endpoint_that_is_none_is_noent_to_the_full_length(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(probe(rig, NO_ENDPOINT), VIOMMU_S_NOENT);
	assert_string_equal(properties(rig), "");
}

/* Shows: probe-reserved */
static void reserved_bytes_of_a_probe_are_ignored(void **state)
{
	uint8_t bytes[VIOMMU_PROBE_LENGTH], answer[VIOMMU_PROBE_SIZE_DEFAULT + VIOMMU_TAIL_LENGTH];
	struct rig *rig = *state;

	memset(bytes, 0xff, sizeof(bytes));
	memcpy(bytes, (uint8_t[]){ PROBE(EP) }, 8);
	assert_int_equal(request(rig, bytes, sizeof(bytes), answer, sizeof(answer)),
			 sizeof(answer));
	assert_int_equal(answer[VIOMMU_PROBE_SIZE_DEFAULT], VIOMMU_S_OK);
}

/* The status then stands in the last bytes that there are. Shows: probe-small */
static void a_room_too_small_gets_no_property_and_inval(void **state)
{
	static const uint8_t bytes[VIOMMU_PROBE_LENGTH] = { PROBE(PLUGGED) };
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .probe_size = 48 });
	assert_int_equal(
		add(rig, (struct viommu_endpoint){ .reserved = two_regions, .n_reserved = 2 }), 0);
	for (size_t room = 0; room < 48; room++) {
		uint8_t answer[48 + VIOMMU_TAIL_LENGTH];
		size_t used = request(rig, bytes, sizeof(bytes), answer, room + VIOMMU_TAIL_LENGTH);

		assert_int_equal(used, room + VIOMMU_TAIL_LENGTH);
		assert_int_equal(answer[room], VIOMMU_S_INVAL);
		for (size_t i = 0; i < used; i++)
			assert_true(i == room || answer[i] == 0);
	}
}

/* Shows: probe-larger */
static void in_a_larger_room_the_tail_follows_probe_size_bytes(void **state)
{
	static const uint8_t bytes[VIOMMU_PROBE_LENGTH] = { PROBE(EP) };
	struct rig *rig = *state;
	uint8_t answer[64];

	replace(rig, (struct viommu_config){ .probe_size = 8 });
	assert_int_equal(request(rig, bytes, sizeof(bytes), answer, sizeof(answer)),
			 8 + VIOMMU_TAIL_LENGTH);
	assert_int_equal(answer[8], VIOMMU_S_OK);
}

/* Nothing of an endpoint is left in the buffer for the next. Shows: probe-zero-fill */
static void one_endpoint_s_properties_do_not_show_in_another_s(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(
		add(rig, (struct viommu_endpoint){ .reserved = two_regions, .n_reserved = 2 }), 0);
	assert_int_equal(probe(rig, PLUGGED), VIOMMU_S_OK);
	assert_int_equal(probe(rig, EP), VIOMMU_S_OK);
	assert_string_equal(properties(rig), "");
	assert_int_equal(probe(rig, PLUGGED), VIOMMU_S_OK);
	assert_int_equal(probe(rig, NO_ENDPOINT), VIOMMU_S_NOENT);
	assert_string_equal(properties(rig), "");
}

/* Shows: resv-mem-input-range, resv-mem-overlap */
static void what_is_outside_an_endpoint_s_input_range_is_reported_as_reserved(void **state)
{
	static const struct viommu_reserved across[] = {
		{ 0x0, 0xff, VIOMMU_RESV_MEM_RESERVED },
		{ 0x800, 0x1fff, VIOMMU_RESV_MEM_RESERVED },
		{ 0xfff0, 0x10fff, VIOMMU_RESV_MEM_RESERVED },
		{ 0xfee00000, 0xfeefffff, VIOMMU_RESV_MEM_MSI },
	};
	static const struct {
		uint64_t first, last;
		size_t n;
		const char *answer;
	} cases[] = {
		{ 0x1000, 0xffff, 0, "reserved 0-fff, reserved 10000-ffffffff" },
		{ 0, 0xffff, 0, "reserved 10000-ffffffff" },
		{ 0x1000, TOP, 0, "reserved 0-fff" },
		{ 0, TOP, 0, "" },
		{ 0x1000, 0xffff, 4,
		  "reserved 0-ff, reserved 800-1fff, reserved fff0-10fff, msi fee00000-feefffff, "
		  "reserved 100-7ff, reserved 11000-fedfffff, reserved fef00000-ffffffff" },
	};
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .input_last = 0xffffffff });
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(add(rig,
				     (struct viommu_endpoint){
					     .input_first = cases[i].first,
					     .input_last = cases[i].last,
					     .reserved = across,
					     .n_reserved = cases[i].n,
				     }),
				 0);
		assert_int_equal(probe(rig, PLUGGED), VIOMMU_S_OK);
		assert_string_equal(properties(rig), cases[i].answer);
		assert_int_equal(viommu_endpoint_remove(rig->device, PLUGGED), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(an_endpoint_without_properties_answers_zeroes),
		ON_A_FRESH_DEVICE(a_reserved_region_is_encoded_byte_by_byte),
		ON_A_FRESH_DEVICE(proposed_properties_come_last_and_only_if_configured),
		ON_A_FRESH_DEVICE(every_property_row_is_answered_with_its_value_and_alone),
		ON_A_FRESH_DEVICE(every_property_row_refuses_other_bits_than_its_own),
		ON_A_FRESH_DEVICE(probing_an_endpoint_that_is_none_is_noent_to_the_full_length),
		ON_A_FRESH_DEVICE(reserved_bytes_of_a_probe_are_ignored),
		ON_A_FRESH_DEVICE(a_room_too_small_gets_no_property_and_inval),
		ON_A_FRESH_DEVICE(in_a_larger_room_the_tail_follows_probe_size_bytes),
		ON_A_FRESH_DEVICE(one_endpoint_s_properties_do_not_show_in_another_s),
		ON_A_FRESH_DEVICE(
			what_is_outside_an_endpoint_s_input_range_is_reported_as_reserved),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
