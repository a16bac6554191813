/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * cost COMMAND [ARGUMENT...]: what a command costs
 *
 * Prints as JSON, on standard error, its exit status, or 128 and the signal that ended it, the
 * milliseconds of a processor and the KiB of memory that it and its children took at the most. A
 * program of its own, because a child begins with the memory of the program that starts it.
 */

#define SECONDS_MAX 120
#define MS_PER_S    1e3
#define US_PER_MS   1e3
#define SIGNALED    128

static double ms_of(const struct timeval *time)
{
	return (double)time->tv_sec * MS_PER_S + (double)time->tv_usec / US_PER_MS;
}

int main(int argc, char **argv)
{
	const struct rlimit limit = { SECONDS_MAX, SECONDS_MAX };
	struct rusage usage;
	pid_t child;
	int status;

	if (argc < 2)
		return 2;
	child = fork();
	if (!child) {
		setrlimit(RLIMIT_CPU, &limit);
		execv(argv[1], argv + 1);
		_exit(SIGNALED - 1);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || getrusage(RUSAGE_CHILDREN, &usage))
		return 2;
	fprintf(stderr, "{\"status\": %d, \"ms\": %.1f, \"peak_kib\": %ld}\n",
		WIFEXITED(status) ? WEXITSTATUS(status) : SIGNALED + WTERMSIG(status),
		ms_of(&usage.ru_utime) + ms_of(&usage.ru_stime), usage.ru_maxrss);
	return 0;
}
