// The wire without verification: DownloadResponse messages of 1 MiB over the servers and channels
// that the peer uses, without hashing and without writing.
//
//   arkshare-bench-wire send FILE IP:PORT   serves FILE for any requested book
//   arkshare-bench-wire drop IP:PORT        takes it into memory and prints how many bytes came
//
// With --plain-malloc in front, without our settings for malloc.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/download_stream.h"
#include "lib/rpc/process.h"
#include "lib/rpc/server.h"

namespace {

using namespace arkshare;  // NOLINT(google-build-using-namespace): a program of one file.

constexpr uint64_t kChunkBytes = 1024 * 1024;

// Reads and sends as the FileService of a peer does, and leaves out everything else.
class Sender : public v1::FileService::Service {
 public:
  Sender(int file, uint64_t size) : file_(file), size_(size) {
    MarkMethodStreamed(DownloadMethodIndex(),
                       NewDownloadHandler([this](grpc::ServerContext* /*context*/,
                                                 DownloadStream* stream) { return Send(stream); }));
  }

 private:
  grpc::Status Send(DownloadStream* stream) {
    v1::DownloadRequest request;
    if (!stream->Read(&request)) return grpc::Status::CANCELLED;
    for (uint64_t offset = 0; offset < size_;) {
      const uint64_t n = std::min(kChunkBytes, size_ - offset);
      const ChunkFrame chunk(offset, n);
      if (pread(file_, chunk.data().data(), n, static_cast<off_t>(offset)) !=
          static_cast<ssize_t>(n)) {
        return {grpc::StatusCode::INTERNAL, "the file cannot be read"};
      }
      if (!stream->Write(chunk)) return grpc::Status::CANCELLED;
      offset += n;
    }
    return grpc::Status::OK;
  }

  const int file_;
  const uint64_t size_;
};

int Send(const char* path, const char* listen) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (file < 0 || fstat(file, &info) != 0) {
    std::perror(path);
    return 1;
  }
  BlockStopSignals();
  Sender sender(file, static_cast<uint64_t>(info.st_size));
  absl::StatusOr<std::unique_ptr<RpcServer>> server =
      RpcServer::Start({.listen = listen, .insecure = true}, {&sender});
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", std::string(server.status().message()).c_str());
    return 1;
  }
  (*server)->SetServing(true);
  std::printf("serving address=%s\n", (*server)->address().c_str());
  std::fflush(stdout);
  WaitForStopSignal();
  (*server)->Shutdown(absl::Seconds(1));
  return 0;
}

int Drop(const char* address) {
  const auto stub =
      v1::FileService::NewStub(MakeChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto reader = stub->Download(&context, {});
  uint64_t received = 0;
  v1::DownloadResponse message;
  while (reader->Read(&message)) received += message.chunk().data().size();
  const grpc::Status status = reader->Finish();
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.error_message().c_str());
    return 1;
  }
  std::printf("%llu\n", static_cast<unsigned long long>(received));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool plain = argc > 1 && std::string(argv[1]) == "--plain-malloc";
  if (plain) {
    --argc;
    ++argv;
  } else {
    TuneProcess();
  }
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "send" && argc == 4) return Send(argv[2], argv[3]);
  if (mode == "drop" && argc == 3) return Drop(argv[2]);
  std::fprintf(stderr, "usage: [--plain-malloc] send FILE IP:PORT | drop IP:PORT\n");
  return 2;
}
