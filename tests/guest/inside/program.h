/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What programs of this folder that use libviommu share
 *
 * A program defines NAME, the first word of each line that it prints, before it includes this.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(const char *what, int error)
{
	if (!error)
		return;
	printf(NAME ": %s: %s\n", what, strerror(abs(error)));
	exit(1);
}

static void on_log(void *opaque, const char *text)
{
	(void)opaque;
	printf(NAME ": %s\n", text);
}

static void put(unsigned char *bytes, uint64_t value, int length)
{
	for (int i = 0; i < length; i++)
		bytes[i] = (unsigned char)(value >> 8 * i);
}
