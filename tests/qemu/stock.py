#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A stock QEMU for QEMU's own libqtest: stock.py ARGUMENT... with the variables of own_test.sh.

libqtest wants the accelerator qtest, which Debian's QEMU lacks. Processors of TCG take its place, and
halt at once. The one command of the protocol that needs that accelerator, clock_step, is answered here:
time passes anyway.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading

STEP = b"clock_step"
START = 60      # seconds


def forward(lines, to, back):
    """Pass each line on, but answer those that let time pass."""
    for line in lines:
        if line.startswith(STEP):
            back.sendall(b"OK 0\n")
        else:
            to.sendall(line)


def main():
    words = ["tcg" if word == "qtest" else word for word in sys.argv[1:]]
    at = words.index("-qtest") + 1
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as ours:
        outside = socket.socket(socket.AF_UNIX)
        outside.connect(words[at].removeprefix("unix:"))
        ours.bind(f"{folder}/qtest")
        ours.listen()
        ours.settimeout(START)
        words[at] = f"unix:{folder}/qtest"
        with subprocess.Popen([*os.environ["STOCK_QEMU"].split(), *words]) as qemu:
            for number in signal.SIGTERM, signal.SIGINT:
                signal.signal(number, lambda *_: qemu.terminate())
            inside, _ = ours.accept()
            for one, other in ((outside, inside), (inside, outside)):
                threading.Thread(target=forward, daemon=True,
                                 args=(one.makefile("rb"), other, one)).start()
            return qemu.wait()


if __name__ == "__main__":
    sys.exit(main())
