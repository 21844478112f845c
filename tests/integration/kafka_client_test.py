"""Runs kafka_client (C++) against a broker of its own, in several processes: its tests mostly wait for groups and deadlines."""

import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test

PROCESSES = 4


class KafkaClientTest(unittest.TestCase):
    def test_clients_against_a_real_broker(self):
        with kexp_test.LocalKafka() as kafka:
            processes = [
                kexp_test.Process(["--gtest_brief=1"], program=os.environ["KEXP_KAFKA_CLIENT"],
                                  env={"KAFKA_SERVERS": kafka.servers, "GTEST_TOTAL_SHARDS": PROCESSES, "GTEST_SHARD_INDEX": index})
                for index in range(PROCESSES)
            ]
            for process in processes:
                self.assertEqual(process.wait(240), 0, process.output())


if __name__ == "__main__":
    kexp_test.main()
