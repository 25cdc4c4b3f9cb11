// The owner's view of transfers.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_BOARD_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_BOARD_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/core/bell.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/transfer/fetch_wish.h"
#include "services/peer/transfer/transfer.h"
#include "services/peer/transfer/transfer_group.h"
#include "services/peer/transfer/transfer_table.h"
#include "services/peer/transfer/transfer_view.h"

namespace arkshare {

// Another place that the owner has chosen for a book.
struct PlaceWish {
  TransferPtr transfer;
  BookName name;
  std::optional<absl::Status> answer{};  // the board's lock guards it
};

// The lock around TransferTable: what the workers show, what the owner asks for, and waiting for
// changes. transfer_rules.h has what may be asked. Never calls out with its lock held. Thread-safe.
class TransferBoard {
 public:
  using Group = TransferGroup;
  using GroupPtr = std::shared_ptr<Group>;
  using Changes = TransferTable::Changes;

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
  // These are TransferTable's.
  std::vector<TransferView> List() const;
  Changes ChangesSince(uint64_t mark, size_t most) const;

  // Ends all waits; later ones end at once.
  void Stop();
  bool stopped() const;

 private:
  using Entry = TransferTable::Entry;
  using EntryPtr = TransferTable::EntryPtr;

  // Errors: kTransferUnknown.
  absl::StatusOr<EntryPtr> Find(const TransferId& id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<EntryPtr> FindToPlace(const TransferId& id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Answer(Entry& entry, const absl::Status& answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Shows an interrupted download as going on.
  void Reopen(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountChange(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tells those that wait for changes, or watch them.
  void Tell() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;
  Bell* const bell_;
  mutable Mutex mutex_;
  mutable CondVar changed_;  // a view
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  TransferTable table_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_BOARD_H_
