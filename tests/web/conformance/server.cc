// A server for the conformance suite of the Connect protocol: the suite's service over gRPC, with
// the bridge in front of it. The suite starts it, and ends it by SIGTERM.
#include "lib/http/server.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <csignal>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connectrpc/conformance/v1/server_compat.pb.h"
#include "connectrpc/conformance/v1/service.grpc.pb.h"
#include "lib/http/connect_bridge.h"

namespace arkshare {
namespace {

namespace suite = connectrpc::conformance::v1;
using RequestInfo = suite::ConformancePayload::RequestInfo;

RequestInfo Describe(const grpc::ServerContext& context, const google::protobuf::Message& request) {
  RequestInfo info;
  std::map<std::string, suite::Header> headers;  // a name can have several values
  for (const auto& [key, value] : context.client_metadata()) {
    const std::string name(key.data(), key.size());
    headers[name].set_name(name);
    headers[name].add_value(value.data(), value.size());
  }
  for (const auto& [name, header] : headers) *info.add_request_headers() = header;
  const absl::Time deadline = absl::FromChrono(context.deadline());
  if (deadline < absl::Now() + absl::Hours(24)) {
    info.set_timeout_ms(absl::ToInt64Milliseconds(deadline - absl::Now()));
  }
  info.add_requests()->PackFrom(request);
  return info;
}

// `info`: a detail of the error, too; null: not.
grpc::Status ToStatus(const suite::Error& error, const RequestInfo* info) {
  google::rpc::Status all;
  all.set_code(error.code());
  all.set_message(error.message());
  *all.mutable_details() = error.details();
  if (info != nullptr) all.add_details()->PackFrom(*info);
  return {static_cast<grpc::StatusCode>(error.code()), error.message(), all.SerializeAsString()};
}

class Service : public suite::ConformanceService::Service {
 public:
  grpc::Status Unary(grpc::ServerContext* context, const suite::UnaryRequest* request,
                     suite::UnaryResponse* response) override {
    const suite::UnaryResponseDefinition& wanted = request->response_definition();
    const RequestInfo info = Describe(*context, *request);
    absl::SleepFor(absl::Milliseconds(wanted.response_delay_ms()));
    if (wanted.has_error()) return ToStatus(wanted.error(), &info);
    *response->mutable_payload()->mutable_request_info() = info;
    response->mutable_payload()->set_data(wanted.response_data());
    return grpc::Status::OK;
  }
  grpc::Status ServerStream(grpc::ServerContext* context, const suite::ServerStreamRequest* request,
                            grpc::ServerWriter<suite::ServerStreamResponse>* writer) override {
    const suite::StreamResponseDefinition& wanted = request->response_definition();
    const RequestInfo info = Describe(*context, *request);
    bool first = true;
    for (const std::string& data : wanted.response_data()) {
      absl::SleepFor(absl::Milliseconds(wanted.response_delay_ms()));
      suite::ServerStreamResponse response;
      response.mutable_payload()->set_data(data);
      if (first) *response.mutable_payload()->mutable_request_info() = info;
      first = false;
      writer->Write(response);
    }
    if (wanted.has_error()) return ToStatus(wanted.error(), first ? &info : nullptr);
    return grpc::Status::OK;
  }
};

// The bridge passes on what a handler gives it: here, all headers that are the caller's own.
class CallHandler : public HttpHandler {
 public:
  explicit CallHandler(ConnectBridge* bridge) : bridge_(*bridge) {}
  std::optional<HttpResponse> Check(const HttpRequest& request) override {
    return bridge_.Check(request);
  }
  HttpResponse Handle(const HttpRequest& request) override {
    ConnectBridge::Caller caller;
    for (const auto& header : request.headers) {
      if (absl::StartsWith(header.first, "x-")) caller.metadata.push_back(header);
    }
    return bridge_.Call(request, caller);
  }
  void Stop() override { bridge_.Stop(); }

 private:
  ConnectBridge& bridge_;
};

// Messages of the suite have their length before them, as four bytes.
bool ReadMessage(google::protobuf::Message* message) {
  unsigned char head[4];
  if (!std::cin.read(reinterpret_cast<char*>(head), sizeof head)) return false;
  std::string bytes(size_t{head[0]} << 24 | size_t{head[1]} << 16 | size_t{head[2]} << 8 | head[3],
                    '\0');
  return std::cin.read(bytes.data(), static_cast<std::streamsize>(bytes.size())) &&
         message->ParseFromString(bytes);
}

void WriteMessage(const google::protobuf::Message& message) {
  const std::string bytes = message.SerializeAsString();
  for (int shift = 24; shift >= 0; shift -= 8) {
    std::cout.put(static_cast<char>(bytes.size() >> shift & 0xff));
  }
  std::cout << bytes << std::flush;
}

int Run() {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  suite::ServerCompatRequest request;
  if (!ReadMessage(&request)) {
    std::cerr << "the conformance suite starts this program, and writes a message to it\n";
    return 2;
  }
  Service service;
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> grpc = builder.BuildAndStart();
  std::vector<ConnectBridge::Target> targets;
  targets.push_back({.service = {.name = "connectrpc.conformance.v1.ConformanceService"},
                     .channel = [&] { return grpc->InProcessChannel(grpc::ChannelArguments()); }});
  ConnectBridge bridge(std::move(targets));
  CallHandler handler(&bridge);
  HttpServerOptions options{.listen = "127.0.0.1:0"};
  if (request.message_receive_limit() > 0) options.max_body = request.message_receive_limit();
  auto http = HttpServer::Start(options, &handler);
  if (!http.ok()) {
    std::cerr << http.status() << "\n";
    return 1;
  }
  suite::ServerCompatResponse response;
  response.set_host("127.0.0.1");
  response.set_port((*http)->port());
  WriteMessage(response);
  int signal = 0;
  sigwait(&ending, &signal);
  return 0;
}

}  // namespace
}  // namespace arkshare

int main() { return arkshare::Run(); }
