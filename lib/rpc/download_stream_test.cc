#include "lib/rpc/download_stream.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/server.h"

namespace arkshare {
namespace {

std::string Filled(const ChunkFrame& frame, char with) {
  std::fill(frame.data().begin(), frame.data().end(), static_cast<uint8_t>(with));
  return {reinterpret_cast<const char*>(frame.encoded().begin()), frame.encoded().size()};
}

TEST(ChunkFrameTest, EncodesLikeProtobuf) {
  for (const uint64_t offset :
       {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 20,
        uint64_t{1} << 40, std::numeric_limits<uint64_t>::max()}) {
    for (const size_t bytes : {1, 127, 128, 16'383, 16'384, 1'048'576}) {
      v1::DownloadResponse same;
      same.mutable_chunk()->set_offset(offset);
      same.mutable_chunk()->set_data(std::string(bytes, 'a'));
      const ChunkFrame frame(offset, bytes);
      ASSERT_EQ(frame.data().size(), bytes);
      EXPECT_EQ(Filled(frame, 'a'), same.SerializeAsString()) << offset << ", " << bytes;
    }
  }
}

// Sends the request back as a header, then the offsets 0, 1, ... up to the limit, a byte each.
class Counting final : public v1::FileService::Service {
 public:
  Counting() {
    MarkMethodStreamed(DownloadMethodIndex(),
                       NewDownloadHandler([](grpc::ServerContext*, DownloadStream* stream) {
                         return Count(stream);
                       }));
  }

 private:
  static grpc::Status Count(DownloadStream* stream) {
    v1::DownloadRequest request;
    if (!stream->Read(&request)) return {grpc::StatusCode::INVALID_ARGUMENT, "not read"};
    v1::DownloadResponse header;
    header.mutable_header()->set_range_length(request.read_limit());
    bool open = stream->Write(header);
    for (uint64_t offset = 0; open && offset < request.read_limit(); ++offset) {
      const ChunkFrame chunk(offset, 1);
      chunk.data()[0] = static_cast<uint8_t>(offset);
      open = stream->Write(chunk);
    }
    return {grpc::StatusCode::ABORTED, "counted"};
  }
};

class DownloadStreamTest : public testing::Test {
 protected:
  DownloadStreamTest()
      : server_(*RpcServer::Start({.listen = "127.0.0.1:0"}, {&service_})),
        channel_(MakeChannel(server_->address(), grpc::InsecureChannelCredentials())) {}

  Counting service_;
  std::unique_ptr<RpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(DownloadStreamTest, AGeneratedStubReadsIt) {
  grpc::ClientContext context;
  v1::DownloadRequest request;
  request.set_read_limit(100);
  const auto reader = v1::FileService::NewStub(channel_)->Download(&context, request);
  v1::DownloadResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(message.header().range_length(), 100);
  for (uint64_t offset = 0; offset < 100; ++offset) {
    ASSERT_TRUE(reader->Read(&message));
    EXPECT_EQ(message.chunk().offset(), offset);
    EXPECT_EQ(message.chunk().data(), std::string(1, static_cast<char>(offset)));
  }
  EXPECT_FALSE(reader->Read(&message));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(status.error_message(), "counted");
}

TEST_F(DownloadStreamTest, AMalformedRequestIsNotRead) {
  const grpc::internal::RpcMethod method("/arkshare.v1.FileService/Download", nullptr,
                                         grpc::internal::RpcMethod::SERVER_STREAMING);
  grpc::ClientContext context;
  const grpc::Slice garbage(std::string("\xFF\xFF\xFF"));
  const grpc::ByteBuffer request(&garbage, 1);
  const std::unique_ptr<grpc::ClientReader<v1::DownloadResponse>> reader(
      grpc::internal::ClientReaderFactory<v1::DownloadResponse>::Create(channel_.get(), method,
                                                                        &context, request));
  v1::DownloadResponse message;
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(DownloadStreamTest, EndsWhenTheReceiverGoes) {
  grpc::ClientContext context;
  v1::DownloadRequest request;
  request.set_read_limit(std::numeric_limits<uint64_t>::max());
  const auto reader = v1::FileService::NewStub(channel_)->Download(&context, request);
  v1::DownloadResponse message;
  ASSERT_TRUE(reader->Read(&message));
  context.TryCancel();
  while (reader->Read(&message)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  server_->Shutdown(absl::Seconds(10));  // waits for the handler
}

}  // namespace
}  // namespace arkshare
