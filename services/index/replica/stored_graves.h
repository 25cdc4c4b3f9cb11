// The graves that are in the log: listings of peers that were moved away.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_STORED_GRAVES_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_STORED_GRAVES_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/key.h"
#include "services/index/store/number_set.h"

namespace arkshare {

struct StoredGrave {
  std::string key;  // in the log
  PublicKey source;
  int64_t revision = 0;  // that wrote it
  std::vector<NumberRange> numbers;
};

// Not thread-safe.
class StoredGraves {
 public:
  // Takes the place of a grave with the same source and key.
  void Put(StoredGrave grave);
  void Remove(const PublicKey& source, const std::string& grave);
  void RemoveIf(absl::FunctionRef<bool(const std::string& grave)> wanted);

  // Returns the numbers in all graves of the source.
  NumberSet NumbersOf(const PublicKey& source) const;
  std::vector<StoredGrave> All() const;
  // Returns the graves of the source, in the order of their keys.
  std::vector<StoredGrave> Of(const PublicKey& source) const;
  // Returns those that were written before the revision that `limit` has for their source; none for
  // a source without one.
  std::vector<StoredGrave> Before(
      absl::FunctionRef<std::optional<int64_t>(const PublicKey& source)> limit) const;

 private:
  absl::flat_hash_map<PublicKey, absl::btree_map<std::string, StoredGrave>> by_source_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_STORED_GRAVES_H_
