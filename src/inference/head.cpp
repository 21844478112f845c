#include "kexp/inference/head.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/inference/detector.hpp"

namespace kexp::inference {

namespace {

constexpr std::array<std::pair<BoxCoding, const char*>, 3> kCodings{
    {{BoxCoding::distances, "distances"},
     {BoxCoding::squared, "squared"},
     {BoxCoding::exponential, "exponential"}}};
constexpr int kMostStride = 1024;
constexpr std::size_t kMostClasses = 100'000;
constexpr std::size_t kMostBins = 256;

std::string coding_name(BoxCoding coding) {
  for (const auto& [known, name] : kCodings) {
    if (known == coding) {
      return name;
    }
  }
  return {};
}

std::optional<BoxCoding> coding_named(const std::string& wanted) {
  for (const auto& [coding, name] : kCodings) {
    if (wanted == name) {
      return coding;
    }
  }
  return std::nullopt;
}

Json level_json(const HeadLevel& level) {
  Json anchors = Json::array();
  for (const Anchor& anchor : level.anchors) {
    anchors.push_back({anchor.width, anchor.height});
  }
  return {{"stride", level.stride},
          {"boxes", level.boxes},
          {"classes", level.classes},
          {"anchors", anchors},
          {"spread", level.spread}};
}

HeadLevel level_of(const Json& json) {
  HeadLevel level{json.at("stride").get<int>(),
                  json.at("boxes").get<std::string>(),
                  json.at("classes").get<std::string>(),
                  {},
                  json.at("spread").get<float>()};
  for (const Json& anchor : json.at("anchors")) {
    level.anchors.push_back({anchor.at(0).get<float>(), anchor.at(1).get<float>()});
  }
  return level;
}

bool is_sound(const HeadLevel& level, BoxCoding coding) {
  const bool apart = coding == BoxCoding::distances;
  return level.stride >= 1 && level.stride <= kMostStride && !level.boxes.empty() &&
         level.anchors.empty() == apart && level.classes.empty() != apart;
}

bool is_sound(const Head& head) {
  const bool counts =
      head.classes >= 1 && head.classes <= kMostClasses && head.bins >= 1 && head.bins <= kMostBins;
  return counts && !head.levels.empty() &&
         std::all_of(head.levels.begin(), head.levels.end(),
                     [&](const HeadLevel& level) { return is_sound(level, head.coding); });
}

std::string strides_text(const Head& head) {
  std::vector<std::string> strides;
  for (const HeadLevel& level : head.levels) {
    strides.push_back(std::to_string(level.stride));
  }
  const std::string last = strides.back();
  strides.pop_back();
  return strides.empty() ? fmt::format("stride {}", last)
                         : fmt::format("strides {} and {}", fmt::join(strides, ", "), last);
}

std::string coding_text(const Head& head) {
  if (head.coding == BoxCoding::distances) {
    return head.bins == 1 ? "distances" : fmt::format("distances in {} bins", head.bins);
  }
  const char* form = head.coding == BoxCoding::squared ? "squared (YOLOv5)" : "exponential (Darknet)";
  return fmt::format("{} anchors, {}", head.levels[0].anchors.size(), form);
}

void check_tensor(const std::string& name, const TensorView& tensor, std::size_t channels, int stride,
                  int width, int height) {
  const std::vector<std::int64_t> wanted{1, static_cast<std::int64_t>(channels), height / stride,
                                         width / stride};
  if (tensor.shape != wanted) {
    throw ModelError(fmt::format("its head {} is {}, wanted {} for an input of {}x{}", name,
                                 shape_text(tensor.shape), shape_text(wanted), width, height));
  }
}

}  // namespace

std::vector<std::string> tensor_names(const Head& head) {
  std::vector<std::string> names;
  for (const HeadLevel& level : head.levels) {
    names.push_back(level.boxes);
    if (!level.classes.empty()) {
      names.push_back(level.classes);
    }
  }
  return names;
}

std::string head_text(const Head& head) {
  return fmt::format("{}, {}, {} classes, {}", coding_text(head), strides_text(head), head.classes,
                     head.selection == Selection::top ? "one box for each object" : "overlaps suppressed");
}

std::string head_json(const Head& head) {
  Json levels = Json::array();
  for (const HeadLevel& level : head.levels) {
    levels.push_back(level_json(level));
  }
  const Json json{{"coding", coding_name(head.coding)},
                  {"top", head.selection == Selection::top},
                  {"classes", head.classes},
                  {"bins", head.bins},
                  {"levels", std::move(levels)}};
  return json.dump();
}

std::optional<Head> parse_head(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    const auto coding = coding_named(json.at("coding").get<std::string>());
    Head head;
    head.coding = coding.value_or(BoxCoding::distances);
    head.selection = json.at("top").get<bool>() ? Selection::top : Selection::suppress;
    head.classes = json.at("classes").get<std::size_t>();
    head.bins = json.at("bins").get<std::size_t>();
    for (const Json& level : json.at("levels")) {
      head.levels.push_back(level_of(level));
    }
    return coding && is_sound(head) ? std::optional(std::move(head)) : std::nullopt;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

void check_tensors(const Head& head, std::span<const TensorView> tensors, int width, int height) {
  constexpr std::size_t kAnchorFields = 5;
  std::size_t at = 0;
  for (const HeadLevel& level : head.levels) {
    if (head.coding == BoxCoding::distances) {
      check_tensor(level.boxes, tensors[at++], 4 * head.bins, level.stride, width, height);
      check_tensor(level.classes, tensors[at++], head.classes, level.stride, width, height);
    } else {
      check_tensor(level.boxes, tensors[at++], level.anchors.size() * (kAnchorFields + head.classes),
                   level.stride, width, height);
    }
  }
}

}  // namespace kexp::inference
