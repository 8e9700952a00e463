#include "expressions/type_set.h"

namespace tidemark {

bool comparable(TypeSet a, TypeSet b) {
  if (a.empty() || b.empty()) return true;
  for (const TypeSet one : {TypeSet::number(), TypeSet::text(), TypeSet::boolean()}) {
    if (!(a & one).empty() && !(b & one).empty()) return true;
  }
  return false;
}

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
