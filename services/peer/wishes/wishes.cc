#include "services/peer/wishes/wishes.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/core/limits.h"
#include "lib/core/log.h"
#include "lib/core/search_words.h"
#include "lib/rpc/convert.h"

namespace arkshare {
namespace {

// As many words as the index takes.
constexpr size_t kMostWords = 32;
constexpr size_t kFetchesTogether = 32;
constexpr absl::Duration kLongestRetry = absl::Minutes(1);
// How often a thread looks whether a fetch has ended, and at most how long it sleeps.
constexpr absl::Duration kFlightLook = absl::Milliseconds(100);
constexpr absl::Duration kLongestSleep = absl::Minutes(1);

absl::Status CheckQuery(const WishQuery& query) {
  const auto* keywords = std::get_if<WishKeywords>(&query);
  if (keywords == nullptr) return absl::OkStatus();
  const std::vector<std::string> words = QueryWords(keywords->text);
  if (words.empty()) {
    return MakeError(Reason::kQueryEmpty, "give at least one word of letters or digits");
  }
  if (std::set<std::string>(words.begin(), words.end()).size() > kMostWords) {
    return MakeError(Reason::kInvalidField, absl::StrCat("give at most ", kMostWords, " words"));
  }
  return absl::OkStatus();
}

v1::WatchRequest MakeRequest(const WishQuery& query) {
  v1::WatchRequest request;
  if (const auto* name = std::get_if<BookName>(&query)) {
    request.set_name(name->value());
  } else if (const auto* content = std::get_if<ContentId>(&query)) {
    *request.mutable_content() = ToProto(*content);
  } else {
    request.set_keywords(std::get<WishKeywords>(query).text);
  }
  request.set_books_only(true);
  return request;
}

}  // namespace

Wishes::Wishes(Parts parts) : parts_(std::move(parts)), streams_(parts_.index) {}

Wishes::~Wishes() { Stop(); }

absl::Status Wishes::Load() {
  absl::StatusOr<std::vector<WishRecord>> wishes = parts_.ledger->All();
  if (!wishes.ok()) return wishes.status();
  MutexLock lock(&mutex_);
  for (WishRecord& wish : *wishes) table_.Put(std::move(wish), parts_.clock->Monotonic());
  return absl::OkStatus();
}

void Wishes::Start() {
  reader_ = std::thread([this] { RunStreams(); });
  fetcher_ = std::thread([this] { RunFetches(); });
}

void Wishes::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    fetch_due_.NotifyAll();
  }
  streams_.Wake();
  if (reader_.joinable()) reader_.join();
  if (fetcher_.joinable()) fetcher_.join();
}

bool Wishes::stopping() const {
  MutexLock lock(&mutex_);
  return stopping_;
}

void Wishes::IndexIsBack() {
  {
    MutexLock lock(&mutex_);
    begin_again_ = true;
    table_.RetryAll(parts_.clock->Monotonic());
    fetch_due_.NotifyAll();
  }
  streams_.Wake();
}

void Wishes::Tell(bool urgent) {
  ++changes_;
  if (urgent) {
    parts_.bell->RingUrgently();
  } else {
    parts_.bell->Ring();
  }
}

// --- For the owner ---

absl::StatusOr<WishView> Wishes::Add(WishRecord wish) {
  if (absl::Status s = CheckQuery(wish.query); !s.ok()) return s;
  wish.time = parts_.clock->Now();
  std::optional<WishView> view;
  {
    MutexLock changing(&changing_);
    {
      MutexLock lock(&mutex_);
      if (absl::Status s = table_.MayAdd(wish.query); !s.ok()) return s;
    }
    absl::StatusOr<uint64_t> id = parts_.ledger->Put(wish);
    if (!id.ok()) return id.status();
    ARKSHARE_FAILPOINT("wish.recorded");
    wish.id = *id;
    MutexLock lock(&mutex_);
    table_.Put(wish, parts_.clock->Monotonic());
    view = table_.Find(*id);
    fetch_due_.NotifyAll();  // the action may have changed
  }
  LogInfo("wish_added", {{"wish", view->record.id}});
  Tell(/*urgent=*/false);
  streams_.Wake();
  return *std::move(view);
}

absl::Status Wishes::Remove(uint64_t wish) {
  {
    MutexLock changing(&changing_);
    {
      MutexLock lock(&mutex_);
      if (!table_.Has(wish)) {
        return MakeError(
            Reason::kWishUnknown,
            absl::StrCat("there is no wish ", wish, "; arkshare-cli wish list shows the wishes"));
      }
    }
    if (absl::Status s = parts_.ledger->Remove(wish); !s.ok()) return s;
    MutexLock lock(&mutex_);
    table_.Remove(wish);
  }
  streams_.End(wish);
  LogInfo("wish_removed", {{"wish", wish}});
  Tell(/*urgent=*/false);
  return absl::OkStatus();
}

std::vector<WishView> Wishes::List() const {
  MutexLock lock(&mutex_);
  return table_.List();
}

// --- The thread that reads ---

void Wishes::RunStreams() {
  while (!stopping()) {
    const absl::Duration wait =
        std::clamp(BeginStreams() - parts_.clock->Monotonic(), absl::ZeroDuration(), kLongestSleep);
    if (const std::optional<WishStreams::News> news = streams_.Next(wait)) Handle(*news);
  }
  streams_.EndAll();
}

absl::Time Wishes::BeginStreams() {
  std::map<uint64_t, WishQuery> queries;
  bool again = false;
  {
    MutexLock lock(&mutex_);
    queries = table_.Queries();
    again = std::exchange(begin_again_, false);
  }
  if (again) {
    streams_.EndAll();
    retries_.clear();
  }
  // A wish that is not in `retries_` is new, or its stream is to begin again.
  std::erase_if(retries_, [&](const auto& retry) {
    if (queries.contains(retry.first)) return false;
    streams_.End(retry.first);  // the wish may have been removed just before its stream began
    return true;
  });
  const absl::Time now = parts_.clock->Monotonic();
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [wish, query] : queries) {
    Retry& retry = retries_.try_emplace(wish, Retry{.pause = parts_.retry}).first->second;
    if (retry.due > now) {
      next = std::min(next, retry.due);
      continue;
    }
    retry.due = absl::InfiniteFuture();  // while it has a stream
    streams_.Begin(wish, MakeRequest(query));
  }
  return next;
}

void Wishes::HandleEnd(uint64_t wish, const absl::Status& end) {
  const auto place = retries_.find(wish);
  if (place == retries_.end()) return;  // removed
  Retry& retry = place->second;
  const absl::Duration asked = GetRetryAfter(end).value_or(absl::ZeroDuration());
  retry.due = parts_.clock->Monotonic() + std::max(asked, retry.pause);
  retry.pause = std::min(2 * retry.pause, kLongestRetry);
  const absl::Status why =
      end.ok() ? MakeError(Reason::kIndexUnreachable, "the index has ended the watch") : end;
  MutexLock lock(&mutex_);
  table_.SetWatched(wish, false);
  table_.SetWatchError(wish, why);
}

void Wishes::Handle(const WishStreams::News& news) {
  if (!news.message) {
    HandleEnd(news.wish, news.end);
    return Tell(/*urgent=*/false);
  }
  std::vector<WishFind> finds;
  bool complete = false;
  const auto handle_one = [&](const v1::WatchResponse& event) {
    complete = complete || event.has_snapshot_complete();
    Consider(news.wish, event, finds);
  };
  handle_one(*news.message);
  for (const v1::WatchResponse& event : news.message->more()) handle_one(event);
  if (complete) {
    if (const auto retry = retries_.find(news.wish); retry != retries_.end()) {
      retry->second.pause = parts_.retry;
    }
    MutexLock lock(&mutex_);
    table_.SetWatched(news.wish, true);
    table_.SetWatchError(news.wish, absl::OkStatus());
  }
  if (complete || !finds.empty()) Tell(/*urgent=*/!finds.empty());
  if (finds.empty()) return;
  for (const WishFind& find : finds) {
    LogInfo("wish_found", {{"wish", news.wish}, {"book", find.name}, {"peer", find.peer_id}});
  }
  if (absl::Status s = parts_.ledger->AddFinds(news.wish, finds); !s.ok()) {
    // The owner was told. After a restart the index tells it again.
    LogWarning("wish_not_recorded", {{"wish", news.wish}, {"why", s}});
  }
  ARKSHARE_FAILPOINT("wish.found");
  MutexLock lock(&mutex_);
  table_.Recorded(news.wish, finds);
  fetch_due_.NotifyAll();
}

void Wishes::Consider(uint64_t wish, const v1::WatchResponse& event, std::vector<WishFind>& finds) {
  uint32_t peer_id = 0;
  const v1::Listing* listing = nullptr;
  if (event.has_book_listed()) {
    peer_id = event.book_listed().peer_id();
    listing = &event.book_listed().listing();
  } else if (event.has_book_moved()) {
    peer_id = event.book_moved().to_peer_id();
    listing = &event.book_moved().new_listing();
  }
  if (listing == nullptr || peer_id == parts_.own_peer_id()) return;
  absl::StatusOr<ContentId> content = FromProto(listing->content());
  absl::StatusOr<BookName> name = BookName::Parse(listing->name());
  if (!content.ok() || !name.ok() || parts_.library->FindContent(*content)) return;
  WishFind find{.content = *content,
                .name = *std::move(name),
                .peer_id = peer_id,
                .time = parts_.clock->Now()};
  MutexLock lock(&mutex_);
  if (table_.Found(wish, find)) finds.push_back(std::move(find));
  // A book that was found before may be due again too.
  fetch_due_.NotifyAll();
}

// --- The thread that fetches ---

void Wishes::RunFetches() {
  while (!stopping()) {
    BeginFetches();
    std::erase_if(flights_, [this](const Flight& flight) { return !HandleFlight(flight); });
    MutexLock lock(&mutex_);
    const absl::Duration left = table_.NextDue() - parts_.clock->Monotonic();
    const absl::Duration wait =
        std::clamp(left, absl::ZeroDuration(), flights_.empty() ? kLongestSleep : kFlightLook);
    if (!stopping_ && wait > absl::ZeroDuration()) fetch_due_.WaitFor(&mutex_, wait);
  }
}

void Wishes::BeginFetches() {
  Flight flight;
  {
    MutexLock lock(&mutex_);
    flight.fetches = table_.TakeDue(parts_.clock->Monotonic(), kFetchesTogether);
  }
  if (flight.fetches.empty()) return;
  bool reader = false;
  if (parts_.membership != nullptr) {
    const std::optional<Member> self = parts_.membership->self();
    reader = self.has_value() && self->role == MemberRole::kReader;
  }
  std::vector<FetchWish> wishes;
  for (const WishTable::Fetch& fetch : flight.fetches) {
    wishes.push_back({.content = fetch.content, .copy_only = fetch.copy_only || reader});
  }
  flight.group = parts_.transfers->BeginMany(wishes);
  flights_.push_back(std::move(flight));
}

bool Wishes::HandleFlight(const Flight& flight) {
  const Transfers::GroupChanges news =
      parts_.transfers->AwaitMany(*flight.group, absl::ZeroDuration());
  for (const Transfers::GroupChange& change : news.changes) {
    const WishTable::Fetch& fetch = flight.fetches[change.wish];
    if (!change.view.ok()) {
      HandleEndOf(fetch, change.view.status());
    } else if (change.view->state == TransferView::State::kDone) {
      HandleEndOf(fetch, absl::OkStatus());
    } else if (change.view->state == TransferView::State::kFailed) {
      HandleEndOf(fetch, change.view->error);
    }
  }
  return !news.all_ended;
}

void Wishes::HandleEndOf(const WishTable::Fetch& fetch, const absl::Status& how) {
  if (how.ok()) ARKSHARE_FAILPOINT("wish.fetched");
  bool here = false;
  {
    MutexLock lock(&mutex_);
    if (stopping_) return;  // the next run goes on
    here = table_.Ended(fetch, how, parts_.clock->Monotonic());
  }
  if (here) {
    LogInfo("wish_fetched", {{"wish", fetch.wish}, {"root", fetch.content}});
    // When this fails, the next run finds that the book is here.
    parts_.ledger->SetFetched(fetch.wish, fetch.content).IgnoreError();
  }
  Tell(/*urgent=*/false);
}

}  // namespace arkshare
