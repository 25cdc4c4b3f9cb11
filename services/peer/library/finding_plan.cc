#include "services/peer/library/finding_plan.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/core/errors.h"

namespace arkshare {

FindingPlan FindingPlan::Of(std::vector<Finding> findings, LibraryTables& tables,
                            uint64_t max_books) {
  FindingPlan plan;
  plan.findings_ = std::move(findings);
  Planned planned;
  planned.books = tables.listings.size();
  planned.max_books = max_books;
  // Listings that end come first, because a renamed file may have the same name as before.
  for (size_t i = 0; i < plan.findings_.size(); ++i) {
    if (!plan.findings_[i].book) plan.PlanEnd(i, tables, planned);
  }
  for (size_t i = 0; i < plan.findings_.size(); ++i) {
    if (plan.findings_[i].book) plan.PlanBook(i, tables, planned);
  }
  return plan;
}

FindingPlan FindingPlan::NewNumbers(LibraryTables& tables) {
  FindingPlan plan;
  for (const auto& [path, number] : tables.listings.by_path()) {
    const Book& book = tables.listings.Find(number)->book;
    if (book.record.unsettled || !tables.claims.Claim(path)) continue;
    plan.steps_.push_back({plan.findings_.size(), number});
    plan.findings_.push_back({.path = path,
                              .book = book.record,
                              .lend_only = book.lend_only,
                              .lend_reason = book.lend_reason});
  }
  return plan;
}

void FindingPlan::PlanEnd(size_t finding, LibraryTables& tables, Planned& planned) {
  const Finding& found = findings_[finding];
  if (found.unlisted) {
    tables.unlisted.Put(found.path, {found.unlisted->size, found.unlisted->reason});
  } else {
    tables.unlisted.Erase(found.path);
  }
  const ListingTable::Entry* entry = tables.listings.FindPath(found.path);
  if (entry == nullptr || !tables.claims.Claim(found.path)) return;
  planned.ended.insert(entry->book.record.number);
  --planned.books;
  steps_.push_back({finding, entry->book.record.number});
}

void FindingPlan::PlanBook(size_t finding, LibraryTables& tables, Planned& planned) {
  const Finding& found = findings_[finding];
  if (tables.claims.Claimed(found.path) || TakeUnchanged(found, tables)) return;
  const ListingTable::Entry* const known = tables.listings.FindPath(found.path);
  const uint64_t old = known == nullptr ? 0 : known->book.record.number;
  const std::string refusal = Refusal(found, old, tables, planned);
  if (!refusal.empty()) {
    tables.unlisted.Put(found.path, {found.book->content.size, refusal});
    return;
  }
  tables.claims.Claim(found.path);
  if (old == 0) ++planned.books;
  planned.added.emplace(found.book->name, found.path);
  steps_.push_back({finding, old});
}

bool FindingPlan::TakeUnchanged(const Finding& finding, LibraryTables& tables) {
  ListingTable::Entry* const entry = tables.listings.FindPath(finding.path);
  if (entry == nullptr) return false;
  Book& known = entry->book;
  if (known.record.content != finding.book->content ||
      !SameButCtime(known.record.identity, finding.book->identity)) {
    return false;
  }
  tables.unlisted.Erase(finding.path);
  if (!known.trouble.empty() || known.lend_only != finding.lend_only ||
      known.lend_reason != finding.lend_reason) {
    known.trouble.clear();  // it was just read
    known.lend_only = finding.lend_only;
    known.lend_reason = finding.lend_reason;
    tables.watches.Touch(finding.path);
  }
  if (known.record.identity != finding.book->identity) {
    known.record.identity = finding.book->identity;
    touched_.push_back({known.record.number, finding.book->identity});
  }
  return true;
}

std::string FindingPlan::Refusal(const Finding& finding, uint64_t old, const LibraryTables& tables,
                                 const Planned& planned) {
  std::string other;
  if (const auto added = planned.added.find(finding.book->name); added != planned.added.end()) {
    other = added->second;
  } else if (const ListingTable::Entry* named = tables.listings.FindName(finding.book->name)) {
    const uint64_t number = named->book.record.number;
    if (number != old && !planned.ended.contains(number)) other = named->book.record.path;
  }
  if (!other.empty()) {
    return absl::StrCat("its name is that of another file once both are in Unicode NFC: ",
                        EscapeForDisplay(other), "; rename one of them");
  }
  if (old == 0 && planned.books >= planned.max_books) {
    return absl::StrCat("the limit of ", planned.max_books,
                        " books is reached; raise --max-books or remove some");
  }
  return "";
}

std::vector<LedgerListings::Replacement> FindingPlan::Changes() const {
  std::vector<LedgerListings::Replacement> changes;
  changes.reserve(steps_.size());
  for (const auto& [finding, old] : steps_) {
    const Finding& found = findings_[finding];
    const bool changed = found.book.has_value();
    changes.push_back({.gone = old,
                       .gone_state = changed ? ListingRecord::State::kChanged : found.ended,
                       .added = changed ? &*found.book : nullptr});
  }
  return changes;
}

size_t FindingPlan::Carry(LibraryTables& tables, size_t first, absl::Span<const uint64_t> numbers) {
  size_t ended = 0;
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto& [finding, old] = steps_[first + i];
    Finding& found = findings_[finding];
    if (old != 0) {
      tables.End(old);
      ++ended;
    }
    if (!found.book) continue;
    found.book->number = numbers[i];
    tables.List(Book{*std::move(found.book), found.lend_only, std::move(found.lend_reason)});
  }
  return ended;
}

void FindingPlan::Unclaim(LibraryTables& tables) const {
  for (const Step& step : steps_) tables.claims.Unclaim(findings_[step.finding].path);
}

}  // namespace arkshare
