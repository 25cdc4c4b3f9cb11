// The messages of the index on one Announce stream.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_ANNOUNCE_ANSWERS_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_ANNOUNCE_ANSWERS_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "services/index/relay/callable_peers.h"
#include "services/index/service/member_updates.h"

namespace arkshare {

// Collects acknowledgements and news while a message is being written, and makes one message of
// them. Not thread-safe.
class AnnounceAnswers {
 public:
  // The first message says at which port the relay of this index listens; 0: it has none.
  explicit AnnounceAnswers(uint32_t relay_port = 0) : relay_port_(relay_port) {}

  // Answers a message of the peer. Before the first one, nothing is said: it says what is
  // acknowledged. The answers can overtake each other.
  void Acknowledge(uint64_t number, uint64_t revision);
  void SetUnreachable(bool unreachable) { unreachable_ = unreachable; }
  // Too many calls that wait to be written are dropped: one that is not told in time is of no use.
  void AddCall(PeerCall call);
  // Sets which version of the list of members the peer has, once: from then on it is told of
  // newer ones. Returns false for a later call.
  bool SetMembersVersion(uint64_t version);

  // Returns the next message, an encoded AnnounceResponse; nothing when there is nothing to say,
  // because a message that brings nothing new breaks the contract.
  std::optional<grpc::ByteBuffer> Take(MemberUpdates& updates);

 private:
  uint32_t relay_port_;      // that is still to be told
  bool begun_ = false;       // Acknowledge was called
  bool unanswered_ = false;  // messages of the peer
  uint64_t acknowledged_ = 0;
  uint64_t revision_ = 0;  // of the shared log, that has them
  bool unreachable_ = false;
  bool told_unreachable_ = false;
  std::vector<PeerCall> calls_;
  std::optional<uint64_t> members_version_;  // that the peer has
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_ANNOUNCE_ANSWERS_H_
