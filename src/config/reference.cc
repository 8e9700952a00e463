#include "config/reference.h"

#include <algorithm>

#include "base/json.h"
#include "config/tables.h"

namespace tidemark {
namespace {

class Reference {
 public:
  Reference() { out_.begin_array(); }

  template <class T>
  void table(const std::string& name, Keys (*declare)(T&)) {
    T settings;
    keys(name, "", declare(settings));
  }

  std::string take() { return out_.end_array().take(); }

 private:
  void keys(const std::string& table, const std::string& group, const Keys& keys) {
    for (const Key& key : keys.all()) {
      if (key.type() == Key::Type::later) continue;
      one(table, group + key.name(), key, ruling(keys, key));
      if (key.group()) this->keys(table, group + key.name() + ".", *key.group());
    }
  }

  // The key whose conditions count.
  static const Key& ruling(const Keys& keys, const Key& key) {
    const auto twin = std::ranges::find(keys.all(), key.twin(), &Key::name);
    return twin == keys.all().end() ? key : *twin;
  }

  void one(const std::string& table, const std::string& name, const Key& key, const Key& ruling) {
    out_.begin_object();
    out_.key("name").text(table + "." + name).key("table").text(table).key("key").text(name);
    out_.key("type").text(key.type_name());
    out_.key("default").text(key.is_required() || key.group() ? std::string() : key.value_text());
    out_.key("range").text(key.range());
    words("words", key.words());
    out_.key("required").boolean(key.is_required());
    out_.key("required_for").begin_array();
    if (key.required_where()) condition(*key.required_where());
    out_.end_array().key("only_for").begin_array();
    for (const Key::Condition& each : ruling.conditions()) condition(each);
    out_.end_array().key("doc").text(key.doc()).end_object();
  }

  void condition(const Key::Condition& condition) {
    out_.begin_object().key("key").text(condition.decider);
    words("words", condition.words);
    out_.end_object();
  }

  void words(std::string_view name, const std::vector<std::string>& words) {
    out_.key(name).begin_array();
    for (const std::string& word : words) out_.text(word);
    out_.end_array();
  }

  JsonWriter out_;
};

}  // namespace

std::string settings_reference() {
  Reference reference;
  reference.table("node", node_keys);
  reference.table("checkpoint", checkpoint_keys);
  reference.table("journal", journal_keys);
  reference.table("limits", limit_keys);
  reference.table("log", log_keys);
  reference.table("restart", restart_keys);
  reference.table("sources", source_keys);
  reference.table("pipelines", pipeline_keys);
  reference.table("sinks", sink_keys);
  reference.table("lookups", lookup_keys);
  reference.table("tests", test_keys);
  reference.table("tests.steps", test_step_keys);
  return reference.take();
}

}  // namespace tidemark
