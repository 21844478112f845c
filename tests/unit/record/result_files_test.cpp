#include "kexp/record/result_files.hpp"

#include <gtest/gtest.h>

#include "example_result.hpp"

namespace kexp::test {
namespace {

TEST(ResultFilesTest, AResultIsALineInTheColumnsOfTheContract) {
  EXPECT_EQ(record::result_header() + record::result_line(example_result(), {1706641815200, 1, 4096}),
            "source,model,dimensions,idle,pre,inf,post,queue,start_time,end_time,id,errors,run,node,pod,"
            "engine,threads,width,height,partition,offset,decode,throttled_ms,done_time,received_ms,"
            "n_detections,answer_partition,answer_offset,error\n"
            "10.244.1.7,yolov5n,\"[1, 3, 640, 640]\",3.1,1.9,53.2,0.4,12,1706641815123,1706641815135,4711,0,"
            "20261121T180304Z-7f3k,worker1,consumer-5d9,opencv,1,768,576,3,99,2.2,0,1706641815190,"
            "1706641815200,0,1,4096,\n");
}

// The stages of such a row were 0, which moved every mean, and why it had failed was in no file.
TEST(ResultFilesTest, ARowOfAnErrorTellsWhyAndIsEmptyWhereNothingWasMeasured) {
  record::Result r = example_result();
  r.errors = 1;
  r.error = "not a JPEG, not a PNG";
  r.pre_ms = r.inf_ms = r.post_ms = r.decode_ms = 0;
  r.width = r.height = 0;
  EXPECT_EQ(record::result_line(r, {1706641815200, 1, 4096}),
            "10.244.1.7,yolov5n,\"[1, 3, 640, 640]\",3.1,,,,12,1706641815123,1706641815135,4711,1,"
            "20261121T180304Z-7f3k,worker1,consumer-5d9,opencv,1,,,3,99,,0,1706641815190,1706641815200,0,1,"
            "4096,\"not a JPEG, not a PNG\"\n");
}

TEST(ResultFilesTest, EveryDetectionIsALine) {
  record::Result r = example_result();
  r.detections = {{0, "person", 0.82, {219.3, 407.8, 130.1, 454.9}}, {9, "traffic light, red", 0.5, {}}};
  EXPECT_EQ(record::detection_header() + record::detection_lines(r),
            "id,class_id,label,confidence,x,y,width,height\n"
            "4711,0,person,0.82,219.3,407.8,130.1,454.9\n"
            "4711,9,\"traffic light, red\",0.5,0,0,0,0\n");
}

}  // namespace
}  // namespace kexp::test
