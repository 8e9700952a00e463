// Prints the interface as one JSON document, {"settings":[...],"commands":[...],"functions":[...],
// "aggregates":[...],"changes":[...]}, for what is made of it: the manual page of the settings, completions,
// and the list of what tests must cover. Not installed.
#include <cstdio>
#include <string>

#include "app/command_line.h"
#include "base/json.h"
#include "config/reference.h"
#include "expressions/functions.h"
#include "windows/aggregate.h"
#include "windows/change.h"

namespace {

// What is called: how it is written, and what it gives.
tidemark::JsonWriter& describe(tidemark::JsonWriter& out, std::string_view signature, std::string_view doc) {
  return out.begin_object().key("signature").text(signature).key("doc").text(doc);
}

// In groups, by subject.
std::string scalar_functions() {
  tidemark::JsonWriter out;
  out.begin_array();
  for (const tidemark::FunctionGroup& group : tidemark::function_groups()) {
    out.begin_object().key("title").text(group.title).key("functions").begin_array();
    for (const tidemark::Function& function : group.functions) {
      describe(out, function.signature, function.doc).key("example").text(function.example);
      out.key("also").text(function.also).end_object();
    }
    out.end_array().end_object();
  }
  return out.end_array().take();
}

std::string aggregates() {
  tidemark::JsonWriter out;
  out.begin_array();
  for (const tidemark::AggregateDeclaration& each : tidemark::aggregate_registry())
    describe(out, each.signature, each.doc).end_object();
  return out.end_array().take();
}

std::string changes() {
  tidemark::JsonWriter out;
  out.begin_array();
  for (const tidemark::ChangeDeclaration& each : tidemark::change_registry())
    describe(out, each.signature, each.doc).key("example").text(each.example).end_object();
  return out.end_array().take();
}

}  // namespace

int main() {
  using namespace tidemark;
  const std::string text = "{\"settings\":" + settings_reference() + ",\"commands\":" + commands_reference() +
                           ",\"functions\":" + scalar_functions() + ",\"aggregates\":" + aggregates() +
                           ",\"changes\":" + changes() + "}\n";
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0 : 1;
}
