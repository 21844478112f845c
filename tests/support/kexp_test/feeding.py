"""What tests of `kexp feed` share: a dataset, the files of a fed run, and the answers that make its verdict whole."""

import csv
import io
import json
from pathlib import Path

from .images import write_images
from .processes import run
from .wait import wait_until


def whole_lines(file):
    """The text of a file that is being written, without the line that is not complete yet."""
    text = Path(file).read_text() if Path(file).exists() else ""
    return text[: text.rfind("\n") + 1]


def make_dataset(folder, count=6):
    """An HDF5 file in `folder` of `count` small images."""
    write_images(folder / "images", count)
    done = run(["dataset", "make", "--images", folder / "images", "--out", folder / "images.hdf5"])
    assert done.returncode == 0, done.stderr
    return folder / "images.hdf5"


class FedRun:
    """The directory of a run, read anew at each call."""

    def __init__(self, path):
        self.path = Path(path)

    def rows(self, name):
        return list(csv.DictReader(io.StringIO(whole_lines(self.path / name))))

    def sends(self):
        """The rows of every shard by id, as numbers where they are."""
        rows = [row for file in sorted(self.path.glob("sends*.csv")) for row in self.rows(file.name)]
        for row in rows:
            for name in ("id", "bytes", "partition", "intended_ns", "sent_ns", "acked_ns"):
                row[name] = int(row[name]) if row[name] else None
        return sorted(rows, key=lambda row: row["id"])

    def wait_for_sends(self, count):
        wait_until(lambda: len(self.sends()) >= count, 60, f"{count} rows in sends.csv of {self.path}")

    def with_status(self, status):
        return [row for row in self.sends() if row["status"] == status]

    def events(self, event, role="feed"):
        lines = map(json.loads, whole_lines(self.path / f"{role}.json").splitlines())
        return [line for line in lines if line["event"] == event]

    def last(self, event, role="feed"):
        return self.events(event, role)[-1]

    def json(self, name):
        return json.loads((self.path / name).read_text())

    def verdict(self):
        return self.json("run.json")["verdict"]

    def reasons(self):
        return " | ".join(self.verdict()["reasons"])

    def counts(self):
        return self.json("run.json")["counts"]

    def answer(self, kafka):
        """Answers every acknowledged image and tracks the answers: without a tracker no run can be VALID or PERTURBED."""
        topic = f"answers-{self.path.name}"
        kafka.create_topic(topic)
        answers = "".join(json.dumps({"timestamps": {}, "id": str(row["id"]), "errors": 0}) + "\n"
                          for row in self.with_status("acknowledged"))
        done = run(["-b", kafka.servers, "-P", "-t", topic, "-H", f"kexp-run={self.json('run.json')['id']}"], program="kcat", stdin=answers)
        assert done.returncode == 0, done.stderr
        done = run(["track", "--servers", kafka.servers, "--topic", topic, "--run", self.path, "--until-complete", "--timeout", 20])
        assert done.returncode in (0, 5), done.stderr

    def verify(self, kafka, *more):
        """What `feed verify --from-topic` says, and how it ended."""
        done = run(["feed", "verify", self.path, "--from-topic", "--servers", kafka.servers, "--json", *more])
        assert done.returncode in (0, 5), done.stderr
        return json.loads(done.stdout), done.returncode


def lateness_s(row):
    return (row["sent_ns"] - row["intended_ns"]) / 1e9


def most_sent_within(sends, window_s):
    """How many images were sent within `window_s` at most."""
    times = sorted(row["sent_ns"] for row in sends)
    begin = most = 0
    for end, sent in enumerate(times):
        while sent - times[begin] > window_s * 1e9:
            begin += 1
        most = max(most, end + 1 - begin)
    return most


def fastest_catch_up(sends, behind_s=0.02, window_s=1.0):
    """How many seconds of the plan were sent in a second at most, over windows in which every image was later than `behind_s`; 0 when
    there was no such window."""
    fastest = 0.0
    begin = 0
    for end, row in enumerate(sends):
        if lateness_s(row) <= behind_s:
            begin = end + 1
            continue
        # The latest beginning that leaves a whole window.
        while begin + 1 < end and row["sent_ns"] - sends[begin + 1]["sent_ns"] >= window_s * 1e9:
            begin += 1
        took = row["sent_ns"] - sends[begin]["sent_ns"]
        if begin < end and took >= window_s * 1e9:
            fastest = max(fastest, (row["intended_ns"] - sends[begin]["intended_ns"]) / took)
    return fastest
