// FieldBinder gives every name of an expression a slot of its own and remembers the order, with declared
// types and slot values for those that a test names.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/lookup_table.h"
#include "base/zone.h"
#include "expressions/compile.h"

namespace tidemark {

class FieldBinder final : public Binder {
 public:
  // The value of a name, as its canonical text: "a.b", "_topic", "sum(x)". Others are NULL.
  void set(const std::string& name, const Value& value) { values_[name] = value; }
  void declare(const std::string& name, TypeSet types) { types_[name] = types; }
  void give_json(const std::string& name) { json_.insert(name); }
  void refuse(const std::string& name) { refused_.push_back(name); }

  std::expected<Binding, std::string> field(const FieldPath& path) override { return bind(path.text()); }
  std::expected<Binding, std::string> metadata(Metadata which) override {
    return bind(std::string(to_text(which)));
  }
  std::expected<Binding, std::string> aggregate(const AggregateCall& call) override {
    return bind(call.text);
  }

  // Zones whose rules hold since long: what is written with them agrees with the database for recent years.
  std::expected<std::shared_ptr<const Zone>, std::string> zone(std::string_view name) override {
    static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
        {"Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"},
        {"America/New_York", "EST5EDT,M3.2.0,M11.1.0"},
        {"Australia/Sydney", "AEST-10AEDT,M10.1.0,M4.1.0/3"},
        {"Australia/Lord_Howe", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"},
        {"Asia/Kathmandu", "<+0545>-5:45"},
        {"Africa/Cairo", "EET-2EEST,M4.5.5/0,M10.5.4/24"},  // the clock is set forward at midnight
    };
    for (const auto& [known, rule] : kRules)
      if (known == name) return std::make_shared<const Zone>(*Zone::of_rule(rule));
    return Binder::zone(name);
  }

  std::expected<std::shared_ptr<const LookupTable>, std::string> lookup(std::string_view name) override {
    if (name != "devices") return Binder::lookup(name);
    LookupTable::Builder builder({"device", "site", "limit"}, 1, 1000);
    static_cast<void>(
        builder.add(std::vector{Value::text("press-1"), Value::text("hall 3"), Value::real(80.5)}));
    static_cast<void>(builder.add(std::vector{Value::integer(7), Value::text("yard"), Value::null()}));
    return builder.finish();
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
                   types == types_.end() ? TypeSet::any() : types->second, json_.contains(name)};
  }

  std::map<std::string, Value> values_;
  std::map<std::string, TypeSet> types_;
  std::set<std::string> json_;
  std::vector<std::string> refused_;
  std::vector<std::string> names_;
};

}  // namespace tidemark
