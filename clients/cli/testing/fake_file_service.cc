#include "clients/cli/testing/fake_file_service.h"

#include "lib/core/ticket.h"
#include "lib/rpc/status.h"

namespace arkshare {

int FakeFileService::pings() const {
  MutexLock lock(&mutex_);
  return pings_;
}

grpc::Status FakeFileService::Ping(grpc::ServerContext*, const v1::PingRequest* request,
                                   v1::PingResponse* response) {
  MutexLock lock(&mutex_);
  ++pings_;
  response->set_nonce(request->nonce());
  response->set_boot_id(std::string(16, 'b'));
  response->set_public_key(key_.public_key().bytes());
  response->set_signature((lies_ ? other_key_ : key_)
                              .Sign(PingSignedBytes(request->nonce(), response->boot_id(),
                                                    request->registration_id())));
  return grpc::Status::OK;
}

}  // namespace arkshare
