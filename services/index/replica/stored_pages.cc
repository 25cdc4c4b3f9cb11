#include "services/index/replica/stored_pages.h"

#include <algorithm>

#include "lib/core/limits.h"

namespace arkshare {
namespace {

// Pages of one class that are left as they are.
constexpr size_t kMostOfClass = 32;
// Entries of a merged page, and the pages that go into it: fewer changes than the log allows.
constexpr size_t kMostEntries = kMaxItems;
constexpr size_t kMostMerged = 90;
// The log may have this many times as many entries as are needed, and these more.
constexpr size_t kWasteFactor = 3;
constexpr size_t kWaste = 1'000;

bool IsWasteful(const StoredPages::Sum& sum, size_t needed) {
  return sum.entries > kWasteFactor * needed + kWaste;
}

// Packs pages into groups of at most kMostEntries and kMostMerged.
class Packer {
 public:
  void Add(const StoredPage& page, size_t entries) {
    if (entries_ + entries > kMostEntries || group_.size() >= kMostMerged) End();
    entries_ += entries;
    group_.push_back(&page);
  }
  // `alone`: a group of one page is of use, too.
  std::vector<std::vector<const StoredPage*>> Take(bool alone) {
    End();
    if (!alone) std::erase_if(groups_, [](const auto& group) { return group.size() < 2; });
    return std::move(groups_);
  }

 private:
  void End() {
    if (!group_.empty()) groups_.push_back(std::exchange(group_, {}));
    entries_ = 0;
  }

  std::vector<const StoredPage*> group_;
  size_t entries_ = 0;
  std::vector<std::vector<const StoredPage*>> groups_;
};

}  // namespace

size_t StoredPages::ClassOf(size_t entries) {
  return static_cast<size_t>(std::upper_bound(kClasses.begin(), kClasses.end(), entries) -
                             kClasses.begin());
}

void StoredPages::Add(const std::string& page, const PublicKey& peer, int64_t epoch) {
  pages_.try_emplace(page, Entry{{peer, epoch}, false, {}});
}

void StoredPages::Remove(const std::string& page) {
  const auto found = pages_.find(page);
  if (found == pages_.end()) return;
  if (found->second.folded) Count(found->second, /*more=*/false);
  pages_.erase(found);
}

void StoredPages::RemoveIf(absl::FunctionRef<bool(const std::string& page)> wanted) {
  for (auto place = pages_.begin(); place != pages_.end();) {
    if (!wanted(place->first)) {
      ++place;
      continue;
    }
    if (place->second.folded) Count(place->second, /*more=*/false);
    place = pages_.erase(place);
  }
}

void StoredPages::SetFolded(const std::string& page, const Page& read) {
  const auto found = pages_.find(page);
  if (found == pages_.end() || found->second.folded) return;
  Entry& entry = found->second;
  entry.folded = true;
  entry.page = {"", read.statements.size() + read.gone.size(), read.through, read.complete,
                NumbersOf(read)};
  Count(entry, /*more=*/true);
}

bool StoredPages::IsFolded(const std::string& page) const {
  const auto found = pages_.find(page);
  return found != pages_.end() && found->second.folded;
}

void StoredPages::Count(const Entry& entry, bool more) {
  Sum& sum = sums_[entry.session];
  size_t& pages = sum.pages[ClassOf(entry.page.entries)];
  pages = more ? pages + 1 : pages - 1;
  sum.entries = more ? sum.entries + entry.page.entries : sum.entries - entry.page.entries;
  if (std::all_of(sum.pages.begin(), sum.pages.end(), [](size_t count) { return count == 0; })) {
    sums_.erase(entry.session);
  }
}

StoredPages::Sum StoredPages::SumOf(const PublicKey& peer, int64_t epoch) const {
  const auto found = sums_.find(Session(peer, epoch));
  return found == sums_.end() ? Sum() : found->second;
}

std::vector<StoredPage> StoredPages::Of(const PublicKey& peer, int64_t epoch) const {
  std::vector<StoredPage> pages;
  const Session session(peer, epoch);
  // All keys of the session begin with this one, less its last part.
  std::string first = PageKey(peer, epoch, "", 0);
  first.resize(first.rfind('/') + 1);
  for (auto place = pages_.lower_bound(first);
       place != pages_.end() && place->second.session == session; ++place) {
    if (!place->second.folded) continue;
    pages.push_back(place->second.page);
    pages.back().key = place->first;
  }
  return pages;
}

std::vector<std::string> StoredPages::Others(
    size_t most, absl::FunctionRef<bool(const PublicKey& peer, int64_t epoch)> is_current) const {
  std::vector<std::string> others;
  for (const auto& [page, entry] : pages_) {
    if (is_current(entry.session.first, entry.session.second)) continue;
    others.push_back(page);
    if (others.size() >= most) break;
  }
  return others;
}

bool MayMerge(const StoredPages::Sum& sum, size_t needed) {
  return IsWasteful(sum, needed) || std::any_of(sum.pages.begin(), sum.pages.end() - 1,
                                                [](size_t pages) { return pages > kMostOfClass; });
}

std::vector<std::vector<const StoredPage*>> ChoosePages(
    absl::Span<const StoredPage> pages, const StoredPages::Sum& sum, size_t needed,
    absl::FunctionRef<size_t(absl::Span<const NumberRange>)> needed_for) {
  Packer packer;
  if (IsWasteful(sum, needed)) {
    for (const StoredPage& page : pages) {
      const size_t of_use = needed_for(page.numbers);
      if (page.entries > 0 && 3 * of_use <= 2 * page.entries) packer.Add(page, of_use);
    }
    auto groups = packer.Take(/*alone=*/true);
    if (!groups.empty()) return groups;
  }
  for (size_t size = 0; size < StoredPages::kClasses.size(); ++size) {
    if (sum.pages[size] <= kMostOfClass) continue;
    for (const StoredPage& page : pages) {
      if (StoredPages::ClassOf(page.entries) == size) packer.Add(page, page.entries);
    }
    break;
  }
  return packer.Take(/*alone=*/false);
}

std::vector<NumberRange> NumbersOf(absl::Span<const StoredPage* const> pages) {
  NumberSet numbers;
  for (const StoredPage* page : pages) {
    for (const NumberRange& range : page->numbers) numbers.Insert(range);
  }
  return numbers.Runs();
}

}  // namespace arkshare
