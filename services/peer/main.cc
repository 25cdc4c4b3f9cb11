// arkshare-peer: shares a folder of books and gets books from other peers.
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/log.h"
#include "lib/options/options.h"
#include "lib/rpc/memory_guard.h"
#include "lib/rpc/process.h"
#include "lib/rpc/targets.h"
#include "services/peer/group/join_group.h"
#include "services/peer/peer_node.h"

namespace {

int Fail(const absl::Status& status) {
  const std::string message(status.message());
  std::fprintf(stderr, "arkshare-peer: %s\n", message.c_str());
  return absl::IsInvalidArgument(status) ? arkshare::kExitUsage : arkshare::kExitFailed;
}

// Leaves the group, and says what is left to do.
int Leave(const std::string& share) {
  const absl::StatusOr<bool> left = arkshare::LeaveGroup(share);
  if (!left.ok()) return Fail(left.status());
  std::printf("%s\n", *left
                          ? "this peer has left its group; ask the owner of the index to remove it "
                            "from the list of members"
                          : "this peer is in no group");
  return arkshare::kExitDone;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace arkshare;
  TuneProcess();
  PeerOptions options;
  options.control = DefaultControlSocket(std::getenv("XDG_RUNTIME_DIR"));
  const std::unique_ptr<CLI::App> app =
      MakeApp("arkshare-peer", "Shares a folder of books with other peers, and gets theirs.");
  app->add_option("--index", options.index_addresses,
                  "The index, HOST:PORT; separate several with commas. In a group: those of the "
                  "invitation")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->default_str("127.0.0.1:50051");
  app->add_option("--listen", options.listen,
                  "Listen for other peers on IP:PORT (port 0: any free one). In a group: 0.0.0.0:0")
      ->default_str("127.0.0.1:0");
  app->add_option(
      "--advertise", options.advertise,
      "HOST:PORT for other peers; default: the IP that the index sees, and the port of --listen");
  app->add_option("--number", options.number,
                  "Number to request at the first registration, if it is free (0: any)")
      ->capture_default_str();
  app->add_option("--share", options.share, "Folder of books")->required();
  const std::map<std::string, SharePolicy> policies = {{"move", SharePolicy::kMove},
                                                       {"copy", SharePolicy::kCopy}};
  app->add_option_function<std::string>(
         "--policy", [&](const std::string& name) { options.policy = policies.at(name); },
         "move: a download takes the book away; copy: this peer only lends it")
      ->check(CLI::IsMember(policies).description("move|copy"))
      ->default_str("move");
  app->add_option("--control", options.control, "Socket for arkshare-cli, unix:PATH")
      ->capture_default_str();
  app->add_option("--slots", options.slots, "Uploads at the same time")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  AddByteSize(*app, "--upload-limit", options.upload_limit,
              "Most bytes to upload a second (0: no limit)");
  AddByteSize(*app, "--download-limit", options.download_limit,
              "Most bytes to download a second (0: no limit)");
  app->add_option("--max-books", options.max_books, "Most books to list")
      ->check(WholeNumber(1))
      ->capture_default_str();
  app->add_option("--connections", options.connections,
                  "Most connections from one address (0: no limit)")
      ->check(WholeNumber(0))
      ->capture_default_str();
  std::vector<std::string> reach;
  app->add_option(
         "--reach", reach,
         "When other machines cannot connect to the port: map asks the router to open one, "
         "relay lets the index carry connections; none: neither")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"map", "relay", "none"}).description("map,relay|none"))
      ->default_str("map,relay");
  uint64_t memory_limit = 0;
  AddByteSize(*app, "--memory-limit", memory_limit,
              "End when more memory is used (0: three quarters of the machine's or container's)");
  app->add_option("--join", options.join,
                  "Join a group with the word of an invitation, once; -: read it from standard "
                  "input, so that other users do not see it")
      ->type_name("WORD")
      ->envname("ARKSHARE_JOIN");
  app->add_option(
      "--name", options.name,
      "With --join: this peer's name for the other members, if the invitation has none");
  app->add_flag("--leave", options.leave,
                "Leave the group; without --join, end after that. The index keeps this peer as a "
                "member until its owner removes it");
  app->add_option("--web", options.page.listen,
                  "Show the owner's web page on IP:PORT from the start; otherwise arkshare-cli web "
                  "opens it")
      ->type_name("ADDRESS");
  app->add_option("--web-host", options.page.names,
                  "One more name of the page's address, for a proxy or a tunnel; separate several "
                  "with commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME");
  app->add_flag("--web-public", options.page.is_public,
                "Allow --web where other machines can reach it: plain HTTP, for use behind a proxy "
                "with TLS or within a container");
  AddTlsOptions(*app, options.tls);
  app->add_flag("--insecure", options.insecure, "Allow a non-loopback --listen without TLS");
  if (const std::optional<int> exit_code = ParseOptions(*app, argc, argv)) return *exit_code;

  const auto has_way = [&reach](const char* way) {
    return reach.empty() || std::find(reach.begin(), reach.end(), way) != reach.end();
  };
  options.map_port = has_way("map");
  options.use_relay = has_way("relay");
  if (options.join == "-") std::getline(std::cin, options.join);
  if (options.leave && options.join.empty()) return Leave(options.share);

#ifdef ARKSHARE_FAILPOINTS
  // Only in builds for tests: a person at work on the page sees a change without a new build.
  if (const char* const folder = std::getenv("ARKSHARE_WEB_DIR")) options.page.folder = folder;
#endif
  BlockStopSignals();
  GuardMemory(memory_limit);
  absl::StatusOr<std::unique_ptr<PeerNode>> peer = PeerNode::Start(std::move(options), RequestStop);
  if (!peer.ok()) return Fail(peer.status());
  if (!(*peer)->page_address().empty()) {
    std::printf("page address=%s\n", (*peer)->page_address().c_str());
  }
  std::printf("serving address=%s\n", (*peer)->address().c_str());
  std::fflush(stdout);
  WaitForStopSignal();
  LogInfo("stopping");
  return kExitDone;
}
