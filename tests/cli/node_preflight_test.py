"""preflight.sh on a machine that is a folder: what it finds wrong with a prepared node."""

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.fake_node import CPU
from kexp_test.node_scripts import NodeScriptsCase


class PreflightTest(NodeScriptsCase):
    prepared = None  # a root, prepared once

    def setUp(self):
        super().setUp()
        if PreflightTest.prepared is None:
            self.prepare()
            template = tempfile.TemporaryDirectory()
            self.addClassCleanup(template.cleanup)
            PreflightTest.prepared = Path(template.name) / "root"
            shutil.copytree(self.node.root, self.prepared, symlinks=True)
        shutil.rmtree(self.node.root)
        shutil.copytree(self.prepared, self.node.root, symlinks=True)

    def preflight(self, *args, code=0):
        return self.run_script("preflight.sh", *args, code=code)

    def failure(self, check, words):
        said = self.preflight(code=1)
        self.assertRegex(said, rf"(?m)^FAIL  {check} +.*{words}")
        self.assertEqual(said.count("\nFAIL") + said.startswith("FAIL"), 1, said)

    def test_a_prepared_node_passes(self):
        said = self.preflight()
        self.assertIn("worker1: 0 failed, 0 warnings", said)
        self.assertRegex(said, r"ok    rapl +package-0 7.2 W, core 7.2 W")
        self.assertRegex(said, r"ok    render +group 105")

    def test_it_changes_nothing(self):
        (self.node.root / "bin/sleep").unlink()  # which lets the counters count
        before = self.node.tree()
        self.node.run(self.folder / "preflight.sh")
        self.assert_same(before)

    def test_energy_counters_that_stand_still(self):
        self.node.write("db/frozen/intel-rapl:0", "")
        self.failure("rapl", "zone package-0 does not count")

    def test_a_resting_zone_inside_the_package_is_no_fault(self):
        self.node.write("db/frozen/intel-rapl:0:1", "")
        self.assertIn("uncore 0.0 W", self.preflight())

    def test_no_energy_counters(self):
        shutil.rmtree(self.node.root / "sys/class/powercap")
        self.failure("rapl", "virtual machine")

    def test_another_address(self):
        self.node.write("db/ip-address", "2: eth0    inet 192.168.1.16/24 scope global\n")
        self.failure("address", "no interface has 192.168.1.161")

    def test_a_network_in_use(self):
        self.node.write("db/ip-route", "10.0.0.0/8 dev vpn0\n")
        self.failure("networks", "10.0.0.0/8 on vpn0 is in 10.244.0.0/16; 10.0.0.0/8 on vpn0 is in 10.96.0.0/12")

    def test_swap_now_and_at_the_next_boot(self):
        fstab = self.node.read("etc/fstab")
        self.node.write("etc/fstab", "/swap.img none swap sw 0 0\n")
        self.failure("swap", "at the next boot")
        self.node.write("etc/fstab", fstab)
        self.node.write("proc/swaps", "Filename\n/dev/zram0 partition 1 0 5\n")
        self.failure("swap", "on: /dev/zram0")

    def test_a_clock_that_is_not_synchronised(self):
        self.node.write("db/chronyc", "Leap status     : Not synchronised\n")
        self.failure("clock", "not synchronised")

    def test_a_clock_that_is_off_is_a_warning(self):
        self.node.write("db/chronyc", "System time     : 0.250000 seconds fast of NTP time\nLeap status     : Normal\n")
        self.assertRegex(self.preflight(), "warn  clock +off by 0.25")

    def test_an_old_kernel(self):
        self.node.write("proc/sys/kernel/osrelease", "5.9.16\n")
        self.failure("kernel", "older than 5.10")

    def test_a_port_in_use(self):
        self.node.write("proc/net/tcp6", "  sl\n   0: 00000000000000000000000000000000:280A 00:00 0A\n")  # 10250
        self.failure("ports", "10250")
        self.mark_joined()
        self.assertIn("not checked", self.preflight())

    def test_fewer_processors_than_the_file_says(self):
        self.node.write(f"{CPU}/online", "0-1\n")
        self.failure("cpus", "2 online, cluster.yaml counts on 4")

    def test_less_memory_than_the_file_says(self):
        self.node.write("proc/meminfo", "MemTotal:       8000000 kB\n")
        self.failure("memory", "counts on 16384 MiB")

    def test_reserved_cpus_that_are_no_whole_core(self):
        self.node.write(f"{CPU}/cpu0/topology/thread_siblings_list", "0-1\n")
        self.failure("reserved", "the first core is CPU 0,1")

    def test_a_cpu_that_runs_otherwise(self):
        self.node.write(f"{CPU}/intel_pstate/no_turbo", "0\n")
        self.failure("control", "no_turbo is 0, node.env asks for 1")

    def test_another_version(self):
        self.node.write("db/package/kubelet", "1.35.9-1.1")
        self.failure("packages", "kubelet is 1.35.9-1.1")

    def test_another_host_name_is_a_warning(self):
        self.node.write("db/hostname", "nuc7\n")
        self.assertRegex(self.preflight("--node", "worker1"), "warn  name +the host name is 'nuc7'")


if __name__ == "__main__":
    kexp_test.main()
