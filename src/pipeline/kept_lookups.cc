#include "pipeline/kept_lookups.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "base/format.h"

namespace tidemark {
namespace {

constexpr std::string_view kConfiguration = ".";  // no lookup is called so

}  // namespace

KeptLookups::KeptLookups(Files& files, const std::string& data_dir)
    : files_(files),
      folder_(join_path(data_dir, "lookups")),
      configurations_(join_path(data_dir, "config")) {}

std::string KeptLookups::path(const std::string& name) const {
  return join_path(folder_, name);
}

Result<std::vector<KeptLookups::Line>> KeptLookups::history() const {
  std::vector<Line> lines;
  auto text = read_file(files_, path("HISTORY"));
  if (!text && text.error().kind == Error::Kind::not_found) return lines;
  if (!text) return pass_on(text);
  std::istringstream in(*text);
  for (Line line; in >> line.position.value >> line.name >> line.hash;) lines.push_back(line);
  return lines;
}

Status KeptLookups::write_history(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) text += format("{} {} {}\n", line.position.value, line.name, line.hash);
  return write_file_atomically(files_, path("HISTORY"), text);
}

Status KeptLookups::keep(const Settings& settings, Position at) {
  if (std::ranges::none_of(settings.lookups, [](const auto& lookup) { return lookup.table != nullptr; }))
    return {};
  if (Status made = files_.make_directories(folder_); !made) return made;
  auto lines = history();
  if (!lines) return pass_on(lines);
  bool changed = false;
  const auto note = [&](std::string_view name, const std::string& hash) {
    const auto last =
        std::find_if(lines->rbegin(), lines->rend(), [&](const Line& line) { return line.name == name; });
    if (last != lines->rend() && last->hash == hash) return;
    lines->push_back({at, std::string(name), hash});
    changed = true;
  };
  for (const LookupSettings& lookup : settings.lookups) {
    if (!lookup.table) continue;
    const std::string& hash = lookup.table->hash();
    const auto there = files_.status(path(hash));
    if (!there || there->size != lookup.table->encoded().size())
      if (Status written = write_file_atomically(files_, path(hash), lookup.table->encoded()); !written)
        return written;
    note(lookup.name, hash);
  }
  note(kConfiguration, format("{:016x}", settings.fingerprint));
  // The table before the line that says when.
  return changed ? write_history(*lines) : files_.sync_directory(folder_);
}

Result<std::shared_ptr<const LookupTable>> KeptLookups::table(const std::string& hash) const {
  auto bytes = read_file(files_, path(hash));
  if (!bytes) return pass_on(bytes);
  auto table = LookupTable::decode(std::move(*bytes));
  if (!table) return pass_on(table, path(hash));
  if ((*table)->hash() != hash)
    return fail(format("{} holds another table than its name says", path(hash)), Error::Kind::corrupt);
  return table;
}

Result<bool> KeptLookups::trim(Position oldest) {
  auto lines = history();
  if (!lines) return pass_on(lines);
  // Followed by another of the same name, from before the oldest position on: nobody comes to it again. A
  // checkpoint at just that position still does: its position may be a little before that of the entry.
  std::vector<Line> needed;
  std::set<std::string> hashes, configurations, lookups, old_configurations;
  for (std::size_t i = 0; i < lines->size(); ++i) {
    const Line& line = (*lines)[i];
    const bool over =
        std::any_of(lines->begin() + static_cast<std::ptrdiff_t>(i) + 1, lines->end(),
                    [&](const Line& later) { return later.name == line.name && later.position < oldest; });
    const bool configures = line.name == kConfiguration;
    if (over) {
      if (configures) old_configurations.insert(line.hash);
      continue;
    }
    needed.push_back(line);
    lookups.insert(line.name);
    (configures ? configurations : hashes).insert(line.hash);
  }
  const bool more = needed.size() > lookups.size();
  if (needed.size() == lines->size()) return more;
  if (Status written = write_history(needed); !written) return pass_on(written);
  auto names = files_.list(folder_);
  if (!names) return pass_on(names);
  for (const std::string& name : *names)
    if (name != "HISTORY" && !hashes.contains(name))
      if (Status removed = files_.remove(path(name)); !removed) return pass_on(removed);
  if (Status synced = files_.sync_directory(folder_); !synced) return pass_on(synced);
  for (const std::string& name : old_configurations)
    if (!configurations.contains(name))
      if (Status removed = files_.remove(join_path(configurations_, name));
          !removed && removed.error().kind != Error::Kind::not_found)
        return pass_on(removed);
  return more;
}

}  // namespace tidemark
