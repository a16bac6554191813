/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The topology of a file: its text, or what the tables in it describe together
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "file.h"
#include "formats.h"
#include "questions.h"
#include "tables/model/topology.h"
#include "tables/text/text.h"

#define FILE_LENGTH_MAX ((size_t)64 << 20)
#define PIECE_LENGTH    65536u

/* -- bytes ----------------------------------------------------------------- */

struct contents {
	uint8_t *data;
	size_t length, room;
};

static void close_file(void *opaque)
{
	close(*(int *)opaque);
}

/* Files below /sys and /proc, and pipes, have no size. */
static int read_all(int file, struct contents *contents)
{
	ssize_t n;

	do {
		if (contents->length > FILE_LENGTH_MAX)
			return -EFBIG;
		if (contents->room - contents->length < PIECE_LENGTH) {
			contents->room = 2 * contents->room + PIECE_LENGTH;
			contents->data = memory_grow(contents, contents->data, contents->room);
		}
		n = read(file, contents->data + contents->length,
			 contents->room - contents->length);
		if (n > 0)
			contents->length += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static bool is_too_large(int file)
{
	struct stat now;

	return !fstat(file, &now) && S_ISREG(now.st_mode) && now.st_size > (off_t)FILE_LENGTH_MAX;
}

static int read_file(const char *path, struct contents *contents)
{
	int file = open(path, O_RDONLY | O_CLOEXEC), error;

	if (file < 0)
		return -errno;
	memory_on_failure(close_file, &file);
	error = is_too_large(file) ? -EFBIG : read_all(file, contents);
	memory_on_failure(NULL, NULL);
	close(file);
	return error;
}

/* -- tables ---------------------------------------------------------------- */

/* In the order in which Linux asks them. A table of another kind is a machine of its own. */
static const char *const joined[] = { "IORT", "RIMT", "VIOT" };

#define N_JOINED (sizeof(joined) / sizeof(*joined))

struct machine {
	struct viommu_topology *parts[N_JOINED + 1]; /* the last: one of the others */
	struct viommu_findings *findings;
};

static size_t part_of(const char *signature)
{
	size_t i = 0;

	while (i < N_JOINED && strcmp(joined[i], signature) != 0)
		i++;
	return i;
}

/* An SRAT describes none. */
static bool has_iommu(const struct viommu_topology *part)
{
	return part && viommu_topology_iommu(part, 0);
}

static bool take(void *opaque, const char *name, const void *bytes, size_t length)
{
	struct machine *machine = opaque;
	struct viommu_table *table = table_decode(bytes, length, name, machine->findings);
	const char *signature = table ? viommu_table_signature(table) : "";
	struct viommu_topology **part = &machine->parts[part_of(signature)];

	if (viommu_table_abilities(signature) & VIOMMU_TABLE_MEANING && !has_iommu(*part)) {
		viommu_topology_free(*part);
		*part = table_topology(table, machine->findings);
	}
	viommu_table_free(table);
	return true;
}

/* The parts before `end`, which are freed, as one; NULL: there is none. */
static struct viommu_topology *join(struct machine *machine)
{
	struct viommu_topology *whole = NULL, *before;

	for (size_t i = 0; i < N_JOINED; i++) {
		before = whole;
		if (!machine->parts[i])
			continue;
		whole = before ? topology_join(before, machine->parts[i]) : machine->parts[i];
		if (before) {
			viommu_topology_free(before);
			viommu_topology_free(machine->parts[i]);
		}
	}
	return whole;
}

static struct viommu_topology *read_tables(const struct contents *contents, const char *path,
					   struct viommu_findings *findings)
{
	struct machine machine = { .findings = findings };
	struct viommu_topology *whole, **other = &machine.parts[N_JOINED];

	input_split(contents->data, contents->length, path, take, &machine, findings);
	whole = join(&machine);
	if (!whole)
		return *other;
	viommu_topology_free(*other);
	return whole;
}

/* -- a file ---------------------------------------------------------------- */

/* Does the first line that is no comment name the version? */
static bool is_topology(const struct contents *contents)
{
	static const char key[] = "viommu:";
	const char *at = (const char *)contents->data, *end = at + contents->length;

	while (at < end && *at && strchr(" \t\r\n#-", *at)) {
		if (*at == '#' || *at == '-')
			at = memchr(at, '\n', (size_t)(end - at));
		if (!at)
			return false;
		at++;
	}
	return end - at >= (ptrdiff_t)strlen(key) && !memcmp(at, key, strlen(key));
}

int topology_from_file(const char *path, struct viommu_findings *findings,
		       struct viommu_topology **ret_topology)
{
	struct contents *contents = memory_new(struct contents, 1);
	int error = read_file(path, contents);

	*ret_topology = NULL;
	if (!error && is_topology(contents))
		*ret_topology = topology_parse((const char *)contents->data, contents->length, path,
					       findings);
	else if (!error)
		*ret_topology = read_tables(contents, path, findings);
	memory_free(contents->data);
	memory_free(contents);
	return error || *ret_topology ? error : -EINVAL;
}
