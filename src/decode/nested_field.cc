#include "decode/nested_field.h"

#include <algorithm>
#include <charconv>

namespace tidemark {
namespace {

NestedField& step_into(NestedField& parent, const RecordStep& step, std::string path) {
  const auto made = [&] {
    auto wanted = std::make_unique<NestedField>();
    wanted->path = std::move(path);
    return wanted;
  };
  if (step.index) {
    for (auto& [index, wanted] : parent.elements)
      if (index == *step.index) return *wanted;
    return *parent.elements.emplace_back(*step.index, made()).second;
  }
  for (auto& [name, wanted] : parent.members)
    if (name == step.name) return *wanted;
  return *parent.members.emplace_back(step.name, made()).second;
}

NestedField& walk_to(NestedField& root, const RecordPath& path) {
  NestedField* at = &root;
  RecordPath so_far;
  for (const RecordStep& step : path) {
    so_far.push_back(step);
    at = &step_into(*at, step, to_text(so_far));
  }
  return *at;
}

// "pos.samples[0]" as a path; a name that is written otherwise is one member's.
RecordPath path_of(std::string_view name) {
  RecordPath path;
  std::string_view rest = name;
  while (!rest.empty()) {
    if (rest.front() == '[') {
      std::uint32_t index = 0;
      const char* const last = rest.data() + rest.size();
      const auto [end, error] = std::from_chars(rest.data() + 1, last, index);
      if (path.empty() || error != std::errc{} || end == last || *end != ']')
        return {RecordStep::member(name)};
      path.push_back(RecordStep::element(index));
      rest = {end + 1, last};
    } else {
      if (!path.empty() && rest.front() == '.') rest.remove_prefix(1);
      const std::string_view step = rest.substr(0, rest.find_first_of(".["));
      if (step.empty()) return {RecordStep::member(name)};
      path.push_back(RecordStep::member(step));
      rest.remove_prefix(step.size());
    }
  }
  return path;
}

void collect_slots(NestedField& wanted) {
  const auto collect = [&](NestedField& below) {
    collect_slots(below);
    if (below.slot != NestedField::kNoSlot) wanted.slots_inside.push_back(below.slot);
    wanted.slots_inside.insert(wanted.slots_inside.end(), below.slots_inside.begin(),
                               below.slots_inside.end());
  };
  for (const auto& [name, below] : wanted.members) collect(*below);
  for (const auto& [index, below] : wanted.elements) collect(*below);
}

// Remembered of one object at most.
constexpr std::size_t kMostSeen = 64;

}  // namespace

NestedField* NestedField::look_up(std::size_t nth, std::string_view name) {
  const auto at =
      std::ranges::find(members, name, [](const auto& member) -> const std::string& { return member.first; });
  NestedField* const field = at != members.end() ? at->second.get() : nullptr;
  if (nth > last_.size() || nth >= kMostSeen || name.size() + 2 > kMostQuoted) return field;
  if (name.find_first_of("\"\\") != std::string_view::npos) return field;
  if (nth == last_.size()) last_.emplace_back();
  Seen& seen = last_[nth];
  seen.quoted.front() = '"';
  *std::ranges::copy(name, seen.quoted.begin() + 1).out = '"';
  seen.size = static_cast<std::uint32_t>(name.size() + 2);
  seen.field = field;
  return field;
}

NestedField nested_fields(const FormatSettings& format, const FieldSet& fields) {
  NestedField root;
  for (const FieldSetting& field : format.fields) walk_to(root, path_of(field.name)).type = field.type;
  for (std::size_t slot = 0; slot < fields.size(); ++slot) walk_to(root, fields.path(slot)).slot = slot;
  collect_slots(root);
  return root;
}

}  // namespace tidemark
