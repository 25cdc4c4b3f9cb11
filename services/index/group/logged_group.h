// A group as the log of replicas has it.
#ifndef ARKSHARE_SERVICES_INDEX_GROUP_LOGGED_GROUP_H_
#define ARKSHARE_SERVICES_INDEX_GROUP_LOGGED_GROUP_H_

#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/key.h"
#include "lib/core/member_list.h"
#include "services/index/group/group_store.h"
#include "services/index/group/invitations.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Every key of a group begins with it:
//   g/list            the key of the index, and version and signature of the list of members
//   g/m/<bucket>      the members in one of 64 buckets, two hex digits
//   g/i/<id>          an invitation, which is sealed: it is a secret, and admits members
inline constexpr char kGroupKeys[] = "g/";

// The fold of these keys, and the writes that change them. A list whose signature is not that of
// the index is not taken, and no invitation that another key has sealed. Pure but for the random
// bytes of a seal. Not thread-safe.
class LoggedGroup {
 public:
  explicit LoggedGroup(PrivateKey key) : key_(std::move(key)) {}

  void Load(std::vector<LogEntry> entries);
  void Step(int64_t revision, std::vector<LogEvent> events);

  // The group has been begun.
  bool founded() const { return entries_.contains(kListKey); }
  // The key of the index that the log names, if it is another one than that of this index.
  const std::optional<PublicKey>& other_key() const { return other_key_; }
  // The log has a list that the index has not signed.
  bool damaged() const { return damaged_; }
  // The last list that was signed; version 0 for none.
  const MemberList& members() const { return members_; }
  const Invitations& invitations() const { return invitations_; }

  // Returns a write that brings the log towards these contents, and all the way unless there are
  // more changes than a write can have. Without changes: the log has them. It is guarded by what
  // each key that it changes was when it was folded.
  SharedLog::Write WriteOf(const MemberList& members, const Invitations& invitations) const;

  static constexpr char kListKey[] = "g/list";
  static constexpr size_t kBuckets = 64;

 private:
  struct Entry {
    std::string value;
    int64_t revision = 0;
  };

  void Set(absl::string_view key, std::string value, int64_t revision);
  void ReadMembers();
  void ReadInvitation(const std::string& key);
  void AddMembers(const MemberList& members, SharedLog::Write& write) const;
  void Add(const std::string& key, std::optional<std::string> value, SharedLog::Write& write) const;

  const PrivateKey key_;
  std::map<std::string, Entry> entries_;
  std::optional<PublicKey> other_key_;
  bool damaged_ = false;
  MemberList members_;
  Invitations invitations_;
};

// Returns the newer list of both, and every invitation that one of them has, with all of its uses.
GroupContents MergeGroups(const GroupContents& a, const GroupContents& b);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_GROUP_LOGGED_GROUP_H_
