#include "flag_check.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/nearest.hpp"

namespace kexp::cli {
namespace {

/// The option called `name` ("--seed", "-X") in the innermost command that has it.
const CLI::Option* find_option(const std::vector<const CLI::App*>& chain, const std::string& name) {
  for (auto app = chain.rbegin(); app != chain.rend(); ++app) {
    if (const CLI::Option* option = (*app)->get_option_no_throw(name); option != nullptr) {
      return option;
    }
  }
  return nullptr;
}

std::vector<std::string> long_names(const std::vector<const CLI::App*>& chain) {
  std::vector<std::string> names;
  for (const CLI::App* app : chain) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        names.push_back("--" + name);
      }
    }
  }
  return names;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

/// The names of the arguments without a flag, of which a command takes one each.
std::vector<std::string> words_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option :
       app.get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    names.push_back(option->get_name(/*positional=*/true));
  }
  return names;
}

bool is_number(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

template <typename Integer>
bool is_whole(const std::string& text) {
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

/// `value` is one of "a|b|c".
bool is_choice(const std::string& choices, const std::string& value) {
  return value.find('|') == std::string::npos &&
         fmt::format("|{}|", choices).find(fmt::format("|{}|", value)) != std::string::npos;
}

/// Walks the arguments as the parser will, descending into commands.
class Walk {
 public:
  Walk(const CLI::App& app, const std::vector<std::string>& arguments)
      : chain_{&app}, arguments_(arguments) {}

  void run() {
    while (next_ < arguments_.size()) {
      const std::string argument = arguments_[next_++];
      if (argument == "--") {
        return;
      }
      if (argument.size() > 1 && argument[0] == '-' && !is_number(argument)) {
        flag(argument);
      } else {
        word(argument);
      }
    }
    check_words();
  }

 private:
  void flag(const std::string& argument) {
    const bool is_long = argument.rfind("--", 0) == 0;
    const auto equals = argument.find('=');
    std::string name = argument.substr(0, is_long ? equals : 2);
    const CLI::Option* option = find_option(chain_, name);
    if (option == nullptr) {
      throw UsageError(fmt::format("unknown flag {}{}", name, suggestion(name, long_names(chain_))));
    }
    if (++seen_[option] > 1 && option->get_expected_max() <= 1) {
      throw UsageError(fmt::format("{} was given twice", name));
    }
    if (option->get_expected_max() == 0) {
      return;
    }
    if (is_long && equals != std::string::npos) {
      check_value(*option, argument.substr(equals + 1), name);
    } else if (!is_long && argument.size() > 2) {
      check_value(*option, argument.substr(2), name);
    } else if (next_ < arguments_.size()) {
      check_value(*option, arguments_[next_++], name);
    } else {
      throw UsageError(fmt::format("{} needs a value", name));
    }
  }

  void word(const std::string& argument) {
    const CLI::App& app = *chain_.back();
    if (const CLI::App* command = find_command(app, argument); command != nullptr) {
      chain_.push_back(command);
      return;
    }
    const std::size_t taken = words_of(app).size();
    if (taken > 0 && ++words_ > taken) {
      throw UsageError(fmt::format("{} takes {}, got \"{}\" too", full_name(),
                                   fmt::join(words_of(app), " and "), argument));
    }
    if (taken == 0) {
      refuse_word(app, argument);
    }
  }

  /// Errors: UsageError for a word where `app` takes none.
  [[noreturn]] void refuse_word(const CLI::App& app, const std::string& argument) const {
    const std::string name = full_name().empty() ? "" : full_name() + " ";  // Of the root: none.
    const auto commands = command_names(app);
    if (!commands.empty()) {
      const std::string near = suggestion(argument, commands);
      throw UsageError(
          fmt::format("unknown command \"{}{}\"{}", name, argument,
                      near.empty() ? fmt::format(": kexp {}--help lists what there is", name) : near));
    }
    const bool writes = app.get_option_no_throw("--out") != nullptr;
    throw UsageError(fmt::format("{}takes no argument, got \"{}\": {}", name, argument,
                                 writes ? fmt::format("--out {} would write there", argument)
                                        : fmt::format("kexp {}--help lists its flags", name)));
  }

  /// What is missing at the end, and would be named by the parser in its own words.
  void check_words() const {
    const auto wanted = words_of(*chain_.back());
    const bool asks_for_help =
        std::any_of(arguments_.begin(), arguments_.end(), [](const std::string& argument) {
          return argument == "--help" || argument == "-h" || argument == "--version";
        });
    if (words_ < wanted.size() && !asks_for_help) {
      throw UsageError(fmt::format("{} needs a {}", full_name(), wanted[words_]));
    }
  }

  /// "model check".
  [[nodiscard]] std::string full_name() const {
    std::vector<std::string> names;
    for (std::size_t i = 1; i < chain_.size(); ++i) {
      names.push_back(chain_[i]->get_name());
    }
    return fmt::format("{}", fmt::join(names, " "));
  }

  std::vector<const CLI::App*> chain_;
  const std::vector<std::string>& arguments_;
  std::size_t next_ = 0;
  std::size_t words_ = 0;  // That are no commands.
  std::map<const CLI::Option*, int> seen_;
};

}  // namespace

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  const auto found =
      app.get_subcommands([&](const CLI::App* command) { return command->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

std::vector<std::string> with_dashes(int argc, const char* const* argv) {
  std::vector<std::string> arguments;
  bool only_words = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--") {
      only_words = true;
    } else if (!only_words && argument.rfind("--", 0) == 0) {
      std::replace(
          argument.begin(),
          argument.begin() + static_cast<std::ptrdiff_t>(std::min(argument.find('='), argument.size())), '_',
          '-');
    }
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

void check_value(const CLI::Option& option, const std::string& value, const std::string& origin) {
  const std::string type = option.get_type_name();
  if (type == "INT" && !is_whole<std::int64_t>(value)) {
    throw UsageError(fmt::format("{} must be a whole number, got \"{}\"", origin, value));
  }
  if (type == "UINT" && !is_whole<std::uint64_t>(value)) {
    throw UsageError(fmt::format("{} must be a whole number of at least 0, got \"{}\"", origin, value));
  }
  if (type == "FLOAT" && !is_number(value)) {
    throw UsageError(fmt::format("{} must be a number, got \"{}\"", origin, value));
  }
  if (type.find('|') != std::string::npos && !is_choice(type, value)) {
    throw UsageError(fmt::format("{} must be one of {}, got \"{}\"", origin, type, value));
  }
}

void check_arguments(const CLI::App& app, const std::vector<std::string>& arguments) {
  Walk(app, arguments).run();
}

}  // namespace kexp::cli
