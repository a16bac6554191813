/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device trees that are no blob
 *
 * The kernel exports its tree as folders and files. Source is compiled by dtc, which is a program
 * of its own with limits, because the text may come from anywhere. Text that includes other files
 * is refused: they are not part of the input.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <libfdt.h>

#include "device_tree_source.h"
#include "tree_text.h"

#define TREE_MAX     ((gsize)64 << 20)
#define TREE_LEAST   ((gsize)1 << 20)
#define DEPTH_MAX    32u
#define PROPERTY_MAX ((gsize)1 << 20)
#define PROBE        (1u << 20)

/* -- folders --------------------------------------------------------------------------- */

static bool has(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	return g_file_test(path, G_FILE_TEST_IS_REGULAR);
}

bool is_device_tree_folder(const char *folder)
{
	return has(folder, "#address-cells") && has(folder, "#size-cells");
}

/* At most `most`. -1: of keys and passwords, only root may read some. */
static ssize_t read_file(const char *path, char *bytes, size_t most)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : 1;
	size_t length = 0;

	while (n > 0 && length < most) {
		n = read(fd, bytes + length, most - length);
		length += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : (ssize_t)length;
}

static int add_property(void *tree, const char *name, const char *path)
{
	g_autofree char *bytes = NULL;
	ssize_t length;

	if (!strcmp(name, "name")) /* made by the kernel of the node's name */
		return 0;
	bytes = g_malloc(PROPERTY_MAX + 1);
	length = read_file(path, bytes, PROPERTY_MAX + 1);
	if (length < 0 || length > (ssize_t)PROPERTY_MAX)
		return 0;
	return fdt_property(tree, name, bytes, (int)length);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *list_names(const char *folder)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	GDir *directory = g_dir_open(folder, 0, NULL);
	const char *name;

	while (directory && (name = g_dir_read_name(directory)))
		g_ptr_array_add(names, g_strdup(name));
	if (directory)
		g_dir_close(directory);
	g_ptr_array_sort(names, compare_names);
	return names;
}

static int add_node(void *tree, const char *name, const char *folder, unsigned depth);

/* Properties of a node come before its children. */
static int add_entries(void *tree, const char *folder, unsigned depth, bool nodes)
{
	g_autoptr(GPtrArray) names = list_names(folder);
	int r = 0;

	for (guint i = 0; !r && i < names->len; i++) {
		g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL);

		if (g_file_test(path, G_FILE_TEST_IS_SYMLINK))
			continue;
		if (nodes && g_file_test(path, G_FILE_TEST_IS_DIR))
			r = add_node(tree, names->pdata[i], path, depth + 1);
		else if (!nodes && g_file_test(path, G_FILE_TEST_IS_REGULAR))
			r = add_property(tree, names->pdata[i], path);
	}
	return r;
}

static int add_node(void *tree, const char *name, const char *folder, unsigned depth)
{
	int r = depth > DEPTH_MAX ? -FDT_ERR_BADSTRUCTURE : fdt_begin_node(tree, name);

	if (!r)
		r = add_entries(tree, folder, depth, false);
	if (!r)
		r = add_entries(tree, folder, depth, true);
	return r ? r : fdt_end_node(tree);
}

static int flatten(void *tree, gsize room, const char *folder)
{
	int r = fdt_create(tree, (int)room);

	if (!r)
		r = fdt_finish_reservemap(tree);
	if (!r)
		r = add_node(tree, "", folder, 0);
	return r ? r : fdt_finish(tree);
}

/* libfdt writes into memory that does not grow. */
GByteArray *flatten_folder(const char *folder)
{
	int r = -FDT_ERR_NOSPACE;

	for (gsize room = TREE_LEAST; r == -FDT_ERR_NOSPACE && room <= TREE_MAX; room *= 4) {
		guint8 *tree = g_malloc0(room);

		r = flatten(tree, room, folder);
		if (!r)
			return g_byte_array_new_take(tree, fdt_totalsize(tree));
		g_free(tree);
	}
	return NULL;
}

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
