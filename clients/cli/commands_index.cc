#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include <algorithm>

#include "clients/cli/commands.h"
#include "clients/cli/json.h"
#include "clients/cli/render.h"
#include "lib/core/book_name.h"
#include "lib/core/byte_size.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/core/ticket.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/relayed_target.h"

namespace arkshare {
namespace {

constexpr absl::Duration kConnectTimeout = absl::Seconds(5);
// In this network, where another machine may have the same address, or none has it.
constexpr absl::Duration kNearTimeout = absl::Milliseconds(300);
constexpr size_t kNonceBytes = 32;

absl::StatusOr<v1::SearchRequest> QueryOf(const SearchOptions& options) {
  const int queries = (options.words.empty() ? 0 : 1) + (options.name.empty() ? 0 : 1) +
                      (options.root.empty() ? 0 : 1);
  if (queries != 1 || (options.root.empty() && options.size.has_value())) {
    return MakeError(Reason::kQueryEmpty,
                     "a search needs one of WORDS, --name NAME, or --root HEX with --size N");
  }
  v1::SearchRequest query;
  if (!options.words.empty()) {
    query.set_keywords(absl::StrJoin(options.words, " "));
    return query;
  }
  if (!options.name.empty()) {
    const absl::StatusOr<BookName> name = BookName::Parse(options.name);
    if (!name.ok()) return name.status();
    query.set_name(name->value());
    return query;
  }
  const absl::StatusOr<std::string> root = FromHex(options.root);
  if (!root.ok() || root->size() != Sha256Digest().size() || !options.size.has_value()) {
    return MakeError(Reason::kInvalidField,
                     "a content needs all 64 hex digits in --root, and --size in bytes");
  }
  query.mutable_content()->set_root(*root);
  query.mutable_content()->set_size_bytes(*options.size);
  return query;
}

// "1 (ada), 4 (copy) and 3 more": the holders; "(copy)" marks a peer that only lends.
std::string HoldersCell(const v1::SearchResponse::Result& result, const PeerNames& names) {
  std::string cell =
      absl::StrJoin(result.holders(), ", ", [&names](std::string* out, const v1::Holder& holder) {
        absl::StrAppend(out, names.Show(holder.peer_id(), holder.public_key()),
                        holder.policy() == v1::SHARE_POLICY_COPY ? " (copy)" : "");
      });
  const auto shown = static_cast<uint32_t>(result.holders_size());
  if (result.holder_count() > shown) {
    absl::StrAppend(&cell, " and ", result.holder_count() - shown, " more");
  }
  return cell;
}

struct RoundTrips {
  int sent = 0;
  // One duration for each answer that the right peer signed; sorted when the measurement is over.
  std::vector<absl::Duration> took;
  // The last reason why a ping had no valid answer.
  absl::Status trouble;
  std::string address;  // where the peer was pinged; empty: through the relay
};

// Checks that the response answers `nonce` and is signed with `key`.
absl::Status CheckPingResponse(const PublicKey& key, const std::string& nonce,
                               const v1::PingResponse& response) {
  if (response.nonce() != nonce || response.public_key() != key.bytes() ||
      !key.Verify(PingSignedBytes(nonce, response.boot_id(), ""), response.signature())) {
    return MakeError(Reason::kSignatureInvalid,
                     "another program answers at this address: it does not have the peer's key");
  }
  return absl::OkStatus();
}

// How a peer was reached.
struct Reached {
  std::string address;  // empty: through the relay
  std::unique_ptr<v1::FileService::Stub> stub;
};

// "peer 1 (ada) at 192.0.2.7:4711"; or "peer 1 (ada) through the relay".
std::string NameOf(Session& session, const v1::Peer& peer, const std::string& address) {
  const PeerNames& names = session.connection.names().Get(peer.public_key());
  return absl::StrCat("peer ", names.Show(peer.peer_id(), peer.public_key()),
                      address.empty() ? " through the relay" : absl::StrCat(" at ", address));
}

// Returns where a peer is in this network; empty when it is in another one, or the index does not
// say.
std::string AddressInThisNetwork(Session& session, const v1::Peer& peer) {
  std::string address;
  const auto look = [&](const v1::Peer& neighbour) {
    if (neighbour.public_key() == peer.public_key()) address = neighbour.local_address();
  };
  return ForEachPeer(session.connection.index(), look, /*same_network=*/true).ok() ? address : "";
}

// Connects at the peer's address. One that has none, or does not answer there, is reached through
// the relay, and before that where it is in this network.
absl::StatusOr<Reached> Reach(Session& session, const v1::Peer& peer, const PublicKey& key) {
  OtherPeers& others = session.connection.others();
  if (peer.relay_port() == 0 || !peer.address().empty()) {
    absl::StatusOr<std::unique_ptr<v1::FileService::Stub>> stub =
        others.Connect(peer.address(), key, kConnectTimeout);
    if (stub.ok()) return Reached{peer.address(), *std::move(stub)};
    if (peer.relay_port() == 0 || session.interrupts.triggered()) return stub.status();
  } else if (const std::string near = AddressInThisNetwork(session, peer); !near.empty()) {
    absl::StatusOr<std::unique_ptr<v1::FileService::Stub>> stub =
        others.Connect(near, key, kNearTimeout);
    if (stub.ok()) return Reached{near, *std::move(stub)};
  }
  const absl::StatusOr<std::string> index = session.connection.index().Target();
  if (!index.ok()) return index.status();
  absl::StatusOr<std::unique_ptr<v1::FileService::Stub>> stub =
      others.Connect(RelayedTarget(*index, peer.relay_port()), key, kConnectTimeout);
  if (!stub.ok()) return stub.status();
  return Reached{"", *std::move(stub)};
}

// "direct", "relay", or "hidden".
absl::string_view WayInWords(const v1::Peer& peer) {
  if (!peer.listed()) return "hidden";
  return peer.address().empty() && peer.relay_port() != 0 ? "relay" : "direct";
}

RoundTrips MeasureRoundTrips(Session& session, const v1::Peer& peer, const PingOptions& options) {
  RoundTrips trips;
  trips.address = peer.address();
  const absl::StatusOr<PublicKey> key = KeyFromProto(peer.public_key(), "public_key");
  if (!key.ok()) {
    trips.trouble = key.status();
    return trips;
  }
  const absl::StatusOr<Reached> reached = Reach(session, peer, *key);
  if (!reached.ok()) {
    trips.trouble = reached.status();
    return trips;
  }
  trips.address = reached->address;
  const std::string name = NameOf(session, peer, trips.address);
  for (int i = 0; i < options.count; ++i) {
    if (i > 0 && !session.interrupts.SleepFor(options.interval)) break;
    v1::PingRequest request;
    request.set_nonce(RandomBytes(kNonceBytes));
    ++trips.sent;
    const absl::Time start = session.console.clock->Monotonic();
    const absl::StatusOr<v1::PingResponse> response =
        session.connection.others().Ping(*reached->stub, request, name);
    const absl::Duration took = session.console.clock->Monotonic() - start;
    if (!response.ok()) {
      trips.trouble = response.status();
      if (session.interrupts.triggered()) break;
      continue;
    }
    const absl::Status checked = CheckPingResponse(*key, request.nonce(), *response);
    if (!checked.ok()) {
      trips.trouble = checked;
      break;
    }
    trips.took.push_back(took);
  }
  std::sort(trips.took.begin(), trips.took.end());
  return trips;
}

std::string InMilliseconds(absl::Duration duration) {
  return absl::StrFormat("%.2f ms", absl::ToDoubleMilliseconds(duration));
}

int PingPeer(Session& session, uint32_t peer_id, const PingOptions& options) {
  Console& console = session.console;
  const absl::StatusOr<v1::Peer> peer = FindPeer(session.connection.index(), peer_id);
  if (!peer.ok()) return Report(session, peer.status());
  const RoundTrips trips = MeasureRoundTrips(session, *peer, options);
  const std::string name = NameOf(session, *peer, trips.address);
  const size_t answered = trips.took.size();
  const bool any = answered > 0;
  // The lower median. The mean, and often the maximum, measure this machine's pauses rather than
  // the network.
  const absl::Duration median = any ? trips.took[(answered - 1) / 2] : absl::ZeroDuration();
  const bool forged = GetReason(trips.trouble) == Reason::kSignatureInvalid;
  if (console.json) {
    JsonObject object;
    object.Add("peer_id", uint64_t{peer_id})
        .Add("address", trips.address)
        .Add("public_key", ToHex(peer->public_key()))
        .Add("sent", static_cast<uint64_t>(trips.sent))
        .Add("answered", uint64_t{answered})
        .Add("verified", any && !forged)
        .Add("relayed", trips.address.empty());
    if (any) {
      object.Add("min_seconds", absl::ToDoubleSeconds(trips.took.front()))
          .Add("median_seconds", absl::ToDoubleSeconds(median))
          .Add("max_seconds", absl::ToDoubleSeconds(trips.took.back()));
    }
    console.out << object.Finish() << '\n';
  } else if (any) {
    console.out << EscapeForDisplay(name) << ": " << answered << " of " << trips.sent
                << " answered, min " << InMilliseconds(trips.took.front()) << ", median "
                << InMilliseconds(median) << ", max " << InMilliseconds(trips.took.back())
                << (forged ? "" : ", signature verified") << '\n';
  }
  console.out << std::flush;
  return Report(session, trips.trouble, name);
}

// "1 (ada)". Asks the index only when there are names.
std::string NameOfId(Session& session, uint32_t peer_id) {
  if (session.connection.names().Get().empty()) return absl::StrCat(peer_id);
  const absl::StatusOr<v1::Peer> peer = FindPeer(session.connection.index(), peer_id);
  if (!peer.ok()) return absl::StrCat(peer_id);
  return session.connection.names().Get(peer->public_key()).Show(peer_id, peer->public_key());
}

}  // namespace

int RunSearch(Session& session, const SearchOptions& options) {
  Console& console = session.console;
  const absl::StatusOr<v1::SearchRequest> query = QueryOf(options);
  if (!query.ok()) return Report(session, query.status());
  const absl::StatusOr<SearchResults> found =
      Search(session.connection.index(), *query, options.limit);
  if (!found.ok()) return Report(session, found.status());
  if (found->results.empty()) {
    return Report(session, MakeError(Reason::kBookNotFound,
                                     found->incomplete
                                         ? "nothing found before the index ended this search, "
                                           "which costs too much; give more words, or longer ones"
                                         : "nothing found: no live peer has such a book"));
  }
  {
    Table table(console.out, {{"NAME"}, {"SIZE", true}, {"ROOT"}, {"PEERS"}});
    for (const v1::SearchResponse::Result& result : found->results) {
      if (console.json) {
        console.out << ToJson(result) << '\n';
      } else {
        table.Add({EscapeForDisplay(result.name()), FormatByteSize(result.content().size_bytes()),
                   ShortRoot(result.content()),
                   HoldersCell(result, session.connection.names().Get())});
      }
    }
  }
  if (found->more) {
    console.out << std::flush;
    console.err << "these are the first " << found->results.size()
                << "; --limit N or --all shows more\n";
  }
  if (found->incomplete) {
    console.out << std::flush;
    console.err << "the index ended this search, which costs too much, before it had looked at all "
                   "books; more words, or longer ones, find the others\n";
  }
  return kExitDone;
}

int RunBrowse(Session& session, const BrowseOptions& options) {
  Console& console = session.console;
  uint64_t count = 0;
  uint64_t bytes = 0;
  absl::Status status;
  {
    Table table(console.out, {{"NAME"}, {"SIZE", true}, {"ROOT"}});
    status =
        ForEachBook(session.connection.index(), options.peer_id, [&](const v1::Listing& listing) {
          ++count;
          bytes += listing.content().size_bytes();
          if (console.json) {
            console.out << ToJson(listing) << '\n';
          } else {
            table.Add({EscapeForDisplay(listing.name()),
                       FormatByteSize(listing.content().size_bytes()),
                       ShortRoot(listing.content())});
          }
        });
  }
  if (!status.ok() || console.json) return Report(session, status);
  if (count == 0) {
    console.out << "peer " << NameOfId(session, options.peer_id) << " lists no books\n";
  } else {
    console.out << Count(count, "book", "books") << ", " << FormatByteSize(bytes) << '\n';
  }
  return kExitDone;
}

int RunPeers(Session& session) {
  Console& console = session.console;
  uint64_t count = 0;
  absl::Status status;
  {
    Table table(console.out, {{"PEER", true},
                              {"ADDRESS"},
                              {"WAY"},
                              {"POLICY"},
                              {"BOOKS", true},
                              {"FREE SLOTS", true},
                              {"UPLOAD LIMIT", true},
                              {"NOTE"}});
    status = ForEachPeer(session.connection.index(), [&](const v1::Peer& peer) {
      ++count;
      if (console.json) {
        console.out << ToJson(peer) << '\n';
        return;
      }
      const PeerNames& names = session.connection.names().Get(peer.public_key());
      table.Add({names.Show(peer.peer_id(), peer.public_key()), EscapeForDisplay(peer.address()),
                 std::string(WayInWords(peer)), PolicyInWords(peer.policy()),
                 absl::StrCat(peer.book_count()), absl::StrCat(peer.free_slots()),
                 LimitInWords(peer.upload_limit()),
                 peer.listed() ? "" : "hidden: cannot be reached now"});
    });
  }
  if (status.ok() && count == 0 && !console.json) console.out << "no peer is registered\n";
  return Report(session, status);
}

int RunPing(Session& session, const PingOptions& options) {
  int worst = kExitDone;
  for (const uint32_t peer_id : options.peer_ids) {
    worst = std::max(worst, PingPeer(session, peer_id, options));
    if (session.interrupts.triggered()) break;
  }
  return worst;
}

int RunHealth(Session& session, const HealthOptions& options) {
  Console& console = session.console;
  int worst = kExitDone;
  for (const std::string& address : options.addresses) {
    const absl::StatusOr<HealthCheck::Health> health = session.connection.health().Check(address);
    const bool serving = health.ok() && health->serving;
    if (console.json) {
      JsonObject object;
      object.Add("address", address).Add("serving", serving);
      if (health.ok() && health->replica.has_value()) object.Add("replica", *health->replica);
      console.out << object.Finish() << '\n';
    } else if (health.ok()) {
      console.out << EscapeForDisplay(address) << (serving ? " serves" : " does not serve");
      if (health->replica.has_value()) console.out << "; " << ReplicaInWords(*health->replica);
      console.out << '\n';
    }
    console.out << std::flush;
    worst = std::max(worst, health.ok() ? (serving ? kExitDone : kExitFailed)
                                        : Report(session, health.status(), address));
    if (session.interrupts.triggered()) break;
  }
  return worst;
}

}  // namespace arkshare
