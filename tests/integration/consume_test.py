"""`kexp consume` on a real Kafka: one answer to each image, whatever happens to the consumer."""

import json
import signal
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.images import png, slow_png
from kexp_test.pod import Pod, Topics


class ConsumeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kexp_test.LocalKafka()
        cls.addClassCleanup(cls.kafka.close)
        cls.kafka.start()
        cls.image = png(320, 240, (40, 90, 160))

    def topics(self, partitions=1, output_configs=None):
        return Topics(self.kafka, self.id().rsplit(".", 1)[1], partitions, output_configs)

    def pod(self, topics, *args, env=None):
        """A consumer that ends with the test."""
        pod = Pod(self.kafka.servers, *topics.arguments(), "-X", "session.timeout.ms=3000", *args, env=env)
        self.addCleanup(pod.close)
        return pod

    def stop(self, pod, number=signal.SIGTERM):
        pod.signal(number)
        self.assertEqual(pod.wait(), 0, pod.output())

    # --- Answers --------------------------------------------------------------------------------------------

    def test_answers_an_image_with_all_fields(self):
        topics = self.topics()
        pod = self.pod(topics, env={"POD_NAME": "yolo-1", "NODE_NAME": "worker1", "POD_IP": "10.244.1.7"})
        topics.send("4711", self.image, headers=["kexp-run=run-a"])
        topics.wait_for_ids(["4711"])
        answer, = topics.answers()
        times = answer["timestamps"]
        self.assertEqual(set(times), {"idle", "queue", "pre", "inf", "post", "start_time", "end_time"})
        self.assertEqual(times["queue"], times["end_time"] - times["start_time"])
        self.assertGreaterEqual(answer["done_time"], times["end_time"])
        self.assertGreater(times["inf"], 0)
        self.assertGreater(answer["decode"], 0)
        expected = {"source": "10.244.1.7", "pod": "yolo-1", "node": "worker1", "run": "run-a", "errors": 0,
                    "resolution": [320, 240], "partition": 0, "offset": 0}
        self.assertEqual({key: answer[key] for key in expected}, expected)
        self.assertIn(answer["engine"], ("opencv", "openvino"))
        self.assertEqual(len(answer["dimensions"]), 4)
        self.assertIsInstance(answer["detections"], list)
        self.assertGreaterEqual(answer["threads"], 1)
        self.assertGreaterEqual(answer["throttled_ms"], 0)
        self.stop(pod)

    def test_goes_on_after_messages_that_are_no_images(self):
        topics = self.topics()
        pod = self.pod(topics, "--threads", "1")
        topics.send_empty("empty")
        topics.send("text", b"this is no image")
        topics.send("half", self.image[:len(self.image) // 2])
        topics.send("large", self.image + bytes(15_500_000))
        topics.send("image", self.image)
        topics.wait_for_ids(["image"])
        errors = {answer["id"]: answer.get("error", "") for answer in topics.answers()}
        self.assertEqual(list(errors), ["empty", "text", "half", "large", "image"])
        self.assertIn("empty", errors["empty"])
        self.assertIn("JPEG or PNG", errors["text"])
        self.assertTrue(errors["half"])
        self.assertIn("15000000", errors["large"])
        self.assertFalse(errors["image"])
        self.stop(pod)

        again = self.pod(topics, "--threads", "1")  # All five are committed: nothing comes a second time.
        topics.send("after", self.image)
        self.assertEqual(topics.wait_for_ids(["after"]), ["empty", "text", "half", "large", "image", "after"])
        self.stop(again)

    def test_two_streams_answer_and_commit_each_image_once(self):
        topics = self.topics(partitions=2)
        ids = [str(i) for i in range(20)]
        topics.send("text", b"this is no image", partition=0)
        for i in ids:
            topics.send(i, self.image, partition=int(i) % 2)
        pod = self.pod(topics, "--threads", "2")
        pod.wait_for_line(r"threads=2 chosen_by=--threads .*streams=2 decode_ahead=")
        topics.wait_for_ids([*ids, "text"])
        self.assertEqual(pod.metric("kexp_inference_streams"), 2)
        self.assertGreater(pod.metric("kexp_bytes_received_total"), 20 * len(self.image))
        self.assertRegex(next(line for line in pod.get("/metrics")[1].splitlines() if line.startswith("kexp_inference_info")), 'engine="(opencv|openvino)"')
        self.stop(pod)
        answers = topics.answers()
        self.assertEqual(sorted(answer["id"] for answer in answers), sorted([*ids, "text"]))
        self.assertEqual([answer["id"] for answer in answers if answer["errors"]], ["text"])
        self.assertEqual({answer["threads"] for answer in answers}, {1})

        again = self.pod(topics, "--threads", "2")
        topics.send("after", self.image)
        self.assertEqual(len(topics.wait_for_ids(["after"])), 22)
        self.stop(again)

    def test_tells_the_stages_of_its_start_once_it_has_joined(self):
        topics = self.topics()
        pod = self.pod(topics)
        pod.wait_for_line(r"consume: joined model_ms=\d+ first_image_ms=\d+ topics_ms=\d+ joined_ms=\d+", timeout=60)
        self.stop(pod)
        self.assertEqual(pod.stderr.count("consume: joined"), 1)

    def test_is_configured_by_its_environment_alone(self):
        topics = self.topics()
        pod = Pod(self.kafka.servers, env={"KAFKA_INPUT_TOPIC": topics.input, "KAFKA_OUTPUT_TOPIC": topics.output,
                                           "VALIDATE_RESULTS": "false", "KEXP_THREADS": "1", "KEXP_GROUP": "mine"})
        self.addCleanup(pod.close)
        topics.send("1", self.image)
        pod.wait_for(lambda: pod.metric("kexp_records_processed_total") == 1, 60, "a processed image")
        pod.wait_for(lambda: pod.metric("kexp_consumer_lag_records") == 0, 60, "a committed offset")
        self.stop(pod)
        self.assertEqual(topics.answers(), [])
        self.assertIn("threads=1 chosen_by=--threads", pod.stderr)
        self.assertIn("group=mine", pod.stderr)

    def members(self, topics):
        """How many members the group has."""
        done = kexp_test.run(["topics", "lag", "--input-topic", topics.input, "--servers", self.kafka.servers, "--json"])
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["members"]

    # --- Readiness ------------------------------------------------------------------------------------------

    def test_is_ready_only_with_partitions(self):
        topics = self.topics(partitions=1)
        first = self.pod(topics)
        status, text = first.get("/readyz")  # The model is being loaded, or the group joined.
        if status != 200:
            self.assertEqual(status, 503, text)
        first.wait_ready()
        second = self.pod(topics)
        second.wait_for(lambda: self.members(topics) == 2, 60, "two members of the group")
        self.assertEqual(second.get("/readyz")[0], 503)
        self.assertIn("no partitions assigned", second.get("/readyz")[1])
        self.assertEqual(second.get("/healthz")[0], 200)

        self.stop(first)
        second.wait_ready()
        self.stop(second)

    # --- Rebalances -----------------------------------------------------------------------------------------

    def test_scaling_up_and_down_neither_loses_nor_repeats(self):
        topics = self.topics(partitions=4)
        ids = [str(i) for i in range(120)]
        first = self.pod(topics)
        first.wait_ready()
        for i in ids[:60]:
            topics.send(i, self.image, partition=int(i) % 4)
        second = self.pod(topics)
        second.wait_ready()
        for i in ids[60:]:
            topics.send(i, self.image, partition=int(i) % 4)
        self.stop(first)
        seen = topics.wait_for_ids(ids)
        self.assertEqual(sorted(seen), sorted(ids))
        self.stop(second)

    def test_a_static_member_stays_in_its_group_while_it_is_away(self):
        topics = self.topics()
        pod = self.pod(topics, "--instance-id", "yolo-0", "-X", "session.timeout.ms=30000")
        pod.wait_ready()
        self.stop(pod)
        self.assertEqual(self.members(topics), 1)

    # --- Ends -----------------------------------------------------------------------------------------------

    def in_mid_image(self, topics):
        """A consumer that has an image in work which takes long."""
        topics.send("slow", slow_png())
        pod = self.pod(topics)
        pod.wait_for(lambda: pod.metric("kexp_records_received_total") == 1, 60, "the image to be received")
        return pod

    def test_an_image_is_answered_after_a_kill_in_its_middle(self):
        topics = self.topics()
        killed = self.in_mid_image(topics)
        killed.kill()
        self.assertEqual(topics.ids(), [])
        self.pod(topics)
        self.assertEqual(topics.wait_for_ids(["slow"]), ["slow"])

    # Answer 0 cannot be delivered: its key alone is more than the output topic takes. 1 to 4 are answered before that is certain. Whoever
    # commits past 0 then loses it.
    def test_answers_out_of_order_commit_nothing_past_the_missing_one(self):
        topics = self.topics(output_configs={"max.message.bytes": "4096"})
        key = "k" * 6000
        others = [str(i) for i in range(1, 5)]
        topics.send_empty(key)
        for i in others:
            topics.send(i, self.image)
        failed = self.pod(topics, "--threads", "1")
        self.assertEqual(failed.wait(), 1, failed.output())
        self.assertIn("MSG_SIZE_TOO_LARGE", failed.stderr)
        answered_before = topics.ids()
        self.assertTrue(set(answered_before) & set(others), "nothing was answered out of order")
        self.assertNotIn(key, answered_before)

        topics.output += "-larger"
        self.kafka.create_topic(topics.output)
        pod = self.pod(topics, "--threads", "1")
        self.assertEqual(topics.wait_for_ids([key, *others]), [key, *others])
        self.stop(pod)

    def test_ctrl_c_finishes_the_image_in_work(self):
        topics = self.topics()
        pod = self.in_mid_image(topics)
        self.stop(pod, signal.SIGINT)
        self.assertEqual(topics.ids(), ["slow"])
        again = self.pod(topics)
        topics.send("next", self.image)
        self.assertEqual(topics.wait_for_ids(["next"]), ["slow", "next"])  # It was committed.
        self.stop(again)

    def test_ctrl_c_twice_ends_at_once(self):
        topics = self.topics()
        pod = self.in_mid_image(topics)
        pod.signal(signal.SIGINT)
        pod.wait_for(lambda: "stopping" in pod.get("/readyz")[1], 60, "the first signal to be seen")
        pod.signal(signal.SIGINT)
        self.assertEqual(pod.wait(), 130)
        self.assertEqual(topics.ids(), [])

    # --- What it cannot start with --------------------------------------------------------------------------

    def test_names_a_missing_topic_and_its_cure(self):
        topics = self.topics()
        topics.output = "nowhere"
        pod = self.pod(topics)
        self.assertEqual(pod.wait(), 2, pod.output())
        self.assertIn("--output-topic: there is no topic nowhere", pod.stderr)
        self.assertIn("kexp topics create", pod.stderr)


if __name__ == "__main__":
    kexp_test.main()
