/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a command made, written to where the user wants it
 *
 * A file is written beside its place and then put there: it is there whole, or as it was before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

/* With the name and the reason, which is all that a user can do something about. */
static int complain_write(const char *name, int error)
{
	complain("%s: could not write it: %s", name, g_strerror(error));
	return EXIT_COULD_NOT;
}

/* A device or a pipe has no place that another file could take. */
static int write_into(const char *name, const void *bytes, size_t length)
{
	FILE *file = fopen(name, "wb");
	int error = 0;

	if (!file)
		return complain_write(name, errno);
	if (fwrite(bytes, 1, length, file) != length)
		error = errno;
	if (fclose(file) && !error)
		error = errno;
	return error ? complain_write(name, error) : EXIT_CLEAN;
}

/*
 * Written beside the file and then put in its place, so that nobody ever reads half a table, and an
 * old one is there until the new one is whole. Closing may be when a full disk is noticed.
 */
static int replace(const char *name, const void *bytes, size_t length)
{
	static const int mode = 0666;
	g_autofree char *temporary = g_strconcat(name, ".XXXXXX", NULL);
	int error = 0, fd = g_mkstemp_full(temporary, O_WRONLY | O_CLOEXEC, mode);
	ssize_t n;

	if (fd < 0)
		return complain_write(name, errno);
	n = write(fd, bytes, length);
	if (n != (ssize_t)length)
		error = n < 0 ? errno : ENOSPC;
	if (close(fd) && !error)
		error = errno;
	if (!error && rename(temporary, name))
		error = errno;
	if (!error)
		return EXIT_CLEAN;
	unlink(temporary);
	return complain_write(name, error);
}

/* What a symbolic link names is replaced, not the link; what it names and is not there is made. */
static int write_file(const char *name, const void *bytes, size_t length)
{
	char *target = realpath(name, NULL);
	const char *place = target ? target : name;
	struct stat now;
	int status;

	if (!target && errno != ENOENT)
		return complain_write(name, errno);
	if (!lstat(place, &now) && !S_ISREG(now.st_mode))
		status = write_into(place, bytes, length);
	else
		status = replace(place, bytes, length);
	free(target);
	return status;
}

/* main() looks whether standard output took it all. */
int write_output(const char *name, const void *bytes, size_t length)
{
	if (name)
		return write_file(name, bytes, length);
	fwrite(bytes, 1, length, stdout);
	return EXIT_CLEAN;
}
