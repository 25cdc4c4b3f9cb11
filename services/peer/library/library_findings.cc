// The part of Library that takes what the scanner finds in the folder.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "services/peer/library/library.h"

namespace arkshare {
namespace {

// Changes in memory under one lock, because readers wait for it.
constexpr size_t kCarrySlice = 256;
// Listings that end before the ledger is pruned again.
constexpr uint64_t kPruneAfter = 20'000;

}  // namespace

absl::StatusOr<size_t> Library::Apply(std::vector<Finding> findings) {
  std::vector<Ledger::Identity> touched;
  const std::vector<Step> steps = Plan(findings, touched);
  // When the ledger cannot be written, the next start hashes these files once more.
  if (!touched.empty()) ledger_->RecordIdentities(touched).IgnoreError();
  if (steps.empty()) return size_t{0};
  std::vector<Ledger::Replacement> changes;
  changes.reserve(steps.size());
  for (const auto& [finding, old] : steps) {
    const bool changed = finding->book.has_value();
    changes.push_back({.gone = old,
                       .gone_state = changed ? ListingRecord::State::kChanged : finding->ended,
                       .added = changed ? &*finding->book : nullptr});
  }
  if (absl::Status s = Finish(steps, ledger_->ReplaceListings(changes)); !s.ok()) return s;
  return steps.size();
}

absl::Status Library::Finish(absl::Span<const Step> steps,
                             const absl::StatusOr<std::vector<uint64_t>>& numbers) {
  if (numbers.ok()) {
    for (size_t begin = 0; begin < steps.size(); begin += kCarrySlice) {
      Carry(steps.subspan(begin, kCarrySlice),
            absl::MakeConstSpan(*numbers).subspan(begin, kCarrySlice));
    }
  }
  MutexLock lock(&mutex_);
  for (const Step& step : steps) claims_.Unclaim(step.finding->path);
  unclaimed_.NotifyAll();
  return numbers.status();
}

// Claims the paths of all steps: no other thread may decide about them while the ledger is written.
std::vector<Library::Step> Library::Plan(std::vector<Finding>& findings,
                                         std::vector<Ledger::Identity>& touched) {
  std::vector<Step> steps;
  Planned planned;
  MutexLock lock(&mutex_);
  planned.books = listings_.size();
  // Listings that end come first, because a renamed file may have the same name as before.
  for (Finding& finding : findings) {
    if (finding.book) continue;
    if (finding.unlisted) {
      unlisted_.Put(finding.path, {finding.unlisted->size, finding.unlisted->reason});
    } else {
      unlisted_.Erase(finding.path);
    }
    const ListingTable::Entry* entry = listings_.FindPath(finding.path);
    if (entry == nullptr || !claims_.Claim(finding.path)) continue;
    planned.ended.insert(entry->book.record.number);
    --planned.books;
    steps.push_back({&finding, entry->book.record.number});
  }
  for (Finding& finding : findings) {
    if (!finding.book || claims_.Claimed(finding.path)) continue;
    uint64_t old = 0;
    if (ListingTable::Entry* entry = listings_.FindPath(finding.path)) {
      Book& known = entry->book;
      if (known.record.content == finding.book->content &&
          SameButCtime(known.record.identity, finding.book->identity)) {
        unlisted_.Erase(finding.path);
        known.trouble.clear();  // it was just read
        known.lend_only = finding.lend_only;
        known.lend_reason = finding.lend_reason;
        if (known.record.identity != finding.book->identity) {
          known.record.identity = finding.book->identity;
          touched.push_back({known.record.number, finding.book->identity});
        }
        continue;
      }
      old = known.record.number;
    }
    const std::string refusal = Refusal(finding, old, planned);
    if (!refusal.empty()) {
      unlisted_.Put(finding.path, {finding.book->content.size, refusal});
      continue;
    }
    claims_.Claim(finding.path);
    if (old == 0) ++planned.books;
    planned.added.emplace(finding.book->name, finding.path);
    steps.push_back({&finding, old});
  }
  return steps;
}

std::string Library::Refusal(const Finding& finding, uint64_t old, const Planned& planned) const {
  std::string other;
  if (const auto added = planned.added.find(finding.book->name); added != planned.added.end()) {
    other = added->second;
  } else if (const ListingTable::Entry* named = listings_.FindName(finding.book->name)) {
    const uint64_t number = named->book.record.number;
    if (number != old && !planned.ended.contains(number)) other = named->book.record.path;
  }
  if (!other.empty()) {
    return absl::StrCat("its name is that of another file once both are in Unicode NFC: ",
                        EscapeForDisplay(other), "; rename one of them");
  }
  if (old == 0 && planned.books >= options_.max_books) {
    return absl::StrCat("the limit of ", options_.max_books,
                        " books is reached; raise --max-books or remove some");
  }
  return "";
}

void Library::Carry(absl::Span<const Step> steps, absl::Span<const uint64_t> numbers) {
  MutexLock lock(&mutex_);
  for (size_t i = 0; i < steps.size(); ++i) {
    const auto& [finding, old] = steps[i];
    if (old != 0) {
      listings_.Erase(old);
      Push(old);
      ++ended_;
    }
    if (!finding->book) continue;
    finding->book->number = numbers[i];
    Insert(Book{*std::move(finding->book), finding->lend_only, std::move(finding->lend_reason)});
  }
}

absl::Status Library::Appear(ListingRecord record, bool lend_only) {
  std::vector<Finding> findings(1);
  findings[0].path = record.path;
  findings[0].book = std::move(record);
  findings[0].lend_only = lend_only;
  return Apply(std::move(findings)).status();
}

absl::Status Library::Vanish(const std::string& path, ListingRecord::State state) {
  return Apply({Finding{.path = path, .ended = state}}).status();
}

void Library::Confirm(const std::string& path, bool lend_only, const std::string& trouble) {
  MutexLock lock(&mutex_);
  ListingTable::Entry* entry = listings_.FindPath(path);
  if (entry == nullptr) return;
  entry->book.lend_only = lend_only;
  entry->book.trouble = trouble;
}

void Library::SetLendReason(const std::string& path, const std::string& reason) {
  MutexLock lock(&mutex_);
  if (ListingTable::Entry* entry = listings_.FindPath(path)) entry->book.lend_reason = reason;
}

void Library::NotePending(const std::string& path, uint64_t size) {
  MutexLock lock(&mutex_);
  unlisted_.Put(path, {size, ""});
}

void Library::NoteUnshared(const std::string& path, uint64_t size, const std::string& reason) {
  MutexLock lock(&mutex_);
  unlisted_.Put(path, {size, reason});
}

void Library::Forget(const std::string& path) {
  MutexLock lock(&mutex_);
  unlisted_.Erase(path);
}

absl::Status Library::Prune() {
  {
    MutexLock lock(&mutex_);
    if (ended_ < kPruneAfter) return absl::OkStatus();
    ended_ = 0;
  }
  return ledger_->PruneListings();
}

absl::StatusOr<size_t> Library::Renumber(uint64_t number) {
  std::vector<Finding> findings;
  std::vector<Step> steps;
  {
    MutexLock lock(&mutex_);
    for (const auto& [path, listing] : listings_.by_path()) {
      const ListingTable::Entry& entry = *listings_.Find(listing);
      if (entry.book.record.unsettled || !claims_.Claim(path)) continue;
      findings.push_back({.path = path,
                          .book = entry.book.record,
                          .lend_only = entry.book.lend_only,
                          .lend_reason = entry.book.lend_reason});
    }
  }
  std::vector<Ledger::Replacement> changes;
  for (Finding& finding : findings) {
    steps.push_back({&finding, finding.book->number});
    changes.push_back({.gone = finding.book->number,
                       .gone_state = ListingRecord::State::kChanged,
                       .added = &*finding.book});
  }
  const absl::StatusOr<std::vector<uint64_t>> numbers = ledger_->ReplaceListings(changes, number);
  if (absl::Status s = Finish(steps, numbers); !s.ok()) return s;
  return steps.size();
}

}  // namespace arkshare
