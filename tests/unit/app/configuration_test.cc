#include "app/configuration.h"

#include <doctest/doctest.h>

#include "support/fault_files.h"

namespace tidemark {
namespace {

constexpr const char* kSource = R"(
[sources.words]
type = "stdin"
format = "csv"
fields = ["word:string"]
[sinks.screen]
type = "stdout"
)";

void put(FaultFiles& files, const std::string& path, const std::string& text) {
  REQUIRE(files.make_directories(parent_path(path)).has_value());
  REQUIRE(write_file_atomically(files, path, text).has_value());
}

Configuration configuration_in(FaultFiles& files) {
  Result<Configuration> configuration = read_configuration(files, "/etc/tidemark.toml");
  REQUIRE(configuration.has_value());
  check_pipelines(*configuration);
  return std::move(*configuration);
}

TEST_CASE("a configuration alone, with the host's name for the node's") {
  FaultFiles files;
  put(files, "/etc/tidemark.toml", kSource);
  const Configuration configuration = configuration_in(files);
  INFO(configuration.diagnostics.to_text());
  REQUIRE(configuration.settings.has_value());
  CHECK(!configuration.settings->node.name->empty());
  CHECK(*configuration.settings->node.data_dir == "/var/lib/tidemark");
}

TEST_CASE("the files of conf.d are read after it, in name order, others are not") {
  FaultFiles files;
  put(files, "/etc/tidemark.toml", kSource);
  put(files, "/etc/conf.d/20-b.toml",
      "[pipelines.b]\nfrom = [\"words\"]\nselect = [\"word\"]\nto = [\"screen\"]\n");
  put(files, "/etc/conf.d/10-a.toml",
      "[pipelines.a]\nfrom = [\"words\"]\nselect = [\"word\"]\nto = [\"screen\"]\n");
  put(files, "/etc/conf.d/notes.txt", "no TOML at all");
  put(files, "/etc/conf.d/.20-b.toml.swp", "\x01\x02");
  put(files, "/etc/conf.d/.hidden.toml", "= = =");
  const Configuration configuration = configuration_in(files);
  INFO(configuration.diagnostics.to_text());
  REQUIRE(configuration.settings.has_value());
  CHECK(configuration.settings->pipelines.size() == 2);
  REQUIRE(configuration.diagnostics.files().size() == 3);
  CHECK(configuration.diagnostics.files()[0].path == "/etc/tidemark.toml");
  CHECK(configuration.diagnostics.files()[1].path == "/etc/conf.d/10-a.toml");
  CHECK(configuration.diagnostics.files()[2].path == "/etc/conf.d/20-b.toml");
}

TEST_CASE("a mistake in conf.d is reported in its file") {
  FaultFiles files;
  put(files, "/etc/tidemark.toml", kSource);
  put(files, "/etc/conf.d/a.toml",
      "[pipelines.a]\nfrom = [\"wrods\"]\nselect = [\"word\"]\nto = [\"screen\"]\n");
  const Configuration configuration = configuration_in(files);
  CHECK(!configuration.settings.has_value());
  CHECK(configuration.diagnostics.to_text().find("/etc/conf.d/a.toml:2:") != std::string::npos);
}

TEST_CASE("a mistake in an expression is one of the pipelines' check, not of the reading") {
  FaultFiles files;
  put(files, "/etc/tidemark.toml",
      std::string(kSource) +
          "[pipelines.a]\nfrom = [\"words\"]\nwhere = \"word +\"\nselect = [\"word\"]\nto = "
          "[\"screen\"]\n");
  Result<Configuration> configuration = read_configuration(files, "/etc/tidemark.toml");
  REQUIRE(configuration.has_value());
  CHECK(configuration->settings.has_value());
  check_pipelines(*configuration);
  CHECK(!configuration->settings.has_value());
  CHECK(configuration->diagnostics.to_text().find("/etc/tidemark.toml:10:") != std::string::npos);
}

TEST_CASE("a configuration that cannot be read is wrong use, and the way out is named") {
  FaultFiles files;
  const Result<Configuration> configuration = read_configuration(files, "/etc/tidemark.toml");
  REQUIRE(!configuration.has_value());
  CHECK(configuration.error().kind == Error::Kind::usage);
  CHECK(configuration.error().message.find("/etc/tidemark.toml") != std::string::npos);
  CHECK(configuration.error().message.find("--config FILE") != std::string::npos);
}

}  // namespace
}  // namespace tidemark
