"""What the Python tests share; only the standard library is used.

    import sys
    import unittest
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))  # to be run without ctest, too
    import kexp_test

    class FeedCliTest(unittest.TestCase):
        def test_refuses_a_negative_rate(self):
            done = kexp_test.run(["feed", "--max-mbps", "-3"])
            self.assertEqual(done.returncode, 2)

    if __name__ == "__main__":
        kexp_test.main()

Every wait has a deadline and fails with what it waited for. Every process started here ends with the test: at the end of its
`with` block, at the end of the program, and when the test itself is killed.
"""

from .broker_case import BrokerCase
from .data import require, require_test_data, test_data
from .fetched import fetched, import_kubernetes_validate
from .kube import KubeLocal
from .processes import ROOT, Process, clean_environment, kexp_binary, run
from .runner import main
from .stack import LocalKafka, LocalPrometheus, create_topic
from .wait import free_port, wait_until
from .wall_clock import WallClock

__all__ = [
    "ROOT", "BrokerCase", "KubeLocal", "LocalKafka", "LocalPrometheus", "Process", "WallClock", "clean_environment", "create_topic", "fetched",
    "free_port", "import_kubernetes_validate", "kexp_binary", "main", "require", "require_test_data", "run", "test_data", "wait_until",
]
