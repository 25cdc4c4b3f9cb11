#include "tests/replicas/etcd_cluster.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <utility>

#include "tests/support/free_ports.h"

namespace arkshare {
namespace {

constexpr char kEtcd[] = "/usr/bin/etcd";
constexpr char kEtcdctl[] = "/usr/bin/etcdctl";
constexpr char kClusterToken[] = "arkshare-test";

}  // namespace

bool EtcdCluster::Installed() { return access(kEtcd, X_OK) == 0 && access(kEtcdctl, X_OK) == 0; }

std::string EtcdCluster::Newer() {
  const char* program = getenv("ARKSHARE_NEWER_ETCD");
  return program == nullptr ? "" : program;
}

EtcdCluster::EtcdCluster(int64_t quota) : quota_(quota) {
  const std::vector<int> ports = FreePorts(2 * kNodes);
  for (size_t i = 0; i < kNodes; ++i) {
    nodes_.push_back({ports[2 * i], ports[2 * i + 1], nullptr, kEtcd});
  }
  for (size_t i = 0; i < kNodes; ++i) Start(i);
  AwaitServing();
}

std::vector<std::string> EtcdCluster::endpoints() const {
  std::vector<std::string> endpoints;
  for (const Node& node : nodes_) {
    endpoints.push_back(absl::StrCat("127.0.0.1:", node.client_port));
  }
  return endpoints;
}

std::string EtcdCluster::DataOf(size_t node) const { return dir_ / absl::StrCat("data", node); }

std::string EtcdCluster::PeerUrl(size_t node) const {
  return absl::StrCat("http://127.0.0.1:", nodes_[node].peer_port);
}

std::string EtcdCluster::Members() const {
  std::vector<std::string> members;
  for (size_t i = 0; i < kNodes; ++i) members.push_back(absl::StrCat("n", i, "=", PeerUrl(i)));
  return absl::StrJoin(members, ",");
}

void EtcdCluster::Start(size_t node) {
  const std::string client = absl::StrCat("http://127.0.0.1:", nodes_[node].client_port);
  const std::string peer = PeerUrl(node);
  ProcessOptions options;
  options.argv = {nodes_[node].program,
                  "--name",
                  absl::StrCat("n", node),
                  "--data-dir",
                  DataOf(node),
                  "--listen-client-urls",
                  client,
                  "--advertise-client-urls",
                  client,
                  "--listen-peer-urls",
                  peer,
                  "--initial-advertise-peer-urls",
                  peer,
                  "--initial-cluster",
                  Members(),
                  "--initial-cluster-token",
                  kClusterToken,
                  "--quota-backend-bytes",
                  absl::StrCat(quota_),
                  "--logger",
                  "zap",
                  "--log-level",
                  "error"};
  options.log_file = dir_ / absl::StrCat("etcd", node, ".log");
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(std::move(options));
  ASSERT_TRUE(process.ok()) << process.status();
  nodes_[node].process = *std::move(process);
}

std::string EtcdCluster::Control(std::vector<std::string> arguments, size_t node) {
  ProcessOptions options;
  const std::vector<std::string> all = endpoints();
  options.argv = {kEtcdctl, "--endpoints", node < kNodes ? all[node] : absl::StrJoin(all, ","),
                  "--command-timeout", "2s"};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.env = {{"ETCDCTL_API", "3"}};
  options.log_file = dir_ / absl::StrCat("etcdctl", ++controls_, ".log");
  const absl::StatusOr<Finished> finished = RunToEnd(std::move(options));
  // Versions differ in where they write the health.
  return finished.ok() ? absl::StrCat(finished->output, "\n", finished->log) : "";
}

size_t EtcdCluster::Leader() {
  // A line for each node: endpoint, id, version, size, leader, learner, …
  const std::string status = Control({"endpoint", "status"});
  for (const absl::string_view line : absl::StrSplit(status, '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, ", ");
    if (fields.size() < 5 || fields[4] != "true") continue;
    for (size_t i = 0; i < kNodes; ++i) {
      if (fields[0] == endpoints()[i]) return i;
    }
  }
  return kNodes;
}

void EtcdCluster::Kill(size_t node) { nodes_[node].process->Kill(); }

void EtcdCluster::Pause(size_t node) { ASSERT_TRUE(nodes_[node].process->Signal(SIGSTOP).ok()); }

void EtcdCluster::Resume(size_t node) { ASSERT_TRUE(nodes_[node].process->Signal(SIGCONT).ok()); }

void EtcdCluster::Replace(size_t node, const std::string& program) {
  ASSERT_TRUE(nodes_[node].process->Stop().ok());
  nodes_[node].program = program;
  Start(node);
}

std::string EtcdCluster::Save() {
  const std::string backup = dir_ / absl::StrCat("backup", ++controls_);
  const std::string answer = Control({"snapshot", "save", backup}, /*node=*/0);
  EXPECT_TRUE(absl::StrContains(answer, "Snapshot saved")) << answer;
  return backup;
}

void EtcdCluster::Restore(const std::string& backup) {
  for (size_t i = 0; i < kNodes; ++i) Kill(i);
  for (size_t i = 0; i < kNodes; ++i) {
    std::filesystem::remove_all(DataOf(i));
    const std::string answer =
        Control({"snapshot", "restore", backup, "--name", absl::StrCat("n", i), "--data-dir",
                 DataOf(i), "--initial-cluster", Members(), "--initial-cluster-token",
                 kClusterToken, "--initial-advertise-peer-urls", PeerUrl(i)});
    ASSERT_TRUE(std::filesystem::exists(DataOf(i))) << answer;
  }
  for (size_t i = 0; i < kNodes; ++i) Start(i);
  AwaitServing();
}

void EtcdCluster::Wipe() {
  for (size_t i = 0; i < kNodes; ++i) Kill(i);
  for (size_t i = 0; i < kNodes; ++i) std::filesystem::remove_all(DataOf(i));
  for (size_t i = 0; i < kNodes; ++i) Start(i);
  AwaitServing();
}

void EtcdCluster::AwaitServing() {
  const absl::Time end = absl::Now() + kPatience;
  while (absl::Now() < end) {
    // Each run of etcdctl takes its own time, so this is no busy loop.
    const std::string health = Control({"endpoint", "health"});
    std::set<std::string> healthy;
    for (const absl::string_view line : absl::StrSplit(health, '\n')) {
      if (!absl::StrContains(line, "is healthy")) continue;
      healthy.insert(std::string(line.substr(0, line.find(' '))));
    }
    if (healthy.size() == kNodes) return;
  }
  FAIL() << "the nodes of etcd do not serve";
}

void EtcdCluster::Compact(int64_t revision) {
  const std::string answer = Control({"compact", absl::StrCat(revision)});
  EXPECT_TRUE(absl::StrContains(answer, "compacted revision")) << answer;
}

int64_t EtcdCluster::Revision() {
  const std::string status = Control({"endpoint", "status", "--write-out", "json"}, /*node=*/0);
  constexpr absl::string_view kField = "\"revision\":";
  const size_t place = absl::string_view(status).find(kField);
  int64_t revision = 0;
  if (place != absl::string_view::npos) {
    const absl::string_view rest = absl::string_view(status).substr(place + kField.size());
    EXPECT_TRUE(absl::SimpleAtoi(rest.substr(0, rest.find_first_not_of("0123456789")), &revision));
  }
  EXPECT_GT(revision, 0) << status;
  return revision;
}

void EtcdCluster::MakeRoom() {
  Compact(Revision());
  for (size_t i = 0; i < kNodes; ++i) Control({"defrag"}, i);
  Control({"alarm", "disarm"});
  const std::string left = Control({"alarm", "list"});
  EXPECT_FALSE(absl::StrContains(left, "NOSPACE")) << left;
}

}  // namespace arkshare
