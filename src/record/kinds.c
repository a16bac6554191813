/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "record/kinds.h"

/*
 * The records of a trace: a row for each kind, with the largest number of each value
 */

#define ANY UINT64_MAX
#define U32 UINT32_MAX

/* clang-format off */
static const uint64_t end_most[] = { 1, ANY };
static const uint64_t device_most[] = { ANY, ANY, ANY, ANY, U32, U32, U32, 1, ANY, ANY, ANY };
static const uint64_t endpoint_most[] = { U32, ANY, ANY, ANY, U32 };
static const uint64_t id_most[] = { U32 };
static const uint64_t block_most[] = { U32, 1 };
static const uint64_t flag_most[] = { 1 };
static const uint64_t any_most[] = { ANY };
static const uint64_t status_most[] = { TRACE_UNANSWERED };
static const uint64_t access_most[] = { U32, (uint64_t)U32 + 1, ANY, ANY, U32, TRACE_OTHER, ANY };
/* clang-format on */

#define ROW(name, has_bytes, most) \
	{ \
		name, sizeof(most) / sizeof((most)[0]), has_bytes, most \
	}

static const struct trace_row rows[TRACE_N_KINDS] = {
	[TRACE_END] = ROW("end", false, end_most),
	[TRACE_DEVICE] = ROW("device", false, device_most),
	[TRACE_ENDPOINT] = ROW("endpoint", true, endpoint_most),
	[TRACE_REMOVE] = ROW("remove", false, id_most),
	[TRACE_BLOCK] = ROW("block", false, block_most),
	[TRACE_STATE] = ROW("state", true, flag_most),
	[TRACE_ACCEPT] = ROW("accept", false, any_most),
	[TRACE_BYPASS] = ROW("bypass", false, flag_most),
	[TRACE_RESET] = ROW("reset", false, flag_most),
	[TRACE_NOTIFY] = { "notify", 0, false, NULL },
	[TRACE_REQUEST] = ROW("request", true, status_most),
	[TRACE_ACCESS] = ROW("access", false, access_most),
};

const struct trace_row *trace_row(unsigned kind)
{
	return kind < TRACE_N_KINDS && rows[kind].name ? &rows[kind] : NULL;
}

const char *trace_kind_name(enum trace_kind kind)
{
	const struct trace_row *row = trace_row(kind);

	return row ? row->name : "unknown";
}

unsigned trace_result(int error)
{
	if (!error)
		return TRACE_OK;
	if (error == -ENOENT)
		return TRACE_NO_ENDPOINT;
	return error == -EFAULT ? TRACE_FAULT : TRACE_OTHER;
}
