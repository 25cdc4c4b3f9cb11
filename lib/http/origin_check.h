// Which web pages and addresses may talk to a server that is meant for the browser of its owner.
#ifndef ARKSHARE_LIB_HTTP_ORIGIN_CHECK_H_
#define ARKSHARE_LIB_HTTP_ORIGIN_CHECK_H_

#include <optional>
#include <string>
#include <vector>

#include "lib/http/message.h"

namespace arkshare {

// Decides by headers that scripts cannot set. It keeps out pages of other sites, also those whose
// name was pointed at this machine (DNS rebinding). It proves nothing about other programs, which
// set their headers as they like. Immutable, so thread-safe.
class OriginCheck {
 public:
  struct Options {
    int port = 0;               // of the server
    std::string listen_host{};  // the IP that it listens on
    // More names of this server, in lower case, at any port: of a proxy or a tunnel.
    std::vector<std::string> names{};
  };
  explicit OriginCheck(Options options) : options_(std::move(options)) {}

  // Returns why a request is refused; nullopt when it is not. A page of another site may link to an
  // address that is `linkable`: the owner follows it, and the other page sees nothing of the
  // answer.
  std::optional<HttpResponse> Check(const HttpRequest& request, bool linkable) const;

 private:
  bool IsOurs(const std::string& host) const;

  const Options options_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_HTTP_ORIGIN_CHECK_H_
