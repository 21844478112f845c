// Writes the seeds of the fuzz targets, all made here: what each of them reads in its usual forms, and bombs.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <png.h>

#include <fmt/format.h>

#include "kexp/inference/darknet.hpp"
#include "kexp/record/result.hpp"

#include "darknet_files.hpp"
#include "graph/prepare_graph.hpp"
#include "graph_files.hpp"
#include "onnx_files.hpp"
#include "picture_files.hpp"
#include "support/chunk_writer.hpp"

namespace kexp::test {
namespace {

namespace fs = std::filesystem;

/// The seeds of one target.
class Corpus {
 public:
  explicit Corpus(fs::path folder) : folder_(std::move(folder)) { fs::create_directories(folder_); }

  void add(const std::string& name, std::string_view content) const {
    std::ofstream file(folder_ / name, std::ios::binary);
    file.exceptions(std::ios::failbit | std::ios::badbit);
    file << content;
  }
  void add(const std::string& name, const Bytes& content) const {
    add(name, std::string_view(reinterpret_cast<const char*>(content.data()), content.size()));
  }

 private:
  fs::path folder_;
};

// --- Pictures ---------------------------------------------------------------------------------------------

void write_pictures(const Corpus& corpus) {
  const image::Image picture = gradient(20, 12);
  const Bytes jpeg = image::encode_jpeg(picture, 90);
  const Bytes png = image::encode_png(picture);
  corpus.add("colour.jpg", jpeg);
  corpus.add("grey.jpg", grey_jpeg(17, 9));
  corpus.add("cmyk.jpg", cmyk_jpeg(8, 8));
  corpus.add("progressive.jpg", progressive_jpeg(picture));
  corpus.add("turned-big-endian.jpg", jpeg_with_orientation(picture, 6, true));
  corpus.add("turned-little-endian.jpg", jpeg_with_orientation(picture, 3, false));
  corpus.add("half.jpg", Bytes(jpeg.begin(), jpeg.begin() + static_cast<std::ptrdiff_t>(jpeg.size() / 2)));
  corpus.add("bomb-of-sides.jpg", jpeg_claiming(progressive_jpeg(picture), 65500, 65500));
  corpus.add("bomb-of-pixels.jpg", jpeg_claiming(progressive_jpeg(picture), 16384, 16384));
  corpus.add("bomb-of-scans.jpg", jpeg_of_many_scans(gradient(16, 16)));
  corpus.add("colour.png", png);
  corpus.add("grey16.png", png_file(5, 4, {PNG_COLOR_TYPE_GRAY, 16, 1}, Bytes(std::size_t{2} * 5 * 4, 0x5A)));
  corpus.add("alpha-interlaced.png",
             png_file(9, 9, {PNG_COLOR_TYPE_RGB_ALPHA, 8, 4, true}, Bytes(std::size_t{4} * 9 * 9, 0x77)));
  corpus.add("palette.png", palette_png(3, 2, {0, 1, 2, 3, 2, 1}));
  corpus.add("turned.png", with_chunk(png, "eXIf", exif_block(8, true)));
  corpus.add("half.png", Bytes(png.begin(), png.begin() + static_cast<std::ptrdiff_t>(png.size() / 2)));
  corpus.add("bomb-of-sides.png", png_claiming(0x7FFFFFFF, 0x7FFFFFFF));
  corpus.add("bomb-of-pixels.png", png_claiming(16384, 16384));
  corpus.add("block.exif", exif_block(5, false));
}

// --- Models -----------------------------------------------------------------------------------------------

std::string model_of(TestGraph& made, const std::string& names) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  *model.mutable_graph() = made.graph();
  auto& entry = *model.add_metadata_props();
  entry.set_key("names");
  entry.set_value(names);
  return model.SerializeAsString();
}

/// Boxes and classes of three levels, as YOLOv8 ends.
std::string distance_model() {
  TestGraph made;
  std::vector<std::string> joined;
  int level = 0;
  for (const std::string& feature : made.backbone()) {
    const std::string at = std::to_string(level++);
    const std::string boxes = made.convolution(feature, 64, 1, "/model.22/cv2." + at + "/Conv");
    const std::string classes = made.convolution(feature, 3, 1, "/model.22/cv3." + at + "/Conv");
    const std::string gate = made.builder().node("Sigmoid", {classes});
    joined.push_back(made.builder().node("Concat", {boxes, gate}, {{"axis", std::int64_t{1}}}));
  }
  const std::string sizes = made.builder().integers({64, 3});
  const std::string all = made.builder().node("Concat", joined, {{"axis", std::int64_t{2}}});
  const auto parts = made.builder().nodes("Split", {all, sizes}, 2, {{"axis", std::int64_t{1}}});
  made.builder().node("Concat", {parts[0], made.builder().node("Identity", {parts[1]})},
                      {{"axis", std::int64_t{1}}}, "output0");
  made.output("output0", {1, 7, 84});
  return model_of(made, "{0: 'person', 1: 'car', 2: \"dog's\"}");
}

/// One level of (2s)^2 times anchors, as YOLOv5 ends.
std::string squared_model() {
  TestGraph made;
  inference::OnnxBuilder& builder = made.builder();
  const std::string raw = made.convolution(made.backbone()[0], 12);
  const std::string all = builder.node("Sigmoid", {raw});
  const std::vector<float> two{2};
  const std::string doubled = builder.node("Mul", {all, builder.floats({1}, two)});
  const std::string squared = builder.node("Pow", {doubled, builder.floats({1}, two)});
  const std::vector<float> anchors{10, 13, 16, 30};
  builder.node("Mul", {squared, builder.floats({1, 2, 1, 1, 2}, anchors)}, {}, "output0");
  made.output("output0", {1, 128, 6});
  return model_of(made, "{0: 'person'}");
}

/// What the network's 16-bit floats are taken for.
std::string half_model() {
  onnx::ModelProto model;
  model.ParseFromString(distance_model());
  auto& graph = *model.mutable_graph();
  for (auto& weight : *graph.mutable_initializer()) {
    if (weight.data_type() == onnx::TensorProto::FLOAT) {
      weight.set_data_type(onnx::TensorProto::FLOAT16);
      weight.set_raw_data(weight.raw_data().substr(0, weight.raw_data().size() / 2));
    }
  }
  graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT16);
  return model.SerializeAsString();
}

/// Matrices of numbers that the network makes, as in the attention of YOLO11.
std::string attention_model() {
  TestGraph made;
  const std::string product = made.builder().node("MatMul", {"images", "images"});
  const std::string rows = made.builder().node("Softmax", {product}, {{"axis", std::int64_t{-1}}});
  const std::string gate = made.builder().node("Sigmoid", {rows});
  made.builder().node("Mul", {rows, gate}, {}, "output0");
  made.output("output0", {1, 84, 100});
  return model_of(made, "");
}

/// Hundreds of convolutions behind hundreds of nodes in a row that hand on what they get: whoever follows the
/// row for each of them, and at each of its nodes once more, needs minutes for a file of 20 KB.
std::string row_model() {
  constexpr int kNodes = 250;
  TestGraph made;
  std::string end = "images";
  for (int i = 0; i < kNodes; ++i) {
    end = made.builder().node("Squeeze", {end});
  }
  const std::string weight = made.builder().floats({2, 1, 1, 1}, std::vector<float>{1, 1});
  std::vector<std::string> ends;
  for (int i = 0; i < kNodes; ++i) {
    ends.push_back(made.builder().node("Conv", {end, weight}));
  }
  made.builder().node("Concat", ends, {{"axis", std::int64_t{1}}}, "output0");
  made.output("output0", {1, 84, 100});
  return model_of(made, "");
}

std::string darknet_onnx() {
  const TempDir dir;
  const DarknetModelFiles files = write_darknet_model(dir);
  return inference::convert_darknet({files.cfg, files.weights, files.names, {}, ""}).onnx;
}

void write_models(const Corpus& corpus) {
  constexpr std::int64_t kGiant = std::int64_t{1} << 40;
  const auto claims = [](const Shape& input, const Shape& output,
                         const std::vector<std::pair<std::string, std::string>>& metadata) {
    return model_with({input}, {output}, metadata).SerializeAsString();
  };
  corpus.add("darknet.onnx", darknet_onnx());
  corpus.add("prepared.onnx", inference::as_file(inference::prepare_graph("m.onnx", darknet_onnx())));
  corpus.add("distances.onnx", distance_model());
  corpus.add("squared.onnx", squared_model());
  corpus.add("half.onnx", half_model());
  corpus.add("attention.onnx", attention_model());
  corpus.add("bomb-of-nodes-in-a-row.onnx", row_model());
  corpus.add("open.onnx", claims({1, 3, -1, -1}, {1, 84, -1}, {{"imgsz", "[320, 640]"}, {"task", "detect"}}));
  corpus.add("end-to-end.onnx", claims({1, 3, 640, 640}, {1, 300, 6}, {{"names", "['person', 'car']"}}));
  corpus.add("bomb-of-sides.onnx", claims({1, 3, kGiant, kGiant}, {1, 84, 8400}, {}));
  corpus.add("bomb-of-classes.onnx", claims({1, 3, 64, 64}, {1, kGiant, kGiant + 1}, {}));
  corpus.add("bomb-of-labels.onnx",
             claims({1, 3, 64, 64}, {1, 84, 8400}, {{"names", "{18446744073709551614: 'person'}"}}));
  corpus.add("stride-of-0.onnx", claims({1, 3, -1, -1}, {1, 84, -1}, {{"stride", "0"}}));
}

// --- Darknet ----------------------------------------------------------------------------------------------

std::string content_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// As the target wants it, with `from` in the cfg replaced by `to`.
std::string darknet_input(const std::string& from, const std::string& to) {
  const TempDir dir;
  return fmt::format("{}\n{}", kDarknetNumbers, content_of(write_darknet_model(dir, from, to).cfg));
}

void write_cfgs(const Corpus& corpus) {
  corpus.add("tiny.cfg", darknet_input("", ""));
  corpus.add("bomb-of-width.cfg", darknet_input("width=64", "width=1000000000"));
  corpus.add("bomb-of-boxes.cfg",
             "28\n[net]\nwidth=8192\nheight=8192\n[convolutional]\nfilters=7\nsize=1\n"
             "[yolo]\nclasses=2\nanchors=1,1\n");
  std::string many = "layers=0";
  for (int i = 0; i < 200; ++i) {
    many += ",0";
  }
  const std::string joined = "[route]\n" + many + "\n";
  corpus.add("bomb-of-channels.cfg",
             "80000\n[net]\nwidth=8\nheight=8\n[convolutional]\nfilters=20000\nsize=1\n" + joined + joined);
}

// --- Messages ---------------------------------------------------------------------------------------------

void write_messages(const Corpus& corpus) {
  record::Result result;
  result.id = "4711";
  result.run = "run-a";
  result.model = "yolov5n";
  result.dimensions = {1, 3, 640, 640};
  result.detections.push_back({0, "person", 0.82, {219.3, 407.8, 130.1, 454.9}});
  corpus.add("ours", "4711\x1Erun-a\x1E\x1E" + record::to_json_text(result));
  corpus.add("other-producer",
             "\x1E\x1E\x1E{\"id\": \"7\", \"timestamps\": {\"inf\": 5.0, \"start_time\": 1706641815123.0}}");
  corpus.add("odd-ids",
             "\xFF\xFE,\"\n\x1E"
             "0 1 01 67108863 67108864 x\x1Eno JPEG or PNG\x1E[]");
  corpus.add("wrong-types",
             "a\x1E"
             "b\x1E"
             "c\x1E{\"id\": 7, \"detections\": {}}");
  corpus.add("numbers-out-of-range", "\x1E\x1E\x1E{\"errors\": 1e308, \"offset\": 18446744073709551615}");
}

// --- Samples of Prometheus --------------------------------------------------------------------------------

std::vector<prom::Sample> some_numbers() {
  std::vector<prom::Sample> samples;
  for (int i = 0; i < 20; ++i) {
    samples.push_back({1'706'572'800'137 + i * 5000 + i % 3 + (i > 10 ? 400'000 : 0), i % 7 * 0.1});
  }
  return samples;
}

std::vector<prom::Histogram> some_histograms(prom::Histogram::Counts counts) {
  const auto layout = std::make_shared<const prom::HistogramLayout>(
      prom::HistogramLayout{-53, 0.3, {{0, 2}}, {{1, 1}}, {0.005, 1.0 / 3}});
  std::vector<prom::Histogram> histograms;
  for (int i = 0; i < 4; ++i) {
    const double n = i;
    histograms.push_back({1'706'572'800'137 + i * 15'000,
                          counts,
                          prom::Histogram::Reset::unknown,
                          4 * n,
                          n,
                          0.1 * n,
                          {n, n},
                          {n},
                          layout});
  }
  return histograms;
}

std::vector<std::pair<std::uint64_t, std::string>> some_chunks() {
  using Counts = prom::Histogram::Counts;
  return {{1, prom::xor_chunk(some_numbers())},
          {2, prom::histogram_chunk(some_histograms(Counts::integer))},
          {3, prom::float_histogram_chunk(some_histograms(Counts::floating))}};
}

void write_chunks(const Corpus& corpus) {
  for (const auto& [encoding, chunk] : some_chunks()) {
    corpus.add(fmt::format("encoding-{}", encoding), static_cast<char>(encoding - 1) + chunk);
  }
  corpus.add("bomb-of-samples", std::string("\0\xFF\xFF\x02", 4));
  prom::Histogram many;
  many.layout = std::make_shared<const prom::HistogramLayout>(
      prom::HistogramLayout{0, 0, {{0, 0xFFFFFFFF}, {0, 0xFFFFFFFF}}, {}, {}});
  corpus.add("bomb-of-buckets", '\1' + prom::histogram_chunk({many}));
}

void write_frames(const Corpus& corpus) {
  const prom::LabelList labels = {{"__name__", "up"}, {"instance", "a"}, {"site", "lab"}};
  const std::string chunks = prom::chunked_response(labels, some_chunks());
  corpus.add("two-messages", '\x05' + prom::framed(chunks) + prom::framed(chunks));
  corpus.add("message-of-chunks", '\xFF' + chunks);
  const std::string samples =
      prom::time_series(labels, some_numbers(), some_histograms(prom::Histogram::Counts::integer));
  corpus.add("message-of-samples", '\xFF' + prom::read_response({samples, samples}));
  corpus.add("bomb-of-length", std::string("\x01\xFF\xFF\xFF\xFF\x0F", 6));
}

}  // namespace
}  // namespace kexp::test

int main(int argc, char** argv) {
  using kexp::test::Corpus;
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " FOLDER\n";
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  kexp::test::write_pictures(Corpus(folder / "image_decode"));
  kexp::test::write_models(Corpus(folder / "onnx_reader"));
  kexp::test::write_cfgs(Corpus(folder / "darknet_cfg"));
  kexp::test::write_messages(Corpus(folder / "message_headers"));
  kexp::test::write_chunks(Corpus(folder / "prom_chunk"));
  kexp::test::write_frames(Corpus(folder / "prom_frames"));
}
