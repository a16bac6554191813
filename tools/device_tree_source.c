/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Source of device trees
 *
 * It is compiled by dtc, which is a program of its own with limits, because the text may come from
 * anywhere. Text that includes other files is refused: they are not part of the input.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "device_tree_source.h"
#include "tree_text.h"

#define TREE_MAX ((gsize)64 << 20)
#define PROBE    (1u << 20)

/* -- source -------------------------------------------------------------------------------- */

static bool has_word(const char *text, size_t length, const char *word)
{
	return memmem(text, length, word, strlen(word));
}

/* Whichever byte of each pair comes first. */
bool is_wide_device_tree_source(const char *text, size_t length)
{
	static const char word[] = "/\0d\0t\0s\0-\0v\0001\0/";

	return memmem(text, MIN(length, PROBE), word, sizeof(word) - 1);
}

/* The root without a version, as U-Boot's `fdt print` has it. */
static bool has_root(const char *text, size_t length)
{
	return (has_word(text, length, "\n/ {") || (length > 3 && !memcmp(text, "/ {", 3))) &&
	       has_word(text, length, "compatible");
}

bool is_device_tree_source(const char *text, size_t length)
{
	length = MIN(length, PROBE);
	return find_tree_version(text, length) || has_root(text, length);
}

static const char *const includes[] = { "#include", "/include/", "/incbin/", "#define" };

#define SECONDS_MAX 10u

static void limit(int resource, rlim_t most)
{
	const struct rlimit limits = { most, most };

	setrlimit((__rlimit_resource_t)resource, &limits);
}

/* In the child, between fork() and exec(). The alarm also ends a dtc that waits. */
static void set_limits(void *opaque)
{
	(void)opaque;
	signal(SIGALRM, SIG_DFL);
	alarm(SECONDS_MAX);
	limit(RLIMIT_CPU, SECONDS_MAX);
	limit(RLIMIT_FSIZE, TREE_MAX);
	limit(RLIMIT_AS, (rlim_t)16 * TREE_MAX);
}

/* Of what dtc printed, the first line, without the name of the file that it was given. */
static char *reason_of(const char *output, int status)
{
	const char *colon = strstr(output, "source.dts:");

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return g_strdup_printf("dtc takes more than %u seconds", SECONDS_MAX);
	if (WIFSIGNALED(status))
		return g_strdup_printf("dtc was ended by signal %d", WTERMSIG(status));
	if (!*output)
		return g_strdup_printf("dtc ended with exit status %d, and without a message",
				       WEXITSTATUS(status));
	output = colon ? colon + strlen("source.dts:") : output;
	return g_strdup_printf("dtc: %.*s", (int)strcspn(output, "\n"), output);
}

static GByteArray *run_dtc(const char *source, const char *blob, char **ret_message)
{
	char *arguments[] = { (char *)"dtc",  (char *)"-q",  (char *)"-I", (char *)"dts",
			      (char *)"-O",   (char *)"dtb", (char *)"-o", (char *)blob,
			      (char *)source, NULL };
	g_autofree char *output = NULL;
	g_autofree char *bytes = NULL;
	gsize length;
	int status = 0;

	if (!g_spawn_sync(NULL, arguments, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
			  set_limits, NULL, NULL, &output, &status, NULL)) {
		*ret_message = g_strdup("dtc is not installed");
		return NULL;
	}
	if (status || !g_file_get_contents(blob, &bytes, &length, NULL)) {
		*ret_message = reason_of(output ? output : "", status);
		return NULL;
	}
	return g_byte_array_new_take((guint8 *)g_steal_pointer(&bytes), length);
}

#define GIVE_CPP \
	"`cpp -P -nostdinc -undef -x assembler-with-cpp FILE.dts | dtc -O dtb -o FILE.dtb`, and " \
	"give FILE.dtb"
#define GIVE_TREE "give the device tree itself, such as /sys/firmware/fdt"
#define GIVE_BLOB "correct the source, or " GIVE_TREE

/* What dtc must not get; NULL: nothing. Text has no NUL. */
static char *refuse(const char *text, size_t length)
{
	if (memchr(text, '\0', length))
		return g_strdup("it has a NUL");
	for (size_t i = 0; i < G_N_ELEMENTS(includes); i++)
		if (has_word(text, length, includes[i]))
			return g_strdup_printf("it has %s", includes[i]);
	return NULL;
}

GByteArray *compile_source(const char *text, size_t length, char **ret_message,
			   const char **ret_cure)
{
	g_autofree char *folder = NULL;
	g_autofree char *source = NULL;
	g_autofree char *blob = NULL;
	GByteArray *tree = NULL;

	*ret_cure = GIVE_CPP;
	*ret_message = refuse(text, length);
	if (*ret_message)
		return NULL;
	*ret_cure = GIVE_BLOB;
	folder = g_dir_make_tmp("viommu-XXXXXX", NULL);
	source = g_build_filename(folder ? folder : "", "source.dts", NULL);
	blob = g_build_filename(folder ? folder : "", "tree.dtb", NULL);
	if (folder && g_file_set_contents(source, text, (gssize)length, NULL))
		tree = run_dtc(source, blob, ret_message);
	else
		*ret_message = g_strdup("no temporary folder");
	if (*ret_message && strstr(*ret_message, "memory exhausted"))
		*ret_cure = GIVE_TREE;
	g_unlink(source);
	g_unlink(blob);
	if (folder)
		g_rmdir(folder);
	return tree;
}
