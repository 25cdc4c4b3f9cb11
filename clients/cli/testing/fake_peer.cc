#include "clients/cli/testing/fake_peer.h"

#include <utility>

#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {

FakePeer::FakePeer()
    : export_(MakeError(Reason::kGroupUnknown, "this peer is in no group; start it with --join")) {
  status_.set_peer_id(5);
  status_.set_online(true);
  status_.set_policy(v1::SHARE_POLICY_MOVE);
  status_.set_share_folder("/books");
  status_.set_address("127.0.0.1:41935");
}

void FakePeer::SetStatus(v1::GetStatusResponse status, std::vector<v1::GetStatusResponse> first) {
  MutexLock lock(&mutex_);
  status_ = std::move(status);
  first_statuses_ = std::move(first);
}

v1::GetStatusResponse FakePeer::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

void FakePeer::SetShutdownStatus(grpc::Status status) {
  MutexLock lock(&mutex_);
  shutdown_status_ = std::move(status);
}

void FakePeer::SetExport(absl::StatusOr<v1::ExportTlsResponse> answer) {
  MutexLock lock(&mutex_);
  export_ = std::move(answer);
}

std::vector<v1::SetLimitsRequest> FakePeer::limit_changes() const {
  MutexLock lock(&mutex_);
  return limit_changes_;
}

int FakePeer::shutdowns() const {
  MutexLock lock(&mutex_);
  return shutdowns_;
}

grpc::Status FakePeer::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                                 v1::GetStatusResponse* response) {
  library_.NoteStatusCall();
  MutexLock lock(&mutex_);
  if (first_statuses_.empty()) {
    *response = status_;
  } else {
    *response = first_statuses_.front();
    first_statuses_.erase(first_statuses_.begin());
  }
  return grpc::Status::OK;
}

grpc::Status FakePeer::SetLimits(grpc::ServerContext*, const v1::SetLimitsRequest* request,
                                 v1::SetLimitsResponse* response) {
  MutexLock lock(&mutex_);
  limit_changes_.push_back(*request);
  if (request->has_upload_limit()) status_.set_upload_limit(request->upload_limit());
  if (request->has_download_limit()) status_.set_download_limit(request->download_limit());
  response->set_upload_limit(status_.upload_limit());
  response->set_download_limit(status_.download_limit());
  return grpc::Status::OK;
}

grpc::Status FakePeer::ExportTls(grpc::ServerContext*, const v1::ExportTlsRequest*,
                                 v1::ExportTlsResponse* response) {
  MutexLock lock(&mutex_);
  if (export_.ok()) *response = *export_;
  return ToGrpcStatus(export_.status());
}

grpc::Status FakePeer::Shutdown(grpc::ServerContext*, const v1::ShutdownRequest*,
                                v1::ShutdownResponse*) {
  MutexLock lock(&mutex_);
  ++shutdowns_;
  return shutdown_status_;
}

}  // namespace arkshare
