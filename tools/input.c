/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading tables and topologies from files, standard input, archives and folders
 *
 * The content decides what a file is, not its name. A folder or an archive has the tables of one
 * machine; those that viommu does not interpret are skipped. A file that was named is read whole.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "device_tree_folder.h"
#include "device_tree_source.h"
#include "findings.h"
#include "read_bytes.h"
#include "tree_text.h"
#include "unpack.h"

#define TEXT_PROBE 65536u

/* Below a folder or in an archive. */
#define DEPTH_MAX 8u
#define FILES_MAX 65536u

/* Definition blocks of a machine that are kept until its tables are joined. */
#define BLOCKS_MAX        64u
#define BLOCKS_LENGTH_MAX ((size_t)16 << 20)

#define UNPACK_IT  "unpack it, and give the files that it has"
#define WHOLE_TREE "pack the folder of the root, which is /proc/device-tree of a machine"

#define SIGNATURE_LENGTH  4
#define DEVICE_TREE_MAGIC "\xd0\x0d\xfe\xed"

char *input_form;
const char *const input_forms[] = { "builtin-v1", "builtin-v2", "builtin-v3", "builtin-v3-segments",
				    NULL };
bool input_neighbours, input_every;
bool input_host_findings;
host_function *input_host;
bool input_joined;

/* A DSDT or an SSDT. It has devices that other tables of its machine refer to. */
struct block {
	const char *source;
	struct viommu_table *table;
};

/* A folder is one machine, and so is a folder of an archive. */
struct reader {
	struct viommu_findings *findings;
	input_function *each;
	void *opaque;
	bool in_folder;     /* of files, or of an archive */
	const char *named;  /* what was given */
	const char *source; /* the machine: that, or a folder below it */
	bool is_copy;       /* the table is from text or a packed file, and may be a file as well */
	unsigned depth, n_files;
	struct unpack_room *room;       /* of the archive, and of those in it; NULL: no archive */
	GHashTable *first;              /* machine and signature -> the first such table */
	GHashTable *seen;               /* machine and checksum -> is_copy */
	const struct viommu_host *host; /* the host the tables are from; NULL: unknown */
	struct input held;              /* a topology that waits for others of its machine */
	char *held_name, *held_signature;
	struct viommu_table *iort; /* of the machine, if `held` has several tables */
	GArray *blocks;            /* struct block, of what was named */
	size_t blocks_length;
	unsigned n_left_out;    /* blocks */
	unsigned n_again;       /* tables of what was named that are there again */
	const char *properties; /* a property of a device tree in an archive; NULL: none */
	unsigned n;             /* usable inputs */
	int status;
};

/* About a file that is no table. */
static void add_finding(struct reader *reader, const char *id, const char *file, const char *cure,
			const char *text)
{
	const struct viommu_place place = { .file = file, .at = VIOMMU_NOWHERE };

	viommu_findings_add(reader->findings, id, &place, text, cure);
}

/* -- tables -------------------------------------------------------------------------- */

/* The topology is freed after use: a folder may have many tables. */
static void pass_input(struct reader *reader, struct input *input)
{
	reader->n += !reader->in_folder || !input->table || input_every ||
		     (viommu_table_abilities(viommu_table_signature(input->table)) &
		      VIOMMU_TABLE_MEANING);
	reader->each(reader->opaque, input);
	input->topology = viommu_topology_free(input->topology);
}

/* -- several tables of one machine --------------------------------------------------- */

/* In the order in which Linux asks them. 0: it is not joined with others. */
static unsigned place_in_machine(const char *signature)
{
	static const char *const order[] = { "IORT", "RIMT", "VIOT" };

	for (unsigned i = 0; i < G_N_ELEMENTS(order); i++)
		if (!strcmp(order[i], signature))
			return i + 1;
	return 0;
}

/* Only the first IORT of a machine: code of blocks is slow to search. */
static bool is_first_iort(struct reader *reader)
{
	char *key = g_strdup_printf("%s\nqueues", reader->held.source);

	return g_hash_table_insert(reader->first, key, g_strdup(""));
}

/* Devices of command queues refer to nodes of the IORT. */
static void apply_blocks(struct reader *reader)
{
	bool has_iort = reader->held.table && !g_strcmp0(reader->held_signature, "IORT");
	const struct viommu_table *iort = has_iort ? reader->held.table : reader->iort;

	if (!iort || !is_first_iort(reader))
		return;
	for (guint i = 0; i < reader->blocks->len; i++) {
		const struct block *block = &g_array_index(reader->blocks, struct block, i);

		if (!strcmp(block->source, reader->held.source))
			viommu_topology_apply_queues(reader->held.topology, iort, block->table);
	}
	if (reader->n_left_out)
		report_error(
			"%s: command queues of SMMUs may be missing: of DSDT and SSDTs, %u are "
			"read and %u are not",
			reader->source, reader->blocks->len, reader->n_left_out);
}

static void pass_held(struct reader *reader)
{
	if (reader->held.topology) {
		apply_blocks(reader);
		pass_input(reader, &reader->held);
	}
	reader->held.table = viommu_table_free(reader->held.table);
	reader->iort = viommu_table_free(reader->iort);
	g_clear_pointer(&reader->held_name, g_free);
	g_clear_pointer(&reader->held_signature, g_free);
}

static void hold(struct reader *reader, struct input *input)
{
	pass_held(reader);
	reader->held_name = g_strdup(input->name);
	reader->held_signature = g_strdup(viommu_table_signature(input->table));
	reader->held = *input;
	reader->held.name = reader->held_name;
	input->table = NULL;
	input->topology = NULL;
}

/* A joined topology has no table of its own. */
static void keep_iort(struct reader *reader, struct viommu_table **table)
{
	if (!reader->iort && *table && !strcmp(viommu_table_signature(*table), "IORT")) {
		reader->iort = *table;
		*table = NULL;
	}
}

static void join(struct reader *reader, struct input *input)
{
	const struct viommu_topology *one = reader->held.topology, *other = input->topology;
	unsigned before = place_in_machine(reader->held_signature);
	unsigned place = place_in_machine(viommu_table_signature(input->table));
	struct viommu_topology *joined;

	joined = place < before ? viommu_topology_join(other, one)
				: viommu_topology_join(one, other);
	viommu_topology_free(reader->held.topology);
	reader->held.topology = joined;
	reader->held.name = reader->held.source;
	keep_iort(reader, &reader->held.table);
	keep_iort(reader, &input->table);
	reader->held.table = viommu_table_free(reader->held.table);
}

/* A second table of a kind has an answer of its own; check_second() reports it. */
static bool completes_held(const struct reader *reader, const struct input *input)
{
	return reader->held.topology && !strcmp(reader->held.source, input->source) &&
	       strcmp(reader->held_signature, viommu_table_signature(input->table)) != 0;
}

static void pass_or_hold(struct reader *reader, struct input *input)
{
	bool joins = input_joined && place_in_machine(viommu_table_signature(input->table)) &&
		     input_topology(input, reader->findings);

	if (joins && completes_held(reader, input)) {
		join(reader, input);
		input->topology = viommu_topology_free(input->topology);
	} else if (joins) {
		hold(reader, input);
	} else {
		pass_input(reader, input);
	}
}

static bool is_block(const char *signature)
{
	return !strcmp(signature, "DSDT") || !strcmp(signature, "SSDT");
}

/* Not more than a machine has. */
static void keep_block(struct reader *reader, const char *name, const void *bytes, size_t length)
{
	struct block block = { .source = reader->source };

	if (reader->blocks->len >= BLOCKS_MAX ||
	    length > BLOCKS_LENGTH_MAX - reader->blocks_length) {
		reader->n_left_out++;
		return;
	}
	block.table = viommu_table_decode(bytes, length, name, NULL);
	if (!block.table)
		return;
	g_array_append_val(reader->blocks, block);
	reader->blocks_length += length;
}

static void free_block(void *block)
{
	viommu_table_free(((struct block *)block)->table);
}

/* A header with that length: other files of a folder have none. */
static bool is_table(const uint8_t *bytes, size_t length)
{
	static const size_t header_length = 36, length_at = 4;
	uint32_t stated;

	if (length < header_length)
		return false;
	for (unsigned i = 0; i < SIGNATURE_LENGTH; i++)
		if (!g_ascii_isalnum(bytes[i]))
			return false;
	memcpy(&stated, bytes + length_at, sizeof(stated));
	return GUINT32_FROM_LE(stated) == length;
}

static void signature_of(const uint8_t *bytes, size_t length, char signature[SIGNATURE_LENGTH + 1])
{
	memset(signature, 0, SIGNATURE_LENGTH + 1);
	memcpy(signature, bytes, MIN(length, SIGNATURE_LENGTH));
}

/*
 * Looks at the signature before decoding, so that other tables of a folder cause no findings.
 */
static bool is_known(const uint8_t *bytes, size_t length)
{
	char signature[SIGNATURE_LENGTH + 1];

	if (input_every && is_table(bytes, length))
		return true;
	signature_of(bytes, length, signature);
	if (!strcmp(signature, DEVICE_TREE_MAGIC))
		return true;
	return (viommu_table_abilities(signature) & VIOMMU_TABLE_MEANING) ||
	       (input_neighbours && (viommu_table_abilities(signature) & VIOMMU_TABLE_RECORDS));
}

/* A folder may have a table as a file and again in a listing or an archive. */
static bool is_known_copy(struct reader *reader, const void *bytes, size_t length)
{
	g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes, length);
	char *key = g_strdup_printf("%s\n%s", reader->source, sum);
	gpointer copy;

	if (g_hash_table_lookup_extended(reader->seen, key, NULL, &copy) &&
	    (copy || reader->is_copy)) {
		g_free(key);
		return true;
	}
	g_hash_table_insert(reader->seen, key, GINT_TO_POINTER(reader->is_copy));
	return false;
}

/*
 * A report has the files of a machine in several folders. What a table says alone, its bytes
 * decide; what is joined with others needs those of its own folder.
 */
static bool is_again(struct reader *reader, const char *signature, const void *bytes, size_t length)
{
	g_autofree char *sum = NULL;

	if (!input_joined || !reader->in_folder || place_in_machine(signature) ||
	    is_block(signature))
		return false;
	sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes, length);
	if (g_hash_table_add(reader->seen, g_strdup_printf("%s\n\n%s", reader->named, sum)))
		return false;
	reader->n_again++;
	return true;
}

static void report_again(const struct reader *reader)
{
	if (reader->n_again)
		report_error("%s: tables with the same bytes as another, which have one answer: %u",
			     reader->named, reader->n_again);
}

/* Linux reads the first table of a kind. Several device trees are of several machines. */
static void check_second(struct reader *reader, const struct viommu_table *table)
{
	const char *signature = viommu_table_signature(table);
	const struct viommu_place place = { .file = viommu_table_file(table) };
	const char *first;
	char *key = g_strdup_printf("%s\n%s", reader->source, signature);
	g_autofree char *text = NULL;

	first = g_hash_table_lookup(reader->first, key);
	if (!first && strcmp(signature, "DTB") != 0 &&
	    (!strcmp(signature, "SRAT") ||
	     (viommu_table_abilities(signature) & VIOMMU_TABLE_MEANING))) {
		g_hash_table_insert(reader->first, key, g_strdup(place.file));
		return;
	}
	g_free(key);
	if (!first)
		return;
	text = g_strdup_printf("the folder has a second %s; the first is %s", signature, first);
	viommu_findings_add(
		reader->findings, "input-twice", &place, text,
		"put everything into one table, or check tables of different machines one by one");
}

/* Returns true to continue with the next table, even after an error. */
static bool take_table(void *opaque, const char *name, const void *bytes, size_t length)
{
	struct reader *reader = opaque;
	struct input input = { .name = name, .source = reader->source, .host = reader->host };
	char signature[SIGNATURE_LENGTH + 1];

	signature_of(bytes, length, signature);
	if (input_joined && is_block(signature))
		keep_block(reader, name, bytes, length);
	if (reader->in_folder && (!is_known(bytes, length) || is_known_copy(reader, bytes, length)))
		return true;
	if (is_again(reader, signature, bytes, length))
		return true;
	input.table = viommu_table_decode_as(input_form, bytes, length, name, reader->findings);
	if (input.table && reader->in_folder)
		check_second(reader, input.table);
	if (input.table)
		pass_or_hold(reader, &input);
	else
		reader->status = EXIT_COULD_NOT;
	viommu_table_free(input.table);
	return true;
}

/* -- text ---------------------------------------------------------------------------- */

/* Bytes from 0x80 count as text: names are UTF-8. Tables contain control characters. */
static bool is_text(const GByteArray *bytes)
{
	for (size_t i = 0; i < MIN(bytes->len, TEXT_PROBE); i++)
		if (bytes->data[i] < ' ' && !g_ascii_isspace((gchar)bytes->data[i]))
			return false;
	return bytes->len;
}

/* The first line that is no comment, NULL: there is none. */
static const char *first_content(const GByteArray *bytes)
{
	const char *at = (const char *)bytes->data, *end = at + bytes->len;

	while (at < end && (g_ascii_isspace(*at) || *at == '#' || *at == '-')) {
		if (!g_ascii_isspace(*at))
			at = memchr(at, '\n', (size_t)(end - at));
		if (!at)
			return NULL;
		at++;
	}
	return at;
}

/* Does it name the version? */
static bool is_topology(const GByteArray *bytes)
{
	static const char key[] = "viommu:";
	const char *at = first_content(bytes), *end = (const char *)bytes->data + bytes->len;

	return at && end - at >= (ptrdiff_t)strlen(key) && !memcmp(at, key, strlen(key));
}

static void take_topology(struct reader *reader, const char *name, const GByteArray *bytes)
{
	struct input input = { .name = name, .source = reader->source };

	input.topology = viommu_topology_parse((const char *)bytes->data, bytes->len, name,
					       reader->findings);
	if (input.topology)
		pass_input(reader, &input);
	else
		reader->status = EXIT_COULD_NOT;
}

/* Is its first line a key, or flow style? */
static bool looks_like_yaml(const GByteArray *bytes)
{
	const char *at = first_content(bytes), *end = (const char *)bytes->data + bytes->len;
	const char *start = at;

	if (!is_text(bytes) || !at)
		return false;
	while (at < end && (g_ascii_islower(*at) || *at == '-'))
		at++;
	return at < end && ((at > start && *at == ':') || *at == '{');
}

/* How what libarchive unpacks begins in base64. */
static bool may_have_packs(const GByteArray *bytes)
{
	static const char *const begins[] = { "H4sI",  "/Td6WFo", "QlpoOT", "KLUv/",
					      "UEsDB", "N3q8ry",  "BCJNGA", "XQAA" };

	for (size_t i = 0; i < G_N_ELEMENTS(begins); i++)
		if (memmem(bytes->data, bytes->len, begins[i], strlen(begins[i])))
			return true;
	return false;
}

static bool take_packed(struct reader *reader, const char *name, const GByteArray *bytes);

struct packs {
	struct reader *reader;
	const char *name;
	unsigned n; /* that were unpacked */
};

static bool take_pack(void *opaque, const void *bytes, size_t length)
{
	struct packs *packs = opaque;
	GByteArray *pack = g_byte_array_sized_new((guint)length);

	g_byte_array_append(pack, bytes, (guint)length);
	packs->n +=
		is_packed(pack->data, pack->len) && take_packed(packs->reader, packs->name, pack);
	g_byte_array_free(pack, TRUE);
	return true;
}

/* Of a text without tables: what base64 has in it. Returns whether there was any. */
static bool take_packs(struct reader *reader, const char *name, const GByteArray *bytes)
{
	struct packs packs = { .reader = reader, .name = name };

	if (reader->depth < DEPTH_MAX && bytes->data && may_have_packs(bytes))
		viommu_input_packs(bytes->data, bytes->len, take_pack, &packs);
	return packs.n;
}

/* Text that could be a topology: parsing it says what is wrong. */
static void split(struct reader *reader, const char *name, const GByteArray *bytes)
{
	struct viommu_findings *findings = viommu_findings_new();
	size_t n = viommu_input_split(bytes->data, bytes->len, name, take_table, reader, findings);

	if (!n && looks_like_yaml(bytes) && has_finding(findings, "input-text")) {
		take_topology(reader, name, bytes);
	} else if (n || !take_packs(reader, name, bytes)) {
		copy_findings(reader->findings, findings, NULL);
		if (!n)
			reader->status = EXIT_COULD_NOT;
	}
	viommu_findings_free(findings);
}

/* Returns whether the text has tables besides the source: people post both. */
static bool take_tables_of_text(struct reader *reader, const char *name, const GByteArray *bytes)
{
	struct viommu_findings *findings = viommu_findings_new();
	size_t n = viommu_input_split(bytes->data, bytes->len, name, take_table, reader, findings);

	if (n)
		copy_findings(reader->findings, findings, NULL);
	viommu_findings_free(findings);
	return n;
}

/* Text with tables may name a directive of dtc in a sentence, and need not have a whole source. */
static void take_source(struct reader *reader, const char *name, const GByteArray *bytes)
{
	g_autofree char *message = NULL;
	g_autofree char *text = NULL;
	char *plain = viommu_input_text(bytes->data, bytes->len);
	g_autofree char *source = plain ? find_tree_source(plain) : g_strdup("");
	const char *cure;
	GByteArray *tree = compile_source(source, strlen(source), &message, &cure);
	bool has_tables = take_tables_of_text(reader, name, bytes);

	free(plain);
	if (tree) {
		take_table(reader, name, tree->data, tree->len);
		g_byte_array_free(tree, TRUE);
		return;
	}
	if (reader->in_folder || has_tables)
		return;
	reader->status = EXIT_COULD_NOT;
	text = g_strdup_printf("the source of a device tree cannot be compiled here: %s", message);
	add_finding(reader, "input-form", name, cure, text);
}

/* -- bytes of any kind --------------------------------------------------------------- */

/* Other files in a folder are skipped without a finding. */
static void take_file_of_folder(struct reader *reader, const char *name, const GByteArray *bytes)
{
	reader->is_copy |= is_text(bytes);
	if (is_topology(bytes) ||
	    viommu_input_split(bytes->data, bytes->len, name, take_table, reader, NULL))
		return;
	take_packs(reader, name, bytes);
}

static void take_bytes(struct reader *reader, const char *name, const GByteArray *bytes)
{
	const char *text = bytes->data ? (const char *)bytes->data : "";
	bool is_source = is_text(bytes) ? is_device_tree_source(text, bytes->len)
					: is_wide_device_tree_source(text, bytes->len);

	if (bytes->len > INPUT_LENGTH_MAX) {
		reader->status = EXIT_COULD_NOT;
		report_error("%s: larger than 64 MiB", name);
	} else if (is_packed(bytes->data, bytes->len) && reader->depth < DEPTH_MAX) {
		if (!take_packed(reader, name, bytes) && !reader->in_folder) {
			reader->status = EXIT_COULD_NOT;
			add_finding(reader, "input-form", name, UNPACK_IT,
				    "the archive or compressed file is damaged, or too large");
		}
	} else if (is_source && !is_topology(bytes)) {
		reader->is_copy |= reader->in_folder && is_text(bytes);
		take_source(reader, name, bytes);
	} else if (reader->in_folder) {
		if (bytes->len)
			take_file_of_folder(reader, name, bytes);
	} else if (is_text(bytes) && is_topology(bytes)) {
		take_topology(reader, name, bytes);
	} else {
		split(reader, name, bytes);
	}
}

/* -- archives ------------------------------------------------------------------------ */

/* Inputs have the names of their sources, until the program ends. */
static const char *keep(const char *name)
{
	static GStringChunk *names;

	if (!names)
		names = g_string_chunk_new(4096);
	return g_string_chunk_insert_const(names, name);
}

/* Returns false after the last file that is read, and says so once. */
static bool count_file(struct reader *reader, const char *name)
{
	if (++reader->n_files <= FILES_MAX)
		return true;
	reader->status = EXIT_COULD_NOT;
	if (reader->n_files == FILES_MAX + 1)
		report_error("%s: not read, nor what follows: there are more than %u files", name,
			     FILES_MAX);
	return false;
}

struct packed {
	struct reader *reader;
	const char *name;
	unsigned n;
	bool has_tree; /* files of a device tree */
};

/* A compressed file is the file itself. The members of an archive are the tables of a machine. */
static bool take_member(void *opaque, const char *path, GByteArray *bytes)
{
	struct packed *packed = opaque;
	struct reader *reader = packed->reader;
	struct reader before = *reader;
	g_autofree char *name = path ? g_strdup_printf("%s:%s", packed->name, path) : NULL;
	g_autofree char *folder = path ? g_path_get_dirname(name) : NULL;

	packed->n++;
	packed->has_tree |= path && g_str_has_suffix(path, "#address-cells");
	if (packed->has_tree && !reader->properties)
		reader->properties = keep(name);
	if (++reader->n_files > FILES_MAX ||
	    (path && !take_room(reader->room, (gint64)strlen(name))))
		return false;
	reader->depth++;
	reader->is_copy = true;
	if (path) {
		reader->is_copy = before.is_copy;
		reader->in_folder = true;
		reader->source = keep(folder);
	}
	take_bytes(reader, path ? name : packed->name, bytes);
	reader->depth = before.depth;
	reader->is_copy = before.is_copy;
	reader->in_folder = before.in_folder;
	reader->source = before.source;
	return !reader->room->used_up && reader->n_files <= FILES_MAX;
}

/* Takes the tree; NULL: the folder could not be read. */
static void take_tree(struct reader *reader, const char *folder, GByteArray *tree)
{
	if (!tree) {
		reader->status = EXIT_COULD_NOT;
		add_finding(reader, "input-form", folder, "give the device tree as one file",
			    "the folder of a device tree is damaged, or too large");
		return;
	}
	take_table(reader, folder, tree->data, tree->len);
	g_byte_array_free(tree, TRUE);
}

/* A folder of an archive, or the archive. */
struct archived {
	struct reader *reader;
	const char *name, *mark; /* the mark is behind the name of an archive, or of a folder */
};

static gboolean take_archived(gpointer name, gpointer folder, gpointer opaque);

static void take_trees_below(const struct archived *archived, const struct tree_folder *folder)
{
	struct reader *reader = archived->reader;
	struct reader before = *reader;

	if (!is_tree_root(folder)) {
		g_tree_foreach(folder->folders, take_archived, (gpointer)archived);
		return;
	}
	reader->in_folder = true;
	reader->source = keep(archived->name);
	take_tree(reader, reader->source, flatten_tree(folder));
	reader->in_folder = before.in_folder;
	reader->source = before.source;
}

static gboolean take_archived(gpointer name, gpointer folder, gpointer opaque)
{
	const struct archived *outer = opaque;
	g_autofree char *path = g_strconcat(outer->name, outer->mark, name, NULL);
	struct archived inner = { .reader = outer->reader, .name = path, .mark = "/" };

	if (take_room(inner.reader->room, (gint64)strlen(path)))
		take_trees_below(&inner, folder);
	return inner.reader->room->used_up;
}

static bool add_file(void *opaque, const char *path, GByteArray *bytes)
{
	tree_folder_add(opaque, path, bytes);
	return true;
}

/* The archive is read again: files of a node may come before those of the root. */
static void take_archived_trees(struct reader *reader, const char *name, const GByteArray *bytes)
{
	struct archived archived = { .reader = reader, .name = name, .mark = ":" };
	struct tree_folder *all = tree_folder_new();
	struct unpack_room room;

	unpack_room_init(&room);
	if (unpack(bytes, &room, add_file, all))
		take_trees_below(&archived, all);
	tree_folder_free(all);
}

static bool take_members(struct reader *reader, const char *name, const GByteArray *bytes)
{
	struct packed packed = { .reader = reader, .name = name };

	if (!unpack(bytes, reader->room, take_member, &packed))
		return false;
	if (packed.has_tree)
		take_archived_trees(reader, name, bytes);
	return packed.n;
}

static bool take_outermost(struct reader *reader, const char *name, const GByteArray *bytes)
{
	struct unpack_room room;
	bool good;

	unpack_room_init(&room);
	reader->room = &room;
	good = take_members(reader, name, bytes);
	reader->room = NULL;
	if (!room.used_up)
		return good;
	reader->status = EXIT_COULD_NOT;
	add_finding(reader, "input-form", name, UNPACK_IT,
		    "archive bomb: unpacked, it has more than 65536 members or 256 MiB");
	return true;
}

/* Returns false if it is damaged, which was not reported. */
static bool take_packed(struct reader *reader, const char *name, const GByteArray *bytes)
{
	return reader->room ? take_members(reader, name, bytes)
			    : take_outermost(reader, name, bytes);
}

/* --as overrides the content: a built-in topology has no signature. */
static void take_named(struct reader *reader, const char *name)
{
	const char *shown = strcmp(name, "-") ? name : "standard input";
	GByteArray *bytes = read_bytes(name);

	if (!bytes)
		reader->status = EXIT_COULD_NOT;
	else if (input_form)
		take_table(reader, shown, bytes->data, bytes->len);
	else
		take_bytes(reader, shown, bytes);
	if (bytes)
		g_byte_array_free(bytes, TRUE);
}

/* -- folders --------------------------------------------------------------------------- */

/* Returns whether the next file can be read: not if this one could not, but if it is too large. */
static bool take_from_folder(struct reader *reader, const char *name)
{
	GByteArray *bytes = read_bytes(name);

	if (!bytes) {
		reader->status = EXIT_COULD_NOT;
		return errno == EFBIG;
	}
	reader->is_copy = false;
	take_bytes(reader, name, bytes);
	reader->is_copy = false;
	g_byte_array_free(bytes, TRUE);
	return true;
}

static bool take_entries(struct reader *reader, const char *folder);

/* /sys/firmware/fdt is the tree before the kernel changed it, and devicetree/base is beside it. */
static bool is_earlier_tree(const char *path)
{
	g_autofree char *folder = g_path_get_dirname(path);
	g_autofree char *later = g_build_filename(folder, "devicetree", "base", NULL);

	return g_str_has_suffix(path, "/fdt") && is_device_tree_folder(later);
}

static bool take_entry(struct reader *reader, const char *path)
{
	if (is_earlier_tree(path))
		return true;
	if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
		return count_file(reader, path) && take_from_folder(reader, path);
	if (!g_file_test(path, G_FILE_TEST_IS_DIR) || g_file_test(path, G_FILE_TEST_IS_SYMLINK) ||
	    reader->depth >= DEPTH_MAX)
		return true;
	return take_entries(reader, path);
}

/* Stops at the first file that may not be read, since the others will fail for the same reason. */
static bool take_entries(struct reader *reader, const char *folder)
{
	const char *before = reader->source;
	GPtrArray *names;
	bool readable;

	if (is_device_tree_folder(folder)) {
		take_tree(reader, folder, flatten_folder(folder));
		return true;
	}
	names = list_folder(folder);
	readable = names;
	reader->source = keep(folder);
	reader->depth++;
	for (guint i = 0; readable && i < names->len; i++)
		readable = take_entry(reader, names->pdata[i]);
	reader->depth--;
	reader->source = before;
	if (names)
		g_ptr_array_free(names, TRUE);
	return readable;
}

static void take_folder(struct reader *reader, const char *folder)
{
	reader->in_folder = true;
	if (!take_entries(reader, folder))
		reader->status = EXIT_COULD_NOT;
	reader->in_folder = false;
}

/* -- hosts ----------------------------------------------------------------------------- */

/* Only disagreements of sysfs and tables; decoding a table reports its own findings. */
static bool is_of_host(const struct viommu_finding *finding)
{
	return g_str_has_prefix(finding->id, "host-");
}

static void offer_host(struct reader *reader, const struct viommu_host *host)
{
	if (!host || !input_host || viommu_host_topology(host))
		return;
	input_host(reader->opaque, reader->source, host);
	reader->n++;
}

/* A topology that waits for others refers to the host, so it goes first. */
static void end_host(struct reader *reader, struct viommu_host *host)
{
	pass_held(reader);
	offer_host(reader, host);
	reader->host = NULL;
	viommu_host_free(host);
}

/* A copy, because the callback may keep the table. */
static void take_host_table(struct reader *reader, const struct viommu_table *table)
{
	void *bytes;
	size_t length = viommu_table_encode(table, &bytes);

	take_table(reader, viommu_table_file(table), bytes, length);
	free(bytes);
}

static void take_host(struct reader *reader, const char *root)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_host *host = viommu_host_scan(root, findings);
	const struct viommu_table *table;

	if (!host || input_host_findings)
		copy_findings(reader->findings, findings, is_of_host);
	if (!host)
		reader->status = EXIT_COULD_NOT;
	reader->host = host;
	reader->in_folder = true;
	for (size_t i = 0; host && (table = viommu_host_table(host, i)); i++)
		take_host_table(reader, table);
	reader->in_folder = false;
	end_host(reader, host);
	viommu_findings_free(findings);
}

/* The tables of this machine, with what sysfs says about its devices. */
static void take_this_machine(struct reader *reader)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_host *host = viommu_host_scan(NULL, findings);

	if (host && input_host_findings)
		copy_findings(reader->findings, findings, is_of_host);
	reader->host = host;
	if (!input_host || !host || viommu_host_topology(host))
		take_folder(reader, SYSTEM_TABLES);
	end_host(reader, host);
	viommu_findings_free(findings);
}

/* -- all inputs -------------------------------------------------------------------------- */

static char *const system_tables[] = { (char *)SYSTEM_TABLES, NULL };

static char *const *names_or_system(char **names)
{
	return *names ? names : system_tables;
}

bool inputs_are_several(char **names)
{
	char *const *all = names_or_system(names);

	return all[1] || g_file_test(all[0], G_FILE_TEST_IS_DIR);
}

/* A tar with other files than those of sysfs has tables. */
static bool is_host(const char *name)
{
	return viommu_host_is_tree(name) &&
	       (g_file_test(name, G_FILE_TEST_IS_DIR) || is_sysfs_archive(name));
}

static void read_named(struct reader *reader, const char *name)
{
	reader->named = reader->source = name;
	reader->n_files = 0;
	if (!input_form && is_host(name))
		take_host(reader, name);
	else if (g_file_test(name, G_FILE_TEST_IS_DIR))
		take_folder(reader, name);
	else
		take_named(reader, name);
	pass_held(reader);
	report_again(reader);
	reader->n_again = 0;
	g_array_set_size(reader->blocks, 0);
	reader->blocks_length = 0;
	reader->n_left_out = 0;
}

static void read_all(struct reader *reader, char **names)
{
	reader->named = reader->source = SYSTEM_TABLES;
	if (!*names && g_file_test(SYSTEM_TABLES, G_FILE_TEST_IS_DIR))
		take_this_machine(reader);
	else if (!*names && (g_file_test(SYSTEM_DEVICE_TREE, G_FILE_TEST_EXISTS) ||
			     (input_host && g_file_test(SYSTEM_IOMMUS, G_FILE_TEST_IS_DIR))))
		take_host(reader, NULL);
	else
		for (char *const *name = names_or_system(names); *name; name++)
			read_named(reader, *name);
}

/*
 * Continues after an input that cannot be read. The status is the worst of all.
 */
int read_inputs(char **names, struct viommu_findings *findings, input_function *each, void *opaque)
{
	struct reader reader = { .findings = findings, .each = each, .opaque = opaque };

	if (input_form && !(viommu_table_abilities(input_form) & VIOMMU_TABLE_MEANING)) {
		report_error("--as %s: unknown form; builtin-v3 is one", input_form);
		return EXIT_COULD_NOT;
	}
	reader.first = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	reader.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	reader.blocks = g_array_new(false, false, sizeof(struct block));
	g_array_set_clear_func(reader.blocks, free_block);
	read_all(&reader, names);
	pass_held(&reader);
	g_array_unref(reader.blocks);
	g_hash_table_unref(reader.first);
	g_hash_table_unref(reader.seen);
	if (!reader.n && reader.properties) {
		add_finding(
			&reader, "input-form", reader.properties, WHOLE_TREE,
			"the archive has a part of a device tree as a folder, without its root");
		return EXIT_COULD_NOT;
	}
	return reader.n ? reader.status : report_no_input(names, reader.status);
}

/* Without a message, an exit without findings would look like success. */
int report_no_input(char **names, int status)
{
	if (status != EXIT_COULD_NOT)
		report_error("%s: no table that describes IOMMUs, or none that viommu supports",
			     *names_or_system(names));
	return EXIT_COULD_NOT;
}

/* x86 tables name functions below bridges by path; the host's sysfs has their bus numbers. */
static struct viommu_topology *topology_on_host(const struct input *input,
						struct viommu_findings *findings)
{
	struct viommu_topology *topology = viommu_table_topology(input->table, findings), *expanded;

	if (!topology || !input->host)
		return topology;
	expanded = viommu_host_expand(input->host, topology);
	viommu_topology_free(topology);
	return expanded;
}

/* Derived on first use: dump never needs it. */
const struct viommu_topology *input_topology(struct input *input, struct viommu_findings *findings)
{
	if (!input->topology &&
	    (viommu_table_abilities(viommu_table_signature(input->table)) & VIOMMU_TABLE_MEANING))
		input->topology = topology_on_host(input, findings);
	return input->topology;
}
