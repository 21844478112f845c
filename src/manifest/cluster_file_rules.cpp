#include "cluster_file_rules.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/ids.hpp"
#include "kexp/manifest/quantity.hpp"

namespace kexp::manifest {
namespace {

// By hand: what the C library's isalnum takes for a letter depends on the locale.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }

bool is_letter_or_digit(char c) { return is_letter(c) || is_digit(c); }
bool is_name_character(char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; }

template <typename Allowed>
bool all_of(std::string_view text, Allowed allowed) {
  return std::all_of(text.begin(), text.end(), allowed);
}

bool is_number(std::string_view text) { return !text.empty() && all_of(text, is_digit); }

/// Cuts `text` at every `separator` and asks `matches` about each piece.
template <typename Matches>
bool each_piece(std::string_view text, char separator, Matches matches) {
  while (true) {
    const std::size_t end = text.find(separator);
    if (!matches(text.substr(0, end))) {
      return false;
    }
    if (end == std::string_view::npos) {
      return true;
    }
    text.remove_prefix(end + 1);
  }
}

bool is_dns_label(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         all_of(text, [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

bool is_dns_name(std::string_view text) { return text.size() <= 253 && each_piece(text, '.', is_dns_label); }

/// Numbers with dots between them, as many as `least` to `most`.
bool is_version(std::string_view text, int least, int most) {
  int parts = 0;
  const bool numbers = each_piece(text, '.', [&](std::string_view part) {
    ++parts;
    return is_number(part) && part.size() <= 5 && (part == "0" || part.front() != '0');
  });
  return numbers && parts >= least && parts <= most;
}

bool is_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return is_number(text) && error == std::errc{} && end == text.data() + text.size() && port >= 1 &&
         port <= 65535;
}

bool is_host_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_port(text.substr(colon + 1))) {
    return false;
  }
  std::string host(text.substr(0, colon));
  std::transform(host.begin(), host.end(), host.begin(),
                 [](char c) { return is_letter(c) && !is_lower(c) ? static_cast<char>(c - 'A' + 'a') : c; });
  return is_dns_name(host);
}

bool is_any_text(const std::string& text) {
  return !text.empty() && text.front() != ' ' && text.back() != ' ' &&
         all_of(text, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7F'; });
}

bool is_user(const std::string& text) {
  return !text.empty() && text.size() <= 32 && (is_lower(text.front()) || text.front() == '_') &&
         all_of(text, [](char c) { return is_lower(c) || is_digit(c) || c == '_' || c == '-'; });
}

bool is_folder_name(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.front() != '-' && all_of(text, is_name_character);
}

bool is_folder(const std::string& text) {
  return text.starts_with('/') && each_piece(std::string_view(text).substr(1), '/', is_folder_name);
}

bool is_web_address(const std::string& text) {
  std::string_view rest = text;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (rest.starts_with(scheme)) {
      rest.remove_prefix(scheme.size());
      return !rest.empty() && rest.front() != '/' && rest.front() != ':' &&
             all_of(rest, [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\' && c != '@'; });
    }
  }
  return false;
}

bool is_retention(const std::string& text) {
  // Prometheus wants the units from the largest to the smallest, each once.
  std::string_view units = "ywdhms";
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto digits =
        static_cast<std::size_t>(std::find_if_not(rest.begin(), rest.end(), is_digit) - rest.begin());
    if (digits == 0 || digits > 6 || digits == rest.size()) {
      return false;
    }
    const std::size_t unit = units.find(rest[digits]);
    if (unit == std::string_view::npos) {
      return false;
    }
    units.remove_prefix(unit + 1);
    rest.remove_prefix(digits + 1);
  }
  return !text.empty() && text.front() != '0';
}

bool is_side(std::string_view text) {
  return is_number(text) && text.size() <= 4 && text.front() != '0' && std::stoi(std::string(text)) <= 8192;
}

bool is_resolution(const std::string& text) {
  const std::size_t cross = text.find('x');
  return text == "auto" || text == "square" || is_side(text) ||
         (cross != std::string::npos && is_side(std::string_view(text).substr(0, cross)) &&
          is_side(std::string_view(text).substr(cross + 1)));
}

bool is_label_value(std::string_view text) {
  return text.empty() || (text.size() <= 63 && is_letter_or_digit(text.front()) &&
                          is_letter_or_digit(text.back()) && all_of(text, is_name_character));
}

bool is_label_key(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view name = slash == std::string_view::npos ? text : text.substr(slash + 1);
  return !name.empty() && is_label_value(name) &&
         (slash == std::string_view::npos || is_dns_name(text.substr(0, slash)));
}

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= 128 && text.front() != '.' && text.front() != '-' &&
         all_of(text, is_name_character);
}

bool is_digest(std::string_view text) {
  const std::string_view algorithm = "sha256:";
  return text.starts_with(algorithm) && text.size() == algorithm.size() + 64 &&
         all_of(text.substr(algorithm.size()), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_repository(std::string_view text) {
  bool first = true;
  return each_piece(text, '/', [&](std::string_view part) {
    const bool host = std::exchange(first, false);
    return !part.empty() && is_letter_or_digit(part.front()) && all_of(part, [&](char c) {
      return is_lower(c) || is_digit(c) || c == '.' || c == '_' || c == '-' || (host && c == ':');
    });
  });
}

struct ImageName {
  std::string_view repository;
  ImageVersion version;
  bool has_tag = false;
  bool has_digest = false;
};

ImageName split_image(std::string_view image) {
  ImageName name;
  const std::size_t at = image.find('@');
  name.has_digest = at != std::string_view::npos;
  name.version.digest = name.has_digest ? image.substr(at + 1) : "";
  image = image.substr(0, at);
  const std::size_t colon = image.rfind(':');
  const std::size_t slash = image.rfind('/');
  // The colon of host:5000/name is no tag's.
  name.has_tag = colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash);
  name.version.tag = name.has_tag ? image.substr(colon + 1) : "";
  name.repository = name.has_tag ? image.substr(0, colon) : image;
  return name;
}

bool is_image(const std::string& text) {
  const ImageName name = split_image(text);
  return is_repository(name.repository) && (!name.has_tag || is_tag(name.version.tag)) &&
         (!name.has_digest || is_digest(name.version.digest));
}

constexpr const char* kDnsLabel = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

}  // namespace

namespace rules {

TextRule any_text() { return {"text", "a text in one line", R"(^[^\s](.*[^\s])?$)", is_any_text}; }

TextRule dns_label() {
  return {"name", "a name of at most 63 lower-case letters, digits and '-' between them (RFC 1123)",
          fmt::format("^{}$", kDnsLabel), [](const std::string& text) { return is_dns_label(text); }};
}

TextRule dns_name() {
  return {"host name", "a host name: lower-case letters, digits, and '-' or '.' between them (RFC 1123)",
          fmt::format(R"(^{0}(\.{0})*$)", kDnsLabel),
          [](const std::string& text) { return is_dns_name(text); }};
}

TextRule ipv4() {
  return {"IPv4 address", "an IPv4 address such as 192.168.1.152", R"(^[0-9]{1,3}(\.[0-9]{1,3}){3}$)",
          [](const std::string& text) { return parse_ipv4(text).has_value(); }};
}

TextRule network() {
  return {"IPv4 network", "an IPv4 network such as 192.168.1.0/24, without bits behind its prefix",
          R"(^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$)",
          [](const std::string& text) { return parse_cidr(text).has_value(); }};
}

TextRule full_version() {
  return {"version", "a version of three numbers such as 1.36.4, without a \"v\"",
          R"(^(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){2}$)",
          [](const std::string& text) { return is_version(text, 3, 3); }};
}

TextRule series_version() {
  return {"version, in quotes", "a version of two or three numbers such as \"2.3\", without a \"v\"",
          R"(^(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){1,2}$)",
          [](const std::string& text) { return is_version(text, 2, 3); }};
}

TextRule user() {
  return {"user", "a user name of Linux: lower-case letters, digits, '_' and '-'", "^[a-z_][a-z0-9_-]{0,31}$",
          is_user};
}

TextRule folder() {
  return {"absolute path", "an absolute path of letters, digits, '.', '_' and '-'",
          "^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$", is_folder};
}

TextRule web_address() {
  return {"URL", "an address such as http://prometheus.lab:9090, without a password",
          R"(^https?://[^/:\s"\\@][^\s"\\@]*$)", is_web_address};
}

TextRule servers() {
  return {"`host:port,…`", "a list such as kafka-1:9092,kafka-2:9092, each with its port",
          "^[A-Za-z0-9.-]+:[0-9]{1,5}(,[A-Za-z0-9.-]+:[0-9]{1,5})*$",
          [](const std::string& text) { return each_piece(text, ',', is_host_and_port); }};
}

TextRule kafka_name() {
  return {"name", "a name as Kafka has them: letters, digits, '.', '_' and '-', at most 200",
          "^[A-Za-z0-9._-]{1,200}$", is_plain_name};
}

TextRule image() {
  return {"image", "an image such as registry.lab:5000/kexp-consumer:0.1.0, or one with @sha256:…",
          "^[a-z0-9][a-z0-9._-]*(:[0-9]+)?(/"
          "[a-z0-9][a-z0-9._-]*)*((:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?@sha256:[0-9a-f]{64}"
          "|:(?!latest$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$",
          is_image};
}

TextRule retention() {
  return {"time: `30d`, `36h`", "a time such as 30d, 2w or 36h",
          "^[1-9][0-9]{0,5}[ywdhms]([0-9]{1,6}[ywdhms])*$", is_retention};
}

TextRule resolution() {
  return {"`auto`, `square`, N or WxH", "auto, square, a side such as 640, or WxH such as 640x480",
          "^(auto|square|[1-9][0-9]{0,3}(x[1-9][0-9]{0,3})?)$", is_resolution};
}

TextRule label_key() {
  return {"label", "a label's name such as lab.example/room",
          R"(^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$)",
          [](const std::string& text) { return is_label_key(text); }};
}

TextRule label_value() {
  return {"label", "a label's value: at most 63 letters, digits, '.', '_' and '-'",
          "^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$",
          [](const std::string& text) { return is_label_value(text); }};
}

}  // namespace rules

ImageVersion image_version(const std::string& image) { return split_image(image).version; }

}  // namespace kexp::manifest
