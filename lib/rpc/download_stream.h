// FileService.Download as a server sends it: the bytes of a book are read from the disk right to
// where gRPC sends them from. As a message of its own, protobuf would copy each of them once more,
// which is about a tenth of what a transfer costs.
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

#include "arkshare/v1/file.grpc.pb.h"

namespace arkshare {

// A DownloadResponse with a chunk, in protobuf's encoding.
class ChunkFrame {
 public:
  // Of `bytes` of the book, 1 or more, from `offset` on.
  ChunkFrame(uint64_t offset, size_t bytes);

  // To be filled before it is written.
  absl::Span<uint8_t> data() const;
  const grpc::Slice& encoded() const { return encoded_; }

 private:
  size_t bytes_;
  grpc::Slice encoded_;
};

// The server's end of one call. Not thread-safe.
class DownloadStream {
 public:
  using Streamer = grpc::ServerSplitStreamer<v1::DownloadRequest, grpc::ByteBuffer>;

  explicit DownloadStream(Streamer* streamer) : streamer_(streamer) {}

  // Once, before all else; waits for it. False when it does not come or is none.
  bool Read(v1::DownloadRequest* request);
  // False when the receiver has gone. Both wait while it does not read.
  bool Write(const v1::DownloadResponse& message);
  bool Write(const ChunkFrame& frame);

 private:
  Streamer* const streamer_;
};

// For grpc::Service::MarkMethodStreamed: calls `serve` for each Download. The service's own
// Download is not called any more.
int DownloadMethodIndex();
grpc::internal::MethodHandler* NewDownloadHandler(
    std::function<grpc::Status(grpc::ServerContext*, DownloadStream*)> serve);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_DOWNLOAD_STREAM_H_
