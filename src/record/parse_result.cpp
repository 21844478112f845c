#include <array>
#include <cmath>
#include <limits>
#include <variant>

#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/record/result.hpp"

namespace kexp::record {

namespace {

/// What of an answer is being read: the object or list around the next value.
enum class Place { none, top, root, timestamps, dimensions, resolution, detections, detection, box };

/// Where the next value belongs: into the one field that is not null, or it begins a place; nowhere when it
/// is not known.
struct Slot {
  std::string* text = nullptr;
  double* real = nullptr;
  std::int64_t* whole = nullptr;
  int* small = nullptr;
  Place place = Place::none;

  Slot() = default;
  explicit Slot(std::string& field) : text(&field) {}
  explicit Slot(double& field) : real(&field) {}
  explicit Slot(std::int64_t& field) : whole(&field) {}
  explicit Slot(int& field) : small(&field) {}
  explicit Slot(Place begun) : place(begun) {}
};

template <typename Owner>
struct Field {
  std::string_view name;
  std::variant<std::string Owner::*, double Owner::*, std::int64_t Owner::*, int Owner::*, Place> target;
};

constexpr std::array<Field<Result>, 20> kRootFields = {{{"timestamps", Place::timestamps},
                                                        {"source", &Result::source},
                                                        {"model", &Result::model},
                                                        {"dimensions", Place::dimensions},
                                                        {"id", &Result::id},
                                                        {"errors", &Result::errors},
                                                        {"error", &Result::error},
                                                        {"run", &Result::run},
                                                        {"node", &Result::node},
                                                        {"pod", &Result::pod},
                                                        {"engine", &Result::engine},
                                                        {"threads", &Result::threads},
                                                        {"resolution", Place::resolution},
                                                        {"partition", &Result::partition},
                                                        {"offset", &Result::offset},
                                                        {"decode", &Result::decode_ms},
                                                        {"throttled_ms", &Result::throttled_ms},
                                                        {"throttled_periods", &Result::throttled_periods},
                                                        {"done_time", &Result::done_time_ms},
                                                        {"detections", Place::detections}}};
constexpr std::array<Field<Result>, 7> kTimeFields = {{{"idle", &Result::idle_ms},
                                                       {"queue", &Result::queue_ms},
                                                       {"pre", &Result::pre_ms},
                                                       {"inf", &Result::inf_ms},
                                                       {"post", &Result::post_ms},
                                                       {"start_time", &Result::start_time_ms},
                                                       {"end_time", &Result::end_time_ms}}};
constexpr std::array<Field<ResultDetection>, 4> kDetectionFields = {
    {{"class_id", &ResultDetection::class_id},
     {"label", &ResultDetection::label},
     {"confidence", &ResultDetection::confidence},
     {"box", Place::box}}};

template <typename Owner, std::size_t N>
Slot slot_in(Owner& owner, const std::array<Field<Owner>, N>& fields, std::string_view name) {
  for (const Field<Owner>& field : fields) {
    if (field.name == name) {
      return std::visit(
          [&](auto target) {
            if constexpr (std::is_same_v<decltype(target), Place>) {
              return Slot(target);
            } else {
              return Slot(owner.*target);
            }
          },
          field.target);
    }
  }
  return {};
}

/// Takes `number` when it is whole and in range; also one that another language wrote as 5.0.
template <typename Number, typename T>
bool take_whole(Number number, T& into) {
  bool fits = false;
  if constexpr (std::is_same_v<Number, double>) {
    fits = number == std::floor(number) && std::abs(number) < 9e15 &&
           number >= static_cast<double>(std::numeric_limits<T>::min()) &&
           number <= static_cast<double>(std::numeric_limits<T>::max());
  } else {
    fits = std::in_range<T>(number);
  }
  if (fits) {
    into = static_cast<T>(number);
  }
  return fits;
}

/// Reads an answer while it is parsed, without a tree of values in between. Its public functions are
/// nlohmann's events; they go on after a field of a wrong type, as the text may turn out to be no JSON.
class Reader {
 public:
  bool null() {
    const Place place = places_.back();
    const Slot slot = take_slot();
    const bool in_list = place == Place::dimensions || place == Place::resolution || place == Place::box ||
                         place == Place::detections;
    if (in_list) {  // Elsewhere it stands for an absent field, as Python's None becomes it.
      refuse(slot);
    }
    return true;
  }
  bool boolean(bool) {
    refuse(take_slot());
    return true;
  }
  bool number_integer(std::int64_t value) { return number(value); }
  bool number_unsigned(std::uint64_t value) { return number(value); }
  bool number_float(double value, const std::string&) { return number(value); }
  bool string(std::string& value) {
    const Slot slot = take_slot();
    if (slot.text != nullptr) {
      *slot.text = std::move(value);
    } else {
      refuse(slot);
    }
    return true;
  }
  bool binary(Json::binary_t&) { return true; }  // JSON has none.
  bool key(std::string& name) {
    if (ignored_ > 0) {
      return true;
    }
    name_ = name;
    switch (places_.back()) {
      case Place::root:
        slot_ = slot_in(result_, kRootFields, name);
        break;
      case Place::timestamps:
        slot_ = slot_in(result_, kTimeFields, name);
        break;
      default:
        slot_ = slot_in(result_.detections.back(), kDetectionFields, name);
        break;
    }
    return true;
  }
  bool start_object(std::size_t) {
    const Slot slot = take_slot();
    const bool is_ours =
        slot.place == Place::root || slot.place == Place::timestamps || slot.place == Place::detection;
    if (slot.place == Place::detection) {
      result_.detections.emplace_back();
    }
    enter(slot, is_ours);
    return true;
  }
  bool end_object() { return leave(); }
  bool start_array(std::size_t) {
    const Slot slot = take_slot();
    const bool is_numbers =
        slot.place == Place::dimensions || slot.place == Place::resolution || slot.place == Place::box;
    if (is_numbers) {
      count_ = 0;
    }
    enter(slot, is_numbers || slot.place == Place::detections);
    return true;
  }
  bool end_array() {
    if (ignored_ == 0 && places_.back() == Place::resolution && count_ != 2) {
      refuse("resolution", "[width, height]");
    } else if (ignored_ == 0 && places_.back() == Place::box && count_ != kBoxSides) {
      refuse("box", "[x, y, width, height]");
    }
    return leave();
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) { return false; }

  [[nodiscard]] const std::string& why_not() const { return why_not_; }
  [[nodiscard]] Result& result() { return result_; }

 private:
  static constexpr std::size_t kBoxSides = 4;

  // Where the value goes that comes now.
  Slot take_slot() {
    if (ignored_ > 0) {
      return {};
    }
    switch (places_.back()) {
      case Place::top:
        return Slot(Place::root);
      case Place::dimensions:
        return Slot(result_.dimensions.emplace_back());
      case Place::resolution:
        return ++count_ == 1 ? Slot(result_.width) : count_ == 2 ? Slot(result_.height) : Slot();
      case Place::box:
        return ++count_ <= kBoxSides ? Slot(result_.detections.back().box[count_ - 1]) : Slot();
      case Place::detections:
        return Slot(Place::detection);
      default:
        return std::exchange(slot_, {});
    }
  }

  void enter(const Slot& slot, bool is_ours) {
    if (is_ours) {
      places_.push_back(slot.place);
    } else {
      refuse(slot);
      ++ignored_;
    }
  }
  bool leave() {
    if (ignored_ > 0) {
      --ignored_;
    } else {
      places_.pop_back();
    }
    return true;
  }

  template <typename Number>
  bool number(Number value) {
    const Slot slot = take_slot();
    bool fits = true;
    if (slot.real != nullptr) {
      *slot.real = static_cast<double>(value);
    } else if (slot.whole != nullptr) {
      fits = take_whole(value, *slot.whole);
    } else if (slot.small != nullptr) {
      fits = take_whole(value, *slot.small);
    } else {
      refuse(slot);
    }
    if (!fits) {
      refuse(name_, "a whole number in range");
    }
    return true;
  }

  // The value is of another type than its slot wants.
  void refuse(const Slot& slot) {
    if (slot.text != nullptr) {
      refuse(name_, "a text");
    } else if (slot.real != nullptr || slot.whole != nullptr || slot.small != nullptr) {
      refuse(name_, "a number");
    } else if (slot.place == Place::root) {
      why_not_ = "no JSON object";
    } else if (slot.place == Place::detection) {
      refuse("detections", "a list of objects");
    } else if (slot.place != Place::none) {
      refuse(name_, slot.place == Place::timestamps ? "an object" : "a list");
    }
  }
  void refuse(std::string_view name, const char* wanted) {
    if (why_not_.empty()) {
      why_not_ = fmt::format("\"{}\" is not {}", name, wanted);
    }
  }

  Result result_;
  std::string why_not_;
  std::vector<Place> places_ = {Place::top};
  std::size_t ignored_ = 0;  // How deep in a value that nobody wants.
  Slot slot_;                // Of the last key.
  std::string name_;         // That key.
  std::size_t count_ = 0;    // Numbers of the list that is read.
};

}  // namespace

std::optional<Result> parse_result(std::string_view text, std::string* why) {
  Reader reader;
  const bool is_json = Json::sax_parse(text.begin(), text.end(), &reader);
  if (is_json && reader.why_not().empty()) {
    return std::move(reader.result());
  }
  if (why != nullptr) {
    *why = is_json ? reader.why_not() : "no JSON";
  }
  return std::nullopt;
}

}  // namespace kexp::record
