#include "lib/core/member_list.h"

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <utility>

#include "lib/core/book_name.h"
#include "lib/core/bytes.h"
#include "lib/core/content_id.h"
#include "lib/core/hasher.h"

namespace arkshare {
namespace {

struct NamedRole {
  MemberRole role;
  absl::string_view name;
};
constexpr NamedRole kRoles[] = {{MemberRole::kFull, "full"},
                                {MemberRole::kReader, "reader"},
                                {MemberRole::kWatcher, "watcher"}};

constexpr absl::string_view kFirstLine = "arkshare-members 1";

std::string BigEndian(uint64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

absl::StatusOr<PublicKey> ParseKey(absl::string_view hex) {
  absl::StatusOr<std::string> bytes = FromHex(hex);
  if (!bytes.ok()) return bytes.status();
  return PublicKey::FromBytes(*bytes);
}

std::string BytesToSign(uint64_t version, absl::string_view digest) {
  return absl::StrCat("arkshare-members-v1", BigEndian(version), digest);
}

// Parses what follows "member ".
absl::StatusOr<Member> ParseMember(absl::string_view rest) {
  const std::vector<absl::string_view> parts = absl::StrSplit(rest, absl::MaxSplits(' ', 2));
  if (parts.size() < 2) return absl::InvalidArgumentError("a member has a key and a role");
  absl::StatusOr<PublicKey> key = ParseKey(parts[0]);
  if (!key.ok()) return key.status();
  const std::optional<MemberRole> role = RoleFromName(parts[1]);
  if (!role.has_value()) {
    return absl::InvalidArgumentError("a role is full, reader or watcher");
  }
  return Member{*key, *role, parts.size() > 2 ? std::string(parts[2]) : ""};
}

}  // namespace

absl::string_view RoleName(MemberRole role) {
  for (const NamedRole& named : kRoles) {
    if (named.role == role) return named.name;
  }
  return "";
}

std::optional<MemberRole> RoleFromName(absl::string_view name) {
  for (const NamedRole& named : kRoles) {
    if (named.name == name) return named.role;
  }
  return std::nullopt;
}

absl::Status CheckMemberName(absl::string_view name) {
  const auto refused = [&](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", EscapeForDisplay(name.substr(0, kMaxMemberNameBytes)),
                     "\" cannot name a member: ", why));
  };
  if (name.size() > kMaxMemberNameBytes) {
    return refused(absl::StrCat("it has more than ", kMaxMemberNameBytes, " bytes"));
  }
  if (EscapeForDisplay(name) != name) return refused("it has characters that cannot be shown");
  if (absl::StripAsciiWhitespace(name) != name) return refused("a space is at one of its ends");
  return absl::OkStatus();
}

bool SignedVersion::IsSignedBy(const PublicKey& index) const {
  return version != 0 && digest.size() == sizeof(Sha256Digest) &&
         index.Verify(BytesToSign(version, digest), signature);
}

const Member* MemberList::Find(const PublicKey& key) const {
  const auto place = members_.find(key);
  return place == members_.end() ? nullptr : &place->second;
}

absl::Status MemberList::Set(const Member& member) {
  if (RoleName(member.role).empty()) return absl::InvalidArgumentError("a member has no such role");
  if (absl::Status checked = CheckMemberName(member.name); !checked.ok()) return checked;
  members_[member.key] = member;
  if (members_.size() > kMaxMembers) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a group has at most ", kMaxMembers, " members"));
  }
  return absl::OkStatus();
}

absl::StatusOr<MemberList> MemberList::Next(const MemberChanges& changes, const PrivateKey& index,
                                            uint64_t above) const {
  MemberList next = *this;
  for (const PublicKey& key : changes.removed) next.members_.erase(key);
  for (const Member& member : changes.set) {
    if (absl::Status set = next.Set(member); !set.ok()) return set;
  }
  next.version_ = std::max(version_, above) + 1;
  next.signature_ = index.Sign(next.SignedBytes());
  return next;
}

absl::StatusOr<MemberList> MemberList::Apply(uint64_t version, bool complete,
                                             const MemberChanges& changes,
                                             absl::string_view signature,
                                             const PublicKey& index) const {
  if (version <= version_) {
    return absl::FailedPreconditionError(
        absl::StrCat("version ", version, " of the list of members is not newer than ", version_));
  }
  MemberList next = complete ? MemberList() : *this;
  next.version_ = version;
  next.signature_ = std::string(signature);
  for (const PublicKey& key : changes.removed) next.members_.erase(key);
  for (const Member& member : changes.set) {
    if (absl::Status set = next.Set(member); !set.ok()) return set;
  }
  if (!index.Verify(next.SignedBytes(), signature)) {
    return absl::PermissionDeniedError("the index has not signed this list of members");
  }
  return next;
}

MemberChanges MemberList::Since(const MemberList& older) const {
  MemberChanges changes;
  for (const auto& [key, member] : members_) {
    const Member* const before = older.Find(key);
    if (before == nullptr || *before != member) changes.set.push_back(member);
  }
  for (const auto& [key, member] : older.members_) {
    if (Find(key) == nullptr) changes.removed.push_back(key);
  }
  return changes;
}

std::string MemberList::Digest() const {
  std::string all;
  for (const auto& [key, member] : members_) {
    absl::StrAppend(&all, key.view(), std::string(1, static_cast<char>(member.role)),
                    std::string(1, static_cast<char>(member.name.size())), member.name);
  }
  return DigestBytes(Hasher::ForThisThread().Hash(AsBytes(all)));
}

std::string MemberList::SignedBytes() const { return BytesToSign(version_, Digest()); }

std::string MemberList::ToText() const {
  std::string text = absl::StrCat(kFirstLine, "\nversion ", version_, "\nsignature ",
                                  ToHex(absl::string_view(signature_)), "\n");
  for (const auto& [key, member] : members_) {
    absl::StrAppend(&text, "member ", key.hex(), " ", RoleName(member.role),
                    member.name.empty() ? "" : " ", member.name, "\n");
  }
  return text;
}

absl::StatusOr<MemberList> MemberList::FromText(absl::string_view text, const PublicKey& index) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  const auto bad = [](size_t line, absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", why));
  };
  if (lines[0] != kFirstLine) return bad(1, "this is not a list of members");
  if (lines.back() != "") return bad(lines.size(), "the list ends in the middle of a line");
  std::optional<uint64_t> version;
  std::optional<std::string> signature;
  MemberChanges all;
  for (size_t i = 1; i + 1 < lines.size(); ++i) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(lines[i], absl::MaxSplits(' ', 1));
    if (parts.first == "version") {
      if (!absl::SimpleAtoi(parts.second, &version.emplace())) {
        return bad(i + 1, "a version is a number");
      }
    } else if (parts.first == "signature") {
      absl::StatusOr<std::string> bytes = FromHex(parts.second);
      if (!bytes.ok()) return bad(i + 1, bytes.status().message());
      signature = *std::move(bytes);
    } else if (parts.first == "member") {
      absl::StatusOr<Member> member = ParseMember(parts.second);
      if (!member.ok()) return bad(i + 1, member.status().message());
      all.set.push_back(*std::move(member));
    } else {
      return bad(i + 1, "it begins with version, signature or member");
    }
  }
  if (!version.has_value() || !signature.has_value()) {
    return bad(lines.size(), "the version or the signature is missing");
  }
  if (*version == 0 && all.set.empty()) return MemberList();
  return MemberList().Apply(*version, /*complete=*/true, all, *signature, index);
}

}  // namespace arkshare
