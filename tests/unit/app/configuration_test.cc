#include "app/configuration.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "support/fault_files.h"
#include "support/source_tree.h"

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

std::string file_of_the_project(const std::string& path) {
  const std::ifstream file(source_tree() + "/" + path);
  REQUIRE(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_CASE("the annotated configuration holds as it stands, and with everything in it in use") {
  const std::string as_it_stands = file_of_the_project("config/tidemark.toml");
  std::string in_use;
  std::istringstream lines(as_it_stands);
  std::size_t uncommented = 0;
  for (std::string line; std::getline(lines, line); in_use += line + "\n") {
    if (line.size() < 2 || line[0] != '#' || line[1] == ' ') continue;
    line.erase(0, 1);
    ++uncommented;
  }
  CHECK(uncommented >= 39);
  for (const std::string& text : {as_it_stands, in_use}) {
    FaultFiles files;
    put(files, "/etc/tidemark.toml", text);
    const Configuration configuration = configuration_in(files);
    INFO(configuration.diagnostics.to_text());
    CHECK(configuration.settings.has_value());
    CHECK(configuration.diagnostics.messages().empty());
  }
}

TEST_CASE("what the annotated configuration calls defaults are the defaults") {
  const std::string annotated = file_of_the_project("config/tidemark.toml");
  std::string tables;  // those of defaults only
  std::istringstream lines(annotated);
  for (std::string line; std::getline(lines, line) && !line.starts_with("#[");) {
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ' && !line.starts_with("#name")) line.erase(0, 1);
    tables += line + "\n";
  }
  FaultFiles plain;
  FaultFiles said;
  put(plain, "/etc/tidemark.toml", "");
  put(said, "/etc/tidemark.toml", tables);
  const Configuration defaults = configuration_in(plain);
  const Configuration written = configuration_in(said);
  REQUIRE(defaults.settings.has_value());
  REQUIRE(written.settings.has_value());
  CHECK(written.settings->canonical_text == defaults.settings->canonical_text);
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
