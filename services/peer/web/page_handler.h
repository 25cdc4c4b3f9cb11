// The door of the owner's web page: which requests of a browser get in, and where they go.
#ifndef ARKSHARE_SERVICES_PEER_WEB_PAGE_HANDLER_H_
#define ARKSHARE_SERVICES_PEER_WEB_PAGE_HANDLER_H_

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "lib/http/connect_bridge.h"
#include "lib/http/message.h"
#include "lib/http/origin_check.h"
#include "lib/http/static_files.h"
#include "services/peer/web/page_books.h"
#include "services/peer/web/page_sessions.h"

namespace arkshare {

// Answers GET of the page's files, POST and DELETE of /session, and with a token calls and PUT of
// books. GET of a book needs the ticket of OpenBook instead, and is at another host: see HostUse.
// Thread-safe.
class PageHandler : public HttpHandler {
 public:
  struct Parts {  // all must outlive the handler
    const StaticFiles* files;
    PageSessions* sessions;
    ConnectBridge* bridge;
    PageBooks* books;
  };
  // `page_ip` is the loopback address of the page for a browser of this machine. `boot_id` names
  // the process, in hex.
  PageHandler(Parts parts, OriginCheck origin, std::string page_ip, std::string boot_id)
      : parts_(parts),
        origin_(std::move(origin)),
        page_ip_(std::move(page_ip)),
        boot_id_(std::move(boot_id)) {}

  std::optional<HttpResponse> Check(const HttpRequest& request) override;
  std::variant<std::unique_ptr<BodySink>, HttpResponse> TakeBody(
      const HttpRequest& request) override;
  HttpResponse Handle(const HttpRequest& request) override;
  void Stop() override { parts_.bridge->Stop(); }

 private:
  std::optional<HttpResponse> Refuse(const HttpRequest& request);
  // Refuses the page at the name for books, and the other way round.
  std::optional<HttpResponse> CheckHostUse(const HttpRequest& request) const;
  HttpResponse Answer(const HttpRequest& request);
  HttpResponse SignIn(const HttpRequest& request);
  HttpResponse SignOut(const HttpRequest& request);
  HttpResponse Call(const HttpRequest& request);
  // Returns why the caller is not signed in; nullopt when it is.
  std::optional<HttpResponse> CheckToken(const HttpRequest& request) const;
  // Adds what every answer has.
  HttpResponse Finish(HttpResponse response) const;

  const Parts parts_;
  const OriginCheck origin_;
  const std::string page_ip_;
  const std::string boot_id_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_WEB_PAGE_HANDLER_H_
