// The invitations that an index has given out, and which keys have used them.
#ifndef ARKSHARE_SERVICES_INDEX_GROUP_INVITATIONS_H_
#define ARKSHARE_SERVICES_INDEX_GROUP_INVITATIONS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/core/key.h"
#include "lib/core/member_list.h"

namespace arkshare {

// The most keys that one invitation admits.
inline constexpr uint32_t kMaxInvitationUses = 100;
// The longest time for which an invitation can be used.
inline constexpr absl::Duration kMaxInvitationLife = absl::Hours(24 * 30);
// How long an invitation that has ended is remembered, so that a person who still has the word can
// be told why it does not work.
inline constexpr absl::Duration kEndedInvitationLife = absl::Hours(24 * 30);
// The most invitations that are remembered.
inline constexpr size_t kMaxInvitations = 1'000;

struct InvitationUse {
  PublicKey key;
  bool removed = false;  // the member has been removed, and needs a new invitation

  bool operator==(const InvitationUse&) const = default;
};

struct IssuedInvitation {
  std::string secret;  // kInvitationSecretBytes
  MemberRole role = MemberRole::kFull;
  std::string name;       // of the member that joins by it, unless that member chooses one
  uint32_t uses = 1;      // how many keys it admits, 1 to kMaxInvitationUses
  absl::Time expires_at;  // whole seconds; at most kMaxInvitationLife from now, rounded up
  bool cancelled = false;
  std::vector<InvitationUse> used_by{};  // in the order in which they joined

  bool operator==(const IssuedInvitation&) const = default;
};

// Not thread-safe. Copies are independent, so a caller can change a copy and keep it once it is on
// the disk.
class Invitations {
 public:
  // By InvitationId.
  const std::map<std::string, IssuedInvitation>& all() const { return all_; }
  // Null for an id that is not known.
  const IssuedInvitation* Find(const std::string& id) const;

  // InvalidArgument for a name, a number of uses or a time that is not allowed; ResourceExhausted
  // when there are kMaxInvitations already.
  absl::Status Add(IssuedInvitation invitation, absl::Time now);
  // False when there is no such invitation, or it was cancelled before.
  bool Cancel(const std::string& id);

  // Adds the invitation, or replaces the one with its id.
  void Set(IssuedInvitation invitation);
  void Erase(const std::string& id) { all_.erase(id); }
  // Adds the invitations and uses of the other ones. What was cancelled or removed in either stays
  // so.
  void Merge(const Invitations& others);

  // Records that `key` joins by the invitation. OK, too, when the same key has joined by it before,
  // because its first answer may have been lost. kInvitationUsed when other keys have used it up or
  // the key was removed since, kInvitationExpired when it has expired or was cancelled, kNotAMember
  // for an id that is not known.
  absl::Status Use(const std::string& id, const PublicKey& key, absl::Time now);
  // Records that a key is no longer a member.
  void RemoveMember(const PublicKey& key);
  // Drops the invitations that ended kEndedInvitationLife before `now`.
  void Forget(absl::Time now);

  // Writes all as lines of text, for a file.
  std::string ToText() const;
  // Reads what ToText writes. InvalidArgument names the line.
  static absl::StatusOr<Invitations> FromText(absl::string_view text);

  bool operator==(const Invitations&) const = default;

 private:
  absl::Status ReadLine(absl::string_view line);

  std::map<std::string, IssuedInvitation> all_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_GROUP_INVITATIONS_H_
