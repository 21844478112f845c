#!/usr/bin/env python3
"""The way images were fed before kexp, written anew to measure `kexp feed` against: h5py, then for each image produce, flush and a
sleep for what is left of its period. Prints one JSON line. Needs h5py and confluent-kafka; scripts/bench/feed-cost.sh runs it.

    python_feeder.py SERVERS TOPIC DATASET IMAGES MB_PER_S(0: as fast as it goes)
"""

import json
import sys
import time

import confluent_kafka
import h5py


def read_images(path):
    with h5py.File(path) as file:
        return [image.tobytes() for sensor in file["sensors"].values() for image in sensor]


def main():
    servers, topic, dataset, count, mb_per_s = sys.argv[1:]
    images = read_images(dataset)
    count = int(count)
    period = sum(map(len, images)) / len(images) / (float(mb_per_s) * 1e6) if float(mb_per_s) else 0
    producer = confluent_kafka.Producer({"bootstrap.servers": servers, "acks": "all", "enable.idempotence": True})
    producer.produce(topic, images[0], key="first")  # connects
    producer.flush()
    sent = 0
    begin, begin_cpu = time.monotonic(), time.process_time()
    for i in range(count):
        before = time.monotonic()
        image = images[i % len(images)]
        producer.produce(topic, image, key=str(i))
        producer.flush()
        sent += len(image)
        time.sleep(max(0.0, period - (time.monotonic() - before)))
    seconds, cpu = time.monotonic() - begin, time.process_time() - begin_cpu
    print(json.dumps({"images": count, "seconds": seconds, "mb_per_s": sent / seconds / 1e6, "cpu_s": cpu,
                      "cpu_s_per_gb": cpu / sent * 1e9}))


if __name__ == "__main__":
    main()
