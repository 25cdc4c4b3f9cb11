// Which book is meant, and which listing of it to take.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <set>

#include "lib/core/errors.h"
#include "services/peer/transfer.h"
#include "services/peer/transfers.h"

namespace arkshare {
namespace {

constexpr absl::Duration kPingTimeout = absl::Seconds(2);

std::string Describe(const FetchWish& wish) {
  return wish.name ? EscapeForDisplay(wish.name->value()) : ToHex(wish.content->root).substr(0, 12);
}

absl::Status AlreadyHere(const Book& book) {
  return MakeError(
      Reason::kAlreadyInLibrary,
      absl::StrCat("file already in your folder, as ", EscapeForDisplay(book.record.name.value())),
      {{"name", book.record.name.value()}});
}

}  // namespace

absl::StatusOr<std::vector<BookHolder>> Transfers::HoldersOf(const v1::SearchRequest& request,
                                                             const FetchWish& wish,
                                                             ContentId* content) {
  absl::StatusOr<v1::SearchResponse> found = parts_.index->Search(request);
  if (!found.ok()) return found.status();
  std::vector<BookHolder> holders;
  std::set<ContentId> contents;
  for (const v1::SearchResponse::Result& result : found->results()) {
    absl::StatusOr<ContentId> id = FromProto(result.content());
    if (!id.ok() || (wish.content && *wish.content != *id)) continue;
    for (const v1::Holder& proto : result.holders()) {
      absl::StatusOr<PublicKey> key = PublicKey::FromBytes(proto.public_key());
      absl::StatusOr<BookName> name = BookName::Parse(proto.name());
      if (!key.ok() || !name.ok() || *key == key_.public_key()) continue;
      if (wish.from_peer_id != 0 && proto.peer_id() != wish.from_peer_id) continue;
      contents.insert(*id);
      holders.push_back({.peer_id = proto.peer_id(),
                         .key = *key,
                         .address = proto.address(),
                         .listing = proto.listing_number(),
                         .name = *name,
                         .lends = proto.policy() == v1::SHARE_POLICY_COPY});
    }
  }
  if (contents.size() > 1) {
    return MakeError(Reason::kAmbiguousName,
                     absl::StrCat(Describe(wish), " stands for ", contents.size(),
                                  " different contents; say which with --root or --from"));
  }
  if (!contents.empty()) *content = *contents.begin();
  return holders;
}

absl::StatusOr<std::vector<BookHolder>> Transfers::FindHolders(const ContentId& content) {
  v1::SearchRequest request;
  *request.mutable_content() = ToProto(content);
  ContentId found;
  return HoldersOf(request, FetchWish{.content = content}, &found);
}

absl::StatusOr<Transfers::Choice> Transfers::Choose(const FetchWish& wish) {
  if (!wish.name && !wish.content) {
    return MakeError(Reason::kInvalidField, "say which book: by name or by content");
  }
  if (wish.name && !wish.save_as) {
    // Asked before the index: what is here need not be searched for.
    // Another content under that name is no answer to a wish for this one; its name is taken, see
    // Begin.
    const std::optional<Book> here = parts_.library->Find(*wish.name);
    if (here && (!wish.content || here->record.content == *wish.content)) return AlreadyHere(*here);
  }
  v1::SearchRequest request;
  if (wish.name) {
    request.set_name(wish.name->value());
  } else {
    *request.mutable_content() = ToProto(*wish.content);
  }
  ContentId content;
  absl::StatusOr<std::vector<BookHolder>> named = HoldersOf(request, wish, &content);
  if (!named.ok()) return named.status();
  if (named->empty()) {
    if (wish.from_peer_id == 0) {
      return MakeError(Reason::kBookNotFound, absl::StrCat("book ", Describe(wish), " not found"));
    }
    absl::StatusOr<std::optional<v1::Peer>> peer = parts_.index->FindPeer(wish.from_peer_id);
    if (!peer.ok()) return peer.status();
    if (!peer->has_value()) {
      return MakeError(Reason::kPeerUnknown, absl::StrCat("there is no peer ", wish.from_peer_id,
                                                          " now; `arkshare-cli peers` lists them"));
    }
    return MakeError(Reason::kBookNotFound,
                     absl::StrCat("peer ", wish.from_peer_id, " does not have ", Describe(wish)));
  }
  if (!wish.save_as) {
    if (std::optional<Book> here = parts_.library->FindContent(content)) return AlreadyHere(*here);
  }

  // Somebody who lends it under another name is as good a source, and nobody loses anything.
  std::vector<BookHolder> candidates = *named;
  if (wish.from_peer_id == 0) {
    absl::StatusOr<std::vector<BookHolder>> all = FindHolders(content);
    if (!all.ok()) return all.status();
    for (BookHolder& holder : *all) {
      const bool known = std::any_of(candidates.begin(), candidates.end(), [&](const auto& c) {
        return c.key == holder.key && c.listing == holder.listing;
      });
      if (!known) candidates.push_back(std::move(holder));
    }
  }
  std::vector<BookHolder> reachable = parts_.holders->Reachable(candidates, kPingTimeout);
  if (reachable.empty()) {
    return MakeError(Reason::kNoHolderReachable,
                     absl::StrCat("none of the peers that have ", Describe(wish),
                                  " can be reached now; try again later"));
  }
  // Nearest first already; lenders before movers.
  std::stable_partition(reachable.begin(), reachable.end(),
                        [](const BookHolder& holder) { return holder.lends; });
  const BookHolder& source = reachable.front();
  const BookName save_as = wish.save_as ? *wish.save_as : wish.name ? *wish.name : source.name;
  return Choice{content, source, !source.lends && !wish.copy_only, save_as};
}

}  // namespace arkshare
