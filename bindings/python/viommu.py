# SPDX-License-Identifier: BSD-3-Clause
"""Firmware tables that describe IOMMUs, for Python: libviommu-tables by ctypes, without a compiler.

    import viommu

    for table in viommu.read("dmar.bin"):
        for finding in table.check():
            print(finding)
        print(table.data()["table"]["fields"]["host_address_width"])

    machine = viommu.Topology.parse(open("machine.yaml").read(), "machine.yaml")
    open("viot.bin", "wb").write(bytes(machine.generate("VIOT")))
    print(machine.resolve("0000:03:00.0"))

A function that cannot do what it was asked raises viommu.Error, which has the findings. Everything else that
is found is in `findings` of the object: of the list of tables, what is wrong with the input; of a table, what is
wrong with it. A file is named by str, bytes or a path, data are bytes, bytearray or memoryview. The library is found as any shared library is, or by VIOMMU_TABLES.
One thread at a time uses an object.
"""
import collections
import ctypes
import ctypes.util
import errno
import json
import os

__all__ = ["Error", "Finding", "Route", "Rule", "Table", "Tables", "Topology", "decode", "read", "rules"]

_lib = ctypes.CDLL(os.environ.get("VIOMMU_TABLES") or "libviommu-tables.so.0")
_libc = ctypes.CDLL(None)
_libc.free.argtypes = [ctypes.c_void_p]
_NOWHERE = ctypes.c_size_t(-1).value


class _Place(ctypes.Structure):
    _fields_ = [("file", ctypes.c_char_p), ("line", ctypes.c_uint), ("column", ctypes.c_uint),
                ("at", ctypes.c_size_t), ("path", ctypes.c_char_p)]


class _Finding(ctypes.Structure):
    _fields_ = [("id", ctypes.c_char_p), ("severity", ctypes.c_int), ("place", _Place),
                ("text", ctypes.c_char_p), ("cure", ctypes.c_char_p)]


class _Rule(ctypes.Structure):
    _fields_ = [("id", ctypes.c_char_p), ("severity", ctypes.c_int), ("clause", ctypes.c_char_p),
                ("text", ctypes.c_char_p), ("on_linux", ctypes.c_char_p)]


class _Name(ctypes.Structure):
    _fields_ = [("pci", ctypes.c_bool), ("segment", ctypes.c_uint16), ("bdf", ctypes.c_uint16),
                ("base", ctypes.c_uint64), ("name", ctypes.c_char_p)]


class _Iommu(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("name", ctypes.c_char_p)]  # and more, which is not read


class _Route(ctypes.Structure):
    _fields_ = [("reach", ctypes.c_int), ("iommu", ctypes.POINTER(_Iommu)), ("id", ctypes.c_uint32), ("place", _Place),
                ("its", ctypes.c_void_p), ("device_id", ctypes.c_uint32), ("its_place", _Place),
                ("pasid_bits", ctypes.c_uint), ("pasid_place", _Place)]


_SPLIT = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t)
_P, _S, _Z = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t


def _declare(name, result, *arguments):
    function = getattr(_lib, "viommu_" + name)
    function.restype, function.argtypes = result, arguments
    return function


_findings_new = _declare("findings_new", _P)
_findings_free = _declare("findings_free", _P, _P)
_findings_get = _declare("findings_get", ctypes.POINTER(_Finding), _P, _Z)
_severity_name = _declare("severity_name", _S, ctypes.c_int)
_place_text = _declare("place_text", _P, ctypes.POINTER(_Place))
_rule = _declare("rule", ctypes.POINTER(_Rule), _Z)
_input_split = _declare("input_split", _Z, _S, _Z, _S, _SPLIT, _P, _P)
_decode = _declare("table_decode", _P, _S, _Z, _S, _P)
_table_free = _declare("table_free", _P, _P)
_table_check = _declare("table_check", None, _P, _P)
_table_json = _declare("table_json", _P, _P)
_table_text = _declare("table_text", _P, _P)
_table_signature = _declare("table_signature", _S, _P)
_table_encode = _declare("table_encode", _Z, _P, ctypes.POINTER(_P))
_table_topology = _declare("table_topology", _P, _P, _P)
_generate = _declare("table_generate", _P, _P, _S, _P)
_parse = _declare("topology_parse", _P, _S, _Z, _S, _P)
_from_file = _declare("topology_from_file", ctypes.c_int, _S, _P, ctypes.POINTER(_P))
_topology_free = _declare("topology_free", _P, _P)
_topology_check = _declare("topology_check", None, _P, _P)
_topology_text = _declare("topology_text", _P, _P)
_topology_json = _declare("topology_json", _P, _P)
_find_device = _declare("topology_find_device", ctypes.c_int, _P, _S, ctypes.POINTER(_Name))
_resolve = _declare("topology_resolve", ctypes.c_int, _P, ctypes.POINTER(_Name), ctypes.POINTER(_Route),
                    ctypes.POINTER(_Route), ctypes.POINTER(_S))

Rule = collections.namedtuple("Rule", "id severity clause text on_linux")
Route = collections.namedtuple("Route", "reach iommu id why_linux")
Route.__doc__ = """reach: "iommu", "bypass" or "nothing"; iommu: the name, or None; id: the device's there."""
_Finding_fields = collections.namedtuple("_Finding_fields", "id severity place text cure")


class Finding(_Finding_fields):
    """A broken rule: id, severity ("note", "warning", "error"), place, text, cure (or None)."""

    def __str__(self):
        return f"{self.place}: {self.severity}: {self.text}{f'; {self.cure}' if self.cure else ''} [{self.id}]"


class Error(ValueError):
    """Something could not be done. `findings` says why."""

    def __init__(self, what, findings):
        super().__init__("; ".join(map(str, findings)) or what)
        self.findings = findings


def _text(value):
    return value.decode("utf-8", "replace") if value is not None else None


def _take(pointer):
    """A text of the library, which is freed."""
    if not pointer:
        raise MemoryError
    try:
        return _text(ctypes.string_at(pointer))
    finally:
        _libc.free(pointer)


class _Findings:
    """A list of the library, until it has been copied."""

    def __enter__(self):
        self.list = _findings_new()
        if not self.list:
            raise MemoryError
        return self

    def __exit__(self, *_):
        _findings_free(self.list)

    def copy(self):
        found, i = [], 0
        while one := _findings_get(self.list, i):
            finding = one.contents
            found.append(Finding(_text(finding.id), _text(_severity_name(finding.severity)),
                                 _take(_place_text(ctypes.byref(finding.place))), _text(finding.text),
                                 _text(finding.cure)))
            i += 1
        return found


def rules():
    """All rules."""
    found = []
    while one := _rule(len(found)):
        rule = one.contents
        found.append(Rule(_text(rule.id), _text(_severity_name(rule.severity)), _text(rule.clause),
                          _text(rule.text), _text(rule.on_linux)))
    return found


class Tables(list):
    """The tables of an input. `findings` are those about the input as a whole."""

    def __init__(self, tables, findings):
        super().__init__(tables)
        self.findings = findings


def read(file):
    """The tables of a file: raw, or text with a dump of them. `file` is a name."""
    with open(file, "rb") as opened:
        return decode(opened.read(), file)


def decode(data, file="input"):
    """The tables of these bytes."""
    data, pieces = bytes(data), []
    with _Findings() as findings:
        def each(_opaque, name, at, length):
            pieces.append((ctypes.string_at(at, length), name))
            return True
        found = _input_split(data, len(data), os.fsencode(file), _SPLIT(each), None, findings.list)
        if not found:
            raise Error(f"{os.fsdecode(file)}: no table", findings.copy())
        return Tables([Table(piece, name) for piece, name in pieces], findings.copy())


class Table:
    """A table of ACPI, or a device tree."""

    def __init__(self, data, file="input", _made=None):
        self.findings = []
        self._table = _made
        if not _made:
            with _Findings() as findings:
                data = bytes(data)
                self._table = _decode(data, len(data), os.fsencode(file), findings.list)
                self.findings = findings.copy()
        if not self._table:
            raise Error(f"{os.fsdecode(file)}: not a table", self.findings)

    def __del__(self):
        if getattr(self, "_table", None):
            _table_free(self._table)

    def __bytes__(self):
        data = _P()
        length = _table_encode(self._table, ctypes.byref(data))
        try:
            return ctypes.string_at(data, length)
        finally:
            _libc.free(data)

    @property
    def signature(self):
        return _text(_table_signature(self._table))

    def __str__(self):
        return _take(_table_text(self._table))

    def data(self):
        """The fields as viommu-json(5) describes them for `viommu dump`."""
        return json.loads(_take(_table_json(self._table)))

    def check(self):
        """The findings of the whole table, those of reading it first."""
        with _Findings() as findings:
            _table_check(self._table, findings.list)
            return self.findings + findings.copy()

    def topology(self):
        """What the table says of a machine."""
        with _Findings() as findings:
            return Topology(_table_topology(self._table, findings.list), findings.copy())


class Topology:
    """IOMMUs, the devices behind them and their IDs."""

    def __init__(self, made, findings):
        self._topology, self.findings = made, findings
        if not made:
            raise Error("no topology", findings)

    def __del__(self):
        if getattr(self, "_topology", None):
            _topology_free(self._topology)

    @classmethod
    def parse(cls, text, file="topology"):
        """Read a text, as viommu-topology(5) describes it."""
        data = text.encode()
        with _Findings() as findings:
            return cls(_parse(data, len(data), os.fsencode(file), findings.list), findings.copy())

    @classmethod
    def read(cls, file):
        """Read a file: a text as for parse(), or tables, of which IORT, RIMT and VIOT are one machine."""
        made = _P()
        with _Findings() as findings:
            code = -_from_file(os.fsencode(file), findings.list, ctypes.byref(made))
            if code not in (0, errno.EINVAL):
                raise OSError(code, os.strerror(code), file)
            return cls(made.value, findings.copy())

    def __str__(self):
        return _take(_topology_text(self._topology))

    def data(self):
        """The objects as viommu-json(5) describes them for `viommu topology`."""
        return json.loads(_take(_topology_json(self._topology)))

    def check(self):
        with _Findings() as findings:
            _topology_check(self._topology, findings.list)
            return self.findings + findings.copy()

    def generate(self, signature):
        """A table: "VIOT", "IORT", "DMAR", "IVRS", "RIMT", "SRAT", "DTB", "builtin-v3", ..."""
        with _Findings() as findings:
            made = _generate(self._topology, signature.encode(), findings.list)
            found = findings.copy()
        if not made:
            raise Error(f"no {signature} can be generated", found)
        table = Table(b"", signature, made)
        table.findings = found
        return table

    def resolve(self, device):
        """The Route of a device: "0000:03:00.0", "0x10001000", or the name of a platform device."""
        name, route, linux, why = _Name(), _Route(), _Route(), _S()
        if _find_device(self._topology, device.encode(), ctypes.byref(name)):
            raise KeyError(device)
        if _resolve(self._topology, ctypes.byref(name), ctypes.byref(route), ctypes.byref(linux), ctypes.byref(why)):
            raise MemoryError
        iommu = _text(route.iommu.contents.name) if route.iommu else None
        return Route(("iommu", "bypass", "nothing")[route.reach], iommu, route.id if iommu else None, _text(why.value))
