#include "services/index/etcd/etcd_follower.h"

#include <absl/random/random.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "lib/core/log.h"
#include "replica/presence.pb.h"
#include "services/index/etcd/etcd_loader.h"
#include "services/index/etcd/log_keys.h"

namespace arkshare {
namespace {

constexpr absl::Duration kLookTimeout = absl::Seconds(1);

std::string RandomBirth() {
  std::string birth(16, '\0');
  absl::BitGen gen;
  for (char& byte : birth) byte = static_cast<char>(absl::Uniform<int>(gen, 0, 256));
  return birth;
}

// Returns what a replica was introduced with.
std::string AboutOf(const std::string& value) {
  replica::Presence presence;
  return presence.ParseFromString(value) ? presence.about() : "";
}

}  // namespace

EtcdFollower::EtcdFollower(Parts parts) : parts_(std::move(parts)), chain_(parts_.prefix) {}

void EtcdFollower::Start(LogFold* fold) {
  fold_ = fold;
  thread_ = std::thread([this] { Run(); });
}

void EtcdFollower::Join() {
  if (thread_.joinable()) thread_.join();
}

void EtcdFollower::Run() {
  while (!parts_.board->stopped()) {
    const std::optional<FoundLog> found = Look();
    if (!found.has_value()) continue;
    if (const std::optional<LoadCause> demand = parts_.board->TakeDemand()) {
      load_ = load_.value_or(*demand);
    }
    if (load_.has_value() && std::exchange(waited_for_, load_) != load_) {
      absl::BitGen random;
      const absl::Duration pause =
          PauseBeforeLoad(*load_, parts_.board->replicas().size(), absl::Uniform(random, 0.0, 1.0));
      // The log may have changed meanwhile.
      if (pause > absl::ZeroDuration() && parts_.board->Sleep(pause)) continue;
    }
    if (load_.has_value()) Load(*found);
    if (load_.has_value()) continue;
    waited_for_.reset();
    Watch();
  }
}

bool EtcdFollower::Pause(EtcdFault fault) {
  const bool refused = fault != EtcdFault::kUnknownOutcome && fault != EtcdFault::kNone;
  // At least a moment: an endpoint may refuse at once.
  const absl::Duration moment = refused ? absl::Seconds(1) : absl::Milliseconds(10);
  return parts_.board->Sleep(std::max(parts_.client->Pause(), moment));
}

std::optional<FoundLog> EtcdFollower::Look() {
  const KnownLog known = parts_.board->known();
  const auto answer = parts_.client->Txn(
      MakeFoundingRead(parts_.prefix, absl::StrCat(parts_.prefix, parts_.replica_key)),
      kLookTimeout);
  if (!answer.ok()) {
    LookFailed(answer);
    Pause(answer.fault);
    return std::nullopt;
  }
  failed_looks_ = 0;
  std::optional<FoundLog> found = ReadFounding(answer.response);
  if (!found.has_value()) {
    Pause(EtcdFault::kBadRequest);
    return std::nullopt;
  }
  switch (JudgeFounding(known, *found)) {
    case Founding::kSame:
      if (known.birth.empty()) {
        Begin(*found);
      } else if (!HasSameHistory()) {
        return std::nullopt;
      }
      return found;
    case Founding::kAnother:
      Begin(*found);
      return found;
    case Founding::kUnborn:
    case Founding::kOlder:
      Refound(*found);
      return std::nullopt;
  }
  return std::nullopt;
}

// A backup that is a little older may have been written to so much since that neither revisions nor
// versions show it.
bool EtcdFollower::HasSameHistory() {
  if (chain_.head_revision() == 0) return true;
  etcdserverpb::RangeRequest request;
  request.set_key(absl::StrCat(parts_.prefix, kHeadKey));
  request.set_revision(chain_.head_revision());
  const auto answer = parts_.client->Range(request, kLookTimeout);
  if (answer.ok()) {
    const auto& kvs = answer.response.kvs();
    if (!kvs.empty() && kvs[0].mod_revision() == chain_.head_revision() &&
        kvs[0].value() == chain_.head_value()) {
      return true;
    }
  } else if (answer.fault == EtcdFault::kCompacted) {
    // Nothing is there to compare. The watch is told, too, and everything is loaded again.
    return true;
  } else if (answer.fault != EtcdFault::kFutureRevision) {
    Pause(answer.fault);
    return false;
  }
  parts_.board->LostEnd();
  return false;
}

void EtcdFollower::LookFailed(const EtcdAnswer<etcdserverpb::TxnResponse>& answer) {
  constexpr int kTellEach = 50;
  if (failed_looks_++ % kTellEach != 0 || parts_.board->stopped()) return;
  LogWarning("etcd_does_not_answer", {{"at", parts_.client->name(answer.endpoint)},
                                      {"fault", FaultName(answer.fault)},
                                      {"why", answer.message}});
}

void EtcdFollower::Refound(const FoundLog& found) {
  const auto answer =
      parts_.client->Txn(MakeBirth(parts_.prefix, found, RandomBirth()), kLookTimeout);
  // In every case the next look shows which birth is there.
  if (!answer.ok()) Pause(answer.fault);
  if (answer.ok() && answer.response.succeeded() && !parts_.board->birth().empty()) {
    LogError("etcd_log_lost", {{"revision", found.revision},
                               {"folded", parts_.board->folded()},
                               {"had_birth", !found.birth.empty()}});
  }
}

void EtcdFollower::Begin(const FoundLog& found) {
  const bool refounded = !parts_.board->birth().empty();
  load_ = refounded ? LoadCause::kRefounded : LoadCause::kStart;
  if (refounded) {
    // The writes end before the other birth is known: none of them is made under it.
    parts_.writes->Abandon(StoreUnreachable());
    parts_.waiters->Refounded(StoreUnreachable());
  }
  parts_.board->Began(found.birth, found.birth_revision);
  chain_.Begin(/*next=*/1, /*head_version=*/0, found.birth);
  if (!refounded) return;
  LogWarning("etcd_log_refounded");
  fold_->Refounded();
}

void EtcdFollower::Load(const FoundLog& found) {
  const LoadCause cause = *load_;
  LoadedLog loaded =
      LoadLog(*parts_.client, parts_.prefix, found.revision, [this] { return Pause(); });
  if (loaded.fault != EtcdFault::kNone) {
    if (parts_.board->stopped()) return;
    LogWarning("etcd_load_failed", {{"revision", found.revision},
                                    {"fault", FaultName(loaded.fault)},
                                    {"why", loaded.message}});
    Pause(loaded.fault);
    return;
  }
  // The end of the log: other users of etcd have revisions too.
  int64_t end = std::max(found.head_revision, parts_.board->folded());
  std::set<std::string> replicas;
  for (LogEntry& entry : loaded.entries) {
    end = std::max(end, entry.revision);
    if (!absl::StartsWith(entry.key, kReplicaKeys)) continue;
    replicas.insert(entry.key);
    entry.value = AboutOf(entry.value);
  }
  LogInfo("etcd_loaded",
          {{"cause", LoadCauseName(cause)}, {"keys", loaded.entries.size()}, {"revision", end}});
  // Before its effect can be seen.
  parts_.board->CountLoad(cause);
  fold_->Load(end, std::move(loaded.entries));
  chain_.Begin(found.revision + 1, found.head_version, parts_.board->birth(), found.head_revision,
               found.head_value);
  load_.reset();
  parts_.board->SetReplicas(std::move(replicas));
  parts_.board->Folded(end, found.head_version);
  parts_.waiters->Folded(end);
}

void EtcdFollower::Watch() {
  etcdserverpb::WatchCreateRequest request;
  request.set_key(parts_.prefix);
  request.set_range_end(EndOfPrefix(parts_.prefix));
  request.set_start_revision(chain_.next());
  request.set_fragment(true);
  chain_.Reopened();
  const size_t endpoint = parts_.client->endpoint();
  const std::unique_ptr<EtcdWatch> watch = parts_.client->Watch(request);
  parts_.board->WatchOpened(watch.get(), endpoint);
  etcdserverpb::WatchResponse response;
  bool useful = true;
  while (useful && watch->Read(&response)) {
    parts_.board->WatchHeard();
    if (response.canceled()) {
      Cancelled(response);
      useful = false;
    } else {
      useful = Fold(std::move(response));
      parts_.board->WatchWaiting(parts_.board->folded());
    }
  }
  parts_.board->WatchClosed();
  if (!useful) return;
  const auto end = watch->Finish();
  if (end.fault == EtcdFault::kCompacted) load_ = LoadCause::kCompacted;
  if (parts_.board->stopped()) return;
  LogInfo("etcd_watch_ended", {{"at", parts_.client->name(end.endpoint)}, {"why", end.message}});
  Pause();
}

bool EtcdFollower::Fold(etcdserverpb::WatchResponse response) {
  WatchChain::Told told = chain_.Add(std::move(response));
  for (WatchChain::Step& step : told.steps) FoldStep(std::move(step));
  if (told.end == WatchChain::End::kGap) {
    LogWarning("etcd_lost_events", {{"after", parts_.board->folded()}});
    load_ = LoadCause::kGap;
  }
  return told.end == WatchChain::End::kWhole;
}

void EtcdFollower::FoldStep(WatchChain::Step step) {
  for (LogEvent& event : step.events) {
    if (!absl::StartsWith(event.key, kReplicaKeys)) continue;
    if (event.value.has_value()) {
      event.value = AboutOf(*event.value);
      parts_.board->ReplicaCame(event.key);
    } else {
      parts_.board->ReplicaWent(event.key);
    }
  }
  fold_->Step(step.revision, std::move(step.events));
  parts_.board->Folded(step.revision, chain_.head_version());
  parts_.waiters->Folded(step.revision);
}

void EtcdFollower::Cancelled(const etcdserverpb::WatchResponse& response) {
  const bool compacted = response.compact_revision() > 0;
  // The same watch would be cancelled for ever.
  if (compacted) load_ = LoadCause::kCompacted;
  LogWarning("etcd_watch_cancelled", {{"compacted", compacted}, {"why", response.cancel_reason()}});
  if (!compacted) Pause();
}

}  // namespace arkshare
