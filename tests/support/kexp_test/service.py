"""A server of the test's own that a script starts and stops, in a temporary folder."""

import os
import shutil
import subprocess
import tempfile

from .processes import clean_environment, close_at_exit, closed


class Service:
    """Stopped at the end, whatever end it is. A subclass starts it by `start`, and says by `_words` how its script is called."""

    def __init__(self, prefix, environment=None):
        self.dir = tempfile.mkdtemp(prefix=prefix)
        self.environment = environment
        # Stops it and deletes the folder once the pipe closes, that is, when this program has ended, even by SIGKILL. A grandchild, since
        # ctest's timeout kills children.
        self._reaper = subprocess.Popen(
            ["bash", "-c", 'exec 3<&0; setsid bash -c \'cat <&3 >/dev/null; dir=$1; shift; "$@"; rm -rf -- "$dir"\' "$0" "$@" '
             "</dev/null >/dev/null 2>&1 &", "reaper", self.dir, *self._words("stop")], stdin=subprocess.PIPE, env=clean_environment())
        self._reaper.wait()
        close_at_exit(self)

    def _words(self, verb):
        raise NotImplementedError

    def start(self):
        raise NotImplementedError

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def command(self, verb, *options):
        """Runs the script; its subprocess.CompletedProcess, whatever its exit code. It may fetch what is missing, once."""
        return subprocess.run([*self._words(verb), *map(str, options)], env=clean_environment(self.environment), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=900, check=False)

    def close(self):
        closed(self)
        if os.path.isdir(self.dir):
            self.command("stop")
            shutil.rmtree(self.dir, ignore_errors=True)
        self._reaper.stdin.close()
