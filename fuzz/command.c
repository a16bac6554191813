/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command with hostile files
 *
 * An input selects a subcommand, options from its rows, and words; the rest of the input is the
 * content of two files, in a folder in memory. For any input, the exit status is one of three and
 * is explained, the output is safe for a terminal, JSON is valid, and an output file is either
 * unchanged or equal to what standard output would have had.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <json-glib/json-glib.h>

#include "command.h"
#include "fuzz.h"

#define MAX_OPTIONS   4u
#define MAX_ARGUMENTS 4u
#define MAX_WORDS     (3 + 2 * MAX_OPTIONS + MAX_ARGUMENTS)
#define LARGEST       16384u
#define N_FILES       3 /* first, second, out */

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* Arguments besides options; @ is the folder. svg would run Graphviz. */
static const char *const words[] = {
	"@first",
	"@second",
	"@.",
	"@missing",
	"-",
	"viot",
	"iort",
	"dmar",
	"ivrs",
	"rimt",
	"srat",
	"viot-2019",
	"dtb",
	"cmdline",
	"builtin-v1",
	"builtin-v2",
	"builtin-v3",
	"builtin-v3-segments",
	"dot",
	"viommu0",
	"00:01.0",
	"0001:ff:1f.7",
	"0x1000",
	"0xfffff",
	"18446744073709551616",
	"check",
	"",
	"--",
	"-x",
	"\033[2J\xff\xc2\x9b",
};

/* Where --output may go, and what comes of it: a file is written, a device may take or refuse it.
 */
static const struct place {
	const char *name;
	enum { IS_WRITTEN, SWALLOWS, REFUSES } how;
} places[] = {
	{ "@out", IS_WRITTEN },      { "@out", IS_WRITTEN },   { "@first", IS_WRITTEN },
	{ "@missing/out", REFUSES }, { "/dev/full", REFUSES }, { "/dev/null", SWALLOWS },
};

/* -- a command line ---------------------------------------------------------------------- */

struct line {
	char *words[MAX_WORDS];
	int n;
	int output_at; /* where --output stands, and the place behind it; 0: nowhere */
	const struct place *place;
	bool json;
};

struct scene {
	char folder[32];
	struct rest first, second;
	struct line line;
	const struct command *command;
};

static char *path_of(const struct scene *scene, const char *name)
{
	return g_strconcat(scene->folder, "/", name, NULL);
}

static void say(struct scene *scene, const char *word)
{
	scene->line.words[scene->line.n++] =
		*word == '@' ? path_of(scene, word + 1) : g_strdup(word);
}

static const GOptionEntry *choose_option(const struct scene *scene, struct rest *input)
{
	const GOptionEntry *options = scene->command->options;
	size_t n = 0;

	while (options && options[n].long_name)
		n++;
	return n ? &options[take(input) % n] : NULL;
}

/* Once, so that what came of it can be looked at. */
static void add_output(struct scene *scene, struct rest *input)
{
	if (scene->line.output_at)
		return;
	scene->line.output_at = scene->line.n;
	scene->line.place = &places[take(input) % N(places)];
	say(scene, "--output");
	say(scene, scene->line.place->name);
}

static void add_option(struct scene *scene, struct rest *input)
{
	const GOptionEntry *option = choose_option(scene, input);
	g_autofree char *name = option ? g_strconcat("--", option->long_name, NULL) : NULL;

	if (!option)
		return;
	if (!strcmp(option->long_name, "output")) {
		add_output(scene, input);
		return;
	}
	scene->line.json |= !strcmp(option->long_name, "json");
	say(scene, name);
	if (option->arg != G_OPTION_ARG_NONE)
		say(scene, words[take(input) % N(words)]);
}

/* The demo is no question of its input. */
static const struct command *choose_command(struct rest *input)
{
	const struct command *command;
	size_t n = 0;

	while (commands[n])
		n++;
	command = commands[take(input) % n];
	return command == &demo_command ? &help_command : command;
}

static void choose_line(struct scene *scene, struct rest *input)
{
	unsigned n_options = take(input) % (MAX_OPTIONS + 1);
	unsigned n_words = take(input) % (MAX_ARGUMENTS + 1);

	scene->command = choose_command(input);
	say(scene, "viommu");
	say(scene, scene->command->name);
	for (unsigned i = 0; i < n_options; i++)
		add_option(scene, input);
	for (unsigned i = 0; i < n_words; i++)
		say(scene, words[take(input) % N(words)]);
}

static void forget_line(struct line *line)
{
	for (int i = 0; i < line->n; i++)
		g_free(line->words[i]);
}

/* -- files -------------------------------------------------------------------------------- */

static void write_whole(const struct scene *scene, const char *name, const void *bytes,
			size_t length)
{
	g_autofree char *path = path_of(scene, name);

	must(g_file_set_contents_full(path, bytes, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0600,
				      NULL));
}

/* In memory where there is such a place. It lasts no longer than its input. */
static void make_folder(struct scene *scene)
{
	static const char *const roots[] = { "/dev/shm", "/tmp" };
	bool made = false;

	for (size_t i = 0; i < N(roots) && !made; i++) {
		snprintf(scene->folder, sizeof(scene->folder), "%s/fuzz-XXXXXX", roots[i]);
		made = mkdtemp(scene->folder);
	}
	must(made);
}

static void fill_folder(const struct scene *scene)
{
	static const char old[] = "what was there before";

	write_whole(scene, "first", scene->first.bytes, scene->first.length);
	write_whole(scene, "second", scene->second.bytes, scene->second.length);
	write_whole(scene, "out", old, strlen(old));
}

/* Nothing else is there: what is written beside its place does not stay. */
static void remove_folder(const struct scene *scene)
{
	static const char *const files[N_FILES] = { "first", "second", "out" };

	for (int i = 0; i < N_FILES; i++) {
		g_autofree char *path = path_of(scene, files[i]);

		must(!unlink(path));
	}
	must(!rmdir(scene->folder));
}

/* -- output -------------------------------------------------------------------- */

struct outcome {
	int status;
	char *out, *error;
	size_t out_length, error_length;
};

/* Streams in memory take the place of the program's own, as a shell would have it. */
static void call(const struct scene *scene, const struct line *line, struct outcome *outcome)
{
	FILE *real[] = { stdin, stdout, stderr };

	stdin = fmemopen((void *)scene->first.bytes, scene->first.length, "rb");
	stdout = open_memstream(&outcome->out, &outcome->out_length);
	stderr = open_memstream(&outcome->error, &outcome->error_length);
	must(stdin && stdout && stderr);
	outcome->status = command_main(line->n, (char **)line->words);
	fclose(stdin);
	fclose(stdout);
	fclose(stderr);
	stdin = real[0];
	stdout = real[1];
	stderr = real[2];
}

static void forget(struct outcome *outcome)
{
	free(outcome->out);
	free(outcome->error);
}

/* Text in UTF-8, without anything that a terminal would obey. */
static void must_be_printable(const char *text, size_t length)
{
	must(g_utf8_validate_len(text, length, NULL));
	for (const char *c = text; c < text + length; c = g_utf8_next_char(c))
		must(*c == '\n' || *c == '\t' || !g_unichar_iscntrl(g_utf8_get_char(c)));
}

/* Tables are binary, and so are device trees unless --dts is given. */
static bool prints_bytes(const struct scene *scene)
{
	return scene->command == &generate_command || scene->command == &convert_command;
}

static void must_be_json(const struct outcome *outcome)
{
	g_autoptr(JsonParser) parser = json_parser_new();

	must(json_parser_load_from_data(parser, outcome->out, (gssize)outcome->out_length, NULL));
}

/* On standard error; with JSON, the findings of check, host and replay are in the output. */
static bool has_message(const struct scene *scene, const struct outcome *outcome)
{
	bool has_findings = scene->command == &check_command || scene->command == &host_command ||
			    scene->command == &replay_command;

	return outcome->error_length || (has_findings && scene->line.json && outcome->out_length);
}

static void judge(const struct scene *scene, const struct outcome *outcome)
{
	must(outcome->status >= EXIT_CLEAN && outcome->status <= EXIT_COULD_NOT);
	must(outcome->status != EXIT_COULD_NOT || has_message(scene, outcome));
	must_be_printable(outcome->error, outcome->error_length);
	if (!prints_bytes(scene))
		must_be_printable(outcome->out, outcome->out_length);
	if (scene->line.json && outcome->out_length)
		must_be_json(outcome);
}

/* -- written files ------------------------------------------------------------- */

struct content {
	char *bytes;
	gsize length;
};

static struct content read_whole(const char *path)
{
	struct content content;

	must(g_file_get_contents(path, &content.bytes, &content.length, NULL));
	return content;
}

/* All that standard output had; or what it was before, if nothing was to be written. */
static void must_be_whole(const char *path, const struct content *before,
			  const struct outcome *printed)
{
	struct content made = { printed->out, printed->out_length }, after = read_whole(path);
	const struct content *right = printed->out_length ? &made : before;

	must(after.length == right->length && !memcmp(after.bytes, right->bytes, after.length));
	g_free(after.bytes);
}

/* The command as it was typed, whose output has gone to standard output before. */
static void write_and_judge(const struct scene *scene, const struct outcome *printed)
{
	const struct line *line = &scene->line;
	const char *path = line->words[line->output_at + 1];
	bool is_refused = line->place->how == REFUSES && printed->out_length;
	struct content before = { 0 };
	struct outcome written;

	if (line->place->how == IS_WRITTEN)
		before = read_whole(path);
	call(scene, line, &written);
	judge(scene, &written);
	must(written.status == (is_refused ? EXIT_COULD_NOT : printed->status));
	must(!written.out_length);
	if (before.bytes)
		must_be_whole(path, &before, printed);
	forget(&written);
	g_free(before.bytes);
}

/* The same line without --output. */
static void print_and_judge(const struct scene *scene, struct outcome *printed)
{
	struct line line = scene->line;
	int rest = line.n - line.output_at - 2;

	if (line.output_at) {
		memmove(line.words + line.output_at, line.words + line.output_at + 2,
			(size_t)rest * sizeof(line.words[0]));
		line.n -= 2;
	}
	call(scene, &line, printed);
	judge(scene, printed);
}

/* -- an input ------------------------------------------------------------------------------- */

/* A table is not written to a terminal, so there is none; and a warning of GLib is a mistake. */
static void prepare(void)
{
	static bool prepared;
	int nowhere;

	if (prepared)
		return;
	prepared = true;
	g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
	nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	must(nowhere >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0);
	close(nowhere);
}

/* The second file is what stands at the end, as long as two bytes say. */
static void divide(struct scene *scene, struct rest *input)
{
	size_t second = (size_t)take_number(input, 2);

	second = MIN(second, input->length);
	scene->first = (struct rest){ input->bytes, input->length - second };
	scene->second = (struct rest){ input->bytes + scene->first.length, second };
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct rest input = { bytes, MIN(length, LARGEST) };
	struct scene scene = { 0 };
	struct outcome printed;

	prepare();
	make_folder(&scene);
	choose_line(&scene, &input);
	divide(&scene, &input);
	fill_folder(&scene);
	print_and_judge(&scene, &printed);
	if (scene.line.output_at)
		write_and_judge(&scene, &printed);
	forget(&printed);
	forget_line(&scene.line);
	remove_folder(&scene);
	return 0;
}
