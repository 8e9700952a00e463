// settings_reference: every key of the configuration as JSON, made of the declarations that also read it
// (tables.h), so that the manual page, the list of the interface and the loader cannot say different things.
//
//   [{"name":"sources.timestamp.field","table":"sources","key":"timestamp.field","type":"a string",
//     "default":"","range":"","words":[],"required":true,"only_for":[{"key":"type","words":["mqtt"]}],
//     "doc":"..."}, ...]
//
// In the order of declaration. `table` is a table of the file, or what tables of their own names belong to
// (sources, pipelines, sinks). `default` is TOML, empty where there is none. Keys and words that come with a
// later release are left out.
#pragma once

#include <string>

namespace tidemark {

std::string settings_reference();

}  // namespace tidemark
