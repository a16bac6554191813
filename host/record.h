/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_RECORD_H
#define VIOMMU_HOST_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * What a scan reads, kept as it is read: so a tar of it has all that the answers came from, and
 * nothing else
 */
struct record;

struct record *record_new(void);
void record_free(struct record *record);

/* A folder was entered; what a read gave, where `n` may be a negative errno of what may not be
 * read; a link. */
void record_folder(struct record *record, const char *path);
void record_file(struct record *record, const char *path, const char *name, const void *bytes,
		 ssize_t n, size_t at);
void record_link(struct record *record, const char *path, const char *name, const char *target);

/* Write the tar. 0 or a negative errno. */
int record_write(struct record *record, const char *file);

#endif
