/* SPDX-License-Identifier: BSD-3-Clause */
/* Notes about systems that read a table otherwise than Linux; none reads one inside a VIOT. */
#include "others.h"
#include "tables/findings/findings.h"

void check_others(const struct table_check *check, const struct other_reader *others)
{
	for (; !check->table->base && others->text; others++) {
		const struct record *record = others->applies(check->table);

		if (record)
			report(check->findings, check->rule_id,
			       table_place(check->table, record->at), NULL, "%s", others->text);
	}
}
