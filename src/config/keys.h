// Keys: what one table of the configuration may hold. Each key is declared once, in one line:
//
//   Keys keys("checkpoint");
//   keys.duration("interval", settings.interval).at_least(10ms).doc("time from one checkpoint to the next");
//
// and from that line follow how it is read and every message about it (wrong type, out of range, unknown,
// nearest word, missing, belonging to another type), how it is written into the canonical text, and its entry
// in the reference manual (name, type, default, range, doc). The default is what the target holds when it is
// declared.
//
// The word keys `type` and `format` decide which others apply: declare them first, then name them in
// only_for(). Keys refers to the settings it is declared over, and after read() to the tree it read: both
// must outlive it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/times.h"
#include "config/diagnostics.h"
#include "config/loader.h"
#include "config/tree.h"

namespace tidemark {

class Keys;

struct Reading {
  const LoaderEnvironment& environment;
  Diagnostics& diagnostics;
};

class Key {
 public:
  enum class Type {
    text,
    texts,
    lines,
    rows,
    integer,
    number,
    flag,
    duration,
    extent,
    size,
    word,
    table,
    tables,
    list,
    secret,
    secret_file,
    later
  };

  // ---- declaring; each returns the key again

  Key& doc(std::string text);
  Key& at_least(std::int64_t least);
  Key& at_most(std::int64_t most);
  Key& at_least(Duration least) { return at_least(least.count()); }
  Key& at_most(Duration most) { return at_most(most.count()); }
  // Of a number with a fraction.
  Key& between(double least, double most);
  Key& required();
  // Required where the word key `decider` has one of these words, and allowed everywhere.
  Key& required_for(std::string decider, std::vector<std::string> words);
  // A group that means something only where it is given.
  Key& optional();
  // It applies where the word key `decider` has one of these words.
  Key& only_for(std::string decider, std::vector<std::string> words);
  // Words that are known but come with a later release: their message says so.
  Key& later_words(std::vector<std::string> words);
  // The word that stands for "none" in an optional duration.
  Key& none_is(std::string word);
  // What a value must hold beyond its type; false after it has reported. For texts: called for each.
  Key& check(std::function<bool(const Located<std::string>&, Diagnostics&)> check);

  // ---- for the reference manual

  const std::string& name() const { return name_; }
  Type type() const { return type_; }
  std::string_view type_name() const;  // "a duration"
  const std::string& doc() const { return doc_; }
  bool is_required() const { return required_; }
  std::string range() const;  // "at least 10ms"; may be empty
  const std::vector<std::string>& words() const { return words_; }
  const std::vector<std::string>& words_of_later() const { return later_words_; }
  const Keys* group() const { return group_; }
  // The value as TOML: before reading the default. Empty: there is none.
  std::string value_text() const { return print_ ? print_() : std::string(); }
  // What must hold for the key to apply: the word key `decider` has one of the words.
  struct Condition {
    std::string decider;
    std::vector<std::string> words;
  };
  const std::vector<Condition>& conditions() const { return conditions_; }
  const std::optional<Condition>& required_where() const { return required_for_; }
  // Of NAME_file: NAME, whose conditions are its own.
  const std::string& twin() const { return twin_; }

 private:
  friend class Keys;

  bool read(const Node& node, Reading& reading);
  bool wrong_type(const Node& node, Reading& reading) const;
  bool too_long(const Node& node, Reading& reading) const;
  bool in_range(std::int64_t value, const Place& place, Reading& reading) const;
  std::string in_unit(std::int64_t value) const;
  std::optional<std::string> read_text(const Node& node, Reading& reading) const;
  std::optional<std::vector<Located<std::string>>> read_texts(const Node& node, Reading& reading) const;
  std::optional<std::vector<Located<std::string>>> read_lines(const Node& node, Reading& reading) const;
  std::optional<std::vector<Located<std::string>>> read_rows(const Node& node, Reading& reading) const;
  std::optional<std::int64_t> read_integer(const Node& node, Reading& reading) const;
  std::optional<double> read_number(const Node& node, Reading& reading) const;
  std::optional<bool> read_flag(const Node& node, Reading& reading) const;
  std::optional<Duration> read_duration(const Node& node, Reading& reading) const;
  std::optional<std::uint32_t> read_count(const Node& node, Reading& reading) const;
  std::optional<std::uint64_t> read_size(const Node& node, Reading& reading) const;
  std::optional<std::size_t> read_word(const Node& node, Reading& reading) const;
  std::optional<std::string> read_secret_file(const Node& node, Reading& reading) const;
  static std::string in_quotes(std::string_view text);

  std::string name_;
  Type type_ = Type::text;
  std::string doc_;
  std::string noun_;  // of the value, for messages: "window type"
  bool required_ = false;
  bool optional_ = false;
  bool outside_ = false;
  std::int64_t least_ = 0;
  std::int64_t most_ = std::numeric_limits<std::int64_t>::max();
  double least_number_ = 0, most_number_ = 0;
  std::vector<Condition> conditions_;  // of applying
  std::optional<Condition> required_for_;
  std::vector<std::string> words_;
  std::vector<std::string> later_words_;
  std::string none_word_;
  std::string twin_;  // of NAME_file: NAME
  std::function<bool(const Located<std::string>&, Diagnostics&)> check_;
  Keys* group_ = nullptr;
  std::unique_ptr<Keys> owned_group_;

  std::function<bool(const Node&, Reading&)> read_;
  std::function<std::string()> print_;

  const Node* given_ = nullptr;
  Place given_at_;  // the key
  bool bad_ = false;
};

class Keys {
 public:
  // "checkpoint", "source": what messages call the table.
  explicit Keys(std::string noun) : noun_(std::move(noun)) {}
  Keys(Keys&&) = default;
  Keys& operator=(Keys&&) = default;

  // ---- declaring; targets may be Located

  template <class Target>
  Key& text(std::string name, Target& target) {
    Key& key = add(std::move(name), Key::Type::text);
    key.read_ = [&key, &target](const Node& node, Reading& reading) {
      std::optional<std::string> value = key.read_text(node, reading);
      // A variable without a value is as if the key were not there.
      if (value && !value->empty()) put(target, std::move(*value), node.place);
      return value.has_value();
    };
    key.print_ = [&target] {
      const std::string& value = value_of(target);
      return value.empty() ? value : Key::in_quotes(value);
    };
    return key;
  }
  Key& texts(std::string name, std::vector<Located<std::string>>& target);
  template <class Target>
  Key& integer(std::string name, Target& target) {
    using Number = std::remove_cvref_t<decltype(value_of(target))>;
    Key& key = add(std::move(name), Key::Type::integer);
    key.at_most(std::int64_t{std::numeric_limits<Number>::max()});
    key.read_ = [&key, &target](const Node& node, Reading& reading) {
      const std::optional<std::int64_t> value = key.read_integer(node, reading);
      if (value) put(target, static_cast<Number>(*value), node.place);
      return value.has_value();
    };
    key.print_ = [&target] { return std::to_string(value_of(target)); };
    return key;
  }
  // With or without a fraction.
  Key& number(std::string name, double& target);
  Key& flag(std::string name, bool& target);
  template <class Target>
  Key& duration(std::string name, Target& target) {
    Key& key = add(std::move(name), Key::Type::duration);
    bind(key, target, &Key::read_duration, [&target] { return Key::in_quotes(to_text(value_of(target))); });
    return key;
  }
  // A duration, or where `counts` says so a number of records; a word key declared before decides. The bounds
  // are the duration's.
  Key& extent(std::string name, Duration& duration, std::uint32_t& count, std::function<bool()> counts);
  // None where it is left out; none_is() names the word that says so.
  Key& optional_duration(std::string name, std::optional<Duration>& target);
  Key& size(std::string name, std::uint64_t& target);
  template <class Value>
  Key& word(std::string name, Value& target,
            std::vector<std::pair<std::string, std::type_identity_t<Value>>> words) {
    Key& key = add(std::move(name), Key::Type::word);
    for (const auto& [word, value] : words) key.words_.push_back(word);
    key.read_ = [&key, &target, words](const Node& node, Reading& reading) {
      const std::optional<std::size_t> chosen = key.read_word(node, reading);
      if (chosen) target = words[*chosen].second;
      return chosen.has_value();
    };
    key.print_ = [&target, words] {
      for (const auto& [word, value] : words)
        if (value == target) return Key::in_quotes(word);
      return std::string();
    };
    return key;
  }
  // A string with a meaning of its own. `read` returns false after it has reported; `print` gives the string
  // back.
  Key& parsed(std::string name, std::function<bool(const Located<std::string>&, Diagnostics&)> read,
              std::function<std::string()> print);
  Key& parsed_list(std::string name,
                   std::function<bool(const std::vector<Located<std::string>>&, Diagnostics&)> read,
                   std::function<std::vector<std::string>()> print);
  // NAME and NAME_file, of what is no secret: its value stands in the canonical text, unless it came from a
  // file.
  Key& text_or_file(const std::string& name, std::string& target);
  // NAME and NAME_file. Neither value ever stands in the canonical text.
  Key& secret(const std::string& name, std::string& target);
  // One string or several; the same one may stand twice. For tests, which the canonical text leaves out.
  Key& texts_or_one(std::string name, std::vector<Located<std::string>>& target);
  // Rows, each a table or the text of a JSON object; as JSON texts. There may be none. Likewise.
  Key& rows(std::string name, std::optional<std::vector<Located<std::string>>>& target);
  // A table of its own keys.
  Key& group(std::string name, Keys keys);
  // The same, with keys that outlive these.
  Key& table(std::string name, Keys& keys);
  // A table of tables by name: `read` is called for each.
  Key& tables(std::string name, std::function<void(const TableEntry&)> read);
  // A list of tables, as [[name]] writes it: `read` is called for each. Likewise.
  Key& list(std::string name, std::function<bool(const Node&)> read);
  // A key that comes with a later release: its message says so.
  void later(std::string name);
  // Of the keys declared so far, these (or all but these) say how to reach the world outside or how to keep
  // house: what results are does not depend on them.
  void outside(const std::vector<std::string_view>& names);
  void outside_but(const std::vector<std::string_view>& names);

  // ---- using

  // What was written with a ${NAME} for a key outside() is not asked for: the key keeps its default.
  void withhold(Node& table) const;

  // Reads all of them, and reports everything that is wrong; false when anything was. `path` names the table,
  // as in "sources.plant"; it is empty for the whole file.
  bool read(const Node& table, const std::string& path, Reading& reading);
  bool given(std::string_view name) const;
  // Whether what was read under this name holds; also when it was not given and need not be.
  bool fine(std::string_view name) const;
  // Of a key that is given; otherwise no place.
  Place place_of(std::string_view name) const;

  enum class Form {
    stored,    // references stand as they were written
    resolved,  // with their values
    whole,     // likewise, and with secrets: never to be stored
  };
  // The keys that apply, as lines "name = value", defaults included.
  std::string lines(Form form) const;
  // The keys not outside() that apply and were written with a ${NAME}: "timestamp.field", its value.
  struct Referring {
    std::string name, value;
    Place place;
  };
  std::vector<Referring> referring() const;

  const std::deque<Key>& all() const { return keys_; }

 private:
  enum class Applies { yes, no, unknown };

  template <class T>
  static const T& value_of(const T& target) {
    return target;
  }
  template <class T>
  static const T& value_of(const Located<T>& target) {
    return target.value;
  }
  template <class T>
  static void put(T& target, std::type_identity_t<T> value, const Place&) {
    target = std::move(value);
  }
  template <class T>
  static void put(Located<T>& target, std::type_identity_t<T> value, const Place& place) {
    target = Located<T>(std::move(value), place);
  }
  template <class Target, class Read>
  static void bind(Key& key, Target& target, Read read, std::function<std::string()> print) {
    key.read_ = [&key, &target, read](const Node& node, Reading& reading) {
      auto value = (key.*read)(node, reading);
      if (value) put(target, std::move(*value), node.place);
      return value.has_value();
    };
    key.print_ = std::move(print);
  }

  Key& add(std::string name, Key::Type type);
  Key* find(std::string_view name);
  const Key* find(std::string_view name) const;
  std::string word_of(const Key& decider) const;
  Applies holds(const Key::Condition& condition) const;
  Applies applies(const Key& key) const;
  bool is_required(const Key& key) const;
  bool misspelled(const Key& key, const Node& table) const;
  bool came_from_file(const Key& key) const;
  void unknown_key(const TableEntry& entry, const std::string& path, Reading& reading) const;
  bool read_one(Key& key, const Node& table, const std::string& path, Reading& reading);
  void missing(const Key& key, const Node& table, Reading& reading) const;
  void foreign(const Key& key, Reading& reading) const;
  std::vector<std::pair<std::string, std::string>> values(Form form) const;

  std::string noun_;
  std::deque<Key> keys_;  // a deque: closures hold references to its elements
};

}  // namespace tidemark
