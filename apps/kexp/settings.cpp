#include "settings.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/nearest.hpp"

#include "environment.hpp"
#include "flag_check.hpp"

namespace kexp::cli {
namespace {

/// Settings that may stand at the top of the file, shared by every command that has the flag.
constexpr std::array kShared = {"servers",         "dataset",      "prometheus", "run",     "property",
                                "metrics-address", "metrics-port", "log-level",  "progress"};

std::string dashed(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return key;
}

bool is_setting(const CLI::Option& option) {
  return !option.get_lnames().empty() && option.get_lnames().front() != "help" &&
         option.get_lnames().front() != "version" && option.get_lnames().front() != "config";
}

std::vector<std::string> setting_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    if (is_setting(*option)) {
      names.push_back(option->get_lnames().front());
    }
  }
  return names;
}

/// The values of a settings file, checked whole: "feed.duration" → values.
class SettingsFile {
 public:
  SettingsFile(const CLI::App& app, std::string path) : path_(std::move(path)) {
    YAML::Node root;
    try {
      root = YAML::Load(read_file(path_));
    } catch (const YAML::ParserException& e) {
      throw UsageError(fmt::format("{}:{}: {}", path_, e.mark.line + 1, e.msg));
    } catch (const Error& e) {
      throw UsageError(fmt::format("--config: {}", e.what()));
    }
    if (root.IsNull()) {
      return;
    }
    read_mapping(app, root, "");
  }

  [[nodiscard]] const Origin* find(const std::string& command, const std::string& flag) const {
    if (const auto own = values_.find(command + "." + flag); own != values_.end()) {
      return &own->second;
    }
    const auto shared = values_.find("." + flag);
    return shared == values_.end() ? nullptr : &shared->second;
  }

 private:
  [[nodiscard]] std::string at(const YAML::Node& node) const {
    return fmt::format("{}:{}", path_, node.Mark().line + 1);
  }

  void read_mapping(const CLI::App& app, const YAML::Node& node, const std::string& command) {
    if (!node.IsMap()) {
      throw UsageError(fmt::format("{}: {} must be a mapping of settings", at(node),
                                   command.empty() ? "the file" : command));
    }
    for (const auto& entry : node) {
      const std::string key = dashed(entry.first.Scalar());
      const CLI::App* inner = find_command(app, key);
      const CLI::Option* option = app.get_option_no_throw("--" + key);
      const bool is_shared = std::find(kShared.begin(), kShared.end(), key) != kShared.end();
      // "dataset" is both: a mapping is the command's, a plain value the shared setting.
      if (inner != nullptr && !(command.empty() && is_shared && entry.second.IsScalar())) {
        read_mapping(*inner, entry.second, command.empty() ? key : command + "." + key);
      } else if (command.empty() ? is_shared : option != nullptr && is_setting(*option)) {
        remember(option, entry.first, entry.second, command + "." + key);
      } else {
        unknown(app, entry.first, key, command);
      }
    }
  }

  void remember(const CLI::Option* option, const YAML::Node& key, const YAML::Node& value,
                const std::string& name) {
    Origin origin{at(key), {}};
    if (value.IsScalar()) {
      origin.values.push_back(value.Scalar());
    } else if (value.IsSequence()) {
      for (const auto& item : value) {
        if (!item.IsScalar()) {
          throw UsageError(fmt::format("{}: {} takes plain values", at(item), key.Scalar()));
        }
        origin.values.push_back(item.Scalar());
      }
    } else {
      throw UsageError(fmt::format("{}: {} needs a value", at(key), key.Scalar()));
    }
    if (option != nullptr) {
      for (const std::string& text : origin.values) {
        check_value(*option, text, fmt::format("{}: {}", origin.name, key.Scalar()));
      }
    }
    if (!values_.emplace(name, std::move(origin)).second) {
      throw UsageError(fmt::format("{}: {} is there twice", at(key), key.Scalar()));
    }
  }

  [[noreturn]] void unknown(const CLI::App& app, const YAML::Node& key, const std::string& name,
                            const std::string& command) const {
    std::vector<std::string> known =
        command.empty() ? std::vector<std::string>(kShared.begin(), kShared.end()) : setting_names(app);
    for (const CLI::App* inner : app.get_subcommands([](const CLI::App*) { return true; })) {
      known.push_back(inner->get_name());
    }
    const std::string owners = command.empty() ? owners_of(app, name) : std::string();
    throw UsageError(
        fmt::format("{}: unknown key \"{}\"{}{}", at(key), key.Scalar(),
                    command.empty() ? "" : fmt::format(" in {}", command),
                    owners.empty() ? suggestion(name, known) : fmt::format(": it belongs under {}", owners)));
  }

  /// The commands that have the setting: "feed: or track:"; empty when none has.
  static std::string owners_of(const CLI::App& app, const std::string& setting) {
    std::vector<std::string> owners;
    for (const CLI::App* inner : app.get_subcommands([](const CLI::App*) { return true; })) {
      const std::vector<std::string> names = setting_names(*inner);
      if (std::find(names.begin(), names.end(), setting) != names.end()) {
        owners.push_back(inner->get_name() + ':');
      }
    }
    return fmt::format("{}", fmt::join(owners, " or "));
  }

  std::string path_;
  std::map<std::string, Origin> values_;
};

void give(CLI::Option& option, const Origin& origin) {
  const std::string flag = "--" + option.get_lnames().front();
  for (const std::string& value : origin.values) {
    check_value(option, value, fmt::format("{} ({})", origin.name, flag));
    if (flag == "--property" &&
        value.find('=') == std::string::npos) {  // May be half of a password: not shown.
      throw UsageError(fmt::format("{}: each {} must be name=value", origin.name, flag));
    }
  }
  if (origin.values.size() > 1 && option.get_expected_max() <= 1) {
    throw UsageError(fmt::format("{}: {} takes one value", origin.name, flag));
  }
  try {
    for (const std::string& value : origin.values) {
      option.add_result(value);
    }
    option.run_callback();
  } catch (const CLI::Error&) {
    throw UsageError(
        fmt::format("{}: {} cannot be \"{}\"", origin.name, flag, fmt::join(origin.values, ", ")));
  }
}

/// Resolves the flags of `app`, which stand below `path` in the file ("topics.describe"; the root: ""), and
/// then of the command inside it. `command`: the one that runs ("topics"), also for flags of the root.
void apply_to(CLI::App& app, const std::string& path, const std::string& command, const SettingsFile* file,
              std::map<std::string, std::string>& origins) {
  for (CLI::Option* option :
       app.get_options([](const CLI::Option* o) { return o->count() == 0 && is_setting(*o); })) {
    if (const auto variable = from_environment(command, *option)) {
      give(*option, *variable);
      origins["--" + option->get_lnames().front()] = variable->name;
    } else if (const Origin* origin =
                   file == nullptr ? nullptr : file->find(path, option->get_lnames().front())) {
      give(*option, *origin);
      origins["--" + option->get_lnames().front()] = origin->name;
    }
  }
  for (CLI::App* used : app.get_subcommands()) {
    apply_to(*used, path.empty() ? used->get_name() : path + "." + used->get_name(), command, file, origins);
  }
}

/// Whether `flag` stands in `message`, not only as the beginning of a longer one.
bool names_flag(const std::string& message, const std::string& flag) {
  for (std::size_t at = message.find(flag); at != std::string::npos; at = message.find(flag, at + 1)) {
    const std::size_t end = at + flag.size();
    const bool goes_on =
        end < message.size() && (message[end] == '-' || (message[end] >= 'a' && message[end] <= 'z'));
    if (!goes_on) {
      return true;
    }
  }
  return false;
}

}  // namespace

AppliedSettings apply_settings(CLI::App& app, const std::string& file) {
  std::optional<SettingsFile> settings;
  if (!file.empty()) {
    settings.emplace(app, file);
  } else if (std::filesystem::exists("kexp.yaml")) {
    settings.emplace(app, "kexp.yaml");
  }
  const CLI::App& command = *app.get_subcommands().front();
  AppliedSettings applied;
  apply_to(app, "", command.get_name(), settings ? &*settings : nullptr, applied.origins);
  if (command.get_name() != "consume") {
    return applied;
  }
  std::vector<std::string> flags = setting_names(app);
  const std::vector<std::string> own = setting_names(command);
  flags.insert(flags.end(), own.begin(), own.end());
  applied.warnings = unknown_variables(flags);
  return applied;
}

std::string with_origins(const std::string& message, const std::map<std::string, std::string>& origins) {
  std::vector<std::string> told;
  for (const auto& [flag, origin] : origins) {
    if (names_flag(message, flag) && message.find(origin) == std::string::npos) {
      told.push_back(fmt::format("{} is from {}", flag, origin));
    }
  }
  return told.empty() ? message : fmt::format("{} ({})", message, fmt::join(told, ", "));
}

}  // namespace kexp::cli
