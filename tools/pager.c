/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts the pager by a shell, because its name may have options, and waits for it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

#include "pager.h"

static pid_t pager; /* 0: none */
static bool takes_errors;

bool pager_takes_errors(void)
{
	return takes_errors;
}

/* less asks on such a terminal whether it may go on. */
static bool is_dumb(const char *terminal)
{
	return !terminal || !strcmp(terminal, "dumb");
}

/* What the shell has more to do with than to start a program is left to it. */
static bool exists(const char *name)
{
	g_autofree char *program = g_strndup(name, strcspn(name, " \t")), *path = NULL,
			*shown = NULL;

	if (strpbrk(name, "=;|&<>()$`\\\"'*?[#~\n"))
		return true;
	path = g_find_program_in_path(program);
	if (path)
		return true;
	shown = g_strescape(program, NULL);
	fprintf(stderr, "viommu: there is no pager \"%s\": set PAGER to another, or to cat\n",
		shown);
	return false;
}

/* NULL: none is wanted, or there is none. */
static const char *find_pager(void)
{
	const char *name = g_getenv("VIOMMU_PAGER");
	g_autofree char *less = NULL;

	if (!name)
		name = g_getenv("PAGER");
	if (!name) {
		less = is_dumb(g_getenv("TERM")) ? NULL : g_find_program_in_path("less");
		name = less ? "less" : "";
	}
	return *name && strcmp(name, "cat") != 0 && exists(name) ? name : NULL;
}

static void close_output(void)
{
	close(STDOUT_FILENO);
	if (takes_errors)
		close(STDERR_FILENO);
}

/* A signal that is handled does not return here. */
static void wait_for_pager(void)
{
	waitpid(pager, NULL, 0);
}

/* Otherwise the shell and the pager would read the terminal at the same time. A pager that ended
 * reads no more: SIGPIPE. */
static void on_interrupt(int number)
{
	close_output();
	wait_for_pager();
	signal(number, SIG_DFL);
	raise(number);
}

/* In the child. -F: end at once if everything fits; -R: colours; -X: leave it on the screen. */
static void become_pager(const char *name, const int ends[2])
{
	setenv("LESS", "FRX", 0);
	dup2(ends[0], STDIN_FILENO);
	if (ends[0] != STDIN_FILENO) /* it is, if standard input was closed */
		close(ends[0]);
	close(ends[1]);
	execl("/bin/sh", "sh", "-c", name, (char *)NULL);
	_exit(127);
}

void pager_start(void)
{
	const char *name = isatty(STDOUT_FILENO) ? find_pager() : NULL;
	int ends[2];

	if (!name || pipe(ends))
		return;
	fflush(NULL);
	pager = fork();
	if (!pager)
		become_pager(name, ends);
	if (pager > 0) {
		dup2(ends[1], STDOUT_FILENO);
		takes_errors = isatty(STDERR_FILENO);
		if (takes_errors)
			dup2(ends[1], STDERR_FILENO);
		signal(SIGINT, on_interrupt);
		signal(SIGTERM, on_interrupt);
		signal(SIGPIPE, on_interrupt);
	}
	pager = MAX(pager, 0);
	close(ends[0]);
	close(ends[1]);
}

void pager_end(void)
{
	if (!pager)
		return;
	close_output();
	wait_for_pager();
	pager = 0;
	takes_errors = false;
}
