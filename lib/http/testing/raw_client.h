// Bytes to and from a port of this machine, for tests of servers.
#ifndef ARKSHARE_LIB_HTTP_TESTING_RAW_CLIENT_H_
#define ARKSHARE_LIB_HTTP_TESTING_RAW_CLIENT_H_

#include <absl/strings/string_view.h>

#include <string>
#include <utility>
#include <vector>

namespace arkshare {

// One connection. For one thread.
class RawClient {
 public:
  // Connects to "127.0.0.1:PORT", with any IP that means this machine.
  explicit RawClient(const std::string& address);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return socket_ >= 0; }
  // False when the other end has closed the connection.
  bool Send(absl::string_view bytes);
  // Tells the other end that nothing more is sent.
  void EndSending();
  // Returns all bytes until the other end closes, after what was read before.
  std::string ReadAll();
  // Reads until the bytes have `end`, and returns them up to there; "" when the connection ends
  // first.
  std::string ReadUntil(absl::string_view end);
  // Reads exactly this many bytes; fewer when the connection ends first.
  std::string ReadBytes(size_t count);

 private:
  bool Receive();  // false: the connection has ended

  int socket_ = -1;
  std::string received_;
};

// One answer of a server.
struct RawAnswer {
  int status = 0;  // 0: no answer
  std::string head;
  std::string body;  // without the framing of its chunks

  // Returns the value of a header; "" when there is none.
  std::string Header(absl::string_view name) const;
};
RawAnswer ParseAnswer(const std::string& bytes);

// Sends a request with these headers after Host, and "Connection: close". Returns the answer.
RawAnswer Ask(const std::string& address, const std::string& method, const std::string& target,
              const std::vector<std::string>& headers = {}, const std::string& body = "");

}  // namespace arkshare

#endif  // ARKSHARE_LIB_HTTP_TESTING_RAW_CLIENT_H_
