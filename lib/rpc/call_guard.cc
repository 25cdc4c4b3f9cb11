#include "lib/rpc/call_guard.h"

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <grpcpp/server_context.h>

#include <optional>
#include <utility>

namespace arkshare {
namespace {

using grpc::experimental::InterceptionHookPoints;

constexpr absl::Duration kAnswerLimit = absl::Seconds(30);

}  // namespace

// Destroyed when gRPC forgets the call.
class CallGuard::Call final : public grpc::experimental::Interceptor {
 public:
  Call(CallGuard* guard, grpc::experimental::ServerRpcInfo* call) : guard_(guard), call_(call) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA) &&
        call_->method() != guard_->uncounted_method_) {
      absl::StatusOr<CallerShares::Share> share =
          guard_->shares_.Take(NetworkOfCaller(call_->server_context()->peer()));
      if (share.ok()) {
        share_ = *std::move(share);
      } else {
        call_->server_context()->TryCancel();
      }
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      end_.emplace(&guard_->watchdog_, kAnswerLimit,
                   [this] { call_->server_context()->TryCancel(); });
    }
    methods->Proceed();
  }

 private:
  CallGuard* const guard_;
  grpc::experimental::ServerRpcInfo* const call_;
  CallerShares::Share share_;
  std::optional<IdleWatchdog::Watch> end_;
};

CallGuard::CallGuard(const CallBounds& bounds, const Clock* clock)
    : uncounted_method_(bounds.uncounted_method),
      shares_({.what = "calls",
               .most_of_network = bounds.most_of_network,
               .most_in_all = bounds.most_in_all,
               .retry_after = std::nullopt}),
      watchdog_(clock) {}

grpc::experimental::Interceptor* CallGuard::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo* call) {
  return new Call(this, call);
}

}  // namespace arkshare
