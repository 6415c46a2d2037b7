// What backup and restore ask for.
#include "app/admin/verbs.h"

namespace posthouse::app::verbs {

namespace json = boost::json;

Task<Answer> backup_snapshot(Context context, Arguments arguments) {
  auto name = required(arguments, "name");
  if (!name) co_return std::unexpected(name.error());
  auto made = co_await context.core.engine.make_snapshot(*name);
  if (!made) co_return std::unexpected(made.error());
  co_return json::object();
}

}  // namespace posthouse::app::verbs
