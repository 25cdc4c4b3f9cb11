#include "lib/rpc/call_guard.h"

#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/server.h"

namespace arkshare {
namespace {

CallBounds Three() {
  return {
      .most_of_network = 3, .most_in_all = 10, .uncounted_method = "/arkshare.v1.FileService/Ping"};
}

// Download keeps its thread until it is cancelled, because its caller reads nothing. GetManifest
// answers with more than a client takes without reading. Ping needs no thread.
class KeepsThreads : public v1::FileService::WithCallbackMethod_Ping<v1::FileService::Service> {
 public:
  grpc::Status Download(grpc::ServerContext* context, const v1::DownloadRequest* /*request*/,
                        grpc::ServerWriter<v1::DownloadResponse>* writer) override {
    v1::DownloadResponse message;
    message.mutable_chunk()->set_data(std::string(1 << 20, 'd'));
    while (!context->IsCancelled() && writer->Write(message)) {
    }
    return grpc::Status::CANCELLED;
  }
  grpc::Status GetManifest(grpc::ServerContext* /*context*/,
                           const v1::GetManifestRequest* /*request*/,
                           v1::GetManifestResponse* response) override {
    response->set_piece_hashes(std::string(2 << 20, 'h'));
    return grpc::Status::OK;
  }
  grpc::ServerUnaryReactor* Ping(grpc::CallbackServerContext* context,
                                 const v1::PingRequest* /*request*/,
                                 v1::PingResponse* /*response*/) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

// A download on a connection of its own.
struct Held {
  explicit Held(const std::string& address)
      : stub(v1::FileService::NewStub(MakeChannel(address, grpc::InsecureChannelCredentials()))) {
    SetTimeout(context, absl::Minutes(5));
    reader = stub->Download(&context, v1::DownloadRequest());
  }
  ~Held() {
    context.TryCancel();
    v1::DownloadResponse message;
    while (reader->Read(&message)) {
    }
  }
  // Whether it has begun; otherwise it has ended.
  bool Begins() {
    v1::DownloadResponse message;
    return reader->Read(&message);
  }

  std::unique_ptr<v1::FileService::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::DownloadResponse>> reader;
};

grpc::Status PingOf(const std::string& address) {
  grpc::ClientContext context;
  SetTimeout(context, absl::Minutes(5));
  v1::PingResponse response;
  return v1::FileService::NewStub(MakeChannel(address, grpc::InsecureChannelCredentials()))
      ->Ping(&context, v1::PingRequest(), &response);
}

TEST(CallGuardTest, CountsTheCallsOfANetworkOverAllItsConnections) {
  KeepsThreads service;
  RpcServerOptions options;
  options.listen = "127.0.0.1:0";
  options.calls = Three();
  const auto server = RpcServer::Start(options, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string& address = (*server)->address();
  std::list<Held> held;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(held.emplace_back(address).Begins());
  // A client that does not obey the limit of streams of a connection opens calls in the same way.
  for (int i = 0; i < 3; ++i) {
    Held another(address);
    while (another.Begins()) {
    }
    EXPECT_EQ(another.reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  for (Held& call : held) EXPECT_TRUE(call.Begins()) << "it goes on";
  EXPECT_TRUE(PingOf(address).ok()) << "it is not counted";
  held.clear();
  while (!Held(address).Begins()) {  // gRPC forgets calls in its own time
  }
}

TEST(CallGuardTest, ACallOfTheCallbackApiNeedsNoThread) {
  KeepsThreads service;
  RpcServerOptions options;
  options.listen = "127.0.0.1:0";
  options.calls = {.most_of_network = 10'000, .most_in_all = 1};  // so 65 threads
  options.configure = [](grpc::ServerBuilder& builder) {
    // Without the guard, which would cancel calls before the threads are used up.
    builder.experimental().SetInterceptorCreators({});
  };
  const auto server = RpcServer::Start(options, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  std::list<Held> held;
  bool refused = false;
  for (int i = 0; i < 100 && !refused; ++i) {
    Held& call = held.emplace_back((*server)->address());
    refused = !call.Begins();
    if (refused) {
      const grpc::Status status = call.reader->Finish();
      EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED)
          << i << status.error_message();
    }
  }
  EXPECT_TRUE(refused) << "the threads are bounded";
  EXPECT_TRUE(PingOf((*server)->address()).ok());
}

TEST(CallGuardTest, ACallWhoseCallerDoesNotTakeTheAnswerIsCancelled) {
  FakeClock clock;
  KeepsThreads service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> guards;
  guards.push_back(
      std::make_unique<CallGuard>(CallBounds{.most_of_network = 1, .most_in_all = 1}, &clock));
  builder.experimental().SetInterceptorCreators(std::move(guards));
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();

  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  grpc::GenericStub stub(grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                                   grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareCall(&context, "/arkshare.v1.FileService/GetManifest", &queue);
  void* tag = nullptr;
  bool ok = false;
  call->StartCall(&queue);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  const grpc::Slice nothing;
  call->WriteLast(grpc::ByteBuffer(&nothing, 1), grpc::WriteOptions(), &queue);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  call->ReadInitialMetadata(&queue);  // comes with the answer
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  // The answer is not read, so the call counts until the guard cancels it.
  const std::string address = "127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(PingOf(address).error_code(), grpc::StatusCode::CANCELLED);
  while (!PingOf(address).ok()) clock.Advance(absl::Seconds(31));
  grpc::Status status;
  context.TryCancel();
  call->Finish(&status, &queue);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  server->Shutdown();
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
}

}  // namespace
}  // namespace arkshare
