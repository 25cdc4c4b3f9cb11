#include "services/index/etcd/etcd_writer.h"

#include <absl/random/random.h>

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "services/index/etcd/log_transaction.h"

namespace arkshare {
namespace {

constexpr absl::Duration kFirstTimeout = absl::Seconds(1);
constexpr absl::Duration kTimeoutOfElections = absl::Milliseconds(500);
constexpr int kTriesOfElections = 4;
constexpr absl::Duration kLastTimeout = absl::Seconds(4);

absl::Status StoreFull() {
  return MakeError(
      Reason::kStoreFull,
      "the etcd of this index has no room; raise its quota, or compact and defragment it", {},
      absl::Seconds(10));
}

}  // namespace

absl::Duration TimeoutOfTry(int tries) {
  if (tries == 0) return kFirstTimeout;
  if (tries <= kTriesOfElections) return kTimeoutOfElections;
  absl::Duration timeout = kTimeoutOfElections;
  for (int i = kTriesOfElections; i < tries && timeout < kLastTimeout; ++i) timeout *= 2;
  return std::min(timeout, kLastTimeout);
}

void EtcdWriter::Start() {
  for (size_t i = 0; i < TransactionBatcher::kMaxUnderWay; ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

void EtcdWriter::Join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void EtcdWriter::Run() {
  while (const std::optional<PendingWrites::Batch> batch = writes_->AwaitBatch()) Send(*batch);
}

void EtcdWriter::Send(const PendingWrites::Batch& batch) {
  // In this order: a batch of the log of another birth is not wanted any more.
  const std::string birth = board_->birth();
  const etcdserverpb::TxnRequest request = MakeTransaction(prefix_, birth, batch);
  int tries = 0;  // that had no outcome
  absl::BitGen gen;
  while (writes_->IsWanted(batch)) {
    const int64_t folded = board_->folded();
    const auto answer = client_->Txn(request, TimeoutOfTry(tries));
    absl::Duration pause = client_->Pause();
    switch (answer.fault) {
      case EtcdFault::kNone:
        return Decided(batch, birth, folded, answer.response);
      case EtcdFault::kNoSpace:
        return writes_->Failed(batch, StoreFull());
      case EtcdFault::kBadRequest:
      case EtcdFault::kLeaseGone:
      case EtcdFault::kCompacted:
      case EtcdFault::kFutureRevision:
        LogError("etcd_bad_request", {{"fault", FaultName(answer.fault)}, {"why", answer.message}});
        return writes_->Failed(
            batch, MakeError(Reason::kInternal, "etcd refuses a write of this index; see its log"));
      case EtcdFault::kTooManyRequests:
        pause = absl::Milliseconds(absl::Uniform(gen, 50, 500));
        break;
      case EtcdFault::kForbidden:
        LogError("etcd_forbids", {{"why", answer.message}});
        pause = absl::Seconds(1);
        break;
      case EtcdFault::kUnknownOutcome:
        ++tries;
        break;
    }
    board_->CountSentAgain();
    if (!board_->Sleep(pause)) break;
  }
  writes_->Failed(batch, StoreUnreachable());
}

void EtcdWriter::Decided(const PendingWrites::Batch& batch, const std::string& birth,
                         int64_t folded, const etcdserverpb::TxnResponse& response) {
  const bool older = response.header().revision() < folded;
  if (response.succeeded() && !older) {
    board_->CountMade();
    board_->Committed(response.header().revision(), folded);
    writes_->Made(batch, response.header().revision());
    return;
  }
  const std::optional<NotMadeBecause> because =
      response.succeeded() ? std::nullopt : ReadNotMade(birth, batch, response);
  if (because.has_value() && !because->other_birth && !older) {
    writes_->NotMade(batch, because->outcomes);
    return;
  }
  // The log is another one, or older than what was folded: the follower has to look.
  board_->EndWatch();
  writes_->Failed(batch, StoreUnreachable());
}

}  // namespace arkshare
