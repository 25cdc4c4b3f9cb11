// Reads Announce messages.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_ANNOUNCE_READER_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_ANNOUNCE_READER_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <string>

#include "services/index/sessions/sessions.h"

namespace arkshare {

// A message of an Announce stream, with what it says of the peer's list of members. See
// SignedVersion; both are unchecked.
struct AnnounceMessage : Announcement {
  std::string members_digest;
  std::string members_signature;
};

// Reads an encoded v1::AnnounceRequest. With protobuf's own parser each statement would be three
// messages with two strings, only to be copied: more than half of the cost of reading one. DataLoss
// when the bytes are not such a message; INVALID_FIELD and INVALID_NAME as in the contract. Pure.
absl::StatusOr<AnnounceMessage> ReadAnnouncement(absl::string_view bytes);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_ANNOUNCE_READER_H_
