"""Running kexp and other programs."""

import atexit
import ctypes
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

from .wait import wait_until

ROOT = Path(__file__).resolve().parents[3]  # of the checkout

_live = []  # what has to be closed when the test program ends, in the order of its start


def close_at_exit(thing):
    _live.append(thing)


def closed(thing):
    if thing in _live:
        _live.remove(thing)


@atexit.register
def close_all():
    while _live:
        _live.pop().close()


def kexp_binary():
    """KEXP_BINARY, else the release build's."""
    return os.environ.get("KEXP_BINARY") or str(ROOT / "build/release/bin/kexp")


def clean_environment(extra=None):
    """The environment without the settings that kexp reads (a developer's own must not change a test), plus `extra`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not re.match(r"(KEXP|KAFKA|YOLO|PROMETHEUS)_|(POD_NAME|NODE_NAME|POD_IP|VALIDATE_RESULTS|RESOLUTION)$", name)
    }
    return {**kept, **{name: str(value) for name, value in (extra or {}).items()}}


def run(args, env=None, cwd=None, timeout=120, program=None, stdin=None):
    """Runs `kexp ARGS` (or `program ARGS`) to its end: subprocess.CompletedProcess with text. AssertionError when it takes too long."""
    command = [str(program or kexp_binary()), *map(str, args)]
    try:
        return subprocess.run(
            command, env=clean_environment(env), cwd=cwd, timeout=timeout, input=stdin if stdin is not None else "",
            capture_output=True, text=True, errors="replace", preexec_fn=_die_with_parent, check=False)
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"{' '.join(command)} took more than {timeout} s\n{_text(late.stdout)}\n{_text(late.stderr)}") from late


class Process:
    """A program in the background, in a session of its own; `with` kills what is left of it.

    Threads: start it from a thread that outlives it (the kernel kills it when that thread ends).
    """

    def __init__(self, args, env=None, cwd=None, program=None):
        self.command = [str(program or kexp_binary()), *map(str, args)]
        self._text = {"stdout": "", "stderr": ""}
        self._changed = threading.Condition()
        self._popen = subprocess.Popen(
            self.command, env=clean_environment(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True, preexec_fn=_die_with_parent)
        self._readers = [
            threading.Thread(target=self._read, args=(name, getattr(self._popen, name)), daemon=True) for name in self._text
        ]
        for reader in self._readers:
            reader.start()
        close_at_exit(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def pid(self):
        return self._popen.pid

    @property
    def stdout(self):
        """What it has written so far."""
        return self._text["stdout"]

    @property
    def stderr(self):
        return self._text["stderr"]

    def output(self):
        """Both streams, for failure messages."""
        return f"{' '.join(self.command)}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"

    def running(self):
        return self._popen.poll() is None

    def wait_for_line(self, pattern, stream=None, timeout=60):
        """Waits until a line matches the regular expression (of `stdout`, `stderr`, or either) and returns the match."""
        expression = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                ended = not any(reader.is_alive() for reader in self._readers)  # asked before looking: nothing is overlooked
                for name in [stream] if stream else self._text:
                    match = expression.search(self._text[name])
                    if match:
                        return match
                if ended:
                    raise AssertionError(f"ended without a line like '{pattern}': {self.output()}")
                if time.monotonic() >= deadline:
                    raise AssertionError(f"no line like '{pattern}' within {timeout} s: {self.output()}")
                self._changed.wait(0.05)

    def signal(self, number):
        self._popen.send_signal(number)

    def insist(self, number):
        """Signals until it ends (right after another, a signal is the same request); its exit code."""
        def ended():
            self.signal(number)
            return not self.running()

        wait_until(ended, 10, "the end of a process that was told twice")
        return self.wait()

    def kill(self):
        """kill -9, and waits for the end."""
        self._popen.kill()
        return self.wait()

    def wait(self, timeout=60):
        """Its exit code (negative: a signal's number); AssertionError when it does not end in time."""
        try:
            code = self._popen.wait(timeout)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"did not end within {timeout} s: {self.output()}") from late
        for reader in self._readers:
            reader.join(5)  # a grandchild may hold the pipe open
        return code

    def close(self):
        """Kills it and its children that stayed in its session; no error when it ended already."""
        closed(self)
        try:
            os.killpg(self._popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._popen.wait()
        for reader in self._readers:
            reader.join(5)

    def _read(self, name, pipe):
        with pipe:
            for line in pipe:
                with self._changed:
                    self._text[name] += line
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


_libc = ctypes.CDLL(None)


def _die_with_parent():
    """In the child: SIGKILL when the test program dies, even by SIGKILL (ctest's timeout)."""
    pr_set_pdeathsig = 1
    _libc.prctl(pr_set_pdeathsig, signal.SIGKILL)


def _text(output):
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""
