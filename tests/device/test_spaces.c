/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "rig.h"

/* Listeners that follow PASIDs and tables of the guest: `space` and `invalidate` */

#define PASID    VIOMMU_SLOT_F_PASID
#define ALL      VIOMMU_SLOT_F_ALL
#define PARENT   VIOMMU_SLOT_F_PARENT
#define FEATURES (VIOMMU_FEATURES_DEFAULT | VIOMMU_F_TABLE | VIOMMU_F_PASID | VIOMMU_F_NEST)

static const struct viommu_table_format formats[] = {
	{ VIOMMU_TABLE_GENERIC, 48, 52, 0x40201000, 0, VIOMMU_TABLE_F_NEST },
};

/* A listener that records its calls, refuses on demand, and translates meanwhile. */
struct component {
	struct rig *rig;
	char name;
	struct viommu_listener *listener;
	int answers[8]; /* of the next calls of `space`; then 0 */
	unsigned n_calls;
	int commit_error, map_error;
	uint32_t pasid; /* to translate with, in each call of `space`: */
	bool reaches;   /* it reached 0x1000 during one of them */
};

static char said[4096];

static void say(const struct component *component, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(const struct component *component, const char *format, ...)
{
	size_t at = strlen(said);
	va_list arguments;

	at += (size_t)snprintf(said + at, sizeof(said) - at, "%s%c ", at ? ", " : "",
			       component->name);
	va_start(arguments, format);
	vsnprintf(said + at, sizeof(said) - at, format, arguments);
	va_end(arguments);
}

static void assert_said(const char *wanted)
{
	assert_string_equal(said, wanted);
	said[0] = '\0';
}

static const char *number(uint32_t pasid, char text[16])
{
	if (pasid == VIOMMU_NO_PASID)
		return "default";
	snprintf(text, 16, "%u", pasid);
	return text;
}

static int on_space(void *opaque, uint32_t pasid, const struct viommu_space *space)
{
	struct component *component = opaque;
	struct viommu_translation to;
	char text[16];

	if (space->mode == VIOMMU_BLOCKED)
		say(component, "%s empty", number(pasid, text));
	else if (space->mode == VIOMMU_BYPASS)
		say(component, "%s bypass", number(pasid, text));
	else if (!space->format)
		say(component, "%s domain %u", number(pasid, text), space->domain);
	else if (!space->has_parent)
		say(component, "%s table %x at %02x%02x", number(pasid, text), space->format,
		    space->body[1], space->body[0]);
	else
		say(component, "%s table %x over %u", number(pasid, text), space->format,
		    space->parent);
	assert_int_equal(space->mode == VIOMMU_TRANSLATED, space->serial != 0);
	component->reaches |= !viommu_translate_pasid(component->rig->device, EP, component->pasid,
						      0x1000, 1, R | VIOMMU_ACCESS_QUIET, &to);
	return component->n_calls < COUNT_OF(component->answers)
		       ? component->answers[component->n_calls++]
		       : 0;
}

static int on_map(void *opaque, const struct viommu_mapping *mapping)
{
	const struct component *component = opaque;

	say(component, "map %u %llx", mapping->domain, (unsigned long long)mapping->first);
	return component->map_error;
}

static void on_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	say(opaque, "unmap %u %llx", mapping->domain, (unsigned long long)mapping->first);
}

static int on_mode(void *opaque, enum viommu_mode mode)
{
	say(opaque, "mode %u", (unsigned)mode);
	return 0;
}

static void on_invalidate(void *opaque, const struct viommu_invalidation *what)
{
	char text[16];

	say(opaque, "invalidate %s %llx-%llx",
	    number(what->has_pasid ? what->pasid : VIOMMU_NO_PASID, text),
	    (unsigned long long)what->first, (unsigned long long)what->last);
}

static void listen_to(struct component *component, struct rig *rig, char name, uint32_t endpoint)
{
	const struct viommu_listener_ops ops = {
		.size = sizeof(ops),
		.map = on_map,
		.unmap = on_unmap,
		.mode = on_mode,
		.space = on_space,
		.invalidate = on_invalidate,
	};

	*component = (struct component){ .rig = rig, .name = name };
	assert_int_equal(
		viommu_listen(rig->device, endpoint, &ops, component, &component->listener), 0);
	said[0] = '\0';
}

static void listen(struct component *component, struct rig *rig, char name)
{
	listen_to(component, rig, name, EP);
}

static void configure(struct rig *rig, uint32_t policy)
{
	const struct viommu_endpoint config = {
		.size = sizeof(config),
		.id = EP,
		.pasid_bits = 8,
		.formats = formats,
		.n_formats = COUNT_OF(formats),
		.pasid_policy = policy,
	};

	assert_int_equal(viommu_endpoint_update(rig->device, &config), 0);
}

static struct rig *with_spaces(void **state)
{
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .size = sizeof(struct viommu_config),
					     .features = FEATURES });
	configure(rig, VIOMMU_PASID_IDENTITY);
	return rig;
}

/* -- requests ------------------------------------------------------------------ */

static int attach_pasid(struct rig *rig, uint32_t domain, uint32_t pasid)
{
	const uint8_t bytes[] = { ATTACH(domain, EP, PASID, pasid) };

	return status_of(rig, bytes, sizeof(bytes));
}

static int detach_slot(struct rig *rig, uint32_t domain, uint32_t flags, uint32_t pasid)
{
	const uint8_t bytes[] = { HEAD(VIOMMU_T_DETACH), LE32(domain), LE32(EP), LE32(flags),
				  LE32(pasid) };

	return status_of(rig, bytes, sizeof(bytes));
}

static int attach_table(struct rig *rig, uint32_t domain, uint32_t flags, uint32_t pasid,
			uint32_t parent, uint64_t root)
{
	const uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { HEAD(VIOMMU_T_ATTACH_TABLE),
							    LE32(domain),
							    LE32(EP),
							    LE32(flags),
							    LE16(0x141),
							    LE16(0),
							    LE32(pasid),
							    LE32(parent),
							    LE32(0),
							    LE64(root) };

	return status_of(rig, bytes, sizeof(bytes));
}

static int invalidate(struct rig *rig, uint32_t domain, uint8_t caches, uint64_t address)
{
	const uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = { HEAD(VIOMMU_T_INVALIDATE),
							  3,
							  caches,
							  LE16(0),
							  LE32(domain),
							  LE32(0),
							  LE64(0),
							  LE64(address),
							  LE64(1),
							  12 };

	return status_of(rig, bytes, sizeof(bytes));
}

static const char *reach(struct rig *rig, uint32_t pasid)
{
	struct viommu_translation to;

	return viommu_translate_pasid(rig->device, EP, pasid, 0x1000, 1, R | VIOMMU_ACCESS_QUIET,
				      &to)
		       ? "fault"
		       : "reached";
}

/* -- tests --------------------------------------------------------------------- */

static void test_a_listener_is_told_of_a_pasid_and_its_mappings(void **state)
{
	struct rig *rig = with_spaces(state);
	struct component a, b;

	listen(&a, rig, 'a');
	listen(&b, rig, 'b');
	b.answers[0] = 1; /* it has the mappings of that domain */
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_said("");
	assert_int_equal(attach_pasid(rig, 1, 5), VIOMMU_S_OK);
	assert_said("a 5 domain 1, a map 1 1000, b 5 domain 1");
	assert_int_equal(map(rig, 1, 0x2000, 0x2fff, 0x9000, R), VIOMMU_S_OK);
	assert_said("a map 1 2000, b map 1 2000");
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_said("a unmap 1 1000, b unmap 1 1000");
	assert_int_equal(attach_pasid(rig, 2, 6), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 2, 5), VIOMMU_S_OK);
	assert_said("a 6 domain 2, b 6 domain 2, a 5 domain 2, b 5 domain 2");
	assert_int_equal(map(rig, 1, 0x3000, 0x3fff, 0x9000, R), VIOMMU_S_OK);
	assert_said("");
	assert_int_equal(map(rig, 2, 0x3000, 0x3fff, 0x9000, R), VIOMMU_S_OK);
	assert_said("a map 2 3000, b map 2 3000, a map 2 3000, b map 2 3000");
	assert_int_equal(detach_slot(rig, 2, PASID, 5), VIOMMU_S_OK);
	assert_said("a 5 empty, b 5 empty");
	assert_int_equal(detach_slot(rig, 0, ALL, 0), VIOMMU_S_OK);
	assert_said("a 6 empty, b 6 empty");
}

static void test_bypass_of_a_pasid_is_told(void **state)
{
	struct rig *rig = with_spaces(state);
	const uint8_t bytes[] = { ATTACH(1, EP, PASID | VIOMMU_ATTACH_F_BYPASS, 5) };
	struct component a;

	listen(&a, rig, 'a');
	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
	assert_said("a 5 bypass");
}

static void test_a_grant_is_told_before_and_a_removal_after_translations(void **state)
{
	struct rig *rig = with_spaces(state);
	struct component a;

	listen(&a, rig, 'a');
	a.pasid = 5;
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, 5), VIOMMU_S_OK);
	assert_string_equal(reach(rig, 5), "reached");
	assert_int_equal(attach_pasid(rig, 2, 5), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, 5), VIOMMU_S_OK);
	assert_int_equal(detach_slot(rig, 1, PASID, 5), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, 5), VIOMMU_S_OK);
	viommu_reset(rig->device);
	assert_false(a.reaches);
}

static void test_a_refusal_keeps_the_old_space(void **state)
{
	struct rig *rig = with_spaces(state);
	struct component a, b;
	uint64_t bytes;

	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	listen(&a, rig, 'a');
	listen(&b, rig, 'b');
	bytes = counters(rig).bytes;
	b.answers[0] = -EOPNOTSUPP;
	assert_int_equal(attach_pasid(rig, 1, 5), VIOMMU_S_UNSUPP);
	assert_said("a 5 domain 1, a map 1 1000, b 5 domain 1, a 5 empty, b 5 empty");
	assert_string_equal(reach(rig, 5), "fault");
	assert_int_equal(counters(rig).bytes, bytes);
	assert_int_equal(attach_pasid(rig, 1, 5), VIOMMU_S_OK);
	said[0] = '\0';
	bytes = counters(rig).bytes;
	b.n_calls = 0;
	b.answers[0] = -ENOMEM;
	assert_int_equal(attach_pasid(rig, 2, 5), VIOMMU_S_NOMEM);
	assert_said("a 5 domain 2, b 5 domain 2, a 5 empty, b 5 empty, "
		    "a 5 domain 1, a map 1 1000, b 5 domain 1, b map 1 1000");
	assert_string_equal(reach(rig, 5), "reached");
	assert_int_equal(counters(rig).bytes, bytes);
	assert_int_equal(counters(rig).domains, 1);
}

static void test_a_refusal_keeps_the_order_of_the_old_domain(void **state)
{
	struct rig *rig = with_spaces(state);
	struct component a, b;

	listen(&a, rig, 'a');
	listen_to(&b, rig, 'b', EP2);
	assert_int_equal(attach_pasid(rig, 1, 5), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	a.n_calls = 0;
	a.answers[0] = -EIO;
	assert_int_equal(attach_pasid(rig, 2, 5), VIOMMU_S_IOERR);
	said[0] = '\0';
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_said("a map 1 1000, b map 1 1000");
}

/* The domain of the only holder is replaced by one of the same number. */
static void test_a_refused_change_of_the_root_keeps_the_old_table(void **state)
{
	struct rig *rig = with_spaces(state);
	struct viommu_table_state table = { .size = sizeof(table) };
	struct component a;

	listen(&a, rig, 'a');
	assert_int_equal(attach_table(rig, 1, PASID, 5, 0, 0x1000), VIOMMU_S_OK);
	a.n_calls = 0;
	a.answers[0] = -EIO;
	assert_int_equal(attach_table(rig, 1, PASID, 5, 0, 0x2000), VIOMMU_S_IOERR);
	assert_said("a 5 table 141 at 1000, a 5 table 141 at 2000, a 5 empty, "
		    "a 5 table 141 at 1000");
	assert_int_equal(viommu_next_table(rig->device, 0, &table), 0);
	assert_int_equal(table.body[1], 0x10);
	/* The old one is refused as well. */
	a.n_calls = 0;
	a.answers[0] = a.answers[2] = -EIO;
	assert_int_equal(attach_table(rig, 1, PASID, 5, 0, 0x2000), VIOMMU_S_IOERR);
	assert_said("a 5 table 141 at 2000, a 5 empty, a 5 table 141 at 1000, a 5 empty");
	assert_int_equal(counters(rig).domains, 0);
	assert_int_equal(attach_table(rig, 1, PASID, 5, 0, 0x3000), VIOMMU_S_OK);
}

static void test_a_refused_table_leaves_no_child(void **state)
{
	struct rig *rig = with_spaces(state);
	struct component a;

	listen(&a, rig, 'a');
	for (uint32_t flags = 0; flags <= PASID; flags += PASID) {
		a.n_calls = 0;
		a.answers[0] = -EIO;
		assert_int_equal(attach_table(rig, 1, flags | PARENT, 0, 2, 0x1000),
				 VIOMMU_S_IOERR);
		assert_int_equal(counters(rig).domains, 0);
	}
	assert_int_equal(attach_table(rig, 1, PASID | PARENT, 5, 2, 0x1000), VIOMMU_S_OK);
	assert_int_equal(counters(rig).domains, 2);
}

static void test_a_table_of_the_default_slot_is_told_and_then_a_mode(void **state)
{
	struct rig *rig = with_spaces(state);
	struct component a;

	listen(&a, rig, 'a');
	assert_int_equal(attach_table(rig, 1, 0, 0, 0, 0x1000), VIOMMU_S_OK);
	assert_said("a default table 141 at 1000");
	assert_int_equal(attach_table(rig, 1, 0, 0, 0, 0x2000), VIOMMU_S_OK);
	assert_said("a default table 141 at 2000");
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_said("a mode 2");
	assert_int_equal(attach_table(rig, 1, 0, 0, 0, 0x1000), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_said("a default table 141 at 1000, a mode 0");
}

static void test_an_invalidate_is_told_whatever_caches_it_names(void **state)
{
	struct rig *rig = with_spaces(state);
	struct component a;

	listen(&a, rig, 'a');
	assert_int_equal(attach_table(rig, 1, 0, 0, 0, 0x1000), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, 1, PASID, 5, 0, 0x1000), VIOMMU_S_OK);
	said[0] = '\0';
	assert_int_equal(invalidate(rig, 1, VIOMMU_INVALIDATE_C_TLB, 0x7000), VIOMMU_S_OK);
	assert_said("a invalidate default 7000-7fff, a invalidate 5 7000-7fff");
}

static void test_an_unmap_in_the_parent_is_told(void **state)
{
	struct rig *rig = with_spaces(state);
	struct component a;

	listen(&a, rig, 'a');
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, 1, PASID | PARENT, 5, 2, 0x1000), VIOMMU_S_OK);
	assert_said("a 5 table 141 over 2");
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_said("a map 2 1000");
	assert_int_equal(unmap(rig, 2, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_said("a unmap 2 1000, a invalidate 5 0-ffffffffffffffff");
	/* Without a table, UNMAP calls `unmap` only. */
	assert_int_equal(attach_pasid(rig, 2, 5), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	said[0] = '\0';
	assert_int_equal(unmap(rig, 2, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_said("a unmap 2 1000");
}

/* As those of a domain, by every slot with a table over it; they end with the slot. */
static void test_mappings_of_a_parent_are_told(void **state)
{
	struct rig *rig = with_spaces(state);
	struct component a, b;

	listen(&a, rig, 'a');
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x3000, 0x3fff, 0x9000, R), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, 1, PARENT, 0, 2, 0x1000), VIOMMU_S_OK);
	assert_said("a default table 141 over 2, a map 2 1000, a map 2 3000");
	a.n_calls = 0;
	a.answers[0] = 1; /* it has them already */
	assert_int_equal(attach_table(rig, 3, PASID | PARENT, 5, 2, 0x1000), VIOMMU_S_OK);
	assert_said("a 5 table 141 over 2");
	assert_int_equal(map(rig, 2, 0x5000, 0x5fff, 0xa000, R), VIOMMU_S_OK);
	assert_said("a map 2 5000, a map 2 5000");
	assert_int_equal(detach_slot(rig, 3, PASID, 5), VIOMMU_S_OK);
	assert_said("a 5 empty");
	/* A listener without `domain` loses each mapping. */
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_said("a unmap 2 1000, a unmap 2 3000, a unmap 2 5000, a mode 0");
	assert_int_equal(map(rig, 2, 0x7000, 0x7fff, 0xb000, R), VIOMMU_S_OK);
	assert_said("");
	/* Blocked by force, it follows nothing. */
	assert_int_equal(attach_table(rig, 1, PARENT, 0, 2, 0x1000), VIOMMU_S_OK);
	assert_int_equal(viommu_endpoint_block(rig->device, EP, true), 0);
	said[0] = '\0';
	assert_int_equal(unmap(rig, 2, 0x1000, 0x5fff), VIOMMU_S_OK);
	assert_said("a invalidate default 0-ffffffffffffffff");
	assert_int_equal(viommu_endpoint_block(rig->device, EP, false), 0);
	assert_said("a default table 141 over 2, a map 2 7000");
	/* One that is added while there is a table is refused, as before. */
	assert_int_equal(viommu_listen(rig->device, EP,
				       &(struct viommu_listener_ops){
					       .size = sizeof(struct viommu_listener_ops) },
				       NULL, &b.listener),
			 -EBUSY);
	viommu_unlisten(a.listener);
	assert_said("a unmap 2 7000, a mode 0");
}

/* A parent that a listener refuses is as it was before. */
static void test_a_mapping_of_a_parent_can_be_refused(void **state)
{
	struct rig *rig = with_spaces(state);
	struct component a;

	listen(&a, rig, 'a');
	assert_int_equal(attach_table(rig, 1, PARENT, 0, 2, 0x1000), VIOMMU_S_OK);
	said[0] = '\0';
	a.map_error = -ENOSPC;
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_NOMEM);
	assert_int_equal(counters(rig).mappings, 0);
	a.map_error = 0;
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	viommu_reset(rig->device);
	assert_said("a map 2 1000, a map 2 1000, a unmap 2 1000, a mode 0");
}

static void test_every_slot_is_emptied_once(void **state)
{
	struct rig *rig = with_spaces(state);
	struct component a, b;

	listen(&a, rig, 'a');
	listen(&b, rig, 'b');
	assert_int_equal(attach_pasid(rig, 1, 5), VIOMMU_S_OK);
	said[0] = '\0';
	viommu_unlisten(a.listener);
	assert_said("a 5 empty, a mode 0");
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_said("b map 1 1000");
	viommu_reset(rig->device);
	assert_said("b 5 empty");
	assert_int_equal(viommu_accept(rig->device, FEATURES), 0);
	assert_int_equal(attach_pasid(rig, 1, 5), VIOMMU_S_OK);
	said[0] = '\0';
	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
	assert_said("b 5 empty");
}

static void test_an_unmap_that_waits_is_not_told_to_a_new_slot(void **state)
{
	struct rig *rig = with_spaces(state);
	const uint8_t removal[] = { UNMAP(1, 0x1000, 0x1fff, 0) };
	const uint8_t attachment[] = { ATTACH(1, EP, PASID, 5) };
	uint8_t tail[4];
	struct iovec in = { tail, sizeof(tail) }, out;
	struct component a;

	listen(&a, rig, 'a');
	assert_int_equal(attach_pasid(rig, 1, 4), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	said[0] = '\0';
	viommu_batch_begin(rig->device);
	out = (struct iovec){ (void *)removal, sizeof(removal) };
	viommu_batch_request(rig->device, &out, 1, &in, 1);
	out = (struct iovec){ (void *)attachment, sizeof(attachment) };
	viommu_batch_request(rig->device, &out, 1, &in, 1);
	viommu_batch_end(rig->device);
	assert_said("a unmap 1 1000, a 5 domain 1");
}

static void test_loaded_state_is_told(void **state)
{
	struct rig *rig = with_spaces(state);
	char reason[VIOMMU_REASON_LENGTH] = "";
	struct component a;
	size_t length;
	void *saved;

	assert_int_equal(attach_pasid(rig, 1, 5), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, 2, PASID, 6, 0, 0x1000), VIOMMU_S_OK);
	assert_int_equal(attach_table(rig, 3, 0, 0, 0, 0x2000), VIOMMU_S_OK);
	assert_int_equal(viommu_save(rig->device, &saved, &length), 0);
	viommu_reset(rig->device);
	listen(&a, rig, 'a');
	assert_int_equal(viommu_load(rig->device, saved, length, reason, sizeof(reason)), 0);
	assert_non_null(strstr(said, "a default table 141 at 2000"));
	assert_non_null(strstr(said, "a 5 domain 1, a map 1 1000"));
	assert_non_null(strstr(said, "a 6 table 141 at 1000"));
	for (unsigned refused = 0; refused < 3; refused++) {
		viommu_reset(rig->device);
		a.n_calls = 0;
		memset(a.answers, 0, sizeof(a.answers));
		a.answers[refused] = -EIO;
		assert_int_equal(viommu_load(rig->device, saved, length, reason, sizeof(reason)),
				 -EIO);
		assert_non_null(strstr(reason, "refused"));
		assert_int_equal(counters(rig).domains, 0);
		assert_int_equal(counters(rig).bytes, 0);
		assert_string_equal(reach(rig, 5), "fault");
	}
	free(saved);
}

static int on_commit(void *opaque, uint64_t token)
{
	struct component *component = opaque;

	say(component, "commit");
	assert_int_equal(token, 0);
	return component->commit_error;
}

/* A slot is published at once, so its listeners commit without delay. */
static void test_a_slot_is_committed_at_once(void **state)
{
	const struct viommu_listener_ops ops = { .size = sizeof(ops),
						 .space = on_space,
						 .commit = on_commit };
	struct rig *rig = with_spaces(state);
	struct component a = { .rig = rig, .name = 'a' };

	assert_int_equal(viommu_listen(rig->device, EP, &ops, &a, &a.listener), 0);
	said[0] = '\0';
	assert_int_equal(attach_pasid(rig, 1, 5), VIOMMU_S_OK);
	assert_said("a 5 domain 1, a commit");
	a.commit_error = -ENOSPC;
	assert_int_equal(attach_pasid(rig, 1, 6), VIOMMU_S_NOMEM);
	assert_string_equal(reach(rig, 6), "fault");
	assert_int_equal(strncmp(said, "a 6 domain 1, a commit, a 6 empty", 33), 0);
	a.commit_error = 0;
	said[0] = '\0';
	assert_int_equal(detach_slot(rig, 1, PASID, 5), VIOMMU_S_OK);
	assert_said("a 5 empty, a commit");
}

static int on_policy(void *opaque, uint32_t pasid, const struct viommu_space *space)
{
	(void)pasid;
	*(uint32_t *)opaque = space->pasid_policy;
	return 0;
}

static void test_the_policy_is_told_and_probed(void **state)
{
	const struct viommu_listener_ops ops = { .size = sizeof(ops), .space = on_policy };
	struct rig *rig = with_spaces(state);
	struct viommu_listener *listener;
	uint32_t policy = 7;
	struct viommu_endpoint wrong = {
		.size = sizeof(wrong),
		.id = EP,
		.pasid_bits = 8,
		.pasid_policy = VIOMMU_PASID_ALLOCATED + 1,
	};

	configure(rig, VIOMMU_PASID_ALLOCATED);
	assert_int_equal(probe(rig, EP), VIOMMU_S_OK);
	assert_memory_equal(rig->properties, ((uint8_t[]){ 0x20, 0x0f, 4, 0, 8, 0, 1, 0 }), 8);
	assert_int_equal(viommu_listen(rig->device, EP, &ops, &policy, &listener), 0);
	assert_int_equal(attach_pasid(rig, 1, 5), VIOMMU_S_OK);
	assert_int_equal(policy, VIOMMU_PASID_ALLOCATED);
	assert_int_equal(viommu_endpoint_update(rig->device, &wrong), -EINVAL);
}

static void test_invalidate_without_space_is_invalid(void **state)
{
	const struct viommu_listener_ops ops = { .size = sizeof(ops), .invalidate = on_invalidate };
	struct rig *rig = with_spaces(state);
	struct viommu_listener *listener;

	assert_int_equal(viommu_listen(rig->device, EP, &ops, NULL, &listener), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(test_a_listener_is_told_of_a_pasid_and_its_mappings),
		ON_A_FRESH_DEVICE(test_bypass_of_a_pasid_is_told),
		ON_A_FRESH_DEVICE(test_a_grant_is_told_before_and_a_removal_after_translations),
		ON_A_FRESH_DEVICE(test_a_refusal_keeps_the_old_space),
		ON_A_FRESH_DEVICE(test_a_refusal_keeps_the_order_of_the_old_domain),
		ON_A_FRESH_DEVICE(test_a_refused_change_of_the_root_keeps_the_old_table),
		ON_A_FRESH_DEVICE(test_a_refused_table_leaves_no_child),
		ON_A_FRESH_DEVICE(test_a_table_of_the_default_slot_is_told_and_then_a_mode),
		ON_A_FRESH_DEVICE(test_an_invalidate_is_told_whatever_caches_it_names),
		ON_A_FRESH_DEVICE(test_an_unmap_in_the_parent_is_told),
		ON_A_FRESH_DEVICE(test_mappings_of_a_parent_are_told),
		ON_A_FRESH_DEVICE(test_a_mapping_of_a_parent_can_be_refused),
		ON_A_FRESH_DEVICE(test_every_slot_is_emptied_once),
		ON_A_FRESH_DEVICE(test_an_unmap_that_waits_is_not_told_to_a_new_slot),
		ON_A_FRESH_DEVICE(test_loaded_state_is_told),
		ON_A_FRESH_DEVICE(test_a_slot_is_committed_at_once),
		ON_A_FRESH_DEVICE(test_the_policy_is_told_and_probed),
		ON_A_FRESH_DEVICE(test_invalidate_without_space_is_invalid),
	};

	return cmocka_run_group_tests_name("spaces", tests, NULL, NULL);
}
