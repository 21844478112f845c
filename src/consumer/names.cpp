#include "names.hpp"

#include "kexp/record/message.hpp"

namespace kexp::consumer {

Names names_of(const kafka::Message& message) {
  const auto as_name = [](std::string_view text, bool& ignored) {
    ignored = !text.empty() && !record::is_name(text);
    return ignored ? std::string_view() : text;
  };
  Names names;
  names.id = as_name(message.key(), names.key_ignored);
  names.run = as_name(message.header(record::kRunHeader).value_or(""), names.run_ignored);
  return names;
}

}  // namespace kexp::consumer
