// The open streams of the server, so that other code than their own callbacks can end them.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_STREAMS_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_STREAMS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <optional>

#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "services/index/relay/callable_peers.h"

namespace arkshare {

// A reactor that deletes itself when its stream is done, after Streams::Remove.
class EndableStream {
 public:
  virtual ~EndableStream() = default;
  // Finishes the stream, once. Called with Streams::mutex_ held, so it must not call Streams.
  virtual void End(const absl::Status& why) = 0;
  // The proven key of the client, if there is one. Called in the same way.
  virtual std::optional<PublicKey> key() const { return std::nullopt; }
  // Tells the client that the list of members has changed. Called in the same way.
  virtual void TellMembers() {}
  // Tells the client whether the index can reach it. Called in the same way.
  virtual void TellReached(bool /*reached*/) {}
  // Tells the client that another program wants to reach it through the relay. Called in the same
  // way.
  virtual void TellCall(const PeerCall& /*call*/) {}
};

// Touches a stream only under the lock, and therefore never after it was removed. Thread-safe.
class Streams {
 public:
  uint64_t Add(EndableStream* stream);
  void Remove(uint64_t id);
  // Does nothing when the stream has been removed.
  void End(uint64_t id, const absl::Status& why);
  void TellReached(uint64_t id, bool reached);
  void TellCall(uint64_t id, const PeerCall& call);
  // Tells all.
  void TellMembers();
  // Ends all streams of the owner of a key.
  void EndOf(const PublicKey& key, const absl::Status& why);
  // Ends all streams, and each one that is added from now on. Then waits until all have been
  // removed, so that their statuses have been sent, but not longer than `patience`, because some
  // clients may not read.
  void EndAll(const absl::Status& why, absl::Duration patience);

 private:
  Mutex mutex_;
  CondVar removed_;
  absl::flat_hash_map<uint64_t, EndableStream*> streams_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::Status ended_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_STREAMS_H_
