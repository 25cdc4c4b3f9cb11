// Keeps the owner's wishes: learns from the index of books that match, and fetches them.
#ifndef ARKSHARE_SERVICES_PEER_WISHES_WISHES_H_
#define ARKSHARE_SERVICES_PEER_WISHES_WISHES_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <thread>
#include <vector>

#include "lib/core/bell.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/ledger_wishes.h"
#include "services/peer/group/membership.h"
#include "services/peer/library/library.h"
#include "services/peer/session/index_client.h"
#include "services/peer/transfer/transfers.h"
#include "services/peer/wishes/wish_streams.h"
#include "services/peer/wishes/wish_table.h"

namespace arkshare {

// The lock around WishTable, and two threads: one reads what the index tells, the other begins
// fetches and awaits their ends. The owner is told before the ledger is written, so a crash between
// the two tells the owner once more. A fetch begins after that, so a crash does not make it exceed
// the wish's limit. Thread-safe.
class Wishes {
 public:
  struct Parts {  // all must outlive it
    LedgerWishes* ledger;
    const Library* library;
    Transfers* transfers;
    const IndexClient* index;
    const Clock* clock;
    Bell* bell;                               // rung when a wish has changed
    std::function<uint32_t()> own_peer_id;    // the number at the index; 0: none
    const Membership* membership = nullptr;   // nullptr: this peer is in no group
    absl::Duration retry = absl::Seconds(1);  // before a stream begins again; grows
  };

  explicit Wishes(Parts parts);
  ~Wishes();

  // Reads the wishes of earlier runs. Call once, before Start.
  absl::Status Load();
  void Start();
  void Stop();
  // A session with the index has begun: all streams begin again, because the index may be another
  // one, and may not have told that it had gone.
  void IndexIsBack();

  // --- For the owner; see PeerService ---
  // Adds a wish without id, time and finds. Errors: kQueryEmpty, kInvalidField, kLimitExceeded;
  // those of the ledger.
  absl::StatusOr<WishView> Add(WishRecord wish);
  // kWishUnknown.
  absl::Status Remove(uint64_t wish);
  std::vector<WishView> List() const;
  // Grows when List would return something else.
  uint64_t changes() const { return changes_; }

 private:
  struct Flight {
    std::vector<WishTable::Fetch> fetches;
    Transfers::GroupPtr group;
  };
  struct Retry {
    absl::Time due = absl::InfinitePast();
    absl::Duration pause;
  };

  // --- The thread that reads ---
  void RunStreams();
  // Begins the streams that are due. Returns when the next one is.
  absl::Time BeginStreams();
  void Handle(const WishStreams::News& news);
  void HandleEnd(uint64_t wish, const absl::Status& end);
  // Adds the book in an event to `finds`, if the wish is to be told of it.
  void Consider(uint64_t wish, const v1::WatchResponse& event, std::vector<WishFind>& finds);

  // --- The thread that fetches ---
  void RunFetches();
  void BeginFetches();
  // Notes which fetches have ended. False when a flight has none on its way any more.
  bool HandleFlight(const Flight& flight);
  void HandleEndOf(const WishTable::Fetch& fetch, const absl::Status& how);

  // A wish has changed; `urgent`: it has found a book.
  void Tell(bool urgent);
  bool stopping() const;

  const Parts parts_;
  std::atomic<uint64_t> changes_ = 1;
  WishStreams streams_;
  std::map<uint64_t, Retry> retries_;  // of wishes without a stream; for the thread that reads
  std::vector<Flight> flights_;        // for the thread that fetches

  // Held while a wish is recorded and put into the table, so that both have the same wishes.
  Mutex changing_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable Mutex mutex_;
  CondVar fetch_due_;
  WishTable table_ ABSL_GUARDED_BY(mutex_);
  bool begin_again_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread reader_;
  std::thread fetcher_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_WISHES_WISHES_H_
