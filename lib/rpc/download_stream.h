// The server's side of FileService.Download without a copy in protobuf: bytes are read from the
// disk into the memory that gRPC sends. A DownloadResponse message would copy them once more, which
// is about a tenth of the cost of a transfer.
#ifndef ARKSHARE_LIB_RPC_DOWNLOAD_STREAM_H_
#define ARKSHARE_LIB_RPC_DOWNLOAD_STREAM_H_

#include <absl/types/span.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/slice.h>
#include <grpcpp/support/sync_stream.h>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace arkshare::v1 {
class DownloadRequest;
class DownloadResponse;
}  // namespace arkshare::v1

namespace arkshare {

// A DownloadResponse with a chunk, in protobuf's encoding.
class ChunkFrame {
 public:
  // Makes a chunk of `bytes` bytes, 1 or more, which begin at `offset` in the book.
  ChunkFrame(uint64_t offset, size_t bytes);

  // The memory for the chunk's bytes. Fill it before DownloadStream::Write.
  absl::Span<uint8_t> data() const;
  const grpc::Slice& encoded() const { return encoded_; }

 private:
  size_t bytes_;
  grpc::Slice encoded_;
};

// The server's end of one Download call. Not thread-safe.
class DownloadStream {
 public:
  using Streamer = grpc::ServerSplitStreamer<v1::DownloadRequest, grpc::ByteBuffer>;

  explicit DownloadStream(Streamer* streamer) : streamer_(streamer) {}

  // Waits for the request. Call once, first. False when the request does not come or is malformed.
  bool Read(v1::DownloadRequest* request);
  // Writes a message. Blocks while the receiver does not read. False when the receiver has gone.
  bool Write(const v1::DownloadResponse& message);
  bool Write(const ChunkFrame& frame);

 private:
  Streamer* const streamer_;
};

// The arguments of grpc::Service::MarkMethodStreamed. The handler calls `serve` for each Download
// instead of the service's own Download.
int DownloadMethodIndex();
grpc::internal::MethodHandler* NewDownloadHandler(
    std::function<grpc::Status(grpc::ServerContext*, DownloadStream*)> serve);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_DOWNLOAD_STREAM_H_
