#include "expressions/json_path.h"

#include <charconv>
#include <span>
#include <utility>

#include "base/format.h"

namespace tidemark {

// Passes what stands at a path on to a receiver.
class JsonPathSearch final : public JsonVisitor {
 public:
  JsonPathSearch(std::span<const JsonPath::Step> steps, JsonPath::Receiver& receiver)
      : steps_(steps), receiver_(receiver), items_(steps.size()) {}

  bool found() const { return found_; }

  bool null() override {
    return scalar([&] { return receiver_.null(); });
  }
  bool boolean(bool b) override {
    return scalar([&] { return receiver_.boolean(b); });
  }
  bool number(std::string_view digits) override {
    return scalar([&] { return receiver_.number(digits); });
  }
  bool text(std::string_view text) override {
    return scalar([&] { return receiver_.text(text); });
  }
  bool key(std::string_view name) override {
    if (given_ > 0) return receiver_.key(name);
    if (passed_over_ == 0) named_ = steps_[level_ - 1].name == name;
    return true;
  }
  bool begin(bool array) override {
    if (given_ > 0) {
      ++given_;
      return receiver_.begin(array);
    }
    if (passed_over_ > 0 || !arrives()) {
      ++passed_over_;
      return true;
    }
    if (level_ == steps_.size()) {
      given_ = 1;
      return receiver_.begin(array);
    }
    if (array == (steps_[level_].index >= 0)) {
      items_[level_++] = 0;
      arrays_ = array;
    } else {
      passed_over_ = 1;
    }
    return true;
  }
  bool end(bool array) override {
    if (given_ > 0) {
      if (--given_ == 0) found_ = true;
      return receiver_.end(array);
    }
    if (passed_over_ > 0) {
      --passed_over_;
    } else {
      --level_;
      arrays_ = level_ > 0 && steps_[level_ - 1].index >= 0;
    }
    return true;
  }

 private:
  template <class Give>
  bool scalar(const Give& give) {
    if (given_ > 0) return give();
    if (passed_over_ > 0 || !arrives() || level_ < steps_.size()) return true;
    found_ = true;
    return give();
  }

  // Whether the value that begins here is the next one on the path. What was found before does not count
  // then: a member of that name comes again.
  bool arrives() {
    const bool here = level_ == 0 || (arrays_ ? items_[level_ - 1]++ == steps_[level_ - 1].index : named_);
    if (here && std::exchange(found_, false)) receiver_.reset();
    return here;
  }

  const std::span<const JsonPath::Step> steps_;
  JsonPath::Receiver& receiver_;
  std::vector<std::int64_t> items_;  // that have begun in each container on the path
  std::size_t level_ = 0;            // containers on the path that are open
  std::size_t passed_over_ = 0;      // open ones that are not on it
  std::size_t given_ = 0;            // open ones of what was found
  bool arrays_ = false;              // the innermost on the path is an array
  bool named_ = false;               // the member whose value comes is on the path
  bool found_ = false;
};

namespace {

// Counts the items of an array.
class Counting final : public JsonPath::Receiver {
 public:
  std::int64_t items() const { return items_; }

  void reset() override { items_ = 0; }
  bool null() override { return item(); }
  bool boolean(bool) override { return item(); }
  bool number(std::string_view) override { return item(); }
  bool text(std::string_view) override { return item(); }
  bool key(std::string_view) override { return true; }
  bool begin(bool) override {
    item();
    ++depth_;
    return true;
  }
  bool end(bool) override {
    --depth_;
    return true;
  }

 private:
  bool item() {
    if (depth_ == 1) ++items_;
    return true;
  }
  std::int64_t items_ = 0;
  std::size_t depth_ = 0;
};

bool continues_name(char c) {
  return c != '.' && c != '[' && c != ']' && c != '"';
}

}  // namespace

std::expected<JsonPath, std::string> JsonPath::parse(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return std::unexpected(format("\"{}\" is no path: {}", text, why));
  };
  if (!text.starts_with('$')) return refuse("it begins with $, as in $.a[0].\"odd name\"");
  JsonPath path;
  std::string_view rest = text.substr(1);
  while (!rest.empty()) {
    Step step;
    if (rest.starts_with(".\"")) {
      const std::size_t end = rest.find('"', 2);
      if (end == std::string_view::npos) return refuse("a name is not closed");
      step.name = rest.substr(2, end - 2);
      rest.remove_prefix(end + 1);
    } else if (rest.starts_with('.')) {
      std::size_t end = 1;
      while (end < rest.size() && continues_name(rest[end])) ++end;
      step.name = rest.substr(1, end - 1);
      if (step.name.empty()) return refuse("a name is missing after .");
      rest.remove_prefix(end);
    } else if (rest.starts_with('[')) {
      rest.remove_prefix(1);
      step.from_end = rest.starts_with("#-");
      if (step.from_end) rest.remove_prefix(2);
      std::int32_t index = 0;
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), index);
      const auto digits = static_cast<std::size_t>(end - rest.data());
      if (error != std::errc{} || index < 0 || !rest.substr(digits).starts_with(']'))
        return refuse("in brackets stands the number of an item, from 0, or #- and one from the end, from 1");
      if (step.from_end && index == 0) return refuse("the last item is [#-1]");
      step.index = index;
      rest.remove_prefix(digits + 1);
    } else {
      return refuse("a name is preceded by ., the number of an item stands in brackets");
    }
    path.steps_.push_back(std::move(step));
  }
  return path;
}

JsonPath::Found JsonPath::find(std::string_view json, Receiver& receiver) const {
  // Items counted from the end take a reading of their own, which counts them.
  std::vector<Step> counted;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (!steps_[i].from_end) continue;
    if (counted.empty()) counted = steps_;
    Counting count;
    JsonPathSearch search(std::span<const Step>(counted).first(i), count);
    if (!read_json(json, search)) return Found::malformed;
    if (!search.found() || count.items() < counted[i].index) return Found::no;
    counted[i].index = count.items() - counted[i].index;
  }
  JsonPathSearch search(counted.empty() ? steps_ : counted, receiver);
  if (!read_json(json, search)) return Found::malformed;
  return search.found() ? Found::yes : Found::no;
}

}  // namespace tidemark
