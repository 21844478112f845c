"""undo-node.sh on a machine that is a folder: it takes back what was changed, and only that."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.node_scripts import NodeScriptsCase


class UndoTest(NodeScriptsCase):
    def test_undo_leaves_the_machine_as_it_was(self):
        self.prepare()
        self.undo()
        self.assert_same(self.untouched)

    def test_undo_after_two_preparations_and_other_settings(self):
        self.prepare()
        self.set("CPU_TURBO", "on")
        self.prepare()
        self.undo()
        self.assert_same(self.untouched)

    def test_undo_goes_on_where_it_was_stopped(self):
        self.prepare()
        apt = self.node.root / "bin/apt-get"
        real = apt.readlink()
        apt.unlink()
        apt.write_text("#!/bin/sh\nexit 100\n")
        apt.chmod(0o755)
        self.assertIn("apt could not remove", self.undo(code=1))
        apt.unlink()
        apt.symlink_to(real)
        self.undo()
        self.assert_same(self.untouched)

    def test_undo_of_a_preparation_that_was_cut_short(self):
        modprobe = self.node.root / "bin/modprobe"
        real = modprobe.readlink()
        modprobe.unlink()
        modprobe.write_text("#!/bin/sh\nexit 1\n")
        modprobe.chmod(0o755)
        self.prepare(code=1)
        modprobe.unlink()
        modprobe.symlink_to(real)
        (self.node.root / "sys/module/overlay").mkdir()  # by somebody else, meanwhile
        self.undo()
        self.assert_same(self.untouched)

    def test_what_was_there_before_stays(self):
        self.node.write("db/package/chrony", "4.0")
        self.node.write("db/package/kubectl", "1.36.4-1.1")
        self.node.write("db/held/kubectl", "")
        self.node.write("etc/containerd/config.toml", "mine\n")
        (self.node.root / "etc/containerd/config.toml").chmod(0o600)
        self.node.write("var/lib/kexp/other", "")
        before = self.node.tree()
        self.prepare(env={"KEXP_CONTAINERD": "present"})
        self.undo()
        self.assert_same(before)

    def test_a_folder_with_data_in_it_stays(self):
        self.prepare("--node", "master")
        self.node.write("var/lib/kexp/prometheus/samples", "joules")
        self.assertIn("/var/lib/kexp/prometheus stays: something is in it", self.undo())
        self.assertEqual(self.node.read("var/lib/kexp/prometheus/samples"), "joules")

    def test_a_dry_run_changes_nothing(self):
        self.prepare()
        prepared = self.node.tree()
        self.assertIn("nothing was changed", self.undo("--dry-run"))
        self.assert_same(prepared)

    def test_a_node_of_a_cluster_is_refused(self):
        self.prepare()
        self.mark_joined()
        self.assertIn("reset.sh", self.undo(code=1))

    def test_nothing_to_undo(self):
        self.assertIn("nothing to undo", self.undo())
        self.assert_same(self.untouched)


if __name__ == "__main__":
    kexp_test.main()
