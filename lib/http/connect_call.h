// A request of the Connect protocol: which method it asks for, and with which message.
#ifndef ARKSHARE_LIB_HTTP_CONNECT_CALL_H_
#define ARKSHARE_LIB_HTTP_CONNECT_CALL_H_

#include <absl/time/time.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/http/message.h"

namespace arkshare {

// The calls of one service that may come through.
struct ConnectService {
  std::string name{};  // "arkshare.v1.PeerService"; its descriptor is linked
  // The names of these calls. Empty: all.
  std::vector<std::string> only{};
  // The names of calls that are refused all the same.
  std::vector<std::string> never{};
};

// True for the path of a call, whether or not it exists.
bool IsConnectPath(absl::string_view path);

// Finds the method that a request asks for, and checks all but its body. Otherwise returns the
// answer. Pure.
std::variant<const google::protobuf::MethodDescriptor*, HttpResponse> FindConnectMethod(
    const HttpRequest& request, const std::vector<ConnectService>& services);

// Reads the body of a request for that method.
absl::StatusOr<std::unique_ptr<google::protobuf::Message>> ReadConnectRequest(
    const HttpRequest& request, const google::protobuf::MethodDescriptor& method);

// Returns how long the caller waits (Connect-Timeout-Ms); nullopt: as long as it takes.
std::optional<absl::Duration> ConnectTimeout(const HttpRequest& request);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_HTTP_CONNECT_CALL_H_
