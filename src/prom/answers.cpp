#include "answers.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <simdjson.h>
#include <string_view>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

namespace kexp::prom {

namespace {

namespace dom = simdjson::dom;
namespace ondemand = simdjson::ondemand;

constexpr std::size_t kShownBytes = 200;

/// The start of a text that is no answer, on one line.
std::string excerpt(const std::string& body) {
  std::string text = body.substr(0, kShownBytes);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return body.size() > kShownBytes ? text + "…" : text;
}

/// Runs `read`, with simdjson's errors made ours.
template <typename Read>
auto reading(const Read& read) {
  try {
    return read();
  } catch (const simdjson::simdjson_error& e) {
    throw BadAnswer(fmt::format("the answer is cut off, or not Prometheus' ({})", e.what()));
  }
}

/// `data` of a small answer, whose status is checked.
dom::element data_of(dom::parser& parser, const std::string& body, Warnings& warnings) {
  const dom::object root = parser.parse(body);
  if (std::string_view(root["status"]) != "success") {
    throw BadAnswer(std::string(std::string_view(root["error"])));
  }
  dom::array told;
  if (root["warnings"].get(told) == simdjson::SUCCESS) {
    for (const std::string_view warning : told) {
      warnings.emplace_back(warning);
    }
  }
  return root["data"];
}

/// Prometheus' way to write a duration: 1m30s, 500ms.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::int64_t>, 7> kUnits = {
      {{"ms", 1},
       {"s", 1000},
       {"m", 60'000},
       {"h", 3'600'000},
       {"d", 86'400'000},
       {"w", 604'800'000},
       {"y", 31'536'000'000}}};
  std::int64_t sum_ms = 0;
  for (bool first = true; first || !text.empty(); first = false) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const auto unit = std::find_if(kUnits.begin(), kUnits.end(),
                                   [&](const auto& one) { return text.starts_with(one.first); });
    if (error != std::errc() || number < 0 || number > 1'000'000 || unit == kUnits.end()) {
      return std::nullopt;
    }
    sum_ms += number * unit->second;
    text.remove_prefix(unit->first.size());
  }
  return std::chrono::milliseconds(sum_ms);
}

double parse_value(std::string_view text) {
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);  // "+Inf"; from_chars takes no plus.
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    throw BadAnswer(fmt::format("\"{}\" is no number of 64 bits", text));
  }
  if (error != std::errc() || end != text.data() + text.size()) {
    throw BadAnswer(fmt::format("\"{}\" is no number", text));
  }
  return value;
}

Sample read_sample(ondemand::array pair) {
  Sample sample;
  int position = 0;
  for (ondemand::value item : pair) {
    if (position == 0) {
      sample.ts_ms = std::llround(item.get_double() * 1000.0);
    } else if (position == 1) {
      sample.value = parse_value(item.get_string());
    }
    ++position;
  }
  if (position != 2) {
    throw BadAnswer("a sample is not a time and a value");
  }
  return sample;
}

SeriesSamples read_one_series(ondemand::object object) {
  SeriesSamples series;
  for (auto field : object) {
    const std::string_view key = field.unescaped_key();
    if (key == "metric") {
      for (auto label : field.value().get_object()) {
        const std::string name(std::string_view(label.unescaped_key()));
        const std::string_view value = label.value().get_string();
        if (name != "__name__") {
          series.labels.emplace(name, value);
        }
      }
    } else if (key == "values") {
      for (ondemand::value pair : field.value().get_array()) {
        series.samples.push_back(read_sample(pair.get_array()));
      }
    } else if (key == "histograms") {
      for (ondemand::value histogram : field.value().get_array()) {
        static_cast<void>(histogram);
        ++series.histograms;
      }
    }
  }
  return series;
}

std::vector<SeriesSamples> read_result(ondemand::object data) {
  std::vector<SeriesSamples> result;
  for (auto field : data) {
    const std::string_view key = field.unescaped_key();
    if (key == "resultType") {
      const std::string_view type = field.value().get_string();
      if (type != "matrix") {
        throw BadAnswer(fmt::format("the result is a {} where samples over time were asked for", type));
      }
    } else if (key == "result") {
      for (ondemand::value series : field.value().get_array()) {
        result.push_back(read_one_series(series.get_object()));
      }
    }
  }
  return result;
}

}  // namespace

Problem parse_problem(const std::string& body) {
  try {
    dom::parser parser;
    const dom::object root = parser.parse(body);
    return {std::string(std::string_view(root["errorType"])), std::string(std::string_view(root["error"]))};
  } catch (const simdjson::simdjson_error&) {
    return {"", excerpt(body)};
  }
}

std::vector<std::string> parse_strings(std::string body, Warnings& warnings) {
  return reading([&] {
    dom::parser parser;
    std::vector<std::string> strings;
    for (const std::string_view text : dom::array(data_of(parser, body, warnings))) {
      strings.emplace_back(text);
    }
    return strings;
  });
}

std::vector<Labels> parse_series(std::string body, Warnings& warnings) {
  return reading([&] {
    dom::parser parser;
    std::vector<Labels> all;
    for (const dom::object series : dom::array(data_of(parser, body, warnings))) {
      Labels& labels = all.emplace_back();
      for (const auto& [name, value] : series) {
        if (name != "__name__") {
          labels.emplace(name, std::string_view(value));
        }
      }
    }
    return all;
  });
}

std::map<std::string, MetricMetadata> parse_metadata(std::string body, Warnings& warnings) {
  return reading([&] {
    dom::parser parser;
    std::map<std::string, MetricMetadata> all;
    for (const auto& [metric, entries] : dom::object(data_of(parser, body, warnings))) {
      for (const dom::object entry : dom::array(entries)) {
        all.try_emplace(std::string(metric), MetricMetadata{std::string(std::string_view(entry["type"])),
                                                            std::string(std::string_view(entry["help"])),
                                                            std::string(std::string_view(entry["unit"]))});
      }
    }
    return all;
  });
}

std::vector<Target> parse_targets(std::string body, Warnings& warnings) {
  return reading([&] {
    dom::parser parser;
    std::vector<Target> targets;
    for (const dom::object one : dom::array(data_of(parser, body, warnings)["activeTargets"])) {
      Target& target = targets.emplace_back();
      for (const auto& [name, value] : dom::object(one["labels"])) {
        target.labels.emplace(name, std::string_view(value));
      }
      std::string_view interval;
      if (one["scrapeInterval"].get(interval) == simdjson::SUCCESS) {
        target.scrape_interval = parse_duration(interval);
      }
    }
    return targets;
  });
}

std::map<std::string, std::string> parse_info(std::string body, Warnings& warnings) {
  return reading([&] {
    dom::parser parser;
    std::map<std::string, std::string> info;
    for (const auto& [key, value] : dom::object(data_of(parser, body, warnings))) {
      std::string_view text;
      if (value.get(text) == simdjson::SUCCESS) {
        info.emplace(key, text);
      }
    }
    return info;
  });
}

Labels parse_external_labels(std::string body, Warnings& warnings) {
  const std::map<std::string, std::string> info = parse_info(std::move(body), warnings);
  const auto yaml = info.find("yaml");
  try {
    Labels labels;
    const YAML::Node config = YAML::Load(yaml == info.end() ? "" : yaml->second);
    const YAML::Node global = config.IsMap() ? config["global"] : YAML::Node();
    const YAML::Node external = global && global.IsMap() ? global["external_labels"] : YAML::Node();
    if (external && external.IsMap()) {
      for (const auto& label : external) {
        labels.emplace(label.first.as<std::string>(), label.second.as<std::string>());
      }
    }
    return labels;
  } catch (const YAML::Exception& e) {
    throw BadAnswer(fmt::format("the configuration is no YAML: {}", e.what()));
  }
}

double parse_scalar(std::string body, Warnings& warnings) {
  return reading([&] {
    dom::parser parser;
    return parse_value(std::string_view(dom::array(data_of(parser, body, warnings)["result"]).at(1)));
  });
}

double parse_sum(std::string body, Warnings& warnings) {
  return reading([&] {
    dom::parser parser;
    double sum = 0;
    for (const dom::object one : dom::array(data_of(parser, body, warnings)["result"])) {
      sum += parse_value(std::string_view(dom::array(one["value"]).at(1)));
    }
    return sum;
  });
}

std::vector<SeriesSamples> parse_matrix(std::string body, Warnings& warnings) {
  const std::size_t size = body.size();
  body.reserve(size + simdjson::SIMDJSON_PADDING);
  return reading([&] {
    ondemand::parser parser;
    ondemand::document document =
        parser.iterate(simdjson::padded_string_view(body.data(), size, body.capacity()));
    std::vector<SeriesSamples> result;
    bool has_data = false;
    for (auto field : document.get_object()) {
      const std::string_view key = field.unescaped_key();
      if (key == "data") {
        result = read_result(field.value().get_object());
        has_data = true;
      } else if (key == "error") {
        throw BadAnswer(std::string(std::string_view(field.value().get_string())));
      } else if (key == "warnings") {
        for (ondemand::value warning : field.value().get_array()) {
          warnings.emplace_back(std::string_view(warning.get_string()));
        }
      }
    }
    if (!has_data) {
      throw BadAnswer("the answer has no data");
    }
    return result;
  });
}

}  // namespace kexp::prom
