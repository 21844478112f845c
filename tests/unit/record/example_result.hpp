#pragma once

#include "kexp/record/result.hpp"

namespace kexp::test {

/// An answer in which every field that is measured has a value of its own.
inline record::Result example_result() {
  record::Result r;
  r.idle_ms = 3.1;
  r.queue_ms = 12;
  r.pre_ms = 1.9;
  r.inf_ms = 53.2;
  r.post_ms = 0.4;
  r.start_time_ms = 1706641815123;
  r.end_time_ms = 1706641815135;
  r.source = "10.244.1.7";
  r.model = "yolov5n";
  r.dimensions = {1, 3, 640, 640};
  r.id = "4711";
  r.run = "20261121T180304Z-7f3k";
  r.node = "worker1";
  r.pod = "consumer-5d9";
  r.engine = "opencv";
  r.threads = 1;
  r.width = 768;
  r.height = 576;
  r.partition = 3;
  r.offset = 99;
  r.decode_ms = 2.2;
  r.done_time_ms = 1706641815190;
  return r;
}

}  // namespace kexp::test
