#include "services/peer/wishes/wish_table.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

constexpr size_t kShownFinds = 20;
constexpr absl::Duration kFirstPause = absl::Seconds(30);
constexpr absl::Duration kLastPause = absl::Hours(6);

}  // namespace

absl::Status WishTable::MayAdd(const WishQuery& query) const {
  if (wishes_.size() < kMostWishes) return absl::OkStatus();
  for (const auto& [id, entry] : wishes_) {
    if (entry.wish.query == query) return absl::OkStatus();
  }
  return MakeError(Reason::kLimitExceeded,
                   absl::StrCat("there are ", kMostWishes, " wishes already; remove one first"));
}

void WishTable::Put(WishRecord wish, absl::Time now) {
  const auto [place, added] = wishes_.try_emplace(wish.id);
  Entry& entry = place->second;
  if (!added) {
    entry.wish.action = wish.action;
    entry.wish.fetch_limit = wish.fetch_limit;
    return;
  }
  for (WishFind& find : std::exchange(wish.finds, {})) {
    if (find.fetched) ++entry.fetched;
    entry.by_content.emplace(find.content, entry.finds.size());
    entry.finds.push_back({.find = std::move(find), .recorded = true, .due = now});
  }
  entry.wish = std::move(wish);
}

bool WishTable::Remove(uint64_t wish) { return wishes_.erase(wish) > 0; }

std::map<uint64_t, WishQuery> WishTable::Queries() const {
  std::map<uint64_t, WishQuery> queries;
  for (const auto& [id, entry] : wishes_) queries.emplace(id, entry.wish.query);
  return queries;
}

WishTable::Entry* WishTable::FindEntry(uint64_t wish) {
  const auto place = wishes_.find(wish);
  return place == wishes_.end() ? nullptr : &place->second;
}

WishTable::Candidate* WishTable::FindContent(Entry& entry, const ContentId& content) {
  const auto place = entry.by_content.find(content);
  return place == entry.by_content.end() ? nullptr : &entry.finds[place->second];
}

bool WishTable::Found(uint64_t wish, const WishFind& find) {
  Entry* const entry = FindEntry(wish);
  if (entry == nullptr) return false;
  if (Candidate* const known = FindContent(*entry, find.content)) {
    known->due = absl::InfinitePast();
    known->again = known->on_its_way;
    return false;
  }
  if (entry->finds.size() >= kMostFinds) {
    entry->finds_too_much = true;
    return false;
  }
  entry->by_content.emplace(find.content, entry->finds.size());
  entry->finds.push_back({.find = find});
  return true;
}

void WishTable::Recorded(uint64_t wish, absl::Span<const WishFind> finds) {
  Entry* const entry = FindEntry(wish);
  if (entry == nullptr) return;
  for (const WishFind& find : finds) {
    if (Candidate* const candidate = FindContent(*entry, find.content)) candidate->recorded = true;
  }
}

void WishTable::SetWatched(uint64_t wish, bool watched) {
  if (Entry* const entry = FindEntry(wish)) entry->watched = watched;
}

void WishTable::SetWatchError(uint64_t wish, const absl::Status& error) {
  if (Entry* const entry = FindEntry(wish)) entry->watch_error = error;
}

bool WishTable::WantsMore(const Entry& entry) {
  return entry.wish.action != WishRecord::Action::kTell &&
         entry.fetched + entry.on_their_way < entry.wish.fetch_limit;
}

std::vector<WishTable::Fetch> WishTable::TakeDue(absl::Time now, size_t most) {
  std::vector<Fetch> due;
  for (auto& [id, entry] : wishes_) {
    for (Candidate& candidate : entry.finds) {
      if (due.size() >= most || !WantsMore(entry)) break;
      if (!candidate.IsOpen() || candidate.due > now) continue;
      candidate.on_its_way = true;
      candidate.again = false;
      ++entry.on_their_way;
      due.push_back({id, candidate.find.content, entry.wish.action == WishRecord::Action::kCopy});
    }
  }
  return due;
}

absl::Time WishTable::NextDue() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, entry] : wishes_) {
    if (!WantsMore(entry)) continue;
    for (const Candidate& candidate : entry.finds) {
      if (candidate.IsOpen()) next = std::min(next, candidate.due);
    }
  }
  return next;
}

bool WishTable::Ended(const Fetch& fetch, const absl::Status& how, absl::Time now) {
  Entry* const entry = FindEntry(fetch.wish);
  if (entry == nullptr) return false;
  Candidate* const candidate = FindContent(*entry, fetch.content);
  // The wish may have been removed and made again meanwhile.
  if (candidate == nullptr || !std::exchange(candidate->on_its_way, false)) return false;
  --entry->on_their_way;
  if (how.ok() || GetReason(how) == Reason::kAlreadyInLibrary) {
    candidate->find.fetched = true;
    ++entry->fetched;
    entry->fetch_error = absl::OkStatus();
    return true;
  }
  entry->fetch_error = how;
  if (candidate->again) {
    candidate->due = now;
    return false;
  }
  candidate->pause = candidate->pause == absl::ZeroDuration()
                         ? kFirstPause
                         : std::min(2 * candidate->pause, kLastPause);
  candidate->due = now + candidate->pause;
  return false;
}

void WishTable::RetryAll(absl::Time now) {
  for (auto& [id, entry] : wishes_) {
    for (Candidate& candidate : entry.finds) {
      candidate.due = std::min(candidate.due, now);
      candidate.again = candidate.on_its_way;
    }
  }
}

WishView WishTable::ViewOf(const Entry& entry) {
  WishView view{.record = entry.wish,
                .found_count = entry.finds.size(),
                .fetched_count = entry.fetched,
                .error = entry.watch_error,
                .watched = entry.watched};
  if (view.error.ok()) view.error = entry.fetch_error;
  if (view.error.ok() && entry.finds_too_much) {
    view.error = MakeError(Reason::kLimitExceeded,
                           absl::StrCat("more than ", kMostFinds,
                                        " books match, and the others are not told; make the wish "
                                        "more precise"));
  }
  const size_t shown = std::min(kShownFinds, entry.finds.size());
  for (size_t i = 0; i < shown; ++i) {
    view.record.finds.push_back(entry.finds[entry.finds.size() - 1 - i].find);
  }
  return view;
}

std::vector<WishView> WishTable::List() const {
  std::vector<WishView> views;
  for (const auto& [id, entry] : wishes_) views.push_back(ViewOf(entry));
  return views;
}

std::optional<WishView> WishTable::Find(uint64_t wish) const {
  const auto place = wishes_.find(wish);
  if (place == wishes_.end()) return std::nullopt;
  return ViewOf(place->second);
}

}  // namespace arkshare
