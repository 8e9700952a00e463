#include "config/toml_outline.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/format.h"

namespace tidemark {
namespace {

struct Mistake {
  Place place;
  std::string text;
  std::string hint;
};

bool is_bare_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// The length of the UTF-8 character at the front (Unicode standard, table 3-7); 0 when there is none.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (length > text.size()) return 0;
  const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  return length;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | (c >> 6));
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3f));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

class Outliner {
 public:
  Outliner(std::string_view text, std::uint32_t file, const Diagnostics& diagnostics)
      : text_(text), file_(file), diagnostics_(diagnostics) {}

  bool run() {
    if (!is_plain_text()) return false;
    if (text_.starts_with("\xef\xbb\xbf")) at_ = line_start_ = 3;
    Node* table = &root_;
    std::size_t depth = 1;
    for (skip_blank_lines(); !at_end(); skip_blank_lines()) {
      if (peek() == '[') {
        if (!header(table, depth)) return false;
      } else if (!assignment(*table, depth)) {
        return false;
      }
      if (!end_of_line()) return false;
    }
    return true;
  }

  Node take_root() { return std::move(root_); }
  const Mistake& mistake() const { return mistake_; }

 private:
  struct KeyPart {
    std::string name;
    Place place;
  };

  // ---- characters

  bool at_end() const { return at_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool take(char c) {
    if (peek() != c || at_end()) return false;
    step();
    return true;
  }
  void step() {
    if (text_[at_++] != '\n') return;
    ++line_;
    line_start_ = at_;
  }
  Place here(std::size_t length = 1) const {
    return {file_, line_, static_cast<std::uint32_t>(at_ - line_start_ + 1),
            static_cast<std::uint32_t>(length)};
  }
  Place since(const Place& start, std::size_t start_at) const {
    Place place = start;
    place.length = static_cast<std::uint32_t>(std::max<std::size_t>(1, at_ - start_at));
    return place;
  }
  bool fail_at(Place place, std::string text, std::string hint = {}) {
    mistake_ = {place, std::move(text), std::move(hint)};
    return false;
  }

  bool is_plain_text() {
    std::uint32_t line = 1;
    std::size_t line_start = 0;
    for (std::size_t i = 0; i < text_.size();) {
      const Place place{file_, line, static_cast<std::uint32_t>(i - line_start + 1), 1};
      const char c = text_[i];
      const std::size_t length = character_length(text_.substr(i));
      if (length == 0) return fail_at(place, "this is not UTF-8", "save the file as UTF-8");
      if (c == '\n') {
        ++line;
        line_start = i + 1;
      } else if (const bool line_end = c == '\r' && text_.substr(i + 1).starts_with('\n');
                 c != '\t' && !line_end && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)) {
        return fail_at(place, format("control character 0x{:02x}", static_cast<unsigned>(c)),
                       "TOML allows none but tabs and line ends; in a string write \\u00XX");
      }
      i += length;
      if (i - line_start > kMaxConfigLine)
        return fail_at(place, format("this line is longer than {} bytes", kMaxConfigLine),
                       "a list may go on over several lines");
    }
    return true;
  }

  void skip_spaces() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  void skip_comment() {
    if (peek() != '#') return;
    while (!at_end() && peek() != '\n') ++at_;
  }
  // Spaces, comments and line ends: between lines, and inside lists.
  void skip_blank_lines() {
    for (;;) {
      skip_spaces();
      skip_comment();
      if (at_end() || (peek() != '\n' && peek() != '\r')) return;
      step();
    }
  }
  bool at_line_end() const { return at_end() || peek() == '\n' || (peek() == '\r' && peek(1) == '\n'); }
  std::string rest_of_line() const {
    std::size_t end = at_;
    while (end < text_.size() && text_[end] != '\n' && text_[end] != '\r') ++end;
    return std::string(text_.substr(at_, end - at_));
  }

  bool end_of_line() {
    skip_spaces();
    if (at_line_end() || peek() == '#') return true;
    return fail_at(here(rest_of_line().size()), "the line should end here",
                   "one setting a line; a comment begins with #");
  }

  // ---- keys

  bool key(std::vector<KeyPart>& parts, std::string_view closing) {
    do {
      skip_spaces();
      KeyPart part;
      const Place place = here();
      const std::size_t start = at_;
      if (peek() == '"' || peek() == '\'') {
        if (peek(1) == peek() && peek(2) == peek())
          return fail_at(here(3), "a key is one line: it stands in one pair of quotes");
        if (!string(&part.name)) return false;
      } else {
        while (!at_end() && is_bare_key_character(peek())) ++at_;
        part.name = text_.substr(start, at_ - start);
        if (part.name.empty()) return no_key(closing);
      }
      key_end_ = at_;
      part.place = since(place, start);
      parts.push_back(std::move(part));
      skip_spaces();
    } while (take('.'));
    return true;
  }

  bool no_key(std::string_view closing) {
    if (at_line_end()) return fail_at(here(), "a key is missing here");
    if (std::string_view("=]}.").find(peek()) != std::string_view::npos)
      return fail_at(here(), format("a key is missing before `{}`", peek()));
    const std::size_t length = std::max<std::size_t>(1, character_length(text_.substr(at_)));
    return fail_at(here(length), format("`{}` cannot be in a key", text_.substr(at_, length)),
                   closing == "="
                       ? "a line is: name = value, [table] or # comment; bare names are of A-Z a-z 0-9 _ -"
                       : "bare names are of A-Z a-z 0-9 _ -; others stand in quotes");
  }

  bool too_deep(Place place) { return fail_at(place, format("nested more than {} deep", kMaxConfigDepth)); }

  // The table that parts[0 .. last) lead to, made where it is not there. Null when something else is in the
  // way.
  Node* descend(Node& from, const std::vector<KeyPart>& parts) {
    Node* table = &from;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      Node* next = table->find(parts[i].name);
      if (!next) {
        Node made;
        made.place = parts[i].place;
        next = &table->add(parts[i].name, parts[i].place, std::move(made)).value;
      } else if (next->kind == Node::Kind::list && !next->items.empty()) {
        next = &next->items.back();  // [[name]]: its last one
      }
      if (next->kind != Node::Kind::table) {
        const TableEntry& taken = *table->find_entry(parts[i].name);
        fail_at(parts[i].place, format("`{}` is a value and cannot hold other keys", parts[i].name),
                format("set at {}", diagnostics_.where(taken.key_place)));
        return nullptr;
      }
      table = next;
    }
    return table;
  }

  bool set_twice(const KeyPart& part, const Node& table) {
    return fail_at(part.place, format("`{}` is set twice", part.name),
                   format("set before at {}", diagnostics_.where(table.find_entry(part.name)->key_place)));
  }

  // [a.b] or [[a.b]]
  bool header(Node*& table, std::size_t& depth) {
    const Place place = here();
    const std::size_t start = at_;
    ++at_;
    const bool of_list = take('[');
    std::vector<KeyPart> parts;
    if (!key(parts, "]")) return false;
    for (int brackets = of_list ? 2 : 1; brackets > 0; --brackets)
      if (!take(']'))
        return fail_at(here(), "`]` is missing here", "a table begins with [name] on a line of its own");
    if (parts.size() >= kMaxConfigDepth) return too_deep(since(place, start));

    Node* const parent = descend(root_, parts);
    if (!parent) return false;
    const KeyPart& last = parts.back();
    Node* found = parent->find(last.name);
    Node made;
    made.place = since(place, start);
    if (of_list) {
      if (found && (found->kind != Node::Kind::list || !found->place.known() || found->items.empty()))
        return set_twice(last, *parent);
      if (!found) {
        Node list;
        list.kind = Node::Kind::list;
        list.place = made.place;
        found = &parent->add(last.name, last.place, std::move(list)).value;
      }
      table = &found->items.emplace_back(std::move(made));
    } else {
      if (found && found->kind != Node::Kind::table) return set_twice(last, *parent);
      if (found && headers_.contains({found->place.line, found->place.column}))
        return fail_at(
            made.place, format("table `{}` begins twice", last.name),
            format("the other one is at {}; put the keys together", diagnostics_.where(found->place)));
      headers_.insert({made.place.line, made.place.column});
      // A table that was only named on the way to another, as `a` in [a.b], gets its place here.
      if (found)
        found->place = made.place;
      else
        found = &parent->add(last.name, last.place, std::move(made)).value;
      table = found;
    }
    depth = parts.size() + 1;
    return true;
  }

  bool assignment(Node& table, std::size_t depth) {
    std::vector<KeyPart> parts;
    if (!key(parts, "=")) return false;
    if (!take('=')) return no_equals_sign(parts.back());
    skip_spaces();
    if (at_line_end() || peek() == '#')
      return fail_at(here(), format("`{}` has no value", parts.back().name));
    if (depth + parts.size() > kMaxConfigDepth) return too_deep(parts.front().place);
    Node* const holder = descend(table, parts);
    if (!holder) return false;
    Node made;
    if (!value(made, depth + parts.size())) return false;
    if (holder->find(parts.back().name)) return set_twice(parts.back(), *holder);
    holder->add(parts.back().name, parts.back().place, std::move(made));
    return true;
  }

  bool no_equals_sign(const KeyPart& key) {
    const std::size_t length = std::max<std::size_t>(1, character_length(text_.substr(at_)));
    const bool inside_word = !at_line_end() && at_ == key_end_ && peek() != ':';
    if (inside_word && (length > 1 || is_bare_key_character(peek(1))))
      return fail_at(here(length), format("`{}` cannot be in a key", text_.substr(at_, length)),
                     "bare names are of A-Z a-z 0-9 _ -; others stand in quotes");
    return fail_at(here(), "`=` is missing here", format("write: {} = ...", key.name));
  }

  // ---- values

  bool value(Node& out, std::size_t depth) {
    const Place place = here();
    const std::size_t start = at_;
    if (depth > kMaxConfigDepth) return too_deep(place);
    bool fine = true;
    switch (peek()) {
      case '"':
      case '\'':
        out.kind = Node::Kind::text;
        fine = string(nullptr);
        break;
      case '[':
        out.kind = Node::Kind::list;
        fine = list(out, depth);
        break;
      case '{':
        out.kind = Node::Kind::table;
        fine = inline_table(out, depth);
        break;
      default:
        fine = bare_value(out);
        break;
    }
    out.place = since(place, start);
    return fine;
  }

  bool list(Node& out, std::size_t depth) {
    const Place opened = here();
    ++at_;
    for (;;) {
      skip_blank_lines();
      if (take(']')) return true;
      if (at_end()) return fail_at(opened, "this list is not closed", "it ends with ]");
      Node item;
      if (!value(item, depth + 1)) return false;
      out.items.push_back(std::move(item));
      skip_blank_lines();
      if (take(',') || peek() == ']') continue;
      if (at_end()) return fail_at(opened, "this list is not closed", "it ends with ]");
      return fail_at(here(), "`,` or `]` is missing here",
                     format("the list begins at {}", diagnostics_.where(opened)));
    }
  }

  bool inline_table(Node& out, std::size_t depth) {
    const Place opened = here();
    ++at_;
    skip_spaces();
    if (take('}')) return true;
    for (;;) {
      skip_spaces();
      if (at_line_end() || peek() == '#')
        return fail_at(opened, "this { } is not closed on its line",
                       "TOML wants it on one line; a longer one is a [table] of its own");
      if (peek() == '}') return fail_at(here(), "a key is missing here: no comma before }");
      if (!assignment(out, depth)) return false;
      skip_spaces();
      if (take('}')) return true;
      if (take(',')) continue;
      if (at_line_end() || peek() == '#')
        return fail_at(opened, "this { } is not closed on its line",
                       "TOML wants it on one line; a longer one is a [table] of its own");
      return fail_at(here(), "`,` or `}` is missing here");
    }
  }

  // A string of any of TOML's four forms; `content` gets it when it is wanted (keys).
  bool string(std::string* content) {
    const Place opened = here();
    const char quote = peek();
    const bool multiline = peek(1) == quote && peek(2) == quote;
    at_ += multiline ? 3 : 1;
    for (;;) {
      if (at_end() || (!multiline && at_line_end()))
        return fail_at(opened, "this string is not closed",
                       format("it ends with {}", multiline ? std::string(3, quote) : std::string(1, quote)));
      if (multiline && peek() == quote && peek(1) == quote && peek(2) == quote) {
        at_ += 3;
        // Up to two quotes may stand directly before the closing three.
        for (int extra = 0; extra < 2 && peek() == quote; ++extra) ++at_;
        return true;
      }
      if (!multiline && take(quote)) return true;
      if (quote == '"' && peek() == '\\') {
        if (!escape(multiline, content)) return false;
        continue;
      }
      if (content) *content += peek();
      step();
    }
  }

  bool escape(bool multiline, std::string* content) {
    const Place place = here(2);
    constexpr std::string_view kNames = "btnfr\"\\";
    constexpr std::string_view kValues = "\b\t\n\f\r\"\\";
    const char name = peek(1);
    if (const std::size_t i = kNames.find(name); i != std::string_view::npos) {
      if (content) *content += kValues[i];
      at_ += 2;
      return true;
    }
    if (name == 'u' || name == 'U') return unicode_escape(place, name == 'u' ? 4 : 8, content);
    if (multiline) {  // a backslash before the line end joins the lines
      std::size_t ahead = 1;
      while (peek(ahead) == ' ' || peek(ahead) == '\t') ++ahead;
      if (peek(ahead) == '\n' || (peek(ahead) == '\r' && peek(ahead + 1) == '\n')) {
        at_ += ahead;
        return true;
      }
    }
    return fail_at(place, "no such escape in a string",
                   "there are \\\" \\\\ \\n \\t \\r \\b \\f \\uXXXX \\UXXXXXXXX; in '...' backslashes stand "
                   "for themselves");
  }

  bool unicode_escape(Place place, std::size_t digits, std::string* content) {
    place.length = static_cast<std::uint32_t>(2 + digits);
    std::uint32_t code = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (!is_hex_digit(peek(2 + i)))
        return fail_at(place, format("\\{} takes {} hexadecimal digits", peek(1), digits));
    }
    const char* const first = text_.data() + at_ + 2;
    std::from_chars(first, first + digits, code, 16);
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
      return fail_at(place, "there is no such character");
    if (content) append_utf8(*content, code);
    at_ += 2 + digits;
    return true;
  }

  // Numbers, true and false, dates. Which digits make a number is the library's to judge.
  bool bare_value(Node& out) {
    const Place place = here();
    const std::size_t start = at_;
    const auto belongs = [](char c) { return is_bare_key_character(c) || c == '+' || c == '.' || c == ':'; };
    while (!at_end() && belongs(peek())) ++at_;
    // "1979-05-27 07:32:00": a space may stand between date and time.
    if (at_ - start == 10 && text_[start + 4] == '-' && peek() == ' ' && is_digit(peek(1)) &&
        is_digit(peek(2)) && peek(3) == ':') {
      ++at_;
      while (!at_end() && belongs(peek())) ++at_;
    }
    const std::string_view word = text_.substr(start, at_ - start);
    if (word.empty()) {
      const std::size_t length = std::max<std::size_t>(1, character_length(text_.substr(at_)));
      return fail_at(here(length), "a value is missing here", "strings stand in quotes");
    }
    return classify(out, word, since(place, start));
  }

  bool classify(Node& out, std::string_view word, Place place) {
    const std::string_view unsigned_word = word.substr(word.front() == '+' || word.front() == '-' ? 1 : 0);
    out.kind = Node::Kind::integer;
    if (word == "true" || word == "false") {
      out.kind = Node::Kind::boolean;
      return true;
    }
    if (unsigned_word == "inf" || unsigned_word == "nan" || unsigned_word.starts_with("0x")) return true;
    constexpr std::string_view kInNumbersAndDates = "0123456789_+-.: eEobTZtz";
    if (unsigned_word.empty() || !is_digit(unsigned_word.front()) ||
        unsigned_word.find_first_not_of(kInNumbersAndDates) != std::string_view::npos) {
      // The word itself is not repeated: it may be a password without quotes.
      if (word == "True" || word == "TRUE" || word == "False" || word == "FALSE")
        return fail_at(place, "this is no TOML value", "write true or false");
      if (!unsigned_word.empty() && is_digit(unsigned_word.front()))
        return fail_at(place, "this is no TOML value", "durations and sizes stand in quotes, as in \"10s\"");
      return fail_at(place, "this is no TOML value", "strings stand in quotes");
    }
    // Versions of the library point at different places for this.
    for (std::size_t i = 0; i < word.size(); ++i) {
      if (word[i] != '_' || (i > 0 && i + 1 < word.size() && is_digit(word[i - 1]) && is_digit(word[i + 1])))
        continue;
      place.column += static_cast<std::uint32_t>(i);
      place.length = 1;
      return fail_at(place, "`_` in a number stands between two digits");
    }
    // The library would quietly give the largest integer.
    std::string digits;
    for (const char c : word)
      if (c != '_' && c != '+') digits += c;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc::result_out_of_range && end == digits.data() + digits.size())
      return fail_at(place, "this integer does not fit 64 bits");
    return true;
  }

  std::string_view text_;
  std::uint32_t file_;
  const Diagnostics& diagnostics_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  std::size_t key_end_ = 0;
  std::uint32_t line_ = 1;
  std::set<std::pair<std::uint32_t, std::uint32_t>> headers_;  // line and column of each [table]
  Node root_;
  Mistake mistake_;
};

}  // namespace

std::optional<Node> outline(std::uint32_t file, Diagnostics& diagnostics, std::size_t most_bytes) {
  const ConfigFile& source = diagnostics.files()[file];
  if (source.text.size() > most_bytes) {
    diagnostics.error(Place{file, 0, 0, 0}, format("the file has {} bytes, more than the {} that are read",
                                                   source.text.size(), most_bytes));
    return std::nullopt;
  }
  Outliner outliner(source.text, file, diagnostics);
  if (!outliner.run()) {
    const Mistake& mistake = outliner.mistake();
    diagnostics.error(mistake.place, mistake.text, mistake.hint);
    return std::nullopt;
  }
  return outliner.take_root();
}

}  // namespace tidemark
