// The receiver's half: gets books, takes them over, and ends what was begun, also after a restart.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFERS_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFERS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/disk/partial_books.h"
#include "services/peer/fetch/fetcher.h"
#include "services/peer/fetch/holders.h"
#include "services/peer/fetch/small_fetcher.h"
#include "services/peer/library/library.h"
#include "services/peer/session/index_client.h"
#include "services/peer/transfer/fetch_wish.h"
#include "services/peer/transfer/source_chooser.h"
#include "services/peer/transfer/transfer_lanes.h"

namespace arkshare {

class SourceCalls;

struct Transfer;
struct TransferGroup;
using TransferPtr = std::shared_ptr<Transfer>;
using Batch = std::vector<TransferPtr>;

// A transfer, as it looks from outside.
struct TransferView {
  enum class State { kQueued, kFetching, kHandingOver, kDone, kFailed };

  TransferRecord record;
  State state = State::kFetching;
  uint64_t bytes_done = 0;
  uint64_t bytes_per_second = 0;
  int queue_position = 0;
  std::optional<absl::Duration> estimated_wait{};  // while queued
  uint32_t from_peer_id = 0;
  std::map<uint32_t, uint64_t> brought{};  // verified bytes, by the number of the peer
  std::string message{};                   // of its end, for people
  absl::Status error{};                    // when failed
  absl::Time start{}, end{};
};

// Fetching threads take what is to be received, one transfer each; settling threads do the rest,
// one lane (transfer_lanes.h) at a time and everything that waits in it together. A transfer that
// cannot go on now, because its source or the index is away, waits for its time. The order of one
// transfer, and what is durable when:
//   INTENT     recorded; fetch and verify into staging           a restart goes on with it, unless
//                                                                the book is of one piece
//   PREPARED   after fsync of the file and of staging            from here on it is never given up
//   (Release)  the source decides; a ticket, or a final refusal
//   OWNED      recorded with its new listing; then renamed into the library, folders fsynced,
//   served (UpdateOwner, Confirm)  repeated until they are answered DONE
// A copy is not recorded as PREPARED: nobody else decides about it, so OWNED says it all.
// Thread-safe.
class Transfers {
 public:
  struct Parts {  // all must outlive it
    const SharedFolder* folder;
    Ledger* ledger;
    HashCache* cache;
    Library* library;
    Holders* holders;
    Fetcher* fetcher;
    SmallFetcher* small_fetcher;
    IndexClient* index;
    PartialBooks* partials;
    const Clock* clock;
  };

  Transfers(Parts parts, PrivateKey key);
  ~Transfers();

  // Ends what a crash interrupted on the disk. Call once, before the library is loaded.
  absl::Status Recover();
  // Starts the workers, with what is still open.
  void Start();
  // Leaves open transfers for the next run.
  void Stop();
  // The index can be told things again.
  void RetryNow();

  // Finds a source and begins; the transfer goes on by itself. Blocks for the search. For the
  // errors see PeerService.Fetch.
  absl::StatusOr<TransferId> Begin(const FetchWish& wish);
  // The owner's word: this received book is a copy, since its source does not answer. Taken up when
  // a call to the source that is under way has ended; Await tells of the end. See
  // PeerService.KeepTransfer. kTransferUnknown, kTransferNotWaiting.
  absl::Status Keep(const TransferId& id);
  // The same for many, together; each for itself fails or begins.
  using Group = TransferGroup;
  std::shared_ptr<Group> BeginMany(absl::Span<const FetchWish> wishes);
  // What changed since the last call; of a wish that never began, its error, once. Waits for
  // `wait`, or until all have ended. One caller a group at a time.
  struct GroupUpdate {
    size_t index = 0;  // of the wish
    absl::StatusOr<TransferView> view;
  };
  struct GroupUpdates {
    std::vector<GroupUpdate> updates;
    bool all_ended = false;
  };
  GroupUpdates AwaitMany(Group& group, absl::Duration wait);
  // Waits until something changes (by `version`, 0 at first) or `wait` has passed.
  // kTransferUnknown.
  struct Update {
    TransferView view;
    uint64_t version = 0;
  };
  absl::StatusOr<Update> Await(const TransferId& id, uint64_t version, absl::Duration wait);
  bool stopping();
  // Newest first, at most 1,000.
  std::vector<TransferView> List();

 private:
  using Lanes = TransferLanes<TransferPtr>;
  using Together = Batch;
  // What to do with a transfer after a step.
  enum class Next { kGoOn, kLater, kEnd };

  // For each wish the transfer that brings this book already, or was interrupted while it did; not
  // one that another wish of the group has begun.
  std::vector<TransferPtr> Rejoin(absl::Span<const FetchWish> wishes,
                                  const std::shared_ptr<Group>& group);
  // What was interrupted goes on at once.
  void GoOn(const TransferPtr& transfer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  using Choice = SourceChooser::Choice;
  using Sources = SourceChooser::SourceCache;

  // services/peer/transfer/transfers.cc: how they begin, are looked at, and receive.
  void BeginSome(absl::Span<const FetchWish> wishes, Sources& sources,
                 const std::shared_ptr<Group>& group);
  absl::Status Reserve(const Choice& choice);
  absl::Status RecordIntents(absl::Span<const TransferRecord> records);
  void Remember(const TransferPtr& transfer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Next Receive(Transfer& transfer);
  bool CanGoOn(const TransferRecord& record) const;
  Next Park(Transfer& transfer, const absl::Status& why);
  void Offer(Transfer& transfer, int fd);
  void EndOffer(Transfer& transfer);
  // The bytes of a small book, verified; false when they cannot be written.
  bool ReceiveSmall(Transfer& transfer, const std::string& bytes);
  Next Drop(Transfer& transfer, const absl::Status& why);
  void Change(Transfer& transfer, const std::function<void(TransferView&)>& change);
  void Progress(Transfer& transfer, uint64_t bytes, std::optional<QueuePlace> place);

  // services/peer/transfer/transfer_schedule.cc: who does what when.
  void FetchLoop();
  void SettleLoop();
  // They go on at once, with the step that their state calls for.
  void Pass(absl::Span<const TransferPtr> transfers);
  void Enter(const TransferPtr& transfer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Together TakeToFetch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool FullOfReceived() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FetchOne(const TransferPtr& transfer);
  void FetchTogether(const Together& transfers);
  void EndStream(const PublicKey& source) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // It goes on later, each time later than the last.
  void Postpone(const TransferPtr& transfer) ABSL_LOCKS_EXCLUDED(mutex_);
  void PostponeLocked(const TransferPtr& transfer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EnterDue(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool EnoughReceived(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // When they must go on, if not now.
  std::optional<absl::Time> EnterReceived(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // services/peer/transfer/transfer_settle.cc: the steps that are taken together.
  void Settle(const Lanes::Lane& lane, const Together& transfers);
  void Prepare(const Together& transfers);
  void TakeOver(const Together& transfers);
  bool TakeUpKeep(Transfer& transfer);
  Next TakeAnswer(Transfer& transfer, absl::StatusOr<MoveTicket> ticket);
  void Own(const Together& transfers);
  Together RecordOwned(const Together& transfers);
  void Tell(const Together& transfers);
  absl::Status TellIndex(const Together& transfers);
  absl::StatusOr<FileStat> FindStaged(const TransferRecord& record) const;
  absl::Status Admit(TransferRecord& record, ListingRecord& listing);

  const Parts parts_;
  const std::unique_ptr<SourceCalls> calls_;
  SourceChooser chooser_;

  Mutex mutex_;
  CondVar changed_;       // a view
  CondVar fetch_ready_;   // something for the fetching threads
  CondVar settle_ready_;  // something for the settling threads, or another time to wait for
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<TransferId, TransferPtr> by_id_ ABSL_GUARDED_BY(mutex_);
  std::deque<TransferPtr> in_order_ ABSL_GUARDED_BY(mutex_);  // oldest first
  std::multimap<absl::Time, TransferPtr> queue_ ABSL_GUARDED_BY(mutex_);
  // To be received. Of more than one piece, only some at a time: they hold more memory.
  std::deque<TransferPtr> large_ ABSL_GUARDED_BY(mutex_), small_ ABSL_GUARDED_BY(mutex_);
  // Small ones whose source was chosen a moment ago: many in one stream from it.
  struct FromSource {
    std::deque<TransferPtr> waiting;
    int streams = 0;
  };
  std::map<PublicKey, FromSource> small_from_ ABSL_GUARDED_BY(mutex_);
  int large_running_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t small_open_ ABSL_GUARDED_BY(mutex_) = 0;  // small ones that wait or are being received
  // Received, and waiting for company; the first one since then.
  std::vector<TransferPtr> received_ ABSL_GUARDED_BY(mutex_);
  absl::Time received_since_ ABSL_GUARDED_BY(mutex_);
  Lanes lanes_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFERS_H_
