// The owner's view of transfers.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_BOARD_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_BOARD_H_

#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/bell.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/transfer/brought.h"
#include "services/peer/transfer/fetch_wish.h"
#include "services/peer/transfer/transfer.h"

namespace arkshare {

// A transfer as its owner sees it.
struct TransferView {
  enum class State { kQueued, kFetching, kHandingOver, kDone, kFailed };

  TransferRecord record;
  State state = State::kFetching;
  uint64_t bytes_done = 0;
  uint64_t bytes_per_second = 0;
  int queue_position = 0;
  std::optional<absl::Duration> estimated_wait{};  // while queued
  uint32_t from_peer_id = 0;                       // 0 after a restart: not known
  BroughtByPeer brought{};
  std::string message{};  // for people
  // The book is here, and can enter the folder at no place that this peer knows. An Update that
  // does not set it clears it.
  bool waits_for_place = false;
  absl::Status error{};  // when failed
  absl::Time start{}, end{};
};

// Keeps the view of each transfer, and lets callers wait for changes. Remembers 1,000 transfers and
// those that are open. Never calls out with its lock held. Thread-safe.
class TransferBoard {
 public:
  class Group;
  using GroupPtr = std::shared_ptr<Group>;

  // Rings `bell`, unless it is nullptr, when a view has changed. Both must outlive it.
  explicit TransferBoard(const Clock* clock, Bell* bell = nullptr) : clock_(clock), bell_(bell) {}

  // --- For the workers ---
  // Shows a transfer that has begun or goes on after a restart, and sets the view's start. With a
  // group, the transfer answers the wish with the number `wish` there.
  void Add(const TransferPtr& transfer, TransferView view, const GroupPtr& group = nullptr,
           size_t wish = 0);
  // Shows the transfer's record, then what `change` makes of the rest. `change` must not call back.
  void Update(const Transfer& transfer, absl::FunctionRef<void(TransferView&)> change);
  // Shows the transfer as failed.
  void Fail(const Transfer& transfer, const absl::Status& why);

  // --- For the owner's calls ---
  // Makes a group for this many wishes; each is answered by Add, Join or Refuse.
  static GroupPtr NewGroup(size_t wishes);
  // Finds a transfer that is being received, or was interrupted, for each wish and adds it to the
  // group. One transfer answers one wish of a group. `first` is the number of wishes[0] there.
  struct Joined {
    std::vector<size_t> others;  // the wishes, from 0, that no transfer answers
    Batch reopened;              // were shown as failed, and now as fetching: resume them
  };
  Joined Join(absl::Span<const FetchWish> wishes, const GroupPtr& group, size_t first);
  // Finds the interrupted downloads whose names the wishes ask for.
  struct Interrupted {
    TransferPtr transfer;
    ContentId content;
    size_t wish = 0;
  };
  std::vector<Interrupted> FindInterrupted(absl::Span<const FetchWish> wishes) const;
  // Notes that the wish never becomes a transfer.
  void Refuse(Group& group, size_t wish, const absl::Status& why);
  // Returns the transfer of a wish that was answered, or why there is none.
  absl::StatusOr<TransferId> TransferOf(const Group& group, size_t wish) const;
  // Notes that the owner wants to keep this received book as a copy; see PeerService.KeepTransfer.
  // Errors: kTransferUnknown, kTransferNotWaiting.
  absl::StatusOr<TransferPtr> AskKeep(const TransferId& id);

  // Notes that a download is to end for good, and why, in words that live as long as the program.
  // Errors: kTransferUnknown; kTransferNotEndable when the book is prepared or the transfer over.
  absl::StatusOr<TransferPtr> AskEnd(const TransferId& id, const char* why);
  // Removes a transfer that has ended for good from what List returns. Errors: kTransferUnknown;
  // kTransferNotEndable when there is still something to do for it.
  absl::Status Forget(const TransferId& id);

  // How a transfer goes on, because its owner wants it to.
  struct GoOn {
    enum class How {
      kHurry,       // it goes on by itself: end its delay
      kResume,      // was shown as failed, and now as fetching
      kBeginAgain,  // was given up
    };
    TransferPtr transfer;
    How how = How::kHurry;
  };
  // Errors: kTransferUnknown; kTransferNotWaiting when the book is here.
  absl::StatusOr<GoOn> AskGoOn(const TransferId& id);

  // Another place that the owner has chosen for a book.
  struct PlaceWish {
    TransferPtr transfer;
    BookName name;
    std::optional<absl::Status> answer{};  // the board's lock guards it
  };
  using PlaceWishPtr = std::shared_ptr<PlaceWish>;
  // Returns OK when a book waits for a place, and no other one was chosen just now. Errors:
  // kTransferUnknown, kTransferNotWaiting.
  absl::Status MayPlace(const TransferId& id) const;
  // Notes the place that the owner has chosen, whose name is reserved. Errors: those of MayPlace.
  absl::StatusOr<PlaceWishPtr> AskPlace(const TransferId& id, const BookName& name);
  // Waits for the answer of the workers, at most for `wait` of real time.
  std::optional<absl::Status> AwaitPlace(const PlaceWish& wish, absl::Duration wait) const;
  // For the workers: the place that the owner has chosen, and what has become of the wish. A
  // transfer that ends answers its wish too.
  std::optional<BookName> ChosenPlace(const Transfer& transfer) const;
  void AnswerPlace(const Transfer& transfer, const absl::Status& answer);

  // --- Looking and waiting ---
  struct Change {
    TransferView view;
    uint64_t version = 0;
  };
  // Waits until the view has another version than `version`, or for `wait`. Versions begin at 1.
  // Errors: kTransferUnknown.
  absl::StatusOr<Change> Await(const TransferId& id, uint64_t version, absl::Duration wait) const;
  struct GroupChange {
    size_t wish = 0;
    absl::StatusOr<TransferView> view;  // or why the wish never became a transfer
  };
  struct GroupChanges {
    std::vector<GroupChange> changes;
    bool all_ended = false;
  };
  // Waits until all transfers of the group have ended, or for `wait`. Returns what has changed
  // since the last call. One caller a group at a time.
  GroupChanges AwaitGroup(Group& group, absl::Duration wait) const;
  // Newest first, at most 1,000.
  std::vector<TransferView> List() const;
  struct Changes {
    std::vector<TransferView> views{};  // the latest of each, in the order in which they changed
    // The ids of all transfers that are remembered, when one was forgotten.
    std::optional<std::vector<TransferId>> remaining{};
    uint64_t mark = 0;  // for the next call
    bool more = false;  // `most` views were not enough
  };
  // Returns what has changed since an earlier call returned `mark`; 0: since the beginning. At most
  // `most` views.
  Changes ChangesSince(uint64_t mark, size_t most) const;

  // Ends all waits; later ones end at once.
  void Stop();
  bool stopped() const;

 private:
  struct Entry {
    TransferPtr transfer;
    TransferView view;
    uint64_t version = 1;
    uint64_t changed = 0;                        // changes_ after the last change of the view
    std::vector<std::weak_ptr<Group>> groups{};  // to be told of the end
    PlaceWishPtr place{};                        // without an answer
  };
  using EntryPtr = std::shared_ptr<Entry>;

  absl::StatusOr<EntryPtr> FindToPlace(const TransferId& id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Answer(Entry& entry, const absl::Status& answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Shows an interrupted download as going on.
  void Reopen(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remember(const EntryPtr& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counts a change of a view; nullptr: one was forgotten.
  void CountChange(Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;
  Bell* const bell_;
  mutable Mutex mutex_;
  mutable CondVar changed_;  // a view
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;         // of views, and forgotten ones
  uint64_t last_forgotten_ ABSL_GUARDED_BY(mutex_) = 0;  // changes_ after the last of them
  absl::flat_hash_map<TransferId, EntryPtr> by_id_ ABSL_GUARDED_BY(mutex_);
  std::deque<EntryPtr> in_order_ ABSL_GUARDED_BY(mutex_);  // oldest first
};

// The results of the wishes of one call. The board guards all of it with its lock.
class TransferBoard::Group {
 public:
  explicit Group(size_t wishes) : members_(wishes) {}

 private:
  friend class TransferBoard;
  struct Member {
    EntryPtr entry;
    absl::Status refused;  // without an entry
    uint64_t seen = 0;     // the version that AwaitGroup returned last
  };
  std::vector<Member> members_;  // in the order of the wishes
  size_t open_ = 0;              // transfers that have not ended
  CondVar all_ended_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_BOARD_H_
