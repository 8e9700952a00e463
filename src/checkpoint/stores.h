// The one place that knows which stores there are.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "checkpoint/store.h"
#include "config/settings.h"
#include "platform/files.h"
#include "platform/sqlite.h"

namespace tidemark {

struct StoreDoors {
  Files& files;
  SqliteOpener& sqlite;
};

struct StoreDeclaration {
  StoreType type;
  std::string_view name;  // as the configuration says it
  // Opens, making what is absent unless read_only. data_dir exists.
  Result<std::unique_ptr<CheckpointStore>> (*open)(const StoreDoors& doors, const std::string& data_dir,
                                                   bool read_only);
};

std::span<const StoreDeclaration> store_registry();

Result<std::unique_ptr<CheckpointStore>> open_store(StoreType type, const StoreDoors& doors,
                                                    const std::string& data_dir, bool read_only = false);

}  // namespace tidemark
