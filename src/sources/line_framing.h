// LineFraming cuts a stream of bytes, handed over in pieces of any size, into lines ended by LF or CR LF.
//
// The lines do not depend on how the stream was cut. A line that lies whole in a piece is viewed in place;
// only a line that crosses pieces is copied. A line longer than max_record is reported once, at its end, with
// its first bytes (at most 1 KiB, at most max_record); the rest of it is skipped, so that memory stays below
// max_record + 1 bytes.
//
// With `quoted` (csv, multiline = true) a line end inside a quoted value does not end the record: a Line may
// then hold several lines of the stream. A quote opens a value only at its beginning, as in the csv decoder.
// One that is never closed costs at most max_record bytes: beyond, the next line end ends the record.
// Threads: one at a time.  Lifetime: a piece lives until next() has returned false; a Line until the next
// call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"

namespace tidemark {

struct Line {
  std::string_view bytes;    // without its end
  bool oversized = false;    // bytes are only its beginning
  std::uint64_t length = 0;  // what it took in the stream, its end included
  std::uint64_t ends = 1;    // line ends in that length; 0 or more of rest()
};

// How values are quoted, where line ends inside of them belong to the record.
struct QuotedLineEnds {
  char quote = '"';
  char delimiter = ',';
};
// What the format of a source asks of its framing.
std::optional<QuotedLineEnds> quoted_line_ends(const FormatSettings& format);

// The part of an oversized record that is kept.
std::string_view kept_beginning(std::string_view record, std::uint64_t max_record);

class LineFraming {
 public:
  explicit LineFraming(std::uint64_t max_record, std::optional<QuotedLineEnds> quoted = std::nullopt)
      : max_record_(max_record), quoted_(quoted) {}

  void feed(std::string_view piece) { piece_ = piece; }
  bool next(Line& line);
  // What stands after the last line end: the last line of a stream that ended without one.
  bool rest(Line& line);

 private:
  // Where a value stands within the record, for quoted_.
  enum class Within { value_begin, value, quotes, closing_quote };

  std::size_t find_end(std::string_view piece);
  std::size_t find_unquoted_end(std::string_view piece);
  void carry(std::string_view part);
  void drop_carried();
  void finish(Line& line, std::string_view bytes, std::uint64_t size_without_end) const;

  std::uint64_t max_record_;
  std::optional<QuotedLineEnds> quoted_;
  Within within_ = Within::value_begin;  // at the end of what is carried
  std::uint64_t inner_ends_ = 0;         // line ends inside the record so far
  std::string_view piece_;
  std::string carried_;             // the beginning of a line whose end has not come
  std::uint64_t carried_size_ = 0;  // its size in the stream; more than carried_.size() when it is oversized
  bool delivered_ = false;          // carried_ has been handed out and goes at the next call
};

}  // namespace tidemark
