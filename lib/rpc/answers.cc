#include "lib/rpc/answers.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "arkshare/v1/index.pb.h"
#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

constexpr int kBootIdBytes = 16;

// Names the field in the message of an error of FromProto.
absl::Status InField(absl::string_view field, const absl::Status& why) {
  return AnswerInvalid(absl::StrCat(field, ": ", why.message()));
}

absl::Status CheckCount(int count, int most, absl::string_view field) {
  if (count <= most) return absl::OkStatus();
  return AnswerInvalid(absl::StrCat(field, " has ", count, " items, more than ", most));
}

// The most items of a page: as many as the request wants.
int PageLimit(int32_t requested, int standard) {
  return requested <= 0 ? standard : std::min<int32_t>(requested, kMaxItems);
}

absl::Status CheckPageToken(const std::string& token, int items) {
  if (token.size() > kMaxPageTokenBytes) return AnswerInvalid("next_page_token is too long");
  if (!token.empty() && items == 0) {
    return AnswerInvalid("a page is empty and is not the last one");
  }
  return absl::OkStatus();
}

absl::Status CheckPolicy(v1::SharePolicy policy, absl::string_view field) {
  if (policy == v1::SHARE_POLICY_MOVE || policy == v1::SHARE_POLICY_COPY) return absl::OkStatus();
  return AnswerInvalid(absl::StrCat(field, " must be SHARE_POLICY_MOVE or SHARE_POLICY_COPY"));
}

absl::Status CheckListing(const v1::Listing& listing, absl::string_view field) {
  const absl::StatusOr<BookListing> parsed = FromProto(listing);
  if (!parsed.ok()) return InField(field, parsed.status());
  return absl::OkStatus();
}

absl::Status CheckPeerId(uint32_t peer_id, absl::string_view field) {
  if (peer_id != 0) return absl::OkStatus();
  return AnswerInvalid(absl::StrCat(field, " must be 1 or more"));
}

absl::Status CheckRelayPort(uint32_t port, absl::string_view field) {
  constexpr uint32_t kMaxPort = 65'535;
  if (port <= kMaxPort) return absl::OkStatus();
  return AnswerInvalid(absl::StrCat(field, " must be at most 65535"));
}

// Shared by Peer and Holder.
template <typename PeerOrHolder>
absl::Status CheckWhoAndWhere(const PeerOrHolder& peer, absl::string_view field) {
  if (absl::Status s = CheckPeerId(peer.peer_id(), absl::StrCat(field, ".peer_id")); !s.ok()) {
    return s;
  }
  const std::string key_field = absl::StrCat(field, ".public_key");
  const absl::StatusOr<PublicKey> key = KeyFromProto(peer.public_key(), key_field);
  if (!key.ok()) return AnswerInvalid(key.status().message());
  if (absl::Status s = CheckPolicy(peer.policy(), absl::StrCat(field, ".policy")); !s.ok()) {
    return s;
  }
  return absl::OkStatus();
}

absl::Status CheckPeer(const v1::Peer& peer, absl::string_view field) {
  if (absl::Status s = CheckWhoAndWhere(peer, field); !s.ok()) return s;
  if (absl::Status s = CheckRelayPort(peer.relay_port(), absl::StrCat(field, ".relay_port"));
      !s.ok()) {
    return s;
  }
  if (!peer.local_address().empty() && !IsPrivateAddress(peer.local_address())) {
    return AnswerInvalid(absl::StrCat(field, ".local_address is not a private address"));
  }
  // The index gives a loopback address to its own machine only, and a relayed peer has none.
  if (peer.address().empty()) return absl::OkStatus();
  return CheckPeerAddress(peer.address(), absl::StrCat(field, ".address"));
}

absl::Status CheckReplica(const v1::ReplicaState& replica) {
  if (replica.store() == v1::ReplicaState::STORE_UNSPECIFIED ||
      !v1::ReplicaState::Store_IsValid(replica.store())) {
    return AnswerInvalid("replica.store is not known");
  }
  if (!DurationFromProto(replica.behind(), "behind").ok()) {
    return AnswerInvalid("replica.behind must be 0 or more");
  }
  return absl::OkStatus();
}

absl::Status CheckHolder(const v1::Holder& holder) {
  if (absl::Status s = CheckWhoAndWhere(holder, "holder"); !s.ok()) return s;
  if (holder.listing_number() == 0) {
    return AnswerInvalid("holder.listing_number must be 1 or more");
  }
  if (absl::Status s = CheckRelayPort(holder.relay_port(), "holder.relay_port"); !s.ok()) return s;
  if (holder.address().empty() && holder.relay_port() != 0) return absl::OkStatus();
  return CheckPeerAddress(holder.address(), "holder.address");
}

absl::Status CheckResult(const v1::SearchResponse::Result& result, bool partial_wanted) {
  const absl::StatusOr<BookName> name = BookName::Parse(result.name());
  if (!name.ok()) return InField("result.name", name.status());
  const absl::StatusOr<ContentId> content = FromProto(result.content());
  if (!content.ok()) return InField("result", content.status());
  const auto partial =
      static_cast<int>(std::count_if(result.holders().begin(), result.holders().end(),
                                     [](const v1::Holder& holder) { return holder.partial(); }));
  if (absl::Status s =
          CheckCount(result.holders_size() - partial, kMaxWholeHolders, "result.holders");
      !s.ok()) {
    return s;
  }
  if (absl::Status s =
          CheckCount(partial, partial_wanted ? kMaxPartialHolders : 0, "result.holders of a part");
      !s.ok()) {
    return s;
  }
  for (const v1::Holder& holder : result.holders()) {
    if (absl::Status s = CheckHolder(holder); !s.ok()) return s;
  }
  return absl::OkStatus();
}

// Whether the result answers the query; for keywords, only the index knows.
bool Answers(const v1::SearchResponse::Result& result, const v1::SearchRequest& request) {
  switch (request.query_case()) {
    case v1::SearchRequest::kName:
      return result.name() == request.name();
    case v1::SearchRequest::kContent:
      return result.content().root() == request.content().root() &&
             result.content().size_bytes() == request.content().size_bytes();
    default:
      return true;
  }
}

absl::Status CheckEvent(const v1::WatchResponse& event) {
  switch (event.event_case()) {
    case v1::WatchResponse::kBookListed:
      if (absl::Status s = CheckPeerId(event.book_listed().peer_id(), "book_listed.peer_id");
          !s.ok()) {
        return s;
      }
      return CheckListing(event.book_listed().listing(), "book_listed.listing");
    case v1::WatchResponse::kBookGone:
      if (absl::Status s = CheckPeerId(event.book_gone().peer_id(), "book_gone.peer_id"); !s.ok()) {
        return s;
      }
      return CheckListing(event.book_gone().listing(), "book_gone.listing");
    case v1::WatchResponse::kBookMoved:
      if (absl::Status s =
              CheckPeerId(event.book_moved().from_peer_id(), "book_moved.from_peer_id");
          !s.ok()) {
        return s;
      }
      if (absl::Status s = CheckPeerId(event.book_moved().to_peer_id(), "book_moved.to_peer_id");
          !s.ok()) {
        return s;
      }
      if (absl::Status s = CheckListing(event.book_moved().old_listing(), "book_moved.old_listing");
          !s.ok()) {
        return s;
      }
      return CheckListing(event.book_moved().new_listing(), "book_moved.new_listing");
    case v1::WatchResponse::kPeerListed:
      return CheckPeer(event.peer_listed().peer(), "peer_listed.peer");
    case v1::WatchResponse::kPeerGone:
      return CheckPeerId(event.peer_gone().peer_id(), "peer_gone.peer_id");
    case v1::WatchResponse::kSnapshotComplete:
    case v1::WatchResponse::kResumed:
    case v1::WatchResponse::EVENT_NOT_SET:  // an event of a newer index
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AnswerInvalid(absl::string_view what) {
  return MakeError(
      Reason::kAnswerInvalid,
      absl::StrCat("the answer breaks the contract: ", CutText(what),
                   "; compare the versions of both programs, or use another index or peer"));
}

std::string CutText(absl::string_view text) { return std::string(text.substr(0, kMaxTextBytes)); }

absl::Status CheckPeerAddress(const std::string& address, absl::string_view field) {
  // Parsed only when short, because the error quotes it.
  constexpr size_t kMaxAddressBytes = kMaxHostBytes + sizeof("[]:65535");
  absl::StatusOr<HostPort> parsed = absl::InvalidArgumentError("it is too long");
  if (address.size() <= kMaxAddressBytes) parsed = ParseHostPort(address);
  if (!parsed.ok()) return InField(field, parsed.status());
  if (parsed->port != 0 && parsed->host.size() <= kMaxHostBytes) return absl::OkStatus();
  return AnswerInvalid(absl::StrCat(field, " must have a port from 1 to 65535"));
}

absl::Status CheckAnswer(const v1::RegisterRequest& request, const v1::RegisterResponse& answer) {
  if (absl::Status s = CheckPeerId(answer.peer_id(), "peer_id"); !s.ok()) return s;
  const std::string& token = answer.session_token();
  if (token.empty() || token.size() > kMaxSessionTokenBytes ||
      !std::all_of(token.begin(), token.end(),
                   [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); })) {
    return AnswerInvalid("session_token must be 1 to 256 visible ASCII characters");
  }
  const absl::StatusOr<absl::Duration> lease = DurationFromProto(answer.lease(), "lease");
  if (!lease.ok() || *lease < kMinLease || *lease > kMaxLease) {
    return AnswerInvalid("lease must be 1 s to 24 h");
  }
  if (answer.boot_id().size() != kBootIdBytes) return AnswerInvalid("boot_id must be 16 bytes");
  // A number that no ledger draws: SQLite's are of 63 bits.
  constexpr uint64_t kMaxListing = std::numeric_limits<int64_t>::max();
  if (answer.largest_listing_number() > kMaxListing) {
    return AnswerInvalid("largest_listing_number is larger than any listing number can be");
  }
  if (absl::Status s = CheckRelayPort(answer.relay_port(), "relay_port"); !s.ok()) return s;
  if (request.by_relay() && answer.address().empty()) return absl::OkStatus();
  return CheckPeerAddress(answer.address(), "address");
}

absl::Status CheckAnswer(const v1::SearchRequest& request, const v1::SearchResponse& answer) {
  const int most = PageLimit(request.page_size(), kStandardSearchResults);
  if (absl::Status s = CheckCount(answer.results_size(), most, "results"); !s.ok()) return s;
  const bool partial_wanted = request.has_content() && request.include_partial();
  for (const v1::SearchResponse::Result& result : answer.results()) {
    if (absl::Status s = CheckResult(result, partial_wanted); !s.ok()) return s;
    if (!Answers(result, request)) return AnswerInvalid("a result is not of this query");
  }
  return CheckPageToken(answer.next_page_token(), answer.results_size());
}

absl::Status CheckAnswer(const v1::ListPeersRequest& request, const v1::ListPeersResponse& answer) {
  const bool one = request.filter_case() != v1::ListPeersRequest::FILTER_NOT_SET;
  const int most = one ? 1 : PageLimit(request.page_size(), kStandardListItems);
  if (absl::Status s = CheckCount(answer.peers_size(), most, "peers"); !s.ok()) return s;
  uint32_t last = 0;
  for (const v1::Peer& peer : answer.peers()) {
    if (absl::Status s = CheckPeer(peer, "peer"); !s.ok()) return s;
    if (peer.peer_id() <= last) return AnswerInvalid("peers are not in order of peer_id");
    last = peer.peer_id();
    if ((request.has_peer_id() && peer.peer_id() != request.peer_id()) ||
        (request.has_public_key() && peer.public_key() != request.public_key())) {
      return AnswerInvalid("another peer than the one that was asked for");
    }
  }
  if (answer.has_replica()) {
    if (absl::Status s = CheckReplica(answer.replica()); !s.ok()) return s;
  }
  return CheckPageToken(answer.next_page_token(), answer.peers_size());
}

absl::Status CheckAnswer(const v1::ListBooksRequest& request, const v1::ListBooksResponse& answer) {
  const int most = PageLimit(request.page_size(), kStandardListItems);
  if (absl::Status s = CheckCount(answer.listings_size(), most, "listings"); !s.ok()) return s;
  for (const v1::Listing& listing : answer.listings()) {
    if (absl::Status s = CheckListing(listing, "listing"); !s.ok()) return s;
    if (listing.partial()) return AnswerInvalid("listing.partial must not be set");
  }
  return CheckPageToken(answer.next_page_token(), answer.listings_size());
}

absl::Status CheckAnswer(const v1::UpdateOwnerRequest& request,
                         const v1::UpdateOwnerResponse& answer) {
  if (answer.results_size() == request.items_size()) return absl::OkStatus();
  return AnswerInvalid("the number of results is not that of the items");
}

absl::Status CheckAnswer(const v1::ListMembersRequest& /*request*/,
                         const v1::ListMembersResponse& answer) {
  for (const v1::Member& member : answer.members().members()) {
    const absl::StatusOr<PublicKey> key =
        KeyFromProto(member.public_key(), "members.members.public_key");
    if (!key.ok()) return AnswerInvalid(key.status().message());
  }
  return absl::OkStatus();
}

absl::Status CheckAnswer(const v1::WatchResponse& answer) {
  if (answer.boot_id().size() != kBootIdBytes) return AnswerInvalid("boot_id must be 16 bytes");
  if (absl::Status s = CheckCount(answer.more_size(), kMaxItems, "more"); !s.ok()) return s;
  if (absl::Status s = CheckEvent(answer); !s.ok()) return s;
  for (const v1::WatchResponse& event : answer.more()) {
    if (event.more_size() > 0) return AnswerInvalid("an event of `more` has `more`");
    if (absl::Status s = CheckEvent(event); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace arkshare
