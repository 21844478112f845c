"""The scripts of 20-kubeadm and 30-network, with kubeadm and kubectl that only write down how they were called."""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.fake_node import FakeNode

TOKEN = "abcdef.0123456789abcdef"
PLACEHOLDER_TOKEN = "placeh.olderplaceholder"
PLACEHOLDER_HASH = "sha256:" + 64 * "0"
SETTINGS = f"""\
CLUSTER=kexp
MASTER=master
WORKERS='worker1 worker2'
NODE_LABELS='
worker1 kexp.dev/accel=igpu
'
NAMESPACES='workload keda kepler monitoring'
PLACEHOLDER_TOKEN={PLACEHOLDER_TOKEN}
PLACEHOLDER_HASH={PLACEHOLDER_HASH}
"""
JOIN = f"""\
    token: {PLACEHOLDER_TOKEN}
    caCertHashes:
      - {PLACEHOLDER_HASH}
"""
PROGRAM = """\
#!/bin/bash
root=${0%/bin/*}
echo "${0##*/} $*" >>"$root/calls"
"""
KUBEADM = PROGRAM + """\
case $1 in
  init) mkdir -p "$root/etc/kubernetes" && echo admin >"$root/etc/kubernetes/admin.conf" ;;
  token) cat "$root/db/token" ;;
esac
"""
KUBECTL = PROGRAM + """\
case "$*" in
  *"get nodes -o name") cat "$root/db/nodes" ;;
  *readyz*) printf ok ;;
  *spec.cidr*) echo 10.244.0.0/16 ;;
  *spec.ipipMode*) cat "$root/db/ipip" ;;
  *"get crd"*) echo crd/x ;;
esac
"""
GETENT = "#!/bin/sh\necho \"$2:x:1000:1000::/home/$2:/bin/bash\"\n"


class KubeadmScriptsTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        top = Path(temporary.name)
        scripts = kexp_test.ROOT / "src/manifest/scripts"
        for folder, names in {"10-nodes": ["node-lib.sh"], "30-network": ["check-network.sh"],
                              "20-kubeadm": ["init.sh", "make-join.sh", "join.sh", "label-nodes.sh", "reset.sh"]}.items():
            (top / folder).mkdir()
            for name in names:
                shutil.copy(scripts / name, top / folder)
        self.folder = top / "20-kubeadm"
        (self.folder / "kubeadm.env").write_text(SETTINGS)
        for worker in ("worker1", "worker2"):
            (self.folder / f"join-{worker}.yaml").write_text(JOIN)
        (top / "30-network/network.env").write_text("POD_NETWORK=10.244.0.0/16\nIPIP_MODE=CrossSubnet\n")
        self.node = FakeNode(top / "root")
        self.node.write("db/hostname", "master\n")
        self.node.write("db/token", TOKEN + "\n")
        self.node.write("db/nodes", "node/master\nnode/worker1\nnode/worker2\n")
        for name, text in {"kubeadm": KUBEADM, "kubectl": KUBECTL, "getent": GETENT, "chown": PROGRAM}.items():
            self.program(name, text)
        (self.node.root / "bin/openssl").symlink_to(shutil.which("openssl"))

    def program(self, name, text):
        file = self.node.root / "bin" / name
        file.unlink(missing_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def run_script(self, name, *args, code=0, env=None):
        done = self.node.run(self.folder / name, *args, env=env)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def called(self, words):
        return [call for call in self.node.calls() if call.startswith(words)]


class InitTest(KubeadmScriptsTest):
    def test_it_validates_pulls_and_prints_no_token(self):
        self.run_script("init.sh", env={"SUDO_USER": "kexp"})
        self.assertEqual([call.split(" --config")[0] for call in self.called("kubeadm")],
                         ["kubeadm config validate", "kubeadm config images pull", "kubeadm init"])
        self.assertIn("--skip-token-print", self.called("kubeadm init")[0])
        config = self.node.root / "home/kexp/.kube/config"
        self.assertEqual(config.read_text(), "admin\n")
        self.assertEqual(config.stat().st_mode & 0o777, 0o600)

    def test_twice_is_once(self):
        self.run_script("init.sh")
        self.assertIn("there already", self.run_script("init.sh"))
        self.assertEqual(len(self.called("kubeadm init")), 1)

    def test_the_kubectl_of_another_cluster_is_kept(self):
        self.node.write("home/kexp/.kube/config", "mine\n")
        self.assertIn("export KUBECONFIG=", self.run_script("init.sh", env={"SUDO_USER": "kexp"}))
        self.assertEqual(self.node.read("home/kexp/.kube/config"), "mine\n")
        self.assertEqual(self.node.read("home/kexp/.kube/kexp"), "admin\n")

    def test_another_machine_is_refused(self):
        self.node.write("db/hostname", "worker1\n")
        self.assertIn("the master of cluster.yaml is master", self.run_script("init.sh", code=2))
        self.assertEqual(self.called("kubeadm"), [])

    def test_an_api_that_does_not_answer_is_said(self):
        self.run_script("init.sh")
        self.program("kubectl", "#!/bin/sh\nexit 1\n")
        self.assertIn("its API does not answer", self.run_script("init.sh", code=1))


class JoinTest(KubeadmScriptsTest):
    def setUp(self):
        super().setUp()
        pki = self.node.root / "etc/kubernetes/pki"
        pki.mkdir(parents=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pki / "ca.key", "-out", pki / "ca.crt",
                        "-subj", "/CN=kubernetes", "-days", "1"], check=True, capture_output=True)
        key = subprocess.run(["openssl", "rsa", "-in", pki / "ca.key", "-pubout", "-outform", "der"], check=True, capture_output=True).stdout
        digest = subprocess.run(["openssl", "dgst", "-sha256", "-r"], input=key, check=True, capture_output=True).stdout
        self.hash = "sha256:" + digest.decode().split()[0]

    def test_token_and_hash_are_filled_in_for_every_worker(self):
        said = self.run_script("make-join.sh")
        for worker in ("worker1", "worker2"):
            file = self.folder / f"join/join-{worker}.yaml"
            self.assertEqual(file.read_text(), JOIN.replace(PLACEHOLDER_TOKEN, TOKEN).replace(PLACEHOLDER_HASH, self.hash))
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertEqual((self.folder / "join").stat().st_mode & 0o777, 0o700)
        self.assertNotIn(TOKEN, said)
        self.assertIn("--ttl 2h", self.called("kubeadm token create")[0])

    def test_the_files_are_those_of_who_called_sudo(self):
        self.run_script("make-join.sh", env={"SUDO_UID": "1000", "SUDO_GID": "1000"})
        self.assertEqual(self.called("chown"), [f"chown -R 1000:1000 {self.folder / 'join'}"])

    def test_another_folder(self):
        out = self.node.root / "out"
        self.run_script("make-join.sh", "--out", out)
        self.assertTrue((out / "join-worker1.yaml").exists())
        self.assertFalse((self.folder / "join").exists())

    def test_before_init_there_is_nothing_to_make(self):
        shutil.rmtree(self.node.root / "etc/kubernetes")
        self.assertIn("init.sh first", self.run_script("make-join.sh", code=1))

    def test_what_is_no_token_is_refused(self):
        self.node.write("db/token", "W1122 a warning\n")
        self.assertIn("did not print a token", self.run_script("make-join.sh", code=1))
        self.assertFalse((self.folder / "join").exists())

    def test_a_join_file_without_placeholders_is_refused(self):
        (self.folder / "join-worker2.yaml").write_text("token: x\n")
        self.assertIn("no placeholders", self.run_script("make-join.sh", code=1))

    def test_a_worker_joins_with_its_file_which_is_used_up(self):
        self.run_script("make-join.sh")
        self.node.write("db/hostname", "worker1\n")
        self.run_script("join.sh")
        self.assertEqual(len(self.called("kubeadm join --config")), 1)
        self.assertFalse((self.folder / "join/join-worker1.yaml").exists())

    def test_placeholders_are_refused(self):
        self.assertIn("make-join.sh on master fills them in", self.run_script("join.sh", self.folder / "join-worker1.yaml", code=2))
        self.assertEqual(self.called("kubeadm"), [])

    def test_a_missing_file_is_said(self):
        self.assertIn("join-master.yaml is missing", self.run_script("join.sh", code=2))

    def test_a_node_that_has_joined_does_nothing(self):
        self.node.write("etc/kubernetes/kubelet.conf", "")
        self.assertIn("in a cluster already", self.run_script("join.sh"))
        self.assertEqual(self.called("kubeadm"), [])


class LabelTest(KubeadmScriptsTest):
    def test_roles_and_the_labels_of_the_file(self):
        self.run_script("label-nodes.sh")
        self.assertEqual([call.split("node ", 1)[1] for call in self.called("kubectl label")],
                         ["worker1 node-role.kubernetes.io/worker=", "worker2 node-role.kubernetes.io/worker=",
                          "worker1 kexp.dev/accel=igpu"])

    def test_a_worker_that_has_not_joined_is_named(self):
        self.node.write("db/nodes", "node/master\nnode/worker1\n")
        self.assertIn("worker2 has not joined", self.run_script("label-nodes.sh", code=1))
        self.assertEqual(self.called("kubectl label"), [])


class ResetTest(KubeadmScriptsTest):
    def test_it_says_what_goes_and_needs_a_yes(self):
        self.assertIn("the namespaces workload keda kepler monitoring", self.run_script("reset.sh", "cluster", code=2))
        self.assertIn("needs --yes", self.run_script("reset.sh", "node", code=2))
        self.assertEqual(self.called("kubectl delete") + self.called("kubeadm"), [])

    def test_users_of_operators_go_first_then_namespaces_then_workers(self):
        self.run_script("reset.sh", "cluster", "--yes")
        calls = [call for call in self.node.calls() if call.startswith(("kubectl delete", "kubectl drain"))]
        order = ["scaledobjects.keda.sh", "prometheuses", "namespace workload", "namespace keda", "namespace kepler",
                 "namespace monitoring", "drain worker1", "node worker1", "drain worker2", "node worker2"]
        self.assertEqual(len(calls), len(order))
        for call, words in zip(calls, order, strict=True):
            self.assertIn(words, call)

    def test_a_worker_that_has_left_is_passed_over(self):
        self.node.write("db/nodes", "node/master\nnode/worker2\n")
        self.run_script("reset.sh", "cluster", "--yes")
        self.assertEqual(len(self.called("kubectl drain")), 1)

    def test_a_node_loses_its_network_and_its_keys(self):
        self.run_script("init.sh", env={"SUDO_USER": "kexp"})
        self.node.write("db/nodes", "node/master\n")
        self.node.write("home/other/.kube/config", "another cluster\n")
        for file in ("etc/cni/net.d/10-calico.conflist", "etc/cni/net.d/calico-kubeconfig", "etc/cni/net.d/99-loopback.conf",
                     "var/lib/cni/x", "var/lib/calico/nodename", "sys/class/net/vxlan.calico/mtu"):
            self.node.write(file, "")
        self.node.write("db/ip-link", "")
        self.run_script("reset.sh", "node", "--yes")
        self.assertEqual([file.name for file in (self.node.root / "etc/cni/net.d").iterdir()], ["99-loopback.conf"])
        self.assertFalse(self.node.exists("var/lib/cni") or self.node.exists("var/lib/calico"))
        self.assertFalse(self.node.exists("home/kexp/.kube/config"))
        self.assertEqual(self.node.read("home/other/.kube/config"), "another cluster\n")
        self.assertEqual(self.called("ip link"), ["ip link delete vxlan.calico"])
        self.assertEqual(len(self.called("kubeadm reset --config")), 1)

    def test_a_master_with_workers_is_refused(self):
        self.run_script("init.sh")
        self.assertIn("worker1 worker2 would lose their master", self.run_script("reset.sh", "node", "--yes", code=1))
        self.assertEqual(self.called("kubeadm reset"), [])

    def test_usage(self):
        self.assertIn("reset.sh cluster [--yes]", self.run_script("reset.sh", code=2))
        self.assertIn("reset.sh cluster [--yes]", self.run_script("reset.sh", "node", "--force", code=2))


class NetworkTest(KubeadmScriptsTest):
    def check(self, mode):
        self.node.write("db/ipip", mode)
        script = self.folder.parent / "30-network/check-network.sh"
        return subprocess.run([script], env={"PATH": f"{self.node.root}/bin:/usr/bin:/bin"}, capture_output=True, text=True, check=True).stderr

    def test_a_pool_without_tunnel_is_left_alone(self):
        self.check("CrossSubnet")
        self.assertEqual(self.called("kubectl patch"), [])

    def test_a_pool_that_was_made_before_the_patch_is_corrected(self):
        self.assertIn("Always becomes CrossSubnet", self.check("Always"))
        self.assertEqual(len(self.called("kubectl patch ippools")), 1)


if __name__ == "__main__":
    kexp_test.main()
