#include "tests/replicas/etcd_cluster.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <utility>

namespace arkshare {
namespace {

constexpr char kEtcd[] = "/usr/bin/etcd";
constexpr char kEtcdctl[] = "/usr/bin/etcdctl";

// Returns different ports on which no program listens now. They are outside of the range from which
// the kernel takes ports for connections, so none of them is taken until the nodes listen.
std::vector<int> FreePorts(size_t count) {
  std::vector<int> ports;
  int port = 10'000 + static_cast<int>(getpid() % 2'000) * 10;
  while (ports.size() < count) {
    ++port;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      ports.push_back(port);
    }
    close(fd);
  }
  return ports;
}

}  // namespace

bool EtcdCluster::Installed() { return access(kEtcd, X_OK) == 0 && access(kEtcdctl, X_OK) == 0; }

EtcdCluster::EtcdCluster() {
  const std::vector<int> ports = FreePorts(2 * kNodes);
  for (size_t i = 0; i < kNodes; ++i) nodes_.push_back({ports[2 * i], ports[2 * i + 1], nullptr});
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

void EtcdCluster::Start(size_t node) {
  std::vector<std::string> members;
  for (size_t i = 0; i < kNodes; ++i) {
    members.push_back(absl::StrCat("n", i, "=http://127.0.0.1:", nodes_[i].peer_port));
  }
  const std::string client = absl::StrCat("http://127.0.0.1:", nodes_[node].client_port);
  const std::string peer = absl::StrCat("http://127.0.0.1:", nodes_[node].peer_port);
  ProcessOptions options;
  options.argv = {kEtcd,
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
                  absl::StrJoin(members, ","),
                  "--initial-cluster-token",
                  "arkshare-test",
                  "--logger",
                  "zap",
                  "--log-level",
                  "error"};
  options.log_file = dir_ / absl::StrCat("etcd", node, ".log");
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(std::move(options));
  ASSERT_TRUE(process.ok()) << process.status();
  nodes_[node].process = *std::move(process);
}

std::string EtcdCluster::Control(std::vector<std::string> arguments) {
  ProcessOptions options;
  options.argv = {kEtcdctl, "--endpoints", absl::StrJoin(endpoints(), ","), "--command-timeout",
                  "2s"};
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

}  // namespace arkshare
