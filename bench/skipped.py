# SPDX-License-Identifier: BSD-3-Clause
class Skipped(Exception):
    """A part cannot be measured here; the message has the reason."""
