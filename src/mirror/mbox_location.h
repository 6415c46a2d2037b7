// How a message of an mbox is named in the index.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mbox/scan.h"
#include "store/types.h"

namespace posthouse::mirror {

struct MboxLocation {
  store::Uid uid = 0;    // that the file has for it; 0: not known yet
  std::string digest;    // hex
  store::FlagSet flags;  // as the file has them
};

std::string format_location(const MboxLocation& location);
std::optional<MboxLocation> parse_location(std::string_view text);

std::string hex_digest(const mbox::Digest& digest);
std::optional<mbox::Digest> parse_digest(std::string_view hex);
std::string location_of(const mbox::Record& record, store::Uid uid, const store::FlagSet& flags);
store::FlagSet to_flags(const mbox::Metadata& metadata);
// `before`: what is not ours to say (whether it is old) stays.
mbox::Metadata to_metadata(const store::FlagSet& flags, store::Uid uid, const mbox::Metadata& before);
// The envelope's sender as the letter's Return-Path has it, for its From_ line.
std::string sender_of(std::string_view begin_of_letter);

}  // namespace posthouse::mirror
