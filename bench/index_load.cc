// arkshare-bench-index-load MODE: an index under load, which this program starts and measures from
// outside. --help has the options.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "bench/load_modes.h"
#include "lib/options/options.h"
#include "lib/rpc/process.h"

int main(int argc, char** argv) {
  arkshare::TuneProcess();
  const std::map<std::string, void (*)(const arkshare::LoadOptions&)> modes = {
      {"peers", arkshare::RunPeers},
      {"rebirth", arkshare::RunRebirth},
      {"owner", arkshare::RunOwner},
      {"watch", arkshare::RunWatch},
      {"replicas", arkshare::RunReplicas},
      {"replica_announce", arkshare::RunReplicaAnnounce},
      {"replica_search", arkshare::RunReplicaSearch}};
  arkshare::LoadOptions options;
  std::string mode;
  CLI::App app("An index under load.");
  app.add_option("mode", mode)->required()->check(CLI::IsMember(modes));
  app.add_option("--program", options.program, "arkshare-index")->required();
  app.add_option("--peers", options.peers)->capture_default_str();
  app.add_option("--books", options.books, "of each peer")->capture_default_str();
  app.add_option("--holders", options.holders,
                 "of a book, on the average; 1: all peers have different ones")
      ->capture_default_str();
  app.add_option("--connections", options.connections, "that the peers share; 0: each has its own")
      ->capture_default_str();
  arkshare::AddDuration(app, "--lease", options.lease, "of the index");
  arkshare::AddDuration(app, "--time", options.time, "how long to measure");
  app.add_option("--churn", options.churn, "how many of all peers leave every minute, of 1")
      ->capture_default_str();
  app.add_option("--state", options.state, "the index's state file");
  app.add_option("--etcd", options.etcd, "endpoints of etcd; the index is a replica");
  app.add_option("--etcd-leader", options.etcd_leader,
                 "the process id of etcd's leader, which is killed");
  app.add_option("--watchers", options.watchers)->capture_default_str();
  app.add_option("--changes", options.changes, "a second, for the watchers")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  modes.at(mode)(options);
  std::fflush(stdout);
  // Ten thousand connections need no goodbye.
  std::_Exit(0);
}
