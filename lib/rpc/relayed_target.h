// How peers are named that are reached through the relay of an index.
#ifndef ARKSHARE_LIB_RPC_RELAYED_TARGET_H_
#define ARKSHARE_LIB_RPC_RELAYED_TARGET_H_

#include <absl/strings/string_view.h>

#include <cstdint>
#include <optional>
#include <string>

#include "lib/core/key.h"

namespace arkshare {

// Return what a connection to the relay asks for: "<64 hex digits>.peer:1", the peer with a key,
// and
// "<32 hex digits>.call:1", the connection that a call is about.
std::string PeerAuthority(const PublicKey& key);
std::string CallAuthority(absl::string_view call_id);

// A relayed target, "relay:HOST:PORT", is a target for Dialer::Dial and takes the place of a peer's
// address: the peer is reached through the relay at HOST:PORT. No address of an answer of the index
// has this form (CheckPeerAddress).
//
// Returns the relayed target of a relay that listens at `port` on the host of the index at
// `index_address`, "HOST:PORT". Returns "" when `port` is 0, or the address is none.
std::string RelayedTarget(const std::string& index_address, uint32_t port);
// Returns the "HOST:PORT" of the relay; nothing for a target of another form.
std::optional<std::string> RelayOf(absl::string_view target);

// "192.0.2.7:4711", or "the relay at books.example.org:50052".
std::string PlaceInWords(const std::string& target);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_RELAYED_TARGET_H_
