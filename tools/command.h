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
 * A subcommand is a row: its name, its arguments, its options, its function. Usage, help and
 * completion are printed from the rows, and a test compares the manual page with them. Data goes to
 * stdout, everything else to stderr. Functions return exit statuses.
 */

enum {
	EXIT_CLEAN = 0,     /* done; no warning, no error */
	EXIT_FINDINGS = 1,  /* done; at least one warning or error */
	EXIT_COULD_NOT = 2, /* not done */
};

/* The words that a placeholder of a usage line or of an option stands for. */
struct choice {
	const char *placeholder;  /* "TABLE" */
	const char *const *words; /* NULL-terminated */
};

struct command {
	const char *name;
	const char *arguments; /* for the usage line */
	const char *summary;   /* one line */
	const char *details;   /* further lines of help, or NULL */
	const char *examples;  /* lines of a shell, which a test runs as they are written */
	bool is_paged;         /* its output is long, and for reading */
	const GOptionEntry *options;
	const struct choice *choices; /* ends with a zero row; or NULL */

	/* `arguments`: without options, NULL-terminated. Returns an exit status. */
	int (*run)(const struct command *command, char **arguments);
};

/* Run the program; argv[0] is its name. Returns the exit status. */
int command_main(int argc, char **argv);

/* In the order of `viommu help`, NULL-terminated (commands.c). */
extern const struct command *const commands[];

extern const struct command assemble_command, convert_command, generate_command, dump_command,
	check_command, resolve_command, explain_command, diff_command, graph_command, host_command,
	plan_command, replay_command, report_command, topology_command, demo_command, help_command;

/* The row with that name, or NULL. */
const struct command *command_find(const char *name);

/* Report wrong arguments, with the usage line. Returns EXIT_COULD_NOT. */
__attribute__((format(printf, 2, 3))) int command_usage(const struct command *command,
							const char *format, ...);

/* Print on stdout what `viommu help COMMAND` prints (help.c). */
void command_help(const struct command *command);

/*
 * "; did you mean "check"?" if a candidate is so near to the word that it may be a typing error, ""
 * otherwise (suggest.c). g_free() it.
 */
char *did_you_mean(const char *word, const char *const *candidates);

/* Print a script that completes these commands in "bash", "zsh" or "fish" (completion.c). Returns
 * whether there is one for the shell. The list ends with NULL. */
bool print_completion(const char *shell, const struct command *const *list);

/* -- output ------------------------------------------------------------------------ */

/* An error on stderr: "viommu: ...". */
__attribute__((format(printf, 1, 2))) void report_error(const char *format, ...);

/* A line on stdout; `format` has no newline. Control characters are replaced. */
__attribute__((format(printf, 1, 2))) void print_line(const char *format, ...);

/* The text with a question mark for each character that cannot be printed. g_free() it. */
char *terminal_text(const char *text);

/* The name with control characters and quotes escaped as in C. g_free() it. */
char *printable(const char *text);

/* Print findings on stderr, coloured on a terminal unless NO_COLOR is set. Returns EXIT_FINDINGS if
 * there is a warning or an error. */
int print_findings(const struct viommu_findings *findings);

/*
 * Write to the named file, which is replaced atomically, or to standard output if the name is NULL.
 * Returns EXIT_CLEAN, or EXIT_COULD_NOT after reporting the error.
 */
int write_output(const char *name, const void *bytes, size_t length);

/* The worse of two exit statuses. */
static inline int worse(int a, int b)
{
	return a > b ? a : b;
}

/* -- input --------------------------------------------------------------------------- */

/* Linux exports the tables of this machine here, readable by root. */
#define SYSTEM_TABLES      "/sys/firmware/acpi/tables"
#define SYSTEM_DEVICE_TREE "/sys/firmware/fdt"
#define SYSTEM_IOMMUS      "/sys/class/iommu"

/* --as, an option of every command that reads a FILE: the form of input without a signature. NULL:
 * recognized by content. */
extern char *input_form;

/* The words of FORM. */
extern const char *const input_forms[];

#define INPUT_FORM_OPTION \
	{ \
		"as", 'A', 0, G_OPTION_ARG_STRING, &input_form, \
			"read FILE as a built-in topology in this form, such as builtin-v3", \
			"FORM" \
	}

/* A table or a topology that was read. */
struct input {
	const char *name;
	const char *source; /* the machine: the name that was given, or a folder; never freed */
	struct viommu_table *table;       /* NULL: a topology; the callback may steal it */
	struct viommu_topology *topology; /* use input_topology() */
	const struct viommu_host *host;   /* the host the table is from; NULL: unknown */
};

/* Read from folders also those tables that do not describe IOMMUs but are referred to: MADT, MCFG.
 */
extern bool input_neighbours;

/* Read from folders every ACPI table. */
extern bool input_every;

/* Tables of a folder that describe one machine together, as IORT and VIOT, are one topology. */
extern bool input_joined;

/* Also report where sysfs and the tables of a host disagree. */
extern bool input_host_findings;

/* Called for a host without a table that describes IOMMUs, which sysfs alone has to answer for.
 * NULL: such a host is an error. */
struct viommu_host;
typedef void host_function(void *opaque, const char *name, const struct viommu_host *host);
extern host_function *input_host;

typedef void input_function(void *opaque, struct input *input);

/*
 * Read tables and topologies from files, folders, host trees, "-" for standard input, or the tables
 * of this machine if `names` is empty. The content decides what a file is. `each` gets them one by
 * one; an input is valid during the call. Returns EXIT_CLEAN, or EXIT_COULD_NOT if something could
 * not be read or nothing was found, after reporting it on stderr or as a finding.
 */
int read_inputs(char **names, struct viommu_findings *findings, input_function *each, void *opaque);

/*
 * All bytes of a file, or of standard input for "-"; NULL after reporting that it cannot be read or
 * has no end; errno is EFBIG if it is too large. The data of an empty file is not NULL either.
 * g_byte_array_free() them.
 */
GByteArray *read_bytes(const char *name);

/* Several names, or a folder? */
bool inputs_are_several(char **names);

/* Report that no input was usable, unless `status` says that an error was reported already. Returns
 * EXIT_COULD_NOT. */
int report_no_input(char **names, int status);

/*
 * The topology of an input, derived from its table if needed; NULL for a table that viommu does not
 * interpret. Owned by the input.
 */
const struct viommu_topology *input_topology(struct input *input, struct viommu_findings *findings);

#endif
