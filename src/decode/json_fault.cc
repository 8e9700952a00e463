#include "decode/json_fault.h"

#include <charconv>
#include <vector>

#include "base/format.h"
#include "decode/utf8.h"

namespace tidemark {
namespace {

constexpr bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Every step returns false once the fault is found.
class Scan {
 public:
  Scan(std::string_view text, std::uint32_t max_depth) : text_(text), max_depth_(max_depth) {}

  std::optional<DecodeError> run() {
    space();
    if (at_ == text_.size()) {
      at_ = 0;
      fault("an empty record");
    } else if (text_[at_] != '{') {
      fault("a record is one JSON object; this does not begin with {");
    } else if (document()) {
      space();
      if (at_ != text_.size()) fault("something after the object's end");
    }
    return std::move(fault_);
  }

 private:
  bool fault(std::string_view what) {
    if (at_ == text_.size()) {
      fault_ =
          DecodeError{open_.empty() ? std::string(what) : "the record ends inside an object or array", at_};
    } else {
      fault_ = DecodeError{std::string(what), at_};
    }
    return false;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  bool document() {
    do {
      if (!value()) return false;
    } while (!open_.empty());
    return true;
  }

  // A scalar, or an opening bracket; then all that may close or continue after it.
  bool value() {
    space();
    const char c = peek();
    if (c == '{' || c == '[') {
      if (open_.size() == max_depth_) return fault(format("nested deeper than max_depth = {}", max_depth_));
      open_.push_back(c == '{' ? '}' : ']');
      ++at_;
      space();
      if (peek() != open_.back()) return c == '[' || name();
      return after_value();
    }
    return scalar(c) && after_value();
  }

  bool after_value() {
    while (!open_.empty()) {
      space();
      if (peek() == ',') {
        ++at_;
        return open_.back() == ']' || name();
      }
      if (peek() != open_.back()) return fault(open_.back() == '}' ? "expected , or }" : "expected , or ]");
      ++at_;
      open_.pop_back();
    }
    return true;
  }

  bool name() {
    space();
    if (peek() != '"') return fault("expected a member's name in double quotes");
    if (!string()) return false;
    space();
    if (peek() != ':') return fault("expected : after a member's name");
    ++at_;
    return true;
  }

  bool scalar(char c) {
    if (c == '"') return string();
    if (c == '-' || is_digit(c)) return number();
    for (const std::string_view word : {"true", "false", "null"}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return true;
    }
    return fault("expected a value");
  }

  bool string() {
    const std::size_t begin = at_++;
    for (; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return fault("a control character inside a string");
      if (text_[at_] == '\\' && !escape()) return false;
    }
    if (at_ == text_.size()) {
      at_ = begin;
      return fault("a string without its end");
    }
    ++at_;
    return true;
  }

  // Leaves at_ on the last character of the escape.
  bool escape() {
    const std::size_t begin = at_++;
    const char c = peek();
    if (c != 'u') return c != '\0' && std::string_view("\"\\/bfnrt").contains(c) ? true : bad_escape(begin);
    const std::optional<unsigned> unit = code_unit();
    if (!unit) return bad_escape(begin);
    if (*unit >= 0xdc00 && *unit <= 0xdfff) return bad_escape(begin);
    if (*unit < 0xd800 || *unit > 0xdbff) return true;
    if (text_.substr(at_ + 1, 2) != "\\u") return bad_escape(begin);  // half of a surrogate pair
    at_ += 2;
    const std::optional<unsigned> low = code_unit();
    return low && *low >= 0xdc00 && *low <= 0xdfff ? true : bad_escape(begin);
  }
  // The four digits after the u at at_; moves to the last of them.
  std::optional<unsigned> code_unit() {
    const std::string_view digits = text_.substr(at_ + 1, 4);
    if (digits.size() != 4) return std::nullopt;
    for (const char c : digits)
      if (!is_hex(c)) return std::nullopt;
    unsigned unit = 0;
    std::from_chars(digits.data(), digits.data() + 4, unit, 16);
    at_ += 4;
    return unit;
  }
  bool bad_escape(std::size_t begin) {
    at_ = begin;
    return fault("no such escape in a string");
  }

  bool number() {
    const std::size_t begin = at_;
    if (peek() == '-') ++at_;
    const bool leading_zero = peek() == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (leading_zero && whole > 1)) return bad_number(begin, "no number");
    bool integer = true;
    if (peek() == '.') {
      integer = false;
      ++at_;
      if (digits() == 0) return bad_number(begin, "no number");
    }
    bool tiny = false;
    if (peek() == 'e' || peek() == 'E') {
      integer = false;
      ++at_;
      tiny = peek() == '-';
      if (peek() == '-' || peek() == '+') ++at_;
      if (digits() == 0) return bad_number(begin, "no number");
    }
    return in_range(begin, integer, tiny);
  }
  std::size_t digits() {
    const std::size_t begin = at_;
    while (is_digit(peek())) ++at_;
    return at_ - begin;
  }
  bool in_range(std::size_t begin, bool integer, bool tiny) {
    const char* const first = text_.data() + begin;
    const char* const last = text_.data() + at_;
    if (integer) {
      std::int64_t i;
      if (std::from_chars(first, last, i).ec == std::errc{}) return true;
      return bad_number(begin, "an integer beyond 64 bits");
    }
    double d;
    if (tiny || std::from_chars(first, last, d).ec == std::errc{}) return true;
    return bad_number(begin, "a number beyond the range of floats");
  }
  bool bad_number(std::size_t begin, std::string_view what) {
    at_ = begin;
    return fault(what);
  }

  std::string_view text_;
  std::uint32_t max_depth_;
  std::size_t at_ = 0;
  std::vector<char> open_;  // the brackets that must close
  std::optional<DecodeError> fault_;
};

}  // namespace

std::optional<DecodeError> find_json_fault(std::string_view text, std::uint32_t max_depth) {
  // A fault of the grammar says more than one of the encoding when it comes first.
  const std::size_t valid = valid_utf8(text);
  std::optional<DecodeError> fault = Scan(text, max_depth).run();
  if (valid < text.size() && (!fault || *fault->offset >= valid))
    return DecodeError{"bytes that are no UTF-8", valid};
  return fault;
}

}  // namespace tidemark
