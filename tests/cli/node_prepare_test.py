"""prepare-node.sh on a machine that is a folder: what it changes, and that it can do it twice."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.fake_node import CPU
from kexp_test.node_scripts import NodeScriptsCase


class PrepareTest(NodeScriptsCase):
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


if __name__ == "__main__":
    kexp_test.main()
