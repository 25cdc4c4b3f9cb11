#include "services/index/replica/stored_graves.h"

#include <utility>

namespace arkshare {

void StoredGraves::Put(StoredGrave grave) {
  StoredGrave& place = by_source_[grave.source][grave.key];
  place = std::move(grave);
}

void StoredGraves::Remove(const PublicKey& source, const std::string& grave) {
  const auto graves = by_source_.find(source);
  if (graves == by_source_.end()) return;
  graves->second.erase(grave);
  if (graves->second.empty()) by_source_.erase(graves);
}

void StoredGraves::RemoveIf(absl::FunctionRef<bool(const std::string& grave)> wanted) {
  absl::erase_if(by_source_, [&](auto& of_source) {
    absl::erase_if(of_source.second, [&](const auto& grave) { return wanted(grave.first); });
    return of_source.second.empty();
  });
}

NumberSet StoredGraves::NumbersOf(const PublicKey& source) const {
  NumberSet numbers;
  const auto graves = by_source_.find(source);
  if (graves == by_source_.end()) return numbers;
  for (const auto& [key, grave] : graves->second) {
    for (const NumberRange& range : grave.numbers) numbers.Insert(range);
  }
  return numbers;
}

std::vector<StoredGrave> StoredGraves::All() const {
  std::vector<StoredGrave> all;
  for (const auto& [source, graves] : by_source_) {
    for (const auto& [key, grave] : graves) all.push_back(grave);
  }
  return all;
}

std::vector<StoredGrave> StoredGraves::Of(const PublicKey& source) const {
  std::vector<StoredGrave> of_source;
  const auto graves = by_source_.find(source);
  if (graves == by_source_.end()) return of_source;
  for (const auto& [key, grave] : graves->second) of_source.push_back(grave);
  return of_source;
}

std::vector<StoredGrave> StoredGraves::Before(
    absl::FunctionRef<std::optional<int64_t>(const PublicKey& source)> limit) const {
  std::vector<StoredGrave> before;
  for (const auto& [source, graves] : by_source_) {
    const std::optional<int64_t> revision = limit(source);
    if (!revision.has_value()) continue;
    for (const auto& [key, grave] : graves) {
      if (grave.revision < *revision) before.push_back(grave);
    }
  }
  return before;
}

}  // namespace arkshare
