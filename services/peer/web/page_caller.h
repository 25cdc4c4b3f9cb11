// The session of the web page that a call of PeerService comes from.
#ifndef ARKSHARE_SERVICES_PEER_WEB_PAGE_CALLER_H_
#define ARKSHARE_SERVICES_PEER_WEB_PAGE_CALLER_H_

#include <grpcpp/server_context.h>

#include <string>

namespace arkshare {

// The metadata with which the page names the session, in hex.
inline constexpr char kPageSessionKey[] = "arkshare-page-session";

// Returns the id of the session; "" for a call that comes from no page.
std::string PageSessionOf(const grpc::ServerContext& context);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_WEB_PAGE_CALLER_H_
