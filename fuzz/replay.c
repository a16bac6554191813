/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A target without a fuzzer: runs the given inputs, files and folders of files
 *
 * Inputs that a fuzzer found become tests. Every input is also run truncated at each of its bytes,
 * up to a limit, as after an interrupted copy; not with --whole.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

#define LARGEST  ((size_t)1 << 20)
#define MAX_CUTS 16

const bool replaying = true;

static bool cuts = true;

/* In memory of its own length, so that a sanitizer sees the first byte beyond. */
static void run_bytes(const uint8_t *bytes, size_t length)
{
	uint8_t *own = malloc(length ? length : 1);

	must(own);
	memcpy(own, bytes, length);
	LLVMFuzzerTestOneInput(own, length);
	free(own);
}

static void run_cut(const uint8_t *bytes, size_t length)
{
	size_t step = length / MAX_CUTS + 1;

	for (size_t cut = 0; cuts && cut < length; cut += step)
		run_bytes(bytes, cut);
	run_bytes(bytes, length);
}

static int run_file(const char *path)
{
	static uint8_t bytes[LARGEST];
	FILE *file = fopen(path, "rb");
	size_t length;

	if (!file) {
		perror(path);
		return -1;
	}
	length = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	run_cut(bytes, length);
	return 1;
}

/* How many inputs ran, or -1. Hidden files are none. */
static int run_folder(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	int n = 0, r;

	if (!folder)
		return run_file(path);
	while (n >= 0 && (entry = readdir(folder))) {
		char inside[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
		r = run_file(inside);
		n = r < 0 ? r : n + r;
	}
	closedir(folder);
	return n;
}

/* An empty folder is an error of the caller, not a passed test. */
int main(int argc, char **argv)
{
	int first = 1;

	if (argc > 1 && !strcmp(argv[first], "--whole")) {
		cuts = false;
		first++;
	}
	for (int i = first; i < argc; i++) {
		int n = run_folder(argv[i]);

		if (n <= 0) {
			fprintf(stderr, "%s: nothing to run\n", argv[i]);
			return 1;
		}
		printf("%s: %d inputs, whole%s\n", argv[i], n, cuts ? " and cut off" : "");
	}
	return first == argc;
}
