#pragma once

/// The models that there are to choose from, for people and scripts.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kexp/core/json_fwd.hpp"
#include "kexp/core/units.hpp"

namespace kexp::inference {

/// A model that can be fetched, or a file of the user's own in the folder of models.
struct ListedModel {
  std::string name, license;
  std::string source;  ///< Where it comes from; of a file that cannot be read, that.
  Size2 input;         ///< 0x0 where nobody knows it.
  std::filesystem::path file;
  bool present = false;
  std::uint64_t bytes = 0;
};

/// In the order of their names; a folder that is not there holds none. Errors: none of a single file.
[[nodiscard]] std::vector<ListedModel> list_models(const std::filesystem::path& models_dir);

/// A line each under a line of names, in columns.
[[nodiscard]] std::string to_text(const std::vector<ListedModel>& models);
/// [{"name", "file", "present", "bytes", "input": [width, height], "license", "source"}, …].
[[nodiscard]] Json to_json(const std::vector<ListedModel>& models);

}  // namespace kexp::inference
