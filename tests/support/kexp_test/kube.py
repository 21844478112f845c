"""A real Kubernetes control plane of the test's own, without containers: etcd, API server, controllers, scheduler, fake kubelets (kwok)
and metrics-server on 127.0.0.1. It comes with the golden data."""

import json
import os
import shutil
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from .data import require, require_test_data
from .processes import clean_environment, close_at_exit, closed


class KubeLocal:
    """`with KubeLocal(nodes=5) as kube: kube.kubectl("get", "nodes")`."""

    def __init__(self, nodes=0, **settings):
        """`settings`: more variables of kube-local.sh, such as KCM_ARGS."""
        self.tools = require_test_data() / "tools/kube-local"
        require((self.tools / "kube-local.sh").exists(), "no control plane to test on: the golden data has no tools/kube-local")
        self.script = str(self.tools / "kube-local.sh")
        self.binary = str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kexp/kube-1.36.4/kube")
        self.dir = tempfile.mkdtemp(prefix="kexp-kube-")
        self.settings = {"NODES": nodes, **settings}
        # Stops it and deletes the folder once the pipe closes, that is, when this program has ended, even by SIGKILL.
        self._reaper = subprocess.Popen(
            ["bash", "-c", 'exec 3<&0; setsid bash -c \'cat <&3 >/dev/null; "$0" stop "$1"; rm -rf -- "$1"\' "$0" "$1" '
             "</dev/null >/dev/null 2>&1 &", self.script, self.dir], stdin=subprocess.PIPE, env=clean_environment())
        self._reaper.wait()
        close_at_exit(self)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        done = subprocess.run([self.script, "start", self.dir], env=clean_environment(self.settings), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"kube-local.sh start: exit {done.returncode}\n{done.stdout}{done.stderr}"

    def close(self):
        closed(self)
        if os.path.isdir(self.dir):
            subprocess.run([self.script, "stop", self.dir], env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True,
                           timeout=60, check=False)
            shutil.rmtree(self.dir, ignore_errors=True)
        self._reaper.stdin.close()

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
