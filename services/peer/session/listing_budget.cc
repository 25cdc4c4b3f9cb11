#include "services/peer/session/listing_budget.h"

#include <absl/strings/str_cat.h>

#include <utility>
#include <variant>

namespace arkshare {
namespace {

constexpr size_t kMostNamed = 3;

}  // namespace

void ListingBudget::Begin(uint64_t most) {
  most_ = most;
  listed_.clear();
  left_out_.clear();
}

void ListingBudget::Add(const Library::Change& change, std::vector<Library::Change>& statements) {
  if (most_ == 0) {
    statements.push_back(change);
    return;
  }
  if (const auto* present = std::get_if<BookListing>(&change)) {
    const bool counts = !present->partial && !listed_.contains(present->number);
    if (counts && listed_.size() >= most_) {
      left_out_.insert_or_assign(present->number, *present);
      return;
    }
    if (counts) listed_.insert(present->number);
    statements.push_back(change);
    return;
  }
  const uint64_t gone = std::get<uint64_t>(change);
  statements.push_back(change);
  left_out_.erase(gone);
  listed_.erase(gone);
  if (left_out_.empty() || listed_.size() >= most_) return;
  const auto next = left_out_.begin();
  listed_.insert(next->first);
  statements.push_back(std::move(next->second));
  left_out_.erase(next);
}

std::string ListingBudget::WhyLeftOut(uint64_t listing) const {
  if (!left_out_.contains(listing)) return "";
  return absl::StrCat("the index lists at most ", most_, " books of one peer");
}

std::string ListingBudget::Trouble() const {
  if (left_out_.empty()) return "";
  std::string text =
      absl::StrCat("the index lists at most ", most_, " books of one peer, and ", left_out_.size(),
                   left_out_.size() == 1 ? " is" : " are", " not listed (");
  size_t named = 0;
  for (const auto& [number, listing] : left_out_) {
    if (named == kMostNamed) {
      absl::StrAppend(&text, ", …");
      break;
    }
    absl::StrAppend(&text, named == 0 ? "" : ", ", listing.name.value());
    ++named;
  }
  return absl::StrCat(text, "): share fewer, or ask its operator for a higher --max-books");
}

}  // namespace arkshare
