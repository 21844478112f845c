"""`kexp consume` on a real Kafka: one answer to each message, whatever it holds."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.pod import Pod
from kexp_test.pod_case import PodCase


class ConsumeTest(PodCase):
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
        ids = [*(f"0-{offset}" for offset in range(1, 11)), *(f"1-{offset}" for offset in range(10))]
        topics.send("text", b"this is no image", partition=0)
        for partition in (0, 1):
            topics.send_copies(self.image, 10, partition)
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

    def test_what_the_topic_does_not_take_is_answered_shorter(self):
        topics = self.topics(output_configs={"max.message.bytes": "1600"})
        pod = self.pod(topics, "--threads", "1", "--confidence", "0.00001")
        topics.send("crowded", self.image)
        topics.send("k" * 6000, self.image, headers=["kexp-run=" + "r" * 6000])
        topics.send("text", b"this is no image")
        topics.wait_for_ids(["crowded", "0-1", "text"])
        answers = {answer["id"]: answer for answer in topics.answers()}
        for answer in (answers["crowded"], answers["0-1"]):
            self.assertRegex(answer["error"], r"the answer with \d+ detections has \d+ bytes, more than the output topic or the client takes")
            self.assertEqual((answer["errors"], answer["detections"], answer["resolution"]), (1, [], [320, 240]))
        pod.wait_for(lambda: pod.metric("kexp_answers_shortened_total") == 2, 60, "the answers to be counted")
        self.assertEqual(pod.metric("kexp_ignored_names_total"), 2)
        pod.wait_for_line("consume: ignored=key partition=0 offset=1")
        pod.wait_for_line("consume: shortened=")
        self.stop(pod)

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
