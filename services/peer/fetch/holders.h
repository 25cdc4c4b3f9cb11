// The other peers: connections to them, who they are, how far away, and how fast.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_HOLDERS_H_
#define ARKSHARE_SERVICES_PEER_FETCH_HOLDERS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "services/peer/fetch/holder_rank.h"

namespace arkshare {

// Thread-safe.
class Holders {
 public:
  explicit Holders(std::shared_ptr<grpc::ChannelCredentials> credentials,
                   const Clock* clock = Clock::Real())
      : credentials_(std::move(credentials)), clock_(clock) {}

  // One channel an address, kept for later calls. For what is read at no more than so many bytes a
  // second (0: no limit) there may be a second one: gRPC reads ahead of a slow reader, more and
  // more, so that a limit would hold for the reader and not for the line.
  std::shared_ptr<v1::FileService::Stub> Stub(const std::string& address,
                                              uint64_t bytes_per_second = 0);

  // Asks all at once who they are. Keeps those that prove their key within `timeout`, with what is
  // known of them, the best one for so many bytes first (RankHolders); with 0 bytes the nearest.
  // Who has proven it within the last second, and whose connection stands since, is not asked
  // again.
  std::vector<BookHolder> Reachable(std::vector<BookHolder> holders, absl::Duration timeout,
                                    uint64_t bytes = 0);

  // A download from this peer has ended, well or not, or is at some point: `bytes` came within
  // `time`, without the time that it stood in line. Later ones weigh more. What is as short as a
  // round trip says nothing of the goodput and is left out.
  void NoteGoodput(const PublicKey& key, uint64_t bytes, absl::Duration time);
  // Sets round_trip and goodput as far as they are known; for holders that need no new ping.
  void Fill(BookHolder& holder);

 private:
  // What was measured of one peer; forgotten after some minutes, so that it gets another chance.
  struct Experience {
    std::optional<absl::Duration> round_trip{};
    std::optional<double> goodput{};
    absl::Time round_trip_at = absl::InfinitePast();
    absl::Time goodput_at = absl::InfinitePast();
  };

  // A connection, and who was proven to be there, and when.
  struct Known {
    std::shared_ptr<grpc::Channel> channel;
    std::shared_ptr<v1::FileService::Stub> stub;
    std::shared_ptr<v1::FileService::Stub> slow_stub;  // when it was needed
    PublicKey key{};
    absl::Time proven = absl::InfinitePast();  // monotonic
  };

  void NoteRoundTrip(const PublicKey& key, absl::Duration round_trip);
  Experience& Remember(const PublicKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Known& KnownAt(const std::string& address) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ProvenLately(const BookHolder& holder);
  void NoteProven(const BookHolder& holder);

  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  const Clock* const clock_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, Known> known_ ABSL_GUARDED_BY(mutex_);
  std::map<PublicKey, Experience> experience_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_HOLDERS_H_
