# SPDX-License-Identifier: BSD-3-Clause
"""Debian packages of another release and architecture, unpacked into a cache folder.

The system's package manager is not changed. apt runs with lists, sources and a status in the cache.
The sources are the machine's own Debian entries with another release, so a configured mirror is used,
and signatures are checked. A package in the cache is not looked up again.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CACHE = os.path.join(
    os.environ.get("VIOMMU_CACHE") or os.path.expanduser("~/.cache/viommu"), "guests")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
KERNELS = {"6.12": "trixie", "7.2": "forky", "7.3": "trixie-backports"}
QEMUS = {"7.2": "bookworm", "10.0": "trixie", "11.1": "trixie-backports"}
NEWEST_QEMU = "11.1"
# The kernel's name of an architecture, and the prefix of compilers for it.
CROSS = {"amd64": ("x86_64", "x86_64-linux-gnu"), "arm64": ("arm64", "aarch64-linux-gnu")}
BUILDERS = ["make", "libc6-dev", "bash", "dash", "coreutils", "sed", "gawk", "grep", "findutils"]
BACKPORTS = "-backports"    # such a release needs packages of the one before it


class Unavailable(Exception):
    """A package could not be fetched; the text has the reason."""


def run(*command, accepted=(0,), **options):
    done = subprocess.run(command, text=True, capture_output=True, check=False, **options)
    if done.returncode not in accepted:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
        raise Unavailable(f"{' '.join(command[:2])} failed: {last[0]}")
    return done.stdout


def mirror():
    """The address of the Debian archive that this machine uses itself."""
    targets = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)",
                  "Identifier: Packages")
    for line in targets.splitlines():
        origin, label, address = line.rsplit(" ", 2)[-3:]
        if (origin, label) == ("Debian", "Debian"):
            return address
    raise Unavailable("this machine has no Debian archive among its package sources")


class Archive:
    """One release for one architecture, as a private apt sees it."""

    def __init__(self, release, architecture):
        self.release = release
        self.architecture = architecture
        self.folder = os.path.join(CACHE, "apt", f"{release}-{architecture}")
        self.fresh = False

    def _apt(self, tool, *arguments, cwd=None):
        folder = self.folder
        settings = {
            "Dir::Etc::sourcelist": f"{folder}/sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State": f"{folder}/state",
            "Dir::State::status": f"{folder}/status",
            "Dir::Cache": f"{folder}/cache",
            "APT::Architecture": self.architecture,
            "APT::Architectures": self.architecture,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
        }
        if self.release.endswith(BACKPORTS):
            settings["APT::Default-Release"] = self.release
        options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        return run(tool, *options, *arguments, cwd=cwd)

    def refresh(self):
        """Fetch the package lists, once in a run."""
        if self.fresh:
            return
        for part in ("state/lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(self.folder, part), exist_ok=True)
        with open(f"{self.folder}/sources.list", "w", encoding="utf-8") as sources:
            signed = f" signed-by={KEYRING}" if os.path.exists(KEYRING) else ""
            for release in sorted({self.release.removesuffix(BACKPORTS), self.release}):
                sources.write(f"deb [arch={self.architecture}{signed}] {mirror()} "
                              f"{release} main\n")
        with open(f"{self.folder}/status", "w", encoding="utf-8"):
            pass
        self._apt("apt-get", "-q", "update")
        self.fresh = True

    def depends(self, name):
        """Direct dependencies of a package; those of a meta package name the real one."""
        text = self._apt("apt-cache", "depends", "--no-recommends", "--no-suggests", name)
        return [line.split(": ")[1].strip("<>") for line in text.splitlines()
                if line.strip().startswith("Depends:")]

    def closure(self, *names):
        """All packages that an installation of these into an empty system would unpack."""
        text = self._apt("apt-get", "-q", "-s", "install", *names)
        return [line.split()[1] for line in text.splitlines() if line.startswith("Inst ")]

    def download(self, folder, *names):
        """Download into a folder; returns the .deb files."""
        os.makedirs(folder, exist_ok=True)
        self._apt("apt-get", "-q", "download", *names, cwd=folder)
        return sorted(os.path.join(folder, name) for name in os.listdir(folder)
                      if name.endswith(".deb"))

    def sources(self, folder, name):
        """Download the source package; the path of its .dsc."""
        with open(f"{self.folder}/sources.list", encoding="utf-8") as file:
            entries = [line for line in file if line.startswith("deb ")]
        with open(f"{self.folder}/sources.list", "w", encoding="utf-8") as file:
            file.writelines([*entries, *(f"deb-src{line[3:]}" for line in entries)])
        os.makedirs(folder, exist_ok=True)
        self._apt("apt-get", "-q", "update")
        self._apt("apt-get", "-q", "source", "--download-only", name, cwd=folder)
        return next(os.path.join(folder, file) for file in os.listdir(folder) if file.endswith(".dsc"))


@contextlib.contextmanager
def locked(path, report):
    """One process at a time: others wait."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f"{path}.lock", "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"waiting for another process, which has {path}.lock")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def note(text):
    print(text, file=sys.stderr, flush=True)


def remove(path):
    """Remove a file, a link or a folder, if it is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def once(target, make, report=note, lock=None):
    """A path in the cache. If there is nothing, `make` creates it at the path that it is given.

    One process does that, others wait; none sees half of it. `lock` is the path of a lock for several
    targets. That of one target is removed with the need for it.
    """
    if not os.path.exists(target):
        with locked(lock or target, report):
            if not os.path.exists(target):
                create(target, make)
            if not lock:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{target}.lock")
    return target


def create(target, make):
    work = f"{target}.{os.getpid()}"
    try:
        make(work)
        os.rename(work, target)
    finally:
        remove(work)


_archives = {}


def archive(release, architecture):
    return _archives.setdefault((release, architecture), Archive(release, architecture))


def unpacked(kind, find, report):
    """A folder of the cache with unpacked packages; created if it is missing.

    `kind` names it. `find` is called to create it, and returns an Archive and package names, and may return
    more such pairs. `kind` is a link to a folder with the version of the first package: remove the link to
    fetch a newer version.
    """
    def make(work):
        report(f"fetching {kind} (once, into {CACHE})")
        fetch(work, os.path.join(CACHE, kind), *find())

    # One lock for all kinds: those of one release share apt's lists.
    return os.path.realpath(once(os.path.join(CACHE, kind), make, report, os.path.join(CACHE, "fetching")))


def fetch(link, name, source, names, *others):
    """Unpack packages into a folder, `name` with their version, and let the link be to that."""
    work = f"{link}.new"
    try:
        for origin, wanted in ((source, names), *others):
            files = origin.download(f"{work}/deb", *wanted)
        for file in files:
            run("dpkg", "-x", file, f"{work}/root")
        version = run("dpkg-deb", "-f", next(
            file for file in files if os.path.basename(file).startswith(names[0] + "_")), "Version")
        target = f"{name}_{version.strip().replace(':', '%')}"
        shutil.rmtree(target, ignore_errors=True)
        os.rename(f"{work}/root", target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    os.symlink(os.path.basename(target), link)


def kernel(architecture, flavour, report, version="6.12"):
    """
    An unpacked Debian kernel, of the flavour "cloud-" or, with "", the usual one. Of newer ones the
    image and the modules are packages of their own.
    """
    def find():
        source = archive(KERNELS[version], architecture)
        source.refresh()
        meta = f"linux-image-{flavour}{architecture}"
        image = next(name for name in source.depends(meta) if name.startswith("linux-image-"))
        parts = [image.replace("-image-", f"-{part}-") for part in ("binary", "modules")]
        return source, [image] + [name for name in source.depends(image) if name in parts]
    which = "" if version == "6.12" else f"{version}-"
    return unpacked(f"linux-{which}{flavour}{architecture}", find, report)


def busybox(architecture, report):
    def find():
        source = archive(KERNELS["6.12"], architecture)
        source.refresh()
        return source, ["busybox-static"]
    return os.path.join(unpacked(f"busybox-{architecture}", find, report), "usr/bin/busybox")


def qemu(generation, architecture, report):
    """A QEMU of another release, with its libraries."""
    def find():
        source = archive(QEMUS[generation], architecture)
        source.refresh()
        wanted = ["qemu-system-x86", "qemu-system-arm", "qemu-efi-aarch64"]
        if generation == NEWEST_QEMU:
            wanted += ["qemu-system-riscv", "opensbi"]
        return source, wanted + [name for name in source.closure(*wanted) if name not in wanted]
    return unpacked(f"qemu-{generation}-{architecture}", find, report)


def source(name, release, kept, report):
    """A folder with these parts of a source package; created if it is missing."""
    def make(work):
        report(f"fetching the source of {name} (once, into {CACHE})")
        origin = archive(release, host_architecture())
        origin.refresh()
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            run("dpkg-source", "--no-check", "-x", origin.sources(folder, name), f"{folder}/all")
            for part in kept:
                shutil.copytree(f"{folder}/all/{part}", f"{work}/{part}")

    target = os.path.join(CACHE, f"source-{name}-{release}")
    return once(target, make, report, os.path.join(CACHE, "fetching"))


def command(root, program, *folders):
    """The words that run an unpacked program with the libraries of its own release; `folders` of these have more."""
    library = next(Path(root).glob("usr/lib/*-linux-gnu"))
    loader = next(library.glob("ld-linux*.so.*"))
    path = ":".join(str(library / folder) for folder in ("", *folders))
    return [str(loader), "--library-path", path, os.path.join(root, program)]


def riscv_firmware(report):
    """The folder with UEFI for the machine virt of RISC-V: code, and variables."""
    def find():
        source = archive(QEMUS[NEWEST_QEMU], host_architecture())
        source.refresh()
        return source, ["qemu-efi-riscv64"]
    return os.path.join(unpacked("efi-riscv64", find, report), "usr/share/qemu-efi-riscv64")


def kernel_source(version, report):
    """A folder with the source package of a kernel: usr/src/linux-source-VERSION.tar.xz."""
    def find():
        source = archive(KERNELS[version], "amd64")
        source.refresh()
        return source, [f"linux-source-{version}"]
    return unpacked(f"linux-source-{version}", find, report)


def build_tools(report):
    """What the build of a kernel runs beside compilers, for Debian 12 and later."""
    def find():
        source = archive(QEMUS["7.2"], host_architecture())
        source.refresh()
        return source, ["flex", "bison", "m4"]
    return unpacked(f"build-tools-{host_architecture()}", find, report)


def host_architecture():
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def toolchain(architecture, flavour, version, report):
    """A root with what builds modules for a kernel of kernel(), by programs of this machine."""
    here = host_architecture()

    def find():
        source, target = (archive(KERNELS[version], name) for name in (here, architecture))
        for one in {source, target}:
            one.refresh()
        meta = f"linux-headers-{flavour}{architecture}"
        headers = next(name for name in target.depends(meta) if name.startswith("linux-headers-"))
        wanted = [headers, "gcc", *BUILDERS]
        others = []
        if architecture != here:
            parts = [name for name in target.depends(headers) if name.startswith(("linux-headers-", "linux-kbuild-"))]
            wanted = [*parts, f"gcc-{CROSS[architecture][1].replace('_', '-')}", *BUILDERS]
            others = [(target, [headers])]
        return source, wanted + [name for name in source.closure(*wanted) if name not in wanted], *others
    return unpacked(f"toolchain-{version}-{flavour}{architecture}", find, report)
