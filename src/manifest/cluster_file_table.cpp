#include "cluster_file_table.hpp"

#include <fmt/format.h>

#include "cluster_file_fields.hpp"

namespace kexp::manifest {
namespace {

std::string code(const std::string& text) { return text.empty() ? text : fmt::format("`{}`", text); }

std::string what_it_may_be(const Scalar& value) {
  switch (value.kind) {
    case Scalar::Kind::truth:
      return "`true`, `false`";
    case Scalar::Kind::number:
      return fmt::format("{} … {}", value.least, value.most);
    case Scalar::Kind::text:
      break;
    case Scalar::Kind::cpu:
      return "CPUs: `2`, `500m`";
    case Scalar::Kind::memory:
      return "bytes: `512Mi`, `1Gi`";
    case Scalar::Kind::duration:
      return fmt::format("{} … {}", to_text(Seconds{value.least}), to_text(Seconds{value.most}));
  }
  return value.choices.empty() ? value.noun : fmt::format("`{}`", fmt::join(value.choices, "`, `"));
}

class TableVisitor final : public FieldVisitor {
 public:
  TableVisitor(std::string path, std::vector<FieldRow>& rows) : path_(std::move(path)), rows_(rows) {}

  void scalar(const Key& key, const Scalar& value) override {
    add(key, what_it_may_be(value), code(value.current));
  }
  void text_map(const Key& key, const TextMap&) override { add(key, "mapping of texts", ""); }
  void section(const Key& key, const Inner& describe) override {
    add(key, "mapping", "");
    TableVisitor inner(path_ + key.name + ".", rows_);
    describe(inner);
  }
  void list(const Key& key, const std::function<void()>&, const Inner& describe_next) override {
    add(key, "list of mappings", "");
    TableVisitor inner(path_ + key.name + "[].", rows_);
    describe_next(inner);
  }
  void one_of(const std::vector<Alternative>&, const std::string&) override {}
  [[nodiscard]] bool given(const std::string&) const override { return false; }

 private:
  void add(const Key& key, std::string may_be, std::string value) {
    std::string standard = !key.default_words.empty() ? key.default_words : std::move(value);
    if (key.presence == Key::Presence::required) {
      standard = "required";
    }
    rows_.push_back({path_ + key.name, std::move(may_be), std::move(standard), key.doc});
  }

  std::string path_;
  std::vector<FieldRow>& rows_;
};

bool is_section_at_top(const FieldRow& row) {
  return row.may_be == "mapping" && row.field.find('.') == std::string::npos;
}

}  // namespace

std::vector<FieldRow> cluster_file_rows() {
  std::vector<FieldRow> rows;
  ClusterFile defaults;
  TableVisitor visitor("", rows);
  describe(visitor, defaults);
  return rows;
}

std::string cluster_file_table() {
  const std::string head = "| key | may be | default | does |\n|---|---|---|---|\n";
  std::string page = head;
  std::string section;
  for (const FieldRow& row : cluster_file_rows()) {
    if (is_section_at_top(row)) {
      section = row.field + ".";
      page += fmt::format("\n### `{}`\n\n{}\n\n{}", row.field, row.doc, head);
    } else {
      // Below its heading a key goes without the section's name.
      const std::string key = row.field.starts_with(section) ? row.field.substr(section.size()) : row.field;
      page += fmt::format("| `{}` | {} | {} | {} |\n", key, row.may_be, row.standard, row.doc);
    }
  }
  return page;
}

}  // namespace kexp::manifest
