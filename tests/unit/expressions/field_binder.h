// FieldBinder gives every name of an expression a slot of its own and remembers the order, with declared
// types and slot values for those that a test names.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <vector>

#include "expressions/compile.h"

namespace tidemark {

class FieldBinder final : public Binder {
 public:
  // The value of a name, as its canonical text: "a.b", "_topic", "sum(x)". Others are NULL.
  void set(const std::string& name, const Value& value) { values_[name] = value; }
  void declare(const std::string& name, TypeSet types) { types_[name] = types; }
  void refuse(const std::string& name) { refused_.push_back(name); }

  std::expected<Binding, std::string> field(const FieldPath& path) override { return bind(path.text()); }
  std::expected<Binding, std::string> metadata(Metadata which) override {
    return bind(std::string(to_text(which)));
  }
  std::expected<Binding, std::string> aggregate(const AggregateCall& call) override {
    return bind(call.text);
  }

  const std::vector<std::string>& names() const { return names_; }
  std::vector<Value> slots() const {
    std::vector<Value> slots;
    for (const std::string& name : names_) {
      const auto found = values_.find(name);
      slots.push_back(found == values_.end() ? Value::null() : found->second);
    }
    return slots;
  }

 private:
  std::expected<Binding, std::string> bind(const std::string& name) {
    for (const std::string& refused : refused_) {
      if (refused == name) return std::unexpected("there is no field " + name);
    }
    const auto types = types_.find(name);
    names_.push_back(name);
    return Binding{static_cast<std::uint32_t>(names_.size() - 1),
                   types == types_.end() ? TypeSet::any() : types->second};
  }

  std::map<std::string, Value> values_;
  std::map<std::string, TypeSet> types_;
  std::vector<std::string> refused_;
  std::vector<std::string> names_;
};

}  // namespace tidemark
