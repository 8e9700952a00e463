#include "state/erased_keys.h"

#include <doctest/doctest.h>

#include <random>
#include <vector>

namespace tidemark {
namespace {

std::vector<std::string> all_of(const ErasedKeys& erased) {
  std::vector<std::string> keys;
  ErasedKeys::Reader reader;
  while (reader.next(erased)) keys.emplace_back(reader.key());
  return keys;
}

TEST_CASE("erased keys come back as they were added, whatever they share") {
  std::mt19937_64 random(7);
  ErasedKeys erased;
  std::vector<std::string> added;
  std::string key;
  for (int n = 0; n < 20'000; ++n) {
    key.resize(random() % (key.size() + 1));
    for (std::size_t more = random() % (n % 100 == 0 ? 20'000 : 40); more > 0; --more)
      key += static_cast<char>(random());
    added.push_back(key);
    erased.add(key);
  }
  CHECK(erased.size() == added.size());
  CHECK((all_of(erased) == added));
}

TEST_CASE("erased keys that are put behind others begin where those end, and more may follow") {
  ErasedKeys first, second, none;
  first.add("alpha");
  second.add("alphabet");
  second.add("");
  first.add_all(second);
  first.add_all(none);
  first.add("beta");
  none.add_all(first);
  none.add("betatron");
  CHECK(first.size() == 0);
  CHECK(all_of(second).empty());
  CHECK(all_of(none) == std::vector<std::string>{"alpha", "alphabet", "", "beta", "betatron"});
}

TEST_CASE("keys that are erased in their order take a few bytes each") {
  ErasedKeys erased;
  for (int n = 100'000; n < 200'000; ++n) erased.add("window-1/hall-07/device-" + std::to_string(n));
  CHECK(erased.memory_bytes() < 100'000 * 5);
}

}  // namespace
}  // namespace tidemark
