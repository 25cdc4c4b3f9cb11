#include "services/peer/transfer/source_chooser.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <utility>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

constexpr absl::Duration kPingTimeout = absl::Seconds(2);
constexpr size_t kMaxSearches = 32;  // of one Choose, at a time

std::string Describe(const FetchWish& wish) {
  return wish.name ? EscapeForDisplay(wish.name->value()) : ToHex(wish.content->root).substr(0, 12);
}

absl::Status AlreadyHere(const Book& book) {
  return MakeError(
      Reason::kAlreadyInLibrary,
      absl::StrCat("file already in your folder, as ", EscapeForDisplay(book.record.name.value())),
      {{"name", book.record.name.value()}});
}

absl::Status NoSuchPeer(uint32_t peer_id) {
  return MakeError(Reason::kPeerUnknown, absl::StrCat("there is no peer ", peer_id,
                                                      " now; `arkshare-cli peers` lists them"));
}

}  // namespace

absl::StatusOr<SourceChooser::Found> SourceChooser::Search(const v1::SearchRequest& request,
                                                           const FetchWish& wish) const {
  absl::StatusOr<v1::SearchResponse> response = index_->Search(request);
  if (!response.ok()) return response.status();
  Found found;
  std::set<ContentId> contents;
  for (const v1::SearchResponse::Result& result : response->results()) {
    absl::StatusOr<ContentId> id = FromProto(result.content());
    const absl::StatusOr<BookName> name = BookName::Parse(result.name());
    if (!id.ok() || !name.ok() || (wish.content && *wish.content != *id)) continue;
    for (const v1::Holder& proto : result.holders()) {
      absl::StatusOr<PublicKey> key = PublicKey::FromBytes(proto.public_key());
      if (!key.ok() || *key == self_) continue;
      if (wish.from_peer_id != 0 && proto.peer_id() != wish.from_peer_id) continue;
      contents.insert(*id);
      found.holders.push_back({.peer_id = proto.peer_id(),
                               .key = *key,
                               .address = proto.address(),
                               .relay = index_->RelayOfPort(proto.relay_port()),
                               .listing = proto.listing_number(),
                               .name = *name,
                               .lends = proto.policy() == v1::SHARE_POLICY_COPY,
                               .partial = proto.partial(),
                               .upload_limit = proto.upload_limit(),
                               .free_slots = proto.free_slots()});
    }
  }
  if (contents.size() > 1) {
    return MakeError(Reason::kAmbiguousName,
                     absl::StrCat(Describe(wish), " is the name of ", contents.size(),
                                  " different contents; say which with --root or --from"));
  }
  if (!contents.empty()) found.content = *contents.begin();
  return found;
}

absl::StatusOr<std::vector<BookHolder>> SourceChooser::FindHolders(const ContentId& content,
                                                                   bool also_partial) const {
  v1::SearchRequest request;
  *request.mutable_content() = ToProto(content);
  request.set_include_partial(also_partial);
  absl::StatusOr<Found> found = Search(request, FetchWish{.content = content});
  if (!found.ok()) return found.status();
  return std::move(found->holders);
}

absl::Status SourceChooser::WhyNotFound(const FetchWish& wish) const {
  if (wish.from_peer_id == 0) {
    return MakeError(Reason::kBookNotFound, absl::StrCat("book ", Describe(wish), " not found"));
  }
  absl::StatusOr<std::optional<v1::Peer>> peer = index_->FindPeer(wish.from_peer_id);
  if (!peer.ok()) return peer.status();
  if (!peer->has_value()) return NoSuchPeer(wish.from_peer_id);
  return MakeError(Reason::kBookNotFound,
                   absl::StrCat("peer ", wish.from_peer_id, " does not have ", Describe(wish)));
}

absl::StatusOr<SourceChooser::Choice> SourceChooser::ChooseBySearch(const FetchWish& wish) const {
  if (!wish.name && !wish.content) {
    return MakeError(Reason::kInvalidField, "say which book: by name or by content");
  }
  if (wish.name && !wish.save_as) {
    // A book that is here needs no search. A book of another content under this name does not
    // answer the wish; TransferStore::ReserveName then finds that the name is taken.
    const std::optional<Book> here = library_->Find(*wish.name);
    if (here && (!wish.content || here->record.content == *wish.content)) return AlreadyHere(*here);
  }
  if (wish.content && !wish.save_as) {
    if (std::optional<Book> here = library_->FindContent(*wish.content)) return AlreadyHere(*here);
  }
  v1::SearchRequest request;
  if (wish.name) {
    request.set_name(wish.name->value());
  } else {
    *request.mutable_content() = ToProto(*wish.content);
  }
  absl::StatusOr<Found> found = Search(request, wish);
  if (!found.ok()) return found.status();
  std::vector<BookHolder>& candidates = found->holders;
  if (candidates.empty()) return WhyNotFound(wish);
  if (!wish.save_as) {
    if (std::optional<Book> here = library_->FindContent(found->content)) return AlreadyHere(*here);
  }

  // A peer that lends the book under another name is as good a source, and no peer loses a copy.
  const bool lent = std::any_of(candidates.begin(), candidates.end(),
                                [](const BookHolder& holder) { return holder.lends; });
  std::set<std::pair<PublicKey, uint64_t>> asked_for;
  for (const BookHolder& holder : candidates) asked_for.insert({holder.key, holder.listing});
  if (wish.from_peer_id == 0 && !lent) {
    absl::StatusOr<std::vector<BookHolder>> all =
        FindHolders(found->content, /*also_partial=*/false);
    if (!all.ok()) return all.status();
    for (BookHolder& holder : *all) {
      if (!asked_for.contains({holder.key, holder.listing})) {
        candidates.push_back(std::move(holder));
      }
    }
  }
  std::vector<BookHolder> reachable =
      holders_->Reachable(candidates, kPingTimeout, found->content.size);
  // Lenders come first, then the listings that were asked for; the fastest of each stays first.
  // Other listings of the content only send bytes: a move by name takes a listing of that name.
  const auto may_be_source = [&](const BookHolder& holder) {
    return holder.lends || wish.copy_only || asked_for.contains({holder.key, holder.listing});
  };
  std::stable_partition(reachable.begin(), reachable.end(), may_be_source);
  std::stable_partition(reachable.begin(), reachable.end(),
                        [](const BookHolder& holder) { return holder.lends; });
  if (reachable.empty() || !may_be_source(reachable.front())) {
    return MakeError(Reason::kNoHolderReachable,
                     absl::StrCat("none of the peers that have ", Describe(wish),
                                  " can be reached now; try again later"));
  }
  const BookHolder& source = reachable.front();
  const BookName save_as = wish.save_as ? *wish.save_as : wish.name ? *wish.name : source.name;
  return Choice{found->content, source, reachable, !source.lends && !wish.copy_only, save_as};
}

bool SourceChooser::MeansAnotherBook(const FetchWish& wish, const ContentId& content) const {
  if (wish.content) {
    const absl::StatusOr<std::vector<BookHolder>> holders =
        FindHolders(content, /*also_partial=*/true);
    return *wish.content != content && holders.ok() && holders->empty();
  }
  v1::SearchRequest request;
  request.set_name(wish.name->value());
  absl::StatusOr<v1::SearchResponse> response = index_->Search(request);
  if (!response.ok()) return false;
  const bool other =
      std::any_of(response->results().begin(), response->results().end(), [&](const auto& result) {
        return std::any_of(
            result.holders().begin(), result.holders().end(),
            [&](const auto& holder) { return holder.public_key() != self_.bytes(); });
      });
  return other && std::none_of(response->results().begin(), response->results().end(),
                               [&](const auto& result) {
                                 absl::StatusOr<ContentId> id = FromProto(result.content());
                                 return id.ok() && *id == content;
                               });
}

// Finds the peer that the wish names, and pings it.
absl::StatusOr<BookHolder> SourceChooser::FindSource(const FetchWish& wish) const {
  absl::StatusOr<std::optional<v1::Peer>> peer = index_->FindPeer(wish.from_peer_id);
  if (!peer.ok()) return peer.status();
  if (!peer->has_value()) return NoSuchPeer(wish.from_peer_id);
  absl::StatusOr<PublicKey> key = PublicKey::FromBytes((*peer)->public_key());
  if (!key.ok()) return key.status();
  if (*key == self_) {
    return MakeError(Reason::kInvalidField,
                     absl::StrCat("peer ", wish.from_peer_id, " is this one"));
  }
  std::vector<BookHolder> reachable =
      holders_->Reachable({{.peer_id = wish.from_peer_id,
                            .key = *key,
                            .address = (*peer)->address(),
                            .relay = index_->RelayOfPort((*peer)->relay_port()),
                            .listing = wish.listing,
                            .name = *wish.name,
                            .lends = (*peer)->policy() == v1::SHARE_POLICY_COPY,
                            .upload_limit = (*peer)->upload_limit(),
                            .free_slots = (*peer)->free_slots()}},
                          kPingTimeout);
  if (!reachable.empty()) return reachable.front();
  return MakeError(
      Reason::kNoHolderReachable,
      absl::StrCat("peer ", wish.from_peer_id, " cannot be reached now; try again later"));
}

// The owner has just read this listing in the index, so only the address of its peer is missing.
// One look-up serves all wishes for listings of that peer.
absl::StatusOr<SourceChooser::Choice> SourceChooser::ChooseListing(const FetchWish& wish,
                                                                   SourceCache& sources) const {
  if (!wish.save_as) {
    if (std::optional<Book> here = library_->FindContent(*wish.content)) return AlreadyHere(*here);
  }
  auto known = sources.find(wish.from_peer_id);
  if (known == sources.end()) {
    known = sources.emplace(wish.from_peer_id, FindSource(wish)).first;
  }
  if (!known->second.ok()) return known->second.status();
  BookHolder source = *known->second;
  source.listing = wish.listing;
  source.name = *wish.name;
  return Choice{*wish.content,
                source,
                {source},
                !source.lends && !wish.copy_only,
                wish.save_as.value_or(*wish.name)};
}

std::vector<absl::StatusOr<SourceChooser::Choice>> SourceChooser::Choose(
    absl::Span<const FetchWish> wishes, SourceCache& sources) const {
  std::vector<absl::StatusOr<Choice>> choices(wishes.size(), absl::UnknownError("not chosen"));
  std::vector<size_t> to_search;
  for (size_t i = 0; i < wishes.size(); ++i) {
    const FetchWish& wish = wishes[i];
    if (wish.listing != 0 && wish.from_peer_id != 0 && wish.name && wish.content) {
      choices[i] = ChooseListing(wish, sources);
    } else {
      to_search.push_back(i);
    }
  }
  // Each search takes some round trips to the index and to the holders, so several run at a time.
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t n = next++; n < to_search.size(); n = next++) {
      choices[to_search[n]] = ChooseBySearch(wishes[to_search[n]]);
    }
  };
  std::vector<std::thread> helpers;
  const size_t most = std::min(to_search.size(), kMaxSearches);
  for (size_t n = 1; n < most; ++n) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  return choices;
}

}  // namespace arkshare
