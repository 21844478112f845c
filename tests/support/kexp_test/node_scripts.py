"""The scripts of 10-nodes on a machine that is a folder."""

import shutil
import tempfile
import unittest
from pathlib import Path

from .fake_node import FakeNode
from .processes import ROOT

SETTINGS = (ROOT / "deploy/10-nodes/node.env").read_text()  # as rendered: five workers of 4 CPUs and 16 GiB


class NodeScriptsCase(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name) / "10-nodes"
        scripts = ROOT / "src/manifest/scripts"
        self.folder.mkdir()
        for name in ("prepare-node.sh", "undo-node.sh", "preflight.sh", "cpu-control.sh", "node-lib.sh", "containerd-config.toml"):
            shutil.copy(scripts / name, self.folder)
        (self.folder / "node.env").write_text(SETTINGS)
        self.node = FakeNode(Path(temporary.name) / "root")
        self.untouched = self.node.tree()

    def run_script(self, name, *args, code=0, env=None):
        done = self.node.run(self.folder / name, *args, env=env)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def prepare(self, *args, **kwargs):
        return self.run_script("prepare-node.sh", *args, **kwargs)

    def undo(self, *args, **kwargs):
        return self.run_script("undo-node.sh", *args, **kwargs)

    def set(self, name, value):
        lines = [f"{name}={value}" if line.startswith(f"{name}=") else line for line in SETTINGS.splitlines()]
        (self.folder / "node.env").write_text("\n".join(lines) + "\n")

    def mark_joined(self):
        self.node.write("etc/kubernetes/kubelet.conf", "")

    def assert_same(self, tree):
        now = self.node.tree()
        self.assertEqual({path: (now.get(path), tree.get(path)) for path in now.keys() | tree.keys() if now.get(path) != tree.get(path)}, {})
