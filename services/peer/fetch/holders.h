// The other peers: connections to them, proofs of their keys, round trips and goodput.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_HOLDERS_H_
#define ARKSHARE_SERVICES_PEER_FETCH_HOLDERS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>
#include <grpcpp/channel.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/clock.h"
#include "lib/core/content_id.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "lib/rpc/dialer.h"
#include "services/peer/fetch/holder_rank.h"

namespace arkshare {

class CallDoor;

// Thread-safe.
class Holders {
 public:
  explicit Holders(std::shared_ptr<Dialer> dialer, const Clock* clock = Clock::Real())
      : dialer_(std::move(dialer)), clock_(clock) {}

  // Sets how to find the "IP:PORT" of a peer in this network; "" when it is in another one. Call it
  // before other methods.
  void SetFindLocal(std::function<std::string(const PublicKey&)> find) {
    find_local_ = std::move(find);
  }

  // Peers that only the relay reaches are called first, by this door, which must outlive this
  // object; nullptr: they are not. Call it before other methods.
  void SetDoor(CallDoor* door) { door_ = door; }

  // Returns a stub on the one channel to the peer with this key at this address, which is kept for
  // later calls. With a low `bytes_per_second` (0: unlimited) returns one on a second channel with
  // a small window: gRPC reads further and further ahead of a slow reader, so on the normal channel
  // the limit would hold for the reader but not on the wire.
  std::shared_ptr<v1::FileService::Stub> Stub(const std::string& address, const PublicKey& key,
                                              uint64_t bytes_per_second = 0);

  // Pings them, some at a time, and no more than the first 64: an index may name any number of
  // addresses. Returns those that prove their key within `timeout` each, with what is measured of
  // them, the best one for `bytes` first (RankHolders); with 0 bytes the nearest. Does not ping a
  // holder that proved its key within the last second on a connection that is still up.
  //
  // A holder that has a relay is pinged first at its address in this network, if it has one, for
  // 0.3 seconds. One that does not answer at its address is pinged through the relay if it has one,
  // at once when its address did not answer within the last ten minutes. A ping through the relay
  // may take four seconds, because the holder is called first; and with a door two more, because it
  // is called to this peer before that.
  std::vector<BookHolder> Reachable(std::vector<BookHolder> holders, absl::Duration timeout,
                                    uint64_t bytes = 0);

  // Records that `bytes` came from this peer within `time`, without the time in its queue; also of
  // a download that failed or goes on. Later measurements weigh more. Ignores one that is not much
  // longer than a round trip, because it does not show the goodput.
  void NoteGoodput(const PublicKey& key, uint64_t bytes, absl::Duration time);
  // Tells a holder that it has sent wrong bytes of a content, so that it looks at its file again.
  // Waits at most a second for the answer, and ignores an error.
  void ReportMismatch(const std::string& address, const PublicKey& key, const ContentId& content);
  // Returns some of the peers that Reachable could not reach at their addresses since the last
  // call, at most kMaxSilentPeers, for the index.
  std::vector<PublicKey> TakeSilent();
  // Sets round_trip and goodput as far as they are known, without a ping.
  void Fill(BookHolder& holder);

 private:
  // Measurements of one peer. They are forgotten after some minutes, so that it gets another
  // chance.
  struct Experience {
    std::optional<absl::Duration> round_trip{};
    std::optional<double> goodput{};
    absl::Time round_trip_at = absl::InfinitePast();
    absl::Time goodput_at = absl::InfinitePast();
    absl::Time silent_at = absl::InfinitePast();  // when its address did not answer last
  };
  // A ping of one holder at one target.
  struct Try {
    BookHolder holder;  // its address is the target
    size_t position = 0;
    bool proven = false;
  };

  // A connection to the peer with a key at an address.
  using Place = std::pair<std::string, PublicKey>;
  struct Known {
    std::shared_ptr<grpc::Channel> channel;
    std::shared_ptr<v1::FileService::Stub> stub;
    std::shared_ptr<v1::FileService::Stub> slow_stub;  // nullptr until it is needed
    absl::Time proven = absl::InfinitePast();          // when the key was proven last; monotonic
    bool by_door = false;
  };

  void NoteRoundTrip(const PublicKey& key, absl::Duration round_trip);
  Experience& Remember(const PublicKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Known& KnownAt(const Place& place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<grpc::Channel> Dial(const Place& place, bool by_door, int read_ahead = 0);
  // Returns those that prove their key at an address in this network, by their positions.
  std::vector<Try> PingLocally(const std::vector<BookHolder>& holders);
  // Pings each, and sets `proven`.
  void Ping(std::vector<Try>& tries, absl::Duration timeout);
  // Whether the address of a peer did not answer lately.
  bool SilentLately(const PublicKey& key);
  void NoteDirect(const PublicKey& key, bool answered);
  bool ProvenLately(const BookHolder& holder);
  void NoteProven(const BookHolder& holder);
  void NoteSilent(const BookHolder& holder);

  const std::shared_ptr<Dialer> dialer_;
  const Clock* const clock_;
  std::function<std::string(const PublicKey&)> find_local_;
  CallDoor* door_ = nullptr;
  Mutex mutex_;
  absl::flat_hash_map<Place, Known> known_ ABSL_GUARDED_BY(mutex_);
  std::map<PublicKey, Experience> experience_ ABSL_GUARDED_BY(mutex_);
  std::vector<PublicKey> silent_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_HOLDERS_H_
