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
  // Starts all nodes, and waits until they serve. Fails the test when they do not.
  EtcdCluster();

  // HOST:PORT of each node, for clients.
  std::vector<std::string> endpoints() const;
  // The node that leads; kNodes when none does.
  size_t Leader();

  void Kill(size_t node);
  // Starts a node that was killed, with its data.
  void Start(size_t node);
  void Pause(size_t node);
  void Resume(size_t node);
  // Kills all nodes and starts them with the same names, ports and token, and without any data.
  void Wipe();
  // Waits until every node serves.
  void AwaitServing();
  // Compacts everything up to a revision, as another program does.
  void Compact(int64_t revision);

 private:
  struct Node {
    int client_port = 0;
    int peer_port = 0;
    std::unique_ptr<Process> process;
  };

  std::string DataOf(size_t node) const;
  // Runs etcdctl against all nodes; returns what it prints.
  std::string Control(std::vector<std::string> arguments);

  TempDir dir_;
  int controls_ = 0;  // counts the runs of etcdctl
  std::vector<Node> nodes_;
};

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_REPLICAS_ETCD_CLUSTER_H_
