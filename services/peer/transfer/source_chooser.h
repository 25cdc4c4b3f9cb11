// Which book a wish means, and which listing of it to take.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_SOURCE_CHOOSER_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_SOURCE_CHOOSER_H_

#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <map>
#include <vector>

#include "lib/core/key.h"
#include "services/peer/fetch/holders.h"
#include "services/peer/library/library.h"
#include "services/peer/session/index_client.h"
#include "services/peer/transfer/fetch_wish.h"

namespace arkshare {

// Searches the index and pings the holders, so every call blocks. Thread-safe.
class SourceChooser {
 public:
  // All must outlive it; `self` is this peer's key.
  SourceChooser(const Library* library, IndexClient* index, Holders* holders, PublicKey self)
      : library_(library), index_(index), holders_(holders), self_(self) {}

  struct Choice {
    ContentId content;
    BookHolder source;
    std::vector<BookHolder> holders;  // all that can be reached; the source first
    bool move = false;                // takes the listing of the source
    BookName save_as;
  };
  // The source of each peer number that was looked for, or why there is none.
  using SourceCache = std::map<uint32_t, absl::StatusOr<BookHolder>>;

  // Returns a choice for each wish, in order. Up to 32 searches run at a time. For the errors see
  // PeerService.Fetch.
  std::vector<absl::StatusOr<Choice>> Choose(absl::Span<const FetchWish> wishes,
                                             SourceCache& sources) const;
  // Whether an interrupted download of `content` is of no use for a wish that names it: its name is
  // that of other contents only, or no peer has the content and the wish says another one. False
  // when the index does not say.
  bool MeansAnotherBook(const FetchWish& wish, const ContentId& content) const;
  // Returns the peers that list this content, except this peer.
  absl::StatusOr<std::vector<BookHolder>> FindHolders(const ContentId& content,
                                                      bool also_partial) const;

 private:
  struct Found {
    ContentId content;  // unset when there are no holders
    std::vector<BookHolder> holders;
  };
  absl::StatusOr<Choice> ChooseBySearch(const FetchWish& wish) const;
  absl::StatusOr<Choice> ChooseListing(const FetchWish& wish, SourceCache& sources) const;
  absl::StatusOr<Found> Search(const v1::SearchRequest& request, const FetchWish& wish) const;
  absl::Status WhyNotFound(const FetchWish& wish) const;
  absl::StatusOr<BookHolder> FindSource(const FetchWish& wish) const;

  const Library* const library_;
  IndexClient* const index_;
  Holders* const holders_;
  const PublicKey self_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_SOURCE_CHOOSER_H_
