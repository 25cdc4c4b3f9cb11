// The live sessions: by token, by key and by number, and when their leases lapse.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_SESSION_TABLE_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_SESSION_TABLE_H_

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/time/time.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/key.h"
#include "services/index/sessions/announced_shelf.h"

namespace arkshare {

// A session can report about 16 silent peers at once, and then one in five seconds. Not
// thread-safe.
class ReportBudget {
 public:
  // Returns false when the session has reported too many.
  bool Pay(absl::Time now) {
    if (paid_at_ - now > kMost * kPrice) return false;
    paid_at_ = std::max(paid_at_, now) + kPrice;
    return true;
  }

 private:
  static constexpr int kMost = 16;
  static constexpr absl::Duration kPrice = absl::Seconds(5);

  absl::Time paid_at_ = absl::InfinitePast();
};

// Not thread-safe, except `books`.
struct PeerSession {
  PeerSession(Catalog* catalog, Catalog::ShelfPtr shelf) : books(catalog, std::move(shelf)) {}

  uint64_t order = 0;  // of its registration
  std::string token;
  PublicKey key;
  uint32_t peer_id = 0;
  std::string address;
  bool proven = false;
  bool answering = true;  // as the last reach checks have found
  std::string seen_at;    // of Sessions::Registration
  bool kept = false;      // in the state file
  bool stating = true;    // false after it was taken back, until its first message
  AnnouncedShelf books;
  absl::Time deadline;     // of its lease
  size_t lease_holds = 0;  // of the open stream
  uint64_t stream_id = 0;
  std::function<void(const absl::Status&)> end_stream;  // empty when no stream is open
  std::function<void(bool reached)> tell;
  ReportBudget reports;
};
using PeerSessionPtr = std::shared_ptr<PeerSession>;

// Pure: no lock, and time is an input that must not go back. Not thread-safe.
class SessionTable {
 public:
  explicit SessionTable(absl::Duration lease) : lease_(lease) {}

  // Requires that no session has the token, the key or the number of this one. Its lease begins.
  void Add(const PeerSessionPtr& session, absl::Time now);
  void Remove(PeerSessionPtr session);

  // Each returns null when there is no such session.
  PeerSessionPtr FindByToken(const std::string& token) const;
  PeerSessionPtr FindByKey(const PublicKey& key) const;
  PeerSessionPtr FindById(uint32_t id) const;
  std::vector<PeerSessionPtr> All() const;

  // The peer was not silent.
  void Renew(PeerSession& session, absl::Time now);
  // Returns the session whose lease has lapsed first, which the caller removes. Renews leases that
  // are held meanwhile. Null: no lease has lapsed.
  PeerSessionPtr FindLapsed(absl::Time now);
  // Returns how long until the next lease can lapse, at most a lease.
  absl::Duration NextLapse(absl::Time now) const;

 private:
  const absl::Duration lease_;
  absl::flat_hash_map<std::string, PeerSessionPtr> by_token_;
  absl::flat_hash_map<PublicKey, PeerSessionPtr> by_key_;
  absl::flat_hash_map<uint32_t, PeerSessionPtr> by_id_;
  absl::btree_set<std::pair<absl::Time, PeerSession*>> deadlines_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_SESSION_TABLE_H_
