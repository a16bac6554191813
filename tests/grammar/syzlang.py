# SPDX-License-Identifier: BSD-3-Clause
"""A strict parser of the part of syzlang that descriptions of buffers need.

parse() returns the structures and calls of a text, or raises Wrong with the line. Refused, beside wrong syntax: a name
that is defined twice, is not defined, or is not used, or that the language has reserved; a resource that no call
returns; a flag or constant wider than its type; a length of an argument that is not there; symbolic constants, which
need a kernel's headers.
docs/syscall_descriptions_syntax.md of syzkaller describes the language.
"""

import re
from collections import namedtuple

Type = namedtuple("Type", "name options")
Struct = namedtuple("Struct", "name fields line")       # fields: name, Type
Call = namedtuple("Call", "name arguments result line")  # arguments: name, Type

INTEGERS = {"int8": 1, "int16": 2, "int32": 4, "int64": 8}
BUILTIN = set(INTEGERS) | {"const", "flags", "array", "ptr", "string", "bytesize", "fd"}
RESERVED = {"parent", "syscall"}    # names of fields that mean something in paths of lengths
TOKEN = re.compile(r'\s*(?:(0x[0-9a-f]+|\d+)|([a-z_][a-z0-9_]*)|("[^"]*")|([\[\],:]))')
NAME = re.compile(r"[a-z_][a-z0-9_]*")


class Wrong(Exception):
    """The description is wrong; the text says where and how."""


class Words:
    """The tokens of a type."""
    def __init__(self, text, line):
        self.line, self.tokens, at = line, [], 0
        text = text.strip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise Wrong(f"line {line}: not understood: {text[at:]}")
            self.tokens.append(match.group(match.lastindex))
            at = match.end()

    def next(self, wanted=None):
        token = self.tokens.pop(0) if self.tokens else "the end"
        if wanted and token != wanted:
            raise Wrong(f"line {self.line}: {wanted} is expected, and not {token}")
        return token

    def has(self, token):
        return bool(self.tokens) and self.tokens[0] == token

    def option(self):
        """A number, a range, a string, or a type."""
        if self.tokens and self.tokens[0][0] == '"':
            return self.next()
        if not self.tokens or not self.tokens[0][0].isdigit():
            return self.type()
        first = int(self.next(), 0)
        if not self.has(":"):
            return first
        self.next(":")
        return first, int(self.next(), 0)

    def type(self):
        name, options = self.next(), []
        if not NAME.fullmatch(name):
            raise Wrong(f"line {self.line}: a type is expected, and not {name}")
        if self.has("["):
            self.next()
            options.append(self.option())
            while self.has(","):
                self.next()
                options.append(self.option())
            self.next("]")
        return Type(name, options)


def whole_type(text, line):
    words = Words(text, line)
    parsed = words.type()
    if words.tokens:
        raise Wrong(f"line {line}: more than a type: {words.tokens}")
    return parsed


class Description:
    def __init__(self):
        self.flags, self.types, self.resources, self.structs, self.calls = {}, {}, {}, {}, {}
        self.used = set()

    def define(self, kind, name, value, line):
        if name in BUILTIN or any(name in names for names in (self.flags, self.types, self.resources, self.structs)):
            raise Wrong(f"line {line}: {name} is defined already")
        kind[name] = value

    # -- reading ---------------------------------------------------------------------

    def call(self, match, line):
        arguments = []
        text = match.group(2)
        for part in re.split(r", (?=[a-z_]+ )", text) if text else []:
            name, _, rest = part.partition(" ")
            arguments.append((name, whole_type(rest, line)))
        if match.group(1) in self.calls:
            raise Wrong(f"line {line}: {match.group(1)} is defined already")
        self.calls[match.group(1)] = Call(match.group(1), arguments, match.group(3), line)

    def line(self, text, line):
        if match := re.fullmatch(r"resource (\w+)\[(\w+)\]", text):
            self.define(self.resources, match.group(1), match.group(2), line)
        elif match := re.fullmatch(r"type (\w+) (.+)", text):
            self.define(self.types, match.group(1), whole_type(match.group(2), line), line)
        elif match := re.fullmatch(r"(\w+) = ((?:0x[0-9a-f]+|\d+)(?:, (?:0x[0-9a-f]+|\d+))*)", text):
            values = [int(value, 0) for value in match.group(2).split(", ")]
            if len(set(values)) != len(values):
                raise Wrong(f"line {line}: a value is listed twice")
            self.define(self.flags, match.group(1), values, line)
        elif match := re.fullmatch(r"(\w+\$\w+)\((.*)\)(?: (\w+))?", text):
            self.call(match, line)
        else:
            raise Wrong(f"line {line}: not understood: {text}")

    @staticmethod
    def field(struct, content, line):
        match = re.fullmatch(r"\t([a-z_][a-z0-9_]*)\t+(\S.*)", content)
        if not match or match.group(1) in dict(struct.fields) or match.group(1) in RESERVED:
            raise Wrong(f"line {line}: not a field, one that is there already, or a reserved name: {content}")
        struct.fields.append((match.group(1), whole_type(match.group(2), line)))

    def read(self, text):
        struct = None
        for line, content in enumerate(text.splitlines(), 1):
            if not content or content.startswith("#"):
                continue
            if struct and content == "} [packed]":
                self.define(self.structs, struct.name, struct, line)
                struct = None
            elif struct:
                self.field(struct, content, line)
            elif match := re.fullmatch(r"([a-z_][a-z0-9_]*) \{", content):
                struct = Struct(match.group(1), [], line)
            else:
                self.line(content, line)
        if struct:
            raise Wrong(f"line {struct.line}: {struct.name} does not end")

    # -- meaning -----------------------------------------------------------------------

    def width(self, type_, where):
        """The bytes of a type in a structure."""
        name, options = type_
        if name in self.types and not options:
            self.used.add(name)
            return self.width(self.types[name], where)
        if name in INTEGERS:
            return self.integer(name, options, where)
        if name in ("const", "flags") and len(options) == 2 and isinstance(options[1], Type):
            return self.valued(name, options[0], self.width(options[1], where), where)
        if name == "array" and len(options) == 2 and isinstance(options[0], Type) and isinstance(options[1], int):
            return options[1] * self.width(options[0], where)
        if name in self.structs and not options:
            self.used.add(name)
            return self.size(name)
        raise Wrong(f"{where}: no type of a field: {type_}")

    @staticmethod
    def integer(name, options, where):
        width = INTEGERS[name]
        if options and (len(options) != 1 or not isinstance(options[0], tuple) or
                        not options[0][0] < options[0][1] < 1 << 8 * width):
            raise Wrong(f"{where}: no range of {name}: {options}")
        return width

    def valued(self, name, which, width, where):
        if name == "const":
            values = [which]
        elif isinstance(which, Type) and which.name in self.flags:
            self.used.add(which.name)
            values = self.flags[which.name]
        else:
            raise Wrong(f"{where}: no such flags: {which}")
        if not all(isinstance(value, int) and value < 1 << 8 * width for value in values):
            raise Wrong(f"{where}: {values} do not fit into {width} bytes")
        return width

    def size(self, name):
        return sum(self.width(type_, name) for _, type_ in self.structs[name].fields)

    def offsets(self, name):
        """Where each field of a structure begins."""
        at, offsets = 0, {}
        for field, type_ in self.structs[name].fields:
            offsets[field] = at
            at += self.width(type_, name)
        return offsets

    def argument(self, call, type_):
        name, options = type_
        names = [argument for argument, _ in call.arguments]
        if name in self.resources:
            self.used.add(name)
        elif name == "const" and len(options) == 1 and isinstance(options[0], int):
            pass
        elif name == "bytesize" and len(options) == 1 and options[0].name in names:
            pass
        elif name == "ptr" and len(options) == 2 and options[0] == Type("in", []):
            self.pointee(call, options[1])
        else:
            raise Wrong(f"line {call.line}: no type of an argument: {type_}")

    def pointee(self, call, type_):
        if type_.name == "string" and len(type_.options) == 1 and isinstance(type_.options[0], str):
            return
        if type_.name == "array" and isinstance(type_.options[-1], tuple):
            return
        self.width(type_, f"line {call.line}")

    def check(self):
        for name, base in self.resources.items():
            if base not in INTEGERS and base != "fd":
                raise Wrong(f"{name}: no base of a resource: {base}")
            if all(call.result != name for call in self.calls.values()):
                raise Wrong(f"{name}: no call returns it")
        for call in self.calls.values():
            if call.result and call.result not in self.resources:
                raise Wrong(f"line {call.line}: no such resource: {call.result}")
            for _, type_ in call.arguments:
                self.argument(call, type_)
        defined = set(self.flags) | set(self.types) | set(self.resources) | set(self.structs)
        if defined - self.used:
            raise Wrong(f"not used: {', '.join(sorted(defined - self.used))}")


def parse(text):
    description = Description()
    description.read(text)
    description.check()
    return description
