// The CLI's JSON: one object a line (NDJSON).
#ifndef ARKSHARE_CLIENTS_CLI_JSON_H_
#define ARKSHARE_CLIENTS_CLI_JSON_H_

#include <absl/strings/string_view.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <string>

namespace arkshare {

// Returns `text` in quotes, as valid UTF-8: a byte that is not UTF-8 becomes U+FFFD. Characters
// that can control a terminal are written as \uNNNN, so the text is complete and safe to print.
std::string JsonString(absl::string_view text);

// Returns a message as one line without a line end (RFC 8259). Fields have the names and the order
// of the proto. Bytes (roots, keys, ids) are lower-case hex, all integers are numbers, and times
// are RFC 3339 in UTC. An enum is its name without the prefix, in lower case ("move" for
// SHARE_POLICY_MOVE). Fields without presence are always written; messages, optional fields and
// fields of a oneof only when set.
std::string ToJson(const google::protobuf::Message& message);

// Builds {"key":value,...} for output that has no proto. Keys are plain ASCII.
class JsonObject {
 public:
  JsonObject& Add(absl::string_view key, absl::string_view value);
  JsonObject& Add(absl::string_view key, const char* value) {
    return Add(key, absl::string_view(value));  // Without this overload, a bool.
  }
  JsonObject& Add(absl::string_view key, uint64_t value);
  JsonObject& Add(absl::string_view key, double value);
  JsonObject& Add(absl::string_view key, bool value);
  JsonObject& Add(absl::string_view key, const google::protobuf::Message& value);
  std::string Finish() const;

 private:
  JsonObject& AddRaw(absl::string_view key, absl::string_view value);

  std::string members_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_JSON_H_
