#include <absl/strings/str_cat.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "bench/load_agenda.h"
#include "bench/load_index.h"
#include "bench/load_modes.h"
#include "bench/load_swarm.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr size_t kChangingPeers = 8;  // that change their books
constexpr size_t kBooksOfEach = 100;
constexpr size_t kConnections = 10;
constexpr absl::Duration kWatchPatience = absl::Seconds(30);

// The changes of the peers: each peer lists a book and removes it with its next change. Records
// when each change was written.
class Changes {
 public:
  explicit Changes(size_t count) : sent_(count) {}

  size_t count() const { return sent_.size(); }
  // Returns false when the change cannot be written now.
  bool Send(Swarm& swarm, size_t change) {
    const size_t round = change / kChangingPeers;
    const uint64_t number = kBooksOfEach + 1 + round / 2;
    v1::Statement statement;
    if (round % 2 == 0) {
      v1::Listing& listing = *statement.mutable_present();
      listing.set_listing_number(number);
      listing.set_name(absl::StrCat("shelf ", change, "/a new volume of many.epub"));
      *listing.mutable_content() =
          ToProto(swarm.peer(change % kChangingPeers).content(round % kBooksOfEach));
      listing.mutable_content()->set_size_bytes(change);
    } else {
      statement.set_gone_listing_number(number);
    }
    sent_[change] = Now();
    return swarm.peer(change % kChangingPeers).State(std::move(statement));
  }
  // Returns the age of an event that a watcher has read; nullopt for books from before.
  std::optional<absl::Duration> Age(const v1::WatchResponse& event) const {
    const bool gone = event.event_case() == v1::WatchResponse::kBookGone;
    if (!gone && event.event_case() != v1::WatchResponse::kBookListed) return std::nullopt;
    const v1::Listing& listing = gone ? event.book_gone().listing() : event.book_listed().listing();
    if (listing.listing_number() <= kBooksOfEach) return std::nullopt;
    return Now() - sent_[listing.content().size_bytes() + (gone ? kChangingPeers : 0)];
  }

 private:
  std::vector<absl::Time> sent_;
};

// One Watch stream, which reads until it has to pause. Never destroyed.
class Watcher : public grpc::ClientReadReactor<v1::WatchResponse> {
 public:
  Watcher(v1::IndexService::Stub* stub, bool pause, const Changes* changes)
      : changes_(*changes), pause_(pause) {
    stub->async()->Watch(&context_, &request_, this);
    AddHold();
    StartRead(&response_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      RemoveHold();
      return;
    }
    ++messages_;
    Take(response_);
    for (const v1::WatchResponse& event : response_.more()) Take(event);
    if (complete_ && pause_) return;
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override {
    status_ = FromGrpcStatus(status, "the index");
    ended_ = true;
  }

  void ReadOn() {
    pause_ = false;
    StartRead(&response_);
  }

  bool complete() const { return complete_; }
  bool ended() const { return ended_; }
  Reason WhyEnded() const { return GetReason(status_); }
  size_t seen() const { return seen_; }
  uint64_t messages() const { return messages_; }
  const std::vector<float>& ages_ms() const { return ages_ms_; }

 private:
  void Take(const v1::WatchResponse& event) {
    if (event.has_snapshot_complete()) complete_ = true;
    const std::optional<absl::Duration> age = changes_.Age(event);
    if (!age.has_value()) return;
    ages_ms_.push_back(static_cast<float>(absl::ToDoubleMilliseconds(*age)));
    ++seen_;
  }

  const Changes& changes_;
  grpc::ClientContext context_;
  v1::WatchRequest request_;
  v1::WatchResponse response_;
  std::vector<float> ages_ms_;
  absl::Status status_;
  std::atomic<bool> pause_;
  std::atomic<bool> complete_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<size_t> seen_ = 0;
  std::atomic<uint64_t> messages_ = 0;
};

bool Await(const std::function<bool()>& true_once) {
  const absl::Time end = Now() + kWatchPatience;
  while (!true_once()) {
    if (Now() >= end) return false;
    absl::SleepFor(absl::Milliseconds(2));
  }
  return true;
}

// Writes the changes at an even pace.
void SendAll(Swarm& swarm, Changes& changes, double a_second) {
  const absl::Time begin = Now();
  for (size_t sent = 0; sent < changes.count();) {
    const double due = absl::ToDoubleSeconds(Now() - begin) * a_second;
    while (sent < changes.count() && static_cast<double>(sent) < due && changes.Send(swarm, sent)) {
      ++sent;
    }
    absl::SleepFor(absl::Microseconds(500));
  }
}

void TellAges(const std::vector<Watcher*>& watchers) {
  std::vector<float> all;
  double messages = 0;
  size_t fewest = watchers[0]->seen();
  for (const Watcher* watcher : watchers) {
    all.insert(all.end(), watcher->ages_ms().begin(), watcher->ages_ms().end());
    messages += static_cast<double>(watcher->messages());
    fewest = std::min(fewest, watcher->seen());
  }
  std::sort(all.begin(), all.end());
  const auto quantile = [&](double q) {
    return all[static_cast<size_t>(q * static_cast<double>(all.size() - 1))];
  };
  Tell("changes that the slowest watcher has seen", static_cast<double>(fewest));
  Tell("events a message to a watcher", static_cast<double>(all.size()) / messages);
  Tell("from a change to its watchers, p50 ms", quantile(0.5));
  Tell("from a change to its watchers, p99 ms", quantile(0.99));
  Tell("from a change to its watchers, longest ms", all.back());
}

}  // namespace

void RunWatch(const LoadOptions& options) {
  LoadIndex index({options.program, "--lease", absl::FormatDuration(options.lease)});
  // Never destroyed, like all objects below, because their streams would still call them.
  Swarm& swarm = *new Swarm({.indexes = {index.address()},
                             .peers = kChangingPeers,
                             .books = kBooksOfEach,
                             .holders = 1,
                             .connections = 0});
  for (size_t i = 0; i < kChangingPeers; ++i) swarm.peer(i).Join();
  if (!swarm.WaitOnline(kChangingPeers, kWatchPatience)) return;

  Changes& changes =
      *new Changes(static_cast<size_t>(options.changes * absl::ToDoubleSeconds(options.time)));
  std::vector<v1::IndexService::Stub*> stubs;
  for (size_t i = 0; i < kConnections; ++i) {
    const auto channel = MakeChannel(index.address(), grpc::InsecureChannelCredentials());
    stubs.push_back(v1::IndexService::NewStub(channel).release());
  }
  std::vector<Watcher*> watchers;
  for (size_t i = 0; i < options.watchers; ++i) {
    watchers.push_back(new Watcher(stubs[i % kConnections], /*pause=*/false, &changes));
  }
  Watcher& idle = *new Watcher(
      v1::IndexService::NewStub(MakeChannel(index.address(), grpc::InsecureChannelCredentials()))
          .release(),
      /*pause=*/true, &changes);
  const bool watching = Await([&] {
    return idle.complete() &&
           std::all_of(watchers.begin(), watchers.end(), [](auto* w) { return w->complete(); });
  });
  if (!watching) return;

  const uint64_t resident = index.ResidentBytes();
  const double cpu = index.CpuSeconds();
  const absl::Time begin = Now();
  SendAll(swarm, changes, options.changes);
  const double seconds = absl::ToDoubleSeconds(Now() - begin);
  Tell("changes a second", static_cast<double>(changes.count()) / seconds);
  Tell("index CPU, % of a core", 100 * (index.CpuSeconds() - cpu) / seconds);
  const bool all = Await([&] {
    return std::all_of(watchers.begin(), watchers.end(),
                       [&](auto* w) { return w->seen() >= changes.count() || w->ended(); });
  });
  Tell("index has grown by MiB",
       (static_cast<double>(index.ResidentBytes()) - static_cast<double>(resident)) / (1 << 20));
  Tell("watchers that have seen everything, once",
       static_cast<double>(std::count_if(watchers.begin(), watchers.end(),
                                         [&](auto* w) { return w->seen() == changes.count(); })));
  if (!all) Tell("gave up waiting", 1);
  TellAges(watchers);
  idle.ReadOn();
  const bool cut_off =
      Await([&] { return idle.ended(); }) && idle.WhyEnded() == Reason::kWatchLagged;
  Tell("a watcher that does not read is cut off with WATCH_LAGGED", cut_off ? 1 : 0);
  Tell("changes before it was cut off", static_cast<double>(idle.seen()));
}

}  // namespace arkshare
