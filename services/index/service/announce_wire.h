// The messages of an Announce stream, as bytes.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_ANNOUNCE_WIRE_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_ANNOUNCE_WIRE_H_

#include <absl/status/statusor.h>
#include <grpcpp/support/byte_buffer.h>

#include "arkshare/v1/index.pb.h"
#include "services/index/sessions/announce_reader.h"

namespace arkshare {

// Reads a message, and empties `bytes`. DataLoss when they are not a message.
absl::StatusOr<AnnounceMessage> ReadAnnouncementOf(grpc::ByteBuffer& bytes);
// Returns the response with AnnounceResponse.members, whose bytes all streams share; nullptr: none.
grpc::ByteBuffer EncodeAnswer(const v1::AnnounceResponse& response, const grpc::Slice* members);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_ANNOUNCE_WIRE_H_
