/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu host: the IOMMUs of a machine and the devices behind each
 *
 * Several machines are scanned in parallel, by one thread per processor. Output is in the order of
 * the arguments. The ring of results limits how far threads run ahead of the output, so that memory
 * does not grow with the number of machines.
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viommu/host.h>

#include "command.h"

static char **roots;
static char *save_name;
static gboolean as_json, show_groups;

static const GOptionEntry options[] = {
	{ "root", 'r', 0, G_OPTION_ARG_FILENAME_ARRAY, &roots,
	  "read saved host trees, not this machine: a folder, a tar, or a glob pattern", "TREE" },
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json,
	  "print JSON on standard output, one line for each host", NULL },
	{ "groups", 'g', 0, G_OPTION_ARG_NONE, &show_groups,
	  "also show groups with their reserved memory", NULL },
	{ "save", 's', 0, G_OPTION_ARG_FILENAME, &save_name,
	  "save what was read, without serial numbers, as a tar (.tar, .tar.gz, .bz2, .xz, .zst, "
	  ".lz4)",
	  "FILE" },
	G_OPTION_ENTRY_NULL,
};

/* -- one host ------------------------------------------------------------------------------- */

struct result {
	char *text; /* NULL: none yet */
	struct viommu_findings *findings;
	bool failed;
};

static char *text_of(const struct viommu_host *host)
{
	unsigned parts = VIOMMU_HOST_TEXT_IOMMUS | VIOMMU_HOST_TEXT_DEVICES;

	return viommu_host_text(host, parts | (show_groups ? VIOMMU_HOST_TEXT_GROUPS : 0u));
}

static void scan(const char *root, struct result *result)
{
	struct viommu_host *host;

	result->findings = viommu_findings_new();
	host = viommu_host_scan(root, result->findings);
	result->failed = !host;
	/* A host that cannot be read gets a line too, so that programs can count lines. */
	if (as_json)
		result->text = viommu_host_json(host, root, result->findings);
	else
		result->text = host ? text_of(host) : g_strdup("");
	viommu_host_free(host);
}

/* Text is aligned, so it is printed whole; names in it have no control characters. */
static int print(const char *root, struct result *result, bool title)
{
	g_autofree char *name = printable(root ? root : "this machine");
	int status = result->failed ? EXIT_COULD_NOT : EXIT_CLEAN;

	if (title && !as_json)
		printf("%s\n\n", name);
	if (as_json)
		puts(result->text);
	else
		fputs(result->text, stdout);
	if (title && !as_json)
		puts("");
	if (as_json)
		status = worse(status, viommu_findings_count_from(result->findings, VIOMMU_WARNING)
					       ? EXIT_FINDINGS
					       : EXIT_CLEAN);
	else
		status = worse(status, print_findings(result->findings));
	viommu_findings_free(result->findings);
	g_free(result->text);
	*result = (struct result){ 0 };
	return status;
}

/* -- many hosts ------------------------------------------------------------------------------ */

/* Results per thread that may wait to be printed. */
#define AHEAD 4

struct fleet {
	char **roots;
	size_t n, next, n_printed, ahead;
	struct result *results; /* a ring of `ahead` */
	GMutex lock;
	GCond changed;
};

/* Get the next host to scan; false: none is left. */
static bool take(struct fleet *fleet, size_t *ret)
{
	bool there;

	g_mutex_lock(&fleet->lock);
	while (fleet->next < fleet->n && fleet->next >= fleet->n_printed + fleet->ahead)
		g_cond_wait(&fleet->changed, &fleet->lock);
	there = fleet->next < fleet->n;
	*ret = fleet->next;
	fleet->next += there;
	g_mutex_unlock(&fleet->lock);
	return there;
}

static gpointer work(gpointer data)
{
	struct fleet *fleet = data;
	size_t i;

	while (take(fleet, &i)) {
		struct result result = { 0 };

		scan(fleet->roots[i], &result);
		g_mutex_lock(&fleet->lock);
		fleet->results[i % fleet->ahead] = result;
		g_cond_broadcast(&fleet->changed);
		g_mutex_unlock(&fleet->lock);
	}
	return NULL;
}

static struct result wait_for(struct fleet *fleet, size_t i)
{
	struct result result;

	g_mutex_lock(&fleet->lock);
	while (!fleet->results[i % fleet->ahead].text)
		g_cond_wait(&fleet->changed, &fleet->lock);
	result = fleet->results[i % fleet->ahead];
	fleet->results[i % fleet->ahead] = (struct result){ 0 };
	fleet->n_printed = i + 1;
	g_cond_broadcast(&fleet->changed);
	g_mutex_unlock(&fleet->lock);
	return result;
}

static int print_all(char **all)
{
	unsigned n_threads = MIN(g_get_num_processors(), g_strv_length(all));
	struct fleet fleet = { .roots = all, .n = g_strv_length(all), .ahead = AHEAD * n_threads };
	g_autofree GThread **threads = g_new(GThread *, n_threads);
	int status = EXIT_CLEAN;

	fleet.results = g_new0(struct result, fleet.ahead);
	g_mutex_init(&fleet.lock);
	g_cond_init(&fleet.changed);
	for (unsigned i = 0; i < n_threads; i++)
		threads[i] = g_thread_new("scan", work, &fleet);
	for (size_t i = 0; i < fleet.n; i++) {
		struct result result = wait_for(&fleet, i);

		status = worse(status, print(all[i], &result, fleet.n > 1));
	}
	for (unsigned i = 0; i < n_threads; i++)
		g_thread_join(threads[i]);
	g_cond_clear(&fleet.changed);
	g_mutex_clear(&fleet.lock);
	g_free(fleet.results);
	return status;
}

static int print_live(void)
{
	struct result result = { 0 };

	scan(NULL, &result);
	return print(NULL, &result, false);
}

/* -- arguments -------------------------------------------------------------------------------- */

/* Expands quoted patterns, which the shell did not. */
static void add_root(GPtrArray *all, const char *pattern)
{
	glob_t found;

	if (g_file_test(pattern, G_FILE_TEST_EXISTS) || glob(pattern, 0, NULL, &found)) {
		g_ptr_array_add(all, g_strdup(pattern));
		return;
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		g_ptr_array_add(all, g_strdup(found.gl_pathv[i]));
	globfree(&found);
}

static int save(const char *root)
{
	struct viommu_findings *findings = viommu_findings_new();
	int r = viommu_host_save(root, save_name, findings);
	int status = worse(r < 0 ? EXIT_COULD_NOT : EXIT_CLEAN, print_findings(findings));

	viommu_findings_free(findings);
	return status;
}

static int run(const struct command *command, char **arguments)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);

	for (char **root = roots; root && *root; root++)
		add_root(all, *root);
	for (char **root = arguments; *root; root++)
		add_root(all, *root);
	if (save_name && all->len > 1)
		return command_usage(command, "--save takes one host");
	if (save_name)
		return save(all->len ? all->pdata[0] : NULL);
	if (!all->len)
		return print_live();
	g_ptr_array_add(all, NULL);
	return print_all((char **)all->pdata);
}

const struct command host_command = {
	.name = "host",
	.arguments = "[TREE...]",
	.summary = "show the IOMMUs of a machine and the devices behind each",
	.details = "Without a TREE, shows this machine; some files are readable by root only. TREE "
		   "is a\n"
		   "folder with a copy of /sys, or a tar that --save wrote. Differences between "
		   "sysfs\n"
		   "and the firmware's tables are findings.",
	.examples = "viommu host --root host.tar.gz\n"
		    "viommu host --groups host.tar.gz\n"
		    "viommu host --root host.tar.gz --save copy.tar.xz",
	.is_paged = true,
	.options = options,
	.run = run,
};
