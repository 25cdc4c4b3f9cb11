// The members of a group: which keys may connect, and what each may do.
#ifndef ARKSHARE_LIB_CORE_MEMBER_LIST_H_
#define ARKSHARE_LIB_CORE_MEMBER_LIST_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/key.h"

namespace arkshare {

// The most members of a group; their list has about 1 MiB.
inline constexpr size_t kMaxMembers = 10'000;
// The longest name of a member, in bytes.
inline constexpr size_t kMaxMemberNameBytes = 64;

// The rights of a member. The numbers are those of MemberRole in types.proto.
enum class MemberRole : uint8_t {
  kFull = 1,     // everything
  kReader = 2,   // search, watch and get copies; lists nothing, takes nothing
  kWatcher = 3,  // search and watch only
};

// "full", "reader", "watcher".
absl::string_view RoleName(MemberRole role);
std::optional<MemberRole> RoleFromName(absl::string_view name);

struct Member {
  PublicKey key;
  MemberRole role = MemberRole::kFull;
  std::string name;  // for people; may be empty; several members may have the same

  bool operator==(const Member&) const = default;
};

// InvalidArgument unless `name` is UTF-8 of at most kMaxMemberNameBytes without control characters.
absl::Status CheckMemberName(absl::string_view name);

// The difference between two versions of a list.
struct MemberChanges {
  std::vector<Member> set;  // new members, and members whose role or name has changed
  std::vector<PublicKey> removed;
};

// A version of the list without its members: shows that the index has signed it.
struct SignedVersion {
  uint64_t version = 0;
  std::string digest;     // MemberList::Digest
  std::string signature;  // MemberList::signature

  // False for version 0, which has no signature.
  bool IsSignedBy(const PublicKey& index) const;

  bool operator==(const SignedVersion&) const = default;
};

// A version of the list, signed by the index. Not thread-safe.
class MemberList {
 public:
  // An empty list of version 0, which has no signature.
  MemberList() = default;

  uint64_t version() const { return version_; }
  const std::map<PublicKey, Member>& members() const { return members_; }
  // Null when the key is not a member.
  const Member* Find(const PublicKey& key) const;

  // Returns the next version, with the changes, signed by `index`. Its number is larger than this
  // version and `above`. InvalidArgument for a bad name; ResourceExhausted for more than
  // kMaxMembers.
  absl::StatusOr<MemberList> Next(const MemberChanges& changes, const PrivateKey& index,
                                  uint64_t above = 0) const;

  // Returns the version that another program describes: this list with the changes, or, when
  // `complete`, only the members that are set. PermissionDenied unless `signature` is that of
  // `index` over the result. InvalidArgument for a bad or repeated member. FailedPrecondition for a
  // version that is not newer than this one.
  absl::StatusOr<MemberList> Apply(uint64_t version, bool complete, const MemberChanges& changes,
                                   absl::string_view signature, const PublicKey& index) const;

  // Returns what leads from `older` to this list.
  MemberChanges Since(const MemberList& older) const;

  // The signature of the index: kSignatureBytes over SignedBytes(); "" for version 0.
  const std::string& signature() const { return signature_; }
  // SHA-256, 32 bytes, of all members in the order of their keys, each as key || role, 1 byte ||
  // length of the name, 1 byte || name. Takes a few milliseconds for kMaxMembers.
  std::string Digest() const;
  // "arkshare-members-v1" || version, 8 bytes, big-endian || Digest().
  std::string SignedBytes() const;
  SignedVersion signed_version() const { return {version_, Digest(), signature_}; }

  // Writes the list as lines of text, for a file:
  //   arkshare-members 1
  //   version 7
  //   signature HEX
  //   member HEX full ada
  std::string ToText() const;
  // Reads what ToText writes, and checks the signature. InvalidArgument names the line.
  static absl::StatusOr<MemberList> FromText(absl::string_view text, const PublicKey& index);

  bool operator==(const MemberList&) const = default;

 private:
  absl::Status Set(const Member& member);

  uint64_t version_ = 0;
  std::map<PublicKey, Member> members_;
  std::string signature_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_MEMBER_LIST_H_
