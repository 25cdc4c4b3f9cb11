#include "services/index/group/invitations.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/invitation.h"

namespace arkshare {
namespace {

constexpr absl::string_view kFirstLine = "arkshare-invitations 1";
constexpr absl::string_view kOpen = "open";
constexpr absl::string_view kCancelled = "cancelled";
constexpr absl::string_view kMember = "member";
constexpr absl::string_view kRemoved = "removed";

absl::Status Damaged(absl::string_view why) { return absl::InvalidArgumentError(why); }

// Parses "SECRET ROLE USES EXPIRES open|cancelled NAME".
absl::StatusOr<IssuedInvitation> ParseInvitation(absl::string_view rest) {
  const std::vector<absl::string_view> parts = absl::StrSplit(rest, absl::MaxSplits(' ', 5));
  IssuedInvitation invitation;
  int64_t expires = 0;
  if (parts.size() < 5) return Damaged("an invitation has five fields and a name");
  const absl::StatusOr<std::string> secret = FromHex(parts[0]);
  const std::optional<MemberRole> role = RoleFromName(parts[1]);
  if (!secret.ok() || secret->size() != kInvitationSecretBytes || !role.has_value() ||
      !absl::SimpleAtoi(parts[2], &invitation.uses) || !absl::SimpleAtoi(parts[3], &expires) ||
      (parts[4] != kOpen && parts[4] != kCancelled)) {
    return Damaged("an invitation is SECRET ROLE USES EXPIRES open|cancelled NAME");
  }
  invitation.secret = *secret;
  invitation.role = *role;
  invitation.expires_at = absl::FromUnixSeconds(expires);
  invitation.cancelled = parts[4] == kCancelled;
  if (parts.size() > 5) invitation.name = std::string(parts[5]);
  return invitation;
}

absl::StatusOr<InvitationUse> ParseUse(absl::string_view hex, absl::string_view state) {
  const absl::StatusOr<std::string> bytes = FromHex(hex);
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<PublicKey> key = PublicKey::FromBytes(*bytes);
  if (!key.ok()) return key.status();
  if (state != kMember && state != kRemoved) return Damaged("a use is member or removed");
  return InvitationUse{*key, state == kRemoved};
}

}  // namespace

const IssuedInvitation* Invitations::Find(const std::string& id) const {
  const auto place = all_.find(id);
  return place == all_.end() ? nullptr : &place->second;
}

absl::Status Invitations::Add(IssuedInvitation invitation, absl::Time now) {
  if (absl::Status checked = CheckMemberName(invitation.name); !checked.ok()) return checked;
  if (invitation.uses < 1 || invitation.uses > kMaxInvitationUses) {
    return absl::InvalidArgumentError(
        absl::StrCat("an invitation admits 1 to ", kMaxInvitationUses, " keys"));
  }
  if (invitation.expires_at <= now ||
      invitation.expires_at > now + kMaxInvitationLife + absl::Seconds(1)) {
    return absl::InvalidArgumentError(absl::StrCat("an invitation can be used for at most ",
                                                   absl::FormatDuration(kMaxInvitationLife)));
  }
  if (all_.size() >= kMaxInvitations) {
    return absl::ResourceExhaustedError(
        absl::StrCat("there are ", kMaxInvitations,
                     " invitations already; they are forgotten 30 days after they end"));
  }
  std::string id = InvitationId(invitation.secret);
  all_.emplace(std::move(id), std::move(invitation));
  return absl::OkStatus();
}

bool Invitations::Cancel(const std::string& id) {
  const auto place = all_.find(id);
  return place != all_.end() && !std::exchange(place->second.cancelled, true);
}

void Invitations::Set(IssuedInvitation invitation) {
  std::string id = InvitationId(invitation.secret);
  all_.insert_or_assign(std::move(id), std::move(invitation));
}

void Invitations::Merge(const Invitations& others) {
  for (const auto& [id, other] : others.all_) {
    const auto [place, absent] = all_.try_emplace(id, other);
    if (absent) continue;
    IssuedInvitation& here = place->second;
    here.cancelled |= other.cancelled;
    for (const InvitationUse& use : other.used_by) {
      const auto known =
          std::find_if(here.used_by.begin(), here.used_by.end(),
                       [&](const InvitationUse& mine) { return mine.key == use.key; });
      if (known == here.used_by.end()) {
        here.used_by.push_back(use);
      } else {
        known->removed |= use.removed;
      }
    }
  }
}

absl::Status Invitations::Use(const std::string& id, const PublicKey& key, absl::Time now) {
  const auto place = all_.find(id);
  if (place == all_.end()) {
    return MakeError(Reason::kNotAMember,
                     "the index does not know this invitation: ask for a new one");
  }
  IssuedInvitation& invitation = place->second;
  const auto use = std::find_if(invitation.used_by.begin(), invitation.used_by.end(),
                                [&](const InvitationUse& used) { return used.key == key; });
  if (use != invitation.used_by.end()) {
    if (!use->removed) return absl::OkStatus();
    return MakeError(Reason::kInvitationUsed,
                     "this member was removed from the group: ask for a new invitation");
  }
  if (invitation.cancelled) {
    return MakeError(Reason::kInvitationExpired, "the invitation was cancelled: ask for a new one");
  }
  if (now >= invitation.expires_at) {
    return MakeError(Reason::kInvitationExpired,
                     absl::StrCat("the invitation has expired on ",
                                  absl::FormatTime("%Y-%m-%d %H:%M UTC", invitation.expires_at,
                                                   absl::UTCTimeZone()),
                                  ": ask for a new one"));
  }
  if (invitation.used_by.size() >= invitation.uses) {
    return MakeError(Reason::kInvitationUsed,
                     "another program has used the invitation: ask for a new one, and tell the "
                     "owner of the index if you have not used it yourself");
  }
  invitation.used_by.push_back({key});
  return absl::OkStatus();
}

void Invitations::RemoveMember(const PublicKey& key) {
  for (auto& [id, invitation] : all_) {
    for (InvitationUse& use : invitation.used_by) use.removed |= use.key == key;
  }
}

void Invitations::Forget(absl::Time now) {
  std::erase_if(
      all_, [&](const auto& item) { return item.second.expires_at + kEndedInvitationLife <= now; });
}

std::string Invitations::ToText() const {
  std::string text = absl::StrCat(kFirstLine, "\n");
  for (const auto& [id, invitation] : all_) {
    absl::StrAppend(&text, "invitation ", ToHex(invitation.secret), " ", RoleName(invitation.role),
                    " ", invitation.uses, " ", absl::ToUnixSeconds(invitation.expires_at), " ",
                    invitation.cancelled ? kCancelled : kOpen);
    absl::StrAppend(&text, invitation.name.empty() ? "" : " ", invitation.name, "\n");
    for (const InvitationUse& use : invitation.used_by) {
      absl::StrAppend(&text, "used ", ToHex(id), " ", use.key.hex(), " ",
                      use.removed ? kRemoved : kMember, "\n");
    }
  }
  absl::StrAppend(&text, "end\n");
  return text;
}

absl::Status Invitations::ReadLine(absl::string_view line) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(line, absl::MaxSplits(' ', 1));
  if (parts.first == "invitation") {
    absl::StatusOr<IssuedInvitation> invitation = ParseInvitation(parts.second);
    if (!invitation.ok()) return invitation.status();
    Set(*std::move(invitation));
    return absl::OkStatus();
  }
  const std::vector<absl::string_view> fields = absl::StrSplit(parts.second, ' ');
  if (parts.first != "used" || fields.size() != 3) {
    return Damaged("a line begins with invitation or used");
  }
  const absl::StatusOr<std::string> id = FromHex(fields[0]);
  const auto place = id.ok() ? all_.find(*id) : all_.end();
  if (place == all_.end()) return Damaged("there is no such invitation before this line");
  const absl::StatusOr<InvitationUse> use = ParseUse(fields[1], fields[2]);
  if (!use.ok()) return use.status();
  place->second.used_by.push_back(*use);
  return absl::OkStatus();
}

absl::StatusOr<Invitations> Invitations::FromText(absl::string_view text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  const size_t count = lines.size();
  if (lines[0] != kFirstLine) return Damaged("line 1: this is not a list of invitations");
  if (count < 3 || lines[count - 1] != "" || lines[count - 2] != "end") {
    return Damaged(absl::StrCat("line ", count, ": the list has no end"));
  }
  Invitations invitations;
  for (size_t i = 1; i + 2 < count; ++i) {
    if (absl::Status read = invitations.ReadLine(lines[i]); !read.ok()) {
      return Damaged(absl::StrCat("line ", i + 1, ": ", read.message()));
    }
  }
  return invitations;
}

}  // namespace arkshare
