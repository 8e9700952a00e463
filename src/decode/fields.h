// FieldSet: the fields that the pipelines of one source read, each with a slot in the decoded record.
//
// A path names a member of the record, and then members and elements inside it: temp, pos.lat, samples[0].
// Values; filled while the pipelines are planned, constant afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

// One step of a path: a member by name, or an element by index.
struct RecordStep {
  std::string name;
  std::optional<std::uint32_t> index;  // set: an element, and `name` means nothing

  static RecordStep member(std::string_view name) { return {std::string(name), std::nullopt}; }
  static RecordStep element(std::uint32_t index) { return {{}, index}; }
  bool operator==(const RecordStep&) const = default;
};

using RecordPath = std::vector<RecordStep>;

// "pos.samples[0]": as the configuration writes it, for messages.
std::string to_text(const RecordPath& path);

class FieldSet {
 public:
  // The slot of the path, the same one for the same path. The path begins with a member.
  std::size_t add(const RecordPath& path);

  std::size_t size() const { return paths_.size(); }
  const RecordPath& path(std::size_t slot) const { return paths_[slot]; }
  std::optional<std::size_t> find(const RecordPath& path) const;

 private:
  std::vector<RecordPath> paths_;
};

}  // namespace tidemark
