// The CLI's JSON: one object a line (NDJSON).
#ifndef ARKSHARE_CLIENTS_CLI_JSON_H_
#define ARKSHARE_CLIENTS_CLI_JSON_H_

#include <absl/strings/string_view.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <string>

namespace arkshare {

// `text` in quotes. Valid UTF-8 whatever comes in: bytes that are not become U+FFFD. Characters
// that could drive a terminal are written as \uNNNN, so nothing is lost and nothing is hidden.
std::string JsonString(absl::string_view text);

// A message as one line without its end. Fields are named as in the proto and stand in its order.
// Bytes (roots, keys, ids) are lower-case hex; all integers are numbers; an enum is the lower-case
// rest of its name ("move" for SHARE_POLICY_MOVE); times are RFC 3339 in UTC. Fields without
// presence are always there; messages, optional fields and those of a oneof only when set.
std::string ToJson(const google::protobuf::Message& message);

// {"key":value,...} for what no proto says. Keys are plain ASCII.
class JsonObject {
 public:
  JsonObject& Add(absl::string_view key, absl::string_view value);
  JsonObject& Add(absl::string_view key, const char* value) {
    return Add(key, absl::string_view(value));  // Else it would be a bool.
  }
  JsonObject& Add(absl::string_view key, uint64_t value);
  JsonObject& Add(absl::string_view key, double value);
  JsonObject& Add(absl::string_view key, bool value);
  std::string Finish() const;

 private:
  JsonObject& AddRaw(absl::string_view key, absl::string_view value);

  std::string members_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_JSON_H_
