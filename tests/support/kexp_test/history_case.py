"""What tests of `kexp extract` on stored samples share: a real Prometheus that holds them, and a folder of each test's own."""

import subprocess
import time
from pathlib import Path

from .fetched import fetched
from .folder_case import FolderCase
from .stack import LocalPrometheus
from .wait import wait_until


class HistoryCase(FolderCase):
    """`self.prometheus` holds what the class's `write` writes, and scrapes nothing of it. `self.start` and `self.end` are Unix seconds,
    `length` apart; the end is an hour ago."""

    length = 3600

    @classmethod
    def setUpClass(cls):
        cls.end = int(time.time()) // 60 * 60 - 3600
        cls.start = cls.end - cls.length
        cls.prometheus = LocalPrometheus(scrape_interval=60)
        cls.addClassCleanup(cls.prometheus.close)
        source = Path(cls.prometheus.dir, "history.txt")
        with open(source, "w", encoding="utf-8") as lines:
            cls.write(lines)
            lines.write("# EOF\n")
        subprocess.run([fetched("promtool"), "tsdb", "create-blocks-from", "openmetrics", source, Path(cls.prometheus.dir, "data")],
                       check=True, stdout=subprocess.DEVNULL, timeout=300)
        cls.prometheus.start()
        # A dataset lists what its server scrapes, which that finds out in its first seconds.
        wait_until(lambda: len(cls.prometheus.targets()) == 3, 60, "its own target, the node exporter and Kafka")

    @classmethod
    def write(cls, lines):
        """Writes samples from `start` to `end` to the file `lines`, as OpenMetrics has them, without its last line."""
        raise NotImplementedError
