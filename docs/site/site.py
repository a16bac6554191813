#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make a site of static pages from the documents, the public headers and the manual pages of commands.

    site.py SOURCE OUT [VIOMMU]

    index.html, NAME.html     README.md and the other documents
    api-HEADER.html           a public header: its comments and declarations, each name a link
    viommu-COMMAND.html       the manual pages of commands, by mandoc; left out without VIOMMU
    source/...                what documents link to, with numbered lines
    search.js                 every section, for the search, which needs no server

A link to nothing is an error. Everything is in OUT, and nothing is loaded from elsewhere. An OUT that exists is
made anew, which removes all that is in it: it must be empty, or have the file .viommu-site of an earlier run.
"""
import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "man"))
import pages                                         # noqa: E402 pylint: disable=wrong-import-position

# The menu. A document that it lacks comes last.
MENU = [("Start", ["README.md", "NEWS.md", "docs/glossary.md"]),
        ("For VMM developers", ["docs/bindings.md", "docs/backend.md", "docs/security.md", "docs/fuzzing.md",
                                "docs/performance.md", "docs/state.md", "docs/decisions.md", "docs/conformance.md"]),
        ("For firmware engineers", ["docs/topology.md", "docs/tables.md", "docs/questions.md", "docs/json.md"]),
        ("For administrators", ["docs/host.md", "docs/plan.md", "docs/machines.md", "docs/libvirt.md",
                                "docs/kubevirt.md", "docs/qemu.md", "docs/guests.md"]),
        ("Project", ["docs/design.md", "CONTRIBUTING.md", "docs/mutants.md", "docs/proposal-properties.md",
                     "docs/proposal-address-spaces.md", "docs/drafts.md", "docs/patches/README.md"])]
MARK = ".viommu-site"
SYMBOL = re.compile(r"\b(?:(?:struct|enum) )?(?:viommu_\w+|VIOMMU_\w+)\b")


class Broken(Exception):
    """A link to nothing, or no place for the site."""


class Page:
    """A page of the site: its file, title, HTML, and the sections that the search knows."""

    def __init__(self, file, title, kind):
        self.file, self.title, self.kind = file, title, kind
        self.html, self.sections, self.anchors = [], [(title, "", [])], set()

    def anchor(self, text):
        """The anchor of a heading, as GitHub makes it."""
        base = re.sub(r"[^\w\- ]", "", re.sub(r"<[^>]*>", "", text).lower()).replace(" ", "-") or "section"
        name, n = base, 0
        while name in self.anchors:
            n += 1
            name = f"{base}-{n}"
        self.anchors.add(name)
        return name

    def section(self, title, anchor):
        self.sections.append((title, anchor, []))

    def words(self, text):
        self.sections[-1][2].append(re.sub(r"\s+", " ", text))


# -- Markdown ----------------------------------------------------------------------------------------

def blocks(text):
    """(kind, lines): as pages.blocks(), and a picture is a text of its name and its file."""
    return pages.blocks(re.sub(r"^!\[(.*?)\]\((.*?)\)$", "\n\x01\\1\x01\\2\x01\n", text, flags=re.M))


class Document:
    def __init__(self, site, path):
        self.site, self.path = site, path
        self.page = Page(site.file_of(path), "", "document")

    def link(self, target):
        """Where a link of this document leads to in the site."""
        if re.match(r"[a-z]+:", target):
            return target
        file, _, anchor = target.partition("#")
        path = (self.site.source / self.path).parent / file if file else self.site.source / self.path
        try:
            name = path.resolve().relative_to(self.site.source).as_posix()
        except ValueError as error:
            raise Broken(f"{self.path}: {target} is outside of the tree") from error
        if not path.exists():
            raise Broken(f"{self.path}: no file {target}")
        return self.site.file_of(name) + (f"#{anchor}" if anchor else "")

    def inline(self, text):
        parts = re.split(r"(`[^`]*`)", text)
        shown = []
        for part in parts:
            if part.startswith("`"):
                shown.append(f"<code>{self.site.linked(part[1:-1])}</code>")
            else:
                part = html.escape(part, quote=False)
                part = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", part)
                part = re.sub(r"(?<![\w*\\])\*([^\s*][^*]*?)\*(?![\w*])", r"<em>\1</em>", part)
                shown.append(part.replace("&lt;br&gt;", "<br>"))
        text = "".join(shown)

        def anchor(match):
            return f'<a href="{html.escape(self.link(match[2]))}">{re.sub("</?a[^>]*>", "", match[1])}</a>'
        return re.sub(r"\[((?:[^][]|\[[^]]*\])*)\]\(([^)\s]+)\)", anchor, text)

    def heading(self, lines):
        level, _, title = lines[0].partition(" ")
        anchor = self.page.anchor(title.replace("`", ""))
        title = self.inline(title)
        plain = html.unescape(re.sub(r"<[^>]*>", "", title))
        if not self.page.title:
            self.page.title = plain
            self.page.sections[0] = (plain, "", [])
        else:
            self.page.section(plain, anchor)
        n = min(len(level), 4)
        return f'<h{n} id="{anchor}">{title}<a class="here" href="#{anchor}" aria-label="link">#</a></h{n}>'

    def row(self, line, tag):
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        self.page.words(" ".join(cells))
        mark = ""
        name = re.fullmatch(r"`([\w.-]+)`", cells[0]) if cells and tag == "td" else None
        if name:
            anchor = self.page.anchor("row-" + name[1])
            mark = f' id="{anchor}"'
            self.site.rows.append((name[1], f"{self.page.file}#{anchor}", self.page, " ".join(cells[1:])))
        return f"<tr{mark}>" + "".join(f"<{tag}>{self.inline(cell)}</{tag}>" for cell in cells) + "</tr>"

    def table(self, lines):
        return ('<div class="wide"><table>\n<thead>' + self.row(lines[0], "th") + "</thead>\n<tbody>"
                + "\n".join(self.row(line, "td") for line in lines[2:]) + "</tbody></table></div>")

    def code(self, lines):
        text = "\n".join(lines if not all(line.startswith("    ") or not line for line in lines)
                         else [line[4:] for line in lines])
        self.page.words(text)
        return f"<pre>{self.site.linked(text)}</pre>"

    def text(self, lines):
        text = "\n".join(lines)
        picture = re.fullmatch("\x01(.*)\x01(.*)\x01", text)
        if picture:
            source = self.link(picture[2])
            return f'<p class="picture"><a href="{source}"><img src="{source}" alt="{html.escape(picture[1])}"></a></p>'
        self.page.words(text)
        return f"<p>{self.inline(text)}</p>"

    def render(self):
        opened = ""
        for kind, lines in blocks((self.site.source / self.path).read_text(encoding="utf-8")):
            ordered = kind == "item" and not lines[0].startswith("- ")
            wanted = "" if kind != "item" else "ol" if ordered else "ul"
            if wanted != opened:
                self.page.html.append((f"</{opened}>" if opened else "") + (f"<{wanted}>" if wanted else ""))
                opened = wanted
            if kind == "item":
                text = re.sub(r"^(- |\d+\. )", "", "\n".join(line.strip() for line in lines))
                text = text.removeprefix("[ ] ")
                self.page.words(text)
                self.page.html.append(f"<li>{self.inline(text)}</li>")
            else:
                self.page.html.append({"head": self.heading, "table": self.table, "code": self.code,
                                       "text": self.text}[kind](lines))
        self.page.html.append(f"</{opened}>" if opened else "")
        return self.page


# -- headers -----------------------------------------------------------------------------------------

def names_in(lines):
    """What a declaration declares, the first for its title. A struct may have the name of a function."""
    text = "\n".join(lines)
    bare = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    functions = pages.FUNCTION.findall(text)
    types = re.findall(r"^((?:struct|enum) \w+)", bare, re.M)
    constants = re.findall(r"^#define (VIOMMU_\w+)", bare, re.M)
    members = re.findall(r"\b(VIOMMU_\w+)\s*(?:=|,|\})", bare) if re.match(r"enum\b", bare) else []
    return functions[:1] + (types[:1] if not functions else []) + constants + members


class Header:
    def __init__(self, site, path):
        self.site, self.path = site, path
        self.page = Page(f"api-{path.stem}.html", f"<viommu/{path.name}>", "header")
        self.groups = [group for group in pages.groups_of(path) if group[1]]
        for _, entries in self.groups:
            for _, declared in entries:
                for name in names_in(declared):
                    site.symbols.setdefault(name, (self.page.file, names_in(declared)[0]))

    def prose(self, lines):
        shown, paragraph = [], []
        for line in [*lines, ""]:
            verbatim = line.startswith("  ")
            if paragraph and (not line.strip() and not paragraph[0].startswith("  ")
                              or line.strip() and verbatim != paragraph[0].startswith("  ")):
                shown.append(self.block(paragraph))
                paragraph = []
            if line.strip() or paragraph:
                paragraph.append(line)
        return "\n".join([*shown, self.block(paragraph)] if paragraph else shown)

    def block(self, lines):
        text = "\n".join(lines).rstrip()
        self.page.words(text)
        if lines[0].startswith("  "):
            return f"<pre>{self.site.linked(textwrap.dedent(text))}</pre>"
        if len(lines) == 1 and not text.endswith((".", ":", ")")) and len(text) < 70:
            return f"<h4>{self.site.linked(text)}</h4>"
        return "<p>" + re.sub(r"`([^`]+)`", r"<code>\1</code>", self.site.linked(text)) + "</p>"

    def entry(self, comment, declared):
        names = names_in(declared)
        shown = ""
        if names and names[0].replace(" ", "-") not in self.page.anchors:   # not declared before
            function = pages.FUNCTION.search("\n".join(declared)) is not None
            anchor = names[0].replace(" ", "-")
            title = names[0] + ("()" if function else "")
            self.page.anchors.add(anchor)
            self.page.section(title, anchor)
            shown += f'<h3 id="{anchor}">{title}<a class="here" href="#{anchor}" aria-label="link">#</a></h3>\n'
        if declared:
            self.page.words(" ".join(names))
            shown += f'<pre class="c">{self.site.linked(chr(10).join(declared), names[0] if names else "")}</pre>\n'
        footer = []
        text = "\n".join(comment)
        at = text.find("\nReturns: ")
        if at >= 0:
            footer = re.findall(r"(Returns|Locks|Waits|Since): (.*?)\.?(?= (?:Locks|Waits|Since): |$)",
                                re.sub(r"\s+", " ", text[at:]).strip())
            comment = text[:at].splitlines()
        shown += self.prose(comment)
        if footer:
            shown += '\n<dl>' + "".join(f"<dt>{key}</dt><dd>{self.site.linked(value)}</dd>"
                                        for key, value in footer) + "</dl>"
        return shown

    def render(self):
        self.page.html.append(f"<h1>{html.escape(self.page.title)}</h1>")
        for title, entries in self.groups:
            if title:
                title = title[0].upper() + title[1:]
                anchor = self.page.anchor(title)
                self.page.section(title, anchor)
                self.page.html.append(f'<h2 id="{anchor}">{html.escape(title)}</h2>')
            self.page.html += [self.entry(*entry) for entry in entries]
        return self.page


# -- the site ----------------------------------------------------------------------------------------

class Site:
    def __init__(self, source, out):
        self.source, self.out = source.resolve(), out
        self.symbols, self.rows, self.sources, self.pages = {}, [], set(), []
        self.version = re.search(r"version: '([^']*)'", (source / "meson.build").read_text())[1]
        self.documents = [path for _, paths in MENU for path in paths]
        others = {path.relative_to(source).as_posix() for path in source.glob("docs/*.md")} - set(self.documents)
        self.documents_of = [*MENU[:-1], (MENU[-1][0], MENU[-1][1] + sorted(others))]
        self.documents += sorted(others)

    def file_of(self, name):
        """The file of the site for one of the tree."""
        if name in self.documents:
            if name == "README.md":
                return "index.html"
            return name.removeprefix("docs/").replace("/README", "").replace("/", "-").lower().removesuffix(".md") + ".html"
        if name.startswith("include/viommu/") and name.endswith(".h"):
            return f"api-{pathlib.Path(name).stem}.html"
        if name.endswith(".svg"):
            target = self.out / name.removeprefix("docs/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.source / name, target)
            return name.removeprefix("docs/")
        if (self.source / name).is_dir():
            raise Broken(f"{name} is a folder")
        self.sources.add(name)
        return f"source/{name}.html"

    def linked(self, text, but=""):
        """Text, in which names of the headers are links."""
        def link(match):
            file, anchor = self.symbols.get(match[0], (None, None))
            return f'<a href="{file}#{anchor.replace(" ", "-")}">{match[0]}</a>' if file and anchor != but else match[0]
        text = SYMBOL.sub(link, html.escape(text, quote=False))
        return re.sub(r"&lt;viommu/(\w+)\.h&gt;", r'<a href="api-\1.html">\g<0></a>', text)

    def menu(self, current, titles, up):
        shown = []
        for title, entries in titles:
            shown.append(f"<details{' open' if any(file == current for file, _ in entries) else ''}><summary>{title}</summary><ul>")
            shown += [f'<li><a href="{up}{file}"{" aria-current=page" if file == current else ""}>{html.escape(name)}</a></li>'
                      for file, name in entries]
            shown.append("</ul></details>")
        return "\n".join(shown)

    def write(self, page, titles):
        up = "../" * page.file.count("/")
        body = "\n".join(page.html)
        values = {"title": html.escape(page.title), "up": up, "version": self.version, "body": body,
                  "menu": self.menu(page.file, titles, up)}
        text = re.sub(r"@(\w+)@", lambda match: values[match[1]], (HERE / "page.html").read_text(encoding="utf-8"))
        path = self.out / page.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def commands(self, viommu):
        """The manual pages of commands, by mandoc."""
        with tempfile.TemporaryDirectory() as folder:
            pages.main([str(self.source), folder, viommu])
            for path in sorted((pathlib.Path(folder) / "man1").glob("*.1")):
                text = subprocess.run(["mandoc", "-T", "html", "-O", "fragment", path], check=True, capture_output=True,
                                      text=True).stdout
                page = Page(f"{path.stem}.html", path.stem.replace("-", " "), "command")
                text = re.sub(r"<table class=\"(head|foot)\">.*?</table>", "", text, flags=re.S)
                text = re.sub(r"(</?h)([12])\b", lambda match: match[1] + str(int(match[2]) + 1), text)
                page.html.append(f"<h1>{page.title}</h1>\n{text}")
                page.anchors = set(re.findall(r' id="([^"]*)"', text))
                page.words(html.unescape(re.sub(r"<[^>]*>", " ", text)))
                yield page

    def search_entries(self):
        for page in self.pages:
            for title, anchor, words in page.sections:
                yield [title, page.file + (f"#{anchor}" if anchor else ""), page.title if anchor else page.kind,
                       " ".join(words)]
        for name, link, page, words in self.rows:
            yield [name, link, page.title, words]

    def source_page(self, name):
        lines = (self.source / name).read_text(encoding="utf-8").splitlines()
        page = Page(f"source/{name}.html", name, "source")
        shown = "\n".join(f'<span id="L{n}">{html.escape(line, quote=False)}</span>' for n, line in enumerate(lines, 1))
        page.html.append(f'<h1>{html.escape(name)}</h1>\n<pre class="lines">{shown}</pre>')
        return page

    def make(self, viommu):
        headers = [Header(self, path) for path in sorted(self.source.glob("include/viommu/*.h"))]
        documents = [Document(self, path).render() for path in self.documents]
        commands = list(self.commands(viommu)) if viommu else []
        self.pages = documents + [header.render() for header in headers] + commands
        of_file = {page.file: page for page in self.pages}
        of_file["index.html"].title = "Overview"
        titles = [(title, [(self.file_of(path), of_file[self.file_of(path)].title) for path in paths])
                  for title, paths in self.documents_of]
        titles.insert(4, ("API", [(header.page.file, header.page.title) for header in headers]))
        if commands:
            titles.insert(5, ("Commands", [(page.file, page.title) for page in commands]))
        for page in self.pages + [self.source_page(name) for name in sorted(self.sources)]:
            self.write(page, titles)
        for name in ("site.css", "site.js"):
            shutil.copy(HERE / name, self.out)
        entries = json.dumps(list(self.search_entries()), ensure_ascii=False, separators=(",", ":"))
        (self.out / "search.js").write_text(f"searchEntries({entries});\n", encoding="utf-8")


def make_empty(out):
    """An empty folder with the mark. Nothing is removed that an earlier run has not made."""
    if out.exists() and not out.is_dir():
        raise Broken(f"{out} is not a folder")
    if out.is_dir() and any(out.iterdir()):
        if not (out / MARK).is_file():
            raise Broken(f"{out} is not empty, and was not made by site.py: name another folder, or remove it")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / MARK).touch()


def main(source, out, viommu=None):
    out = pathlib.Path(out).resolve()
    try:
        make_empty(out)
        Site(pathlib.Path(source), out).make(viommu)
    except Broken as error:
        print(f"site.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
