#include "clients/cli/testing/fake_fetches.h"

#include <utility>

#include "clients/cli/testing/sample_answers.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

v1::Transfer BegunTransfer(const v1::FetchRequest& request) {
  v1::Transfer transfer;
  transfer.set_name(request.save_as().empty() ? request.name() : request.save_as());
  *transfer.mutable_content() = request.has_content() ? request.content() : MakeContent(0xab, 1000);
  transfer.set_from_peer_id(request.from_peer_id() == 0 ? 1 : request.from_peer_id());
  transfer.set_moving(!request.copy_only());
  transfer.set_state(v1::TRANSFER_STATE_FETCHING);
  return transfer;
}

}  // namespace

void FakeFetches::SetFetchScript(FetchScript script) {
  MutexLock lock(&mutex_);
  fetch_script_ = std::move(script);
}

void FakeFetches::RefuseOfMany(const std::string& name, absl::Status status) {
  MutexLock lock(&mutex_);
  refused_of_many_[name] = std::move(status);
}

void FakeFetches::SetFetchManyScript(FetchManyScript script) {
  MutexLock lock(&mutex_);
  fetch_many_script_ = std::move(script);
}

std::vector<v1::FetchRequest> FakeFetches::all() const {
  MutexLock lock(&mutex_);
  return fetches_;
}

std::vector<int> FakeFetches::many_sizes() const {
  MutexLock lock(&mutex_);
  return many_sizes_;
}

grpc::Status FakeFetches::Fetch(grpc::ServerContext* context, const v1::FetchRequest* request,
                                grpc::ServerWriter<v1::FetchResponse>* writer) {
  FetchScript script;
  {
    MutexLock lock(&mutex_);
    fetches_.push_back(*request);
    script = fetch_script_;
  }
  if (script) return script(*request, context, writer);
  v1::FetchResponse response;
  v1::Transfer& transfer = *response.mutable_transfer();
  transfer = BegunTransfer(*request);
  writer->Write(response);
  transfer.set_state(v1::TRANSFER_STATE_DONE);
  transfer.set_bytes_done(transfer.content().size_bytes());
  library_->AddBook(transfer.name(), transfer.content());
  writer->Write(response);
  return grpc::Status::OK;
}

grpc::Status FakeFetches::FetchMany(grpc::ServerContext* context,
                                    const v1::FetchManyRequest* request,
                                    grpc::ServerWriter<v1::FetchManyResponse>* writer) {
  FetchManyScript script;
  {
    MutexLock lock(&mutex_);
    many_sizes_.push_back(request->wishes_size());
    fetches_.insert(fetches_.end(), request->wishes().begin(), request->wishes().end());
    script = fetch_many_script_;
  }
  if (script) return script(*request, context, writer);
  v1::FetchManyResponse begun, ended;
  for (int i = 0; i < request->wishes_size(); ++i) {
    v1::FetchManyResponse::Update update;
    update.set_index(static_cast<uint32_t>(i));
    v1::Transfer& transfer = *update.mutable_transfer();
    transfer = BegunTransfer(request->wishes(i));
    MutexLock lock(&mutex_);
    const auto refused = refused_of_many_.find(request->wishes(i).name());
    if (refused == refused_of_many_.end()) {
      *begun.add_updates() = update;
      transfer.set_state(v1::TRANSFER_STATE_DONE);
      transfer.set_bytes_done(transfer.content().size_bytes());
      library_->AddBook(transfer.name(), transfer.content());
    } else {
      transfer.set_state(v1::TRANSFER_STATE_FAILED);
      *transfer.mutable_error() = ToItemError(refused->second);
    }
    *ended.add_updates() = update;
  }
  writer->Write(begun);
  writer->Write(ended);
  return grpc::Status::OK;
}

}  // namespace arkshare
