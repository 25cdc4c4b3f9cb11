// Reads the metrics of a running index, as Prometheus does.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>

#include "lib/core/errors.h"
#include "lib/http/testing/raw_client.h"
#include "services/index/index_server.h"
#include "services/index/shared_log/testing/memory_log.h"
#include "services/index/testing/fake_peer.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Asks as Prometheus does: under any name.
RawAnswer Get(const std::string& address, const std::string& path) {
  return Ask(address, "GET", path, {"Host: index"});
}

class MetricsTest : public testing::Test {
 protected:
  MetricsTest() {
    options_.listen = "127.0.0.1:0";
    options_.metrics = "127.0.0.1:0";
    options_.clock = &clock_;
  }

  void Start() {
    auto server = IndexServer::Start(options_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  // Returns the samples by name and labels, as written in the text.
  std::map<std::string, double> Scrape() {
    const RawAnswer answer = Get(server_->metrics_address(), "/metrics");
    EXPECT_EQ(answer.status, 200);
    std::map<std::string, double> samples;
    for (absl::string_view line : absl::StrSplit(answer.body, '\n')) {
      if (line.empty() || line[0] == '#') continue;
      const size_t blank = line.rfind(' ');
      samples[std::string(line.substr(0, blank))] = std::stod(std::string(line.substr(blank + 1)));
    }
    return samples;
  }

  FakeClock clock_;
  IndexOptions options_;
  std::unique_ptr<IndexServer> server_;
};

TEST_F(MetricsTest, CallsPeersAndBooksAreCounted) {
  Start();
  FakePeer peer(server_->address());
  ASSERT_TRUE(peer.Register().ok());
  auto announce = peer.Announce();
  ASSERT_TRUE(announce.ok()) << announce.status();
  for (uint64_t number = 1; number <= 3; ++number) {
    ASSERT_TRUE((*announce)->Present(number, absl::StrCat("book ", number), TestContent(1)).ok());
  }
  grpc::ClientContext context;
  v1::SearchResponse found;
  EXPECT_FALSE(peer.index().Search(&context, v1::SearchRequest(), &found).ok());

  std::map<std::string, double> samples = Scrape();
  EXPECT_EQ(samples[R"(arkshare_index_calls_total{method="Register",reason="OK"})"], 1);
  EXPECT_EQ(samples[R"(arkshare_index_calls_total{method="Announce",reason="OK"})"], 3);
  EXPECT_EQ(samples[R"(arkshare_index_calls_total{method="Search",reason="QUERY_EMPTY"})"], 1);
  EXPECT_EQ(samples[R"(arkshare_index_call_seconds_count{method="Register"})"], 1);
  EXPECT_EQ(samples[R"(arkshare_index_call_seconds_bucket{method="Announce",le="+Inf"})"], 3);
  EXPECT_EQ(samples[R"(arkshare_index_peers{state="listed"})"], 1);
  EXPECT_EQ(samples[R"(arkshare_index_streams{method="Announce"})"], 1);
  EXPECT_EQ(samples["arkshare_index_holdings"], 3);
  EXPECT_EQ(samples["arkshare_index_statements_total"], 3);
  EXPECT_EQ(samples["arkshare_index_lease_expiries_total"], 0);
  EXPECT_GT(samples["process_resident_memory_bytes"], 1e6);
  EXPECT_GT(samples["process_threads"], 1);

  clock_.Advance(options_.lease);
  EXPECT_FALSE((*announce)->Beat(1).ok()) << "the lease has lapsed";
  samples = Scrape();
  EXPECT_EQ(samples["arkshare_index_lease_expiries_total"], 1);
  EXPECT_EQ(samples[R"(arkshare_index_peers{state="listed"})"], 0);
  EXPECT_EQ(samples[R"(arkshare_index_calls_total{method="Announce",reason="SESSION_UNKNOWN"})"],
            1);
}

TEST_F(MetricsTest, TheLagOfWatchersIsMeasured) {
  Start();
  FakePeer peer(server_->address());
  ASSERT_TRUE(peer.Register().ok());
  grpc::ClientContext context;
  auto watch = peer.index().Watch(&context, v1::WatchRequest());
  v1::WatchResponse event;
  ASSERT_TRUE(watch->Read(&event));
  ASSERT_TRUE(event.has_snapshot_complete());
  auto announce = peer.Announce();
  ASSERT_TRUE(announce.ok()) << announce.status();
  ASSERT_TRUE(watch->Read(&event));
  ASSERT_TRUE(event.has_peer_listed());

  std::map<std::string, double> samples = Scrape();
  EXPECT_EQ(samples[R"(arkshare_index_streams{method="Watch"})"], 1);
  EXPECT_EQ(samples["arkshare_index_watch_lag_seconds_count"], 1);
  context.TryCancel();
  while (watch->Read(&event)) {
  }
  EXPECT_FALSE(watch->Finish().ok());
}

// https://prometheus.io/docs/instrumenting/exposition_formats/
TEST_F(MetricsTest, TheTextIsWhatPrometheusReads) {
  Start();
  FakePeer peer(server_->address());
  ASSERT_TRUE(peer.Register().ok());
  const RawAnswer answer = Get(server_->metrics_address(), "/metrics");
  EXPECT_THAT(answer.Header("Content-Type"), StartsWith("text/plain; version=0.0.4"));
  const std::regex comment("# (HELP|TYPE) ([a-z_]+) .+");
  const std::regex sample(
      R"re(([a-z_]+?)(_bucket|_sum|_count)?(\{([a-z]+="[^"\\\n]*",?)+\})? [-+.0-9a-zA-Z]+)re");
  std::set<std::string> typed;
  std::set<std::string> lines;
  for (absl::string_view view : absl::StrSplit(answer.body, '\n', absl::SkipEmpty())) {
    const std::string line(view);
    std::smatch parts;
    EXPECT_TRUE(lines.insert(line).second) << "twice: " << line;
    if (line[0] == '#') {
      ASSERT_TRUE(std::regex_match(line, parts, comment)) << line;
      if (parts[1] == "TYPE") {
        EXPECT_TRUE(typed.insert(parts[2]).second) << line;
      }
    } else {
      ASSERT_TRUE(std::regex_match(line, parts, sample)) << line;
      EXPECT_TRUE(typed.contains(parts[1]) ||
                  typed.contains(absl::StrCat(parts[1].str(), parts[2].str())))
          << line;
    }
  }
  EXPECT_TRUE(typed.contains("arkshare_index_call_seconds"));
}

TEST_F(MetricsTest, AReplicaTellsHowItIs) {
  MemoryEngine engine;
  options_.log = engine.MakeReplica();
  Start();
  FakePeer peer(server_->address());
  ASSERT_TRUE(peer.Register().ok());
  std::map<std::string, double> samples = Scrape();
  EXPECT_EQ(samples[R"(arkshare_index_replica_state{state="live"})"], 1);
  EXPECT_EQ(samples[R"(arkshare_index_replica_state{state="cut_off"})"], 0);
  EXPECT_EQ(samples["arkshare_index_replica_behind_seconds"], 0);
  EXPECT_GE(samples["arkshare_index_replica_transactions_total"], 1);
  EXPECT_GE(samples["arkshare_index_replica_revision"], 1);
  EXPECT_EQ(samples.count(R"(arkshare_index_replica_reconciles_total{cause="gap"})"), 1u);

  engine.CutOffAll(true);
  samples = Scrape();
  EXPECT_EQ(samples[R"(arkshare_index_replica_state{state="live"})"], 0);
  EXPECT_EQ(samples[R"(arkshare_index_replica_state{state="cut_off"})"], 1);
  EXPECT_GT(samples["arkshare_index_replica_behind_seconds"], 0);
  grpc::ClientContext context;
  v1::ListPeersResponse peers;
  ASSERT_TRUE(peer.index().ListPeers(&context, v1::ListPeersRequest(), &peers).ok());
  EXPECT_EQ(peers.replica().store(), v1::ReplicaState::STORE_CUT_OFF);
  EXPECT_TRUE(peers.replica().has_behind());
  EXPECT_EQ(peers.peers_size(), 1);
  // The log ends before its engine.
  server_.reset();
  options_.log.reset();
}

TEST_F(MetricsTest, WithoutReplicasNothingIsSaidOfThem) {
  Start();
  for (const auto& [name, value] : Scrape()) {
    EXPECT_THAT(name, Not(HasSubstr("replica"))) << value;
  }
  FakePeer peer(server_->address());
  grpc::ClientContext context;
  v1::ListPeersResponse peers;
  ASSERT_TRUE(peer.index().ListPeers(&context, v1::ListPeersRequest(), &peers).ok());
  EXPECT_FALSE(peers.has_replica());
}

TEST_F(MetricsTest, OffUnlessAskedFor) {
  options_.metrics.clear();
  Start();
  EXPECT_EQ(server_->metrics_address(), "");
}

TEST_F(MetricsTest, OtherMachinesReadThemOnlyWithMetricsPublic) {
  options_.metrics = "0.0.0.0:0";
  EXPECT_THAT(IndexServer::Start(options_).status().message(),
              AllOf(HasSubstr("0.0.0.0:0"), HasSubstr("--metrics-public")));
  options_.metrics_public = true;
  Start();
  EXPECT_THAT(server_->metrics_address(), StartsWith("0.0.0.0:"));
  EXPECT_FALSE(Scrape().empty());
}

TEST_F(MetricsTest, APortInUseIsReported) {
  Start();
  IndexOptions other = options_;
  other.metrics = server_->metrics_address();
  const absl::Status status = IndexServer::Start(other).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr(other.metrics), HasSubstr("another program listens there")));
  other.metrics = "here";
  EXPECT_EQ(IndexServer::Start(other).status().code(), absl::StatusCode::kInvalidArgument);
  other.metrics = "example.org:9464";
  other.metrics_public = true;
  EXPECT_THAT(IndexServer::Start(other).status().message(), HasSubstr("IP address"));
}

TEST_F(MetricsTest, NothingElseIsServed) {
  Start();
  const std::string address = server_->metrics_address();
  for (const char* path : {"/", "/metrics/", "/../etc/passwd", "/metrics%00"}) {
    EXPECT_EQ(Get(address, path).status, 404) << path;
  }
  EXPECT_EQ(Ask(address, "POST", "/metrics", {}, "x").status, 405);
  EXPECT_EQ(Ask(address, "HEAD", "/metrics").status, 200);
}

}  // namespace
}  // namespace arkshare
