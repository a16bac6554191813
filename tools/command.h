/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_COMMAND_H
#define VIOMMU_TOOLS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <glib.h>

#include <viommu/host.h>
#include <viommu/tables.h>

/*
 * The subcommands of viommu, one file each
 *
 * A subcommand is a row: what it is called, what it takes, what it does. Usage, help and
 * completion are printed from the rows, and a test holds the manual page against them. Data
 * goes to stdout, everything else to stderr. Results are exit statuses.
 */

enum {
	EXIT_CLEAN = 0,     /* done, and nothing found wrong */
	EXIT_FINDINGS = 1,  /* done, and something is: a warning at least */
	EXIT_COULD_NOT = 2, /* not done */
};

struct command {
	const char *name;
	const char *arguments; /* as usage shows them */
	const char *summary;   /* one line */
	const char *details;   /* what help says besides, or NULL */
	const GOptionEntry *options;

	/* `arguments` are those that are no options, NULL-terminated. */
	int (*run)(const struct command *command, char **arguments);
};

/* What the program does with its arguments, which begin with its own name. Its exit status. */
int command_main(int argc, char **argv);

/* All of them, in the order of `viommu help`; NULL at the end (commands.c). */
extern const struct command *const commands[];

extern const struct command convert_command, generate_command, dump_command, check_command,
	resolve_command, diff_command, graph_command, host_command, plan_command, topology_command,
	demo_command, help_command;

/* The row with that name, or NULL. */
const struct command *command_find(const char *name);

/* Say that the arguments make no sense, and how they would. Returns EXIT_COULD_NOT. */
__attribute__((format(printf, 2, 3))) int command_usage(const struct command *command,
							const char *format, ...);

/* Print on stdout what `viommu help COMMAND` prints (help.c). */
void command_help(const struct command *command);

/* -- output ------------------------------------------------------------------------ */

/* An error on stderr: "viommu: ..." */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/* A line of an answer on stdout, without its end. What it quotes is shown and not obeyed. */
__attribute__((format(printf, 1, 2))) void say_line(const char *format, ...);

/* A text as a terminal may have it: what prints nothing is a question mark. g_free() it. */
char *harmless(const char *text);

/* A name as a terminal may have it: control characters and quotes as in C. g_free() it. */
char *printable(const char *text);

/* Print findings on stderr. Returns EXIT_FINDINGS if there is a warning or an error. */
int print_findings(const struct viommu_findings *findings);

/*
 * Write what a command made to the file of that name, which is replaced once all of it is written;
 * or to standard output, if there is no name. Returns EXIT_CLEAN, or EXIT_COULD_NOT and has said
 * why.
 */
int write_output(const char *name, const void *bytes, size_t length);

/* The worse of two exit statuses. */
static inline int worse(int a, int b)
{
	return a > b ? a : b;
}

/* -- input --------------------------------------------------------------------------- */

/* Where the kernel shows the tables of this machine. */
#define SYSTEM_TABLES      "/sys/firmware/acpi/tables"
#define SYSTEM_DEVICE_TREE "/sys/firmware/fdt"

/* What FILE is if it does not say so itself, which is an option of every command that reads one;
 * NULL: it does. */
extern char *input_form;

#define INPUT_FORM_OPTION \
	{ \
		"as", 'A', 0, G_OPTION_ARG_STRING, &input_form, \
			"take FILE for a built-in topology of this form, such as builtin-v3", \
			"FORM" \
	}

/* One table or topology of what a user named. */
struct input {
	const char *name;
	struct viommu_table *table;       /* NULL: a topology; may be taken away */
	struct viommu_topology *topology; /* use input_meaning() */
	const struct viommu_host *host;   /* whose table it is; NULL: not known */
};

/* Take tables out of folders too that say nothing of IOMMUs, but have what others name. */
extern bool input_neighbours;

/* Find what sysfs and the tables of a host say of each other, too. */
extern bool input_host_findings;

typedef void input_function(void *opaque, struct input *input);

/*
 * Read tables and topologies, by content, out of what a user names: files, "-" for standard
 * input, folders, trees of a host; the tables of this machine if nothing is named. `each` has them
 * one by one, for as long as it runs. Returns EXIT_CLEAN, or EXIT_COULD_NOT where something could
 * not be read or there was nothing to read: said on stderr, or a finding.
 */
int read_inputs(char **names, struct viommu_findings *findings, input_function *each, void *opaque);

/* Do these names stand for several inputs, or for who knows how many? */
bool inputs_are_several(char **names);

/* Unless something was said already: that nothing of use was there. Returns EXIT_COULD_NOT. */
int complain_nothing(char **names, int status);

/*
 * What an input means: the topology itself, or that of the table, or NULL for a table that is
 * not understood. It is the input's.
 */
const struct viommu_topology *input_meaning(struct input *input, struct viommu_findings *findings);

#endif
