#include "lib/http/message.h"

#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <poll.h>

#include <algorithm>

namespace arkshare {
namespace {

// Headers that mean something different when they come twice.
constexpr absl::string_view kOnce[] = {"host",         "content-length", "transfer-encoding",
                                       "content-type", "authorization",  "origin"};

HttpResponse Malformed(int status, absl::string_view why) {
  HttpResponse response = TextResponse(status, why);
  response.headers.emplace_back("Connection", "close");
  return response;
}

bool IsPrintable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

absl::string_view HttpRequest::path() const {
  return absl::string_view(target).substr(0, target.find('?'));
}

const std::string* HttpRequest::Header(absl::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::optional<uint64_t> HttpRequest::ContentLength() const {
  const std::string* const text = Header("content-length");
  uint64_t length = 0;
  if (text == nullptr || !absl::SimpleAtoi(*text, &length)) return std::nullopt;
  return length;
}

bool ClientGone(int socket) {
  pollfd state{.fd = socket, .events = POLLRDHUP, .revents = 0};
  return poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

std::variant<std::unique_ptr<BodySink>, HttpResponse> HttpHandler::TakeBody(
    const HttpRequest& /*request*/) {
  return std::unique_ptr<BodySink>();
}

HttpResponse TextResponse(int status, absl::string_view text) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}};
  response.body = absl::StrCat(text, "\n");
  return response;
}

absl::StatusOr<std::string> PercentDecode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return absl::InvalidArgumentError("a \"%\" without two hex digits");
    if (high == 0 && low == 0) return absl::InvalidArgumentError("a NUL byte");
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

std::optional<HttpResponse> CheckForm(const HttpRequest& request) {
  if (request.version != "HTTP/1.1" && request.version != "HTTP/1.0") {
    return Malformed(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  }
  if (!absl::StartsWith(request.target, "/") || !IsPrintable(request.target)) {
    return Malformed(400, "the address in the request must be a path, percent-encoded");
  }
  for (absl::string_view name : kOnce) {
    const auto same = [&](const auto& header) { return header.first == name; };
    if (std::count_if(request.headers.begin(), request.headers.end(), same) > 1) {
      return Malformed(400, absl::StrCat("the header \"", name, "\" comes twice"));
    }
  }
  if (const std::string* const encoding = request.Header("transfer-encoding")) {
    if (request.Header("content-length") != nullptr) {
      return Malformed(400, "Content-Length and Transfer-Encoding exclude each other");
    }
    if (!absl::EqualsIgnoreCase(*encoding, "chunked")) {
      return Malformed(501, "of the transfer encodings, only chunked is understood");
    }
  }
  const std::string* const length = request.Header("content-length");
  if (length != nullptr && (!request.ContentLength().has_value() ||
                            !std::all_of(length->begin(), length->end(), absl::ascii_isdigit))) {
    return Malformed(400, "Content-Length is not a number");
  }
  return std::nullopt;
}

}  // namespace arkshare
