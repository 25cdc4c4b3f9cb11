// Thousands of peers in one process. They register, announce, send heartbeats, leave and come back
// with the delays of services/peer/session, but have no disks.
#ifndef ARKSHARE_BENCH_LOAD_SWARM_H_
#define ARKSHARE_BENCH_LOAD_SWARM_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/time/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/index.grpc.pb.h"
#include "bench/load_agenda.h"
#include "bench/load_books.h"
#include "lib/core/content_id.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "lib/rpc/server.h"

namespace arkshare {

class SwarmPeer;

class Swarm {
 public:
  struct Options {
    std::vector<std::string> indexes;  // "IP:PORT" each; with several, each peer has its own
                                       // connection
    size_t peers = 10'000;
    size_t books = 100;      // of each peer
    size_t holders = 10;     // of a book, see LoadBooks
    size_t connections = 0;  // shared by all; 0: each has its own
    // Each peer has an address of its own, as peers on machines of their own have. Otherwise all
    // have the same, and an index dials two registrations of an address at a time.
    bool own_addresses = false;
    // Peers that have registered wait for Announce before they open their streams.
    bool register_only = false;
  };
  enum class Leaving { kUnregister, kKill, kSilence };

  explicit Swarm(Options options);
  ~Swarm();

  const Options& options() const { return options_; }
  SwarmPeer& peer(size_t number) { return *peers_[number]; }

  // Returns how many peers have their books listed, as far as they know.
  size_t online() const { return online_; }
  // Returns false when fewer than `count` are online after `patience`.
  bool WaitOnline(size_t count, absl::Duration patience) const;

  // Returns how many peers have registered with Options::register_only.
  size_t registered() const { return registered_; }
  // Has those peers announce their books. Call it once, when no peer registers any more.
  void Announce();

  // Returns how often each event has happened: "Register", "Register LIMIT_EXCEEDED" …
  std::map<std::string, uint64_t> Counts() const;
  // Returns how many peers got another number than before.
  uint64_t confused() const { return confused_; }
  // Returns when each statement of SwarmPeer::State was sent and acknowledged, since the last call.
  std::vector<std::pair<absl::Time, absl::Time>> TakeAcknowledged();

 private:
  friend class SwarmPeer;
  class FileService;

  void Count(const std::string& what);
  void NoteAcknowledged(absl::Time sent, absl::Time acknowledged);

  const Options options_;
  const LoadBooks books_;
  mutable Mutex mutex_;
  std::map<std::string, uint64_t> counts_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<absl::Time, absl::Time>> acknowledged_ ABSL_GUARDED_BY(mutex_);
  std::atomic<size_t> online_ = 0;
  std::atomic<size_t> registered_ = 0;
  std::atomic<bool> announcing_ = false;
  std::atomic<uint64_t> confused_ = 0;
  std::unique_ptr<FileService> files_;
  std::unique_ptr<RpcServer> server_;
  std::vector<std::unique_ptr<SwarmPeer>> peers_;
  Agenda agenda_;
};

// Thread-safe.
class SwarmPeer {
 public:
  // A null `channel`: the peer has its own connection.
  // `address` is where the index dials it back.
  SwarmPeer(Swarm* swarm, size_t number, std::string address,
            std::shared_ptr<grpc::Channel> channel);

  // Registers, at first or again.
  void Join();
  void Leave(Swarm::Leaving how);
  // Encodes what it will announce, which otherwise is done when it announces.
  void EncodeSnapshot();
  // Sends one more statement on the stream. Returns false when the stream cannot take one now.
  bool State(v1::Statement statement);

  const PrivateKey& key() const { return key_; }
  // See LoadBooks::OwnContent.
  ContentId content(size_t book) const;
  std::shared_ptr<v1::IndexService::Stub> stub() const;
  // Prepares a call in this peer's session.
  std::unique_ptr<grpc::ClientContext> NewCall() const;
  bool online() const;
  // Returns the number of the index in Options::indexes that the peer uses.
  size_t index() const;
  // Returns when the last heartbeat was sent and acknowledged (InfiniteFuture: not yet).
  std::pair<absl::Time, absl::Time> LastBeat() const;

 private:
  friend class Swarm;
  class Stream;

  void RegisterLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnRegistered(uint64_t life, const absl::Status& status,
                    const v1::RegisterResponse& response);
  void AnnounceLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnAcknowledged(Stream* stream, uint64_t number);
  void OnStreamEnd(Stream* stream);
  void OnStreamDone(uint64_t life, const absl::Status& status);
  void BeatLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ScheduleBeatLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Registers after a random delay, unless the peer has left by then.
  void LaterLocked(absl::Duration from, absl::Duration to, void (SwarmPeer::*step)())
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Connects again if necessary.
  void ConnectLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tries again after a failure: when the index says, or after twice the last delay.
  void RetryLocked(const absl::Status& status, void (SwarmPeer::*step)())
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetOnlineLocked(bool online) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const grpc::ByteBuffer& SnapshotLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Swarm& swarm_;
  const size_t number_;
  const PrivateKey key_ = PrivateKey::Generate();
  const std::string registration_id_ = RandomBytes(16);
  const std::string address_;
  const bool own_connection_;

  mutable Mutex mutex_;
  size_t index_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<grpc::Channel> channel_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<v1::IndexService::Stub> stub_ ABSL_GUARDED_BY(mutex_);
  // Encoded once, because of real peers each would do it on its own machine.
  grpc::ByteBuffer snapshot_ ABSL_GUARDED_BY(mutex_);
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;  // the connection
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool online_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t life_ ABSL_GUARDED_BY(mutex_) = 0;  // plans of an earlier life are dropped
  absl::Duration retry_ ABSL_GUARDED_BY(mutex_);
  absl::Duration lease_ ABSL_GUARDED_BY(mutex_) = absl::Seconds(10);
  std::string token_ ABSL_GUARDED_BY(mutex_);
  uint32_t peer_id_ ABSL_GUARDED_BY(mutex_) = 0;
  Stream* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
  uint64_t stated_ ABSL_GUARDED_BY(mutex_) = 0;  // the number of the last statement
  // The numbers of the statements of State that are not acknowledged yet, and when they were sent.
  std::deque<std::pair<uint64_t, absl::Time>> unacknowledged_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_sent_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_acknowledged_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_BENCH_LOAD_SWARM_H_
