// A password or key: logs and formats as ***, is wiped when it goes.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

namespace posthouse {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  // The bytes themselves; the caller must not log or keep them.
  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  void wipe();
  void wipe_and_clear();

  std::string value_;
};

// Equal without telling by its time where the first difference is.
bool constant_time_equal(std::string_view a, std::string_view b);

}  // namespace posthouse

// For fmt: always "***".
template <>
struct fmt::formatter<posthouse::Secret> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const posthouse::Secret&, Context& context) const {
    return fmt::formatter<std::string_view>::format("***", context);
  }
};
