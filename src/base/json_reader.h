// JsonVisitor sees a JSON text part by part, in the order written, without a document being made of it.
#pragma once

#include <string_view>

namespace tidemark {

// Views live until the call returns. A call that answers false ends the reading.
class JsonVisitor {
 public:
  virtual ~JsonVisitor() = default;
  virtual bool null() = 0;
  virtual bool boolean(bool b) = 0;
  virtual bool number(std::string_view digits) = 0;  // as written
  virtual bool text(std::string_view text) = 0;      // without escapes
  virtual bool key(std::string_view name) = 0;
  virtual bool begin(bool array) = 0;  // else an object
  virtual bool end(bool array) = 0;
};

// Whether the text is JSON, in UTF-8 and nested no deeper than 64, and the visitor has not ended the reading.
bool read_json(std::string_view text, JsonVisitor& visitor);

}  // namespace tidemark
