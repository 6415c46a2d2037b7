// Short ways to make the steps of an exchange.
#pragma once

#include "wire/sasl/server.h"

namespace posthouse::wire::sasl {

inline Exchange::Step challenge_with(std::string data) {
  return {Exchange::Step::challenge, std::move(data), {}, {}};
}
inline Exchange::Step succeeded(Identity identity, std::string data = {}) {
  return {Exchange::Step::success, std::move(data), std::move(identity), {}};
}
inline Exchange::Step failed(Fault fault) {
  return {Exchange::Step::failure, {}, {}, std::move(fault)};
}
inline Exchange::Step failed(FaultKind kind, std::string what) {
  return failed(Fault{kind, std::move(what)});
}

}  // namespace posthouse::wire::sasl
