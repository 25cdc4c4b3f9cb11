#include "bench/search_server.h"

#include <absl/time/time.h>
#include <grpcpp/support/byte_buffer.h>
#include <sys/prctl.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/clock.h"
#include "lib/rpc/process.h"
#include "lib/rpc/server.h"
#include "services/index/service/index_service.h"
#include "services/index/sessions/local_sessions.h"

namespace arkshare::bench {
namespace {

using PlainMethods = v1::FileService::WithCallbackMethod_Ping<
    v1::FileService::WithRawCallbackMethod_GetManifest<v1::FileService::Service>>;

// Ping answers at once, and GetManifest answers with the ready result of a search.
class PlainService : public PlainMethods {
 public:
  explicit PlainService(const grpc::Slice& found) : found_(found) {}

  grpc::ServerUnaryReactor* Ping(grpc::CallbackServerContext* context, const v1::PingRequest*,
                                 v1::PingResponse*) override {
    return Answer(context, absl::OkStatus());
  }
  grpc::ServerUnaryReactor* GetManifest(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* /*request*/,
                                        grpc::ByteBuffer* response) override {
    *response = grpc::ByteBuffer(&found_, 1);
    return Answer(context, absl::OkStatus());
  }

 private:
  const grpc::Slice found_;
};

// Searches for some of the names and returns the answer of median length.
grpc::Slice MedianAnswer(const Catalog& catalog, const std::vector<std::string>& names) {
  constexpr size_t kAnswers = 1'001;
  std::vector<std::string> answers;
  std::minstd_rand random;
  SearchWriter writer;
  while (answers.size() < kAnswers) {
    const BookQuery query(BookName::Parse(names[random() % names.size()]).value());
    catalog.Search(query, /*loopback=*/false, 50, std::nullopt, std::nullopt, writer);
    answers.emplace_back(writer.bytes());
    writer.Clear();
  }
  std::nth_element(answers.begin(), answers.begin() + kAnswers / 2, answers.end(),
                   [](const auto& a, const auto& b) { return a.size() < b.size(); });
  return grpc::Slice(answers[kAnswers / 2]);
}

}  // namespace

int ServeSearches(const BookGenerator::Options& options) {
  BlockStopSignals();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  Catalog catalog({});
  std::vector<Catalog::ShelfPtr> shelves;
  grpc::Slice answer;
  {
    const BookGenerator books(options);
    shelves = books.Fill(catalog);
    answer = MedianAnswer(catalog, books.names());
  }
  LocalSessions sessions({.lease = absl::Minutes(10), .peer_ids = std::nullopt}, Clock::Real(),
                         &catalog);
  IndexService service(IndexService::Options(), &catalog, &sessions);
  PlainService plain(answer);
  RpcServerOptions rpc_options;
  rpc_options.listen = "127.0.0.1:0";
  const auto server = RpcServer::Start(std::move(rpc_options), {&service, &plain});
  if (!server.ok()) return 1;
  (*server)->SetServing(true);
  std::printf("%s\n", (*server)->address().c_str());
  std::fflush(stdout);
  WaitForStopSignal();
  service.EndStreams(absl::Milliseconds(100));
  return 0;
}

}  // namespace arkshare::bench
