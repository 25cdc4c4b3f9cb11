#include "clients/cli/peer_names.h"

#include <absl/strings/str_cat.h>

#include "lib/core/book_name.h"

namespace arkshare {

std::string PeerWithName(uint32_t peer_id, absl::string_view name) {
  if (name.empty()) return absl::StrCat(peer_id);
  return absl::StrCat(peer_id, " (", EscapeForDisplay(name), ")");
}

PeerNames::PeerNames(const v1::MembersUpdate& members) {
  for (const v1::Member& member : members.members()) names_[member.public_key()] = member.name();
}

std::string PeerNames::Find(absl::string_view public_key) const {
  const auto found = names_.find(public_key);
  return found == names_.end() ? "" : found->second;
}

}  // namespace arkshare
