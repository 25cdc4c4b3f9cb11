// Requests and answers of HTTP, as handlers see them.
#ifndef ARKSHARE_LIB_HTTP_MESSAGE_H_
#define ARKSHARE_LIB_HTTP_MESSAGE_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace arkshare {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method{};   // as sent: "GET"
  std::string version{};  // "HTTP/1.1"
  // As sent: path and query, still percent-encoded.
  std::string target{};
  HttpHeaders headers{};  // names in lower case
  std::string body{};     // empty when a BodySink took it
  int socket = -1;        // of the connection

  // Returns the target up to its query.
  absl::string_view path() const;
  // Returns the value of the first header with this name, in lower case; nullptr when there is
  // none.
  const std::string* Header(absl::string_view name) const;
  // Returns the length of the body; nullopt when the request does not say it.
  std::optional<uint64_t> ContentLength() const;
};

// True when the client has closed a connection, or the half of it that it sends on.
bool ClientGone(int socket);

// The body of an answer that is made while it is sent. Its destructor ends what makes it.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // Waits for the next bytes, puts at most `size` of them into `buffer`, and returns their number;
  // 0 at the end; nullopt when the body breaks off, which breaks the connection.
  virtual std::optional<size_t> Read(char* buffer, size_t size) = 0;
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers{};
  std::string body{};
  // In place of `body`: bytes that live as long as the process.
  absl::string_view fixed{};
  // In place of `body`.
  std::unique_ptr<BodySource> source{};
  // The length of `source`, when it is known.
  std::optional<uint64_t> source_size{};
};

// Takes the body of a request while it arrives. Destroyed without End, it undoes what it did.
class BodySink {
 public:
  virtual ~BodySink() = default;
  // False: it takes no more, and End says why.
  virtual bool Write(absl::string_view bytes) = 0;
  // The whole body has arrived, or Write has returned false.
  virtual HttpResponse End() = 0;
};

// Answers requests. Thread-safe: each connection has a thread. Its functions throw nothing.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Looks at a request before its body is read. An answer ends it here.
  virtual std::optional<HttpResponse> Check(const HttpRequest& request) = 0;
  // Returns where the body of a checked request goes; nullptr: into HttpRequest::body. An answer
  // ends the request before its body.
  virtual std::variant<std::unique_ptr<BodySink>, HttpResponse> TakeBody(
      const HttpRequest& request);
  // Answers a checked request whose body is here.
  virtual HttpResponse Handle(const HttpRequest& request) = 0;
  // Ends what Handle and its bodies wait for, now and later. Called before the threads are awaited.
  virtual void Stop() {}
};

// An answer of text for people. Adds the last newline.
HttpResponse TextResponse(int status, absl::string_view text);

// Decodes a percent-encoded part of a path. InvalidArgument: a broken escape, or a NUL byte.
absl::StatusOr<std::string> PercentDecode(absl::string_view text);

// Returns why a request is not taken at all, whatever it asks for: it can be read in two ways, or
// is no HTTP/1. Its connection must not be used again, which the answer says.
std::optional<HttpResponse> CheckForm(const HttpRequest& request);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_HTTP_MESSAGE_H_
