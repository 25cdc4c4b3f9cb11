// The names of the members of the own peer's group, for people.
#ifndef ARKSHARE_CLIENTS_CLI_PEER_NAMES_H_
#define ARKSHARE_CLIENTS_CLI_PEER_NAMES_H_

#include <absl/container/flat_hash_map.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>

#include "arkshare/v1/types.pb.h"

namespace arkshare {

// "5 (ada)": the number of a peer, and the name of its owner, safe to print. "5" without a name.
std::string PeerWithName(uint32_t peer_id, absl::string_view name);

// Not thread-safe.
class PeerNames {
 public:
  // No names, as without a group.
  PeerNames() = default;
  // `members` must be a whole list.
  explicit PeerNames(const v1::MembersUpdate& members);

  // True when a member has the key, with or without a name. Keys are 32 bytes.
  bool Has(absl::string_view public_key) const { return names_.contains(public_key); }
  // "ada", as the list has it; "" without a name.
  std::string Find(absl::string_view public_key) const;
  // PeerWithName for the owner of the key.
  std::string Show(uint32_t peer_id, absl::string_view public_key) const {
    return PeerWithName(peer_id, Find(public_key));
  }
  bool empty() const { return names_.empty(); }

 private:
  absl::flat_hash_map<std::string, std::string> names_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_PEER_NAMES_H_
