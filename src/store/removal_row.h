// A removal of many messages that is decided and perhaps not done yet: the value of its hint.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "store/types.h"

namespace posthouse::store {

struct RemovalRow {
  MailboxId mailbox = 0;
  uint32_t uid_validity = 0;  // with another one the UIDs may name other messages
  UidList uids;
};

std::string encode(const RemovalRow& row);
Result<RemovalRow> decode_removal(std::string_view record);  // corrupt

}  // namespace posthouse::store
