// Tells the owner how other peers reach this one.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_REACHABILITY_H_
#define ARKSHARE_SERVICES_PEER_SESSION_REACHABILITY_H_

#include <string>

#include "arkshare/v1/index.pb.h"

namespace arkshare {

// Returns what is wrong and what to do; "" when other peers can reach this one.
// `listens_on_loopback`: no other machine can connect to this peer's port, which the index cannot
// know.
std::string ReachabilityInWords(const v1::RegisterResponse& response, bool listens_on_loopback);

// Returns what is wrong and what to do when the index could reach this peer at `address` (empty:
// through its relay), and cannot any more.
std::string UnreachableInWords(const std::string& address);

// For the owner of a peer whose place another one has taken.
inline constexpr char kSupersededAdvice[] =
    "another peer with the same key has registered, so this one stops: run only one of them. If "
    "this folder is a copy of the other's, remove .arkshare from the copy, which keeps its books, "
    "and start it again";

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_REACHABILITY_H_
