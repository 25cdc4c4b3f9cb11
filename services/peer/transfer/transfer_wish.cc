// Which book is meant, and which listing of it to take.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "lib/core/errors.h"
#include "services/peer/transfer/transfer.h"
#include "services/peer/transfer/transfers.h"

namespace arkshare {
namespace {

constexpr absl::Duration kPingTimeout = absl::Seconds(2);
constexpr size_t kMostSearches = 32;  // at a time, of one BeginMany

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

// Whether a transfer that is under way already is what is wished for.
bool Brings(const TransferView& view, const FetchWish& wish) {
  const std::optional<BookName>& name = wish.save_as ? wish.save_as : wish.name;
  if (name && view.record.name != *name) return false;
  if (wish.content && view.record.content != *wish.content) return false;
  // Nobody who wants a copy wants the source to lose its own.
  if (wish.copy_only && view.record.move) return false;
  // After a restart it is not known from which number it comes.
  const bool from_another = view.from_peer_id != 0 && view.from_peer_id != wish.from_peer_id;
  if (wish.from_peer_id != 0 && from_another) return false;
  return name || wish.content;
}

}  // namespace

std::vector<Transfers::TransferPtr> Transfers::Rejoin(absl::Span<const FetchWish> wishes,
                                                      const std::shared_ptr<Group>& group) {
  std::vector<TransferPtr> joined(wishes.size());
  MutexLock lock(&mutex_);
  Together open;
  for (const TransferPtr& transfer : in_order_) {
    if (transfer->view.record.state != TransferRecord::State::kIntent) continue;
    const auto& groups = transfer->groups;
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) open.push_back(transfer);
  }
  for (size_t i = 0; i < wishes.size(); ++i) {
    const auto found = std::find_if(open.begin(), open.end(), [&](const TransferPtr& transfer) {
      return Brings(transfer->view, wishes[i]);
    });
    if (found == open.end()) continue;
    joined[i] = *found;
    open.erase(found);
    GoOn(joined[i]);
    joined[i]->groups.push_back(group);
    ++group->open;
  }
  return joined;
}

void Transfers::GoOn(const TransferPtr& transfer) {
  TransferView& view = transfer->view;
  if (view.state != TransferView::State::kFailed) return;
  view.state = TransferView::State::kFetching;
  view.error = absl::OkStatus();
  view.message.clear();
  ++transfer->version;
  if (transfer->receiving) {
    transfer->again = true;
    return;
  }
  transfer->try_until = absl::InfinitePast();  // counts from the next interruption
  if (!transfer->parked) return;               // its time has come already
  const auto queued = std::find_if(queue_.begin(), queue_.end(),
                                   [&](const auto& entry) { return entry.second == transfer; });
  if (queued != queue_.end()) queue_.erase(queued);
  Enter(transfer);
}

absl::StatusOr<std::vector<BookHolder>> Transfers::HoldersOf(const v1::SearchRequest& request,
                                                             const FetchWish& wish,
                                                             ContentId* content) {
  absl::StatusOr<v1::SearchResponse> found = parts_.index->Search(request);
  if (!found.ok()) return found.status();
  std::vector<BookHolder> holders;
  std::set<ContentId> contents;
  for (const v1::SearchResponse::Result& result : found->results()) {
    absl::StatusOr<ContentId> id = FromProto(result.content());
    const absl::StatusOr<BookName> name = BookName::Parse(result.name());
    if (!id.ok() || !name.ok() || (wish.content && *wish.content != *id)) continue;
    for (const v1::Holder& proto : result.holders()) {
      absl::StatusOr<PublicKey> key = PublicKey::FromBytes(proto.public_key());
      if (!key.ok() || *key == key_.public_key()) continue;
      if (wish.from_peer_id != 0 && proto.peer_id() != wish.from_peer_id) continue;
      contents.insert(*id);
      holders.push_back({.peer_id = proto.peer_id(),
                         .key = *key,
                         .address = proto.address(),
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
                     absl::StrCat(Describe(wish), " stands for ", contents.size(),
                                  " different contents; say which with --root or --from"));
  }
  if (!contents.empty()) *content = *contents.begin();
  return holders;
}

absl::StatusOr<std::vector<BookHolder>> Transfers::FindHolders(const ContentId& content,
                                                               bool also_partial) {
  v1::SearchRequest request;
  *request.mutable_content() = ToProto(content);
  request.set_include_partial(also_partial);
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
      return NoSuchPeer(wish.from_peer_id);
    }
    return MakeError(Reason::kBookNotFound,
                     absl::StrCat("peer ", wish.from_peer_id, " does not have ", Describe(wish)));
  }
  if (!wish.save_as) {
    if (std::optional<Book> here = parts_.library->FindContent(content)) return AlreadyHere(*here);
  }

  // Somebody who lends it under another name is as good a source, and nobody loses anything.
  std::vector<BookHolder> candidates = *named;
  const bool somebody_lends = std::any_of(candidates.begin(), candidates.end(),
                                          [](const BookHolder& holder) { return holder.lends; });
  if (wish.from_peer_id == 0 && !somebody_lends) {
    absl::StatusOr<std::vector<BookHolder>> all = FindHolders(content, /*also_partial=*/false);
    if (!all.ok()) return all.status();
    for (BookHolder& holder : *all) {
      const bool known = std::any_of(candidates.begin(), candidates.end(), [&](const auto& c) {
        return c.key == holder.key && c.listing == holder.listing;
      });
      if (!known) candidates.push_back(std::move(holder));
    }
  }
  std::vector<BookHolder> reachable =
      parts_.holders->Reachable(candidates, kPingTimeout, content.size);
  if (reachable.empty()) {
    return MakeError(Reason::kNoHolderReachable,
                     absl::StrCat("none of the peers that have ", Describe(wish),
                                  " can be reached now; try again later"));
  }
  // The fastest one first already; lenders before movers.
  std::stable_partition(reachable.begin(), reachable.end(),
                        [](const BookHolder& holder) { return holder.lends; });
  const BookHolder& source = reachable.front();
  const BookName save_as = wish.save_as ? *wish.save_as : wish.name ? *wish.name : source.name;
  return Choice{content, source, reachable, !source.lends && !wish.copy_only, save_as};
}

// Where the peer that lists this book is, and that it answers.
absl::StatusOr<BookHolder> Transfers::FindSource(const FetchWish& wish) {
  absl::StatusOr<std::optional<v1::Peer>> peer = parts_.index->FindPeer(wish.from_peer_id);
  if (!peer.ok()) return peer.status();
  if (!peer->has_value()) return NoSuchPeer(wish.from_peer_id);
  absl::StatusOr<PublicKey> key = PublicKey::FromBytes((*peer)->public_key());
  if (!key.ok()) return key.status();
  if (*key == key_.public_key()) {
    return MakeError(Reason::kInvalidField,
                     absl::StrCat("peer ", wish.from_peer_id, " is this one"));
  }
  std::vector<BookHolder> reachable =
      parts_.holders->Reachable({{.peer_id = wish.from_peer_id,
                                  .key = *key,
                                  .address = (*peer)->address(),
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

// The owner has read the listing in the index a moment ago: what is left to learn is where its
// peer is, once for all of them.
absl::StatusOr<Transfers::Choice> Transfers::ChooseListing(const FetchWish& wish,
                                                           Sources& sources) {
  if (!wish.save_as) {
    if (std::optional<Book> here = parts_.library->FindContent(*wish.content)) {
      return AlreadyHere(*here);
    }
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

std::vector<absl::StatusOr<Transfers::Choice>> Transfers::ChooseAll(
    absl::Span<const FetchWish> wishes, Sources& sources, absl::Span<const TransferPtr> joined) {
  std::vector<absl::StatusOr<Choice>> choices(wishes.size(), absl::UnknownError("not chosen"));
  std::vector<size_t> to_search;
  for (size_t i = 0; i < wishes.size(); ++i) {
    const FetchWish& wish = wishes[i];
    if (joined[i] != nullptr) continue;
    if (wish.listing != 0 && wish.from_peer_id != 0 && wish.name && wish.content) {
      choices[i] = ChooseListing(wish, sources);
    } else {
      to_search.push_back(i);
    }
  }
  // Each is some round trips to the index and to the holders, so many are on their way at a time.
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t n = next++; n < to_search.size(); n = next++) {
      choices[to_search[n]] = Choose(wishes[to_search[n]]);
    }
  };
  std::vector<std::thread> helpers;
  const size_t most = std::min(to_search.size(), kMostSearches);
  for (size_t n = 1; n < most; ++n) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  return choices;
}

}  // namespace arkshare
