// Makes small books and peers for the tests of the index.
#ifndef ARKSHARE_SERVICES_INDEX_TESTING_SAMPLE_BOOKS_H_
#define ARKSHARE_SERVICES_INDEX_TESTING_SAMPLE_BOOKS_H_

#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>
#include <utility>

#include "lib/core/key.h"
#include "lib/core/merkle.h"
#include "services/index/catalog/records.h"

namespace arkshare {

// Returns the content that belongs to `seed`.
inline ContentId TestContent(uint64_t seed) {
  ContentId content;
  for (size_t i = 0; i < 8; ++i) content.root[i] = static_cast<uint8_t>(seed >> (8 * i));
  content.size = seed;
  return content;
}

inline BookListing TestListing(uint64_t number, absl::string_view name, uint64_t content_seed) {
  return {number, BookName::Parse(name).value(), TestContent(content_seed)};
}

inline StatementRecord Present(uint64_t number, absl::string_view name, uint64_t content_seed) {
  return StatementRecord::Present(TestListing(number, name, content_seed));
}

// Returns the same for a book that the peer is still receiving.
inline StatementRecord PresentPart(uint64_t number, absl::string_view name, uint64_t content_seed) {
  BookListing listing = TestListing(number, name, content_seed);
  listing.partial = true;
  return StatementRecord::Present(std::move(listing));
}

// Returns the key that belongs to `seed`. It has no private half.
inline PublicKey TestKey(uint8_t seed) {
  std::string bytes(32, '\x22');
  bytes[0] = static_cast<char>(seed);
  return PublicKey::FromBytes(bytes).value();
}

inline PeerInfo TestPeer(uint32_t peer_id, uint8_t key_seed) {
  PeerInfo peer;
  peer.peer_id = peer_id;
  peer.key = TestKey(key_seed);
  peer.address = "10.0.0." + std::to_string(peer_id) + ":4000";
  peer.policy = v1::SHARE_POLICY_MOVE;
  peer.free_slots = 8;
  return peer;
}

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_TESTING_SAMPLE_BOOKS_H_
