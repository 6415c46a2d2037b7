#include "engine/engine.h"

namespace posthouse::engine {

Result<void> Reader::get_many(const std::vector<RowName>& names, const NamedRowVisitor& visit) const {
  for (size_t i = 0; i < names.size(); ++i) {
    const Result<std::optional<std::string>> row = get(names[i].partition, names[i].key);
    if (!row) return std::unexpected(row.error());
    if (!visit(i, *row)) return {};
  }
  return {};
}

}  // namespace posthouse::engine
