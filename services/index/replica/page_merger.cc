#include "services/index/replica/page_merger.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "services/index/replica/steps.h"

namespace arkshare {
namespace {

// Writes of one session that are under way, and of all.
constexpr size_t kMostAtOnce = 8;
constexpr size_t kMostOfAll = 16;
// After a write that failed.
constexpr absl::Duration kPauseAfterFailure = absl::Seconds(1);
// Graves of one source that are left as they are.
constexpr size_t kMostGravesOfSource = 32;
// Graves that are merged into one, and its ranges. A grave with more than half of them is full.
constexpr size_t kMostGravesMerged = 90;
constexpr size_t kMostRanges = 10'000;
// Entries that must be new before pages are looked at again that could not be merged.
constexpr size_t kEntriesUntilNextTry = 1'000;

}  // namespace

replica::PageRecord MergePages(const Catalog& catalog, const Catalog::ShelfPtr& shelf,
                               absl::Span<const StoredPage* const> pages) {
  replica::PageRecord merged;
  uint64_t through = 0;
  bool complete = false;
  for (const StoredPage* page : pages) {
    through = std::max(through, page->through);
    complete = complete || page->complete;
  }
  merged.set_through(through);
  merged.set_snapshot_complete(complete);
  AddStated(catalog.StatedOf(shelf, NumbersOf(pages)), merged);
  return merged;
}

void PageMerger::Run() {
  for (const PublicKey& key : roster_.TakeTouched()) {
    if (in_line_.insert(key).second) line_.push_back(key);
  }
  const absl::Time now = clock_->Monotonic();
  if (failed_->exchange(false)) next_run_ = now + kPauseAfterFailure;
  if (busy() || now < next_run_ || log_->state() != SharedLog::State::kLive) return;
  size_t writes = 0;
  for (size_t rest = line_.size(); rest > 0 && writes < kMostOfAll; --rest) {
    const PublicKey key = line_.front();
    line_.pop_front();
    const std::optional<SharedSession> session = roster_.Find(key);
    const bool mine = session.has_value() && session->claim.replica() == log_->replica();
    const size_t begun = mine ? Merge(*session) + MergeGraves(*session) : 0;
    writes += begun;
    if (begun > 0) {
      line_.push_back(key);
      continue;
    }
    in_line_.erase(key);
    if (!mine) fruitless_.erase(key);
  }
}

size_t PageMerger::Merge(const SharedSession& session) {
  const StoredPages::Sum sum = roster_.SumOfPages(session.key, session.epoch);
  const size_t needed = catalog_.CountStated(session.shelf);
  if (!MayMerge(sum, needed)) return 0;
  const auto tried = fruitless_.find(session.key);
  if (tried != fruitless_.end() && sum.entries < tried->second + kEntriesUntilNextTry) return 0;
  const std::vector<StoredPage> pages = roster_.PagesOf(session.key, session.epoch);
  const auto groups = ChoosePages(pages, sum, needed, [&](absl::Span<const NumberRange> numbers) {
    return catalog_.CountStated(session.shelf, numbers);
  });
  if (groups.empty()) {
    fruitless_[session.key] = sum.entries;
    return 0;
  }
  fruitless_.erase(session.key);
  const size_t count = std::min(groups.size(), kMostAtOnce);
  for (size_t i = 0; i < count; ++i) {
    SharedLog::Write write;
    write.guards = {{SessionKey(session.key), session.epoch}};
    write.changes.push_back({PageKey(session.key, session.epoch,
                                     absl::StrCat(log_->replica(), "-merged"), next_count_++),
                             MergePages(catalog_, session.shelf, groups[i]).SerializeAsString()});
    for (const StoredPage* page : groups[i]) write.changes.push_back({page->key, std::nullopt});
    Commit(std::move(write));
  }
  return count;
}

// Graves from before the session are about to be handed over to it.
size_t PageMerger::MergeGraves(const SharedSession& session) {
  std::vector<StoredGrave> graves = roster_.GravesOf(session.key);
  std::erase_if(graves, [&](const StoredGrave& grave) {
    return grave.revision < session.epoch || grave.numbers.size() > kMostRanges / 2;
  });
  if (graves.size() <= kMostGravesOfSource) return 0;
  // The small ones first, so that a large one is seldom written again.
  std::sort(graves.begin(), graves.end(), [](const StoredGrave& a, const StoredGrave& b) {
    return a.numbers.size() < b.numbers.size();
  });
  SharedLog::Write write;
  write.guards = {{SessionKey(session.key), session.epoch}};
  NumberSet numbers;
  for (const StoredGrave& grave : graves) {
    if (write.changes.size() >= kMostGravesMerged ||
        numbers.range_count() + grave.numbers.size() > kMostRanges) {
      break;
    }
    for (const NumberRange& range : grave.numbers) numbers.Insert(range);
    write.changes.push_back({grave.key, std::nullopt});
  }
  replica::GraveRecord merged;
  // The runs around them: other numbers of the peer that are gone, and are never used again.
  for (const NumberRange& run : catalog_.StatedOf(session.shelf, numbers.Runs()).gone) {
    replica::Range& range = *merged.add_ranges();
    range.set_first(run.first);
    range.set_last(run.last);
  }
  write.changes.insert(
      write.changes.begin(),
      {GraveKey(session.key, absl::StrCat(log_->replica(), "-merged"), next_count_++),
       merged.SerializeAsString()});
  Commit(std::move(write));
  return 1;
}

void PageMerger::Commit(SharedLog::Write write) {
  ++*under_way_;
  log_->Commit(std::move(write), [under_way = under_way_, failed = failed_](
                                     const absl::StatusOr<SharedLog::Outcome>& outcome) {
    if (!outcome.ok()) *failed = true;
    --*under_way;
  });
}

}  // namespace arkshare
