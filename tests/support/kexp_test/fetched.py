"""What scripts/lib/fetch.sh brings into the cache: tools and Python modules for tests."""

import subprocess
import sys
from pathlib import Path

from .data import require
from .processes import ROOT, clean_environment


def fetched(*what):
    """The path that `fetch.sh WHAT` prints; skips the calling test where it cannot be had."""
    done = subprocess.run([str(ROOT / "scripts/lib/fetch.sh"), *what], env=clean_environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=900, check=False)
    require(done.returncode == 0, f"{' '.join(what)} is not here and cannot be fetched: {done.stderr.strip()}")
    return Path(done.stdout.strip())


def import_kubernetes_validate():
    """Makes `kubernetes_validate`, `yaml` and `jsonschema` importable, each in the pinned version."""
    folder = str(fetched("kubernetes-validate"))
    if folder not in sys.path:
        sys.path.insert(0, folder)
