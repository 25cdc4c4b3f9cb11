// IndexService.UpdateOwner: checks tickets, then records the moves in one step.
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <grpcpp/support/server_callback.h>

#include <optional>
#include <string>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/core/limits.h"
#include "lib/rpc/caller_shares.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/status.h"
#include "services/index/service/caller.h"
#include "services/index/service/index_service.h"
#include "services/index/service/ticket_check.h"

namespace arkshare {
namespace {

absl::StatusOr<v1::UpdateOwnerRequest> ParseUpdates(grpc::ByteBuffer bytes) {
  grpc::Slice slice;
  v1::UpdateOwnerRequest request;
  if ((!bytes.TrySingleSlice(&slice).ok() && !bytes.DumpToSingleSlice(&slice).ok()) ||
      !request.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) {
    return MakeError(Reason::kInvalidField, "the request is incomplete; send it again");
  }
  if (absl::Status s = CheckItemCount(request.items_size()); !s.ok()) return s;
  return request;
}

}  // namespace

// Only the constructor runs on a thread of gRPC. The rest runs on the thread that checks
// the tickets of all calls in turns.
class IndexService::UpdateOwnerReactor : public grpc::ServerUnaryReactor {
 public:
  UpdateOwnerReactor(IndexService* service, grpc::CallbackServerContext* context,
                     const grpc::ByteBuffer* request, grpc::ByteBuffer* response)
      : service_(service),
        context_(context),
        bytes_(*request),
        response_(response),
        timer_(&service->stats_, IndexMethod::kUpdateOwner) {
    ARKSHARE_FAILPOINT("index.update_received");
    Begin();
  }

  void OnDone() override { delete this; }

 private:
  void Begin() {
    if (absl::Status s = service_->CheckCaller(*context_, IndexMethod::kUpdateOwner); !s.ok()) {
      return End(s);
    }
    absl::StatusOr<std::string> token = BearerToken(*context_);
    if (!token.ok()) return End(token.status());
    token_ = *std::move(token);
    service_->CheckOwner(token_, CallerKey(*context_), [this](const absl::Status& owns) {
      if (!owns.ok()) return End(owns);
      service_->sessions_->KeyOf(token_, [this](const absl::StatusOr<PublicKey>& receiver) {
        const absl::Status queued = receiver.ok() ? Queue(*receiver) : receiver.status();
        if (!queued.ok()) End(queued);
      });
    });
  }

  absl::Status Queue(const PublicKey& receiver) {
    receiver_ = receiver;
    const absl::Time now = service_->options_.clock->Monotonic();
    if (absl::Status s = service_->forged_tickets_.Check(receiver_, now); !s.ok()) return s;
    const CallQueue::Caller caller{NetworkOfCaller(context_->peer()), receiver_.bytes()};
    return service_->updating_.Add(caller, bytes_.Length(), [this] { return Work(); });
  }

  // Returns whether there is more to do.
  bool Work() {
    if (context_->IsCancelled()) {
      End(absl::CancelledError("the caller has gone"));
      return false;
    }
    if (!check_.has_value()) {
      absl::StatusOr<v1::UpdateOwnerRequest> request = ParseUpdates(std::move(bytes_));
      if (!request.ok()) {
        End(request.status());
        return false;
      }
      request_ = *std::move(request);
      check_.emplace(&request_, receiver_);
    }
    if (check_->CheckSome()) return true;
    const absl::Time now = service_->options_.clock->Monotonic();
    service_->forged_tickets_.Count(receiver_, check_->forged(), now);
    service_->sessions_->UpdateOwner(
        token_, check_->changes(),
        [this](const absl::StatusOr<Sessions::Recorded>& recorded) { Recorded(recorded); });
    return false;
  }

  void Recorded(const absl::StatusOr<Sessions::Recorded>& recorded) {
    ARKSHARE_FAILPOINT("index.update_applied");
    if (recorded.ok()) {
      v1::UpdateOwnerResponse answer = check_->Answer(recorded->statuses);
      answer.set_revision(recorded->revision);
      const grpc::Slice slice(answer.SerializeAsString());
      *response_ = grpc::ByteBuffer(&slice, 1);
    }
    End(recorded.status());
  }

  // The reactor may be deleted at any time after this call.
  void End(const absl::Status& status) { Finish(ToGrpcStatus(timer_.End(status))); }

  IndexService* const service_;
  grpc::CallbackServerContext* const context_;
  grpc::ByteBuffer bytes_;
  grpc::ByteBuffer* const response_;
  const CallTimer timer_;
  std::string token_;
  PublicKey receiver_;
  v1::UpdateOwnerRequest request_;
  std::optional<TicketCheck> check_;
};

grpc::ServerUnaryReactor* IndexService::UpdateOwner(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* response) {
  return new UpdateOwnerReactor(this, context, request, response);
}

}  // namespace arkshare
