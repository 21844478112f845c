"""The quick start with three seeds: nothing lost, nothing twice."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import kexp_test
import quickstart_test


class QuickstartSeedsTest(unittest.TestCase):
    def test_three_seeds_lose_nothing(self):
        for seed in (1, 2, 3):
            with self.subTest(seed=seed), tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                run_folder = Path(folder, "run")
                environment = {"XDG_STATE_HOME": Path(folder, "state"), "KEXP_BINARY": kexp_test.kexp_binary()}
                with kexp_test.Process(["--no-install", "--duration", 60, "--seed", seed, "--run", run_folder], env=environment, cwd=folder,
                                       program=kexp_test.ROOT / "scripts/quickstart.sh") as quickstart:
                    code = quickstart.wait(400)
                counts = quickstart_test.check_counts(self, run_folder, code, quickstart.output())
                self.assertGreater(counts["planned"], 5)  # Nothing else is at work here.
                verdict = json.loads((run_folder / "run.json").read_text())["verdict"]["state"]
                print(json.dumps({"seed": seed, "planned": counts["planned"], "processed": counts["processed"],
                                  "missing": counts["missing"], "duplicates": counts["duplicates"], "verdict": verdict}), file=sys.stderr)


if __name__ == "__main__":
    kexp_test.main()
