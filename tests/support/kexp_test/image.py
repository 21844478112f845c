"""What tests know of the consumer's image: its scripts, and a saved image as an engine would read it."""

import functools
import importlib.util
import json
import subprocess
import tarfile

from .processes import ROOT, clean_environment

SCRIPTS = ROOT / "scripts/lib/image"
RUN_IN_TREE = SCRIPTS / "run-in-tree.sh"


@functools.cache
def build_in_root():
    """The module of scripts/lib/image/build_in_root.py."""
    spec = importlib.util.spec_from_file_location("build_in_root", SCRIPTS / "build_in_root.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(*args, env=None, timeout=60, script=ROOT / "scripts/build-consumer-image.sh"):
    """Runs build-consumer-image.sh to its end: subprocess.CompletedProcess with text."""
    return subprocess.run([str(script), *map(str, args)], env=clean_environment(env), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout, check=False)


class SavedImage:
    """A tar as `docker save` writes it."""

    def __init__(self, file):
        with tarfile.open(file) as archive:
            def read(name):
                return archive.extractfile(name).read()
            self.manifest, = json.loads(read("manifest.json"))
            self.image = json.loads(read(self.manifest["Config"]))
            self.layers = [read(name) for name in self.manifest["Layers"]]

    @property
    def config(self):
        return self.image["config"]

    @property
    def environment(self):
        return dict(word.split("=", 1) for word in self.config["Env"])
