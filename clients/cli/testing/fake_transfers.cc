#include "clients/cli/testing/fake_transfers.h"

#include <utility>

#include "lib/rpc/status.h"

namespace arkshare {

void FakeTransfers::AddTransfer(v1::Transfer transfer) {
  MutexLock lock(&mutex_);
  transfers_.push_back(std::move(transfer));
}

void FakeTransfers::SetKeepAnswer(absl::StatusOr<v1::KeepTransferResponse> answer) {
  MutexLock lock(&mutex_);
  keep_answer_ = std::move(answer);
}

void FakeTransfers::RefuseToEnd(const std::string& transfer_id, absl::Status status) {
  MutexLock lock(&mutex_);
  refused_to_end_[transfer_id] = std::move(status);
}

void FakeTransfers::RefuseToPlace(absl::Status status) {
  MutexLock lock(&mutex_);
  place_answer_ = std::move(status);
}

std::vector<std::string> FakeTransfers::kept() const {
  MutexLock lock(&mutex_);
  return kept_;
}

std::vector<std::string> FakeTransfers::ended() const {
  MutexLock lock(&mutex_);
  return ended_;
}

grpc::Status FakeTransfers::ListTransfers(const v1::ListTransfersRequest&,
                                          v1::ListTransfersResponse* response) {
  MutexLock lock(&mutex_);
  for (const v1::Transfer& transfer : transfers_) *response->add_transfers() = transfer;
  return grpc::Status::OK;
}

grpc::Status FakeTransfers::KeepTransfer(const v1::KeepTransferRequest& request,
                                         v1::KeepTransferResponse* response) {
  MutexLock lock(&mutex_);
  kept_.push_back(request.transfer_id());
  if (!keep_answer_.ok()) return ToGrpcStatus(keep_answer_.status());
  *response = *keep_answer_;
  return grpc::Status::OK;
}

grpc::Status FakeTransfers::PlaceTransfer(const v1::PlaceTransferRequest& request,
                                          v1::PlaceTransferResponse* response) {
  MutexLock lock(&mutex_);
  if (!place_answer_.ok()) return ToGrpcStatus(place_answer_);
  for (v1::Transfer& transfer : transfers_) {
    if (transfer.transfer_id() != request.transfer_id()) continue;
    transfer.set_name(request.name());
    transfer.clear_waits_for_place();
    *response->mutable_transfer() = transfer;
  }
  return grpc::Status::OK;
}

template <typename Request, typename Response>
grpc::Status FakeTransfers::EndTransfers(const Request& request, Response* response) {
  MutexLock lock(&mutex_);
  for (const std::string& id : request.transfer_ids()) {
    typename Response::Result* result = response->add_results();
    result->set_transfer_id(id);
    if (const auto refused = refused_to_end_.find(id); refused != refused_to_end_.end()) {
      *result->mutable_error() = ToItemError(refused->second);
      continue;
    }
    ended_.push_back(id);
    std::erase_if(transfers_, [&](const auto& transfer) { return transfer.transfer_id() == id; });
  }
  return grpc::Status::OK;
}

grpc::Status FakeTransfers::CancelTransfers(const v1::CancelTransfersRequest& request,
                                            v1::CancelTransfersResponse* response) {
  return EndTransfers(request, response);
}

grpc::Status FakeTransfers::ForgetTransfers(const v1::ForgetTransfersRequest& request,
                                            v1::ForgetTransfersResponse* response) {
  return EndTransfers(request, response);
}

grpc::Status FakeTransfers::RetryTransfers(const v1::RetryTransfersRequest& request,
                                           v1::RetryTransfersResponse* response) {
  return EndTransfers(request, response);
}

}  // namespace arkshare
