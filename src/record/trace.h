/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_RECORD_TRACE_H
#define VIOMMU_RECORD_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Traces: what a guest did to its IOMMU (docs/traces.md)
 *
 *     head     magic, version, checksum
 *     block    length, checksum, and whole records of so many bytes
 *     ...
 *
 *     record   its kind, the time since the one before, its values, and its bytes
 *
 * Numbers are variable in length (7 bits a byte, the lowest first), and of the bytes only those
 * that are not 0 are written. A checksum continues the one before, so that no block can be lost.
 * A trace comes from a file and is not trusted.
 */

#define TRACE_MAGIC       "VIOMMUTR"
#define TRACE_VERSION     1u
#define TRACE_HEAD_LENGTH 16u
#define TRACE_BLOCK_HEAD  8u
#define TRACE_BLOCK_MAX   65536u /* bytes of records in a block */
#define TRACE_BYTES_MAX   32768u /* of one record, decoded */
#define TRACE_VALUES_MAX  12u
#define TRACE_UNANSWERED  255u /* in the place of a status */
#define TRACE_RECORD_MAX  (TRACE_BYTES_MAX / 8 * 9 + 256)

/* Kinds of records; trace.c has a row for each. Numbers never change. */
enum trace_kind {
	TRACE_END = 1,
	TRACE_DEVICE,
	TRACE_ENDPOINT,
	TRACE_REMOVE,
	TRACE_BLOCK,
	TRACE_STATE,
	TRACE_ACCEPT,
	TRACE_BYPASS,
	TRACE_RESET,
	TRACE_NOTIFY,
	TRACE_REQUEST,
	TRACE_ACCESS,
	TRACE_N_KINDS,
};

/* The values of each kind, in their order. */
enum { END_IS_FULL, END_RECORDS };
enum {
	DEVICE_FEATURES,
	DEVICE_PAGE_SIZES,
	DEVICE_INPUT_FIRST,
	DEVICE_INPUT_LAST,
	DEVICE_DOMAIN_FIRST,
	DEVICE_DOMAIN_LAST,
	DEVICE_PROBE_SIZE,
	DEVICE_BYPASS,
	DEVICE_MAX_DOMAINS,
	DEVICE_MAX_MAPPINGS,
	DEVICE_MAX_BYTES,
};
/* Its bytes: a row of TRACE_REGION_LENGTH for each reserved region: first, last, subtype. */
enum {
	ENDPOINT_ID,
	ENDPOINT_PAGE_SIZES,
	ENDPOINT_INPUT_FIRST,
	ENDPOINT_INPUT_LAST,
	ENDPOINT_PASID_BITS,
};
enum { BLOCK_ENDPOINT, BLOCK_ON };
enum { STATE_IS_LAST }; /* bytes: a piece of the stream of viommu_save() */
enum { RESET_IS_SYSTEM };
enum { REQUEST_STATUS }; /* bytes: its device-readable part */
enum {
	ACCESS_ENDPOINT,
	ACCESS_PASID, /* 0: none; otherwise one more than the PASID */
	ACCESS_IOVA,
	ACCESS_LENGTH,
	ACCESS_FLAGS,
	ACCESS_RESULT,  /* TRACE_* below */
	ACCESS_ADDRESS, /* the answer, if it is TRACE_OK */
};

/* Results of an access, whatever errnos the host has. */
enum { TRACE_OK, TRACE_FAULT, TRACE_NO_ENDPOINT, TRACE_OTHER };
unsigned trace_result(int error);

#define TRACE_REGION_LENGTH 24u

struct trace_record {
	enum trace_kind kind;
	uint64_t ns; /* since the record before */
	uint64_t values[TRACE_VALUES_MAX];
	const uint8_t *bytes;
	size_t length;
};

/* The name of a kind, "request"; and how many values it has. */
const char *trace_kind_name(enum trace_kind kind);

/* -- writing ------------------------------------------------------------------------- */

/* Writes into memory of the caller, and never allocates. */
struct trace_writer {
	uint8_t *bytes;
	size_t room;
	size_t at;    /* of the next record */
	size_t block; /* of the head of the open block */
	uint32_t checksum;
	uint64_t n_records;
	bool is_full; /* records were left out, and so are all others */
};

#define TRACE_ROOM_MIN 4096u

/* `room` is at least TRACE_ROOM_MIN. */
void trace_begin(struct trace_writer *writer, void *bytes, size_t room);

/* Add a record, or nothing from the first one on that has no room. */
void trace_add(struct trace_writer *writer, const struct trace_record *record);

/* Write the end, for which room was kept. Returns the length of the trace. */
size_t trace_end(struct trace_writer *writer);

/* -- reading ------------------------------------------------------------------------- */

/* Why a trace is refused: the id of a rule, the offset, a sentence, and the cure. */
struct trace_error {
	const char *rule;
	size_t at;
	char text[160];
	const char *cure;
};

struct trace_reader {
	const uint8_t *bytes;
	size_t length;
	size_t at, end; /* of the next record; of its block */
	size_t record;  /* offset of the last record that was read */
	uint32_t checksum;
	uint64_t n_records;
	bool is_over;
	struct trace_error *error;
	uint8_t unpacked[TRACE_BYTES_MAX];
};

/* Is it a trace, by its first bytes? */
bool trace_is(const void *bytes, size_t length);

/* Check the head. False: *error is filled in. The bytes must stay. */
bool trace_open(struct trace_reader *reader, const void *bytes, size_t length,
		struct trace_error *error);

/*
 * The next record: 1, 0 after the last one, -1 if the trace is wrong. The first record is of the
 * device, and no other one is. `bytes` of the record are valid until the next call. Values fit
 * their types and flags are 0 or 1, but nothing else was checked.
 */
int trace_next(struct trace_reader *reader, struct trace_record *ret_record);

/* Refuse the record that was read last. Returns -1. */
__attribute__((format(printf, 4, 5))) int trace_refuse(struct trace_reader *reader,
						       const char *rule, const char *cure,
						       const char *format, ...);

#endif
