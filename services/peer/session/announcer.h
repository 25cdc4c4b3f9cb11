// Keeps a session with the index: registers, states the library, beats, and comes back after every
// break.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_ANNOUNCER_H_
#define ARKSHARE_SERVICES_PEER_SESSION_ANNOUNCER_H_

#include <absl/random/random.h>
#include <absl/status/status.h>
#include <absl/time/time.h>
#include <grpcpp/client_context.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/library/library.h"
#include "services/peer/session/index_client.h"
#include "services/peer/session/registration_gate.h"

namespace arkshare {

// How long to wait after a failed call, at random between the two.
struct RetryWindow {
  absl::Duration from;
  absl::Duration to;
};
// Whom the index sends away it tells when to come (RetryInfo); others wait for `retry` at most.
RetryWindow RetryAfter(const absl::Status& failure, absl::Duration retry);

// What this peer can upload, as the index tells it to others.
struct UploadLoad {
  int slots = 0;       // uploads at a time
  int free_slots = 0;  // of them
  uint64_t limit = 0;  // bytes a second; 0: no limit
};

// One thread registers and writes statements; while a stream stands, a second reads
// acknowledgements. Statements that were not acknowledged are kept and repeated on the next stream
// of the session; a new session begins with a new snapshot, and so does one that a restarted index
// has kept. Thread-safe.
class Announcer {
 public:
  struct Options {
    int port = 0;                    // of FileService
    std::string advertised_address;  // "HOST:PORT", or empty: as the index sees us
    SharePolicy policy = SharePolicy::kMove;
    uint32_t first_peer_id = 0;  // asked for by a peer that never had a number; 0: any
    // A peer that the index could not reach asks it to try again, after this and then after twice
    // as long each time, up to 16 times this.
    absl::Duration recheck = absl::Minutes(1);
  };
  struct Parts {  // all must outlive it
    IndexClient* index;
    Library* library;
    Ledger* ledger;
    RegistrationGate* gate;
    // Called from the announcer's thread, without locks.
    std::function<UploadLoad()> upload_load;
  };

  // `on_registered` is called after every registration, `on_superseded` once when another peer with
  // our key has taken our place; both from the announcer's thread.
  Announcer(Options options, Parts parts, PublicKey key, std::function<void()> on_registered,
            std::function<void()> on_superseded);
  ~Announcer();

  void Start();
  // Unregisters, and ends.
  void Stop();

  struct State {
    uint32_t peer_id = 0;  // of the last registration, also of an earlier run; 0 for none
    std::string address;   // by which others reach us; empty without a session
    bool online = false;
    std::string trouble;  // for people; empty when all is well
  };
  State GetState() const;

 private:
  enum class StreamEnd { kBroken, kSessionLost, kSuperseded, kRecheck, kStopped };
  void Run();
  // Replaces the session, but keeps it when it fails.
  absl::Status Register();
  void ScheduleRecheck();
  // What the session begins with, at its start and after the index was restarted; how many books.
  size_t StartSnapshot();
  StreamEnd Announce();
  // Sends what is in unacknowledged_ from `next` on, as full messages.
  bool Send(grpc::ClientReaderWriter<v1::AnnounceRequest, v1::AnnounceResponse>& stream,
            bool snapshot_complete, bool at_least_one);
  void TakeAcknowledgement(uint64_t sequence);
  // False when stopping. `from` to `to`, at random.
  bool WaitBeforeRetry(absl::Duration from, absl::Duration to);
  bool stopping() const;

  const Options options_;
  const Parts parts_;
  const PublicKey key_;
  const std::function<void()> on_registered_;
  const std::function<void()> on_superseded_;
  absl::BitGen random_;  // announcer thread only
  absl::Duration lease_ = absl::Seconds(10);
  // When the index is asked to dial back once more, and how long after the time before.
  absl::Time recheck_at_ = absl::InfiniteFuture();
  absl::Duration recheck_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  State state_ ABSL_GUARDED_BY(mutex_);
  std::string unreachable_ ABSL_GUARDED_BY(mutex_);  // the index's word of the last registration
  grpc::ClientContext* stream_context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  // Statements of this session that the index has not acknowledged; the first has number `first_`.
  std::deque<v1::Statement> unacknowledged_ ABSL_GUARDED_BY(mutex_);
  uint64_t first_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t next_to_send_ ABSL_GUARDED_BY(mutex_) = 1;
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_ANNOUNCER_H_
