/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scripts that complete the commands in a shell, printed from the rows of commands and options
 *
 * A placeholder of a usage line or of an option, such as TABLE, is completed with the words that
 * the command names for it (struct choice), or with what the shell finds out: rules, PCI functions.
 * Everything else is a file.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"

/* Words that the scripts find out by a function of theirs. */
static const struct {
	const char *placeholder, *function;
} found[] = {
	{ "RULE", "_viommu_rules" },
	{ "COMMAND", "_viommu_topics" }, /* of help: commands and rules */
	{ "DEVICE", "_viommu_functions" },
	{ "FUNCTION", "_viommu_functions" },
};

static const struct choice common[] = {
	{ "FORM", input_forms },
	{ NULL, NULL },
};

static const char *function_of(const char *placeholder)
{
	for (size_t i = 0; i < G_N_ELEMENTS(found); i++)
		if (!strcmp(found[i].placeholder, placeholder))
			return found[i].function;
	return NULL;
}

static const char *const *find_words(const struct choice *choice, const char *placeholder)
{
	for (; choice && choice->placeholder; choice++)
		if (!strcmp(choice->placeholder, placeholder))
			return choice->words;
	return NULL;
}

/* What stands for a placeholder of the command: words, "$(FUNCTION)", or NULL for a file. */
static char *words_of(const struct command *command, const char *placeholder)
{
	const char *function = function_of(placeholder);
	const char *const *words = find_words(command->choices, placeholder);

	if (!words)
		words = find_words(common, placeholder);
	if (words)
		return g_strjoinv(" ", (char **)words);
	return function ? g_strdup_printf("$(%s)", function) : NULL;
}

/* The first placeholder of a usage line: "DEVICE" of "DEVICE... | --all [FILE...]". g_free() it. */
static char *first_placeholder(const struct command *command)
{
	const char *at =
		command->arguments + strcspn(command->arguments, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	if (g_str_has_prefix(command->arguments, "-"))
		return g_strdup("");
	return g_strndup(at, strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
}

/* "DEVICE..." */
static bool first_repeats(const struct command *command)
{
	g_autofree char *placeholder = first_placeholder(command);

	return g_str_has_prefix(command->arguments + strlen(placeholder), "...");
}

static char *first_words(const struct command *command)
{
	g_autofree char *placeholder = first_placeholder(command);

	return words_of(command, placeholder);
}

/* For bash and zsh: the id before the colon of `viommu check --rules`. */
static const char functions[] = "_viommu_rules() { viommu check --rules 2>/dev/null | sed -n "
				"'s/^\\([a-z][a-z0-9-]*\\): .*/\\1/p'; }\n"
				"_viommu_topics() { viommu help 2>/dev/null | sed -n 's/^  "
				"\\([a-z]*\\) .*/\\1/p'; _viommu_rules; }\n"
				"_viommu_functions() { ls /sys/bus/pci/devices 2>/dev/null; }\n";

/* -- bash ---------------------------------------------------------------------------------- */

/* These have no value, but the arguments behind them are of another kind. */
static bool precedes_words(const GOptionEntry *option)
{
	return !strcmp(option->long_name, "rules") || !strcmp(option->long_name, "completion");
}

static void print_bash_options(const struct command *command)
{
	printf("\t%s) options='", command->name);
	for (const GOptionEntry *option = command->options; option && option->long_name; option++)
		printf("--%s ", option->long_name);
	fputs("--help' flags='", stdout);
	for (const GOptionEntry *option = command->options; option && option->long_name; option++)
		if (!option->arg_description && !precedes_words(option))
			printf("--%s -%c ", option->long_name, option->short_name);
	fputs("' ;;\n", stdout);
}

/* What follows the option is a word of the list, or a file. */
static void print_bash_value(const struct command *command, const GOptionEntry *option)
{
	g_autofree char *words = words_of(command, option->arg_description);

	printf("\t'%s --%s' | '%s -%c') ", command->name, option->long_name, command->name,
	       option->short_name);
	if (words)
		printf("list=\"%s\" ;;\n", words);
	else
		fputs("list= ;;\n", stdout);
}

static void print_bash_values(const struct command *command)
{
	g_autofree char *first = first_words(command);

	for (const GOptionEntry *option = command->options; option && option->long_name; option++)
		if (option->arg_description)
			print_bash_value(command, option);
	if (first)
		printf("\t'%s '%s) list=\"%s\" ;;\n", command->name,
		       first_repeats(command) ? "*" : command->name, first);
}

/*
 * Bash splits words at COMP_WORDBREAKS, which has the colons of PCI functions and the equals sign
 * of
 * --option=value. So the words are those of the line up to the cursor.
 */
static const char bash_words[] =
	"\tlocal IFS=$' \\t\\n' line typed=() word before list= options= flags= at\n"
	"\tline=${COMP_LINE:0:COMP_POINT}\n"
	"\tread -ra typed <<<\"$line\"\n"
	"\t[[ $line != *[[:space:]] ]] || typed+=('')\n"
	"\tlocal command=${typed[1]-} n=${#typed[@]}\n"
	"\tword=${typed[n-1]-} before=${typed[n-2]-} at=$((n-2))\n"
	"\t[[ $word != --*=* ]] || before=${word%%=*}\n";

/* Bash replaces what is behind the last character of COMP_WORDBREAKS. */
static const char bash_reply[] =
	"\tlocal kept=\n"
	"\tcase $word in\n"
	"\t--*=*) kept=${word%%=*}= ;;\n"
	"\tesac\n"
	"\tCOMPREPLY=($(compgen -P \"$kept\" -W \"$list\" -- \"${word#\"$kept\"}\"))\n"
	"\tkept=${word%\"${word##*[$COMP_WORDBREAKS]}\"}\n"
	"\tCOMPREPLY=(\"${COMPREPLY[@]#\"$kept\"}\")\n";

/* Commands first, then long options after "-", and what a placeholder stands for. */
static void print_bash(const struct command *const *list)
{
	printf("# bash completion for viommu, as `viommu help --completion bash` prints it\n%s"
	       "_viommu()\n{\n%s\tcase $command in\n",
	       functions, bash_words);
	for (size_t i = 0; list[i]; i++)
		print_bash_options(list[i]);
	fputs("\tesac\n"
	      "\twhile [[ -n $before && \" $flags \" == *\" $before \"* ]]; do\n"
	      "\t\tbefore=${typed[--at]}\n"
	      "\tdone\n"
	      "\tcase \"$command $before\" in\n",
	      stdout);
	fputs("\t'check --rules' | 'check -r') list=\"$(_viommu_rules)\" ;;\n"
	      "\t'help --completion' | 'help -c') list='bash zsh fish' ;;\n",
	      stdout);
	for (size_t i = 0; list[i]; i++)
		print_bash_values(list[i]);
	fputs("\tesac\n\t[[ $word != -* || $word == *=* ]] || list=$options\n"
	      "\t((n > 2)) || list='",
	      stdout);
	for (size_t i = 0; list[i]; i++)
		printf("%s ", list[i]->name);
	printf("--version'\n%s}\n"
	       "complete -o bashdefault -o default -F _viommu viommu\n",
	       bash_reply);
}

/* -- zsh ----------------------------------------------------------------------------------- */

/* Text within a specification of _arguments, within single quotes. */
static char *zsh_quoted(const char *text)
{
	GString *quoted = g_string_new(NULL);

	for (; *text; text++) {
		if (*text == '\'')
			g_string_append(quoted, "'\\''");
		else if (strchr("[]:\\", *text))
			g_string_append_printf(quoted, "\\%c", *text);
		else
			g_string_append_c(quoted, *text);
	}
	return g_string_free(quoted, FALSE);
}

static void print_zsh_action(const char *words)
{
	if (words && *words == '$')
		printf("{compadd -- %s}", words);
	else if (words)
		printf("(%s)", words);
	else
		fputs("_files", stdout);
}

static void print_zsh_option(const struct command *command, const GOptionEntry *option)
{
	g_autofree char *description = zsh_quoted(option->description), *words = NULL;

	printf(" \\\n\t\t'(-%c --%s)'{-%c%s,--%s%s}'[%s]", option->short_name, option->long_name,
	       option->short_name, option->arg_description ? "+" : "", option->long_name,
	       option->arg_description ? "=" : "", description);
	if (option->arg_description) {
		words = words_of(command, option->arg_description);
		printf(":%s:", option->arg_description);
		print_zsh_action(words);
	}
	fputs("'", stdout);
}

static void print_zsh_command(const struct command *command)
{
	g_autofree char *first = first_words(command);

	printf("\t%s) _arguments '(-h --help)'{-h,--help}'[show this help]'", command->name);
	for (const GOptionEntry *option = command->options; option && option->long_name; option++)
		print_zsh_option(command, option);
	if (first) {
		fputs(" \\\n\t\t'1: :", stdout);
		print_zsh_action(first);
		fputs("'", stdout);
	}
	fputs(" \\\n\t\t'*:file:_files' ;;\n", stdout);
}

static void print_zsh(const struct command *const *list)
{
	printf("#compdef viommu\n# zsh completion for viommu, as `viommu help --completion zsh` "
	       "prints it\n%s"
	       "if ((CURRENT == 2)); then\n\tlocal -a names=(",
	       functions);
	for (size_t i = 0; list[i]; i++) {
		g_autofree char *summary = zsh_quoted(list[i]->summary);

		printf("\n\t\t'%s:%s'", list[i]->name, summary);
	}
	fputs(")\n\t_describe command names\n\treturn\nfi\nshift words\n((CURRENT--))\ncase "
	      "$words[1] in\n",
	      stdout);
	for (size_t i = 0; list[i]; i++)
		print_zsh_command(list[i]);
	fputs("esac\n", stdout);
}

/* -- fish ---------------------------------------------------------------------------------- */

static char *fish_quoted(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, "'", -1);
	g_autofree char *joined = g_strjoinv("\\'", parts);

	return g_strdup_printf("'%s'", joined);
}

/* In fish, a command substitution has no dollar. */
static char *fish_words(const char *words)
{
	return fish_quoted(*words == '$' ? words + 1 : words);
}

static void print_fish_command(const struct command *command)
{
	g_autofree char *summary = fish_quoted(command->summary), *first = first_words(command);

	printf("complete -c viommu -n __fish_use_subcommand -f -a %s -d %s\n", command->name,
	       summary);
	for (const GOptionEntry *option = command->options; option && option->long_name; option++) {
		g_autofree char *text = fish_quoted(option->description), *words = NULL,
				*shown = NULL;

		printf("complete -c viommu -n '__fish_seen_subcommand_from %s' -s %c -l %s -d %s",
		       command->name, option->short_name, option->long_name, text);
		words = option->arg_description ? words_of(command, option->arg_description) : NULL;
		shown = words ? fish_words(words) : NULL;
		if (shown)
			printf(" -x -a %s", shown);
		else if (option->arg_description)
			fputs(" -r", stdout);
		fputs("\n", stdout);
	}
	if (first) {
		g_autofree char *shown = fish_words(first);

		printf("complete -c viommu -n '__fish_seen_subcommand_from %s' -a %s\n",
		       command->name, shown);
	}
}

static void print_fish(const struct command *const *list)
{
	fputs("# fish completion for viommu, as `viommu help --completion fish` prints it\n"
	      "function _viommu_rules\n\tviommu check --rules 2>/dev/null | "
	      "string replace -rf '^([a-z][a-z0-9-]*): .*' '$1'\nend\n"
	      "function _viommu_topics\n\tviommu help 2>/dev/null | "
	      "string replace -rf '^  ([a-z]+) .*' '$1'\n\t_viommu_rules\nend\n"
	      "function _viommu_functions\n\tls /sys/bus/pci/devices 2>/dev/null\nend\n",
	      stdout);
	for (size_t i = 0; list[i]; i++)
		print_fish_command(list[i]);
}

bool print_completion(const char *shell, const struct command *const *list)
{
	static const struct {
		const char *shell;
		void (*print)(const struct command *const *list);
	} scripts[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };

	for (size_t i = 0; i < G_N_ELEMENTS(scripts); i++)
		if (!strcmp(scripts[i].shell, shell)) {
			scripts[i].print(list);
			return true;
		}
	return false;
}
