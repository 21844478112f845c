"""Waiting for a condition, and ports."""

import socket
import time


def wait_until(predicate, timeout, what):
    """Polls until `predicate()` is true and returns its value; AssertionError naming `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {timeout} s in vain for {what() if callable(what) else what}")
        time.sleep(0.02)


def free_port():
    """A port on 127.0.0.1 that nobody listens on now. Prefer port 0 where the program can say what it got."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
