#include "clients/cli/connection.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <grpcpp/generic/generic_stub.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <utility>

#include "grpc/health/v1/health.pb.h"
#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "lib/rpc/key_handshake.h"
#include "lib/rpc/key_mode.h"
#include "lib/rpc/status.h"
#include "lib/rpc/targets.h"

namespace arkshare {
namespace {

constexpr absl::Duration kHandshakeTimeout = absl::Seconds(5);
constexpr absl::Duration kNamesInterval = absl::Seconds(1);

// Keeps SIGPIPE from this thread while an object lives: OpenSSL writes to sockets whose other end
// may have gone. The program does not ignore the signal, because its output may be a pipe.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec at_once{};
    while (!was_pending_ && sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) continue;
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

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

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(ConnectionOptions options,
                                                             Interrupts* interrupts) {
  std::unique_ptr<Connection> connection(new Connection(interrupts));
  absl::StatusOr<std::string> peer = ParseControlSocket("--peer", options.peer);
  if (!peer.ok()) return peer.status();
  options.peer = *std::move(peer);
  for (absl::string_view part : absl::StrSplit(options.index, ',', absl::SkipWhitespace())) {
    const std::string target(absl::StripAsciiWhitespace(part));
    if (absl::Status s = CheckTarget("--index", target); !s.ok()) return s;
    connection->index_targets_.push_back(target);
  }
  absl::StatusOr<std::shared_ptr<Dialer>> dialer = Dialer::FromTls(options.tls);
  if (!dialer.ok()) return dialer.status();
  connection->dialer_ = *std::move(dialer);
  connection->peer_ =
      v1::PeerService::NewStub(MakeChannel(options.peer, grpc::InsecureChannelCredentials()));
  connection->options_ = std::move(options);
  return connection;
}

absl::StatusOr<v1::Transfer> Connection::Fetch(
    const v1::FetchRequest& request, const std::function<void(const v1::Transfer&)>& on_progress) {
  grpc::ClientContext context;
  Interrupts::CallGuard guard(interrupts_, &context);
  const std::unique_ptr<grpc::ClientReader<v1::FetchResponse>> reader =
      peer_->Fetch(&context, request);
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

absl::Status Connection::FetchMany(
    const v1::FetchManyRequest& request,
    const std::function<void(uint32_t index, const v1::Transfer& transfer)>& on_update) {
  grpc::ClientContext context;
  Interrupts::CallGuard guard(interrupts_, &context);
  const std::unique_ptr<grpc::ClientReader<v1::FetchManyResponse>> reader =
      peer_->FetchMany(&context, request);
  v1::FetchManyResponse response;
  while (reader->Read(&response)) {
    for (const v1::FetchManyResponse::Update& update : response.updates()) {
      on_update(update.index(), update.transfer());
    }
  }
  return FromPeer(reader->Finish());
}

absl::Status Connection::WatchOwn(
    const v1::WatchOwnRequest& request,
    const std::function<bool(const v1::WatchOwnResponse&)>& on_message) {
  grpc::ClientContext context;
  Interrupts::CallGuard guard(interrupts_, &context);
  const std::unique_ptr<grpc::ClientReader<v1::WatchOwnResponse>> reader =
      peer_->WatchOwn(&context, request);
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

absl::Status Connection::Watch(v1::WatchRequest request,
                               const std::function<bool(const v1::WatchResponse&)>& on_event) {
  for (size_t tried = 1;; ++tried) {
    absl::StatusOr<v1::IndexService::Stub*> stub = IndexStub();
    if (!stub.ok()) return stub.status();
    grpc::ClientContext context;
    Interrupts::CallGuard guard(interrupts_, &context);
    const std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader =
        (*stub)->Watch(&context, request);
    bool any = false;
    bool wanted = true;
    absl::Status checked;
    v1::WatchResponse response;
    while (wanted && reader->Read(&response)) {
      checked = Checked(CheckAnswer(response));
      if (!checked.ok()) break;
      any = true;
      google::protobuf::RepeatedPtrField<v1::WatchResponse> more;
      more.Swap(response.mutable_more());
      wanted = on_event(response);
      for (v1::WatchResponse& event : more) {
        event.set_boot_id(response.boot_id());
        wanted = wanted && on_event(event);
      }
    }
    if (!wanted || !checked.ok()) {
      context.TryCancel();
      reader->Finish();
      if (!checked.ok()) return checked;
      return absl::CancelledError("the events are not wanted any more");
    }
    absl::Status status = FromIndex(reader->Finish());
    if (status.ok()) {
      status = MakeError(Reason::kIndexUnreachable, "the index has ended the watch; watch again");
    }
    // After the first event, the caller decides whether and when to watch again.
    if (!IsUnreachable(status)) return status;
    if (!TryNextIndex(tried) || any) return status;
  }
}

absl::StatusOr<std::unique_ptr<v1::FileService::Stub>> Connection::ConnectFileService(
    const std::string& address, const PublicKey& key, absl::Duration timeout) {
  if (absl::Status known = KnowGroup(); !known.ok()) return known;
  const std::shared_ptr<grpc::Channel> channel = dialer().Dial(address, &key);
  const absl::Time end = Clock::Real()->Monotonic() + timeout;
  grpc_connectivity_state state = channel->GetState(/*try_to_connect=*/true);
  // Waits in short steps: an interrupt does not wake a channel that waits for its state.
  while (state != GRPC_CHANNEL_READY) {
    if (interrupts_->triggered()) return Interrupted();
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || Clock::Real()->Monotonic() > end) {
      return WithCause(MakeError(Reason::kPeerUnreachable,
                                 absl::StrCat("the peer at ", address, " does not answer in time")),
                       absl::StrCat("the peer at ", address), address, &key);
    }
    channel->WaitForStateChange(state,
                                std::chrono::system_clock::now() + std::chrono::milliseconds(100));
    state = channel->GetState(/*try_to_connect=*/true);
  }
  return v1::FileService::NewStub(channel);
}

absl::StatusOr<v1::PingResponse> Connection::Ping(v1::FileService::Stub& stub,
                                                  const v1::PingRequest& request,
                                                  const std::string& server) {
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  Interrupts::CallGuard guard(interrupts_, &context);
  v1::PingResponse response;
  const grpc::Status status = stub.Ping(&context, request, &response);
  if (interrupts_->triggered()) return Interrupted();
  if (!status.ok()) return FromGrpcStatus(status, server, Reason::kPeerUnreachable);
  return response;
}

absl::StatusOr<bool> Connection::IsServing(const std::string& address) {
  using grpc::health::v1::HealthCheckRequest;
  using grpc::health::v1::HealthCheckResponse;
  const bool is_socket = absl::StartsWith(address, "unix:");
  std::optional<PublicKey> key;
  if (!is_socket) {
    absl::StatusOr<std::optional<PublicKey>> known = KeyForHealth(address);
    if (!known.ok()) return known.status();
    key = *known;
  }
  const PublicKey* const expected = key.has_value() ? &*key : nullptr;
  KeepCallbackQueue();
  grpc::TemplatedGenericStub<HealthCheckRequest, HealthCheckResponse> stub(
      is_socket ? MakeChannel(address, grpc::InsecureChannelCredentials())
                : dialer().Dial(address, expected));
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  Interrupts::CallGuard guard(interrupts_, &context);
  const HealthCheckRequest request;
  HealthCheckResponse response;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &response,
                 [&done](grpc::Status status) { done.set_value(std::move(status)); });
  const grpc::Status status = done.get_future().get();
  if (interrupts_->triggered()) return Interrupted();
  if (!status.ok()) {
    const absl::Status why = FromGrpcStatus(status, address, Reason::kPeerUnreachable);
    return is_socket ? why : WithCause(why, address, address, expected);
  }
  return response.status() == HealthCheckResponse::SERVING;
}

absl::StatusOr<std::string> Connection::IndexTarget() {
  if (!index_targets_.empty()) return index_targets_[index_position_];
  if (index_ != nullptr) return index_target_;
  const absl::StatusOr<v1::GetStatusResponse> status =
      CallPeer(&v1::PeerService::Stub::GetStatus, v1::GetStatusRequest());
  if (!status.ok()) {
    if (GetReason(status.status()) != Reason::kPeerUnreachable) return status.status();
    return MakeError(Reason::kPeerUnreachable,
                     absl::StrCat("no index is known: ", status.status().message(),
                                  "; or name an index with --index HOST:PORT"));
  }
  if (status->index_address().empty()) {
    return MakeError(Reason::kIndexUnreachable,
                     "the peer has no index; name one with --index HOST:PORT");
  }
  return status->index_address();
}

absl::StatusOr<v1::IndexService::Stub*> Connection::IndexStub() {
  if (index_ == nullptr) {
    absl::StatusOr<std::string> target = IndexTarget();
    if (!target.ok()) return target.status();
    if (absl::Status asked = AskForGroup(); !asked.ok()) return asked;
    index_target_ = *std::move(target);
    index_ = v1::IndexService::NewStub(dialer().Dial(index_target_, IndexKey()));
  }
  return index_.get();
}

absl::Status Connection::AskForGroup() {
  const absl::StatusOr<v1::ExportTlsResponse> exported =
      CallPeer(&v1::PeerService::Stub::ExportTls, v1::ExportTlsRequest());
  const Reason reason = GetReason(exported.status());
  // A peer that is older than groups does not know the call.
  const bool has_none = reason == Reason::kGroupUnknown || absl::IsUnimplemented(exported.status());
  if (!exported.ok() && !has_none && reason != Reason::kPeerUnreachable) return exported.status();
  group_asked_ = true;
  group_asked_at_ = options_.clock->Monotonic();
  if (has_none) {
    group_.reset();
    group_dialer_.reset();
  }
  // A certificate from before the peer went is still good.
  if (!exported.ok()) return absl::OkStatus();
  absl::StatusOr<Group> group = GroupFromProto(*exported);
  if (!group.ok()) return group.status();
  group_ = *std::move(group);
  if (options_.tls.enabled()) return absl::OkStatus();
  [[maybe_unused]] static const bool only_tls13 = (UseTls13Only(), true);
  group_dialer_ = Dialer::WithKey(group_->leaf);
  return absl::OkStatus();
}

const PeerNames& Connection::Names(absl::string_view public_key) {
  static const PeerNames* const none = new PeerNames;
  KnowGroup().IgnoreError();
  if (!group_.has_value() && options_.tls.enabled()) return NamesFromIndex(public_key);
  const bool unknown = group_.has_value() && !public_key.empty() && !group_->names.Has(public_key);
  if (unknown && options_.clock->Monotonic() - group_asked_at_ >= kNamesInterval) {
    AskForGroup().IgnoreError();
  }
  return group_.has_value() ? group_->names : *none;
}

const PeerNames& Connection::NamesFromIndex(absl::string_view public_key) {
  const absl::Time now = options_.clock->Monotonic();
  const bool known = !index_names_.empty() && (public_key.empty() || index_names_.Has(public_key));
  if (known || now < index_names_due_) return index_names_;
  const absl::StatusOr<v1::ListMembersResponse> answer =
      CallIndex(&v1::IndexService::Stub::ListMembers, v1::ListMembersRequest());
  if (answer.ok()) index_names_ = PeerNames(answer->members());
  const bool has_group = GetReason(answer.status()) != Reason::kGroupUnknown;
  index_names_due_ = has_group ? now + kNamesInterval : absl::InfiniteFuture();
  return index_names_;
}

absl::Status Connection::WithCause(const absl::Status& status, const std::string& server,
                                   const std::string& target, const PublicKey* key) {
  const NoPipeSignal no_signal;
  return dialer().WithCause(status, server, target, key);
}

absl::StatusOr<std::optional<PublicKey>> Connection::KeyForHealth(const std::string& address) {
  if (absl::Status known = KnowGroup(); !known.ok()) return known;
  if (group_dialer_ == nullptr) return std::nullopt;
  const NoPipeSignal no_signal;
  const absl::StatusOr<PublicKey> key = ReadKeyAt(address, group_->leaf, kHandshakeTimeout);
  if (GetReason(key.status()) == Reason::kIndexUnreachable) {
    // ReadKeyAt takes what it dials for an index.
    return MakeError(Reason::kPeerUnreachable,
                     absl::StrReplaceAll(key.status().message(), {{"the index at ", ""}}));
  }
  if (!key.ok()) return key.status();
  if (*key != group_->index && !Names(key->view()).Has(key->view())) {
    return MakeError(Reason::kWrongKey,
                     absl::StrCat("the program at ", address, " has the key ", key->hex(),
                                  ", which is not in your group; check the address"));
  }
  return *key;
}

bool Connection::TryNextIndex(size_t tried) {
  index_ = nullptr;
  if (index_targets_.empty()) return false;
  index_position_ = (index_position_ + 1) % index_targets_.size();
  return tried < index_targets_.size();
}

absl::Status Connection::Interrupted() const { return absl::CancelledError("interrupted"); }

absl::Status Connection::FromPeer(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  if (interrupts_->triggered()) return Interrupted();
  if (DidNotAnswer(status)) return NoPeerAnswers(options_.peer, status);
  return FromGrpcStatus(status, absl::StrCat("the peer at ", options_.peer),
                        Reason::kPeerUnreachable);
}

absl::Status Connection::FromIndex(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (interrupts_->triggered()) return Interrupted();
  const std::string index = absl::StrCat("the index at ", index_target_);
  return WithCause(FromGrpcStatus(status, index, Reason::kIndexUnreachable), index, index_target_,
                   IndexKey());
}

absl::Status Connection::Checked(const absl::Status& answer) const {
  if (answer.ok()) return answer;
  return MakeError(GetReason(answer),
                   absl::StrCat("the index at ", index_target_, ": ", answer.message()));
}

}  // namespace arkshare
