# SPDX-License-Identifier: BSD-3-Clause
"""The forms in which people post a table: what programs print, and what mails and pages make of it.

each(table) gives (name, bytes) for every form; reading it must give the table again.
"""
import base64
import bz2
import gzip
import io
import json
import lzma
import quopri
import struct
import tarfile
import zipfile


def ascii_of(piece):
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)


def pairs(piece, mark=" ", form="%02x"):
    return mark.join(form % byte for byte in piece)


def pairs_of_bits(piece):
    return pairs([int(f"{byte:b}") for byte in piece], form="%08d")


def signed(byte):
    return byte - 256 if byte > 127 else byte


def words(piece, width, order, digits="%0*x"):
    groups = [piece[at:at + width] for at in range(0, len(piece), width)]
    return " ".join(digits % (2 * len(group), int.from_bytes(group, order)) for group in groups)


def lines(table, line, size=16):
    return "".join(line(at, table[at:at + size]) for at in range(0, len(table), size))


def starred(table, line, size=16):
    """Equal lines are printed once, and then a star."""
    text, before, star = "", None, False
    for at in range(0, len(table), size):
        piece = table[at:at + size]
        if piece == before:
            text += "" if star else "*\n"
            star = True
        else:
            text += line(at, piece)
            star = False
        before = piece
    return text


def acpidump(table):
    return f"{table[:4].decode()} @ 0x0000000000000000\n" + lines(
        table, lambda at, piece: f"    {at:04X}: {pairs(piece, form='%02X'):48s} {ascii_of(piece)}\n") + "\n"


def listing(table, comment):
    return (f"/*\n * ACPI Data Table [{table[:4].decode()}]\n */\n\n"
            f"[000h 0000 004h]                   Signature : \"{table[:4].decode()}\"\n\n"
            f"Raw Table Data: Length {len(table)} (0x{len(table):X})\n\n" + lines(
                table, lambda at, piece: f"    {at:04X}: {pairs(piece, form='%02X'):48s} {comment}{ascii_of(piece)}\n"))


def programs(table):
    """What programs print."""
    end = f"{len(table):08x}\n"
    padded = table + bytes(len(table) % 2)
    yield "acpidump", acpidump(table)
    yield "acpidump of 2008", "DMAR @ (nil)\n" + acpidump(table).split("\n", 1)[1].lower()
    yield "RSD PTR first", ("RSD PTR @ 0xf0490\n  0000: 52 53 44 20 50 54 52 20 00 4e 45 55 54 52 4c 00  RSD PTR .\n"
                            "  0010: 00 10 00 00                                      ....\n\n" + acpidump(table))
    yield "message first", "Firmware Warning (ACPI): Incorrect checksum in table [OEMB] - 0xBB\n" + acpidump(table)
    yield "iasl", listing(table, "// ")
    yield "old iasl", listing(table, "")
    yield "hexdump -C", starred(table, lambda at, piece: "%08x  %-49s |%s|\n" % (
        at, pairs(piece[:8]) + "  " + pairs(piece[8:]), ascii_of(piece))) + end
    yield "hexdump", starred(padded, lambda at, piece: f"{at:07x} {words(piece, 2, 'little')}\n") + f"{len(table):07x}\n"
    yield "hexdump -x", lines(padded, lambda at, piece: f"{at:07x}    " + words(piece, 2, "little").replace(
        " ", "    ") + "\n") + f"{len(table):07x}\n"
    yield "hexdump -b", starred(table, lambda at, piece: f"{at:07x} {pairs(piece, form='%03o')}\n") + f"{len(table):07x}\n"
    yield "od", starred(padded, lambda at, piece: f"{at:07o} " + " ".join(
        "%06o" % int.from_bytes(piece[i:i + 2], "little") for i in range(0, len(piece), 2)) + "\n") + f"{len(table):07o}\n"
    yield "od -x", starred(padded, lambda at, piece: f"{at:07o} {words(piece, 2, 'little')}\n") + f"{len(table):07o}\n"
    yield "od -t x1z", starred(table, lambda at, piece: f"{at:07o} {pairs(piece):47s}  >{ascii_of(piece)}<\n") + \
        f"{len(table):07o}\n"
    yield "od -A d -t u1", lines(table, lambda at, piece: f"{at:07d} {pairs(piece, form='%3d')}\n")
    yield "od -An -v -t x1", lines(table, lambda at, piece: f" {pairs(piece)}\n")
    yield "xxd", lines(table, lambda at, piece: f"{at:08x}: {words(piece, 2, 'big'):39s}  {ascii_of(piece)}\n")
    yield "xxd -g8 -c32", lines(table, lambda at, piece: f"{at:08x}: {words(piece, 8, 'big'):67s}  {ascii_of(piece)}\n", 32)
    yield "xxd -e", lines(table, lambda at, piece: f"{at:08x}: {words(piece, 4, 'little'):35s}  {ascii_of(piece)}\n")
    yield "xxd -p", lines(table, lambda at, piece: piece.hex() + "\n", 30)
    yield "acpiview", " ------ DMAR Table ------ \n\nAddress  : 0x7D000000\nLength   : %d\n\n" % len(table) + lines(
        table, lambda at, piece: f"{at:08X} : {pairs(piece, form='%02X'):48s}  {ascii_of(piece)}\n")
    yield "UEFI dmem", lines(table, lambda at, piece: "  %08X: %s-%s  *%s*\n" % (
        0x7D000000 + at, pairs(piece[:8], form="%02X"), pairs(piece[8:], form="%02X"), ascii_of(piece)))
    yield "WinDbg", lines(table, lambda at, piece: "fffff780`%08x  %s-%s  %s\n" % (
        0x1000 + at, pairs(piece[:8]), pairs(piece[8:]), ascii_of(piece)))
    yield "WinDbg dq", lines(table + bytes(-len(table) % 8), lambda at, piece: "fffff780`%08x  %s\n" % (
        0x1000 + at, " ".join("%08x`%08x" % struct.unpack("<II", piece[i:i + 8])[::-1] for i in range(0, len(piece), 8))))
    yield "gdb", lines(table, lambda at, piece: "0x%x <table+%d>:\t%s\n" % (
        0x7FFFE000 + at, at, pairs(piece, "\t", "0x%02x")), 8)
    yield "print_hex_dump", lines(table, lambda at, piece: "[    1.%06d] %016x: %s  %s\n" % (
        at, 0xFFFF888012345000 + at, pairs(piece), ascii_of(piece)))
    yield "Format-Hex", "           00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\n\n" + lines(
        table, lambda at, piece: f"{at:08X}   {pairs(piece, form='%02X'):47s}  {ascii_of(piece)}\n")
    yield "certutil", lines(table, lambda at, piece: "%04x\t%s  %s   %s\r\n" % (
        at, pairs(piece[:8]), pairs(piece[8:]), ascii_of(piece)))
    yield "RW-Everything", "   00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\n" + lines(
        table, lambda at, piece: f"{at:02X}\t{pairs(piece, form='%02X')}\n")
    yield "regedit", ("Windows Registry Editor Version 5.00\r\n\r\n\"00000000\"=hex:" +
                      lines(table, lambda at, piece: pairs(piece, ",") + ",\\\r\n  ", 25)).encode("utf-16")
    yield "ioreg", '| "ACPI Tables" = {"DMAR"=<%s>,"SSDT"=<5353>}' % table.hex()


    yield "od -t d1", lines(table, lambda at, piece: f"{at:07o} {pairs([signed(byte) for byte in piece], form='%4d')}\n")
    yield "xxd -b", lines(table, lambda at, piece: f"{at:08x}: {pairs_of_bits(piece)}  {ascii_of(piece)}\n", 6)
    yield "hexyl", lines(table, lambda at, piece: "\u2502%08x\u2502 %-23s \u250a %-23s \u2502%s\u2502\n" % (
        at, pairs(piece[:8]), pairs(piece[8:]), ascii_of(piece)))
    memory = table + b"\xab\xcd\xef\x01" * 16 + bytes(-len(table) % 16)
    yield "gdb x/xw", lines(memory, lambda at, piece: "0x%x:\t%s\n" % (0x7FFFF0 + at, "\t".join(
        "0x%08x" % int.from_bytes(piece[i:i + 4], "little") for i in range(0, len(piece), 4))))
    yield "U-Boot md", lines(memory, lambda at, piece: f"{0x7FE00000 + at:08x}: {words(piece, 4, 'little')}    {ascii_of(piece)}\n")
    yield "crash rd", lines(memory, lambda at, piece: f"{0xFFFF888000000000 + at:16x}:  {words(piece, 8, 'little')}   {ascii_of(piece)}\n")
    for name, width, signed_too in (("od -t d2", 2, True), ("od -i", 4, True), ("od -t u4", 4, False),
                                    ("od -t d8", 8, True), ("od -t u8", 8, False)):
        yield name, lines(memory, lambda at, piece: f"{at:07o} " + " ".join("%*d" % ({2: 6, 4: 11, 8: 20}[width], int.from_bytes(
            piece[i:i + width], "little", signed=signed_too)) for i in range(0, len(piece), width)) + "\n")
    yield "od -t o8", lines(memory, lambda at, piece: f"{at:07o} " + " ".join(
        "%022o" % int.from_bytes(piece[i:i + 8], "little") for i in range(0, len(piece), 8)) + "\n")
    yield "od -w4 -t x1", lines(table, lambda at, piece: f"{at:07o} {pairs(piece)}\n", 4)
    yield "a byte a line", lines(table, lambda at, piece: f"{at:04x}: {pairs(piece)}\n", 1)
    yield "xxd -c1", lines(table, lambda at, piece: f"{at:08x}: {pairs(piece)}  {ascii_of(piece)}\n", 1)
    yield "xxd -c256", lines(table, lambda at, piece: f"{at:08x}: {words(piece, 2, 'big'):639s}  {ascii_of(piece)}\n", 256)
    yield "hexyl --border none", lines(table, lambda at, piece: " %08x  %-23s   %-23s  %s\n" % (
        at, pairs(piece[:8]), pairs(piece[8:]), ascii_of(piece)))
    yield "words of four bytes", words(table, 4, "big")
    yield "od -An -v -t x8", lines(memory, lambda at, piece: f" {words(piece, 8, 'little')}\n")
    yield "reg query", f"HKEY_LOCAL_MACHINE\\HARDWARE\\ACPI\\X\r\n    00000000    REG_BINARY    {table.hex().upper()}\r\n"
    yield "BitConverter", pairs(table, "-", "%02X")
    yield "Get-Content", "".join(f"{byte}\r\n" for byte in table)


def languages(table):
    """Arrays and strings."""
    yield "C", "static const uint8_t table[] = {\n" + lines(
        table, lambda at, piece: "\t" + pairs(piece, ", ", "0x%02x") + ",\n", 12) + "};\n"
    yield "iasl -tc", "unsigned char DMAR[] =\n{\n" + lines(
        table, lambda at, piece: "    %s,  /* %08X    \"%s\" */\n" % (
            pairs(piece, ",", "0x%02X"), at, ascii_of(piece).replace("*/", ".."))) + "};\n"
    yield "one line", "uint8_t t[] = {" + pairs(table, ",", "0x%x") + "};"
    yield "characters", "{ '%s', " % "', '".join(table[:4].decode()) + pairs(table[4:], ", ", "0x%02x") + " }"
    yield "decimal", "table = [" + pairs(table, ", ", "%d") + "]"
    yield "Java", "{ " + ", ".join(f"(byte)0x{byte:02X}" for byte in table) + " }"
    yield "signed", "[" + ", ".join(str(signed(byte)) for byte in table) + "]"
    yield "Rust", "[" + ", ".join(f"0x{byte:02x}_u8" for byte in table) + "]"
    yield "64 bits", "u64 t[] = { " + ", ".join("0x%016x" % int.from_bytes(table[i:i + 8].ljust(8, b"\0"), "little")
                                                for i in range(0, len(table), 8)) + " };"
    yield "cells", "dmar = <" + " ".join("0x" + table[i:i + 4].ljust(4, b"\0").hex()
                                         for i in range(0, len(table), 4)) + ">;"
    yield "Visual Basic", "{ " + ", ".join(f"&H{byte:02X}" for byte in table) + " }"
    yield "list of strings", str([hex(byte) for byte in table])
    yield "semicolons", "".join(f"{byte};" for byte in table)
    yield "C string", "const char t[] =\n" + lines(
        table, lambda at, piece: '  "' + pairs(piece, "", "\\x%02x") + '"\n') + ";"
    yield "Python", f"table = {table!r}"
    yield "assembler", lines(table, lambda at, piece: "\t.byte " + pairs(piece, ",", "0x%02X") + "\n", 8)
    yield "MASM", lines(table, lambda at, piece: "    db " + pairs(piece, ",", "0%02Xh") + "\n", 8)
    yield "colons", pairs(table, ":")
    yield "spaces", pairs(table)
    yield "spaces, answered", lines(table, lambda at, piece: ("> " if at else "") + pairs(piece) + "\n")


def prefixed(prefix):
    """Each line has one, with the number of the line."""
    return lambda text: "".join(prefix % number + line + "\n" for number, line in enumerate(text.split("\n")))


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


# What mails, logs, trackers, editors and pages make of a text.
WRAPPINGS = {
    "quoted": prefixed("%.0s> > "),
    "fenced": lambda text: "It does not boot:\n\n```\n" + text + "\n```\nThanks!\n",
    "indented": prefixed("%.0s        "),
    "kernel log": prefixed("[    0.%06d] "),
    "journal": prefixed("Nov 30 14:53:21 host kernel: [   12.%06d] "),
    "numbered": prefixed("%6d\t"),
    "grep -n": prefixed("%d:"),
    "patch": prefixed("%.0s+"),
    "commented": lambda text: "/*\n" + prefixed("%.0s * ")(text.replace("*/", "..")) + " */\n",
    "prose": lambda text: "I have 32 GB: 00 01 02, DMAR 44 4d 41 52.\n\n" + text + "\n\nThanks, DMAR 44 4d\n",
    "blank lines": lambda text: text.replace("\n", "\n\n"),
    "spaces at the ends": lambda text: text.replace("\n", "   \n"),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "mark": lambda text: "\ufeff" + text,
    "UTF-16": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "no-break spaces of ISO 8859-1": lambda text: text.replace(" ", "\u00a0").encode("latin-1", "replace"),
    "thin spaces": lambda text: text.replace(" ", "\u2009"),
    "invisible characters": lambda text: text.replace(" ", " \u200d\u2060\u00ad\ufeff"),
    "line separators": lambda text: text.replace("\n", "\u2028"),
    "a string of a log": lambda text: 'time="2026-11-30T14:53:21Z" msg="' + text.replace("\\", "\\\\").replace(
        '"', '\\"').replace("\n", "\\n") + '"\n',
    "a terminal's commands": lambda text: "\x1b]0;root@host: ~\x07\x1b[?2004h# acpidump\n" + "".join(
        f"\x1b(B\x1b[m{line}\n" for line in text.split("\n")),
    "cat -v of colours": lambda text: "".join(f"^[[32m{line}^[[0m\n" for line in text.split("\n")),
    "numbers of characters": lambda text: "<pre>" + escape(text).replace(" ", "&#x20;").replace("\n", "&#xA;") + "</pre>",
    "page": lambda text: "<html><pre>" + escape(text).replace(" ", "&nbsp;").replace("\n", "<br>\n") + "</pre></html>",
    "rows of a page": lambda text: "<ol>" + "".join(
        f'<li class="l"><span>{escape(line)}</span></li>' for line in text.split("\n")) + "</ol>",
    "colours": lambda text: "".join(f"\x1b[1;32m{line}\x1b[0m\n" for line in text.split("\n")),
    "JSON": lambda text: json.dumps({"number": 1, "body": text.replace("\n", "\r\n")}, indent=1),
    "quoted-printable": lambda text: b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quopri.encodestring(
        text.replace("\r", "").replace(" ", "\u00a0").encode()).replace(b"\n", b"\r\n"),
    "base64": lambda text: b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(text.encode()) + b"\n--x--\n",
}


def mails(table):
    """What mails, logs and pages make of a dump."""
    text = acpidump(table)
    for name, wrapping in WRAPPINGS.items():
        yield name, wrapping(text)
    yield "wrapped", "\n".join(line[:40] + "\n> " + line[40:] if len(line) > 40 else line for line in text.split("\n"))
    yield "all in one line", text.replace("\n", " ")
    yield "words of one line", " ".join(text.split())
    yield "xxd in one line", " ".join(lines(
        table, lambda at, piece: f"{at:08x}: {words(piece, 2, 'big')}  {ascii_of(piece)}\n").split())
    yield "hexdump -C in one line", " ".join(lines(
        table, lambda at, piece: f"{at:08x}  {pairs(piece)}  |{ascii_of(piece)}|\n").split())
    yield "CSV", lines(table, lambda at, piece: f"0x{at:04x};{pairs(piece, ';')}\n")
    yield "chipsec", lines(table, lambda at, piece: f"{pairs(piece, form='%02X'):48s}| {ascii_of(piece)}\n")
    yield "rows of a table", "|at|bytes|text|\n|---|---|---|\n" + lines(
        table, lambda at, piece: f"|{at:04x}|{pairs(piece)}|`{ascii_of(piece)}`|\n")
    yield "cells of a table", lines(table, lambda at, piece: f"|{at:02X}|{pairs(piece, '|')}|\n")
    yield "digits without zeros", "[" + ", ".join(f"{byte:x}" for byte in table) + "]"
    yield "base64", base64.encodebytes(table)
    yield from in_base64(table)


def in_base64(table):
    """Base64 of the table, with what logs add to each line; and of what is packed."""
    code = base64.encodebytes(table).decode().rstrip("\n")
    for name in "kernel log", "journal", "numbered", "quoted", "grep -n":
        yield f"base64, {name}", WRAPPINGS[name](code)
    yield "base64, times", "".join(f"2026-11-30T18:0{number % 10}:{number}.{number * 977}Z node-1 kernel: {line}\n"
                                   for number, line in enumerate(code.split("\n")))
    yield "base64, names", "".join(f"[18:{number:02d}] <{'bob' if number % 2 else 'alice'}> {line}\n" for number, line
                                   in enumerate(base64.b64encode(table + bytes(-len(table) % 57)).decode()[i:i + 76]
                                                for i in range(0, 4 * ((len(table) + 56) // 57) * 19, 76)))
    yield "base64 -w 40", "".join(code.replace("\n", "")[i:i + 40] + "\n" for i in range(0, len(code), 40))
    yield "base64 of a cell", f'"id","text"\n"1","{code}\n"\n'
    yield "base64, marked", "".join(f"`{line}`\n" for line in code.split("\n"))
    yield "base64, blank lines", code.replace("\n", "\n\n") + "\n"
    yield "base64, strings", "x = (\n" + "".join(f"    '{line}'\n" for line in code.split("\n")) + ")\n"
    yield "certutil -encode", "-----BEGIN CERTIFICATE-----\r\n" + code.replace("\n", "\r\n") + \
        "\r\n-----END CERTIFICATE-----\r\n"
    for name, form in packed(table):
        if name not in ("lzma", "tar"):  # neither has a beginning of its own
            yield f"base64 of {name}", "$ base64 FILE\n" + base64.encodebytes(form).decode() + "Thanks\n"
    yield "base64 of gzip, journal", WRAPPINGS["journal"](base64.encodebytes(gzip.compress(table)).decode())
    yield "an attachment", ("From: a@b\nContent-Type: application/gzip; name=\"acpi.gz\"\n"
                            "Content-Transfer-Encoding: base64\n\n" +
                            base64.encodebytes(gzip.compress(acpidump(table).encode())).decode() + "--x--\n")
    text = acpidump(table)
    yield "a pager's prompt", text.replace("    0010:", "--More--" + "\b" * 8 + " " * 8 + "\b" * 8 + "    0010:")


# A comment in a comment; and characters that only a mark tells from bytes.
UNLIKELY = {("iasl -tc", "commented"), ("hexyl", "UTF-16 without a mark"), ("Python", "a string of a log"),
            ("hexyl", "no-break spaces of ISO 8859-1")}


def products(table):
    """Every form of a program or of a language, in every wrapping."""
    for forms in (programs, languages):
        for form, text in forms(table):
            for name, wrapping in WRAPPINGS.items():
                if isinstance(text, str) and (form, name) not in UNLIKELY:
                    yield f"{form}, {name}", wrapping(text)


def members(table, add):
    add("readme", b"a report\n")
    add("machine/tables/" + table[:4].decode(), table)


def tar(table, mode):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:" + mode) as archive:
        def add(name, content):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        members(table, add)
    return file.getvalue()


def zipped(table):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        members(table, archive.writestr)
    return file.getvalue()


def packed(table):
    yield "gzip", gzip.compress(table)
    yield "gzip of text", gzip.compress(acpidump(table).encode())
    yield "xz", lzma.compress(table)
    yield "lzma", lzma.compress(table, lzma.FORMAT_ALONE)
    yield "bzip2", bz2.compress(table)
    yield "tar", tar(table, "")
    yield "tar.gz", tar(table, "gz")
    yield "tar.xz", tar(table, "xz")
    yield "zip", zipped(table)


def each(table, *groups):
    for forms in groups or (programs, languages, mails, packed):
        for name, form in forms(table):
            yield name, form if isinstance(form, bytes) else form.encode()
