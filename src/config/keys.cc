#include "config/keys.h"

#include <algorithm>
#include <span>

#include "base/format.h"
#include "base/invariant.h"
#include "base/nearest.h"
#include "base/sizes.h"
#include "config/toml_text.h"
#include "config/variables.h"

namespace tidemark {
namespace {

std::string listed(const std::vector<std::string>& words, std::string_view last_separator = ", ") {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? last_separator : ", ";
    out += words[i];
  }
  return out;
}

std::string without_quotes(std::string_view text) {
  return std::string(text.size() < 2 ? text : text.substr(1, text.size() - 2));
}

}  // namespace

// ---- declaring

Key& Keys::add(std::string name, Key::Type type) {
  invariant(find(name) == nullptr, "a key is declared once");
  Key& key = keys_.emplace_back();
  key.noun_ = name == "type" ? noun_ + " type" : name;
  key.name_ = std::move(name);
  key.type_ = type;
  return key;
}

Key& Keys::texts(std::string name, std::vector<Located<std::string>>& target) {
  return parsed_list(
      std::move(name),
      [&target](const std::vector<Located<std::string>>& texts, Diagnostics&) {
        target = texts;
        return true;
      },
      [&target] {
        std::vector<std::string> out;
        for (const Located<std::string>& text : target) out.push_back(*text);
        return out;
      });
}

Key& Keys::number(std::string name, double& target) {
  Key& key = add(std::move(name), Key::Type::number);
  bind(key, target, &Key::read_number, [&target] { return format("{}", target); });
  return key;
}

Key& Keys::flag(std::string name, bool& target) {
  Key& key = add(std::move(name), Key::Type::flag);
  bind(key, target, &Key::read_flag, [&target] { return std::string(target ? "true" : "false"); });
  return key;
}

Key& Keys::extent(std::string name, Duration& duration, std::uint32_t& count, std::function<bool()> counts) {
  Key& key = add(std::move(name), Key::Type::extent);
  key.read_ = [&key, &duration, &count, counts](const Node& node, Reading& reading) {
    if (counts()) {
      const std::optional<std::uint32_t> records = key.read_count(node, reading);
      if (records) count = *records;
      return records.has_value();
    }
    const std::optional<Duration> value = key.read_duration(node, reading);
    if (value) duration = *value;
    return value.has_value();
  };
  key.print_ = [&duration, &count, counts] {
    return counts() ? std::to_string(count) : Key::in_quotes(to_text(duration));
  };
  return key;
}

Key& Keys::optional_duration(std::string name, std::optional<Duration>& target) {
  Key& key = add(std::move(name), Key::Type::duration);
  key.read_ = [&key, &target](const Node& node, Reading& reading) {
    if (node.kind == Node::Kind::text && node.text == key.none_word_) {
      target.reset();
      return true;
    }
    target = key.read_duration(node, reading);
    return target.has_value();
  };
  key.print_ = [&key, &target] { return Key::in_quotes(target ? to_text(*target) : key.none_word_); };
  return key;
}

Key& Keys::size(std::string name, std::uint64_t& target) {
  Key& key = add(std::move(name), Key::Type::size);
  bind(key, target, &Key::read_size, [&target] { return Key::in_quotes(size_to_text(target)); });
  return key;
}

Key& Keys::parsed(std::string name, std::function<bool(const Located<std::string>&, Diagnostics&)> read,
                  std::function<std::string()> print) {
  Key& key = add(std::move(name), Key::Type::text);
  key.read_ = [&key, read = std::move(read)](const Node& node, Reading& reading) {
    const std::optional<std::string> text = key.read_text(node, reading);
    return text && (text->empty() || read(Located<std::string>(*text, node.place), reading.diagnostics));
  };
  key.print_ = [print = std::move(print)] {
    const std::string text = print();
    return text.empty() ? text : Key::in_quotes(text);
  };
  return key;
}

Key& Keys::parsed_list(std::string name,
                       std::function<bool(const std::vector<Located<std::string>>&, Diagnostics&)> read,
                       std::function<std::vector<std::string>()> print) {
  Key& key = add(std::move(name), Key::Type::texts);
  key.read_ = [&key, read = std::move(read)](const Node& node, Reading& reading) {
    const auto texts = key.read_texts(node, reading);
    return texts && read(*texts, reading.diagnostics);
  };
  key.print_ = [print = std::move(print)] {
    const std::vector<std::string> texts = print();
    return texts.empty() ? std::string() : toml_list(texts);
  };
  return key;
}

Key& Keys::text_or_file(const std::string& name, std::string& target) {
  Key& key = text(name, target);
  Key& file = add(name + "_file", Key::Type::secret_file);
  file.twin_ = name;
  file.doc_ = format("a file that holds the {}; a line end at its end is not part of it", name);
  bind(file, target, &Key::read_secret_file, nullptr);
  return key;
}

Key& Keys::secret(const std::string& name, std::string& target) {
  Key& key = add(name, Key::Type::secret);
  bind(key, target, &Key::read_text,
       [&target] { return target.empty() ? std::string() : Key::in_quotes(target); });
  Key& file = add(name + "_file", Key::Type::secret_file);
  file.twin_ = name;
  file.doc_ = format("a file that holds the {}; a line end at its end is not part of it", name);
  bind(file, target, &Key::read_secret_file, nullptr);
  return key;
}

Key& Keys::group(std::string name, Keys keys) {
  Key& key = add(std::move(name), Key::Type::table);
  key.owned_group_ = std::make_unique<Keys>(std::move(keys));
  key.group_ = key.owned_group_.get();
  return key;
}

Key& Keys::table(std::string name, Keys& keys) {
  Key& key = add(std::move(name), Key::Type::table);
  key.group_ = &keys;
  return key;
}

Key& Keys::tables(std::string name, std::function<void(const TableEntry&)> read) {
  Key& key = add(std::move(name), Key::Type::tables);
  key.read_ = [&key, read = std::move(read)](const Node& node, Reading& reading) {
    if (node.kind != Node::Kind::table) return key.wrong_type(node, reading);
    for (const TableEntry& entry : node.entries) read(entry);
    return true;
  };
  return key;
}

Key& Keys::texts_or_one(std::string name, std::vector<Located<std::string>>& target) {
  Key& key = add(std::move(name), Key::Type::lines);
  bind(key, target, &Key::read_lines, nullptr);
  return key;
}

Key& Keys::rows(std::string name, std::optional<std::vector<Located<std::string>>>& target) {
  Key& key = add(std::move(name), Key::Type::rows);
  bind(key, target, &Key::read_rows, nullptr);
  return key;
}

Key& Keys::list(std::string name, std::function<bool(const Node&)> read) {
  Key& key = add(std::move(name), Key::Type::list);
  key.read_ = [&key, read = std::move(read)](const Node& node, Reading& reading) {
    if (node.kind != Node::Kind::list) return key.wrong_type(node, reading);
    bool fine = true;
    for (const Node& item : node.items) {
      const bool is_table = item.kind == Node::Kind::table;
      if (!is_table)
        reading.diagnostics.error(item.place,
                                  format("`{}` takes tables, not {}", key.name_, item.kind_name()));
      fine = is_table && read(item) && fine;
    }
    return fine;
  };
  return key;
}

void Keys::later(std::string name) {
  add(std::move(name), Key::Type::later);
}

void Keys::outside(const std::vector<std::string_view>& names) {
  for (const std::string_view name : names) {
    Key* const key = find(name);
    invariant(key != nullptr, "what is outside is a key");
    key->outside_ = true;
  }
  for (Key& key : keys_)
    if (!key.twin_.empty()) key.outside_ = find(key.twin_)->outside_;
}

void Keys::outside_but(const std::vector<std::string_view>& names) {
  for (Key& key : keys_) key.outside_ = std::ranges::find(names, key.name_) == names.end();
}

// ---- reading

const Key* Keys::find(std::string_view name) const {
  const auto found = std::ranges::find(keys_, name, &Key::name_);
  return found == keys_.end() ? nullptr : &*found;
}

Key* Keys::find(std::string_view name) {
  const auto found = std::ranges::find(keys_, name, &Key::name_);
  return found == keys_.end() ? nullptr : &*found;
}

bool Keys::given(std::string_view name) const {
  const Key* key = find(name);
  return key && key->given_;
}

bool Keys::fine(std::string_view name) const {
  const Key* key = find(name);
  return key && !key->bad_;
}

Place Keys::place_of(std::string_view name) const {
  const Key* key = find(name);
  return key ? key->given_at_ : Place{};
}

std::string Keys::word_of(const Key& decider) const {
  return without_quotes(decider.print_());
}

Keys::Applies Keys::holds(const Key::Condition& condition) const {
  const Key* decider = find(condition.decider);
  invariant(decider != nullptr, "the key that decides is declared in the same table");
  if (decider->bad_ || (decider->required_ && !decider->given_)) return Applies::unknown;
  // What does not apply itself decides nothing.
  if (const Applies outer = applies(*decider); outer != Applies::yes) return outer;
  const bool has_word = std::ranges::find(condition.words, word_of(*decider)) != condition.words.end();
  return has_word ? Applies::yes : Applies::no;
}

Keys::Applies Keys::applies(const Key& key) const {
  if (!key.twin_.empty()) return applies(*find(key.twin_));
  for (const Key::Condition& condition : key.conditions_)
    if (const Applies holding = holds(condition); holding != Applies::yes) return holding;
  return Applies::yes;
}

bool Keys::is_required(const Key& key) const {
  if (applies(key) != Applies::yes) return false;
  return key.required_ || (key.required_for_ && holds(*key.required_for_) == Applies::yes);
}

bool Keys::read(const Node& table, const std::string& path, Reading& reading) {
  bool fine = true;
  for (const TableEntry& entry : table.entries)
    if (Key* key = find(entry.key)) {
      key->given_ = &entry.value;
      key->given_at_ = entry.key_place;
    }
  for (Key& key : keys_) {
    key.bad_ = !read_one(key, table, path, reading);
    fine = fine && !key.bad_;
  }
  // Last, when it is known which keys apply.
  for (const TableEntry& entry : table.entries)
    if (!find(entry.key)) {
      unknown_key(entry, path, reading);
      fine = false;
    }
  return fine;
}

bool Keys::read_one(Key& key, const Node& table, const std::string& path, Reading& reading) {
  const Applies applying = applies(key);
  if (!key.given_) {
    if (!is_required(key)) return true;
    if (misspelled(key, table)) return false;
    missing(key, table, reading);
    return false;
  }
  if (key.type_ == Key::Type::later) {
    reading.diagnostics.error(key.given_at_, format("`{}` is not in this release", key.name_));
    return false;
  }
  if (applying == Applies::no) {
    foreign(key, reading);
    return false;
  }
  if (!key.twin_.empty() && given(key.twin_)) {
    reading.diagnostics.error(
        key.given_at_, format("`{}` and `{}` are both set", key.twin_, key.name_),
        format("`{}` at {}; keep one of them", key.twin_, reading.diagnostics.where(place_of(key.twin_))));
    return false;
  }
  if (key.given_->broken) return false;
  if (key.given_->withheld) return true;
  if (key.group_) {
    if (key.given_->kind != Node::Kind::table) return key.wrong_type(*key.given_, reading);
    return key.group_->read(*key.given_, path.empty() ? key.name_ : path + "." + key.name_, reading);
  }
  return key.read(*key.given_, reading);
}

// Whether an unknown key of the table is most likely this one: then it is not reported as missing as well.
bool Keys::misspelled(const Key& key, const Node& table) const {
  const std::string_view name = key.name_;
  return std::ranges::any_of(table.entries, [&](const TableEntry& entry) {
    return !find(entry.key) && nearest(entry.key, std::span(&name, 1));
  });
}

void Keys::unknown_key(const TableEntry& entry, const std::string& path, Reading& reading) const {
  std::vector<std::string_view> near;
  std::vector<std::string> known;
  for (const Key& key : keys_) {
    if (applies(key) == Applies::no) continue;
    near.push_back(key.name_);
    if (key.type_ != Key::Type::later) known.push_back(key.name_);
  }
  const std::string_view what = entry.value.kind == Node::Kind::table ? "table" : "key";
  std::string text = format("unknown {} `{}`", what, entry.key);
  if (const auto meant = nearest(entry.key, near)) text += format("; did you mean `{}`?", *meant);
  reading.diagnostics.error(entry.key_place, std::move(text),
                            format("{}: {}", path.empty() ? "there are" : "known in " + path, listed(known)));
}

void Keys::missing(const Key& key, const Node& table, Reading& reading) const {
  std::string who = format("every {} has one", noun_);
  if (key.required_for_)
    who = format("{} {}s need it", listed(key.required_for_->words, " and "), noun_);
  else if (!key.conditions_.empty())
    who = format("{} {}s need it", listed(key.conditions_.back().words, " and "), noun_);
  std::string hint = format("{}: {}", key.name_, key.doc_);
  if (!key.words_.empty()) hint += format("; one of {}", listed(key.words_));
  reading.diagnostics.error(table.place, format("`{}` is missing; {}", key.name_, who), std::move(hint));
}

void Keys::foreign(const Key& key, Reading& reading) const {
  const Key& ruling = key.twin_.empty() ? key : *find(key.twin_);
  for (const Key::Condition& condition : ruling.conditions_) {
    if (holds(condition) != Applies::no) continue;
    // A decider that does not apply itself is answered by what decides about it.
    const Key& decider = *find(condition.decider);
    const Key::Condition& deciding =
        applies(decider) == Applies::yes ? condition : decider.conditions_.front();
    reading.diagnostics.error(
        key.given_at_, format("`{}` belongs to {} {}s; this one is {}", key.name_,
                              listed(deciding.words, " and "), noun_, word_of(*find(deciding.decider))));
    return;
  }
}

namespace {

// What stands there stays what was written.
void leave_as_written(Node& node) {
  if (node.text.contains("${")) node.as_written = node.text;
  for (Node& item : node.items) leave_as_written(item);
}

bool refers(const Node& node) {
  return node.text.contains("${") || std::ranges::any_of(node.items, refers);
}

}  // namespace

void Keys::withhold(Node& table) const {
  for (TableEntry& entry : table.entries) {
    const Key* const key = find(entry.key);
    if (key && key->group_) key->group_->withhold(entry.value);
    if (!key || !key->outside_ || !refers(entry.value)) continue;
    entry.value.withheld = true;
    leave_as_written(entry.value);
  }
}

// ---- writing

bool Keys::came_from_file(const Key& key) const {
  const Key* file = find(key.name_ + "_file");
  return file && file->twin_ == key.name_ && file->given_;
}

std::vector<std::pair<std::string, std::string>> Keys::values(Form form) const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Key& key : keys_) {
    if (applies(key) != Applies::yes) continue;
    std::string text;
    if (key.group_) {
      if (!key.given_ && key.optional_) continue;
      for (const auto& [name, value] : key.group_->values(form))
        text += format("{}{} = {}", text.empty() ? "" : ", ", name, value);
      text = format("{{ {} }}", text);
    } else if (form == Form::whole && key.type_ == Key::Type::secret) {
      text = key.print_();
    } else if (key.type_ == Key::Type::secret) {
      // Only a reference may be kept, and without a default, which would be the secret itself. A stored
      // configuration is also read back where the variable is not set.
      const std::string_view name = key.given_ ? only_reference(key.given_->as_written) : std::string_view();
      if (form == Form::stored && !name.empty()) text = format("\"${{{}:-}}\"", name);
    } else if (key.type_ == Key::Type::secret_file) {
      if (form == Form::stored && key.given_) text = toml_as_written(*key.given_);
    } else if (form == Form::stored && came_from_file(key)) {
      continue;
    } else if (form == Form::stored && key.given_ && key.given_->has_references()) {
      text = toml_as_written(*key.given_);
    } else if (key.print_) {
      text = key.print_();
    }
    if (!text.empty()) out.emplace_back(key.name_, std::move(text));
  }
  return out;
}

std::vector<Keys::Referring> Keys::referring() const {
  std::vector<Referring> out;
  for (const Key& key : keys_) {
    if (!key.given_ || applies(key) != Applies::yes) continue;
    if (key.group_) {
      for (Referring& inner : key.group_->referring()) {
        inner.name = format("{}.{}", key.name_, inner.name);
        out.push_back(std::move(inner));
      }
    } else if (!key.outside_ && key.print_ && key.given_->has_references()) {
      out.push_back({.name = key.name_, .value = key.print_(), .place = key.given_at_});
    }
  }
  return out;
}

std::string Keys::lines(Form form) const {
  std::string out;
  for (const auto& [name, value] : values(form)) out += format("{} = {}\n", name, value);
  return out;
}

}  // namespace tidemark
