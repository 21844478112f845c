"""What goes wrong around kexp: disks that are full, terminals that hang up, signals, processes that stop answering."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from .data import require
from .processes import clean_environment, close_at_exit, closed, kexp_binary
from .wait import wait_until


def small_disk(test, folder, size="64k"):
    """Mounts a file system of `size` on `folder`, which is made, until `test` ends; skips it where that is not allowed."""
    Path(folder).mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False)
    require(mounted.returncode == 0, "a small tmpfs cannot be mounted here")
    test.addCleanup(subprocess.run, ["umount", "-l", str(folder)], check=True)
    return Path(folder)


@contextlib.contextmanager
def stopped(pid):
    """The process neither works nor dies: connections to it stay open and nothing answers."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def signal_and_wait(process, number):
    """Sends a signal and waits until it was taken: the next one of the same number is a second one."""
    process.signal(number)

    def taken():
        if not process.running():
            return True
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
        pending = next(line for line in status.splitlines() if line.startswith("ShdPnd"))
        return not int(pending.split()[1], 16) & 1 << (number - 1)

    wait_until(taken, 60, f"signal {number} to be taken")


class OnTerminal:
    """kexp with a terminal as its standard streams, which can hang up. Nobody reads it: keep the output small."""

    def __init__(self, args, env=None, cwd=None):
        self._master, terminal = os.openpty()
        try:
            self._popen = subprocess.Popen(
                [kexp_binary(), *map(str, args)], stdin=terminal, stdout=terminal, stderr=terminal, cwd=cwd,
                env=clean_environment(env), start_new_session=True)
        finally:
            os.close(terminal)
        close_at_exit(self)

    @property
    def pid(self):
        return self._popen.pid

    def hang_up(self):
        """As when a window is closed or ssh breaks: every write to the terminal fails from now on, and SIGHUP comes."""
        os.close(self._master)
        self._popen.send_signal(signal.SIGHUP)

    def signal(self, number):
        self._popen.send_signal(number)

    def wait(self, timeout=60):
        return self._popen.wait(timeout)

    def close(self):
        closed(self)
        self._popen.kill()
        self._popen.wait()
