/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an input looks like that is no table
 *
 * A row is a form that people take for a table, and what to do with it.
 */
#include <string.h>

#include <glib.h>

#include "dumps.h"

#define PROBE (1u << 20)

#define EXTRACT "extract its files, and give the tables"
#define PICTURE "post the bytes as text or as a file, not as a picture"
#define UNPACK  "unpack it, or give the file to the command `viommu`, which unpacks it"

#define ZLIB "`zlib-flate -uncompress <FILE` (package qpdf) unpacks it"

static const struct {
	size_t at, length;
	const char *magic;
	struct looks looks;
} kinds_of_bytes[] = {
	{ 0, 2, "\x1f\x8b", { "compressed by gzip", UNPACK } },
	{ 0, 6, "\xfd\067zXZ\0", { "compressed by xz", UNPACK } },
	{ 0, 4, "\x28\xb5\x2f\xfd", { "compressed by zstd", UNPACK } },
	{ 0, 3, "BZh", { "compressed by bzip2", UNPACK } },
	{ 0, 4, "\x04\x22\x4d\x18", { "compressed by lz4", UNPACK } },
	{ 0, 4, "PK\x03\x04", { "a zip archive", UNPACK } },
	{ 0, 6, "7z\xbc\xaf\x27\x1c", { "a 7z archive", UNPACK } },
	{ 0, 6, "Rar!\x1a\x07", { "a RAR archive", EXTRACT } },
	{ 257, 5, "ustar", { "a tar archive", UNPACK } },
	{ 0, 6, "070701", { "a cpio archive", UNPACK } },
	{ 0, 8, "\x89PNG\r\n\x1a\n", { "a picture (PNG)", PICTURE } },
	{ 0, 3, "\xff\xd8\xff", { "a picture (JPEG)", PICTURE } },
	{ 0, 4, "%PDF", { "a PDF", "give the table itself" } },
	{ 0, 4, "\177ELF", { "a program or kernel (ELF)", "give the table itself" } },
	{ 0, 2, "MZ", { "a program or kernel (PE)", "give the table itself" } },
	{ 0,
	  4,
	  "\x27\x05\x19\x56",
	  { "a U-Boot image", "`dumpimage -T flat_dt -p 0 -o FILE.dtb IMAGE` takes it apart" } },
	{ 0,
	  4,
	  "\xd7\xb7\xab\x1e",
	  { "Android's image of device trees (DTBO)",
	    "`mkdtboimg dump IMAGE -b FILE` takes it apart" } },
	{ 0,
	  8,
	  "RSD PTR ",
	  { "an RSDP, which only says where the tables are",
	    "give /sys/firmware/acpi/tables, or what `acpidump` prints" } },
	{ 0,
	  4,
	  "regf",
	  { "a hive of the Windows registry",
	    "give the table itself; `acpidump` runs on Windows" } },
	{ 0, 16, "SQLite format 3\0", { "a database (SQLite)", "give the table itself" } },
	{ 0, 4, "LZIP", { "compressed by lzip", UNPACK } },
	{ 0, 3, "\x5d\0\0", { "compressed by lzma", UNPACK } },
	{ 0, 2, "\x78\x9c", { "compressed by zlib", ZLIB } },
	{ 0, 2, "\x78\xda", { "compressed by zlib", ZLIB } },
	{ 0, 2, "\x78\x01", { "compressed by zlib", ZLIB } },
	{ 0, 4, "MSCF", { "a cabinet of Windows", EXTRACT } },
	{ 0, 7, "!<arch>", { "an archive of ar, or a Debian package", EXTRACT } },
	{ 0, 5, "MSWIM", { "an image of a Windows installation (WIM)", "give the table itself" } },
	{ 0, 4, "GIF8", { "a picture (GIF)", PICTURE } },
	{ 0, 4, "RIFF", { "a picture or sound (RIFF)", PICTURE } },
	{ 0, 8, "ANDROID!", { "Android's boot image", "give its device tree" } },
	{ 0, 8, "VNDRBOOT", { "Android's boot image", "give its device tree" } },
	{ 0, 6, "PAGEDU", { "a crash dump of Windows", "give the table itself" } },
	{ 0, 4, "MDMP", { "a crash dump of Windows", "give the table itself" } },
	{ 40, 4, "_FVH", { "a firmware volume", "give the tables of the running machine" } },
};

#define THE_BYTES "give /sys/firmware/acpi/tables/DMAR (IVRS, IORT), or what `acpidump` prints"

#define ERASED "nothing but bytes of 0xff, as flash that is erased and memory that is not there"

/* What memory reads as that nobody wrote to. */
static const struct {
	uint8_t byte;
	struct looks looks;
} fills[] = {
	{ 0xff, { ERASED, THE_BYTES } },
	{ 0, { "nothing but bytes of 0", THE_BYTES } },
};

#define FILL_LEAST 16u

static const struct looks *looks_of_fill(const uint8_t *bytes, size_t length)
{
	if (length < FILL_LEAST || memcmp(bytes, bytes + 1, length - 1) != 0)
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(fills); i++)
		if (*bytes == fills[i].byte)
			return &fills[i].looks;
	return NULL;
}

const struct looks *looks_of_bytes(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kinds_of_bytes); i++)
		if (length >= kinds_of_bytes[i].at + kinds_of_bytes[i].length &&
		    !memcmp(bytes + kinds_of_bytes[i].at, kinds_of_bytes[i].magic,
			    kinds_of_bytes[i].length))
			return &kinds_of_bytes[i].looks;
	return looks_of_fill(bytes, length);
}

#define WHOLE_LISTING "give the table, or all that `iasl -d` prints of it: its end has the raw data"
#define WHOLE_TREE    "give /proc/device-tree, or the whole tree as dtc reads it"
#define OF_GROUPS \
	{ \
		"a list of IOMMU groups", \
			"`viommu explain FUNCTION --pci FILE` says what goes to a guest with a " \
			"function; for " \
			"the IOMMU, give the tables in /sys/firmware/acpi/tables too" \
	}
#define OF_PCI \
	"give it with --pci, and the tables, to `viommu resolve FUNCTION` or `viommu explain " \
	"FUNCTION`"
#define PACKED_IN_HEX \
	{ \
		"a dump of a compressed file", \
			"make the file again (`xxd -r` for what xxd printed) and give it: the " \
			"command `viommu` unpacks it" \
	}
#define IN_HEX "give the table as a file, or what `hexdump -C` prints"

/* By words that the form always has, the most particular ones first. */
static const struct {
	const char *words[3]; /* all of them; NULL: no more */
	struct looks looks;
} kinds_of_text[] = {
	{ { "# Source of a table: offset, width, name = value." },
	  { "the source of a table", "`viommu assemble FILE` makes the table from it" } },
	{ { "/dts-v1/" },
	  { "the source of a device tree",
	    "`dtc -I dts -O dtb -o FILE.dtb FILE.dts`, after `cpp -P -undef -x "
	    "assembler-with-cpp` if it has #include" } },
	{ { "/plugin/;" },
	  { "the source of a device tree overlay",
	    "`dtc -@ -I dts -O dtb -o FILE.dtbo FILE.dts`" } },
	{ { "OEMID=", "Creator Revision=", "Length=" },
	  { "what FreeBSD's `acpidump -t` prints, which has no bytes",
	    "use ACPICA's acpidump (package acpica-tools), or Linux" } },
	{ { ": Length=", "Revision=", "Checksum=" },
	  { "what FreeBSD's `acpidump -t` prints, which has no bytes",
	    "use ACPICA's acpidump (package acpica-tools), or Linux" } },
	{ { "  0000  Signature            \"" },
	  { "what `viommu dump` prints",
	    "`viommu dump --source` prints what `viommu assemble` reads" } },
	{ { "DefinitionBlock" },
	  { "ASL, the source of AML",
	    "`iasl FILE` makes the DSDT or SSDT; IOMMUs are in other tables" } },
	{ { "[000h 0000", "Signature : \"" },
	  { "iasl's listing of a table without its raw data",
	    "`iasl FILE` makes the table from it: give FILE.aml; or list it with `iasl -d`, which "
	    "adds the raw data" } },
	{ { "[0004]", "Table Length" },
	  { "iasl's source of a table", "`iasl FILE` makes the table from it: give FILE.aml" } },
	{ { "Table Length :", "Signature :" },
	  { "iasl's source of a table", "`iasl FILE` makes the table from it: give FILE.aml" } },
	{ { "h 00", "Subtable Type : " }, { "a part of a listing by iasl", WHOLE_LISTING } },
	{ { "h 0", "Device Scope Type : " }, { "a part of a listing by iasl", WHOLE_LISTING } },
	{ { "h 0", "Output Reference : " }, { "a part of a listing by iasl", WHOLE_LISTING } },
	{ { "--- DMAR Table ---" },
	  { "what UEFI's acpiview prints, without the bytes",
	    "`acpiview -s DMAR -d` writes them" } },
	{ { "--- IORT Table ---" },
	  { "what UEFI's acpiview prints, without the bytes",
	    "`acpiview -s IORT -d` writes them" } },
	{ { "Table ---", "Checksum", "Oem ID" },
	  { "what UEFI's acpiview prints, without the bytes",
	    "`acpiview -s SIGNATURE -d` writes them" } },
	{ { "DMAR: DRHD base" },
	  { "a kernel log, which only names what the tables have", THE_BYTES } },
	{ { "AMD-Vi:" }, { "a kernel log, which only names what the tables have", THE_BYTES } },
	{ { "Linux version", "Command line" },
	  { "a kernel log, which only names what the tables have", THE_BYTES } },
	{ { "ACPI: DMAR 0x" },
	  { "a kernel log, which only names what the tables have", THE_BYTES } },
	{ { "ACPI: IVRS 0x" },
	  { "a kernel log, which only names what the tables have", THE_BYTES } },
	{ { "ACPI: IORT 0x" },
	  { "a kernel log, which only names what the tables have", THE_BYTES } },
	{ { "D   M   A   R" }, { "what `od -c` or `hexdump -c` prints", IN_HEX } },
	{ { "I   V   R   S" }, { "what `od -c` or `hexdump -c` prints", IN_HEX } },
	{ { "I   O   R   T" }, { "what `od -c` or `hexdump -c` prints", IN_HEX } },
	{ { "V   I   O   T" }, { "what `od -c` or `hexdump -c` prints", IN_HEX } },
	{ { ": 1f8b 08" }, PACKED_IN_HEX },
	{ { "0000 1f 8b 08" }, PACKED_IN_HEX },
	{ { "0000  1f 8b 08" }, PACKED_IN_HEX },
	{ { "0x1f, 0x8b, 0x08" }, PACKED_IN_HEX },
	{ { ": fd37 7a58 5a00" }, PACKED_IN_HEX },
	{ { "0000  fd 37 7a 58 5a 00" }, PACKED_IN_HEX },
	{ { "begin 6", "\nend" }, { "uuencoded", "`uudecode -o TABLE FILE` decodes it" } },
	{ { ":10", ":00000001FF" },
	  { "Intel HEX", "`objcopy -I ihex -O binary FILE TABLE` decodes it" } },
	{ { "\nS9030000FC" },
	  { "a file of S-records", "`objcopy -I srec -O binary FILE TABLE` decodes it" } },
	{ { "DMAR: DRHD" }, { "a kernel log, which only names what the tables have", THE_BYTES } },
	{ { "DMAR: RMRR base" },
	  { "a kernel log, which only names what the tables have", THE_BYTES } },
	{ { "DMAR: [" }, { "a kernel log, which only names what the tables have", THE_BYTES } },
	{ { "arm-smmu", "probing" },
	  { "a kernel log, which only names what the tables have", THE_BYTES } },
	{ { "(XEN) " }, { "the log of Xen, which only names what the tables have", THE_BYTES } },
	{ { "- HEADER - ", "NodeArrayOffset" },
	  { "what WinDbg's !iort prints, without the bytes",
	    "`.writemem FILE ADDRESS LLENGTH` of WinDbg saves the table" } },
	{ { "iommu-map = <" }, { "a part of the source of a device tree", WHOLE_TREE } },
	{ { "#iommu-cells = <" }, { "a part of the source of a device tree", WHOLE_TREE } },
	{ { "iommus = <" }, { "a part of the source of a device tree", WHOLE_TREE } },
	{ { "IOMMU Group ", ":" }, OF_GROUPS },
	{ { "IOMMU group ", ":" }, OF_GROUPS },
	{ { "/iommu_groups/", "/devices" }, OF_GROUPS },
	{ { "iommugroup", "0x" }, OF_GROUPS },
	{ { ": Adding to iommu group " }, OF_GROUPS },
	{ { "-[0000:", "]-" }, { "what `lspci -t` prints", OF_PCI } },
	{ { "Capabilities: [", "Kernel driver in use" }, { "the output of lspci", OF_PCI } },
	{ { "Group ", " [", ":00.0 " }, OF_GROUPS },
	{ { "SMBIOS", "DMI type" }, { "the output of dmidecode", THE_BYTES } },
	{ { "<domain type=" }, { "libvirt's description of a guest", THE_BYTES } },
	{ { "ffff ffff ffff ffff ffff ffff" }, { ERASED, THE_BYTES } },
	{ { "ff ff ff ff ff ff ff ff " }, { ERASED, THE_BYTES } },
	{ { "<!DOCTYPE html" },
	  { "a web page without a dump in it", "save the file that the page links to" } },
	{ { "<html" },
	  { "a web page without a dump in it", "save the file that the page links to" } },
};

static bool has_words(const struct bytes *text, const char *const words[3])
{
	gssize length = (gssize)MIN(text->len, PROBE);

	for (unsigned i = 0; i < 3 && words[i]; i++)
		if (!text_find((const char *)text->data, length, words[i]))
			return false;
	return true;
}

const struct looks *looks_of_text(const uint8_t *bytes, size_t length)
{
	struct cleaning cleaning = { 0 };
	struct bytes *text = clean_text(bytes, MIN(length, PROBE), &cleaning);
	const struct looks *looks = NULL;

	for (size_t i = 0; !looks && i < G_N_ELEMENTS(kinds_of_text); i++)
		if (has_words(text, kinds_of_text[i].words))
			looks = &kinds_of_text[i].looks;
	bytes_free(text);
	return looks;
}
