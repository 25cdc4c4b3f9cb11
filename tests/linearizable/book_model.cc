#include "tests/linearizable/book_model.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

namespace arkshare {
namespace {

using Kind = IndexCall::Kind;

// Operations that are shown before a violation.
constexpr size_t kMostShown = 25;

void Insert(std::vector<uint64_t>& sorted, uint64_t number) {
  const auto place = std::lower_bound(sorted.begin(), sorted.end(), number);
  if (place == sorted.end() || *place != number) sorted.insert(place, number);
}

void Erase(std::vector<uint64_t>& sorted, uint64_t number) {
  const auto place = std::lower_bound(sorted.begin(), sorted.end(), number);
  if (place != sorted.end() && *place == number) sorted.erase(place);
}

std::string NameOf(const Holding& holding) {
  return absl::StrCat("p", holding.first, "#", holding.second);
}

std::string Show(const Timed<IndexCall>& call) {
  return absl::StrCat("\n  [", call.begin, ", ", call.end, "] ", call.operation.ToString());
}

}  // namespace

std::string IndexCall::ToString() const {
  std::string text = absl::StrCat("p", peer, " session ", session);
  switch (kind) {
    case Kind::kRegister:
      return absl::StrCat(text, " registered");
    case Kind::kUnregister:
      return absl::StrCat(text, " unregistered");
    case Kind::kHide:
      return absl::StrCat(text, " closed its stream");
    case Kind::kShow:
      absl::StrAppend(&text, " opened a stream");
      break;
    case Kind::kState:
      absl::StrAppend(&text, " stated");
      break;
    case Kind::kUpdateOwner:
      absl::StrAppend(&text, " moved");
      break;
    case Kind::kSearch:
      text = absl::StrCat("search for book ", book, " found");
      for (const Holding& holding : found) absl::StrAppend(&text, " ", NameOf(holding));
      return text;
  }
  for (const Item& item : items) {
    absl::StrAppend(&text, " book ", item.book, ":");
    if (item.gone.has_value()) absl::StrAppend(&text, " -", NameOf(*item.gone));
    if (item.present.has_value()) absl::StrAppend(&text, " +", NameOf({peer, *item.present}));
  }
  return absl::StrCat(text, refused ? " (refused)" : "");
}

std::vector<Timed<IndexCall>> ForBook(const std::vector<Timed<IndexCall>>& history, size_t book) {
  std::vector<Timed<IndexCall>> part;
  for (Timed<IndexCall> timed : history) {
    IndexCall& call = timed.operation;
    if (call.kind == Kind::kSearch && call.book != book) continue;
    std::erase_if(call.items, [&](const IndexCall::Item& item) { return item.book != book; });
    const bool has_items = call.kind == Kind::kState || call.kind == Kind::kUpdateOwner;
    if (has_items && call.items.empty() && !call.refused) continue;
    part.push_back(std::move(timed));
  }
  return part;
}

std::optional<BookState> BookState::After(const IndexCall& call) const {
  const bool known = peers_[call.peer].session == call.session;
  switch (call.kind) {
    case Kind::kSearch:
      if (Visible() != call.found) return std::nullopt;
      return *this;
    case Kind::kShow:
    case Kind::kState:
    case Kind::kUpdateOwner:
      if (call.refused == known) return std::nullopt;
      if (call.refused) return *this;
      break;
    case Kind::kRegister:
      break;
    case Kind::kUnregister:
    case Kind::kHide:
      if (!known) return *this;
  }
  BookState next = *this;
  next.Apply(call);
  return next;
}

void BookState::Apply(const IndexCall& call) {
  Peer& peer = peers_[call.peer];
  switch (call.kind) {
    case Kind::kRegister:
    case Kind::kUnregister:
      peer.session = call.kind == Kind::kRegister ? call.session : 0;
      peer.shown = false;
      peer.present.clear();
      break;
    case Kind::kShow:
    case Kind::kHide:
      peer.shown = call.kind == Kind::kShow;
      break;
    case Kind::kState:
    case Kind::kUpdateOwner:
      for (const IndexCall::Item& item : call.items) {
        if (item.gone.has_value()) {
          Insert(peers_[item.gone->first].gone, item.gone->second);
          Erase(peers_[item.gone->first].present, item.gone->second);
        }
        if (!item.present.has_value()) continue;
        if (!std::binary_search(peer.gone.begin(), peer.gone.end(), *item.present)) {
          Insert(peer.present, *item.present);
        }
      }
      break;
    case Kind::kSearch:
      break;
  }
}

std::vector<Holding> BookState::Visible() const {
  std::vector<Holding> visible;
  for (size_t peer = 0; peer < peers_.size(); ++peer) {
    if (!peers_[peer].shown) continue;
    for (const uint64_t number : peers_[peer].present) visible.emplace_back(peer, number);
  }
  return visible;
}

std::optional<std::string> FindViolation(const std::vector<Timed<IndexCall>>& history, size_t peers,
                                         size_t books) {
  const auto step = [](const BookState& state, const IndexCall& call) { return state.After(call); };
  for (size_t book = 0; book < books; ++book) {
    const std::vector<Timed<IndexCall>> part = ForBook(history, book);
    const Verdict verdict = CheckLinearizable(BookState(peers), part, step);
    if (verdict.linearizable) continue;
    const size_t shown = std::min(verdict.order.size(), kMostShown);
    std::string text = absl::StrCat("book ", book, ": of ", part.size(), " calls, ",
                                    verdict.order.size(), " can be put in order, ending with");
    for (size_t i = verdict.order.size() - shown; i < verdict.order.size(); ++i) {
      absl::StrAppend(&text, Show(part[verdict.order[i]]));
    }
    return absl::StrCat(text,
                        "\nbut then this cannot have been answered:", Show(part[verdict.culprit]));
  }
  return std::nullopt;
}

}  // namespace arkshare
