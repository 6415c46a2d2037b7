// The inside of acceptance, shared by acceptance.cpp and letter.cpp. Not for other rooms.
#pragma once

#include "acceptance/acceptance.h"
#include "base/metrics.h"

namespace posthouse::acceptance {

struct Acceptance::Impl {
  Impl(engine::Engine& engine, directory::Directory& directory, store::MailStore& store,
       delivery::Delivery& delivery, queue::Queue& queue, const Clock& clock, IdSource& ids, Options options);

  engine::Engine& engine;
  directory::Directory& directory;
  store::MailStore& store;
  delivery::Delivery& delivery;
  queue::Queue& queue;
  const Clock& clock;
  IdSource& ids;
  Options options;
  metrics::Counter letters, bytes, local_copies, remote_copies, refused;
};

struct Letter::Impl {
  Impl(Acceptance::Impl& house, Envelope envelope);

  Acceptance::Impl& house;
  Envelope envelope;
  uint64_t id;
  engine::BlobWriter blob;
  message::Summarizer summarizer;
  std::string front;  // the Return-Path line, until the first write takes it along
  uint64_t front_size;
  std::shared_ptr<std::vector<store::Placed>> placed;  // the steps write into it
  size_t local_count = 0, remote_count = 0;
  std::vector<directory::AccountId> accounts;  // that get a copy
};

}  // namespace posthouse::acceptance
