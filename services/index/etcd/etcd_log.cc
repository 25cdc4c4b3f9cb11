#include "services/index/etcd/etcd_log.h"

#include <absl/random/random.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "services/index/etcd/etcd_beat.h"
#include "services/index/etcd/etcd_client.h"
#include "services/index/etcd/etcd_follower.h"
#include "services/index/etcd/etcd_writer.h"
#include "services/index/etcd/fold_waiters.h"
#include "services/index/etcd/log_board.h"
#include "services/index/etcd/log_keys.h"
#include "services/index/etcd/pending_writes.h"

namespace arkshare {
namespace {

// How exactly limits and cuts are kept.
constexpr absl::Duration kTick = absl::Milliseconds(20);

std::string RandomReplica() {
  return absl::StrFormat("%016x", absl::Uniform<uint64_t>(absl::BitGen()));
}

// Whole seconds; etcd makes two of anything less.
absl::Duration LeaseOfReplica(absl::Duration lease) {
  return std::max(absl::Ceil(0.8 * lease, absl::Seconds(1)), absl::Seconds(2));
}

absl::Status LogStops() {
  return MakeError(Reason::kShuttingDown, "this index stops; use another one, or try again");
}

}  // namespace

absl::StatusOr<std::unique_ptr<EtcdLog>> EtcdLog::Make(const EtcdOptions& options,
                                                       absl::Duration lease, const Clock* clock) {
  auto log = std::unique_ptr<EtcdLog>(new EtcdLog(clock));
  LogBoard* board = log->board_.get();
  absl::StatusOr<std::unique_ptr<EtcdClient>> client =
      EtcdClient::Make(options, [board] { board->Answered(); });
  if (!client.ok()) return client.status();
  log->client_ = *std::move(client);
  const std::string key = absl::StrCat(kReplicaKeys, log->replica_);
  log->writer_ =
      std::make_unique<EtcdWriter>(options.prefix, log->client_.get(), board, log->writes_.get());
  log->beat_ = std::make_unique<EtcdBeat>(EtcdBeat::Parts{options.prefix, key,
                                                          LeaseOfReplica(lease), options.compact,
                                                          log->client_.get(), board, clock});
  log->follower_ = std::make_unique<EtcdFollower>(EtcdFollower::Parts{
      options.prefix, key, log->client_.get(), board, log->waiters_.get(), log->writes_.get()});
  return log;
}

EtcdLog::EtcdLog(const Clock* clock)
    : clock_(clock),
      replica_(RandomReplica()),
      board_(std::make_unique<LogBoard>(clock, absl::StrCat(kReplicaKeys, replica_))),
      waiters_(std::make_unique<FoldWaiters>()),
      writes_(std::make_unique<PendingWrites>(waiters_.get())) {}

EtcdLog::~EtcdLog() { Stop(); }

void EtcdLog::Introduce(std::string about) { beat_->Introduce(std::move(about)); }

void EtcdLog::Start(LogFold* fold) {
  MutexLock lock(&stopping_);
  if (started_ || stopped_) return;
  started_ = true;
  follower_->Start(fold);
  beat_->Start();
  writer_->Start();
  timekeeper_ = std::thread([this] { KeepTime(); });
}

void EtcdLog::Stop() {
  MutexLock lock(&stopping_);
  if (stopped_) return;
  stopped_ = true;
  // The key of this replica stays until its lease ends: its peers have that long to go elsewhere.
  board_->Stop();
  writes_->Stop(LogStops());
  waiters_->Stop(LogStops());
  if (client_ != nullptr) client_->Shutdown();
  if (!started_) return;
  timekeeper_.join();
  follower_->Join();
  beat_->Join();
  writer_->Join();
}

void EtcdLog::Commit(Write write, Done done) { writes_->Add(std::move(write), std::move(done)); }

void EtcdLog::Mark(Reached done) {
  // A transaction of the log without changes. It shares one with all others that wait.
  writes_->Add({}, [done = std::move(done)](const absl::StatusOr<Outcome>& outcome) {
    if (!outcome.ok()) return done(outcome.status());
    done(outcome->revision);
  });
}

void EtcdLog::Await(int64_t revision, absl::Duration limit, Reached done) {
  waiters_->Await(revision, clock_->Monotonic() + limit, std::move(done));
}

std::string EtcdLog::birth() const { return board_->birth(); }

int64_t EtcdLog::founded() const { return board_->founded(); }

SharedLog::State EtcdLog::state() const { return board_->state(); }

int64_t EtcdLog::applied() const { return waiters_->folded(); }

absl::Duration EtcdLog::behind() const { return board_->behind(); }

size_t EtcdLog::queued_bytes() const { return writes_->queued_bytes(); }

void EtcdLog::AwaitRoom(std::function<void()> go) { writes_->AwaitRoom(std::move(go)); }

LogMetrics EtcdLog::metrics() const {
  LogMetrics metrics = board_->metrics();
  metrics.applied = waiters_->folded();
  metrics.queued_bytes = writes_->queued_bytes();
  return metrics;
}

void EtcdLog::KeepTime() {
  while (board_->Sleep(kTick)) {
    const uint64_t epoch = writes_->epoch();
    switch (board_->Tick()) {
      case Liveness::Change::kBecameLive:
        LogInfo("etcd_live", {{"replica", replica_}, {"applied", applied()}});
        writes_->Open(epoch);
        break;
      case Liveness::Change::kWasCutOff:
        LogWarning("etcd_cut_off", {{"replica", replica_}, {"applied", applied()}});
        writes_->Close(StoreUnreachable());
        break;
      case Liveness::Change::kNone:
        break;
    }
    if (const std::optional<size_t> endpoint = board_->EndOverdueWatch()) {
      LogWarning("etcd_watch_silent", {{"at", client_->name(*endpoint)}});
      client_->MoveOn(*endpoint);
    }
    waiters_->Expire(clock_->Monotonic());
    MarkForWaiters();
  }
}

void EtcdLog::MarkForWaiters() {
  const int64_t awaited = waiters_->awaited();
  if (awaited <= marked_for_) {
    if (awaited == 0) marked_for_ = 0;
    return;
  }
  // A revision may be one of another user of etcd, which no event of the log follows.
  marked_for_ = awaited;
  Mark([](const absl::StatusOr<int64_t>&) {});
}

absl::StatusOr<std::unique_ptr<SharedLog>> MakeEtcdLog(const EtcdOptions& options,
                                                       absl::Duration lease, const Clock* clock) {
  return EtcdLog::Make(options, lease, clock);
}

}  // namespace arkshare
