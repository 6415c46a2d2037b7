// Random transactions against both engines and a plain map: all three must agree after each.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "engines.h"

namespace posthouse::engine {
namespace {

using Model = std::map<std::pair<Partition, std::string>, std::string>;

struct Change {
  Partition partition;
  std::string key;
  int what = 0;  // 0..5 put, 6..8 erase, 9 fail, 10 erase all by scan
  std::string value;
};

Change any_change() {
  static const char* const kKeys[] = {"", "a", "aa", "ab", "b", "\xff", "zz"};
  Change change;
  change.partition.kind =
      *rc::gen::element(PartitionKind::account, PartitionKind::blob, PartitionKind::queue);
  change.partition.id = *rc::gen::element<uint64_t>(0, 1, UINT64_MAX);
  change.key = kKeys[*rc::gen::inRange(0, 7)];
  change.what = *rc::gen::weightedElement<int>({{12, 0}, {6, 6}, {1, 9}, {1, 10}});
  change.value = std::string(*rc::gen::element<size_t>(0, 1, 20, 3000),
                             static_cast<char>('a' + *rc::gen::inRange(0, 26)));
  return change;
}

Step step_of(const Change& change) {
  return Step{change.partition, [change](Transaction& rows) -> Result<void> {
                if (change.what == 9) return fail(FaultKind::policy, "on purpose");
                if (change.what == 10) {
                  return rows.scan("", "", [&](std::string_view key, std::string_view) {
                    rows.erase(std::string(key));
                    return true;
                  });
                }
                if (change.what >= 6) {
                  rows.erase(change.key);
                } else {
                  rows.put(change.key, change.value);
                }
                return {};
              }};
}

// False when the transaction fails; then the model is as it was.
bool apply_to(Model& model, const std::vector<Change>& changes) {
  Model next = model;
  for (const Change& change : changes) {
    if (change.what == 9) return false;
    if (change.what == 10) {
      std::erase_if(next, [&](const auto& row) { return row.first.first == change.partition; });
    } else if (change.what >= 6) {
      next.erase({change.partition, change.key});
    } else {
      next[{change.partition, change.key}] = change.value;
    }
  }
  model = std::move(next);
  return true;
}

Model dump(const Engine& engine, bool back) {
  Model all;
  for (const PartitionKind kind : {PartitionKind::account, PartitionKind::blob, PartitionKind::queue}) {
    for (const uint64_t id : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
      const Partition partition{kind, id};
      const RowVisitor visit = [&](std::string_view key, std::string_view value) {
        all[{partition, std::string(key)}] = std::string(value);
        return true;
      };
      RC_ASSERT((back ? engine.scan_back(partition, "", "", visit) : engine.scan(partition, "", "", visit))
                    .has_value());
    }
  }
  return all;
}

RC_GTEST_PROP(EngineProperty, BothEnginesDoAsAMapDoes, ()) {
  const TempDir dir;
  RocksOptions options = small_options(dir.path());
  options.sync = false;
  auto rocks = open_rocks_engine(options);
  RC_ASSERT(rocks.has_value());
  const std::unique_ptr<Engine> memory = make_memory_engine();
  test::ManualExecutor loop;
  Model model;
  const int rounds = *rc::gen::inRange(1, 25);
  for (int i = 0; i < rounds; ++i) {
    std::vector<Change> changes(*rc::gen::inRange<size_t>(1, 8));
    for (Change& change : changes) change = any_change();
    std::vector<Step> steps;
    for (const Change& change : changes) steps.push_back(step_of(change));
    const bool expected = apply_to(model, changes);
    RC_ASSERT(loop.run((*rocks)->transact(steps)).has_value() == expected);
    RC_ASSERT(loop.run(memory->transact(steps)).has_value() == expected);
    RC_ASSERT(dump(**rocks, false) == model);
    RC_ASSERT(dump(*memory, false) == model);
  }
  RC_ASSERT(dump(**rocks, true) == model);
  RC_ASSERT(dump(*memory, true) == model);
  // What was written is there after the next start as well.
  rocks->reset();
  auto again = open_rocks_engine(options);
  RC_ASSERT(again.has_value());
  RC_ASSERT(dump(**again, false) == model);
}

}  // namespace
}  // namespace posthouse::engine
