"""A control group with a CPU quota, v1 or v2."""

import os
from pathlib import Path

from .data import require
from .pod import Pod
from .processes import kexp_binary
from .wait import wait_until


class CpuQuota:
    """A control group with a quota of so many CPUs; `with` removes it. Skips the test where none can be made."""

    def __init__(self, cpus=1):
        self.cpus = cpus
        self.folder = None

    def __enter__(self):
        v1, v2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
        has_v2 = (v2 / "cgroup.subtree_control").is_file() and "cpu" in (v2 / "cgroup.subtree_control").read_text().split()
        parent = v1 if (v1 / "cpu.cfs_quota_us").is_file() else v2 if has_v2 else None
        require(parent is not None, "no control groups with a CPU controller")
        folder = parent / f"kexp-test-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError as refused:
            require(False, f"cannot make a control group: {refused}")
        self.folder = folder
        quota = int(self.cpus * 100_000)
        if parent == v1:
            (folder / "cpu.cfs_period_us").write_text("100000")
            (folder / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (folder / "cpu.max").write_text(f"{quota} 100000")
        return self

    def __exit__(self, *_):
        wait_until(lambda: not (self.folder / "cgroup.procs").read_text(), 60, "the control group to be empty")
        self.folder.rmdir()

    def pod(self, servers, *args):
        """A consumer that is born inside."""
        inside = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
        return Pod(servers, *args, program="sh", prefix=["-c", inside, str(self.folder), kexp_binary()])

    def throttled_s(self):
        """Seconds that the quota has held back what is inside."""
        counters = dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        return int(counters["throttled_usec"]) / 1e6 if "throttled_usec" in counters else int(counters["throttled_time"]) / 1e9
