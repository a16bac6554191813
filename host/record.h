/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_RECORD_H
#define VIOMMU_HOST_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Records what a scan reads: a tar of it has all that a scan needs, and nothing else */
struct record;

struct record *record_new(void);
void record_free(struct record *record);

/*
 * Record a folder; the result of a read, where `n` is a negative errno if the file is not readable;
 * a link.
 */
void record_folder(struct record *record, const char *path);
void record_file(struct record *record, const char *path, const char *name, const void *bytes,
		 ssize_t n, size_t at);
void record_link(struct record *record, const char *path, const char *name, const char *target);

/* Write the tar. 0 or a negative errno. */
int record_write(struct record *record, const char *file);

#endif
