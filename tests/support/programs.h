// arkshare's own programs as tests run them: real binaries, real ports, real folders.
#ifndef ARKSHARE_TESTS_SUPPORT_PROGRAMS_H_
#define ARKSHARE_TESTS_SUPPORT_PROGRAMS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/channel.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "arkshare/v1/index.grpc.pb.h"
#include "arkshare/v1/peer.grpc.pb.h"
#include "lib/core/key.h"
#include "tests/support/process.h"
#include "tests/support/relay.h"

namespace arkshare {

// Waits until the health service behind `channel` says that the server as a whole serves.
absl::Status WaitUntilServing(const std::shared_ptr<grpc::Channel>& channel,
                              absl::Duration timeout = kPatience);

struct IndexOptions {
  // Where its log goes, and its state unless `args` says otherwise. Must exist.
  std::string folder;
  std::string listen = "127.0.0.1:0";
  std::string lease = "2s";
  std::vector<std::string> args;  // more of them, last
  std::map<std::string, std::string> env;
  // The nodes of etcd that it shares with its replicas, separated by commas, in place of a state.
  std::string etcd;
  // With keys: its home is home/ in the folder. The test becomes a member, a watcher named "test".
  bool group = false;
};

// A running arkshare-index. Killed when it goes out of scope.
class IndexProcess {
 public:
  // Starts it and waits until it serves.
  static absl::StatusOr<std::unique_ptr<IndexProcess>> Start(IndexOptions options);

  // "IP:PORT"; the same after a restart.
  const std::string& address() const { return address_; }
  Process& process() { return *process_; }
  v1::IndexService::Stub& stub() { return *stub_; }
  bool has_group() const { return options_.group; }
  std::string home() const { return options_.folder + "/home"; }

  // Runs "arkshare-index WORDS --home HOME"; returns its output. Internal, with what it says, when
  // it fails.
  absl::StatusOr<std::string> Command(std::vector<std::string> words);
  // Returns the word of a new invitation.
  absl::StatusOr<std::string> Invite(std::vector<std::string> options = {});

  // SIGKILL, then the same index again at the same address, with its state file, and with `env` in
  // place of what it had.
  absl::Status KillAndRestart(std::map<std::string, std::string> env = {});

 private:
  explicit IndexProcess(IndexOptions options) : options_(std::move(options)) {}
  absl::Status Launch();
  // Makes `stub_` that of a member of the group.
  absl::Status Enter();

  IndexOptions options_;
  const PrivateKey key_ = PrivateKey::Generate();
  std::string address_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<v1::IndexService::Stub> stub_;
};

struct PeerOptions {
  // Holds books/ (the shared folder), control.sock and log. Made with mode 0700 when missing; its
  // path must be short.
  std::string folder;
  std::string index;  // "IP:PORT"; empty in a group: as the invitation says
  std::string listen = "127.0.0.1:0";
  std::string policy = "move";
  // When set, the way by which others reach the peer; it must outlive it.
  Relay* relay = nullptr;
  std::vector<std::string> args;  // more of them, last
  // Such as {"ARKSHARE_FAILPOINTS", PausePoint::Setting()}.
  std::map<std::string, std::string> env;
  std::string join;    // the word of an invitation, for the first start
  bool group = false;  // a member of a group, which files() cannot call
};

// An arkshare-peer and its folder. Killed when it goes out of scope.
class PeerProcess {
 public:
  // Starts it and waits until it serves. It is registered some time after that: WaitOnline.
  static absl::StatusOr<std::unique_ptr<PeerProcess>> Start(PeerOptions options);

  // The shared folder.
  std::string books() const { return options_.folder + "/books"; }
  std::string control() const { return "unix:" + options_.folder + "/control.sock"; }
  // The address of FileService, "IP:PORT"; another one after each start.
  const std::string& address() const { return address_; }
  Process& process() { return *process_; }
  v1::FileService::Stub& files() { return *files_; }
  v1::PeerService::Stub& control_stub() { return *control_stub_; }

  absl::StatusOr<v1::GetStatusResponse> GetStatus();
  // Waits until it is registered, its Announce stream is open and nothing is left to be hashed.
  // DeadlineExceeded with what it says of its trouble.
  absl::Status WaitOnline(absl::Duration timeout = kPatience);

  // Starts it on the same folder after it has ended (by Process::Kill, a failpoint, Stop …), on
  // another port, with `env` in place of what it had.
  absl::Status Restart(std::map<std::string, std::string> env = {});

 private:
  explicit PeerProcess(PeerOptions options) : options_(std::move(options)) {}
  absl::Status Launch();

  PeerOptions options_;
  std::string address_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<v1::FileService::Stub> files_;
  std::unique_ptr<v1::PeerService::Stub> control_stub_;
};

// arkshare-cli with these arguments and all of its stdin, to its end.
absl::StatusOr<Finished> RunCli(std::vector<std::string> args, std::string input = "",
                                absl::Duration timeout = kPatience);

// Paths of the binaries under test; empty for one that this build does not have.
std::string IndexBinary();
std::string PeerBinary();
std::string CliBinary();

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_SUPPORT_PROGRAMS_H_
