// JsonTokens finds where the tokens of a line of JSON begin: brackets, commas, colons, strings, numbers,
// words.
//
// It is simdjson's first stage, which runs on the best instructions that the machine has. It also says that
// the bytes are UTF-8 and that every string ends and holds no control characters. Lines of which the bytes
// are known in advance go through it many at a time; that says the same of each of them as of all, because a
// line end inside a string is a control character, and because a line is only taken to be found when it
// begins with a token.
//
// Threads: one at a time.  Lifetime: a Line lives until the next find() or expect().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace tidemark {

class JsonTokens {
 public:
  // One line's tokens, from its first byte on. Places count from `bytes`, and kReadable bytes may be read
  // from each, whatever they are. The last token is followed by others', or by kAfterLast places behind all
  // lines.
  struct Line {
    const char* bytes = nullptr;
    const char* original = nullptr;  // the same as find() was given them
    const std::uint32_t* tokens = nullptr;
    std::uint32_t end = 0;     // places from here on are none of this line's
    bool backslashes = false;  // there may be one in it
  };
  static constexpr std::size_t kReadable = 64;
  static constexpr std::size_t kAfterLast = 4;
  // The longest line that is looked at.
  static constexpr std::size_t kMostBytes = 16 << 10;

  JsonTokens();
  ~JsonTokens();

  // The lines to come lie in these bytes, which stay as they are until the next expect().
  void expect(std::string_view bytes) {
    expected_ = bytes;
    looked_at_ = {};
  }

  // False: the line does not begin with a token, is too long, or is no JSON by what the stage sees.
  bool find(std::string_view line, Line& found);
  // The tokens of the line found last end here; saves the next find() to look for it.
  void line_ends(const std::uint32_t* tokens) { next_ = tokens; }

 private:
  bool find_alone(std::string_view line, Line& found);
  void look_ahead(const char* from);
  bool run(const char* bytes, std::size_t size);

  struct Stage;  // simdjson's
  std::unique_ptr<Stage> stage_;
  std::unique_ptr<char[]> copy_;  // of a line that stands alone

  std::string_view expected_;
  std::string_view looked_at_;           // the part of expected_ that the stage has run over
  bool good_ = false;                    // and found sound
  bool backslashes_ = false;             // there is one in it
  const std::uint32_t* next_ = nullptr;  // the first token behind the line found last
};

}  // namespace tidemark
