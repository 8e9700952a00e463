#include "checkpoint/stores.h"

#include "base/invariant.h"
#include "checkpoint/files_store.h"
#include "checkpoint/sqlite_store.h"

namespace tidemark {

namespace {

constexpr StoreDeclaration kStores[] = {
    {StoreType::files, "files",
     [](const StoreDoors& doors, const std::string& data_dir, bool read_only) {
       return open_files_store(doors.files, data_dir, read_only);
     }},
    {StoreType::sqlite, "sqlite",
     [](const StoreDoors& doors, const std::string& data_dir, bool read_only) {
       return open_sqlite_store(doors.files, doors.sqlite, data_dir, read_only);
     }},
};

}  // namespace

std::span<const StoreDeclaration> store_registry() {
  return kStores;
}

Result<std::unique_ptr<CheckpointStore>> open_store(StoreType type, const StoreDoors& doors,
                                                    const std::string& data_dir, bool read_only) {
  for (const StoreDeclaration& store : kStores)
    if (store.type == type) return store.open(doors, data_dir, read_only);
  invariant(false, "every type of store is in the registry");
  return fail("no such store");
}

}  // namespace tidemark
