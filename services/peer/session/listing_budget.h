// Which books this peer tells an index that takes fewer than it has.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_LISTING_BUDGET_H_
#define ARKSHARE_SERVICES_PEER_SESSION_LISTING_BUDGET_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "services/peer/library/library.h"

namespace arkshare {

// Passes on as many whole books as the index takes, and keeps the others until there is room. A
// pure decision: no lock, no clock, no I/O. Not thread-safe.
class ListingBudget {
 public:
  // Begins a session with an index that takes `most` whole books; 0: any number.
  void Begin(uint64_t most);

  // Appends to `statements` what to tell the index because of `change`: the change itself, nothing,
  // or also a book that has waited for the room that the change makes.
  void Add(const Library::Change& change, std::vector<Library::Change>& statements);

  // Returns "" while the index takes all books, otherwise a message for people that names some of
  // those that it does not list.
  std::string Trouble() const;
  // Returns why the index does not list a listing, for people; "" when it was told.
  std::string WhyLeftOut(uint64_t listing) const;
  size_t left_out() const { return left_out_.size(); }

 private:
  uint64_t most_ = 0;
  absl::flat_hash_set<uint64_t> listed_;             // whole books; empty without a limit
  absl::btree_map<uint64_t, BookListing> left_out_;  // by listing number
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_LISTING_BUDGET_H_
