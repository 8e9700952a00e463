#include "expressions/type_set.h"

namespace tidemark {

std::string to_text(TypeSet types) {
  if (types == TypeSet::any()) return "any type";
  if (types.empty()) return "NULL";
  std::string out;
  for (const Value::Type type :
       {Value::Type::boolean, Value::Type::integer, Value::Type::real, Value::Type::text}) {
    if (!types.contains(type)) continue;
    if (!out.empty()) out += " or ";
    out += type_name(type);
  }
  return out;
}

}  // namespace tidemark
