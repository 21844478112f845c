"""`kexp feed` and `kexp topics` through TLS with a password, and that nothing they write holds the password."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test

PASSWORD = "hunter2-of-the-feeder"
BROKER = """
listeners=PLAINTEXT://127.0.0.1:{{PORT}},SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{{CONTROLLER_PORT}}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_feeder="{password}";
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
"""


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def make_authority(folder, name):
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
            "-out", f"{name}.pem")


def make_certificates(folder):
    """ca.pem, which signed the broker's keystore.pem, and stranger.pem, which did not."""
    make_authority(folder, "ca")
    make_authority(folder, "stranger")
    openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=broker", "-keyout", "broker.key", "-out", "broker.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    openssl(folder, "x509", "-req", "-days", "2", "-in", "broker.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile",
            "names", "-out", "broker.pem")
    (folder / "keystore.pem").write_text((folder / "broker.key").read_text() + (folder / "broker.pem").read_text())


class FeedSecureTest(kexp_test.BrokerCase):
    @classmethod
    def make_broker(cls):
        kexp_test.require(shutil.which("openssl"), "there is no openssl")
        make_certificates(cls.folder)
        port = kexp_test.free_port()
        cls.servers = f"127.0.0.1:{port}"
        properties = cls.folder / "broker.properties"
        properties.write_text(BROKER.format(port=port, password=PASSWORD, keystore=cls.folder / "keystore.pem"))
        return cls.started(kexp_test.LocalKafka(properties=properties))

    def properties(self, password=PASSWORD, authority="ca"):
        return ["security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "sasl.username=feeder", f"sasl.password={password}",
                f"ssl.ca.location={self.folder}/{authority}.pem"]

    def flags(self, *properties):
        return [word for text in properties for word in ("-X", text)]

    def feed(self, *more, cwd=None):
        """150 images through the listener that asks for a password."""
        return kexp_test.run(self.feed_arguments("--profile", "constant", "--max-ips", "50", "--duration", "3", *more, servers=self.servers),
                             cwd=cwd)

    def create_topics(self, *more, cwd=None):
        done = kexp_test.run(["topics", "create", "--servers", self.servers, "--input-topic", self.topic, "--output-topic",
                              f"{self.topic}-out", "--partitions", "2", *more], cwd=cwd)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_no_secret(done)

    def assert_no_secret(self, done, secret=PASSWORD):
        self.assertNotIn(secret, done.stdout)
        self.assertNotIn(secret, done.stderr)
        for file in self.fed.path.rglob("*"):
            if file.is_file():
                self.assertNotIn(secret.encode(), file.read_bytes(), file)

    def assert_all_arrived(self, done):
        self.assertIn(done.returncode, (0, 5), done.stderr)  # 5: this machine was too busy for the pacing
        counts = self.fed.counts()
        self.assertEqual(counts["planned"], 150)
        self.assertEqual(counts["acknowledged"], 150)
        self.assert_no_secret(done)

    def test_flags_open_the_way_and_the_password_stays_unwritten(self):
        flags = self.flags(*self.properties())
        self.create_topics(*flags)
        # Even where librdkafka says all it knows.
        done = self.feed(*flags, *self.flags("debug=security,broker,conf"), "--log-level", "debug")
        self.assert_all_arrived(done)
        # What was set can be seen all the same.
        shown = self.fed.last("started")["settings"]["properties"]
        self.assertEqual(shown["sasl.username"], "feeder")
        self.assertEqual(shown["sasl.password"], "***")

    def test_settings_file_opens_the_way_and_the_password_stays_unwritten(self):
        folder = self.folder / "settings"
        folder.mkdir()
        (folder / "kexp.yaml").write_text("property:\n" + "".join(f"  - {text}\n" for text in self.properties()))
        self.create_topics(cwd=folder)
        self.assert_all_arrived(self.feed(cwd=folder))

    def assert_refused(self, done, seconds, *words):
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertLess(seconds, 40)  # ten are what a broker has to answer
        errors = [line for line in done.stderr.splitlines() if line.startswith("kexp: ")]
        self.assertEqual(len(errors), 1, done.stderr)
        for word in (self.servers, *words):
            self.assertIn(word, errors[0])
        self.assertFalse(self.fed.path.exists(), "a refused feed leaves no run")

    def test_wrong_password_is_one_error_that_says_so(self):
        flags = self.flags(*self.properties(password="not-" + PASSWORD))
        begin = time.monotonic()
        done = self.feed(*flags)
        self.assert_refused(done, time.monotonic() - begin, "Authentication failed", "-X sasl")
        self.assert_no_secret(done)

    def test_certificate_of_a_stranger_is_one_error_that_says_so(self):
        flags = self.flags(*self.properties(authority="stranger"))
        begin = time.monotonic()
        done = self.feed(*flags)
        self.assert_refused(done, time.monotonic() - begin, "certificate", "-X ssl")
        self.assert_no_secret(done)

    def test_password_in_a_mistaken_property_is_not_repeated(self):
        for text in (f"sasl.pasword={PASSWORD}", f"sasl.password:{PASSWORD}", f"sasl.password {PASSWORD}", f"={PASSWORD}"):
            done = self.feed(*self.flags(text))
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("-X", done.stderr)
            self.assert_no_secret(done)


if __name__ == "__main__":
    kexp_test.main()
