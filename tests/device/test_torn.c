/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A cached translation that is replaced while it is read, before each of the loads:
 * src/device/tlb.c
 *
 * The hook in the loads of the code itself inserts another page of the same key. What is found then
 * must be one of the two, and no mixture.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "device/tlb.h"

static void replace(void);

#undef atomic_load_explicit
#define atomic_load_explicit(at, order) (replace(), *(at))
#include "../../src/device/tlb.c"

static const struct tlb_key key = { .address = 0x5000 };
static const struct tlb_page pages[] = { { .address = 0x100000, .shift = 12, .rights = 1 },
					 { .address = 0x200000, .shift = 12, .rights = 3 } };
static struct tlb *tlb;
static unsigned countdown; /* loads until the page is replaced; 0: never */

static void insert(const struct tlb_page *page)
{
	const struct tlb_tags tags = tlb_tags(tlb, &key);

	tlb_insert(tlb, &tags, &key, page);
}

static void replace(void)
{
	if (countdown && !--countdown)
		insert(&pages[1]);
}

static void a_page_that_is_replaced_while_it_is_read_is_no_mixture(void **state)
{
	struct tlb_page found;

	(void)state;
	tlb = tlb_new();
	assert_non_null(tlb);
	for (unsigned loads = 1; loads < 30; loads++) {
		countdown = 0;
		insert(&pages[0]);
		countdown = loads;
		if (!tlb_find(tlb, &key, &found))
			continue;
		assert_true(found.rights == 1 || found.rights == 3);
		assert_int_equal(found.address, pages[found.rights == 3].address);
	}
	free(tlb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_that_is_replaced_while_it_is_read_is_no_mixture),
	};

	return cmocka_run_group_tests_name("tlb: torn", tests, NULL, NULL);
}
