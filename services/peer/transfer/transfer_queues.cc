#include "services/peer/transfer/transfer_queues.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/core/limits.h"

namespace arkshare {
namespace {

// With two streams, one is full while the other begins or ends.
constexpr int kStreamsPerSource = 2;
constexpr size_t kMaxInStream = 128;
constexpr int kMaxLarge = 8;
constexpr size_t kMaxReceived = 256;
// A received book waits for others that come soon, to share one sync with them: until 64 wait, or
// for 20 ms, and only while small books are on their way.
constexpr size_t kEnoughReceived = 64;
constexpr absl::Duration kMaxGatherTime = absl::Milliseconds(20);
constexpr absl::Duration kMaxDelay = absl::Seconds(10);

bool IsLarge(const TransferRecord& record) { return record.content.size > kMaxSmallBookBytes; }

// Whether the source still has to answer. A ticket, and a refusal that made the transfer a copy,
// count also while a full disk delays them.
bool WaitsForSource(const TransferRecord& record) {
  return record.state == TransferRecord::State::kPrepared && record.move && !record.ticket;
}

Batch TakeFront(std::deque<TransferPtr>& from, size_t most) {
  const auto end = from.begin() + static_cast<ptrdiff_t>(std::min(most, from.size()));
  Batch taken(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
  from.erase(from.begin(), end);
  for (const TransferPtr& transfer : taken) transfer->schedule.fetching = true;
  return taken;
}

}  // namespace

void TransferQueues::Enter(const TransferPtr& transfer, absl::Time now) {
  const TransferRecord& record = transfer->record;
  transfer->schedule.parked = false;
  switch (record.state) {
    case TransferRecord::State::kIntent:
      transfer->received ? EnterReceived(transfer, now) : EnterToFetch(transfer);
      return;
    case TransferRecord::State::kPrepared:
      if (WaitsForSource(record)) {
        lanes_.Add({Step::kRelease, record.source}, transfer);
      } else {
        lanes_.Add({Step::kOwn}, transfer);
      }
      break;
    case TransferRecord::State::kOwned:
      if (transfer->to_admit) {
        lanes_.Add({Step::kOwn}, transfer);
      } else {
        lanes_.Add({Step::kReport, record.move ? record.source : PublicKey()}, transfer);
      }
      break;
    case TransferRecord::State::kDone:
    case TransferRecord::State::kDropped:
      return;
  }
  wake_.settler = true;
}

void TransferQueues::EnterToFetch(const TransferPtr& transfer) {
  if (IsLarge(transfer->record)) {
    large_.push_back(transfer);
  } else {
    ++small_open_;
    // Without known holders it cannot share a stream: its fetch asks the index for holders.
    (transfer->holders.empty() ? small_ : small_of_[transfer->record.source].waiting)
        .push_back(transfer);
  }
  WakeFetchers(1);
}

void TransferQueues::EnterReceived(const TransferPtr& transfer, absl::Time now) {
  if (received_.empty()) received_since_ = now;
  received_.push_back(transfer);
  // Between the first and the last, the thread that waits for `received_since_` sees to them.
  if (received_.size() == 1 || EnoughReceived(received_since_)) wake_.settler = true;
}

void TransferQueues::Postpone(const TransferPtr& transfer, absl::Time now) {
  const bool hurry = transfer->keep && WaitsForSource(transfer->record);
  absl::Duration& delay = transfer->schedule.delay;
  delayed_.emplace(hurry ? now : now + delay, transfer);
  delay = std::min(delay * 2, kMaxDelay);
  wake_.settler = true;
}

std::multimap<absl::Time, TransferPtr>::iterator TransferQueues::FindDelayed(
    const TransferPtr& transfer) {
  return std::find_if(delayed_.begin(), delayed_.end(),
                      [&](const auto& entry) { return entry.second == transfer; });
}

bool TransferQueues::Withdraw(const TransferPtr& transfer) {
  Transfer::Schedule& schedule = transfer->schedule;
  if (schedule.fetching || schedule.withdrawn) return false;
  if (const auto delayed = FindDelayed(transfer); delayed != delayed_.end()) {
    if (transfer->record.state != TransferRecord::State::kIntent) return false;
    delayed_.erase(delayed);
  } else if (!schedule.parked && std::erase(large_, transfer) == 0 &&
             std::erase(received_, transfer) == 0 && !EraseSmall(transfer)) {
    return false;  // it is being prepared
  }
  schedule.withdrawn = true;
  return true;
}

bool TransferQueues::EraseSmall(const TransferPtr& transfer) {
  bool found = std::erase(small_, transfer) > 0;
  for (auto from = small_of_.begin(); !found && from != small_of_.end(); ++from) {
    found = std::erase(from->second.waiting, transfer) > 0;
    if (!found || !from->second.waiting.empty() || from->second.streams > 0) continue;
    small_of_.erase(from);
    break;
  }
  small_open_ -= found ? 1 : 0;
  return found;
}

void TransferQueues::Resume(const TransferPtr& transfer, absl::Time now) {
  Transfer::Schedule& schedule = transfer->schedule;
  if (schedule.withdrawn) return;
  if (schedule.fetching) {
    schedule.resume = true;
    return;
  }
  transfer->try_until = absl::InfinitePast();
  if (!schedule.parked) return;  // its time has come already
  if (const auto delayed = FindDelayed(transfer); delayed != delayed_.end()) {
    delayed_.erase(delayed);
  }
  Enter(transfer, now);
}

void TransferQueues::Hurry(const TransferPtr& transfer, absl::Time now) {
  const auto delayed = FindDelayed(transfer);
  if (delayed == delayed_.end()) return;
  auto node = delayed_.extract(delayed);
  node.key() = now;
  delayed_.insert(std::move(node));
  wake_.settler = true;
}

void TransferQueues::EndDelays(absl::Time now) { EnterDue(absl::InfiniteFuture(), now); }

void TransferQueues::EnterDue(absl::Time until, absl::Time now) {
  while (!delayed_.empty() && delayed_.begin()->first <= until) {
    Enter(delayed_.begin()->second, now);
    delayed_.erase(delayed_.begin());
  }
}

std::optional<FetchTask> TransferQueues::TakeToFetch() {
  if (full()) return std::nullopt;
  if (!large_.empty() && large_running_ < kMaxLarge) {
    ++large_running_;
    return FetchTask{FetchTask::Kind::kLarge, {}, TakeFront(large_, 1)};
  }
  if (!small_.empty()) return FetchTask{FetchTask::Kind::kSmall, {}, TakeFront(small_, 1)};
  for (auto& [source, from] : small_of_) {
    if (from.waiting.empty() || from.streams >= kStreamsPerSource) continue;
    ++from.streams;
    return FetchTask{FetchTask::Kind::kSmallOfSource, source,
                     TakeFront(from.waiting, kMaxInStream)};
  }
  return std::nullopt;
}

void TransferQueues::BookReceived(const TransferPtr& transfer, absl::Time now) {
  EndFetching(*transfer);
  Enter(transfer, now);
}

void TransferQueues::FetchDone(const FetchTask& task, const Outcome& outcome, absl::Time now) {
  Batch resumed;
  for (const TransferPtr& transfer : task.transfers) {
    Transfer::Schedule& schedule = transfer->schedule;
    if (!schedule.fetching) continue;  // handed on by BookReceived
    EndFetching(*transfer);
    schedule.parked = transfer->interrupted;
    // One that is to end, and whose worker did not know that yet, enters so that the next one ends
    // it.
    if (std::exchange(schedule.resume, false) || transfer->end != nullptr) {
      // As if the owner had asked a moment later.
      transfer->try_until = absl::InfinitePast();
      resumed.push_back(transfer);
    }
  }
  if (task.kind == FetchTask::Kind::kSmallOfSource) EndStream(task.source);
  const auto is_resumed = [&](const TransferPtr& transfer) {
    return std::find(resumed.begin(), resumed.end(), transfer) != resumed.end();
  };
  for (const TransferPtr& transfer : outcome.go_on) {
    if (!is_resumed(transfer)) Enter(transfer, now);
  }
  for (const TransferPtr& transfer : outcome.later) {
    if (!is_resumed(transfer)) Postpone(transfer, now);
  }
  for (const TransferPtr& transfer : resumed) Enter(transfer, now);
  // Received books may have waited for one that does not come.
  if (outcome.go_on.empty() && !received_.empty()) wake_.settler = true;
}

void TransferQueues::EndFetching(Transfer& transfer) {
  transfer.schedule.fetching = false;
  if (IsLarge(transfer.record)) {
    --large_running_;
  } else {
    --small_open_;
  }
}

void TransferQueues::EndStream(const PublicKey& source) {
  const auto from = small_of_.find(source);
  --from->second.streams;
  if (!from->second.waiting.empty()) {
    WakeFetchers(1);
  } else if (from->second.streams == 0) {
    small_of_.erase(from);
  }
}

bool TransferQueues::EnoughReceived(absl::Time now) const {
  return received_.size() >= kEnoughReceived || now - received_since_ >= kMaxGatherTime ||
         small_open_ == 0;
}

void TransferQueues::PrepareReceived(absl::Time now) {
  if (received_.empty() || !EnoughReceived(now)) return;
  for (TransferPtr& transfer : received_) lanes_.Add({Step::kPrepare}, std::move(transfer));
  received_.clear();
}

std::optional<TransferQueues::Round> TransferQueues::TakeToSettle(absl::Time now) {
  EnterDue(now, now);
  PrepareReceived(now);
  const bool was_full = full();
  std::optional<Round> round = lanes_.Take(kMaxItems);
  if (round && was_full) WakeFetchers(Wake::kAll);
  // Another thread sees to the other lanes, and to the next time. Without a round the caller does.
  wake_.settler = round && (!delayed_.empty() || !received_.empty() || lanes_.ready());
  return round;
}

void TransferQueues::SettleDone(const Round& round, const Outcome& outcome, absl::Time now) {
  for (const TransferPtr& transfer : outcome.go_on) Enter(transfer, now);
  for (const TransferPtr& transfer : outcome.later) Postpone(transfer, now);
  lanes_.Done(round.lane);
}

std::optional<absl::Time> TransferQueues::NextTime() const {
  std::optional<absl::Time> next;
  if (!received_.empty()) next = received_since_ + kMaxGatherTime;
  if (!delayed_.empty() && (!next || delayed_.begin()->first < *next)) {
    next = delayed_.begin()->first;
  }
  return next;
}

bool TransferQueues::full() const {
  return received_.size() + lanes_.waiting({Step::kPrepare}) >= kMaxReceived;
}

TransferQueues::Wake TransferQueues::TakeWake() { return std::exchange(wake_, {}); }

void TransferQueues::WakeFetchers(size_t fetchers) {
  wake_.fetchers = fetchers > Wake::kAll - wake_.fetchers ? Wake::kAll : wake_.fetchers + fetchers;
}

}  // namespace arkshare
