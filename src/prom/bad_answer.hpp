#pragma once

#include <stdexcept>

namespace kexp::prom {

/// The body is cut off, not of this API, or says that the query failed.
class BadAnswer : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace kexp::prom
