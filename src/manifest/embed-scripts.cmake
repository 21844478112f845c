# Writes OUTPUT: the texts of FILES as raw string literals, found by their names.
set(rows "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  string(APPEND rows "    {\"${name}\", R\"KEXP(${text})KEXP\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"scripts.hpp\"

#include <array>
#include <stdexcept>
#include <string>
#include <utility>

namespace kexp::manifest {
namespace {

using Script = std::pair<std::string_view, std::string_view>;
const auto kScripts = std::to_array<Script>({
${rows}});

}  // namespace

std::string_view script(std::string_view name) {
  for (const auto& [known, text] : kScripts) {
    if (known == name) {
      return text;
    }
  }
  throw std::logic_error(\"no script is called \" + std::string(name));
}

}  // namespace kexp::manifest
")
