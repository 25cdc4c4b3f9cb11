// What a peer says in an Announce message, as the catalog takes it.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_ANNOUNCE_READER_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_ANNOUNCE_READER_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "services/index/sessions/sessions.h"

namespace arkshare {

// Reads an encoded v1::AnnounceRequest. Each statement of a page would be three of protobuf's
// messages with two strings, made to be copied from and thrown away: more than half of what reading
// one costs. DataLoss when it is no such message; INVALID_FIELD and INVALID_NAME as the contract
// has them. Pure.
absl::StatusOr<Announcement> ReadAnnouncement(absl::string_view bytes);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_ANNOUNCE_READER_H_
