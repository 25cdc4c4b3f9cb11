// The words between the index's relay and the programs that connect to it: HTTP CONNECT.
#ifndef ARKSHARE_LIB_RELAY_CONNECT_HEAD_H_
#define ARKSHARE_LIB_RELAY_CONNECT_HEAD_H_

#include <absl/strings/string_view.h>

#include <cstddef>
#include <optional>
#include <string>

namespace arkshare {

// The longest head, with the empty line at its end.
inline constexpr size_t kMaxHeadBytes = 1'024;
// The length of a call_id and of a registration_id in the protos, in bytes.
inline constexpr size_t kCallIdBytes = 16;

// The answers of the relay: status codes of HTTP.
enum class RelayAnswer {
  kConnected = 200,
  kBadHead = 400,
  kNotTls = 403,      // the index uses TLS, and what came is not TLS
  kNoSuchPeer = 404,  // no peer with this key can be called, or no connection waits for this call
  kTooMany = 429,     // of this caller, or for this peer
  kFull = 503,        // the relay carries as much as it may
  kDidNotCome = 504,  // the peer was called and did not come in time
};

// The wish of a connection to the relay.
struct RelayTarget {
  enum class Kind {
    kPeer,  // to be connected to the peer with a key
    kCall,  // to be connected to the connection that this call is about
  };
  Kind kind = Kind::kPeer;
  std::string id;  // of kPeer the 32 bytes of the key, of kCall the kCallIdBytes of the call

  bool operator==(const RelayTarget&) const = default;
};

// The caller for which a replica of the index asks at the relay of another one.
struct OnwardCaller {
  // The network that the connection comes from; empty for the machine of that replica.
  std::string source;
  std::string proof;  // see OnwardProof

  bool operator==(const OnwardCaller&) const = default;
};

// Returns the 32 bytes by which a relay knows that the caller of OnwardCaller is named by a
// replica: HMAC-SHA-256(secret of the relay, "arkshare-onward-v1" || key of the wanted peer ||
// source).
std::string OnwardProof(absl::string_view secret, absl::string_view peer_key,
                        absl::string_view source);

// Returns the whole head that asks for `authority` (of lib/rpc/relayed_target.h), and the whole
// answer.
std::string ConnectRequest(absl::string_view authority,
                           const std::optional<OnwardCaller>& caller = std::nullopt);
std::string ConnectAnswer(RelayAnswer answer);

// Parse a head of HeadReader. Nothing: it is not such a head.
std::optional<RelayTarget> ParseConnectRequest(absl::string_view head);
std::optional<int> ParseConnectAnswer(absl::string_view head);
// Returns the value of the line "NAME: VALUE" of a head; nothing: it has no such line.
std::optional<std::string> ConnectLine(absl::string_view head, absl::string_view name);
// Returns the caller that the head of a request names; nothing: it names none, or not as it should.
std::optional<OnwardCaller> ParseOnwardCaller(absl::string_view head);

// Collects the bytes of a connection until the head is complete. Pure. Not thread-safe.
class HeadReader {
 public:
  enum class State { kIncomplete, kComplete, kInvalid };

  // A head that does not begin with `begin` is invalid as soon as that shows.
  explicit HeadReader(absl::string_view begin) : begin_(begin) {}
  static HeadReader ForRequest() { return HeadReader("CONNECT "); }
  static HeadReader ForAnswer() { return HeadReader("HTTP/1."); }

  // Adds what came, of any length. To be called while the state is kIncomplete.
  State Add(absl::string_view bytes);
  State state() const { return state_; }
  // Returns the complete head, with its empty line.
  absl::string_view head() const { return absl::string_view(bytes_).substr(0, head_bytes_); }
  // Returns what came after the complete head.
  absl::string_view rest() const { return absl::string_view(bytes_).substr(head_bytes_); }

 private:
  absl::string_view begin_;
  State state_ = State::kIncomplete;
  std::string bytes_;
  size_t head_bytes_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RELAY_CONNECT_HEAD_H_
