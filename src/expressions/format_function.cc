// format(): a text made of a pattern and values, as C's printf and sqlite's, without locales.
//
// The pattern is a literal and is read once, with the configuration. Floats are written digit for digit as
// they are, rounded to the decimals asked for, on every machine alike.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/format.h"
#include "expressions/characters.h"
#include "expressions/functions_list.h"
#include "expressions/text_builder.h"

namespace tidemark::function {
namespace {

using Kind = EvalError::Kind;
using Nulls = Function::Nulls;

constexpr std::size_t kMostWidth = 1000;
constexpr std::size_t kMostDigits = 100;

// A directive, and the text that stands before it.
struct Piece {
  std::string before;
  char conversion = 0;  // d x X o f e g s; 0 at the end, where there is none
  bool to_left = false, zeros = false, thousands = false;
  char plus = 0;  // '+' or ' ' before what is not negative
  std::size_t width = 0;
  std::optional<std::size_t> precision;

  TypeSet takes() const {
    if (conversion == 's') return kAny;
    return conversion == 'd' || conversion == 'x' || conversion == 'X' || conversion == 'o' ? kInteger
                                                                                            : kNumber;
  }
};

class Pattern final : public Prepared {
 public:
  std::vector<Piece> pieces;  // the last has no directive
};

// Reads a pattern; what is wrong with it is a part of a sentence.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<std::string> read(std::vector<Piece>& pieces) {
    Piece piece;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c != '%') {
        piece.before += c;
      } else if (at_ < text_.size() && text_[at_] == '%') {
        piece.before += text_[at_++];
      } else {
        if (auto wrong = directive(piece)) return wrong;
        pieces.push_back(std::exchange(piece, {}));
      }
    }
    pieces.push_back(std::move(piece));
    return std::nullopt;
  }

 private:
  std::optional<std::string> directive(Piece& piece) {
    const std::size_t from = at_ - 1;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '-')
        piece.to_left = true;
      else if (c == '0')
        piece.zeros = true;
      else if (c == ',')
        piece.thousands = true;
      else if (c == '+' || (c == ' ' && piece.plus == 0))
        piece.plus = c;
      else if (c != ' ')
        break;
    }
    piece.width = number();
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      piece.precision = number();
    }
    const std::string_view written = text_.substr(from, at_ + 1 - from);
    if (piece.width > kMostWidth || piece.precision.value_or(0) > kMostDigits)
      return format("{} is too wide; at most {} characters and {} digits", written, kMostWidth, kMostDigits);
    if (at_ == text_.size()) return std::string("it ends within a directive; a percent sign is written %%");
    piece.conversion = text_[at_++];
    if (piece.conversion == 'i') piece.conversion = 'd';
    if (std::string_view("dxXofegs").find(piece.conversion) == std::string_view::npos)
      return format("it has no {}; there are %d %x %X %o %f %e %g %s, and %% for a percent sign", written);
    return std::nullopt;
  }

  // Large ones stop where they are too large already.
  std::size_t number() {
    std::size_t n = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      n = std::min<std::size_t>(10 * n + static_cast<std::size_t>(text_[at_] - '0'), 100000);
    return n;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

Function::Preparation prepare(std::span<const KnownArgument> arguments, Zones&) {
  auto pattern = std::make_unique<Pattern>();
  if (const auto wrong = Reader(arguments[0].literal->as_text()).read(pattern->pieces))
    return std::unexpected(BadArgument{0, "in this pattern " + *wrong});
  const std::size_t directives = pattern->pieces.size() - 1, values = arguments.size() - 1;
  if (directives != values) {
    return std::unexpected(
        BadArgument{0, format("this pattern takes {} value{}, and {} {} given", directives,
                              directives == 1 ? "" : "s", values, values == 1 ? "is" : "are")});
  }
  for (std::size_t i = 0; i < directives; ++i) {
    const TypeSet types = arguments[i + 1].types, takes = pattern->pieces[i].takes();
    if (!types.may_be(takes)) {
      return std::unexpected(
          BadArgument{i + 1, format("{} where {} is needed", to_text(types), to_text(takes))});
    }
  }
  return pattern;
}

// The digits of a number, its sign apart.
struct Digits {
  bool negative = false;
  char text[512];  // the longest double has 309 digits before its point
  std::size_t size = 0;
  bool finite = true;
  std::string_view view() const { return {text, size}; }
};

void write_integer(const Piece& piece, std::int64_t n, Digits& digits) {
  digits.negative = piece.conversion == 'd' && n < 0;
  // Of the others the bits count, as in C.
  const std::uint64_t bits =
      digits.negative ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);
  const int base = piece.conversion == 'd' ? 10 : piece.conversion == 'o' ? 8 : 16;
  const char* const end = std::to_chars(digits.text, std::end(digits.text), bits, base).ptr;
  digits.size = static_cast<std::size_t>(end - digits.text);
  if (piece.conversion == 'X')
    std::transform(digits.text, digits.text + digits.size, digits.text, capital_letter);
}

void write_real(const Piece& piece, double d, Digits& digits) {
  digits.negative = std::signbit(d) && !std::isnan(d);
  digits.finite = std::isfinite(d);
  const auto form = piece.conversion == 'f'   ? std::chars_format::fixed
                    : piece.conversion == 'e' ? std::chars_format::scientific
                                              : std::chars_format::general;
  const int precision = static_cast<int>(piece.precision.value_or(6));
  const char* const end =
      std::to_chars(digits.text, std::end(digits.text), std::fabs(d), form, precision).ptr;
  digits.size = static_cast<std::size_t>(end - digits.text);
}

// With a comma before every third digit from the point on.
void add_thousands(std::string_view digits, TextBuilder& to) {
  const std::size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  for (std::size_t i = 0; i < whole; ++i) {
    if (i > 0 && (whole - i) % 3 == 0) to.add(',');
    to.add(digits[i]);
  }
  to.add(digits.substr(whole));
}

void add_number(const Piece& piece, const Value& v, TextBuilder& to) {
  Digits digits;
  if (v.is_integer() && piece.takes() == kInteger)
    write_integer(piece, v.as_integer(), digits);
  else
    write_real(piece, v.as_number(), digits);
  const char sign = digits.negative ? '-' : piece.plus;
  const bool commas =
      piece.thousands && digits.finite && (piece.conversion == 'd' || piece.conversion == 'f');
  const std::size_t whole = std::min(digits.view().find_first_not_of("0123456789"), digits.size);
  const std::size_t size = digits.size + (sign != 0 ? 1 : 0) + (commas ? (whole - 1) / 3 : 0);
  const std::size_t missing = piece.width > size ? piece.width - size : 0;
  const bool zeros = piece.zeros && !piece.to_left && digits.finite;
  if (!piece.to_left && !zeros) to.repeat(" ", missing);
  if (sign != 0) to.add(sign);
  if (zeros) to.repeat("0", missing);
  if (commas)
    add_thousands(digits.view(), to);
  else
    to.add(digits.view());
  if (piece.to_left) to.repeat(" ", missing);
}

void add_text(const Piece& piece, std::string_view text, TextBuilder& to) {
  if (piece.precision) {
    std::size_t end = 0;
    for (std::size_t n = *piece.precision; n > 0 && end < text.size(); --n) end += character_size(text, end);
    text = text.substr(0, end);
  }
  const std::size_t size = piece.width > 0 ? character_count(text) : 0;
  const std::size_t missing = piece.width > size ? piece.width - size : 0;
  if (!piece.to_left) to.repeat(" ", missing);
  to.add(text);
  if (piece.to_left) to.repeat(" ", missing);
}

Fault format_values(const Arguments& arguments, Value& out) {
  const auto& pieces = static_cast<const Pattern&>(*arguments.prepared).pieces;
  TextBuilder text(arguments.arena);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    text.add(pieces[i].before);
    if (i + 1 == pieces.size()) break;
    const Value& v = arguments[i + 1];
    if (v.is_null()) {
      add_text(pieces[i], {}, text);
    } else if (!pieces[i].takes().contains(v.type())) {
      arguments.at_fault = i + 1;
      arguments.needed = pieces[i].takes();
      return Kind::wrong_type;
    } else if (pieces[i].conversion == 's') {
      add_text(pieces[i], as_text(v, arguments.arena).as_text(), text);
    } else {
      add_number(pieces[i], v, text);
    }
  }
  return text.give(out);
}

constexpr Function kFormatting[] = {
    {.signature = "format(pattern[, x, …])",
     .doc = "a text by the rules of printf: %s any value, %d %x %X %o integers, %f %e %g numbers, %% a "
            "percent sign; between % and the letter may stand - (to the left), 0 (zeros before), + (a sign "
            "always), a comma (thousands apart), a width, and a point with the number of decimals, of %s of "
            "characters; NULL gives an empty text; the pattern is a literal",
     .example = "format('%s: %5.1f °C, %03d %%', 'press', 21.46, 7) => 'press:  21.5 °C, 007 %'",
     .also = "printf",
     .takes = {kText, kAny},
     .optional = 1,
     .repeats = 1,
     .literals = 1,
     .nulls = Nulls::are_seen,
     .gives = kText,
     .evaluate = format_values,
     .prepare = prepare},
};

}  // namespace

std::span<const Function> formatting() {
  return kFormatting;
}

}  // namespace tidemark::function
