#include "services/index/group/logged_group.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/strip.h>

#include <array>
#include <utility>

#include "arkshare/group/records.pb.h"
#include "lib/core/content_id.h"
#include "lib/core/log.h"
#include "services/index/group/seal.h"

namespace arkshare {
namespace {

constexpr absl::string_view kBucketKeys = "g/m/";
constexpr absl::string_view kInvitationKeys = "g/i/";
// The limits of a write are 100 changes and 1.1 MiB. A list of 10,000 members has 1.04 MB.
constexpr size_t kMostChanges = 95;
constexpr size_t kMostBytes = 1'100'000;

size_t BucketOf(const PublicKey& key) { return static_cast<uint8_t>(key.view()[0]) >> 2; }

std::string BucketKey(size_t bucket) { return absl::StrFormat("%s%02x", kBucketKeys, bucket); }

std::string InvitationKey(absl::string_view id) { return absl::StrCat(kInvitationKeys, ToHex(id)); }

std::array<std::string, LoggedGroup::kBuckets> BucketsOf(const MemberList& members) {
  std::array<group::BucketRecord, LoggedGroup::kBuckets> records;
  for (const auto& [key, member] : members.members()) {
    group::BucketRecord::Member& proto = *records[BucketOf(key)].add_members();
    proto.set_public_key(key.bytes());
    proto.set_role(static_cast<uint32_t>(member.role));
    proto.set_name(member.name);
  }
  std::array<std::string, LoggedGroup::kBuckets> values;
  for (size_t i = 0; i < records.size(); ++i) values[i] = records[i].SerializeAsString();
  return values;
}

// Adds the members of a bucket; false for a value that is none.
bool ReadBucket(const std::string& value, std::vector<Member>& members) {
  group::BucketRecord record;
  if (!record.ParseFromString(value)) return false;
  for (const group::BucketRecord::Member& proto : record.members()) {
    const absl::StatusOr<PublicKey> key = PublicKey::FromBytes(proto.public_key());
    if (!key.ok()) return false;
    members.push_back({*key, static_cast<MemberRole>(proto.role()), proto.name()});
  }
  return true;
}

size_t BytesOf(const SharedLog::Write& write) {
  size_t bytes = 0;
  for (const SharedLog::Change& change : write.changes) {
    bytes += change.key.size() + change.value.value_or("").size();
  }
  return bytes;
}

}  // namespace

void LoggedGroup::Load(std::vector<LogEntry> entries) {
  entries_.clear();
  invitations_ = {};
  for (LogEntry& entry : entries) Set(entry.key, std::move(entry.value), entry.revision);
  ReadMembers();
  for (const auto& [key, entry] : entries_) ReadInvitation(key);
}

void LoggedGroup::Step(int64_t revision, std::vector<LogEvent> events) {
  bool list_changed = false;
  for (LogEvent& event : events) {
    list_changed |= !absl::StartsWith(event.key, kInvitationKeys);
    if (event.value.has_value()) {
      Set(event.key, *std::move(event.value), revision);
    } else {
      entries_.erase(event.key);
    }
    ReadInvitation(event.key);
  }
  if (list_changed) ReadMembers();
}

void LoggedGroup::Set(absl::string_view key, std::string value, int64_t revision) {
  entries_[std::string(key)] = {std::move(value), revision};
}

void LoggedGroup::ReadMembers() {
  other_key_.reset();
  damaged_ = false;
  const auto list = entries_.find(kListKey);
  if (list == entries_.end()) {
    members_ = {};
    return;
  }
  group::ListRecord record;
  const bool parsed = record.ParseFromString(list->second.value);
  const absl::StatusOr<PublicKey> index = PublicKey::FromBytes(record.index_public_key());
  if (parsed && index.ok() && *index != key_.public_key()) {
    other_key_ = *index;
    return;
  }
  if (parsed && index.ok() && record.version() == 0) {
    members_ = {};
    return;
  }
  MemberChanges all;
  bool whole = parsed && index.ok();
  for (size_t i = 0; whole && i < kBuckets; ++i) {
    const auto bucket = entries_.find(BucketKey(i));
    if (bucket != entries_.end()) whole = ReadBucket(bucket->second.value, all.set);
  }
  absl::StatusOr<MemberList> members = absl::InvalidArgumentError("it cannot be read");
  if (whole) {
    members = MemberList().Apply(record.version(), /*complete=*/true, all, record.signature(),
                                 key_.public_key());
  }
  if (members.ok()) {
    members_ = *std::move(members);
  } else {
    // Another program has written it. The last good list stays, and is put back.
    damaged_ = true;
    LogError("members_not_signed",
             {{"version", record.version()}, {"why", members.status().message()}});
  }
}

void LoggedGroup::ReadInvitation(const std::string& key) {
  absl::string_view hex = key;
  if (!absl::ConsumePrefix(&hex, kInvitationKeys)) return;
  const absl::StatusOr<std::string> id = FromHex(hex);
  if (!id.ok()) return;
  invitations_.Erase(*id);
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  const std::optional<std::string> text = Unseal(key_, key, entry->second.value);
  absl::StatusOr<Invitations> one = absl::InvalidArgumentError("this index has not sealed it");
  if (text.has_value()) one = Invitations::FromText(*text);
  if (one.ok() && one->Find(*id) != nullptr) {
    invitations_.Set(*one->Find(*id));
  } else if (!other_key_.has_value()) {
    LogError("invitation_unreadable", {{"id", hex}, {"why", one.status().message()}});
  }
}

SharedLog::Write LoggedGroup::WriteOf(const MemberList& members,
                                      const Invitations& invitations) const {
  SharedLog::Write write;
  write.chain = kGroupKeys;
  AddMembers(members, write);
  const auto has_room = [&](size_t bytes) {
    return write.changes.size() < kMostChanges && BytesOf(write) + bytes < kMostBytes;
  };
  for (const auto& [id, invitation] : invitations.all()) {
    const IssuedInvitation* const there = invitations_.Find(id);
    if (there != nullptr && *there == invitation) continue;
    Invitations one;
    one.Set(invitation);
    std::string value = Seal(key_, InvitationKey(id), one.ToText());
    if (has_room(value.size())) Add(InvitationKey(id), std::move(value), write);
  }
  for (const auto& [id, invitation] : invitations_.all()) {
    if (invitations.Find(id) == nullptr && has_room(0)) Add(InvitationKey(id), std::nullopt, write);
  }
  return write;
}

void LoggedGroup::AddMembers(const MemberList& members, SharedLog::Write& write) const {
  group::ListRecord record;
  record.set_index_public_key(key_.public_key().bytes());
  record.set_version(members.version());
  record.set_signature(members.signature());
  std::string value = record.SerializeAsString();
  std::vector<SharedLog::Change> changes;
  std::array<std::string, kBuckets> buckets = BucketsOf(members);
  for (size_t i = 0; i < kBuckets; ++i) {
    const std::string key = BucketKey(i);
    const auto there = entries_.find(key);
    const bool same =
        there == entries_.end() ? buckets[i].empty() : there->second.value == buckets[i];
    if (!same) changes.push_back({key, std::move(buckets[i])});
  }
  const auto list = entries_.find(kListKey);
  if (changes.empty() && list != entries_.end() && list->second.value == value) return;
  // The guard of the list is that of the buckets, too.
  Add(kListKey, std::move(value), write);
  for (SharedLog::Change& change : changes) write.changes.push_back(std::move(change));
}

void LoggedGroup::Add(const std::string& key, std::optional<std::string> value,
                      SharedLog::Write& write) const {
  const auto there = entries_.find(key);
  write.guards.push_back({key, there == entries_.end() ? 0 : there->second.revision});
  write.changes.push_back({key, std::move(value)});
}

GroupContents MergeGroups(const GroupContents& a, const GroupContents& b) {
  const bool newer = b.members->version() > a.members->version();
  GroupContents merged = newer ? b : a;
  Invitations invitations = *a.invitations;
  invitations.Merge(*b.invitations);
  merged.SetInvitations(std::move(invitations));
  return merged;
}

}  // namespace arkshare
