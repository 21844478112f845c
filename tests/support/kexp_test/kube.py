"""A real Kubernetes control plane of the test's own, without containers: etcd, API server, controllers, scheduler, fake kubelets (kwok)
and metrics-server on 127.0.0.1. It comes with the golden data."""

import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from .data import require, require_test_data
from .processes import clean_environment
from .service import Service


class KubeLocal(Service):
    """`with KubeLocal(nodes=5) as kube: kube.kubectl("get", "nodes")`."""

    def __init__(self, nodes=0, **settings):
        """`settings`: more variables of kube-local.sh, such as KCM_ARGS."""
        self.tools = require_test_data() / "tools/kube-local"
        require((self.tools / "kube-local.sh").exists(), "no control plane to test on: the golden data has no tools/kube-local")
        self.binary = str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kexp/kube-1.36.4/kube")
        super().__init__("kexp-kube-", {"NODES": nodes, **settings})

    def _words(self, verb):
        return [str(self.tools / "kube-local.sh"), verb, self.dir]

    def start(self):
        done = self.command("start")
        assert done.returncode == 0, f"kube-local.sh start: exit {done.returncode}\n{done.stdout}{done.stderr}"

    def kubectl(self, *args, stdin=None):
        """Its subprocess.CompletedProcess, whatever its exit code."""
        return subprocess.run([self.binary, "kubectl", f"--kubeconfig={self.dir}/kubeconfig", *map(str, args)], input=stdin or "",
                              env=clean_environment(), capture_output=True, text=True, timeout=120, check=False)

    def done(self, *args, stdin=None):
        """stdout of a kubectl that must succeed."""
        result = self.kubectl(*args, stdin=stdin)
        assert result.returncode == 0, f"kubectl {' '.join(map(str, args))}: exit {result.returncode}\n{result.stdout}{result.stderr}"
        return result.stdout

    def get(self, *args):
        """An object, or the list of objects, that `kubectl get ARGS` answers."""
        answer = json.loads(self.done("get", *args, "-o", "json"))
        return answer["items"] if "items" in answer else answer

    def post(self, path, body, content_type):
        """The server's answer, whatever its status, to a body as it is: kubectl sends nothing but JSON."""
        port = int(Path(self.dir, "port").read_text()) + 2
        token = Path(self.dir, "certs/token.csv").read_text().split(",")[0]
        request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", body, {"Content-Type": content_type, "Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=30, context=ssl.create_default_context(cafile=f"{self.dir}/certs/local.crt")) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            return json.load(refused)

    def kubeadm(self, *args):
        return subprocess.run([self.binary, "kubeadm", *map(str, args)], env=clean_environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)
