// The bytes of the Connect protocol (https://connectrpc.com/docs/protocol), with JSON messages.
#ifndef ARKSHARE_LIB_HTTP_CONNECT_JSON_H_
#define ARKSHARE_LIB_HTTP_CONNECT_JSON_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <google/protobuf/message.h>
#include <grpcpp/support/status.h>

#include <string>

#include "lib/http/message.h"

namespace arkshare {

// Returns the JSON of a message; Internal when it has none, such as a date in the year 10,000.
absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message);
// Reads JSON into a message. Ignores fields that the message does not have. kInvalidField.
absl::Status FromJson(absl::string_view json, google::protobuf::Message* message);

// Returns {"code", "message", "details"} of an error; the details are those of google.rpc that it
// carries. {} for OK.
std::string ConnectErrorJson(const grpc::Status& status);
// Returns the HTTP status of an error's code; 200 for OK.
int ConnectHttpStatus(grpc::StatusCode code);
// Returns an error as an answer, with Retry-After when the error says how long to wait. `status`
// in place of that of its code, when it is not 0.
HttpResponse ConnectErrorResponse(const grpc::Status& error, int status = 0);
HttpResponse ConnectErrorResponse(const absl::Status& error, int status = 0);

// Returns the envelopes of a stream: a message, and the end, which has the error if there is one.
std::string ConnectMessage(absl::string_view json);
std::string ConnectEnd(const grpc::Status& status);
// Returns the JSON of a body that is one envelope. kInvalidField.
absl::StatusOr<std::string> ReadEnvelope(absl::string_view body);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_HTTP_CONNECT_JSON_H_
