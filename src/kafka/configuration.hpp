#pragma once

#include <cstdint>
#include <string>

#include "kexp/kafka/options.hpp"

#include "events.hpp"
#include "handles.hpp"

namespace kexp::kafka {

/// The properties of one client: ours first, then those of -X, which win.
class Configuration {
 public:
  /// Sets what every client has. Errors: UsageError naming --servers.
  Configuration(const ClientOptions& options, Events& events);

  /// Errors: UsageError with the library's text, when an option is out of its range.
  void set(const std::string& name, const std::string& value);
  void set(const std::string& name, std::int64_t value) { set(name, std::to_string(value)); }
  /// False when the library at run time does not know the property.
  [[nodiscard]] bool set_if_known(const std::string& name, const std::string& value);

  /// Makes a client that looks for no broker.
  void leave_out_servers();

  /// Applies -X and makes the client. What is for clients of the other type is only checked where the
  /// command has one. Errors: UsageError naming -X for what the library rejects, and for properties that kexp
  /// needs as they are.
  [[nodiscard]] ClientHandle make_client(rd_kafka_type_t type);

 private:
  void apply(rd_kafka_type_t type);

  const ClientOptions& options_;
  ConfHandle conf_;
};

}  // namespace kexp::kafka
