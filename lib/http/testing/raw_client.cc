#include "lib/http/testing/raw_client.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

std::string JoinChunks(absl::string_view bytes) {
  std::string joined;
  while (!bytes.empty()) {
    const size_t line = bytes.find("\r\n");
    const size_t size = line == absl::string_view::npos
                            ? 0
                            : std::stoul("0" + std::string(bytes.substr(0, line)), nullptr, 16);
    if (size == 0 || bytes.size() < line + 2 + size) break;
    joined += std::string(bytes.substr(line + 2, size));
    bytes.remove_prefix(std::min(bytes.size(), line + 2 + size + 2));
  }
  return joined;
}

}  // namespace

RawClient::RawClient(const std::string& address) {
  const SocketAddress to = ToSocketAddress(ParseHostPort(address).value()).value();
  socket_ = socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&to.storage), to.length) == 0) return;
  close(socket_);
  socket_ = -1;
}

RawClient::~RawClient() {
  if (socket_ >= 0) close(socket_);
}

bool RawClient::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void RawClient::EndSending() { shutdown(socket_, SHUT_WR); }

bool RawClient::Receive() {
  char buffer[16 * 1024];
  const ssize_t count = recv(socket_, buffer, sizeof(buffer), 0);
  if (count <= 0) return false;
  received_.append(buffer, static_cast<size_t>(count));
  return true;
}

std::string RawClient::ReadAll() {
  while (Receive()) {
  }
  return std::exchange(received_, "");
}

std::string RawClient::ReadUntil(absl::string_view end) {
  size_t at = 0;
  while ((at = received_.find(std::string(end))) == std::string::npos) {
    if (!Receive()) return "";
  }
  std::string found = received_.substr(0, at + end.size());
  received_.erase(0, at + end.size());
  return found;
}

std::string RawClient::ReadBytes(size_t count) {
  while (received_.size() < count && Receive()) {
  }
  std::string found = received_.substr(0, count);
  received_.erase(0, count);
  return found;
}

std::string RawAnswer::Header(absl::string_view name) const {
  for (absl::string_view line : absl::StrSplit(head, "\r\n")) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(": ", 1));
    if (absl::EqualsIgnoreCase(parts.first, name)) return std::string(parts.second);
  }
  return "";
}

RawAnswer ParseAnswer(const std::string& bytes) {
  RawAnswer answer;
  const size_t end = bytes.find("\r\n\r\n");
  if (!absl::StartsWith(bytes, "HTTP/1.1 ") || end == std::string::npos ||
      !absl::SimpleAtoi(bytes.substr(9, 3), &answer.status)) {
    return answer;
  }
  answer.head = bytes.substr(0, end);
  answer.body = bytes.substr(end + 4);
  if (answer.Header("Transfer-Encoding") == "chunked") answer.body = JoinChunks(answer.body);
  return answer;
}

RawAnswer Ask(const std::string& address, const std::string& method, const std::string& target,
              const std::vector<std::string>& headers, const std::string& body) {
  std::string request = absl::StrCat(method, " ", target, " HTTP/1.1\r\nConnection: close\r\n");
  bool has_host = false;
  for (const std::string& header : headers) {
    absl::StrAppend(&request, header, "\r\n");
    has_host = has_host || absl::StartsWith(header, "Host:");
  }
  if (!has_host) absl::StrAppend(&request, "Host: ", address, "\r\n");
  if (!body.empty()) absl::StrAppend(&request, "Content-Length: ", body.size(), "\r\n");
  RawClient client(address);
  if (!client.connected()) return {};
  // A server may answer before it has read a long body, and then reads no more of it.
  (void)client.Send(absl::StrCat(request, "\r\n", body));
  return ParseAnswer(client.ReadAll());
}

}  // namespace arkshare
