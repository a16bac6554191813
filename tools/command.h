/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_COMMAND_H
#define VIOMMU_TOOLS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include <viommu/tables.h>

/*
 * The subcommands of viommu, one file each
 *
 * Data goes to stdout, everything else to stderr. Results are exit statuses.
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

extern const struct command generate_command, dump_command, check_command, resolve_command,
	topology_command, demo_command;

/* Say that the arguments make no sense, and how they would. Returns EXIT_COULD_NOT. */
__attribute__((format(printf, 2, 3))) int command_usage(const struct command *command,
							const char *format, ...);

/* -- output ------------------------------------------------------------------------ */

/* An error on stderr: "viommu: ..." */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/* Print findings on stderr. Returns EXIT_FINDINGS if there is a warning or an error. */
int print_findings(const struct viommu_findings *findings);

/* The worse of two exit statuses. */
static inline int worse(int a, int b)
{
	return a > b ? a : b;
}

/* -- input --------------------------------------------------------------------------- */

/* Where the kernel shows the tables of this machine. */
#define SYSTEM_TABLES "/sys/firmware/acpi/tables"

/*
 * Read tables and topologies, by content, out of what a user names: files, "-" for standard
 * input, folders. Exactly one of the two is set in what `each` is given. Returns
 * EXIT_CLEAN, or EXIT_COULD_NOT where something could not be read: said on stderr, or a
 * finding.
 */
struct input {
	const char *name;
	struct viommu_table *table;
	struct viommu_topology *topology;
};

typedef void input_function(void *opaque, const struct input *input);

int read_inputs(char **names, struct viommu_findings *findings, input_function *each, void *opaque);

/* What an input means: the topology itself, or that of the table. To be freed; or NULL. */
struct viommu_topology *input_meaning(const struct input *input, struct viommu_findings *findings);

#endif
