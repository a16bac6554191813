#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make the manual pages from what says the same elsewhere.

    pages.py SOURCE OUT [VIOMMU]

    man1/viommu-COMMAND.1   the section of viommu.1 about it, with usage and summary of `viommu help`
    man3/libviommu.3        the list of headers; a page for each group of functions of a public header,
                            from its comments; and for each function a page that is that of its group
    man5, man7              docs/topology.md, docs/json.md, docs/qemu.md

Without VIOMMU, the pages of commands are left out (a cross build cannot run it).
"""
import email.utils
import pathlib
import re
import shutil
import subprocess
import sys

DOCUMENTS = [("topology.md", "viommu-topology", 5, "text form of topologies of IOMMUs"),
             ("json.md", "viommu-json", 5, "JSON that the viommu command prints"),
             ("qemu.md", "viommu-qemu", 7, "virtio-iommu of viommu in a stock QEMU")]
HEAD = '.\\" SPDX-License-Identifier: BSD-3-Clause\n.TH {name} {section} {date} "viommu {version}" "{title}"\n'
TITLES = {1: "User Commands", 3: "Library Functions", 5: "File Formats", 7: "Miscellaneous"}


def escape(text):
    """Text of a line, so that roff takes no character of it for a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def literal(lines):
    return ".PP\n.in +4n\n.EX\n" + "".join(escape(line) + "\n" for line in lines) + ".EE\n.in\n"


def head(name, section, summary, version):
    """`version`: number and date."""
    return (HEAD.format(name=name.upper().replace("-", "\\-"), section=section, date=version[1], version=version[0],
                        title=TITLES[section])
            + f".SH NAME\n{escape(name)} \\- {escape(summary)}\n")


# -- Markdown: what docs/ uses of it ---------------------------------------------------------------

def inline(text):
    """`code` and [text](link) of a line, and bold words."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    parts = re.split(r"(`[^`]*`|\*\*[^*]*\*\*)", text)
    shown = []
    for part in parts:
        if part.startswith("`"):
            shown.append("\\fB" + part[1:-1].replace("\\", "\\e").replace("-", "\\-") + "\\fR")
        elif part.startswith("**"):
            shown.append("\\fB" + part[2:-2].replace("\\", "\\e").replace("-", "\\-") + "\\fR")
        else:
            shown.append(part.replace("\\", "\\e").replace("-", "\\-"))
    return re.sub(r"^([.'])", r"\\&\1", "".join(shown))


def table(rows):
    cells = [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip())[1:-1]]
             for row in rows]
    width = max(len(row) for row in cells)
    columns = " ".join(["l"] + ["lx"] * (width - 1)) if width > 1 else "lx"
    text = f".PP\n.TS\n{columns}.\n"
    for row in [cells[0], *cells[2:]]:
        row = row + [""] * (width - len(row))
        text += "\t".join("T{\n" + (inline(cell.replace("<br>", ", ")) or "\\&") + "\nT}" for cell in row) + "\n"
    return text + ".TE\n"


def blocks(text):
    """(kind, lines) of each block of a document."""
    lines, found, fence = text.splitlines(), [], None
    for line in lines:
        kind = ("fence" if line.startswith("```") else "head" if re.match("#+ ", line) else
                "table" if line.startswith("|") else "code" if line.startswith("    ") else
                "item" if re.match(r"(- |\d+\. )", line) else "" if not line.strip() else "text")
        if fence is not None:
            if kind == "fence":
                found.append(("code", fence))
                fence = None
            else:
                fence.append(line)
        elif kind == "fence":
            fence = []
        elif line.startswith("<!--") or line.startswith("!["):
            continue
        elif found and kind and (kind == found[-1][0] and kind in ("table", "code", "text")
                                 or kind in ("text", "code") and found[-1][0] == "item"):
            found[-1][1].append(line)
        else:
            found.append((kind, [line]))
    return [block for block in found if block[0]]


def from_markdown(text):
    shown = ""
    for kind, lines in blocks(text):
        if kind == "head":
            level, _, title = lines[0].partition(" ")
            if len(level) > 1:
                shown += f'.SH "{escape(title.upper())}"\n' if len(level) == 2 else f'.SS "{escape(title)}"\n'
        elif kind == "table":
            shown += table(lines)
        elif kind == "code":
            shown += literal([line[4:] if line.startswith("    ") else line for line in lines])
        elif kind == "item":
            first = re.sub(r"^(- |\d+\. )", "", lines[0])
            shown += ".IP \\(bu 2\n" + "\n".join(inline(line.strip()) for line in [first, *lines[1:]]) + "\n"
        else:
            shown += ".PP\n" + "\n".join(inline(line) for line in lines) + "\n"
    return re.sub(r"(\.S[HS] [^\n]*\n)\.PP\n", r"\1", shown)


def document(source, file, name, section, summary, version):
    text = (source / "docs" / file).read_text()
    body = from_markdown(text)
    begin = "" if body.startswith(".SH") else ".SH DESCRIPTION\n"
    tables = "'\\\" t\n" if ".TS\n" in body else ""
    ragged = ".na\n" if tables else ""              # cells are too narrow to be adjusted
    return tables + head(name, section, summary, version) + ragged + begin + re.sub(r"^\.PP\n", "", body)


# -- commands --------------------------------------------------------------------------------------

def commands(source, viommu, version):
    """(name, text) of each page of section 1."""
    manual = (source / "docs/man/viommu.1").read_text()
    listing = subprocess.run([viommu, "help"], check=True, capture_output=True, text=True).stdout
    status = manual.partition(".SH \"EXIT STATUS\"\n")[2].partition(".SH ")[0]
    for name, summary in re.findall(r"^  ([a-z]+) +(.*)$", listing, re.M):
        text = subprocess.run([viommu, "help", name], check=True, capture_output=True, text=True).stdout
        usage = text.splitlines()[0].removeprefix("usage: ")
        examples = re.findall(r"^    (.*)$", text.partition("\nExamples:\n")[2], re.M)
        body = re.search(rf"^\.SS \"?{name}\b.*\n((?:(?!\.S[SH] ).*\n)*)", manual, re.M)[1]
        text, options, rest = body.partition(".TP\n")
        yield (f"viommu-{name}", head(f"viommu-{name}", 1, summary, version)
               + f".SH SYNOPSIS\n.B {escape(usage)}\n.SH DESCRIPTION\n{text}"
               + (f".SH OPTIONS\n{options}{rest}" if options else "")
               + f".SH \"EXIT STATUS\"\n{status}.SH EXAMPLES\n" + literal(examples).removeprefix(".PP\n")
               + ".SH \"SEE ALSO\"\n.BR viommu (1)\n")


# -- headers ---------------------------------------------------------------------------------------

GUARD = re.compile(r"^#ifdef __cplusplus\n.*?^#endif\n", re.M | re.S)
TITLE = re.compile(r"^/\* -- (.*?) -+ \*/$")


def chunks(text):
    """Lines between blank ones, except for those inside braces."""
    found, depth = [], 0
    for line in GUARD.sub("", text).splitlines():
        if line.strip() or depth:
            found.append(line.expandtabs(8))
        elif found:
            yield found
            found = []
        depth += line.count("{") - line.count("}")
    if found:
        yield found


def comment_and_declaration(lines):
    """A comment that a chunk begins with, without its marks; and what follows it."""
    if not lines[0].startswith("/*"):
        return [], lines
    n = next(i for i, line in enumerate(lines) if line.endswith("*/")) + 1
    text = [re.sub(r"^(/\*| \*) ?", "", re.sub(r" ?\*/$", "", line)) for line in lines[:n]]
    return text[text[0] == "":len(text) - (text[-1] == "")], lines[n:]


def prose(lines):
    """Lines of a comment: paragraphs, titles without a full stop, and what is indented as it stands."""
    shown, paragraph, verbatim = "", [], []

    def end():
        nonlocal shown, paragraph, verbatim
        if verbatim:
            shown += literal(verbatim)
        if paragraph:
            shown += ".PP\n" + "\n".join(escape(line) for line in paragraph) + "\n"
        paragraph, verbatim = [], []

    for line in lines:
        if not line.strip():
            if verbatim:
                verbatim.append("")
                continue
            end()
        elif line.startswith(("  ", "\t")):
            if paragraph:
                end()
            verbatim.append(line.expandtabs(8)[2:])
        else:
            if verbatim:
                end()
            paragraph.append(line)
    while verbatim and not verbatim[-1]:
        verbatim.pop()
    end()
    return shown


FUNCTION = re.compile(r"^(?:[a-z][\w \*]*[ \*])?(viommu_\w+)\(", re.M)     # its type may be on the line before


def groups_of(header):
    """(title, [(lines of a comment, lines of a declaration)]) of each group; the first is the header."""
    text = header.read_text()
    text = text[text.index("#define VIOMMU_"):text.rindex("#endif")].partition("\n")[2]
    groups = [("", [])]
    for lines in chunks(text):
        if TITLE.match(lines[0]):
            groups.append((TITLE.match(lines[0])[1], []))
            lines = lines[1:]
        comment, declared = comment_and_declaration(lines) if lines else ([], [])
        if comment or any(not line.startswith("#include") for line in declared):
            groups[-1][1].append((comment, declared))
    return groups


def group_name(header, title):
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return f"viommu-{header.stem}" + (f"-{words}" if words else "")


def group_page(header, title, entries, version, others):
    name = group_name(header, title)
    functions = [found for _, lines in entries for found in FUNCTION.findall("\n".join(lines))]
    first = entries[0][0][0].rstrip(".") if entries and entries[0][0] else header.name
    summary = (title or first).strip() or header.name
    text = head(name, 3, f"{summary} of <viommu/{header.name}>" if title else summary, version)
    text += f".SH SYNOPSIS\n.nf\n.B #include <viommu/{header.name}>\n.fi\n.SH DESCRIPTION\n"
    body = ""
    for lines, declared in entries:
        found = FUNCTION.findall("\n".join(declared))
        what = re.match(r"(?:struct|enum|typedef|#define) ?\w+", declared[0]) if declared else None
        if found:
            body += f'.SS "{escape(found[0])}()"\n'
        elif what:
            body += f'.SS "{escape(what[0])}"\n'
        body += (literal(declared) if declared else "") + prose(lines)
    body = re.sub(r"(\.SS [^\n]*\n)\.PP\n", r"\1", re.sub(r"^\.PP\n", "", body))
    text += body
    see = [other for other in others if other != name]
    text += ".SH \"SEE ALSO\"\n" + ",\n".join(f".BR {escape(other)} (3)" for other in ["libviommu", *see]).replace(
        "(3),\n", "(3),\n") + "\n"
    return name, text, functions


def libraries(source, version):
    """{name: text} of section 3."""
    pages, listing = {}, ""
    for header in sorted((source / "include/viommu").glob("*.h")):
        groups = [group for group in groups_of(header) if group[1]]
        names = [group_name(header, title) for title, _ in groups]
        for title, entries in groups:
            name, text, functions = group_page(header, title, entries, version, names)
            pages[name] = text
            for function in functions:
                pages.setdefault(function, f".so man3/{name}.3\n")
            what = title or "the header"
            listing += f".TP\n.BR {escape(name)} (3)\n{escape(what)}"
            listing += f" of <viommu/{header.name}>: {escape(', '.join(functions))}\n" if functions else f" of <viommu/{header.name}>\n"
    pages["libviommu"] = (head("libviommu", 3, "virtio-iommu device, firmware tables and hosts with IOMMUs", version)
                          + ".SH SYNOPSIS\n.B cc \\fIfile\\fR $(pkg\\-config \\-\\-cflags \\-\\-libs libviommu)\n"
                          + ".SH DESCRIPTION\nlibviommu is the device for virtual machine monitors; it needs libc only.\n"
                            "libviommu\\-tables reads, checks and generates firmware tables; libviommu\\-host reads what a\n"
                            "machine has. Each has a file for\n.BR pkg\\-config (1)\nwith its name. The pages:\n" + listing
                          + ".SH \"SEE ALSO\"\n.BR viommu (1)\n")
    return pages


def main(arguments):
    source, out = pathlib.Path(arguments[0]), pathlib.Path(arguments[1])
    changes = (source / "debian/changelog").read_text()
    date = email.utils.parsedate_to_datetime(re.search(r"^ -- .*>  (.*)$", changes, re.M)[1])
    version = (re.search(r"version: '([^']*)'", (source / "meson.build").read_text())[1], f"{date:%Y-%m-%d}")
    shutil.rmtree(out, ignore_errors=True)
    for section in (1, 3, 5, 7):
        (out / f"man{section}").mkdir(parents=True)
    manual = (source / "docs/man/viommu.1").read_text()
    (out / "man1/viommu.1").write_text(manual.replace('.TH VIOMMU 1 ""', f".TH VIOMMU 1 {version[1]}", 1))
    for name, text in commands(source, arguments[2], version) if len(arguments) > 2 else []:
        (out / f"man1/{name}.1").write_text(text)
    for name, text in libraries(source, version).items():
        (out / f"man3/{name}.3").write_text(text)
    for file, name, section, summary in DOCUMENTS:
        (out / f"man{section}/{name}.{section}").write_text(document(source, file, name, section, summary, version))


if __name__ == "__main__":
    main(sys.argv[1:])
