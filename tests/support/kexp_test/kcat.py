"""kcat, whatever the size of its messages."""

import shutil
import subprocess

from .data import require


def kcat(servers, *args, stdin=None):
    """What it writes; CalledProcessError when it fails."""
    require(shutil.which("kcat"), "no kcat")
    return subprocess.run(["kcat", "-b", servers, "-X", "message.max.bytes=16777216", *args], input=stdin, capture_output=True,
                          timeout=60, check=True).stdout
