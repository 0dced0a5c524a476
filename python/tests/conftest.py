"""Ctrl-C reaches the tests' child processes, also where pytest runs in the background.

A shell without job control starts background commands with SIGINT ignored, and children
inherit that.
"""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
