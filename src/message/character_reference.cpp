#include "message/character_reference.h"

#include <array>

#include "base/ascii.h"

namespace posthouse::message {
namespace {

struct Entity {
  std::string_view name;
  char32_t character;
};
constexpr std::array<Entity, 36> kEntities = {
    {{"amp", '&'},      {"lt", '<'},       {"gt", '>'},       {"quot", '"'},      {"apos", '\''},
     {"nbsp", 0xA0},    {"shy", 0xAD},     {"copy", 0xA9},    {"reg", 0xAE},      {"deg", 0xB0},
     {"sect", 0xA7},    {"middot", 0xB7},  {"laquo", 0xAB},   {"raquo", 0xBB},    {"auml", 0xE4},
     {"ouml", 0xF6},    {"uuml", 0xFC},    {"Auml", 0xC4},    {"Ouml", 0xD6},     {"Uuml", 0xDC},
     {"szlig", 0xDF},   {"eacute", 0xE9},  {"egrave", 0xE8},  {"agrave", 0xE0},   {"ccedil", 0xE7},
     {"euro", 0x20AC},  {"ndash", 0x2013}, {"mdash", 0x2014}, {"lsquo", 0x2018},  {"rsquo", 0x2019},
     {"ldquo", 0x201C}, {"rdquo", 0x201D}, {"bull", 0x2022},  {"hellip", 0x2026}, {"zwnj", 0x200C},
     {"zwj", 0x200D}}};

// "&#233;" and "&#xE9;", the ampersand and the semicolon taken off.
std::optional<char32_t> numeric(std::string_view entity) {
  entity.remove_prefix(1);
  const bool hex = entity.starts_with('x') || entity.starts_with('X');
  if (hex) entity.remove_prefix(1);
  if (entity.empty() || entity.size() > 7) return std::nullopt;
  char32_t value = 0;
  for (char c : entity) {
    const char lower = ascii_lower(c);
    const bool letter = hex && lower >= 'a' && lower <= 'f';
    if (!is_digit(c) && !letter) return std::nullopt;
    value = value * (hex ? 16 : 10) + static_cast<char32_t>(letter ? lower - 'a' + 10 : c - '0');
  }
  if (value == 0 || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return 0xFFFD;
  return value;
}

}  // namespace

std::optional<char32_t> character_reference(std::string_view name) {
  if (name.starts_with('#')) return numeric(name);
  for (const auto& known : kEntities) {
    if (known.name == name) return known.character;
  }
  return std::nullopt;
}

}  // namespace posthouse::message
