#include "clients/cli/peer_connection.h"

#include <absl/strings/match.h>
#include <absl/strings/strip.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

// True for a failure of the connection itself: an error that a server sends has details.
bool DidNotAnswer(const grpc::Status& status) {
  return status.error_details().empty() &&
         (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
          status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
}

// True when a process accepts connections on the unix socket at `path`.
bool IsListening(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  path.copy(address.sun_path, path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  const bool full = !connected && errno == EAGAIN;
  close(fd);
  return connected || full;
}

// True for a server that accepted the connection, if there is one, and then said nothing.
bool SaidNothing(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED ||
         absl::StrContains(status.error_message(), "failed to connect");
}

absl::Status NoPeerAnswers(const std::string& target, const grpc::Status& status) {
  const std::string path(absl::StripPrefix(target, "unix:"));
  if (access(path.c_str(), W_OK) != 0 && errno == EACCES) {
    return MakeError(Reason::kPeerUnreachable,
                     absl::StrCat("the arkshare-peer at ", target,
                                  " belongs to another user; run this command as that user, or "
                                  "name your own peer with --peer unix:PATH"));
  }
  if (SaidNothing(status) && IsListening(path)) {
    return MakeError(Reason::kPeerUnreachable,
                     absl::StrCat("the arkshare-peer at ", target,
                                  " runs and does not answer: it hangs, is stopped, or waits for a "
                                  "disk; look at its log, or end it and start it again"));
  }
  return MakeError(
      Reason::kPeerUnreachable,
      absl::StrCat("no arkshare-peer answers at ", target,
                   "; start one with: arkshare-peer --index HOST:PORT --share FOLDER --control ",
                   target));
}

}  // namespace

PeerConnection::PeerConnection(const CallWatch* watch, std::string target)
    : watch_(watch),
      target_(std::move(target)),
      stub_(v1::PeerService::NewStub(MakeChannel(target_, grpc::InsecureChannelCredentials()))) {}

absl::StatusOr<v1::Transfer> PeerConnection::Fetch(
    const v1::FetchRequest& request, const std::function<void(const v1::Transfer&)>& on_progress) {
  grpc::ClientContext context;
  Interrupts::CallGuard guard(watch_->interrupts(), &context);
  const std::unique_ptr<grpc::ClientReader<v1::FetchResponse>> reader =
      stub_->Fetch(&context, request);
  v1::Transfer last;
  v1::FetchResponse response;
  while (reader->Read(&response)) {
    last = std::move(*response.mutable_transfer());
    on_progress(last);
  }
  const absl::Status status = FromPeer(reader->Finish());
  if (!status.ok()) return status;
  if (last.state() != v1::TRANSFER_STATE_DONE) {
    if (last.has_error()) return FromItemError(last.error());
    return MakeError(Reason::kInternal,
                     "the peer ended the transfer without a result; see arkshare-cli transfers and "
                     "the peer's log");
  }
  return last;
}

absl::Status PeerConnection::FetchMany(
    const v1::FetchManyRequest& request,
    const std::function<void(uint32_t index, const v1::Transfer& transfer)>& on_update) {
  grpc::ClientContext context;
  Interrupts::CallGuard guard(watch_->interrupts(), &context);
  const std::unique_ptr<grpc::ClientReader<v1::FetchManyResponse>> reader =
      stub_->FetchMany(&context, request);
  v1::FetchManyResponse response;
  while (reader->Read(&response)) {
    for (const v1::FetchManyResponse::Update& update : response.updates()) {
      on_update(update.index(), update.transfer());
    }
  }
  return FromPeer(reader->Finish());
}

absl::Status PeerConnection::WatchOwn(
    const v1::WatchOwnRequest& request,
    const std::function<bool(const v1::WatchOwnResponse&)>& on_message) {
  grpc::ClientContext context;
  Interrupts::CallGuard guard(watch_->interrupts(), &context);
  const std::unique_ptr<grpc::ClientReader<v1::WatchOwnResponse>> reader =
      stub_->WatchOwn(&context, request);
  v1::WatchOwnResponse message;
  while (reader->Read(&message)) {
    if (on_message(message)) continue;
    context.TryCancel();
    reader->Finish();
    return absl::CancelledError("the messages are not wanted any more");
  }
  const absl::Status status = FromPeer(reader->Finish());
  if (!status.ok()) return status;
  return MakeError(Reason::kPeerUnreachable, "the peer has ended the watch; watch again");
}

absl::Status PeerConnection::FromPeer(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  if (watch_->interrupted()) return watch_->Interrupted();
  if (DidNotAnswer(status)) return NoPeerAnswers(target_, status);
  return FromGrpcStatus(status, absl::StrCat("the peer at ", target_), Reason::kPeerUnreachable);
}

}  // namespace arkshare
