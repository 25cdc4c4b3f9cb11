#include "clients/cli/index_connection.h"

#include <utility>

#include "lib/rpc/status.h"

namespace arkshare {

IndexConnection::IndexConnection(const CallWatch* watch, PeerConnection* peer, GroupDialer* dialer,
                                 std::vector<std::string> targets)
    : watch_(watch), peer_(peer), dialer_(dialer), targets_(std::move(targets)) {}

absl::Status IndexConnection::Watch(v1::WatchRequest request,
                                    const std::function<bool(const v1::WatchResponse&)>& on_event) {
  for (size_t tried = 1;; ++tried) {
    absl::StatusOr<v1::IndexService::Stub*> stub = ConnectStub();
    if (!stub.ok()) return stub.status();
    grpc::ClientContext context;
    Interrupts::CallGuard guard(watch_->interrupts(), &context);
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
    if (!IsElsewhere(status)) return status;
    if (!TryNext(tried) || any) return status;
  }
}

absl::StatusOr<std::string> IndexConnection::Target() {
  if (!targets_.empty()) return targets_[position_];
  if (stub_ != nullptr) return target_;
  const absl::StatusOr<v1::GetStatusResponse> status =
      peer_->Call(&v1::PeerService::Stub::GetStatus, v1::GetStatusRequest());
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

absl::StatusOr<v1::IndexService::Stub*> IndexConnection::ConnectStub() {
  if (stub_ == nullptr) {
    absl::StatusOr<std::string> target = Target();
    if (!target.ok()) return target.status();
    if (absl::Status asked = dialer_->Ask(); !asked.ok()) return asked;
    target_ = *std::move(target);
    stub_ = v1::IndexService::NewStub(dialer_->dialer().Dial(target_, dialer_->IndexKey()));
  }
  return stub_.get();
}

bool IndexConnection::TryNext(size_t tried) {
  stub_ = nullptr;
  if (targets_.empty()) return false;
  position_ = (position_ + 1) % targets_.size();
  return tried < targets_.size();
}

absl::Status IndexConnection::FromIndex(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (watch_->interrupted()) return watch_->Interrupted();
  const std::string index = absl::StrCat("the index at ", target_);
  return dialer_->WithCause(FromGrpcStatus(status, index, Reason::kIndexUnreachable), index,
                            target_, dialer_->IndexKey());
}

absl::Status IndexConnection::Checked(const absl::Status& answer) const {
  if (answer.ok()) return answer;
  return MakeError(GetReason(answer),
                   absl::StrCat("the index at ", target_, ": ", answer.message()));
}

}  // namespace arkshare
