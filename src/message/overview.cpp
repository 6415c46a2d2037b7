#include "message/overview.h"

#include "message/message_ids.h"
#include "message/summary.h"

namespace posthouse::message {

ThreadBase Overview::thread_base(std::string_view in_reply_to) const {
  ThreadBase base{message_id, {}, subject};
  for (const auto& id : references) {
    for (auto& plain : parse_message_ids("<" + id + ">")) base.references.push_back(std::move(plain));
  }
  if (!base.references.empty()) return base;
  if (auto ids = parse_message_ids(in_reply_to); !ids.empty())
    base.references.push_back(std::move(ids.front()));
  return base;
}

ThreadBase thread_base(const Summary& summary) {
  const Envelope& envelope = summary.envelope;
  if (summary.overview) return summary.overview->thread_base(envelope.in_reply_to);
  Overview overview;
  overview.subject = base_subject(envelope.subject);
  if (auto ids = parse_message_ids(envelope.message_id); !ids.empty())
    overview.message_id = std::move(ids.front());
  return overview.thread_base(envelope.in_reply_to);
}

}  // namespace posthouse::message
