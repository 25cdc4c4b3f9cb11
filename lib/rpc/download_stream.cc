#include "lib/rpc/download_stream.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include <array>
#include <cstring>
#include <utility>

#include "arkshare/v1/file.pb.h"
namespace arkshare {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;
using Chunk = v1::DownloadResponse::Chunk;

// Three tags, each with a number of at most 64 bits.
constexpr size_t kMaxHeadBytes = 3 * (1 + 10);

uint8_t* WriteTag(int field, WireFormatLite::WireType type, uint8_t* to) {
  return CodedOutputStream::WriteTagToArray(WireFormatLite::MakeTag(field, type), to);
}

// Writes the encoding that precedes `bytes` bytes of data. Returns its end.
uint8_t* WriteHead(uint64_t offset, size_t bytes, uint8_t* to) {
  std::array<uint8_t, kMaxHeadBytes> inner;
  uint8_t* end = inner.data();
  if (offset > 0) {
    end = WriteTag(Chunk::kOffsetFieldNumber, WireFormatLite::WIRETYPE_VARINT, end);
    end = CodedOutputStream::WriteVarint64ToArray(offset, end);
  }
  end = WriteTag(Chunk::kDataFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, end);
  end = CodedOutputStream::WriteVarint64ToArray(bytes, end);
  const auto inner_bytes = static_cast<size_t>(end - inner.data());

  to = WriteTag(v1::DownloadResponse::kChunkFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED,
                to);
  to = CodedOutputStream::WriteVarint64ToArray(inner_bytes + bytes, to);
  std::memcpy(to, inner.data(), inner_bytes);
  return to + inner_bytes;
}

grpc::Slice EncodeHead(uint64_t offset, size_t bytes) {
  std::array<uint8_t, kMaxHeadBytes> head;
  const auto head_bytes = static_cast<size_t>(WriteHead(offset, bytes, head.data()) - head.data());
  grpc_slice encoded = grpc_slice_malloc(head_bytes + bytes);
  std::memcpy(GRPC_SLICE_START_PTR(encoded), head.data(), head_bytes);
  return {encoded, grpc::Slice::STEAL_REF};
}

}  // namespace

ChunkFrame::ChunkFrame(uint64_t offset, size_t bytes)
    : bytes_(bytes), encoded_(EncodeHead(offset, bytes)) {}

absl::Span<uint8_t> ChunkFrame::data() const {
  return {const_cast<uint8_t*>(encoded_.end()) - bytes_, bytes_};
}

bool DownloadStream::Read(v1::DownloadRequest* request) { return streamer_->Read(request); }

bool DownloadStream::Write(const v1::DownloadResponse& message) {
  grpc::ByteBuffer bytes;
  bool own_buffer = false;
  const grpc::Status status = grpc::GenericSerialize<grpc::ProtoBufferWriter, v1::DownloadResponse>(
      message, &bytes, &own_buffer);
  return status.ok() && streamer_->Write(bytes);
}

bool DownloadStream::Write(const ChunkFrame& frame) {
  return streamer_->Write(grpc::ByteBuffer(&frame.encoded(), 1));
}

int DownloadMethodIndex() {
  return v1::DownloadRequest::descriptor()
      ->file()
      ->FindServiceByName("FileService")
      ->FindMethodByName("Download")
      ->index();
}

grpc::internal::MethodHandler* NewDownloadHandler(
    std::function<grpc::Status(grpc::ServerContext*, DownloadStream*)> serve) {
  return new grpc::internal::SplitServerStreamingHandler<v1::DownloadRequest, grpc::ByteBuffer>(
      [serve = std::move(serve)](grpc::ServerContext* context, DownloadStream::Streamer* streamer) {
        DownloadStream stream(streamer);
        return serve(context, &stream);
      });
}

}  // namespace arkshare
