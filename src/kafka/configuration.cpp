#include "configuration.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/nearest.hpp"

namespace kexp::kafka {
namespace {

using ErrorText = std::array<char, 512>;

struct Refused {
  std::string_view name;
  std::string_view instead;
};
constexpr std::string_view kAcknowledged = "every record is acknowledged by all in-sync replicas, once";
constexpr std::string_view kDeliveryTimeout = "use --delivery-timeout of feed";
constexpr std::string_view kPartitions =
    "kexp chooses the partition of each record; use --partitioner of feed";
/// What kexp relies on, and what to do instead of -X.
constexpr std::array kRefused = {
    Refused{"bootstrap.servers", "use --servers"},
    Refused{"metadata.broker.list", "use --servers"},
    Refused{"group.id", "use --group"},
    Refused{"enable.auto.offset.store", "an offset is stored after its answer"},
    Refused{"enable.auto.commit", "what is stored is committed once a second (auto.commit.interval.ms)"},
    Refused{"transactional.id", "kexp sends without transactions"},
    Refused{"acks", kAcknowledged},
    Refused{"request.required.acks", kAcknowledged},
    Refused{"enable.idempotence", kAcknowledged},
    Refused{"message.timeout.ms", kDeliveryTimeout},
    Refused{"delivery.timeout.ms", kDeliveryTimeout},
    Refused{"partitioner", kPartitions},
};

std::string shown(const std::string& name, const std::string& value) {
  return fmt::format("{}={}", name, shown_value(name, value));
}

/// A property of the library, and who takes it: 'P', producers; 'C', consumers; '*', both.
struct KnownProperty {
  std::string name;
  char taker = '*';
};

/// Every property with its aliases, out of the table that the library prints for its documentation; its dump
/// leaves out aliases and what has no default.
std::vector<KnownProperty> known_properties() {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* memory = open_memstream(&text, &size);
  if (memory == nullptr) {
    return {};
  }
  rd_kafka_conf_properties_show(memory);
  std::fclose(memory);  // Now text and size are valid.
  const Handle<char, std::free> owned(text);
  std::istringstream lines(std::string(text, size));
  std::vector<KnownProperty> properties;
  constexpr std::string_view kBetween = " | ";
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(kBetween);
    if (first != std::string::npos && line.front() != '-') {
      const std::size_t taker = line.find_first_not_of(' ', first + kBetween.size());
      properties.push_back({line.substr(0, line.find(' ')), taker == std::string::npos ? '*' : line[taker]});
    }
  }
  return properties;
}

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  for (KnownProperty& property : known_properties()) {
    names.push_back(std::move(property.name));
  }
  return names;
}

/// Whether a client of this type has no use for the property.
bool is_for_others(const std::string& name, rd_kafka_type_t type) {
  const std::vector<KnownProperty> known = known_properties();
  const char others = type == RD_KAFKA_PRODUCER ? 'C' : 'P';
  return std::any_of(known.begin(), known.end(), [&](const KnownProperty& property) {
    return property.name == name && property.taker == others;
  });
}

void check_server(std::string_view server, const std::string& servers) {
  const std::size_t scheme = server.find("://");
  const std::string_view address = scheme == std::string_view::npos ? server : server.substr(scheme + 3);
  const std::size_t colon = address.rfind(':');
  const std::string_view host = address.substr(0, colon);
  bool good = !host.empty() && host.find(' ') == std::string_view::npos;
  if (colon != std::string_view::npos && !address.ends_with(']')) {
    const std::string_view port = address.substr(colon + 1);
    unsigned number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    good = good && error == std::errc{} && end == port.data() + port.size() && number >= 1 && number <= 65535;
  }
  if (!good) {
    throw UsageError(fmt::format("--servers must be host:port,host:port,…, got \"{}\"", servers));
  }
}

void check_servers(const std::string& servers) {
  for (std::size_t begin = 0; begin <= servers.size();) {
    const std::size_t end = std::min(servers.find(',', begin), servers.size());
    check_server(std::string_view(servers).substr(begin, end - begin), servers);
    begin = end + 1;
  }
}

/// The library's reason in one line; it says `queue.buffering.max.ms` where somebody wrote `linger.ms`.
std::string reason_naming(const std::string& name, std::string reason) {
  constexpr std::string_view kBefore = "property \"";
  if (const std::size_t before = reason.find(kBefore); before != std::string::npos) {
    const std::size_t begin = before + kBefore.size();
    reason.replace(begin, reason.find('"', begin) - begin, name);
  }
  return reason.substr(0, reason.find_last_not_of('\n') + 1);
}

}  // namespace

Configuration::Configuration(const ClientOptions& options, Events& events)
    : options_(options), conf_(rd_kafka_conf_new()) {
  check_servers(options.servers);
  set("bootstrap.servers", options.servers);
  set("client.id", options.client_id);
  set("message.max.bytes", kMaxMessageBytes);
  set("socket.nagle.disable",
      "true");  // The default since librdkafka 2.10: the end of an image waits for nothing.
  set("log.connection.close", "false");  // Idle connections end by the broker's will, every ten minutes.
  events.register_with(*conf_);
}

void Configuration::set(const std::string& name, const std::string& value) {
  ErrorText text{};
  if (rd_kafka_conf_set(conf_.get(), name.c_str(), value.c_str(), text.data(), text.size()) !=
      RD_KAFKA_CONF_OK) {
    throw UsageError(fmt::format("kafka client: {}={}: {}", name, value, text.data()));
  }
}

bool Configuration::set_if_known(const std::string& name, const std::string& value) {
  ErrorText text{};
  return rd_kafka_conf_set(conf_.get(), name.c_str(), value.c_str(), text.data(), text.size()) ==
         RD_KAFKA_CONF_OK;
}

void Configuration::leave_out_servers() {
  rd_kafka_conf_set(conf_.get(), "bootstrap.servers", nullptr, nullptr, 0);
}

void Configuration::apply(rd_kafka_type_t type) {
  const ConfHandle of_others(rd_kafka_conf_new());
  for (const auto& [name, value] : options_.properties) {
    for (const Refused& refused : kRefused) {
      if (name == refused.name) {
        throw UsageError(fmt::format("-X {} cannot be set: {}", name, refused.instead));
      }
    }
    const bool leave_out = options_.whose == ClientOptions::Whose::of_both && is_for_others(name, type);
    rd_kafka_conf_t& conf = leave_out ? *of_others : *conf_;
    ErrorText text{};
    const rd_kafka_conf_res_t result =
        rd_kafka_conf_set(&conf, name.c_str(), value.c_str(), text.data(), text.size());
    if (result == RD_KAFKA_CONF_UNKNOWN) {  // Without its value: it may be the misspelt name of a secret.
      throw UsageError(fmt::format("-X {}: librdkafka {} knows no such property{}", name,
                                   rd_kafka_version_str(), suggestion(name, known_names())));
    }
    if (result == RD_KAFKA_CONF_INVALID) {
      throw UsageError(fmt::format("-X {}: {}", shown(name, value), reason_naming(name, text.data())));
    }
  }
}

ClientHandle Configuration::make_client(rd_kafka_type_t type) {
  apply(type);
  ErrorText text{};
  ClientHandle client(rd_kafka_new(type, conf_.get(), text.data(), text.size()));
  if (!client) {  // Values that do not go together; ours do.
    std::vector<std::string> given;
    for (const auto& [name, value] : options_.properties) {
      given.push_back(fmt::format("-X {}", shown(name, value)));
    }
    throw UsageError(
        fmt::format("kafka client: {}{}{}", fmt::join(given, " "), given.empty() ? "" : ": ", text.data()));
  }
  static_cast<void>(conf_.release());  // The client has taken it over.
  return client;
}

}  // namespace kexp::kafka
