#include "kexp/core/version.hpp"

#include <cstdint>
#include <cstring>
#include <elf.h>
#include <link.h>

#include <fmt/format.h>

namespace kexp {

namespace {

struct Search {
  std::uintptr_t address = 0;
  std::string id;
};

/// The id in a segment of notes.
std::string id_in(const char* notes, std::size_t bytes) {
  const auto padded = [](std::size_t size) { return (size + 3) / 4 * 4; };
  std::size_t at = 0;
  while (at + sizeof(ElfW(Nhdr)) <= bytes) {
    ElfW(Nhdr) header{};
    std::memcpy(&header, notes + at, sizeof(header));
    const std::size_t name = at + sizeof(header);
    const std::size_t content = name + padded(header.n_namesz);
    if (content + header.n_descsz > bytes) {
      break;
    }
    if (header.n_type == NT_GNU_BUILD_ID && std::string_view(notes + name, 3) == "GNU") {
      std::string id;
      for (std::size_t i = 0; i < header.n_descsz; ++i) {
        id += fmt::format("{:02x}", static_cast<unsigned char>(notes[content + i]));
      }
      return id;
    }
    at = content + padded(header.n_descsz);
  }
  return {};
}

int look_into(dl_phdr_info* object, std::size_t /*size*/, void* data) {
  Search& search = *static_cast<Search*>(data);
  std::string id;
  bool holds = false;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    const std::uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD) {
      holds = holds || (search.address >= begin && search.address < begin + segment.p_memsz);
    } else if (segment.p_type == PT_NOTE && id.empty()) {
      id = id_in(reinterpret_cast<const char*>(begin), segment.p_memsz);
    }
  }
  if (holds) {
    search.id = std::move(id);
  }
  return holds ? 1 : 0;
}

}  // namespace

std::string_view version() { return KEXP_VERSION; }

std::string build_id(const void* address) {
  Search search{reinterpret_cast<std::uintptr_t>(address), {}};
  dl_iterate_phdr(look_into, &search);
  return search.id;
}

}  // namespace kexp
