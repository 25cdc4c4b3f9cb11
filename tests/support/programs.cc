#include "tests/support/programs.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/generic/generic_stub.h>

#include <condition_variable>
#include <filesystem>
#include <system_error>
#include <utility>

#include "lib/core/leaf_certificate.h"
#include "lib/core/mutex.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/dialer.h"
#include "lib/rpc/key_handshake.h"
#include "tests/support/files.h"

namespace arkshare {
namespace {

constexpr char kServingLine[] = "serving address=";

std::shared_ptr<grpc::Channel> Connect(const std::string& target) {
  return MakeChannel(target, grpc::InsecureChannelCredentials());
}

// grpc.health.v1 without its proto, which Debian does not ship: on the wire, a HealthCheckRequest
// is a StringValue (1: service) and a HealthCheckResponse an Int32Value (1: status, where 1 is
// SERVING).
bool IsServing(const std::shared_ptr<grpc::Channel>& channel) {
  using google::protobuf::Int32Value;
  using google::protobuf::StringValue;
  grpc::TemplatedGenericStub<StringValue, Int32Value> stub(channel);
  grpc::ClientContext context;
  SetTimeout(context, absl::Seconds(5));
  StringValue request;
  Int32Value response;
  Mutex mutex;
  CondVar done_changed;
  bool done = false;
  bool ok = false;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request, &response,
                 [&](const grpc::Status& status) {
                   MutexLock lock(&mutex);
                   done = true;
                   ok = status.ok();
                   done_changed.NotifyAll();
                 });
  MutexLock lock(&mutex);
  while (!done) done_changed.Wait(&mutex);
  return ok && response.value() == 1;
}

// Starts a server, and returns the address that it says it serves at.
absl::StatusOr<std::string> AwaitAddress(Process& process) {
  absl::StatusOr<std::string> line = process.WaitForLine(kServingLine);
  if (!line.ok()) {
    return absl::Status(line.status().code(),
                        absl::StrCat(line.status().message(), "\nits log:\n", process.Log()));
  }
  return std::string(absl::StripPrefix(*line, kServingLine));
}

}  // namespace

absl::Status WaitUntilServing(const std::shared_ptr<grpc::Channel>& channel,
                              absl::Duration timeout) {
  if (EventuallyTrue([&] { return IsServing(channel); }, timeout)) return absl::OkStatus();
  return absl::DeadlineExceededError("the health service does not say that the server serves");
}

absl::StatusOr<std::unique_ptr<IndexProcess>> IndexProcess::Start(IndexOptions options) {
  std::unique_ptr<IndexProcess> index(new IndexProcess(std::move(options)));
  absl::Status status = index->Launch();
  if (!status.ok()) return status;
  return index;
}

absl::Status IndexProcess::Launch() {
  ProcessOptions start;
  start.argv = {IndexBinary(), "--listen", address_.empty() ? options_.listen : address_, "--lease",
                options_.lease};
  if (options_.etcd.empty()) {
    start.argv.insert(start.argv.end(), {"--state", options_.folder + "/index.state"});
  } else {
    start.argv.insert(start.argv.end(), {"--etcd", options_.etcd});
  }
  if (options_.group) start.argv.insert(start.argv.end(), {"--home", home()});
  start.argv.insert(start.argv.end(), options_.args.begin(), options_.args.end());
  start.env = options_.env;
  start.log_file = options_.folder + "/index.log";
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(std::move(start));
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  absl::StatusOr<std::string> address = AwaitAddress(*process_);
  if (!address.ok()) return address.status();
  address_ = *address;
  if (options_.group) return Enter();
  std::shared_ptr<grpc::Channel> channel = Connect(address_);
  stub_ = v1::IndexService::NewStub(channel);
  return WaitUntilServing(channel);
}

absl::Status IndexProcess::Enter() {
  const absl::StatusOr<std::string> added =
      Command({"members", "add", key_.public_key().hex(), "--role", "watcher", "--name", "test"});
  if (!added.ok()) return added.status();
  const LeafCertificate leaf = MakeLeafCertificate(key_, {});
  const absl::StatusOr<PublicKey> index = ReadKeyAt(address_, leaf, kPatience);
  if (!index.ok()) return index.status();
  std::shared_ptr<grpc::Channel> channel = Dialer::WithKey(leaf)->Dial(address_, &*index);
  stub_ = v1::IndexService::NewStub(channel);
  return WaitUntilServing(channel);
}

absl::StatusOr<std::string> IndexProcess::Command(std::vector<std::string> words) {
  ProcessOptions start;
  start.argv = {IndexBinary()};
  start.argv.insert(start.argv.end(), words.begin(), words.end());
  start.argv.insert(start.argv.end(), {"--home", home()});
  start.log_file = options_.folder + "/command.log";
  absl::StatusOr<Finished> finished = RunToEnd(std::move(start), kPatience);
  if (!finished.ok()) return finished.status();
  if (finished->exit.code == 0 && finished->exit.signal == 0) return finished->output;
  return absl::InternalError(
      absl::StrCat("arkshare-index ", words[0], " failed: ", finished->output, finished->log));
}

absl::StatusOr<std::string> IndexProcess::Invite(std::vector<std::string> options) {
  options.insert(options.begin(), {"invite", "--address", address_});
  absl::StatusOr<std::string> word = Command(std::move(options));
  if (!word.ok()) return word.status();
  return std::string(absl::StripAsciiWhitespace(*word));
}

absl::Status IndexProcess::KillAndRestart(std::map<std::string, std::string> env) {
  process_->Kill();
  options_.env = std::move(env);
  return Launch();
}

absl::StatusOr<std::unique_ptr<PeerProcess>> PeerProcess::Start(PeerOptions options) {
  std::unique_ptr<PeerProcess> peer(new PeerProcess(std::move(options)));
  absl::Status status = peer->Launch();
  if (!status.ok()) return status;
  return peer;
}

absl::Status PeerProcess::Launch() {
  std::error_code ignored;
  std::filesystem::create_directories(books(), ignored);
  // Only its owner may use a control socket, and enter its folder.
  std::filesystem::permissions(options_.folder, std::filesystem::perms::owner_all, ignored);
  ProcessOptions start;
  start.argv = {PeerBinary(), "--listen",      options_.listen, "--share", books(),
                "--policy",   options_.policy, "--control",     control()};
  if (!options_.index.empty()) start.argv.insert(start.argv.end(), {"--index", options_.index});
  if (!options_.join.empty()) start.argv.insert(start.argv.end(), {"--join", options_.join});
  if (options_.relay != nullptr) {
    start.argv.insert(start.argv.end(), {"--advertise", options_.relay->address()});
  }
  start.argv.insert(start.argv.end(), options_.args.begin(), options_.args.end());
  start.env = options_.env;
  start.log_file = options_.folder + "/log";
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(std::move(start));
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  absl::StatusOr<std::string> address = AwaitAddress(*process_);
  if (!address.ok()) return address.status();
  address_ = *address;
  if (options_.relay != nullptr) options_.relay->SetTarget(address_);
  std::shared_ptr<grpc::Channel> channel = Connect(address_);
  files_ = v1::FileService::NewStub(channel);
  std::shared_ptr<grpc::Channel> control_channel = Connect(control());
  control_stub_ = v1::PeerService::NewStub(control_channel);
  return WaitUntilServing(options_.group ? control_channel : channel);
}

absl::StatusOr<v1::GetStatusResponse> PeerProcess::GetStatus() {
  grpc::ClientContext context;
  SetTimeout(context, kPatience);
  v1::GetStatusResponse response;
  grpc::Status status = control_stub_->GetStatus(&context, v1::GetStatusRequest(), &response);
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }
  return response;
}

absl::Status PeerProcess::WaitOnline(absl::Duration timeout) {
  absl::StatusOr<v1::GetStatusResponse> status;
  const bool online = EventuallyTrue(
      [&] {
        status = GetStatus();
        return status.ok() && status->online() && status->pending_files() == 0;
      },
      timeout);
  if (online) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("the peer is not online: ",
                   status.ok() ? status->ShortDebugString() : status.status().ToString()));
}

absl::Status PeerProcess::Restart(std::map<std::string, std::string> env) {
  if (process_->Running()) return absl::FailedPreconditionError("the peer still runs");
  options_.env = std::move(env);
  options_.join.clear();
  return Launch();
}

absl::StatusOr<Finished> RunCli(std::vector<std::string> args, std::string input,
                                absl::Duration timeout) {
  ProcessOptions start;
  start.argv = {CliBinary()};
  start.argv.insert(start.argv.end(), args.begin(), args.end());
  start.input = std::move(input);
  return RunToEnd(std::move(start), timeout);
}

std::string IndexBinary() { return ARKSHARE_INDEX_BINARY; }
std::string PeerBinary() { return ARKSHARE_PEER_BINARY; }
std::string CliBinary() { return ARKSHARE_CLI_BINARY; }

}  // namespace arkshare
