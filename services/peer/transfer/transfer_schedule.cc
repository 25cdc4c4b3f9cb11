// Which thread does what for which transfer, and when.

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/core/log.h"
#include "services/peer/transfer/transfer.h"
#include "services/peer/transfer/transfers.h"

namespace arkshare {
namespace {

// Small books cost round trips, not bytes: 32 of 64 KiB fill a line of 100 Mbit/s with 40 ms.
constexpr int kFetchThreads = 32;
// Two streams, so that one is full while the other begins and ends.
constexpr int kStreamsPerSource = 2;
constexpr size_t kMostInStream = 128;
constexpr int kMostLarge = 8;
// One for each step on our own disk, besides those that may wait for other programs.
constexpr int kSettleThreads = 8 + 2;
// Received files that wait to be made durable are open.
constexpr size_t kMostReceived = 256;
// A small book waits for the next ones of many to share a sync with them: for so many, or so long,
// and only while any are on their way.
constexpr size_t kEnoughReceived = 64;
constexpr absl::Duration kLongestCompany = absl::Milliseconds(20);
constexpr absl::Duration kLongestRetry = absl::Seconds(10);

bool IsLarge(const TransferRecord& record) { return record.content.size > kMaxSmallBookBytes; }

template <typename T>
std::vector<T> TakeFront(std::deque<T>& from, size_t most) {
  const auto end = from.begin() + static_cast<ptrdiff_t>(std::min(most, from.size()));
  std::vector<T> taken(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
  from.erase(from.begin(), end);
  return taken;
}

}  // namespace

void Transfers::Start() {
  for (int i = 0; i < kFetchThreads; ++i) threads_.emplace_back([this] { FetchLoop(); });
  for (int i = 0; i < kSettleThreads; ++i) threads_.emplace_back([this] { SettleLoop(); });
}

void Transfers::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
    fetch_ready_.NotifyAll();
    settle_ready_.NotifyAll();
    for (const TransferPtr& transfer : in_order_) {
      for (const auto& group : transfer->groups) group->all_ended.NotifyAll();
    }
  }
  parts_.fetcher->Stop();
  parts_.small_fetcher->Stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  // A transfer and its group hold each other until it has ended.
  MutexLock lock(&mutex_);
  for (const TransferPtr& transfer : in_order_) transfer->groups.clear();
}

void Transfers::RetryNow() {
  MutexLock lock(&mutex_);
  EnterDue(absl::InfiniteFuture());
}

void Transfers::Pass(absl::Span<const TransferPtr> transfers) {
  MutexLock lock(&mutex_);
  for (const TransferPtr& transfer : transfers) Enter(transfer);
}

void Transfers::Enter(const TransferPtr& transfer) {
  const TransferRecord& record = transfer->record;
  transfer->parked = false;
  switch (record.state) {
    case TransferRecord::State::kIntent:
      if (!transfer->received) {
        if (IsLarge(record)) {
          large_.push_back(transfer);
        } else {
          ++small_open_;
          // Whose holders are not known any more goes the long way, which asks for others.
          (transfer->holders.empty() ? small_ : small_from_[record.source].waiting)
              .push_back(transfer);
        }
        fetch_ready_.NotifyOne();
        return;
      }
      if (received_.empty()) received_since_ = parts_.clock->Monotonic();
      received_.push_back(transfer);
      // In between nobody need wake: whoever waits for `received_since_` sees to them.
      if (received_.size() > 1 && !EnoughReceived(received_since_)) return;
      break;
    case TransferRecord::State::kPrepared:
      // A ticket, and a refusal that made it a copy, stand also when a full disk delays them.
      if (record.move && !record.ticket) {
        lanes_.Add({Lanes::Step::kTakeOver, record.source}, transfer);
      } else {
        lanes_.Add({Lanes::Step::kOwn}, transfer);
      }
      break;
    case TransferRecord::State::kOwned:
      if (transfer->to_admit) {
        lanes_.Add({Lanes::Step::kOwn}, transfer);
      } else {
        lanes_.Add({Lanes::Step::kTell, record.move ? record.source : PublicKey()}, transfer);
      }
      break;
    case TransferRecord::State::kDone:
    case TransferRecord::State::kDropped:
      return;
  }
  settle_ready_.NotifyOne();
}

void Transfers::Postpone(const TransferPtr& transfer) {
  MutexLock lock(&mutex_);
  PostponeLocked(transfer);
}

void Transfers::PostponeLocked(const TransferPtr& transfer) {
  // Only what still waits for its source is in a hurry to be kept; a ticket may have come
  // meanwhile.
  const TransferRecord& record = transfer->record;
  const bool waits =
      record.state == TransferRecord::State::kPrepared && record.move && !record.ticket;
  const absl::Duration delay = transfer->keep && waits ? absl::ZeroDuration() : transfer->retry;
  queue_.emplace(parts_.clock->Monotonic() + delay, transfer);
  transfer->retry = std::min(transfer->retry * 2, kLongestRetry);
  settle_ready_.NotifyOne();
}

void Transfers::EnterDue(absl::Time now) {
  while (!queue_.empty() && queue_.begin()->first <= now) {
    Enter(queue_.begin()->second);
    queue_.erase(queue_.begin());
  }
}

bool Transfers::EnoughReceived(absl::Time now) const {
  return received_.size() >= kEnoughReceived || now - received_since_ >= kLongestCompany ||
         small_open_ == 0;
}

std::optional<absl::Time> Transfers::EnterReceived(absl::Time now) {
  if (received_.empty()) return std::nullopt;
  if (!EnoughReceived(now)) return received_since_ + kLongestCompany;
  for (TransferPtr& transfer : received_) {
    lanes_.Add({Lanes::Step::kPrepare}, std::move(transfer));
  }
  received_.clear();
  return std::nullopt;
}

bool Transfers::FullOfReceived() const {
  return received_.size() + lanes_.waiting({Lanes::Step::kPrepare}) >= kMostReceived;
}

Transfers::Together Transfers::TakeToFetch() {
  if (FullOfReceived()) return {};
  if (!large_.empty() && large_running_ < kMostLarge) {
    ++large_running_;
    return TakeFront(large_, 1);
  }
  if (!small_.empty()) return TakeFront(small_, 1);
  for (auto& [source, from] : small_from_) {
    if (from.waiting.empty() || from.streams >= kStreamsPerSource) continue;
    ++from.streams;
    return TakeFront(from.waiting, kMostInStream);
  }
  return {};
}

void Transfers::FetchLoop() {
  while (true) {
    Together transfers;
    {
      MutexLock lock(&mutex_);
      while (!stopping_ && (transfers = TakeToFetch()).empty()) fetch_ready_.Wait(&mutex_);
      if (stopping_) return;
    }
    if (transfers.size() > 1) {
      FetchTogether(transfers);
    } else {
      FetchOne(transfers[0]);
    }
  }
}

void Transfers::FetchOne(const TransferPtr& transfer) {
  const bool from_source = !transfer->holders.empty() && !IsLarge(transfer->record);
  const PublicKey source = transfer->record.source;
  {
    MutexLock lock(&mutex_);
    transfer->receiving = true;
  }
  const Next next = Receive(*transfer);
  MutexLock lock(&mutex_);
  transfer->receiving = false;
  if (IsLarge(transfer->record)) {
    --large_running_;
  } else {
    --small_open_;
  }
  if (from_source) EndStream(source);
  const bool again = std::exchange(transfer->again, false);
  if (again) transfer->try_until = absl::InfinitePast();  // as for whoever asks a moment later
  if (next == Next::kGoOn || again) {
    Enter(transfer);
  } else {
    transfer->parked = transfer->interrupted;
    if (next == Next::kLater) PostponeLocked(transfer);
  }
  // Those that wait for its company wait in vain.
  if (next != Next::kGoOn && !received_.empty()) settle_ready_.NotifyOne();
}

void Transfers::EndStream(const PublicKey& source) {
  const auto from = small_from_.find(source);
  --from->second.streams;
  if (!from->second.waiting.empty()) {
    fetch_ready_.NotifyOne();
  } else if (from->second.streams == 0) {
    small_from_.erase(from);
  }
}

// What does not come this way is left for the long one, which knows other holders and says why not.
void Transfers::FetchTogether(const Together& transfers) {
  std::vector<ContentId> contents;
  for (const TransferPtr& transfer : transfers) contents.push_back(transfer->record.content);
  const PublicKey source = transfers[0]->record.source;
  std::vector<bool> came(transfers.size());
  bool queued = false;
  const auto show = [&](std::optional<QueuePlace> place) {
    for (size_t i = 0; i < transfers.size(); ++i) {
      if (!came[i]) Progress(*transfers[i], 0, place);
    }
    queued = place.has_value();
  };
  const absl::Status fetched =
      parts_.small_fetcher->Fetch({.address = transfers[0]->holders[0].address,
                                   .contents = contents,
                                   .on_book =
                                       [&](size_t index, const std::string& bytes) {
                                         if (queued) show(std::nullopt);
                                         if (came[index]) return true;
                                         if (!ReceiveSmall(*transfers[index], bytes)) return false;
                                         came[index] = true;
                                         MutexLock lock(&mutex_);
                                         --small_open_;
                                         Enter(transfers[index]);
                                         while (!stopping_ && FullOfReceived())
                                           fetch_ready_.Wait(&mutex_);
                                         return !stopping_;
                                       },
                                   .on_queued = show});
  if (!fetched.ok()) {
    LogInfo("stream_of_small_books_ended", {{"source", source}, {"why", fetched}});
  }
  Together postponed;
  {
    MutexLock lock(&mutex_);
    EndStream(source);
    if (stopping_) return;
    for (size_t i = 0; i < transfers.size(); ++i) {
      if (came[i]) continue;
      --small_open_;
      if (GetReason(fetched) == Reason::kQueueFull) {
        postponed.push_back(transfers[i]);
        continue;
      }
      transfers[i]->holders.clear();
      Enter(transfers[i]);
    }
    if (!received_.empty()) settle_ready_.NotifyOne();
  }
  for (const TransferPtr& transfer : postponed) Postpone(transfer);
}

void Transfers::SettleLoop() {
  while (true) {
    std::optional<Lanes::Round> round;
    {
      MutexLock lock(&mutex_);
      while (true) {
        if (stopping_) return;
        const absl::Time now = parts_.clock->Monotonic();
        EnterDue(now);
        std::optional<absl::Time> next = EnterReceived(now);
        if (!queue_.empty() && (!next || queue_.begin()->first < *next)) {
          next = queue_.begin()->first;
        }
        const bool was_full = FullOfReceived();
        if ((round = lanes_.Take(kMaxItems))) {
          if (was_full) fetch_ready_.NotifyAll();
          break;
        }
        if (next) {
          settle_ready_.WaitFor(&mutex_, *next - now);
        } else {
          settle_ready_.Wait(&mutex_);
        }
      }
      // Somebody else has to see to the other lanes, and to the next time.
      if (!queue_.empty() || !received_.empty() || lanes_.ready()) settle_ready_.NotifyOne();
    }
    Settle(round->lane, round->items);
    MutexLock lock(&mutex_);
    lanes_.Done(round->lane);
  }
}

}  // namespace arkshare
