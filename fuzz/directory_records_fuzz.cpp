// Stored directory rows are data from outside like any other: no bytes may do more than be called corrupt.
#include "directory/app_password_record.h"
#include "directory/password.h"
#include "directory/records.h"

using namespace posthouse;
using namespace posthouse::directory;

namespace {

template <class Value>
void round_trip(std::string_view bytes, Result<Value> (*decode)(std::string_view)) {
  Result<Value> value = decode(bytes);
  if (!value) return;
  std::string again = encode(*value);
  if (!decode(again)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  round_trip<Account>(bytes, decode_account);
  round_trip<NameRecord>(bytes, decode_name);
  round_trip<Domain>(bytes, decode_domain);
  round_trip<Credential>(bytes, decode_credential);
  round_trip<AppPasswords>(bytes, decode_app_passwords);
  round_trip<LastUses>(bytes, decode_last_uses);
  static_cast<void>(decode_number(bytes));
  static_cast<void>(decode_secret(bytes));
  static_cast<void>(address_of(bytes));
  static_cast<void>(name_row(bytes));
  static_cast<void>(after(std::string(bytes)));
  // What it would cost to verify is bounded before anything is computed, so only ask whether it could be.
  static_cast<void>(importable_hash(bytes));
  return 0;
}
