// Compressed messages are refused before they are inflated, by servers and by channels.
#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/server.h"

namespace arkshare {
namespace {

// Long enough to be sent compressed, if the sender compresses.
const std::string& LongNonce() {
  static const std::string& nonce = *new std::string(100'000, '\0');
  return nonce;
}

// Counts the requests that reach it, and answers with the nonce.
class CountsCalls : public v1::FileService::Service {
 public:
  grpc::Status Ping(grpc::ServerContext* /*context*/, const v1::PingRequest* request,
                    v1::PingResponse* response) override {
    ++calls;
    response->set_nonce(request->nonce());
    return grpc::Status::OK;
  }
  grpc::Status Download(grpc::ServerContext* /*context*/, const v1::DownloadRequest* /*request*/,
                        grpc::ServerWriter<v1::DownloadResponse>* /*writer*/) override {
    ++calls;
    return grpc::Status::OK;
  }

  std::atomic<int> calls = 0;
};

grpc::Status PingWith(const std::shared_ptr<grpc::Channel>& channel,
                      grpc_compression_algorithm algorithm) {
  grpc::ClientContext context;
  SetTimeout(context, absl::Minutes(1));
  context.set_compression_algorithm(algorithm);
  v1::PingRequest request;
  request.set_nonce(LongNonce());
  v1::PingResponse response;
  return v1::FileService::NewStub(channel)->Ping(&context, request, &response);
}

grpc::Status DownloadWith(const std::shared_ptr<grpc::Channel>& channel,
                          grpc_compression_algorithm algorithm) {
  grpc::ClientContext context;
  SetTimeout(context, absl::Minutes(1));
  context.set_compression_algorithm(algorithm);
  v1::DownloadRequest request;
  request.mutable_content()->set_root(LongNonce());
  const auto stream = v1::FileService::NewStub(channel)->Download(&context, request);
  v1::DownloadResponse response;
  while (stream->Read(&response)) {
  }
  return stream->Finish();
}

TEST(CompressionTest, AServerRefusesCompressedRequests) {
  CountsCalls service;
  RpcServerOptions options;
  options.listen = "127.0.0.1:0";
  const auto server = RpcServer::Start(options, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto compressing =
      grpc::CreateChannel((*server)->address(), grpc::InsecureChannelCredentials());
  ASSERT_TRUE(PingWith(compressing, GRPC_COMPRESS_NONE).ok());
  EXPECT_EQ(service.calls, 1);
  for (const grpc_compression_algorithm algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    EXPECT_EQ(PingWith(compressing, algorithm).error_code(), grpc::StatusCode::UNIMPLEMENTED);
    EXPECT_EQ(DownloadWith(compressing, algorithm).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  }
  EXPECT_TRUE(PingWith(compressing, GRPC_COMPRESS_NONE).ok()) << "the connection goes on";
  EXPECT_EQ(service.calls, 2) << "no compressed request reaches a handler";
}

TEST(CompressionTest, AChannelRefusesCompressedAnswers) {
  CountsCalls service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  builder.SetDefaultCompressionAlgorithm(GRPC_COMPRESS_GZIP);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const std::string address = "127.0.0.1:" + std::to_string(port);
  grpc::ChannelArguments inflating;
  ASSERT_TRUE(
      PingWith(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), inflating),
               GRPC_COMPRESS_NONE)
          .ok());
  const grpc::Status status =
      PingWith(MakeChannel(address, grpc::InsecureChannelCredentials()), GRPC_COMPRESS_NONE);
  EXPECT_EQ(service.calls, 2);
  EXPECT_FALSE(status.ok()) << "a hostile server sends compressed messages unasked";
}

}  // namespace
}  // namespace arkshare
