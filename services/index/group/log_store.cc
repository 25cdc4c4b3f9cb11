#include "services/index/group/log_store.h"

#include <absl/strings/str_cat.h>

#include <future>
#include <utility>

#include "lib/core/log.h"
#include "services/index/group/home_store.h"

namespace arkshare {

LogStore::LogStore(std::string home, PrivateKey key, GroupContents contents, SharedLog* log)
    : home_(std::move(home)),
      log_(log),
      logged_(std::move(key)),
      lacking_(contents),
      contents_(std::make_shared<const GroupContents>(std::move(contents))) {}

void LogStore::SetListener(Listener listener) { listener_ = std::move(listener); }

GroupContentsPtr LogStore::Read() const {
  MutexLock lock(&mutex_);
  return contents_;
}

absl::Status LogStore::Refresh() {
  // Shared, because the answer may come later than the end of this call's thread.
  const auto reached = std::make_shared<std::promise<absl::Status>>();
  log_->Mark([reached](const absl::StatusOr<int64_t>& mark) { reached->set_value(mark.status()); });
  if (absl::Status s = reached->get_future().get(); !s.ok()) return s;
  return PutBack();
}

absl::Status LogStore::Write(const GroupContentsPtr& before, const GroupContents& after) {
  SharedLog::Write write;
  {
    MutexLock lock(&mutex_);
    if (absl::Status s = CheckKeyLocked(); !s.ok()) return s;
    if (contents_ != before || lacking_.has_value()) return absl::AbortedError("it has changed");
    write = logged_.WriteOf(*after.members, *after.invitations);
  }
  if (write.changes.empty()) return absl::OkStatus();
  const absl::StatusOr<bool> made = Commit(write);
  if (!made.ok()) return made.status();
  return *made ? absl::OkStatus() : absl::AbortedError("another replica was faster");
}

absl::Status LogStore::PutBack() {
  // Enough for all invitations; more would be a contest with another program.
  constexpr int kMostWrites = 100;
  for (int i = 0; i < kMostWrites; ++i) {
    SharedLog::Write write;
    {
      MutexLock lock(&mutex_);
      if (absl::Status s = CheckKeyLocked(); !s.ok()) return s;
      if (!loaded_ || !lacking_.has_value()) return absl::OkStatus();
      write = logged_.WriteOf(*contents_->members, *contents_->invitations);
      if (write.changes.empty()) {
        lacking_.reset();
        return absl::OkStatus();
      }
    }
    // Whether another replica was faster or not, the next look at the log shows what it lacks.
    if (const absl::StatusOr<bool> made = Commit(write); !made.ok()) return made.status();
  }
  return absl::InternalError("another program changes the group in etcd all the time");
}

absl::StatusOr<bool> LogStore::Commit(const SharedLog::Write& write) {
  const auto decided = std::make_shared<std::promise<absl::StatusOr<SharedLog::Outcome>>>();
  log_->Commit(write, [decided](absl::StatusOr<SharedLog::Outcome> outcome) {
    decided->set_value(std::move(outcome));
  });
  const absl::StatusOr<SharedLog::Outcome> outcome = decided->get_future().get();
  if (!outcome.ok()) return outcome.status();
  if (outcome->made) return true;
  // The answer to an earlier try of the same write may have been lost.
  for (size_t i = 0; i < write.guards.size(); ++i) {
    for (const SharedLog::Change& change : write.changes) {
      if (change.key != write.guards[i].key) continue;
      const LogEntry& found = outcome->found[i];
      const bool same = change.value.has_value()
                            ? found.revision != 0 && found.value == *change.value
                            : found.revision == 0;
      if (!same) return false;
    }
  }
  return true;
}

void LogStore::Load(int64_t /*revision*/, std::vector<LogEntry> entries) {
  GroupContentsPtr before;
  {
    MutexLock lock(&mutex_);
    before = contents_;
    logged_.Load(std::move(entries));
    loaded_ = true;
    TakeOverLocked();
  }
  Tell(before);
}

void LogStore::Step(int64_t revision, std::vector<LogEvent> events) {
  GroupContentsPtr before;
  {
    MutexLock lock(&mutex_);
    before = contents_;
    logged_.Step(revision, std::move(events));
    TakeOverLocked();
  }
  Tell(before);
}

void LogStore::Refounded() {
  MutexLock lock(&mutex_);
  LogWarning("group_log_lost", {{"version", contents_->members->version()}});
  lacking_ = *contents_;
  logged_.Load({});
  loaded_ = false;
}

void LogStore::TakeOverLocked() {
  if (logged_.other_key().has_value()) return;
  // The log was changed by another program than an index of the group.
  if (!logged_.founded() || logged_.damaged() ||
      logged_.members().version() < contents_->members->version()) {
    lacking_ = *contents_;
  }
  GroupContents now = *contents_;
  if (logged_.members() != *now.members) now.SetMembers(logged_.members());
  if (logged_.invitations() != *now.invitations) now.SetInvitations(logged_.invitations());
  if (lacking_.has_value()) {
    now = MergeGroups(now, *lacking_);
    if (logged_.WriteOf(*now.members, *now.invitations).changes.empty()) lacking_.reset();
    // Only what has changed is written to the files.
    if (*now.members == *contents_->members) now.members = contents_->members;
    if (*now.invitations == *contents_->invitations) now.invitations = contents_->invitations;
  }
  if (now.members == contents_->members && now.invitations == contents_->invitations) return;
  contents_ = std::make_shared<const GroupContents>(std::move(now));
}

void LogStore::Tell(const GroupContentsPtr& before) {
  const GroupContentsPtr after = Read();
  if (after == before) return;
  // The copy is for the loss of the log; the log has it anyhow.
  if (absl::Status saved = WriteHome(home_, *before, *after); !saved.ok()) {
    LogError("group_not_saved", {{"why", saved}});
  }
  if (after->members != before->members && listener_) listener_(after->members);
}

absl::Status LogStore::CheckKeyLocked() const {
  const std::optional<PublicKey>& other = logged_.other_key();
  if (!other.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "the replicas in etcd have the key ", other->hex(), ", and ", home_,
      " has another one: give this replica an empty --home with their key (`arkshare-index key "
      "export` at one of them, `arkshare-index key import` here), or another --etcd-prefix"));
}

}  // namespace arkshare
