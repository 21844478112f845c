"""`kexp consume` as a member of its group on a real Kafka: consumers come and go, and no image is lost."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import kexp_test
from kexp_test.images import slow_png
from kexp_test.pod_case import PodCase
from kexp_test.stack import delete_topic


# Of a consumer that is killed: its successor waits as long.
SHORT_SESSION = ("-X", "session.timeout.ms=3000")


class ConsumeGroupTest(PodCase):
    # --- Readiness ------------------------------------------------------------------------------------------

    def test_is_ready_only_with_partitions(self):
        topics = self.topics(partitions=1)
        first = self.pod(topics)
        status, text = first.get("/readyz")
        self.assertIn(status, (503, 200), text)  # The model is being loaded, or the group was joined already.
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
        ids = [f"{partition}-{offset}" for partition in range(4) for offset in range(30)]
        first = self.pod(topics)
        first.wait_ready()
        for partition in range(4):
            topics.send_copies(self.image, 15, partition)
        second = self.pod(topics)
        second.wait_ready()
        for partition in range(4):
            topics.send_copies(self.image, 15, partition)
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

    # librdkafka commits nothing by itself that is not above the offset which it last saw committed.
    def test_images_of_a_topic_made_anew_are_committed(self):
        topics = self.topics()
        pod = self.pod(topics)
        topics.send_copies(self.image, 20, 0)
        pod.wait_for(lambda: self.committed(topics) == 20, 60, "20 committed images")
        delete_topic(self.kafka.servers, topics.input)
        self.kafka.create_topic(topics.input)
        topics.send("new", self.image)
        pod.wait_for(lambda: self.committed(topics) == 1, 60, "the first image of the new topic to be committed")
        self.assertIn("new", topics.ids())
        self.stop(pod)

    # --- Ends -----------------------------------------------------------------------------------------------

    def in_mid_image(self, topics, *args):
        """A consumer that has an image in work which takes long."""
        topics.send("slow", slow_png(9900))
        pod = self.pod(topics, *args)
        pod.wait_for(lambda: pod.metric("kexp_records_received_total") == 1, 60, "the image to be received")
        return pod

    def test_an_image_is_answered_after_a_kill_in_its_middle(self):
        topics = self.topics()
        killed = self.in_mid_image(topics, *SHORT_SESSION)
        killed.kill()
        self.assertEqual(topics.ids(), [])
        self.pod(topics)
        self.assertEqual(topics.wait_for_ids(["slow"]), ["slow"])

    # Answer 0 cannot be sent, not even without detections: id and run are in it twice, their quotes escaped. 1 to 4 are answered meanwhile.
    # Whoever commits past 0 then loses it.
    def test_answers_out_of_order_commit_nothing_past_the_missing_one(self):
        topics = self.topics(output_configs={"max.message.bytes": "1600"})
        long, others = '"' * 256, [str(i) for i in range(1, 5)]
        topics.send(long, self.image, headers=[f"kexp-run={long}"])
        for i in others:
            topics.send(i, self.image)
        few = ["--threads", "1", "--confidence", "0.99"]
        killed = self.pod(topics, *few, *SHORT_SESSION)
        self.assertEqual(topics.wait_for_ids(others), others)
        killed.wait_for_line("consume: refused=MSG_SIZE_TOO_LARGE")
        killed.kill()

        topics.output += "-larger"
        self.kafka.create_topic(topics.output)
        pod = self.pod(topics, *few)
        self.assertEqual(topics.wait_for_ids([long, *others]), [long, *others])
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
        self.assertEqual(pod.insist(signal.SIGINT), 130)
        self.assertEqual(topics.ids(), [])


if __name__ == "__main__":
    kexp_test.main()
