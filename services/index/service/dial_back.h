// Checks the address and the key of a peer that registers.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_DIAL_BACK_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_DIAL_BACK_H_

#include <absl/time/time.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>

#include <functional>
#include <memory>
#include <string>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/key.h"

namespace arkshare {

// The length of boot_id in the protos, in bytes.
inline constexpr size_t kBootIdBytes = 16;

// One FileService.Ping of a registering peer, without a thread of its own.
class DialBack : public std::enable_shared_from_this<DialBack> {
 public:
  struct Question {
    std::string address;
    PublicKey key;
    std::string registration_id;  // empty: only whether a peer with the key is there
    // For the connection and the call together.
    absl::Duration timeout = absl::Seconds(2);
  };
  struct Answer {
    bool proven = false;
    bool timed_out = false;
    std::string reason;   // if not proven: "PORT_UNREACHABLE" or "KEY_MISMATCH"
    std::string message;  // for people
    std::string boot_id;  // if proven: of the process that answered
  };
  // Verifies what the peer has answered, which takes a tenth of a millisecond.
  using Judge = std::function<Answer()>;

  // Begins the call. Calls `done` once, from a thread of gRPC. Null `credentials`: without TLS.
  static std::shared_ptr<DialBack> Start(
      Question question, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
      std::function<void(Judge)> done);

  // Ends the call, so that `done` is called soon. Thread-safe.
  void Cancel() { context_.TryCancel(); }

 private:
  DialBack(Question question, const std::shared_ptr<grpc::ChannelCredentials>& credentials);
  Answer ToAnswer(const grpc::Status& status) const;

  const Question question_;
  const std::unique_ptr<v1::FileService::Stub> stub_;
  grpc::ClientContext context_;
  v1::PingRequest request_;
  v1::PingResponse response_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_DIAL_BACK_H_
