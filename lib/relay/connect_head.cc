#include "lib/relay/connect_head.h"

#include <absl/status/statusor.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include <algorithm>

#include "lib/core/content_id.h"

namespace arkshare {
namespace {

constexpr absl::string_view kEndOfHead = "\r\n\r\n";
constexpr size_t kKeyBytes = 32;
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

std::string ConnectRequest(absl::string_view authority) {
  return absl::StrCat("CONNECT ", authority, " HTTP/1.1\r\nHost: ", authority, kEndOfHead);
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
