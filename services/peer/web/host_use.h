// Under which names of this machine a browser gets the page, and under which the books.
#ifndef ARKSHARE_SERVICES_PEER_WEB_HOST_USE_H_
#define ARKSHARE_SERVICES_PEER_WEB_HOST_USE_H_

#include <string>

#include "lib/http/message.h"

namespace arkshare {

// "127.0.0.1" (or "[::1]") and "localhost" are one machine and two origins, so a script in a book
// has no way to the token of the page. Another name, such as that of a proxy, has to serve for
// both.
enum class HostUse { kPage, kBooks, kBoth };

// Returns the use of a Host header that OriginCheck has let in. Pure.
HostUse UseOfHost(const std::string& host);

// Answers a request at the name for books that is not for a book: leads a browser to the page,
// which is at `page_ip` and the same port, and refuses everything else. `host`: its Host header.
// Pure.
HttpResponse AnswerAtBooksHost(const HttpRequest& request, const std::string& host,
                               const std::string& page_ip);
// Answers a request for a book at the name for the page. Pure.
HttpResponse RefuseBookAtPageHost(const std::string& host);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_WEB_HOST_USE_H_
