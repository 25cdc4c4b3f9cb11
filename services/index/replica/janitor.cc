#include "services/index/replica/janitor.h"

#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>

#include "lib/core/limits.h"
#include "services/index/replica/session_writes.h"
#include "services/index/replica/steps.h"

namespace arkshare {
namespace {

// How often orphans and graves are looked for, and how often pages and numbers.
constexpr absl::Duration kLook = absl::Seconds(1);
constexpr absl::Duration kSweep = absl::Minutes(1);
// Writes of one Run, so that peers' writes do not wait for them.
constexpr int kMostWrites = 8;
// Changes of one write, fewer than the log allows.
constexpr size_t kMostChanges = 80;
// Numbers that are kept for peers that are not here.
constexpr size_t kMostNumbers = 10'000;
// Ranges of listings in the graves of peers that are not here.
constexpr size_t kMostGraves = 100'000;

}  // namespace

bool Janitor::IsMine() const {
  const std::vector<std::string> live = roster_.LiveReplicas();
  return !live.empty() && *std::min_element(live.begin(), live.end()) == log_->replica();
}

void Janitor::Run() {
  const absl::Time now = clock_->Monotonic();
  if (now < next_look_ || *under_way_ > 0) return;
  next_look_ = now + kLook;
  if (log_->state() != SharedLog::State::kLive) {
    // A replica that seems to be dead may only be as far away as everything else.
    orphans_.clear();
    return;
  }
  EndOrphans(now);
  if (!IsMine()) return;
  HandOver();
  if (now < next_sweep_) return;
  next_sweep_ = now + kSweep;
  DropGarbage();
  ForgetNumbers();
}

// Every replica times them, so that a change of the janitor costs no second lease.
void Janitor::EndOrphans(absl::Time now) {
  absl::flat_hash_map<std::pair<PublicKey, int64_t>, absl::Time> orphans;
  const bool mine = IsMine();
  int writes = 0;
  for (const SharedSession& session : roster_.Orphans()) {
    const std::pair<PublicKey, int64_t> claim(session.key, session.claim_revision);
    const auto known = orphans_.find(claim);
    const absl::Time since = known == orphans_.end() ? now : known->second;
    orphans[claim] = since;
    if (!mine || now - since < lease_ || writes >= kMostWrites) continue;
    ++writes;
    Commit(MakeEnd(session, /*guard_claim=*/true));
  }
  orphans_ = std::move(orphans);
}

// A peer's word about its whole folder is later than the moves before its session: they become a
// statement of the session, and are not needed for the next one.
void Janitor::HandOver() {
  absl::flat_hash_map<PublicKey, std::vector<StoredGrave>> by_source;
  for (StoredGrave& grave : roster_.OldGraves()) {
    by_source[grave.source].push_back(std::move(grave));
  }
  int writes = 0;
  for (const auto& [source, graves] : by_source) {
    const std::optional<SharedSession> session = roster_.Find(source);
    if (!session.has_value() || !session->complete) continue;
    SharedLog::Write write;
    write.guards = {{SessionKey(source), session->epoch}};
    Catalog::Stated gone;
    for (const StoredGrave& grave : graves) {
      if (grave.revision >= session->epoch) continue;
      if (write.changes.size() >= kMostChanges) break;
      if (!gone.gone.empty() && gone.gone.size() + grave.numbers.size() > kMaxItems) break;
      gone.gone.insert(gone.gone.end(), grave.numbers.begin(), grave.numbers.end());
      write.changes.push_back({grave.key, std::nullopt});
    }
    if (write.changes.empty()) continue;
    replica::PageRecord page;
    AddStated(gone, page);
    // Before the deletions: at every moment one of the two says that they are gone.
    write.changes.insert(
        write.changes.begin(),
        {PageKey(source, session->epoch, absl::StrCat(log_->replica(), "-janitor"), next_page_++),
         page.SerializeAsString()});
    Commit(std::move(write));
    if (++writes >= kMostWrites) return;
  }
}

void Janitor::DropGarbage() {
  const std::vector<std::string> garbage = roster_.Garbage(kMostWrites * kMostChanges);
  for (size_t i = 0; i < garbage.size(); i += kMostChanges) {
    SharedLog::Write write;
    for (size_t j = i; j < std::min(garbage.size(), i + kMostChanges); ++j) {
      write.changes.push_back({garbage[j], std::nullopt});
    }
    Commit(std::move(write));
  }
  // There may be more.
  if (garbage.size() == kMostWrites * kMostChanges) next_sweep_ = absl::InfinitePast();
}

void Janitor::ForgetNumbers() {
  const auto forget = [this](std::vector<std::pair<int64_t, SharedLog::Write>> oldest,
                             size_t count) {
    std::sort(oldest.begin(), oldest.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (size_t i = 0; i < std::min({count, oldest.size(), size_t{kMostWrites}}); ++i) {
      Commit(std::move(oldest[i].second));
    }
  };
  std::vector<std::pair<int64_t, SharedLog::Write>> numbers;
  for (const auto& [number, owner] : roster_.AllNumbers()) {
    if (roster_.Find(owner.key).has_value()) continue;
    SharedLog::Write write;
    write.guards = {{SessionKey(owner.key), 0}, {NumberKey(number), owner.revision}};
    write.changes = {{NumberKey(number), std::nullopt}};
    numbers.emplace_back(owner.revision, std::move(write));
  }
  const size_t too_many = numbers.size() - std::min(numbers.size(), kMostNumbers);
  forget(std::move(numbers), too_many);

  std::vector<std::pair<int64_t, SharedLog::Write>> graves;
  size_t ranges = 0;
  for (const StoredGrave& grave : roster_.AllGraves()) {
    if (roster_.Find(grave.source).has_value()) continue;
    ranges += grave.numbers.size();
    SharedLog::Write write;
    write.guards = {{SessionKey(grave.source), 0}};
    write.changes = {{grave.key, std::nullopt}};
    graves.emplace_back(grave.revision, std::move(write));
  }
  forget(std::move(graves), ranges > kMostGraves ? kMostWrites : 0);
}

void Janitor::Commit(SharedLog::Write write) {
  ++*under_way_;
  log_->Commit(std::move(write), [under_way = under_way_](
                                     const absl::StatusOr<SharedLog::Outcome>&) { --*under_way; });
}

}  // namespace arkshare
