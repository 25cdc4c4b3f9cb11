// The page tokens of PeerService.ListHistory.
#ifndef ARKSHARE_SERVICES_PEER_OWNER_HISTORY_TOKEN_H_
#define ARKSHARE_SERVICES_PEER_OWNER_HISTORY_TOKEN_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <string>

#include "services/peer/disk/ledger_records.h"

namespace arkshare {

// Returns the token of the page that begins after `place`.
std::string HistoryToken(const HistoryPlace& place);
// kPageTokenInvalid.
absl::StatusOr<HistoryPlace> ParseHistoryToken(absl::string_view token);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_OWNER_HISTORY_TOKEN_H_
