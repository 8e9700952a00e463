// A control of the law of determinism, like control.cc: with the safeguard taken out, ways must differ.
#include <cstdio>

#include "base/format.h"
#include "simulation/determinism.h"
#include "support/fake_random.h"

int main(int, char** arguments) {
  using namespace tidemark;
  const auto settings = settings_of(R"(
[node]
name = "sim"
data_dir = "/data"
[journal]
sync = "0s"
[sources.a]
type = "tcp"
listen = "127.0.0.1:9001"
format = "json"
[pipelines.counts]
from = ["a"]
key_by = ["k"]
window = { type = "tumbling", size = "10s" }
select = ["count(*) AS n"]
to = ["out"]
[sinks.out]
type = "file"
path = "out.jsonl"
)");
  FakeRandom random(1);
  std::vector<Moment> input;
  for (int i = 0; i < 40; ++i) {
    Moment& moment = input.emplace_back(Moment{i * 1s + 1s, {}});
    for (int n = 0; n < 3; ++n)
      moment.arrivals.push_back({"a", format("{{\"k\":\"k{}\"}}", random.below(50))});
  }
  const std::vector<std::string> found = differences(*settings, input, input, 1);
  for (const std::string& text : found) std::printf("%s: %s\n", arguments[0], text.c_str());
  if (!found.empty()) return 0;
  std::printf("no way differed: the determinism test would not notice\n");
  return 1;
}
