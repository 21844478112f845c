"""A wall clock that a test can step, for programs that it starts."""

import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from .data import require
from .processes import close_at_exit, closed

_SHIM = Path(__file__).with_name("wall_clock_shim.cpp")


class WallClock:
    """`with WallClock() as clock: Process(args, env=clock.environment)`, then `clock.step(5)`. Only the wall clock of programs started
    so moves; their steady clock and every other program's clocks stay."""

    def __init__(self, offset_s=0):
        compiler = shutil.which("c++")
        require(compiler, "there is no c++ to build the wall clock's shim with")
        self._folder = Path(tempfile.mkdtemp(prefix="kexp-clock-"))
        close_at_exit(self)
        library = self._folder / "wall_clock_shim.so"
        subprocess.run([compiler, "-std=c++20", "-O1", "-shared", "-fPIC", "-o", library, _SHIM], check=True)
        self._file = self._folder / "offset"
        self._offset_ns = 0
        self._file.write_bytes(struct.pack("=q", 0))
        self.environment = {"LD_PRELOAD": str(library), "KEXP_TEST_WALL_OFFSET": str(self._file)}
        self.step(offset_s)

    def step(self, by_s):
        """Moves the clock, forwards or backwards (below 0)."""
        self._offset_ns += round(by_s * 1e9)
        with open(self._file, "r+b") as file:  # the same file: it is mapped
            file.write(struct.pack("=q", self._offset_ns))

    def close(self):
        closed(self)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
