// Lets browsers call gRPC services: the Connect protocol with JSON, by descriptors.
#ifndef ARKSHARE_LIB_HTTP_CONNECT_BRIDGE_H_
#define ARKSHARE_LIB_HTTP_CONNECT_BRIDGE_H_

#include <absl/time/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/http/connect_call.h"
#include "lib/http/generic_call.h"
#include "lib/http/message.h"

namespace arkshare {

// Unary calls and server streams. A call ends when its browser goes away. Thread-safe.
class ConnectBridge {
 public:
  struct Target {
    ConnectService service{};
    // Returns the channel to call on now.
    std::function<std::shared_ptr<grpc::Channel>()> channel{};
    // How long a unary call may take, if its caller does not say it; nullopt: as long as it takes.
    std::optional<absl::Duration> timeout{};
    // Turns an error of the call into one for people; null: it is one.
    std::function<grpc::Status(const grpc::Status&)> explain = nullptr;
  };
  // On whose behalf a call is made.
  struct Caller {
    std::string name{};      // for EndCalls
    HttpHeaders metadata{};  // of the call
    // Asked again once EndCalls finds the call; null: always true.
    std::function<bool()> allowed = nullptr;
  };

  // On a stream, an empty message comes after `quiet` without another one: a connection shows that
  // its other end is gone only when it is written to.
  explicit ConnectBridge(std::vector<Target> targets, absl::Duration quiet = absl::Seconds(10));

  // Returns why a request cannot become a call, whatever its body is; nullopt when it can.
  std::optional<HttpResponse> Check(const HttpRequest& request) const;
  // Makes the call and returns its answer. That of a stream follows while it is sent; the bridge
  // must outlive it.
  HttpResponse Call(const HttpRequest& request, const Caller& caller);

  // Cancels the calls of one caller.
  void EndCalls(const std::string& caller);
  // Cancels all calls, and refuses later ones.
  void Stop();

 private:
  class Ending;
  class Stream;

  const Target& TargetOf(const google::protobuf::MethodDescriptor& method) const;

  std::vector<Target> targets_;
  std::vector<ConnectService> services_;
  const absl::Duration quiet_;
  Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // The running calls, and their callers.
  std::map<GenericCall*, std::string> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_HTTP_CONNECT_BRIDGE_H_
