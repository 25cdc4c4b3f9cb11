// IndexService.Register: check, dial back, then begin the session.
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "lib/core/mutex.h"
#include "lib/rpc/caller_shares.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/relayed_target.h"
#include "lib/rpc/status.h"
#include "services/index/service/caller.h"
#include "services/index/service/dial_back.h"
#include "services/index/service/index_service.h"

namespace arkshare {
namespace {

constexpr size_t kRegistrationIdBytes = 16;

constexpr char kLoopbackOnly[] =
    "peers on other machines cannot see or reach your books, because this peer reaches the index "
    "over loopback: restart it with an address of this machine that other peers can reach as the "
    "host of --index, or as --advertise HOST:PORT, and with a --listen that covers it";

constexpr char kNoRelay[] =
    "this index has no relay: open the port of this peer in your firewall and router, or ask the "
    "owner of the index to start it with --relay";

absl::StatusOr<PeerInfo> ParsePeer(const v1::RegisterRequest& request, const Caller& caller) {
  PeerInfo peer;
  const absl::StatusOr<PublicKey> key = KeyFromProto(request.public_key(), "public_key");
  if (!key.ok()) return key.status();
  if (request.registration_id().size() != kRegistrationIdBytes) {
    return MakeError(Reason::kInvalidField, "registration_id must be 16 bytes");
  }
  if (request.policy() != v1::SHARE_POLICY_MOVE && request.policy() != v1::SHARE_POLICY_COPY) {
    return MakeError(Reason::kInvalidField,
                     "policy must be SHARE_POLICY_MOVE or SHARE_POLICY_COPY");
  }
  absl::StatusOr<PeerAddress> address =
      ChooseAddress(caller, request.port(), request.advertised_address());
  if (!address.ok()) return address.status();
  peer.peer_id = request.requested_peer_id();
  peer.key = *key;
  peer.address = std::move(address->address);
  peer.loopback = address->loopback;
  peer.policy = request.policy();
  peer.free_slots = request.upload_slots();
  peer.upload_limit = request.upload_limit();
  return peer;
}

}  // namespace

// Waits for its turn, dials the peer back, and then, if a session of the key is at another address,
// the peer of that session. Only the constructor, OnCancel and the answers run on threads of gRPC.
class IndexService::RegisterReactor : public grpc::ServerUnaryReactor {
 public:
  RegisterReactor(IndexService* service, grpc::CallbackServerContext* context,
                  const v1::RegisterRequest* request, v1::RegisterResponse* response)
      : service_(service),
        context_(context),
        response_(response),
        timer_(&service->stats_, IndexMethod::kRegister) {
    Begin(*request);
  }

  void OnCancel() override {
    MutexLock lock(&mutex_);
    if (dial_back_ != nullptr) dial_back_->Cancel();
  }
  void OnDone() override { delete this; }

 private:
  void Begin(const v1::RegisterRequest& request) {
    if (absl::Status s = Check(request); !s.ok()) return End(s);
    service_->sessions_->BeginRegistration([this](const absl::StatusOr<uint64_t>& order) {
      const absl::Status queued = order.ok() ? Queue(*order) : order.status();
      if (!queued.ok()) End(queued);
    });
  }

  absl::Status Check(const v1::RegisterRequest& request) {
    const Caller caller = ParseCaller(context_->peer());
    absl::StatusOr<PeerInfo> peer = ParsePeer(request, caller);
    if (!peer.ok()) return peer.status();
    if (service_->options_.gate != nullptr) {
      if (absl::Status s = CheckMember(peer->key); !s.ok()) return s;
    }
    // On this machine, each address is a network.
    place_.network = caller.loopback ? caller.host : NetworkOfCaller(context_->peer());
    if (absl::Status s = ParseWay(request, *peer); !s.ok()) return s;
    place_.address = by_relay_ ? PeerAuthority(peer->key) : peer->address;
    if (absl::Status s = service_->failed_dials_.Check(place_, Now()); !s.ok()) return s;
    // Before the registration begins, because with replicas that is a write.
    if (absl::Status s = service_->register_line_.CheckRoom(place_); !s.ok()) return s;
    registration_.peer = *std::move(peer);
    if (request.advertised_address().empty() && !by_relay_) registration_.seen_at = caller.host;
    registration_.keep = request.keep_session();
    registration_id_ = request.registration_id();
    return absl::OkStatus();
  }

  absl::Status Queue(uint64_t order) {
    registration_.order = order;
    return service_->register_line_.RunInTurn(
        place_, [this] { service_->registering_.Add([this] { BeginTurn(); }); });
  }

  absl::Status ParseWay(const v1::RegisterRequest& request, PeerInfo& peer) {
    takes_calls_ = request.takes_calls();
    by_relay_ = request.by_relay();
    only_if_reachable_ = request.only_if_reachable();
    if (!by_relay_) return absl::OkStatus();
    if (!takes_calls_) {
      return MakeError(Reason::kInvalidField, "by_relay needs takes_calls");
    }
    // Other peers get the relay in place of an address.
    peer.address.clear();
    peer.loopback = false;
    return absl::OkStatus();
  }

  absl::Status CheckMember(const PublicKey& key) {
    const absl::StatusOr<Member> member = service_->options_.gate->Check(*context_, "Register");
    if (!member.ok()) return member.status();
    if (member->key != key) {
      return MakeError(Reason::kNotAMember,
                       "a member can register only its own key, which its connection has proven");
    }
    registration_.owned = true;
    lists_ = member->role == MemberRole::kFull;
    return absl::OkStatus();
  }

  absl::Time Now() const { return service_->options_.clock->Monotonic(); }

  void BeginTurn() {
    // The caller may not have waited for it.
    if (context_->IsCancelled()) return EndTurn(absl::CancelledError("the caller has gone"));
    if (!lists_) {
      answer_ = {false, false, "ROLE_FORBIDS",
                 "your role in this group lets you fetch copies, and lists no books: ask the owner "
                 "of the index for the role full to share your books",
                 ""};
      return Complete();
    }
    DialBack::Question question{registration_.peer.address, registration_.peer.key,
                                registration_id_, service_->options_.dial_back_timeout};
    if (by_relay_) {
      if (relay() == nullptr) return OnAnswer({false, false, "NO_RELAY", kNoRelay, ""});
      question.authority = CallAuthority(relay()->Expect(registration_id_));
    }
    Dial(std::move(question), &RegisterReactor::OnAnswer);
  }

  RelayServer* relay() const { return service_->options_.relay; }

  // Calls `next` with the answer, on the thread that registers.
  void Dial(DialBack::Question question, void (RegisterReactor::*next)(const DialBack::Answer&)) {
    const auto done = [this, next](DialBack::Judge judge) {
      service_->registering_.Add([this, next, judge = std::move(judge)] {
        {
          MutexLock lock(&mutex_);
          dial_back_ = nullptr;
        }
        (this->*next)(judge());
      });
    };
    MutexLock lock(&mutex_);
    dial_back_ = DialBack::Start(std::move(question), service_->options_.dial, done);
  }

  void OnAnswer(const DialBack::Answer& answer) {
    if (by_relay_ && relay() != nullptr) relay()->Unexpect(registration_id_);
    // In a crowd, this process may have been too slow, and not the peer.
    if (answer.timed_out) crowded_ = service_->register_line_.CheckNotCrowded(place_.network);
    if (!answer.proven && crowded_.ok()) service_->failed_dials_.Count(place_, Now());
    answer_ = answer;
    if (!answer.proven && only_if_reachable_ && crowded_.ok()) {
      return EndTurn(MakeError(Reason::kKeyInUse, answer.message));
    }
    if (answer.proven && !registration_.owned) {
      rival_ = service_->sessions_->FindRival(registration_.peer.key, registration_.peer.address);
    }
    if (!rival_.has_value()) return Complete();
    Dial({rival_->address, registration_.peer.key, "", service_->options_.dial_back_timeout / 2},
         &RegisterReactor::OnRivalAnswer);
  }

  // The same process may have two addresses: a laptop whose network changes.
  void OnRivalAnswer(const DialBack::Answer& rival) {
    if (rival.proven && rival.boot_id != answer_.boot_id) {
      LogInfo("key_in_use", {{"address", place_.address}, {"by", rival_->address}});
      return EndTurn(MakeError(
          Reason::kKeyInUse,
          absl::StrCat(
              "a peer with the same key runs ",
              rival_->address.empty() ? "behind the relay" : absl::StrCat("at ", rival_->address),
              ": run only one of them. If this folder is a copy of the other's, remove ",
              ".arkshare from the copy, which keeps its books, and start it again")));
    }
    registration_.absent = rival_->order;
    Complete();
  }

  void EndTurn(const absl::Status& status) {
    // The service may be gone once its last call has ended.
    service_->register_line_.EndTurn(place_);
    End(status);
  }

  // The reactor may be deleted at any time after this call.
  void End(const absl::Status& status) { Finish(ToGrpcStatus(timer_.End(status))); }

  void Complete() {
    // The caller would not learn of the session, which would block the peer's next attempt.
    if (context_->IsCancelled()) return EndTurn(absl::CancelledError("the caller has gone"));
    if (!crowded_.ok()) return EndTurn(crowded_);
    registration_.proven = answer_.proven;
    // A session that has not proven the key is not called.
    if (answer_.proven && takes_calls_ && relay() != nullptr) {
      registration_.peer.relay_port = static_cast<uint32_t>(relay()->port());
    }
    key_ = registration_.peer.key;
    here_only_ =
        answer_.proven && registration_.peer.loopback && service_->options_.serves_other_machines;
    response_->set_address(registration_.peer.address);
    service_->sessions_->Register(std::move(registration_),
                                  [this](const absl::StatusOr<Sessions::Registered>& registered) {
                                    if (!registered.ok()) return EndTurn(registered.status());
                                    CheckRole(*registered);
                                  });
  }

  // The key may have been removed, or its role changed, while the peer was dialled.
  void CheckRole(const Sessions::Registered& registered) {
    if (service_->options_.gate == nullptr) return Answer(registered);
    const absl::StatusOr<Member> member = service_->options_.group->FindMember(key_);
    if (member.ok() && (!answer_.proven || member->role == MemberRole::kFull)) {
      return Answer(registered);
    }
    const absl::Status why =
        member.ok() ? MakeError(Reason::kRoleForbids, "your role has changed: try again")
                    : member.status();
    service_->sessions_->Unregister(registered.token,
                                    [this, why](const absl::Status&) { EndTurn(why); });
  }

  void Answer(const Sessions::Registered& registered) {
    LogInfo("registered", {{"peer", registered.peer_id},
                           {"address", response_->address()},
                           {"reachable", answer_.proven},
                           {"relayed", by_relay_}});
    response_->set_peer_id(registered.peer_id);
    response_->set_session_token(registered.token);
    const absl::Duration lease = service_->sessions_->lease();
    response_->mutable_lease()->set_seconds(absl::ToInt64Seconds(lease));
    response_->mutable_lease()->set_nanos(
        static_cast<int32_t>(absl::ToInt64Nanoseconds(lease % absl::Seconds(1))));
    response_->mutable_reachability()->set_reachable(answer_.proven);
    if (answer_.proven) {
      response_->mutable_reachability()->set_way(by_relay_ ? v1::WAY_RELAYED : v1::WAY_DIRECT);
    }
    if (relay() != nullptr) response_->set_relay_port(static_cast<uint32_t>(relay()->port()));
    response_->mutable_reachability()->set_reason(here_only_ ? "LOOPBACK_ONLY" : answer_.reason);
    response_->mutable_reachability()->set_message(here_only_ ? kLoopbackOnly : answer_.message);
    response_->set_max_books(
        std::min(service_->options_.max_books, service_->catalog_->RoomInBooks()));
    response_->set_boot_id(service_->sessions_->boot_id());
    response_->set_replicated(service_->sessions_->replicated());
    response_->set_largest_listing_number(registered.largest_listing);
    EndTurn(absl::OkStatus());
  }

  IndexService* const service_;
  grpc::CallbackServerContext* const context_;
  v1::RegisterResponse* const response_;
  const CallTimer timer_;
  RegisterLine::Place place_;
  std::string registration_id_;
  bool lists_ = true;  // the role of the caller allows it to list books
  bool takes_calls_ = false;
  bool by_relay_ = false;
  bool only_if_reachable_ = false;
  Sessions::Registration registration_;
  DialBack::Answer answer_;  // of the peer that registers
  PublicKey key_;            // the rest is for the answer, once registration_ was used
  bool here_only_ = false;   // other machines cannot reach the peer
  absl::Status crowded_;     // why its silence proves nothing; OK when it does
  std::optional<ReachedPeer> rival_;
  Mutex mutex_;
  std::shared_ptr<DialBack> dial_back_ ABSL_GUARDED_BY(mutex_);
};

grpc::ServerUnaryReactor* IndexService::Register(grpc::CallbackServerContext* context,
                                                 const v1::RegisterRequest* request,
                                                 v1::RegisterResponse* response) {
  return new RegisterReactor(this, context, request, response);
}

}  // namespace arkshare
