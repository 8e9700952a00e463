// The words of an expression: text cut into tokens. A private part of the parser.
//
// Tokens borrow the text. Where the text holds no token (an open quote, a stray character) the list ends with
// one `bad` token, which carries the error; else with `end`. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

struct Token {
  enum class Kind : std::uint8_t {
    end,
    bad,
    word,
    quoted,
    integer,
    real,
    text,  // quoted and text: with their quotes
    left_parenthesis,
    right_parenthesis,
    left_bracket,
    right_bracket,
    comma,
    dot,
    star,
    plus,
    minus,
    slash,
    percent,
    concat,
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    bits,  // & | << >>
    tilde,
    // Reserved words.
    kw_and,
    kw_as,
    kw_between,
    kw_case,
    kw_cast,
    kw_distinct,
    kw_else,
    kw_end,
    kw_false,
    kw_in,
    kw_is,
    kw_like,
    kw_not,
    kw_null,
    kw_or,
    kw_then,
    kw_true,
    kw_when,
  };
  Kind kind = Kind::end;
  std::size_t offset = 0;
  std::string_view text;
  std::string error;  // of a bad token

  bool is_reserved() const { return kind >= Kind::kw_and; }
  // Whether it is this unreserved word, in any letter case; `lower` is lower case.
  bool is_word(std::string_view lower) const;
};

std::vector<Token> tokens_of(std::string_view text);

// Whether a name can be written without quotes.
bool is_plain_name(std::string_view name);

// The same with A-Z made small, as function names are compared.
std::string to_lower(std::string_view word);

}  // namespace tidemark
