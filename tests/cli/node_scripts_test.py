"""The scripts of 10-nodes on a machine that is a folder: what they change, that they can do it twice, and undo it."""

import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.fake_node import CPU, FakeNode

SETTINGS = (kexp_test.ROOT / "deploy/10-nodes/node.env").read_text()  # as rendered: five workers of 4 CPUs and 16 GiB


class NodeScriptsTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name) / "10-nodes"
        scripts = kexp_test.ROOT / "src/manifest/scripts"
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


class PrepareTest(NodeScriptsTest):
    def test_a_prepared_node_has_what_kubeadm_needs(self):
        self.prepare()

        read = self.node.read
        self.assertEqual(read("etc/fstab").splitlines()[2:], ["#kexp# UUID=2 none swap sw 0 0", "#kexp# /swap.img\tnone\tswap\tsw\t0\t0"])
        self.assertEqual(len(read("proc/swaps").splitlines()), 1)
        self.assertIn("SystemdCgroup = true", read("etc/containerd/config.toml"))
        self.assertIn("ip_forward = 1", read("etc/sysctl.d/90-kexp.conf"))
        self.assertEqual(read("proc/sys/net/ipv4/ip_forward"), "1\n")
        self.assertEqual(read("proc/sys/net/bridge/bridge-nf-call-iptables"), "1\n")
        self.assertIn("unmanaged-devices=interface-name:cali*", read("etc/NetworkManager/conf.d/kexp-calico.conf"))
        self.assertIn("/v1.36/deb/", read("etc/apt/sources.list.d/kexp-kubernetes.list"))
        self.assertEqual(sorted(file.name for file in (self.node.root / "db/held").iterdir()),
                         ["containerd.io", "kubeadm", "kubectl", "kubelet"])
        self.assertTrue(self.node.exists("db/active/chrony"))
        self.assertFalse(self.node.exists("db/active/ufw") or self.node.exists("db/enabled/ufw"))
        self.assertIn("systemctl restart containerd", self.node.calls())

    def test_exact_versions_are_asked_of_apt(self):
        self.prepare()
        installs = [call for call in self.node.calls() if call.startswith("apt-get install -qq")]
        self.assertTrue(any("containerd.io=2.3.*" in call for call in installs), installs)
        self.assertTrue(any("kubelet=1.36.4-* kubeadm=1.36.4-* kubectl=1.36.4-*" in call for call in installs), installs)

    def test_a_version_of_containerd_may_be_exact(self):
        self.set("CONTAINERD_VERSION", "2.3.2")
        self.prepare()
        self.assertTrue(self.node.exists("db/package/containerd.io"))

    def test_the_cpu_runs_at_its_base_frequency(self):
        self.prepare()
        self.assertEqual(self.node.read(f"{CPU}/smt/control"), "off\n")
        self.assertEqual(self.node.read(f"{CPU}/intel_pstate/no_turbo"), "1\n")
        for policy in ("policy0", "policy1"):
            values = [self.node.read(f"{CPU}/cpufreq/{policy}/{name}").strip()
                      for name in ("scaling_governor", "scaling_min_freq", "scaling_max_freq")]
            self.assertEqual(values, ["performance", "2800000", "2800000"])
        self.assertTrue(self.node.exists("db/enabled/kexp-cpu-control"))

    def test_what_it_installs_for_the_next_boot_works_there(self):
        self.prepare()
        self.node.write(f"{CPU}/intel_pstate/no_turbo", "0\n")  # as after a boot
        done = self.node.run(self.node.root / "usr/local/lib/kexp/cpu-control.sh", "apply")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.node.read(f"{CPU}/intel_pstate/no_turbo"), "1\n")

    def test_twice_changes_nothing(self):
        self.prepare()
        once = self.node.tree()
        calls = len(self.node.calls())
        self.prepare()
        self.assert_same(once)
        changing = [call for call in self.node.calls()[calls:] if call.split()[0] in ("apt-get", "modprobe", "sysctl", "swapoff", "curl")
                    or (call.startswith("systemctl") and " is-" not in call)]
        self.assertEqual(changing, [])

    def test_a_dry_run_says_what_it_would_do_and_does_nothing(self):
        said = self.prepare("--dry-run")
        self.assert_same(self.untouched)
        for change in ("write /etc/fstab", "swapoff /dev/sda2", "modprobe br_netfilter", "apt-get install kubelet=1.36.4-*",
                       "systemctl stop ufw", "cpu-control.sh apply", "nothing was changed"):
            self.assertIn(change, said)

    def test_only_a_master_with_kafka_gets_docker_and_the_storage(self):
        self.prepare()
        self.assertFalse(self.node.exists("db/package/docker-ce") or self.node.exists("var/lib/kexp/prometheus"))
        self.undo()
        self.prepare("--node", "master")
        self.assertTrue(self.node.exists("db/package/docker-ce") and self.node.exists("var/lib/kexp/prometheus"))
        self.undo()
        self.assert_same(self.untouched)

    def test_a_containerd_that_is_there_is_kept(self):
        self.prepare(env={"KEXP_CONTAINERD": "present"})
        self.assertFalse(self.node.exists("db/package/containerd.io"))
        self.assertFalse(self.node.exists("etc/apt/sources.list.d/kexp-docker.list"))

    def test_a_mirror_stands_in_for_the_repositories(self):
        self.prepare(env={"KEXP_DOCKER_APT": "http://mirror/docker", "KEXP_KUBERNETES_APT": "http://mirror/k8s"})
        self.assertIn(" http://mirror/docker/debian bookworm stable", self.node.read("etc/apt/sources.list.d/kexp-docker.list"))
        self.assertIn(" http://mirror/k8s/core:/stable:/v1.36/deb/ /", self.node.read("etc/apt/sources.list.d/kexp-kubernetes.list"))

    def test_refusals(self):
        self.assertIn("they are master, worker1", self.prepare("--node", "worker9", code=2))
        self.assertIn("--node needs a name", self.prepare("--node", code=2))
        self.assertIn("prepare-node.sh [--dry-run]", self.prepare("--nosuch", code=2))
        (self.node.root / "sys/fs/cgroup/cgroup.controllers").unlink()
        self.assertIn("cgroup v2 is off", self.prepare(code=1))
        self.assertFalse(self.node.exists("var/lib/kexp"))

    def test_a_node_of_a_cluster_keeps_its_kubelet(self):
        self.node.write("db/package/kubelet", "1.35.9-1.1")
        self.mark_joined()
        self.assertIn("kubelet 1.35.9-1.1", self.prepare(code=1))

    def test_hyper_threading_is_left_alone_under_a_running_kubelet(self):
        self.node.write("var/lib/kubelet/cpu_manager_state", "{}")
        self.node.write("db/active/kubelet", "")
        self.assertIn("kubectl drain this node", self.run_script("cpu-control.sh", "apply", code=1))
        self.assertEqual(self.node.read(f"{CPU}/smt/control"), "on\n")


class UndoTest(NodeScriptsTest):
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


class PreflightTest(NodeScriptsTest):
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
