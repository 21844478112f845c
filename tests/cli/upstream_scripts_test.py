"""00-upstream/fetch.sh against an HTTP server of our own."""

import hashlib
import http.server
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test

CALICO = b"kind: DaemonSet\n" * 5000
WITHOUT = "prometheusAdapter-* alertmanager-*"
MANIFESTS = {"setup/0prometheusCustomResourceDefinition.yaml": "crd", "setup/namespace.yaml": "namespace",
             "prometheus-prometheus.yaml": "prometheus", "prometheusAdapter-apiService.yaml": "adapter",
             "alertmanager-alertmanager.yaml": "alertmanager"}


def archive(manifests):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in {"README.md": "read", **{f"manifests/{name}": text for name, text in manifests.items()}}.items():
            info = tarfile.TarInfo(f"kube-prometheus-0.18.0/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Files(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.files.get(self.path)
        begin = int(re.match(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))[1]) if self.server.ranges else 0
        self.server.requests.append((self.path, begin))
        if content is None:
            self.send_error(404)
        elif begin and begin >= len(content):
            self.send_error(416)
        else:
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            self.wfile.write(content[begin:])

    def log_message(self, *_args):
        pass


class FetchTest(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
        self.server.files = {"/calico.yaml": CALICO, "/kube.tar.gz": archive(MANIFESTS)}
        self.server.requests = []
        self.server.ranges = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        (self.folder / "00-upstream").mkdir()
        shutil.copy(kexp_test.ROOT / "src/manifest/scripts/fetch.sh", self.folder / "00-upstream")
        self.upstream = self.folder / "upstream"
        self.lock = self.folder / "upstream.lock"
        self.write_lock(sha256(CALICO), sha256(self.server.files["/kube.tar.gz"]))

    def write_lock(self, calico, kube):
        url = f"http://127.0.0.1:{self.server.server_port}"
        self.lock.write_text(f"""\
# What this cluster takes from others.

bundles:
  - name: calico
    version: 3.33.1
    url: "{url}/calico.yaml"
    sha256: {calico}
    file: calico.yaml
    used_by: 30-network
  - name: kube-prometheus
    version: 0.18.0
    url: "{url}/kube.tar.gz"
    sha256: {kube}
    file: kube-prometheus/
    # Why.
    without: {WITHOUT}
    used_by: 40-monitoring
images:
  - image: docker.io/apache/kafka:4.3.1
    used_by: 70-kafka
""")

    def fetch(self, *args, code=0):
        done = subprocess.run([self.folder / "00-upstream/fetch.sh", *args], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def files(self):
        return sorted(str(file.relative_to(self.upstream)) for file in self.upstream.rglob("*") if file.is_file()) if self.upstream.exists() else []

    def test_bundles_are_brought_and_unpacked_without_what_is_left_out(self):
        self.fetch()
        self.assertEqual(self.files(), ["calico.yaml", "kube-prometheus/.sha256", "kube-prometheus/prometheus-prometheus.yaml",
                                        "kube-prometheus/setup/0prometheusCustomResourceDefinition.yaml",
                                        "kube-prometheus/setup/namespace.yaml"])
        self.assertEqual((self.upstream / "calico.yaml").read_bytes(), CALICO)

    def test_a_second_time_fetches_nothing(self):
        self.fetch()
        requests = len(self.server.requests)
        self.assertIn("kube-prometheus is there", self.fetch())
        self.assertEqual(len(self.server.requests), requests)

    def test_one_bundle_alone(self):
        self.fetch("calico")
        self.assertEqual(self.files(), ["calico.yaml"])

    def test_a_file_that_was_changed_is_fetched_again(self):
        self.fetch("calico")
        (self.upstream / "calico.yaml").write_text("mine")
        self.fetch("calico")
        self.assertEqual((self.upstream / "calico.yaml").read_bytes(), CALICO)

    def test_another_hash_is_refused_and_nothing_kept(self):
        self.write_lock(64 * "0", 64 * "1")
        said = self.fetch(code=1)
        self.assertIn(f"calico has SHA-256 {sha256(CALICO)}, upstream.lock says {64 * '0'}", said)
        self.assertEqual(self.files(), [])

    def test_unresolved_is_refused_before_anything_is_fetched(self):
        self.write_lock(sha256(CALICO), "unresolved")
        self.assertIn("the SHA-256 of kube-prometheus is unresolved", self.fetch(code=1))
        self.assertEqual(self.server.requests, [])
        self.fetch("calico")  # which is resolved

    def test_resolve_writes_the_hash_down_and_touches_nothing_else_of_the_lock(self):
        self.write_lock(sha256(CALICO), sha256(self.server.files["/kube.tar.gz"]))
        resolved = self.lock.read_text()
        self.write_lock("unresolved", sha256(self.server.files["/kube.tar.gz"]))
        said = self.fetch("--resolve")
        self.assertIn(f"SHA-256 {sha256(CALICO)}", said)
        self.assertEqual(self.lock.read_text(), resolved)
        self.assertIn("calico is there", self.fetch())

    def test_the_list_of_rendered_files_learns_of_the_written_hash(self):
        self.write_lock("unresolved", sha256(self.server.files["/kube.tar.gz"]))
        rendered = self.folder / ".kexp-rendered"
        other = f"{64 * 'a'}  README.md\n"
        rendered.write_text(f"# list\n{other}{sha256(self.lock.read_bytes())}  upstream.lock\n")
        self.fetch("--resolve", "calico")
        self.assertEqual(rendered.read_text(), f"# list\n{other}{sha256(self.lock.read_bytes())}  upstream.lock\n")

    def test_a_lock_that_somebody_edited_stays_an_edited_one(self):
        self.write_lock("unresolved", sha256(self.server.files["/kube.tar.gz"]))
        rendered = self.folder / ".kexp-rendered"
        rendered.write_text(f"{64 * 'a'}  upstream.lock\n")
        self.fetch("--resolve", "calico")
        self.assertEqual(rendered.read_text(), f"{64 * 'a'}  upstream.lock\n")

    def test_resolve_still_refuses_another_hash(self):
        self.write_lock(64 * "0", sha256(self.server.files["/kube.tar.gz"]))
        self.assertIn("upstream.lock says", self.fetch("--resolve", code=1))

    def test_a_download_that_was_cut_short_goes_on(self):
        self.upstream.mkdir()
        (self.upstream / ".calico.part").write_bytes(CALICO[:1000])
        self.fetch("calico")
        self.assertEqual(self.server.requests, [("/calico.yaml", 1000)])
        self.assertEqual(self.files(), ["calico.yaml"])

    def test_what_is_left_of_something_else_is_thrown_away(self):
        self.upstream.mkdir()
        for left in (b"something else", CALICO + b"more"):
            (self.upstream / ".calico.part").write_bytes(left)
            self.fetch("calico")
            self.assertEqual((self.upstream / "calico.yaml").read_bytes(), CALICO)
            (self.upstream / "calico.yaml").unlink()

    def test_a_server_that_cannot_go_on_starts_again(self):
        self.server.ranges = False
        self.upstream.mkdir()
        (self.upstream / ".calico.part").write_bytes(CALICO[:1000])
        self.fetch("calico")
        self.assertEqual((self.upstream / "calico.yaml").read_bytes(), CALICO)

    def test_a_pattern_that_leaves_nothing_out_is_an_error(self):
        self.server.files["/kube.tar.gz"] = archive({name: text for name, text in MANIFESTS.items() if "Adapter" not in name})
        self.write_lock(sha256(CALICO), sha256(self.server.files["/kube.tar.gz"]))
        self.assertIn("has no prometheusAdapter-*", self.fetch("kube-prometheus", code=1))
        self.assertFalse((self.upstream / "kube-prometheus").exists())

    def test_a_server_that_is_not_there(self):
        self.server.files.clear()
        self.assertIn("calico could not be fetched", self.fetch(code=3))

    def test_usage(self):
        self.assertIn("it has calico kube-prometheus", self.fetch("kepler", code=2))
        self.assertIn("fetch.sh [--resolve] [NAME...]", self.fetch("--force", code=2))
        self.lock.unlink()
        self.assertIn("upstream.lock is missing", self.fetch(code=2))


if __name__ == "__main__":
    kexp_test.main()
