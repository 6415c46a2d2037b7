// Reads what can be read: for looking over a damaged store.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "engine/engine.h"

namespace posthouse::store {

// What stumbles is told, once each, and taken as not there; a scan goes on behind it.
class ForgivingReader final : public engine::Reader {
 public:
  using Tell = std::function<void(std::string)>;
  ForgivingReader(const engine::Reader& inside, Tell tell) : inside_(inside), tell_(std::move(tell)) {}

  Result<std::optional<std::string>> get(engine::Partition partition, std::string_view key) const override;
  Result<void> scan(engine::Partition partition, std::string_view begin, std::string_view end,
                    const engine::RowVisitor& visit) const override;
  Result<void> scan_back(engine::Partition partition, std::string_view begin, std::string_view end,
                         const engine::RowVisitor& visit) const override;
  Result<void> partitions(engine::PartitionKind kind, uint64_t first,
                          const engine::PartitionVisitor& visit) const override;

  // Whether rows of accounts could not be read.
  bool missed_accounts() const { return missed_accounts_; }

 private:
  void stumble(engine::PartitionKind kind, const Fault& fault) const;
  std::string behind(engine::Partition partition, std::string_view bad, std::string_view end) const;

  const engine::Reader& inside_;
  Tell tell_;
  mutable std::set<std::string> told_;
  mutable bool missed_accounts_ = false;
};

}  // namespace posthouse::store
