#include <fmt/format.h>

#include "kexp/core/json.hpp"

#include "cluster_file_fields.hpp"

namespace kexp::manifest {
namespace {

Json default_of(const Scalar& value) {
  switch (value.kind) {
    case Scalar::Kind::truth:
      return value.current == "true";
    case Scalar::Kind::number:
      return std::stoll(value.current);
    default:
      return value.current;
  }
}

Json type_of(const Scalar& value) {
  switch (value.kind) {
    case Scalar::Kind::truth:
      return {{"type", "boolean"}};
    case Scalar::Kind::number:
      return {{"type", "integer"}, {"minimum", value.least}, {"maximum", value.most}};
    case Scalar::Kind::cpu:
      return {{"type", {"string", "number"}},
              {"pattern", "^([0-9]+m|[0-9]+(\\.[0-9]{1,3})?)$"},
              {"exclusiveMinimum", 0}};
    case Scalar::Kind::memory:
      return {{"type", {"string", "integer"}},
              {"pattern", "^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$"},
              {"exclusiveMinimum", 0}};
    case Scalar::Kind::duration:
      return {{"type", "string"}, {"pattern", "^[0-9]+[smh]$"}};
    case Scalar::Kind::text:
      break;
  }
  if (!value.choices.empty()) {
    return {{"enum", value.choices}};
  }
  if (value.bare_number) {
    return {{"type", {"string", "integer"}}, {"pattern", value.pattern}, {"minimum", 1}};
  }
  return {{"type", "string"}, {"pattern", value.pattern}};
}

/// The keys that a mapping of an alternative has and has not.
Json alternative_schema(const std::vector<Alternative>& all, const Alternative& one) {
  Json refused = Json::array();
  const auto refuse = [&](const std::string& key) { refused.push_back({{"required", {key}}}); };
  for (const std::string& key : one.excludes) {
    refuse(key);
  }
  for (const Alternative& other : all) {
    if (&other != &one) {
      std::for_each(other.keys.begin(), other.keys.end(), refuse);
    }
  }
  return {{"required", one.keys}, {"not", {{"anyOf", refused}}}};
}

/// Builds the schema of one mapping.
class SchemaVisitor final : public FieldVisitor {
 public:
  SchemaVisitor()
      : schema_{{"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}} {}

  void scalar(const Key& key, const Scalar& value) override {
    Json type = type_of(value);
    if (key.presence == Key::Presence::optional && key.default_words.empty()) {
      type["default"] = default_of(value);
    }
    add(key, std::move(type));
  }
  void text_map(const Key& key, const TextMap& map) override {
    add(key, {{"type", "object"},
              {"propertyNames", {{"pattern", map.key_pattern}}},
              {"additionalProperties", {{"type", "string"}, {"pattern", map.value_pattern}}}});
  }
  void section(const Key& key, const Inner& describe) override {
    SchemaVisitor inner;
    describe(inner);
    add(key, std::move(inner.schema_));
  }
  void list(const Key& key, const std::function<void()>&, const Inner& describe_next) override {
    SchemaVisitor item;
    describe_next(item);
    add(key, {{"type", "array"}, {"minItems", 1}, {"items", std::move(item.schema_)}});
  }
  void one_of(const std::vector<Alternative>& alternatives, const std::string&) override {
    Json ways = Json::array();
    for (const Alternative& alternative : alternatives) {
      ways.push_back(alternative_schema(alternatives, alternative));
    }
    schema_["oneOf"] = std::move(ways);
  }
  [[nodiscard]] bool given(const std::string&) const override { return false; }

  [[nodiscard]] const Json& schema() const { return schema_; }

 private:
  void add(const Key& key, Json schema) {
    schema["description"] = key.doc;
    schema_["properties"][key.name] = std::move(schema);
    if (key.presence == Key::Presence::required) {
      schema_["required"].push_back(key.name);
    }
  }

  Json schema_;
};

}  // namespace

std::string cluster_file_schema() {
  ClusterFile defaults;
  SchemaVisitor visitor;
  describe(visitor, defaults);
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "kexp cluster file"},
                 {"description", "What kexp makes a whole cluster from; docs/cluster-file.md explains it."}};
  schema.update(visitor.schema());
  return schema.dump(2) + "\n";
}

}  // namespace kexp::manifest
