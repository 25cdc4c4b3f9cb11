// Real etcd nodes on this machine, for tests.
#ifndef ARKSHARE_TESTS_REPLICAS_ETCD_CLUSTER_H_
#define ARKSHARE_TESTS_REPLICAS_ETCD_CLUSTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace arkshare {

// Three nodes of the installed etcd, each on two ports of 127.0.0.1. Not thread-safe.
class EtcdCluster {
 public:
  static constexpr size_t kNodes = 3;

  // False: etcd is not installed, so a test that needs it is skipped.
  static bool Installed();
  // The program of a newer etcd, in the environment as ARKSHARE_NEWER_ETCD; empty: there is none.
  // scripts/newer_etcd builds one.
  static std::string Newer();
  // Starts all nodes, and waits until they serve. Fails the test when they do not. Each has room
  // for `quota` bytes; 0: for what etcd has by default.
  explicit EtcdCluster(int64_t quota = 0);

  // HOST:PORT of each node, for clients.
  std::vector<std::string> endpoints() const;
  // The node that leads; kNodes when none does.
  size_t Leader();

  void Kill(size_t node);
  // Starts a node that was killed, with its data.
  void Start(size_t node);
  void Pause(size_t node);
  void Resume(size_t node);
  // Ends a node, and starts it with its data as another version.
  void Replace(size_t node, const std::string& program);
  // Kills all nodes and starts them with the same names, ports and token, and without any data.
  void Wipe();
  // Returns a backup of everything.
  std::string Save();
  // The same as Wipe, with the data of a backup.
  void Restore(const std::string& backup);
  // Waits until every node serves.
  void AwaitServing();
  // Compacts everything up to a revision, as another program does.
  void Compact(int64_t revision);
  // Makes room again after a node had none: compacts everything, and does what an operator does.
  void MakeRoom();
  // The revision of etcd now.
  int64_t Revision();

 private:
  struct Node {
    int client_port = 0;
    int peer_port = 0;
    std::unique_ptr<Process> process;
    std::string program;
  };

  std::string DataOf(size_t node) const;
  // The value of etcd's --initial-cluster.
  std::string Members() const;
  std::string PeerUrl(size_t node) const;
  // Runs etcdctl against all nodes, or one of them; returns what it prints.
  std::string Control(std::vector<std::string> arguments, size_t node = kNodes);

  const int64_t quota_;
  TempDir dir_;
  int controls_ = 0;  // counts the runs of etcdctl
  std::vector<Node> nodes_;
};

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_REPLICAS_ETCD_CLUSTER_H_
