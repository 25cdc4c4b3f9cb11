#include "bench/load_asker.h"

#include <absl/time/time.h>
#include <grpcpp/client_context.h>

#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"

namespace arkshare {
namespace {

constexpr absl::Duration kAnswerTimeout = absl::Seconds(5);

}  // namespace

Asker::Asker(const std::string& index)
    : stub_(v1::IndexService::NewStub(MakeChannel(index, grpc::InsecureChannelCredentials()))) {}

int Asker::Holders(const ContentId& content) {
  grpc::ClientContext context;
  SetTimeout(context, kAnswerTimeout);
  v1::SearchRequest request;
  *request.mutable_content() = ToProto(content);
  v1::SearchResponse response;
  if (!stub_->Search(&context, request, &response).ok()) return -1;
  int holders = 0;
  for (const auto& result : response.results()) holders += result.holders_size();
  return holders;
}

std::pair<size_t, uint64_t> Asker::Listed() {
  std::pair<size_t, uint64_t> listed;
  v1::ListPeersRequest request;
  request.set_page_size(1'000);
  do {
    grpc::ClientContext context;
    SetTimeout(context, kAnswerTimeout);
    v1::ListPeersResponse response;
    if (!stub_->ListPeers(&context, request, &response).ok()) return {};
    for (const v1::Peer& peer : response.peers()) {
      if (!peer.listed()) continue;
      ++listed.first;
      listed.second += peer.book_count();
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return listed;
}

}  // namespace arkshare
