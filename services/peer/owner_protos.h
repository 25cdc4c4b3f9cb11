// Converts wishes, transfers and library entries from and to messages of peer.proto.
#ifndef ARKSHARE_SERVICES_PEER_OWNER_PROTOS_H_
#define ARKSHARE_SERVICES_PEER_OWNER_PROTOS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <google/protobuf/timestamp.pb.h>

#include "arkshare/v1/peer.pb.h"
#include "services/peer/library/book.h"
#include "services/peer/transfer/fetch_wish.h"
#include "services/peer/transfer/transfer_board.h"

namespace arkshare {

google::protobuf::Timestamp ToProto(absl::Time time);
v1::Transfer ToProto(const TransferView& view);
// Leaves not_indexed_reason empty: the library does not know it.
v1::LibraryEntry ToProto(const LibraryItem& item);

// Errors: kInvalidField, kInvalidName.
absl::StatusOr<FetchWish> FromProto(const v1::FetchRequest& request);
// Describes a wish that never became a transfer.
v1::Transfer RefusedWish(const v1::FetchRequest& wish, const absl::Status& why);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_OWNER_PROTOS_H_
