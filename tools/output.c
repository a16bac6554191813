/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing the output of a command to a file or to standard output
 *
 * A file is written under a temporary name and then renamed: it is complete, or unchanged.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

static int report_write_error(const char *name, int error)
{
	report_error("%s: cannot write: %s", name, g_strerror(error));
	return EXIT_COULD_NOT;
}

/* A device or a pipe cannot be replaced by renaming. */
static int write_into(const char *name, const void *bytes, size_t length)
{
	FILE *file = fopen(name, "wb");
	int error = 0;

	if (!file)
		return report_write_error(name, errno);
	if (fwrite(bytes, 1, length, file) != length)
		error = errno;
	if (fclose(file) && !error)
		error = errno;
	return error ? report_write_error(name, error) : EXIT_CLEAN;
}

/*
 * Renamed when complete, so that no reader sees half a table. Some file systems report a full disk
 * at close().
 */
static int replace(const char *name, const void *bytes, size_t length)
{
	static const int mode = 0666;
	g_autofree char *temporary = g_strconcat(name, ".XXXXXX", NULL);
	int error = 0, fd = g_mkstemp_full(temporary, O_WRONLY | O_CLOEXEC, mode);
	ssize_t n;

	if (fd < 0)
		return report_write_error(name, errno);
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
	return report_write_error(name, error);
}

/* Follows a symbolic link and replaces or creates its target. */
static int write_file(const char *name, const void *bytes, size_t length)
{
	char *target = realpath(name, NULL);
	const char *place = target ? target : name;
	struct stat now;
	int status;

	if (!target && errno != ENOENT)
		return report_write_error(name, errno);
	if (!lstat(place, &now) && !S_ISREG(now.st_mode))
		status = write_into(place, bytes, length);
	else
		status = replace(place, bytes, length);
	free(target);
	return status;
}

/*
 * Errors of standard output are reported once, in command_main(). With one, no file is written: the
 * findings about it are lost.
 */
int write_output(const char *name, const void *bytes, size_t length)
{
	if (name && (ferror(stdout) || fflush(stdout)))
		return EXIT_COULD_NOT;
	if (name)
		return write_file(name, bytes, length);
	fwrite(bytes, 1, length, stdout);
	return EXIT_CLEAN;
}
