#pragma once

#include <string_view>

#include "kexp/kafka/client.hpp"

namespace kexp::consumer {

/// What a record is called by its producer, as far as an answer can repeat it. Valid as long as the message.
struct Names {
  std::string_view id;   ///< Of its key; empty: it has none that can be an id.
  std::string_view run;  ///< Of its header; likewise.
  bool key_ignored = false;
  bool run_ignored = false;
};

/// A key or run that no answer could repeat, since it is too long or no text, counts as none: an answer that
/// can never be sent would hold up its partition for ever.
[[nodiscard]] Names names_of(const kafka::Message& message);

}  // namespace kexp::consumer
