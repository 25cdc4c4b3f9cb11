// Writes transfers and library entries as messages of peer.proto.
#ifndef ARKSHARE_SERVICES_PEER_OWNER_PROTOS_H_
#define ARKSHARE_SERVICES_PEER_OWNER_PROTOS_H_

#include <absl/time/time.h>
#include <google/protobuf/timestamp.pb.h>

#include "arkshare/v1/peer.pb.h"
#include "services/peer/library/book.h"
#include "services/peer/transfer/transfer_board.h"

namespace arkshare {

google::protobuf::Timestamp ToProto(absl::Time time);
v1::Transfer ToProto(const TransferView& view);
// Leaves not_indexed_reason empty: the library does not know it.
v1::LibraryEntry ToProto(const LibraryItem& item);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_OWNER_PROTOS_H_
