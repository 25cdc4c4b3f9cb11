// Converts between what this peer keeps and the messages of peer.proto.
#ifndef ARKSHARE_SERVICES_PEER_OWNER_OWNER_PROTOS_H_
#define ARKSHARE_SERVICES_PEER_OWNER_OWNER_PROTOS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <google/protobuf/timestamp.pb.h>

#include <string>

#include "arkshare/v1/peer.pb.h"
#include "services/peer/disk/ledger_records.h"
#include "services/peer/library/book.h"
#include "services/peer/serve/upload_queue.h"
#include "services/peer/transfer/fetch_wish.h"
#include "services/peer/transfer/transfer_board.h"
#include "services/peer/wishes/wish_table.h"

namespace arkshare {

google::protobuf::Timestamp ToProto(absl::Time time);
v1::Transfer ToProto(const TransferView& view);
// Leaves not_indexed_reason empty: the library does not know it.
v1::LibraryEntry ToProto(const LibraryItem& item);

v1::Upload ToProto(const UploadQueue::View& view);
// `name`: of the listing that was given away; empty when it is not known any more.
v1::LimboEntry ToProto(const ReleaseRecord& record, const std::string& name);
v1::Wish ToProto(const WishView& view);
v1::HistoryEntry ToProto(const HistoryRecord& record);

// Errors: kInvalidField, kInvalidName.
absl::StatusOr<FetchWish> FromProto(const v1::FetchRequest& request);
// Returns a wish without id and time. Errors: kQueryEmpty, kInvalidField, kInvalidName.
absl::StatusOr<WishRecord> FromProto(const v1::AddWishRequest& request);
// Describes a wish that never became a transfer.
v1::Transfer RefusedWish(const v1::FetchRequest& wish, const absl::Status& why);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_OWNER_OWNER_PROTOS_H_
