// Checks the address and the key of a peer that registers.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_DIAL_BACK_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_DIAL_BACK_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/key.h"
#include "services/index/service/key_dialer.h"

namespace arkshare {

// The length of boot_id in the protos, in bytes.

// How the index reaches peers.
struct DialMeans {
  std::shared_ptr<grpc::ChannelCredentials> credentials{};  // null: without TLS
  // In a group: in place of a call, a handshake proves the key. See KeyDialer.
  KeyDialer* keys = nullptr;
  // Where this process reaches its relay; empty: it has none.
  std::string relay{};
};

// One FileService.Ping of a registering peer, or one handshake with it, without a thread of its
// own.
class DialBack : public std::enable_shared_from_this<DialBack> {
 public:
  struct Question {
    std::string address;  // empty: through the relay
    PublicKey key;
    std::string registration_id;  // empty: only whether a peer with the key is there
    // For the connection and the call together. Twice as long through the relay, because the peer
    // is called first.
    absl::Duration timeout = absl::Seconds(2);
    // Without an address: what the relay is asked for (lib/rpc/relayed_target.h). Empty: the peer
    // with the key.
    std::string authority{};
  };
  struct Answer {
    bool proven = false;
    bool timed_out = false;
    // If not proven: "PORT_UNREACHABLE", "RELAY_UNREACHABLE" or "KEY_MISMATCH".
    std::string reason;
    std::string message;  // for people
    std::string boot_id;  // if proven: of the process that answered
  };
  // Verifies what the peer has answered, which takes a tenth of a millisecond.
  using Judge = std::function<Answer()>;

  // Begins the call. Calls `done` once, from a thread of gRPC or of the KeyDialer.
  static std::shared_ptr<DialBack> Start(Question question, const DialMeans& means,
                                         std::function<void(Judge)> done);

  // Ends the call, so that `done` is called soon. Thread-safe.
  void Cancel();

 private:
  DialBack(Question question, const DialMeans& means);
  Answer ToAnswer(const grpc::Status& status) const;
  Answer ToAnswer(const absl::StatusOr<PublicKey>& key, bool timed_out) const;
  Answer Unreachable(bool timed_out, absl::string_view why) const;
  Answer OtherKey() const;

  const Question question_;
  KeyDialer* const keys_;
  uint64_t handshake_ = 0;                             // at keys_
  const std::unique_ptr<v1::FileService::Stub> stub_;  // null in a group
  grpc::ClientContext context_;
  v1::PingRequest request_;
  v1::PingResponse response_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_DIAL_BACK_H_
