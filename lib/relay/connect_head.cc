#include "lib/relay/connect_head.h"

#include <absl/status/statusor.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include <algorithm>

#include "lib/core/content_id.h"
#include "lib/core/hmac.h"

namespace arkshare {
namespace {

constexpr absl::string_view kEndOfHead = "\r\n\r\n";
constexpr absl::string_view kOnwardLine = "Arkshare-Onward";
constexpr absl::string_view kThisMachine = "-";
constexpr size_t kKeyBytes = 32;
constexpr size_t kProofBytes = 32;
constexpr size_t kCodeDigits = 3;

absl::string_view InWords(RelayAnswer answer) {
  switch (answer) {
    case RelayAnswer::kConnected:
      return "OK";
    case RelayAnswer::kBadHead:
      return "Bad Request";
    case RelayAnswer::kNotTls:
      return "Forbidden";
    case RelayAnswer::kNoSuchPeer:
      return "Not Found";
    case RelayAnswer::kTooMany:
      return "Too Many Requests";
    case RelayAnswer::kFull:
      return "Service Unavailable";
    case RelayAnswer::kDidNotCome:
      return "Gateway Timeout";
  }
  return "";
}

// Returns the first line, without its end.
absl::string_view FirstLine(absl::string_view head) { return head.substr(0, head.find("\r\n")); }

}  // namespace

std::string OnwardProof(absl::string_view secret, absl::string_view peer_key,
                        absl::string_view source) {
  return HmacSha256(secret, absl::StrCat("arkshare-onward-v1", peer_key, source));
}

std::string ConnectRequest(absl::string_view authority, const std::optional<OnwardCaller>& caller) {
  std::string head = absl::StrCat("CONNECT ", authority, " HTTP/1.1\r\nHost: ", authority);
  if (caller.has_value()) {
    absl::StrAppend(&head, "\r\n", kOnwardLine, ": ",
                    caller->source.empty() ? kThisMachine : absl::string_view(caller->source), " ",
                    ToHex(caller->proof));
  }
  absl::StrAppend(&head, kEndOfHead);
  return head;
}

std::string ConnectAnswer(RelayAnswer answer) {
  std::string head =
      absl::StrCat("HTTP/1.1 ", static_cast<int>(answer), " ", InWords(answer), "\r\n");
  if (answer != RelayAnswer::kConnected) {
    absl::StrAppend(&head, "Content-Length: 0\r\nConnection: close\r\n");
  }
  absl::StrAppend(&head, "\r\n");
  return head;
}

std::optional<RelayTarget> ParseConnectRequest(absl::string_view head) {
  absl::string_view line = FirstLine(head);
  if (!absl::ConsumePrefix(&line, "CONNECT ") ||
      (!absl::ConsumeSuffix(&line, " HTTP/1.1") && !absl::ConsumeSuffix(&line, " HTTP/1.0"))) {
    return std::nullopt;
  }
  RelayTarget target;
  size_t length = kKeyBytes;
  if (absl::ConsumeSuffix(&line, ".call:1")) {
    target.kind = RelayTarget::Kind::kCall;
    length = kCallIdBytes;
  } else if (!absl::ConsumeSuffix(&line, ".peer:1")) {
    return std::nullopt;
  }
  if (line.size() != 2 * length) return std::nullopt;
  absl::StatusOr<std::string> id = FromHex(line);
  if (!id.ok() || id->size() != length) return std::nullopt;
  target.id = *std::move(id);
  return target;
}

std::optional<int> ParseConnectAnswer(absl::string_view head) {
  absl::string_view line = FirstLine(head);
  if (!absl::ConsumePrefix(&line, "HTTP/1.1 ") && !absl::ConsumePrefix(&line, "HTTP/1.0 ")) {
    return std::nullopt;
  }
  const absl::string_view digits = line.substr(0, line.find(' '));
  int code = 0;
  if (digits.size() != kCodeDigits || !absl::SimpleAtoi(digits, &code) || code < 100) {
    return std::nullopt;
  }
  return code;
}

std::optional<std::string> ConnectLine(absl::string_view head, absl::string_view name) {
  const std::string begin = absl::StrCat("\r\n", name, ": ");
  const size_t place = head.find(begin);
  if (place == absl::string_view::npos) return std::nullopt;
  const absl::string_view value = head.substr(place + begin.size());
  return std::string(value.substr(0, value.find("\r\n")));
}

std::optional<OnwardCaller> ParseOnwardCaller(absl::string_view head) {
  const std::optional<std::string> value = ConnectLine(head, kOnwardLine);
  if (!value.has_value()) return std::nullopt;
  const absl::string_view line = *value;
  const size_t space = line.find(' ');
  if (space == 0 || space == absl::string_view::npos) return std::nullopt;
  OnwardCaller caller;
  if (const absl::string_view source = line.substr(0, space); source != kThisMachine) {
    caller.source = std::string(source);
  }
  absl::StatusOr<std::string> proof = FromHex(line.substr(space + 1));
  if (!proof.ok() || proof->size() != kProofBytes) return std::nullopt;
  caller.proof = *std::move(proof);
  return caller;
}

HeadReader::State HeadReader::Add(absl::string_view bytes) {
  // The end may lie across two pieces.
  const size_t from = bytes_.size() - std::min(bytes_.size(), kEndOfHead.size() - 1);
  bytes_.append(bytes.data(), bytes.size());
  const size_t compared = std::min(bytes_.size(), begin_.size());
  if (absl::string_view(bytes_).substr(0, compared) != begin_.substr(0, compared)) {
    return state_ = State::kInvalid;
  }
  const size_t end = absl::string_view(bytes_).find(kEndOfHead, from);
  if (end != std::string::npos && end + kEndOfHead.size() <= kMaxHeadBytes) {
    head_bytes_ = end + kEndOfHead.size();
    return state_ = State::kComplete;
  }
  if (bytes_.size() >= kMaxHeadBytes) state_ = State::kInvalid;
  return state_;
}

}  // namespace arkshare
