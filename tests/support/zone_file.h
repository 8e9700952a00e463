// The bytes of a zone's file (TZif) that has no transitions but a rule, such as "CET-1CEST,M3.5.0,M10.5.0/3".
#pragma once

#include <string>
#include <string_view>

namespace tidemark {

inline std::string zone_file(std::string_view rule) {
  const auto header = [](int kinds) {
    std::string out = "TZif2";
    out.append(15, '\0');
    for (const int count : {0, 0, 0, 0, kinds, 4 * kinds}) {
      out.append(3, '\0');
      out += static_cast<char>(count);
    }
    return out;
  };
  std::string out = header(0) + header(1);
  out.append(6, '\0');  // one kind of time, which the rule overrides
  out += std::string_view("UTC\0", 4);
  out += '\n';
  out += rule;
  out += '\n';
  return out;
}

}  // namespace tidemark
