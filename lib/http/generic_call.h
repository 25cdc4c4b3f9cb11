// One call with a single request, by the name of its method.
#ifndef ARKSHARE_LIB_HTTP_GENERIC_CALL_H_
#define ARKSHARE_LIB_HTTP_GENERIC_CALL_H_

#include <absl/time/time.h>
#include <google/protobuf/message.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <optional>
#include <string>

#include "lib/http/message.h"

namespace arkshare {

struct GenericCallOptions {
  std::string method{};  // "/package.Service/Method"
  HttpHeaders metadata{};
  std::optional<absl::Duration> timeout{};
};

// For one thread, except Cancel. A call that has ended, or was cancelled, stays so.
class GenericCall {
 public:
  // Begins the call, without waiting for anything.
  GenericCall(const std::shared_ptr<grpc::Channel>& channel, const GenericCallOptions& options,
              const google::protobuf::Message& request);
  // Cancels the call, and waits until gRPC has let go of it.
  ~GenericCall();
  GenericCall(const GenericCall&) = delete;
  GenericCall& operator=(const GenericCall&) = delete;

  enum class Next {
    kMessage,  // the next message was read
    kQuiet,    // nothing came within the limit
    kEnd,      // there are no more
  };
  Next Read(google::protobuf::Message* message, absl::Duration limit);
  // Returns the status of a call that has ended, or was cancelled; otherwise waits for its end.
  grpc::Status Finish();
  // Thread-safe.
  void Cancel() { context_.TryCancel(); }

 private:
  enum class Step { kWrite, kRead, kIdle, kBroken };

  // Begins what comes after the operation that has succeeded.
  void Advance();

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer bytes_;
  // The operation that is running; none in kIdle and kBroken.
  Step step_ = Step::kWrite;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_HTTP_GENERIC_CALL_H_
