#include "expressions/lexer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/format.h"

namespace tidemark {
namespace {

using Kind = Token::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 18> kReserved{{
    {"and", Kind::kw_and},
    {"as", Kind::kw_as},
    {"between", Kind::kw_between},
    {"case", Kind::kw_case},
    {"cast", Kind::kw_cast},
    {"distinct", Kind::kw_distinct},
    {"else", Kind::kw_else},
    {"end", Kind::kw_end},
    {"false", Kind::kw_false},
    {"in", Kind::kw_in},
    {"is", Kind::kw_is},
    {"like", Kind::kw_like},
    {"not", Kind::kw_not},
    {"null", Kind::kw_null},
    {"or", Kind::kw_or},
    {"then", Kind::kw_then},
    {"true", Kind::kw_true},
    {"when", Kind::kw_when},
}};

// Longer ones first.
constexpr std::array<std::pair<std::string_view, Kind>, 25> kPunctuation{{
    {"||", Kind::concat},
    {"==", Kind::equal},
    {"<>", Kind::not_equal},
    {"!=", Kind::not_equal},
    {"<=", Kind::less_equal},
    {">=", Kind::greater_equal},
    {"<<", Kind::bits},
    {">>", Kind::bits},
    {"(", Kind::left_parenthesis},
    {")", Kind::right_parenthesis},
    {"[", Kind::left_bracket},
    {"]", Kind::right_bracket},
    {",", Kind::comma},
    {".", Kind::dot},
    {"*", Kind::star},
    {"+", Kind::plus},
    {"-", Kind::minus},
    {"/", Kind::slash},
    {"%", Kind::percent},
    {"=", Kind::equal},
    {"<", Kind::less},
    {">", Kind::greater},
    {"&", Kind::bits},
    {"|", Kind::bits},
    {"~", Kind::tilde},
}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool starts_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) > 127;
}
bool continues_word(char c) {
  return starts_word(c) || is_digit(c) || c == '$';
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

Kind kind_of_word(std::string_view word) {
  const std::string lower = to_lower(word);
  const auto* const found =
      std::find_if(kReserved.begin(), kReserved.end(), [&](const auto& r) { return r.first == lower; });
  return found == kReserved.end() ? Kind::word : found->second;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    while (true) {
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
      if (at_ == text_.size()) {
        push(Kind::end, at_);
        break;
      }
      if (!one()) break;
    }
    return std::move(tokens_);
  }

 private:
  bool one() {
    const char c = text_[at_];
    if (starts_word(c)) return word();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (c == '\'') return between_quotes(Kind::text, "this text is not closed: ' is missing");
    if (c == '"') return between_quotes(Kind::quoted, "this name is not closed: \" is missing");
    if (text_.substr(at_).starts_with("&&")) return bad(at_ + 2, "'&&' is no operator; write AND");
    for (const auto& [spelling, kind] : kPunctuation) {
      if (text_.substr(at_).starts_with(spelling)) {
        push(kind, at_ + spelling.size());
        return true;
      }
    }
    return stray(c);
  }

  bool word() {
    std::size_t end = at_;
    while (end < text_.size() && continues_word(text_[end])) ++end;
    push(kind_of_word(text_.substr(at_, end - at_)), end);
    return true;
  }

  bool number() {
    std::size_t end = at_;
    bool real = false;
    while (end < text_.size() && is_digit(text_[end])) ++end;
    if (end < text_.size() && text_[end] == '.') {
      real = true;
      ++end;
      while (end < text_.size() && is_digit(text_[end])) ++end;
    }
    if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      std::size_t digits = end + 1;
      if (digits < text_.size() && (text_[digits] == '+' || text_[digits] == '-')) ++digits;
      if (digits < text_.size() && is_digit(text_[digits])) {
        real = true;
        end = digits;
        while (end < text_.size() && is_digit(text_[end])) ++end;
      }
    }
    if (end < text_.size() && (continues_word(text_[end]) || text_[end] == '.')) {
      while (end < text_.size() && (continues_word(text_[end]) || text_[end] == '.')) ++end;
      return bad(end, format("'{}' is no number; a name that begins with a digit is written \"in quotes\"",
                             text_.substr(at_, end - at_)));
    }
    push(real ? Kind::real : Kind::integer, end);
    return true;
  }

  bool between_quotes(Kind kind, std::string_view unclosed) {
    const char quote = text_[at_];
    std::size_t end = at_ + 1;
    while (end < text_.size()) {
      if (text_[end] != quote) {
        ++end;
      } else if (end + 1 < text_.size() && text_[end + 1] == quote) {
        end += 2;
      } else {
        push(kind, end + 1);
        return true;
      }
    }
    return bad(text_.size(), std::string(unclosed));
  }

  bool stray(char c) {
    if (c == '!') return bad(at_ + 1, "'!' is no operator; write NOT");
    if (c == '`') return bad(at_ + 1, "a name is quoted with \", not with `");
    if (c > ' ' && c < 127) return bad(at_ + 1, format("unexpected character '{}'", c));
    return bad(at_ + 1,
               format("unexpected byte 0x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c))));
  }

  char peek(std::size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void push(Kind kind, std::size_t end) {
    tokens_.push_back({kind, at_, text_.substr(at_, end - at_), {}});
    at_ = end;
  }

  bool bad(std::size_t end, std::string error) {
    push(Kind::bad, end);
    tokens_.back().error = std::move(error);
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

bool Token::is_word(std::string_view lower) const {
  return kind == Kind::word && to_lower(text) == lower;
}

std::vector<Token> tokens_of(std::string_view text) {
  return Lexer(text).run();
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && starts_word(name.front()) &&
         std::all_of(name.begin(), name.end(), continues_word) && kind_of_word(name) == Kind::word;
}

std::string to_lower(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace tidemark
