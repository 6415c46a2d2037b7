#include "app/actions/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "app/backup/backup.h"
#include "base/clock.h"

namespace posthouse::app::actions {
namespace {

constexpr uint64_t kBarWidth = 30;
constexpr milliseconds kRedraw{100};

struct State {
  SteadyTime begin = system_clock().steady();
  SteadyTime drawn{};
};

using Amount = std::string (*)(uint64_t);

void draw(State& state, Amount amount, uint64_t done, uint64_t total) {
  const SteadyTime now = system_clock().steady();
  if (done < total && now - state.drawn < kRedraw) return;
  state.drawn = now;
  const uint64_t filled = total == 0 ? 0 : std::min(done, total) * kBarWidth / total;
  const double passed = std::max(1e-3, std::chrono::duration<double>(now - state.begin).count());
  const double rate = static_cast<double>(done) / passed;
  const double left = rate > 0 ? static_cast<double>(total - std::min(done, total)) / rate : 0;
  fmt::print(stderr, "\r[{:#<{}}{:.<{}}] {} of {}, {}/s, {:.0f} s left \x1b[K", "", filled, "",
             kBarWidth - filled, amount(done), amount(total), amount(static_cast<uint64_t>(rate)), left);
  std::fflush(stderr);
}

}  // namespace

ProgressBar::ProgressBar() : shown_(isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
}

namespace {

Progress drawing(bool shown, Amount amount) {
  if (!shown) return [](uint64_t, uint64_t) {};
  auto state = std::make_shared<State>();
  return [state, amount](uint64_t done, uint64_t total) { draw(*state, amount, done, total); };
}

}  // namespace

Progress ProgressBar::bytes() {
  return drawing(shown_, backup::size_for_people);
}

Progress ProgressBar::letters() {
  return drawing(shown_, [](uint64_t count) { return fmt::format("{} letters", count); });
}

}  // namespace posthouse::app::actions
