#include "services/index/service/announce_wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace arkshare {
namespace {

// Returns the bytes before those of AnnounceResponse.members.
std::string MembersHeader(size_t size) {
  using google::protobuf::internal::WireFormatLite;
  std::string header;
  google::protobuf::io::StringOutputStream stream(&header);
  google::protobuf::io::CodedOutputStream output(&stream);
  output.WriteTag(WireFormatLite::MakeTag(v1::AnnounceResponse::kMembersFieldNumber,
                                          WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  output.WriteVarint32(static_cast<uint32_t>(size));
  output.Trim();
  return header;
}

}  // namespace

absl::StatusOr<AnnounceMessage> ReadAnnouncementOf(grpc::ByteBuffer& bytes) {
  grpc::Slice slice;
  const bool whole = bytes.TrySingleSlice(&slice).ok() || bytes.DumpToSingleSlice(&slice).ok();
  bytes.Clear();
  if (!whole) return absl::DataLossError("the message is incomplete");
  return ReadAnnouncement({reinterpret_cast<const char*>(slice.begin()), slice.size()});
}

grpc::ByteBuffer EncodeAnswer(const v1::AnnounceResponse& response, const grpc::Slice* members) {
  std::string bytes = response.SerializeAsString();
  if (members == nullptr) {
    const grpc::Slice slice(bytes);
    return grpc::ByteBuffer(&slice, 1);
  }
  bytes += MembersHeader(members->size());
  const grpc::Slice slices[] = {grpc::Slice(bytes), *members};
  return grpc::ByteBuffer(slices, 2);
}

}  // namespace arkshare
