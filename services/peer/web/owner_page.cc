#include "services/peer/web/owner_page.h"

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/core/log.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr char kAnyPort[] = "127.0.0.1:0";
constexpr int kPortTries = 8;
// A search takes milliseconds; a page must learn soon that its index is away.
constexpr absl::Duration kIndexTimeout = absl::Seconds(5);

// Share would let a page read any file of the machine; the others end the peer, hand out its key,
// or open more doors.
const std::vector<std::string>& NeverThroughAPage() {
  static const auto* const names =
      new std::vector<std::string>{"Share", "Shutdown", "ExportTls", "OpenPage", "ClosePage"};
  return *names;
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp proto;
  const int64_t seconds = absl::ToUnixSeconds(time);
  proto.set_seconds(seconds);
  proto.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return proto;
}

// Returns the address of a server for the browser of this machine.
HostPort LocalAddress(const std::string& address) {
  HostPort host_port = ParseHostPort(address).value();
  if (host_port.host == "0.0.0.0") host_port.host = "127.0.0.1";
  if (host_port.host == "::") host_port.host = "::1";
  return host_port;
}

// Returns the IP at which a browser of this machine, or at the near end of a tunnel, has the page.
std::string LoopbackOf(const HttpServer& server) {
  return absl::StartsWith(server.address(), "[") ? "::1" : "127.0.0.1";
}

std::string UrlOf(const std::string& address) {
  return absl::StrCat("http://", LocalAddress(address).ToString(), "/");
}

}  // namespace

absl::Status OwnerPage::Check(const Options& options) {
  for (const std::string& name : options.names) {
    if (!ParseHostPort(absl::StrCat(name, ":1")).ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--web-host ", name, " is not a name; give it without a port"));
    }
  }
  if (options.listen.empty()) return absl::OkStatus();
  const absl::StatusOr<HostPort> address = ParseHostPort(options.listen);
  if (!address.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--web: ", address.status().message()));
  }
  if (options.is_public || IsLoopbackHost(address->host)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "will not show the web page on ", options.listen,
      ": it is plain HTTP, so every machine in between can read its token and act as you. Use "
      "127.0.0.1 and a tunnel (ssh -L), or give --web-public behind a proxy with TLS or within a "
      "container"));
}

OwnerPage::OwnerPage(Options options, absl::Span<const WebAsset> assets, Index index,
                     AddedBook::Parts books, const Clock* clock)
    : options_(std::move(options)),
      index_(std::move(index)),
      files_(assets, "index.html", options_.folder),
      boot_id_(absl::BytesToHexString(RandomBytes(8))),
      sessions_(clock, [this](const std::string& session) { EndUse(session); }),
      books_(books, clock) {}

OwnerPage::~OwnerPage() { Stop(); }

void OwnerPage::SetPeer(std::shared_ptr<grpc::Channel> peer) {
  MutexLock lock(&mutex_);
  peer_ = std::move(peer);
}

std::unique_ptr<ConnectBridge> OwnerPage::MakeBridge(std::shared_ptr<grpc::Channel> peer) const {
  std::vector<ConnectBridge::Target> targets;
  targets.push_back({.service = {.name = "arkshare.v1.PeerService", .never = NeverThroughAPage()},
                     .channel = [peer = std::move(peer)] { return peer; }});
  targets.push_back({.service = {.name = "arkshare.v1.IndexService",
                                 .only = {"Search", "ListPeers", "ListBooks", "Watch"}},
                     .channel = index_.channel,
                     .timeout = kIndexTimeout,
                     .explain = [name = index_.name](const grpc::Status& status) {
                       return ToGrpcStatus(FromGrpcStatus(status,
                                                          absl::StrCat("the index at ", name()),
                                                          Reason::kIndexUnreachable));
                     }});
  return std::make_unique<ConnectBridge>(std::move(targets));
}

absl::StatusOr<std::string> OwnerPage::Open() {
  MutexLock changing(&changing_);
  std::shared_ptr<grpc::Channel> peer;
  {
    MutexLock lock(&mutex_);
    if (door_ != nullptr) return door_->server->address();
    peer = peer_;
  }
  if (peer == nullptr) return MakeError(Reason::kShuttingDown, "this peer stops");
  absl::StatusOr<std::shared_ptr<Door>> door = MakeDoor(peer);
  // Another port may be free at both addresses.
  for (int i = 1; i < kPortTries && absl::IsAlreadyExists(door.status()) && options_.listen.empty();
       ++i) {
    door = MakeDoor(peer);
  }
  if (!door.ok()) return door.status();
  const std::string address = (*door)->server->address();
  LogInfo("page_opened", {{"address", address}});
  MutexLock lock(&mutex_);
  door_ = *std::move(door);
  return address;
}

absl::StatusOr<std::shared_ptr<OwnerPage::Door>> OwnerPage::MakeDoor(
    std::shared_ptr<grpc::Channel> peer) {
  auto door = std::make_shared<Door>();
  door->bridge = MakeBridge(std::move(peer));
  // The port is known only once it is bound, and the handler must be there before it.
  const std::string listen = options_.listen.empty() ? kAnyPort : options_.listen;
  absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::Start({.listen = listen}, [&](const HttpServer& made) -> HttpHandler* {
        door->handler = std::make_unique<PageHandler>(
            PageHandler::Parts{&files_, &sessions_, door->bridge.get(), &books_},
            OriginCheck({.port = made.port(),
                         .listen_host = ParseHostPort(made.address()).value().host,
                         .names = options_.names}),
            LoopbackOf(made), boot_id_);
        return door->handler.get();
      });
  if (!server.ok()) return server.status();
  door->server = *std::move(server);
  if (ParseHostPort(door->server->address()).value().host != "127.0.0.1") return door;
  // Browsers look for localhost, where the books are, at ::1 first.
  absl::StatusOr<std::unique_ptr<HttpServer>> second = HttpServer::Start(
      {.listen = absl::StrCat("[::1]:", door->server->port())}, door->handler.get());
  // Without IPv6 no other program can answer there.
  if (absl::IsAlreadyExists(second.status())) return second.status();
  if (second.ok()) door->second = *std::move(second);
  return door;
}

size_t OwnerPage::Close() {
  MutexLock changing(&changing_);
  std::shared_ptr<Door> door;
  {
    MutexLock lock(&mutex_);
    door = door_;
  }
  const size_t ended = sessions_.EndAll();
  if (door == nullptr) return ended;
  {
    MutexLock lock(&mutex_);
    door_ = nullptr;
  }
  door->second.reset();
  door->server.reset();
  LogInfo("page_closed", {{"sessions", ended}});
  return ended;
}

void OwnerPage::Stop() {
  SetPeer(nullptr);
  Close();
}

void OwnerPage::EndUse(const std::string& session) {
  books_.EndSession(session);
  std::shared_ptr<Door> door;
  {
    MutexLock lock(&mutex_);
    door = door_;
  }
  if (door != nullptr) door->bridge->EndCalls(session);
}

absl::Status OwnerPage::OpenPage(v1::OpenPageResponse* response) {
  const absl::StatusOr<std::string> address = Open();
  if (!address.ok()) return address.status();
  const PageSessions::Code code = sessions_.NewCode();
  response->set_address(*address);
  response->set_url(absl::StrCat(UrlOf(*address), "#/open=", code.text));
  *response->mutable_code_expire_time() = ToTimestamp(code.expiry);
  return absl::OkStatus();
}

void OwnerPage::ClosePage(v1::ClosePageResponse* response) {
  response->set_ended_sessions(static_cast<uint32_t>(Close()));
}

void OwnerPage::ListPageSessions(v1::ListPageSessionsResponse* response) const {
  for (const PageSessions::Session& session : sessions_.List()) {
    v1::PageSession* const proto = response->add_sessions();
    proto->set_session_id(session.id);
    *proto->mutable_start_time() = ToTimestamp(session.start);
    *proto->mutable_last_use_time() = ToTimestamp(session.last_use);
    proto->set_user_agent(session.user_agent);
  }
}

void OwnerPage::EndPageSession(const v1::EndPageSessionRequest& request,
                               v1::EndPageSessionResponse* response) {
  response->set_ended(sessions_.End(request.session_id()));
}

absl::Status OwnerPage::OpenBook(const std::string& session, const v1::OpenBookRequest& request,
                                 v1::OpenBookResponse* response) {
  if (!sessions_.IsLive(session)) {
    return MakeError(Reason::kSignInNeeded,
                     "only the web page can open a book; get the file from the shared folder");
  }
  return books_.Open(session, request, response);
}

}  // namespace arkshare
