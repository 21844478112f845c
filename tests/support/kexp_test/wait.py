"""Waiting for a condition or for what a terminal shows, and ports."""

import itertools
import os
import re
import select
import socket
import time

# Below what the kernel gives to outgoing connections, and what scripts/lib/common.sh chooses from: a port stays free until it is used.
# Programs that run at the same time have other process numbers, so they look in other places.
_PORTS = range(10000, 20000)
_places = itertools.count(os.getpid() * 16)


def wait_until(predicate, timeout, what):
    """Polls until `predicate()` is true and returns its value; AssertionError naming `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        asked = time.monotonic()
        value = predicate()
        if value:
            return value
        now = time.monotonic()
        if now >= deadline:
            raise AssertionError(f"waited {timeout} s in vain for {what() if callable(what) else what}")
        # An answer that takes a program costs what is waited for its CPU.
        time.sleep(min(max(0.02, 2 * (now - asked)), 0.5))


def wait_for_shown(terminal, pattern, timeout=60):
    """Reads what a program writes to its terminal until it matches; `terminal` is the other side's descriptor."""
    shown = ""
    deadline = time.monotonic() + timeout
    while not re.search(pattern, shown):
        readable, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        assert readable, f"nothing like '{pattern}' was shown within {timeout} s: {shown!r}"
        shown += os.read(terminal, 4096).decode(errors="replace")


def free_port():
    """A port on 127.0.0.1 that nobody listens on, and that no other test is given. Prefer port 0 where the program can say what it got."""
    for place in itertools.islice(_places, len(_PORTS)):
        port = _PORTS[place % len(_PORTS)]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no free port in {_PORTS}")
