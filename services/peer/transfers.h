// The receiver's half: gets books, takes them over, and ends what was begun, also after a restart.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFERS_H_
#define ARKSHARE_SERVICES_PEER_TRANSFERS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/fetcher.h"
#include "services/peer/folder_scanner.h"
#include "services/peer/holders.h"
#include "services/peer/index_client.h"
#include "services/peer/ledger.h"
#include "services/peer/library.h"

namespace arkshare {

// What the owner asks for. At least one of name and content is set.
struct FetchWish {
  std::optional<BookName> name{};
  std::optional<ContentId> content{};
  uint32_t from_peer_id = 0;  // 0: the best source
  std::optional<BookName> save_as{};
  bool copy_only = false;
};

// A transfer, as it looks from outside.
struct TransferView {
  enum class State { kQueued, kFetching, kHandingOver, kDone, kFailed };

  TransferRecord record;
  State state = State::kFetching;
  uint64_t bytes_done = 0;
  uint64_t bytes_per_second = 0;
  int queue_position = 0;
  uint32_t from_peer_id = 0;
  std::string message{};  // of its end, for people
  absl::Status error{};   // when failed
  absl::Time start{}, end{};
};

// A bounded number of worker threads take transfers from one queue in order of time; a transfer
// that cannot go on now (its source or the index is away) goes back into it. The order of one
// transfer, and what is durable when:
//   INTENT     recorded; fetch and verify into staging           a restart forgets it
//   PREPARED   after fsync of the file and of staging            from here on it is never given up
//   (Release)  the source decides; a ticket, or a final refusal
//   OWNED      recorded with its new listing; then renamed into the library, folders fsynced,
//   served (UpdateOwner, Confirm)  repeated until they are answered DONE
// Thread-safe.
class Transfers {
 public:
  struct Parts {  // all must outlive it
    const SharedFolder* folder;
    Ledger* ledger;
    HashCache* cache;
    Library* library;
    FolderScanner* scanner;
    Holders* holders;
    Fetcher* fetcher;
    IndexClient* index;
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
  struct Transfer;
  using TransferPtr = std::shared_ptr<Transfer>;
  // What to do with a transfer after a step.
  enum class Next { kGoOn, kLater, kEnd };

  // services/peer/transfer_wish.cc: which book, from whom.
  struct Choice {
    ContentId content;
    BookHolder source;
    bool move = false;
    BookName save_as;
  };
  absl::StatusOr<Choice> Choose(const FetchWish& wish);
  absl::StatusOr<std::vector<BookHolder>> FindHolders(const ContentId& content);
  absl::StatusOr<std::vector<BookHolder>> HoldersOf(const v1::SearchRequest& request,
                                                    const FetchWish& wish, ContentId* content);

  // services/peer/transfers.cc: the steps.
  void Run(const TransferPtr& transfer);
  Next Receive(Transfer& transfer);
  Next TakeOver(Transfer& transfer);
  Next Own(Transfer& transfer, std::string note);
  Next Tell(Transfer& transfer);
  absl::StatusOr<FileStat> FindStaged(const TransferRecord& record) const;
  absl::Status Admit(TransferRecord& record, ListingRecord& listing);
  absl::StatusOr<MoveTicket> AskRelease(Transfer& transfer);
  absl::Status SendConfirm(Transfer& transfer);
  // Where the source is now; asks the index when the address known last does not answer.
  absl::StatusOr<std::string> SourceAddress(Transfer& transfer);
  Next Drop(Transfer& transfer, const absl::Status& why);
  std::string PeerName(const std::string& key_hex);

  void Schedule(const TransferPtr& transfer, absl::Duration delay);
  void WorkLoop();
  void Change(Transfer& transfer, const std::function<void(TransferView&)>& change);
  void Progress(Transfer& transfer, uint64_t bytes, std::optional<int> queue_position);

  const Parts parts_;
  const PrivateKey key_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t next_number_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::flat_hash_map<TransferId, TransferPtr> by_id_ ABSL_GUARDED_BY(mutex_);
  std::deque<TransferPtr> in_order_ ABSL_GUARDED_BY(mutex_);  // oldest first
  std::multimap<absl::Time, TransferPtr> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> workers_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFERS_H_
