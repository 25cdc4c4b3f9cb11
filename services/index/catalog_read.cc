// The questions that the catalog answers; catalog.cc has the changes.
#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <set>
#include <string_view>
#include <tuple>

#include "lib/core/errors.h"
#include "services/index/catalog.h"

namespace arkshare {
namespace {

// How many copies of books are looked at under one lock.
constexpr size_t kSearchSlice = 2'000;
constexpr size_t kMostHolders = 20;
// Names can be long and holders many: a page ends early before it is too large a message.
constexpr size_t kMostPageBytes = 1024 * 1024;

bool IsShown(const Copy& copy, bool loopback) {
  return copy.shelf->visible() && (loopback || !copy.shelf->info.loopback);
}

size_t CountShown(const Edition& edition, bool loopback) {
  return absl::c_count_if(edition.copies,
                          [&](const Copy& copy) { return IsShown(copy, loopback); });
}

// The best keys after a given one, without more than a page of them in memory.
class BestKeys {
 public:
  BestKeys(size_t most, const std::optional<SearchKey>& after) : most_(most), after_(after) {}

  void Offer(const Fit& fit, int unpopularity, const Edition& edition) {
    const auto rank = std::tuple(fit, unpopularity, std::string_view(edition.title->name.value()),
                                 std::cref(edition.content));
    if (after_.has_value() && rank <= RankOf(*after_)) return;
    if (keys_.size() == most_) {
      if (rank >= RankOf(*keys_.rbegin())) return;
    }
    keys_.insert({fit, unpopularity, edition.title->name.value(), edition.content});
    if (keys_.size() > most_) keys_.erase(std::prev(keys_.end()));
  }
  bool full() const { return keys_.size() >= most_; }
  std::vector<SearchKey> Take() { return {keys_.begin(), keys_.end()}; }

 private:
  static std::tuple<Fit, int, std::string_view, const ContentId&> RankOf(const SearchKey& key) {
    return {key.fit, key.unpopularity, key.name, key.content};
  }

  const size_t most_;
  const std::optional<SearchKey>& after_;
  std::set<SearchKey> keys_;
};

// Fills in who has the edition; those with free slots first.
void AddHolders(const Edition& edition, bool loopback, SearchResult& result) {
  std::vector<Copy> shown;
  absl::c_copy_if(edition.copies, std::back_inserter(shown),
                  [&](const Copy& copy) { return IsShown(copy, loopback); });
  result.holder_count = static_cast<uint32_t>(shown.size());
  const auto rank = [](const Copy& copy) {
    const PeerInfo& peer = copy.shelf->info;
    return std::tuple(~peer.free_slots, peer.peer_id, copy.number);
  };
  const size_t count = std::min(shown.size(), kMostHolders);
  std::partial_sort(shown.begin(), shown.begin() + static_cast<ptrdiff_t>(count), shown.end(),
                    [&](const Copy& a, const Copy& b) { return rank(a) < rank(b); });
  for (size_t i = 0; i < count; ++i) {
    result.holders.push_back({shown[i].shelf->info, shown[i].number});
  }
}

size_t BytesOf(const SearchResult& result) {
  size_t bytes = 100 + result.name.size();
  for (const HolderRecord& holder : result.holders) {
    bytes += 100 + result.name.size() + holder.peer.address.size();
  }
  return bytes;
}

}  // namespace

std::vector<SearchKey> Catalog::FindKeys(const BookQuery& query, bool loopback, size_t most,
                                         const std::optional<SearchKey>& after) const {
  BestKeys best(most, after);
  if (const auto* name = std::get_if<BookName>(&query.what())) {
    std::optional<ContentId> from;
    if (after.has_value()) from = after->content;
    for (bool done = false; !done && !best.full();) {
      FairMutexLock lock(&mutex_);
      const Title* title = books_.FindTitle(name->value());
      if (title == nullptr) break;
      auto edition =
          from.has_value() ? title->editions.upper_bound(*from) : title->editions.begin();
      for (size_t visits = 0; visits < kSearchSlice && edition != title->editions.end();) {
        visits += 1 + (*edition)->copies.size();
        from = (*edition)->content;
        if (CountShown(**edition, loopback) > 0) best.Offer({}, 0, **edition);
        ++edition;
      }
      done = edition == title->editions.end();
    }
  } else if (const auto* content = std::get_if<ContentId>(&query.what())) {
    std::string from = after.has_value() ? after->name : "";
    for (bool done = false; !done && !best.full();) {
      FairMutexLock lock(&mutex_);
      const auto* editions = books_.FindContent(*content);
      if (editions == nullptr) break;
      auto edition = editions->upper_bound(absl::string_view(from));
      for (size_t visits = 0; visits < kSearchSlice && edition != editions->end();) {
        visits += 1 + (*edition)->copies.size();
        from = (*edition)->title->name.value();
        if (CountShown(**edition, loopback) > 0) best.Offer({}, 0, **edition);
        ++edition;
      }
      done = edition == editions->end();
    }
  } else {
    const Keywords& keywords = std::get<Keywords>(query.what());
    std::string driver;
    {
      // The rarest keyword leads; the others only have to agree.
      FairMutexLock lock(&mutex_);
      size_t fewest = kSearchSlice;
      driver = *absl::c_max_element(
          keywords.words, [](const auto& a, const auto& b) { return a.size() < b.size(); });
      for (const std::string& word : keywords.words) {
        const size_t estimate = books_.EstimatePrefix(word, fewest);
        if (estimate >= fewest) continue;
        fewest = estimate;
        driver = word;
      }
    }
    BookTable::ScanPosition position;
    while (!position.done) {
      FairMutexLock lock(&mutex_);
      books_.ScanPrefix(driver, kSearchSlice, position, [&](const Title& title) {
        const std::optional<Fit> fit = FitOf(keywords, title.words);
        if (!fit.has_value()) return;
        for (const Edition* edition : title.editions) {
          const size_t holders = CountShown(*edition, loopback);
          if (holders > 0) best.Offer(*fit, -static_cast<int>(std::bit_width(holders)), *edition);
        }
      });
    }
  }
  return best.Take();
}

SearchPage Catalog::Search(const BookQuery& query, bool loopback, size_t page_size,
                           const std::optional<SearchKey>& after) const {
  std::vector<SearchKey> keys = FindKeys(query, loopback, page_size + 1, after);
  SearchPage page;
  size_t bytes = 0;
  for (size_t next = 0; next < keys.size();) {
    FairMutexLock lock(&mutex_);
    for (size_t visits = 0; visits < kSearchSlice && next < keys.size(); ++next) {
      if (next == page_size || bytes > kMostPageBytes) {
        page.last = std::move(keys[next - 1]);
        return page;
      }
      const SearchKey& key = keys[next];
      const Title* title = books_.FindTitle(key.name);
      if (title == nullptr) continue;
      const auto edition = title->editions.find(key.content);
      if (edition == title->editions.end()) continue;
      visits += 1 + (*edition)->copies.size();
      SearchResult result{key.name, key.content, {}, 0};
      AddHolders(**edition, loopback, result);
      if (result.holders.empty()) continue;
      bytes += BytesOf(result);
      page.results.push_back(std::move(result));
    }
  }
  return page;
}

std::vector<PeerSummary> Catalog::ListPeers(uint32_t after, size_t most) const {
  FairMutexLock lock(&mutex_);
  std::vector<PeerSummary> peers;
  for (auto place = by_id_.upper_bound(after); place != by_id_.end() && peers.size() < most;
       ++place) {
    peers.push_back(place->second->Summary());
  }
  return peers;
}

std::optional<PeerSummary> Catalog::FindPeer(uint32_t peer_id) const {
  FairMutexLock lock(&mutex_);
  const auto place = by_id_.find(peer_id);
  if (place == by_id_.end()) return std::nullopt;
  return place->second->Summary();
}

std::optional<PeerSummary> Catalog::FindPeer(const PublicKey& key) const {
  FairMutexLock lock(&mutex_);
  const auto place = by_key_.find(key);
  if (place == by_key_.end()) return std::nullopt;
  return place->second->Summary();
}

absl::StatusOr<std::vector<BookListing>> Catalog::ListBooks(
    uint32_t peer_id, const std::pair<std::string, uint64_t>& after, size_t most) const {
  FairMutexLock lock(&mutex_);
  const auto place = by_id_.find(peer_id);
  if (place == by_id_.end()) {
    return MakeError(Reason::kPeerUnknown,
                     absl::StrCat("no peer ", peer_id, " is here now: list the peers"));
  }
  const Shelf& shelf = *place->second;
  std::vector<BookListing> books;
  if (!shelf.visible()) return books;
  for (auto key = shelf.by_name.upper_bound(NameKeyOrder::Plain(after.first, after.second));
       key != shelf.by_name.end() && books.size() < most; ++key) {
    books.push_back(
        {key->number, key->title->name, shelf.by_number.at(key->number).edition->content});
  }
  return books;
}

CatalogTable Catalog::Table(size_t most_peers, size_t most_books) const {
  FairMutexLock lock(&mutex_);
  CatalogTable table;
  table.peer_count = by_id_.size();
  for (const auto& [peer_id, shelf] : by_id_) {
    if (shelf->streaming) ++table.connection_count;
    if (table.rows.size() >= most_peers) continue;
    CatalogTable::Row row{shelf->Summary(), {}};
    for (const NameKey& key : shelf->by_name) {
      if (row.first_books.size() >= most_books) break;
      row.first_books.push_back(key.title->name.value());
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace arkshare
