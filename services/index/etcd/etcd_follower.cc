#include "services/index/etcd/etcd_follower.h"

#include <absl/random/random.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "lib/core/log.h"
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
    if (!found.has_value()) {
      if (!Pause()) return;
      continue;
    }
    if (const std::optional<LoadCause> demand = parts_.board->TakeDemand()) {
      load_ = load_.value_or(*demand);
    }
    if (load_.has_value()) Load(*found);
    if (!load_.has_value()) Watch();
  }
}

bool EtcdFollower::Pause() {
  // At least a moment: an endpoint may refuse at once.
  return parts_.board->Sleep(std::max(parts_.client->Pause(), absl::Milliseconds(10)));
}

std::optional<FoundLog> EtcdFollower::Look() {
  const KnownLog known = parts_.board->known();
  const auto answer = parts_.client->Txn(
      MakeFoundingRead(parts_.prefix, absl::StrCat(parts_.prefix, parts_.replica_key)),
      kLookTimeout);
  if (!answer.ok()) {
    if (answer.fault != EtcdFault::kUnknownOutcome) {
      LogWarning("etcd_look_failed", {{"at", parts_.client->name(answer.endpoint)},
                                      {"fault", FaultName(answer.fault)},
                                      {"why", answer.message}});
    }
    return std::nullopt;
  }
  std::optional<FoundLog> found = ReadFounding(answer.response);
  if (!found.has_value()) return std::nullopt;
  switch (JudgeFounding(known, *found)) {
    case Founding::kSame:
      if (known.birth.empty()) Begin(found->birth);
      return found;
    case Founding::kAnother:
      Begin(found->birth);
      return found;
    case Founding::kUnborn:
    case Founding::kOlder:
      Refound(*found);
      return std::nullopt;
  }
  return std::nullopt;
}

void EtcdFollower::Refound(const FoundLog& found) {
  const auto answer =
      parts_.client->Txn(MakeBirth(parts_.prefix, found, RandomBirth()), kLookTimeout);
  // In every case the next look shows which birth is there.
  if (answer.ok() && answer.response.succeeded() && !parts_.board->birth().empty()) {
    LogError("etcd_log_lost", {{"revision", found.revision},
                               {"folded", parts_.board->folded()},
                               {"had_birth", !found.birth.empty()}});
  }
}

void EtcdFollower::Begin(const std::string& birth) {
  const bool refounded = !parts_.board->birth().empty();
  load_ = refounded ? LoadCause::kRefounded : LoadCause::kStart;
  if (refounded) {
    // The writes end before the other birth is known: none of them is made under it.
    parts_.writes->Abandon(StoreUnreachable());
    parts_.waiters->Refounded(StoreUnreachable());
  }
  parts_.board->Began(birth);
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
    Pause();
    return;
  }
  // The end of the log: other users of etcd have revisions too.
  int64_t end = std::max(found.head_revision, parts_.board->folded());
  std::set<std::string> replicas;
  for (const LogEntry& entry : loaded.entries) {
    end = std::max(end, entry.revision);
    if (absl::StartsWith(entry.key, kReplicaKeys)) replicas.insert(entry.key);
  }
  LogInfo("etcd_loaded",
          {{"cause", LoadCauseName(cause)}, {"keys", loaded.entries.size()}, {"revision", end}});
  fold_->Load(end, std::move(loaded.entries));
  chain_.Begin(found.revision + 1, found.head_version, parts_.board->birth());
  load_.reset();
  parts_.board->CountLoad(cause);
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
  for (const LogEvent& event : step.events) {
    if (!absl::StartsWith(event.key, kReplicaKeys)) continue;
    if (event.value.has_value()) {
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
