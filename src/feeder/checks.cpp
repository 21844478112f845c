#include "checks.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/json.hpp"

namespace kexp::feeder {
namespace {

constexpr std::int64_t kNamed = 20;  ///< Wrong figures of a kind that are told one by one.
constexpr const char* kNothing = "nothing";

/// Takes the text until `end` from the front of `rest`, which loses it.
std::string_view take_until(std::string_view& rest, char end) {
  const std::size_t found = rest.find(end);
  const std::string_view taken = rest.substr(0, found);
  rest.remove_prefix(found == std::string_view::npos ? rest.size() : found + 1);
  return taken;
}

}  // namespace

void Checks::begin(std::string kind) {
  end_kind();
  kind_ = std::move(kind);
}

void Checks::end_kind() {
  if (wrong_ > kNamed) {
    checks_.push_back({fmt::format("{} more: {}", wrong_ - kNamed, kind_), "", "", Check::Outcome::wrong});
  }
  if (compared_ > 0 && wrong_ == 0) {
    checks_.push_back({kind_, "", "", Check::Outcome::holds});
  }
  compared_ = wrong_ = 0;
}

void Checks::compare(const std::string& what, const std::string& recorded, const std::string& recomputed) {
  if (recorded == recomputed) {
    held();
  } else {
    add_wrong({what, recorded, recomputed, Check::Outcome::wrong});
  }
}

void Checks::fail(const std::string& what) { add_wrong({what, "", "", Check::Outcome::wrong}); }

void Checks::add_wrong(Check check) {
  ++compared_;
  if (++wrong_ <= kNamed) {
    checks_.push_back(std::move(check));
  }
}

void Checks::compare(const std::string& what, std::int64_t recorded, std::int64_t recomputed) {
  compare(what, fmt::to_string(recorded), fmt::to_string(recomputed));
}

void Checks::compare_json(const std::string& what, const Json& recorded, const Json& recomputed,
                          Extra extra) {
  if (!recorded.is_object() || !recomputed.is_object()) {
    compare(what, recorded.dump(), recomputed.dump());
    return;
  }
  const auto name = [&](const std::string& key) { return fmt::format("{} {}", what, key); };
  for (const auto& [key, value] : recomputed.items()) {
    if (recorded.contains(key)) {
      compare_json(name(key), recorded[key], value, extra);
    } else {
      compare(name(key), kNothing, value.dump());
    }
  }
  for (const auto& [key, value] : recorded.items()) {
    if (extra == Extra::wrong && !recomputed.contains(key)) {
      compare(name(key), value.dump(), kNothing);
    }
  }
}

void Checks::compare_tables(const std::string& what, const std::string& recorded,
                            const std::string& recomputed, std::string_view left_out) {
  std::string_view old_rows = recorded;
  std::string_view new_rows = recomputed;
  const std::string_view header = take_until(new_rows, '\n');
  const std::string_view old_header = take_until(old_rows, '\n');
  compare(fmt::format("{} header", what), std::string(old_header), std::string(header));
  if (old_header != header) {
    return;
  }
  while (!old_rows.empty() || !new_rows.empty()) {
    std::string_view old_row = take_until(old_rows, '\n');
    std::string_view new_row = take_until(new_rows, '\n');
    std::string_view columns = header;
    const std::string_view first = new_row.empty() ? old_row : new_row;
    const std::string row =
        fmt::format("{} {} {}", what, header.substr(0, header.find(',')), first.substr(0, first.find(',')));
    if (old_row.empty() || new_row.empty()) {
      compare(row, old_row.empty() ? kNothing : std::string(old_row),
              new_row.empty() ? kNothing : std::string(new_row));
      continue;
    }
    while (!columns.empty()) {
      const std::string_view column = take_until(columns, ',');
      const std::string old_cell(take_until(old_row, ','));
      const std::string new_cell(take_until(new_row, ','));
      if (left_out.empty() || !column.starts_with(left_out)) {
        compare(fmt::format("{} {}", row, column), old_cell, new_cell);
      }
    }
    compare(fmt::format("{} end of the row", row), std::string(old_row), std::string(new_row));
  }
}

void Checks::give_up() {
  if (wrong_ == 0) {
    compared_ = 0;
  }
}

void Checks::skip(const std::string& text) {
  end_kind();
  checks_.push_back({text, "", "", Check::Outcome::skipped});
}

void Checks::tell(const std::string& text) {
  end_kind();
  checks_.push_back({text, "", "", Check::Outcome::told});
}

std::vector<Check> Checks::take() {
  end_kind();
  return std::move(checks_);
}

bool Verification::holds() const {
  return std::all_of(checks.begin(), checks.end(),
                     [](const Check& check) { return check.outcome != Check::Outcome::wrong; });
}

}  // namespace kexp::feeder
